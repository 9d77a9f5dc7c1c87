/* SPDX-License-Identifier: BSD-2-Clause */
/* MCFG: where segment 0's configuration space is. The base address is that of bus 0. [PCI Firmware 3.3, 4.1.2] */
#include "acpi/tables.h"

void mcfg_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "MCFG", 1);

	put64(out, 0);
	put64(out, config->ecam_base);
	put16(out, 0);
	put8(out, config->ecam_bus_first);
	put8(out, config->ecam_bus_last);
	put32(out, 0);
	table_end(out, start);
}
