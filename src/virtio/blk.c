/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-blk: a disk. [VIRTIO1.2 5.2]
 *
 * A notified queue is drained under the machine lock: chains are checked and each becomes a request. The request's data
 * moves on a pool thread, straight between the disk and guest memory where that is contiguous, else through a small
 * buffer; the thread touches nothing but its request. Completion comes back to the loop (or at once under instruction
 * time, where workers run inline), writes the status byte and the used entry and interrupts.
 *
 * A reset of the device or of a queue takes back what no thread has begun, waits until none is in a request of it, and
 * gives the queues a new generation: completions that are still on their way belong to an older one and are thrown
 * away. Threads never take the machine lock, so the wait ends; and soon, as they leave the rest of their request.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/trace.h"
#include "mem/disk.h"
#include "virtio/device.h"

#define QUEUES_AUTO 0xffff
#define AT_ONCE_BYTES (128 * KiB)
#define RANGE_SECTORS_MAX 0x3fffff /* of one discard or write zeroes: 2 GiB */

struct blk_request {
	struct blk_request *next; /* free list */
	struct virtio_blk *blk;
	struct virtq *queue;
	struct virtq_chain *chain;
	u32 generation; /* the queue's */
	u32 type;
	u64 offset, bytes;  /* on the disk */
	bool unmap, failed; /* failed: by the host, */
	bool no_space;      /* for want of space */
	bool faulted;       /* by the IOMMU */
	bool at_once;       /* only if that takes no waiting */
	u8 status;
};

struct virtio_blk {
	struct virtio virtio;
	/* properties */
	char *drive_id, *serial;
	struct dev *iothread; /* it has no effect */
	u32 bootindex, logical_block_size, physical_block_size, min_io_size, opt_io_size;
	u16 num_queues, queue_size;
	bool discard, write_zeroes, write_cache, share_rw, scsi;
	u32 write_error, read_error; /* 0: the drive's, else 1 + enum on_error */
	/* fixed at create */
	struct drive *drive;
	enum on_error drives_own[2];         /* the drive's policies before ours: of writes, of reads */
	struct blk_request *spare, *stopped; /* stopped: failed, and tried again when the machine goes on */
	struct machine *machine;
	bool writeback;          /* guest-visible; atomic: off: each write is flushed */
	struct work_group *work; /* of each queue: requests that threads hold */
};

static struct work_group *work_of(const struct blk_request *r)
{
	return &r->blk->work[r->queue->index];
}

/* --- On a pool thread --- */

/* The data: in-buffers but for the status byte, or out-buffers behind the header. */
static bool data_move(struct blk_request *r)
{
	const struct virtq_chain *chain = r->chain;
	bool in = r->type == BLK_T_IN, ok = true;
	const struct virtq_segment *s = chain->segments + (in ? chain->out_count : 0);
	unsigned count = in ? chain->in_count : chain->out_count;
	u64 skip = in ? 0 : BLK_HEADER_BYTES, left = r->bytes;
	struct virtio *virtio = &r->blk->virtio;
	s64 requester = virtio->iommu_platform ? pci_requester_id(&virtio->pci) : DISK_PHYSICAL;
	struct disk_move move;

	disk_move_begin(&move, r->blk->virtio.space, requester, r->blk->drive->block, in, r->offset);
	move.at_once = r->at_once;
	move.end = &work_of(r)->ending;
	for (; ok && count && left; count--, s++) {
		u64 part;

		if (skip >= s->length) {
			skip -= s->length;
			continue;
		}
		part = MIN(s->length - skip, left);
		ok = disk_move_add(&move, s->pa + skip, part);
		skip = 0;
		left -= part;
	}
	ok = disk_move_end(&move) && ok && !left;
	r->failed = move.failed && !move.faulted;
	r->faulted = move.faulted;
	return ok;
}

