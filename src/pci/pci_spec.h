/* SPDX-License-Identifier: BSD-2-Clause */
/* Constants and layouts of PCI Express, in spec order: no logic. [PCIe5 7], DOE [PCIe6 7.9.24] */
#ifndef PCI_PCI_SPEC_H
#define PCI_PCI_SPEC_H

/* 7.2.2 ECAM: bus 27:20, device 19:15, function 14:12, register 11:0. */
#define ECAM_BUS_SHIFT 20
#define ECAM_DEVFN_SHIFT 12
#define DEVFN(slot, fn) (((slot) << 3) | (fn))
#define DEVFN_SLOT(d) (((d) >> 3) & 0x1f)
#define DEVFN_FN(d) ((d)&7)

/* 2.2.1, 2.2.7 First DWORD of request headers: format, type, length in DWORDs. */
#define TLP_MEMORY_READ 0x00000000
#define TLP_MEMORY_WRITE 0x40000000
#define TLP_4_DW 0x20000000
#define TLP_IO_READ 0x02000000
#define TLP_IO_WRITE 0x42000000
#define TLP_CONFIG_READ 0x04000000
#define TLP_CONFIG_WRITE 0x44000000
#define TLP_CONFIG_TYPE1 0x01000000

/* 7.5.1.1 Common header. */
#define PCI_VENDOR_ID 0x00
#define PCI_DEVICE_ID 0x02
#define PCI_COMMAND 0x04
#define PCI_COMMAND_IO 0x0001
#define PCI_COMMAND_MEMORY 0x0002
#define PCI_COMMAND_MASTER 0x0004
#define PCI_COMMAND_PARITY 0x0040
#define PCI_COMMAND_SERR 0x0100
#define PCI_COMMAND_INTX_OFF 0x0400
#define PCI_STATUS 0x06
#define PCI_STATUS_INTX 0x0008
#define PCI_STATUS_CAP_LIST 0x0010
#define PCI_STATUS_SERR 0x4000 /* signaled; of Secondary Status, received */
#define PCI_STATUS_W1C 0xf900
#define PCI_REVISION 0x08
#define PCI_CLASS 0x09
#define PCI_CACHE_LINE 0x0c
#define PCI_HEADER_TYPE 0x0e
#define PCI_HEADER_MULTI 0x80
#define PCI_BAR0 0x10
#define PCI_BAR_IO 0x1
#define PCI_BAR_64 0x4
#define PCI_BAR_PREFETCH 0x8
#define PCI_CAP_POINTER 0x34
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN 0x3d
/* 7.5.1.2 Type 0 header. */
#define PCI_SUBSYSTEM_VENDOR 0x2c
#define PCI_SUBSYSTEM 0x2e
/* 7.5.1.3 Type 1 header. */
#define PCI_PRIMARY_BUS 0x18
#define PCI_SECONDARY_BUS 0x19
#define PCI_SUBORDINATE_BUS 0x1a
#define PCI_IO_BASE 0x1c
#define PCI_IO_LIMIT 0x1d
#define PCI_IO_32 0x1
#define PCI_SECONDARY_STATUS 0x1e
#define PCI_MEMORY_BASE 0x20
#define PCI_MEMORY_LIMIT 0x22
#define PCI_PREFETCH_BASE 0x24
#define PCI_PREFETCH_LIMIT 0x26
#define PCI_PREFETCH_64 0x1
#define PCI_PREFETCH_BASE_HI 0x28
#define PCI_PREFETCH_LIMIT_HI 0x2c
#define PCI_IO_BASE_HI 0x30
#define PCI_IO_LIMIT_HI 0x32
#define PCI_BRIDGE_CONTROL 0x3e
#define PCI_BRIDGE_PARITY 0x0001
#define PCI_BRIDGE_SERR 0x0002
#define PCI_BRIDGE_ISA 0x0004 /* of each KiB of the first 64 KiB of I/O only the first 256 bytes go down */
#define PCI_BRIDGE_RESET 0x0040

#define PCI_CLASS_HOST_BRIDGE 0x060000
#define PCI_CLASS_BRIDGE 0x060400

