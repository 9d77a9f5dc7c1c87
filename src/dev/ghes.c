/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware errors that firmware hands to the OS: generic hardware error sources, version 2. [ACPI6.5 18.3.2.7-8]
 *
 * In a machine this is memory that firmware keeps for itself; here it is a device of its own at a fixed address, so
 * that it needs no placing, whoever starts the OS. A page for each source: the address register (where the error status
 * block is), the read acknowledge register, and the block. A record goes into the block and the source's notification
 * follows; while the OS has not acknowledged it, further ones wait in a queue of GHES_QUEUE, and what does not fit is
 * refused to the caller. Writing 1 to the register acknowledges: the next record goes out.
 *
 * Machine lock.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "base/trace.h"
#include "dev/platform.h"
#include "mem/reg.h"

#define GHES_QUEUE 32
/* Generic error status block and its one data entry, revision 3.0. [ACPI6.5 18.3.2.7.1] */
#define STATUS_BYTES 20
#define STATUS_UNCORRECTABLE BIT(0)
#define STATUS_CORRECTABLE BIT(1)
#define STATUS_ENTRIES(n) ((n) << 4)
#define ENTRY_BYTES 72
#define ENTRY_REVISION 0x300
#define SECTION_MAX (GHES_BLOCK_BYTES - STATUS_BYTES - ENTRY_BYTES)

struct source {
	struct record {
		u8 block[GHES_BLOCK_BYTES];
	} queue[GHES_QUEUE]; /* the first one is out if `is_out` */
	unsigned first, count;
	bool is_out;
};

struct ghes {
	/* parts */
	struct space *space;
	struct regs regs;
	struct region region;
	void (*notify)(void *opaque, enum ghes_source source);
	void *opaque;
	/* state */
	struct source sources[GHES_SOURCES];
};

static void send_next(struct ghes *ghes, enum ghes_source which)
{
	struct source *source = &ghes->sources[which];
	u32 base = which * GHES_SOURCE_BYTES;

	if (source->is_out || !source->count)
		return;
	source->is_out = true;
	for (u32 at = 0; at < GHES_BLOCK_BYTES; at += 8)
		regs_set(&ghes->regs, base + GHES_BLOCK + at, 8, load_le(source->queue[source->first].block + at, 8));
	regs_set(&ghes->regs, base + GHES_READ_ACK, 8, 0);
	ghes->notify(ghes->opaque, which);
}

static void read_ack_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct ghes *ghes = b->owner;
	struct source *source = &ghes->sources[i];

	if (!(now & 1) || !source->is_out)
		return;
	source->is_out = false;
	source->first = (source->first + 1) % GHES_QUEUE;
	source->count--;
	send_next(ghes, i);
}

#define EACH .count = GHES_SOURCES, .stride = GHES_SOURCE_BYTES
static const struct reg ghes_rows[] = {
	/*  offset           name         reset software writes */
	R64(GHES_ADDRESS, ADDRESS, 0, 0, EACH),
	R64(GHES_READ_ACK, READ_ACK, 1, 1, EACH, .write = read_ack_write),
};
/* The OS clears the block's status when it has read it. */
static const struct reg block_rows[] = {
	R64(0, BLOCK, 0, ~0ull, .count = GHES_BLOCK_BYTES / 8, .stride = 8),
};

/* Room for one more record, zeroed, or NULL. */
static u8 *take_place(struct source *source, enum ghes_source which)
{
	if (source->count == GHES_QUEUE) {
		trace(UNIMP, "ghes %u: an error record is lost: the OS has left %u unread", which, GHES_QUEUE);
		return NULL;
	}
	return memset(source->queue[(source->first + source->count++) % GHES_QUEUE].block, 0, GHES_BLOCK_BYTES);
}

bool ghes_report_block(struct ghes *ghes, enum ghes_source which, const void *block, u32 bytes)
{
	u8 *to = take_place(&ghes->sources[which], which);

	assert(bytes >= STATUS_BYTES && bytes <= GHES_BLOCK_BYTES);
	if (!to)
		return false;
	memcpy(to, block, bytes);
	send_next(ghes, which);
	return true;
}

bool ghes_report(struct ghes *ghes, enum ghes_source which, enum ghes_severity severity, const u8 type[16],
		 const void *section, u32 bytes)
{
	struct source *source = &ghes->sources[which];
	u32 status = STATUS_ENTRIES(1) |
		     (severity == GHES_CORRECTED || severity == GHES_INFORMATIONAL ? STATUS_CORRECTABLE :
										     STATUS_UNCORRECTABLE);
	u8 *to, *entry;

	assert(bytes <= SECTION_MAX);
	to = take_place(source, which);
	if (!to)
		return false;
	store_le(to, 4, status);
	store_le(to + 12, 4, ENTRY_BYTES + bytes);
	store_le(to + 16, 4, severity);
	entry = to + STATUS_BYTES;
	memcpy(entry, type, 16);
	store_le(entry + 16, 4, severity);
	store_le(entry + 20, 2, ENTRY_REVISION);
	store_le(entry + 24, 4, bytes);
	memcpy(entry + ENTRY_BYTES, section, bytes);
	send_next(ghes, which);
	return true;
}

struct ghes *ghes_create(struct space *space, u64 base, void (*notify)(void *opaque, enum ghes_source source),
			 void *opaque)
{
	struct ghes *ghes = calloc(1, sizeof(*ghes));

	assert(ghes);
	ghes->space = space;
	ghes->notify = notify;
	ghes->opaque = opaque;
	regs_init(&ghes->regs, "ghes", ghes, REGS_BYTES, GHES_BYTES);
	REGS_ADD(&ghes->regs, 0, ghes_rows);
	for (u32 n = 0; n < GHES_SOURCES; n++)
		REGS_ADD(&ghes->regs, n * GHES_SOURCE_BYTES + GHES_BLOCK, block_rows);
	ghes->region = (struct region){
		.name = "ghes", .base = base, .size = GHES_BYTES, .ops = &regs_io, .opaque = &ghes->regs};
	space_add(space, &ghes->region);
	ghes_reset(ghes);
	return ghes;
}

void ghes_reset(struct ghes *ghes)
{
	regs_reset(&ghes->regs, RESET_COLD);
	memset(ghes->sources, 0, sizeof(ghes->sources));
	for (u32 n = 0; n < GHES_SOURCES; n++)
		regs_set(&ghes->regs, n * GHES_SOURCE_BYTES + GHES_ADDRESS, 8,
			 ghes->region.base + n * GHES_SOURCE_BYTES + GHES_BLOCK);
}

void ghes_destroy(struct ghes *ghes)
{
	if (!ghes)
		return;
	space_remove(ghes->space, &ghes->region);
	regs_free(&ghes->regs);
	free(ghes);
}
