/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory backends: `-object memory-backend-ram|memory-backend-file|memory-backend-memfd`. A backend owns host memory
 * in device order (its "home", design D2 and D6).
 *
 *   private (default)  anonymous, 2 MiB aligned, MADV_HUGEPAGE; a file is read lazily per 2 MiB, holes skipped, and
 *                      written back per 2 MiB chunk by backend_sync/backend_flush when the file is `share=on`-less
 *                      only if the device is persistent.
 *   shared             (share=on, memfd) MAP_SHARED of the file, so that another process sees every store.
 */
#ifndef MEM_BACKEND_H
#define MEM_BACKEND_H

#include "base/error.h"
#include "base/types.h"

struct dev;

struct backend {
	struct dev *dev_owner; /* the device that claimed it, or NULL: one backend serves one device */
	char *id;
	char *path;  /* memory-backend-file: the file; else NULL */
	u64 size;    /* bytes */
	bool share, readonly, prealloc, pmem;
	u8 *host;    /* `size` bytes, mapped at create */
	int fd;      /* of the file or memfd, or -1 */
	u8 *chunk_ready; /* lazily read files: one byte per 2 MiB chunk; NULL: all ready */
};

/* Makes the 2 MiB chunk that holds `offset` readable and writable in memory. Any thread, no locks held. */
void backend_ready(struct backend *backend, u64 offset);
/* Makes [offset, offset + size) durable in the file (msync or pwrite + fdatasync); no file: nothing. */
void backend_flush(struct backend *backend, u64 offset, u64 size);
/* 2 MiB-aligned anonymous memory with MADV_HUGEPAGE and MADV_DONTDUMP, or NULL. Freed by ram_free. */
u8 *ram_alloc(u64 size, struct error *err);
void ram_free(u8 *host, u64 size);

extern const struct dev_class memory_backend_ram_class, memory_backend_file_class, memory_backend_memfd_class;

#endif
