/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2 images outlive their writer: kill -9 in the middle of any write, a power cut that loses what was not flushed, a
 * full disk. This program's own pwritev and fdatasync stand in the place of the C library's; they count, and at a
 * chosen call the end comes. Afterwards the image must be free of corruption and hold every sector as it was at its
 * last successful flush, or newer.
 *
 *   test_host_qcow2_kill [ROUNDS [SEED]]
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "host/qcow2.h"

#define DISK_BYTES (2 * MiB)
#define SECTORS (DISK_BYTES / SECTOR)
#define FILE_SECTORS (32 * MiB / SECTOR)

enum end { END_KILL, END_POWER, END_FULL, ENDS };

/* What outlives the writer: what it did, sector by sector. */
struct record {
	u64 version;    /* of the latest operation */
	u64 done;       /* of the latest that succeeded */
	u64 safe;       /* of the latest that succeeded before the last good flush */
	bool safe_zero; /* which made it zero, or nothing ever wrote it */
	u64 zeroed;     /* the latest operation that may make it zero */
};
static struct record *records;
static unsigned rounds = 150;
static u64 seed = 1;

/* --- The host, as the writer sees it --- */
static struct {
	bool on;
	enum end end;
	int countdown, failures;
	u64 random;
	u8 *lost[FILE_SECTORS]; /* what the sector had at the last flush */
	pthread_mutex_t lock;
} host = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void remember(int fd, u64 offset, u64 size)
{
	for (u64 n = offset / SECTOR; n <= (offset + size - 1) / SECTOR && n < FILE_SECTORS; n++) {
		if (host.lost[n])
			continue;
		host.lost[n] = calloc(1, SECTOR);
		if (syscall(SYS_pread64, fd, host.lost[n], SECTOR, n * SECTOR) < 0)
			abort();
	}
}

static void power_cut(int fd)
{
	for (u64 n = 0; n < FILE_SECTORS; n++)
		if (host.lost[n] && (check_random(&host.random) & 1) &&
		    syscall(SYS_pwrite64, fd, host.lost[n], SECTOR, n * SECTOR) < 0)
			abort();
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
	ssize_t all = 0;

	if (!host.on)
		return syscall(SYS_pwritev, fd, pieces, count, offset, 0);
	pthread_mutex_lock(&host.lock);
	for (int n = 0; n < count; n++)
		all += (ssize_t)pieces[n].iov_len;
	if (host.end == END_POWER)
		remember(fd, (u64)offset, (u64)all);
	if (--host.countdown <= 0) {
		/* Some sectors of the first piece arrive: no host tears those. */
		size_t part = check_random(&host.random) % (pieces[0].iov_len / SECTOR + 1) * SECTOR;

		if (host.end == END_FULL && host.countdown > -host.failures) {
			ssize_t put = part ? syscall(SYS_pwrite64, fd, pieces[0].iov_base, part, offset) : -1;

			pthread_mutex_unlock(&host.lock);
			errno = ENOSPC;
			return put;
		}
		if (host.end == END_FULL && host.countdown <= -host.failures)
			host.countdown = 1 + (int)(check_random(&host.random) % 60);
		if (host.end != END_FULL) {
			if (part && syscall(SYS_pwrite64, fd, pieces[0].iov_base, part, offset) < 0)
				abort();
			if (host.end == END_POWER)
				power_cut(fd);
			syscall(SYS_kill, getpid(), SIGKILL);
		}
	}
	all = syscall(SYS_pwritev, fd, pieces, count, offset, 0);
	pthread_mutex_unlock(&host.lock);
	return all;
}

int fdatasync(int fd)
{
	if (!host.on)
		return (int)syscall(SYS_fdatasync, fd);
	pthread_mutex_lock(&host.lock);
	for (u64 n = 0; n < FILE_SECTORS; n++) {
		free(host.lost[n]);
		host.lost[n] = NULL;
	}
	pthread_mutex_unlock(&host.lock);
	return 0;
}

/* --- The writer: two threads, each with its half of the disk --- */
struct half {
	struct block *block;
	u64 first, random, base; /* versions begin behind `base` */
};

static void *half_write(void *arg)
{
	struct half *half = arg;
	u8 *bytes = malloc(256 * SECTOR);
	static u64 version; /* of both */

	for (unsigned n = 0; n < 150; n++) {
		u64 count = check_random(&half->random) % ((n & 3) ? 16 : 256) + 1,
		    kind = check_random(&half->random) % 10;
		u64 at = half->first + check_random(&half->random) % (SECTORS / 2),
		    mine = half->base + __atomic_add_fetch(&version, 1, __ATOMIC_RELAXED);

		count = MIN(count, half->first + SECTORS / 2 - at);
		if (kind < 6) {
			for (u64 i = 0; i < count; i++) {
				for (u64 k = 0; k < SECTOR; k += 16) {
					store_le(bytes + i * SECTOR + k, 8, at + i);
					store_le(bytes + i * SECTOR + k + 8, 8, mine);
				}
				records[at + i].version = mine;
			}
			if (block_write(half->block, at * SECTOR, bytes, count * SECTOR))
				for (u64 i = 0; i < count; i++)
					records[at + i].done = mine;
		} else if (kind < 8) {
			/* A discard may leave what was there. */
			for (u64 i = 0; i < count; i++) {
				records[at + i].zeroed = mine;
				if (kind == 7)
					records[at + i].version = mine;
			}
			if (kind == 6)
				block_discard(half->block, at * SECTOR, count * SECTOR);
			else if (block_write_zeroes(half->block, at * SECTOR, count * SECTOR, true))
				for (u64 i = 0; i < count; i++)
					records[at + i].done = mine;
		} else if (kind == 8 && block_flush(half->block)) {
			for (u64 i = half->first; i < half->first + SECTORS / 2; i++) {
				records[i].safe = records[i].done;
				records[i].safe_zero = records[i].zeroed == records[i].done;
			}
		}
	}
	free(bytes);
	return NULL;
}

