/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random page tables, changed at random and invalidated by the narrowest TLBI that the architecture asks for; after each change every vCPU
 * looks at random places in random ways. What data accesses should do, AT says, which walks anew each time; what fetches should do, a walk
 * of our own. EL1 runs in the upper half, in pages that are global or an ASID's own, EL0 in the lower half. [DDI0487 D8.14, TLB maintenance
 * requirements]
 */
/* run: smp=1,3 timeout=120 */
#include "bare.h"

#define ASIDS 11u /* more than the emulator has banks for */
#define LOW 0x4000000000ul
#define HIGH 0xffffffc000000000ul
#define GIGA 0x3000000000ul /* of a block of 1 GiB */
#define KERNEL 0xffffffa000000000ul /* where EL1 sees RAM, added to its address */
#define POOL 0x44000000ul
#define SLOTS 3u
#define PLACES 4u
static struct tables low[ASIDS], high;
static unsigned shift, cpus, phase;
static u64 tcr, sctlr_more, seed_of_phase;
static volatile bool failed;
static struct barrier bar;

/* --- chance --- */

struct chance { u64 s; };
static u64 next(struct chance *c)
{
	c->s ^= c->s << 13;
	c->s ^= c->s >> 7;
	return c->s ^= c->s << 17;
}
static unsigned pick(struct chance *c, unsigned n) { return (unsigned)((next(c) >> 11) % n); }
static bool one_in(struct chance *c, unsigned n) { return !pick(c, n); }

/* --- places --- */

static u64 page_bytes(void) { return BIT(shift); }
static u64 block_bytes(void) { return BIT(2 * shift - 3); }
/* In a block, or a table. With pages of 64 KiB the only block of RAM is all of it. */
static u64 offset_of(unsigned place)
{
	u64 last = shift == 16 ? 100 : BIT(shift - 3) - 1;

	return (shift == 16 ? POOL - RAM : 0) + ((place == 0 ? 0 : place == 1 ? 1 : place == 2 ? 5 : last) << shift);
}
static u64 block_of_ram(unsigned n) { return shift == 16 ? RAM : POOL + 0x2000000ul * n; }
static u64 pool(unsigned n, unsigned place) { return block_of_ram(n) + (shift == 16 ? 0x2000000ul * n : 0) + offset_of(place); }
static u64 va_of(bool is_high, unsigned slot, unsigned place)
{
	return (is_high ? HIGH : LOW) + slot * block_bytes() + offset_of(place);
}

/* A word that says which page it is, and code that returns the same. */
static void pool_make(void)
{
	for (unsigned n = 0; n < 2 * PLACES; n++) {
		u64 at = pool(n / PLACES, n % PLACES);

		write64(at, 0x100 + n);
		write32(at + 8, 0xd2800000u | (0x100 + n) << 5); /* mov x0, #id */
		write32(at + 12, 0xd65f03c0u); /* ret */
	}
	code_changed((void *)pool(0, 0), 16);
	for (unsigned n = 1; n < 2 * PLACES; n++)
		code_changed((void *)(pool(n / PLACES, n % PLACES) + 8), 8);
}

static u64 leaf_bits(struct chance *c, bool not_global)
{
	u64 d = D_ATTR(ATTR_NORMAL) | D_ISH | (one_in(c, 6) ? 0 : D_AF);

	d |= pick(c, 4) * D_EL0;
	d |= one_in(c, 3) ? D_UXN : 0;
	d |= one_in(c, 3) ? D_PXN : 0;
	d |= one_in(c, 3) ? D_DBM : 0;
	d |= not_global ? D_NG : 0;
	return d;
}
static u64 table_bits(struct chance *c)
{
	return one_in(c, 2) ? 0 : (u64)pick(c, 32) << 59 & ~BIT(63);
}

