/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks: an image, its format (raw: block_file.c, qcow2: qcow2*.c), and the chain of images behind it.
 *
 * The format is what the user says, or what the file's name ends in; contents are never taken as evidence. A file that
 * is named inside an image is opened only if the user names it too, or allows it, and then only below the image's own
 * folder. Files are locked against other programs and other drives. Reads and writes run on any thread, together.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/block_private.h"
#include "host/qcow2.h"

#define BACKING_DEPTH_MAX 16

static const struct block_format *const formats[] = {&block_raw, &block_qcow2};

/* What a name ends in says the format if the user does not. */
static const struct {
	const char *suffix, *format;
} suffixes[] = {{".raw", "raw"}, {".img", "raw"}, {".iso", "raw"}, {".fd", "raw"}, {".qcow2", "qcow2"}};

/* First bytes of what is not raw, so that a name that lies is told. */
static const struct {
	const char *name;
	u32 offset;
	const char *magic;
	u32 length;
} magics[] = {
	{"qcow2", 0, "QFI\xfb", 4},
	{"qed", 0, "QED", 4},
	{"vmdk", 0, "KDMV", 4},
	{"vmdk", 0, "COWD", 4},
	{"vhdx", 0, "vhdxfile", 8},
	{"vpc", 0, "conectix", 8},
	{"vdi", 64, "\x7f\x10\xda\xbe", 4},
	{"luks", 0, "LUKS\xba\xbe", 6},
	{"parallels", 0, "WithoutFreeSpace", 16},
	{"vmdk", 0, "# Disk DescriptorFile", 21},
};

static const char *format_seen(int fd)
{
	u8 head[128] = {0};

	if (pread(fd, head, sizeof(head), 0) <= 0)
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(magics); i++)
		if (!memcmp(head + magics[i].offset, magics[i].magic, magics[i].length))
			return magics[i].name;
	return NULL;
}

static bool find_format(struct block *block, const struct block_config *config, struct error *err)
{
	const char *format = config->format, *seen = NULL;
	size_t length = strlen(block->path);

	for (unsigned i = 0; !format && i < ARRAY_SIZE(suffixes); i++) {
		size_t n = strlen(suffixes[i].suffix);

		if (length > n && !strcmp(block->path + length - n, suffixes[i].suffix))
			format = suffixes[i].format;
	}
	if (!format || (!config->format && !strcmp(format, "raw")))
		seen = format_seen(block->fd);
	if (!format)
		return fail(
			err,
			"file=%s: format= is not given, and the name does not end in .raw, .img, .iso or .qcow2; write format=raw or format=qcow2%s%s",
			block->path, seen ? ": it looks like " : "", seen ? seen : "");
	if (seen)
		return fail(
			err,
			"file=%s: it looks like a %s image and format= is not given; write format=%s, or format=raw if it is a raw disk",
			block->path, seen, !strcmp(seen, "qcow2") ? "qcow2" : "raw after converting it");
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i]->name, format))
			block->format = formats[i];
	return block->format ||
	       fail(err, "format=%s: raw and qcow2 are built; convert the image with qemu-img convert -O qcow2",
		    format);
}

/*
 * One writer, or any number of readers; QEMU and its tools take part. A byte of the file that is locked for reading
 * says something: 100 + n that its holder does n, 200 + n that it bears nobody else who does n. Who comes says all that
 * first and looks at the others' bytes then, so that of two who come at once at least one sees the other. A lock of the
 * whole file for reading is that of a reader who knows nothing of this. File systems without locks are taken as they
 * are.
 */
#define DOES_READ BIT(0)
#define DOES_WRITE BIT(1)
#define DOES_RESIZE BIT(3)
#define DOES_BYTE 100
#define BEARS_BYTE 200

static bool byte_say(int fd, off_t at)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	return !fcntl(fd, F_OFD_SETLK, &lock) || (errno != EAGAIN && errno != EACCES);
}

