/* SPDX-License-Identifier: BSD-2-Clause */
/* The networks of -netdev, -nic and -net, by id; and the card that -nic brings along. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/private.h"
#include "virtio/virtio.h"

/* Opens the network that opts describe; its id, or NULL. */
static const char *netdev_add(struct machine *m, struct opts *opts, const char *id, struct error *err)
{
	char automatic[32];
	bool ok;

	if (m->netdev_count == NETDEVS_MAX) {
		fail(err, "more than %d networks; leave some out", NETDEVS_MAX);
		return NULL;
	}
	if (id && !parse_id("id", id, err))
		return NULL;
	if (id && machine_netdev(m, id)) {
		fail(err, "id=%s: there is a network of this id already; ids must differ", id);
		return NULL;
	}
	while (!id || machine_netdev(m, id)) {
		snprintf(automatic, sizeof(automatic), "net%u", m->auto_ids++);
		id = automatic;
	}
	loop_lock(m->loop);
	m->netdevs[m->netdev_count].netdev = netdev_open(opts, m->loop, err);
	ok = m->netdevs[m->netdev_count].netdev;
	loop_unlock(m->loop);
	if (!ok)
		return NULL;
	m->netdevs[m->netdev_count].id = strdup(id);
	return m->netdevs[m->netdev_count++].id;
}

bool machine_add_netdev(struct machine *m, struct opts *opts, struct error *err)
{
	const char *id = opts_get(opts, "id");

	return id ? netdev_add(m, opts, id, err) != NULL : fail(err, "a network needs an id; add id=NAME");
}

bool machine_del_netdev(struct machine *m, const char *id, struct error *err)
{
	unsigned n = 0;

	while (n < m->netdev_count && strcmp(m->netdevs[n].id, id))
		n++;
	if (n == m->netdev_count)
		return fail(err, "Device '%.100s' not found", id);
	if (netdev_is_connected(m->netdevs[n].netdev))
		return fail(err, "Network '%.100s' is a device's: device_del that first", id);
	loop_lock(m->loop);
	netdev_close(m->netdevs[n].netdev);
	loop_unlock(m->loop);
	free(m->netdevs[n].id);
	m->netdevs[n] = m->netdevs[--m->netdev_count];
	return true;
}

/* The network of a card. */
static struct netdev *netdev_of(struct machine *m, const char *name)
{
	struct dev *dev = machine_device(m, name);
	struct netdev *netdev = machine_netdev(m, name);

	if (netdev || !dev)
		return netdev;
	return dev->cls == &virtio_net_pci_class || dev->cls == &virtio_net_device_class ? virtio_net_wire(dev) : NULL;
}

bool machine_set_link(struct machine *m, const char *name, bool up, struct error *err)
{
	struct netdev *netdev = netdev_of(m, name);

	if (!netdev)
		return fail(err, "Device '%.100s' not found", name);
	loop_lock(m->loop);
	netdev_set_link(netdev, up);
	loop_unlock(m->loop);
	return true;
}

static void device_key(struct opts *device, const char *key, const char *value)
{
	if (value)
		device->list[device->count++] = (struct opt){.key = strdup(key), .value = strdup(value)};
}

bool machine_add_nic(struct machine *m, struct opts *opts, struct error *err)
{
	const char *type = opts_get(opts, "type"), *id = opts_get(opts, "id"), *netdev = opts_get(opts, "netdev");
	const char *model = opts_get(opts, "model"), *mac = opts_get(opts, "mac"),
		   *other_mac = opts_get(opts, "macaddr");
	const char *addr = opts_get(opts, "addr"), *vectors = opts_get(opts, "vectors");
	struct opts device = {.count = 0};
	bool ok;

	/* -net nic: only the card. */
	if (!type || strcmp(type, "nic")) {
		netdev = netdev_add(m, opts, id, err);
		if (!netdev)
			return false;
	} else if (!opts_all_used(opts, "-net", err)) {
		return false;
	}
	device_key(&device, "driver", model ? model : "virtio-net-pci");
	device_key(&device, "netdev", netdev);
	device_key(&device, "mac", mac ? mac : other_mac);
	device_key(&device, "addr", addr);
	device_key(&device, "vectors", vectors);
	ok = machine_add_device(m, &device, err);
	opts_free(&device);
	return ok;
}

const char *machine_netdev_id(struct machine *m, unsigned n, struct netdev **netdev)
{
	if (n >= m->netdev_count)
		return NULL;
	*netdev = m->netdevs[n].netdev;
	return m->netdevs[n].id;
}

struct netdev *machine_netdev(struct machine *m, const char *id)
{
	for (unsigned i = 0; i < m->netdev_count; i++)
		if (!strcmp(m->netdevs[i].id, id))
			return m->netdevs[i].netdev;
	return NULL;
}

unsigned machine_cpu_count(struct machine *m)
{
	return m->config.cpu_count;
}

void machine_netdevs_close(struct machine *m)
{
	for (unsigned i = 0; i < m->netdev_count; i++) {
		netdev_close(m->netdevs[i].netdev);
		free(m->netdevs[i].id);
	}
}
