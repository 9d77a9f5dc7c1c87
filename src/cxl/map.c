/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compiled address map (design D6): decoders, enables and windows in; regions of the physical address space out.
 *
 * Every window is cut at the ends of all decoders on its paths. Inside such a segment the same decoders answer, so a
 * sample of it (map_compile.c), decoded step by step with decode_folded, says what all of it is:
 *
 *   nothing   no step decodes: the window's own region answers (all ones)
 *   direct    every step goes to one device decoder of 1 way: the region points straight at the device's home
 *   buffer    a complete interleave set (all ways resolve to distinct devices whose decoders have equal base,
 *             size, ways and granularity, and the segment is the whole of them): memory in HPA order, so that it
 *             is ordinary RAM to everybody. Its 2 MiB chunks come from the homes at first use (region->ready) and
 *             go back when the set ends
 *   hole      64 bytes over any of these whose media are poisoned: reads abort, writes go to the media and leave
 *             them poisoned
 *   granule   anything else (a set that is still being committed, aliases, disabled media, very many poisoned
 *             lines): a lockless I/O region decodes every access and goes to the homes
 *
 * Granularities of 4 KiB and more get a buffer too: a region per granule would be hundreds of thousands of them.
 *
 * A chunk's state goes HOME -> MOVING -> HERE under a claim: whoever takes it from HOME copies, others wait. While it
 * is HERE the bytes in the homes are stale. Everything that takes chunks back happens while everybody stands still.
 *
 * Shared files. When memory of a `share=on` file is behind a buffer, persistent or not (partitions move over it),
 * buffer_persist copies the cleaned line to its place in the mapped file at once, so there is nothing left to do at the
 * barrier: what was flushed survives `kill -9`. What was not flushed is not visible outside. A direct region is the
 * mapped file itself.
 *
 * Machine lock, except region->ready, the persist hooks and the granule path (any thread, no locks): those read only
 * what changes while everybody stands still.
 */
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "base/loop.h"
#include "base/trace.h"
#include "cxl/map.h"

#define ULL(v) ((unsigned long long)(v))
#define HOLE_PRIORITY 1        /* over the pieces */
#define PERSIST_LINE_BYTES 64u /* what is cleaned at least */

/* --- homes --- */

u8 *home_at(struct cxl_type3 *device, u64 dpa, u64 *left, struct backend **backend)
{
	u64 offset;

	*backend = type3_backend(device, dpa, &offset, left);
	if (!*backend)
		return NULL;
	backend_ready(*backend, offset);
	return (*backend)->host + offset;
}

u64 piece_fold(const struct piece_want *w, u64 offset)
{
	return decode_fold(w->xor_maps, w->base + offset) - w->base;
}

/* Copies [offset, offset + size) of a buffer from the homes, or to them. size and offset are multiples of GRANULE. */
static void piece_copy(struct map_piece *piece, u64 offset, u64 size, bool to_homes)
{
	const struct piece_want *w = &piece->want;
	u64 at = offset;

	while (at < offset + size) {
		u64 granule = piece_fold(w, at) / w->granularity, low = at % w->granularity, left;
		unsigned way = granule % w->ways;
		u64 length = MIN((u64)w->granularity - low, offset + size - at);
		struct backend *backend;
		u8 *home = home_at(w->way[way].device, w->way[way].dpa + granule / w->ways * w->granularity + low,
				   &left, &backend);

		if (home && left >= length) {
			if (to_homes && !backend->readonly)
				memcpy(home, piece->region.host + at, length);
			else if (!to_homes)
				memcpy(piece->region.host + at, home, length);
		}
		at += length;
	}
}

/* --- buffers --- */

static struct map_piece *piece_of(struct region *region)
{
	return container_of(region, struct map_piece, region);
}

