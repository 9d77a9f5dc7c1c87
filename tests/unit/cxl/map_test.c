/* SPDX-License-Identifier: BSD-2-Clause */
/* The compiled address map against an independent model, on random topologies, addresses and orders of commit. */
#include <fcntl.h>
#include <unistd.h>

#include "fixture.h"
#include "decoder_model.c"

#define Q (256 * MiB)

struct topology {
	struct machine m;
	struct model model;
	unsigned bridges, each, granularity;
	u64 size, random;
};

/* Devices of `parts` bits: 1 volatile, 2 persistent. port numbers in the order of `spread`. */
static void build(struct topology *t, unsigned bridges, unsigned each, unsigned granularity, u64 device_size,
		  u64 window_size)
{
	struct machine *m = &t->m;
	char text[1024] = "";

	fixture_open(m);
	t->bridges = bridges;
	t->each = each;
	t->granularity = granularity;
	for (unsigned b = 0; b < bridges; b++) {
		fixture_add(m, &pxb_cxl_class, "id=hb%u,bus_nr=%u", b, 10 + 10 * b);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "targets.%u=hb%u,", b, b);
		for (unsigned p = 0; p < each; p++) {
			unsigned n = b * each + p;

			fixture_add(m, &cxl_rp_class, "id=rp%u,bus=hb%u,port=%u", n, b, 3 * p + 1);
			fixture_add(m, &memory_backend_ram_class, "id=v%u,size=%llu", n,
				    (unsigned long long)device_size);
			fixture_add(m, &cxl_type3_class, "id=mem%u,bus=rp%u,volatile-memdev=v%u", n, n, n);
		}
	}
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "size=%llu,interleave-granularity=%u",
		 (unsigned long long)window_size, granularity);
	if (!fixture_option(m, text, cxl_host_add_window_opts))
		fail_msg("%s: %s", text, m->err.text);
}

/* What the model is told is what ACPI would tell. */
static void take_model(struct topology *t)
{
	struct cxl_host *host = t->m.cxl;

	memset(&t->model, 0, sizeof(t->model));
	for (unsigned n = 0; n < cxl_host_window_count(host); n++) {
		const struct cxl_window *w = cxl_host_window(host, n);

		t->model.window[n].base = w->base;
		t->model.window[n].size = w->size;
		t->model.window[n].granularity = w->granularity;
		t->model.window[n].ways = w->target_count;
		for (unsigned k = 0; k < w->target_count; k++)
			t->model.window[n].bridge[k] = &w->targets[k]->fork.comp;
		t->model.window_count++;
	}
	for (struct cxl_port *port = host->ports; port; port = port->next)
		t->model.port[t->model.port_count++] = (struct model_port){
			&port->above->comp, pci_config_read(&port->pci, port->pci.cap_pcie + 0x0c, 4) >> 24,
			cxl_port_device(port), cxl_port_switch(port) ? &cxl_port_switch(port)->fork.comp : NULL};
}

/* Compares `count` random addresses of the window, reading and writing through the space. */
static void compare(struct topology *t, unsigned count, const char *when)
{
	const struct cxl_window *w = cxl_host_window(t->m.cxl, 0);

	for (unsigned n = 0; n < count; n++) {
		/* Few chunks, many granules: chunks cost 2 MiB each. */
		u64 hpa = w->base + align_down(check_random(&t->random) % w->size, 16 * MiB) +
			  (check_random(&t->random) % (512 * KiB) & ~7ull);
		struct cxl_type3 *device = NULL;
		u64 dpa = 0, token = check_random(&t->random), got = 0, size = 8;
		u8 *media;

		if (!model_decode(&t->model, hpa, &device, &dpa)) {
			assert_int_equal(space_write(t->m.space, hpa, 8, token), MEM_OK);
			assert_int_equal(space_read(t->m.space, hpa, 8, &got), MEM_OK);
			if (got != ~0ull)
				fail_msg("%s: 0x%llx decodes although the model says it does not", when,
					 (unsigned long long)hpa);
			continue;
		}
		media = cxl_media_at(t->m.cxl, device, dpa, &size);
		assert_non_null(media);
		assert_true(size >= 8);
		memcpy(media, &token, 8);
		assert_int_equal(space_read(t->m.space, hpa, 8, &got), MEM_OK);
		if (got != token)
			fail_msg("%s: reading 0x%llx does not give %s 0x%llx (map: %u)", when, (unsigned long long)hpa,
				 device->name, (unsigned long long)dpa, cxl_map_kind(t->m.cxl, hpa));
		token = ~token * 3;
		assert_int_equal(space_write(t->m.space, hpa, 8, token), MEM_OK);
		size = 8;
		memcpy(&got, cxl_media_at(t->m.cxl, device, dpa, &size), 8);
		if (got != token)
			fail_msg("%s: writing 0x%llx does not reach %s 0x%llx", when, (unsigned long long)hpa,
				 device->name, (unsigned long long)dpa);
	}
}

