/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kinds of wires share: private to host/. */
#ifndef HOST_NET_PRIVATE_H
#define HOST_NET_PRIVATE_H

#include <sys/types.h>

#include "host/host.h"
#include "host/net_frame.h"
#include "obj/prop.h"

#define STREAM_IN_BYTES (512 * KiB)
#define STREAM_OUT_BYTES (1 * MiB)

struct netdev_kind {
	const char *name;
	bool (*open)(struct netdev *n, struct opts *opts, struct error *err); /* NULL: refused, with: */
	const char *refusal;
	void (*send)(struct netdev *n, u8 *frame, size_t size);
	void (*flush)(struct netdev *n);
	void (*readable)(struct netdev *n); /* reads and delivers until there is nothing more, or no room */
	void (*set_offloads)(struct netdev *n, u32 offloads); /* may be NULL */
};

struct netdev {
	const struct netdev_kind *kind;
	struct loop *loop;
	char description[256];
	int fd, listen_fd; /* -1: none */
	pid_t helper;      /* of kind user; 0: none */
	char *socket_path; /* ours to remove */
	bool cut;          /* by netdev_set_link */
	bool has_header;   /* the stream's frames carry the header */
	u32 takes, gives;  /* OFFLOAD_* */
	/* the peer */
	const struct netdev_peer *peer;
	void *peer_opaque;
	bool held;       /* the peer has no room: nothing more is read */
	bool wants_room; /* the peer waits for `writable` */
	/* buffers: messages as they travel (a stream), or the frame that waits for room (tap) */
	u8 *in, *out;
	size_t in_start, in_end, out_start, out_end;
	unsigned owed; /* answers that did not come in time */
};

/* net.c */
void netdev_watch(struct netdev *n); /* after held, the buffers or fd changed */
void netdev_up(struct netdev *n, int fd);
void netdev_down(struct netdev *n);
bool netdev_deliver(struct netdev *n, const u8 *frame, size_t size);
/* net_stream.c: messages with a length before them */
void stream_send(struct netdev *n, u8 *frame, size_t size);
void stream_flush(struct netdev *n);
void stream_readable(struct netdev *n);
/* A line of text, and the answer to it (malloc'd); line NULL: what is said at the start. NULL: none in time, and then
 * nobody waits again before that one has come. */
char *stream_ask(struct netdev *n, const char *line);
bool stream_tell(struct netdev *n, const char *line);
bool socket_open(struct netdev *n, struct opts *opts, struct error *err);
bool stream_open(struct netdev *n, struct opts *opts, struct error *err);
/* net_user.c, net_tap.c */
bool user_open(struct netdev *n, struct opts *opts, struct error *err);
void user_set_offloads(struct netdev *n, u32 offloads);
bool tap_open(struct netdev *n, struct opts *opts, struct error *err);
void tap_send(struct netdev *n, u8 *frame, size_t size);
void tap_readable(struct netdev *n);
void tap_set_offloads(struct netdev *n, u32 offloads);

#endif
