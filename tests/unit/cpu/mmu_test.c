/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage 1: every granule and level, fault status codes, rights, hardware access flag and dirty state, TLB
 * maintenance. */
#include "bench.h"

static const struct granule {
	unsigned shift, tg0, tg1, first_level, first_block;
} granules[] = {{12, 0, 2, 0, 1}, {14, 2, 1, 0, 2}, {16, 1, 3, 1, 2}};

static u64 tcr_of(const struct granule *g)
{
	return 16 | 16 << 16 | (u64)g->tg0 << 14 | (u64)g->tg1 << 30 | 5ull << 32 | BIT(36);
}

static void mmu_on(struct bench *b, u64 tcr, u64 root0, u64 root1)
{
	set(b, MAIR, MAIR_VALUE);
	set(b, TCR, tcr);
	set(b, TTBR0, root0);
	set(b, TTBR1, root1);
	set(b, SCTLR, 1 | BIT(23));
}

static int open4k(void **state)
{
	struct bench *b = bench_make(2, "max", true);
	u64 root0 = table_new(b, 4096), root1 = table_new(b, 4096);

	mmu_on(b, tcr_of(&granules[0]), root0, root1);
	*state = b;
	return 0;
}

static int close_bench(void **state)
{
	bench_free(*state);
	return 0;
}

static u64 *page(struct bench *b, u64 va, u64 desc)
{
	u64 ttbr = bit(va, 55) ? b->cpu->sys.ttbr1 : b->cpu->sys.ttbr0;
	u64 *leaf = leaf_of(b, ttbr & MASK(47, 12), 12, 0, 3, va);

	*leaf = desc | 3;
	return leaf;
}

static void every_granule_and_level_translates(void **state)
{
	for (unsigned k = 0; k < ARRAY_SIZE(granules); k++) {
		const struct granule *g = &granules[k];
		unsigned stride = g->shift - 3;

		for (unsigned leaf = g->first_block; leaf <= 3; leaf++) {
			for (unsigned high = 0; high < 2; high++) {
				struct bench *b = bench_make(1, "max", true);
				u64 root = table_new(b, 1u << g->shift), va = 0x0000123456789000ull,
				    pa = 0x7a0000000000ull;
				unsigned shift = g->shift + (3 - leaf) * stride;
				struct translation t;
				u32 fsc = 99;

				va |= high ? 0xffff000000000000ull : 0;
				mmu_on(b, tcr_of(g), root, root);
				for (unsigned level = g->first_level; level <= leaf; level++) {
					assert_false(mmu_walk(b->cpu, va, false, MMU_READ, false, &t, &fsc));
					assert_int_equal(fsc, FSC_TRANSLATION + level);
					if (level < leaf)
						leaf_of(b, root, g->shift, g->first_level, level + 1, va);
				}
				*leaf_of(b, root, g->shift, g->first_level, leaf, va) =
					(pa & ~ones(shift)) | D_AF | D_UXN | (leaf == 3 ? 3 : 1);
				assert_true(mmu_walk(b->cpu, va, false, MMU_READ, false, &t, &fsc));
				assert_int_equal(t.pa, (pa & ~ones(shift)) | (va & ones(shift)));
				assert_int_equal(t.shift, shift);
				assert_int_equal(t.may, MAY_R1 | MAY_W1 | MAY_X1);
				/* Address size: beyond IPS of 32 bits. */
				set(b, TCR, tcr_of(g) & ~(7ull << 32));
				assert_false(mmu_walk(b->cpu, va, false, MMU_READ, false, &t, &fsc));
				assert_int_equal(fsc, FSC_ADDRESS_SIZE + leaf);
				/* A block where the granule has none. */
				if (leaf == 3) {
					set(b, TCR, tcr_of(g));
					*leaf_of(b, root, g->shift, g->first_level, leaf, va) = D_AF | 1;
					assert_false(mmu_walk(b->cpu, va, false, MMU_READ, false, &t, &fsc));
					assert_int_equal(fsc, FSC_TRANSLATION + 3);
				}
				bench_free(b);
			}
		}
	}
}

