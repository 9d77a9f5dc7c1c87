/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random programs of some dozen instructions, with branches, loops and faults: each is run a few times as it is or among interrupts, and once with a breakpoint
 * somewhere else, which changes nothing that a program could see. (An emulator that translates interprets it then.) Registers, memory and
 * all exceptions have to be the same. With one vCPU, as a store-exclusive may fail for no reason that others have part in.
 */
/* run: smp=1 timeout=120 */
#include "bare.h"

#define DATA 0x4000400000ul /* the middle of a table's reach; the rest of it is not mapped */
#define PAGES 8u
#define WORDS_MAX 120u
#define FIRST_PAGE (DATA + 0x100000)

struct state { u64 x[28], sp, nzcv, fpsr, v[64], fpcr; };
struct outcome { struct state s; u64 exceptions, hash, memory; };

static u32 *code;
static u64 pages[PAGES];
static unsigned count;
static struct outcome *now_running;

/* --- chance --- */

static u64 chance;
static u64 next(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance * 0x2545f4914f6cdd1dul;
}
static unsigned pick(unsigned n) { return (unsigned)((next() >> 20) % n); }
static u32 field(unsigned bits, unsigned low) { return (u32)pick(1u << bits) << low; }

/* --- instructions: x0 to x15 are data, x16 to x18 and SP are addresses, x20 counts rounds, x21 goes to where a branch leads --- */

static u32 data(unsigned low) { return (u32)pick(16) << low; }
static u32 data_or_zero(unsigned low) { return (pick(8) ? (u32)pick(16) : 31u) << low; }
static u32 base(void) { return (u32)(pick(4) == 3 ? 31 : 16 + pick(3)) << 5; }
static u32 vector(unsigned low) { return (u32)pick(8) << low; }
#define ONE_OF(list) list[pick(sizeof(list) / sizeof(list[0]))]

