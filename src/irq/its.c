/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Interrupt Translation Service: registers, command queue, and the doorbell. [IHI0069 GITS_*, ITS commands]
 *
 * DeviceID is the requester ID that a message carries, EventID its data; both and the collection have 16 bits. A
 * store to GITS_TRANSLATER by a PE carries no DeviceID and is ignored. TYPER.PTA is 0: an RDbase is a PE number.
 * TYPER.HCC is 0: collections live in memory. No virtual LPIs: their commands are refused by name.
 *
 * Command errors: the architecture lets an ITS stall, or ignore the command. We ignore it (and say so by a guest_error
 * trace): the queue goes on. A queue that cannot be fetched from memory stalls: CREADR.Stalled, until CWRITER.Retry. A
 * CWRITER beyond the queue does nothing.
 *
 * A write to CWRITER or CTLR works the queue off before it returns: at most one round, 32768 commands. Reading
 * configurations again, for INVALL and for MOVALL, is the only thing that would cost more than a few accesses to
 * memory: it is noted and done once per PE at the end of the round; no PE can tell, as the machine lock is held. Wires
 * move at the end too.
 */
#include "base/conformance.h"
#include "base/trace.h"
#include "irq/gic_state.h"

static struct gic *gic_of(struct regs *b)
{
	return b->owner;
}

/* --- commands --- */

struct its_place {
	struct its_device device;
	struct its_event event;
	struct gic_pe *pe;
};

/* Follows device and event to its LPI and PE; false if any step is not mapped. */
static bool its_find(struct gic *gic, u32 device, u32 event, struct its_place *place)
{
	u32 pe;

	if (!its_device_get(gic, device, &place->device) || !its_event_get(gic, &place->device, event, &place->event) ||
	    !its_collection_get(gic, place->event.collection, &pe))
		return false;
	place->pe = &gic->pe[pe];
	return true;
}

static struct gic_pe *rdbase_pe(struct gic *gic, u64 dw)
{
	u64 rdbase = bits(dw, 50, 16);

	return rdbase < gic->cpu_count ? &gic->pe[rdbase] : NULL;
}

static bool its_mapd(struct gic *gic, const u64 *dw)
{
	u32 device = (u32)(dw[0] >> 32);
	struct its_device entry = {.itt = dw[2] & MASK(51, 8), .event_bits = (u32)bits(dw[1], 4, 0) + 1};

	if (!bit(dw[2], 63))
		return its_device_put(gic, device, NULL);
	return entry.event_bits <= GIC_ID_BITS && its_device_put(gic, device, &entry);
}

static bool its_mapc(struct gic *gic, const u64 *dw)
{
	u32 collection = (u32)bits(dw[2], 15, 0);
	struct gic_pe *pe = rdbase_pe(gic, dw[2]);

	if (!bit(dw[2], 63))
		return its_collection_put(gic, collection, 0, false);
	return pe && its_collection_put(gic, collection, pe->index, true);
}

static bool its_map_event(struct gic *gic, const u64 *dw, u32 intid)
{
	u32 event = (u32)dw[1];
	struct its_event entry = {.intid = intid, .collection = (u32)bits(dw[2], 15, 0)};
	struct its_device device;

	return intid >= INTID_LPI && intid < 1u << GIC_ID_BITS && its_device_get(gic, (u32)(dw[0] >> 32), &device) &&
	       its_event_put(gic, &device, event, &entry);
}

static bool its_movi(struct gic *gic, const u64 *dw)
{
	u32 collection = (u32)bits(dw[2], 15, 0), pe;
	struct its_place place;

	if (!its_find(gic, (u32)(dw[0] >> 32), (u32)dw[1], &place) || !its_collection_get(gic, collection, &pe))
		return false;
	place.event.collection = collection;
	if (!its_event_put(gic, &place.device, (u32)dw[1], &place.event))
		return false;
	lpi_move(place.pe, &gic->pe[pe], place.event.intid);
	return true;
}

static bool its_movall(struct gic *gic, const u64 *dw)
{
	struct gic_pe *from = rdbase_pe(gic, dw[2]), *to = rdbase_pe(gic, dw[3]);

	if (!from || !to)
		return false;
	if (lpi_move_all(from, to))
		gic->its_s.invall |= 1u << from->index | 1u << to->index;
	return true;
}

