/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What /dev/pcidoe/doe[BDF]_OFFSET understands: one ioctl, an exchange of one data object. Lengths are in bytes,
 * multiples of 4, without the two DWORDs of header; the driver adds those. On return response_bytes is what came, of
 * which at most what was given has been copied.
 */
#ifndef PCIDOE_H
#define PCIDOE_H

#include <linux/ioctl.h>
#include <linux/types.h>

struct pcidoe_exchange {
	__u16 vendor;
	__u8 type;
	__u8 reserved[5]; /* 0 */
	__u64 request;    /* address */
	__u64 response;   /* address */
	__u32 request_bytes;
	__u32 response_bytes;
};
#define PCIDOE_EXCHANGE _IOWR(0xdc, 1, struct pcidoe_exchange)

#endif
