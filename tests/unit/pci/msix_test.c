/* SPDX-License-Identifier: BSD-2-Clause */
/* MSI-X: table lanes, masks, pending, enables. [PCIe5 6.1.4, 7.7.2] */
#include "pci/fixture.h"

#define TABLE 0x10400000ull

static struct test_dev *start(struct fixture *f)
{
	struct test_dev *t =
		container_of(fixture_must_add(f, &test_dev_class, NULL, "addr=1"), struct test_dev, pci.dev);

	wr(f, ecam(0, 1, 0, 0x20), 4, TABLE);
	wr(f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return t;
}

static void table_takes_lanes_and_keeps_reserved_bits_zero(void **state)
{
	struct fixture *f = fixture_new();
	struct test_dev *t = start(f);

	assert_int_equal(rd(f, TABLE + 12, 4), 1); /* masked after reset */
	wr(f, TABLE, 8, ~0ull);
	assert_int_equal(rd(f, TABLE, 8), 0xfffffffffffffffc);
	wr(f, TABLE + 8, 8, ~0ull);
	assert_int_equal(rd(f, TABLE + 8, 8), 0x00000001ffffffff);
	wr(f, TABLE + 1, 1, 0x12);
	assert_int_equal(rd(f, TABLE, 4), 0xffff12fc);
	wr(f, TABLE + 0x800, 8, ~0ull); /* pending bits are read-only */
	assert_int_equal(rd(f, TABLE + 0x800, 8), 0);
	wr(f, TABLE + 0x40, 4, 5); /* past the table */
	assert_int_equal(rd(f, TABLE + 0x40, 4), 0);
	pci_dev_reset(&t->pci, RESET_FUNCTION);
	assert_int_equal(load_le(t->pci.msix.table, 8), 0);
	fixture_free(f);
}

static void vector_is_sent_or_pended(void **state)
{
	struct fixture *f = fixture_new();
	struct test_dev *t = start(f);
	u64 control = ecam(0, 1, 0, t->pci.msix.cap + MSIX_CTRL);

	wr(f, TABLE + 16, 8, DOORBELL);
	wr(f, TABLE + 24, 4, 0x21);
	pci_msix_notify(&t->pci, 1); /* not enabled: neither sent nor pended */
	assert_int_equal(rd(f, TABLE + 0x800, 4), 0);
	wr(f, control, 2, MSIX_CTRL_ENABLE);
	assert_int_equal(rd(f, control, 2), MSIX_CTRL_ENABLE | 3);
	pci_msix_notify(&t->pci, 1); /* masked */
	pci_msix_notify(&t->pci, 1);
	assert_int_equal(f->message_count, 0);
	assert_int_equal(rd(f, TABLE + 0x800, 4), 2);
	wr(f, TABLE + 28, 4, 0);
	assert_int_equal(f->message_count, 1);
	assert_int_equal(f->messages[0].id, 8);
	assert_int_equal(f->messages[0].pa, DOORBELL);
	assert_int_equal(f->messages[0].data, 0x21);
	assert_int_equal(rd(f, TABLE + 0x800, 4), 0);
	wr(f, control, 2, MSIX_CTRL_ENABLE | MSIX_CTRL_MASK);
	pci_msix_notify(&t->pci, 1);
	assert_int_equal(f->message_count, 1);
	wr(f, control, 2, MSIX_CTRL_ENABLE);
	assert_int_equal(f->message_count, 2);
	wr(f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY); /* no bus master: kept */
	pci_msix_notify(&t->pci, 1);
	assert_int_equal(f->message_count, 2);
	wr(f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(f->message_count, 3);
	pci_msix_notify(&t->pci, 4); /* no such vector */
	assert_int_equal(f->message_count, 3);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_takes_lanes_and_keeps_reserved_bits_zero),
		cmocka_unit_test(vector_is_sent_or_pended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
