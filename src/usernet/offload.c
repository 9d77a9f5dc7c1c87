/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a network card does for its driver, done in one place, since libslirp does none of it: [VIRTIO1.2 5.1.6]
 *
 * From the guest: a partial checksum is completed. A TCP segment larger than a link's (TSO) stays one segment, since
 * libslirp takes any size and only the checksum is needed; a UDP datagram to be fragmented (UFO) likewise; one that
 * stands for several (USO) is split, because each is a message of its own.
 *
 * To the guest: libslirp cuts a stream into segments of the guest's MSS. Consecutive ones of a connection are joined
 * into one frame that says how it was cut, so that the guest's stack is gone through once for up to 64 KiB.
 *
 * Ethernet and IP fields are big-endian; the header's are little-endian.
 */
#include <string.h>

#include "base/bits.h"
#include "usernet/usernet.h"

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define UDP_BYTES 8
#define TCP_BYTES 20
#define PROTO_TCP 6
#define PROTO_UDP 17
#define TCP_FLAGS 13
#define TCP_ACK 0x10
#define TCP_PUSH 0x08
#define IP_BYTES_MAX 65535

static u32 load_be(const u8 *p, unsigned size)
{
	return size == 2 ? (u32)(p[0] << 8 | p[1]) : (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static void store_be(u8 *p, unsigned size, u32 v)
{
	while (size--) {
		p[size] = (u8)v;
		v >>= 8;
	}
}

/* Internet checksum, not complemented: of host-order words, so the sum has the byte order of memory. [RFC1071] */
static u64 sum_bytes(u64 sum, const u8 *p, size_t size)
{
	for (; size >= 4; p += 4, size -= 4)
		sum += load_le(p, 4);
	if (size >= 2) {
		sum += load_le(p, 2);
		p += 2;
		size -= 2;
	}
	return size ? sum + *p : sum;
}

static u16 sum_fold(u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

struct packet {
	bool v6;
	u8 proto;
	u8 *ip, *l4, *payload;
	size_t l4_bytes; /* header and payload */
	size_t payload_bytes;
};

/* TCP or UDP directly in IP, whole, and nothing else. The lengths of IP must fit the frame; the frame's padding is no
 * part. */
static bool packet_parse(u8 *ethernet, size_t size, struct packet *p)
{
	size_t ip_bytes, header, total;

	if (size < ETHERNET_HEADER + IPV4_BYTES)
		return false;
	p->ip = ethernet + ETHERNET_HEADER;
	ip_bytes = size - ETHERNET_HEADER;
	p->v6 = load_be(ethernet + 12, 2) == TYPE_IPV6;
	if (p->v6) {
		if (ip_bytes < IPV6_BYTES || p->ip[0] >> 4 != 6)
			return false;
		header = IPV6_BYTES;
		total = header + load_be(p->ip + 4, 2);
		p->proto = p->ip[6];
	} else {
		if (load_be(ethernet + 12, 2) != TYPE_IPV4 || p->ip[0] >> 4 != 4)
			return false;
		header = (p->ip[0] & 15) * 4u;
		total = load_be(p->ip + 2, 2);
		p->proto = p->ip[9];
		if (header < IPV4_BYTES || (load_be(p->ip + 6, 2) & 0x3fff)) /* fragments */
			return false;
	}
	if (total < header || total > ip_bytes)
		return false;
	p->l4 = p->ip + header;
	p->l4_bytes = total - header;
	if (p->proto == PROTO_UDP)
		header = UDP_BYTES;
	else if (p->proto == PROTO_TCP && p->l4_bytes >= TCP_BYTES)
		header = (p->l4[12] >> 4) * 4u;
	else
		return false;
	if (p->l4_bytes < header || (p->proto == PROTO_TCP && header < TCP_BYTES))
		return false;
	p->payload = p->l4 + header;
	p->payload_bytes = p->l4_bytes - header;
	return true;
}

static u64 pseudo_header(const struct packet *p, size_t l4_bytes)
{
	u8 tail[4] = {0, p->proto, (u8)(l4_bytes >> 8), (u8)l4_bytes};
	const u8 *addresses = p->v6 ? p->ip + 8 : p->ip + 12;

	return sum_bytes(sum_bytes(0, addresses, p->v6 ? 32 : 8), tail, 4);
}

static u8 *checksum_field(const struct packet *p)
{
	return p->l4 + (p->proto == PROTO_TCP ? 16 : 6);
}

/* IP's length and checksum for so many bytes behind its header. */
static void ip_finish(const struct packet *p, size_t l4_bytes)
{
	size_t header = (size_t)(p->l4 - p->ip);

	if (p->v6) {
		store_be(p->ip + 4, 2, (u32)l4_bytes);
		return;
	}
	store_be(p->ip + 2, 2, (u32)(header + l4_bytes));
	store_le(p->ip + 10, 2, 0);
	store_le(p->ip + 10, 2, (u16)~sum_fold(sum_bytes(0, p->ip, header)));
}

static void l4_finish(const struct packet *p, size_t l4_bytes)
{
	u16 sum;

	store_le(checksum_field(p), 2, 0);
	sum = (u16)~sum_fold(sum_bytes(pseudo_header(p, l4_bytes), p->l4, l4_bytes));
	store_le(checksum_field(p), 2, sum ? sum : 0xffff);
}

/* As the header asks: the field holds the pseudo header's sum already. */
static bool checksum_complete(const u8 *header, u8 *ethernet, size_t size)
{
	u64 start = load_le(header + FRAME_CSUM_START, 2), field = start + load_le(header + FRAME_CSUM_OFFSET, 2);
	u16 sum;

	if (start >= size || field + 2 > size)
		return false;
	sum = (u16)~sum_fold(sum_bytes(0, ethernet + start, size - start));
	store_le(ethernet + field, 2, sum ? sum : 0xffff);
	return true;
}

/* One datagram that stands for several: all but the last have gso_size bytes of payload. Each is made in place, its
 * headers moved up to just before its payload, from the last to the first; IPv4's identification counts up. */
static bool udp_split(const u8 *header, u8 *ethernet, struct packet *p,
		      void (*give)(void *opaque, const u8 *ethernet, size_t size), void *opaque)
{
	size_t part = load_le(header + FRAME_GSO_SIZE, 2), headers = (size_t)(p->payload - ethernet);
	u8 kept[ETHERNET_HEADER + 60 + UDP_BYTES], *payload = p->payload, *end = payload + p->payload_bytes;
	size_t ip_at = ETHERNET_HEADER, l4_at = (size_t)(p->l4 - ethernet);
	u16 id = (u16)load_be(p->ip + 4, 2);

	if (!part)
		return false;
	memcpy(kept, ethernet, headers);
	do {
		size_t bytes = MIN(part, (size_t)(end - payload));
		u8 *start = payload - headers; /* over what was sent, or where the headers were */
		struct packet one = *p;

		memcpy(start, kept, headers);
		one.ip = start + ip_at;
		one.l4 = start + l4_at;
		if (!p->v6)
			store_be(one.ip + 4, 2, id++);
		store_be(one.l4 + 4, 2, (u32)(UDP_BYTES + bytes));
		ip_finish(&one, UDP_BYTES + bytes);
		l4_finish(&one, UDP_BYTES + bytes);
		give(opaque, start, headers + bytes);
		payload += bytes;
	} while (payload < end);
	return true;
}

bool offload_finish(u8 *frame, size_t size, void (*give)(void *opaque, const u8 *ethernet, size_t size), void *opaque)
{
	u8 *ethernet = frame + FRAME_HEADER, kind;
	struct packet p;

	if (size < FRAME_HEADER + ETHERNET_HEADER || size > FRAME_MAX)
		return false;
	size -= FRAME_HEADER;
	kind = frame[FRAME_GSO_TYPE] & (u8)~GSO_ECN;
	if (kind == GSO_NONE) {
		if ((frame[FRAME_FLAGS] & FRAME_NEEDS_CSUM) && !checksum_complete(frame, ethernet, size))
			return false;
		give(opaque, ethernet, size);
		return true;
	}
	if (!(frame[FRAME_FLAGS] & FRAME_NEEDS_CSUM) || !packet_parse(ethernet, size, &p))
		return false;
	if (kind == GSO_UDP_L4 && p.proto == PROTO_UDP)
		return udp_split(frame, ethernet, &p, give, opaque);
	if (!(kind == (p.v6 ? GSO_TCPV6 : GSO_TCPV4) && p.proto == PROTO_TCP) &&
	    !(kind == GSO_UDP && p.proto == PROTO_UDP))
		return false;
	ip_finish(&p, p.l4_bytes);
	l4_finish(&p, p.l4_bytes);
	give(opaque, ethernet, size);
	return true;
}

/* --- To the guest --- */

/* A segment of data without anything that a joined one could not say. */
static bool is_data(const struct packet *p)
{
	return p->proto == PROTO_TCP && p->payload_bytes && (p->v6 || p->l4 - p->ip == IPV4_BYTES) &&
	       (p->l4[TCP_FLAGS] & ~TCP_PUSH) == TCP_ACK;
}

void merge_begin(struct merge *merge, u8 *frame, size_t size)
{
	struct packet p;

	*merge = (struct merge){.frame = NULL};
	if (!packet_parse(frame + FRAME_HEADER, size - FRAME_HEADER, &p) || !is_data(&p) ||
	    p.payload + p.payload_bytes != frame + size)
		return;
	*merge = (struct merge){.frame = frame,
				.size = size,
				.segment_bytes = (u16)p.payload_bytes,
				.segments = 1,
				.ended = p.l4[TCP_FLAGS] & TCP_PUSH};
}

bool merge_append(struct merge *merge, const u8 *ethernet, size_t size)
{
	struct packet a, b;
	size_t headers;

	if (!merge->frame || merge->ended || !packet_parse((u8 *)ethernet, size, &b) || !is_data(&b) ||
	    merge->size - FRAME_HEADER - ETHERNET_HEADER + b.payload_bytes > IP_BYTES_MAX ||
	    b.payload_bytes > merge->segment_bytes)
		return false;
	/* Its own length was right at the beginning; what was appended lies behind. */
	if (!packet_parse(merge->frame + FRAME_HEADER, merge->size - FRAME_HEADER, &a))
		return false;
	headers = (size_t)(a.payload - (merge->frame + FRAME_HEADER));
	if (a.v6 != b.v6 || headers != (size_t)(b.payload - ethernet) ||
	    memcmp(merge->frame + FRAME_HEADER, ethernet, ETHERNET_HEADER))
		return false;
	/* Version to TTL but for length, identification and checksum; addresses; ports; acknowledgement; all from
	 * offset 12 on but for push and checksum. */
	if (a.v6 ? memcmp(a.ip, b.ip, 4) || memcmp(a.ip + 6, b.ip + 6, 34) :
		   memcmp(a.ip, b.ip, 2) || memcmp(a.ip + 6, b.ip + 6, 4) || memcmp(a.ip + 12, b.ip + 12, 8))
		return false;
	if (memcmp(a.l4, b.l4, 4) || memcmp(a.l4 + 8, b.l4 + 8, 5) || memcmp(a.l4 + 14, b.l4 + 14, 2) ||
	    memcmp(a.l4 + 18, b.l4 + 18, (size_t)(a.payload - a.l4) - 18))
		return false;
	if (load_be(b.l4 + 4, 4) != load_be(a.l4 + 4, 4) + (u32)merge->segments * merge->segment_bytes)
		return false;
	memcpy(merge->frame + merge->size, b.payload, b.payload_bytes);
	merge->size += b.payload_bytes;
	merge->segments++;
	a.l4[TCP_FLAGS] |= b.l4[TCP_FLAGS];
	merge->ended = (b.l4[TCP_FLAGS] & TCP_PUSH) || b.payload_bytes < merge->segment_bytes;
	return true;
}

void merge_end(struct merge *merge)
{
	u8 *header = merge->frame;
	struct packet p;
	size_t l4_bytes;

	if (header && merge->segments > 1 && packet_parse(header + FRAME_HEADER, merge->size - FRAME_HEADER, &p)) {
		l4_bytes = (size_t)(header + merge->size - p.l4);
		ip_finish(&p, l4_bytes);
		/* What a driver would leave: the pseudo header's sum. */
		store_le(checksum_field(&p), 2, sum_fold(pseudo_header(&p, l4_bytes)));
		header[FRAME_FLAGS] = FRAME_NEEDS_CSUM;
		header[FRAME_GSO_TYPE] = p.v6 ? GSO_TCPV6 : GSO_TCPV4;
		store_le(header + FRAME_HDR_LEN, 2, (u64)(p.payload - (header + FRAME_HEADER)));
		store_le(header + FRAME_GSO_SIZE, 2, merge->segment_bytes);
		store_le(header + FRAME_CSUM_START, 2, (u64)(p.l4 - (header + FRAME_HEADER)));
		store_le(header + FRAME_CSUM_OFFSET, 2, 16);
	}
	merge->frame = NULL;
}