/* The first table is aligned to its own size, which may be less than 64 bytes. [DDI0487 TTBR0_EL1] */
static void small_first_tables_lie_where_they_are_said_to(void **state)
{
	static const struct {
		unsigned granule, tsz, level, at;
		u64 va;
	} cases[] = {
		{1, 16, 0, 0x10, 0x0000823456788000},                               /* 16 KiB, 48 bits: 2 entries */
		{1, 16, 0, 0x30, 0x0000123456788000}, {0, 32, 1, 0x20, 0xc0201000}, /* 4 KiB, 32 bits: 4 entries */
		{0, 33, 1, 0x70, 0x40201000},         {0, 24, 0, 0x10, 0x8040201000},
	};

	for (unsigned k = 0; k < ARRAY_SIZE(cases); k++) {
		const struct granule *g = &granules[cases[k].granule];
		struct bench *b = bench_make(1, "max", true);
		u64 root = table_new(b, 1u << g->shift) + cases[k].at, pa = RAM_BASE + 0x8000;
		struct translation t;
		u32 fsc;

		mmu_on(b, (tcr_of(g) & ~0x3full) | cases[k].tsz, root, 0);
		*leaf_of(b, root, g->shift, cases[k].level, 3, cases[k].va) = pa | D_AF | 3;
		assert_true(mmu_walk(b->cpu, cases[k].va, false, MMU_READ, false, &t, &fsc));
		assert_int_equal(t.pa, pa);
		bench_free(b);
	}
}

static void addresses_outside_the_regions_fault_at_level_0(void **state)
{
	struct bench *b = *state;
	struct translation t;
	u32 fsc;

	page(b, 0x1000, RAM_BASE | D_AF);
	assert_true(mmu_walk(b->cpu, 0x1000, false, MMU_READ, false, &t, &fsc));
	assert_false(mmu_walk(b->cpu, 0x0001000000001000, false, MMU_READ, false, &t, &fsc));
	assert_int_equal(fsc, FSC_TRANSLATION);
	/* A tag faults without TBI, and is ignored with it. */
	assert_false(mmu_walk(b->cpu, 0xab00000000001000, false, MMU_READ, false, &t, &fsc));
	set(b, TCR, tcr_of(&granules[0]) | BIT(37));
	assert_true(mmu_walk(b->cpu, 0xab00000000001000, false, MMU_READ, false, &t, &fsc));
	/* EPD0 and E0PD0. */
	set(b, TCR, tcr_of(&granules[0]) | BIT(7));
	assert_false(mmu_walk(b->cpu, 0x1000, false, MMU_READ, false, &t, &fsc));
	set(b, TCR, tcr_of(&granules[0]) | BIT(55));
	assert_true(mmu_walk(b->cpu, 0x1000, false, MMU_READ, false, &t, &fsc));
	assert_false(mmu_walk(b->cpu, 0x1000, true, MMU_READ, false, &t, &fsc));
	assert_int_equal(fsc, FSC_TRANSLATION);
	/* T0SZ = 25: 39 bits, starting at level 1. */
	set(b, TCR, (tcr_of(&granules[0]) & ~0x3full) | 25);
	assert_false(mmu_walk(b->cpu, 1ull << 39, false, MMU_READ, false, &t, &fsc));
	assert_int_equal(fsc, FSC_TRANSLATION);
	assert_false(mmu_walk(b->cpu, 1ull << 38, false, MMU_READ, false, &t, &fsc));
	assert_int_equal(fsc, FSC_TRANSLATION + 1);
}

static void rights_follow_ap_xn_wxn_and_pan(void **state)
{
	struct bench *b = *state;
	struct translation t;
	u32 fsc;
	static const struct {
		u64 bits;
		unsigned may, may_wxn;
	} rows[] = {
		{0, MAY_R1 | MAY_W1 | MAY_X1 | MAY_X0, MAY_R1 | MAY_W1 | MAY_X0},
		{D_EL0, MAY_R0 | MAY_W0 | MAY_X0 | MAY_R1 | MAY_W1, MAY_R0 | MAY_W0 | MAY_R1 | MAY_W1},
		{D_RO, MAY_R1 | MAY_X1 | MAY_X0, MAY_R1 | MAY_X1 | MAY_X0},
		{D_RO | D_EL0, MAY_R0 | MAY_R1 | MAY_X0 | MAY_X1, MAY_R0 | MAY_R1 | MAY_X0 | MAY_X1},
		{D_RO | D_EL0 | D_UXN, MAY_R0 | MAY_R1 | MAY_X1, MAY_R0 | MAY_R1 | MAY_X1},
		{D_RO | D_EL0 | D_PXN, MAY_R0 | MAY_R1 | MAY_X0, MAY_R0 | MAY_R1 | MAY_X0},
	};

	for (unsigned k = 0; k < ARRAY_SIZE(rows); k++) {
		page(b, 0x1000, RAM_BASE | D_AF | rows[k].bits);
		set(b, SCTLR, 1 | BIT(23));
		assert_true(mmu_walk(b->cpu, 0x1000, false, MMU_READ, false, &t, &fsc));
		assert_int_equal(t.may, rows[k].may);
		set(b, SCTLR, 1 | BIT(23) | BIT(19));
		assert_true(mmu_walk(b->cpu, 0x1000, false, MMU_READ, false, &t, &fsc));
		assert_int_equal(t.may, rows[k].may_wxn);
	}
	set(b, SCTLR, 1 | BIT(23) | BIT(57));
	t = (struct translation){.may = MAY_R0 | MAY_R1};
	assert_true(mmu_allows(b->cpu, &t, MMU_READ, 1, false));
	assert_false(mmu_allows(b->cpu, &t, MMU_READ, 1, true));
	t.may = MAY_X0 | MAY_R1; /* execute-only for EL0: EPAN */
	assert_false(mmu_allows(b->cpu, &t, MMU_READ, 1, true));
	set(b, SCTLR, 1 | BIT(23));
	assert_true(mmu_allows(b->cpu, &t, MMU_READ, 1, true));
	/* Hierarchical: APTable no EL0 and read-only, UXNTable, PXNTable at level 2's table. */
	page(b, 0x1000, RAM_BASE | D_AF | D_EL0);
	*leaf_of(b, b->cpu->sys.ttbr0, 12, 0, 2, 0x1000) |= BIT(61) | BIT(62) | BIT(60) | BIT(59);
	assert_true(mmu_walk(b->cpu, 0x1000, false, MMU_READ, false, &t, &fsc));
	assert_int_equal(t.may, MAY_R1);
	/* TCR_EL1.HPD0 disables just that, HPD1 is the other half's. [DDI0487 FEAT_HPDS] */
	set(b, TCR, tcr_of(&granules[0]) | BIT(42));
	assert_true(mmu_walk(b->cpu, 0x1000, false, MMU_READ, false, &t, &fsc));
	assert_int_equal(t.may, MAY_R1);
	set(b, TCR, tcr_of(&granules[0]) | BIT(41));
	assert_true(mmu_walk(b->cpu, 0x1000, false, MMU_READ, false, &t, &fsc));
	assert_int_equal(t.may, MAY_R0 | MAY_W0 | MAY_X0 | MAY_R1 | MAY_W1);
}

