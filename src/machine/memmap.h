/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map of QEMU's `virt` machine (design D3), so that stock firmware finds everything. One row per thing; RAM
 * and the CXL windows take their size from the command line.
 */
#ifndef MACHINE_MEMMAP_H
#define MACHINE_MEMMAP_H

#include "base/error.h"
#include "base/types.h"

/* MAP(enumerator, base, size, name) */
#define MEMORY_MAP(MAP)                                                                                                \
	MAP(FLASH0, 0x00000000, 0x04000000, "flash 0")                                                                 \
	MAP(FLASH1, 0x04000000, 0x04000000, "flash 1")                                                                 \
	MAP(GICD, 0x08000000, 0x00010000, "GIC distributor")                                                           \
	MAP(ITS, 0x08080000, 0x00020000, "GIC ITS")                                                                    \
	MAP(GICR, 0x080a0000, 0x00f60000, "GIC redistributors")                                                        \
	MAP(UART, 0x09000000, 0x00001000, "PL011")                                                                     \
	MAP(RTC, 0x09010000, 0x00001000, "PL031")                                                                      \
	MAP(FW_CFG, 0x09020000, 0x00000018, "fw_cfg")                                                                  \
	MAP(GPIO, 0x09030000, 0x00001000, "PL061")                                                                     \
	MAP(UART1, 0x09040000, 0x00001000, "second PL011")                                                             \
	MAP(SMMU, 0x09050000, 0x00020000, "SMMU")                                                                      \
	MAP(GED, 0x09080000, 0x00001000, "GED")                                                                        \
	MAP(GHES, 0x090f0000, 0x00002000, "error status blocks")                                                       \
	MAP(HHA, 0x09200000, 0x00010000, "HISI0511 cache maintenance")                                                 \
	MAP(VIRTIO, 0x0a000000, 0x00004000, "virtio-mmio slots")                                                       \
	MAP(PCI_MMIO, 0x10000000, 0x2eff0000, "PCIe 32-bit window")                                                    \
	MAP(PCI_PIO, 0x3eff0000, 0x00010000, "PCIe I/O window")                                                        \
	MAP(RAM, 0x40000000, 0, "RAM")                                                                                 \
	MAP(HIGH_GICR, 0x4000000000, 0x04000000, "high GIC redistributors")                                            \
	MAP(CXL_HOST, 0x4004000000, 0x00100000, "CXL host-bridge registers")                                           \
	MAP(PCI_ECAM, 0x4010000000, 0x10000000, "PCIe ECAM")                                                           \
	MAP(PCI_MMIO64, 0x8000000000, 0x8000000000, "PCIe 64-bit window")                                              \
	MAP(CXL_WINDOWS, 0x10000000000, 0, "CXL fixed windows")

enum memory_map {
#define MAP(name, base, size, text) MAP_##name,
	MEMORY_MAP(MAP)
#undef MAP
		MAP_COUNT
};

struct map_entry {
	const char *name;
	u64 base, size;
};
extern const struct map_entry memory_map[MAP_COUNT];

/* Interrupts: SPI numbers, INTID = 32 + n. */
enum {
	SPI_UART = 1,
	SPI_RTC = 2,
	SPI_PCI = 3,
	SPI_GPIO = 7,
	SPI_UART1 = 8,
	SPI_GED = 9,
	SPI_VIRTIO = 16,
	SPI_SMMU = 74 /* and the three after it */,
	SPI_COUNT = 256
};

/* RAM of `ram_size` bytes and windows up to `windows_end` must fit the map and `pa_bits`; names both sides if not. */
bool memory_map_check(u64 ram_size, u64 windows_end, unsigned pa_bits, const char *cpu_model, struct error *err);

/* A CXL window must lie apart from RAM and from everything of the board; names both if not. */
bool memory_map_check_window(unsigned n, u64 base, u64 size, u64 ram_size, struct error *err);

#endif
