/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-serial with its ports: virtconsole, a terminal in the guest, and virtserialport, a file
 * (/dev/virtio-ports/NAME) that says whether somebody is at the host's end. [VIRTIO1.2 5.3]
 *
 * Queues: receive and transmit of port 0, the two control queues, then two for each further port. A driver with
 * MULTIPORT learns of the ports by control messages; one without sees port 0 alone. Bytes for the guest wait in a
 * port's small buffer until the driver gives room, and the character device is asked for more only when that is empty.
 * Bytes for a slow reader of a virtserialport wait in the guest. A console's do not: its driver spins until they are
 * taken. Control messages wait in a bounded ring. Under the machine lock.
 */
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "host/host.h"
#include "virtio/device.h"

#define PORTS_MAX 31
#define PORTS_DEFAULT 8
#define QUEUE_SIZE 128
#define HELD_BYTES 1024
#define CONTROL_RING 128
#define TRANSMIT_MAX (256 * KiB) /* of one chain: more is dropped */
#define BACKLOG_MAX (1 * MiB)    /* of a port's reader: from here on the chains stay in the ring */
#define QUEUE_CONTROL_IN 2
#define QUEUE_CONTROL_OUT 3

struct virtio_serial;

struct serial_port {
	struct dev dev;
	/* properties */
	char *chardev_id, *name;
	u32 nr;
	/* place */
	struct virtio_serial *serial;
	struct chardev *chardev;
	/* state */
	bool guest_open, guest_ready;
	bool host_open;      /* somebody is at the host's end: always so of a console */
	bool is_waiting;     /* chains to transmit, for the reader */
	u8 held[HELD_BYTES]; /* host's bytes that the guest has no room for yet */
	u32 held_count;
};
#define NR_AUTO 0xffffffffu

struct control_message {
	u32 port;
	u16 event, value;
};

struct virtio_serial {
	struct virtio virtio;
	/* properties */
	u32 max_ports;
	/* place */
	struct bus bus;
	char bus_name[128];
	struct serial_port *ports[PORTS_MAX];
	/* state: messages for the driver */
	struct control_message ring[CONTROL_RING];
	u32 ring_first, ring_count;
	struct virtq_chain *chain;
};

static struct virtio_serial *to_serial(struct virtio *virtio)
{
	return container_of(virtio, struct virtio_serial, virtio);
}

static bool is_console(const struct serial_port *port)
{
	return port->dev.cls == &virtconsole_class;
}

static bool is_multiport(struct virtio_serial *serial)
{
	return virtio_has(&serial->virtio, CONSOLE_F_MULTIPORT);
}

/* --- Control messages --- */

static void control_flush(struct virtio_serial *serial)
{
	struct virtq *queue = &serial->virtio.queues[QUEUE_CONTROL_IN];

	while (serial->ring_count && virtq_pop(queue, serial->chain)) {
		const struct control_message *m = &serial->ring[serial->ring_first];
		const struct serial_port *port = m->port < PORTS_MAX ? serial->ports[m->port] : NULL;
		u8 bytes[CONSOLE_CONTROL_BYTES + 64];
		u32 size = CONSOLE_CONTROL_BYTES;

		store_le(bytes, 4, m->port);
		store_le(bytes + 4, 2, m->event);
		store_le(bytes + 6, 2, m->value);
		if (m->event == CONSOLE_PORT_NAME && port && port->name) {
			u32 length = strnlen(port->name, 64);

			memcpy(bytes + size, port->name, length);
			size += length;
		}
		size = MIN(size, serial->chain->in_bytes);
		virtq_write(&serial->virtio, serial->chain, 0, bytes, size);
		virtq_push(queue, serial->chain, size);
		serial->ring_first = (serial->ring_first + 1) % CONTROL_RING;
		serial->ring_count--;
	}
	virtq_signal(queue);
}

static void control_send(struct virtio_serial *serial, u32 port, u16 event, u16 value)
{
	if (serial->ring_count == CONTROL_RING) {
		guest_error(VIRTIO_BUFFER, "%s: control message %u dropped: the driver gives no room",
			    dev_name(&serial->virtio.dev), event);
		return;
	}
	serial->ring[(serial->ring_first + serial->ring_count++) % CONTROL_RING] =
		(struct control_message){.port = port, .event = event, .value = value};
}

