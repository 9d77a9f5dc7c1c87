/* SPDX-License-Identifier: BSD-2-Clause */
/* A start by firmware: flash banks, fw_cfg files, device tree. Private to machine/. */
#ifndef MACHINE_FIRMWARE_H
#define MACHINE_FIRMWARE_H

#include "boot/boot.h"
#include "machine/private.h"

/* Whether the user gave firmware: -bios, or an image for flash bank 0. */
bool firmware_is_wanted(const struct machine *m);
/* The flash banks, if there is firmware. Before the address map is checked. */
bool firmware_flash_create(struct machine *m, struct error *err);
/* The fw_cfg files. Takes over the kernel's and the initrd's bytes. After everything is settled. */
bool firmware_create(struct machine *m, struct kernel *kernel, struct initrd *initrd, struct error *err);
/* The device tree to the base of RAM; where vCPU 0 starts. */
bool firmware_place(struct machine *m, const u8 *dtb, size_t dtb_size, u64 *entry, u64 *x0, struct error *err);
void firmware_reset(struct machine *m);
void firmware_destroy(struct machine *m);

/* crs.c: the roots' windows as configuration space has them now. */
struct acpi_config;
void crs_from_config_space(struct machine *m, struct acpi_config *a);

#endif
