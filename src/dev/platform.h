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

/* Generic Event Device of the hardware-reduced ACPI: a selector register and the sleep/reset registers. [ACPI6.5 5.6.9] */
struct ged;
enum { GED_POWER_BUTTON = 2 };
#define GED_BYTES 16
struct ged *ged_create(struct loop *loop, struct space *space, u64 base, struct line line,
		       void (*system_off)(void *opaque), void (*system_reset)(void *opaque), void *opaque);
void ged_reset(struct ged *ged);
void ged_raise(struct ged *ged, u32 events);
void ged_destroy(struct ged *ged);

/* fw_cfg, memory-mapped, with DMA: data 8 bytes at 0, selector at 8, DMA address at 16. */
struct fw_cfg;
struct fw_cfg *fw_cfg_create(struct loop *loop, struct space *space, u64 base, unsigned cpu_count);
void fw_cfg_reset(struct fw_cfg *fw);
void fw_cfg_destroy(struct fw_cfg *fw);
/* A named file; data is copied. `select` (may be NULL) is called when the guest selects it, and may replace it. */
bool fw_cfg_add_file(struct fw_cfg *fw, const char *name, const void *data, size_t size, struct error *err);
bool fw_cfg_add_item(struct fw_cfg *fw, u16 key, const void *data, size_t size);

/* An empty virtio-mmio transport slot: device ID 0. */
void virtio_mmio_slots_map(struct space *space, u64 base, unsigned count, u64 stride);

#endif
