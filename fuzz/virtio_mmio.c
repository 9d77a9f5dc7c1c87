/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: virtio-mmio slots, one with an entropy source, the others empty: legacy and modern registers, and the
 * queue that they describe. */
#define main mmio_test_main
#include "../tests/unit/virtio/mmio_test.c"
#undef main
#include "virtqueue.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static const struct place places[] = {{SLOTS_AT + SLOT * VIRTIO_SLOT_BYTES, VIRTIO_SLOT_BYTES},
					      {SLOTS_AT, (SLOT + 1) * VIRTIO_SLOT_BYTES}};
	static struct slots *both[2];
	struct input in = {bytes, size};
	struct slots *s;

	for (unsigned n = 0; !both[1] && n < 2; n++)
		both[n] = slots_new(&virtio_rng_device_class, n);
	s = both[draw(&in, 1) & 1];
	s->d.dev->cls->reset(s->d.dev, RESET_COLD);
	memset(s->d.ram + (DATA_AT - RAM_BASE), 0, DATA_BYTES);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1);

		switch (what & 7) {
		case 0: access_place(s->d.f->space, places, ARRAY_SIZE(places), &in); break;
		case 1: put(s, (what >> 3) * 4 % 0x40 + (what & 128), (u32)draw(&in, 4)); break;
		case 2: put(s, MMIO_QUEUE_SEL + 4 * (what >> 3 & 7), (u32)draw(&in, 1)); break;
		case 3: put(s, MMIO_QUEUE_DESC + (what >> 3 & 7) * 4 % 0x28, DESC_AT + ((what >> 6) * 0x1000u)); break;
		case 4: put(s, MMIO_STATUS, what >> 3 | (u32)draw(&in, 1)); break;
		case 5: put(s, MMIO_QUEUE_NOTIFY, what >> 6); break;
		case 6: /* a queue that works */
			put(s, MMIO_STATUS, 15);
			put(s, MMIO_GUEST_PAGE_SIZE, 4096);
			put(s, MMIO_QUEUE_SEL, 0);
			put(s, MMIO_QUEUE_NUM, what & 8 ? (u32)draw(&in, 2) : Q_SIZE);
			put(s, MMIO_QUEUE_ALIGN, what & 16 ? (u32)draw(&in, 4) : 4096);
			put64(s, MMIO_QUEUE_DESC, DESC_AT);
			put64(s, MMIO_QUEUE_DRIVER, AVAIL_AT);
			put64(s, MMIO_QUEUE_DEVICE, USED_AT);
			put(s, MMIO_QUEUE_READY, 1);
			put(s, MMIO_QUEUE_PFN, what & 32 ? (u32)draw(&in, 4) : DESC_AT / 4096);
			break;
		default: queue_operation(&s->d, (u8[]){0, 1, 4, 5}[what >> 3 & 3], &in);
		}
	}
	return 0;
}
