/* SPDX-License-Identifier: BSD-2-Clause */
/* PL011: FIFOs, interrupt levels, receive timeout, flow control, loopback, errors. [DDI0183] */
#include "bench.h"

#include "host/host.h"

#define DR 0x00
#define RSR 0x04
#define FR 0x18
#define LCR 0x2c
#define CR 0x30
#define IFLS 0x34
#define IMSC 0x38
#define RIS 0x3c
#define MIS 0x40
#define ICR 0x44

#define RX BIT(4)
#define TX BIT(5)
#define RT BIT(6)

struct chardev {
	size_t (*can_take)(void *opaque);
	void (*take)(void *opaque, const u8 *bytes, size_t size);
	void *opaque;
	u8 output[256], input[256];
	size_t output_count, input_count, input_at;
};

void chardev_write(struct chardev *c, const u8 *bytes, size_t size)
{
	assert_true(c->output_count + size <= sizeof(c->output));
	memcpy(c->output + c->output_count, bytes, size);
	c->output_count += size;
}

void chardev_connect(struct chardev *c, size_t (*can_take)(void *opaque),
		     void (*take)(void *opaque, const u8 *bytes, size_t size), void *opaque)
{
	c->can_take = can_take;
	c->take = take;
	c->opaque = opaque;
}

void chardev_kick(struct chardev *c)
{
	while (c->input_at < c->input_count) {
		size_t room = c->can_take(c->opaque), part = MIN(room, c->input_count - c->input_at);

		if (!part)
			return;
		c->input_at += part;
		c->take(c->opaque, c->input + c->input_at - part, part);
	}
}

static struct bench bench;
static struct chardev chardev;
static struct pl011 *uart;

static void type(const char *text)
{
	size_t size = strlen(text);

	assert_true(chardev.input_count + size <= sizeof(chardev.input));
	memcpy(chardev.input + chardev.input_count, text, size);
	chardev.input_count += size;
	chardev_kick(&chardev);
}

static int setup(void **state)
{
	bench_open(&bench);
	memset(&chardev, 0, sizeof(chardev));
	uart = pl011_create(bench.loop, bench.space, BASE, bench_line(&bench), &chardev);
	*state = &bench;
	return 0;
}

static int teardown(void **state)
{
	pl011_destroy(uart);
	bench_close(&bench);
	return 0;
}

static void registers_keep_their_bits(void **state)
{
	struct bench *b = *state;
	static const u8 ids[8] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

	walk(b, 0x20, 0xff);
	walk(b, 0x24, 0xffff);
	walk(b, 0x28, 0x3f);
	walk(b, LCR, 0xff);
	walk(b, CR, 0xff87);
	walk(b, IFLS, 0x3f);
	walk(b, IMSC, 0x7ff);
	walk(b, 0x48, 7);
	walk(b, FR, 0);
	walk(b, 0x80, 0);
	for (unsigned n = 0; n < 8; n++) {
		assert_int_equal(get(b, 0xfe0 + 4 * n, 4), ids[n]);
		walk(b, 0xfe0 + 4 * n, 0);
	}
}

static void output_goes_out_at_once(void **state)
{
	struct bench *b = *state;

	put(b, DR, 4, 'h');
	put(b, DR, 1, 'i');
	put(b, DR, 2, '!');
	assert_int_equal(chardev.output_count, 3);
	assert_memory_equal(chardev.output, "hi!", 3);
	assert_int_equal(get(b, FR, 4) & 0xf8, 0x90);
	assert_int_equal(get(b, RIS, 4), TX);
	put(b, IMSC, 4, TX);
	assert_true(b->level);
	put(b, ICR, 4, TX);
	assert_false(b->level);
	put(b, DR, 4, '.');
	assert_true(b->level);
	put(b, IMSC, 4, 0);
	assert_false(b->level);
	assert_int_equal(get(b, MIS, 4), 0);
}

static void disabled_transmitter_holds_32(void **state)
{
	struct bench *b = *state;

	put(b, CR, 4, 0x300);
	for (unsigned n = 0; n < 32; n++) {
		assert_int_equal(get(b, FR, 4) & BIT(5), 0);
		put(b, DR, 4, 'a' + n % 26);
	}
	assert_int_equal(get(b, FR, 4) & (BIT(3) | BIT(5) | BIT(7)), BIT(3) | BIT(5)); /* BUSY, TXFF */
	put(b, DR, 4, '?');                                                            /* lost */
	assert_int_equal(chardev.output_count, 0);
	put(b, CR, 4, 0x301);
	assert_int_equal(chardev.output_count, 32);
	assert_int_equal(chardev.output[31], 'a' + 31 % 26);
	assert_int_equal(get(b, FR, 4) & (BIT(3) | BIT(5) | BIT(7)), BIT(7));
}

