/* SPDX-License-Identifier: BSD-2-Clause */
/* Config space of Type 3 devices and root ports: where each capability lies, DVSEC fields and lock, DOE with CDAT. */
#include "fixture.h"
#include "pci/parts.h"
#include "pci/pci_spec.h"

static struct machine m;
static struct cxl_type3 *dev;
static struct pci_dev *port;

static int open_device(void **state)
{
	fixture_open(&m);
	dev = fixture_one_device(&m, ",port=7", 512, "");
	port = (struct pci_dev *)fixture_find(&m, "rp0");
	return 0;
}

static int close_device(void **state)
{
	fixture_close(&m);
	return 0;
}

static u32 get(struct pci_dev *pci, u32 offset, unsigned size)
{
	return pci_config_read(pci, offset, size);
}

/* Offset of a capability in the list, 0: none. */
static u32 find_cap(struct pci_dev *pci, u8 id)
{
	u32 at = get(pci, 0x34, 1);

	for (unsigned n = 0; at && n < 48; n++, at = get(pci, at + 1, 1))
		if (get(pci, at, 1) == id)
			return at;
	return 0;
}

static u32 find_ext(struct pci_dev *pci, u16 id, int dvsec)
{
	u32 at = 0x100;

	for (unsigned n = 0; at && n < 100; n++, at = get(pci, at, 4) >> 20)
		if (get(pci, at, 2) == id &&
		    (dvsec < 0 || (get(pci, at + 4, 2) == CXL_VENDOR_ID && get(pci, at + 8, 2) == dvsec)))
			return at;
	return 0;
}

#define DVSEC 0x23

static void type3_layout(void **state)
{
	struct pci_dev *pci = &dev->pci;
	u32 at;

	assert_int_equal(get(pci, 0, 4), 0x0d938086);
	assert_int_equal(get(pci, 8, 4), 0x05021001);
	assert_int_equal(find_cap(pci, 0x11), 0x40);
	assert_int_equal(get(pci, 0x42, 2) & 0x7ff, 7); /* 8 vectors */
	assert_int_equal(get(pci, 0x44, 4) & 7, 4);
	assert_int_equal(find_cap(pci, 0x10), 0x80);
	assert_int_equal(find_ext(pci, DVSEC, DVSEC_CXL_DEVICE), 0x100);
	assert_int_equal(find_ext(pci, DVSEC, DVSEC_REGISTER_LOCATOR), 0x13c);
	assert_int_equal(find_ext(pci, DVSEC, DVSEC_GPF_DEVICE), 0x160);
	assert_int_equal(find_ext(pci, DVSEC, DVSEC_FLEX_BUS_PORT), 0x170);
	assert_int_equal(find_ext(pci, 0x2e, -1), 0x190);
	assert_true(find_ext(pci, 3, -1) > 0x190); /* serial number */
	assert_int_equal(find_ext(pci, 1, -1), 0x200);
	at = 0x104;
	assert_int_equal(get(pci, at, 4) >> 20, DVSEC_DEVICE_BYTES);
	assert_int_equal(get(pci, at, 4) >> 16 & 0xf, DVSEC_DEVICE_REVISION);
	assert_int_equal(get(pci, 0x13c + 4, 4) >> 20, 0x24);
	assert_int_equal(get(pci, 0x13c + 0x0c, 4), 0x0100);
	assert_int_equal(get(pci, 0x13c + 0x14, 4), 0x0302);
	assert_int_equal(get(pci, 0x13c + 0x1c, 4), 0);
	assert_int_equal(get(pci, 0x170 + 4, 4) >> 16 & 0xf, 2);
}

static void root_port_layout(void **state)
{
	u32 at;

	assert_int_equal(get(port, 0, 4), 0x70758086);
	assert_int_equal(get(port, 0x0e, 1) & 0x7f, 1);
	assert_int_equal(find_cap(port, 0x0d), 0x40);
	assert_int_equal(find_cap(port, 5), 0x60);
	assert_int_equal(get(port, find_cap(port, 0x10) + 0x0c, 4) >> 24, 7);
	assert_int_equal(find_ext(port, 1, -1), 0x100);
	assert_int_equal(find_ext(port, 0x0d, -1), 0x148);
	at = find_ext(port, DVSEC, DVSEC_PORT_EXTENSIONS);
	pci_config_write(port, at + DVSEC_PORT_CTRL, 2, 0xffff);
	assert_int_equal(get(port, at + DVSEC_PORT_CTRL, 2), 0xf); /* viral is the host's */
	assert_true(find_ext(port, DVSEC, DVSEC_GPF_PORT));
	at = find_ext(port, DVSEC, DVSEC_FLEX_BUS_PORT);
	pci_config_write(port, at + 0x0c, 2, 0xffff);
	assert_int_equal(get(port, at + 0x0c, 2), 0x3a7); /* not sync header bypass and drift buffer */
	pci_config_write(port, at + 0x0c, 2, 0);
	assert_int_equal(get(port, at + 0x0c, 2), 2);
	assert_int_equal(get(port, find_ext(port, DVSEC, DVSEC_REGISTER_LOCATOR) + 0x0c, 4), 0x0100);
}

