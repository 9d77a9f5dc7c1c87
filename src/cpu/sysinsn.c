/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SYS space: cache maintenance, address translation, TLB maintenance. DC ZVA is a store (load_store.c).
 * [DDI0487 C5.3 cache, C5.4 address translation, C5.5 TLB maintenance instructions]
 *
 * Caches do not exist, so cleaning and invalidating data is nothing, but the address is translated and may fault, and
 * on persistent memory a clean line is recorded for the next DSB. IC drops decoded code. TLBI acts at once here and by
 * mail on other vCPUs; DSB waits for them (cpus.c).
 */
#include "base/trace.h"
#include "cpu/code.h"
#include "cpu/features.h"
#include "cpu/hooks.h"
#include "cpu/vcpu.h"

#define SCTLR_UCI 26
#define KEY(op1, crn, crm, op2) SYSREG(1, op1, crn, crm, op2)

/* The line that holds pa has to be persistent when the next DSB completes. */
static void persist(struct cpu *cpu, u64 pa)
{
	struct cpu_thread *thread = cpu->thread;
	const struct range *range = space_lookup(cpu->space, pa);
	struct region *region = range ? range->region : NULL;
	u64 first;
	unsigned i;

	if (!region || !region->persist)
		return;
	first = align_down(pa, DCACHE_LINE_BYTES);
	for (u64 line = first; line < first + DCACHE_LINE_BYTES; line += 64)
		if (line >= range->base && line <= range->last)
			region->persist(region, range->offset + (line - range->base), 64);
	for (i = 0; i < thread->persist_count && thread->persist[i] != region; i++)
		;
	if (i < thread->persist_count)
		return;
	if (i == ARRAY_SIZE(thread->persist)) {
		/* More regions than we remember: this one is drained now. */
		if (region->persist_drain)
			region->persist_drain(region);
		return;
	}
	thread->persist[thread->persist_count++] = region;
}

/* Decoded code of [pa, pa + size) goes, everywhere when the next DSB completes. */
static void forget_code(struct cpu *cpu, u64 pa, u64 size)
{
	cpu->thread->code_want = code_forget(cpu, pa, size);
	cpu->thread->dsb_needed = true;
}

static bool cache_by_va(struct cpu *cpu, u64 va, enum mmu_access access, bool clean, bool code)
{
	bool device;
	u64 pa;

	if (!tlb_translate(cpu, va, access, cpu->el, ISS_WNR | ISS_CM, &pa, &device))
		return false;
	/* Of these DC IVAC alone, as a store. [DDI0487 Watchpoint behavior for certain instruction classes] */
	if ((cpu->sys.mdscr & BIT(15)) && access == MMU_WRITE &&
	    debug_watch(cpu, align_down(va, DCACHE_LINE_BYTES), DCACHE_LINE_BYTES, true, cpu->el, true))
		return false;
	if (clean)
		persist(cpu, pa);
	if (code)
		forget_code(cpu, align_down(pa, ICACHE_LINE_BYTES), ICACHE_LINE_BYTES);
	return true;
}

static void tlbi_do(struct cpu *cpu, const struct tlbi *tlbi, bool broadcast)
{
	trace(MMU, "cpu %u: TLBI kind %u asid %u va 0x%llx..0x%llx%s", cpu->index, tlbi->kind, tlbi->asid,
	      (unsigned long long)tlbi->va, (unsigned long long)tlbi->last, broadcast ? " shareable" : "");
	tlb_apply(cpu, tlbi);
	if (broadcast)
		cpu_mail_post(cpu, tlbi);
}

static u16 asid_of(const struct cpu *cpu, u64 value)
{
	u16 asid = (u16)(value >> 48);

	return bit(cpu->sys.tcr, 36) ? asid : asid & 0xff;
}

