/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest against the devices: every width, alignment and kind of instruction at every region of the board, BARs over each other and over
 * what is not theirs, decoders over everything, DMA and messages to places that are no memory. What holds: the guest goes on, and what was not
 * given away is as it was. Regions are mapped as normal memory, so that unaligned accesses reach the devices.
 */
/* run: topology=devices smp=1 timeout=60 */
#include "bare.h"

#define CFG(bus, dev, reg) (ECAM + ((u64)(bus) << 20) + ((u64)(dev) << 15) + (reg))
#define NORMAL 0x200000000000ul /* where everything is mapped again, as normal memory */
#define BAR_BASE 0x20000000ul
#define HOST_REGS 0x4004000000ul
#define RNG CFG(0, 8, 0)
#define RNG_CONFIG 0x30000000ul
#define RNG_MSIX 0x30010000ul
#define CACHEMEM 0x1000

static u64 seed = 0x1234567;
static u64 component[2], mailbox[2];
static volatile u64 *witness; /* nobody else's memory */
static struct tables wide;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void witness_check(const char *what)
{
	for (unsigned i = 0; i < 512; i++)
		check(what, witness[i], i * 0x0101010101010101ul);
}

static void map_all(void)
{
	u64 nc = D_ATTR(ATTR_NC) | D_ISH | D_AF | D_UXN | D_PXN;

	tables_init(&wide, 12, 48);
	map_machine(&wide);
	for (u64 pa = ECAM; pa < ECAM + 0x10000000; pa += BIT(21))
		map(&wide, pa, pa, D_DEV, 2);
	map(&wide, HOST_REGS & ~(BIT(21) - 1), HOST_REGS & ~(BIT(21) - 1), D_DEV, 2);
	for (u64 pa = 0x10000000; pa < RAM; pa += BIT(21))
		map(&wide, pa, pa, D_DEV, 2);
	static const u64 all[] = {0, 0x4000000000, 0x8000000000, WINDOW, WINDOW + 0x40000000};
	for (unsigned i = 0; i < 5; i++)
		map(&wide, NORMAL + all[i], all[i], nc, 1);
	mmu_set(wide.root, tcr_for(&wide));
}

/* Bus numbers, windows and BARs, as firmware would. */
static void enumerate(void)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned bus = 129 + i;
		u64 rp = CFG(128, i, 0), ep = CFG(bus, 0, 0), base = BAR_BASE + i * 0x1000000ul;

		write32(rp + 0x18, 128 | bus << 8 | bus << 16);
		write32(rp + 0x20, (u32)(base >> 16 & 0xfff0) | (u32)((base + 0xffffff) & 0xfff00000));
		write16(rp + 0x3e, 0); /* out of reset, link on, slot on */
		write16(rp + 0x88, 0);
		write16(rp + 0x90, 0x01c0);
		write16(rp + 4, 6);
		check("CXL memory device", read32(ep + 8) >> 8, 0x050210);
		component[i] = base;
		mailbox[i] = base + 0x10000;
		write32(ep + 0x10, (u32)component[i]);
		write32(ep + 0x14, 0);
		write32(ep + 0x18, (u32)mailbox[i]);
		write32(ep + 0x1c, 0);
		write32(ep + 0x20, (u32)base + 0x20000);
		write16(ep + 4, 6);
	}
	check("entropy source", read32(RNG), 0x10441af4);
	for (u64 at = read8(RNG + 0x34); at; at = read8(RNG + at + 1)) {
		if (read8(RNG + at) == 1)
			write16(RNG + at + 4, 0); /* D0 */
		if (read8(RNG + at) == 0x11)
			write16(RNG + at + 2, 0x8000);
	}
	write32(RNG + 0x14, RNG_MSIX);
	write32(RNG + 0x20, RNG_CONFIG);
	write32(RNG + 0x24, 0);
	write16(RNG + 4, 6);
}

/* --- noise: any instruction at any device --- */

static bool skip(struct frame *f, unsigned vector)
{
	f->elr += 4;
	return true;
}

