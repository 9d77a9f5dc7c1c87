/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Acquire and release, exclusives, and the atomic operations of FEAT_LSE. [DDI0487 B2.12, C6.2]
 *
 * All of them are host atomics on the host address of guest RAM, so they are right between vCPU threads and DMA. On
 * an x86-64 host every locked operation is sequentially consistent and every load acquires, so the acquire and
 * release forms need nothing of their own, but for a store-release: it must not pass a later load-acquire, and is an
 * exchange. On other hosts fences stand around the loads (host_order).
 *
 * Exclusives: the local monitor is the address, size and value of LDXR; STXR is a compare-and-swap against that value. With more than
 * one vCPU it also asks the global monitor (monitor.c), which notices stores of others that end in the same value, unless translated code
 * says that this makes no difference.
 *
 * Without LSE2 all of these fault when not aligned to their whole size. On anything but RAM they end in an Unsupported
 * Exclusive or Atomic access fault, but for plain acquire and release.
 *
 * Choices: STXR with status = data or base register: stored first, then the status is written. CASP and LDXP of odd
 * or equal registers: UNDEFINED, and the second value stays.
 */
#include "cpu/access.h"
#include "cpu/exec.h"
#include "cpu/vcpu.h"

#define EXEC(name) void exec_##name(struct cpu *cpu, const struct insn *insn)
#define VARIANT(name) static void exec_##name(struct cpu *cpu, const struct insn *insn)
#define PREP(name) bool prep_##name(struct insn *insn)
#define T cpu->x[insn->t]
#define U cpu->x[insn->u]

static always_inline bool base_of(struct cpu *cpu, const struct insn *insn, u64 *va)
{
	*va = cpu->x[insn->n];
	if (unlikely(insn->n == SLOT_SP && (*va & 15) && bit(cpu->sys.sctlr, cpu->el ? 3 : 4))) { /* SA, SA0 */
		cpu_raise(cpu, EC_SP_ALIGN, 0);
		return false;
	}
	return true;
}

/* Acquires, and is not passed by an earlier store-release. */
static always_inline bool load_aligned(struct cpu *cpu, u64 va, unsigned size, u64 *value)
{
	bool done;

	host_order();
	if (unlikely(va & (size - 1)))
		return access_read_slow(cpu, va, size, ACCESS_ALIGNED, value);
	done = mem_load(cpu, va, size, value);
	host_order();
	return done;
}

static always_inline void host_store_seq_cst(void *host, unsigned size, u64 v)
{
	switch (size) {
	case 1: __atomic_store_n((u8 *)host, (u8)v, __ATOMIC_SEQ_CST); break;
	case 2: __atomic_store_n((u16 *)host, (u16)v, __ATOMIC_SEQ_CST); break;
	case 4: __atomic_store_n((u32 *)host, (u32)v, __ATOMIC_SEQ_CST); break;
	default: __atomic_store_n((u64 *)host, v, __ATOMIC_SEQ_CST); break;
	}
}

static always_inline bool store_release(struct cpu *cpu, u64 va, unsigned size, u64 value)
{
	void *host = va & (size - 1) ? NULL : tlb_hit(cpu->bank->write, va, size);

	if (likely(host != NULL)) {
		host_store_seq_cst(host, size, value);
		return true;
	}
	if (!access_write_slow(cpu, va, size, ACCESS_WRITE | ACCESS_ALIGNED, value))
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return true;
}

/* Host address for a store-exclusive, or with ACCESS_ATOMIC for an atomic operation; NULL: an exception was taken. */
static always_inline void *exclusive_host(struct cpu *cpu, u64 va, unsigned size, unsigned flags)
{
	void *host = va & (size - 1) ? NULL : tlb_hit(cpu->bank->write, va, size);
	bool taken;

	if (likely(host != NULL))
		return host;
	host = va & (size - 1) ? NULL : tlb_hit_watched(cpu->bank, va, size);
	if (host)
		return host;
	host = access_host(cpu, va, size, ACCESS_WRITE | ACCESS_ALIGNED | ACCESS_MONITOR | flags, &taken);
	if (!host && !taken)
		mmu_data_abort(cpu, va, FSC_ATOMIC | ISS_WNR);
	return host;
}

