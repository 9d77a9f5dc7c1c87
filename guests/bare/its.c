/* SPDX-License-Identifier: BSD-2-Clause */
/* LPIs through the ITS, made by its INT command: mapping, priority, enable, move, clear, discard. [IHI0069 ITS commands] */
/* run: smp=1,4 */
#include "bare.h"

static u64 *queue;
static u64 place; /* of the next command, bytes */
static u8 *properties;
static volatile u64 taken[CPUS_MAX], last[CPUS_MAX];
static volatile bool parked;
static unsigned cpus;

static bool irq(struct frame *f, unsigned vector)
{
	u64 intid = icc_get(ICC_IAR1), cpu = self()->index;

	if (intid == 1023)
		return true;
	taken[cpu]++;
	last[cpu] = intid;
	icc_set(intid, ICC_EOIR1);
	return true;
}

static void command(u64 a, u64 b, u64 c)
{
	queue[place / 8] = a;
	queue[place / 8 + 1] = b;
	queue[place / 8 + 2] = c;
	queue[place / 8 + 3] = 0;
	dsb();
	place = (place + 32) % 4096;
	write64(ITS + 0x88, place);
	for (u64 until = now() + ms(1000); read64(ITS + 0x90) != place && now() < until;)
		;
	check("queue is worked off", read64(ITS + 0x90), place);
}

enum { DEVICE = 0x42, EVENT = 3, LPI = 8200 };
static void mapd(u64 dev, u64 itt, bool valid) { command(dev << 32 | 8, 4, itt | (valid ? BIT(63) : 0)); }
static void mapti(u64 dev, u64 event, u64 lpi, u64 collection) { command(dev << 32 | 0x0a, lpi << 32 | event, collection); }
static void mapc(u64 collection, u64 pe, bool valid) { command(9, 0, collection | pe << 16 | (valid ? BIT(63) : 0)); }
static void inv(u64 dev, u64 event) { command(dev << 32 | 0x0c, event, 0); }
static void int_(u64 dev, u64 event) { command(dev << 32 | 3, event, 0); }
static void clear(u64 dev, u64 event) { command(dev << 32 | 4, event, 0); }
static void discard(u64 dev, u64 event) { command(dev << 32 | 0x0f, event, 0); }
static void movi(u64 dev, u64 event, u64 collection) { command(dev << 32 | 1, event, collection); }
static void sync(u64 pe) { command(5, 0, pe << 16); }
static void invall(u64 collection) { command(0x0d, 0, collection); }

static void lpis_on(unsigned cpu)
{
	u64 base = GICR(cpu);

	write64(base + 0x70, (u64)properties | 13 | 7ul << 7 | 1ul << 10); /* 14 bits of INTID */
	write64(base + 0x78, (u64)page_alloc(65536) | 7ul << 7 | 1ul << 10 | BIT(62));
	write32(base, read32(base) | 1);
	check("LPIs enabled", read32(base) & 1, 1);
}

static void window(void)
{
	irq_on();
	isb();
	irq_off();
}

static void other(unsigned cpu, void *arg)
{
	static struct barrier bar;

	if (cpu) {
		gic_init_cpu();
		self()->irq = irq;
		irq_on();
	}
	barrier_wait(&bar, 2);
	if (!cpu) {
		mapc(1, 1, true);
		movi(DEVICE, EVENT, 1);
		sync(1);
		int_(DEVICE, EVENT);
		for (u64 until = now() + ms(2000); !taken[1] && now() < until;)
			;
		check("moved to the other vCPU", last[1], LPI);
		window();
	}
	barrier_wait(&bar, 2);
	irq_off();
}

void test(void)
{
	u64 before;

	cpus = cpus_present();
	mmu_flat();
	gic_init();
	self()->irq = irq;
	check_true("ITS has physical LPIs", read64(ITS + 8) & 1);
	queue = page_alloc(4096);
	properties = page_alloc(65536);
	for (unsigned i = 0; i < 8192; i++)
		properties[i] = 0xa0 | 1;
	dsb();
	for (unsigned n = 0; n < 8; n++) {
		u64 baser = read64(ITS + 0x100 + 8 * n), type = baser >> 56 & 7;

		if (!type)
			continue;
		check("Page_Size at reset: 64K", baser >> 8 & 3, 2); /* only an address and Valid are added, as programs do */
		write64(ITS + 0x100 + 8 * n, baser | (u64)page_alloc(65536) | BIT(63));
	}
	write64(ITS + 0x80, (u64)queue | BIT(63) | 7ul << 59 | 1ul << 10); /* one page */
	write64(ITS + 0x88, 0);
	for (unsigned i = 0; i < cpus; i++)
		lpis_on(i);
	write32(ITS, 1);
	check("enabled", read32(ITS) & 1, 1);
	mapd(DEVICE, (u64)page_alloc(4096), true);
	mapc(0, 0, true);
	mapti(DEVICE, EVENT, LPI, 0);
	inv(DEVICE, EVENT);
	sync(0);
	done("set up");

	int_(DEVICE, EVENT);
	window();
	check("LPI", taken[0], 1);
	check("its number", last[0], LPI);
	for (unsigned i = 0; i < 200; i++) { /* the queue wraps */
		int_(DEVICE, EVENT);
		window();
	}
	check("200 more", taken[0], 201);
	int_(DEVICE, EVENT);
	int_(DEVICE, EVENT);
	window();
	window();
	check("two before it is taken are one", taken[0], 202);
	int_(DEVICE, EVENT);
	clear(DEVICE, EVENT);
	window();
	check("cleared", taken[0], 202);
	/* Enable and priority lie in memory; INV makes them seen. */
	properties[LPI - 8192] = 0xa0;
	dsb();
	inv(DEVICE, EVENT);
	int_(DEVICE, EVENT);
	window();
	check("disabled stays pending", taken[0], 202);
	properties[LPI - 8192] = 0xa1;
	dsb();
	inv(DEVICE, EVENT);
	window();
	check("enabled comes", taken[0], 203);
	icc_set(0x80, ICC_PMR);
	int_(DEVICE, EVENT);
	window();
	check("masked by PMR", taken[0], 203);
	properties[LPI - 8192] = 0x41;
	dsb();
	invall(0);
	window();
	check("more urgent after INVALL", taken[0], 204);
	icc_set(0xf8, ICC_PMR);
	/* What is not mapped makes nothing. */
	before = taken[0];
	int_(DEVICE, EVENT + 1);
	int_(DEVICE + 1, EVENT);
	discard(DEVICE, EVENT);
	int_(DEVICE, EVENT);
	window();
	check("not mapped", taken[0], before);
	mapti(DEVICE, EVENT, LPI, 0);
	int_(DEVICE, EVENT);
	window();
	check("mapped again", taken[0], before + 1);
	/* A store by a PE has no DeviceID. */
	write32(ITS + 0x10040, EVENT);
	window();
	check("doorbell by a PE", taken[0], before + 1);
	done("one vCPU");
	if (cpus > 1) {
		smp_run(2, other, NULL);
		done("move");
	}
	mapd(DEVICE, 0, false);
	int_(DEVICE, EVENT);
	window();
	check("device unmapped", taken[0], before + 1);
	/* Refused commands do not stop the queue. */
	command(0xff, 0, 0);
	command(0x2a | 0xffffffffull << 32, ~0ul, ~0ul);
	sync(0);
	done("odd commands");
}
