/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of dev/: the small devices of the board. Each maps itself at `base` and drives the given line. All under the
 * machine lock; time comes from loop_now.
 */
#ifndef DEV_PLATFORM_H
#define DEV_PLATFORM_H

#include "base/error.h"
#include "base/line.h"
#include "base/loop.h"
#include "mem/mem.h"

struct chardev;

struct pl011;
struct pl011 *pl011_create(struct loop *loop, struct space *space, u64 base, struct line line, struct chardev *chardev);
void pl011_reset(struct pl011 *uart);
void pl011_destroy(struct pl011 *uart);

struct pl031; /* the real-time clock: seconds since 1970 at start + guest time */
struct pl031 *pl031_create(struct loop *loop, struct space *space, u64 base, struct line line, u64 start_s);
void pl031_reset(struct pl031 *rtc);
void pl031_destroy(struct pl031 *rtc);
u64 pl031_now_s(struct pl031 *rtc);

struct pl061; /* pins, of which one is the power button */
enum { PL061_POWER_BUTTON = 3 };
struct pl061 *pl061_create(struct loop *loop, struct space *space, u64 base, struct line line);
void pl061_reset(struct pl061 *gpio);
void pl061_press(struct pl061 *gpio); /* the button, for a moment */
void pl061_destroy(struct pl061 *gpio);

/* Generic Event Device of the hardware-reduced ACPI: a selector register and the sleep/reset registers.
 * [ACPI6.5 5.6.9] */
struct ged;
enum { GED_POWER_BUTTON = 2, GED_HARDWARE_ERROR = 4 };
/* Offsets and values, for the ACPI tables: the selector is 32 bits wide, reads as the pending events and clears them.
 * The sleep and reset registers are bytes, as the FADT's SLEEP_CONTROL_REG, SLEEP_STATUS_REG and RESET_REG want them.
 */
#define GED_SELECTOR 0x00
#define GED_SLEEP_CONTROL 0x04 /* SLP_TYP bits 4:2, SLP_EN bit 5 [ACPI6.5 4.8.3.7] */
#define GED_SLEEP_STATUS 0x05  /* WAK_STS bit 7 */
#define GED_RESET 0x06
#define GED_SLEEP_TYPE_S5 5  /* what \_S5 must say */
#define GED_RESET_VALUE 0x42 /* what the FADT's RESET_VALUE must say */
#define GED_BYTES 16
struct ged *ged_create(struct loop *loop, struct space *space, u64 base, struct line line,
		       void (*system_off)(void *opaque), void (*system_reset)(void *opaque), void *opaque);
void ged_reset(struct ged *ged);
void ged_raise(struct ged *ged, u32 events);
void ged_destroy(struct ged *ged);

/* Cache maintenance by physical address, as HiSilicon's HHA does it (ACPI: HISI0511). */
struct hha;
#define HHA_BYTES 0x10000
struct hha *hha_create(struct space *space, u64 base);
void hha_reset(struct hha *hha);
void hha_destroy(struct hha *hha);
/* Error records from firmware: for each source a page with registers and the error status block. [ACPI6.5 18.3.2.8] */
struct ghes;
enum ghes_source { GHES_SEA, GHES_EVENT, GHES_SOURCES }; /* told by a synchronous external abort; by the GED */
enum ghes_severity { GHES_RECOVERABLE, GHES_FATAL, GHES_CORRECTED, GHES_INFORMATIONAL }; /* as in CPER */
#define GHES_SOURCE_BYTES 0x1000
#define GHES_ADDRESS 0x000  /* 64 bits: where the block is */
#define GHES_READ_ACK 0x008 /* 64 bits: bit 0 */
#define GHES_BLOCK 0x100
#define GHES_BLOCK_BYTES 0x400
#define GHES_BYTES (GHES_SOURCES * GHES_SOURCE_BYTES)
/* `notify`: a record is there to be read. */
struct ghes *ghes_create(struct space *space, u64 base, void (*notify)(void *opaque, enum ghes_source source),
			 void *opaque);
void ghes_reset(struct ghes *ghes);
/* A record of one CPER section, of that type. False: the queue is full. */
bool ghes_report(struct ghes *ghes, enum ghes_source source, enum ghes_severity severity, const u8 type[16],
		 const void *section, u32 bytes);
/* A whole error status block, at least its 20 bytes and at most GHES_BLOCK_BYTES. False: the queue is full. */
bool ghes_report_block(struct ghes *ghes, enum ghes_source source, const void *block, u32 bytes);
void ghes_destroy(struct ghes *ghes);

/* fw_cfg, memory-mapped, with DMA: data 8 bytes at 0, selector at 8, DMA address at 16. */
struct fw_cfg;
struct fw_cfg *fw_cfg_create(struct loop *loop, struct space *space, u64 base, unsigned cpu_count);
void fw_cfg_reset(struct fw_cfg *fw);
void fw_cfg_destroy(struct fw_cfg *fw);
/* A named file or an item of a fixed key; data is copied. */
bool fw_cfg_add_file(struct fw_cfg *fw, const char *name, const void *data, size_t size, struct error *err);
bool fw_cfg_add_item(struct fw_cfg *fw, u16 key, const void *data, size_t size);
/* Called each time the guest selects the file: it may replace it, with any size. False: no such file. */
bool fw_cfg_on_select(struct fw_cfg *fw, const char *name, void (*select)(void *opaque), void *opaque);
bool fw_cfg_replace_file(struct fw_cfg *fw, const char *name, const void *data, size_t size);
/* The same as fw_cfg_add_item, but `data`, which is malloc'd, is taken over: for kernels and initrds. */
bool fw_cfg_take_item(struct fw_cfg *fw, u16 key, u8 *data, size_t size);
/* Keys for firmware that starts a kernel itself; integers are 32 bits, little-endian. */
enum {
	FW_CFG_BOOT_MENU = 0x0e,
	FW_CFG_KERNEL_SIZE = 0x08,
	FW_CFG_INITRD_SIZE = 0x0b,
	FW_CFG_KERNEL_DATA = 0x11,
	FW_CFG_INITRD_DATA = 0x12,
	FW_CFG_CMDLINE_SIZE = 0x14,
	FW_CFG_CMDLINE_DATA = 0x15,
};

/* One bank of NOR flash with the Intel command set. `image` may be NULL (a blank bank, forgotten at exit) and stays
 * the caller's; an error does not name it. */
struct pflash;
#define PFLASH_BANK_BYTES (64 * MiB)
#define PFLASH_BLOCK_BYTES (256 * KiB)
struct block;
struct pflash *pflash_create(struct space *space, const char *name, u64 base, struct block *image, struct error *err);
void pflash_reset(struct pflash *flash); /* the contents stay */
void pflash_destroy(struct pflash *flash);

#endif
