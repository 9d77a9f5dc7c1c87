/* SPDX-License-Identifier: BSD-2-Clause */
/* Routing through ports, windows, resets, expanders, links, AER and INTx. [PCIe5 7.3, 7.5.1.3, 7.8.4] */
#include "pci/fixture.h"

struct tree {
	struct fixture *f;
	struct test_dev *t;
	struct dev *port, *pxb, *far_port;
	struct test_dev *far;
};

static struct pci_dev *pci_of(struct dev *dev)
{
	return container_of(dev, struct pci_dev, dev);
}

/* pcie.0: port in slot 1 with a device; an expander at bus 64 with a port and a device. */
static struct tree tree_new(void)
{
	struct tree tree = {.f = fixture_new()};
	struct error err = {{0}};

	tree.port = fixture_must_add(tree.f, &pcie_root_port_class, NULL,
				     "id=rp0,addr=1,slot=5,power_controller_present=off");
	tree.t = container_of(fixture_must_add(tree.f, &test_dev_class, pcie_root_port_class.bus(tree.port), "bar=1M"),
			      struct test_dev, pci.dev);
	tree.pxb = fixture_must_add(tree.f, &pxb_pcie_class, NULL, "id=pxb,bus_nr=64");
	tree.far_port = fixture_must_add(tree.f, &pcie_root_port_class, pxb_pcie_class.bus(tree.pxb),
					 "id=rp1,power_controller_present=off");
	tree.far = container_of(
		fixture_must_add(tree.f, &test_dev_class, pcie_root_port_class.bus(tree.far_port), "bar=1M"),
		struct test_dev, pci.dev);
	assert_true(pci_host_settle(tree.f->host, &err));
	return tree;
}

static void bus_numbers_are_what_software_programmed(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	u64 port = ecam(0, 1, 0, 0), far = ecam(64, 0, 0, 0);

	assert_int_equal(rd(f, ecam(1, 0, 0, 0), 4), 0xffffffff);
	wr(f, port + PCI_PRIMARY_BUS, 4, 0x00ff0500); /* 0, 5..255 */
	assert_int_equal(rd(f, ecam(5, 0, 0, 0), 4), 0x56781234);
	assert_int_equal(rd(f, ecam(6, 0, 0, 0), 4), 0xffffffff);
	assert_int_equal(rd(f, ecam(5, 1, 0, 0), 4), 0xffffffff); /* only device 0 below a port */
	wr(f, port + PCI_SECONDARY_BUS, 1, 7);
	assert_int_equal(rd(f, ecam(5, 0, 0, 0), 4), 0xffffffff);
	assert_int_equal(rd(f, ecam(7, 0, 0, 0), 4), 0x56781234);
	assert_int_equal(pci_requester_id(&tree.t->pci), 0x700);

	/* The expander's range is its own, whatever ports of pcie.0 say. */
	assert_int_equal(rd(f, far, 4), 0x000c1b36);
	wr(f, far + PCI_PRIMARY_BUS, 4, 0x00414140);
	assert_int_equal(rd(f, ecam(65, 0, 0, 0), 4), 0x56781234);
	assert_int_equal(pci_requester_id(&tree.far->pci), 65 << 8);
	assert_ptr_equal(pci_host_find(f->host, 65, 0), &tree.far->pci);
	assert_int_equal(pci_host_root(f->host)->last, 63);
	assert_int_equal(pci_host_root(f->host)->next->last, 255);
	fixture_free(f);
}

