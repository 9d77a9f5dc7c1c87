/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GTDT: the per-CPU generic timers as GSIs, level-triggered, active high, always on. The CPU has no EL2, but Linux maps
 * the EL2 timer's GSI before it looks, and calls 0 a firmware bug: it gets the architecture's number. [ACPI6.5 5.2.25]
 */
#include "acpi/tables.h"

enum { GTDT_ALWAYS_ON = 4, GSI_EL2_PHYSICAL = 26 /* [BSA 3.8.1] */ };

void gtdt_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "GTDT", 3);

	put64(out, ~0ull); /* no memory-mapped counter */
	put32(out, 0);
	put32(out, 0);
	put32(out, 0); /* secure EL1 */
	put32(out, config->timer_phys_intid);
	put32(out, GTDT_ALWAYS_ON);
	put32(out, config->timer_virt_intid);
	put32(out, GTDT_ALWAYS_ON);
	put32(out, GSI_EL2_PHYSICAL);
	put32(out, GTDT_ALWAYS_ON);
	put64(out, ~0ull);
	put32(out, 0); /* no platform timers */
	put32(out, 0);
	put32(out, 0);
	put32(out, 0); /* EL2 virtual */
	table_end(out, start);
}
