/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration space and BARs: headers, chains, byte enables, sizing, moves, windows. [PCIe5 7.5.1] */
#include "pci/fixture.h"

static struct test_dev *add(struct fixture *f, struct bus *bus, const char *text)
{
	return container_of(fixture_must_add(f, &test_dev_class, bus, text), struct test_dev, pci.dev);
}

static void header_has_the_ids(void **state)
{
	struct fixture *f = fixture_new();

	add(f, NULL, "addr=3");
	assert_int_equal(rd(f, ecam(0, 3, 0, 0), 4), 0x56781234);
	assert_int_equal(rd(f, ecam(0, 3, 0, 8), 4), 0x05800007);
	assert_int_equal(rd(f, ecam(0, 3, 0, 0x2c), 4), 0xbbbbaaaa);
	assert_int_equal(rd(f, ecam(0, 3, 0, 0x0e), 1), 0);
	assert_int_equal(rd(f, ecam(0, 3, 0, 0x3d), 1), 1);
	assert_int_equal(rd(f, ecam(0, 3, 0, 0), 8), 0x0010000056781234);
	assert_int_equal(rd(f, ecam(0, 4, 0, 0), 4), 0xffffffff);
	assert_int_equal(rd(f, ecam(7, 0, 0, 0), 2), 0xffff);
	fixture_free(f);
}

static void command_takes_byte_writes_and_only_its_bits(void **state)
{
	struct fixture *f = fixture_new();

	add(f, NULL, "addr=1");
	wr(f, ecam(0, 1, 0, 4), 2, 0xffff);
	assert_int_equal(rd(f, ecam(0, 1, 0, 4), 2), 0x0547);
	wr(f, ecam(0, 1, 0, 5), 1, 0);
	assert_int_equal(rd(f, ecam(0, 1, 0, 4), 2), 0x0047);
	wr(f, ecam(0, 1, 0, 0), 4, 0); /* IDs are read-only */
	assert_int_equal(rd(f, ecam(0, 1, 0, 0), 4), 0x56781234);
	fixture_free(f);
}

static void chains_end_and_stay_inside(void **state)
{
	struct fixture *f = fixture_new();
	unsigned at, found = 0, steps = 0;
	u32 seen = 0;

	add(f, NULL, "addr=1");
	wr(f, ecam(0, 1, 0, 4), 2, 0xffff);
	for (at = rd(f, ecam(0, 1, 0, 0x34), 1); at; at = rd(f, ecam(0, 1, 0, at + 1), 1)) {
		assert_true(at >= 0x40 && at < 0x100 && at % 4 == 0 && ++steps < 48);
		seen |= 1u << rd(f, ecam(0, 1, 0, at), 1);
	}
	assert_int_equal(seen, 1u << 0x10 | 1u << 0x11 | 1u << 1);
	for (at = 0x100; at; at = rd(f, ecam(0, 1, 0, at), 4) >> 20) {
		u32 id = rd(f, ecam(0, 1, 0, at), 2);

		assert_true(at >= 0x100 && at % 4 == 0 && ++steps < 100);
		found++;
		if (id == PCI_EXT_CAP_DSN) {
			assert_int_equal(rd(f, ecam(0, 1, 0, at + 4), 4), 0x55667788);
			assert_int_equal(rd(f, ecam(0, 1, 0, at + 8), 4), 0x11223344);
		}
		if (id == PCI_EXT_CAP_DVSEC) {
			assert_int_equal(rd(f, ecam(0, 1, 0, at + 4), 4), 0x02021e98);
			assert_int_equal(rd(f, ecam(0, 1, 0, at + 8), 2), 9);
		}
	}
	assert_int_equal(found, 3);
	fixture_free(f);
}

