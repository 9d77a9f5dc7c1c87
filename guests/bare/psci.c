/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI 1.1, SMCCC 1.2 and TRNG: every call and its errors, by HVC and SMC. [DEN0022, DEN0028, DEN0098] */
/* run: smp=1,4 */
#include "bare.h"

enum { NOT_SUPPORTED = -1, INVALID_PARAMETERS = -2, DENIED = -3, ALREADY_ON = -4, ON_PENDING = -5, INVALID_ADDRESS = -9 };
#define S(x) ((u64)(s64)(x))
#define CHECK32(what, got, want) check(what, (u32)(got), (u32)(want))

static unsigned cpus;
static volatile u64 started[CPUS_MAX];
static struct barrier bar;

asm("probe_entry: adrp x1, probe_state; add x1, x1, :lo12:probe_state; str x0, [x1]; mrs x2, sctlr_el1; str x2, [x1, #8];"
    "mrs x2, currentel; str x2, [x1, #16]; mrs x2, daif; str x2, [x1, #24]; mrs x2, spsel; str x2, [x1, #32]; adr x2, .; str x2, [x1, #40];"
    "mrs x2, mpidr_el1; str x2, [x1, #48]; dsb sy; mov x2, #1; str x2, [x1, #56]; dsb sy; 2: ldr x2, [x1, #64]; cbz x2, 2b; mov w0, #2; movk w0, #0x8400, lsl #16; hvc #0; 1: wfi; b 1b");
extern char probe_entry[];
volatile u64 probe_state[9]; /* the last one lets it go */

static void calls(struct smccc (*call)(u64, u64, u64, u64))
{
	struct smccc r;

	CHECK32("PSCI_VERSION", call(0x84000000, 0, 0, 0).x0, 0x10001);
	CHECK32("SMCCC_VERSION", call(0x80000000, 0, 0, 0).x0, 0x10002);
	CHECK32("ARCH_FEATURES of itself", call(0x80000001, 0x80000001, 0, 0).x0, 0);
	CHECK32("ARCH_FEATURES of nothing", call(0x80000001, 0x80001234, 0, 0).x0, NOT_SUPPORTED);
	static const u32 there[] = {0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003, 0xc4000003, 0x84000004, 0xc4000004,
				    0x84000008, 0x84000009, 0x8400000a, 0x80000000, 0x84000012, 0xc4000012};
	for (unsigned i = 0; i < sizeof(there) / 4; i++)
		check_true("PSCI_FEATURES", (s64)call(0x8400000a, there[i], 0, 0).x0 >= 0);
	CHECK32("PSCI_FEATURES of nothing", call(0x8400000a, 0x8400001f, 0, 0).x0, NOT_SUPPORTED);
	check("an unknown function", call(0x8400001f, 0, 0, 0).x0, S(NOT_SUPPORTED));
	check("an unknown owner", call(0xc3001234, 0, 0, 0).x0, S(NOT_SUPPORTED));
	CHECK32("MIGRATE_INFO_TYPE", call(0x84000006, 0, 0, 0).x0, 2);
	check("CPU_ON of nobody", call(PSCI_CPU_ON, 0x1234, (u64)secondary, 0).x0, S(INVALID_PARAMETERS));
	check("CPU_ON of itself", call(PSCI_CPU_ON, 0, (u64)secondary, 0).x0, S(ALREADY_ON));
	check("AFFINITY_INFO of itself", call(PSCI_AFFINITY_INFO, 0, 0, 0).x0, 0);
	check("AFFINITY_INFO of nobody", call(PSCI_AFFINITY_INFO, 0x77, 0, 0).x0, S(INVALID_PARAMETERS));
	check("AFFINITY_INFO of a higher level", call(PSCI_AFFINITY_INFO, 0, 4, 0).x0, S(INVALID_PARAMETERS));
	if (cpus > 1)
		check("CPU_ON outside memory", call(PSCI_CPU_ON, 1, 0x3f00000000, 0).x0, S(INVALID_ADDRESS));
	check("RESET2 of an unknown type", (u32)call(0xc4000012, 0x12345, 0, 0).x0 != 0, 1);
	/* TRNG. */
	check_true("TRNG_VERSION", (u32)call(0x84000050, 0, 0, 0).x0 >= 0x10000);
	CHECK32("TRNG_FEATURES", call(0x84000051, 0xc4000053, 0, 0).x0, 0);
	CHECK32("TRNG_FEATURES of nothing", call(0x84000051, 0x84000055, 0, 0).x0, NOT_SUPPORTED);
	r = call(0x84000052, 0, 0, 0);
	check_true("TRNG_GET_UUID", (u32)r.x0 != (u32)-1);
	r = call(0xc4000053, 192, 0, 0);
	check("TRNG_RND 192", r.x0, 0);
	check_true("random", r.x1 && r.x2 && r.x3 && r.x1 != r.x2);
	r = call(0xc4000053, 65, 0, 0);
	check("TRNG_RND 65", r.x0, 0);
	check("TRNG_RND 65, high", r.x1, 0);
	check("TRNG_RND 65, middle", r.x2 >> 1, 0);
	check("TRNG_RND 0", call(0xc4000053, 0, 0, 0).x0, S(INVALID_PARAMETERS));
	check("TRNG_RND 193", call(0xc4000053, 193, 0, 0).x0, S(INVALID_PARAMETERS));
	r = call(0x84000053, 96, 0, 0);
	check("TRNG_RND32 96", (u32)r.x0, 0);
	check("TRNG_RND32 words", (r.x1 | r.x2 | r.x3) >> 32, 0);
	CHECK32("TRNG_RND32 97", call(0x84000053, 97, 0, 0).x0, INVALID_PARAMETERS);
}

