/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage 1 of the EL1&0 regime: from a virtual address to a physical one, its rights and its memory type.
 * [DDI0487 D8, The AArch64 Virtual Memory System Architecture]
 *
 * Granules of 4, 16 and 64 KiB, 48-bit addresses, hierarchical rights and their disables, hardware access flag and
 * dirty state, the Contiguous bit. Left out: 52-bit addresses, stage 2.
 *
 * Called on a TLB miss by the vCPU's own thread, without locks. Tables are read through host pointers of RAM; a table
 * in a device is an external abort on the walk. Descriptors are updated by compare-exchange, as the vCPU and other
 * agents may race.
 */
#include "base/trace.h"
#include "cpu/vcpu.h"

#define DESC_AF BIT(10)
#define DESC_NG BIT(11)
#define DESC_AP_EL0 BIT(6)
#define DESC_AP_RO BIT(7)
#define DESC_DBM BIT(51)
#define DESC_CONTIGUOUS BIT(52)
#define DESC_PXN BIT(53)
#define DESC_UXN BIT(54)
#define FSC_UNSUPPORTED_UPDATE 0x31

enum { TCR_EPD0 = 7, TCR_A1 = 22, TCR_EPD1 = 23, TCR_AS = 36, TCR_TBI0 = 37, TCR_TBI1 = 38, TCR_HA = 39, TCR_HD = 40,
       TCR_HPD0 = 41, TCR_HPD1 = 42, TCR_E0PD0 = 55, TCR_E0PD1 = 56 };

u16 mmu_asid(const struct cpu *cpu)
{
	u64 ttbr = bit(cpu->sys.tcr, TCR_A1) ? cpu->sys.ttbr1 : cpu->sys.ttbr0;
	u16 asid = (u16)(ttbr >> 48);

	return bit(cpu->sys.tcr, TCR_AS) ? asid : asid & 0xff;
}

static unsigned output_bits(const struct cpu *cpu)
{
	static const u8 sizes[8] = {32, 36, 40, 42, 44, 48, 48, 48};

	return MIN((unsigned)sizes[bits(cpu->sys.tcr, 34, 32)], (unsigned)cpu->cpus->ids.pa_bits);
}

/* The table word at pa; false: nothing there that a walker may read. */
static bool desc_read(struct cpu *cpu, u64 pa, u64 *desc, u64 **host, bool *writable)
{
	const struct range *range = space_lookup(cpu->space, pa);

	*host = NULL;
	*writable = false;
	if (!range || !range_holds(range, pa, 8))
		return false;
	if (range->region->host) {
		*host = (u64 *)range_host(range, pa);
		*desc = __atomic_load_n(*host, __ATOMIC_ACQUIRE);
		*writable = !range->region->readonly;
		return true;
	}
	*writable = true;
	return range->region->lockless && space_read(cpu->space, pa, 8, desc) == MEM_OK;
}

