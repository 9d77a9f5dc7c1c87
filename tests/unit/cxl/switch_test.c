/* SPDX-License-Identifier: BSD-2-Clause */
/* Switches: what they show, what is refused, and decode through one, two and three levels against the independent
 * model. */
#include "fixture.h"
#include "decoder_model.c"
#include "pci/pci_spec.h"

#define Q (256 * MiB)

static struct cxl_switch *switch_of(struct machine *m, const char *id)
{
	return (struct cxl_switch *)fixture_find(m, id);
}

/* A tree below each of `bridges`: ways[0] root ports, each with a switch of ways[1] ports, each with a switch of
 * ways[2] ... */
struct tree {
	struct machine m;
	struct model model;
	unsigned bridges, levels, ways[4], devices, switches, granularity;
	bool by_xor;
	char names[1024]; /* of the devices, in interleave order */
};

static void add_below(struct tree *t, unsigned level, const char *bus)
{
	struct machine *m = &t->m;
	char id[128];

	for (unsigned p = 0; level < ARRAY_SIZE(t->ways) && p < t->ways[level]; p++) {
		snprintf(id, sizeof(id), "%.40sp%u", bus, p);
		fixture_add(m, level ? &cxl_downstream_class : &cxl_rp_class, "id=%s,bus=%s,port=%u", id, bus,
			    3 * p + level);
		if (level + 1 < t->levels) {
			char sw[64];

			snprintf(sw, sizeof(sw), "sw%u", t->switches++);
			fixture_add(m, &cxl_upstream_class, "id=%s,bus=%s", sw, id);
			add_below(t, level + 1, sw);
		} else {
			fixture_add(m, &memory_backend_ram_class, "id=v-%s,size=256M", id);
			fixture_add(m, &cxl_type3_class, "id=m-%s,bus=%s,volatile-memdev=v-%s", id, id, id);
			t->devices++;
		}
	}
}

/* The id of the device at interleave position i: target bits first at the root, then level by level. */
static void device_id(struct tree *t, unsigned i, char *id, size_t size)
{
	struct dev *bus;
	char name[128];

	snprintf(name, sizeof(name), "hb%u", i % t->bridges);
	i /= t->bridges % 3 ? t->bridges : t->bridges / 3;
	for (unsigned level = 0; level < t->levels; level++) {
		snprintf(id, size, "%.40sp%u", name, i % t->ways[level]);
		i /= t->ways[level];
		bus = fixture_find(&t->m, id);
		assert_non_null(bus);
		if (level + 1 < t->levels)
			snprintf(name, sizeof(name), "%s", dev_name(&cxl_port_switch((struct cxl_port *)bus)->pci.dev));
	}
	snprintf(name, sizeof(name), "m-%.60s", id);
	snprintf(id, size, "%s", name);
}

static struct tree *tree_make_by(unsigned bridges, unsigned levels, const unsigned *ways, unsigned granularity,
				 bool by_xor)
{
	struct tree *t = calloc(1, sizeof(*t));
	char text[256] = "", id[128];

	t->bridges = bridges;
	t->levels = levels;
	t->granularity = granularity;
	t->by_xor = by_xor;
	memcpy(t->ways, ways, levels * sizeof(*ways));
	fixture_open(&t->m);
	for (unsigned b = 0; b < bridges; b++) {
		char name[16];

		snprintf(name, sizeof(name), "hb%u", b);
		fixture_add(&t->m, &pxb_cxl_class, "id=%s,bus_nr=%u", name, 10 + 240 / bridges * b);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "targets.%u=%s,", b, name);
		add_below(t, 0, name);
	}
	snprintf(text + strlen(text), sizeof(text) - strlen(text),
		 "size=%lluM,interleave-granularity=%u,interleave-arithmetic=%s", t->devices * 256ull, granularity,
		 by_xor ? "xor" : "modulo");
	if (!fixture_option(&t->m, text, cxl_host_add_window_opts))
		fail_msg("%s: %s", text, t->m.err.text);
	for (unsigned i = 0; i < t->devices; i++) {
		device_id(t, i, id, sizeof(id));
		snprintf(t->names + strlen(t->names), sizeof(t->names) - strlen(t->names), "%s%s", i ? ":" : "", id);
	}
	return t;
}

