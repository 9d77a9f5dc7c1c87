/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of fdt/: from plain facts to a flattened device tree in bytes. Pure, on libfdt; knows no device. Two trees:
 * the complete `virt` machine (firmware, ELF and flat images, acpi=off), and the tree of a start without firmware,
 * which has /chosen and nothing else (design D4).
 */
#ifndef FDT_FDT_H
#define FDT_FDT_H

#include "base/error.h"
#include "base/types.h"

#define FDT_CPUS_MAX 16
#define FDT_MEMORIES_MAX 64
#define FDT_NODES_MAX 64  /* their numbers are less */
#define FDT_BUSES_MAX 128 /* ranges of 256 buses, apart from each other */
#define FDT_NO_NODE 0xffffffffu
#define FDT_SEED_BYTES 32

struct fdt_chosen {
	const char *bootargs;         /* NULL: none */
	u64 initrd_start, initrd_end; /* equal: none */
	bool has_seeds;
	u8 rng_seed[FDT_SEED_BYTES];
	u64 kaslr_seed;
	/* What an EFI stub would have left behind; the tiny tree only. */
	u64 efi_system_table, efi_mmap_start;
	u32 efi_mmap_size, efi_desc_size, efi_desc_ver, efi_secure_boot;
};

struct fdt_config {
	struct fdt_cpu {
		u64 mpidr;
		u32 node;                 /* FDT_NO_NODE: no NUMA */
		u32 socket, core, thread; /* CPUs of one socket, of one core stand together */
	} cpus[FDT_CPUS_MAX];
	unsigned cpu_count;
	char cpu_compatible[32]; /* "arm,cortex-a57"; empty: "arm,armv8" */
	struct {
		u64 base, size;
		u32 node;
	} memories[FDT_MEMORIES_MAX];
	unsigned memory_count;
	u64 nodes;                                 /* a bit for each that there is; 0: no NUMA, no distance map */
	u8 distance[FDT_NODES_MAX][FDT_NODES_MAX]; /* 0: 10 or 20 */

	u64 gicd_base, gicd_size, gicr_base, gicr_size;
	u64 gicr2_base, gicr2_size; /* size 0: none */
	u64 its_base, its_size;     /* size 0: none */
	u64 smmu_base, smmu_size;
	u32 smmu_intid; /* size 0: none; events, PRI, command sync, global errors */
	struct fdt_buses {
		u8 first, last;
	} smmu_buses[FDT_BUSES_MAX]; /* whose requesters are behind it */
	unsigned smmu_bus_count;
	u32 pmu_intid;                          /* PPI as INTID (23), 0: no PMU */
	u32 timer_phys_intid, timer_virt_intid; /* 30 and 27 */

	/* SPIs as INTIDs (32 and up). size 0 or count 0: not there. */
	u64 uart_base, uart_size;
	u32 uart_intid; /* the console */
	u64 uart1_base, uart1_size;
	u32 uart1_intid;
	u64 rtc_base, rtc_size;
	u32 rtc_intid;
	u64 gpio_base, gpio_size;
	u32 gpio_intid, gpio_power_button; /* a pin */
	u64 fw_cfg_base, fw_cfg_size;
	u64 flash_base, flash_bank_size;
	unsigned flash_banks;
	u64 virtio_base, virtio_stride;
	unsigned virtio_count;
	u32 virtio_intid;

	u64 ecam_base, ecam_size;
	u8 bus_first, bus_last; /* size 0: no PCI */
	u64 pio_base, pio_size, mmio32_base, mmio32_size, mmio64_base, mmio64_size;
	u32 pci_intx_intid[4];

	struct fdt_chosen chosen;
};

/* Bytes are malloc'd. `seeds` in chosen are taken as they are: the caller draws them anew for every reset. */
bool fdt_build(const struct fdt_config *config, u8 **dtb, size_t *size, struct error *err);
bool fdt_build_efi(const struct fdt_chosen *chosen, u8 **dtb, size_t *size, struct error *err);
/* -dtb FILE: checks it and puts in what only the machine knows: /chosen (bootargs, initrd, seeds), and RAM in place of
 * the memory nodes it has. Looks at these facts only; bytes are malloc'd. */
bool fdt_amend(const u8 *file, size_t file_size, const struct fdt_config *config, u8 **dtb, size_t *size,
	       struct error *err);

#endif