static void control_receive(struct virtio_serial *serial, u32 id, u16 event, u16 value)
{
	struct serial_port *port = id < PORTS_MAX ? serial->ports[id] : NULL;

	trace(VIRTIO, "%s: control port %u event %u value %u", dev_name(&serial->virtio.dev), id, event, value);
	if (event == CONSOLE_DEVICE_READY) {
		for (u32 n = 0; value && n < serial->max_ports; n++)
			if (serial->ports[n])
				control_send(serial, n, CONSOLE_PORT_ADD, 1);
		return;
	}
	if (!port) {
		guest_error(VIRTIO_CONTROL, "%s: control event %u for port %u, which is not there",
			    dev_name(&serial->virtio.dev), event, id);
		return;
	}
	switch (event) {
	case CONSOLE_PORT_READY:
		if (!value)
			break;
		port->guest_ready = true;
		if (is_console(port))
			control_send(serial, id, CONSOLE_CONSOLE_PORT, 1);
		if (port->name)
			control_send(serial, id, CONSOLE_PORT_NAME, 1);
		if (port->host_open)
			control_send(serial, id, CONSOLE_PORT_OPEN, 1);
		break;
	case CONSOLE_PORT_OPEN:
		port->guest_open = value;
		if (port->chardev && value)
			chardev_kick(port->chardev);
		break;
	default:
		guest_error(VIRTIO_CONTROL, "%s: control event %u is not the driver's", dev_name(&serial->virtio.dev),
			    event);
	}
}

static void control_notified(struct virtio_serial *serial, struct virtq *queue)
{
	for (u32 taken = 0; virtq_take(queue, serial->chain, &taken);) {
		u8 bytes[CONSOLE_CONTROL_BYTES];
		bool ok = virtq_read(&serial->virtio, serial->chain, 0, bytes, sizeof(bytes));

		virtq_push(queue, serial->chain, 0);
		if (ok)
			control_receive(serial, load_le(bytes, 4), load_le(bytes + 4, 2), load_le(bytes + 6, 2));
		else
			guest_error(VIRTIO_CONTROL, "%s: a control message of less than 8 bytes",
				    dev_name(&serial->virtio.dev));
	}
	virtq_signal(queue);
	control_flush(serial);
}

/* --- Data --- */

static struct virtq *port_queue(struct serial_port *port, bool transmit)
{
	return &port->serial->virtio.queues[(port->nr ? 2 + 2 * port->nr : 0) + transmit];
}

/* Host's bytes go to the guest as far as it has room. */
static void port_pump(struct serial_port *port)
{
	struct virtio_serial *serial = port->serial;
	struct virtq *queue = port_queue(port, false);
	u32 done = 0, n;

	/* Empty buffers take nothing: a driver that adds them on and on is left after one ring of them. */
	for (n = 0; n < queue->size && done < port->held_count && virtq_pop(queue, serial->chain); n++) {
		u32 part = MIN(port->held_count - done, serial->chain->in_bytes);

		if (!virtq_write(&serial->virtio, serial->chain, 0, port->held + done, part))
			guest_error(VIRTIO_BUFFER, "%s: a receive buffer is not in memory", dev_name(&port->dev));
		virtq_push(queue, serial->chain, part);
		done += part;
	}
	memmove(port->held, port->held + done, port->held_count - done);
	port->held_count -= done;
	if (n)
		virtq_signal(queue);
}

static size_t port_can_take(void *opaque)
{
	struct serial_port *port = opaque;

	if (!port->serial || port->held_count || (is_multiport(port->serial) && !port->guest_open))
		return 0;
	return virtq_has_chain(port_queue(port, false)) ? HELD_BYTES : 0;
}

static void port_take(void *opaque, const u8 *bytes, size_t size)
{
	struct serial_port *port = opaque;
	u32 part = MIN(size, HELD_BYTES - port->held_count);

	memcpy(port->held + port->held_count, bytes, part);
	port->held_count += part;
	if (port->serial)
		port_pump(port);
}

/* The reader is so far behind that he would lose bytes: port_drained goes on. What nobody will ever read is dropped. */
static bool reader_is_awaited(struct serial_port *port)
{
	size_t backlog = port && port->chardev && !is_console(port) ? chardev_backlog(port->chardev) : 0;

	if (backlog <= BACKLOG_MAX || backlog == SIZE_MAX)
		return false;
	port->is_waiting = true;
	return true;
}

static void port_transmit(struct virtio_serial *serial, struct serial_port *port, struct virtq *queue)
{
	u8 bytes[4096];
	u32 taken = 0;

	while (!reader_is_awaited(port) && virtq_take(queue, serial->chain, &taken)) {
		u64 total = MIN(serial->chain->out_bytes, TRANSMIT_MAX);

		if (total < serial->chain->out_bytes)
			guest_error(VIRTIO_BUFFER, "%s: a transmit buffer of more than 256 KiB, the rest is dropped",
				    dev_name(&serial->virtio.dev));
		for (u64 done = 0, part; done < total; done += part) {
			part = MIN(total - done, sizeof(bytes));
			if (!virtq_read(&serial->virtio, serial->chain, done, bytes, part))
				break;
			if (port && port->chardev)
				chardev_write(port->chardev, bytes, part);
		}
		virtq_push(queue, serial->chain, 0);
	}
	virtq_signal(queue);
}