/* If the page is watched, the monitor is held from here to the end of the instruction: see `let_go`. */
static always_inline void *atomic_host(struct cpu *cpu, u64 va, unsigned size)
{
	void *host = va & (size - 1) ? NULL : tlb_hit(cpu->bank->write, va, size);

	if (likely(host != NULL))
		return host;
	host = exclusive_host(cpu, va, size, ACCESS_ATOMIC);
	if (host && monitor_is_watching(cpu, host))
		monitor_begin_write(cpu, host, size);
	return host;
}

static always_inline void let_go(struct cpu *cpu)
{
	if (unlikely(cpu->exclusive.locked))
		monitor_unlock(cpu);
}

/* Four functions by the size in z, and a prepare function that picks. */
#define BY_SIZE(name, body)                                                                                            \
	static always_inline void body_##name(struct cpu *cpu, const struct insn *insn, unsigned size)                 \
	{                                                                                                              \
		u64 va;                                                                                                \
		if (!base_of(cpu, insn, &va))                                                                          \
			return;                                                                                        \
		body                                                                                                   \
		let_go(cpu);                                                                                           \
	}                                                                                                              \
	VARIANT(name##_b)                                                                                              \
	{                                                                                                              \
		body_##name(cpu, insn, 1);                                                                             \
	}                                                                                                              \
	VARIANT(name##_h)                                                                                              \
	{                                                                                                              \
		body_##name(cpu, insn, 2);                                                                             \
	}                                                                                                              \
	VARIANT(name##_w)                                                                                              \
	{                                                                                                              \
		body_##name(cpu, insn, 4);                                                                             \
	}                                                                                                              \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		body_##name(cpu, insn, 8);                                                                             \
	}                                                                                                              \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		if (insn->z != 3)                                                                                      \
			insn->exec = insn->z == 0   ? exec_##name##_b :                                                \
				     insn->z == 1   ? exec_##name##_h :                                                \
						      exec_##name##_w;                                                 \
		return true;                                                                                           \
	}

/* --- acquire, release --- */

#define LOAD_BODY                                                                                                      \
	u64 v;                                                                                                         \
	if (load_aligned(cpu, va, size, &v))                                                                           \
		T = v;
BY_SIZE(LDAR, LOAD_BODY)
BY_SIZE(LDLAR, LOAD_BODY)
BY_SIZE(LDAPR, LOAD_BODY)
BY_SIZE(STLR, store_release(cpu, va, size, T);)
BY_SIZE(STLLR, store_release(cpu, va, size, T);)

/* With an offset [FEAT_LRCPC2]. */
#define OFFSET ((u64)(s64)(s32)insn->i)
#define PREP_OFFSET(name)                                                                                              \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		insn->i = (u32)sign_extend(insn->i, 9);                                                                \
		return true;                                                                                           \
	}
#define LDAPUR(name, size, conv)                                                                                       \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		u64 va, v;                                                                                             \
		if (base_of(cpu, insn, &va) && load_aligned(cpu, va + OFFSET, size, &v))                               \
			T = conv;                                                                                      \
	}                                                                                                              \
	PREP_OFFSET(name)
#define STLUR(name, size)                                                                                              \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		u64 va;                                                                                                \
		if (base_of(cpu, insn, &va))                                                                           \
			store_release(cpu, va + OFFSET, size, T);                                                      \
	}                                                                                                              \
	PREP_OFFSET(name)
LDAPUR(LDAPURB, 1, v)
LDAPUR(LDAPURH, 2, v)
LDAPUR(LDAPUR_w, 4, v)
LDAPUR(LDAPUR_x, 8, v)
LDAPUR(LDAPURSB_x, 1, (u64)(s64)(s8)v)
LDAPUR(LDAPURSB_w, 1, (u32)(s32)(s8)v)
LDAPUR(LDAPURSH_x, 2, (u64)(s64)(s16)v)
LDAPUR(LDAPURSH_w, 2, (u32)(s32)(s16)v)
LDAPUR(LDAPURSW, 4, (u64)(s64)(s32)v)
STLUR(STLURB, 1)
STLUR(STLURH, 2)
STLUR(STLUR_w, 4)
STLUR(STLUR_x, 8)

