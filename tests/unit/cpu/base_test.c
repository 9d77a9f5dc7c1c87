/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The base instruction set on a bare vCPU: MMU off, code at the start of RAM, vectors at 0x4001_0000, data from
 * 0x4008_0000. Each case is a short program; it ends at BRK, which the vector table's first instruction (another branch
 * to itself) catches.
 */
#include "cpu/bench.h"

#include "cpu/decode.h"

#define USED (1 * MiB)
#define VECTORS (RAM_BASE + 0x10000)
#define DATA (RAM_BASE + 0x80000)

static int bench_open(void **state)
{
	*state = bench_make(1, "max", true);
	return 0;
}

static int bench_close(void **state)
{
	bench_free(*state);
	return 0;
}

static u64 *data(struct bench *b, u64 va)
{
	return (u64 *)(void *)(b->ram.host + (va - RAM_BASE));
}

/* Loads a program, fresh state. The vectors hold a branch to themselves. */
static void load_program(struct bench *b, const u32 *words, unsigned count)
{
	u32 *vector = (u32 *)(void *)(b->ram.host + (VECTORS - RAM_BASE));

	code_invalidate_all(b->cpus);
	memset(b->ram.host, 0, USED);
	memcpy(b->ram.host, words, count * 4);
	((u32 *)(void *)b->ram.host)[count] = 0xd4200000; /* brk #0 */
	for (unsigned k = 0; k < 512; k++)
		vector[k] = 0x14000000;
	cpus_reset(b->cpus, RAM_BASE, 0);
	b->cpu->sys.vbar = VECTORS;
	for (unsigned k = 0; k < 30; k++)
		b->cpu->x[k] = 0;
}

/* One block of 1 GiB, normal memory, flat; the table stands behind the code. */
static void mmu_on(struct bench *b)
{
	data(b, RAM_BASE + 0x20000)[RAM_BASE >> 30] = RAM_BASE | 1 << 10 | 1; /* AF, attribute 0, EL1 read and write */
	b->cpu->sys.mair = 0xff;
	b->cpu->sys.ttbr0 = RAM_BASE + 0x20000;
	b->cpu->sys.tcr = 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1ull << 23 | 2ull << 32; /* 39 bits, 4 KiB; no TTBR1 */
	b->cpu->sys.sctlr |= 1;
}

static u64 esr(struct bench *b)
{
	return b->cpu->sys.esr;
}

/* Runs to the exception at the end; its class must be BRK's. */
static void run_to_brk(struct bench *b)
{
	u64 done = cpu_run(b->cpu, 100000);

	assert_int_equal(done, 100000);
	if (esr(b) >> 26 != EC_BRK)
		fail_msg("exception 0x%llx at 0x%llx, far 0x%llx", (unsigned long long)esr(b),
			 (unsigned long long)b->cpu->sys.elr, (unsigned long long)b->cpu->sys.far);
}
#define PROGRAM(b, ...)                                                                                                \
	do {                                                                                                           \
		static const u32 words_[] = {__VA_ARGS__};                                                             \
		load_program(b, words_, ARRAY_SIZE(words_));                                                           \
	} while (0)