static void hardware_keeps_access_flag_and_dirty_state(void **state)
{
	struct bench *b = *state;
	u64 *leaf = page(b, 0x1000, RAM_BASE | D_RO | D_DBM), value;

	assert_false(access_read_slow(b->cpu, 0x1000, 8, 0, &value));
	assert_int_equal(b->cpu->sys.esr, (u64)EC_DATA_SAME << 26 | BIT(25) | (FSC_ACCESS_FLAG + 3));
	set(b, TCR, tcr_of(&granules[0]) | BIT(39) | BIT(40));
	assert_true(access_read_slow(b->cpu, 0x1000, 8, 0, &value));
	assert_true(*leaf & D_AF);
	assert_true(*leaf & D_RO);
	/* Clean: not in the write array; the first write marks it. */
	assert_null(tlb_hit(b->cpu->bank->write, 0x1000, 8));
	assert_true(access_write_slow(b->cpu, 0x1000, 8, ACCESS_WRITE, 42));
	assert_false(*leaf & D_RO);
	assert_non_null(tlb_hit(b->cpu->bank->write, 0x1000, 8));
	assert_int_equal(*word_at(b, RAM_BASE), 42);
	/* Not for a refused write: EL0 has no rights here. */
	leaf = page(b, 0x2000, RAM_BASE | D_RO | D_DBM | D_AF);
	assert_false(access_write_slow(b->cpu, 0x2000, 8, ACCESS_WRITE | ACCESS_EL0, 1));
	assert_true(*leaf & D_RO);
	/* AT looks without touching. */
	leaf = page(b, 0x3000, RAM_BASE | D_EL0 | 3 << 8);
	mmu_at(b->cpu, 0x3000, 0, false, false);
	assert_int_equal(b->cpu->sys.par, RAM_BASE | BIT(11) | 2 << 7 | 0x44ull << 56); /* SCTLR.C is 0 */
	set(b, SCTLR, 1 | BIT(2) | BIT(23));
	mmu_at(b->cpu, 0x3000, 0, false, false);
	assert_int_equal(b->cpu->sys.par, RAM_BASE | BIT(11) | 3 << 7 | 0xffull << 56);
	assert_false(*leaf & D_AF);
	mmu_at(b->cpu, 0x9000, 1, true, false);
	assert_int_equal(b->cpu->sys.par, 1 | BIT(11) | (FSC_TRANSLATION + 3) << 1);
}

