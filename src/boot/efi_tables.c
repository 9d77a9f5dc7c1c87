/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel finds of EFI after a start without firmware. [UEFI2.10 4.3, 4.5, 4.6, 7.2]
 *
 *   code page    one stub per runtime service: HVC #(EFI_HVC_BASE + service); RET
 *   data page    system table, runtime services table, vendor string, configuration tables, RT properties, SMBIOS
 *   loader page  memory map, and Linux's list of memory reserved across kexec, which its ITS driver wants
 *
 * The pages look as after SetVirtualAddressMap with virtual = physical: the kernel maps the two runtime regions in its
 * EFI page tables at those addresses and calls through the table's pointers as they stand.
 */
#include "boot/boot_private.h"

#include <string.h>
#include <zlib.h>

#include "base/bits.h"

#define EFI_SYSTEM_SIGNATURE 0x5453595320494249ull
#define EFI_RUNTIME_SIGNATURE 0x56524553544e5552ull
enum { EFI_REVISION = 2 << 16 | 80, FIRMWARE_REVISION = 1 << 16 };
enum { SYSTEM_BYTES = 120, RUNTIME_BYTES = 24 + 8 * EFI_HVC_COUNT };

/* Places in the data page. */
enum {
	AT_SYSTEM = 0,
	AT_RUNTIME = 0x100,
	AT_VENDOR = 0x200,
	AT_CONFIG = 0x240,
	AT_RT_PROPERTIES = 0x300,
	AT_SMBIOS = 0x400
};
/* Places in the loader page. */
enum { AT_MEMRESERVE = 0x0, AT_MAP = 0x1000 };

/* Services that work, in the bits of the RT properties table: not capsules, and not the two that belong to a change to
 * virtual mode. Linux before 6.2 has no clock unless the wake-up timer's two are there. */
enum { RT_SUPPORTED = 0xf | 0x10 | 0x20 | 0x40 | 0x200 | 0x400 | 0x2000 };

struct guid {
	u32 a;
	u16 b, c;
	u8 d[8];
};

static const struct guid guid_acpi_2 = {0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
static const struct guid guid_smbios_3 = {0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}};
static const struct guid guid_rt_properties = {
	0xeb66918a, 0x7eef, 0x402a, {0x84, 0x2e, 0x93, 0x1d, 0x21, 0xc3, 0x8a, 0xe9}};
static const struct guid guid_memreserve = {
	0x888eb0c6, 0x8ede, 0x4ff5, {0xa8, 0xf0, 0x9a, 0xee, 0x5c, 0xb9, 0x77, 0xc2}};

static_assert(sizeof(struct guid) == 16, "a GUID is 16 bytes");

static void put_header(u8 *table, u64 signature, u32 size)
{
	store_le(table, 8, signature);
	store_le(table + 8, 4, EFI_REVISION);
	store_le(table + 12, 4, size);
}

/* Over the whole table with its CRC field zero. */
static void put_crc(u8 *table, u32 size)
{
	store_le(table + 16, 4, 0);
	store_le(table + 16, 4, crc32(0, table, size));
}

static void put_stubs(struct efi_pages *pages)
{
	unsigned i;

	for (i = 0; i < EFI_HVC_COUNT; i++) {
		store_le(pages->code + 8 * i, 4, 0xd4000002 | (EFI_HVC_BASE + i) << 5); /* hvc #imm */
		store_le(pages->code + 8 * i + 4, 4, 0xd65f03c0);                       /* ret */
	}
}

static unsigned put_config(struct efi_pages *pages, unsigned n, const struct guid *guid, u64 pa)
{
	u8 *entry = pages->data + AT_CONFIG + 24 * n;

	memcpy(entry, guid, 16);
	store_le(entry + 16, 8, pa);
	return n + 1;
}

