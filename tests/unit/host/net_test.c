/* SPDX-License-Identifier: BSD-2-Clause */
/* A wire of which the test has both ends: who waits for room is told of it, however it came. */
#include "check.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "host/host.h"
#include "host/net_frame.h"
#include "obj/prop.h"

struct card {
	unsigned writable;
};

static bool receive(void *opaque, const u8 *frame, size_t size)
{
	return true;
}

static void received(void *opaque)
{
}

static void writable(void *opaque)
{
	((struct card *)opaque)->writable++;
}

static void link_changed(void *opaque, bool up)
{
}

static const struct netdev_peer peer = {
	.receive = receive, .received = received, .writable = writable, .link = link_changed};

static void quit(void *opaque)
{
	loop_quit(opaque);
}

static void turn(struct loop *loop)
{
	loop_defer(loop, quit, loop);
	loop_unlock(loop);
	loop_run(loop);
	loop_lock(loop);
}

/* All that is on its way. */
static size_t drain(int end)
{
	static u8 bytes[1 * MiB];
	size_t all = 0;

	for (ssize_t got; (got = recv(end, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0; all += (size_t)got)
		;
	return all;
}

static void room_between_two_looks_is_told(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct error err = {{0}};
	struct loop *loop = loop_create(false, &err);
	struct opts opts = {0};
	struct card card = {0};
	static u8 frame[FRAME_HEADER + 60000];
	struct netdev *n;
	char text[160];
	int listener, end;

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/cxlvm-wire-%d", (int)getpid());
	unlink(address.sun_path);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	snprintf(text, sizeof(text), "stream,addr.type=unix,addr.path=%s", address.sun_path);
	assert_true(opts_parse(&opts, text, "type", &err));
	loop_lock(loop);
	n = netdev_open(&opts, loop, &err);
	assert_string_equal(err.text, "");
	end = accept(listener, NULL, NULL);
	assert_true(end >= 0);
	assert_true(netdev_connect(n, &peer, &card));
	do {
		while (netdev_has_room(n))
			netdev_send(n, frame, sizeof(frame));
		netdev_flush(n);
	} while (netdev_has_room(n));
	/* The card waits from here on. The other end takes some, and the row's end sends more. */
	assert_true(drain(end) > 0);
	netdev_flush(n);
	assert_true(netdev_has_room(n));
	assert_int_equal(card.writable, 0);
	for (unsigned i = 0; i < 20; i++) {
		drain(end);
		turn(loop);
	}
	assert_int_equal(card.writable, 1);
	netdev_close(n);
	loop_unlock(loop);
	close(end);
	close(listener);
	unlink(address.sun_path);
	opts_free(&opts);
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_between_two_looks_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
