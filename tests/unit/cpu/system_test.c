/* SPDX-License-Identifier: BSD-2-Clause */
/* ID registers against what is implemented, EL0 traps, timers, PMU, PSCI and SMCCC answers, models. */
#include "bench.h"

#include "cpu/decode.h"

#define ID(crm, op2) SYSREG(3, 0, 0, crm, op2)
#define DAIF SYSREG(3, 3, 4, 2, 1)

static int open_bench(void **state)
{
	*state = bench_make(4, "max", true);
	set(*state, VBAR, RAM_BASE + 0x10000);
	return 0;
}

static int close_bench(void **state)
{
	bench_free(*state);
	return 0;
}

static void id_registers_say_what_is_there(void **state)
{
	struct bench *b = *state;

	assert_int_equal(get(b, ID(4, 0)), 0x1300000001110011);
	assert_int_equal(get(b, ID(4, 1)), 0x20);
	assert_int_equal(get(b, ID(5, 0)), 0x10305106);
	assert_int_equal(get(b, ID(6, 0)), 0x0220100110212120);
	assert_int_equal(get(b, ID(6, 1)), 0x0000001100211002);
	assert_int_equal(get(b, ID(6, 2)), 0x10000);
	assert_int_equal(get(b, ID(7, 0)), 0x1000000000100025);
	assert_int_equal(get(b, ID(7, 1)), 0x0311002);
	assert_int_equal(get(b, ID(7, 2)), 0x1000000000000010);
	assert_int_equal(b->cpu->missing_features, 0);
	/* Reserved, SVE, SME, AArch32: zero. */
	for (unsigned crm = 1; crm < 8; crm++)
		for (unsigned op2 = 0; op2 < 8; op2++)
			if (crm < 4 || op2 > 2)
				assert_int_equal(get(b, ID(crm, op2)), 0);
	assert_int_equal(get(b, SYSREG(3, 0, 0, 0, 5)), 0x80000000);
	assert_int_equal(get(b, SYSREG(2, 0, 7, 14, 6)), 0x0a); /* no Secure state */
	/* CTR: IDC, not DIC. */
	assert_int_equal(get(b, SYSREG(3, 3, 0, 0, 1)) & (BIT(28) | BIT(29)), BIT(28));
}

/* The access raises with this class. */
static void raises(struct bench *b, u32 key, bool read, unsigned class, u64 pstate)
{
	u64 value;

	cpu_set_pstate(b->cpu, pstate);
	b->cpu->sys.esr = 0;
	assert_false(read ? sysreg_read(b->cpu, key, &value) : sysreg_write(b->cpu, key, 0));
	if (b->cpu->sys.esr >> 26 != class)
		fail_msg("key 0x%x: class 0x%x", key, (unsigned)(b->cpu->sys.esr >> 26));
	assert_int_equal(b->cpu->el, 1);
}

static void el0_is_trapped_or_undefined(void **state)
{
	struct bench *b = *state;

	raises(b, ID(4, 0), true, EC_UNKNOWN, 0);
	raises(b, ID(4, 0), false, EC_UNKNOWN, 5);
	raises(b, SCTLR, true, EC_UNKNOWN, 0);
	raises(b, SYSREG(3, 3, 0, 0, 1), true, EC_SYSREG, 0);  /* CTR_EL0: UCT */
	raises(b, DAIF, true, EC_SYSREG, 0);                   /* UMA */
	raises(b, SYSREG(3, 3, 14, 0, 2), true, EC_SYSREG, 0); /* CNTVCT_EL0 */
	raises(b, SYSREG(3, 3, 14, 3, 1), false, EC_SYSREG, 0);
	raises(b, SYSREG(3, 3, 9, 13, 0), true, EC_SYSREG, 0); /* PMCCNTR_EL0 */
	raises(b, SYSREG(3, 3, 4, 4, 0), true, EC_FP_ACCESS, 0);
	assert_int_equal(b->cpu->sys.esr & 0x1ffffff, 0x1e00000);
	raises(b, SYSREG(3, 3, 2, 4, 0), true, EC_UNKNOWN, 5);   /* RNDR */
	raises(b, SYSREG(3, 3, 4, 2, 5), true, EC_UNKNOWN, 5);   /* DIT */
	raises(b, SYSREG(3, 3, 13, 0, 3), false, EC_UNKNOWN, 0); /* TPIDRRO */
	/* The syndrome names the register: Op0 3 Op1 3 CRn 0 CRm 0 Op2 1, read, Rt 31 when no instruction ran. */
	raises(b, SYSREG(3, 3, 0, 0, 1), true, EC_SYSREG, 0);
	assert_int_equal(b->cpu->sys.esr & 0x1ffffff, 3 << 20 | 1 << 17 | 3 << 14 | (b->cpu->sys.esr & 0x3e0) | 1);
	/* With the enables they are open. */
	cpu_set_pstate(b->cpu, 5);
	set(b, SCTLR, BIT(15) | BIT(23));
	set(b, SYSREG(3, 0, 14, 1, 0), 2);
	cpu_set_pstate(b->cpu, 0);
	get(b, SYSREG(3, 3, 0, 0, 1));
	get(b, SYSREG(3, 3, 14, 0, 2));
}

