/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disassembly from the templates of a64.def (their syntax stands at its head). Plain: no aliases, names of system
 * registers as numbers. For traces and test messages; not for feeding to an assembler.
 */
#include "cpu/decode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cpu/exec.h"

struct out {
	char *text;
	size_t size, used;
	unsigned row;
	u32 word;
	u64 pc;
};

static void put(struct out *out, const char *format, ...) printf_like(2, 3);
static void put(struct out *out, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(out->text + out->used, out->size - out->used, format, ap);
	va_end(ap);
	if (n > 0)
		out->used = MIN(out->used + (size_t)n, out->size - 1);
}

static u32 field(const struct out *out, char letter)
{
	unsigned width;

	return a64_field(out->row, out->word, letter, &width);
}

static const char *const conditions[16] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
					   "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};

static void put_cond(struct out *out)
{
	put(out, "%s", conditions[field(out, 'c') & 15]);
}
static void put_adr(struct out *out)
{
	put(out, "0x%" PRIx64, out->pc + (u64)sign_extend(field(out, 'i') << 2 | field(out, 'l'), 21));
}
static void put_adrp(struct out *out)
{
	u64 page = align_down(out->pc, 4096);

	put(out, "0x%" PRIx64, page + (u64)sign_extend(field(out, 'i') << 2 | field(out, 'l'), 21) * 4096);
}
static void put_lsl12(struct out *out)
{
	if (field(out, 'h'))
		put(out, ", lsl #12");
}
static void put_lsl16(struct out *out)
{
	if (field(out, 'h'))
		put(out, ", lsl #%u", field(out, 'h') * 16);
}
static void put_bitmask(struct out *out)
{
	u64 value = 0;

	logical_immediate(field(out, 'z'), field(out, 'h'), field(out, 'r'), field(out, 's'), &value);
	put(out, "0x%" PRIx64, value);
}
static void put_shift(struct out *out)
{
	static const char *const kinds[4] = {"lsl", "lsr", "asr", "ror"};

	if (field(out, 'i') || field(out, 'h'))
		put(out, ", %s #%u", kinds[field(out, 'h') & 3], field(out, 'i'));
}
static const char *const extends[8] = {"uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"};
static void put_extend(struct out *out)
{
	put(out, ", %s #%u", extends[field(out, 'o') & 7], field(out, 'i'));
}
static void put_index(struct out *out)
{
	unsigned o = field(out, 'o') & 7;

	if (o != 3)
		put(out, ", %s", extends[o]);
	if (field(out, 'h'))
		put(out, "%s #%u", o == 3 ? ", lsl" : "", out->word >> 30);
}
static void put_bhsize(struct out *out)
{
	put(out, "%s", field(out, 'z') == 0 ? "b" : field(out, 'z') == 1 ? "h" : "");
}
/* Acquire and release of LSE: bits 23 and 22; of CAS and CASP: 22 and 15. */
static void put_order(struct out *out)
{
	bool cas = !bit(out->word, 29);

	if (bit(out->word, cas ? 22 : 23))
		put(out, "a");
	if (bit(out->word, cas ? 15 : 22))
		put(out, "l");
}
static void put_mopsopt(struct out *out)
{
	static const char *const t[4] = {"", "wt", "rt", "t"}, *const n[4] = {"", "wn", "rn", "n"};

	put(out, "%s%s", t[field(out, 'o') & 3], n[field(out, 'o') >> 2 & 3]);
}
static void put_setopt(struct out *out)
{
	put(out, "%s%s", field(out, 'o') & 1 ? "t" : "", field(out, 'o') & 2 ? "n" : "");
}
static void put_sysreg(struct out *out)
{
	u32 w = out->word;

	put(out, "s%u_%u_c%u_c%u_%u", w >> 19 & 3, w >> 16 & 7, w >> 12 & 15, w >> 8 & 15, w >> 5 & 7);
}
static void put_sysop(struct out *out)
{
	u32 w = out->word;

	put(out, "#%u, c%u, c%u, #%u", w >> 16 & 7, w >> 12 & 15, w >> 8 & 15, w >> 5 & 7);
}