static bool byte_is_free(int fd, off_t at, bool beside_readers)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	if (fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
		return true;
	return beside_readers && lock.l_type == F_RDLCK && !lock.l_start && !lock.l_len;
}

static bool lock_file(const struct block *block, struct error *err)
{
	u32 alone = DOES_WRITE | DOES_RESIZE, does = DOES_READ | (block->readonly ? 0 : alone);
	bool ok = true;

	for (unsigned n = 0; n < 4; n++) {
		ok &= !(does >> n & 1) || byte_say(block->fd, DOES_BYTE + n);
		ok &= !(alone >> n & 1) || byte_say(block->fd, BEARS_BYTE + n);
	}
	for (unsigned n = 0; n < 4; n++) {
		ok &= !(does >> n & 1) || byte_is_free(block->fd, BEARS_BYTE + n, block->readonly);
		ok &= !(alone >> n & 1) || byte_is_free(block->fd, DOES_BYTE + n, block->readonly);
	}
	return ok ||
	       fail(err,
		    "file=%s: in use by another -drive or program; give each drive its own file, or readonly=on to all",
		    block->path);
}

/* `name` stands inside the image `above`: it is looked for below that image's folder and nowhere else. */
static bool open_beneath(struct block *block, const struct block *above, const char *name, struct error *err)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	char *copy = strdup(above->path), *folder = dirname(copy);
	int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	block->fd = at < 0 ? -1 : (int)syscall(SYS_openat2, at, name, &how, sizeof(how));
	if (block->fd < 0)
		fail(err,
		     "file=%s: its backing file '%.200s' is not in or below its folder, or cannot be opened; name it: backing.file.filename=PATH",
		     above->path, name);
	else if (asprintf(&block->path, "%s/%s", folder, name) < 0)
		abort();
	if (at >= 0)
		close(at);
	free(copy);
	return block->fd >= 0;
}

