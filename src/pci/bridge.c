/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Type 1 headers: bus numbers, windows, Bridge Control. [PCIe5 7.5.1.3]
 *
 * The registers are the only state: routing reads them each time (bus.c for bus numbers, bar.c for windows). I/O
 * windows are 32-bit and prefetchable ones 64-bit; in D3hot all are closed. Secondary Bus Reset resets everything below
 * when it is set and keeps the link down while it stays set.
 */
#include "pci/parts.h"

static void window_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if (old != now)
		pci_bars_update(config_dev(b));
}

static void bridge_control_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if ((old ^ now) & PCI_BRIDGE_ISA)
		pci_bars_update(config_dev(b));
	if ((old ^ now) & PCI_BRIDGE_RESET)
		pci_link_controls_changed(config_dev(b));
}

void pci_port_hold(struct pci_dev *port)
{
	port->bridge->held = true;
	pci_bus_reset(&port->bridge->secondary, RESET_HOT);
	pci_link_changed(port);
}

void pci_port_let_go(struct pci_dev *port)
{
	port->bridge->held = false;
	pci_link_changed(port);
}

const struct reg pci_bridge_rows[] = {
	R8(PCI_PRIMARY_BUS, PRIMARY_BUS, 0, 0xff),
	R8(PCI_SECONDARY_BUS, SECONDARY_BUS, 0, 0xff),
	R8(PCI_SUBORDINATE_BUS, SUBORDINATE_BUS, 0, 0xff),
	R8(PCI_IO_BASE, IO_BASE, PCI_IO_32, 0xf0, .write = window_write),
	R8(PCI_IO_LIMIT, IO_LIMIT, PCI_IO_32, 0xf0, .write = window_write),
	R16(PCI_SECONDARY_STATUS, SECONDARY_STATUS, 0, 0, .w1c = PCI_STATUS_W1C),
	R16(PCI_MEMORY_BASE, MEMORY_BASE, 0, 0xfff0, .write = window_write),
	R16(PCI_MEMORY_LIMIT, MEMORY_LIMIT, 0, 0xfff0, .write = window_write),
	R16(PCI_PREFETCH_BASE, PREFETCH_BASE, PCI_PREFETCH_64, 0xfff0, .write = window_write),
	R16(PCI_PREFETCH_LIMIT, PREFETCH_LIMIT, PCI_PREFETCH_64, 0xfff0, .write = window_write),
	R32(PCI_PREFETCH_BASE_HI, PREFETCH_BASE_HI, 0, 0xffffffff, .write = window_write),
	R32(PCI_PREFETCH_LIMIT_HI, PREFETCH_LIMIT_HI, 0, 0xffffffff, .write = window_write),
	R16(PCI_IO_BASE_HI, IO_BASE_HI, 0, 0xffff, .write = window_write),
	R16(PCI_IO_LIMIT_HI, IO_LIMIT_HI, 0, 0xffff, .write = window_write),
	R16(PCI_BRIDGE_CONTROL, BRIDGE_CONTROL, 0,
	    PCI_BRIDGE_PARITY | PCI_BRIDGE_SERR | PCI_BRIDGE_ISA | PCI_BRIDGE_RESET, .write = bridge_control_write),
};
const u32 pci_bridge_row_count = ARRAY_SIZE(pci_bridge_rows);

static bool window_holds(u64 first, u64 last, u64 base, u64 size)
{
	return first <= last && base >= first && base <= last && size - 1 <= last - base;
}

