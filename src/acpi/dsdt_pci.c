/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DSDT, second part: PCI roots and CXL. pcie.0 is \_SB.PCI0, an expander \_SB.PCxx with xx its bus number; a CXL one is
 * an ACPI0016 that is also a PCI root, matched to its CHBS by _UID. [PCI Firmware 3.3, 4.5, 4.6.5] [CXL3.0 9.17, 9.18]
 */
#include "acpi/tables.h"

#include <stdio.h>

#define UUID_PCI_OSC "33DB4D5B-1FF7-401C-9657-7441C03DD766"
#define UUID_PLATFORM_OSC "0811B06E-4A27-44F9-8D60-3CBBC22E7B48"
#define UUID_CXL_OSC "68F2D50B-C469-4D8A-BD3D-941A103FD3FC"
#define UUID_PCI_DSM "E5C937D0-3553-4D7A-9117-EA4D19C3434D"

enum { OSC_FAILURE = 2, OSC_UNKNOWN_UUID = 4, OSC_UNKNOWN_REVISION = 8, OSC_MASKED = 16 };
/* Control that the OS may take: native hot plug, SHPC, PME, AER, PCIe capability, DPC, which goes with AER; of CXL:
 * memory error reporting. */
enum { OSC_PCI_GRANTED = 0x9f, OSC_PCI_ERRORS = 0x88, OSC_CXL_GRANTED = 0x01 };
/* Of what the platform as a whole can do: APEI, that is, HEST. [ACPI6.5 6.2.11.2] */
enum { OSC_PLATFORM_APEI = 0x10 };

static void store_or(struct out *out, const char *field, u64 bits)
{
	aml_op(out, AML_OR);
	aml_path(out, field);
	aml_int(out, bits);
	aml_path(out, field);
}

static void create_dword(struct out *out, unsigned offset, const char *name)
{
	aml_op(out, AML_CREATE_DWORD_FIELD);
	aml_op(out, AML_LOCAL0);
	aml_int(out, offset);
	aml_path(out, name);
}

/* field &= granted, telling the OS in CDW1 if that took anything away. */
static void mask_control(struct out *out, const char *field, u64 granted)
{
	size_t when;

	aml_op(out, AML_AND);
	aml_path(out, field);
	aml_int(out, granted);
	aml_op(out, AML_LOCAL1);
	when = aml_if(out);
	aml_op(out, AML_LNOT);
	aml_op(out, AML_LEQUAL);
	aml_path(out, field);
	aml_op(out, AML_LOCAL1);
	store_or(out, "CDW1", OSC_MASKED);
	aml_end(out, when);
	aml_op(out, AML_STORE);
	aml_op(out, AML_LOCAL1);
	aml_path(out, field);
}

void dsdt_if_arg_is_uuid(struct out *out, const char *uuid)
{
	aml_op(out, AML_LEQUAL);
	aml_op(out, AML_ARG0);
	aml_uuid(out, uuid);
}

static void if_size_below(struct out *out, unsigned bytes)
{
	aml_op(out, AML_LLESS);
	aml_op(out, AML_SIZE_OF);
	aml_op(out, AML_ARG3);
	aml_int(out, bytes);
}

static void return_local0(struct out *out)
{
	aml_op(out, AML_RETURN);
	aml_op(out, AML_LOCAL0);
}

/* Local0 = the capabilities, of at least `dwords` DWORDs; CDW1 without status bits, which are ours to set. Returns
 * early for what is none, and for another UUID (two are known if the second is not NULL) or revision. */
static void osc_begin(struct out *out, const char *uuid, const char *other, unsigned dwords)
{
	size_t block;

	aml_op(out, AML_STORE);
	aml_op(out, AML_ARG3);
	aml_op(out, AML_LOCAL0);
	block = aml_if(out);
	if_size_below(out, 4);
	return_local0(out);
	aml_end(out, block);
	create_dword(out, 0, "CDW1");
	aml_op(out, AML_AND);
	aml_path(out, "CDW1");
	aml_int(out, 1);
	aml_path(out, "CDW1");

	block = aml_if(out);
	aml_op(out, AML_LNOT);
	if (other)
		aml_op(out, AML_LOR);
	dsdt_if_arg_is_uuid(out, uuid);
	if (other)
		dsdt_if_arg_is_uuid(out, other);
	store_or(out, "CDW1", OSC_UNKNOWN_UUID);
	return_local0(out);
	aml_end(out, block);

	block = aml_if(out);
	aml_op(out, AML_LNOT);
	aml_op(out, AML_LEQUAL);
	aml_op(out, AML_ARG1);
	aml_op(out, AML_ONE);
	store_or(out, "CDW1", OSC_UNKNOWN_REVISION);
	return_local0(out);
	aml_end(out, block);

	block = aml_if(out);
	if_size_below(out, 4 * dwords);
	store_or(out, "CDW1", OSC_FAILURE);
	return_local0(out);
	aml_end(out, block);
}

/*
 * _OSC(UUID, revision, count, capabilities). The answer is a copy of the capabilities with status in the first DWORD
 * and, per control DWORD, what is granted; nothing is remembered, so a query (bit 0 of the first DWORD) and a request
 * are the same thing. Buffers too short for their UUID fail; a CXL root takes both UUIDs. Where firmware comes first,
 * it keeps AER, DPC and the CXL memory errors of CXL roots for itself.
 */
