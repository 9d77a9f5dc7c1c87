/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoded code: pages of records, by physical address, shared by the vCPUs of a set.
 *
 * A page is decoded lazily, record by record (exec_decode). The table is a hash of chains: look-ups take no lock,
 * changes and decoding take table->lock, and a record's `exec` is published last. Each vCPU has an instruction TLB from
 * virtual pages to decoded pages.
 *
 * Invalidation (IC, DMA into code, a change of the memory map) takes pages out of the table, gives them the next epoch
 * number and pokes the vCPUs. Each vCPU forgets its instruction TLB and looks its PC up again when it notices: at a
 * poll, an ISB, or a branch to another page, and then publishes the epoch in cpu->code_epoch. A page is used
 * again when every vCPU has published its epoch or holds nothing (code_epoch 0: asleep, stopped, outside cpu_run).
 * Until then a vCPU may go on executing the old records, as the architecture allows before a context synchronisation;
 * it never decodes from a retired page, whose memory may be gone.
 *
 * All pages live in one arena, reserved at start; when it is full everything is invalidated, and until pages come
 * back the vCPU waits by leaving its chunk.
 */
#include "cpu/code.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "cpu/access.h"
#include "cpu/cpu.h"
#include "cpu/exec.h"

#define HASH_BITS 13
#define PAGES_MAX 12288u /* 400 MiB of records, for 48 MiB of guest code */

struct code_table {
	struct space *space;
	struct code_page *fetch; /* all records are exec_fetch */
	u64 epoch;               /* of the latest invalidation; from 1; atomic */
	pthread_mutex_t lock;
	struct code_page *arena; /* PAGES_MAX, and `fetch` */
	unsigned used;           /* pages of the arena given out so far */
	struct code_page *free;
	struct code_page *retired;
	struct code_page *hash[1u << HASH_BITS];
};

static unsigned hash_of(u64 pa)
{
	return (unsigned)((pa >> 12) * 0x9e3779b97f4a7c15ull >> (64 - HASH_BITS));
}

static size_t arena_size(void)
{
	return sizeof(struct code_page) * (PAGES_MAX + 1);
}

struct code_table *code_table_create(struct space *space, struct error *err)
{
	struct code_table *table = calloc(1, sizeof(*table));
	void *arena = mmap(NULL, arena_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			   0);

	if (!table || arena == MAP_FAILED) {
		if (arena != MAP_FAILED)
			munmap(arena, arena_size());
		free(table);
		fail(err, "no host memory for decoded instructions, %zu MiB of addresses; raise ulimit -v", arena_size() >> 20);
		return NULL;
	}
	table->space = space;
	table->arena = arena;
	madvise(arena, arena_size(), MADV_HUGEPAGE);
	madvise(arena, arena_size(), MADV_DONTDUMP);
	table->fetch = &table->arena[PAGES_MAX];
	for (unsigned k = 0; k <= CODE_PAGE_INSNS; k++) {
		table->fetch->insn[k].exec = exec_fetch;
		table->fetch->insn[k].row = ROW_NONE;
	}
	table->epoch = 1;
	pthread_mutex_init(&table->lock, NULL);
	return table;
}

void code_table_destroy(struct code_table *table)
{
	if (!table)
		return;
	munmap(table->arena, arena_size());
	pthread_mutex_destroy(&table->lock);
	free(table);
}

const u32 code_epoch_offset = offsetof(struct code_table, epoch);

/* --- one vCPU's view --- */

void code_set_pc(struct cpu *cpu, u64 va)
{
	cpu->code = cpu->codes->fetch;
	cpu->code_va = va - (va >> 2 & (CODE_PAGE_INSNS - 1)) * 4;
	cpu->ip = &cpu->code->insn[va >> 2 & (CODE_PAGE_INSNS - 1)];
}

/* Sets cpu->pc from ip. */
static void sync_pc(struct cpu *cpu)
{
	if (cpu->code)
		cpu->pc = cpu_pc_of(cpu, cpu->ip);
}

#define GENERATION_LAST (0x7fff * ITLB_GENERATION)

