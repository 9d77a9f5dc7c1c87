/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Poison in interleaved CXL memory hurts who reads it, by every width and kind of access, at that instruction and nowhere else: loads, atomics, instruction
 * fetches, table walks; and a device's DMA. Each leaves a record in the device's failure log. Stores keep it, Clear Poison repairs it. [CXL3.1 8.2.9.9.4] [DDI0487 D8.16]
 */
/* run: topology=cxl2 */
#include "bare.h"

#define CFG(bus, dev, reg) (ECAM + ((u64)(bus) << 20) + ((u64)(dev) << 15) + (reg))
#define BARS 0x20000000ul
#define FW_CFG_DMA 0x09020010ul
#define DPA 0x1000ul           /* of the first of two devices, 256 bytes each in turn */
#define LINE (WINDOW + 0x2000)
#define DATA_ABORT EC(0x25, 0x10)
#define FETCH_ABORT EC(0x21, 0x10)
#define WALK_ABORT EC(0x25, 0x17) /* of the last table */
enum { GET_EVENTS = 0x0100, CLEAR_EVENTS = 0x0101, INJECT = 0x4301, CLEAR = 0x4302, FAILURE_LOG = 2, RECORDS_AT = 32, RECORD_DPA = 48, RECORD_HANDLE = 20 };

static u64 mailbox, payload, other; /* HDM Decoder Global Control of the other device */

static void other_device(void)
{
	u64 rp = CFG(128, 1, 0), ep = CFG(130, 0, 0), bar = BARS + 0x1000000, block = bar + 0x1000;

	write32(rp + 0x18, 128 | 130 << 8 | 130 << 16);
	write32(rp + 0x20, (u32)(bar >> 16 & 0xfff0) | (u32)((bar + 0xffffff) & 0xfff00000));
	write16(rp + 4, 6);
	write32(ep + 0x10, (u32)bar);
	write32(ep + 0x14, 0);
	write16(ep + 4, 6);
	for (unsigned n = 1; n <= read32(block) >> 24; n++)
		if ((read32(block + 4 * n) & 0xffff) == 5) /* HDM decoders */
			other = block + (read32(block + 4 * n) >> 20) + 4;
}

static void enumerate(void)
{
	u64 rp = CFG(128, 0, 0), ep = CFG(129, 0, 0);

	write32(rp + 0x18, 128 | 129 << 8 | 129 << 16);
	write32(rp + 0x20, (u32)(BARS >> 16 & 0xfff0) | (u32)((BARS + 0xffffff) & 0xfff00000));
	write16(rp + 4, 6);
	check("CXL memory device", read32(ep + 8) >> 8, 0x050210);
	for (unsigned bar = 0; bar < 3; bar++) {
		write32(ep + 0x10 + 8 * bar, (u32)BARS + 0x10000 * bar);
		write32(ep + 0x14 + 8 * bar, 0);
	}
	write16(ep + 4, 6);
	mailbox = BARS + 0x10000 + read32(BARS + 0x10000 + 0x24);
	payload = mailbox + 0x20;
	other_device();
}

/* The payload has been written. */
static void command(const char *what, u64 opcode, u64 bytes)
{
	write64(mailbox + 8, opcode | bytes << 16);
	write32(mailbox + 4, 1);
	for (u64 until = now() + ms(1000); (read32(mailbox + 4) & 1) && now() < until;)
		;
	check(what, read64(mailbox + 16) >> 32 & 0xffff, 0);
}

static void poison(u64 dpa)
{
	write64(payload, dpa);
	command("inject poison", INJECT, 8);
}

static void repair(u64 dpa, u64 data)
{
	write64(payload, dpa);
	for (unsigned n = 0; n < 8; n++)
		write64(payload + 8 + 8 * n, data + n);
	command("clear poison", CLEAR, 72);
}

/* The failure log has this one record, or (dpa 0) none; it is taken out. */
static void told(const char *what, u64 dpa)
{
	u16 handle;

	write8(payload, FAILURE_LOG);
	command("get event records", GET_EVENTS, 1);
	check(what, read16(payload + 20), dpa ? 1 : 0);
	if (!read16(payload + 20))
		return;
	check(what, read64(payload + RECORDS_AT + RECORD_DPA) & ~0x3ful, dpa);
	handle = read16(payload + RECORDS_AT + RECORD_HANDLE);
	write64(payload, FAILURE_LOG | 1 << 16);
	write16(payload + 6, handle);
	command("clear event records", CLEAR_EVENTS, 8);
}