static bool request_run(struct blk_request *r)
{
	struct block *block = r->blk->drive->block;
	bool write = r->type == BLK_T_OUT || r->type == BLK_T_WRITE_ZEROES;
	bool ok = true;

	switch (r->type) {
	case BLK_T_IN:
	case BLK_T_OUT: ok = data_move(r); break;
	case BLK_T_FLUSH: ok = block_flush(block); break;
	case BLK_T_DISCARD: ok = block_discard(block, r->offset, r->bytes); break;
	case BLK_T_WRITE_ZEROES: ok = block_write_zeroes(block, r->offset, r->bytes, r->unmap); break;
	}
	r->failed |= !ok && r->type != BLK_T_IN && r->type != BLK_T_OUT;
	if (!ok || !write || __atomic_load_n(&r->blk->writeback, __ATOMIC_RELAXED))
		return ok;
	r->failed = !block_flush(block);
	return !r->failed;
}

static void request_complete(void *opaque);

static void request_work(void *arg)
{
	struct blk_request *r = arg;
	struct virtio_blk *blk = r->blk;
	bool inline_time = loop_is_instruction_time(blk->virtio.loop);

	if (r->status == BLK_S_OK && !request_run(r))
		r->status = BLK_S_IOERR;
	r->no_space = r->failed && block_out_of_space();
	if (inline_time)
		request_complete(r);
	else
		loop_defer(blk->virtio.loop, request_complete, r);
}

/* --- Under the machine lock --- */

static void request_free(struct blk_request *r)
{
	r->next = r->blk->spare;
	r->blk->spare = r;
}

static struct blk_request *request_new(struct virtio_blk *blk)
{
	struct blk_request *r = blk->spare;

	if (r) {
		blk->spare = r->next;
		return r;
	}
	r = calloc(1, sizeof(*r));
	assert(r);
	r->blk = blk;
	r->chain = virtq_chain_new();
	return r;
}

/* A request that the host could not carry out: whether it is over. */
static bool failure_is_told(struct blk_request *r)
{
	struct virtio_blk *blk = r->blk;
	enum on_error action = machine_disk_failed(blk->machine, blk->drive, r->type != BLK_T_IN, r->no_space);

	if (action == ON_ERROR_IGNORE)
		r->status = BLK_S_OK;
	if (action != ON_ERROR_STOP)
		return true;
	r->next = blk->stopped;
	blk->stopped = r;
	return false;
}

/* Its queue was not reset since. */
static bool is_wanted(const struct blk_request *r)
{
	return r->generation == r->queue->generation;
}

static void request_complete(void *opaque)
{
	struct blk_request *r = opaque;
	struct virtio_blk *blk = r->blk;
	struct virtio *virtio = &blk->virtio;

	if (is_wanted(r) && r->failed && !failure_is_told(r))
		return;
	if (is_wanted(r)) {
		trace(VIRTIO, "%s: request %u, %llu bytes at 0x%llx: status %u", dev_name(&virtio->dev), r->type,
		      (unsigned long long)r->bytes, (unsigned long long)r->offset, r->status);
		virtq_write(virtio, r->chain, r->chain->in_bytes - 1, &r->status, 1);
		virtq_push(r->queue, r->chain, MIN(r->chain->in_bytes, 0xffffffffull));
		virtq_signal(r->queue);
	}
	request_free(r);
}

/* Sector and length as a range of the disk; false: outside. */
static bool disk_range(struct blk_request *r, u64 sector, u64 bytes)
{
	r->offset = sector * BLK_SECTOR;
	r->bytes = bytes;
	return sector <= UINT64_MAX / BLK_SECTOR && bytes % BLK_SECTOR == 0 &&
	       range_ok(r->offset, bytes, align_down(block_size(r->blk->drive->block), BLK_SECTOR));
}

static u8 get_id(struct blk_request *r)
{
	char id[BLK_ID_BYTES] = {0};

	if (r->blk->serial)
		memcpy(id, r->blk->serial, strnlen(r->blk->serial, sizeof(id)));
	return virtq_write(&r->blk->virtio, r->chain, 0, id, MIN(sizeof(id), r->chain->in_bytes - 1)) ? BLK_S_OK :
													BLK_S_IOERR;
}

