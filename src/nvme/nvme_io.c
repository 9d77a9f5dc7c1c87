/* SPDX-License-Identifier: BSD-2-Clause */
/* nvme: commands that move data. [NVME1.4 6] Checked under the machine lock, carried out on a pool thread, completed in
 * the loop. */
#include "base/trace.h"
#include "nvme/nvme_private.h"

#define AT_ONCE_BYTES (128 * KiB)
#define DISCARD_PART (1 * GiB)

static bool is_ending(const struct nvme_request *r)
{
	return __atomic_load_n(&r->nvme->work.ending, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&r->nvme->sqs[r->sq].ending, __ATOMIC_RELAXED);
}

/* --- On a pool thread --- */

/* Whether it is over; else, with at_once, it is to be tried by a thread. */
static bool data_move(struct nvme_request *r, bool at_once)
{
	struct disk_move move;
	bool ok = true;

	disk_move_begin(&move, r->nvme->pci.space, pci_requester_id(&r->nvme->pci), r->nvme->drive->block,
			r->command[NVME_C_OPCODE] == NVME_READ, r->offset);
	move.at_once = at_once;
	for (unsigned n = 0; ok && n < r->segment_count; n++)
		ok = disk_move_add(&move, r->segments[n].pa, r->segments[n].size);
	ok = disk_move_end(&move) && ok;
	r->failed = move.failed && !move.faulted;
	r->status = ok             ? NVME_OK :
		    !r->failed     ? NVME_TRANSFER_ERROR :
		    move.to_memory ? NVME_READ_ERROR :
				     NVME_WRITE_FAULT;
	return ok || (at_once && move.faulted);
}

/* In parts, so that a reset need not wait for all of a large disk. */
static bool ranges_discard(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;

	for (u32 n = 0; n <= (nvme_dword(r, NVME_C_CDW10) & 0xff); n++) {
		const u8 *range = r->ranges + NVME_RANGE_BYTES * n;
		u64 left = load_le(range + 4, 4) * nvme->logical_block_size,
		    at = load_le(range + 8, 8) * nvme->logical_block_size;

		for (u64 part; left; left -= part, at += part) {
			part = MIN(left, DISCARD_PART);
			if (is_ending(r) || !block_discard(nvme->drive->block, at, part))
				return false;
		}
	}
	return true;
}

static void request_run(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;
	struct block *block = nvme->drive->block;
	u8 opcode = r->command[NVME_C_OPCODE];
	bool ok = true;

	switch (opcode) {
	case NVME_READ:
	case NVME_WRITE: ok = data_move(r, false); break;
	case NVME_FLUSH: ok = block_flush(block); break;
	case NVME_WRITE_ZEROES:
		ok = block_write_zeroes(block, r->offset, r->bytes, nvme_dword(r, NVME_C_CDW12) & NVME_DEALLOCATE);
		break;
	case NVME_DSM: ok = ranges_discard(r); break;
	}
	if (ok && (opcode == NVME_WRITE || opcode == NVME_WRITE_ZEROES) &&
	    ((nvme_dword(r, NVME_C_CDW12) & NVME_FUA) || !__atomic_load_n(&nvme->write_cache, __ATOMIC_RELAXED)))
		ok = block_flush(block);
	if (!ok && !r->status) {
		r->status = NVME_WRITE_FAULT;
		r->failed = true;
	}
	r->no_space = r->failed && block_out_of_space();
}

static void request_done(void *opaque);

static void request_work(void *arg)
{
	struct nvme_request *r = arg;
	struct nvme *nvme = r->nvme;

	if (!is_ending(r))
		request_run(r);
	if (loop_is_instruction_time(nvme->pci.loop))
		request_done(r);
	else
		loop_defer(nvme->pci.loop, request_done, r);
}

/* --- Under the machine lock --- */

