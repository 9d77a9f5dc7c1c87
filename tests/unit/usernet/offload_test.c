/* SPDX-License-Identifier: BSD-2-Clause */
/* What cxlvm-net does for libslirp: checksums, UDP taken apart, TCP joined; and frames that lie. [VIRTIO1.2 5.1.6] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "usernet/usernet.h"

#include <cmocka.h>

#define GIVEN_MAX 64
#define TCP_AT 34
#define UDP_AT 34

static struct {
	u8 bytes[GIVEN_MAX][2048];
	size_t size[GIVEN_MAX];
	unsigned count;
} given;

static void give(void *opaque, const u8 *ethernet, size_t size)
{
	if (given.count < GIVEN_MAX) {
		memcpy(given.bytes[given.count], ethernet, MIN(size, sizeof(given.bytes[0])));
		given.size[given.count] = size;
	}
	given.count++;
}

static void be16(u8 *p, unsigned v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static unsigned get16(const u8 *p)
{
	return p[0] << 8 | p[1];
}

/* The textbook's way, byte pairs in network order: 0xffff for data with a right checksum in it. */
static u32 sum16(u32 sum, const u8 *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += i & 1 ? p[i] : p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static bool checksums_right(const u8 *ethernet)
{
	const u8 *ip = ethernet + 14;
	unsigned l4 = get16(ip + 2) - 20;
	u8 pseudo[4] = {0, ip[9], (u8)(l4 >> 8), (u8)l4};

	return sum16(0, ip, 20) == 0xffff && sum16(sum16(sum16(0, ip + 12, 8), pseudo, 4), ip + 20, l4) == 0xffff;
}

/* An IPv4 frame with so much payload, its TCP or UDP checksum the pseudo header's sum. Returns the size with the
 * header. */
static size_t make(u8 *frame, u8 proto, size_t payload, u32 sequence)
{
	size_t header = proto == 6 ? 20 : 8, l4 = header + payload;
	u8 *ip = frame + FRAME_HEADER + 14, *at = ip + 20, pseudo[4] = {0, proto, (u8)(l4 >> 8), (u8)l4};

	memset(frame, 0, FRAME_HEADER + 14 + 20 + header);
	be16(ip - 2, 0x0800);
	ip[0] = 0x45;
	be16(ip + 2, (unsigned)(20 + l4));
	be16(ip + 4, 77);
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, (u8[]){10, 0, 2, 15, 10, 0, 2, 2}, 8);
	be16(ip + 10, ~sum16(0, ip, 20) & 0xffff);
	be16(at, 1000);
	be16(at + 2, 80);
	if (proto == 6) {
		be16(at + 4, sequence >> 16);
		be16(at + 6, sequence & 0xffff);
		at[12] = 0x50;
		at[13] = 0x10;
		be16(at + 14, 5000);
	} else {
		be16(at + 4, (unsigned)l4);
	}
	for (size_t i = 0; i < payload; i++)
		at[header + i] = (u8)(sequence + i * 7);
	be16(at + (proto == 6 ? 16 : 6), sum16(sum16(0, ip + 12, 8), pseudo, 4));
	return FRAME_HEADER + 14 + 20 + l4;
}

static void wants(u8 *frame, u8 kind, u16 part, u8 proto)
{
	frame[FRAME_FLAGS] = FRAME_NEEDS_CSUM;
	frame[FRAME_GSO_TYPE] = kind;
	store_le(frame + FRAME_GSO_SIZE, 2, part);
	store_le(frame + FRAME_CSUM_START, 2, TCP_AT);
	store_le(frame + FRAME_CSUM_OFFSET, 2, proto == 6 ? 16 : 6);
}

static u8 frame[FRAME_MAX + 64];

