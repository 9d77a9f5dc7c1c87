/* SPDX-License-Identifier: BSD-2-Clause */
/* fw_cfg: byte order, directory, DMA and its bounds. */
#include <endian.h>

#include "bench.h"

#define DATA 0
#define SELECTOR 8
#define DMA 16
#define REQUEST (RAM_BASE + 0x1000)
#define BUFFER (RAM_BASE + 0x200000)

static struct bench bench;
static struct fw_cfg *fw;

static int setup(void **state)
{
	bench_open(&bench);
	fw = fw_cfg_create(bench.loop, bench.space, BASE, 4);
	*state = &bench;
	return 0;
}

static int teardown(void **state)
{
	fw_cfg_destroy(fw);
	bench_close(&bench);
	return 0;
}

static void choose(struct bench *b, u16 key)
{
	put(b, SELECTOR, 2, htobe16(key));
}

/* Runs a DMA request; returns the control word that comes back. */
static u32 dma(struct bench *b, u32 control, u32 length, u64 address)
{
	struct {
		u32 control, length;
		u64 address;
	} request = {htobe32(control), htobe32(length), htobe64(address)};

	assert_true(dma_write(b->space, REQUEST, &request, sizeof(request)));
	put(b, DMA, 4, htobe32((u32)(REQUEST >> 32)));
	put(b, DMA + 4, 4, htobe32((u32)REQUEST));
	assert_true(dma_read(b->space, REQUEST, &control, sizeof(control)));
	return be32toh(control);
}

static void signature_and_id(void **state)
{
	struct bench *b = *state;
	u8 text[8];

	assert_int_equal(get(b, DATA, 1), 'Q'); /* selected at reset */
	choose(b, 0);
	assert_int_equal(get(b, DATA, 4), load_le("QEMU", 4));
	assert_int_equal(get(b, DATA, 4), 0); /* past the end */
	choose(b, 1);
	assert_int_equal(get(b, DATA, 8), 3);
	choose(b, 5);
	assert_int_equal(get(b, DATA, 2), 4);
	store_le(text, 8, get(b, DMA, 8));
	assert_memory_equal(text, "QEMU CFG", 8);
	assert_int_equal(get(b, DMA + 4, 4), load_le(" CFG", 4));
	choose(b, 0x7777);
	assert_int_equal(get(b, DATA, 8), 0);
}

static void directory_lists_files(void **state)
{
	struct bench *b = *state;
	struct error err = {{0}};
	char name[56];
	u8 entry[64];

	assert_true(fw_cfg_add_file(fw, "etc/one", "1234567", 7, &err));
	assert_true(fw_cfg_add_file(fw, "etc/two", "ab", 2, &err));
	assert_false(fw_cfg_add_file(fw, "etc/two", "ab", 2, &err));
	assert_false(fw_cfg_add_file(fw, "", "ab", 2, &err));
	memset(name, 'x', sizeof(name));
	name[55] = 0;
	assert_true(fw_cfg_add_file(fw, name, "", 0, &err));
	assert_false(fw_cfg_add_file(fw, "01234567890123456789012345678901234567890123456789012345", "", 0, &err));
	assert_false(fw_cfg_add_item(fw, 0x20, "x", 1)); /* taken */
	choose(b, 0x19);
	assert_int_equal(get(b, DATA, 4), htobe32(3));
	for (unsigned n = 0; n < 64; n++)
		entry[n] = (u8)get(b, DATA, 1);
	assert_int_equal(load_le(entry, 4), htobe32(7));
	assert_int_equal(load_le(entry + 4, 2), htobe16(0x20));
	assert_string_equal((char *)entry + 8, "etc/one");
	choose(b, 0x21);
	assert_int_equal(get(b, DATA, 8), load_le("ab\0\0\0\0\0\0", 8));
}

