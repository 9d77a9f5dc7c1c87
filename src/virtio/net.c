/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net: a network card. [VIRTIO1.2 5.1]
 *
 * Queues: receive and transmit of pair 0, of pair 1 and so on, then the control queue. All runs under the machine lock:
 * a notified transmit queue is drained in the vCPU's thread, each frame copied out of guest memory once and given to
 * the wire (host/net.c) in rows; what comes from the wire is copied into receive buffers in the loop thread. When the
 * wire has no room the chains stay in the ring, and when the ring has no buffers the frames stay on the wire, so
 * neither side grows.
 *
 * A receive frame goes to the pair on which its flow was last sent (automatic receive steering, 5.1.6.5.5). With
 * mergeable buffers a frame spans as many as it needs; the driver sees all of them at once.
 */
#include "virtio/net.h"

#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"

#define QUEUE_SIZE 256
#define CONTROL_SIZE 64
#define SPEED_UNKNOWN 0xffffffffu
#define DUPLEX_UNKNOWN 2
#define MTU_MIN 68

const u64 net_offload_features = BIT(NET_F_GUEST_CSUM) | BIT(NET_F_GUEST_TSO4) | BIT(NET_F_GUEST_TSO6) |
				 BIT(NET_F_GUEST_ECN) | BIT(NET_F_GUEST_UFO) | BIT(NET_F_GUEST_USO4) |
				 BIT(NET_F_GUEST_USO6);

/* What the wire can leave undone or take undone, and the features that say so. */
static const struct {
	u8 guest, host;
	u32 offload;
} offload_rows[] = {
	{NET_F_GUEST_CSUM, NET_F_CSUM, OFFLOAD_CSUM},      {NET_F_GUEST_TSO4, NET_F_HOST_TSO4, OFFLOAD_TSO4},
	{NET_F_GUEST_TSO6, NET_F_HOST_TSO6, OFFLOAD_TSO6}, {NET_F_GUEST_ECN, NET_F_HOST_ECN, OFFLOAD_ECN},
	{NET_F_GUEST_UFO, NET_F_HOST_UFO, OFFLOAD_UFO},    {NET_F_GUEST_USO4, NET_F_HOST_USO, OFFLOAD_USO4},
	{NET_F_GUEST_USO6, NET_F_HOST_USO, OFFLOAD_USO6},
};

static struct virtio_net *to_net(struct virtio *virtio)
{
	return container_of(virtio, struct virtio_net, virtio);
}

/* [VIRTIO1.2 5.1.2] Behind the pairs that the driver knows of. */
static u32 control_index(const struct virtio_net *net)
{
	return virtio_has(&net->virtio, NET_F_MQ) ? 2u * net->pairs_max : 2;
}

void net_offloads_set(struct virtio_net *net, u64 features)
{
	net->offloads = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(offload_rows); i++)
		if (features & BIT(offload_rows[i].guest))
			net->offloads |= offload_rows[i].offload;
	if (net->netdev)
		netdev_set_offloads(net->netdev, net->offloads);
}

/* Which flow a frame is of, the same in both directions: addresses and ports added up. */
static u8 flow_of(const u8 *ethernet, size_t size)
{
	size_t at = ETHERNET_HEADER, addresses, ports;
	u32 sum = 0;

	if (size < ETHERNET_HEADER + 44)
		return 0;
	if (ethernet[12] == 0x08 && ethernet[13] == 0x00) {
		addresses = at + 12;
		ports = at + (ethernet[at] & 15) * 4u;
		sum = (u32)load_le(ethernet + addresses, 4) + (u32)load_le(ethernet + addresses + 4, 4);
	} else if (ethernet[12] == 0x86 && ethernet[13] == 0xdd) {
		ports = at + 40;
		for (addresses = at + 8; addresses < ports; addresses += 4)
			sum += (u32)load_le(ethernet + addresses, 4);
	} else {
		return 0;
	}
	if (ports + 4 <= size)
		sum += (u32)load_le(ethernet + ports, 2) + (u32)load_le(ethernet + ports + 2, 2);
	return (u8)(sum ^ sum >> 8 ^ sum >> 16 ^ sum >> 24);
}

