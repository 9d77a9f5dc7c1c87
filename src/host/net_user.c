/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -netdev user: what the user asks for is checked here, and carried out by cxlvm-net (src/usernet), a program that is
 * found beside this one and started before guest memory exists. It shares nothing with us but a stream. If it ends, the
 * wire is cut.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/net_private.h"

#define ARGUMENTS_MAX 96
#define ARGUMENT_BYTES 320
#define LINK_FD 3

struct user_options {
	char text[ARGUMENTS_MAX][ARGUMENT_BYTES];
	unsigned count;
};

static bool argument(struct user_options *o, struct error *err, const char *format, ...) printf_like(3, 4);
static bool argument(struct user_options *o, struct error *err, const char *format, ...)
{
	va_list values;
	int size;

	if (o->count == ARGUMENTS_MAX)
		return fail(err, "user: more than %d options; leave some out", ARGUMENTS_MAX);
	va_start(values, format);
	size = vsnprintf(o->text[o->count], ARGUMENT_BYTES, format, values);
	va_end(values);
	if (size >= ARGUMENT_BYTES)
		return fail(err, "user: %.60s...: longer than %d characters", o->text[o->count], ARGUMENT_BYTES - 1);
	o->count++;
	return true;
}

static bool ipv4(const char *key, const char *text, u32 *address, struct error *err)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return fail(err, "%s=%s: not an IPv4 address; write one like 10.0.2.15", key, text);
	*address = ntohl(in.s_addr);
	return true;
}

/* --- Forwarding --- */

/* Up to `end`: its length, and *text moves behind it; false if there is none. */
static bool field(const char **text, char end, char *to, size_t room)
{
	const char *stop = strchr(*text, end);
	size_t length = stop ? (size_t)(stop - *text) : 0;

	if (!stop || length >= room)
		return false;
	memcpy(to, *text, length);
	to[length] = 0;
	*text = stop + 1;
	return true;
}

/* QEMU's [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport, made complete; without the second half, for a removal. */
static bool forward_complete(const char *key, const char *text, bool whole, char to[ARGUMENT_BYTES], struct error *err)
{
	char protocol[8] = "tcp", host[32], port[16], guest[32] = "";
	const char *at = text;
	u64 host_port, guest_port;
	u32 address;

	if (!field(&at, ':', protocol, sizeof(protocol)) || !field(&at, ':', host, sizeof(host)) ||
	    (whole && (!field(&at, '-', port, sizeof(port)) || !field(&at, ':', guest, sizeof(guest)))) ||
	    (!whole && (strlen(at) >= sizeof(port) || !strcpy(port, at))))
		return fail(err, "%s=%s: write %s=tcp:[ADDRESS]:PORT%s", key, text, key,
			    whole ? "-[GUEST-ADDRESS]:GUEST-PORT" : "");
	if (!*protocol)
		strcpy(protocol, "tcp");
	if (strcmp(protocol, "tcp") && strcmp(protocol, "udp"))
		return fail(err, "%s=%s: protocol '%s'; tcp and udp are forwarded", key, text, protocol);
	if ((*host && !ipv4(key, host, &address, err)) || (*guest && !ipv4(key, guest, &address, err)) ||
	    !parse_u64(key, port, whole ? 0 : 1, 65535, &host_port, err) || /* 0: any that is free; the monitor tells */
	    (whole && !parse_u64(key, at, 1, 65535, &guest_port, err)))
		return false;
	if (whole)
		snprintf(to, ARGUMENT_BYTES, "%s:%s:%u-%s:%u", protocol, *host ? host : "0.0.0.0", (unsigned)host_port,
			 *guest ? guest : "0.0.0.0", (unsigned)guest_port);
	else
		snprintf(to, ARGUMENT_BYTES, "%s:%s:%u", protocol, *host ? host : "0.0.0.0", (unsigned)host_port);
	return true;
}

static bool answer_ok(char *answer, const char *what, struct error *err)
{
	bool ok = answer && !strncmp(answer, "ok", 2);

	if (!ok && answer && !strncmp(answer, "error ", 6))
		fail(err, "%s: %s", what, answer + 6);
	else if (!ok)
		fail(err, "%s: cxlvm-net does not answer", what);
	free(answer);
	return ok;
}

bool netdev_forward(struct netdev *n, bool add, const char *text, struct error *err)
{
	const char *command = add ? "hostfwd_add" : "hostfwd_remove";
	char complete[ARGUMENT_BYTES], line[ARGUMENT_BYTES + 32];

	if (n->kind->open != user_open)
		return fail(err, "ports are forwarded by networks of kind 'user'; this one is '%s'", n->kind->name);
	if (!forward_complete(command, text, add, complete, err))
		return false;
	snprintf(line, sizeof(line), "%s %s", command, complete);
	return answer_ok(n->fd >= 0 ? stream_ask(n, line) : NULL, complete, err);
}

