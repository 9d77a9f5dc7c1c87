/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slow path of every access (access.h): what misses level 1 of the TLB, crosses a page, or is no RAM.
 */
#include <string.h>

#include "base/conformance.h"
#include "cpu/code.h"
#include "cpu/exec.h"
#include "cpu/tlb.h"

struct target {
	struct translation t;
	u8 *host;     /* of the first byte, if it can be pointed at for this access */
	bool nothing; /* no memory there */
	bool io;      /* needs the machine lock */
	bool code;    /* holds decoded code, and is to be written */
	bool watched; /* by the exclusive monitor, and is to be written */
	bool whole;   /* all of its page can be pointed at */
	bool poison;
};

/* An atomic read-modify-write faults as its read, if that would fault so too. [DDI0487 ESR_EL1, WnR] */
static u32 iss_of(unsigned flags)
{
	return (flags & ACCESS_WRITE) && !(flags & ACCESS_ATOMIC) ? ISS_WNR : 0;
}

static unsigned el_of(const struct cpu *cpu, unsigned flags)
{
	return (flags & ACCESS_EL0) && !(cpu->el && cpu->uao) ? 0 : cpu->el;
}

/* Firmware's record is there before the abort is taken: the handler looks for it. The vCPU is out. */
static void poison_consumed(struct cpu *cpu, u64 pa)
{
	const struct cpus_config *config = &cpu->cpus->config;

	if (!config->poison_consumed)
		return;
	loop_lock(cpu->loop);
	config->poison_consumed(config->opaque, pa);
	loop_unlock(cpu->loop);
}

/* What a load of poison makes known, for a fetch or a walk that meets some at pa. False: the vCPU has to leave. */
static bool meet_poison(struct cpu *cpu, u64 pa)
{
	const struct range *range = space_lookup(cpu->space, pa);
	u64 value;

	if (!range || !(range->region->poison || range->region->lockless))
		return true;
	cpu_out(cpu);
	if (space_read(cpu->space, pa & ~3ull, 4, &value) == MEM_ABORT)
		poison_consumed(cpu, pa);
	return cpu_in(cpu);
}

/* The translation failed: if its walk met poison. */
static bool meet_poisoned_table(struct cpu *cpu, const struct translation *t, u32 fsc)
{
	return (fsc & ~3u) != FSC_EXTERNAL_WALK || meet_poison(cpu, t->desc_pa);
}

/* One page's worth: [va, va + size) does not leave its 4 KiB page. False: exception taken. */
static bool aim(struct cpu *cpu, u64 va, unsigned size, unsigned align, unsigned flags, u64 fault_va, struct target *to)
{
	enum mmu_access access = flags & ACCESS_WRITE ? MMU_WRITE : MMU_READ;
	bool write = access == MMU_WRITE, atomic = flags & ACCESS_ATOMIC;
	unsigned el = el_of(cpu, flags);
	const struct tlb_bank *bank = el == cpu->el ? cpu->bank : cpu->bank_el0;
	const struct range *range;
	u32 fsc;

	*to = (struct target){.host = tlb_hit(write ? bank->write : bank->read, va, size), .whole = true};
	if (to->host) /* a part of what crosses a page: level 1 has only RAM that nobody wants to know of */
		return true;
	to->whole = false;
	if (!tlb_lookup(cpu, va, access, el, cpu->pan && el == 1, &to->t, &fsc)) {
		u32 iss = iss_of(flags), ignored;

		if (atomic && tlb_lookup(cpu, va, MMU_READ, el, cpu->pan && el == 1, &to->t, &ignored))
			iss |= ISS_WNR;
		if (meet_poisoned_table(cpu, &to->t, fsc))
			mmu_data_abort(cpu, va, fsc | iss);
		return false;
	}
	if (to->t.device && (fault_va & (align - 1))) {
		mmu_data_abort(cpu, fault_va, FSC_ALIGNMENT | iss_of(flags));
		return false;
	}
	if (unlikely(cpu->cpus->debugger.watch_count) &&
	    ((atomic && debugger_watch(cpu, va, size, false)) || debugger_watch(cpu, va, size, write)))
		return false;
	if ((cpu->sys.mdscr & BIT(15)) &&
	    ((atomic && debug_watch(cpu, va, size, false, el, false)) || debug_watch(cpu, va, size, write, el, false)))
		return false;
	range = space_lookup(cpu->space, to->t.pa);
	if (!range) {
		to->nothing = true;
		return true;
	}
	if (range->region->host && !(write && range->region->readonly) && range_holds(range, to->t.pa, size)) {
		to->host = range_host(range, to->t.pa);
		to->code = write && space_has_code(cpu->space, to->t.pa);
		to->watched = write && monitor_is_watching(cpu, to->host);
		to->whole = range_has_page(range, to->t.pa);
		tlb_fill(cpu, va, el, &to->t, range, to->host, write);
	} else {
		/* Also a piece that goes on into the next range, which may be a device. */
		to->io = !range->region->lockless || !range_holds(range, to->t.pa, size);
		to->poison = range->region->poison;
	}
	return true;
}

