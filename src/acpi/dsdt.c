/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DSDT: what cannot be enumerated. CPUs, console, fw_cfg, virtio-mmio slots, the generic event device with the power
 * button, and (dsdt_pci.c) the PCI roots. Interrupts are GSIs, that is, INTIDs; there are no link devices.
 */
#include "acpi/tables.h"

#include <stdio.h>

static void put_cpus(const struct acpi_config *config, struct out *out)
{
	unsigned i;

	for (i = 0; i < config->cpu_count; i++) {
		char name[16];
		size_t cpu;

		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		cpu = aml_device(out, name);
		aml_name_string(out, "_HID", "ACPI0007");
		aml_name_int(out, "_UID", i);
		aml_end(out, cpu);
	}
}

static void put_uart(struct out *out, const char *name, u32 uid, u64 base, u32 gsi)
{
	size_t device = aml_device(out, name), crs;

	aml_name_string(out, "_HID", "ARMH0011");
	aml_name_int(out, "_UID", uid);
	aml_name(out, "_CRS");
	crs = aml_resources(out);
	res_fixed(out, base, 0x1000);
	res_interrupt(out, gsi, false, false);
	aml_resources_end(out, crs);
	aml_end(out, device);
}

static void put_fw_cfg(const struct acpi_config *config, struct out *out)
{
	size_t device = aml_device(out, "FWCF"), crs;

	aml_name_string(out, "_HID", "QEMU0002");
	aml_name_int(out, "_STA", 0x0b); /* present, decoding, functioning; hidden */
	aml_name_int(out, "_CCA", 1);
	aml_name(out, "_CRS");
	crs = aml_resources(out);
	res_fixed(out, config->fw_cfg_base, config->fw_cfg_size);
	aml_resources_end(out, crs);
	aml_end(out, device);
}

static void put_virtio(const struct acpi_config *config, struct out *out)
{
	unsigned i;

	for (i = 0; i < config->virtio_count; i++) {
		char name[16];
		size_t device, crs;

		snprintf(name, sizeof(name), "VR%02X", i & 0xff);
		device = aml_device(out, name);
		aml_name_string(out, "_HID", "LNRO0005");
		aml_name_int(out, "_UID", i);
		aml_name_int(out, "_CCA", 1);
		aml_name(out, "_CRS");
		crs = aml_resources(out);
		res_fixed(out, config->virtio_base + i * config->virtio_stride, config->virtio_stride);
		res_interrupt(out, config->virtio_gsi + i, true, false);
		aml_resources_end(out, crs);
		aml_end(out, device);
	}
}

static void notify_event(struct out *out, u32 event, const char *device)
{
	size_t when = aml_if(out);

	aml_op(out, AML_AND);
	aml_op(out, AML_LOCAL0);
	aml_int(out, event);
	aml_op(out, AML_ZERO); /* And's target: none */
	aml_op(out, AML_NOTIFY);
	aml_path(out, device);
	aml_int(out, 0x80);
	aml_end(out, when);
}

/* The selector says which events are pending and is cleared by the read. */
static void put_ged(const struct acpi_config *config, struct out *out)
{
	size_t device, crs, method;

	device = aml_device(out, "PWRB");
	aml_name_eisa(out, "_HID", "PNP0C0C");
	aml_name_int(out, "_UID", 0);
	aml_end(out, device);
	if (config->error_source_count) { /* the error device [ACPI6.5 18.3.2.7.2] */
		device = aml_device(out, "ERRD");
		aml_name_eisa(out, "_HID", "PNP0C33");
		aml_name_int(out, "_UID", 0);
		aml_end(out, device);
	}

	device = aml_device(out, "GED");
	aml_name_string(out, "_HID", "ACPI0013");
	aml_name_string(out, "_UID", "GED");
	aml_name(out, "_CRS");
	crs = aml_resources(out);
	res_interrupt(out, config->ged_gsi, true, false);
	aml_resources_end(out, crs);
	aml_register(out, "EREG", "ESEL", config->ged_base);
	method = aml_method(out, "_EVT", 1, true);
	aml_op(out, AML_STORE);
	aml_path(out, "ESEL");
	aml_op(out, AML_LOCAL0);
	notify_event(out, config->ged_power_button, "\\_SB.PWRB");
	if (config->error_source_count)
		notify_event(out, config->ged_hardware_error, "\\_SB.ERRD");
	aml_end(out, method);
	aml_end(out, device);
}

static void put_hha(const struct acpi_config *config, struct out *out)
{
	size_t device = aml_device(out, "HHA0"), crs;

	aml_name_string(out, "_HID", "HISI0511");
	aml_name_int(out, "_UID", 0);
	aml_name(out, "_CRS");
	crs = aml_resources(out);
	res_fixed(out, config->hha_base, config->hha_size);
	aml_resources_end(out, crs);
	aml_end(out, device);
}

/* What the OS must leave alone: the ECAM (Linux wants it claimed by a device) and the clock, which EFI drives. */
static void put_reserved(const struct acpi_config *config, struct out *out)
{
	size_t device = aml_device(out, "RES0"), crs;

	aml_name_eisa(out, "_HID", "PNP0C02");
	aml_name_int(out, "_UID", 0);
	aml_name(out, "_CRS");
	crs = aml_resources(out);
	res_memory(out, config->ecam_base + (u64)config->ecam_bus_first * MiB,
		   (u64)(config->ecam_bus_last - config->ecam_bus_first + 1) * MiB, false);
	if (config->rtc_base)
		res_fixed(out, config->rtc_base, 0x1000);
	if (config->errors_size)
		res_fixed(out, config->errors_base, config->errors_size);
	aml_resources_end(out, crs);
	aml_end(out, device);
}

void dsdt_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "DSDT", 2), scope, package;

	if (config->sleep_control_pa) {
		aml_name(out, "\\_S5");
		package = aml_package(out, 4);
		aml_int(out, ACPI_SLEEP_TYPE_S5);
		aml_int(out, 0);
		aml_int(out, 0);
		aml_int(out, 0);
		aml_end(out, package);
	}
	scope = aml_scope(out, "\\_SB");
	dsdt_put_platform_osc(config, out);
	put_cpus(config, out);
	put_uart(out, "COM0", 0, config->uart_base, config->uart_gsi);
	if (config->uart1_base)
		put_uart(out, "COM1", 1, config->uart1_base, config->uart1_gsi);
	if (config->fw_cfg_size)
		put_fw_cfg(config, out);
	put_virtio(config, out);
	if (config->ged_base)
		put_ged(config, out);
	if (config->hha_size)
		put_hha(config, out);
	put_reserved(config, out);
	dsdt_put_roots(config, out);
	aml_end(out, scope);
	table_end(out, start);
}