static void bar_sizes_moves_and_obeys_memory_enable(void **state)
{
	struct fixture *f = fixture_new();
	struct test_dev *t = add(f, NULL, "addr=1,bar=64K");
	u64 bar = ecam(0, 1, 0, 0x10), value;

	wr(f, bar, 4, 0xffffffff);
	assert_int_equal(rd(f, bar, 4), 0xffff0000);
	wr(f, bar, 4, 0x10200000);
	assert_true(pci_bar_address(&t->pci, 0) == UINT64_MAX);
	assert_int_equal(rd(f, 0x10200010, 4), 0xffffffff); /* the empty window */
	wr(f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY);
	assert_int_equal(pci_bar_address(&t->pci, 0), 0x10200000);
	assert_int_equal(rd(f, 0x10200010, 4), 0xabcd0010);
	wr(f, 0x1020fffc, 4, 77);
	assert_int_equal(t->last_offset, 0xfffc);
	assert_int_equal(t->last_value, 77);
	wr(f, bar, 4, 0x10300000);
	assert_int_equal(rd(f, 0x10300010, 4), 0xabcd0010);
	assert_int_equal(rd(f, 0x10200010, 4), 0xffffffff);
	wr(f, bar, 4, 0x40000000); /* outside the windows: nowhere */
	assert_true(pci_bar_address(&t->pci, 0) == UINT64_MAX);
	assert_int_not_equal(space_read(f->space, 0x40000000, 4, &value), MEM_OK);
	wr(f, bar, 4, 0x3efe0000); /* fits exactly */
	assert_int_equal(pci_bar_address(&t->pci, 0), 0x3efe0000);
	wr(f, ecam(0, 1, 0, 4), 2, 0);
	assert_true(pci_bar_address(&t->pci, 0) == UINT64_MAX);
	fixture_free(f);
}

static void bar_64_and_io(void **state)
{
	struct fixture *f = fixture_new();
	struct test_dev *t = add(f, NULL, "addr=1,bar=8G,is64=on"), *io = add(f, NULL, "addr=2,bar=32,io=on");

	wr(f, ecam(0, 1, 0, 0x10), 8, ~0ull);
	assert_int_equal(rd(f, ecam(0, 1, 0, 0x10), 4), 0x4);
	assert_int_equal(rd(f, ecam(0, 1, 0, 0x14), 4), 0xfffffffe);
	wr(f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY);
	assert_true(pci_bar_address(&t->pci, 0) == UINT64_MAX);
	wr(f, ecam(0, 1, 0, 0x10), 8, 0x9000000000);
	assert_int_equal(pci_bar_address(&t->pci, 0), 0x9000000000);
	wr(f, ecam(0, 1, 0, 0x14), 4, 0x100);
	assert_true(pci_bar_address(&t->pci, 0) == UINT64_MAX);
	wr(f, ecam(0, 2, 0, 0x10), 4, 0xffffffff);
	assert_int_equal(rd(f, ecam(0, 2, 0, 0x10), 4), 0xffffffe1);
	wr(f, ecam(0, 2, 0, 0x10), 4, 0x1000);
	wr(f, ecam(0, 2, 0, 4), 2, PCI_COMMAND_IO);
	assert_int_equal(pci_bar_address(&io->pci, 0), PIO_BASE + 0x1000);
	assert_int_equal(rd(f, PIO_BASE + 0x1004, 2), 0x0004);
	wr(f, ecam(0, 2, 0, 0x10), 4, 0x10000);
	assert_true(pci_bar_address(&io->pci, 0) == UINT64_MAX);
	fixture_free(f);
}

static void ram_wins_over_a_bar(void **state)
{
	struct fixture *f = fixture_new();
	static u8 bytes[0x10000];
	struct region ram = {.name = "ram", .base = 0x10200000, .size = sizeof(bytes), .host = bytes};

	add(f, NULL, "addr=1,bar=64K");
	space_add(f->space, &ram);
	wr(f, ecam(0, 1, 0, 0x10), 4, 0x10200000);
	wr(f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY);
	assert_int_equal(rd(f, 0x10200010, 4), 0);
	space_remove(f->space, &ram);
	assert_int_equal(rd(f, 0x10200010, 4), 0xabcd0010);
	fixture_free(f);
}

