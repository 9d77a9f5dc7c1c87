/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory backends: sizes, files with holes, sharing, refusals. */
#include "mem/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "obj/dev.h"

/* In the place of the C library's: what the host says of writing back, once. */
static int msync_error;

int msync(void *address, size_t size, int flags)
{
	int error = msync_error;

	msync_error = 0;
	errno = error;
	return error ? -1 : (int)syscall(SYS_msync, address, size, flags);
}

static char folder[] = "/tmp/cxlvm-test-XXXXXX";

static int group_setup(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int group_teardown(void **state)
{
	return rmdir(folder);
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* "FILE" in the options stands for the path of a file called f. */
static struct dev *make(const struct dev_class *cls, const char *options, struct error *err)
{
	struct dev *dev = dev_new(cls);
	const char *file = strstr(options, "FILE");
	struct opts opts;
	char text[512];

	snprintf(text, sizeof(text), "%.*s%s%s", (int)(file ? file - options : (long)strlen(options)), options,
		 file ? path_of("f") : "", file ? file + 4 : "");
	if (opts_parse(&opts, text, NULL, err) && dev_set_all(dev, &opts, NULL, err) && dev_create(dev, NULL, err)) {
		opts_free(&opts);
		return dev;
	}
	opts_free(&opts);
	dev_destroy(dev);
	return NULL;
}

static struct backend *must_make(const struct dev_class *cls, const char *options, struct dev **dev)
{
	struct error err = {0};

	*dev = make(cls, options, &err);
	if (!*dev)
		fail_msg("%s: %s", options, err.text);
	assert_non_null(backend_of(*dev));
	return backend_of(*dev);
}

static void refused(const struct dev_class *cls, const char *options, const char *says)
{
	struct error err = {0};

	if (make(cls, options, &err))
		fail_msg("%s is accepted", options);
	check_says(&err, says);
}

static void file_with(const char *bytes, off_t at, off_t size)
{
	int fd = open(path_of("f"), O_RDWR | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
	close(fd);
}

static off_t file_length(void)
{
	struct stat st;

	return stat(path_of("f"), &st) ? -1 : st.st_size;
}

static char file_byte(off_t at)
{
	int fd = open(path_of("f"), O_RDONLY);
	char c = 0;

	assert_int_equal(pread(fd, &c, 1, at), 1);
	close(fd);
	return c;
}

static void ram_is_zero_aligned_and_writable(void **state)
{
	struct dev *dev;
	struct backend *b = must_make(&memory_backend_ram_class, "id=m0,size=6M", &dev);

	assert_int_equal(b->size, 6 * MiB);
	assert_string_equal(b->id, "m0");
	assert_int_equal((uintptr_t)b->host % (2 * MiB), 0);
	assert_int_equal(b->host[6 * MiB - 1], 0);
	b->host[6 * MiB - 1] = 1;
	backend_ready(b, 5 * MiB);
	assert_true(backend_flush(b, 0, 6 * MiB));
	dev_destroy(dev);
	b = must_make(&memory_backend_ram_class, "id=m0,size=4096,share=on,prealloc=on,merge=off,dump=on,reserve=off",
		      &dev);
	b->host[4095] = 7;
	dev_destroy(dev);
	b = must_make(&memory_backend_ram_class, "id=m0,size=1T", &dev); /* costs nothing until touched */
	b->host[1023 * GiB] = 7;
	dev_destroy(dev);
}

static void sizes_and_words_are_checked(void **state)
{
	const struct dev_class *ram = &memory_backend_ram_class, *file = &memory_backend_file_class;

	refused(ram, "id=m0", "size: not given");
	refused(ram, "id=m0,size=0", "size: not given");
	refused(ram, "id=m0,size=4097", "size=4097: not a multiple of the page size 4096");
	refused(ram, "id=m0,size=8E", "cannot reserve");
	refused(ram, "id=m0,size=16383P", "cannot reserve");
	refused(ram, "id=m0,size=1M,host-nodes=0", "host-nodes=0: binding to host nodes is not built");
	refused(ram, "id=m0,size=1M,policy=bind", "only policy=default");
	refused(ram, "id=m0,size=1M,shared=on", "did you mean 'share'?");
	refused(file, "id=m0,size=1M", "mem-path: not given");
	refused(file, "id=m0,size=1M,mem-path=/nonexistent/x", "mem-path=/nonexistent/x: cannot open it");
	refused(file, "id=m0,size=1M,mem-path=FILE,offset=4096", "only offset=0");
	refused(file, "id=m0,size=1M,mem-path=FILE,align=3", "align=3");
	refused(file, "id=m0,size=1M,mem-path=FILE,align=2T", "1T");
	refused(file, "id=m0,size=1M,mem-path=FILE,readonly=on", "cannot open it");
	assert_int_equal(file_length(), -1);
	refused(&memory_backend_memfd_class, "id=m0,size=1M,hugetlb=on",
		"hugetlb=on: explicit huge pages are not built");
}

static void a_private_file_is_read_lazily_with_its_holes(void **state)
{
	unsigned char resident[1];
	struct dev *dev;
	struct backend *b;

	file_with("data", 4 * MiB + 100, 9 * MiB);
	b = must_make(&memory_backend_file_class, "id=m0,size=8M,mem-path=FILE", &dev);
	assert_non_null(b->chunk_ready);
	assert_int_equal(b->host[4 * MiB + 100], 0); /* not yet */
	backend_ready(b, 5 * MiB);
	assert_memory_equal(b->host + 4 * MiB + 100, "data", 4);
	assert_int_equal(b->host[4 * MiB + 104], 0);
	backend_ready(b, 0);
	assert_int_equal(mincore(b->host, 4096, resident), 0);
	assert_int_equal(resident[0] & 1, 0); /* a hole costs no memory */
	b->host[4 * MiB + 100] = 'X';
	backend_ready(b, 4 * MiB);
	assert_int_equal(b->host[4 * MiB + 100], 'X'); /* read once only */
	assert_true(backend_flush(b, 0, b->size));
	dev_destroy(dev);
	assert_int_equal(file_byte(4 * MiB + 100), 'd'); /* private */
	assert_int_equal(file_length(), 9 * MiB);
	unlink(path_of("f"));
}

static void a_file_that_shrinks_reads_zero(void **state)
{
	struct dev *dev;
	struct backend *b;

	file_with("data", 2 * MiB, 4 * MiB);
	b = must_make(&memory_backend_file_class, "id=m0,size=4M,mem-path=FILE", &dev);
	assert_int_equal(truncate(path_of("f"), 100), 0);
	backend_ready(b, 2 * MiB);
	assert_int_equal(b->host[2 * MiB], 0);
	dev_destroy(dev);
	unlink(path_of("f"));
}

static void a_private_file_need_not_be_writable(void **state)
{
	struct dev *dev;
	struct backend *b;

	file_with("data", 0, 4096);
	b = must_make(&memory_backend_file_class, "id=m0,size=4096,mem-path=FILE,readonly=on,prealloc=on", &dev);
	assert_memory_equal(b->host, "data", 4);
	dev_destroy(dev);
	b = must_make(&memory_backend_file_class, "id=m0,size=4096,mem-path=FILE,readonly=on,share=on", &dev);
	assert_memory_equal(b->host, "data", 4);
	b->host[0] = 'X'; /* no fault, and not in the file */
	dev_destroy(dev);
	assert_int_equal(file_byte(0), 'd');
	unlink(path_of("f"));
}

static void a_shared_file_shows_every_store(void **state)
{
	struct backend slice;
	struct error err;
	struct dev *dev;
	struct backend *b = must_make(&memory_backend_file_class, "id=m0,size=4M,mem-path=FILE,share=on,pmem=on", &dev);

	assert_int_equal(file_length(), 4 * MiB); /* made, and made long enough */
	assert_int_equal((uintptr_t)b->host % (2 * MiB), 0);
	assert_null(b->chunk_ready);
	b->host[3 * MiB] = 'S';
	assert_int_equal(file_byte(3 * MiB), 'S');
	assert_true(backend_flush(b, 3 * MiB + 1, 64));
	assert_true(backend_flush(b, 3 * MiB, 100 * MiB)); /* outside: nothing */
	/* The host says once that stores are lost; the next flush cannot bring them back. */
	assert_true(backend_slice(&slice, b, 2 * MiB, &err));
	msync_error = EIO;
	assert_false(backend_flush(&slice, 0, 64));
	assert_false(backend_flush(&slice, 0, 64));
	assert_false(backend_flush(b, 0, 4 * MiB));
	dev_destroy(dev);
	b = must_make(&memory_backend_file_class, "id=m0,size=4M,mem-path=FILE,share=on", &dev);
	assert_int_equal(b->host[3 * MiB], 'S');
	dev_destroy(dev);
	refused(&memory_backend_file_class, "id=m0,size=8M,mem-path=FILE,share=on", "the file has 4194304 bytes");
	refused(&memory_backend_file_class, "id=m0,size=8M,mem-path=FILE", "write size=4194304");
	assert_int_equal(file_length(), 4 * MiB);
	unlink(path_of("f"));
}

static pthread_barrier_t stores;

static void *store_together(void *at)
{
	pthread_barrier_wait(&stores);
	*(volatile u8 *)at = 1;
	return NULL;
}

/* A store at `at` by a child, or one at each of so many pages by as many threads: how it ended, and the line that it
 * left. */
static int stored_by_child(struct backend *b, u64 at, unsigned threads, char *line, size_t room)
{
	pthread_t thread = 0;

	int ends[2], status;
	ssize_t got;

	*line = 0;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();

	if (!child) {
		dup2(ends[1], STDERR_FILENO);
		pthread_barrier_init(&stores, NULL, threads);
		for (unsigned n = 1; n < threads; n++)
			pthread_create(&thread, NULL, store_together, b->host + at + 4096 * n);
		store_together(b->host + at);
		if (thread)
			pthread_join(thread, NULL);
		_exit(0);
	}
	close(ends[1]);
	for (size_t used = 0; (got = read(ends[0], line + used, room - 1 - used)) > 0; used += (size_t)got)
		line[used + (size_t)got] = 0;
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void a_shared_file_that_is_cut_ends_with_a_line(void **state)
{
	struct dev *dev, *other;
	struct backend *b;
	char line[1024];
	int status;

	b = must_make(&memory_backend_file_class, "id=m0,size=4M,mem-path=FILE,share=on", &dev);
	must_make(&memory_backend_memfd_class, "id=m1,size=2M", &other);
	assert_int_equal(truncate(path_of("f"), 2 * MiB), 0);
	assert_int_equal(stored_by_child(b, 0, 1, line, sizeof(line)), 0);
	assert_string_equal(line, "");
	for (unsigned round = 0; round < 20; round++) {
		status = stored_by_child(b, 3 * MiB, round ? 8 : 1, line, sizeof(line));
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
		assert_non_null(strstr(line, "memory backend 'm0': mem-path="));
		assert_non_null(strstr(line, path_of("f")));
		assert_non_null(strstr(line, "shorter than its 4194304 bytes"));
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1); /* one, of however many */
	}
	dev_destroy(other);
	dev_destroy(dev);
	unlink(path_of("f"));
}

static void a_shared_file_on_a_full_disk_ends_with_a_line(void **state)
{
	struct dev *dev;
	char line[1024];
	int status;

	/* A file system of 1 MiB, in a namespace of the child's. */
	assert_int_equal(mkdir(path_of("small"), 0700), 0);
	pid_t child = fork();

	if (!child) {
		struct error err = {0};
		char options[256];
		struct backend *b;

		if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("small", path_of("small"), "tmpfs", 0, "size=1M"))
			_exit(77);
		snprintf(options, sizeof(options), "id=m0,size=4M,share=on,mem-path=%s/f", path_of("small"));
		dev = make(&memory_backend_file_class, options, &err);
		if (!dev)
			_exit(2);
		b = backend_of(dev);
		for (u64 at = 0; at < 4 * MiB - 4096; at += 4096) {
			status = stored_by_child(b, at, 1, line, sizeof(line));
			if (!status)
				continue;
			_exit(WIFEXITED(status) && WEXITSTATUS(status) == 1 && strstr(line, "is its disk full?") ? 0 :
														   3);
		}
		_exit(4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	rmdir(path_of("small"));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* the host gives no namespaces */
	assert_int_equal(status, 0);
}

static void a_directory_stands_for_an_unnamed_file(void **state)
{
	struct error err;
	struct dev *dev = dev_new(&memory_backend_file_class);

	assert_true(dev_set(dev, "mem-path", folder, NULL, &err));
	assert_true(dev_set(dev, "size", "2M", NULL, &err));
	assert_true(dev_set(dev, "share", "on", NULL, &err));
	assert_true(dev_create(dev, NULL, &err));
	backend_of(dev)->host[0] = 1;
	dev_destroy(dev); /* group_teardown's rmdir tells if something were left */
}

static void a_memfd_is_shared_and_sealed(void **state)
{
	struct dev *dev;
	struct backend *b = must_make(&memory_backend_memfd_class, "id=m0,size=4M", &dev);
	char c = 0;

	b->host[MiB] = 'M';
	assert_int_equal(pread(b->fd, &c, 1, MiB), 1);
	assert_int_equal(c, 'M');
	assert_int_not_equal(ftruncate(b->fd, 0), 0);
	dev_destroy(dev);
	b = must_make(&memory_backend_memfd_class, "id=m0,size=4M,share=off", &dev);
	b->host[0] = 1;
	dev_destroy(dev);
}

static u64 file_blocks(void)
{
	struct stat st;

	assert_int_equal(stat(path_of("f"), &st), 0);
	return (u64)st.st_blocks * 512;
}

/* Of whatever kind it is: from one byte behind a page's start to one before another's end, in two chunks. */
static void what_is_zeroed_is_zero_and_the_rest_is_kept(void **state)
{
	static const struct {
		const struct dev_class *cls;
		const char *options;
		bool keeps; /* its blocks, as it has them all */
	} kinds[] = {
		{&memory_backend_ram_class, "id=m0,size=8M"},
		{&memory_backend_ram_class, "id=m0,size=8M,prealloc=on"},
		{&memory_backend_ram_class, "id=m0,size=8M,share=on"},
		{&memory_backend_memfd_class, "id=m0,size=8M"},
		{&memory_backend_memfd_class, "id=m0,size=8M,share=off"},
		{&memory_backend_file_class, "id=m0,size=8M,mem-path=FILE"},
		{&memory_backend_file_class, "id=m0,size=8M,mem-path=FILE,share=on"},
		{&memory_backend_file_class, "id=m0,size=8M,mem-path=FILE,share=on,prealloc=on", true},
	};
	const u64 from = MiB + 1, end = 5 * MiB - 1;

	for (unsigned n = 0; n < ARRAY_SIZE(kinds); n++) {
		struct backend slice, *b;
		struct error err;
		struct dev *dev;

		file_with("file", 5 * MiB, 8 * MiB);
		b = must_make(kinds[n].cls, kinds[n].options, &dev);
		backend_ready(b, 0);
		b->host[from - 1] = b->host[end] = b->host[0] = 'k';
		b->host[from] = b->host[2 * MiB - 1] = b->host[4 * MiB] = b->host[end - 1] = 'z';
		backend_zero(b, from, end - from);
		for (u64 at = from; at < end; at++)
			if (b->host[at])
				fail_msg("%s: byte %llu", kinds[n].options, (unsigned long long)at);
		assert_int_equal(b->host[0], 'k');
		assert_int_equal(b->host[from - 1], 'k');
		assert_int_equal(b->host[end], 'k');
		if (b->path) {
			assert_int_equal(file_byte(from), 0);
			assert_int_equal(file_blocks() >= 8 * MiB, kinds[n].keeps);
		}
		/* Within a page, outside, and of a slice. */
		backend_zero(b, 5 * MiB + 1, 2);
		assert_memory_equal(b->host + 5 * MiB, b->path ? "f\0\0e" : "\0\0\0", 4);
		backend_zero(b, 5 * MiB, 8 * MiB);
		assert_int_equal(b->host[5 * MiB], b->path ? 'f' : 0);
		assert_true(backend_slice(&slice, b, 2 * MiB, &err));
		assert_true(backend_slice(&slice, b, 4 * MiB, &err));
		backend_zero(&slice, 0, slice.size);
		assert_int_equal(b->host[5 * MiB], 0);
		assert_int_equal(b->host[from - 1], 'k');
		dev_destroy(dev);
	}
	unlink(path_of("f"));
}

/* What is sparse stays so: nothing of the file is read or written but what was there. */
static void zeroing_fills_no_holes(void **state)
{
	struct dev *dev;
	struct backend *b;

	file_with("data", 0, 1 * GiB);
	b = must_make(&memory_backend_file_class, "id=m0,size=1G,mem-path=FILE,share=on", &dev);
	b->host[512 * MiB] = 1;
	backend_zero(b, 0, b->size);
	assert_int_equal(file_byte(0), 0);
	assert_int_equal(file_byte(512 * MiB), 0);
	assert_true(file_blocks() < MiB);
	dev_destroy(dev);
	file_with("data", 0, 4 * MiB);
	b = must_make(&memory_backend_file_class, "id=m0,size=4M,mem-path=FILE,readonly=on", &dev);
	backend_ready(b, 0);
	backend_zero(b, 0, b->size);
	assert_int_equal(b->host[0], 'd');
	dev_destroy(dev);
	unlink(path_of("f"));
}

static void *ready_all(void *opaque)
{
	struct backend *b = opaque;

	for (u64 at = 0; at < b->size; at += 4096) {
		backend_ready(b, at);
		if (b->host[at] != (u8)(at / 4096 + 1))
			return b;
	}
	return NULL;
}

static void threads_race_for_chunks(void **state)
{
	static u8 page[4096];
	int fd = open(path_of("f"), O_RDWR | O_CREAT | O_TRUNC, 0644);
	pthread_t threads[4];
	struct dev *dev;
	struct backend *b;

	for (unsigned i = 0; i < 16 * MiB / 4096; i++) {
		page[0] = (u8)(i + 1);
		assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	}
	close(fd);
	b = must_make(&memory_backend_file_class, "id=m0,size=16M,mem-path=FILE", &dev);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, ready_all, b);
	for (unsigned i = 0; i < 4; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	dev_destroy(dev);
	unlink(path_of("f"));
}

static void other_devices_are_no_backends(void **state)
{
	static const struct dev_class cls = {
		.name = "memory-backend-ram", .size = sizeof(struct dev), .plugs = BUS_OBJECT};
	struct dev *dev = dev_new(&cls);

	assert_null(backend_of(dev));
	assert_null(backend_of(NULL));
	dev_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ram_is_zero_aligned_and_writable),
		cmocka_unit_test(sizes_and_words_are_checked),
		cmocka_unit_test(a_private_file_is_read_lazily_with_its_holes),
		cmocka_unit_test(a_file_that_shrinks_reads_zero),
		cmocka_unit_test(a_private_file_need_not_be_writable),
		cmocka_unit_test(a_shared_file_shows_every_store),
		cmocka_unit_test(a_shared_file_that_is_cut_ends_with_a_line),
		cmocka_unit_test(a_shared_file_on_a_full_disk_ends_with_a_line),
		cmocka_unit_test(a_directory_stands_for_an_unnamed_file),
		cmocka_unit_test(a_memfd_is_shared_and_sealed),
		cmocka_unit_test(what_is_zeroed_is_zero_and_the_rest_is_kept),
		cmocka_unit_test(zeroing_fills_no_holes),
		cmocka_unit_test(threads_race_for_chunks),
		cmocka_unit_test(other_devices_are_no_backends),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
