/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expander buses: a further root bus with its own range of bus numbers and NUMA node. The expander shows itself on
 * pcie.0 as a host bridge function without registers; its bus is not below that function but beside pcie.0. cxl/ uses
 * pci_expander_init for its host bridges too.
 */
#include "pci/parts.h"

bool pci_expander_init(struct pci_dev *dev, struct pci_root *root, u32 bus_nr, u32 numa_node, enum bus_kind kind,
		       struct error *err)
{
	const char *name = dev_name(&dev->dev);
	struct pci_bus *bus = dev->bus;

	if (bus->bridge || bus->root->pxb)
		return fail(err, "%s: bus=%s: an expander plugs into pcie.0 only", name, bus->bus.name);
	if (!bus_nr || bus_nr > 255)
		return fail(err, "%s: bus_nr=%u is not 1..255; bus 0 is pcie.0", name, bus_nr);
	if (numa_node > PCI_NO_NODE)
		return fail(err, "%s: numa_node=%u is not 0..127", name, numa_node);
	root->bus.bus = (struct bus){.name = name, .kind = kind, .parent = &dev->dev};
	root->base = bus_nr;
	if (!root->uid)
		root->uid = bus_nr;
	for (struct pci_root *other = pci_host_root(bus->root->host); other; other = other->next)
		if (other->uid == root->uid && other->base != bus_nr)
			return fail(err,
				    "%s: ACPI's number %u is also that of '%s'; give each its own with uid= or bus_nr=",
				    name, root->uid, other->bus.bus.name);
	root->numa_node = numa_node;
	root->pxb = &dev->dev;
	if (!pci_host_add_root(bus->root->host, root, err))
		return fail_context(err, "%s", name);
	return true;
}

void pci_expander_fini(struct pci_root *root)
{
	pci_host_remove_root(root);
}

struct pxb_pcie {
	struct pci_dev pci;
	struct pci_root root;
	/* properties */
	u32 bus_nr, numa_node;
	bool bypass_iommu;
};

static bool pxb_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x1b36,
					   .device = 0x000b,
					   .subsystem_vendor = 0x1af4,
					   .subsystem = 0x1100,
					   .class_code = PCI_CLASS_HOST_BRIDGE};
	struct pxb_pcie *pxb = container_of(dev, struct pxb_pcie, pci.dev);

	pxb->root.bypass_iommu = pxb->bypass_iommu;
	return pci_dev_init(&pxb->pci, &ids, env, err) &&
	       pci_expander_init(&pxb->pci, &pxb->root, pxb->bus_nr, pxb->numa_node, BUS_PCIE, err);
}

static void pxb_reset(struct dev *dev, unsigned reset_kind)
{
	pci_dev_reset(container_of(dev, struct pci_dev, dev), reset_kind);
}

static void pxb_destroy(struct dev *dev)
{
	struct pxb_pcie *pxb = container_of(dev, struct pxb_pcie, pci.dev);

	pci_expander_fini(&pxb->root);
	pci_dev_fini(&pxb->pci);
}

static struct bus *pxb_bus(struct dev *dev)
{
	return &container_of(dev, struct pxb_pcie, pci.dev)->root.bus.bus;
}

const struct dev_class pxb_pcie_class = {
	.name = "pxb-pcie",
	.doc = "PCI Express expander bus: a further root bus",
	.size = sizeof(struct pxb_pcie),
	.plugs = BUS_PCIE,
	.props =
		(const struct prop[]){
			PROP_U32("bus_nr", struct pxb_pcie, bus_nr, 0, "number of its root bus, 1..255"),
			PROP_U32("numa_node", struct pxb_pcie, numa_node, PCI_NO_NODE, "NUMA node of what is below"),
			PROP_BOOL("bypass_iommu", struct pxb_pcie, bypass_iommu, 0, "what is below goes past the SMMU"),
			{}},
	.common = pci_dev_props,
	.create = pxb_create,
	.reset = pxb_reset,
	.destroy = pxb_destroy,
	.bus = pxb_bus,
};