static void buffer_ready(struct region *region, u64 offset)
{
	struct map_piece *piece = piece_of(region);
	u8 *chunk = &piece->chunks[offset / CHUNK], state;

	for (;;) {
		state = __atomic_load_n(chunk, __ATOMIC_ACQUIRE);
		if (state == CHUNK_HERE)
			return;
		if (state == CHUNK_HOME &&
		    __atomic_compare_exchange_n(chunk, &state, CHUNK_MOVING, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			break;
		sched_yield();
	}
	piece_copy(piece, align_down(offset, CHUNK), CHUNK, false);
	__atomic_store_n(chunk, CHUNK_HERE, __ATOMIC_RELEASE);
}

/* What the guest never touched is at home still: chunks are looked at, not their lines. */
static void buffer_persist(struct region *region, u64 offset, u64 size)
{
	struct map_piece *piece = piece_of(region);
	u64 at = align_down(offset, PERSIST_LINE_BYTES), end;

	if (offset >= region->size)
		return;
	end = align_up(offset + MIN(size, region->size - offset), PERSIST_LINE_BYTES);
	for (u64 next; at < end; at = next) {
		next = MIN(align_down(at, CHUNK) + CHUNK, end);
		if (__atomic_load_n(&piece->chunks[at / CHUNK], __ATOMIC_ACQUIRE) == CHUNK_HERE)
			piece_copy(piece, at, next - at, true);
	}
}

static void buffer_persist_drain(struct region *region)
{
	/* buffer_persist has stored into the mapped file already; order those stores before what follows. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Everybody stands still. */
void buffer_go_home(struct map_piece *piece)
{
	unsigned count = 0;

	for (u64 n = 0; n < piece->want.size / CHUNK; n++) {
		if (piece->chunks[n] != CHUNK_HERE)
			continue;
		piece_copy(piece, n * CHUNK, CHUNK, true);
		piece->chunks[n] = CHUNK_HOME;
		count++;
	}
	if (count)
		trace(CXL, "window %u: 0x%llx: %u chunks of 2 MiB went home", piece->want.window, ULL(piece->want.base),
		      count);
}

static void direct_ready(struct region *region, u64 offset)
{
	struct map_piece *piece = piece_of(region);
	struct backend *backend;
	u64 left;

	home_at(piece->want.way[0].device, piece->want.way[0].dpa + offset, &left, &backend);
}

/* --- the granule path --- */

static void tell_met(void *opaque)
{
	struct cxl_host *host = opaque;

	for (unsigned n = 0; n < MET_MAX; n++) {
		u32 state = __atomic_load_n(&host->met[n].state, __ATOMIC_ACQUIRE);
		struct met met;

		if (state % MET_STATES != MET_WHOLE)
			continue;
		met = host->met[n];
		__atomic_store_n(&host->met[n].state, align_down(state, MET_STATES) + MET_STATES, __ATOMIC_RELEASE);
		if (met.device)
			poison_met(met.device, met.dpa, MEDIA_HOST_READ);
	}
}

/* Another thread may use the note anew meanwhile; then the state tells, and what is read is of two lines perhaps. */
static bool is_same_line(const struct met *met, const struct cxl_type3 *device, u64 dpa)
{
	u32 state = __atomic_load_n(&met->state, __ATOMIC_ACQUIRE);

	return state % MET_STATES == MET_WHOLE && __atomic_load_n(&met->device, __ATOMIC_ACQUIRE) == device &&
	       __atomic_load_n(&met->dpa, __ATOMIC_ACQUIRE) / POISON_LINE == dpa / POISON_LINE &&
	       __atomic_load_n(&met->state, __ATOMIC_RELAXED) == state;
}

/* Without the machine lock: the event log hears of it a little later, once of a line. False: more than can be noted
 * until then. */
static bool met_poison(struct cxl_host *host, struct cxl_type3 *device, u64 dpa)
{
	if (!host->config.loop)
		return false;
	for (unsigned n = 0; n < MET_MAX; n++)
		if (is_same_line(&host->met[n], device, dpa))
			return true;
	for (unsigned n = 0; n < MET_MAX; n++) {
		struct met *met = &host->met[n];
		u32 state = __atomic_load_n(&met->state, __ATOMIC_RELAXED);

		if (state % MET_STATES != MET_FREE ||
		    !__atomic_compare_exchange_n(&met->state, &state, state + MET_BEGUN, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED))
			continue;
		__atomic_store_n(&met->device, device, __ATOMIC_RELEASE);
		__atomic_store_n(&met->dpa, dpa, __ATOMIC_RELEASE);
		__atomic_store_n(&met->state, state + MET_WHOLE, __ATOMIC_RELEASE);
		loop_defer(host->config.loop, tell_met, host);
		return true;
	}
	return false;
}

void cxl_map_forget(struct cxl_host *host, const struct cxl_type3 *device)
{
	for (unsigned n = 0; n < MET_MAX; n++)
		if (__atomic_load_n(&host->met[n].device, __ATOMIC_RELAXED) == device)
			__atomic_store_n(&host->met[n].device, NULL, __ATOMIC_RELAXED);
}

/* What disabled media read as: nothing that can be told from noise. */
static u64 noise(u64 hpa)
{
	static const u64 golden = 0x9e3779b97f4a7c15;
	struct timespec t;
	u64 z;

	clock_gettime(CLOCK_MONOTONIC, &t);
	z = (hpa + (u64)t.tv_nsec) * golden;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

enum granule { GRANULE_NOTHING, GRANULE_DISABLED, GRANULE_POISONED, GRANULE_HOME };

enum granule_access { GRANULE_READ, GRANULE_WRITE, GRANULE_FETCH };

static enum granule granule_at(struct map_piece *piece, u64 offset, unsigned size, enum granule_access access, u8 **at)
{
	bool write = access == GRANULE_WRITE;
	struct decoded d;
	struct backend *backend;
	u64 left = size;
	u8 *home;

	if (!decode_hpa(piece->host->state, piece->want.window, piece->want.base + offset, &d))
		return GRANULE_NOTHING;
	if (!decode_has_media(d.endpoint, d.dpa, &left))
		return GRANULE_NOTHING;
	if (d.dpa >= d.endpoint->disabled_from && d.dpa < d.endpoint->disabled_end)
		return GRANULE_DISABLED;
	if (write && d.dpa >= d.endpoint->viral_from && d.dpa < d.endpoint->viral_end)
		return GRANULE_NOTHING;
	if (!write && poison_hits(d.endpoint->poison, d.endpoint->poison_count, d.dpa, size)) {
		if (access == GRANULE_READ)
			met_poison(piece->host, d.device, d.dpa);
		return GRANULE_POISONED;
	}
	home = home_at(d.device, d.dpa, &left, &backend);
	*at = home;
	return home && left >= size && !(write && backend->readonly) ? GRANULE_HOME : GRANULE_NOTHING;
}

static enum mem_result granule_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	u8 *home = NULL;

	switch (granule_at(opaque, offset, size, GRANULE_READ, &home)) {
	case GRANULE_NOTHING: *value = ones(size * 8); return MEM_OK;
	case GRANULE_DISABLED: *value = noise(offset) & ones(size * 8); return MEM_OK;
	case GRANULE_POISONED: *value = 0; return MEM_ABORT;
	case GRANULE_HOME: break;
	}
	if (size == 1)
		*value = __atomic_load_n(home, __ATOMIC_RELAXED);
	else if (size == 2)
		*value = __atomic_load_n((u16 *)home, __ATOMIC_RELAXED);
	else if (size == 4)
		*value = __atomic_load_n((u32 *)home, __ATOMIC_RELAXED);
	else
		*value = __atomic_load_n((u64 *)home, __ATOMIC_RELAXED);
	return MEM_OK;
}

static enum mem_result granule_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	u8 *home = NULL;

	if (granule_at(opaque, offset, size, GRANULE_WRITE, &home) != GRANULE_HOME)
		return MEM_OK;
	if (size == 1)
		__atomic_store_n(home, (u8)value, __ATOMIC_RELAXED);
	else if (size == 2)
		__atomic_store_n((u16 *)home, (u16)value, __ATOMIC_RELAXED);
	else if (size == 4)
		__atomic_store_n((u32 *)home, (u32)value, __ATOMIC_RELAXED);
	else
		__atomic_store_n((u64 *)home, value, __ATOMIC_RELAXED);
	return MEM_OK;
}

static const struct io_ops granule_io = {granule_read, granule_write};

/* Poison is told of by the load that the CPU makes before it takes the abort. */
static bool granule_fetch(struct region *region, u64 offset, u32 *word)
{
	u8 *home = NULL;

	if (granule_at(piece_of(region), offset, 4, GRANULE_FETCH, &home) != GRANULE_HOME)
		return false;
	*word = __atomic_load_n((u32 *)home, __ATOMIC_RELAXED);
	return true;
}

/* --- holes: poisoned lines; under the machine lock --- */

static enum mem_result hole_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct map_piece *piece = opaque;

	*value = 0;
	poison_met(piece->want.way[0].device, piece->want.way[0].dpa + offset, MEDIA_HOST_READ);
	return MEM_ABORT;
}

static enum mem_result hole_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct map_piece *piece = opaque;
	struct cxl_type3 *device = piece->want.way[0].device;
	struct backend *backend;
	u64 left = size, dpa = piece->want.way[0].dpa + offset, in;
	u8 *at = cxl_media_at(piece->host, device, dpa, &left);

	backend = type3_backend(device, dpa, &in, &(u64){0});
	if (at && left >= size && !backend->readonly)
		store_le(at, size, value);
	return MEM_OK;
}

