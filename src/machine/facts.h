/* SPDX-License-Identifier: BSD-2-Clause */
/* From the machine as it is to the plain facts that acpi/, fdt/ and boot/ take: private to machine/. */
#ifndef MACHINE_FACTS_H
#define MACHINE_FACTS_H

#include "acpi/acpi.h"
#include "boot/boot.h"
#include "fdt/fdt.h"
#include "machine/private.h"

/* What each root of a PCI hierarchy may give out when no firmware has (design D4 (b)). */
struct root_slice {
	u64 mmio32_base, mmio32_size, mmio64_base, mmio64_size, io_base, io_size;
};

/* Slices for `count` roots, in the order of pci_host_root's list; none overlap. */
bool partition_roots(struct machine *m, struct root_slice *slices, unsigned count, struct error *err);
unsigned root_count(struct machine *m);

bool facts_acpi(struct machine *m, struct acpi_config *a, struct error *err);
void facts_fdt(struct machine *m, struct fdt_config *f);
/* What SMBIOS says, and where RAM is. */
void facts_boot(struct machine *m, struct boot_plan_config *b);

#endif
