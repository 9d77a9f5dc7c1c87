/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of cxl/: host bridges (pxb-cxl), root ports (cxl-rp), switches (cxl-upstream, cxl-downstream,
 * cxl-switch-mailbox-cci), Type 3 devices (cxl-type3), fixed memory windows, boot regions, and the one function that
 * decides what an HPA means (design D6). Under the machine lock unless said otherwise.
 */
#ifndef CXL_CXL_H
#define CXL_CXL_H

#include "mem/mem.h"
#include "obj/dev.h"
#include "pci/pci.h"

#define CXL_BRIDGES_MAX 16
#define CXL_WINDOW_TARGETS_MAX 16
#define CXL_WINDOWS_MAX 16
#define CXL_REGIONS_MAX 16
#define CXL_REGION_WAYS_MAX 16
#define CXL_XOR_MAPS_MAX 4
#define CXL_WINDOW_ALIGN (256 * MiB)
#define HDM_TARGETS_SHOWN_MAX 16

struct cxl_host; /* the machine's CXL: bridges, windows, regions, map */

/* CFMWS window restrictions. [CXL3.0 9.17.1.3] */
enum {
	CXL_RESTRICT_TYPE2 = 1,
	CXL_RESTRICT_TYPE3 = 2,
	CXL_RESTRICT_VOLATILE = 4,
	CXL_RESTRICT_PERSISTENT = 8,
	CXL_RESTRICT_FIXED = 16,
	CXL_RESTRICT_BI = 32
};

struct cxl_window {
	u64 base, size;  /* base 0 in the options: packed by the machine */
	u32 granularity; /* bytes, 256..16384 */
	unsigned target_count;
	char *target_ids[CXL_WINDOW_TARGETS_MAX]; /* ids of pxb-cxl devices */
	struct cxl_bridge *targets[CXL_WINDOW_TARGETS_MAX];
	u16 restrictions, qtg;
	bool xor_arithmetic;
	u64 xor_maps[CXL_XOR_MAPS_MAX]; /* settled: one per target bit, the others 0 (CXIMS) */
};

enum cxl_region_as { CXL_AS_NONE, CXL_AS_DAX, CXL_AS_SYSTEM_RAM };

/* -cxl-region (design D5). */
struct cxl_boot_region {
	unsigned window;
	unsigned ways;
	char *device_ids[CXL_REGION_WAYS_MAX];
	struct dev *devices[CXL_REGION_WAYS_MAX];
	u32 granularity;
	bool pmem, lock;
	enum cxl_region_as as;
	u64 size; /* 0 in the options: as much as the devices have */
	/* settled by cxl_host_settle */
	u64 base; /* HPA */
	u32 node; /* proximity domain, set by the machine */
};

/* Firmware that hears of errors before the OS does, and tells it. Machine lock. */
struct cxl_firmware {
	/* A record of a cxl-type3's log 0 to 3, of which the interrupt goes to firmware. False: it stays in the log. */
	bool (*event)(void *opaque, struct dev *dev, unsigned log, const u8 *record);
	/* Protocol errors of a function: what its RAS capability says, CXL_RAS_BYTES, before firmware clears it. */
	void (*protocol)(void *opaque, struct dev *dev, bool correctable, const u8 *ras);
	void *opaque;
};

struct cxl_host_config {
	struct loop *loop;
	struct space *space;
	struct pci_host *pci;
	u64 regs_base;                       /* 16 slots of 64 KiB */
	u64 windows_base;                    /* first window, packed upwards, 256 MiB aligned */
	u64 address_limit;                   /* first address the CPU cannot reach */
	const char *limited_by;              /* whose limit that is, for messages: the CPU's model; may be NULL */
	const struct cxl_firmware *firmware; /* NULL: the OS hears of errors by MSI-X and AER */
};
struct cxl_host *cxl_host_create(const struct cxl_host_config *config, struct error *err);
void cxl_host_destroy(struct cxl_host *host);
/* Options, before settle. Text is what stands after -cxl-region or -M cxl-fmw.N. */
bool cxl_host_add_window(struct cxl_host *host, const struct cxl_window *window, struct error *err);
bool cxl_host_add_region(struct cxl_host *host, struct opts *opts, struct error *err);
/* The keys of one -M cxl-fmw.N: targets.M, size, interleave-granularity, interleave-arithmetic, restrictions,
 * back-invalidate, qtg, base. */
