/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPU threads: power on, shootdowns under load, standing still, pause, reset while running, WFI and wake-up; and
 * instruction time, twice the same.
 */
#include <sched.h>
#include "bench.h"

#include <unistd.h>

#define CODE RAM_BASE
#define DATA (RAM_BASE + 0x100000)

static void words(struct bench *b, u64 pa, const u32 *w, unsigned count)
{
	memcpy(ram_at(b, pa), w, count * 4);
}

/* Waits for a word of guest memory; at most 10 s. */
static void wait_word(struct bench *b, u64 pa, u64 value)
{
	for (unsigned i = 0; i < 10000; i++) {
		if (__atomic_load_n(word_at(b, pa), __ATOMIC_SEQ_CST) == value)
			return;
		usleep(1000);
	}
	fail_msg("word at 0x%llx is 0x%llx, not 0x%llx", (unsigned long long)pa, (unsigned long long)*word_at(b, pa),
		 (unsigned long long)value);
}

/*
 * Each vCPU k: starts the next by PSCI; then 2000 times: ldadd on DATA, TLBI VMALLE1IS, DSB; counts itself done at
 * DATA + 8; then WFI for ever.
 */
static const u32 storm[] = {
	0xd53800a9, /* 0: mrs x9, mpidr_el1 */
	0x92401d29, /* and x9, x9, #0xff */
	0xd2a08014, /* movz x20, #0x4000? patched: x20 = DATA */
	0xf2800014, /* movk x20, #0 */
	0xd2800060, /* movz x0, #3 */
	0xf2b88000, /* movk x0, #0xc400, lsl #16 */
	0x91000521, /* add x1, x9, #1 */
	0xd2a80002, /* movz x2, #0x4000, lsl #16 */
	0xd4000002, /* hvc #0 */
	0xd280fa0a, /* movz x10, #2000 */
	0xd280002b, /* movz x11, #1 */
	0xf8eb028c, /* loop: ldaddal x11, x12, [x20] */
	0xd508831f, /* tlbi vmalle1is */
	0xd5033f9f, /* dsb sy */
	0xf100054a, /* subs x10, x10, #1 */
	0x54ffff81, /* b.ne loop */
	0x91002295, /* add x21, x20, #8 */
	0xf8eb02ac, /* ldaddal x11, x12, [x21] */
	0xd503207f, /* wfi */
	0x17ffffff, /* b .-4 */
};

static void load_storm(struct bench *b)
{
	u32 code[ARRAY_SIZE(storm)];

	memcpy(code, storm, sizeof(storm));
	code[2] = 0xd2a00014 | (u32)(DATA >> 16 & 0xffff) << 5; /* movz x20, #.., lsl #16 */
	words(b, CODE, code, ARRAY_SIZE(code));
	memset(ram_at(b, DATA), 0, 64);
}

static void shootdowns_and_power_on_end(void **state)
{
	struct bench *b = bench_make(4, "max", false);
	struct error err;

	load_storm(b);
	cpus_reset(b->cpus, CODE, 0);
	assert_true(cpus_start(b->cpus, &err));
	wait_word(b, DATA + 8, 4);
	assert_int_equal(*word_at(b, DATA), 8000);
	bench_free(b);
}

/* vCPU 0, when all have come: 100 times TLBI and DSB, while the others run in a circle. */
static const u32 among_busy[] = {
	0xd280002b, /* movz x11, #1 */
	0xf8eb028c, /* ldaddal x11, x12, [x20] */
	0xb5000009, /* cbnz x9, . */
	0xf940028c, /* ldr x12, [x20] */
	0xf100119f, /* cmp x12, #4 */
	0x54ffffc1, /* b.ne .-8 */
	0xd2800c8a, /* movz x10, #100 */
	0xd508831f, /* loop: tlbi vmalle1is */
	0xd5033f9f, /* dsb sy */
	0xf100054a, /* subs x10, x10, #1 */
	0x54ffffa1, /* b.ne loop */
	0xd280002b, /* movz x11, #1 */
	0xf900068b, /* str x11, [x20, #8] */
	0xd503207f, /* wfi */
	0x17ffffff, /* b .-4 */
};