#define CNTV_TVAL SYSREG(3, 3, 14, 3, 0)
#define CNTV_CTL SYSREG(3, 3, 14, 3, 1)
#define CNTV_CVAL SYSREG(3, 3, 14, 3, 2)
#define CNTVCT SYSREG(3, 3, 14, 0, 2)

static void timers_raise_and_drop_their_line(void **state)
{
	struct bench *b = *state;

	assert_int_equal(get(b, SYSREG(3, 3, 14, 0, 0)), 1000000000);
	set(b, SYSREG(3, 3, 14, 0, 0), 62500000); /* firmware's to write, and no more than a note */
	assert_int_equal(get(b, SYSREG(3, 3, 14, 0, 0)), 62500000);
	set(b, CNTV_TVAL, 1000);
	set(b, CNTV_CTL, 1);
	assert_int_equal(get(b, CNTV_CVAL), get(b, CNTVCT) + 1000);
	assert_int_equal(get(b, CNTV_CTL), 1);
	loop_time_advance(b->loop, 999);
	assert_false(b->line[0][PPI_CNTV]);
	loop_time_advance(b->loop, 1);
	assert_true(b->line[0][PPI_CNTV]);
	assert_int_equal(get(b, CNTV_CTL), 5);
	set(b, CNTV_TVAL, 500);
	assert_false(b->line[0][PPI_CNTV]);
	loop_time_advance(b->loop, 500);
	assert_true(b->line[0][PPI_CNTV]);
	set(b, CNTV_CTL, 3); /* IMASK */
	assert_false(b->line[0][PPI_CNTV]);
	assert_int_equal(get(b, CNTV_CTL), 7);
	set(b, CNTV_CTL, 1);
	assert_true(b->line[0][PPI_CNTV]);
	/* A negative TVAL is in the past; CVAL of all ones never comes. */
	set(b, CNTV_CVAL, ~0ull);
	assert_false(b->line[0][PPI_CNTV]);
	set(b, CNTV_TVAL, 0xffffffff);
	assert_true(b->line[0][PPI_CNTV]);
	assert_false(b->line[0][PPI_CNTP]);
	cpus_reset(b->cpus, RAM_BASE, 0);
	assert_false(b->line[0][PPI_CNTV]);
}

/* Under instruction time the count moves within a turn, and the line with what the vCPU sees of it. */
static void timers_keep_up_with_the_turn(void **state)
{
	struct bench *b = *state;

	for (unsigned k = 0; k < 200; k++)
		((u32 *)ram_at(b, RAM_BASE))[k] = 0xd503201f;
	set(b, CNTV_CVAL, get(b, CNTVCT) + 50);
	set(b, CNTV_CTL, 1);
	cpu_run(b->cpu, 60);
	assert_int_equal(get(b, CNTV_CTL), 5);
	assert_true(b->line[0][PPI_CNTV]);
	set(b, CNTV_CVAL, get(b, CNTVCT) + 1);
	assert_false(b->line[0][PPI_CNTV]);
	set(b, CNTV_TVAL, (u32)-10);
	assert_true(b->line[0][PPI_CNTV]);
	/* And when the loop's time has come there it stays. */
	loop_time_advance(b->loop, 1000);
	assert_true(b->line[0][PPI_CNTV]);
}