bool cxl_host_add_window_opts(struct cxl_host *host, struct opts *opts, struct error *err);
/* After all devices exist: resolves names, packs windows, checks all that was asked for and the boot regions. */
bool cxl_host_settle(struct cxl_host *host, struct error *err);
/* Machine reset, after all devices' resets: programs and commits the boot regions as firmware would. */
void cxl_host_reset(struct cxl_host *host);
/* Before exit: everything in its home, persistent memory flushed. */
void cxl_host_sync(struct cxl_host *host);
/* Instead of it, right before the devices are destroyed: the windows answer nothing any more. */
void cxl_host_close(struct cxl_host *host);

/* Facts for ACPI and the command line. */
unsigned cxl_host_window_count(const struct cxl_host *host);
const struct cxl_window *cxl_host_window(const struct cxl_host *host, unsigned n);
unsigned cxl_host_region_count(const struct cxl_host *host);
struct cxl_boot_region *cxl_host_region(struct cxl_host *host, unsigned n);
struct cxl_bridge_facts {
	u32 uid;
	u64 regs_base;
	u64 regs_size;
	struct pci_root *root;
	u32 node;
};
unsigned cxl_host_bridge_count(const struct cxl_host *host);
struct cxl_bridge_facts cxl_host_bridge(const struct cxl_host *host, unsigned n);
/* Access properties of a boot region from CDAT and links end to end: picoseconds and MB/s, for HMAT. */
struct cxl_performance {
	u64 read_latency_ps, write_latency_ps, read_mbps, write_mbps;
};
struct cxl_performance cxl_host_region_performance(struct cxl_host *host, unsigned n);
/* Root ports to the memory that a window may be used for, on average; 0: there is none. */
struct cxl_performance cxl_host_window_performance(struct cxl_host *host, unsigned n);
struct cxl_performance cxl_host_bridge_performance(struct cxl_host *host, unsigned n); /* CPU to root port */

/* The cxl-type3 that a monitor calls ID or /machine/peripheral/ID; NULL: there is none. */
struct dev *cxl_device_find(struct cxl_host *host, const char *path);

/* --- dynamic.c: dynamic capacity, as its manager asks for it --- */
struct cxl_dc_span {
	u64 offset, size;
};                                                                             /* in a region */
enum cxl_dc_selection { CXL_DC_FREE, CXL_DC_CONTIGUOUS, CXL_DC_PRESCRIPTIVE }; /* of the first two, only sizes count */
#define CXL_DC_ANY_REGION 0xffffffffu /* spans count from the first region, a tag is looked for in all */
struct cxl_dc_request {
	u16 host_id;
	unsigned region;
	u8 tag[16];           /* zeros: none */
	const u8 (*tags)[16]; /* add: one for each span, or NULL: all have `tag` */
	u64 length;           /* release by tag: so many bytes, or 0: all */
	const struct cxl_dc_span *spans;
	unsigned count;
	enum cxl_dc_selection selection; /* add */
	bool by_tag;                     /* release: all of the region's that have the tag, whatever the spans */
	bool forced, sanitize;           /* release */
};
/* Offers capacity to the host of a cxl-type3; it accepts or refuses later. */
bool cxl_dc_add(struct dev *dev, const struct cxl_dc_request *request, struct error *err);
/* Asks the host for capacity back, or takes it. */
bool cxl_dc_release(struct dev *dev, const struct cxl_dc_request *request, struct error *err);
struct cxl_dc_facts {
	bool accepted;
	unsigned region;
	u64 dpa, offset, size;
	u16 sequence;
	const u8 *tag;
};
/* Accepted extents, then the offered ones; false: no dynamic capacity. */
bool cxl_dc_each(const struct dev *dev, void (*each)(void *arg, const struct cxl_dc_facts *facts), void *arg);

