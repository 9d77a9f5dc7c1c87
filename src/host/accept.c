/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections to listening sockets, with descriptors running out: one that cannot be taken would keep its socket ready,
 * and the event loop turning. A descriptor in reserve takes it and drops it, so that the client sees an end, not
 * silence. Machine lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/host.h"

#define REST_US 10000 /* where even that fails: a turn of the loop takes so long */

static int reserve = -1;

static void reserve_open(void)
{
	if (reserve < 0)
		reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool host_listen(int fd)
{
	reserve_open();
	return !listen(fd, 1);
}

int host_accept(int listen_fd, int flags)
{
	static bool is_told;
	struct pollfd waiting = {.fd = listen_fd, .events = POLLIN};
	int fd = accept4(listen_fd, NULL, NULL, flags | SOCK_CLOEXEC);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM))
		return fd;
	if (!is_told)
		fprintf(stderr, "cxlvm: a connection is dropped: %s; ulimit -n says how many there may be\n",
			strerror(errno));
	is_told = true;
	if (reserve >= 0)
		close(reserve);
	reserve = -1;
	if (poll(&waiting, 1, 0) == 1)
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else
		usleep(REST_US);
	reserve_open();
	return -1;
}
