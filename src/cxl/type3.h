/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Type 3 memory device and its parts: DVSECs, device registers, mailbox, events, CDAT. Private to cxl/.
 * Under the machine lock.
 */
#ifndef CXL_TYPE3_H
#define CXL_TYPE3_H

#include "cxl/cdat.h"
#include "cxl/component.h"
#include "base/loop.h"
#include "cxl/cxl.h"
#include "cxl/dynamic.h"
#include "cxl/mailbox.h"
#include "mem/backend.h"

struct cxl_port;
struct cxl_switch;
struct cxl_type3;

#define TYPE3_VECTORS 8
/* MSI-X vectors by use. */
enum {
	VECTOR_DOE = 0,
	VECTOR_EVENT_INFO = 2,
	VECTOR_EVENT_WARNING = 3,
	VECTOR_EVENT_FAILURE = 4,
	VECTOR_EVENT_FATAL = 5,
	VECTOR_MAILBOX = 7
};
#define SERIAL_NONE UINT64_MAX
#define EVENT_LOG_RECORDS 8
#define EVENT_DYNAMIC_RECORDS 64 /* a group of extents is told as a whole */

struct event_log {
	u8 records[EVENT_DYNAMIC_RECORDS][EVENT_RECORD_BYTES]; /* the first EVENT_LOG_RECORDS, of most logs */
	u16 handles[EVENT_DYNAMIC_RECORDS];
	unsigned count;                    /* the oldest first */
	u16 next_handle;                   /* never 0 */
	u16 overflow_count;                /* records that found no room */
	u64 overflow_first, overflow_last; /* time stamps of the first and the last of them */
	u8 policy;                         /* interrupt mode, bits 1:0, and firmware's message number */
};

/* As Set SLD QoS Control has it. */
struct qos {
	u8 control;          /* QOS_CAPABILITIES that are enabled */
	u8 moderate, severe; /* percent */
	u8 interval;         /* ns, 0: off */
};

struct alert_config {
	u8 enabled; /* programmable warnings, a mask */
	u8 life_used_warning;
	u16 over_temperature_warning, under_temperature_warning;
	u16 volatile_errors_warning, persistent_errors_warning;
};

/* What Get Health Info tells and monitors set. */
struct health {
	u8 health_status, media_status, life_used; /* life used: per cent */
	s16 temperature;                           /* degrees Celsius */
	u32 corrected_volatile, corrected_persistent;
};

/* What Compliance mode makes it tell instead; a bit for each, in the request's order. */
struct health_injection {
	u8 health_status, media_status, life_used;
	u32 dirty_shutdowns;
	s16 temperature;
};
enum { INJECT_HEALTH = 1, INJECT_MEDIA = 2, INJECT_LIFE = 4, INJECT_DIRTY = 8, INJECT_TEMPERATURE = 16 };
#define HEALTH_INJECTIONS 31u

/* Traffic of Compliance mode, and where it is. */
struct traffic {
	u64 start, back, mask;
	u32 increment, set_offset, pattern, pattern_increment, bogus_pattern;
	u8 increments, sets, loops, bogus;
	bool self_checking, produces;
	bool verifies;
	u32 loop, set, n;
};

struct compliance {
	struct timer timer;
	struct traffic traffic;
	bool is_running;
	bool poison_io, holds_credits; /* with the next traffic */
	u8 bogus;                      /* writes before each one of the next streaming */
	u32 bogus_pattern;
};
#define LABEL_POISON_MAX 32

struct poison_range {
	u64 dpa, size; /* multiples of POISON_LINE */
	u8 source;     /* enum poison_source */
	bool unlisted; /* the list had no room for it, or was frozen */
};
#define POISON_RANGES_MAX 1024

struct poison {
	struct poison_range ranges[POISON_RANGES_MAX]; /* sorted, disjoint */
	unsigned count;
	bool overflowed;         /* the list is frozen until a scan of everything builds it anew */
	u64 overflow_at;         /* time stamp of the record that the list had no room for */
	u64 list_dpa, list_size; /* what Get Poison List was asked for and did not give whole; size 0: nothing */
	u64 list_next;           /* where it goes on */
	u64 scan_dpa, scan_size; /* what was to be scanned last; size 0: nothing */
	bool scan_quiet, scan_done;
	u64 result_at; /* results up to here have been fetched */
};

#define PASSPHRASE_HASH_MAX 128
struct security {
	u16 state;                                                   /* SECURITY_* */
	char user[PASSPHRASE_HASH_MAX], master[PASSPHRASE_HASH_MAX]; /* salted; empty: none is set */
	u8 user_failures, master_failures;
};

#define MEDIA_RANGE_BYTES 16 /* in a payload */
struct media_range {
	u64 dpa, size;
};
struct media_operation {
	struct media_range *ranges; /* as many as a payload may hold */
	unsigned count;
};

