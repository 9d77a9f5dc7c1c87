/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net's control queue: receive filters, addresses, VLANs, queue pairs, offloads. [VIRTIO1.2 5.1.6.5] A command
 * is copied out of guest memory once and its length checked against its row; what is not negotiated, unknown or of a
 * wrong length is answered with an error.
 */
#include <string.h>

#include "base/bits.h"
#include "base/trace.h"
#include "virtio/net.h"

#define COMMAND_BYTES_MAX (2 * (4 + 4096 * NET_MAC_BYTES))

void net_filter_reset(struct virtio_net *net)
{
	memset(&net->filter, 0, sizeof(net->filter));
	/* Without the command there is no filter, so everything passes; with it, what is for us. [VIRTIO1.2 5.1.6.5.1]
	 */
	net->filter.promiscuous = true;
	/* VLANs are filtered from the moment on that the feature is accepted. */
	memset(net->filter.vlans, virtio_has(&net->virtio, NET_F_CTRL_VLAN) ? 0 : 0xff, sizeof(net->filter.vlans));
}

static bool listed(const u8 (*list)[NET_MAC_BYTES], u32 count, const u8 *address)
{
	for (u32 i = 0; i < count; i++)
		if (!memcmp(list[i], address, NET_MAC_BYTES))
			return true;
	return false;
}

