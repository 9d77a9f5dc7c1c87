/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net on a wire of which the test has the other end (-netdev stream): frames both ways, mergeable buffers, room
 * on either side, filters and the control queue, frames and commands that lie. [VIRTIO1.2 5.1] */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/host.h"
#include "host/net_private.h"
#include "virtio/driver.h"

struct machine {
	struct fixture *f;
	struct netdev *netdev;
	struct loop *loop;
	int listener, end; /* the test's end of the wire */
	char path[64];
	u8 came[128 * 1024];
	size_t came_bytes;
};

void machine_each_device(struct machine *machine, bool (*each)(struct dev *dev, void *arg), void *arg)
{
	for (unsigned n = 0; n < machine->f->dev_count && each(machine->f->devs[n], arg); n++)
		;
}
struct netdev *machine_netdev(struct machine *machine, const char *id)
{
	return strcmp(id, "n0") ? NULL : machine->netdev;
}
unsigned machine_cpu_count(struct machine *machine)
{
	return 4;
}

/* Both ends of a wire. */
static void wire(struct machine *m, struct loop *loop)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct opts opts = {0};
	struct error err = {{0}};
	char text[128];

	snprintf(m->path, sizeof(m->path), "/tmp/cxlvm-net-%d", (int)getpid());
	strcpy(address.sun_path, m->path);
	unlink(m->path);
	m->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(m->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(m->listener, 1), 0);
	snprintf(text, sizeof(text), "stream,addr.type=unix,addr.path=%s", m->path);
	assert_true(opts_parse(&opts, text, "type", &err));
	m->netdev = netdev_open(&opts, loop, &err);
	assert_string_equal(err.text, "");
	m->end = accept(m->listener, NULL, NULL);
	assert_true(m->end >= 0);
	m->loop = loop;
	opts_free(&opts);
}

/* A card on the machine's wire. */
static void card(struct machine *m, struct driver *d, const char *text)
{
	struct error err = {{0}};

	driver_ram(d);
	d->f->machine = m;
	d->dev = fixture_add(d->f, &virtio_net_pci_class, NULL, text, &err);
	assert_string_equal(err.text, "");
	driver_map(d);
}

static struct driver start(struct machine *m, const char *text, u64 without, u16 queue)
{
	struct driver d = driver_new();

	m->f = d.f;
	wire(m, d.f->loop);
	card(m, &d, text);
	driver_start(&d, driver_offered(&d) & ~BIT(VIRTIO_F_EVENT_IDX) & ~without, queue);
	return d;
}

static void end(struct machine *m, struct driver *d)
{
	space_remove(d->f->space, d->region);
	while (d->f->dev_count)
		dev_destroy(d->f->devs[--d->f->dev_count]);
	netdev_close(m->netdev);
	close(m->end);
	close(m->listener);
	unlink(m->path);
	fixture_free(d->f);
	free(d->region);
	free(d->ram);
}

static void quit(void *opaque)
{
	loop_quit(opaque);
}

/* What the loop has to do now. */
static void turn(struct machine *m)
{
	for (unsigned n = 0; n < 3; n++) {
		loop_defer(m->loop, quit, m->loop);
		loop_unlock(m->loop);
		loop_run(m->loop);
		loop_lock(m->loop);
	}
}

static u8 *at(struct driver *d, u64 pa)
{
	return d->ram + (pa - RAM_BASE);
}

static void end_send(struct machine *m, const u8 *ethernet, size_t size)
{
	u32 prefix = htonl((u32)size);

	assert_int_equal(send(m->end, &prefix, 4, 0), 4);
	assert_int_equal(send(m->end, ethernet, size, 0), (ssize_t)size);
}

/* A frame that has come, or 0: what is there of the next one is kept. */
static size_t end_receive(struct machine *m, u8 *ethernet)
{
	ssize_t got = recv(m->end, m->came + m->came_bytes, sizeof(m->came) - m->came_bytes, MSG_DONTWAIT);
	u32 size;

	m->came_bytes += got > 0 ? (size_t)got : 0;
	if (m->came_bytes < 4)
		return 0;
	memcpy(&size, m->came, 4);
	size = ntohl(size);
	if (m->came_bytes < 4 + size)
		return 0;
	memcpy(ethernet, m->came + 4, size);
	m->came_bytes -= 4 + size;
	memmove(m->came, m->came + 4 + size, m->came_bytes);
	return size;
}

