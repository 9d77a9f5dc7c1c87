/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to boot/: what its files say to each other. */
#ifndef BOOT_BOOT_PRIVATE_H
#define BOOT_BOOT_PRIVATE_H

#include "boot/boot.h"

/* --- unpack.c: malloc'd output of at most KERNEL_FILE_MAX bytes --- */
bool unpack_is_gzip(const u8 *file, u64 size);
bool unpack_gzip(const char *name, const u8 *from, u64 size, u8 **out, u64 *out_size, struct error *err);
bool unpack_is_zboot(const u8 *file, u64 size);
bool unpack_zboot(const char *name, const u8 *file, u64 size, u8 **out, u64 *out_size, struct error *err);

/* --- image.c, elf.c: fill `kernel` from kernel->data, kernel->size --- */
bool image_is(const u8 *file, u64 size);
bool image_parse(const char *name, struct kernel *kernel, struct error *err);
bool elf_is(const u8 *file, u64 size);
bool elf_parse(const char *name, struct kernel *kernel, struct error *err);

/* --- efi_tables.c --- */

/* Memory types. [UEFI2.10 7.2] */
enum {
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_RUNTIME_CODE = 5,
	EFI_RUNTIME_DATA = 6,
	EFI_CONVENTIONAL = 7,
	EFI_ACPI_RECLAIM = 9,
};
#define EFI_MEMORY_CACHES 0xfull /* UC | WC | WT | WB */
#define EFI_MEMORY_SP 0x40000ull
#define EFI_MEMORY_RUNTIME (1ull << 63)
#define EFI_PAGE 4096ull
#define EFI_DESC_BYTES 40
#define EFI_DESC_VERSION 1

/* Regions of EFI pages are this long and this much aligned: runtime code and data must not share a 64 KiB page. */
#define EFI_REGION_BYTES 0x10000ull

/* The three regions, as bytes to be written at their addresses. */
struct efi_pages {
	u64 code_pa, data_pa, loader_pa;
	u64 system_table_pa, mmap_pa;
	u32 mmap_size;
	u8 code[EFI_REGION_BYTES], data[EFI_REGION_BYTES], loader[EFI_REGION_BYTES];
};

struct efi_descriptor {
	u32 type;
	u64 pa, pages, attributes;
};

/* Fills the pages; code_pa, data_pa, loader_pa are set. */
bool efi_pages_fill(struct efi_pages *pages, const struct boot_plan_config *config, u64 rsdp_pa,
		    const struct efi_descriptor *map, unsigned map_count, struct error *err);

/* --- efi_variables.c: the variable store; the caller holds efi_runtime's lock --- */

typedef u64 efi_status;
enum {
	EFI_OK = 0,
	EFI_INVALID_PARAMETER = 2,
	EFI_UNSUPPORTED = 3,
	EFI_BUFFER_TOO_SMALL = 5,
	EFI_WRITE_PROTECTED = 8,
	EFI_OUT_OF_RESOURCES = 9,
	EFI_NOT_FOUND = 14,
};

struct efi_variables;
struct efi_variables *efi_variables_create(void);
void efi_variables_destroy(struct efi_variables *vars);
void efi_variables_reset(struct efi_variables *vars);
/* Arguments as the guest passed them; status without the error bit. */
efi_status efi_get_variable(struct efi_variables *vars, const struct efi_guest *guest, const u64 x[8]);
efi_status efi_get_next_variable(struct efi_variables *vars, const struct efi_guest *guest, const u64 x[8]);
efi_status efi_set_variable(struct efi_variables *vars, const struct efi_guest *guest, const u64 x[8]);
efi_status efi_query_variables(struct efi_variables *vars, const struct efi_guest *guest, const u64 x[8]);

#endif
