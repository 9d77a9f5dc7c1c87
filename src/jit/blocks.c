/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine: finds blocks, has them made, enters them, links them; and the code cache.
 *
 * Where blocks are. Each page of decode records has, per mode (EL, FP on, SPSel), an index from record to block. Blocks belong to the
 * physical page and serve every virtual address and every vCPU. cpu->jit_view says which page runs, and where it is mapped (views.c). A jump
 * inside the page is linked directly, a direct one to another page by a link of the view; any other goes by jit_jumps, a table per vCPU of
 * {va, key} -> {view, block}, whose key changes with everything that empties the instruction TLB.
 *
 * When a page is retired (code.c) its vCPUs may run on in its blocks until their next poll, as they may in its records. Nothing
 * but blocks of the page and views links to them, and the keys of views and of the jump tables have changed by then. When the page is used again its
 * indexes are cleared.
 *
 * The cache is filled segment by segment, round and round. When one begins to be filled, the pages that have blocks in the next are
 * retired; that one may be filled when every vCPU has passed. Until then, should it be needed so soon, the interpreter runs.
 *
 * Locks: jit->lock to make and link blocks. Look-ups take none: an index entry is published after the block's bytes.
 */
#include <stdlib.h>

#include "base/trace.h"
#include "cpu/code.h"
#include "cpu/vcpu.h"
#include "jit/jit.h"
#include "jit/private.h"

#define STEPS_WITHOUT 64 /* instructions interpreted before a block is asked for again */

/* One record by the interpreter. */
static void step(struct cpu *cpu)
{
	const struct insn *insn = cpu->ip;

	cpu->left--;
	cpu->ip = (struct insn *)insn + 1;
	insn->exec(cpu, insn);
}

static const u8 *find(struct jit *jit, const struct cpu *cpu, unsigned mode)
{
	const u32 *index = __atomic_load_n(&cpu->code->jit[mode], __ATOMIC_ACQUIRE);
	size_t record = (size_t)(cpu->ip - cpu->code->insn); /* the last one leads to the next page */
	u32 at = index && record < CODE_PAGE_INSNS ? __atomic_load_n(&index[record], __ATOMIC_ACQUIRE) : 0;

	return at ? jit->cache + at + jit->run : NULL;
}

/* Whether all vCPUs have let go of what was retired with `epoch`. */
static bool all_passed(struct cpus *cpus, u64 epoch)
{
	for (unsigned n = 0; n < cpus_count(cpus); n++) {
		u64 at = __atomic_load_n(&cpus_get(cpus, n)->code_epoch, __ATOMIC_SEQ_CST);

		if (at && at < epoch)
			return false;
	}
	return true;
}

static u8 *segment_start(const struct jit *jit, unsigned segment)
{
	return segment ? jit->cache + jit->cache_size / SEGMENTS * segment : jit->blocks;
}

/* Lock held. False: no room now. When a segment begins to be filled, the next one is already given up: long before it is needed every
 * vCPU has noticed. */
static bool has_room(struct jit *jit)
{
	unsigned next = (jit->segment + 1) % SEGMENTS;
	bool full = jit_has(jit, JIT_STRESS_CACHE) && jit->at >= segment_start(jit, jit->segment) + 4096;

	if (!full && jit->at + CACHE_MARGIN <= jit->cache + jit->cache_size / SEGMENTS * (jit->segment + 1))
		return true;
	if (!all_passed(jit->cpus, jit->next_epoch))
		return false;
	jit->segment = next;
	jit->at = segment_start(jit, next);
	jit->segments_reused += jit->wrapped;
	next = (next + 1) % SEGMENTS;
	jit->wrapped |= next == 0;
	if (jit->wrapped) {
		jit->next_epoch = code_invalidate_segments(jit->cpus, 1u << next);
		trace(CHAIN, "segment %u of the code cache is given up", next);
	}
	return true;
}

