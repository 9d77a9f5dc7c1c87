/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The soft TLB and the instruction TLB against the tables: pages and blocks change at random, each change is followed
 * by a TLBI that names it, by this vCPU or by another; ASID, EL, PAN, UAO and SCTLR change as well. Each load, store
 * and fetch must then do what a walk says. SEED=n and STEPS=n in the environment make another run.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#define FRAMES 12
#define FRAME(f) (RAM_BASE + 0x100000 + (u64)(f)*0x1000)
#define BLOCK(k) (RAM_BASE + 0x400000 + (u64)(k)*0x200000)
#define BLOCK_VA 0xa00000ull
#define VECTORS 0xffff000000600000ull
#define ASIDS 3
#define FIRST_WORDS 0x800 /* here a page has its code */
#define SECOND_WORDS 0x900
#define UNTOUCHED 0xdead

/* Pairs of them share a slot of level 1. */
static const u64 pages[] = {0x400000, 0x401000,           0x402000,           0x800000,
			    0x801000, 0xffff000000400000, 0xffff000000401000, 0xffff000000800000};

struct tables {
	struct bench *b;
	struct cpu *cpu;
	u64 random, root[ASIDS + 1], root1[ASIDS + 1];
	unsigned long step;
};

static u64 pick(struct tables *t, u64 below)
{
	u64 z = t->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
}

static u64 *leaf(struct tables *t, unsigned asid, u64 va)
{
	return leaf_of(t->b, bit(va, 55) ? t->root1[asid] : t->root[asid], 12, 0, 3, va);
}

static u64 some_va(struct tables *t)
{
	return pick(t, 6) ? pages[pick(t, ARRAY_SIZE(pages))] : BLOCK_VA + pick(t, 4) * 4096;
}

/* Its number in each doubleword, and code that gives it: movz x0, #n; br x1, and movz x4, #n; b . */
static void page_fill(struct tables *t, u64 pa, u32 number)
{
	u32 *words = ram_at(t->b, pa);

	for (unsigned k = 0; k < FIRST_WORDS / 8; k++)
		*word_at(t->b, pa + 8 * k) = (u64)number << 32 | k;
	words[FIRST_WORDS / 4] = 0xd2800000 | number << 5;
	words[FIRST_WORDS / 4 + 1] = 0xd61f0020;
	words[SECOND_WORDS / 4] = 0xd2800004 | number << 5;
	words[SECOND_WORDS / 4 + 1] = 0x14000000;
}

/* A TLBI that takes the page's translation away: of one ASID, or a global one. `any`: both were there. */
static void invalidate(struct tables *t, u64 va, bool global, unsigned asid, bool any)
{
	bool own = pick(t, 3);
	struct cpu *by = own ? t->cpu : cpus_get(t->b->cpus, 1);
	unsigned crm = own && pick(t, 2) ? 7 : 3, el = by->el;
	u64 page = va >> 12 & MASK(43, 0), tag = (global ? pick(t, ASIDS + 1) : asid) << 48, value = 0;
	u32 key;

	switch (pick(t, any ? 2 : global ? 4 : 5)) {
	case 0: key = SYSREG(1, 0, 8, crm, 0); break; /* VMALLE1 */
	case 1:                                       /* VAAE1 */
		key = SYSREG(1, 0, 8, crm, 3);
		value = page | pick(t, ASIDS + 1) << 48;
		break;
	case 2: /* VAE1 */
		key = SYSREG(1, 0, 8, crm, 1);
		value = page | tag;
		break;
	case 3: /* RVAE1 */
		key = SYSREG(1, 0, 8, crm == 7 ? 6 : 2, 1);
		value = (page & MASK(36, 0)) | BIT(46) | tag;
		break;
	default: /* ASIDE1 */
		key = SYSREG(1, 0, 8, crm, 2);
		value = tag;
		break;
	}
	by->el = 1;
	assert_true(sysinsn(by, key, value));
	by->el = (u8)el;
	if (!own)
		cpu_mail_serve(t->cpu);
}