static void partial_checksums_are_completed(void **state)
{
	for (size_t payload = 0; payload < 70; payload++)
		for (unsigned proto = 6; proto < 18; proto += 11) {
			size_t size = make(frame, (u8)proto, payload, 5);

			wants(frame, GSO_NONE, 0, (u8)proto);
			given.count = 0;
			assert_true(offload_finish(frame, size, give, NULL));
			assert_int_equal(given.count, 1);
			assert_true(checksums_right(given.bytes[0]));
		}
}

static void a_large_tcp_segment_stays_one(void **state)
{
	size_t size = make(frame, 6, 40000, 9);

	wants(frame, GSO_TCPV4, 1460, 6);
	store_le(frame + FRAME_HEADER + TCP_AT + 16, 2, 0x1234); /* what the driver left is not relied on */
	given.count = 0;
	assert_true(offload_finish(frame, size, give, NULL));
	assert_int_equal(given.count, 1);
	assert_int_equal(given.size[0], size - FRAME_HEADER);
	assert_true(checksums_right(frame + FRAME_HEADER));
}

static void a_udp_frame_of_several_is_taken_apart(void **state)
{
	size_t size = make(frame, 17, 3 * 500 + 123, 3), at = 0;

	wants(frame, GSO_UDP_L4, 500, 17);
	given.count = 0;
	assert_true(offload_finish(frame, size, give, NULL));
	assert_int_equal(given.count, 4);
	for (unsigned n = 0; n < 4; n++) {
		size_t payload = n < 3 ? 500 : 123;

		assert_int_equal(given.size[n], 14 + 20 + 8 + payload);
		assert_true(checksums_right(given.bytes[n]));
		assert_int_equal(get16(given.bytes[n] + 14 + 4), 77 + n);
		for (size_t i = 0; i < payload; i++, at++)
			assert_int_equal(given.bytes[n][42 + i], (u8)(3 + at * 7));
	}
	/* As many parts as there can be. */
	size = make(frame, 17, 60, 3);
	wants(frame, GSO_UDP_L4, 1, 17);
	given.count = 0;
	assert_true(offload_finish(frame, size, give, NULL));
	assert_int_equal(given.count, 60);
}

static void frames_that_lie_are_dropped(void **state)
{
	size_t size = make(frame, 6, 100, 1);

	given.count = 0;
	wants(frame, GSO_NONE, 0, 6);
	store_le(frame + FRAME_CSUM_START, 2, 0xffff);
	assert_false(offload_finish(frame, size, give, NULL));
	store_le(frame + FRAME_CSUM_START, 2, size - FRAME_HEADER - 1);
	assert_false(offload_finish(frame, size, give, NULL));
	wants(frame, GSO_UDP_L4, 10, 6); /* of TCP */
	assert_false(offload_finish(frame, size, give, NULL));
	wants(frame, GSO_TCPV6, 10, 6);
	assert_false(offload_finish(frame, size, give, NULL));
	wants(frame, 9, 10, 6);
	assert_false(offload_finish(frame, size, give, NULL));
	wants(frame, GSO_TCPV4, 10, 6);
	frame[FRAME_FLAGS] = 0;
	assert_false(offload_finish(frame, size, give, NULL));
	wants(frame, GSO_TCPV4, 10, 6);
	frame[FRAME_HEADER + TCP_AT + 12] = 0xf0; /* a header that passes its end */
	assert_false(offload_finish(frame, TCP_AT + FRAME_HEADER + 20, give, NULL));
	size = make(frame, 17, 100, 1);
	wants(frame, GSO_UDP_L4, 0, 17); /* parts of nothing */
	assert_false(offload_finish(frame, size, give, NULL));
	be16(frame + FRAME_HEADER + 16, 0xffff); /* IP's length passes the frame's */
	wants(frame, GSO_UDP, 10, 17);
	assert_false(offload_finish(frame, size, give, NULL));
	for (size_t cut = 0; cut < FRAME_HEADER + 14; cut++)
		assert_false(offload_finish(frame, cut, give, NULL));
	assert_int_equal(given.count, 0);
}