/* A timer that is due, and whose line has yet to rise, while the machine stands still. */
static void a_debugger_may_look_at_a_timer(void **state)
{
	struct bench *b = *state;
	unsigned n = 0;

	for (unsigned k = 0; k < 200; k++)
		((u32 *)ram_at(b, RAM_BASE))[k] = 0xd503201f;
	set(b, CNTV_CVAL, get(b, CNTVCT) + 50);
	set(b, CNTV_CTL, 1);
	cpu_run(b->cpu, 60);
	cpus_pause(b->cpus);
	while (strcmp(cpus_debug_sysreg(b->cpus, n), "CNTV_CTL_EL0") != 0)
		n++;
	assert_int_equal(cpu_debug_sysreg_get(b->cpu, n), 5);
	assert_false(b->line[0][PPI_CNTV]);
	cpus_resume(b->cpus);
	assert_int_equal(get(b, CNTV_CTL), 5);
	assert_true(b->line[0][PPI_CNTV]);
}

static void pmu_counts_and_overflows(void **state)
{
	struct bench *b = *state;

	for (unsigned k = 0; k < 1000; k++)
		((u32 *)ram_at(b, RAM_BASE))[k] = 0xd503201f;
	set(b, SYSREG(3, 3, 14, 12, 0), 0x08); /* PMEVTYPER0: INST_RETIRED */
	set(b, SYSREG(3, 3, 14, 12, 1), 0x1e); /* PMEVTYPER1: CHAIN */
	set(b, SYSREG(3, 3, 14, 8, 0), 0xffffffff - 49);
	set(b, SYSREG(3, 3, 9, 12, 1), BIT(31) | 3);
	set(b, SYSREG(3, 0, 9, 14, 1), 1);
	set(b, SYSREG(3, 3, 9, 12, 0), 1 | 64);
	cpu_run(b->cpu, 40);
	assert_int_equal(get(b, SYSREG(3, 3, 9, 13, 0)), 40);
	assert_false(b->line[0][PPI_PMU]);
	cpu_run(b->cpu, 60);
	assert_int_equal(get(b, SYSREG(3, 3, 14, 8, 0)), 50);
	assert_int_equal(get(b, SYSREG(3, 3, 14, 8, 1)), 1);
	assert_int_equal(get(b, SYSREG(3, 3, 9, 12, 3)), 1);
	assert_true(b->line[0][PPI_PMU]);
	set(b, SYSREG(3, 3, 9, 12, 3), 1);
	assert_false(b->line[0][PPI_PMU]);
	assert_int_equal(get(b, SYSREG(3, 3, 9, 12, 6)) & 0x20701, 0x20701);
	/* Without AArch32 PMCR.LC is RES1: the cycle counter overflows at 64 bits. */
	set(b, SYSREG(3, 3, 9, 12, 0), 1);
	assert_int_equal(get(b, SYSREG(3, 3, 9, 12, 0)) & 0x47, 0x41);
	set(b, SYSREG(3, 3, 9, 13, 0), 0xfffffff0);
	cpu_run(b->cpu, 20);
	assert_int_equal(get(b, SYSREG(3, 3, 9, 12, 3)), 0);
	set(b, SYSREG(3, 3, 9, 13, 0), ~0ull - 10);
	cpu_run(b->cpu, 20);
	assert_int_equal(get(b, SYSREG(3, 3, 9, 12, 3)), BIT(31));
	/* The instruction that ends counting is counted, and its overflow interrupts. */
	set(b, SYSREG(3, 3, 9, 12, 3), BIT(31));
	((u32 *)ram_at(b, b->cpu->pc))[9] = 0xd51b9c40; /* msr pmcntenclr_el0, x0 */
	code_invalidate_all(b->cpus);
	b->cpu->x[0] = ~0ull;
	set(b, SYSREG(3, 3, 14, 8, 0), -10u);
	cpu_run(b->cpu, 20);
	assert_int_equal(get(b, SYSREG(3, 3, 14, 8, 0)), 0);
	assert_true(b->line[0][PPI_PMU]);
}