static void drop_itlb(struct cpu *cpu)
{
	if (cpu->itlb_last >= GENERATION_LAST - 2 * ITLB_GENERATION) {
		memset(cpu->itlb, 0, ITLB_ENTRIES * sizeof(*cpu->itlb));
		cpu->itlb_last = 0;
	}
	for (unsigned el = 0; el < 2; el++) {
		cpu->itlb_generation[el] = cpu->itlb_last += ITLB_GENERATION;
		cpu->jit_generation[el] = ++cpu->jit_last;
	}
	cpu->code_drops++;
	cpu->el1_code_own = cpu->el1_code_low = false;
	memset(cpu->code_filter, 0, sizeof(cpu->code_filter));
}

void code_flush_itlb(struct cpu *cpu)
{
	drop_itlb(cpu);
	if (cpu->code)
		code_set_pc(cpu, cpu_pc_of(cpu, cpu->ip));
}

void code_space_keep(const struct cpu *cpu, struct code_space *space)
{
	*space = (struct code_space){.drops = cpu->code_drops, .el1_own = cpu->el1_code_own};
	memcpy(space->itlb, cpu->itlb_generation, sizeof(space->itlb));
	memcpy(space->jit, cpu->jit_generation, sizeof(space->jit));
}

void code_space_switch(struct cpu *cpu, const struct code_space *to)
{
	bool kept = to && to->drops == cpu->code_drops;

	if (cpu->el1_code_low || cpu->itlb_last >= GENERATION_LAST - 2 * ITLB_GENERATION) {
		code_flush_itlb(cpu);
		return;
	}
	for (unsigned el = 0; el <= (unsigned)cpu->el1_code_own; el++) {
		if (kept && (!el || to->el1_own)) {
			cpu->itlb_generation[el] = to->itlb[el];
			cpu->jit_generation[el] = to->jit[el];
		} else {
			cpu->itlb_generation[el] = cpu->itlb_last += ITLB_GENERATION;
			cpu->jit_generation[el] = ++cpu->jit_last;
		}
	}
	if ((!cpu->el || cpu->el1_code_own) && cpu->code)
		code_set_pc(cpu, cpu_pc_of(cpu, cpu->ip));
}

static unsigned code_filter_bit(u64 va)
{
	return (unsigned)((va >> 12 ^ va >> 26) & (CODE_FILTER_BITS - 1));
}

bool code_may_hold(const struct cpu *cpu, u64 va)
{
	unsigned n = code_filter_bit(va & ITLB_VA);

	return bit(cpu->code_filter[n / 64], n % 64) || !((cpu->code_va ^ va) & ITLB_VA);
}

void code_let_go(struct cpu *cpu)
{
	if (cpu->code) {
		sync_pc(cpu);
		code_set_pc(cpu, cpu->pc);
	}
	if (cpu->code_epoch) {
		cpu->code_epoch_kept = cpu->code_epoch;
		__atomic_store_n(&cpu->code_epoch, 0, __ATOMIC_RELEASE);
	}
}

void code_catch_up(struct cpu *cpu)
{
	u64 epoch;

	/* First say that pages are held, then look: a page that retires in between is seen as held. */
	if (!cpu->code_epoch)
		__atomic_store_n(&cpu->code_epoch, cpu->code_epoch_kept ? cpu->code_epoch_kept : 1, __ATOMIC_SEQ_CST);
	epoch = __atomic_load_n(&cpu->codes->epoch, __ATOMIC_SEQ_CST);
	if (epoch == cpu->code_epoch && cpu->code_epoch_kept)
		return;
	code_flush_itlb(cpu);
	cpu->code_epoch_kept = epoch;
	__atomic_store_n(&cpu->code_epoch, epoch, __ATOMIC_SEQ_CST);
}

