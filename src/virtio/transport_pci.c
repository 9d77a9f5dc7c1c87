/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport, modern only. [VIRTIO1.2 4.1]
 *
 * BAR 1 holds the MSI-X structures, BAR 4 the four configuration structures, one per 4 KiB page: common, ISR, device,
 * notify (4 bytes per queue). The common structure is a register block; its queue fields are those of the queue that
 * Queue Select names, loaded into the block when that changes, so that byte lanes work. Runs under the machine lock.
 */
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "virtio/device.h"

#define MSIX_BAR 1
#define CONFIG_BAR 4
#define PAGE_BYTES 0x1000
#define PAGE_COMMON 0
#define PAGE_ISR 1
#define PAGE_DEVICE 2
#define PAGE_NOTIFY 3
#define NOTIFY_BYTES 4

static struct virtio *common_virtio(struct regs *b)
{
	return b->owner;
}

static bool function_may_send(struct virtio *virtio)
{
	return pci_is_bus_master(&virtio->pci);
}

/* [VIRTIO1.2 4.1.5.3, 4.1.5.4] The bit of a configuration change is set with MSI-X, too. [VIRTIO1.2 4.1.4.5.1] */
static void function_interrupt(struct virtio *virtio, struct virtq *queue)
{
	u16 vector = queue ? queue->vector : virtio->config_vector;

	if (!queue)
		virtio->isr |= ISR_CONFIG;
	if (pci_msix_is_enabled(&virtio->pci)) {
		if (vector != VIRTIO_NO_VECTOR)
			pci_msix_notify(&virtio->pci, vector);
		return;
	}
	if (queue)
		virtio->isr |= ISR_QUEUE;
	pci_intx_set(&virtio->pci, true);
}

/* --- Common configuration --- */

static struct virtq *selected(struct virtio *virtio)
{
	u16 n = regs_get(&virtio->common, COMMON_Q_SELECT, 2);

	return n < virtio->queue_count ? &virtio->queues[n] : NULL;
}

/* The queue fields of the block become those of the selected queue; without one they read 0. */
static void queue_load(struct virtio *virtio)
{
	static const struct virtq none;
	const struct virtq *queue = selected(virtio);
	struct regs *b = &virtio->common;

	if (!queue)
		queue = &none;
	regs_set(b, COMMON_Q_SIZE, 2, queue->size);
	regs_set(b, COMMON_Q_MSIX, 2, queue->virtio ? queue->vector : VIRTIO_NO_VECTOR);
	regs_set(b, COMMON_Q_ENABLE, 2, queue->enabled);
	regs_set(b, COMMON_Q_NOTIFY, 2, queue->index);
	regs_set(b, COMMON_Q_DESC, 8, queue->desc);
	regs_set(b, COMMON_Q_AVAIL, 8, queue->avail);
	regs_set(b, COMMON_Q_USED, 8, queue->used);
	regs_set(b, COMMON_Q_RESET, 2, 0);
}

static void queue_select_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	queue_load(common_virtio(b));
}

static u16 vector_checked(struct virtio *virtio, u16 vector)
{
	return vector < virtio->pci.msix.count ? vector : VIRTIO_NO_VECTOR;
}

static void config_msix_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtio *virtio = common_virtio(b);

	virtio->config_vector = vector_checked(virtio, now);
	regs_set(b, COMMON_MSIX, 2, virtio->config_vector);
}

static void queue_msix_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtio *virtio = common_virtio(b);
	struct virtq *queue = selected(virtio);

	if (queue)
		queue->vector = vector_checked(virtio, now);
	queue_load(virtio);
}

/* Size and addresses: only while the queue is off. [VIRTIO1.2 4.1.4.3.2] */
static void queue_layout_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtio *virtio = common_virtio(b);
	struct virtq *queue = selected(virtio);
	u16 size = regs_get(b, COMMON_Q_SIZE, 2);

	if (queue && !queue->enabled && is_power_of_2(size) && size <= queue->size_max) {
		queue->size = size;
		queue->desc = regs_get(b, COMMON_Q_DESC, 8);
		queue->avail = regs_get(b, COMMON_Q_AVAIL, 8);
		queue->used = regs_get(b, COMMON_Q_USED, 8);
	} else {
		guest_error(VIRTIO_QUEUE, "%s: queue %llu: size or address refused", b->name,
			    (unsigned long long)regs_get(b, COMMON_Q_SELECT, 2));
	}
	queue_load(virtio);
}

