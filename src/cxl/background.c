/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Background operations: what a command leaves behind after its doorbell. [CXL3.1 8.2.8.4.5.2, 8.2.9.1.5] One at a
 * time; a second gets Busy. They take guest time and no host time: a timer ends them, and the percentage is the time
 * gone by; who looks before the timer has run, or gives a command, ends it. One that waits for somebody has no duration
 * and stays at 0 percent. The end sets Background Command Status and interrupts if asked to; Background Operation in
 * Mailbox Status is worked out when it is read. An operation that can be aborted ends with Aborted; Sanitize cannot.
 * None goes on over a reset. Machine lock.
 */
#include "base/loop.h"
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

static u64 now(const struct background *b)
{
	return b->timer.loop ? loop_now(b->timer.loop) : 0;
}

static void background_end(struct background *b, u16 code)
{
	void (*done)(void *owner, u16 code) = b->done;
	struct mailbox *mbox = b->mbox;

	b->percent = code == CXL_SUCCESS ? 100 : bits(background_status(b), 22, 16);
	b->is_running = false;
	b->code = code;
	b->done = NULL;
	timer_set(&b->timer, TIMER_OFF);
	if (done)
		done(b->owner, code);
	trace(MBOX, "%s: background operation %04xh ended at %u %%, return code %u", mbox->cci.name, b->opcode,
	      b->percent, code);
	if ((regs_get(&mbox->registers, MAILBOX_CTRL, 4) & MAILBOX_CTRL_BACKGROUND_IRQ) &&
	    pci_msix_is_enabled(mbox->pci))
		pci_msix_notify(mbox->pci, mbox->vector);
}

static void background_fire(void *opaque)
{
	struct background *b = opaque;

	if (b->is_running)
		background_end(b, CXL_SUCCESS);
}

void background_look(struct background *b)
{
	if (b->is_running && now(b) - b->started >= b->duration)
		background_end(b, CXL_SUCCESS);
}

void background_init(struct background *b, struct mailbox *mbox, void *owner)
{
	b->mbox = mbox;
	b->owner = owner;
	if (mbox->pci->loop)
		timer_init(&b->timer, mbox->pci->loop, background_fire, b);
}

void background_fini(struct background *b)
{
	if (b->timer.loop)
		timer_set(&b->timer, TIMER_OFF);
}

u16 background_start(struct background *b, u16 opcode, u64 duration_ns, bool can_abort,
		     void (*done)(void *owner, u16 code))
{
	if (b->is_running)
		return CXL_BUSY;
	b->is_running = true;
	b->opcode = opcode;
	b->code = CXL_SUCCESS;
	b->started = now(b);
	b->duration = MAX(duration_ns, 1ull);
	b->can_abort = can_abort;
	b->done = done;
	timer_set(&b->timer, duration_ns == BACKGROUND_OPEN ? TIMER_OFF : b->started + b->duration);
	return CXL_BACKGROUND_STARTED;
}

void background_finish(struct background *b)
{
	if (b->is_running)
		timer_set(&b->timer, now(b));
}

u64 background_status(const struct background *b)
{
	u64 percent = b->percent;

	if (b->is_running)
		percent = MIN((now(b) - b->started) / (b->duration / 100 + 1), 99ull);
	return b->opcode | percent << 16 | (u64)b->code << 32;
}

u16 background_abort(struct background *b)
{
	if (!b->is_running)
		return CXL_SUCCESS; /* it is over already [CXL3.1 8.2.9.1.5] */
	if (!b->can_abort)
		return CXL_ABORT_NOT_SUPPORTED;
	background_end(b, CXL_ABORTED);
	return CXL_SUCCESS;
}

u16 cmd_abort_background(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	return background_abort(&dev->background);
}

void background_reset(struct background *b, unsigned reset_kind)
{
	void (*done)(void *owner, u16 code) = b->is_running ? b->done : NULL;

	if (b->is_running) {
		b->percent = bits(background_status(b), 22, 16);
		b->code = CXL_ABORTED;
	}
	b->is_running = false;
	b->done = NULL;
	if (reset_kind & RESETS_CONVENTIONAL) /* the last one since that [CXL3.1 8.2.8.4.7] */
		b->opcode = b->code = b->percent = 0;
	if (b->timer.loop)
		timer_set(&b->timer, TIMER_OFF);
	if (done)
		done(b->owner, CXL_ABORTED);
}
