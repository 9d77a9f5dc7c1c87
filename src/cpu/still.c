/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How vCPUs meet: going IN and OUT (vcpu.h says what that means), standing still, mail.
 *
 * Standing still. stop_count > 0 means: nobody goes IN. Raised by space publishes (under the machine lock) and by
 * cpus_pause. The one who raised it pokes every vCPU and waits for each to be OUT.
 *
 * Mail. TLBI on one vCPU posts to the others' mailboxes; DSB waits until each has served its mail, or is OUT (it will
 * before it uses its TLB again). Memory order between posting and `state` is sequentially consistent; see vcpu.h.
 */
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/trace.h"
#include "cpu/code.h"
#include "cpu/vcpu.h"

#define SPIN_NS 2000
#define load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)

/* --- futexes --- */

void cpus_futex_wait(u32 *word, u32 value, u64 limit_ns)
{
	struct timespec limit = {(time_t)(limit_ns / 1000000000), (long)(limit_ns % 1000000000)};

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, limit_ns ? &limit : NULL, NULL, 0);
}

void cpus_futex_wake(u32 *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

u64 cpus_host_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* Something a waiter in wait_for may look at has changed. */
static void signal_event(struct cpus *cpus)
{
	if (load(&cpus->event_waiters)) {
		__atomic_fetch_add(&cpus->event, 1, __ATOMIC_SEQ_CST);
		cpus_futex_wake(&cpus->event);
	}
}

/* Spins a little, then sleeps, until done(opaque). The limit of a sleep only guards against a lost wake-up. */
static void wait_for(struct cpus *cpus, bool (*done)(struct cpus *cpus, void *opaque), void *opaque)
{
	u64 start;

	if (done(cpus, opaque))
		return;
	for (start = cpus_host_ns(); cpus_host_ns() - start < SPIN_NS;) {
		host_pause();
		if (done(cpus, opaque))
			return;
	}
	__atomic_fetch_add(&cpus->event_waiters, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		u32 seen = load(&cpus->event);

		if (done(cpus, opaque))
			break;
		cpus_futex_wait(&cpus->event, seen, 5000000);
	}
	__atomic_fetch_sub(&cpus->event_waiters, 1, __ATOMIC_SEQ_CST);
}

/* --- IN and OUT --- */

void cpu_poke(struct cpu *cpu)
{
	store(&cpu->poll, 1);
}

void cpu_wake(struct cpu *cpu)
{
	struct cpus *cpus = cpu->cpus;
	struct cpu_thread *thread = cpu->thread;

	cpu_poke(cpu);
	__atomic_fetch_add(&thread->wake_seq, 1, __ATOMIC_SEQ_CST);
	if (load(&thread->asleep))
		cpus_futex_wake(&thread->wake_seq);
	if (cpus->instruction_time) {
		__atomic_fetch_add(&cpus->turn_seq, 1, __ATOMIC_SEQ_CST);
		if (load(&cpus->turn_asleep))
			cpus_futex_wake(&cpus->turn_seq);
	}
}

void cpu_out(struct cpu *cpu)
{
	store(&cpu->thread->state, CPU_OUT);
	signal_event(cpu->cpus);
}

bool cpu_in(struct cpu *cpu)
{
	struct cpus *cpus = cpu->cpus;
	struct cpu_thread *thread = cpu->thread;

	for (;;) {
		u32 stops;

		store(&thread->state, CPU_IN);
		stops = load(&cpus->stop_count);
		if (!stops || load(&cpus->quit))
			break;
		store(&thread->state, CPU_OUT);
		signal_event(cpus);
		/* Only the end of standing still matters here; a lost wake-up costs the limit. */
		cpus_futex_wait(&cpus->stop_count, stops, 100000000);
	}
	cpu_mail_serve(cpu);
	if (cpu->code_epoch && load(&cpus->code_epoch) > cpu->code_epoch)
		cpu_poke(cpu);
	if (load(&cpus->parked)) /* by this instruction, perhaps: it is the last */
		cpu_leave_chunk(cpu);
	/* What the instruction did outside may have raised one: a write to the GIC, to a timer. */
	cpu_look_for_interrupts(cpu);
	/* At the end not one more instruction: backends that were RAM are gone already. */
	if (load(&thread->reset_pending) || load(&cpus->quit)) {
		cpu_poke(cpu);
		cpu_leave_chunk(cpu);
		return false;
	}
	return true;
}

void cpu_lock_machine(struct cpu *cpu)
{
	cpu_out(cpu);
	loop_lock(cpu->loop);
}

bool cpu_unlock_machine(struct cpu *cpu)
{
	loop_unlock(cpu->loop);
	return cpu_in(cpu);
}

/* --- standing still --- */

static bool all_out(struct cpus *cpus, void *opaque)
{
	for (unsigned i = 0; i < cpus->count; i++)
		if (load(&cpus->thread[i].state) != CPU_OUT)
			return false;
	return true;
}

static void stop_all(struct cpus *cpus)
{
	__atomic_fetch_add(&cpus->stop_count, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < cpus->count; i++)
		cpu_poke(cpus->cpu[i]);
	wait_for(cpus, all_out, NULL);
}

static void start_all(struct cpus *cpus)
{
	if (__atomic_sub_fetch(&cpus->stop_count, 1, __ATOMIC_SEQ_CST) == 0)
		cpus_futex_wake(&cpus->stop_count);
}

static void still_stop(void *opaque)
{
	stop_all(opaque);
}

static void still_drop(void *opaque, u64 base, u64 size)
{
	struct cpus *cpus = opaque;

	trace(MMU, "memory map changes at 0x%llx, 0x%llx bytes", (unsigned long long)base, (unsigned long long)size);
	for (unsigned i = 0; i < cpus->count; i++) {
		struct cpu_thread *thread = cpus->cpu[i]->thread;

		pthread_mutex_lock(&thread->mail_lock);
		thread->mail_all = true;
		store(&thread->mail_posted, thread->mail_posted + 1);
		pthread_mutex_unlock(&thread->mail_lock);
	}
	code_invalidate(cpus, base, size);
}

static void still_resume(void *opaque)
{
	start_all(opaque);
}

static void still_code_written(void *opaque, u64 pa, u64 size)
{
	code_invalidate(opaque, pa, size);
}

const struct still_ops cpus_still = {
	.stop = still_stop, .drop = still_drop, .resume = still_resume, .code_written = still_code_written,
};

void cpus_code_changed(struct cpus *cpus, u64 epoch)
{
	u64 old = load(&cpus->code_epoch);

	while (old < epoch && !__atomic_compare_exchange_n(&cpus->code_epoch, &old, epoch, false, __ATOMIC_SEQ_CST,
							   __ATOMIC_SEQ_CST))
		;
	for (unsigned i = 0; i < cpus->count; i++)
		cpu_poke(cpus->cpu[i]);
}

void cpus_pause(struct cpus *cpus)
{
	if (!__atomic_exchange_n(&cpus->paused, 1, __ATOMIC_SEQ_CST))
		stop_all(cpus);
	else
		wait_for(cpus, all_out, NULL);
}

void cpus_resume(struct cpus *cpus)
{
	debugger_resume(cpus);
	if (__atomic_exchange_n(&cpus->paused, 0, __ATOMIC_SEQ_CST))
		start_all(cpus);
}

/* --- mail --- */

/* To every vCPU but `from`; `from` waits at its next DSB. */
void cpu_mail_post(struct cpu *from, const struct tlbi *tlbi)
{
	struct cpus *cpus = from->cpus;

	for (unsigned i = 0; i < cpus->count; i++) {
		struct cpu *to = cpus->cpu[i];
		struct cpu_thread *thread = to->thread;

		if (to == from)
			continue;
		pthread_mutex_lock(&thread->mail_lock);
		if (tlbi->kind == TLBI_ALL || thread->mail_count == MAIL_MAX)
			thread->mail_all = true;
		else if (!thread->mail_all)
			thread->mail[thread->mail_count++] = *tlbi;
		from->thread->dsb_want[i] = thread->mail_posted + 1;
		store(&thread->mail_posted, thread->mail_posted + 1);
		pthread_mutex_unlock(&thread->mail_lock);
		if (load(&thread->state) == CPU_IN)
			cpu_poke(to);
	}
	from->thread->dsb_needed = true;
}

/* Own thread, IN. */
bool cpu_mail_serve(struct cpu *cpu)
{
	struct cpu_thread *thread = cpu->thread;
	struct tlbi mail[MAIL_MAX];
	unsigned count;
	u64 upto;
	bool all;

	if (load(&thread->mail_posted) == thread->mail_done)
		return false;
	pthread_mutex_lock(&thread->mail_lock);
	all = thread->mail_all;
	count = thread->mail_count;
	upto = thread->mail_posted;
	if (!all)
		memcpy(mail, thread->mail, count * sizeof(mail[0]));
	thread->mail_count = 0;
	thread->mail_all = false;
	pthread_mutex_unlock(&thread->mail_lock);
	if (all) {
		tlb_flush_all(cpu);
	} else {
		for (unsigned i = 0; i < count; i++)
			tlb_apply(cpu, &mail[i]);
	}
	store(&thread->mail_done, upto);
	signal_event(cpu->cpus);
	return true;
}

static bool mail_is_served(struct cpus *cpus, void *opaque)
{
	struct cpu *me = opaque;

	for (unsigned i = 0; i < cpus->count; i++) {
		struct cpu_thread *thread = &cpus->thread[i];
		u64 epoch;

		if (i == me->index || load(&thread->state) == CPU_OUT)
			continue;
		if (load(&thread->mail_done) < me->thread->dsb_want[i])
			return false;
		epoch = load(&cpus->cpu[i]->code_epoch);
		if (epoch && epoch < me->thread->code_want)
			return false;
	}
	return true;
}

void cpu_dsb(struct cpu *cpu)
{
	struct cpu_thread *thread = cpu->thread;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < thread->persist_count; i++)
		if (thread->persist[i]->persist_drain)
			thread->persist[i]->persist_drain(thread->persist[i]);
	thread->persist_count = 0;
	if (!thread->dsb_needed)
		return;
	cpu_mail_wait(cpu);
}

bool cpu_mail_wait(struct cpu *cpu)
{
	struct cpus *cpus = cpu->cpus;

	cpu->thread->dsb_needed = false;
	if (mail_is_served(cpus, cpu))
		return true;
	for (unsigned i = 0; i < cpus->count; i++)
		if (i != cpu->index)
			cpu_poke(cpus->cpu[i]);
	cpu_out(cpu);
	wait_for(cpus, mail_is_served, cpu);
	return cpu_in(cpu);
}
