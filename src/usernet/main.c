/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cxlvm-net: user networking in a program of its own (design D13). It runs libslirp between the guest's frames, which
 * come and go on a stream to cxlvm (host/net_frame.h), and sockets of the host. Started by cxlvm alone
 * (host/net_user.c), which has checked what stands on the command line; it confines itself before the first frame, and
 * ends with its parent. One thread, no locks.
 *
 * What the guest does not take in time waits in `out`; when much waits, no more is read from sockets, so that the
 * senders wait.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "usernet/usernet.h"

#define IN_BYTES (1 * MiB)
#define OUT_BYTES (4 * MiB)
#define OUT_ENOUGH (1 * MiB) /* from here on, sockets wait */
/* An answer has room behind frames: somebody waits for it. */
#define OUT_FRAMES (OUT_BYTES - MESSAGE_PREFIX - MESSAGE_TEXT_MAX)
#define POLLS_MAX 4096
#define TIMERS_MAX 4
#define FORWARDS_MAX 64
#define SEARCHES_MAX 16

struct timer {
	SlirpTimerId id;
	void *opaque;
	int64_t due_ms; /* -1: not armed */
};

struct program {
	int fd;
	Slirp *slirp;
	u32 offloads; /* what the guest takes */
	u8 *in, *out;
	size_t in_used, out_start, out_used;
	struct merge merge;
	size_t merge_at; /* of its message in `out` */
	struct pollfd polls[POLLS_MAX];
	unsigned poll_count;
	struct timer timers[TIMERS_MAX];
	unsigned timer_count;
	bool ending;
};

static int64_t now_ns(void *opaque)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* --- The stream to cxlvm --- */

static void prefix_put(u8 *at, u32 length)
{
	length = htonl(length);
	memcpy(at, &length, MESSAGE_PREFIX);
}

static void merge_close(struct program *p)
{
	if (!p->merge.frame)
		return;
	prefix_put(p->out + p->merge_at, (u32)p->merge.size);
	merge_end(&p->merge);
}

/* Where the next message of at most `size` bytes can stand, with its prefix, in the first `limit` of `out`; NULL: too
 * much waits already. */
static u8 *out_room(struct program *p, size_t size, size_t limit)
{
	if (p->out_used + MESSAGE_PREFIX + size > limit && p->out_start) {
		merge_close(p);
		memmove(p->out, p->out + p->out_start, p->out_used - p->out_start);
		p->out_used -= p->out_start;
		p->out_start = 0;
	}
	return p->out_used + MESSAGE_PREFIX + size <= limit ? p->out + p->out_used : NULL;
}

static void out_flush(struct program *p)
{
	merge_close(p);
	while (p->out_start < p->out_used) {
		ssize_t done =
			send(p->fd, p->out + p->out_start, p->out_used - p->out_start, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			p->ending |= errno != EAGAIN;
			return;
		}
		p->out_start += (size_t)done;
	}
	p->out_start = p->out_used = 0;
}

static void text_send(struct program *p, const char *text)
{
	size_t size = MIN(strlen(text), (size_t)MESSAGE_TEXT_MAX);
	u8 *at;

	merge_close(p);
	at = out_room(p, size, OUT_BYTES);
	if (!at)
		return;
	prefix_put(at, MESSAGE_TEXT | (u32)size);
	memcpy(at + MESSAGE_PREFIX, text, size);
	p->out_used += MESSAGE_PREFIX + size;
}

/* A frame of libslirp for the guest. Dropped if too much waits: TCP sends it again. */
static ssize_t send_packet(const void *bytes, size_t size, void *opaque)
{
	struct program *p = opaque;
	u8 *at, *frame;

	if (size < ETHERNET_HEADER || size > ETHERNET_MAX)
		return (ssize_t)size;
	if (p->merge.frame && p->out_used + size <= OUT_FRAMES && merge_append(&p->merge, bytes, size)) {
		p->out_used = (size_t)(p->merge.frame - p->out) + p->merge.size;
		return (ssize_t)size;
	}
	merge_close(p);
	at = out_room(p, FRAME_HEADER + size, OUT_FRAMES);
	if (!at)
		return (ssize_t)size;
	frame = at + MESSAGE_PREFIX;
	memset(frame, 0, FRAME_HEADER);
	/* It comes from this host's memory: nothing was damaged on the way. */
	frame[FRAME_FLAGS] = p->offloads & OFFLOAD_CSUM ? FRAME_DATA_VALID : 0;
	memcpy(frame + FRAME_HEADER, bytes, size);
	prefix_put(at, (u32)(FRAME_HEADER + size));
	p->out_used += MESSAGE_PREFIX + FRAME_HEADER + size;
	if (p->offloads & (((const u8 *)bytes)[12] == 0x08 ? OFFLOAD_TSO4 : OFFLOAD_TSO6)) {
		p->merge_at = (size_t)(at - p->out);
		merge_begin(&p->merge, frame, FRAME_HEADER + size);
	}
	return (ssize_t)size;
}

