/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: the bytes of -kernel (Image, gzip, zboot, ELF), with the magic put right now and then, and of -dtb. What
 * is taken is planned and placed. */
#include "boot/boot.h"
#include "fdt/fdt.h"
#include "fuzz.h"

#include <stdlib.h>
#include <zlib.h>

static bool drop(void *opaque, u64 pa, const void *from, u64 size)
{
	static volatile u8 sum;

	for (u64 n = 0; n < size; n += 4096) /* it can be read */
		sum += ((const u8 *)from)[n];
	return true;
}

static void kernel(const u8 *file, size_t size, u8 what)
{
	struct boot_plan_config config = {.ram = {{1 * GiB, 256 * MiB}},
					  .ram_count = 1,
					  .cpu_count = 1,
					  .cores = 1,
					  .threads = 1,
					  .ram_size = 256 * MiB,
					  .acpi_size = 4096};
	struct boot_writer writer = {drop, NULL};
	static const u8 nothing[4096];
	struct boot_plan *plan;
	struct kernel k;
	struct error err;

	if (!kernel_parse("f", file, size, what & 16, &k, &err))
		return;
	config.kernel = &k;
	config.efi = k.kind == KERNEL_IMAGE;
	/* A plan has pages for EFI: milliseconds. */
	if (!(what & 0xe0) && boot_plan_create(&config, &plan, &err)) {
		boot_plan_write(plan, &writer, nothing, sizeof(nothing), nothing, 64, &err);
		boot_plan_destroy(plan);
	}
	kernel_free(&k);
}

static void packed(const u8 *file, size_t size, u8 what)
{
	u8 out[8192];
	z_stream z = {.next_in = (u8 *)file, .avail_in = (uInt)size, .next_out = out, .avail_out = sizeof(out)};

	if (deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	if (deflate(&z, Z_FINISH) == Z_STREAM_END)
		kernel(out, sizeof(out) - z.avail_out, what);
	deflateEnd(&z);
}

static void tree(const u8 *file, size_t size)
{
	static const struct fdt_config config = {
		.memories = {{0x40000000, GiB, 0}, {2 * GiB, GiB, 1}},
		.memory_count = 2,
		.nodes = 3,
		.chosen = {.bootargs = "console=ttyAMA0", .initrd_start = 4096, .initrd_end = 8192, .has_seeds = true}};
	struct error err;
	size_t made;
	u8 *dtb;

	if (fdt_amend(file, size, &config, &dtb, &made, &err))
		free(dtb);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 what = size ? data[0] : 0, *copy;

	if (!size)
		return 0;
	copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	size--;
	if (size >= 64) {
		switch (what & 7) {
		case 1: memcpy(copy + 56, "ARM\x64", 4); break;
		case 2:
			memcpy(copy, "\177ELF\2\1\1", 7), memcpy(copy + 16, "\2\0\267\0\1", 5),
				memcpy(copy + 52, "\100\0\70\0\1\0", 6);
			break;
		case 3: memcpy(copy, "MZ\0\0zimg", 8); break;
		case 4: memcpy(copy, "\037\213\010\0", 4); break;
		case 5:
			memcpy(copy, "\xd0\x0d\xfe\xed", 4), put_be(copy + 4, 4, size), put_be(copy + 20, 4, 17),
				put_be(copy + 24, 4, 16);
			break;
		}
	}
	if ((what & 7) == 5)
		tree(copy, size);
	else if (what & 8)
		packed(copy, size, what);
	else
		kernel(copy, size, what);
	free(copy);
	return 0;
}
