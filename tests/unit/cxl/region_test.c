/* SPDX-License-Identifier: BSD-2-Clause */
/* -cxl-region and -M cxl-fmw.N: what is refused and in which words, and what the decoders hold after a machine reset.
 */
#include "fixture.h"

#define Q (256 * MiB)

/* Two bridges of two ports each with a 256 MiB device of either kind, window 0 over both, window 1 over the first. */
static void build(struct machine *m, const char *granularity)
{
	char text[128];

	fixture_open(m);
	for (unsigned n = 0; n < 4; n++) {
		if (!(n & 1))
			fixture_add(m, &pxb_cxl_class, "id=hb%u,bus_nr=%u", n / 2, 12 + n * 8);
		fixture_add(m, &cxl_rp_class, "id=rp%u,bus=hb%u", n, n / 2);
		fixture_add(m, &memory_backend_ram_class, "id=v%u,size=%s", n, n == 3 ? "512M" : "256M");
		fixture_add(m, &memory_backend_ram_class, "id=p%u,size=256M", n);
		fixture_add(m, &memory_backend_ram_class, "id=l%u,size=128K", n);
		fixture_add(m, &cxl_type3_class,
			    "id=mem%u,bus=rp%u,volatile-memdev=v%u,persistent-memdev=p%u,lsa=l%u,sn=%u", n, n, n, n, n,
			    n + 1);
	}
	snprintf(text, sizeof(text), "targets.0=hb0,targets.1=hb1,size=2G,interleave-granularity=%s", granularity);
	assert_true(fixture_option(m, text, cxl_host_add_window_opts));
	snprintf(text, sizeof(text), "targets.0=hb0,size=1G,interleave-granularity=%s", granularity);
	assert_true(fixture_option(m, text, cxl_host_add_window_opts));
}

static void wrong_regions_are_refused_by_name(void **state)
{
	static const struct {
		const char *granularity, *text, *says;
	} wrong[] = {
		{"256", "type=ram", "devices= is missing"},
		{"256", "devices=", "devices= is missing"},
		{"256", "devices=mem0::mem1", "an id is empty"},
		{"256", "devices=mem0:mem9", "no cxl-type3 of id 'mem9'"},
		{"256", "devices=mem0:mem2,type=rom", "type=rom is neither"},
		{"256", "devices=mem0:mem2,as=swap", "as=swap is none of"},
		{"256", "devices=mem0:mem2,type=pmem,as=dax", "never announced as RAM"},
		{"256", "devices=mem0:mem2,lock=maybe", "maybe"},
		{"256", "devices=mem0:mem2,granularity=300", "granularity=300: use 256"},
		{"256", "devices=mem0:mem2,granularity=512", "write granularity=256"},
		{"256", "devices=mem0:mem2,window=7", "window=7: there are fewer windows"},
		{"256", "devices=mem0:mem2,color=red", "color"},
		{"256", "devices=mem0:mem2,size=0", "not empty"},
		{"256", "devices=mem0:mem2,size=300M", "write size=512M"},
		{"256", "devices=mem0:mem2,size=1G", "write size=512M or less"},
		{"256", "devices=mem0:mem1:mem2", "name 1, 2, 4, 8 or 16"},
		{"256", "devices=mem0", "at least 2 devices"},
		{"256", "devices=mem0:mem1", "need 1 below each"},
		{"256", "devices=mem2:mem0", "write devices=mem0:mem2"},
		{"256", "devices=mem0:mem1:mem2:mem3", "write devices=mem0:mem2:mem1:mem3"},
		{"256", "devices=mem0:mem0", "stands twice"},
		{"256", "window=1,devices=mem1:mem0", "write devices=mem0:mem1"},
		{"16k", "devices=mem0:mem2", "more than 16 KiB"},
		{"16k", "devices=mem0:mem2:mem1:mem3", "more than 16 KiB"},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		struct machine m;

		build(&m, wrong[n].granularity);
		if (fixture_option(&m, wrong[n].text, cxl_host_add_region) && fixture_settle(&m))
			fail_msg("'%s' is not refused", wrong[n].text);
		check_says(&m.err, wrong[n].says);
		if (strchr(m.err.text, '\n'))
			fail_msg("more than a line: %s", m.err.text);
		fixture_close(&m);
	}
}

