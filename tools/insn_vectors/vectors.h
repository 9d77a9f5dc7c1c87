/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction vectors: one instruction, run from a state that a seed makes, and what it changed.
 *
 * A request names word, seed, the base and index registers of its address; `vectors_inputs` makes the state from it,
 * the same on every host. A result is a header and then the values of what changed, in the order of its masks: x
 * registers, SP, v registers, memory bytes. Both sides (target.c under another implementation, replay.c in ours) build
 * results by vectors_result, so that equal behaviour is equal bytes. Included by host and arm64 code: integers only,
 * little-endian.
 */
#ifndef VECTORS_H
#define VECTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Guest memory: 4 pages. The base register points into the middle, so that ±2 KiB and 64 bytes stay inside. */
#define VECTORS_DATA 0x10000000ull
#define VECTORS_DATA_BYTES 0x4000u
#define VECTORS_REGS 28 /* x0..x27; x28..x30 belong to the harness */
#define VECTORS_NONE 0xff

enum { VECTORS_STORE = 1, VECTORS_ALIGN = 2, VECTORS_RELATED = 4 };

struct vector_request {
	uint32_t word, seed;
	uint8_t base, index; /* general register numbers (31: SP), or VECTORS_NONE */
	uint8_t flags;
	uint8_t align_log2; /* VECTORS_ALIGN: of the base address */
};

struct vector_state {
	uint64_t x[31], sp;
	uint64_t v[32][2];
	uint64_t nzcv, fpcr, fpsr;
};

struct vector_result {
	struct vector_request request;
	uint32_t x_mask; /* bit n: x[n] changed; bit 31: SP */
	uint32_t v_mask;
	uint32_t flags;    /* NZCV and FPSR, or-ed: they share no bit */
	uint8_t fault;     /* 1: UNDEFINED; 2: another exception; then nothing follows */
	uint8_t mem_bytes; /* changed bytes from mem_offset on */
	uint16_t mem_offset;
};
#define VECTORS_RESULT_MAX (sizeof(struct vector_result) + 32 * 8 + 32 * 16 + 256)

static inline uint64_t vectors_random(uint64_t *s) /* splitmix64 */
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15ull);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* A number of `bits` bits with an eye for edges, also those of floating point. */
static inline uint64_t vectors_number(uint64_t *s, unsigned bits)
{
	uint64_t r = vectors_random(s), mask = bits == 64 ? ~0ull : (1ull << bits) - 1;
	unsigned frac = bits == 64 ? 52 : bits == 32 ? 23 : bits == 16 ? 10 : 4;
	uint64_t sign = (r >> 63) << (bits - 1), exp_ones = (mask >> 1) & ~((1ull << frac) - 1), v;

	switch (r & 15) {
	case 0: v = 0; break;
	case 1: v = (r >> 8) & 7; break; /* small, smallest denormals */
	case 2: v = -((r >> 8) & 7); break;
	case 3: v = exp_ones; break;                                        /* infinity */
	case 4: v = exp_ones | 1ull << (frac - 1) | ((r >> 8) & 15); break; /* quiet NaN */
	case 5: v = exp_ones | (((r >> 8) & 15) + 1); break;                /* signalling NaN */
	case 6: v = (r >> 8) & ((1ull << frac) - 1); break;                 /* denormal */
	case 7: v = (1ull << frac) + ((r >> 8) & 3) - 1; break;             /* around the smallest normal */
	case 8: v = exp_ones - 1 - ((r >> 8) & 3); break;                   /* around the largest normal */
	case 9:
	case 10:
	case 11: { /* around one, up to an integer's size */
		uint64_t bias = (exp_ones >> frac) >> 1;
		v = (bias + (r >> 8) % (2 * bits) - bits / 2) << frac;
		v = (v & exp_ones) | ((r >> 20) & ((1ull << frac) - 1));
		if (r >> 62 & 1)
			v &= ~((1ull << (frac - 3)) - 1);
		break;
	}
	case 12: v = 1ull << ((r >> 8) % bits); break;
	case 13: v = mask >> 1; break;
	default: v = r >> 4 ^ r << 40; break;
	}
	return (v ^ sign) & mask;
}

static inline uint64_t vectors_lanes(uint64_t *s, unsigned bits)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 64; i += bits)
		v |= vectors_number(s, bits) << i;
	return v;
}

/* Sums that cancel, products that the addend takes away but for the last bit, and integers at the brink of saturation:
 * what numbers that know nothing of each other seldom are. */
static inline void vectors_relate(const struct vector_request *q, struct vector_state *st, uint64_t *s)
{
	uint64_t kind = vectors_random(s);
	unsigned bits = 8u << (kind & 3), frac = bits == 64 ? 52 : bits == 32 ? 23 : 10;
	uint64_t mask = bits == 64 ? ~0ull : (1ull << bits) - 1, sign = 1ull << (bits - 1);
	bool is_fp = bits > 8 && (kind >> 2 & 1);
	uint64_t d[2] = {0}, n[2] = {0}, m[2] = {0};

	for (unsigned i = 0; i < 128; i += bits) {
		uint64_t r = vectors_random(s), near = (r & 3) - 1, x = vectors_number(s, bits), y, z;

		if (is_fp) {
			uint64_t up = ((r >> 2 & 15) - 8) << frac, ones = (sign - 1) & ~((1ull << frac) - 1);

			y = (ones & ones >> 1) + up; /* a power of two: the product is x with another exponent */
			z = (x + up + near) ^ (r >> 6 & 7 ? sign : 0);
			if (r >> 9 & 1)
				y = z = x ^ (r >> 10 & 3 ? sign : 0) ^ (near & 3);
		} else {
			x = (1ull << (r >> 2) % bits) + near;
			x = r >> 8 & 1 ? 0 - x : x;
			y = r >> 9 & 1  ? x + (r >> 10 & 3) :
			    r >> 12 & 1 ? sign - near :
					  ((r >> 13) % (2 * bits + 3)) - bits - 1;
			z = sign - near - (r >> 24 & 1 ? x : 0);
		}
		d[i / 64] |= (z & mask) << i % 64;
		n[i / 64] |= (x & mask) << i % 64;
		m[i / 64] |= (y & mask) << i % 64;
	}
	memcpy(st->v[q->word & 31], d, 16);
	memcpy(st->v[q->word >> 10 & 31], d, 16);
	memcpy(st->v[q->word >> 16 & 31], m, 16);
	memcpy(st->v[q->word >> 5 & 31], n, 16);
}

