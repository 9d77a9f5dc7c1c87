/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A start by real firmware, stock ArmVirtQemu (design D4): two banks of flash at 0, the complete device tree at the
 * base of RAM, and fw_cfg. vCPU 0 starts at 0 with x0 = the device tree.
 *
 *   -bios FILE            bank 0, read-only; bank 1 is blank and forgotten at exit
 *   -drive if=pflash      the banks' images; unit 1 is where firmware keeps its variables
 *   neither, with -S      both blank: a debugger brings the program
 *
 * Files in fw_cfg: etc/acpi/rsdp, etc/acpi/tables and etc/table-loader, made anew each time one of them is selected, so
 * that _CRS follows what the firmware has enumerated; etc/extra-pci-roots (number of expanders, 64 bits), so that it
 * looks for their buses; etc/smbios/smbios-anchor and -tables; etc/system-states; bootorder; etc/boot-menu-wait;
 * kernel, initrd and command line by their keys. The firmware takes the size of a file from the directory before it
 * selects it, so the tables' file has one size, with room for the longest _CRS. Machine lock held.
 */
#include "machine/firmware.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/trace.h"
#include "machine/facts.h"
#include "pci/pci_spec.h"
#include "virtio/virtio.h"

#define DTB_BYTES_MAX 0x70000u /* the firmware's first stack follows */
#define TABLES_GRAIN (64 * KiB)
#define TABLES_ROOT 1024u /* room for the windows of one more _CRS */
#define SMBIOS_ANCHOR 24u
#define SMBIOS_MAX (64 * KiB)
#define BOOTORDER_MAX 4096

struct firmware {
	u64 tables_size;
};

bool firmware_is_wanted(const struct machine *m)
{
	return m->config.bios || m->config.flash_drive[0] || m->flash_image[0] ||
	       (m->config.no_program && !m->config.kernel);
}

/* --- flash --- */

/* As given, or, for a bare name, where Debian installs firmware. */
static bool open_bios(struct machine *m, struct error *err)
{
	static const char *const folders[] = {"/usr/share/qemu-efi-aarch64", "/usr/share/AAVMF", "/usr/share/qemu"};
	struct block_config config = {.id = "bios", .file = m->config.bios, .format = "raw", .readonly = true};
	char found[4096 + 64];
	int fd;

	for (unsigned i = 0; i < ARRAY_SIZE(folders) && !strchr(m->config.bios, '/') && access(config.file, F_OK);
	     i++) {
		snprintf(found, sizeof(found), "%s/%s", folders[i], m->config.bios);
		if (!access(found, F_OK))
			config.file = found;
	}
	fd = file_open("-bios", config.file, false, false, err);
	if (fd < 0)
		return false;
	close(fd);
	m->bios = block_open(&config, err);
	return m->bios || fail_context(err, "-bios %s", m->config.bios);
}

static bool find_drives(struct machine *m, struct error *err)
{
	for (unsigned unit = 0; unit < FLASH_BANKS; unit++) {
		const char *id = m->config.flash_drive[unit];

		if (!id)
			continue;
		if (m->flash_image[unit])
			return fail(err,
				    "-M pflash%u=%s: there is a drive with if=pflash,unit=%u already; leave one out",
				    unit, id, unit);
		m->flash_image[unit] = machine_block(m, id, err);
		if (!m->flash_image[unit])
			return fail_context(err, "-M pflash%u=%s", unit, id);
	}
	if (m->flash_image[0] && m->flash_image[0] == m->flash_image[1])
		return fail(err, "-M pflash%d=%s: the other bank of flash has this drive; give each bank its own",
			    m->config.flash_drive[1] != NULL, m->config.flash_drive[m->config.flash_drive[1] != NULL]);
	if (m->config.bios && m->flash_image[0])
		return fail(err,
			    "-bios %s: flash bank 0 has an image already (if=pflash,unit=0); leave one of them out",
			    m->config.bios);
	return true;
}