#define FIRMWARE_SLOTS 2
struct firmware {
	u16 version[FIRMWARE_SLOTS]; /* 0: empty */
	u16 last_version;
	u8 active; /* slot, from 0 */
	u8 staged; /* slot from 1 that is active after the next reset; 0: none */
	u8 slot, next_active;
	bool is_moving, is_whole;
	u64 part, next; /* offsets: of the last part that came, and behind it */
	u64 part_at;    /* guest time when it did, ns */
};

#define FEATURES 8
#define SPARES 8 /* of each kind of memory sparing */
#define FEATURE_BYTES_MAX 24
#define MAINTENANCE_BYTES 16
struct features {
	u8 now[FEATURES][FEATURE_BYTES_MAX];
	u8 parts[FEATURE_BYTES_MAX]; /* of the Set Feature that is going on */
	bool is_moving;
	int moving;
	u64 part, next;                    /* offsets: of the last part that came, and behind it */
	u8 hard_spares[4], soft_spares[4]; /* used up, by subclass; the soft ones come back at a conventional reset */
	u8 maintenance[MAINTENANCE_BYTES]; /* the operation that runs, as it was asked for */
};

#define DEBUG_LOG_BYTES 512

struct cxl_type3 {
	struct pci_dev pci;
	struct cxl_component comp;
	struct mailbox mbox; /* BAR 2 */
	struct doe *doe;
	/* properties */
	struct dev *memdev, *persistent_memdev, *volatile_memdev, *dynamic_memdev, *lsa_dev;
	u64 serial;
	u32 speed, width; /* indices of pcie_speed_names, pcie_width_names */
	char *cdat_file;
	u64 partition_align; /* capacity may be partitioned in multiples of it; 0: it may not */
	u64 slice_bytes;     /* size=: a slice of the backend; 0: all of it */
	u8 dc_regions;
	bool dc_shareable, hdm_db, flit_256b;
	u32 hdm_decoders, doe_delay_us;
	/* guest-visible */
	u64 timestamp;        /* as set, 0: never */
	u64 timestamp_set_at; /* guest time, ns */
	struct event_log events[EVENT_LOGS];
	struct alert_config alerts;
	struct qos qos;
	u8 shutdown_state;
	u32 dirty_shutdowns;
	bool is_counted; /* a dirty shutdown was counted and is still to be stored */
	struct health health;
	struct health_injection injected, injected_next; /* _next: at the next cold reset, once */
	u8 injects, injects_next;                        /* HEALTH_INJECTIONS */
	u32 label_poison[LABEL_POISON_MAX];              /* offsets */
	unsigned label_poison_count;
	struct compliance compliance;
	u64 next_volatile_bytes; /* of the partitions after the next cold reset */
	struct background background;
	struct poison poison;
	struct security security;
	struct media_operation media_operation; /* the last one's */
	bool sanitizing;                        /* media are disabled until a Sanitize has succeeded */
	bool viral;                             /* isolated: persistent memory drops writes */
	struct firmware firmware;
	struct features features;
	struct dynamic *dc;              /* NULL: no dynamic capacity */
	u8 response_limit;               /* of the FM-owned LD, a power of two */
	char debug_log[DEBUG_LOG_BYTES]; /* vendor debug log, as populated last */
	u32 debug_log_bytes;
	/* rebuilt */
	struct backend *vmem, *pmem, *dcmem, *lsa;
	struct backend slice;                                /* with size=: what pmem or vmem is */
	struct dev *own_lsa;                                 /* a label storage area that nobody described */
	u64 volatile_bytes, persistent_bytes, dynamic_bytes; /* in the order of DPA */
	struct cxl_host *host;
	struct cxl_port *above;
	u16 dvsec_device; /* config offset */
	u64 number;       /* the serial number in use */
	struct cdat cdat;
	bool is_listed;
	struct cxl_type3 *next;
	char *name;
};

extern const struct dev_class cxl_type3_class;

static inline u64 type3_capacity(const struct cxl_type3 *dev)
{
	return dev->volatile_bytes + dev->persistent_bytes + dev->dynamic_bytes;
}

static inline bool type3_is_persistent(const struct cxl_type3 *dev, u64 dpa)
{
	return dpa >= dev->volatile_bytes && dpa < dev->volatile_bytes + dev->persistent_bytes;
}

/* DVSEC Mem_Enable and HDM Decoder Enable, both. */
bool type3_is_mem_enabled(const struct cxl_type3 *dev);
struct decode_decoder; /* decode.h */
/* The backend and the offset in it of a DPA, or NULL past the capacity; *left: bytes from there to its end. */
struct backend *type3_backend(const struct cxl_type3 *dev, u64 dpa, u64 *offset, u64 *left);