static void queue_enable_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtio *virtio = common_virtio(b);
	struct virtq *queue = selected(virtio);

	if (queue && !queue->enabled && now == 1) {
		if (virtq_layout_ok(queue))
			queue->enabled = true;
		else
			virtio_broken(virtio, "a queue was enabled with a wrong size or address");
	}
	queue_load(virtio);
}

/* [VIRTIO1.2 2.6.1] Offered by devices that keep no request of a queue: it is over at once. */
static void queue_reset_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtio *virtio = common_virtio(b);
	struct virtq *queue = selected(virtio);

	if (queue && now == 1 && virtio_has(virtio, VIRTIO_F_RING_RESET))
		virtio_queue_reset(queue);
	queue_load(virtio);
}

static u64 device_feature_read(struct regs *b, unsigned i, u64 stored)
{
	u64 select = regs_get(b, COMMON_DFSELECT, 4);

	return select < 2 ? (u32)(common_virtio(b)->offered >> (32 * select)) : 0;
}

static u64 driver_feature_read(struct regs *b, unsigned i, u64 stored)
{
	u64 select = regs_get(b, COMMON_GFSELECT, 4);

	return select < 2 ? (u32)(common_virtio(b)->features >> (32 * select)) : 0;
}

static void driver_select_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, COMMON_GF, 4, driver_feature_read(b, 0, 0)); /* for byte lanes */
}

static void driver_feature_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	virtio_features_write(common_virtio(b), regs_get(b, COMMON_GFSELECT, 4), now);
}

static u64 status_read(struct regs *b, unsigned i, u64 stored)
{
	return common_virtio(b)->status;
}

static void status_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	virtio_status_write(common_virtio(b), now);
}

static u64 generation_read(struct regs *b, unsigned i, u64 stored)
{
	return common_virtio(b)->generation;
}

static u64 num_queues_read(struct regs *b, unsigned i, u64 stored)
{
	return common_virtio(b)->queue_count;
}

static const struct reg common_rows[] = {
	R32(COMMON_DFSELECT, DEVICE_FEATURE_SELECT, 0, 0xffffffff),
	R32(COMMON_DF, DEVICE_FEATURE, 0, 0, .read = device_feature_read),
	R32(COMMON_GFSELECT, DRIVER_FEATURE_SELECT, 0, 0xffffffff, .write = driver_select_write),
	R32(COMMON_GF, DRIVER_FEATURE, 0, 0xffffffff, .read = driver_feature_read, .write = driver_feature_write),
	R16(COMMON_MSIX, CONFIG_MSIX_VECTOR, VIRTIO_NO_VECTOR, 0xffff, .write = config_msix_write),
	R16(COMMON_NUMQ, NUM_QUEUES, 0, 0, .read = num_queues_read),
	R8(COMMON_STATUS, DEVICE_STATUS, 0, 0xff, .read = status_read, .write = status_write),
	R8(COMMON_GENERATION, CONFIG_GENERATION, 0, 0, .read = generation_read),
	R16(COMMON_Q_SELECT, QUEUE_SELECT, 0, 0xffff, .write = queue_select_write),
	R16(COMMON_Q_SIZE, QUEUE_SIZE, 0, 0xffff, .write = queue_layout_write),
	R16(COMMON_Q_MSIX, QUEUE_MSIX_VECTOR, VIRTIO_NO_VECTOR, 0xffff, .write = queue_msix_write),
	R16(COMMON_Q_ENABLE, QUEUE_ENABLE, 0, 0xffff, .write = queue_enable_write),
	R16(COMMON_Q_NOTIFY, QUEUE_NOTIFY_OFF, 0, 0),
	R64(COMMON_Q_DESC, QUEUE_DESC, 0, ~0ull, .write = queue_layout_write),
	R64(COMMON_Q_AVAIL, QUEUE_DRIVER, 0, ~0ull, .write = queue_layout_write),
	R64(COMMON_Q_USED, QUEUE_DEVICE, 0, ~0ull, .write = queue_layout_write),
	R16(COMMON_Q_DATA, QUEUE_NOTIFY_DATA, 0, 0),
	R16(COMMON_Q_RESET, QUEUE_RESET, 0, 0xffff, .write = queue_reset_write),
};

