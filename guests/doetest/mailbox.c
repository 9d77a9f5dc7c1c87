/* SPDX-License-Identifier: BSD-2-Clause */
/* A DOE mailbox by polling of its registers, or by the driver's ioctl. */
#include "mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../pcidoe/pcidoe.h"

#define SECOND 1000000000ull
#define EXTENDED_FIRST 0x100
#define EXTENDED_DOE 0x2e

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint32_t config_get(int config, unsigned at)
{
	uint32_t value = 0xffffffff; /* as of a function that does not answer */

	if (pread(config, &value, 4, at) != 4)
		return 0xffffffff;
	return value;
}

bool mailbox_is_at(int config, unsigned offset)
{
	uint32_t header = offset >= EXTENDED_FIRST && !(offset & 3) ? config_get(config, offset) : 0;

	return (header & 0xffff) == EXTENDED_DOE;
}

unsigned mailbox_find(int config, unsigned nth)
{
	unsigned at = EXTENDED_FIRST;

	/* Bounded: a chain may be broken. */
	for (unsigned tries = 0; tries < 1024 && at >= EXTENDED_FIRST && !(at & 3); tries++) {
		uint32_t header = config_get(config, at);

		if (!header || header == 0xffffffff)
			return 0;
		if ((header & 0xffff) == EXTENDED_DOE && nth-- == 0)
			return at;
		at = header >> 20;
	}
	return 0;
}

uint32_t mailbox_get(const struct mailbox *m, unsigned reg)
{
	return config_get(m->fd, m->offset + reg);
}

void mailbox_put(const struct mailbox *m, unsigned reg, uint32_t value)
{
	/* A write that fails shows as a time-out. */
	if (pwrite(m->fd, &value, 4, m->offset + reg) != 4)
		return;
}

int mailbox_abort(const struct mailbox *m)
{
	uint32_t interrupt = mailbox_get(m, DOE_CONTROL) & CONTROL_INTERRUPT;
	uint64_t start = now();

	mailbox_put(m, DOE_CONTROL, CONTROL_ABORT | interrupt);
	while (mailbox_get(m, DOE_STATUS) & (STATUS_BUSY | STATUS_ERROR | STATUS_READY))
		if (now() - start > SECOND)
			return -ETIMEDOUT;
	return 0;
}

uint32_t mailbox_send(struct mailbox *m, const uint32_t *dwords, size_t count)
{
	uint32_t interrupt = mailbox_get(m, DOE_CONTROL) & CONTROL_INTERRUPT, status;
	uint64_t start;

	for (size_t n = 0; n < count; n++)
		mailbox_put(m, DOE_WRITE, dwords[n]);
	m->interrupt_ns = 0;
	start = now();
	mailbox_put(m, DOE_CONTROL, CONTROL_GO | interrupt);
	do {
		status = mailbox_get(m, DOE_STATUS);
		if ((status & STATUS_INTERRUPT) && !m->interrupt_ns)
			m->interrupt_ns = now() - start;
	} while (!(status & (STATUS_READY | STATUS_ERROR)) && now() - start < SECOND);
	m->ready_ns = now() - start;
	return status;
}

/* Each DWORD is confirmed by a write. False: the mailbox says that it has none; what is read then is 0. */
static bool take(struct mailbox *m, uint32_t *value)
{
	if ((mailbox_get(m, DOE_STATUS) & (STATUS_READY | STATUS_ERROR)) != STATUS_READY)
		return false;
	*value = mailbox_get(m, DOE_READ);
	mailbox_put(m, DOE_READ, 0);
	return true;
}

/* The answer without its headers: its length, or -EPROTO if it is not of this protocol or not as long as it says. */
static int take_object(struct mailbox *m, uint32_t protocol, uint32_t *response, size_t max)
{
	uint32_t header, length;

	if (!take(m, &header) || !take(m, &length) || (header & 0xffffff) != protocol)
		return -EPROTO;
	length &= DOE_DWORDS_MAX - 1;
	length = length ? length : DOE_DWORDS_MAX;
	if (length < 2)
		return -EPROTO;
	for (size_t n = 0; n < length - 2; n++) {
		uint32_t value;

		if (!take(m, &value))
			return -EPROTO;
		if (n < max)
			response[n] = value;
	}
	return mailbox_get(m, DOE_STATUS) & (STATUS_READY | STATUS_ERROR) ? -EPROTO : (int)(length - 2);
}

static int by_registers(struct mailbox *m, uint16_t vendor, uint8_t type, const uint32_t *request, size_t count,
			uint32_t *response, size_t max)
{
	uint32_t object[2 + count], status;
	int got;

	object[0] = vendor | (uint32_t)type << 16;
	object[1] = (uint32_t)(2 + count) & (DOE_DWORDS_MAX - 1);
	memcpy(object + 2, request, count * 4);
	status = mailbox_get(m, DOE_STATUS);
	if ((status & (STATUS_BUSY | STATUS_ERROR | STATUS_READY)) && mailbox_abort(m))
		return -EBUSY;
	status = mailbox_send(m, object, 2 + count);
	if (status & STATUS_ERROR)
		got = -EIO;
	else if (!(status & STATUS_READY))
		got = -ETIMEDOUT;
	else
		got = take_object(m, object[0], response, max);
	if (got < 0)
		mailbox_abort(m);
	return got;
}

int mailbox_exchange(struct mailbox *m, uint16_t vendor, uint8_t type, const uint32_t *request, size_t count,
		     uint32_t *response, size_t max)
{
	struct pcidoe_exchange e = {
		.vendor = vendor,
		.type = type,
		.request = (uint64_t)(uintptr_t)request,
		.response = (uint64_t)(uintptr_t)response,
		.request_bytes = (uint32_t)count * 4,
		.response_bytes = (uint32_t)max * 4,
	};

	if (m->config)
		return by_registers(m, vendor, type, request, count, response, max);
	return ioctl(m->fd, PCIDOE_EXCHANGE, &e) ? -errno : (int)(e.response_bytes / 4);
}