/* CXL Reset: CXL.mem and CXL.io of this function; with `clear` the volatile media are zero after it. */
void type3_cxl_reset(struct cxl_type3 *dev, bool clear);

/* --- dvsec.c --- */
/* A range of memory as the DVSEC has it, size 0: none. */
struct decode_decoder dvsec_range(const struct cxl_type3 *dev, unsigned range);
void dvsec_add_function_map(struct pci_dev *pci, u16 at); /* of one with several functions */
void dvsec_add_device(struct cxl_type3 *dev);             /* the Type 3's four, in the order of its layout */
/* Mem_Enable falls now, if this kind of reset has it fall. */
void dvsec_reset(struct cxl_type3 *dev, unsigned reset_kind);
/* A fatal error: the device isolates itself if software has enabled that. */
void dvsec_viral(struct cxl_type3 *dev);
/* Viral goes up from the port (NULL: there is none, false), as far as it is enabled. */
bool dvsec_send_viral(struct cxl_port *port);
/* What the Port Extensions at `at` (0: none yet) make the port decode besides; false: nothing. */
bool dvsec_alternate(const struct pci_dev *pci, u16 at, struct pci_alternate *ranges);
/* Return where their Port Extensions are. */
u16 dvsec_add_root_port(struct pci_dev *pci);
u16 dvsec_add_upstream(struct pci_dev *pci);
u16 dvsec_add_downstream(struct pci_dev *pci);

