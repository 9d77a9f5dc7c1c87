/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timed programs of `make bench`: one static arm64 program, one row each. Prints "BENCH <row> <seconds>" by the
 * guest's monotonic clock; the host takes the time of the line as a check of that clock. Every row's work is a fixed
 * amount, its result is printed, so that both machines can be seen to have done the same.
 *
 *   bench [ROW...]        memory rows take NODE from the environment (the NUMA node to bind to; default 0);
 * ONLY=memory: no others; SUFFIX is added to the rows' names
 */
#define _GNU_SOURCE
#include <arm_neon.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rows.h"

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t row_integer(void)
{
	uint64_t a = 1, b = 2;

	for (unsigned i = 0; i < 60000000; i++) {
		a = a * 6364136223846793005u + b;
		b ^= a >> 29;
		b += (a & 7) ? i : a;
	}
	return a ^ b;
}

static __attribute__((noinline)) uint64_t fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t row_calls(void)
{
	return fib(33);
}

static uint64_t op_add(uint64_t a)
{
	return a + 3;
}
static uint64_t op_xor(uint64_t a)
{
	return a ^ 0x55;
}
static uint64_t op_mul(uint64_t a)
{
	return a * 5;
}
static uint64_t op_rot(uint64_t a)
{
	return a << 7 | a >> 57;
}

static uint64_t row_indirect(void)
{
	uint64_t (*volatile table[4])(uint64_t) = {op_add, op_xor, op_mul, op_rot};
	uint64_t a = 1;

	for (unsigned i = 0; i < 20000000; i++)
		a = table[a & 3](a);
	return a;
}

static int compare(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

static uint64_t row_sort(void)
{
	enum { N = 600000 };
	uint32_t *v = malloc(N * sizeof(*v)), s = 1;
	uint64_t sum = 0;

	for (unsigned i = 0; i < N; i++)
		v[i] = s = s * 1664525 + 1013904223;
	qsort(v, N, sizeof(*v), compare);
	for (unsigned i = 0; i < N; i += 1000)
		sum = sum * 31 + v[i];
	free(v);
	return sum;
}

static uint64_t row_fp(void)
{
	volatile double seed = 1.000001;
	double x = seed, y = 0.5, z = 0;
	uint64_t bits;

	for (unsigned i = 1; i < 12000000; i++) {
		x = x * 1.0000001 + y;
		y = y * 0.999999 - x / (double)i;
		z += x * y;
	}
	memcpy(&bits, &z, 8);
	return bits;
}

static uint64_t row_simd_float(void)
{
	float32x4_t a = vdupq_n_f32(1.0f), b = vdupq_n_f32(0.999f), c = vdupq_n_f32(0.001f), d = a;

	for (unsigned i = 0; i < 8000000; i++) {
		a = vfmaq_f32(c, a, b);
		d = vaddq_f32(vmulq_f32(d, b), a);
	}
	return (uint64_t)(vaddvq_f32(a) * 1000) + (uint64_t)(vaddvq_f32(d) * 1000);
}

static uint64_t row_simd_int(void)
{
	uint8x16_t a = vdupq_n_u8(3), b = vdupq_n_u8(7);
	uint32x4_t s = vdupq_n_u32(0);

	for (unsigned i = 0; i < 10000000; i++) {
		a = vaddq_u8(a, b);
		b = veorq_u8(b, vshrq_n_u8(a, 3));
		s = vaddq_u32(s, vreinterpretq_u32_u8(vqtbl1q_u8(a, vandq_u8(b, vdupq_n_u8(15)))));
	}
	return vaddvq_u32(s);
}

static uint64_t shared_counter;

static void *add_many(void *unused)
{
	for (unsigned i = 0; i < 4000000; i++)
		__atomic_fetch_add(&shared_counter, 1, __ATOMIC_ACQ_REL);
	return unused;
}

static uint64_t row_atomics(void)
{
	pthread_t t[2];

	shared_counter = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, add_many, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	return shared_counter;
}

static uint64_t row_syscall(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 400000; i++)
		sum += syscall(SYS_getppid) >= 0;
	return sum;
}