static u32 three_registers(void)
{
	static const u32 shifted[] = {0x0b000000, 0x2b000000, 0x4b000000, 0x6b000000, 0x0a000000, 0x0a200000, 0x2a000000, 0x2a200000, 0x4a000000, 0x4a200000, 0x6a000000, 0x6a200000},
			 plain[] = {0x1a000000, 0x3a000000, 0x5a000000, 0x7a000000, 0x1ac00800, 0x1ac00c00, 0x1ac02000, 0x1ac02400, 0x1ac02800, 0x1ac02c00},
			 wide[] = {0x9bc07c00, 0x9b407c00, 0x9b200000, 0x9ba00000, 0x9b000000, 0x1b000000, 0x1b008000, 0x9b008000},
			 select[] = {0x1a800000, 0x1a800400, 0x5a800000, 0x5a800400};
	u32 d = data_or_zero(0) | data_or_zero(5) | data_or_zero(16), sf = field(1, 31);

	switch (pick(4)) {
	case 0: {
		u32 w = ONE_OF(shifted), type = (u32)pick(w & 0x0a000000 && !(w & 0x01000000) ? 4 : 3) << 22;

		return w | d | sf | (pick(2) ? 0 : type | field(5, 10));
	}
	case 1: return ONE_OF(plain) | d | sf;
	case 2: {
		u32 w = ONE_OF(wide);

		return (w & 0x00400000) ? w | d : w | d | data_or_zero(10);
	}
	default: return ONE_OF(select) | d | sf | field(4, 12);
	}
}
static u32 immediate(void)
{
	static const u32 add[] = {0x11000000, 0x31000000, 0x51000000, 0x71000000}, moves[] = {0x12800000, 0x52800000, 0x72800000},
			 logic[] = {0x12000000, 0x32000000, 0x52000000, 0x72000000}, one[] = {0x5ac00000, 0x5ac00400, 0x5ac00800, 0x5ac01000, 0x5ac01400};
	u32 sf = field(1, 31), d = data(0) | data(5);

	switch (pick(6)) {
	case 0: return ONE_OF(add) | sf | d | field(12, 10);
	case 1: return ONE_OF(moves) | sf | data(0) | field(1, 21) | field(16, 5);
	case 2: return ONE_OF(logic) | d | field(5, 16) | (u32)pick(31) << 10; /* a run of ones in 32 bits */
	case 3: { /* bit fields */
		u32 op = (u32)pick(3) << 29, n = sf ? 1u << 22 : 0;

		return 0x13000000 | op | sf | n | d | (sf ? field(6, 16) | field(6, 10) : field(5, 16) | field(5, 10));
	}
	case 4: return ONE_OF(one) | sf | d;
	default: return 0x13800000 | sf | (sf ? 1u << 22 | field(6, 10) : field(5, 10)) | d | data(16); /* extr */
	}
}
static u32 flags(void)
{
	static const u32 compare[] = {0x3a400000, 0x7a400000, 0x3a400800, 0x7a400800}, registers[] = {0xd53b4200, 0xd51b4200, 0xd53b4400, 0xd51b4400, 0xd53b4420, 0xd51b4420};

	switch (pick(4)) {
	case 0: return 0x6b00001f | field(1, 31) | data(5) | data(16); /* cmp */
	case 1: return 0x7100001f | field(1, 31) | data(5) | field(3, 10);
	case 2: return ONE_OF(compare) | field(1, 31) | data(5) | data(16) | field(4, 12) | field(4, 0);
	default: return pick(4) ? 0x6a00001f | field(1, 31) | data(5) | data(16) : ONE_OF(registers) | data(0); /* tst; mrs, msr of NZCV, FPCR, FPSR */
	}
}
static u32 memory(void)
{
	static const u32 scaled[] = {0xf9400000, 0xf9000000, 0xb9400000, 0xb9000000, 0x39400000, 0x39000000, 0x79400000, 0x79000000, 0xb9800000, 0x39c00000, 0x79800000},
			 scaled_v[] = {0x3dc00000, 0x3d800000, 0xfd400000, 0xfd000000, 0xbd400000, 0xbd000000, 0x3d400000, 0x7d000000},
			 unscaled[] = {0xf8400000, 0xf8000000, 0xf8400400, 0xf8000400, 0xf8400c00, 0xf8000c00, 0xb8404400 & ~0x4000u, 0x38000c00, 0x78400400},
			 pairs[] = {0xa9400000, 0xa9000000, 0xa9c00000, 0xa9800000, 0xa8c00000, 0xa8800000, 0x69400000, 0x29400000, 0x29000000, 0xa8400000},
			 pairs_v[] = {0xad400000, 0xad000000, 0xacc00000, 0xac800000, 0x6d400000, 0x2d800000},
			 atomic[] = {0xf8200000, 0xb8201000, 0x38203000, 0xf8208000, 0x78202000, 0xf8204000},
			 ordered[] = {0xc8dffc00, 0xc89ffc00, 0x88dffc00, 0x089ffc00};
	u32 n = base(), t = data(0), u = ((t + 1 + (u32)pick(15)) & 15) << 10;

	switch (pick(11)) {
	case 0: case 1: return ONE_OF(scaled) | field(4, 10) | n | t;
	case 2: return ONE_OF(scaled_v) | field(4, 10) | n | vector(0);
	case 3: case 4: return ONE_OF(unscaled) | (u32)(pick(64) & 63) << 12 | field(1, 20) | n | t;
	case 5: case 6: return ONE_OF(pairs) | field(3, 15) | field(1, 21) | u | n | t;
	case 7: return ONE_OF(pairs_v) | field(3, 15) | field(1, 21) | (u32)(8 + pick(4)) << 10 | n | vector(0);
	case 8: return ONE_OF(atomic) | field(2, 22) | data(16) | n | t;
	case 9: return pick(2) ? ONE_OF(ordered) | n | t : 0xd50b7420 | (n >> 5 == 31 ? 16 : n >> 5); /* dc zva */
	default: return pick(2) ? 0x91000000 | field(10, 10) | n | n >> 5 : 0xd1000000 | field(10, 10) | n | n >> 5; /* the base moves */
	}
}
static u32 floating(void)
{
	static const u32 two[] = {0x1e202800, 0x1e203800, 0x1e200800, 0x1e201800, 0x1e204800, 0x1e205800, 0x1e206800, 0x1e208800},
			 vectors_[] = {0x4ea08400, 0x6ea08400, 0x4e209c00, 0x4e20d400, 0x6e20dc00, 0x4e003800, 0x4e001800, 0x4e201c00, 0x6e201c00, 0x4e20cc00, 0x4ee08400},
			 to[] = {0x9e780000, 0x1e380000, 0x9e790000, 0x9e660000, 0x1e260000}, from[] = {0x9e620000, 0x1e220000, 0x9e630000, 0x9e670000, 0x1e270000};
	u32 d = vector(0) | vector(5);

	switch (pick(6)) {
	case 0: return ONE_OF(two) | field(1, 22) | d | vector(16);
	case 1: return ONE_OF(vectors_) | d | vector(16);
	case 2: return 0x1e202000 | field(1, 22) | vector(5) | vector(16); /* fcmp */
	case 3: return 0x1e200c00 | field(1, 22) | d | vector(16) | field(4, 12); /* fcsel */
	case 4: return ONE_OF(to) | data(0) | vector(5);
	default: return ONE_OF(from) | vector(0) | data(5);
	}
}

