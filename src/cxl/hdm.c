/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HDM decoders of host bridges, upstream ports of switches, and devices. [CXL3.1 8.2.4.20; CXL2.0 8.2.5.12]
 *
 * Life of a decoder: software writes base, size, ways, granularity and targets (or DPA skip), then sets Commit. What
 * the registers say at that moment is kept in `struct hdm_decoder` and is what decodes until Commit is cleared; the 10
 * ms that the specification allows are not used: Committed or Error is set by the same write.
 *
 * Checks. The specified ones run only with Lock On Commit: base at or above the previous decoder's end, no wrap, size
 * a multiple of 3 units at 3, 6 and 12 ways, distinct targets, the previous decoder committed [8.2.4.20.12]. Without it
 * the same findings are reported and accepted. Reserved encodings, ways that the capability lacks, and a device decoder
 * past the device's capacity end in Error with or without it: our choice (docs/quirks.md). Size 0 may be committed and
 * decodes nothing.
 *
 * A decoder committed with Lock On Commit ignores writes until a conventional reset, and outlasts a CXL Reset [CXL3.1
 * table 8-1]; set later, the bit is one for the next commit [8.2.4.20.7]. Uncommitting below a committed decoder is
 * accepted and reported: a device's addresses are counted over what is committed, so that two decoders never lead to
 * the same byte. Machine lock.
 */
#include <stdlib.h>
#include <string.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "cxl/component.h"
#include "cxl/host.h"

#define ULL(v) ((unsigned long long)(v))

static bool hdm_is_locked(struct regs *b, unsigned i)
{
	const struct cxl_component *comp = b->owner;

	return comp->decoders[i].locked &&
	       (regs_get(b, comp->hdm_at + HDM_CTRL + i * HDM_STRIDE, 4) & HDM_CTRL_COMMITTED);
}

unsigned hdm_ways(u8 iw)
{
	if (iw <= 4)
		return 1u << iw;
	if (iw >= 8 && iw <= 10)
		return 3u << (iw - 8);
	return 0;
}

u32 hdm_granularity(u8 ig)
{
	return ig <= 6 ? 256u << ig : 0;
}

u8 hdm_encode_ways(unsigned ways)
{
	for (u8 iw = 0; iw <= 10; iw++)
		if (ways && hdm_ways(iw) == ways)
			return iw;
	return 0xf;
}

u8 hdm_encode_granularity(u32 granularity)
{
	for (u8 ig = 0; ig <= 6; ig++)
		if (hdm_granularity(ig) == granularity)
			return ig;
	return 0xf;
}

u64 hdm_share(u64 size, u8 iw, u8 ig)
{
	u64 granule = hdm_granularity(ig), stripe = granule * hdm_ways(iw);

	return size / stripe * granule + (size % stripe ? granule : 0);
}

static u64 hdm_get64(const struct cxl_component *comp, unsigned i, u32 lo)
{
	return regs_get(&comp->regs, comp->hdm_at + lo + i * HDM_STRIDE, 4) |
	       regs_get(&comp->regs, comp->hdm_at + lo + 4 + i * HDM_STRIDE, 4) << 32;
}

/* What the registers of decoder i say now. */
static struct hdm_decoder hdm_registers(const struct cxl_component *comp, unsigned i)
{
	u64 ctrl = regs_get(&comp->regs, comp->hdm_at + HDM_CTRL + i * HDM_STRIDE, 4);
	u64 targets = hdm_get64(comp, i, HDM_TARGETS_LO);
	struct hdm_decoder d = {
		.base = hdm_get64(comp, i, HDM_BASE_LO),
		.size = hdm_get64(comp, i, HDM_SIZE_LO),
		.ig = bits(ctrl, 3, 0),
		.iw = bits(ctrl, 7, 4),
	};

	if (comp->kind == COMPONENT_DEVICE)
		d.skip = targets;
	else
		for (unsigned t = 0; t < HDM_TARGETS; t++)
			d.targets[t] = targets >> (8 * t);
	return d;
}

