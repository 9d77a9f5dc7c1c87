/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: fw_cfg by its registers and by DMA requests, with items that are empty, large, and that change when they
 * are selected. */
#include "../tests/unit/dev/bench.h"
#include "fuzz.h"

#define REQUESTS 0x1000

static struct fw_cfg *fw;

/* As the machine does with the ACPI tables: a new file of another size. */
static void changes(void *opaque)
{
	static const u8 bytes[9000] = {1, 2, 3};
	static u32 times;

	assert(fw_cfg_replace_file(fw, "etc/changes", bytes, times++ * 1031 % sizeof(bytes)));
}

static void open_board(struct bench *b)
{
	static const u8 bytes[70000] = {5, 6, 7};
	struct error err;

	bench_open(b);
	fw = fw_cfg_create(b->loop, b->space, BASE, 4);
	assert(fw_cfg_add_file(fw, "etc/small", bytes, 100, &err) && fw_cfg_add_file(fw, "etc/empty", bytes, 0, &err) &&
	       fw_cfg_add_file(fw, "etc/large", bytes, sizeof(bytes), &err) &&
	       fw_cfg_add_file(fw, "etc/changes", bytes, 9, &err) &&
	       fw_cfg_on_select(fw, "etc/changes", changes, NULL));
}

/* Big-endian control, length and address; mostly keys that are there and lengths that are plausible. */
static void request(struct bench *b, struct input *in)
{
	static const u16 keys[] = {0, 1, 5, 0x19, 0x20, 0x21, 0x22, 0x23};
	u8 what = (u8)draw(in, 1), at = (u8)draw(in, 1);
	u32 key = what & 7 ? keys[what >> 5] : (u32)draw(in, 2), length = (u32)draw(in, what & 8 ? 4 : 1);
	u8 *bytes = b->ram.host + at * 8;

	put_be(bytes, 4, key << 16 | draw(in, 1));
	put_be(bytes + 4, 4, length);
	put_be(bytes + 8, 8, what & 16 ? draw(in, 8) : RAM_BASE + draw(in, 3));
	space_write(b->space, BASE + 16, 8, __builtin_bswap64(RAM_BASE + at * 8));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct place places[] = {{BASE, 24}, {BASE, 24}, {RAM_BASE, REQUESTS}};
	static struct bench b;
	struct input in = {data, size};

	if (!b.loop)
		open_board(&b);
	fw_cfg_reset(fw);
	memset(b.ram.host, 0, REQUESTS);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++)
		if (draw(&in, 1) & 1)
			request(&b, &in);
		else
			access_place(b.space, places, ARRAY_SIZE(places), &in);
	return 0;
}
