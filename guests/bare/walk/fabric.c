/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks all PCI functions and CXL registers that it finds and prints what they hold, for tests/peer: the same program on two machines, line by
 * line the same where they agree. A line is `KEY = VALUES`; a key names a function by bus:device.function, a capability and a place in
 * it, so that a different layout differs in `at` lines only. Of registers: as found, after ones were written, after zeros; then as found is put back.
 *
 * Decoders are committed, taken back and locked, rightly and wrongly, with their control register after each step. What would take the ground from under
 * the walk is left out: FLR, resets, Go.
 */
#include "bare.h"

#define CFG(bdf, reg) (ECAM + ((u64)(bdf) << 12) + (reg))
#define HOST_REGS 0x4004000000ul
#define HOST_BLOCKS 2
#define WINDOW_32 0x10000000u
#define FUNCTIONS 64
#define DEPTH 8

static struct function { u32 bdf; bool bridge; u32 bar[6]; } functions[FUNCTIONS];
static unsigned count, next_bus;
static u32 next_mmio = WINDOW_32;

/* --- lines --- */

static void put_number(u64 v, unsigned digits)
{
	char text[17];

	for (unsigned n = 0; n < digits; n++)
		text[n] = "0123456789abcdef"[v >> 4 * (digits - 1 - n) & 15];
	text[digits] = 0;
	put(text);
}

static void key(const char *kind, u32 bdf)
{
	put(kind);
	put(" ");
	put_number(bdf >> 8, 2);
	put(":");
	put_number(bdf >> 3 & 31, 2);
	put(".");
	put_number(bdf & 7, 1);
	put(" ");
}

static void values(const u64 *v, unsigned n, unsigned digits)
{
	put(" =");
	for (unsigned i = 0; i < n; i++) {
		put(" ");
		put_number(v[i], digits);
	}
	put("\n");
}

/* --- enumeration --- */

static u32 align(u32 value, u32 to)
{
	return (value + to - 1) & ~(to - 1);
}

static void size_bars(struct function *f)
{
	for (unsigned n = 0; n < (f->bridge ? 2u : 6u); n++) {
		u64 at = CFG(f->bdf, 0x10 + 4 * n);
		u32 is, size;

		write32(at, ~0u);
		is = read32(at);
		write32(at, 0);
		if (!is || (is & 1))
			continue;
		size = -(is & ~0xfu);
		next_mmio = align(next_mmio, size);
		f->bar[n] = next_mmio;
		write32(at, next_mmio);
		next_mmio += size;
		if (is & 4)
			write32(CFG(f->bdf, 0x10 + 4 * ++n), 0);
	}
}

static void enumerate(unsigned bus, unsigned last, unsigned depth)
{
	for (unsigned devfn = 0; devfn < 256; devfn++) {
		u32 bdf = bus << 8 | devfn, start;
		struct function *f;

		if ((devfn & 7) && !(read8(CFG(bus << 8 | (devfn & ~7u), 0x0e)) & 0x80))
			continue;
		if (read32(CFG(bdf, 0)) == ~0u || count == FUNCTIONS)
			continue;
		f = &functions[count++];
		f->bdf = bdf;
		f->bridge = (read8(CFG(bdf, 0x0e)) & 0x7f) == 1;
		size_bars(f);
		if (f->bridge && depth < DEPTH) {
			unsigned secondary = next_bus++;

			next_mmio = start = align(next_mmio, 0x100000);
			write32(CFG(bdf, 0x18), bus | secondary << 8 | last << 16);
			enumerate(secondary, last, depth + 1);
			next_mmio = align(next_mmio, 0x100000);
			write32(CFG(bdf, 0x18), bus | secondary << 8 | (next_bus - 1) << 16);
			write32(CFG(bdf, 0x20), next_mmio > start ? start >> 16 | ((next_mmio - 1) & 0xfff00000) : 0x0000fff0);
			write32(CFG(bdf, 0x24), 0x0000fff0);
		}
		write16(CFG(bdf, 4), 6);
	}
}

