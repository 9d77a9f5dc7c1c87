/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware would answer to HVC and SMC: SMCCC 1.2, PSCI 1.1, TRNG 1.0. [DEN0028, DEN0022, DEN0098]
 * And the way of semihosting calls to the machine.
 *
 * Called on the vCPU's thread after the instruction has completed. Vendor functions and HVCs with an immediate go to
 * the machine (EFI runtime stubs) first. Another vCPU's power state changes under psci_lock; its registers are set by
 * its own thread when it starts (cpus.c).
 */
#include <string.h>
#include <sys/random.h>

#include "base/random.h"
#include "base/trace.h"
#include "cpu/vcpu.h"

enum {
	SMCCC_VERSION = 0x80000000, SMCCC_ARCH_FEATURES = 0x80000001,
	ARCH_WORKAROUND_1 = 0x80008000, ARCH_WORKAROUND_2 = 0x80007fff, ARCH_WORKAROUND_3 = 0x80003fff,
	PSCI_VERSION = 0x84000000, PSCI_CPU_SUSPEND = 0x84000001, PSCI_CPU_OFF = 0x84000002, PSCI_CPU_ON = 0x84000003,
	PSCI_AFFINITY_INFO = 0x84000004, PSCI_MIGRATE_INFO_TYPE = 0x84000006, PSCI_SYSTEM_OFF = 0x84000008,
	PSCI_SYSTEM_RESET = 0x84000009, PSCI_FEATURES = 0x8400000a, PSCI_SYSTEM_RESET2 = 0x84000012,
	TRNG_VERSION = 0x84000050, TRNG_FEATURES = 0x84000051, TRNG_GET_UUID = 0x84000052, TRNG_RND = 0x84000053,
};
#define CALL_64 0x40000000u

enum { SMCCC_NOT_SUPPORTED = -1 };
enum { PSCI_SUCCESS = 0, PSCI_NOT_SUPPORTED = -1, PSCI_INVALID_PARAMETERS = -2, PSCI_ALREADY_ON = -4,
       PSCI_INVALID_ADDRESS = -9 };
enum { AFFINITY_ON = 0, AFFINITY_OFF = 1 };
enum { TRNG_INVALID_PARAMETERS = -2 };

static int index_of_mpidr(const struct cpus *cpus, u64 mpidr)
{
	for (unsigned i = 0; i < cpus->count; i++)
		if (cpus_mpidr(i) == mpidr)
			return (int)i;
	return -1;
}

/* What the vCPU's thread has yet to carry out counts as done: a reset, and CPU_ON, so that nobody ever sees "on pending". */
static bool is_off(struct cpus *cpus, int index)
{
	struct cpu_thread *thread = &cpus->thread[index];

	if (__atomic_load_n(&thread->on_pending, __ATOMIC_SEQ_CST))
		return false;
	if (__atomic_load_n(&thread->reset_pending, __ATOMIC_SEQ_CST))
		return !thread->reset_on;
	return __atomic_load_n(&cpus->cpu[index]->powered_off, __ATOMIC_SEQ_CST);
}

/* Where a vCPU can start: an instruction in memory. */
static bool is_entry(const struct cpus *cpus, u64 entry)
{
	const struct range *range = space_lookup(cpus->space, entry);

	return range && range->region->host && !(entry & 3);
}

