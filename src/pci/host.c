/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host: ECAM, windows, the list of roots, the four INTx lines.
 *
 * Roots are pcie.0 and one per expander, sorted by bus number; a root owns the numbers up to the next one's. The
 * windows are backed by regions of the lowest priority that read all ones and drop writes, which is what a master abort
 * looks like; the root port that passed the request on is told (dpc.c).
 */
#include <stdlib.h>

#include "pci/parts.h"

#define WINDOW_PRIORITY (-3)
#define PIO_BYTES (64 * KiB)

struct pci_host {
	struct pci_root main;
	struct pci_root *roots; /* sorted by base; main is the first */
	struct pci_windows windows;
	struct space *space;
	struct loop *loop;
	struct line intx[4];
	unsigned bus_count; /* that the ECAM holds */
	unsigned raised[4]; /* functions that hold the line up */
	struct region ecam;
	struct pci_window {
		struct region region;
		struct pci_host *host;
	} pio, mmio32, mmio64;
	void (*removal_allowed)(void *opaque);
	void *removal_opaque;
};

/* --- requests that no BAR takes --- */

/* The first root port that `is` says yes to, or NULL. */
static struct pci_dev *find_port(struct pci_host *host, bool (*is)(const struct pci_dev *port, const void *arg),
				 const void *arg)
{
	for (struct pci_root *root = host->roots; root; root = root->next)
		for (unsigned n = 0; n < root->bus.end; n++) {
			struct pci_dev *dev = root->bus.slots[n];

			if (dev && dev->config.store && pci_express_type(dev) == PCIE_ROOT_PORT && is(dev, arg))
				return dev;
		}
	return NULL;
}

struct bus_wanted {
	const struct pci_root *root;
	u8 bus;
};

static bool has_bus(const struct pci_dev *port, const void *arg)
{
	const struct bus_wanted *wanted = arg;
	u8 secondary = regs_get(&port->config, PCI_SECONDARY_BUS, 1);

	return port->bus->root == wanted->root && secondary && wanted->bus >= secondary &&
	       wanted->bus <= regs_get(&port->config, PCI_SUBORDINATE_BUS, 1);
}

struct pci_dev *pci_host_port_of_bus(struct pci_host *host, u8 bus)
{
	struct pci_root *root = host->roots;

	while (root && (bus <= root->base || bus > root->last))
		root = root->next;
	return root ? find_port(host, has_bus, &(struct bus_wanted){root, bus}) : NULL;
}

static bool passes(const struct pci_dev *port, const void *arg)
{
	const struct pci_bytes *bytes = arg;

	return pci_bridge_passes(port, bytes->address, bytes->size, bytes->io);
}

/* What a window says where no BAR is: all ones, or an exception if the root port that sent the request down is to make
 * one of it. A write to memory is not answered at all. */
static enum mem_result unanswered(const struct pci_window *window, u64 offset, unsigned size, bool write)
{
	bool io = window == &window->host->pio, posted = write && !io;
	u64 address = io ? offset : window->region.base + offset;
	struct pci_bytes bytes = {address, size, io};
	struct pci_dev *port = find_port(window->host, passes, &bytes);
	u32 type = io ? write ? TLP_IO_WRITE : TLP_IO_READ :
			(write ? TLP_MEMORY_WRITE : TLP_MEMORY_READ) | (address >> 32 ? TLP_4_DW : 0);
	u32 enables = (u32)(size == 8 ? 0xff : ones(size) << (address & 3)), low = address & ~3u;
	const u32 header[4] = {type | (size == 8 ? 2 : 1), enables, address >> 32 ? (u32)(address >> 32) : low,
			       address >> 32 ? low : 0};

	if (!port) {
		for (struct pci_root *root = window->host->roots; root; root = root->next)
			if (pci_disabled_answers(&root->bus, &bytes, posted, header))
				break;
		return MEM_OK;
	}
	if (!pci_link_is_up(port))
		return MEM_OK;
	pci_unclaimed_bytes(port, &bytes, posted, header);
	return !posted && pci_dpc_unsupported(port, io ? PCI_REQUEST_IO : PCI_REQUEST_MEMORY, header) ? MEM_NOTHING :
													MEM_OK;
}

