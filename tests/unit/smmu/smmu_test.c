/* SPDX-License-Identifier: BSD-2-Clause */
/* The SMMU as a driver sees it: tables of both formats, every granule, faults as events, commands and their errors; and
 * tables of a hostile guest. */
#include <pthread.h>

#include "check.h"
#include "smmu/smmu.h"
#include "smmu/smmu_spec.h"

#define RAM 0x40000000ull
#define BASE 0x09050000ull
#define STRTAB (RAM + 0x10000)
#define LEVEL2 (RAM + 0x20000)
#define CD (RAM + 0x30000)
#define TABLES (RAM + 0x100000) /* 64 KiB each */
#define CMDQ (RAM + 0x40000)
#define EVENTQ (RAM + 0x50000)
#define SID 0x0108u

struct world {
	struct loop *loop;
	struct space *space;
	struct smmu *smmu;
	struct region ram;
	u8 *memory;
	unsigned pulses[4];
};

static void pulse(void *opaque, unsigned n, bool level)
{
	((struct world *)opaque)->pulses[n] += level;
}

static void put(struct world *w, u64 pa, u64 value)
{
	store_le(w->memory + (pa - RAM), 8, value);
}

static void reg(struct world *w, u32 offset, unsigned size, u64 value)
{
	assert_int_equal(space_write(w->space, BASE + offset, size, value), MEM_OK);
}

static u64 get(struct world *w, u32 offset, unsigned size)
{
	u64 value = 0;

	assert_int_equal(space_read(w->space, BASE + offset, size, &value), MEM_OK);
	return value;
}

static void open_world(struct world *w)
{
	struct smmu_config config = {.base = BASE,
				     .eventq = {pulse, w, 0},
				     .priq = {pulse, w, 1},
				     .cmdq_sync = {pulse, w, 2},
				     .gerror = {pulse, w, 3}};
	struct error err = {""};

	memset(w, 0, sizeof(*w));
	w->loop = loop_create(true, &err);
	assert_non_null(w->loop);
	w->space = space_create(w->loop);
	w->memory = calloc(1, 16 * MiB);
	w->ram = (struct region){.name = "RAM", .base = RAM, .size = 16 * MiB, .host = w->memory};
	loop_lock(w->loop);
	space_add(w->space, &w->ram);
	config.loop = w->loop;
	config.space = w->space;
	w->smmu = smmu_create(&config);
}

static void close_world(struct world *w)
{
	smmu_destroy(w->smmu);
	space_remove(w->space, &w->ram);
	loop_unlock(w->loop);
	space_destroy(w->space);
	loop_destroy(w->loop);
	free(w->memory);
}

static void start(struct world *w, u32 table_config)
{
	reg(w, SMMU_STRTAB_BASE, 8, STRTAB);
	reg(w, SMMU_STRTAB_BASE_CFG, 4, table_config);
	reg(w, SMMU_CR2, 4, CR2_RECINVSID);
	reg(w, SMMU_CMDQ_BASE, 8, CMDQ | 4);
	reg(w, SMMU_EVENTQ_BASE, 8, EVENTQ | 3);
	reg(w, SMMU_IRQ_CTRL, 4, IRQ_GERROR | IRQ_EVENTQ);
	assert_int_equal(get(w, SMMU_IRQ_CTRLACK, 4), IRQ_GERROR | IRQ_EVENTQ);
	reg(w, SMMU_CR0, 4, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN);
	assert_int_equal(get(w, SMMU_CR0ACK, 4), CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN);
}

/* A context of T0SZ and granule (TG0's encoding), with faults recorded. */
static void context(struct world *w, unsigned t0sz, unsigned tg0, u64 table)
{
	put(w, CD, t0sz | (u64)tg0 << 6 | BIT(30) | BIT(31) | 5ull << 32 | BIT(41) | BIT(45) | BIT(46));
	put(w, CD + 8, table);
}

static u64 ste_of(u32 sid)
{
	return STRTAB + 64 * (u64)sid;
}

