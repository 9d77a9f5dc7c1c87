/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL061: eight pins. [DDI0190]
 *
 * Nothing but the power button is connected, for kernels that go by the device tree (gpio-keys there); those with ACPI
 * have the Generic Event Device. The button is down for 100 ms of guest time: a driver wants to see it come up again.
 *
 * GPIODATA is 256 registers: bits 9:2 of the address say which pins are read or written. A pin whose direction is out
 * has the level that was written; edges and levels are seen on it as on the others. Left out: hardware control (AFSEL
 * is kept, and does nothing). Machine lock held.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "dev/platform.h"
#include "dev/primecell.h"

#define GPIODATA 0x000
#define GPIODIR 0x400
#define GPIOIS 0x404
#define GPIOIBE 0x408
#define GPIOIEV 0x40c
#define GPIOIE 0x410
#define GPIORIS 0x414
#define GPIOMIS 0x418
#define GPIOIC 0x41c
#define GPIOAFSEL 0x420

#define PRESS_NS 100000000ull

struct pl061 {
	/* parts */
	struct space *space;
	struct loop *loop;
	struct line line;
	struct regs regs;
	struct region region;
	struct timer release;
	/* state */
	u8 out; /* what was written */
	u8 in;  /* the levels outside */
	u8 edges;
	/* rebuilt */
	u8 seen; /* pins when they were last looked at */
};

static u8 get(const struct pl061 *gpio, u32 offset)
{
	return (u8)regs_get(&gpio->regs, offset, 4);
}

static u8 pins(const struct pl061 *gpio)
{
	u8 dir = get(gpio, GPIODIR);

	return (u8)((gpio->out & dir) | (gpio->in & ~dir));
}

/* Edges are kept until they are cleared, levels are as they are. */
static u8 raw(const struct pl061 *gpio)
{
	u8 is = get(gpio, GPIOIS), asserted = (u8) ~(pins(gpio) ^ get(gpio, GPIOIEV));

	return (u8)((gpio->edges & ~is) | (asserted & is));
}

/* After any change of pins or registers. */
static void update(struct pl061 *gpio)
{
	u8 now = pins(gpio), asked_for = (u8) ~(now ^ get(gpio, GPIOIEV));

	gpio->edges |= (now ^ gpio->seen) & (get(gpio, GPIOIBE) | asked_for) & ~get(gpio, GPIOIS);
	gpio->seen = now;
	line_set(&gpio->line, raw(gpio) & get(gpio, GPIOIE));
}

static u64 data_read(struct regs *b, unsigned i, u64 stored)
{
	return pins(b->owner) & i;
}

static void data_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pl061 *gpio = b->owner;

	gpio->out = (u8)((gpio->out & ~i) | (now & i));
	update(gpio);
}

static void changed(struct regs *b, unsigned i, u64 old, u64 now)
{
	update(b->owner);
}

static u64 ris_read(struct regs *b, unsigned i, u64 stored)
{
	return raw(b->owner);
}

static u64 mis_read(struct regs *b, unsigned i, u64 stored)
{
	return raw(b->owner) & regs_get(b, GPIOIE, 4);
}

static void ic_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pl061 *gpio = b->owner;

	regs_set(b, GPIOIC, 4, 0);
	gpio->edges &= ~(u8)now;
	update(gpio);
}

static const struct reg pl061_rows[] = {
	/*  offset     name       reset software writes */
	R32(GPIODATA, GPIODATA, 0, 0xff, .count = 256, .stride = 4, .read = data_read, .write = data_write),
	R32(GPIODIR, GPIODIR, 0, 0xff, .write = changed),
	R32(GPIOIS, GPIOIS, 0, 0xff, .write = changed),
	R32(GPIOIBE, GPIOIBE, 0, 0xff, .write = changed),
	R32(GPIOIEV, GPIOIEV, 0, 0xff, .write = changed),
	R32(GPIOIE, GPIOIE, 0, 0xff, .write = changed),
	R32(GPIORIS, GPIORIS, 0, 0, .read = ris_read),
	R32(GPIOMIS, GPIOMIS, 0, 0, .read = mis_read),
	R32(GPIOIC, GPIOIC, 0, 0xff, .write = ic_write),
	R32(GPIOAFSEL, GPIOAFSEL, 0, 0xff),
	PRIMECELL_ID_ROWS(0x061, 0),
};

static void set_button(struct pl061 *gpio, bool down)
{
	gpio->in = (u8)(down ? BIT(PL061_POWER_BUTTON) : 0);
	update(gpio);
}

static void button_up(void *opaque)
{
	set_button(opaque, false);
}

void pl061_press(struct pl061 *gpio)
{
	set_button(gpio, true);
	timer_set(&gpio->release, loop_now(gpio->loop) + PRESS_NS);
}

struct pl061 *pl061_create(struct loop *loop, struct space *space, u64 base, struct line line)
{
	struct pl061 *gpio = calloc(1, sizeof(*gpio));

	assert(gpio);
	gpio->space = space;
	gpio->loop = loop;
	gpio->line = line;
	timer_init(&gpio->release, loop, button_up, gpio);
	regs_init(&gpio->regs, "pl061", gpio, REGS_BYTES, PRIMECELL_BYTES);
	REGS_ADD(&gpio->regs, 0, pl061_rows);
	gpio->region = (struct region){
		.name = "pl061", .base = base, .size = PRIMECELL_BYTES, .ops = &regs_io, .opaque = &gpio->regs};
	space_add(space, &gpio->region);
	return gpio;
}

void pl061_reset(struct pl061 *gpio)
{
	regs_reset(&gpio->regs, RESET_COLD);
	timer_set(&gpio->release, TIMER_OFF);
	gpio->out = gpio->in = gpio->seen = gpio->edges = 0;
	update(gpio);
}

void pl061_destroy(struct pl061 *gpio)
{
	if (!gpio)
		return;
	timer_set(&gpio->release, TIMER_OFF);
	space_remove(gpio->space, &gpio->region);
	regs_free(&gpio->regs);
	free(gpio);
}