static inline void vectors_inputs(const struct vector_request *q, struct vector_state *st)
{
	uint64_t s = (uint64_t)q->seed << 32 | q->word;
	static const uint8_t width[8] = {8, 16, 16, 32, 32, 32, 64, 64};

	memset(st, 0, sizeof(*st));
	for (unsigned i = 0; i < VECTORS_REGS; i++)
		st->x[i] = vectors_lanes(&s, vectors_random(&s) & 1 ? 64 : 32);
	unsigned bits = width[vectors_random(&s) & 7];
	for (unsigned i = 0; i < 32; i++)
		for (unsigned k = 0; k < 2; k++)
			st->v[i][k] = vectors_lanes(&s, bits);
	if (q->flags & VECTORS_RELATED)
		vectors_relate(q, st, &s);
	uint64_t r = vectors_random(&s);
	st->nzcv = (r & 15) << 28;
	if (r >> 4 & 1) /* modes are the exception, rounding to nearest the rule */
		st->fpcr = (r >> 8 & 3) << 22 | (r >> 10 & 1) << 24 | (r >> 11 & 1) << 25 | (r >> 12 & 1) << 26 |
			   (r >> 13 & 1) << 19;
	st->fpsr = r >> 16 & 1 ? 0x10 : r >> 17 & 1 ? 0 : (r >> 20) & 0x0800009f;
	uint64_t base = VECTORS_DATA + 0x1800 + (r >> 32) % 0x1000;
	if (q->flags & VECTORS_ALIGN)
		base &= ~0ull << q->align_log2;
	st->sp = base & ~15ull;
	if (q->base < VECTORS_REGS)
		st->x[q->base] = base;
	if (q->index < VECTORS_REGS && q->index != q->base) {
		uint64_t offset = (r >> 48 & 127) - 64;
		st->x[q->index] = r >> 55 & 1 ? offset & 63 : offset;
	}
}

static inline void vectors_memory(uint8_t *data)
{
	uint64_t s = 1;

	for (unsigned i = 0; i < VECTORS_DATA_BYTES; i += 8) {
		uint64_t v = vectors_random(&s);
		memcpy(data + i, &v, 8);
	}
}

/* Builds the result; returns its size. `data` is restored from `pristine`. */
static inline unsigned vectors_result(const struct vector_request *q, const struct vector_state *in,
				      const struct vector_state *out, unsigned fault, uint8_t *data,
				      const uint8_t *pristine, uint8_t *to)
{
	struct vector_result r = {.request = *q, .fault = (uint8_t)fault};
	uint8_t *p = to + sizeof(r);

	if (!fault) {
		r.flags = (uint32_t)(out->nzcv | out->fpsr);
		for (unsigned i = 0; i < VECTORS_REGS; i++)
			if (in->x[i] != out->x[i]) {
				r.x_mask |= 1u << i;
				memcpy(p, &out->x[i], 8);
				p += 8;
			}
		if (in->sp != out->sp) {
			r.x_mask |= 1u << 31;
			memcpy(p, &out->sp, 8);
			p += 8;
		}
		for (unsigned i = 0; i < 32; i++)
			if (in->v[i][0] != out->v[i][0] || in->v[i][1] != out->v[i][1]) {
				r.v_mask |= 1u << i;
				memcpy(p, out->v[i], 16);
				p += 16;
			}
	}
	if (q->flags & VECTORS_STORE) {
		unsigned first = 0, last = VECTORS_DATA_BYTES;
		while (first < last && !memcmp(data + first, pristine + first, 64))
			first += 64;
		while (first < last && data[first] == pristine[first])
			first++;
		while (last > first && !memcmp(data + last - 64, pristine + last - 64, 64))
			last -= last - first < 64 ? last - first : 64;
		while (last > first && data[last - 1] == pristine[last - 1])
			last--;
		if (!fault && last > first) {
			unsigned n = last - first > 255 ? 255 : last - first;
			r.mem_offset = (uint16_t)first;
			r.mem_bytes = (uint8_t)n;
			memcpy(p, data + first, n);
			p += n;
		}
		memcpy(data + first, pristine + first, last - first);
	}
	memcpy(to, &r, sizeof(r));
	return (unsigned)(p - to);
}

/* Bytes that follow a header. */
static inline unsigned vectors_tail(const struct vector_result *r)
{
	return (unsigned)(__builtin_popcount(r->x_mask) * 8 + __builtin_popcount(r->v_mask) * 16 + r->mem_bytes);
}

#endif
