/* SPDX-License-Identifier: BSD-2-Clause */
/* A device's own view of its media: mailbox commands read, write and erase by device address what hosts may have in
 * interleave buffers. */
#include <string.h>

#include "cxl/map.h"

static u8 *in_buffer(struct map_piece *piece, unsigned way, u64 dpa, u64 *size)
{
	const struct piece_want *w = &piece->want;
	u64 offset = dpa - w->way[way].dpa, low = offset % w->granularity, at;

	if (offset >= w->size / w->ways)
		return NULL;
	at = piece_fold(w, (offset / w->granularity * w->ways + way) * w->granularity + low);
	if (__atomic_load_n(&piece->chunks[at / CHUNK], __ATOMIC_ACQUIRE) != CHUNK_HERE)
		return NULL;
	*size = MIN(*size, w->granularity - low);
	return piece->region.host + at;
}

u8 *cxl_media_at(struct cxl_host *host, struct cxl_type3 *device, u64 dpa, u64 *size)
{
	struct backend *backend;
	u64 left;
	u8 *at;

	for (struct map_piece *piece = host ? host->pieces : NULL; piece; piece = piece->next)
		for (unsigned way = 0; piece->want.kind == MAP_BUFFER && way < piece->want.ways; way++)
			if (piece->want.way[way].device == device && (at = in_buffer(piece, way, dpa, size)))
				return at;
	at = home_at(device, dpa, &left, &backend);
	/* No further than a granule: the next may be in a buffer. */
	if (at)
		*size = MIN(MIN(*size, left), GRANULE - dpa % GRANULE);
	return at;
}

struct media_write {
	struct cxl_host *host;
	struct cxl_type3 *device;
	u64 dpa;
	const void *bytes;
	u32 size;
};

/* Everybody stands still: no chunk is on its way. */
static void write_media(void *opaque)
{
	struct media_write *w = opaque;
	struct backend *backend;
	u64 left = w->size, offset;
	u8 *at = cxl_media_at(w->host, w->device, w->dpa, &left), *home;
	u64 room;

	home = home_at(w->device, w->dpa, &room, &backend);
	if (!home || room < w->size || backend->readonly)
		return;
	if (at && left >= w->size)
		memcpy(at, w->bytes, w->size);
	memcpy(home, w->bytes, w->size);
	type3_backend(w->device, w->dpa, &offset, &left);
	backend_flush(backend, offset, w->size);
}

void cxl_media_write(struct cxl_host *host, struct cxl_type3 *device, u64 dpa, const void *bytes, u32 size)
{
	struct media_write w = {host, device, dpa, bytes, size};

	space_change(host->config.space, 0, 0, write_media, &w);
}

struct media_zero {
	struct cxl_host *host;
	struct cxl_type3 *device;
	const struct media_range *ranges;
	unsigned count;
};

/* Everybody stands still. */
static void zero_media(void *opaque)
{
	struct media_zero *z = opaque;

	for (struct map_piece *piece = z->host->pieces; piece; piece = piece->next)
		for (unsigned way = 0; piece->want.kind == MAP_BUFFER && way < piece->want.ways; way++)
			if (piece->want.way[way].device == z->device)
				buffer_go_home(piece);
	for (unsigned n = 0; n < z->count; n++)
		for (u64 at = z->ranges[n].dpa, end = at + z->ranges[n].size, offset, left; at < end; at += left) {
			struct backend *backend = type3_backend(z->device, at, &offset, &left);

			if (!backend)
				break;
			left = MIN(left, end - at);
			backend_zero(backend, offset, left);
		}
}

void cxl_media_zero(struct cxl_host *host, struct cxl_type3 *device, const struct media_range *ranges, unsigned count)
{
	struct media_zero z = {host, device, ranges, count};

	/* All windows: what was in a buffer is fetched again. */
	for (unsigned n = 0; n < host->window_count; n++)
		space_change(host->config.space, host->windows[n].base, host->windows[n].size, zero_media, &z);
	if (!host->window_count)
		space_change(host->config.space, 0, 0, zero_media, &z);
}
