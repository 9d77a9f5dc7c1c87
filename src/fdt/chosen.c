/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /chosen, alone or in a tree the user brought, where RAM is put right too. In the tree of a start without firmware it
 * is the only node: with any other arm64 Linux takes the machine from the device tree and not from ACPI; and all six
 * linux,uefi-* properties must be there, or EFI is ignored altogether (design D4).
 */
#include "fdt/fdt_private.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define MEMORY_BYTES 128 /* of a node, at most */

void chosen_put(struct tree *tree, const struct fdt_chosen *chosen, u64 stdout_uart)
{
	char path[64];

	node_begin(tree, "chosen");
	if (chosen->bootargs)
		prop_string(tree, "bootargs", chosen->bootargs);
	if (chosen->initrd_end > chosen->initrd_start) {
		prop_u64(tree, "linux,initrd-start", chosen->initrd_start);
		prop_u64(tree, "linux,initrd-end", chosen->initrd_end);
	}
	if (chosen->has_seeds) {
		prop_bytes(tree, "rng-seed", chosen->rng_seed, FDT_SEED_BYTES);
		prop_u64(tree, "kaslr-seed", chosen->kaslr_seed);
	}
	if (stdout_uart) {
		snprintf(path, sizeof(path), "/pl011@%llx", (unsigned long long)stdout_uart);
		prop_string(tree, "stdout-path", path);
	}
	if (chosen->efi_system_table) {
		prop_u64(tree, "linux,uefi-system-table", chosen->efi_system_table);
		prop_u64(tree, "linux,uefi-mmap-start", chosen->efi_mmap_start);
		prop_u32(tree, "linux,uefi-mmap-size", chosen->efi_mmap_size);
		prop_u32(tree, "linux,uefi-mmap-desc-size", chosen->efi_desc_size);
		prop_u32(tree, "linux,uefi-mmap-desc-ver", chosen->efi_desc_ver);
		prop_u32(tree, "linux,uefi-secure-boot", chosen->efi_secure_boot);
	}
	node_end(tree);
}

static size_t bootargs_bytes(const struct fdt_chosen *chosen)
{
	return chosen->bootargs ? strlen(chosen->bootargs) + 1 : 0;
}

bool fdt_build_efi(const struct fdt_chosen *chosen, u8 **dtb, size_t *size, struct error *err)
{
	struct tree tree;

	if (!tree_begin(&tree, 4096 + bootargs_bytes(chosen)))
		return fail(err, "device tree: no memory");
	node_begin(&tree, "");
	prop_u32(&tree, "#address-cells", 2);
	prop_u32(&tree, "#size-cells", 2);
	chosen_put(&tree, chosen, 0);
	node_end(&tree);
	return tree_end(&tree, dtb, size, err);
}

static bool is_memory(const char *name)
{
	return name && !strncmp(name, "memory", 6) && (!name[6] || name[6] == '@');
}

/* RAM is what -m and -numa say, whatever the machine had that the file was made for. libfdt's error, or 0. */
static int amend_memory(void *blob, const struct fdt_config *config)
{
	int address_cells = fdt_address_cells(blob, 0), size_cells = fdt_size_cells(blob, 0), node, next;
	int result = 0;

	for (node = fdt_first_subnode(blob, 0); node >= 0; node = next) {
		next = fdt_next_subnode(blob, node);
		if (is_memory(fdt_get_name(blob, node, NULL)))
			fdt_nop_node(blob, node);
	}
	/* The last becomes the first. */
	for (unsigned i = config->memory_count; !result && i--;) {
		u64 base = config->memories[i].base, size = config->memories[i].size;
		fdt32_t reg[4];
		char name[32];
		int n = 0;

		if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2 ||
		    (address_cells == 1 && base >> 32) || (size_cells == 1 && size >> 32))
			return -FDT_ERR_BADNCELLS;
		if (address_cells == 2)
			fdt32_st(&reg[n++], (u32)(base >> 32));
		fdt32_st(&reg[n++], (u32)base);
		if (size_cells == 2)
			fdt32_st(&reg[n++], (u32)(size >> 32));
		fdt32_st(&reg[n++], (u32)size);
		snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)base);
		node = fdt_add_subnode(blob, 0, name);
		result = node < 0 ? node : fdt_setprop(blob, node, "reg", reg, 4 * n);
		if (!result)
			result = fdt_setprop_string(blob, node, "device_type", "memory");
		if (!result && config->nodes && config->memories[i].node != FDT_NO_NODE)
			result = fdt_setprop_u32(blob, node, "numa-node-id", config->memories[i].node);
	}
	return result;
}

bool fdt_amend(const u8 *file, size_t file_size, const struct fdt_config *config, u8 **dtb, size_t *size,
	       struct error *err)
{
	const struct fdt_chosen *chosen = &config->chosen;
	size_t room = file_size + 4096 + MEMORY_BYTES * config->memory_count + bootargs_bytes(chosen);
	int result, node;
	void *blob;

	if (file_size < sizeof(struct fdt_header) || file_size > 16 * MiB || fdt_check_full(file, file_size))
		return fail(err, "not a device tree blob, or a damaged one; make one with dtc");
	blob = malloc(room);
	if (!blob)
		return fail(err, "no memory for %zu bytes", room);
	result = fdt_open_into(file, blob, (int)room);
	if (!result)
		result = amend_memory(blob, config);
	if (result)
		goto bad;
	node = fdt_path_offset(blob, "/chosen");
	if (node == -FDT_ERR_NOTFOUND)
		node = fdt_add_subnode(blob, 0, "chosen");
	result = node < 0 ? node : 0;
	if (!result && chosen->bootargs)
		result = fdt_setprop_string(blob, node, "bootargs", chosen->bootargs);
	if (!result && chosen->initrd_end > chosen->initrd_start) {
		result = fdt_setprop_u64(blob, node, "linux,initrd-start", chosen->initrd_start);
		if (!result)
			result = fdt_setprop_u64(blob, node, "linux,initrd-end", chosen->initrd_end);
	}
	if (!result && chosen->has_seeds) {
		result = fdt_setprop(blob, node, "rng-seed", chosen->rng_seed, FDT_SEED_BYTES);
		if (!result)
			result = fdt_setprop_u64(blob, node, "kaslr-seed", chosen->kaslr_seed);
	}
	if (!result)
		result = fdt_pack(blob);
	if (result)
		goto bad;
	*dtb = blob;
	*size = fdt_totalsize(blob);
	return true;

bad:
	free(blob);
	if (result == -FDT_ERR_BADNCELLS)
		return fail(err, "its #address-cells and #size-cells cannot say where RAM is; write 2 for each");
	return fail(err, "the device tree is damaged: %s", fdt_strerror(result));
}
