/* SPDX-License-Identifier: BSD-2-Clause */
/* Flash: the Intel command set on two chips side by side, locks, the image's file, sequences that no driver would send.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "host/host.h"
#include "host/qcow2.h"

#define BANK (BASE + 0x10000000) /* away from the bench's own devices */
#define BLOCK PFLASH_BLOCK_BYTES
#define READY 0x00800080u
#define FILE_SIZE (2 * BLOCK)

static char path[] = "/tmp/cxlvm-pflash-test";

struct flash_bench {
	struct bench b;
	struct block *image;
	struct pflash *flash;
};

static void flash_open(struct flash_bench *f, bool readonly)
{
	struct block_config config = {.id = "flash", .file = path, .format = "raw", .readonly = readonly};
	struct error err;

	f->image = block_open(&config, &err);
	assert_non_null(f->image);
	f->flash = pflash_create(f->b.space, "flash", BANK, f->image, &err);
	assert_non_null(f->flash);
}

static void flash_close(struct flash_bench *f)
{
	pflash_destroy(f->flash);
	block_close(f->image);
}

/* A file of two blocks that counts its bytes. */
static int setup(void **state)
{
	struct flash_bench *f = calloc(1, sizeof(*f));
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	for (u32 i = 0; i < FILE_SIZE / 4; i++)
		assert_int_equal(pwrite(fd, &i, 4, i * 4), 4);
	close(fd);
	bench_open(&f->b);
	flash_open(f, false);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct flash_bench *f = *state;

	flash_close(f);
	bench_close(&f->b);
	unlink(path);
	free(f);
	return 0;
}

static u64 rd(struct flash_bench *f, u64 offset, unsigned size)
{
	u64 value = 0;

	assert_int_equal(space_read(f->b.space, BANK + offset, size, &value), MEM_OK);
	return value;
}

static void wr(struct flash_bench *f, u64 offset, unsigned size, u64 value)
{
	assert_int_equal(space_write(f->b.space, BANK + offset, size, value), MEM_OK);
}

/* The same command to both chips. */
static void both(struct flash_bench *f, u64 offset, u16 command)
{
	wr(f, offset, 4, (u32)command << 16 | command);
}

static u32 on_disk(u64 offset)
{
	int fd = open(path, O_RDONLY);
	u32 value = 0;

	assert_int_equal(pread(fd, &value, 4, (off_t)offset), 4);
	close(fd);
	return value;
}

/* Whether the guest reads the array without asking the device. */
static bool is_direct(struct flash_bench *f)
{
	const struct range *range = space_lookup(f->b.space, BANK);

	return range && range->region->host;
}

static void reads_are_direct_until_a_command(void **state)
{
	struct flash_bench *f = *state;

	assert_true(is_direct(f));
	assert_int_equal(rd(f, 8, 8), 0x0000000300000002);
	assert_int_equal(rd(f, 5, 1), 0);
	assert_int_equal(rd(f, FILE_SIZE, 8), UINT64_MAX); /* behind the file: erased */
	assert_int_equal(rd(f, PFLASH_BANK_BYTES - 8, 8), UINT64_MAX);
	both(f, 0, 0x70);
	assert_false(is_direct(f));
	assert_int_equal(rd(f, 0x1234, 4), READY);
	assert_int_equal(rd(f, 0x1234, 1), 0x80);
	both(f, 0, 0xff);
	assert_true(is_direct(f));
	wr(f, 0, 2, 0x70); /* one chip only */
	assert_int_equal(rd(f, 4, 4), 0x00000080);
	wr(f, 0, 2, 0xff);
	assert_true(is_direct(f));
}

static void words_are_programmed_into_the_file(void **state)
{
	struct flash_bench *f = *state;

	both(f, 0x20, 0x40);
	assert_int_equal(rd(f, 0x20, 4), READY);
	wr(f, 0x20, 4, 0x12345670); /* bits only fall: 8 & 0x70 */
	assert_int_equal(rd(f, 0x20, 4), READY);
	both(f, 0, 0xff);
	assert_int_equal(rd(f, 0x20, 4), 0);
	assert_int_equal(on_disk(0x20), 0);
	both(f, 0x40, 0x10);
	wr(f, 0x40, 4, 0xffff0010);
	assert_int_equal(on_disk(0x40), 0x10);
	/* A byte leaves the other one of its word alone. */
	wr(f, 0x404, 2, 0x40);
	wr(f, 0x404, 1, 0);
	both(f, 0, 0xff);
	assert_int_equal(rd(f, 0x404, 4), 0x100);
}

