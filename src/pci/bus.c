/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buses: who sits where, and how a configuration request finds its function. [PCIe5 7.2.2, 7.3]
 *
 * A request of the CPU is a load or store in the ECAM: the address holds bus, device, function and register. The root
 * whose bus range holds the bus number takes it. On the root's own number it is a type 0 request. Below, it travels as
 * type 1 through the port whose Secondary..Subordinate range (as software programmed it, just now) holds the number,
 * and becomes type 0 on the secondary bus, where a port only knows device 0. What is not there reads all ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pci/parts.h"

static struct pci_dev *bus_find(struct pci_bus *bus, u8 number, u8 devfn)
{
	for (unsigned n = 0; n < bus->end; n++) {
		struct pci_dev *dev = bus->slots[n];
		struct pci_alternate other;
		u8 secondary, subordinate;

		if (!dev || !dev->bridge || !dev->config.store)
			continue;
		if (pci_bridge_alternate(dev, &other) && number >= other.bus_first && number <= other.bus_last &&
		    number != regs_get(&dev->config, PCI_SECONDARY_BUS, 1))
			return pci_link_is_up(dev) ? bus_find(&dev->bridge->secondary, number, devfn) : NULL;
		secondary = regs_get(&dev->config, PCI_SECONDARY_BUS, 1);
		subordinate = regs_get(&dev->config, PCI_SUBORDINATE_BUS, 1);
		if (!secondary || number < secondary || number > subordinate)
			continue;
		if (!pci_link_is_up(dev))
			return NULL;
		if (number > secondary)
			return bus_find(&dev->bridge->secondary, number, devfn);
		if (dev->bridge->secondary.single_slot && DEVFN_SLOT(devfn))
			return NULL;
		return dev->bridge->secondary.slots[devfn];
	}
	return NULL;
}

struct pci_dev *pci_root_find(struct pci_root *root, u8 bus, u8 devfn)
{
	if (bus < root->base || bus > root->last)
		return NULL;
	return bus == root->base ? root->bus.slots[devfn] : bus_find(&root->bus, bus, devfn);
}

/* --- Unsupported Request: a request that nobody claims is answered where it has come to. [PCIe5 2.3.1, 7.3.3] --- */

/* The port below `port` - or, of a link, the port at its other end - that leads on, or NULL. */
static struct pci_dev *next_port(const struct pci_dev *port, bool (*leads)(const struct pci_dev *port, const void *arg),
				 const void *arg)
{
	const struct pci_bus *bus = &port->bridge->secondary;

	for (unsigned n = 0; n < bus->end; n++)
		if (bus->slots[n] && bus->slots[n]->bridge && bus->slots[n]->config.store && leads(bus->slots[n], arg))
			return bus->slots[n];
	return NULL;
}

/* At the lower end of a link all functions have the error, and of each severity one of them tells. [PCIe5 6.2.4] Inside
 * a switch it is the upstream port's. */
static void answer_below(struct pci_dev *port, bool posted, const u32 header[4])
{
	unsigned told = 0;

	if (!port->bridge->secondary.single_slot) {
		pci_aer_unsupported(port, posted, header, NULL);
		return;
	}
	for (unsigned fn = 0; fn < 8; fn++) {
		struct pci_dev *dev = port->bridge->secondary.slots[fn];

		if (dev && dev->config.store)
			pci_aer_unsupported(dev, posted, header, &told);
	}
}

/* What a port keeps back is its own to answer. Of a root port's nothing is said: who asks is next to it; nor while one
 * contains an error. */
static void answer_itself(struct pci_dev *port, const u32 header[4])
{
	if (pci_express_type(port) == PCIE_DOWNSTREAM && !pci_dpc_contains(port))
		pci_aer_unsupported(port, false, header, NULL);
}

static bool leads_to_bus(const struct pci_dev *port, const void *number)
{
	u64 secondary = regs_get(&port->config, PCI_SECONDARY_BUS, 1);

	return secondary && *(const u8 *)number >= secondary &&
	       *(const u8 *)number <= regs_get(&port->config, PCI_SUBORDINATE_BUS, 1);
}

void pci_unclaimed_config(struct pci_dev *port, u8 number, u8 devfn, const u32 header[4])
{
	u32 as_type_0[4] = {header[0] & ~TLP_CONFIG_TYPE1, header[1], header[2], header[3]};

	for (struct pci_dev *next;; port = next) {
		bool is_there = number == regs_get(&port->config, PCI_SECONDARY_BUS, 1);
		bool is_link = port->bridge->secondary.single_slot;

		if (is_link && (!pci_link_is_up(port) || (is_there && DEVFN_SLOT(devfn))))
			return answer_itself(port, header);
		next = is_there ? NULL : next_port(port, leads_to_bus, &number);
		if (!next)
			return answer_below(port, false, is_link && is_there ? as_type_0 : header);
	}
}

