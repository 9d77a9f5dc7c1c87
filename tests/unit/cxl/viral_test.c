/* SPDX-License-Identifier: BSD-2-Clause */
/* Viral: a device that isolates itself commits nothing to persistent memory, and the host goes on. [CXL3.1 12.4, 8.1.3]
 */
#include "fixture.h"
#include "pci/pci_spec.h"

#define Q (256 * MiB)
#define RAM WINDOWS_BASE
#define PMEM (WINDOWS_BASE + GiB)

static struct machine m;
static struct cxl_type3 *dev;

static int open_fabric(void **state)
{
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	for (unsigned n = 0; n < 2; n++) {
		fixture_add(&m, &cxl_rp_class, "id=rp%u,bus=hb0", n);
		fixture_add(&m, &memory_backend_ram_class, "id=v%u,size=256M", n);
		fixture_add(&m, &memory_backend_ram_class, "id=p%u,size=256M", n);
		fixture_add(&m, &memory_backend_ram_class, "id=l%u,size=128K", n);
		fixture_add(&m, &cxl_type3_class, "id=mem%u,bus=rp%u,volatile-memdev=v%u,persistent-memdev=p%u,lsa=l%u",
			    n, n, n, n, n);
	}
	assert_true(fixture_option(&m, "targets.0=hb0,size=1G", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "targets.0=hb0,size=1G", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "devices=mem0:mem1,type=ram,window=0", cxl_host_add_region));
	assert_true(fixture_option(&m, "devices=mem0:mem1,type=pmem,window=1", cxl_host_add_region));
	fixture_power_on(&m);
	dev = fixture_type3(&m, "mem0");
	return 0;
}

static int close_fabric(void **state)
{
	fixture_close(&m);
	return 0;
}

static u32 dvsec(u32 offset)
{
	return pci_config_read(&dev->pci, dev->dvsec_device + offset, 2);
}

static void dvsec_set(u32 offset, u32 value)
{
	pci_config_write(&dev->pci, dev->dvsec_device + offset, 2, value);
}

static void enable_viral(void)
{
	dvsec_set(DVSEC_DEVICE_CTRL, dvsec(DVSEC_DEVICE_CTRL) | DVSEC_DEVICE_VIRAL);
	assert_true(dvsec(DVSEC_DEVICE_CTRL) & DVSEC_DEVICE_VIRAL);
	component_set(&dev->comp, AT_RAS + RAS_UNCORRECTABLE_MASK, 0);
}

static void inject(void)
{
	struct cxl_ras_error error = {.type = "mem-data-ecc"};

	assert_true(cxl_ras_uncorrectable(&dev->pci.dev, &error, 1, &m.err));
}

/* Whether what is written there is read back. */
static bool keeps(u64 hpa, u64 value)
{
	u64 got, before;

	assert_int_equal(space_read(m.space, hpa, 8, &before), MEM_OK);
	assert_int_not_equal(before, value);
	assert_int_equal(space_write(m.space, hpa, 8, value), MEM_OK);
	assert_int_equal(space_read(m.space, hpa, 8, &got), MEM_OK);
	assert_true(got == value || got == before);
	return got == value;
}

static void only_persistent_memory_of_the_device_drops_writes(void **state)
{
	u64 got;

	assert_true(dvsec(DVSEC_DEVICE_CAP) & DVSEC_DEVICE_VIRAL);
	enable_viral();
	assert_true(keeps(PMEM, 1));
	inject();
	assert_true(dvsec(DVSEC_DEVICE_STATUS) & DVSEC_DEVICE_VIRAL);
	assert_false(keeps(PMEM, 2));
	assert_true(keeps(PMEM + 256, 3)); /* mem1's */
	assert_true(keeps(RAM, 4));
	assert_true(keeps(RAM + 256, 5));
	assert_int_equal(space_read(m.space, PMEM, 8, &got), MEM_OK);
	assert_int_equal(got, 1); /* what was committed can be read */
	dvsec_set(DVSEC_DEVICE_STATUS, DVSEC_DEVICE_VIRAL);
	assert_false(dvsec(DVSEC_DEVICE_STATUS) & DVSEC_DEVICE_VIRAL);
	assert_false(keeps(PMEM, 6)); /* the record is gone, isolation is not */
}

