/* SPDX-License-Identifier: BSD-2-Clause */
/* The door of virtio/: virtio 1.2 over PCI (modern only): block, net, rng, console. [VIRTIO1.2] */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include "host/host.h"
#include "obj/dev.h"

struct chardev;
struct folder;
struct netdev;
struct workers;

extern const struct dev_class virtio_blk_pci_class, virtio_9p_pci_class, virtio_net_pci_class, virtio_rng_pci_class, virtio_serial_pci_class, virtconsole_class;
/* How virtio devices reach the host's things by id: provided by machine/. NULL if there is none of that id. */
struct chardev *machine_chardev(struct machine *machine, const char *id);
struct folder *machine_folder(struct machine *machine, const char *id);
struct netdev *machine_netdev(struct machine *machine, const char *id);
unsigned machine_cpu_count(struct machine *machine);

#endif
