/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share. A target is one file: LLVMFuzzerTestOneInput takes the input apart into operations of a
 * hostile guest, image, file or client, and carries them out on a machine that is made once and set back before every
 * run. What counts is a crash, a sanitizer's report, a failed assertion, or a run without an end. `make fuzz`.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <string.h>

#include "base/bits.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define OPERATIONS_MAX 256

struct input {
	const u8 *bytes;
	size_t left;
};

/* The next bytes, zeroes behind the end. */
static inline void draw_bytes(struct input *in, void *to, size_t size)
{
	size_t n = MIN(size, in->left);

	memset(to, 0, size);
	if (n)
		memcpy(to, in->bytes, n);
	in->bytes += n;
	in->left -= n;
}

static inline u64 draw(struct input *in, unsigned size)
{
	u8 word[8] = {0};

	draw_bytes(in, word, size);
	return load_le(word, 8);
}

static inline void put_be(void *to, unsigned size, u64 value)
{
	for (u8 *at = to; size--; value >>= 8)
		at[size] = (u8)value;
}

#ifdef MEM_MEM_H
struct place {
	u64 base, size;
};

/* A load or store of 1 to 8 bytes, aligned or not, at one of the places. */
static inline void access_place(struct space *space, const struct place *places, unsigned count, struct input *in)
{
	u8 what = (u8)draw(in, 1);
	const struct place *place = &places[(what >> 3) % count];
	u64 pa = place->base + draw(in, place->size > 64 * KiB ? 4 : 2) % place->size, value;
	unsigned size = 1u << (what & 3);

	if (what & 4)
		space_write(space, pa, size, draw(in, size));
	else
		space_read(space, pa, size, &value);
}
#endif

#endif
