/* SPDX-License-Identifier: BSD-2-Clause */
/* LPIs and the ITS, end to end with tables in memory, and what a hostile guest may try. */
#include <unistd.h>

#include "board.h"

#define QUEUE (RAM_BASE + 0x010000)
#define CONFIG (RAM_BASE + 0x020000)
#define PENDING (RAM_BASE + 0x040000) /* 64 KiB per PE */
#define DEVICES (RAM_BASE + 0x100000)
#define COLLECTIONS (RAM_BASE + 0x110000)
#define ITT (RAM_BASE + 0x120000)
#define LEVEL2 (RAM_BASE + 0x140000)
#define DOORBELL (ITS_BASE + GITS_TRANSLATER)

static u32 queue_at;

static void command(struct board *b, u64 dw0, u64 dw1, u64 dw2, u64 dw3)
{
	u64 dw[4] = {dw0, dw1, dw2, dw3};

	assert_true(dma_write(b->space, QUEUE + queue_at, dw, sizeof(dw)));
	queue_at = (queue_at + 32) % 0x1000;
	put(b, ITS_BASE + GITS_CWRITER, 8, queue_at);
	assert_int_equal(get(b, ITS_BASE + GITS_CREADR, 8), queue_at);
}

#define VALID BIT(63)
static void mapd(struct board *b, u64 device, unsigned event_bits, u64 itt)
{
	command(b, ITS_MAPD | device << 32, event_bits - 1, itt ? VALID | itt : 0, 0);
}

static void mapc(struct board *b, u64 collection, u64 pe)
{
	command(b, ITS_MAPC, 0, VALID | pe << 16 | collection, 0);
}

static void mapti(struct board *b, u64 device, u64 event, u64 intid, u64 collection)
{
	command(b, ITS_MAPTI | device << 32, event | intid << 32, collection, 0);
}

static void event_command(struct board *b, u64 code, u64 device, u64 event)
{
	command(b, code | device << 32, event, 0, 0);
}

static void lpi_config(struct board *b, u32 intid, u8 config)
{
	assert_true(dma_write(b->space, CONFIG + intid - 8192, &config, 1));
}

static void msi(struct board *b, u32 device, u32 data)
{
	struct msi_target target = gic_msi_target(b->gic);

	assert_int_equal(target.base, DOORBELL);
	target.send(target.opaque, device, DOORBELL, data);
}

static void lpis_on(struct board *b)
{
	board_start(b);
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		put(b, gicr(cpu, GICR_PROPBASER), 8, CONFIG | 15);
		put(b, gicr(cpu, GICR_PENDBASER), 8, PENDING + cpu * 0x10000ull);
		put(b, gicr(cpu, GICR_CTLR), 4, 1);
	}
}

static void its_on(struct board *b)
{
	lpis_on(b);
	queue_at = 0;
	put(b, ITS_BASE + GITS_CBASER, 8, GITS_CBASER_VALID | QUEUE);
	put(b, ITS_BASE + GITS_BASER, 8, GITS_BASER_VALID | DEVICES | 15);
	put(b, ITS_BASE + GITS_BASER + 8, 8, GITS_BASER_VALID | COLLECTIONS);
	put(b, ITS_BASE + GITS_CTLR, 4, 1);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		mapc(b, cpu, cpu);
	mapd(b, 0x10, 5, ITT);
	mapti(b, 0x10, 3, 8200, 1);
	lpi_config(b, 8200, 0xa1);
}

static void message_becomes_an_lpi(void **state)
{
	struct board *b = *state;

	its_on(b);
	msi(b, 0x10, 3);
	assert_true(b->cpus.irq[1]);
	assert_int_equal(icc_read(b, 1, ICC_IAR1), 8200);
	assert_int_equal(icc_read(b, 1, ICC_RPR), 0xa0);
	assert_false(b->cpus.irq[1]);
	msi(b, 0x10, 3); /* no active state: pends again at once, and waits for the priority to drop */
	assert_false(b->cpus.irq[1]);
	icc_write(b, 1, ICC_EOIR1, 8200);
	assert_true(b->cpus.irq[1]);
	event_command(b, ITS_CLEAR, 0x10, 3);
	assert_false(b->cpus.irq[1]);
	event_command(b, ITS_INT, 0x10, 3);
	assert_true(b->cpus.irq[1]);
	event_command(b, ITS_DISCARD, 0x10, 3);
	assert_false(b->cpus.irq[1]);
	msi(b, 0x10, 3);
	assert_false(b->cpus.irq[1]);
	check_best(b);
}

