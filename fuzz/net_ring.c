/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: virtqueues through virtio-net, as a hostile guest and a hostile peer on the wire reach them. */
#define main net_test_main
#include "../tests/unit/virtio/net_test.c"
#undef main
#include "virtqueue.h"

/* The card listens, so that a wire that was cut is followed by another one without another machine. */
static void open_card(struct machine *m, struct driver *d, unsigned n)
{
	struct opts opts = {0};
	struct error err = {{0}};
	char text[128];

	*d = driver_new();
	m->f = d->f;
	m->loop = d->f->loop;
	m->end = -1;
	snprintf(m->path, sizeof(m->path), "/tmp/cxlvm-fuzz-%d-%u", (int)getpid(), n);
	snprintf(text, sizeof(text), "stream,addr.type=unix,server=on,addr.path=%s", m->path);
	assert_true(opts_parse(&opts, text, "type", &err));
	m->netdev = netdev_open(&opts, m->loop, &err);
	assert_non_null(m->netdev);
	opts_free(&opts);
	card(m, d, n ? "addr=1,netdev=n0,mq=on" : "addr=1,netdev=n0");
}

static void dial(struct machine *m)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (m->end >= 0)
		close(m->end);
	for (unsigned n = 0; netdev_is_up(m->netdev) && n < 10; n++)
		turn(m);
	assert_false(netdev_is_up(m->netdev));
	m->end = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(address.sun_path, m->path, sizeof(m->path));
	assert_int_equal(connect(m->end, (struct sockaddr *)&address, sizeof(address)), 0);
	turn(m);
	assert_true(netdev_is_up(m->netdev));
}

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
	static struct {
		struct machine m;
		struct driver d;
	} cards[2];
	struct input in = {bytes, size};
	u8 mode = (u8)draw(&in, 1), drain[4096];
	struct machine *m = &cards[mode & 1].m;
	struct driver *d = &cards[mode & 1].d;
	bool cut = false; /* part of a frame is on the wire, or it is down */

	if (!d->f) {
		open_card(m, d, mode & 1);
		dial(m);
	}
	begin_run(d, driver_offered(d) & ~BIT(VIRTIO_F_EVENT_IDX) & ~(mode & 2 ? BIT(NET_F_MRG_RXBUF) : 0),
		  mode / 4 % 9 % (mode & 1 ? 9 : 3));
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
		common_wr(d, COMMON_STATUS, 1, 0); /* frames wait for no room */
		netdev_kick(m->netdev);
		dial(m);
	}
	return 0;
}