static const u8 *make(struct jit *jit, struct cpu *cpu, unsigned mode)
{
	struct code_page *page = cpu->code;
	unsigned index = (unsigned)(cpu->ip - page->insn);
	const u8 *host = NULL;

	if (index >= CODE_PAGE_INSNS || cpu->ip->exec == exec_fetch)
		return NULL;
	pthread_mutex_lock(&jit->lock);
	host = find(jit, cpu, mode); /* another vCPU may have made it */
	if (!host && has_room(jit)) {
		if (!page->jit[mode] && jit->index_used < INDEXES_MAX)
			__atomic_store_n(&page->jit[mode], jit->index_free + CODE_PAGE_INSNS * jit->index_used++, __ATOMIC_RELEASE);
		if (page->jit[mode]) {
			page->jit_segments |= 1u << jit->segment;
			host = translate(jit, cpu, page, index, mode);
			if (host) {
				__atomic_store_n(&page->jit[mode][index], (u32)(host - jit->cache), __ATOMIC_RELEASE);
				host += jit->run;
			}
		}
	}
	pthread_mutex_unlock(&jit->lock);
	return host;
}

static u64 code_pa(const struct cpu *cpu)
{
	return cpu->code->pa + (u64)(cpu->ip - cpu->code->insn) * 4;
}

/* The jump that led here, from a block of the same page, goes straight on from now. (Neither block can have been given up: this vCPU
 * would have to have noticed.) */
static void link(struct jit *jit, u8 *site, const u8 *target, u64 pa)
{
	s32 distance = (s32)(target - (site + 4));

	if (!jit_has(jit, JIT_LINKS))
		return;
	pthread_mutex_lock(&jit->lock);
	__atomic_store_n((s32 __attribute__((aligned(1), may_alias)) *)(void *)(site - jit->run), distance, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&jit->lock);
	if (!jit->counts)
		trace(CHAIN, "the jump at %llx leads to block %llx at %llx", (unsigned long long)(uintptr_t)site, (unsigned long long)pa,
		      (unsigned long long)(uintptr_t)target);
}

static u64 key_of(const struct cpu *cpu, unsigned mode)
{
	return cpu->jit_generation[cpu->el] * CODE_MODES | mode;
}

static void jump_fill(struct cpu *cpu, u64 va, u64 key, const u8 *host)
{
	struct jump *jump = (struct jump *)cpu->jit_jumps + jump_slot(va);

	*jump = (struct jump){va, key, host, cpu->jit_view};
}

/* The block at `ip`, if it is made. The table of jumps has it in one place, and also knows the page. */
static const u8 *look_up(struct jit *jit, struct cpu *cpu, unsigned mode)
{
	u64 va = cpu_pc_of(cpu, cpu->ip), key = key_of(cpu, mode);
	const struct jump *jump = (const struct jump *)cpu->jit_jumps + jump_slot(va);
	const u8 *host;

	cpu->jit_mode = mode;
	cpu->jit_key = key;
	if (jump->va == va && jump->key == key && jit_has(jit, JIT_JUMPS)) {
		cpu->jit_view = jump->view;
		cpu->code = jump->view->page;
		cpu->code_va = jump->view->va;
		cpu->ip = &cpu->code->insn[va >> 2 & (CODE_PAGE_INSNS - 1)];
		return jump->host;
	}
	host = find(jit, cpu, mode);
	if (!host || !view_enter(jit, cpu))
		return NULL;
	jump_fill(cpu, va, key, host);
	return host;
}

const u8 *jit_resume(struct cpu *cpu)
{
	struct jit *jit = cpu->jit;

	return cpu->left > 0 && jit_has(jit, JIT_RESUME) ? look_up(jit, cpu, mode_of(cpu)) : NULL;
}

