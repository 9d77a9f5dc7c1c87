/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Coherent Device Attribute Table as its owner shows it over DOE: a header and entries, each with its own length.
 * [CDAT 1.04] Private to cxl/.
 */
#ifndef CXL_CDAT_H
#define CXL_CDAT_H

#include "base/error.h"
#include "base/types.h"

#define CDAT_BYTES_MAX 8192

struct cdat {
	const char *name; /* of the device, for traces */
	u32 size;
	u8 bytes[CDAT_BYTES_MAX];
};

/* Another sequence number, and the checksum that goes with it. */
void cdat_renumber(struct cdat *cdat, u32 sequence);
void cdat_begin(struct cdat *cdat, const char *name);
/* A table from a file, checked; is_switch: of SSLBIS only, otherwise without. */
bool cdat_load(struct cdat *cdat, const char *name, const char *path, bool is_switch, struct error *err);
bool cdat_check(const char *where, const u8 *bytes, u64 size, bool is_switch, struct error *err);
/* One Table Access request: DWORDs of the answer, 0 for none. */
u32 cdat_serve(const struct cdat *cdat, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max);

#endif
