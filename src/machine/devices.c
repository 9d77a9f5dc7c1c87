/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user adds: objects, devices, drives, character devices; how devices find each other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/private.h"
#include "virtio/virtio.h"

static const struct dev_class *find_class(const char *name)
{
	for (unsigned i = 0; machine_classes[i]; i++)
		if (!strcmp(machine_classes[i]->name, name))
			return machine_classes[i];
	return NULL;
}

struct dev *machine_find(struct machine *m, const char *id)
{
	for (struct dev *dev = m->first_dev; dev; dev = dev->next)
		if (dev->id && !strcmp(dev->id, id))
			return dev;
	return NULL;
}

static struct bus *find_bus(struct machine *m, const char *name)
{
	struct bus *root = &pci_host_root(m->pci)->bus.bus;

	if (!strcmp(name, root->name))
		return root;
	for (struct dev *dev = m->first_dev; dev; dev = dev->next) {
		struct bus *bus = dev->created && dev->cls->bus ? dev->cls->bus(dev) : NULL;

		if (bus && ((bus->name && !strcmp(bus->name, name)) || (dev->id && !strcmp(dev->id, name))))
			return bus;
	}
	return NULL;
}

struct dev_env machine_env(struct machine *m)
{
	return (struct dev_env){.loop = m->loop, .space = m->space, .machine = m, .find = machine_find};
}

/* The 2021 spelling of CXL has to be told apart from what is merely unknown. */
static bool class_is_cxl(const struct dev_class *cls)
{
	return !strncmp(cls->name, "cxl-", 4) || !strcmp(cls->name, "pxb-cxl");
}

/* A value that dev_set_all will take: looked at, not used up. */
static const char *peek(const struct opts *opts, const char *key)
{
	for (unsigned i = 0; i < opts->count; i++)
		if (!strcmp(opts->list[i].key, key))
			return opts->list[i].value;
	return NULL;
}

static bool add(struct machine *m, const struct dev_class *cls, struct opts *opts, struct error *err)
{
	struct dev_env env = machine_env(m);
	const char *id = peek(opts, "id"), *bus = peek(opts, "bus");
	struct dev *dev;
	bool ok;

	if (id && !*id)
		return fail(err, "id=: an id must not be empty");
	if (id && machine_find(m, id))
		return fail(err, "id=%s: this id is taken; ids must differ", id);
	if (cls->plugs == BUS_OBJECT && !id)
		return fail(err, "%s: an object needs id=", cls->name);
	if (bus) {
		env.bus = find_bus(m, bus);
		if (!env.bus)
			return fail(err, "bus=%s: no such bus; a bus is named by the id of its port or bridge, described before", bus);
	} else if (cls->plugs == BUS_PCI || cls->plugs == BUS_PCIE || cls->plugs == BUS_CXL) {
		env.bus = &pci_host_root(m->pci)->bus.bus;
	}
	dev = dev_new(cls);
	*m->last_dev = dev;
	m->last_dev = &dev->next;
	loop_lock(m->loop);
	ok = dev_set_all(dev, opts, &env, err) && dev_create(dev, &env, err);
	loop_unlock(m->loop);
	return ok;
}

bool machine_add_object(struct machine *m, struct opts *opts, struct error *err)
{
	const char *name = opts_get(opts, "qom-type");
	const struct dev_class *cls = name ? find_class(name) : NULL;

	if (!name)
		return fail(err, "the object's type must come first, as in memory-backend-ram,id=mem0,size=1G");
	if (!cls || cls->plugs != BUS_OBJECT)
		return fail(err, "%s: no such object; memory-backend-ram, memory-backend-file and memory-backend-memfd are", name);
	return add(m, cls, opts, err);
}

bool machine_add_device(struct machine *m, struct opts *opts, struct error *err)
{
	const char *name = opts_get(opts, "driver");
	const struct dev_class *cls = name ? find_class(name) : NULL;

	if (!name)
		return fail(err, "the device's name must come first, as in cxl-type3,bus=rp0,volatile-memdev=mem0");
	if (!cls || cls->plugs == BUS_OBJECT || cls->hidden)
		return fail(err, "%s: no such device; '-device help' lists them", name);
	if (class_is_cxl(cls) && !m->cxl)
		return fail(err, "%s: the machine has no CXL because of -M cxl=off; leave that out", name);
	return add(m, cls, opts, err);
}

