/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HEST: where firmware tells of hardware errors. Generic hardware error sources, version 2: a register that holds the
 * address of the error status block, and one in which the OS acknowledges. [ACPI6.5 18.3.2.8, 18.3.2.9]
 */
#include "acpi/tables.h"

enum { SOURCE_GENERIC_2 = 10, NO_RELATED_SOURCE = 0xffff, NOTIFICATION_BYTES = 28 };

static void put_source(const struct acpi_error_source *source, u16 id, struct out *out)
{
	put16(out, SOURCE_GENERIC_2);
	put16(out, id);
	put16(out, NO_RELATED_SOURCE);
	put8(out, 0);
	put8(out, 1);                    /* enabled */
	put32(out, 1);                   /* records to preallocate */
	put32(out, 1);                   /* sections in a record */
	put32(out, source->block_bytes); /* raw data */
	put_gas(out, source->address_pa, 64, 4);
	put8(out, source->notification);
	put8(out, NOTIFICATION_BYTES);
	put_zeros(out, NOTIFICATION_BYTES - 2);
	put32(out, source->block_bytes);
	put_gas(out, source->read_ack_pa, 64, 4);
	put64(out, ~1ull); /* kept */
	put64(out, 1);     /* written */
}

void hest_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "HEST", 1);

	put32(out, config->error_source_count);
	for (unsigned n = 0; n < config->error_source_count; n++)
		put_source(&config->error_sources[n], (u16)n, out);
	table_end(out, start);
}