static const u8 ours[] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

static void fill(u8 *ethernet, size_t size, const u8 *to)
{
	for (size_t i = 0; i < size; i++)
		ethernet[i] = (u8)(i * 13);
	memcpy(ethernet, to, 6);
	ethernet[12] = ethernet[13] = 0;
}

static void transmit(struct driver *d, const u8 *frame, u32 size, u32 first)
{
	memcpy(at(d, DATA_AT), frame, size);
	desc_put(d, DESC_AT, 0, DATA_AT, first, DESC_NEXT, 1);
	desc_put(d, DESC_AT, 1, DATA_AT + first, size - first, 0, 0);
	avail_put(d, 0);
	notify(d, 1);
	used_take(d, 0);
}

static void frames_are_sent(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", 0, 1);
	u8 frame[FRAME_HEADER + 1000] = {0}, back[2000];

	for (unsigned n = 0; n < 6; n++)
		assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + n, 1), ours[n]);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + NET_STATUS, 2), NET_S_LINK_UP);
	fill(frame + FRAME_HEADER, 1000, ours);
	transmit(&d, frame, sizeof(frame), 5); /* a header in two pieces */
	assert_int_equal(end_receive(&m, back), 1000);
	assert_memory_equal(back, frame + FRAME_HEADER, 1000);
	assert_int_equal(d.f->message_count, 1);
	/* Too short, an offload that the wire does not have, checksum outside: dropped, and given back. */
	transmit(&d, frame, FRAME_HEADER + 13, 5);
	frame[FRAME_GSO_TYPE] = GSO_TCPV4;
	transmit(&d, frame, sizeof(frame), 12);
	frame[FRAME_GSO_TYPE] = 0;
	frame[FRAME_FLAGS] = FRAME_NEEDS_CSUM;
	transmit(&d, frame, sizeof(frame), 12);
	assert_int_equal(end_receive(&m, back), 0);
	assert_false(status(&d) & VIRTIO_NEEDS_RESET);
	frame[FRAME_FLAGS] = 0;
	transmit(&d, frame, sizeof(frame), 100);
	assert_int_equal(end_receive(&m, back), 1000);
	end(&m, &d);
}

static void buffers_put(struct driver *d, unsigned count, u32 bytes)
{
	for (u16 n = 0; n < count; n++) {
		desc_put(d, DESC_AT, n, DATA_AT + n * 0x1000, bytes, DESC_WRITE, 0);
		avail_put(d, n);
	}
	notify(d, 0);
}

static void a_frame_spans_the_buffers_it_needs(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", 0, 0);
	u8 sent[1500], got[2048];
	u32 size;

	fill(sent, sizeof(sent), ours);
	buffers_put(&d, 2, 600);
	end_send(&m, sent, sizeof(sent));
	turn(&m);
	assert_int_equal(used_idx(&d), 0); /* two do not hold it: nothing is seen of it */
	buffers_put(&d, 0, 0);
	desc_put(&d, DESC_AT, 2, DATA_AT + 0x2000, 600, DESC_WRITE, 0);
	avail_put(&d, 2);
	notify(&d, 0);
	assert_int_equal(used_idx(&d), 3);
	assert_int_equal(load_le(at(&d, DATA_AT) + FRAME_NUM_BUFFERS, 2), 3);
	size = used_take(&d, 0);
	assert_int_equal(size, 600);
	memcpy(got, at(&d, DATA_AT), 600);
	assert_int_equal(used_take(&d, 1), 600);
	memcpy(got + 600, at(&d, DATA_AT + 0x1000), 600);
	assert_int_equal(used_take(&d, 2), 312);
	memcpy(got + 1200, at(&d, DATA_AT + 0x2000), 312);
	assert_memory_equal(got + FRAME_HEADER, sent, sizeof(sent));
	/* Several, and an interrupt for the row. */
	d.f->message_count = 0;
	buffers_put(&d, 4, 2000);
	end_send(&m, sent, 100);
	end_send(&m, sent, 200);
	turn(&m);
	assert_int_equal(used_take(&d, 0), 112);
	assert_int_equal(used_take(&d, 1), 212);
	assert_int_equal(d.f->message_count, 1);
	end(&m, &d);
}

