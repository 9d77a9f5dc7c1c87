/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: frames of the guest that say what is left to do to them, and of a peer that are joined. Each in a buffer
 * of its own size. */
#include <stdlib.h>

#include "fuzz.h"
#include "usernet/usernet.h"

#define JOINED_MAX 4

static void give(void *opaque, const u8 *ethernet, size_t size)
{
	volatile u8 sum = 0;

	for (size_t n = 0; n < size; n++)
		sum ^= ethernet[n];
}

/* Ethernet, IP and the transport's header, right but for what the input turns over. */
static size_t frame_make(struct input *in, u8 *e)
{
	u8 what = (u8)draw(in, 1);
	bool v6 = what & 1, udp = what & 2;
	size_t payload = draw(in, 1), ip = v6 ? 40 : 20, l4 = udp ? 8 : 20, size = 14 + ip + l4 + payload;

	memset(e, 0, size);
	put_be(e + 12, 2, v6 ? 0x86dd : 0x0800);
	e[14] = v6 ? 0x60 : 0x45;
	put_be(e + (v6 ? 18 : 16), 2, v6 ? l4 + payload : ip + l4 + payload);
	e[v6 ? 20 : 23] = udp ? 17 : 6;
	if (!udp) {
		put_be(e + 14 + ip + 4, 4, draw(in, 1));
		e[14 + ip + 12] = 0x50;
		e[14 + ip + 13] = 0x10 | (what & 8);
	}
	for (unsigned n = what >> 4 & 3; n; n--) {
		unsigned at = (unsigned)draw(in, 1);

		e[at % size] = (u8)draw(in, 1);
	}
	return what & 128 ? size - draw(in, 1) % size : size;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};
	u8 ethernet[512], *frame, *joined = malloc(FRAME_MAX);
	struct merge merge;
	size_t bytes = frame_make(&in, ethernet);

	frame = malloc(FRAME_HEADER + bytes);
	draw_bytes(&in, frame, FRAME_NUM_BUFFERS);
	memcpy(frame + FRAME_HEADER, ethernet, bytes);
	offload_finish(frame, FRAME_HEADER + bytes, give, NULL);
	free(frame);

	bytes = frame_make(&in, ethernet);
	memset(joined, 0, FRAME_HEADER);
	memcpy(joined + FRAME_HEADER, ethernet, bytes);
	merge_begin(&merge, joined, FRAME_HEADER + bytes);
	for (unsigned n = 0; n < JOINED_MAX && in.left; n++) {
		u8 *next;

		bytes = frame_make(&in, ethernet);
		next = malloc(bytes);
		memcpy(next, ethernet, bytes);
		merge_append(&merge, next, bytes);
		free(next);
	}
	merge_end(&merge);
	free(joined);
	return 0;
}