static void aborts_carry_the_right_syndrome(void **state)
{
	struct bench *b = *state;
	u64 value;

	page(b, 0x1000, RAM_BASE | D_AF | D_RO);
	assert_false(access_write_slow(b->cpu, 0x1008, 8, ACCESS_WRITE, 1));
	assert_int_equal(b->cpu->sys.esr, (u64)EC_DATA_SAME << 26 | BIT(25) | ISS_WNR | (FSC_PERMISSION + 3));
	assert_int_equal(b->cpu->sys.far, 0x1008);
	/* A page-crossing store whose second page is missing writes nothing and names the second page. */
	page(b, 0x3000, (RAM_BASE + 0x3000) | D_AF);
	*word_at(b, RAM_BASE + 0x3ff8) = 0x1122334455667788;
	assert_false(access_write_slow(b->cpu, 0x3ffc, 8, ACCESS_WRITE, ~0ull));
	assert_int_equal(b->cpu->sys.far, 0x4000);
	assert_int_equal(*word_at(b, RAM_BASE + 0x3ff8), 0x1122334455667788);
	page(b, 0x4000, (RAM_BASE + 0x8000) | D_AF);
	assert_true(access_write_slow(b->cpu, 0x3ffc, 8, ACCESS_WRITE, 0xa1a2a3a4a5a6a7a8));
	assert_int_equal(*word_at(b, RAM_BASE + 0x3ff8), 0xa5a6a7a855667788);
	assert_int_equal((u32)*word_at(b, RAM_BASE + 0x8000), 0xa1a2a3a4);
	assert_true(access_read_slow(b->cpu, 0x3ffc, 8, 0, &value));
	assert_int_equal(value, 0xa1a2a3a4a5a6a7a8);
	/* Device memory: unaligned faults, nothing there is an external abort, poison too. */
	page(b, 0x5000, DEVICE_BASE | D_AF | ATTR_DEVICE);
	page(b, 0x6000, 0x20000000 | D_AF | ATTR_DEVICE);
	assert_false(access_read_slow(b->cpu, 0x5001, 4, 0, &value));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_ALIGNMENT);
	assert_int_equal(b->cpu->sys.far, 0x5001);
	b->device_value = 7;
	assert_true(access_read_slow(b->cpu, 0x5000, 4, 0, &value));
	assert_int_equal(value, 7);
	assert_false(access_read_slow(b->cpu, 0x5800, 4, 0, &value));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_EXTERNAL);
	assert_false(access_read_slow(b->cpu, 0x6000, 4, 0, &value));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_EXTERNAL);
	/* A table in nothing: external abort on the walk at that level. */
	*leaf_of(b, b->cpu->sys.ttbr0, 12, 0, 1, 0x80000000) = 0x20000000 | 3;
	assert_false(access_read_slow(b->cpu, 0x80000000, 4, 0, &value));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_EXTERNAL_WALK + 2);
	/* AT tells that by an exception too, PAR is for what the tables say. */
	set(b, SYSREG(3, 0, 7, 4, 0), 0x5a);
	assert_false(sysinsn(b->cpu, SYSREG(1, 0, 7, 8, 0), 0x80000000));
	assert_int_equal(b->cpu->sys.esr,
			 (u64)EC_DATA_SAME << 26 | BIT(25) | ISS_CM | ISS_WNR | (FSC_EXTERNAL_WALK + 2));
	assert_int_equal(b->cpu->sys.far, 0x80000000);
	assert_int_equal(b->cpu->sys.par, 0x5a);
	/* SCTLR.A comes before translation. */
	set(b, SCTLR, 3 | BIT(23));
	assert_false(access_read_slow(b->cpu, 0x9001, 4, 0, &value));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_ALIGNMENT);
	/* From EL0 the class is that of a lower EL. */
	set(b, SCTLR, 1 | BIT(23));
	cpu_set_pstate(b->cpu, 0);
	assert_false(access_read_slow(b->cpu, 0x1000, 4, 0, &value));
	assert_int_equal(b->cpu->sys.esr, (u64)EC_DATA_LOWER << 26 | BIT(25) | (FSC_PERMISSION + 3));
}

#define SYS_TLBI(crm, op2) SYSREG(1, 0, 8, crm, op2)