static void give_to_slirp(void *opaque, const u8 *ethernet, size_t size)
{
	struct program *p = opaque;

	slirp_input(p->slirp, ethernet, (int)size);
}

/* --- Commands --- */

/* PROTOCOL:ADDRESS:PORT[-ADDRESS:PORT], complete, as cxlvm writes it. */
static bool forward_parse(const char *text, bool *udp, struct in_addr *host, int *host_port, struct in_addr *guest,
			  int *guest_port)
{
	char protocol[4], from[16], to[16] = "0.0.0.0";
	int fields = sscanf(text, "%3[a-z]:%15[0-9.]:%d-%15[0-9.]:%d", protocol, from, host_port, to, guest_port);

	*udp = !strcmp(protocol, "udp");
	return (fields == 3 || fields == 5) && inet_aton(from, host) && inet_aton(to, guest);
}

static bool forward_add(struct program *p, const char *text, char *why, size_t why_bytes)
{
	struct in_addr host, guest;
	int host_port, guest_port;
	bool udp;

	if (!forward_parse(text, &udp, &host, &host_port, &guest, &guest_port)) {
		snprintf(why, why_bytes, "%s is malformed", text);
	} else if (slirp_add_hostfwd(p->slirp, udp, host, host_port, guest, guest_port)) {
		snprintf(why, why_bytes, "port %d of %s cannot be listened on: %s", host_port, inet_ntoa(host),
			 strerror(errno));
	} else {
		return true;
	}
	return false;
}

static void command(struct program *p, char *line)
{
	char answer[512] = "ok", why[400];
	struct in_addr host, guest;
	int host_port, guest_port;
	bool udp;

	if (!strncmp(line, "offloads ", 9)) {
		p->offloads = (u32)strtoul(line + 9, NULL, 0);
		return; /* not answered */
	}
	if (!strncmp(line, "hostfwd_add ", 12)) {
		if (!forward_add(p, line + 12, why, sizeof(why)))
			snprintf(answer, sizeof(answer), "error %s", why);
	} else if (!strncmp(line, "hostfwd_remove ", 15)) {
		if (!forward_parse(line + 15, &udp, &host, &host_port, &guest, &guest_port) ||
		    slirp_remove_hostfwd(p->slirp, udp, host, host_port))
			snprintf(answer, sizeof(answer), "error there is no such forwarding");
	} else if (!strcmp(line, "info")) {
		char *text = slirp_connection_info(p->slirp);

		text_send(p, text);
		free(text); /* GLib's, whose allocator is malloc */
		return;
	} else {
		snprintf(answer, sizeof(answer), "error no such command");
	}
	text_send(p, answer);
}

static void message(struct program *p, u8 *bytes, u32 prefix)
{
	u32 size = prefix & ~MESSAGE_TEXT;
	char line[MESSAGE_TEXT_MAX + 1];

	if (!(prefix & MESSAGE_TEXT)) {
		offload_finish(bytes, size, give_to_slirp, p);
		return;
	}
	memcpy(line, bytes, size);
	line[size] = 0;
	command(p, line);
}

