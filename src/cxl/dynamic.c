/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic capacity of a memory device. [CXL3.1 9.13.3, 8.2.9.2.1.6, 8.2.9.9.9] One to eight regions of equal size
 * follow the static capacity in DPA; what is in them belongs to the host extent by extent.
 *
 *      offered  -- Add Response names it ------> accepted    a part may be taken; what is not named is taken back
 *      accepted -- Release, or a forced one ---> gone        a part of an extent leaves the rest of it
 *
 * Whoever manages the device (cxl.h) offers a group of extents and asks for others back; the host hears of both in the
 * dynamic capacity event log, one record per extent, More set in all but the last of a group. Groups are answered in
 * the order of their offering. Only accepted extents are memory: elsewhere in the regions reads give all ones and
 * writes are lost. Of shareable regions a group is taken as a whole or not at all, and extents come back whole.
 * Extents, offers and the generation number stay over every reset but a cold one. Machine lock.
 */
#include "cxl/dynamic.h"

#include <stdlib.h>

#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define ULL(v) ((unsigned long long)(v))
#define REGION_BYTES 40 /* of one in Get Dynamic Capacity Configuration */
#define LEFT_BYTES 16   /* extents and tags behind them */
#define EXTENT_BYTES 40 /* of one in an extent list */
#define UPDATE_BYTES 24 /* of one in an updated extent list */
#define UPDATE_MORE BIT(0)

enum { EVENT_ADD = 0, EVENT_RELEASE = 1, EVENT_FORCED_RELEASE = 2, EVENT_CONFIGURED = 3 };
#define EVENT_TYPE 48
#define EVENT_VALID 49
#define EVENT_REGION 52
#define EVENT_FLAGS 53
#define EVENT_EXTENT 56
#define EVENT_EXTENTS_LEFT 120
#define EVENT_TAGS_LEFT 124

/* --- lists: sorted by DPA, disjoint --- */