/* Where buffers end is the driver's to choose: here amid the header, and between the count's bytes. [VIRTIO1.2 2.7.4]
 */
static void a_header_may_be_in_pieces(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", 0, 0);
	u8 sent[1500];

	fill(sent, sizeof(sent), ours);
	desc_put(&d, DESC_AT, 0, DATA_AT, FRAME_NUM_BUFFERS + 1, DESC_WRITE | DESC_NEXT, 1);
	desc_put(&d, DESC_AT, 1, DATA_AT + 0x800, 1000, DESC_WRITE, 0);
	desc_put(&d, DESC_AT, 2, DATA_AT + 0x1000, 1000, DESC_WRITE, 0);
	*at(&d, DATA_AT + 0x800) = 0xff;
	avail_put(&d, 0);
	avail_put(&d, 2);
	end_send(&m, sent, sizeof(sent));
	turn(&m);
	assert_false(status(&d) & VIRTIO_NEEDS_RESET);
	assert_int_equal(used_take(&d, 0), FRAME_NUM_BUFFERS + 1 + 1000);
	assert_int_equal(used_take(&d, 2), FRAME_HEADER + sizeof(sent) - (FRAME_NUM_BUFFERS + 1 + 1000));
	assert_int_equal(*at(&d, DATA_AT + FRAME_NUM_BUFFERS), 2);
	assert_int_equal(*at(&d, DATA_AT + 0x800), 0);
	assert_memory_equal(at(&d, DATA_AT + 0x801), sent, 999);
	assert_memory_equal(at(&d, DATA_AT + 0x1000), sent + 999, sizeof(sent) - 999);
	end(&m, &d);
}

static void without_mergeable_buffers_one_must_do(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", BIT(NET_F_MRG_RXBUF), 0);
	u8 sent[1000];

	fill(sent, sizeof(sent), ours);
	buffers_put(&d, 1, 600);
	end_send(&m, sent, sizeof(sent));
	turn(&m);
	assert_int_equal(used_take(&d, 0), 0); /* dropped */
	buffers_put(&d, 1, 1012);
	end_send(&m, sent, sizeof(sent));
	turn(&m);
	assert_int_equal(used_take(&d, 0), 1012);
	assert_int_equal(load_le(at(&d, DATA_AT) + FRAME_NUM_BUFFERS, 2), 1);
	end(&m, &d);
}

/* The wire is read again when the driver that gave no room is gone. */
static void a_reset_lets_go_of_the_wire(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", 0, 0);
	u8 sent[100];

	fill(sent, sizeof(sent), ours);
	end_send(&m, sent, sizeof(sent));
	turn(&m);
	driver_start(&d, driver_offered(&d) & ~BIT(VIRTIO_F_EVENT_IDX), 0);
	desc_put(&d, DESC_AT, 0, DATA_AT, 2000, DESC_WRITE, 0);
	avail_put(&d, 0);
	end_send(&m, sent, 90);
	turn(&m);
	assert_int_equal(used_take(&d, 0), FRAME_HEADER + 90);
	end(&m, &d);
}

static void a_changed_configuration_is_a_new_generation(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", 0, 0);
	u8 generation = common_rd(&d, COMMON_GENERATION, 1);

	netdev_set_link(m.netdev, false);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + NET_STATUS, 2), 0);
	assert_int_not_equal(common_rd(&d, COMMON_GENERATION, 1), generation);
	assert_int_equal(d.f->message_count, 1);
	assert_int_equal(d.f->messages[0].data, 0);
	end(&m, &d);
}

/* [VIRTIO1.2 2.6.1] */
static void a_queue_is_reset_alone(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", 0, 0);
	u8 sent[100];

	fill(sent, sizeof(sent), ours);
	buffers_put(&d, 2, 2000);
	assert_int_equal(common_rd(&d, COMMON_Q_ENABLE, 2), 1);
	common_wr(&d, COMMON_Q_RESET, 2, 1);
	assert_int_equal(common_rd(&d, COMMON_Q_RESET, 2), 0);
	assert_int_equal(common_rd(&d, COMMON_Q_ENABLE, 2), 0);
	end_send(&m, sent, sizeof(sent));
	turn(&m);
	assert_int_equal(used_idx(&d), 0);
	memset(d.ram + (AVAIL_AT - RAM_BASE), 0, 0x2000);
	d.avail = 0;
	queue_start(&d, 0);
	buffers_put(&d, 1, 2000);
	end_send(&m, sent, sizeof(sent));
	turn(&m);
	assert_int_equal(used_take(&d, 0), FRAME_HEADER + sizeof(sent));
	end(&m, &d);
}

