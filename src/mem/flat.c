/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flat map of an address space: at each address the region of the highest priority, the later added where two are
 * equal. Built by a sweep over the regions' ends, so a build costs about n log n for n regions.
 */
#include "mem/flat.h"

#include <stdlib.h>

#include "base/bits.h"

struct edge {
	u64 at;
	const struct entry *entry;
	bool ends; /* the first address behind the entry */
};

static u64 region_last(const struct region *region)
{
	u64 last;

	return add_ok(region->base, region->size - 1, &last) ? last : UINT64_MAX;
}

static int edge_order(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;

	return a->at < b->at ? -1 : a->at > b->at;
}

static bool entry_wins(const struct entry *a, const struct entry *b)
{
	if (a->region->priority != b->region->priority)
		return a->region->priority > b->region->priority;
	return a->order > b->order;
}

/* Appends [base, last] of the entry, joined to the range before where that goes on. */
static void flat_append(struct flat *flat, const struct entry *entry, u64 base, u64 last)
{
	struct range *before = flat->count ? &flat->ranges[flat->count - 1] : NULL;

	if (before && before->region == entry->region && before->last + 1 == base) {
		before->last = last;
		return;
	}
	flat->ranges[flat->count++] = (struct range){
		.base = base,
		.last = last,
		.region = entry->region,
		.offset = base - entry->region->base,
		.code = entry->code,
	};
}

struct flat *flat_build(const struct entry *entries, size_t count)
{
	struct flat *flat = calloc(1, sizeof(*flat) + (2 * count + 1) * sizeof(struct range));
	struct edge *edges = calloc(2 * count + 1, sizeof(*edges));
	const struct entry **active = calloc(count + 1, sizeof(*active)), *top = NULL;
	size_t edge_count = 0, active_count = 0;
	u64 from = 0;

	assert(flat && edges && active);
	for (size_t i = 0; i < count; i++) {
		u64 last;

		if (!entries[i].region->size)
			continue;
		last = region_last(entries[i].region);
		edges[edge_count++] = (struct edge){.at = entries[i].region->base, .entry = &entries[i]};
		if (last != UINT64_MAX)
			edges[edge_count++] = (struct edge){.at = last + 1, .entry = &entries[i], .ends = true};
	}
	qsort(edges, edge_count, sizeof(*edges), edge_order);
	for (size_t i = 0; i < edge_count;) {
		u64 at = edges[i].at;

		if (top && at > from)
			flat_append(flat, top, from, at - 1);
		for (; i < edge_count && edges[i].at == at; i++) {
			if (!edges[i].ends) {
				active[active_count++] = edges[i].entry;
				continue;
			}
			for (size_t k = 0; k < active_count; k++) {
				if (active[k] == edges[i].entry) {
					active[k] = active[--active_count];
					break;
				}
			}
		}
		top = NULL;
		for (size_t k = 0; k < active_count; k++)
			if (!top || entry_wins(active[k], top))
				top = active[k];
		from = at;
	}
	if (top)
		flat_append(flat, top, from, UINT64_MAX);
	free(active);
	free(edges);
	return flat;
}

const struct range *flat_find(const struct flat *flat, u64 pa)
{
	size_t low = 0, high = flat->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (pa > flat->ranges[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < flat->count && pa >= flat->ranges[low].base ? &flat->ranges[low] : NULL;
}

/* What a TLB entry or decoded code of an address in the range holds: nothing for I/O and for no range. */
static u8 *direct_host(const struct range *range, u64 pa)
{
	return range && range->region->host ? range->region->host + range->offset + (pa - range->base) : NULL;
}

/* Whose code may have been decoded although it is not reached directly, or NULL. */
static const struct region *fetched_from(const struct range *range)
{
	return range && range->region->fetch ? range->region : NULL;
}

static bool is_same_direct(const struct range *a, const struct range *b, u64 pa)
{
	u8 *host_a = direct_host(a, pa), *host_b = direct_host(b, pa);

	if (!host_a && !host_b)
		return fetched_from(a) == fetched_from(b);
	return host_a == host_b && a->region == b->region && a->code == b->code;
}

void flat_diff(const struct flat *old, const struct flat *now, void (*changed)(void *opaque, u64 base, u64 size),
	       void *opaque)
{
	size_t i = 0, j = 0;
	bool open = false;
	u64 at = 0, start = 0;

	for (;;) {
		const struct range *a, *b;
		u64 last = UINT64_MAX;
		bool differs;

		while (i < old->count && old->ranges[i].last < at)
			i++;
		while (j < now->count && now->ranges[j].last < at)
			j++;
		a = i < old->count ? &old->ranges[i] : NULL;
		b = j < now->count ? &now->ranges[j] : NULL;
		if (a)
			last = MIN(last, a->base > at ? a->base - 1 : a->last);
		if (b)
			last = MIN(last, b->base > at ? b->base - 1 : b->last);
		differs = !is_same_direct(a && a->base <= at ? a : NULL, b && b->base <= at ? b : NULL, at);
		if (differs && !open)
			start = at;
		if (!differs && open)
			changed(opaque, start, at - start);
		open = differs;
		if (last == UINT64_MAX)
			break;
		at = last + 1;
	}
	if (open)
		changed(opaque, start, 0 - start);
}