/* CRm says local, inner or outer shareable, and for ranges likewise. */
static bool tlbi(struct cpu *cpu, u32 key, u64 value)
{
	unsigned crm = key_crm(key), op2 = key_op2(key), shift, scale;
	bool range = crm == 2 || crm == 5 || crm == 6, broadcast = crm != 7 && crm != 6;
	struct tlbi op = {0};
	u64 pages;

	if ((range || crm == 1) && !cpu->cpus->ids.tlbi_os_range)
		return false;
	if (range) {
		static const u8 shifts[4] = {0, 12, 14, 16};

		if (!(op2 & 1))
			return false;
		shift = shifts[bits(value, 47, 46)];
		/* A reserved granule: no entry is of that kind. */
		if (!shift)
			return true;
		scale = (unsigned)bits(value, 45, 44);
		pages = (bits(value, 43, 39) + 1) << (5 * scale + 1);
		op.va = (u64)sign_extend(bits(value, 36, 0) << shift, 37 + shift);
		if (!add_ok(op.va, (pages << shift) - 1, &op.last))
			op.last = ~0ull;
	} else {
		if (crm != 1 && crm != 3 && crm != 7)
			return false;
		op.va = (u64)sign_extend(bits(value, 43, 0) << 12, 56);
		op.last = op.va | 0xfff;
	}
	op.asid = asid_of(cpu, value);
	switch (op2) {
	case 0: op.kind = TLBI_ALL; break;
	case 1: case 5: op.kind = TLBI_VA; break;
	case 2: op.kind = TLBI_ASID; break;
	case 3: case 7: op.kind = TLBI_VA_ALL_ASID; break;
	default: return false;
	}
	tlbi_do(cpu, &op, broadcast);
	return true;
}

bool sysinsn(struct cpu *cpu, u32 key, u64 value)
{
	switch (key) {
	case KEY(3, 7, 5, 1):   /* IC IVAU */
	case KEY(3, 7, 10, 1):  /* DC CVAC */
	case KEY(3, 7, 11, 1):  /* DC CVAU */
	case KEY(3, 7, 12, 1):  /* DC CVAP */
	case KEY(3, 7, 13, 1):  /* DC CVADP */
	case KEY(3, 7, 14, 1):  /* DC CIVAC */
		if ((key == KEY(3, 7, 12, 1) && bits(cpu->cpus->ids.isar1, 3, 0) < 1) ||
		    (key == KEY(3, 7, 13, 1) && bits(cpu->cpus->ids.isar1, 3, 0) < 2))
			break;
		if (cpu->el == 0 && !bit(cpu->sys.sctlr, SCTLR_UCI))
			return sysreg_trap(cpu, key, false);
		return cache_by_va(cpu, value, MMU_READ, key != KEY(3, 7, 5, 1) && key != KEY(3, 7, 11, 1),
				   key == KEY(3, 7, 5, 1));
	default: break;
	}
	if (cpu->el == 0) {
		cpu_undefined(cpu);
		return false;
	}
	switch (key) {
	case KEY(0, 7, 1, 0): /* IC IALLUIS */
	case KEY(0, 7, 5, 0): /* IC IALLU */
		forget_code(cpu, 0, 0);
		return true;
	case KEY(0, 7, 6, 1): /* DC IVAC */
		return cache_by_va(cpu, value, MMU_WRITE, false, false);
	case KEY(0, 7, 6, 2):  /* DC ISW */
	case KEY(0, 7, 10, 2): /* DC CSW */
	case KEY(0, 7, 14, 2): /* DC CISW */
		return true;
	case KEY(0, 7, 8, 0): return mmu_at(cpu, value, 1, false, false);
	case KEY(0, 7, 8, 1): return mmu_at(cpu, value, 1, true, false);
	case KEY(0, 7, 8, 2): return mmu_at(cpu, value, 0, false, false);
	case KEY(0, 7, 8, 3): return mmu_at(cpu, value, 0, true, false);
	case KEY(0, 7, 9, 0): /* AT S1E1RP */
	case KEY(0, 7, 9, 1): /* AT S1E1WP */
		if (bits(cpu->cpus->ids.mmfr1, 23, 20) < 2)
			break;
		return mmu_at(cpu, value, 1, key & 1, cpu->pan);
	default: break;
	}
	if (key >> 7 == KEY(0, 8, 0, 0) >> 7 && tlbi(cpu, key, value))
		return true;
	trace(UNIMP, "cpu %u: SYS %u, C%u, C%u, %u at el%u", cpu->index, key >> 11 & 7, key >> 7 & 15, key >> 3 & 15,
	      key & 7, cpu->el);
	cpu_undefined(cpu);
	return false;
}