/* --- read-modify-write --- */

/* Compare-and-swap; *old is what was there. */
static always_inline bool host_cas(void *host, unsigned size, u64 *old, u64 new)
{
	bool done;

#define CAS_CASE(bytes, type)                                                                                          \
	case bytes: {                                                                                                  \
		type expected = (type)*old;                                                                            \
		done = __atomic_compare_exchange_n((type *)host, &expected, (type)new, false, __ATOMIC_SEQ_CST,        \
						   __ATOMIC_SEQ_CST);                                                  \
		*old = expected;                                                                                       \
		return done;                                                                                           \
	}
	switch (size) {
		CAS_CASE(1, u8)
		CAS_CASE(2, u16)
		CAS_CASE(4, u32)
	default: {
		u64 expected = *old;

		done = __atomic_compare_exchange_n((u64 *)host, &expected, new, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_SEQ_CST);
		*old = expected;
		return done;
	}
	}
}

/* host 16-byte aligned. */
static bool host_cas16(void *host, u64 *low, u64 *high, u64 new_low, u64 new_high)
{
	bool done;
#ifdef __x86_64__
	/* GCC would call libatomic for this. */
	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(done), "+m"(*(u128 *)host), "+a"(*low), "+d"(*high)
			 : "b"(new_low), "c"(new_high)
			 : "memory");
#elif defined(__aarch64__)
	/* Here too; and its locks would not see accesses of other sizes. A failed compare stores what was read: only then was it one read. */
	u64 old_low, old_high, put_low, put_high;
	u32 failed;

	do {
		__asm__ volatile("ldaxp %0, %1, %2" : "=&r"(old_low), "=&r"(old_high) : "Q"(*(u128 *)host) : "memory");
		done = old_low == *low && old_high == *high;
		put_low = done ? new_low : old_low;
		put_high = done ? new_high : old_high;
		__asm__ volatile("stlxp %w0, %2, %3, %1" : "=&r"(failed), "=Q"(*(u128 *)host) : "r"(put_low), "r"(put_high) : "memory");
	} while (failed);
	host_order();
	*low = old_low;
	*high = old_high;
#else
	u128 old = (u128)*high << 64 | *low;

	done = __atomic_compare_exchange_n((u128 *)host, &old, (u128)new_high << 64 | new_low, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
	*low = (u64)old;
	*high = (u64)(old >> 64);
#endif
	return done;
}

#define BY_HOST_TYPE(op)                                                                                               \
	(size == 1   ? op((u8 *)host, (u8)m) :                                                                         \
	 size == 2   ? op((u16 *)host, (u16)m) :                                                                       \
	 size == 4   ? op((u32 *)host, (u32)m) :                                                                       \
		       op((u64 *)host, m))
#define FETCH_ADD(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define FETCH_AND(p, v) __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define FETCH_XOR(p, v) __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST)
#define FETCH_OR(p, v) __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define EXCHANGE(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

#define RMW(name, before, op)                                                                                          \
	BY_SIZE(name, {                                                                                                \
		u64 m = cpu->x[insn->m];                                                                               \
		void *host = atomic_host(cpu, va, size);                                                               \
		if (!host)                                                                                             \
			return;                                                                                        \
		before;                                                                                                \
		T = BY_HOST_TYPE(op);                                                                                  \
	})
RMW(LDADD, , FETCH_ADD)
RMW(LDCLR, m = ~m, FETCH_AND)
RMW(LDEOR, , FETCH_XOR)
RMW(LDSET, , FETCH_OR)
RMW(SWP, , EXCHANGE)

