/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the compiled address map share: map_compile.c makes a list of wanted pieces from decoders and
 * windows, map.c makes regions of them and exchanges them, media.c finds what a device's own addresses have there.
 * map.c says how it works.
 */
#ifndef CXL_MAP_H
#define CXL_MAP_H

#include "cxl/host.h"
#include "cxl/type3.h"

#define CHUNK (2 * MiB)
#define GRANULE 256u

enum chunk_state { CHUNK_HOME, CHUNK_MOVING, CHUNK_HERE };

/* What a piece is; two of equal description need not be exchanged. */
struct piece_want {
	u64 base, size;
	u32 kind;
	u32 window;
	u32 ways, granularity;
	u64 xor_maps[CXL_XOR_MAPS_MAX]; /* of the window */
	struct {
		struct cxl_type3 *device;
		u64 dpa;
	} way[16];
};

struct map_piece {
	struct region region;
	struct piece_want want;
	struct cxl_host *host;
	u8 *chunks; /* buffers: one enum chunk_state per 2 MiB */
	bool keep;
	struct map_piece *next;
};

struct want_list {
	struct piece_want *list;
	size_t count, room;
};

/* The pieces that the decoders ask for, by window and address. The caller frees wants->list. */
void map_compile(const struct decode_state *state, struct want_list *wants);

/* Offsets of a piece in host order and in way order: XOR arithmetic swaps granules inside a stripe. Its own inverse. */
u64 piece_fold(const struct piece_want *w, u64 offset);
/* Where a device address is at home, with its file chunk read in; NULL: nowhere. left: bytes from there on. */
u8 *home_at(struct cxl_type3 *device, u64 dpa, u64 *left, struct backend **backend);
/* While everybody stands still: the chunks of a buffer go back to the homes. */
void buffer_go_home(struct map_piece *piece);

#endif