static struct tree *tree_make(unsigned bridges, unsigned levels, const unsigned *ways, unsigned granularity)
{
	return tree_make_by(bridges, levels, ways, granularity, false);
}

static void tree_free(struct tree *t)
{
	fixture_close(&t->m);
	free(t);
}

static void take_model(struct tree *t)
{
	const struct cxl_window *w = cxl_host_window(t->m.cxl, 0);

	memset(&t->model, 0, sizeof(t->model));
	t->model.window[0].base = w->base;
	t->model.window[0].size = w->size;
	t->model.window[0].granularity = w->granularity;
	t->model.window[0].ways = w->target_count;
	t->model.window[0].by_xor = t->by_xor;
	memcpy(t->model.window[0].maps, w->xor_maps, sizeof(w->xor_maps));
	for (unsigned k = 0; k < w->target_count; k++)
		t->model.window[0].bridge[k] = &w->targets[k]->fork.comp;
	t->model.window_count = 1;
	for (struct cxl_port *port = t->m.cxl->ports; port; port = port->next)
		t->model.port[t->model.port_count++] = (struct model_port){
			&port->above->comp, pci_config_read(&port->pci, port->pci.cap_pcie + 0x0c, 4) >> 24,
			cxl_port_device(port), cxl_port_switch(port) ? &cxl_port_switch(port)->fork.comp : NULL};
}

static void compare(struct tree *t, u64 *random, unsigned count)
{
	const struct cxl_window *w = cxl_host_window(t->m.cxl, 0);

	for (unsigned n = 0; n < count; n++) {
		u64 hpa = w->base + align_down(check_random(random) % w->size, 64 * MiB) +
			  (check_random(random) % (512 * KiB) & ~7ull);
		u64 dpa = 0, token = check_random(random), got = 0, size = 8;
		struct cxl_type3 *device = NULL;
		u8 *media;

		if (!model_decode(&t->model, hpa, &device, &dpa)) {
			assert_int_equal(space_read(t->m.space, hpa, 8, &got), MEM_OK);
			assert_true(got == ~0ull);
			continue;
		}
		assert_int_equal(space_write(t->m.space, hpa, 8, token), MEM_OK);
		media = cxl_media_at(t->m.cxl, device, dpa, &size);
		assert_non_null(media);
		memcpy(&got, media, 8);
		if (got != token)
			fail_msg("0x%llx does not reach %s 0x%llx", (unsigned long long)hpa, device->name,
				 (unsigned long long)dpa);
	}
}

/* Every shape of up to 8 devices, each granularity, as a boot region: accepted just where the rules allow, and then
 * right. */