static void shootdowns_reach_busy_cpus(void **state)
{
	struct bench *b = bench_make(4, "max", false);
	struct error err;

	load_storm(b);
	words(b, CODE + 9 * 4, among_busy, ARRAY_SIZE(among_busy));
	cpus_reset(b->cpus, CODE, 0);
	assert_true(cpus_start(b->cpus, &err));
	wait_word(b, DATA + 8, 1);
	bench_free(b);
}

/* vCPU 0 starts another, which counts in memory, waits a while and powers the machine off. */
static const u32 end_of_all[] = {
	0xd2a00014,             /* movz x20, #.., lsl #16: filled in */
	0xd2b88000, 0xf2800060, /* x0 = CPU_ON */
	0xd2800021,             /* movz x1, #1 */
	0x10000162,             /* adr x2, other */
	0xd2800003,             /* movz x3, #0 */
	0xd4000002,             /* hvc #0 */
	0xd282710a,             /* movz x10, #5000 */
	0xf100054a,             /* loop: subs x10, x10, #1 */
	0x54ffffe1,             /* b.ne loop */
	0xd2b08000, 0xf2800100, /* x0 = SYSTEM_OFF */
	0xd4000002,             /* hvc #0 */
	0xf9000a80,             /* str x0, [x20, #16] */
	0x17ffffff,             /* b .-4 */
	0xd2a00014,             /* other: movz x20, #.., lsl #16 */
	0xd280002b,             /* movz x11, #1 */
	0xf8eb028c,             /* ldaddal x11, x12, [x20] */
	0x17ffffff,             /* b .-4 */
};

static void nothing_runs_after_the_end(void **state)
{
	u64 instructions = 0;

	for (unsigned run = 0; run < 3; run++) {
		struct bench *b = bench_make(2, "max", true);
		u32 code[ARRAY_SIZE(end_of_all)];
		struct error err;
		u64 counted, total;

		memcpy(code, end_of_all, sizeof(code));
		code[0] = code[15] = 0xd2a00014 | (u32)(DATA >> 16 & 0xffff) << 5;
		words(b, CODE, code, ARRAY_SIZE(code));
		memset(ram_at(b, DATA), 0, 64);
		cpus_reset(b->cpus, CODE, 0);
		assert_true(cpus_start(b->cpus, &err));
		for (unsigned n = 0; n < 5000 && !__atomic_load_n(&b->off_calls, __ATOMIC_SEQ_CST); n++)
			usleep(1000);
		assert_int_equal(b->off_calls, 1);
		usleep(10000);
		counted = *word_at(b, DATA);
		total = cpus_total_instructions(b->cpus);
		usleep(20000);
		assert_true(counted > 0);
		assert_int_equal(*word_at(b, DATA), counted);
		assert_int_equal(*word_at(b, DATA + 16), 0);
		assert_int_equal(cpus_total_instructions(b->cpus), total);
		if (run)
			assert_int_equal(total, instructions); /* it ends at the same instruction each time */
		instructions = total;
		bench_free(b);
	}
}

/* Fewer seats than vCPUs: all of them get on, and a vCPU that waits for a seat holds nobody up. */
static void few_seats_serve_all(void **state)
{
	for (unsigned seats = 1; seats < 4; seats++) {
		struct bench *b = bench_make(4, "max", false);
		struct error err;

		b->cpus->seats.count = seats;
		load_storm(b);
		cpus_reset(b->cpus, CODE, 0);
		assert_true(cpus_start(b->cpus, &err));
		for (unsigned i = 0; i < 50; i++) {
			unsigned seated = 0;

			pthread_mutex_lock(&b->cpus->seats.lock);
			for (unsigned k = 0; k < 4; k++)
				seated += b->cpus->thread[k].seated;
			assert_int_equal(seated + b->cpus->seats.left, seats);
			pthread_mutex_unlock(&b->cpus->seats.lock);
			cpus_pause(b->cpus);
			cpus_resume(b->cpus);
		}
		wait_word(b, DATA + 8, 4);
		assert_int_equal(*word_at(b, DATA), 8000);
		/* All sleep: all seats are back. */
		for (unsigned i = 0; i < 10000 && b->cpus->seats.left != seats; i++)
			usleep(1000);
		assert_int_equal(b->cpus->seats.left, seats);
		assert_int_equal(b->cpus->seats.waiting, 0);
		bench_free(b);
	}
}