/* --- configuration space --- */

/* Bits that are not to be set; all of them: the register is only read. */
static u32 left_alone(unsigned id, unsigned offset, u32 dvsec)
{
	if (id == 0 && offset == 0x3c)
		return 0x00400000; /* Secondary Bus Reset */
	if (id == 0x10)
		return offset == 8 ? 0x8000 : offset == 0x10 ? 0x30 : offset == 0x18 ? 0x400 : 0; /* FLR, link disable, retrain, power */
	if (id == 0x05 || id == 0x11)
		return offset == 0 ? 0xffff0000 : 0;
	if (id == 0x123)
		return dvsec == 0 && (offset == 0x10 || offset == 0x14) ? ~0u : 0; /* CXL Reset, lock */
	if (id == 0x12e)
		return offset == 8 || offset >= 0x10 ? ~0u : 0;
	return 0;
}

static void config_register(u32 bdf, const char *kind, unsigned id, unsigned offset, u32 dvsec, u64 at)
{
	u32 keep = left_alone(id, offset, dvsec);
	u32 was = read32(at);
	u64 v[3] = {was};
	unsigned n = 1;

	if (id && id < 0x100 && !offset)
		v[0] &= ~0xff00ul; /* the link to the next is layout */
	if (!id && offset >= 0x18 && offset < 0x34)
		v[0] = 0; /* as the walk has set it */
	if (keep != ~0u) {
		write32(at, ~keep);
		v[1] = read32(at);
		write32(at, 0);
		v[2] = read32(at);
		write32(at, was);
		n = 3;
		for (unsigned i = 1; id && id < 0x100 && !offset && i < 3; i++)
			v[i] &= ~0xff00ul;
	}
	key("config", bdf);
	put(kind);
	if (id)
		put_number(id & 0xff, 2);
	if (id == 0x123) {
		put("-");
		put_number(dvsec, 1);
	}
	put("+");
	put_number(offset, 3);
	values(v, n, 8);
}

static void capability(u32 bdf, const char *kind, unsigned id, u32 dvsec, unsigned at, unsigned length)
{
	u64 where = at;

	key("at", bdf);
	put(kind);
	put_number(id & 0xff, 2);
	if (id == 0x123) {
		put("-");
		put_number(dvsec, 1);
	}
	values(&where, 1, 3);
	for (unsigned offset = 0; offset < length; offset += 4) {
		/* The header's link is layout. */
		if (offset || (id < 0x100 && id != 0x09))
			config_register(bdf, kind, id, offset, dvsec, CFG(bdf, at + offset));
	}
}

static unsigned length_of(unsigned id, u64 at)
{
	switch (id) {
	case 0x01: return 8;
	case 0x05: return (read16(at + 2) & 0x80 ? 0x10 : 0xc) + (read16(at + 2) & 0x100 ? 8 : 0);
	case 0x09: return read8(at + 2);
	case 0x0d: return 8;
	case 0x10: return 0x3c;
	case 0x11: return 0xc;
	case 0x101: return 0x48;
	case 0x103: return 0xc;
	case 0x10d: return 8;
	case 0x11d: return read16(at + 4) & 0x20 ? 0x30 : 0xc;
	case 0x123: return read32(at + 4) >> 20;
	case 0x12e: return 0x18;
	}
	return 4;
}

