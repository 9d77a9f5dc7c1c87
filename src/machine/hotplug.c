/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices and objects that come and go while the machine exists. Event loop's thread, machine lock held.
 *
 * What can be plugged is an endpoint, into the hot-plug slot of a port (pci/slot.c). To unplug, the guest is asked;
 * when it has switched the slot off, or at the next machine reset, all functions in the slot and what hangs on them are
 * destroyed and DEVICE_DELETED is told for each. A surprise removal does the same at once. Whatever a device has in the
 * address map leaves it while everybody stands still; requests under way are waited for by the device's own destroy.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "machine/private.h"

#define DEPTH_MAX 64 /* of buses above a device */

/* Takes the last device out of the list again. */
static void drop_last(struct machine *m)
{
	struct dev **link = &m->first_dev, *dev;

	while ((*link)->next)
		link = &(*link)->next;
	dev = *link;
	*link = NULL;
	m->last_dev = link;
	dev_destroy(dev);
}

static struct dev *last_dev(struct machine *m)
{
	return m->first_dev ? container_of(m->last_dev, struct dev, next) : NULL;
}

bool machine_object_add(struct machine *m, struct opts *opts, struct error *err)
{
	struct dev *before = last_dev(m);

	if (machine_add_object(m, opts, err) &&
	    (!last_dev(m)->cls->at_start ||
	     fail(err, "%s: describe it at the start, with -object", last_dev(m)->cls->name)))
		return true;
	if (last_dev(m) != before)
		drop_last(m);
	return false;
}

/* Only a device that is whole, and that software may find, is told of. */
static bool settle_plugged(struct dev *dev, struct error *err)
{
	struct pci_dev *function = (struct pci_dev *)dev;

	if (function->bridge)
		return fail(
			err,
			"%s: a bridge or switch cannot be plugged at run time: its ports would be missing; describe it at the start",
			dev_name(dev));
	if (dev->cls->reset)
		dev->cls->reset(dev, RESET_COLD);
	pci_slot_plugged(function);
	return true;
}

bool machine_device_plug(struct machine *m, struct opts *opts, struct error *err)
{
	struct dev *before = last_dev(m);
	const struct bus *bus;
	bool ok;

	if (!machine_can_plug(m, opts, &bus, err))
		return false;
	if (!pci_slot_can_plug(container_of(bus, struct pci_bus, bus), err))
		return false;
	ok = machine_add_device(m, opts, err) && settle_plugged(last_dev(m), err);
	if (!ok && last_dev(m) != before)
		drop_last(m);
	return ok;
}

/* --- taking out --- */

static bool hangs_below(const struct dev *dev, const struct dev *above)
{
	for (unsigned depth = 0; dev && depth < DEPTH_MAX; depth++) {
		dev = dev->bus ? dev->bus->parent : NULL;
		if (dev == above)
			return true;
	}
	return false;
}

static void forget(struct machine *m, struct dev *dev)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < m->boot_count; i++)
		if (m->boot[i].dev != dev)
			m->boot[kept++] = m->boot[i];
	m->boot_count = kept;
}

/* The last made of those that hang below `above`: what hangs on others was made after them. */
static struct dev **last_below(struct machine *m, const struct dev *above)
{
	struct dev **found = NULL;

	for (struct dev **link = &m->first_dev; *link; link = &(*link)->next)
		if (hangs_below(*link, above))
			found = link;
	return found;
}

static void empty_slot(struct machine *m, struct pci_dev *port)
{
	struct dev **link;

	while ((link = last_below(m, &port->dev))) {
		struct dev *dev = *link;
		char *id = dev->id ? strdup(dev->id) : NULL;

		*link = dev->next;
		if (!*link)
			m->last_dev = link;
		forget(m, dev);
		dev_destroy(dev);
		machine_tell(m, EVENT_DEVICE_DELETED, 0, id ? id : "");
		free(id);
	}
	pci_slot_emptied(port);
}

struct sweep {
	struct machine *m;
	bool resetting;
	struct pci_dev *port;
};

static bool find_ready(struct pci_dev *dev, void *arg)
{
	struct sweep *s = arg;

	if (pci_slot_may_go(dev, s->resetting))
		s->port = dev;
	return !s->port;
}

void machine_slots_sweep(struct machine *m, bool resetting)
{
	struct sweep s = {m, resetting, NULL};

	do {
		s.port = NULL;
		pci_host_each(m->pci, find_ready, &s);
		if (s.port)
			empty_slot(m, s.port);
	} while (s.port);
}

static void sweep(void *opaque)
{
	machine_slots_sweep(opaque, false);
}

/* Inside a guest's write: the devices go when it is over. */
static void removal_allowed(void *opaque)
{
	struct machine *m = opaque;

	loop_defer(m->loop, sweep, m);
}

void machine_hotplug_start(struct machine *m)
{
	pci_host_on_removal(m->pci, removal_allowed, m);
}

static struct pci_dev *slot_of(struct dev *dev, struct error *err)
{
	struct pci_dev *port = dev->cls->plugs == BUS_PCI || dev->cls->plugs == BUS_PCIE || dev->cls->plugs == BUS_CXL ?
				       pci_slot_of((struct pci_dev *)dev) :
				       NULL;

	if (!port)
		fail(err, "Device '%s' does not support hotplugging", dev_name(dev));
	return port;
}

bool machine_device_unplug(struct machine *m, struct dev *dev, struct error *err)
{
	struct pci_dev *port = slot_of(dev, err);

	if (!port)
		return false;
	switch (pci_slot_ask(port)) {
	case PCI_REMOVAL_NOW: empty_slot(m, port); return true;
	case PCI_REMOVAL_ASKED: return true;
	case PCI_REMOVAL_REPEATED: return fail(err, "Device %s is already in the process of unplug", dev_name(dev));
	case PCI_REMOVAL_BUSY: return fail(err, "Hot-unplug failed: guest is busy (power indicator blinking)");
	}
	unreachable();
}

bool machine_device_pull(struct machine *m, struct dev *dev, struct error *err)
{
	struct pci_dev *port = slot_of(dev, err);

	if (port)
		empty_slot(m, port);
	return port != NULL;
}

/* --- objects --- */

static const struct dev *link_holder(struct machine *m, const struct dev *object)
{
	for (struct dev *dev = m->first_dev; dev; dev = dev->next) {
		const struct prop *lists[] = {dev->cls->props, dev->cls->common};

		for (unsigned n = 0; n < ARRAY_SIZE(lists); n++)
			for (const struct prop *p = lists[n]; p && p->name; p++)
				if (p->kind == PROP_KIND_LINK && *(struct dev **)((char *)dev + p->offset) == object)
					return dev;
	}
	return NULL;
}

bool machine_object_delete(struct machine *m, struct dev *object, struct error *err)
{
	struct backend *backend = backend_of(object);
	const struct dev *holder = link_holder(m, object);
	struct dev **link = &m->first_dev;

	if (holder)
		return fail(err, "object '%s' is in use, can not be deleted: '%s' has it", dev_name(object),
			    dev_name(holder));
	if (backend && backend->ram_owner)
		return fail(err, "object '%s' is in use, can not be deleted: it is the machine's RAM",
			    dev_name(object));
	while (*link && *link != object)
		link = &(*link)->next;
	assert(*link);
	*link = (*link)->next;
	if (!*link)
		m->last_dev = link;
	dev_destroy(object);
	return true;
}
