/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simple NVMe controller with one namespace: the parts share this. nvme.c has registers, queues and life,
 * nvme_admin.c the admin commands, nvme_io.c those that move data. Under the machine lock, but for what nvme_io.c does
 * on pool threads.
 */
#ifndef NVME_PRIVATE_H
#define NVME_PRIVATE_H

#include "base/bits.h"
#include "mem/disk.h"
#include "nvme/nvme.h"
#include "nvme/nvme_spec.h"
#include "pci/pci.h"

#define NVME_QUEUES_MAX 65 /* the admin pair and 64 more */
#define NVME_ENTRIES_MAX 1024
#define NVME_MDTS 7 /* 2^7 pages of 4 KiB in a command */
#define NVME_DATA_MAX (4096u << NVME_MDTS)
#define NVME_SEGMENTS_MAX (NVME_DATA_MAX / 4096 + 1)
#define NVME_AERS_MAX 4
/* clang-format off */
#define NVME_REQUESTS_MAX 1024 /* at a time: with more, commands wait in their queues. The admin queue has a few more */
/* clang-format on */
#define NVME_REQUESTS_ADMIN 64

struct nvme_request {
	struct nvme_request *next; /* free list, or a list of waiting completions */
	struct nvme *nvme;
	u8 command[NVME_SQE_BYTES];
	u16 sq, sq_head, cid, status;
	u32 result;
	u64 generation;
	bool failed;       /* by the disk, */
	bool no_space;     /* for want of space */
	u64 offset, bytes; /* on the disk */
	unsigned segment_count;
	struct {
		u64 pa, size;
	} segments[NVME_SEGMENTS_MAX];
	u8 ranges[NVME_RANGES_MAX * NVME_RANGE_BYTES]; /* of Dataset Management */
};

struct nvme_sq {
	bool used;
	bool ending; /* atomic: it is being deleted: threads leave what they have not begun */
	u16 cq, head, tail;
	u32 size;
	u64 pa;
	unsigned busy;                 /* commands that threads have, or that wait in `stopped` */
	struct nvme_request *deletion; /* Delete I/O Submission Queue, which waits for them */
};

struct nvme_cq {
	bool used, interrupts, phase;
	u16 vector, head, tail, users; /* users: submission queues that complete here */
	u32 size;
	u64 pa;
	struct nvme_request *first, **last; /* completions that wait for room */
};

struct nvme {
	struct pci_dev pci;
	/* properties */
	char *drive_id, *serial;
	u32 queue_pairs, logical_block_size, bootindex;
	/* guest-visible state */
	struct regs regs;
	struct nvme_sq sqs[NVME_QUEUES_MAX];
	struct nvme_cq cqs[NVME_QUEUES_MAX];
	u32 masked;                  /* INTMS */
	bool write_cache;            /* atomic */
	u32 features[16];            /* those that are only kept */
	u16 too_cold;                /* kelvins; NVME_F_TEMPERATURE has what is too hot */
	bool alone[NVME_QUEUES_MAX]; /* vectors without coalescing, which there never is */
	bool queues_made;            /* an I/O queue, since the reset */
	u16 aers;
	/* fixed at create */
	struct drive *drive;
	struct machine *machine;
	u32 vectors;
	/* requests */
	struct nvme_request *spare, *stopped;
	unsigned live; /* requests that are not spare */
	bool waiting;  /* commands wait in queues for some of them to end */
	u64 generation;
	struct work_group work; /* requests that threads hold */
};

static inline u32 nvme_dword(const struct nvme_request *r, unsigned at)
{
	return (u32)load_le(r->command + at, 4);
}

/* Bytes of a guest page as CC says. */
static inline u64 nvme_page(const struct nvme *nvme)
{
	return 4096ull << bits(regs_get(&nvme->regs, NVME_CC, 4), 10, 7);
}

/* --- nvme.c --- */
void nvme_request_free(struct nvme_request *r);
/* Posts the completion of r (status, result) and lets go of it. */
void nvme_complete(struct nvme_request *r);
/* After requests have ended: goes on with commands that wait for that. */
void nvme_go_on(struct nvme *nvme);
/* The command's data: PRP entries as segments, `bytes` in all; a status. */
u16 nvme_prp(struct nvme_request *r, u64 bytes);
/* Copies between the segments and a buffer. */
bool nvme_data_out(struct nvme_request *r, const void *from, u64 size);
bool nvme_data_in(struct nvme_request *r, void *to, u64 size);

/* --- nvme_admin.c, nvme_io.c --- */
void nvme_admin(struct nvme_request *r); /* completes it, or keeps it */
void nvme_io(struct nvme_request *r);
void nvme_io_retry(struct nvme_request *r);
/* No thread is in a request: completions that are still on their way are thrown away. */
void nvme_io_forget(struct nvme *nvme);
/* Once nothing of an ending queue is under way, it is no more, and the command that deletes it completes. */
void nvme_sq_end(struct nvme *nvme, struct nvme_sq *sq);
u64 nvme_blocks(const struct nvme *nvme); /* of the namespace */

#endif
