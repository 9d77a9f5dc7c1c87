/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The global exclusive monitor: who notices that another vCPU has written where an LDXR looked. [DDI0487 B2.12]
 *
 * A reservation is the 64-byte granule (CTR_EL0.ERG) of host memory that a vCPU's last LDXR named; only others clear
 * it, before they write there. So a store-exclusive fails after A, B, A as well, where a comparison of values would
 * pass. Plain stores cost nothing for that as long as nobody uses exclusives: an LDXR makes its page *watched*, and
 * watched pages are never entered for writing into any soft TLB, so that all who write there come by the slow path
 * (tlb_fill.c, access.c, atomic.c), and here.
 *
 * Which pages are watched is a bitmap by page number modulo WATCH_BITS: pages that share a bit are watched together.
 * `watching`: write entries are no longer made; `watched`: every vCPU has also dropped those it had (a mail, waited for
 * as DSB waits for TLBI). With one vCPU there is nobody to watch, and nothing here runs.
 *
 * No clear is lost:
 * - LDXR publishes its reservation, then looks at `watched`, then loads. Forgetting all watches clears `watched`, then
 * all reservations: one of the two sees the other.
 * - Stores here clear reservations before they write, one at a time under `lock`. If a store's clearing came before the
 * reservation and its write after the load, the value has changed and STXR's comparison fails; any later store that
 * restores it clears after that. DC ZVA and memory copies clear before they write, too, but write outside the lock.
 * - STXR looks at its reservation, compares and swaps under the lock. One that fails clears nobody's: of those that
 * compete one gets on. DMA is no such store: it is noticed by its value.
 *
 * Translated code that has both LDXR and STXR in view, with nothing but arithmetic between them, reserves nothing: what
 * it stores depends on the value alone, so a swap against that value is the whole sequence at one moment, and what was
 * there in between cannot be told. Such a page is watched for others only; then STXR is a slow store like any other.
 *
 * Watches last until they have cost more than making them anew: a slow store is some 50 ns, a watch 10 us and more.
 */
#include <sched.h>
#include <string.h>

#include "base/trace.h"
#include "cpu/access.h"
#include "cpu/vcpu.h"

#define STORES_PER_WATCH 100 /* slow stores that are as dear as making a page watched */

static unsigned bit_of(const void *host)
{
	return watch_bit((uintptr_t)host);
}

static bool map_test(const u64 *map, unsigned n)
{
	return bit(__atomic_load_n(&map[n / 64], __ATOMIC_SEQ_CST), n % 64);
}

static void map_set(u64 *map, unsigned n)
{
	__atomic_fetch_or(&map[n / 64], BIT(n % 64), __ATOMIC_SEQ_CST);
}

static u64 granule_of(const void *host)
{
	return (u64)(uintptr_t)host & ~(u64)(MONITOR_GRANULE - 1);
}

bool monitor_is_watching(const struct cpu *cpu, const void *host)
{
	return map_test(cpu->cpus->monitor.watching, bit_of(host));
}

/* --- the lock: held for a few host instructions, never while waiting --- */

static void lock(struct cpu *cpu)
{
	struct monitor *m = &cpu->cpus->monitor;
	unsigned tries = 0;

	while (__atomic_exchange_n(&m->lock, 1, __ATOMIC_ACQUIRE)) {
		host_pause();
		if (++tries % 64 == 0)
			sched_yield(); /* its holder may not be running */
	}
	cpu->exclusive.locked = true;
}

void monitor_unlock(struct cpu *cpu)
{
	cpu->exclusive.locked = false;
	__atomic_store_n(&cpu->cpus->monitor.lock, 0, __ATOMIC_RELEASE);
}

/* Lock held. */
static void forget_watches(struct cpus *cpus)
{
	struct monitor *m = &cpus->monitor;

	for (unsigned i = 0; i < ARRAY_SIZE(m->watched); i++)
		__atomic_store_n(&m->watched[i], 0, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < cpus->count; i++)
		__atomic_store_n(&cpus->cpu[i]->exclusive.reserved, 0, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < ARRAY_SIZE(m->watching); i++)
		__atomic_store_n(&m->watching[i], 0, __ATOMIC_SEQ_CST);
	trace(MMU, "exclusive monitor: %llu watches and %llu stores are forgotten", (unsigned long long)m->watches,
	      (unsigned long long)m->stores);
	m->epoch++;
	m->watches = m->stores = 0;
}

/* Lock held. The event is the one that ends a WFE. [DDI0487 D1.7.1] */
static void clear_others(struct cpu *cpu, const void *host, u64 size)
{
	struct cpus *cpus = cpu->cpus;
	u64 first = granule_of(host), last = granule_of((const u8 *)host + size - 1);

	for (unsigned i = 0; i < cpus->count; i++) {
		struct cpu *other = cpus->cpu[i];
		u64 reserved = __atomic_load_n(&other->exclusive.reserved, __ATOMIC_SEQ_CST);

		if (other == cpu || !reserved || reserved < first || reserved > last)
			continue;
		/* Another LDXR may have come in between; then that one was there before this store, too. */
		__atomic_store_n(&other->exclusive.reserved, 0, __ATOMIC_SEQ_CST);
		cpu_event(other);
	}
}

/* --- writers --- */

void monitor_begin_write(struct cpu *cpu, const void *host, u64 size)
{
	struct monitor *m = &cpu->cpus->monitor;

	lock(cpu);
	clear_others(cpu, host, size);
	if (++m->stores > STORES_PER_WATCH * (2 + m->watches))
		forget_watches(cpu->cpus);
}

void monitor_written(struct cpu *cpu, const void *host, u64 size)
{
	monitor_begin_write(cpu, host, size);
	monitor_unlock(cpu);
}

/* --- exclusives --- */

/* Waits until no vCPU can write to the page past us. False: a reset is due. */
static bool watch(struct cpu *cpu, unsigned n)
{
	struct monitor *m = &cpu->cpus->monitor;
	const struct tlbi drop = {.kind = TLBI_WRITERS, .va = n};
	u64 epoch;
	bool alive;

	lock(cpu);
	epoch = m->epoch;
	map_set(m->watching, n);
	m->watches++;
	monitor_unlock(cpu);
	tlb_apply(cpu, &drop);
	cpu_mail_post(cpu, &drop);
	alive = cpu_mail_wait(cpu);
	lock(cpu);
	if (m->epoch == epoch)
		map_set(m->watched, n);
	monitor_unlock(cpu);
	return alive;
}

bool monitor_reserve(struct cpu *cpu, const void *host, bool *again)
{
	unsigned n = bit_of(host);

	__atomic_exchange_n(&cpu->exclusive.reserved, granule_of(host), __ATOMIC_SEQ_CST);
	*again = !map_test(cpu->cpus->monitor.watched, n);
	return !*again || watch(cpu, n);
}

bool monitor_begin_store_exclusive(struct cpu *cpu, const void *host, bool reserved)
{
	lock(cpu);
	if (!reserved || __atomic_load_n(&cpu->exclusive.reserved, __ATOMIC_SEQ_CST) == granule_of(host))
		return true;
	monitor_unlock(cpu);
	return false;
}

void monitor_end_store_exclusive(struct cpu *cpu, const void *host, unsigned size, bool stored)
{
	if (stored)
		clear_others(cpu, host, size);
	__atomic_store_n(&cpu->exclusive.reserved, 0, __ATOMIC_SEQ_CST);
	monitor_unlock(cpu);
}
