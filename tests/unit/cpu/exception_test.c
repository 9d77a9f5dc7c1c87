/* SPDX-License-Identifier: BSD-2-Clause */
/* Exception entry and return, PSTATE, interrupts and masks, software step and breakpoints on real code. */
#include "bench.h"

#define VECTORS (RAM_BASE + 0x10000)
#define CODE (RAM_BASE + 0x2000)

static int open_bench(void **state)
{
	struct bench *b = bench_make(1, "max", true);

	for (unsigned k = 0; k < 512; k++)
		((u32 *)ram_at(b, VECTORS))[k] = 0x14000000; /* b . */
	for (unsigned k = 0; k < 64; k++)
		((u32 *)ram_at(b, CODE))[k] = 0x91000400; /* add x0, x0, #1 */
	cpus_reset(b->cpus, CODE, 0);
	set(b, VBAR, VECTORS);
	*state = b;
	return 0;
}

static int close_bench(void **state)
{
	bench_free(*state);
	return 0;
}

static void entry_saves_and_sets_pstate(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;

	cpu_set_pstate(cpu, 0xa0000000 | BIT(22) | BIT(23) | BIT(12) | 0x5 | 1 << 7);
	assert_int_equal(cpu_pstate(cpu), 0xa0000000 | BIT(22) | BIT(23) | BIT(12) | 0x5 | 1 << 7);
	cpu->x[SLOT_SP] = 0x1111;
	set(b, SCTLR, BIT(23));
	cpu_run(cpu, 2);
	cpu_raise_next(cpu, EC_SVC, 7);
	assert_int_equal(cpu->sys.esr, (u64)EC_SVC << 26 | BIT(25) | 7);
	assert_int_equal(cpu->sys.elr, CODE + 8);
	assert_int_equal(cpu->sys.spsr, 0xa0000000 | BIT(22) | BIT(23) | BIT(12) | 0x5 | 1 << 7);
	assert_int_equal(cpu_pc(cpu), VECTORS + 0x200);
	assert_int_equal(cpu->daif, 0xf);
	assert_int_equal(cpu->pan, 1); /* kept: SPAN is 1 */
	assert_int_equal(cpu->uao, 0);
	assert_int_equal(cpu->ssbs, 0); /* DSSBS */
	/* From EL1 with SP_EL0, and with SPAN = 0 and DSSBS = 1. */
	cpu_set_pstate(cpu, 0x4);
	set(b, SCTLR, BIT(44));
	cpu_raise(cpu, EC_UNKNOWN, 0);
	assert_int_equal(cpu_pc(cpu), VECTORS);
	assert_int_equal(cpu->pan, 1);
	assert_int_equal(cpu->ssbs, 1);
	assert_int_equal(cpu->spsel, 1);
}

static void stack_pointers_follow_the_mode(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;

	cpu_set_pstate(cpu, 0x3c5);
	cpu->x[SLOT_SP] = 0x1000;
	cpu_set_pstate(cpu, 0x3c4);
	cpu->x[SLOT_SP] = 0x2000;
	cpu_set_pstate(cpu, 0);
	assert_int_equal(cpu->x[SLOT_SP], 0x2000);
	cpu->x[SLOT_SP] = 0x3000;
	cpu_raise_next(cpu, EC_SVC, 0);
	assert_int_equal(cpu_pc(cpu), VECTORS + 0x400);
	assert_int_equal(cpu->x[SLOT_SP], 0x1000);
	assert_int_equal(get(b, SYSREG(3, 0, 4, 1, 0)), 0x3000);
}

