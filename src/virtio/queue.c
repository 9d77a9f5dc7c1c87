/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split queue. [VIRTIO1.2 2.7]
 *
 * Everything in guest memory is hostile: each index and descriptor is copied once and checked; a chain has at most as
 * many buffers as the queue has entries (which also ends loops), an indirect table likewise; lengths are added in
 * 64 bits. A driver that breaks these rules gets NEEDS_RESET and silence until it resets the device. Buffers that are
 * not memory fail in the copy, and the request with them.
 *
 * Order: the avail index is read before what it covers; used entries are written before the used index, and that before
 * the driver's wish for interrupts is read. The fences are the host's; x86 needs only the last.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "base/trace.h"
#include "virtio/device.h"

static bool ring_read16(struct virtq *queue, u64 pa, u16 *value)
{
	u8 bytes[2];

	if (!virtio_dma_read(queue->virtio, pa, bytes, 2)) {
		virtio_broken(queue->virtio, "a ring is not in memory");
		return false;
	}
	*value = load_le(bytes, 2);
	return true;
}

static bool ring_write(struct virtq *queue, u64 pa, u64 value, unsigned size)
{
	u8 bytes[8];

	store_le(bytes, size, value);
	if (virtio_dma_write(queue->virtio, pa, bytes, size))
		return true;
	virtio_broken(queue->virtio, "a ring is not in memory");
	return false;
}

bool virtq_layout_ok(const struct virtq *queue)
{
	u64 end;

	return is_power_of_2(queue->size) && queue->size <= queue->size_max && is_aligned(queue->desc, 16) &&
	       is_aligned(queue->avail, 2) && is_aligned(queue->used, 4) &&
	       add_ok(queue->desc, DESC_BYTES * (u64)queue->size, &end) &&
	       add_ok(queue->avail, 6 + 2 * (u64)queue->size, &end) &&
	       add_ok(queue->used, 6 + 8 * (u64)queue->size, &end);
}

struct virtq_chain *virtq_chain_new(void)
{
	struct virtq_chain *chain = calloc(1, sizeof(*chain));

	assert(chain);
	chain->segments = calloc(QUEUE_SIZE_MAX, sizeof(*chain->segments));
	assert(chain->segments);
	return chain;
}

void virtq_chain_free(struct virtq_chain *chain)
{
	if (chain)
		free(chain->segments);
	free(chain);
}