bool firmware_flash_create(struct machine *m, struct error *err)
{
	static const enum memory_map bank[FLASH_BANKS] = {MAP_FLASH0, MAP_FLASH1};

	if (!find_drives(m, err))
		return false;
	if (!firmware_is_wanted(m)) {
		if (m->flash_image[1])
			return fail(
				err,
				"if=pflash,unit=1: there is no firmware that would use it; add -bios FILE, or an image "
				"with if=pflash,unit=0");
		return true;
	}
	if (m->config.bios && !open_bios(m, err))
		return false;
	for (unsigned unit = 0; unit < FLASH_BANKS; unit++) {
		struct block *image = unit || !m->bios ? m->flash_image[unit] : m->bios;

		m->flash[unit] =
			pflash_create(m->space, memory_map[bank[unit]].name, memory_map[bank[unit]].base, image, err);
		if (m->flash[unit])
			continue;
		if (!unit && m->bios)
			return fail_context(err, "-bios %s", m->config.bios);
		return fail_context(err, "if=pflash,unit=%u", unit);
	}
	return true;
}

/* --- ACPI tables --- */

static bool tables_build(struct machine *m, struct acpi_fw_cfg *files, struct error *err)
{
	struct acpi_config *facts = calloc(1, sizeof(*facts));
	struct acpi_blob blob = {0};
	bool ok;

	if (!facts)
		return fail(err, "out of memory");
	ok = facts_acpi(m, facts, err);
	if (ok)
		crs_from_config_space(m, facts);
	ok = ok && acpi_build(facts, &blob, err) && acpi_loader_script(&blob, files, err);
	acpi_blob_free(&blob);
	free(facts);
	return ok;
}

/* The tables' file at its one size; false: it does not fit. */
static bool tables_pad(struct acpi_fw_cfg *files, u64 size)
{
	u8 *padded = files->tables_size <= size ? realloc(files->tables, size) : NULL;

	if (!padded)
		return false;
	memset(padded + files->tables_size, 0, size - files->tables_size);
	files->tables = padded;
	files->tables_size = size;
	return true;
}

static void tables_selected(void *opaque)
{
	struct machine *m = opaque;
	struct acpi_fw_cfg files = {0};
	struct error err = {""};

	if (!tables_build(m, &files, &err)) {
		trace(UNIMP, "ACPI tables stay as they were: %s", err.text);
		return;
	}
	if (tables_pad(&files, m->firmware->tables_size)) {
		fw_cfg_replace_file(m->fw_cfg, "etc/acpi/rsdp", files.rsdp, files.rsdp_size);
		fw_cfg_replace_file(m->fw_cfg, "etc/acpi/tables", files.tables, files.tables_size);
		fw_cfg_replace_file(m->fw_cfg, "etc/table-loader", files.loader, files.loader_size);
	} else {
		trace(UNIMP, "ACPI tables stay as they were: they have grown past 0x%llx bytes",
		      (unsigned long long)m->firmware->tables_size);
	}
	acpi_fw_cfg_free(&files);
}

static bool add_tables(struct machine *m, struct error *err)
{
	static const char *const names[] = {"etc/acpi/rsdp", "etc/acpi/tables", "etc/table-loader"};
	struct acpi_fw_cfg files = {0};
	bool ok;

	if (!tables_build(m, &files, err))
		return false;
	m->firmware->tables_size = align_up(files.tables_size + TABLES_ROOT * root_count(m), TABLES_GRAIN);
	ok = tables_pad(&files, m->firmware->tables_size) || fail(err, "out of memory");
	ok = ok && fw_cfg_add_file(m->fw_cfg, names[0], files.rsdp, files.rsdp_size, err) &&
	     fw_cfg_add_file(m->fw_cfg, names[1], files.tables, files.tables_size, err) &&
	     fw_cfg_add_file(m->fw_cfg, names[2], files.loader, files.loader_size, err);
	acpi_fw_cfg_free(&files);
	for (unsigned i = 0; ok && i < ARRAY_SIZE(names); i++)
		fw_cfg_on_select(m->fw_cfg, names[i], tables_selected, m);
	return ok;
}

