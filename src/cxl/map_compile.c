/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From decoders to wanted pieces: every window is cut at the ends of all decoders on its paths, and a sample of each
 * segment says what the whole of it is (map.c).
 *
 * The sample. Inside a segment the same decoders answer everywhere, so where an address goes repeats with the least
 * common multiple of their stripes (ways x granularity) and the window's, and changes at multiples of the smallest
 * granularity only. One address for each such step of one such period is enough: a single one where nothing
 * interleaves, 3072 at the very worst.
 *
 * XOR arithmetic turns over bits of the window's choice by what the bits above them are, so in one period another way
 * than in the next. Where decoders below choose by other bits, as they should, every combination of the bits that
 * choose occurs in each period all the same. Where they choose by the same bits once more, the sample is taken for
 * every set of bits turned over.
 */
#include <stdlib.h>

#include "cxl/map.h"

/* What a segment of a window is to be found out about. */
struct segment {
	const struct decode_state *state;
	struct want_list *wants;
	unsigned window;
	u64 base, size;
	u64 window_stripe; /* bytes, without its factor 3 */
	u64 step;          /* bytes that go the same way */
	u64 power;         /* the period without its factor 3; 0: nothing interleaves */
	bool has_factor_3;
	bool mixes;              /* decoders choose by bits that the window chose by */
	unsigned count;          /* of steps in a period: at most 3 x 16 ways x 16 KiB over GRANULE */
	unsigned variants;       /* sets of bits turned over */
	struct decoded *pattern; /* where each goes, one variant after the other */
	unsigned room;
};

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

	for (unsigned n = poison_find(endpoint->poison, endpoint->poison_count, first); n < endpoint->poison_count;
	     n++) {
		u64 at = MAX(endpoint->poison[n].dpa, first);
		u64 end = MIN(endpoint->poison[n].dpa + endpoint->poison[n].size, first + share);

		while (at < end && count <= HOLES_MAX) {
			u64 offset = at - first, length = end - at;
			struct piece_want hole = {.kind = MAP_HOLE, .window = piece->window};

			if (piece->ways > 1)
				length = MIN(length, g - offset % g);
			hole.size = length;
			hole.base = piece->base +
				    (piece->ways > 1 ?
					     piece_fold(piece, (offset / g * piece->ways + way) * g + offset % g) :
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

static void want_direct(struct want_list *wants, struct piece_want want, u64 dpa,
			const struct decode_endpoint *endpoint)
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

/* --- the sample --- */

static void sample_stripe(struct segment *s, unsigned ways, u64 granularity)
{
	unsigned power = ways % 3 ? ways : ways / 3;

	if (ways < 2)
		return;
	s->step = MIN(s->step, granularity);
	s->power = MAX(s->power, power * granularity);
	s->has_factor_3 |= power != ways;
}

/* The stripes of all decoders below `at` that answer in the segment. */
static void sample_below(struct segment *s, s16 at, unsigned level)
{
	const struct decode_state *state = s->state;
	const struct decode_fork *fork;
	const struct decode_decoder *d;
	unsigned ways;

	if (at == DECODE_NOTHING || level > CXL_SWITCH_LEVELS_MAX + 1)
		return;
	if (at >= 0) {
		d = decode_find(state->endpoints[at].decoders, state->endpoints[at].count, s->base);
		if (d)
			sample_stripe(s, hdm_ways(d->iw), hdm_granularity(d->ig));
		return;
	}
	fork = &state->forks[-2 - at];
	if (fork->passthrough) {
		sample_below(s, fork->only, level + 1);
		return;
	}
	d = decode_find(fork->decoders, fork->count, s->base);
	if (!d)
		return;
	ways = hdm_ways(d->iw);
	s->mixes |= ways > 1 && hdm_granularity(d->ig) < s->window_stripe;
	sample_stripe(s, ways, hdm_granularity(d->ig));
	for (unsigned t = 0; t < ways; t++)
		if (!memchr(d->targets, d->targets[t], t)) /* not twice: there are as many visits as ports */
			sample_below(s, fork->below[d->targets[t]], level + 1);
}

/* The address of a sample as the window chooses by it. */
static u64 sample_folded(const struct segment *s, unsigned variant, unsigned n)
{
	const struct decode_window *w = &s->state->windows[s->window];
	u64 folded = decode_fold(w->xor_maps, s->base + n * s->step);

	for (unsigned map = 0; variant >> map; map++)
		if (variant >> map & 1)
			folded ^= w->xor_maps[map] & -w->xor_maps[map];
	return folded;
}

static void sample(struct segment *s)
{
	const struct decode_window *w = &s->state->windows[s->window];
	unsigned maps = 0, total;

	s->step = s->size;
	s->power = 0;
	s->has_factor_3 = s->mixes = false;
	sample_stripe(s, w->ways, hdm_granularity(w->ig));
	s->window_stripe = s->power;
	for (unsigned t = 0; t < w->ways; t++)
		sample_below(s, DECODE_FORK(w->bridge[t]), 0);
	s->count = s->power ? s->power / s->step * (s->has_factor_3 ? 3 : 1) : 1;
	while (s->mixes && maps < CXL_XOR_MAPS_MAX && w->xor_maps[maps])
		maps++;
	s->variants = 1u << maps;
	total = s->count * s->variants;
	if (total > s->room) {
		s->room = total;
		free(s->pattern);
		s->pattern = malloc(s->room * sizeof(*s->pattern));
		assert(s->pattern);
	}
	for (unsigned n = 0; n < total; n++)
		if (!decode_folded(s->state, s->window, s->base + n % s->count * s->step,
				   sample_folded(s, n / s->count, n % s->count), &s->pattern[n]))
			s->pattern[n] = (struct decoded){0};
}

/* --- what the segment is --- */

/* Whether the decoded pattern is a complete interleave set; fills the ways. */
static bool is_complete_set(const struct segment *s, struct piece_want *want)
{
	const struct decode_decoder *first = s->pattern[0].decoder;
	unsigned ways, granularity;

	if (!s->pattern[0].device || first->iw < 1 || want->base != first->base || want->size != first->size)
		return false;
	ways = hdm_ways(first->iw);
	granularity = hdm_granularity(first->ig);
	if (!ways || want->size % ((u64)ways * granularity))
		return false;
	for (unsigned n = 0; n < s->count * s->variants; n++) {
		const struct decoded *d = &s->pattern[n];
		unsigned way = (sample_folded(s, n / s->count, n % s->count) - s->base) / granularity % ways;

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

static const struct decode_endpoint *endpoint_of(const struct segment *s, const struct piece_want *set, unsigned way)
{
	return s->pattern[piece_fold(set, (u64)way * set->granularity) / s->step].endpoint;
}

/* Of dynamic capacity, what is not all accepted stays on the slow path, address by address. */
static bool is_all_media(const struct segment *s, const struct piece_want *set)
{
	for (unsigned way = 0; way < set->ways; way++) {
		const struct decode_endpoint *endpoint = endpoint_of(s, set, way);
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

static void compile_segment(struct segment *s)
{
	struct piece_want want = {.base = s->base, .size = s->size, .window = s->window}, set;
	const struct decoded *first;
	bool any = false, is_direct = true, is_slow = false;
	unsigned holes = 0;

	sample(s);
	first = &s->pattern[0];
	for (unsigned n = 0; n < s->count * s->variants; n++) {
		const struct decoded *d = &s->pattern[n];

		any |= d->device != NULL;
		is_slow |= d->device &&
			   (d->endpoint->disabled_from != UINT64_MAX || d->endpoint->viral_from != UINT64_MAX);
		is_direct &= d->device && d->device == first->device && d->decoder->iw == 0;
	}
	if (!any)
		return;
	if (is_direct && !is_slow) {
		want.way[0].device = first->device;
		want.way[0].dpa = first->dpa;
		want.ways = 1;
		if (want_holes(NULL, &want, 0, first->endpoint) <= HOLES_MAX) {
			want_direct(s->wants, want, first->dpa, first->endpoint);
			return;
		}
	}
	want = (struct piece_want){.base = s->base, .size = s->size, .window = s->window};
	set = want;
	memcpy(set.xor_maps, s->state->windows[s->window].xor_maps, sizeof(set.xor_maps));
	if (!is_slow && is_complete_set(s, &set) && is_all_media(s, &set)) {
		for (unsigned way = 0; way < set.ways; way++)
			holes += want_holes(NULL, &set, way, endpoint_of(s, &set, way));
		if (holes <= HOLES_MAX) {
			for (unsigned way = 0; way < set.ways; way++)
				want_holes(s->wants, &set, way, endpoint_of(s, &set, way));
			want_add(s->wants, &set);
			return;
		}
	}
	want.kind = MAP_GRANULE;
	want_add(s->wants, &want);
}

/* --- segments --- */

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
	for (unsigned p = 0; p < fork->below_end; p++) {
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
	struct segment segment = {.state = state, .wants = wants};

	for (unsigned n = 0; n < state->window_count; n++) {
		const struct decode_window *w = &state->windows[n];
		struct cuts cuts = {0};

		cut(&cuts, w, w->base);
		cut(&cuts, w, w->base + w->size);
		for (unsigned t = 0; t < w->ways; t++)
			cut_fork(&cuts, state, w, &state->forks[w->bridge[t]], 0);
		qsort(cuts.at, cuts.count, sizeof(*cuts.at), cut_order);
		segment.window = n;
		for (size_t i = 0; i + 1 < cuts.count; i++) {
			segment.base = cuts.at[i];
			segment.size = cuts.at[i + 1] - cuts.at[i];
			if (segment.size)
				compile_segment(&segment);
		}
		free(cuts.at);
	}
	free(segment.pattern);
}