/* Whether the operand replaces what is there. The loop ends when no other thread wrote in between. */
#define MINMAX(name, extend, is)                                                                                       \
	BY_SIZE(name, {                                                                                                \
		u64 m = cpu->x[insn->m];                                                                               \
		u64 old;                                                                                               \
		void *host = atomic_host(cpu, va, size);                                                               \
		if (!host)                                                                                             \
			return;                                                                                        \
		old = host_load(host, size);                                                                           \
		while (!host_cas(host, size, &old, extend(m, size * 8) is extend(old, size * 8) ? m : old))            \
			;                                                                                              \
		T = old;                                                                                               \
	})
#define UNSIGNED(v, width) ((v) & ones(width))
MINMAX(LDSMAX, sign_extend, >)
MINMAX(LDSMIN, sign_extend, <)
MINMAX(LDUMAX, UNSIGNED, >)
MINMAX(LDUMIN, UNSIGNED, <)

BY_SIZE(CAS, {
	u64 old = cpu->x[insn->s];
	void *host = atomic_host(cpu, va, size);

	if (!host)
		return;
	host_cas(host, size, &old, T);
	reg_write(cpu, insn->s, old);
})

/* Slots of the even register and of the next one: 31 is XZR. */
EXEC(CASP)
{
	u64 va, low = cpu->x[insn->s], high = cpu->x[insn->s + 1];
	u64 new_low = T, new_high = cpu->x[insn->t + 1];
	void *host;

	if (!base_of(cpu, insn, &va) || !(host = atomic_host(cpu, va, insn->z ? 16 : 8)))
		return;
	if (insn->z) {
		host_cas16(host, &low, &high, new_low, new_high);
	} else {
		u64 old = (u64)(u32)low | high << 32;

		host_cas(host, 8, &old, (u64)(u32)new_low | new_high << 32);
		low = (u32)old;
		high = old >> 32;
	}
	let_go(cpu);
	reg_write(cpu, insn->s, low);
	reg_write(cpu, insn->s + 1, high);
}
PREP(CASP)
{
	return !(insn->s & 1) && !(insn->t & 1) && insn->s < 31 && insn->t < 31;
}

/* --- exclusives --- */

static always_inline void arm(struct cpu *cpu, u8 how, u64 va, unsigned size, u64 low, u64 high)
{
	cpu->exclusive.armed = how;
	cpu->exclusive.va = va;
	cpu->exclusive.size = (u8)size;
	cpu->exclusive.low = low;
	cpu->exclusive.high = high;
}

static bool several(const struct cpu *cpu)
{
	return cpu->cpus->count > 1;
}

/* How this LDXR arms the monitor. */
static u8 arming(struct cpu *cpu, u64 va)
{
	u8 how = cpu->exclusive.armed == ARMED_TO_LOAD && cpu->exclusive.strict != va ? ARMED_BY_VALUE : ARMED_RESERVED;

	cpu->exclusive.armed = ARMED_NOT;
	if (cpu->exclusive.strict == va)
		cpu->exclusive.strict = 0;
	return how;
}

/* Reserves for the global monitor what will be loaded. False: an exception was taken, or a reset is due. Not RAM: the load sees to
 * that, and STXR will fault. */
static bool reserve(struct cpu *cpu, u8 how, u64 va, unsigned size)
{
	bool again = how == ARMED_RESERVED && several(cpu);

	while (again) {
		void *host = va & (size - 1) ? NULL : tlb_hit(cpu->bank->read, va, size);
		bool taken = false;

		if (!host)
			host = access_host(cpu, va, size, ACCESS_ALIGNED, &taken);
		if (taken || (host && !monitor_reserve(cpu, host, &again)))
			return false;
		if (!host)
			break;
	}
	return true;
}

#define LDXR_BODY                                                                                                      \
	u8 how = arming(cpu, va);                                                                                      \
	u64 v;                                                                                                         \
	if (!reserve(cpu, how, va, size) || !load_aligned(cpu, va, size, &v))                                          \
		return;                                                                                                \
	arm(cpu, how, va, size, v, 0);                                                                                 \
	T = v;
BY_SIZE(LDXR, LDXR_BODY)
BY_SIZE(LDAXR, LDXR_BODY)