static void tlbi_forms_remove_what_they_name(void **state)
{
	struct bench *b = *state;
	u64 value, *leaf = page(b, 0x1000, RAM_BASE | D_AF | D_NG);

	set(b, TTBR0, b->cpu->sys.ttbr0 | 5ull << 48);
	*word_at(b, RAM_BASE) = 1;
	*word_at(b, RAM_BASE + 0x1000) = 2;
#define CACHED(v) (assert_true(access_read_slow(b->cpu, 0x1000, 8, 0, &value)), value == (v))
	static const struct {
		u32 key;
		u64 value;
		bool takes;
	} forms[] = {
		{SYS_TLBI(7, 0), 0, true},                                     /* VMALLE1 */
		{SYS_TLBI(3, 0), 0, true},                                     /* VMALLE1IS */
		{SYS_TLBI(1, 0), 0, true},                                     /* VMALLE1OS */
		{SYS_TLBI(7, 1), 5ull << 48 | 1, true},                        /* VAE1 */
		{SYS_TLBI(7, 1), 6ull << 48 | 1, false},                       /* another ASID */
		{SYS_TLBI(7, 1), 5ull << 48 | 2, false},                       /* another page */
		{SYS_TLBI(3, 5), 5ull << 48 | 1, true},                        /* VALE1IS */
		{SYS_TLBI(7, 3), 6ull << 48 | 1, true},                        /* VAAE1 */
		{SYS_TLBI(3, 7), 1, true},                                     /* VAALE1IS */
		{SYS_TLBI(7, 2), 5ull << 48, true},                            /* ASIDE1 */
		{SYS_TLBI(3, 2), 6ull << 48, false},                           /* ASIDE1IS, another */
		{SYS_TLBI(6, 1), 5ull << 48 | 1ull << 46 | 0, true},           /* RVAE1: 2 pages from 0 */
		{SYS_TLBI(6, 1), 5ull << 48 | 1ull << 46 | 2, false},          /* 2 pages from 0x2000 */
		{SYS_TLBI(2, 3), 1ull << 46 | 2ull << 44 | 31ull << 39, true}, /* RVAAE1IS: 64 Ki pages */
		{SYS_TLBI(5, 5), 5ull << 48 | 1ull << 46 | 1, true},           /* RVALE1OS */
	};
	for (unsigned k = 0; k < ARRAY_SIZE(forms); k++) {
		*leaf = RAM_BASE | D_AF | D_NG | 3;
		sysinsn(b->cpu, SYS_TLBI(7, 0), 0);
		assert_true(CACHED(1));
		assert_non_null(tlb_hit(b->cpu->bank->read, 0x1000, 8));
		*leaf = (RAM_BASE + 0x1000) | D_AF | D_NG | 3;
		assert_true(CACHED(1));
		assert_true(sysinsn(b->cpu, forms[k].key, forms[k].value));
		/* Level 1 may lose more than is named. */
		if (forms[k].takes && tlb_hit(b->cpu->bank->read, 0x1000, 8))
			fail_msg("form %u: level 1", k);
		if (!CACHED(forms[k].takes ? 2 : 1))
			fail_msg("form %u: level 2", k);
	}
}

static void asids_keep_their_own_entries(void **state)
{
	struct bench *b = *state;
	u64 value, root_a = b->cpu->sys.ttbr0, root_b = table_new(b, 4096);

	page(b, 0x1000, RAM_BASE | D_AF | D_NG | D_EL0);
	*word_at(b, RAM_BASE) = 1;
	*word_at(b, RAM_BASE + 0x1000) = 2;
	*leaf_of(b, root_b, 12, 0, 3, 0x1000) = (RAM_BASE + 0x1000) | D_AF | D_NG | D_EL0 | 3;
	for (unsigned round = 0; round < 3; round++) {
		for (u64 asid = 1; asid < 12; asid++) {
			set(b, TTBR0, (asid & 1 ? root_a : root_b) | asid << 48);
			assert_true(access_read_slow(b->cpu, 0x1000, 8, ACCESS_EL0, &value));
			assert_int_equal(value, asid & 1 ? 1 : 2);
			/* EL1 sees user memory of the current ASID only. */
			assert_true(access_read_slow(b->cpu, 0x1000, 8, 0, &value));
			assert_int_equal(value, asid & 1 ? 1 : 2);
			assert_non_null(tlb_hit(b->cpu->bank->read, 0x1000, 8));
		}
	}
	set(b, TTBR0, root_a | 9ull << 48);
	assert_null(tlb_hit(b->cpu->bank->read, 0x1000, 8));
	assert_non_null(tlb_hit(b->cpu->bank_el0->read, 0x1000, 8));
	/* PAN removes user pages from what EL1 reaches directly. */
	assert_true(access_read_slow(b->cpu, 0x1000, 8, 0, &value));
	assert_non_null(tlb_hit(b->cpu->bank->read, 0x1000, 8));
	set(b, SYSREG(3, 0, 4, 2, 3), BIT(22));
	assert_null(tlb_hit(b->cpu->bank->read, 0x1000, 8));
	assert_false(access_read_slow(b->cpu, 0x1000, 8, 0, &value));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_PERMISSION + 3);
}

