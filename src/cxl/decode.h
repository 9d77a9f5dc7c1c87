/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one HPA means, step by step: window, host bridge, port, device, DPA. Private to cxl/. `struct decode_state` is a
 * copy of all committed decoders and enables; it is replaced as a whole while everybody stands still, so that the
 * lockless granule path may read it.
 */
#ifndef CXL_DECODE_H
#define CXL_DECODE_H

#include "cxl/component.h"
#include "cxl/cxl.h"

struct cxl_type3;
struct poison_range;
struct dc_extent;

struct decode_decoder {
	u64 base, size, dpa; /* dpa: of the first byte; devices only */
	u8 iw, ig;
	u8 targets[HDM_TARGETS];
};

struct decode_endpoint {
	struct cxl_type3 *device;
	unsigned count; /* 0 also while disabled */
	struct decode_decoder decoders[HDM_DEVICE_DECODERS_MAX];
	u64 disabled_from, disabled_end; /* DPAs of media that are disabled */
	u64 viral_from, viral_end;       /* DPAs that drop writes */
	u64 dynamic_from;                /* DPA: from here on only extents are memory */
	struct dc_extent *extents;       /* accepted: a copy */
	unsigned extent_count;
	struct poison_range *poison; /* a copy */
	unsigned poison_count;
};

/* A host bridge or a switch. */
struct decode_fork {
	bool passthrough; /* no decoders: everything goes to the only port */
	s16 only;         /* what is below that port */
	unsigned count;
	struct decode_decoder decoders[HDM_DECODERS_MAX];
	s16 below[256];     /* by port number; see DECODE_FORK */
	unsigned below_end; /* nothing from this number on */
};
#define DECODE_NOTHING (-1)
#define DECODE_FORK(index) ((s16)(-2 - (s16)(index))) /* a switch; an endpoint is its index */

struct decode_window {
	u64 base, size;
	u8 ig;
	unsigned ways;
	u64 xor_maps[CXL_XOR_MAPS_MAX]; /* 0: none */
	u8 bridge[CXL_WINDOW_TARGETS_MAX];
};

struct decode_state {
	unsigned window_count, endpoint_count, fork_count;
	struct decode_window windows[CXL_WINDOWS_MAX];
	struct decode_fork *forks; /* CXL_BRIDGES_MAX host bridges, then the switches */
	struct decode_endpoint *endpoints;
};

/* The outcome for one address. */
struct decoded {
	struct cxl_type3 *device;
	const struct decode_decoder *decoder; /* the device's */
	u64 dpa;
	const struct decode_endpoint *endpoint;
};

/* The address with its interleave bits as the root takes them: XOR arithmetic folded in. Its own inverse. */
u64 decode_fold(const u64 maps[CXL_XOR_MAPS_MAX], u64 hpa);
struct decode_state *decode_state_make(struct cxl_host *host);
void decode_state_free(struct decode_state *state);
/* The lowest-numbered decoder of the list that holds the address, or NULL. */
const struct decode_decoder *decode_find(const struct decode_decoder *list, unsigned count, u64 hpa);
/* Whether there is memory at a DPA of the device; *size is cut to where that changes. */
bool decode_has_media(const struct decode_endpoint *endpoint, u64 dpa, u64 *size);
/* False: nothing decodes there. hpa lies in the window. */
bool decode_hpa(const struct decode_state *state, unsigned window, u64 hpa, struct decoded *out);
/* The same with decode_fold's result given. */
bool decode_folded(const struct decode_state *state, unsigned window, u64 hpa, u64 folded, struct decoded *out);

#endif
