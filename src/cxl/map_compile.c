/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From decoders to wanted pieces: every window is cut at the ends of all decoders on its paths, and a sample of each segment says what
 * the whole of it is (map.c).
 */
#include <stdlib.h>

#include "cxl/map.h"

#define PERIOD (3 * 256 * KiB) /* 16 ways of 16 KiB, and by 3: the longest pattern */

static void want_add(struct want_list *wants, const struct piece_want *want)
{
	if (wants->count == wants->room) {
		wants->room = wants->room ? 2 * wants->room : 16;
		wants->list = realloc(wants->list, wants->room * sizeof(*wants->list));
	}
	wants->list[wants->count++] = *want;
}

#define HOLES_MAX 1024 /* in one piece; a piece with more takes the slow path */

/* Holes of one way of a piece: where its poisoned lines come out in host addresses. NULL wants: counts only. */
static unsigned want_holes(struct want_list *wants, const struct piece_want *piece, unsigned way,
			   const struct decode_endpoint *endpoint)
{
	u64 first = piece->way[way].dpa, share = piece->size / piece->ways, g = piece->granularity;
	unsigned count = 0;

	for (unsigned n = poison_find(endpoint->poison, endpoint->poison_count, first); n < endpoint->poison_count; n++) {
		u64 at = MAX(endpoint->poison[n].dpa, first);
		u64 end = MIN(endpoint->poison[n].dpa + endpoint->poison[n].size, first + share);

		while (at < end && count <= HOLES_MAX) {
			u64 offset = at - first, length = end - at;
			struct piece_want hole = {.kind = MAP_HOLE, .window = piece->window};

			if (piece->ways > 1)
				length = MIN(length, g - offset % g);
			hole.size = length;
			hole.base = piece->base + (piece->ways > 1 ? piece_fold(piece, (offset / g * piece->ways + way) * g + offset % g) :
							     offset);
			hole.way[0].device = piece->way[way].device;
			hole.way[0].dpa = at;
			if (wants)
				want_add(wants, &hole);
			count++;
			at += length;
		}
	}
	return count;
}

static void want_direct(struct want_list *wants, struct piece_want want, u64 dpa, const struct decode_endpoint *endpoint)
{
	/* A device's partitions are backends of their own; of dynamic capacity only the accepted extents are memory. */
	while (want.size) {
		struct piece_want part = want;
		struct backend *backend;
		u64 offset, left;
		bool has_media;

		backend = type3_backend(want.way[0].device, dpa, &offset, &left);
		if (!backend)
			return; /* past the capacity: commit has refused that */
		part.kind = MAP_DIRECT;
		part.ways = 1;
		part.way[0].dpa = dpa;
		part.size = MIN(want.size, left);
		has_media = decode_has_media(endpoint, dpa, &part.size);
		part.granularity = 0;
		if (has_media) {
			want_holes(wants, &part, 0, endpoint);
			want_add(wants, &part);
		}
		want.base += part.size;
		want.size -= part.size;
		dpa += part.size;
	}
}

/* Whether the decoded pattern is a complete interleave set; fills the ways. */
static bool is_complete_set(const struct decoded pattern[], struct piece_want *want)
{
	const struct decode_decoder *first = pattern[0].decoder;
	unsigned ways, granularity;

	if (!pattern[0].device || first->iw < 1 || want->base != first->base || want->size != first->size)
		return false;
	ways = hdm_ways(first->iw);
	granularity = hdm_granularity(first->ig);
	if (!ways || want->size % ((u64)ways * granularity))
		return false;
	for (unsigned g = 0; g < PERIOD / GRANULE; g++) {
		const struct decoded *d = &pattern[g];
		unsigned way = piece_fold(want, g * GRANULE) / granularity % ways;

		if (!d->device || d->decoder->base != first->base || d->decoder->size != first->size ||
		    d->decoder->iw != first->iw || d->decoder->ig != first->ig)
			return false;
		if (!want->way[way].device) {
			for (unsigned other = 0; other < ways; other++)
				if (want->way[other].device == d->device)
					return false;
			want->way[way].device = d->device;
			want->way[way].dpa = d->decoder->dpa;
		}
		if (want->way[way].device != d->device)
			return false;
	}
	want->ways = ways;
	want->granularity = granularity;
	want->kind = MAP_BUFFER;
	return true;
}

static const struct decode_endpoint *endpoint_of(const struct decoded pattern[], const struct piece_want *set, unsigned way)
{
	return pattern[piece_fold(set, (u64)way * set->granularity) / GRANULE].endpoint;
}