#define HURTS(what, at, ...) do { FAULTS_FAR(what, DATA_ABORT, at, ".arch armv8.1-a\n" __VA_ARGS__); told(what, DPA); } while (0)
/* Which of the three instructions meets it is the machine's. */
static void copy(void)
{
	u64 to = LINE + 4096, from = LINE - 64, size = 192, flags = 0;

#define STEP(name) \
	if (!self()->count) \
		asm volatile(".arch armv8.7-a+mops\n msr nzcv, %3; " name " [%0]!, [%1]!, %2!; mrs %3, nzcv" \
			     : "+r"(to), "+r"(from), "+r"(size), "+r"(flags) :: "cc", "memory")
	exc_begin();
	STEP("cpyp");
	STEP("cpym");
	STEP("cpye");
	exc_check_far("copy", DATA_ABORT, LINE);
	told("copy", DPA);
}

static void loads(void)
{
	for (unsigned n = 0; n < 64; n += 21)
		HURTS("byte", LINE + n, "ldrb w9, [%0]" :: "r"(LINE + n) : "x9", "memory");
	HURTS("half", LINE + 2, "ldrh w9, [%0]" :: "r"(LINE + 2) : "x9", "memory");
	HURTS("word", LINE + 60, "ldr w9, [%0]" :: "r"(LINE + 60) : "x9", "memory");
	HURTS("double", LINE + 56, "ldr x9, [%0]" :: "r"(LINE + 56) : "x9", "memory");
	HURTS("pair", LINE, "ldp x9, x10, [%0]" :: "r"(LINE) : "x9", "x10", "memory");
	HURTS("128 bits", LINE + 16, "ldr q0, [%0]" :: "r"(LINE + 16) : "memory");
	HURTS("vectors", LINE, "ld1 {v0.16b, v1.16b}, [%0]" :: "r"(LINE) : "memory");
	HURTS("acquire", LINE + 8, "ldar x9, [%0]" :: "r"(LINE + 8) : "x9", "memory");
	HURTS("exclusive", LINE + 8, "ldxr x9, [%0]" :: "r"(LINE + 8) : "x9", "memory");
	HURTS("ldadd", LINE + 8, "ldadd x9, x9, [%0]" :: "r"(LINE + 8) : "x9", "memory");
	HURTS("swp", LINE + 8, "swp w9, w9, [%0]" :: "r"(LINE + 8) : "x9", "memory");
	HURTS("cas", LINE + 8, "cas x9, x9, [%0]" :: "r"(LINE + 8) : "x9", "memory");
	HURTS("casp", LINE + 16, "casp x10, x11, x10, x11, [%0]" :: "r"(LINE + 16) : "x10", "x11", "memory");
	/* Over its edges: one byte is enough. */
	for (unsigned n = 1; n < 8; n++) {
		FAULTS("into it", DATA_ABORT, "ldr x9, [%0]" :: "r"(LINE - n) : "x9", "memory");
		told("into it", DPA);
		FAULTS("out of it", DATA_ABORT, "ldr x9, [%0]" :: "r"(LINE + 64 - n) : "x9", "memory");
		told("out of it", DPA);
	}
	copy();
	WORKS("before it", "ldr x9, [%0]" :: "r"(LINE - 8) : "x9", "memory");
	WORKS("behind it", "ldp x9, x10, [%0]" :: "r"(LINE + 64) : "x9", "x10", "memory");
	told("neighbours", 0);
	done("loads");
}

static void stores(void)
{
	WORKS("stores", "strb w9, [%0]; str x9, [%0, #8]; stp x9, x9, [%0, #16]; str q0, [%0, #32]; dc zva, %0" :: "r"(LINE) : "memory");
	told("stores", 0);
	HURTS("after stores", LINE, "ldr x9, [%0]" :: "r"(LINE) : "x9", "memory");
	done("stores keep it");
}

static void code(void)
{
	volatile u32 *at = (volatile u32 *)(LINE - 64);

	/* 32 times add x0, x0, #1 over the line and what is on both sides of it; then back. */
	for (unsigned n = 0; n < 40; n++)
		at[n] = 0x91000400;
	at[40] = 0xd65f03c0;
	code_changed((void *)at, 164);
	for (unsigned round = 0; round < 3; round++) {
		exc_begin();
		guarded_call((void *)at, 0, 0);
		exc_check_far("into a poisoned line", FETCH_ABORT, LINE);
		check("the right instruction", self()->elr, LINE);
		told("fetch", DPA);
		exc_begin();
		guarded_call((void *)(LINE + 20), 0, 0);
		exc_check_far("to a poisoned line", FETCH_ABORT, LINE + 20);
		told("fetch", DPA);
		check("code beside it, in its page", guarded_call((void *)(LINE + 64), 5, 0), 5 + 8);
		told("code beside it", 0);
	}
	done("code");
}