bool net_filter_passes(const struct virtio_net *net, const u8 *ethernet, size_t size)
{
	static const u8 broadcast[NET_MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct net_filter *f = &net->filter;

	if (f->promiscuous)
		return true;
	if (size >= ETHERNET_HEADER + 4 && ethernet[12] == 0x81 && ethernet[13] == 0x00) {
		u16 vlan = (u16)((ethernet[14] & 15) << 8 | ethernet[15]);

		if (!(f->vlans[vlan / 64] >> (vlan % 64) & 1))
			return false;
	}
	if (!memcmp(ethernet, broadcast, NET_MAC_BYTES))
		return !f->no_broadcast;
	if (ethernet[0] & 1)
		return !f->no_multicast && (f->all_multicast || f->multicast_overflow ||
					    listed(f->multicast, f->multicast_count, ethernet));
	return !f->no_unicast &&
	       (f->all_unicast || f->unicast_overflow || !memcmp(net->address, ethernet, NET_MAC_BYTES) ||
		listed(f->unicast, f->unicast_count, ethernet));
}

/* One list of the address table: a count, and so many addresses. Returns what it took of `size`, 0: malformed. */
static u32 table_read(const u8 *data, u32 size, u8 (*list)[NET_MAC_BYTES], u32 *count, bool *overflow)
{
	u32 entries = size >= 4 ? (u32)load_le(data, 4) : 0;

	if (size < 4 || entries > (size - 4) / NET_MAC_BYTES)
		return 0;
	*overflow = entries > NET_MACS_MAX;
	*count = *overflow ? 0 : entries;
	memcpy(list, data + 4, *count * NET_MAC_BYTES);
	return 4 + entries * NET_MAC_BYTES;
}

static bool set_table(struct virtio_net *net, const u8 *data, u32 size)
{
	struct net_filter next = net->filter;
	u32 first = table_read(data, size, next.unicast, &next.unicast_count, &next.unicast_overflow);

	if (!first || table_read(data + first, size - first, next.multicast, &next.multicast_count,
				 &next.multicast_overflow) != size - first)
		return false;
	net->filter = next;
	return true;
}

static bool set_mode(struct virtio_net *net, u8 command, bool on)
{
	struct net_filter *f = &net->filter;
	bool *const modes[] = {&f->promiscuous,  &f->all_multicast, &f->all_unicast,
			       &f->no_multicast, &f->no_unicast,    &f->no_broadcast};

	if (command >= ARRAY_SIZE(modes) ||
	    (command > NET_CTRL_RX_ALLMULTI && !virtio_has(&net->virtio, NET_F_CTRL_RX_EXTRA)))
		return false;
	*modes[command] = on;
	return true;
}

static bool set_address(struct virtio_net *net, const u8 *data)
{
	memcpy(net->address, data, NET_MAC_BYTES);
	memcpy(net->virtio.config + NET_MAC, data, NET_MAC_BYTES);
	return true;
}

static bool set_vlan(struct virtio_net *net, bool add, u16 vlan)
{
	if (vlan >= 4096)
		return false;
	net->filter.vlans[vlan / 64] = deposit(net->filter.vlans[vlan / 64], vlan % 64, vlan % 64, add);
	return true;
}

static bool set_pairs(struct virtio_net *net, u16 pairs)
{
	if (!pairs || pairs > net->pairs_max)
		return false;
	net->pairs = pairs;
	memset(net->steering, 0, sizeof(net->steering));
	return true;
}

static bool set_offloads(struct virtio_net *net, u64 features)
{
	if (features & ~(net->virtio.features & net_offload_features))
		return false;
	net_offloads_set(net, features);
	return true;
}

static bool execute(struct virtio_net *net, u8 class, u8 command, const u8 *data, u32 size)
{
	static const struct {
		u8 class, feature;
		u32 bytes; /* 0: checked by the command */
	} classes[] = {{NET_CTRL_RX, NET_F_CTRL_RX, 1},
		       {NET_CTRL_MAC, NET_F_CTRL_RX, 0},
		       {NET_CTRL_VLAN, NET_F_CTRL_VLAN, 2},
		       {NET_CTRL_MQ, NET_F_MQ, 2},
		       {NET_CTRL_OFFLOADS, NET_F_CTRL_GUEST_OFFLOADS, 8}};
	bool known = false;

	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		u8 feature = classes[i].feature;

		if (classes[i].class != class)
			continue;
		if (class == NET_CTRL_MAC && command == NET_CTRL_MAC_ADDR)
			feature = NET_F_CTRL_MAC_ADDR;
		known = virtio_has(&net->virtio, feature) && (!classes[i].bytes || classes[i].bytes == size);
	}
	if (!known)
		return false;
	switch (class) {
	case NET_CTRL_RX: return set_mode(net, command, data[0]);
	case NET_CTRL_MAC:
		return command == NET_CTRL_MAC_TABLE ?
			       set_table(net, data, size) :
			       command == NET_CTRL_MAC_ADDR && size == NET_MAC_BYTES && set_address(net, data);
	case NET_CTRL_VLAN:
		return command <= NET_CTRL_VLAN_DEL &&
		       set_vlan(net, command == NET_CTRL_VLAN_ADD, (u16)load_le(data, 2));
	case NET_CTRL_MQ: return command == NET_CTRL_MQ_PAIRS && set_pairs(net, (u16)load_le(data, 2));
	default: return command == NET_CTRL_OFFLOADS_SET && set_offloads(net, load_le(data, 8));
	}
}

void net_control_notified(struct virtio_net *net, struct virtq *queue)
{
	struct virtio *virtio = &net->virtio;

	/* The frame buffer is free between frames. */
	_Static_assert(COMMAND_BYTES_MAX <= FRAME_MAX, "a command fits the work space");
	for (u32 taken = 0; virtq_take(queue, net->chain, &taken);) {
		u64 size = net->chain->out_bytes;
		u8 answer = NET_CTRL_ERR;

		if (size < NET_CTRL_HEADER || !net->chain->in_bytes) {
			virtio_broken(virtio, "a control command without a header or an acknowledgement");
			break;
		}
		if (size <= COMMAND_BYTES_MAX && virtq_read(virtio, net->chain, 0, net->frame, size) &&
		    execute(net, net->frame[0], net->frame[1], net->frame + NET_CTRL_HEADER,
			    (u32)size - NET_CTRL_HEADER))
			answer = NET_CTRL_OK;
		trace(VIRTIO, "%s: control class %u command %u: %s", dev_name(&virtio->dev), net->frame[0],
		      net->frame[1], answer == NET_CTRL_OK ? "done" : "refused");
		virtq_write(virtio, net->chain, 0, &answer, 1);
		virtq_push(queue, net->chain, 1);
	}
	virtq_signal(queue);
}
