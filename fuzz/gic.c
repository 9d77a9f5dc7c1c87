/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: the GIC: registers of all frames, CPU interfaces, ITS commands and tables in guest memory, messages,
 * wires. What it shows to the CPUs is compared with a look at everything. */
#include "../tests/unit/irq/board.h"
#include "fuzz.h"

#define QUEUE RAM_BASE
#define CONFIG (RAM_BASE + 0x10000)
#define PENDING (RAM_BASE + 0x20000) /* 64 KiB per PE */
#define DEVICES (RAM_BASE + 0x60000)
#define COLLECTIONS (RAM_BASE + 0x62000)
#define ITT (RAM_BASE + 0x64000)
#define USED_BYTES 0x68000

static const struct place places[] = {
	{DIST_BASE, 0x10000}, {REDIST_BASE, CPUS * 0x20000}, {ITS_BASE, 0x20000}, {QUEUE, 0x1000},
	{CONFIG, 0x100},      {PENDING + 0x400, 0x20},       {DEVICES, 0x40},     {COLLECTIONS, 0x20},
	{ITT, 0x100}};

static void tables(struct board *b)
{
	board_start(b);
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		put(b, gicr(cpu, GICR_PROPBASER), 8, CONFIG | 15);
		put(b, gicr(cpu, GICR_PENDBASER), 8, PENDING + cpu * 0x10000ull);
		put(b, gicr(cpu, GICR_CTLR), 4, 1);
	}
	memset(b->ram.host + (CONFIG - RAM_BASE), 0xa1, 0x100);
	put(b, ITS_BASE + GITS_CBASER, 8, GITS_CBASER_VALID | QUEUE);
	put(b, ITS_BASE + GITS_BASER, 8, GITS_BASER_VALID | DEVICES);
	put(b, ITS_BASE + GITS_BASER + 8, 8, GITS_BASER_VALID | COLLECTIONS);
	put(b, ITS_BASE + GITS_CTLR, 4, 1);
}

static void command(struct board *b, struct input *in)
{
	static const u8 codes[] = {ITS_MAPD,   ITS_MAPC, ITS_MAPTI, ITS_MAPI, ITS_MOVI,    ITS_MOVALL,
				   ITS_INVALL, ITS_INT,  ITS_CLEAR, ITS_INV,  ITS_DISCARD, ITS_SYNC,
				   0x25,       0,        0xff,      ITS_INT};
	u32 at = (u32)get(b, ITS_BASE + GITS_CWRITER, 8) & 0xfe0;
	u8 what = (u8)draw(in, 1);
	u64 dw[4] = {codes[what & 15] | draw(in, 1) << 32, draw(in, 1) | (8192 + draw(in, 1)) << 32,
		     draw(in, 1) | draw(in, 1) << 16, draw(in, 1) << 16};

	if (codes[what & 15] == ITS_MAPD)
		dw[1] = draw(in, 1), dw[2] = ITT | BIT(63);
	else if (what & 16)
		dw[2] |= BIT(63);
	dma_write(b->space, QUEUE + at, dw, sizeof(dw));
	put(b, ITS_BASE + GITS_CWRITER, 8, (at + 32) & 0xfe0);
}

static void interface(struct board *b, struct input *in)
{
	u8 what = (u8)draw(in, 1);
	const struct sysreg *row = &b->cpus.rows[draw(in, 1) % b->cpus.count];
	u64 value = draw(in, 8);

	if (what & 128 && row->write)
		row->write(NULL, row, b->cpus.opaque[what % CPUS], value);
	else if (row->read)
		row->read(NULL, row, b->cpus.opaque[what % CPUS], &value);
}

static void drive(struct line line, bool level)
{
	line_set(&line, level);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct board *b;
	struct input in = {data, size};
	struct msi_target target;
	u8 what, mode;

	if (!b)
		board_setup((void **)&b);
	target = gic_msi_target(b->gic);
	for (unsigned n = 0; n < SPIS; n++)
		drive(gic_spi(b->gic, n), false);
	for (unsigned n = 0; n < CPUS * 16u; n++)
		drive(gic_ppi(b->gic, n / 16, 16 + n % 16), false);
	gic_reset(b->gic);
	memset(b->ram.host, 0, USED_BYTES);
	mode = (u8)draw(&in, 1);
	if (mode & 1)
		tables(b);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		switch (draw(&in, 1) & 7) {
		case 0 ... 1: access_place(b->space, places, ARRAY_SIZE(places), &in); break;
		case 2 ... 3: command(b, &in); break;
		case 4: target.send(target.opaque, (u32)draw(&in, 1), target.base, (u32)draw(&in, 1)); break;
		case 5:
			what = (u8)draw(&in, 1);
			drive(gic_spi(b->gic, what % SPIS), what & 128);
			break;
		case 6:
			what = (u8)draw(&in, 1);
			drive(gic_ppi(b->gic, what % CPUS, 16 + (what >> 2) % 16), what & 128);
			break;
		default: interface(b, &in);
		}
	}
	if (!(mode & 0xfe)) /* it takes longer than all the rest */
		check_best(b);
	return 0;
}