/* Longer flits only where both ends have them; then back-invalidate may travel. */
static void flits_are_agreed_on(void **state)
{
	struct cxl_type3 *with;
	struct pci_dev *above;
	u32 flex = find_ext(&dev->pci, DVSEC, DVSEC_FLEX_BUS_PORT) + 0x0e;

	assert_int_equal(get(&dev->pci, flex, 2), FLEX_BUS_IO_MEM_68B);
	assert_false(get(port, port->cap_pcie + 0x32, 2) & 0x400);
	fixture_add(&m, &cxl_rp_class, "id=rp1,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=w,size=256M");
	fixture_add(&m, &cxl_type3_class, "id=mem1,bus=rp1,volatile-memdev=w,x-256b-flit=on,hdm-db=on");
	fixture_reset(&m, RESET_COLD);
	with = fixture_type3(&m, "mem1");
	above = (struct pci_dev *)fixture_find(&m, "rp1");
	assert_int_equal(get(&with->pci, flex, 2), FLEX_BUS_IO_MEM_68B & ~FLEX_BUS_68B);
	assert_int_equal(get(above, find_ext(above, DVSEC, DVSEC_FLEX_BUS_PORT) + 0x0e, 2),
			 FLEX_BUS_IO_MEM_68B & ~FLEX_BUS_68B);
	assert_true(get(&with->pci, with->pci.cap_pcie + 0x32, 2) & 0x400);
	assert_true(get(above, above->cap_pcie + 0x32, 2) & 0x400);
	fixture_add(&m, &cxl_rp_class, "id=rp2,bus=hb0,x-256b-flit=off");
	fixture_add(&m, &memory_backend_ram_class, "id=u,size=256M");
	assert_false(fixture_try(&m, &cxl_type3_class, "id=mem2,bus=rp2,volatile-memdev=u,x-256b-flit=on,hdm-db=on"));
	check_says(&m.err, "'rp2' above it");
}

/* What a function with Flit Mode must have with it, and how a link does without. [PCIe6 7.5.3] */
static void flit_mode_can_be_disabled(void **state)
{
	struct pci_dev *with, *above;
	u32 low, up;

	fixture_add(&m, &cxl_rp_class, "id=rp1,bus=hb0,x-speed=64");
	fixture_add(&m, &cxl_rp_class, "id=rp2,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=w,size=256M");
	fixture_add(&m, &cxl_type3_class, "id=mem1,bus=rp1,volatile-memdev=w,x-256b-flit=on,x-speed=64");
	fixture_reset(&m, RESET_COLD);
	with = &fixture_type3(&m, "mem1")->pci;
	above = (struct pci_dev *)fixture_find(&m, "rp1");
	low = with->cap_pcie;
	up = above->cap_pcie;
	assert_int_equal(get(with, low + 0x04, 4), 0x10028022); /* payloads of 512 bytes, taken whatever is set */
	assert_int_equal(get(above, up + 0x04, 4), 0x00028022);
	assert_int_equal(get(&dev->pci, dev->pci.cap_pcie + 0x04, 4), 0x10008021);
	assert_int_equal(get(with, low + 0x24, 4), 0x00110010); /* three bits of Fmt; long tags */
	assert_int_equal(get(&dev->pci, dev->pci.cap_pcie + 0x24, 4), 0x00010010);
	assert_int_equal(get(with, low + 0x2c, 4), 0x0180007e); /* retimers would be seen */
	assert_int_equal(get(with, low + 0x12, 2) & 0xf, 6);
	assert_int_equal(get(above, up + 0x32, 2), 0x441e); /* link up, something there */
	assert_int_equal(get(with, low + 0x32, 2), 0x041e);
	above = (struct pci_dev *)fixture_find(&m, "rp2");
	assert_int_equal(get(above, above->cap_pcie + 0x32, 2), 0x101e); /* nothing there */
	above = (struct pci_dev *)fixture_find(&m, "rp1");
	pci_config_write(with, low + 0x10, 2, 0x3000);
	assert_int_equal(get(with, low + 0x10, 2), 0);
	pci_config_write(above, up + 0x10, 2, 0x3000);
	assert_int_equal(get(above, up + 0x10, 2), 0x3000);
	pci_config_write(above, up + 0x10, 2, 0x2020); /* trained anew, not from the beginning */
	assert_int_equal(get(above, up + 0x32, 2), 0x441e);
	pci_config_write(above, find_ext(above, DVSEC, DVSEC_PORT_EXTENSIONS) + DVSEC_PORT_CTRL, 2,
			 DVSEC_PORT_UNMASK_DISABLE);
	pci_config_write(above, up + 0x10, 2, 0x2010);
	assert_int_equal(get(above, up + 0x32, 2), 0x201e); /* link down, something there */
	pci_config_write(above, up + 0x10, 2, 0x2000);
	assert_int_equal(get(above, up + 0x32, 2), 0x401e);
	assert_int_equal(get(with, low + 0x32, 2), 0x001e);
	assert_int_equal(get(with, low + 0x12, 2) & 0xf, 5); /* 64 GT/s are of flits */
	assert_int_equal(get(with, find_ext(with, DVSEC, DVSEC_FLEX_BUS_PORT) + 0x0e, 2), FLEX_BUS_IO_MEM_68B);
}

