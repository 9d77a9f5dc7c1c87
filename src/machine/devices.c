/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user adds: objects, devices, character devices (disks: drives.c); how devices find each other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "machine/private.h"
#include "virtio/virtio.h"

static const struct dev_class *find_class(const char *name)
{
	for (unsigned i = 0; machine_classes[i]; i++)
		if (!strcmp(machine_classes[i]->name, name))
			return machine_classes[i];
	return NULL;
}

/* Objects and devices have ids of their own: a backend and the device on it may share one, as in QEMU. */
static struct dev *find_kind(struct machine *m, const char *id, bool object)
{
	for (struct dev *dev = m->first_dev; dev; dev = dev->next)
		if (dev->id && !strcmp(dev->id, id) && (dev->cls->plugs == BUS_OBJECT) == object)
			return dev;
	return NULL;
}

struct dev *machine_device(struct machine *m, const char *id)
{
	return find_kind(m, id, false);
}

struct dev *machine_object(struct machine *m, const char *id)
{
	return find_kind(m, id, true);
}

struct dev *machine_find(struct machine *m, const char *id)
{
	struct dev *object = find_kind(m, id, true);

	return object ? object : find_kind(m, id, false);
}

static struct bus *find_bus(struct machine *m, const char *name)
{
	struct bus *root = &pci_host_root(m->pci)->bus.bus;

	if (!strcmp(name, root->name))
		return root;
	if (!strncmp(name, "virtio-mmio-bus.", 16))
		return virtio_mmio_bus(m->virtio_slots, name);
	for (struct dev *dev = m->first_dev; dev; dev = dev->next) {
		struct bus *bus = dev->created && dev->cls->bus ? dev->cls->bus(dev) : NULL;

		if (bus && ((bus->name && !strcmp(bus->name, name)) || (dev->id && !strcmp(dev->id, name))))
			return bus;
	}
	return NULL;
}

/* The 2021 spelling of CXL has to be told apart from what is merely unknown. */
static bool class_is_cxl(const struct dev_class *cls)
{
	return !strncmp(cls->name, "cxl-", 4) || !strcmp(cls->name, "pxb-cxl");
}

/* The value that dev_set_all will take, which is the last: looked at, not used up. */
static const char *peek(const struct opts *opts, const char *key)
{
	for (unsigned i = opts->count; i--;)
		if (!strcmp(opts->list[i].key, key))
			return opts->list[i].value;
	return NULL;
}

/* Devices that can be booted from, for the firmware. */
static bool add_bootindex(struct machine *m, struct dev *dev, const struct opts *opts, struct error *err)
{
	const char *text = peek(opts, "bootindex");
	u64 index;

	if (!text)
		return true;
	if (!parse_u64("bootindex", text, 0, INT32_MAX, &index, err))
		return false;
	for (unsigned i = 0; i < m->boot_count; i++)
		if (m->boot[i].index == index)
			return fail(err, "bootindex=%s: '%s' has it already; indexes must differ", text,
				    dev_name(m->boot[i].dev));
	if (m->boot_count == BOOT_DEVICES_MAX)
		return fail(err, "bootindex=%s: more than %d devices have one; leave some out", text, BOOT_DEVICES_MAX);
	m->boot[m->boot_count].dev = dev;
	m->boot[m->boot_count++].index = (u32)index;
	return true;
}

static bool globals_apply(const struct machine *m, const struct dev_class *cls, struct opts *opts, struct error *err)
{
	unsigned given = opts->count;

	for (unsigned g = 0; g < m->config.global_count; g++) {
		const struct machine_global *global = &m->config.globals[g];
		bool own = strcmp(global->driver, cls->name) != 0;

		for (unsigned i = 0; !own && i < given; i++)
			own = !strcmp(opts->list[i].key, global->property);
		if (own)
			continue;
		if (opts->count == OPTS_MAX)
			return fail(err, "%s: more than %d properties with those of -global; leave some out", cls->name,
				    OPTS_MAX);
		opts->list[opts->count++] =
			(struct opt){.key = strdup(global->property), .value = strdup(global->value)};
	}
	return true;
}