/* 7.5.2 Power Management. */
#define PCI_CAP_PM 0x01
#define PM_BYTES 8
#define PM_CAP 0x02
#define PM_CAP_PME_D0 0x0800
#define PM_CAP_PME_D3HOT 0x4000
#define PM_CTRL 0x04
#define PM_CTRL_STATE 0x0003
#define PM_CTRL_D3HOT 0x0003
#define PM_CTRL_NO_SOFT_RESET 0x0008
#define PM_CTRL_PME_ENABLE 0x0100
#define PM_CTRL_PME_STATUS 0x8000

/* 7.7.1 MSI, 64-bit with per-vector masking. */
#define PCI_CAP_MSI 0x05
#define MSI_BYTES 0x18
#define MSI_CTRL 0x02
#define MSI_CTRL_ENABLE 0x0001
#define MSI_CTRL_64 0x0080
#define MSI_CTRL_MASKING 0x0100
#define MSI_ADDRESS 0x04
#define MSI_DATA 0x0c
#define MSI_MASK 0x10
#define MSI_PENDING 0x14

/* 7.7.2 MSI-X. */
#define PCI_CAP_MSIX 0x11
#define MSIX_BYTES 0x0c
#define MSIX_CTRL 0x02
#define MSIX_CTRL_ENABLE 0x8000
#define MSIX_CTRL_MASK 0x4000
#define MSIX_TABLE 0x04
#define MSIX_PBA 0x08
#define MSIX_ENTRY_BYTES 16
#define MSIX_ENTRY_DATA 8
#define MSIX_ENTRY_CTRL 12
#define MSIX_COUNT_MAX 2048

