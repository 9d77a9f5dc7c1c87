/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data Object Exchange: a mailbox in configuration space. [PCIe6 6.30, 7.9.24]
 *
 * Software writes an object DWORD by DWORD to the Write Data Mailbox and sets Go; the answer is read from the Read Data
 * Mailbox, each DWORD confirmed by a write of any value. An object whose header has another length than what was
 * written, or a type that is not there, is thrown away without a word; what is longer than its protocol has it counts
 * up to there [PCIe6 6.30.1]. Discovery is built in: index 0 is itself. There are no asynchronous messages, which could
 * carry nothing but CMA-SPDM objects, and there is no attention mechanism: their capability bits are 0.
 *
 * States: idle (collecting), busy (a timer runs, in guest time; nothing has been looked at, so Abort undoes all), ready
 * (Data Object Ready, `response` being read), error (until Abort). With a delay of 0, as by default, answers are ready
 * at once. What cannot be answered otherwise sets Error, as does a DWORD too many or in parts. Ready, Error, and the
 * end of Busy interrupt, once until Interrupt Status is cleared. A request whose work ends in a reset of its own
 * function, as an error that a port contains does, has no answer. The registers in the config store are always current,
 * so reads need no hook; pci_config_write calls here after a write. Under the machine lock.
 */
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"

#include "pci/parts.h"
#include "base/conformance.h"

struct doe {
	struct doe *next;
	struct pci_dev *dev;
	u16 at;
	bool interrupt;
	u16 vector;
	const struct doe_protocol *protocols;
	unsigned count;
	void *opaque;
	u64 delay_ns; /* of an answer; 0: none */
	struct timer timer;
	bool enabled; /* interrupts, as last written */
	u32 resets;   /* so far: one may come of what a request does */
	/* guest-visible state */
	u32 request_dwords;  /* written so far */
	u32 response_dwords; /* of the object being read; 0: none */
	u32 response_next;   /* index of the DWORD in the Read Data Mailbox */
	u32 request[DOE_OBJECT_DWORDS_MAX];
	u32 response[DOE_OBJECT_DWORDS_MAX];
};

static void doe_answer(void *opaque);

static u32 doe_get(const struct doe *doe, u32 offset)
{
	return regs_get(&doe->dev->config, doe->at + offset, 4);
}

static void doe_set(struct doe *doe, u32 offset, u32 value)
{
	regs_set(&doe->dev->config, doe->at + offset, 4, value);
}

/* The message number is that of MSI-X or, without it, follows the messages that software gave. */
static void doe_number(struct doe *doe)
{
	u32 vector = doe->dev->msix.count ? doe->vector : pci_msi_message(doe->dev, doe->vector);

	if (doe->interrupt)
		doe_set(doe, DOE_CAP, 1 | (vector & 0x7ff) << 1);
}

struct doe *pci_doe_add(struct pci_dev *dev, u16 at, bool interrupt, u16 vector, const struct doe_protocol *protocols,
			unsigned count, void *opaque)
{
	struct doe *doe = calloc(1, sizeof(*doe));
	const struct reg rows[] = {
		R32(DOE_CAP, DOE_CAP, 0, 0),
		R32(DOE_CTRL, DOE_CTRL, 0, DOE_CTRL_GO | DOE_CTRL_ABORT | (interrupt ? DOE_CTRL_INTERRUPT : 0),
		    .unimp = DOE_CTRL_ATTENTION_OFF | DOE_CTRL_ASYNC),
		R32(DOE_STATUS, DOE_STATUS, 0, 0, .w1c = DOE_STATUS_INTERRUPT),
		R32(DOE_WRITE, DOE_WRITE, 0, 0xffffffff),
		R32(DOE_READ, DOE_READ, 0, 0),
	};

	assert(doe && count < 255);
	doe->dev = dev;
	doe->interrupt = interrupt;
	doe->vector = vector;
	doe->protocols = protocols;
	doe->count = count;
	doe->opaque = opaque;
	doe->at = pci_ext_cap_add(dev, PCI_EXT_CAP_DOE, 1, at, DOE_BYTES, rows, ARRAY_SIZE(rows));
	doe->next = dev->does;
	dev->does = doe;
	doe_number(doe);
	return doe;
}

void pci_doe_set_delay(struct doe *doe, u64 delay_ns)
{
	doe->delay_ns = delay_ns;
	timer_init(&doe->timer, doe->dev->loop, doe_answer, doe);
}

static void doe_stop(struct doe *doe)
{
	if (doe->timer.loop)
		timer_set(&doe->timer, TIMER_OFF);
}

void pci_doe_free(struct doe *doe)
{
	if (!doe)
		return;
	doe_stop(doe);
	for (struct doe **d = &doe->dev->does; *d; d = &(*d)->next)
		if (*d == doe) {
			*d = doe->next;
			break;
		}
	free(doe);
}