static void jit_run(struct cpu *cpu)
{
	struct jit *jit = cpu->jit;
	u8 *site = NULL;               /* to link to where we go on */
	struct code_page *page = NULL; /* of the site */
	struct view *far = NULL;       /* whose link far_link leads to where we go on */
	unsigned site_mode = 0, entered = 0, plain = 0, far_link = 0;

	while (cpu->left > 0) {
		unsigned mode = mode_of(cpu);
		const u8 *host = plain ? find(jit, cpu, mode | plain) : look_up(jit, cpu, mode);
		struct link_data data;
		u64 why;

		if (unlikely(!host)) {
			host = make(jit, cpu, mode | plain);
			if (host && !view_enter(jit, cpu))
				host = NULL;
		}
		plain = 0;
		if (unlikely(!host)) {
			site = NULL;
			far = NULL;
			/* Between pages: one record. No room, or the page is retired: not at once again. */
			for (unsigned n = cpu->ip->exec == exec_fetch || cpu->ip->exec == exec_next_page ? 1 : STEPS_WITHOUT; n && cpu->left > 0; n--)
				step(cpu);
			continue;
		}
		if (site && page == cpu->code && site_mode == mode)
			link(jit, site, host, code_pa(cpu));
		site = NULL;
		if (far && far->key == cpu->jit_key) {
			far->links[far_link] = (struct view_link){cpu->jit_view, host};
			if (!jit->counts)
				trace(CHAIN, "link %u of page %llx, seen at %llx, leads to block %llx at %llx", far_link, (unsigned long long)far->page->pa,
				      (unsigned long long)far->va, (unsigned long long)code_pa(cpu), (unsigned long long)(uintptr_t)host);
		}
		far = NULL;
		if (unlikely(jit_has(jit, JIT_STRESS_UNLINK)) && ++entered % 256 == 0)
			code_invalidate(jit->cpus, cpu->code->pa, 1);
		why = jit->enter(cpu, host);
		if (unlikely(jit->counts))
			jit->counts->left[MIN(why, (u64)LEFT_COUNT)]++;
		switch (why) {
		case LEFT_PLAIN: break;
		case LEFT_BUDGET:
			/* Fewer are left than the block has. Under instruction time a chunk ends to the instruction. */
			if (cpu->left < cpu->chunk && !cpu->cpus->instruction_time)
				return;
			while (cpu->left > 0)
				step(cpu);
			break;
		case LEFT_INDIRECT: cpu_jump(cpu, cpu->jit_va); break;
		case LEFT_FAR:
			far = cpu->jit_view;
			far_link = (unsigned)cpu->jit_va;
			cpu_jump(cpu, far->va + (u64)(s64)far->page->jit_far[far_link] * 4);
			break;
		default:
			memcpy(&data, (void *)(uintptr_t)why, sizeof(data));
			site = (u8 *)(uintptr_t)why + data.site;
			page = cpu->code;
			site_mode = mode;
			cpu->ip = &page->insn[data.index & ~LINK_PLAIN];
			plain = data.index & LINK_PLAIN ? MODE_PLAIN : 0;
			break;
		}
		if (unlikely(jit_has(jit, JIT_STRESS_BLOCKS)) && !plain)
			return;
	}
}

/* --- create, destroy --- */

static void host_features_get(struct host_features *host, enum jit_limit limit)
{
	__builtin_cpu_init();
	host->bmi2 = __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("bmi");
	host->lzcnt = __builtin_cpu_supports("lzcnt");
	host->avx = __builtin_cpu_supports("avx");
	host->avx2 = __builtin_cpu_supports("avx2");
	host->fma = __builtin_cpu_supports("fma");
	host->aesni = __builtin_cpu_supports("aes");
	host->pclmul = __builtin_cpu_supports("pclmul");
	host->gfni = __builtin_cpu_supports("gfni");
	host->sse42 = __builtin_cpu_supports("sse4.2");
	host->f16c = __builtin_cpu_supports("f16c");
	host->popcnt = __builtin_cpu_supports("popcnt");
	host->avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd");
	host->bitalg = host->avx512 && __builtin_cpu_supports("avx512bitalg");
	{
		u32 a = 7, b = 0, c = 0, d = 0;

		__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
		host->sha = b >> 29 & 1;
	}
	if (limit == JIT_SSE42)
		*host = (struct host_features){.sse42 = true, .popcnt = host->popcnt};
	else if (limit == JIT_AVX2)
		host->sha = host->gfni = host->lzcnt = host->avx512 = host->bitalg = false;
	else if (limit == JIT_AVX512)
		host->sha = host->gfni = host->bitalg = false;
}