static const struct io_ops hole_io = {hole_read, hole_write};

/* DMA, on any thread. */
static void hole_met(struct region *region, u64 offset, u64 size)
{
	struct map_piece *piece = region->opaque;
	u64 first = piece->want.way[0].dpa + offset, end = first + size;

	for (u64 dpa = first; dpa < end && met_poison(piece->host, piece->want.way[0].device, dpa);
	     dpa = align_down(dpa, POISON_LINE) + POISON_LINE)
		;
}

/* --- publishing --- */

/* Each way may reach over the border of two backends. */
static bool is_any_way(const struct piece_want *w, bool (*has)(const struct backend *backend))
{
	for (unsigned i = 0; i < w->ways; i++) {
		u64 dpa = w->way[i].dpa, end = dpa + w->size / w->ways;

		for (u64 offset, left; dpa < end; dpa += left) {
			struct backend *backend = type3_backend(w->way[i].device, dpa, &offset, &left);

			if (!backend)
				break;
			if (has(backend))
				return true;
		}
	}
	return false;
}

static bool has_readonly(const struct backend *backend)
{
	return backend->readonly;
}

static bool has_outside_view(const struct backend *backend)
{
	return backend->share && backend->fd >= 0;
}

/* A change inside somebody's space_begin (machine reset) is published only at their space_end: until then the old map
 * still points at the pieces that were taken out. */