static u8 landed[WORDS_MAX + 8]; /* a branch leads there */
static void put_word(u32 w) { code[count++] = w; }

/* A loop of exclusives with arithmetic between, or a pair that something is between. */
static bool has_exclusives;
static void exclusives(void)
{
	u32 n = (u32)(16 + pick(3)) << 5, size = (2u + (u32)pick(2)) << 30, t = data(0), u = (t + 1 + (u32)pick(15)) & 15, s = (u + 1) & 15;

	has_exclusives = true;
	put_word(0x085f7c00 | size | n | t); /* ldxr */
	for (unsigned k = pick(3); k--;)
		put_word(pick(4) ? 0x11000000 | size >> 30 << 31 | field(8, 10) | t << 5 | u : immediate());
	put_word(0x08007c00 | size | (s == t || s == u ? 15 : s) << 16 | n | (u == 15 ? t == 14 ? 13 : 14 : u)); /* stxr */
}

static void branch(void)
{
	u32 ahead = 2 + (u32)pick(6);

	landed[count + ahead] = 1;
	switch (pick(7)) {
	case 0: case 1: put_word(0x54000000 | ahead << 5 | field(4, 0)); break;
	case 2: put_word(0x34000000 | field(1, 31) | field(1, 24) | ahead << 5 | data(0)); break;
	case 3: put_word(0x36000000 | field(1, 31) | field(1, 24) | field(5, 19) | ahead << 5 | data(0)); break;
	case 4: put_word(0x14000000 | ahead); break;
	case 5:
		put_word(0x10000000 | ahead << 5 | 21); /* adr x21; br x21 */
		put_word(0xd61f0000 | 21 << 5);
		break;
	default:
		put_word(0x14000000 | 2); /* over an SVC, or not */
		put_word(0xd4000001 | field(8, 5));
		break;
	}
}