static s64 cpu_on(struct cpu *cpu, u64 target, u64 entry, u64 context)
{
	struct cpus *cpus = cpu->cpus;
	int index = index_of_mpidr(cpus, target);
	struct cpu_thread *thread;
	s64 result = PSCI_SUCCESS;

	if (index < 0)
		return PSCI_INVALID_PARAMETERS;
	if (!is_entry(cpus, entry))
		return PSCI_INVALID_ADDRESS;
	thread = &cpus->thread[index];
	pthread_mutex_lock(&cpus->psci_lock);
	if (!is_off(cpus, index)) {
		result = PSCI_ALREADY_ON;
	} else {
		thread->on_pc = entry;
		thread->on_x0 = context;
		__atomic_store_n(&thread->on_pending, 1, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&cpus->psci_lock);
	if (result == PSCI_SUCCESS)
		cpu_wake(cpus->cpu[index]);
	return result;
}

static s64 affinity_info(struct cpu *cpu, u64 target, u32 level)
{
	struct cpus *cpus = cpu->cpus;
	int index = index_of_mpidr(cpus, target);
	s64 result;

	if (index < 0 || level != 0)
		return PSCI_INVALID_PARAMETERS;
	pthread_mutex_lock(&cpus->psci_lock);
	result = is_off(cpus, index) ? AFFINITY_OFF : AFFINITY_ON;
	pthread_mutex_unlock(&cpus->psci_lock);
	return result;
}

/* The whole machine ends or starts anew: this vCPU stays where it is until cpus_reset (cpus_park). */
static void system_request(struct cpu *cpu, void (*request)(void *opaque))
{
	cpus_park(cpu->cpus);
	cpu_out(cpu);
	if (request)
		request(cpu->cpus->config.opaque);
	cpu_in(cpu);
}

static s64 psci_features(u32 id)
{
	switch (id) {
	case SMCCC_VERSION:
	case PSCI_VERSION:
	case PSCI_CPU_OFF:
	case PSCI_CPU_ON:
	case PSCI_CPU_ON | CALL_64:
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_SUSPEND | CALL_64:
	case PSCI_AFFINITY_INFO:
	case PSCI_AFFINITY_INFO | CALL_64:
	case PSCI_MIGRATE_INFO_TYPE:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
	case PSCI_SYSTEM_RESET2:
	case PSCI_SYSTEM_RESET2 | CALL_64:
	case PSCI_FEATURES: return 0;
	default: return PSCI_NOT_SUPPORTED;
	}
}

static s64 arch_features(u32 id)
{
	switch (id) {
	case SMCCC_VERSION:
	case SMCCC_ARCH_FEATURES: return 0;
	/* There, and not needed: CSV2 and CSV3 say so too. */
	case ARCH_WORKAROUND_1:
	case ARCH_WORKAROUND_2:
	case ARCH_WORKAROUND_3: return 1;
	default: return SMCCC_NOT_SUPPORTED;
	}
}

/* Host randomness; under instruction time a fixed sequence, so that runs repeat. */
static void random_bytes(struct cpu *cpu, u8 *to, size_t size)
{
	if (!cpu->cpus->instruction_time) {
		while (size) {
			ssize_t n = getrandom(to, MIN(size, (size_t)256), 0);

			if (n <= 0)
				continue;
			to += n;
			size -= (size_t)n;
		}
		return;
	}
	random_fixed(&cpu->cpus->random, to, size);
}

/* Up to 96 or 192 bits, in x3, x2, x1, least significant first. */
static s64 trng_rnd(struct cpu *cpu, u64 n, bool is64)
{
	unsigned word = is64 ? 64 : 32;
	u64 words[3] = {0};

	if (n == 0 || n > 3 * word)
		return TRNG_INVALID_PARAMETERS;
	for (unsigned i = 0; i < 3 && n; i++) {
		unsigned take = (unsigned)MIN(n, word);

		random_bytes(cpu, (u8 *)&words[i], sizeof(words[i]));
		words[i] &= ones(take);
		n -= take;
	}
	cpu->x[1] = words[2];
	cpu->x[2] = words[1];
	cpu->x[3] = words[0];
	return 0;
}

static s64 trng(struct cpu *cpu, u32 id, u64 arg)
{
	switch (id) {
	case TRNG_VERSION: return 0x10000;
	case TRNG_FEATURES:
		switch ((u32)arg) {
		case TRNG_VERSION:
		case TRNG_FEATURES:
		case TRNG_GET_UUID:
		case TRNG_RND:
		case TRNG_RND | CALL_64: return 0;
		default: return SMCCC_NOT_SUPPORTED;
		}
	case TRNG_GET_UUID:
		cpu->x[1] = 0x4b1a9c52;
		cpu->x[2] = 0x9d07f3a8;
		cpu->x[3] = 0x61e42cb7;
		return 0x2f6b8d31;
	default: return trng_rnd(cpu, arg, id & CALL_64);
	}
}

static s64 system_reset2(struct cpu *cpu, u32 type)
{
	/* Architectural warm reset only; vendor types have bit 31. */
	if (type & 0x80000000u)
		return PSCI_NOT_SUPPORTED;
	if (type != 0)
		return PSCI_INVALID_PARAMETERS;
	system_request(cpu, cpu->cpus->config.system_reset);
	return PSCI_SUCCESS;
}

/*
 * Original format: StateID 15:0, StateType 16 (1: power down), PowerLevel 25:24. The core is level 0; there is no level above
 * that could go down with it. Standby is a WFI. Power down is one too, at whose end the core starts at `entry` as after
 * CPU_ON; the timers and the GIC are powered all the time, so an interrupt of theirs can be that end. [DEN0022 CPU_SUSPEND]
 */
static s64 cpu_suspend(struct cpu *cpu, u64 state, u64 entry, u64 context)
{
	if (state & ~0x0301ffffull || bits(state, 25, 24) != 0)
		return PSCI_INVALID_PARAMETERS;
	if (bit(state, 16)) {
		if (!is_entry(cpu->cpus, entry))
			return PSCI_INVALID_ADDRESS;
		cpu_power_down(cpu, entry, context);
	} else {
		cpu_wfi_now(cpu);
	}
	return PSCI_SUCCESS;
}

/* False: not ours. */
static bool answer(struct cpu *cpu, s64 *result)
{
	u32 id = (u32)cpu->x[0];
	bool is64 = id & CALL_64;
	u64 mask = is64 ? ~0ull : 0xffffffff, a = cpu->x[1] & mask, b = cpu->x[2] & mask, c = cpu->x[3] & mask;

	switch (id) {
	case SMCCC_VERSION: *result = 0x10002; return true;
	case SMCCC_ARCH_FEATURES: *result = arch_features((u32)a); return true;
	case ARCH_WORKAROUND_1: case ARCH_WORKAROUND_2: case ARCH_WORKAROUND_3: *result = 0; return true;
	case PSCI_VERSION: *result = 0x10001; return true;
	case PSCI_CPU_SUSPEND: case PSCI_CPU_SUSPEND | CALL_64: *result = cpu_suspend(cpu, (u32)a, b, c); return true;
	case PSCI_CPU_OFF:
		cpu_power_off(cpu);
		*result = PSCI_SUCCESS;
		return true;
	case PSCI_CPU_ON: case PSCI_CPU_ON | CALL_64: *result = cpu_on(cpu, a, b, c); return true;
	case PSCI_AFFINITY_INFO: case PSCI_AFFINITY_INFO | CALL_64: *result = affinity_info(cpu, a, (u32)b); return true;
	case PSCI_MIGRATE_INFO_TYPE: *result = 2; return true; /* no Trusted OS that would need migration */
	case PSCI_SYSTEM_OFF: system_request(cpu, cpu->cpus->config.system_off); *result = 0; return true;
	case PSCI_SYSTEM_RESET: system_request(cpu, cpu->cpus->config.system_reset); *result = 0; return true;
	case PSCI_SYSTEM_RESET2: case PSCI_SYSTEM_RESET2 | CALL_64: *result = system_reset2(cpu, (u32)a); return true;
	case PSCI_FEATURES: *result = psci_features((u32)a); return true;
	case TRNG_VERSION: case TRNG_FEATURES: case TRNG_GET_UUID: case TRNG_RND: case TRNG_RND | CALL_64:
		*result = trng(cpu, id, a);
		return true;
	default: return false;
	}
}

bool cpu_semihost(struct cpu *cpu)
{
	const struct cpus_config *config = &cpu->cpus->config;
	u64 result;

	if (!config->semihost || (!cpu->el && !config->semihost_el0))
		return false;
	cpu_out(cpu);
	result = config->semihost(config->opaque, cpu, (u32)cpu->x[0], cpu->x[1]);
	if (cpu_in(cpu))
		cpu->x[0] = result;
	return true;
}

static bool hypercall(struct cpu *cpu, u16 imm)
{
	const struct cpus_config *config = &cpu->cpus->config;
	u64 x[8];
	bool handled;

	if (!config->hypercall)
		return false;
	memcpy(x, cpu->x, sizeof(x));
	cpu_out(cpu);
	handled = config->hypercall(config->opaque, cpu, imm, x);
	/* What ends the machine does not come back: it leaves the registers alone, however soon the end comes. */
	if (!cpu_in(cpu) || __atomic_load_n(&cpu->cpus->parked, __ATOMIC_SEQ_CST))
		return true;
	if (handled)
		memcpy(cpu->x, x, sizeof(x));
	return handled;
}

void cpu_smccc(struct cpu *cpu, bool smc, u16 imm)
{
	u32 id = (u32)cpu->x[0];
	s64 result = SMCCC_NOT_SUPPORTED;
	/* Vendor specific hypervisor service: owner 6, fast call. */
	bool vendor = (id & 0xbf000000u) == 0x86000000u;

	if (((!smc && imm) || vendor) && hypercall(cpu, imm))
		return;
	if (imm || !answer(cpu, &result))
		trace(UNIMP, "cpu %u: %s #%u, function 0x%08x", cpu->index, smc ? "SMC" : "HVC", imm, id);
	if (cpu->thread->reset_pending)
		return;
	/* A 32-bit call's result is W0; a negative one is negative in X0 too, as callers test either. */
	cpu->x[0] = (u64)result;
}
