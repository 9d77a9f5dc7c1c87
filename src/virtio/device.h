/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a virtio device is made of: its life (device.c), what carries it (transport_pci.c, transport_mmio.c) and its
 * queues (queue.c). Inside the room only. Everything runs under the machine lock, but for the copies of a block
 * request, which only read their chain.
 */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

#include "pci/pci.h"
#include "virtio/virtio.h"
#include "virtio/virtio_spec.h"

#define VIRTIO_CONFIG_BYTES 64
#define VIRTIO_QUEUES_MAX 64
struct virtio;

struct virtq {
	struct virtio *virtio;
	u16 index; /* of the queue in its device */
	u16 size_max;
	/* what the driver programmed */
	u16 size, vector;
	bool enabled, again; /* again: virtq_take goes on from the event loop */
	u64 desc, avail, used;
	/* where we are */
	u16 last_avail, used_idx;
	u16 signalled;  /* used_idx at the last interrupt decision */
	u32 generation; /* how often it was reset: chains taken before the last time are no longer the device's */
};

/* A chain of buffers as it was read, once, from the ring: first those that the device reads, then those it writes. */
struct virtq_segment {
	u64 pa;
	u32 length;
};
struct virtq_chain {
	u16 head;
	u16 out_count, in_count;
	u64 out_bytes, in_bytes;
	struct virtq_segment *segments; /* out_count, then in_count; malloc'd by virtq_chain_new */
};

/* A device's own part. */
struct virtio_type {
	u16 id;
	const char *name;
	u32 class_code;
	u32 config_bytes;
	void (*queue_notified)(struct virtio *virtio, struct virtq *queue);
	void (*reset)(struct virtio *virtio);       /* ends what is under way; may be NULL */
	void (*end)(struct virtq *queue);           /* until no thread touches a chain of it; may be NULL */
	void (*cleared)(struct virtio *virtio);     /* the reset is over; may be NULL */
	void (*features_ok)(struct virtio *virtio); /* they are agreed upon, but by a legacy driver; may be NULL */
	void (*driver_ok)(struct virtio *virtio);   /* may be NULL */
	void (*config_written)(struct virtio *virtio, u32 offset,
			       u8 value); /* a byte of the configuration; may be NULL */
};

/* What carries a device: how it is found, its registers and its interrupts. */
struct virtio_transport {
	bool (*attach)(struct virtio *virtio, const struct virtio_type *type, const struct dev_env *env,
		       struct error *err);
	void (*detach)(struct virtio *virtio);                         /* works on what is half made */
	void (*reset)(struct virtio *virtio, unsigned reset_kind);     /* of the machine; may be NULL */
	void (*cleared)(struct virtio *virtio);                        /* the device is as after its driver's reset */
	void (*interrupt)(struct virtio *virtio, struct virtq *queue); /* NULL: configuration change */
	bool (*may_send)(struct virtio *virtio);                       /* reach guest memory */
};
extern const struct virtio_transport virtio_pci_transport, virtio_mmio_transport;

struct virtio_slot; /* of the board: transport_mmio.c */

struct virtio {
	union {
		struct dev dev;
		struct pci_dev pci; /* with the PCI transport */
	};
	/* properties common to all */
	bool disable_legacy, disable_modern, iommu_platform, packed, event_idx, indirect_desc, ioeventfd;
	u32 vectors; /* MSI-X vectors, VIRTIO_VECTORS_AUTO: one per queue and one */
	/* guest-visible state */
	u64 features;               /* that the driver accepted */
	u8 status, isr, generation; /* generation: of the configuration */
	u16 config_vector;
	struct virtq queues[VIRTIO_QUEUES_MAX];
	struct regs common;             /* registers of the PCI transport */
	u8 config[VIRTIO_CONFIG_BYTES]; /* device-specific configuration */
	/* fixed at create */
	const struct virtio_type *type;
	const struct virtio_transport *transport;
	struct loop *loop;
	struct space *space;
	struct virtio_slot *slot; /* NULL: a PCI function */
	bool legacy;              /* as before virtio 1.0 [VIRTIO1.2 4.2.4] */
	u64 offered;
	u16 queue_count;
	u16 cap_pci_cfg;
};
#define VIRTIO_VECTORS_AUTO 0xffffffffu

/* clang-format off */
#define VIRTIO_PROPS(s)                                                                                                \
	PROP_BOOL("disable-legacy", s, virtio.disable_legacy, 1, "accepted: there is no legacy interface"),            \
	PROP_BOOL("disable-modern", s, virtio.disable_modern, 0, "only off"),                                                    \
	PROP_BOOL("iommu_platform", s, virtio.iommu_platform, 0, "behind the IOMMU, if there is one"),                                          \
	PROP_BOOL("ioeventfd", s, virtio.ioeventfd, 1, "accepted: how the host is told is its own affair"),             \
	PROP_BOOL("packed", s, virtio.packed, 0, "only off: queues are split"),                                        \
	PROP_BOOL("event_idx", s, virtio.event_idx, 1, "offer VIRTIO_F_EVENT_IDX"),                                    \
	PROP_BOOL("indirect_desc", s, virtio.indirect_desc, 1, "offer VIRTIO_F_INDIRECT_DESC"),                        \
	PROP_U32("vectors", s, virtio.vectors, VIRTIO_VECTORS_AUTO, "MSI-X vectors (default: one per queue and one)")
