/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMMUv3, stage 1. [IHI0070] Stream IDs are requester IDs. Linear and two-level stream tables, one context descriptor
 * for a stream (no substreams), AArch64 tables of 4K, 16K and 64K granules, 48 bits; a command and an event queue with
 * wired interrupts. There are no ATS, PRI, stalls, stage 2, MSIs of its own or hardware update of descriptors; the ID
 * registers say so and Linux asks for none.
 *
 * Nothing is cached: each translation reads stream table entry, context descriptor and descriptors anew (some hundred
 * nanoseconds), so that invalidations have nothing to do and are finished when CMD_SYNC is read. Everything in guest
 * memory is read once by dma_read, each walk is bounded by its levels, the command queue by its size at every doorbell.
 *
 * Threads: registers under the machine lock. Translations come on any thread, without it: they see the registers that
 * matter through `now`, a copy published whole, and leave events in a short list that the loop thread writes to the
 * guest's queue.
 *
 * Requests of PCI functions are unprivileged and for data, and no stream table entry makes them anything else:
 * IDR1.ATTR_PERMS_OVR is 0.
 */
#include "smmu/smmu.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "mem/reg.h"
#include "smmu/smmu_spec.h"

#define EVENTS_WAITING_MAX 64
#define ADDRESS MASK(51, 6)
#define OAS_BITS 48
/* Of T0SZ and T1SZ, without small tables (IDR3.STT). */
#define TSZ_MIN 16
#define TSZ_MAX 39

/* What a translation needs of the registers. */
struct view {
	bool enabled, abort, tells_bad_streams;
	u64 table;
	u32 table_config;
};

struct event {
	u8 id;
	u32 sid;
	u64 address, info; /* info: bits 127:64 of the record */
	u64 fetch;
};

struct smmu {
	struct smmu_config config;
	struct regs regs;
	struct region region;
	pthread_mutex_t lock; /* a leaf: of what stands below */
	struct view now;
	struct event events[EVENTS_WAITING_MAX];
	unsigned event_count;
	bool is_lost; /* one behind them */
	bool deferred;
};

static u64 get(const struct smmu *s, u32 offset, unsigned size)
{
	return regs_get(&s->regs, offset, size);
}

static void pulse(const struct line *line)
{
	line_set(line, true);
	line_set(line, false);
}

static void raise_error(struct smmu *s, u32 error)
{
	u32 active = (u32)(get(s, SMMU_GERROR, 4) ^ get(s, SMMU_GERRORN, 4));

	if (active & error)
		return;
	regs_set(&s->regs, SMMU_GERROR, 4, get(s, SMMU_GERROR, 4) ^ error);
	if (get(s, SMMU_IRQ_CTRL, 4) & IRQ_GERROR)
		pulse(&s->config.gerror);
}

/* --- queues: an index has one bit more than the queue's size --- */

static unsigned queue_bits(u64 base, unsigned max)
{
	return MIN((unsigned)(base & 0x1f), max);
}

/* Where entry `n` is. The base is cut to OAS, and aligned to the queue's size and 32 bytes at least. [IHI0070
 * SMMU_CMDQ_BASE] */
static u64 queue_at(u64 base, unsigned size_bits, u32 n, u64 entry_bytes)
{
	return align_down(base & MASK(OAS_BITS - 1, 5), MAX(entry_bytes << size_bits, 32)) +
	       (n & ((1u << size_bits) - 1)) * entry_bytes;
}

static bool is_full(u32 prod, u32 cons, unsigned size_bits)
{
	return ((prod ^ cons) & ((2u << size_bits) - 1)) == 1u << size_bits;
}

static bool is_empty(u32 prod, u32 cons, unsigned size_bits)
{
	return !((prod ^ cons) & ((2u << size_bits) - 1));
}

/* --- events --- */

/* Not writable: discarded. [IHI0070 7.2.1] */
static bool is_writable(const struct smmu *s)
{
	return (get(s, SMMU_CR0, 4) & CR0_EVENTQEN) &&
	       !((get(s, SMMU_GERROR, 4) ^ get(s, SMMU_GERRORN, 4)) & GERROR_EVENTQ_ABT);
}