/* Notes the instruction at which the line rose. */
static void note_rise(void *opaque, unsigned n, bool level)
{
	struct bench *b = opaque;

	b->line[0][PPI_PMU] = level;
	if (level)
		b->device_value = b->cpu->icount;
}

#define PMEVTYPER0 SYSREG(3, 3, 14, 12, 0)
#define PMEVCNTR0 SYSREG(3, 3, 14, 8, 0)

/* Runs ERET at RAM_BASE, to no-ops at EL0, with one counter that may interrupt. */
static void run_to_el0(struct bench *b, u64 type, u32 from)
{
	for (unsigned k = 0; k < 1000; k++)
		((u32 *)ram_at(b, RAM_BASE + 0x1000))[k] = 0xd503201f;
	*(u32 *)ram_at(b, RAM_BASE) = 0xd69f03e0;
	b->cpu->sys.elr = RAM_BASE + 0x1000;
	b->cpu->sys.spsr = 0x3c0;
	set(b, PMEVTYPER0, type);
	set(b, PMEVCNTR0, from);
	set(b, SYSREG(3, 3, 9, 12, 1), 1);
	set(b, SYSREG(3, 0, 9, 14, 1), 1);
	set(b, SYSREG(3, 3, 9, 12, 0), 1);
	b->device_value = 0;
	cpu_run(b->cpu, 500);
	assert_int_equal(b->cpu->el, 0);
}

static void pmu_filters_by_the_level_that_executes(void **state)
{
	struct bench *b = *state;

	set(b, PMEVTYPER0, ~0ull);
	assert_int_equal(get(b, PMEVTYPER0), 3ull << 30 | 0x3ff); /* before PMUv3p1 events have 10 bits */
	cpus_connect_ppi(b->cpus, 0, PPI_PMU, (struct line){note_rise, b, 0});
	/* What EL1 does not count overflows in EL0, at its instruction. */
	run_to_el0(b, 0x08 | BIT(31), -10u);
	assert_true(b->line[0][PPI_PMU]);
	assert_int_equal(b->device_value, 11);
	/* An exception return is EL1's instruction: it counts where EL0 does not, and not the other way round. */
	cpus_reset(b->cpus, RAM_BASE, 0);
	run_to_el0(b, 0x0a | BIT(30), -1u);
	assert_true(b->line[0][PPI_PMU]);
	assert_int_equal(b->device_value, b->cpu->icount - 499);
	cpus_reset(b->cpus, RAM_BASE, 0);
	run_to_el0(b, 0x0a | BIT(31), -1u);
	assert_false(b->line[0][PPI_PMU]);
}

static s64 call(struct bench *b, u32 id, u64 a, u64 c, u64 d)
{
	b->cpu->x[0] = id;
	b->cpu->x[1] = a;
	b->cpu->x[2] = c;
	b->cpu->x[3] = d;
	cpu_smccc(b->cpu, true, 0);
	return (s64)b->cpu->x[0];
}

