/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net's own state, of its data path (net.c) and its control queue (net_control.c). Under the machine lock. */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include "host/host.h"
#include "host/net_frame.h"
#include "virtio/device.h"

#define NET_PAIRS_MAX 16
#define NET_MACS_MAX 64
#define NET_FLOWS 256
#define NET_MAC_BYTES 6

/* Receive filtering [VIRTIO1.2 5.1.6.5.1 to 5.1.6.5.3]: as after a reset, everything for us, the group and all passes.
 */
struct net_filter {
	bool promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
	bool unicast_overflow, multicast_overflow; /* more addresses than we keep: all of the kind pass */
	u32 unicast_count, multicast_count;
	u8 unicast[NET_MACS_MAX][NET_MAC_BYTES], multicast[NET_MACS_MAX][NET_MAC_BYTES];
	u64 vlans[4096 / 64];
};

struct virtio_net {
	struct virtio virtio;
	/* properties */
	char *netdev_id, *tx;
	u8 mac[NET_MAC_BYTES];
	u32 bootindex, speed, duplex;
	u16 host_mtu, rx_queue_size, tx_queue_size;
	bool mq, csum, guest_csum, gso, guest_tso4, guest_tso6, guest_ecn, guest_ufo, guest_uso4, guest_uso6, host_tso4,
		host_tso6, host_ecn, host_ufo, host_uso, mrg_rxbuf, status, ctrl_vq, ctrl_rx, ctrl_vlan, ctrl_rx_extra,
		ctrl_mac_addr, ctrl_guest_offloads, rss, hash, failover;
	/* place */
	struct netdev *netdev; /* NULL: nothing at the other end */
	u16 pairs_max;
	/* guest-visible state */
	u8 address[NET_MAC_BYTES]; /* that we answer to */
	u16 pairs;                 /* in use */
	u32 offloads;              /* that the guest takes */
	struct net_filter filter;
	u8 steering[NET_FLOWS]; /* the pair on which a flow was sent last */
	/* work space */
	struct virtq_chain *chain;
	u32 sending;              /* transmit queues that wait for room on the wire, one bit each */
	bool is_sending, was_cut; /* was_cut: the wire, amid a row */
	u64 dropped;
	u8 frame[FRAME_MAX];
};

/* net_control.c */
void net_filter_reset(struct virtio_net *net);
bool net_filter_passes(const struct virtio_net *net, const u8 *ethernet, size_t size);
void net_control_notified(struct virtio_net *net, struct virtq *queue);
/* net.c */
void net_offloads_set(struct virtio_net *net, u64 features);
extern const u64 net_offload_features;

#endif
