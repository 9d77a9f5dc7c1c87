/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: virtqueues through virtio-net, as a hostile guest and a hostile peer on the wire reach them. The input is a list of
 * operations: bytes into the descriptor tables, rings and buffers, notifications, registers of the transport, bytes from the wire. What
 * it finds is a crash, a sanitizer's report, or a run without an end. `make fuzz`.
 */
#define main net_test_main
#include "../tests/unit/virtio/net_test.c"
#undef main

#define OPERATIONS_MAX 128
#define RINGS_BYTES 0x4000

struct input {
	const u8 *bytes;
	size_t left;
};

static u64 take(struct input *in, unsigned size)
{
	u8 word[8] = {0};
	unsigned n = MIN(size, in->left);

	memcpy(word, in->bytes, n);
	in->bytes += n;
	in->left -= n;
	return load_le(word, 8);
}

static void poke(struct driver *d, u64 offset, struct input *in, u64 size)
{
	size = MIN(MIN(size, in->left), RAM_BYTES - offset);
	memcpy(d->ram + offset, in->bytes, size);
	in->bytes += size;
	in->left -= size;
}

static void operation(struct machine *m, struct driver *d, struct input *in)
{
	u8 what = (u8)take(in, 1), text[256];
	size_t size;

	switch (what % 8) {
	case 0: poke(d, 0x1000 + take(in, 2) % RINGS_BYTES, in, take(in, 1)); break;
	case 1: poke(d, 0x10000 + take(in, 2), in, take(in, 1)); break;
	case 2: notify(d, (u16)take(in, 1) % 12); break;
	case 3: common_wr(d, take(in, 1) % COMMON_BYTES, 1u << take(in, 1) % 4, take(in, 8)); break;
	case 4: { /* a whole descriptor, plausible */
		u16 flags = (u16)take(in, 1) % 8;

		desc_put(d, DESC_AT, take(in, 1) % Q_SIZE, DATA_AT + take(in, 2), (u32)take(in, 2), flags, (u16)take(in, 1) % (Q_SIZE + 1));
		break;
	}
	case 5: avail_put(d, (u16)take(in, 1) % (Q_SIZE + 1)); break;
	case 6:
		size = take(in, 1);
		size = MIN(size, in->left);
		memcpy(text, in->bytes, size);
		in->bytes += size;
		in->left -= size;
		if (send(m->end, text, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		turn(m);
		break;
	default: /* a frame, its length right */
		size = 14 + take(in, 1);
		memset(text, 0, sizeof(text));
		memcpy(text, in->bytes, MIN(size, MIN(in->left, sizeof(text))));
		{ u32 prefix = htonl((u32)MIN(size, sizeof(text)));

		if (send(m->end, &prefix, 4, MSG_DONTWAIT | MSG_NOSIGNAL) != 4 || send(m->end, text, MIN(size, sizeof(text)), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		}
		turn(m);
	}
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input in = {bytes, size};
	struct machine m = {0};
	u8 mode = (u8)take(&in, 1);
	struct driver d = start(&m, mode & 1 ? "addr=1,netdev=n0,mq=on" : "addr=1,netdev=n0", mode & 2 ? BIT(NET_F_MRG_RXBUF) : 0, mode / 4 % 9);
	u8 drain[4096];

	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++)
		operation(&m, &d, &in);
	while (recv(m.end, drain, sizeof(drain), MSG_DONTWAIT) > 0)
		;
	end(&m, &d);
	return 0;
}