static void tlbi_reaches_pages_of_blocks(void **state)
{
	struct bench *b = *state;
	u64 value, va = 0xffff000000200000ull, *leaf = leaf_of(b, b->cpu->sys.ttbr1, 12, 0, 2, va);

	*word_at(b, RAM_BASE) = 0;
	*leaf = RAM_BASE | D_AF | 1;
	*word_at(b, RAM_BASE + 0x5000) = 5;
	*word_at(b, RAM_BASE + 2 * MiB + 0x5000) = 6;
	assert_true(access_read_slow(b->cpu, va + 0x5000, 8, 0, &value));
	assert_int_equal(value, 5);
	*leaf = (RAM_BASE + 2 * MiB) | D_AF | 1;
	/* Another page of the same block is named. */
	assert_true(sysinsn(b->cpu, SYS_TLBI(7, 3), (va + 0x9000) << 8 >> 20));
	assert_null(tlb_hit(b->cpu->bank->read, va + 0x5000, 8));
	assert_true(access_read_slow(b->cpu, va + 0x5000, 8, 0, &value));
	assert_int_equal(value, 6);
}

/* Looked up once, a set whose descriptors say one thing answers for all of them until a TLBI names one; any other set
 * is looked up page by page. [DDI0487 D8.7.1, The Contiguous bit] */
static void a_contiguous_set_is_one_entry(void **state)
{
	enum { WHOLE, HOLE, OLD, TWO_RIGHTS, SHIFTED, NO_HINT, KINDS };
	static const unsigned more_of[3][4] = {{0, 4, 4, 4}, {0, 0, 5, 7}, {0, 0, 5, 5}};

	(void)state;
	for (unsigned k = 0; k < ARRAY_SIZE(granules); k++) {
		const struct granule *g = &granules[k];

		for (unsigned level = g->first_block; level <= 3; level++) {
			unsigned shift = g->shift + (3 - level) * (g->shift - 3), n = 1u << more_of[k][level];
			u64 base = 0x7a0000000000ull, va = 0x340000000000ull, size = BIT(shift), last = n - 1, pa;

			for (unsigned kind = WHOLE; kind < KINDS; kind++) {
				struct bench *b = bench_make(1, "max", true);
				u64 root = table_new(b, 1u << g->shift), more = kind == SHIFTED ? size : 0, *leaf;
				bool device;

				mmu_on(b, tcr_of(g), root, root);
				leaf = leaf_of(b, root, g->shift, g->first_level, level, va);
				for (unsigned i = 0; i < n; i++)
					leaf[i] = (base + more + i * size) | D_AF | (kind == NO_HINT ? 0 : BIT(52)) |
						  (level == 3 ? 3 : 1);
				if (kind == HOLE)
					leaf[last - 1] = 0;
				else if (kind == OLD)
					leaf[last - 1] &= ~D_AF;
				else if (kind == TWO_RIGHTS)
					leaf[last - 1] |= D_RO;
#define LEADS_TO(i, to)                                                                                                \
	(assert_true(tlb_translate(b->cpu, va + (i)*size + 0x10, MMU_READ, 1, 0, &pa, &device)),                       \
	 assert_int_equal(pa, (to) + 0x10))
				LEADS_TO(1, base + more + size);
				leaf[last] = (leaf[last] & ~MASK(47, 12)) | (base - size);
				LEADS_TO(last, kind == WHOLE ? base + last * size : base - size);
				assert_true(sysinsn(b->cpu, SYS_TLBI(7, 3), (va + 2 * size) >> 12));
				LEADS_TO(last, base - size);
				LEADS_TO(0, base + more);
				/* It does not come back for a set in two minds. */
				leaf[2] = (leaf[2] & ~MASK(47, 12)) | (base - size);
				LEADS_TO(2, base - size);
				bench_free(b);
			}
		}
	}
}

/* Low addresses and slot edges hit nothing in an empty bank, whatever the size: a NULL pointer's fields must fault. */
static void an_empty_slot_matches_no_address(void **state)
{
	static const unsigned edges[] = {0, 1, 8, 63, 2048, 4080, 4088, 4095};
	static const u64 tops[] = {0, 1ull << 32, 0xffff000000000000ull,
				   0xfffffffffffff000ull & ~((u64)TLB_ENTRIES * 4096 - 1)};
	struct bench *b = *state;

	assert_true(sysinsn(b->cpu, SYS_TLBI(7, 0), 0));
	for (unsigned slot = 0; slot < TLB_ENTRIES; slot++)
		for (unsigned t = 0; t < ARRAY_SIZE(tops); t++)
			for (unsigned e = 0; e < ARRAY_SIZE(edges); e++)
				for (unsigned size = 1; size <= 16; size *= 2) {
					u64 va = tops[t] + (u64)slot * 4096 + edges[e];

					assert_null(tlb_hit(b->cpu->bank->read, va, size));
					assert_null(tlb_hit(b->cpu->bank->write, va, size));
				}
}

