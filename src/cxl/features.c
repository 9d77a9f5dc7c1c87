/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Features and maintenance. [CXL3.1 8.2.9.6, 8.2.9.7] A feature is a row: what Get Feature gives at first, and for each
 * byte of Set Feature which byte and bits of that it changes. One way in for all of them: offsets, sizes and the order
 * of parts are checked here, the parts collect in a buffer as large as the largest feature, and only a whole transfer
 * that the row's check lets pass takes effect. A transfer goes on until its last part, a part out of order, an abort or
 * a reset; a part that is refused for another reason leaves it as it was. Every reset restores the defaults, as the
 * attributes say. Machine lock.
 *
 * Patrol scrub and ECS change nothing but their registers; repair takes a line out of the poison list, as its row is a
 * good one then. Memory sparing names DRAM parts, which there are none of: it uses up one of SPARES and changes nothing
 * else. What came of sparing, and of repair where that is asked for, is told by a Memory Sparing event.
 */
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

enum { SET_FULL, SET_FIRST, SET_NEXT, SET_LAST, SET_ABORT };
enum { SELECT_CURRENT, SELECT_DEFAULT, SELECT_SAVED };
#define HEADER_BYTES 8 /* of the list */
#define ENTRY_BYTES 48
#define ATTRIBUTE_CHANGEABLE BIT(0)
#define ATTRIBUTE_DEFAULT BIT(5)
#define SET_EFFECTS (EFFECT_IMMEDIATE_CONFIG | EFFECT_RESETS_VALID) /* none after a reset */
/* Maintenance operation classes. [CXL3.1 8.2.9.7.1, table 8-102] */
#define REPAIR_CLASS 1
#define SPARING_CLASS 2
#define REPAIR_BYTES 14
#define SPARING_BYTES MAINTENANCE_BYTES
#define REPAIR_NS 1         /* Linux 7.3 looks for the end once, and does not wait */
#define REPAIR_LATENCY 0x10 /* 1 x 1 us [8.2.9.7.2, table 8-111] */
/* Flags of a maintenance operation. */
#define QUERY_RESOURCES BIT(0)
#define HARD_SPARING BIT(1)
#define SUB_CHANNEL_IS_VALID BIT(2)
#define NIBBLE_MASK_IS_VALID BIT(3)

struct feature {
	const char *name;
	u8 uuid[16];
	u8 get_bytes, set_bytes;
	u8 set_least; /* bytes that must come, the others are 0 then; 0: all */
	u8 version;   /* 0: 1 */
	u8 initial[FEATURE_BYTES_MAX];
	struct {
		u8 at, mask;
	} set[FEATURE_BYTES_MAX]; /* by byte of Set Feature */
	bool (*check)(const u8 *next);
};

#define SCRUB_HOURS_MIN 1
static bool scrub_check(const u8 *next)
{
	return next[1] >= SCRUB_HOURS_MIN;
}

/* ECS threshold count per Gb: 3, 4, 5 for 256, 1024, 4096; log type 0 or 1. [8.2.9.9.11.2] */
static bool ecs_check(const u8 *next)
{
	unsigned threshold = next[2] & 7;

	return threshold >= 3 && threshold <= 5 && (next[0] & 3) <= 1;
}

/* Memory goes on and keeps what is in it; sparing can be soft and hard. */
#define SPARING_RESTRICTIONS 0x06
#define PPR_FLAGS 0x05 /* DPA is all it needs; it tells by an event where that is switched on */
#define PPR_ROW 2      /* of soft PPR, then comes hard PPR */
#define PPR_MODE 19
#define PPR_MODE_EVENT BIT(0)