static void boot_regions_through_switches_follow_the_model(void **state)
{
	static const unsigned shapes[][5] = {
		/* bridges, then ways per level */
		{1, 1, 1},    {1, 1, 2},       {1, 1, 4},       {1, 2, 2},       {2, 1, 2},    {2, 1, 4},
		{2, 2, 2},    {1, 1, 8},       {1, 4, 2},       {1, 1, 1, 2},    {1, 1, 2, 2}, {1, 2, 2, 2},
		{2, 1, 2, 2}, {1, 1, 1, 1, 2}, {1, 1, 2, 2, 2}, {1, 2, 1, 2, 2},
	};
	u64 random = 77;

	for (unsigned s = 0; s < ARRAY_SIZE(shapes); s++)
		for (unsigned granularity = 256; granularity <= 16384; granularity *= 4) {
			unsigned levels = 0, devices = shapes[s][0], at_level = granularity * shapes[s][0];
			bool legal = true;
			char text[1200];
			struct tree *t;

			while (levels < 4 && shapes[s][1 + levels]) {
				legal &= at_level <= 16384;
				devices *= shapes[s][1 + levels];
				at_level *= shapes[s][1 + levels++];
			}
			legal &= devices == 1 || devices * granularity <= 32768;
			if (shapes[s][0] * granularity > 32768)
				continue; /* no such window */
			t = tree_make(shapes[s][0], levels, shapes[s] + 1, granularity);
			snprintf(text, sizeof(text), "devices=%s", t->names);
			assert_true(fixture_option(&t->m, text, cxl_host_add_region));
			if (fixture_settle(&t->m) != legal)
				fail_msg("shape %u, %u: %s", s, granularity, legal ? t->m.err.text : "is not refused");
			if (legal) {
				struct cxl_performance p = cxl_host_region_performance(t->m.cxl, 0);

				fixture_reset(&t->m, RESET_COLD);
				take_model(t);
				assert_int_equal(cxl_map_kind(t->m.cxl, WINDOWS_BASE),
						 devices == 1 ? MAP_DIRECT : MAP_BUFFER);
				compare(t, &random, 60);
				fixture_reset(&t->m, RESET_WARM);
				compare(t, &random, 10);
				assert_int_equal(p.read_latency_ps, 50000 + 150000 + (levels - 1) * 150000);
			} else {
				check_says(&t->m.err, "interleave-granularity=");
			}
			tree_free(t);
		}
}

/* Windows of 3, 6 and 12 bridges and XOR arithmetic, also over bridges of several ports: buffers in HPA order, right
 * before and after they go home, with holes where they belong. */
static void odd_and_xor_windows_follow_the_model(void **state)
{
	static const unsigned shapes[][3] = {{3, 1, 1}, {3, 1, 2}, {3, 1, 4}, {6, 1, 1}, {6, 1, 2}, {12, 1, 1},
					     {2, 1, 1}, {2, 1, 4}, {4, 1, 2}, {8, 1, 1}, {2, 2, 2}, {3, 2, 2}};
	u64 random = 99;

	for (unsigned s = 0; s < ARRAY_SIZE(shapes); s++)
		for (unsigned by_xor = 0; by_xor < 2; by_xor++)
			for (unsigned granularity = 256; granularity <= 1024; granularity *= 4) {
				unsigned ways[2] = {shapes[s][1] == 2 ? 2 : shapes[s][2], shapes[s][2]};
				struct tree *t = tree_make_by(shapes[s][0], shapes[s][1] == 2 ? 2 : 1, ways,
							      granularity, by_xor);
				const struct cxl_window *w = cxl_host_window(t->m.cxl, 0);
				char text[1200];
				u64 hpa[24], got, dpa;
				struct cxl_type3 *device;

				snprintf(text, sizeof(text), "devices=%s", t->names);
				assert_true(fixture_option(&t->m, text, cxl_host_add_region));
				if (!fixture_settle(&t->m))
					fail_msg("shape %u, %u: %s", s, granularity, t->m.err.text);
				fixture_reset(&t->m, RESET_COLD);
				take_model(t);
				assert_int_equal(cxl_map_kind(t->m.cxl, w->base), MAP_BUFFER);
				compare(t, &random, 60);
				for (unsigned n = 0; n < ARRAY_SIZE(hpa); n++) {
					hpa[n] = w->base + (n % 12) * 5 * MiB / 4 + n * granularity +
						 w->size / 24 * n / 64 * 64;
					hpa[n] = align_down(MIN(hpa[n], w->base + w->size - 64), 64);
					assert_int_equal(space_write(t->m.space, hpa[n], 8, hpa[n] ^ 0x5555), MEM_OK);
				}
				fixture_reset(&t->m, RESET_WARM);
				for (unsigned n = 0; n < ARRAY_SIZE(hpa); n++) {
					assert_int_equal(space_read(t->m.space, hpa[n], 8, &got), MEM_OK);
					assert_int_equal(got, hpa[n] ^ 0x5555);
					assert_true(model_decode(&t->model, hpa[n], &device, &dpa));
					assert_true(poison_add(device, dpa, 64, POISON_INTERNAL));
					assert_int_equal(space_read(t->m.space, hpa[n], 8, &got), MEM_ABORT);
				}
				tree_free(t);
			}
}