static bool where(struct world *w, u64 iova, bool write, u64 *pa, u64 *size)
{
	*pa = iova;
	*size = 1ull << 40;
	return dma_translate(w->space, SID, write, pa, size);
}

static void end_loop(void *opaque)
{
	loop_quit(opaque);
}

/* The event written last, and how many there are. */
static unsigned events(struct world *w, u64 record[4])
{
	u32 prod;

	loop_defer(w->loop, end_loop, w->loop);
	loop_unlock(w->loop);
	loop_run(w->loop);
	loop_lock(w->loop);
	prod = (u32)get(w, SMMU_EVENTQ_PROD, 4);
	for (unsigned n = 0; n < 4; n++)
		record[n] = load_le(w->memory + (EVENTQ - RAM) + 32 * ((prod - 1) & 7) + 8 * n, 8);
	return prod & 0xf;
}

static void off_passes_or_aborts(void **state)
{
	struct world w;
	u64 pa, size;

	open_world(&w);
	assert_true(where(&w, 0x1234, true, &pa, &size));
	assert_true(pa == 0x1234);
	reg(&w, SMMU_GBPA, 4, GBPA_ABORT); /* without Update: nothing */
	assert_true(where(&w, 0x1234, true, &pa, &size));
	reg(&w, SMMU_GBPA, 4, GBPA_ABORT | GBPA_UPDATE);
	assert_false(get(&w, SMMU_GBPA, 4) & GBPA_UPDATE);
	assert_false(where(&w, 0x1234, true, &pa, &size));
	close_world(&w);
}

static void every_granule_translates(void **state)
{
	static const struct {
		unsigned tg0, bits;
	} granules[] = {{0, 12}, {1, 16}, {2, 14}};
	struct world w;
	u64 pa, size, record[4];

	for (unsigned g = 0; g < ARRAY_SIZE(granules); g++) {
		unsigned bits = granules[g].bits, stride = bits - 3, levels = (48 - bits + stride - 1) / stride;
		u64 iova = 0x0000812345678000ull & MASK(47, bits), table = TABLES;

		open_world(&w);
		start(&w, 9); /* linear, 512 streams */
		put(&w, ste_of(SID), 1 | 5 << 1 | CD);
		context(&w, 16, granules[g].tg0, TABLES);
		for (unsigned level = 4 - levels; level < 3; level++, table += 64 * KiB) {
			unsigned low = bits + (3 - level) * stride, top = MIN(low + stride, 48);

			put(&w, table + 8 * (iova >> low & ones(top - low)), (table + 64 * KiB) | 3);
		}
		put(&w, table + 8 * (iova >> bits & ones(stride)), (RAM + 8 * MiB) | BIT(10) | BIT(6) | 3);
		assert_true(where(&w, iova + 0x18, true, &pa, &size));
		assert_true(pa == RAM + 8 * MiB + 0x18 && size == (1ull << bits) - 0x18);
		/* Read-only, then not for the unprivileged, then without its access flag, then not there. */
		put(&w, table + 8 * (iova >> bits & ones(stride)), (RAM + 8 * MiB) | BIT(10) | BIT(7) | BIT(6) | 3);
		assert_true(where(&w, iova, false, &pa, &size));
		assert_false(where(&w, iova, true, &pa, &size));
		assert_int_equal(events(&w, record), 1);
		assert_true(record[0] == (EVENT_PERMISSION | (u64)SID << 32) && record[2] == iova &&
			    !bit(record[1], 35));
		put(&w, table + 8 * (iova >> bits & ones(stride)), (RAM + 8 * MiB) | BIT(10) | 3);
		assert_false(where(&w, iova, false, &pa, &size));
		assert_int_equal(events(&w, record), 2);
		assert_true((u8)record[0] == EVENT_PERMISSION && bit(record[1], 35));
		put(&w, table + 8 * (iova >> bits & ones(stride)), (RAM + 8 * MiB) | BIT(6) | 3);
		assert_false(where(&w, iova, false, &pa, &size));
		events(&w, record);
		assert_int_equal((u8)record[0], EVENT_ACCESS);
		put(&w, table + 8 * (iova >> bits & ones(stride)), 0);
		assert_false(where(&w, iova, false, &pa, &size));
		events(&w, record);
		assert_int_equal((u8)record[0], EVENT_TRANSLATION);
		assert_true(w.pulses[0] >= 1);
		close_world(&w);
	}
}