static bool is_published(struct space *space, const struct region *region)
{
	const struct range *range;

	for (size_t n = 0; (range = space_range(space, n)); n++)
		if (range->region == region)
			return true;
	return false;
}

/* The struct itself is kept for the next piece: a vCPU between its DC CVAP and its DSB still remembers the region, to
 * call persist_drain. */
static void piece_free(struct map_piece *piece)
{
	struct cxl_host *host = piece->host;

	if (piece->want.kind == MAP_BUFFER)
		ram_free(piece->region.host, piece->want.size);
	free(piece->chunks);
	piece->chunks = NULL;
	piece->region.host = NULL;
	piece->next = host->spare;
	host->spare = piece;
}

static struct map_piece *piece_make(struct cxl_host *host, const struct piece_want *want)
{
	struct map_piece *piece = host->spare;
	struct region *region;
	struct error err;
	struct backend *backend;
	u64 offset, left;

	if (piece)
		host->spare = piece->next;
	else
		piece = calloc(1, sizeof(*piece));
	*piece = (struct map_piece){.host = host, .want = *want};
	region = &piece->region;
	*region = (struct region){.name = "CXL memory", .base = want->base, .size = want->size};
	if (want->kind == MAP_BUFFER) {
		region->host = ram_alloc(want->size, &err);
		piece->chunks = calloc(want->size / CHUNK, 1);
		if (!region->host || !piece->chunks) {
			trace(UNIMP, "window %u: no host memory for an interleave buffer: slow path", want->window);
			ram_free(region->host, region->host ? want->size : 0);
			region->host = NULL;
			piece->want.kind = MAP_GRANULE;
		}
	}
	switch (piece->want.kind) {
	case MAP_DIRECT:
		backend = type3_backend(want->way[0].device, want->way[0].dpa, &offset, &left);
		region->host = backend->host + offset;
		region->readonly = backend->readonly;
		region->ready = backend->chunk_ready ? direct_ready : NULL;
		break;
	case MAP_BUFFER:
		region->ready = buffer_ready;
		region->readonly = is_any_way(want, has_readonly);
		if (is_any_way(want, has_outside_view)) {
			region->persist = buffer_persist;
			region->persist_drain = buffer_persist_drain;
		}
		break;
	case MAP_HOLE:
		region->name = "CXL poison";
		region->priority = HOLE_PRIORITY;
		region->ops = &hole_io;
		region->poison = true;
		region->met = hole_met;
		region->opaque = piece;
		break;
	default:
		region->ops = &granule_io;
		region->fetch = granule_fetch;
		region->opaque = piece;
		region->lockless = true;
		break;
	}
	return piece;
}