static const struct feature features[FEATURES] = {
	{.name = "patrol scrub",
	 .uuid = {0x96, 0xda, 0xd7, 0xd6, 0xfd, 0xe8, 0x48, 0x2b, 0xa7, 0x33, 0x75, 0x77, 0x4e, 0x06, 0xdb, 0x8a},
	 .get_bytes = 4,
	 .set_bytes = 2,
	 .initial = {0x01, 12, SCRUB_HOURS_MIN, 0x01}, /* changeable; hours now and at least; on */
	 .set = {{1, 0xff}, {3, 0x01}},
	 .check = scrub_check},
	{.name = "DDR5 ECS",
	 .uuid = {0xe5, 0xb1, 0x3f, 0x22, 0x23, 0x28, 0x4a, 0x14, 0xb8, 0xba, 0xb9, 0x69, 0x1e, 0x89, 0x33, 0x86},
	 .get_bytes = 5,
	 .set_bytes = 3,
	 .initial = {0x01, 0x00, 0x03, 0x00, 0x00}, /* log type; of one FRU: capability, configuration, flags */
	 .set = {{0, 0x03}, {2, 0x0f}, {3, 0x00}},  /* a reset of the counter (0x10) is over at once */
	 .check = ecs_check},
/* clang-format off */
#define PPR(subclass)                                                                                                  \
	.get_bytes = 20, .set_bytes = 3, .set_least = 2, .version = 2,                                                 \
	.initial = {REPAIR_LATENCY, 0, 0, 0, 0, REPAIR_CLASS, subclass, [16] = PPR_FLAGS},                             \
	.set = {{3, 0x00}, {4, 0x00}, {PPR_MODE, PPR_MODE_EVENT}}
#define SPARING(subclass)                                                                                              \
	.get_bytes = 19, .set_bytes = 2,                                                                               \
	.initial = {REPAIR_LATENCY, 0, 0, 0, 0, SPARING_CLASS, subclass, [17] = SPARING_RESTRICTIONS},                 \
	.set = {{3, 0x00}, {4, 0x00}}
	/* clang-format on */
	[PPR_ROW] = {.name = "soft PPR",
		     .uuid = {0x89, 0x2b, 0xa4, 0x75, 0xfa, 0xd8, 0x47, 0x4e, 0x9d, 0x3e, 0x69, 0x2c, 0x91, 0x75, 0x68,
			      0xbb},
		     PPR(0)},
	{.name = "hard PPR",
	 .uuid = {0x80, 0xea, 0x45, 0x21, 0x78, 0x6f, 0x41, 0x27, 0xaf, 0xb1, 0xec, 0x74, 0x59, 0xfb, 0x0e, 0x24},
	 PPR(1)},
	{.name = "cacheline sparing",
	 .uuid = {0x96, 0xc3, 0x33, 0x86, 0x91, 0xdd, 0x44, 0xc7, 0x9e, 0xcb, 0xfd, 0xaf, 0x65, 0x03, 0xba, 0xc4},
	 SPARING(0)},
	{.name = "row sparing",
	 .uuid = {0x45, 0x0e, 0xbf, 0x67, 0xb1, 0x35, 0x4f, 0x97, 0xa4, 0x98, 0xc2, 0xd5, 0x7f, 0x27, 0x9b, 0xed},
	 SPARING(1)},
	{.name = "bank sparing",
	 .uuid = {0x78, 0xb7, 0x96, 0x36, 0x90, 0xac, 0x4b, 0x64, 0xa4, 0xef, 0xfa, 0xac, 0x5d, 0x18, 0xa8, 0x63},
	 SPARING(2)},
	{.name = "rank sparing",
	 .uuid = {0x34, 0xdb, 0xaf, 0xf5, 0x05, 0x52, 0x42, 0x81, 0x8f, 0x76, 0xda, 0x0b, 0x5e, 0x7a, 0x76, 0xa7},
	 SPARING(3)},
};

static u8 version_of(const struct feature *f)
{
	return f->version ? f->version : 1;
}

static int find_feature(const u8 *uuid)
{
	for (unsigned n = 0; uuid && n < FEATURES; n++)
		if (!memcmp(features[n].uuid, uuid, 16))
			return (int)n;
	return -1;
}

u16 cmd_get_supported_features(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u32 bytes = mbox_get(in, 4), count = 0;
	unsigned first = mbox_get(in, 2);

	if (first > FEATURES || bytes < HEADER_BYTES)
		return CXL_INVALID_INPUT;
	bytes = MIN(bytes, out->room);
	mbox_put_zeros(out, HEADER_BYTES);
	for (unsigned n = first; n < FEATURES && out->at + ENTRY_BYTES <= bytes; n++, count++) {
		const struct feature *f = &features[n];

		mbox_put_bytes(out, f->uuid, 16);
		mbox_put(out, 2, n);
		mbox_put(out, 2, f->get_bytes);
		mbox_put(out, 2, f->set_bytes);
		mbox_put(out, 4, ATTRIBUTE_CHANGEABLE | ATTRIBUTE_DEFAULT);
		mbox_put(out, 1, version_of(f)); /* of Get and of Set Feature */
		mbox_put(out, 1, version_of(f));
		mbox_put(out, 2, SET_EFFECTS);
		mbox_put_zeros(out, 18);
	}
	mbox_patch(out, 0, 2, count);
	mbox_patch(out, 2, 2, FEATURES);
	return CXL_SUCCESS;
}