static void blocks_are_erased_in_the_file(void **state)
{
	struct flash_bench *f = *state;

	both(f, BLOCK + 0x100, 0x20);
	both(f, BLOCK + 0x100, 0xd0);
	assert_int_equal(rd(f, 0, 4), READY);
	both(f, 0, 0xff);
	assert_int_equal(rd(f, BLOCK, 8), UINT64_MAX);
	assert_int_equal(rd(f, 2 * BLOCK - 8, 8), UINT64_MAX);
	assert_int_equal(rd(f, BLOCK - 4, 4), BLOCK / 4 - 1);
	assert_int_equal(on_disk(BLOCK), UINT32_MAX);
	assert_int_equal(on_disk(2 * BLOCK - 4), UINT32_MAX);
	assert_int_equal(on_disk(BLOCK - 4), BLOCK / 4 - 1);
}

/* The file takes the first half of the block, and then no more. */
static void what_a_full_disk_cuts_short_is_undone(void **state)
{
	struct flash_bench *f = *state;
	struct rlimit before, little;
	char said[512];
	int ends[2], saved;
	ssize_t got;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = before;
	little.rlim_cur = BLOCK / 2;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	both(f, 0x100, 0x20);
	both(f, 0x100, 0xd0);
	assert_int_equal(rd(f, 0, 4), READY | 0x00200020);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	dup2(saved, STDERR_FILENO);
	got = read(ends[0], said, sizeof(said) - 1);
	assert_true(got > 0); /* one line, of two refused chips */
	said[got] = 0;
	assert_non_null(strstr(said, path));
	assert_non_null(strstr(said, "disk is full"));
	assert_ptr_equal(strchr(said, '\n'), said + got - 1);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	both(f, 0, 0xff);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(rd(f, i * 4, 4), i);
		assert_int_equal(on_disk(i * 4), i);
	}
}

static void a_buffer_is_programmed(void **state)
{
	struct flash_bench *f = *state;

	both(f, BLOCK, 0x20);
	both(f, BLOCK, 0xd0);
	both(f, BLOCK + 0x80, 0xe8);
	assert_int_equal(rd(f, 0, 4), READY);
	both(f, BLOCK + 0x80, 31);
	for (u32 i = 0; i < 32; i++)
		wr(f, BLOCK + 0x80 + 4 * i, 4, 0xabc00000 + i);
	assert_int_equal(on_disk(BLOCK + 0x80), UINT32_MAX); /* not yet */
	both(f, 0, 0xd0);                                    /* as stock firmware confirms */
	assert_int_equal(rd(f, 0, 4), READY);
	both(f, 0, 0xff);
	for (u32 i = 0; i < 32; i++) {
		assert_int_equal(rd(f, BLOCK + 0x80 + 4 * i, 4), 0xabc00000 + i);
		assert_int_equal(on_disk(BLOCK + 0x80 + 4 * i), 0xabc00000 + i);
	}
	assert_int_equal(rd(f, BLOCK + 0x7c, 4), UINT32_MAX);
	assert_int_equal(rd(f, BLOCK + 0x100, 4), UINT32_MAX);
}

static void wrong_sequences_end_in_the_status(void **state)
{
	struct flash_bench *f = *state;

	both(f, 0, 0x20);
	both(f, 0, 0x20);
	assert_int_equal(rd(f, 0, 4), 0x00b000b0);
	both(f, 0, 0x50);
	assert_int_equal(rd(f, 0, 4), READY);
	both(f, 0, 0xe8);
	both(f, 0, 32); /* one word too many */
	assert_int_equal(rd(f, 0, 4), 0x00b000b0);
	both(f, 0, 0x50);
	both(f, 0, 0xe8);
	both(f, 0, 0xffff);
	assert_int_equal(rd(f, 0, 4), 0x00b000b0);
	both(f, 0, 0x50);
	both(f, 0, 0xe8);
	both(f, 0, 1);
	wr(f, 0, 4, 0);
	wr(f, BLOCK, 4, 0); /* another block */
	assert_int_equal(rd(f, 0, 4), 0x00b000b0);
	both(f, 0, 0x50);
	both(f, 0, 0xe8);
	both(f, 0, 0);
	wr(f, 4, 4, 0);
	both(f, 0, 0xff); /* no confirmation */
	assert_int_equal(rd(f, 0, 4), 0x00b000b0);
	both(f, 0, 0x50);
	both(f, 0, 0xff);
	assert_int_equal(rd(f, 4, 4), 1);
	both(f, 0, 0xc0); /* no protection registers */
	both(f, 0, 0);
	assert_int_equal(rd(f, 0, 4), 0x00900090);
	both(f, 0, 0x50);
	both(f, 0, 0xff);
	both(f, 0, 0xf0); /* not of this command set */
	assert_true(is_direct(f));
}

