/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The set of vCPUs: threads, sleeping and waking, interrupts, reset. (still.c: how they meet.)
 *
 * Waiting. A thread with nothing to run sleeps on its own wake_seq; whoever changes something it may wait for changes
 * first and calls cpu_wake second. Nobody holds a lock while waiting for another vCPU, and a waiter is OUT, so all
 * others can go on.
 *
 * Instruction time. One thread runs all vCPUs in turn for quantum_insns each, and moves time by what was retired; when
 * all wait it moves time to the next timer. Everything is then a function of the instructions, whatever the host does.
 */
#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "cpu/code.h"
#include "cpu/decode.h"
#include "cpu/hooks.h"
#include "cpu/vcpu.h"

#define SLICE_INSNS (1ull << 40)
#define STACK_SIZE (8u << 20) /* of a vCPU's thread, whatever `ulimit -s` says: translated code leaves returns on it (interp.c says how many) */
#define load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)

/* --- interrupts and events --- */

static void set_level(struct cpus *cpus, unsigned index, u32 mask, bool level)
{
	struct cpu *cpu;

	if (index >= cpus->count)
		return;
	cpu = cpus->cpu[index];
	if (!level) {
		__atomic_fetch_and(&cpu->irq_levels, ~mask, __ATOMIC_SEQ_CST);
		return;
	}
	if (!(__atomic_fetch_or(&cpu->irq_levels, mask, __ATOMIC_SEQ_CST) & mask))
		cpu_wake(cpu);
}

void cpus_set_irq(struct cpus *cpus, unsigned index, bool level)
{
	set_level(cpus, index, 1, level);
}

void cpus_set_fiq(struct cpus *cpus, unsigned index, bool level)
{
	set_level(cpus, index, 2, level);
}

void cpus_set_wake(struct cpus *cpus, unsigned index, bool level)
{
	if (index >= cpus->count)
		return;
	store(&cpus->thread[index].wake_request, level);
	if (level)
		cpu_wake(cpus->cpu[index]);
}

void cpus_serror(struct cpus *cpus, unsigned index)
{
	if (index >= cpus->count)
		return;
	store(&cpus->cpu[index]->serror_pending, true);
	cpu_wake(cpus->cpu[index]);
}

void cpus_connect_ppi(struct cpus *cpus, unsigned index, unsigned ppi, struct line line)
{
	if (index < cpus->count && ppi < 32)
		cpus->ppi[index][ppi] = line;
}

void cpu_set_ppi(struct cpu *cpu, unsigned ppi, bool level)
{
	line_set(&cpu->cpus->ppi[cpu->index][ppi], level);
}

/* Halts until something is pending, masked or not. */
void cpu_wfi_now(struct cpu *cpu)
{
	if (cpu_interrupt_pending(cpu))
		return;
	cpu->halted = true;
	cpu_poke(cpu);
	cpu_leave_chunk(cpu);
}

/* The same, and then the core starts at `entry`. What it was about to run, it runs no more. */
void cpu_power_down(struct cpu *cpu, u64 entry, u64 x0)
{
	cpu->thread->resume_pc = entry;
	cpu->thread->resume_x0 = x0;
	cpu->thread->resume = true;
	cpu->halted = true;
	cpu_poke(cpu);
	cpu_leave_chunk(cpu);
}

/* Machine lock held. */
static void reset_outside(struct cpu *cpu)
{
	const struct cpus_config *config = &cpu->cpus->config;

	if (config->core_reset)
		config->core_reset(config->opaque, cpu->index);
}

/* Until CPU_ON. A reset of the whole machine, whose due state is set already, comes before it. */
void cpu_power_off(struct cpu *cpu)
{
	cpu_lock_machine(cpu);
	if (!load(&cpu->thread->reset_pending)) {
		reset_outside(cpu);
		store(&cpu->powered_off, true);
	}
	cpu_unlock_machine(cpu);
	cpu_poke(cpu);
	cpu_leave_chunk(cpu);
}

#define WFX_ISS 0x1e00000u

void cpu_wfi(struct cpu *cpu)
{
	if (cpu->el == 0 && !bit(cpu->sys.sctlr, 16) && !cpu_interrupt_pending(cpu)) { /* it would wait */
		cpu_raise(cpu, EC_WFX, WFX_ISS);
		return;
	}
	cpu_wfi_now(cpu);
}