/* clang-format on */

/* --- device.c --- */
/* After the type's properties are checked: `features` without the transport's own. */
bool virtio_init(struct virtio *virtio, const struct virtio_type *type, u64 features, u16 queue_count, u16 queue_size,
		 const struct dev_env *env, struct error *err);
void virtio_fini(struct virtio *virtio);
void virtio_dev_reset(struct dev *dev, unsigned reset_kind); /* for dev_class.reset */
static inline bool virtio_has(const struct virtio *virtio, unsigned feature)
{
	return virtio->features >> feature & 1;
}
/* Whether queues are served: DRIVER_OK, not broken, free to reach memory. */
bool virtio_is_live(struct virtio *virtio);
void virtio_interrupt(struct virtio *virtio, struct virtq *queue);
/* The device changed its configuration: a new generation of it, and an interrupt once the driver is ready.
 * [VIRTIO1.2 2.5] */
void virtio_config_changed(struct virtio *virtio);
/* The driver broke a rule that leaves us without a sane queue: NEEDS_RESET, and quiet from now on. [VIRTIO1.2 2.1.2] */
void virtio_broken(struct virtio *virtio, const char *why);
/* For the transports. */
void virtio_clear(struct virtio *virtio); /* the driver's reset */
void virtio_queue_reset(struct virtq *queue);
void virtio_status_write(struct virtio *virtio, u8 now);
void virtio_features_write(struct virtio *virtio, u32 select, u32 value);
void virtio_notified(struct virtio *virtio, u32 queue);
u64 virtio_config_read(struct virtio *virtio, u32 offset, unsigned size);
void virtio_config_write(struct virtio *virtio, u32 offset, unsigned size, u64 value);

/* --- queue.c --- */
bool virtq_layout_ok(const struct virtq *queue); /* sizes, alignment, addresses */
struct virtq_chain *virtq_chain_new(void);
void virtq_chain_free(struct virtq_chain *chain);
/* Takes the next chain; false: none (or broken). */
bool virtq_pop(struct virtq *queue, struct virtq_chain *chain);
/* Whether the driver made a chain available; without taking it. */
bool virtq_has_chain(struct virtq *queue);
/* virtq_pop for who serves all that there is, `*taken` so far: after two rings' worth the device's queue_notified is
 * called again from the event loop. The driver of another vCPU that goes on and on would not notify again: with an
 * event index, only who finds the ring empty asks it to. */
bool virtq_take(struct virtq *queue, struct virtq_chain *chain, u32 *taken);
void virtq_undefer(struct virtio *virtio); /* for who is being destroyed */
/* Gives a chain back with `written` bytes in its in-buffers; virtq_signal interrupts if the driver wants it. */
void virtq_push(struct virtq *queue, const struct virtq_chain *chain, u32 written);
void virtq_signal(struct virtq *queue);
/* virtq_push in two steps, for what the driver must see at once or not at all: entries behind the index, then the
 * index. */
void virtq_fill(struct virtq *queue, u16 ahead, u16 head, u32 written);
void virtq_publish(struct virtq *queue, u16 count);
/* The last `count` chains that were taken, and not given back, are available again. */
void virtq_untake(struct virtq *queue, u16 count);
/* Copies between a chain's buffers and memory, from byte `offset` of its out- or in-part; false if that is too short or
 * the memory is not there. Any thread. */
bool virtq_read(struct virtio *virtio, const struct virtq_chain *chain, u64 offset, void *to, u64 size);
bool virtq_write(struct virtio *virtio, const struct virtq_chain *chain, u64 offset, const void *from, u64 size);

/* Guest memory as the device sees it: through the IOMMU with iommu_platform=on, else by physical addresses. [VIRTIO1.2
 * 6, ACCESS_PLATFORM] */
static inline bool virtio_dma_read(struct virtio *virtio, u64 address, void *to, u64 size)
{
	return virtio->iommu_platform ? dma_read_for(virtio->space, pci_requester_id(&virtio->pci), address, to, size) :
					dma_read(virtio->space, address, to, size);
}
static inline bool virtio_dma_write(struct virtio *virtio, u64 address, const void *from, u64 size)
{
	return virtio->iommu_platform ?
		       dma_write_for(virtio->space, pci_requester_id(&virtio->pci), address, from, size) :
		       dma_write(virtio->space, address, from, size);
}
#endif