unsigned dc_find(const struct dc_extent *list, unsigned count, u64 dpa)
{
	unsigned low = 0, high = count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (list[middle].dpa + list[middle].size <= dpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool dc_overlaps(const struct dc_extent *list, unsigned count, u64 dpa, u64 size)
{
	for (unsigned n = 0; n < count; n++)
		if (list[n].dpa < dpa + size && dpa < list[n].dpa + list[n].size)
			return true;
	return false;
}

static bool dc_covers(const struct dc_extent *list, unsigned count, u64 dpa, u64 size)
{
	unsigned n = dc_find(list, count, dpa);
	u64 at = dpa;

	for (; n < count && at < dpa + size && list[n].dpa <= at; n++)
		at = list[n].dpa + list[n].size;
	return at >= dpa + size;
}

static void dc_insert(struct dc_extent *list, unsigned *count, const struct dc_extent *extent)
{
	unsigned n = dc_find(list, *count, extent->dpa);

	memmove(&list[n + 1], &list[n], ((*count)++ - n) * sizeof(list[0]));
	list[n] = *extent;
}

/* False: no room for both ends of an extent whose middle goes. */
static bool dc_take_out(struct dc_extent *list, unsigned *count, u64 dpa, u64 size)
{
	unsigned n = dc_find(list, *count, dpa);
	u64 end = dpa + size;

	while (n < *count && list[n].dpa < end) {
		struct dc_extent old = list[n], rest = old;

		memmove(&list[n], &list[n + 1], (--*count - n) * sizeof(list[0]));
		if (old.dpa < dpa) {
			rest.size = dpa - old.dpa;
			dc_insert(list, count, &rest);
			n++;
		}
		if (old.dpa + old.size > end) {
			if (*count == DC_EXTENTS_MAX)
				return false;
			rest.dpa = end;
			rest.size = old.dpa + old.size - end;
			dc_insert(list, count, &rest);
			break;
		}
	}
	return true;
}

u64 dynamic_region_base(const struct dynamic *dc, unsigned region)
{
	return dc->base + (u64)region * dc->region_size;
}

/* The region that holds all of [dpa, dpa + size), or -1. */
static int region_of(const struct dynamic *dc, u64 dpa, u64 size)
{
	u64 region;

	if (dpa < dc->base || !size)
		return -1;
	region = (dpa - dc->base) / dc->region_size;
	return region < dc->region_count && range_ok(dpa - dynamic_region_base(dc, region), size, dc->region_size) ?
		       (int)region :
		       -1;
}

static u32 extents_left(const struct dynamic *dc)
{
	return DC_EXTENTS_MAX - MIN(dc->accepted_count + dc->offered_count, (unsigned)DC_EXTENTS_MAX);
}

static bool is_tagged(const u8 tag[16])
{
	static const u8 none[16];

	return memcmp(tag, none, sizeof(none)) != 0;
}

static bool has_tag(const struct dc_extent *list, unsigned count, const u8 tag[16])
{
	for (unsigned n = 0; n < count; n++)
		if (!memcmp(list[n].tag, tag, 16))
			return true;
	return false;
}

/* As many tags as extents are supported, so that a tag never runs out first. */
static u32 tags_left(const struct dynamic *dc)
{
	u32 used = 0;

	for (unsigned n = 0; n < dc->accepted_count; n++)
		used += is_tagged(dc->accepted[n].tag) && !has_tag(dc->accepted, n, dc->accepted[n].tag);
	for (unsigned n = 0; n < dc->offered_count; n++)
		used += is_tagged(dc->offered[n].tag) && !has_tag(dc->offered, n, dc->offered[n].tag) &&
			!has_tag(dc->accepted, dc->accepted_count, dc->offered[n].tag);
	return DC_EXTENTS_MAX - MIN(used, (u32)DC_EXTENTS_MAX);
}

bool dynamic_create(struct cxl_type3 *dev, struct error *err)
{
	struct dynamic *dc;

	if (!dev->dynamic_memdev)
		return true;
	dc = dev->dc = calloc(1, sizeof(*dc));
	if (!dc)
		return fail(err, "%s: no memory for the extents of dynamic capacity", dev->name);
	dc->region_count = dev->dc_regions;
	dc->base = dev->volatile_bytes + dev->persistent_bytes;
	dc->region_size = dev->dynamic_bytes / dc->region_count;
	dc->shareable = dev->dc_shareable;
	return true;
}

bool dynamic_is_memory(const struct cxl_type3 *dev, u64 dpa, u64 size)
{
	u64 from = type3_capacity(dev) - dev->dynamic_bytes;

	if (dpa + size <= from)
		return true;
	return dev->dc &&
	       dc_covers(dev->dc->accepted, dev->dc->accepted_count, MAX(dpa, from), dpa + size - MAX(dpa, from));
}

void dynamic_destroy(struct cxl_type3 *dev)
{
	free(dev->dc);
	dev->dc = NULL;
}

void dynamic_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	struct dynamic *dc = dev->dc;
	unsigned had;

	if (!dc)
		return;
	dc->moving_count = 0;
	if (reset_kind != RESET_COLD)
		return;
	had = dc->accepted_count;
	dc->accepted_count = dc->offered_count = 0;
	dc->generation = 0;
	dc->sanitize_regions = 0;
	if (had)
		cxl_map_changed(dev->host);
}

/* --- what the host asks --- */

void dynamic_put_left(const struct dynamic *dc, struct mbox_out *out)
{
	mbox_put(out, 4, DC_EXTENTS_MAX);
	mbox_put(out, 4, extents_left(dc));
	mbox_put(out, 4, DC_EXTENTS_MAX); /* tags */
	mbox_put(out, 4, tags_left(dc));
}

unsigned dynamic_regions_that_fit(const struct dynamic *dc, const struct mbox_out *out, u32 head, unsigned first,
				  unsigned most)
{
	return MIN(MIN(most, dc->region_count - first), (out->room - head - LEFT_BYTES) / REGION_BYTES);
}

u16 cmd_get_dc_configuration(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	const struct dynamic *dc = dev->dc;
	unsigned most = mbox_get(in, 1), first = mbox_get(in, 1), count;

	if (first >= dc->region_count)
		return CXL_INVALID_INPUT;
	count = dynamic_regions_that_fit(dc, out, 8, first, most);
	mbox_put(out, 1, dc->region_count);
	mbox_put(out, 1, count);
	mbox_put_zeros(out, 6);
	for (unsigned n = first; n < first + count; n++) {
		mbox_put(out, 8, dynamic_region_base(dc, n));
		mbox_put(out, 8, dc->region_size / CXL_CAPACITY_UNIT); /* decode length */
		mbox_put(out, 8, dc->region_size);
		mbox_put(out, 8, DC_BLOCK);
		mbox_put(out, 4, cdat_dynamic_handle(dev, n));
		mbox_put(out, 1, dc->sanitize_regions >> n & 1); /* sanitized at release */
		mbox_put_zeros(out, 3);
	}
	dynamic_put_left(dc, out);
	return CXL_SUCCESS;
}

static void store_extent(u8 to[EXTENT_BYTES], const struct dc_extent *extent)
{
	memset(to, 0, EXTENT_BYTES);
	store_le(to, 8, extent->dpa);
	store_le(to + 8, 8, extent->size);
	memcpy(to + 16, extent->tag, 16);
	store_le(to + 32, 2, extent->sequence);
}

void dynamic_put_extents(const struct dynamic *dc, struct mbox_out *out, u32 first, u32 most)
{
	u32 count = MIN(MIN(most, dc->accepted_count - first), (out->room - out->at - 16) / EXTENT_BYTES);
	u8 bytes[EXTENT_BYTES];

	mbox_put(out, 4, count);
	mbox_put(out, 4, dc->accepted_count);
	mbox_put(out, 4, dc->generation);
	mbox_put(out, 4, 0);
	for (u32 n = first; n < first + count; n++) {
		store_extent(bytes, &dc->accepted[n]);
		mbox_put_bytes(out, bytes, EXTENT_BYTES);
	}
}

u16 cmd_get_dc_extent_list(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	const struct dynamic *dc = dev->dc;
	u32 most = mbox_get(in, 4), first = mbox_get(in, 4);

	if (first > dc->accepted_count)
		return CXL_INVALID_INPUT;
	dynamic_put_extents(dc, out, first, most);
	return CXL_SUCCESS;
}

/* One part of an updated extent list, behind those that came before it with More. */
static u16 take_part(struct dynamic *dc, u16 opcode, struct mbox_in *in, bool *more)
{
	u32 count = mbox_get(in, 4);

	*more = mbox_get(in, 1) & UPDATE_MORE;
	mbox_get(in, 3);
	if (dc->moving_opcode != opcode)
		dc->moving_count = 0;
	dc->moving_opcode = opcode;
	if (mbox_left(in) != (u64)count * UPDATE_BYTES)
		return CXL_INVALID_PAYLOAD_LENGTH;
	for (u32 n = 0; n < count; n++) {
		struct dc_extent extent = {.dpa = mbox_get(in, 8), .size = mbox_get(in, 8)};
		int region = region_of(dc, extent.dpa, MAX(extent.size, 1ull));

		mbox_get(in, 8);
		if (region < 0)
			return CXL_INVALID_PHYSICAL_ADDRESS;
		if (!extent.size || !is_aligned(extent.dpa, DC_BLOCK) || !is_aligned(extent.size, DC_BLOCK) ||
		    dc_overlaps(dc->moving, dc->moving_count, extent.dpa, extent.size))
			return CXL_INVALID_EXTENT_LIST;
		if (dc->moving_count == DC_EXTENTS_MAX)
			return CXL_RESOURCES_EXHAUSTED;
		extent.region = region;
		dc->moving[dc->moving_count++] = extent;
	}
	return CXL_SUCCESS;
}

static unsigned first_group(const struct dynamic *dc)
{
	unsigned n = 0;

	while (n < dc->offered_count && dc->offered[n].group == dc->offered[0].group)
		n++;
	return n;
}

/* Gives the extents of the response what their offers say; every one must lie in one offer of the first group. */
static u16 match_offers(struct dynamic *dc, unsigned group)
{
	u64 offered = 0, taken = 0;

	for (unsigned n = 0; n < group; n++)
		offered += dc->offered[n].size;
	for (unsigned n = 0; n < dc->moving_count; n++) {
		struct dc_extent *extent = &dc->moving[n], whole = {0};

		for (unsigned i = 0; i < group; i++)
			if (dc_covers(&dc->offered[i], 1, extent->dpa, extent->size))
				whole = dc->offered[i];
		/* Offers are answered in their order. */
		for (unsigned i = group; !whole.size && i < dc->offered_count; i++)
			if (dc_covers(&dc->offered[i], 1, extent->dpa, extent->size))
				return CXL_INVALID_INPUT;
		if (!whole.size)
			return CXL_INVALID_PHYSICAL_ADDRESS;
		if (dc->shareable && (whole.dpa != extent->dpa || whole.size != extent->size))
			return CXL_INVALID_EXTENT_LIST;
		taken += extent->size;
		whole.dpa = extent->dpa;
		whole.size = extent->size;
		*extent = whole;
	}
	if (dc->shareable && taken && taken != offered)
		return CXL_INVALID_EXTENT_LIST;
	return dc->accepted_count + dc->moving_count > DC_EXTENTS_MAX ? CXL_RESOURCES_EXHAUSTED : CXL_SUCCESS;
}

u16 cmd_add_dc_response(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct dynamic *dc = dev->dc;
	bool more;
	u16 code = take_part(dc, 0x4802, in, &more);
	unsigned group = first_group(dc);

	if (code == CXL_SUCCESS && more)
		return CXL_SUCCESS;
	if (code == CXL_SUCCESS)
		code = match_offers(dc, group);
	if (code == CXL_SUCCESS) {
		for (unsigned n = 0; n < dc->moving_count; n++)
			dc_insert(dc->accepted, &dc->accepted_count, &dc->moving[n]);
		memmove(&dc->offered[0], &dc->offered[group], (dc->offered_count - group) * sizeof(dc->offered[0]));
		dc->offered_count -= group;
		trace(CXL, "%s: %u extents added, %u in all", dev->name, dc->moving_count, dc->accepted_count);
		if (dc->moving_count) {
			dc->generation++;
			cxl_map_changed(dev->host);
		}
	}
	dc->moving_count = 0;
	return code;
}

/* Takes list[] out of what is accepted; the caller has checked that it is in there. False: no room for the rests. */
static bool release(struct cxl_type3 *dev, const struct dc_extent *list, unsigned count)
{
	struct dynamic *dc = dev->dc;
	struct dc_extent *old = dc->scratch;
	unsigned old_count = dc->accepted_count;

	memcpy(old, dc->accepted, old_count * sizeof(old[0]));
	for (unsigned n = 0; n < count; n++) {
		if (dc_take_out(dc->accepted, &dc->accepted_count, list[n].dpa, list[n].size))
			continue;
		memcpy(dc->accepted, old, old_count * sizeof(old[0]));
		dc->accepted_count = old_count;
		return false;
	}
	dc->generation++;
	cxl_map_changed(dev->host); /* nobody points at it any more: now it may be erased */
	for (unsigned n = 0; n < count; n++)
		for (unsigned i = dc_find(old, old_count, list[n].dpa);
		     i < old_count && old[i].dpa < list[n].dpa + list[n].size; i++) {
			u64 from = MAX(old[i].dpa, list[n].dpa),
			    to = MIN(old[i].dpa + old[i].size, list[n].dpa + list[n].size);

			if (old[i].sanitize) {
				backend_zero(dev->dcmem, from - dc->base, to - from);
				poison_clear(dev, from, to - from);
			}
		}
	trace(CXL, "%s: %u extents released, %u left", dev->name, count, dc->accepted_count);
	return true;
}

static const struct dc_extent *whole_extent(const struct dynamic *dc, u64 dpa, u64 size)
{
	unsigned n = dc_find(dc->accepted, dc->accepted_count, dpa);

	return n < dc->accepted_count && dc->accepted[n].dpa == dpa && dc->accepted[n].size == size ? &dc->accepted[n] :
												      NULL;
}

u16 cmd_release_dc(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct dynamic *dc = dev->dc;
	bool more;
	u16 code = take_part(dc, 0x4803, in, &more);

	if (code == CXL_SUCCESS && more)
		return CXL_SUCCESS;
	if (code == CXL_SUCCESS && !dc->moving_count)
		code = CXL_INVALID_INPUT;
	for (unsigned n = 0; code == CXL_SUCCESS && n < dc->moving_count; n++) {
		const struct dc_extent *e = &dc->moving[n];

		if (!dc_covers(dc->accepted, dc->accepted_count, e->dpa, e->size))
			code = CXL_INVALID_PHYSICAL_ADDRESS;
		else if (dc->shareable && !whole_extent(dc, e->dpa, e->size))
			code = CXL_INVALID_EXTENT_LIST;
	}
	if (code == CXL_SUCCESS && !release(dev, dc->moving, dc->moving_count))
		code = CXL_RESOURCES_EXHAUSTED;
	dc->moving_count = 0;
	return code;
}

/* --- what the manager of the device asks --- */

/* Fails, and keeps what a fabric manager is answered. */
#define refuse(dev, code, err, ...) ((dev)->dc->refused = (code), fail(err, __VA_ARGS__))

static struct dynamic *dynamic_of(struct dev *dev, const struct cxl_dc_request *request, bool any_region,
				  struct error *err)
{
	struct cxl_type3 *device = (struct cxl_type3 *)dev;

	if (dev->cls != &cxl_type3_class || !device->dc)
		fail(err, "%s has no dynamic capacity; give it volatile-dc-memdev=ID and num-dc-regions=N",
		     dev_name(dev));
	else if (request->host_id)
		fail(err, "%s: host-id %u: the device has one host, 0", device->name, request->host_id);
	else if (request->region >= device->dc->region_count && !(any_region && request->region == CXL_DC_ANY_REGION))
		fail(err, "%s: region %u: the device has regions 0 to %u", device->name, request->region,
		     device->dc->region_count - 1);
	else if (request->count > DC_EXTENTS_MAX)
		fail(err, "%s: %u extents at once; the most are %u", device->name, request->count, DC_EXTENTS_MAX);
	else
		return device->dc;
	return NULL;
}

static bool check_size(struct cxl_type3 *dev, u64 size, struct error *err)
{
	if (!size || !is_aligned(size, DC_BLOCK))
		return refuse(
			dev, CXL_INVALID_EXTENT_LIST, err,
			"%s: an extent of %llu bytes: its length is a multiple of the block size, 2 MiB, and not 0",
			dev->name, ULL(size));
	return true;
}

static bool check_span(struct cxl_type3 *dev, const struct cxl_dc_span *span, struct error *err)
{
	if (!check_size(dev, span->size, err))
		return false;
	if (!is_aligned(span->offset, DC_BLOCK))
		return refuse(dev, CXL_INVALID_EXTENT_LIST, err,
			      "%s: an extent at offset %llu: it is a multiple of the block size, 2 MiB", dev->name,
			      ULL(span->offset));
	if (!range_ok(span->offset, span->size, dev->dc->region_size))
		return refuse(
			dev, CXL_INVALID_PHYSICAL_ADDRESS, err,
			"%s: an extent at offset %llu of %llu bytes reaches past the end of its region, %llu bytes",
			dev->name, ULL(span->offset), ULL(span->size), ULL(dev->dc->region_size));
	return true;
}

/* Event records of a group. */
static void tell(struct cxl_type3 *dev, u8 type, const struct dc_extent *list, unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		u8 record[EVENT_RECORD_BYTES] = {0};

		memcpy(record, cxl_record_kinds[CXL_RECORD_DYNAMIC].uuid, 16);
		record[EVENT_TYPE] = type;
		record[EVENT_VALID] = BIT(0); /* extents and tags left */
		record[EVENT_REGION] = list[n].region;
		record[EVENT_FLAGS] = n + 1 < count ? BIT(0) : 0; /* More */
		store_extent(record + EVENT_EXTENT, &list[n]);
		store_le(record + EVENT_EXTENTS_LEFT, 4, extents_left(dev->dc));
		store_le(record + EVENT_TAGS_LEFT, 4, tags_left(dev->dc));
		event_add(dev, EVENT_DYNAMIC, record);
	}
}

