/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory-backend objects: RAM, file and memfd, with QEMU's properties. Created in the main thread; backend_ready
 * and backend_flush run on any thread without locks.
 *
 * A private file is read chunk by chunk (2 MiB) at first use. A chunk's byte in `chunk_ready` goes from CHUNK_UNREAD to
 * CHUNK_CLAIMED by whoever reads it, then to CHUNK_READY; others wait meanwhile.
 */
#include "mem/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/host.h"
#include "obj/dev.h"

#define CHUNK (2 * MiB)
#define PAGE 4096u
#define ALIGN_MAX (1024 * GiB)

enum { CHUNK_UNREAD, CHUNK_CLAIMED, CHUNK_READY };

struct memory_backend {
	struct dev dev;
	struct backend backend;
	/* properties */
	char *path, *host_nodes;
	u64 align, offset, hugetlb_size;
	u32 policy, rom;
	bool merge, dump, reserve, discard_data, hugetlb, seal, stable_id;
	u32 prealloc_threads;
	/* rebuilt */
	bool is_shared_map; /* host was mapped MAP_SHARED */
	bool is_watched;    /* a fault there has a line (mapped_file_watch) */
};

static struct memory_backend *memory_backend(struct dev *dev)
{
	return container_of(dev, struct memory_backend, dev);
}

/* --- lazily read files --- */

/* Reads [from, to) of the file into its place; what the file lacks stays zero. */
static bool read_part(struct backend *b, u64 from, u64 to)
{
	while (from < to) {
		ssize_t got = pread(b->fd, b->host + from, to - from, (off_t)from);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (!got)
			return true;
		from += (u64)got;
	}
	return true;
}

/* Reads the data of a chunk, leaving holes untouched, so that a sparse file costs no memory. */
static bool read_chunk(struct backend *b, u64 from, u64 end)
{
	while (from < end) {
		off_t data = lseek(b->fd, (off_t)from, SEEK_DATA), hole;

		if (data < 0)
			return errno == ENXIO ? true : read_part(b, from, end);
		if ((u64)data >= end)
			return true;
		hole = lseek(b->fd, data, SEEK_HOLE);
		if (hole <= data)
			return read_part(b, (u64)data, end);
		if (!read_part(b, (u64)data, MIN(end, (u64)hole)))
			return false;
		from = (u64)hole;
	}
	return true;
}

