/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SLD QoS Telemetry: what a device may tell the host in the DevLoad of its responses, and by which thresholds.
 * [CXL3.1 3.3.4, 8.2.9.9.8]
 *
 * The settings are kept and checked; no link is ever full here and no memory slows down, so there is nothing to tell:
 * the average congestion is 0. They are back at their defaults after every conventional and CXL reset. Machine lock.
 */
#include "cxl/type3.h"

void qos_reset(struct cxl_type3 *dev)
{
	dev->qos = (struct qos){.moderate = QOS_MODERATE, .severe = QOS_SEVERE, .interval = QOS_INTERVAL};
}

u16 cmd_get_qos_control(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 1, dev->qos.control);
	mbox_put(out, 1, dev->qos.moderate);
	mbox_put(out, 1, dev->qos.severe);
	mbox_put(out, 1, dev->qos.interval);
	return CXL_SUCCESS;
}

static bool is_percentage(u8 value)
{
	return value >= 1 && value <= 100;
}

u16 cmd_set_qos_control(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct qos qos = {.control = mbox_get(in, 1) & QOS_CAPABILITIES};

	qos.moderate = mbox_get(in, 1);
	qos.severe = mbox_get(in, 1);
	qos.interval = mbox_get(in, 1);
	if (!is_percentage(qos.moderate) || !is_percentage(qos.severe) || qos.interval > QOS_INTERVAL_MAX)
		return CXL_INVALID_INPUT;
	dev->qos = qos;
	return CXL_SUCCESS;
}

u16 cmd_get_qos_status(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 1, 0); /* average congestion, percent */
	return CXL_SUCCESS;
}
