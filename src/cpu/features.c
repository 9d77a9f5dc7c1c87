/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest's CPU claims to be: ID register values and the models of `-cpu`. [DDI0487 D19, ID registers]
 *
 * One table says what is implemented (design D1). A named model is its MIDR, physical address size and granules, with
 * the rest masked to what both have: a guest never sees a feature that is not there.
 */
#include <string.h>

#include "cpu/decode.h"
#include "cpu/features.h"
#include "cpu/vcpu.h"

#define F(value, low) ((u64)(value) << (low))

/* Everything that is implemented. Fields not named are 0: not implemented. */
#define PFR0_MAX                                                                                                       \
	(F(1, 0) /* EL0: AArch64 */ | F(1, 4) /* EL1: AArch64 */ | F(1, 16) /* FP with FP16 */ |                       \
	 F(1, 20) /* AdvSIMD with FP16 */ | F(1, 24) /* GIC system registers */ | F(3, 56) /* CSV2_3 */ |              \
	 F(1, 60) /* CSV3 */)
#define PFR1_MAX F(2, 4) /* SSBS with MSR/MRS */
#define ISAR0_MAX                                                                                                      \
	(F(2, 4) /* AES, PMULL */ | F(1, 8) /* SHA1 */ | F(2, 12) /* SHA256, SHA512 */ | F(1, 16) /* CRC32 */ |        \
	 F(2, 20) /* LSE */ | F(1, 28) /* RDM */ | F(1, 32) /* SHA3 */ | F(1, 44) /* DotProd */ |                      \
	 F(2, 52) /* FlagM2 */ | F(2, 56) /* TLBI OS and range */)
#define ISAR1_MAX                                                                                                      \
	(F(2, 0) /* DC CVAP, CVADP */ | F(1, 12) /* JSCVT */ | F(1, 16) /* FCMA */ | F(2, 20) /* RCPC2 */ |            \
	 F(1, 32) /* FRINTTS */ | F(1, 36) /* SB */)
#define ISAR2_MAX F(1, 16) /* MOPS */
#define MMFR0_MAX                                                                                                      \
	(F(5, 0) /* 48 bits */ | F(2, 4) /* 16-bit ASIDs */ | F(1, 20) /* 16K */ | F(0, 24) /* 64K */ |                \
	 F(0, 28) /* 4K */ | F(1, 60) /* ECV */)
#define MMFR1_MAX                                                                                                      \
	(F(2, 0) /* HAFDBS: AF and dirty state */ | F(1, 12) /* HPDS */ | F(1, 16) /* LOR */ | F(3, 20) /* PAN3 */)
#define MMFR2_MAX (F(1, 4) /* UAO */ | F(1, 60) /* E0PD */)
#define DFR0_MAX                                                                                                       \
	(F(6, 0) /* Armv8 debug */ | F(1, 8) /* PMUv3 */ | F(BREAKPOINTS - 1, 12) | F(WATCHPOINTS - 1, 20) |           \
	 F(CONTEXT_BREAKPOINTS - 1, 28))

/* What the core itself has: each field of an ID register is the lower of ours and the core's. */
#define A57_ISAR0 (F(2, 4) | F(1, 8) | F(1, 12) | F(1, 16))
#define A76_ISAR0 (A57_ISAR0 | F(2, 20) | F(1, 28) | F(1, 44))
#define MISSING(f) (1ull << A64_FEATURE_##f)
#define MISSING_A76                                                                                                    \
	(MISSING(FCMA) | MISSING(JSCVT) | MISSING(FRINTTS) | MISSING(RCPC2) | MISSING(FLAGM) | MISSING(FLAGM2) |       \
	 MISSING(SB) | MISSING(SHA512) | MISSING(SHA3) | MISSING(MOPS))
#define MISSING_A57                                                                                                    \
	(MISSING_A76 | MISSING(FP16) | MISSING(LSE) | MISSING(LOR) | MISSING(RDM) | MISSING(DOTPROD) | MISSING(RCPC) | \
	 MISSING(DPB) | MISSING(PAN) | MISSING(UAO) | MISSING(SSBS))

#define A57_MASKS                                                                                                      \
	.missing = MISSING_A57, .id_isar0 = A57_ISAR0, .id_isar1 = 0, .id_isar2 = 0,                                   \
	.id_pfr0 = F(0xff, 0) | F(0xf, 24) | F(0xf, 60), .id_pfr1 = 0, .id_mmfr0 = MASK(31, 0), .id_mmfr1 = 0,         \
	.id_mmfr2 = 0, .id_dfr0 = ~0ull
