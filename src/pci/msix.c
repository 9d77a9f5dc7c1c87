/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X: table and pending bits in a BAR, messages. [PCIe5 6.1.4, 7.7.2, 7.7.2.5]
 *
 * The table may share a BAR with the device's registers: bar.c asks here first. Accesses of 1 to 8 bytes are taken,
 * lane by lane. A vector that is masked, by its own bit, the function's, or a function that may not master the bus, is
 * pended and sent when the obstacle goes. All under the machine lock.
 */
#include <stdlib.h>
#include <string.h>

#include "pci/parts.h"

static void msix_ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	trace(PCI, "%s: MSI-X %s%s", b->name, now & MSIX_CTRL_ENABLE ? "on" : "off",
	      now & MSIX_CTRL_MASK ? ", function masked" : "");
}

void pci_msix_add(struct pci_dev *dev, u16 at, u16 count, unsigned bar, u32 bar_size, u32 table_offset, u32 pba_offset)
{
	struct pci_msix *msix = &dev->msix;
	u32 pba_bytes = align_up(count, 64) / 8;
	const struct reg rows[] = {
		R16(MSIX_CTRL, MSIX_CTRL, count - 1u, MSIX_CTRL_ENABLE | MSIX_CTRL_MASK, .write = msix_ctrl_write),
		R32(MSIX_TABLE, MSIX_TABLE, table_offset | bar, 0),
		R32(MSIX_PBA, MSIX_PBA, pba_offset | bar, 0),
	};

	assert(count && count <= MSIX_COUNT_MAX && bar < PCI_BARS && !msix->count);
	assert(is_aligned(table_offset, 8) && is_aligned(pba_offset, 8));
	if (!dev->bars[bar].size)
		pci_bar_add(dev, bar, bar_size, false, false, NULL, NULL);
	assert(range_ok(table_offset, (u64)count * MSIX_ENTRY_BYTES, dev->bars[bar].size));
	assert(range_ok(pba_offset, pba_bytes, dev->bars[bar].size));
	msix->table = calloc(count, MSIX_ENTRY_BYTES);
	msix->pba = calloc(1, pba_bytes);
	assert(msix->table && msix->pba);
	msix->count = count;
	msix->bar = bar;
	msix->table_offset = table_offset;
	msix->pba_offset = pba_offset;
	msix->cap = pci_cap_add(dev, PCI_CAP_MSIX, at, MSIX_BYTES, rows, ARRAY_SIZE(rows));
	pci_msix_reset(dev);
}

static u32 msix_ctrl(const struct pci_dev *dev)
{
	return dev->msix.count ? regs_get(&dev->config, dev->msix.cap + MSIX_CTRL, 2) : 0;
}

bool pci_msix_is_enabled(const struct pci_dev *dev)
{
	return msix_ctrl(dev) & MSIX_CTRL_ENABLE;
}

static void msix_deliver(struct pci_dev *dev, u16 vector)
{
	u8 *entry = dev->msix.table + vector * MSIX_ENTRY_BYTES;
	u32 control = msix_ctrl(dev);
	u64 address = load_le(entry, 8);
	u32 data = load_le(entry + MSIX_ENTRY_DATA, 4);

	if ((control & MSIX_CTRL_MASK) || (entry[MSIX_ENTRY_CTRL] & 1) || !pci_is_bus_master(dev)) {
		dev->msix.pba[vector / 8] |= 1 << (vector % 8);
		return;
	}
	dev->msix.pba[vector / 8] &= ~(1 << (vector % 8));
	trace(PCI, "%s: MSI-X vector %u, 0x%x to 0x%llx", dev->config.name, vector, data, (unsigned long long)address);
	space_msi(dev->space, pci_requester_id(dev), address, data);
}

void pci_msix_notify(struct pci_dev *dev, u16 vector)
{
	if (vector < dev->msix.count && pci_msix_is_enabled(dev))
		msix_deliver(dev, vector);
}

bool pci_msix_is_pending(const struct pci_dev *dev, u16 vector)
{
	return vector < dev->msix.count && (dev->msix.pba[vector / 8] & (1 << (vector % 8)));
}

void pci_msix_withdraw(struct pci_dev *dev, u16 vector)
{
	if (vector < dev->msix.count)
		dev->msix.pba[vector / 8] &= ~(1 << (vector % 8));
}

void pci_msix_flush(struct pci_dev *dev)
{
	if (!pci_msix_is_enabled(dev))
		return;
	for (u32 n = 0; n < dev->msix.count; n++)
		if (pci_msix_is_pending(dev, n))
			msix_deliver(dev, n);
}

void pci_msix_reset(struct pci_dev *dev)
{
	struct pci_msix *msix = &dev->msix;

	if (!msix->count)
		return;
	memset(msix->table, 0, msix->count * MSIX_ENTRY_BYTES);
	memset(msix->pba, 0, align_up(msix->count, 64) / 8);
	for (u32 n = 0; n < msix->count; n++)
		msix->table[n * MSIX_ENTRY_BYTES + MSIX_ENTRY_CTRL] = 1;
}

/* Whether the access begins inside `length` bytes at `base`; bytes of it past their end are the caller's to drop. */
static bool inside(u64 offset, u64 base, u64 length, u64 *in)
{
	*in = offset - base;
	return offset >= base && *in < length;
}

bool pci_msix_read(struct pci_dev *dev, unsigned bar, u64 offset, unsigned size, u64 *value)
{
	struct pci_msix *msix = &dev->msix;
	u64 table_bytes = msix->count * MSIX_ENTRY_BYTES, pba_bytes = align_up(msix->count, 64) / 8, in;

	if (!msix->count || bar != msix->bar)
		return false;
	if (inside(offset, msix->table_offset, table_bytes, &in)) {
		*value = load_le(msix->table + in, MIN(size, table_bytes - in));
		return true;
	}
	if (inside(offset, msix->pba_offset, pba_bytes, &in)) {
		*value = load_le(msix->pba + in, MIN(size, pba_bytes - in));
		return true;
	}
	return false;
}

bool pci_msix_write(struct pci_dev *dev, unsigned bar, u64 offset, unsigned size, u64 value)
{
	struct pci_msix *msix = &dev->msix;
	u64 table_bytes = msix->count * MSIX_ENTRY_BYTES, pba_bytes = align_up(msix->count, 64) / 8, in;

	if (!msix->count || bar != msix->bar)
		return false;
	if (inside(offset, msix->pba_offset, pba_bytes, &in))
		return true; /* read-only */
	if (!inside(offset, msix->table_offset, table_bytes, &in))
		return false;
	/* Address bits 1:0 and vector control bits 31:1 are zero. [PCIe5 7.7.2.5, 7.7.2.8] */
	for (unsigned n = 0; n < size && in + n < table_bytes; n++) {
		u32 field = (in + n) % MSIX_ENTRY_BYTES;
		u8 mask = field == 0 ? 0xfc : field == MSIX_ENTRY_CTRL ? 0x01 : field > MSIX_ENTRY_CTRL ? 0 : 0xff;

		msix->table[in + n] = (value >> (8 * n)) & mask;
	}
	pci_msix_flush(dev);
	return true;
}