static void psci_answers_as_specified(void **state)
{
	struct bench *b = *state;

	assert_int_equal(call(b, 0x84000000, 0, 0, 0), 0x10001);
	assert_int_equal(call(b, 0x80000000, 0, 0, 0), 0x10002);
	assert_int_equal(call(b, 0x80000001, 0x80008000, 0, 0), 1);
	assert_int_equal(call(b, 0x80000001, 0x80000002, 0, 0), -1);
	assert_int_equal(call(b, 0x84000006, 0, 0, 0), 2);
	assert_int_equal(call(b, 0x84000005, 0, 0, 0), -1);
	assert_int_equal(call(b, 0x8400000a, 0xc4000003, 0, 0), 0);
	assert_int_equal(call(b, 0x8400000a, 0x84000007, 0, 0), -1);
	assert_int_equal(call(b, 0xc4000004, 1, 0, 0), 1);
	assert_int_equal(call(b, 0xc4000004, 0, 0, 0), 0);
	assert_int_equal(call(b, 0xc4000004, 77, 0, 0), -2);
	assert_int_equal(call(b, 0xc4000004, 1, 1, 0), -2);
	assert_int_equal(call(b, 0xc4000004, 1, 0xbadull << 32, 0), 1); /* the level is a word in every form */
	assert_int_equal(call(b, 0xc4000003, 99, RAM_BASE, 0), -2);
	assert_int_equal(call(b, 0xc4000003, 1, 0x20000000, 0), -9);
	assert_int_equal(call(b, 0xc4000003, 1, DEVICE_BASE, 0), -9);
	assert_int_equal(call(b, 0xc4000003, 0, RAM_BASE, 0), -4);
	assert_int_equal(call(b, 0xc4000003, 1, RAM_BASE, 5), 0);
	/* From now on it is on, whether or not its thread has run. */
	assert_int_equal(call(b, 0xc4000003, 1, RAM_BASE, 5), -4);
	assert_int_equal(call(b, 0xc4000004, 1, 0, 0), 0);
	assert_int_equal(call(b, 0x84000003, 2, 0x140000000 | RAM_BASE, 5), 0); /* 32-bit: upper halves dropped */
	assert_int_equal(call(b, 0xc4000001, 0x1010000, RAM_BASE, 0), -2); /* power down of what is above the core */
	assert_int_equal(call(b, 0xc4000001, 0x10000, DEVICE_BASE, 0), -9);
	assert_int_equal(call(b, 0xc4000001, 0x10000, RAM_BASE + 2, 0), -9);
	assert_false(b->cpu->halted);
	assert_int_equal(call(b, 0xc4000001, 0, 0, 0), 0);
	assert_true(b->cpu->halted);
	assert_false(b->cpu->thread->resume);
	b->cpu->halted = false;
	assert_int_equal(call(b, 0xc4000012, 1, 0, 0), -2);
	assert_int_equal(call(b, 0x99999999, 0, 0, 0), -1);
	assert_int_equal(b->off_calls + b->reset_calls, 0);
	call(b, 0x84000009, 0, 0, 0);
	assert_int_equal(b->reset_calls, 1);
	assert_false(cpu_service(b->cpu));
	cpus_reset(b->cpus, RAM_BASE, 0);
	assert_true(cpu_service(b->cpu));
	call(b, 0x84000008, 0, 0, 0);
	assert_int_equal(b->off_calls, 1);
}

static void trng_answers_as_specified(void **state)
{
	struct bench *b = *state;

	assert_int_equal(call(b, 0x84000050, 0, 0, 0), 0x10000);
	assert_int_equal(call(b, 0x84000051, 0xc4000053, 0, 0), 0);
	assert_int_equal(call(b, 0x84000051, 0x84000054, 0, 0), -1);
	assert_int_equal(call(b, 0x84000053, 0, 0, 0), -2);
	assert_int_equal(call(b, 0x84000053, 97, 0, 0), -2);
	assert_int_equal(call(b, 0xc4000053, 193, 0, 0), -2);
	assert_int_equal(call(b, 0xc4000053, 65, 0, 0), 0);
	assert_int_equal(b->cpu->x[1], 0);
	assert_int_equal(b->cpu->x[2] & ~1ull, 0);
	assert_true(b->cpu->x[3] != 0);
	assert_int_equal(call(b, 0x84000053, 96, 0, 0), 0);
	assert_int_equal((b->cpu->x[1] | b->cpu->x[2] | b->cpu->x[3]) >> 32, 0);
}

