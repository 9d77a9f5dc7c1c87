/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guests/doetest against mailboxes that are not as they should be: it ends, says FAIL and exits with 1, and writes to
 * no register that is not a mailbox's. The program is compiled in whole, for the host; config space is a function here,
 * and time goes on by itself. [PCIe6 6.30]
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int fake_open(const char *path, int flags);
static ssize_t fake_pread(int fd, void *to, size_t size, off_t at);
static ssize_t fake_pwrite(int fd, const void *from, size_t size, off_t at);
static int fake_clock(clockid_t clock, struct timespec *t);

#define open fake_open
#define pread fake_pread
#define pwrite fake_pwrite
#define clock_gettime fake_clock
#define main doetest_main
int doetest_main(int argc, char **argv);
#include "../../../guests/doetest/doetest.c"
#include "../../../guests/doetest/mailbox.c"
#undef main
#undef open
#undef pread
#undef pwrite
#undef clock_gettime

#define DOE_AT 0x190
#define OBJECT_DWORDS 64

/* What the mailbox does; 0: as it should. */
enum broken { RIGHT, SHORT_OBJECT, LONG_OBJECT, EMPTY, STUCK_BUSY, NEVER_READY, GONE, ENDLESS_INDEX, ENDLESS_CDAT };

static struct {
	enum broken broken;
	uint32_t status, control;
	uint32_t in[OBJECT_DWORDS], out[OBJECT_DWORDS];
	unsigned in_count, out_count, out_at;
	unsigned exchanges, stray_writes, accesses;
	uint64_t ns;
} doe;

static int fake_open(const char *path, int flags)
{
	assert_string_equal(path, "/sys/bus/pci/devices/0000:81:00.0/config");
	return 100;
}

static int fake_clock(clockid_t clock, struct timespec *t)
{
	doe.ns += 1000000;
	*t = (struct timespec){.tv_sec = (time_t)(doe.ns / SECOND), .tv_nsec = (long)(doe.ns % SECOND)};
	return 0;
}

static void answer(const uint32_t *payload, unsigned count)
{
	doe.out[0] = doe.in[0];
	doe.out[1] = 2 + count;
	memcpy(doe.out + 2, payload, count * 4);
	doe.out_count = 2 + count;
	doe.out_at = 0;
}

static void go(void)
{
	uint32_t index = doe.in[2] & 0xff, handle = doe.in[2] >> 16;

	doe.exchanges++;
	if (doe.broken == NEVER_READY) {
		doe.status |= STATUS_BUSY;
		return;
	}
	if (doe.in[0] == (VENDOR_CXL | PROTOCOL_CDAT << 16)) {
		/* A header that says 24 bytes, and a structure of 8. */
		static const uint8_t header[16] = {24, 0, 0, 0, 1, 0xd9}, dsis[8] = {3, 0, 8, 0, 1, 2};
		uint32_t payload[5] = {handle ? 0xffff0000 : 0x10000};

		if (doe.broken == ENDLESS_CDAT)
			payload[0] = 0x10000;
		memcpy(payload + 1, handle ? dsis : header, handle ? 8 : 16);
		answer(payload, handle ? 3 : 5);
	} else if (doe.in[0] == (VENDOR_CXL | PROTOCOL_COMPLIANCE << 16)) {
		answer((uint32_t[]){doe.in[2] & 0xff}, 1);
	} else {
		static const uint32_t protocols[] = {VENDOR_PCISIG | 1u << 24, VENDOR_CXL | 2u << 24 | 2u << 16,
						     VENDOR_CXL};
		uint32_t protocol = protocols[index % 3];

		answer((uint32_t[]){doe.broken == ENDLESS_INDEX ? VENDOR_PCISIG | 1u << 24 : protocol}, 1);
	}
	if (doe.broken == SHORT_OBJECT)
		doe.out[1] += 2;
	if (doe.broken == LONG_OBJECT)
		doe.out_count++;
	if (doe.broken == EMPTY)
		doe.out_count = 0;
	doe.status |= STATUS_READY | STATUS_INTERRUPT;
}

static uint32_t register_read(unsigned at)
{
	switch (at) {
	case 0x100: return DOE_AT << 20 | 1 << 16 | 0x0b;
	case DOE_AT: return 1 << 16 | EXTENDED_DOE;
	case DOE_AT + DOE_CAP: return CAP_INTERRUPT;
	case DOE_AT + DOE_CONTROL: return doe.control;
	case DOE_AT + DOE_STATUS: return doe.status;
	case DOE_AT + DOE_READ: return doe.out_at < doe.out_count ? doe.out[doe.out_at] : 0;
	}
	return 0;
}

static ssize_t fake_pread(int fd, void *to, size_t size, off_t at)
{
	uint32_t value = doe.broken == GONE && at != DOE_AT && at != 0x100 ? 0xffffffff : register_read((unsigned)at);

	/* The bound of everything here. */
	assert_true(++doe.accesses < 100000);
	assert_int_equal(size, 4);
	memcpy(to, &value, 4);
	return 4;
}

