/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Coherent Device Attribute Table, derived from the partitions, and its DOE protocol. [CDAT 1.04; CXL3.1 8.1.11]
 *
 * Devices, per partition and region of dynamic capacity: DSMAS (where), four DSLBIS (how fast) and DSEMTS (what the OS
 * may use it as). Switches: SSLBIS, from the upstream port to each downstream port. Table Access: entry handle 0 is the
 * header, handle n the nth structure; each answer names the next handle, FFFFh after the last.
 */
#include <assert.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "cxl/cdat.h"
#include "cxl/host.h"
#include "cxl/type3.h"

/* The device's own figures; links are added by whoever adds up the path. */
#define READ_LATENCY_NS 150
#define WRITE_LATENCY_NS 250
#define BANDWIDTH_GBPS 16
#define SWITCH_LATENCY_NS 150

#define DOE_HEADER_DWORDS 2
#define CDAT_TYPE_DATA 0
#define CDAT_LAST_HANDLE 0xffff

struct cxl_performance cdat_performance(const struct cxl_type3 *dev, u64 dpa)
{
	struct cxl_performance performance = {READ_LATENCY_NS * 1000, WRITE_LATENCY_NS * 1000, BANDWIDTH_GBPS * 1000,
					      BANDWIDTH_GBPS * 1000};

	cdat_read_performance(&dev->cdat, dpa, &performance);
	return performance;
}

void cdat_begin(struct cdat *cdat, const char *name)
{
	memset(cdat, 0, sizeof(*cdat));
	cdat->name = name;
	cdat->size = CDAT_HEADER_BYTES;
}

/* Length and checksum. */
static void cdat_end(struct cdat *cdat)
{
	u8 sum = 0;

	store_le(cdat->bytes, 4, cdat->size);
	cdat->bytes[4] = CDAT_REVISION;
	cdat->bytes[5] = 0;
	for (u32 i = 0; i < cdat->size; i++)
		sum += cdat->bytes[i];
	cdat->bytes[5] = -sum;
}

void cdat_renumber(struct cdat *cdat, u32 sequence)
{
	store_le(cdat->bytes + CDAT_SEQUENCE, 4, sequence);
	cdat_end(cdat);
}

/* Zeroed room for an entry, header filled in. */
static u8 *cdat_append(struct cdat *cdat, u8 type, u16 size)
{
	u8 *entry = cdat->bytes + cdat->size;

	assert(size >= 4 && size <= CDAT_BYTES_MAX - cdat->size); /* ours: as many as there are partitions and ports */
	entry[0] = type;
	store_le(entry + 2, 2, size);
	cdat->size += size;
	return entry;
}

static void append_dslbis(struct cdat *cdat, u8 handle, u8 data_type, u64 unit, u16 value)
{
	u8 *entry = cdat_append(cdat, CDAT_DSLBIS, CDAT_STRUCT_BYTES);

	entry[4] = handle;
	entry[5] = 0; /* memory, not a cache */
	entry[6] = data_type;
	store_le(entry + 8, 8, unit);
	store_le(entry + 16, 2, value);
}

static void append_partition(struct cdat *cdat, u8 handle, u64 dpa, u64 size, bool persistent, u8 flags)
{
	u8 *entry = cdat_append(cdat, CDAT_DSMAS, CDAT_STRUCT_BYTES);

	entry[4] = handle;
	entry[5] = (persistent ? CDAT_DSMAS_NONVOLATILE : 0) | flags;
	store_le(entry + 8, 8, dpa);
	store_le(entry + 16, 8, size);
	/* Units: picoseconds, MB/s. */
	append_dslbis(cdat, handle, CDAT_READ_LATENCY, 1000, READ_LATENCY_NS);
	append_dslbis(cdat, handle, CDAT_WRITE_LATENCY, 1000, WRITE_LATENCY_NS);
	append_dslbis(cdat, handle, CDAT_READ_BANDWIDTH, 1000, BANDWIDTH_GBPS);
	append_dslbis(cdat, handle, CDAT_WRITE_BANDWIDTH, 1000, BANDWIDTH_GBPS);
	entry = cdat_append(cdat, CDAT_DSEMTS, CDAT_STRUCT_BYTES);
	entry[4] = handle;
	entry[5] = persistent ? CDAT_EFI_RESERVED : CDAT_EFI_SPECIFIC_PURPOSE;
	store_le(entry + 8, 8, 0);
	store_le(entry + 16, 8, size);
}

/* The DSMAS that the region lies in, whoever wrote the table; else as they are counted here: after those of the
 * static partitions. */
