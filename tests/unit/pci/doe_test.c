/* SPDX-License-Identifier: BSD-2-Clause */
/* The DOE mailbox against good, wrong and hostile software. [PCIe6 6.30] */
#include "pci/fixture.h"

struct doe_dev {
	struct pci_dev pci;
	struct doe *doe;
	u32 answer_dwords;
	unsigned calls;
	bool resets; /* its own function, when it is asked */
};

static u32 echo(void *opaque, const u32 *request, u32 dwords, u32 *response, u32 max)
{
	struct doe_dev *d = opaque;

	d->calls++;
	if (d->resets)
		pci_function_reset(&d->pci, RESET_HOT);
	for (u32 n = 2; n < d->answer_dwords && n < max; n++)
		response[n] = n < dwords ? ~request[n] : n;
	return d->answer_dwords;
}

static const struct doe_protocol protocols[] = {
	{.vendor = 0x1e98, .type = 2, .name = "echo", .request_dwords_min = 3, .answer = echo},
	{.vendor = 0x1e98, .type = 0, .name = "other", .request_dwords_min = 2, .answer = echo},
};

static bool doe_dev_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 1, .device = 2, .class_code = 0x050210};
	struct doe_dev *d = container_of(dev, struct doe_dev, pci.dev);

	if (!pci_dev_init(&d->pci, &ids, env, err))
		return false;
	pci_msix_add(&d->pci, 0, 2, 0, 0x1000, 0, 0x800);
	d->doe = pci_doe_add(&d->pci, 0, true, 1, protocols, ARRAY_SIZE(protocols), d);
	return true;
}

static void doe_dev_reset(struct dev *dev, unsigned kind)
{
	pci_dev_reset(container_of(dev, struct pci_dev, dev), kind);
}

static void doe_dev_destroy(struct dev *dev)
{
	struct doe_dev *d = container_of(dev, struct doe_dev, pci.dev);

	pci_doe_free(d->doe);
	pci_dev_fini(&d->pci);
}

static const struct dev_class doe_dev_class = {
	.name = "doe-dev",
	.doc = "test function",
	.size = sizeof(struct doe_dev),
	.plugs = BUS_PCIE,
	.props = (const struct prop[]){{}},
	.common = pci_dev_props,
	.create = doe_dev_create,
	.reset = doe_dev_reset,
	.destroy = doe_dev_destroy,
};

static bool msi_dev_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 1, .device = 2, .class_code = 0x050210};
	struct doe_dev *d = container_of(dev, struct doe_dev, pci.dev);

	if (!pci_dev_init(&d->pci, &ids, env, err))
		return false;
	pci_msi_add(&d->pci, 0, 2);
	d->doe = pci_doe_add(&d->pci, 0, true, 1, protocols, ARRAY_SIZE(protocols), d);
	return true;
}

static const struct dev_class msi_dev_class = {
	.name = "msi-dev",
	.doc = "test function",
	.size = sizeof(struct doe_dev),
	.plugs = BUS_PCIE,
	.props = (const struct prop[]){{}},
	.common = pci_dev_props,
	.create = msi_dev_create,
	.reset = doe_dev_reset,
	.destroy = doe_dev_destroy,
};

#define DOE(reg) ecam(0, 1, 0, 0x100 + (reg))

static struct doe_dev *start(struct fixture *f)
{
	struct doe_dev *d = container_of(fixture_must_add(f, &doe_dev_class, NULL, "addr=1"), struct doe_dev, pci.dev);

	d->answer_dwords = 3;
	assert_int_equal(rd(f, DOE(0), 2), PCI_EXT_CAP_DOE);
	assert_int_equal(rd(f, DOE(DOE_CAP), 4), 3); /* interrupts, message 1 */
	return d;
}

/* Sends count DWORDs and Go; returns Status. */
static u32 send(struct fixture *f, const u32 *dwords, u32 count)
{
	for (u32 n = 0; n < count; n++)
		wr(f, DOE(DOE_WRITE), 4, dwords[n]);
	wr(f, DOE(DOE_CTRL), 4, rd(f, DOE(DOE_CTRL), 4) | DOE_CTRL_GO);
	return rd(f, DOE(DOE_STATUS), 4) & ~DOE_STATUS_INTERRUPT;
}