/* The guest's header: legacy drivers leave the count out that mergeable buffers need. [VIRTIO1.2 5.1.6.1] */
static u32 header_bytes(const struct virtio_net *net)
{
	return virtio_has(&net->virtio, VIRTIO_F_VERSION_1) || virtio_has(&net->virtio, NET_F_MRG_RXBUF) ?
		       FRAME_HEADER :
		       FRAME_NUM_BUFFERS;
}

/* --- From the guest --- */

/* The header says only what was negotiated, and of this frame: checked here, once. */
static bool header_is_ok(const struct virtio_net *net, const u8 *frame, size_t size)
{
	u8 kind = frame[FRAME_GSO_TYPE] & (u8)~GSO_ECN;
	static const u8 feature[] = {[GSO_TCPV4] = NET_F_HOST_TSO4,
				     [GSO_UDP] = NET_F_HOST_UFO,
				     [GSO_TCPV6] = NET_F_HOST_TSO6,
				     [GSO_UDP_L4] = NET_F_HOST_USO};

	if ((frame[FRAME_FLAGS] & FRAME_NEEDS_CSUM) &&
	    (!virtio_has(&net->virtio, NET_F_CSUM) ||
	     FRAME_HEADER + load_le(frame + FRAME_CSUM_START, 2) + load_le(frame + FRAME_CSUM_OFFSET, 2) + 2 > size))
		return false;
	if (kind == GSO_NONE)
		return size <= FRAME_HEADER + ETHERNET_MAX;
	return kind < ARRAY_SIZE(feature) && feature[kind] && virtio_has(&net->virtio, feature[kind]) &&
	       load_le(frame + FRAME_GSO_SIZE, 2) && (frame[FRAME_FLAGS] & FRAME_NEEDS_CSUM);
}

static void transmit_one(struct virtio_net *net, u16 pair)
{
	struct virtio *virtio = &net->virtio;
	u32 header = header_bytes(net);
	u64 size = net->chain->out_bytes - header + FRAME_HEADER;
	u8 *frame = net->frame;

	if (net->chain->out_bytes < header + ETHERNET_HEADER || size > FRAME_MAX ||
	    !virtq_read(virtio, net->chain, 0, frame, header) ||
	    !virtq_read(virtio, net->chain, header, frame + FRAME_HEADER, size - FRAME_HEADER) ||
	    !header_is_ok(net, frame, size)) {
		guest_error(VIRTIO_FRAME, "%s: a frame of %llu bytes to send is malformed, and dropped",
			    dev_name(&virtio->dev), (unsigned long long)size);
		return;
	}
	frame[FRAME_FLAGS] &= FRAME_NEEDS_CSUM;
	if (net->pairs > 1)
		net->steering[flow_of(frame + FRAME_HEADER, size - FRAME_HEADER)] = (u8)pair;
	if (net->netdev)
		netdev_send(net->netdev, frame, size);
}

static bool wire_has_room(struct virtio_net *net)
{
	if (!net->netdev || netdev_has_room(net->netdev))
		return true;
	netdev_flush(net->netdev);
	return netdev_has_room(net->netdev);
}

/* Everything that the driver made available, while the wire has room. */
static void transmit(struct virtio_net *net, struct virtq *queue)
{
	u16 pair = queue->index / 2;

	for (u32 taken = 0;;) {
		if (!wire_has_room(net)) {
			net->sending |= 1u << pair;
			break;
		}
		if (!virtq_take(queue, net->chain, &taken))
			break;
		transmit_one(net, pair);
		virtq_push(queue, net->chain, 0);
	}
	virtq_signal(queue);
}

static void wire_writable(void *opaque);

static void transmit_row(struct virtio_net *net, struct virtq *queue)
{
	if (net->is_sending)
		return;
	net->is_sending = true;
	transmit(net, queue);
	if (net->netdev)
		netdev_flush(net->netdev);
	net->is_sending = false;
	if (net->was_cut)
		wire_writable(net);
}

static void wire_writable(void *opaque)
{
	struct virtio_net *net = opaque;
	u32 waiting = net->sending;

	/* Cut amid a row: those that wait follow it. */
	net->was_cut = net->is_sending;
	if (net->is_sending)
		return;
	net->sending = 0;
	for (u16 pair = 0; pair < net->pairs_max; pair++)
		if (waiting >> pair & 1)
			transmit_row(net, &net->virtio.queues[2 * pair + 1]);
}

/* --- To the guest --- */