static void eret_restores_or_is_illegal(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;

	cpu->sys.elr = CODE + 0x20;
	cpu->sys.spsr = 0x60000000 | 0x3c0;
	cpu->exclusive.armed = true;
	cpu_eret(cpu);
	assert_int_equal(cpu->el, 0);
	assert_int_equal(cpu->nzcv, 0x60000000);
	assert_int_equal(cpu_pc(cpu), CODE + 0x20);
	assert_false(cpu->exclusive.armed);
	/* AArch32, EL2, EL1 with a reserved SP bit: IL, reported at the target. */
	static const u64 illegal[] = {0x10, 0x9, 0x1, 0x6, 0xd};
	for (unsigned k = 0; k < ARRAY_SIZE(illegal); k++) {
		cpu_set_pstate(cpu, 0x3c5);
		cpu->sys.elr = CODE + 0x40;
		cpu->sys.spsr = 0x40000000 | illegal[k];
		cpu_eret(cpu);
		assert_int_equal(cpu->el, 1);
		assert_int_equal(cpu->sys.esr >> 26, EC_ILLEGAL);
		assert_int_equal(cpu->sys.elr, CODE + 0x40);
		assert_int_equal(cpu->sys.spsr & (BIT(20) | 0xf0000000), BIT(20) | 0x40000000);
		assert_int_equal(cpu->il, 0);
	}
	/* A tag that is ignored does not reach the PC, nor ELR from there. */
	set(b, TCR, BIT(37));
	cpu_set_pstate(cpu, 0x3c5);
	cpu->sys.elr = 0x5aull << 56 | (CODE + 0x40);
	cpu->sys.spsr = BIT(20); /* EL0 with IL */
	cpu_eret(cpu);
	assert_int_equal(cpu->sys.esr >> 26, EC_ILLEGAL);
	assert_int_equal(cpu->sys.elr, CODE + 0x40);
	assert_int_equal(cpu->sys.spsr, BIT(20));
	/* A wrong PC comes before the illegal state, which stays in SPSR; a step that is pending before both. */
	cpu->sys.elr = CODE + 0x42;
	cpu->sys.spsr = 0x3c9;
	cpu_eret(cpu);
	assert_int_equal(cpu->sys.esr >> 26, EC_PC_ALIGN);
	assert_int_equal(cpu->sys.far, CODE + 0x42);
	assert_true(cpu->sys.spsr & BIT(20));
	set(b, SYSREG(2, 0, 1, 0, 4), 0);
	set(b, SYSREG(2, 0, 0, 2, 2), 1 | BIT(13));
	cpu_set_pstate(cpu, 0x3c5);
	cpu->sys.elr = CODE + 0x40;
	cpu->sys.spsr = 0x1c9;
	cpu_eret(cpu);
	assert_true(cpu->il);
	assert_true(debug_before(cpu));
	assert_int_equal(cpu->sys.esr >> 26, EC_STEP_SAME);
	assert_int_equal(cpu->sys.spsr & (BIT(20) | BIT(21)), BIT(20));
	/* Its handler lets one instruction go: the illegal state. */
	cpu->sys.spsr |= BIT(21);
	cpu_eret(cpu);
	assert_int_equal(cpu->sys.esr >> 26, EC_ILLEGAL);
	assert_int_equal(cpu->sys.spsr & (BIT(20) | BIT(21)), BIT(20) | BIT(21));
}

static void interrupts_wait_for_their_mask(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;

	set(b, SYSREG(3, 3, 4, 2, 1), 0x3c0);
	cpus_set_irq(b->cpus, 0, true);
	assert_false(cpu_take_interrupt(cpu));
	assert_int_equal(get(b, SYSREG(3, 0, 12, 1, 0)), BIT(7)); /* ISR_EL1 */
	set(b, SYSREG(3, 3, 4, 2, 1), 0x340);
	cpu_run(cpu, 3);
	assert_int_equal(cpu->sys.elr, CODE);
	assert_int_equal(cpu->x[0], 0);
	cpus_set_irq(b->cpus, 0, false);
	cpus_set_fiq(b->cpus, 0, true);
	cpu_set_pstate(cpu, 0); /* EL0: F clear */
	assert_true(cpu_take_interrupt(cpu));
	assert_int_equal(cpu_pc(cpu), VECTORS + 0x500);
	cpus_set_fiq(b->cpus, 0, false);
	cpus_serror(b->cpus, 0);
	cpu_set_pstate(cpu, 0x5);
	assert_true(cpu_take_interrupt(cpu));
	assert_int_equal(cpu_pc(cpu), VECTORS + 0x380);
	assert_int_equal(cpu->sys.esr >> 26, EC_SERROR);
	assert_false(cpu_take_interrupt(cpu));
}

/* [DDI0487 Taking asynchronous exceptions] */
static void interrupts_come_no_later_than_an_isb(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;

	/* str x1, [x2]: the device's doing, before the next instruction. */
	((u32 *)ram_at(b, CODE))[1] = 0xf9000041;
	((u32 *)ram_at(b, CODE))[3] = 0xd5033fdf; /* isb */
	cpu->x[2] = DEVICE_BASE;
	b->device_raises_irq = true;
	set(b, SYSREG(3, 3, 4, 2, 1), 0x340);
	cpu_run(cpu, 8);
	assert_int_equal(cpu->sys.elr, CODE + 8);
	cpus_set_irq(b->cpus, 0, false);
	/* From elsewhere, as far as the vCPU knows: at the ISB. */
	cpu_out(cpu);
	loop_lock(b->loop);
	space_remove(b->space, &b->device);
	b->device.lockless = true;
	space_add(b->space, &b->device);
	loop_unlock(b->loop);
	assert_true(cpu_in(cpu));
	cpu->sys.spsr = 0x345;
	cpu->sys.elr = CODE;
	cpu_eret(cpu);
	cpu_run(cpu, 8);
	assert_int_equal(cpu->sys.elr, CODE + 16);
}

