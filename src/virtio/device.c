/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every virtio device does, whatever carries it: status, features, notifications, configuration. [VIRTIO1.2 2, 3]
 * Under the machine lock. The transports (transport_pci.c, transport_mmio.c) have the registers and the interrupts.
 */
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "virtio/device.h"

/* A legacy driver may use its queues before it says DRIVER_OK. [VIRTIO1.2 3.1.1] */
bool virtio_is_live(struct virtio *virtio)
{
	return ((virtio->status & VIRTIO_DRIVER_OK) || virtio->legacy) && !(virtio->status & VIRTIO_NEEDS_RESET) &&
	       virtio->transport->may_send(virtio);
}

void virtio_interrupt(struct virtio *virtio, struct virtq *queue)
{
	virtio->transport->interrupt(virtio, queue);
}

void virtio_config_changed(struct virtio *virtio)
{
	virtio->generation++;
	if (virtio_is_live(virtio))
		virtio_interrupt(virtio, NULL);
}

void virtio_broken(struct virtio *virtio, const char *why)
{
	if (virtio->status & VIRTIO_NEEDS_RESET)
		return;
	guest_error(VIRTIO_BROKEN, "%s: %s: the device needs a reset", dev_name(&virtio->dev), why);
	virtio->status |= VIRTIO_NEEDS_RESET;
	if (virtio->status & VIRTIO_DRIVER_OK)
		virtio_interrupt(virtio, NULL);
}

void virtio_queue_reset(struct virtq *queue)
{
	if (queue->virtio->type->end)
		queue->virtio->type->end(queue);
	*queue = (struct virtq){.virtio = queue->virtio,
				.index = queue->index,
				.size_max = queue->size_max,
				.again = queue->again,
				.size = queue->size_max,
				.generation = queue->generation + 1,
				.vector = VIRTIO_NO_VECTOR};
}

void virtio_clear(struct virtio *virtio)
{
	if (virtio->type->reset)
		virtio->type->reset(virtio);
	virtio->status = virtio->isr = 0;
	virtio->features = 0;
	virtio->config_vector = VIRTIO_NO_VECTOR;
	for (unsigned n = 0; n < virtio->queue_count; n++)
		virtio_queue_reset(&virtio->queues[n]);
	virtio->transport->cleared(virtio);
	if (virtio->type->cleared)
		virtio->type->cleared(virtio);
}

/* Bits that a driver may not set yet: FEATURES_OK if we cannot work with what was accepted, DRIVER_OK before that.
 * Legacy drivers have no FEATURES_OK. */
static u8 status_refused(struct virtio *virtio, u8 status)
{
	if (virtio->legacy)
		return 0;
	if ((status & VIRTIO_FEATURES_OK) && !(virtio->status & VIRTIO_FEATURES_OK) &&
	    ((virtio->features & ~virtio->offered) || !virtio_has(virtio, VIRTIO_F_VERSION_1))) {
		guest_error(VIRTIO_FEATURES, "%s: features 0x%llx not accepted, 0x%llx are offered",
			    dev_name(&virtio->dev), (unsigned long long)virtio->features,
			    (unsigned long long)virtio->offered);
		return VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK;
	}
	if ((status & VIRTIO_DRIVER_OK) && !(status & VIRTIO_FEATURES_OK)) {
		guest_error(VIRTIO_STATUS, "%s: DRIVER_OK without FEATURES_OK", dev_name(&virtio->dev));
		return VIRTIO_DRIVER_OK;
	}
	return 0;
}

/* [VIRTIO1.2 3.1] Bits are only added; 0 resets. */
void virtio_status_write(struct virtio *virtio, u8 now)
{
	u8 before = virtio->status, status = (before & VIRTIO_NEEDS_RESET) | (now & ~VIRTIO_NEEDS_RESET);

	if (!now) {
		virtio_clear(virtio);
		return;
	}
	virtio->status = status & ~status_refused(virtio, status);
	if (!virtio->legacy && (virtio->status & VIRTIO_FEATURES_OK) && !(before & VIRTIO_FEATURES_OK) &&
	    virtio->type->features_ok)
		virtio->type->features_ok(virtio);
	if ((virtio->status & VIRTIO_DRIVER_OK) && !(before & VIRTIO_DRIVER_OK)) {
		trace(VIRTIO, "%s: driver ready, features 0x%llx", dev_name(&virtio->dev),
		      (unsigned long long)virtio->features);
		if (virtio->type->driver_ok)
			virtio->type->driver_ok(virtio);
	}
}