static const struct {
	const char *name;
	void (*put)(struct out *out);
} specials[] = {
	{"cond", put_cond},       {"adr", put_adr},         {"adrp", put_adrp},     {"lsl12", put_lsl12},
	{"lsl16", put_lsl16},     {"bitmask", put_bitmask}, {"shift", put_shift},   {"extend", put_extend},
	{"index", put_index},     {"bhsize", put_bhsize},   {"order", put_order},   {"mopsopt", put_mopsopt},
	{"setopt", put_setopt},   {"sysreg", put_sysreg},   {"sysop", put_sysop},
};

/* %{name}; returns what follows it. A name that the table lacks prints as itself. */
static const char *put_special(struct out *out, const char *p)
{
	const char *end = strchr(p, '}');
	size_t length = end ? (size_t)(end - p) : strlen(p);

	for (unsigned k = 0; k < ARRAY_SIZE(specials); k++) {
		if (strlen(specials[k].name) == length && !strncmp(specials[k].name, p, length)) {
			specials[k].put(out);
			return end ? end + 1 : p + length;
		}
	}
	put(out, "<%.*s>", (int)length, p);
	return end ? end + 1 : p + length;
}

static s64 factor(const char **p)
{
	s64 value = 0;

	if (**p != '*')
		return 1;
	for (++*p; **p >= '0' && **p <= '9'; ++*p)
		value = value * 10 + (**p - '0');
	return value;
}

/* A general register: class x, w, r, z or e, and |sp. */
static const char *put_general(struct out *out, char class, const char *p)
{
	u32 n = field(out, *p), z = field(out, 'z');
	bool x = class == 'x' || (class == 'r' && z == 1) || (class == 'z' && z == 3) ||
		 (class == 'e' && (field(out, 'o') & 3) == 3);
	bool sp = !strncmp(p + 1, "|sp", 3);

	if (n == 31)
		put(out, "%s", sp ? (x ? "sp" : "wsp") : x ? "xzr" : "wzr");
	else
		put(out, "%c%u", x ? 'x' : 'w', n);
	return p + (sp ? 4 : 1);
}

static const char *put_vector(struct out *out, char class, const char *p)
{
	static const char *const arrangements[8] = {"8b", "16b", "4h", "8h", "2s", "4s", "1d", "2d"};

	if (class == 'f')
		class = field(out, 'z') == 0 ? 's' : field(out, 'z') == 1 ? 'd' : 'h';
	put(out, "%c%u", class, field(out, *p));
	p++;
	if (p[0] == '.' && p[1] == 'T') {
		put(out, ".%s", arrangements[(field(out, 'z') & 3) * 2 + (field(out, 'q') & 1)]);
		p += 2;
	}
	return p;
}

static const char *put_item(struct out *out, const char *p)
{
	unsigned width;
	u32 v;

	if (*p == '=')
		p++;
	if (*p == '{')
		return put_special(out, p + 1);
	if (*p == '#' || *p == '-' || *p == '@') {
		char kind = *p++;
		s64 scale;

		v = a64_field(out->row, out->word, *p, &width);
		p++;
		scale = factor(&p);
		if (kind == '#')
			put(out, "%" PRIu64, (u64)v * (u64)scale);
		else if (kind == '-')
			put(out, "%" PRId64, width ? sign_extend(v, width) * scale : 0);
		else
			put(out, "0x%" PRIx64,
			    out->pc + (width ? (u64)(sign_extend(v, width) * (scale == 1 ? 4 : scale)) : 0));
		return p;
	}
	if (*p == 'x' && p[1] == '#' && p[2]) {
		put(out, "0x%x", field(out, p[2]));
		return p + 3;
	}
	if (*p && p[1] && strchr("xwrze", *p))
		return put_general(out, *p, p + 1);
	if (*p && p[1] && strchr("bhsdqvf", *p))
		return put_vector(out, *p, p + 1);
	put(out, "%%");
	return p;
}

size_t disasm(u32 word, u64 pc, char *text, size_t size)
{
	struct out out = {text, size, 0, 0, word, pc};
	struct insn insn;
	const char *p;

	if (!size)
		return 0;
	text[0] = 0;
	if (!decode(word, &insn)) {
		put(&out, "undefined 0x%08x", word);
		return out.used;
	}
	out.row = insn.row;
	for (p = a64_rows[insn.row].template; *p;) {
		if (*p == '%') {
			p = put_item(&out, p + 1);
		} else {
			put(&out, "%c", *p);
			p++;
		}
	}
	return out.used;
}
