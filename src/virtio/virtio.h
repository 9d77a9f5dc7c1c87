/* SPDX-License-Identifier: BSD-2-Clause */
/* The door of virtio/: virtio 1.2 over PCI (modern only) and in the board's memory-mapped slots: block, net, 9p, rng,
 * console. [VIRTIO1.2] */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include "base/line.h"
#include "host/host.h"
#include "obj/dev.h"

struct chardev;
struct folder;
struct netdev;
struct space;
struct workers;

/* Buses beside those of obj/, which only compares kinds: of a virtio-serial; a virtio-mmio slot. */
#define BUS_SERIAL ((enum bus_kind)16)
#define BUS_VIRTIO ((enum bus_kind)17)

extern const struct dev_class virtio_blk_pci_class, virtio_9p_pci_class, virtio_net_pci_class, virtio_rng_pci_class,
	virtio_serial_pci_class, virtio_balloon_pci_class;
/* In a virtio-mmio slot. */
extern const struct dev_class virtio_blk_device_class, virtio_9p_device_class, virtio_net_device_class,
	virtio_rng_device_class, virtio_serial_device_class, virtio_balloon_device_class;
extern const struct dev_class virtconsole_class, virtserialport_class;

/* --- transport_mmio.c: the board's slots, VIRTIO_SLOT_BYTES apart. `legacy`: they speak version 1 --- */
#define VIRTIO_SLOTS_MAX 32
#define VIRTIO_SLOT_BYTES 0x200
struct virtio_mmio;
struct virtio_mmio *virtio_mmio_create(struct space *space, u64 base, unsigned count, const struct line *lines,
				       bool legacy);
void virtio_mmio_destroy(struct virtio_mmio *mmio);
/* "virtio-mmio-bus.N", the slot's bus; NULL: the last one that is free. NULL if there is none. */
struct bus *virtio_mmio_bus(struct virtio_mmio *mmio, const char *name);
u64 virtio_mmio_address(const struct virtio_mmio *mmio, const struct bus *bus); /* where the slot is */

/* --- balloon.c: in bytes --- */
bool virtio_balloon_bytes(struct dev *dev, u64 *given); /* that the guest gave up; false: it is no balloon */
void virtio_balloon_ask(struct dev *dev, u64 given);    /* to give up so much, of a balloon */
/* Provided by machine/, under its lock: what the guest gave up is another number now. */
void machine_balloon_changed(struct machine *machine);

struct netdev *virtio_net_wire(struct dev *dev); /* that a network card is on; NULL: none */
/* How virtio devices reach the host's things by id: provided by machine/. NULL if there is none of that id. */
struct chardev *machine_chardev(struct machine *machine, const char *id);
struct folder *machine_folder(struct machine *machine, const char *id);
struct netdev *machine_netdev(struct machine *machine, const char *id);
unsigned machine_cpu_count(struct machine *machine);
/* Every device of the machine that is made, until `each` returns false. */
void machine_each_device(struct machine *machine, bool (*each)(struct dev *dev, void *arg), void *arg);

#endif