void cpu_jump(struct cpu *cpu, u64 va)
{
	const struct itlb_entry *entry;
	u64 canonical = (u64)sign_extend(va, 49);

	if (unlikely(va != canonical)) {
		/* [DDI0487 BranchAddr]: a tag byte that is ignored does not reach the PC. */
		if (cpu->sys.tcr >> (bit(va, 55) ? 38 : 37) & 1)
			va = (u64)sign_extend(va, 56);
		if (va != (u64)sign_extend(va, 49)) {
			code_set_pc(cpu, va);
			return;
		}
	}
	if (unlikely(__atomic_load_n(&cpu->codes->epoch, __ATOMIC_ACQUIRE) != cpu->code_epoch)) {
		if (!cpu->code_epoch) { /* outside cpu_run: hold nothing */
			code_set_pc(cpu, va);
			return;
		}
		code_catch_up(cpu);
	}
	entry = &cpu->itlb[va >> 12 & (ITLB_ENTRIES - 1)];
	if (likely(entry->tag == itlb_tag(cpu, va) && !(va & 3))) {
		cpu->code = entry->page;
		cpu->code_va = va & ~0xfffull;
		cpu->ip = &entry->page->insn[va >> 2 & (CODE_PAGE_INSNS - 1)];
		return;
	}
	code_set_pc(cpu, va);
}

/* --- the table --- */

static struct code_page *find(struct code_table *table, u64 pa)
{
	struct code_page *page = __atomic_load_n(&table->hash[hash_of(pa)], __ATOMIC_ACQUIRE);

	/* A reader may follow a page into the retire list: that ends, and leads to no wrong match, since the list is of
	 * pages that were valid when the reader started. */
	while (page && page->pa != pa)
		page = __atomic_load_n(&page->next, __ATOMIC_ACQUIRE);
	return page;
}

/* Gives back what nobody can hold any more. Lock held. */
static void reclaim(struct code_table *table, struct cpus *cpus)
{
	u64 passed = UINT64_MAX;
	struct code_page **link = &table->retired;

	if (!table->retired)
		return;
	for (unsigned k = 0; k < cpus_count(cpus); k++) {
		u64 epoch = __atomic_load_n(&cpus_get(cpus, k)->code_epoch, __ATOMIC_SEQ_CST);

		if (epoch && epoch < passed)
			passed = epoch;
	}
	while (*link) {
		struct code_page *page = *link;

		if (page->retired_at <= passed) {
			*link = page->link;
			page->link = table->free;
			table->free = page;
		} else {
			link = &page->link;
		}
	}
}

/* Lock held. The page goes, then the epoch comes (who is up to it cannot find the page), then the mark goes (who misses it knows the epoch). */
static void retire(struct code_table *table, struct code_page **place)
{
	struct code_page *page = *place;

	__atomic_store_n(place, page->next, __ATOMIC_RELEASE);
	page->retired_at = table->epoch + 1;
	page->link = table->retired;
	table->retired = page;
	__atomic_store_n(&table->epoch, page->retired_at, __ATOMIC_SEQ_CST);
	space_mark_code(table->space, page->pa, false);
}

static void retire_all(struct code_table *table)
{
	for (unsigned h = 0; h < ARRAY_SIZE(table->hash); h++)
		while (table->hash[h])
			retire(table, &table->hash[h]);
}

static struct code_page *page_alloc(struct code_table *table, struct cpus *cpus)
{
	struct code_page *page;

	if (!table->free)
		reclaim(table, cpus);
	if (table->free) {
		page = table->free;
		table->free = page->link;
	} else if (table->used < PAGES_MAX) {
		page = &table->arena[table->used++];
	} else {
		return NULL;
	}
	for (unsigned k = 0; k < CODE_PAGE_INSNS; k++)
		page->insn[k].exec = exec_decode;
	page->insn[CODE_PAGE_INSNS].exec = exec_next_page;
	page->insn[CODE_PAGE_INSNS].row = ROW_NONE;
	page->retired_at = 0;
	page->jit_segments = 0;
	page->jit_fars = 0;
	for (unsigned mode = 0; mode < CODE_MODES; mode++)
		if (page->jit[mode])
			memset(page->jit[mode], 0, CODE_PAGE_INSNS * sizeof(*page->jit[mode]));
	return page;
}

/* The page for pa, made if need be; NULL: no room at the moment. */
static struct code_page *page_of(struct cpu *cpu, u64 pa, const u8 *host)
{
	struct code_table *table = cpu->codes;
	struct code_page *page = find(table, pa), **place = &table->hash[hash_of(pa)];
	u64 epoch = 0;

