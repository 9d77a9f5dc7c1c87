/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For a debugger outside: breakpoints, watchpoints, single steps and registers. It acts only while every vCPU stands still (machine_stop),
 * but for the call that tells of a stop, which comes from the vCPU's own thread.
 *
 * A breakpoint whose page is mapped is a BRK of ours in guest memory, at no cost; one whose page is not is compared with every PC, which
 * takes the vCPUs to one instruction per chunk, as the guest's own breakpoints do, until the page is mapped at some later stop. A watchpoint
 * stops before the access. A vCPU that has stopped is held: it runs again when it is told to, or when somebody else lets the machine go on.
 *
 * PC and PSTATE may not change inside an instruction (a vCPU may be waiting in a device): they are noted and taken at the next boundary.
 */
#include "cpu/code.h"
#include "cpu/decode.h"
#include "cpu/vcpu.h"

#define BRK_WORD (0xd4200000u | DEBUGGER_BRK << 5)

#define load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)

/* Own thread: no further instruction until cpus_debug_plan. */
static void stop(struct cpu *cpu, enum debug_why why, u64 va, bool read, bool write)
{
	struct debugger *d = &cpu->cpus->debugger;
	struct debug_stop what = {.cpu = cpu->index, .why = why, .va = va, .read = read, .write = write};

	store(&cpu->thread->held, 1);
	cpu_poke(cpu);
	cpu_leave_chunk(cpu);
	if (!d->stopped)
		return;
	store(&d->stopping, 1);
	d->stopped(d->opaque, &what);
}

bool debugger_before(struct cpu *cpu)
{
	struct debugger *d = &cpu->cpus->debugger;
	u64 pc = cpu_pc(cpu);

	for (unsigned n = 0; n < d->break_count; n++) {
		if (d->breaks[n].patched || d->breaks[n].va != pc)
			continue;
		stop(cpu, DEBUG_BREAK, pc, false, false);
		return true;
	}
	return false;
}

void debugger_after(struct cpu *cpu)
{
	if (!load(&cpu->thread->step) || cpu->icount == cpu->step_icount)
		return;
	store(&cpu->thread->step, 0);
	debug_rederive(cpu);
	stop(cpu, DEBUG_STEP, 0, false, false);
}

bool debugger_brk(struct cpu *cpu, u32 imm)
{
	if (imm != DEBUGGER_BRK || !cpu->cpus->debugger.break_count)
		return false;
	cpu->ip--;
	stop(cpu, DEBUG_BREAK, cpu_pc(cpu), false, false);
	return true;
}

/* Either may end where the addresses do. */
static bool meets(const struct debug_watch *watch, u64 va, u64 size)
{
	return va - watch->va < watch->size || watch->va - va < size;
}

bool debugger_covers(const struct cpu *cpu, u64 va, u64 size, bool write)
{
	const struct debugger *d = &cpu->cpus->debugger;

	for (unsigned n = 0; n < d->watch_count; n++)
		if ((write || d->watches[n].read) && meets(&d->watches[n], mmu_canonical(va), size))
			return true;
	return false;
}

bool debugger_watch(struct cpu *cpu, u64 va, unsigned size, bool write)
{
	const struct debugger *d = &cpu->cpus->debugger;

	va = mmu_canonical(va);
	for (unsigned n = 0; n < d->watch_count; n++) {
		if (!(write ? d->watches[n].write : d->watches[n].read) || !meets(&d->watches[n], va, size))
			continue;
		cpu->ip--;
		stop(cpu, DEBUG_WATCH, d->watches[n].va, d->watches[n].read, d->watches[n].write);
		return true;
	}
	return false;
}

/* --- breakpoints, as the debugger sets them --- */

static void rederive(struct cpus *cpus)
{
	for (unsigned i = 0; i < cpus->count; i++)
		debug_rederive(cpus->cpu[i]);
}