u16 cmd_get_feature(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	int n = find_feature(mbox_get_bytes(in, 16));
	u64 offset = mbox_get(in, 2), count = mbox_get(in, 2), select = mbox_get(in, 1);

	if (n < 0)
		return CXL_UNSUPPORTED;
	if (select != SELECT_CURRENT && select != SELECT_DEFAULT)
		return CXL_UNSUPPORTED_FEATURE_SELECTION;
	if (offset >= features[n].get_bytes)
		return CXL_INVALID_INPUT;
	count = MIN(count, features[n].get_bytes - offset);
	mbox_put_bytes(out, (select == SELECT_DEFAULT ? features[n].initial : dev->features.now[n]) + offset, count);
	return CXL_SUCCESS;
}

static u16 take_effect(struct cxl_type3 *dev, unsigned n)
{
	const struct feature *f = &features[n];
	u8 next[FEATURE_BYTES_MAX];

	memcpy(next, dev->features.now[n], sizeof(next));
	for (unsigned k = 0; k < f->set_bytes; k++)
		next[f->set[k].at] = (next[f->set[k].at] & ~f->set[k].mask) | (dev->features.parts[k] & f->set[k].mask);
	if (f->check && !f->check(next))
		return CXL_INVALID_INPUT;
	memcpy(dev->features.now[n], next, sizeof(next));
	trace(MBOX, "%s: feature %s set", dev->name, f->name);
	return CXL_SUCCESS;
}

/* A UUID of ones stands for the feature that is being transferred. */
static int find_target(const struct features *s, const u8 *uuid)
{
	unsigned n = 0;

	while (uuid && n < 16 && uuid[n] == 0xff)
		n++;
	return n < 16 ? find_feature(uuid) : s->is_moving ? s->moving : -1;
}

/* The next part, or once more the one that came last. */
static bool is_in_order(const struct features *s, int n, u64 offset, u32 size)
{
	return s->is_moving && s->moving == n && (offset == s->next || (offset == s->part && offset + size == s->next));
}

u16 cmd_set_feature(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct features *s = &dev->features;
	int n = find_target(s, mbox_get_bytes(in, 16));
	u32 action = mbox_get(in, 4) & 7, size, least;
	u64 offset = mbox_get(in, 2), version = mbox_get(in, 1);
	bool is_last = action == SET_FULL || action == SET_LAST;
	const u8 *data;

	mbox_get_bytes(in, 9);
	size = mbox_left(in);
	data = mbox_get_bytes(in, size);
	if (in->bad)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (n < 0)
		return CXL_UNSUPPORTED;
	if (action > SET_ABORT)
		return CXL_INVALID_INPUT;
	if (action == SET_ABORT) {
		if (!s->is_moving || s->moving != n)
			return CXL_INVALID_INPUT; /* nothing to abort */
		s->is_moving = false;
		return CXL_SUCCESS;
	}
	if (!version || version > version_of(&features[n]))
		return CXL_UNSUPPORTED_FEATURE_VERSION;
	if ((action == SET_FULL || action == SET_FIRST) && s->is_moving)
		return CXL_FEATURE_TRANSFER_IN_PROGRESS;
	if (action == SET_FULL)
		offset = 0; /* the field is ignored */
	if ((action == SET_FIRST && offset) ||
	    ((action == SET_NEXT || action == SET_LAST) && !is_in_order(s, n, offset, size))) {
		s->is_moving &= s->moving != n; /* that aborts it [CXL3.1 table 8-34] */
		return CXL_FEATURE_TRANSFER_OUT_OF_ORDER;
	}
	if (!range_ok(offset, size, features[n].set_bytes))
		return CXL_INVALID_INPUT;
	least = features[n].set_least ? features[n].set_least : features[n].set_bytes;
	if (!size || (is_last && offset + size < least))
		return CXL_INVALID_PAYLOAD_LENGTH;
	memcpy(s->parts + offset, data, size);
	memset(s->parts + offset + size, 0, FEATURE_BYTES_MAX - offset - size);
	s->part = offset;
	s->next = offset + size;
	s->moving = n;
	s->is_moving = !is_last;
	return s->is_moving ? CXL_SUCCESS : take_effect(dev, (unsigned)n);
}

static unsigned spares_left(const struct features *s, unsigned subclass)
{
	return SPARES - s->hard_spares[subclass] - s->soft_spares[subclass];
}

enum { RESULT_SUCCESS = 0, RESULT_EXHAUSTED = 1, RESULT_FAILURE = 0xff };
/* What of the address belongs to a subclass, as validity flags; all have channel and rank. */
static const u16 sparing_fields[4] = {0x7b, 0x3b, 0x1b, 0x03};