static void segments_that_follow_are_joined(void **state)
{
	u8 next[FRAME_HEADER + 2048];
	struct merge merge;
	size_t size = make(frame, 6, 1460, 1000), one;

	merge_begin(&merge, frame, size);
	assert_non_null(merge.frame);
	for (unsigned n = 1; n < 10; n++) {
		one = make(next, 6, n < 9 ? 1460 : 200, 1000 + 1460 * n);
		assert_true(merge_append(&merge, next + FRAME_HEADER, one - FRAME_HEADER));
	}
	/* After a short one nothing follows. */
	one = make(next, 6, 200, 1000 + 1460 * 9 + 200);
	assert_false(merge_append(&merge, next + FRAME_HEADER, one - FRAME_HEADER));
	assert_int_equal(merge.size, size + 8 * 1460 + 200);
	size = merge.size;
	merge_end(&merge);
	assert_int_equal(frame[FRAME_GSO_TYPE], GSO_TCPV4);
	assert_int_equal(load_le(frame + FRAME_GSO_SIZE, 2), 1460);
	assert_int_equal(load_le(frame + FRAME_CSUM_START, 2), TCP_AT);
	/* What a card would do with it is right. */
	frame[FRAME_GSO_TYPE] = GSO_NONE;
	assert_true(offload_finish(frame, size, give, NULL));
	assert_true(checksums_right(frame + FRAME_HEADER));
	for (size_t i = 0; i < size - FRAME_HEADER - 54; i++)
		assert_int_equal(frame[FRAME_HEADER + 54 + i], (u8)(1000 + 1460 * (i / 1460) + i % 1460 * 7));
}

static void other_segments_are_not_joined(void **state)
{
	u8 next[FRAME_HEADER + 2048], *ip = next + FRAME_HEADER + 14;
	struct merge merge;
	size_t size, one;
	static const struct {
		u16 at;
		u8 value;
	} changes[] = {{0, 1},
		       {12, 9},
		       {TCP_AT + 1, 9},
		       {TCP_AT + 7, 9},
		       {TCP_AT + 11, 9},
		       {TCP_AT + 13, 0x11},
		       {TCP_AT + 13, 0x14},
		       {TCP_AT + 15, 9},
		       {20, 0x20},
		       {22, 9},
		       {30, 9}};

	for (unsigned n = 0; n < ARRAY_SIZE(changes); n++) {
		size = make(frame, 6, 500, 1000);
		merge_begin(&merge, frame, size);
		one = make(next, 6, 500, 1500);
		ip[changes[n].at - 14] = changes[n].value;
		assert_false(merge_append(&merge, next + FRAME_HEADER, one - FRAME_HEADER));
	}
	/* Larger than the first; not data; too much in all. */
	one = make(next, 6, 501, 1500);
	assert_false(merge_append(&merge, next + FRAME_HEADER, one - FRAME_HEADER));
	size = make(frame, 6, 0, 1000);
	merge_begin(&merge, frame, size);
	assert_null(merge.frame);
	size = make(frame, 17, 100, 1000);
	merge_begin(&merge, frame, size);
	assert_null(merge.frame);
	size = make(frame, 6, 1000, 0);
	merge_begin(&merge, frame, size);
	for (unsigned n = 1; n < 66; n++) {
		one = make(next, 6, 1000, 1000 * n);
		assert_int_equal(merge_append(&merge, next + FRAME_HEADER, one - FRAME_HEADER), n < 65);
	}
	assert_true(merge.size <= FRAME_MAX);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(partial_checksums_are_completed),
		cmocka_unit_test(a_large_tcp_segment_stays_one),
		cmocka_unit_test(a_udp_frame_of_several_is_taken_apart),
		cmocka_unit_test(frames_that_lie_are_dropped),
		cmocka_unit_test(segments_that_follow_are_joined),
		cmocka_unit_test(other_segments_are_not_joined),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
