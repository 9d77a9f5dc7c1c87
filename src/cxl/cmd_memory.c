/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory device command sets: identify, partitions, label storage area, health and alerts. [CXL3.1 8.2.9.9]
 * Media never lose data here, so health is always normal and the dirty shutdown count stays 0.
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
	static const char revision[16] = "cxlvm 1";

	mbox_put_bytes(out, revision, sizeof(revision));
	mbox_put(out, 8, (dev->volatile_bytes + dev->persistent_bytes) / CXL_CAPACITY_UNIT);
	mbox_put(out, 8, dev->volatile_bytes / CXL_CAPACITY_UNIT);
	mbox_put(out, 8, dev->persistent_bytes / CXL_CAPACITY_UNIT);
	mbox_put(out, 8, 0); /* partition alignment: nothing can be repartitioned */
	for (unsigned n = 0; n <= EVENT_FATAL; n++)
		mbox_put(out, 2, EVENT_LOG_RECORDS);
	mbox_put(out, 4, dev->lsa ? dev->lsa->size : 0);
	mbox_put(out, 3, POISON_LIST_RECORDS);
	mbox_put(out, 2, POISON_LIST_RECORDS); /* that can be injected */
	mbox_put(out, 1, BIT(1)); /* poison handling: scans for poison, injected poison does not persist */
	mbox_put(out, 1, 0);    /* QoS telemetry */
	mbox_put(out, 2, dev->dc ? EVENT_DYNAMIC_RECORDS : 0);
	return CXL_SUCCESS;
}

u16 cmd_get_partition_info(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 8, dev->volatile_bytes / CXL_CAPACITY_UNIT);
	mbox_put(out, 8, dev->persistent_bytes / CXL_CAPACITY_UNIT);
	mbox_put_zeros(out, 16); /* no change is pending */
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
	lsa_ready(dev, offset, length);
	memcpy(dev->lsa->host + offset, data, length);
	backend_flush(dev->lsa, offset, length);
	return CXL_SUCCESS;
}

u16 cmd_get_health_info(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 1, 0); /* health status: nothing needed */
	mbox_put(out, 1, 0); /* media status: normal */
	mbox_put(out, 1, 0); /* additional status: all normal */
	mbox_put(out, 1, 0); /* life used */
	mbox_put(out, 2, TEMPERATURE_NOW);
	mbox_put(out, 4, 0); /* dirty shutdown count */
	mbox_put(out, 4, 0); /* corrected volatile errors */
	mbox_put(out, 4, 0); /* corrected persistent errors */
	return CXL_SUCCESS;
}

void alerts_reset(struct cxl_type3 *dev)
{
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
	struct alert_config a = dev->alerts;
	s16 over, under;

	mbox_get(in, 1);
	over = mbox_get(in, 2);
	under = mbox_get(in, 2);
	if ((valid & ALERT_LIFE_USED) && (life == 0 || life >= LIFE_USED_CRITICAL))
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
	return CXL_SUCCESS;
}

u16 cmd_get_shutdown_state(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 1, dev->shutdown_state);
	return CXL_SUCCESS;
}

/* 0 clean, 1 dirty. [CXL3.1 8.2.9.9.3.5] */
u16 cmd_set_shutdown_state(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u8 state = mbox_get(in, 1);

	if (state > 1)
		return CXL_INVALID_INPUT;
	dev->shutdown_state = state;
	return CXL_SUCCESS;
}
