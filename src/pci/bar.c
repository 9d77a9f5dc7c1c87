/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Base Address Registers: where a function's memory and I/O regions are. [PCIe5 7.5.1.2.1]
 *
 * A BAR is one 32-bit row, or two for 64-bit ones, whose writable bits are those above its size: writing all ones reads
 * back the size. After each write that may matter (BAR, Command, a bridge's window, Command or bus, power state) the
 * region follows: it is in the address space only while
 *   - Memory (or I/O) Space Enable is set and the function is not in D3hot,
 *   - the BAR lies wholly inside one of the host's windows, and
 *   - every bridge above has the enable set and one window that holds the BAR wholly.
 * A BAR that is partly inside a window is not reachable at all here, where hardware would forward the part: no software
 * relies on that. Regions have a low priority, so that no BAR can cover RAM or a board device.
 */
#include "pci/parts.h"

#define BAR_PRIORITY (-2)

static enum mem_result bar_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct pci_bar *bar = opaque;

	if (pci_msix_read(bar->dev, bar - bar->dev->bars, offset, size, value))
		return MEM_OK;
	if (!bar->ops) {
		*value = 0;
		return MEM_OK;
	}
	return bar->ops->read(bar->opaque, offset, size, value);
}

static enum mem_result bar_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct pci_bar *bar = opaque;

	if (pci_msix_write(bar->dev, bar - bar->dev->bars, offset, size, value) || !bar->ops)
		return MEM_OK;
	return bar->ops->write(bar->opaque, offset, size, value);
}

static const struct io_ops bar_io = {.read = bar_read, .write = bar_write};

static void bar_register_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if (old != now)
		pci_bars_update(config_dev(b));
}

static void bar_add(struct pci_dev *dev, unsigned n, u64 size, u32 type, const struct io_ops *ops, void *opaque)
{
	struct pci_bar *bar = &dev->bars[n];
	u32 at = PCI_BAR0 + 4 * n;
	bool is_64 = type & PCI_BAR_64;
	u64 writable = ~(size - 1);
	const struct reg rows[] = {
		R32(at, BAR, type, (u32)writable & (type & PCI_BAR_IO ? ~0x3u : ~0xfu), .write = bar_register_write),
		R32(at + 4, BAR_HI, 0, writable >> 32, .write = bar_register_write),
	};

	assert(n + is_64 < PCI_BARS && !bar->size && is_power_of_2(size));
	assert(size >= (type & PCI_BAR_IO ? 4 : 16) && (is_64 || size <= 2 * GiB));
	pci_rows_add(dev, 0, rows, is_64 ? 2 : 1);
	bar->size = size;
	bar->is_64 = is_64;
	bar->prefetch = type & PCI_BAR_PREFETCH;
	bar->io = type & PCI_BAR_IO;
	bar->ops = ops;
	bar->opaque = opaque;
	bar->dev = dev;
	bar->region = (struct region){
		.name = dev->config.name, .size = size, .priority = BAR_PRIORITY, .ops = &bar_io, .opaque = bar};
}

void pci_bar_add(struct pci_dev *dev, unsigned n, u64 size, bool is_64, bool prefetch, const struct io_ops *ops,
		 void *opaque)
{
	bar_add(dev, n, size, (is_64 ? PCI_BAR_64 : 0) | (prefetch ? PCI_BAR_PREFETCH : 0), ops, opaque);
}

void pci_bar_add_io(struct pci_dev *dev, unsigned n, u64 size, const struct io_ops *ops, void *opaque)
{
	bar_add(dev, n, size, PCI_BAR_IO, ops, opaque);
}

u64 pci_bar_address(const struct pci_dev *dev, unsigned n)
{
	return n < PCI_BARS && dev->bars[n].region.added ? dev->bars[n].region.base : UINT64_MAX;
}

static u64 bar_base(const struct pci_dev *dev, unsigned n)
{
	const struct pci_bar *bar = &dev->bars[n];
	u32 at = PCI_BAR0 + 4 * n;
	u64 base = regs_get(&dev->config, at, 4) & (bar->io ? ~0x3u : ~0xfu);

	return bar->is_64 ? base | regs_get(&dev->config, at + 4, 4) << 32 : base;
}