static bool check_file(struct block *block, const struct block_config *config, struct error *err)
{
	struct stat st;

	if (fstat(block->fd, &st) || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		return fail(err, "file=%s: neither a regular file nor a block device", block->path);
	return find_format(block, config, err) && lock_file(block, err) && block->format->open(block, config, err);
}

static struct block *block_new(const struct block_config *config)
{
	struct block *block = calloc(1, sizeof(*block));

	assert(block);
	block->fd = -1;
	block->readonly = config->readonly || config->snapshot || config->internal_snapshot;
	block->discard = config->discard;
	block->no_flush = config->no_flush;
	pthread_mutex_init(&block->sync, NULL);
	return block;
}

/* Writes of snapshot=on go to an image that has no name and ends with us. */
static struct block *add_overlay(struct block *base, const struct block_config *config, struct error *err)
{
	const char *given = getenv("TMPDIR"), *folder = given && *given ? given : "/var/tmp";
	struct block_config own = {.id = config->id, .discard = true, .no_flush = true};
	struct block *block = block_new(&own);

	block->is_temporary = true;
	block->path = strdup(base->path);
	block->format = &block_qcow2;
	block->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (block->fd < 0)
		fail(err, "snapshot=on: cannot make a file in %s: %s; set TMPDIR to a folder with room", folder,
		     strerror(errno));
	if (block->fd >= 0 && qcow2_create(block->fd, &(struct qcow2_shape){.size = base->size}, err)) {
		block->backing = base;
		if (block_qcow2.open(block, &own, err))
			return block;
		block->backing = NULL;
	}
	block_close(base);
	block_close(block);
	return NULL;
}

struct block *block_open(const struct block_config *config, struct error *err)
{
	struct block *block = block_new(config);
	bool ok;

	block->path = config->file ? strdup(config->file) : NULL;
	ok = block->path || fail(err, "file: not given; write file=IMAGE");
	if (ok) {
		block->fd = file_open("file", block->path, !block->readonly, false, err);
		ok = block->fd >= 0 && check_file(block, config, err);
	}
	if (!ok) {
		block_close(block);
		block = NULL;
	} else if (config->snapshot) {
		block = add_overlay(block, config, err);
	}
	if (!block) {
		if (config->id)
			fail_context(err, "drive '%s'", config->id);
		else
			fail_context(err, "-drive");
	}
	return block;
}

struct block *block_open_backing(struct block *above, const struct block_config *config, struct error *err)
{
	struct block_config own = *config;
	struct block *block;
	bool ok;

	own.readonly = true;
	block = block_new(&own);
	block->depth = above->depth + 1;
	if (block->depth > BACKING_DEPTH_MAX) {
		ok = fail(err, "file=%s: more than %d images in a chain, or a loop; join some with qemu-img commit",
			  above->path, BACKING_DEPTH_MAX);
	} else if (config->allow_backing) {
		ok = open_beneath(block, above, config->file, err);
	} else {
		block->path = strdup(config->file);
		block->fd = file_open("backing.file.filename", block->path, false, false, err);
		ok = block->fd >= 0;
	}
	if (ok && check_file(block, &own, err))
		return block;
	block_close(block);
	return NULL;
}

void block_close(struct block *block)
{
	while (block) {
		struct block *backing = block->backing;

		if (block->format && block->format->close)
			block->format->close(block);
		if (block->fd >= 0)
			close(block->fd);
		pthread_mutex_destroy(&block->sync);
		free(block->path);
		free(block);
		block = backing;
	}
}

u64 block_size(const struct block *block)
{
	return block->size;
}

u64 block_file_size(const struct block *block)
{
	u64 size;

	return file_size(block->fd, &size) ? size : 0;
}

const char *block_path(const struct block *block)
{
	return block->path;
}

const char *block_format_name(const struct block *block)
{
	return block->format->name;
}

const struct block *block_backing(const struct block *block)
{
	return block->backing;
}

bool block_is_readonly(const struct block *block)
{
	return block->readonly;
}

_Thread_local bool block_no_space;

bool block_out_of_space(void)
{
	return block_no_space;
}

bool block_readv(struct block *block, u64 offset, const struct iovec *to, u64 size)
{
	block_no_space = false;
	return range_ok(offset, size, block->size) &&
	       (!size || block->format->read(block, offset, &(struct iov){to, 0}, size));
}

bool block_try_readv(struct block *block, u64 offset, const struct iovec *to, u64 size)
{
	return size && range_ok(offset, size, block->size) &&
	       block->format->try_read(block, offset, &(struct iov){to, 0}, size);
}

bool block_writev(struct block *block, u64 offset, const struct iovec *from, u64 size)
{
	block_no_space = false;
	return !block->readonly && range_ok(offset, size, block->size) &&
	       (!size || block->format->write(block, offset, &(struct iov){from, 0}, size));
}

bool block_read(struct block *block, u64 offset, void *to, u64 size)
{
	return block_readv(block, offset, &(struct iovec){to, size}, size);
}

bool block_write(struct block *block, u64 offset, const void *from, u64 size)
{
	return block_writev(block, offset, &(struct iovec){(void *)from, size}, size);
}

bool block_flush(struct block *block)
{
	block_no_space = false;
	return block->readonly || block->format->flush(block);
}

bool block_write_back(struct block *block)
{
	block_no_space = false;
	return block->readonly || !block->format->write_back || block->format->write_back(block);
}

bool block_discard(struct block *block, u64 offset, u64 size)
{
	block_no_space = false;
	return !block->readonly && range_ok(offset, size, block->size) &&
	       (!size || block->format->discard(block, offset, size));
}

bool block_write_zeroes(struct block *block, u64 offset, u64 size, bool unmap)
{
	block_no_space = false;
	return !block->readonly && range_ok(offset, size, block->size) &&
	       (!size || block->format->write_zeroes(block, offset, size, unmap));
}
