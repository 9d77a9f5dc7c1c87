/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 64 KiB component register block. [CXL3.1 8.2.3, 8.2.4]
 *
 *   0x0000  CXL.io range: nothing in it, reads 0
 *   0x1000  CXL.cachemem range: capability array, then the structures it points to
 *   0x2000  the rest: reserved, reads 0
 *
 * Which component has which structure is the specification's table 8-22: host bridges HDM and Extended Security, root
 * ports RAS, Link and Snoop Filter, a switch's upstream port and memory devices RAS, Link and HDM, its downstream ports
 * RAS and Link. A host bridge with one root port may hide its HDM decoders (passthrough). Back-Invalidate: a route
 * table in a switch's upstream port, a decoder in ports and in devices that can (`hdm-db=on`). Accesses must have the
 * register's own width (design D7).
 */
#include "cxl/component.h"

#include <stdlib.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "cxl/host.h"

/* Link: a trained CXL 2.0 link layer, with 64 credits for each channel of CXL.mem and the timers that are recommended.
 * [CXL3.1 8.2.4.19] */
static const struct reg link_regs[] = {
	R64(0x00, LINK_LAYER_CAP, 0x0000000000090922, 0xff0f, .sticky = STICKY),
	R64(0x08, LINK_LAYER_CTRL_STATUS, 0x0000000000000018, 0x6, .sticky = STICKY),
	R64(0x10, LINK_RX_CREDIT_CTRL, 64ull << 40 | 64ull << 30, MASK(49, 0), .sticky = STICKY),
	R64(0x18, LINK_RX_CREDIT_STATUS, 0, 0),
	R64(0x20, LINK_TX_CREDIT_STATUS, 64ull << 40 | 64ull << 30, 0),
	R64(0x28, LINK_ACK_TIMER_CTRL, 0x20 << 8 | 0x10, MASK(17, 0), .sticky = STICKY),
	R64(0x30, LINK_DEFEATURE, 0, 0x1, .sticky = STICKY),
};

/* Extended Security: a policy for each root port, at first "untrusted". [CXL3.1 8.2.4.21] */
static u64 ext_security_count_read(struct regs *b, unsigned i, u64 stored)
{
	return ((struct cxl_component *)b->owner)->port_count;
}

static u64 ext_security_policy_read(struct regs *b, unsigned i, u64 stored)
{
	return i < ((struct cxl_component *)b->owner)->port_count ? stored : 0;
}

static u64 ext_security_port_read(struct regs *b, unsigned i, u64 stored)
{
	struct cxl_component *comp = b->owner;

	return i < comp->port_count ? comp->ports[i] : 0;
}

static const struct reg ext_security_regs[] = {
	R32(0x00, EXT_SECURITY_ROOT_PORTS, 0, 0, .read = ext_security_count_read),
	R32(0x04, EXT_SECURITY_POLICY, 2, 0x3, .count = 32, .stride = 8, .read = ext_security_policy_read),
	R32(0x08, EXT_SECURITY_PORT_ID, 0, 0, .count = 32, .stride = 8, .read = ext_security_port_read),
};

/* Snoop filter: no capacity, group 0. [CXL3.1 8.2.4.23] */
static const struct reg snoop_filter_regs[] = {
	R32(0x00, SNOOP_FILTER_GROUP, 0, 0),
	R32(0x04, SNOOP_FILTER_SIZE, 0, 0),
};

/* Back-Invalidate: a change counts from Commit on, which is done at once. [CXL3.1 8.2.4.26, 8.2.4.27] */
static void bi_commit(struct regs *b, u32 at, bool committed)
{
	struct cxl_component *comp = b->owner;

	regs_set(b, at + BI_STATUS, 4, BI_STATUS_TIMEOUT | (committed ? BI_STATUS_COMMITTED : 0));
	trace(CXL, "%s: back-invalidate %s", comp->name, committed ? "committed" : "not committed");
}

static void bi_table_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if ((old ^ now) & BI_CTRL_TABLE_COMMIT)
		bi_commit(b, AT_BI_ROUTE_TABLE, now & BI_CTRL_TABLE_COMMIT);
}

static void bi_decoder_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if ((old ^ now) & BI_CTRL_DECODER_COMMIT)
		bi_commit(b, AT_BI_DECODER, now & BI_CTRL_DECODER_COMMIT);
}