static bool external_abort(struct cpu *cpu, u64 va, unsigned flags)
{
	guest_error(ACCESS_NOWHERE, "cpu %u: no memory answers at va 0x%llx", cpu->index, (unsigned long long)va);
	mmu_data_abort(cpu, va, FSC_EXTERNAL | iss_of(flags));
	return false;
}

/* Device or piecewise access by the space. */
static bool far_access(struct cpu *cpu, u64 va, unsigned size, unsigned flags, const struct target *to, u64 *value)
{
	enum mem_result result;
	bool alive = true;

	if (to->nothing)
		return external_abort(cpu, va, flags);
	if (to->io)
		cpu_out(cpu);
	if (flags & ACCESS_WRITE)
		result = space_write(cpu->space, to->t.pa, size, *value);
	else
		result = space_read(cpu->space, to->t.pa, size, value);
	if (result == MEM_ABORT) {
		if (!to->io)
			cpu_out(cpu);
		poison_consumed(cpu, to->t.pa);
	}
	if (to->io || result == MEM_ABORT)
		alive = cpu_in(cpu);
	if (!alive)
		return false;
	if (result == MEM_ABORT)
		mmu_data_abort(cpu, va, FSC_EXTERNAL | iss_of(flags));
	else if (result != MEM_OK)
		external_abort(cpu, va, flags);
	return result == MEM_OK;
}

static bool aligned_or_fault(struct cpu *cpu, u64 va, unsigned align, unsigned flags)
{
	if (likely(!(va & (align - 1))) || !(cpu->align_check || (flags & ACCESS_ALIGNED)))
		return true;
	mmu_data_abort(cpu, va, FSC_ALIGNMENT | iss_of(flags));
	return false;
}

u8 *access_host(struct cpu *cpu, u64 va, unsigned size, unsigned flags, bool *taken)
{
	struct target to;

	*taken = true;
	if (!aligned_or_fault(cpu, va, size, flags))
		return NULL;
	if ((va & (PAGE - 1)) + size > PAGE) {
		*taken = false;
		return NULL;
	}
	if (!aim(cpu, va, size, size, flags, va, &to))
		return NULL;
	/* DC ZVA, the only one of this size, may not clear Device memory. */
	if (size == 64 && to.t.device) {
		mmu_data_abort(cpu, va, FSC_ALIGNMENT | iss_of(flags));
		return NULL;
	}
	if (to.poison && (flags & ACCESS_ATOMIC)) {
		u64 ignored;

		far_access(cpu, va, 1, flags & ~ACCESS_WRITE, &to, &ignored);
		return NULL;
	}
	*taken = false;
	/* With something that is watched in the page, one byte cannot stand for the others. */
	if ((flags & ACCESS_PAGE) && (!to.whole || debug_covers_page(cpu, align_down(va, PAGE), flags & ACCESS_WRITE)))
		return NULL;
	/* The caller writes where code was: forget that code first; without IC IVAU nothing more is promised. */
	if (to.host && to.code)
		code_invalidate(cpu->cpus, to.t.pa, size);
	if (to.host && to.watched && !(flags & ACCESS_MONITOR)) /* it may write more than `size`: MOPS */
		monitor_written(cpu, (const void *)((uintptr_t)to.host & ~(PAGE - 1)), PAGE);
	return to.host;
}

static bool read_piece(struct cpu *cpu, u64 va, unsigned size, unsigned flags, const struct target *to, u64 *value)
{
	if (to->host) {
		if (is_power_of_2(size))
			*value = host_load(to->host, size);
		else
			*value = load_le(to->host, size);
		return true;
	}
	if (is_power_of_2(size))
		return far_access(cpu, va, size, flags, to, value);
	*value = 0;
	for (unsigned i = 0; i < size; i++) {
		struct target one = *to;
		u64 byte = 0;

		one.t.pa += i;
		if (!far_access(cpu, va + i, 1, flags, &one, &byte))
			return false;
		*value |= byte << (8 * i);
	}
	return true;
}