/* Any decoders anywhere, also in the middle of the path. */
static void wild_switch_decoders_follow_the_model(void **state)
{
	static const unsigned ways[] = {2, 2, 2};
	u64 random = 4711;

	for (unsigned round = 0; round < 6; round++) {
		struct tree *t = tree_make(1 + round % 2, 3, ways, 256u << round % 3);

		assert_true(fixture_settle(&t->m));
		fixture_reset(&t->m, RESET_COLD);
		take_model(t);
		for (struct cxl_type3 *dev = t->m.cxl->devices; dev; dev = dev->next)
			enable_mem(dev, true);
		for (unsigned step = 0; step < 60; step++) {
			u64 r = check_random(&random);
			struct cxl_component *comp = &t->m.cxl->bridges[0]->fork.comp;
			struct cxl_switch *sw = t->m.cxl->switches;
			struct cxl_type3 *dev = t->m.cxl->devices;

			for (unsigned n = r % 16; n; n--)
				dev = dev->next ? dev->next : t->m.cxl->devices;
			for (unsigned n = (r >> 8) % 16; n; n--)
				sw = sw->next ? sw->next : t->m.cxl->switches;
			comp = r >> 62 == 0 ? comp : r >> 62 == 1 ? &sw->fork.comp : &dev->comp;
			component_set(comp, AT_HDM + HDM_CTRL, 0);
			program(comp, 0, WINDOWS_BASE + (r >> 20) % 3 * Q, (1 + (r >> 24) % 8) * Q, (r >> 32) % 4,
				(r >> 36) % 7,
				comp->kind == COMPONENT_DEVICE ? 0 : 0x0401030502010300 >> (r >> 40) % 3 * 8, 0);
			compare(t, &random, 8);
		}
		tree_free(t);
	}
}

static void wrong_switches_are_refused_by_name(void **state)
{
	static const struct {
		const struct dev_class *cls;
		const char *text, *says;
	} wrong[] = {
		{&cxl_upstream_class, "id=x", "bus=pcie.0 is no CXL port"},
		{&cxl_upstream_class, "id=x,bus=hb0", "bus=hb0 is no CXL port"},
		{&cxl_upstream_class, "id=x,bus=sw0", "bus=sw0 is no CXL port"},
		{&cxl_upstream_class, "id=x,bus=hb0p0", "already has 'sw0'"},
		{&cxl_upstream_class, "id=x,bus=low", "below 3 switches"},
		{&cxl_upstream_class, "id=x,bus=free,port=256", "port=256 is more than 255"},
		{&cxl_upstream_class, "id=x,bus=free,cdat=/nonexistent", "cdat=/nonexistent: "},
		{&cxl_downstream_class, "id=x,bus=hb0p0", "plug it with bus=ID of a cxl-upstream"},
		{&cxl_downstream_class, "id=x,bus=sw0,port=300", "port=300 is more than 255"},
		{&cxl_rp_class, "id=x,bus=sw0", "plug it with bus=ID of a pxb-cxl"},
		{&cxl_type3_class, "id=x,bus=sw0,volatile-memdev=v-sw2p0", "bus=sw0 is no CXL port"},
	};
	static const unsigned ways[] = {1, 1, 1, 1};

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		struct tree *t = tree_make(1, 4, ways, 256);

		fixture_add(&t->m, &cxl_rp_class, "id=free,bus=hb0,port=9");
		fixture_add(&t->m, &cxl_downstream_class, "id=low,bus=sw2,port=9");
		if (fixture_try(&t->m, wrong[n].cls, wrong[n].text))
			fail_msg("'%s' is not refused", wrong[n].text);
		check_says(&t->m.err, wrong[n].says);
		tree_free(t);
	}
}

