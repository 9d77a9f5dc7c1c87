/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each PCI root may give out, read back from configuration space after firmware has enumerated it: the _CRS that
 * the DSDT shows follows the firmware. BARs of the functions on a root's own bus and the windows of the bridges there
 * are gathered, sorted, and neighbours of one root joined; an expander gets its stretches, pcie.0 the rest of the
 * host's windows. Of the longest stretch that nobody uses, each expander gets a share besides, since firmware leaves no
 * room for hotplug and Linux wants 2 MiB of each kind for a port. Before firmware has assigned anything all is free.
 * Whatever a guest programs, no two roots' windows overlap: the lower one wins. Machine lock held.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "machine/facts.h"
#include "machine/firmware.h"
#include "pci/pci_spec.h"

#define MEMORY_GRAIN (2 * MiB)
#define MEMORY64_GRAIN (1 * GiB)

/* One stretch of addresses that a root needs: [base, last]. */
struct need {
	u64 base, last;
	unsigned root;
};

struct needs {
	struct need *list;
	size_t count, room;
};

static void need_add(struct needs *needs, u64 base, u64 last, unsigned root, u64 window, u64 window_size)
{
	if (!base || base > last || base < window || last - window >= window_size)
		return;
	if (needs->count == needs->room) {
		size_t room = needs->room ? 2 * needs->room : 64;
		struct need *list = realloc(needs->list, room * sizeof(*list));

		assert(list);
		needs->list = list;
		needs->room = room;
	}
	needs->list[needs->count++] = (struct need){base, last, root};
}

static u32 config32(struct pci_dev *dev, u32 offset)
{
	return (u32)pci_config_read(dev, offset, 4);
}

static void bar_needs(struct pci_dev *dev, unsigned root, bool io, struct needs *needs, u64 window, u64 window_size)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *bar = &dev->bars[n];
		u64 base;

		if (!bar->size || bar->io != io)
			continue;
		base = config32(dev, PCI_BAR0 + 4 * n) & (io ? ~3u : ~15u);
		if (bar->is_64)
			base |= (u64)config32(dev, PCI_BAR0 + 4 * n + 4) << 32;
		need_add(needs, base, base + bar->size - 1, root, window, window_size);
	}
}

static void bridge_needs(struct pci_dev *dev, unsigned root, bool io, struct needs *needs, u64 window, u64 window_size)
{
	u32 both = config32(dev, io ? PCI_IO_BASE : PCI_MEMORY_BASE);
	u64 base, last;

	if (io) {
		u32 high = config32(dev, PCI_IO_BASE_HI);

		base = (both & 0xf0) << 8 | (u64)(high & 0xffff) << 16;
		last = ((both >> 8 & 0xf0) << 8 | 0xfff) | (u64)(high >> 16) << 16;
		need_add(needs, base, last, root, window, window_size);
		return;
	}
	need_add(needs, (u64)(both & 0xfff0) << 16, (both & 0xfff00000) | 0xfffff, root, window, window_size);
	both = config32(dev, PCI_PREFETCH_BASE);
	base = (u64)(both & 0xfff0) << 16 | (u64)config32(dev, PCI_PREFETCH_BASE_HI) << 32;
	last = (both & 0xfff00000) | 0xfffff | (u64)config32(dev, PCI_PREFETCH_LIMIT_HI) << 32;
	need_add(needs, base, last, root, window, window_size);
}

static int by_base(const void *a, const void *b)
{
	const struct need *x = a, *y = b;

	return x->base != y->base ? (x->base < y->base ? -1 : 1) : (int)x->root - (int)y->root;
}

/* Sorted, of one root where neighbours are, without overlaps. */
static void needs_join(struct needs *needs)
{
	size_t kept = 0;

	if (!needs->count)
		return;
	qsort(needs->list, needs->count, sizeof(*needs->list), by_base);
	for (size_t i = 1; i < needs->count; i++) {
		struct need *last = &needs->list[kept], next = needs->list[i];

		if (next.root == last->root) {
			last->last = MAX(last->last, next.last);
			continue;
		}
		if (next.last <= last->last) {
			guest_error(WINDOWS_OVERLAP, "PCI: two roots claim 0x%llx", (unsigned long long)next.base);
			continue;
		}
		next.base = MAX(next.base, last->last + 1);
		needs->list[++kept] = next;
	}
	needs->count = kept + 1;
}

static struct needs gather(struct machine *m, bool io, u64 window, u64 window_size)
{
	struct needs needs = {0};
	unsigned root_index = 0;