/* Only the monitor of LDXR, SEV and interrupts end a WFE for certain, and what else it may wait for is polled: it sleeps some tens of
 * microseconds at most. An early return is allowed. */
void cpu_wfe(struct cpu *cpu)
{
	if (load(&cpu->wfe_event)) {
		store(&cpu->wfe_event, false);
		return;
	}
	if (cpu->el == 0 && !bit(cpu->sys.sctlr, 18)) {
		cpu_raise(cpu, EC_WFX, WFX_ISS | 1);
		return;
	}
	store(&cpu->thread->wfe, true);
	cpu_poke(cpu);
	cpu_leave_chunk(cpu);
}

void cpu_event(struct cpu *cpu)
{
	store(&cpu->wfe_event, true);
	if (load(&cpu->thread->asleep) && load(&cpu->thread->wfe))
		cpu_wake(cpu);
}

void cpu_sev(struct cpu *cpu, bool local)
{
	struct cpus *cpus = cpu->cpus;

	store(&cpu->wfe_event, true);
	for (unsigned i = 0; !local && i < cpus->count; i++)
		cpu_event(cpus->cpu[i]);
}

/* The thread is OUT. */
static void wfe_pause(struct cpu *cpu)
{
	struct cpu_thread *thread = cpu->thread;
	u32 seq = load(&thread->wake_seq);

	if (cpu->cpus->instruction_time)
		return;
	if (++thread->wfe_count < 4) {
		sched_yield();
		return;
	}
	store(&thread->asleep, 1);
	if (!load(&cpu->wfe_event) && !cpu_interrupt_pending(cpu) && !load(&cpu->cpus->quit))
		cpus_futex_wait(&thread->wake_seq, seq, 30000);
	store(&thread->asleep, 0);
}

/* --- the dispatch loop's call, between instructions --- */

static bool must_return(struct cpu *cpu)
{
	struct cpu_thread *thread = cpu->thread;

	return cpu->halted || load(&cpu->cpus->parked) || load(&thread->held) || load(&thread->set_pc) || load(&thread->set_pstate) ||
	       load(&thread->reset_pending) || load(&cpu->powered_off) ||
	       load(&cpu->cpus->quit);
}

bool cpu_service(struct cpu *cpu)
{
	struct cpu_thread *thread = cpu->thread;

	store(&cpu->poll, 0);
	if (load(&thread->wfe)) {
		if (cpu->cpus->instruction_time) {
			cpu_poke(cpu);
			return false;
		}
		cpu_out(cpu);
		if (seat_is_due(cpu, true))
			seat_pass(cpu);
		else
			wfe_pause(cpu);
		store(&thread->wfe, false);
		cpu_in(cpu);
	} else {
		thread->wfe_count = 0;
		if (seat_is_due(cpu, false)) {
			cpu_out(cpu);
			seat_pass(cpu);
			cpu_in(cpu);
		}
	}
	if (load(&cpu->cpus->stop_count)) {
		cpu_out(cpu);
		cpu_in(cpu);
	}
	cpu_mail_serve(cpu);
	return !must_return(cpu);
}

/* --- reset and power --- */

static void cpu_reset_state(struct cpu *cpu, u64 pc, u64 x0, bool on)
{
	memset(cpu->x, 0, sizeof(cpu->x));
	memset(cpu->v, 0, sizeof(cpu->v));
	cpu->code = NULL;
	cpu->ip = NULL;
	cpu->el = 1;
	cpu->spsel = 1;
	cpu->nzcv = 0;
	cpu->pan = cpu->uao = cpu->ssbs = cpu->il = cpu->ss = 0;
	cpu->daif = 0xf;
	cpu->fpcr = cpu->fpsr = 0;
	cpu->exclusive.armed = ARMED_NOT;
	store(&cpu->exclusive.reserved, 0);
	cpu->wfe_event = false;
	cpu->halted = false;
	cpu->thread->resume = false;
	cpu->serror_pending = false;
	store(&cpu->thread->wfe, false);
	cpu->thread->persist_count = 0;
	sysreg_reset(cpu);
	pmu_reset(cpu);
	debug_reset(cpu);
	tlb_flush_all(cpu);
	cpu_rederive(cpu);
	fp_mode_changed(cpu);
	cpu->pc = pc;
	cpu->x[0] = x0;
	cpu->left = cpu->chunk = 0;
	store(&cpu->powered_off, !on);
}