static void entered_by_an_enabled_fatal_error(void **state)
{
	inject(); /* viral is not enabled */
	assert_false(dvsec(DVSEC_DEVICE_STATUS) & DVSEC_DEVICE_VIRAL);
	enable_viral();
	component_set(&dev->comp, AT_RAS + RAS_UNCORRECTABLE_SEVERITY, 0);
	inject(); /* not fatal */
	component_set(&dev->comp, AT_RAS + RAS_UNCORRECTABLE_SEVERITY, ~0u);
	component_set(&dev->comp, AT_RAS + RAS_UNCORRECTABLE_MASK, ~0u);
	inject(); /* masked */
	assert_false(dvsec(DVSEC_DEVICE_STATUS) & DVSEC_DEVICE_VIRAL);
	assert_true(keeps(PMEM, 1));
	dvsec_set(DVSEC_DEVICE_LOCK, 1);
	dvsec_set(DVSEC_DEVICE_CTRL, dvsec(DVSEC_DEVICE_CTRL) & ~DVSEC_DEVICE_VIRAL);
	assert_true(dvsec(DVSEC_DEVICE_CTRL) & DVSEC_DEVICE_VIRAL); /* locked */
}

static void resets_end_isolation_and_keep_the_record(void **state)
{
	static const struct {
		unsigned kind;
		bool isolated, recorded;
	} rows[] = {
		{RESET_FUNCTION, true, true}, {RESET_CXL, true, true},    {RESET_HOT, false, true},
		{RESET_WARM, false, true},    {RESET_COLD, false, false},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
		enable_viral();
		inject();
		assert_true(dev->viral);
		if (rows[n].kind == RESET_FUNCTION || rows[n].kind == RESET_CXL)
			pci_function_reset(&dev->pci, rows[n].kind);
		else
			fixture_reset(&m, rows[n].kind);
		assert_int_equal(dev->viral, rows[n].isolated);
		assert_int_equal((dvsec(DVSEC_DEVICE_STATUS) & DVSEC_DEVICE_VIRAL) != 0, rows[n].recorded);
	}
	assert_true(keeps(PMEM, 7)); /* the boot region is there again */
}

static u32 port_register(struct pci_dev *pci, u16 at, u32 offset)
{
	return pci_config_read(pci, at + offset, 2);
}

static void enable_port(struct pci_dev *pci, u16 at)
{
	pci_config_write(pci, at + DVSEC_PORT_CTRL, 2, DVSEC_PORT_VIRAL);
	assert_int_equal(port_register(pci, at, DVSEC_PORT_CTRL), DVSEC_PORT_VIRAL);
}

/* Switches forward it always, and note it in the ports that have it on; a root port has no register for it. */
static void ports_note_viral_on_its_way_up(void **state)
{
	struct machine s;
	struct cxl_port *rp, *ds;
	struct cxl_switch *us;

	fixture_open(&s);
	fixture_add(&s, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&s, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&s, &cxl_upstream_class, "id=us0,bus=rp0");
	fixture_add(&s, &cxl_downstream_class, "id=ds0,bus=us0");
	fixture_add(&s, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&s, &cxl_type3_class, "id=mem,bus=ds0,volatile-memdev=v");
	assert_true(fixture_settle(&s));
	fixture_reset(&s, RESET_COLD);
	rp = (struct cxl_port *)fixture_find(&s, "rp0");
	ds = (struct cxl_port *)fixture_find(&s, "ds0");
	us = (struct cxl_switch *)fixture_find(&s, "us0");
	dev = fixture_type3(&s, "mem");
	enable_viral();
	enable_port(&us->pci, us->dvsec);
	inject();
	assert_int_equal(port_register(&ds->pci, ds->dvsec, DVSEC_PORT_STATUS), 1);
	assert_int_equal(port_register(&us->pci, us->dvsec, DVSEC_PORT_STATUS), DVSEC_PORT_VIRAL | 1);
	pci_config_write(&us->pci, us->dvsec + DVSEC_PORT_STATUS, 2, DVSEC_PORT_VIRAL);
	assert_int_equal(port_register(&us->pci, us->dvsec, DVSEC_PORT_STATUS), 1);
	enable_port(&ds->pci, ds->dvsec);
	assert_true(dvsec_send_viral(dev->above)); /* as compliance does it */
	assert_int_equal(port_register(&ds->pci, ds->dvsec, DVSEC_PORT_STATUS), DVSEC_PORT_VIRAL | 1);
	assert_int_equal(port_register(&us->pci, us->dvsec, DVSEC_PORT_STATUS), DVSEC_PORT_VIRAL | 1);
	assert_int_equal(port_register(&rp->pci, rp->dvsec, DVSEC_PORT_STATUS), 1);
	assert_false(dvsec_send_viral(NULL));
	fixture_close(&s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_fabric, close_fabric)
	const struct CMUnitTest tests[] = {
		T(only_persistent_memory_of_the_device_drops_writes),
		T(entered_by_an_enabled_fatal_error),
		T(resets_end_isolation_and_keep_the_record),
		T(ports_note_viral_on_its_way_up),
	};

	return cmocka_run_group_tests_name("cxl/viral", tests, NULL, NULL);
}