static void wrong_messages_are_dropped(void **state)
{
	struct board *b = *state;
	struct msi_target target = gic_msi_target(b->gic);

	its_on(b);
	msi(b, 0x11, 3);  /* device not mapped */
	msi(b, 0x10, 4);  /* event not mapped */
	msi(b, 0x10, 32); /* event beyond the ITT */
	msi(b, 0x10, ~0u);
	msi(b, 0x20000010, 3); /* more than 16 bits of device */
	msi(b, 0xffff, 3);     /* beyond the device table */
	target.send(target.opaque, 0x10, DOORBELL + 4, 3);
	put(b, DOORBELL, 4, 3); /* a PE has no DeviceID */
	put(b, ITS_BASE + GITS_CTLR, 4, 0);
	msi(b, 0x10, 3);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		assert_false(b->cpus.irq[cpu]);
	assert_int_equal(get(b, ITS_BASE + GITS_CTLR, 4), GITS_CTLR_QUIESCENT);
}

static void inv_takes_the_new_configuration(void **state)
{
	struct board *b = *state;

	its_on(b);
	lpi_config(b, 8200, 0xa0);
	msi(b, 0x10, 3);
	assert_false(b->cpus.irq[1]); /* pending, disabled */
	lpi_config(b, 8200, 0xa1);
	assert_false(b->cpus.irq[1]);
	event_command(b, ITS_INV, 0x10, 3);
	assert_true(b->cpus.irq[1]);
	lpi_config(b, 8200, 0x40);
	command(b, ITS_INVALL, 0, 1, 0);
	assert_false(b->cpus.irq[1]);
	lpi_config(b, 8200, 0x41);
	put(b, gicr(1, GICR_INVLPIR), 8, 8200);
	assert_true(b->cpus.irq[1]);
	lpi_config(b, 8200, 0x60);
	put(b, gicr(1, GICR_INVALLR), 8, 0);
	assert_false(b->cpus.irq[1]);
	assert_int_equal(get(b, gicr(1, GICR_SYNCR), 4), 0);
	check_best(b);
}

static void lpis_go_by_priority(void **state)
{
	struct board *b = *state;

	its_on(b);
	for (unsigned n = 0; n < 16; n++) {
		mapti(b, 0x10, 8 + n, 60000 + 100 * n, 0);
		lpi_config(b, 60000 + 100 * n, (u8)(0xe1 - 8 * n));
		msi(b, 0x10, 8 + n);
		check_best(b);
	}
	for (unsigned n = 16; n-- > 0;) {
		assert_int_equal(icc_read(b, 0, ICC_IAR1), 60000 + 100 * n);
		icc_write(b, 0, ICC_EOIR1, 60000 + 100 * n);
		check_best(b);
	}
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 1023);
}

static void events_move(void **state)
{
	struct board *b = *state;

	its_on(b);
	msi(b, 0x10, 3);
	assert_true(b->cpus.irq[1]);
	command(b, ITS_MOVI | 0x10ull << 32, 3, 2, 0);
	assert_true(b->cpus.irq[2] && !b->cpus.irq[1]);
	command(b, ITS_MOVALL, 0, 2ull << 16, 3ull << 16);
	assert_true(b->cpus.irq[3] && !b->cpus.irq[2]);
	assert_int_equal(icc_read(b, 3, ICC_IAR1), 8200);
	icc_write(b, 3, ICC_EOIR1, 8200);
	msi(b, 0x10, 3); /* the mapping is MOVI's */
	assert_true(b->cpus.irq[2]);
	icc_read(b, 2, ICC_IAR1);
	icc_write(b, 2, ICC_EOIR1, 8200);
	mapc(b, 2, 0);
	msi(b, 0x10, 3);
	assert_true(b->cpus.irq[0]);
}

/* A whole queue of commands that each move every LPI there is: one store of the guest, and the machine lock held
 * meanwhile. */