static ssize_t fake_pwrite(int fd, const void *from, size_t size, off_t at)
{
	uint32_t value;

	assert_int_equal(size, 4);
	memcpy(&value, from, 4);
	switch (at) {
	case DOE_AT + DOE_CONTROL:
		doe.control = value & CONTROL_INTERRUPT;
		if (value & CONTROL_ABORT) {
			doe.in_count = doe.out_count = 0;
			if (doe.broken != STUCK_BUSY)
				doe.status &= STATUS_INTERRUPT;
		} else if (value & CONTROL_GO) {
			go();
			doe.in_count = 0;
		}
		break;
	case DOE_AT + DOE_STATUS: doe.status &= ~(value & STATUS_INTERRUPT); break;
	case DOE_AT + DOE_WRITE:
		if (doe.in_count < OBJECT_DWORDS)
			doe.in[doe.in_count++] = value;
		break;
	case DOE_AT + DOE_READ:
		if (doe.out_at < doe.out_count && ++doe.out_at >= doe.out_count)
			doe.status &= ~STATUS_READY;
		if (!doe.out_count)
			doe.status &= ~STATUS_READY;
		break;
	default: doe.stray_writes++;
	}
	return 4;
}

/* Its exit code, of "doetest WORDS". */
static int run(enum broken broken, const char *words)
{
	char text[256], *argv[16] = {(char[]){"doetest"}};
	int argc = 1;

	memset(&doe, 0, sizeof(doe));
	doe.broken = broken;
	doe.status = broken == STUCK_BUSY ? STATUS_BUSY : 0;
	snprintf(text, sizeof(text), "%s", words);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	optind = 0;
	return doetest_main(argc, argv);
}

static void a_right_mailbox_passes(void **state)
{
	assert_int_equal(run(RIGHT, "-d 0000:81:00.0"), 0);
	assert_int_equal(doe.exchanges, 3);
	assert_int_equal(run(RIGHT, "-d 0000:81:00.0 -l -c -C -t -i 6:02"), 0);
	assert_int_equal(run(RIGHT, "-d 0000:81:00.0 -o 190 -l"), 0);
	assert_int_equal(doe.stray_writes, 0);
}

static void a_broken_mailbox_fails(void **state)
{
	for (enum broken broken = SHORT_OBJECT; broken <= ENDLESS_INDEX; broken++)
		assert_int_equal(run(broken, "-d 0000:81:00.0 -l"), 1);
	for (enum broken broken = SHORT_OBJECT; broken <= ENDLESS_CDAT; broken++)
		if (broken != ENDLESS_INDEX)
			assert_int_equal(run(broken, "-d 0000:81:00.0 -c"), 1);
	assert_int_equal(run(SHORT_OBJECT, "-d 0000:81:00.0 -C"), 1);
	assert_int_equal(run(SHORT_OBJECT, "-d 0000:81:00.0 -t"), 1);
}

static void abort_keeps_interrupts_enabled(void **state)
{
	struct mailbox m = {.fd = 100, .config = true, .offset = DOE_AT};

	memset(&doe, 0, sizeof(doe));
	doe.control = CONTROL_INTERRUPT;
	assert_int_equal(mailbox_abort(&m), 0);
	assert_int_equal(doe.control, CONTROL_INTERRUPT);
}

/* Registers of another capability are not written to. */
static void an_offset_is_a_mailboxs(void **state)
{
	static const char *const offsets[] = {"100", "194", "191", "0", "1000", "18c"};

	for (unsigned n = 0; n < sizeof(offsets) / sizeof(offsets[0]); n++) {
		char words[64];

		snprintf(words, sizeof(words), "-d 0000:81:00.0 -o %s -l", offsets[n]);
		assert_int_equal(run(RIGHT, words), 1);
		assert_int_equal(doe.stray_writes + doe.exchanges, 0);
	}
}

static void wrong_command_lines_do_nothing(void **state)
{
	static const char *const wrong[] = {
		"",
		"-l",
		"-f a -d b",
		"-d 0000:81:00.0 word",
		"-d 0000:81:00.0 -x",
		"-d 0000:81:00.0 -o 19g -l",
		"-d 0000:81:00.0 -o -1 -l",
		"-f /dev/pcidoe/doe[0000:81:00.0]_190 -o 190",
		"-f /dev/pcidoe/doe[0000:81:00.0]_190 -e",
		"-f /dev/pcidoe/doe[0000:81:00.0]_190 -t",
		"-d 0000:81:00.0 -l -i 13",
		"-d 0000:81:00.0 -l -i 6:0",
		"-d 0000:81:00.0 -l -i 6:zz",
		"-d 0000:81:00.0 -l -i 6:+1",
		"-d 0000:81:00.0 -l -i 6:0102030405",
		"-d 0000:81:00.0 -l -i :00",
		"-d 0000:81:00.0 -l -i -1",
	};

	for (unsigned n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++) {
		assert_int_equal(run(RIGHT, wrong[n]), 2);
		assert_int_equal(doe.accesses, 0);
	}
	assert_int_equal(run(RIGHT, "-h"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_mailbox_passes),         cmocka_unit_test(a_broken_mailbox_fails),
		cmocka_unit_test(abort_keeps_interrupts_enabled), cmocka_unit_test(an_offset_is_a_mailboxs),
		cmocka_unit_test(wrong_command_lines_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