static u64 home_word(struct cxl_type3 *device, u64 dpa)
{
	u64 offset, left;
	struct backend *backend = type3_backend(device, dpa, &offset, &left);

	return load_le(backend->host + offset, 8);
}

static struct cxl_type3 *device_of(struct topology *t, unsigned bridge, unsigned port)
{
	char id[16];

	snprintf(id, sizeof(id), "mem%u", bridge * t->each + port);
	return fixture_type3(&t->m, id);
}

/* Every legal grid as a boot region: fast, whole, and back at home after uncommit. */
static void boot_regions_follow_the_model(void **state)
{
	u64 random = 1;

	for (unsigned bridges = 1; bridges <= 8; bridges *= 2)
		for (unsigned each = 1; each <= 8 && bridges * each <= 8; each *= 2)
			for (unsigned granularity = 256; granularity <= 16384; granularity *= 2) {
				struct topology *t = calloc(1, sizeof(*t));
				unsigned ways = bridges * each;
				char text[256];
				u64 hpa[16], dpa[16], token[16];
				struct cxl_type3 *device[16];

				if ((bridges > 1 && granularity * bridges > 16384) ||
				    (ways > 1 && ways * granularity > 32768)) {
					free(t);
					continue;
				}
				t->random = random++;
				build(t, bridges, each, granularity, Q, Q * ways);
				snprintf(text, sizeof(text), "window=0,type=ram,devices=");
				for (unsigned i = 0; i < ways; i++)
					snprintf(text + strlen(text), sizeof(text) - strlen(text), "%smem%u",
						 i ? ":" : "", i % bridges * each + i / bridges);
				if (!fixture_option(&t->m, text, cxl_host_add_region) || !fixture_settle(&t->m))
					fail_msg("%u bridges, %u ports, %u: %s", bridges, each, granularity,
						 t->m.err.text);
				fixture_reset(&t->m, RESET_COLD);
				take_model(t);
				assert_int_equal(cxl_map_kind(t->m.cxl, WINDOWS_BASE),
						 ways == 1 ? MAP_DIRECT : MAP_BUFFER);
				compare(t, 40, "boot region");
				for (unsigned i = 0; i < 16; i++) {
					hpa[i] = WINDOWS_BASE + i * 8 * granularity % (Q * ways) + 8 * i;
					token[i] = check_random(&t->random);
					assert_int_equal(space_write(t->m.space, hpa[i], 8, token[i]), MEM_OK);
					assert_true(model_decode(&t->model, hpa[i], &device[i], &dpa[i]));
				}
				/* A warm reset takes all of it home and makes the region again. */
				fixture_reset(&t->m, RESET_WARM);
				for (unsigned i = 0; i < 16; i++) {
					u64 got;

					assert_int_equal(home_word(device[i], dpa[i]), token[i]);
					assert_int_equal(space_read(t->m.space, hpa[i], 8, &got), MEM_OK);
					assert_int_equal(got, token[i]);
				}
				fixture_close(&t->m);
				free(t);
			}
}