static uint64_t ping_pong(void)
{
	int to[2], from[2];
	char c = 'x';
	uint64_t n = 0;
	pid_t child;

	if (pipe(to) || pipe(from))
		return 0;
	child = fork();
	if (!child) {
		while (read(to[0], &c, 1) == 1)
			if (c == 'q' || write(from[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	for (; n < 20000; n++)
		if (write(to[1], &c, 1) != 1 || read(from[0], &c, 1) != 1)
			break;
	c = 'q';
	if (write(to[1], &c, 1) != 1)
		n = 0;
	waitpid(child, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
	return n;
}

static uint64_t row_pipe(void)
{
	return ping_pong();
}

/* Both on one CPU: each byte is a context switch. */
static uint64_t row_switch(void)
{
	cpu_set_t all, one;
	uint64_t n;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	n = ping_pong();
	sched_setaffinity(0, sizeof(all), &all);
	return n;
}

static uint64_t row_fork_exec(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 150; i++) {
		int status = 1;
		pid_t child = fork();

		if (!child) {
			execl("/bin/busybox", "true", (char *)NULL);
			_exit(1);
		}
		waitpid(child, &status, 0);
		n += status == 0;
	}
	return n;
}

static uint64_t row_page_faults(void)
{
	uint64_t n = 0;

	for (unsigned round = 0; round < 6; round++) {
		size_t bytes = 32u << 20;
		char *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(m, bytes, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < bytes; i += 4096, n++)
			m[i] = 1;
		munmap(m, bytes);
	}
	return n;
}

static volatile int storm_stop;

static void *spin(void *unused)
{
	volatile uint64_t x = 0;

	while (!storm_stop)
		x++;
	return unused;
}

static uint64_t mprotect_many(unsigned n)
{
	char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t done = 0;

	memset(m, 1, 1 << 20);
	for (unsigned i = 0; i < n; i++) {
		char *page = m + (size_t)(i & 255) * 4096;

		done += !mprotect(page, 4096, PROT_READ) && !mprotect(page, 4096, PROT_READ | PROT_WRITE);
		*page = 2;
	}
	munmap(m, 1 << 20);
	return done;
}

static uint64_t row_mprotect(void)
{
	return mprotect_many(20000);
}

/* A thread on every other CPU. */
static uint64_t row_mprotect_smp(void)
{
	pthread_t t[16];
	long count = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	uint64_t n;

	storm_stop = 0;
	for (long i = 0; i < count && i < 16; i++)
		pthread_create(&t[i], NULL, spin, NULL);
	n = mprotect_many(5000);
	storm_stop = 1;
	for (long i = 0; i < count && i < 16; i++)
		pthread_join(t[i], NULL);
	return n;
}

/* --- memory rows: 64 MiB bound to each of NODES, forth and back in turn, so that they meet the same noise. With more
 * than one node the first comes again at the end, with memory of its own: what those two differ by is the noise --- */

#define MEMORY_BYTES (64u << 20)
#define MOST_NODES 8
#define PASSES 8

static void *bound_memory(unsigned long node)
{
	unsigned long mask[2] = {1ul << (node & 63)};
	void *m = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED || syscall(SYS_mbind, m, (size_t)MEMORY_BYTES, 2, mask, 65ul, 0)) {
		fprintf(stderr, "bench: cannot bind to node %lu: %s\n", node, strerror(errno));
		exit(1);
	}
	memset(m, 1, MEMORY_BYTES);
	return m;
}

static void *memory;

static uint64_t row_memset(void)
{
	for (unsigned i = 0; i < 6; i++) {
		memset(memory, (int)i, MEMORY_BYTES);
		__asm__ volatile("" ::: "memory");
	}
	return *(uint64_t *)memory;
}

static uint64_t row_memcpy(void)
{
	for (unsigned i = 0; i < 6; i++) {
		memcpy(memory, (char *)memory + MEMORY_BYTES / 2, MEMORY_BYTES / 2);
		__asm__ volatile("" ::: "memory");
	}
	return *(uint64_t *)memory;
}

static uint64_t row_read(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 3; i++)
		for (uint64_t *p = memory, *end = p + MEMORY_BYTES / 8; p < end; p += 4)
			sum += p[0] + p[1] + p[2] + p[3];
	return sum;
}

static uint64_t row_chase(void)
{
	uint32_t *next = memory, n = MEMORY_BYTES / 4, at = 0;
	uint32_t step = 2654435761u % n | 1;

	for (uint32_t i = 0; i < n; i += 16)
		next[i] = (i + step * 16) % n & ~15u;
	for (uint32_t i = 0; i < 600000; i++)
		at = next[at];
	return at;
}

static uint64_t row_add(void)
{
	uint64_t *p = memory, n = MEMORY_BYTES / 8;

	memset(memory, 0, MEMORY_BYTES);
	for (uint64_t i = 0, at = 0; i < 400000; i++, at = (at + 40503) % n)
		__atomic_fetch_add(&p[at], i, __ATOMIC_SEQ_CST);
	return p[40503];
}

const struct row base_rows[] = {
	{"integer", row_integer, 0},
	{"calls", row_calls, 0},
	{"indirect", row_indirect, 0},
	{"sort", row_sort, 0},
	{"fp", row_fp, 0},
	{"simd-float", row_simd_float, 0},
	{"simd-int", row_simd_int, 0},
	{"atomics", row_atomics, 0},
	{"syscall", row_syscall, 0},
	{"pipe", row_pipe, 0},
	{"switch", row_switch, 0},
	{"fork-exec", row_fork_exec, 0},
	{"page-faults", row_page_faults, 0},
	{"mprotect", row_mprotect, 0},
	{"mprotect-smp", row_mprotect_smp, 0},
	{"memset", row_memset, 1},
	{"memcpy", row_memcpy, 1},
	{"read", row_read, 1},
	{"chase", row_chase, 1},
	{"fetch-add", row_add, 1},
	{0},
};

static int is_wanted(int argc, char **argv, const char *name)
{
	for (int a = 1; a < argc; a++)
		if (!strcmp(argv[a], name))
			return 1;
	return argc == 1;
}

static void print(const char *name, const char *suffix, double seconds, uint64_t result)
{
	printf("BENCH %s%s %.6f %llx\n", name, suffix, seconds, (unsigned long long)result);
	fflush(stdout);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The least of PASSES on each node, as what others do on the host only adds; one after the other in each pass,
 * backwards in every second. */
static void run_memory_row(const struct row *row, const char *suffix)
{
	static void *of_node[MOST_NODES];
	static unsigned nodes[MOST_NODES], count;
	double seconds[MOST_NODES][PASSES];
	uint64_t result[MOST_NODES] = {0};

	if (!count) {
		char *at = getenv("NODES") ? getenv("NODES") : "0";

		for (char *end; count < MOST_NODES; at = end, count++) {
			nodes[count] = (unsigned)strtoul(at, &end, 0);
			if (end == at)
				break;
			of_node[count] = bound_memory(nodes[count]);
		}
		if (count > 1 && count < MOST_NODES) {
			nodes[count] = nodes[0];
			of_node[count++] = bound_memory(nodes[0]);
		}
	}
	for (unsigned pass = 0; pass < PASSES; pass++)
		for (unsigned at = 0; at < count; at++) {
			unsigned n = pass & 1 ? count - 1 - at : at;
			double start;

			memory = of_node[n];
			memset(memory, 1, MEMORY_BYTES);
			start = now();
			result[n] = row->run();
			seconds[n][pass] = now() - start;
		}
	for (unsigned n = 0; n < count; n++) {
		char name[64];

		qsort(seconds[n], PASSES, sizeof seconds[n][0], by_size);
		snprintf(name, sizeof name,
			 n && nodes[n] == nodes[0] ? "%s-again" :
			 nodes[n]                  ? "%s-cxl%u" :
						     "%s",
			 row->name, nodes[n]);
		print(name, suffix, seconds[n][0], result[n]);
	}
}

static void run_rows(int argc, char **argv, const struct row *rows, const char *suffix)
{
	for (const struct row *row = rows; row->name; row++) {
		double start;
		uint64_t result;

		if (!is_wanted(argc, argv, row->name))
			continue;
		if (row->is_memory) {
			run_memory_row(row, suffix);
			continue;
		}
		printf("BENCH-START %s%s\n", row->name, suffix);
		fflush(stdout);
		start = now();
		result = row->run();
		print(row->name, suffix, now() - start, result);
	}
}

int main(int argc, char **argv)
{
	const char *suffix = getenv("SUFFIX") ? getenv("SUFFIX") : "";

	run_rows(argc, argv, base_rows, suffix);
	run_rows(argc, argv, crypto_rows, suffix);
	if (getenv("NET_PORT"))
		run_rows(argc, argv, net_rows, suffix);
	for (const struct program_row *row = program_rows; row->name && !access("/bench/data", R_OK); row++) {
		uint64_t result;
		double seconds;

		if (!is_wanted(argc, argv, row->name))
			continue;
		if (!row->rate)
			printf("BENCH-START %s%s\n", row->name, suffix);
		fflush(stdout);
		seconds = program_run(row, &result);
		if (seconds > 0)
			print(row->name, suffix, seconds, result);
	}
	return 0;
}
