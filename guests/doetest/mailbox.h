/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One DOE mailbox, reached through sysfs config space or through the device file of guests/pcidoe. [PCIe6 6.30, 7.9.24]
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Register offsets from the capability's header, and bits. */
enum {
	DOE_CAP = 4,
	DOE_CONTROL = 8,
	DOE_STATUS = 12,
	DOE_WRITE = 16,
	DOE_READ = 20,
	CAP_INTERRUPT = 1,
	CONTROL_ABORT = 1,
	CONTROL_INTERRUPT = 2,
	STATUS_BUSY = 1,
	STATUS_INTERRUPT = 2,
	STATUS_ERROR = 4,
};
#define CONTROL_GO (1u << 31)
#define STATUS_READY (1u << 31)
#define DOE_DWORDS_MAX (1u << 18)

struct mailbox {
	int fd;
	bool config;     /* fd is config space; else a device file, which has no registers */
	unsigned offset; /* of the capability, with `config` */
	/* From Go of the last exchange, with `config`: to Data Object Ready, and to Interrupt Status, where that was
	 * clear; 0: it was not set. */
	uint64_t ready_ns, interrupt_ns;
};

/* Offset of the nth DOE capability, 0: there is none. */
unsigned mailbox_find(int config, unsigned nth);
bool mailbox_is_at(int config, unsigned offset);
uint32_t mailbox_get(const struct mailbox *m, unsigned reg);
void mailbox_put(const struct mailbox *m, unsigned reg, uint32_t value);
/* Abort, and waits until neither Busy, Error nor Ready is set: 0, or -ETIMEDOUT. */
int mailbox_abort(const struct mailbox *m);
/* Writes DWORDs as they are, sets Go, waits for Ready or Error (at most a second): the status register. */
uint32_t mailbox_send(struct mailbox *m, const uint32_t *dwords, size_t count);
/* One data object and its answer, without headers. Returns the answer's length in DWORDS (what is over `max` is read,
 * but not kept), or a negative errno: EIO Error was set, EPROTO the answer is malformed, ETIMEDOUT no answer. */
int mailbox_exchange(struct mailbox *m, uint16_t vendor, uint8_t type, const uint32_t *request, size_t count,
		     uint32_t *response, size_t max);

#endif