static void device_dvsec_says_what_memory_there_is(void **state)
{
	struct pci_dev *pci = &dev->pci;

	assert_int_equal(get(pci, 0x10a, 2), 0xc9ae); /* IO, Mem, hardware init, two ranges, CXL Reset, viral, PM */
	assert_int_equal(get(pci, 0x112, 2), 0x8000); /* power management is initialized */
	assert_int_equal(get(pci, 0x116, 2), 0x0080); /* no cache, no clean writebacks */
	assert_int_equal(get(pci, 0x118, 4), 0);
	assert_int_equal(get(pci, 0x11c, 4), 256 * MiB | 0x4b);
	assert_int_equal(get(pci, 0x12c, 4), 512 * MiB | 0x4b);
	assert_int_equal(get(pci, 0x10c, 2), 2);
	assert_int_equal(get(pci, 0x11e, 1), 256 * MiB >> 16 & 0xff); /* a byte of a register */
}

static void config_lock_freezes_what_is_rwl(void **state)
{
	struct pci_dev *pci = &dev->pci;

	pci_config_write(pci, 0x10c, 2, 0xffff);
	assert_int_equal(get(pci, 0x10c, 2), 0x4006);
	pci_config_write(pci, 0x10c, 2, 0);
	assert_int_equal(get(pci, 0x10c, 2), 2);
	pci_config_write(pci, 0x120, 4, 0x1);
	pci_config_write(pci, 0x124, 4, 0xffffffff);
	assert_int_equal(get(pci, 0x124, 4), 0xf0000000);
	pci_config_write(pci, 0x110, 2, 4); /* CXL Reset, of what is not locked */
	assert_int_equal(get(pci, 0x124, 4), 0);
	pci_config_write(pci, 0x124, 4, 0xffffffff);
	pci_config_write(pci, 0x114, 2, 0); /* locks nothing */
	pci_config_write(pci, 0x10c, 2, 0x4000);
	assert_int_equal(get(pci, 0x10c, 2), 0x4002);
	pci_config_write(pci, 0x114, 2, 1);
	pci_config_write(pci, 0x114, 2, 0); /* for good */
	assert_int_equal(get(pci, 0x114, 2), 1);
	pci_config_write(pci, 0x10c, 2, 0);
	pci_config_write(pci, 0x124, 4, 0);
	pci_config_write(pci, 0x110, 2, 4);
	assert_int_equal(get(pci, 0x114, 2), 1);
	assert_int_equal(get(pci, 0x10c, 2), 0x4002);
	assert_int_equal(get(pci, 0x124, 4), 0xf0000000);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(get(pci, 0x114, 2), 0);
	pci_config_write(pci, 0x10c, 2, 6);
	assert_int_equal(get(pci, 0x10c, 2), 6);
}