/* Why this decoder can never work here, or NULL: Error whatever Lock On Commit says. */
static const char *hdm_impossible(const struct cxl_component *comp, unsigned i, const struct hdm_decoder *d)
{
	unsigned ways = hdm_ways(d->iw);
	u64 end, dpa = 0;

	if (!ways)
		return "the interleave ways encoding is reserved";
	if (!hdm_granularity(d->ig))
		return "the interleave granularity encoding is reserved";
	if (comp->kind != COMPONENT_DEVICE)
		return ways > HDM_TARGETS || d->iw >= 8 ? "a bridge or switch interleaves 1, 2, 4 or 8 ways" : NULL;
	for (unsigned k = 0; k < i; k++) {
		const struct hdm_decoder *before = &comp->decoders[k];

		if (before->committed &&
		    !add_ok(dpa, before->skip + hdm_share(before->size, before->iw, before->ig), &dpa))
			return "device addresses wrap";
	}
	if (!add_ok(dpa, d->skip, &dpa) || !add_ok(dpa, hdm_share(d->size, d->iw, d->ig), &end) || end > comp->capacity)
		return "it reaches past the device's capacity";
	return NULL;
}

/* Which of the checks that Lock On Commit asks for fails, or NULL. [CXL3.1 8.2.4.20.12] */
static const char *hdm_illegal(const struct cxl_component *comp, unsigned i, const struct hdm_decoder *d)
{
	unsigned ways = hdm_ways(d->iw);
	u64 end;

	if (!add_ok(d->base, d->size, &end) && end)
		return "base plus size wraps";
	if (d->iw >= 8 && (d->size / HDM_ALIGN) % 3)
		return "the size is no multiple of 3 x 256 MiB";
	if (i && !comp->decoders[i - 1].committed)
		return "the previous decoder is not committed";
	if (i && d->base < comp->decoders[i - 1].base + comp->decoders[i - 1].size)
		return "the base lies below the previous decoder's end";
	if (comp->kind != COMPONENT_DEVICE)
		for (unsigned t = 0; t < ways; t++)
			for (unsigned u = 0; u < t; u++)
				if (d->targets[t] == d->targets[u])
					return "a target stands in the list twice";
	return NULL;
}

const char *hdm_why_not(const struct cxl_component *comp, unsigned i)
{
	struct hdm_decoder d = hdm_registers(comp, i);
	const char *rule = hdm_impossible(comp, i, &d);

	return rule ? rule : hdm_illegal(comp, i, &d);
}

/* The lowest committed decoder above i, or their count. */
static unsigned hdm_above(const struct cxl_component *comp, unsigned i)
{
	do
		i++;
	while (i < comp->decoder_count && !comp->decoders[i].committed);
	return i;
}

static void hdm_commit(struct cxl_component *comp, unsigned i, u64 ctrl)
{
	struct hdm_decoder d = hdm_registers(comp, i);
	unsigned above = hdm_above(comp, i);
	bool lock = ctrl & HDM_CTRL_LOCK_ON_COMMIT;
	const char *error = hdm_impossible(comp, i, &d);
	const char *doubt = error ? NULL : hdm_illegal(comp, i, &d);

	if (lock && doubt)
		error = doubt;
	if (error) {
		guest_error(COMMIT_REFUSED, "%s: decoder %u is not committed: %s", comp->name, i, error);
		ctrl |= HDM_CTRL_ERROR;
	} else {
		if (doubt)
			guest_error(COMMIT_DOUBTFUL, "%s: decoder %u is committed although %s", comp->name, i, doubt);
		else if (above < comp->decoder_count)
			guest_error(COMMIT_DOUBTFUL, "%s: decoder %u is committed while decoder %u is%s", comp->name, i,
				    above, comp->kind == COMPONENT_DEVICE ? ", whose device addresses move up" : "");
		trace(CXL, "%s: decoder %u committed%s: HPA 0x%llx-0x%llx, %u ways of %u bytes", comp->name, i,
		      lock ? " and locked" : "", ULL(d.base), ULL(d.base + d.size - !!d.size), hdm_ways(d.iw),
		      hdm_granularity(d.ig));
		ctrl |= HDM_CTRL_COMMITTED;
		d.committed = true;
		d.locked = lock;
		comp->decoders[i] = d;
	}
	regs_set(&comp->regs, comp->hdm_at + HDM_CTRL + i * HDM_STRIDE, 4, ctrl);
	if (d.committed)
		cxl_map_changed(comp->host);
}