static bool leads_to_bytes(const struct pci_dev *port, const void *arg)
{
	const struct pci_bytes *bytes = arg;

	return pci_bridge_passes(port, bytes->address, bytes->size, bytes->io);
}

bool pci_disabled_answers(struct pci_bus *bus, const struct pci_bytes *bytes, bool posted, const u32 header[4])
{
	for (unsigned n = 0; n < bus->end; n++)
		if (bus->slots[n] && bus->slots[n]->config.store && pci_is_disabled(bus->slots[n], bytes)) {
			pci_aer_unsupported(bus->slots[n], posted, header, NULL);
			return true;
		}
	return false;
}

void pci_unclaimed_bytes(struct pci_dev *port, const struct pci_bytes *bytes, bool posted, const u32 header[4])
{
	for (struct pci_dev *next;; port = next) {
		bool is_link = port->bridge->secondary.single_slot;

		/* What is posted and finds a link down is lost without a word. [PCIe5 2.9.1] */
		if (is_link && !pci_link_is_up(port)) {
			if (!posted)
				answer_itself(port, header);
			return;
		}
		next = next_port(port, leads_to_bytes, bytes);
		if (next)
			continue;
		if (is_link || !pci_disabled_answers(&port->bridge->secondary, bytes, posted, header))
			answer_below(port, posted, header);
		return;
	}
}

/* A configuration request that went down a root port's link and reached nobody; true: an exception. What the port
 * itself keeps back - its link is down, or the device number is not 0 - is no answer from below. */
static bool config_is_unanswered(struct pci_host *host, u64 offset, unsigned size, bool write)
{
	u8 bus = offset >> ECAM_BUS_SHIFT, devfn = offset >> ECAM_DEVFN_SHIFT, secondary;
	struct pci_dev *port = pci_host_port_of_bus(host, bus);
	u32 reg = offset & (PCI_CONFIG_BYTES - 1);

	if (!port || !pci_link_is_up(port))
		return false;
	secondary = regs_get(&port->config, PCI_SECONDARY_BUS, 1);
	if (bus == secondary && DEVFN_SLOT(devfn))
		return false;
	const u32 header[4] = {(write ? TLP_CONFIG_WRITE : TLP_CONFIG_READ) |
				       (bus == secondary ? 0 : TLP_CONFIG_TYPE1) | 1,
			       (u32)(ones(size) << (reg & 3)), (u32)bus << 24 | (u32)devfn << 16 | (reg & ~3u)};
	pci_unclaimed_config(port, bus, devfn, header);
	return pci_dpc_unsupported(port, PCI_REQUEST_CONFIG, header);
}

static struct pci_dev *ecam_target(struct pci_host *host, u64 offset)
{
	struct pci_dev *dev =
		pci_host_find(host, (offset >> ECAM_BUS_SHIFT) & 0xff, (offset >> ECAM_DEVFN_SHIFT) & 0xff);

	return dev && dev->config.store ? dev : NULL;
}

/* A configuration request is at most one DWORD, so 8 bytes are two requests in ascending order. */
static enum mem_result ecam_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	u32 reg = offset & (PCI_CONFIG_BYTES - 1);

	*value = 0;
	for (unsigned done = 0; done < size; done += 4) {
		struct pci_dev *dev = ecam_target(opaque, offset);
		unsigned part = MIN(size - done, 4u);
		u64 v = dev && reg + done + part <= PCI_CONFIG_BYTES ? pci_config_read(dev, reg + done, part) :
								       ones(8 * part);

		if (!dev && config_is_unanswered(opaque, offset + done, part, false))
			return MEM_NOTHING;
		*value |= v << (8 * done);
	}
	return MEM_OK;
}

static enum mem_result ecam_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	u32 reg = offset & (PCI_CONFIG_BYTES - 1);

	for (unsigned done = 0; done < size; done += 4) {
		struct pci_dev *dev = ecam_target(opaque, offset);
		unsigned part = MIN(size - done, 4u);

		if (dev && reg + done + part <= PCI_CONFIG_BYTES)
			pci_config_write(dev, reg + done, part, (value >> (8 * done)) & ones(8 * part));
		else if (!dev && config_is_unanswered(opaque, offset + done, part, true))
			return MEM_NOTHING;
	}
	return MEM_OK;
}

