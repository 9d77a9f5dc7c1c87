/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Constants and layouts of CXL, in the order of the specification (section numbers of CXL 3.1; those of 2.0 where a
 * chapter moved are named). No logic: proof-read it beside the text.
 */
#ifndef CXL_CXL_SPEC_H
#define CXL_CXL_SPEC_H

#include "base/bits.h"
#include "base/types.h"

#define CXL_VENDOR_ID 0x1e98 /* of DVSECs and DOE objects. [CXL3.1 8.1.1] */

/* 8.1 Configuration space: DVSEC IDs. [CXL3.1 table 8-2] */
enum {
	DVSEC_CXL_DEVICE = 0,
	DVSEC_NON_CXL_FUNCTION_MAP = 2,
	DVSEC_PORT_EXTENSIONS = 3,
	DVSEC_GPF_PORT = 4,
	DVSEC_GPF_DEVICE = 5,
	DVSEC_FLEX_BUS_PORT = 7,
	DVSEC_REGISTER_LOCATOR = 8,
};

/* 8.1.3 DVSEC for CXL Devices. */
#define DVSEC_DEVICE_BYTES 0x3c
#define DVSEC_DEVICE_REVISION 3
#define DVSEC_DEVICE_CAP 0x0a
#define DVSEC_DEVICE_CAP_IO BIT(1)
#define DVSEC_DEVICE_CAP_MEM BIT(2)
#define DVSEC_DEVICE_CAP_MEM_HW_INIT BIT(3)
#define DVSEC_DEVICE_CAP_HDM_COUNT_1 (1u << 4)
#define DVSEC_DEVICE_CAP_HDM_COUNT_2 (2u << 4)
#define DVSEC_DEVICE_CAP_RESET BIT(7)
#define DVSEC_DEVICE_CAP_RESET_100_MS (1u << 8)
#define DVSEC_DEVICE_CAP_RESET_CLEARS BIT(11)
#define DVSEC_DEVICE_CAP_PM_INIT BIT(15) /* Status2 says when power management is initialized */
#define DVSEC_DEVICE_VIRAL BIT(14)       /* Capable, Enable and Status alike */
#define DVSEC_DEVICE_CTRL 0x0c
#define DVSEC_DEVICE_CTRL_IO_ENABLE BIT(1)
#define DVSEC_DEVICE_CTRL_MEM_ENABLE BIT(2)
#define DVSEC_DEVICE_STATUS 0x0e
#define DVSEC_DEVICE_CTRL2 0x10
#define DVSEC_DEVICE_CTRL2_CACHE 0x3 /* disable caching, write back: there is no cache */
#define DVSEC_DEVICE_CTRL2_RESET BIT(2)
#define DVSEC_DEVICE_CTRL2_RESET_CLEARS BIT(3)
#define DVSEC_DEVICE_STATUS2 0x12
#define DVSEC_DEVICE_STATUS2_RESET_COMPLETE BIT(1)
#define DVSEC_DEVICE_STATUS2_PM_INIT BIT(15)
#define DVSEC_DEVICE_LOCK 0x14
#define DVSEC_DEVICE_CAP2 0x16
#define DVSEC_DEVICE_CAP2_NO_CLEAN_WRITEBACK BIT(7) /* whoever has no cache says so */
#define DVSEC_DEVICE_RANGES 2
#define DVSEC_DEVICE_RANGE_BYTES 0x10
#define DVSEC_DEVICE_RANGE1_SIZE_HI 0x18
#define DVSEC_DEVICE_RANGE1_SIZE_LO 0x1c
#define DVSEC_DEVICE_RANGE1_BASE_HI 0x20
#define DVSEC_DEVICE_RANGE1_BASE_LO 0x24
#define DVSEC_DEVICE_RANGE2_SIZE_HI 0x28
#define DVSEC_DEVICE_RANGE2_SIZE_LO 0x2c
#define DVSEC_DEVICE_RANGE2_BASE_HI 0x30
#define DVSEC_DEVICE_RANGE2_BASE_LO 0x34
#define DVSEC_DEVICE_CAP3 0x38
/* Range size low: Memory_Info_Valid, Memory_Active, media type and memory class "by CDAT" (2 and 2). */
#define DVSEC_RANGE_INFO_VALID BIT(0)
#define DVSEC_RANGE_ACTIVE BIT(1)
#define DVSEC_RANGE_BY_CDAT ((2u << 2) | (2u << 5))

