/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of the code cache. As a rule one private mapping that may be written and executed, of huge pages. A host that forbids this
 * (PR_SET_MDWE, SELinux's execmem), or -accel jit,split-wx=on, gets two mappings of one memfd: code is made through the one that may be
 * written and runs in the other, jit->run further on. All code is relative to itself, so the same bytes do for both.
 * Beside it the tables that say where code is: the jumps of each vCPU, and the pages' indexes behind them, in one piece of huge pages, as
 * single pages that are taken one by one cost a boot as many faults as all else together.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "jit/private.h"

#define HUGE (2u << 20)

/* Aligned for huge pages: what is mapped too much at both ends is given back. */
static void *map_huge(size_t size, int protection)
{
	u8 *space = mmap(NULL, size + HUGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (space == MAP_FAILED)
		return NULL;
	before = (HUGE - ((uintptr_t)space & (HUGE - 1))) & (HUGE - 1);
	if (before)
		munmap(space, before);
	if (HUGE - before)
		munmap(space + before + size, HUGE - before);
	madvise(space + before, size, MADV_HUGEPAGE);
	return space + before;
}

static u8 *map_two(size_t size, s64 *run)
{
	int fd = memfd_create("cxlvm-code", MFD_CLOEXEC);
	u8 *writable = MAP_FAILED, *executable = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, (off_t)size)) {
		writable = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
		executable = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_NORESERVE, fd, 0);
	}
	if (fd >= 0)
		close(fd);
	if (writable == MAP_FAILED || executable == MAP_FAILED) {
		if (writable != MAP_FAILED)
			munmap(writable, size);
		if (executable != MAP_FAILED)
			munmap(executable, size);
		return NULL;
	}
	madvise(executable, size, MADV_DONTDUMP);
	*run = executable - writable;
	return writable;
}

bool cache_map(struct jit *jit)
{
	jit->run = 0;
	jit->cache = jit_has(jit, JIT_SPLIT) ? NULL : map_huge(jit->cache_size, PROT_READ | PROT_WRITE | PROT_EXEC);
	if (!jit->cache)
		jit->cache = map_two(jit->cache_size, &jit->run);
	if (jit->cache)
		madvise(jit->cache, jit->cache_size, MADV_DONTDUMP);
	return jit->cache;
}

void cache_unmap(struct jit *jit)
{
	if (!jit->cache)
		return;
	if (jit->run)
		munmap(jit->cache + jit->run, jit->cache_size);
	munmap(jit->cache, jit->cache_size);
}

static size_t tables_size(const struct jit *jit)
{
	return align_up(JUMPS_SIZE * cpus_count(jit->cpus), HUGE) + INDEX_SIZE * INDEXES_MAX + views_size(jit->cpus) * cpus_count(jit->cpus);
}

bool tables_map(struct jit *jit)
{
	u8 *tables = map_huge(tables_size(jit), PROT_READ | PROT_WRITE);

	if (!tables)
		return false;
	madvise(tables, tables_size(jit), MADV_DONTDUMP);
	jit->tables = tables;
	jit->index_free = (u32 *)(void *)(tables + JUMPS_SIZE * cpus_count(jit->cpus));
	for (unsigned n = 0; n < cpus_count(jit->cpus); n++) {
		cpus_get(jit->cpus, n)->jit_jumps = tables + JUMPS_SIZE * n;
		cpus_get(jit->cpus, n)->jit_views = tables + tables_size(jit) - views_size(jit->cpus) * (n + 1);
	}
	return true;
}

void tables_unmap(struct jit *jit)
{
	for (unsigned n = 0; n < cpus_count(jit->cpus); n++)
		cpus_get(jit->cpus, n)->jit_jumps = cpus_get(jit->cpus, n)->jit_views = NULL;
	if (jit->tables)
		munmap(jit->tables, tables_size(jit));
}