static enum mem_result empty_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	*value = ones(8 * size);
	return unanswered(opaque, offset, size, false);
}

static enum mem_result empty_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	return unanswered(opaque, offset, size, true);
}

static const struct io_ops empty_io = {.read = empty_read, .write = empty_write};

static void window_add(struct pci_host *host, struct pci_window *window, const char *name, u64 base, u64 size)
{
	window->host = host;
	window->region = (struct region){.name = name,
					 .base = base,
					 .size = size,
					 .priority = WINDOW_PRIORITY,
					 .ops = &empty_io,
					 .opaque = window};
	if (size)
		space_add(host->space, &window->region);
}

struct pci_host *pci_host_create(const struct pci_host_config *config, struct error *err)
{
	struct pci_host *host;

	if (config->ecam_size < BIT(ECAM_BUS_SHIFT)) {
		fail(err, "PCI ECAM of 0x%llx bytes holds no bus", (unsigned long long)config->ecam_size);
		return NULL;
	}
	host = calloc(1, sizeof(*host));
	if (!host) {
		fail(err, "no memory for the PCI host");
		return NULL;
	}
	host->space = config->space;
	host->loop = config->loop;
	host->bus_count = MIN(config->ecam_size >> ECAM_BUS_SHIFT, 256u);
	for (unsigned n = 0; n < 4; n++)
		host->intx[n] = config->intx[n];
	host->windows = (struct pci_windows){
		.pio_base = config->pio_base,
		.pio_size = config->pio_base ? PIO_BYTES : 0,
		.mmio32_base = config->mmio32_base,
		.mmio32_size = config->mmio32_size,
		.mmio64_base = config->mmio64_base,
		.mmio64_size = config->mmio64_size,
	};
	host->main.bus.bus = (struct bus){.name = "pcie.0", .kind = BUS_PCIE};
	host->main.bus.root = &host->main;
	host->main.numa_node = PCI_NO_NODE;
	host->main.bypass_iommu = config->bypass_iommu;
	host->main.last = host->bus_count - 1;
	host->main.host = host;
	host->roots = &host->main;

	space_begin(host->space);
	host->ecam = (struct region){.name = "PCI ECAM",
				     .base = config->ecam_base,
				     .size = (u64)host->bus_count << ECAM_BUS_SHIFT,
				     .ops = &pci_ecam_io,
				     .opaque = host};
	space_add(host->space, &host->ecam);
	window_add(host, &host->pio, "PCI I/O window", host->windows.pio_base, host->windows.pio_size);
	window_add(host, &host->mmio32, "PCI 32-bit window", host->windows.mmio32_base, host->windows.mmio32_size);
	window_add(host, &host->mmio64, "PCI 64-bit window", host->windows.mmio64_base, host->windows.mmio64_size);
	space_end(host->space);
	return host;
}

void pci_host_destroy(struct pci_host *host)
{
	struct region *regions[] = {&host->ecam, &host->pio.region, &host->mmio32.region, &host->mmio64.region};

	for (unsigned n = 0; n < ARRAY_SIZE(regions); n++)
		if (regions[n]->added)
			space_remove(host->space, regions[n]);
	for (struct pci_root *root = host->roots; root; root = root->next)
		root->host = NULL;
	free(host);
}

struct pci_root *pci_host_root(struct pci_host *host)
{
	return host->roots;
}

const struct pci_windows *pci_host_windows(struct pci_host *host)
{
	return &host->windows;
}