static const struct reg bi_table_regs[] = {
	R32(BI_CAP, BI_ROUTE_TABLE_CAP, BI_CAP_COMMIT_REQUIRED, 0),
	R32(BI_CTRL, BI_ROUTE_TABLE_CTRL, 0, BI_CTRL_TABLE_COMMIT, .write = bi_table_write),
	R32(BI_STATUS, BI_ROUTE_TABLE_STATUS, BI_STATUS_TIMEOUT, 0),
};

static const struct reg bi_downstream_regs[] = {
	R32(BI_CAP, BI_DECODER_CAP, BI_CAP_DECODER_COMMIT_REQUIRED, 0),
	R32(BI_CTRL, BI_DECODER_CTRL, 0, BI_CTRL_FORWARD | BI_CTRL_ENABLE | BI_CTRL_DECODER_COMMIT,
	    .write = bi_decoder_write),
	R32(BI_STATUS, BI_DECODER_STATUS, BI_STATUS_TIMEOUT, 0),
};

/* What root ports are told counts at once, as does a device's enable, which forwards nothing. */
static const struct reg bi_root_regs[] = {
	R32(BI_CAP, BI_DECODER_CAP, 0, 0),
	R32(BI_CTRL, BI_DECODER_CTRL, 0, BI_CTRL_FORWARD | BI_CTRL_ENABLE),
	R32(BI_STATUS, BI_DECODER_STATUS, 0, 0),
};

static const struct reg bi_device_regs[] = {
	R32(BI_CAP, BI_DECODER_CAP, 0, 0),
	R32(BI_CTRL, BI_DECODER_CTRL, 0, BI_CTRL_ENABLE),
	R32(BI_STATUS, BI_DECODER_STATUS, 0, 0),
};

#define OF(kind) BIT(COMPONENT_##kind)
#define WITH_LINK (OF(ROOT_PORT) | OF(UPSTREAM) | OF(DOWNSTREAM) | OF(DEVICE))
#define ROWS(table) .rows = table, .count = ARRAY_SIZE(table)

/* The capability structures in the order of the array, and whose they are. */
static const struct capability {
	const char *name;
	u16 id, version;
	u32 at;
	u32 kinds;
	const struct reg *rows;
	u32 count;
	void (*add)(struct cxl_component *comp); /* in place of rows */
	bool only_with_bi;
} capabilities[] = {
	{"CXL_RAS_HEADER", CACHEMEM_RAS, 2, AT_RAS, WITH_LINK, .add = ras_add},
	{"CXL_LINK_HEADER", CACHEMEM_LINK, 2, AT_LINK, WITH_LINK, ROWS(link_regs)},
	{"CXL_HDM_HEADER", CACHEMEM_HDM, 0, 0, OF(BRIDGE) | OF(UPSTREAM) | OF(DEVICE),
	 .add = hdm_add}, /* version and place by its size */
	{"CXL_EXT_SECURITY_HEADER", CACHEMEM_EXT_SECURITY, 1, AT_EXT_SECURITY, OF(BRIDGE) | OF(BRIDGE_PASSTHROUGH),
	 ROWS(ext_security_regs)},
	{"CXL_SNOOP_FILTER_HEADER", CACHEMEM_SNOOP_FILTER, 1, AT_SNOOP_FILTER, OF(ROOT_PORT), ROWS(snoop_filter_regs)},
	{"CXL_BI_ROUTE_TABLE_HEADER", CACHEMEM_BI_ROUTE_TABLE, 1, AT_BI_ROUTE_TABLE, OF(UPSTREAM), ROWS(bi_table_regs)},
	{"CXL_BI_DECODER_HEADER", CACHEMEM_BI_DECODER, 1, AT_BI_DECODER, OF(ROOT_PORT), ROWS(bi_root_regs)},
	{"CXL_BI_DECODER_HEADER", CACHEMEM_BI_DECODER, 1, AT_BI_DECODER, OF(DOWNSTREAM), ROWS(bi_downstream_regs)},
	{"CXL_BI_DECODER_HEADER", CACHEMEM_BI_DECODER, 1, AT_BI_DECODER, OF(DEVICE), ROWS(bi_device_regs),
	 .only_with_bi = true},
};

