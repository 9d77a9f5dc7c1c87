/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-9p: a folder of the host, shared. [VIRTIO1.2 5.9] One queue; each chain is a request and the room for its
 * answer. The server (p9.c) may wait for the host's disk, so it runs on a pool thread, one request at a time and
 * without the machine lock: the message is copied in before and the answer copied out after. The next chain is taken
 * when the one before is done.
 *
 * A reset, of the device or of its queue, waits for the request if a thread has begun it; its completion belongs to an
 * older generation of the queue and is thrown away.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "host/host.h"
#include "virtio/device.h"
#include "virtio/p9.h"

#define QUEUE_SIZE 128
#define TAG_BYTES_MAX 32
#define CONFIG_TAG 2

/* The word from the thread to the loop that a request is done: it outlives a device that is taken away meanwhile. */
struct done {
	struct virtio_9p *dev; /* NULL: gone */
	bool on_its_way;
};

struct virtio_9p {
	struct virtio virtio;
	/* properties */
	char *fsdev, *mount_tag;
	/* fixed at create */
	struct folder *folder;
	struct p9 *p9;
	struct virtq_chain *chain;
	/* the request under way, if there is one: the thread's while busy */
	bool busy;
	bool is_whole;          /* it was in memory, all of it */
	u32 request_generation; /* of its queue then */
	struct done *done;
	size_t in_bytes, out_bytes, out_room;
	u8 *in, *out;
	struct work_group work; /* the request that a thread holds */
};

static void next_request(struct virtio_9p *dev);

static void request_done(void *opaque)
{
	struct done *done = opaque;
	struct virtio_9p *dev = done->dev;
	struct virtio *virtio;

	if (!dev) {
		free(done);
		return;
	}
	virtio = &dev->virtio;
	done->on_its_way = false;
	dev->busy = false;
	if (dev->request_generation == virtio->queues[0].generation) {
		if (!dev->out_bytes)
			virtio_broken(virtio, "a 9p request without a header, or without room for an answer");
		else if (!virtq_write(virtio, dev->chain, 0, dev->out, dev->out_bytes))
			guest_error(VIRTIO_BUFFER, "%s: the room for an answer is not in memory",
				    dev_name(&virtio->dev));
		virtq_push(&virtio->queues[0], dev->chain, (u32)dev->out_bytes);
		virtq_signal(&virtio->queues[0]);
	}
	next_request(dev);
}

static void request_work(void *arg)
{
	struct virtio_9p *dev = arg;

	dev->out_bytes = dev->is_whole ? p9_request(dev->p9, dev->in, dev->in_bytes, dev->out, dev->out_room) :
					 p9_refuse(dev->in, dev->in_bytes, dev->out, dev->out_room, EIO);
	dev->done->on_its_way = true;
	loop_defer(dev->virtio.loop, request_done, dev->done);
}

static void next_request(struct virtio_9p *dev)
{
	struct virtio *virtio = &dev->virtio;

	if (dev->busy || !virtq_pop(&virtio->queues[0], dev->chain))
		return;
	/* What is longer than any message may be is cut: its own length says that then. */
	dev->in_bytes = MIN(dev->chain->out_bytes, P9_MSIZE_MAX);
	dev->out_room = MIN(dev->chain->in_bytes, P9_MSIZE_MAX);
	/* Behind a hole `in` has another request, or what lay in our memory before. */
	memset(dev->in, 0, P9_HEADER);
	dev->is_whole = virtq_read(virtio, dev->chain, 0, dev->in, dev->in_bytes);
	if (!dev->is_whole)
		guest_error(VIRTIO_BUFFER, "%s: a request is not in memory", dev_name(&virtio->dev));
	dev->busy = true;
	dev->request_generation = virtio->queues[0].generation;
	work_group_run(&dev->work, request_work, dev);
}

static void ninep_notified(struct virtio *virtio, struct virtq *queue)
{
	next_request(container_of(virtio, struct virtio_9p, virtio));
}