/* The machine lock keeps a reset of the whole machine away. */
bool cpu_warm_reset(struct cpu *cpu, u64 pc)
{
	struct cpu_thread *thread = cpu->thread;

	cpu_lock_machine(cpu);
	if (!load(&thread->reset_pending)) {
		timers_reset(cpu);
		reset_outside(cpu);
		store(&thread->reset_pc, pc);
		store(&thread->reset_x0, 0);
		store(&thread->reset_on, true);
		store(&thread->reset_pending, 1);
	}
	return cpu_unlock_machine(cpu);
}

/* vCPUs stopped or not started. */
void cpus_reset(struct cpus *cpus, u64 entry, u64 x0)
{
	debugger_machine_reset(cpus);
	for (unsigned i = 0; i < cpus->count; i++) {
		struct cpu *cpu = cpus->cpu[i];
		struct cpu_thread *thread = cpu->thread;

		timers_reset(cpu);
		store(&thread->on_pending, 0);
		store(&thread->set_pc, 0);
		store(&thread->set_pstate, 0);
		/* Its thread may be taking an earlier reset just now; it takes this one after that. */
		store(&thread->reset_pc, entry);
		store(&thread->reset_x0, i == 0 ? x0 : 0);
		store(&thread->reset_on, i == 0);
		if (!cpus->running) {
			cpu_reset_state(cpu, entry, thread->reset_x0, i == 0);
			continue;
		}
		/* Its thread may be inside an instruction: it gives that up and takes the new state itself. */
		store(&thread->reset_pending, 1);
		store(&cpu->powered_off, i != 0);
	}
	store(&cpus->parked, 0);
	for (unsigned i = 0; cpus->running && i < cpus->count; i++)
		cpu_wake(cpus->cpu[i]);
}

void cpus_park(struct cpus *cpus)
{
	store(&cpus->parked, 1);
	for (unsigned i = 0; i < cpus->count; i++)
		cpu_poke(cpus->cpu[i]);
}

/*
 * A request is 1 when given and 2 while it is carried out; then 0, unless it was given (or taken back) anew meanwhile.
 * Others see it as pending all the time.
 */