/* A record is lost: told once, until software says that it knows. [IHI0070 7.4] */
static void tell_loss(struct smmu *s)
{
	u32 prod = (u32)get(s, SMMU_EVENTQ_PROD, 4), cons = (u32)get(s, SMMU_EVENTQ_CONS, 4);

	if (!((prod ^ cons) & QUEUE_OVERFLOW))
		regs_set(&s->regs, SMMU_EVENTQ_PROD, 4, prod ^ QUEUE_OVERFLOW);
}

static void write_event(struct smmu *s, const struct event *e)
{
	u64 base = get(s, SMMU_EVENTQ_BASE, 8);
	unsigned size_bits = queue_bits(base, EVENTQ_BITS_MAX);
	u32 prod = (u32)get(s, SMMU_EVENTQ_PROD, 4), cons = (u32)get(s, SMMU_EVENTQ_CONS, 4);
	u8 record[EVENT_BYTES] = {0};

	if (!is_writable(s))
		return;
	if (is_full(prod, cons, size_bits)) {
		tell_loss(s);
		return;
	}
	store_le(record, 8, e->id | (u64)e->sid << 32);
	store_le(record + 8, 8, e->info);
	store_le(record + 16, 8, e->address);
	store_le(record + 24, 8, e->fetch);
	if (!dma_write(s->config.space, queue_at(base, size_bits, prod, EVENT_BYTES), record, sizeof(record))) {
		raise_error(s, GERROR_EVENTQ_ABT);
		return;
	}
	regs_set(&s->regs, SMMU_EVENTQ_PROD, 4, (prod & QUEUE_OVERFLOW) | ((prod + 1) & ((2u << size_bits) - 1)));
	if (is_empty(prod, cons, size_bits) && (get(s, SMMU_IRQ_CTRL, 4) & IRQ_EVENTQ))
		pulse(&s->config.eventq);
}

/* Machine lock. */
static void write_events(struct smmu *s)
{
	struct event events[EVENTS_WAITING_MAX];
	unsigned count;
	bool is_lost;

	pthread_mutex_lock(&s->lock);
	count = s->event_count;
	is_lost = s->is_lost;
	memcpy(events, s->events, count * sizeof(events[0]));
	s->event_count = 0;
	s->is_lost = false;
	pthread_mutex_unlock(&s->lock);
	for (unsigned n = 0; n < count; n++)
		write_event(s, &events[n]);
	if (is_lost && is_writable(s))
		tell_loss(s);
}

static void write_events_deferred(void *opaque)
{
	struct smmu *s = opaque;

	pthread_mutex_lock(&s->lock);
	s->deferred = false;
	pthread_mutex_unlock(&s->lock);
	write_events(s);
}

/* Any thread. Who has the machine lock, for which the loop waits, makes room itself; others' events are lost while the
 * list is full, which is told as of a full queue. [IHI0070 7.2.1] */
static bool report(struct smmu *s, u8 id, u32 sid, u64 address, bool write, u64 fetch)
{
	u64 class = id == EVENT_WALK_EABT ? CLASS_TT : CLASS_IN;
	bool defer = false;

	trace(SMMU, "stream %04x: event 0x%02x at 0x%llx, %s", sid, id, (unsigned long long)address,
	      write ? "write" : "read");
	pthread_mutex_lock(&s->lock);
	if (s->event_count == EVENTS_WAITING_MAX && loop_is_locked(s->config.loop)) {
		pthread_mutex_unlock(&s->lock);
		write_events(s);
		pthread_mutex_lock(&s->lock);
	}
	if (s->event_count < EVENTS_WAITING_MAX) {
		s->events[s->event_count++] =
			(struct event){.id = id,
				       .sid = sid,
				       .address = id >= EVENT_WALK_EABT ? address : 0,
				       .info = id < EVENT_WALK_EABT ? 0 : (write ? 0 : EVENT_RNW) | class << 40,
				       .fetch = fetch};
		defer = !s->deferred;
		s->deferred = true;
	} else {
		s->is_lost = true;
	}
	pthread_mutex_unlock(&s->lock);
	if (defer)
		loop_defer(s->config.loop, write_events_deferred, s);
	return false;
}

/* --- stream table and context descriptor --- */