static bool write_piece(struct cpu *cpu, u64 va, unsigned size, unsigned flags, const struct target *to, u64 value)
{
	if (to->host) {
		if (to->watched)
			monitor_begin_write(cpu, to->host, size);
		if (is_power_of_2(size))
			host_store(to->host, size, value);
		else
			store_le(to->host, size, value);
		if (to->watched)
			monitor_unlock(cpu);
		if (to->code)
			code_invalidate(cpu->cpus, to->t.pa, size);
		return true;
	}
	if (is_power_of_2(size))
		return far_access(cpu, va, size, flags, to, &value);
	for (unsigned i = 0; i < size; i++) {
		struct target one = *to;
		u64 byte = (u8)(value >> (8 * i));

		one.t.pa += i;
		if (!far_access(cpu, va + i, 1, flags, &one, &byte))
			return false;
	}
	return true;
}

/* Whether a host pointer may still be used: going OUT for another piece may have let the map change. */
static bool aim_again(struct cpu *cpu, u64 va, unsigned size, unsigned flags, u64 fault_va, struct target *to)
{
	return !to->host || aim(cpu, va, size, 1, flags, fault_va, to);
}

bool access_read_slow(struct cpu *cpu, u64 va, unsigned size, unsigned flags, u64 *value)
{
	unsigned first = (unsigned)(PAGE - (va & (PAGE - 1)));
	struct target to, next;
	u64 low = 0, high = 0;

	if (!aligned_or_fault(cpu, va, size, flags))
		return false;
	if (first >= size) {
		if (!aim(cpu, va, size, size, flags, va, &to) || !read_piece(cpu, va, size, flags, &to, &low))
			return false;
		*value = low;
		return true;
	}
	if (!aim(cpu, va, first, size, flags, va, &to) || !aim(cpu, va + first, size - first, size, flags, va, &next))
		return false;
	if (!read_piece(cpu, va, first, flags, &to, &low))
		return false;
	if (to.io && !aim_again(cpu, va + first, size - first, flags, va, &next))
		return false;
	if (!read_piece(cpu, va + first, size - first, flags, &next, &high))
		return false;
	*value = low | high << (8 * first);
	return true;
}

bool access_write_slow(struct cpu *cpu, u64 va, unsigned size, unsigned flags, u64 value)
{
	unsigned first = (unsigned)(PAGE - (va & (PAGE - 1)));
	struct target to, next;

	flags |= ACCESS_WRITE;
	if (!aligned_or_fault(cpu, va, size, flags))
		return false;
	if (first >= size)
		return aim(cpu, va, size, size, flags, va, &to) && write_piece(cpu, va, size, flags, &to, value);
	if (!aim(cpu, va, first, size, flags, va, &to) || !aim(cpu, va + first, size - first, size, flags, va, &next))
		return false;
	if (!write_piece(cpu, va, first, flags, &to, value & ones(8 * first)))
		return false;
	if (to.io && !aim_again(cpu, va + first, size - first, flags, va, &next))
		return false;
	return write_piece(cpu, va + first, size - first, flags, &next, value >> (8 * first));
}

/* Of 16 bytes, before anything is accessed; what is left is two accesses of 8, without ACCESS_ALIGNED. */
static bool element_or_fault(struct cpu *cpu, u64 va, unsigned *flags)
{
	u64 in_page = va & (PAGE - 1);
	struct target to;

	if (!aligned_or_fault(cpu, va, 16, *flags))
		return false;
	*flags &= ~(unsigned)ACCESS_ALIGNED;
	/* One element: its halves are accesses of their own only in Normal memory; a watchpoint of either comes before both. */
	if (((va & 15) || (cpu->sys.mdscr & BIT(15)) || cpu->cpus->debugger.watch_count) &&
	    !aim(cpu, va, (unsigned)MIN(16, PAGE - in_page), 16, *flags, va, &to))
		return false;
	/* Both ends first, if they are in two pages: the fault of the far one may not follow a device access. */
	return in_page <= PAGE - 16 || (aim(cpu, va, (unsigned)(PAGE - in_page), 8, *flags, va, &to) &&
					aim(cpu, (va + 15) & ~(PAGE - 1), (unsigned)(in_page + 16 - PAGE), 8, *flags, va, &to));
}

