/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event logs: information, warning, failure, fatal, and dynamic capacity where the device has that. [CXL3.1 8.2.9.2]
 * Each keeps the oldest EVENT_LOG_RECORDS records; what comes later is counted as overflow until the host clears
 * something. The event status bit follows "the log is not empty", and the interrupt (policy: MSI-X of that log) is sent
 * when a log becomes non-empty. Records survive every reset but a cold one. Where firmware comes first, it has set the
 * policy of its logs to itself before the OS starts, and takes each record out as it comes. Machine lock.
 */
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define RECORD_LENGTH 16
#define RECORD_HANDLE 20
#define RECORD_TIMESTAMP 24
#define GET_RECORDS_HEADER 32

static const u8 log_vectors[EVENT_LOGS] = {VECTOR_EVENT_INFO, VECTOR_EVENT_WARNING, VECTOR_EVENT_FAILURE,
					   VECTOR_EVENT_FATAL, VECTOR_EVENT_INFO};

static unsigned records_of(enum cxl_event_log log)
{
	return log == EVENT_DYNAMIC ? EVENT_DYNAMIC_RECORDS : EVENT_LOG_RECORDS;
}

static unsigned logs_of(const struct cxl_type3 *dev)
{
	return dev->dc ? EVENT_LOGS : EVENT_DYNAMIC;
}

unsigned event_log_room(const struct cxl_type3 *dev, enum cxl_event_log log)
{
	return records_of(log) - dev->events[log].count;
}

/* With the records goes a message that tells of them and waits for its mask, unless it is another log's, too.
 * [PCIe5 6.1.4.5] */
static void show_status(struct cxl_type3 *dev, enum cxl_event_log which)
{
	devregs_set_event_status(&dev->mbox, which, dev->events[which].count);
	for (unsigned n = 0; n < EVENT_LOGS; n++)
		if (log_vectors[n] == log_vectors[which] && dev->events[n].count)
			return;
	pci_msix_withdraw(&dev->pci, log_vectors[which]);
}

static const struct cxl_firmware *firmware_of(const struct cxl_type3 *dev)
{
	return dev->host ? dev->host->config.firmware : NULL;
}

static bool firmware_takes(struct cxl_type3 *dev, enum cxl_event_log which, const u8 *record)
{
	const struct cxl_firmware *firmware = firmware_of(dev);

	return firmware && (dev->events[which].policy & EVENT_IRQ_MODE) == EVENT_IRQ_FIRMWARE &&
	       firmware->event(firmware->opaque, &dev->pci.dev, which, record);
}

void event_add(struct cxl_type3 *dev, enum cxl_event_log which, const u8 record[EVENT_RECORD_BYTES])
{
	struct event_log *log = &dev->events[which];
	u64 now = type3_timestamp(dev);
	u8 *to;

	if (!event_log_room(dev, which)) {
		if (!log->overflow_count)
			log->overflow_first = now;
		log->overflow_last = now;
		if (log->overflow_count < UINT16_MAX)
			log->overflow_count++;
		trace(CXL, "%s: event log %u overflows", dev->name, which);
		return;
	}
	to = log->records[log->count];
	memcpy(to, record, EVENT_RECORD_BYTES);
	if (!++log->next_handle)
		log->next_handle = 1;
	log->handles[log->count] = log->next_handle;
	to[RECORD_LENGTH] = EVENT_RECORD_BYTES;
	store_le(to + RECORD_HANDLE, 2, log->next_handle);
	store_le(to + RECORD_TIMESTAMP, 8, now);
	trace(CXL, "%s: event record %u in log %u", dev->name, log->next_handle, which);
	if (firmware_takes(dev, which, to))
		return;
	if (log->count++)
		return;
	devregs_set_event_status(&dev->mbox, which, true);
	if ((log->policy & EVENT_IRQ_MODE) == EVENT_IRQ_MSI && pci_msix_is_enabled(&dev->pci))
		pci_msix_notify(&dev->pci, log_vectors[which]);
}

void event_report(struct cxl_type3 *dev, enum cxl_event_log which, u8 record[EVENT_RECORD_BYTES])
{
	record[EVENT_RECORD_FLAGS] = (record[EVENT_RECORD_FLAGS] & ~EVENT_SEVERITY) | which;
	event_add(dev, which, record);
}

void events_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	for (unsigned n = 0; n < EVENT_LOGS; n++) {
		struct event_log *log = &dev->events[n];

		if (reset_kind == RESET_COLD)
			*log = (struct event_log){0};
		log->policy = firmware_of(dev) && n != EVENT_DYNAMIC ? EVENT_IRQ_FIRMWARE : 0;
		if (dev->mbox.registers.store)
			devregs_set_event_status(&dev->mbox, n, log->count > 0);
	}
}