/* Whether the caller is to read the chunk; false: it has been read. */
static bool claim_chunk(u8 *ready)
{
	for (;;) {
		u8 state = __atomic_load_n(ready, __ATOMIC_ACQUIRE);

		if (likely(state == CHUNK_READY))
			return false;
		if (state == CHUNK_UNREAD && __atomic_compare_exchange_n(ready, &state, CHUNK_CLAIMED, false,
									 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			return true;
		sched_yield();
	}
}

void backend_ready(struct backend *b, u64 offset)
{
	u64 chunk = offset / CHUNK;
	u8 *ready;

	if (!b->chunk_ready || offset >= b->size)
		return;
	if (b->whole) {
		backend_ready(b->whole, b->whole_offset + offset);
		return;
	}
	ready = &b->chunk_ready[chunk];
	if (!claim_chunk(ready))
		return;
	if (!read_chunk(b, chunk * CHUNK, MIN(b->size, (chunk + 1) * CHUNK)))
		notice("memory backend '%s': mem-path=%s: reading at 0x%llx failed: %s; zeroes are used there",
		       b->id ? b->id : "", b->path, (unsigned long long)(chunk * CHUNK), strerror(errno));
	__atomic_store_n(ready, CHUNK_READY, __ATOMIC_RELEASE);
}

bool backend_flush(struct backend *b, u64 offset, u64 size)
{
	struct backend *all = b->whole ? b->whole : b;
	u64 from, end;

	if (!b->path || !b->share || b->readonly || !size || !range_ok(offset, size, b->size))
		return true;
	from = align_down(offset, PAGE);
	end = align_up(offset + size, PAGE);
	if (msync(b->host + from, end - from, MS_SYNC) &&
	    !__atomic_exchange_n(&all->flush_failed, true, __ATOMIC_RELAXED))
		notice("memory backend '%s': mem-path=%s: writing back failed: %s", b->id ? b->id : "", b->path,
		       strerror(errno));
	return !__atomic_load_n(&all->flush_failed, __ATOMIC_RELAXED);
}

/* Whether the host has given all of it, which somebody may have wanted to be sure of. */
static bool is_allocated(const struct backend *b)
{
	struct stat st;

	return b->prealloc ||
	       (b->share && b->fd >= 0 && (fstat(b->fd, &st) || (u64)st.st_blocks * 512 >= (u64)st.st_size));
}

/* Whole pages, which then read zero. MADV_DONTNEED is enough for private memory alone: what is shared, with a file or
 * with nobody, comes back as it was. Advice may be taken for a hint, as by a user-mode emulator: the mark tells. */
static bool give_back(const struct backend *b, u64 from, u64 end)
{
	volatile u8 *mark = b->host + from;

	if (from >= end || is_allocated(b))
		return false;
	if (b->share && b->fd >= 0)
		return !fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(b->whole_offset + from),
				  (off_t)(end - from));
	*mark = 1;
	return !madvise(b->host + from, end - from, b->share ? MADV_REMOVE : MADV_DONTNEED) && !*mark;
}

void backend_zero(struct backend *b, u64 offset, u64 size)
{
	u64 end = offset + size, from = align_up(offset, PAGE), to = align_down(end, PAGE);

	if (b->readonly || !size || !range_ok(offset, size, b->size))
		return;
	for (u64 at = align_down(offset, CHUNK); b->chunk_ready && at < end; at += CHUNK)
		if (at < offset || MIN(at + CHUNK, b->size) > end)
			backend_ready(b, at);
		else if (claim_chunk(&b->chunk_ready[at / CHUNK])) /* nothing will be left of it */
			__atomic_store_n(&b->chunk_ready[at / CHUNK], CHUNK_READY, __ATOMIC_RELEASE);
	if (!give_back(b, from, to))
		from = to = end;
	memset(b->host + offset, 0, from - offset);
	memset(b->host + to, 0, end - to);
	backend_flush(b, offset, size);
}

bool backend_slice(struct backend *slice, struct backend *whole, u64 size, struct error *err)
{
	u64 left = whole->size - whole->sliced;

	if (!size || !is_aligned(size, CHUNK) || size > left)
		return fail(
			err,
			"memory backend '%s' has %llu bytes, of which %llu are left, and a slice of %llu is wanted; use a multiple of 2M "
			"up to that, or a larger backend",
			whole->id ? whole->id : "", (unsigned long long)whole->size, (unsigned long long)left,
			(unsigned long long)size);
	*slice = *whole;
	slice->whole = whole;
	slice->whole_offset = whole->sliced;
	slice->size = size;
	slice->host += whole->sliced;
	if (slice->chunk_ready)
		slice->chunk_ready += whole->sliced / CHUNK;
	slice->sliced = 0;
	whole->sliced += size;
	return true;
}

struct backend *backend_of(struct dev *dev)
{
	const struct dev_class *cls = dev ? dev->cls : NULL;
	bool is = cls == &memory_backend_ram_class || cls == &memory_backend_file_class ||
		  cls == &memory_backend_memfd_class;

	return is && memory_backend(dev)->backend.host ? &memory_backend(dev)->backend : NULL;
}

/* --- creation --- */

static bool check_common(struct memory_backend *m, struct error *err)
{
	struct backend *b = &m->backend;

	if (!b->size)
		return fail(err, "size: not given; write size=SIZE, such as size=512M");
	if (b->size % PAGE)
		return fail(err, "size=%llu: not a multiple of the page size 4096; write for example size=%llu",
			    (unsigned long long)b->size, (unsigned long long)align_up(b->size, PAGE));
	if (m->host_nodes)
		return fail(err, "host-nodes=%s: binding to host nodes is not built; leave it out and use numactl",
			    m->host_nodes);
	if (m->policy)
		return fail(err, "policy: only policy=default is built; leave it out and use numactl");
	if (m->align && (!is_power_of_2(m->align) || m->align < PAGE))
		return fail(err,
			    "align=%llu: not a power of two of at least 4096; memory is 2 MiB aligned, leave it out",
			    (unsigned long long)m->align);
	if (m->align > ALIGN_MAX)
		return fail(err, "align=%llu: more than 1T; leave it out", (unsigned long long)m->align);
	if (m->hugetlb)
		return fail(err,
			    "hugetlb=on: explicit huge pages are not built; transparent ones are used by themselves");
	if (m->offset)
		return fail(err, "offset=%llu: only offset=0 is built; put the data at the start of a file of its own",
			    (unsigned long long)m->offset);
	return true;
}

/* Maps `fd` shared (or anonymous shared for fd < 0) at a 2 MiB boundary. A readonly file gets a private map, so that a
 * store by mistake stays in this process and is no fault. */
static bool map_shared(struct memory_backend *m, struct error *err)
{
	struct backend *b = &m->backend;
	int flags =
		(b->readonly ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED | (b->fd < 0 ? MAP_ANONYMOUS | MAP_NORESERVE : 0);
	u8 *place = ram_alloc_aligned(b->size, m->align, err);
	char what[1024];

	if (!place)
		return false;
	if (mmap(place, b->size, PROT_READ | PROT_WRITE, flags, b->fd, 0) == MAP_FAILED) {
		fail(err, "cannot map %llu bytes: %s", (unsigned long long)b->size, strerror(errno));
		ram_free(place, b->size);
		return false;
	}
	madvise(place, b->size, MADV_HUGEPAGE);
	madvise(place, b->size, MADV_DONTDUMP);
	b->host = place;
	m->is_shared_map = !b->readonly;
	if (b->fd >= 0) {
		snprintf(what, sizeof(what), "memory backend '%s'%s%s", b->id ? b->id : "",
			 b->path ? ": mem-path=" : "", b->path ? b->path : "");
		mapped_file_watch(place, b->size, b->fd, what);
		m->is_watched = true;
	}
	return true;
}

/* prealloc=on: all pages now, so that the host runs out of memory here and not later. */
static bool populate(struct memory_backend *m, struct error *err)
{
	struct backend *b = &m->backend;

	/* The host would kill programs, this one too, before it would say no. */
	if (b->size / PAGE > (u64)sysconf(_SC_PHYS_PAGES))
		return fail(err,
			    "prealloc=on: the host has %llu MiB of memory, fewer than size=%lluM; leave prealloc out",
			    (unsigned long long)((u64)sysconf(_SC_PHYS_PAGES) * PAGE / MiB),
			    (unsigned long long)(b->size / MiB));
	for (u64 at = 0; b->chunk_ready && at < b->size; at += CHUNK)
		backend_ready(b, at);
	if (!b->prealloc || b->readonly)
		return true;
	if (b->path && b->share) {
		int error = posix_fallocate(b->fd, 0, (off_t)b->size);

		if (error)
			return fail(err, "prealloc=on: the host cannot give %llu bytes to %s: %s",
				    (unsigned long long)b->size, b->path, strerror(error));
	}
#ifdef MADV_POPULATE_WRITE
	if (!madvise(b->host, b->size, MADV_POPULATE_WRITE))
		return true;
	if (errno != EINVAL)
		return fail(err, "prealloc=on: the host cannot give %llu bytes: %s", (unsigned long long)b->size,
			    strerror(errno));
#endif
	for (u64 at = 0; at < b->size; at += PAGE)
		__atomic_fetch_or(&b->host[at], 0, __ATOMIC_RELAXED);
	return true;
}

static bool begin(struct memory_backend *m, struct error *err)
{
	m->backend.fd = -1;
	m->backend.id = m->dev.id;
	return check_common(m, err);
}

static bool in_words(const struct dev *dev, struct error *err)
{
	return dev->id ? fail_context(err, "%s '%s'", dev->cls->name, dev->id) :
			 fail_context(err, "%s", dev->cls->name);
}

static bool ram_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct memory_backend *m = memory_backend(dev);

	if (!begin(m, err))
		return in_words(dev, err);
	if (m->backend.share ? !map_shared(m, err) : !(m->backend.host = ram_alloc(m->backend.size, err)))
		return in_words(dev, err);
	if (m->backend.prealloc && !populate(m, err))
		return in_words(dev, err);
	return true;
}

static bool memfd_create_backend(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct memory_backend *m = memory_backend(dev);
	struct backend *b = &m->backend;

	if (!begin(m, err))
		return in_words(dev, err);
	if (m->hugetlb_size) {
		fail(err, "hugetlbsize: explicit huge pages are not built; leave it out");
		return in_words(dev, err);
	}
	b->fd = memfd_create(dev_name(dev), MFD_CLOEXEC | (m->seal ? MFD_ALLOW_SEALING : 0));
	if (b->fd < 0 || ftruncate(b->fd, (off_t)b->size) ||
	    (m->seal && fcntl(b->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK))) {
		fail(err, "size=%llu: the host gives no such memfd: %s", (unsigned long long)b->size, strerror(errno));
		return in_words(dev, err);
	}
	/* share=off: as QEMU, a private view of the memfd; nobody else has stored there yet, so plain memory is the
	 * same. */
	if (b->share ? !map_shared(m, err) : !(b->host = ram_alloc(b->size, err)))
		return in_words(dev, err);
	if (b->prealloc && !populate(m, err))
		return in_words(dev, err);
	return true;
}

/* A directory (a tmpfs such as /dev/shm) stands for an unnamed file in it. */
static int open_in_directory(const char *path)
{
	int fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char name[4096];

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	if ((size_t)snprintf(name, sizeof(name), "%s/cxlvm-memory-XXXXXX", path) >= sizeof(name))
		return -1;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static int open_path(struct memory_backend *m, const char *path, struct stat *st)
{
	struct backend *b = &m->backend;
	int fd;

	if (!stat(path, st)) {
		if (S_ISDIR(st->st_mode))
			return b->readonly ? (errno = EISDIR, -1) : open_in_directory(path);
		if (!S_ISREG(st->st_mode) && !S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode))
			return errno = EINVAL, -1;
		if (b->readonly)
			return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
		/* A private view only reads: a file that may not be written will do. */
		if (fd < 0 && !b->share && (errno == EACCES || errno == EROFS || errno == EPERM || errno == ETXTBSY))
			fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		return fd;
	}
	if (errno != ENOENT || b->readonly)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	/* Another program may have made it meanwhile. */
	return fd < 0 && errno == EEXIST ? open(path, O_RDWR | O_CLOEXEC | O_NOCTTY) : fd;
}

/* As QEMU: an empty file is made `size` long, a longer one is used from its start, a shorter one is refused. */
static bool settle_size(struct memory_backend *m, const struct stat *st, struct error *err)
{
	struct backend *b = &m->backend;
	off_t end;

	if (S_ISCHR(st->st_mode))
		return true; /* a DAX device maps what it has */
	end = lseek(b->fd, 0, SEEK_END);
	if (end < 0)
		return fail(err, "mem-path=%s: its size is unknown: %s", b->path, strerror(errno));
	if ((u64)end >= b->size)
		return true;
	if (end)
		return fail(
			err,
			"mem-path=%s: the file has %llu bytes, size=%llu needs more; write size=%llu or enlarge the "
			"file with truncate",
			b->path, (unsigned long long)end, (unsigned long long)b->size,
			(unsigned long long)align_down((u64)end, PAGE));
	if (b->readonly)
		return fail(err,
			    "mem-path=%s: the file is empty and readonly=on forbids to enlarge it; leave readonly out",
			    b->path);
	if (b->size > INT64_MAX || ftruncate(b->fd, (off_t)b->size))
		return fail(err, "mem-path=%s: cannot make it %llu bytes long: %s", b->path,
			    (unsigned long long)b->size, b->size > INT64_MAX ? "too large" : strerror(errno));
	return true;
}

static bool file_map(struct memory_backend *m, struct error *err)
{
	struct backend *b = &m->backend;
	struct stat st;

	if (!m->path || !*m->path)
		return fail(err, "mem-path: not given; write mem-path=FILE");
	b->path = m->path;
	b->fd = open_path(m, m->path, &st);
	if (b->fd < 0)
		return fail(err, "mem-path=%s: cannot open it%s: %s", m->path, b->readonly ? "" : " for writing",
			    errno == EINVAL ? "neither a file nor a device" : strerror(errno));
	if (fstat(b->fd, &st))
		return fail(err, "mem-path=%s: %s", m->path, strerror(errno));
	if (!settle_size(m, &st, err))
		return false;
	if (b->share) {
		if (!map_shared(m, err))
			return fail_context(err, "mem-path=%s", m->path);
		return true;
	}
	if (S_ISCHR(st.st_mode))
		return fail(err, "mem-path=%s: a device can only be shared; add share=on", m->path);
	b->host = ram_alloc_aligned(b->size, m->align, err);
	if (!b->host)
		return false;
	b->chunk_ready = calloc(b->size / CHUNK + 1, 1);
	return b->chunk_ready || fail(err, "size=%llu: out of host memory", (unsigned long long)b->size);
}

static bool file_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct memory_backend *m = memory_backend(dev);

	if (!begin(m, err) || !file_map(m, err) || (m->backend.prealloc && !populate(m, err)))
		return in_words(dev, err);
	return true;
}