static bool is_busy(const struct doe *doe)
{
	return doe_get(doe, DOE_STATUS) & DOE_STATUS_BUSY;
}

/* A message goes when Interrupt Status and Interrupt Enable become both 1, whichever was first. [PCIe6 6.30.3] */
static void doe_notify(struct doe *doe)
{
	if (pci_msix_is_enabled(doe->dev))
		pci_msix_notify(doe->dev, doe->vector);
	else
		pci_msi_notify(doe->dev, doe->vector);
}

static void doe_withdraw(struct doe *doe)
{
	if (doe_get(doe, DOE_STATUS) & DOE_STATUS_INTERRUPT)
		return;
	pci_msix_withdraw(doe->dev, doe->vector);
	pci_msi_withdraw(doe->dev, doe->vector);
}

static void doe_interrupt(struct doe *doe)
{
	u32 status = doe_get(doe, DOE_STATUS);

	if (!doe->interrupt || (status & DOE_STATUS_INTERRUPT))
		return;
	doe_set(doe, DOE_STATUS, status | DOE_STATUS_INTERRUPT);
	if (doe->enabled)
		doe_notify(doe);
}

static void doe_forget(struct doe *doe)
{
	doe->request_dwords = doe->response_dwords = doe->response_next = 0;
	doe_set(doe, DOE_WRITE, 0);
	doe_set(doe, DOE_READ, 0);
}

static void doe_fail(struct doe *doe, const char *why)
{
	guest_error(DOE_OBJECT, "%s: DOE at 0x%x: %s", doe->dev->config.name, doe->at, why);
	doe_forget(doe);
	doe_set(doe, DOE_STATUS, (doe_get(doe, DOE_STATUS) | DOE_STATUS_ERROR) & ~DOE_STATUS_READY);
	doe_interrupt(doe);
}

static void doe_discard(struct doe *doe, const char *why)
{
	guest_error(DOE_OBJECT, "%s: DOE at 0x%x: %s", doe->dev->config.name, doe->at, why);
	doe_forget(doe);
}

/* [PCIe6 6.30.1.1] Request: index in bits 7:0. Response: vendor, type, next index or 0. */
static u32 doe_discovery(struct doe *doe)
{
	u32 index = doe->request[2] & 0xff, next = index < doe->count ? index + 1 : 0;

	if (index == 0)
		doe->response[2] = DOE_DISCOVERY_VENDOR | DOE_DISCOVERY_TYPE << 16 | next << 24;
	else if (index <= doe->count)
		doe->response[2] = doe->protocols[index - 1].vendor | doe->protocols[index - 1].type << 16 | next << 24;
	else
		doe->response[2] = 0xffff;
	return 3;
}

static void doe_dispatch(struct doe *doe)
{
	u16 vendor = doe->request[0] & 0xffff;
	u8 type = doe->request[0] >> 16;
	u32 length = doe->request[1] & DOE_LENGTH_MASK, answer = 0, resets = doe->resets;

	if (doe->request_dwords < 2)
		return doe_discard(doe, "an object without a whole header");
	if ((length ? length : DOE_LENGTH_MASK + 1) != doe->request_dwords)
		return doe_discard(doe, "the length in the header is not what was written");
	if (vendor == DOE_DISCOVERY_VENDOR && type == DOE_DISCOVERY_TYPE) {
		if (length < 3)
			return doe_fail(doe, "a discovery request is 3 DWORDs");
		answer = doe_discovery(doe);
	} else {
		const struct doe_protocol *p = NULL;

		for (unsigned n = 0; n < doe->count && !p; n++)
			if (doe->protocols[n].vendor == vendor && doe->protocols[n].type == type)
				p = &doe->protocols[n];
		if (!p)
			return doe_discard(doe, "no such protocol");
		if (length < p->request_dwords_min)
			return doe_fail(doe, "the request is shorter than its protocol has it");
		answer =
			p->answer(doe->opaque, doe->request, doe->request_dwords, doe->response, DOE_OBJECT_DWORDS_MAX);
		assert(answer <= DOE_OBJECT_DWORDS_MAX);
		if (doe->resets != resets)
			return;
	}
	trace(MBOX, "%s: DOE %04x:%02x, %u DWORDs, answer %u", doe->dev->config.name, vendor, type, length, answer);
	if (answer < 2)
		return doe_fail(doe, "the request has no answer");
	doe->response[0] = vendor | (u32)type << 16;
	doe->response[1] = answer & DOE_LENGTH_MASK;
	doe_forget(doe);
	doe->response_dwords = answer;
	doe_set(doe, DOE_READ, doe->response[0]);
	doe_set(doe, DOE_STATUS, doe_get(doe, DOE_STATUS) | DOE_STATUS_READY);
	doe_interrupt(doe);
}