static bool its_invall(struct gic *gic, const u64 *dw)
{
	u32 pe;

	if (!its_collection_get(gic, (u32)bits(dw[2], 15, 0), &pe))
		return false;
	gic->its_s.invall |= 1u << pe;
	return true;
}

/* INT, CLEAR, INV and DISCARD: what happens to one mapped event. */
static bool its_event_command(struct gic *gic, unsigned command, const u64 *dw)
{
	struct its_place place;

	if (!its_find(gic, (u32)(dw[0] >> 32), (u32)dw[1], &place))
		return false;
	switch (command) {
	case ITS_INT: lpi_set_pending(place.pe, place.event.intid); break;
	case ITS_INV: lpi_refresh(place.pe, place.event.intid); break;
	case ITS_CLEAR: lpi_clear_pending(place.pe, place.event.intid); break;
	case ITS_DISCARD:
		lpi_clear_pending(place.pe, place.event.intid);
		return its_event_put(gic, &place.device, (u32)dw[1], NULL);
	}
	return true;
}

static bool its_command(struct gic *gic, const u64 *dw)
{
	unsigned command = dw[0] & 0xff;

	switch (command) {
	case ITS_MAPD: return its_mapd(gic, dw);
	case ITS_MAPC: return its_mapc(gic, dw);
	case ITS_MAPTI: return its_map_event(gic, dw, (u32)(dw[1] >> 32));
	case ITS_MAPI: return its_map_event(gic, dw, (u32)dw[1]);
	case ITS_MOVI: return its_movi(gic, dw);
	case ITS_MOVALL: return its_movall(gic, dw);
	case ITS_INVALL: return its_invall(gic, dw);
	case ITS_INT:
	case ITS_CLEAR:
	case ITS_INV:
	case ITS_DISCARD: return its_event_command(gic, command, dw);
	case ITS_SYNC: return rdbase_pe(gic, dw[2]); /* all is done in order */
	}
	if (command & 0x20)
		trace(UNIMP, "its: command %#x needs virtual LPIs", command);
	return false;
}

/* The queue's base and bytes; false if there is none. */
static bool its_queue(struct gic *gic, u64 *base, u32 *size)
{
	u64 cbaser = regs_get(&gic->its, GITS_CBASER, 8);

	*base = cbaser & GITS_CBASER_PA;
	*size = (u32)((cbaser & GITS_CBASER_SIZE) + 1) * 4096;
	return cbaser & GITS_CBASER_VALID;
}

static void its_run(struct gic *gic)
{
	struct its_state *its = &gic->its_s;
	u32 cwriter = (u32)(regs_get(&gic->its, GITS_CWRITER, 8) & GITS_CMD_OFFSET), size;
	u64 base, dw[ITS_COMMAND_BYTES / 8];

	if (!its->enabled || its->stalled || !its_queue(gic, &base, &size))
		return;
	if (cwriter >= size || its->creadr >= size) {
		guest_error(ITS_QUEUE, "its: CWRITER %#x is beyond the queue's %#x bytes", cwriter, size);
		return;
	}
	/* Both are multiples of 32 below size: at most size / 32 turns. */
	while (its->creadr != cwriter) {
		if (!dma_read(gic->config.space, base + its->creadr, dw, sizeof(dw))) {
			guest_error(ITS_QUEUE, "its: command at %#llx is not in memory: stalled",
				    (unsigned long long)(base + its->creadr));
			its->stalled = true;
			break;
		}
		if (!its_command(gic, dw))
			guest_error(ITS_COMMAND, "its: command %#llx %#llx %#llx %#llx ignored",
				    (unsigned long long)dw[0], (unsigned long long)dw[1], (unsigned long long)dw[2],
				    (unsigned long long)dw[3]);
		its->creadr += ITS_COMMAND_BYTES;
		if (its->creadr == size)
			its->creadr = 0;
	}
	for (unsigned i = 0; i < gic->cpu_count; i++)
		if (its->invall >> i & 1)
			lpi_refresh_all(&gic->pe[i]);
	its->invall = 0;
	gic_settle(gic);
}