u8 cdat_dynamic_handle(const struct cxl_type3 *dev, unsigned region)
{
	u64 base = dynamic_region_base(dev->dc, region);

	for (u32 at = CDAT_HEADER_BYTES; at < dev->cdat.size; at += load_le(dev->cdat.bytes + at + 2, 2)) {
		const u8 *e = dev->cdat.bytes + at;

		if (e[0] == CDAT_DSMAS && base - load_le(e + 8, 8) < load_le(e + 16, 8))
			return e[4];
	}
	return (dev->volatile_bytes != 0) + (dev->persistent_bytes != 0) + region;
}

bool cdat_build(struct cxl_type3 *dev, struct error *err)
{
	u8 handle = 0;

	if (dev->cdat_file)
		return cdat_load(&dev->cdat, dev->name, dev->cdat_file, false, err);
	cdat_begin(&dev->cdat, dev->name);
	if (dev->volatile_bytes)
		append_partition(&dev->cdat, handle++, 0, dev->volatile_bytes, false, 0);
	if (dev->persistent_bytes)
		append_partition(&dev->cdat, handle++, dev->volatile_bytes, dev->persistent_bytes, true, 0);
	for (unsigned n = 0; dev->dc && n < dev->dc->region_count; n++)
		append_partition(&dev->cdat, handle++, dynamic_region_base(dev->dc, n), dev->dc->region_size, false,
				 CDAT_DSMAS_DYNAMIC | (dev->dc->shareable ? CDAT_DSMAS_SHAREABLE : 0));
	cdat_end(&dev->cdat);
	return true;
}

u64 cdat_switch_latency_ps(void)
{
	return SWITCH_LATENCY_NS * 1000;
}

/* One entry per downstream port, all alike; bandwidth is that of the narrower link. */
static void append_sslbis(struct cxl_switch *sw, u8 data_type, u64 unit, bool is_bandwidth)
{
	unsigned count = cxl_fork_port_count(sw->host, &sw->fork);
	u8 *entry = cdat_append(&sw->cdat, CDAT_SSLBIS, CDAT_SSLBIS_BYTES + count * CDAT_SSLBIS_ENTRY_BYTES), *at;

	entry[4] = data_type;
	store_le(entry + 8, 8, unit);
	at = entry + CDAT_SSLBIS_BYTES;
	for (struct cxl_port *port = sw->host->ports; port; port = port->next) {
		u64 mbps = MIN(cxl_link_mbps(port->speed, port->width), cxl_link_mbps(sw->speed, sw->width));

		if (port->above != &sw->fork)
			continue;
		store_le(at, 2, CDAT_SSLBIS_UPSTREAM);
		store_le(at + 2, 2, port->number);
		store_le(at + 4, 2, is_bandwidth ? MAX(mbps / unit, 1ull) : SWITCH_LATENCY_NS);
		at += CDAT_SSLBIS_ENTRY_BYTES;
	}
}

void cdat_build_switch(struct cxl_switch *sw)
{
	if (sw->cdat_file)
		return; /* read when the switch was made */
	cdat_begin(&sw->cdat, dev_name(&sw->pci.dev));
	append_sslbis(sw, CDAT_ACCESS_LATENCY, 1000, false);
	append_sslbis(sw, CDAT_ACCESS_BANDWIDTH, 1000, true);
	cdat_end(&sw->cdat);
}

u32 cdat_serve(const struct cdat *cdat, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max)
{
	u32 word, handle, at = 0, bytes = CDAT_HEADER_BYTES, next;

	if (request_dwords < DOE_HEADER_DWORDS + 1)
		return 0;
	word = request[DOE_HEADER_DWORDS];
	handle = word >> 16;
	/* The handle-th entry, or the end. */
	for (u32 n = 0; n < handle && at < cdat->size; n++) {
		at += bytes;
		bytes = at < cdat->size ? load_le(cdat->bytes + at + 2, 2) : 0;
	}
	if (bits(word, 7, 0) != 0 || bits(word, 15, 8) != CDAT_TYPE_DATA || at >= cdat->size) {
		guest_error(CDAT_REQUEST, "%s: CDAT request %08x", cdat->name, word);
		return 0;
	}
	if (response_dwords_max < DOE_HEADER_DWORDS + 1 + bytes / 4)
		return 0;
	next = at + bytes < cdat->size ? handle + 1 : CDAT_LAST_HANDLE;
	response[DOE_HEADER_DWORDS] = next << 16;
	memcpy(&response[DOE_HEADER_DWORDS + 1], cdat->bytes + at, bytes);
	trace(MBOX, "%s: CDAT entry %u", cdat->name, handle);
	return DOE_HEADER_DWORDS + 1 + bytes / 4;
}

u32 cdat_answer(void *opaque, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max)
{
	struct cxl_type3 *dev = opaque;

	return cdat_serve(&dev->cdat, request, request_dwords, response, response_dwords_max);
}
