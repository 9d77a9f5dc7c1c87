/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of acpi/: from plain facts to ACPI tables in bytes. It knows no device, no address space and no lock: the
 * machine fills `struct acpi_config`, calls acpi_build, and puts the bytes where it likes.
 *
 * Two ways out of one build: acpi_place fixes every pointer and checksum for a physical address (a start without
 * firmware, design D4), acpi_loader_script writes the commands with which firmware places the same bytes (fw_cfg files
 * etc/acpi/rsdp, etc/acpi/tables and etc/table-loader). [ACPI6.5 5]
 */
#ifndef ACPI_ACPI_H
#define ACPI_ACPI_H

#include "base/error.h"
#include "base/types.h"

#define ACPI_CPUS_MAX 16
#define ACPI_NODES_MAX 128 /* proximity domains, all kinds */
#define ACPI_MEMORIES_MAX 64
#define ACPI_ROOTS_MAX 32
#define ACPI_ROOT_WINDOWS_MAX 72 /* what firmware enumerated may lie scattered */
#define ACPI_CXL_WINDOWS_MAX 16
#define ACPI_CXL_TARGETS_MAX 16
#define ACPI_CXL_REGIONS_MAX 16
#define ACPI_ERROR_SOURCES_MAX 4
enum { ACPI_NOTIFY_GPIO = 7, ACPI_NOTIFY_SEA = 8 }; /* [ACPI6.5 18.3.2.9] GPIO: also by the GED, to the error device */
#define ACPI_NO_NODE 0xffffffffu
#define ACPI_SLEEP_TYPE_S5 5 /* what the sleep control register gets in bits 4:2, with bit 5 set */

struct acpi_cpu {
	u64 mpidr;                /* Aff3..Aff0 in their MPIDR places, other bits 0 */
	u32 node;                 /* proximity domain */
	u32 socket, core, thread; /* for PPTT; CPUs of one socket/core stand together */
};

struct acpi_memory { /* SRAT memory affinity */
	u64 base, size;
	u32 node;
	bool hotplug, nonvolatile;
};

struct acpi_window {
	u64 base, size;
};

struct acpi_performance { /* end to end, 0: not known (left out of HMAT) */
	u64 read_latency_ps, write_latency_ps, read_mbps, write_mbps;
};

/* A PCI root: pcie.0 (first, uid 0) and each expander. Windows must not overlap between roots. */
struct acpi_root {
	u32 uid;                                          /* _UID; pcie.0 has 0, an expander its bus number */
	u8 bus_first, bus_last;                           /* _BBN and the bus range */
	bool is_cxl;                                      /* ACPI0016, CHBS, generic port */
	bool bypass_iommu;                                /* its requesters are not behind the SMMU */
	u32 node;                                         /* _PXM, ACPI_NO_NODE: none */
	struct acpi_window memory[ACPI_ROOT_WINDOWS_MAX]; /* 32- or 64-bit, by its address */
	unsigned memory_count;
	struct acpi_window io; /* bus addresses; size 0: none */
	u64 io_pa;             /* where `io.base` appears in physical memory */
	/* CXL only */
	u64 regs_base, regs_size;     /* CHBS: component registers */
	u32 port_node;                /* domain of its generic port, ACPI_NO_NODE: no generic port */
	struct acpi_performance port; /* CPU to this port */
};

#define ACPI_CXL_XOR_MAPS_MAX 4
struct acpi_cxl_window { /* CFMWS */
	u64 base, size;
	u32 granularity; /* bytes, 256..16384 */
	unsigned target_count;
	u32 target_uids[ACPI_CXL_TARGETS_MAX]; /* uids of CXL roots, in interleave order */
	u16 restrictions, qtg;
	bool xor_arithmetic;
	u64 xor_maps[ACPI_CXL_XOR_MAPS_MAX]; /* for the CXIMS of this granularity; 0: none */
	struct acpi_performance
		memory; /* root port to memory, the mean of what may be mapped in it; 0: there is none */
};