bool cpu_debug_translate(struct cpu *cpu, u64 va, u64 *pa)
{
	struct translation t;
	u32 fsc;

	/* Its thread has yet to take a reset, after which the MMU is off. */
	if (load(&cpu->thread->reset_pending)) {
		*pa = va;
		return true;
	}
	if (!mmu_walk(cpu, va, false, MMU_READ, false, &t, &fsc))
		return false;
	*pa = t.pa;
	return true;
}

static void patch(struct cpus *cpus, struct cpu *cpu, struct debug_break *b)
{
	u32 word = BRK_WORD;

	b->patched = cpu && cpu_debug_translate(cpu, b->va, &b->pa) && dma_read(cpus->space, b->pa, &b->original, 4) &&
		     dma_write(cpus->space, b->pa, &word, 4);
}

static void unpatch(struct cpus *cpus, struct debug_break *b)
{
	u32 word;

	/* Unless the guest has put something else there. */
	if (b->patched && dma_read(cpus->space, b->pa, &word, 4) && word == BRK_WORD)
		dma_write(cpus->space, b->pa, &b->original, 4);
	b->patched = false;
}

static void count_compared(struct cpus *cpus)
{
	struct debugger *d = &cpus->debugger;

	d->compared = 0;
	for (unsigned n = 0; n < d->break_count; n++)
		d->compared += !d->breaks[n].patched;
	rederive(cpus);
}

bool cpus_debug_breakpoint(struct cpus *cpus, struct cpu *by, u64 va, bool memory, bool add)
{
	struct debugger *d = &cpus->debugger;
	unsigned n;

	for (n = 0; n < d->break_count && d->breaks[n].va != va; n++)
		;
	if (add && n == d->break_count) {
		if (n == DEBUGGER_BREAKS_MAX || (va & 3))
			return false;
		d->breaks[d->break_count++] = (struct debug_break){.va = va, .memory = memory};
		if (memory)
			patch(cpus, by, &d->breaks[n]);
	} else if (!add) {
		if (n == d->break_count)
			return false;
		unpatch(cpus, &d->breaks[n]);
		d->breaks[n] = d->breaks[--d->break_count];
	}
	count_compared(cpus);
	return true;
}

bool cpus_debug_watchpoint(struct cpus *cpus, u64 va, u64 size, bool read, bool write, bool add)
{
	struct debugger *d = &cpus->debugger;
	unsigned n;

	for (n = 0; n < d->watch_count; n++)
		if (d->watches[n].va == va && d->watches[n].size == size && d->watches[n].read == read && d->watches[n].write == write)
			break;
	if (add && n == d->watch_count) {
		if (n == DEBUGGER_WATCHES_MAX || !size || va + (size - 1) < va)
			return false;
		d->watches[d->watch_count++] = (struct debug_watch){va, size, read, write};
	} else if (!add) {
		if (n == d->watch_count)
			return false;
		d->watches[n] = d->watches[--d->watch_count];
	}
	for (unsigned i = 0; i < cpus->count; i++)
		tlb_flush_direct(cpus->cpu[i]);
	return true;
}

void cpus_debug_attach(struct cpus *cpus, void (*stopped)(void *opaque, const struct debug_stop *what), void *opaque)
{
	struct debugger *d = &cpus->debugger;

	while (d->break_count)
		cpus_debug_breakpoint(cpus, NULL, d->breaks[0].va, false, false);
	d->watch_count = 0;
	d->stopped = stopped;
	d->opaque = opaque;
	for (unsigned i = 0; i < cpus->count; i++)
		tlb_flush_direct(cpus->cpu[i]);
	rederive(cpus);
}

/* Memory is what it was after power-on: the words are compared again. */
void debugger_machine_reset(struct cpus *cpus)
{
	for (unsigned n = 0; n < cpus->debugger.break_count; n++)
		cpus->debugger.breaks[n].patched = false;
	if (cpus->debugger.break_count)
		count_compared(cpus);
}

/* --- going on --- */