static void windows_of_the_port_gate_the_bar(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	u64 port = ecam(0, 1, 0, 0), dev = ecam(1, 0, 0, 0);
	struct pci_dev *t = &tree.t->pci;

	wr(f, port + PCI_PRIMARY_BUS, 4, 0x00010100);
	wr(f, dev + 0x10, 4, 0x10200000);
	wr(f, dev + 4, 2, PCI_COMMAND_MEMORY);
	assert_true(pci_bar_address(t, 0) == UINT64_MAX);
	wr(f, port + PCI_MEMORY_BASE, 4, 0x10201020); /* 0x10200000..0x102fffff */
	assert_true(pci_bar_address(t, 0) == UINT64_MAX);
	wr(f, port + 4, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(pci_bar_address(t, 0), 0x10200000);
	wr(f, port + PCI_MEMORY_BASE, 4, 0x10201030); /* closed: limit below base */
	assert_true(pci_bar_address(t, 0) == UINT64_MAX);
	wr(f, port + PCI_PREFETCH_BASE, 4, 0x10201020);
	assert_int_equal(pci_bar_address(t, 0), 0x10200000);
	wr(f, port + PCI_PREFETCH_BASE_HI, 4, 1);
	assert_true(pci_bar_address(t, 0) == UINT64_MAX);
	fixture_free(f);
}

/* [PCIe6 7.5.1.3.13] */
static void isa_enable_keeps_aliases_above(void **state)
{
	struct fixture *f = fixture_new();
	struct dev *port =
		fixture_must_add(f, &pcie_root_port_class, NULL, "id=rp0,addr=1,power_controller_present=off");
	struct test_dev *t =
		container_of(fixture_must_add(f, &test_dev_class, pcie_root_port_class.bus(port), "bar=32,io=on"),
			     struct test_dev, pci.dev);
	u64 config = ecam(0, 1, 0, 0), below = ecam(1, 0, 0, 0);

	wr(f, config + PCI_PRIMARY_BUS, 4, 0x00010100);
	wr(f, config + PCI_IO_BASE, 2, 0x1010); /* 0x1000 to 0x1fff */
	wr(f, config + PCI_COMMAND, 2, PCI_COMMAND_IO);
	wr(f, below + PCI_BAR0, 4, 0x1120);
	wr(f, below + PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(pci_bar_address(&t->pci, 0), PIO_BASE + 0x1120);
	wr(f, config + PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_ISA);
	assert_true(pci_bar_address(&t->pci, 0) == UINT64_MAX);
	wr(f, below + PCI_BAR0, 4, 0x1420);
	assert_int_equal(pci_bar_address(&t->pci, 0), PIO_BASE + 0x1420);
	wr(f, config + PCI_BRIDGE_CONTROL, 2, 0);
	assert_int_equal(pci_bar_address(&t->pci, 0), PIO_BASE + 0x1420);
	fixture_free(f);
}

static void bus_reset_clears_below_and_drops_the_link(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	u64 port = ecam(0, 1, 0, 0), dev = ecam(1, 0, 0, 0), express = port + pci_of(tree.port)->cap_pcie;

	wr(f, port + PCI_PRIMARY_BUS, 4, 0x00010100);
	wr(f, dev + 4, 2, PCI_COMMAND_MEMORY);
	assert_true(rd(f, express + EXP_LNKSTA, 2) & EXP_LNKSTA_DLLLA);
	assert_int_equal(rd(f, express + EXP_LNKSTA, 2) & 0x3ff,
			 4 | 8 << 4); /* 16 GT/s of the port, x8 of the device */
	assert_true(rd(f, express + EXP_SLTSTA, 2) & EXP_SLTSTA_PDS);
	assert_int_equal(rd(f, express + EXP_SLTCAP, 4) >> 19, 5);
	wr(f, express + EXP_LNKCTL, 2, 0xffcf);
	assert_int_equal(rd(f, express + EXP_LNKCTL, 2), 0x0cc3); /* a root port's boundary is read-only */
	wr(f, express + EXP_LNKCTL, 2, 0);
	wr(f, dev + tree.t->pci.cap_pcie + EXP_LNKCTL, 2, 0xffff);
	assert_int_equal(rd(f, dev + tree.t->pci.cap_pcie + EXP_LNKCTL, 2), 0x00cb);
	wr(f, port + PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_RESET);
	assert_int_equal(rd(f, dev, 4), 0xffffffff);
	assert_false(rd(f, express + EXP_LNKSTA, 2) & EXP_LNKSTA_DLLLA);
	assert_int_equal(tree.t->function_resets, 1);
	wr(f, port + PCI_BRIDGE_CONTROL, 2, 0);
	assert_int_equal(rd(f, dev + 4, 2), 0);
	assert_int_equal(tree.t->function_resets, 1);
	assert_true(rd(f, express + EXP_SLTSTA, 2) & EXP_SLTSTA_DLLSC);
	wr(f, express + EXP_LNKCTL, 2, EXP_LNKCTL_DISABLE);
	assert_int_equal(rd(f, dev, 4), 0xffffffff);
	wr(f, express + EXP_LNKCTL, 2, EXP_LNKCTL_RETRAIN);
	assert_int_equal(rd(f, express + EXP_LNKCTL, 2), 0);
	assert_int_equal(rd(f, dev, 2), 0x1234);
	fixture_free(f);
}

/* [PCIe5 7.5.3.7, 7.5.3.8, 7.5.3.19] */
static void a_link_trains_at_its_target_speed(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	u64 port = ecam(0, 1, 0, 0), dev = ecam(1, 0, 0, 0), express = port + pci_of(tree.port)->cap_pcie;
	u64 below = dev + tree.t->pci.cap_pcie;

	wr(f, port + PCI_PRIMARY_BUS, 4, 0x00010100);
	wr(f, port + 4, 2, PCI_COMMAND_MASTER);
	wr(f, port + pci_of(tree.port)->cap_msi + MSI_ADDRESS, 8, DOORBELL);
	wr(f, port + pci_of(tree.port)->cap_msi + MSI_CTRL, 2, MSI_CTRL_ENABLE);
	/* A link of 16 GT/s: its ends complete requests with long tags [PCIe5 2.2.6.2], a slower one's need not. */
	assert_int_equal(rd(f, express + EXP_DEVCAP2, 4), EXP_DEVCAP2_CTO_OFF | EXP_DEVCAP2_TAGS_10_BIT);
	assert_int_equal(rd(f, below + EXP_DEVCAP2, 4), EXP_DEVCAP2_CTO_OFF | EXP_DEVCAP2_TAGS_10_BIT);
	wr(f, express + EXP_LNKCTL2, 2, 2);
	assert_int_equal(rd(f, express + EXP_LNKSTA, 2) & 0xf, 4); /* not yet */
	wr(f, express + EXP_LNKCTL, 2, EXP_LNKCTL_RETRAIN);
	assert_int_equal(rd(f, express + EXP_LNKSTA, 2), EXP_LNKSTA_MANAGED | EXP_LNKSTA_DLLLA | 0x1082);
	assert_int_equal(rd(f, below + EXP_LNKSTA, 2) & 0xf, 2); /* both ends */
	assert_int_equal(f->message_count, 0);
	/* Bandwidth notification: what stands when it is enabled, then once for each retraining. */
	wr(f, express + EXP_LNKCTL, 2, 0x0c00);
	assert_int_equal(f->message_count, 1);
	wr(f, express + EXP_LNKSTA, 2, EXP_LNKSTA_MANAGED);
	assert_int_equal(rd(f, express + EXP_LNKSTA, 2) & EXP_LNKSTA_BANDWIDTH, 0);
	wr(f, express + EXP_LNKCTL2, 2, 6);
	wr(f, express + EXP_LNKCTL, 2, 0x0c00 | EXP_LNKCTL_RETRAIN);
	assert_int_equal(f->message_count, 2);
	assert_int_equal(rd(f, express + EXP_LNKSTA, 2) & 0xf, 4); /* what both have */
	wr(f, express + EXP_LNKSTA, 2, EXP_LNKSTA_MANAGED);
	/* A link that comes up trains as well, and tells of it by its state alone; one that is down does not train. */
	wr(f, express + EXP_LNKCTL, 2, EXP_LNKCTL_DISABLE);
	wr(f, express + EXP_LNKCTL2, 2, 1);
	wr(f, express + EXP_LNKCTL, 2, EXP_LNKCTL_DISABLE | EXP_LNKCTL_RETRAIN);
	assert_int_equal(rd(f, express + EXP_LNKSTA, 2) & EXP_LNKSTA_BANDWIDTH, 0);
	wr(f, express + EXP_LNKCTL, 2, 0);
	assert_int_equal(rd(f, express + EXP_LNKSTA, 2), EXP_LNKSTA_DLLLA | 0x1081);
	fixture_free(f);
}

static void errors_reach_the_root_port(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	u64 port = ecam(0, 1, 0, 0), dev = ecam(1, 0, 0, 0);
	struct pci_dev *p = pci_of(tree.port), *t = &tree.t->pci;
	const u32 header[4] = {1, 2, 3, 4};

	wr(f, port + PCI_PRIMARY_BUS, 4, 0x00010100);
	wr(f, port + p->cap_msi + MSI_ADDRESS, 8, DOORBELL);
	wr(f, port + p->cap_msi + MSI_DATA, 2, 0x77);
	wr(f, port + p->cap_msi + MSI_CTRL, 2, MSI_CTRL_ENABLE);
	wr(f, port + 4, 2, PCI_COMMAND_MASTER);
	wr(f, port + p->cap_aer + AER_ROOT_COMMAND, 4, 7);
	pci_aer_report(t, false, 1u << 20, header); /* nothing is enabled in the device */
	assert_int_equal(rd(f, dev + t->cap_aer + AER_UNCOR_STATUS, 4), 1u << 20);
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), 0);
	wr(f, dev + t->cap_aer + AER_UNCOR_STATUS, 4, 0xffffffff);
	wr(f, dev + t->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
	pci_aer_report(t, false, 1u << 20, header); /* the port does not forward without SERR# */
	assert_int_equal(f->message_count, 0);
	wr(f, port + PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_SERR);
	wr(f, dev + t->cap_aer + AER_UNCOR_STATUS, 4, 0xffffffff);
	pci_aer_report(t, false, 1u << 20, header); /* nor without an enable for its own errors [PCIe6 6.2.8.1] */
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), 0);
	assert_int_equal(rd(f, port + PCI_SECONDARY_STATUS, 2), PCI_STATUS_SERR);
	wr(f, port + PCI_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_SERR);
	pci_aer_report(t, true, 1, NULL); /* SERR# is no enable of correctable ones */
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), 0);
	assert_int_equal(rd(f, port + PCI_STATUS, 2) & PCI_STATUS_SERR, 0);
	wr(f, dev + t->cap_aer + AER_UNCOR_STATUS, 4, 0xffffffff);
	pci_aer_report(t, false, 1u << 20, header);
	assert_int_equal(f->message_count, 1);
	assert_int_equal(rd(f, port + PCI_STATUS, 2) & PCI_STATUS_SERR, PCI_STATUS_SERR);
	wr(f, port + p->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
	wr(f, dev + t->cap_pcie + EXP_DEVSTA, 2, 1);
	assert_int_equal(f->messages[0].id, 0x008);
	assert_int_equal(f->messages[0].data, 0x77);
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), AER_ROOT_UNCOR | AER_ROOT_NONFATAL);
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_SOURCE, 4), 0x01000000);
	assert_int_equal(rd(f, dev + t->cap_aer + AER_CONTROL, 4) & 0x1f, 20);
	assert_int_equal(rd(f, dev + t->cap_aer + AER_HEADER_LOG + 4, 4), 2);
	assert_int_equal(rd(f, dev + t->cap_pcie + EXP_DEVSTA, 2), 2 | EXP_DEVSTA_UNSUPPORTED);
	wr(f, port + p->cap_msi + MSI_CTRL, 2, 0); /* without messages INTA# of the port in slot 1 */
	assert_true(f->intx[1]);
	wr(f, port + p->cap_msi + MSI_CTRL, 2, MSI_CTRL_ENABLE);
	assert_false(f->intx[1]);
	assert_int_equal(f->message_count, 1);
	pci_aer_report(t, false, 1u << 22, header); /* internal errors are masked after reset */
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), AER_ROOT_UNCOR | AER_ROOT_NONFATAL);
	wr(f, dev + t->cap_aer + AER_UNCOR_STATUS, 4, 0xffffffff);
	wr(f, dev + t->cap_aer + AER_UNCOR_MASK, 4, 0);
	pci_aer_report(t, false, 1u << 22, NULL); /* one without a header has ones [PCIe6 6.2.10] */
	assert_int_equal(rd(f, dev + t->cap_aer + AER_HEADER_LOG, 4), 0xffffffff);
	wr(f, port + p->cap_aer + AER_ROOT_STATUS, 4, 0x7f);
	wr(f, dev + t->cap_aer + AER_UNCOR_STATUS, 4, 0xffffffff);
	pci_aer_report(t, true, 1, NULL);
	assert_int_equal(f->message_count, 2);
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), AER_ROOT_COR);
	fixture_free(f);
}