static void program(void)
{
	unsigned start, length = 6 + pick(70);

	count = 0;
	has_exclusives = false;
	memset(landed, 0, sizeof(landed));
	put_word(0xd2800014 | (1 + (u32)pick(12)) << 5); /* mov x20, #rounds */
	start = count;
	while (count < length) {
		switch (pick(16)) {
		case 0: case 1: case 2: put_word(three_registers()); break;
		case 3: case 4: put_word(immediate()); break;
		case 5: case 6: put_word(flags()); break;
		case 7: case 8: case 9: case 10: put_word(memory()); break;
		case 11: case 12: put_word(floating()); break;
		case 13: branch(); break;
		case 14:
			if (pick(3)) {
				branch();
			} else { /* back, as long as x20 is not negative */
				u32 back = (count + 1 - start > 20 ? 20 : count + 1 - start);

				back = 1 + (u32)pick(back);
				put_word(0xd1000694);
				landed[count - back] = 1;
				put_word(0xb6f80014 | ((0u - back) & 0x3fff) << 5);
			}
			break;
		default:
			switch (pick(6)) {
			case 0: put_word(0xd5033bbf); break; /* dmb */
			case 1: put_word(0xd5033fdf); break; /* isb */
			case 2: put_word(0x00000000); break; /* udf */
			case 3: put_word(0xd4000001); break; /* svc */
			default: exclusives(); break;
			}
		}
	}
	for (unsigned k = 0; k < 8; k++) /* where branches ahead may end */
		put_word(0xd503201f);
	put_word(0xd1000694); /* sub x20, x20, #1; tbz x20, #63, start */
	put_word(0xb6f80014 | ((0u - (count - start)) & 0x3fff) << 5);
	put_word(0xd65f03c0);
	for (unsigned n = 0; n < count; n++)
		if (landed[n] && (code[n] == (0xd61f0000 | 21 << 5) || (code[n] & 0xfff8001f) == 0xb6f80014))
			code[n] = 0xd503201f; /* without what is before them, these would lead anywhere, or for ever back */
	code_changed(code, count * 4);
}

/* --- running --- */

asm("	.text\n"
    "	.arch armv8-a+fp+simd\n"
    "run_code:\n" /* struct state *, code */
    "	stp x29, x30, [sp, #-96]!\n stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n stp x23, x24, [sp, #48]\n stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n"
    "	mov x28, x0\n mov x29, sp\n adr x30, 1f\n mov x27, x1\n"
    "	add x1, x0, #248\n"
    "	ldp q0, q1, [x1], #32\n ldp q2, q3, [x1], #32\n ldp q4, q5, [x1], #32\n ldp q6, q7, [x1], #32\n"
    "	ldp q8, q9, [x1], #32\n ldp q10, q11, [x1], #32\n"
    "	ldp x2, x3, [x0, #224]\n mov sp, x2\n msr nzcv, x3\n ldr x2, [x0, #240]\n msr fpsr, x2\n ldr x2, [x0, #760]\n msr fpcr, x2\n"
    "	ldp x2, x3, [x0, #16]\n ldp x4, x5, [x0, #32]\n ldp x6, x7, [x0, #48]\n ldp x8, x9, [x0, #64]\n ldp x10, x11, [x0, #80]\n ldp x12, x13, [x0, #96]\n"
    "	ldp x14, x15, [x0, #112]\n ldp x16, x17, [x0, #128]\n ldp x18, x19, [x0, #144]\n ldp x20, x21, [x0, #160]\n ldp x22, x23, [x0, #176]\n ldp x24, x25, [x0, #192]\n"
    "	ldp x0, x1, [x0]\n"
    "	br x27\n"
    "1:	stp x0, x1, [x28]\n stp x2, x3, [x28, #16]\n stp x4, x5, [x28, #32]\n stp x6, x7, [x28, #48]\n stp x8, x9, [x28, #64]\n stp x10, x11, [x28, #80]\n"
    "	stp x12, x13, [x28, #96]\n stp x14, x15, [x28, #112]\n stp x16, x17, [x28, #128]\n stp x18, x19, [x28, #144]\n stp x20, x21, [x28, #160]\n"
    "	mrs x0, nzcv\n mov x1, sp\n stp x1, x0, [x28, #224]\n mrs x0, fpsr\n str x0, [x28, #240]\n mrs x0, fpcr\n str x0, [x28, #760]\n msr fpcr, xzr\n"
    "	add x1, x28, #248\n"
    "	stp q0, q1, [x1], #32\n stp q2, q3, [x1], #32\n stp q4, q5, [x1], #32\n stp q6, q7, [x1], #32\n stp q8, q9, [x1], #32\n stp q10, q11, [x1], #32\n"
    "	mov sp, x29\n"
    "	ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n ldp x23, x24, [sp, #48]\n ldp x25, x26, [sp, #64]\n ldp x27, x28, [sp, #80]\n ldp x29, x30, [sp], #96\n ret\n");