void cpus_debug_plan(struct cpus *cpus, unsigned index, enum debug_plan plan)
{
	struct cpu *cpu = cpus->cpu[index];

	cpus->debugger.planned = true;
	store(&cpu->thread->held, plan == DEBUG_HOLD);
	store(&cpu->thread->step, plan == DEBUG_ONE);
	/* A step out of WFI: it may end at any time. One out of a power-down begins where the core starts: is_runnable. */
	if (plan == DEBUG_ONE && !cpu->thread->resume)
		store(&cpu->halted, false);
	debug_rederive(cpu);
}

bool cpus_debug_is_off(struct cpus *cpus, unsigned index)
{
	return load(&cpus->cpu[index]->powered_off);
}

void debugger_resume(struct cpus *cpus)
{
	struct debugger *d = &cpus->debugger;

	for (unsigned n = 0; n < d->break_count; n++) {
		struct debug_break *b = &d->breaks[n];
		u32 word;

		if (b->patched && (!dma_read(cpus->space, b->pa, &word, 4) || word != BRK_WORD))
			b->patched = false;
		if (!b->patched && b->memory)
			patch(cpus, cpus->cpu[0], b);
	}
	if (d->break_count)
		count_compared(cpus);
	for (unsigned i = 0; i < cpus->count; i++) {
		if (!d->planned) {
			store(&cpus->thread[i].held, 0);
			store(&cpus->thread[i].step, 0);
		}
		if (d->stopped || d->planned)
			cpu_wake(cpus->cpu[i]);
	}
	d->planned = false;
	store(&d->stopping, 0);
}

/* --- registers and memory --- */

bool cpu_debug_read(struct cpu *cpu, u64 va, void *to, u64 size, bool physical)
{
	const struct debugger *d = &cpu->cpus->debugger;
	u8 *bytes = to;

	for (u64 done = 0, part; done < size; done += part) {
		u64 pa = va + done;

		part = MIN(size - done, 4096 - pa % 4096);
		if ((!physical && !cpu_debug_translate(cpu, va + done, &pa)) || !dma_read(cpu->space, pa, bytes + done, part))
			return false;
		/* What the guest had where our words are. */
		for (unsigned n = 0; n < d->break_count; n++)
			for (unsigned k = 0; d->breaks[n].patched && k < 4; k++)
				if (d->breaks[n].pa + k - pa < part)
					bytes[done + d->breaks[n].pa + k - pa] = (u8)(d->breaks[n].original >> (8 * k));
	}
	return true;
}

bool cpu_debug_write(struct cpu *cpu, u64 va, const void *from, u64 size, bool physical)
{
	for (u64 done = 0, part; done < size; done += part) {
		u64 pa = va + done;

		part = MIN(size - done, 4096 - pa % 4096);
		if ((!physical && !cpu_debug_translate(cpu, va + done, &pa)) ||
		    !dma_write(cpu->space, pa, (const u8 *)from + done, part))
			return false;
	}
	return true;
}

/* As a reset leaves it that the thread has yet to take. */
static u64 get_reset(const struct cpu_thread *thread, enum debug_reg reg)
{
	switch (reg) {
	case DEBUG_PC: return load(&thread->set_pc) ? thread->new_pc : load(&thread->reset_pc);
	case DEBUG_PSTATE: return load(&thread->set_pstate) ? thread->new_pstate : 0x3c5; /* EL1h, DAIF */
	default: return reg == 0 ? load(&thread->reset_x0) : 0;
	}
}

u64 cpu_debug_get(struct cpu *cpu, enum debug_reg reg)
{
	const struct cpu_thread *thread = cpu->thread;

	if (load(&thread->reset_pending))
		return get_reset(thread, reg);

	switch (reg) {
	case DEBUG_PC: return load(&thread->set_pc) ? thread->new_pc : cpu_pc(cpu);
	case DEBUG_PSTATE: return load(&thread->set_pstate) ? thread->new_pstate : cpu_pstate(cpu);
	case DEBUG_FPSR: return cpu->fpsr;
	case DEBUG_FPCR: return cpu->fpcr;
	default: return cpu_reg(cpu, reg);
	}
}