/* Word `select` of the features that the driver accepts: modern drivers are told at FEATURES_OK what is wrong with
 * them. */
void virtio_features_write(struct virtio *virtio, u32 select, u32 value)
{
	if (virtio->status & (virtio->legacy ? VIRTIO_DRIVER_OK : VIRTIO_FEATURES_OK)) {
		guest_error(VIRTIO_FEATURES, "%s: features written after they were agreed upon",
			    dev_name(&virtio->dev));
		return;
	}
	if (select < 2)
		virtio->features = deposit(virtio->features, 32 * select + 31, 32 * select, value);
	if (virtio->legacy)
		virtio->features &= virtio->offered;
}

void virtio_notified(struct virtio *virtio, u32 n)
{
	if (n >= virtio->queue_count) {
		guest_error(VIRTIO_NOTIFY, "%s: queue %u notified, there are %u", dev_name(&virtio->dev), n,
			    virtio->queue_count);
		return;
	}
	if (virtio->queues[n].enabled && virtio_is_live(virtio))
		virtio->type->queue_notified(virtio, &virtio->queues[n]);
}

u64 virtio_config_read(struct virtio *virtio, u32 offset, unsigned size)
{
	u64 value = 0;

	for (unsigned n = 0; n < size && offset + n < virtio->type->config_bytes; n++)
		value |= (u64)virtio->config[offset + n] << (8 * n);
	return value;
}

void virtio_config_write(struct virtio *virtio, u32 offset, unsigned size, u64 value)
{
	for (unsigned n = 0; virtio->type->config_written && n < size && offset + n < virtio->type->config_bytes; n++)
		virtio->type->config_written(virtio, offset + n, (u8)(value >> (8 * n)));
}

/* --- Life --- */

bool virtio_init(struct virtio *virtio, const struct virtio_type *type, u64 features, u16 queue_count, u16 queue_size,
		 const struct dev_env *env, struct error *err)
{
	if (virtio->packed)
		return fail(err, "%s: packed=on: not built yet; queues are split", dev_name(&virtio->dev));
	assert(queue_count <= VIRTIO_QUEUES_MAX && queue_size <= QUEUE_SIZE_MAX);
	assert(type->config_bytes <= VIRTIO_CONFIG_BYTES);
	virtio->loop = env->loop;
	virtio->space = env->space;
	virtio->queue_count = queue_count;
	for (unsigned n = 0; n < queue_count; n++)
		virtio->queues[n] = (struct virtq){.virtio = virtio, .index = n, .size_max = queue_size};
	features |= (virtio->event_idx ? BIT(VIRTIO_F_EVENT_IDX) : 0) |
		    (virtio->indirect_desc ? BIT(VIRTIO_F_INDIRECT_DESC) : 0);
	virtio->transport = virtio->dev.cls->plugs == BUS_VIRTIO ? &virtio_mmio_transport : &virtio_pci_transport;
	if (!virtio->transport->attach(virtio, type, env, err))
		return false;
	virtio->type = type;
	virtio->offered = virtio->legacy ? (u32)features | BIT(VIRTIO_F_ANY_LAYOUT) :
					   features | BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET) |
						   (virtio->iommu_platform ? BIT(VIRTIO_F_ACCESS_PLATFORM) : 0);
	return true;
}

void virtio_fini(struct virtio *virtio)
{
	if (virtio->type && virtio->type->reset)
		virtio->type->reset(virtio);
	if (virtio->loop)
		virtq_undefer(virtio);
	if (virtio->transport)
		virtio->transport->detach(virtio);
}

void virtio_dev_reset(struct dev *dev, unsigned reset_kind)
{
	struct virtio *virtio = container_of(dev, struct virtio, dev);

	virtio_clear(virtio);
	if (virtio->transport->reset)
		virtio->transport->reset(virtio, reset_kind);
}
