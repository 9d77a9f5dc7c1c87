/* SPDX-License-Identifier: BSD-2-Clause */
/* Data between a disk and guest memory, piece by piece, in as few calls of the host as there can be. Any thread. */
#ifndef MEM_DISK_H
#define MEM_DISK_H

#include <sys/uio.h>

#include "host/host.h"
#include "mem/mem.h"

#define DISK_PIECES_MAX 128       /* moved in one call, */
#define DISK_BYTES_MAX (16 * MiB) /* and so much */

struct disk_move {
	struct space *space;
	s64 requester;
	struct block *block;
	bool to_memory;  /* a read of the disk */
	bool at_once;    /* only if that takes no waiting */
	const bool *end; /* atomic, or NULL: set when nobody wants it any more; what is left then fails */
	bool failed;     /* by the disk, not for want of memory at an address */
	bool faulted;    /* by the IOMMU, which told software: nobody tries again */
	u64 offset;      /* on the disk: of the next piece that is not gathered yet */
	/* gathered so far */
	unsigned count;
	u64 bytes;
	u64 pa[DISK_PIECES_MAX];
	struct iovec pieces[DISK_PIECES_MAX];
};

/* `requester`: whose addresses they are, for the IOMMU; DISK_PHYSICAL: physical ones. */
#define DISK_PHYSICAL (-1)
void disk_move_begin(struct disk_move *m, struct space *space, s64 requester, struct block *block, bool to_memory,
		     u64 offset);
/* `size` bytes at guest address pa come next. */
bool disk_move_add(struct disk_move *m, u64 pa, u64 size);
/* Moves what is still gathered: always the last call, also after a failure. */
bool disk_move_end(struct disk_move *m);

#endif