struct acpi_cxl_region { /* memory committed at boot: its own SRAT domain and HMAT row */
	u64 base, size;
	u32 node;
	bool pmem;
	u32 window;                          /* index; says which ports are on its way */
	struct acpi_performance performance; /* CPU to memory */
};

/* Rows of HMAT that somebody states: they go before what follows from CDAT and distances. */
enum {
	ACPI_HMAT_READ_LATENCY = 1,
	ACPI_HMAT_WRITE_LATENCY = 2,
	ACPI_HMAT_READ_BANDWIDTH = 4,
	ACPI_HMAT_WRITE_BANDWIDTH = 5
};
#define ACPI_HMAT_VALUES_MAX 512
struct acpi_hmat_value {
	u8 hierarchy; /* 0: memory, 1..3: the memory-side cache of that level */
	u8 types;     /* BIT(ACPI_HMAT_*) */
	u32 initiator, target;
	u64 value; /* picoseconds, or MB/s */
};
#define ACPI_HMAT_CACHES_MAX 32
struct acpi_hmat_cache {
	u32 node;
	u64 size;
	u8 level, associativity, policy; /* as in Cache Attributes [ACPI6.5 5.2.28.5] */
	u16 line;
};

/* A PCI function that reads and writes memory by itself. */
#define ACPI_GENERIC_INITIATORS_MAX 16
struct acpi_generic_initiator {
	u32 node;
	u16 bdf; /* bus, device, function */
};

struct acpi_config {
	struct acpi_cpu cpus[ACPI_CPUS_MAX];
	unsigned cpu_count;
	bool has_numa;                                  /* SLIT wanted (SRAT is always there) */
	struct acpi_memory memories[ACPI_MEMORIES_MAX]; /* RAM, sorted */
	unsigned memory_count;
	/* distance[from][to], 0: 10 to itself, 20 else; used for all domains that exist */
	u8 distance[ACPI_NODES_MAX][ACPI_NODES_MAX];
	struct acpi_performance ram; /* CPU to its own DRAM; all 0: defaults */
	struct acpi_hmat_value hmat_values[ACPI_HMAT_VALUES_MAX];
	unsigned hmat_value_count;
	struct acpi_hmat_cache hmat_caches[ACPI_HMAT_CACHES_MAX];
	unsigned hmat_cache_count;
	u32 initiator_of[ACPI_NODES_MAX]; /* 1 + the domain that is nearest to a domain's memory; 0: what follows from
					     the CPUs */
	struct acpi_generic_initiator generic_initiators[ACPI_GENERIC_INITIATORS_MAX];
	unsigned generic_initiator_count;

	u64 gicd_base, gicr_base, gicr_size; /* gicr2: second redistributor range, size 0: none */
	u64 gicr2_base, gicr2_size;
	u64 its_base;
	bool has_its;
	u64 smmu_base;
	u32 smmu_gsi;  /* 0: none; events, PRI, command sync, global errors: four in a row, edges */
	u32 pmu_intid; /* 23, 0: no PMU */
	u32 timer_virt_intid, timer_phys_intid; /* 27 and 30 */

	u64 uart_base;
	u32 uart_gsi; /* PL011, the console; GSI = INTID */
	u64 uart1_base;
	u32 uart1_gsi; /* base 0: there is no second */
	u64 rtc_base;
	u32 rtc_gsi;                  /* PL031: described only to be reserved; 0: none */
	u64 fw_cfg_base, fw_cfg_size; /* size 0: none */
	u64 virtio_base, virtio_stride;
	unsigned virtio_count;
	u32 virtio_gsi; /* LNRO0005; 0: none */
	u64 ged_base;
	u32 ged_gsi;            /* event selector, 4 bytes at ged_base; 0: none */
	u32 ged_power_button;   /* its bit in the selector */
	u64 hha_base, hha_size; /* HISI0511, cache maintenance by address; size 0: none */
	u32 ged_hardware_error; /* that of the error device; only with error sources */
	/* Sleep control, sleep status and reset registers, one byte each; 0: none (then PSCI only). */
	u64 sleep_control_pa, sleep_status_pa, reset_pa;
	u8 reset_value;

