/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI SYSTEM_RESET and SYSTEM_RESET2 start the machine anew. A run is told from the next by words of RAM that no loaded segment covers (RAM
 * keeps its contents), and a restart from no restart by device registers, which must be back at their reset values. [DEN0022]
 */
/* run: smp=1,4 */
#include "bare.h"

#define MARK (RAM_END - 4096)
#define MAGIC 0x5245534554ul

asm("forever: b forever");
extern char forever[];

static u64 initialised = 0x1234;

void test(void)
{
	u64 runs = read64(MARK) == MAGIC ? read64(MARK + 8) : 0;
	static volatile u64 zeroed;

	check("data is loaded again", initialised, 0x1234);
	check("bss is zero again", zeroed, 0);
	check("distributor is off", read32(GICD) & 3, 0);
	check("RTC match is zero", read32(RTC + 4), 0);
	check("MMU is off", read_sysreg(sctlr_el1) & 1, 0);
	check("timer is off", read_sysreg(cntv_ctl_el0) & 1, 0);
	for (unsigned i = 1; i < cpus_present(); i++)
		check("others are off", hvc(PSCI_AFFINITY_INFO, i, 0, 0).x0, 1);
	initialised = zeroed = 99;
	write64(MARK, MAGIC);
	write64(MARK + 8, runs + 1);
	write32(GICD, 0x13);
	write32(RTC + 4, 77);
	write_sysreg(1, cntv_ctl_el0);
	done(runs == 0 ? "first run" : runs == 1 ? "after SYSTEM_RESET" : "after SYSTEM_RESET2");
	if (runs == 2)
		return;
	/* The others are busy when it comes. */
	for (unsigned i = 1; i < cpus_present(); i++)
		hvc(PSCI_CPU_ON, i, (u64)forever, 0);
	hvc(runs ? 0xc4000012 : 0x84000009, 0, 0, 0);
	check("returned from reset", 1, 0);
}