static bool check_room(struct cxl_type3 *dev, unsigned count, struct error *err)
{
	unsigned room = event_log_room(dev, EVENT_DYNAMIC);

	if (count > room)
		return refuse(
			dev, CXL_RETRY_REQUIRED, err,
			"%s: %u extents: the host's event log has room for %u more records; take fewer, or wait until it has read them",
			dev->name, count, room);
	return true;
}

static bool is_free(const struct dynamic *dc, const struct dc_extent *group, unsigned count, u64 dpa, u64 size)
{
	return !dc_overlaps(dc->accepted, dc->accepted_count, dpa, size) &&
	       !dc_overlaps(dc->offered, dc->offered_count, dpa, size) && !dc_overlaps(group, count, dpa, size);
}

/* The lowest free place for `size` bytes. Blocks of 2 MiB: a region has some thousands of them. */
static bool find_place(const struct dynamic *dc, const struct dc_extent *group, unsigned count, unsigned region,
		       u64 size, u64 *dpa)
{
	u64 base = dynamic_region_base(dc, region), end = base + dc->region_size, at = base;

	while (size <= end - at) {
		u64 next = 0;

		/* Past everything that is in the way, from the lowest place on. */
		for (unsigned n = 0; n < dc->accepted_count; n++)
			if (dc_overlaps(&dc->accepted[n], 1, at, size))
				next = MAX(next, dc->accepted[n].dpa + dc->accepted[n].size);
		for (unsigned n = 0; n < dc->offered_count; n++)
			if (dc_overlaps(&dc->offered[n], 1, at, size))
				next = MAX(next, dc->offered[n].dpa + dc->offered[n].size);
		for (unsigned n = 0; n < count; n++)
			if (dc_overlaps(&group[n], 1, at, size))
				next = MAX(next, group[n].dpa + group[n].size);
		if (!next) {
			*dpa = at;
			return true;
		}
		at = next;
	}
	return false;
}