/* Offers of dynamic capacity wait for answers: their records stay. */
void events_forget(struct cxl_type3 *dev)
{
	for (unsigned n = 0; n < EVENT_DYNAMIC; n++) {
		struct event_log *log = &dev->events[n];

		*log = (struct event_log){.next_handle = log->next_handle, .policy = log->policy};
		show_status(dev, n);
	}
}

u16 cmd_get_event_records(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	unsigned which = mbox_get(in, 1), fit, given;
	const struct event_log *log;

	if (which >= logs_of(dev))
		return CXL_INVALID_INPUT;
	log = &dev->events[which];
	fit = (out->room - GET_RECORDS_HEADER) / EVENT_RECORD_BYTES;
	given = MIN(fit, log->count);
	mbox_put(out, 1, (log->overflow_count ? EVENT_FLAG_OVERFLOW : 0) | (given < log->count ? EVENT_FLAG_MORE : 0));
	mbox_put(out, 1, 0);
	mbox_put(out, 2, log->overflow_count);
	mbox_put(out, 8, log->overflow_first);
	mbox_put(out, 8, log->overflow_last);
	mbox_put(out, 2, given);
	mbox_put_zeros(out, 10);
	for (unsigned n = 0; n < given; n++)
		mbox_put_bytes(out, log->records[n], EVENT_RECORD_BYTES);
	return CXL_SUCCESS;
}

static void clear_oldest(struct cxl_type3 *dev, unsigned which, unsigned count)
{
	struct event_log *log = &dev->events[which];

	memmove(log->records[0], log->records[count], (log->count - count) * EVENT_RECORD_BYTES);
	memmove(log->handles, log->handles + count, (log->count - count) * sizeof(log->handles[0]));
	log->count -= count;
	if (count) {
		log->overflow_count = 0;
		log->overflow_first = log->overflow_last = 0;
	}
	show_status(dev, which);
}

/* Handles must be the oldest ones in their order; Clear All needs an overflow. */
u16 cmd_clear_event_records(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	unsigned which = mbox_get(in, 1), flags = mbox_get(in, 1), count = mbox_get(in, 1);
	struct event_log *log;

	mbox_get_bytes(in, 3);
	if (which >= logs_of(dev))
		return CXL_INVALID_INPUT;
	log = &dev->events[which];
	if (flags & EVENT_CLEAR_ALL) {
		if (!log->overflow_count)
			return CXL_INVALID_INPUT;
		clear_oldest(dev, which, log->count);
		return CXL_SUCCESS;
	}
	if (mbox_left(in) != count * 2)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (!count)
		return CXL_INVALID_INPUT;
	for (unsigned n = 0; n < count; n++)
		if (n >= log->count || mbox_get(in, 2) != log->handles[n])
			return CXL_INVALID_HANDLE;
	clear_oldest(dev, which, count);
	return CXL_SUCCESS;
}

/* One byte per log: mode in 1:0, message number in 7:4: ours of MSI-X, software's of firmware. A fifth byte, of dynamic
 * capacity, reads 0 without it. */
u16 cmd_get_event_interrupt_policy(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	for (unsigned n = 0; n < logs_of(dev); n++) {
		u8 mode = dev->events[n].policy & EVENT_IRQ_MODE;

		mbox_put(out, 1, mode == EVENT_IRQ_MSI ? mode | log_vectors[n] << 4 : dev->events[n].policy);
	}
	if (!dev->dc)
		mbox_put(out, 1, 0);
	return CXL_SUCCESS;
}

u16 cmd_set_event_interrupt_policy(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	unsigned given = MIN(mbox_left(in), (unsigned)EVENT_LOGS), count = logs_of(dev);
	const u8 *bytes = mbox_get_bytes(in, given);
	u8 modes[EVENT_LOGS] = {0}; /* four bytes: the fifth is 0 then [CXL3.1 8.2.9] */

	if (!bytes)
		return CXL_INVALID_PAYLOAD_LENGTH;
	memcpy(modes, bytes, given);
	/* Reserved modes; firmware has no interest in dynamic capacity. */
	for (unsigned n = 0; n < count; n++)
		if ((modes[n] & EVENT_IRQ_MODE) == EVENT_IRQ_MODE ||
		    (n == EVENT_DYNAMIC && (modes[n] & EVENT_IRQ_MODE) == EVENT_IRQ_FIRMWARE))
			return CXL_INVALID_INPUT;
	for (unsigned n = 0; n < count; n++) {
		u8 mode = modes[n] & EVENT_IRQ_MODE;

		dev->events[n].policy = mode | (mode == EVENT_IRQ_FIRMWARE ? modes[n] & EVENT_IRQ_MESSAGE : 0);
	}
	return CXL_SUCCESS;
}