/* [PCIe5 6.2.3.2.4, 6.2.4, 6.2.4.3, 7.5.3.5] */
static void requests_that_nobody_claims_are_noted(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	struct pci_dev *p = pci_of(tree.port), *t = &tree.t->pci;
	u64 port = ecam(0, 1, 0, 0), dev = ecam(1, 0, 0, 0), status = dev + t->cap_pcie + EXP_DEVSTA;

	wr(f, port + PCI_PRIMARY_BUS, 4, 0x00030100);
	wr(f, port + PCI_MEMORY_BASE, 4, 0x10201020);
	wr(f, port + PCI_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	wr(f, port + PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_SERR);
	wr(f, port + p->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
	wr(f, dev + t->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
	/* Kept back by the port: another device's number. A function that is not there is the device's to answer. */
	assert_int_equal(rd(f, ecam(1, 3, 0, 0), 4), 0xffffffff);
	assert_int_equal(rd(f, status, 2), 0);
	assert_int_equal(rd(f, ecam(1, 0, 5, 0), 4), 0xffffffff);
	assert_int_equal(rd(f, status, 2), EXP_DEVSTA_CORRECTABLE | EXP_DEVSTA_UNSUPPORTED);
	assert_int_equal(rd(f, dev + t->cap_aer + AER_COR_STATUS, 4), AER_COR_ADVISORY); /* masked at reset */
	assert_int_equal(rd(f, dev + t->cap_aer + AER_UNCOR_STATUS, 4), 0);
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), 0);
	wr(f, status, 2, 0xffff);
	assert_int_equal(rd(f, status, 2), 0);
	/* So is a request of another bus that no bridge of it leads to, and memory where no BAR is; not that where one
	 * is. */
	wr(f, dev + t->cap_aer + AER_COR_MASK, 4, 0);
	assert_int_equal(rd(f, ecam(2, 3, 1, 0x122), 2), 0xffff);
	assert_int_equal(rd(f, dev + t->cap_aer + AER_UNCOR_STATUS, 4), AER_UNCOR_UNSUPPORTED);
	assert_int_equal(rd(f, dev + t->cap_aer + AER_CONTROL, 4) & 0x1f, 20);
	assert_int_equal(rd(f, dev + t->cap_aer + AER_HEADER_LOG, 4), 0x05000001);
	assert_int_equal(rd(f, dev + t->cap_aer + AER_HEADER_LOG + 8, 4), 0x02190120);
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), AER_ROOT_COR);
	wr(f, port + p->cap_aer + AER_ROOT_STATUS, 4, 0x7f);
	wr(f, status, 2, 0xffff);
	wr(f, dev + PCI_BAR0, 4, 0x10200000);
	wr(f, dev + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	rd(f, 0x10200010, 4);
	assert_int_equal(rd(f, status, 2), 0);
	wr(f, dev + t->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS & ~EXP_DEVCTL_UNSUPPORTED);
	wr(f, dev + PCI_COMMAND, 2, 0);
	assert_int_equal(rd(f, 0x10200010, 4), 0xffffffff);
	assert_int_equal(rd(f, status, 2), EXP_DEVSTA_CORRECTABLE | EXP_DEVSTA_UNSUPPORTED);
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), 0); /* has an enable of its own */
	/* A write has no completion: it is an error that is not fatal. */
	wr(f, dev + t->cap_aer + AER_UNCOR_STATUS, 4, 0xffffffff);
	wr(f, dev + t->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
	wr(f, status, 2, 0xffff);
	wr(f, 0x10200010, 4, 1);
	assert_int_equal(rd(f, status, 2), 2 | EXP_DEVSTA_UNSUPPORTED);
	assert_int_equal(rd(f, dev + t->cap_aer + AER_HEADER_LOG, 4), 0x40000001);
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), AER_ROOT_UNCOR | AER_ROOT_NONFATAL);
	/* In no port's window, or with the link down, nobody below hears of it. */
	wr(f, status, 2, 0xffff);
	assert_int_equal(rd(f, 0x10500010, 4), 0xffffffff);
	wr(f, port + p->cap_pcie + EXP_LNKCTL, 2, EXP_LNKCTL_DISABLE);
	assert_int_equal(rd(f, 0x10200010, 4), 0xffffffff);
	assert_int_equal(pci_config_read(t, t->cap_pcie + EXP_DEVSTA, 2), 0);
	fixture_free(f);
}