/* The region of a span, which counts from its start from now on. */
static unsigned region_of_span(const struct dynamic *dc, unsigned region, struct cxl_dc_span *span)
{
	if (region == CXL_DC_ANY_REGION) {
		region = (unsigned)MIN(span->offset / dc->region_size, (u64)dc->region_count - 1);
		span->offset -= (u64)region * dc->region_size;
	}
	return region;
}

/* Whether an extent may have its tag, with `count` before it in the group in scratch. */
static bool check_tag(struct cxl_type3 *dev, const struct dc_extent *extent, unsigned count, struct error *err)
{
	const struct dynamic *dc = dev->dc;

	while (count && dc->scratch[count - 1].group == extent->group)
		count--;
	if (dc->shareable && !is_tagged(extent->tag))
		return refuse(dev, CXL_INVALID_INPUT, err, "%s: shareable capacity needs a tag", dev->name);
	if (dc->shareable &&
	    (has_tag(dc->accepted, dc->accepted_count, extent->tag) ||
	     has_tag(dc->offered, dc->offered_count, extent->tag) || has_tag(dc->scratch, count, extent->tag)))
		return refuse(dev, CXL_INVALID_INPUT, err,
			      "%s: the tag is in use; shareable capacity of one tag is added at once", dev->name);
	return true;
}