/* As in the first patches: one backend is the window's size, the memory of two devices and, by name, their labels. */
static void the_spelling_of_2021(void **state)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
		{"id=hb1,busnr=200,uid=1", "ACPI's number 1"},
		{"id=hb1,busnr=200,uid=256", "uid=256"},
		{"busnr=200,len-window-base=1,window-base[0]=0x5c0000000,memdev[0]=cxl-mem1", "needs an id"},
		{"id=hb1,busnr=200,len-window-base=1", "give both"},
		{"id=hb1,busnr=200,len-window-base=1,window-base[0]=0x5c0000000", "give both"},
		{"id=hb1,busnr=200,len-window-base=1,window-base[0]=0x5c0001000,memdev[0]=cxl-mem1",
		 "multiples of 256 MiB"},
		{"id=hb1,busnr=200,window-base[0]=0x5c0000000,memdev[0]=cxl-mem1", "write len-window-base=1"},
		{"id=hb1,busnr=200,len-window-base=5", "at most 4"},
	};
	struct machine m;
	struct cxl_type3 *a, *b;
	const struct cxl_window *w;

	fixture_open(&m);
	fixture_add(&m, &memory_backend_ram_class, "id=cxl-mem1,size=1G");
	fixture_add(&m, &pxb_cxl_class,
		    "busnr=128,id=cxlbus1,uid=1,len-window-base=1,window-base[0]=0x4c0000000,memdev[0]=cxl-mem1");
	for (unsigned n = 0; n < 2; n++) {
		fixture_add(&m, &cxl_rp_class, "bus=cxlbus1,id=rp%u,chassis=0,slot=%u", n, n);
		fixture_add(&m, &cxl_type3_class, "bus=rp%u,memdev=cxl-mem1,lsa=cxl-mem1,id=m%u,size=512M", n, n);
	}
	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		if (fixture_try(&m, &pxb_cxl_class, wrong[n].text))
			fail_msg("'%s' is not refused", wrong[n].text);
		check_says(&m.err, wrong[n].says);
		dev_destroy(m.devs[--m.count]);
	}
	fixture_add(&m, &cxl_rp_class, "bus=cxlbus1,id=rp2,chassis=0,slot=2");
	assert_false(fixture_try(&m, &cxl_type3_class, "bus=rp2,memdev=cxl-mem1,lsa=cxl-mem1,id=m2,size=256M"));
	check_says(&m.err, "0 are left");
	dev_destroy(m.devs[--m.count]);
	assert_false(fixture_option(&m, "targets.0=cxlbus1,size=1G", cxl_host_add_window_opts));
	check_says(&m.err, "one spelling");
	assert_true(fixture_settle(&m));
	assert_int_equal(cxl_host_window_count(m.cxl), 1);
	w = cxl_host_window(m.cxl, 0);
	assert_true(w->base == 0x4c0000000 && w->size == GiB && w->target_count == 1);
	assert_int_equal(cxl_host_bridge(m.cxl, 0).uid, 1);
	a = (struct cxl_type3 *)fixture_find(&m, "m0");
	b = (struct cxl_type3 *)fixture_find(&m, "m1");
	assert_true(a->persistent_bytes == 512 * MiB && b->pmem->host == a->pmem->host + 512 * MiB);
	assert_true(a->lsa->size == 128 * KiB && a->lsa->host != a->pmem->host && b->lsa->host != a->lsa->host);
	assert_non_null(pci_host_root(m.pci)->next);
	assert_int_equal(pci_host_root(m.pci)->next->base, 128);
	fixture_close(&m);
}

