/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory device command sets: identify, partitions, label storage area, health and alerts. [CXL3.1 8.2.9.9]
 * Health is what monitors say; the alerts' thresholds turn it into additional status and into Memory Module events.
 */
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

/* Thresholds of a healthy device: per cent of life used, degrees Celsius. */
#define LIFE_USED_CRITICAL 75
#define LIFE_USED_WARNING 40
#define OVER_TEMPERATURE_CRITICAL 35
#define UNDER_TEMPERATURE_CRITICAL 10
#define OVER_TEMPERATURE_WARNING 25
#define UNDER_TEMPERATURE_WARNING 20
#define TEMPERATURE_NOW 22

/* Bits of valid and enabled alerts. */
#define ALERT_LIFE_USED BIT(0)
#define ALERT_OVER_TEMPERATURE BIT(1)
#define ALERT_UNDER_TEMPERATURE BIT(2)
#define ALERT_VOLATILE_ERRORS BIT(3)
#define ALERT_PERSISTENT_ERRORS BIT(4)
#define ALERTS 0x1f

u16 cmd_identify_memory_device(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	char revision[FW_REVISION_BYTES];

	fw_revision(dev, dev->firmware.active, revision);
	mbox_put_bytes(out, revision, sizeof(revision));
	mbox_put(out, 8, (dev->volatile_bytes + dev->persistent_bytes) / CXL_CAPACITY_UNIT);
	mbox_put(out, 8, dev->partition_align ? 0 : dev->volatile_bytes / CXL_CAPACITY_UNIT); /* always volatile */
	mbox_put(out, 8, dev->partition_align ? 0 : dev->persistent_bytes / CXL_CAPACITY_UNIT);
	mbox_put(out, 8, dev->partition_align / CXL_CAPACITY_UNIT);
	for (unsigned n = 0; n <= EVENT_FATAL; n++)
		mbox_put(out, 2, EVENT_LOG_RECORDS);
	mbox_put(out, 4, dev->lsa ? dev->lsa->size : 0);
	mbox_put(out, 3, POISON_LIST_RECORDS);
	mbox_put(out, 2, POISON_LIST_RECORDS); /* that can be injected */
	mbox_put(out, 1, POISON_SCANS | (dev->persistent_bytes ? POISON_PERSISTS : 0));
	mbox_put(out, 1, QOS_CAPABILITIES);
	mbox_put(out, 2, dev->dc ? EVENT_DYNAMIC_RECORDS : 0);
	return CXL_SUCCESS;
}

u16 cmd_get_partition_info(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u64 next = dev->next_volatile_bytes, total = dev->volatile_bytes + dev->persistent_bytes;
	bool pending = next != dev->volatile_bytes;

	mbox_put(out, 8, dev->volatile_bytes / CXL_CAPACITY_UNIT);
	mbox_put(out, 8, dev->persistent_bytes / CXL_CAPACITY_UNIT);
	mbox_put(out, 8, pending ? next / CXL_CAPACITY_UNIT : 0); /* both 0: no change is pending */
	mbox_put(out, 8, pending ? (total - next) / CXL_CAPACITY_UNIT : 0);
	return CXL_SUCCESS;
}

static void partition_now(struct cxl_type3 *dev)
{
	struct error err = {""};
	u32 sequence = load_le(dev->cdat.bytes + CDAT_SEQUENCE, 4);

	dev->persistent_bytes += dev->volatile_bytes - dev->next_volatile_bytes;
	dev->volatile_bytes = dev->next_volatile_bytes;
	trace(CXL, "%s: %llu MiB volatile, %llu MiB persistent", dev->name,
	      (unsigned long long)(dev->volatile_bytes / MiB), (unsigned long long)(dev->persistent_bytes / MiB));
	if (!dev->cdat_file && cdat_build(dev, &err))
		cdat_renumber(&dev->cdat, sequence + 1);
	cxl_map_changed(dev->host);
}

void partition_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	if (reset_kind == RESET_COLD && dev->next_volatile_bytes != dev->volatile_bytes)
		partition_now(dev);
}

