/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv3: SGI, PPI and SPI, priorities and preemption, both EOI modes, groups as FIQ and IRQ, levels and edges, routing. [IHI0069] */
/* run: smp=1,4 */
#include "bare.h"

#define SGI_BASE(cpu) (GICR(cpu) + 0x10000)
static volatile u64 order[64], depth, deepest, vectors_seen[64], hits[CPUS_MAX][1024];
static volatile unsigned count;
static volatile bool nested;
static struct barrier bar;
static unsigned cpus;

static bool handler(struct frame *f, unsigned vector)
{
	unsigned group = (vector & 3) == KIND_IRQ;
	u64 intid = group ? icc_get(ICC_IAR1) : icc_get(ICC_IAR0);

	if (intid >= 1020)
		return intid == 1023;
	if (self()->index) {
		hits[self()->index][intid]++;
		icc_set(intid, ICC_EOIR1);
		return true;
	}
	hits[0][intid]++;
	vectors_seen[count % 64] = vector & 3;
	order[count++ % 64] = intid;
	if (++depth > deepest)
		deepest = depth;
	if (nested) {
		if (intid == 1) { /* while 1 runs: 2 is more urgent, 3 less */
			icc_set(2ul << 24 | 1, ICC_SGI1R);
			icc_set(3ul << 24 | 1, ICC_SGI1R);
		}
		u64 kept = irq_window_open();
		isb();
		irq_window_close(kept);
		order[count++ % 64] = 100 + intid;
	}
	depth--;
	if (group)
		icc_set(intid, ICC_EOIR1);
	else
		icc_set(intid, ICC_EOIR0);
	return true;
}

static void clear(void)
{
	count = depth = deepest = 0;
	for (unsigned i = 0; i < 64; i++)
		order[i] = 0;
}

static void window(void)
{
	irq_on();
	isb();
	irq_off();
}

static u64 pending(unsigned intid)
{
	return read32((intid < 32 ? SGI_BASE(0) : GICD) + 0x200 + intid / 32 * 4) >> intid % 32 & 1;
}

static u64 active(unsigned intid)
{
	return read32((intid < 32 ? SGI_BASE(0) : GICD) + 0x300 + intid / 32 * 4) >> intid % 32 & 1;
}

static void receive(unsigned cpu, void *arg)
{
	if (cpu) {
		gic_init_cpu();
		self()->irq = handler;
		gic_enable(4, 0x80, 1);
		gic_enable(5, 0x80, 1);
		irq_on();
	}
	barrier_wait(&bar, cpus);
	if (!cpu) {
		icc_set(4ul << 24 | (BIT(cpus) - 2), ICC_SGI1R); /* 1, 2 and 3 ... */
		icc_set(5ul << 24 | 1ul << 40, ICC_SGI1R);    /* all but self */
		for (u64 until = now() + ms(2000); now() < until;) {
			unsigned all = 0;

			for (unsigned i = 1; i < cpus; i++)
				all += hits[i][4] == 1 && hits[i][5] == 1;
			if (all == cpus - 1)
				break;
		}
		for (unsigned i = 1; i < cpus; i++) {
			check("SGI by list", hits[i][4], 1);
			check("SGI to others", hits[i][5], 1);
		}
		check("not to self", hits[0][5], 0);
		/* An SPI to each in turn. */
		for (unsigned i = 1; i < cpus; i++) {
			gic_enable(40, 0x80, 1);
			write64(GICD + 0x6000 + 8 * 40, i);
			write32(GICD + 0x204, BIT(8));
			for (u64 until = now() + ms(2000); !hits[i][40] && now() < until;)
				;
			check("SPI routed", hits[i][40], 1);
		}
		gic_disable(40);
	}
	barrier_wait(&bar, cpus);
	irq_off();
}

