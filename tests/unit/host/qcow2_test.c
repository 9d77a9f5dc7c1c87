/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2 against a model in memory, and against qemu-img, which knows nothing of this code. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "host/qcow2.h"

static char folder[] = "/tmp/cxlvm-qcow2-XXXXXX";

/* The verdict of a shell command run in the test's folder: 0 is good. */
static int shell(const char *format, ...) printf_like(1, 2);
static int shell(const char *format, ...)
{
	char command[1024] = "", line[1400];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "cd %s && { %s; } >log 2>&1", folder, command);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define assert_shell(...)                                                                                              \
	do {                                                                                                           \
		if (shell(__VA_ARGS__)) {                                                                              \
			int ignored = system("cat /tmp/cxlvm-qcow2-*/log >&2");                                        \
			(void)ignored;                                                                                 \
			fail_msg("a command failed");                                                                  \
		}                                                                                                      \
	} while (0)

static const char *path(const char *name)
{
	static char text[2][128];
	static unsigned turn;

	turn ^= 1;
	snprintf(text[turn], sizeof(text[0]), "%s/%s", folder, name);
	return text[turn];
}

static void create(const char *name, const struct qcow2_shape *shape)
{
	int fd = open(path(name), O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct error err;

	assert_true(fd >= 0);
	assert_true(qcow2_create(fd, shape, &err));
	close(fd);
}

static struct block *open_config(const char *name, struct block_config config)
{
	struct error err = {""};
	struct block *block;

	config.file = path(name);
	config.format = "qcow2";
	block = block_open(&config, &err);
	if (!block)
		fail_msg("%s", err.text);
	return block;
}

static struct block *open_it(const char *name)
{
	return open_config(name, (struct block_config){.discard = true});
}

static void refused(const char *name, struct block_config config, const char *words)
{
	struct error err = {""};

	config.file = path(name);
	config.format = "qcow2";
	assert_null(block_open(&config, &err));
	check_says(&err, words);
}

/* Random operations on the image and on a copy in memory; both are the same at the end. */
static void random_operations(struct block *b, u8 *model, u64 size, u64 seed, unsigned count)
{
	u64 state = seed;
	u8 *bytes = malloc(512 * KiB), *back = malloc(512 * KiB);

	for (unsigned n = 0; n < count; n++) {
		u64 r = check_random(&state), offset = check_random(&state) % (size / 512) * 512, length;

		length = (check_random(&state) % ((r & 0x300) ? 32 : 1024) + 1) * 512;
		length = MIN(length, size - offset);
		switch (r % 8) {
		case 0:
		case 1:
		case 2: {
			/* In odd pieces. */
			u64 cut = check_random(&state) % length;
			struct iovec pieces[3] = {{bytes, cut}, {bytes + cut, 0}, {bytes + cut, length - cut}};

			for (u64 i = 0; i < length; i += 8)
				store_le(bytes + i, 8, check_random(&state));
			assert_true(block_writev(b, offset, pieces, length));
			memcpy(model + offset, bytes, length);
			break;
		}
		case 3:
			assert_true(block_write_zeroes(b, offset, length, r & 0x1000));
			memset(model + offset, 0, length);
			break;
		case 4:
			/* What a discard leaves is not said: the disk is asked. */
			if (r & 0x2000) {
				assert_true(block_discard(b, offset, length));
				assert_true(block_read(b, offset, model + offset, length));
			}
			break;
		case 5:
			if (!(r & 0x7000))
				assert_true(block_flush(b));
			break;
		default:
			assert_true(block_read(b, offset, back, length));
			if (memcmp(back, model + offset, length))
				fail_msg("seed %llu, operation %u: 0x%llx+0x%llx differs", (unsigned long long)seed, n,
					 (unsigned long long)offset, (unsigned long long)length);
		}
	}
	for (u64 at = 0, part; at < size; at += part) {
		part = MIN(size - at, 512 * KiB);
		assert_true(block_read(b, at, back, part));
		assert_memory_equal(back, model + at, part);
	}
	free(bytes);
	free(back);
}

static void save(const char *name, const u8 *bytes, u64 size)
{
	int fd = open(path(name), O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

static void random_operations_follow_the_model(void **state)
{
	static const struct qcow2_shape shapes[] = {
		{.size = 8 * MiB},
		{.size = 8 * MiB + 512, .cluster_bits = 9},
		{.size = 3 * MiB, .cluster_bits = 9, .refcount_order = 6},
		{.size = 4 * MiB, .cluster_bits = 12, .refcount_order = 1},
		{.size = 4 * MiB, .cluster_bits = 10, .version = 2},
		{.size = 9 * MiB, .cluster_bits = 21},
		{.size = 4 * MiB, .cluster_bits = 14, .refcount_order = 3, .compression = QCOW2_ZSTD},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(shapes); n++) {
		u64 size = shapes[n].size;
		u8 *model = calloc(1, size);

		create("a.qcow2", &shapes[n]);
		for (unsigned round = 0; round < 3; round++) {
			struct block *b = open_it("a.qcow2");

			assert_int_equal(block_size(b), size);
			random_operations(b, model, size, 100 * n + round, 400);
			block_close(b);
			assert_shell("qemu-img check -q -f qcow2 a.qcow2");
		}
		save("a.raw", model, size);
		assert_shell("qemu-img compare -q -f qcow2 -F raw a.qcow2 a.raw");
		free(model);
	}
}

static void chains_read_through_and_write_on_top(void **state)
{
	u64 size = 4 * MiB, base_size = 3 * MiB + 512;
	struct block_config backing = {.format = "raw"}, middle = {.format = "qcow2"};
	u8 *model = calloc(1, size);
	u64 seed = 9;
	struct block *b;

	check_openat2();
	for (u64 i = 0; i < base_size; i++)
		model[i] = (u8)check_random(&seed);
	save("base.raw", model, base_size);
	middle.backing = &backing;
	assert_shell(
		"qemu-img create -q -f qcow2 -b base.raw -F raw mid.qcow2 3584K && qemu-img create -q -f qcow2 -o cluster_size=4096 -b mid.qcow2 -F qcow2 top.qcow2 4M && "
		"qemu-img create -q -f qcow2 -o compat=0.10 -b mid.qcow2 -F qcow2 old.qcow2 4M");
	refused("top.qcow2", (struct block_config){0}, "files named inside an image are not opened unasked");
	refused("top.qcow2", (struct block_config){0},
		"backing.driver=qcow2,backing.file.filename=PATH or allow-backing=on");
	middle.file = strdup(path("mid.qcow2"));
	backing.file = strdup(path("base.raw"));
	b = open_config("top.qcow2", (struct block_config){.backing = &middle, .discard = true});
	assert_string_equal(block_format_name(block_backing(block_backing(b))), "raw");
	random_operations(b, model, size, 1, 400);
	block_close(b);
	b = open_config("top.qcow2", (struct block_config){.allow_backing = true, .discard = true});
	random_operations(b, model, size, 2, 400);
	block_close(b);
	save("top.raw", model, size);
	assert_shell("qemu-img check -q -f qcow2 top.qcow2 && qemu-img compare -q -f qcow2 -F raw top.qcow2 top.raw");
	memset(model, 0, size);
	b = open_config("mid.qcow2", (struct block_config){.backing = &backing, .readonly = true});
	assert_true(block_read(b, 0, model, base_size));
	assert_true(block_read(b, base_size, model + base_size, 512));
	block_close(b);
	b = open_config("old.qcow2", (struct block_config){.allow_backing = true, .discard = true});
	random_operations(b, model, size, 3, 400);
	block_close(b);
	save("top.raw", model, size);
	assert_shell("qemu-img check -q -f qcow2 old.qcow2 && qemu-img compare -q -f qcow2 -F raw old.qcow2 top.raw");
	free((char *)middle.file);
	free((char *)backing.file);
	free(model);
	/* No way out of the folder, no loops, no guessed format. */
	assert_shell(
		"mkdir -p sub && qemu-img create -q -f qcow2 -u -b ../base.raw -F raw sub/out.qcow2 1M && qemu-img create -q -f qcow2 -u -b /etc/passwd -F raw abs.qcow2 1M && "
		"ln -sf /etc/passwd link.raw && "
		"qemu-img create -q -f qcow2 -u -b link.raw -F raw link.qcow2 1M");
	refused("sub/out.qcow2", (struct block_config){.allow_backing = true}, "is not in or below its folder");
	refused("abs.qcow2", (struct block_config){.allow_backing = true}, "is not in or below its folder");
	refused("link.qcow2", (struct block_config){.allow_backing = true}, "is not in or below its folder");
	create("loop.qcow2",
	       &(struct qcow2_shape){.size = MiB, .backing_name = "loop.qcow2", .backing_format = "qcow2"});
	refused("loop.qcow2", (struct block_config){.allow_backing = true, .readonly = true},
		"more than 16 images in a chain, or a loop");
	create("plain.qcow2", &(struct qcow2_shape){.size = MiB, .backing_name = "base.raw"});
	refused("plain.qcow2", (struct block_config){.allow_backing = true},
		"the format of its backing file 'base.raw' is not said");
	b = open_config("plain.qcow2", (struct block_config){.no_backing = true});
	assert_null(block_backing(b));
	block_close(b);
}

static void compressed_clusters_and_snapshots(void **state)
{
	static const char *const kinds[] = {"zlib", "zstd"};
	u64 size = 4 * MiB;
	u8 *model = calloc(1, size), *old = calloc(1, size);
	struct block *b;

	for (unsigned n = 0; n < 2; n++) {
		for (u64 i = 0; i < size; i++)
			model[i] = (u8)(i / 97 % 251 + (i & 3));
		save("c.raw", model, size);
		assert_shell(
			"qemu-img convert -q -c -f raw -O qcow2 -o compression_type=%s,cluster_size=%s c.raw c.qcow2",
			kinds[n], n ? "65536" : "8192");
		b = open_it("c.qcow2");
		random_operations(b, model, size, 7 + n, 300);
		block_close(b);
		save("c.raw", model, size);
		assert_shell("qemu-img check -q -f qcow2 c.qcow2 && qemu-img compare -q -f qcow2 -F raw c.qcow2 c.raw");
		/* A snapshot keeps what it has while the disk goes on. */
		memcpy(old, model, size);
		assert_shell("cp c.raw old.raw && qemu-img snapshot -c first c.qcow2");
		b = open_it("c.qcow2");
		random_operations(b, model, size, 17 + n, 300);
		block_close(b);
		save("c.raw", model, size);
		assert_shell("qemu-img check -q -f qcow2 c.qcow2 && qemu-img compare -q -f qcow2 -F raw c.qcow2 c.raw");
		refused("c.qcow2", (struct block_config){.internal_snapshot = "second"},
			"no snapshot of this id or name");
		for (unsigned by = 0; by < 2; by++) {
			b = open_config("c.qcow2", (struct block_config){.internal_snapshot = by ? "1" : "first"});
			assert_true(block_is_readonly(b));
			assert_true(block_read(b, 0, model, size));
			assert_memory_equal(model, old, size);
			block_close(b);
		}
		assert_shell(
			"qemu-img snapshot -a first c.qcow2 && qemu-img compare -q -f qcow2 -F raw c.qcow2 old.raw");
	}
	free(model);
	free(old);
}

/* The bytes at `offset` of an image. */
static void poke(const char *name, u64 offset, u64 value, unsigned size)
{
	int fd = open(path(name), O_RDWR);
	u8 bytes[8];

	be_store(bytes, size, value);
	assert_int_equal(pwrite(fd, bytes, size, (off_t)offset), size);
	close(fd);
}

static u64 peek(const char *name, u64 offset, unsigned size)
{
	int fd = open(path(name), O_RDONLY);
	u8 bytes[8];

	assert_int_equal(pread(fd, bytes, size, (off_t)offset), size);
	close(fd);
	return be_load(bytes, size);
}

static void bad_headers_are_refused_by_name(void **state)
{
	static const struct {
		u32 offset, size;
		u64 value;
		const char *words;
	} rows[] = {
		{0, 4, 0x51464900, "not a qcow2 image"},
		{QCOW2_H_VERSION, 4, 4, "version 4 is not built"},
		{QCOW2_H_CLUSTER_BITS, 4, 8, "clusters of 2^8 bytes"},
		{QCOW2_H_CLUSTER_BITS, 4, 22, "clusters of 2^22 bytes"},
		{QCOW2_H_CRYPT, 4, 1, "encrypted"},
		{QCOW2_H_SIZE, 8, 1ull << 60, "too large"},
		{QCOW2_H_SIZE, 8, 1ull << 50, "L1 table is too short"},
		{QCOW2_H_L1_SIZE, 4, 0xffffffff, "an L1 table of 4294967295 entries"},
		{QCOW2_H_L1_SIZE, 4, 0, "L1 table is too short"},
		{QCOW2_H_L1_OFFSET, 8, 0x30001, "an L1 table of 1 entries at 0x30001"},
		{QCOW2_H_L1_OFFSET, 8, 0, "an L1 table of 1 entries at 0x0"},
		{QCOW2_H_L1_OFFSET, 8, 1ull << 40, "an L1 table"},
		{QCOW2_H_REFTABLE_OFFSET, 8, ~0ull, "a refcount table"},
		{QCOW2_H_REFTABLE_CLUSTERS, 4, 0xffffffff, "a refcount table of 4294967295 clusters"},
		{QCOW2_H_REFTABLE_CLUSTERS, 4, 0, "a refcount table of 0 entries"},
		{QCOW2_H_SNAPSHOTS, 4, 0xffffffff, "snapshots"},
		{QCOW2_H_SNAPSHOTS, 4, 2, "a table of 2 snapshots at 0x0"},
		{QCOW2_H_INCOMPATIBLE, 8, 4, "external data file"},
		{QCOW2_H_INCOMPATIBLE, 8, 16, "extended L2 entries"},
		{QCOW2_H_INCOMPATIBLE, 8, 1ull << 63, "incompatible feature 63"},
		{QCOW2_H_INCOMPATIBLE, 8, 2, "marked as corrupt"},
		{QCOW2_H_REFCOUNT_ORDER, 4, 7, "refcounts of 2^7 bits"},
		{QCOW2_H_LENGTH, 4, 100, "a header of 100 bytes"},
		{QCOW2_H_COMPRESSION, 1, 1, "compression type 1"},
		{QCOW2_H_BACKING_OFFSET, 8, 1ull << 40, "backing file's name is not in the header"},
		{0x112, 4, 0xffffffff, NULL},                /* behind the extensions: not looked at */
		{QCOW2_H_V3_BYTES + 8, 4, 0x12345678, NULL}, /* an unknown extension of no bytes */
		{QCOW2_H_V3_BYTES + 12, 4, 0xffffff00, NULL},
		{0x30000, 8, 0x30000 | QCOW2_COPIED, "L2 table 0 at 0x30000"}, /* on the L1 table */
		{0x30000, 8, 0x20000 | QCOW2_COPIED, "L2 table 0 at 0x20000"}, /* on a refcount block */
		{0x30000, 8, 1ull << 40 | QCOW2_COPIED, "L2 table 0 at 0x10000000000"},
		{0x10000, 8, 0x10000, "refcount block 0 at 0x10000"},
		{0x10000, 8, 1, "refcount block 0 at 0x1"},
	};

	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
		create("h.qcow2", &(struct qcow2_shape){.size = MiB});
		poke("h.qcow2", rows[n].offset, rows[n].value, rows[n].size);
		if (rows[n].words)
			refused("h.qcow2", (struct block_config){.allow_backing = true}, rows[n].words);
		else
			block_close(open_it("h.qcow2"));
	}
	/* Cut off anywhere. */
	for (unsigned bytes = 0; bytes < 0x40000; bytes += bytes < 0x200 ? 8 : 0x1000) {
		struct block_config config = {.file = path("h.qcow2"), .format = "qcow2"};
		struct error err;

		create("h.qcow2", &(struct qcow2_shape){.size = MiB});
		assert_int_equal(truncate(path("h.qcow2"), bytes), 0);
		block_close(block_open(&config, &err));
	}
	assert_shell("qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=128k x.qcow2 1M");
	refused("x.qcow2", (struct block_config){0}, "extended L2 entries");
}

/* A wrong entry costs an I/O error and all further writes, nothing else. */
static void bad_entries_are_io_errors(void **state)
{
	static const struct {
		u64 entry;
		bool reads, writes, others;
	} rows[] = {
		{QCOW2_COPIED | 0x50200, false, false},              /* not at a cluster */
		{QCOW2_COPIED | 1ull << 40, false, false},           /* behind the end */
		{QCOW2_COPIED | 0x50000 | 1ull << 57, false, false}, /* reserved bits */
		{QCOW2_COPIED | 0x30000, true, false},               /* the L1 table */
		{QCOW2_COPIED | 0x20000, true, false},               /* refcounts */
		{QCOW2_COPIED | 0x40000, true, false},               /* this very table */
		{QCOW2_COMPRESSED | 0x50000, false, false, true},    /* not compressed data */
		{QCOW2_COMPRESSED | ((1ull << 54) - 1), false, false},
		{QCOW2_ZERO, true, true, true},
	};
	u8 bytes[512] = {1};

	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
		struct block *b;

		create("e.qcow2", &(struct qcow2_shape){.size = MiB});
		b = open_it("e.qcow2");
		assert_true(block_write(b, 0, bytes, 512));
		block_close(b);
		assert_int_equal(peek("e.qcow2", 0x30000, 8), QCOW2_COPIED | 0x40000);
		poke("e.qcow2", 0x40000, rows[n].entry, 8);
		b = open_it("e.qcow2");
		assert_int_equal(block_read(b, 0, bytes, 512), rows[n].reads);
		assert_int_equal(block_write(b, 512, bytes, 512), rows[n].writes);
		assert_int_equal(block_write(b, 128 * KiB, bytes, 512), rows[n].others);
		assert_true(block_read(b, 512 * KiB, bytes, 512));
		block_close(b);
		if (!rows[n].others) {
			assert_int_equal(peek("e.qcow2", QCOW2_H_INCOMPATIBLE, 8), BIT(QCOW2_CORRUPT));
			refused("e.qcow2", (struct block_config){0}, "marked as corrupt");
			block_close(open_config("e.qcow2", (struct block_config){.readonly = true}));
		}
	}
	/* Refcounts that call clusters in use free: they are never given away. */
	create("e.qcow2", &(struct qcow2_shape){.size = MiB});
	poke("e.qcow2", 0x20000, 0, 8);
	{
		struct block *b = open_it("e.qcow2");

		assert_false(block_write(b, 0, bytes, 512));
		block_close(b);
	}
	assert_int_equal(peek("e.qcow2", 0, 4), QCOW2_MAGIC);
}

/* L2 tables in clusters that a hash with a well-known multiplier would put into one slot of 2^17: looking at each of
 * them for each of them takes seconds, and in a file system for larger files hours. */
static void images_cannot_choose_their_hash(void **state)
{
	enum { TABLES = 65000 };
	u64 multiplier = 0x9e3779b97f4a7c15ull, wrap = 1ull << 49, window = 1ull << 32, up = 0, down = 0, cluster = 0,
	    rest = 0, *l1 = malloc(8 * TABLES), l1_offset;
	int fd;

	/* The distances from one such cluster to the next: there are two, and their sum. */
	for (u64 step = 1; !up || !down; step++) {
		u64 r = step * multiplier & (wrap - 1);

		up = !up && r < window ? step : up;
		down = !down && wrap - r < window ? step : down;
	}
	for (unsigned n = 0; n < TABLES; n++) {
		u64 rise = up * multiplier & (wrap - 1), fall = wrap - (down * multiplier & (wrap - 1));
		u64 step = rest + rise < window ? up : rest >= fall ? down : up + down;

		cluster += step;
		rest = cluster * multiplier & (wrap - 1);
		assert_true(rest < window);
		be_store(&l1[n], 8, cluster << 9 | QCOW2_COPIED);
	}
	create("k.qcow2", &(struct qcow2_shape){.size = TABLES * 32 * KiB, .cluster_bits = 9});
	l1_offset = peek("k.qcow2", QCOW2_H_L1_OFFSET, 8);
	assert_int_equal(peek("k.qcow2", QCOW2_H_L1_SIZE, 4), TABLES);
	fd = open(path("k.qcow2"), O_RDWR);
	assert_int_equal(pwrite(fd, l1, 8 * TABLES, (off_t)l1_offset), 8 * TABLES);
	/* Where no file is that large nothing can be shown. */
	if (!ftruncate(fd, (off_t)((cluster + 1) << 9))) {
		clock_t begin = clock();

		block_close(open_it("k.qcow2"));
		assert_true(clock() - begin < CLOCKS_PER_SEC);
	}
	close(fd);
	free(l1);
}

/* Who may not wait reads no table of the file, and writes none to have a place for it. */
static void what_is_at_once_needs_no_table(void **state)
{
	u8 bytes[512] = {1}, back[512];
	struct iovec to = {back, sizeof(back)};
	struct block *b;

	create("o.qcow2", &(struct qcow2_shape){.size = MiB});
	b = open_it("o.qcow2");
	assert_true(block_try_readv(b, 0, &to, 512)); /* there is no table */
	assert_true(block_write(b, 0, bytes, 512));
	assert_true(block_try_readv(b, 64 * KiB, &to, 512));
	block_close(b);
	b = open_it("o.qcow2");
	assert_false(block_try_readv(b, 0, &to, 512));
	assert_true(block_read(b, 0, back, 512));
	assert_true(block_try_readv(b, 64 * KiB, &to, 512));
	block_close(b);
}

static void *write_to_damaged(void *block)
{
	u8 bytes[512] = {1};

	assert_false(block_write(block, 512, bytes, 512));
	assert_false(block_out_of_space());
	return NULL;
}

/* What fails for another reason does not look like the full disk of some time ago, for which the machine would stop. */
static void damage_is_not_want_of_room(void **state)
{
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	u8 bytes[512] = {1};
	pthread_t other;
	struct block *b;

	create("e.qcow2", &(struct qcow2_shape){.size = MiB});
	b = open_it("e.qcow2");
	assert_true(block_write(b, 0, bytes, 512));
	block_close(b);
	poke("e.qcow2", 0x40000, QCOW2_COMPRESSED | 0x50000, 8); /* not compressed data */
	b = open_it("e.qcow2");
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	assert_false(block_write(b, 128 * KiB, bytes, 512));
	setrlimit(RLIMIT_FSIZE, &all);
	assert_true(block_out_of_space());
	/* What another thread meets is its own. */
	assert_int_equal(pthread_create(&other, NULL, write_to_damaged, b), 0);
	pthread_join(other, NULL);
	assert_true(block_out_of_space());
	assert_false(block_write(b, 512, bytes, 512));
	assert_false(block_out_of_space());
	assert_true(block_write(b, 128 * KiB, bytes, 512));
	block_close(b);
}

static void dirty_images_are_repaired(void **state)
{
	u64 size = 4 * MiB;
	u8 *model = calloc(1, size);
	struct block *b;

	assert_shell(
		"qemu-img create -q -f qcow2 -o lazy_refcounts=on d.qcow2 4M && qemu-io -f qcow2 -c 'write -P 5 100k 300k' -c 'abort' d.qcow2; true");
	poke("d.qcow2", QCOW2_H_INCOMPATIBLE, 1, 8);
	memset(model + 100 * KiB, 5, 300 * KiB);
	for (unsigned n = 4; n < 8; n++)
		poke("d.qcow2", peek("d.qcow2", peek("d.qcow2", QCOW2_H_REFTABLE_OFFSET, 8), 8) + 2 * n, n & 1 ? 0 : 3,
		     2);
	b = open_it("d.qcow2");
	random_operations(b, model, size, 5, 200);
	block_close(b);
	assert_int_equal(peek("d.qcow2", QCOW2_H_INCOMPATIBLE, 8), 0);
	save("d.raw", model, size);
	assert_shell("qemu-img check -q -f qcow2 d.qcow2 && qemu-img compare -q -f qcow2 -F raw d.qcow2 d.raw");
	free(model);
}

static void images_grow_past_their_refcounts(void **state)
{
	struct block *b;
	u8 *bytes = malloc(MiB);

	/* 512-byte clusters with 64-bit refcounts: 64 clusters a block, 64 blocks a table cluster: 2 MiB, then the
	 * table must grow. */
	create("g.qcow2", &(struct qcow2_shape){.size = 40 * MiB, .cluster_bits = 9, .refcount_order = 6});
	b = open_it("g.qcow2");
	for (unsigned n = 0; n < 40; n++) {
		memset(bytes, (int)n + 1, MiB);
		assert_true(block_write(b, n * MiB, bytes, MiB));
	}
	block_close(b);
	assert_shell("qemu-img check -q -f qcow2 g.qcow2");
	b = open_it("g.qcow2");
	for (unsigned n = 0; n < 40; n++) {
		assert_true(block_read(b, n * MiB, bytes, MiB));
		assert_int_equal(bytes[0], n + 1);
		assert_int_equal(bytes[MiB - 1], n + 1);
	}
	assert_true(block_discard(b, 0, 40 * MiB));
	assert_true(block_flush(b));
	assert_true(block_read(b, 5 * MiB, bytes, MiB));
	assert_int_equal(bytes[77], 0);
	block_close(b);
	assert_shell(
		"qemu-img check -q -f qcow2 g.qcow2; test $? = 0 || exit 1; du -k g.qcow2; test $(du -k g.qcow2 | cut -f1) -lt 16000");
	free(bytes);
}

/* A small image has a small cache, so that tables are put out of it also there. */
static void caches_are_no_larger_than_the_tables(void **state)
{
	struct block *b;

	create("c.qcow2", &(struct qcow2_shape){.size = MiB, .cluster_bits = 9});
	b = open_it("c.qcow2");
	assert_int_equal(b->qcow2->l1.count, 32);
	assert_int_equal(b->qcow2->l2s.sets, 32);
	assert_int_equal(b->qcow2->refblocks.sets, 64);
	block_close(b);
	create("c.qcow2", &(struct qcow2_shape){.size = MiB});
	b = open_it("c.qcow2");
	assert_int_equal(b->qcow2->l2s.sets, 1);
	block_close(b);
}

static void temporary_overlays_leave_the_image_alone(void **state)
{
	u64 size = MiB;
	u8 *model = calloc(1, size);
	struct block *b;

	create("s.qcow2", &(struct qcow2_shape){.size = size});
	b = open_it("s.qcow2");
	random_operations(b, model, size, 3, 50);
	block_close(b);
	assert_shell("sha256sum s.qcow2 >sum");
	b = open_config("s.qcow2", (struct block_config){.snapshot = true});
	assert_false(block_is_readonly(b));
	random_operations(b, model, size, 4, 300);
	block_close(b);
	assert_shell("sha256sum -c sum");
	free(model);
}

static int setup(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char line[64];

	snprintf(line, sizeof(line), "rm -rf %s", folder);
	return system(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_follow_the_model),
		cmocka_unit_test(chains_read_through_and_write_on_top),
		cmocka_unit_test(compressed_clusters_and_snapshots),
		cmocka_unit_test(bad_headers_are_refused_by_name),
		cmocka_unit_test(bad_entries_are_io_errors),
		cmocka_unit_test(images_cannot_choose_their_hash),
		cmocka_unit_test(what_is_at_once_needs_no_table),
		cmocka_unit_test(damage_is_not_want_of_room),
		cmocka_unit_test(dirty_images_are_repaired),
		cmocka_unit_test(images_grow_past_their_refcounts),
		cmocka_unit_test(caches_are_no_larger_than_the_tables),
		cmocka_unit_test(temporary_overlays_leave_the_image_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
