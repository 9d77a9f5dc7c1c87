/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 64 KiB component register block. [CXL3.1 8.2.3, 8.2.4]
 *
 *   0x0000  CXL.io range: nothing in it, reads 0
 *   0x1000  CXL.cachemem range: capability array, then the structures it points to
 *   0x2000  the rest: reserved, reads 0
 *
 * Which component has which structure is the specification's table 8-22: host bridges HDM and Extended Security, root
 * ports RAS, Link and Snoop Filter, a switch's upstream port and memory devices RAS, Link and HDM, its downstream ports RAS and
 * Link. A host bridge with one root port may hide its HDM
 * decoders (passthrough). HDM is version 1 where only the two interleave bits of CXL 2.0 are set, version 2 where the
 * 3/6/12-way and 16-way bits are. Accesses must have the register's own width (design D7).
 */
#include "cxl/component.h"

#include "base/trace.h"
#include "cxl/host.h"

static const struct reg bridge_array[] = {
	R32(0x00, CXL_CAPABILITY_HEADER, CACHEMEM_HEADER(2), 0),
	R32(0x04, CXL_HDM_HEADER, CACHEMEM_CAP(CACHEMEM_HDM, 1, AT_HDM), 0),
	R32(0x08, CXL_EXT_SECURITY_HEADER, CACHEMEM_CAP(CACHEMEM_EXT_SECURITY, 1, AT_EXT_SECURITY), 0),
};

static const struct reg passthrough_array[] = {
	R32(0x00, CXL_CAPABILITY_HEADER, CACHEMEM_HEADER(1), 0),
	R32(0x04, CXL_EXT_SECURITY_HEADER, CACHEMEM_CAP(CACHEMEM_EXT_SECURITY, 1, AT_EXT_SECURITY), 0),
};

static const struct reg root_port_array[] = {
	R32(0x00, CXL_CAPABILITY_HEADER, CACHEMEM_HEADER(3), 0),
	R32(0x04, CXL_RAS_HEADER, CACHEMEM_CAP(CACHEMEM_RAS, 2, AT_RAS), 0),
	R32(0x08, CXL_LINK_HEADER, CACHEMEM_CAP(CACHEMEM_LINK, 2, AT_LINK), 0),
	R32(0x0c, CXL_SNOOP_FILTER_HEADER, CACHEMEM_CAP(CACHEMEM_SNOOP_FILTER, 1, AT_SNOOP_FILTER), 0),
};

static const struct reg upstream_array[] = {
	R32(0x00, CXL_CAPABILITY_HEADER, CACHEMEM_HEADER(3), 0),
	R32(0x04, CXL_RAS_HEADER, CACHEMEM_CAP(CACHEMEM_RAS, 2, AT_RAS), 0),
	R32(0x08, CXL_LINK_HEADER, CACHEMEM_CAP(CACHEMEM_LINK, 2, AT_LINK), 0),
	R32(0x0c, CXL_HDM_HEADER, CACHEMEM_CAP(CACHEMEM_HDM, 1, AT_HDM), 0),
};

static const struct reg downstream_array[] = {
	R32(0x00, CXL_CAPABILITY_HEADER, CACHEMEM_HEADER(2), 0),
	R32(0x04, CXL_RAS_HEADER, CACHEMEM_CAP(CACHEMEM_RAS, 2, AT_RAS), 0),
	R32(0x08, CXL_LINK_HEADER, CACHEMEM_CAP(CACHEMEM_LINK, 2, AT_LINK), 0),
};

static const struct reg device_array[] = {
	R32(0x00, CXL_CAPABILITY_HEADER, CACHEMEM_HEADER(3), 0),
	R32(0x04, CXL_RAS_HEADER, CACHEMEM_CAP(CACHEMEM_RAS, 2, AT_RAS), 0),
	R32(0x08, CXL_LINK_HEADER, CACHEMEM_CAP(CACHEMEM_LINK, 2, AT_LINK), 0),
	R32(0x0c, CXL_HDM_HEADER, CACHEMEM_CAP(CACHEMEM_HDM, 2, AT_HDM), 0),
};

