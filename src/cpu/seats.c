/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seats: with more vCPUs than host processors, only as many run guest code at a time as there are processors.
 *
 * Without this the host's scheduler takes the processor from a vCPU in the midst of guest code, for milliseconds, while it is IN;
 * whoever then waits for it (a DSB after TLBI, a change of the memory map) waits until it runs again: some 9 ms with four
 * vCPUs on two processors. A vCPU without a seat is OUT, at a point between two instructions that is its own choice, so nobody
 * waits for it and it is flushed for when it comes IN. The memory model does not depend on seats: IN and OUT say what may be used.
 *
 * A vCPU takes a seat before it runs and gives it back when it has nothing to run, or at its next poll once another waits and it
 * has had it for SLICE_NS. First come, first served. Who waits pokes the longest-seated one when its time is over. Seats are taken
 * and given only by vCPU threads that are OUT and hold no lock; devices and the machine lock are waited for with the seat held, so
 * nobody who waits for a seat holds anything. With enough processors, and under instruction time, there are no seats.
 */
#include <sched.h>

#include "cpu/vcpu.h"

#define SLICE_NS 400000

void seats_init(struct cpus *cpus)
{
	struct seats *seats = &cpus->seats;
	cpu_set_t set;
	unsigned processors = sched_getaffinity(0, sizeof(set), &set) ? CPUS_MAX : (unsigned)CPU_COUNT(&set);

	if (!seats->count && processors < cpus->count && !cpus->instruction_time)
		seats->count = MAX(processors, 1u);
	seats->left = seats->count;
}

/* seats->lock held. */
static void sit(struct cpus *cpus, unsigned index)
{
	cpus->thread[index].seated_ns = cpus_host_ns();
	__atomic_store_n(&cpus->thread[index].seated, 1, __ATOMIC_SEQ_CST);
}

/* The one who has sat longest shall look whether its time is over. */
static void remind(struct cpus *cpus)
{
	unsigned longest = CPUS_MAX;

	pthread_mutex_lock(&cpus->seats.lock);
	for (unsigned i = 0; i < cpus->count; i++)
		if (cpus->thread[i].seated &&
		    (longest == CPUS_MAX || cpus->thread[i].seated_ns < cpus->thread[longest].seated_ns))
			longest = i;
	pthread_mutex_unlock(&cpus->seats.lock);
	if (longest < CPUS_MAX)
		cpu_poke(cpus->cpu[longest]);
}

void seat_take(struct cpu *cpu)
{
	struct cpus *cpus = cpu->cpus;
	struct seats *seats = &cpus->seats;
	struct cpu_thread *thread = cpu->thread;

	if (!seats->count)
		return;
	pthread_mutex_lock(&seats->lock);
	if (seats->left && !seats->waiting) {
		seats->left--;
		sit(cpus, cpu->index);
	} else {
		seats->queue[seats->waiting] = (u8)cpu->index;
		__atomic_store_n(&seats->waiting, seats->waiting + 1, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&seats->lock);
	while (!__atomic_load_n(&thread->seated, __ATOMIC_SEQ_CST)) {
		remind(cpus);
		cpus_futex_wait(&thread->seated, 0, SLICE_NS);
	}
}

void seat_give(struct cpu *cpu)
{
	struct cpus *cpus = cpu->cpus;
	struct seats *seats = &cpus->seats;
	u32 *next = NULL;

	if (!seats->count)
		return;
	pthread_mutex_lock(&seats->lock);
	__atomic_store_n(&cpu->thread->seated, 0, __ATOMIC_SEQ_CST);
	if (seats->waiting) {
		next = &cpus->thread[seats->queue[0]].seated;
		sit(cpus, seats->queue[0]);
		for (unsigned i = 1; i < seats->waiting; i++)
			seats->queue[i - 1] = seats->queue[i];
		__atomic_store_n(&seats->waiting, seats->waiting - 1, __ATOMIC_SEQ_CST);
	} else {
		seats->left++;
	}
	pthread_mutex_unlock(&seats->lock);
	if (next)
		cpus_futex_wake(next);
}

/* To the one who has waited longest, and again to the end of the queue. */
void seat_pass(struct cpu *cpu)
{
	seat_give(cpu);
	seat_take(cpu);
}

bool seat_is_due(struct cpu *cpu, bool idle)
{
	return unlikely(__atomic_load_n(&cpu->cpus->seats.waiting, __ATOMIC_SEQ_CST)) &&
	       (idle || cpus_host_ns() - cpu->thread->seated_ns >= SLICE_NS);
}