/* 8.1.4 Non-CXL Function Map DVSEC: without ARI a DWORD for each function number, a bit for each device number. */
#define DVSEC_FUNCTION_MAP_BYTES 0x2c
#define DVSEC_FUNCTION_MAP 0x0c

/* 8.1.5 CXL Extensions DVSEC for Ports. */
#define DVSEC_PORT_BYTES 0x28
#define DVSEC_PORT_STATUS 0x0a
#define DVSEC_PORT_CTRL 0x0c
#define DVSEC_PORT_UNMASK_RESET BIT(0)
#define DVSEC_PORT_UNMASK_DISABLE BIT(1)
#define DVSEC_PORT_ALTERNATE BIT(2)        /* alternate memory and bus ranges decode */
#define DVSEC_PORT_ALTERNATE_MASTER BIT(3) /* and what comes from there may send requests */
#define DVSEC_PORT_BUS_BASE 0x0e           /* alternate ranges */
#define DVSEC_PORT_BUS_LIMIT 0x0f
#define DVSEC_PORT_MEM_BASE 0x10
#define DVSEC_PORT_MEM_LIMIT 0x12
#define DVSEC_PORT_PREFETCH_BASE 0x14
#define DVSEC_PORT_PREFETCH_LIMIT 0x16
#define DVSEC_PORT_PREFETCH_BASE_HI 0x18
#define DVSEC_PORT_PREFETCH_LIMIT_HI 0x1c
#define DVSEC_PORT_VIRAL BIT(14) /* of control, to enable it, and of status */
/* 8.1.6, 8.1.7 GPF DVSEC for CXL Ports, Devices. */
#define DVSEC_GPF_BYTES 0x10
/* 8.2.1.3 Flex Bus Port DVSEC. */
#define DVSEC_FLEX_BUS_BYTES 0x20
#define DVSEC_FLEX_BUS_REVISION 2
#define FLEX_BUS_68B 0x20
#define FLEX_BUS_IO_MEM_68B 0x26 /* IO, Mem, 68-byte flit and VH */
/* 8.1.9 Register Locator DVSEC. */
#define DVSEC_LOCATOR_BYTES_3 0x24
#define DVSEC_LOCATOR_BYTES_1 0x14
#define LOCATOR_COMPONENT 1 /* register block identifiers */
#define LOCATOR_DEVICE 3
#define LOCATOR(block, bar) (((block) << 8) | (bar))

/* 8.1.11 DOE: Table Access. */
#define DOE_TYPE_COMPLIANCE 0
#define DOE_TYPE_CDAT 2

/* 8.2.3 Component register block. */
#define COMPONENT_BYTES (64 * KiB)
#define COMPONENT_CACHE_MEM 0x1000
#define COMPONENT_CACHE_MEM_BYTES 0x1000

/* 8.2.4 CXL.cachemem capability array: header and elements. */
#define CACHEMEM_HEADER(count) (1u | (1u << 16) | (1u << 20) | ((u32)(count) << 24))
#define CACHEMEM_CAP(id, version, offset) ((u32)(id) | ((u32)(version) << 16) | ((u32)(offset) << 20))
enum {
	CACHEMEM_RAS = 2,
	CACHEMEM_LINK = 4,
	CACHEMEM_HDM = 5,
	CACHEMEM_EXT_SECURITY = 6,
	CACHEMEM_SNOOP_FILTER = 8,
	CACHEMEM_BI_ROUTE_TABLE = 11,
	CACHEMEM_BI_DECODER = 12,
};
/* Our places of the structures, counted from the array's start. */
#define AT_RAS 0x80
#define AT_LINK 0xd8
#define AT_HDM 0x128       /* up to 10 decoders */
#define AT_HDM_LARGE 0xb00 /* up to 32 */
#define AT_EXT_SECURITY 0x278
#define AT_SNOOP_FILTER 0xaa0
#define AT_BI_ROUTE_TABLE 0xaa8
#define AT_BI_DECODER 0xab4