#define PARTITION_IMMEDIATE BIT(0)

/* The bytes stay where they are: only what they are called changes. Not at once under a committed decoder, whose range
 * says which. */
u16 cmd_set_partition(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u64 units = mbox_get(in, 8), flags = mbox_get(in, 1), total = dev->volatile_bytes + dev->persistent_bytes;

	if (units > total / CXL_CAPACITY_UNIT || units * CXL_CAPACITY_UNIT % dev->partition_align)
		return CXL_INVALID_INPUT;
	for (unsigned n = 0; (flags & PARTITION_IMMEDIATE) && n < dev->comp.decoder_count; n++)
		if (dev->comp.decoders[n].committed && dev->comp.decoders[n].size &&
		    units * CXL_CAPACITY_UNIT != dev->volatile_bytes)
			return CXL_INVALID_INPUT;
	dev->next_volatile_bytes = units * CXL_CAPACITY_UNIT;
	if ((flags & PARTITION_IMMEDIATE) && dev->next_volatile_bytes != dev->volatile_bytes)
		partition_now(dev);
	keep_store(dev);
	return CXL_SUCCESS;
}

/* The chunks of [offset, offset + length) are in memory. */
static void lsa_ready(struct cxl_type3 *dev, u64 offset, u64 length)
{
	for (u64 at = align_down(offset, 2 * MiB); length && at < offset + length; at += 2 * MiB)
		backend_ready(dev->lsa, at);
}

u16 cmd_get_lsa(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u64 offset = mbox_get(in, 4), length = mbox_get(in, 4);

	if (!dev->lsa || !range_ok(offset, length, dev->lsa->size))
		return CXL_INVALID_INPUT;
	if (length > out->room)
		return CXL_INVALID_PAYLOAD_LENGTH;
	for (unsigned n = 0; n < dev->label_poison_count; n++)
		if (dev->label_poison[n] - offset < length)
			return CXL_INTERNAL_ERROR;
	lsa_ready(dev, offset, length);
	mbox_put_bytes(out, dev->lsa->host + offset, length);
	return CXL_SUCCESS;
}

u16 cmd_set_lsa(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u64 offset = mbox_get(in, 4), length;
	const u8 *data;

	mbox_get_bytes(in, 4);
	length = mbox_left(in);
	data = mbox_get_bytes(in, length);
	if (in->bad || !data)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (!dev->lsa || dev->lsa->readonly || !range_ok(offset, length, dev->lsa->size))
		return CXL_INVALID_INPUT;
	if (!length)
		return CXL_SUCCESS;
	label_repair(dev, offset, length);
	keep_label(dev, offset, data, length);
	return CXL_SUCCESS;
}

bool label_spoil(struct cxl_type3 *dev, u32 offset)
{
	label_repair(dev, offset, 1);
	if (dev->label_poison_count == LABEL_POISON_MAX)
		return false;
	dev->label_poison[dev->label_poison_count++] = offset;
	return true;
}

void label_repair(struct cxl_type3 *dev, u64 offset, u64 length)
{
	unsigned kept = 0;

	for (unsigned n = 0; n < dev->label_poison_count; n++)
		if (dev->label_poison[n] - offset >= length)
			dev->label_poison[kept++] = dev->label_poison[n];
	dev->label_poison_count = kept;
}

void health_reset(struct cxl_type3 *dev)
{
	dev->health = (struct health){.temperature = TEMPERATURE_NOW};
	dev->injected = dev->injected_next;
	dev->injects = dev->injects_next;
	dev->injects_next = 0;
}

/* As it is told: with what is injected. */
static struct health health_now(const struct cxl_type3 *dev)
{
	struct health h = dev->health;

	if (dev->injects & INJECT_HEALTH)
		h.health_status = dev->injected.health_status;
	if (dev->injects & INJECT_MEDIA)
		h.media_status = dev->injected.media_status;
	if (dev->injects & INJECT_LIFE)
		h.life_used = dev->injected.life_used;
	if (dev->injects & INJECT_TEMPERATURE)
		h.temperature = dev->injected.temperature;
	return h;
}