static void streams_are_looked_up(void **state)
{
	struct world w;
	u64 pa, size, record[4];
	u8 bytes[16], zero[16] = {0};

	open_world(&w);
	start(&w, 9);
	assert_false(where(&w, 0, false, &pa, &size)); /* not valid */
	events(&w, record);
	assert_int_equal((u8)record[0], EVENT_BAD_STE);
	put(&w, ste_of(SID), 1); /* abort: no event */
	assert_false(where(&w, 0, false, &pa, &size));
	assert_int_equal(events(&w, record), 1);
	put(&w, ste_of(SID), 1 | 4 << 1); /* bypass */
	assert_true(where(&w, 0x77, false, &pa, &size) && pa == 0x77);
	put(&w, ste_of(SID), 1 | 6 << 1); /* stage 2 */
	assert_false(where(&w, 0, false, &pa, &size));
	put(&w, ste_of(SID), 1 | 5 << 1 | (RAM + 64 * MiB)); /* no memory there */
	assert_false(where(&w, 0, false, &pa, &size));
	events(&w, record);
	assert_int_equal((u8)record[0], EVENT_CD_FETCH);
	memset(bytes, 0xff, sizeof(bytes));
	assert_false(dma_read_for(w.space, SID, 0, bytes, sizeof(bytes)));
	assert_memory_equal(bytes, zero, sizeof(bytes));
	/* More than the table has. */
	reg(&w, SMMU_CR0, 4, 0);
	start(&w, 8);
	assert_false(where(&w, 0, false, &pa, &size));
	events(&w, record);
	assert_int_equal((u8)record[0], EVENT_BAD_STREAMID);
	close_world(&w);

	/* Two levels: 256 streams in each second table. */
	open_world(&w);
	start(&w, 16 | 8 << 6 | STRTAB_2LEVEL << 16);
	put(&w, STRTAB + 8 * (SID >> 8), LEVEL2 | 9);
	put(&w, LEVEL2 + 64 * (SID & 0xff), 1 | 4 << 1);
	assert_true(where(&w, 0x99, true, &pa, &size) && pa == 0x99);
	put(&w, STRTAB + 8 * (SID >> 8), LEVEL2 | 3); /* four streams only */
	assert_false(where(&w, 0x99, true, &pa, &size));
	put(&w, STRTAB + 8 * (SID >> 8), 0);
	assert_false(where(&w, 0x99, true, &pa, &size));
	events(&w, record);
	assert_int_equal((u8)record[0], EVENT_BAD_STREAMID);
	close_world(&w);

	/* Reserved values of SPLIT behave as 6, those of FMT as linear. [IHI0070 SMMU_STRTAB_BASE_CFG] */
	open_world(&w);
	start(&w, 16 | 7 << 6 | STRTAB_2LEVEL << 16);
	put(&w, STRTAB + 8 * (SID >> 6), LEVEL2 | 7);
	put(&w, LEVEL2 + 64 * (SID & 0x3f), 1 | 4 << 1);
	assert_true(where(&w, 0x99, true, &pa, &size) && pa == 0x99);
	reg(&w, SMMU_CR0, 4, 0);
	start(&w, 9 | 8 << 6 | 2 << 16);
	put(&w, ste_of(SID), 1 | 4 << 1);
	assert_true(where(&w, 0x99, true, &pa, &size) && pa == 0x99);
	close_world(&w);
}