	if (page && page->host == (const u32 *)(const void *)host)
		return page;
	pthread_mutex_lock(&table->lock);
	while (*place && (*place)->pa != pa)
		place = &(*place)->next;
	if (*place && (*place)->host == (const u32 *)(const void *)host) {
		page = *place;
		pthread_mutex_unlock(&table->lock);
		return page;
	}
	if (*place) { /* the map changed under it without a word: never use it again */
		retire(table, place);
		epoch = table->epoch;
	}
	page = page_alloc(table, cpu->cpus);
	if (page) {
		page->pa = pa;
		page->host = (const u32 *)(const void *)host;
		page->next = table->hash[hash_of(pa)];
		space_mark_code(table->space, pa, true);
		__atomic_store_n(&table->hash[hash_of(pa)], page, __ATOMIC_RELEASE);
	} else {
		retire_all(table);
		epoch = table->epoch;
	}
	pthread_mutex_unlock(&table->lock);
	if (epoch)
		cpus_code_changed(cpu->cpus, epoch);
	return page;
}

/* NULL with *raised = false: try again after a poll. */
static struct code_page *lookup(struct cpu *cpu, u64 va, bool *raised)
{
	struct itlb_entry *entry = &cpu->itlb[va >> 12 & (ITLB_ENTRIES - 1)];
	struct code_page *page;
	const u8 *host = NULL;
	u64 pa;

	*raised = true;
	if (entry->tag == itlb_tag(cpu, va) && va == (u64)sign_extend(va, 49))
		return entry->page;
	if (!access_fetch(cpu, va, &pa, &host))
		return NULL;
	*raised = false;
	page = page_of(cpu, pa & ~0xfffull, host);
	if (page) {
		unsigned n = code_filter_bit(va & ITLB_VA);

		entry = &cpu->itlb[va >> 12 & (ITLB_ENTRIES - 1)];
		entry->page = page;
		entry->tag = itlb_tag(cpu, va);
		cpu->code_filter[n / 64] |= BIT(n % 64);
	}
	return page;
}

/* Lock held; no more. */
static u64 changed(struct cpus *cpus, struct code_table *table)
{
	u64 epoch = table->epoch;

	reclaim(table, cpus);
	pthread_mutex_unlock(&table->lock);
	cpus_code_changed(cpus, epoch);
	return epoch;
}

void code_invalidate(struct cpus *cpus, u64 pa, u64 size)
{
	struct code_table *table = cpus_count(cpus) ? cpus_get(cpus, 0)->codes : NULL;
	u64 first = pa >> 12, last = size ? (pa + size - 1) >> 12 : first;
	bool any = false;

	if (!table)
		return;
	pthread_mutex_lock(&table->lock);
	if (last - first < ARRAY_SIZE(table->hash)) {
		for (u64 number = first; number <= last; number++) {
			struct code_page **place = &table->hash[hash_of(number << 12)];

			while (*place && (*place)->pa != number << 12)
				place = &(*place)->next;
			if (*place) {
				retire(table, place);
				any = true;
			}
		}
	} else {
		for (unsigned h = 0; h < ARRAY_SIZE(table->hash); h++) {
			struct code_page **place = &table->hash[h];

			while (*place) {
				u64 number = (*place)->pa >> 12;

				if (number >= first && number <= last) {
					retire(table, place);
					any = true;
				} else {
					place = &(*place)->next;
				}
			}
		}
	}
	if (any)
		changed(cpus, table);
	else
		pthread_mutex_unlock(&table->lock);
}

void code_invalidate_all(struct cpus *cpus)
{
	struct code_table *table = cpus_count(cpus) ? cpus_get(cpus, 0)->codes : NULL;

	if (!table)
		return;
	pthread_mutex_lock(&table->lock);
	retire_all(table);
	changed(cpus, table);
}