/* A frame that leaves undone what the guest did not accept: only on its way while that changed. */
static bool header_is_taken(const struct virtio_net *net, const u8 *frame)
{
	static const u32 wanted[] = {[GSO_TCPV4] = OFFLOAD_TSO4,
				     [GSO_UDP] = OFFLOAD_UFO,
				     [GSO_TCPV6] = OFFLOAD_TSO6,
				     [GSO_UDP_L4] = OFFLOAD_USO4 | OFFLOAD_USO6};
	u8 kind = frame[FRAME_GSO_TYPE] & (u8)~GSO_ECN;

	if ((frame[FRAME_FLAGS] & (FRAME_NEEDS_CSUM | FRAME_DATA_VALID)) && !(net->offloads & OFFLOAD_CSUM))
		return !(frame[FRAME_FLAGS] & FRAME_NEEDS_CSUM) && !kind;
	return kind == GSO_NONE || (kind < ARRAY_SIZE(wanted) && (net->offloads & wanted[kind]));
}

/* Where byte `offset` of a chain's in-part is; it has so many. */
static u64 in_address(const struct virtq_chain *chain, u64 offset)
{
	const struct virtq_segment *segment = chain->segments + chain->out_count;

	for (; offset >= segment->length; segment++)
		offset -= segment->length;
	return segment->pa + offset;
}

/* Writes a frame into as many chains as it needs; false, and nothing happened, if there are not enough. */
static bool receive_into(struct virtio_net *net, struct virtq *queue, const u8 *frame, size_t size)
{
	struct virtio *virtio = &net->virtio;
	bool mergeable = virtio_has(virtio, NET_F_MRG_RXBUF);
	u32 header_size = header_bytes(net);
	u8 header[FRAME_HEADER];
	u64 count_at[2] = {0}; /* its bytes may be in two buffers */
	size_t done = 0;
	u16 count = 0;

	size -= FRAME_HEADER - header_size; /* in the guest's buffers from now on */
	memcpy(header, frame, FRAME_HEADER);
	if (!(net->offloads & OFFLOAD_CSUM))
		header[FRAME_FLAGS] = 0;
	while (done < size) {
		u64 part;

		if (!virtq_pop(queue, net->chain)) {
			virtq_untake(queue, count);
			return count == queue->size; /* it would never fit: dropped */
		}
		part = MIN(size - done, net->chain->in_bytes);
		if (!part || (!mergeable && part < size) || (!done && part < header_size)) {
			/* A buffer that cannot hold a frame: given back empty, and the frame with it. */
			guest_error(VIRTIO_BUFFER, "%s: a receive buffer of %llu bytes is too small",
				    dev_name(&virtio->dev), (unsigned long long)net->chain->in_bytes);
			virtq_untake(queue, count + 1);
			if (virtq_pop(queue, net->chain))
				virtq_push(queue, net->chain, 0);
			return true;
		}
		if (!done) {
			store_le(header + FRAME_NUM_BUFFERS, 2, 1);
			virtq_write(virtio, net->chain, 0, header, header_size);
			virtq_write(virtio, net->chain, header_size, frame + FRAME_HEADER, part - header_size);
			for (unsigned i = 0; i < 2 && part < size; i++) /* it is known at the end */
				count_at[i] = in_address(net->chain, FRAME_NUM_BUFFERS + i);
		} else {
			virtq_write(virtio, net->chain, 0, frame + FRAME_HEADER - header_size + done, part);
		}
		virtq_fill(queue, count++, net->chain->head, (u32)part);
		done += part;
	}
	for (unsigned i = 0; i < 2 && count > 1; i++) {
		u8 byte = (u8)(count >> 8 * i);

		virtio_dma_write(virtio, count_at[i], &byte, 1);
	}
	virtq_publish(queue, count);
	return true;
}

static bool wire_receive(void *opaque, const u8 *frame, size_t size)
{
	struct virtio_net *net = opaque;
	const u8 *ethernet = frame + FRAME_HEADER;
	struct virtq *queue;
	u8 pair = 0;

	if (!virtio_is_live(&net->virtio) || !header_is_taken(net, frame) ||
	    !net_filter_passes(net, ethernet, size - FRAME_HEADER)) {
		net->dropped++;
		return true;
	}
	if (net->pairs > 1)
		pair = net->steering[flow_of(ethernet, size - FRAME_HEADER)];
	queue = &net->virtio.queues[2 * (pair < net->pairs ? pair : 0)];
	if (!queue->enabled) {
		net->dropped++;
		return true;
	}
	return receive_into(net, queue, frame, size) || !virtio_is_live(&net->virtio);
}

