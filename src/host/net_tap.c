/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -netdev tap: a network interface of the host. The kernel takes and gives virtio-net's header, so offloads go through.
 * One frame for each call. Whoever made the interface (or root) may open it; we bring it up for nobody and run no
 * script.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/net_private.h"

#define READS_MAX 64 /* of a call */

bool tap_open(struct netdev *n, struct opts *opts, struct error *err)
{
	const char *name = opts_get(opts, "ifname");
	static const char *const scripts[] = {"script", "downscript"};
	const char *vhost = opts_get(opts, "vhost");
	bool in_kernel; /* a faster way for the same frames */
	int header = FRAME_HEADER, fd;
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	for (unsigned i = 0; i < ARRAY_SIZE(scripts); i++) {
		const char *script = opts_get(opts, scripts[i]);

		if (script && *script && strcmp(script, "no"))
			return fail(err, "%s=%s: no script is run; set the interface up beforehand and write %s=no",
				    scripts[i], script, scripts[i]);
	}
	if (vhost && !parse_bool("vhost", vhost, &in_kernel, err))
		return false;
	if (name && (!*name || strlen(name) >= IFNAMSIZ))
		return fail(err, "ifname=%s: an interface's name has 1 to %d characters", name, IFNAMSIZ - 1);
	if (!opts_all_used(opts, "-netdev", err))
		return false;
	if (name)
		memcpy(request.ifr_name, name, strlen(name));
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail(err, "tap: /dev/net/tun cannot be opened: %s; -netdev user needs no privilege",
			    strerror(errno));
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETVNETHDRSZ, &header)) {
		close(fd);
		return fail(
			err,
			"ifname=%s: the interface cannot be used: %s; make it before, with 'ip tuntap add mode tap user NAME'",
			name ? name : "", strerror(errno));
	}
	ioctl(fd, TUNSETOFFLOAD, 0ul);
	n->takes = n->gives = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_ECN;
	n->in = malloc(FRAME_MAX);
	assert(n->in);
	snprintf(n->description, sizeof(n->description), "ifname=%.*s", IFNAMSIZ, request.ifr_name);
	netdev_up(n, fd);
	return true;
}

/* A full queue of the kernel drops, as a wire does. */
void tap_send(struct netdev *n, u8 *frame, size_t size)
{
	store_le(frame + FRAME_NUM_BUFFERS, 2, 0);
	while (write(n->fd, frame, size) < 0 && errno == EINTR)
		;
}

void tap_readable(struct netdev *n)
{
	bool any = false;

	for (unsigned i = 0; i < READS_MAX && n->fd >= 0; i++) {
		if (!n->in_end) {
			ssize_t got = read(n->fd, n->in, FRAME_MAX);

			if (got < 0 && errno != EAGAIN && errno != EINTR)
				netdev_down(n); /* the interface was taken away */
			if (got < (ssize_t)(FRAME_HEADER + ETHERNET_HEADER))
				break;
			n->in_end = (size_t)got;
		}
		if (!netdev_deliver(n, n->in, n->in_end))
			break;
		n->in_end = 0;
		any = true;
	}
	if (any && n->peer)
		n->peer->received(n->peer_opaque);
}

void tap_set_offloads(struct netdev *n, u32 offloads)
{
	static const struct {
		u32 ours;
		unsigned tun;
	} pairs[] = {{OFFLOAD_CSUM, TUN_F_CSUM},
		     {OFFLOAD_TSO4, TUN_F_TSO4},
		     {OFFLOAD_TSO6, TUN_F_TSO6},
		     {OFFLOAD_ECN, TUN_F_TSO_ECN}};
	unsigned long set = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++)
		set |= offloads & pairs[i].ours ? pairs[i].tun : 0;
	ioctl(n->fd, TUNSETOFFLOAD, set);
}
