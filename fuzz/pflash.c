/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: a bank of flash and its commands, from any width of access. Three of its blocks are used, and their
 * first pages set back. */
#include "../src/dev/pflash.c"
#include "../tests/unit/dev/bench.h"
#include "fuzz.h"

static const struct place places[] = {{0, 0x1000}, {PFLASH_BLOCK_BYTES, 0x1000}, {PFLASH_BANK_BYTES - 0x1000, 0x1000}};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct bench b;
	static struct pflash *flash;
	struct input in = {data, size};
	static const u8 commands[] = {CMD_PROGRAM,
				      CMD_ERASE,
				      CMD_CONFIRM,
				      CMD_BUFFER,
				      CMD_LOCK,
				      CMD_READ_ARRAY,
				      CMD_READ_STATUS,
				      CMD_CLEAR_STATUS,
				      1,
				      LOCK_DOWN,
				      CMD_READ_ID,
				      CMD_READ_CFI,
				      0,
				      3,
				      0x1f,
				      CMD_PROTECTION};
	struct error err;

	if (!b.loop) {
		bench_open(&b);
		flash = pflash_create(b.space, "flash", 0, NULL, &err);
	}
	for (unsigned n = 0; n < ARRAY_SIZE(places); n++)
		memset(array_at(flash, places[n].base), 0xff, places[n].size);
	pflash_reset(flash);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1);
		u64 pa = places[what % 3].base + (draw(&in, 1) & 0x7f) * 4;

		if (what & 128) /* both chips, one command */
			space_write(b.space, pa, 4, commands[what >> 3 & 15] * 0x10001u);
		else if (what & 64)
			access_place(b.space, places, ARRAY_SIZE(places), &in);
		else
			space_write(b.space, pa, 4, draw(&in, 4));
	}
	return 0;
}