static void wire_received(void *opaque)
{
	struct virtio_net *net = opaque;

	for (u16 pair = 0; pair < net->pairs; pair++)
		virtq_signal(&net->virtio.queues[2 * pair]);
}

static void link_set(struct virtio_net *net, bool up)
{
	store_le(net->virtio.config + NET_STATUS, 2, net->status && up ? NET_S_LINK_UP : 0);
}

static void wire_link(void *opaque, bool up)
{
	struct virtio_net *net = opaque;

	link_set(net, up);
	if (up)
		netdev_set_offloads(net->netdev, net->offloads);
	if (virtio_has(&net->virtio, NET_F_STATUS))
		virtio_config_changed(&net->virtio);
}

static const struct netdev_peer wire_peer = {
	.receive = wire_receive,
	.received = wire_received,
	.writable = wire_writable,
	.link = wire_link,
};

/* --- The device --- */

static void net_notified(struct virtio *virtio, struct virtq *queue)
{
	struct virtio_net *net = to_net(virtio);

	if (queue->index == control_index(net))
		net_control_notified(net, queue);
	else if (queue->index >= control_index(net))
		guest_error(VIRTIO_NOTIFY, "%s: queue %u is none", dev_name(&virtio->dev), queue->index);
	else if (queue->index & 1)
		transmit_row(net, queue);
	else if (net->netdev)
		netdev_kick(net->netdev);
}

static void net_type_reset(struct virtio *virtio)
{
	struct virtio_net *net = to_net(virtio);

	net->pairs = 1;
	net->sending = 0;
	memcpy(net->address, net->mac, NET_MAC_BYTES);
	memcpy(virtio->config + NET_MAC, net->mac, NET_MAC_BYTES);
	memset(net->steering, 0, sizeof(net->steering));
	net_offloads_set(net, 0);
}

/* The frame that waited for the last driver's room is the last driver's. */
static void net_cleared(struct virtio *virtio)
{
	if (to_net(virtio)->netdev)
		netdev_kick(to_net(virtio)->netdev);
}

static void net_driver_ok(struct virtio *virtio)
{
	struct virtio_net *net = to_net(virtio);

	net_filter_reset(net);
	net_offloads_set(net, virtio->features & net_offload_features);
	/* A driver that says where it filters is asked to. */
	if (virtio_has(virtio, NET_F_CTRL_RX))
		net->filter.promiscuous = false;
}

/* [VIRTIO1.2 5.1.4.3] */
static void net_config_written(struct virtio *virtio, u32 offset, u8 value)
{
	if (virtio->legacy && offset < NET_MAC + NET_MAC_BYTES)
		to_net(virtio)->address[offset - NET_MAC] = virtio->config[offset] = value;
}

static const struct virtio_type net_type = {
	.id = VIRTIO_ID_NET,
	.name = "net",
	.class_code = 0x020000,
	.config_bytes = NET_CONFIG_BYTES,
	.queue_notified = net_notified,
	.reset = net_type_reset,
	.cleared = net_cleared,
	.driver_ok = net_driver_ok,
	.config_written = net_config_written,
};

/* --- Life --- */

struct used_macs {
	const struct virtio_net *net;
	bool taken[256];
};

static bool find_macs(struct dev *dev, void *arg)
{
	static const u8 family[5] = {0x52, 0x54, 0x00, 0x12, 0x34};
	const struct virtio_net *other = container_of(dev, struct virtio_net, virtio.dev);
	struct used_macs *used = arg;

	if ((dev->cls == &virtio_net_pci_class || dev->cls == &virtio_net_device_class) && other != used->net &&
	    !memcmp(other->mac, family, sizeof(family)))
		used->taken[other->mac[5]] = true;
	return true;
}

/* QEMU's: 52:54:00:12:34:56 and on, the first that is free. */
static bool mac_default(struct virtio_net *net, struct machine *machine, struct error *err)
{
	struct used_macs used = {.net = net};

	machine_each_device(machine, find_macs, &used);
	for (unsigned n = 0x56; n < 256; n++)
		if (!used.taken[n]) {
			memcpy(net->mac, (const u8[]){0x52, 0x54, 0x00, 0x12, 0x34, (u8)n}, NET_MAC_BYTES);
			return true;
		}
	return fail(err, "%s: no address is left of those that are given out; write mac=", dev_name(&net->virtio.dev));
}