static bool read_words(struct smmu *s, u64 pa, u64 *words, unsigned count)
{
	u8 bytes[64];

	if (!dma_read(s->config.space, pa, bytes, count * 8))
		return false;
	for (unsigned n = 0; n < count; n++)
		words[n] = load_le(bytes + 8 * n, 8);
	return true;
}

/* An event only if software wants it. [IHI0070 SMMU_CR2.RECINVSID] */
static bool bad_stream(struct smmu *s, const struct view *now, u32 sid, u64 iova, bool write)
{
	return now->tells_bad_streams ? report(s, EVENT_BAD_STREAMID, sid, iova, write, 0) : false;
}

/* [IHI0070 3.3.1, 5.1] */
static bool read_ste(struct smmu *s, const struct view *now, u32 sid, u64 iova, bool write, u64 ste[8])
{
	/* The base is aligned by what LOG2SIZE says, the streams are no more than there can be. */
	unsigned written = (unsigned)bits(now->table_config, 5, 0), log2_size = MIN(written, SID_BITS),
		 align_bits = MIN(written, OAS_BITS - 6), split = (unsigned)bits(now->table_config, 10, 6);
	u64 pa = now->table & ADDRESS, level1;
	unsigned span;

	if (sid >> log2_size)
		return bad_stream(s, now, sid, iova, write);
	if (split != 8 && split != 10) /* the other values are 6, or behave as 6 */
		split = 6;
	if (bits(now->table_config, 17, 16) == STRTAB_2LEVEL) {
		pa = align_down(pa, MAX(64, 8ull << (align_bits > split ? align_bits - split : 0))) +
		     8 * (u64)(sid >> split);
		if (!read_words(s, pa, &level1, 1))
			return report(s, EVENT_STE_FETCH, sid, iova, write, pa);
		span = (unsigned)bits(level1, 4, 0);
		if (!span || span > split + 1 || (sid & ((1u << split) - 1)) >> (span - 1))
			return bad_stream(s, now, sid, iova, write);
		pa = align_down(level1 & ADDRESS, (u64)STE_BYTES << (span - 1)) +
		     STE_BYTES * (u64)(sid & ((1u << split) - 1));
	} else {
		pa = align_down(pa, (u64)STE_BYTES << align_bits) + STE_BYTES * (u64)sid;
	}
	if (!read_words(s, pa, ste, 8))
		return report(s, EVENT_STE_FETCH, sid, iova, write, pa);
	return true;
}

/* One side of a context: TTB0's or TTB1's. */
struct walk {
	u64 table, address;
	unsigned granule_bits, input_bits, output_bits;
	bool walks, has_af, hierarchical;
};

static const u8 cd_granules[2][4] = {{12, 16, 14, 0}, {0, 14, 12, 16}}; /* by TG0 and by TG1 */

/* What the descriptor says of TTB0 or TTB1 (`high`) can be; what is not walked is not judged. [IHI0070 5.4] */
static bool cd_half_ok(const u64 cd[8], bool high, unsigned output_bits)
{
	unsigned shift = high ? 16 : 0, tsz = (unsigned)bits(cd[0], shift + 5, shift);

	return bit(cd[0], high ? 30 : 14) || (cd_granules[high][bits(cd[0], shift + 7, shift + 6)] && tsz >= TSZ_MIN &&
					      tsz <= TSZ_MAX && !((cd[high ? 2 : 1] & MASK(51, 4)) >> output_bits));
}

