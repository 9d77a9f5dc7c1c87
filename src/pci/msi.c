/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI with a 64-bit address and per-vector masking. [PCIe5 6.1.4, 7.7.1]
 *
 * Vectors beyond those that software enabled are folded onto the enabled ones, as the low bits of Message Data are what
 * tells them apart: the function puts the vector in their place, whatever software wrote there. A masked vector is
 * pended and sent when unmasked. All under the machine lock.
 */
#include "pci/parts.h"

void pci_msi_add(struct pci_dev *dev, u16 at, unsigned vectors)
{
	unsigned log2 = 0;

	assert(is_power_of_2(vectors) && vectors <= 32);
	while (1u << log2 < vectors)
		log2++;
	const struct reg rows[] = {
		R16(MSI_CTRL, MSI_CTRL, MSI_CTRL_64 | MSI_CTRL_MASKING | log2 << 1, 0x70 | MSI_CTRL_ENABLE),
		R64(MSI_ADDRESS, MSI_ADDRESS, 0, ~0x3ull),
		R16(MSI_DATA, MSI_DATA, 0, 0xffff),
		R32(MSI_MASK, MSI_MASK, 0, ones(vectors)),
		R32(MSI_PENDING, MSI_PENDING, 0, 0),
	};
	dev->cap_msi = pci_cap_add(dev, PCI_CAP_MSI, at, MSI_BYTES, rows, ARRAY_SIZE(rows));
}

static u64 msi_get(const struct pci_dev *dev, u32 offset, unsigned size)
{
	return regs_get(&dev->config, dev->cap_msi + offset, size);
}

bool pci_msi_is_enabled(const struct pci_dev *dev)
{
	return dev->cap_msi && (msi_get(dev, MSI_CTRL, 2) & MSI_CTRL_ENABLE);
}

/* Messages that software gave us: no more than we asked for. */
static unsigned msi_enabled_count(const struct pci_dev *dev)
{
	u64 control = msi_get(dev, MSI_CTRL, 2);

	return 1u << MIN(bits(control, 6, 4), bits(control, 3, 1));
}

unsigned pci_msi_message(const struct pci_dev *dev, unsigned vector)
{
	return dev->cap_msi ? vector % msi_enabled_count(dev) : vector;
}

void pci_msi_notify(struct pci_dev *dev, unsigned vector)
{
	u64 pending;

	if (!pci_msi_is_enabled(dev))
		return;
	vector = pci_msi_message(dev, vector);
	pending = msi_get(dev, MSI_PENDING, 4);
	if (bit(msi_get(dev, MSI_MASK, 4), vector) || !pci_is_bus_master(dev)) {
		regs_set(&dev->config, dev->cap_msi + MSI_PENDING, 4, pending | BIT(vector));
		return;
	}
	regs_set(&dev->config, dev->cap_msi + MSI_PENDING, 4, pending & ~BIT(vector));
	trace(PCI, "%s: MSI vector %u", dev->config.name, vector);
	space_msi(dev->space, pci_requester_id(dev), msi_get(dev, MSI_ADDRESS, 8),
		  (msi_get(dev, MSI_DATA, 2) & ~(u64)(msi_enabled_count(dev) - 1)) | vector);
}

void pci_msi_withdraw(struct pci_dev *dev, unsigned vector)
{
	if (dev->cap_msi)
		regs_set(&dev->config, dev->cap_msi + MSI_PENDING, 4,
			 msi_get(dev, MSI_PENDING, 4) & ~BIT(pci_msi_message(dev, vector)));
}

void pci_msi_flush(struct pci_dev *dev)
{
	u64 pending;

	if (!pci_msi_is_enabled(dev))
		return;
	/* What waits as a message that has been taken away since is folded with it. */
	pending = msi_get(dev, MSI_PENDING, 4);
	regs_set(&dev->config, dev->cap_msi + MSI_PENDING, 4, pending & ones(msi_enabled_count(dev)));
	for (unsigned n = 0; pending && n < 32; n++)
		if (bit(pending, n))
			pci_msi_notify(dev, n);
}