bool pci_bars_hold(const struct pci_dev *dev, const struct pci_bytes *bytes)
{
	for (unsigned n = 0; n < PCI_BARS; n++)
		if (dev->bars[n].size && dev->bars[n].io == bytes->io && bar_base(dev, n) &&
		    bytes->address - bar_base(dev, n) < dev->bars[n].size)
			return true;
	return false;
}

/* Where the BAR belongs now, as the CPU sees it, or UINT64_MAX. */
static u64 bar_target(const struct pci_dev *dev, unsigned n)
{
	const struct pci_bar *bar = &dev->bars[n];
	const struct pci_windows *windows;
	u64 base = bar_base(dev, n), enable = bar->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY, last;

	if (!dev->bus->root->host || !(regs_get(&dev->config, PCI_COMMAND, 2) & enable))
		return UINT64_MAX;
	if (dev->cap_pm && (regs_get(&dev->config, dev->cap_pm + PM_CTRL, 2) & PM_CTRL_STATE) == PM_CTRL_D3HOT)
		return UINT64_MAX;
	if (!add_ok(base, bar->size - 1, &last))
		return UINT64_MAX;
	windows = pci_host_windows(dev->bus->root->host);
	for (const struct pci_bridge *up = dev->bus->bridge; up; up = up->dev->bus->bridge)
		if (!pci_bridge_passes(up->dev, base, bar->size, bar->io))
			return UINT64_MAX;
	if (bar->io)
		return range_ok(base, bar->size, windows->pio_size) ? windows->pio_base + base : UINT64_MAX;
	if (base >= windows->mmio32_base && range_ok(base - windows->mmio32_base, bar->size, windows->mmio32_size))
		return base;
	if (base >= windows->mmio64_base && range_ok(base - windows->mmio64_base, bar->size, windows->mmio64_size))
		return base;
	return UINT64_MAX;
}

/* One map change for all moves of an update: `begun` says that space_begin was called. */
struct move {
	struct space *space;
	bool begun;
};

static void bar_follow(struct pci_dev *dev, unsigned n, struct move *move, bool add)
{
	struct pci_bar *bar = &dev->bars[n];
	u64 target = bar_target(dev, n);

	if (bar->region.added == (target != UINT64_MAX) && (!bar->region.added || bar->region.base == target))
		return;
	if (!add && (!bar->region.added || target != UINT64_MAX))
		return; /* the first pass only removes */
	if (!move->begun)
		space_begin(move->space);
	move->begun = true;
	if (target == UINT64_MAX) {
		trace(PCI, "%s: BAR %u off", dev->config.name, n);
		space_remove(move->space, &bar->region);
		return;
	}
	trace(PCI, "%s: BAR %u at 0x%llx, 0x%llx bytes", dev->config.name, n, (unsigned long long)target,
	      (unsigned long long)bar->size);
	if (bar->region.added) {
		space_move(move->space, &bar->region, target);
	} else {
		bar->region.base = target;
		space_add(move->space, &bar->region);
	}
}

static void bars_follow(struct pci_dev *dev, struct move *move, bool add)
{
	for (unsigned n = 0; n < PCI_BARS; n++)
		if (dev->bars[n].size)
			bar_follow(dev, n, move, add);
	if (dev->bridge)
		for (unsigned devfn = 0; devfn < dev->bridge->secondary.end; devfn++)
			if (dev->bridge->secondary.slots[devfn])
				bars_follow(dev->bridge->secondary.slots[devfn], move, add);
}

void pci_bars_update(struct pci_dev *dev)
{
	struct move move = {.space = dev->space};

	if (!dev->bus || !dev->space)
		return;
	bars_follow(dev, &move, false);
	bars_follow(dev, &move, true);
	if (move.begun)
		space_end(move.space);
}

void pci_bars_remove(struct pci_dev *dev)
{
	for (unsigned n = 0; n < PCI_BARS; n++)
		if (dev->bars[n].region.added)
			space_remove(dev->space, &dev->bars[n].region);
}