/* [IHI0070 5.4] False: reported. */
static bool read_cd(struct smmu *s, u32 sid, const u64 ste[8], u64 iova, bool write, struct walk *w, bool *record)
{
	static const u8 sizes[8] = {32, 36, 40, 42, 44, 48, 48, 48};
	u64 pa = ste[0] & ADDRESS, cd[8];
	unsigned shift;
	bool high = bit(iova, 55), tbi; /* as a PE chooses, so that a top byte that is ignored does not */

	if (!read_words(s, pa, cd, 8))
		return report(s, EVENT_CD_FETCH, sid, iova, write, pa);
	/* Valid, AArch64, little-endian, and not of a kind that we do not say we have: stalls, termination without an
	 * abort, hardware update of descriptors. */
	if (!bit(cd[0], 31) || !bit(cd[0], 41) || (bit(cd[0], 15) && !(bit(cd[0], 14) && bit(cd[0], 30))) ||
	    bit(cd[0], 44) || !bit(cd[0], 46) || bit(cd[0], 42) || bit(cd[0], 43) ||
	    !cd_half_ok(cd, false, sizes[bits(cd[0], 34, 32)]) || !cd_half_ok(cd, true, sizes[bits(cd[0], 34, 32)]))
		return report(s, EVENT_BAD_CD, sid, iova, write, 0);
	shift = high ? 16 : 0;
	*w = (struct walk){.granule_bits = cd_granules[high][bits(cd[0], shift + 7, shift + 6)],
			   .input_bits = 64 - (unsigned)bits(cd[0], shift + 5, shift),
			   .output_bits = sizes[bits(cd[0], 34, 32)],
			   .walks = !bit(cd[0], high ? 30 : 14),
			   .has_af = !bit(cd[0], 35),
			   .hierarchical = !bit(high ? cd[2] : cd[1], 1),
			   .table = (high ? cd[2] : cd[1]) & MASK(47, 4)};
	*record = bit(cd[0], 45);
	if (!w->walks)
		return *record ? report(s, EVENT_TRANSLATION, sid, iova, write, 0) : false;
	tbi = bit(cd[0], high ? 39 : 38);
	w->address = tbi ? (u64)sign_extend(iova, 56) : iova;
	if (high ? ~w->address >> w->input_bits : w->address >> w->input_bits)
		return *record ? report(s, EVENT_TRANSLATION, sid, iova, write, 0) : false;
	w->address &= ones(w->input_bits);
	return true;
}

/* --- the walk: 0, or an event --- */

static u8 walk(struct smmu *s, struct walk *w, bool write, u64 *pa, u64 *size, u64 *fetch)
{
	unsigned g = w->granule_bits, stride = g - 3, levels = (w->input_bits - g + stride - 1) / stride;
	u64 table = w->table;
	bool read_only = false, no_user = false;

	for (unsigned level = 4 - levels; level <= 3; level++) {
		unsigned low = g + (3 - level) * stride, top = MIN(low + stride, w->input_bits);
		u64 index = w->address >> low & ones(top - low), desc;
		bool is_leaf;

		if (level == 4 - levels)
			table = align_down(table, 8ull << (top - low));
		*fetch = table + 8 * index;
		if (*fetch >> w->output_bits)
			return EVENT_ADDR_SIZE;
		if (!read_words(s, *fetch, &desc, 1))
			return EVENT_WALK_EABT;
		if (!(desc & 1))
			return EVENT_TRANSLATION;
		is_leaf = level == 3 || !(desc & 2);
		if (level == 3 && !(desc & 2))
			return EVENT_TRANSLATION;
		if (!is_leaf) {
			read_only |= w->hierarchical && bit(desc, 62);
			no_user |= w->hierarchical && bit(desc, 61);
			table = desc & MASK(47, g);
			continue;
		}
		/* Blocks: 4K at levels 1 and 2, the others at level 2. */
		if (level < (g == 12 ? 1u : 2u))
			return EVENT_TRANSLATION;
		if (w->has_af && !bit(desc, 10))
			return EVENT_ACCESS;
		read_only |= bit(desc, 7);
		no_user |= !bit(desc, 6);
		if ((write && read_only) || no_user)
			return EVENT_PERMISSION;
		*pa = (desc & MASK(47, low)) | (w->address & ones(low));
		if (*pa >> w->output_bits)
			return EVENT_ADDR_SIZE;
		*size = (1ull << low) - (w->address & ones(low));
		return 0;
	}
	return EVENT_TRANSLATION;
}