static void locks_hold_until_reset(void **state)
{
	struct flash_bench *f = *state;

	both(f, 0, 0x60);
	both(f, 0, 0x01);
	both(f, 0, 0x90);
	assert_int_equal(rd(f, 8, 4), 0x00010001);
	assert_int_equal(rd(f, BLOCK + 8, 4), 0);
	assert_int_equal(rd(f, 0, 4), 0x00890089);
	both(f, 0, 0x20);
	both(f, 0, 0xd0);
	assert_int_equal(rd(f, 0, 4), 0x00a200a2);
	both(f, 0, 0x50);
	both(f, 0, 0x40);
	wr(f, 4, 4, 0);
	assert_int_equal(rd(f, 0, 4), 0x00920092);
	both(f, 0, 0x50);
	assert_int_equal(on_disk(4), 1);
	both(f, 0, 0x60);
	both(f, 0, 0xd0);
	both(f, 0, 0x40);
	wr(f, 4, 4, 0);
	assert_int_equal(rd(f, 0, 4), READY);
	assert_int_equal(on_disk(4), 0);
	both(f, BLOCK, 0x60);
	both(f, BLOCK, 0x2f);
	both(f, BLOCK, 0x60);
	both(f, BLOCK, 0xd0); /* locked down stays locked */
	both(f, 0, 0x90);
	assert_int_equal(rd(f, BLOCK + 8, 4), 0x00030003);
	pflash_reset(f->flash);
	assert_true(is_direct(f));
	assert_int_equal(rd(f, 4, 4), 0);
	both(f, 0, 0x90);
	assert_int_equal(rd(f, BLOCK + 8, 4), 0);
	both(f, 0, 0xff);
}

static void readonly_and_short_images_are_locked(void **state)
{
	struct flash_bench *f = *state;
	struct error err;
	struct stat st;

	both(f, FILE_SIZE, 0x20); /* behind the file */
	both(f, FILE_SIZE, 0xd0);
	assert_int_equal(rd(f, 0, 4), 0x00a200a2);
	flash_close(f);
	flash_open(f, true);
	both(f, 0, 0x20);
	both(f, 0, 0xd0);
	assert_int_equal(rd(f, 0, 4), 0x00a200a2);
	both(f, 0, 0xff);
	assert_int_equal(rd(f, 4, 4), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, FILE_SIZE);
	/* A blank bank takes everything, and forgets it. */
	flash_close(f);
	f->image = NULL;
	f->flash = pflash_create(f->b.space, "flash", BANK, NULL, &err);
	assert_int_equal(rd(f, 0, 4), UINT32_MAX);
	both(f, 0, 0x40);
	wr(f, 0, 4, 0x11223344);
	both(f, 0, 0xff);
	assert_int_equal(rd(f, 0, 4), 0x11223344);
	pflash_reset(f->flash);
	assert_int_equal(rd(f, 0, 4), 0x11223344);
}

static void images_of_wrong_size_are_refused(void **state)
{
	static const u64 sizes[] = {0, 1000, BLOCK + 512, PFLASH_BANK_BYTES + BLOCK};
	struct flash_bench *f = *state;
	struct error err;

	flash_close(f);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct block_config config = {.id = "flash", .file = path, .format = "raw"};
		struct block *image;

		assert_int_equal(truncate(path, (off_t)sizes[i]), 0);
		image = block_open(&config, &err);
		assert_non_null(image);
		err.text[0] = 0;
		assert_null(pflash_create(f->b.space, "flash", BANK, image, &err));
		assert_true(err.text[0]);
		block_close(image);
	}
	assert_int_equal(truncate(path, FILE_SIZE), 0);
	flash_open(f, true);
}

