/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire between a network device and the world. What differs between kinds is one row each; here is what they share:
 * who has the other end, when the file is waited for, and that nobody is drowned: a peer without room stops the
 * reading, a full buffer stops the peer.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/net_private.h"

#define LATER "is not built: write user, socket, stream or tap"

static const struct netdev_kind kinds[] = {
	{"user", user_open, NULL, stream_send, stream_flush, stream_readable, user_set_offloads},
	{"socket", socket_open, NULL, stream_send, stream_flush, stream_readable, NULL},
	{"stream", stream_open, NULL, stream_send, stream_flush, stream_readable, NULL},
	{"tap", tap_open, NULL, tap_send, NULL, tap_readable, tap_set_offloads},
	{"dgram", NULL, LATER},
	{"bridge", NULL, "is not built: make a tap device that is in the bridge, and write tap,ifname=NAME,script=no"},
	{"hubport", NULL, LATER},
	{"vde", NULL, LATER},
	{"l2tpv3", NULL, LATER},
	{"vhost-user", NULL, LATER},
	{"vhost-vdpa", NULL, LATER},
	{"passt", NULL, LATER},
};

static void net_ready(void *opaque, u32 events)
{
	struct netdev *n = opaque;

	if (events & EPOLLOUT) {
		n->kind->flush(n);
		if (n->fd >= 0 && n->wants_room && n->peer && netdev_has_room(n)) {
			n->wants_room = false;
			n->peer->writable(n->peer_opaque);
		}
	}
	if (n->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		n->kind->readable(n);
	if (n->fd >= 0)
		netdev_watch(n);
}

void netdev_watch(struct netdev *n)
{
	bool sends = n->kind->flush && (n->out_start < n->out_end || n->wants_room);
	u32 events = (n->peer && !n->held ? EPOLLIN : 0) | (sends ? EPOLLOUT : 0);
	struct error err;

	if (n->fd < 0)
		return;
	/* Without anything to wait for, epoll would still tell of the end again and again. */
	if (!events)
		loop_unwatch(n->loop, n->fd);
	else if (!loop_watch(n->loop, n->fd, events, net_ready, n, &err))
		netdev_down(n);
}

void netdev_up(struct netdev *n, int fd)
{
	n->fd = fd;
	n->owed = 0;
	n->in_start = n->in_end = n->out_start = n->out_end = 0;
	n->held = n->wants_room = false;
	netdev_watch(n);
	if (n->peer && !n->cut)
		n->peer->link(n->peer_opaque, true);
}

/* The wire is cut: what was on it is lost. A server waits for the next one. */
void netdev_down(struct netdev *n)
{
	if (n->fd < 0)
		return;
	loop_unwatch(n->loop, n->fd);
	close(n->fd);
	n->fd = -1;
	n->in_start = n->in_end = n->out_start = n->out_end = 0;
	if (n->helper > 0) {
		kill(n->helper, SIGKILL);
		waitpid(n->helper, NULL, 0);
		n->helper = 0;
		if (n->peer)
			fprintf(stderr, "cxlvm: cxlvm-net has ended: the guest's network link is down from now on\n");
	}
	if (n->peer) {
		n->peer->link(n->peer_opaque, false);
		/* Frames go nowhere now, and need not wait for that. */
		if (n->wants_room)
			n->peer->writable(n->peer_opaque);
	}
	n->wants_room = false;
}

bool netdev_deliver(struct netdev *n, const u8 *frame, size_t size)
{
	if (!n->peer || n->cut)
		return true;
	n->held = !n->peer->receive(n->peer_opaque, frame, size);
	return !n->held;
}

struct netdev *netdev_open(struct opts *opts, struct loop *loop, struct error *err)
{
	const char *type = opts_get(opts, "type");
	struct netdev *n = calloc(1, sizeof(*n));

	assert(n);
	n->loop = loop;
	n->fd = n->listen_fd = -1;
	for (unsigned i = 0; type && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(type, kinds[i].name))
			n->kind = &kinds[i];
	signal(SIGPIPE, SIG_IGN);
	if (!type)
		fail(err, "what kind of network comes first, as in user,id=net0");
	else if (!n->kind)
		fail(err, "%s: no such kind of network; write user, socket, stream or tap", type);
	else if (!n->kind->open)
		fail(err, "%s: %s", type, n->kind->refusal);
	else if (n->kind->open(n, opts, err))
		return n;
	netdev_close(n);
	return NULL;
}

void netdev_close(struct netdev *n)
{
	if (!n)
		return;
	n->peer = NULL;
	netdev_down(n);
	if (n->listen_fd >= 0) {
		loop_unwatch(n->loop, n->listen_fd);
		close(n->listen_fd);
	}
	if (n->socket_path)
		unlink(n->socket_path);
	free(n->socket_path);
	free(n->in);
	free(n->out);
	free(n);
}

const char *netdev_kind(const struct netdev *n)
{
	return n->kind->name;
}

const char *netdev_description(const struct netdev *n)
{
	return n->description;
}

bool netdev_connect(struct netdev *n, const struct netdev_peer *peer, void *opaque)
{
	if (n->peer)
		return false;
	n->peer = peer;
	n->peer_opaque = opaque;
	netdev_watch(n);
	return true;
}

void netdev_disconnect(struct netdev *n)
{
	n->peer = NULL;
	n->wants_room = false;
	netdev_watch(n);
}

bool netdev_is_connected(const struct netdev *n)
{
	return n->peer != NULL;
}

bool netdev_is_up(const struct netdev *n)
{
	return n->fd >= 0 && !n->cut;
}

void netdev_set_link(struct netdev *n, bool up)
{
	bool before = netdev_is_up(n);

	n->cut = !up;
	if (n->peer && netdev_is_up(n) != before)
		n->peer->link(n->peer_opaque, !before);
}

u32 netdev_takes(const struct netdev *n)
{
	return n->takes;
}

u32 netdev_gives(const struct netdev *n)
{
	return n->gives;
}

void netdev_set_offloads(struct netdev *n, u32 offloads)
{
	if (n->fd >= 0 && n->kind->set_offloads)
		n->kind->set_offloads(n, offloads & n->gives);
}

bool netdev_has_room(const struct netdev *n)
{
	return n->fd < 0 || !n->kind->flush ||
	       n->out_end - n->out_start + MESSAGE_PREFIX + FRAME_MAX <= STREAM_OUT_BYTES / 2;
}

void netdev_send(struct netdev *n, u8 *frame, size_t size)
{
	if (netdev_is_up(n))
		n->kind->send(n, frame, size);
}

void netdev_flush(struct netdev *n)
{
	if (n->fd < 0 || !n->kind->flush)
		return;
	n->kind->flush(n);
	if (n->fd < 0 || n->out_start == n->out_end)
		return;
	/* Who was told once that there is none is told when there is, though it be there at the next look. */
	n->wants_room |= !netdev_has_room(n);
	netdev_watch(n);
}

void netdev_kick(struct netdev *n)
{
	if (!n->held || n->fd < 0)
		return;
	n->held = false;
	n->kind->readable(n);
	if (n->fd >= 0)
		netdev_watch(n);
}
