/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: what firmware answers to HVC and SMC (PSCI, SMCCC, TRNG), from four vCPUs whose threads do not run, and
 * system registers by any encoding. Ends and resets of the machine are left out: they are the event loop's. */
#include "../tests/unit/cpu/bench.h"
#include "fuzz.h"

static bool ends(u32 id)
{
	id &= ~0x40000000u;
	return id == 0x84000008 || id == 0x84000009 || id == 0x84000012;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u32 ids[] = {0x80000000, 0x80000001, 0x84000000, 0x84000001, 0x84000002, 0x84000003,
				  0x84000004, 0x84000006, 0x8400000a, 0x84000050, 0x84000051, 0x84000053,
				  0x80008000, 0x8400000b, 0x86000000, 0x84000052};
	static struct bench *b;
	struct input in = {data, size};

	if (!b)
		b = bench_make(4, "max", true);
	cpus_reset(b->cpus, RAM_BASE, 0);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1);
		struct cpu *cpu = cpus_get(b->cpus, what & 3);
		u64 value;
		u32 key;

		if (what & 4) {
			cpu->x[0] = what & 8 ? draw(&in, 4) : ids[what >> 4] | (draw(&in, 1) & 1 ? 0x40000000u : 0);
			for (unsigned i = 1; i < 4; i++)
				cpu->x[i] = draw(&in, i == 2 ? 5 : 4);
			if (!ends((u32)cpu->x[0]))
				cpu_smccc(cpu, what & 8, what & 128 ? (u16)draw(&in, 2) : 0);
			continue;
		}
		key = SYSREG(2 | (what >> 4 & 1), what >> 5, draw(&in, 1) & 15, draw(&in, 1) & 15, draw(&in, 1) & 7);
		if (what & 8)
			sysreg_write(cpu, key, draw(&in, 8));
		else
			sysreg_read(cpu, key, &value);
	}
	return 0;
}