/* --- switch_cci.c: what a fabric manager asks a switch --- */
#define CXL_FM_PAYLOAD_MAX 2048u
struct cxl_fm_answer {
	u16 code;
	u32 length;
	u8 payload[CXL_FM_PAYLOAD_MAX];
};
/* As if it had come by the mailbox of the switch; `path` names its cxl-switch-mailbox-cci or its cxl-upstream. False:
 * no such switch. */
bool cxl_fm_request(struct cxl_host *host, const char *path, u16 opcode, const u8 *in, u32 length,
		    struct cxl_fm_answer *answer, struct error *err);

/* --- cmd_memory.c: health, as the device tells it --- */
struct cxl_health {
	u8 health_status, media_status, life_used;
	s16 temperature;
	u32 corrected_volatile, corrected_persistent;
	/* derived */
	u8 additional_status, shutdown_state;
	u32 dirty_shutdowns;
};
bool cxl_health_get(struct dev *dev, struct cxl_health *health); /* false: no cxl-type3 */
/* What is derived is not taken. Crossed thresholds and changed states go into the event logs. */
bool cxl_health_set(struct dev *dev, const struct cxl_health *health, struct error *err);

/* --- ras.c: protocol errors --- */
/* The cxl-type3, cxl-rp, cxl-upstream or cxl-downstream of that id or path; NULL: there is none. */
struct dev *cxl_component_find(struct cxl_host *host, const char *path);
#define CXL_RAS_HEADER_DWORDS 16
#define CXL_RAS_BYTES 0x58
struct cxl_ras_error {
	const char *type; /* as QMP calls it */
	u32 header[CXL_RAS_HEADER_DWORDS];
};
/* Errors on the link of a function, told through its RAS capability and AER. */
bool cxl_ras_uncorrectable(struct dev *dev, const struct cxl_ras_error *errors, unsigned count, struct error *err);
bool cxl_ras_correctable(struct dev *dev, const char *type, struct error *err);
struct cxl_ras_facts {
	u32 uncorrectable_status, uncorrectable_mask, uncorrectable_severity, correctable_status, correctable_mask;
	unsigned headers, first_error; /* headers recorded; the status bit of the oldest */
	u32 header[CXL_RAS_HEADER_DWORDS];
};
bool cxl_ras_facts(struct dev *dev, struct cxl_ras_facts *facts); /* false: no RAS capability */

/* --- records.c: event records --- */
#define CXL_RECORD_BYTES 128
struct cxl_record_field {
	const char *name;
	u8 at, size;            /* bytes */
	u8 valid_at, valid_bit; /* where it is said that the field is there; valid_at 0: it always is */
	u8 format_bit;          /* of component ids: PLDM */
	bool is_signed;
};
struct cxl_record_kind {
	const char *name;
	u8 uuid[16];
	const struct cxl_record_field *fields; /* ends with name NULL; the common ones are not in it */
};
enum {
	CXL_RECORD_GENERAL_MEDIA,
	CXL_RECORD_DRAM,
	CXL_RECORD_MEMORY_MODULE,
	CXL_RECORD_MEMORY_SPARING,
	CXL_RECORD_DYNAMIC,
	CXL_RECORD_KINDS
};
extern const struct cxl_record_kind cxl_record_kinds[CXL_RECORD_KINDS];
const struct cxl_record_kind *cxl_record_kind_of(const u8 *record); /* NULL: unknown */
/* Every field, the common ones first; kind may be NULL. */
void cxl_record_each(const struct cxl_record_kind *kind, void (*each)(void *arg, const struct cxl_record_field *field),
		     void *arg);
