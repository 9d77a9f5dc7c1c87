/* SPDX-License-Identifier: BSD-2-Clause */
/* Constants and layouts of virtio 1.2, in spec order: no logic. [VIRTIO1.2] */
#ifndef VIRTIO_VIRTIO_SPEC_H
#define VIRTIO_VIRTIO_SPEC_H

/* 2.1 Device status. */
#define VIRTIO_ACKNOWLEDGE 0x01
#define VIRTIO_DRIVER 0x02
#define VIRTIO_DRIVER_OK 0x04
#define VIRTIO_FEATURES_OK 0x08
#define VIRTIO_NEEDS_RESET 0x40
#define VIRTIO_FAILED 0x80

/* 2.7.5 Split queue: descriptors of 16 bytes. */
#define DESC_BYTES 16
#define DESC_NEXT 0x1
#define DESC_WRITE 0x2
#define DESC_INDIRECT 0x4
/* 2.7.6, 2.7.8: both rings begin with flags and idx; entries of 2 and 8 bytes; then the event field. */
#define RING_FLAGS 0
#define RING_IDX 2
#define RING_ENTRIES 4
#define AVAIL_NO_INTERRUPT 0x1
#define QUEUE_SIZE_MAX 1024

/* 4.1.2 PCI discovery. */
#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_DEVICE_BASE 0x1040
/* 4.1.4 Vendor-specific capabilities: type, bar, offset, length. */
#define PCI_CAP_VENDOR 0x09
#define CAP_CFG_LEN 2
#define CAP_CFG_TYPE 3
#define CAP_CFG_BAR 4
#define CAP_CFG_OFFSET 8
#define CAP_CFG_LENGTH 12
#define CAP_CFG_DATA 16 /* also the notify multiplier */
#define CFG_COMMON 1
#define CFG_NOTIFY 2
#define CFG_ISR 3
#define CFG_DEVICE 4
#define CFG_PCI 5
/* 4.1.4.3 Common configuration. */
#define COMMON_DFSELECT 0x00
#define COMMON_DF 0x04
#define COMMON_GFSELECT 0x08
#define COMMON_GF 0x0c
#define COMMON_MSIX 0x10
#define COMMON_NUMQ 0x12
#define COMMON_STATUS 0x14
#define COMMON_GENERATION 0x15
#define COMMON_Q_SELECT 0x16
#define COMMON_Q_SIZE 0x18
#define COMMON_Q_MSIX 0x1a
#define COMMON_Q_ENABLE 0x1c
#define COMMON_Q_NOTIFY 0x1e
#define COMMON_Q_DESC 0x20
#define COMMON_Q_AVAIL 0x28
#define COMMON_Q_USED 0x30
#define COMMON_Q_DATA 0x38
#define COMMON_Q_RESET 0x3a
#define COMMON_BYTES 0x40
#define VIRTIO_NO_VECTOR 0xffff
/* 4.1.4.5 ISR. */
#define ISR_QUEUE 0x1
#define ISR_CONFIG 0x2

/* 4.2.2 MMIO register layout; 4.2.4: those of the legacy interface. */
#define MMIO_MAGIC 0x000
#define MMIO_VERSION 0x004
#define MMIO_DEVICE_ID 0x008
#define MMIO_VENDOR_ID 0x00c
#define MMIO_DEVICE_FEATURES 0x010
#define MMIO_DEVICE_FEATURES_SEL 0x014
#define MMIO_DRIVER_FEATURES 0x020
#define MMIO_DRIVER_FEATURES_SEL 0x024
#define MMIO_GUEST_PAGE_SIZE 0x028 /* legacy */
#define MMIO_QUEUE_SEL 0x030
#define MMIO_QUEUE_NUM_MAX 0x034
#define MMIO_QUEUE_NUM 0x038
#define MMIO_QUEUE_ALIGN 0x03c /* legacy */
#define MMIO_QUEUE_PFN 0x040   /* legacy */
#define MMIO_QUEUE_READY 0x044
#define MMIO_QUEUE_NOTIFY 0x050
#define MMIO_INTERRUPT_STATUS 0x060
#define MMIO_INTERRUPT_ACK 0x064
#define MMIO_STATUS 0x070
#define MMIO_QUEUE_DESC 0x080
#define MMIO_QUEUE_DRIVER 0x090
#define MMIO_QUEUE_DEVICE 0x0a0
#define MMIO_SHM_SEL 0x0ac
#define MMIO_SHM_LEN 0x0b0 /* length, then base: 64 bits each */
#define MMIO_QUEUE_RESET 0x0c0
#define MMIO_CONFIG_GENERATION 0x0fc
#define MMIO_CONFIG 0x100

/* 5 Device types. */
#define VIRTIO_ID_NET 1
#define VIRTIO_ID_BLOCK 2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_RNG 4
#define VIRTIO_ID_BALLOON 5
#define VIRTIO_ID_9P 9