/* --- The BAR --- */

static enum mem_result bar_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct virtio *virtio = opaque;
	u32 in = offset % PAGE_BYTES;

	*value = 0;
	switch (offset / PAGE_BYTES) {
	case PAGE_COMMON:
		if (in < COMMON_BYTES)
			*value = regs_read(&virtio->common, in, size);
		break;
	case PAGE_ISR:
		if (in == 0) { /* reading acknowledges */
			*value = virtio->isr;
			virtio->isr = 0;
			pci_intx_set(&virtio->pci, false);
		}
		break;
	case PAGE_DEVICE: *value = virtio_config_read(virtio, in, size); break;
	}
	return MEM_OK;
}

static enum mem_result bar_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct virtio *virtio = opaque;
	u32 in = offset % PAGE_BYTES;

	switch (offset / PAGE_BYTES) {
	case PAGE_COMMON:
		if (in < COMMON_BYTES)
			regs_write(&virtio->common, in, size, value);
		break;
	case PAGE_NOTIFY: /* without NOTIFICATION_DATA the place says which queue */
		virtio_notified(virtio, in / NOTIFY_BYTES);
		break;
	case PAGE_DEVICE: virtio_config_write(virtio, in, size, value); break;
	}
	return MEM_OK;
}

static const struct io_ops bar_io = {.read = bar_read, .write = bar_write};

/* --- The window in config space [VIRTIO1.2 4.1.4.9]: reaches BAR 4 before anybody mapped it. --- */

/* False, unless the window names 1, 2 or 4 aligned bytes of our BAR. */
static bool pci_cfg_window(struct virtio *virtio, u32 *offset, unsigned *size)
{
	const struct regs *c = &virtio->pci.config;
	u32 length = regs_get(c, virtio->cap_pci_cfg + CAP_CFG_LENGTH, 4);

	*offset = regs_get(c, virtio->cap_pci_cfg + CAP_CFG_OFFSET, 4);
	*size = length;
	return regs_get(c, virtio->cap_pci_cfg + CAP_CFG_BAR, 1) == CONFIG_BAR &&
	       (length == 1 || length == 2 || length == 4) && is_aligned(*offset, length) &&
	       range_ok(*offset, length, 4 * PAGE_BYTES);
}

static u64 pci_cfg_read(struct regs *b, unsigned i, u64 stored)
{
	struct virtio *virtio = container_of((struct pci_dev *)b->owner, struct virtio, pci);
	unsigned size;
	u64 value = 0;
	u32 offset;

	if (pci_cfg_window(virtio, &offset, &size))
		bar_read(virtio, offset, size, &value);
	return value;
}

static void pci_cfg_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtio *virtio = container_of((struct pci_dev *)b->owner, struct virtio, pci);
	unsigned size;
	u32 offset;

	if (pci_cfg_window(virtio, &offset, &size))
		bar_write(virtio, offset, size, now & ones(8 * size));
}

