/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Media Operations: Sanitize and Zero of some ranges, in background. [CXL3.1 8.2.9.9.5.3] Both leave zeros and no
 * poison; the rest of the media stay enabled, and the ranges too until the end. Discovery lists the operations. Machine
 * lock.
 */
#include <stdlib.h>

#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

enum { CLASS_GENERAL = 0, CLASS_SANITIZE = 1 };
#define DISCOVERY 0
#define GRANULARITY 64u
#define NS_PER_MIB 2000000ull /* 500 MiB/s */

static const struct {
	u8 class, subclass;
	const char *name;
} operations[] = {
	/* As discovery lists them: itself is left out. */
	{CLASS_SANITIZE, 0, "sanitize"},
	{CLASS_SANITIZE, 1, "zero"},
};

static u16 discover(struct mbox_in *in, struct mbox_out *out)
{
	unsigned first = mbox_get(in, 2), count = mbox_get(in, 2);

	if (in->bad || mbox_left(in))
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (first > ARRAY_SIZE(operations))
		return CXL_INVALID_INPUT;
	count = MIN(count, (unsigned)ARRAY_SIZE(operations) - first);
	mbox_put(out, 8, GRANULARITY);
	mbox_put(out, 2, ARRAY_SIZE(operations));
	mbox_put(out, 2, count);
	for (unsigned n = first; n < first + count; n++) {
		mbox_put(out, 1, operations[n].class);
		mbox_put(out, 1, operations[n].subclass);
	}
	return CXL_SUCCESS;
}

static void ranges_done(void *owner, u16 code)
{
	struct cxl_type3 *dev = owner;
	struct media_operation *op = &dev->media_operation;

	if (code != CXL_SUCCESS)
		return;
	cxl_map_hold(dev->host);
	for (unsigned n = 0; n < op->count; n++)
		poison_clear(dev, op->ranges[n].dpa, op->ranges[n].size);
	cxl_map_release(dev->host);
	cxl_media_zero(dev->host, dev, op->ranges, op->count);
	trace(CXL, "%s: %u ranges of media are zero", dev->name, op->count);
}

static int by_dpa(const void *a, const void *b)
{
	const struct media_range *first = a, *second = b;

	return first->dpa < second->dpa ? -1 : first->dpa > second->dpa;
}

/* What overlaps or touches becomes one: there is never more to erase than the device has. Returns how many MiB. */
static u64 merge_ranges(struct media_operation *op)
{
	u64 total = 0;
	unsigned kept = 0;

	qsort(op->ranges, op->count, sizeof(op->ranges[0]), by_dpa);
	for (unsigned n = 1; n < op->count; n++) {
		struct media_range *last = &op->ranges[kept], *next = &op->ranges[n];

		if (next->dpa <= last->dpa + last->size)
			last->size = MAX(last->size, next->dpa + next->size - last->dpa);
		else
			op->ranges[++kept] = *next;
	}
	op->count = kept + 1;
	for (unsigned n = 0; n < op->count; n++)
		total += op->ranges[n].size;
	return total / MiB;
}

bool media_operations_create(struct cxl_type3 *dev, struct error *err)
{
	dev->media_operation.ranges =
		calloc(dev->mbox.payload_bytes / MEDIA_RANGE_BYTES, sizeof(dev->media_operation.ranges[0]));
	return dev->media_operation.ranges || fail(err, "%s: no memory for ranges of media", dev->name);
}

void media_operations_destroy(struct cxl_type3 *dev)
{
	free(dev->media_operation.ranges);
	dev->media_operation.ranges = NULL;
}

u16 cmd_media_operations(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	unsigned class = mbox_get(in, 1), subclass = mbox_get(in, 1), known = 0;
	struct media_operation *op = &dev->media_operation;
	u64 total;
	u32 count;

	mbox_get(in, 2);
	count = mbox_get(in, 4);
	if (class == CLASS_GENERAL && subclass == DISCOVERY)
		return count ? CXL_INVALID_INPUT : discover(in, out);
	while (known < ARRAY_SIZE(operations) &&
	       (operations[known].class != class || operations[known].subclass != subclass))
		known++;
	if (known == ARRAY_SIZE(operations))
		return CXL_INVALID_INPUT;
	if (mbox_left(in) != (u64)count * MEDIA_RANGE_BYTES)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (dev->security.state & (SECURITY_USER_SET | SECURITY_LOCKED))
		return CXL_INVALID_SECURITY_STATE;
	if (dev->background.is_running)
		return CXL_BUSY;
	if (!count)
		return CXL_SUCCESS;
	for (u32 n = 0; n < count; n++) {
		struct media_range *range = &op->ranges[n];

		range->dpa = mbox_get(in, 8);
		range->size = mbox_get(in, 8);
		if (!range->size || !is_aligned(range->dpa, GRANULARITY) || !is_aligned(range->size, GRANULARITY) ||
		    !range_ok(range->dpa, range->size, type3_capacity(dev)) ||
		    !dynamic_is_memory(dev, range->dpa, range->size))
			return CXL_INVALID_INPUT;
		if (media_is_readonly(dev, range->dpa, range->size))
			return CXL_INTERNAL_ERROR;
	}
	op->count = count;
	total = merge_ranges(op);
	trace(CXL, "%s: media operation %s of %u ranges", dev->name, operations[known].name, count);
	return background_start(&dev->background, 0x4402, MAX(total, 1ull) * NS_PER_MIB, true, ranges_done);
}
