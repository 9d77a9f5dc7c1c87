/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cdat=FILE: a CDAT as somebody measured or wrote it, shown over DOE in place of the derived one. [CDAT 1.04] The file
 * is the table: header, then structures of types 0 to 5, little-endian. Every length, the checksum and every handle are
 * checked before anything is kept. What it says of latency and bandwidth is what HMAT tells about the device.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cxl/host.h"
#include "cxl/type3.h"
#include "host/host.h"

#define STRUCT_HEADER_BYTES 4

/* By type; SSLBIS is that many and its entries. */
static const struct {
	const char *name;
	u8 bytes;
} kinds[] = {
	[CDAT_DSMAS] = {"DSMAS", CDAT_STRUCT_BYTES},
	[CDAT_DSLBIS] = {"DSLBIS", CDAT_STRUCT_BYTES},
	[CDAT_DSMSCIS] = {"DSMSCIS", 20},
	[CDAT_DSIS] = {"DSIS", 8},
	[CDAT_DSEMTS] = {"DSEMTS", CDAT_STRUCT_BYTES},
	[CDAT_SSLBIS] = {"SSLBIS", CDAT_SSLBIS_BYTES},
};

static bool check_header(const char *where, const u8 *bytes, u64 size, struct error *err)
{
	u8 sum = 0;

	if (size < CDAT_HEADER_BYTES)
		return fail(err, "%s: %llu bytes are no CDAT; its header alone has %u", where, (unsigned long long)size,
			    CDAT_HEADER_BYTES);
	if (load_le(bytes, 4) != size)
		return fail(err, "%s: the header says %llu bytes, the file has %llu", where,
			    (unsigned long long)load_le(bytes, 4), (unsigned long long)size);
	if (bytes[4] < 1 || bytes[4] > CDAT_REVISION)
		return fail(err, "%s: revision %u; known are 1 and %u", where, bytes[4], CDAT_REVISION);
	for (u64 n = 0; n < size; n++)
		sum += bytes[n];
	if (sum)
		return fail(err, "%s: the checksum is wrong: byte 5 is 0x%02x and ought to be 0x%02x", where, bytes[5],
			    (u8)(bytes[5] - sum));
	return true;
}

static bool has_dsmas(const u8 *bytes, u64 size, u8 handle)
{
	for (u64 at = CDAT_HEADER_BYTES; at < size; at += load_le(bytes + at + 2, 2))
		if (bytes[at] == CDAT_DSMAS && bytes[at + 4] == handle)
			return true;
	return false;
}

bool cdat_check(const char *where, const u8 *bytes, u64 size, bool is_switch, struct error *err)
{
	u64 length;

	if (!check_header(where, bytes, size, err))
		return false;
	for (u64 at = CDAT_HEADER_BYTES; at < size; at += length) {
		unsigned type = bytes[at], most;

		if (size - at < STRUCT_HEADER_BYTES)
			return fail(err, "%s: %llu bytes at offset %llu are no structure", where,
				    (unsigned long long)(size - at), (unsigned long long)at);
		length = load_le(bytes + at + 2, 2);
		if (type >= ARRAY_SIZE(kinds))
			return fail(err, "%s: type %u at offset %llu; known are 0 to 5", where, type,
				    (unsigned long long)at);
		if ((type == CDAT_SSLBIS) != is_switch)
			return fail(err, "%s: %s at offset %llu: it is of %s", where, kinds[type].name,
				    (unsigned long long)at,
				    is_switch ? "memory devices; a switch has SSLBIS" :
						"switches; a device has types 0 to 4");
		most = type == CDAT_SSLBIS ? CDAT_BYTES_MAX : kinds[type].bytes;
		if (length < kinds[type].bytes || length > most ||
		    (length - kinds[type].bytes) % CDAT_SSLBIS_ENTRY_BYTES)
			return fail(err, "%s: %s at offset %llu has length %llu; it is %u%s", where, kinds[type].name,
				    (unsigned long long)at, (unsigned long long)length, kinds[type].bytes,
				    type == CDAT_SSLBIS ? " and 8 an entry" : "");
		if (length > size - at)
			return fail(err, "%s: %s at offset %llu reaches past the end", where, kinds[type].name,
				    (unsigned long long)at);
	}
	for (u64 at = CDAT_HEADER_BYTES; at < size; at += load_le(bytes + at + 2, 2))
		if ((bytes[at] == CDAT_DSLBIS || bytes[at] == CDAT_DSMSCIS || bytes[at] == CDAT_DSEMTS) &&
		    !has_dsmas(bytes, size, bytes[at + 4]))
			return fail(err, "%s: %s at offset %llu names DSMAS handle %u, which is not there", where,
				    kinds[bytes[at]].name, (unsigned long long)at, bytes[at + 4]);
	return true;
}

bool cdat_load(struct cdat *cdat, const char *name, const char *path, bool is_switch, struct error *err)
{
	u8 *bytes = NULL;
	u64 size = 0;
	char where[300];
	bool ok;

	snprintf(where, sizeof(where), "%.100s: cdat=%.180s", name, path);
	cdat_begin(cdat, name);
	if (!file_read_all(path, CDAT_BYTES_MAX, &bytes, &size, err)) {
		struct error why = *err;

		return fail(err, "%.300s: %.200s", where, why.text);
	}
	ok = cdat_check(where, bytes, size, is_switch, err);
	if (ok) {
		memcpy(cdat->bytes, bytes, size);
		cdat->size = size;
	}
	free(bytes);
	return ok;
}

/* The share of a device in an access: the DSLBIS of the first DSMAS that holds `dpa`, memory and not a cache. What the
 * table leaves out stays as it is. */
void cdat_read_performance(const struct cdat *cdat, u64 dpa, struct cxl_performance *performance)
{
	int handle = -1;

	for (u32 at = CDAT_HEADER_BYTES; at < cdat->size && handle < 0; at += load_le(cdat->bytes + at + 2, 2)) {
		const u8 *e = cdat->bytes + at;

		if (e[0] == CDAT_DSMAS && dpa - load_le(e + 8, 8) < load_le(e + 16, 8))
			handle = e[4];
	}
	for (u32 at = CDAT_HEADER_BYTES; at < cdat->size; at += load_le(cdat->bytes + at + 2, 2)) {
		const u8 *e = cdat->bytes + at;
		u64 value;

		if (e[0] != CDAT_DSLBIS || e[4] != handle || (e[5] & 0xf))
			continue;
		value = MIN(load_le(e + 8, 8), UINT32_MAX) * load_le(e + 16, 2);
		if (!value)
			continue;
		if (e[6] == CDAT_ACCESS_LATENCY || e[6] == CDAT_READ_LATENCY)
			performance->read_latency_ps = value;
		if (e[6] == CDAT_ACCESS_LATENCY || e[6] == CDAT_WRITE_LATENCY)
			performance->write_latency_ps = value;
		if (e[6] == CDAT_ACCESS_BANDWIDTH || e[6] == CDAT_READ_BANDWIDTH)
			performance->read_mbps = value;
		if (e[6] == CDAT_ACCESS_BANDWIDTH || e[6] == CDAT_WRITE_BANDWIDTH)
			performance->write_mbps = value;
	}
}