static void resets_touch_what_they_should(void **state)
{
	struct pci_dev *pci = &dev->pci;
	u64 size = 8;
	u8 *media;

	assert_true(get(pci, 0x84, 4) & 1u << 28);           /* FLR */
	assert_int_equal(get(pci, 0x10a, 2) & 0xf80, 0x980); /* CXL Reset, within 100 ms, clears memory */
	enable_mem(dev, true);
	assert_int_equal(program(&dev->comp, 0, WINDOWS_BASE, 256 * MiB, 0, 0, 0, 0) & HDM_CTRL_COMMITTED,
			 HDM_CTRL_COMMITTED);
	media = cxl_media_at(m.cxl, dev, 64, &size);
	store_le(media, 8, 0x1122334455667788);
	pci_config_write(pci, 0x10, 4, 0x20000000);
	pci_config_write(pci, 0x110, 2, 8);
	pci_config_write(pci, 0x88, 2, 0x8000);
	/* CXL.io only: BARs fall, decoders, Mem_Enable and what a CXL Reset is to clear stay. */
	assert_int_equal(get(pci, 0x110, 2), 8);
	assert_int_equal(get(pci, 0x10, 4) & ~0xfu, 0);
	assert_int_equal(get(pci, 0x10c, 2), 6);
	assert_int_equal(component_get(&dev->comp, AT_HDM + HDM_CTRL) & HDM_CTRL_COMMITTED, HDM_CTRL_COMMITTED);
	pci_config_write(pci, 0x114, 2, 1); /* Config Lock */
	pci_config_write(pci, 0x20c, 4, 0); /* AER severity: sticky */
	pci_config_write(pci, 0x110, 2, 4);
	assert_int_equal(get(pci, 0x110, 2), 0);
	assert_int_equal(get(pci, 0x112, 2), 0x8002); /* complete */
	pci_config_write(pci, 0x88, 2, 0x8000);
	assert_int_equal(get(pci, 0x112, 2), 0x8002);
	assert_int_equal(get(pci, 0x114, 2), 1);
	assert_int_equal(get(pci, 0x20c, 4), 0);
	assert_int_equal(component_get(&dev->comp, AT_HDM + HDM_CTRL) & HDM_CTRL_COMMITTED, 0);
	media = cxl_media_at(m.cxl, dev, 64, &size);
	assert_true(load_le(media, 8) == 0x1122334455667788);
	assert_true(poison_add(dev, 64, 64, POISON_INTERNAL));
	pci_config_write(pci, 0x110, 2, 8);
	assert_int_equal(get(pci, 0x110, 2), 8);
	pci_config_write(pci, 0x110, 2, 8 | 4);
	media = cxl_media_at(m.cxl, dev, 64, &size);
	assert_true(load_le(media, 8) == 0);
	assert_int_equal(dev->poison.count, 0);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(get(pci, 0x112, 2), 0x8000);
}

static u64 peek(u64 hpa)
{
	u64 value = 0;

	assert_int_equal(space_read(m.space, hpa, 8, &value), MEM_OK);
	return value;
}

static void range_set(unsigned range, u64 base)
{
	pci_config_write(&dev->pci, 0x120 + 16 * range, 4, base >> 32);
	pci_config_write(&dev->pci, 0x124 + 16 * range, 4, (u32)base);
}

static void no_hop(void *arg, const struct cxl_hop *hop)
{
}

/* While HDM Decoder Enable is 0 the ranges of the DVSEC decode. [CXL3.1 8.1.3.8] */
static void ranges_decode_as_long_as_hdm_decoders_do_not(void **state)
{
	u64 size = 8, dpa = 0;

	fixture_close(&m);
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	assert_true(fixture_option(&m, "targets.0=hb0,size=2G", cxl_host_add_window_opts));
	dev = fixture_one_device_below(&m, "", 512, "");
	range_set(0, WINDOWS_BASE + GiB);
	range_set(1, WINDOWS_BASE);
	assert_true(peek(WINDOWS_BASE) == ~0ull);
	pci_config_write(&dev->pci, 0x10c, 2, 6);
	assert_int_equal(space_write(m.space, WINDOWS_BASE + GiB + 64, 8, 1), MEM_OK);
	assert_int_equal(space_write(m.space, WINDOWS_BASE + 64, 8, 2), MEM_OK);
	assert_int_equal(load_le(cxl_media_at(m.cxl, dev, 64, &size), 8), 1);
	assert_int_equal(load_le(cxl_media_at(m.cxl, dev, 256 * MiB + 64, &size), 8), 2);
	assert_true(peek(WINDOWS_BASE + 512 * MiB) == ~0ull);
	assert_true(cxl_explain(m.cxl, WINDOWS_BASE + 64, no_hop, NULL, &dpa));
	assert_int_equal(dpa, 256 * MiB + 64);
	assert_false(cxl_explain(m.cxl, WINDOWS_BASE + 512 * MiB, no_hop, NULL, &dpa));
	range_set(1, WINDOWS_BASE + 512 * MiB);
	assert_int_equal(peek(WINDOWS_BASE + 512 * MiB + 64), 2);
	component_set(&dev->comp, AT_HDM + HDM_GLOBAL_CTRL, HDM_GLOBAL_ENABLE); /* no decoder is committed */
	assert_true(peek(WINDOWS_BASE + GiB + 64) == ~0ull);
	component_set(&dev->comp, AT_HDM + HDM_GLOBAL_CTRL, 0);
	assert_int_equal(peek(WINDOWS_BASE + GiB + 64), 1);
	pci_config_write(&dev->pci, 0x10c, 2, 2);
	assert_true(peek(WINDOWS_BASE + GiB + 64) == ~0ull);
}