static u32 take(struct fixture *f)
{
	u32 value = rd(f, DOE(DOE_READ), 4);

	wr(f, DOE(DOE_READ), 4, 0);
	return value;
}

static void abort_it(struct fixture *f)
{
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_ABORT);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4) & ~DOE_STATUS_INTERRUPT, 0);
	assert_int_equal(rd(f, DOE(DOE_READ), 4), 0);
}

static void discovery_walks_all_protocols(void **state)
{
	struct fixture *f = fixture_new();
	const u32 expected[] = {0x01000001, 0x02021e98, 0x00001e98};
	u32 index = 0;

	start(f);
	for (unsigned n = 0; n < 3; n++) {
		const u32 request[] = {1, 3, index};
		u32 answer;

		assert_int_equal(send(f, request, 3), DOE_STATUS_READY);
		assert_int_equal(take(f), 1);
		assert_int_equal(take(f), 3);
		answer = take(f);
		assert_int_equal(answer, expected[n]);
		assert_int_equal(rd(f, DOE(DOE_STATUS), 4) & DOE_STATUS_READY, 0);
		index = answer >> 24;
	}
	assert_int_equal(index, 0);
	fixture_free(f);
}

static void protocol_gets_the_whole_object(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d = start(f);
	const u32 request[] = {0x00021e98, 3, 0x12345678};

	d->answer_dwords = DOE_OBJECT_DWORDS_MAX;
	assert_int_equal(send(f, request, 3), DOE_STATUS_READY);
	assert_int_equal(take(f), 0x00021e98);
	assert_int_equal(take(f), DOE_OBJECT_DWORDS_MAX);
	assert_int_equal(take(f), ~0x12345678u);
	for (u32 n = 3; n < DOE_OBJECT_DWORDS_MAX; n++)
		assert_int_equal(take(f), n);
	assert_int_equal(take(f), 0); /* more than there is */
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4) & DOE_STATUS_READY, 0);
	fixture_free(f);
}

/* [PCIe6 6.30.1] */
static void wrong_objects_are_thrown_away(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d = start(f);
	const u32 zero_length[] = {0x00021e98, 0, 1}, longer[] = {0x00021e98, 4, 1}, shorter[] = {0x00021e98, 2, 1};
	const u32 unknown[] = {0x00031e98, 3, 1}, right[] = {0x00021e98, 3, 1}, more[] = {1, 4, 1, ~0u};
	const struct {
		const u32 *dwords;
		u32 count;
	} wrong[] = {
		{zero_length, 3}, {longer, 3}, {shorter, 3}, {unknown, 3}, {longer, 1}, {longer, 0},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		assert_int_equal(send(f, wrong[n].dwords, wrong[n].count), 0);
		assert_int_equal(rd(f, DOE(DOE_STATUS), 4), 0);
		assert_int_equal(d->calls, n);
		assert_int_equal(send(f, right, 3), DOE_STATUS_READY);
		wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
		abort_it(f);
	}
	/* What is longer than its protocol has it counts as far as that. */
	assert_int_equal(send(f, more, 4), DOE_STATUS_READY);
	assert_int_equal(take(f), 1);
	assert_int_equal(take(f), 3);
	assert_int_equal(take(f), 0x02021e98);
	fixture_free(f);
}

static void what_has_no_answer_sets_error_until_abort(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d = start(f);
	const u32 too_short[] = {0x00021e98, 2}, discovery[] = {1, 2}, reserved[] = {0x00021e98, 0xfffc0003, 1};

	for (unsigned n = 0; n < 2; n++) {
		assert_int_equal(send(f, n ? discovery : too_short, 2), DOE_STATUS_ERROR);
		assert_int_equal(send(f, reserved, 3), DOE_STATUS_ERROR); /* Error stays */
		abort_it(f);
	}
	assert_int_equal(d->calls, 0);
	assert_int_equal(send(f, reserved, 3), DOE_STATUS_READY); /* reserved bits beside the length do not matter */
	abort_it(f);
	d->answer_dwords = 0;
	assert_int_equal(send(f, reserved, 3), DOE_STATUS_ERROR);
	abort_it(f);
	fixture_free(f);
}