static void port_drained(void *opaque)
{
	struct serial_port *port = opaque;

	if (!port->serial || !port->is_waiting)
		return;
	port->is_waiting = false;
	port_transmit(port->serial, port, port_queue(port, true));
}

static void serial_notified(struct virtio *virtio, struct virtq *queue)
{
	struct virtio_serial *serial = to_serial(virtio);
	u32 nr = queue->index < 2 ? 0 : queue->index / 2 - 1;
	struct serial_port *port;

	if (queue->index == QUEUE_CONTROL_IN || queue->index == QUEUE_CONTROL_OUT) {
		if (!is_multiport(serial))
			return;
		if (queue->index == QUEUE_CONTROL_OUT)
			control_notified(serial, queue);
		else
			control_flush(serial);
		return;
	}
	port = nr < PORTS_MAX ? serial->ports[nr] : NULL;
	if (queue->index & 1) {
		port_transmit(serial, port, queue);
	} else if (port) {
		port_pump(port);
		if (port->chardev && !port->held_count)
			chardev_kick(port->chardev);
	}
}

static void serial_type_reset(struct virtio *virtio)
{
	struct virtio_serial *serial = to_serial(virtio);

	serial->ring_first = serial->ring_count = 0;
	for (u32 n = 0; n < PORTS_MAX; n++)
		if (serial->ports[n]) {
			serial->ports[n]->guest_open = serial->ports[n]->guest_ready = false;
			serial->ports[n]->is_waiting = false;
			serial->ports[n]->held_count = 0;
		}
}

static const struct virtio_type serial_type = {
	.id = VIRTIO_ID_CONSOLE,
	.name = "serial",
	.class_code = 0x078000,
	.config_bytes = CONSOLE_CONFIG_BYTES,
	.queue_notified = serial_notified,
	.reset = serial_type_reset,
};

/* --- virtio-serial --- */

static bool serial_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct virtio_serial *serial = container_of(dev, struct virtio_serial, virtio.dev);

	if (!serial->max_ports || serial->max_ports > PORTS_MAX)
		return fail(err, "%s: max_ports=%u is not 1..%d", dev_name(dev), serial->max_ports, PORTS_MAX);
	serial->chain = virtq_chain_new();
	snprintf(serial->bus_name, sizeof(serial->bus_name), "%s.0", dev->id ? dev->id : "virtio-serial-bus");
	serial->bus = (struct bus){.name = serial->bus_name, .kind = BUS_SERIAL, .parent = dev, .opaque = serial};
	if (!virtio_init(&serial->virtio, &serial_type, BIT(CONSOLE_F_MULTIPORT), 2 + 2 * serial->max_ports, QUEUE_SIZE,
			 env, err))
		return false;
	store_le(serial->virtio.config + CONSOLE_MAX_PORTS, 4, serial->max_ports);
	return true;
}

static void serial_destroy(struct dev *dev)
{
	struct virtio_serial *serial = container_of(dev, struct virtio_serial, virtio.dev);

	virtio_fini(&serial->virtio);
	for (u32 n = 0; n < PORTS_MAX; n++)
		if (serial->ports[n])
			serial->ports[n]->serial = NULL;
	virtq_chain_free(serial->chain);
}

static struct bus *serial_bus(struct dev *dev)
{
	return &container_of(dev, struct virtio_serial, virtio.dev)->bus;
}

static const struct prop serial_props[] = {
	PROP_U32("max_ports", struct virtio_serial, max_ports, PORTS_DEFAULT, "ports that it may have, 1..31"),
	VIRTIO_PROPS(struct virtio_serial),
	{}};

/* clang-format off */
#define SERIAL_CLASS .doc = "virtio serial ports and consoles", .size = sizeof(struct virtio_serial), .props = serial_props, \
		     .create = serial_create, .reset = virtio_dev_reset, .destroy = serial_destroy, .bus = serial_bus
/* clang-format on */
const struct dev_class virtio_serial_pci_class = {
	.name = "virtio-serial-pci", .plugs = BUS_PCIE, .common = pci_dev_props, SERIAL_CLASS};
const struct dev_class virtio_serial_device_class = {.name = "virtio-serial-device", .plugs = BUS_VIRTIO, SERIAL_CLASS};

/* --- virtconsole --- */

