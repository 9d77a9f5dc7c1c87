/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory backends: `-object memory-backend-ram|memory-backend-file|memory-backend-memfd`. A backend owns host memory
 * in device order (its "home", design D2 and D6).
 *
 *   private (default)  anonymous, 2 MiB aligned, MADV_HUGEPAGE; a file is read lazily per 2 MiB chunk, holes
 *                      skipped, and never written: what the guest stores is gone at exit.
 *   shared             (share=on, memfd) MAP_SHARED of the file, so that another process sees every store.
 */
#ifndef MEM_BACKEND_H
#define MEM_BACKEND_H

#include "base/error.h"
#include "base/types.h"

struct dev;

struct backend {
	struct dev *dev_owner; /* the device that claimed it, or NULL: one backend serves one device */
	bool ram_owner;        /* the machine uses it as RAM */
	struct backend *whole; /* of a slice: the backend that it is a part of */
	u64 whole_offset;      /* and where it begins there */
	u64 sliced;            /* bytes from the start that slices have; 0: none has been cut */
	char *id;
	char *path; /* memory-backend-file: the file; else NULL */
	u64 size;   /* bytes */
	bool share, readonly, prealloc, pmem;
	u8 *host;          /* `size` bytes, mapped at create */
	int fd;            /* of the file or memfd, or -1 */
	u8 *chunk_ready;   /* lazily read files: one byte per 2 MiB chunk; NULL: all ready */
	bool flush_failed; /* once; atomic, that of a slice's whole */
};

/* Makes the 2 MiB chunk that holds `offset` readable and writable in memory. Any thread, no locks held. */
void backend_ready(struct backend *backend, u64 offset);
/* Makes [offset, offset + size) durable in the file (msync) when the backend is a file that is `share=on`; else there
 * is nothing to do. False if the host could not, with a line on stderr, and for ever after: it says once that stores
 * are lost, and holds what is left for clean. Any thread. */
bool backend_flush(struct backend *backend, u64 offset, u64 size);
/* Makes [offset, offset + size) zero, for whoever shares it and in the file, too, and durable as backend_flush does.
 * What need not be kept for that goes back to the host, unless it gave all of it: prealloc=on, a file without holes.
 * What is read-only stays as it is. Nobody uses those bytes meanwhile. */
void backend_zero(struct backend *backend, u64 offset, u64 size);
/* The backend that an object is, or NULL if it is none (or was not created). */
struct backend *backend_of(struct dev *dev);
/* Cuts the next `size` bytes, a multiple of 2 MiB, off a backend; the slice is as good as one of its own and must not
 * outlive it. */
bool backend_slice(struct backend *slice, struct backend *whole, u64 size, struct error *err);
/* 2 MiB-aligned anonymous memory with MADV_HUGEPAGE and MADV_DONTDUMP, or NULL. Freed by ram_free. */
u8 *ram_alloc(u64 size, struct error *err);
u8 *ram_alloc_aligned(u64 size, u64 align, struct error *err); /* a power of two; 2 MiB at least */
void ram_free(u8 *host, u64 size);

extern const struct dev_class memory_backend_ram_class, memory_backend_file_class, memory_backend_memfd_class;

#endif
