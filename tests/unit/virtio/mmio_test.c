/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory-mapped transport, seen through virtio-rng and virtio-net: both interfaces, empty slots, wrong drivers.
 * [VIRTIO1.2 4.2] */
#include "virtio/driver.h"

#define SLOTS_AT 0x0a000000ull
#define SLOT 31 /* where the first device goes */
#define AT(reg) (SLOTS_AT + SLOT * VIRTIO_SLOT_BYTES + (reg))

struct machine {
	struct fixture *f;
};

struct slots {
	struct driver d;
	struct virtio_mmio *mmio;
	struct line lines[VIRTIO_SLOTS_MAX];
	bool level[VIRTIO_SLOTS_MAX];
};

static void line_changed(void *opaque, unsigned n, bool level)
{
	struct slots *s = opaque;

	s->level[n] = level;
}

static struct slots *slots_new(const struct dev_class *cls, bool legacy)
{
	struct slots *s = calloc(1, sizeof(*s));

	s->d = driver_new();
	driver_ram(&s->d);
	for (unsigned n = 0; n < VIRTIO_SLOTS_MAX; n++)
		s->lines[n] = (struct line){.set = line_changed, .opaque = s, .n = n};
	s->mmio = virtio_mmio_create(s->d.f->space, SLOTS_AT, VIRTIO_SLOTS_MAX, s->lines, legacy);
	s->d.dev = fixture_must_add(s->d.f, cls, virtio_mmio_bus(s->mmio, NULL), "id=v");
	return s;
}

static void slots_free(struct slots *s)
{
	while (s->d.f->dev_count)
		dev_destroy(s->d.f->devs[--s->d.f->dev_count]);
	virtio_mmio_destroy(s->mmio);
	driver_free(&s->d);
	free(s);
}

static u32 get(struct slots *s, u32 reg)
{
	return rd(s->d.f, AT(reg), 4);
}

static void put(struct slots *s, u32 reg, u32 value)
{
	wr(s->d.f, AT(reg), 4, value);
}

static void put64(struct slots *s, u32 reg, u64 value)
{
	put(s, reg, (u32)value);
	put(s, reg + 4, value >> 32);
}