/* One instruction on given registers. */
struct one {
	const char *name;
	u32 word;       /* of x1, x2, x3 in; x0 out */
	u64 x1, x2, x3; /* and x0 = x3 before */
	u32 nzcv;       /* before, in bits 3..0 */
	u64 x0;         /* expected */
	int flags;      /* expected, in bits 3..0, or -1: as before */
};
static const struct one ones_table[] = {
	{"add x0, x1, x2", 0x8b020020, 1, 2, 0, 0, 3, -1},
	{"add w0, w1, w2", 0x0b020020, 0xffffffff, 2, 0, 0, 1, -1},
	{"adds x0, x1, x2", 0xab020020, 0x7fffffffffffffff, 1, 0, 0, 0x8000000000000000, 0x9},
	{"adds w0, w1, w2", 0x2b020020, 0xffffffff, 1, 0, 0, 0, 0x6},
	{"subs x0, x1, x2", 0xeb020020, 5, 5, 0, 0, 0, 0x6},
	{"subs w0, w1, w2", 0x6b020020, 0x80000000, 1, 0, 0, 0x7fffffff, 0x3},
	{"subs x0, x1, #1", 0xf1000420, 0, 0, 0, 0, ~0ull, 0x8},
	{"adcs x0, x1, x2", 0xba020020, ~0ull, 0, 0, 2, 0, 0x6},
	{"sbcs x0, x1, x2", 0xfa020020, 5, 4, 0, 0, 0, 0x6},
	{"add x0, x1, w2, sxtb #2", 0x8b228820, 0x100, 0xff, 0, 0, 0xfc, -1},
	{"sub x0, x1, x2, asr #4", 0xcb821020, 0, 0x8000000000000000, 0, 0, 0x0800000000000000, -1},
	{"and x0, x1, #0xff00ff00ff00ff00", 0x92089c20, 0, 0, 0, 0, 0, -1},
	{"orr x0, xzr, #0x5555555555555555", 0xb200f3e0, 0, 0, 0, 0, 0x5555555555555555, -1},
	{"eor w0, w1, #0xffff", 0x52003c20, 0x12345678, 0, 0, 0, 0x1234a987, -1},
	{"ands x0, x1, x2", 0xea020020, 0x8000000000000000, ~0ull, 0, 3, 0x8000000000000000, 0x8},
	{"bic x0, x1, x2, lsl #8", 0x8a222020, ~0ull, 0xff, 0, 0, 0xffffffffffff00ff, -1},
	{"orn w0, w1, w2", 0x2a220020, 0, 0, 0, 0, 0xffffffff, -1},
	{"eon x0, x1, x2, ror #1", 0xcae20420, 0, 1, 0, 0, 0x7fffffffffffffff, -1},
	{"movz x0, #0x1234, lsl #48", 0xd2e24680, 0, 0, 0, 0, 0x1234000000000000, -1},
	{"movn w0, #0", 0x12800000, 0, 0, 0, 0, 0xffffffff, -1},
	{"movk x0, #0xabcd, lsl #16", 0xf2b579a0, 0, 0, 0x1111222233334444, 0, 0x11112222abcd4444, -1},
	{"ubfx x0, x1, #8, #16", 0xd3485c20, 0x123456789abcdef0, 0, 0, 0, 0xbcde, -1},
	{"sbfiz x0, x1, #4, #8", 0x937c1c20, 0x80, 0, 0, 0, 0xfffffffffffff800, -1},
	{"bfi w0, w1, #4, #8", 0x331c1c20, 0xab, 0, 0xffffffff, 0, 0xfffffabf, -1},
	{"sxtw x0, w1", 0x93407c20, 0x80000000, 0, 0, 0, 0xffffffff80000000, -1},
	{"uxtb w0, w1", 0x53001c20, 0x1ff, 0, 0, 0, 0xff, -1},
	{"extr x0, x1, x2, #8", 0x93c22020, 0x11, 0x2200, 0, 0, 0x1100000000000022, -1},
	{"ror w0, w1, #4", 0x13811020, 0x12345678, 0, 0, 0, 0x81234567, -1},
	{"csel x0, x1, x2, eq", 0x9a820020, 1, 2, 0, 4, 1, -1},
	{"csinc x0, x1, x2, eq", 0x9a820420, 1, 2, 0, 0, 3, -1},
	{"csneg w0, w1, w2, gt", 0x5a82c420, 1, 2, 0, 4, 0xfffffffe, -1},
	{"ccmp x1, x2, #5, ne", 0xfa421025, 3, 3, 7, 4, 7, 0x5},
	{"udiv x0, x1, x2", 0x9ac20820, 7, 0, 0, 0, 0, -1},
	{"sdiv x0, x1, x2", 0x9ac20c20, 0x8000000000000000, ~0ull, 0, 0, 0x8000000000000000, -1},
	{"sdiv w0, w1, w2", 0x1ac20c20, 0x80000000, 0xffffffff, 0, 0, 0x80000000, -1},
	{"lslv x0, x1, x2", 0x9ac22020, 1, 65, 0, 0, 2, -1},
	{"asrv w0, w1, w2", 0x1ac22820, 0x80000000, 4, 0, 0, 0xf8000000, -1},
	{"crc32b w0, w1, w2", 0x1ac24020, 0xffffffff, 0x31, 0, 0, 0x7c231048, -1},
	{"crc32cx w0, w1, x2", 0x9ac25c20, 0, 0x0102030405060708, 0, 0, 0xaad1b096, -1},
	{"rbit x0, x1", 0xdac00020, 1, 0, 0, 0, 0x8000000000000000, -1},
	{"rev16 w0, w1", 0x5ac00420, 0x11223344, 0, 0, 0, 0x22114433, -1},
	{"rev32 x0, x1", 0xdac00820, 0x1122334455667788, 0, 0, 0, 0x4433221188776655, -1},
	{"rev x0, x1", 0xdac00c20, 0x1122334455667788, 0, 0, 0, 0x8877665544332211, -1},
	{"clz w0, w1", 0x5ac01020, 0, 0, 0, 0, 32, -1},
	{"cls x0, x1", 0xdac01420, ~0ull, 0, 0, 0, 63, -1},
	{"madd x0, x1, x2, x3", 0x9b020c20, 3, 4, 5, 0, 17, -1},
	{"smsubl x0, w1, w2, x3", 0x9b228c20, 0xffffffff, 2, 10, 0, 12, -1},
	{"umulh x0, x1, x2", 0x9bc27c20, ~0ull, ~0ull, 0, 0, 0xfffffffffffffffe, -1},
	{"smulh x0, x1, x2", 0x9b427c20, ~0ull, 2, 0, 0, ~0ull, -1},
	{"rmif x1, #4, #15", 0xba02042f, 0xa0, 0, 7, 0, 7, 0xa},
	{"setf8 w1", 0x3a00082d, 0x80, 0, 7, 2, 7, 0xb},
	{"cfinv", 0xd500401f, 0, 0, 7, 2, 7, 0},
	{"axflag", 0xd500405f, 0, 0, 7, 3, 7, 4},
	{"adr x0, .+4", 0x10000020, 0, 0, 0, 0, RAM_BASE + 4, -1},
};