static void uneven_regions_are_refused_by_name(void **state)
{
	static const unsigned ways[] = {2, 2};
	static const struct {
		const char *devices, *says;
	} wrong[] = {
		{"m-sw0p0:m-sw1p0:m-sw0p1", "name 1, 2, 4, 8 or 16"},
		{"m-sw0p0:m-sw0p1:m-sw1p0:m-sw1p1", "write devices=m-sw0p0:m-sw1p0:m-sw0p1:m-sw1p1"},
		{"m-sw0p0:m-sw1p0:m-sw0p1:m-direct", "3 ports of hb0 take part"},
		{"m-sw0p0:m-sw0p1:m-direct:m-other", "4 devices need"},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		struct tree *t = tree_make(1, 2, ways, 256);
		char text[256];

		fixture_add(&t->m, &cxl_rp_class, "id=rx,bus=hb0,port=9");
		fixture_add(&t->m, &memory_backend_ram_class, "id=vx,size=256M");
		fixture_add(&t->m, &cxl_type3_class, "id=m-direct,bus=rx,volatile-memdev=vx");
		fixture_add(&t->m, &pxb_cxl_class, "id=hb9,bus_nr=200");
		fixture_add(&t->m, &cxl_rp_class, "id=ry,bus=hb9,port=9");
		fixture_add(&t->m, &memory_backend_ram_class, "id=vy,size=256M");
		fixture_add(&t->m, &cxl_type3_class, "id=m-other,bus=ry,volatile-memdev=vy");
		snprintf(text, sizeof(text), "devices=%s", wrong[n].devices);
		assert_true(fixture_option(&t->m, text, cxl_host_add_region));
		if (fixture_settle(&t->m))
			fail_msg("'%s' is not refused", wrong[n].devices);
		if (n < 3)
			check_says(&t->m.err, wrong[n].says);
		tree_free(t);
	}
}

static void switches_show_their_capabilities(void **state)
{
	static const unsigned ways[] = {1, 4};
	struct tree *t = tree_make(1, 2, ways, 256);
	struct cxl_switch *sw = switch_of(&t->m, "sw0");
	struct pci_dev *port = &t->m.cxl->ports->next->pci;
	u32 request[3] = {CXL_VENDOR_ID | DOE_TYPE_CDAT << 16, 3, 0}, answer[64];
	u8 sum = 0;

	assert_true(fixture_settle(&t->m));
	fixture_reset(&t->m, RESET_COLD);
	assert_int_equal(pci_config_read(&sw->pci, 0, 4), 0xa12819e5);
	assert_int_equal(pci_config_read(&sw->pci, 0x90 + 2, 2) >> 4 & 15, PCIE_UPSTREAM);
	assert_int_equal(pci_config_read(&sw->pci, 0x154, 2), 0x23);
	assert_int_equal(pci_config_read(&sw->pci, 0x1c0, 2), 0x2e);
	assert_int_equal(pci_config_read(port, 0, 4), 0xa12919e5);
	assert_int_equal(pci_config_read(port, 0x90 + 2, 2) >> 4 & 15, PCIE_DOWNSTREAM);
	assert_int_equal(pci_config_read(port, 0x148, 2), 0x23);
	/* No clock power management, no completion boundary, nothing to wait for. [PCIe6 7.5.3.7, 7.5.3.15] */
	pci_config_write(&sw->pci, 0x90 + 0x10, 2, 0xffdf);
	assert_int_equal(pci_config_read(&sw->pci, 0x90 + 0x10, 2), 0x00c3);
	assert_int_equal(pci_config_read(&sw->pci, 0x90 + 0x24, 4), 0x00010000);
	pci_config_write(port, 0x90 + 0x10, 2, 0xffcf);
	assert_int_equal(pci_config_read(port, 0x90 + 0x10, 2), 0x3cc3); /* with Flit Mode */
	assert_int_equal(pci_config_read(port, 0x90 + 0x24, 4), 0x00110000);
	pci_config_write(port, 0x90 + 0x28, 2, 0xffff);
	assert_int_equal(pci_config_read(port, 0x90 + 0x28, 2), 0);
	/* Decoders as those of a bridge, RAS and Link; a downstream port has no decoders. */
	assert_int_equal(component_get(&sw->fork.comp, 0) >> 24, 4);
	assert_int_equal(component_get(&sw->fork.comp, 0x0c), CACHEMEM_CAP(CACHEMEM_HDM, 1, AT_HDM));
	assert_int_equal(component_get(&sw->fork.comp, AT_HDM), 0x382);
	assert_int_equal(component_get(&t->m.cxl->ports->next->comp, 0) >> 24, 3);
	/* CDAT: header and two SSLBIS of four entries. */
	assert_int_equal(cdat_serve(&sw->cdat, request, 3, answer, 64), 3 + 4);
	assert_int_equal(answer[2], 1 << 16);
	assert_int_equal(answer[3], 16 + 2 * 48);
	for (unsigned handle = 1; handle <= 2; handle++) {
		request[2] = handle << 16;
		assert_int_equal(cdat_serve(&sw->cdat, request, 3, answer, 64), 3 + 12);
		assert_int_equal(answer[2] >> 16, handle == 2 ? 0xffff : 2);
		assert_int_equal(answer[3], CDAT_SSLBIS | 48 << 16);
		assert_int_equal(answer[4] & 0xff, handle == 1 ? CDAT_ACCESS_LATENCY : CDAT_ACCESS_BANDWIDTH);
		for (unsigned p = 0; p < 4; p++) {
			assert_int_equal(answer[7 + 2 * p], CDAT_SSLBIS_UPSTREAM | (3 * p + 1) << 16);
			assert_true(answer[8 + 2 * p] > 0);
		}
	}
	request[2] = 3 << 16;
	assert_int_equal(cdat_serve(&sw->cdat, request, 3, answer, 64), 0);
	for (u32 i = 0; i < sw->cdat.size; i++)
		sum += sw->cdat.bytes[i];
	assert_int_equal(sum, 0);
	tree_free(t);
}