static bool queue_size_ok(const char *name, const char *key, u16 size, struct error *err)
{
	return (size >= 64 && size <= QUEUE_SIZE_MAX && is_power_of_2(size)) ||
	       fail(err, "%s: %s=%u is not a power of two in 64..%d", name, key, size, QUEUE_SIZE_MAX);
}

static bool properties_check(struct virtio_net *net, struct error *err)
{
	const char *name = dev_name(&net->virtio.dev);

	if (net->rss || net->hash)
		return fail(
			err,
			"%s: %s=on: not built; frames are steered to the queue on which their flow was sent; leave it out",
			name, net->rss ? "rss" : "hash");
	if (net->failover)
		return fail(err, "%s: failover=on: not built; leave it out", name);
	if (net->tx && strcmp(net->tx, "bh") && strcmp(net->tx, "timer"))
		return fail(err, "%s: tx=%s: write bh or timer (taken, without effect), or leave it out", name,
			    net->tx);
	if (net->host_mtu && net->host_mtu < MTU_MIN)
		return fail(err, "%s: host_mtu=%u is not %d..65535", name, net->host_mtu, MTU_MIN);
	if (net->duplex > DUPLEX_UNKNOWN)
		return fail(err, "%s: duplex= is half or full", name);
	return queue_size_ok(name, "rx_queue_size", net->rx_queue_size, err) &&
	       queue_size_ok(name, "tx_queue_size", net->tx_queue_size, err);
}

static u64 features_of(const struct virtio_net *net)
{
	u32 takes = net->netdev ? netdev_takes(net->netdev) : 0, gives = net->netdev ? netdev_gives(net->netdev) : 0;
	const struct {
		bool on;
		u8 feature;
	} rows[] = {
		{net->csum, NET_F_CSUM},
		{net->guest_csum, NET_F_GUEST_CSUM},
		{net->guest_tso4 && net->gso, NET_F_GUEST_TSO4},
		{net->guest_tso6 && net->gso, NET_F_GUEST_TSO6},
		{net->guest_ecn && net->gso, NET_F_GUEST_ECN},
		{net->guest_ufo && net->gso, NET_F_GUEST_UFO},
		{net->guest_uso4 && net->gso, NET_F_GUEST_USO4},
		{net->guest_uso6 && net->gso, NET_F_GUEST_USO6},
		{net->host_tso4 && net->gso, NET_F_HOST_TSO4},
		{net->host_tso6 && net->gso, NET_F_HOST_TSO6},
		{net->host_ecn && net->gso, NET_F_HOST_ECN},
		{net->host_ufo && net->gso, NET_F_HOST_UFO},
		{net->host_uso && net->gso, NET_F_HOST_USO},
		{net->mrg_rxbuf, NET_F_MRG_RXBUF},
		{net->status, NET_F_STATUS},
		{net->ctrl_vq, NET_F_CTRL_VQ},
		{net->ctrl_vq && net->ctrl_rx, NET_F_CTRL_RX},
		{net->ctrl_vq && net->ctrl_vlan, NET_F_CTRL_VLAN},
		{net->ctrl_vq && net->ctrl_rx_extra, NET_F_CTRL_RX_EXTRA},
		{net->ctrl_vq && net->ctrl_mac_addr, NET_F_CTRL_MAC_ADDR},
		{net->ctrl_vq && net->ctrl_guest_offloads && gives, NET_F_CTRL_GUEST_OFFLOADS},
		{net->ctrl_vq && net->pairs_max > 1, NET_F_MQ},
		{net->host_mtu, NET_F_MTU},
		{net->speed != SPEED_UNKNOWN || net->duplex != DUPLEX_UNKNOWN, NET_F_SPEED_DUPLEX},
		{true, NET_F_MAC},
	};
	u64 features = 0, of_wire = 0, wired = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		features |= rows[i].on ? BIT(rows[i].feature) : 0;
	for (unsigned i = 0; i < ARRAY_SIZE(offload_rows); i++) {
		wired |= BIT(offload_rows[i].guest) | BIT(offload_rows[i].host);
		of_wire |= gives & offload_rows[i].offload ? BIT(offload_rows[i].guest) : 0;
		of_wire |= takes & offload_rows[i].offload ? BIT(offload_rows[i].host) : 0;
	}
	features &= ~wired | of_wire;
	/* Segmentation needs checksums. [VIRTIO1.2 5.1.3.1] */
	if (!(features & BIT(NET_F_CSUM)))
		features &= ~(BIT(NET_F_HOST_TSO4) | BIT(NET_F_HOST_TSO6) | BIT(NET_F_HOST_ECN) | BIT(NET_F_HOST_UFO) |
			      BIT(NET_F_HOST_USO));
	if (!(features & BIT(NET_F_GUEST_CSUM)))
		features &= ~net_offload_features;
	/* ECN is said of TCP segments. */
	if (!(features & (BIT(NET_F_HOST_TSO4) | BIT(NET_F_HOST_TSO6))))
		features &= ~BIT(NET_F_HOST_ECN);
	if (!(features & (BIT(NET_F_GUEST_TSO4) | BIT(NET_F_GUEST_TSO6))))
		features &= ~BIT(NET_F_GUEST_ECN);
	return features;
}

