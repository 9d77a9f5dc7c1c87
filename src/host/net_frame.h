/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame between a network device and what is behind it: virtio-net's header [VIRTIO1.2 5.1.6], then Ethernet from the
 * destination address on. And how frames travel between cxlvm and cxlvm-net: a stream of messages, each a 4-byte
 * big-endian length and so many bytes; with the highest bit of the length set it is a line of text (a command, or the
 * answer to one).
 */
#ifndef HOST_NET_FRAME_H
#define HOST_NET_FRAME_H

/* Little-endian fields of the header. */
#define FRAME_FLAGS 0
#define FRAME_GSO_TYPE 1
#define FRAME_HDR_LEN 2
#define FRAME_GSO_SIZE 4
#define FRAME_CSUM_START 6
#define FRAME_CSUM_OFFSET 8
#define FRAME_NUM_BUFFERS 10
#define FRAME_HEADER 12
#define FRAME_NEEDS_CSUM 0x1
#define FRAME_DATA_VALID 0x2
#define GSO_NONE 0
#define GSO_TCPV4 1
#define GSO_UDP 3
#define GSO_TCPV6 4
#define GSO_UDP_L4 5
#define GSO_ECN 0x80

#define ETHERNET_HEADER 14
#define ETHERNET_MAX (65535 + 18) /* an IP packet of the largest size, with a VLAN tag */
#define FRAME_MAX (FRAME_HEADER + ETHERNET_MAX)

#define MESSAGE_PREFIX 4
#define MESSAGE_TEXT 0x80000000u
#define MESSAGE_TEXT_MAX 65536 /* some 800 connections */

/* What a side takes, of what the other may leave undone: bits of the command "offloads". */
#define OFFLOAD_CSUM 0x01
#define OFFLOAD_TSO4 0x02
#define OFFLOAD_TSO6 0x04
#define OFFLOAD_ECN 0x08
#define OFFLOAD_UFO 0x10
#define OFFLOAD_USO4 0x20
#define OFFLOAD_USO6 0x40

#endif