static void wrong_windows_are_refused_by_name(void **state)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
		{"size=1G", "no targets"},
		{"targets.0=hb0", "size=0"},
		{"targets.0=hb0,size=100M", "use size=256M"},
		{"targets.0=hb0,targets.1=hb1,size=768M", "use size=1024M"},
		{"targets.0=hb0,targets.1=hb1,targets.2=hb2,size=768M", "no pxb-cxl of that id"},
		{"targets.0=hb0,targets.2=hb1,size=512M", "targets.1 is missing"},
		{"targets.0=hb0,size=256M,interleave-granularity=300", "use 256, 512"},
		{"targets.0=hb0,size=256M,interleave-granularity=32k", "use 256, 512"},
		{"targets.0=hb0,size=256M,qtg=65536", "qtg"},
		{"targets.0=hb0,size=256M,restrictions=0x40", "restrictions=0x40"},
		{"targets.0=hb0,size=256M,restrictions=type3", "at least one of each"},
		{"targets.0=hb0,size=256M,restrictions=type3:volatil", "'volatil' is none of type2"},
		{"targets.0=hb0,size=256M,restrictions=type3:volatile,back-invalidate=on", "contradicts"},
		{"targets.0=hb0,size=256M,back-invalidate=maybe", "back-invalidate"},
		{"targets.0=hb0,size=256M,base=0x4010000000", "overlaps 'PCI ECAM' at 0x4010000000"},
		{"targets.0=hb0,size=256M,base=0x10000001", "write base=0x20000000"},
		{"targets.0=hb0,size=256M,base=0", "write base=0x10000000"},
		{"targets.0=hb0,size=512M,base=0xfffff0000000", "cxl-fmw.2.base=0xfffff0000000: the window"},
		{"targets.0=hb0,size=512M,base=0xfffff0000000", "0xffffffffffff; use a lower base"},
		{"targets.0=a,targets.1=b,targets.2=c,targets.3=d,targets.4=e,size=1280M", "5 targets"},
		{"targets.0=hb0,size=256M,interleave-arithmetic=and", "neither modulo nor xor"},
		{"targets.0=nobody,size=256M", "no pxb-cxl of that id"},
		{"targets.0=hb0,targets.1=hb0,size=512M", "targets.0 already"},
		{"targets.0=hb0,size=1048576G",
		 "beyond the last address of -cpu max, 0xffffffffffff; use a smaller window"},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		struct machine m;

		build(&m, "256");
		if (fixture_option(&m, wrong[n].text, cxl_host_add_window_opts) && fixture_settle(&m))
			fail_msg("'%s' is not refused", wrong[n].text);
		check_says(&m.err, wrong[n].says);
		fixture_close(&m);
	}
}

static void windows_lie_where_they_are_told(void **state)
{
	static const char *const texts[] = {"targets.0=hb0,size=512M,base=0x10010000000,qtg=3",
					    "targets.0=hb0,size=256M,restrictions=type3:persistent:fixed",
					    "targets.0=hb1,size=512M,back-invalidate=on",
					    "targets.0=hb1,size=256M,restrictions=0x2f"};
	static const struct {
		u64 base;
		u16 restrictions, qtg;
	} want[] = {{WINDOWS_BASE + 256 * MiB, 0x0e, 3},
		    {WINDOWS_BASE, 0x1a, 0},
		    {WINDOWS_BASE + 768 * MiB, 0x2e, 0},
		    {WINDOWS_BASE + 1280 * MiB, 0x2f, 0}};
	struct machine m;

	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &pxb_cxl_class, "id=hb1,bus_nr=64");
	for (unsigned n = 0; n < ARRAY_SIZE(texts); n++)
		assert_true(fixture_option(&m, texts[n], cxl_host_add_window_opts));
	assert_true(fixture_settle(&m));
	for (unsigned n = 0; n < ARRAY_SIZE(want); n++) {
		assert_int_equal(cxl_host_window(m.cxl, n)->base, want[n].base);
		assert_int_equal(cxl_host_window(m.cxl, n)->restrictions, want[n].restrictions);
		assert_int_equal(cxl_host_window(m.cxl, n)->qtg, want[n].qtg);
	}
	fixture_close(&m);
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	assert_true(fixture_option(&m, "targets.0=hb0,size=512M,base=0x10000000000", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "targets.0=hb0,size=512M,base=0x10010000000", cxl_host_add_window_opts));
	assert_false(fixture_settle(&m));
	check_says(&m.err, "CXL window 1 (cxl-fmw.1) at 0x10010000000");
	check_says(&m.err, "overlaps CXL window 0 at 0x10000000000");
	fixture_close(&m);
}