/* As the kernel does it: bottom up or in any order, one decoder at a time, with the map right in between. */
static void random_commits_follow_the_model(void **state)
{
	for (u64 seed = 1; seed <= 24; seed++) {
		struct topology *t = calloc(1, sizeof(*t));
		u64 base = WINDOWS_BASE, targets;
		unsigned bridges, each, ways, ig, done = 0;

		t->random = seed;
		bridges = 1u << check_random(&t->random) % 3;
		each = 1u << check_random(&t->random) % (bridges == 4 ? 2 : 3);
		ig = check_random(&t->random) % 4;
		ways = bridges * each;
		build(t, bridges, each, 256u << ig, 2 * Q, 2 * Q * ways);
		if (!fixture_settle(&t->m))
			fail_msg("%s", t->m.err.text);
		fixture_reset(&t->m, RESET_COLD);
		take_model(t);
		compare(t, 5, "nothing committed");
		while (done != (1u << (ways + bridges)) - 1) {
			unsigned which = check_random(&t->random) % (ways + bridges);

			if (done & (1u << which))
				continue;
			done |= 1u << which;
			if (which < ways) {
				struct cxl_type3 *dev = device_of(t, which / each, which % each);

				program(&dev->comp, 0, base, Q * ways, hdm_encode_ways(ways), ig, 0, 0);
				enable_mem(dev, true);
			} else {
				struct cxl_bridge *bridge = t->m.cxl->bridges[which - ways];

				targets = 0;
				for (unsigned p = 0; p < each; p++)
					targets |= (u64)device_of(t, which - ways, p)->above->number << (8 * p);
				if (component_has_hdm(&bridge->fork.comp))
					program(&bridge->fork.comp, 0, base, Q * ways, hdm_encode_ways(each),
						ig + __builtin_ctz(bridges), targets, 0);
			}
			compare(t, 12, "while committing");
		}
		assert_int_equal(cxl_map_kind(t->m.cxl, base), ways == 1 ? MAP_DIRECT : MAP_BUFFER);
		compare(t, 20, "committed");
		/* One way goes: its granules are gone, the others stay where they were. */
		enable_mem(device_of(t, 0, 0), false);
		assert_int_equal(cxl_map_kind(t->m.cxl, base), ways == 1 ? MAP_NOTHING : MAP_GRANULE);
		compare(t, 20, "one way disabled");
		enable_mem(device_of(t, 0, 0), true);
		compare(t, 10, "enabled again");
		component_set(&device_of(t, 0, 0)->comp, AT_HDM + HDM_CTRL, 0);
		compare(t, 20, "one way uncommitted");
		fixture_close(&t->m);
		free(t);
	}
}

/* Wild decoders: any ways, any base, overlapping, aliasing: slow, but as the model says. */
static void wild_decoders_follow_the_model(void **state)
{
	for (u64 seed = 100; seed < 130; seed++) {
		struct topology *t = calloc(1, sizeof(*t));
		unsigned bridges, each;

		t->random = seed;
		bridges = 1u << check_random(&t->random) % 3;
		each = 1 + check_random(&t->random) % 3;
		build(t, bridges, each, 256u << check_random(&t->random) % 3, 4 * Q, 8 * Q);
		if (!fixture_settle(&t->m))
			fail_msg("%s", t->m.err.text);
		fixture_reset(&t->m, RESET_COLD);
		take_model(t);
		for (unsigned step = 0; step < 12; step++) {
			u64 r = check_random(&t->random);
			unsigned b = r % bridges, p = (r >> 8) % each, i = (r >> 16) % HDM_DECODERS;
			u64 base = WINDOWS_BASE + (r >> 20) % 8 * Q, size = (1 + (r >> 24) % 8) * Q;
			struct cxl_type3 *dev = device_of(t, b, p);
			struct cxl_component *comp = r >> 63 ? &dev->comp : &t->m.cxl->bridges[b]->fork.comp;

			if (!component_has_hdm(comp))
				continue;
			component_set(comp, AT_HDM + HDM_CTRL + i * HDM_STRIDE, 0);
			program(comp, i, base, size, (r >> 32) % (comp == &dev->comp ? 11 : 4), (r >> 36) % 7,
				comp == &dev->comp ? (r >> 40) % 2 * Q : check_random(&t->random) & 0x0703040103010401,
				0);
			enable_mem(dev, (r >> 50) % 8 != 0);
			compare(t, 25, "wild");
		}
		fixture_close(&t->m);
		free(t);
	}
}