u64 code_forget(struct cpu *cpu, u64 pa, u64 size)
{
	u64 page = align_down(pa, 4096);
	const struct range *range = space_lookup(cpu->space, page); /* that the mark is of */

	/* Where there is no mark, what is decoded from now on is what has been written: marks are set before the bytes are read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!size)
		code_invalidate_all(cpu->cpus);
	else if (!range || !range->code || range_has_code(range, page))
		code_invalidate(cpu->cpus, pa, size);
	return __atomic_load_n(&cpu->codes->epoch, __ATOMIC_SEQ_CST);
}

u64 code_invalidate_segments(struct cpus *cpus, u32 segments)
{
	struct code_table *table = cpus_get(cpus, 0)->codes;
	u64 epoch;
	bool any = false;

	pthread_mutex_lock(&table->lock);
	for (unsigned h = 0; h < ARRAY_SIZE(table->hash); h++) {
		struct code_page **place = &table->hash[h];

		while (*place) {
			if ((*place)->jit_segments & segments) {
				retire(table, place);
				any = true;
			} else {
				place = &(*place)->next;
			}
		}
	}
	if (any)
		return changed(cpus, table);
	epoch = table->epoch; /* what has blocks there was retired before */
	pthread_mutex_unlock(&table->lock);
	return epoch;
}

/* --- records that are no instructions: they do not count as one --- */

void exec_fetch(struct cpu *cpu, const struct insn *insn)
{
	u64 va = cpu_pc_of(cpu, insn);
	struct code_page *page;
	bool raised;

	if (va & 3) {
		cpu_raise_far(cpu, EC_PC_ALIGN, 0, va);
		return;
	}
	page = lookup(cpu, va, &raised);
	if (!page) {
		if (!raised) { /* no room: let the others pass */
			cpu->ip = (struct insn *)insn;
			cpu->left++;
			cpu_leave_chunk(cpu);
		}
		return;
	}
	cpu->left++;
	cpu->code = page;
	cpu->code_va = va & ~0xfffull;
	cpu->ip = &page->insn[va >> 2 & (CODE_PAGE_INSNS - 1)];
}

void exec_next_page(struct cpu *cpu, const struct insn *insn)
{
	cpu->left++;
	cpu_jump(cpu, cpu_pc_of(cpu, insn));
}

/* The word of a record; false: no RAM answers there, or it is poisoned. */
static bool word_at(struct cpu *cpu, const struct code_page *page, unsigned index, u32 *word)
{
	u64 pa = page->pa + 4 * index;
	const struct range *range;

	if (page->host) {
		*word = __atomic_load_n(&page->host[index], __ATOMIC_RELAXED);
		return true;
	}
	range = space_lookup(cpu->space, pa);
	if (!range || range->last - pa < 3)
		return false;
	if (range->region->fetch)
		return range->region->fetch(range->region, range->offset + (pa - range->base), word);
	if (!range->region->host)
		return false;
	/* What RAM there is in the page is of one region, which access_fetch has made ready. */
	*word = __atomic_load_n((const u32 *)(const void *)(range->region->host + range->offset + (pa - range->base)), __ATOMIC_RELAXED);
	return true;
}

static void exec_nothing(struct cpu *cpu, const struct insn *insn)
{
	u64 va = cpu_pc_of(cpu, insn);

	access_fetch_abort(cpu, va, cpu->code->pa + (va & 0xfff));
}

/* Fills the record, unless the page is retired. */
bool code_decode(struct cpu *cpu, struct code_page *page, unsigned index)
{
	struct insn *record = &page->insn[index];
	struct insn fresh = {.exec = exec_nothing, .row = ROW_NONE};
	bool valid;
	u32 word;

	pthread_mutex_lock(&cpu->codes->lock);
	valid = !page->retired_at;
	if (valid && record->exec == exec_decode) {
		if (word_at(cpu, page, index, &word) && decode(word, &fresh)) {
			if (cpu->missing_features >> a64_rows[fresh.row].feature & 1) {
				fresh.exec = exec_UNDEFINED;
				fresh.row = ROW_NONE;
			} else {
				branch_localize(&fresh, index);
			}
		}
		memcpy((u8 *)record + sizeof(record->exec), (u8 *)&fresh + sizeof(record->exec),
		       sizeof(fresh) - sizeof(record->exec));
		__atomic_store_n(&record->exec, fresh.exec, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&cpu->codes->lock);
	return valid;
}

void exec_decode(struct cpu *cpu, const struct insn *insn)
{
	struct code_page *page = cpu->code;

	if (!code_decode(cpu, page, (unsigned)(insn - page->insn))) {
		cpu->ip = (struct insn *)insn;
		cpu->left++;
		code_catch_up(cpu);
		return;
	}
	insn->exec(cpu, insn);
}