static u8 control(struct driver *d, u8 class, u8 command, const void *data, u32 size)
{
	at(d, DATA_AT)[0] = class;
	at(d, DATA_AT)[1] = command;
	memcpy(at(d, DATA_AT) + 2, data, size);
	*at(d, DATA_AT + 0x8000) = 0xee;
	desc_put(d, DESC_AT, 0, DATA_AT, 2, DESC_NEXT, 1);
	desc_put(d, DESC_AT, 1, DATA_AT + 2, size, DESC_NEXT, 2);
	desc_put(d, DESC_AT, 2, DATA_AT + 0x8000, 1, DESC_WRITE, 0);
	avail_put(d, 0);
	notify(d, 2);
	assert_int_equal(used_take(d, 0), 1);
	return *at(d, DATA_AT + 0x8000);
}

static void commands_are_checked(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", 0, 2);
	u8 table[4 + 6 + 4 + 12] = {1}, on = 1;

	assert_int_equal(control(&d, NET_CTRL_RX, NET_CTRL_RX_PROMISC, &on, 1), NET_CTRL_OK);
	assert_int_equal(control(&d, NET_CTRL_RX, NET_CTRL_RX_NOBCAST, &on, 1), NET_CTRL_OK);
	assert_int_equal(control(&d, NET_CTRL_RX, 6, &on, 1), NET_CTRL_ERR);
	assert_int_equal(control(&d, NET_CTRL_RX, 0, &on, 0), NET_CTRL_ERR);
	assert_int_equal(control(&d, NET_CTRL_MAC, NET_CTRL_MAC_ADDR, "\2\2\2\2\2\2", 6), NET_CTRL_OK);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000, 4), 0x02020202);
	assert_int_equal(control(&d, NET_CTRL_MAC, NET_CTRL_MAC_ADDR, "\2\2\2\2\2", 5), NET_CTRL_ERR);
	table[10] = 2;
	assert_int_equal(control(&d, NET_CTRL_MAC, NET_CTRL_MAC_TABLE, table, sizeof(table)), NET_CTRL_OK);
	assert_int_equal(control(&d, NET_CTRL_MAC, NET_CTRL_MAC_TABLE, table, sizeof(table) - 1), NET_CTRL_ERR);
	table[10] = 3;
	assert_int_equal(control(&d, NET_CTRL_MAC, NET_CTRL_MAC_TABLE, table, sizeof(table)), NET_CTRL_ERR);
	memset(table, 0xff, 4);
	assert_int_equal(control(&d, NET_CTRL_MAC, NET_CTRL_MAC_TABLE, table, sizeof(table)), NET_CTRL_ERR);
	assert_int_equal(control(&d, NET_CTRL_VLAN, NET_CTRL_VLAN_ADD, "\5\0", 2), NET_CTRL_OK);
	assert_int_equal(control(&d, NET_CTRL_VLAN, NET_CTRL_VLAN_ADD, "\0\x10", 2), NET_CTRL_ERR);
	assert_int_equal(control(&d, NET_CTRL_MQ, 0, "\1\0", 2), NET_CTRL_ERR); /* not offered */
	assert_int_equal(control(&d, 77, 0, "\1\0", 2), NET_CTRL_ERR);
	/* No acknowledgement to write to. */
	desc_put(&d, DESC_AT, 0, DATA_AT, 2, 0, 0);
	avail_put(&d, 0);
	notify(&d, 2);
	assert_true(status(&d) & VIRTIO_NEEDS_RESET);
	end(&m, &d);
}