/* With HDM Decoder Enable 0, Mem_Enable alone says whether there is memory. [CXL3.1 8.1.3.2, 8.1.3.8] */
static void ranges_end_with_mem_enable_at_a_reset(void **state)
{
	static const unsigned kinds[] = {RESET_COLD, RESET_WARM, RESET_HOT, RESET_CXL};

	fixture_close(&m);
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	assert_true(fixture_option(&m, "targets.0=hb0,size=2G", cxl_host_add_window_opts));
	dev = fixture_one_device_below(&m, "", 512, "");
	for (unsigned n = 0; n < ARRAY_SIZE(kinds); n++) {
		range_set(0, WINDOWS_BASE);
		pci_config_write(&dev->pci, 0x10c, 2, 6);
		assert_int_equal(space_write(m.space, WINDOWS_BASE, 8, n), MEM_OK);
		pci_config_write(&dev->pci, 0x88, 2, 0x8000); /* FLR: not of CXL.mem */
		assert_int_equal(peek(WINDOWS_BASE), n);
		if (kinds[n] & (RESET_COLD | RESET_WARM))
			fixture_reset(&m, kinds[n]);
		else if (kinds[n] == RESET_HOT)
			pci_function_reset(&dev->pci, RESET_HOT);
		else
			pci_config_write(&dev->pci, 0x110, 2, 4);
		assert_int_equal(get(&dev->pci, 0x10c, 2), 2);
		assert_true(peek(WINDOWS_BASE) == ~0ull);
	}
	/* Config Lock keeps Mem_Enable and the ranges over CXL Reset. */
	range_set(0, WINDOWS_BASE);
	pci_config_write(&dev->pci, 0x10c, 2, 6);
	assert_int_equal(space_write(m.space, WINDOWS_BASE, 8, 9), MEM_OK);
	pci_config_write(&dev->pci, 0x114, 2, 1);
	pci_config_write(&dev->pci, 0x110, 2, 4);
	assert_int_equal(get(&dev->pci, 0x10c, 2), 6);
	assert_int_equal(peek(WINDOWS_BASE), 9);
}

/* Secondary Bus Reset of an empty slot: masked by what is plugged then, unmasked later. [CXL3.1 8.1.5.2] */
static void a_reset_that_is_unmasked_later_resets(void **state)
{
	struct cxl_port *rp;

	fixture_close(&m);
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0,power_controller_present=off");
	fixture_power_on(&m);
	rp = (struct cxl_port *)fixture_find(&m, "rp0");
	pci_config_write(&rp->pci, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_RESET);
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v");
	dev = fixture_type3(&m, "mem0");
	cxl_type3_class.reset(&dev->pci.dev, RESET_COLD);
	pci_slot_plugged(&dev->pci);
	assert_true(pci_link_is_up(&rp->pci));
	program(&dev->comp, 0, WINDOWS_BASE, 256 * MiB, 0, 0, 0, 0);
	assert_true(dev->comp.decoders[0].committed);
	pci_config_write(&rp->pci, rp->dvsec + DVSEC_PORT_CTRL, 2, DVSEC_PORT_UNMASK_RESET);
	assert_false(pci_link_is_up(&rp->pci));
	assert_false(dev->comp.decoders[0].committed);
}

static void functions_beside_it_are_named(void **state)
{
	struct pci_dev other = {.dev = {.cls = &cxl_rp_class}};
	struct pci_dev *upstream;
	struct cxl_type3 *both;
	u32 map;

	fixture_add(&m, &cxl_rp_class, "id=rp1,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v1,size=256M");
	fixture_add(&m, &cxl_type3_class, "id=mem1,bus=rp1,volatile-memdev=v1,multifunction=on,addr=0.0");
	both = fixture_type3(&m, "mem1");
	map = find_ext(&both->pci, 0x23, 2);
	assert_true(map > 0x200); /* after AER */
	assert_int_equal(find_ext(&dev->pci, 0x23, 2), 0);
	assert_int_equal(get(&both->pci, 0x0e, 1), 0x80);
	both->pci.bus->slots[3] = &other; /* function 3 of device 0 */
	for (unsigned function = 0; function < 8; function++)
		assert_int_equal(get(&both->pci, map + 0x0c + 4 * function, 4), function == 3);
	both->pci.bus->slots[3] = NULL;
	assert_int_equal(get(&both->pci, map + 0x0c + 12, 4), 0);
	/* A switch's mailbox beside its upstream port. */
	fixture_add(&m, &cxl_rp_class, "id=rp2,bus=hb0");
	fixture_add(&m, &cxl_upstream_class, "id=us2,bus=rp2,multifunction=on,addr=0.0");
	fixture_add(&m, &cxl_switch_cci_class, "id=cci2,bus=rp2,addr=0.1,target=us2");
	upstream = (struct pci_dev *)fixture_find(&m, "us2");
	map = find_ext(upstream, 0x23, 2);
	assert_true(map);
	for (unsigned function = 0; function < 8; function++)
		assert_int_equal(get(upstream, map + 0x0c + 4 * function, 4), function == 1);
}