static void single_instructions_compute(void **state)
{
	struct bench *b = *state;

	for (unsigned k = 0; k < ARRAY_SIZE(ones_table); k++) {
		const struct one *one = &ones_table[k];
		u32 flags = one->flags < 0 ? one->nzcv : (u32)one->flags;

		load_program(b, &one->word, 1);
		b->cpu->x[0] = b->cpu->x[3] = one->x3;
		b->cpu->x[1] = one->x1;
		b->cpu->x[2] = one->x2;
		b->cpu->nzcv = one->nzcv << 28;
		run_to_brk(b);
		if (b->cpu->x[0] != one->x0)
			fail_msg("%s: x0 = 0x%llx, not 0x%llx", one->name, (unsigned long long)b->cpu->x[0],
				 (unsigned long long)one->x0);
		if ((b->cpu->sys.spsr >> 28 & 15) != flags)
			fail_msg("%s: flags 0x%x, not 0x%x", one->name, (unsigned)(b->cpu->sys.spsr >> 28 & 15), flags);
	}
}

static void a_loop_counts_exactly(void **state)
{
	struct bench *b = *state;

	PROGRAM(b, 0x91000400, /* add x0, x0, #1 */
		0xf1000421,    /* subs x1, x1, #1 */
		0x54ffffc1,
		/* b.ne .-8 */);
	b->cpu->x[1] = 1000000;
	assert_int_equal(cpu_run(b->cpu, 1), 1);
	assert_int_equal(b->cpu->x[0], 1);
	assert_int_equal(cpu_pc(b->cpu), RAM_BASE + 4);
	assert_int_equal(cpu_run(b->cpu, 2999), 2999);
	assert_int_equal(b->cpu->x[0], 1000);
	assert_int_equal(cpu_pc(b->cpu), RAM_BASE);
	assert_int_equal(cpu_run(b->cpu, 2997000), 2997000);
	assert_int_equal(b->cpu->x[0], 1000000);
	assert_int_equal(cpu_pc(b->cpu), RAM_BASE + 12);
}