bool machine_add_drive(struct machine *m, struct opts *opts, struct error *err)
{
	struct block_config config = {0};
	const char *interface = opts_get(opts, "if"), *media = opts_get(opts, "media"), *text;
	char id[32];

	config.id = opts_get(opts, "id");
	config.file = opts_get(opts, "file");
	config.format = opts_get(opts, "format");
	opts_get(opts, "cache");
	opts_get(opts, "aio");
	opts_get(opts, "index");
	opts_get(opts, "werror");
	opts_get(opts, "rerror");
	if ((text = opts_get(opts, "readonly")) && !parse_bool("readonly", text, &config.readonly, err))
		return false;
	if ((text = opts_get(opts, "snapshot")) && !parse_bool("snapshot", text, &config.snapshot, err))
		return false;
	if ((text = opts_get(opts, "discard")))
		config.discard = !strcmp(text, "unmap") || !strcmp(text, "on");
	if (media && strcmp(media, "disk"))
		return fail(err, "media=%s: only disk is built", media);
	if (!interface)
		interface = "virtio";
	if (strcmp(interface, "virtio") && strcmp(interface, "none"))
		return fail(err, "if=%s: not built yet; write if=virtio or if=none", interface);
	if (!config.file)
		return fail(err, "a drive needs file=");
	if (m->drive_count == DRIVES_MAX)
		return fail(err, "at most %d drives", DRIVES_MAX);
	if (!config.id) {
		snprintf(id, sizeof(id), "drive%u", m->auto_ids++);
		config.id = id;
	}
	for (unsigned i = 0; i < m->drive_count; i++)
		if (!strcmp(m->drives[i].id, config.id))
			return fail(err, "id=%s: there is a drive of this id already", config.id);
	m->drives[m->drive_count].block = block_open(&config, err);
	if (!m->drives[m->drive_count].block)
		return false;
	m->drives[m->drive_count++].id = strdup(config.id);
	if (!strcmp(interface, "virtio")) {
		struct opts device = {.count = 1};
		bool ok;

		device.list[0] = (struct opt){.key = strdup("drive"), .value = strdup(config.id)};
		ok = add(m, &virtio_blk_pci_class, &device, err);
		opts_free(&device);
		return ok;
	}
	return true;
}

static void quit_by_key(void *opaque)
{
	machine_quit(opaque, 0);
}

bool machine_add_chardev(struct machine *m, struct opts *opts, struct error *err)
{
	const char *backend = opts_get(opts, "backend"), *id = opts_get(opts, "id"), *path = opts_get(opts, "path");
	const char *server = opts_get(opts, "server"), *wait = opts_get(opts, "wait"), *mux = opts_get(opts, "mux");
	char spec[512];
	bool is_server = false, waits = true, is_mux = false;

	opts_get(opts, "signal");
	opts_get(opts, "nowait");
	if (!backend || !id)
		return fail(err, "a character device is written BACKEND,id=ID");
	if ((server && !parse_bool("server", server, &is_server, err)) || (wait && !parse_bool("wait", wait, &waits, err)) ||
	    (mux && !parse_bool("mux", mux, &is_mux, err)))
		return false;
	if (m->chardev_count == CHARDEVS_MAX)
		return fail(err, "at most %d character devices", CHARDEVS_MAX);
	if (!strcmp(backend, "file") && path)
		snprintf(spec, sizeof(spec), "file:%s", path);
	else if (!strcmp(backend, "socket") && path)
		snprintf(spec, sizeof(spec), "unix:%s%s%s", path, is_server ? ",server" : "", is_server && !waits ? ",wait=off" : "");
	else if (!strcmp(backend, "stdio"))
		snprintf(spec, sizeof(spec), "%sstdio", is_mux ? "mon:" : "");
	else if (!strcmp(backend, "null") || !strcmp(backend, "pty"))
		snprintf(spec, sizeof(spec), "%s", backend);
	else
		return fail(err, "%s: null, stdio, pty, file (with path=) and socket (with path=) are built", backend);
	m->chardevs[m->chardev_count].chardev = chardev_open(spec, m->loop, quit_by_key, m, err);
	if (!m->chardevs[m->chardev_count].chardev)
		return false;
	m->chardevs[m->chardev_count++].id = strdup(id);
	return true;
}

struct block *machine_block(struct machine *m, const char *id)
{
	for (unsigned i = 0; i < m->drive_count; i++)
		if (!strcmp(m->drives[i].id, id))
			return m->drives[i].block;
	return NULL;
}

struct chardev *machine_chardev(struct machine *m, const char *id)
{
	for (unsigned i = 0; i < m->chardev_count; i++)
		if (!strcmp(m->chardevs[i].id, id))
			return m->chardevs[i].chardev;
	return NULL;
}

struct workers *machine_workers(struct machine *m)
{
	return m->workers;
}

struct cxl_host *machine_cxl_host(struct machine *m)
{
	return m->cxl;
}

struct pci_host *machine_pci_host(struct machine *m)
{
	return m->pci;
}

void machine_devices_reset(struct machine *m, unsigned reset_kind)
{
	for (struct dev *dev = m->first_dev; dev; dev = dev->next)
		if (dev->created && dev->cls->reset)
			dev->cls->reset(dev, reset_kind);
}

/* Last made, first gone, so that links stay valid while they are used. */
void machine_devices_destroy(struct machine *m)
{
	while (m->first_dev) {
		struct dev **link = &m->first_dev;

		while ((*link)->next)
			link = &(*link)->next;
		dev_destroy(*link);
		*link = NULL;
	}
	m->last_dev = &m->first_dev;
	for (unsigned i = 0; i < m->drive_count; i++) {
		block_close(m->drives[i].block);
		free(m->drives[i].id);
	}
	for (unsigned i = 0; i < m->chardev_count; i++) {
		chardev_close(m->chardevs[i].chardev);
		free(m->chardevs[i].id);
	}
}