static void request_done(void *opaque)
{
	struct nvme_request *r = opaque;
	struct nvme *nvme = r->nvme;
	struct nvme_sq *sq = &nvme->sqs[r->sq];

	if (sq->ending) {
		sq->busy--;
		nvme_request_free(r);
		nvme_sq_end(nvme, sq);
		nvme_go_on(nvme);
		return;
	}
	if (r->failed) {
		switch (machine_disk_failed(nvme->machine, nvme->drive, r->command[NVME_C_OPCODE] != NVME_READ,
					    r->no_space)) {
		case ON_ERROR_STOP:
			r->next = nvme->stopped;
			nvme->stopped = r;
			return;
		case ON_ERROR_IGNORE: r->status = NVME_OK; break;
		default: break;
		}
	}
	sq->busy--;
	nvme_complete(r);
	nvme_go_on(nvme);
}

static bool is_request_of(void *request, void *nvme)
{
	struct nvme_request *r = request;

	if (r->nvme == nvme)
		nvme_request_free(r);
	return r->nvme == nvme;
}

void nvme_io_forget(struct nvme *nvme)
{
	if (nvme->pci.loop)
		loop_undefer(nvme->pci.loop, request_done, is_request_of, nvme);
}

void nvme_io_retry(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;

	r->status = NVME_OK;
	r->failed = false;
	work_group_run(&nvme->work, request_work, r);
}

/* The blocks that a command names; false: not on the disk. */
static bool blocks_of(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;
	u64 first = load_le(r->command + NVME_C_CDW10, 8), count = (nvme_dword(r, NVME_C_CDW12) & 0xffff) + 1;

	r->offset = first * nvme->logical_block_size;
	r->bytes = count * nvme->logical_block_size;
	return range_ok(first, count, nvme_blocks(nvme));
}

static u16 ranges_read(struct nvme_request *r)
{
	u32 count = (nvme_dword(r, NVME_C_CDW10) & 0xff) + 1;
	u16 status = nvme_prp(r, NVME_RANGE_BYTES * count);

	if (!status && !nvme_data_in(r, r->ranges, NVME_RANGE_BYTES * count))
		status = NVME_TRANSFER_ERROR;
	for (u32 n = 0; !status && n < count; n++)
		if (!range_ok(load_le(r->ranges + NVME_RANGE_BYTES * n + 8, 8),
			      load_le(r->ranges + NVME_RANGE_BYTES * n + 4, 4), nvme_blocks(r->nvme)))
			status = NVME_LBA_RANGE;
	return status;
}

static u16 request_check(struct nvme_request *r)
{
	u8 opcode = r->command[NVME_C_OPCODE];
	u32 nsid = nvme_dword(r, NVME_C_NSID);

	if (nsid != 1 && !(opcode == NVME_FLUSH && nsid == 0xffffffff))
		return NVME_INVALID_NS;
	if ((opcode == NVME_WRITE || opcode == NVME_WRITE_ZEROES || opcode == NVME_DSM) &&
	    block_is_readonly(r->nvme->drive->block))
		return NVME_READ_ONLY;
	switch (opcode) {
	case NVME_FLUSH: return NVME_OK;
	case NVME_READ:
	case NVME_WRITE: return blocks_of(r) ? nvme_prp(r, r->bytes) : NVME_LBA_RANGE;
	case NVME_WRITE_ZEROES: return blocks_of(r) ? NVME_OK : NVME_LBA_RANGE;
	case NVME_DSM: return ranges_read(r);
	}
	trace(UNIMP, "%s: command %02xh", dev_name(&r->nvme->pci.dev), opcode);
	return NVME_INVALID_OPCODE;
}

void nvme_io(struct nvme_request *r)
{
	r->status = request_check(r);
	if (r->status ||
	    (r->command[NVME_C_OPCODE] == NVME_DSM && !(nvme_dword(r, NVME_C_CDW11) & NVME_DSM_DEALLOCATE)) ||
	    (r->command[NVME_C_OPCODE] == NVME_READ && r->bytes <= AT_ONCE_BYTES && data_move(r, true))) {
		nvme_complete(r);
		return;
	}
	r->nvme->sqs[r->sq].busy++;
	nvme_io_retry(r);
}