/* 8.2.4.17 RAS capability, and the bits that exist. */
#define RAS_UNCORRECTABLE_STATUS 0x00
#define RAS_UNCORRECTABLE_MASK 0x04
#define RAS_UNCORRECTABLE_SEVERITY 0x08
#define RAS_CORRECTABLE_STATUS 0x0c
#define RAS_CORRECTABLE_MASK 0x10
#define RAS_CAP_CTRL 0x14
#define RAS_HEADER_LOG 0x18
#define RAS_HEADER_DWORDS 16
#define RAS_UNCORRECTABLE 0x0001cfff
#define RAS_CORRECTABLE 0x0000007f
#define RAS_CTRL_MULTI_HEADER BIT(9)
#define RAS_CTRL_POISON_ENABLED BIT(13) /* poison is a correctable error */

/* 8.2.4.20 HDM decoder capability. */
#define HDM_CAP 0x00
#define HDM_CAP_TARGETS_1 (1u << 4)
#define HDM_CAP_TARGETS_8 (8u << 4)
#define HDM_CAP_INTERLEAVE_11_8 BIT(8)
#define HDM_CAP_INTERLEAVE_14_12 BIT(9)
#define HDM_CAP_INTERLEAVE_3_6_12 BIT(11)
#define HDM_CAP_INTERLEAVE_16 BIT(12)
#define HDM_CAP_NXM BIT(20)               /* MemData-NXM: components with 256-byte flits have it */
#define HDM_CAP_COHERENCE_BOTH (3u << 21) /* host-only and device coherent */
#define HDM_GLOBAL_CTRL 0x04
#define HDM_GLOBAL_ENABLE BIT(1)
#define HDM_BASE_LO 0x10
#define HDM_BASE_HI 0x14
#define HDM_SIZE_LO 0x18
#define HDM_SIZE_HI 0x1c
#define HDM_CTRL 0x20
#define HDM_TARGETS_LO 0x24
#define HDM_TARGETS_HI 0x28
#define HDM_DPA_SKIP_LO 0x24
#define HDM_DPA_SKIP_HI 0x28
#define HDM_STRIDE 0x20
#define HDM_ADDRESS_LO 0xf0000000 /* bits 27:0 of base, size and skip are reserved */
#define HDM_ALIGN (256 * MiB)
/* 8.2.4.20.7 Decoder control. */
#define HDM_CTRL_LOCK_ON_COMMIT BIT(8)
#define HDM_CTRL_COMMIT BIT(9)
#define HDM_CTRL_COMMITTED BIT(10)
#define HDM_CTRL_ERROR BIT(11)
#define HDM_CTRL_TARGET_HOST_ONLY BIT(12)
#define HDM_CTRL_BI BIT(13)    /* from version 3 */
#define HDM_CTRL_ISP 0xf000000 /* position in the interleave set, of devices with back-invalidate */
#define HDM_CTRL_WRITABLE 0x13ff

/* 8.2.4.26, 8.2.4.27 Back-Invalidate route table and decoder: alike but for the decoder's two enables. */
#define BI_CAP 0x00
#define BI_CAP_COMMIT_REQUIRED BIT(0) /* of the route table */
#define BI_CAP_DECODER_COMMIT_REQUIRED BIT(1)
#define BI_CTRL 0x04
#define BI_CTRL_TABLE_COMMIT BIT(0)
#define BI_CTRL_FORWARD BIT(0)
#define BI_CTRL_ENABLE BIT(1)
#define BI_CTRL_DECODER_COMMIT BIT(2)
#define BI_STATUS 0x08
#define BI_STATUS_COMMITTED BIT(0)
#define BI_STATUS_TIMEOUT 0x2600 /* of a commit, 15:12 times what 11:8 says: 2 s, as nothing here takes any */