/* CSV2 and CSV3 as later revisions of the core have them. The A76 has PSTATE.SSBS without MSR and MRS of it. */
#define A76_MASKS(lacks, ssbs)                                                                                         \
	.missing = MISSING_A76 | (lacks), .id_isar0 = A76_ISAR0, .id_isar1 = F(1, 0) | F(1, 20), .id_isar2 = 0,        \
	.id_pfr0 = ~F(0xe, 56), .id_pfr1 = F(ssbs, 4), .id_mmfr0 = MASK(31, 0), .id_mmfr1 = F(2, 0) | F(1, 12) | F(1, 16) | F(2, 20), \
	.id_mmfr2 = F(0xf, 4), .id_dfr0 = ~0ull

static const struct cpu_model models[] = {
	{"max", 0x000fc710, 48, true, 0, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull},
	{"cortex-a53", 0x410fd034, 40, false, A57_MASKS},
	{"cortex-a57", 0x411fd073, 44, false, A57_MASKS},
	{"cortex-a72", 0x410fd083, 44, false, A57_MASKS},
	{"cortex-a76", 0x414fd0b1, 40, true, A76_MASKS(MISSING(SSBS), 1)},
	{"neoverse-n1", 0x414fd0c1, 48, true, A76_MASKS(0, 2)},
};

static const char *const model_names[] = {"max", "cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76", "neoverse-n1", NULL};
_Static_assert(ARRAY_SIZE(model_names) == ARRAY_SIZE(models) + 1, "every model has its name in the list");

const char *const *cpus_models(void)
{
	return model_names;
}

const struct cpu_model *cpu_model_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
		if (!strcmp(models[i].name, name))
			return &models[i];
	return NULL;
}

static u64 pa_range(unsigned pa_bits)
{
	static const u8 sizes[] = {32, 36, 40, 42, 44, 48};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		if (sizes[i] == pa_bits)
			return i;
	unreachable();
	return 0;
}

static u64 lower_fields(u64 ours, u64 model)
{
	u64 v = 0;

	for (unsigned low = 0; low < 64; low += 4)
		v |= MIN(bits(ours, low + 3, low), bits(model, low + 3, low)) << low;
	return v;
}

void cpu_ids_make(const struct cpu_model *model, struct cpu_ids *ids)
{
	u64 dic_dmin = CTR_DMIN_LOG2_WORDS, imin = CTR_IMIN_LOG2_WORDS;

	*ids = (struct cpu_ids){
		.midr = model->midr,
		.pfr0 = lower_fields(PFR0_MAX, model->id_pfr0),
		.pfr1 = lower_fields(PFR1_MAX, model->id_pfr1),
		.dfr0 = lower_fields(DFR0_MAX, model->id_dfr0),
		.isar0 = lower_fields(ISAR0_MAX, model->id_isar0),
		.isar1 = lower_fields(ISAR1_MAX, model->id_isar1),
		.isar2 = lower_fields(ISAR2_MAX, model->id_isar2),
		.mmfr0 = deposit(lower_fields(MMFR0_MAX, model->id_mmfr0), 3, 0, pa_range(model->pa_bits)),
		.mmfr1 = lower_fields(MMFR1_MAX, model->id_mmfr1),
		.mmfr2 = lower_fields(MMFR2_MAX, model->id_mmfr2),
		/* Data side coherent to the point of unification (IDC), instruction side not (DIC = 0). */
		.ctr = BIT(31) | BIT(28) | F(4, 24) | F(4, 20) | F(dic_dmin, 16) | F(3, 14) | F(imin, 0),
		/* L1 instruction and data, L2 unified; coherent at level 2. */
		.clidr = F(3, 0) | F(4, 3) | F(2, 24),
		.dczid = DCZID_LOG2_WORDS,
		.pa_bits = model->pa_bits,
		.granule_16k = model->granule_16k,
	};
	if (!model->granule_16k)
		ids->mmfr0 = deposit(ids->mmfr0, 23, 20, 0);
	ids->pan = bits(ids->mmfr1, 23, 20) >= 1;
	ids->epan = bits(ids->mmfr1, 23, 20) >= 3;
	ids->hpds = bits(ids->mmfr1, 15, 12) >= 1;
	ids->lor = bits(ids->mmfr1, 19, 16) >= 1;
	ids->ecv = bits(ids->mmfr0, 63, 60) >= 1;
	ids->tlbi_os_range = bits(ids->isar0, 59, 56) >= 2;
	ids->hafdbs = bits(ids->mmfr1, 3, 0) >= 2;
	ids->uao = bits(ids->mmfr2, 7, 4) >= 1;
	ids->e0pd = bits(ids->mmfr2, 63, 60) >= 1;
	ids->ssbs = bits(ids->pfr1, 7, 4) >= 1;
	ids->ssbs_named = bits(ids->pfr1, 7, 4) >= 2;
	ids->csv2_2 = bits(ids->pfr0, 59, 56) >= 2;
	ids->mops = bits(ids->isar2, 19, 16) >= 1;
}