/* 7.5.3 PCI Express capability. */
#define PCI_CAP_VENDOR 0x09
/* clang-format off */
#define PCI_RESERVE_BYTES   32 /* QEMU's: length, type, then bus, I/O, memory, prefetchable 32 and 64; all ones: nothing said */
/* clang-format on */
#define PCI_RESERVE_TYPE 1
#define PCI_CAP_EXPRESS 0x10
#define EXP_BYTES 0x3c
#define EXP_FLAGS 0x02
#define EXP_FLAGS_SLOT 0x0100
#define EXP_FLAGS_FLIT 0x8000
#define EXP_DEVCAP 0x04
#define EXP_DEVCAP_EXT_TAG 0x00000020
#define EXP_DEVCAP_ROLE 0x00008000
#define EXP_DEVCAP_RX_MPS_FIXED 0x00020000
#define EXP_DEVCAP_FLR 0x10000000
#define EXP_DEVCTL 0x08
#define EXP_DEVCTL_ERRORS 0x000f
#define EXP_DEVCTL_UNSUPPORTED 0x0008 /* Unsupported Request Reporting Enable */
#define EXP_DEVCTL_PAYLOAD 0x00e0     /* Max_Payload_Size */
#define EXP_DEVCTL_FLR 0x8000
#define EXP_DEVSTA 0x0a
#define EXP_DEVSTA_CORRECTABLE 0x0001
#define EXP_DEVSTA_UNSUPPORTED 0x0008 /* Unsupported Request Detected */
#define EXP_LNKCAP 0x0c
#define EXP_LNKCAP_DLLLA 0x00100000
#define EXP_LNKCAP_BANDWIDTH 0x00200000
#define EXP_LNKCAP_ASPM_OPT 0x00400000
#define EXP_LNKCTL 0x10
#define EXP_LNKCTL_DISABLE 0x0010
#define EXP_LNKCTL_RETRAIN 0x0020
#define EXP_LNKCTL_SRIS 0x1000
#define EXP_LNKCTL_NO_FLITS 0x2000 /* Flit Mode Disable */
#define EXP_LNKSTA 0x12
#define EXP_LNKSTA_SLOT_CLOCK 0x1000
#define EXP_LNKSTA_DLLLA 0x2000
#define EXP_LNKSTA_MANAGED 0x4000   /* Link Bandwidth Management Status */
#define EXP_LNKSTA_BANDWIDTH 0xc000 /* and Link Autonomous Bandwidth Status */
#define EXP_LNKCTL_TO_STATUS 4      /* from their enables in Link Control, bits 10 and 11 */
#define EXP_SLTCAP 0x14
#define EXP_SLTCAP_BUTTON 0x00000001
#define EXP_SLTCAP_POWER 0x00000002
#define EXP_SLTCAP_INDICATORS 0x00000018
#define EXP_SLTCAP_SURPRISE 0x00000020
#define EXP_SLTCAP_HOTPLUG 0x00000040
#define EXP_SLTCAP_NO_COMMAND 0x00040000
#define EXP_SLTCTL 0x18
#define EXP_SLT_EVENTS 0x001f /* enables of Slot Control, bits of Slot Status: but the last */
#define EXP_SLTCTL_HPIE 0x0020
#define EXP_SLTCTL_AIC 0x00c0 /* attention indicator off */
#define EXP_SLTCTL_PIC 0x0300
#define EXP_SLTCTL_PIC_ON 0x0100
#define EXP_SLTCTL_PIC_BLINK 0x0200
#define EXP_SLTCTL_PIC_OFF 0x0300
#define EXP_SLTCTL_POWER_OFF 0x0400
#define EXP_SLTCTL_DLLSCE 0x1000
#define EXP_SLTSTA 0x1a
#define EXP_SLTSTA_ABP 0x0001
#define EXP_SLTSTA_PDC 0x0008
#define EXP_SLTSTA_CC 0x0010
#define EXP_SLTSTA_PDS 0x0040
#define EXP_SLTSTA_DLLSC 0x0100
#define EXP_RTCTL 0x1c
#define EXP_RTCTL_PME_INTERRUPT 0x0008
#define EXP_RTCAP 0x1e
#define EXP_RTSTA 0x20 /* the sender's ID in 15:0 */
#define EXP_RTSTA_PME 0x00010000
#define EXP_RTSTA_PENDING 0x00020000
#define EXP_DEVCAP2 0x24
#define EXP_DEVCAP2_CTO_OFF 0x00000010
#define EXP_DEVCAP2_TAGS_10_BIT 0x00010000 /* completer */
#define EXP_DEVCAP2_EXT_FMT 0x00100000
#define EXP_DEVCTL2 0x28
#define EXP_LNKCAP2 0x2c
#define EXP_LNKCAP2_RETIMERS 0x01800000 /* presence of one, of two is detected */
#define EXP_LNKCTL2 0x30
#define EXP_LNKCTL2_SPEED 0x000f /* Target Link Speed */
#define EXP_LNKSTA2 0x32
#define EXP_LNKSTA2_FLIT 0x0400
#define EXP_LNKSTA2_PRESENCE 12 /* Downstream Component Presence, 14:12 */

/* 7.6.3 Extended capabilities: ID 15:0, version 19:16, next 31:20. */
#define PCI_EXT_CAPS 0x100
#define PCI_EXT_CAP_AER 0x0001
#define PCI_EXT_CAP_DSN 0x0003
#define PCI_EXT_CAP_ACS 0x000d
#define PCI_EXT_CAP_DPC 0x001d
#define PCI_EXT_CAP_DVSEC 0x0023
#define PCI_EXT_CAP_DOE 0x002e

/* 7.8.4 Advanced Error Reporting. */
#define AER_BYTES 0x48
#define AER_UNCOR_STATUS 0x04
#define AER_UNCOR_MASK 0x08
#define AER_UNCOR_SEVERITY 0x0c
#define AER_UNCOR_BITS 0x007ff030
#define AER_UNCOR_UNSUPPORTED 0x00100000
#define AER_COR_STATUS 0x10
#define AER_COR_MASK 0x14
#define AER_COR_BITS 0x0000f1c1
#define AER_COR_ADVISORY 0x00002000 /* Advisory Non-Fatal Error */
#define AER_CONTROL 0x18            /* First Error Pointer 4:0 */
#define AER_NO_ERROR 0              /* of that pointer: a status bit that never is */
#define AER_HEADER_LOG 0x1c
#define AER_ROOT_COMMAND 0x2c
#define AER_ROOT_STATUS 0x30
#define AER_ROOT_SOURCE 0x34
#define AER_ROOT_COR 0x01
#define AER_ROOT_COR_MULTI 0x02
#define AER_ROOT_UNCOR 0x04
#define AER_ROOT_UNCOR_MULTI 0x08
#define AER_ROOT_FIRST_FATAL 0x10
#define AER_ROOT_NONFATAL 0x20
#define AER_ROOT_FATAL 0x40