bool machine_add(struct machine *m, const struct dev_class *cls, struct opts *opts, struct error *err)
{
	struct dev_env env = {.loop = m->loop, .space = m->space, .machine = m, .find = machine_find};
	const char *id, *bus;
	struct dev *dev;
	bool ok;

	if (cls->plugs != BUS_OBJECT && !globals_apply(m, cls, opts, err))
		return false;
	id = peek(opts, "id");
	bus = peek(opts, "bus");
	if (id && !*id)
		return fail(err, "id=: an id must not be empty; write id=NAME or leave it out");
	if (id && find_kind(m, id, cls->plugs == BUS_OBJECT))
		return fail(err, "id=%s: this id is taken; ids must differ", id);
	if (cls->plugs == BUS_OBJECT && !id)
		return fail(err, "%s: an object needs an id; add id=NAME", cls->name);
	if (bus) {
		env.bus = find_bus(m, bus);
		if (!env.bus)
			return fail(
				err,
				"bus=%s: no such bus; a bus is named by the id of its port or bridge, described before",
				bus);
	} else if (cls->plugs == BUS_PCI || cls->plugs == BUS_PCIE || cls->plugs == BUS_CXL) {
		env.bus = &pci_host_root(m->pci)->bus.bus;
	} else if (cls->plugs == BUS_VIRTIO) {
		env.bus = virtio_mmio_bus(m->virtio_slots, NULL);
	}
	dev = dev_new(cls);
	dev->bus = env.bus;
	*m->last_dev = dev;
	m->last_dev = &dev->next;
	loop_lock(m->loop);
	ok = dev_set_all(dev, opts, &env, err) && dev_create(dev, &env, err);
	loop_unlock(m->loop);
	return ok && add_bootindex(m, dev, opts, err);
}

bool machine_add_object(struct machine *m, struct opts *opts, struct error *err)
{
	const char *name = opts_get(opts, "qom-type");
	const struct dev_class *cls = name ? find_class(name) : NULL;

	if (!name)
		return fail(err, "the object's type must come first, as in memory-backend-ram,id=mem0,size=1G");
	if (!cls || cls->plugs != BUS_OBJECT)
		return fail(err, "%s: no such object; '-object help' lists them", name);
	return machine_add(m, cls, opts, err);
}