/* 7.6.3 CCI messages, 7.6.7.3.1 what carries them through a tunnel. */
#define CCI_HEADER_BYTES 12u
#define CCI_LENGTH_MASK 0x1fffff
enum { CCI_REQUEST = 0, CCI_RESPONSE = 1 };
#define TUNNEL_HEADER_BYTES 4u
#define TUNNEL_TO_PORT 0
/* 7.6.7.1.2 Get Physical Port State. */
#define PORT_INFO_BYTES 16
enum {
	PORT_STATE_DISABLED = 0,
	PORT_STATE_BINDING = 1,
	PORT_STATE_UNBINDING = 2,
	PORT_STATE_DOWNSTREAM = 3,
	PORT_STATE_UPSTREAM = 4,
	PORT_STATE_NO_PORT = 15
};
enum { PORT_MODE_FLIT_68B = 2, PORT_MODE_FLIT_256B = 3 };
enum { PORT_DEVICE_NONE = 0, PORT_DEVICE_PCIE = 1, PORT_DEVICE_SWITCH = 3, PORT_DEVICE_TYPE3 = 4 };
enum { LTSSM_DETECT = 0, LTSSM_L0 = 4, LTSSM_DISABLED = 8, LTSSM_HOT_RESET = 10 };
#define PORT_LINK_PERST BIT(1)
#define PORT_LINK_PRESENT BIT(2)
#define PORT_LINK_POWERED_OFF BIT(3)
/* 7.6.7.1.3 Physical Port Control. */
enum { PORT_ASSERT_PERST = 0, PORT_DEASSERT_PERST = 1, PORT_RESET = 2 };
/* 7.6.7.1.4 Send PPB CXL.io Configuration Request: register in 11:0, byte enables in 15:12. */
#define PORT_CONFIG_REGISTER 0xffc
#define PORT_CONFIG_ENABLES(word) ((word) >> 12 & 0xf)
#define PORT_CONFIG_WRITE BIT(23)
/* 7.6.7.2 Virtual switches. */
enum { VCS_ENABLED = 1, VCS_INVALID = 0xff };
enum { VPPB_UNBOUND = 0, VPPB_IN_PROGRESS = 1, VPPB_BOUND_PORT = 2 };
#define VPPB_NO_LD 0xff
#define BIND_NO_LD 0xffff
enum unbind_option { UNBIND_LINK_DOWN = 0, UNBIND_MANAGED = 1, UNBIND_SURPRISE = 2 };
#define AER_EVENT_BIT(error) ((error)&0x1f)
#define AER_EVENT_UNCORRECTABLE BIT(31)
#define AER_EVENT_HEADER_BYTES 32

/* 8.2.8 Device registers. */
#define DEVREGS_STATUS 0x80
#define DEVREGS_MAILBOX 0x88
#define DEVREGS_PAYLOAD (DEVREGS_MAILBOX + 0x20)
#define DEVREGS_CAP_STATUS 1
#define DEVREGS_CAP_MAILBOX 2
#define DEVREGS_CAP_OWN_STATUS 0x4000 /* Memory Device Status; of a switch's mailbox, Switch Mailbox CCI Status */

/* 8.2.8.4 Mailbox registers. */
#define MAILBOX_PAYLOAD_BYTES_MIN 256u
#define MAILBOX_PAYLOAD_BYTES (2 * KiB) /* unless something else is asked for */
#define MAILBOX_PAYLOAD_BYTES_MAX (1 * MiB)
#define MAILBOX_CAP (DEVREGS_MAILBOX + 0x00)
#define MAILBOX_CAP_DOORBELL_IRQ BIT(5)
#define MAILBOX_CAP_BACKGROUND_IRQ BIT(6)
#define MAILBOX_CAP_MESSAGE(n) ((u32)(n) << 7)
#define MAILBOX_CAP_TYPE_MEMORY (1u << 19)
#define MAILBOX_CAP_TYPE_SWITCH (2u << 19)
#define MAILBOX_CTRL (DEVREGS_MAILBOX + 0x04)
#define MAILBOX_CTRL_DOORBELL BIT(0)
#define MAILBOX_CTRL_DOORBELL_IRQ BIT(1)
#define MAILBOX_CTRL_BACKGROUND_IRQ BIT(2)
#define MAILBOX_COMMAND (DEVREGS_MAILBOX + 0x08)
#define MAILBOX_STATUS (DEVREGS_MAILBOX + 0x10)
#define MAILBOX_BACKGROUND (DEVREGS_MAILBOX + 0x18)