static u32 dirty_shutdowns_now(const struct cxl_type3 *dev)
{
	return dev->injects & INJECT_DIRTY ? dev->injected.dirty_shutdowns : dev->dirty_shutdowns;
}

/* What the additional status says of life used and temperature, two bits each, and of the two counts, one bit each. */
enum { CONDITION_NORMAL = 0, CONDITION_WARNING = 1, CONDITION_CRITICAL = 2 };

static u8 additional_status(const struct cxl_type3 *dev)
{
	const struct alert_config *a = &dev->alerts;
	const struct health now = health_now(dev), *h = &now;
	u8 life = CONDITION_NORMAL, temperature = CONDITION_NORMAL;

	if (h->life_used >= LIFE_USED_CRITICAL)
		life = CONDITION_CRITICAL;
	else if ((a->enabled & ALERT_LIFE_USED) && h->life_used >= a->life_used_warning)
		life = CONDITION_WARNING;
	if (h->temperature >= OVER_TEMPERATURE_CRITICAL || h->temperature <= UNDER_TEMPERATURE_CRITICAL)
		temperature = CONDITION_CRITICAL;
	else if (((a->enabled & ALERT_OVER_TEMPERATURE) && h->temperature >= (s16)a->over_temperature_warning) ||
		 ((a->enabled & ALERT_UNDER_TEMPERATURE) && h->temperature <= (s16)a->under_temperature_warning))
		temperature = CONDITION_WARNING;
	return life | temperature << 2 |
	       ((a->enabled & ALERT_VOLATILE_ERRORS) && h->corrected_volatile >= a->volatile_errors_warning ? BIT(4) :
													      0) |
	       ((a->enabled & ALERT_PERSISTENT_ERRORS) && h->corrected_persistent >= a->persistent_errors_warning ?
			BIT(5) :
			0);
}

static void store_health(const struct cxl_type3 *dev, u8 *to)
{
	const struct health now = health_now(dev), *h = &now;

	to[0] = h->health_status;
	to[1] = h->media_status;
	to[2] = additional_status(dev);
	to[3] = h->life_used;
	store_le(to + 4, 2, (u16)h->temperature);
	store_le(to + 6, 4, dirty_shutdowns_now(dev));
	store_le(to + 10, 4, h->corrected_volatile);
	store_le(to + 14, 4, h->corrected_persistent);
}

#define HEALTH_BYTES 18

u16 cmd_get_health_info(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u8 bytes[HEALTH_BYTES];

	store_health(dev, bytes);
	mbox_put_bytes(out, bytes, sizeof(bytes));
	return CXL_SUCCESS;
}

#define HEALTH_STATUS_BITS 0x0f /* maintenance, performance, replacement, capacity [CXL3.1 8.2.9.9.3.1] */
#define HEALTH_REPLACEMENT BIT(2)
#define MEDIA_STATUS_LAST 9
enum { MEDIA_NORMAL = 0, MEDIA_NOT_READY = 1 };

/* Memory Module event record: the type of what changed, then a copy of the health. [CXL3.1 8.2.9.2.1.3] */
#define MODULE_TYPE 48
#define MODULE_HEALTH 49
enum { MODULE_HEALTH_CHANGE = 0, MODULE_MEDIA_CHANGE = 1, MODULE_LIFE_USED = 2, MODULE_TEMPERATURE = 3 };

static void health_event(struct cxl_type3 *dev, u8 type, enum cxl_event_log log)
{
	u8 record[EVENT_RECORD_BYTES] = {0};

	memcpy(record, cxl_record_kinds[CXL_RECORD_MEMORY_MODULE].uuid, 16);
	record[MODULE_TYPE] = type;
	store_health(dev, record + MODULE_HEALTH);
	event_report(dev, log, record);
}

static enum cxl_event_log log_of(unsigned condition)
{
	return condition == CONDITION_CRITICAL ? EVENT_FATAL :
	       condition == CONDITION_WARNING  ? EVENT_WARNING :
						 EVENT_INFO;
}

