/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Coherent Device Attribute Table, derived from the partitions, and its DOE protocol. [CDAT 1.04; CXL3.1 8.1.11]
 *
 * Per partition: DSMAS (where), four DSLBIS (how fast) and DSEMTS (what the OS may use it as). Table Access: entry handle
 * 0 is the header, handle n the nth structure; each answer names the next handle, FFFFh after the last.
 */
#include "base/trace.h"
#include "cxl/type3.h"

/* The device's own figures; links are added by whoever adds up the path. */
#define READ_LATENCY_NS 150
#define WRITE_LATENCY_NS 250
#define BANDWIDTH_GBPS 16

#define DOE_HEADER_DWORDS 2
#define CDAT_TYPE_DATA 0
#define CDAT_LAST_HANDLE 0xffff

struct cxl_performance cdat_performance(void)
{
	return (struct cxl_performance){READ_LATENCY_NS * 1000, WRITE_LATENCY_NS * 1000, BANDWIDTH_GBPS * 1000,
					BANDWIDTH_GBPS * 1000};
}

static u8 *append(struct cxl_type3 *dev, u8 type)
{
	u8 *entry = dev->cdat + dev->cdat_bytes;

	static_assert(CDAT_HEADER_BYTES + 2 * 6 * CDAT_STRUCT_BYTES <= CDAT_BYTES_MAX, "two partitions fit");
	entry[0] = type;
	store_le(entry + 2, 2, CDAT_STRUCT_BYTES);
	dev->cdat_bytes += CDAT_STRUCT_BYTES;
	return entry;
}

static void append_dslbis(struct cxl_type3 *dev, u8 handle, u8 data_type, u64 unit, u16 value)
{
	u8 *entry = append(dev, CDAT_DSLBIS);

	entry[4] = handle;
	entry[5] = 0; /* memory, not a cache */
	entry[6] = data_type;
	store_le(entry + 8, 8, unit);
	store_le(entry + 16, 2, value);
}

static void append_partition(struct cxl_type3 *dev, u8 handle, u64 dpa, u64 size, bool persistent)
{
	u8 *entry = append(dev, CDAT_DSMAS);

	entry[4] = handle;
	entry[5] = persistent ? CDAT_DSMAS_NONVOLATILE : 0;
	store_le(entry + 8, 8, dpa);
	store_le(entry + 16, 8, size);
	/* Units: picoseconds, MB/s. */
	append_dslbis(dev, handle, CDAT_READ_LATENCY, 1000, READ_LATENCY_NS);
	append_dslbis(dev, handle, CDAT_WRITE_LATENCY, 1000, WRITE_LATENCY_NS);
	append_dslbis(dev, handle, CDAT_READ_BANDWIDTH, 1000, BANDWIDTH_GBPS);
	append_dslbis(dev, handle, CDAT_WRITE_BANDWIDTH, 1000, BANDWIDTH_GBPS);
	entry = append(dev, CDAT_DSEMTS);
	entry[4] = handle;
	entry[5] = persistent ? CDAT_EFI_RESERVED : CDAT_EFI_SPECIFIC_PURPOSE;
	store_le(entry + 8, 8, 0);
	store_le(entry + 16, 8, size);
}

void cdat_build(struct cxl_type3 *dev)
{
	u8 sum = 0, handle = 0;

	memset(dev->cdat, 0, sizeof(dev->cdat));
	dev->cdat_bytes = CDAT_HEADER_BYTES;
	if (dev->volatile_bytes)
		append_partition(dev, handle++, 0, dev->volatile_bytes, false);
	if (dev->persistent_bytes)
		append_partition(dev, handle++, dev->volatile_bytes, dev->persistent_bytes, true);
	store_le(dev->cdat, 4, dev->cdat_bytes);
	dev->cdat[4] = CDAT_REVISION;
	for (u32 i = 0; i < dev->cdat_bytes; i++)
		sum += dev->cdat[i];
	dev->cdat[5] = -sum;
}

u32 cdat_answer(void *opaque, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max)
{
	struct cxl_type3 *dev = opaque;
	u32 word, handle, entries, at, bytes, next;

	if (request_dwords < DOE_HEADER_DWORDS + 1)
		return 0;
	word = request[DOE_HEADER_DWORDS];
	handle = word >> 16;
	entries = 1 + (dev->cdat_bytes - CDAT_HEADER_BYTES) / CDAT_STRUCT_BYTES;
	if (bits(word, 7, 0) != 0 || bits(word, 15, 8) != CDAT_TYPE_DATA || handle >= entries) {
		trace(GUEST_ERROR, "%s: CDAT request %08x [CXL3.1 8.1.11.1]", dev->name, word);
		return 0;
	}
	at = handle ? CDAT_HEADER_BYTES + (handle - 1) * CDAT_STRUCT_BYTES : 0;
	bytes = handle ? CDAT_STRUCT_BYTES : CDAT_HEADER_BYTES;
	if (response_dwords_max < DOE_HEADER_DWORDS + 1 + bytes / 4)
		return 0;
	next = handle + 1 < entries ? handle + 1 : CDAT_LAST_HANDLE;
	response[DOE_HEADER_DWORDS] = next << 16;
	memcpy(&response[DOE_HEADER_DWORDS + 1], dev->cdat + at, bytes);
	trace(MBOX, "%s: CDAT entry %u", dev->name, handle);
	return DOE_HEADER_DWORDS + 1 + bytes / 4;
}