static void in_read(struct program *p)
{
	ssize_t got = recv(p->fd, p->in + p->in_used, IN_BYTES - p->in_used, MSG_DONTWAIT);
	size_t at = 0;

	if (got <= 0) {
		p->ending |= !got || (errno != EAGAIN && errno != EINTR);
		return;
	}
	p->in_used += (size_t)got;
	while (p->in_used - at >= MESSAGE_PREFIX) {
		u32 prefix, size;

		memcpy(&prefix, p->in + at, MESSAGE_PREFIX);
		prefix = ntohl(prefix);
		size = prefix & ~MESSAGE_TEXT;
		if (size > (prefix & MESSAGE_TEXT ? MESSAGE_TEXT_MAX : FRAME_MAX)) {
			p->ending = true;
			return;
		}
		if (p->in_used - at - MESSAGE_PREFIX < size)
			break;
		message(p, p->in + at + MESSAGE_PREFIX, prefix);
		at += MESSAGE_PREFIX + size;
	}
	memmove(p->in, p->in + at, p->in_used - at);
	p->in_used -= at;
}

/* --- libslirp's surroundings --- */

static void guest_error(const char *text, void *opaque)
{
}

static void *timer_new(SlirpTimerId id, void *opaque, void *program)
{
	struct program *p = program;

	if (p->timer_count == TIMERS_MAX)
		return NULL;
	p->timers[p->timer_count] = (struct timer){.id = id, .opaque = opaque, .due_ms = -1};
	return &p->timers[p->timer_count++];
}

static void timer_free(void *timer, void *opaque)
{
	if (timer)
		((struct timer *)timer)->due_ms = -1;
}

static void timer_mod(void *timer, int64_t due_ms, void *opaque)
{
	if (timer)
		((struct timer *)timer)->due_ms = due_ms;
}

static void nothing_fd(int fd, void *opaque)
{
}

static void nothing(void *opaque)
{
}

static int add_poll(int fd, int events, void *opaque)
{
	struct program *p = opaque;
	short wanted = 0;

	if (p->poll_count == POLLS_MAX)
		return -1;
	wanted |= events & SLIRP_POLL_IN ? POLLIN : 0;
	wanted |= events & SLIRP_POLL_OUT ? POLLOUT : 0;
	wanted |= events & SLIRP_POLL_PRI ? POLLPRI : 0;
	p->polls[p->poll_count] = (struct pollfd){.fd = fd, .events = wanted};
	return (int)p->poll_count++;
}