struct steps {
	unsigned count;
	const char *kinds[16];
};

static void note_hop(void *arg, const struct cxl_hop *hop)
{
	struct steps *steps = arg;

	if (steps->count < ARRAY_SIZE(steps->kinds))
		steps->kinds[steps->count++] = hop->kind;
}

/* The explanation goes through the switches and ends where the map does. */
static void addresses_are_explained_through_switches(void **state)
{
	static const unsigned ways[] = {1, 2, 2};
	static const char *const kinds[] = {"window", "bridge", "port", "switch", "port", "switch", "port", "device"};
	struct tree *t = tree_make(1, 3, ways, 256);
	struct cxl_type3 *device;
	char text[1200];

	snprintf(text, sizeof(text), "devices=%s", t->names);
	assert_true(fixture_option(&t->m, text, cxl_host_add_region));
	assert_true(fixture_settle(&t->m));
	fixture_reset(&t->m, RESET_COLD);
	take_model(t);
	for (u64 hpa = WINDOWS_BASE; hpa < WINDOWS_BASE + 8 * 256; hpa += 256) {
		struct steps steps = {0};
		u64 dpa = 0, right = 1;

		assert_true(cxl_explain(t->m.cxl, hpa, note_hop, &steps, &dpa));
		assert_true(model_decode(&t->model, hpa, &device, &right));
		assert_int_equal(dpa, right);
		assert_int_equal(steps.count, ARRAY_SIZE(kinds));
		for (unsigned n = 0; n < steps.count; n++)
			assert_string_equal(steps.kinds[n], kinds[n]);
	}
	tree_free(t);
}

