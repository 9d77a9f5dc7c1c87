/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: virtio-serial with a console: control messages, bytes both ways, queues. */
#define main console_test_main
#include "../tests/unit/virtio/console_test.c"
#undef main
#include "virtqueue.h"

/* A control message in one buffer. */
static void message(struct driver *d, struct input *in)
{
	u8 *at = d->ram + (DATA_AT - RAM_BASE);

	store_le(at, 4, draw(in, 1) % 40);
	store_le(at + 4, 2, draw(in, 1) % 10);
	store_le(at + 6, 2, draw(in, 1));
	desc_put(d, DESC_AT, 0, DATA_AT, 8, 0, 0);
	avail_put(d, 0);
	notify(d, 3);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static struct machine m;
	static struct driver d;
	struct input in = {bytes, size};
	u8 mode = (u8)draw(&in, 1), text[256];

	if (!d.f)
		d = start(&m, BIT(CONSOLE_F_MULTIPORT), 0);
	begin_run(&d, mode & 1 ? BIT(CONSOLE_F_MULTIPORT) : 0, mode / 2 % 6);
	m.chardev->out_count = 0;
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1);

		if (what & 3) {
			queue_operation(&d, what >> 2, &in);
		} else if (what & 4) {
			message(&d, &in);
		} else {
			size_t room = m.chardev->can_take(m.chardev->opaque);

			draw_bytes(&in, text, what);
			m.chardev->take(m.chardev->opaque, text, MIN(room, what));
		}
	}
	return 0;
}
