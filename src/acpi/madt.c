/* SPDX-License-Identifier: BSD-2-Clause */
/* MADT: GICv3 CPU interfaces, distributor, redistributor ranges, ITS. [ACPI6.5 5.2.12.14-18] */
#include "acpi/tables.h"

enum { MADT_GICC = 11, MADT_GICD = 12, MADT_GICR = 14, MADT_ITS = 15 };
enum { GICC_ENABLED = 1 };

static void put_gicc(const struct acpi_config *config, unsigned n, struct out *out)
{
	put8(out, MADT_GICC);
	put8(out, 82);
	put16(out, 0);
	put32(out, n); /* CPU interface number */
	put32(out, n); /* ACPI processor UID: _UID in the DSDT */
	put32(out, GICC_ENABLED);
	put32(out, 0); /* no parking protocol */
	put32(out, config->pmu_intid);
	put64(out, 0);
	put64(out, 0); /* no memory-mapped CPU interface, GICV, GICH */
	put64(out, 0);
	put64(out, 0);
	put32(out, 0); /* no maintenance interrupt: no EL2 */
	put64(out, 0); /* redistributors: by range */
	put64(out, config->cpus[n].mpidr);
	put8(out, 0);
	put8(out, 0);
	put16(out, 0); /* no SPE */
	put16(out, 0); /* no TRBE */
}

static void put_gicr(u64 base, u64 size, struct out *out)
{
	put8(out, MADT_GICR);
	put8(out, 16);
	put16(out, 0);
	put64(out, base);
	put32(out, (u32)size);
}

void madt_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "APIC", 6);
	unsigned i;

	put32(out, 0); /* no local interrupt controller address */
	put32(out, 0);
	for (i = 0; i < config->cpu_count; i++)
		put_gicc(config, i, out);

	put8(out, MADT_GICD);
	put8(out, 24);
	put16(out, 0);
	put32(out, 0);
	put64(out, config->gicd_base);
	put32(out, 0);
	put8(out, 3); /* GICv3 */
	put_zeros(out, 3);

	put_gicr(config->gicr_base, config->gicr_size, out);
	if (config->gicr2_size)
		put_gicr(config->gicr2_base, config->gicr2_size, out);
	if (config->has_its) {
		put8(out, MADT_ITS);
		put8(out, 20);
		put16(out, 0);
		put32(out, 0); /* GIC ITS ID: named by IORT */
		put64(out, config->its_base);
		put32(out, 0);
	}
	table_end(out, start);
}