/* Whatever is enabled. */
static bool windows_hold(const struct regs *c, u64 base, u64 size, bool io)
{
	u64 first, last;

	if (io) {
		first = (regs_get(c, PCI_IO_BASE, 1) & 0xf0) << 8 | regs_get(c, PCI_IO_BASE_HI, 2) << 16;
		last = (regs_get(c, PCI_IO_LIMIT, 1) & 0xf0) << 8 | regs_get(c, PCI_IO_LIMIT_HI, 2) << 16 | 0xfff;
		if ((regs_get(c, PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_ISA) && base < 0x10000 &&
		    ((base & 0x300) || size > 0x100))
			return false;
		return window_holds(first, last, base, size);
	}
	first = (regs_get(c, PCI_MEMORY_BASE, 2) & 0xfff0) << 16;
	last = (regs_get(c, PCI_MEMORY_LIMIT, 2) & 0xfff0) << 16 | 0xfffff;
	if (window_holds(first, last, base, size))
		return true;
	first = (regs_get(c, PCI_PREFETCH_BASE, 2) & 0xfff0) << 16 | regs_get(c, PCI_PREFETCH_BASE_HI, 4) << 32;
	last = (regs_get(c, PCI_PREFETCH_LIMIT, 2) & 0xfff0) << 16 | regs_get(c, PCI_PREFETCH_LIMIT_HI, 4) << 32 |
	       0xfffff;
	return window_holds(first, last, base, size);
}

bool pci_bridge_passes(const struct pci_dev *dev, u64 base, u64 size, bool io)
{
	const struct regs *c = &dev->config;
	struct pci_alternate other;

	if (pci_is_asleep(dev)) /* D3hot: only configuration space answers [PCIe5 5.3.1.4] */
		return false;
	if (!io && pci_bridge_alternate(dev, &other) &&
	    (window_holds(other.first, other.last, base, size) ||
	     window_holds(other.prefetch_first, other.prefetch_last, base, size)))
		return true;
	return (regs_get(c, PCI_COMMAND, 2) & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)) &&
	       windows_hold(c, base, size, io);
}

bool pci_is_disabled(const struct pci_dev *dev, const struct pci_bytes *bytes)
{
	u64 enable = bytes->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

	return ((regs_get(&dev->config, PCI_COMMAND, 2) & enable) == 0 || pci_is_asleep(dev)) &&
	       (pci_bars_hold(dev, bytes) ||
		(dev->bridge && windows_hold(&dev->config, bytes->address, bytes->size, bytes->io)));
}

void pci_bridge_init(struct pci_dev *dev, struct pci_bridge *bridge, enum bus_kind kind)
{
	assert(dev->bus && (regs_get(&dev->config, PCI_HEADER_TYPE, 1) & 0x7f) == 1);
	bridge->dev = dev;
	bridge->secondary.bus = (struct bus){.name = dev_name(&dev->dev), .kind = kind, .parent = &dev->dev};
	bridge->secondary.bridge = bridge;
	bridge->secondary.root = dev->bus->root;
	/* An upstream port's bus holds the switch's downstream ports; any other port's, one device. */
	bridge->secondary.single_slot = pci_express_type(dev) != PCIE_UPSTREAM;
	dev->bridge = bridge;
}

bool pci_reserve_add(struct pci_dev *dev, struct error *err)
{
	const struct pci_reserve *r = &dev->bridge->reserve;
	const struct reg rows[] = {
		R16(2, RESERVE_HEADER, PCI_RESERVE_BYTES | PCI_RESERVE_TYPE << 8, 0),
		R32(4, RESERVE_BUS, r->bus, 0),
		R64(8, RESERVE_IO, r->io, 0),
		R32(16, RESERVE_MEM, (u32)r->mem, 0),
		R32(20, RESERVE_PREF32, (u32)r->pref32, 0),
		R64(24, RESERVE_PREF64, r->pref64, 0),
	};
	static const struct {
		const char *key;
		size_t offset;
	} small[] = {{"mem-reserve", offsetof(struct pci_reserve, mem)},
		     {"pref32-reserve", offsetof(struct pci_reserve, pref32)}};

	if (r->bus == UINT32_MAX && (r->io & r->mem & r->pref32 & r->pref64) == UINT64_MAX)
		return true;
	if (r->bus != UINT32_MAX && r->bus > 255)
		return fail(err, "%s: bus-reserve=%u: there are 256 buses", dev_name(&dev->dev), r->bus);
	if (r->pref32 != UINT64_MAX && r->pref64 != UINT64_MAX)
		return fail(
			err,
			"%s: pref32-reserve= and pref64-reserve= exclude each other; a port has one prefetchable window",
			dev_name(&dev->dev));
	for (unsigned n = 0; n < ARRAY_SIZE(small); n++) {
		u64 bytes = *(const u64 *)((const char *)r + small[n].offset);

		if (bytes != UINT64_MAX && bytes >= 4 * GiB)
			return fail(err, "%s: %s=%llu: must be less than 4G", dev_name(&dev->dev), small[n].key,
				    (unsigned long long)bytes);
	}
	pci_cap_add(dev, PCI_CAP_VENDOR, 0, PCI_RESERVE_BYTES, rows, ARRAY_SIZE(rows));
	return true;
}
