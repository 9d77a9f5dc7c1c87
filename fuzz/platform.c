/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: the small devices of the board together: serial port, clock, pins, event device, error records, cache
 * maintenance. */
#include "../tests/unit/dev/bench.h"
#include "fuzz.h"
#include "host/host.h"

static struct pl011 *uart;
static struct pl031 *rtc;
static struct pl061 *gpio;
static struct ged *ged;
static struct ghes *ghes;
static struct hha *hha;

static void nothing(void *opaque)
{
}

static void told(void *opaque, enum ghes_source source)
{
	if (source == GHES_EVENT)
		ged_raise(ged, GED_HARDWARE_ERROR);
}

static void open_board(struct bench *b)
{
	struct chardev *chardev;
	struct error err;

	bench_open(b);
	chardev = chardev_open("null", b->loop, NULL, NULL, &err);
	uart = pl011_create(b->loop, b->space, BASE, bench_line(b), chardev);
	rtc = pl031_create(b->loop, b->space, BASE + 0x1000, bench_line(b), 1700000000);
	gpio = pl061_create(b->loop, b->space, BASE + 0x3000, bench_line(b));
	ged = ged_create(b->loop, b->space, BASE + 0x2000, bench_line(b), nothing, nothing, NULL);
	ghes = ghes_create(b->space, BASE + 0x10000, told, NULL);
	hha = hha_create(b->space, BASE + 0x20000);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct place places[] = {{BASE, 0x1000},
					      {BASE, 0x80},
					      {BASE + 0x1000, 0x1000},
					      {BASE + 0x1000, 0x20},
					      {BASE + 0x2000, GED_BYTES},
					      {BASE + 0x3000, 0x1000},
					      {BASE + 0x3400, 0x24},
					      {BASE + 0x10000, GHES_BYTES},
					      {BASE + 0x10000, 0x10},
					      {BASE + 0x11000, 0x10},
					      {BASE + 0x20000, HHA_BYTES},
					      {BASE + 0x20000, 0x40}};
	static const u8 type[16] = {1};
	static struct bench b;
	struct input in = {data, size};
	u8 section[256];

	if (!b.loop)
		open_board(&b);
	pl011_reset(uart);
	pl031_reset(rtc);
	pl061_reset(gpio);
	ged_reset(ged);
	ghes_reset(ghes);
	hha_reset(hha);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1);

		switch (what & 7) {
		case 0: loop_time_advance(b.loop, draw(&in, 2) << (what >> 3)); break;
		case 1:
			draw_bytes(&in, section, what);
			ghes_report(ghes, what >> 3 & 1, what >> 4 & 3, type, section, what);
			break;
		case 2: ged_raise(ged, what >> 3); break;
		case 3: pl061_press(gpio); break;
		default: access_place(b.space, places, ARRAY_SIZE(places), &in);
		}
	}
	return 0;
}
