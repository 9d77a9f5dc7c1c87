/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shares out the PCIe windows between the roots when there is no firmware to do it (design D4 (b)): Linux assigns BARs
 * and bridge windows itself, but only inside the _CRS of their root. A root's share grows with what is below it: a port
 * that can take hotplugged devices is given 2 MiB of each window by Linux, a Type 3 device has non-prefetchable BARs,
 * so 32-bit space is the scarce thing. What ports reserve (mem-reserve= and the like) their root has beside its share.
 * I/O space is pcie.0's alone: Linux maps each root's share by pages, and a kernel with 64 KiB pages has one page of
 * it.
 */
#include <assert.h>
#include <string.h>

#include "base/bits.h"
#include "machine/facts.h"

#define SLICE32_ALIGN (2 * MiB)
#define SLICE64_ALIGN (1 * GiB)

unsigned root_count(struct machine *m)
{
	unsigned n = 0;

	for (struct pci_root *root = pci_host_root(m->pci); root; root = root->next)
		n++;
	return n;
}

static const struct pci_root *root_of(const struct pci_dev *dev)
{
	const struct pci_bus *bus = dev->bus;

	for (unsigned depth = 0; bus && bus->bridge && depth < 256; depth++)
		bus = bus->bridge->dev->bus;
	return bus ? bus->root : NULL;
}

static bool is_pci(const struct dev *dev)
{
	return dev->cls->plugs == BUS_PCI || dev->cls->plugs == BUS_PCIE || dev->cls->plugs == BUS_CXL;
}

static u64 said(u64 reserve)
{
	return reserve == UINT64_MAX ? 0 : reserve;
}

bool partition_roots(struct machine *m, struct root_slice *slices, unsigned count, struct error *err)
{
	u64 weight[ACPI_ROOTS_MAX] = {0}, sum = 0, kept32[ACPI_ROOTS_MAX] = {0}, kept64[ACPI_ROOTS_MAX] = {0},
	    sum32 = 0, sum64 = 0;
	u64 base32 = memory_map[MAP_PCI_MMIO].base, size32 = memory_map[MAP_PCI_MMIO].size;
	u64 base64 = memory_map[MAP_PCI_MMIO64].base, size64 = memory_map[MAP_PCI_MMIO64].size;
	unsigned i = 0;

	if (count > ACPI_ROOTS_MAX)
		return fail(err, "-device: %u PCI roots; at most %d", count, ACPI_ROOTS_MAX);
	for (struct pci_root *root = pci_host_root(m->pci); root; root = root->next, i++) {
		weight[i] = 4;
		for (struct dev *dev = m->first_dev; dev; dev = dev->next) {
			const struct pci_dev *function;

			if (!dev->created || !is_pci(dev))
				continue;
			function = (const struct pci_dev *)dev;
			if (root_of(function) != root)
				continue;
			weight[i] += function->bridge ? 4 : 1;
			if (!function->bridge)
				continue;
			kept32[i] +=
				align_up(said(function->bridge->reserve.mem) + said(function->bridge->reserve.pref32),
					 SLICE32_ALIGN);
			kept64[i] += align_up(MIN(said(function->bridge->reserve.pref64), size64), SLICE64_ALIGN);
			if (kept32[i] + sum32 > size32 / 2 || kept64[i] + sum64 > size64 / 2)
				return fail(
					err,
					"%s: mem-reserve=, pref32-reserve=, pref64-reserve=: the ports reserve more than half of the PCIe windows "
					"(%llu MiB below 4G, %llu GiB above); ask for less",
					dev_name(dev), (unsigned long long)(size32 / 2 / MiB),
					(unsigned long long)(size64 / 2 / GiB));
		}
		sum += weight[i];
		sum32 += kept32[i];
		sum64 += kept64[i];
	}
	assert(i == count && sum);
	for (i = 0; i < count; i++) {
		struct root_slice *s = &slices[i];

		s->mmio32_base = base32;
		s->mmio32_size = align_down((size32 - sum32) * weight[i] / sum, SLICE32_ALIGN) + kept32[i];
		base32 += s->mmio32_size;
		s->mmio64_base = base64;
		s->mmio64_size = align_down((size64 - sum64) / count, SLICE64_ALIGN) + kept64[i];
		base64 += s->mmio64_size;
		s->io_base = 0;
		s->io_size = i ? 0 : memory_map[MAP_PCI_PIO].size;
		if (s->mmio32_size < SLICE32_ALIGN)
			return fail(err,
				    "-device: the PCIe 32-bit window is too small for %u roots; use fewer pxb devices",
				    count);
	}
	return true;
}