/* Where `iova` of a requester leads; *size is cut to what is contiguous. Any thread. */
static bool translate(void *opaque, u32 sid, u64 iova, bool write, u64 *pa, u64 *size)
{
	struct smmu *s = opaque;
	u64 ste[8], length, fetch = 0;
	struct view now;
	struct walk w = {0};
	bool record = false;
	u8 event;

	pthread_mutex_lock(&s->lock);
	now = s->now;
	pthread_mutex_unlock(&s->lock);
	*pa = iova;
	if (!now.enabled)
		return !now.abort && !(iova >> OAS_BITS);
	if (!read_ste(s, &now, sid, iova, write, ste))
		return false;
	if (!bit(ste[0], 0))
		return report(s, EVENT_BAD_STE, sid, iova, write, 0);
	switch (bits(ste[0], 3, 1)) {
	case 0:
	case 1:
	case 2:
	case 3: return false; /* abort, without an event */
	case 4: return !(iova >> OAS_BITS) || report(s, EVENT_ADDR_SIZE, sid, iova, write, 0); /* bypass */
	case 5: break;                                                                         /* stage 1 */
	default: return report(s, EVENT_BAD_STE, sid, iova, write, 0);
	}
	/* S1STALLD without stalls; a context behind OAS. [IHI0070 3.4.3] */
	if (bit(ste[1], 27) || (ste[0] & MASK(55, 6)) >> OAS_BITS)
		return report(s, EVENT_BAD_STE, sid, iova, write, 0);
	if (!read_cd(s, sid, ste, iova, write, &w, &record))
		return false;
	event = walk(s, &w, write, pa, &length, &fetch);
	if (event)
		return record || event == EVENT_WALK_EABT ?
			       report(s, event, sid, iova, write, event == EVENT_WALK_EABT ? fetch : 0) :
			       false;
	*size = MIN(*size, length);
	return true;
}

static const struct iommu_ops iommu = {translate};

/* --- commands --- */

/* A granule (TG) is said for a range, or for a level (TTL; a 16K granule has none at 1). [IHI0070 4.4.1.1] */
static bool is_range_legal(const u64 command[2])
{
	unsigned granule = (unsigned)bits(command[1], 11, 10), level = (unsigned)bits(command[1], 9, 8);

	return !granule || (command[0] & (RANGE_SCALE | RANGE_NUM)) || level > (granule == 2 ? 1u : 0);
}

/* Of those that are there, whether the parameters can be. [IHI0070 4.1.6, 4.7.3] */
static bool is_legal(const u64 command[2])
{
	switch ((u8)command[0]) {
	case CMD_SYNC: return bits(command[0], 13, 12) != SYNC_RESERVED;
	case CMD_PREFETCH_CONFIG:
	case CMD_PREFETCH_ADDR:
	case CMD_CFGI_STE:
	case CMD_CFGI_ALL:
	case CMD_CFGI_CD:
	case CMD_CFGI_CD_ALL: return !(command[0] & COMMAND_SSEC);
	case CMD_TLBI_NH_VA:
	case CMD_TLBI_NH_VAA: return is_range_legal(command);
	case CMD_TLBI_NH_ALL:
	case CMD_TLBI_NH_ASID:
	case CMD_TLBI_NSNH_ALL: return true; /* nothing is cached */
	default: return false;
	}
}

static void command_error(struct smmu *s, u32 cons, u32 error)
{
	regs_set(&s->regs, SMMU_CMDQ_CONS, 4, cons | error << 24);
	raise_error(s, GERROR_CMDQ);
}

/* All that are waiting: at most as many as the queue holds. */
static void run_commands(struct smmu *s)
{
	u64 base = get(s, SMMU_CMDQ_BASE, 8);
	unsigned size_bits = queue_bits(base, CMDQ_BITS_MAX);
	u32 mask = (2u << size_bits) - 1, prod = (u32)get(s, SMMU_CMDQ_PROD, 4) & mask,
	    cons = (u32)get(s, SMMU_CMDQ_CONS, 4) & mask;

	if (!(get(s, SMMU_CR0, 4) & CR0_CMDQEN) || ((get(s, SMMU_GERROR, 4) ^ get(s, SMMU_GERRORN, 4)) & GERROR_CMDQ))
		return;
	for (u32 n = 0; cons != prod && n <= 1u << size_bits; n++) {
		u64 command[2];

		if (!read_words(s, queue_at(base, size_bits, cons, COMMAND_BYTES), command, 2)) {
			command_error(s, cons, CERROR_ABT);
			return;
		}
		trace(SMMU, "command 0x%02x %016llx %016llx", (u8)command[0], (unsigned long long)command[0],
		      (unsigned long long)command[1]);
		if (!is_legal(command)) {
			guest_error(SMMU_COMMAND, "SMMU: command 0x%02x is none of ours, or malformed", (u8)command[0]);
			command_error(s, cons, CERROR_ILL);
			return;
		}
		/* What was terminated before is in the event queue; SIG_SEV is an event, which every WFE ends by soon
		 * anyway. */
		if ((u8)command[0] == CMD_SYNC)
			write_events(s);
		if ((u8)command[0] == CMD_SYNC && bits(command[0], 13, 12) == SYNC_IRQ)
			pulse(&s->config.cmdq_sync);
		cons = (cons + 1) & mask;
		regs_set(&s->regs, SMMU_CMDQ_CONS, 4, cons);
	}
}