/* --- the mailbox's commands --- */
void qos_reset(struct cxl_type3 *dev);
u16 cmd_get_qos_control(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_set_qos_control(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_qos_status(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_event_records(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_clear_event_records(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_event_interrupt_policy(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_set_event_interrupt_policy(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_timestamp(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_set_timestamp(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_supported_logs(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_log_capabilities(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_clear_log(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_populate_log(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_supported_logs_sublist(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_log(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_identify_memory_device(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_partition_info(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_set_partition(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
/* A partition that waited for a cold reset takes place. */
void partition_reset(struct cxl_type3 *dev, unsigned reset_kind);
u16 cmd_get_lsa(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_set_lsa(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_health_info(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_alert_configuration(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_set_alert_configuration(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_shutdown_state(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_set_shutdown_state(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
void shutdown_state_reset(struct cxl_type3 *dev, unsigned reset_kind);
void alerts_reset(struct cxl_type3 *dev);
u16 cmd_abort_background(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);

void health_reset(struct cxl_type3 *dev);
/* Of those that are `valid`, those that are `on` are told from now on (or after the next cold reset, once), the others
 * not. False: a value that there is not. */
bool health_inject(struct cxl_type3 *dev, const struct health_injection *injection, u8 valid, u8 on, bool is_later);
/* A byte of the labels that cannot be read until it is written; false: no room for it. */
bool label_spoil(struct cxl_type3 *dev, u32 offset);
void label_repair(struct cxl_type3 *dev, u64 offset, u64 length);

/* --- keep.c --- */
bool keep_load(struct cxl_type3 *dev, struct error *err);                       /* at create */
void keep_power_on(struct cxl_type3 *dev);                                      /* a cold reset */
void keep_store(struct cxl_type3 *dev);                                         /* what is remembered has changed */
void keep_label(struct cxl_type3 *dev, u64 offset, const u8 *data, u64 length); /* writes labels, whole or not at all */
void keep_saved(struct cxl_type3 *dev); /* media and labels are in their files: an orderly end */

/* --- firmware.c --- */
u16 cmd_get_fw_info(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_transfer_fw(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_activate_fw(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
/* The revision of the firmware in a slot, from 0; empty: there is none. */
#define FW_REVISION_BYTES 16
void fw_revision(const struct cxl_type3 *dev, unsigned slot, char text[FW_REVISION_BYTES]);
void fw_slots_init(struct cxl_type3 *dev); /* at create: as it left the factory */
void fw_slots_reset(struct cxl_type3 *dev, unsigned reset_kind);

/* --- features.c --- */
u16 cmd_get_supported_features(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_feature(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_set_feature(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_perform_maintenance(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
void features_reset(struct cxl_type3 *dev, unsigned reset_kind);

/* --- compliance.c --- */
u32 compliance_answer(void *opaque, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max);

/* --- compliance_traffic.c --- */
struct pci_dev *compliance_root(struct cxl_type3 *dev);                      /* the root port above */
void compliance_start(struct cxl_type3 *dev, const struct traffic *traffic); /* in place of what runs */
void compliance_stop(struct cxl_type3 *dev);
void compliance_reset(struct cxl_type3 *dev);

/* --- media_operations.c --- */
bool media_operations_create(struct cxl_type3 *dev, struct error *err);
void media_operations_destroy(struct cxl_type3 *dev);
u16 cmd_media_operations(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);

/* --- poison.c --- */
/* [dpa, dpa + size) is not poisoned any more. */
void poison_clear(struct cxl_type3 *dev, u64 dpa, u64 size);
void poison_repair(struct cxl_type3 *dev, u64 dpa); /* the line at dpa is good again, and zero */
u16 cmd_get_poison_list(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
/* Whether there is a line of memory at dpa that is the host's: dynamic capacity is while it is accepted. */
bool media_has_line(const struct cxl_type3 *dev, u64 dpa);
/* The line at dpa, as the host asks for it: CXL_*. */
u16 poison_inject(struct cxl_type3 *dev, u64 dpa);
u16 poison_replace(struct cxl_type3 *dev, u64 dpa, const u8 *data); /* good again, with these 64 bytes */
u16 cmd_inject_poison(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_clear_poison(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_scan_media_capabilities(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_scan_media(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_scan_media_results(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
/* The media at [dpa, dpa + size) have gone bad. False: no such address, or no room to remember it. */
bool poison_add(struct cxl_type3 *dev, u64 dpa, u64 size, enum poison_source source);
void poison_clear_all(struct cxl_type3 *dev);
void poison_power_on(struct cxl_type3 *dev); /* a cold reset: that of persistent memory stays */
void poison_reset(struct cxl_type3 *dev, unsigned reset_kind);
/* Index of the first range that ends above dpa; `count` if there is none. */
unsigned poison_find(const struct poison_range *ranges, unsigned count, u64 dpa);
bool poison_hits(const struct poison_range *ranges, unsigned count, u64 dpa, u64 size);
/* A host access has met poison: the event log says so. */
void poison_met(struct cxl_type3 *dev, u64 dpa, enum media_transaction transaction);

/* --- security.c --- */
u16 cmd_sanitize(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_secure_erase(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_security_state(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_set_passphrase(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_disable_passphrase(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_unlock(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_freeze_security(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_passphrase_secure_erase(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
/* The DPAs whose media are disabled: false if there are none. */
bool media_disabled(const struct cxl_type3 *dev, u64 *from, u64 *end);
/* CXL_SUCCESS if none of [dpa, dpa + size), which lies within the capacity, is disabled. */
u16 media_state(const struct cxl_type3 *dev, u64 dpa, u64 size);
/* Whether some of [dpa, dpa + size), which lies within the capacity, is. */
bool media_is_readonly(const struct cxl_type3 *dev, u64 dpa, u64 size);
/* Hashes from a file: false if they are none. Empty: not set. */
bool security_restore(struct cxl_type3 *dev, const char *user, const char *master);
void security_reset(struct cxl_type3 *dev, unsigned reset_kind);

/* Nanoseconds since the epoch by the device's clock, 0 if it was never set. */
u64 type3_timestamp(const struct cxl_type3 *dev);

/* --- events.c --- */
/* Adds a record (128 bytes as in the specification; handle and time stamp are filled in here) to a log. */
void event_add(struct cxl_type3 *dev, enum cxl_event_log which, const u8 record[EVENT_RECORD_BYTES]);
/* One that the device makes itself: its severity is that of the log, which is one of the first four. */
void event_report(struct cxl_type3 *dev, enum cxl_event_log which, u8 record[EVENT_RECORD_BYTES]);
/* Records that a log has room for. */
unsigned event_log_room(const struct cxl_type3 *dev, enum cxl_event_log log);
void events_reset(struct cxl_type3 *dev, unsigned reset_kind);
void events_forget(struct cxl_type3 *dev); /* all records: Sanitize */

/* --- dynamic.c --- */
bool dynamic_create(struct cxl_type3 *dev, struct error *err);
/* Whether all of [dpa, dpa + size) is static capacity or accepted. */
bool dynamic_is_memory(const struct cxl_type3 *dev, u64 dpa, u64 size);
void dynamic_destroy(struct cxl_type3 *dev);
void dynamic_reset(struct cxl_type3 *dev, unsigned reset_kind);
u16 cmd_get_dc_configuration(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_get_dc_extent_list(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_add_dc_response(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);
u16 cmd_release_dc(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out);

/* --- fm_ld.c --- */
struct cci fm_ld_cci(struct cxl_type3 *dev);

/* --- cdat.c --- */
/* The DSMAS handle of a region of dynamic capacity. */
u8 cdat_dynamic_handle(const struct cxl_type3 *dev, unsigned region);
bool cdat_build(struct cxl_type3 *dev, struct error *err);
u32 cdat_answer(void *opaque, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max);
void cdat_build_switch(struct cxl_switch *sw);
u64 cdat_switch_latency_ps(void); /* through one switch, either way */
/* The device's own share of an access, as its CDAT tells it. */
struct cxl_performance cdat_performance(const struct cxl_type3 *dev, u64 dpa);
void cdat_read_performance(const struct cdat *cdat, u64 dpa, struct cxl_performance *performance);

#endif
