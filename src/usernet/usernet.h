/* SPDX-License-Identifier: BSD-2-Clause */
/* cxlvm-net, the program between a guest's network card and the host's sockets: its parts. It has one thread and no
 * door. */
#ifndef USERNET_USERNET_H
#define USERNET_USERNET_H

#include "base/types.h"
#include "host/net_frame.h"

/* --- offload.c: what libslirp and the guest leave to each other, done here --- */
/* Makes a frame of the guest whole: each Ethernet frame it stands for is given to `give`, checksums right. False:
 * malformed. The frame is changed. */
bool offload_finish(u8 *frame, size_t size, void (*give)(void *opaque, const u8 *ethernet, size_t size), void *opaque);
/* TCP segments for the guest that follow each other are one frame, which the guest may take apart if it wants to. */
struct merge {
	u8 *frame; /* the frame that may grow, header first; NULL: none */
	size_t size;
	u16 segment_bytes; /* payload of all but the last */
	u16 segments;
	bool ended; /* its last segment was a short one, or a pushed one */
};
/* A frame that was just put at `frame`, its header zero: from now on it may grow, if it is of that kind. */
void merge_begin(struct merge *merge, u8 *frame, size_t size);
/* Appends `ethernet` to the frame if it follows; its buffer has room for FRAME_MAX. */
bool merge_append(struct merge *merge, const u8 *ethernet, size_t size);
/* Lengths and header of a frame that has grown. */
void merge_end(struct merge *merge);

/* --- confine.c --- */
/* From here on: no files, no programs, no privileges; sockets of the Internet only. */
bool confine(char *why, size_t why_bytes);

/* --- resolver.c --- */
/* Reads /etc/resolv.conf, for as long as the program lives. */
void resolver_remember(void);

#endif