/* Extents that follow each other with one tag are offered together. */
static bool plan_group(struct cxl_type3 *dev, const struct cxl_dc_request *request, unsigned *count, struct error *err)
{
	struct dynamic *dc = dev->dc;
	struct dc_extent *group = dc->scratch;
	struct cxl_dc_span whole = {0};
	const struct cxl_dc_span *spans = request->spans;

	*count = request->count;
	if (request->selection == CXL_DC_CONTIGUOUS) {
		for (unsigned n = 0; n < request->count; n++) {
			if (!check_size(dev, spans[n].size, err))
				return false;
			if (__builtin_add_overflow(whole.size, spans[n].size, &whole.size))
				return refuse(dev, CXL_INVALID_EXTENT_LIST, err,
					      "%s: the lengths of the extents add up to more than 64 bits", dev->name);
		}
		spans = &whole;
		*count = 1;
	}
	for (unsigned n = 0; n < *count; n++) {
		struct cxl_dc_span span = spans[n];
		unsigned region = region_of_span(dc, request->region, &span);
		struct dc_extent extent = {.dpa = dynamic_region_base(dc, region) + span.offset,
					   .size = span.size,
					   .region = region,
					   .group = dc->next_group,
					   .sanitize = dc->sanitize_regions >> region & 1};

		memcpy(extent.tag, request->tags ? request->tags[n] : request->tag, 16);
		if (n && memcmp(group[n - 1].tag, extent.tag, 16))
			extent.group = group[n - 1].group + 1;
		else if (n)
			extent.group = group[n - 1].group;
		if (dc->shareable && n && group[n - 1].group == extent.group)
			extent.sequence = group[n - 1].sequence + 1;
		if (!check_tag(dev, &extent, n, err))
			return false;
		if (request->selection == CXL_DC_PRESCRIPTIVE) {
			if (!check_span(dev, &span, err))
				return false;
			if (!is_free(dc, group, n, extent.dpa, extent.size))
				return refuse(
					dev, CXL_INVALID_EXTENT_LIST, err,
					"%s: region %u: an extent at offset %llu of %llu bytes overlaps one that is offered or accepted",
					dev->name, region, ULL(span.offset), ULL(span.size));
		} else {
			if (!check_size(dev, span.size, err))
				return false;
			if (!find_place(dc, group, n, region, span.size, &extent.dpa))
				return refuse(dev, CXL_RESOURCES_EXHAUSTED, err,
					      "%s: region %u has no %llu free bytes in one piece", dev->name, region,
					      ULL(span.size));
		}
		group[n] = extent;
	}
	return true;
}