/* Avail entries not taken yet, or 0; more than the queue holds is a broken driver. */
static u16 avail_count(struct virtq *queue)
{
	u16 idx, count;

	if (!ring_read16(queue, queue->avail + RING_IDX, &idx))
		return 0;
	count = idx - queue->last_avail;
	/* Those that are taken and not given back count too: each holds a descriptor, so a driver cannot make us hold
	 * more of them. */
	if ((u16)(idx - queue->used_idx) > queue->size || count > queue->size) {
		virtio_broken(queue->virtio, "avail idx is ahead by more than the queue's size");
		return 0;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return count;
}

/* avail_event: "tell me when you pass this". [VIRTIO1.2 2.7.10] */
static void avail_event_set(struct virtq *queue)
{
	ring_write(queue, queue->used + RING_ENTRIES + 8 * queue->size, queue->last_avail, 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool virtq_has_chain(struct virtq *queue)
{
	if (!queue->enabled || !virtio_is_live(queue->virtio))
		return false;
	if (avail_count(queue))
		return true;
	if (!virtio_has(queue->virtio, VIRTIO_F_EVENT_IDX) || !virtio_is_live(queue->virtio))
		return false;
	avail_event_set(queue);
	return virtio_is_live(queue->virtio) && avail_count(queue);
}

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

static bool desc_read(struct virtq *queue, u64 table, u16 n, struct desc *desc)
{
	u8 bytes[DESC_BYTES];

	if (!virtio_dma_read(queue->virtio, table + DESC_BYTES * (u64)n, bytes, sizeof(bytes)))
		return false;
	desc->addr = load_le(bytes, 8);
	desc->len = load_le(bytes + 8, 4);
	desc->flags = load_le(bytes + 12, 2);
	desc->next = load_le(bytes + 14, 2);
	return true;
}

/* Adds one buffer; NULL, or what is wrong with it. */
static const char *chain_append(struct virtq_chain *chain, const struct desc *desc, u32 limit)
{
	u64 end;

	if (chain->out_count + chain->in_count >= limit)
		return "a chain is longer than the queue, or loops";
	if (!add_ok(desc->addr, desc->len, &end))
		return "a buffer passes the end of the address space";
	chain->segments[chain->out_count + chain->in_count] = (struct virtq_segment){desc->addr, desc->len};
	if (desc->flags & DESC_WRITE) {
		chain->in_count++;
		chain->in_bytes += desc->len;
	} else if (chain->in_count) {
		return "a readable buffer after a writable one";
	} else {
		chain->out_count++;
		chain->out_bytes += desc->len;
	}
	return NULL;
}

/* Walks the chain at `head`; NULL, or what is wrong. Bounded by the queue's size in each table. */
static const char *chain_walk(struct virtq *queue, struct virtq_chain *chain)
{
	u64 table = queue->desc;
	u32 table_count = queue->size, walked = 0;
	bool in_indirect = false;
	u16 n = chain->head;
	const char *wrong;
	struct desc desc;

	for (;;) {
		if (n >= table_count)
			return "a descriptor index is outside the table";
		if (walked++ > 2u * queue->size)
			return "a chain loops";
		if (!desc_read(queue, table, n, &desc))
			return "a descriptor table is not in memory";
		if (desc.flags & DESC_INDIRECT) {
			if (in_indirect || !virtio_has(queue->virtio, VIRTIO_F_INDIRECT_DESC))
				return "an indirect descriptor where none may be";
			if (desc.flags & DESC_NEXT)
				return "an indirect descriptor with NEXT";
			if (!desc.len || desc.len % DESC_BYTES || desc.len / DESC_BYTES > queue->size)
				return "an indirect table of a wrong length";
			if (desc.addr + desc.len < desc.addr)
				return "an indirect table passes the end of the address space";
			table = desc.addr;
			table_count = desc.len / DESC_BYTES;
			in_indirect = true;
			n = 0;
			continue;
		}
		wrong = chain_append(chain, &desc, queue->size);
		if (wrong)
			return wrong;
		if (!(desc.flags & DESC_NEXT))
			return NULL;
		n = desc.next;
	}
}

bool virtq_pop(struct virtq *queue, struct virtq_chain *chain)
{
	const char *wrong;

	if (!virtq_has_chain(queue))
		return false;
	chain->out_count = chain->in_count = 0;
	chain->out_bytes = chain->in_bytes = 0;
	if (!ring_read16(queue, queue->avail + RING_ENTRIES + 2 * (queue->last_avail & (queue->size - 1)),
			 &chain->head))
		return false;
	wrong = chain_walk(queue, chain);
	if (wrong) {
		virtio_broken(queue->virtio, wrong);
		return false;
	}
	queue->last_avail++;
	return true;
}

static void queue_again(void *opaque)
{
	struct virtq *queue = opaque;

	queue->again = false;
	virtio_notified(queue->virtio, queue->index);
}

bool virtq_take(struct virtq *queue, struct virtq_chain *chain, u32 *taken)
{
	if ((*taken)++ < 2u * queue->size)
		return virtq_pop(queue, chain);
	if (!queue->again && virtq_has_chain(queue)) {
		queue->again = true;
		loop_defer(queue->virtio->loop, queue_again, queue);
	}
	return false;
}

static bool is_queue_of(void *opaque, void *arg)
{
	return ((struct virtq *)opaque)->virtio == arg;
}

void virtq_undefer(struct virtio *virtio)
{
	loop_undefer(virtio->loop, queue_again, is_queue_of, virtio);
}

void virtq_fill(struct virtq *queue, u16 ahead, u16 head, u32 written)
{
	u64 entry = queue->used + RING_ENTRIES + 8 * ((queue->used_idx + ahead) & (queue->size - 1u));

	if (queue->enabled && virtio_is_live(queue->virtio))
		ring_write(queue, entry, head | (u64)written << 32, 8);
}

void virtq_publish(struct virtq *queue, u16 count)
{
	if (!queue->enabled || !virtio_is_live(queue->virtio))
		return;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	queue->used_idx += count;
	ring_write(queue, queue->used + RING_IDX, queue->used_idx, 2);
}

void virtq_push(struct virtq *queue, const struct virtq_chain *chain, u32 written)
{
	virtq_fill(queue, 0, chain->head, written);
	virtq_publish(queue, 1);
}

void virtq_untake(struct virtq *queue, u16 count)
{
	queue->last_avail -= count;
}

/* [VIRTIO1.2 2.7.7.2] With EVENT_IDX: when used_event lies among the entries added since we last looked. */
void virtq_signal(struct virtq *queue)
{
	u16 old = queue->signalled, event, flags;

	if (!queue->enabled || queue->used_idx == old || !virtio_is_live(queue->virtio))
		return;
	queue->signalled = queue->used_idx;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (virtio_has(queue->virtio, VIRTIO_F_EVENT_IDX)) {
		if (!ring_read16(queue, queue->avail + RING_ENTRIES + 2 * queue->size, &event))
			return;
		if ((u16)(queue->used_idx - event - 1) >= (u16)(queue->used_idx - old))
			return;
	} else {
		if (!ring_read16(queue, queue->avail + RING_FLAGS, &flags) || (flags & AVAIL_NO_INTERRUPT))
			return;
	}
	virtio_interrupt(queue->virtio, queue);
}

static bool copy(struct virtio *virtio, const struct virtq_segment *segments, unsigned count, u64 offset, u8 *to,
		 const u8 *from, u64 size)
{
	for (unsigned n = 0; n < count && size; n++) {
		u64 part;
		bool ok;

		if (offset >= segments[n].length) {
			offset -= segments[n].length;
			continue;
		}
		part = MIN(segments[n].length - offset, size);
		ok = to ? virtio_dma_read(virtio, segments[n].pa + offset, to, part) :
			  virtio_dma_write(virtio, segments[n].pa + offset, from, part);
		if (!ok)
			return false;
		if (to)
			to += part;
		else
			from += part;
		size -= part;
		offset = 0;
	}
	return !size;
}

bool virtq_read(struct virtio *virtio, const struct virtq_chain *chain, u64 offset, void *to, u64 size)
{
	return copy(virtio, chain->segments, chain->out_count, offset, to, NULL, size);
}

bool virtq_write(struct virtio *virtio, const struct virtq_chain *chain, u64 offset, const void *from, u64 size)
{
	return copy(virtio, chain->segments + chain->out_count, chain->in_count, offset, NULL, from, size);
}
