/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks that only go forward do not look how many instructions are left: a run ends less than a page late, under
 * instruction time to the instruction, and what was retired is counted exactly. The code is a page, mapped where it
 * follows itself, of forward jumps and calls.
 */
#include "cpu/exec.h"
#include "jit/jit.h"
#include "../cpu/bench.h"

enum {
	ADD = 0x91000442,
	CBZ_2 = 0xb400005f,
	B_3 = 0x14000003,
	BL_2 = 0x94000002,
	CBNZ_5 = 0xb50000bf,
	MSR = 0xd51b9c23
};
enum { INSNS = 1024, HALF = 45 * 11 + 1 };
/* add x2, x2, #1; cbz xzr, .+8; b .+12; bl .+8; cbnz xzr, .+20. The last falls through into the page again. */
/* msr pmcntenset_el0, x3, which ends a chunk, comes half-way: also when nothing is left of it. */
static const u32 pattern[] = {ADD, ADD, CBZ_2, ADD, B_3, BL_2, ADD, CBNZ_5, ADD, ADD, BL_2};

static struct bench *bench_of_jit(bool instruction_time, u32 switches)
{
	struct error err = {0};
	const struct cpu_engine *engine = jit_engine(&err);
	struct bench *b;
	u64 root;

	if (!engine)
		fail_msg("%s", err.text);
	b = bench_make_engine(1, "max", instruction_time, engine, switches);
	root = table_new(b, 4096);
	for (unsigned n = 0; n < INSNS - 8; n++)
		*((u32 *)ram_at(b, RAM_BASE) + n) = pattern[n % ARRAY_SIZE(pattern)];
	*((u32 *)ram_at(b, RAM_BASE) + HALF) = MSR;
	for (unsigned n = INSNS - 8; n < INSNS; n++)
		*((u32 *)ram_at(b, RAM_BASE) + n) = ADD;
	for (u64 page = 0; page < 512; page++)
		*leaf_of(b, root, 12, 0, 3, page << 12) = RAM_BASE | BIT(10) | 3;
	set(b, SYSREG(3, 0, 10, 2, 0), 0xff);
	set(b, SYSREG(3, 0, 2, 0, 2), 16 | 16 << 16 | 2ull << 30 | 5ull << 32);
	set(b, SYSREG(3, 0, 2, 0, 0), root);
	set(b, SYSREG(3, 0, 1, 0, 0), 1);
	set(b, SYSREG(3, 3, 14, 12, 0), 8); /* instructions retired, with an interrupt */
	set(b, SYSREG(3, 3, 9, 12, 1), 1);
	set(b, SYSREG(3, 0, 9, 14, 1), 1);
	set(b, SYSREG(3, 3, 9, 12, 0), 1);
	return b;
}

static void runs_are_as_counted(bool instruction_time, u32 switches)
{
	/* Twice a long run: it makes the links. */
	static const u64 budgets[] = {300000, 300000, 1, 2, 95, 97, 500, 1000, 5000};
	struct bench *b = bench_of_jit(instruction_time, switches);

	b->cpu->x[3] = 1;
	for (unsigned turn = 0; turn < ARRAY_SIZE(budgets); turn++) {
		u64 pc = 0, x2 = 0, counted = b->cpu->sys.pmevcntr[0], done;

		cpu_jump(b->cpu, 0);
		b->cpu->x[2] = 0;
		done = cpu_run(b->cpu, budgets[turn]);
		if (done < budgets[turn] || done >= budgets[turn] + (instruction_time ? 1 : INSNS))
			fail_msg("%llu instructions instead of %llu", (unsigned long long)done,
				 (unsigned long long)budgets[turn]);
		for (u64 n = 0; n < done; n++) {
			u32 word = *((u32 *)ram_at(b, RAM_BASE) + pc / 4 % INSNS);

			x2 += word == ADD;
			pc += word == CBZ_2 || word == BL_2 ? 8 : word == B_3 ? 12 : 4;
		}
		assert_int_equal(b->cpu->x[2], x2);
		assert_int_equal(cpu_pc(b->cpu), pc);
		assert_int_equal(b->cpu->sys.pmevcntr[0] - counted, done);
	}
	bench_free(b);
}

static void runs_end(void **state)
{
	(void)state;
	runs_are_as_counted(false, 0);
	runs_are_as_counted(true, 0);
	runs_are_as_counted(false, BIT(JIT_POLLS));
	runs_are_as_counted(false, BIT(JIT_LINKS) | BIT(JIT_FAR_LINKS) | BIT(JIT_FORWARD));
}

int main(void)
{
	const struct CMUnitTest list[] = {cmocka_unit_test(runs_end)};

	return cmocka_run_group_tests(list, NULL, NULL);
}