/* Link: a trained CXL 2.0 link layer. [CXL3.1 8.2.4.19] */
static const struct reg link_regs[] = {
	R64(0x00, LINK_LAYER_CAP, 0x0000000000000922, 0),
	R64(0x08, LINK_LAYER_CTRL_STATUS, 0x0000000000000018, 0x6),
	R64(0x10, LINK_RX_CREDIT_CTRL, 0, 0x000003ff03ff03ff),
	R64(0x18, LINK_RX_CREDIT_STATUS, 0, 0),
	R64(0x20, LINK_TX_CREDIT_STATUS, 0, 0),
	R64(0x28, LINK_ACK_TIMER_CTRL, 0x0000000000000000, 0x0000000000003fff),
	R64(0x30, LINK_DEFEATURE, 0, 0x1),
};

/* Extended Security: one policy per root port. [CXL3.1 8.2.4.21] */
static u64 ext_security_count_read(struct regs *b, unsigned i, u64 stored)
{
	return ((struct cxl_component *)b->owner)->port_count;
}

static u64 ext_security_port_read(struct regs *b, unsigned i, u64 stored)
{
	struct cxl_component *comp = b->owner;

	return i < comp->port_count ? comp->ports[i] : 0;
}

static const struct reg ext_security_regs[] = {
	R32(0x00, EXT_SECURITY_ROOT_PORTS, 0, 0, .read = ext_security_count_read),
	R32(0x04, EXT_SECURITY_POLICY, 0, 0x3, .count = 32, .stride = 8),
	R32(0x08, EXT_SECURITY_PORT_ID, 0, 0, .count = 32, .stride = 8, .read = ext_security_port_read),
};

/* Snoop filter: no capacity, group 0. [CXL3.1 8.2.4.23] */
static const struct reg snoop_filter_regs[] = {
	R32(0x00, SNOOP_FILTER_GROUP, 0, 0),
	R32(0x04, SNOOP_FILTER_SIZE, 0, 0),
};

void component_init(struct cxl_component *comp, enum component_kind kind, const char *name, struct cxl_host *host,
		    u64 capacity)
{
	struct regs *b = &comp->regs;

	comp->kind = kind;
	comp->name = name;
	comp->host = host;
	comp->capacity = capacity;
	regs_init(b, name, comp, REGS_EXACT, COMPONENT_CACHE_MEM_BYTES);
	switch (kind) {
	case COMPONENT_BRIDGE:
		REGS_ADD(b, 0, bridge_array);
		hdm_add(comp);
		REGS_ADD(b, AT_EXT_SECURITY, ext_security_regs);
		break;
	case COMPONENT_BRIDGE_PASSTHROUGH:
		REGS_ADD(b, 0, passthrough_array);
		REGS_ADD(b, AT_EXT_SECURITY, ext_security_regs);
		break;
	case COMPONENT_ROOT_PORT:
		REGS_ADD(b, 0, root_port_array);
		ras_add(comp);
		REGS_ADD(b, AT_LINK, link_regs);
		REGS_ADD(b, AT_SNOOP_FILTER, snoop_filter_regs);
		break;
	case COMPONENT_DOWNSTREAM:
		REGS_ADD(b, 0, downstream_array);
		ras_add(comp);
		REGS_ADD(b, AT_LINK, link_regs);
		break;
	case COMPONENT_UPSTREAM:
	case COMPONENT_DEVICE:
		if (kind == COMPONENT_UPSTREAM)
			REGS_ADD(b, 0, upstream_array);
		else
			REGS_ADD(b, 0, device_array);
		ras_add(comp);
		REGS_ADD(b, AT_LINK, link_regs);
		hdm_add(comp);
		break;
	}
	regs_reset(b, RESET_COLD);
}

void component_fini(struct cxl_component *comp)
{
	if (comp->regs.store)
		regs_free(&comp->regs);
	comp->regs.store = NULL;
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
		trace(GUEST_ERROR, "%s: read of %u bytes at 0x%llx, where no component register is", comp->name, size,
		      (unsigned long long)offset);
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
		trace(GUEST_ERROR, "%s: write of %u bytes at 0x%llx, where no component register is", comp->name, size,
		      (unsigned long long)offset);
	return MEM_OK;
}

const struct io_ops component_io = {component_read, component_write};