/* Volatile and persistent memory behind one decoder of one way are two pieces. */
static void direct_regions_split_at_the_partition(void **state)
{
	struct topology *t = calloc(1, sizeof(*t));
	struct machine *m = &t->m;
	struct cxl_type3 *dev;
	u64 got;

	fixture_open(m);
	fixture_add(m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(m, &memory_backend_ram_class, "id=p,size=512M");
	fixture_add(m, &memory_backend_ram_class, "id=l,size=128K");
	fixture_add(m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v,persistent-memdev=p,lsa=l");
	assert_true(fixture_option(m, "targets.0=hb0,size=1G", cxl_host_add_window_opts));
	assert_true(fixture_option(m, "devices=mem0,type=ram", cxl_host_add_region));
	assert_true(fixture_option(m, "devices=mem0,type=pmem,size=256M", cxl_host_add_region));
	if (!fixture_settle(m))
		fail_msg("%s", m->err.text);
	fixture_reset(m, RESET_COLD);
	take_model(t);
	t->random = 5;
	compare(t, 60, "two partitions");
	dev = fixture_type3(m, "mem0");
	assert_int_equal(space_write(m->space, WINDOWS_BASE + Q, 8, 0x1234), MEM_OK);
	assert_int_equal(load_le(dev->pmem->host, 8), 0x1234);
	/* One decoder over both. */
	fixture_close(m);
	fixture_open(m);
	fixture_add(m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(m, &memory_backend_ram_class, "id=p,size=512M");
	fixture_add(m, &memory_backend_ram_class, "id=l,size=128K");
	fixture_add(m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v,persistent-memdev=p,lsa=l");
	assert_true(fixture_option(m, "targets.0=hb0,size=1G", cxl_host_add_window_opts));
	assert_true(fixture_settle(m));
	fixture_reset(m, RESET_COLD);
	take_model(t);
	dev = fixture_type3(m, "mem0");
	program(&dev->comp, 0, WINDOWS_BASE, 3 * Q, 0, 0, 0, 0);
	enable_mem(dev, true);
	compare(t, 60, "one decoder");
	assert_int_equal(space_read(m->space, WINDOWS_BASE + 3 * Q, 8, &got), MEM_OK);
	assert_int_equal(got, ~0ull);
	fixture_close(m);
	free(t);
}

/* What the guest has flushed is in the files, at its device address, whatever the interleave. */
static void flushed_lines_are_in_the_shared_files(void **state)
{
	struct topology *t = calloc(1, sizeof(*t));
	struct machine *m = &t->m;
	char paths[2][64];
	const struct range *range;
	struct region *region;
	u64 got, hpa = WINDOWS_BASE + 5 * 256 + 64; /* way 1, granule 2 */
	int fd;

	fixture_open(m);
	fixture_add(m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	for (unsigned n = 0; n < 2; n++) {
		snprintf(paths[n], sizeof(paths[n]), "/tmp/cxlvm-map-test-%d-%u", getpid(), n);
		unlink(paths[n]);
		fixture_add(m, &cxl_rp_class, "id=rp%u,bus=hb0", n);
		fixture_add(m, &memory_backend_file_class, "id=p%u,size=256M,share=on,mem-path=%s", n, paths[n]);
		fixture_add(m, &memory_backend_ram_class, "id=l%u,size=128K", n);
		fixture_add(m, &cxl_type3_class, "id=mem%u,bus=rp%u,persistent-memdev=p%u,lsa=l%u", n, n, n, n);
	}
	assert_true(fixture_option(m, "targets.0=hb0,size=512M", cxl_host_add_window_opts));
	assert_true(fixture_option(m, "devices=mem0:mem1,type=pmem", cxl_host_add_region));
	if (!fixture_settle(m))
		fail_msg("%s", m->err.text);
	fixture_reset(m, RESET_COLD);
	assert_int_equal(cxl_map_kind(m->cxl, hpa), MAP_BUFFER);
	assert_int_equal(space_write(m->space, hpa, 8, 0xfeedface), MEM_OK);
	range = space_lookup(m->space, hpa);
	assert_non_null(range);
	assert_non_null(range->region->persist);
	range->region->persist(range->region, range->offset + hpa - range->base, 64);
	range->region->persist_drain(range->region);
	region = range->region;
	fd = open(paths[1], O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &got, 8, 2 * 256 + 64), 8);
	assert_int_equal(got, 0xfeedface);
	/* A range, of which one chunk was never touched. */
	assert_int_equal(space_write(m->space, hpa + 8 * MiB, 8, 0x5a5a), MEM_OK);
	space_persist(m->space, hpa + 1, hpa + 12 * MiB);
	assert_int_equal(pread(fd, &got, 8, 4 * MiB + 2 * 256 + 64), 8);
	assert_int_equal(got, 0x5a5a);
	/* And all of it after a sync, with the machine going on. */
	assert_int_equal(space_write(m->space, hpa + 16 * MiB, 8, 0xabcdef), MEM_OK);
	cxl_host_sync(m->cxl);
	assert_int_equal(pread(fd, &got, 8, 8 * MiB + 2 * 256 + 64), 8);
	assert_int_equal(got, 0xabcdef);
	assert_int_equal(space_read(m->space, hpa + 16 * MiB, 8, &got), MEM_OK);
	assert_int_equal(got, 0xabcdef);
	/* The region struct outlives its piece: a vCPU may remember it until its next DSB. */
	assert_int_equal(space_write(m->space, hpa + 32 * MiB, 8, 0x77), MEM_OK);
	enable_mem(fixture_type3(m, "mem0"), false);
	if (region->persist_drain)
		region->persist_drain(region);
	enable_mem(fixture_type3(m, "mem0"), true);
	cxl_host_close(m->cxl);
	assert_int_equal(pread(fd, &got, 8, 16 * MiB + 2 * 256 + 64), 8);
	assert_int_equal(got, 0x77);
	close(fd);
	fixture_close(m);
	unlink(paths[0]);
	unlink(paths[1]);
	free(t);
}

/* Also where a region reaches over volatile and persistent memory: each way begins in the former. */
static void flushed_lines_behind_a_border_are_in_the_files(void **state)
{
	struct topology *t = calloc(1, sizeof(*t));
	struct machine *m = &t->m;
	char paths[2][64];
	const struct range *range;
	u64 got, targets = 0, hpa = WINDOWS_BASE + 2 * Q + 5 * 256 + 64; /* way 1, granule 2 behind the border */
	int fd;

	fixture_open(m);
	fixture_add(m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	for (unsigned n = 0; n < 2; n++) {
		snprintf(paths[n], sizeof(paths[n]), "/tmp/cxlvm-map-test-%d-%u", getpid(), n);
		unlink(paths[n]);
		fixture_add(m, &cxl_rp_class, "id=rp%u,bus=hb0", n);
		fixture_add(m, &memory_backend_ram_class, "id=v%u,size=256M", n);
		fixture_add(m, &memory_backend_file_class, "id=p%u,size=256M,share=on,mem-path=%s", n, paths[n]);
		fixture_add(m, &memory_backend_ram_class, "id=l%u,size=128K", n);
		fixture_add(m, &cxl_type3_class, "id=mem%u,bus=rp%u,volatile-memdev=v%u,persistent-memdev=p%u,lsa=l%u",
			    n, n, n, n, n);
	}
	assert_true(fixture_option(m, "targets.0=hb0,size=1G", cxl_host_add_window_opts));
	if (!fixture_settle(m))
		fail_msg("%s", m->err.text);
	fixture_reset(m, RESET_COLD);
	for (unsigned n = 0; n < 2; n++) {
		struct cxl_type3 *dev = fixture_type3(m, n ? "mem1" : "mem0");

		program(&dev->comp, 0, WINDOWS_BASE, 4 * Q, 1, 0, 0, 0);
		enable_mem(dev, true);
		targets |= (u64)dev->above->number << (8 * n);
	}
	program(&m->cxl->bridges[0]->fork.comp, 0, WINDOWS_BASE, 4 * Q, 1, 0, targets, 0);
	assert_int_equal(cxl_map_kind(m->cxl, hpa), MAP_BUFFER);
	assert_int_equal(space_write(m->space, hpa, 8, 0xfeedface), MEM_OK);
	range = space_lookup(m->space, hpa);
	assert_non_null(range);
	assert_non_null(range->region->persist);
	range->region->persist(range->region, range->offset + hpa - range->base, 64);
	range->region->persist_drain(range->region);
	fd = open(paths[1], O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &got, 8, 2 * 256 + 64), 8);
	assert_int_equal(got, 0xfeedface);
	close(fd);
	fixture_close(m);
	unlink(paths[0]);
	unlink(paths[1]);
	free(t);
}

/* DMA sees what the CPU sees, by granules and in the buffer. */
static void dma_crosses_granules(void **state)
{
	struct topology *t = calloc(1, sizeof(*t));
	u8 out[4096], in[4096];

	t->random = 9;
	build(t, 1, 2, 256, Q, 2 * Q);
	assert_true(fixture_option(&t->m, "devices=mem0:mem1", cxl_host_add_region));
	assert_true(fixture_settle(&t->m));
	fixture_reset(&t->m, RESET_COLD);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = check_random(&t->random);
	assert_true(dma_write(t->m.space, WINDOWS_BASE + 100, out, sizeof(out)));
	assert_true(dma_read(t->m.space, WINDOWS_BASE + 100, in, sizeof(in)));
	assert_memory_equal(in, out, sizeof(in));
	component_set(&t->m.cxl->bridges[0]->fork.comp, AT_HDM + HDM_CTRL, 0);
	program(&t->m.cxl->bridges[0]->fork.comp, 0, WINDOWS_BASE, 4 * Q, 1, 0, 0x0201,
		0); /* not a complete set any more */
	fixture_close(&t->m);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boot_regions_follow_the_model),
		cmocka_unit_test(random_commits_follow_the_model),
		cmocka_unit_test(wild_decoders_follow_the_model),
		cmocka_unit_test(direct_regions_split_at_the_partition),
		cmocka_unit_test(flushed_lines_are_in_the_shared_files),
		cmocka_unit_test(flushed_lines_behind_a_border_are_in_the_files),
		cmocka_unit_test(dma_crosses_granules),
	};

	return cmocka_run_group_tests_name("cxl/map", tests, NULL, NULL);
}