bool pci_host_add_root(struct pci_host *host, struct pci_root *root, struct error *err)
{
	struct pci_root **at = &host->roots;

	while (*at && (*at)->base < root->base)
		at = &(*at)->next;
	if (*at && (*at)->base == root->base)
		return fail(err, "bus_nr=%u is the bus number of '%s' already", root->base, (*at)->bus.bus.name);
	if (root->base >= host->bus_count)
		return fail(err, "bus_nr=%u is beyond the last bus of the ECAM, %u", root->base, host->bus_count - 1);
	root->next = *at;
	*at = root;
	root->host = host;
	root->bus.root = root;
	root->last = root->next ? root->next->base - 1 : host->bus_count - 1;
	return true;
}

void pci_host_remove_root(struct pci_root *root)
{
	if (!root->host)
		return;
	for (struct pci_root **at = &root->host->roots; *at; at = &(*at)->next)
		if (*at == root) {
			*at = root->next;
			break;
		}
	root->host = NULL;
}

static bool bridge_count(struct pci_dev *dev, void *arg)
{
	if (dev->bridge)
		*(unsigned *)arg += 1 + (dev->bridge->reserve.bus == UINT32_MAX ? 0 : dev->bridge->reserve.bus);
	return true;
}

/* Software looks for further functions only where it finds function 0. [PCIe5 7.5.1.1.9] */
static bool is_findable(struct pci_dev *dev, void *arg)
{
	struct error *err = arg;
	unsigned slot = DEVFN_SLOT(dev->devfn);

	return dev->bus->slots[DEVFN(slot, 0)] ||
	       fail(err,
		    "-device %s: addr=%x.%x: there is no function 0 in slot %x of '%s', and without it nobody finds this one; "
		    "write addr=%x.0",
		    dev_name(&dev->dev), slot, DEVFN_FN(dev->devfn), slot, dev->bus->bus.name, slot);
}

bool pci_host_settle(struct pci_host *host, struct error *err)
{
	pci_host_each(host, pci_slot_settle, NULL);
	for (struct pci_root *root = host->roots; root; root = root->next) {
		unsigned bridges = 0;

		root->last = root->next ? root->next->base - 1 : host->bus_count - 1;
		if (root->bypass_iommu)
			space_bypass_iommu(host->space, root->base, root->last);
		if (!pci_bus_each(&root->bus, is_findable, err))
			return false;
		pci_bus_each(&root->bus, bridge_count, &bridges);
		if (bridges <= (unsigned)(root->last - root->base))
			continue;
		if (root->next)
			return fail(err,
				    "%s: bus_nr=%u leaves buses %u..%u to '%s', whose ports need %u; write "
				    "bus_nr=%u or more",
				    root->next->bus.bus.name, root->next->base, root->base, root->last,
				    root->bus.bus.name, bridges, root->base + bridges + 1);
		return fail(
			err,
			"%s: bus_nr=%u leaves buses %u..%u, fewer than the %u that its ports need; write bus_nr=%d or less",
			root->bus.bus.name, root->base, root->base, root->last, bridges,
			(int)root->last - (int)bridges);
	}
	return true;
}

struct pci_dev *pci_host_find(struct pci_host *host, u8 bus, u8 devfn)
{
	for (struct pci_root *root = host->roots; root; root = root->next)
		if (bus >= root->base && bus <= root->last)
			return pci_root_find(root, bus, devfn);
	return NULL;
}

void pci_host_each(struct pci_host *host, bool (*each)(struct pci_dev *dev, void *arg), void *arg)
{
	for (struct pci_root *root = host->roots; root; root = root->next)
		if (!pci_bus_each(&root->bus, each, arg))
			return;
}

void pci_host_on_removal(struct pci_host *host, void (*allowed)(void *opaque), void *opaque)
{
	host->removal_allowed = allowed;
	host->removal_opaque = opaque;
}

void pci_host_removal(struct pci_host *host)
{
	if (host && host->removal_allowed)
		host->removal_allowed(host->removal_opaque);
}

void pci_host_line(struct pci_host *host, unsigned line, bool raised)
{
	unsigned before = host->raised[line];

	host->raised[line] += raised ? 1 : -1;
	if (!before != !host->raised[line])
		line_set(&host->intx[line], host->raised[line]);
}