static void wfi_is_trapped_only_if_it_would_wait(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;

	((u32 *)ram_at(b, CODE))[0] = 0xd503207f; /* wfi */
	cpu_set_pstate(cpu, 0x80);                /* EL0, nTWI is 0 */
	cpus_set_irq(b->cpus, 0, true);
	cpu_run(cpu, 2);
	assert_int_equal(cpu->el, 0);
	assert_int_equal(cpu_pc(cpu), CODE + 8);
	cpus_set_irq(b->cpus, 0, false);
	cpu_set_pstate(cpu, 0x5);
	cpu->sys.spsr = 0x80;
	cpu->sys.elr = CODE;
	cpu_eret(cpu);
	cpu_run(cpu, 2);
	assert_int_equal(cpu->sys.esr, (u64)EC_WFX << 26 | BIT(25) | 0x1e00000);
	assert_int_equal(cpu->sys.elr, CODE);
}

static void software_step_runs_one_instruction(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;
	/* eret at the vector of lower EL synchronous exceptions would loop: step by hand. */
	set(b, SYSREG(2, 0, 1, 0, 4), 0);
	set(b, SYSREG(2, 0, 0, 2, 2), 1);
	cpu->x[0] = 0;
	cpu->sys.elr = CODE;
	cpu->sys.spsr = BIT(21) | 0x3c0;
	for (unsigned n = 1; n <= 3; n++) {
		cpu_eret(cpu);
		assert_int_equal(cpu->el, 0);
		assert_true(cpu->stepping);
		for (unsigned k = 0; k < 8 && cpu->el == 0; k++)
			cpu_run(cpu, 1);
		assert_int_equal(cpu->el, 1);
		assert_int_equal(cpu->x[0], n);
		assert_int_equal(cpu->sys.elr, CODE + 4 * n);
		assert_int_equal(cpu->sys.esr, (u64)EC_STEP_LOWER << 26 | BIT(25) | BIT(24) | FSC_DEBUG);
		assert_int_equal(cpu->sys.spsr & BIT(21), 0);
		cpu->sys.spsr |= BIT(21);
	}
	/* SS = 0 on return: reported before anything runs. */
	cpu->sys.spsr &= ~(u64)BIT(21);
	cpu_eret(cpu);
	for (unsigned k = 0; k < 8 && cpu->el == 0; k++)
		cpu_run(cpu, 1);
	assert_int_equal(cpu->x[0], 3);
	assert_int_equal(cpu->sys.esr >> 26, EC_STEP_LOWER);
	/* An interrupt comes between LDXR and its step exception: the step that pends at the return followed no
	 * instruction. */
	((u32 *)ram_at(b, CODE))[8] = 0xc85f7c41; /* ldxr x1, [x2] */
	cpu->x[2] = RAM_BASE + 0x4000;
	cpu->sys.elr = CODE + 32;
	cpu->sys.spsr = BIT(21) | 0x340;
	cpu_eret(cpu);
	for (unsigned k = 0; k < 8 && cpu_pc(cpu) != CODE + 36; k++)
		cpu_run(cpu, 1);
	cpus_set_irq(b->cpus, 0, true);
	cpu_run(cpu, 1);
	cpus_set_irq(b->cpus, 0, false);
	assert_int_equal(cpu->el, 1);
	assert_int_equal(cpu->sys.elr, CODE + 36);
	assert_int_equal(cpu->sys.spsr & BIT(21), 0);
	cpu_eret(cpu);
	for (unsigned k = 0; k < 8 && cpu->el == 0; k++)
		cpu_run(cpu, 1);
	assert_int_equal(cpu->sys.elr, CODE + 36);
	assert_int_equal(cpu->sys.esr, (u64)EC_STEP_LOWER << 26 | BIT(25) | FSC_DEBUG);
}

