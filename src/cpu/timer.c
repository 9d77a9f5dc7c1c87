/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generic timer of one vCPU: the physical and the virtual timer of EL1, CNTFRQ = 1 GHz, the count is guest time in
 * nanoseconds, virtual offset 0. [DDI0487 D12, The Generic Timer in AArch64 state]
 *
 * Each timer's output is a level: ENABLE && !IMASK && count >= CVAL. It rises from a host timer in the loop's thread, or
 * when the vCPU writes, or reads ISTATUS, before that came, and falls when the vCPU writes CVAL, TVAL or CTL. The vCPU stores first and then reads `level`; the host timer sets
 * `level` first and then reads the registers again: one of the two sees the other, so a line never stays up for
 * nothing, and a write that changes no level takes no machine lock.
 */
#include <stdlib.h>

#include "base/trace.h"
#include "cpu/hooks.h"
#include "cpu/vcpu.h"

enum { CTL_ENABLE = 1, CTL_IMASK = 2, CTL_ISTATUS = 4 };
enum { TIMER_P, TIMER_V, TIMER_COUNT };

struct vtimer {
	struct cpu *cpu;
	unsigned which;
	struct timer timer;
	/* What the line is told, before and after it is; changed under the machine lock; atomic. */
	u32 level, told;
};

struct timers {
	struct vtimer t[TIMER_COUNT];
};

static u64 *cval_of(struct cpu *cpu, unsigned which)
{
	return which == TIMER_V ? &cpu->sys.cntv_cval : &cpu->sys.cntp_cval;
}

static u64 *ctl_of(struct cpu *cpu, unsigned which)
{
	return which == TIMER_V ? &cpu->sys.cntv_ctl : &cpu->sys.cntp_ctl;
}

/* The count as the vCPU sees it now. Under instruction time it also moves with the instructions of the current turn. */
static u64 count_now(struct cpu *cpu)
{
	u64 now = loop_now(cpu->loop);

	if (cpu->cpus->instruction_time)
		now += (cpu_icount(cpu) - cpu->turn_icount) << cpu->cpus->config.icount_shift;
	return now;
}

static bool is_due(struct vtimer *t, u64 now)
{
	u64 ctl = __atomic_load_n(ctl_of(t->cpu, t->which), __ATOMIC_SEQ_CST);
	u64 cval = __atomic_load_n(cval_of(t->cpu, t->which), __ATOMIC_SEQ_CST);

	return (ctl & CTL_ENABLE) && !(ctl & CTL_IMASK) && now >= cval;
}

/* Machine lock held. By the count as the vCPU sees it, if it is the vCPU that asks. */
static void settle(struct vtimer *t, bool own)
{
	for (int i = 0; i < 3; i++) {
		bool due = is_due(t, own ? count_now(t->cpu) : loop_now(t->cpu->loop));

		if (due == !!t->level)
			return;
		__atomic_store_n(&t->level, due, __ATOMIC_SEQ_CST);
		cpu_set_ppi(t->cpu, t->which == TIMER_V ? PPI_CNTV : PPI_CNTP, due);
		__atomic_store_n(&t->told, due, __ATOMIC_RELEASE);
	}
}

static void arm(struct vtimer *t)
{
	u64 ctl = *ctl_of(t->cpu, t->which), cval = *cval_of(t->cpu, t->which);

	timer_set(&t->timer, (ctl & CTL_ENABLE) && !(ctl & CTL_IMASK) && cval != TIMER_OFF ? cval : TIMER_OFF);
}

static void fire(void *opaque)
{
	struct vtimer *t = opaque;
	u64 cval;

	settle(t, false);
	/* Fired for an older CVAL, or early: armed anew. The vCPU may write meanwhile: then its value is the one
	 * to stay. */
	for (int i = 0; i < 8 && !t->level; i++) {
		cval = __atomic_load_n(cval_of(t->cpu, t->which), __ATOMIC_SEQ_CST);
		arm(t);
		if (cval == __atomic_load_n(cval_of(t->cpu, t->which), __ATOMIC_SEQ_CST))
			break;
	}
}

static bool settle_now(struct cpu *cpu, struct vtimer *t)
{
	cpu_lock_machine(cpu);
	settle(t, true);
	return cpu_unlock_machine(cpu);
}

/* The vCPU changed CTL or CVAL. */
static bool changed(struct cpu *cpu, unsigned which)
{
	struct vtimer *t = &((struct timers *)cpu->timers)->t[which];
	bool due = is_due(t, count_now(cpu)), level;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	level = __atomic_load_n(&t->level, __ATOMIC_SEQ_CST);
	/* Also where the host's timer is about to tell the line. */
	if ((due != level || due != __atomic_load_n(&t->told, __ATOMIC_ACQUIRE)) && !settle_now(cpu, t))
		return false;
	if (due)
		timer_set(&t->timer, TIMER_OFF);
	else
		arm(t);
	return true;
}

bool timers_create(struct cpu *cpu, struct error *err)
{
	struct timers *timers = calloc(1, sizeof(*timers));

	if (!timers)
		return fail(err, "-smp: no memory for the timers of vCPU %u", cpu->index);
	for (unsigned i = 0; i < TIMER_COUNT; i++) {
		timers->t[i].cpu = cpu;
		timers->t[i].which = i;
		timer_init(&timers->t[i].timer, cpu->loop, fire, &timers->t[i]);
	}
	cpu->timers = timers;
	return true;
}

void timers_destroy(struct cpu *cpu)
{
	struct timers *timers = cpu->timers;

	for (unsigned i = 0; timers && i < TIMER_COUNT; i++)
		timer_set(&timers->t[i].timer, TIMER_OFF);
	free(timers);
	cpu->timers = NULL;
}

