/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcie-root-port: a root port with one slot. [PCIe5 1.3.1, 7.5.3]
 *
 * Capabilities: power management, MSI with one vector (AER, DPC, slot events), PCI Express, AER, ACS, DPC. As in
 * QEMU the slot takes devices at run time, unless hotplug=off.
 */
#include "pci/parts.h"

struct root_port {
	struct pci_dev pci;
	struct pci_bridge bridge;
	/* properties */
	u8 chassis, port;
	u32 slot;
	u32 speed, width; /* choices */
	bool hotplug, power_controller, dpc;
};

static bool root_port_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x1b36, .device = 0x000c, .class_code = PCI_CLASS_BRIDGE};
	struct root_port *rp = container_of(dev, struct root_port, pci.dev);
	struct pcie_link link = {.speed = pcie_speed_of(rp->speed),
				 .width = pcie_width_of(rp->width),
				 .port = rp->port,
				 .slot = true,
				 .hotplug = rp->hotplug,
				 .surprise = rp->hotplug,
				 .power_controller = rp->power_controller};

	if (!pci_dev_init(&rp->pci, &ids, env, err))
		return false;
	if (rp->pci.bus->bridge)
		return fail(err, "%s: bus=%s: a root port plugs into a root bus (pcie.0 or an expander)", dev_name(dev),
			    env->bus->name);
	pci_bridge_init(&rp->pci, &rp->bridge, BUS_PCIE);
	if (!pci_slot_claim(&rp->pci, rp->chassis, rp->slot, err))
		return false;
	pci_intx_add(&rp->pci);
	pci_pm_add(&rp->pci, 0);
	pci_msi_add(&rp->pci, 0, 1);
	pci_express_add(&rp->pci, 0, PCIE_ROOT_PORT, &link);
	pci_aer_add(&rp->pci, 0, true);
	pci_acs_add(&rp->pci, 0);
	if (rp->dpc)
		pci_dpc_add(&rp->pci, 0);
	return pci_reserve_add(&rp->pci, err);
}

static void root_port_reset(struct dev *dev, unsigned reset_kind)
{
	pci_dev_reset(container_of(dev, struct pci_dev, dev), reset_kind);
}

static void root_port_destroy(struct dev *dev)
{
	pci_dev_fini(container_of(dev, struct pci_dev, dev));
}

static struct bus *root_port_bus(struct dev *dev)
{
	return &container_of(dev, struct root_port, pci.dev)->bridge.secondary.bus;
}

const struct dev_class pcie_root_port_class = {
	.name = "pcie-root-port",
	.doc = "PCI Express root port",
	.size = sizeof(struct root_port),
	.plugs = BUS_PCIE,
	.props = (const struct prop[]){PROP_U8("chassis", struct root_port, chassis, 0, "chassis number"),
				       PROP_U32("slot", struct root_port, slot, PCI_SLOT_AUTO,
						"slot number (default: the next free one of the chassis)"),
				       PROP_U8("port", struct root_port, port, 0, "port number of the link"),
				       PROP_CHOICE("x-speed", struct root_port, speed, pcie_speed_names, PCIE_SPEED_16,
						   "link speed, GT/s"),
				       PROP_CHOICE("x-width", struct root_port, width, pcie_width_names, PCIE_WIDTH_32,
						   "link width, lanes"),
				       PROP_BOOL("hotplug", struct root_port, hotplug, 1,
						 "devices can be plugged and unplugged at run time"),
				       PROP_BOOL("power_controller_present", struct root_port, power_controller, 1,
						 "the slot can be switched off"),
				       PROP_BOOL("dpc", struct root_port, dpc, 1, "Downstream Port Containment"),
				       PCI_RESERVE_PROPS(struct root_port, bridge.reserve),
				       {}},
	.common = pci_dev_props,
	.create = root_port_create,
	.reset = root_port_reset,
	.destroy = root_port_destroy,
	.bus = root_port_bus,
};