/* --- the other files --- */

static bool add_smbios(struct machine *m, struct error *err)
{
	struct boot_plan_config *config = calloc(1, sizeof(*config));
	u8 *bytes = calloc(1, SMBIOS_MAX);
	size_t size = 0;
	bool ok;

	if (config && bytes) {
		facts_boot(m, config);
		size = smbios_build(config, 0, bytes, SMBIOS_MAX);
	}
	ok = size > SMBIOS_ANCHOR || fail(err, "SMBIOS: the tables have no room");
	ok = ok && fw_cfg_add_file(m->fw_cfg, "etc/smbios/smbios-anchor", bytes, SMBIOS_ANCHOR, err) &&
	     fw_cfg_add_file(m->fw_cfg, "etc/smbios/smbios-tables", bytes + SMBIOS_ANCHOR, size - SMBIOS_ANCHOR, err);
	free(config);
	free(bytes);
	return ok;
}

/* An Open Firmware path, as firmware knows it: ports from the root down, then the function. */
static size_t device_path(char *to, size_t room, const struct pci_dev *dev, const char *node)
{
	size_t used = 0;

	if (dev->bus->bridge)
		used = device_path(to, room, dev->bus->bridge->dev, "pci-bridge");
	else if (dev->bus->root->pxb)
		used = (size_t)snprintf(to, room, "/pci@i0cf8,%x", dev->bus->root->base);
	else
		used = (size_t)snprintf(to, room, "/pci@i0cf8");
	if (used >= room)
		return room;
	used += (size_t)snprintf(to + used, room - used, "/%s@%x", node, dev->devfn >> 3);
	if (used < room && dev->devfn & 7)
		used += (size_t)snprintf(to + used, room - used, ",%x", dev->devfn & 7);
	return MIN(used, room);
}

static size_t boot_path(struct machine *m, char *to, size_t room, const struct dev *dev)
{
	if (dev->cls->plugs == BUS_VIRTIO)
		return (size_t)snprintf(to, room, "/virtio-mmio@%016llx",
					(unsigned long long)virtio_mmio_address(m->virtio_slots, dev->bus));
	return device_path(to, room, (const struct pci_dev *)dev, "scsi");
}

static bool add_bootorder(struct machine *m, struct error *err)
{
	char text[BOOTORDER_MAX] = "", path[1024];
	size_t used = 0;
	bool any = false;

	for (s64 last = -1;;) {
		const struct dev *best = NULL;
		s64 best_index = 0;

		for (unsigned i = 0; i < m->boot_count; i++)
			if ((s64)m->boot[i].index > last && (!best || (s64)m->boot[i].index < best_index)) {
				best = m->boot[i].dev;
				best_index = m->boot[i].index;
			}
		if (!best)
			break;
		last = best_index;
		if (boot_path(m, path, sizeof(path), best) >= sizeof(path) - 1)
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s/disk@0,0", any ? "\n" : "", path);
		any = true;
		if (used >= sizeof(text) - 16)
			return fail(err, "bootindex: too many devices have one; leave some out");
	}
	if (m->config.boot_strict)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%sHALT", any ? "\n" : "");
	return !used || fw_cfg_add_file(m->fw_cfg, "bootorder", text, used + 1, err);
}

static void add_u32(struct machine *m, u16 key, u64 value)
{
	u8 bytes[4];

	store_le(bytes, 4, value);
	fw_cfg_add_item(m->fw_cfg, key, bytes, sizeof(bytes));
}