static void dma_reads_select_and_skip(void **state)
{
	struct bench *b = *state;
	struct error err;
	char text[16];

	assert_true(fw_cfg_add_file(fw, "f", "hello, world", 12, &err));
	memset(b->ram.host + (BUFFER - RAM_BASE), 0xee, 32);
	assert_int_equal(dma(b, 0x20 << 16 | 8 | 2, 5, BUFFER), 0);
	assert_int_equal(dma(b, 4, 2, 0), 0);
	assert_int_equal(dma(b, 2, 8, BUFFER + 8), 0); /* 5 bytes and 3 zeroes */
	assert_true(dma_read(b->space, BUFFER, text, 16));
	assert_memory_equal(text, "hello\xee\xee\xeeworld\0\0\0", 16);
	assert_int_equal(b->ram.host[BUFFER - RAM_BASE + 16], 0xee);
}

static void dma_is_bounded(void **state)
{
	struct bench *b = *state;
	struct error err;

	assert_true(fw_cfg_add_file(fw, "f", "abc", 3, &err));
	assert_int_equal(dma(b, 0x20 << 16 | 8 | 2, 0xffffffff, BUFFER), 1); /* 4 GiB of zeroes */
	assert_int_equal(dma(b, 0x20 << 16 | 8 | 4, 0xffffffff, 0), 0);
	assert_int_equal(dma(b, 4, 0xffffffff, 0), 0);
	assert_int_equal(get(b, DATA, 8), 0);
	assert_int_equal(dma(b, 0x20 << 16 | 8 | 2, 3, 0x1000), 1); /* no memory there */
	assert_int_equal(dma(b, 0x20 << 16 | 8 | 2, 3, ~0ull), 1);  /* wraps */
	assert_int_equal(dma(b, 0x20 << 16 | 8 | 2, 3, BASE), 1);   /* a device */
	assert_int_equal(dma(b, 0x20 << 16 | 8 | 2, 16, RAM_BASE + RAM_BYTES - 8), 1);
	assert_int_equal(dma(b, 0x20 << 16 | 8 | 0x10, 3, BUFFER), 1); /* nothing is writable */
	assert_int_equal(dma(b, 0, 3, BUFFER), 0);
	choose(b, 0x20);
	assert_int_equal(get(b, DATA, 2), load_le("ab", 2));
	put(b, DMA, 8, htobe64(0x10)); /* the request itself is nowhere */
	put(b, DMA, 8, htobe64(~0ull));
	put(b, DATA, 4, 0x12345678);
	put(b, SELECTOR, 4, 0x12345678);
	assert_int_equal(get(b, DATA, 1), 'c');
	choose(b, 0x20);
	assert_int_equal(get(b, DATA, 4), load_le("abc", 4));
}

static u32 selected;

static void on_select(void *opaque)
{
	char text[8];

	snprintf(text, sizeof(text), "v%u", ++selected);
	assert_true(fw_cfg_replace_file(fw, "made", text, strlen(text)));
}

static void a_file_may_be_made_when_selected(void **state)
{
	struct bench *b = *state;
	struct error err;

	assert_true(fw_cfg_add_file(fw, "made", "", 0, &err));
	assert_true(fw_cfg_on_select(fw, "made", on_select, NULL));
	assert_false(fw_cfg_on_select(fw, "other", on_select, NULL));
	assert_false(fw_cfg_replace_file(fw, "other", "", 0));
	choose(b, 0x20);
	assert_int_equal(get(b, DATA, 4), load_le("v1\0", 4));
	assert_int_equal(dma(b, 0x20 << 16 | 8 | 2, 2, BUFFER), 0);
	assert_memory_equal(b->ram.host + (BUFFER - RAM_BASE), "v2", 2);
	fw_cfg_reset(fw);
	assert_int_equal(get(b, DATA, 1), 'Q');
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(signature_and_id),
		T(directory_lists_files),
		T(dma_reads_select_and_skip),
		T(dma_is_bounded),
		T(a_file_may_be_made_when_selected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
