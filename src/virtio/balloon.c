/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-balloon: the guest gives up pages, and takes them back, as the monitor asks it to. [VIRTIO1.2 5.5] The host
 * keeps their memory: a page may have decoded code, and who wants the guest smaller wants to see what it does then. So
 * lists of pages are given back unread, and free pages that the guest would tell of are not asked for.
 */
#include "base/bits.h"
#include "base/trace.h"
#include "virtio/device.h"

struct virtio_balloon {
	struct virtio virtio;
	struct dev *iothread; /* it has no effect */
	bool deflate_on_oom, free_page_hint, free_page_reporting;
	struct virtq_chain *chain;
	struct machine *machine;
	u32 told; /* the last ACTUAL that the machine heard of */
};

/* A driver may write it byte by byte: with the last one it is whole. */
static void balloon_tell(struct virtio_balloon *balloon)
{
	u32 actual = load_le(balloon->virtio.config + BALLOON_ACTUAL, 4);

	if (actual != balloon->told)
		machine_balloon_changed(balloon->machine);
	balloon->told = actual;
}

static void balloon_notified(struct virtio *virtio, struct virtq *queue)
{
	struct virtio_balloon *balloon = container_of(virtio, struct virtio_balloon, virtio);

	for (u32 taken = 0; virtq_take(queue, balloon->chain, &taken);) {
		trace(VIRTIO, "%s: %llu pages %s", dev_name(&virtio->dev),
		      (unsigned long long)(balloon->chain->out_bytes / 4),
		      queue->index == BALLOON_INFLATEQ ? "given up" : "taken back");
		virtq_push(queue, balloon->chain, 0);
	}
	virtq_signal(queue);
}

/* How many pages it gave up is the driver's to say. */
static void balloon_config_write(struct virtio *virtio, u32 offset, u8 value)
{
	if (offset >= BALLOON_ACTUAL && offset < BALLOON_ACTUAL + 4)
		virtio->config[offset] = value;
	if (offset == BALLOON_ACTUAL + 3)
		balloon_tell(container_of(virtio, struct virtio_balloon, virtio));
}

static void balloon_cleared(struct virtio *virtio)
{
	store_le(virtio->config + BALLOON_ACTUAL, 4, 0);
	balloon_tell(container_of(virtio, struct virtio_balloon, virtio));
}

static const struct virtio_type balloon_type = {
	.id = VIRTIO_ID_BALLOON,
	.name = "balloon",
	.class_code = 0x00ff00,
	.config_bytes = BALLOON_CONFIG_BYTES,
	.queue_notified = balloon_notified,
	.cleared = balloon_cleared,
	.config_written = balloon_config_write,
};

static bool is_none(struct dev *dev, void *found)
{
	u64 given;
	bool is = virtio_balloon_bytes(dev, &given);

	if (is)
		*(struct dev **)found = dev;
	return !is;
}

static bool balloon_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct virtio_balloon *balloon = container_of(dev, struct virtio_balloon, virtio.dev);
	struct dev *other = NULL;

	machine_each_device(env->machine, is_none, &other);
	if (other)
		return fail(err, "%s: '%s' is a balloon already, and the monitor asks one; leave this one out",
			    dev_name(dev), dev_name(other));
	balloon->chain = virtq_chain_new();
	balloon->machine = env->machine;
	return virtio_init(&balloon->virtio, &balloon_type, balloon->deflate_on_oom ? BIT(BALLOON_F_DEFLATE_ON_OOM) : 0,
			   2, 128, env, err);
}

static void balloon_destroy(struct dev *dev)
{
	struct virtio_balloon *balloon = container_of(dev, struct virtio_balloon, virtio.dev);

	virtio_fini(&balloon->virtio);
	virtq_chain_free(balloon->chain);
}

static const struct prop balloon_props[] = {
	PROP_BOOL("deflate-on-oom", struct virtio_balloon, deflate_on_oom, 0,
		  "a guest without memory may take pages back"),
	PROP_BOOL("free-page-reporting", struct virtio_balloon, free_page_reporting, 0,
		  "accepted: the host keeps memory that is free"),
	PROP_BOOL("free-page-hint", struct virtio_balloon, free_page_hint, 0, "accepted: there is no migration"),
	PROP_LINK("iothread", struct virtio_balloon, iothread, "iothread", "accepted: pages are taken at once"),
	VIRTIO_PROPS(struct virtio_balloon),
	{}};

/* clang-format off */
#define BALLOON_CLASS .doc = "virtio memory balloon", .size = sizeof(struct virtio_balloon), .props = balloon_props, \
		      .create = balloon_create, .reset = virtio_dev_reset, .destroy = balloon_destroy
/* clang-format on */
const struct dev_class virtio_balloon_pci_class = {
	.name = "virtio-balloon-pci", .plugs = BUS_PCIE, .common = pci_dev_props, BALLOON_CLASS};
const struct dev_class virtio_balloon_device_class = {
	.name = "virtio-balloon-device", .plugs = BUS_VIRTIO, BALLOON_CLASS};

static struct virtio *balloon_of(struct dev *dev)
{
	return dev->cls == &virtio_balloon_pci_class || dev->cls == &virtio_balloon_device_class ?
		       container_of(dev, struct virtio, dev) :
		       NULL;
}

bool virtio_balloon_bytes(struct dev *dev, u64 *given)
{
	struct virtio *virtio = balloon_of(dev);

	if (virtio)
		*given = load_le(virtio->config + BALLOON_ACTUAL, 4) << BALLOON_PAGE_SHIFT;
	return virtio != NULL;
}

void virtio_balloon_ask(struct dev *dev, u64 given)
{
	struct virtio *virtio = balloon_of(dev);

	store_le(virtio->config + BALLOON_NUM_PAGES, 4, given >> BALLOON_PAGE_SHIFT);
	virtio_config_changed(virtio);
}
