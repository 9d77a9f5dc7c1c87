/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL031 real-time clock: a 32-bit count of seconds and an alarm. [DDI0224]
 *
 * The count is guest time (loop_now) plus an offset that LR sets; it goes on through a machine reset, as a
 * battery-backed clock does. It is always enabled (CR reads 1). The match interrupt is a timer for the second at
 * which the count equals MR, armed when MR or LR is written. Machine lock held.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "dev/platform.h"
#include "dev/primecell.h"

#define RTCDR 0x00
#define RTCMR 0x04
#define RTCLR 0x08
#define RTCCR 0x0c
#define RTCIMSC 0x10
#define RTCRIS 0x14
#define RTCMIS 0x18
#define RTCICR 0x1c

#define SECOND_NS 1000000000ull

struct pl031 {
	/* parts */
	struct space *space;
	struct loop *loop;
	struct line line;
	struct regs regs;
	struct region region;
	struct timer match;
	/* state */
	u64 offset_s; /* count less seconds of guest time */
	bool ris;
};

u64 pl031_now_s(struct pl031 *rtc)
{
	return rtc->offset_s + loop_now(rtc->loop) / SECOND_NS;
}

static void update_line(struct pl031 *rtc)
{
	line_set(&rtc->line, rtc->ris && regs_get(&rtc->regs, RTCIMSC, 4));
}

static void match_fire(void *opaque)
{
	struct pl031 *rtc = opaque;

	rtc->ris = true;
	update_line(rtc);
}

static void match_arm(struct pl031 *rtc)
{
	u32 wait_s = (u32)regs_get(&rtc->regs, RTCMR, 4) - (u32)pl031_now_s(rtc);

	if (!wait_s) {
		timer_set(&rtc->match, TIMER_OFF);
		match_fire(rtc);
	} else {
		timer_set(&rtc->match, (loop_now(rtc->loop) / SECOND_NS + wait_s) * SECOND_NS);
	}
}

static u64 rtcdr_read(struct regs *b, unsigned i, u64 stored)
{
	return (u32)pl031_now_s(b->owner);
}

static void rtcmr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	match_arm(b->owner);
}

/* The upper half of the 64-bit count that pl031_now_s gives stays: LR has only 32 bits. */
static void rtclr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pl031 *rtc = b->owner;

	rtc->offset_s = (pl031_now_s(rtc) & MASK(63, 32)) + now - loop_now(rtc->loop) / SECOND_NS;
	match_arm(rtc);
}

static void rtcimsc_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	update_line(b->owner);
}

static u64 rtcris_read(struct regs *b, unsigned i, u64 stored)
{
	return ((struct pl031 *)b->owner)->ris;
}

static u64 rtcmis_read(struct regs *b, unsigned i, u64 stored)
{
	return ((struct pl031 *)b->owner)->ris && regs_get(b, RTCIMSC, 4);
}

static void rtcicr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pl031 *rtc = b->owner;

	regs_set(b, RTCICR, 4, 0);
	if (now & 1)
		rtc->ris = false;
	update_line(rtc);
}

static const struct reg pl031_rows[] = {
	/*  offset   name     reset software writes */
	R32(RTCDR, RTCDR, 0, 0, .read = rtcdr_read),
	R32(RTCMR, RTCMR, 0, 0xffffffff, .write = rtcmr_write),
	R32(RTCLR, RTCLR, 0, 0xffffffff, .write = rtclr_write),
	R32(RTCCR, RTCCR, 1, 0),
	R32(RTCIMSC, RTCIMSC, 0, 1, .write = rtcimsc_write),
	R32(RTCRIS, RTCRIS, 0, 0, .read = rtcris_read),
	R32(RTCMIS, RTCMIS, 0, 0, .read = rtcmis_read),
	R32(RTCICR, RTCICR, 0, 1, .write = rtcicr_write),
	PRIMECELL_ID_ROWS(0x031, 1),
};

struct pl031 *pl031_create(struct loop *loop, struct space *space, u64 base, struct line line, u64 start_s)
{
	struct pl031 *rtc = calloc(1, sizeof(*rtc));

	assert(rtc);
	rtc->space = space;
	rtc->loop = loop;
	rtc->line = line;
	rtc->offset_s = start_s - loop_now(loop) / SECOND_NS;
	timer_init(&rtc->match, loop, match_fire, rtc);
	regs_init(&rtc->regs, "pl031", rtc, REGS_BYTES, PRIMECELL_BYTES);
	REGS_ADD(&rtc->regs, 0, pl031_rows);
	rtc->region = (struct region){
		.name = "pl031", .base = base, .size = PRIMECELL_BYTES, .ops = &regs_io, .opaque = &rtc->regs};
	space_add(space, &rtc->region);
	return rtc;
}

void pl031_reset(struct pl031 *rtc)
{
	regs_reset(&rtc->regs, RESET_COLD);
	rtc->ris = false;
	timer_set(&rtc->match, TIMER_OFF);
	update_line(rtc);
}

void pl031_destroy(struct pl031 *rtc)
{
	if (!rtc)
		return;
	timer_set(&rtc->match, TIMER_OFF);
	space_remove(rtc->space, &rtc->region);
	regs_free(&rtc->regs);
	free(rtc);
}