static void backend_destroy(struct dev *dev)
{
	struct memory_backend *m = memory_backend(dev);
	struct backend *b = &m->backend;

	if (b->host && m->discard_data && m->is_shared_map && !b->readonly)
		madvise(b->host, b->size, MADV_REMOVE);
	if (m->is_watched)
		mapped_file_forget(b->host);
	ram_free(b->host, b->size);
	b->host = NULL;
	free(b->chunk_ready);
	if (b->fd > 0)
		close(b->fd);
}

/* --- classes --- */

static const char *const policies[] = {"default", "preferred", "bind", "interleave", NULL};
static const char *const rom_words[] = {"auto", "on", "off", NULL};

#define S struct memory_backend
/* clang-format off */
#define COMMON(share_default)                                                                                          \
	PROP_SIZE("size", S, backend.size, 0, "bytes, a multiple of 4096"),                                            \
	PROP_BOOL("share", S, backend.share, share_default, "other processes see every store"),                        \
	PROP_BOOL("prealloc", S, backend.prealloc, false, "take all memory from the host at once"),                    \
	PROP_U32("prealloc-threads", S, prealloc_threads, 1, "accepted, one thread is used"),                          \
	PROP_BOOL("merge", S, merge, true, "accepted without effect"),                                                 \
	PROP_BOOL("dump", S, dump, false, "accepted without effect: memory is left out of core dumps"),                \
	PROP_BOOL("reserve", S, reserve, true, "accepted without effect"),                                             \
	PROP_STRING("host-nodes", S, host_nodes, NULL, "not built"),                                                   \
	PROP_CHOICE("policy", S, policy, policies, 0, "only default is built"),                                        \
	PROP_BOOL("x-use-canonical-path-for-ramblock-id", S, stable_id, false, "accepted without effect")
