/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to acpi/: one builder per table; each appends one whole table to `out`. The facts have been checked. */
#ifndef ACPI_TABLES_H
#define ACPI_TABLES_H

#include "acpi/aml.h"

void fadt_build(const struct acpi_config *config, struct out *out);
void dsdt_build(const struct acpi_config *config, struct out *out);
void dsdt_put_roots(const struct acpi_config *config, struct out *out); /* dsdt_pci.c */
void dsdt_put_platform_osc(const struct acpi_config *config, struct out *out);
void dsdt_if_arg_is_uuid(struct out *out, const char *uuid);          /* a condition: Arg0 is this UUID */
size_t dsdt_if_function(struct out *out, unsigned function);          /* a block: Arg2 is this */
void dsdt_return_byte(struct out *out, u8 byte);                      /* a Buffer of one */
void dsdt_put_cxl(const struct acpi_config *config, struct out *out); /* dsdt_cxl.c */
void madt_build(const struct acpi_config *config, struct out *out);
void gtdt_build(const struct acpi_config *config, struct out *out);
void mcfg_build(const struct acpi_config *config, struct out *out);
void spcr_build(const struct acpi_config *config, struct out *out);
void dbg2_build(const struct acpi_config *config, struct out *out);
void pptt_build(const struct acpi_config *config, struct out *out);
void iort_build(const struct acpi_config *config, struct out *out);
void srat_build(const struct acpi_config *config, struct out *out);
void slit_build(const struct acpi_config *config, struct out *out);
void hmat_build(const struct acpi_config *config, struct out *out);
void hest_build(const struct acpi_config *config, struct out *out);
void cedt_build(const struct acpi_config *config, struct out *out);

/* srat.c: the distance of two proximity domains, 10..254. */
u8 acpi_distance(const struct acpi_config *config, u32 from, u32 to);
/* srat.c: one more than the highest domain anything names. */
u32 acpi_domain_count(const struct acpi_config *config);
/* cedt.c: encoded interleave ways and granularity, or -1. [CXL3.0 9.17.1.3] */
int cedt_encode_ways(unsigned ways);
int cedt_encode_granularity(u32 bytes);

/* Where acpi_place finds the pointers. */
#define FADT_X_DSDT 140
#define RSDP_XSDT 24
#define XSDT_ENTRIES 36

#endif