/* --- registers --- */

static void publish(struct smmu *s)
{
	struct view now = {.enabled = get(s, SMMU_CR0, 4) & CR0_SMMUEN,
			   .abort = get(s, SMMU_GBPA, 4) & GBPA_ABORT,
			   .tells_bad_streams = get(s, SMMU_CR2, 4) & CR2_RECINVSID,
			   .table = get(s, SMMU_STRTAB_BASE, 8),
			   .table_config = (u32)get(s, SMMU_STRTAB_BASE_CFG, 4)};

	pthread_mutex_lock(&s->lock);
	s->now = now;
	pthread_mutex_unlock(&s->lock);
}

static void cr0_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct smmu *s = b->owner;

	regs_set(b, SMMU_CR0ACK, 4, now);
	/* What waits is not for the queue that may come next. */
	if (!(now & CR0_EVENTQEN)) {
		pthread_mutex_lock(&s->lock);
		s->event_count = 0;
		s->is_lost = false;
		pthread_mutex_unlock(&s->lock);
	}
	publish(b->owner);
	run_commands(b->owner);
}

/* How tables and queues are accessed does not change while they are in use. */
static void cr1_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	u64 cr0 = regs_get(b, SMMU_CR0, 4), guarded = 0;

	if (cr0 & CR0_SMMUEN)
		guarded |= CR1_TABLE;
	if (cr0 & (CR0_EVENTQEN | CR0_CMDQEN))
		guarded |= CR1_QUEUE;
	regs_set(b, SMMU_CR1, 4, (old & guarded) | (now & ~guarded));
}

static void gbpa_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	/* Taken only together with Update, which then reads 0. */
	regs_set(b, SMMU_GBPA, 4, (b->written & GBPA_UPDATE ? now : old) & ~(u64)GBPA_UPDATE);
	publish(b->owner);
}

static void irq_ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, SMMU_IRQ_CTRLACK, 4, now);
}

static void table_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	publish(b->owner);
}

static void commands_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	run_commands(b->owner);
}

static bool is_enabled(struct regs *b, unsigned i)
{
	return regs_get(b, SMMU_CR0, 4) & CR0_SMMUEN;
}

static bool has_commands(struct regs *b, unsigned i)
{
	return regs_get(b, SMMU_CR0, 4) & CR0_CMDQEN;
}

static bool has_events(struct regs *b, unsigned i)
{
	return regs_get(b, SMMU_CR0, 4) & CR0_EVENTQEN;
}

#define QUEUE_BASE (BIT(62) | MASK(51, 5) | MASK(4, 0))