static bool is_serial(const struct dev *dev)
{
	return dev->cls == &virtio_serial_pci_class || dev->cls == &virtio_serial_device_class;
}

static bool find_serial(struct dev *dev, void *arg)
{
	if (!is_serial(dev))
		return true;
	*(struct dev **)arg = dev;
	return false;
}

/* Under the machine lock. */
static void port_host_changed(void *opaque, bool connected)
{
	struct serial_port *port = opaque;

	port->host_open = connected;
	if (!port->serial || !port->guest_ready)
		return;
	control_send(port->serial, port->nr, CONSOLE_PORT_OPEN, connected);
	control_flush(port->serial);
}

static bool console_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct serial_port *port = container_of(dev, struct serial_port, dev);
	const char *name = dev_name(dev);
	struct virtio_serial *serial;
	struct dev *found = NULL;

	if (env->bus) {
		found = env->bus->parent;
		if (!found || !is_serial(found))
			return fail(err, "%s: bus=%s is not a virtio-serial's", name, env->bus->name);
	} else {
		machine_each_device(env->machine, find_serial, &found);
	}
	if (!found)
		return fail(err, "%s: no virtio-serial to plug into; write -device virtio-serial-pci before", name);
	serial = container_of(found, struct virtio_serial, virtio.dev);
	if (port->chardev_id) {
		port->chardev = machine_chardev(env->machine, port->chardev_id);
		if (!port->chardev)
			return fail(err,
				    "%s: chardev=%s: no character device of this id; describe it before, with -chardev",
				    name, port->chardev_id);
		if (chardev_is_connected(port->chardev)) {
			fail(err, "%s: chardev=%s serves something else already; describe another with -chardev", name,
			     port->chardev_id);
			port->chardev = NULL;
			return false;
		}
	}
	if (port->nr == NR_AUTO)
		for (port->nr = is_console(port) ? 0 : 1; port->nr < serial->max_ports && serial->ports[port->nr];)
			port->nr++;
	else if (!port->nr && !is_console(port))
		return fail(err, "%s: nr=0: port 0 is for a virtconsole; write nr=1 or more", name);
	if (port->nr >= serial->max_ports)
		return fail(err, "%s: nr=%u: '%s' has ports 0..%u; raise its max_ports", name, port->nr,
			    dev_name(&serial->virtio.dev), serial->max_ports - 1);
	if (serial->ports[port->nr])
		return fail(err, "%s: nr=%u is taken by '%s'", name, port->nr, dev_name(&serial->ports[port->nr]->dev));
	serial->ports[port->nr] = port;
	port->serial = serial;
	dev->bus = &serial->bus;
	port->host_open = is_console(port) || (port->chardev && !chardev_listens(port->chardev));
	if (port->chardev)
		chardev_connect(port->chardev, port_can_take, port_take, port);
	if (port->chardev && !is_console(port)) {
		chardev_on_drain(port->chardev, port_drained, port);
		if (chardev_is_socket(port->chardev))
			chardev_on_connection(port->chardev, port_host_changed, port);
	}
	return true;
}

static void console_reset(struct dev *dev, unsigned reset_kind)
{
	struct serial_port *port = container_of(dev, struct serial_port, dev);

	port->held_count = 0;
	port->guest_open = port->guest_ready = port->is_waiting = false;
}

static void console_destroy(struct dev *dev)
{
	struct serial_port *port = container_of(dev, struct serial_port, dev);

	/* Its character device outlives a port that is taken out. */
	if (dev->created && port->chardev) {
		chardev_connect(port->chardev, NULL, NULL, NULL);
		if (!is_console(port)) {
			chardev_on_connection(port->chardev, NULL, NULL);
			chardev_on_drain(port->chardev, NULL, NULL);
		}
	}
	if (port->serial)
		port->serial->ports[port->nr] = NULL;
	port->serial = NULL;
}

static const struct prop port_props[] = {
	PROP_STRING("chardev", struct serial_port, chardev_id, NULL, "id of its character device"),
	PROP_STRING("name", struct serial_port, name, NULL, "name that the guest sees"),
	PROP_U32("nr", struct serial_port, nr, NR_AUTO, "port number (default: next free)"),
	{}};

/* clang-format off */
#define PORT_CLASS .size = sizeof(struct serial_port), .plugs = BUS_SERIAL, .props = port_props, \
		   .create = console_create, .reset = console_reset, .destroy = console_destroy
/* clang-format on */
const struct dev_class virtconsole_class = {
	.name = "virtconsole", .doc = "console port of a virtio-serial", PORT_CLASS};
const struct dev_class virtserialport_class = {
	.name = "virtserialport", .doc = "port of a virtio-serial, a file in the guest", PORT_CLASS};
