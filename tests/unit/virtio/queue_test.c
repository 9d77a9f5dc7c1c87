/* SPDX-License-Identifier: BSD-2-Clause */
/* Split queues and the transport, seen through virtio-rng: good drivers, then hostile ones. [VIRTIO1.2 2.7, 4.1.4] */
#include "virtio/driver.h"

static struct driver start(u64 features)
{
	struct driver d = driver_new();

	driver_ram(&d);
	d.dev = fixture_must_add(d.f, &virtio_rng_pci_class, NULL, "addr=1");
	driver_map(&d);
	driver_start(&d, features, 0);
	return d;
}

static bool is_zero(const u8 *bytes, u32 size)
{
	for (u32 n = 0; n < size; n++)
		if (bytes[n])
			return false;
	return true;
}

static void function_is_modern(void **state)
{
	struct driver d = start(0);
	u64 config = ecam(0, 1, 0, 0);
	u32 types = 0;

	assert_int_equal(rd(d.f, config, 4), 0x10441af4);
	assert_int_equal(rd(d.f, config + 8, 1), 1);
	for (unsigned at = rd(d.f, config + 0x34, 1); at; at = rd(d.f, config + at + 1, 1))
		if (rd(d.f, config + at, 1) == PCI_CAP_VENDOR)
			types |= 1u << rd(d.f, config + at + CAP_CFG_TYPE, 1);
	assert_int_equal(types, 0x3e);
	assert_true(driver_offered(&d) & BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(common_rd(&d, COMMON_NUMQ, 2), 1);
	driver_free(&d);
}

static void buffers_are_filled_and_signalled(void **state)
{
	struct driver d = start(0);

	desc_put(&d, DESC_AT, 3, DATA_AT, 64, DESC_WRITE | DESC_NEXT, 5);
	desc_put(&d, DESC_AT, 5, DATA_AT + 0x1000, 32, DESC_WRITE, 0);
	avail_put(&d, 3);
	notify(&d, 0);
	assert_int_equal(used_take(&d, 3), 96);
	assert_int_equal(d.f->message_count, 1);
	assert_int_equal(d.f->messages[0].data, 1);
	assert_false(is_zero(d.ram + 0x10000, 64));
	assert_false(is_zero(d.ram + 0x11000, 32));
	assert_true(is_zero(d.ram + 0x10040, 64));
	notify(&d, 0); /* nothing new */
	assert_int_equal(used_idx(&d), 1);
	d.ram[0x2000] = AVAIL_NO_INTERRUPT;
	for (unsigned n = 0; n < 3 * Q_SIZE; n++) { /* round the ring */
		desc_put(&d, DESC_AT, n % Q_SIZE, DATA_AT, n + 1, DESC_WRITE, 0);
		avail_put(&d, n % Q_SIZE);
		notify(&d, 0);
		assert_int_equal(used_take(&d, n % Q_SIZE), n + 1);
	}
	assert_int_equal(d.f->message_count, 1);
	driver_free(&d);
}

/* The fixture's loop is one of instruction time: the same run twice has the same entropy, buffer by buffer another. */
static void entropy_repeats_under_instruction_time(void **state)
{
	u8 first[128];

	for (unsigned run = 0; run < 2; run++) {
		struct driver d = start(0);

		for (unsigned n = 0; n < 2; n++) {
			desc_put(&d, DESC_AT, 0, DATA_AT + 64 * n, 64, DESC_WRITE, 0);
			avail_put(&d, 0);
			notify(&d, 0);
			assert_int_equal(used_take(&d, 0), 64);
		}
		assert_memory_not_equal(d.ram + 0x10000, d.ram + 0x10040, 64);
		if (!run)
			memcpy(first, d.ram + 0x10000, 128);
		else
			assert_memory_equal(first, d.ram + 0x10000, 128);
		driver_free(&d);
	}
}

static void indirect_tables_and_event_index(void **state)
{
	struct driver d = start(BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX));
	u8 *used_event = d.ram + 0x2000 + 4 + 2 * Q_SIZE, *avail_event = d.ram + 0x3000 + 4 + 8 * Q_SIZE;

	for (u16 n = 0; n < Q_SIZE; n++)
		desc_put(&d, DATA_AT, n, DATA_AT + 0x1000 + 16 * n, 16, DESC_WRITE | (n < Q_SIZE - 1 ? DESC_NEXT : 0),
			 n + 1);
	desc_put(&d, DESC_AT, 0, DATA_AT, 16 * Q_SIZE, DESC_INDIRECT, 0);
	store_le(used_event, 2, 1); /* not for the first, but for the second */
	avail_put(&d, 0);
	notify(&d, 0);
	assert_int_equal(used_take(&d, 0), 16 * Q_SIZE);
	assert_int_equal(d.f->message_count, 0);
	assert_int_equal(load_le(avail_event, 2), 1);
	avail_put(&d, 0);
	notify(&d, 0);
	assert_int_equal(used_take(&d, 0), 16 * Q_SIZE);
	assert_int_equal(d.f->message_count, 1);
	driver_free(&d);
}