/* x4 to x17 and the rest come back as they were. [SMCCC 1.2 2.6] */
static void preserved(void)
{
	u64 bad;

	asm volatile("mov x4, #4; mov x5, #5; mov x6, #6; mov x7, #7; mov x8, #8; mov x9, #9; mov x16, #16; mov x17, #17; mov x18, #18;"
		     "mov w0, #0x84000000; mov x1, #11; hvc #0; sub x4, x4, #4; sub x5, x5, #5; sub x6, x6, #6; sub x7, x7, #7;"
		     "sub x8, x8, #8; sub x9, x9, #9; sub x16, x16, #16; sub x17, x17, #17; sub x18, x18, #18; orr %0, x4, x5; orr %0, %0, x6;"
		     "orr %0, %0, x7; orr %0, %0, x8; orr %0, %0, x9; orr %0, %0, x16; orr %0, %0, x17; orr %0, %0, x18"
		     : "=&r"(bad) :: "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x16", "x17", "x18", "memory");
	check("registers kept", bad, 0);
}

static void come(unsigned cpu, void *arg)
{
	started[cpu]++;
	if (cpu) {
		check("CPU_ON of one that is on", hvc(PSCI_CPU_ON, 0, (u64)secondary, 0).x0, S(ALREADY_ON));
		check("AFFINITY_INFO of itself", hvc(PSCI_AFFINITY_INFO, cpu, 0, 0).x0, 0);
	}
	barrier_wait(&bar, cpus);
}

/* A core that went off comes back with its CPU interface as at a reset. */
static void interface_on(unsigned cpu, void *arg)
{
	if (!cpu)
		return;
	icc_set(0xf0, ICC_PMR);
	icc_set(1, ICC_IGRPEN0);
	icc_set(1, ICC_IGRPEN1);
	asm volatile("isb");
}

static void interface_off(unsigned cpu, void *arg)
{
	if (!cpu)
		return;
	check("group 0 after CPU_OFF and CPU_ON", icc_get(ICC_IGRPEN0), 0);
	check("group 1", icc_get(ICC_IGRPEN1), 0);
	check("priority mask", icc_get(ICC_PMR), 0);
}

static void others(void)
{
	for (unsigned i = 1; i < cpus; i++)
		check("off at first", hvc(PSCI_AFFINITY_INFO, i, 0, 0).x0, 1);
	for (unsigned i = 1; i < cpus; i++) {
		probe_state[7] = probe_state[8] = 0;
		check("CPU_ON", hvc(PSCI_CPU_ON, i, (u64)probe_entry, 0xc0ffee00 + i).x0, 0);
		u64 again = hvc(PSCI_CPU_ON, i, (u64)probe_entry, 0xbad).x0;
		check_true("CPU_ON again", again == S(ALREADY_ON) || again == S(ON_PENDING));
		/* Upper halves of a 32-bit call's arguments do not count. */
		again = hvc(0xbadbad0084000003ul, 0xbad00000000ul + i, (u64)probe_entry | 0xbad00000000ul, 0).x0;
		check_true("CPU_ON again, 32-bit", (u32)again == (u32)ALREADY_ON || (u32)again == (u32)ON_PENDING);
		probe_state[8] = 1;
		while (hvc(PSCI_AFFINITY_INFO, i, 0, 0).x0 != 1 || !probe_state[7])
			;
		check("context", probe_state[0], 0xc0ffee00 + i);
		check("MMU and caches off", probe_state[1] & 0x1005, 0);
		check("EL1", probe_state[2], 4);
		check("masked", probe_state[3], 0x3c0);
		check("SPSel", probe_state[4], 1);
		check("mpidr", probe_state[6] & 0xff00ffffff, i);
	}
	mmu_flat();
	for (unsigned round = 0; round < 20; round++)
		smp_run(cpus, come, NULL);
	for (unsigned i = 0; i < cpus; i++)
		check("came each time", started[i], 20);
	gic_init();
	smp_run(cpus, interface_on, NULL);
	smp_run(cpus, interface_off, NULL);
	mmu_off();
}

