/* SPDX-License-Identifier: BSD-2-Clause */
/* Bit fields, byte order and alignment. All functions are pure. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <string.h>

#include "base/types.h"

#define BIT(n) (1ull << (n))
/* Bits hi..lo inclusive set, 63 >= hi >= lo >= 0. */
#define MASK(hi, lo) ((~0ull >> (63 - (hi))) & (~0ull << (lo)))

static inline u64 bits(u64 v, unsigned hi, unsigned lo)
{
	return (v >> lo) & (~0ull >> (63 - (hi - lo)));
}

static inline bool bit(u64 v, unsigned n)
{
	return (v >> n) & 1;
}

static inline u64 deposit(u64 v, unsigned hi, unsigned lo, u64 field)
{
	return (v & ~MASK(hi, lo)) | ((field << lo) & MASK(hi, lo));
}

/* Sign-extends the low `width` bits of v, 1 <= width <= 64. */
static inline s64 sign_extend(u64 v, unsigned width)
{
	return (s64)(v << (64 - width)) >> (64 - width);
}

static inline u64 ones(unsigned n)
{
	return n >= 64 ? ~0ull : (1ull << n) - 1;
}

static inline bool is_power_of_2(u64 v)
{
	return v && !(v & (v - 1));
}

/* a must be a power of two. */
static inline u64 align_down(u64 v, u64 a)
{
	return v & ~(a - 1);
}

static inline u64 align_up(u64 v, u64 a)
{
	return (v + a - 1) & ~(a - 1);
}

static inline bool is_aligned(u64 v, u64 a)
{
	return !(v & (a - 1));
}

/* Little-endian loads and stores of size 1, 2, 4 or 8 bytes at any alignment. */
static inline u64 load_le(const void *p, unsigned size)
{
	u64 v = 0;
	memcpy(&v, p, size);
	return v;
}

static inline void store_le(void *p, unsigned size, u64 v)
{
	memcpy(p, &v, size);
}

/* True, and *sum set, unless the addition wraps: for offset + length from a guest or a file. */
static inline bool add_ok(u64 a, u64 b, u64 *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

/* Whether [offset, offset + length) lies inside [0, size), without overflow. */
static inline bool range_ok(u64 offset, u64 length, u64 size)
{
	return offset <= size && length <= size - offset;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the host must be little-endian");

#endif