static void doe_answer(void *opaque)
{
	struct doe *doe = opaque;
	u32 resets = doe->resets;

	if (!is_busy(doe))
		return;
	doe_set(doe, DOE_STATUS, doe_get(doe, DOE_STATUS) & ~DOE_STATUS_BUSY);
	doe_dispatch(doe);
	if (doe->resets == resets)
		doe_interrupt(doe);
}

static void doe_go(struct doe *doe)
{
	if (!doe->delay_ns)
		return doe_dispatch(doe);
	doe_set(doe, DOE_STATUS, doe_get(doe, DOE_STATUS) | DOE_STATUS_BUSY);
	timer_set(&doe->timer, loop_now(doe->dev->loop) + doe->delay_ns);
}

static void doe_control(struct doe *doe, u32 now)
{
	u32 status = doe_get(doe, DOE_STATUS);

	doe_set(doe, DOE_CTRL, now & DOE_CTRL_INTERRUPT); /* Go and Abort read 0 */
	if (!doe->enabled && (now & DOE_CTRL_INTERRUPT) && (status & DOE_STATUS_INTERRUPT))
		doe_notify(doe);
	doe->enabled = now & DOE_CTRL_INTERRUPT;
	if (now & DOE_CTRL_ABORT) {
		doe_forget(doe);
		doe_stop(doe);
		doe_set(doe, DOE_STATUS, status & DOE_STATUS_INTERRUPT);
		if (status & DOE_STATUS_BUSY)
			doe_interrupt(doe);
		return;
	}
	if (!(now & DOE_CTRL_GO))
		return;
	if (status & (DOE_STATUS_BUSY | DOE_STATUS_ERROR | DOE_STATUS_READY))
		guest_error(DOE_GO, "%s: DOE at 0x%x: Go while %s is set", doe->dev->config.name, doe->at,
			    status & DOE_STATUS_BUSY  ? "Busy" :
			    status & DOE_STATUS_ERROR ? "Error" :
							"Data Object Ready");
	else
		doe_go(doe);
}

static void doe_collect(struct doe *doe, bool whole)
{
	u32 value = doe_get(doe, DOE_WRITE);

	doe_set(doe, DOE_WRITE, 0); /* reads 0 [PCIe6 7.9.24.5] */
	if (doe_get(doe, DOE_STATUS) & DOE_STATUS_ERROR)
		return;
	if (is_busy(doe)) {
		guest_error(DOE_BUSY, "%s: DOE at 0x%x: written while Busy is set", doe->dev->config.name, doe->at);
		return;
	}
	if (!whole)
		doe_fail(doe, "the mailbox is written by DWORDs");
	else if (doe->request_dwords == DOE_OBJECT_DWORDS_MAX)
		doe_fail(doe, "an object longer than the mailbox takes");
	else
		doe->request[doe->request_dwords++] = value;
}

static void doe_confirm(struct doe *doe)
{
	if (!(doe_get(doe, DOE_STATUS) & DOE_STATUS_READY)) {
		guest_error(DOE_EMPTY, "%s: DOE at 0x%x: read mailbox is empty", doe->dev->config.name, doe->at);
		return;
	}
	if (++doe->response_next < doe->response_dwords) {
		doe_set(doe, DOE_READ, doe->response[doe->response_next]);
		return;
	}
	doe->response_dwords = doe->response_next = 0;
	doe_set(doe, DOE_READ, 0);
	doe_set(doe, DOE_STATUS, doe_get(doe, DOE_STATUS) & ~DOE_STATUS_READY);
}

/* Whether the write touched any byte of the register. */
static bool touched(const struct doe *doe, u32 reg, u32 offset, unsigned size)
{
	return offset < doe->at + reg + 4u && offset + size > doe->at + reg;
}

static bool covered(const struct doe *doe, u32 reg, u32 offset, unsigned size)
{
	return offset <= doe->at + reg && offset + size >= doe->at + reg + 4u;
}

void pci_does_written(struct pci_dev *dev, u32 offset, unsigned size)
{
	for (struct doe *doe = dev->does; doe; doe = doe->next) {
		doe_number(doe);
		if (touched(doe, DOE_STATUS, offset, size))
			doe_withdraw(doe);
		if (touched(doe, DOE_CTRL, offset, size))
			doe_control(doe, doe_get(doe, DOE_CTRL));
		if (touched(doe, DOE_WRITE, offset, size))
			doe_collect(doe, covered(doe, DOE_WRITE, offset, size));
		if (touched(doe, DOE_READ, offset, size))
			doe_confirm(doe);
	}
}

void pci_doe_reset(struct doe *doe)
{
	doe->resets++;
	doe_forget(doe);
	doe_stop(doe);
	doe_set(doe, DOE_CTRL, 0);
	doe->enabled = false;
	doe_set(doe, DOE_STATUS, 0);
	doe_number(doe);
}

void pci_does_reset(struct pci_dev *dev)
{
	for (struct doe *doe = dev->does; doe; doe = doe->next)
		pci_doe_reset(doe);
}