static void loads_and_stores_extend_and_write_back(void **state)
{
	struct bench *b = *state;

	PROGRAM(b, 0xf8008402, /* str x2, [x0], #8 */
		0x39bfe003,    /* ldrsb x3, [x0, #4088] */
		0x39c00024,    /* ldrsb w4, [x1] */
		0x79400425,    /* ldrh w5, [x1, #2] */
		0xb9800426,    /* ldrsw x6, [x1, #4] */
		0xf8667827,    /* ldr x7, [x1, x6, lsl #3] */
		0xf85f8c08,    /* ldr x8, [x0, #-8]! */
		0xa9402809,    /* ldp x9, x10, [x0] */
		0xa9bf2809,    /* stp x9, x10, [x0, #-16]! */
		0x69402c0c,
		/* ldpsw x12, x11, [x0] */);
	b->cpu->x[0] = b->cpu->x[1] = DATA;
	b->cpu->x[2] = 0xfffffff280017f80;
	*data(b, DATA + 8) = 0x1122334455667788;
	((u8 *)data(b, DATA + 8 + 4088))[0] = 0x80;
	/* x6 = -14: x7 comes from DATA - 112 */
	*data(b, DATA - 112) = 0xcafe;
	run_to_brk(b);
	assert_int_equal(*data(b, DATA), 0xfffffff280017f80);
	assert_true(b->cpu->x[3] == 0xffffffffffffff80);
	assert_int_equal(b->cpu->x[4], 0xffffff80);
	assert_int_equal(b->cpu->x[5], 0x8001);
	assert_true(b->cpu->x[6] == (u64)-14);
	assert_int_equal(b->cpu->x[7], 0xcafe);
	assert_true(b->cpu->x[8] == 0xfffffff280017f80);
	assert_true(b->cpu->x[10] == 0x1122334455667788);
	assert_int_equal(b->cpu->x[0], DATA - 16);
	assert_true(*data(b, DATA - 8) == 0x1122334455667788);
	assert_true(b->cpu->x[12] == 0xffffffff80017f80);
	assert_true(b->cpu->x[11] == (u64)-14);
}

static void accesses_cross_pages(void **state)
{
	struct bench *b = *state;

	PROGRAM(b, 0xf9000001 /* str x1, [x0] */, 0xf9400002 /* ldr x2, [x0] */);
	mmu_on(b);
	b->cpu->x[0] = DATA + 4096 - 3;
	b->cpu->x[1] = 0x0123456789abcdef;
	run_to_brk(b);
	assert_true(b->cpu->x[2] == 0x0123456789abcdef);
}

static void exclusives_and_atomics(void **state)
{
	struct bench *b = *state;

	PROGRAM(b, 0xc85f7c01, /* ldxr x1, [x0] */
		0xc8027c03,    /* stxr w2, x3, [x0] */
		0xc8047c03,    /* stxr w4, x3, [x0]: not armed any more */
		0xf8230005,    /* ldadd x3, x5, [x0] */
		0xc8a67c07,    /* cas x6, x7, [x0] */
		0x48287c2a,
		/* casp x8, x9, x10, x11, [x1] */);
	b->cpu->x[0] = DATA;
	b->cpu->x[3] = 0x77;
	b->cpu->x[6] = 0xee;
	b->cpu->x[7] = 0x99;
	*data(b, DATA) = DATA + 32;
	b->cpu->x[8] = 1;
	b->cpu->x[9] = 2;
	b->cpu->x[10] = 3;
	b->cpu->x[11] = 4;
	*data(b, DATA + 32) = 1;
	*data(b, DATA + 40) = 2;
	run_to_brk(b);
	assert_int_equal(b->cpu->x[1], DATA + 32);
	assert_int_equal(b->cpu->x[2], 0);
	assert_int_equal(b->cpu->x[4], 1);
	assert_int_equal(b->cpu->x[5], 0x77);
	assert_int_equal(b->cpu->x[6], 0xee);
	assert_int_equal(*data(b, DATA), 0x99);
	assert_int_equal(*data(b, DATA + 32), 3);
	assert_int_equal(*data(b, DATA + 40), 4);
}

static void a_status_may_be_data_or_base(void **state)
{
	struct bench *b = *state;

	PROGRAM(b, 0xc85f7c01, /* ldxr x1, [x0] */
		0xc8037c03,    /* stxr w3, x3, [x0] */
		0xc85f7c41,    /* ldxr x1, [x2] */
		0xc8027c44,
		/* stxr w2, x4, [x2] */);
	b->cpu->x[0] = DATA;
	b->cpu->x[2] = DATA + 8;
	b->cpu->x[3] = 0x77;
	b->cpu->x[4] = 0x99;
	run_to_brk(b);
	assert_int_equal(*data(b, DATA), 0x77);
	assert_int_equal(*data(b, DATA + 8), 0x99);
	assert_int_equal(b->cpu->x[3], 0);
	assert_int_equal(b->cpu->x[2], 0);
}