static void endless_writes_are_bounded(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d = start(f);

	for (u32 n = 0; n < 3 * DOE_OBJECT_DWORDS_MAX; n++) {
		wr(f, DOE(DOE_WRITE), 4, n ? 3 * DOE_OBJECT_DWORDS_MAX : 0x00021e98);
		assert_int_equal(rd(f, DOE(DOE_STATUS), 4) & DOE_STATUS_ERROR,
				 n < DOE_OBJECT_DWORDS_MAX ? 0 : DOE_STATUS_ERROR);
	}
	assert_int_equal(send(f, NULL, 0), DOE_STATUS_ERROR);
	assert_int_equal(d->calls, 0);
	abort_it(f);
	for (u32 n = 0; n < 100; n++)
		take(f); /* nothing to take */
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4) & ~DOE_STATUS_INTERRUPT, 0);
	fixture_free(f);
}

static void go_while_ready_and_bytes_do_no_harm(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d;
	const u32 request[] = {0x00021e98, 3, 5};

	d = start(f);
	assert_int_equal(send(f, request, 3), DOE_STATUS_READY);
	assert_int_equal(send(f, request, 3), DOE_STATUS_READY); /* ignored; its object waits */
	assert_int_equal(take(f), 0x00021e98);
	wr(f, DOE(DOE_CTRL), 8, DOE_CTRL_GO | (u64)~0u << 32);
	abort_it(f);
	for (unsigned n = 0; n < 5; n++) {
		wr(f, DOE(DOE_WRITE) + (n < 4 ? n : 2), n < 4 ? 1 : 2, 7);
		assert_int_equal(rd(f, DOE(DOE_STATUS), 4) & ~DOE_STATUS_INTERRUPT, DOE_STATUS_ERROR);
		abort_it(f);
	}
	assert_int_equal(send(f, request, 3), DOE_STATUS_READY);
	pci_function_reset(&d->pci, RESET_HOT);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), 0);
	fixture_free(f);
}

static void answers_interrupt_when_enabled(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d = start(f);
	const u32 request[] = {0x00021e98, 3, 5}, too_short[] = {0x00021e98, 2};

	wr(f, ecam(0, 1, 0, 0x10), 4, 0x10400000);
	wr(f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	wr(f, ecam(0, 1, 0, d->pci.msix.cap + MSIX_CTRL), 2, MSIX_CTRL_ENABLE);
	wr(f, 0x10400010, 8, DOORBELL);
	wr(f, 0x10400018, 8, 9);
	send(f, request, 3);
	assert_int_equal(f->message_count, 0);
	assert_true(rd(f, DOE(DOE_STATUS), 4) & DOE_STATUS_INTERRUPT);
	wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), DOE_STATUS_READY);
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_ABORT | DOE_CTRL_INTERRUPT);
	send(f, request, 3);
	assert_int_equal(f->message_count, 1);
	assert_int_equal(f->messages[0].data, 9);
	/* Once, until Interrupt Status is cleared. */
	for (unsigned n = 0; n < 3; n++)
		take(f);
	send(f, request, 3);
	assert_int_equal(f->message_count, 1);
	wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
	assert_int_equal(f->message_count, 1);
	send(f, too_short, 2); /* ignored: an answer waits */
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_ABORT | DOE_CTRL_INTERRUPT);
	send(f, request, 2); /* thrown away */
	assert_int_equal(f->message_count, 1);
	send(f, too_short, 2);
	assert_int_equal(f->message_count, 2);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), DOE_STATUS_ERROR | DOE_STATUS_INTERRUPT);
	/* Enabled while Interrupt Status waits: now, and once. */
	wr(f, DOE(DOE_CTRL), 4, 0);
	assert_int_equal(f->message_count, 2);
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_INTERRUPT);
	assert_int_equal(f->message_count, 3);
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_INTERRUPT);
	assert_int_equal(f->message_count, 3);
	wr(f, DOE(DOE_CTRL), 4, 0);
	wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_INTERRUPT);
	assert_int_equal(f->message_count, 3);
	fixture_free(f);
}