static void one(u64 at, unsigned kind, u64 value)
{
	switch (kind) {
	case 0: asm volatile("ldrb w9, [%0]" :: "r"(at) : "x9", "memory"); break;
	case 1: asm volatile("ldrh w9, [%0]" :: "r"(at) : "x9", "memory"); break;
	case 2: asm volatile("ldr w9, [%0]" :: "r"(at) : "x9", "memory"); break;
	case 3: asm volatile("ldr x9, [%0]" :: "r"(at) : "x9", "memory"); break;
	case 4: asm volatile("ldp x9, x10, [%0]" :: "r"(at) : "x9", "x10", "memory"); break;
	case 5: asm volatile("ldr q0, [%0]" :: "r"(at) : "memory"); break;
	case 6: asm volatile("ld1 {v0.16b-v3.16b}, [%0]" :: "r"(at) : "memory"); break;
	case 7: asm volatile("ldxr x9, [%0]" :: "r"(at) : "x9", "memory"); break;
	case 8: asm volatile("strb %w1, [%0]" :: "r"(at), "r"(value) : "memory"); break;
	case 9: asm volatile("strh %w1, [%0]" :: "r"(at), "r"(value) : "memory"); break;
	case 10: asm volatile("str %w1, [%0]" :: "r"(at), "r"(value) : "memory"); break;
	case 11: asm volatile("str %1, [%0]" :: "r"(at), "r"(value) : "memory"); break;
	case 12: asm volatile("stp %1, %1, [%0]" :: "r"(at), "r"(value) : "memory"); break;
	case 13: asm volatile("dup v0.2d, %1; str q0, [%0]" :: "r"(at), "r"(value) : "memory"); break;
	case 14: asm volatile("dup v0.2d, %1; mov v1.16b, v0.16b; st1 {v0.16b, v1.16b}, [%0]" :: "r"(at), "r"(value) : "memory"); break;
	case 15: asm volatile("ldxr x9, [%0]; stxr w10, %1, [%0]" :: "r"(at), "r"(value) : "x9", "x10", "memory"); break;
	case 16: asm volatile(".arch armv8.1-a\n casal %1, %1, [%0]" :: "r"(at), "r"(value) : "memory"); break;
	case 17: asm volatile(".arch armv8.1-a\n ldaddal %1, x9, [%0]" :: "r"(at), "r"(value) : "x9", "memory"); break;
	case 18: asm volatile(".arch armv8.1-a\n swpb %w1, w9, [%0]" :: "r"(at), "r"(value) : "x9", "memory"); break;
	case 19: asm volatile("ldaxp x9, x10, [%0]; stlxp w11, x9, x10, [%0]" :: "r"(at) : "x9", "x10", "x11", "memory"); break;
	case 20: asm volatile("dc zva, %0" :: "r"(at) : "memory"); break;
	case 21: asm volatile("dc civac, %0; dc cvac, %0; ic ivau, %0" :: "r"(at) : "memory"); break;
	case 22: asm volatile("prfm pldl1keep, [%0]; prfm pstl1strm, [%0]" :: "r"(at)); break;
	default: asm volatile("at s1e1w, %0" :: "r"(at) : "memory"); break;
	}
}

static void noise(void)
{
	/* Not: what ends the machine (the GED's), what is shown on the console (the first registers of the UART: DC ZVA reaches 64 bytes). */
	static const struct { u64 base, size; } places[] = {
		{0, 0x1000}, {0x03fff000, 0x1000}, {0x04000000, 0x1000}, {0x07fff000, 0x1000}, {GICD, 0x10000}, {GICD + 0xff00, 0x200}, {ITS, 0x20000}, {GICR(0), 0x20000},
		{GICR(0) + 0x10000, 0x1000}, {UART + 0x40, 0xec0}, {RTC, 0x1000}, {0x09020000, 0x18}, {0x09020000, 0x40}, {0x09050000, 0x20000},
		{0x090f0000, 0x2000}, {0x09200000, 0x10000}, {0x0a000000, 0x4000}, {0x0fffff00, 0x200}, {BAR_BASE, 0x10000}, {BAR_BASE + 0x1000, 0x1000},
		{BAR_BASE + 0x10000, 0x2000}, {BAR_BASE + 0x20000, 0x1000}, {BAR_BASE + 0x1000000, 0x30000}, {RNG_CONFIG, 0x4000}, {RNG_MSIX, 0x1000},
		{0x3eff0000, 0x10000}, {0x3fffff00, 0x100}, {0x4000000000, 0x1000}, {HOST_REGS, 0x20000}, {HOST_REGS + 0x1000, 0x1000}, {ECAM, 0x10000},
		{ECAM + 0x40000, 0x1000}, {CFG(128, 0, 0), 0x10000}, {CFG(129, 0, 0), 0x1000}, {CFG(130, 0, 0), 0x1000}, {ECAM + 0xfffff00, 0x100},
		{0x8000000000, 0x10000}, {WINDOW, 0x2000}, {WINDOW + 0x3fffff00, 0x200}};
	unsigned n = sizeof(places) / sizeof(places[0]);

	self()->hook = skip;
	for (unsigned i = 0; i < RUNS(200000, 5000000); i++) {
		unsigned which = rnd() % n;
		u64 value = rnd() & 1 ? rnd() : BIT(rnd() % 64), offset = rnd() % places[which].size;

		one(NORMAL + places[which].base + (rnd() & 3 ? offset & ~3ul : offset), rnd() % 24, value);
	}
	self()->hook = NULL;
	write32(UART + 0x30, 0x301);
	write32(UART + 0x2c, 0x70);
	witness_check("memory after noise");
	done("noise at every device");
}

