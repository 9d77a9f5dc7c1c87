/* SPDX-License-Identifier: BSD-2-Clause */
/* Containment: what triggers it, what it keeps away, how it ends; the RP PIO registers. [PCIe6 6.2.11, 7.9.14] */
#include "pci/fixture.h"
#include "check.h"

struct tree {
	struct fixture *f;
	struct pci_dev *port;
	struct test_dev *t;
	u64 config, dpc, below; /* of the port, its capability, the device */
};

/* A port in slot 1 with a device on bus 1, messages as Linux sets them up, errors enabled from end to end. */
static struct tree tree_new(void)
{
	struct tree tree = {.f = fixture_new(), .config = ecam(0, 1, 0, 0), .below = ecam(1, 0, 0, 0)};
	struct dev *port =
		fixture_must_add(tree.f, &pcie_root_port_class, NULL, "id=rp0,addr=1,power_controller_present=off");

	tree.port = container_of(port, struct pci_dev, dev);
	tree.t = container_of(fixture_must_add(tree.f, &test_dev_class, pcie_root_port_class.bus(port), "bar=1M"),
			      struct test_dev, pci.dev);
	tree.dpc = tree.config + tree.port->cap_dpc;
	pcie_root_port_class.reset(port, RESET_COLD); /* with the device in it */
	wr(tree.f, tree.config + PCI_PRIMARY_BUS, 4, 0x00030100);
	wr(tree.f, tree.config + PCI_MEMORY_BASE, 4, 0x10201020);
	wr(tree.f, tree.config + tree.port->cap_msi + MSI_ADDRESS, 8, DOORBELL);
	wr(tree.f, tree.config + tree.port->cap_msi + MSI_CTRL, 2, MSI_CTRL_ENABLE);
	wr(tree.f, tree.config + tree.port->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
	wr(tree.f, tree.config + tree.port->cap_aer + AER_ROOT_COMMAND, 4, 7);
	wr(tree.f, tree.config + PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_SERR);
	wr(tree.f, tree.config + PCI_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	wr(tree.f, tree.below + tree.t->pci.cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
	return tree;
}

static u64 status(struct tree *t)
{
	return rd(t->f, t->dpc + DPC_STATUS, 2) & ~0x1f00u;
}

static u64 rp_pio_pointer(struct tree *t)
{
	return rd(t->f, t->dpc + DPC_STATUS, 2) >> 8 & 0x1f;
}

/* An error of the device: bit 20 is non-fatal at reset, bit 18 fatal. */
#define NONFATAL BIT(20)
#define FATAL BIT(18)
static void fail_below(struct tree *t, u32 which)
{
	pci_aer_report(&t->t->pci, false, which, NULL);
}

static u64 root_status(struct tree *t)
{
	return rd(t->f, t->config + t->port->cap_aer + AER_ROOT_STATUS, 4);
}

static void off_it_does_nothing(void **state)
{
	struct tree t = tree_new();

	assert_int_equal(rd(t.f, t.dpc, 2), PCI_EXT_CAP_DPC);
	assert_int_equal(rd(t.f, t.dpc + DPC_CAP, 2), 0x14a0);
	wr(t.f, t.dpc + DPC_CTRL, 2, DPC_CTRL_SOFTWARE | DPC_CTRL_INTERRUPT);
	fail_below(&t, FATAL);
	assert_int_equal(status(&t), 0);
	assert_int_equal(root_status(&t), AER_ROOT_UNCOR | AER_ROOT_FIRST_FATAL | AER_ROOT_FATAL);
	assert_int_equal(rd(t.f, t.below, 2), 0x1234);
	fixture_free(t.f);
}

static void a_fatal_message_is_contained(void **state)
{
	struct tree t = tree_new();

	wr(t.f, t.dpc + DPC_CTRL, 2, 1 | DPC_CTRL_INTERRUPT);
	fail_below(&t, NONFATAL); /* is not asked for: the root port has it */
	assert_int_equal(status(&t), 0);
	assert_int_equal(root_status(&t), AER_ROOT_UNCOR | AER_ROOT_NONFATAL);
	wr(t.f, t.config + t.port->cap_aer + AER_ROOT_STATUS, 4, 0x7f);
	t.f->message_count = 0;
	fail_below(&t, FATAL);
	assert_int_equal(status(&t), DPC_STATUS_TRIGGERED | DPC_STATUS_INTERRUPT | 2 << 1);
	assert_int_equal(rd(t.f, t.dpc + DPC_SOURCE, 2), 0x0100);
	assert_int_equal(root_status(&t), 0); /* goes no further */
	assert_int_equal(t.f->message_count, 1);
	assert_int_equal(t.t->function_resets, 1);
	assert_int_equal(rd(t.f, t.below, 4), 0xffffffff);
	assert_false(rd(t.f, t.config + t.port->cap_pcie + EXP_LNKSTA, 2) & EXP_LNKSTA_DLLLA);
	assert_true(rd(t.f, t.config + t.port->cap_pcie + EXP_SLTSTA, 2) & EXP_SLTSTA_PDS);
	assert_true(rd(t.f, t.config + t.port->cap_pcie + EXP_SLTSTA, 2) & EXP_SLTSTA_DLLSC);
	wr(t.f, t.dpc + DPC_CTRL, 2, 1 | DPC_CTRL_INTERRUPT | DPC_CTRL_SOFTWARE); /* once is enough */
	assert_int_equal(t.t->function_resets, 1);
	wr(t.f, t.dpc + DPC_STATUS, 2, DPC_STATUS_INTERRUPT);
	assert_int_equal(rd(t.f, t.below, 4), 0xffffffff);
	wr(t.f, t.dpc + DPC_STATUS, 2, DPC_STATUS_TRIGGERED);
	assert_int_equal(status(&t), 2 << 1); /* the reason stays */
	assert_int_equal(rd(t.f, t.below, 2), 0x1234);
	assert_true(rd(t.f, t.config + t.port->cap_pcie + EXP_LNKSTA, 2) & EXP_LNKSTA_DLLLA);
	fixture_free(t.f);
}

static void non_fatal_ones_if_asked_for(void **state)
{
	struct tree t = tree_new();

	wr(t.f, t.dpc + DPC_CTRL, 2, 2);
	fail_below(&t, NONFATAL);
	assert_int_equal(status(&t), DPC_STATUS_TRIGGERED | 1 << 1);
	assert_int_equal(root_status(&t), 0);
	assert_int_equal(t.f->message_count, 0); /* its interrupt is off */
	fixture_free(t.f);
}

static void the_ports_own_errors_and_software(void **state)
{
	struct tree t = tree_new();

	wr(t.f, t.dpc + DPC_CTRL, 2, 1 | DPC_CTRL_ERR_COR);
	pci_aer_report(t.port, false, PCI_AER_UNCORRECTABLE_INTERNAL, NULL); /* masked at reset */
	assert_int_equal(status(&t), 0);
	pci_aer_report(t.port, false, NONFATAL, NULL);
	assert_int_equal(status(&t), DPC_STATUS_TRIGGERED);
	assert_int_equal(root_status(&t), AER_ROOT_COR); /* ERR_COR in place of ERR_NONFATAL */
	assert_int_equal(rd(t.f, t.config + t.port->cap_aer + AER_ROOT_SOURCE, 2), 0x0008);
	wr(t.f, t.dpc + DPC_STATUS, 2, DPC_STATUS_TRIGGERED);
	wr(t.f, t.dpc + DPC_CTRL, 1, 1 | DPC_CTRL_SOFTWARE);
	assert_int_equal(status(&t), DPC_STATUS_TRIGGERED | 3 << 1 | 1 << 5);
	assert_int_equal(rd(t.f, t.dpc + DPC_CTRL, 2), 1);
	/* ERR_COR comes before the interrupt, which so is one for both. [PCIe6 6.2.11.2] */
	wr(t.f, t.dpc + DPC_STATUS, 2, DPC_STATUS_TRIGGERED);
	wr(t.f, t.config + t.port->cap_aer + AER_ROOT_STATUS, 4, 0x7f);
	t.f->message_count = 0;
	wr(t.f, t.dpc + DPC_CTRL, 2, 1 | DPC_CTRL_ERR_COR | DPC_CTRL_INTERRUPT | DPC_CTRL_SOFTWARE);
	assert_int_equal(root_status(&t), AER_ROOT_COR);
	assert_int_equal(t.f->message_count, 1);
	fixture_free(t.f);
}

static void link_up_sends_err_cor_if_asked_for(void **state)
{
	struct tree t = tree_new();

	wr(t.f, t.dpc + DPC_CTRL, 2, 1 | DPC_CTRL_DL_ACTIVE | DPC_CTRL_SOFTWARE);
	assert_int_equal(root_status(&t), 0);
	wr(t.f, t.dpc + DPC_STATUS, 2, DPC_STATUS_TRIGGERED);
	assert_int_equal(root_status(&t), AER_ROOT_COR);
	fixture_free(t.f);
}

static void resets_above_leave_it_contained(void **state)
{
	struct tree t = tree_new();

	wr(t.f, t.dpc + DPC_CTRL, 2, 1 | DPC_CTRL_SOFTWARE);
	pci_function_reset(t.port, RESET_HOT);
	assert_int_equal(rd(t.f, t.dpc + DPC_CTRL, 2), 0);
	assert_true(status(&t) & DPC_STATUS_TRIGGERED);
	assert_false(pci_link_is_up(t.port));
	pci_function_reset(t.port, RESET_WARM);
	assert_int_equal(status(&t), 0);
	assert_true(pci_link_is_up(t.port));
	fixture_free(t.f);
}

static void unanswered_requests_are_noted(void **state)
{
	struct tree t = tree_new();
	u64 value;

	assert_int_equal(rd(t.f, ecam(1, 3, 0, 0), 4), 0xffffffff); /* kept back by the port itself */
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_STATUS, 4), 0);
	assert_int_equal(rd(t.f, ecam(2, 3, 0, 0), 4), 0xffffffff);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_STATUS, 4), RP_PIO_CONFIG_UR);
	assert_int_equal(rd(t.f, 0x10200010, 4), 0xffffffff);
	assert_int_equal(rd(t.f, 0x10500010, 4), 0xffffffff); /* in no port's window */
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_STATUS, 4), RP_PIO_CONFIG_UR | RP_PIO_MEMORY_UR);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_MASK, 4), 0x70707);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_HEADER_LOG, 4), 0);
	/* An exception does not ask for the mask. [PCIe6 6.2.11.3] */
	wr(t.f, t.dpc + RP_PIO_EXCEPTION, 4, RP_PIO_MEMORY_UR);
	assert_int_equal(space_read(t.f->space, 0x10200010, 8, &value), MEM_NOTHING);
	assert_int_equal(rp_pio_pointer(&t), 31);
	wr(t.f, t.dpc + RP_PIO_EXCEPTION, 4, 0);
	wr(t.f, t.dpc + RP_PIO_STATUS, 4, 0x70707);
	wr(t.f, t.dpc + RP_PIO_MASK, 4, 0);
	wr(t.f, t.dpc + DPC_CTRL, 2, 1 | DPC_CTRL_ERR_COR);
	assert_int_equal(rd(t.f, ecam(2, 3, 1, 0x122), 2), 0xffff); /* advisory */
	assert_int_equal(root_status(&t), AER_ROOT_COR);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_HEADER_LOG, 4), 0x05000001);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_HEADER_LOG + 4, 4), 0x0000000c);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_HEADER_LOG + 8, 4), 0x02190120);
	assert_int_equal(status(&t), 0);
	wr(t.f, t.dpc + RP_PIO_EXCEPTION, 4, RP_PIO_MEMORY_UR);
	assert_int_equal(space_read(t.f->space, 0x10200010, 8, &value), MEM_NOTHING);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_HEADER_LOG, 4), 0x05000001); /* the first stays */
	wr(t.f, 0x10200010, 4, 0);                                           /* nobody waits for a write */
	wr(t.f, t.dpc + RP_PIO_STATUS, 4, 0x70707);
	wr(t.f, t.dpc + RP_PIO_SEVERITY, 4, RP_PIO_MEMORY_UR);
	assert_int_equal(space_read(t.f->space, 0x10200010, 8, &value), MEM_NOTHING);
	assert_int_equal(status(&t), DPC_STATUS_TRIGGERED | 3 << 1);
	assert_int_equal(rp_pio_pointer(&t), 16);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_HEADER_LOG + 4, 4), 0x000000ff);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_HEADER_LOG + 8, 4), 0x10200010);
	assert_int_equal(rd(t.f, 0x10200010, 4), 0xffffffff); /* the link is down: the port answers by itself */
	fixture_free(t.f);
}