/* EDK2 starts them through their EFI stub. */
static bool add_kernel(struct machine *m, struct kernel *kernel, struct initrd *initrd, struct error *err)
{
	const char *append = m->config.append;

	if (kernel->data) {
		if (kernel->kind == KERNEL_ELF || kernel->size < 2 || memcmp(kernel->data, "MZ", 2))
			return fail(
				err,
				"-kernel %s: firmware starts EFI programs only, and it is none; give a kernel with an EFI "
				"stub, or leave the firmware out",
				m->config.kernel);
		add_u32(m, FW_CFG_KERNEL_SIZE, kernel->size);
		if (!fw_cfg_take_item(m->fw_cfg, FW_CFG_KERNEL_DATA, kernel->data, kernel->size))
			return fail(err, "-kernel %s: too large for fw_cfg", m->config.kernel);
		kernel->data = NULL;
	}
	if (initrd->data) {
		add_u32(m, FW_CFG_INITRD_SIZE, initrd->size);
		if (!fw_cfg_take_item(m->fw_cfg, FW_CFG_INITRD_DATA, initrd->data, initrd->size))
			return fail(err, "-initrd %s: too large for fw_cfg, which holds less than 4 GiB",
				    m->config.initrd);
		initrd->data = NULL;
	}
	if (append) {
		add_u32(m, FW_CFG_CMDLINE_SIZE, strlen(append) + 1);
		fw_cfg_add_item(m->fw_cfg, FW_CFG_CMDLINE_DATA, append, strlen(append) + 1);
	}
	return true;
}

static bool add_settings(struct machine *m, struct error *err)
{
	/* S0 and S5; the values of S3 and S4 without their enable bits. */
	static const u8 states[6] = {0x80, 0, 0, 1, 2, 0x80};
	unsigned expanders = root_count(m) - 1;
	u8 bytes[8];

	if (expanders) {
		store_le(bytes, 8, expanders);
		if (!fw_cfg_add_file(m->fw_cfg, "etc/extra-pci-roots", bytes, 8, err))
			return false;
	}
	if (!fw_cfg_add_file(m->fw_cfg, "etc/system-states", states, sizeof(states), err))
		return false;
	store_le(bytes, 2, m->config.boot_menu);
	fw_cfg_add_item(m->fw_cfg, FW_CFG_BOOT_MENU, bytes, 2);
	if (m->config.boot_splash_ms) {
		store_le(bytes, 2, m->config.boot_splash_ms);
		return fw_cfg_add_file(m->fw_cfg, "etc/boot-menu-wait", bytes, 2, err);
	}
	return true;
}

/* Decoders are registers, so CXL memory of a boot region is there whatever the firmware is; what it is told differs. */
static void tell_regions(struct machine *m)
{
	for (unsigned i = 0; m->cxl && i < cxl_host_region_count(m->cxl); i++)
		if (cxl_host_region(m->cxl, i)->as == CXL_AS_DAX)
			fprintf(stderr,
				"cxlvm: -cxl-region as=dax: firmware has no way to be told of Specific Purpose memory; "
				"as=none is what the guest gets\n");
}

bool firmware_create(struct machine *m, struct kernel *kernel, struct initrd *initrd, struct error *err)
{
	m->firmware = calloc(1, sizeof(*m->firmware));
	if (!m->firmware)
		return fail(err, "out of memory");
	tell_regions(m);
	return (!m->config.acpi || add_tables(m, err)) && add_smbios(m, err) && add_settings(m, err) &&
	       add_bootorder(m, err) && add_kernel(m, kernel, initrd, err);
}

bool firmware_place(struct machine *m, const u8 *dtb, size_t dtb_size, u64 *entry, u64 *x0, struct error *err)
{
	*entry = memory_map[MAP_FLASH0].base;
	*x0 = memory_map[MAP_RAM].base;
	if (dtb_size > DTB_BYTES_MAX)
		return fail(err, "the device tree has %zu bytes; firmware leaves %u for it", dtb_size, DTB_BYTES_MAX);
	return dma_write(m->space, *x0, dtb, dtb_size) || fail(err, "the device tree does not fit into RAM");
}

void firmware_reset(struct machine *m)
{
	for (unsigned unit = 0; unit < FLASH_BANKS; unit++)
		if (m->flash[unit])
			pflash_reset(m->flash[unit]);
}

void firmware_destroy(struct machine *m)
{
	for (unsigned unit = 0; unit < FLASH_BANKS; unit++)
		pflash_destroy(m->flash[unit]);
	block_close(m->bios);
	free(m->firmware);
}