static void the_map_changes_under_load(void **state)
{
	struct bench *b = bench_make(4, "max", false);
	struct error err;
	u64 before;

	load_storm(b);
	cpus_reset(b->cpus, CODE, 0);
	assert_true(cpus_start(b->cpus, &err));
	for (unsigned i = 0; i < 200; i++) {
		loop_lock(b->loop);
		space_move(b->space, &b->device, DEVICE_BASE + (i & 1 ? 0x10000 : 0));
		loop_unlock(b->loop);
		cpus_pause(b->cpus);
		/* One that comes out of a device may look IN for a moment, until it sees that nobody may; it executes
		 * nothing. */
		for (unsigned k = 0; k < 4; k++)
			while (__atomic_load_n(&cpus_get(b->cpus, k)->thread->state, __ATOMIC_SEQ_CST) != CPU_OUT)
				;
		before = cpus_total_instructions(b->cpus);
		sched_yield();
		assert_int_equal(cpus_total_instructions(b->cpus), before);
		cpus_resume(b->cpus);
	}
	wait_word(b, DATA + 8, 4);
	/* Reset while they sleep and once more while they run. */
	for (unsigned i = 0; i < 20; i++) {
		cpus_pause(b->cpus);
		load_storm(b);
		cpus_reset(b->cpus, CODE, 0);
		cpus_resume(b->cpus);
		usleep(i * 100);
	}
	wait_word(b, DATA + 8, 4);
	assert_int_equal(*word_at(b, DATA), 8000);
	bench_free(b);
}

/* Says so and stores to a device. */
static const u32 to_device[] = {
	0xd2a12014, /* movz x20, #0x900, lsl #16: the device */
	0xd2a00015, /* movz x21, #.., lsl #16: filled in */
	0xd280002b, /* movz x11, #1 */
	0xf90002ab, /* str x11, [x21] */
	0xf900028b, /* str x11, [x20] */
	0x14000000, /* b . */
};

/* One that waits for the machine lock stands still as well, and is in the device once it has that. */
static void nobody_is_in_a_device_after_the_end(void **state)
{
	struct bench *b = bench_make(1, "max", false);
	u32 code[ARRAY_SIZE(to_device)];
	struct error err;

	memcpy(code, to_device, sizeof(code));
	code[1] |= (u32)(DATA >> 16 & 0xffff) << 5;
	words(b, CODE, code, ARRAY_SIZE(code));
	cpus_reset(b->cpus, CODE, 0);
	loop_lock(b->loop);
	assert_true(cpus_start(b->cpus, &err));
	wait_word(b, DATA, 1);
	cpus_pause(b->cpus);
	assert_int_equal(b->device_value, 0);
	loop_unlock(b->loop);
	cpus_end(b->cpus);
	assert_int_equal(b->device_value, 1);
	bench_free(b);
}

/* A debugger looks at vCPUs that stand still, and has the machine lock: no reset happens under its eyes. */
static void a_reset_waits_for_the_machine_lock(void **state)
{
	struct bench *b = bench_make(1, "max", false);
	u32 code[ARRAY_SIZE(to_device)];
	struct error err;
	u64 pa;

	memcpy(code, to_device, sizeof(code));
	code[1] |= (u32)(DATA >> 16 & 0xffff) << 5;
	code[4] = 0xd503207f; /* wfi */
	words(b, CODE, code, ARRAY_SIZE(code));
	cpus_reset(b->cpus, CODE, 0);
	assert_true(cpus_start(b->cpus, &err));
	wait_word(b, DATA, 1);
	while (!__atomic_load_n(&b->cpu->thread->asleep, __ATOMIC_SEQ_CST))
		usleep(1000);
	cpus_pause(b->cpus);
	loop_lock(b->loop);
	cpus_reset(b->cpus, CODE, 5);
	usleep(20000);
	assert_int_equal(cpu_reg(b->cpu, 11), 1);
	assert_true(cpu_debug_translate(b->cpu, 0xffff000000000123, &pa));
	assert_int_equal(pa, 0xffff000000000123);
	loop_unlock(b->loop);
	for (unsigned i = 0; i < 10000 && __atomic_load_n(&b->cpu->thread->reset_pending, __ATOMIC_SEQ_CST); i++)
		usleep(1000);
	assert_int_equal(cpu_reg(b->cpu, 0), 5);
	assert_int_equal(cpu_reg(b->cpu, 11), 0);
	bench_free(b);
}