static void config_space(const struct function *f)
{
	for (unsigned offset = 0; offset < 0x40; offset += 4)
		if (offset != 0x34 && (offset < 0x10 || offset >= (f->bridge ? 0x18 : 0x28)))
			config_register(f->bdf, "header", 0, offset, 0, CFG(f->bdf, offset));
	for (unsigned at = read8(CFG(f->bdf, 0x34)), n = 0; at >= 0x40 && n < 48; at = read8(CFG(f->bdf, at + 1)), n++) {
		unsigned id = read8(CFG(f->bdf, at));

		capability(f->bdf, "cap", id, 0, at, length_of(id, CFG(f->bdf, at)));
	}
	for (unsigned at = 0x100, n = 0; at && n < 64; at = read32(CFG(f->bdf, at)) >> 20, n++) {
		u32 head = read32(CFG(f->bdf, at));
		unsigned id = 0x100 | (head & 0xff);

		if (!head || head == ~0u)
			break;
		capability(f->bdf, "ext", id, read16(CFG(f->bdf, at + 8)), at, length_of(id, CFG(f->bdf, at)));
	}
}

/* --- component registers --- */

static void component_key(const char *name, u32 which, unsigned id, unsigned offset)
{
	key(name, which);
	put("component");
	put_number(id, 2);
	put("+");
	put_number(offset, 3);
}

static void component(const char *name, u32 which, u64 base)
{
	static const u16 lengths[] = {[2] = 0x58, [4] = 0x38, [6] = 0x24, [8] = 8, [11] = 12, [12] = 12};
	u64 cm = base + 0x1000;
	u32 head = read32(cm);
	u64 v[3] = {head};

	component_key(name, which, 0, 0);
	values(v, 1, 8);
	for (unsigned n = 1; n <= head >> 24 && n < 32; n++) {
		u32 word = read32(cm + 4 * n);
		unsigned id = word & 0xffff, length = id < sizeof(lengths) / sizeof(lengths[0]) ? lengths[id] : 0;
		u64 at = cm + (word >> 20);

		v[0] = word;
		component_key(name, which, id, 0xfff); /* the array's entry: version and place */
		values(v, 1, 8);
		if (id == 5)
			length = 0x10 + 0x20 * ((read32(at) & 15) ? 2 * (read32(at) & 15) : 1);
		for (unsigned offset = 0; offset < length; offset += id == 4 ? 8 : 4) {
			bool is_ctrl = id == 5 && offset >= 0x10 && (offset & 0x1f) == 0;
			u32 keep = is_ctrl ? 0x300 : (id == 11 || id == 12) && offset == 4 ? ~0u : 0;

			if (id == 4) {
				v[0] = read64(at + offset);
				write64(at + offset, ~0ul);
				v[1] = read64(at + offset);
				write64(at + offset, 0);
				v[2] = read64(at + offset);
				write64(at + offset, v[0]);
			} else {
				v[0] = read32(at + offset);
				if (keep != ~0u)
					write32(at + offset, ~keep);
				v[1] = read32(at + offset);
				if (keep != ~0u)
					write32(at + offset, 0);
				v[2] = read32(at + offset);
				if (keep != ~0u)
					write32(at + offset, v[0]);
			}
			component_key(name, which, id, offset);
			values(v, 3, id == 4 ? 16 : 8);
		}
	}
}

/* --- commits --- */

enum { COMMIT = 0x200, LOCK = 0x100, HOST_ONLY = 0x1000 };

static u64 find_hdm(u64 base)
{
	u64 cm = base + 0x1000;
	u32 head = read32(cm);

	for (unsigned n = 1; n <= head >> 24 && n < 32; n++)
		if ((read32(cm + 4 * n) & 0xffff) == 5)
			return cm + (read32(cm + 4 * n) >> 20);
	return 0;
}