static void serial_numbers_are_stable_and_distinct(void **state)
{
	u32 at = find_ext(&dev->pci, 3, -1), low = get(&dev->pci, at + 4, 4), high = get(&dev->pci, at + 8, 4);

	assert_true(low || high);
	close_device(state);
	open_device(state);
	assert_int_equal(get(&dev->pci, at + 4, 4), low);
	assert_int_equal(get(&dev->pci, at + 8, 4), high);
	fixture_add(&m, &cxl_rp_class, "id=rp1,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v1,size=256M");
	fixture_add(&m, &cxl_type3_class, "id=mem1,bus=rp1,volatile-memdev=v1");
	assert_int_not_equal(get(&fixture_type3(&m, "mem1")->pci, at + 4, 4), low);
}

/* One exchange over the DOE mailbox registers; returns response DWORDs. */
static u32 doe(const u32 *request, u32 dwords, u32 *response, u32 room)
{
	struct pci_dev *pci = &dev->pci;
	u32 at = 0x190, count = 0;

	for (u32 i = 0; i < dwords; i++)
		pci_config_write(pci, at + 0x10, 4, request[i]);
	pci_config_write(pci, at + 8, 4, 0x80000000);
	for (unsigned tries = 0; tries < 100 && !(get(pci, at + 0x0c, 4) & 0x80000004); tries++)
		loop_time_advance(m.loop, 10000000);
	while (get(pci, at + 0x0c, 4) & 0x80000000 && count < room) {
		response[count++] = get(pci, at + 0x14, 4);
		pci_config_write(pci, at + 0x14, 4, 0);
	}
	if (get(pci, at + 0x0c, 4) & 4)
		pci_config_write(pci, at + 8, 4, 1); /* abort after an error */
	return count;
}

static void cdat_reads_entry_by_entry_and_sums_to_zero(void **state)
{
	u32 handle = 0, total = 0, entries = 0, response[64];
	u8 table[1024], sum = 0;

	while (handle != 0xffff) {
		u32 request[3] = {0x00021e98, 3, handle << 16}, count = doe(request, 3, response, 64);

		assert_true(count > 3);
		assert_int_equal(response[0], 0x00021e98);
		assert_int_equal(response[1], count);
		assert_int_equal(response[2] & 0xffff, 0);
		memcpy(table + total, &response[3], (count - 3) * 4);
		total += (count - 3) * 4;
		handle = response[2] >> 16;
		assert_true(++entries < 40);
	}
	assert_int_equal(entries, 13); /* header; six for each partition */
	assert_int_equal(load_le(table, 4), total);
	for (u32 i = 0; i < total; i++)
		sum += table[i];
	assert_int_equal(sum, 0);
	for (u32 at = 16; at < total; at += load_le(table + at + 2, 2))
		assert_int_equal(load_le(table + at + 2, 2), 24);
	assert_int_equal(table[16], CDAT_DSMAS);
	assert_int_equal(load_le(table + 16 + 16, 8), 256 * MiB);
	assert_int_equal(table[16 + 6 * 24 + 5], CDAT_DSMAS_NONVOLATILE);
	assert_int_equal(load_le(table + 16 + 6 * 24 + 8, 8), 256 * MiB);
}

static void wrong_cdat_requests_get_no_answer(void **state)
{
	static const u32 words[] = {13u << 16, 0xffff0000, 0x00000100, 0x00000001};
	u32 response[64];

	for (unsigned n = 0; n < ARRAY_SIZE(words); n++) {
		u32 request[3] = {0x00021e98, 3, words[n]};

		assert_int_equal(doe(request, 3, response, 64), 0);
	}
	cdat_reads_entry_by_entry_and_sums_to_zero(state);
}

/* Every function has power management; D3hot closes the BARs and stops requests, and what is in the registers and the
 * memory stays. [PCIe5 5.3.1.4] */