bool cxl_dc_add(struct dev *dev, const struct cxl_dc_request *request, struct error *err)
{
	struct cxl_type3 *device = (struct cxl_type3 *)dev;
	struct dynamic *dc = dynamic_of(dev, request, request->tags != NULL, err);
	struct dc_extent *added;
	unsigned count;

	if (!dc)
		return false;
	if (!request->count)
		return refuse(device, CXL_INVALID_EXTENT_LIST, err, "%s: no extents", device->name);
	if (!plan_group(device, request, &count, err) || !check_room(device, count, err))
		return false;
	if (count > extents_left(dc))
		return refuse(device, CXL_RESOURCES_EXHAUSTED, err, "%s: %u extents: %u of %u are left", device->name,
			      count, extents_left(dc), DC_EXTENTS_MAX);
	added = &dc->offered[dc->offered_count];
	memcpy(added, dc->scratch, count * sizeof(dc->scratch[0]));
	dc->offered_count += count;
	dc->next_group = added[count - 1].group + 1;
	for (unsigned first = 0, n = 1; n <= count; n++) {
		if (n < count && added[n].group == added[first].group)
			continue;
		tell(device, EVENT_ADD, &added[first], n - first);
		first = n;
	}
	return true;
}

/* Of the extents in scratch, `request->length` bytes from the first on. [CXL3.1 7.6.7.6.6] */
static bool shorten(struct cxl_type3 *dev, const struct cxl_dc_request *request, unsigned *count, struct error *err)
{
	struct dynamic *dc = dev->dc;
	u64 left = request->length;

	if (!left)
		return true;
	if (!is_aligned(left, DC_BLOCK))
		return refuse(dev, CXL_INVALID_INPUT, err, "%s: %llu bytes: a multiple of the block size, 2 MiB, goes",
			      dev->name, ULL(left));
	for (unsigned n = 0; n < *count; n++) {
		struct dc_extent *extent = &dc->scratch[n];

		if ((left < extent->size && (dc->shareable || request->sanitize)) ||
		    (left == extent->size && dc->shareable && n + 1 < *count))
			return refuse(dev, CXL_INVALID_INPUT, err,
				      "%s: %llu bytes are not whole extents, all if shareable", dev->name,
				      ULL(request->length));
		extent->size = MIN(left, extent->size);
		left -= extent->size;
		if (!left)
			*count = n + 1;
	}
	return !left || refuse(dev, CXL_RESOURCES_EXHAUSTED, err, "%s: the tag has fewer than %llu bytes", dev->name,
			       ULL(request->length));
}

