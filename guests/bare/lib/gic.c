/* SPDX-License-Identifier: BSD-2-Clause */
/* The GICv3 with one security state. [IHI0069] */
#include "bare.h"

void gic_init_cpu(void)
{
	icc_set(0xf8, ICC_PMR);
	icc_set(0, ICC_BPR0);
	icc_set(0, ICC_BPR1);
	icc_set(0, ICC_CTLR);
	icc_set(1, ICC_IGRPEN0);
	icc_set(1, ICC_IGRPEN1);
	isb();
}

void gic_init(void)
{
	write32(GICD, 0);
	while (read32(GICD) & BIT(31))
		;
	write32(GICD, 0x13 | BIT(6)); /* both groups, ARE, DS */
	gic_init_cpu();
}

void gic_enable(unsigned intid, u8 priority, unsigned group)
{
	u64 base = intid < 32 ? GICR(self()->index) + 0x10000 : GICD;
	u64 word = base + intid / 32 * 4;
	u32 bit = 1u << intid % 32;

	write32(word + 0x80, (read32(word + 0x80) & ~bit) | (group ? bit : 0));
	write8(base + 0x400 + intid, priority);
	if (intid >= 32)
		write64(GICD + 0x6000 + 8ul * intid, 0);
	write32(word + 0x100, bit);
}

void gic_disable(unsigned intid)
{
	u64 base = intid < 32 ? GICR(self()->index) + 0x10000 : GICD;

	write32(base + 0x180 + intid / 32 * 4, 1u << intid % 32);
	while (read32(intid < 32 ? GICR(self()->index) : GICD) & (intid < 32 ? BIT(3) : BIT(31)))
		;
}