static bool find_netdev(struct virtio_net *net, struct machine *machine, struct error *err)
{
	const char *name = dev_name(&net->virtio.dev);
	struct netdev *netdev;

	if (!net->netdev_id)
		return true;
	netdev = machine_netdev(machine, net->netdev_id);
	if (!netdev)
		return fail(err, "%s: netdev=%s: no network of this id; describe it with -netdev user,id=%s", name,
			    net->netdev_id, net->netdev_id);
	if (!netdev_connect(netdev, &wire_peer, net))
		return fail(err, "%s: netdev=%s is another device's; describe another with -netdev", name,
			    net->netdev_id);
	net->netdev = netdev;
	return true;
}

static bool net_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, virtio.dev);
	static const u8 none[NET_MAC_BYTES];
	u8 *config = net->virtio.config;

	net->chain = virtq_chain_new();
	net->pairs = 1;
	if (!properties_check(net, err) || !find_netdev(net, env->machine, err))
		return false;
	net->pairs_max = net->mq ? (u16)MIN(MAX(machine_cpu_count(env->machine), 1), NET_PAIRS_MAX) : 1;
	if (!virtio_init(&net->virtio, &net_type, features_of(net), (u16)(2 * net->pairs_max + 1), QUEUE_SIZE, env,
			 err))
		return false;
	for (u16 n = 0; n < net->virtio.queue_count; n++)
		net->virtio.queues[n].size_max = n == net->virtio.queue_count - 1 ? CONTROL_SIZE :
						 n & 1                            ? net->tx_queue_size :
										    net->rx_queue_size;
	if (!memcmp(net->mac, none, NET_MAC_BYTES) && !mac_default(net, env->machine, err))
		return false;
	memcpy(config + NET_MAC, net->mac, NET_MAC_BYTES);
	store_le(config + NET_MAX_PAIRS, 2, net->pairs_max);
	store_le(config + NET_MTU, 2, net->host_mtu);
	store_le(config + NET_SPEED, 4, net->speed);
	config[NET_DUPLEX] = net->duplex == DUPLEX_UNKNOWN ? 0xff : (u8)net->duplex;
	link_set(net, !net->netdev || netdev_is_up(net->netdev));
	return true;
}

static void net_destroy(struct dev *dev)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, virtio.dev);

	if (net->netdev)
		netdev_disconnect(net->netdev);
	net->netdev = NULL;
	virtio_fini(&net->virtio);
	virtq_chain_free(net->chain);
}

static const char *const duplex_words[] = {"half", "full", "unknown", NULL};

struct netdev *virtio_net_wire(struct dev *dev)
{
	return container_of(dev, struct virtio_net, virtio.dev)->netdev;
}