	for (struct pci_root *root = pci_host_root(m->pci); root; root = root->next, root_index++) {
		for (unsigned devfn = 0; devfn < ARRAY_SIZE(root->bus.slots); devfn++) {
			struct pci_dev *dev = root->bus.slots[devfn];

			if (!dev || !dev->config.store)
				continue;
			bar_needs(dev, root_index, io, &needs, window, window_size);
			if (dev->bridge)
				bridge_needs(dev, root_index, io, &needs, window, window_size);
		}
	}
	needs_join(&needs);
	return needs;
}

static void window_add(struct acpi_root *root, u64 base, u64 size)
{
	if (root->memory_count < ACPI_ROOT_WINDOWS_MAX)
		root->memory[root->memory_count++] = (struct acpi_window){base, size};
	else
		trace(UNIMP, "PCI: root %u has too many windows to be told in ACPI", root->uid);
}

/* The upper half of the longest free stretch, in equal parts, to the expanders: more needs, still sorted. */
static void hand_out(struct needs *needs, u64 window, u64 window_size, unsigned roots, u64 grain)
{
	u64 from = window, best = 0, best_size = 0, part;

	for (size_t i = 0; i <= needs->count; i++) {
		u64 to = i < needs->count ? needs->list[i].base : window + window_size;

		if (to > from && to - from > best_size) {
			best = from;
			best_size = to - from;
		}
		if (i < needs->count)
			from = needs->list[i].last + 1;
	}
	part = roots > 1 ? align_down(best_size / 2 / (roots - 1), grain) : 0;
	if (!part)
		return;
	best = align_down(best + best_size, grain) - part * (roots - 1);
	for (unsigned root = 1; root < roots; root++, best += part)
		need_add(needs, best, best + part - 1, root, window, window_size);
	qsort(needs->list, needs->count, sizeof(*needs->list), by_base);
}

static void share_memory(struct machine *m, struct acpi_config *a, u64 window, u64 window_size, u64 grain)
{
	struct needs needs = gather(m, false, window, window_size);
	u64 from = window;

	hand_out(&needs, window, window_size, a->root_count, grain);
	for (size_t i = 0; i < needs.count; i++) {
		const struct need *need = &needs.list[i];

		if (!need->root)
			continue;
		if (need->base > from)
			window_add(&a->roots[0], from, need->base - from);
		window_add(&a->roots[need->root], need->base, need->last - need->base + 1);
		from = need->last + 1;
	}
	if (from < window + window_size)
		window_add(&a->roots[0], from, window + window_size - from);
	free(needs.list);
}

/* Whether a function on this bus or below has registers in I/O space. */
static bool has_io(const struct pci_bus *bus)
{
	for (unsigned devfn = 0; devfn < ARRAY_SIZE(bus->slots); devfn++) {
		const struct pci_dev *dev = bus->slots[devfn];

		if (!dev)
			continue;
		for (unsigned n = 0; n < PCI_BARS; n++)
			if (dev->bars[n].size && dev->bars[n].io)
				return true;
		if (dev->bridge && has_io(&dev->bridge->secondary))
			return true;
	}
	return false;
}

/* One window each: the largest. */
static void io_offer(struct acpi_root *root, u64 base, u64 size)
{
	if (size > root->io.size)
		root->io = (struct acpi_window){base, size};
	root->io_pa = memory_map[MAP_PCI_PIO].base + root->io.base;
}

/* Firmware gives every port 4 KiB of the 64 KiB there are. An expander under which nothing uses them has none, so that
 * pcie.0's window begins where a kernel with larger pages can map it. */
static void share_io(struct machine *m, struct acpi_config *a)
{
	u64 size = memory_map[MAP_PCI_PIO].size, from = 0;
	bool uses[ACPI_ROOTS_MAX] = {false};
	unsigned index = 0;
	struct needs needs = gather(m, true, 0, size);

	for (struct pci_root *root = pci_host_root(m->pci)->next; root; root = root->next)
		uses[++index] = has_io(&root->bus);
	for (size_t i = 0; i < needs.count; i++) {
		const struct need *need = &needs.list[i];

		if (!uses[need->root])
			continue;
		if (need->base > from)
			io_offer(&a->roots[0], from, need->base - from);
		io_offer(&a->roots[need->root], need->base, need->last - need->base + 1);
		from = need->last + 1;
	}
	if (from < size)
		io_offer(&a->roots[0], from, size - from);
	free(needs.list);
}

void crs_from_config_space(struct machine *m, struct acpi_config *a)
{
	for (unsigned i = 0; i < a->root_count; i++) {
		a->roots[i].memory_count = 0;
		a->roots[i].io = (struct acpi_window){0};
	}
	share_memory(m, a, memory_map[MAP_PCI_MMIO].base, memory_map[MAP_PCI_MMIO].size, MEMORY_GRAIN);
	share_memory(m, a, memory_map[MAP_PCI_MMIO64].base, memory_map[MAP_PCI_MMIO64].size, MEMORY64_GRAIN);
	share_io(m, a);
}