static bool begin(u32 *request)
{
	u32 given = 1;

	return load(request) &&
	       __atomic_compare_exchange_n(request, &given, 2, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void end(u32 *request)
{
	u32 taken = 2;

	__atomic_compare_exchange_n(request, &taken, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* After a power-down: a start, but for the timers, which went on. */
static void resume(struct cpu *cpu)
{
	struct cpu_thread *thread = cpu->thread;
	struct sys kept;

	loop_lock(cpu->loop);
	kept = cpu->sys;
	cpu_reset_state(cpu, thread->resume_pc, thread->resume_x0, true);
	cpu->sys.cntfrq = kept.cntfrq;
	store(&cpu->sys.cntp_cval, kept.cntp_cval);
	store(&cpu->sys.cntv_cval, kept.cntv_cval);
	store(&cpu->sys.cntp_ctl, kept.cntp_ctl);
	store(&cpu->sys.cntv_ctl, kept.cntv_ctl);
	timers_settle(cpu);
	loop_unlock(cpu->loop);
	trace(INT, "cpu %u: resumes at 0x%llx", cpu->index, (unsigned long long)cpu->pc);
}

/* What reset, a debugger and CPU_ON left. Under the machine lock, for a debugger acts on vCPUs that stand still. */
static void take_requests(struct cpu *cpu)
{
	struct cpu_thread *thread = cpu->thread;

	loop_lock(cpu->loop);
	if (begin(&thread->reset_pending)) {
		cpu_reset_state(cpu, load(&thread->reset_pc), load(&thread->reset_x0), load(&thread->reset_on));
		end(&thread->reset_pending);
	}
	if (unlikely(load(&thread->set_pc) || load(&thread->set_pstate)))
		debugger_apply(cpu);
	if (!load(&cpu->cpus->parked) && !load(&thread->held) && begin(&thread->on_pending)) {
		timers_reset(cpu);
		cpu_reset_state(cpu, thread->on_pc, thread->on_x0, true);
		end(&thread->on_pending);
		trace(INT, "cpu %u: on at 0x%llx", cpu->index, (unsigned long long)cpu->pc);
	}
	loop_unlock(cpu->loop);
}

/* Own thread, between runs, OUT. True if there is something to run. */
static bool is_runnable(struct cpu *cpu)
{
	struct cpu_thread *thread = cpu->thread;

	if (load(&thread->reset_pending) || load(&thread->on_pending) || load(&thread->set_pc) || load(&thread->set_pstate))
		take_requests(cpu);
	if (load(&cpu->cpus->parked) || load(&thread->held))
		return false;
	if (load(&cpu->powered_off))
		return false;
	if (cpu->halted && (cpu_interrupt_pending(cpu) || (thread->resume && (load(&thread->wake_request) || load(&thread->step))))) {
		cpu->halted = false;
		if (thread->resume)
			resume(cpu);
	}
	return !cpu->halted;
}

/* --- threads --- */

/* Of the instruction that is being executed: `ip` is past it already. */
static u64 place_pc(const void *opaque)
{
	const struct cpu *cpu = opaque;

	return cpu->code ? cpu_pc_of(cpu, cpu->ip - 1) : cpu->pc;
}

/* Whose doing it is what this thread does from now on. */
static void place_set(const struct cpu *cpu)
{
	guest_place = (struct guest_place){.pc = place_pc, .cpu = cpu, .index = cpu->index};
}

/*
 * Waits until wake_seq is another. After a short wait the next is begun by looking: who answers soon is answered soon, while the host takes long to
 * wake a thread whose processor has gone idle. Not where vCPUs share processors.
 */
static void wait_for_wake(struct cpu *cpu, u32 seq)
{
	enum { LOOK_NS = 50000, SHORT_NS = 200000 };
	struct cpu_thread *thread = cpu->thread;
	u64 start = cpus_host_ns();
	bool looks = thread->looks && !cpu->cpus->seats.count;

	while (looks && load(&thread->wake_seq) == seq && cpus_host_ns() - start < LOOK_NS)
		for (unsigned i = 0; i < 16; i++)
			host_pause();
	thread->looks = load(&thread->wake_seq) != seq;
	if (thread->looks)
		return;
	store(&thread->asleep, 1);
	cpus_futex_wait(&thread->wake_seq, seq, 0);
	store(&thread->asleep, 0);
	thread->looks = !looks && cpus_host_ns() - start < SHORT_NS;
}

static void *vcpu_main(void *arg)
{
	struct cpu *cpu = arg;
	struct cpus *cpus = cpu->cpus;
	struct cpu_thread *thread = cpu->thread;

	prctl(PR_SET_TIMERSLACK, 1000);
	store(&thread->id, (u32)syscall(SYS_gettid));
	fp_mode_changed(cpu);
	place_set(cpu);
	while (!load(&cpus->quit)) {
		u32 seq = load(&thread->wake_seq);

		if (!is_runnable(cpu)) {
			wait_for_wake(cpu, seq);
			continue;
		}
		seat_take(cpu);
		if (cpu_in(cpu))
			cpu_run(cpu, SLICE_INSNS);
		cpu_out(cpu);
		seat_give(cpu);
	}
	cpu_out(cpu);
	return NULL;
}

/* One turn of every vCPU; false: all wait. */
static bool turns(struct cpus *cpus)
{
	bool any = false;

	for (unsigned i = 0; i < cpus->count && !load(&cpus->quit) && !load(&cpus->debugger.stopping); i++) {
		struct cpu *cpu = cpus->cpu[i];
		u64 done = 0;

		if (!is_runnable(cpu))
			continue;
		cpu->turn_icount = cpu_icount(cpu);
		if (cpu_in(cpu)) {
			store(&cpu->thread->wfe, false);
			fp_mode_changed(cpu);
			place_set(cpu);
			done = cpu_run(cpu, cpus->config.quantum_insns);
			guest_place.cpu = NULL; /* timers run on this thread too */
		}
		cpu_out(cpu);
		cpu->turn_icount = cpu_icount(cpu);
		any = true;
		/* WFE gives the rest of its turn away. */
		loop_time_advance(cpus->loop, (cpu->thread->wfe ? MAX(done, cpus->config.quantum_insns) : MAX(done, 1)) << cpus->config.icount_shift);
	}
	return any;
}

static void *turns_main(void *arg)
{
	struct cpus *cpus = arg;

	store(&cpus->thread[0].id, (u32)syscall(SYS_gettid));
	while (!load(&cpus->quit)) {
		u32 seq = load(&cpus->turn_seq), stops = load(&cpus->stop_count);
		u64 now, deadline;

		if (stops) {
			cpus_futex_wait(&cpus->stop_count, stops, 100000000);
			continue;
		}
		if (turns(cpus))
			continue;
		if (load(&cpus->parked) || load(&cpus->debugger.stopping)) { /* time stands still as well, until the main thread has come to it */
			cpus_futex_wait(&cpus->turn_seq, seq, 100000000);
			continue;
		}
		now = loop_now(cpus->loop);
		deadline = loop_next_deadline(cpus->loop);
		if (deadline != UINT64_MAX) {
			loop_time_advance(cpus->loop, deadline > now ? deadline - now : 1);
			continue;
		}
		store(&cpus->turn_asleep, 1);
		cpus_futex_wait(&cpus->turn_seq, seq, 0);
		store(&cpus->turn_asleep, 0);
	}
	return NULL;
}

bool cpus_start(struct cpus *cpus, struct error *err)
{
	unsigned threads = cpus->instruction_time ? 1 : cpus->count;
	pthread_attr_t attributes;
	bool ok = true;

	cpus->running = true;
	seats_init(cpus);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (unsigned i = 0; ok && i < threads; i++) {
		struct cpu_thread *thread = &cpus->thread[i];
		int code = cpus->instruction_time ? pthread_create(&thread->thread, &attributes, turns_main, cpus)
						  : pthread_create(&thread->thread, &attributes, vcpu_main, cpus->cpu[i]);

		if (code)
			ok = fail(err, "-smp: the host gives no thread for vCPU %u: %s", i, strerror(code));
		else
			thread->started = true;
	}
	pthread_attr_destroy(&attributes);
	return ok;
}

u32 cpus_thread_id(struct cpus *cpus, unsigned index)
{
	return load(&cpus->thread[cpus->instruction_time ? 0 : index].id);
}

/* --- create and destroy --- */

u64 cpus_mpidr(unsigned index)
{
	return index % 16 | (u64)(index / 16) << 8;
}

unsigned cpus_count(const struct cpus *cpus)
{
	return cpus->count;
}

unsigned cpus_pa_bits(const struct cpus *cpus)
{
	return cpus->ids.pa_bits;
}

u32 cpus_midr(const struct cpus *cpus)
{
	return (u32)cpus->ids.midr;
}

struct cpu *cpus_get(struct cpus *cpus, unsigned index)
{
	return index < cpus->count ? cpus->cpu[index] : NULL;
}

static bool vcpu_create(struct cpus *cpus, unsigned index, struct error *err)
{
	struct cpu *cpu = aligned_alloc(64, align_up(sizeof(*cpu), 64));

	if (!cpu)
		return fail(err, "-smp: no memory for vCPU %u", index);
	memset(cpu, 0, sizeof(*cpu));
	cpus->cpu[index] = cpu;
	cpus->count = index + 1;
	cpu->cpus = cpus;
	cpu->space = cpus->space;
	cpu->loop = cpus->loop;
	cpu->index = index;
	cpu->codes = cpus->codes;
	cpu->thread = &cpus->thread[index];
	cpu->missing_features = cpus->model->missing;
	pthread_mutex_init(&cpu->thread->mail_lock, NULL);
	if (!tlb_create(cpu, err) || !timers_create(cpu, err))
		return false;
	cpu_reset_state(cpu, 0, 0, false);
	return true;
}

struct cpus *cpus_create(const struct cpus_config *config, struct error *err)
{
	const char *name = config->model ? config->model : "max";
	const struct cpu_model *model = cpu_model_find(name);
	struct cpus *cpus;

	if (!model) {
		fail(err, "-cpu: no model '%s'; known are", name);
		for (const char *const *m = cpus_models(); *m; m++) {
			size_t used = strlen(err->text);

			snprintf(err->text + used, sizeof(err->text) - used, "%s%s", m == cpus_models() ? " " : ", ",
				 *m);
		}
		return NULL;
	}
	if (config->count < 1 || config->count > CPUS_MAX) {
		fail(err, "-smp: %u CPUs; 1 to %u can be had", config->count, CPUS_MAX);
		return NULL;
	}
#ifdef __x86_64__
	u32 a, b, c = 0, d;

	/* Not every compiler's __builtin_cpu_supports knows it. */
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_CMPXCHG16B)) {
		fail(err, "this host's CPU lacks CMPXCHG16B, which atomic pairs need; use a newer one");
		return NULL;
	}
#endif
	cpus = calloc(1, sizeof(*cpus));
	if (!cpus) {
		fail(err, "-smp: no memory for the vCPUs");
		return NULL;
	}
	cpus->config = *config;
	if (!cpus->config.quantum_insns)
		cpus->config.quantum_insns = 10000;
	cpus->loop = config->loop;
	cpus->space = config->space;
	cpus->model = model;
	cpus->instruction_time = config->loop && loop_is_instruction_time(config->loop);
	cpus->random = 0x6378766d;
	cpu_ids_make(model, &cpus->ids);
	pthread_mutex_init(&cpus->psci_lock, NULL);
	pthread_mutex_init(&cpus->seats.lock, NULL);
	cpus->codes = code_table_create(config->space, err);
	if (!cpus->codes || !sysreg_table_init(cpus, err)) {
		cpus_destroy(cpus);
		return NULL;
	}
	for (unsigned i = 0; i < config->count; i++) {
		if (!vcpu_create(cpus, i, err)) {
			cpus_destroy(cpus);
			return NULL;
		}
	}
	if (config->engine) {
		void *engine = config->engine->create(cpus, err);

		if (!engine) {
			cpus_destroy(cpus);
			return NULL;
		}
		cpus->engine = engine;
		for (unsigned i = 0; i < config->count; i++) {
			cpus->cpu[i]->jit = engine;
			cpus->cpu[i]->engine = config->engine;
		}
	}
	return cpus;
}

void cpus_end(struct cpus *cpus)
{
	store(&cpus->quit, 1);
	cpus_futex_wake(&cpus->stop_count);
	for (unsigned i = 0; i < cpus->count; i++)
		cpu_wake(cpus->cpu[i]);
	for (unsigned i = 0; i < cpus->count; i++) {
		if (cpus->thread[i].started)
			pthread_join(cpus->thread[i].thread, NULL);
		cpus->thread[i].started = false;
	}
}

void cpus_destroy(struct cpus *cpus)
{
	if (!cpus)
		return;
	cpus_end(cpus);
	if (cpus->engine)
		cpus->config.engine->destroy(cpus->engine, cpus);
	for (unsigned i = 0; i < cpus->count; i++) {
		struct cpu *cpu = cpus->cpu[i];

		timers_destroy(cpu);
		tlb_destroy(cpu);
		pthread_mutex_destroy(&cpu->thread->mail_lock);
		free(cpu);
	}
	code_table_destroy(cpus->codes);
	sysreg_table_free(cpus);
	pthread_mutex_destroy(&cpus->psci_lock);
	pthread_mutex_destroy(&cpus->seats.lock);
	free(cpus);
}

/* --- for others --- */

u64 cpu_reg(const struct cpu *cpu, unsigned n)
{
	return n < 31 ? cpu->x[n] : n == 31 ? cpu->x[SLOT_SP] : 0;
}

u64 cpu_pc(const struct cpu *cpu)
{
	return cpu->code ? cpu_pc_of(cpu, cpu->ip) : cpu->pc;
}

u64 cpus_total_instructions(struct cpus *cpus)
{
	u64 sum = 0;

	for (unsigned i = 0; i < cpus->count; i++)
		sum += __atomic_load_n(&cpus->cpu[i]->icount, __ATOMIC_RELAXED);
	return sum;
}

/* With the machine lock held the map cannot change; without it the vCPU goes IN for the copy. */
static bool guest_copy(struct cpu *cpu, u64 va, void *to, const void *from, u64 size)
{
	bool was_out = load(&cpu->thread->state) == CPU_OUT, locked = loop_is_locked(cpu->loop), ok;

	if (was_out && !locked && !cpu_in(cpu)) {
		cpu_out(cpu);
		return false;
	}
	if (locked)
		cpu_mail_serve(cpu);
	ok = from ? access_copy_out(cpu, va, from, size) : access_copy_in(cpu, va, to, size);
	if (was_out && !locked)
		cpu_out(cpu);
	return ok;
}

bool cpu_guest_read(struct cpu *cpu, u64 va, void *to, u64 size)
{
	return guest_copy(cpu, va, to, NULL, size);
}

bool cpu_guest_write(struct cpu *cpu, u64 va, const void *from, u64 size)
{
	return guest_copy(cpu, va, NULL, from, size);
}