/* A hot reset at the root port takes the decoders below it with it, through the switch. */
static void hot_reset_goes_through_switches(void **state)
{
	static const unsigned ways[] = {1, 2};
	struct tree *t = tree_make(1, 2, ways, 256);
	struct cxl_port *rp = t->m.cxl->ports;
	char text[1200];

	snprintf(text, sizeof(text), "devices=%s", t->names);
	assert_true(fixture_option(&t->m, text, cxl_host_add_region));
	assert_true(fixture_settle(&t->m));
	fixture_reset(&t->m, RESET_COLD);
	assert_int_equal(cxl_map_kind(t->m.cxl, WINDOWS_BASE), MAP_BUFFER);
	pci_config_write(&rp->pci, 0x3e, 2, 0x40); /* has no effect until it is unmasked [CXL3.1 8.1.5.2] */
	assert_int_equal(cxl_map_kind(t->m.cxl, WINDOWS_BASE), MAP_BUFFER);
	assert_true(pci_link_is_up(&rp->pci));
	pci_config_write(&rp->pci, rp->pci.cap_pcie + 0x10, 2, 0x10);
	assert_true(pci_link_is_up(&rp->pci));
	pci_config_write(&rp->pci, 0x3e, 2, 0);
	pci_config_write(&rp->pci, rp->dvsec + DVSEC_PORT_CTRL, 2, DVSEC_PORT_UNMASK_DISABLE);
	assert_false(pci_link_is_up(&rp->pci)); /* what was asked for before */
	pci_config_write(&rp->pci, rp->pci.cap_pcie + 0x10, 2, 0);
	assert_true(pci_link_is_up(&rp->pci));
	pci_config_write(&rp->pci, rp->dvsec + DVSEC_PORT_CTRL, 2, DVSEC_PORT_UNMASK_RESET);
	pci_config_write(&rp->pci, 0x3e, 2, 0x40);
	assert_false(pci_link_is_up(&rp->pci));
	pci_config_write(&rp->pci, 0x3e, 2, 0);
	assert_false(switch_of(&t->m, "sw0")->fork.comp.decoders[0].committed);
	assert_int_equal(cxl_map_kind(t->m.cxl, WINDOWS_BASE), MAP_NOTHING);
	tree_free(t);
}

/* What Device Status has got since the last time. */
static u64 new_errors(struct pci_dev *pci)
{
	u64 errors = pci_config_read(pci, pci->cap_pcie + EXP_DEVSTA, 2);

	pci_config_write(pci, pci->cap_pcie + EXP_DEVSTA, 2, errors);
	return errors;
}

#define UNSUPPORTED (EXP_DEVSTA_CORRECTABLE | EXP_DEVSTA_UNSUPPORTED)

/* A request that nobody claims is answered where it ends: by a switch's upstream port, by a downstream port, by all
 * functions of what is below. [PCIe5 2.3.1, 2.9.1, 6.2.4, 7.3.1] */
static void requests_end_where_nobody_leads_on(void **state)
{
	struct machine m;
	struct pci_dev *rp, *us, *cci, *ds, *empty, *mem;
	u64 ecam = 0x4010000000, value;

	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &cxl_upstream_class, "id=us0,bus=rp0,addr=0.0,multifunction=on");
	fixture_add(&m, &cxl_switch_cci_class, "id=cci,bus=rp0,addr=0.1,target=us0");
	fixture_add(&m, &cxl_downstream_class, "id=ds0,bus=us0");
	fixture_add(&m, &cxl_downstream_class, "id=ds1,bus=us0");
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &cxl_type3_class, "id=mem0,bus=ds0,volatile-memdev=v");
	fixture_power_on(&m);
	rp = (struct pci_dev *)fixture_find(&m, "rp0");
	us = (struct pci_dev *)fixture_find(&m, "us0");
	cci = (struct pci_dev *)fixture_find(&m, "cci");
	ds = (struct pci_dev *)fixture_find(&m, "ds0");
	empty = (struct pci_dev *)fixture_find(&m, "ds1");
	mem = &fixture_type3(&m, "mem0")->pci;
	pci_config_write(rp, PCI_PRIMARY_BUS, 4, 0x00140d0c); /* 13 to 20 */
	pci_config_write(us, PCI_PRIMARY_BUS, 4, 0x00120e0d); /* 14 to 18 */
	pci_config_write(ds, PCI_PRIMARY_BUS, 4, 0x00100f0e); /* 15 to 16 */
	pci_config_write(empty, PCI_PRIMARY_BUS, 4, 0x0011110e);