/* The extents that a release names, in scratch. */
static bool plan_release(struct cxl_type3 *dev, const struct cxl_dc_request *request, unsigned *count,
			 struct error *err)
{
	struct dynamic *dc = dev->dc;
	struct dc_extent *group = dc->scratch;
	bool any = request->region == CXL_DC_ANY_REGION;

	*count = 0;
	if (request->by_tag) {
		for (unsigned n = 0; n < dc->accepted_count; n++)
			if ((any || dc->accepted[n].region == request->region) &&
			    !memcmp(dc->accepted[n].tag, request->tag, 16))
				group[(*count)++] = dc->accepted[n];
		if (!*count)
			return refuse(dev, CXL_INVALID_INPUT, err, "%s: no accepted extent of that tag", dev->name);
		return shorten(dev, request, count, err);
	}
	for (unsigned n = 0; n < request->count; n++) {
		struct cxl_dc_span span = request->spans[n];
		unsigned region = region_of_span(dc, request->region, &span);
		struct dc_extent extent;
		u64 dpa;

		if (!check_span(dev, &span, err))
			return false;
		dpa = dynamic_region_base(dc, region) + span.offset;
		if (!dc_covers(dc->accepted, dc->accepted_count, dpa, span.size) ||
		    dc_overlaps(group, n, dpa, span.size))
			return refuse(
				dev, CXL_INVALID_PHYSICAL_ADDRESS, err,
				"%s: region %u: %llu bytes at offset %llu are not all accepted by the host, or named twice",
				dev->name, region, ULL(span.size), ULL(span.offset));
		if ((dc->shareable || request->sanitize) && !whole_extent(dc, dpa, span.size))
			return refuse(dev, CXL_INVALID_EXTENT_LIST, err,
				      "%s: region %u: offset %llu: %s whole extents, as they were accepted", dev->name,
				      region, ULL(span.offset),
				      dc->shareable ? "shareable capacity is released by" :
						      "sanitize-on-release takes");
		extent = dc->accepted[dc_find(dc->accepted, dc->accepted_count, dpa)];
		extent.dpa = dpa;
		extent.size = span.size;
		group[n] = extent;
		*count = n + 1;
	}
	return *count || refuse(dev, CXL_INVALID_EXTENT_LIST, err, "%s: no extents", dev->name);
}

