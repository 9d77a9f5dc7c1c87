/* SPDX-License-Identifier: BSD-2-Clause */
/* Constants and layouts of the GICv3 architecture, in the order of the specification's chapters; no logic. [IHI0069] */
#ifndef IRQ_GIC_SPEC_H
#define IRQ_GIC_SPEC_H

#include "base/bits.h"

/* INTIDs [IHI0069 INTIDs] */
enum {
	INTID_PPI = 16,
	INTID_SPI = 32,
	INTID_SPECIAL = 1020, /* 1020..1023 */
	INTID_NONE = 1023,
	INTID_LPI = 8192,
};

/* Frames */
#define GIC_FRAME_BYTES 0x10000u

/* Identification registers, the same offsets in every 64 KiB frame. Part numbers are Arm's for each kind of frame. */
#define GIC_PIDR4 0xffd0
#define GIC_IIDR 0x0000043bu /* implementer Arm, product 0, variant 0, revision 0 */

/* Distributor [IHI0069 GICD_*] */
#define GICD_CTLR 0x0000
#define GICD_TYPER 0x0004
#define GICD_IIDR 0x0008
#define GICD_TYPER2 0x000c
#define GICD_SETSPI_NSR 0x0040
#define GICD_CLRSPI_NSR 0x0048
#define GICD_IGROUPR 0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ISPENDR 0x0200
#define GICD_ICPENDR 0x0280
#define GICD_ISACTIVER 0x0300
#define GICD_ICACTIVER 0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR 0x0c00
#define GICD_IROUTER 0x6000

#define GICD_CTLR_ENABLE_GRP0 BIT(0)
#define GICD_CTLR_ENABLE_GRP1 BIT(1)
#define GICD_CTLR_ARE BIT(4)
#define GICD_CTLR_DS BIT(6)

#define GICD_TYPER_MBIS BIT(16)
#define GICD_TYPER_LPIS BIT(17)
#define GICD_TYPER_A3V BIT(24)

#define GICD_IROUTER_IRM BIT(31)
#define GICD_IROUTER_AFF (MASK(39, 32) | MASK(23, 0))

/* Redistributor: RD_base [IHI0069 GICR_*] */
#define GICR_CTLR 0x0000
#define GICR_IIDR 0x0004
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_PROPBASER 0x0070
#define GICR_PENDBASER 0x0078
#define GICR_INVLPIR 0x00a0
#define GICR_INVALLR 0x00b0
#define GICR_SYNCR 0x00c0

#define GICR_CTLR_ENABLE_LPIS BIT(0)
#define GICR_CTLR_CES BIT(1) /* EnableLPIs may be cleared */
#define GICR_CTLR_IR BIT(2)  /* INVLPIR, INVALLR and SYNCR exist */
#define GICR_CTLR_DPG0 BIT(24)
#define GICR_CTLR_DPG1NS BIT(25)

#define GICR_TYPER_PLPIS BIT(0)
#define GICR_TYPER_LAST BIT(4)
#define GICR_TYPER_DPGS BIT(5)

#define GICR_WAKER_PROCESSOR_SLEEP BIT(1)
#define GICR_WAKER_CHILDREN_ASLEEP BIT(2)

#define GICR_PROPBASER_PA MASK(51, 12)
#define GICR_PROPBASER_ATTR (MASK(58, 56) | MASK(11, 7))
#define GICR_PENDBASER_PA MASK(51, 16)
#define GICR_PENDBASER_PTZ BIT(62)
#define GICR_PENDBASER_ATTR (MASK(58, 56) | MASK(11, 7))

/* Redistributor: SGI_base, offsets within its frame; the rest as in the distributor */
#define GICR_SGI_BASE GIC_FRAME_BYTES

/* LPI configuration byte */
#define LPI_CONFIG_ENABLE BIT(0)
#define LPI_CONFIG_PRIORITY 0xf8u /* the bits we implement */

/* CPU interface [IHI0069 ICC_*] */
#define ICC_CTLR_CBPR BIT(0)
#define ICC_CTLR_EOIMODE BIT(1)
#define ICC_CTLR_A3V BIT(15)
#define ICC_SRE_ALL 7u /* SRE, DFB and DIB: no legacy operation */
#define ICC_SGIR_IRM BIT(40)
#define ICC_RPR_IDLE 0xffu

/* ITS [IHI0069 GITS_*] */
#define GITS_CTLR 0x0000
#define GITS_IIDR 0x0004
#define GITS_TYPER 0x0008
#define GITS_CBASER 0x0080
#define GITS_CWRITER 0x0088
#define GITS_CREADR 0x0090
#define GITS_BASER 0x0100
#define GITS_TRANSLATER 0x10040

#define GITS_CTLR_ENABLED BIT(0)
#define GITS_CTLR_QUIESCENT BIT(31)

#define GITS_TYPER_PHYSICAL BIT(0)

#define GITS_CBASER_VALID BIT(63)
#define GITS_CBASER_ATTR (MASK(61, 59) | MASK(55, 53) | MASK(11, 10))
#define GITS_CBASER_PA MASK(51, 12)
#define GITS_CBASER_SIZE MASK(7, 0)

#define GITS_CWRITER_RETRY BIT(0)
#define GITS_CREADR_STALLED BIT(0)
#define GITS_CMD_OFFSET MASK(19, 5)

#define GITS_BASER_VALID BIT(63)
#define GITS_BASER_INDIRECT BIT(62)
#define GITS_BASER_PAGE_64K (2ull << 8)
#define GITS_BASER_RW (BIT(63) | BIT(62) | MASK(61, 59) | MASK(55, 53) | MASK(47, 0))
enum { GITS_BASER_TYPE_DEVICE = 1, GITS_BASER_TYPE_COLLECTION = 4 };

#define ITS_COMMAND_BYTES 32
enum its_command {
	ITS_MOVI = 0x01,
	ITS_INT = 0x03,
	ITS_CLEAR = 0x04,
	ITS_SYNC = 0x05,
	ITS_MAPD = 0x08,
	ITS_MAPC = 0x09,
	ITS_MAPTI = 0x0a,
	ITS_MAPI = 0x0b,
	ITS_INV = 0x0c,
	ITS_INVALL = 0x0d,
	ITS_MOVALL = 0x0e,
	ITS_DISCARD = 0x0f,
};

/* Peripheral and component identification registers of a frame; `part` is its 12-bit part number. */
/* clang-format off */
#define GIC_ID_ROWS(part)                                                                                              \
	R32(0xffd0, PIDR4, 0x44, 0), R32(0xffd4, PIDR5, 0, 0), R32(0xffd8, PIDR6, 0, 0), R32(0xffdc, PIDR7, 0, 0),     \
		R32(0xffe0, PIDR0, (part) & 0xff, 0), R32(0xffe4, PIDR1, 0xb0 | (part) >> 8, 0),                       \
		R32(0xffe8, PIDR2, 0x3b, 0), R32(0xffec, PIDR3, 0, 0), R32(0xfff0, CIDR0, 0x0d, 0),                    \
		R32(0xfff4, CIDR1, 0xf0, 0), R32(0xfff8, CIDR2, 0x05, 0), R32(0xfffc, CIDR3, 0xb1, 0)
/* clang-format on */

#endif
