/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's dispatch. cpu->ip runs over pre-decoded records; each record's function executes one instruction.
 * Guest code runs in chunks: between chunks the vCPU looks at `poll`, at interrupts and at software stepping. A chunk
 * is about a thousand instructions, some microseconds.
 *
 * Under instruction time the caller's budget is kept exactly: records that are no instructions give back their count.
 */
#include <stdio.h>

#include "base/trace.h"
#include "cpu/code.h"
#include "cpu/cpu.h"
#include "cpu/exec.h"
#include "cpu/vcpu.h"

#define CHUNK_INSNS 1000
#define CHUNK_INSNS_STRESS 64
/* Translated; under instruction time both are the same. No more than some ten thousand: a call takes 32 bytes of the stack until the chunk ends (jit/thunks.c). */
#define CHUNK_INSNS_ENGINE 5000

/* Bit NZCV of each condition. */
#define Z_(f) ((f) >> 2 & 1)
#define N_(f) ((f) >> 3 & 1)
#define C_(f) ((f) >> 1 & 1)
#define V_(f) ((f)&1)
#define EACH_FLAGS(e)                                                                                                  \
	(e(0) << 0 | e(1) << 1 | e(2) << 2 | e(3) << 3 | e(4) << 4 | e(5) << 5 | e(6) << 6 | e(7) << 7 | e(8) << 8 |   \
	 e(9) << 9 | e(10) << 10 | e(11) << 11 | e(12) << 12 | e(13) << 13 | e(14) << 14 | e(15) << 15)
#define HI_(f) (C_(f) & !Z_(f))
#define GE_(f) (N_(f) == V_(f))
#define GT_(f) (!Z_(f) & GE_(f))
#define BOTH(e) (u16) EACH_FLAGS(e), (u16)~EACH_FLAGS(e)
const u16 cond_table[16] = {BOTH(Z_), BOTH(C_), BOTH(N_), BOTH(V_), BOTH(HI_), BOTH(GE_), BOTH(GT_), 0xffff, 0xffff};

static void run_chunk(struct cpu *cpu)
{
	while (cpu->left > 0) {
		const struct insn *insn = cpu->ip;

		cpu->left--;
		cpu->ip = (struct insn *)insn + 1;
		insn->exec(cpu, insn);
	}
}

static void run_chunk_traced(struct cpu *cpu)
{
	char text[96];

	while (cpu->left > 0) {
		struct insn *insn = cpu->ip;
		u64 pc = cpu_pc_of(cpu, insn);

		if (insn->exec != exec_fetch && insn->exec != exec_next_page) {
			u32 word = insn->exec != exec_decode ? insn->word :
				   cpu->code->retired_at || !cpu->code->host ? 0 :
							       cpu->code->host[insn - cpu->code->insn];

			disasm(word, pc, text, sizeof(text));
			trace(EXEC, "cpu %u el%u %016llx  %08x  %s", cpu->index, cpu->el, (unsigned long long)pc,
			      word, text);
		}
		cpu->left--;
		cpu->ip = insn + 1;
		insn->exec(cpu, insn);
	}
}

/* For tests that compare engines: what the guest can see of the registers. */
static void trace_state(struct cpu *cpu, bool full)
{
	const u64 *v = (const u64 *)(const void *)cpu->v;
	u64 pc = cpu_pc_of(cpu, cpu->ip), hash = 0xcbf29ce484222325ull, hash_v = hash;
	char text[SLOT_COUNT * 24];
	unsigned used = 0;

	for (unsigned n = 0; n < 64; n++)
		hash_v = (hash_v ^ v[n]) * 0x100000001b3ull;
	for (unsigned n = 0; n <= SLOT_SP; n++)
		hash = (hash ^ cpu->x[n]) * 0x100000001b3ull;
	hash = (hash ^ cpu_pstate(cpu)) * 0x100000001b3ull;
	hash = (hash ^ cpu->fpsr ^ cpu->sys.sp_el0 ^ cpu->sys.sp_el1 ^ cpu->sys.elr) * 0x100000001b3ull;
	text[0] = 0;
	for (unsigned n = 0; full && n <= SLOT_SP; n++)
		used += (unsigned)snprintf(text + used, sizeof(text) - used, n == 31 ? "" : " %s%u=%llx", n == 32 ? "sp" : "x", n,
					   (unsigned long long)cpu->x[n]);
	trace(STATE, "cpu %u at %llu pc %llx pstate %llx x %llx v %llx fpsr %x%s", cpu->index, (unsigned long long)cpu_icount(cpu),
	      (unsigned long long)pc, (unsigned long long)cpu_pstate(cpu), (unsigned long long)hash, (unsigned long long)hash_v,
	      cpu->fpsr, text);
}

u64 cpu_run(struct cpu *cpu, u64 budget)
{
	bool traced = trace_is_on(EXEC), compared = trace_is_on(STATE) && cpu->cpus->instruction_time, full;
	u64 done = 0, chunk_max = cpu->engine && !cpu->cpus->instruction_time ? CHUNK_INSNS_ENGINE : CHUNK_INSNS;

	if (cpu->cpus->config.stress_poll)
		chunk_max = CHUNK_INSNS_STRESS;
	if (!cpu->code)
		code_set_pc(cpu, cpu->pc);
	code_catch_up(cpu);
	while (done < budget) {
		bool stepping;

		if (unlikely(__atomic_load_n(&cpu->poll, __ATOMIC_SEQ_CST))) {
			code_let_go(cpu);
			if (!cpu_service(cpu))
				break;
			if (!cpu->code)
				code_set_pc(cpu, cpu->pc);
			code_catch_up(cpu);
		}
		/* A debugger steps the code that it shows. */
		if (unlikely(cpu_interrupt_pending(cpu)) && !__atomic_load_n(&cpu->thread->step, __ATOMIC_RELAXED))
			cpu_take_interrupt(cpu);
		stepping = cpu->stepping;
		if (unlikely(stepping) && debug_before(cpu)) {
			done++;
			continue;
		}
		full = compared && cpu->cpus->config.state_chunk && cpu->icount >= cpu->cpus->config.state_from;
		if (unlikely(full))
			chunk_max = cpu->cpus->config.state_chunk;
		cpu->chunk = stepping ? 1 : (s64)MIN(MIN(budget - done, chunk_max), pmu_until_overflow(cpu));
		cpu->left = cpu->chunk;
		if (unlikely(traced))
			run_chunk_traced(cpu);
		else if (cpu->engine && !stepping)
			cpu->engine->run(cpu);
		else
			run_chunk(cpu);
		done += (u64)(cpu->chunk - cpu->left);
		cpu->icount += (u64)(cpu->chunk - cpu->left);
		cpu->chunk = cpu->left = 0;
		if (unlikely(stepping))
			debug_step_done(cpu);
		if (pmu_is_counting(cpu))
			pmu_poll(cpu);
		if (unlikely(full))
			trace_state(cpu, true);
	}
	if (unlikely(compared) && !cpu->cpus->config.state_chunk)
		trace_state(cpu, false);
	code_let_go(cpu);
	return done;
}
