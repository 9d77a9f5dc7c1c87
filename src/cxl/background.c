/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Background operations: what a command leaves behind after its doorbell. [CXL3.1 8.2.8.4.5.2, 8.2.9.1.5] One at a
 * time; a second gets Busy. They take guest time and no host time: a timer ends them, and the percentage is the time
 * gone by. The end sets Background Command Status, clears Background Operation in Mailbox Status, and interrupts if
 * asked to. An operation that can be aborted ends with Aborted; Sanitize cannot, and goes on over all resets but a cold
 * one. Machine lock.
 */
#include "base/loop.h"
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

static u64 now(const struct cxl_type3 *dev)
{
	return dev->pci.loop ? loop_now(dev->pci.loop) : 0;
}

static void background_end(struct cxl_type3 *dev, u16 code)
{
	struct background *b = &dev->background;
	void (*done)(struct cxl_type3 * dev, u16 code) = b->done;
	u64 status;

	b->percent = code == CXL_SUCCESS ? 100 : bits(background_status(dev), 22, 16);
	b->is_running = false;
	b->code = code;
	b->done = NULL;
	timer_set(&b->timer, TIMER_OFF);
	if (done)
		done(dev, code);
	trace(MBOX, "%s: background operation %04xh ended at %u %%, return code %u", dev->name, b->opcode, b->percent,
	      code);
	status = regs_get(&dev->mbox.registers, MAILBOX_STATUS, 8);
	regs_set(&dev->mbox.registers, MAILBOX_STATUS, 8, status & ~MAILBOX_STATUS_BACKGROUND);
	if ((regs_get(&dev->mbox.registers, MAILBOX_CTRL, 4) & MAILBOX_CTRL_BACKGROUND_IRQ) &&
	    pci_msix_is_enabled(&dev->pci))
		pci_msix_notify(&dev->pci, VECTOR_MAILBOX);
}

static void background_fire(void *opaque)
{
	struct cxl_type3 *dev = opaque;

	if (dev->background.is_running)
		background_end(dev, CXL_SUCCESS);
}

void background_init(struct cxl_type3 *dev)
{
	if (dev->pci.loop)
		timer_init(&dev->background.timer, dev->pci.loop, background_fire, dev);
}

void background_fini(struct cxl_type3 *dev)
{
	if (dev->background.timer.loop)
		timer_set(&dev->background.timer, TIMER_OFF);
}

u16 background_start(struct cxl_type3 *dev, u16 opcode, u64 duration_ns, bool can_abort,
		     void (*done)(struct cxl_type3 *dev, u16 code))
{
	struct background *b = &dev->background;

	if (b->is_running)
		return CXL_BUSY;
	b->is_running = true;
	b->opcode = opcode;
	b->code = CXL_SUCCESS;
	b->started = now(dev);
	b->duration = MAX(duration_ns, 1ull);
	b->can_abort = can_abort;
	b->done = done;
	timer_set(&b->timer, b->started + b->duration);
	return CXL_BACKGROUND_STARTED;
}

u64 background_status(const struct cxl_type3 *dev)
{
	const struct background *b = &dev->background;
	u64 percent = b->percent;

	if (b->is_running)
		percent = MIN((now(dev) - b->started) / (b->duration / 100 + 1), 99ull);
	return b->opcode | percent << 16 | (u64)b->code << 32;
}

u16 cmd_abort_background(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct background *b = &dev->background;

	if (!b->is_running)
		return CXL_SUCCESS; /* it is over already [CXL3.1 8.2.9.1.5] */
	if (!b->can_abort)
		return CXL_ABORT_NOT_SUPPORTED;
	background_end(dev, CXL_ABORTED);
	return CXL_SUCCESS;
}

void background_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	struct background *b = &dev->background;

	if (b->is_running && (b->can_abort || reset_kind == RESET_COLD)) {
		void (*done)(struct cxl_type3 * dev, u16 code) = b->done;

		b->is_running = false;
		b->done = NULL;
		timer_set(&b->timer, TIMER_OFF);
		if (done)
			done(dev, CXL_ABORTED);
	}
	if (b->is_running)
		regs_set(&dev->mbox.registers, MAILBOX_STATUS, 8, MAILBOX_STATUS_BACKGROUND);
	else
		b->opcode = b->code = b->percent = 0;
}
