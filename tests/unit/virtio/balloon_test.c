/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory balloon. [VIRTIO1.2 5.5] */
#include "virtio/driver.h"

static unsigned changes;

void machine_balloon_changed(struct machine *machine)
{
	changes++;
}

static u64 given(struct driver *d)
{
	u64 bytes = ~0ull;

	assert_true(virtio_balloon_bytes(d->dev, &bytes));
	return bytes;
}

static void the_monitor_asks_and_the_driver_tells(void **state)
{
	struct driver d = driver_new();
	u64 config, bytes;

	driver_ram(&d);
	d.dev = fixture_must_add(d.f, &virtio_balloon_pci_class, NULL, "addr=1,deflate-on-oom=on");
	driver_map(&d);
	config = CONFIG_AT + 0x2000;
	assert_true(driver_offered(&d) & BIT(BALLOON_F_DEFLATE_ON_OOM));
	driver_start(&d, 0, BALLOON_INFLATEQ);
	assert_int_equal(given(&d), 0);
	virtio_balloon_ask(d.dev, 3 * 4096 + 1);
	assert_int_equal(d.f->message_count, 1); /* of the configuration */
	assert_int_equal(d.f->messages[0].data, 0);
	assert_int_equal(rd(d.f, config + BALLOON_NUM_PAGES, 4), 3);
	desc_put(&d, DESC_AT, 0, DATA_AT, 12, 0, 0);
	avail_put(&d, 0);
	notify(&d, BALLOON_INFLATEQ);
	assert_int_equal(used_take(&d, 0), 0);
	wr(d.f, config + BALLOON_ACTUAL, 4, 3);
	wr(d.f, config + BALLOON_NUM_PAGES, 4, 77); /* not the driver's */
	assert_int_equal(given(&d), 3 * 4096);
	assert_int_equal(changes, 1); /* not four, and not of what was written already */
	for (unsigned n = 0; n < 4; n++)
		wr(d.f, config + BALLOON_ACTUAL + n, 1, n ? 0 : 3);
	assert_int_equal(changes, 1);
	assert_int_equal(rd(d.f, config + BALLOON_NUM_PAGES, 4), 3);
	wr(d.f, config + BALLOON_ACTUAL, 4, 0xffffffff);
	assert_true(given(&d) == 0xffffffffull << 12);
	common_wr(&d, COMMON_STATUS, 1, 0); /* all pages are the guest's again */
	assert_int_equal(given(&d), 0);
	assert_int_equal(changes, 3);
	assert_int_equal(rd(d.f, config + BALLOON_NUM_PAGES, 4), 3);
	driver_start(&d, 0, 1);
	for (unsigned n = 0; n < 2 * Q_SIZE;
	     n++) { /* odd lists: of no page, of half a number, written instead of read */
		desc_put(&d, DESC_AT, n % Q_SIZE, DATA_AT, n % 3, n % 2 ? DESC_WRITE : 0, 0);
		avail_put(&d, n % Q_SIZE);
		notify(&d, 1);
	}
	driver_free(&d);
	d = driver_new();
	driver_ram(&d);
	d.dev = fixture_must_add(d.f, &virtio_rng_pci_class, NULL, "addr=1");
	assert_false(virtio_balloon_bytes(d.dev, &bytes));
	driver_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_monitor_asks_and_the_driver_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
