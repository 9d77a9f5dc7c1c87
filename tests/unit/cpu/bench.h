/* SPDX-License-Identifier: BSD-2-Clause */
/* A bare set of vCPUs with 64 MiB of RAM at 0x4000_0000, for tests of the parts that do not execute instructions. */
#ifndef TESTS_CPU_BENCH_H
#define TESTS_CPU_BENCH_H

#include "check.h"

#include <string.h>

#include "cpu/code.h"
#include "cpu/cpu.h"
#include "cpu/vcpu.h"
#include "mem/backend.h"

#define RAM_BASE 0x40000000ull
#define RAM_SIZE (64 * MiB)
#define DEVICE_BASE 0x09000000ull

struct bench {
	struct loop *loop;
	struct space *space;
	struct cpus *cpus;
	struct cpu *cpu; /* vCPU 0 */
	struct region ram, device;
	u64 device_value;
	bool device_raises_irq; /* when it is written */
	u64 tables;             /* next free table page */
	unsigned off_calls, reset_calls;
	bool line[CPUS_MAX][32];
};

static inline enum mem_result bench_device_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct bench *b = opaque;

	*value = b->device_value;
	return offset == 0x800 ? MEM_ABORT : MEM_OK;
}

static inline enum mem_result bench_device_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct bench *b = opaque;

	b->device_value = value;
	if (b->device_raises_irq)
		cpus_set_irq(b->cpus, 0, true);
	return MEM_OK;
}

static inline void bench_line(void *opaque, unsigned n, bool level)
{
	struct bench *b = opaque;

	b->line[n >> 8][n & 31] = level;
}

static inline void bench_off(void *opaque)
{
	((struct bench *)opaque)->off_calls++;
}

static inline void bench_reset_call(void *opaque)
{
	((struct bench *)opaque)->reset_calls++;
}

static inline struct bench *bench_make_engine(unsigned count, const char *model, bool instruction_time,
					      const struct cpu_engine *engine, u32 switches)
{
	static const struct io_ops ops = {bench_device_read, bench_device_write};
	struct bench *b = calloc(1, sizeof(*b));
	struct error err = {0};
	struct cpus_config config = {
		.count = count,
		.model = model,
		.system_off = bench_off,
		.system_reset = bench_reset_call,
		.opaque = b,
		.quantum_insns = 1000,
		.engine = engine,
		.engine_switches = switches,
	};

	assert_non_null(b);
	b->loop = loop_create(instruction_time, &err);
	assert_non_null(b->loop);
	b->space = space_create(b->loop);
	b->ram = (struct region){.name = "ram", .base = RAM_BASE, .size = RAM_SIZE, .host = ram_alloc(RAM_SIZE, &err)};
	b->device = (struct region){.name = "device", .base = DEVICE_BASE, .size = 0x1000, .ops = &ops, .opaque = b};
	assert_non_null(b->ram.host);
	loop_lock(b->loop);
	space_add(b->space, &b->ram);
	space_add(b->space, &b->device);
	loop_unlock(b->loop);
	config.loop = b->loop;
	config.space = b->space;
	b->cpus = cpus_create(&config, &err);
	if (!b->cpus)
		fail_msg("%s", err.text);
	space_set_still(b->space, &cpus_still, b->cpus);
	b->cpu = cpus_get(b->cpus, 0);
	for (unsigned i = 0; i < count; i++) {
		cpus_connect_ppi(b->cpus, i, PPI_CNTV, (struct line){bench_line, b, i << 8 | PPI_CNTV});
		cpus_connect_ppi(b->cpus, i, PPI_CNTP, (struct line){bench_line, b, i << 8 | PPI_CNTP});
		cpus_connect_ppi(b->cpus, i, PPI_PMU, (struct line){bench_line, b, i << 8 | PPI_PMU});
	}
	cpus_reset(b->cpus, RAM_BASE, 0);
	b->tables = RAM_BASE + 32 * MiB;
	return b;
}

static inline struct bench *bench_make(unsigned count, const char *model, bool instruction_time)
{
	return bench_make_engine(count, model, instruction_time, NULL, 0);
}

static inline void bench_free(struct bench *b)
{
	cpus_destroy(b->cpus);
	space_set_still(b->space, NULL, NULL);
	space_destroy(b->space);
	ram_free(b->ram.host, RAM_SIZE);
	loop_destroy(b->loop);
	free(b);
}

static inline void *ram_at(struct bench *b, u64 pa)
{
	assert_true(pa >= RAM_BASE && pa < RAM_BASE + RAM_SIZE);
	return b->ram.host + (pa - RAM_BASE);
}

static inline u64 *word_at(struct bench *b, u64 pa)
{
	return ram_at(b, pa);
}

static inline u64 table_new(struct bench *b, u64 size)
{
	u64 at = align_up(b->tables, size);

	b->tables = at + size;
	memset(ram_at(b, at), 0, size);
	return at;
}

/* The leaf descriptor's address for va in the tree at `root`, making tables; `leaf` is the level. */
static inline u64 *leaf_of(struct bench *b, u64 root, unsigned page_shift, unsigned first_level, unsigned leaf, u64 va)
{
	unsigned stride = page_shift - 3;

	for (unsigned level = first_level;; level++) {
		unsigned shift = page_shift + (3 - level) * stride;
		u64 *desc = word_at(b, root) + (va << 16 >> 16 >> shift & ((1u << stride) - 1));

		if (level == leaf)
			return desc;
		if (!*desc)
			*desc = table_new(b, 1ull << page_shift) | 3;
		root = *desc & MASK(47, page_shift);
	}
}

#define KEYS(op0, op1, crn, crm, op2) SYSREG(op0, op1, crn, crm, op2)
static inline u64 get(struct bench *b, u32 key)
{
	u64 value = 0xdead;

	assert_true(sysreg_read(b->cpu, key, &value));
	return value;
}
static inline void set(struct bench *b, u32 key, u64 value)
{
	assert_true(sysreg_write(b->cpu, key, value));
}

#define SCTLR SYSREG(3, 0, 1, 0, 0)
#define TCR SYSREG(3, 0, 2, 0, 2)
#define TTBR0 SYSREG(3, 0, 2, 0, 0)
#define TTBR1 SYSREG(3, 0, 2, 0, 1)
#define MAIR SYSREG(3, 0, 10, 2, 0)
#define VBAR SYSREG(3, 0, 12, 0, 0)
#define ATTR_NORMAL (0 << 2)
#define ATTR_DEVICE (1 << 2)
#define MAIR_VALUE 0x04ffull
#define D_AF BIT(10)
#define D_NG BIT(11)
#define D_EL0 BIT(6)
#define D_RO BIT(7)
#define D_DBM BIT(51)
#define D_PXN BIT(53)
#define D_UXN BIT(54)

#endif