/* 5.1 Network. The header's constants: host/net_frame.h. USO: virtio 1.3. */
#define NET_F_CSUM 0
#define NET_F_GUEST_CSUM 1
#define NET_F_CTRL_GUEST_OFFLOADS 2
#define NET_F_MTU 3
#define NET_F_MAC 5
#define NET_F_GUEST_TSO4 7
#define NET_F_GUEST_TSO6 8
#define NET_F_GUEST_ECN 9
#define NET_F_GUEST_UFO 10
#define NET_F_HOST_TSO4 11
#define NET_F_HOST_TSO6 12
#define NET_F_HOST_ECN 13
#define NET_F_HOST_UFO 14
#define NET_F_MRG_RXBUF 15
#define NET_F_STATUS 16
#define NET_F_CTRL_VQ 17
#define NET_F_CTRL_RX 18
#define NET_F_CTRL_VLAN 19
#define NET_F_CTRL_RX_EXTRA 20
#define NET_F_MQ 22
#define NET_F_CTRL_MAC_ADDR 23
#define NET_F_GUEST_USO4 54
#define NET_F_GUEST_USO6 55
#define NET_F_HOST_USO 56
#define NET_F_SPEED_DUPLEX 63
/* 5.1.4 Configuration. */
#define NET_MAC 0
#define NET_STATUS 6
#define NET_MAX_PAIRS 8
#define NET_MTU 10
#define NET_SPEED 12
#define NET_DUPLEX 16
#define NET_CONFIG_BYTES 24
#define NET_S_LINK_UP 1
/* 5.1.6.5 Control queue: class, command, data, acknowledgement. */
#define NET_CTRL_HEADER 2
#define NET_CTRL_OK 0
#define NET_CTRL_ERR 1
#define NET_CTRL_RX 0
#define NET_CTRL_RX_PROMISC 0
#define NET_CTRL_RX_ALLMULTI 1
#define NET_CTRL_RX_ALLUNI 2
#define NET_CTRL_RX_NOMULTI 3
#define NET_CTRL_RX_NOUNI 4
#define NET_CTRL_RX_NOBCAST 5
#define NET_CTRL_MAC 1
#define NET_CTRL_MAC_TABLE 0
#define NET_CTRL_MAC_ADDR 1
#define NET_CTRL_VLAN 2
#define NET_CTRL_VLAN_ADD 0
#define NET_CTRL_VLAN_DEL 1
#define NET_CTRL_MQ 4
#define NET_CTRL_MQ_PAIRS 0
#define NET_CTRL_OFFLOADS 5
#define NET_CTRL_OFFLOADS_SET 0

/* 5.2 Block. */
#define BLK_F_SEG_MAX 2
#define BLK_F_RO 5
#define BLK_F_BLK_SIZE 6
#define BLK_F_FLUSH 9
#define BLK_F_TOPOLOGY 10
#define BLK_F_CONFIG_WCE 11
#define BLK_F_MQ 12
#define BLK_F_DISCARD 13
#define BLK_F_WRITE_ZEROES 14
#define BLK_CAPACITY 0
#define BLK_SEG_MAX 12
#define BLK_BLK_SIZE 20
#define BLK_PHYSICAL_EXP 24
#define BLK_ALIGNMENT 25
#define BLK_MIN_IO 26
#define BLK_OPT_IO 28
#define BLK_WRITEBACK 32
#define BLK_NUM_QUEUES 34
#define BLK_MAX_DISCARD 36
#define BLK_DISCARD_SEG 40
#define BLK_DISCARD_ALIGN 44
#define BLK_MAX_ZEROES 48
#define BLK_ZEROES_SEG 52
#define BLK_ZEROES_UNMAP 56
#define BLK_CONFIG_BYTES 60
#define BLK_T_IN 0
#define BLK_T_OUT 1
#define BLK_T_FLUSH 4
#define BLK_T_GET_ID 8
#define BLK_T_DISCARD 11
#define BLK_T_WRITE_ZEROES 13
#define BLK_S_OK 0
#define BLK_S_IOERR 1
#define BLK_S_UNSUPP 2
#define BLK_HEADER_BYTES 16
#define BLK_ID_BYTES 20
#define BLK_RANGE_BYTES 16 /* of discard and write zeroes: sector, count, flags */
#define BLK_SECTOR 512

/* 5.3 Console. */
#define CONSOLE_F_MULTIPORT 1
#define CONSOLE_MAX_PORTS 4
#define CONSOLE_CONFIG_BYTES 12
#define CONSOLE_DEVICE_READY 0
#define CONSOLE_PORT_ADD 1
#define CONSOLE_PORT_REMOVE 2
#define CONSOLE_PORT_READY 3
#define CONSOLE_CONSOLE_PORT 4
#define CONSOLE_RESIZE 5
#define CONSOLE_PORT_OPEN 6
#define CONSOLE_PORT_NAME 7
#define CONSOLE_CONTROL_BYTES 8

/* 5.5 Memory balloon. Pages of 4 KiB. */
#define BALLOON_F_DEFLATE_ON_OOM 2
#define BALLOON_INFLATEQ 0
#define BALLOON_NUM_PAGES 0
#define BALLOON_ACTUAL 4
#define BALLOON_CONFIG_BYTES 8
#define BALLOON_PAGE_SHIFT 12

/* 6 Reserved feature bits. */
#define VIRTIO_F_ANY_LAYOUT 27 /* legacy */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_ACCESS_PLATFORM 33
#define VIRTIO_F_RING_RESET 40

#endif