/* 8.2.8.4.5.1 Command return codes. */
enum cxl_return_code {
	CXL_SUCCESS = 0x00,
	CXL_BACKGROUND_STARTED = 0x01,
	CXL_INVALID_INPUT = 0x02,
	CXL_UNSUPPORTED = 0x03,
	CXL_INTERNAL_ERROR = 0x04,
	CXL_RETRY_REQUIRED = 0x05,
	CXL_BUSY = 0x06,
	CXL_MEDIA_DISABLED = 0x07,
	CXL_FW_TRANSFER_IN_PROGRESS = 0x08,
	CXL_FW_TRANSFER_OUT_OF_ORDER = 0x09,
	CXL_FW_INVALID_SLOT = 0x0b,
	CXL_INVALID_HANDLE = 0x0e,
	CXL_INVALID_PHYSICAL_ADDRESS = 0x0f,
	CXL_INJECT_POISON_LIMIT = 0x10,
	CXL_ABORTED = 0x12,
	CXL_INVALID_SECURITY_STATE = 0x13,
	CXL_INCORRECT_PASSPHRASE = 0x14,
	CXL_INVALID_PAYLOAD_LENGTH = 0x16,
	CXL_INVALID_LOG = 0x17,
	CXL_UNSUPPORTED_FEATURE_VERSION = 0x19,
	CXL_UNSUPPORTED_FEATURE_SELECTION = 0x1a,
	CXL_FEATURE_TRANSFER_IN_PROGRESS = 0x1b,
	CXL_FEATURE_TRANSFER_OUT_OF_ORDER = 0x1c,
	CXL_RESOURCES_EXHAUSTED = 0x1d,
	CXL_INVALID_EXTENT_LIST = 0x1e,
	CXL_ABORT_NOT_SUPPORTED = 0x20,
};

#define MAILBOX_STATUS_BACKGROUND BIT(0)

/* 8.2.8.5.1.1 Memory device status: media ready, mailbox interfaces ready. */
#define MEMORY_STATUS_READY 0x14
#define MEMORY_STATUS_DISABLED 0x1c /* media disabled, mailbox interfaces ready */
/* 8.2.8.6.1.1 Switch Mailbox CCI status: mailbox interfaces ready. */
#define SWITCH_STATUS_READY 0x01

/* 8.2.9.1 Information and status: component types, powers of two of messages. */
enum { CXL_COMPONENT_SWITCH = 0, CXL_COMPONENT_TYPE3 = 3 };
#define CXL_RESPONSE_LIMIT_MIN 8
#define CXL_RESPONSE_LIMIT_MAX 10

/* 8.2.9.2.1 Event records. */
#define EVENT_RECORD_BYTES 128
#define EVENT_RECORD_FLAGS 17
#define EVENT_SEVERITY 0x03 /* of the flags: the number of the log that it belongs into */
enum cxl_event_log { EVENT_INFO, EVENT_WARNING, EVENT_FAILURE, EVENT_FATAL, EVENT_DYNAMIC, EVENT_LOGS };
#define EVENT_FLAG_OVERFLOW BIT(0)
#define EVENT_FLAG_MORE BIT(1)
#define EVENT_CLEAR_ALL BIT(0)
/* 8.2.9.2.4 Event interrupt policy. */
#define EVENT_IRQ_MODE 0x03
#define EVENT_IRQ_MSI 0x01
#define EVENT_IRQ_FIRMWARE 0x02
#define EVENT_IRQ_MESSAGE 0xf0

/* 8.2.9.2.1.4 Memory sparing event record: after the 48 bytes common to all records. */
#define SPARING_CLASS_AT 48
#define SPARING_SUBCLASS_AT 49
#define SPARING_FLAGS 50
#define SPARING_RESULT 51
#define SPARING_VALID 52
#define SPARING_SPARES 60
#define SPARING_ADDRESS 62 /* channel to column */
#define SPARING_SUB_CHANNEL 90

/* 8.2.9.2.1.1 General media event record, likewise. */
#define GENERAL_MEDIA_DPA 48
#define GENERAL_MEDIA_DPA_VOLATILE BIT(0)
#define GENERAL_MEDIA_DESCRIPTOR 56
#define GENERAL_MEDIA_UNCORRECTABLE BIT(0)
#define GENERAL_MEDIA_LIST_OVERFLOW BIT(2)
#define GENERAL_MEDIA_TYPE 57
#define GENERAL_MEDIA_TRANSACTION 58
enum media_transaction { MEDIA_HOST_READ = 1, MEDIA_HOST_WRITE = 2, MEDIA_HOST_SCAN = 3, MEDIA_HOST_INJECT = 4 };