static void frames_for_others_are_filtered(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0,mac=52:54:00:aa:bb:cc", 0, 0);
	static const u8 mine[] = {0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc}, group[] = {1, 0, 0x5e, 0, 0, 1};
	static const u8 all[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	u8 sent[100];

	buffers_put(&d, 8, 2000);
	fill(sent, sizeof(sent), ours);
	end_send(&m, sent, sizeof(sent));
	fill(sent, sizeof(sent), group);
	end_send(&m, sent, sizeof(sent));
	fill(sent, sizeof(sent), mine);
	sent[12] = 0x81; /* a VLAN that nobody asked for */
	end_send(&m, sent, sizeof(sent));
	turn(&m);
	assert_int_equal(used_idx(&d), 0);
	fill(sent, sizeof(sent), all);
	end_send(&m, sent, sizeof(sent));
	fill(sent, sizeof(sent), mine);
	end_send(&m, sent, sizeof(sent));
	turn(&m);
	assert_int_equal(used_idx(&d), 2);
	end(&m, &d);
}

static void a_wire_that_is_full_stops_the_ring(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", 0, 1);
	u8 *big = calloc(1, FRAME_HEADER + 60000), *back = malloc(70000);
	unsigned sent = 0, came = 0;
	u16 used;

	fill(big + FRAME_HEADER, 60000, ours);
	memcpy(at(&d, DATA_AT), big, FRAME_HEADER + 60000);
	desc_put(&d, DESC_AT, 0, DATA_AT, FRAME_HEADER + 60000, 0, 0);
	/* Until a chain is not taken. */
	do {
		used = used_idx(&d);
		avail_put(&d, 0);
		notify(&d, 1);
		sent++;
	} while (used_idx(&d) != used && sent < 1000);
	assert_in_range(sent, 2, 100);
	while (came < sent) {
		size_t size = end_receive(&m, back);

		came += size > 0;
		assert_true(!size || (size == 60000 && !memcmp(back, big + FRAME_HEADER, size)));
		turn(&m);
	}
	assert_int_equal(used_idx(&d), sent);
	free(big);
	free(back);
	end(&m, &d);
}

/* The second pair waits for room when the wire is cut amid the first pair's row: its chains come back, too. */
/* No offer without what it requires. [VIRTIO1.2 2.2.2, 5.1.3.1] */
static void offers_have_what_they_require(void **state)
{
	static const struct {
		const char *text;
		u64 with, without;
	} cases[] = {
		{"addr=1,netdev=n0", BIT(NET_F_HOST_ECN) | BIT(NET_F_GUEST_ECN), 0},
		{"addr=1,netdev=n0,host_tso4=off", BIT(NET_F_HOST_ECN), 0},
		{"addr=1,netdev=n0,host_tso4=off,host_tso6=off", BIT(NET_F_GUEST_ECN), BIT(NET_F_HOST_ECN)},
		{"addr=1,netdev=n0,guest_tso4=off,guest_tso6=off", BIT(NET_F_HOST_ECN), BIT(NET_F_GUEST_ECN)},
		{"addr=1,netdev=n0,csum=off", BIT(NET_F_GUEST_ECN), BIT(NET_F_HOST_ECN)},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
		struct driver d = driver_new();
		struct machine m = {.f = d.f};
		u64 offered;

		wire(&m, d.f->loop);
		m.netdev->takes = m.netdev->gives = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_ECN;
		card(&m, &d, cases[n].text);
		offered = driver_offered(&d);
		assert_true((offered & cases[n].with) == cases[n].with);
		assert_true(!(offered & cases[n].without));
		end(&m, &d);
	}
}

static void all_that_wait_hear_of_the_cut(void **state)
{
	const u64 desc = RAM_BASE + 0x4000, avail = RAM_BASE + 0x5000, used = RAM_BASE + 0x6000;
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0,mq=on", 0, 1);
	u16 before;

	common_wr(&d, COMMON_Q_SELECT, 2, 3);
	common_wr(&d, COMMON_Q_SIZE, 2, Q_SIZE);
	common_wr(&d, COMMON_Q_DESC, 8, desc);
	common_wr(&d, COMMON_Q_AVAIL, 8, avail);
	common_wr(&d, COMMON_Q_USED, 8, used);
	common_wr(&d, COMMON_Q_ENABLE, 2, 1);
	desc_put(&d, DESC_AT, 0, DATA_AT, FRAME_HEADER + 60000, 0, 0);
	do {
		before = used_idx(&d);
		avail_put(&d, 0);
		notify(&d, 1);
	} while (used_idx(&d) != before);
	desc_put(&d, desc, 0, DATA_AT, FRAME_HEADER + 60000, 0, 0);
	store_le(at(&d, avail) + 2, 2, 1);
	notify(&d, 3);
	assert_int_equal(load_le(at(&d, used) + 2, 2), 0);
	close(m.end);
	m.end = -1;
	notify(&d, 1);
	assert_int_equal(used_idx(&d), before + 1);
	assert_int_equal(load_le(at(&d, used) + 2, 2), 1);
	end(&m, &d);
}

static void a_wire_that_is_cut_is_a_link_down(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0", 0, 1);
	u8 frame[FRAME_HEADER + 100] = {0};
	u32 prefix = htonl(0x00ffffff); /* longer than any frame */

	assert_int_equal(send(m.end, &prefix, 4, 0), 4);
	turn(&m);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + NET_STATUS, 2), 0);
	assert_int_equal(d.f->message_count, 1);
	fill(frame + FRAME_HEADER, 100, ours);
	transmit(&d, frame, sizeof(frame), 12); /* goes nowhere, and comes back */
	end(&m, &d);
}