static void put_tables(struct efi_pages *pages, u64 rsdp_pa, bool has_smbios)
{
	static const char vendor[] = "cxlvm";
	u8 *system = pages->data + AT_SYSTEM, *runtime = pages->data + AT_RUNTIME;
	unsigned configs = 0, i;

	for (i = 0; i < sizeof(vendor); i++)
		pages->data[AT_VENDOR + 2 * i] = (u8)vendor[i]; /* UCS-2 */

	put_header(runtime, EFI_RUNTIME_SIGNATURE, RUNTIME_BYTES);
	for (i = 0; i < EFI_HVC_COUNT; i++)
		store_le(runtime + 24 + 8 * i, 8, pages->code_pa + 8 * i);
	put_crc(runtime, RUNTIME_BYTES);

	store_le(pages->data + AT_RT_PROPERTIES, 2, 1);
	store_le(pages->data + AT_RT_PROPERTIES + 2, 2, 8);
	store_le(pages->data + AT_RT_PROPERTIES + 4, 4, RT_SUPPORTED);

	configs = put_config(pages, configs, &guid_acpi_2, rsdp_pa);
	if (has_smbios)
		configs = put_config(pages, configs, &guid_smbios_3, pages->data_pa + AT_SMBIOS);
	configs = put_config(pages, configs, &guid_rt_properties, pages->data_pa + AT_RT_PROPERTIES);
	configs = put_config(pages, configs, &guid_memreserve, pages->loader_pa + AT_MEMRESERVE);

	put_header(system, EFI_SYSTEM_SIGNATURE, SYSTEM_BYTES);
	store_le(system + 24, 8, pages->data_pa + AT_VENDOR);
	store_le(system + 32, 4, FIRMWARE_REVISION);
	store_le(system + 88, 8, pages->data_pa + AT_RUNTIME);
	store_le(system + 104, 8, configs);
	store_le(system + 112, 8, pages->data_pa + AT_CONFIG);
	put_crc(system, SYSTEM_BYTES);
	pages->system_table_pa = pages->data_pa + AT_SYSTEM;
}

/* One page: entries it has room for, entries in use, next page; then (base, size) pairs. [Linux, struct
 * linux_efi_memreserve] */
static void put_memreserve(struct efi_pages *pages)
{
	store_le(pages->loader + AT_MEMRESERVE, 4, (EFI_PAGE - 16) / 16);
}

static bool put_map(struct efi_pages *pages, const struct efi_descriptor *map, unsigned count, struct error *err)
{
	u8 *at = pages->loader + AT_MAP;
	unsigned i;

	if (count * EFI_DESC_BYTES > EFI_REGION_BYTES - AT_MAP)
		return fail(err, "EFI memory map: %u ranges do not fit its page", count);
	for (i = 0; i < count; i++, at += EFI_DESC_BYTES) {
		bool runtime = map[i].attributes & EFI_MEMORY_RUNTIME;

		store_le(at, 4, map[i].type);
		store_le(at + 8, 8, map[i].pa);
		store_le(at + 16, 8, runtime ? map[i].pa : 0); /* virtual address: as after SetVirtualAddressMap */
		store_le(at + 24, 8, map[i].pages);
		store_le(at + 32, 8, map[i].attributes);
	}
	pages->mmap_pa = pages->loader_pa + AT_MAP;
	pages->mmap_size = count * EFI_DESC_BYTES;
	return true;
}

bool efi_pages_fill(struct efi_pages *pages, const struct boot_plan_config *config, u64 rsdp_pa,
		    const struct efi_descriptor *map, unsigned map_count, struct error *err)
{
	size_t smbios;

	memset(pages->code, 0, sizeof(pages->code));
	memset(pages->data, 0, sizeof(pages->data));
	memset(pages->loader, 0, sizeof(pages->loader));
	put_stubs(pages);
	smbios = smbios_build(config, pages->data_pa + AT_SMBIOS, pages->data + AT_SMBIOS,
			      sizeof(pages->data) - AT_SMBIOS);
	put_tables(pages, rsdp_pa, smbios != 0);
	put_memreserve(pages);
	return put_map(pages, map, map_count, err);
}
