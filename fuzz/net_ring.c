/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: virtqueues through virtio-net, as a hostile guest and a hostile peer on the wire reach them. */
#define main net_test_main
#include "../tests/unit/virtio/net_test.c"
#undef main
#include "virtqueue.h"

static void frame(struct machine *m, struct input *in, bool whole)
{
	size_t size = whole ? 14 + draw(in, 1) : draw(in, 1);
	u8 text[4 + 269];
	u32 prefix = htonl((u32)size);

	memcpy(text, &prefix, 4);
	draw_bytes(in, text + 4, size);
	if (send(m->end, whole ? text : text + 4, whole ? size + 4 : size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		turn(m);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static struct { struct machine m; struct driver d; } cards[2];
	struct input in = {bytes, size};
	u8 mode = (u8)draw(&in, 1), drain[4096];
	struct machine *m = &cards[mode & 1].m;
	struct driver *d = &cards[mode & 1].d;
	bool cut = false; /* part of a frame is on the wire, or it is down: both ends are made anew */

	if (!d->f)
		*d = start(m, mode & 1 ? "addr=1,netdev=n0,mq=on" : "addr=1,netdev=n0", 0, 0);
	begin_run(d, driver_offered(d) & ~BIT(VIRTIO_F_EVENT_IDX) & ~(mode & 2 ? BIT(NET_F_MRG_RXBUF) : 0), mode / 4 % 9 % (mode & 1 ? 9 : 3));
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1);

		if (what & 7) {
			queue_operation(d, what >> 3, &in);
		} else {
			frame(m, &in, what & 8);
			cut |= !(what & 8);
		}
	}
	while (recv(m->end, drain, sizeof(drain), MSG_DONTWAIT) > 0)
		;
	if (cut || !netdev_is_up(m->netdev)) {
		end(m, d);
		*m = (struct machine){0};
		*d = (struct driver){0};
	}
	return 0;
}