/* Discard and write zeroes: one range of 16 bytes, as the configuration says. [VIRTIO1.2 5.2.6] */
static u8 range_parse(struct blk_request *r)
{
	u8 range[BLK_RANGE_BYTES];
	u64 sectors, flags;

	if (r->chain->out_bytes != BLK_HEADER_BYTES + BLK_RANGE_BYTES)
		return BLK_S_UNSUPP;
	if (!virtq_read(&r->blk->virtio, r->chain, BLK_HEADER_BYTES, range, sizeof(range)))
		return BLK_S_IOERR;
	sectors = load_le(range + 8, 4);
	flags = load_le(range + 12, 4);
	r->unmap = flags & 1;
	if ((flags & ~1ull) || (r->type == BLK_T_DISCARD && flags))
		return BLK_S_UNSUPP;
	return sectors <= RANGE_SECTORS_MAX && disk_range(r, load_le(range, 8), sectors * BLK_SECTOR) ? BLK_S_OK :
													BLK_S_IOERR;
}

/* The request's status so far: OK means that there is work to do (if any). */
static u8 request_parse(struct blk_request *r)
{
	struct virtio_blk *blk = r->blk;
	u8 header[BLK_HEADER_BYTES];
	u64 sector;
	bool readonly = block_is_readonly(blk->drive->block);

	r->offset = r->bytes = 0;
	if (!virtq_read(&blk->virtio, r->chain, 0, header, sizeof(header))) {
		r->type = 0xffffffff;
		return BLK_S_IOERR;
	}
	r->type = load_le(header, 4);
	sector = load_le(header + 8, 8);
	switch (r->type) {
	case BLK_T_IN: return disk_range(r, sector, r->chain->in_bytes - 1) ? BLK_S_OK : BLK_S_IOERR;
	case BLK_T_OUT:
		return disk_range(r, sector, r->chain->out_bytes - BLK_HEADER_BYTES) && !readonly ? BLK_S_OK :
												    BLK_S_IOERR;
	case BLK_T_FLUSH: return BLK_S_OK;
	case BLK_T_GET_ID: return get_id(r);
	case BLK_T_DISCARD: return readonly ? BLK_S_IOERR : blk->discard ? range_parse(r) : BLK_S_UNSUPP;
	case BLK_T_WRITE_ZEROES: return readonly ? BLK_S_IOERR : blk->write_zeroes ? range_parse(r) : BLK_S_UNSUPP;
	}
	trace(UNIMP, "%s: request type %u", dev_name(&blk->virtio.dev), r->type);
	return BLK_S_UNSUPP;
}

static void request_start(struct blk_request *r)
{
	work_group_run(work_of(r), request_work, r);
}

/* What the host has in memory is there sooner than a thread would be. */
static bool read_at_once(struct blk_request *r)
{
	bool done;

	if (r->type != BLK_T_IN || r->status != BLK_S_OK || !r->bytes || r->bytes > AT_ONCE_BYTES)
		return false;
	r->at_once = true;
	done = data_move(r);
	r->at_once = r->failed = false;
	if (r->faulted)
		r->status = BLK_S_IOERR;
	return done || r->faulted;
}

static void blk_notified(struct virtio *virtio, struct virtq *queue)
{
	struct virtio_blk *blk = container_of(virtio, struct virtio_blk, virtio);

	for (u32 taken = 0;;) {
		struct blk_request *r = request_new(blk);

		if (!virtq_take(queue, r->chain, &taken)) {
			request_free(r);
			break;
		}
		r->queue = queue;
		r->generation = queue->generation;
		if (r->chain->out_bytes < BLK_HEADER_BYTES || !r->chain->in_bytes) {
			request_free(r);
			virtio_broken(virtio, "a block request without a header or a status byte");
			break;
		}
		r->status = request_parse(r);
		r->failed = false;
		if (read_at_once(r))
			request_complete(r);
		else
			request_start(r);
	}
}

static void request_drop(void *opaque)
{
	request_free(opaque);
}

static void blk_end(struct virtq *queue)
{
	work_group_cancel(&container_of(queue->virtio, struct virtio_blk, virtio)->work[queue->index]);
}