static void flr_and_power_states(void **state)
{
	struct fixture *f = fixture_new();
	struct test_dev *t = add(f, NULL, "addr=1");
	u64 config = ecam(0, 1, 0, 0);

	wr(f, config + 0x10, 4, 0x10200000);
	wr(f, config + 4, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(pci_bar_address(&t->pci, 0), 0x10200000);
	wr(f, config + t->pci.cap_pm + PM_CTRL, 2, 3); /* D3hot */
	assert_true(pci_bar_address(&t->pci, 0) == UINT64_MAX);
	wr(f, config + t->pci.cap_pm + PM_CTRL, 2, 1); /* D1 is not there */
	assert_int_equal(rd(f, config + t->pci.cap_pm + PM_CTRL, 2) & 3, 3);
	wr(f, config + t->pci.cap_pm + PM_CTRL, 2, 0);
	assert_int_equal(pci_bar_address(&t->pci, 0), 0x10200000);
	wr(f, config + t->pci.cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_FLR);
	assert_int_equal(t->function_resets, 1);
	assert_int_equal(rd(f, config + 0x10, 4), 0);
	assert_int_equal(rd(f, config + 4, 2), 0);
	assert_int_equal(rd(f, config + t->pci.cap_pcie + EXP_DEVCTL, 2), 0x2810);
	/* Payloads of 256 bytes are the link's. [PCIe5 6.6.2] */
	wr(f, config + t->pci.cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_FLR | 0x002f);
	assert_int_equal(rd(f, config + t->pci.cap_pcie + EXP_DEVCTL, 2), 0x2830);
	pci_function_reset(&t->pci, RESET_HOT);
	assert_int_equal(rd(f, config + t->pci.cap_pcie + EXP_DEVCTL, 2), 0x2810);
	fixture_free(f);
}

/* Link Control 2 is function 0's, and every reset but a cold one's leaves it. [PCIe6 7.5.3.19] */
static void link_controls_are_of_function_0(void **state)
{
	struct fixture *f = fixture_new();
	struct bus *below = pcie_root_port_class.bus(fixture_must_add(f, &pcie_root_port_class, NULL, "id=rp"));
	struct test_dev *first = add(f, below, "addr=0.0,multifunction=on"), *second = add(f, below, "addr=0.1");
	u32 at = first->pci.cap_pcie + EXP_LNKCTL2;

	pci_config_write(&first->pci, at, 2, 0xffff);
	assert_int_equal(pci_config_read(&first->pci, at, 2), 0xff9f);
	pci_function_reset(&first->pci, RESET_HOT);
	assert_int_equal(pci_config_read(&first->pci, at, 2), 0xff9f);
	pci_function_reset(&first->pci, RESET_COLD);
	assert_int_equal(pci_config_read(&first->pci, at, 2),
			 pci_config_read(&first->pci, first->pci.cap_pcie + EXP_LNKCAP, 1) & 0xf);
	pci_config_write(&second->pci, at, 2, 0xffff);
	assert_int_equal(pci_config_read(&second->pci, at, 2), 0);
	assert_int_equal(pci_config_read(&second->pci, second->pci.cap_pcie + EXP_LNKSTA2, 2), 0);
	fixture_free(f);
}

static void places_are_checked(void **state)
{
	struct fixture *f = fixture_new();
	struct test_dev *first = add(f, NULL, "id=a"), *second = add(f, NULL, "addr=0x1f.7,multifunction=on");
	struct dev *port = fixture_must_add(f, &pcie_root_port_class, NULL, "id=rp");
	struct bus *below = pcie_root_port_class.bus(port);

	assert_int_equal(first->pci.devfn, DEVFN(1, 0));
	assert_int_equal(second->pci.devfn, 0xff);
	fixture_refused(f, &test_dev_class, NULL, "addr=1.0", "taken by 'a'");
	fixture_refused(f, &test_dev_class, NULL, "addr=1.1", "multifunction=on");
	fixture_refused(f, &test_dev_class, NULL, "addr=20", "addr=20");
	fixture_refused(f, &test_dev_class, NULL, "addr=1.", "addr=1.");
	fixture_refused(f, &test_dev_class, NULL, "addr=x", "addr=x");
	fixture_refused(f, &test_dev_class, NULL, "romfile=x.rom", "romfile");
	fixture_refused(f, &test_dev_class, below, "addr=1", "only device 0");
	add(f, below, "id=b");
	fixture_refused(f, &test_dev_class, below, "", "already has 'b'");
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_has_the_ids),
		cmocka_unit_test(command_takes_byte_writes_and_only_its_bits),
		cmocka_unit_test(chains_end_and_stay_inside),
		cmocka_unit_test(bar_sizes_moves_and_obeys_memory_enable),
		cmocka_unit_test(bar_64_and_io),
		cmocka_unit_test(ram_wins_over_a_bar),
		cmocka_unit_test(flr_and_power_states),
		cmocka_unit_test(link_controls_are_of_function_0),
		cmocka_unit_test(places_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
