/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FADT of a hardware-reduced arm64 machine: no fixed hardware, PSCI by HVC, and, where the machine has them, the sleep
 * and reset registers of the generic event device. [ACPI6.5 5.2.9]
 */
#include "acpi/tables.h"

#include "base/bits.h"

enum {
	FADT_WBINVD = BIT(0),
	FADT_NO_POWER_BUTTON = BIT(4), /* not in fixed hardware: the DSDT has one */
	FADT_NO_SLEEP_BUTTON = BIT(5),
	FADT_RESET_REG = BIT(10),
	FADT_HW_REDUCED = BIT(20),
	FADT_LOW_POWER_S0 = BIT(21),
};
enum { FADT_PSCI = BIT(0), FADT_PSCI_HVC = BIT(1) };
enum { FADT_BYTES = 276, PROFILE_ENTERPRISE_SERVER = 4 };

void fadt_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "FACP", 6);
	u32 flags = FADT_WBINVD | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON | FADT_HW_REDUCED | FADT_LOW_POWER_S0;

	if (config->reset_pa)
		flags |= FADT_RESET_REG;
	put_zeros(out, 9); /* 32-bit FACS and DSDT, reserved */
	put8(out, PROFILE_ENTERPRISE_SERVER);
	put_zeros(out, 66); /* 46..111: fixed hardware */
	put32(out, flags);
	put_gas(out, config->reset_pa, 8, 1);
	put8(out, config->reset_pa ? config->reset_value : 0);
	put16(out, FADT_PSCI | FADT_PSCI_HVC);
	put8(out, 5);       /* minor version: ACPI 6.5, which has MADT's revision 6 */
	put64(out, 0);      /* X_FIRMWARE_CTRL: no FACS when hardware-reduced */
	put64(out, 0);      /* X_DSDT: acpi_place */
	put_zeros(out, 96); /* 148..243: extended fixed hardware */
	put_gas(out, config->sleep_control_pa, 8, 1);
	put_gas(out, config->sleep_status_pa, 8, 1);
	put64(out, 0); /* hypervisor vendor identity: none */
	assert(out->overflow || out->size - start == FADT_BYTES);
	table_end(out, start);
}