/* Quiet until reset: NEEDS_RESET, a configuration interrupt, no used entry, no write; and well again afterwards. */
static void is_broken_until_reset(struct driver *d, u64 features)
{
	assert_true(status(d) & VIRTIO_NEEDS_RESET);
	assert_int_equal(used_idx(d), d->used);
	assert_int_equal(d->f->message_count, 1);
	assert_int_equal(d->f->messages[0].data, 0);
	notify(d, 0);
	assert_int_equal(d->f->message_count, 1);
	driver_start(d, features, 0);
	desc_put(d, DESC_AT, 0, DATA_AT, 8, DESC_WRITE, 0);
	avail_put(d, 0);
	notify(d, 0);
	assert_int_equal(used_take(d, 0), 8);
	driver_start(d, features, 0);
}

static void hostile_rings_break_the_device_only(void **state)
{
	u64 features = BIT(VIRTIO_F_INDIRECT_DESC);
	struct driver d = start(features);

	/* a loop */
	desc_put(&d, DESC_AT, 0, DATA_AT, 8, DESC_WRITE | DESC_NEXT, 1);
	desc_put(&d, DESC_AT, 1, DATA_AT, 8, DESC_WRITE | DESC_NEXT, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	is_broken_until_reset(&d, features);
	/* heads and next indices outside the table */
	avail_put(&d, Q_SIZE);
	notify(&d, 0);
	is_broken_until_reset(&d, features);
	desc_put(&d, DESC_AT, 0, DATA_AT, 8, DESC_WRITE | DESC_NEXT, 0xffff);
	avail_put(&d, 0);
	notify(&d, 0);
	is_broken_until_reset(&d, features);
	/* an index that runs ahead */
	store_le(d.ram + 0x2002, 2, Q_SIZE + 1);
	notify(&d, 0);
	is_broken_until_reset(&d, features);
	/* readable after writable */
	desc_put(&d, DESC_AT, 0, DATA_AT, 8, DESC_WRITE | DESC_NEXT, 1);
	desc_put(&d, DESC_AT, 1, DATA_AT, 8, 0, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	is_broken_until_reset(&d, features);
	/* a buffer past the end of the address space */
	desc_put(&d, DESC_AT, 0, ~0ull - 4, 8, DESC_WRITE, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	is_broken_until_reset(&d, features);
	driver_free(&d);
}

static void hostile_indirect_tables(void **state)
{
	u64 features = BIT(VIRTIO_F_INDIRECT_DESC);
	struct driver d = start(features);
	const struct {
		u64 addr;
		u32 len;
		u16 flags;
	} wrong[] = {
		{DATA_AT, 0, DESC_INDIRECT},
		{DATA_AT, 15, DESC_INDIRECT},
		{DATA_AT, 16 * (Q_SIZE + 1), DESC_INDIRECT},
		{DATA_AT, 0xfffffff0, DESC_INDIRECT},
		{DATA_AT, 16, DESC_INDIRECT | DESC_NEXT},
		{~0ull - 15, 16, DESC_INDIRECT},
		{0x123000, 16, DESC_INDIRECT}, /* not memory */
	};

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		desc_put(&d, DESC_AT, 0, wrong[n].addr, wrong[n].len, wrong[n].flags, 0);
		avail_put(&d, 0);
		notify(&d, 0);
		is_broken_until_reset(&d, features);
	}
	/* indirect within indirect */
	desc_put(&d, DATA_AT, 0, DATA_AT, 16, DESC_INDIRECT, 0);
	desc_put(&d, DESC_AT, 0, DATA_AT, 16, DESC_INDIRECT, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	is_broken_until_reset(&d, features);
	/* a loop within */
	desc_put(&d, DATA_AT, 0, DATA_AT + 0x100, 16, DESC_WRITE | DESC_NEXT, 0);
	desc_put(&d, DESC_AT, 0, DATA_AT, 16, DESC_INDIRECT, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	is_broken_until_reset(&d, features);
	/* not negotiated */
	driver_start(&d, 0, 0);
	desc_put(&d, DESC_AT, 0, DATA_AT, 16, DESC_INDIRECT, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	is_broken_until_reset(&d, 0);
	driver_free(&d);
}

/* A driver on another vCPU: each time the device writes to a buffer, there is one more, and with an event index nobody
 * is told. */
struct other_vcpu {
	struct region region;
	struct driver *d;
	unsigned left;
};

static void add_one(struct region *region, u64 offset)
{
	struct other_vcpu *other = container_of(region, struct other_vcpu, region);

	if (other->left) {
		other->left--;
		avail_put(other->d, other->d->avail % Q_SIZE);
	}
}

static void quit(void *opaque)
{
	loop_quit(opaque);
}

static void buffers_added_meanwhile_are_served(void **state)
{
	struct driver d = start(BIT(VIRTIO_F_EVENT_IDX));
	struct other_vcpu other = {
		.region = {.name = "buffers", .base = RAM_BASE + RAM_BYTES, .size = 0x1000, .ready = add_one},
		.d = &d,
		.left = 100};

	other.region.host = calloc(1, other.region.size);
	space_add(d.f->space, &other.region);
	for (u16 n = 0; n < Q_SIZE; n++)
		desc_put(&d, DESC_AT, n, other.region.base, 8, DESC_WRITE, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	for (unsigned turn = 0; turn < 20; turn++) {
		loop_defer(d.f->loop, quit, d.f->loop);
		loop_unlock(d.f->loop);
		loop_run(d.f->loop);
		loop_lock(d.f->loop);
	}
	assert_int_equal(used_idx(&d), 101);
	/* What is still to come goes with the device. */
	other.left = 100;
	avail_put(&d, d.avail % Q_SIZE);
	notify(&d, 0);
	space_remove(d.f->space, &other.region);
	free(other.region.host);
	driver_free(&d);
}

static void huge_buffers_are_bounded(void **state)
{
	struct driver d = start(0);

	for (u16 n = 0; n < Q_SIZE; n++) /* 32 GiB of buffers, most not memory */
		desc_put(&d, DESC_AT, n, RAM_BASE + 0x100000, 0xffffffff, DESC_WRITE | (n < Q_SIZE - 1 ? DESC_NEXT : 0),
			 n + 1);
	avail_put(&d, 0);
	notify(&d, 0);
	assert_true(used_take(&d, 0) <= 64 * KiB);
	driver_free(&d);
}

static void transport_checks_what_is_written(void **state)
{
	struct driver d = start(0);

	common_wr(&d, COMMON_Q_SIZE, 2, 4); /* enabled: no */
	assert_int_equal(common_rd(&d, COMMON_Q_SIZE, 2), Q_SIZE);
	common_wr(&d, COMMON_Q_SELECT, 2, 77); /* no such queue */
	assert_int_equal(common_rd(&d, COMMON_Q_SIZE, 2), 0);
	common_wr(&d, COMMON_Q_ENABLE, 2, 1);
	common_wr(&d, COMMON_Q_DESC, 8, 4);
	assert_int_equal(common_rd(&d, COMMON_Q_ENABLE, 2), 0);
	wr(d.f, CONFIG_AT + 0x3000 + 4 * 77, 2, 77);
	wr(d.f, CONFIG_AT + 0xfff, 1, 1);
	common_wr(&d, COMMON_MSIX, 2, 99); /* no such vector */
	assert_int_equal(common_rd(&d, COMMON_MSIX, 2), VIRTIO_NO_VECTOR);
	/* features that were not offered, or without VERSION_1 */
	common_wr(&d, COMMON_STATUS, 1, 0);
	common_wr(&d, COMMON_GFSELECT, 4, 0);
	common_wr(&d, COMMON_GF, 4, 1u << 5);
	common_wr(&d, COMMON_GFSELECT, 4, 1);
	common_wr(&d, COMMON_GF, 4, 1);
	common_wr(&d, COMMON_STATUS, 1, 0x0b);
	assert_int_equal(status(&d), 3);
	common_wr(&d, COMMON_STATUS, 1, 0);
	common_wr(&d, COMMON_STATUS, 1, 0x0b);
	assert_int_equal(status(&d), 3);
	common_wr(&d, COMMON_STATUS, 1, 0x0f); /* DRIVER_OK without features */
	assert_int_equal(status(&d), 3);
	/* an unaligned queue */
	common_wr(&d, COMMON_STATUS, 1, 0);
	common_wr(&d, COMMON_Q_SELECT, 2, 0);
	common_wr(&d, COMMON_Q_DESC, 8, DESC_AT + 8);
	common_wr(&d, COMMON_Q_ENABLE, 2, 1);
	assert_true(status(&d) & VIRTIO_NEEDS_RESET);
	assert_int_equal(common_rd(&d, COMMON_Q_ENABLE, 2), 0);
	driver_free(&d);
}

static void no_bus_master_no_queue(void **state)
{
	struct driver d = start(0);

	wr(d.f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY);
	desc_put(&d, DESC_AT, 0, DATA_AT, 8, DESC_WRITE, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	assert_int_equal(used_idx(&d), 0);
	assert_false(status(&d) & VIRTIO_NEEDS_RESET);
	wr(d.f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	notify(&d, 0);
	assert_int_equal(used_take(&d, 0), 8);
	driver_free(&d);
}

static void intx_and_isr_without_msix(void **state)
{
	struct driver d = start(0);
	struct pci_dev *pci = container_of(d.dev, struct pci_dev, dev);

	wr(d.f, ecam(0, 1, 0, pci->msix.cap + MSIX_CTRL), 2, 0);
	desc_put(&d, DESC_AT, 0, DATA_AT, 8, DESC_WRITE, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	assert_true(d.f->intx[1]);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x1000, 1), ISR_QUEUE);
	assert_false(d.f->intx[1]);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x1000, 1), 0);
	driver_free(&d);
}

/* [VIRTIO1.2 4.1.4.5.1] */
static void isr_tells_of_the_configuration_with_msix(void **state)
{
	struct driver d = start(0);

	desc_put(&d, DESC_AT, 0, DATA_AT, 8, DESC_WRITE, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x1000, 1), 0);
	avail_put(&d, Q_SIZE); /* no such descriptor: NEEDS_RESET is a change of the configuration */
	notify(&d, 0);
	assert_true(status(&d) & VIRTIO_NEEDS_RESET);
	assert_int_equal(d.f->messages[d.f->message_count - 1].data, 0);
	assert_false(d.f->intx[1]);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x1000, 1), ISR_CONFIG);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x1000, 1), 0);
	driver_free(&d);
}