void test(void)
{
	cpus = cpus_present();
	mmu_flat();
	gic_init();
	self()->irq = handler;

	check("arch revision", read32(GICD + 0xffe8) >> 4 & 15, 3);
	check("MPIDR is told", read64(GICR(0) + 8) >> 32, 0);
	check("Last", read64(GICR(cpus - 1) + 8) >> 4 & 1, 1);
	for (unsigned i = 0; i < 32; i++)
		check("no priority bits beyond 5", (write8(SGI_BASE(0) + 0x400 + i, 0xff), read8(SGI_BASE(0) + 0x400 + i)), 0xf8);
	check("PMR", icc_get(ICC_PMR), 0xf8);
	check("idle", icc_get(ICC_RPR), 0xff);
	check("nothing pending", icc_get(ICC_HPPIR1), 1023);
	check("spurious", icc_get(ICC_IAR1), 1023);
	done("registers");

	/* Order of priority, then of INTID. */
	for (unsigned i = 1; i < 6; i++)
		gic_enable(i, i == 5 ? 0x20 : i == 3 ? 0x40 : 0x80, 1);
	clear();
	for (unsigned i = 1; i < 6; i++)
		icc_set((u64)i << 24 | 1, ICC_SGI1R);
	isb();
	check("pending", pending(3), 1);
	check("most urgent", icc_get(ICC_HPPIR1), 5);
	window();
	window();
	window();
	window();
	window();
	check("count", count, 5);
	check("first", order[0], 5);
	check("second", order[1], 3);
	check("third", order[2], 1);
	check("fourth", order[3], 2);
	check("fifth", order[4], 4);
	/* PMR masks what is not above it. */
	clear();
	icc_set(0x40, ICC_PMR);
	icc_set(3ul << 24 | 1, ICC_SGI1R);
	isb();
	window();
	check("masked by PMR", count, 0);
	icc_set(5ul << 24 | 1, ICC_SGI1R);
	isb();
	window();
	check("above PMR", order[0], 5);
	icc_set(0xf8, ICC_PMR);
	isb();
	window();
	check("PMR lets it", order[1], 3);
	/* Whoever has made one pending finds it taken behind an ISB. */
	clear();
	irq_on();
	icc_set(5ul << 24 | 1, ICC_SGI1R);
	isb();
	unsigned behind = count;
	write32(SGI_BASE(0) + 0x200, BIT(5));
	isb();
	unsigned written = count;
	icc_set(0, ICC_PMR);
	icc_set(5ul << 24 | 1, ICC_SGI1R);
	isb();
	unsigned hidden = count;
	icc_set(0xf8, ICC_PMR);
	isb();
	unsigned let = count;
	irq_off();
	check("an SGI of one's own", behind, 1);
	check("one by ISPENDR", written, 2);
	check("one behind PMR", hidden, 2);
	check("let by PMR", let, 3);
	done("priorities");

	/* Preemption: 1 (0x80) is preempted by 2 (0x40), not by 3 (0x80). */
	gic_enable(1, 0x80, 1);
	gic_enable(2, 0x40, 1);
	gic_enable(3, 0x80, 1);
	clear();
	nested = true;
	icc_set(1ul << 24 | 1, ICC_SGI1R);
	isb();
	window();
	window();
	nested = false;
	check("1 first", order[0], 1);
	check("2 inside", order[1], 2);
	check("2 ends", order[2], 102);
	check("1 ends", order[3], 101);
	check("3 after", order[4], 3);
	check("depth", deepest, 2);
	/* BPR1 = 7: 0x80 and 0x40 are one group, nothing preempts. */
	icc_set(7, ICC_BPR1);
	check("BPR1", icc_get(ICC_BPR1), 7);
	gic_enable(2, 0x90, 1);
	gic_enable(1, 0xe0, 1);
	clear();
	nested = true;
	icc_set(1ul << 24 | 1, ICC_SGI1R);
	isb();
	window();
	window();
	window();
	nested = false;
	check("not preempted", deepest, 1);
	check("1 ends first", order[1], 101);
	icc_set(0, ICC_BPR1);
	check("least BPR1", icc_get(ICC_BPR1) >= 1, 1);
	done("preemption");

	/* EOImode 1: EOIR drops the priority, DIR ends it. */
	gic_enable(1, 0x80, 1);
	icc_set(2, ICC_CTLR);
	icc_set(1ul << 24 | 1, ICC_SGI1R);
	isb();
	check("acknowledged", icc_get(ICC_IAR1), 1);
	check("running priority", icc_get(ICC_RPR), 0x80);
	check("active", active(1), 1);
	check("AP1R0", icc_get(ICC_AP1R0), BIT(0x80 >> 3));
	icc_set(1, ICC_EOIR1);
	isb();
	check("priority dropped", icc_get(ICC_RPR), 0xff);
	check("still active", active(1), 1);
	icc_set(1ul << 24 | 1, ICC_SGI1R);
	isb();
	check("active and pending is not signalled", icc_get(ICC_IAR1), 1023);
	icc_set(1, ICC_DIR);
	isb();
	check("no longer active", active(1), 0);
	check("signalled now", icc_get(ICC_IAR1), 1);
	icc_set(1, ICC_EOIR1);
	icc_set(1, ICC_DIR);
	icc_set(0, ICC_CTLR);
	isb();
	done("EOImode");

	/* Group 0 comes as FIQ. */
	gic_enable(6, 0x80, 0);
	clear();
	icc_set(6ul << 24 | 1, ICC_SGI1R); /* wrong group: not forwarded */
	isb();
	window();
	check("SGI1R of a group 0 SGI", count, 0);
	icc_set(6ul << 24 | 1, ICC_SGI0R);
	isb();
	check("ISR shows FIQ", read_sysreg(isr_el1), 0x40);
	check("IAR1 does not take it", icc_get(ICC_IAR1), 1023);
	asm volatile("msr daifclr, #2; isb; msr daifset, #2");
	check("IRQ unmasked is not enough", count, 0);
	window();
	check("taken", order[0], 6);
	check("as FIQ", vectors_seen[0], KIND_FIQ);
	icc_set(0, ICC_IGRPEN0);
	icc_set(6ul << 24 | 1, ICC_SGI0R);
	isb();
	window();
	check("group 0 off", count, 1);
	icc_set(1, ICC_IGRPEN0);
	isb();
	window();
	check("group 0 on", count, 2);
	done("groups");

	/* SPIs: by ISPENDR, level of the PL011, enable, activate by hand. */
	gic_enable(40, 0x80, 1);
	clear();
	write32(GICD + 0x204, BIT(8));
	window();
	check("SPI", order[0], 40);
	check("SPI is over", pending(40) | active(40), 0);
	write32(GICD + 0x304, BIT(8));
	write32(GICD + 0x204, BIT(8));
	window();
	check("active by hand: held back", count, 1);
	write32(GICD + 0x384, BIT(8));
	window();
	check("deactivated by hand: comes", count, 2);
	gic_disable(40);
	write32(GICD + 0x204, BIT(8));
	window();
	check("disabled", count, 2);
	write32(GICD + 0x284, BIT(8));
	check("pending cleared", pending(40), 0);
	/* PL011's transmit interrupt: a level that stays until it is withdrawn at the source. */
	gic_enable(33, 0x80, 1);
	write32(UART + 0x30, 0x301);
	write32(UART + 0x44, 0x7ff);
	put("."); /* through the FIFO's level: raises TXRIS */
	put("\n");
	write32(UART + 0x38, BIT(5));
	for (u64 until = now() + ms(100); !pending(33) && now() < until;)
		;
	if (pending(33)) {
		check("level acknowledged", icc_get(ICC_IAR1), 33);
		check("a level is pending while active", pending(33), 1);
		write32(UART + 0x38, 0);
		check("withdrawn at the source", pending(33), 0);
		icc_set(33, ICC_EOIR1);
	}
	write32(UART + 0x38, 0);
	isb();
	check("nothing left", icc_get(ICC_IAR1), 1023);
	gic_disable(33);
	done("SPI");
	if (cpus > 1) {
		hits[0][5] = 0;
		smp_run(cpus, receive, NULL);
		done("other vCPUs");
	}
}