/* Up to DRIVER_OK with queue 0. */
static void modern_start(struct slots *s)
{
	put(s, MMIO_STATUS, 0);
	put(s, MMIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	put(s, MMIO_DRIVER_FEATURES_SEL, 1);
	put(s, MMIO_DRIVER_FEATURES, 1);
	put(s, MMIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	assert_true(get(s, MMIO_STATUS) & VIRTIO_FEATURES_OK);
	put(s, MMIO_QUEUE_SEL, 0);
	assert_int_equal(get(s, MMIO_QUEUE_NUM_MAX), 64);
	put(s, MMIO_QUEUE_NUM, Q_SIZE);
	put64(s, MMIO_QUEUE_DESC, DESC_AT);
	put64(s, MMIO_QUEUE_DRIVER, AVAIL_AT);
	put64(s, MMIO_QUEUE_DEVICE, USED_AT);
	put(s, MMIO_QUEUE_READY, 1);
	assert_int_equal(get(s, MMIO_QUEUE_READY), 1);
	put(s, MMIO_STATUS, get(s, MMIO_STATUS) | VIRTIO_DRIVER_OK);
}

static void slots_without_a_device_are_empty(void **state)
{
	for (unsigned legacy = 0; legacy < 2; legacy++) {
		struct slots *s = slots_new(&virtio_rng_device_class, legacy);

		for (unsigned n = 0; n < SLOT; n++) {
			u64 at = SLOTS_AT + n * VIRTIO_SLOT_BYTES;

			assert_int_equal(rd(s->d.f, at, 4), 0x74726976);
			assert_int_equal(rd(s->d.f, at + 4, 4), legacy ? 1 : 2);
			assert_int_equal(rd(s->d.f, at + 8, 4), 0);
			for (unsigned reg = 0x10; reg < VIRTIO_SLOT_BYTES; reg += 4)
				for (unsigned bit = 0; bit < 32; bit++)
					wr(s->d.f, at + reg, 4, 1u << bit);
			assert_int_equal(rd(s->d.f, at + MMIO_STATUS, 4), 0);
			assert_int_equal(rd(s->d.f, at + MMIO_QUEUE_NUM_MAX, 4), 0);
			assert_false(s->level[n]);
		}
		assert_int_equal(get(s, MMIO_DEVICE_ID), VIRTIO_ID_RNG);
		slots_free(s);
	}
}

static void modern_queue_is_served(void **state)
{
	struct slots *s = slots_new(&virtio_rng_device_class, false);

	put(s, MMIO_DEVICE_FEATURES_SEL, 1);
	assert_int_equal(get(s, MMIO_DEVICE_FEATURES), 1 | BIT(VIRTIO_F_RING_RESET - 32));
	put(s, MMIO_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(get(s, MMIO_DEVICE_FEATURES), 0);
	modern_start(s);
	desc_put(&s->d, DESC_AT, 0, DATA_AT, 64, DESC_WRITE, 0);
	avail_put(&s->d, 0);
	put(s, MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(load_le(s->d.ram + (USED_AT - RAM_BASE) + RING_IDX, 2), 1);
	assert_true(s->level[SLOT]);
	assert_int_equal(get(s, MMIO_INTERRUPT_STATUS), ISR_QUEUE);
	put(s, MMIO_INTERRUPT_ACK, ISR_CONFIG);
	assert_true(s->level[SLOT]);
	put(s, MMIO_INTERRUPT_ACK, ISR_QUEUE);
	assert_false(s->level[SLOT]);
	/* A queue that is off is not served, and may be set up anew. */
	put(s, MMIO_QUEUE_READY, 0);
	assert_int_equal(get(s, MMIO_QUEUE_READY), 0);
	avail_put(&s->d, 0);
	put(s, MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(load_le(s->d.ram + (USED_AT - RAM_BASE) + RING_IDX, 2), 1);
	/* The legacy registers do nothing. */
	put(s, MMIO_GUEST_PAGE_SIZE, 4096);
	put(s, MMIO_QUEUE_ALIGN, 4096);
	put(s, MMIO_QUEUE_PFN, RAM_BASE >> 12);
	assert_int_equal(get(s, MMIO_QUEUE_PFN), 0);
	put(s, MMIO_STATUS, 0);
	assert_int_equal(get(s, MMIO_STATUS), 0);
	slots_free(s);
}

/* One stretch of memory: descriptors, available ring, and on the next page the used ring; no DRIVER_OK is needed. */
static void legacy_queue_is_served(void **state)
{
	struct slots *s = slots_new(&virtio_rng_device_class, true);
	u64 used = RAM_BASE + 0x1000;

	put(s, MMIO_DEVICE_FEATURES_SEL, 0);
	assert_true(get(s, MMIO_DEVICE_FEATURES) & BIT(VIRTIO_F_ANY_LAYOUT));
	put(s, MMIO_DEVICE_FEATURES_SEL, 1);
	assert_int_equal(get(s, MMIO_DEVICE_FEATURES), 0);
	memset(s->d.ram, 0, 0x10000);
	put(s, MMIO_GUEST_PAGE_SIZE, 4096);
	put(s, MMIO_QUEUE_SEL, 0);
	assert_int_equal(get(s, MMIO_QUEUE_PFN), 0);
	put(s, MMIO_QUEUE_NUM, Q_SIZE);
	put(s, MMIO_QUEUE_ALIGN, 4096);
	put(s, MMIO_QUEUE_PFN, RAM_BASE >> 12);
	assert_int_equal(get(s, MMIO_QUEUE_PFN), RAM_BASE >> 12);
	desc_put(&s->d, RAM_BASE, 0, DATA_AT, 64, DESC_WRITE, 0);
	store_le(s->d.ram + 16 * Q_SIZE + RING_IDX, 2, 1);
	put(s, MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(load_le(s->d.ram + (used - RAM_BASE) + RING_IDX, 2), 1);
	assert_int_equal(load_le(s->d.ram + (used - RAM_BASE) + RING_ENTRIES + 4, 4), 64);
	assert_true(s->level[SLOT]);
	put(s, MMIO_INTERRUPT_ACK, ISR_QUEUE);
	assert_false(s->level[SLOT]);
	/* Page 0 gives the queue back; DRIVER_OK needs no FEATURES_OK. */
	put(s, MMIO_QUEUE_PFN, 0);
	assert_int_equal(get(s, MMIO_QUEUE_PFN), 0);
	put(s, MMIO_DRIVER_FEATURES_SEL, 0);
	put(s, MMIO_DRIVER_FEATURES, 0xffffffff);
	put(s, MMIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK);
	assert_int_equal(get(s, MMIO_STATUS), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK);
	/* The page size stays over a reset: drivers write it once, before. */
	put(s, MMIO_STATUS, 0);
	put(s, MMIO_QUEUE_NUM, Q_SIZE);
	put(s, MMIO_QUEUE_ALIGN, 4096);
	put(s, MMIO_QUEUE_PFN, RAM_BASE >> 12);
	assert_int_equal(get(s, MMIO_QUEUE_PFN), RAM_BASE >> 12);
	slots_free(s);
}

static void wrong_drivers_are_told(void **state)
{
	struct slots *s = slots_new(&virtio_rng_device_class, true);

	put(s, MMIO_GUEST_PAGE_SIZE, 4096);
	put(s, MMIO_QUEUE_NUM, Q_SIZE);
	put(s, MMIO_QUEUE_ALIGN, 3);
	put(s, MMIO_QUEUE_PFN, RAM_BASE >> 12);
	assert_true(get(s, MMIO_STATUS) & VIRTIO_NEEDS_RESET);
	assert_int_equal(get(s, MMIO_QUEUE_PFN), 0);
	put(s, MMIO_STATUS, 0);
	put(s, MMIO_QUEUE_NUM, 0x10008);
	put(s, MMIO_QUEUE_ALIGN, 4096);
	put(s, MMIO_QUEUE_PFN, RAM_BASE >> 12);
	assert_true(get(s, MMIO_STATUS) & VIRTIO_NEEDS_RESET);
	slots_free(s);

	s = slots_new(&virtio_rng_device_class, false);
	put(s, MMIO_QUEUE_NUM, 7);
	put(s, MMIO_QUEUE_READY, 1);
	assert_true(get(s, MMIO_STATUS) & VIRTIO_NEEDS_RESET);
	put(s, MMIO_STATUS, 0);
	put(s, MMIO_STATUS, VIRTIO_DRIVER | VIRTIO_DRIVER_OK); /* without FEATURES_OK */
	assert_int_equal(get(s, MMIO_STATUS), VIRTIO_DRIVER);
	put(s, MMIO_QUEUE_NOTIFY, 5);
	/* Registers have words. */
	assert_int_equal(rd(s->d.f, AT(MMIO_MAGIC), 1), 0);
	wr(s->d.f, AT(MMIO_STATUS), 1, 0xff);
	assert_int_equal(get(s, MMIO_STATUS), VIRTIO_DRIVER);
	/* All registers there are, at both widths, of a device that nobody drives. */
	for (unsigned reg = 0; reg < VIRTIO_SLOT_BYTES; reg += 4)
		for (unsigned bit = 0; bit < 32; bit++) {
			wr(s->d.f, AT(reg), 4, 1u << bit);
			if (reg + 8 <= VIRTIO_SLOT_BYTES)
				wr(s->d.f, AT(reg), 8, ~(1ull << bit));
		}
	slots_free(s);
}

static void configuration_has_any_width(void **state)
{
	struct slots *s = slots_new(&virtio_net_device_class, false);

	assert_int_equal(get(s, MMIO_DEVICE_ID), VIRTIO_ID_NET);
	assert_int_equal(rd(s->d.f, AT(MMIO_CONFIG), 1), 0x52);
	assert_int_equal(rd(s->d.f, AT(MMIO_CONFIG + 4), 2), 0x5634);
	assert_int_equal(get(s, MMIO_CONFIG), 0x12005452);
	slots_free(s);
}

/* Without a control queue, a legacy driver writes the card's address. [VIRTIO1.2 5.1.4.3] */
static void legacy_drivers_write_the_address(void **state)
{
	for (unsigned legacy = 0; legacy < 2; legacy++) {
		struct slots *s = slots_new(&virtio_net_device_class, legacy);

		for (unsigned n = 0; n < 6; n++)
			wr(s->d.f, AT(MMIO_CONFIG + NET_MAC + n), 1, 0x50 + n);
		wr(s->d.f, AT(MMIO_CONFIG + NET_STATUS), 2, 0);
		assert_int_equal(get(s, MMIO_CONFIG), legacy ? 0x53525150 : 0x12005452);
		assert_int_equal(rd(s->d.f, AT(MMIO_CONFIG + 4), 2), legacy ? 0x5554 : 0x5634);
		assert_int_equal(rd(s->d.f, AT(MMIO_CONFIG + NET_STATUS), 2), NET_S_LINK_UP);
		put(s, MMIO_STATUS, 0);
		assert_int_equal(get(s, MMIO_CONFIG), 0x12005452);
		slots_free(s);
	}
}

static void slots_are_given_out_from_the_last(void **state)
{
	struct slots *s = slots_new(&virtio_rng_device_class, true);
	struct dev *second = fixture_must_add(s->d.f, &virtio_net_device_class, virtio_mmio_bus(s->mmio, NULL), "id=w");

	assert_string_equal(second->bus ? second->bus->name : virtio_mmio_bus(s->mmio, "virtio-mmio-bus.30")->name,
			    "virtio-mmio-bus.30");
	assert_int_equal(rd(s->d.f, SLOTS_AT + 30 * VIRTIO_SLOT_BYTES + MMIO_DEVICE_ID, 4), VIRTIO_ID_NET);
	fixture_refused(s->d.f, &virtio_rng_device_class, virtio_mmio_bus(s->mmio, "virtio-mmio-bus.30"), "id=x",
			"is in this slot");
	fixture_refused(s->d.f, &virtio_rng_device_class, &pci_host_root(s->d.f->host)->bus.bus, "id=x",
			"no virtio-mmio slot");
	fixture_refused(s->d.f, &virtio_rng_device_class, virtio_mmio_bus(s->mmio, NULL), "id=x,iommu_platform=on",
			"iommu_platform");
	assert_null(virtio_mmio_bus(s->mmio, "virtio-mmio-bus.32"));
	slots_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_without_a_device_are_empty),
		cmocka_unit_test(modern_queue_is_served),
		cmocka_unit_test(legacy_queue_is_served),
		cmocka_unit_test(wrong_drivers_are_told),
		cmocka_unit_test(configuration_has_any_width),
		cmocka_unit_test(legacy_drivers_write_the_address),
		cmocka_unit_test(slots_are_given_out_from_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