/* clang-format on */

static const struct prop ram_props[] = {COMMON(false), {}};
static const struct prop file_props[] = {
	COMMON(false),
	PROP_STRING("mem-path", S, path, NULL, "the file, or a directory for an unnamed file in it"),
	PROP_SIZE("align", S, align, 0, "alignment in this process; 2 MiB at least"),
	PROP_SIZE("offset", S, offset, 0, "only 0 is built"),
	PROP_BOOL("pmem", S, backend.pmem, false, "the file is persistent memory"),
	PROP_BOOL("readonly", S, backend.readonly, false, "never write to the file"),
	PROP_BOOL("discard-data", S, discard_data, false, "a shared file's contents need not outlive the run"),
	PROP_CHOICE("rom", S, rom, rom_words, 0, "accepted without effect"),
	{}};
static const struct prop memfd_props[] = {COMMON(true),
					  PROP_BOOL("hugetlb", S, hugetlb, false, "not built"),
					  PROP_SIZE("hugetlbsize", S, hugetlb_size, 0, "not built"),
					  PROP_BOOL("seal", S, seal, true, "nobody can change its size"),
					  {}};
#undef S

const struct dev_class memory_backend_ram_class = {
	.name = "memory-backend-ram",
	.doc = "memory of the host",
	.size = sizeof(struct memory_backend),
	.plugs = BUS_OBJECT,
	.props = ram_props,
	.create = ram_create,
	.destroy = backend_destroy,
};

const struct dev_class memory_backend_file_class = {
	.name = "memory-backend-file",
	.doc = "memory with the contents of a file",
	.size = sizeof(struct memory_backend),
	.plugs = BUS_OBJECT,
	.props = file_props,
	.create = file_create,
	.destroy = backend_destroy,
};

const struct dev_class memory_backend_memfd_class = {
	.name = "memory-backend-memfd",
	.doc = "memory in an unnamed file",
	.size = sizeof(struct memory_backend),
	.plugs = BUS_OBJECT,
	.props = memfd_props,
	.create = memfd_create_backend,
	.destroy = backend_destroy,
};