static void wrong_devices_are_refused_by_name(void **state)
{
	static const struct {
		const struct dev_class *cls;
		const char *text, *says;
	} wrong[] = {
		{&pxb_cxl_class, "id=x", "bus_nr=0"},
		{&pxb_cxl_class, "id=x,bus_nr=12", "bus_nr=12"},
		{&cxl_rp_class, "id=x", "plug it with bus=ID of a pxb-cxl"},
		{&cxl_type3_class, "id=x,bus=hb0,volatile-memdev=free",
		 "plug it with bus=ID of a cxl-rp or cxl-downstream"},
		{&cxl_type3_class, "id=x,bus=rp9", "no memory"},
		{&cxl_type3_class, "id=x,bus=rp9,persistent-memdev=free", "add lsa=ID"},
		{&cxl_type3_class, "id=x,bus=rp9,volatile-memdev=odd", "use size=512M"},
		{&cxl_type3_class, "id=x,bus=rp9,volatile-memdev=v0", "already used by mem0"},
		{&cxl_type3_class, "id=x,bus=rp9,volatile-memdev=free,sn=1", "also that of mem0"},
		{&cxl_type3_class, "id=x,bus=rp9,volatile-memdev=free,cdat=/nonexistent", "cdat=/nonexistent: "},
		{&cxl_type3_class, "id=x,bus=rp9,volatile-memdev=free,num-dc-regions=2", "add volatile-dc-memdev=ID"},
		{&cxl_type3_class, "id=x,bus=rp9,volatile-memdev=free,hdm-db=on", "add x-256b-flit=on"},
		{&cxl_type3_class, "id=x,bus=rp9,volatile-memdev=free,hdm-decoders=12",
		 "a device has 1, 2, 4, 6, 8 or 10 decoders"},
		{&pxb_cxl_class, "id=x,bus_nr=200,hdm-decoders=33", "28 or 32 decoders"},
		{&cxl_type3_class, "id=x,bus=rp9,volatile-memdev=free,memdev=none", "none"},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		struct machine m;

		build(&m, "256");
		fixture_add(&m, &cxl_rp_class, "id=rp9,bus=hb0");
		fixture_add(&m, &memory_backend_ram_class, "id=free,size=256M");
		fixture_add(&m, &memory_backend_ram_class, "id=odd,size=300M");
		if (fixture_try(&m, wrong[n].cls, wrong[n].text))
			fail_msg("'%s' is not refused", wrong[n].text);
		check_says(&m.err, wrong[n].says);
		fixture_close(&m);
	}
}

static void ports_are_numbered_apart(void **state)
{
	struct machine m;
	struct cxl_port *port;
	unsigned seen = 0;

	build(&m, "256");
	fixture_add(&m, &cxl_rp_class, "id=x,bus=hb0,port=0");
	fixture_power_on(&m);
	for (port = m.cxl->ports; port; port = port->next)
		if (port->above == &m.cxl->bridges[0]->fork) {
			u8 number = pci_config_read(&port->pci, port->pci.cap_pcie + 0x0c, 4) >> 24;

			assert_int_equal(number, port->number);
			assert_false(seen & (1u << number));
			seen |= 1u << number;
		}
	assert_int_equal(seen, 7);
	fixture_close(&m);

	build(&m, "256");
	fixture_add(&m, &cxl_rp_class, "id=x,bus=hb0,port=5");
	fixture_add(&m, &cxl_rp_class, "id=y,bus=hb0,port=5");
	assert_false(fixture_settle(&m));
	check_says(&m.err, "port=5 is also the port number of");
	fixture_close(&m);
}

