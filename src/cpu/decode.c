/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder. Patterns of a64.def are compiled once into masks, field pieces and slot maps; words find their row by
 * bits 31..21 and then by comparing, most fixed bits first.
 *
 * The compiled form is the one piece of file-level state in this room besides constants: it is a pure function of the
 * table, built under pthread_once, and never changes after that.
 */
#include "cpu/decode.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
#define F(name) name = A64_FEATURE_##name,
	A64_FEATURES(F)
#undef F
};
enum {
	LOAD = A64_LOAD,
	STORE = A64_STORE,
	BR = A64_BR,
	SYS = A64_SYS,
	ENDS = A64_ENDS,
	SETFLAGS = A64_SETFLAGS,
	GETFLAGS = A64_GETFLAGS,
	NORANDOM = A64_NORANDOM,
	FPSIMD = A64_FPSIMD,
	FPFLAGS = A64_FPFLAGS,
	OVER = A64_OVER,
};

const struct a64_row a64_rows[A64_ROW_COUNT] = {
#define A64(name, pattern, feature, flags, template)                                                                   \
	[ROW_##name] = {#name, pattern, template, flags, feature, exec_##name, NULL},
#define A64P(name, pattern, feature, flags, template)                                                                  \
	[ROW_##name] = {#name, pattern, template, flags, feature, exec_##name, prep_##name},
#include "cpu/a64.def"
#undef A64
#undef A64P
};
#define A64(name, pattern, feature, flags, template)                                                                   \
	_Static_assert(sizeof(pattern) == 33, "pattern of " #name " is not 32 characters");
#define A64P A64
#include "cpu/a64.def"
#undef A64
#undef A64P

/* A run of equal letters: bits [shift + width - 1, shift] of the word go to bits [to + width - 1, to] of the field. */
struct piece {
	u8 member; /* offset in struct insn */
	u8 shift, width, to;
};
/* What register number 31 becomes. */
struct slot {
	u8 member, number31;
};
#define PIECES_MAX 14
#define SLOTS_MAX 6

struct compiled {
	u32 mask, value;
	u8 piece_count, slot_count;
	struct piece piece[PIECES_MAX];
	struct slot slot[SLOTS_MAX];
};

#define BUCKETS 2048
#define BUCKET_OF(word) ((word) >> 21)

static struct {
	struct compiled row[A64_ROW_COUNT + 1];
	u16 *candidates;              /* rows of all buckets, bucket by bucket */
	u32 first[BUCKETS + 1];
} compiled;
static pthread_once_t compiled_once = PTHREAD_ONCE_INIT;

/* Offset in struct insn, or 0 for a character that is no field (no field is at 0). */
static unsigned member_of(char letter)
{
	switch (letter) {
	case 'd': return offsetof(struct insn, d);
	case 'n': return offsetof(struct insn, n);
	case 'm': return offsetof(struct insn, m);
	case 'a': return offsetof(struct insn, a);
	case 't': return offsetof(struct insn, t);
	case 'u': return offsetof(struct insn, u);
	case 's': return offsetof(struct insn, s);
	case 'r': return offsetof(struct insn, r);
	case 'c': return offsetof(struct insn, c);
	case 'z': return offsetof(struct insn, z);
	case 'o': return offsetof(struct insn, o);
	case 'q': return offsetof(struct insn, q);
	case 'h': return offsetof(struct insn, h);
	case 'l': return offsetof(struct insn, l);
	case 'i': return offsetof(struct insn, i);
	default: return 0;
	}
}

static void compile_pattern(struct compiled *c, const char *pattern)
{
	u8 filled[128] = {0}; /* per letter: bits already placed, from the lsb */

	for (unsigned b = 0; b < 32;) {
		char ch = pattern[31 - b];
		unsigned member = member_of(ch), width = 1;

		if (ch == '0' || ch == '1') {
			c->mask |= 1u << b;
			c->value |= (u32)(ch == '1') << b;
			b++;
			continue;
		}
		if (!member) {
			assert(ch == '-' || (ch >= 'A' && ch <= 'Z'));
			b++;
			continue;
		}
		while (b + width < 32 && pattern[31 - b - width] == ch)
			width++;
		assert(c->piece_count < PIECES_MAX);
		c->piece[c->piece_count++] = (struct piece){member, b, width, filled[(u8)ch]};
		filled[(u8)ch] += width;
		assert(filled[(u8)ch] <= (ch == 'i' ? 26 : 8));
		b += width;
	}
}

/* General registers as the template names them: %xn, %=wd, %rn|sp. */
static void compile_slots(struct compiled *c, const char *pattern, const char *template)
{
	for (const char *p = strchr(template, '%'); p; p = strchr(p, '%')) {
		u8 number31 = SLOT_ZR;

		p++;
		if (*p == '=') {
			number31 = SLOT_DUMP;
			p++;
		}
		if (!*p || !strchr("xwrez", *p) || !member_of(p[1]))
			continue;
		assert(strchr(pattern, p[1])); /* the template names a field that the pattern lacks */
		if (!strncmp(p + 2, "|sp", 3))
			number31 = SLOT_SP;
		for (unsigned s = 0; s < c->slot_count; s++)
			assert(c->slot[s].member != member_of(p[1])); /* named twice */
		assert(c->slot_count < SLOTS_MAX);
		c->slot[c->slot_count++] = (struct slot){member_of(p[1]), number31};
	}
}

static int more_fixed_bits_first(const void *a, const void *b)
{
	unsigned x = *(const u16 *)a, y = *(const u16 *)b;
	int fixed_x = __builtin_popcount(compiled.row[x].mask), fixed_y = __builtin_popcount(compiled.row[y].mask);

	return fixed_x != fixed_y ? fixed_y - fixed_x : (int)x - (int)y;
}

static void compile_rows(void)
{
	size_t total = 0;

	for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
		compile_pattern(&compiled.row[row], a64_rows[row].pattern);
		compile_slots(&compiled.row[row], a64_rows[row].pattern, a64_rows[row].template);
	}
	for (unsigned pass = 0; pass < 2; pass++) {
		total = 0;
		for (u32 bucket = 0; bucket < BUCKETS; bucket++) {
			compiled.first[bucket] = total;
			for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
				const struct compiled *c = &compiled.row[row];

				if (((bucket << 21 ^ c->value) & c->mask) >> 21)
					continue;
				if (pass)
					compiled.candidates[total] = row;
				total++;
			}
			if (pass)
				qsort(compiled.candidates + compiled.first[bucket], total - compiled.first[bucket],
				      sizeof(u16), more_fixed_bits_first);
		}
		if (!pass) {
			compiled.candidates = calloc(total + 1, sizeof(u16));
			assert(compiled.candidates);
		}
	}
	compiled.first[BUCKETS] = total;
}

bool decode(u32 word, struct insn *out)
{
	u32 bucket = BUCKET_OF(word);

	pthread_once(&compiled_once, compile_rows);
	for (u32 k = compiled.first[bucket]; k < compiled.first[bucket + 1]; k++) {
		unsigned row = compiled.candidates[k];
		const struct compiled *c = &compiled.row[row];

		if ((word ^ c->value) & c->mask)
			continue;
		memset(out, 0, sizeof(*out));
		out->word = word;
		out->row = row;
		out->exec = a64_rows[row].exec;
		for (unsigned p = 0; p < c->piece_count; p++) {
			const struct piece *piece = &c->piece[p];
			u32 field = (word >> piece->shift & (u32)ones(piece->width)) << piece->to;

			if (piece->member == offsetof(struct insn, i))
				out->i |= field;
			else
				((u8 *)out)[piece->member] |= field;
		}
		for (unsigned s = 0; s < c->slot_count; s++)
			if (((u8 *)out)[c->slot[s].member] == 31)
				((u8 *)out)[c->slot[s].member] = c->slot[s].number31;
		if (!a64_rows[row].prep || a64_rows[row].prep(out))
			return true;
		break;
	}
	memset(out, 0, sizeof(*out));
	out->word = word;
	out->row = ROW_NONE;
	out->exec = exec_UNDEFINED;
	return false;
}

void a64_row_fixed(unsigned row, u32 *mask, u32 *value)
{
	pthread_once(&compiled_once, compile_rows);
	*mask = compiled.row[row].mask;
	*value = compiled.row[row].value;
}

u32 a64_field(unsigned row, u32 word, char letter, unsigned *width)
{
	const char *pattern = a64_rows[row].pattern;
	u32 field = 0;

	*width = 0;
	for (unsigned k = 0; k < 32; k++) {
		if (pattern[k] != letter)
			continue;
		field = field << 1 | (word >> (31 - k) & 1);
		++*width;
	}
	return field;
}
