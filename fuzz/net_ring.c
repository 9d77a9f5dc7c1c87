/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: virtqueues through virtio-net, as a hostile guest and a hostile peer on the wire reach them. */
#define main net_test_main
#include "../tests/unit/virtio/net_test.c"
#undef main
#include "host/net_private.h"
#include "host_events.h"
#include "virtqueue.h"

struct card {
	struct machine m;
	struct driver d;
	struct host_fd *wire;
};

/* The card listens, so that a wire that was cut is followed by another one without another machine. */
static void card_open(struct card *c, unsigned n)
{
	struct machine *m = &c->m;
	struct opts opts = {0};
	struct error err = {{0}};
	char text[128];

	c->d = driver_new();
	m->f = c->d.f;
	m->loop = c->d.f->loop;
	snprintf(m->path, sizeof(m->path), "/tmp/cxlvm-fuzz-%d-%u", (int)getpid(), n);
	snprintf(text, sizeof(text), "stream,addr.type=unix,server=on,addr.path=%s", m->path);
	assert_true(opts_parse(&opts, text, "type", &err));
	m->netdev = netdev_open(&opts, m->loop, &err);
	assert_non_null(m->netdev);
	opts_free(&opts);
	unlink(m->path); /* nobody comes that way */
	card(m, &c->d, n ? "addr=1,netdev=n0,mq=on" : "addr=1,netdev=n0");
}

static void dial(struct card *c)
{
	if (c->wire)
		c->wire->ended = true;
	for (unsigned n = 0; netdev_is_up(c->m.netdev) && n < 10; n++)
		turn(&c->m);
	assert_false(netdev_is_up(c->m.netdev));
	host_dialled = c->m.netdev->listen_fd;
	turn(&c->m);
	assert_true(netdev_is_up(c->m.netdev));
	c->wire = host_wire;
}

static void frame(struct card *c, struct input *in, bool whole)
{
	size_t size = whole ? 14 + draw(in, 1) : draw(in, 1);
	u8 text[4 + 269];
	u32 prefix = htonl((u32)size);

	memcpy(text, &prefix, 4);
	draw_bytes(in, text + 4, size);
	if (host_wire_send(c->wire, whole ? text : text + 4, whole ? size + 4 : size))
		turn(&c->m);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static struct card cards[2];
	struct input in = {bytes, size};
	u8 mode = (u8)draw(&in, 1);
	struct card *c = &cards[mode & 1];
	bool cut = false; /* part of a frame is on the wire, or it is down */

	if (!c->d.f) {
		card_open(c, mode & 1);
		dial(c);
	}
	begin_run(&c->d,
		  container_of(c->d.dev, struct virtio, dev)->offered & ~BIT(VIRTIO_F_EVENT_IDX) &
			  ~(mode & 2 ? BIT(NET_F_MRG_RXBUF) : 0),
		  mode / 4 % 9 % (mode & 1 ? 9 : 3));
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1);

		if (what & 7) {
			queue_operation(&c->d, what >> 3, &in);
		} else {
			if (what & 16)
				c->wire->out_count = 0;
			frame(c, &in, what & 8);
			cut |= !(what & 8);
		}
	}
	c->wire->out_count = 0;
	/* Nothing of this execution comes in the next one. */
	if (cut || !netdev_is_up(c->m.netdev) || c->m.netdev->held || c->wire->in_count) {
		common_wr(&c->d, COMMON_STATUS, 1, 0); /* frames wait for no room */
		netdev_kick(c->m.netdev);
		dial(c);
	}
	return 0;
}