static bool desc_update(struct cpu *cpu, u64 pa, u64 *host, u64 old, u64 new)
{
	if (host)
		return __atomic_compare_exchange_n(host, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return space_write(cpu->space, pa, 8, new) == MEM_OK;
}

static unsigned rights(const struct cpu *cpu, bool el0, bool readonly, bool uxn, bool pxn)
{
	bool wxn = bit(cpu->sys.sctlr, 19);
	unsigned may = MAY_R1 | (readonly ? 0 : MAY_W1);

	if (el0)
		may |= MAY_R0 | (readonly ? 0 : MAY_W0);
	if (!uxn && !(wxn && (may & MAY_W0)))
		may |= MAY_X0;
	if (!pxn && !(may & MAY_W0) && !(wxn && (may & MAY_W1)))
		may |= MAY_X1;
	return may;
}

static bool fault(const struct cpu *cpu, u64 va, u32 code, u32 *fsc)
{
	trace(MMU, "cpu %u: va 0x%llx fault status 0x%02x", cpu->index, (unsigned long long)va, code);
	*fsc = code;
	return false;
}

static bool walk_flat(struct cpu *cpu, u64 va, enum mmu_access access, struct translation *out, u32 *fsc)
{
	bool tbi = bit(cpu->sys.tcr, bit(va, 55) ? TCR_TBI1 : TCR_TBI0);
	u64 pa = tbi ? va & MASK(55, 0) : va;

	if (pa >> cpu->cpus->ids.pa_bits)
		return fault(cpu, va, FSC_ADDRESS_SIZE, fsc);
	*out = (struct translation){
		.pa = pa,
		.shift = 12,
		.span = 12,
		.may = 0x3f,
		.share = 2,
		.device = access != MMU_FETCH,
		.global = true,
		.flat = true,
	};
	return true;
}

/* 0b0000_dd00 is Device; so is nothing else that we know, and reserved encodings are treated as Normal. */
static bool attr_is_device(u8 attr)
{
	return !(attr & 0xf0);
}

/*
 * What one entry of the TLB may hold: log2 of the bytes of the contiguous set in which the descriptor `desc` at `pa` stands,
 * or of its own, 1 << lsb. Software promises that a set says one thing; as a table may be found while it is changed, or break
 * the promise, the whole set is read and has to. Then the entry answers as its descriptors would, one by one.
 * [DDI0487 D8.7.1, The Contiguous bit]
 */
static unsigned span_of(struct cpu *cpu, u64 pa, u64 desc, unsigned page_shift, unsigned level, unsigned index_bits)
{
	unsigned lsb = page_shift + (3 - level) * (page_shift - 3);
	unsigned more = page_shift == 12 ? 4 : page_shift == 14 && level == 3 ? 7 : 5;
	u64 first_pa = pa & ~ones(more + 3), first = desc - (((pa - first_pa) >> 3) << lsb);
	const struct range *range;
	const u64 *set;

	if (!(desc & DESC_CONTIGUOUS) || more > index_bits || bits(first, lsb + more - 1, lsb))
		return lsb;
	range = space_lookup(cpu->space, first_pa);
	if (!range || !range->region->host || !range_holds(range, first_pa, 8ull << more))
		return lsb;
	set = (const u64 *)range_host(range, first_pa);
	for (u64 n = 0; n < 1u << more; n++)
		if (__atomic_load_n(&set[n], __ATOMIC_RELAXED) != first + (n << lsb))
			return lsb;
	return lsb + more;
}

bool mmu_walk(struct cpu *cpu, u64 va, bool el0, enum mmu_access access, bool mark, struct translation *out, u32 *fsc)
{
	bool high = bit(va, 55);
	u64 tcr = cpu->sys.tcr, ttbr = high ? cpu->sys.ttbr1 : cpu->sys.ttbr0, table, desc = 0, pa = 0, *host;
	unsigned tsz = (unsigned)(high ? bits(tcr, 21, 16) : bits(tcr, 5, 0));
	unsigned tg = (unsigned)(high ? bits(tcr, 31, 30) : bits(tcr, 15, 14)), page_shift, stride, level, lsb, ia,
		 width;
	unsigned out_bits = output_bits(cpu);
	bool tbi = bit(tcr, high ? TCR_TBI1 : TCR_TBI0), ap_no_el0 = false, ap_ro = false, uxn = false, pxn = false,
	     writable;
	bool hierarchical = !(cpu->cpus->ids.hpds && bit(tcr, high ? TCR_HPD1 : TCR_HPD0));
	bool ha = cpu->cpus->ids.hafdbs && bit(tcr, TCR_HA), hd = ha && bit(tcr, TCR_HD), dbm, clean, readonly;
	unsigned top = tbi ? 55 : 63;

	if (!cpu_is_mmu_on(cpu))
		return walk_flat(cpu, va, access, out, fsc);
	page_shift = high ? (tg == 1 ? 14 : tg == 3 ? 16 : 12) : (tg == 2 ? 14 : tg == 1 ? 16 : 12);
	if (page_shift == 14 && !cpu->cpus->ids.granule_16k)
		page_shift = 12;
	stride = page_shift - 3;
	tsz = tsz < 16 ? 16 : tsz > 39 ? 39 : tsz;
	ia = 64 - tsz;
	if (bits(va, top, ia) != (high ? ones(top - ia + 1) : 0))
		return fault(cpu, va, FSC_TRANSLATION, fsc);
	if (bit(tcr, high ? TCR_EPD1 : TCR_EPD0))
		return fault(cpu, va, FSC_TRANSLATION, fsc);
	if (el0 && cpu->cpus->ids.e0pd && bit(tcr, high ? TCR_E0PD1 : TCR_E0PD0))
		return fault(cpu, va, FSC_TRANSLATION, fsc);

	level = 4 - (ia - page_shift + stride - 1) / stride;
	lsb = page_shift + (3 - level) * stride;
	width = ia - lsb;
	table = ttbr & MASK(47, width + 3); /* aligned to its size: 16 bytes, if it has two entries */
	if (out_bits < 48 && table >> out_bits)
		return fault(cpu, va, FSC_ADDRESS_SIZE, fsc);
	for (;; level++) {
		lsb = page_shift + (3 - level) * stride;
		pa = table + (bits(va, lsb + width - 1, lsb) << 3);
		/* At most 8 times per level: a descriptor that others change all the time is read again. */
		out->desc_pa = pa; /* also for who fails here, or reads it again below */
		if (!desc_read(cpu, pa, &desc, &host, &writable))
			return fault(cpu, va, FSC_EXTERNAL_WALK + level, fsc);
		if (!(desc & 1) || (level == 3 && !(desc & 2)))
			return fault(cpu, va, FSC_TRANSLATION + level, fsc);
		if (level == 3 || !(desc & 2))
			break;
		table = desc & MASK(47, page_shift);
		if (out_bits < 48 && table >> out_bits)
			return fault(cpu, va, FSC_ADDRESS_SIZE + level, fsc);
		width = stride;
		if (!hierarchical)
			continue;
		ap_no_el0 |= bit(desc, 61);
		ap_ro |= bit(desc, 62);
		uxn |= bit(desc, 60);
		pxn |= bit(desc, 59);
	}
	if (level < 3 && (level == 0 || (level == 1 && page_shift != 12)))
		return fault(cpu, va, FSC_TRANSLATION + level, fsc);

	for (unsigned tries = 0;; tries++) {
		u64 new = desc;

		table = desc & MASK(47, lsb);
		if (out_bits < 48 && table >> out_bits)
			return fault(cpu, va, FSC_ADDRESS_SIZE + level, fsc);
		if (!(desc & DESC_AF)) {
			if (!ha)
				return fault(cpu, va, FSC_ACCESS_FLAG + level, fsc);
			new |= DESC_AF;
		}
		dbm = hd && (desc & DESC_DBM) && !ap_ro;
		clean = dbm && (desc & DESC_AP_RO);
		readonly = ap_ro || ((desc & DESC_AP_RO) && !dbm);
		*out = (struct translation){
			.pa = table | (va & ones(lsb)),
			.shift = (u8)lsb,
			.span = (u8)lsb,
			.level = (u8)level,
			.may = (u8)rights(cpu, (desc & DESC_AP_EL0) && !ap_no_el0, readonly, uxn || (desc & DESC_UXN),
					  pxn || (desc & DESC_PXN)),
			.attr = (u8)(cpu->sys.mair >> (8 * bits(desc, 4, 2))),
			.share = (u8)bits(desc, 9, 8),
			.global = !(desc & DESC_NG),
			.clean = clean,
			.desc_pa = pa,
			.desc = desc,
		};
		out->device = attr_is_device(out->attr);
		if (!mark)
			return true;
		/* The dirty state changes only if the write is allowed. */
		if (clean && access == MMU_WRITE && mmu_allows(cpu, out, MMU_WRITE, el0 ? 0 : 1, cpu->pan && !el0)) {
			new &= ~DESC_AP_RO;
			out->clean = false;
		}
		if (new == desc) {
			out->span = (u8)span_of(cpu, pa, desc, page_shift, level, width);
			return true;
		}
		if (!writable)
			return fault(cpu, va, FSC_UNSUPPORTED_UPDATE, fsc);
		if (desc_update(cpu, pa, host, desc, new)) {
			out->desc = new;
			return true;
		}
		if (tries == 64 || !desc_read(cpu, pa, &desc, &host, &writable))
			return fault(cpu, va, FSC_EXTERNAL_WALK + level, fsc);
		if (!(desc & 1) || !!(desc & 2) != (level == 3))
			return fault(cpu, va, FSC_TRANSLATION + level, fsc);
	}
}

bool mmu_allows(const struct cpu *cpu, const struct translation *t, enum mmu_access access, unsigned el, bool pan)
{
	static const u8 need[2][3] = {{MAY_R0, MAY_W0, MAY_X0}, {MAY_R1, MAY_W1, MAY_X1}};

	if (t->flat)
		return true;
	if (!(t->may & need[el][access]))
		return false;
	if (el == 1 && pan && access != MMU_FETCH) {
		if (t->may & MAY_R0)
			return false;
		if (cpu->cpus->ids.epan && bit(cpu->sys.sctlr, 57) && (t->may & MAY_X0))
			return false;
	}
	return true;
}

void mmu_data_abort(struct cpu *cpu, u64 va, u32 iss)
{
	trace(MMU, "cpu %u: data abort va 0x%llx iss 0x%x", cpu->index, (unsigned long long)va, iss);
	cpu_raise_far(cpu, cpu->el ? EC_DATA_SAME : EC_DATA_LOWER, iss, va);
}

bool mmu_at(struct cpu *cpu, u64 va, unsigned el, bool write, bool pan)
{
	struct translation t;
	u32 fsc;
	enum mmu_access access = write ? MMU_WRITE : MMU_READ;
	u8 attr;

	if (!mmu_walk(cpu, va, el == 0, access, false, &t, &fsc)) {
		/* A table that is not there is no answer about va: an exception. [DDI0487 Address translation instructions] */
		if ((fsc & ~3u) == FSC_EXTERNAL_WALK) {
			mmu_data_abort(cpu, va, fsc | ISS_CM | ISS_WNR);
			return false;
		}
		cpu->sys.par = 1 | BIT(11) | (u64)fsc << 1;
		return true;
	}
	if (!mmu_allows(cpu, &t, access, el, pan)) {
		cpu->sys.par = 1 | BIT(11) | (u64)(FSC_PERMISSION + t.level) << 1;
		return true;
	}
	/* Without SCTLR_EL1.C data in Normal memory is Non-cacheable. [DDI0487 AArch64.S1Translate] */
	attr = t.device || bit(cpu->sys.sctlr, 2) ? t.attr : 0x44;
	cpu->sys.par = (t.pa & MASK(47, 12)) | BIT(11) | (u64)(t.device || attr == 0x44 ? 2 : t.share) << 7 |
		       (u64)attr << 56;
	return true;
}
