/* SPDX-License-Identifier: BSD-2-Clause */
/* Network rows: a server of bench/run on the host's loopback, NET_PORT, that is 10.0.2.2 in the guest. A connection
 * begins with one letter: s, the guest sends; r, it receives; p, bytes go to and fro. What came is added up. Without
 * NET_PORT there are no rows. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rows.h"

#define STREAM_BYTES (32u << 20)
#define ROUND_TRIPS 3000
#define CONNECTIONS 300

static unsigned char buffer[256 << 10];

static int connected(char letter)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(getenv("NET_PORT"))),
				 .sin_addr = {htonl(0x0a000202)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || write(fd, &letter, 1) != 1) {
		perror("BENCH-FAILED network");
		exit(1);
	}
	return fd;
}

static uint64_t row_send(void)
{
	int fd = connected('s');
	uint64_t sum = 0;

	for (uint32_t done = 0; done < STREAM_BYTES;) {
		ssize_t part = write(fd, buffer, sizeof(buffer));

		if (part <= 0)
			break;
		done += (uint32_t)part;
	}
	shutdown(fd, SHUT_WR);
	if (read(fd, &sum, sizeof(sum)) != sizeof(sum)) /* how many bytes came */
		sum = 0;
	close(fd);
	return sum;
}

static uint64_t row_receive(void)
{
	int fd = connected('r');
	uint64_t sum = 0;
	ssize_t part;

	while ((part = read(fd, buffer, sizeof(buffer))) > 0)
		sum += (uint64_t)part;
	close(fd);
	return sum;
}

static uint64_t row_round_trip(void)
{
	int fd = connected('p');
	uint64_t sum = 0;
	unsigned char byte = 1;

	for (int n = 0; n < ROUND_TRIPS && write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1; n++)
		sum += byte++;
	close(fd);
	return sum;
}

static uint64_t row_connect(void)
{
	uint64_t sum = 0;
	unsigned char byte = 7;

	for (int n = 0; n < CONNECTIONS; n++) {
		int fd = connected('p');

		if (write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1)
			sum += byte;
		close(fd);
	}
	return sum;
}

const struct row net_rows[] = {
	{"net-send", row_send, 0},
	{"net-receive", row_receive, 0},
	{"net-round-trip", row_round_trip, 0},
	{"net-connect", row_connect, 0},
	{0},
};