/* 8.2.9.9.4 Media and poison management: addresses in 64-byte lines, the source of an error in bits 2:0. */
#define POISON_LINE 64u
enum poison_source { POISON_EXTERNAL = 1, POISON_INTERNAL = 2, POISON_INJECTED = 3, POISON_VENDOR = 7 };
#define POISON_LIST_RECORDS 256
#define POISON_FLAG_MORE BIT(0)
#define POISON_FLAG_OVERFLOW BIT(1)
#define POISON_FLAG_SCANNING BIT(2)
#define POISON_FLAG_RESTARTED BIT(3)
#define POISON_RESTART BIT(0) /* in the address asked for [CXL3.2 8.2.10.9.4.1] */
#define SCAN_FLAG_STOPPED BIT(1)
#define SCAN_NO_EVENT_LOG BIT(0)
/* 8.2.9.9.1.1 Poison handling capabilities of Identify. */
#define POISON_PERSISTS BIT(0) /* injected into persistent memory it stays over every reset */
#define POISON_SCANS BIT(1)

/* 8.2.9.9.6.1 Security state. */
#define SECURITY_USER_SET BIT(0)
#define SECURITY_MASTER_SET BIT(1)
#define SECURITY_LOCKED BIT(2)
#define SECURITY_FROZEN BIT(3)
#define SECURITY_USER_LIMIT BIT(4)
#define SECURITY_MASTER_LIMIT BIT(5)
#define PASSPHRASE_BYTES 32
enum passphrase_type { PASSPHRASE_MASTER, PASSPHRASE_USER };

/* 8.2.9.9.8 SLD QoS Telemetry; its bits in Identify Memory Device, 8.2.9.9.1.1, are those of its control. */
#define QOS_EGRESS_CONGESTION BIT(0)
#define QOS_THROUGHPUT_REDUCTION BIT(1)
#define QOS_CAPABILITIES (QOS_EGRESS_CONGESTION | QOS_THROUGHPUT_REDUCTION)
#define QOS_MODERATE 10 /* percent, by default */
#define QOS_SEVERE 25
#define QOS_INTERVAL 8 /* ns, by default */
#define QOS_INTERVAL_MAX 15

/* 8.2.9.5.2.1 Command Effects Log. */
#define EFFECT_COLD_RESET_CONFIG BIT(0)
#define EFFECT_IMMEDIATE_CONFIG BIT(1)
#define EFFECT_IMMEDIATE_DATA BIT(2)
#define EFFECT_IMMEDIATE_POLICY BIT(3)
#define EFFECT_IMMEDIATE_LOG BIT(4)
#define EFFECT_SECURITY_STATE BIT(5)
#define EFFECT_BACKGROUND BIT(6)
#define EFFECT_ABORT BIT(8)        /* the background operation can be aborted */
#define EFFECT_RESETS_VALID BIT(9) /* the next two bits say something */
#define EFFECT_CONVENTIONAL_RESET_CONFIG BIT(10)
#define EFFECT_CXL_RESET_CONFIG BIT(11)

/* 8.2.9.9 Memory device: capacities are counted in multiples of 256 MiB. */
#define CXL_CAPACITY_UNIT (256 * MiB)

/* Coherent Device Attribute Table, 1.04. */
enum { CDAT_DSMAS = 0, CDAT_DSLBIS = 1, CDAT_DSMSCIS = 2, CDAT_DSIS = 3, CDAT_DSEMTS = 4, CDAT_SSLBIS = 5 };
#define CDAT_REVISION 2
#define CDAT_HEADER_BYTES 16
#define CDAT_SEQUENCE 12
#define CDAT_STRUCT_BYTES 24 /* of DSMAS, DSLBIS and DSEMTS */
#define CDAT_SSLBIS_BYTES 16 /* without its entries */
#define CDAT_SSLBIS_ENTRY_BYTES 8
#define CDAT_SSLBIS_UPSTREAM 0x100 /* port ids: a switch's upstream port */
#define CDAT_DSMAS_NONVOLATILE BIT(2)
#define CDAT_DSMAS_SHAREABLE BIT(3)
#define CDAT_DSMAS_DYNAMIC BIT(5)
enum {
	CDAT_ACCESS_LATENCY = 0,
	CDAT_READ_LATENCY = 1,
	CDAT_WRITE_LATENCY = 2,
	CDAT_ACCESS_BANDWIDTH = 3,
	CDAT_READ_BANDWIDTH = 4,
	CDAT_WRITE_BANDWIDTH = 5
};
enum { CDAT_EFI_CONVENTIONAL = 0, CDAT_EFI_SPECIFIC_PURPOSE = 1, CDAT_EFI_RESERVED = 2 };

#endif