static void change_page(struct tables *t)
{
	static const u64 rights[] = {D_RO, D_UXN, D_PXN};
	u64 va = pages[pick(t, ARRAY_SIZE(pages))], desc = 0, old;
	unsigned asid = 1 + (unsigned)pick(t, ASIDS);
	bool global = false;

	if (pick(t, 8)) {
		desc = FRAME(pick(t, FRAMES)) | D_AF | 3 | (pick(t, 2) ? D_NG : 0) | (pick(t, 2) ? D_EL0 : 0);
		for (unsigned k = 0; k < ARRAY_SIZE(rights); k++)
			desc |= pick(t, 3) ? 0 : rights[k];
	}
	for (unsigned k = 1; k <= ASIDS; k++)
		global |= (*leaf(t, k, va) & (1 | D_NG)) == 1;
	old = *leaf(t, asid, va);
	*leaf(t, asid, va) = desc;
	if (global || !(desc & D_NG)) { /* the same in all, or in no other */
		for (unsigned k = 1; k <= ASIDS; k++)
			if (k != asid)
				*leaf(t, k, va) = desc & D_NG ? 0 : desc;
		invalidate(t, va, true, 0, !global);
	} else if (old & 1) {
		invalidate(t, va, false, asid, false);
	}
}

static void change_block(struct tables *t)
{
	unsigned asid = 1 + (unsigned)pick(t, ASIDS);
	u64 *desc = leaf_of(t->b, t->root[asid], 12, 0, 2, BLOCK_VA), old = *desc;

	*desc = 0;
	if (old & 1) /* by any page of it */
		invalidate(t, BLOCK_VA + pick(t, 512) * 4096, false, asid, false);
	if (pick(t, 4))
		*desc = BLOCK(pick(t, 3)) | D_AF | D_NG | 1 | (pick(t, 2) ? D_EL0 : 0) | (pick(t, 3) ? 0 : D_RO);
}

static void change_state(struct tables *t)
{
	static const u8 control[] = {1, 19, 57}; /* A, WXN, EPAN */
	u64 pstate = cpu_pstate(t->cpu), asid = 1 + pick(t, ASIDS);
	unsigned what = (unsigned)pick(t, 6);

	if (what >= 4) /* by EL1 */
		cpu_set_pstate(t->cpu, (pstate & ~0xfull) | 5);
	switch (what) {
	case 0: cpu_set_pstate(t->cpu, pstate ^ BIT(22)); break; /* PAN */
	case 1: cpu_set_pstate(t->cpu, pstate ^ BIT(23)); break; /* UAO */
	case 2:
	case 3: cpu_set_pstate(t->cpu, (pstate & ~0xfull) | (t->cpu->el ? 0 : 5)); break;
	case 4:
		set(t->b, TTBR0, t->root[asid] | asid << 48);
		set(t->b, TTBR1, t->root1[asid]);
		break;
	default: set(t->b, SCTLR, t->cpu->sys.sctlr ^ BIT(control[pick(t, ARRAY_SIZE(control))])); break;
	}
	if (what >= 4)
		cpu_set_pstate(t->cpu, pstate);
}

static bool walks(struct tables *t, u64 va, enum mmu_access access, unsigned el, u64 *pa)
{
	struct translation to;
	u32 fsc;

	if (!mmu_walk(t->cpu, va, el == 0, access, false, &to, &fsc) ||
	    !mmu_allows(t->cpu, &to, access, el, t->cpu->pan && el == 1))
		return false;
	*pa = to.pa;
	return true;
}

static void wrong(const struct tables *t, const char *what, u64 va)
{
	fail_msg("step %lu: %s at 0x%llx, el %u", t->step, what, (unsigned long long)va, t->cpu->el);
}

static void accesses(struct tables *t)
{
	struct cpu *cpu = t->cpu;
	u64 va = some_va(t) + 8 * pick(t, FIRST_WORDS / 8), at, pa = 0, value = 0, kept, pstate = cpu_pstate(cpu);
	bool write = pick(t, 2), unprivileged = pick(t, 2) && cpu->el && !cpu->uao, ok, may;
	unsigned flags = unprivileged ? ACCESS_EL0 : 0;
	struct tlb_bank *bank = unprivileged ? cpu->bank_el0 : cpu->bank;
	void *host;

	at = bit(va, 55) || pick(t, 4) ? va : va | pick(t, 128) << 56; /* TBI0 */
	may = walks(t, va, write ? MMU_WRITE : MMU_READ, unprivileged ? 0 : cpu->el, &pa);
	host = tlb_hit(write ? bank->write : bank->read, at, 8);
	if (host && (!may || host != ram_at(t->b, pa)))
		wrong(t, "a wrong entry", va);
	kept = may ? *word_at(t->b, pa) : 0;
	ok = host || (write ? access_write_slow(cpu, at, 8, ACCESS_WRITE | flags, ~kept) :
			      access_read_slow(cpu, at, 8, flags, &value));
	if (ok != may)
		wrong(t, may ? "a fault" : "no fault", va);
	if (ok && !host && (write ? *word_at(t->b, pa) != ~kept : value != kept))
		wrong(t, "another page", va);
	if (ok)
		*word_at(t->b, pa) = kept;
	else
		cpu_set_pstate(cpu, pstate);
}