static void hdm_uncommit(struct cxl_component *comp, unsigned i, u64 ctrl)
{
	bool was = comp->decoders[i].committed;
	unsigned above = hdm_above(comp, i);

	regs_set(&comp->regs, comp->hdm_at + HDM_CTRL + i * HDM_STRIDE, 4,
		 ctrl & ~(HDM_CTRL_COMMITTED | HDM_CTRL_ERROR));
	if (!was)
		return;
	trace(CXL, "%s: decoder %u uncommitted", comp->name, i);
	if (above < comp->decoder_count)
		guest_error(UNCOMMIT_ORDER, "%s: decoder %u is uncommitted while decoder %u is committed%s", comp->name,
			    i, above, comp->kind == COMPONENT_DEVICE ? ", whose device addresses move down" : "");
	comp->decoders[i] = (struct hdm_decoder){0};
	cxl_map_changed(comp->host);
}

static void hdm_ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct cxl_component *comp = b->owner;

	if (!(old & HDM_CTRL_COMMIT) && (now & HDM_CTRL_COMMIT))
		hdm_commit(comp, i, now);
	else if ((old & HDM_CTRL_COMMIT) && !(now & HDM_CTRL_COMMIT))
		hdm_uncommit(comp, i, now);
	else if ((now & HDM_CTRL_COMMITTED) && old != now)
		guest_error(COMMITTED_CHANGED,
			    "%s: control of committed decoder %u changed: takes effect at the next commit", comp->name,
			    i);
}

static void hdm_address_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct cxl_component *comp = b->owner;

	if (old != now && comp->decoders[i].committed)
		guest_error(COMMITTED_CHANGED,
			    "%s: register of committed decoder %u changed: takes effect at the next commit", comp->name,
			    i);
}

static void hdm_global_ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct cxl_component *comp = b->owner;

	if (old == now)
		return;
	comp->hdm_enabled = now & HDM_GLOBAL_ENABLE;
	trace(CXL, "%s: HDM decoders %s", comp->name, comp->hdm_enabled ? "enabled" : "disabled");
	cxl_map_changed(comp->host);
}

#define EACH .stride = HDM_STRIDE, .locked = hdm_is_locked
#define ADDR EACH, .write = hdm_address_write

/* Bridges and switches: HDM Decoder Enable is read-only 0 and gates nothing. Rows with a stride are as many as there
 * are decoders. */
static const struct reg hdm_bridge_regs[] = {
	R32(HDM_CAP, HDM_CAP, HDM_CAP_TARGETS_8 | HDM_CAP_INTERLEAVE_11_8 | HDM_CAP_INTERLEAVE_14_12, 0),
	R32(HDM_GLOBAL_CTRL, HDM_GLOBAL_CTRL, 0, 0),
	R32(HDM_BASE_LO, HDM_BASE_LO, 0, HDM_ADDRESS_LO, ADDR),
	R32(HDM_BASE_HI, HDM_BASE_HI, 0, 0xffffffff, ADDR),
	R32(HDM_SIZE_LO, HDM_SIZE_LO, 0, HDM_ADDRESS_LO, ADDR),
	R32(HDM_SIZE_HI, HDM_SIZE_HI, 0, 0xffffffff, ADDR),
	R32(HDM_CTRL, HDM_CTRL, 0, HDM_CTRL_WRITABLE, EACH, .write = hdm_ctrl_write),
	R32(HDM_TARGETS_LO, HDM_TARGETS_LO, 0, 0xffffffff, ADDR),
	R32(HDM_TARGETS_HI, HDM_TARGETS_HI, 0, 0xffffffff, ADDR),
};