static void moving_everything_for_ever_is_quick(void **state)
{
	struct board *b = *state;
	u8 all[8192];

	board_start(b);
	memset(all, 0xff, sizeof(all));
	assert_true(dma_write(b->space, PENDING, all, sizeof(all)));
	for (u32 n = 0; n < 57344; n += sizeof(all)) {
		memset(all, 0xa1, sizeof(all));
		assert_true(dma_write(b->space, CONFIG + n, all, sizeof(all)));
	}
	lpis_on(b);
	assert_true(b->cpus.irq[0]);
	put(b, ITS_BASE + GITS_CBASER, 8, GITS_CBASER_VALID | (RAM_BASE + 0x200000) | 255);
	put(b, ITS_BASE + GITS_CTLR, 4, 1);
	for (u32 n = 0; n < 32768; n++) {
		u64 dw[4] = {ITS_MOVALL, 0, (u64)(n % 2) << 16, (u64)(1 - n % 2) << 16};

		assert_true(dma_write(b->space, RAM_BASE + 0x200000 + 32 * n, dw, sizeof(dw)));
	}
	alarm(60); /* milliseconds now; LPI by LPI it took minutes */
	put(b, ITS_BASE + GITS_CWRITER, 8, 32 * 32767);
	alarm(0);
	assert_true(!b->cpus.irq[0] && b->cpus.irq[1]); /* the last is one from 0 to 1 */
	assert_int_equal(icc_read(b, 1, ICC_IAR1), 8192);
	check_best(b);
}

static void pending_lpis_survive_disable(void **state)
{
	struct board *b = *state;
	u8 byte = 0;

	its_on(b);
	msi(b, 0x10, 3);
	put(b, gicr(1, GICR_CTLR), 4, 0);
	assert_int_equal(get(b, gicr(1, GICR_CTLR), 4), 6);
	assert_false(b->cpus.irq[1]);
	assert_true(dma_read(b->space, PENDING + 0x10000 + 8200 / 8, &byte, 1));
	assert_int_equal(byte, 1 << 8200 % 8);
	msi(b, 0x10, 3); /* dropped while disabled */
	put(b, gicr(1, GICR_CTLR), 4, 1);
	assert_true(b->cpus.irq[1]);
	assert_int_equal(icc_read(b, 1, ICC_IAR1), 8200);
	icc_write(b, 1, ICC_EOIR1, 8200);
	/* PTZ: the table is taken as zero whatever it holds. */
	put(b, gicr(1, GICR_CTLR), 4, 0);
	byte = 0xff;
	dma_write(b->space, PENDING + 0x10000 + 8200 / 8, &byte, 1);
	put(b, gicr(1, GICR_PENDBASER), 8, (PENDING + 0x10000) | GICR_PENDBASER_PTZ);
	assert_int_equal(get(b, gicr(1, GICR_PENDBASER), 8), PENDING + 0x10000);
	put(b, gicr(1, GICR_CTLR), 4, 1);
	assert_int_equal(icc_read(b, 1, ICC_IAR1), 1023);
	/* The tables are fixed while in use. */
	put(b, gicr(1, GICR_PROPBASER), 8, 0);
	assert_int_equal(get(b, gicr(1, GICR_PROPBASER), 8), CONFIG | 15);
}

static void id_bits_bound_lpis(void **state)
{
	struct board *b = *state;

	its_on(b);
	put(b, gicr(1, GICR_CTLR), 4, 0);
	put(b, gicr(1, GICR_PROPBASER), 8, CONFIG | 13); /* INTIDs below 16384 */
	put(b, gicr(1, GICR_CTLR), 4, 1);
	mapti(b, 0x10, 1, 16383, 1);
	mapti(b, 0x10, 2, 16384, 1);
	lpi_config(b, 16383, 0xa1);
	lpi_config(b, 16384, 0xa1);
	msi(b, 0x10, 2);
	assert_false(b->cpus.irq[1]);
	msi(b, 0x10, 1);
	assert_true(b->cpus.irq[1]);
	put(b, gicr(1, GICR_CTLR), 4, 0);
	put(b, gicr(1, GICR_PROPBASER), 8, CONFIG | 3); /* no LPI at all */
	put(b, gicr(1, GICR_CTLR), 4, 1);
	msi(b, 0x10, 1);
	assert_false(b->cpus.irq[1]);
}

