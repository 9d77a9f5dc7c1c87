/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host memory for guest RAM (design D2): anonymous, reserved only when touched, 2 MiB aligned so that the host can back
 * it with huge pages, left out of core dumps.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "mem/backend.h"

#define HUGE_PAGE (2 * MiB)

u8 *ram_alloc_aligned(u64 size, u64 align, struct error *err)
{
	u64 length = align_up(size, HUGE_PAGE), head;
	u8 *all, *host;

	align = MAX(align, HUGE_PAGE);
	if (!size || length < size || length + align < length) {
		fail(err, "cannot reserve %llu bytes of memory: give a smaller size", (unsigned long long)size);
		return NULL;
	}
	all = mmap(NULL, length + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED) {
		fail(err, "cannot reserve %llu bytes of memory: %s; give a smaller size", (unsigned long long)size,
		     strerror(errno));
		return NULL;
	}
	host = (u8 *)align_up((u64)(uintptr_t)all, align);
	head = (u64)(host - all);
	if (head)
		munmap(all, head);
	if (align - head)
		munmap(host + length, align - head);
	madvise(host, length, MADV_HUGEPAGE);
	madvise(host, length, MADV_DONTDUMP);
	return host;
}

u8 *ram_alloc(u64 size, struct error *err)
{
	return ram_alloc_aligned(size, HUGE_PAGE, err);
}

void ram_free(u8 *host, u64 size)
{
	if (host)
		munmap(host, align_up(size, HUGE_PAGE));
}