/* A request, and what came of it, as an event: the address as it was given. [8.2.9.2.1.4] */
static void report_operation(struct cxl_type3 *dev, const u8 *request, u8 result)
{
	u8 record[EVENT_RECORD_BYTES] = {0}, flags = request[2];
	bool is_sparing = request[0] == SPARING_CLASS;
	bool is_hard = is_sparing ? flags & HARD_SPARING : request[1] == 1;
	u16 valid = is_sparing ? sparing_fields[request[1]] : 0;

	memcpy(record, cxl_record_kinds[CXL_RECORD_MEMORY_SPARING].uuid, 16);
	record[SPARING_CLASS_AT] = request[0];
	record[SPARING_SUBCLASS_AT] = request[1];
	record[SPARING_FLAGS] = (flags & QUERY_RESOURCES) | (is_hard ? HARD_SPARING : 0);
	record[SPARING_RESULT] = result;
	if (result == RESULT_SUCCESS) /* 3: or more */
		record[SPARING_SPARES] = is_sparing ? MIN(spares_left(&dev->features, request[1]), 3u) : 3;
	if (is_sparing) {
		memcpy(record + SPARING_ADDRESS, request + 3, 12);
		record[SPARING_SUB_CHANNEL] = request[15];
		if (flags & NIBBLE_MASK_IS_VALID)
			valid |= BIT(2);
		if ((flags & SUB_CHANNEL_IS_VALID) && !request[1])
			valid |= BIT(9);
	}
	store_le(record + SPARING_VALID, 2, valid);
	event_report(dev, EVENT_INFO, record);
}

static u16 start_operation(struct cxl_type3 *dev, const u8 *request, unsigned bytes,
			   void (*done)(void *owner, u16 code))
{
	u16 code = background_start(&dev->background, 0x0600, REPAIR_NS, true, done);

	if (code == CXL_BACKGROUND_STARTED)
		memcpy(dev->features.maintenance, request, bytes);
	return code;
}

static void repair_done(void *owner, u16 code)
{
	struct cxl_type3 *dev = owner;
	const u8 *request = dev->features.maintenance;

	if (code == CXL_SUCCESS)
		poison_repair(dev, align_down(load_le(request + 3, 8), POISON_LINE));
	if (dev->features.now[PPR_ROW + request[1]][PPR_MODE] & PPR_MODE_EVENT)
		report_operation(dev, request, code == CXL_SUCCESS ? RESULT_SUCCESS : RESULT_FAILURE);
}

/* Flags, DPA, nibble mask. [8.2.9.7.1.2, 8.2.9.7.1.3] */
static u16 repair(struct cxl_type3 *dev, const u8 *request)
{
	if (!media_has_line(dev, align_down(load_le(request + 3, 8), POISON_LINE)))
		return CXL_INVALID_PHYSICAL_ADDRESS;
	if (request[2] & QUERY_RESOURCES)
		return CXL_SUCCESS; /* there always are */
	return start_operation(dev, request, REPAIR_BYTES, repair_done);
}

static void sparing_done(void *owner, u16 code)
{
	struct cxl_type3 *dev = owner;
	struct features *s = &dev->features;
	const u8 *request = s->maintenance;

	if (code == CXL_SUCCESS)
		(request[2] & HARD_SPARING ? s->hard_spares : s->soft_spares)[request[1]]++;
	report_operation(dev, request, code == CXL_SUCCESS ? RESULT_SUCCESS : RESULT_FAILURE);
}

/* Flags, channel, rank, nibble mask, bank group, bank, row, column, sub-channel. [8.2.9.7.1.4] */
static u16 spare(struct cxl_type3 *dev, const u8 *request)
{
	bool is_query = request[2] & QUERY_RESOURCES, is_left = spares_left(&dev->features, request[1]);

	if (is_query || !is_left)
		report_operation(dev, request, is_left ? RESULT_SUCCESS : RESULT_EXHAUSTED);
	if (!is_left)
		return CXL_RESOURCES_EXHAUSTED;
	return is_query ? CXL_SUCCESS : start_operation(dev, request, SPARING_BYTES, sparing_done);
}

u16 cmd_perform_maintenance(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u32 length = in->length;
	const u8 *request = mbox_get_bytes(in, length);
	unsigned class = request[0], subclass = request[1];
	bool is_repair = class == REPAIR_CLASS && subclass <= 1, is_sparing = class == SPARING_CLASS && subclass <= 3;

	if (!is_repair && !is_sparing)
		return CXL_INVALID_INPUT;
	if (length != (is_repair ? REPAIR_BYTES : SPARING_BYTES))
		return CXL_INVALID_PAYLOAD_LENGTH;
	return is_repair ? repair(dev, request) : spare(dev, request);
}

void features_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	dev->features.is_moving = false;
	if (reset_kind & RESETS_CONVENTIONAL)
		memset(dev->features.soft_spares, 0, sizeof(dev->features.soft_spares));
	for (unsigned n = 0; n < FEATURES; n++)
		memcpy(dev->features.now[n], features[n].initial, FEATURE_BYTES_MAX);
}
