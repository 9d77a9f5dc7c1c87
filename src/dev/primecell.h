/* SPDX-License-Identifier: BSD-2-Clause */
/* Identification registers of Arm PrimeCells: the part number and revision are in PeriphID, the rest is the same. */
#ifndef DEV_PRIMECELL_H
#define DEV_PRIMECELL_H

#include "mem/reg.h"

#define PRIMECELL_BYTES 0x1000

/* clang-format off */
#define PRIMECELL_ID_ROWS(part, revision)                                                                              \
	R32(0xfe0, PeriphID0, (part) & 0xff, 0), R32(0xfe4, PeriphID1, 0x10 | (part) >> 8, 0),                         \
		R32(0xfe8, PeriphID2, (revision) << 4 | 4, 0), R32(0xfec, PeriphID3, 0, 0),                            \
		R32(0xff0, PCellID0, 0x0d, 0), R32(0xff4, PCellID1, 0xf0, 0), R32(0xff8, PCellID2, 0x05, 0),           \
		R32(0xffc, PCellID3, 0xb1, 0)
/* clang-format on */

#endif