/* --- BARs where they do not belong --- */

static void bars(void)
{
	static const u64 wrong[] = {0, 0x04000000, GICD, ITS, UART, 0x09020000, 0x3eff0000, RAM, RAM + 0x1000000, 0x47ff0000, HOST_REGS, ECAM, ECAM + 0x8000000, WINDOW,
				    0xffff0000, 0xffffffffffff0000, 0x8000000000 - 0x10000, 0xffffff0000};
	u32 typer = read32(GICD + 4), id = read32(CFG(129, 0, 0));

	enumerate();
	for (unsigned i = 0; i < sizeof(wrong) / 8; i++) {
		for (unsigned d = 0; d < 2; d++)
			for (unsigned bar = 0; bar < 4; bar += 2) {
				write32(CFG(129 + d, 0, 0x10 + 4 * bar), (u32)wrong[i]);
				write32(CFG(129 + d, 0, 0x14 + 4 * bar), wrong[i] >> 32);
			}
		/* The bridge lets everything through. */
		write32(CFG(128, 0, 0x20), 0xfff00000);
		write32(CFG(128, 0, 0x24), 0xfff10001);
		write32(CFG(128, 0, 0x28), 0);
		write32(CFG(128, 0, 0x2c), 0xffffffff);
		check("the GIC is where it was", read32(GICD + 4), typer);
		check("configuration space is where it was", read32(CFG(129, 0, 0)), id);
		witness_check("memory under a BAR");
	}
	/* All in one place, again and again, while it is used. */
	self()->hook = skip;
	for (unsigned i = 0; i < 200; i++) {
		write32(CFG(129, 0, 0x10), BAR_BASE + (i & 3) * 0x10000);
		write32(CFG(129, 0, 0x14), 0);
		write32(CFG(129, 0, 0x18), BAR_BASE + (i >> 2 & 3) * 0x10000);
		write32(CFG(129, 0, 0x1c), 0);
		write32(CFG(129, 0, 0x20), BAR_BASE + (i & 7) * 0x1000);
		for (unsigned at = 0; at < 0x40000; at += 0x1000)
			one(NORMAL + BAR_BASE + at, i % 20, rnd());
	}
	self()->hook = NULL;
	done("BARs over each other and over everything");
}

/* --- decoders over everything --- */

static void decoders(void)
{
	static const u64 bases[] = {0, GICD & ~0xffffffful, RAM, 0x4000000000, ECAM, 0x8000000000, WINDOW, WINDOW + 0x10000000, WINDOW + (4ul << 30), 0xfffff0000000,
				    0xfffffffff0000000};
	static const u64 sizes[] = {0, 0x10000000, 0x40000000, 4ul << 30, BIT(40), 0xfffffffff0000000};
	u64 blocks[3];

	self()->hook = skip;
	enumerate();
	blocks[0] = HOST_REGS;
	blocks[1] = component[0];
	blocks[2] = component[1];
	for (unsigned round = 0; round < RUNS(600, 20000); round++) {
		u64 block = NORMAL + blocks[rnd() % 3] + CACHEMEM, base = bases[rnd() % 11], size = sizes[rnd() % 6], at = 0;

		/* The HDM decoder capability: id 5 in the array. */
		for (unsigned n = 1; n < 16; n++) {
			u32 header = read32(block + 4 * n);

			if ((header & 0xffff) == 5)
				at = block + (header >> 20);
		}
		if (!at)
			continue;
		at += 0x10 + 0x20 * (rnd() % 4);
		write32(at, (u32)base);
		write32(at + 4, base >> 32);
		write32(at + 8, (u32)size);
		write32(at + 12, size >> 32);
		write32(at + 20, (u32)rnd());
		write32(at + 24, (u32)rnd());
		write32(at + 16, (u32)(rnd() & 0xff) | 1 << 9 | 1 << 12);
		one(NORMAL + WINDOW + (rnd() & 0x7ffffff), rnd() % 20, rnd());
		if (round % 16 == 0)
			write32(at + 16, 0);
	}
	self()->hook = NULL;
	witness_check("memory under a decoder");
	check_true("the program is where it was", read32(GICD + 4) != ~0u);
	done("decoders over everything");
}

