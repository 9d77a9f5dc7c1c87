/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: compressed clusters. What comes out is one cluster, whatever goes in. */
#include <zlib.h>
#include <zstd.h>

#include "host/qcow2.h"

static bool inflate_cluster(const u8 *from, u64 bytes, u8 *to, u64 cluster_bytes)
{
	z_stream z = {.next_in = (u8 *)from,
		      .avail_in = (unsigned)bytes,
		      .next_out = to,
		      .avail_out = (unsigned)cluster_bytes};
	int result;

	if (inflateInit2(&z, -15) != Z_OK)
		return false;
	result = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* The sector's rest follows the stream, so the end may not have been looked for. */
	return (result == Z_STREAM_END || result == Z_BUF_ERROR) && !z.avail_out;
}

static bool zstd_cluster(const u8 *from, u64 bytes, u8 *to, u64 cluster_bytes)
{
	ZSTD_inBuffer in = {from, bytes, 0};
	ZSTD_outBuffer out = {to, cluster_bytes, 0};
	ZSTD_DCtx *context = ZSTD_createDCtx();
	size_t result = 1;

	if (!context)
		return false;
	/* A frame's window may ask for no more memory than a cluster needs. */
	ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 23);
	while (out.pos < out.size) {
		size_t before_in = in.pos, before_out = out.pos;

		result = ZSTD_decompressStream(context, &out, &in);
		if (ZSTD_isError(result) || (before_in == in.pos && before_out == out.pos))
			break;
	}
	ZSTD_freeDCtx(context);
	return !ZSTD_isError(result) && out.pos == out.size;
}

bool qcow2_decompress(u32 compression, const u8 *from, u64 bytes, u8 *to, u64 cluster_bytes)
{
	return compression == QCOW2_ZSTD ? zstd_cluster(from, bytes, to, cluster_bytes) :
					   inflate_cluster(from, bytes, to, cluster_bytes);
}