/* 7.7.8 Access Control Services. */
#define ACS_BYTES 8
#define ACS_CAP 0x04
#define ACS_CTRL 0x06
#define ACS_BITS 0x005f /* SV TB RR CR UF, DT */

/* 7.9.3 Device Serial Number. */
#define DSN_BYTES 0x0c

/* 7.9.6 DVSEC. */
#define DVSEC_HEADER1 0x04
#define DVSEC_HEADER2 0x08

/* [PCIe6 7.9.14] Downstream Port Containment; from RP PIO Status on with the RP Extensions only. */
#define DPC_BYTES 0x0c
#define DPC_BYTES_ROOT 0x30
#define DPC_CAP 0x04
#define DPC_CAP_RP_EXTENSIONS 0x0020
#define DPC_CAP_SOFTWARE 0x0080
#define DPC_CAP_LOG_SIZE_SHIFT 8 /* DWORDs of the RP PIO logs */
#define DPC_CAP_DL_ACTIVE 0x1000
#define DPC_CTRL 0x06
#define DPC_CTRL_TRIGGER 0x0003 /* 1: by ERR_FATAL, 2: by ERR_NONFATAL too; 0: off */
#define DPC_CTRL_NONFATAL 0x0002
#define DPC_CTRL_INTERRUPT 0x0008
#define DPC_CTRL_ERR_COR 0x0010
#define DPC_CTRL_SOFTWARE 0x0040 /* writing 1 triggers */
#define DPC_CTRL_DL_ACTIVE 0x0080
#define DPC_CTRL_RW 0x001f /* trigger, completion control, interrupt, ERR_COR */
#define DPC_STATUS 0x08    /* reason 2:1, extended reason 6:5, RP PIO First Error Pointer 12:8 */
#define DPC_STATUS_TRIGGERED 0x0001
#define DPC_STATUS_INTERRUPT 0x0008
#define DPC_SOURCE 0x0a
#define RP_PIO_NO_ERROR 0x1f00 /* of that pointer: bit 0 of the status is an error */
#define RP_PIO_STATUS 0x0c
#define RP_PIO_MASK 0x10
#define RP_PIO_SEVERITY 0x14
#define RP_PIO_SYSERROR 0x18
#define RP_PIO_EXCEPTION 0x1c
#define RP_PIO_HEADER_LOG 0x20
#define RP_PIO_CONFIG_UR 0x00000001
#define RP_PIO_IO_UR 0x00000100
#define RP_PIO_MEMORY_UR 0x00010000
#define RP_PIO_BITS 0x00070707 /* for each: Unsupported Request, Completer Abort, time-out */

/* [PCIe6 7.9.24] Data Object Exchange. */
#define DOE_BYTES 0x18
#define DOE_CAP 0x04
#define DOE_CTRL 0x08
#define DOE_CTRL_ABORT 0x00000001
#define DOE_CTRL_INTERRUPT 0x00000002
#define DOE_CTRL_ATTENTION_OFF 0x00000004 /* PCIe 6.1: attention not needed */
#define DOE_CTRL_ASYNC 0x00000008         /* PCIe 6.1: asynchronous messages */
#define DOE_CTRL_GO 0x80000000
#define DOE_STATUS 0x0c
#define DOE_STATUS_BUSY 0x00000001
#define DOE_STATUS_INTERRUPT 0x00000002
#define DOE_STATUS_ERROR 0x00000004
#define DOE_STATUS_READY 0x80000000
#define DOE_WRITE 0x10
#define DOE_READ 0x14
/* [PCIe6 6.30.1] Data object header: vendor 15:0 and type 23:16, then length 17:0 in DWORDs, 0 means 2^18. */
#define DOE_LENGTH_MASK 0x3ffff
#define DOE_DISCOVERY_VENDOR 0x0001
#define DOE_DISCOVERY_TYPE 0x00

#endif