/* [PCIe5 7.5.1.1.3] With its Space Enable off, whatever comes to a function is an Unsupported Request. */
static void disabled_functions_answer(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	struct dev *own = fixture_must_add(f, &test_dev_class, NULL, "id=own,addr=5,bar=1M");
	struct pci_dev *p = pci_of(tree.port), *t = &tree.t->pci, *o = pci_of(own);
	u64 port = ecam(0, 1, 0, 0), below = ecam(1, 0, 0, 0), dev = ecam(0, 5, 0, 0);
	u64 port_status = port + p->cap_pcie + EXP_DEVSTA, status = dev + o->cap_pcie + EXP_DEVSTA,
	    below_status = below + t->cap_pcie + EXP_DEVSTA;

	wr(f, dev + PCI_BAR0, 4, 0x11000000);
	wr(f, dev + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	rd(f, 0x11000010, 4);
	assert_int_equal(rd(f, status, 2), 0);
	wr(f, dev + PCI_COMMAND, 2, 0);
	assert_int_equal(rd(f, 0x11000010, 4), 0xffffffff);
	assert_int_equal(rd(f, status, 2), EXP_DEVSTA_CORRECTABLE | EXP_DEVSTA_UNSUPPORTED);
	wr(f, status, 2, 0xffff);
	assert_int_equal(rd(f, 0x11100010, 4), 0xffffffff); /* nobody's */
	assert_int_equal(rd(f, status, 2), 0);
	wr(f, dev + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	wr(f, dev + o->cap_pm + PM_CTRL, 2, PM_CTRL_D3HOT);
	assert_int_equal(rd(f, 0x11000010, 4), 0xffffffff);
	assert_int_equal(rd(f, status, 2), EXP_DEVSTA_CORRECTABLE | EXP_DEVSTA_UNSUPPORTED);

	/* A port that is disabled keeps what is for its other side. */
	wr(f, port + PCI_PRIMARY_BUS, 4, 0x00010100);
	wr(f, port + PCI_MEMORY_BASE, 4, 0x10201020);
	wr(f, below + PCI_BAR0, 4, 0x10200000);
	wr(f, below + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(rd(f, 0x10200010, 4), 0xffffffff);
	assert_int_equal(rd(f, port_status, 2), EXP_DEVSTA_CORRECTABLE | EXP_DEVSTA_UNSUPPORTED);
	assert_int_equal(rd(f, below_status, 2), 0);
	wr(f, port_status, 2, 0xffff);
	wr(f, port + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(rd(f, 0x10200010, 4), 0xabcd0010);
	assert_int_equal(rd(f, port_status, 2), 0);
	fixture_free(f);
}

/* The pointer and the header log are the first error's until that one is cleared, not until all are; a masked error has
 * neither, though its status bit stands when it is unmasked. [PCIe5 6.2.4.2] */
static void the_error_at_the_pointer_owns_the_log(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	struct pci_dev *t = &tree.t->pci;
	u64 aer = ecam(1, 0, 0, t->cap_aer);

	wr(f, ecam(0, 1, 0, PCI_PRIMARY_BUS), 4, 0x00010100);
	pci_aer_report(t, false, BIT(22), (const u32[4]){22}); /* masked */
	wr(f, aer + AER_UNCOR_MASK, 4, 0);
	pci_aer_report(t, false, BIT(20), (const u32[4]){20});
	assert_int_equal(rd(f, aer + AER_CONTROL, 4) & 0x1f, 20);
	assert_int_equal(rd(f, aer + AER_HEADER_LOG, 4), 20);
	pci_aer_report(t, false, BIT(12), (const u32[4]){12}); /* the second */
	assert_int_equal(rd(f, aer + AER_CONTROL, 4) & 0x1f, 20);
	assert_int_equal(rd(f, aer + AER_HEADER_LOG, 4), 20);
	wr(f, aer + AER_UNCOR_STATUS, 4, BIT(20));
	assert_int_equal(rd(f, aer + AER_CONTROL, 4) & 0x1f, AER_NO_ERROR);
	wr(f, aer + AER_UNCOR_MASK, 4, BIT(20)); /* and does not point at the same one again, which is masked now */
	pci_aer_report(t, false, BIT(20), (const u32[4]){21});
	pci_aer_report(t, false, BIT(14), (const u32[4]){14});
	assert_int_equal(rd(f, aer + AER_UNCOR_STATUS, 4), BIT(22) | BIT(20) | BIT(12) | BIT(14));
	assert_int_equal(rd(f, aer + AER_CONTROL, 4) & 0x1f, 14);
	assert_int_equal(rd(f, aer + AER_HEADER_LOG, 4), 14);
	fixture_free(f);
}

/* [PCIe5 7.5.1.3.7] Received System Error stands for the message, whether or not it goes further. */
static void a_port_notes_the_messages_from_below(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	u64 port = ecam(0, 1, 0, 0), dev = ecam(1, 0, 0, 0);
	struct pci_dev *p = pci_of(tree.port), *t = &tree.t->pci;

	wr(f, port + PCI_PRIMARY_BUS, 4, 0x00010100);
	wr(f, dev + t->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
	pci_aer_report(t, true, 1, NULL); /* ERR_COR is no system error */
	assert_int_equal(rd(f, port + PCI_SECONDARY_STATUS, 2), 0);
	pci_aer_report(t, false, BIT(20), NULL);
	assert_int_equal(rd(f, port + PCI_SECONDARY_STATUS, 2), 0x4000);
	assert_int_equal(rd(f, port + p->cap_aer + AER_ROOT_STATUS, 4), 0);
	wr(f, port + PCI_SECONDARY_STATUS, 2, 0x4000);
	assert_int_equal(rd(f, port + PCI_SECONDARY_STATUS, 2), 0);
	fixture_free(f);
}

static void intx_turns_by_slot_and_obeys_the_switch(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	u64 dev = ecam(1, 0, 0, 0);

	wr(f, ecam(0, 1, 0, PCI_PRIMARY_BUS), 4, 0x00010100);
	pci_intx_set(&tree.t->pci, true); /* pin A, slot 0, port in slot 1: line 1 */
	assert_true(f->intx[1] && !f->intx[0] && !f->intx[2] && !f->intx[3]);
	assert_true(rd(f, dev + PCI_STATUS, 2) & PCI_STATUS_INTX);
	wr(f, dev + 4, 2, PCI_COMMAND_INTX_OFF);
	assert_false(f->intx[1]);
	wr(f, dev + 4, 2, 0);
	assert_true(f->intx[1]);
	pci_intx_set(&tree.t->pci, false);
	assert_false(f->intx[1]);
	fixture_free(f);
}

static void expanders_are_checked(void **state)
{
	struct tree tree = tree_new();
	struct fixture *f = tree.f;
	struct error err = {{0}};

	fixture_refused(f, &pxb_pcie_class, NULL, "id=x,bus_nr=64", "'pxb'");
	fixture_refused(f, &pxb_pcie_class, NULL, "id=x", "bus_nr=0");
	fixture_refused(f, &pxb_pcie_class, NULL, "id=x,bus_nr=300", "bus_nr=300");
	fixture_refused(f, &pxb_pcie_class, pcie_root_port_class.bus(tree.far_port), "id=x,bus_nr=9", "rp1");
	fixture_refused(f, &pcie_root_port_class, pcie_root_port_class.bus(tree.port), "id=x", "rp0");
	fixture_must_add(f, &pxb_pcie_class, NULL, "id=near,bus_nr=1");
	assert_false(pci_host_settle(f->host, &err)); /* pcie.0 has a port and bus 0 alone */
	assert_non_null(strstr(err.text, "bus_nr=2"));
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bus_numbers_are_what_software_programmed),
		cmocka_unit_test(windows_of_the_port_gate_the_bar),
		cmocka_unit_test(isa_enable_keeps_aliases_above),
		cmocka_unit_test(bus_reset_clears_below_and_drops_the_link),
		cmocka_unit_test(a_link_trains_at_its_target_speed),
		cmocka_unit_test(errors_reach_the_root_port),
		cmocka_unit_test(requests_that_nobody_claims_are_noted),
		cmocka_unit_test(disabled_functions_answer),
		cmocka_unit_test(the_error_at_the_pointer_owns_the_log),
		cmocka_unit_test(a_port_notes_the_messages_from_below),
		cmocka_unit_test(intx_turns_by_slot_and_obeys_the_switch),
		cmocka_unit_test(expanders_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