static const struct reg smmu_regs[] = {
	R32(SMMU_IDR0, IDR0,
	    IDR0_S1P | IDR0_TTF_AARCH64 | IDR0_COHACC | IDR0_ASID16 | IDR0_TTENDIAN_LE | IDR0_STALL_NONE | IDR0_TERM |
		    IDR0_ST_2LEVEL,
	    0),
	R32(SMMU_IDR1, IDR1, SID_BITS | EVENTQ_BITS_MAX << 16 | CMDQ_BITS_MAX << 21, 0),
	R32(SMMU_IDR2, IDR2, 0, 0),
	R32(SMMU_IDR3, IDR3, IDR3_HAD | IDR3_RIL | IDR3_BBML_2, 0),
	R32(SMMU_IDR4, IDR4, 0, 0),
	R32(SMMU_IDR5, IDR5, IDR5_OAS_48 | IDR5_GRAN4K | IDR5_GRAN16K | IDR5_GRAN64K, 0),
	R32(SMMU_IIDR, IIDR, 0, 0),
	R32(SMMU_AIDR, AIDR, 2, 0), /* SMMUv3.2 */
	R32(SMMU_CR0, CR0, 0, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN, .write = cr0_write),
	R32(SMMU_CR0ACK, CR0ACK, 0, 0),
	R32(SMMU_CR1, CR1, 0, CR1_TABLE | CR1_QUEUE, .write = cr1_write),
	R32(SMMU_CR2, CR2, 0, CR2_RECINVSID, .locked = is_enabled, .write = table_write),
	R32(SMMU_STATUSR, STATUSR, 0, 0),
	R32(SMMU_GBPA, GBPA, 0x1000, GBPA_UPDATE | GBPA_ABORT | 0xfff1f, .write = gbpa_write),
	R32(SMMU_IRQ_CTRL, IRQ_CTRL, 0, IRQ_GERROR | IRQ_EVENTQ, .write = irq_ctrl_write),
	R32(SMMU_IRQ_CTRLACK, IRQ_CTRLACK, 0, 0),
	R32(SMMU_GERROR, GERROR, 0, 0),
	R32(SMMU_GERRORN, GERRORN, 0, GERROR_CMDQ | GERROR_EVENTQ_ABT, .write = commands_write),
	R64(SMMU_GERROR_IRQ_CFG0, GERROR_IRQ_CFG0, 0, 0), /* no MSIs */
	R32(SMMU_GERROR_IRQ_CFG1, GERROR_IRQ_CFG1, 0, 0),
	R32(SMMU_GERROR_IRQ_CFG2, GERROR_IRQ_CFG2, 0, 0),
	R64(SMMU_STRTAB_BASE, STRTAB_BASE, 0, BIT(62) | ADDRESS, .locked = is_enabled, .write = table_write),
	R32(SMMU_STRTAB_BASE_CFG, STRTAB_BASE_CFG, 0, MASK(17, 16) | MASK(10, 0), .locked = is_enabled,
	    .write = table_write),
	R64(SMMU_CMDQ_BASE, CMDQ_BASE, 0, QUEUE_BASE, .locked = has_commands),
	R32(SMMU_CMDQ_PROD, CMDQ_PROD, 0, MASK(19, 0), .write = commands_write),
	R32(SMMU_CMDQ_CONS, CMDQ_CONS, 0, MASK(19, 0), .locked = has_commands),
	R64(SMMU_EVENTQ_BASE, EVENTQ_BASE, 0, QUEUE_BASE, .locked = has_events),
	R64(SMMU_EVENTQ_IRQ_CFG0, EVENTQ_IRQ_CFG0, 0, 0),
	R32(SMMU_EVENTQ_IRQ_CFG1, EVENTQ_IRQ_CFG1, 0, 0),
	R32(SMMU_EVENTQ_IRQ_CFG2, EVENTQ_IRQ_CFG2, 0, 0),
	R32(SMMU_EVENTQ_PROD, EVENTQ_PROD, 0, QUEUE_OVERFLOW | MASK(19, 0), .locked = has_events),
	R32(SMMU_EVENTQ_CONS, EVENTQ_CONS, 0, QUEUE_OVERFLOW | MASK(19, 0)),
};

void smmu_reset(struct smmu *s)
{
	regs_reset(&s->regs, RESET_COLD);
	pthread_mutex_lock(&s->lock);
	s->event_count = 0;
	s->is_lost = false;
	pthread_mutex_unlock(&s->lock);
	publish(s);
}

struct smmu *smmu_create(const struct smmu_config *config)
{
	struct smmu *s = calloc(1, sizeof(*s));

	assert(s);
	s->config = *config;
	pthread_mutex_init(&s->lock, NULL);
	regs_init(&s->regs, "SMMU", s, REGS_BYTES, SMMU_BYTES);
	REGS_ADD(&s->regs, 0, smmu_regs);
	s->region = (struct region){
		.name = "SMMU", .base = config->base, .size = SMMU_BYTES, .ops = &regs_io, .opaque = &s->regs};
	loop_lock(config->loop);
	space_add(config->space, &s->region);
	loop_unlock(config->loop);
	smmu_reset(s);
	space_set_iommu(config->space, &iommu, s);
	return s;
}

void smmu_destroy(struct smmu *s)
{
	if (!s)
		return;
	space_set_iommu(s->config.space, NULL, NULL);
	space_remove(s->config.space, &s->region);
	regs_free(&s->regs);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