void run_code(struct state *s, const u32 *at);

static void mix(u64 *hash, u64 v)
{
	*hash = (*hash ^ v) * 0x100000001b3ul;
	*hash ^= *hash >> 29;
}

static const u64 attributes[PAGES] = {D_RAM, D_RAM, D_RAM | D_RO, 0, D_RAM, D_RAM, 0, D_RAM | D_RO};

static void set_page(unsigned n, u64 bits)
{
	*(volatile u64 *)table_slot(&flat, FIRST_PAGE + 4096 * n, 3) = bits ? pages[n] | bits | 3 : 0;
	tlbi_va(FIRST_PAGE + 4096 * n);
}

/* A page that is not there, or may only be read, is made what it should be every other time. */
static bool mended(const struct frame *f, u64 exceptions)
{
	unsigned n = (unsigned)((f->far - FIRST_PAGE) >> 12), status = f->esr & 63;

	if (n >= PAGES || (exceptions & 1) || (status != 7 && status != 15))
		return false;
	set_page(n, D_RAM | (status == 7 ? D_RO : 0));
	return true;
}

/* What was taken is noted, and the instruction skipped, or tried again. */
static bool taken(struct frame *f, unsigned vector)
{
	unsigned class = f->esr >> 26 & 63;
	struct outcome *o = now_running;

	if (!o || f->elr - (u64)code > WORDS_MAX * 4 + 4)
		return false;
	o->exceptions++;
	mix(&o->hash, f->esr);
	mix(&o->hash, f->elr);
	mix(&o->hash, f->spsr & ~0x3c0ul);
	mix(&o->hash, f->sp);
	for (unsigned n = 0; n < 22; n++)
		mix(&o->hash, f->x[n]);
	if (class == 0x25)
		mix(&o->hash, f->far);
	if (class != 0x15 && !(class == 0x25 && mended(f, o->exceptions)))
		f->elr += 4;
	if (f->sp - FIRST_PAGE > 0x20000)
		f->sp = FIRST_PAGE + 0x2000;
	return true;
}

static u64 interrupts;

/* The next interrupt comes some instructions from here, when a counter of the PMU overflows: no timer is as fine, and its interrupt may come when all is over. */
static void arm(void)
{
	write_sysreg(-(u64)(1 + pick(300)) & 0xffffffff, pmevcntr0_el0);
	write_sysreg(1, pmovsclr_el0);
	isb();
}
static bool interrupted(struct frame *f, unsigned vector)
{
	u64 intid = icc_get(ICC_IAR1);

	if (intid != 23)
		return intid == 1023;
	interrupts += f->elr - (u64)code < 4096;
	arm();
	icc_set(intid, ICC_EOIR1);
	return true;
}

enum how { PLAIN, BREAKPOINT, INTERRUPTS };
static void run(struct outcome *o, const struct state *from, enum how how)
{
	*o = (struct outcome){.s = *from};
	for (unsigned n = 0; n < PAGES; n++)
		set_page(n, attributes[n]);
	for (unsigned n = 0; n < PAGES; n++)
		for (unsigned k = 0; k < 4096; k += 8)
			write64(pages[n] + k, pages[n] * 0x9e3779b97f4a7c15ul + k * 0x0101010101010101ul);
	now_running = o;
	if (how == INTERRUPTS) {
		arm();
		write_sysreg(1, pmcntenset_el0);
		irq_on();
	}
	if (how == BREAKPOINT) {
		write_sysreg(read_sysreg(mdscr_el1) | BIT(15) | BIT(13), mdscr_el1);
		asm volatile("msr daifclr, #8; isb" ::: "memory");
	}
	run_code(&o->s, code);
	irq_off();
	write_sysreg(1, pmcntenclr_el0);
	if (how == BREAKPOINT) {
		asm volatile("msr daifset, #8; isb" ::: "memory");
		write_sysreg(read_sysreg(mdscr_el1) & ~(BIT(15) | BIT(13)), mdscr_el1);
	}
	now_running = NULL;
	for (unsigned n = 0; n < PAGES; n++)
		for (unsigned k = 0; k < 4096; k += 8)
			mix(&o->memory, read64(pages[n] + k));
}