char *netdev_connections(struct netdev *n)
{
	return n->kind->open == user_open && n->fd >= 0 ? stream_ask(n, "info") : NULL;
}

void user_set_offloads(struct netdev *n, u32 offloads)
{
	char line[32];

	snprintf(line, sizeof(line), "offloads %u", offloads);
	stream_tell(n, line);
}

/* --- Options --- */

static bool word(struct user_options *o, struct opts *opts, const char *key, struct error *err)
{
	const char *text = opts_get(opts, key);

	if (!text)
		return true;
	if (!*text || strlen(text) > 255)
		return fail(err, "%s=%s: a name has 1 to 255 characters", key, text);
	return argument(o, err, "%s=%s", key, text);
}

/* Every occurrence of a key. */
static bool all_of(struct user_options *o, struct opts *opts, const char *key, struct error *err)
{
	char complete[ARGUMENT_BYTES];

	for (unsigned i = 0; i < opts->count; i++) {
		const char *value = opts->list[i].value;

		if (strcmp(opts->list[i].key, key))
			continue;
		opts->list[i].used = true;
		if (!strcmp(key, "hostfwd")) {
			if (!forward_complete(key, value, true, complete, err))
				return false;
			value = complete;
		} else if (!*value || strlen(value) > 255) {
			return fail(err, "%s=%s: a domain has 1 to 255 characters", key, value);
		}
		if (!argument(o, err, "%s=%s", key, value))
			return false;
	}
	return true;
}

/* ADDRESS[/BITS] or ADDRESS/MASK. */
static bool network(const char *text, u32 *net, u32 *mask, struct error *err)
{
	const char *slash = strchr(text, '/');
	char address[32];
	u64 width;

	snprintf(address, sizeof(address), "%.*s", slash ? (int)MIN(slash - text, 31) : 31, text);
	if (!ipv4("net", address, net, err))
		return false;
	*mask = *net < 0x80000000 ? 0xff000000 : *net < 0xc0000000 ? 0xffff0000 : 0xffffff00;
	if (slash && strchr(slash, '.')) {
		if (!ipv4("net", slash + 1, mask, err))
			return false;
	} else if (slash) {
		if (!parse_u64("net", slash + 1, 8, 30, &width, err))
			return false;
		*mask = ~0u << (32 - width);
	}
	if ((~*mask & (~*mask + 1)) || ~*mask < 3)
		return fail(err, "net=%s: the mask must be 8 to 30 ones and then zeros", text);
	*net &= *mask;
	return true;
}

static bool ipv4_options(struct user_options *o, struct opts *opts, struct error *err)
{
	static const char *const keys[] = {"host", "dns", "dhcpstart"};
	static const u32 initial[] = {2, 3, 15};
	u32 net = 0x0a000200, mask = 0xffffff00, address[3];
	const char *text = opts_get(opts, "net");

	if (text && !network(text, &net, &mask, err))
		return false;
	for (unsigned i = 0; i < 3; i++) {
		const char *value = opts_get(opts, keys[i]);

		address[i] = net | (initial[i] & ~mask);
		if (value && !ipv4(keys[i], value, &address[i], err))
			return false;
		if ((address[i] & mask) != net || address[i] == net || address[i] == (net | ~mask))
			return fail(
				err,
				"%s=%u.%u.%u.%u: not an address of the network %u.%u.%u.%u; choose another one or net=",
				keys[i], address[i] >> 24, address[i] >> 16 & 255, address[i] >> 8 & 255,
				address[i] & 255, net >> 24, net >> 16 & 255, net >> 8 & 255, net & 255);
		for (unsigned k = 0; k < i; k++)
			if (address[k] == address[i])
				return fail(err, "%s= is the address of %s=; choose another one", keys[i], keys[k]);
	}
	for (unsigned i = 0; i < 5; i++) {
		const u32 value = i == 0 ? net : i == 1 ? mask : address[i - 2];
		struct in_addr in = {htonl(value)};

		if (!argument(o, err, "%s=%s", i == 0 ? "net" : i == 1 ? "mask" : keys[i - 2], inet_ntoa(in)))
			return false;
	}
	return argument(o, err, "ipv4");
}

static bool ipv6_options(struct user_options *o, struct opts *opts, struct error *err)
{
	static const struct {
		const char *key, *initial;
	} keys[] = {{"ipv6-net", "fec0::"}, {"ipv6-host", "fec0::2"}, {"ipv6-dns", "fec0::3"}};
	u8 address[3][16];

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = opts_get(opts, keys[i].key);
		char text[INET6_ADDRSTRLEN + 4];
		char *slash;

		snprintf(text, sizeof(text), "%s", value ? value : keys[i].initial);
		slash = i ? NULL : strchr(text, '/');
		if (slash && strcmp(slash, "/64"))
			return fail(err, "ipv6-net=%s: the prefix has 64 bits; write /64", value);
		if (slash)
			*slash = 0;
		if (inet_pton(AF_INET6, text, address[i]) != 1)
			return fail(err, "%s=%s: not an IPv6 address; write one like %s", keys[i].key, value,
				    keys[i].initial);
		if (i && !value) /* the same place in another network */
			memcpy(address[i], address[0], 8);
		if (memcmp(address[i], address[0], 8))
			return fail(err, "%s=%s: not an address of ipv6-net=", keys[i].key, value);
		inet_ntop(AF_INET6, address[i], text, sizeof(text));
		if (!argument(o, err, "%s=%s", keys[i].key, text))
			return false;
	}
	return argument(o, err, "ipv6");
}