static void request_drop(void *arg)
{
	((struct virtio_9p *)arg)->busy = false;
}

static void ninep_end(struct virtq *queue)
{
	work_group_cancel(&container_of(queue->virtio, struct virtio_9p, virtio)->work);
}

static void ninep_type_reset(struct virtio *virtio)
{
	struct virtio_9p *dev = container_of(virtio, struct virtio_9p, virtio);

	if (!dev->work.made)
		return;
	work_group_cancel(&dev->work);
	p9_reset(dev->p9);
}

static const struct virtio_type ninep_type = {
	.id = VIRTIO_ID_9P,
	.name = "9p",
	.class_code = 0x000200,
	.config_bytes = CONFIG_TAG + TAG_BYTES_MAX,
	.queue_notified = ninep_notified,
	.reset = ninep_type_reset,
	.end = ninep_end,
};

static bool ninep_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct virtio_9p *ninep = container_of(dev, struct virtio_9p, virtio.dev);
	const char *name = dev_name(dev);
	size_t tag = ninep->mount_tag ? strlen(ninep->mount_tag) : 0;

	if (!tag || tag > TAG_BYTES_MAX)
		return fail(err, "%s: mount_tag=%s: the name to mount by has 1 to %d characters", name,
			    tag ? ninep->mount_tag : "", TAG_BYTES_MAX);
	if (!ninep->fsdev)
		return fail(err, "%s: it needs fsdev=ID of a -fsdev", name);
	ninep->folder = machine_folder(env->machine, ninep->fsdev);
	if (!ninep->folder)
		return fail(
			err,
			"%s: fsdev=%s: no folder of this id; describe it with -fsdev local,id=%s,path=...,security_model=...",
			name, ninep->fsdev, ninep->fsdev);
	ninep->p9 = p9_create(ninep->folder);
	ninep->chain = virtq_chain_new();
	ninep->done = calloc(1, sizeof(*ninep->done));
	ninep->in = malloc(P9_MSIZE_MAX);
	ninep->out = malloc(P9_MSIZE_MAX);
	assert(ninep->in && ninep->out && ninep->done);
	ninep->done->dev = ninep;
	work_group_init(&ninep->work, machine_workers(env->machine), request_drop);
	if (!virtio_init(&ninep->virtio, &ninep_type, 1 /* MOUNT_TAG */, 1, QUEUE_SIZE, env, err))
		return false;
	store_le(ninep->virtio.config, 2, tag);
	memcpy(ninep->virtio.config + CONFIG_TAG, ninep->mount_tag, tag);
	return true;
}

static void ninep_destroy(struct dev *dev)
{
	struct virtio_9p *ninep = container_of(dev, struct virtio_9p, virtio.dev);

	virtio_fini(&ninep->virtio);
	p9_destroy(ninep->p9);
	if (ninep->done && ninep->done->on_its_way)
		ninep->done->dev = NULL;
	else
		free(ninep->done);
	virtq_chain_free(ninep->chain);
	free(ninep->in);
	free(ninep->out);
	work_group_fini(&ninep->work);
}

static const struct prop ninep_props[] = {
	PROP_STRING("fsdev", struct virtio_9p, fsdev, NULL, "id of its -fsdev"),
	PROP_STRING("mount_tag", struct virtio_9p, mount_tag, NULL, "name that the guest mounts it by"),
	VIRTIO_PROPS(struct virtio_9p),
	{}};

/* clang-format off */
#define NINEP_CLASS .doc = "folder of the host, shared by 9p", .size = sizeof(struct virtio_9p), .props = ninep_props, .create = ninep_create, \
		    .reset = virtio_dev_reset, .destroy = ninep_destroy
/* clang-format on */
const struct dev_class virtio_9p_pci_class = {
	.name = "virtio-9p-pci", .plugs = BUS_PCIE, .common = pci_dev_props, NINEP_CLASS};
const struct dev_class virtio_9p_device_class = {.name = "virtio-9p-device", .plugs = BUS_VIRTIO, NINEP_CLASS};