#define CONFIG(bus, slot, fn) space_read(m.space, ecam + ((bus) << 20) + ((slot) << 15) + ((fn) << 12), 4, &value)
	assert_int_equal(CONFIG(15, 0, 0), MEM_OK);
	assert_int_equal(value, 0x0d938086);
	assert_int_equal(new_errors(us) | new_errors(cci) | new_errors(ds) | new_errors(empty) | new_errors(mem), 0);
	CONFIG(15, 0, 3); /* a function that is not there */
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(new_errors(mem), UNSUPPORTED);
	CONFIG(16, 0, 0); /* behind what is no bridge */
	assert_int_equal(new_errors(mem), UNSUPPORTED);
	CONFIG(15, 2, 0); /* no device number below a port */
	assert_int_equal(new_errors(ds), UNSUPPORTED);
	CONFIG(17, 0, 0); /* nothing is plugged in */
	assert_int_equal(new_errors(empty), UNSUPPORTED);
	CONFIG(14, 9, 0); /* no such port in the switch */
	assert_int_equal(new_errors(us), UNSUPPORTED);
	assert_int_equal(new_errors(cci), 0);
	CONFIG(18, 0, 0); /* no port of the switch leads there */
	assert_int_equal(new_errors(us), UNSUPPORTED);
	CONFIG(20, 0, 0); /* nor the switch: both its functions */
	assert_int_equal(new_errors(us), UNSUPPORTED);
	assert_int_equal(new_errors(cci), UNSUPPORTED);
	assert_int_equal(new_errors(rp) | new_errors(ds) | new_errors(empty) | new_errors(mem), 0);

	/* Memory: 1 MiB at the device, 1 MiB at the empty port, 1 MiB at none of them, 1 MiB of the root port alone. */
	pci_config_write(rp, PCI_MEMORY_BASE, 4, 0x10301000);
	pci_config_write(us, PCI_MEMORY_BASE, 4, 0x10201000);
	pci_config_write(ds, PCI_MEMORY_BASE, 4, 0x10001000);
	pci_config_write(empty, PCI_MEMORY_BASE, 4, 0x10101010);
	for (unsigned n = 0; n < 4; n++)
		pci_config_write((struct pci_dev *[]){rp, us, ds, empty}[n], PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	space_read(m.space, 0x10000000, 4, &value);
	assert_int_equal(new_errors(mem), UNSUPPORTED);
	space_write(m.space, 0x10100000, 4, 0); /* lost without a word */
	assert_int_equal(new_errors(empty), 0);
	space_read(m.space, 0x10100000, 4, &value);
	assert_int_equal(new_errors(empty), UNSUPPORTED);
	space_write(m.space, 0x10200000, 4, 0); /* one that nobody answers is no correctable error */
	assert_int_equal(new_errors(us), 2 | EXP_DEVSTA_UNSUPPORTED);
	pci_config_write(empty, PCI_COMMAND, 2, 0); /* one that is disabled answers for its window */
	space_read(m.space, 0x10100000, 4, &value);
	assert_int_equal(new_errors(empty), UNSUPPORTED);
	assert_int_equal(new_errors(us), 0);
	space_read(m.space, 0x10300000, 8, &value);
	assert_int_equal(new_errors(us), UNSUPPORTED);
	assert_int_equal(new_errors(cci), UNSUPPORTED);
	assert_int_equal(new_errors(rp) | new_errors(ds) | new_errors(empty) | new_errors(mem), 0);
	fixture_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(switches_show_their_capabilities),
		cmocka_unit_test(wrong_switches_are_refused_by_name),
		cmocka_unit_test(uneven_regions_are_refused_by_name),
		cmocka_unit_test(boot_regions_through_switches_follow_the_model),
		cmocka_unit_test(odd_and_xor_windows_follow_the_model),
		cmocka_unit_test(wild_switch_decoders_follow_the_model),
		cmocka_unit_test(addresses_are_explained_through_switches),
		cmocka_unit_test(hot_reset_goes_through_switches),
		cmocka_unit_test(requests_end_where_nobody_leads_on),
	};

	return cmocka_run_group_tests_name("cxl/switch", tests, NULL, NULL);
}