static void blk_type_reset(struct virtio *virtio)
{
	struct virtio_blk *blk = container_of(virtio, struct virtio_blk, virtio);

	for (unsigned n = 0; n < virtio->queue_count; n++)
		blk_end(&virtio->queues[n]);
	while (blk->stopped) {
		struct blk_request *r = blk->stopped;

		blk->stopped = r->next;
		request_free(r);
	}
	blk->writeback = blk->write_cache;
	virtio->config[BLK_WRITEBACK] = blk->writeback;
}

/* A driver that chooses the cache, but cannot flush, begins with none. [VIRTIO1.2 5.2.5.2] */
static void blk_features_ok(struct virtio *virtio)
{
	if (virtio_has(virtio, BLK_F_CONFIG_WCE) && !virtio_has(virtio, BLK_F_FLUSH))
		virtio->config[BLK_WRITEBACK] = 0;
}

/* Without CONFIG_WCE a driver that does not flush expects writes to be on the disk. [VIRTIO1.2 5.2.5.2] */
static void blk_driver_ok(struct virtio *virtio)
{
	struct virtio_blk *blk = container_of(virtio, struct virtio_blk, virtio);
	bool writeback = blk->write_cache && (virtio_has(virtio, BLK_F_FLUSH) || virtio_has(virtio, BLK_F_CONFIG_WCE));

	if (virtio_has(virtio, BLK_F_CONFIG_WCE))
		writeback = virtio->config[BLK_WRITEBACK];
	__atomic_store_n(&blk->writeback, writeback, __ATOMIC_RELAXED);
}

/* writeback is the one field that a driver may write. */
static void blk_config_write(struct virtio *virtio, u32 offset, u8 value)
{
	struct virtio_blk *blk = container_of(virtio, struct virtio_blk, virtio);

	if (offset != BLK_WRITEBACK || !virtio_has(virtio, BLK_F_CONFIG_WCE))
		return;
	virtio->config[BLK_WRITEBACK] = value & 1;
	__atomic_store_n(&blk->writeback, value & 1, __ATOMIC_RELAXED);
}

static const struct virtio_type blk_type = {
	.id = VIRTIO_ID_BLOCK,
	.name = "block",
	.class_code = 0x010000,
	.config_bytes = BLK_CONFIG_BYTES,
	.queue_notified = blk_notified,
	.reset = blk_type_reset,
	.end = blk_end,
	.features_ok = blk_features_ok,
	.driver_ok = blk_driver_ok,
	.config_written = blk_config_write,
};

/* --- Life --- */

static void config_fill(struct virtio_blk *blk)
{
	u8 *c = blk->virtio.config;

	store_le(c + BLK_CAPACITY, 8, block_size(blk->drive->block) / BLK_SECTOR);
	store_le(c + BLK_SEG_MAX, 4, blk->queue_size - 2u);
	store_le(c + BLK_BLK_SIZE, 4, blk->logical_block_size);
	c[BLK_PHYSICAL_EXP] = __builtin_ctz(blk->physical_block_size / blk->logical_block_size);
	store_le(c + BLK_MIN_IO, 2, blk->min_io_size / blk->logical_block_size);
	store_le(c + BLK_OPT_IO, 4, blk->opt_io_size / blk->logical_block_size);
	c[BLK_WRITEBACK] = blk->write_cache;
	store_le(c + BLK_NUM_QUEUES, 2, blk->num_queues);
	store_le(c + BLK_MAX_DISCARD, 4, RANGE_SECTORS_MAX);
	store_le(c + BLK_DISCARD_SEG, 4, 1);
	store_le(c + BLK_DISCARD_ALIGN, 4, blk->logical_block_size / BLK_SECTOR);
	store_le(c + BLK_MAX_ZEROES, 4, RANGE_SECTORS_MAX);
	store_le(c + BLK_ZEROES_SEG, 4, 1);
	c[BLK_ZEROES_UNMAP] = 1;
}