static const char *kind_name(u32 kind)
{
	static const char *const names[] = {"nothing", "direct", "in HPA order", "by granules", "poisoned"};

	return names[kind];
}

static void reap(void *opaque)
{
	struct cxl_host *host = opaque;
	struct map_piece **at = &host->dead, *piece;

	while ((piece = *at)) {
		if (is_published(host->config.space, &piece->region)) {
			at = &piece->next;
			continue;
		}
		*at = piece->next;
		piece_free(piece);
	}
}

struct exchange {
	struct cxl_host *host;
	struct decode_state *state;
	struct map_piece **order; /* all that there will be, in the order of the wants; those that are no `keep` are not
				     in the space yet */
	size_t count;
};

/* Everybody stands still: old pieces go (their bytes home first), the new state and pieces come. */
static void exchange_pieces(void *opaque)
{
	struct exchange *x = opaque;
	struct cxl_host *host = x->host;
	struct map_piece **at = &host->pieces, *piece, *next;

	space_begin(host->config.space);
	for (piece = host->pieces; piece; piece = next) {
		next = piece->next;
		if (piece->keep)
			continue;
		if (piece->want.kind == MAP_BUFFER)
			buffer_go_home(piece);
		space_remove(host->config.space, &piece->region);
		piece->next = host->dead;
		host->dead = piece;
	}
	decode_state_free(host->state);
	host->state = x->state;
	for (size_t n = 0; n < x->count; n++, at = &piece->next) {
		piece = *at = x->order[n];
		if (piece->keep) {
			/* What was decoded as code there may be other bytes now, or poison. */
			if (piece->want.kind == MAP_GRANULE)
				space_forget(host->config.space, piece->want.base, piece->want.size);
			continue;
		}
		piece->keep = true;
		space_add(host->config.space, &piece->region);
		trace(CXL, "window %u: 0x%llx-0x%llx %s", piece->want.window, ULL(piece->want.base),
		      ULL(piece->want.base + piece->want.size - 1), kind_name(piece->want.kind));
	}
	*at = NULL;
	space_end(host->config.space);
	reap(host);
	if (host->dead && host->config.loop)
		loop_defer(host->config.loop, reap, host);
}

/* Where there is such a piece already. Pieces and wants have one order, so it is mostly the first that is looked at. */
static struct map_piece *find_piece(const struct cxl_host *host, const struct piece_want *want, struct map_piece *from)
{
	struct map_piece *piece;

	for (piece = from; piece; piece = piece->next)
		if (!memcmp(&piece->want, want, sizeof(*want)))
			return piece;
	for (piece = host->pieces; piece != from; piece = piece->next)
		if (!memcmp(&piece->want, want, sizeof(*want)))
			return piece;
	return NULL;
}