/* Whether (low, high) took the place of what was loaded. The monitor is armed for `size` bytes. */
static always_inline bool store_if_same(struct cpu *cpu, void *host, unsigned size, u64 low, u64 high)
{
	u64 old_low = cpu->exclusive.low, old_high = cpu->exclusive.high;
	bool stored = false, global = several(cpu);

	if (!global || monitor_begin_store_exclusive(cpu, host, cpu->exclusive.armed == ARMED_RESERVED)) {
		stored = size == 16 ? host_cas16(host, &old_low, &old_high, low, high) : host_cas(host, size, &old_low, low);
		if (global)
			monitor_end_store_exclusive(cpu, host, size, stored);
	}
	return stored;
}

/* *status = 0 if (low, high) was stored at va. False: an exception was taken. It fails without an access when the monitor is not armed
 * for just these bytes; alignment faults come first. */
static always_inline bool store_exclusive(struct cpu *cpu, u64 va, unsigned size, u64 low, u64 high, u64 *status)
{
	bool armed = cpu->exclusive.armed == ARMED_RESERVED || cpu->exclusive.armed == ARMED_TO_STORE, stored = false;
	void *host;

	if ((armed && cpu->exclusive.va == va && cpu->exclusive.size == size) || (va & (size - 1))) {
		host = exclusive_host(cpu, va, size, 0);
		if (!host)
			return false;
		stored = store_if_same(cpu, host, size, low, high);
	}
	if (cpu->exclusive.armed == ARMED_BY_VALUE)
		cpu->exclusive.strict = cpu->exclusive.va;
	cpu->exclusive.armed = ARMED_NOT;
	*status = !stored;
	return true;
}

enum exclusive_result exclusive_store(struct cpu *cpu, u64 va, u64 low, u64 high)
{
	unsigned size = cpu->exclusive.size;
	void *host = tlb_hit_watched(cpu->bank, va, size);

	if (!host)
		host = tlb_hit(cpu->bank->write, va, size);
	if (!host)
		return EXCLUSIVE_UNKNOWN;
	return store_if_same(cpu, host, size, low, high) ? EXCLUSIVE_STORED : EXCLUSIVE_FAILED;
}

#define STXR_BODY                                                                                                      \
	u64 status;                                                                                                    \
	if (!store_exclusive(cpu, va, size, T, 0, &status))                                                            \
		return;                                                                                                \
	cpu->x[insn->d] = status;
BY_SIZE(STXR, STXR_BODY)
BY_SIZE(STLXR, STXR_BODY)

EXEC(LDXP)
{
	unsigned size = insn->z ? 16 : 8;
	u64 va, low, high = 0;
	u8 how;

	if (!base_of(cpu, insn, &va))
		return;
	if (va & (size - 1)) {
		mmu_data_abort(cpu, va, FSC_ALIGNMENT);
		return;
	}
	how = arming(cpu, va);
	if (!reserve(cpu, how, va, size))
		return;
	if (size == 8) {
		if (!load_aligned(cpu, va, 8, &low))
			return;
		arm(cpu, how, va, 8, low, 0);
		T = (u32)low;
		U = low >> 32;
		return;
	}
	/* The pair is atomic if the STXP succeeds, which compares all of it. */
	if (!mem_load(cpu, va, 8, &low) || !mem_load(cpu, va + 8, 8, &high))
		return;
	arm(cpu, how, va, 16, low, high);
	T = low;
	U = high;
}
EXEC(LDAXP)
{
	exec_LDXP(cpu, insn);
}
EXEC(STXP)
{
	u64 va, status;

	if (!base_of(cpu, insn, &va))
		return;
	if (insn->z ? store_exclusive(cpu, va, 16, T, U, &status) :
		      store_exclusive(cpu, va, 8, (u64)(u32)T | U << 32, 0, &status))
		cpu->x[insn->d] = status;
}
EXEC(STLXP)
{
	exec_STXP(cpu, insn);
}
PREP(LDXP)
{
	return true;
}
PREP(LDAXP)
{
	return true;
}
PREP(STXP)
{
	return true;
}
PREP(STLXP)
{
	return true;
}