static bool properties_check(struct virtio_blk *blk, struct error *err)
{
	const char *name = dev_name(&blk->virtio.dev);

	if (blk->num_queues == QUEUES_AUTO)
		blk->num_queues = 1;
	if (!blk->num_queues || blk->num_queues > VIRTIO_QUEUES_MAX)
		return fail(err, "%s: num-queues=%u is not 1..%d", name, blk->num_queues, VIRTIO_QUEUES_MAX);
	if (blk->queue_size < 4 || blk->queue_size > QUEUE_SIZE_MAX || !is_power_of_2(blk->queue_size))
		return fail(err, "%s: queue-size=%u is not a power of two in 4..%d", name, blk->queue_size,
			    QUEUE_SIZE_MAX);
	if (!is_power_of_2(blk->logical_block_size) || blk->logical_block_size < 512 ||
	    blk->logical_block_size > 32 * KiB)
		return fail(err, "%s: logical_block_size=%u is not a power of two in 512..32768", name,
			    blk->logical_block_size);
	if (!blk->physical_block_size)
		blk->physical_block_size = blk->logical_block_size;
	if (!is_power_of_2(blk->physical_block_size) || blk->physical_block_size < blk->logical_block_size ||
	    blk->physical_block_size > 2 * MiB)
		return fail(err, "%s: physical_block_size=%u is not a power of two from logical_block_size=%u to 2 MiB",
			    name, blk->physical_block_size, blk->logical_block_size);
	if (blk->min_io_size % blk->logical_block_size || blk->min_io_size / blk->logical_block_size > 0xffff)
		return fail(err, "%s: min_io_size=%u is not a multiple of logical_block_size below 65536 blocks", name,
			    blk->min_io_size);
	if (blk->opt_io_size % blk->logical_block_size)
		return fail(err, "%s: opt_io_size=%u is not a multiple of logical_block_size", name, blk->opt_io_size);
	if (blk->scsi)
		return fail(err, "%s: scsi=on: there is no SCSI; write scsi=off", name);
	if (!blk->drive_id || !*blk->drive_id)
		return fail(err, "%s: it needs drive=ID of a -drive", name);
	return true;
}

static bool blk_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct virtio_blk *blk = container_of(dev, struct virtio_blk, virtio.dev);
	u64 features = BIT(BLK_F_SEG_MAX) | BIT(BLK_F_BLK_SIZE) | BIT(BLK_F_TOPOLOGY);

	if (!properties_check(blk, err))
		return false;
	blk->drive = machine_take_drive(env->machine, blk->drive_id, dev, err);
	if (!blk->drive)
		return false;
	blk->machine = env->machine;
	blk->drives_own[0] = blk->drive->write_error;
	blk->drives_own[1] = blk->drive->read_error;
	if (blk->write_error)
		blk->drive->write_error = blk->write_error - 1;
	if (blk->read_error)
		blk->drive->read_error = blk->read_error - 1;
	if (!blk->serial && blk->drive->serial)
		blk->serial = strdup(blk->drive->serial);
	if (blk->serial && strlen(blk->serial) > BLK_ID_BYTES)
		return fail(err, "%s: serial=%s is longer than %d characters", dev_name(dev), blk->serial,
			    BLK_ID_BYTES);
	blk->write_cache &= !blk->drive->write_through;
	blk->writeback = blk->write_cache;
	blk->work = calloc(blk->num_queues, sizeof(*blk->work));
	assert(blk->work);
	for (unsigned n = 0; n < blk->num_queues; n++)
		work_group_init(&blk->work[n], machine_workers(env->machine), request_drop);
	if (block_is_readonly(blk->drive->block))
		features |= BIT(BLK_F_RO);
	else
		features |= (blk->discard ? BIT(BLK_F_DISCARD) : 0) | (blk->write_zeroes ? BIT(BLK_F_WRITE_ZEROES) : 0);
	features |= BIT(BLK_F_FLUSH) | BIT(BLK_F_CONFIG_WCE);
	features |= blk->num_queues > 1 ? BIT(BLK_F_MQ) : 0;
	if (!virtio_init(&blk->virtio, &blk_type, features, blk->num_queues, blk->queue_size, env, err))
		return false;
	config_fill(blk);
	return true;
}

/* In the order in which they failed. */
static void blk_resume(struct dev *dev)
{
	struct virtio_blk *blk = container_of(dev, struct virtio_blk, virtio.dev);
	struct blk_request *again = NULL;

	while (blk->stopped) {
		struct blk_request *r = blk->stopped;

		blk->stopped = r->next;
		r->next = again;
		again = r;
	}
	while (again) {
		struct blk_request *r = again;

		again = r->next;
		r->status = BLK_S_OK;
		r->failed = false;
		if (is_wanted(r))
			request_start(r);
		else
			request_free(r);
	}
}