/* Of dynamic capacity, what is not all accepted stays on the slow path, address by address. */
static bool is_all_media(const struct decoded pattern[], const struct piece_want *set)
{
	for (unsigned way = 0; way < set->ways; way++) {
		const struct decode_endpoint *endpoint = endpoint_of(pattern, set, way);
		u64 at = set->way[way].dpa, end = at + set->size / set->ways;

		while (at < end) {
			u64 run = end - at;

			if (!decode_has_media(endpoint, at, &run))
				return false;
			at += run;
		}
	}
	return true;
}

static void compile_segment(const struct decode_state *state, unsigned window, u64 base, u64 size,
			    struct want_list *wants, struct decoded pattern[])
{
	struct piece_want want = {.base = base, .size = size, .window = window}, set;
	bool any = false, is_direct = true, is_slow = false;
	unsigned holes = 0;

	for (unsigned g = 0; g < PERIOD / GRANULE; g++) {
		if (!decode_hpa(state, window, base + g * GRANULE, &pattern[g]))
			pattern[g] = (struct decoded){0};
		any |= pattern[g].device != NULL;
		is_slow |= pattern[g].device && (pattern[g].endpoint->disabled_from != UINT64_MAX || pattern[g].endpoint->viral_from != UINT64_MAX);
		is_direct &= pattern[g].device && pattern[g].device == pattern[0].device && pattern[g].decoder->iw == 0;
	}
	if (!any)
		return;
	if (is_direct && !is_slow) {
		want.way[0].device = pattern[0].device;
		want.way[0].dpa = pattern[0].dpa;
		want.ways = 1;
		if (want_holes(NULL, &want, 0, pattern[0].endpoint) <= HOLES_MAX) {
			want_direct(wants, want, pattern[0].dpa, pattern[0].endpoint);
			return;
		}
	}
	want = (struct piece_want){.base = base, .size = size, .window = window};
	set = want;
	memcpy(set.xor_maps, state->windows[window].xor_maps, sizeof(set.xor_maps));
	if (!is_slow && is_complete_set(pattern, &set) && is_all_media(pattern, &set)) {
		for (unsigned way = 0; way < set.ways; way++)
			holes += want_holes(NULL, &set, way, endpoint_of(pattern, &set, way));
		if (holes <= HOLES_MAX) {
			for (unsigned way = 0; way < set.ways; way++)
				want_holes(wants, &set, way, endpoint_of(pattern, &set, way));
			want_add(wants, &set);
			return;
		}
	}
	want.kind = MAP_GRANULE;
	want_add(wants, &want);
}

struct cuts {
	u64 *at;
	size_t count, room;
};

static void cut(struct cuts *cuts, const struct decode_window *w, u64 hpa)
{
	if (hpa - w->base > w->size)
		return;
	if (cuts->count == cuts->room) {
		cuts->room = cuts->room ? 2 * cuts->room : 64;
		cuts->at = realloc(cuts->at, cuts->room * sizeof(*cuts->at));
	}
	cuts->at[cuts->count++] = hpa;
}

static void cut_decoders(struct cuts *cuts, const struct decode_window *w, const struct decode_decoder *list,
			 unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		cut(cuts, w, list[i].base);
		cut(cuts, w, list[i].base + list[i].size);
	}
}

static void cut_fork(struct cuts *cuts, const struct decode_state *state, const struct decode_window *w,
		     const struct decode_fork *fork, unsigned level)
{
	cut_decoders(cuts, w, fork->decoders, fork->count);
	for (unsigned p = 0; p < 256; p++) {
		if (fork->below[p] >= 0)
			cut_decoders(cuts, w, state->endpoints[fork->below[p]].decoders,
				     state->endpoints[fork->below[p]].count);
		else if (fork->below[p] < DECODE_NOTHING && level < CXL_SWITCH_LEVELS_MAX)
			cut_fork(cuts, state, w, &state->forks[-2 - fork->below[p]], level + 1);
	}
}

static int cut_order(const void *left, const void *right)
{
	u64 a = *(const u64 *)left, b = *(const u64 *)right;

	return a < b ? -1 : a > b;
}

void map_compile(const struct decode_state *state, struct want_list *wants)
{
	struct decoded *pattern = calloc(PERIOD / GRANULE, sizeof(*pattern));

	for (unsigned n = 0; n < state->window_count; n++) {
		const struct decode_window *w = &state->windows[n];
		struct cuts cuts = {0};

		cut(&cuts, w, w->base);
		cut(&cuts, w, w->base + w->size);
		for (unsigned t = 0; t < w->ways; t++)
			cut_fork(&cuts, state, w, &state->forks[w->bridge[t]], 0);
		qsort(cuts.at, cuts.count, sizeof(*cuts.at), cut_order);
		for (size_t i = 0; i + 1 < cuts.count; i++)
			if (cuts.at[i + 1] > cuts.at[i])
				compile_segment(state, n, cuts.at[i], cuts.at[i + 1] - cuts.at[i], wants, pattern);
		free(cuts.at);
	}
	free(pattern);
}