/* What descriptors may say, and what becomes of it. [IHI0070 5.2, 5.4, 7.3] */
static void entries_are_judged_as_specified(void **state)
{
	u64 pa, size, record[4], iova = 0x12345000, tagged = 0xa5ull << 56 | iova;
	struct world w;

	open_world(&w);
	start(&w, 9);
	for (u64 config = 0; config < 4; config++) { /* 0b0xx: no event */
		put(&w, ste_of(SID), 1 | config << 1);
		assert_false(where(&w, 0, false, &pa, &size));
		assert_int_equal(events(&w, record), 0);
	}
	put(&w, ste_of(SID), 1 | 4 << 1);
	assert_false(where(&w, 1ull << 48, false, &pa, &size)); /* more than OAS */
	assert_int_equal(events(&w, record), 1);
	assert_int_equal((u8)record[0], EVENT_ADDR_SIZE);
	/* S1CDMax means nothing without substreams. T0SZ=33: two entries at level 1, wherever 16 bytes are. */
	put(&w, ste_of(SID), 1 | 5 << 1 | CD | 3ull << 59);
	context(&w, 33, 0, TABLES + 0x10);
	put(&w, TABLES + 0x10, (RAM & ~ones(30)) | BIT(10) | BIT(6) | 1);
	assert_true(where(&w, iova, false, &pa, &size));
	assert_true(pa == RAM + iova);
	/* A top byte that is ignored does not choose the table; the event has it. */
	assert_false(where(&w, tagged, false, &pa, &size));
	events(&w, record);
	assert_true((u8)record[0] == EVENT_TRANSLATION && record[2] == tagged);
	put(&w, CD, load_le(w.memory + (CD - RAM), 8) | BIT(38));
	assert_true(where(&w, tagged, false, &pa, &size));
	assert_true(pa == RAM + iova);
	/* Class: a table that cannot be read, an address that is not there. */
	put(&w, TABLES + 0x10, (RAM + 64 * MiB) | 3);
	assert_false(where(&w, iova, true, &pa, &size));
	events(&w, record);
	assert_int_equal((u8)record[0], EVENT_WALK_EABT);
	assert_true(record[1] == (u64)CLASS_TT << 40);
	put(&w, TABLES + 0x10, 0);
	assert_false(where(&w, iova, false, &pa, &size));
	events(&w, record);
	assert_true(record[1] == (EVENT_RNW | (u64)CLASS_IN << 40));
	/* PRIVCFG and INSTCFG make nothing privileged, as ATTR_PERMS_OVR says. */
	assert_false(get(&w, SMMU_IDR1, 4) & BIT(26));
	put(&w, ste_of(SID) + 8, 15ull << 48);
	put(&w, TABLES + 0x10, (RAM & ~ones(30)) | BIT(10) | 1);
	assert_false(where(&w, iova, false, &pa, &size));
	events(&w, record);
	assert_true((u8)record[0] == EVENT_PERMISSION && record[1] == (EVENT_RNW | (u64)CLASS_IN << 40));
	close_world(&w);
}

static void bad_contexts_are_told(void **state)
{
	static const struct {
		u64 clear, set, table;
	} bad[] = {
		{0x3f, 40, TABLES},                  /* T0SZ without small tables */
		{0x3f, 15, TABLES},                  /* and with 48 bits of VA */
		{3 << 6, 3 << 6, TABLES},            /* no such granule */
		{BIT(46), 0, TABLES},                /* A=0: a read of zeroes instead of an abort */
		{BIT(30), 0, TABLES},                /* TTB1 too is walked: its T1SZ is 0 */
		{7ull << 32, 0, TABLES | 1ull << 32} /* the table is behind IPS */
	};
	u64 pa, size, record[4];
	struct world w;

	open_world(&w);
	start(&w, 9);
	put(&w, ste_of(SID), 1 | 5 << 1 | CD);
	for (unsigned n = 0; n < ARRAY_SIZE(bad); n++) {
		context(&w, 25, 0, bad[n].table);
		put(&w, CD, (load_le(w.memory + (CD - RAM), 8) & ~bad[n].clear) | bad[n].set);
		assert_false(where(&w, 0, false, &pa, &size));
		assert_int_equal(events(&w, record) & 7, (n + 1) & 7);
		assert_int_equal((u8)record[0], EVENT_BAD_CD);
	}
	/* Streams that the table does not have are told of on demand only. */
	reg(&w, SMMU_CR0, 4, 0);
	start(&w, 8);
	reg(&w, SMMU_CR0, 4, CR0_EVENTQEN | CR0_CMDQEN);
	reg(&w, SMMU_CR2, 4, 0);
	reg(&w, SMMU_CR0, 4, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN);
	assert_false(where(&w, 0, false, &pa, &size));
	assert_int_equal(events(&w, record) & 7, ARRAY_SIZE(bad) & 7);
	close_world(&w);
}