void cpu_debug_set(struct cpu *cpu, enum debug_reg reg, u64 value)
{
	struct cpu_thread *thread = cpu->thread;

	switch (reg) {
	case DEBUG_PC:
		thread->new_pc = value;
		store(&thread->set_pc, 1);
		break;
	case DEBUG_PSTATE:
		thread->new_pstate = value;
		store(&thread->set_pstate, 1);
		break;
	case DEBUG_FPSR: cpu->fpsr = (u32)value & 0x0800009f; return;
	case DEBUG_FPCR: return; /* has effects on the host's: the guest's alone */
	default: cpu->x[reg == 31 ? SLOT_SP : reg] = value; return;
	}
	cpu_poke(cpu);
	cpu_wake(cpu);
}

/* Own thread, between instructions. */
void debugger_apply(struct cpu *cpu)
{
	struct cpu_thread *thread = cpu->thread;

	if (load(&thread->set_pstate)) {
		/* The level stays: only a return from an exception changes it. */
		u64 keep = cpu_pstate(cpu) & 0x1f;

		cpu_set_pstate(cpu, (thread->new_pstate & ~0x1full) | keep);
		cpu_rederive(cpu);
		store(&thread->set_pstate, 0);
	}
	if (load(&thread->set_pc)) {
		cpu->code = NULL;
		cpu->ip = NULL;
		cpu->pc = thread->new_pc;
		if (!thread->resume) /* a WFI may end at any time */
			store(&cpu->halted, false);
		store(&thread->set_pc, 0);
	}
}

u128 *cpu_debug_vector(struct cpu *cpu, unsigned n)
{
	return &cpu->v[n];
}

/* Registers of the CPU itself that can be read at any time. */
static bool is_shown(const struct sysreg_slot *slot)
{
	/* SP_EL0, PMXEVTYPER, PMXEVCNTR; FPCR and FPSR, which are shown with the V registers */
	static const u32 hidden[] = {SYSREG(3, 0, 4, 1, 0), SYSREG(3, 3, 9, 13, 1), SYSREG(3, 3, 9, 13, 2),
				     SYSREG(3, 3, 4, 4, 0), SYSREG(3, 3, 4, 4, 1)};

	for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++)
		if (slot->reg->key == hidden[i])
			return false;
	return slot->reg->lockless && !slot->opaque && slot->reg->read_el != SYSREG_NEVER;
}

static const struct sysreg *shown(const struct cpus *cpus, unsigned n)
{
	for (unsigned i = 0; i < cpus->slot_count; i++)
		if (is_shown(&cpus->slots[i]) && !n--)
			return cpus->slots[i].reg;
	return NULL;
}

const char *cpus_debug_sysreg(struct cpus *cpus, unsigned n)
{
	const struct sysreg *reg = shown(cpus, n);

	return reg ? reg->name : NULL;
}

u64 cpu_debug_sysreg_get(struct cpu *cpu, unsigned n)
{
	const struct sysreg *reg = shown(cpu->cpus, n);
	u64 value = 0;
	u8 el = cpu->el;

	if (!reg)
		return 0;
	if (!reg->read)
		return reg->field == SYSREG_NO_FIELD ? reg->reset : *(const u64 *)(const void *)((const u8 *)cpu + reg->field);
	/* As EL1 sees it; what this model lacks reads 0. */
	cpu->el = 1;
	cpu->looked_at = true;
	if (!reg->read(cpu, reg, NULL, &value))
		value = 0;
	cpu->looked_at = false;
	cpu->el = el;
	return value;
}

size_t cpu_debug_disasm(u32 word, u64 pc, char *text, size_t size)
{
	return disasm(word, pc, text, size);
}