static void devices_sleep_and_wake(void **state)
{
	struct pci_dev *pci = &dev->pci;
	u32 pm = find_cap(pci, 1);
	u64 value;

	assert_true(pm > 0x40 && pm != 0x80);
	assert_int_equal(get(pci, pm + 2, 2), 3); /* no D1, no D2, no PME */
	assert_int_equal(get(pci, pm + 4, 2), PM_CTRL_NO_SOFT_RESET);
	pci_config_write(port, PCI_PREFETCH_BASE, 4, 0x00010001);
	pci_config_write(port, PCI_PREFETCH_BASE_HI, 4, 0x80);
	pci_config_write(port, PCI_PREFETCH_LIMIT_HI, 4, 0x80);
	pci_config_write(port, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_config_write(pci, PCI_BAR0 + 4, 4, 0x80);
	pci_config_write(pci, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_true(pci->bars[0].region.added);
	assert_true(pci_is_bus_master(pci));
	program(&dev->comp, 0, WINDOWS_BASE, 256 * MiB, 0, 0, 0, 0);
	pci_config_write(pci, pm + 4, 2, 1); /* D1 is not there */
	assert_int_equal(get(pci, pm + 4, 2) & PM_CTRL_STATE, 0);
	pci_config_write(pci, pm + 4, 2, PM_CTRL_D3HOT);
	assert_int_equal(get(pci, pm + 4, 2), PM_CTRL_NO_SOFT_RESET | PM_CTRL_D3HOT);
	assert_false(pci->bars[0].region.added);
	assert_int_equal(space_read(m.space, 0x8000001000, 4, &value), MEM_OK);
	assert_int_equal(value, ~0u); /* nobody claims it */
	assert_false(pci_is_bus_master(pci));
	assert_int_equal(get(pci, 0, 4), 0x0d938086); /* configuration space goes on */
	pci_config_write(pci, pm + 4, 2, 0);
	assert_true(pci->bars[0].region.added);
	assert_true(pci_is_bus_master(pci));
	assert_true(dev->comp.decoders[0].committed);
	/* A port that sleeps forwards no memory requests. */
	pci_config_write(port, port->cap_pm + PM_CTRL, 2, PM_CTRL_D3HOT);
	assert_false(pci->bars[0].region.added);
	pci_config_write(port, port->cap_pm + PM_CTRL, 2, 0);
	assert_true(pci->bars[0].region.added);
	pci_config_write(pci, pm + 4, 2, PM_CTRL_D3HOT);
	pci_function_reset(pci, RESET_FUNCTION);
	assert_int_equal(get(pci, pm + 4, 2), PM_CTRL_NO_SOFT_RESET);
}

static u64 at_pa(u64 pa)
{
	u64 value = 0;

	assert_int_equal(space_read(m.space, pa, 4, &value), MEM_OK);
	return value;
}

/* Memory and buses that a port decodes by its Port Extensions, whatever its header says. [CXL3.1 8.1.5.2 to 8.1.5.10]
 */
static void alternate_ranges_lead_through_ports(void **state)
{
	struct pci_dev *rp, *us, *ds, *mem;
	u32 at[2];

	fixture_close(&m);
	fixture_open(&m);
	mem = &fixture_switched_device(&m)->pci;
	rp = (struct pci_dev *)fixture_find(&m, "rp0");
	us = (struct pci_dev *)fixture_find(&m, "us0");
	ds = (struct pci_dev *)fixture_find(&m, "ds0");
	/* Memory of the device at 0x8000000000; the last port by its header, those above by the alternate ranges. */
	pci_config_write(mem, PCI_BAR0, 4, 0);
	pci_config_write(mem, PCI_BAR0 + 4, 4, 0x80);
	pci_config_write(mem, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_config_write(ds, PCI_PREFETCH_BASE, 4, 0x00010001);
	pci_config_write(ds, PCI_PREFETCH_BASE_HI, 4, 0x80);
	pci_config_write(ds, PCI_PREFETCH_LIMIT_HI, 4, 0x80);
	pci_config_write(ds, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_config_write(ds, PCI_PRIMARY_BUS, 4, 0x0f0f0e);
	at[0] = find_ext(rp, DVSEC, DVSEC_PORT_EXTENSIONS);
	at[1] = find_ext(us, DVSEC, DVSEC_PORT_EXTENSIONS);
	for (unsigned n = 0; n < 2; n++) {
		struct pci_dev *pci = n ? us : rp;

		pci_config_write(pci, at[n] + DVSEC_PORT_MEM_BASE, 4, 0x0000fff0); /* none */
		pci_config_write(pci, at[n] + DVSEC_PORT_PREFETCH_BASE, 4, 0x00100000);
		pci_config_write(pci, at[n] + DVSEC_PORT_PREFETCH_BASE_HI, 4, 0x80);
		pci_config_write(pci, at[n] + DVSEC_PORT_PREFETCH_LIMIT_HI, 4, 0x80);
	}
	assert_int_equal(mem->bars[0].region.added, false);
	pci_config_write(rp, at[0] + DVSEC_PORT_CTRL, 2, DVSEC_PORT_ALTERNATE);
	assert_int_equal(mem->bars[0].region.added, false);
	pci_config_write(us, at[1] + DVSEC_PORT_CTRL, 2, DVSEC_PORT_ALTERNATE);
	assert_int_equal(mem->bars[0].region.added, true);
	assert_int_equal(at_pa(0x8000001000) & 0xffff, 1); /* the capability header of its component registers */
	pci_config_write(us, at[1] + DVSEC_PORT_PREFETCH_BASE_HI, 4, 0x81);
	assert_int_equal(mem->bars[0].region.added, false);
	/* The 32-bit ranges do as well. */
	pci_config_write(mem, PCI_BAR0, 4, 0x10000000);
	pci_config_write(mem, PCI_BAR0 + 4, 4, 0);
	pci_config_write(ds, PCI_MEMORY_BASE, 4, 0x10001000);
	assert_int_equal(mem->bars[0].region.added, false);
	pci_config_write(us, at[1] + DVSEC_PORT_MEM_BASE, 4, 0x10001000);
	pci_config_write(rp, at[0] + DVSEC_PORT_MEM_BASE, 4, 0x10001000);
	assert_int_equal(mem->bars[0].region.added, true);
	pci_config_write(rp, at[0] + DVSEC_PORT_CTRL, 2, 0);
	assert_int_equal(mem->bars[0].region.added, false);
	pci_config_write(rp, at[0] + DVSEC_PORT_CTRL, 2, DVSEC_PORT_ALTERNATE);
	/* Buses: requests to bus 0fh go on as they are until a port has it as its secondary one; the ports' own bus
	 * numbers are 0. */
	assert_null(pci_root_find(pci_host_root(m.pci)->next, 0x0f, 0));
	for (unsigned n = 0; n < 2; n++)
		pci_config_write(n ? us : rp, at[n] + DVSEC_PORT_BUS_BASE, 2, 0x100f);
	assert_ptr_equal(pci_root_find(pci_host_root(m.pci)->next, 0x0f, 0), mem);
	assert_null(pci_root_find(pci_host_root(m.pci)->next, 0x10, 0));
	assert_null(pci_root_find(pci_host_root(m.pci)->next, 0x11, 0));
	/* Requests from there need Alt BME, and no Bus Master Enable. */
	pci_config_write(rp, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	pci_config_write(us, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_false(pci_is_bus_master(mem));
	pci_config_write(rp, PCI_COMMAND, 2, 0);
	for (unsigned n = 0; n < 2; n++)
		pci_config_write(n ? us : rp, at[n] + DVSEC_PORT_CTRL, 2,
				 DVSEC_PORT_ALTERNATE | DVSEC_PORT_ALTERNATE_MASTER);
	assert_true(pci_is_bus_master(mem));
	pci_config_write(rp, at[0] + DVSEC_PORT_BUS_BASE, 2, 0);
	assert_false(pci_is_bus_master(mem));
	/* No device is in RCD mode, so no port's registers move into memory. */
	pci_config_write(rp, at[0] + 0x20, 4, ~0u);
	assert_int_equal(get(rp, at[0] + 0x20, 4), 0);
}

static void config_registers_walk_bit_by_bit(void **state)
{
	struct check_walk walk = {0};

	assert_true(check_walking_ones(&dev->pci.config, &walk) > 1000);
	assert_true(check_walking_ones(&port->config, &walk) > 1000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_device, close_device)
	const struct CMUnitTest tests[] = {
		T(type3_layout),
		T(root_port_layout),
		T(flits_are_agreed_on),
		T(flit_mode_can_be_disabled),
		T(device_dvsec_says_what_memory_there_is),
		T(config_lock_freezes_what_is_rwl),
		T(resets_touch_what_they_should),
		T(ranges_decode_as_long_as_hdm_decoders_do_not),
		T(ranges_end_with_mem_enable_at_a_reset),
		T(a_reset_that_is_unmasked_later_resets),
		T(functions_beside_it_are_named),
		T(serial_numbers_are_stable_and_distinct),
		T(cdat_reads_entry_by_entry_and_sums_to_zero),
		T(wrong_cdat_requests_get_no_answer),
		T(devices_sleep_and_wake),
		T(alternate_ranges_lead_through_ports),
		T(config_registers_walk_bit_by_bit),
	};

	return cmocka_run_group_tests_name("cxl/config", tests, NULL, NULL);
}