static void decoders_are_as_firmware_leaves_them(void **state)
{
	struct machine m;
	struct cxl_type3 *dev;
	struct cxl_component *bridge;
	u32 second = AT_HDM + HDM_STRIDE;

	build(&m, "512");
	assert_true(fixture_option(&m, "devices=mem0:mem2:mem1:mem3,type=ram,lock=on,size=1G", cxl_host_add_region));
	assert_true(fixture_option(&m, "devices=mem0:mem2,type=pmem", cxl_host_add_region));
	fixture_power_on(&m);
	assert_int_equal(cxl_host_region(m.cxl, 0)->base, WINDOWS_BASE);
	assert_int_equal(cxl_host_region(m.cxl, 1)->base, WINDOWS_BASE + GiB);
	assert_int_equal(cxl_host_window(m.cxl, 0)->restrictions, 0x0e | CXL_RESTRICT_FIXED);
	assert_int_equal(cxl_host_window(m.cxl, 1)->restrictions, 0x0e);
	assert_int_equal(cxl_host_window(m.cxl, 1)->base, WINDOWS_BASE + 2 * GiB);
	bridge = &m.cxl->bridges[1]->fork.comp;
	/* 2 ways at 1 KiB, locked, committed, host-only memory. */
	assert_int_equal(component_get(bridge, AT_HDM + HDM_CTRL), 0x1712);
	assert_int_equal(component_get(bridge, AT_HDM + HDM_TARGETS_LO), 0x0100);
	assert_int_equal(component_get(bridge, AT_HDM + HDM_SIZE_LO), GiB);
	assert_int_equal(component_get(bridge, second + HDM_CTRL), 0x1602);
	dev = fixture_type3(&m, "mem2");
	assert_int_equal(component_get(&dev->comp, AT_HDM + HDM_CTRL), 0x1721); /* 4 ways at 512 */
	assert_int_equal(component_get(&dev->comp, AT_HDM + HDM_GLOBAL_CTRL), 2);
	assert_int_equal(component_get(&dev->comp, second + HDM_CTRL), 0x1611);
	assert_int_equal(component_get(&dev->comp, second + HDM_DPA_SKIP_LO), 0);
	assert_int_equal(pci_config_read(&dev->pci, dev->dvsec_device + DVSEC_DEVICE_CTRL, 2), 6);
	/* A hot reset takes it all away and nothing brings it back. */
	pci_function_reset(&dev->pci, RESET_HOT);
	assert_int_equal(component_get(&dev->comp, AT_HDM + HDM_CTRL), 0);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_GRANULE);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(component_get(&dev->comp, AT_HDM + HDM_CTRL), 0x1721);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_BUFFER);
	fixture_close(&m);
}

static void persistent_memory_skips_unused_volatile(void **state)
{
	struct machine m;
	struct cxl_type3 *dev;

	build(&m, "256");
	assert_true(fixture_option(&m, "window=1,devices=mem0:mem1,type=pmem", cxl_host_add_region));
	fixture_power_on(&m);
	dev = fixture_type3(&m, "mem0");
	assert_int_equal(component_get(&dev->comp, AT_HDM + HDM_DPA_SKIP_LO), Q);
	assert_int_equal(space_write(m.space, cxl_host_region(m.cxl, 0)->base, 4, 77), MEM_OK);
	cxl_host_sync(m.cxl);
	fixture_close(&m);

	build(&m, "256"); /* the wrong way round on the device */
	assert_true(fixture_option(&m, "window=1,devices=mem0,type=pmem", cxl_host_add_region));
	assert_true(fixture_option(&m, "window=1,devices=mem0,type=ram", cxl_host_add_region));
	assert_false(fixture_settle(&m));
	check_says(&m.err, "put the type=ram region first");
	fixture_close(&m);
}

static void take_out(struct machine *m, const char *id)
{
	struct dev *dev = fixture_find(m, id);
	unsigned at = 0;

	while (m->devs[at] != dev)
		at++;
	dev_destroy(dev);
	memmove(&m->devs[at], &m->devs[at + 1], (--m->count - at) * sizeof(m->devs[0]));
}

