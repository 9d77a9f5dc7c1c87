/* SPDX-License-Identifier: BSD-2-Clause */
/* What -kernel and -initrd name: tells the formats apart, unpacks, and refuses the rest by name. */
#include "boot/boot_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/host.h"

static bool is_pe(const u8 *file, u64 size)
{
	u64 at = size >= 0x40 && !memcmp(file, "MZ", 2) ? load_le(file + 0x3c, 4) : 0;

	return at && at + 4 <= size && !memcmp(file + at, "PE\0\0", 4);
}

/* Files people mistake for an arm64 kernel, and what to give instead. */
static bool refuse(const char *name, const u8 *file, u64 size, struct error *err)
{
	if (size >= 0x206 && !memcmp(file + 0x202, "HdrS", 4))
		return fail(err, "-kernel %s: an x86 kernel; this is an arm64 machine", name);
	if (size >= 0x28 && load_le(file + 0x24, 4) == 0x016f2818)
		return fail(err, "-kernel %s: a 32-bit Arm zImage; the CPU has no AArch32", name);
	if (size >= 64 && !memcmp(file, "\x27\x05\x19\x56", 4))
		return fail(err, "-kernel %s: a U-Boot uImage; give the Image inside it", name);
	if (size >= 40 && !memcmp(file, "\xd0\x0d\xfe\xed", 4))
		return fail(err, "-kernel %s: a device tree or FIT image; give the Image itself (and -dtb for a tree)",
			    name);
	if (size >= 6 && !memcmp(file,
				 "\xfd"
				 "7zXZ",
				 6))
		return fail(err, "-kernel %s: compressed with xz; unpack it first", name);
	if (size >= 4 && !memcmp(file, "\x28\xb5\x2f\xfd", 4))
		return fail(err, "-kernel %s: compressed with plain zstd; unpack it first", name);
	if (is_pe(file, size))
		return fail(err,
			    "-kernel %s: an EFI program, not a kernel; give firmware to start it (-bios QEMU_EFI.fd)",
			    name);
	return fail(err,
		    "-kernel %s: not an arm64 kernel (%llu bytes): must be an Image, a gzip'd Image, an EFI zboot file "
		    "or an "
		    "AArch64 ELF program; a flat program's name ends in .flat or .bin",
		    name, (unsigned long long)size);
}

/* Takes `file` over. */
static bool kernel_take(const char *name, u8 *file, u64 size, bool flat, struct kernel *kernel, struct error *err)
{
	bool ok = true;

	memset(kernel, 0, sizeof(*kernel));
	if (!size) {
		ok = fail(err, "-kernel %s: file is empty", name);
	} else if (unpack_is_zboot(file, size)) {
		ok = unpack_zboot(name, file, size, &kernel->data, &kernel->size, err);
	} else if (unpack_is_gzip(file, size)) {
		ok = unpack_gzip(name, file, size, &kernel->data, &kernel->size, err);
	} else {
		kernel->data = file;
		kernel->size = size;
		file = NULL;
	}
	free(file);
	if (ok && image_is(kernel->data, kernel->size))
		ok = image_parse(name, kernel, err);
	else if (ok && elf_is(kernel->data, kernel->size))
		ok = elf_parse(name, kernel, err);
	else if (ok && flat)
		kernel->kind = KERNEL_FLAT;
	else if (ok)
		ok = refuse(name, kernel->data, kernel->size, err);
	if (!ok)
		kernel_free(kernel);
	return ok;
}

bool kernel_parse(const char *name, const u8 *file, u64 size, bool flat, struct kernel *kernel, struct error *err)
{
	u8 *copy = malloc(size ? size : 1);

	if (!copy)
		return fail(err, "-kernel %s: no memory for %llu bytes", name, (unsigned long long)size);
	memcpy(copy, file, size);
	return kernel_take(name, copy, size, flat, kernel, err);
}

/* What a flat program begins with says nothing, so its name has to: other files that are no kernel are told of. */
static bool is_flat_name(const char *path)
{
	const char *suffix = strrchr(path, '.');

	return suffix && (!strcmp(suffix, ".flat") || !strcmp(suffix, ".bin"));
}

bool kernel_load(const char *path, bool flat, struct kernel *kernel, struct error *err)
{
	u64 size = 0;
	u8 *file = NULL;

	memset(kernel, 0, sizeof(*kernel));
	if (!file_read_all(path, KERNEL_FILE_MAX, &file, &size, err))
		return fail_context(err, "-kernel");
	return kernel_take(path, file, size, flat || is_flat_name(path), kernel, err);
}

void kernel_free(struct kernel *kernel)
{
	free(kernel->data);
	memset(kernel, 0, sizeof(*kernel));
}

bool initrd_load(const char *path, u64 ram_size, struct initrd *initrd, struct error *err)
{
	u64 size;
	int fd;

	memset(initrd, 0, sizeof(*initrd));
	fd = file_open("-initrd", path, false, false, err);
	if (fd < 0)
		return false;
	if (file_size(fd, &size) && size > ram_size) {
		close(fd);
		return fail(err, "-initrd %s: %llu MiB do not fit into RAM of %llu MiB; give more with -m", path,
			    (unsigned long long)(size / MiB), (unsigned long long)(ram_size / MiB));
	}
	close(fd);
	if (!file_read_all(path, INITRD_FILE_MAX, &initrd->data, &initrd->size, err))
		return fail_context(err, "-initrd");
	if (!initrd->size) {
		initrd_free(initrd);
		return fail(err, "-initrd %s: file is empty", path);
	}
	return true;
}

void initrd_free(struct initrd *initrd)
{
	free(initrd->data);
	memset(initrd, 0, sizeof(*initrd));
}