static void command_of(struct world *w, u64 low, u64 high)
{
	u32 prod = (u32)get(w, SMMU_CMDQ_PROD, 4);

	put(w, CMDQ + 16 * (prod & 15), low);
	put(w, CMDQ + 16 * (prod & 15) + 8, high);
	reg(w, SMMU_CMDQ_PROD, 4, (prod + 1) & 0x1f);
}

static void command(struct world *w, u64 low)
{
	command_of(w, low, 0);
}

/* What is behind OAS, and what is aligned by it. [IHI0070 3.4.3, SMMU_STRTAB_BASE] */
static void addresses_are_cut_and_aligned(void **state)
{
	u64 pa, size, record[4];
	struct world w;

	open_world(&w);
	reg(&w, SMMU_STRTAB_BASE, 8, RAM + 8 * MiB);
	reg(&w, SMMU_STRTAB_BASE_CFG, 4, 18); /* 16 MiB, so the table is where RAM begins; SIDs have 16 bits */
	reg(&w, SMMU_CMDQ_BASE, 8, 1ull << 48 | CMDQ | 4);
	reg(&w, SMMU_EVENTQ_BASE, 8, 1ull << 50 | EVENTQ | 3);
	reg(&w, SMMU_CR0, 4, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN);
	put(&w, RAM + 64 * (u64)SID, 1 | 4 << 1);
	assert_true(where(&w, 0x88, false, &pa, &size) && pa == 0x88);
	put(&w, RAM + 64 * (u64)SID, 1 | 5 << 1 | 1ull << 48 | CD);
	assert_false(where(&w, 0, false, &pa, &size));
	assert_int_equal(events(&w, record), 1);
	assert_int_equal((u8)record[0], EVENT_BAD_STE);
	command(&w, CMD_SYNC);
	assert_int_equal(get(&w, SMMU_CMDQ_CONS, 4), 1);
	/* Nothing is walked, so nothing is big-endian: no bad context, but no translation. */
	put(&w, RAM + 64 * (u64)SID, 1 | 5 << 1 | CD);
	context(&w, 25, 0, TABLES);
	put(&w, CD, load_le(w.memory + (CD - RAM), 8) | BIT(14) | BIT(15));
	assert_false(where(&w, 0, false, &pa, &size));
	events(&w, record);
	assert_int_equal((u8)record[0], EVENT_TRANSLATION);
	close_world(&w);
}

static void commands_run_and_err(void **state)
{
	struct world w;

	open_world(&w);
	start(&w, 9);
	for (unsigned n = 0; n < 40; n++) /* the index wraps */
		command(&w, n & 1 ? CMD_SYNC | 1 << 12 : CMD_TLBI_NH_VA);
	assert_int_equal(get(&w, SMMU_CMDQ_CONS, 4), get(&w, SMMU_CMDQ_PROD, 4));
	assert_int_equal(w.pulses[2], 20);
	command(&w, 0xfe);
	command(&w, CMD_SYNC);
	assert_int_equal(get(&w, SMMU_CMDQ_CONS, 4) >> 24, CERROR_ILL);
	assert_int_equal(get(&w, SMMU_GERROR, 4), GERROR_CMDQ);
	assert_int_equal(w.pulses[3], 1);
	/* The driver puts a SYNC in its place and says that it knows. */
	put(&w, CMDQ + 16 * (get(&w, SMMU_CMDQ_CONS, 4) & 15), CMD_SYNC);
	reg(&w, SMMU_GERRORN, 4, GERROR_CMDQ);
	assert_int_equal(get(&w, SMMU_CMDQ_CONS, 4) & 0xfffff, get(&w, SMMU_CMDQ_PROD, 4));
	close_world(&w);
}