static void publish(struct cxl_host *host, struct decode_state *state, struct want_list *wants)
{
	struct exchange x = {.host = host,
			     .state = state,
			     .order = malloc((wants->count + 1) * sizeof(*x.order)),
			     .count = wants->count};
	struct map_piece *from = host->pieces;
	bool changes = !host->state;

	assert(x.order);
	for (struct map_piece *piece = host->pieces; piece; piece = piece->next)
		piece->keep = false;
	for (size_t n = 0; n < wants->count; n++) {
		struct map_piece *piece = find_piece(host, &wants->list[n], from);

		/* A granule piece reads the state itself, so it may stay. */
		if (piece) {
			piece->keep = true;
			from = piece->next;
		} else {
			piece = piece_make(host, &wants->list[n]);
			changes = true;
		}
		x.order[n] = piece;
	}
	for (struct map_piece *piece = host->pieces; piece; piece = piece->next)
		changes |= !piece->keep || piece->want.kind == MAP_GRANULE;
	if (changes) {
		space_change(host->config.space, 0, 0, exchange_pieces, &x);
	} else {
		/* Nothing reads the state but granule pieces, and there are none. */
		decode_state_free(host->state);
		host->state = state;
	}
	free(x.order);
}

void cxl_map_changed(struct cxl_host *host)
{
	struct want_list wants = {0};
	struct decode_state *state;

	if (!host || !host->settled)
		return;
	if (host->hold) {
		host->changed = true;
		return;
	}
	state = decode_state_make(host);
	map_compile(state, &wants);
	publish(host, state, &wants);
	free(wants.list);
}

void cxl_map_hold(struct cxl_host *host)
{
	if (host)
		host->hold++;
}

void cxl_map_release(struct cxl_host *host)
{
	if (!host || --host->hold || !host->changed)
		return;
	host->changed = false;
	cxl_map_changed(host);
}

static void sync_piece(void *opaque)
{
	buffer_go_home(opaque);
}

/* Only what somebody outside can see is worth the copying. */
void cxl_map_sync(struct cxl_host *host)
{
	for (struct map_piece *piece = host->pieces; piece; piece = piece->next)
		if (piece->want.kind == MAP_BUFFER && is_any_way(&piece->want, has_outside_view))
			space_change(host->config.space, piece->want.base, piece->want.size, sync_piece, piece);
}

/* Everybody stands still: the pieces are gone, without a copy. */
static void drop_pieces(void *opaque)
{
	struct cxl_host *host = opaque;
	struct map_piece *piece;

	space_begin(host->config.space);
	while ((piece = host->pieces)) {
		host->pieces = piece->next;
		space_remove(host->config.space, &piece->region);
		piece->next = host->dead;
		host->dead = piece;
	}
	space_end(host->config.space);
	reap(host);
}

void cxl_map_close(struct cxl_host *host)
{
	cxl_map_sync(host);
	space_change(host->config.space, 0, 0, drop_pieces, host);
}

void cxl_map_destroy(struct cxl_host *host)
{
	struct map_piece *piece;

	while ((piece = host->pieces)) {
		host->pieces = piece->next;
		space_remove(host->config.space, &piece->region);
		piece_free(piece);
	}
	while ((piece = host->dead)) {
		host->dead = piece->next;
		piece_free(piece);
	}
	while ((piece = host->spare)) {
		host->spare = piece->next;
		free(piece);
	}
	decode_state_free(host->state);
	host->state = NULL;
}

enum map_kind cxl_map_kind(struct cxl_host *host, u64 hpa)
{
	for (struct map_piece *piece = host->pieces; piece; piece = piece->next)
		if (piece->want.kind == MAP_HOLE && hpa - piece->want.base < piece->want.size)
			return MAP_HOLE;
	for (struct map_piece *piece = host->pieces; piece; piece = piece->next)
		if (hpa - piece->want.base < piece->want.size)
			return piece->want.kind;
	return MAP_NOTHING;
}