/* Names that command lines have for what is here under another one, or not at all; with '*' all that begin so. */
static const struct {
	const char *name;
	const struct dev_class *cls;
	const char *refusal;
} other_names[] = {
	{"virtio-9p", &virtio_9p_pci_class, NULL},
	{"virtio-net", &virtio_net_pci_class, NULL},
	{"virtio-blk", &virtio_blk_pci_class, NULL},
	{"virtio-rng", &virtio_rng_pci_class, NULL},
	{"virtio-serial", &virtio_serial_pci_class, NULL},
	{"virtio-balloon", &virtio_balloon_pci_class, NULL},
	{"virtio", &virtio_net_pci_class, NULL},
	/* The modern interface alone is what every function here has. */
	{"virtio-9p-pci-non-transitional", &virtio_9p_pci_class, NULL},
	{"virtio-net-pci-non-transitional", &virtio_net_pci_class, NULL},
	{"virtio-blk-pci-non-transitional", &virtio_blk_pci_class, NULL},
	{"virtio-rng-pci-non-transitional", &virtio_rng_pci_class, NULL},
	{"virtio-serial-pci-non-transitional", &virtio_serial_pci_class, NULL},
	{"virtio-balloon-pci-non-transitional", &virtio_balloon_pci_class, NULL},
	{"virtio-9p-pci-transitional", NULL, "there is no legacy interface on PCI; write virtio-9p-pci"},
	{"virtio-net-pci-transitional", NULL, "there is no legacy interface on PCI; write virtio-net-pci"},
	{"virtio-blk-pci-transitional", NULL, "there is no legacy interface on PCI; write virtio-blk-pci"},
	{"virtio-rng-pci-transitional", NULL, "there is no legacy interface on PCI; write virtio-rng-pci"},
	{"virtio-serial-pci-transitional", NULL, "there is no legacy interface on PCI; write virtio-serial-pci"},
	{"virtio-balloon-pci-transitional", NULL, "there is no legacy interface on PCI; write virtio-balloon-pci"},
	{"e1000*", NULL, "this network card is not built; write virtio-net-pci"},
	{"igb", NULL, "this network card is not built; write virtio-net-pci"},
	{"rtl8139", NULL, "this network card is not built; write virtio-net-pci"},
	{"virtio-scsi*", NULL, "there is no SCSI; write virtio-blk-pci,drive=ID for each disk"},
	{"scsi-*", NULL, "there is no SCSI; write virtio-blk-pci,drive=ID for each disk"},
	{"virtio-gpu*", NULL, "there is no display; leave it out"},
	{"virtio-keyboard*", NULL, "there is no display; leave it out"},
	{"virtio-mouse*", NULL, "there is no display; leave it out"},
	{"virtio-tablet*", NULL, "there is no display; leave it out"},
	{"virtio-mem*", NULL, "not built: plug a cxl-type3 with volatile-memdev=ID"},
	{"virtio-pmem*", NULL, "not built; persistent memory is a cxl-type3,persistent-memdev=ID"},
	{"virtio-iommu*", NULL, "not built; write -M iommu=smmuv3"},
	{"virtio-crypto*", NULL, "not built; leave it out"},
	{"loader", NULL, "not built: write -kernel FILE, or load it with gdb's restore"},
	{"guest-loader", NULL, "not built: there is no EL2 for a hypervisor"},
	{"pvpanic*", NULL, "not built; leave it out"},
	{"vmcoreinfo", NULL, "not built: fw_cfg is read-only; leave it out"},
	{"i6300esb", NULL, "there is no watchdog; leave it out"},
	{"ich9-ahci", NULL, "there is no SATA; write virtio-blk-pci,drive=ID or nvme,drive=ID,serial=NAME"},
	{"ahci", NULL, "there is no SATA; write virtio-blk-pci,drive=ID or nvme,drive=ID,serial=NAME"},
	{"ide-*", NULL, "there is no SATA; write virtio-blk-pci,drive=ID or nvme,drive=ID,serial=NAME"},
	{"ramfb", NULL, "there is no display; leave it out"},
	{"usb-*", NULL, "there is no USB; leave it out"},
	{"qemu-xhci", NULL, "there is no USB; leave it out"},
	{"nec-usb-xhci", NULL, "there is no USB; leave it out"},
	{"pci-bridge", NULL, "not built; write pcie-root-port"},
	{"pcie-pci-bridge", NULL, "not built; write pcie-root-port"},
	{"ioh3420", NULL, "not built; write pcie-root-port"},
	{"nvdimm", NULL, "not built; persistent memory is a cxl-type3,persistent-memdev=ID"},
	{"vhost-user-fs-pci", NULL, "not built: share a folder with -virtfs or -fsdev and virtio-9p-pci"},
	{"vhost-vsock-pci", NULL, "not built: reach the guest with -netdev user,hostfwd="},
};

static bool is_named(const char *pattern, const char *name)
{
	size_t length = strcspn(pattern, "*");

	return pattern[length] ? !strncmp(pattern, name, length) : !strcmp(pattern, name);
}

const struct dev_class *machine_device_class(const char *name, const char **why)
{
	const struct dev_class *cls = find_class(name);

	*why = "no such device; '-device help' lists them";
	for (unsigned i = 0; !cls && i < ARRAY_SIZE(other_names); i++) {
		if (!is_named(other_names[i].name, name))
			continue;
		if (other_names[i].refusal)
			*why = other_names[i].refusal;
		cls = other_names[i].cls;
		break;
	}
	return cls && cls->plugs != BUS_OBJECT && !cls->hidden ? cls : NULL;
}

bool machine_add_device(struct machine *m, struct opts *opts, struct error *err)
{
	const char *name = opts_get(opts, "driver"), *why = NULL;
	const struct dev_class *cls = name ? machine_device_class(name, &why) : NULL;

	if (!name)
		return fail(err, "the device's name must come first, as in cxl-type3,bus=rp0,volatile-memdev=mem0");
	if (!cls)
		return fail(err, "%s: %s", name, why);
	if (class_is_cxl(cls) && !m->cxl)
		return fail(err, "%s: the machine has no CXL because of -M cxl=off; leave that out", name);
	return machine_add(m, cls, opts, err);
}