/* Of two regions on a device one goes with another device: the memory of the other one stays what it was. */
static void what_is_left_keeps_its_memory(void **state)
{
	struct machine m;
	struct cxl_type3 *dev;
	u64 base, value;

	build(&m, "256");
	assert_true(fixture_option(&m, "devices=mem0:mem2,type=ram", cxl_host_add_region));
	assert_true(fixture_option(&m, "window=1,devices=mem0,type=pmem", cxl_host_add_region));
	fixture_power_on(&m);
	dev = fixture_type3(&m, "mem0");
	base = cxl_host_region(m.cxl, 1)->base;
	assert_int_equal(component_get(&dev->comp, AT_HDM + HDM_STRIDE + HDM_DPA_SKIP_LO), 0);
	assert_int_equal(space_write(m.space, base, 4, 77), MEM_OK);
	assert_int_equal(dev->pmem->host[0], 77);
	take_out(&m, "mem2");
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(cxl_host_region_count(m.cxl), 1);
	assert_int_equal(component_get(&dev->comp, AT_HDM + HDM_DPA_SKIP_LO), Q);
	assert_int_equal(space_read(m.space, base, 4, &value), MEM_OK);
	assert_int_equal(value, 77);
	fixture_close(&m);
}

static void move_partition(struct machine *m, struct cxl_type3 *dev, u8 volatile_units)
{
	u8 out[MAILBOX_PAYLOAD_BYTES];
	u32 length;

	pci_function_reset(&dev->pci, RESET_HOT); /* no decoder holds it up */
	assert_int_equal(
		cci_run(&dev->mbox.cci, 0x4101, (u8[9]){volatile_units, [8] = 1}, 9, out, sizeof(out), &length),
		CXL_SUCCESS);
	fixture_reset(m, RESET_WARM);
}

/* What has become memory of another kind is no region's. */
static void a_region_ends_with_its_kind_of_memory(void **state)
{
	struct machine m;
	struct cxl_type3 *dev;

	fixture_open(&m);
	assert_true(fixture_option(&m, "targets.0=hb0,size=1G", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "devices=mem0,type=ram", cxl_host_add_region));
	assert_true(fixture_option(&m, "devices=mem0,type=pmem", cxl_host_add_region));
	dev = fixture_one_device(&m, "", 512, ",partition-align=256M");
	move_partition(&m, dev, 1); /* as it is */
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_DIRECT);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE + Q), MAP_DIRECT);
	move_partition(&m, dev, 0);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_NOTHING);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE + Q), MAP_DIRECT);
	assert_int_equal(dev->comp.decoders[0].skip, Q);
	move_partition(&m, dev, 3);
	assert_int_equal(cxl_host_region_count(m.cxl), 0);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE + Q), MAP_NOTHING);
	fixture_close(&m);
}

static void single_port_bridge_shows_decoders_for_a_region_only(void **state)
{
	static const struct {
		const char *option;
		bool region, shows, refused;
	} cases[] = {
		{"", false, false, false},
		{"", true, true, false},
		{",hdm_for_passthrough=on", false, true, false},
		{",hdm_for_passthrough=off", false, false, false},
		{",hdm_for_passthrough=off", true, false, true},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
		struct machine m;
		u64 value = 0;

		fixture_open(&m);
		fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12%s", cases[n].option);
		fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
		fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
		fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v");
		assert_true(fixture_option(&m, "targets.0=hb0,size=256M", cxl_host_add_window_opts));
		if (cases[n].region)
			assert_true(fixture_option(&m, "devices=mem0", cxl_host_add_region));
		assert_int_equal(fixture_settle(&m), !cases[n].refused);
		if (!cases[n].refused) {
			fixture_reset(&m, RESET_COLD);
			assert_int_equal(space_read(m.space, REGS_BASE + 0x1004, 4, &value), MEM_OK);
			assert_int_equal((value & 0xffff) == CACHEMEM_HDM, cases[n].shows);
			assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), cases[n].region ? MAP_DIRECT : MAP_NOTHING);
			/* Without decoders everything passes through to the port. */
			if (!cases[n].shows) {
				struct cxl_type3 *dev = fixture_type3(&m, "mem0");

				program(&dev->comp, 0, WINDOWS_BASE, Q, 0, 0, 0, 0);
				enable_mem(dev, true);
				assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_DIRECT);
			}
		} else {
			check_says(&m.err, "hdm_for_passthrough=off");
		}
		fixture_close(&m);
	}
}