/* [PCIe6 7.9.24.2] */
static void message_number_follows_the_messages_given(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d = container_of(fixture_must_add(f, &msi_dev_class, NULL, "addr=1"), struct doe_dev, pci.dev);
	const u32 request[] = {0x00021e98, 3, 5};

	d->answer_dwords = 3;
	wr(f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MASTER);
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_ADDRESS), 4, DOORBELL);
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_DATA), 2, 8);
	for (u32 given = 0; given < 4; given++) {
		u32 number = given ? 1 : 0; /* two are there, whatever is given */

		wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_CTRL), 2, given << 4 | MSI_CTRL_ENABLE);
		assert_int_equal(rd(f, DOE(DOE_CAP), 4), 1 | number << 1);
		wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
		wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_ABORT | DOE_CTRL_INTERRUPT);
		send(f, request, 3);
		assert_int_equal(f->message_count, given + 1);
		assert_int_equal(f->messages[given].data, 8 + number);
	}
	/* Of two messages the function has bit 0 of the data to itself; of one, nothing. [PCIe5 7.7.1.5] */
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_DATA), 2, 9);
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_CTRL), 2, MSI_CTRL_ENABLE);
	pci_msi_notify(&d->pci, 0);
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_CTRL), 2, 1 << 4 | MSI_CTRL_ENABLE);
	pci_msi_notify(&d->pci, 0);
	pci_msi_notify(&d->pci, 1);
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_CTRL), 2, MSI_CTRL_ENABLE);
	pci_msi_notify(&d->pci, 1);
	assert_int_equal(f->messages[4].data, 9);
	assert_int_equal(f->messages[5].data, 8);
	assert_int_equal(f->messages[6].data, 9);
	assert_int_equal(f->messages[7].data, 9);
	/* One that waits while it is taken away comes as one that is left, once. */
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_CTRL), 2, 1 << 4 | MSI_CTRL_ENABLE);
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_MASK), 4, 2);
	pci_msi_notify(&d->pci, 1);
	assert_int_equal(f->message_count, 8);
	assert_int_equal(rd(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_PENDING), 4), 2);
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_CTRL), 2, MSI_CTRL_ENABLE);
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_MASK), 4, 0);
	assert_int_equal(f->message_count, 9);
	assert_int_equal(rd(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_PENDING), 4), 0);
	/* One that waits behind a mask is withdrawn when software that polls clears Interrupt Status. [PCIe5 6.1.4.5]
	 */
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_MASK), 4, 1);
	wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_ABORT | DOE_CTRL_INTERRUPT);
	send(f, request, 3);
	assert_int_equal(rd(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_PENDING), 4), 1);
	wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
	assert_int_equal(rd(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_PENDING), 4), 0);
	wr(f, ecam(0, 1, 0, d->pci.cap_msi + MSI_MASK), 4, 0);
	assert_int_equal(f->message_count, 9);
	pci_function_reset(&d->pci, RESET_HOT);
	assert_int_equal(rd(f, DOE(DOE_CAP), 4), 1);
	fixture_free(f);
}

#define DELAY_NS 10000

