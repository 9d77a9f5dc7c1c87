/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fw_cfg way: the tables as files, and a script of 128-byte commands by which firmware allocates memory for the
 * files, adds their addresses to the pointers inside them and makes the checksums. A pointer holds an offset into the
 * file it points to until then. Interface: fw_cfg's etc/table-loader, as stock ArmVirtQemu firmware reads it.
 */
#include "acpi/tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

enum { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER = 2, LOADER_ADD_CHECKSUM = 3 };
enum { LOADER_FILE_BYTES = 56, LOADER_COMMAND_BYTES = 128, ZONE_HIGH = 1, ZONE_FSEG = 2 };

#define FILE_RSDP "etc/acpi/rsdp"
#define FILE_TABLES "etc/acpi/tables"

static size_t command_begin(struct out *out, u32 command, const char *file)
{
	size_t start = out->size;

	put32(out, command);
	put(out, file, strlen(file));
	put_zeros(out, LOADER_FILE_BYTES - strlen(file));
	return start;
}

static void command_end(struct out *out, size_t start)
{
	put_zeros(out, LOADER_COMMAND_BYTES - (out->size - start));
}

static void allocate(struct out *out, const char *file, u32 alignment, u8 zone)
{
	size_t start = command_begin(out, LOADER_ALLOCATE, file);

	put32(out, alignment);
	put8(out, zone);
	command_end(out, start);
}

static void add_pointer(struct out *out, const char *file, const char *to, size_t offset)
{
	size_t start = command_begin(out, LOADER_ADD_POINTER, file);

	put(out, to, strlen(to));
	put_zeros(out, LOADER_FILE_BYTES - strlen(to));
	put32(out, (u32)offset);
	put8(out, 8);
	command_end(out, start);
}

static void add_checksum(struct out *out, const char *file, size_t offset, size_t first, size_t length)
{
	size_t start = command_begin(out, LOADER_ADD_CHECKSUM, file);

	put32(out, (u32)offset);
	put32(out, (u32)first);
	put32(out, (u32)length);
	command_end(out, start);
}

bool acpi_loader_script(const struct acpi_blob *blob, struct acpi_fw_cfg *files, struct error *err)
{
	const size_t skip = 64; /* the RSDP is a file of its own; the first table follows on 64 bytes */
	struct acpi_blob copy = *blob;
	struct out script = {0};
	unsigned i;

	memset(files, 0, sizeof(*files));
	if (blob->size <= skip)
		return fail(err, "ACPI tables: none built");
	copy.data = malloc(blob->size);
	files->rsdp = malloc(ACPI_RSDP_BYTES);
	files->tables = malloc(blob->size - skip);
	if (!copy.data || !files->rsdp || !files->tables)
		goto no_memory;
	memcpy(copy.data, blob->data, blob->size);
	acpi_place(&copy, -(u64)skip); /* pointers become offsets into etc/acpi/tables */

	allocate(&script, FILE_RSDP, 16, ZONE_FSEG);
	allocate(&script, FILE_TABLES, 64, ZONE_HIGH);
	for (i = 0; i < copy.table_count; i++) {
		struct acpi_entry *table = &copy.tables[i];
		size_t offset = table->offset - skip, entry;

		copy.data[table->offset + 9] = 0;
		if (!strcmp(table->signature, "FACP"))
			add_pointer(&script, FILE_TABLES, FILE_TABLES, offset + FADT_X_DSDT);
		if (!strcmp(table->signature, "XSDT"))
			for (entry = XSDT_ENTRIES; entry < table->length; entry += 8)
				add_pointer(&script, FILE_TABLES, FILE_TABLES, offset + entry);
	}
	for (i = 0; i < copy.table_count; i++)
		add_checksum(&script, FILE_TABLES, copy.tables[i].offset - skip + 9, copy.tables[i].offset - skip,
			     copy.tables[i].length);
	copy.data[8] = 0;
	copy.data[32] = 0;
	add_pointer(&script, FILE_RSDP, FILE_TABLES, RSDP_XSDT);
	add_checksum(&script, FILE_RSDP, 8, 0, 20);
	add_checksum(&script, FILE_RSDP, 32, 0, ACPI_RSDP_BYTES);
	if (script.overflow)
		goto no_memory;

	memcpy(files->rsdp, copy.data, ACPI_RSDP_BYTES);
	memcpy(files->tables, copy.data + skip, blob->size - skip);
	files->rsdp_size = ACPI_RSDP_BYTES;
	files->tables_size = blob->size - skip;
	files->loader = script.data;
	files->loader_size = script.size;
	free(copy.data);
	return true;

no_memory:
	free(copy.data);
	free(script.data);
	acpi_fw_cfg_free(files);
	return fail(err, "ACPI tables: no memory for the fw_cfg files");
}

void acpi_fw_cfg_free(struct acpi_fw_cfg *files)
{
	free(files->rsdp);
	free(files->tables);
	free(files->loader);
	memset(files, 0, sizeof(*files));
}