bool machine_can_plug(struct machine *m, struct opts *opts, const struct bus **bus, struct error *err)
{
	const char *name = peek(opts, "driver"), *where = peek(opts, "bus"), *why;
	const struct dev_class *cls = name ? machine_device_class(name, &why) : NULL;

	if (!cls)
		return fail(err, "'%s' is not a valid device model name", name ? name : "");
	if (cls->plugs != BUS_PCI && cls->plugs != BUS_PCIE && cls->plugs != BUS_CXL)
		return fail(err, "Device '%s' does not support hotplugging", name);
	*bus = where ? find_bus(m, where) : &pci_host_root(m->pci)->bus.bus;
	if (!*bus)
		return fail(err, "Bus '%s' not found", where);
	return ((*bus)->kind == BUS_PCIE || (*bus)->kind == BUS_CXL || (*bus)->kind == BUS_PCI) ||
	       fail(err, "Bus '%s' does not support hotplugging", where);
}

static void quit_by_key(void *opaque)
{
	machine_shutdown_request(opaque, CAUSE_HOST_UI);
}

void machine_quit_with(struct machine *m, int code)
{
	cpus_park(m->cpus); /* it is the guest's last instruction */
	__atomic_store_n(&m->quit_code, code, __ATOMIC_SEQ_CST);
	machine_shutdown_request(m, CAUSE_HOST_QUIT);
}

static void quit_by_test(void *opaque, int code)
{
	machine_quit_with(opaque, code);
}

/* A path as part of an option string. */
static void double_commas(char to[2 * CHARDEV_PATH_MAX], const char *path)
{
	for (; *path; path++) {
		if (*path == ',')
			*to++ = ',';
		*to++ = *path;
	}
	*to = 0;
}

/* -chardev's keys as the words that -serial would have. */
static bool chardev_spec(struct opts *opts, const char *backend, char spec[CHARDEV_SPEC_BYTES], struct error *err)
{
	const char *path = opts_get(opts, "path"), *server = opts_get(opts, "server"), *wait = opts_get(opts, "wait");
	const char *nowait = opts_get(opts, "nowait"), *mux = opts_get(opts, "mux"), *signal = opts_get(opts, "signal");
	const char *host = opts_get(opts, "host"), *port = opts_get(opts, "port");
	bool is_server = false, waits = true, is_mux = false, signals = true, no_wait = false, appends = false,
	     is_telnet = false, no_delay;
	const char *append = NULL, *telnet = NULL, *nodelay = NULL, *fd = NULL;
	char name[2 * CHARDEV_PATH_MAX] = "";

	if (!strcmp(backend, "file"))
		append = opts_get(opts, "append");
	if (!strcmp(backend, "socket"))
		fd = opts_get(opts, "fd");
	if (!strcmp(backend, "socket") && port) {
		telnet = opts_get(opts, "telnet");
		nodelay = opts_get(opts, "nodelay");
	}
	if ((append && !parse_bool("append", append, &appends, err)) ||
	    (telnet && !parse_bool("telnet", telnet, &is_telnet, err)) ||
	    (nodelay && !parse_bool("nodelay", nodelay, &no_delay, err)) ||
	    (server && !parse_bool("server", server, &is_server, err)) ||
	    (wait && !parse_bool("wait", wait, &waits, err)) ||
	    (nowait && !parse_bool("nowait", nowait, &no_wait, err)) ||
	    (mux && !parse_bool("mux", mux, &is_mux, err)) || (signal && !parse_bool("signal", signal, &signals, err)))
		return false;
	if (path && (!*path || strlen(path) >= CHARDEV_PATH_MAX))
		return fail(err, "path=%s: a path has 1 to %d bytes; write another", path, CHARDEV_PATH_MAX - 1);
	if (path)
		double_commas(name, path);
	if (!strcmp(backend, "file") && path)
		snprintf(spec, CHARDEV_SPEC_BYTES, "file:%s%s", name, appends ? ",append" : "");
	else if (!strcmp(backend, "socket") && !path + !port + !fd != 2)
		return fail(err, "socket: it needs one of path=PATH, port=PORT and fd=N");
	else if (!strcmp(backend, "socket") && fd)
		snprintf(spec, CHARDEV_SPEC_BYTES, "fd:%.16s%s%s", fd, is_server ? ",server" : "",
			 is_server && (!waits || no_wait) ? ",wait=off" : "");
	else if (!strcmp(backend, "socket") && path)
		snprintf(spec, CHARDEV_SPEC_BYTES, "unix:%s%s%s", name, is_server ? ",server" : "",
			 is_server && (!waits || no_wait) ? ",wait=off" : "");
	else if (!strcmp(backend, "socket"))
		snprintf(spec, CHARDEV_SPEC_BYTES, "%s:%.64s:%.16s%s%s", is_telnet ? "telnet" : "tcp", host ? host : "",
			 port, is_server ? ",server" : "", is_server && (!waits || no_wait) ? ",wait=off" : "");
	else if (!strcmp(backend, "stdio"))
		snprintf(spec, CHARDEV_SPEC_BYTES, "%sstdio%s", is_mux ? "mon:" : "",
			 !signal ? "" :
			 signals ? ",signal=on" :
				   ",signal=off");
	else if (!strcmp(backend, "null") || !strcmp(backend, "pty"))
		snprintf(spec, CHARDEV_SPEC_BYTES, "%s", backend);
	else if (!strcmp(backend, "pipe") && path)
		snprintf(spec, CHARDEV_SPEC_BYTES, "pipe:%s", name);
	else if (!strcmp(backend, "file") || !strcmp(backend, "pipe"))
		return fail(err, "%s: it needs to know where to; add path=PATH", backend);
	else
		return fail(err, "%s: not built; write null, stdio, pty, testdev, file, pipe or socket", backend);
	/* A monitor may stand behind it. */
	if (is_mux && strncmp(spec, "mon:", 4)) {
		memmove(spec + 4, spec, MIN(strlen(spec) + 1, CHARDEV_SPEC_BYTES - 5));
		memcpy(spec, "mon:", 4);
	}
	return true;
}