static void models_are_cut_to_what_they_are(void **state)
{
	struct bench *b = bench_make(1, "cortex-a57", true);
	struct cpus_config config = {.count = 1, .model = "cortex-x99"};
	struct error err = {0};

	assert_int_equal(get(b, SYSREG(3, 0, 0, 0, 0)), 0x411fd073);
	assert_int_equal(get(b, ID(6, 0)), 0x0000000000011120);
	assert_int_equal(get(b, ID(7, 1)), 0);
	assert_int_equal(get(b, ID(7, 0)) & 0xf, 4);
	assert_int_equal(get(b, ID(7, 0)) >> 20 & 0xf, 0);
	assert_true(b->cpu->missing_features & 1ull << A64_FEATURE_LSE);
	raises(b, SYSREG(3, 0, 4, 2, 3), true, EC_UNKNOWN, 5);   /* PAN */
	raises(b, SYSREG(3, 0, 10, 4, 7), true, EC_UNKNOWN, 5);  /* LORID */
	raises(b, SYSREG(3, 0, 10, 4, 3), false, EC_UNKNOWN, 5); /* LORC */
	raises(b, SYSREG(3, 3, 14, 0, 5), true, EC_UNKNOWN, 5);  /* CNTPCTSS: ECV */
	raises(b, SYSREG(3, 3, 14, 0, 6), true, EC_UNKNOWN, 5);
	raises(b, SYSREG(3, 3, 13, 0, 7), true, EC_UNKNOWN, 5); /* SCXTNUM_EL0 */
	/* TLBI: neither outer shareable nor ranges. */
	cpu_set_pstate(b->cpu, 5);
	assert_true(sysinsn(b->cpu, SYSREG(1, 0, 8, 3, 1), 0));
	assert_false(sysinsn(b->cpu, SYSREG(1, 0, 8, 1, 1), 0));
	assert_false(sysinsn(b->cpu, SYSREG(1, 0, 8, 6, 1), BIT(46)));
	/* HA is RES0. */
	cpu_set_pstate(b->cpu, 5);
	set(b, TCR, BIT(39) | BIT(41) | BIT(42) | BIT(55));
	assert_int_equal(get(b, TCR), 0);
	set(b, SYSREG(3, 0, 14, 1, 0), ~0ull); /* CNTKCTL: no EVNTIS */
	assert_int_equal(get(b, SYSREG(3, 0, 14, 1, 0)), 0x3ff);
	assert_null(cpus_create(&config, &err));
	check_says(&err, "cortex-x99");
	check_says(&err, "neoverse-n1");
	bench_free(b);
	/* The A76 keeps PSTATE.SSBS, as SCTLR.DSSBS and SPSR have it, and has no MSR and MRS of it; the N1 has. */
	for (unsigned named = 0; named < 2; named++) {
		b = bench_make(1, named ? "neoverse-n1" : "cortex-a76", true);
		assert_int_equal(get(b, ID(4, 1)), named ? 0x20 : 0x10);
		assert_int_equal(b->cpu->missing_features >> A64_FEATURE_SSBS & 1, !named);
		set(b, SCTLR, BIT(44));
		assert_true(get(b, SCTLR) & BIT(44));
		cpu_set_pstate(b->cpu, 5 | BIT(12));
		assert_int_equal(b->cpu->ssbs, 1);
		if (named)
			assert_int_equal(get(b, SYSREG(3, 3, 4, 2, 6)), BIT(12));
		else
			raises(b, SYSREG(3, 3, 4, 2, 6), true, EC_UNKNOWN, 5);
		bench_free(b);
	}
	for (const char *const *m = cpus_models(); *m; m++)
		bench_free(bench_make(1, *m, true));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_bench, close_bench)
	const struct CMUnitTest list[] = {
		T(id_registers_say_what_is_there),
		T(el0_is_trapped_or_undefined),
		T(timers_raise_and_drop_their_line),
		T(timers_keep_up_with_the_turn),
		T(a_debugger_may_look_at_a_timer),
		T(pmu_counts_and_overflows),
		T(pmu_filters_by_the_level_that_executes),
		T(psci_answers_as_specified),
		T(trng_answers_as_specified),
		cmocka_unit_test(models_are_cut_to_what_they_are),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