/* Writes a command that is in error, reads why, and puts a SYNC in its place. */
static void command_is_illegal_of(struct world *w, u64 low, u64 high)
{
	command_of(w, low, high);
	assert_int_equal(get(w, SMMU_CMDQ_CONS, 4) >> 24, CERROR_ILL);
	put(w, CMDQ + 16 * (get(w, SMMU_CMDQ_CONS, 4) & 15), CMD_SYNC);
	reg(w, SMMU_GERRORN, 4, get(w, SMMU_GERROR, 4));
	assert_int_equal(get(w, SMMU_CMDQ_CONS, 4), get(w, SMMU_CMDQ_PROD, 4));
}

static void command_is_illegal(struct world *w, u64 low)
{
	command_is_illegal_of(w, low, 0);
}

/* [IHI0070 4.1.6, 4.7.3] */
static void a_sync_has_the_events_before_it(void **state)
{
	struct world w;
	u64 pa, size;

	open_world(&w);
	start(&w, 9);
	assert_false(where(&w, 0, false, &pa, &size));
	assert_int_equal(get(&w, SMMU_EVENTQ_PROD, 4), 0);
	command(&w, CMD_SYNC);
	assert_int_equal(get(&w, SMMU_EVENTQ_PROD, 4), 1);
	command_is_illegal(&w, CMD_SYNC | 3 << 12);
	command_is_illegal(&w, CMD_CFGI_STE | COMMAND_SSEC);
	command_is_illegal(&w, CMD_CFGI_ALL | COMMAND_SSEC);
	command_is_illegal(&w, 0x28); /* of stage 2 */
	close_world(&w);
}

/* What SMMUv3.2, which AIDR says, obliges to. [IHI0070 SMMU_AIDR, SMMU_IDR3, SMMU_CR1] */
static void registers_are_those_of_the_version(void **state)
{
	struct world w;

	open_world(&w);
	assert_int_equal(get(&w, SMMU_AIDR, 4), 2);
	assert_true(get(&w, SMMU_IDR3, 4) & IDR3_RIL);
	assert_true(bits(get(&w, SMMU_IDR3, 4), 12, 11) == 2);
	reg(&w, SMMU_CR1, 4, 0xd75);
	assert_int_equal(get(&w, SMMU_CR1, 4), 0xd75);
	reg(&w, SMMU_CR0, 4, CR0_SMMUEN);
	reg(&w, SMMU_CR1, 4, 0);
	assert_int_equal(get(&w, SMMU_CR1, 4), 0xd40);
	reg(&w, SMMU_CR0, 4, CR0_EVENTQEN);
	reg(&w, SMMU_CR1, 4, 0x3f);
	assert_int_equal(get(&w, SMMU_CR1, 4), 0);
	reg(&w, SMMU_CR0, 4, CR0_CMDQEN);
	reg(&w, SMMU_CR1, 4, 0xfff);
	assert_int_equal(get(&w, SMMU_CR1, 4), 0xfc0);
	close_world(&w);
}

/* TG, bits 75:74, goes with NUM (16:12), SCALE (24:20) or TTL (73:72). [IHI0070 4.4.1.1] */
static void ranges_have_a_size_or_a_level(void **state)
{
	static const u8 commands[] = {CMD_TLBI_NH_VA, CMD_TLBI_NH_VAA};
	struct world w;

	open_world(&w);
	start(&w, 9);
	for (unsigned n = 0; n < ARRAY_SIZE(commands); n++) {
		for (u64 granule = 1; granule < 4; granule++) {
			command_is_illegal_of(&w, commands[n], granule << 10);
			command_of(&w, commands[n] | 1 << 12, granule << 10);
			command_of(&w, commands[n] | 1 << 20, granule << 10);
			command_of(&w, commands[n], granule << 10 | 2 << 8);
		}
		command_is_illegal_of(&w, commands[n], 2 << 10 | 1 << 8); /* 16K has no blocks at level 1 */
		command_of(&w, commands[n], 1 << 10 | 1 << 8);
		command_of(&w, commands[n] | 1 << 12, 2 << 10 | 1 << 8);
	}
	assert_int_equal(get(&w, SMMU_CMDQ_CONS, 4), get(&w, SMMU_CMDQ_PROD, 4));
	assert_int_equal(get(&w, SMMU_GERROR, 4), get(&w, SMMU_GERRORN, 4));
	close_world(&w);
}