static void two_level_tables_work(void **state)
{
	static const unsigned shift[] = {12, 14, 16};
	struct board *b = *state;

	for (unsigned size = 0; size < 3; size++) {
		u64 device = 0x1234, per_page = (1u << shift[size]) / 8;
		u64 level1 = VALID | LEVEL2, none = 0;

		gic_reset(b->gic);
		its_on(b);
		put(b, ITS_BASE + GITS_CTLR, 4, 0);
		put(b, ITS_BASE + GITS_BASER, 8, GITS_BASER_VALID | GITS_BASER_INDIRECT | (u64)size << 8 | DEVICES);
		assert_int_equal(bits(get(b, ITS_BASE + GITS_BASER, 8), 9, 8), size);
		put(b, ITS_BASE + GITS_CTLR, 4, 1);
		dma_write(b->space, DEVICES + device / per_page * 8, &none, 8);
		mapd(b, device, 5, ITT + 0x1000); /* no second level: ignored */
		mapti(b, device, 0, 9000, 3);
		lpi_config(b, 9000, 0xa1);
		msi(b, (u32)device, 0);
		assert_false(b->cpus.irq[3]);
		dma_write(b->space, DEVICES + device / per_page * 8, &level1, 8);
		mapd(b, device, 5, ITT + 0x1000);
		mapti(b, device, 0, 9000, 3);
		msi(b, (u32)device, 0);
		assert_true(b->cpus.irq[3]);
		mapd(b, device, 5, 0);
		icc_read(b, 3, ICC_IAR1);
		icc_write(b, 3, ICC_EOIR1, 9000);
		msi(b, (u32)device, 0);
		assert_false(b->cpus.irq[3]);
	}
}

static void wrong_commands_are_ignored(void **state)
{
	struct board *b = *state;

	its_on(b);
	mapd(b, 0xffff, 5, ITT);                                  /* beyond the device table */
	command(b, ITS_MAPD | 0x12ull << 32, 31, VALID | ITT, 0); /* 32 event bits */
	mapti(b, 0x12, 0, 8300, 0);
	mapti(b, 0x10, 32, 8300, 0); /* beyond the ITT */
	mapti(b, 0x10, 6, 100, 0);   /* no LPI */
	mapti(b, 0x10, 6, 0x10000, 0);
	mapc(b, 0, 4);      /* no such PE */
	mapc(b, 0xffff, 0); /* beyond the collection table */
	command(b, ITS_MOVALL, 0, 9ull << 16, 0);
	command(b, ITS_SYNC, 0, 77ull << 16, 0);
	command(b, ITS_SYNC, 0, 0, 0);
	command(b, 0x2a, 0, 0, 0); /* a virtual LPI's */
	command(b, 0xff, ~0ull, ~0ull, ~0ull);
	mapti(b, 0x10, 7, 8301, 9); /* collection not mapped: no message arrives */
	msi(b, 0x10, 7);
	msi(b, 0x10, 6);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		assert_false(b->cpus.irq[cpu]);
	msi(b, 0x10, 3); /* what was right still works */
	assert_true(b->cpus.irq[1]);
}

static void queue_errors_stall_or_do_nothing(void **state)
{
	struct board *b = *state;

	its_on(b);
	put(b, ITS_BASE + GITS_CWRITER, 8, 0x2000); /* beyond one page */
	assert_int_equal(get(b, ITS_BASE + GITS_CREADR, 8), queue_at);
	put(b, ITS_BASE + GITS_CBASER, 8, GITS_CBASER_VALID); /* locked while enabled */
	assert_int_equal(get(b, ITS_BASE + GITS_CBASER, 8), GITS_CBASER_VALID | QUEUE);
	put(b, ITS_BASE + GITS_CTLR, 4, 0);
	put(b, ITS_BASE + GITS_CBASER, 8, GITS_CBASER_VALID | MASK(51, 12) | 255);
	put(b, ITS_BASE + GITS_CWRITER, 8, 0x40);
	put(b, ITS_BASE + GITS_CTLR, 4, 1);
	assert_int_equal(get(b, ITS_BASE + GITS_CREADR, 8), 1); /* stalled at 0 */
	put(b, ITS_BASE + GITS_CWRITER, 8, 0x41);               /* retry: the same again */
	assert_int_equal(get(b, ITS_BASE + GITS_CREADR, 8), 1);
	assert_int_equal(get(b, ITS_BASE + GITS_CWRITER, 8), 0x40);
}