static void cfi_tells_the_geometry(void **state)
{
	struct flash_bench *f = *state;

	both(f, 4 * 0x55, 0x98);
	assert_int_equal(rd(f, 4 * 0x10, 4), 'Q' << 16 | 'Q');
	assert_int_equal(rd(f, 4 * 0x12, 2), 'Y');
	assert_int_equal(rd(f, 4 * 0x13, 2), 1);
	assert_int_equal(1ull << rd(f, 4 * 0x27, 2), PFLASH_BANK_BYTES / 2);
	assert_int_equal(rd(f, 4 * 0x2a, 2), 6);
	assert_int_equal(rd(f, 4 * 0x2d, 2) + 1, PFLASH_BANK_BYTES / BLOCK);
	assert_int_equal((rd(f, 4 * 0x2f, 2) | rd(f, 4 * 0x30, 2) << 8) * 256, BLOCK / 2);
	assert_int_equal(rd(f, 4 * 0x31, 2), 'P');
	assert_int_equal(rd(f, 4 * 0xff, 4), 0);
	assert_int_equal(rd(f, 0, 4), 0);
	both(f, 0, 0xff);
}

/* Any stores of any width: what is read is always a byte of the array, status, ID or CFI, and never outside. */
static void random_stores_do_no_harm(void **state)
{
	static const u8 commands[] = {0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98,
				      0xb0, 0xc0, 0xd0, 0xe8, 0xff, 0x01, 0x2f, 0};
	struct flash_bench *f = *state;
	u64 random = 88172645463325252ull;

	for (unsigned i = 0; i < 100000; i++) {
		unsigned size;
		u64 offset, value;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		size = 1u << (random & 3);
		offset = (random >> 8) % (random & 0x10 ? 0x40 : PFLASH_BANK_BYTES) & ~(u64)(size - 1);
		value = commands[random >> 40 & 15];
		if (random & 0x20)
			value |= value << 16;
		if (random & 0x40)
			value = random * 0x9e3779b97f4a7c15ull;
		/* An erase takes a while: few of them. */
		if ((value & 0xff) == 0x20 && random & 0xf000)
			value = 0x70;
		wr(f, offset, size, value);
		rd(f, offset, size);
	}
	pflash_reset(f->flash);
	assert_true(is_direct(f));
}

/* An image whose tables change with it: who finds the file after we were killed has all of it. */
static void words_outlast_us_in_any_format(void **state)
{
	char image[64], copy[64], command[256];
	struct block_config config = {.id = "flash", .file = image, .format = "qcow2"},
			    second = {.id = "copy", .file = copy, .format = "qcow2", .readonly = true};
	struct flash_bench f = {0};
	struct error err = {""};
	struct block *found;
	u32 value = 0;
	int fd;

	snprintf(image, sizeof(image), "%s.qcow2", path);
	snprintf(copy, sizeof(copy), "%s.copy.qcow2", path);
	fd = open(image, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(qcow2_create(fd, &(struct qcow2_shape){.size = FILE_SIZE}, &err));
	close(fd);
	bench_open(&f.b);
	f.image = block_open(&config, &err);
	assert_non_null(f.image);
	f.flash = pflash_create(f.b.space, "flash", BANK, f.image, &err);
	assert_non_null(f.flash);
	both(&f, BLOCK, 0x20); /* it reads as zeroes */
	both(&f, BLOCK, 0xd0);
	both(&f, BLOCK + 0x20, 0x40);
	wr(&f, BLOCK + 0x20, 4, 0x12345678);
	snprintf(command, sizeof(command), "cp %s %s", image, copy);
	assert_int_equal(system(command), 0);
	found = block_open(&second, &err);
	assert_non_null(found);
	assert_true(block_read(found, BLOCK + 0x20, &value, 4));
	assert_int_equal(value, 0x12345678);
	block_close(found);
	flash_close(&f);
	bench_close(&f.b);
	unlink(image);
	unlink(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(reads_are_direct_until_a_command), CASE(words_are_programmed_into_the_file),
		CASE(blocks_are_erased_in_the_file),    CASE(what_a_full_disk_cuts_short_is_undone),
		CASE(a_buffer_is_programmed),           CASE(wrong_sequences_end_in_the_status),
		CASE(locks_hold_until_reset),           CASE(readonly_and_short_images_are_locked),
		CASE(images_of_wrong_size_are_refused), CASE(cfi_tells_the_geometry),
		CASE(random_stores_do_no_harm),         cmocka_unit_test(words_outlast_us_in_any_format),
	};

	snprintf(path, sizeof(path), "/tmp/cxlvm-%08x", (unsigned)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
