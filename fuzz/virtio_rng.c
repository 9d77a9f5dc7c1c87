/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: virtqueues and the transport through virtio-rng: the simplest device, so nearly all time goes to them.
 */
#define main rng_test_main
#include "../tests/unit/virtio/queue_test.c"
#undef main
#include "virtqueue.h"

/* As driver_map leaves them. */
static void vectors_reset(struct driver *d)
{
	for (u64 n = 0; n < container_of(d->dev, struct pci_dev, dev)->msix.count; n++) {
		wr(d->f, MSIX_AT + 16 * n, 8, DOORBELL);
		wr(d->f, MSIX_AT + 16 * n + 8, 8, n);
	}
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static const struct place places[] = {{CONFIG_AT, 0x4000}, {MSIX_AT, 0x1000}};
	static struct driver d;
	struct input in = {bytes, size};
	u8 mode = (u8)draw(&in, 1);

	if (!d.f)
		d = start(0);
	if (!(mode & 0x3c)) { /* now and then: it makes the address space anew */
		d.dev->cls->reset(d.dev, RESET_COLD);
		driver_map(&d);
	} else {
		vectors_reset(&d);
	}
	begin_run(&d, (mode & 1 ? BIT(VIRTIO_F_INDIRECT_DESC) : 0) | (mode & 2 ? BIT(VIRTIO_F_EVENT_IDX) : 0), 0);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1);

		if (what & 7)
			queue_operation(&d, what >> 3, &in);
		else
			access_place(d.f->space, places, ARRAY_SIZE(places), &in);
	}
	return 0;
}