static void busy_until_the_answer_is_ready(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d = start(f);
	const u32 request[] = {0x00021e98, 3, 5}, wrong[] = {0x00021e98, 4, 5}, too_short[] = {0x00021e98, 2};

	pci_doe_set_delay(d->doe, DELAY_NS);
	assert_int_equal(send(f, request, 3), DOE_STATUS_BUSY);
	assert_int_equal(d->calls, 0);
	loop_time_advance(f->loop, DELAY_NS / 2);
	wr(f, DOE(DOE_WRITE), 4, 0xbad); /* lost */
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_GO);
	assert_int_equal(take(f), 0);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), DOE_STATUS_BUSY);
	loop_time_advance(f->loop, DELAY_NS);
	assert_int_equal(d->calls, 1);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), DOE_STATUS_READY | DOE_STATUS_INTERRUPT);
	assert_int_equal(take(f), 0x00021e98);
	assert_int_equal(take(f), 3);
	assert_int_equal(take(f), ~5u);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), DOE_STATUS_INTERRUPT);
	wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
	assert_int_equal(send(f, wrong, 3), DOE_STATUS_BUSY);
	loop_time_advance(f->loop, DELAY_NS);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), DOE_STATUS_INTERRUPT); /* Busy is over, and that is all */
	wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
	assert_int_equal(send(f, too_short, 2), DOE_STATUS_BUSY);
	loop_time_advance(f->loop, DELAY_NS);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), DOE_STATUS_ERROR | DOE_STATUS_INTERRUPT);
	fixture_free(f);
}

static void abort_and_reset_while_busy_answer_nothing(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d = start(f);
	const u32 request[] = {0x00021e98, 3, 5};

	pci_doe_set_delay(d->doe, DELAY_NS);
	assert_int_equal(send(f, request, 3), DOE_STATUS_BUSY);
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_ABORT);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), DOE_STATUS_INTERRUPT); /* Busy is over */
	wr(f, DOE(DOE_STATUS), 4, DOE_STATUS_INTERRUPT);
	loop_time_advance(f->loop, 2 * DELAY_NS);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), 0);
	assert_int_equal(send(f, request, 3), DOE_STATUS_BUSY);
	pci_function_reset(&d->pci, RESET_HOT);
	loop_time_advance(f->loop, 2 * DELAY_NS);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), 0);
	assert_int_equal(d->calls, 0);
	assert_int_equal(send(f, request, 3), DOE_STATUS_BUSY); /* destroyed while busy */
	fixture_free(f);
}

static void asynchronous_messages_are_absent(void **state)
{
	struct fixture *f = fixture_new();

	start(f);
	assert_int_equal(rd(f, DOE(DOE_CAP), 4) & 0x3000, 0);
	wr(f, DOE(DOE_CTRL), 4, DOE_CTRL_ATTENTION_OFF | DOE_CTRL_ASYNC);
	assert_int_equal(rd(f, DOE(DOE_CTRL), 4), 0);
	fixture_free(f);
}

static void a_reset_on_the_way_leaves_no_answer(void **state)
{
	struct fixture *f = fixture_new();
	struct doe_dev *d = start(f);
	const u32 request[] = {0x00021e98, 3, 5};

	d->resets = true;
	assert_int_equal(send(f, request, 3), 0);
	pci_doe_set_delay(d->doe, DELAY_NS);
	assert_int_equal(send(f, request, 3), DOE_STATUS_BUSY);
	loop_time_advance(f->loop, 2 * DELAY_NS);
	assert_int_equal(d->calls, 2);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), 0);
	assert_int_equal(rd(f, DOE(DOE_READ), 4), 0);
	d->resets = false;
	assert_int_equal(send(f, request, 3), DOE_STATUS_BUSY);
	loop_time_advance(f->loop, 2 * DELAY_NS);
	assert_int_equal(rd(f, DOE(DOE_STATUS), 4), DOE_STATUS_READY | DOE_STATUS_INTERRUPT);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(discovery_walks_all_protocols),
		cmocka_unit_test(protocol_gets_the_whole_object),
		cmocka_unit_test(wrong_objects_are_thrown_away),
		cmocka_unit_test(what_has_no_answer_sets_error_until_abort),
		cmocka_unit_test(endless_writes_are_bounded),
		cmocka_unit_test(go_while_ready_and_bytes_do_no_harm),
		cmocka_unit_test(answers_interrupt_when_enabled),
		cmocka_unit_test(message_number_follows_the_messages_given),
		cmocka_unit_test(busy_until_the_answer_is_ready),
		cmocka_unit_test(abort_and_reset_while_busy_answer_nothing),
		cmocka_unit_test(a_reset_on_the_way_leaves_no_answer),
		cmocka_unit_test(asynchronous_messages_are_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