static int got_events(int index, void *opaque)
{
	struct program *p = opaque;
	short events;

	if (index < 0 || (unsigned)index >= p->poll_count)
		return 0;
	events = p->polls[index].revents;
	return (events & POLLIN ? SLIRP_POLL_IN : 0) | (events & POLLOUT ? SLIRP_POLL_OUT : 0) |
	       (events & POLLPRI ? SLIRP_POLL_PRI : 0) | (events & POLLERR ? SLIRP_POLL_ERR : 0) |
	       (events & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = now_ns,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = nothing_fd,
	.unregister_poll_fd = nothing_fd,
	.notify = nothing,
	.timer_new_opaque = timer_new,
};

static int wait_ms(struct program *p, u32 slirp_ms)
{
	int64_t left = slirp_ms, now = now_ns(NULL) / 1000000;

	for (unsigned i = 0; i < p->timer_count; i++)
		if (p->timers[i].due_ms >= 0)
			left = MIN(left, MAX(p->timers[i].due_ms - now, 0));
	return (int)MIN(left, 1000);
}

static void timers_run(struct program *p)
{
	int64_t now = now_ns(NULL) / 1000000;

	for (unsigned i = 0; i < p->timer_count; i++)
		if (p->timers[i].due_ms >= 0 && p->timers[i].due_ms <= now) {
			p->timers[i].due_ms = -1;
			slirp_handle_timer(p->slirp, p->timers[i].id, p->timers[i].opaque);
		}
}

static void run(struct program *p)
{
	while (!p->ending) {
		u32 timeout = 1000;
		bool sockets = p->out_used - p->out_start < OUT_ENOUGH;
		int ready;

		p->poll_count = 1;
		p->polls[0] =
			(struct pollfd){.fd = p->fd, .events = POLLIN | (p->out_start < p->out_used ? POLLOUT : 0)};
		if (sockets)
			slirp_pollfds_fill(p->slirp, &timeout, add_poll, p);
		ready = poll(p->polls, p->poll_count, wait_ms(p, timeout));
		if (ready < 0 && errno != EINTR)
			return;
		if (ready < 0)
			continue;
		if (sockets)
			slirp_pollfds_poll(p->slirp, 0, got_events, p);
		timers_run(p);
		if (p->polls[0].revents & (POLLIN | POLLHUP | POLLERR))
			in_read(p);
		out_flush(p);
	}
}

/* --- Start --- */

/* Each connection is a descriptor: as many as are looked at. */
static void descriptors_allow(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = MIN(files.rlim_max, POLLS_MAX);
	setrlimit(RLIMIT_NOFILE, &files);
}

struct arguments {
	SlirpConfig config;
	const char *forwards[FORWARDS_MAX], *searches[SEARCHES_MAX + 1];
	unsigned forward_count, search_count;
};

static bool take_argument(struct arguments *a, const char *text)
{
	const char *equals = strchr(text, '='), *value = equals ? equals + 1 : "";
	size_t length = equals ? (size_t)(equals - text) : strlen(text);
	SlirpConfig *c = &a->config;
#define IS(name) (length == sizeof(name) - 1 && !memcmp(text, name, length))

	if (IS("restrict"))
		c->restricted = 1;
	else if (IS("ipv4"))
		c->in_enabled = true;
	else if (IS("ipv6"))
		c->in6_enabled = true;
	else if (IS("net"))
		return inet_aton(value, &c->vnetwork);
	else if (IS("mask"))
		return inet_aton(value, &c->vnetmask);
	else if (IS("host"))
		return inet_aton(value, &c->vhost);
	else if (IS("dns"))
		return inet_aton(value, &c->vnameserver);
	else if (IS("dhcpstart"))
		return inet_aton(value, &c->vdhcp_start);
	else if (IS("ipv6-net"))
		return inet_pton(AF_INET6, value, &c->vprefix_addr6) == 1;
	else if (IS("ipv6-host"))
		return inet_pton(AF_INET6, value, &c->vhost6) == 1;
	else if (IS("ipv6-dns"))
		return inet_pton(AF_INET6, value, &c->vnameserver6) == 1;
	else if (IS("hostname"))
		c->vhostname = value;
	else if (IS("domainname"))
		c->vdomainname = value;
	else if (IS("dnssearch") && a->search_count < SEARCHES_MAX)
		a->searches[a->search_count++] = value;
	else if (IS("hostfwd") && a->forward_count < FORWARDS_MAX)
		a->forwards[a->forward_count++] = value;
	else
		return false;
	return true;
#undef IS
}

int main(int argc, char **argv)
{
	struct arguments a = {.config = {.version = 4, .vprefix_len = 64}};
	struct program *p = calloc(1, sizeof(*p));
	char why[400] = "", text[512];
	bool ok = p && argc > 1 && !prctl(PR_SET_PDEATHSIG, SIGKILL);

	if (argc < 2 || argv[1][0] < '0' || argv[1][0] > '9') {
		fprintf(stderr,
			"cxlvm-net: cxlvm starts this program for -netdev user; there is nothing to do by hand\n");
		return 1;
	}
	if (!ok)
		return 1;
	p->fd = atoi(argv[1]);
	p->in = malloc(IN_BYTES);
	p->out = malloc(OUT_BYTES);
	if (!p->in || !p->out)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* the terminal's: cxlvm decides when to end */
	signal(SIGHUP, SIG_IGN);
	for (int i = 2; ok && i < argc; i++) {
		ok = take_argument(&a, argv[i]);
		if (!ok)
			snprintf(why, sizeof(why), "argument %s", argv[i]);
	}
	if (a.search_count)
		a.config.vdnssearch = a.searches;
	resolver_remember();
	descriptors_allow();
	if (ok) {
		p->slirp = slirp_new(&a.config, &callbacks, p);
		ok = p->slirp || (snprintf(why, sizeof(why), "libslirp does not take these addresses") && false);
	}
	for (unsigned i = 0; ok && i < a.forward_count; i++)
		ok = forward_add(p, a.forwards[i], why, sizeof(why));
	ok = ok && confine(why, sizeof(why));
	snprintf(text, sizeof(text), ok ? "ok" : "error %s", why);
	text_send(p, text);
	out_flush(p);
	if (ok)
		run(p);
	return !ok;
}
