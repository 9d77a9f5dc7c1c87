/* SPDX-License-Identifier: BSD-2-Clause */
/* Hooks of rows of sysreg.def that live in timer.c, pmu.c and debug.c, and what hooks share. */
#ifndef CPU_HOOKS_H
#define CPU_HOOKS_H

#include "cpu/vcpu.h"

#define READ_HOOK(name) bool name(struct cpu *cpu, const struct sysreg *reg, void *opaque, u64 *value)
#define WRITE_HOOK(name) bool name(struct cpu *cpu, const struct sysreg *reg, void *opaque, u64 value)

READ_HOOK(cntfrq_read);
WRITE_HOOK(cntfrq_write);
READ_HOOK(cntkctl_read);
WRITE_HOOK(cntkctl_write);
READ_HOOK(cntpctss_read);
READ_HOOK(cntvctss_read);
READ_HOOK(cntpct_read);
READ_HOOK(cntvct_read);
READ_HOOK(cnt_tval_read);
READ_HOOK(cnt_ctl_read);
READ_HOOK(cnt_cval_read);
WRITE_HOOK(cnt_tval_write);
WRITE_HOOK(cnt_ctl_write);
WRITE_HOOK(cnt_cval_write);

READ_HOOK(pmcr_read);
READ_HOOK(pmcnten_read);
READ_HOOK(pmovs_read);
READ_HOOK(pmselr_read);
READ_HOOK(pmceid_read);
READ_HOOK(pmccntr_read);
READ_HOOK(pmxevtyper_read);
READ_HOOK(pmxevcntr_read);
READ_HOOK(pmuserenr_read);
READ_HOOK(pminten_read);
READ_HOOK(pmccfiltr_read);
READ_HOOK(pmevtyper_read);
READ_HOOK(pmevcntr_read);
WRITE_HOOK(pmcr_write);
WRITE_HOOK(pmcntenset_write);
WRITE_HOOK(pmcntenclr_write);
WRITE_HOOK(pmovsclr_write);
WRITE_HOOK(pmovsset_write);
WRITE_HOOK(pmswinc_write);
WRITE_HOOK(pmselr_write);
WRITE_HOOK(pmccntr_write);
WRITE_HOOK(pmxevtyper_write);
WRITE_HOOK(pmxevcntr_write);
WRITE_HOOK(pmuserenr_write);
WRITE_HOOK(pmintenset_write);
WRITE_HOOK(pmintenclr_write);
WRITE_HOOK(pmccfiltr_write);
WRITE_HOOK(pmevtyper_write);
WRITE_HOOK(pmevcntr_write);

READ_HOOK(mdscr_read);
READ_HOOK(oslsr_read);
READ_HOOK(osdlr_read);
WRITE_HOOK(osdlr_write);
READ_HOOK(claimset_read);
READ_HOOK(claimclr_read);
READ_HOOK(dbg_read);
WRITE_HOOK(mdscr_write);
WRITE_HOOK(oslar_write);
WRITE_HOOK(claimset_write);
WRITE_HOOK(claimclr_write);
WRITE_HOOK(dbg_write);

/* Traps an EL0 access to EL1: EC 0x18 with the syndrome of MRS, MSR and SYS. Returns false. */
bool sysreg_trap(struct cpu *cpu, u32 key, bool read);
static inline bool trap_read(struct cpu *cpu, const struct sysreg *reg)
{
	return sysreg_trap(cpu, reg->key, true);
}
static inline bool trap_write(struct cpu *cpu, const struct sysreg *reg)
{
	return sysreg_trap(cpu, reg->key, false);
}
static inline unsigned key_crm(u32 key)
{
	return key >> 3 & 15;
}
static inline unsigned key_op2(u32 key)
{
	return key & 7;
}
bool sysreg_table_init(struct cpus *cpus, struct error *err);
void sysreg_table_free(struct cpus *cpus);
void sysreg_reset(struct cpu *cpu);

#endif