/* Tables, queue and registers full of noise; nothing may crash, and the cached best stays right. */
static void noise_does_no_harm(void **state)
{
	struct board *b = *state;
	static u8 noise[0x100000];

	srandom(7);
	its_on(b);
	for (unsigned turn = 0; turn < 60; turn++) {
		for (size_t n = 0; n < sizeof(noise); n += 4)
			store_le(noise + n, 4, (u64)random() << 1 ^ (u64)random());
		/* Half of the commands are real ones with small operands. */
		for (u32 at = 0; at < 0x10000 && turn % 2; at += 32) {
			u64 code = (u64)random() % 16, device = (u64)random() % 64, event = (u64)random() % 40;
			u64 intid = 8192 + event * device, place = (u64)random() % 6 << 16 | (u64)random() % 6;
			u64 valid = (u64)(random() & 1) << 63;

			if (code == ITS_MAPD)
				place = ITT + device * 256;
			store_le(noise + at, 8, code | device << 32);
			store_le(noise + at + 8, 8, code == ITS_MAPD ? event % 20 : event | intid << 32);
			store_le(noise + at + 16, 8, place | valid);
			store_le(noise + at + 24, 8, (u64)random() % 6 << 16);
		}
		dma_write(b->space, QUEUE, noise, 0x10000);
		dma_write(b->space, CONFIG, noise + 0x10000, 0x10000);
		if (turn % 4 == 0)
			dma_write(b->space, DEVICES, noise + 0x20000, 0x40000);
		put(b, ITS_BASE + GITS_CTLR, 4, 0);
		put(b, ITS_BASE + GITS_CBASER, 8, GITS_CBASER_VALID | QUEUE | 15);
		for (unsigned n = 0; n < 2; n++)
			put(b, ITS_BASE + GITS_BASER + 8 * n, 8,
			    turn % 3 ? GITS_BASER_VALID | (n ? COLLECTIONS : DEVICES) | 15 : load_le(noise + 8 * n, 8));
		put(b, ITS_BASE + GITS_CTLR, 4, 1);
		put(b, ITS_BASE + GITS_CWRITER, 8, 0xffe1);
		for (unsigned n = 0; n < 64; n++)
			msi(b, (u32)random() % 64, (u32)random() % 40);
		for (unsigned n = 0; n < 16; n++)
			icc_write(b, n % CPUS, ICC_EOIR1, icc_read(b, n % CPUS, ICC_IAR1));
		if (turn % 8 == 5) {
			put(b, gicr(turn % CPUS, GICR_CTLR), 4, 0);
			if (turn % 16 == 5) {
				put(b, gicr(turn % CPUS, GICR_PROPBASER), 8, load_le(noise, 8));
				put(b, gicr(turn % CPUS, GICR_PENDBASER), 8, load_le(noise + 8, 8));
			}
			put(b, gicr(turn % CPUS, GICR_CTLR), 4, 1);
		}
		check_best(b);
	}
	for (unsigned turn = 0; turn < 100000; turn++) {
		u64 pa = DIST_BASE + (u64)random() % 0x140000;
		unsigned size = 1u << random() % 4;
		u64 value = (u64)random() * (u64)random();

		pa = align_down(pa, size);
		if (space_lookup(b->space, pa)) {
			if (random() & 1)
				put(b, pa, size, value);
			else
				get(b, pa, size);
		}
	}
	check_best(b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, board_setup, board_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(message_becomes_an_lpi),
		T(wrong_messages_are_dropped),
		T(inv_takes_the_new_configuration),
		T(lpis_go_by_priority),
		T(events_move),
		T(moving_everything_for_ever_is_quick),
		T(pending_lpis_survive_disable),
		T(id_bits_bound_lpis),
		T(two_level_tables_work),
		T(wrong_commands_are_ignored),
		T(queue_errors_stall_or_do_nothing),
		T(noise_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