/* --- DMA, rings and messages to odd places --- */

static u64 desc, avail, used;

static void rng_start(u64 d, u64 a, u64 u)
{
	u64 c = RNG_CONFIG;

	write8(c + 0x14, 0);
	write8(c + 0x14, 3);
	write32(c + 8, 1);
	write32(c + 12, 1);
	write8(c + 0x14, 11);
	write16(c + 0x10, 0);
	write16(c + 0x16, 0);
	write16(c + 0x18, 8);
	write16(c + 0x1a, 1);
	write64(c + 0x20, d);
	write64(c + 0x28, a);
	write64(c + 0x30, u);
	write16(c + 0x1c, 1);
	write8(c + 0x14, 15);
}

/* Waits for 16 bits to be what they should become; not for ever, as a device may well have been broken. */
static void await(u64 at, u16 value)
{
	u64 until = now() + ms(200);

	while (read16(at) != value && now() < until)
		asm volatile("yield");
}

static void rng_to(u64 pa, u32 bytes)
{
	rng_start(desc, avail, used);
	write16(used + 2, 0);
	write64(desc, pa);
	write32(desc + 8, bytes);
	write32(desc + 12, 2);
	write16(avail, 0);
	write16(avail + 4, 0);
	write16(avail + 2, 1);
	dsb();
	write32(RNG_CONFIG + 0x3000, 0);
	await(used + 2, 1);
}

static void dma(void)
{
	static const u64 odd[] = {0, GICD, ITS + 0x10040, UART + 0x100, 0x09020010, RNG_CONFIG, RNG_CONFIG + 0x3000, RNG_MSIX, ECAM, HOST_REGS, WINDOW, WINDOW + (4ul << 30),
				  0x3f000000000, 0xfffffffffffffff0, 0x47fffff0, 0x3ffffff0};
	volatile u8 *page = page_alloc(65536);
	unsigned changed = 0;

	enumerate();
	for (unsigned n = 0; n < 2; n++) {
		write64(RNG_MSIX + 16 * n, 0);
		write64(RNG_MSIX + 16 * n + 8, 1ul << 32);
	}
	desc = (u64)page_alloc(4096);
	avail = desc + 1024;
	used = desc + 2048;
	rng_to((u64)page, 4096);
	for (unsigned i = 0; i < 4096; i++)
		changed += page[i] != 0;
	check_true("DMA works", changed > 3000);
	for (unsigned i = 0; i < sizeof(odd) / 8; i++) {
		rng_to(odd[i], 0x10000);
		rng_start(odd[i] & ~15ul, avail, used);
		write32(RNG_CONFIG + 0x3000, 0);
		rng_start(desc, odd[i] & ~1ul, used);
		write32(RNG_CONFIG + 0x3000, 0);
		rng_start(desc, avail, odd[i] & ~3ul);
		write32(RNG_CONFIG + 0x3000, 0);
	}
	/* Onto its own rings and tables. */
	rng_to(desc, 4096);
	rng_to((desc & ~4095ul) - 32, 65536);
	witness_check("memory after DMA");
	done("DMA to devices, rings in devices");

	for (unsigned i = 0; i < sizeof(odd) / 8; i++)
		for (unsigned off = 0; off < 16; off += 4) {
			write64(RNG_MSIX + 16, odd[i] + off);
			write64(RNG_MSIX + 24, 0x12345678);
			rng_to((u64)page, 16);
		}
	*(volatile u64 *)page = 0;
	write64(RNG_MSIX + 16, (u64)page + 4);
	write64(RNG_MSIX + 24, 0xabcd);
	rng_to((u64)page + 4096, 16);
	await((u64)page + 4, 0xabcd);
	check("a message to memory is a store", *(volatile u32 *)(page + 4), 0xabcd);
	/* To what is running. */
	write64(RNG_MSIX + 16, (u64)desc);
	rng_to((u64)page, 16);
	witness_check("memory after messages");
	done("messages to odd places");
}

void test(void)
{
	witness = page_alloc(4096);
	for (unsigned i = 0; i < 512; i++)
		witness[i] = i * 0x0101010101010101ul;
	map_all();
	enumerate();
	noise();
	bars();
	decoders();
	dma();
}