bool machine_add_chardev(struct machine *m, struct opts *opts, struct error *err)
{
	const char *backend = opts_get(opts, "backend"), *id = opts_get(opts, "id");
	const char *log = opts_get(opts, "logfile"), *append = opts_get(opts, "logappend");
	bool is_test = backend && !strcmp(backend, "testdev"), appends = false;
	char spec[CHARDEV_SPEC_BYTES];
	struct chardev *chardev;

	if (!backend || !id)
		return fail(err, "a character device is written BACKEND,id=ID");
	if (!parse_id("id", id, err))
		return false;
	if (machine_chardev(m, id))
		return fail(err, "id=%s: there is a character device of this id already; ids must differ", id);
	if (m->chardev_count == CHARDEVS_MAX)
		return fail(err, "more than %d character devices; leave some out", CHARDEVS_MAX);
	/* What nobody knows is told before a file is made or a socket waited for. */
	if ((!is_test && !chardev_spec(opts, backend, spec, err)) || !opts_all_used(opts, "-chardev", err) ||
	    (append && !parse_bool("logappend", append, &appends, err)))
		return false;
	chardev = is_test ? chardev_open_testdev(m->loop, quit_by_test, m) :
			    chardev_open(spec, m->loop, quit_by_key, m, err);
	if (!chardev || (log && !chardev_log(chardev, log, appends, err))) {
		chardev_close(chardev);
		return false;
	}
	chardev_set_escape(chardev, m->config.escape);
	m->chardevs[m->chardev_count].chardev = chardev;
	m->chardevs[m->chardev_count++].id = strdup(id);
	return true;
}

struct chardev *machine_chardev(struct machine *m, const char *id)
{
	for (unsigned i = 0; i < m->chardev_count; i++)
		if (!strcmp(m->chardevs[i].id, id))
			return m->chardevs[i].chardev;
	return NULL;
}

void machine_each_device(struct machine *m, bool (*each)(struct dev *dev, void *arg), void *arg)
{
	for (struct dev *dev = m->first_dev; dev; dev = dev->next)
		if (dev->created && !each(dev, arg))
			return;
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
	machine_drives_close(m);
}

/* After the devices and the serial port that write to them. */
void machine_chardevs_close(struct machine *m)
{
	for (unsigned i = 0; i < m->chardev_count; i++) {
		chardev_close(m->chardevs[i].chardev);
		free(m->chardevs[i].id);
	}
}