/* Its request goes with the spare ones. */
static bool is_request_of(void *request, void *blk)
{
	struct blk_request *r = request;

	if (r->blk == blk)
		request_free(r);
	return r->blk == blk;
}

static void blk_destroy(struct dev *dev)
{
	struct virtio_blk *blk = container_of(dev, struct virtio_blk, virtio.dev);

	virtio_fini(&blk->virtio);
	if (blk->drive) {
		blk->drive->user = NULL;
		blk->drive->write_error = blk->drives_own[0];
		blk->drive->read_error = blk->drives_own[1];
	}
	while (blk->stopped) {
		struct blk_request *r = blk->stopped;

		blk->stopped = r->next;
		request_free(r);
	}
	if (blk->virtio.loop)
		loop_undefer(blk->virtio.loop, request_complete, is_request_of, blk);
	while (blk->spare) {
		struct blk_request *r = blk->spare;

		blk->spare = r->next;
		virtq_chain_free(r->chain);
		free(r);
	}
	for (unsigned n = 0; blk->work && n < blk->num_queues; n++)
		work_group_fini(&blk->work[n]);
	free(blk->work);
}

static const char *const error_words[] = {"auto", "report", "enospc", "stop", "ignore", NULL};

static const struct prop blk_props[] = {
	PROP_STRING("drive", struct virtio_blk, drive_id, NULL, "id of the drive"),
	PROP_STRING("serial", struct virtio_blk, serial, NULL, "serial number, at most 20 characters"),
	PROP_U32("bootindex", struct virtio_blk, bootindex, 0xffffffff, "place in the firmware's boot order, from 0"),
	PROP_U16("num-queues", struct virtio_blk, num_queues, QUEUES_AUTO, "request queues (default 1)"),
	PROP_U16("queue-size", struct virtio_blk, queue_size, 256, "entries of each queue"),
	PROP_U32("logical_block_size", struct virtio_blk, logical_block_size, 512, "bytes"),
	PROP_U32("physical_block_size", struct virtio_blk, physical_block_size, 0, "bytes (default: the logical one)"),
	PROP_U32("min_io_size", struct virtio_blk, min_io_size, 0, "bytes"),
	PROP_U32("opt_io_size", struct virtio_blk, opt_io_size, 0, "bytes"),
	PROP_BOOL("discard", struct virtio_blk, discard, 1, "offer discard"),
	PROP_BOOL("write-zeroes", struct virtio_blk, write_zeroes, 1, "offer write zeroes"),
	PROP_BOOL("write-cache", struct virtio_blk, write_cache, 1, "off: each write is flushed"),
	PROP_CHOICE("werror", struct virtio_blk, write_error, error_words, 0,
		    "a write that fails (auto: as -drive has it)"),
	PROP_CHOICE("rerror", struct virtio_blk, read_error, error_words, 0,
		    "a read that fails (auto: as -drive has it)"),
	PROP_LINK("iothread", struct virtio_blk, iothread, "iothread", "accepted"),
	PROP_BOOL("share-rw", struct virtio_blk, share_rw, 0, "accepted"),
	PROP_BOOL("scsi", struct virtio_blk, scsi, 0, "only off"),
	VIRTIO_PROPS(struct virtio_blk),
	{}};

/* clang-format off */
#define BLK_CLASS .doc = "virtio disk", .size = sizeof(struct virtio_blk), .props = blk_props, .create = blk_create, .reset = virtio_dev_reset, \
		  .resume = blk_resume, .destroy = blk_destroy
/* clang-format on */
const struct dev_class virtio_blk_pci_class = {
	.name = "virtio-blk-pci", .plugs = BUS_PCIE, .common = pci_dev_props, BLK_CLASS};
const struct dev_class virtio_blk_device_class = {.name = "virtio-blk-device", .plugs = BUS_VIRTIO, BLK_CLASS};