/* It is told a little later than it was met. */
static void wait_for_record(void)
{
	for (u64 until = now() + ms(1000); now() < until;) {
		write8(payload, FAILURE_LOG);
		command("get event records", GET_EVENTS, 1);
		if (read16(payload + 20))
			return;
	}
}

/* Without the other device the window is no memory in one piece: loads, stores and fetches go one by one. */
static void by_granules(void)
{
	volatile u32 *at = (volatile u32 *)(LINE + 64);

	check("HDM Decoder Enable of the other device", read32(other), 2);
	write32(other, 0);
	check("its granules", read32(LINE + 256), 0xffffffff);
	for (unsigned round = 1; round <= 3; round++) {
		for (unsigned n = 0; n < 8; n++)
			at[n] = 0x91000000 | round << 10; /* add x0, x0, #round */
		at[8] = 0xd65f03c0;
		code_changed((void *)at, 36);
		check("code by granules", guarded_call((void *)at, 5, 0), 5 + 8 * round);
		told("code beside it", 0);
		exc_begin();
		guarded_call((void *)(LINE + 60), 0, 0);
		exc_check_far("to a poisoned line", FETCH_ABORT, LINE + 60);
		wait_for_record();
		told("fetch by granules", DPA);
		exc_begin();
		guarded_call((void *)(LINE + 256), 0, 0);
		exc_check_far("to what is not there", FETCH_ABORT, LINE + 256);
		told("fetch of nothing", 0);
		repair(DPA, 0xd65f03c091000c00); /* add x0, x0, #3; ret; two and two */
		check("repaired code", guarded_call((void *)LINE, 5, 0), 8);
		poison(DPA);
		exc_begin();
		guarded_call((void *)LINE, 0, 0);
		exc_check_far("to a line that was poisoned", FETCH_ABORT, LINE);
		wait_for_record();
		told("fetch by granules", DPA);
	}
	write32(other, 2);
	check("code in one piece", guarded_call((void *)at, 5, 0), 5 + 8 * 3);
	told("code beside it", 0);
	done("granules");
}

/* A request of fw_cfg's lies there; its answer is written over it, which does not repair the line. */
static void dma(void)
{
	write64(FW_CFG_DMA, __builtin_bswap64(LINE + 16));
	wait_for_record();
	told("dma", DPA);
	write64(FW_CFG_DMA, __builtin_bswap64(LINE + 64));
	told("dma beside it", 0);
	HURTS("after dma", LINE, "ldr x9, [%0]" :: "r"(LINE) : "x9", "memory");
	done("dma");
}

static void tables(struct tables *t, u64 va)
{
	u64 *slot = table_slot(t, va, 2), kept = *slot;

	/* The last table of these 2 MiB is in the page that has the line: its descriptors 0 to 7 are poisoned. */
	for (unsigned n = 0; n < 512; n++)
		write64(LINE + 8 * n, (va + 4096 * n) | D_RAM | 3);
	*slot = LINE | 3;
	tlbi_all();
	FAULTS_FAR("walk", WALK_ABORT, va + 0x7008, "ldr x9, [%0]" :: "r"(va + 0x7008) : "x9", "memory");
	told("walk", DPA);
	WORKS("walk beside it", "ldr x9, [%0]" :: "r"(va + 0x8008) : "x9", "memory");
	told("walk beside it", 0);
	exc_begin();
	guarded_call((void *)(va + 0x3000), 0, 0);
	exc_check_far("walk for a fetch", EC(0x21, 0x17), va + 0x3000);
	told("walk for a fetch", DPA);
	*slot = kept;
	tlbi_all();
	done("table walks");
}

void test(void)
{
	struct tables t;

	enumerate();
	tables_init(&t, 12, 48);
	map_machine(&t);
	for (u64 pa = BARS; pa < BARS + 0x1200000; pa += BIT(21))
		map(&t, pa, pa, D_DEV, 2);
	for (u64 pa = WINDOW; pa < WINDOW + (16ul << 20); pa += BIT(21))
		map(&t, pa, pa, D_RAM & ~D_UXN, 2);
	mmu_set(t.root, tcr_for(&t));
	poison(DPA);
	told("nothing is read yet", 0);
	done("injection");
	loads();
	stores();
	code();
	dma();
	by_granules();
	tables(&t, WINDOW + (4ul << 20));
	repair(DPA, 0x1234);
	check("repaired", read64(LINE), 0x1234);
	check("repaired, last", read64(LINE + 56), 0x1234 + 7);
	for (unsigned n = 0; n < 40; n++)
		((volatile u32 *)(LINE - 64))[n] = 0x91000400;
	((volatile u32 *)(LINE - 64))[40] = 0xd65f03c0;
	code_changed((void *)(LINE - 64), 164);
	check("code runs", guarded_call((void *)(LINE - 64), 0, 0), 40);
	told("repaired", 0);
	done("repair");
}
