/* SPDX-License-Identifier: BSD-2-Clause */
/* A small driver for one virtio function: BARs, negotiation, one split queue in a RAM region. [VIRTIO1.2 3.1, 4.1] */
#ifndef TESTS_VIRTIO_DRIVER_H
#define TESTS_VIRTIO_DRIVER_H

#include "pci/fixture.h"
#include "virtio/virtio.h"
#include "virtio/virtio_spec.h"

#define RAM_BASE 0x40000000ull
#define RAM_BYTES (4 * MiB)
#define MSIX_AT 0x10400000ull
#define CONFIG_AT 0x8000000000ull
#define Q_SIZE 8
#define DESC_AT (RAM_BASE + 0x1000)
#define AVAIL_AT (RAM_BASE + 0x2000)
#define USED_AT (RAM_BASE + 0x3000)
#define DATA_AT (RAM_BASE + 0x10000)

struct driver {
	struct fixture *f;
	u8 *ram;
	struct region *region;
	struct dev *dev;
	u16 avail, used;
};

static inline void common_wr(struct driver *d, u32 reg, unsigned size, u64 value)
{
	wr(d->f, CONFIG_AT + reg, size, value);
}

static inline u64 common_rd(struct driver *d, u32 reg, unsigned size)
{
	return rd(d->f, CONFIG_AT + reg, size);
}

static inline u8 status(struct driver *d)
{
	return common_rd(d, COMMON_STATUS, 1);
}

static inline struct driver driver_new(void)
{
	struct driver d = {.f = fixture_new()};

	d.ram = calloc(1, RAM_BYTES);
	return d;
}

static inline void driver_ram(struct driver *d)
{
	d->region = calloc(1, sizeof(*d->region));
	*d->region = (struct region){.name = "ram", .base = RAM_BASE, .size = RAM_BYTES, .host = d->ram};
	space_add(d->f->space, d->region);
}

static inline void driver_free(struct driver *d)
{
	space_remove(d->f->space, d->region);
	fixture_free(d->f);
	free(d->region);
	free(d->ram);
}

/* Maps the BARs and switches MSI-X on: vector n sends data n. */
static inline void driver_map(struct driver *d)
{
	struct pci_dev *pci = container_of(d->dev, struct pci_dev, dev);
	u64 config = ecam(0, 1, 0, 0);

	assert_int_equal(pci->devfn, 8);
	wr(d->f, config + 0x14, 4, MSIX_AT);
	wr(d->f, config + 0x20, 8, CONFIG_AT);
	wr(d->f, config + 4, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (u64 n = 0; n < pci->msix.count; n++) {
		wr(d->f, MSIX_AT + 16 * n, 8, DOORBELL);
		wr(d->f, MSIX_AT + 16 * n + 8, 8, n);
	}
	wr(d->f, config + pci->msix.cap + MSIX_CTRL, 2, MSIX_CTRL_ENABLE);
}

static inline u64 driver_offered(struct driver *d)
{
	u64 features;

	common_wr(d, COMMON_DFSELECT, 4, 0);
	features = common_rd(d, COMMON_DF, 4);
	common_wr(d, COMMON_DFSELECT, 4, 1);
	return features | common_rd(d, COMMON_DF, 4) << 32;
}

static inline void queue_start(struct driver *d, u16 n)
{
	common_wr(d, COMMON_Q_SELECT, 2, n);
	common_wr(d, COMMON_Q_SIZE, 2, Q_SIZE);
	common_wr(d, COMMON_Q_MSIX, 2, 1);
	common_wr(d, COMMON_Q_DESC, 8, DESC_AT);
	common_wr(d, COMMON_Q_AVAIL, 4, (u32)AVAIL_AT);
	common_wr(d, COMMON_Q_AVAIL + 4, 4, AVAIL_AT >> 32);
	common_wr(d, COMMON_Q_USED, 8, USED_AT);
	common_wr(d, COMMON_Q_ENABLE, 2, 1);
}

/* Resets, negotiates `features` (VERSION_1 is added), sets up queue n and goes live. */
static inline void driver_start(struct driver *d, u64 features, u16 n)
{
	features |= BIT(VIRTIO_F_VERSION_1);
	memset(d->ram, 0, 0x10000);
	d->avail = d->used = 0;
	common_wr(d, COMMON_STATUS, 1, 0);
	assert_int_equal(status(d), 0);
	common_wr(d, COMMON_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	common_wr(d, COMMON_GFSELECT, 4, 0);
	common_wr(d, COMMON_GF, 4, (u32)features);
	common_wr(d, COMMON_GFSELECT, 4, 1);
	common_wr(d, COMMON_GF, 4, features >> 32);
	common_wr(d, COMMON_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	assert_true(status(d) & VIRTIO_FEATURES_OK);
	common_wr(d, COMMON_MSIX, 2, 0);
	queue_start(d, n);
	common_wr(d, COMMON_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
	d->f->message_count = 0;
}

static inline void desc_put(struct driver *d, u64 table, u16 n, u64 addr, u32 len, u16 flags, u16 next)
{
	u8 *at = d->ram + (table - RAM_BASE) + 16 * n;

	store_le(at, 8, addr);
	store_le(at + 8, 4, len);
	store_le(at + 12, 2, flags);
	store_le(at + 14, 2, next);
}

static inline void avail_put(struct driver *d, u16 head)
{
	u8 *ring = d->ram + (AVAIL_AT - RAM_BASE);

	store_le(ring + 4 + 2 * (d->avail % Q_SIZE), 2, head);
	store_le(ring + 2, 2, ++d->avail);
}

static inline void notify(struct driver *d, u16 n)
{
	wr(d->f, CONFIG_AT + 0x3000 + 4 * n, 2, n);
}

static inline u16 used_idx(struct driver *d)
{
	return load_le(d->ram + (USED_AT - RAM_BASE) + 2, 2);
}

/* The next used entry's length; its head must be `head`. */
static inline u32 used_take(struct driver *d, u16 head)
{
	const u8 *entry = d->ram + (USED_AT - RAM_BASE) + 4 + 8 * (d->used % Q_SIZE);

	assert_int_not_equal(used_idx(d), d->used);
	d->used++;
	assert_int_equal(load_le(entry, 4), head);
	return load_le(entry + 4, 4);
}

#endif