void its_translate(struct gic *gic, u32 device, u32 event)
{
	struct its_place place;

	if (!gic->its_s.enabled || !its_find(gic, device, event, &place)) {
		guest_error(ITS_MESSAGE, "its: message %u of device %#x dropped: %s", event, device,
			    gic->its_s.enabled ? "not mapped" : "ITS disabled");
		return;
	}
	trace(INT, "its: device %#x event %u -> LPI %u of cpu %u", device, event, place.event.intid, place.pe->index);
	lpi_set_pending(place.pe, place.event.intid);
	gic_settle(gic);
}

/* --- registers --- */

static bool its_is_enabled(struct regs *b, unsigned i)
{
	return gic_of(b)->its_s.enabled;
}

static u64 gits_ctlr_read(struct regs *b, unsigned i, u64 stored)
{
	return stored & GITS_CTLR_ENABLED ? GITS_CTLR_ENABLED : GITS_CTLR_QUIESCENT;
}

static void gits_ctlr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct gic *gic = gic_of(b);

	gic->its_s.enabled = now & GITS_CTLR_ENABLED;
	its_run(gic);
}

static u64 gits_typer_read(struct regs *b, unsigned i, u64 stored)
{
	return GITS_TYPER_PHYSICAL | (ITS_ENTRY_BYTES - 1) << 4 | (GIC_ID_BITS - 1) << 8 | (u64)(GIC_ID_BITS - 1) << 13;
}

static void gits_cbaser_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	gic_of(b)->its_s.creadr = 0;
	gic_of(b)->its_s.stalled = false;
}

static void gits_cwriter_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if (now & GITS_CWRITER_RETRY) {
		regs_set(b, GITS_CWRITER, 8, now & GITS_CMD_OFFSET);
		gic_of(b)->its_s.stalled = false;
	}
	its_run(gic_of(b));
}

static u64 gits_creadr_read(struct regs *b, unsigned i, u64 stored)
{
	const struct its_state *its = &gic_of(b)->its_s;

	return its->creadr | (its->stalled ? GITS_CREADR_STALLED : 0);
}

static void gits_translater_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GITS_TRANSLATER, 4, 0);
	guest_error(ITS_MESSAGE, "its: GITS_TRANSLATER written by a PE, which has no DeviceID");
}

/* Page_Size is UNKNOWN at reset; programs that add only an address and Valid expect the largest pages. */
#define BASER(type) ((u64)(type) << 56 | (u64)(ITS_ENTRY_BYTES - 1) << 48 | GITS_BASER_PAGE_64K)

static const struct reg its_rows[] = {
	/*  offset           name             reset                reads and writes */
	R32(GITS_CTLR, GITS_CTLR, 0, GITS_CTLR_ENABLED, .read = gits_ctlr_read, .write = gits_ctlr_write),
	R32(GITS_IIDR, GITS_IIDR, GIC_IIDR, 0),
	R64(GITS_TYPER, GITS_TYPER, 0, 0, .read = gits_typer_read),
	R64(GITS_CBASER, GITS_CBASER, 0, GITS_CBASER_VALID | GITS_CBASER_ATTR | GITS_CBASER_PA | GITS_CBASER_SIZE,
	    .locked = its_is_enabled, .write = gits_cbaser_write),
	R64(GITS_CWRITER, GITS_CWRITER, 0, GITS_CMD_OFFSET | GITS_CWRITER_RETRY, .write = gits_cwriter_write),
	R64(GITS_CREADR, GITS_CREADR, 0, 0, .read = gits_creadr_read),
	R64(GITS_BASER, GITS_BASER0, BASER(GITS_BASER_TYPE_DEVICE), GITS_BASER_RW, .locked = its_is_enabled),
	R64(GITS_BASER + 8, GITS_BASER1, BASER(GITS_BASER_TYPE_COLLECTION), GITS_BASER_RW, .locked = its_is_enabled),
	GIC_ID_ROWS(0x494),
	R32(GITS_TRANSLATER, GITS_TRANSLATER, 0, 0xffffffff, .write = gits_translater_write),
};

void its_init(struct gic *gic)
{
	regs_init(&gic->its, "its", gic, REGS_BYTES, 2 * GIC_FRAME_BYTES);
	REGS_ADD(&gic->its, 0, its_rows);
}

void its_reset(struct gic *gic)
{
	regs_reset(&gic->its, RESET_COLD);
	gic->its_s = (struct its_state){0};
}