static void devices_have_no_atomics(void **state)
{
	struct bench *b = *state;
	static const u32 words[] = {0xf8230005 /* ldadd x3, x5, [x0] */, 0xc8a67c07 /* cas x6, x7, [x0] */,
				    0xc8027c03 /* stxr w2, x3, [x0] */};

	b->device_value = 5;
	for (unsigned k = 0; k < ARRAY_SIZE(words); k++) {
		const u32 program[] = {0xc85f7c01 /* ldxr x1, [x0] */, words[k]};

		load_program(b, program, 2);
		b->cpu->x[0] = DEVICE_BASE;
		cpu_run(b->cpu, 10);
		assert_int_equal(b->cpu->x[1], 5);
		assert_int_equal(esr(b) >> 26, EC_DATA_SAME);
		assert_int_equal(esr(b) & 0x3f, 0x35);
		assert_int_equal(b->cpu->sys.elr, RAM_BASE + 4);
		assert_int_equal(b->cpu->sys.far, DEVICE_BASE);
	}
	assert_int_equal(b->device_value, 5);
}

static void misaligned_atomics_fault(void **state)
{
	struct bench *b = *state;
	static const u32 words[] = {0xc85f7c01 /* ldxr */, 0xc8027c01 /* stxr */, 0xf8230005 /* ldadd */,
				    0xc8dffc01 /* ldar */, 0xc89ffc01 /* stlr */, 0xc87f0801 /* ldxp */};

	for (unsigned k = 0; k < ARRAY_SIZE(words); k++) {
		load_program(b, &words[k], 1);
		b->cpu->x[0] = DATA + 4;
		cpu_run(b->cpu, 10);
		assert_int_equal(esr(b) >> 26, EC_DATA_SAME);
		assert_int_equal(esr(b) & 0x3f, 0x21);
		assert_int_equal(b->cpu->sys.elr, RAM_BASE);
		assert_true((b->cpu->sys.far & ~15ull) == DATA);
	}
}

static void copy_and_set_move_memory(void **state)
{
	struct bench *b = *state;

	PROGRAM(b, 0x1d010440, /* cpyp [x0]!, [x1]!, x2! */
		0x1d410440,    /* cpym */
		0x1d810440,    /* cpye */
		0x19c50483,    /* setp [x3]!, x4!, x5 */
		0x19c54483,    /* setm */
		0x19c58483,
		/* sete */);
	for (unsigned k = 0; k < 20000; k++)
		((u8 *)data(b, DATA))[k] = (u8)(k * 7);
	b->cpu->x[0] = DATA + 5; /* overlaps upwards */
	b->cpu->x[1] = DATA;
	b->cpu->x[2] = 20000;
	b->cpu->x[3] = DATA + 0x10001;
	b->cpu->x[4] = 9000;
	b->cpu->x[5] = 0x1a5;
	run_to_brk(b);
	for (unsigned k = 0; k < 20000; k++)
		assert_int_equal(((u8 *)data(b, DATA))[k + 5], (u8)(k * 7));
	for (unsigned k = 0; k < 9000; k++)
		assert_int_equal(((u8 *)data(b, DATA + 0x10000))[k + 1], 0xa5);
	assert_int_equal(((u8 *)data(b, DATA + 0x10000))[0], 0);
	assert_int_equal(((u8 *)data(b, DATA + 0x10000))[9001], 0);
	assert_int_equal(b->cpu->x[2], 0);
	assert_int_equal(b->cpu->x[4], 0);
}