static void put_osc(const struct acpi_config *config, struct out *out, bool is_cxl)
{
	size_t method = aml_method(out, "_OSC", 4, true), block, inner;
	bool kept = is_cxl && config->cxl_firmware_first;

	osc_begin(out, UUID_PCI_OSC, is_cxl ? UUID_CXL_OSC : NULL, 3);
	create_dword(out, 8, "CDW3");
	mask_control(out, "CDW3", kept ? OSC_PCI_GRANTED & ~OSC_PCI_ERRORS : OSC_PCI_GRANTED);

	if (is_cxl) {
		block = aml_if(out);
		dsdt_if_arg_is_uuid(out, UUID_CXL_OSC);
		inner = aml_if(out);
		if_size_below(out, 20);
		store_or(out, "CDW1", OSC_FAILURE);
		return_local0(out);
		aml_end(out, inner);
		create_dword(out, 16, "CDW5");
		mask_control(out, "CDW5", kept ? 0 : OSC_CXL_GRANTED);
		aml_end(out, block);
	}
	return_local0(out);
	aml_end(out, method);
}

/* The platform's, with which the OS learns that firmware tells it of errors. */
void dsdt_put_platform_osc(const struct acpi_config *config, struct out *out)
{
	size_t method;

	if (!config->error_source_count)
		return;
	method = aml_method(out, "_OSC", 4, true);
	osc_begin(out, UUID_PLATFORM_OSC, NULL, 2);
	create_dword(out, 4, "CDW2");
	mask_control(out, "CDW2", OSC_PLATFORM_APEI);
	return_local0(out);
	aml_end(out, method);
}

void dsdt_return_byte(struct out *out, u8 byte)
{
	aml_op(out, AML_RETURN);
	aml_bytes(out, &byte, 1);
}

size_t dsdt_if_function(struct out *out, unsigned function)
{
	size_t mark = aml_if(out);

	aml_op(out, AML_LEQUAL);
	aml_op(out, AML_ARG2);
	aml_int(out, function);
	return mark;
}

/* Function 5, preserve boot configuration: 1, the OS may assign all resources anew. [PCI Firmware 3.3, 4.6.5] */
static void put_pci_dsm(struct out *out)
{
	size_t method = aml_method(out, "_DSM", 4, false), block, function;

	block = aml_if(out);
	dsdt_if_arg_is_uuid(out, UUID_PCI_DSM);
	function = dsdt_if_function(out, 0);
	dsdt_return_byte(out, 1 << 0 | 1 << 5);
	aml_end(out, function);
	function = dsdt_if_function(out, 5);
	aml_op(out, AML_RETURN);
	aml_op(out, AML_ONE);
	aml_end(out, function);
	aml_end(out, block);
	dsdt_return_byte(out, 0);
	aml_end(out, method);
}

/* INTA..INTD of slot n are shifted by n, as everywhere in PCI. */
static void put_prt(const struct acpi_config *config, struct out *out)
{
	unsigned slot, pin;
	size_t table, entry;

	aml_name(out, "_PRT");
	table = aml_package(out, 32 * 4);
	for (slot = 0; slot < 32; slot++)
		for (pin = 0; pin < 4; pin++) {
			entry = aml_package(out, 4);
			aml_int(out, slot << 16 | 0xffff);
			aml_int(out, pin);
			aml_int(out, 0);
			aml_int(out, config->pci_intx_gsi[(slot + pin) % 4]);
			aml_end(out, entry);
		}
	aml_end(out, table);
}

static void put_crs(const struct acpi_root *root, struct out *out)
{
	size_t crs;
	unsigned i;

	aml_name(out, "_CRS");
	crs = aml_resources(out);
	res_bus_range(out, root->bus_first, root->bus_last);
	if (root->io.size)
		res_io_window(out, root->io.base, root->io.size, root->io_pa - root->io.base);
	for (i = 0; i < root->memory_count; i++)
		res_memory(out, root->memory[i].base, root->memory[i].size, true);
	aml_resources_end(out, crs);
}

static void put_root(const struct acpi_config *config, const struct acpi_root *root, bool is_first, struct out *out)
{
	char name[16];
	size_t device, ids;

	if (is_first)
		snprintf(name, sizeof(name), "PCI0");
	else
		snprintf(name, sizeof(name), "PC%02X", root->uid & 0xff);
	device = aml_device(out, name);
	if (root->is_cxl) {
		aml_name_string(out, "_HID", "ACPI0016");
		aml_name(out, "_CID");
		ids = aml_package(out, 2);
		aml_eisa_id(out, "PNP0A08");
		aml_eisa_id(out, "PNP0A03");
		aml_end(out, ids);
	} else {
		aml_name_eisa(out, "_HID", "PNP0A08");
		aml_name_eisa(out, "_CID", "PNP0A03");
	}
	aml_name_int(out, "_UID", root->uid);
	aml_name_int(out, "_SEG", 0);
	aml_name_int(out, "_BBN", root->bus_first);
	aml_name(out, "_STR");
	aml_unicode(out, root->is_cxl ? "CXL host bridge" : is_first ? "PCIe root" : "PCIe expander");
	aml_name_int(out, "_CCA", 1);
	if (root->node != ACPI_NO_NODE)
		aml_name_int(out, "_PXM", root->node);
	put_prt(config, out);
	put_crs(root, out);
	put_osc(config, out, root->is_cxl);
	put_pci_dsm(out);
	aml_end(out, device);
}

void dsdt_put_roots(const struct acpi_config *config, struct out *out)
{
	bool has_cxl = false;
	unsigned i;

	for (i = 0; i < config->root_count; i++) {
		put_root(config, &config->roots[i], i == 0, out);
		has_cxl |= config->roots[i].is_cxl;
	}
	if (has_cxl)
		dsdt_put_cxl(config, out);
}
