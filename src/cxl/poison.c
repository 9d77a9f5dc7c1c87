/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Poison: lines of media whose data are known to be bad. [CXL3.1 8.2.9.9.4] A sorted list of disjoint ranges per
 * device; the address map leaves a hole for each (map.c), so that a host read aborts. A store to such a line goes to
 * the media and leaves the line poisoned, as it is only part of one; Clear Poison writes a whole line and repairs it.
 *
 * The list that the host sees has POISON_LIST_RECORDS records. What does not fit sets the overflow flag and its time
 * stamp, and nothing is added until a Scan Media of the whole capacity has built the list anew. Scan Media goes over
 * the media themselves, in background, and reports everything. A list that a payload does
 * not hold comes in pieces: the same command for the same range goes on, any other begins anew. Machine lock.
 */
#include <stdlib.h>

#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define ULL(v) ((unsigned long long)(v))
#define SCAN_NS_PER_MIB 2000000ull /* 500 MiB/s */
#define RECORD_BYTES 16
#define LIST_HEADER_BYTES 32
#define RESULTS_HEADER_BYTES 32

unsigned poison_find(const struct poison_range *ranges, unsigned count, u64 dpa)
{
	unsigned low = 0, high = count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (ranges[middle].dpa + ranges[middle].size <= dpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool poison_hits(const struct poison_range *ranges, unsigned count, u64 dpa, u64 size)
{
	unsigned n = poison_find(ranges, count, dpa);

	return n < count && ranges[n].dpa < dpa + size;
}

static void media_event(struct cxl_type3 *dev, enum cxl_event_log log, u64 dpa, enum media_transaction transaction)
{
	const struct poison *p = &dev->poison;
	unsigned n = poison_find(p->ranges, p->count, dpa);
	u8 record[EVENT_RECORD_BYTES] = {0};

	memcpy(record, cxl_record_kinds[CXL_RECORD_GENERAL_MEDIA].uuid, 16);
	store_le(record + GENERAL_MEDIA_DPA, 8,
		 align_down(dpa, POISON_LINE) | (type3_is_persistent(dev, dpa) ? 0 : GENERAL_MEDIA_DPA_VOLATILE));
	record[GENERAL_MEDIA_DESCRIPTOR] =
		GENERAL_MEDIA_UNCORRECTABLE |
		(n < p->count && p->ranges[n].dpa <= dpa && p->ranges[n].unlisted ? GENERAL_MEDIA_LIST_OVERFLOW : 0);
	record[GENERAL_MEDIA_TRANSACTION] = transaction;
	event_report(dev, log, record);
}

void poison_met(struct cxl_type3 *dev, u64 dpa, enum media_transaction transaction)
{
	trace(CXL, "%s: poison at DPA 0x%llx", dev->name, ULL(dpa));
	media_event(dev, EVENT_FAILURE, dpa, transaction);
}

static void remove_range(struct poison *p, unsigned n)
{
	memmove(&p->ranges[n], &p->ranges[n + 1], (--p->count - n) * sizeof(p->ranges[0]));
}

static void insert_range(struct poison *p, unsigned n, struct poison_range range)
{
	memmove(&p->ranges[n + 1], &p->ranges[n], (p->count++ - n) * sizeof(p->ranges[0]));
	p->ranges[n] = range;
}

static bool list_is_full(const struct poison *p)
{
	unsigned listed = 0;

	for (unsigned n = 0; n < p->count; n++)
		listed += !p->ranges[n].unlisted;
	return listed >= POISON_LIST_RECORDS;
}

/* Whatever is poisoned in there is so no more; false: no room to keep both ends of a range. */
static bool poison_remove(struct poison *p, u64 dpa, u64 size)
{
	unsigned n = poison_find(p->ranges, p->count, dpa);
	u64 end = dpa + size;

	while (n < p->count && p->ranges[n].dpa < end) {
		struct poison_range *r = &p->ranges[n], rest = *r;

		if (r->dpa < dpa && r->dpa + r->size > end) {
			if (p->count == POISON_RANGES_MAX)
				return false;
			rest.size = r->dpa + r->size - end;
			rest.dpa = end;
			rest.unlisted |= list_is_full(p);
			r->size = dpa - r->dpa;
			insert_range(p, n + 1, rest);
			return true;
		}
		if (r->dpa < dpa) {
			r->size = dpa - r->dpa;
			n++;
		} else if (r->dpa + r->size > end) {
			r->size -= end - r->dpa;
			r->dpa = end;
			return true;
		} else {
			remove_range(p, n);
		}
	}
	return true;
}

/* What is not on the list makes its overflow. */
static void list_check(struct cxl_type3 *dev)
{
	struct poison *p = &dev->poison;

	for (unsigned n = 0; n < p->count && !p->overflowed; n++)
		if (p->ranges[n].unlisted) {
			p->overflowed = true;
			p->overflow_at = type3_timestamp(dev);
		}
}

static void list_rebuild(struct cxl_type3 *dev)
{
	struct poison *p = &dev->poison;

	p->overflowed = false;
	p->overflow_at = 0;
	for (unsigned n = 0; n < p->count; n++)
		p->ranges[n].unlisted = n >= POISON_LIST_RECORDS;
	list_check(dev);
}

static void poison_removed(struct cxl_type3 *dev)
{
	list_check(dev); /* a range may have become two */
	cxl_map_changed(dev->host);
}

void poison_clear(struct cxl_type3 *dev, u64 dpa, u64 size)
{
	if (!poison_hits(dev->poison.ranges, dev->poison.count, dpa, size))
		return;
	/* Where there is no room to keep both ends of a range apart, the whole stays poisoned. */
	if (!poison_remove(&dev->poison, dpa, size))
		trace(UNIMP, "%s: no room for the rests of a poisoned range", dev->name);
	poison_removed(dev);
}

bool poison_add(struct cxl_type3 *dev, u64 dpa, u64 size, enum poison_source source)
{
	struct poison *p = &dev->poison;
	bool frozen = p->overflowed;
	unsigned n;

	if (!size || !is_aligned(dpa, POISON_LINE) || !is_aligned(size, POISON_LINE) ||
	    !range_ok(dpa, size, type3_capacity(dev)))
		return false;
	for (n = poison_find(p->ranges, p->count, dpa); n < p->count && p->ranges[n].dpa < dpa + size; n++)
		frozen &= p->ranges[n].unlisted; /* what is on the list stays there */
	if (p->count + 2 > POISON_RANGES_MAX || !poison_remove(p, dpa, size))
		return false;
	n = poison_find(p->ranges, p->count, dpa);
	if (n && p->ranges[n - 1].dpa + p->ranges[n - 1].size == dpa && p->ranges[n - 1].source == source &&
	    source != POISON_INJECTED && p->ranges[n - 1].unlisted == frozen)
		p->ranges[n - 1].size += size;
	else
		insert_range(p, n, (struct poison_range){dpa, size, source, frozen || list_is_full(p)});
	list_check(dev);
	trace(CXL, "%s: DPA 0x%llx, %llu bytes, poisoned", dev->name, ULL(dpa), ULL(size));
	cxl_map_changed(dev->host);
	return true;
}

bool cxl_poison_add(struct dev *dev, u64 dpa, u64 size, struct error *err)
{
	struct cxl_type3 *device = (struct cxl_type3 *)dev;

	if (dev->cls != &cxl_type3_class)
		return fail(err, "%s is no cxl-type3", dev_name(dev));
	if (!size || !is_aligned(dpa, POISON_LINE) || !is_aligned(size, POISON_LINE))
		return fail(err,
			    "%s: poison start=%llu, length=%llu: both are multiples of 64, and the length is not 0",
			    device->name, ULL(dpa), ULL(size));
	if (!range_ok(dpa, size, type3_capacity(device)))
		return fail(err, "%s: poison start=%llu, length=%llu: past the capacity of %llu bytes", device->name,
			    ULL(dpa), ULL(size), ULL(type3_capacity(device)));
	return poison_add(device, dpa, size, POISON_INJECTED) ||
	       fail(err, "%s: more than %u poisoned ranges", device->name, POISON_RANGES_MAX - 2);
}

bool cxl_poison_each(struct dev *dev, void (*each)(void *arg, u64 dpa, u64 size, const char *source), void *arg)
{
	static const char *const sources[] = {[POISON_EXTERNAL] = "external",
					      [POISON_INTERNAL] = "internal",
					      [POISON_INJECTED] = "injected",
					      [POISON_VENDOR] = "vendor"};
	const struct poison *p = &((struct cxl_type3 *)dev)->poison;

	for (unsigned n = 0; dev->cls == &cxl_type3_class && n < p->count; n++)
		each(arg, p->ranges[n].dpa, p->ranges[n].size, sources[p->ranges[n].source]);
	return dev->cls == &cxl_type3_class;
}

void poison_power_on(struct cxl_type3 *dev)
{
	struct poison *p = &dev->poison;
	u64 end = dev->volatile_bytes + dev->persistent_bytes;

	if (!p->count && !p->overflowed)
		return;
	poison_remove(p, 0, dev->volatile_bytes);
	poison_remove(p, end, type3_capacity(dev) - end);
	list_rebuild(dev);
	cxl_map_changed(dev->host);
}

/* A scan is forgotten by every conventional reset, a list that was read in pieces by any. */
void poison_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	struct poison *p = &dev->poison;

	p->list_size = 0;
	if (!(reset_kind & RESETS_CONVENTIONAL))
		return;
	p->scan_done = p->scan_quiet = false;
	p->scan_dpa = p->scan_size = p->result_at = 0;
}

void poison_clear_all(struct cxl_type3 *dev)
{
	if (dev->poison.count || dev->poison.overflowed) {
		dev->poison = (struct poison){0};
		cxl_map_changed(dev->host);
	}
}

/* A range of the host's: start and number of 64-byte units. */
static u16 check_range(const struct cxl_type3 *dev, u64 dpa, u64 units, u64 *size)
{
	if (!is_aligned(dpa, POISON_LINE))
		return CXL_INVALID_INPUT;
	if (!units || units > type3_capacity(dev) / POISON_LINE ||
	    !range_ok(dpa, units * POISON_LINE, type3_capacity(dev)))
		return CXL_INVALID_PHYSICAL_ADDRESS;
	*size = units * POISON_LINE;
	return CXL_SUCCESS;
}

static u16 get_range(const struct cxl_type3 *dev, struct mbox_in *in, u64 *dpa, u64 *size)
{
	*dpa = mbox_get(in, 8);
	return check_range(dev, *dpa, mbox_get(in, 8), size);
}

/* Records of [dpa, dpa + size), of all or of those on the list; returns how many, and where to go on, or 0 if that was
 * all. */
static unsigned put_records(struct cxl_type3 *dev, struct mbox_out *out, u64 dpa, u64 size, bool listed, u64 *more)
{
	const struct poison *p = &dev->poison;
	unsigned count = 0;

	*more = 0;
	for (unsigned n = poison_find(p->ranges, p->count, dpa); n < p->count && p->ranges[n].dpa < dpa + size; n++) {
		u64 from = MAX(p->ranges[n].dpa, dpa), to = MIN(p->ranges[n].dpa + p->ranges[n].size, dpa + size);

		if (listed && p->ranges[n].unlisted)
			continue;
		if (out->room - out->at < RECORD_BYTES) {
			*more = from;
			break;
		}
		mbox_put(out, 8, from | p->ranges[n].source);
		mbox_put(out, 4, MIN((to - from) / POISON_LINE, (u64)UINT32_MAX));
		mbox_put(out, 4, 0);
		count++;
	}
	return count;
}

static bool is_scanning(const struct cxl_type3 *dev)
{
	return dev->background.is_running && dev->background.opcode == 0x4304;
}

u16 cmd_get_poison_list(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct poison *p = &dev->poison;
	u64 address = mbox_get(in, 8), dpa = address & ~(u64)POISON_RESTART, from = dpa, size, more;
	u16 code = check_range(dev, dpa, mbox_get(in, 8), &size);
	bool restart = address & POISON_RESTART;
	unsigned count;

	if (code != CXL_SUCCESS)
		return code;
	if (!restart && p->list_size == size && p->list_dpa == dpa)
		from = p->list_next;
	mbox_put_zeros(out, LIST_HEADER_BYTES);
	count = put_records(dev, out, from, dpa + size - from, true, &more);
	p->list_dpa = dpa;
	p->list_next = more;
	p->list_size = more ? size : 0;
	mbox_patch(out, 0, 1,
		   (more ? POISON_FLAG_MORE : 0) | (p->overflowed ? POISON_FLAG_OVERFLOW : 0) |
			   (is_scanning(dev) ? POISON_FLAG_SCANNING : 0) | (restart ? POISON_FLAG_RESTARTED : 0));
	mbox_patch(out, 2, 8, p->overflow_at);
	mbox_patch(out, 10, 2, count);
	return CXL_SUCCESS;
}

bool media_has_line(const struct cxl_type3 *dev, u64 dpa)
{
	return range_ok(dpa, POISON_LINE, type3_capacity(dev)) && dynamic_is_memory(dev, dpa, POISON_LINE);
}

u16 poison_inject(struct cxl_type3 *dev, u64 dpa)
{
	unsigned injected = 0;
	u16 code;

	if (!is_aligned(dpa, POISON_LINE) || !media_has_line(dev, dpa))
		return CXL_INVALID_PHYSICAL_ADDRESS;
	if ((code = media_state(dev, dpa, POISON_LINE)) != CXL_SUCCESS)
		return code;
	if (poison_hits(dev->poison.ranges, dev->poison.count, dpa, POISON_LINE))
		return CXL_SUCCESS; /* it is poisoned: nothing changes */
	for (unsigned n = 0; n < dev->poison.count; n++)
		injected += dev->poison.ranges[n].source == POISON_INJECTED;
	if (injected >= POISON_LIST_RECORDS || !poison_add(dev, dpa, POISON_LINE, POISON_INJECTED))
		return CXL_INJECT_POISON_LIMIT;
	media_event(dev, EVENT_INFO, dpa, MEDIA_HOST_INJECT);
	return CXL_SUCCESS;
}

u16 cmd_inject_poison(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	return poison_inject(dev, mbox_get(in, 8));
}

u16 cmd_clear_poison(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u64 dpa = mbox_get(in, 8);
	const u8 *data = mbox_get_bytes(in, POISON_LINE);

	return data ? poison_replace(dev, dpa, data) : CXL_INVALID_INPUT;
}

u16 poison_replace(struct cxl_type3 *dev, u64 dpa, const u8 *data)
{
	u16 code;

	if (!is_aligned(dpa, POISON_LINE))
		return CXL_INVALID_INPUT;
	if (!media_has_line(dev, dpa))
		return CXL_INVALID_PHYSICAL_ADDRESS;
	if ((code = media_state(dev, dpa, POISON_LINE)) != CXL_SUCCESS)
		return code;
	if (media_is_readonly(dev, dpa, POISON_LINE) || !poison_remove(&dev->poison, dpa, POISON_LINE))
		return CXL_INTERNAL_ERROR;
	cxl_media_write(dev->host, dev, dpa, data, POISON_LINE);
	poison_removed(dev);
	return CXL_SUCCESS;
}

void poison_repair(struct cxl_type3 *dev, u64 dpa)
{
	static const u8 zeros[POISON_LINE];

	if (!poison_hits(dev->poison.ranges, dev->poison.count, dpa, POISON_LINE) ||
	    !poison_remove(&dev->poison, dpa, POISON_LINE))
		return;
	cxl_media_write(dev->host, dev, dpa, zeros, POISON_LINE);
	poison_removed(dev);
}

static u64 scan_ns(u64 size)
{
	return MAX(size / MiB, 1ull) * SCAN_NS_PER_MIB;
}

u16 cmd_get_scan_media_capabilities(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u64 dpa, size;
	u16 code = get_range(dev, in, &dpa, &size);

	if (code == CXL_SUCCESS)
		mbox_put(out, 4, MIN(scan_ns(size) / 1000000, (u64)UINT32_MAX));
	return code;
}

static void scan_done(void *owner, u16 code)
{
	struct cxl_type3 *dev = owner;
	struct poison *p = &dev->poison;

	p->scan_done = code == CXL_SUCCESS;
	p->result_at = p->scan_dpa;
	if (!p->scan_done)
		return;
	if (!p->scan_dpa && p->scan_size == type3_capacity(dev))
		list_rebuild(dev);
	for (unsigned n = poison_find(p->ranges, p->count, p->scan_dpa); !p->scan_quiet && n < p->count; n++)
		if (p->ranges[n].dpa < p->scan_dpa + p->scan_size)
			media_event(dev, EVENT_INFO, MAX(p->ranges[n].dpa, p->scan_dpa), MEDIA_HOST_SCAN);
}

u16 cmd_scan_media(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u64 dpa, size;
	u16 code = get_range(dev, in, &dpa, &size);

	if (code != CXL_SUCCESS || (code = media_state(dev, dpa, size)) != CXL_SUCCESS)
		return code;
	dev->poison.scan_quiet = mbox_get(in, 1) & SCAN_NO_EVENT_LOG;
	dev->poison.scan_done = false;
	dev->poison.scan_dpa = dpa;
	dev->poison.scan_size = size;
	return background_start(&dev->background, 0x4304, scan_ns(size), true, scan_done);
}

/* Each call gives what the payload holds and remembers where it was. A scan that was aborted has found nothing, and is
 * to be started again. */
u16 cmd_get_scan_media_results(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct poison *p = &dev->poison;
	u64 end = p->scan_dpa + p->scan_size, more = 0;
	unsigned count = 0;

	if (is_scanning(dev))
		return CXL_BUSY;
	if (!p->scan_size)
		return CXL_UNSUPPORTED; /* there was no Scan Media since the last conventional reset */
	mbox_put_zeros(out, RESULTS_HEADER_BYTES);
	if (p->scan_done && p->result_at < end) {
		count = put_records(dev, out, p->result_at, end - p->result_at, false, &more);
		p->result_at = more ? more : end;
	}
	if (!p->scan_done) {
		mbox_patch(out, 0, 8, p->scan_dpa);
		mbox_patch(out, 8, 8, p->scan_size / POISON_LINE);
	}
	mbox_patch(out, 16, 1, (more ? POISON_FLAG_MORE : 0) | (p->scan_done ? 0 : SCAN_FLAG_STOPPED));
	mbox_patch(out, 18, 2, count);
	return CXL_SUCCESS;
}
