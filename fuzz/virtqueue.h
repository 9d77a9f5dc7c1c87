/* SPDX-License-Identifier: BSD-2-Clause */
/* What a hostile driver does with the queues of any virtio device: bytes into tables, rings and buffers, notifications,
 * registers of the transport. */
#ifndef FUZZ_VIRTQUEUE_H
#define FUZZ_VIRTQUEUE_H

#include "fuzz.h"

#define RINGS_BYTES 0x4000
#define DATA_BYTES 0x20000

static inline void poke(struct driver *d, u64 offset, struct input *in, u64 size)
{
	size = MIN(MIN(size, in->left), RAM_BYTES - offset);
	draw_bytes(in, d->ram + offset, size);
}

/* As after a reset by the driver, with queue `queue` set up. What the rings and buffers hold is gone. */
static inline void begin_run(struct driver *d, u64 features, u16 queue)
{
	memset(d->ram + (DATA_AT - RAM_BASE), 0, DATA_BYTES);
	wr(d->f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	driver_start(d, features, queue);
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