	/* HEST: generic hardware error sources, version 2. */
	struct acpi_error_source {
		u8 notification; /* ACPI_NOTIFY_* */
		u64 address_pa;  /* register that holds the address of the error status block */
		u64 read_ack_pa; /* register of which bit 0 acknowledges */
		u32 block_bytes;
	} error_sources[ACPI_ERROR_SOURCES_MAX];
	unsigned error_source_count;
	u64 errors_base, errors_size; /* what firmware keeps for them, to be reserved */
	bool cxl_firmware_first;      /* _OSC of CXL roots grants neither AER nor CXL memory error reporting */

	u64 ecam_base;
	u8 ecam_bus_first, ecam_bus_last;
	u32 pci_intx_gsi[4]; /* GSI of INTA..INTD at slot 0; swizzled by slot */
	struct acpi_root roots[ACPI_ROOTS_MAX];
	unsigned root_count;

	struct acpi_cxl_window windows[ACPI_CXL_WINDOWS_MAX];
	unsigned window_count;
	struct acpi_cxl_region regions[ACPI_CXL_REGIONS_MAX];
	unsigned region_count;
};

#define ACPI_TABLES_MAX 24

/* Tables one after another, each 64-byte aligned, RSDP first at offset 0. */
struct acpi_blob {
	u8 *data;
	size_t size;
	struct acpi_entry {
		char signature[5];
		size_t offset, length;
	} tables[ACPI_TABLES_MAX]; /* [0] is the XSDT */
	unsigned table_count;
};
#define ACPI_RSDP_BYTES 36

/* Checks the facts (an error names the one that cannot be told in ACPI) and builds; pointers are relative to 0. */
bool acpi_build(const struct acpi_config *config, struct acpi_blob *blob, struct error *err);
void acpi_blob_free(struct acpi_blob *blob);
/* Fixes pointers and checksums for data[0] at `pa` (64-byte aligned). May be called again. The RSDP is at `pa`. */
void acpi_place(struct acpi_blob *blob, u64 pa);
/* Where a table starts, or NULL. */
const u8 *acpi_find(const struct acpi_blob *blob, const char *signature, size_t *length);

/* The three fw_cfg files; each malloc'd, freed by the caller. */
struct acpi_fw_cfg {
	u8 *rsdp, *tables, *loader;
	size_t rsdp_size, tables_size, loader_size;
};
bool acpi_loader_script(const struct acpi_blob *blob, struct acpi_fw_cfg *files, struct error *err);
void acpi_fw_cfg_free(struct acpi_fw_cfg *files);

/* --- cper.c: sections of error records; `to` has room for CPER_SECTION_MAX bytes; the bytes written --- */
#define CPER_SECTION_MAX 512
extern const u8 cper_memory_type[16], cper_cxl_protocol_type[16];
enum { CPER_MEMORY_MULTI_BIT = 3 }; /* error types */
/* `bytes` around `pa` are bad, a power of two. */
u32 cper_memory_section(u8 *to, u64 pa, u64 bytes, u8 error_type);
enum { CPER_AGENT_DEVICE = 2, CPER_AGENT_ROOT_PORT = 5, CPER_AGENT_DOWNSTREAM = 6, CPER_AGENT_UPSTREAM = 7 };
struct cper_cxl_agent {
	u8 type; /* CPER_AGENT_* */
	u16 segment;
	u8 bus, device, function;
	u16 vendor_id, device_id, subsystem_vendor_id, subsystem_id, class_code;
	u64 serial; /* 0: not known */
};
/* `ras`: the RAS capability's registers. */
u32 cper_cxl_protocol_section(u8 *to, const struct cper_cxl_agent *agent, const u8 *ras, u32 ras_bytes);
/* An event record as the device has it. The section's type is its identifier, which CXL writes as a UUID and UEFI as a
 * GUID. */
void cper_cxl_event_type(u8 type[16], const u8 *record);
u32 cper_cxl_event_section(u8 *to, const struct cper_cxl_agent *agent, const u8 *record, u32 record_bytes);

#endif