/* Arms CNTV 2000 ns ahead and waits for ISTATUS by WFI, 100 times; each device store is counted. */
static const u32 ticks[] = {
	0xd2800c8a,                     /* movz x10, #100 */
	0xd280fa0b,                     /* loop: movz x11, #2000 */
	0xd51be30b,                     /* msr cntv_tval_el0, x11 */
	0xd280002c,                     /* movz x12, #1 */
	0xd51be32c,                     /* msr cntv_ctl_el0, x12 */
	0xd503207f,                     /* wait: wfi */
	0xd53be32d,                     /* mrs x13, cntv_ctl_el0 */
	0x3617ffcd,                     /* tbz x13, #2, wait */
	0xd51be33f,                     /* msr cntv_ctl_el0... patched: cval = xzr is due; turn off below */
	0xd51be33f,                     /* (again) */
	0xd51be32b ^ 0x0000000b ^ 0x1f, /* msr cntv_ctl_el0, xzr */
	0xf100054a,                     /* subs x10, x10, #1 */
	0x54fffea1,                     /* b.ne loop */
	0xd2a00014,                     /* movz x20, #DATA, lsl 16 */
	0xd280002b,                     /* movz x11, #1 */
	0xf900068b,                     /* str x11, [x20, #8] */
	0xd503207f,                     /* wfi */
	0x17ffffff,                     /* b .-4 */
};

static void irq_line(void *opaque, unsigned n, bool level)
{
	cpus_set_irq(opaque, 0, level);
}

static void *loop_main(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void load_ticks(struct bench *b)
{
	u32 code[ARRAY_SIZE(ticks)];

	memcpy(code, ticks, sizeof(ticks));
	code[8] = code[9] = 0xd503201f;
	code[13] = 0xd2a00014 | (u32)(DATA >> 16 & 0xffff) << 5;
	words(b, CODE, code, ARRAY_SIZE(code));
	memset(ram_at(b, DATA), 0, 64);
	cpus_connect_ppi(b->cpus, 0, PPI_CNTV, (struct line){irq_line, b->cpus, 0});
	cpus_reset(b->cpus, CODE, 0);
}

static void timers_wake_sleeping_cpus(void **state)
{
	struct bench *b = bench_make(1, "max", false);
	pthread_t thread;
	struct error err;

	load_ticks(b);
	assert_int_equal(pthread_create(&thread, NULL, loop_main, b->loop), 0);
	assert_true(cpus_start(b->cpus, &err));
	wait_word(b, DATA + 8, 1);
	loop_quit(b->loop);
	pthread_join(thread, NULL);
	bench_free(b);
}

static void instruction_time_repeats(void **state)
{
	u64 end[2], insns[2];

	for (unsigned run = 0; run < 2; run++) {
		struct bench *b = bench_make(1, "max", true);
		struct error err;

		load_ticks(b);
		assert_true(cpus_start(b->cpus, &err));
		wait_word(b, DATA + 8, 1);
		usleep(20000);
		cpus_pause(b->cpus);
		end[run] = loop_now(b->loop);
		insns[run] = cpus_total_instructions(b->cpus);
		bench_free(b);
	}
	assert_int_equal(end[0], end[1]);
	assert_int_equal(insns[0], insns[1]);
}

static void instruction_time_runs_all_cpus(void **state)
{
	u64 insns[2];

	for (unsigned run = 0; run < 2; run++) {
		struct bench *b = bench_make(4, "max", true);
		struct error err;

		load_storm(b);
		cpus_reset(b->cpus, CODE, 0);
		assert_true(cpus_start(b->cpus, &err));
		wait_word(b, DATA + 8, 4);
		assert_int_equal(*word_at(b, DATA), 8000);
		usleep(20000);
		insns[run] = cpus_total_instructions(b->cpus);
		bench_free(b);
	}
	assert_int_equal(insns[0], insns[1]);
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(shootdowns_and_power_on_end),
		cmocka_unit_test(shootdowns_reach_busy_cpus),
		cmocka_unit_test(nothing_runs_after_the_end),
		cmocka_unit_test(few_seats_serve_all),
		cmocka_unit_test(nobody_is_in_a_device_after_the_end),
		cmocka_unit_test(a_reset_waits_for_the_machine_lock),
		cmocka_unit_test(the_map_changes_under_load),
		cmocka_unit_test(timers_wake_sleeping_cpus),
		cmocka_unit_test(instruction_time_repeats),
		cmocka_unit_test(instruction_time_runs_all_cpus),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