static bool has_capability(const struct cxl_component *comp, const struct capability *c)
{
	return (c->kinds & BIT(comp->kind)) && (comp->back_invalidate || !c->only_with_bi);
}

static void array_add(struct cxl_component *comp)
{
	struct reg *rows = calloc(1 + ARRAY_SIZE(capabilities), sizeof(*rows));
	unsigned count = 0;

	assert(rows);
	for (unsigned n = 0; n < ARRAY_SIZE(capabilities); n++) {
		const struct capability *c = &capabilities[n];
		bool is_hdm = c->id == CACHEMEM_HDM;

		if (!has_capability(comp, c))
			continue;
		count++;
		rows[count] = (struct reg){.name = c->name, .offset = 4 * count, .size = 4};
		rows[count].reset = is_hdm ? CACHEMEM_CAP(c->id, hdm_version(comp), comp->hdm_at) :
					     CACHEMEM_CAP(c->id, c->version, c->at);
	}
	rows[0] = (struct reg)R32(0, CXL_CAPABILITY_HEADER, CACHEMEM_HEADER(count), 0);
	comp->array_rows = rows;
	regs_add(&comp->regs, 0, rows, count + 1);
}

void component_init(struct cxl_component *comp, enum component_kind kind, const char *name, struct cxl_host *host,
		    u64 capacity)
{
	comp->kind = kind;
	comp->name = name;
	comp->host = host;
	comp->capacity = capacity;
	comp->decoder_count = comp->wanted_decoders ? comp->wanted_decoders : HDM_DECODERS;
	comp->hdm_at = comp->decoder_count > HDM_DEVICE_DECODERS_MAX ? AT_HDM_LARGE : AT_HDM;
	regs_init(&comp->regs, name, comp, REGS_EXACT, COMPONENT_CACHE_MEM_BYTES);
	array_add(comp);
	for (unsigned n = 0; n < ARRAY_SIZE(capabilities); n++) {
		const struct capability *c = &capabilities[n];

		if (!has_capability(comp, c))
			continue;
		if (c->add)
			c->add(comp);
		else
			regs_add(&comp->regs, c->at, c->rows, c->count);
	}
	regs_reset(&comp->regs, RESET_COLD);
}

void component_fini(struct cxl_component *comp)
{
	if (comp->regs.store)
		regs_free(&comp->regs);
	comp->regs.store = NULL;
	free(comp->array_rows);
	free(comp->hdm_rows);
	comp->array_rows = comp->hdm_rows = NULL;
}

bool component_has_hdm(const struct cxl_component *comp)
{
	return comp->kind == COMPONENT_BRIDGE || comp->kind == COMPONENT_UPSTREAM || comp->kind == COMPONENT_DEVICE;
}

/* A function-level reset touches CXL.io only. [CXL3.1 9.5] */
void component_reset(struct cxl_component *comp, unsigned reset_kind)
{
	if (!comp->regs.store || reset_kind == RESET_FUNCTION)
		return;
	regs_reset(&comp->regs, reset_kind);
	ras_reset(comp, reset_kind);
	if (component_has_hdm(comp))
		hdm_reset(comp);
}

static enum mem_result component_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct cxl_component *comp = opaque;

	if (offset >= COMPONENT_CACHE_MEM && offset - COMPONENT_CACHE_MEM < COMPONENT_CACHE_MEM_BYTES) {
		*value = regs_read(&comp->regs, offset - COMPONENT_CACHE_MEM, size);
	} else {
		guest_error(REGISTER_NONE, "%s: read of %u bytes at 0x%llx, where no component register is", comp->name,
			    size, (unsigned long long)offset);
		*value = 0;
	}
	return MEM_OK;
}

static enum mem_result component_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct cxl_component *comp = opaque;

	if (offset >= COMPONENT_CACHE_MEM && offset - COMPONENT_CACHE_MEM < COMPONENT_CACHE_MEM_BYTES)
		regs_write(&comp->regs, offset - COMPONENT_CACHE_MEM, size, value);
	else
		guest_error(REGISTER_NONE, "%s: write of %u bytes at 0x%llx, where no component register is",
			    comp->name, size, (unsigned long long)offset);
	return MEM_OK;
}

const struct io_ops component_io = {component_read, component_write};