/* vCPU stopped; takes the machine lock. */
void timers_reset(struct cpu *cpu)
{
	struct timers *timers = cpu->timers;

	cpu->sys.cntv_ctl = cpu->sys.cntp_ctl = 0;
	loop_lock(cpu->loop);
	for (unsigned i = 0; i < TIMER_COUNT; i++) {
		timer_set(&timers->t[i].timer, TIMER_OFF);
		settle(&timers->t[i], false);
	}
	loop_unlock(cpu->loop);
}

/* vCPU OUT, its registers set anew: takes the machine lock. */
void timers_settle(struct cpu *cpu)
{
	struct timers *timers = cpu->timers;

	loop_lock(cpu->loop);
	for (unsigned i = 0; i < TIMER_COUNT; i++) {
		settle(&timers->t[i], false);
		arm(&timers->t[i]);
	}
	loop_unlock(cpu->loop);
}

/* --- registers --- */

/* CNTKCTL_EL1: EL0PCTEN 0, EL0VCTEN 1, EL0VTEN 8, EL0PTEN 9. */
static bool el0_may(struct cpu *cpu, const struct sysreg *reg, unsigned enable, bool read)
{
	if (cpu->el || bit(cpu->sys.cntkctl, enable))
		return true;
	return sysreg_trap(cpu, reg->key, read);
}

/* EVNTEN, EVNTDIR, EVNTI, EVNTIS are kept and do nothing: a WFE ends by time anyway, sooner than any event stream asks. */
READ_HOOK(cntkctl_read)
{
	*value = cpu->sys.cntkctl;
	return true;
}

WRITE_HOOK(cntkctl_write)
{
	cpu->sys.cntkctl = value & (MASK(9, 0) | (cpu->cpus->ids.ecv ? BIT(17) : 0));
	return true;
}

/* Written at the highest EL, which is EL1: firmware's note to those after it, the count goes on as it does. */
READ_HOOK(cntfrq_read)
{
	if (!cpu->el && !(cpu->sys.cntkctl & 3))
		return trap_read(cpu, reg);
	*value = cpu->sys.cntfrq;
	return true;
}

WRITE_HOOK(cntfrq_write)
{
	cpu->sys.cntfrq = (u32)value;
	return true;
}

READ_HOOK(cntpct_read)
{
	if (!el0_may(cpu, reg, 0, true))
		return false;
	*value = count_now(cpu);
	return true;
}

READ_HOOK(cntvct_read)
{
	if (!el0_may(cpu, reg, 1, true))
		return false;
	*value = count_now(cpu);
	return true;
}

/* Self-synchronised: reads never wait here. [DDI0487 FEAT_ECV] */
READ_HOOK(cntpctss_read)
{
	if (!cpu->cpus->ids.ecv) {
		cpu_undefined(cpu);
		return false;
	}
	return cntpct_read(cpu, reg, opaque, value);
}

READ_HOOK(cntvctss_read)
{
	if (!cpu->cpus->ids.ecv) {
		cpu_undefined(cpu);
		return false;
	}
	return cntvct_read(cpu, reg, opaque, value);
}

static unsigned which_of(const struct sysreg *reg)
{
	return key_crm(reg->key) == 3 ? TIMER_V : TIMER_P;
}

static bool timer_may(struct cpu *cpu, const struct sysreg *reg, bool read)
{
	return el0_may(cpu, reg, which_of(reg) == TIMER_V ? 8 : 9, read);
}

READ_HOOK(cnt_tval_read)
{
	if (!timer_may(cpu, reg, true))
		return false;
	*value = (u32)(*cval_of(cpu, which_of(reg)) - count_now(cpu));
	return true;
}

READ_HOOK(cnt_ctl_read)
{
	struct vtimer *t = &((struct timers *)cpu->timers)->t[which_of(reg)];
	u64 ctl;

	if (!timer_may(cpu, reg, true))
		return false;
	ctl = *ctl_of(cpu, t->which);
	*value = ctl | ((ctl & CTL_ENABLE) && count_now(cpu) >= *cval_of(cpu, t->which) ? CTL_ISTATUS : 0);
	/* The host's timer may be late, or at it. A debugger's look waits for nobody: its machine stands still. */
	return *value != (CTL_ENABLE | CTL_ISTATUS) || cpu->looked_at || __atomic_load_n(&t->told, __ATOMIC_ACQUIRE) ||
	       settle_now(cpu, t);
}

READ_HOOK(cnt_cval_read)
{
	if (!timer_may(cpu, reg, true))
		return false;
	*value = *cval_of(cpu, which_of(reg));
	return true;
}

WRITE_HOOK(cnt_tval_write)
{
	if (!timer_may(cpu, reg, false))
		return false;
	__atomic_store_n(cval_of(cpu, which_of(reg)), count_now(cpu) + (u64)(s64)(s32)value, __ATOMIC_SEQ_CST);
	return changed(cpu, which_of(reg));
}

WRITE_HOOK(cnt_ctl_write)
{
	if (!timer_may(cpu, reg, false))
		return false;
	__atomic_store_n(ctl_of(cpu, which_of(reg)), value & (CTL_ENABLE | CTL_IMASK), __ATOMIC_SEQ_CST);
	return changed(cpu, which_of(reg));
}

WRITE_HOOK(cnt_cval_write)
{
	if (!timer_may(cpu, reg, false))
		return false;
	__atomic_store_n(cval_of(cpu, which_of(reg)), value, __ATOMIC_SEQ_CST);
	return changed(cpu, which_of(reg));
}