static const struct reg hdm_device_regs[] = {
	R32(HDM_CAP, HDM_CAP,
	    HDM_CAP_TARGETS_1 | HDM_CAP_INTERLEAVE_11_8 | HDM_CAP_INTERLEAVE_14_12 | HDM_CAP_INTERLEAVE_3_6_12 |
		    HDM_CAP_INTERLEAVE_16,
	    0),
	R32(HDM_GLOBAL_CTRL, HDM_GLOBAL_CTRL, 0, HDM_GLOBAL_ENABLE, .write = hdm_global_ctrl_write),
	R32(HDM_BASE_LO, HDM_BASE_LO, 0, HDM_ADDRESS_LO, ADDR),
	R32(HDM_BASE_HI, HDM_BASE_HI, 0, 0xffffffff, ADDR),
	R32(HDM_SIZE_LO, HDM_SIZE_LO, 0, HDM_ADDRESS_LO, ADDR),
	R32(HDM_SIZE_HI, HDM_SIZE_HI, 0, 0xffffffff, ADDR),
	R32(HDM_CTRL, HDM_CTRL, 0, HDM_CTRL_WRITABLE, EACH, .write = hdm_ctrl_write),
	R32(HDM_DPA_SKIP_LO, HDM_DPA_SKIP_LO, 0, HDM_ADDRESS_LO, ADDR),
	R32(HDM_DPA_SKIP_HI, HDM_DPA_SKIP_HI, 0, 0xffffffff, ADDR),
};
#define HDM_ROWS 9
static_assert(ARRAY_SIZE(hdm_bridge_regs) == HDM_ROWS && ARRAY_SIZE(hdm_device_regs) == HDM_ROWS,
	      "both kinds have the same registers");

/* Decoder counts in the order of their encodings; from 12 on for bridges and switches. [CXL3.1 8.2.4.20.1] */
static const u8 decoder_counts[] = {1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32};

static unsigned count_encoding(unsigned count)
{
	unsigned n = 0;

	while (n < ARRAY_SIZE(decoder_counts) && decoder_counts[n] != count)
		n++;
	return n;
}

bool hdm_check_count(const char *name, u32 wanted, bool device, struct error *err)
{
	if (count_encoding(wanted) < ARRAY_SIZE(decoder_counts) && (!device || wanted <= HDM_DEVICE_DECODERS_MAX))
		return true;
	return fail(err, "%s: hdm-decoders=%u: %s has 1, 2, 4, 6, 8%s [CXL3.1 8.2.4.20.1]; write one of these", name,
		    wanted, device ? "a device" : "a bridge or switch",
		    device ? " or 10 decoders" : ", 10, 12, 14, 16, 20, 24, 28 or 32 decoders");
}

unsigned hdm_version(const struct cxl_component *comp)
{
	if (comp->decoder_count > HDM_DEVICE_DECODERS_MAX || comp->back_invalidate)
		return 3;
	return comp->kind == COMPONENT_DEVICE ? 2 : 1;
}

void hdm_add(struct cxl_component *comp)
{
	const struct reg *from = comp->kind == COMPONENT_DEVICE ? hdm_device_regs : hdm_bridge_regs;
	struct reg *rows = calloc(HDM_ROWS, sizeof(*rows));

	assert(rows);
	memcpy(rows, from, HDM_ROWS * sizeof(*rows));
	for (unsigned r = 0; r < HDM_ROWS; r++) {
		if (rows[r].stride)
			rows[r].count = comp->decoder_count;
		if (rows[r].offset == HDM_CAP)
			rows[r].reset |= count_encoding(comp->decoder_count) |
					 (hdm_version(comp) >= 3 ? HDM_CAP_NXM : 0) |
					 (comp->back_invalidate ? HDM_CAP_COHERENCE_BOTH : 0);
		if (rows[r].offset == HDM_CTRL && hdm_version(comp) >= 3)
			rows[r].rw |= HDM_CTRL_BI | (comp->back_invalidate ? HDM_CTRL_ISP : 0);
	}
	comp->hdm_rows = rows;
	regs_add(&comp->regs, comp->hdm_at, rows, HDM_ROWS);
}

void hdm_reset(struct cxl_component *comp)
{
	bool any = comp->hdm_enabled;

	for (unsigned i = 0; i < comp->decoder_count; i++) {
		if (hdm_is_locked(&comp->regs, i)) /* still: the registers have been reset */
			continue;
		any |= comp->decoders[i].committed;
		comp->decoders[i] = (struct hdm_decoder){0};
	}
	comp->hdm_enabled = false;
	if (any)
		cxl_map_changed(comp->host);
}