/* Events for what is told otherwise than before, in the logs that the tables name. [CXL3.1 8.2.9.9.3.1] */
static void health_changed(struct cxl_type3 *dev, const struct health *was, u8 before)
{
	const struct health is = health_now(dev);
	u8 now = additional_status(dev), rose = is.health_status & ~was->health_status;

	if (rose & HEALTH_REPLACEMENT)
		health_event(dev, MODULE_HEALTH_CHANGE, EVENT_FAILURE);
	if (rose & ~HEALTH_REPLACEMENT)
		health_event(dev, MODULE_HEALTH_CHANGE, EVENT_WARNING);
	if (was->health_status != is.health_status && !rose)
		health_event(dev, MODULE_HEALTH_CHANGE, EVENT_INFO);
	if (was->media_status != is.media_status) /* from any to any, but for one that has become ready */
		health_event(dev, MODULE_MEDIA_CHANGE,
			     was->media_status == MEDIA_NOT_READY && is.media_status == MEDIA_NORMAL ? EVENT_INFO :
												       EVENT_FAILURE);
	if ((before ^ now) & 0x03)
		health_event(dev, MODULE_LIFE_USED, log_of(now & 3));
	if ((before ^ now) & 0x0c)
		health_event(dev, MODULE_TEMPERATURE, log_of(now >> 2 & 3));
	if ((now & ~before) & 0x30)
		health_event(dev, MODULE_HEALTH_CHANGE, EVENT_WARNING);
}

bool health_inject(struct cxl_type3 *dev, const struct health_injection *injection, u8 valid, u8 on, bool is_later)
{
	struct health_injection *to = is_later ? &dev->injected_next : &dev->injected;
	u8 *injects = is_later ? &dev->injects_next : &dev->injects, before = additional_status(dev);
	struct health was = health_now(dev);

	on &= valid;
	if (((on & INJECT_HEALTH) && (injection->health_status & ~HEALTH_STATUS_BITS)) ||
	    ((on & INJECT_MEDIA) && injection->media_status > MEDIA_STATUS_LAST) ||
	    ((on & INJECT_LIFE) && injection->life_used > 100))
		return false;
	if (on & INJECT_HEALTH)
		to->health_status = injection->health_status;
	if (on & INJECT_MEDIA)
		to->media_status = injection->media_status;
	if (on & INJECT_LIFE)
		to->life_used = injection->life_used;
	if (on & INJECT_DIRTY)
		to->dirty_shutdowns = injection->dirty_shutdowns;
	if (on & INJECT_TEMPERATURE)
		to->temperature = injection->temperature;
	*injects = (*injects & ~valid) | on;
	if (!is_later)
		health_changed(dev, &was, before);
	return true;
}

bool cxl_health_set(struct dev *d, const struct cxl_health *next, struct error *err)
{
	struct cxl_type3 *dev = (struct cxl_type3 *)d;
	struct health was, own;
	u8 before;

	if (d->cls != &cxl_type3_class)
		return fail(err, "%s is no cxl-type3", dev_name(d));
	if (next->life_used > 100)
		return fail(err, "%s: life used is in per cent: 0 to 100", dev->name);
	before = additional_status(dev);
	was = health_now(dev);
	/* What was told and stays so need not be the device's own: it may be injected. */
	own = dev->health;
	dev->health = (struct health){
		.health_status = next->health_status == was.health_status ? own.health_status : next->health_status,
		.media_status = next->media_status == was.media_status ? own.media_status : next->media_status,
		.life_used = next->life_used == was.life_used ? own.life_used : next->life_used,
		.temperature = next->temperature == was.temperature ? own.temperature : next->temperature,
		.corrected_volatile = next->corrected_volatile,
		.corrected_persistent = next->corrected_persistent,
	};
	health_changed(dev, &was, before);
	return true;
}

bool cxl_health_get(struct dev *d, struct cxl_health *health)
{
	const struct cxl_type3 *dev = (const struct cxl_type3 *)d;
	struct health now, *h = &now;

	if (d->cls != &cxl_type3_class)
		return false;
	now = health_now(dev);
	*health = (struct cxl_health){h->health_status,       h->media_status,       h->life_used,
				      h->temperature,         h->corrected_volatile, h->corrected_persistent,
				      additional_status(dev), dev->shutdown_state,   dirty_shutdowns_now(dev)};
	return true;
}