static u64 number(void)
{
	u64 r = next();

	switch (r & 7) {
	case 0: return r >> 60;
	case 1: return -(r >> 60);
	case 2: return 1ul << (r >> 58);
	case 3: return 0x7ff0000000000000ul + (r >> 61);
	case 4: return 0x3ff0000000000000ul ^ (r >> 8 & 0x8007ffffffffffff);
	default: return r;
	}
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	const u64 *p = (const u64 *)a, *q = (const u64 *)b;

	for (unsigned n = 0; n < sizeof(*a) / 8; n++)
		if (p[n] != q[n])
			return false;
	return true;
}

static void differ(unsigned which, u64 seed, const struct outcome *a, const struct outcome *b)
{
	const u64 *p = (const u64 *)a, *q = (const u64 *)b;

	check("a program runs the same", which, 99);
	put("  seed ");
	put_hex(seed);
	put(" differs in words:");
	for (unsigned n = 0; n < sizeof(*a) / 8; n++)
		if (p[n] != q[n]) {
			put(" ");
			put_dec(n);
			put(":");
			put_hex(p[n]);
			put("/");
			put_hex(q[n]);
		}
	put("\n");
	for (unsigned n = 0; n < count; n++) {
		put_hex(code[n]);
		put(n % 8 == 7 ? "\n" : " ");
	}
	put("\n");
}

void test(void)
{
	static struct outcome reference, again;
	u64 exceptions = 0, bad = 0;

	mmu_flat();
	code = page_alloc(4096);
	for (unsigned n = 0; n < PAGES; n++) {
		pages[n] = (u64)page_alloc(4096);
		map(&flat, FIRST_PAGE + 4096 * n, pages[n], D_RAM, 3);
	}
	tlbi_all();
	gic_init();
	gic_enable(23, 0x80, 1);
	write_sysreg(8, pmevtyper0_el0); /* instructions retired */
	write_sysreg(1, pmintenset_el1);
	write_sysreg(1, pmcr_el0);
	self()->irq = interrupted;
	self()->hook = taken;
	write_sysreg(0x1000, dbgbvr0_el1);
	write_sysreg(3, dbgbcr0_el1); /* enabled, EL1 */
	/* From a number on where some were once found that did not run the same. */
	for (unsigned n = 8300; n < 8300 + RUNS(1500u, 1000000u) && bad < 3; n++) {
		u64 seed = n * 0x9e3779b97f4a7c15ul;
		struct state from;

		chance = seed;
		next();
		program();
		for (unsigned k = 0; k < 28; k++)
			from.x[k] = number();
		for (unsigned k = 16; k < 19; k++)
			from.x[k] = FIRST_PAGE + (pick(PAGES) << 12) + (pick(2) ? 0xff0 + pick(4) * 8 : pick(0x200) * 8);
		from.sp = FIRST_PAGE + 0x1000 + pick(0x200) * 16;
		from.nzcv = next() & 0xf0000000;
		from.fpsr = pick(2) ? 0x1f : 0;
		from.fpcr = pick(3) ? 0 : next() & 0x07c80000;
		for (unsigned k = 0; k < 64; k++)
			from.v[k] = number();
		run(&reference, &from, BREAKPOINT);
		exceptions += reference.exceptions;
		for (unsigned k = 0; k < 3; k++) {
			/* A return from an interrupt ends an exclusive access. */
			run(&again, &from, k == 1 && !has_exclusives ? INTERRUPTS : PLAIN);
			check_true("the same", true);
			if (same(&reference, &again))
				continue;
			differ(k, seed, &reference, &again);
			bad++;
			break;
		}
	}
	say("exceptions", exceptions);
	say("interrupts", interrupts);
	check_true("interrupts came", interrupts > 1000);
	done("random programs");
}
