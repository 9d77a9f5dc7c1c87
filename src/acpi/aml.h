/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to acpi/: a growing, bounded byte buffer, table headers, and an AML encoder on top. [ACPI6.5 20]
 *
 * AML is a prefix notation, so the calls are written in the order in which the bytes stand: an operator first, then its
 * operands. What carries a PkgLength is opened by a call that returns a mark and closed by aml_end(out, mark), which
 * inserts the length; marks nest. A buffer that reaches its bound sets `overflow` and takes no more; acpi_build looks
 * once at the end.
 */
#ifndef ACPI_AML_H
#define ACPI_AML_H

#include "acpi/acpi.h"

#define ACPI_BYTES_MAX (8 * MiB)

struct out {
	u8 *data;
	size_t size, capacity;
	bool overflow;
};

void put(struct out *out, const void *bytes, size_t size);
void put8(struct out *out, u8 v);
void put16(struct out *out, u16 v);
void put32(struct out *out, u32 v);
void put64(struct out *out, u64 v);
void put_zeros(struct out *out, size_t count);
void put_align(struct out *out, size_t alignment);
/* Generic Address Structure of a memory-mapped register; pa 0 gives 12 zero bytes. `access`: 1 byte .. 4 qword. */
void put_gas(struct out *out, u64 pa, u8 bits_wide, u8 access);

/* A table: header with zero length and checksum; table_end fills the length. Checksums come with acpi_place. */
size_t table_begin(struct out *out, const char *signature, u8 revision);
void table_end(struct out *out, size_t start);

enum aml_op {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_LOCAL0 = 0x60,
	AML_LOCAL1,
	AML_ARG0 = 0x68,
	AML_ARG1,
	AML_ARG2,
	AML_ARG3,
	AML_STORE = 0x70,
	AML_MULTIPLY = 0x77,
	AML_AND = 0x7b,
	AML_OR = 0x7d,
	AML_DEREF_OF = 0x83,
	AML_NOTIFY = 0x86,
	AML_SIZE_OF = 0x87,
	AML_INDEX = 0x88,
	AML_CREATE_DWORD_FIELD = 0x8a,
	AML_LOR = 0x91,
	AML_LNOT = 0x92,
	AML_LEQUAL = 0x93,
	AML_LLESS = 0x95,
	AML_RETURN = 0xa4,
};

void aml_op(struct out *out, enum aml_op op);
void aml_path(struct out *out, const char *path); /* "\\_SB.PCI0", "^X", "_HID"; short segments are padded */
void aml_int(struct out *out, u64 v);
void aml_eisa_id(struct out *out, const char *id);               /* "PNP0C0C" */
void aml_uuid(struct out *out, const char *uuid);                /* a Buffer, as ToUUID makes it */
void aml_bytes(struct out *out, const void *bytes, size_t size); /* Buffer */
void aml_unicode(struct out *out, const char *text);             /* Buffer, as Unicode() makes it */

size_t aml_scope(struct out *out, const char *path);
size_t aml_device(struct out *out, const char *name);
size_t aml_method(struct out *out, const char *name, unsigned args, bool serialized);
size_t aml_if(struct out *out); /* the condition follows */
size_t aml_package(struct out *out, u8 count);
void aml_end(struct out *out, size_t mark);

void aml_name(struct out *out, const char *name); /* Name(name, what follows) */
void aml_name_int(struct out *out, const char *name, u64 v);
void aml_name_string(struct out *out, const char *name, const char *text);
void aml_name_eisa(struct out *out, const char *name, const char *id);
/* OperationRegion in SystemMemory and one DWORD-accessed 32-bit field at its start. */
void aml_register(struct out *out, const char *region, const char *field, u64 pa);

/* Resource templates: aml_resources, descriptors, aml_resources_end. [ACPI6.5 6.4] */
size_t aml_resources(struct out *out);
void aml_resources_end(struct out *out, size_t mark);
void res_interrupt(struct out *out, u32 gsi, bool edge, bool shared);
void res_bus_range(struct out *out, u16 first, u16 last);
void res_memory(struct out *out, u64 base, u64 size, bool producer); /* DWord or QWord by the address */
void res_io_window(struct out *out, u64 base, u64 size, u64 translation);
/* Fixed memory of a device, in the shortest descriptor that holds it. */
void res_fixed(struct out *out, u64 base, u64 size);

#endif
