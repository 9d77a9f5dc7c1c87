/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How instructions reach memory. Every function returns false when it has taken an exception: the caller returns at
 * once and must not have changed any architectural state before (so loads write their registers last, and stores with
 * writeback write the base last).
 *
 * Fast path: one compare finds the page and excludes page crossing. Aligned accesses of 1..8 bytes are single-copy
 * atomic: one host load or store. The slow path (access.c) walks, checks alignment, devices, watchpoints, poison, code pages and
 * page crossing (both pages are checked before anything is written).
 */
#ifndef CPU_ACCESS_H
#define CPU_ACCESS_H

#include "cpu/state.h"

enum access_flags {
	ACCESS_WRITE = 1,
	ACCESS_EL0 = 2,     /* unprivileged: LDTR, STTR */
	ACCESS_ALIGNED = 4, /* must be aligned to its size whatever SCTLR.A says: exclusives, atomics; acquire/release that
			     * cross 16 bytes would too, and callers pass it for all LDAR/STLR */
	ACCESS_ATOMIC = 8,  /* with ACCESS_WRITE: reads first, and faults as a read where that would fault */
	ACCESS_PAGE = 32,   /* access_host: the caller goes on to the end of the page */
	ACCESS_MONITOR = 16, /* access_host with ACCESS_WRITE: the caller tells the exclusive monitor of what it writes */
};

/* Host address of a guest access that lies inside one page of RAM, filling the TLB; NULL with *taken = true if an exception
 * was taken, NULL with *taken = false if it cannot be direct (device, code page, page crossing, poison ...). */
u8 *access_host(struct cpu *cpu, u64 va, unsigned size, unsigned flags, bool *taken);
bool access_read_slow(struct cpu *cpu, u64 va, unsigned size, unsigned flags, u64 *value);
bool access_write_slow(struct cpu *cpu, u64 va, unsigned size, unsigned flags, u64 value);
bool access_read128_slow(struct cpu *cpu, u64 va, unsigned flags, u128 *value);
bool access_write128_slow(struct cpu *cpu, u64 va, unsigned flags, u128 value);
/* Instruction fetch: translates for execution; on success the physical address and host page (NULL: not all of it is RAM). Raises. */
bool access_fetch(struct cpu *cpu, u64 va, u64 *pa, const u8 **host_page);
/* The external abort of a fetch that no RAM answers; what poison makes known comes before it. */
void access_fetch_abort(struct cpu *cpu, u64 va, u64 pa);
/* For EFI services, semihosting and debuggers: copies by the current stage 1 with EL1 data permissions; false on a fault; raises
 * nothing. */
bool access_copy_in(struct cpu *cpu, u64 va, void *to, u64 size);
bool access_copy_out(struct cpu *cpu, u64 va, const void *from, u64 size);

typedef u16 __attribute__((aligned(1), may_alias)) mem_u16;
typedef u32 __attribute__((aligned(1), may_alias)) mem_u32;
typedef u64 __attribute__((aligned(1), may_alias)) mem_u64;

static inline u64 host_load(const void *p, unsigned size)
{
	switch (size) {
	case 1: return *(const volatile u8 *)p;
	case 2: return *(const volatile mem_u16 *)p;
	case 4: return *(const volatile mem_u32 *)p;
	default: return *(const volatile mem_u64 *)p;
	}
}

static inline void host_store(void *p, unsigned size, u64 v)
{
	switch (size) {
	case 1: *(volatile u8 *)p = (u8)v; break;
	case 2: *(volatile mem_u16 *)p = (u16)v; break;
	case 4: *(volatile mem_u32 *)p = (u32)v; break;
	default: *(volatile mem_u64 *)p = v; break;
	}
}

/* Same page, same tag byte, and the last byte inside the page. */
static inline void *tlb_hit(const struct tlb_entry *table, u64 va, unsigned size)
{
	const struct tlb_entry *e = &table[(va >> 12) & (TLB_ENTRIES - 1)];

	return va - e->tag <= 4096u - size ? (void *)(uintptr_t)(e->addend + va) : NULL;
}

/* Of a page that may be written only with the monitor's knowledge. */
static inline void *tlb_hit_watched(const struct tlb_bank *bank, u64 va, unsigned size)
{
	const struct tlb_entry *e = &bank->watched[(va >> 12) & (TLB_WATCHED_ENTRIES - 1)];

	return va - e->tag <= 4096u - size ? (void *)(uintptr_t)(e->addend + va) : NULL;
}

static inline bool mem_load(struct cpu *cpu, u64 va, unsigned size, u64 *value)
{
	void *host = tlb_hit(cpu->bank->read, va, size);

	if (likely(host != NULL)) {
		*value = host_load(host, size);
		return true;
	}
	return access_read_slow(cpu, va, size, 0, value);
}

static inline bool mem_store(struct cpu *cpu, u64 va, unsigned size, u64 value)
{
	void *host = tlb_hit(cpu->bank->write, va, size);

	if (likely(host != NULL)) {
		host_store(host, size, value);
		return true;
	}
	return access_write_slow(cpu, va, size, ACCESS_WRITE, value);
}

static inline bool mem_load128(struct cpu *cpu, u64 va, u128 *value)
{
	void *host = tlb_hit(cpu->bank->read, va, 16);

	if (likely(host != NULL)) {
		u64 low = host_load(host, 8), high = host_load((u8 *)host + 8, 8);
		*value = (u128)high << 64 | low;
		return true;
	}
	return access_read128_slow(cpu, va, 0, value);
}

static inline bool mem_store128(struct cpu *cpu, u64 va, u128 value)
{
	void *host = tlb_hit(cpu->bank->write, va, 16);

	if (likely(host != NULL)) {
		host_store(host, 8, (u64)value);
		host_store((u8 *)host + 8, 8, (u64)(value >> 64));
		return true;
	}
	return access_write128_slow(cpu, va, ACCESS_WRITE, value);
}

#endif