bool access_read128_slow(struct cpu *cpu, u64 va, unsigned flags, u128 *value)
{
	u64 low, high;

	if (!element_or_fault(cpu, va, &flags))
		return false;
	if (!access_read_slow(cpu, va, 8, flags, &low) || !access_read_slow(cpu, va + 8, 8, flags, &high))
		return false;
	*value = (u128)high << 64 | low;
	return true;
}

bool access_write128_slow(struct cpu *cpu, u64 va, unsigned flags, u128 value)
{
	flags |= ACCESS_WRITE;
	return element_or_fault(cpu, va, &flags) && access_write_slow(cpu, va, 8, flags, (u64)value) &&
	       access_write_slow(cpu, va + 8, 8, flags, (u64)(value >> 64));
}

void access_fetch_abort(struct cpu *cpu, u64 va, u64 pa)
{
	const struct range *range = space_lookup(cpu->space, pa);

	if (!range || !(range->region->poison || range->region->fetch))
		guest_error(FETCH_NOWHERE, "cpu %u: instruction fetch from 0x%llx, which is not memory", cpu->index, (unsigned long long)pa);
	if (meet_poison(cpu, pa))
		cpu_enter(cpu, cpu->el ? EC_INSN_SAME : EC_INSN_LOWER, FSC_EXTERNAL, va, true, va);
}

bool access_fetch(struct cpu *cpu, u64 va, u64 *pa, const u8 **host_page)
{
	enum esr_class class = cpu->el ? EC_INSN_SAME : EC_INSN_LOWER;
	const struct range *range;
	struct translation t;
	const u8 *host;
	u32 fsc;

	*host_page = NULL;
	if (va & 3) {
		cpu_enter(cpu, EC_PC_ALIGN, 0, va, true, va);
		return false;
	}
	if (!tlb_lookup(cpu, va, MMU_FETCH, cpu->el, false, &t, &fsc)) {
		if (meet_poisoned_table(cpu, &t, fsc))
			cpu_enter(cpu, class, fsc, va, true, va);
		return false;
	}
	range = space_lookup(cpu->space, t.pa);
	if (!range || !(range->region->host || range->region->fetch)) {
		access_fetch_abort(cpu, va, t.pa);
		return false;
	}
	host = range->region->host ? range_host(range, t.pa) : NULL;
	tlb_note_fetch(cpu, va, &t);
	*pa = t.pa;
	if (host && range_has_page(range, t.pa))
		*host_page = host - (t.pa & (PAGE - 1));
	return true;
}

/* --- copies for the emulator's own use --- */

/* The bytes at va, *part of them: up to `size`, not past the page. NULL: a fault, or no RAM. */
static u8 *copy_piece(struct cpu *cpu, u64 va, u64 size, bool write, u64 *part, u64 *pa)
{
	const struct range *range;
	struct translation t;
	u32 fsc;

	*part = MIN(size, PAGE - (va & (PAGE - 1)));
	if (!tlb_lookup(cpu, va, write ? MMU_WRITE : MMU_READ, 1, false, &t, &fsc))
		return NULL;
	*pa = t.pa;
	range = space_lookup(cpu->space, t.pa);
	if (!range || !range->region->host || (write && range->region->readonly) || !range_holds(range, t.pa, *part))
		return NULL;
	return range_host(range, t.pa);
}

bool access_copy_in(struct cpu *cpu, u64 va, void *to, u64 size)
{
	for (u64 done = 0, part, pa; done < size; done += part) {
		const u8 *host = copy_piece(cpu, va + done, size - done, false, &part, &pa);

		if (!host)
			return false;
		memcpy((u8 *)to + done, host, part);
	}
	return true;
}

bool access_copy_out(struct cpu *cpu, u64 va, const void *from, u64 size)
{
	for (u64 done = 0, part, pa; done < size; done += part) {
		u8 *host = copy_piece(cpu, va + done, size - done, true, &part, &pa);

		if (!host)
			return false;
		if (monitor_is_watching(cpu, host))
			monitor_written(cpu, host, part);
		memcpy(host, (const u8 *)from + done, part);
		if (space_has_code(cpu->space, pa))
			code_invalidate(cpu->cpus, pa, part);
	}
	return true;
}