static void jit_destroy(void *engine, struct cpus *cpus)
{
	struct jit *jit = engine;

	trace(CHAIN, "%llu blocks (%llu with host registers of their own) of %llu instructions in %llu bytes, %llu segments used again",
	      (unsigned long long)jit->blocks_made, (unsigned long long)jit->blocks_lending,
	      (unsigned long long)jit->insns_made, (unsigned long long)jit->bytes_made, (unsigned long long)jit->segments_reused);
	if (jit->counts)
		dump_counts(jit);
	free(jit->counts);
	tables_unmap(jit);
	cache_unmap(jit);
	pthread_mutex_destroy(&jit->lock);
	free(jit);
}

static void *create(struct cpus *cpus, enum jit_limit limit, struct error *err)
{
	struct jit *jit = calloc(1, sizeof(*jit));

	if (!jit) {
		fail(err, "-accel jit: no memory");
		return NULL;
	}
	jit->cpus = cpus;
	for (unsigned n = 0; n < JIT_SWITCH_COUNT; n++)
		jit->on |= (u32)jit_switches[n].on << n;
	jit->on ^= cpus->config.engine_switches;
	if (jit_has(jit, JIT_STRESS_BLOCKS))
		jit->on &= ~(u32)(BIT(JIT_LINKS) | BIT(JIT_FAR_LINKS) | BIT(JIT_JUMPS) | BIT(JIT_RETURNS) | BIT(JIT_RESUME) | BIT(JIT_LOOPS));
	pthread_mutex_init(&jit->lock, NULL);
	host_features_get(&jit->host, limit);
	jit->cache_size = cpus->config.engine_cache ? align_up(cpus->config.engine_cache, 2 * MiB) : CACHE_SIZE;
	if (!cache_map(jit)) {
		fail(err, "-accel jit: the host gives no executable memory; write -accel interp");
		jit_destroy(jit, cpus);
		return NULL;
	}
	if (jit_has(jit, JIT_COUNT) && !(jit->counts = calloc(1, sizeof(*jit->counts)))) {
		fail(err, "-accel jit,count=on: no memory");
		jit_destroy(jit, cpus);
		return NULL;
	}
	if (!tables_map(jit)) {
		fail(err, "-accel jit: no memory");
		jit_destroy(jit, cpus);
		return NULL;
	}
	emitters_collect(jit);
	thunks_make(jit);
	jit->at = jit->blocks;
	return jit;
}

static void *create_sse42(struct cpus *cpus, struct error *err)
{
	return create(cpus, JIT_SSE42, err);
}
static void *create_avx2(struct cpus *cpus, struct error *err)
{
	return create(cpus, JIT_AVX2, err);
}
static void *create_avx512(struct cpus *cpus, struct error *err)
{
	return create(cpus, JIT_AVX512, err);
}
static void *create_all(struct cpus *cpus, struct error *err)
{
	return create(cpus, JIT_ALL, err);
}

const struct cpu_engine *jit_engine(struct error *err)
{
	return jit_engine_limited(JIT_ALL, err);
}

const struct cpu_engine *jit_engine_limited(enum jit_limit limit, struct error *err)
{
	static const struct cpu_engine engines[] = {
		[JIT_SSE42] = {"jit", create_sse42, jit_destroy, jit_run},
		[JIT_AVX2] = {"jit", create_avx2, jit_destroy, jit_run},
		[JIT_AVX512] = {"jit", create_avx512, jit_destroy, jit_run},
		[JIT_ALL] = {"jit", create_all, jit_destroy, jit_run},
	};

	__builtin_cpu_init();
	if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt") || !__builtin_cpu_supports("lahf_lm")) {
		fail(err, "-accel jit: the host's CPU lacks SSE4.2, POPCNT or LAHF; write -accel interp");
		return NULL;
	}
	return &engines[limit];
}
