/* SPDX-License-Identifier: BSD-2-Clause */
/* What a hostile driver does with the queues of any virtio device: bytes into tables, rings and buffers, notifications,
 * registers of the transport. */
#ifndef FUZZ_VIRTQUEUE_H
#define FUZZ_VIRTQUEUE_H

#include "fuzz.h"
#include "virtio/device.h"

#define RINGS_BYTES 0x4000
#define DATA_BYTES 0x20000

static inline void poke(struct driver *d, u64 offset, struct input *in, u64 size)
{
	size = MIN(MIN(size, in->left), RAM_BYTES - offset);
	draw_bytes(in, d->ram + offset, size);
}

/*
 * As after a reset by the driver, with queue `queue` set up as driver_start does it. What the rings and buffers hold is
 * gone. Only the reset and the selection of the queue go through registers; what the driver writes then is put where it
 * ends up, since it took a third of an execution.
 */
static inline void begin_run(struct driver *d, u64 features, u16 queue)
{
	struct virtio *virtio = container_of(d->dev, struct virtio, dev);
	const u8 ready = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK;
	struct virtq *q;

	features |= BIT(VIRTIO_F_VERSION_1);
	memset(d->ram, 0, DATA_AT - RAM_BASE + DATA_BYTES);
	d->avail = d->used = 0;
	common_wr(d, COMMON_STATUS, 1, 0);
	for (unsigned n = 0; n < 2; n++)
		virtio_features_write(virtio, n, (u32)(features >> 32 * n));
	regs_set(&virtio->common, COMMON_GFSELECT, 4, 1);
	regs_set(&virtio->common, COMMON_GF, 4, features >> 32);
	virtio_status_write(virtio, ready);
	assert_true(virtio->status & VIRTIO_FEATURES_OK);
	virtio->config_vector = 0;
	regs_set(&virtio->common, COMMON_MSIX, 2, 0);
	if (queue < virtio->queue_count) {
		q = &virtio->queues[queue];
		q->size = Q_SIZE;
		q->vector = virtio->pci.msix.count > 1 ? 1 : VIRTIO_NO_VECTOR;
		q->desc = DESC_AT;
		q->avail = AVAIL_AT;
		q->used = USED_AT;
		q->enabled = true;
	}
	common_wr(d, COMMON_Q_SELECT, 2, queue);
	virtio_status_write(virtio, ready | VIRTIO_DRIVER_OK);
	d->f->message_count = 0;
}

/* Features that the device offers, of those that the input wants. */
static inline u64 draw_features(struct driver *d, struct input *in)
{
	return container_of(d->dev, struct virtio, dev)->offered & draw(in, 4);
}

static inline void queue_operation(struct driver *d, u8 what, struct input *in)
{
	switch (what % 6) {
	case 0: poke(d, 0x1000 + draw(in, 2) % RINGS_BYTES, in, draw(in, 1)); break;
	case 1: poke(d, 0x10000 + draw(in, 2), in, draw(in, 1)); break;
	case 2: notify(d, (u16)draw(in, 1) % 12); break;
	case 3: common_wr(d, draw(in, 1) % COMMON_BYTES, 1u << draw(in, 1) % 4, draw(in, 8)); break;
	case 4: { /* a whole descriptor, plausible */
		u16 flags = (u16)draw(in, 1) % 8;

		desc_put(d, DESC_AT, draw(in, 1) % Q_SIZE, DATA_AT + draw(in, 2), (u32)draw(in, 2), flags,
			 (u16)draw(in, 1) % (Q_SIZE + 1));
		break;
	}
	default: avail_put(d, (u16)draw(in, 1) % (Q_SIZE + 1)); break;
	}
}

#endif
