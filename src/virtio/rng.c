/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-rng: an entropy source. [VIRTIO1.2 5.4] Each buffer is filled with the host's random bytes, 64 KiB at
 * most; under instruction time with a fixed sequence, so that runs repeat. */
#include "base/bits.h"
#include "base/random.h"
#include "base/trace.h"
#include "host/host.h"
#include "virtio/device.h"

#define RNG_BYTES_MAX (64 * KiB)

struct virtio_rng {
	struct virtio virtio;
	struct dev *rng; /* it has no effect */
	u64 max_bytes;
	u32 period;
	struct virtq_chain *chain;
	u64 sequence; /* instruction time: where the fixed one is */
};

static void rng_notified(struct virtio *virtio, struct virtq *queue)
{
	struct virtio_rng *rng = container_of(virtio, struct virtio_rng, virtio);
	u8 bytes[1024];

	for (u32 taken = 0; virtq_take(queue, rng->chain, &taken);) {
		u32 total = MIN(rng->chain->in_bytes, RNG_BYTES_MAX), done = 0;

		while (done < total) {
			u32 part = MIN(total - done, sizeof(bytes));

			if (loop_is_instruction_time(virtio->loop))
				random_fixed(&rng->sequence, bytes, part);
			else
				host_random(bytes, part);
			if (!virtq_write(virtio, rng->chain, done, bytes, part))
				break;
			done += part;
		}
		trace(VIRTIO, "%s: %u random bytes", dev_name(&virtio->dev), done);
		virtq_push(queue, rng->chain, done);
	}
	virtq_signal(queue);
}

static const struct virtio_type rng_type = {
	.id = VIRTIO_ID_RNG,
	.name = "rng",
	.class_code = 0x00ff00,
	.queue_notified = rng_notified,
};

static bool rng_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct virtio_rng *rng = container_of(dev, struct virtio_rng, virtio.dev);

	rng->chain = virtq_chain_new();
	return virtio_init(&rng->virtio, &rng_type, 0, 1, 64, env, err);
}

static void rng_destroy(struct dev *dev)
{
	struct virtio_rng *rng = container_of(dev, struct virtio_rng, virtio.dev);

	virtio_fini(&rng->virtio);
	virtq_chain_free(rng->chain);
}

static const struct prop rng_props[] = {
	PROP_LINK("rng", struct virtio_rng, rng, "rng-", "accepted: the bytes are the host's in any case"),
	PROP_U64("max-bytes", struct virtio_rng, max_bytes, INT64_MAX,
		 "accepted: the host's random bytes do not run out"),
	PROP_U32("period", struct virtio_rng, period, 65536, "accepted: likewise"),
	VIRTIO_PROPS(struct virtio_rng),
	{}};

/* clang-format off */
#define RNG_CLASS .doc = "virtio entropy source", .size = sizeof(struct virtio_rng), .props = rng_props, .create = rng_create, \
		  .reset = virtio_dev_reset, .destroy = rng_destroy
/* clang-format on */
const struct dev_class virtio_rng_pci_class = {
	.name = "virtio-rng-pci", .plugs = BUS_PCIE, .common = pci_dev_props, RNG_CLASS};
const struct dev_class virtio_rng_device_class = {.name = "virtio-rng-device", .plugs = BUS_VIRTIO, RNG_CLASS};