/* [PCIe6 7.9.14.4] What was masked when it happened has no header, and unmasking it takes none from the next. */
static void the_first_unmasked_request_is_logged(void **state)
{
	struct tree t = tree_new();

	assert_int_equal(rp_pio_pointer(&t), 31);
	assert_int_equal(rd(t.f, ecam(2, 3, 0, 0), 4), 0xffffffff);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_STATUS, 4), RP_PIO_CONFIG_UR);
	assert_int_equal(rp_pio_pointer(&t), 31);
	wr(t.f, t.dpc + RP_PIO_MASK, 4, 0);
	assert_int_equal(rd(t.f, 0x10200010, 4), 0xffffffff);
	assert_int_equal(rp_pio_pointer(&t), 16);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_HEADER_LOG + 8, 4), 0x10200010);
	assert_int_equal(rd(t.f, ecam(2, 3, 0, 0), 4), 0xffffffff); /* the second */
	assert_int_equal(rp_pio_pointer(&t), 16);
	wr(t.f, t.dpc + RP_PIO_STATUS, 4, RP_PIO_MEMORY_UR);
	assert_int_equal(rd(t.f, ecam(2, 3, 0, 0), 4), 0xffffffff);
	assert_int_equal(rp_pio_pointer(&t), 0);
	assert_int_equal(rd(t.f, t.dpc + RP_PIO_HEADER_LOG + 8, 4), 0x02180000);
	fixture_free(t.f);
}