const struct io_ops pci_ecam_io = {.read = ecam_read, .write = ecam_write};

/* "1", "1.0", "0x1.0", "1f.7": hexadecimal. */
static bool addr_parse(const char *name, const char *text, u8 *devfn, struct error *err)
{
	unsigned long slot, fn = 0;
	char *end;

	slot = strtoul(text, &end, 16);
	if (end != text && *end == '.') {
		const char *after = end + 1;

		fn = strtoul(after, &end, 16);
		if (end == after)
			end = (char *)text;
	}
	if (end == text || *end || slot > 31 || fn > 7)
		return fail(err,
			    "%s: addr=%s is not SLOT or SLOT.FUNCTION with slot 0..1f, function 0..7 (hexadecimal)",
			    name, text);
	*devfn = DEVFN(slot, fn);
	return true;
}

bool pci_bus_place(struct pci_bus *bus, struct pci_dev *dev, struct error *err)
{
	const char *name = dev_name(&dev->dev), *where = bus->bus.name;
	bool is_main = !bus->bridge && !bus->root->pxb;
	unsigned slots = bus->single_slot ? 1 : 32, slot;
	struct pci_dev *first;
	u8 devfn = 0;

	if (dev->addr_text) {
		if (!addr_parse(name, dev->addr_text, &devfn, err))
			return false;
		if (DEVFN_SLOT(devfn) >= slots)
			return fail(err,
				    "%s: addr=%s: below port '%s' there is only device 0 [PCIe5 7.3.1]; write addr=0",
				    name, dev->addr_text, where);
	} else {
		/* Slot 0 of pcie.0 is left for a host bridge's function. */
		for (slot = is_main ? 1 : 0; slot < slots; slot++) {
			bool is_free = true;

			for (unsigned fn = 0; fn < 8; fn++)
				is_free &= !bus->slots[DEVFN(slot, fn)];
			if (is_free)
				break;
		}
		if (slot >= slots && bus->single_slot)
			return fail(err, "%s: bus=%s already has '%s': a port takes one device; give another port",
				    name, where, bus->slots[0] ? dev_name(&bus->slots[0]->dev) : "a device");
		if (slot >= slots)
			return fail(err, "%s: bus=%s has no free slot", name, where);
		devfn = DEVFN(slot, 0);
	}
	if (bus->slots[devfn])
		return fail(err, "%s: addr=%x.%x on bus '%s' is taken by '%s'", name, DEVFN_SLOT(devfn),
			    DEVFN_FN(devfn), where, dev_name(&bus->slots[devfn]->dev));
	first = bus->slots[DEVFN(DEVFN_SLOT(devfn), 0)];
	if (DEVFN_FN(devfn) && first && !first->multifunction)
		return fail(err, "%s: addr=%x.%x: '%s' in function 0 needs multifunction=on", name, DEVFN_SLOT(devfn),
			    DEVFN_FN(devfn), dev_name(&first->dev));
	if (!DEVFN_FN(devfn) && !dev->multifunction)
		for (unsigned fn = 1; fn < 8; fn++)
			if (bus->slots[devfn + fn])
				return fail(err, "%s: addr=%x.0 shares its slot with '%s' and needs multifunction=on",
					    name, DEVFN_SLOT(devfn), dev_name(&bus->slots[devfn + fn]->dev));
	bus->slots[devfn] = dev;
	bus->end = MAX(bus->end, devfn + 1u);
	dev->bus = bus;
	dev->devfn = devfn;
	return true;
}

void pci_bus_reset(struct pci_bus *bus, unsigned reset_kind)
{
	for (unsigned n = 0; n < bus->end; n++) {
		struct pci_dev *dev = bus->slots[n];

		if (!dev)
			continue;
		pci_function_reset(dev, reset_kind);
		if (dev->bridge)
			pci_below_reset(dev, reset_kind);
	}
}

void pci_below_reset(struct pci_dev *port, unsigned reset_kind)
{
	if (!port->bridge->unbound)
		pci_bus_reset(&port->bridge->secondary, reset_kind);
}

bool pci_bus_each(struct pci_bus *bus, bool (*each)(struct pci_dev *dev, void *arg), void *arg)
{
	for (unsigned n = 0; n < bus->end; n++) {
		struct pci_dev *dev = bus->slots[n];

		if (dev && (!each(dev, arg) || (dev->bridge && !dev->bridge->unbound &&
						!pci_bus_each(&dev->bridge->secondary, each, arg))))
			return false;
	}
	return true;
}