static void run_at(struct cpu *cpu, u64 pc)
{
	cpu->code = NULL;
	cpu->ip = NULL;
	cpu->pc = pc;
	cpu_run(cpu, 12);
	cpu->code = NULL;
	cpu->ip = NULL;
	cpu->pc = VECTORS;
}

/* Code in one page, and from there in another. Half of the time EL1 has none in the lower half, as kernels do. */
static void fetches(struct tables *t)
{
	struct cpu *cpu = t->cpu;
	u64 va[2] = {some_va(t), some_va(t)}, pa[2] = {0}, pstate = cpu_pstate(cpu);
	static const unsigned reg[2] = {0, 4};
	bool may[2];

	for (unsigned k = 0; k < 2 && cpu->el && t->step & 4096; k++)
		va[k] = pages[5 + pick(t, 3)];
	for (unsigned k = 0; k < 2; k++)
		may[k] = walks(t, va[k], MMU_FETCH, cpu->el, &pa[k]);
	cpu->x[0] = cpu->x[4] = UNTOUCHED;
	cpu->x[1] = va[1] + SECOND_WORDS;
	cpu->sys.elr = 0;
	run_at(cpu, va[0] + FIRST_WORDS);
	for (unsigned k = 0; k < 2; k++) {
		if (!may[k]) {
			if (cpu->x[reg[k]] != UNTOUCHED || cpu->sys.elr != va[k] + (k ? SECOND_WORDS : FIRST_WORDS))
				wrong(t, "code, and no fault", va[k]);
			break;
		}
		if (cpu->x[reg[k]] != *word_at(t->b, pa[k]) >> 32)
			wrong(t, "other code", va[k]);
	}
	cpu_set_pstate(cpu, pstate);
}

static u64 environment(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void what_is_cached_is_what_the_tables_say(void **state)
{
	struct bench *b = bench_make(2, "max", true);
	struct tables tables = {.b = b, .cpu = b->cpu, .random = environment("SEED", 1)}, *t = &tables;
	u64 steps = environment("STEPS", 200000);

	for (unsigned k = 1; k <= ASIDS; k++) {
		t->root[k] = table_new(b, 4096);
		t->root1[k] = table_new(b, 4096);
		*leaf(t, k, VECTORS) = RAM_BASE | D_AF | D_UXN | D_RO | 3;
	}
	for (u32 f = 0; f < FRAMES; f++)
		page_fill(t, FRAME(f), f + 1);
	for (u32 k = 0; k < 3 * 8; k++)
		page_fill(t, BLOCK(k / 8) + k % 8 * 4096, 100 + k);
	for (unsigned k = 0; k < 1024; k++)
		((u32 *)ram_at(b, RAM_BASE))[k] = 0x14000000; /* b . */
	set(b, MAIR, MAIR_VALUE);
	set(b, TCR, 16 | 16 << 16 | 2ull << 30 | 5ull << 32 | BIT(36) | BIT(37)); /* 4 KiB, 16 bits of ASID, TBI0 */
	set(b, TTBR0, t->root[1] | 1ull << 48);
	set(b, TTBR1, t->root1[1]);
	set(b, VBAR, VECTORS);
	set(b, SCTLR, 1 | BIT(23));
	set(b, SYSREG(3, 3, 4, 2, 1), 0x3c0);
	assert_true(cpu_in(b->cpu));
	for (t->step = 0; t->step < steps; t->step++) {
		switch (pick(t, 10)) {
		case 0: change_page(t); break;
		case 1: pick(t, 3) ? change_state(t) : change_block(t); break;
		case 2: change_state(t); break;
		case 3:
		case 4:
		case 5: fetches(t); break;
		default: accesses(t); break;
		}
	}
	cpu_out(b->cpu);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest list[] = {cmocka_unit_test(what_is_cached_is_what_the_tables_say)};

	return cmocka_run_group_tests(list, NULL, NULL);
}