static void writer(const char *image, enum end end, u64 random, u64 base)
{
	struct block_config config = {.file = image, .format = "qcow2", .discard = true};
	struct half halves[2] = {{.first = 0, .random = random ^ 1, .base = base},
				 {.first = SECTORS / 2, .random = random ^ 2, .base = base}};
	struct error err;
	pthread_t other;

	halves[0].block = halves[1].block = block_open(&config, &err);
	if (!halves[0].block) {
		fprintf(stderr, "%s\n", err.text);
		_exit(1);
	}
	host.random = random;
	host.end = end;
	host.countdown = 1 + (int)(check_random(&host.random) % (end == END_FULL ? 100 : 400));
	host.failures = 1 + (int)(check_random(&host.random) % 8);
	host.on = true;
	pthread_create(&other, NULL, half_write, &halves[1]);
	half_write(&halves[0]);
	pthread_join(other, NULL);
	block_close(halves[0].block);
	_exit(0);
}

/* --- What is left --- */

static void sectors_hold(const char *image, u64 round)
{
	struct block_config config = {.file = image, .format = "qcow2", .readonly = true};
	struct qcow2_report report = {0};
	struct error err = {""};
	struct block *b = block_open(&config, &err);
	u8 bytes[SECTOR], zeroes[SECTOR] = {0};

	if (!b)
		fail_msg("round %llu: %s", (unsigned long long)round, err.text);
	assert_true(qcow2_check(b->qcow2, false, &report, &err));
	if (report.corruptions)
		fail_msg("round %llu: %llu corruptions", (unsigned long long)round,
			 (unsigned long long)report.corruptions);
	for (u64 n = 0; n < SECTORS; n++) {
		struct record *r = &records[n];
		u64 version;
		bool zero, ok;

		assert_true(block_read(b, n * SECTOR, bytes, SECTOR));
		zero = !memcmp(bytes, zeroes, SECTOR);
		version = load_le(bytes + 8, 8);
		ok = zero ? r->safe_zero || r->zeroed >= r->safe :
			    load_le(bytes, 8) == n && version >= r->safe && version <= r->version;
		if (!ok)
			fail_msg(
				"round %llu: sector %llu (file version %llu, zero %d) was safe at %llu (zero %d), latest %llu",
				(unsigned long long)round, (unsigned long long)n, (unsigned long long)version, zero,
				(unsigned long long)r->safe, r->safe_zero, (unsigned long long)r->version);
		/* The next writer begins with what is there. */
		r->safe = r->done = zero ? r->version : version;
		r->safe_zero = zero;
		r->zeroed = zero ? r->version : 0;
	}
	block_close(b);
}

static void images_outlive_their_writer(void **state)
{
	static const struct qcow2_shape shapes[] = {
		{.size = DISK_BYTES},
		{.size = DISK_BYTES, .cluster_bits = 12},
		{.size = DISK_BYTES, .cluster_bits = 9, .refcount_order = 6},
		{.size = DISK_BYTES, .cluster_bits = 9, .version = 2},
	};
	char image[] = "/tmp/cxlvm-kill-XXXXXX", command[128];
	unsigned killed = 0;
	u64 random = seed;
	int fd = mkstemp(image);

	records = mmap(NULL, SECTORS * sizeof(*records), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(command, sizeof(command), "qemu-img check -q -f qcow2 %s >/dev/null 2>&1", image);
	for (unsigned round = 0; round < rounds; round++) {
		enum end end = round % ENDS;
		struct error err;
		int status;
		pid_t child;

		/* The same image goes on for a while. */
		if (round % 12 == 0) {
			assert_int_equal(ftruncate(fd, 0), 0);
			assert_true(qcow2_create(fd, &shapes[round / 12 % ARRAY_SIZE(shapes)], &err));
			memset(records, 0, SECTORS * sizeof(*records));
			for (u64 n = 0; n < SECTORS; n++)
				records[n].safe_zero = true;
		}
		child = fork();
		if (!child)
			writer(image, end, check_random(&random), round * 1000ull);
		check_random(&random);
		assert_int_equal(waitpid(child, &status, 0), child);
		killed += WIFSIGNALED(status);
		if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status))
			fail_msg("round %u: the writer ended with status 0x%x", round, (unsigned)status);
		sectors_hold(image, round);
		if (round % 8 == 7) {
			status = system(command);
			if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3)
				fail_msg("round %u: qemu-img check says %d", round, WEXITSTATUS(status));
		}
	}
	print_message("%u rounds, %u of them ended by kill -9 or a power cut\n", rounds, killed);
	assert_true(killed > rounds / 3);
	close(fd);
	unlink(image);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(images_outlive_their_writer)};

	rounds = argc > 1 ? (unsigned)atoi(argv[1]) : rounds;
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : seed;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