bool cxl_dc_release(struct dev *dev, const struct cxl_dc_request *request, struct error *err)
{
	struct cxl_type3 *device = (struct cxl_type3 *)dev;
	struct dynamic *dc = dynamic_of(dev, request, true, err);
	unsigned count;

	if (!dc || !plan_release(device, request, &count, err))
		return false;
	/* What goes by force goes also if the log has no room to tell of it: its overflow tells. [CXL3.1 9.13.3] */
	if (!request->forced && !check_room(device, count, err))
		return false;
	memcpy(dc->planned, dc->scratch, count * sizeof(dc->planned[0]));
	if (request->sanitize)
		for (unsigned n = 0; n < count; n++)
			dc->accepted[dc_find(dc->accepted, dc->accepted_count, dc->planned[n].dpa)].sanitize = true;
	if (request->forced && !release(device, dc->planned, count))
		return refuse(device, CXL_RESOURCES_EXHAUSTED, err, "%s: the rests of extents would be more than %u",
			      device->name, DC_EXTENTS_MAX);
	tell(device, request->forced ? EVENT_FORCED_RELEASE : EVENT_RELEASE, dc->planned, count);
	return true;
}

unsigned dynamic_free_spans(const struct dynamic *dc, unsigned region, u64 length, struct cxl_dc_span *spans)
{
	u64 base = dynamic_region_base(dc, region), end = base + dc->region_size, at = base;
	unsigned count = 0;

	while (length && at < end && count < DC_EXTENTS_MAX) {
		u64 next = end, past = 0; /* where something begins; the end of what covers `at` */

		for (unsigned n = 0; n < dc->accepted_count + dc->offered_count; n++) {
			const struct dc_extent *e =
				n < dc->accepted_count ? &dc->accepted[n] : &dc->offered[n - dc->accepted_count];

			if (e->dpa > at)
				next = MIN(next, e->dpa);
			else if (e->dpa + e->size > at)
				past = e->dpa + e->size;
		}
		if (!past) {
			spans[count] = (struct cxl_dc_span){at - base, MIN(length, next - at)};
			length -= spans[count++].size;
		}
		at = past ? past : next;
	}
	return length ? 0 : count;
}

u16 dynamic_configure(struct cxl_type3 *dev, unsigned region, bool sanitize)
{
	struct dynamic *dc = dev->dc;
	struct dc_extent none = {.region = region};
	u64 base = dynamic_region_base(dc, region);

	if (!is_free(dc, NULL, 0, base, dc->region_size))
		return CXL_UNSUPPORTED; /* a region in use keeps its configuration */
	if (!event_log_room(dev, EVENT_DYNAMIC))
		return CXL_RETRY_REQUIRED;
	dc->sanitize_regions = (dc->sanitize_regions & ~BIT(region)) | (sanitize ? BIT(region) : 0);
	tell(dev, EVENT_CONFIGURED, &none, 1);
	return CXL_SUCCESS;
}

struct dev *cxl_device_find(struct cxl_host *host, const char *path)
{
	static const char peripheral[] = "/machine/peripheral/";

	if (!strncmp(path, peripheral, sizeof(peripheral) - 1))
		path += sizeof(peripheral) - 1;
	for (struct cxl_type3 *device = host ? host->devices : NULL; device; device = device->next)
		if (device->pci.dev.id && !strcmp(device->pci.dev.id, path))
			return &device->pci.dev;
	return NULL;
}

bool cxl_dc_each(const struct dev *dev, void (*each)(void *arg, const struct cxl_dc_facts *facts), void *arg)
{
	const struct cxl_type3 *device = (const struct cxl_type3 *)dev;
	const struct dynamic *dc = device->dc;

	if (dev->cls != &cxl_type3_class || !dc)
		return false;
	for (unsigned n = 0; n < dc->accepted_count + dc->offered_count; n++) {
		bool accepted = n < dc->accepted_count;
		const struct dc_extent *e = accepted ? &dc->accepted[n] : &dc->offered[n - dc->accepted_count];
		struct cxl_dc_facts facts = {.accepted = accepted,
					     .region = e->region,
					     .dpa = e->dpa,
					     .size = e->size,
					     .offset = e->dpa - dynamic_region_base(dc, e->region),
					     .sequence = e->sequence,
					     .tag = e->tag};

		each(arg, &facts);
	}
	return true;
}
