/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 9P2000.L server for one client: one message in, one message out. The protocol of Linux' v9fs: little-endian, each
 * message size[4] type[1] tag[2] and its fields; strings are size[2] and bytes. Any thread, one at a time. Inside the
 * room only.
 */
#ifndef VIRTIO_P9_H
#define VIRTIO_P9_H

#include "host/folder.h"

#define P9_HEADER 7
#define P9_MSIZE_MIN 4096
#define P9_MSIZE_MAX (512 * 1024)

struct p9;

struct p9 *p9_create(struct folder *folder);
void p9_destroy(struct p9 *p9);
/* All fids are gone, as before the first message. */
void p9_reset(struct p9 *p9);
/* Carries `in` out; the answer's bytes, at most `room`, go to `out`. 0: not even an error fits, or the message has no
 * header. */
size_t p9_request(struct p9 *p9, const u8 *in, size_t size, u8 *out, size_t room);
/* The answer to one of which only the header is sure: an error. */
size_t p9_refuse(const u8 *in, size_t size, u8 *out, size_t room, int error);

#endif