static void window_in_config_space(void **state)
{
	struct driver d = start(0);
	u64 config = ecam(0, 1, 0, 0), at;

	for (at = rd(d.f, config + 0x34, 1); at; at = rd(d.f, config + at + 1, 1))
		if (rd(d.f, config + at, 1) == PCI_CAP_VENDOR && rd(d.f, config + at + CAP_CFG_TYPE, 1) == CFG_PCI)
			break;
	assert_int_not_equal(at, 0);
	at += config;
	wr(d.f, at + CAP_CFG_BAR, 1, 4);
	wr(d.f, at + CAP_CFG_OFFSET, 4, COMMON_NUMQ);
	wr(d.f, at + CAP_CFG_LENGTH, 4, 2);
	assert_int_equal(rd(d.f, at + CAP_CFG_DATA, 4), 1);
	wr(d.f, at + CAP_CFG_OFFSET, 4, COMMON_STATUS);
	wr(d.f, at + CAP_CFG_LENGTH, 4, 1);
	wr(d.f, at + CAP_CFG_DATA, 4, 0);
	assert_int_equal(status(&d), 0);
	wr(d.f, at + CAP_CFG_OFFSET, 4, 0xfffffffc); /* outside */
	wr(d.f, at + CAP_CFG_LENGTH, 4, 4);
	assert_int_equal(rd(d.f, at + CAP_CFG_DATA, 4), 0);
	wr(d.f, at + CAP_CFG_LENGTH, 4, 0xffffffff);
	wr(d.f, at + CAP_CFG_DATA, 4, 1);
	driver_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(function_is_modern),
		cmocka_unit_test(buffers_are_filled_and_signalled),
		cmocka_unit_test(entropy_repeats_under_instruction_time),
		cmocka_unit_test(indirect_tables_and_event_index),
		cmocka_unit_test(hostile_rings_break_the_device_only),
		cmocka_unit_test(hostile_indirect_tables),
		cmocka_unit_test(buffers_added_meanwhile_are_served),
		cmocka_unit_test(huge_buffers_are_bounded),
		cmocka_unit_test(transport_checks_what_is_written),
		cmocka_unit_test(no_bus_master_no_queue),
		cmocka_unit_test(intx_and_isr_without_msix),
		cmocka_unit_test(isr_tells_of_the_configuration_with_msix),
		cmocka_unit_test(window_in_config_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
