/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of boot/: kernel files, where things go in guest RAM, and the EFI that Linux finds without firmware
 * (design D4). Knows no CPU: guest virtual memory is reached by the callbacks of struct efi_guest.
 *
 * Order of a start without firmware:
 *   kernel_load, initrd_load -> boot_plan_create (addresses) -> acpi_place(blob, plan addresses) -> and at every
 * machine reset: fdt_build_efi with boot_plan_facts, efi_runtime_reset, boot_plan_write.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "base/error.h"
#include "base/types.h"

struct space;

/* --- image.c, zboot.c, elf.c: kernel files --- */

#define KERNEL_FILE_MAX (1024 * MiB) /* file, and what it unpacks to */
#define KERNEL_SEGMENTS_MAX 16
#define INITRD_FILE_MAX (16 * GiB)

enum kernel_kind { KERNEL_IMAGE, KERNEL_ELF, KERNEL_FLAT };

struct kernel {
	enum kernel_kind kind;
	u8 *data; /* unpacked, malloc'd */
	u64 size;
	/* KERNEL_IMAGE [Linux booting.rst] */
	u64 text_offset, image_size, flags;
	/* KERNEL_ELF: physical segments; file bytes at data + offset */
	u64 entry;
	struct kernel_segment {
		u64 pa, offset, file_size, memory_size;
	} segments[KERNEL_SEGMENTS_MAX];
	unsigned segment_count;
};

/* Image, gzip'd Image, EFI zboot (gzip, zstd), ELF64 for AArch64; anything else is refused by name, or, with `flat`,
 * taken as bytes to be placed 512 KiB above the base of RAM and started there. */
bool kernel_load(const char *path, bool flat, struct kernel *kernel, struct error *err);
/* The same from memory; `name` is for messages. Takes nothing over. */
bool kernel_parse(const char *name, const u8 *file, u64 size, bool flat, struct kernel *kernel, struct error *err);
void kernel_free(struct kernel *kernel);

struct initrd {
	u8 *data;
	u64 size;
};
/* At most `ram_size` bytes: what cannot fit is refused unread. */
bool initrd_load(const char *path, u64 ram_size, struct initrd *initrd, struct error *err);
void initrd_free(struct initrd *initrd);

/* --- placement.c: who lies where --- */

#define BOOT_RANGES_MAX 64

struct boot_range {
	u64 base, size;
};

enum boot_soft { BOOT_SPECIFIC_PURPOSE, BOOT_SYSTEM_RAM };

#define SMBIOS_OEM_MAX 16
/* The user's words for SMBIOS; NULL: ours. */
struct smbios_words {
	const char *vendor, *version, *date;                                          /* of the firmware */
	const char *manufacturer, *product, *product_version, *serial, *sku, *family; /* of the system */
	const char *oem[SMBIOS_OEM_MAX];
	unsigned oem_count;
};

struct boot_plan_config {
	const struct kernel *kernel;            /* must outlive the plan */
	const struct initrd *initrd;            /* NULL or empty: none; must outlive the plan */
	struct boot_range ram[BOOT_RANGES_MAX]; /* sorted; neighbours are taken together */
	unsigned ram_count;
	bool efi;      /* write what an EFI stub would have left */
	u64 acpi_size; /* EFI: room wanted for the tables */
	/* Boot regions of CXL memory (design D5); pmem and as=none are never listed. */
	struct {
		u64 base, size;
		enum boot_soft as;
	} soft[BOOT_RANGES_MAX];
	unsigned soft_count;
	/* SMBIOS facts */
	unsigned cpu_count, cores, threads; /* of the machine; of a socket; of a core */
	u32 midr;                           /* of each vCPU */
	u64 ram_size;
	u8 uuid[16]; /* all 0: made from nothing, stays 0 */
	struct smbios_words words;
};

struct boot_plan;

struct boot_plan_facts {
	u64 entry, dtb_pa;          /* PC and x0 */
	u64 kernel_pa, kernel_size; /* size: what it needs in memory */
	u64 initrd_start, initrd_end;
	u64 dtb_size_max;
	/* EFI only */
	u64 acpi_pa, system_table_pa, mmap_pa;
	u32 mmap_size, desc_size, desc_ver;
};

bool boot_plan_create(const struct boot_plan_config *config, struct boot_plan **plan, struct error *err);
void boot_plan_destroy(struct boot_plan *plan);
struct boot_plan_facts boot_plan_facts(const struct boot_plan *plan);
/* The largest piece of RAM where nothing was placed, whole pages. */
struct boot_range boot_plan_free(const struct boot_plan *plan);

struct boot_writer {
	bool (*write)(void *opaque, u64 pa, const void *from, u64 size);
	void *opaque;
};
struct boot_writer boot_writer_space(struct space *space); /* dma_write */
/* Writes everything; at every machine reset. `acpi` has been placed at facts.acpi_pa. */
bool boot_plan_write(const struct boot_plan *plan, const struct boot_writer *writer, const u8 *acpi, size_t acpi_size,
		     const u8 *dtb, size_t dtb_size, struct error *err);

/* --- smbios.c: entry point (24 bytes) and structures, to lie at `pa`; the bytes used, 0 if `room` is too small. Looks
 * at the RAM and the SMBIOS facts only. --- */
size_t smbios_build(const struct boot_plan_config *config, u64 pa, u8 *to, size_t room);

/* --- efi_runtime.c: the services behind the stubs --- */

/* HVC immediates of the stubs: EFI_HVC_BASE + service, services in the order of the runtime services table. */
#define EFI_HVC_BASE 0xef00
#define EFI_HVC_COUNT 14

struct efi_guest { /* the caller's virtual memory; false: a fault */
	bool (*read)(void *opaque, u64 va, void *to, u64 size);
	bool (*write)(void *opaque, u64 va, const void *from, u64 size);
	void *opaque;
};

struct efi_runtime_config {
	u64 (*now_ns)(void *opaque); /* wall clock of the guest: nanoseconds since 1970 */
	void (*system_off)(void *opaque);
	void (*system_reset)(void *opaque);
	void *opaque;
};

struct efi_runtime;
struct efi_runtime *efi_runtime_create(const struct efi_runtime_config *config);
void efi_runtime_destroy(struct efi_runtime *rt);
/* Machine reset: volatile variables go, the rest and the clock stay. */
void efi_runtime_reset(struct efi_runtime *rt);
/* One service call; any vCPU thread, without the machine lock. False: not one of our immediates. The callbacks of
 * ResetSystem are called without a lock held; x[0] is the EFI status on return. */
bool efi_runtime_call(struct efi_runtime *rt, const struct efi_guest *guest, u16 imm, u64 x[8]);

#endif