/* Corrected errors are counted anew from a conventional reset on. [CXL3.1 8.2.9.9.3.1] */
void alerts_reset(struct cxl_type3 *dev)
{
	dev->health.corrected_volatile = dev->health.corrected_persistent = 0;
	dev->alerts = (struct alert_config){
		.life_used_warning = LIFE_USED_WARNING,
		.over_temperature_warning = OVER_TEMPERATURE_WARNING,
		.under_temperature_warning = UNDER_TEMPERATURE_WARNING,
	};
}

u16 cmd_get_alert_configuration(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	const struct alert_config *a = &dev->alerts;

	mbox_put(out, 1, a->enabled);
	mbox_put(out, 1, ALERTS);
	mbox_put(out, 1, LIFE_USED_CRITICAL);
	mbox_put(out, 1, a->life_used_warning);
	mbox_put(out, 2, OVER_TEMPERATURE_CRITICAL);
	mbox_put(out, 2, UNDER_TEMPERATURE_CRITICAL);
	mbox_put(out, 2, a->over_temperature_warning);
	mbox_put(out, 2, a->under_temperature_warning);
	mbox_put(out, 2, a->volatile_errors_warning);
	mbox_put(out, 2, a->persistent_errors_warning);
	return CXL_SUCCESS;
}

u16 cmd_set_alert_configuration(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u8 valid = mbox_get(in, 1), enable = mbox_get(in, 1), life = mbox_get(in, 1);
	const struct health is = health_now(dev);
	struct alert_config a = dev->alerts;
	u8 before = additional_status(dev);
	s16 over, under;

	mbox_get(in, 1);
	over = mbox_get(in, 2);
	under = mbox_get(in, 2);
	if ((valid & ALERT_LIFE_USED) && life >= LIFE_USED_CRITICAL)
		return CXL_INVALID_INPUT;
	if ((valid & ALERT_OVER_TEMPERATURE) && over >= OVER_TEMPERATURE_CRITICAL)
		return CXL_INVALID_INPUT;
	if ((valid & ALERT_UNDER_TEMPERATURE) && under <= UNDER_TEMPERATURE_CRITICAL)
		return CXL_INVALID_INPUT;
	if (valid & ALERT_LIFE_USED)
		a.life_used_warning = life;
	if (valid & ALERT_OVER_TEMPERATURE)
		a.over_temperature_warning = over;
	if (valid & ALERT_UNDER_TEMPERATURE)
		a.under_temperature_warning = under;
	if (valid & ALERT_VOLATILE_ERRORS)
		a.volatile_errors_warning = mbox_get(in, 2);
	else
		mbox_get(in, 2);
	if (valid & ALERT_PERSISTENT_ERRORS)
		a.persistent_errors_warning = mbox_get(in, 2);
	else
		mbox_get(in, 2);
	a.enabled = (a.enabled & ~valid) | (enable & valid & ALERTS);
	dev->alerts = a;
	health_changed(dev, &is, before); /* a threshold that is crossed already */
	return CXL_SUCCESS;
}

u16 cmd_get_shutdown_state(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 1, dev->shutdown_state);
	return CXL_SUCCESS;
}

/* 0 clean, 1 dirty, the other bits are reserved. [CXL3.1 8.2.9.9.3.5] */
u16 cmd_set_shutdown_state(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u8 state = mbox_get(in, 1) & 1;

	if (state != dev->shutdown_state) {
		dev->shutdown_state = state;
		keep_store(dev);
	}
	return CXL_SUCCESS;
}

/* After every conventional reset the state is clean. A machine reset stands for one with GPF, which saves everything; a
 * link that goes down, or a slot's power, leaves no time for that. */
void shutdown_state_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	if (!dev->shutdown_state || !(reset_kind & RESETS_CONVENTIONAL))
		return;
	dev->dirty_shutdowns += reset_kind != RESET_WARM;
	dev->shutdown_state = 0;
	keep_store(dev);
}