bool cxl_record_has(const u8 *record, const struct cxl_record_field *field);
void cxl_record_mark(u8 *record, const struct cxl_record_field *field); /* the field is there */
void cxl_record_mark_format(u8 *record, const struct cxl_record_field *field);
/* A record for a cxl-type3's log 0 (information) to 3 (fatal). */
void cxl_event_inject(struct dev *dev, unsigned log, const u8 *record);
struct cxl_log_facts {
	const char *name;
	unsigned count, room, overflow;
	bool interrupts;
	const u8 *records; /* `count` of them, the oldest first */
};
bool cxl_events_each(struct dev *dev, void (*each)(void *arg, const struct cxl_log_facts *facts),
		     void *arg); /* false: no cxl-type3 */

/* The poisoned ranges of a cxl-type3; false: it is none. `source` as in the poison list. */
bool cxl_poison_each(struct dev *dev, void (*each)(void *arg, u64 dpa, u64 size, const char *source), void *arg);
/* Injects poison from outside: [dpa, dpa + size) of a cxl-type3, multiples of 64 bytes. */
bool cxl_poison_add(struct dev *dev, u64 dpa, u64 size, struct error *err);

/* --- explain.c: the fabric for people and monitors --- */
/* One step of an address on its way; a component that looks at several decoders makes one step for each. */
struct cxl_hop {
	const char *kind, *name; /* "window", "bridge", "switch", "port", "device"; the id */
	int decoder;             /* -1: this hop has none */
	bool took;               /* the address goes on here */
	char text[200];          /* why, or why not */
};
/* Walks from the window to the DPA over the decoders as they are committed now. True if a device answers; then *dpa. */
bool cxl_explain(struct cxl_host *host, u64 hpa, void (*each)(void *arg, const struct cxl_hop *hop), void *arg,
		 u64 *dpa);
struct cxl_decoder_facts {
	const char *kind, *component; /* "bridge", "switch", "device"; the id */
	unsigned index;
	bool enabled; /* of the component as a whole */
	bool committed, locked, error;
	u64 base, size, skip; /* skip: of devices */
	unsigned ways;        /* 0: reserved encoding */
	u32 granularity;
	unsigned target_count; /* of bridges and switches */
	u8 targets[HDM_TARGETS_SHOWN_MAX];
};
void cxl_each_decoder(struct cxl_host *host, void (*each)(void *arg, const struct cxl_decoder_facts *facts), void *arg);
struct cxl_device_facts {
	u64 volatile_bytes, persistent_bytes, dynamic_bytes, serial;
	const char *volatile_backend, *persistent_backend;
};
bool cxl_device_facts(const struct dev *dev, struct cxl_device_facts *facts); /* false: no memory device */
bool cxl_port_number(const struct dev *dev, unsigned *number);                /* false: no port */
/* The link below each root and downstream port. */
struct cxl_link_facts {
	const char *port, *below; /* ids; below: NULL if there is nothing */
	bool up;
	u8 speed, width; /* as in Link Status: 1 = 2.5 GT/s .. 6 = 64 GT/s; lanes */
};
void cxl_each_link(struct cxl_host *host, void (*each)(void *arg, const struct cxl_link_facts *facts), void *arg);
/* Every register block of the room: "component" or "device" registers of the device `owner`. */
void cxl_each_regs(struct cxl_host *host,
		   void (*each)(void *arg, const char *what, const char *owner, struct regs *regs), void *arg);

extern const struct dev_class pxb_cxl_class, cxl_rp_class, cxl_upstream_class, cxl_downstream_class, cxl_type3_class,
	cxl_switch_cci_class;
/* How devices reach the cxl_host from dev_env.machine: the machine provides it. */
struct cxl_host *machine_cxl_host(struct machine *machine);

#endif