static void broadcast_reaches_other_cpus(void **state)
{
	struct bench *b = *state;
	struct cpu *other = cpus_get(b->cpus, 1);
	u64 value, *leaf = page(b, 0x1000, RAM_BASE | D_AF);

	other->sys.mair = MAIR_VALUE;
	sysreg_write(other, TCR, b->cpu->sys.tcr);
	sysreg_write(other, TTBR0, b->cpu->sys.ttbr0);
	sysreg_write(other, SCTLR, 1 | BIT(23));
	*word_at(b, RAM_BASE) = 1;
	*word_at(b, RAM_BASE + 0x1000) = 2;
	assert_true(access_read_slow(other, 0x1000, 8, 0, &value));
	*leaf = (RAM_BASE + 0x1000) | D_AF | 3;
	assert_true(sysinsn(b->cpu, SYS_TLBI(7, 0), 0)); /* local: not for others */
	assert_true(cpu_in(other));
	assert_non_null(tlb_hit(other->bank->read, 0x1000, 8));
	cpu_out(other);
	assert_true(sysinsn(b->cpu, SYS_TLBI(3, 1), 1));
	cpu_dsb(b->cpu); /* the other is OUT: no waiting */
	assert_true(cpu_in(other));
	assert_null(tlb_hit(other->bank->read, 0x1000, 8));
	assert_true(access_read_slow(other, 0x1000, 8, 0, &value));
	assert_int_equal(value, 2);
	cpu_out(other);
}

static void the_mmu_off_is_flat_and_device(void **state)
{
	struct bench *b = bench_make(1, "max", true);
	u64 value, pa;
	const u8 *host;

	*word_at(b, RAM_BASE) = 0x1234;
	assert_true(access_read_slow(b->cpu, RAM_BASE, 8, 0, &value));
	assert_int_equal(value, 0x1234);
	assert_false(access_read_slow(b->cpu, RAM_BASE + 1, 8, 0, &value));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_ALIGNMENT);
	assert_false(access_read_slow(b->cpu, 1ull << 48, 8, 0, &value));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_ADDRESS_SIZE);
	assert_true(access_fetch(b->cpu, RAM_BASE + 0x1004, &pa, &host));
	assert_int_equal(pa, RAM_BASE + 0x1004);
	assert_ptr_equal(host, ram_at(b, RAM_BASE + 0x1000));
	bench_free(b);
}

static void fetch_faults_return_to_the_target(void **state)
{
	struct bench *b = *state;
	const u8 *host;
	u64 pa;

	page(b, 0x1000, RAM_BASE | D_AF | D_PXN);
	assert_false(access_fetch(b->cpu, 0x1010, &pa, &host));
	assert_int_equal(b->cpu->sys.esr, (u64)EC_INSN_SAME << 26 | BIT(25) | (FSC_PERMISSION + 3));
	assert_int_equal(b->cpu->sys.elr, 0x1010);
	assert_int_equal(b->cpu->sys.far, 0x1010);
	assert_false(access_fetch(b->cpu, 0x7010, &pa, &host));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_TRANSLATION + 3);
}

static void watchpoints_stop_what_they_watch(void **state)
{
	struct bench *b = *state;
	u64 value;

	page(b, 0x1000, RAM_BASE | D_AF);
	assert_true(access_write_slow(b->cpu, 0x1100, 8, ACCESS_WRITE, 1));
	assert_non_null(tlb_hit(b->cpu->bank->write, 0x1100, 8));
	set(b, SYSREG(2, 0, 1, 0, 4), 0);                               /* OSLAR: unlock */
	set(b, SYSREG(2, 0, 0, 0, 6), 0x1100);                          /* DBGWVR0 */
	set(b, SYSREG(2, 0, 0, 0, 7), 1 | 1 << 1 | 2 << 3 | 0xf0 << 5); /* EL1, stores, bytes 4..7 */
	set(b, SYSREG(2, 0, 0, 2, 2), BIT(15) | BIT(13));               /* MDSCR: MDE, KDE */
	set(b, SYSREG(3, 3, 4, 2, 1), 0);                               /* DAIF: D clear */
	assert_null(tlb_hit(b->cpu->bank->write, 0x1100, 8));
	assert_true(access_write_slow(b->cpu, 0x1100, 4, ACCESS_WRITE, 1));
	assert_true(access_read_slow(b->cpu, 0x1104, 4, 0, &value));
	assert_false(access_write_slow(b->cpu, 0x1104, 1, ACCESS_WRITE, 1));
	assert_int_equal(b->cpu->sys.esr, (u64)EC_WATCH_SAME << 26 | BIT(25) | ISS_WNR | FSC_DEBUG);
	assert_int_equal(b->cpu->sys.far, 0x1104);
	/* Of 16 bytes none is stored, whichever half is watched, and where they lie in two pages. */
	page(b, 0x2000, (RAM_BASE + 0x1000) | D_AF);
	for (unsigned k = 0; k < 3; k++) {
		u64 va = k == 2 ? 0x1ff8 : 0x1100 - 8 * k;

		set(b, SYSREG(2, 0, 0, 0, 6), va + 8); /* DBGWVR0: bytes 12..15 */
		set(b, SYSREG(3, 3, 4, 2, 1), 0);
		*word_at(b, RAM_BASE + (va & 0xfff)) = 1;
		assert_false(access_write128_slow(b->cpu, va, 0, 2));
		assert_int_equal(b->cpu->sys.esr, (u64)EC_WATCH_SAME << 26 | BIT(25) | ISS_WNR | FSC_DEBUG);
		assert_int_equal(*word_at(b, RAM_BASE + (va & 0xfff)), 1);
	}
	set(b, SYSREG(2, 0, 0, 0, 6), 0x1100);
	/* PSTATE.D is set in the handler. */
	assert_true(access_write_slow(b->cpu, 0x1104, 1, ACCESS_WRITE, 1));
	assert_null(tlb_hit(b->cpu->bank->write, 0x1100, 8));
}