static void wrong_places_raise(void **state)
{
	struct bench *b = *state;

	PROGRAM(b, 0xd61f0000 /* br x0 */);
	b->cpu->x[0] = RAM_BASE + 0x102;
	cpu_run(b->cpu, 10);
	assert_int_equal(esr(b) >> 26, EC_PC_ALIGN);
	assert_int_equal(b->cpu->sys.elr, RAM_BASE + 0x102);
	assert_int_equal(b->cpu->sys.far, RAM_BASE + 0x102);

	PROGRAM(b, 0xd61f0000 /* br x0 */);
	b->cpu->x[0] = 0x10000000; /* no memory there */
	cpu_run(b->cpu, 10);
	assert_int_equal(esr(b) >> 26, EC_INSN_SAME);
	assert_int_equal(esr(b) & 0x3f, 0x10);
	assert_int_equal(b->cpu->sys.elr, 0x10000000);

	PROGRAM(b, 0x00000000 /* udf */);
	cpu_run(b->cpu, 10);
	assert_int_equal(esr(b) >> 26, EC_UNKNOWN);

	PROGRAM(b, 0x910023ff /* add sp, sp, #8 */, 0xf94003e0 /* ldr x0, [sp] */);
	b->cpu->x[SLOT_SP] = DATA;
	b->cpu->sys.sctlr |= 8;
	cpu_run(b->cpu, 10);
	assert_int_equal(esr(b) >> 26, EC_SP_ALIGN);
	assert_int_equal(b->cpu->sys.elr, RAM_BASE + 4);

	PROGRAM(b, 0xd4000ee1 /* svc #0x77 */);
	cpu_run(b->cpu, 10);
	assert_int_equal(esr(b) >> 26, EC_SVC);
	assert_int_equal(esr(b) & 0xffff, 0x77);
	assert_int_equal(b->cpu->sys.elr, RAM_BASE + 4);
}

/* New code becomes visible by IC IVAU and ISB, on the same page as well. */
static void code_changes_are_seen_after_isb(void **state)
{
	struct bench *b = *state;

	PROGRAM(b, 0x9400000a, /* bl f */
		0xb9000022,    /* str w2, [x1] */
		0xd50b7b21,    /* dc cvau, x1 */
		0xd5033b9f,    /* dsb ish */
		0xd50b7521,    /* ic ivau, x1 */
		0xd5033b9f,    /* dsb ish */
		0xd5033fdf,    /* isb */
		0x94000003,    /* bl f */
		0xd4200000,    /* brk */
		0xd503201f,    /* nop */
		0x91000400,    /* f: add x0, x0, #1 */
		0xd65f03c0,
		/* ret */);
	b->cpu->x[1] = RAM_BASE + 40; /* becomes add x0, x0, #16 */
	b->cpu->x[2] = 0x91004000;
	run_to_brk(b);
	assert_int_equal(b->cpu->x[0], 17);
	assert_int_equal(b->cpu->sys.elr, RAM_BASE + 32);
}

/* RAM from the middle of a page on: what is there has no mark of code, as nothing answers where the page begins. */
static void code_changes_are_seen_in_a_part_of_a_page(void **state)
{
	static u32 code[512] __attribute__((aligned(4096))) = {0x91000400 /* add x0, x0, #1 */, 0xd65f03c0 /* ret */};
	static struct region part = {.name = "part", .base = 0x10000800, .size = sizeof(code), .host = (u8 *)code};
	struct bench *b = *state;

	cpu_out(b->cpu);
	loop_lock(b->loop);
	space_add(b->space, &part);
	loop_unlock(b->loop);
	assert_true(cpu_in(b->cpu));
	PROGRAM(b, 0xd63f0020, /* blr x1 */
		0xb9000022,    /* str w2, [x1] */
		0xd5033b9f,    /* dsb ish */
		0xd50b7521,    /* ic ivau, x1 */
		0xd5033b9f,    /* dsb ish */
		0xd5033fdf,    /* isb */
		0xd63f0020,    /* blr x1 */
		0xd4200000 /* brk */);
	b->cpu->x[1] = part.base;
	b->cpu->x[2] = 0x91004000; /* add x0, x0, #16 */
	run_to_brk(b);
	assert_int_equal(b->cpu->x[0], 17);
	cpu_out(b->cpu);
	loop_lock(b->loop);
	space_remove(b->space, &part);
	loop_unlock(b->loop);
	assert_true(cpu_in(b->cpu));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_instructions_compute),
		cmocka_unit_test(a_loop_counts_exactly),
		cmocka_unit_test(loads_and_stores_extend_and_write_back),
		cmocka_unit_test(accesses_cross_pages),
		cmocka_unit_test(exclusives_and_atomics),
		cmocka_unit_test(a_status_may_be_data_or_base),
		cmocka_unit_test(devices_have_no_atomics),
		cmocka_unit_test(misaligned_atomics_fault),
		cmocka_unit_test(copy_and_set_move_memory),
		cmocka_unit_test(wrong_places_raise),
		cmocka_unit_test(code_changes_are_seen_after_isb),
		cmocka_unit_test(code_changes_are_seen_in_a_part_of_a_page),
	};

	return cmocka_run_group_tests(tests, bench_open, bench_close);
}