/* Slots 0: pages, of which places 0 and 1 are each ASID's; 1: an ASID's block, or pages of its own; 2: the same, for all. */
static bool is_own(bool is_high, unsigned slot, unsigned place)
{
	return is_high || slot == 1 || (slot == 0 && place < 2);
}

/* --- invalidation --- */

enum { OWN, GLOBAL, EVERY, ANY }; /* what was there belongs to one ASID, is global, is of every ASID, or either of these */
#define VARIANTS(form)                                                                                                 \
	static void form(unsigned reach, u64 x)                                                                       \
	{                                                                                                              \
		if (reach == 0)                                                                                        \
			asm volatile(".arch armv8.4-a\n tlbi " #form ", %0" :: "r"(x) : "memory");                    \
		else if (reach == 1)                                                                                   \
			asm volatile(".arch armv8.4-a\n tlbi " #form "is, %0" :: "r"(x) : "memory");                  \
		else                                                                                                   \
			asm volatile(".arch armv8.4-a\n tlbi " #form "os, %0" :: "r"(x) : "memory");                  \
	}
VARIANTS(vae1) VARIANTS(vale1) VARIANTS(vaae1) VARIANTS(vaale1) VARIANTS(aside1) VARIANTS(rvae1) VARIANTS(rvale1) VARIANTS(rvaae1) VARIANTS(rvaale1)
static void vmalle1(unsigned reach)
{
	if (reach == 0)
		asm volatile("tlbi vmalle1" ::: "memory");
	else if (reach == 1)
		asm volatile("tlbi vmalle1is" ::: "memory");
	else
		asm volatile(".arch armv8.4-a\n tlbi vmalle1os" ::: "memory");
}

static void invalidate(struct chance *c, unsigned whose, unsigned asid, u64 va, bool leaf)
{
	unsigned reach = cpus > 1 ? 1 + pick(c, 2) : pick(c, 3);
	u64 id = (u64)(whose == OWN ? asid : pick(c, ASIDS)) << 48, x = va >> 12 & 0xffffffffffful;
	u64 tg = shift / 2 - 5, r = tg << 46 | (va >> shift & 0x1fffffffffUL);
	bool by_asid = whose == OWN || whose == GLOBAL;

	asm volatile("dsb ishst" ::: "memory");
	switch (pick(c, whose == GLOBAL || whose == ANY ? 9 : 11)) {
	case 0: vmalle1(reach); break;
	case 1: case 2: (by_asid ? vae1 : vaae1)(reach, id | x); break;
	case 3: (leaf ? by_asid ? vale1 : vaale1 : by_asid ? vae1 : vaae1)(reach, id | x); break;
	case 4: (leaf ? vaale1 : vaae1)(reach, x | (u64)pick(c, ASIDS) << 48); break;
	case 5: (by_asid ? rvae1 : rvaae1)(reach, id | r | (u64)pick(c, 4) << 39); break;
	case 6: (leaf ? by_asid ? rvale1 : rvaale1 : by_asid ? rvae1 : rvaae1)(reach, id | r | (u64)pick(c, 32) << 39 | 1ul << 44); break;
	case 7: rvaae1(reach, r); break;
	case 8: vaae1(reach, x); break;
	default:
		for (unsigned n = 0; n < ASIDS; n++)
			if (whose == EVERY || n == asid)
				aside1(reach, (u64)n << 48);
		break;
	}
	asm volatile("dsb ish; isb" ::: "memory");
}

/* --- changes; vCPU 0 --- */

static void put_desc(u64 *slot, u64 desc)
{
	*(volatile u64 *)slot = desc;
}

/* One descriptor, in every table that has it. `place` PLACES: that of the slot itself. */
static void write_all(bool is_high, unsigned asid, bool own, unsigned slot, unsigned place, u64 desc)
{
	unsigned level = place == PLACES ? 2 : 3;
	u64 va = va_of(is_high, slot, place == PLACES ? 0 : place);

	if (is_high)
		put_desc(table_slot(&high, va, level), desc);
	for (unsigned n = 0; !is_high && n < ASIDS; n++)
		if (!own || n == asid)
			put_desc(table_slot(&low[n], va, level), desc);
}

/* Leaves of all are the same in every table, and so nothing for hardware to change in one of them alone. */
static u64 settled(u64 desc) { return (desc | D_AF) & ~D_DBM; }

/* The slot's table: kept while a block is in its place. */
static u64 kept_table[ASIDS + 1][SLOTS];

/*
 * Contiguous sets: the slot's first pages, places 0, 1 and 5 among them. Who ends one takes all of its pages away and names each.
 * [DDI0487 D8.7.1, The Contiguous bit]
 */
static bool folded[ASIDS + 1][SLOTS];
static unsigned set_pages(void) { return shift == 12 ? 16 : shift == 14 ? 128 : 32; }
static void set_clear(struct chance *c, bool is_high, unsigned asid, unsigned slot, u64 *set)
{
	for (unsigned n = 0; n < set_pages(); n++) {
		u64 old = *(volatile u64 *)&set[n];

		put_desc(&set[n], 0);
		if (old & 1)
			invalidate(c, !(old & D_NG) ? GLOBAL : is_high ? EVERY : OWN, asid, va_of(is_high, slot, 0) + ((u64)n << shift), true);
	}
}
/* True: the slot began or ended to be a set. */
static bool fold(struct chance *c, bool is_high, unsigned asid, unsigned slot, u64 *set)
{
	bool *is_folded = &folded[is_high ? ASIDS : slot == 2 ? 0 : asid][slot], ng = is_high ? one_in(c, 2) : slot == 1;
	u64 desc = leaf_bits(c, ng) | D_CONT | 3, pa = pool(pick(c, 2), 0);

	if ((!is_high && !slot) || (!*is_folded && !one_in(c, 4)))
		return false;
	set_clear(c, is_high, asid, slot, set);
	for (unsigned n = 0; !*is_folded && n < set_pages(); n++)
		put_desc(&set[n], (pa + ((u64)n << shift)) | (is_high || slot == 1 ? desc : settled(desc)));
	*is_folded = !*is_folded;
	return true;
}

/* What is about to change, or has just changed. */
static struct aim { bool is_high; unsigned slot, place, asid; } aim;
static struct aim somewhere(struct chance *c)
{
	return (struct aim){one_in(c, 3), pick(c, SLOTS), pick(c, PLACES), pick(c, ASIDS)};
}

static void change(struct chance *c, struct aim at_place)
{
	bool is_high = at_place.is_high;
	unsigned slot = at_place.slot, asid = at_place.asid, place = at_place.place, whose;
	bool own = is_own(is_high, slot, place);
	struct tables *t = is_high ? &high : &low[asid];
	u64 va = va_of(is_high, slot, place), *top = table_slot(t, va, 2), *at, old;
	bool block = (*top & 3) == 1, table = (*top & 3) == 3;

	if (shift == 12 && one_in(c, 16)) { /* the large block */
		at = table_slot(t = &low[asid], GIGA, 1);
		old = *at;
		put_desc(at, 0);
		if (old & 1)
			invalidate(c, OWN, asid, GIGA + (next(c) & 0x3ffff000), true);
		if (!one_in(c, 3))
			put_desc(at, RAM | leaf_bits(c, true) | 1);
		return;
	}
	if (table && fold(c, is_high, asid, slot, table_slot(t, va_of(is_high, slot, 0), 3)))
		return;
	if (slot && (one_in(c, 4) || !table)) { /* the slot as a whole */
		u64 *keep = &kept_table[is_high ? ASIDS : slot == 2 ? 0 : asid][slot];
		bool ng = slot == 1 || (is_high && one_in(c, 2)), was_ng = block && (*top & D_NG);

		old = *top;
		write_all(is_high, asid, slot == 1, slot, PLACES, 0);
		if (block) {
			whose = !was_ng ? GLOBAL : is_high ? EVERY : OWN;
			invalidate(c, whose, asid, (va_of(is_high, slot, 0) & ~(block_bytes() - 1)) + (next(c) & (block_bytes() - page_bytes())), one_in(c, 2));
		} else if (table) {
			*keep = old & 0xfffffffff000ul;
			for (unsigned p = 0; p < PLACES; p++)
				invalidate(c, is_high ? ANY : slot == 2 ? GLOBAL : OWN, asid, va_of(is_high, slot, p), false);
		}
		if (*keep && one_in(c, 2))
			write_all(is_high, asid, slot == 1, slot, PLACES, *keep | table_bits(c) | 3);
		else if (!one_in(c, 4))
			write_all(is_high, asid, slot == 1, slot, PLACES, block_of_ram(pick(c, 2)) | (ng || is_high ? leaf_bits(c, ng) : settled(leaf_bits(c, ng))) | 1);
		return;
	}
	if (!table)
		return;
	/* A page. What faults is in no TLB. */
	at = table_slot(t, va, 3);
	old = *(volatile u64 *)at;
	if ((old & 3) == 3 && !(old & D_AF) && one_in(c, 2)) {
		write_all(is_high, asid, own, slot, place, old | D_AF);
		return;
	}
	write_all(is_high, asid, own, slot, place, 0);
	if (old & 1) {
		whose = !(old & D_NG) ? GLOBAL : is_high ? EVERY : OWN;
		invalidate(c, whose, asid, va, true);
	}
	if (!one_in(c, 4)) {
		u64 bits = leaf_bits(c, is_high ? one_in(c, 2) : own);

		write_all(is_high, asid, own, slot, place, pool(pick(c, 2), pick(c, PLACES)) | (own ? bits : settled(bits)) | 3);
	}
}

/* --- looks; every vCPU --- */

static noinline u64 el0_load(u64 a, u64 b) { return *(volatile u64 *)a; }
static noinline u64 el0_store(u64 a, u64 b) { *(volatile u64 *)a = b; return 0; }

/* The fault status of a fetch, or 0 and where it is. */
static u64 walk_fetch(u64 root, u64 va, bool el0, u64 *pa)
{
	unsigned stride = shift - 3, first = shift == 16 ? 2 : 1, level = first;
	bool is_high = va >> 55 & 1, off = tcr >> (is_high ? 42 : 41) & 1, ha = tcr >> 39 & 1, hd = ha && (tcr >> 40 & 1);
	u64 table = root, desc, xn = 0, no_el0 = 0, ro = 0;

	if (el0 && (tcr >> (is_high ? 56 : 55) & 1))
		return 4;
	for (va &= BIT(39) - 1;; level++) {
		unsigned lsb = shift + (3 - level) * stride;

		desc = *(volatile u64 *)(table + (va >> lsb & (level == first ? BIT(39 - lsb) - 1 : BIT(stride) - 1)) * 8);
		if (!(desc & 1) || (level == 3 && !(desc & 2)) || (level == 1 && shift != 12 && !(desc & 2)))
			return 4 + level;
		if (level == 3 || !(desc & 2)) {
			*pa = (desc & 0xffffffffffff & ~(BIT(lsb) - 1)) | (va & (BIT(lsb) - 1));
			break;
		}
		table = desc & 0xffffffffffff & ~(BIT(shift) - 1);
		if (off)
			continue;
		xn |= desc >> (el0 ? 60 : 59) & 1;
		no_el0 |= desc >> 61 & 1;
		ro |= desc >> 62 & 1;
	}
	if (!(desc & D_AF) && !ha)
		return 8 + level;
	xn |= !!(desc & (el0 ? D_UXN : D_PXN));
	if (!el0 && (desc & D_EL0) && !no_el0 && !ro && (!(desc & D_RO) || (hd && (desc & D_DBM))))
		xn = 1; /* EL0 may write there */
	return xn ? 12 + level : 0;
}

#define AT(op, va) asm volatile(".arch armv8.2-a\n at " op ", %0; isb" :: "r"(va) : "memory")
#define PAN(v) asm volatile(".arch armv8.1-a\n msr pan, #" #v ::: "memory")
#define UAO(v) asm volatile(".arch armv8.2-a\n msr uao, #" #v ::: "memory")

/* Bits 5..0 of a fault's status, or 0 and the PA. */
static u64 ask(u64 va, bool el0, bool write, bool pan, u64 *pa)
{
	u64 par;

	if (el0 && write)
		AT("s1e0w", va);
	else if (el0)
		AT("s1e0r", va);
	else if (pan && write)
		AT("s1e1wp", va);
	else if (pan)
		AT("s1e1rp", va);
	else if (write)
		AT("s1e1w", va);
	else
		AT("s1e1r", va);
	par = read_sysreg(par_el1);
	*pa = (par & 0xfffffffff000ul) | (va & 0xfff);
	return par & 1 ? par >> 1 & 63 : 0;
}

static void wrong(const char *what, struct chance *c, u64 before, u64 va, u64 got, u64 want)
{
	failed = true;
	check(what, got, want);
	if (self()->index == 0) {
		say("  phase", phase);
		put("  va ");
		put_hex(va);
		put(" tcr ");
		put_hex(read_sysreg(tcr_el1));
		put(" ttbr0 ");
		put_hex(read_sysreg(ttbr0_el1));
		put(" chance ");
		put_hex(before);
		put("\n");
	}
}

enum { LOAD, STORE, LOAD_EL0, STORE_EL0, LOAD_UNPRIV, STORE_UNPRIV, ADD, EXCLUSIVE, FETCH, FETCH_EL0, LOOKS };

static void look(struct chance *c, unsigned cpu, unsigned asid, struct aim there)
{
	bool is_high = there.is_high, pan = one_in(c, 3), uao = one_in(c, 4), tagged = tcr >> (is_high ? 38 : 37) & 1 && one_in(c, 3);
	unsigned slot = there.slot, place = there.place, how = one_in(c, 3) ? FETCH_EL0 : pick(c, LOOKS);
	u64 va = va_of(is_high, slot, place), before = c->s, pa = 0, fault, v = next(c), got = 0, more, class = 0x25;
	struct percpu *p = self();

	if (shift == 12 && one_in(c, 12)) {
		is_high = false;
		va = GIGA + pool(pick(c, 2), pick(c, PLACES)) - RAM;
		tagged = false;
	}
	if (tagged)
		va = (va & (BIT(56) - 1)) | next(c) << 56;
	if (how == FETCH && !is_high && !one_in(c, 4))
		how = FETCH_EL0; /* EL1 does not do that all the time */
	if (tcr >> 55 & 1 && (how == LOAD_EL0 || how == STORE_EL0 || how == FETCH_EL0))
		how = LOAD_UNPRIV; /* EL0's own code is in the lower half */
	exc_begin();
	if (how == FETCH || how == FETCH_EL0) {
		bool el0 = how == FETCH_EL0;

		fault = walk_fetch(is_high ? high.root : low[asid].root, va, el0, &pa);
		if (el0)
			got = el0_run((void *)(va + 8 - el0_offset), 0, 0, 0x3c0);
		else
			got = guarded_call((void *)(va + 8), 0, 0);
		if (p->count != !!fault || p->esr != (fault ? EC(el0 ? 0x20 : 0x21, fault) : 0))
			wrong(el0 ? "fetch at EL0" : "fetch", c, before, va, p->count ? p->esr : 0, fault);
		else if (!fault && got != read64(pa & ~(page_bytes() - 1)))
			wrong("what was fetched", c, before, va, got, read64(pa & ~(page_bytes() - 1)));
		return;
	}
	if (how == ADD || how == STORE || how == STORE_EL0 || how == STORE_UNPRIV || how == EXCLUSIVE)
		va += 64 + 8 * cpu;
	if (pan) /* AT S1E1RP and WP look at it */
		PAN(1);
	fault = ask(va, how == LOAD_EL0 || how == STORE_EL0 || ((how == LOAD_UNPRIV || how == STORE_UNPRIV) && !uao), false, pan, &pa);
	more = 0;
	if (how == STORE || how == STORE_EL0 || how == STORE_UNPRIV) {
		fault = ask(va, how == STORE_EL0 || (how == STORE_UNPRIV && !uao), true, pan, &pa);
		more = 0x40;
	} else if (how == ADD && !fault) {
		fault = ask(va, false, true, pan, &pa);
		more = 0x40;
	}
	if (uao)
		UAO(1);
	switch (how) {
	case LOAD: asm volatile("ldr %0, [%1]" : "=&r"(got) : "r"(va) : "memory"); break;
	case STORE: asm volatile("str %0, [%1]" :: "r"(v), "r"(va) : "memory"); break;
	case LOAD_UNPRIV: asm volatile("ldtr %0, [%1]" : "=&r"(got) : "r"(va) : "memory"); break;
	case STORE_UNPRIV: asm volatile("sttr %0, [%1]" :: "r"(v), "r"(va) : "memory"); break;
	case ADD: asm volatile(".arch armv8.1-a\n swpal %2, %0, [%1]" : "=&r"(got) : "r"(va), "r"(v) : "memory"); break;
	case EXCLUSIVE: asm volatile("ldaxr %0, [%1]\n clrex" : "=&r"(got) : "r"(va) : "memory"); break;
	default: break;
	}
	PAN(0);
	UAO(0);
	if (how == LOAD_EL0 || how == STORE_EL0) {
		class = 0x24;
		got = el0_call(how == LOAD_EL0 ? el0_load : el0_store, va, v);
	}
	if (p->count != !!fault || p->esr != (fault ? EC(class, more | fault) : 0)) {
		wrong(how == LOAD ? "load" : how == STORE ? "store" : how == ADD ? "swap" : how == EXCLUSIVE ? "load-exclusive" :
		      class == 0x24 ? "at EL0" : "unprivileged", c, before, va, p->count ? p->esr : 0, fault);
		return;
	}
	if (fault)
		return;
	if (more && read64(pa) != v)
		wrong("what was stored", c, before, va, read64(pa), v);
	else if (!more && how != EXCLUSIVE && got != read64(pa))
		wrong("what was loaded", c, before, va, got, read64(pa));
}

static void go_to(unsigned asid)
{
	if (tcr >> 22 & 1) {
		write_sysreg(high.root | (u64)asid << 48, ttbr1_el1);
		write_sysreg(low[asid].root, ttbr0_el1);
	} else {
		write_sysreg(low[asid].root | (u64)asid << 48, ttbr0_el1);
	}
	isb();
}

static void looks(struct chance *c, unsigned cpu, unsigned n)
{
	unsigned asid = one_in(c, 4) ? pick(c, ASIDS) : aim.asid;

	for (go_to(asid); n--;) {
		if (one_in(c, 8))
			go_to(asid = one_in(c, 2) ? pick(c, ASIDS) : aim.asid);
		look(c, cpu, asid, one_in(c, 4) ? somewhere(c) : aim);
		check_true("all so far", !failed);
	}
}

static noinline void run(unsigned cpu)
{
	struct chance c = {seed_of_phase * (2 * cpu + 3)};

	for (unsigned turn = 0; turn < RUNS(400u, 20000u); turn++) {
		if (!cpu)
			aim = somewhere(&c);
		barrier_wait(&bar, cpus);
		looks(&c, cpu, 6);
		barrier_wait(&bar, cpus);
		if (!cpu) {
			change(&c, aim);
			if (one_in(&c, 4))
				change(&c, somewhere(&c));
		}
		barrier_wait(&bar, cpus);
		looks(&c, cpu, 8);
		barrier_wait(&bar, cpus);
		if (failed)
			break;
	}
}

static void turns(unsigned cpu, void *arg)
{
	void (*volatile above)(unsigned) = (void (*)(unsigned))((u64)run + KERNEL);


	write_sysreg(high.root, ttbr1_el1);
	write_sysreg(tcr, tcr_el1);
	go_to(0);
	tlbi_all();
	write_sysreg(SCTLR_ON | sctlr_more, sctlr_el1);
	isb();
	write_sysreg((u64)vectors + KERNEL, vbar_el1);
	self()->el0_stack += KERNEL;
	above(cpu);
	self()->el0_stack -= KERNEL;
	write_sysreg(vectors, vbar_el1);
}

static void tables_make(void)
{
	for (unsigned n = 0; n < ASIDS; n++) {
		tables_init(&low[n], shift, 39);
		map_machine(&low[n]);
		for (u64 pa = RAM; pa < RAM_END; pa += block_bytes())
			map(&low[n], EL0_ALIAS + pa, pa, D_ATTR(ATTR_NORMAL) | D_ISH | D_AF | D_EL0 | D_PXN | D_NG, 2);
		for (unsigned slot = 0; slot < SLOTS; slot++) {
			u64 *top = table_slot(&low[n], LOW + slot * block_bytes(), 2);

			table_slot(&low[n], LOW + slot * block_bytes(), 3);
			if (slot == 2 && n)
				*top = *table_slot(&low[0], LOW + slot * block_bytes(), 2);
			kept_table[n][slot] = *top & 0xfffffffff000ul;
		}
	}
	tables_init(&high, shift, 39);
	memset(folded, 0, sizeof(folded));
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		table_slot(&high, HIGH + slot * block_bytes(), 3);
		kept_table[ASIDS][slot] = *table_slot(&high, HIGH + slot * block_bytes(), 2) & 0xfffffffff000ul;
	}
}

static void granule(unsigned s)
{
	shift = s;
	pool_make();
	tables_make();
	for (unsigned n = 0; n < RUNS(6u, 40u) && !failed; n++) {
		struct chance c = {(phase + 1) * 0x9e3779b97f4a7c15ul};

		phase++;
		for (unsigned k = 0; k < 8; k++)
			next(&c);
		seed_of_phase = next(&c);
		tcr = tcr_for(&low[0]) & ~BIT(23);
		tcr |= (u64)(64 - 39) << 16 | 3ul << 28 | 1ul << 26 | 1ul << 24 | (u64)(s == 12 ? 2 : s == 14 ? 1 : 3) << 30;
		tcr |= (u64)pick(&c, 2) << 22; /* A1 */
		tcr |= (u64)pick(&c, 4) << 37; /* TBI */
		tcr |= (u64)pick(&c, 4) << 39; /* HA, HD */
		tcr |= (u64)pick(&c, 4) << 41; /* HPD */
		tcr |= (u64)(one_in(&c, 3) ? 1 : 0) << 55 | (u64)pick(&c, 2) << 56; /* E0PD */
		sctlr_more = pick(&c, 2) ? BIT(57) : 0; /* EPAN */
		for (u64 pa = RAM; pa < RAM_END; pa += block_bytes())
			map(&high, KERNEL + pa, pa, D_RAM | (pick(&c, 2) ? D_NG : 0), 2);
		mmu_set(low[0].root, tcr | BIT(23));
		el0_offset = EL0_ALIAS - KERNEL;
		smp_run(cpus, turns, NULL);
		mmu_off();
	}
	done(s == 12 ? "4K" : s == 14 ? "16K" : "64K");
}

void test(void)
{
	cpus = cpus_present();
	granule(12);
	granule(14);
	granule(16);
}