static void receive_interrupt_follows_the_level(void **state)
{
	static const u8 level[] = {4, 8, 16, 24, 28};
	struct bench *b = *state;

	put(b, IMSC, 4, RX);
	for (unsigned n = 0; n < 5; n++) {
		put(b, IFLS, 4, n << 3);
		for (unsigned i = 0; i < level[n]; i++) {
			assert_false(b->level);
			type("x");
			chardev.input_count = chardev.input_at = 0;
		}
		assert_true(b->level);
		assert_int_equal(get(b, DR, 4), 'x');
		assert_false(b->level); /* below the level */
		type("y");
		chardev.input_count = chardev.input_at = 0;
		assert_true(b->level);
		put(b, ICR, 4, RX);
		assert_false(b->level);
		while (!(get(b, FR, 4) & BIT(4)))
			get(b, DR, 4);
	}
	assert_int_equal(get(b, DR, 4), 0); /* empty */
}

static void timeout_tells_of_the_rest(void **state)
{
	struct bench *b = *state;

	put(b, IMSC, 4, RT);
	type("ab");
	assert_false(b->level);
	loop_time_advance(b->loop, 200000);
	assert_false(b->level);
	loop_time_advance(b->loop, 100000); /* 32 bits at 115200 baud are 278 us */
	assert_true(b->level);
	assert_int_equal(get(b, DR, 4), 'a');
	assert_true(b->level);
	assert_int_equal(get(b, DR, 4), 'b');
	assert_false(b->level);
	type("c");
	loop_time_advance(b->loop, 300000);
	put(b, ICR, 4, RT);
	assert_false(b->level);
	loop_time_advance(b->loop, 300000);
	assert_true(b->level); /* nobody has read it */
}

static void input_waits_for_room(void **state)
{
	struct bench *b = *state;
	char text[101] = "";

	for (unsigned n = 0; n < 100; n++)
		text[n] = (char)('0' + n % 10);
	type(text);
	assert_int_equal(chardev.input_at, 32);
	assert_int_equal(get(b, FR, 4) & BIT(6), BIT(6));
	for (unsigned n = 0; n < 100; n++)
		assert_int_equal(get(b, DR, 4), '0' + n % 10);
	assert_int_equal(get(b, FR, 4) & BIT(4), BIT(4));
	assert_int_equal(get(b, RIS, 4) & BIT(10), 0); /* no overrun */
	put(b, CR, 4, 0x101);                          /* receiver off */
	type("z");
	assert_int_equal(get(b, FR, 4) & BIT(4), BIT(4));
	put(b, CR, 4, 0x301);
	assert_int_equal(get(b, DR, 4), 'z');
}

static void without_fifos_one_character_fits(void **state)
{
	struct bench *b = *state;

	put(b, LCR, 4, 0x60);
	put(b, IMSC, 4, RX);
	type("pq");
	assert_true(b->level);
	assert_int_equal(chardev.input_at, 1);
	assert_int_equal(get(b, DR, 4), 'p');
	assert_true(b->level); /* the next came at once */
	assert_int_equal(get(b, DR, 4), 'q');
	assert_false(b->level);
}

static void loopback_returns_data_and_errors(void **state)
{
	struct bench *b = *state;

	put(b, CR, 4, 0x381 | BIT(11));                  /* LBE, RTS */
	assert_int_equal(get(b, FR, 4) & 0x107, BIT(0)); /* CTS only */
	assert_int_equal(get(b, RIS, 4) & 0xf, BIT(2) | BIT(3));
	for (unsigned n = 0; n < 33; n++)
		put(b, DR, 4, n);
	assert_int_equal(chardev.output_count, 0);
	assert_int_equal(get(b, RIS, 4) & BIT(10), BIT(10)); /* overrun */
	assert_int_equal(get(b, RSR, 4), 8);
	put(b, RSR, 4, 0xff);
	assert_int_equal(get(b, RSR, 4), 0);
	for (unsigned n = 0; n < 32; n++)
		assert_int_equal(get(b, DR, 4), n);
	put(b, LCR, 4, 0x71); /* break: the first character after an overrun says so */
	assert_int_equal(get(b, RIS, 4) & (BIT(9) | BIT(7)), BIT(9) | BIT(7));
	assert_int_equal(get(b, DR, 4), BIT(11) | BIT(10) | BIT(8));
	assert_int_equal(get(b, RSR, 4), 0xd);
	put(b, ICR, 4, 0x7ff);
	assert_int_equal(get(b, RIS, 4), 0);
}

static void reset_is_a_uart_that_firmware_left(void **state)
{
	struct bench *b = *state;

	put(b, IMSC, 4, 0x7ff);
	type("abc");
	put(b, CR, 4, 0);
	pl011_reset(uart);
	assert_false(b->level);
	assert_int_equal(get(b, CR, 4), 0x301);
	assert_int_equal(get(b, LCR, 4), 0x70);
	assert_int_equal(get(b, IFLS, 4), 0x12);
	assert_int_equal(get(b, RIS, 4), 0);
	assert_int_equal(get(b, FR, 4), 0x97);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(registers_keep_their_bits),          T(output_goes_out_at_once),
		T(disabled_transmitter_holds_32),      T(receive_interrupt_follows_the_level),
		T(timeout_tells_of_the_rest),          T(input_waits_for_room),
		T(without_fifos_one_character_fits),   T(loopback_returns_data_and_errors),
		T(reset_is_a_uart_that_firmware_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
