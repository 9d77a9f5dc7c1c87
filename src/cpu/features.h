/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes of the guest's CPU that ID registers announce and several files use. */
#ifndef CPU_FEATURES_H
#define CPU_FEATURES_H

#define BREAKPOINTS 6
#define CONTEXT_BREAKPOINTS 2
#define WATCHPOINTS 4
#define PMU_COUNTERS 6

/* CTR_EL0: large lines, so that loops over caches are short. 1 KiB data, 2 KiB instruction. */
#define CTR_DMIN_LOG2_WORDS 8
#define CTR_IMIN_LOG2_WORDS 9
#define DCACHE_LINE_BYTES (4u << CTR_DMIN_LOG2_WORDS)
#define ICACHE_LINE_BYTES (4u << CTR_IMIN_LOG2_WORDS)

/* DCZID_EL0.BS: DC ZVA clears 64 bytes. */
#define DCZID_LOG2_WORDS 4

#endif