/* SUSPEND as standby: returns when an interrupt is pending, masked or not. */
static void suspend(void)
{
	u64 start;

	mmu_flat();
	gic_init();
	gic_enable(27, 0x80, 1);
	start = now();
	write_sysreg(start + ms(5), cntv_cval_el0);
	write_sysreg(1, cntv_ctl_el0);
	isb();
	check("CPU_SUSPEND", hvc(0xc4000001, 0, 0, 0).x0, 0);
	check_true("CPU_SUSPEND waits", now() >= start + ms(5));
	write_sysreg(0, cntv_ctl_el0);
	mmu_off();
}

/* suspended(state, entry, context): what the call returned, or, by way of resume_entry, the context with a mark. */
asm("suspended: stp x29, x30, [sp, #-96]!; stp x19, x20, [sp, #16]; stp x21, x22, [sp, #32]; stp x23, x24, [sp, #48]; stp x25, x26, [sp, #64];"
    "stp x27, x28, [sp, #80]; adrp x9, suspended_sp; add x9, x9, :lo12:suspended_sp; mov x10, sp; str x10, [x9]; mov x3, x2; mov x2, x1; mov x1, x0;"
    "mov w0, #1; movk w0, #0xc400, lsl #16; hvc #0; b 1f;"
    "resume_entry: adrp x9, suspended_sp; add x9, x9, :lo12:suspended_sp; ldr x10, [x9]; mov sp, x10; mrs x10, daif; str x10, [x9]; orr x0, x0, #(1 << 40);"
    "1: ldp x27, x28, [sp, #80]; ldp x25, x26, [sp, #64]; ldp x23, x24, [sp, #48]; ldp x21, x22, [sp, #32]; ldp x19, x20, [sp, #16];"
    "ldp x29, x30, [sp], #96; ret");
extern u64 suspended(u64 state, u64 entry, u64 context);
extern char resume_entry[];
volatile u64 suspended_sp; /* then DAIF as the start had it */

/* SUSPEND as power down: starts at the entry when an interrupt is pending; timers and GIC went on. In the last round the redistributor
 * sleeps too, as it has to before a power-down: its WakeRequest does it. [IHI0069 GICR_WAKER] */
static void power_down(void)
{
	u64 start, vbar = read_sysreg(vbar_el1), percpu = read_sysreg(tpidr_el1);

	check("power down to nowhere", suspended(0x10000, 0x3f00000000, 0), S(INVALID_ADDRESS));
	check("power down of an unknown level", suspended(0x3010000, (u64)resume_entry, 0), S(INVALID_PARAMETERS));
	mmu_flat();
	gic_init();
	gic_enable(27, 0x80, 1);
	for (unsigned round = 0; round < 4; round++) {
		start = now();
		write_sysreg(round == 2 ? 0 : start + ms(3), cntv_cval_el0); /* the third: pending already */
		write_sysreg(1, cntv_ctl_el0);
		write_sysreg(0x1234, contextidr_el1);
		isb();
		if (round == 3) {
			icc_set(0, ICC_IGRPEN0);
			icc_set(0, ICC_IGRPEN1);
			write32(GICR(0) + 0x14, 2);
			while (!(read32(GICR(0) + 0x14) & 4))
				;
		}
		u64 got = suspended(0x10000, (u64)resume_entry, 0xc0de + round), sctlr = read_sysreg(sctlr_el1), id = read_sysreg(contextidr_el1);
		write_sysreg(vbar, vbar_el1);
		write_sysreg(percpu, tpidr_el1);
		write_sysreg(3 << 20, cpacr_el1);
		isb();
		check("resumes with its context", got, BIT(40) | (0xc0de + round));
		check_true("power down waits", round == 2 || now() >= start + ms(3));
		check("MMU and caches off", sctlr & 0x1005, 0);
		check("all masked", suspended_sp, 0x3c0);
		check("system registers as at a start", id, 0);
		check("the timer went on", read_sysreg(cntv_ctl_el0), 5);
		if (round == 3) {
			write32(GICR(0) + 0x14, 0);
			gic_init_cpu();
		}
		check("the interrupt is pending", icc_get(ICC_HPPIR1), 27);
		write_sysreg(0, cntv_ctl_el0);
		mmu_flat();
	}
	mmu_off();
}

void test(void)
{
	struct smccc r;

	cpus = cpus_present();
	calls(hvc);
	calls(smc);
	preserved();
	done("calls");
	suspend();
	done("suspend");
	power_down();
	done("power down");
	if (cpus > 1)
		others();
	r = hvc(PSCI_CPU_ON, cpus, (u64)secondary, 0);
	check("CPU_ON beyond the last", r.x0, S(INVALID_PARAMETERS));
	done("power of vCPUs");
}