static bool is_of_others(const struct reg *row)
{
	return strncmp(row->name, "DPC_", 4) && strncmp(row->name, "RP_PIO_", 7);
}

static void registers_walk_bit_by_bit(void **state)
{
	struct tree t = tree_new();
	struct check_walk walk = {0}, own = {.leave_out = is_of_others, .with_hooks = true};

	assert_true(check_walking_ones(&t.port->config, &walk) > 1000);
	assert_int_equal(check_walking_ones(&t.port->config, &own), 2 * (4 * 16 + 9 * 32));
	fixture_free(t.f);
}

static void without_it_nothing_is_contained(void **state)
{
	struct fixture *f = fixture_new();
	struct dev *port = fixture_must_add(f, &pcie_root_port_class, NULL, "id=rp0,addr=1,dpc=off");

	assert_int_equal(container_of(port, struct pci_dev, dev)->cap_dpc, 0);
	assert_false(pci_link_is_up(container_of(port, struct pci_dev, dev)));
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off_it_does_nothing),
		cmocka_unit_test(a_fatal_message_is_contained),
		cmocka_unit_test(non_fatal_ones_if_asked_for),
		cmocka_unit_test(the_ports_own_errors_and_software),
		cmocka_unit_test(link_up_sends_err_cor_if_asked_for),
		cmocka_unit_test(resets_above_leave_it_contained),
		cmocka_unit_test(unanswered_requests_are_noted),
		cmocka_unit_test(the_first_unmasked_request_is_logged),
		cmocka_unit_test(registers_walk_bit_by_bit),
		cmocka_unit_test(without_it_nothing_is_contained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