static const struct prop net_props[] = {
	PROP_STRING("netdev", struct virtio_net, netdev_id, NULL, "id of its -netdev"),
	PROP_MAC("mac", struct virtio_net, mac, "address (default: 52:54:00:12:34:56 and on)"),
	PROP_U32("bootindex", struct virtio_net, bootindex, 0xffffffff,
		 "place in the firmware's order of boot devices"),
	PROP_BOOL("mq", struct virtio_net, mq, 0, "a pair of queues for each vCPU, 16 at most"),
	PROP_U16("host_mtu", struct virtio_net, host_mtu, 0, "MTU that the guest is told, 68..65535"),
	PROP_U16("rx_queue_size", struct virtio_net, rx_queue_size, QUEUE_SIZE, "entries of a receive queue, 64..1024"),
	PROP_U16("tx_queue_size", struct virtio_net, tx_queue_size, QUEUE_SIZE,
		 "entries of a transmit queue, 64..1024"),
	PROP_U32("speed", struct virtio_net, speed, SPEED_UNKNOWN, "link speed in Mbit/s that the guest is told"),
	PROP_CHOICE("duplex", struct virtio_net, duplex, duplex_words, DUPLEX_UNKNOWN,
		    "half or full, that the guest is told"),
	PROP_BOOL("csum", struct virtio_net, csum, 1, "offer to complete checksums"),
	PROP_BOOL("gso", struct virtio_net, gso, 1, "off: no segmentation offload at all"),
	PROP_BOOL("host_tso4", struct virtio_net, host_tso4, 1, "offer to segment TCP over IPv4"),
	PROP_BOOL("host_tso6", struct virtio_net, host_tso6, 1, "offer to segment TCP over IPv6"),
	PROP_BOOL("host_ecn", struct virtio_net, host_ecn, 1, "with ECN"),
	PROP_BOOL("host_ufo", struct virtio_net, host_ufo, 1, "offer to fragment UDP"),
	PROP_BOOL("host_uso", struct virtio_net, host_uso, 1, "offer to segment UDP"),
	PROP_BOOL("guest_csum", struct virtio_net, guest_csum, 1, "offer frames with checksums to complete"),
	PROP_BOOL("guest_tso4", struct virtio_net, guest_tso4, 1, "offer joined TCP segments over IPv4"),
	PROP_BOOL("guest_tso6", struct virtio_net, guest_tso6, 1, "offer joined TCP segments over IPv6"),
	PROP_BOOL("guest_ecn", struct virtio_net, guest_ecn, 1, "with ECN"),
	PROP_BOOL("guest_ufo", struct virtio_net, guest_ufo, 1, "offer joined UDP fragments"),
	PROP_BOOL("guest_uso4", struct virtio_net, guest_uso4, 1, "offer joined UDP segments over IPv4"),
	PROP_BOOL("guest_uso6", struct virtio_net, guest_uso6, 1, "offer joined UDP segments over IPv6"),
	PROP_BOOL("mrg_rxbuf", struct virtio_net, mrg_rxbuf, 1, "offer mergeable receive buffers"),
	PROP_BOOL("status", struct virtio_net, status, 1, "offer the link status"),
	PROP_BOOL("ctrl_vq", struct virtio_net, ctrl_vq, 1, "offer the control queue"),
	PROP_BOOL("ctrl_rx", struct virtio_net, ctrl_rx, 1, "offer receive filters"),
	PROP_BOOL("ctrl_rx_extra", struct virtio_net, ctrl_rx_extra, 1, "offer further receive filters"),
	PROP_BOOL("ctrl_vlan", struct virtio_net, ctrl_vlan, 1, "offer VLAN filters"),
	PROP_BOOL("ctrl_mac_addr", struct virtio_net, ctrl_mac_addr, 1, "offer to change the address"),
	PROP_BOOL("ctrl_guest_offloads", struct virtio_net, ctrl_guest_offloads, 1, "offer to change offloads"),
	PROP_BOOL("rss", struct virtio_net, rss, 0, "only off"),
	PROP_BOOL("hash", struct virtio_net, hash, 0, "only off"),
	PROP_BOOL("failover", struct virtio_net, failover, 0, "only off"),
	PROP_STRING("tx", struct virtio_net, tx, NULL, "accepted: bh, timer"),
	VIRTIO_PROPS(struct virtio_net),
	{}};

/* clang-format off */
#define NET_CLASS .doc = "virtio network card", .size = sizeof(struct virtio_net), .props = net_props, .create = net_create, \
		  .reset = virtio_dev_reset, .destroy = net_destroy
/* clang-format on */
const struct dev_class virtio_net_pci_class = {
	.name = "virtio-net-pci", .plugs = BUS_PCIE, .common = pci_dev_props, NET_CLASS};
const struct dev_class virtio_net_device_class = {.name = "virtio-net-device", .plugs = BUS_VIRTIO, NET_CLASS};