static void commits(const char *name, u32 which, u64 base, bool is_device)
{
	enum { Q = 0x10000000 };
	static const struct step {
		const char *what;
		u8 decoder, iw, ig;
		u64 base, size; /* of base: 256 MiB units above 1 TiB */
		u32 ctrl;       /* 0: taken back */
	} steps[] = {
		{"decoder 0", 0, 0, 0, 0, Q, COMMIT},
		{"decoder 1 behind it", 1, 0, 0, 1, Q, COMMIT},
		{"decoder 0 taken back below decoder 1", 0, 0, 0, 0, Q, 0},
		{"decoder 1 taken back", 1, 0, 0, 1, Q, 0},
		{"decoder 1 without decoder 0, locked", 1, 0, 0, 1, Q, COMMIT | LOCK},
		{"taken back", 1, 0, 0, 1, Q, 0},
		{"two ways", 0, 1, 1, 0, 2 * (u64)Q, COMMIT},
		{"decoder 1 over it", 1, 0, 0, 1, Q, COMMIT},
		{"taken back", 1, 0, 0, 1, Q, 0},
		{"decoder 1 over it, locked", 1, 0, 0, 1, Q, COMMIT | LOCK},
		{"taken back", 1, 0, 0, 1, Q, 0},
		{"both taken back", 0, 0, 0, 0, Q, 0},
		{"nothing", 0, 0, 0, 0, 0, COMMIT},
		{"taken back", 0, 0, 0, 0, 0, 0},
		{"three ways", 0, 8, 0, 0, 3 * (u64)Q, COMMIT},
		{"taken back", 0, 0, 0, 0, 0, 0},
		{"reserved ways", 0, 7, 0, 0, Q, COMMIT},
		{"taken back", 0, 0, 0, 0, 0, 0},
		{"reserved granularity", 0, 1, 7, 0, Q, COMMIT},
		{"taken back", 0, 0, 0, 0, 0, 0},
		{"one TiB", 0, 0, 0, 0, 0x10000000000, COMMIT},
		{"taken back", 0, 0, 0, 0, 0, 0},
		{"locked", 0, 0, 0, 0, Q, COMMIT | LOCK},
		{"taken back from the lock", 0, 0, 0, 2, 2 * (u64)Q, 0},
	};
	u64 hdm = find_hdm(base);

	for (unsigned n = 0; hdm && n < sizeof(steps) / sizeof(steps[0]); n++) {
		const struct step *s = &steps[n];
		u64 at = hdm + 0x10 + 0x20 * s->decoder, from = 0x10000000000 + s->base * Q, v[3];

		if (s->ctrl) {
			write32(at, (u32)from);
			write32(at + 4, from >> 32);
			write32(at + 8, (u32)s->size);
			write32(at + 12, s->size >> 32);
			write32(at + 0x14, is_device ? 0 : 0x03020100); /* DPA skip, or targets */
		} else {
			write32(at + 8, (u32)s->size);
		}
		write32(at + 0x10, s->ctrl ? s->ctrl | HOST_ONLY | s->iw << 4 | s->ig : 0);
		v[0] = read32(at + 0x10);
		v[1] = read32(at + 8);
		v[2] = read32(hdm + 4);
		key(name, which);
		put("commit ");
		put_number(n, 2);
		put(" ");
		put(s->what);
		values(v, 3, 8);
	}
}

/* --- device registers and mailbox --- */

static const u8 cel_uuid[] = {0x0d, 0xa9, 0xc0, 0xb5, 0xbf, 0x41, 0x4b, 0x78, 0x8f, 0x79, 0x96, 0xb1, 0x62, 0x3b, 0x3f, 0x17};

/* Returns the bytes of the answer, which are in the payload. */
static unsigned ask(u64 mailbox, unsigned opcode, const u8 *input, unsigned length)
{
	u64 payload = mailbox + 0x20;

	for (unsigned n = 0; n < length; n++)
		write8(payload + n, input ? input[n] : 0);
	write64(mailbox + 8, opcode | (u64)length << 16);
	write32(mailbox + 4, 1);
	for (u64 until = now() + ms(2000); (read32(mailbox + 4) & 1) && now() < until;)
		;
	return read64(mailbox + 8) >> 16 & 0x1fffff;
}