static bool options_read(struct user_options *o, struct opts *opts, struct error *err)
{
	static const struct {
		const char *key, *why;
	} refused[] = {{"guestfwd", "is not built: let the guest connect to the host's address and port"},
		       {"tftp", "is not built: there is no network boot"},
		       {"bootfile", "is not built: there is no network boot"},
		       {"tftp-server-name", "is not built: there is no network boot"},
		       {"smb", "is not built: share a folder with -virtfs"},
		       {"smbserver", "is not built: share a folder with -virtfs"}};
	const char *text;
	bool restricted = false, v4 = true, v6 = true;

	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
		if ((text = opts_get(opts, refused[i].key)))
			return fail(err, "user: %s=%s: %s", refused[i].key, text, refused[i].why);
	text = opts_get(opts, "restrict");
	if (text && (!strcmp(text, "y") || !strcmp(text, "n")))
		restricted = *text == 'y';
	else if (text && !parse_bool("restrict", text, &restricted, err))
		return false;
	if (((text = opts_get(opts, "ipv4")) && !parse_bool("ipv4", text, &v4, err)) ||
	    ((text = opts_get(opts, "ipv6")) && !parse_bool("ipv6", text, &v6, err)))
		return false;
	if (!v4 && !v6)
		return fail(err, "user: ipv4=off,ipv6=off leaves nothing; write -nic none for no network");
	return (!restricted || argument(o, err, "restrict")) && (!v4 || ipv4_options(o, opts, err)) &&
	       (!v6 || ipv6_options(o, opts, err)) && word(o, opts, "hostname", err) &&
	       word(o, opts, "domainname", err) && all_of(o, opts, "dnssearch", err) &&
	       all_of(o, opts, "hostfwd", err) && opts_all_used(opts, "-netdev", err);
}

/* --- The program --- */

static bool helper_path(char *path, size_t room, struct error *err)
{
	ssize_t length = readlink("/proc/self/exe", path, room);
	char *slash;

	if (length > 0 && (size_t)length < room) {
		path[length] = 0;
		slash = strrchr(path, '/');
		if (slash && (size_t)(slash - path) + sizeof("/cxlvm-net") <= room) {
			strcpy(slash, "/cxlvm-net");
			if (!access(path, X_OK))
				return true;
		}
	}
	return fail(
		err,
		"user: the program cxlvm-net is not beside cxlvm (%s); build it with 'make', or use another -netdev",
		path);
}

/* In the child, between fork and exec: system calls only. */
static _Noreturn void helper_exec(const char *path, char **argv, int fd)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd == LINK_FD)
		fcntl(fd, F_SETFD, 0);
	else
		dup2(fd, LINK_FD);
	close_range(LINK_FD + 1, ~0u, 0);
	execv(path, argv);
	_exit(127);
}

bool user_open(struct netdev *n, struct opts *opts, struct error *err)
{
	struct user_options *o = calloc(1, sizeof(*o));
	char path[1024] = "", *argv[ARGUMENTS_MAX + 3] = {path, "3"};
	int pair[2] = {-1, -1}, room = 1 << 20;
	bool ok;

	assert(o);
	ok = options_read(o, opts, err) && helper_path(path, sizeof(path), err);
	for (unsigned i = 0; i < o->count; i++)
		argv[2 + i] = o->text[i];
	if (ok && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		ok = fail(err, "user: the host gives no socket: %s", strerror(errno));
	for (unsigned i = 0; ok && i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (ok && (n->helper = fork()) < 0)
		ok = fail(err, "user: cxlvm-net cannot be started: %s", strerror(errno));
	if (ok && !n->helper)
		helper_exec(path, argv, pair[1]);
	free(o);
	if (pair[1] >= 0)
		close(pair[1]);
	if (!ok) {
		if (pair[0] >= 0)
			close(pair[0]);
		return false;
	}
	n->has_header = true;
	n->gives = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6;
	n->takes = n->gives | OFFLOAD_ECN | OFFLOAD_UFO | OFFLOAD_USO4 | OFFLOAD_USO6;
	snprintf(n->description, sizeof(n->description), "by cxlvm-net, process %d", (int)n->helper);
	netdev_up(n, pair[0]);
	return answer_ok(stream_ask(n, NULL), "user", err);
}