static void structure_add(struct virtio *virtio, u8 type, u32 page, u32 length)
{
	bool notify = type == CFG_NOTIFY, window = type == CFG_PCI;
	u8 bytes = notify || window ? 20 : 16;
	const struct reg rows[] = {
		R8(CAP_CFG_LEN, CAP_LEN, bytes, 0),
		R8(CAP_CFG_TYPE, CFG_TYPE, type, 0),
		R8(CAP_CFG_BAR, BAR, window ? 0 : CONFIG_BAR, window ? 0xff : 0),
		R32(CAP_CFG_OFFSET, OFFSET, window ? 0 : page * PAGE_BYTES, window ? 0xffffffff : 0),
		R32(CAP_CFG_LENGTH, LENGTH, window ? 0 : length, window ? 0xffffffff : 0),
		R32(CAP_CFG_DATA, DATA, notify ? NOTIFY_BYTES : 0, window ? 0xffffffff : 0,
		    .read = window ? pci_cfg_read : NULL, .write = window ? pci_cfg_write : NULL),
	};
	u16 at = pci_cap_add(&virtio->pci, PCI_CAP_VENDOR, 0, bytes, rows, bytes == 20 ? 6 : 5);

	if (window)
		virtio->cap_pci_cfg = at;
}

/* --- Life --- */

static void function_reset(struct pci_dev *dev, unsigned reset_kind)
{
	virtio_clear(container_of(dev, struct virtio, pci));
}

static void function_cleared(struct virtio *virtio)
{
	regs_reset(&virtio->common, RESET_COLD);
	queue_load(virtio);
	pci_intx_set(&virtio->pci, false);
}

static bool function_attach(struct virtio *virtio, const struct virtio_type *type, const struct dev_env *env,
			    struct error *err)
{
	const struct pci_ids ids = {.vendor = VIRTIO_VENDOR,
				    .device = VIRTIO_DEVICE_BASE + type->id,
				    .subsystem_vendor = VIRTIO_VENDOR,
				    .subsystem = 0x1100,
				    .revision = 1,
				    .class_code = type->class_code};
	const struct pcie_link link = {.flr = true};
	const char *name = dev_name(&virtio->dev);
	u32 vectors = virtio->vectors == VIRTIO_VECTORS_AUTO ? virtio->queue_count + 1u : virtio->vectors;

	if (virtio->disable_modern)
		return fail(err, "%s: disable-modern=on: there is only the modern interface; leave it out", name);
	if (vectors > 2048)
		return fail(err, "%s: vectors=%u is more than the 2048 that MSI-X has", name, vectors);
	if (!pci_dev_init(&virtio->pci, &ids, env, err))
		return false;
	regs_init(&virtio->common, name, virtio, REGS_BYTES, COMMON_BYTES);
	REGS_ADD(&virtio->common, 0, common_rows);

	pci_bar_add(&virtio->pci, CONFIG_BAR, 4 * PAGE_BYTES, true, true, &bar_io, virtio);
	structure_add(virtio, CFG_COMMON, PAGE_COMMON, COMMON_BYTES);
	structure_add(virtio, CFG_ISR, PAGE_ISR, 4);
	structure_add(virtio, CFG_DEVICE, PAGE_DEVICE, PAGE_BYTES);
	structure_add(virtio, CFG_NOTIFY, PAGE_NOTIFY, virtio->queue_count * NOTIFY_BYTES);
	structure_add(virtio, CFG_PCI, 0, 0);
	if (vectors)
		pci_msix_add(&virtio->pci, 0, vectors, MSIX_BAR, vectors > 128 ? 0x10000 : 0x1000, 0,
			     vectors > 128 ? 0x8000 : 0x800);
	pci_pm_add(&virtio->pci, 0);
	pci_express_add(&virtio->pci, 0, PCIE_ENDPOINT, &link);
	if (virtio->pci.bus->bridge)
		pci_aer_add(&virtio->pci, 0, false);
	pci_intx_add(&virtio->pci);
	virtio->pci.function_reset = function_reset;
	return true;
}

static void function_detach(struct virtio *virtio)
{
	if (virtio->common.store)
		regs_free(&virtio->common);
	pci_dev_fini(&virtio->pci);
}

static void function_dev_reset(struct virtio *virtio, unsigned reset_kind)
{
	pci_dev_reset(&virtio->pci, reset_kind);
}

const struct virtio_transport virtio_pci_transport = {
	.attach = function_attach,
	.detach = function_detach,
	.reset = function_dev_reset,
	.cleared = function_cleared,
	.interrupt = function_interrupt,
	.may_send = function_may_send,
};