static void performance_adds_up(void **state)
{
	struct machine m;
	struct cxl_performance p;

	build(&m, "256");
	assert_true(fixture_option(&m, "devices=mem0:mem2", cxl_host_add_region));
	assert_true(fixture_settle(&m));
	p = cxl_host_region_performance(m.cxl, 0);
	assert_int_equal(p.read_latency_ps, 200000);
	assert_int_equal(p.write_latency_ps, 300000);
	assert_int_equal(p.read_mbps, 32000);
	fixture_close(&m);
}

/* Of a window: from the root ports to what it may be used for. */
static void windows_are_as_fast_as_their_memory(void **state)
{
	struct machine m;
	struct cxl_performance p;

	fixture_open(&m);
	for (unsigned n = 0; n < 2; n++) {
		fixture_add(&m, &pxb_cxl_class, "id=hb%u,bus_nr=%u", n, 12 + 20 * n);
		fixture_add(&m, &cxl_rp_class, "id=rp%u,bus=hb%u", n, n);
		fixture_add(&m, &memory_backend_ram_class, "id=v%u,size=256M", n);
	}
	fixture_add(&m, &cxl_upstream_class, "id=us,bus=rp1,x-width=4,x-speed=16");
	fixture_add(&m, &cxl_downstream_class, "id=ds,bus=us");
	fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v0");
	fixture_add(&m, &cxl_type3_class, "id=mem1,bus=ds,volatile-memdev=v1");
	assert_true(fixture_option(&m, "targets.0=hb0,size=1G", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "targets.0=hb1,size=1G", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "targets.0=hb0,targets.1=hb1,size=1G", cxl_host_add_window_opts));
	assert_true(
		fixture_option(&m, "targets.0=hb0,size=1G,restrictions=type3:persistent", cxl_host_add_window_opts));
	assert_true(fixture_settle(&m));
	p = cxl_host_window_performance(m.cxl, 0);
	assert_int_equal(p.read_latency_ps, 150000);
	assert_int_equal(p.read_mbps, 16000);
	p = cxl_host_window_performance(m.cxl, 1);
	assert_int_equal(p.read_latency_ps, 150000 + cdat_switch_latency_ps());
	assert_int_equal(p.read_mbps, 8000);
	p = cxl_host_window_performance(m.cxl, 2);
	assert_int_equal(p.read_latency_ps, 150000 + cdat_switch_latency_ps() / 2);
	assert_int_equal(p.read_mbps, 12000);
	p = cxl_host_window_performance(m.cxl, 3);
	assert_int_equal(p.read_latency_ps | p.read_mbps, 0); /* there is no persistent memory */
	((struct cxl_port *)fixture_find(&m, "ds"))->bridge.unbound = true;
	p = cxl_host_window_performance(m.cxl, 2);
	assert_int_equal(p.read_mbps, 16000);
	fixture_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_regions_are_refused_by_name),
		cmocka_unit_test(wrong_windows_are_refused_by_name),
		cmocka_unit_test(the_spelling_of_2021),
		cmocka_unit_test(wrong_devices_are_refused_by_name),
		cmocka_unit_test(windows_lie_where_they_are_told),
		cmocka_unit_test(ports_are_numbered_apart),
		cmocka_unit_test(decoders_are_as_firmware_leaves_them),
		cmocka_unit_test(persistent_memory_skips_unused_volatile),
		cmocka_unit_test(what_is_left_keeps_its_memory),
		cmocka_unit_test(a_region_ends_with_its_kind_of_memory),
		cmocka_unit_test(single_port_bridge_shows_decoders_for_a_region_only),
		cmocka_unit_test(performance_adds_up),
		cmocka_unit_test(windows_are_as_fast_as_their_memory),
	};

	return cmocka_run_group_tests_name("cxl/region", tests, NULL, NULL);
}