static void command(u32 bdf, u64 mailbox, unsigned opcode, const u8 *input, unsigned length, const char *what)
{
	u64 payload = mailbox + 0x20, status;
	unsigned out = ask(mailbox, opcode, input, length);

	status = read64(mailbox + 16);
	key("command", bdf);
	put_number(opcode, 4);
	put(what);
	put(" = ");
	put_number(status >> 32 & 0xffff, 4);
	put(" ");
	put_number(out, 5);
	put(" ");
	for (unsigned n = 0; n < out && n < 1024; n++)
		put_number(read8(payload + n), 2);
	put("\n");
}

/* A line for each command that the log lists. */
static void effects_log(u32 bdf, u64 mailbox)
{
	u64 payload = mailbox + 0x20;
	u8 input[24] = {0};
	u64 effects[1];
	unsigned size;

	ask(mailbox, 0x0400, NULL, 0);
	size = read32(payload + 8 + 16); /* of the first log */
	memcpy(input, cel_uuid, 16);
	memcpy(input + 20, &size, 4);
	size = ask(mailbox, 0x0401, input, 24);
	for (unsigned at = 0; at + 4 <= size; at += 4) {
		key("effects", bdf);
		put_number(read16(payload + at), 4);
		effects[0] = read16(payload + at + 2);
		values(effects, 1, 4);
	}
}

/* All that a stranger may ask without changing anything, and what there is not. */
static void commands(u32 bdf, u64 mailbox)
{
	static const u16 plain[] = {0x0001, 0x0003, 0x0004, 0x0102, 0x0200, 0x0300, 0x0400, 0x4000, 0x4100, 0x4200, 0x4201, 0x4500, 0x7fff, 0xc000};
	u8 input[64];

	for (unsigned n = 0; n < sizeof(plain) / sizeof(plain[0]); n++)
		command(bdf, mailbox, plain[n], NULL, 0, "");
	for (unsigned n = 0; n < sizeof(plain) / sizeof(plain[0]); n++)
		command(bdf, mailbox, plain[n], NULL, 3, " long");
	for (unsigned log = 0; log < 6; log++) {
		static const char *const names[] = {" log 0", " log 1", " log 2", " log 3", " log 4", " log 5"};

		input[0] = log;
		command(bdf, mailbox, 0x0100, input, 1, names[log]);
	}
	effects_log(bdf, mailbox);
	memset(input, 0, sizeof(input));
	input[0] = 255;
	command(bdf, mailbox, 0x0500, input, 8, " all");
	memset(input, 0, sizeof(input));
	input[4] = 64;
	command(bdf, mailbox, 0x4102, input, 8, " 64 bytes");
	memset(input, 0, sizeof(input));
	input[8] = 0x40;
	command(bdf, mailbox, 0x4300, input, 16, " the first lines");
	memset(input, 0, sizeof(input));
	input[0] = 8;
	command(bdf, mailbox, 0x4800, input, 2, " regions");
	memset(input, 0, sizeof(input));
	input[0] = 8;
	command(bdf, mailbox, 0x4801, input, 8, " extents");
}

static void device(const struct function *f, u64 base)
{
	u64 head = read64(base), v[1] = {head};
	unsigned caps = head >> 32 & 0xffff;

	key("device", f->bdf);
	put("array");
	values(v, 1, 16);
	for (unsigned n = 1; n <= caps && n < 8; n++) {
		u32 id = read32(base + 16 * n), offset = read32(base + 16 * n + 4), length = read32(base + 16 * n + 8);

		v[0] = id;
		key("device", f->bdf);
		put_number(id & 0xffff, 4);
		put(" header");
		values(v, 1, 8);
		v[0] = (u64)offset << 32 | length;
		key("device", f->bdf);
		put_number(id & 0xffff, 4);
		put(" place");
		values(v, 1, 16);
		for (unsigned at = 0; at < length && at < 0x20; at += 8) {
			v[0] = read64(base + offset + at);
			key("device", f->bdf);
			put_number(id & 0xffff, 4);
			put("+");
			put_number(at, 2);
			values(v, 1, 16);
		}
		if ((id & 0xffff) == 2)
			commands(f->bdf, base + offset);
	}
}