static void queue_pairs_follow_the_vcpus(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, "addr=1,netdev=n0,mq=on", 0, 8);
	u8 ethernet[80];

	assert_int_equal(common_rd(&d, COMMON_NUMQ, 2), 9);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + NET_MAX_PAIRS, 2), 4);
	/* queue 8 is the control queue */
	at(&d, DATA_AT)[0] = NET_CTRL_MQ;
	store_le(at(&d, DATA_AT) + 2, 2, 4);
	desc_put(&d, DESC_AT, 0, DATA_AT, 4, DESC_NEXT, 1);
	desc_put(&d, DESC_AT, 1, DATA_AT + 0x8000, 1, DESC_WRITE, 0);
	avail_put(&d, 0);
	notify(&d, 8);
	used_take(&d, 0);
	assert_int_equal(*at(&d, DATA_AT + 0x8000), NET_CTRL_OK);
	store_le(at(&d, DATA_AT) + 2, 2, 5);
	avail_put(&d, 0);
	notify(&d, 8);
	used_take(&d, 0);
	assert_int_equal(*at(&d, DATA_AT + 0x8000), NET_CTRL_ERR);
	fill(ethernet, sizeof(ethernet), ours); /* its queue is not set up: dropped */
	end_send(&m, ethernet, sizeof(ethernet));
	turn(&m);
	assert_false(status(&d) & VIRTIO_NEEDS_RESET);
	end(&m, &d);
}

static void properties_are_checked(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"netdev=nope", "no network of this id"},
		{"rx_queue_size=100", "power of two"},
		{"tx_queue_size=2048", "64..1024"},
		{"mac=01:00:00:00:00:00", "must be even"},
		{"host_mtu=60", "68"},
		{"rss=on", "not built"},
		{"tx=x", "bh or timer"},
	};
	struct machine m = {0};
	struct fixture *f = fixture_new();

	f->machine = &m;
	for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
		struct error err = {{0}};

		assert_null(fixture_add(f, &virtio_net_pci_class, NULL, cases[n].text, &err));
		assert_non_null(strstr(err.text, cases[n].part));
	}
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(frames_are_sent),
		cmocka_unit_test(a_frame_spans_the_buffers_it_needs),
		cmocka_unit_test(a_header_may_be_in_pieces),
		cmocka_unit_test(without_mergeable_buffers_one_must_do),
		cmocka_unit_test(a_reset_lets_go_of_the_wire),
		cmocka_unit_test(a_changed_configuration_is_a_new_generation),
		cmocka_unit_test(a_queue_is_reset_alone),
		cmocka_unit_test(commands_are_checked),
		cmocka_unit_test(frames_for_others_are_filtered),
		cmocka_unit_test(a_wire_that_is_full_stops_the_ring),
		cmocka_unit_test(offers_have_what_they_require),
		cmocka_unit_test(all_that_wait_hear_of_the_cut),
		cmocka_unit_test(a_wire_that_is_cut_is_a_link_down),
		cmocka_unit_test(queue_pairs_follow_the_vcpus),
		cmocka_unit_test(properties_are_checked),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