/* [IHI0070 3.4, 7.2.1] */
static void what_cannot_be_written_is_gone(void **state)
{
	struct world w;
	u64 pa, size, record[4];

	open_world(&w);
	assert_false(where(&w, 1ull << 48, false, &pa, &size)); /* off: no more than OAS passes */
	start(&w, 9);
	assert_int_equal(get(&w, SMMU_CR2, 4), CR2_RECINVSID);
	reg(&w, SMMU_CR2, 4, 0); /* read-only while the SMMU is on */
	assert_int_equal(get(&w, SMMU_CR2, 4), CR2_RECINVSID);
	/* The queue is disabled before the loop comes by, and enabled again. */
	assert_false(where(&w, 0, false, &pa, &size));
	reg(&w, SMMU_CR0, 4, CR0_SMMUEN | CR0_CMDQEN);
	reg(&w, SMMU_CR0, 4, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN);
	assert_int_equal(events(&w, record), 0);
	/* The queue is not in memory; what comes until that is acknowledged is lost. */
	reg(&w, SMMU_CR0, 4, CR0_SMMUEN | CR0_CMDQEN);
	reg(&w, SMMU_EVENTQ_BASE, 8, (RAM + 64 * MiB) | 3);
	reg(&w, SMMU_CR0, 4, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN);
	assert_false(where(&w, 0, false, &pa, &size));
	events(&w, record);
	assert_int_equal(get(&w, SMMU_GERROR, 4), GERROR_EVENTQ_ABT);
	reg(&w, SMMU_CR0, 4, CR0_SMMUEN | CR0_CMDQEN);
	reg(&w, SMMU_EVENTQ_BASE, 8, EVENTQ | 3);
	reg(&w, SMMU_CR0, 4, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN);
	assert_false(where(&w, 0, false, &pa, &size));
	assert_int_equal(events(&w, record), 0);
	reg(&w, SMMU_GERRORN, 4, GERROR_EVENTQ_ABT);
	assert_false(where(&w, 0, false, &pa, &size));
	assert_int_equal(events(&w, record), 1);
	close_world(&w);
}

static void a_full_event_queue_overflows(void **state)
{
	struct world w;
	u64 pa, size, record[4];

	open_world(&w);
	start(&w, 9);
	for (unsigned n = 0; n < 12; n++)
		assert_false(where(&w, 0, false, &pa, &size));
	events(&w, record);
	assert_int_equal(get(&w, SMMU_EVENTQ_PROD, 4), QUEUE_OVERFLOW | 8);
	reg(&w, SMMU_EVENTQ_CONS, 4, QUEUE_OVERFLOW | 8);
	assert_false(where(&w, 0, false, &pa, &size));
	events(&w, record);
	assert_int_equal(get(&w, SMMU_EVENTQ_PROD, 4), QUEUE_OVERFLOW | 9);
	close_world(&w);
}

/* A stream that bypasses translation, and a queue of 512 events: an access beyond the output size is one. */
static void open_faulting(struct world *w)
{
	open_world(w);
	reg(w, SMMU_EVENTQ_BASE, 8, EVENTQ | 9);
	reg(w, SMMU_STRTAB_BASE, 8, STRTAB);
	reg(w, SMMU_STRTAB_BASE_CFG, 4, 9);
	reg(w, SMMU_CR0, 4, CR0_SMMUEN | CR0_EVENTQEN);
	put(w, ste_of(SID), 1 | 4 << 1);
}

/* A device may fault many times within one write to its doorbell. */
static void no_event_is_lost_while_there_is_room(void **state)
{
	struct world w;
	u64 pa, size, record[4];

	open_faulting(&w);
	for (u64 n = 0; n < 300; n++)
		assert_false(where(&w, 1ull << 48 | n << 12, false, &pa, &size));
	events(&w, record);
	assert_int_equal(get(&w, SMMU_EVENTQ_PROD, 4), 300);
	for (u64 n = 0; n < 300; n++)
		assert_true(load_le(w.memory + (EVENTQ - RAM) + 32 * n + 16, 8) == (1ull << 48 | n << 12));
	close_world(&w);
}