static void breakpoints_stop_before_the_instruction(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;

	set(b, SYSREG(2, 0, 1, 0, 4), 0);
	set(b, SYSREG(2, 0, 0, 1, 4), CODE + 12);
	set(b, SYSREG(2, 0, 0, 1, 5), 1 | 2 << 1 | 0xf << 5);
	set(b, SYSREG(2, 0, 0, 2, 2), BIT(15));
	cpu->x[0] = 0;
	cpu->sys.elr = CODE;
	cpu->sys.spsr = 0x3c0;
	cpu_eret(cpu);
	cpu_run(cpu, 20);
	assert_int_equal(cpu->x[0], 3);
	assert_int_equal(cpu->sys.elr, CODE + 12);
	assert_int_equal(cpu->sys.esr, (u64)EC_BREAK_LOWER << 26 | BIT(25) | FSC_DEBUG);
	/* BAS is RES1 without AArch32. */
	set(b, SYSREG(2, 0, 0, 1, 5), 1 | 2 << 1);
	assert_int_equal(get(b, SYSREG(2, 0, 0, 1, 5)), 1 | 2 << 1 | 0xf << 5);
	/* The OS Double Lock keeps debug exceptions away. */
	set(b, SYSREG(2, 0, 1, 3, 4), 1);
	cpu->sys.elr = CODE + 8;
	cpu->sys.spsr = 0x3c0;
	cpu_eret(cpu);
	cpu_run(cpu, 3);
	assert_int_equal(cpu->el, 0);
	cpu_raise(cpu, EC_UNKNOWN, 0);
	set(b, SYSREG(2, 0, 1, 3, 4), 0);
	/* Where nothing can be fetched, that is the exception. */
	set(b, SYSREG(2, 0, 0, 1, 4), 0x20000000);
	cpu->sys.elr = 0x20000000;
	cpu->sys.spsr = 0x3c0;
	cpu_eret(cpu);
	cpu_run(cpu, 2);
	assert_int_equal(cpu->sys.esr >> 26, EC_INSN_LOWER);
	assert_int_equal(cpu->sys.far, 0x20000000);
}

static void dc_zva_names_the_address_it_was_given(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;

	/* dc zva, x1; with the MMU off all is Device memory. */
	*(u32 *)ram_at(b, CODE) = 0xd50b7421;
	cpu->x[1] = RAM_BASE + 0x5013;
	cpu_run(cpu, 2);
	assert_int_equal(cpu->sys.esr, (u64)EC_DATA_SAME << 26 | BIT(25) | ISS_WNR | FSC_ALIGNMENT);
	assert_int_equal(cpu->sys.far, RAM_BASE + 0x5013);
}

static void a_debugger_may_watch_the_last_bytes(void **state)
{
	struct bench *b = *state;
	struct cpu *cpu = b->cpu;
	u64 low = table_new(b, 4096), high = table_new(b, 4096), page = RAM_BASE + 16 * MiB;

	*word_at(b, low + 8) = RAM_BASE | D_AF | ATTR_NORMAL | 1;
	*leaf_of(b, high, 12, 1, 3, ~0xfffull) = page | D_AF | ATTR_NORMAL | 3;
	set(b, MAIR, MAIR_VALUE);
	set(b, TTBR0, low);
	set(b, TTBR1, high);
	set(b, TCR, 25 | 25ull << 16 | 2ull << 30 | 5ull << 32);
	set(b, SCTLR, get(b, SCTLR) | 1);
	((u32 *)ram_at(b, CODE))[0] = 0xf9000022; /* str x2, [x1] */
	((u32 *)ram_at(b, CODE))[1] = 0xf9000062; /* str x2, [x3] */
	cpu->x[1] = (u64)-16;
	cpu->x[2] = 0x77;
	cpu->x[3] = (u64)-8;
	assert_true(cpus_debug_watchpoint(b->cpus, (u64)-8, 8, false, true, true));
	cpu_run(cpu, 2);
	assert_true(cpu->thread->held);
	assert_true(cpu_pc(cpu) == CODE + 4);
	assert_int_equal(*word_at(b, page + 0xff0), 0x77);
	assert_int_equal(*word_at(b, page + 0xff8), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_bench, close_bench)
	const struct CMUnitTest list[] = {
		T(entry_saves_and_sets_pstate),           T(stack_pointers_follow_the_mode),
		T(eret_restores_or_is_illegal),           T(interrupts_wait_for_their_mask),
		T(interrupts_come_no_later_than_an_isb),  T(wfi_is_trapped_only_if_it_would_wait),
		T(software_step_runs_one_instruction),    T(breakpoints_stop_before_the_instruction),
		T(dc_zva_names_the_address_it_was_given), T(a_debugger_may_watch_the_last_bytes),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