static void watchpoints_see_one_kind_of_cache_maintenance(void **state)
{
	static const u32 others[] = {SYSREG(1, 3, 7, 10, 1), SYSREG(1, 3, 7, 11, 1), SYSREG(1, 3, 7, 12, 1),
				     SYSREG(1, 3, 7, 13, 1), SYSREG(1, 3, 7, 14, 1), SYSREG(1, 3, 7, 5, 1)};
	struct bench *b = *state;
	u64 value;

	page(b, 0x1000, RAM_BASE | D_AF);
	set(b, SYSREG(2, 0, 1, 0, 4), 0);
	set(b, SYSREG(2, 0, 0, 0, 6), 0x1140);
	set(b, SYSREG(2, 0, 0, 0, 7), 1 | 1 << 1 | 3 << 3 | 0xff << 5); /* EL1, loads and stores */
	set(b, SYSREG(2, 0, 0, 2, 2), BIT(15) | BIT(13));
	set(b, SYSREG(3, 3, 4, 2, 1), 0);
	/* CVAC, CVAU, CVAP, CVADP, CIVAC, IC IVAU. */
	for (unsigned k = 0; k < ARRAY_SIZE(others); k++)
		assert_true(sysinsn(b->cpu, others[k], 0x1100));
	assert_false(sysinsn(b->cpu, SYSREG(1, 0, 7, 6, 1), 0x1100));
	assert_int_equal(b->cpu->sys.esr, (u64)EC_WATCH_SAME << 26 | BIT(25) | ISS_CM | ISS_WNR | FSC_DEBUG);
	/* FAR is in the same 64 bytes as what is watched, of a line as of an access that reaches into them. */
	assert_int_equal(b->cpu->sys.far, 0x1140);
	set(b, SYSREG(3, 3, 4, 2, 1), 0);
	assert_false(access_read_slow(b->cpu, 0x113c, 8, 0, &value));
	assert_int_equal(b->cpu->sys.far, 0x1140);
}

static void a_changed_map_is_seen(void **state)
{
	struct bench *b = *state;
	u64 value;

	page(b, 0x1000, RAM_BASE | D_AF);
	assert_true(access_read_slow(b->cpu, 0x1000, 8, 0, &value));
	loop_lock(b->loop);
	space_remove(b->space, &b->ram);
	loop_unlock(b->loop);
	assert_true(cpu_in(b->cpu));
	assert_null(tlb_hit(b->cpu->bank->read, 0x1000, 8));
	cpu_out(b->cpu);
	assert_false(access_read_slow(b->cpu, 0x1000, 8, 0, &value));
	assert_int_equal(b->cpu->sys.esr & 0x3f, FSC_EXTERNAL_WALK);
	loop_lock(b->loop);
	space_add(b->space, &b->ram);
	loop_unlock(b->loop);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open4k, close_bench)
	const struct CMUnitTest list[] = {
		cmocka_unit_test(every_granule_and_level_translates),
		cmocka_unit_test(small_first_tables_lie_where_they_are_said_to),
		T(addresses_outside_the_regions_fault_at_level_0),
		T(rights_follow_ap_xn_wxn_and_pan),
		T(hardware_keeps_access_flag_and_dirty_state),
		T(aborts_carry_the_right_syndrome),
		T(tlbi_forms_remove_what_they_name),
		T(asids_keep_their_own_entries),
		T(tlbi_reaches_pages_of_blocks),
		cmocka_unit_test(a_contiguous_set_is_one_entry),
		T(an_empty_slot_matches_no_address),
		T(broadcast_reaches_other_cpus),
		cmocka_unit_test(the_mmu_off_is_flat_and_device),
		T(fetch_faults_return_to_the_target),
		T(watchpoints_stop_what_they_watch),
		T(watchpoints_see_one_kind_of_cache_maintenance),
		T(a_changed_map_is_seen),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