static void *fault_many_times(void *world)
{
	u64 pa, size;

	for (u64 n = 0; n < 300; n++)
		assert_false(where(world, 1ull << 48 | n << 12, false, &pa, &size));
	return NULL;
}

/* A disk's thread, which cannot wait until the loop has written what it told: what is lost is not lost in silence. */
static void losses_are_told(void **state)
{
	struct world w;
	u64 record[4];
	pthread_t thread;
	u32 prod;

	open_faulting(&w);
	for (u32 round = 1; round < 3; round++) {
		assert_int_equal(pthread_create(&thread, NULL, fault_many_times, &w), 0);
		pthread_join(thread, NULL);
		events(&w, record);
		prod = (u32)get(&w, SMMU_EVENTQ_PROD, 4);
		assert_true(prod & ~QUEUE_OVERFLOW && (prod & ~QUEUE_OVERFLOW) < 300 * round);
		assert_int_equal(prod & QUEUE_OVERFLOW, round & 1 ? QUEUE_OVERFLOW : 0);
		reg(&w, SMMU_EVENTQ_CONS, 4, prod);
	}
	close_world(&w);
}

/* Every word of tables and registers is a random one: nothing is read outside RAM, and every walk ends. */
static void hostile_tables_end(void **state)
{
	struct world w;
	u64 random = 88172645463325252ull, pa, size, record[4];

	open_world(&w);
	for (unsigned round = 0; round < 200; round++) {
		for (u64 at = 0; at < 2 * MiB; at += 8) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			/* Half of them point into RAM and look valid. */
			put(&w, RAM + at,
			    random & 1 ? random : (RAM + (random >> 20 & (2 * MiB - 64))) | (random >> 8 & 0xf) | 1);
		}
		reg(&w, SMMU_CR0, 4, 0);
		reg(&w, SMMU_STRTAB_BASE, 8, random % 3 ? STRTAB : random);
		reg(&w, SMMU_STRTAB_BASE_CFG, 4, random >> 11);
		reg(&w, SMMU_CMDQ_BASE, 8, CMDQ | (random & 0x1f));
		reg(&w, SMMU_EVENTQ_BASE, 8, random % 5 ? EVENTQ | (random & 0x1f) : random);
		reg(&w, SMMU_CMDQ_PROD, 4, random >> 5);
		reg(&w, SMMU_GERRORN, 4, random >> 17);
		reg(&w, SMMU_CR0, 4, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN);
		if (round & 1)
			put(&w, ste_of(SID), 1 | 5 << 1 | CD);
		if (round & 2)
			context(&w, random >> 9 & 63, random >> 3 & 3, TABLES + (random & 0xff0));
		for (unsigned n = 0; n < 50; n++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			if (where(&w, n & 1 ? random >> 20 : random, n & 2, &pa, &size))
				assert_true(size);
		}
		events(&w, record);
	}
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off_passes_or_aborts),
		cmocka_unit_test(every_granule_translates),
		cmocka_unit_test(streams_are_looked_up),
		cmocka_unit_test(entries_are_judged_as_specified),
		cmocka_unit_test(bad_contexts_are_told),
		cmocka_unit_test(addresses_are_cut_and_aligned),
		cmocka_unit_test(commands_run_and_err),
		cmocka_unit_test(a_sync_has_the_events_before_it),
		cmocka_unit_test(registers_are_those_of_the_version),
		cmocka_unit_test(ranges_have_a_size_or_a_level),
		cmocka_unit_test(what_cannot_be_written_is_gone),
		cmocka_unit_test(a_full_event_queue_overflows),
		cmocka_unit_test(no_event_is_lost_while_there_is_room),
		cmocka_unit_test(losses_are_told),
		cmocka_unit_test(hostile_tables_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