/* --- DOE --- */

static unsigned exchange(u64 doe, const u32 *request, unsigned dwords, u32 *answer, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < dwords; i++)
		write32(doe + 0x10, request[i]);
	write32(doe + 8, 0x80000000u);
	for (u64 until = now() + ms(1000); !(read32(doe + 0xc) & 0x80000004u) && now() < until;)
		;
	while ((read32(doe + 0xc) & 0x80000000u) && n < max) {
		answer[n++] = read32(doe + 0x14);
		write32(doe + 0x14, 0);
	}
	if (read32(doe + 0xc) & 4)
		write32(doe + 8, 1);
	return n;
}

static void doe_line(u32 bdf, const char *what, u32 index, const u32 *answer, unsigned n)
{
	key("doe", bdf);
	put(what);
	put(" ");
	put_number(index, 4);
	put(" =");
	for (unsigned i = 0; i < n; i++) {
		put(" ");
		put_number(answer[i], 8);
	}
	put("\n");
}

static void doe(const struct function *f)
{
	static u32 answer[256];
	unsigned n, index = 0, entry = 0, turns = 0;
	u64 at = 0;

	for (unsigned cap = 0x100, turn = 0; cap && turn < 64; cap = read32(CFG(f->bdf, cap)) >> 20, turn++)
		if ((read32(CFG(f->bdf, cap)) & 0xffff) == 0x2e)
			at = CFG(f->bdf, cap);
	if (!at)
		return;
	do {
		const u32 request[] = {1, 3, index};

		n = exchange(at, request, 3, answer, 256);
		doe_line(f->bdf, "discovery", index, answer, n);
		index = n == 3 ? answer[2] >> 24 : 0;
	} while (index && turns++ < 8);
	do {
		const u32 request[] = {0x00021e98, 3, entry << 16};

		n = exchange(at, request, 3, answer, 256);
		doe_line(f->bdf, "CDAT", entry, answer, n);
		entry = n > 2 ? answer[2] >> 16 : 0xffff;
	} while (entry != 0xffff && turns++ < 64);
	const u32 wrong[] = {0x00ff1e98, 3, 0};

	n = exchange(at, wrong, 3, answer, 256);
	doe_line(f->bdf, "unknown type", 0, answer, n);
}

void test(void)
{
	static const u8 roots[] = {0, 0x40, 0x80};

	for (unsigned n = 0; n < sizeof(roots); n++) {
		next_bus = roots[n] + 1;
		enumerate(roots[n], n + 1 < sizeof(roots) ? roots[n + 1] - 1u : 0xff, 0);
	}
	for (unsigned n = 0; n < count; n++) {
		struct function *f = &functions[n];
		bool is_port = f->bridge && (read32(CFG(f->bdf, 0)) == 0x70758086 || (read32(CFG(f->bdf, 0)) & 0xffff) == 0x19e5);
		bool is_memory = !f->bridge && read32(CFG(f->bdf, 8)) >> 8 == 0x050210;

		if ((is_port || is_memory) && f->bar[0])
			component("function", f->bdf, f->bar[0]);
		if ((is_port || is_memory) && f->bar[0])
			commits("function", f->bdf, f->bar[0], is_memory);
		if (is_memory && f->bar[2])
			device(f, f->bar[2]);
		doe(f);
	}
	for (unsigned n = 0; n < HOST_BLOCKS; n++)
		component("bridge", n, HOST_REGS + 0x10000ul * n);
	for (unsigned n = 0; n < HOST_BLOCKS; n++)
		commits("bridge", n, HOST_REGS + 0x10000ul * n, false);
	/* What lies below first: its way leads through the registers above. */
	for (unsigned n = count; n-- > 0;)
		config_space(&functions[n]);
	check_true("functions were found", count > 3);
	done("walked");
}
