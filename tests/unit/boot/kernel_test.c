/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel files: good ones of every kind, and bad ones, each with words of its line. */
#include <stdio.h>
#include <unistd.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bits.h"
#include "boot/boot.h"

#include <cmocka.h> /* last: its macro `fail` would spoil base/error.h */

enum { IMAGE_BYTES = 0x3000, PE_AT = 0x40 };

/* An Image with a PE header of one section that reaches to its end. */
static void make_image(u8 *image)
{
	unsigned i;

	for (i = 0; i < IMAGE_BYTES; i++)
		image[i] = (u8)(i * 7);
	memset(image, 0, 0x200);
	memcpy(image, "MZ", 2);
	store_le(image + 8, 8, 0);
	store_le(image + 16, 8, 0x10000);
	store_le(image + 24, 8, 0xa);
	memcpy(image + 56, "ARM\x64", 4);
	store_le(image + 60, 4, PE_AT);
	memcpy(image + PE_AT, "PE\0\0", 4);
	store_le(image + PE_AT + 6, 2, 1);
	store_le(image + PE_AT + 20, 2, 0xa0);
	store_le(image + PE_AT + 24 + 0xa0 + 16, 4, IMAGE_BYTES - 0x1000);
	store_le(image + PE_AT + 24 + 0xa0 + 20, 4, 0x1000);
}

static size_t make_gzip(u8 *to, size_t room, const u8 *from, size_t size)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)from;
	z.avail_in = (uInt)size;
	z.next_out = to;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static size_t make_zboot(u8 *to, size_t room, const char *method, const u8 *image)
{
	size_t n;

	memset(to, 0, 0x200);
	memcpy(to, "MZ\0\0zimg", 8);
	if (!strcmp(method, "gzip"))
		n = make_gzip(to + 0x200, room - 0x200, image, IMAGE_BYTES);
	else
		n = ZSTD_compress(to + 0x200, room - 0x200, image, IMAGE_BYTES, 3);
	store_le(to + 8, 4, 0x200);
	store_le(to + 12, 4, n);
	strcpy((char *)to + 24, method);
	memcpy(to + 56, "\xcd\x23\x82\x81", 4);
	return 0x200 + n;
}

static size_t make_elf(u8 *to)
{
	Elf64_Ehdr e = {.e_type = ET_EXEC,
			.e_machine = EM_AARCH64,
			.e_version = 1,
			.e_entry = 0xffff000000001010,
			.e_phoff = sizeof(e),
			.e_ehsize = sizeof(e),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1};
	Elf64_Phdr p = {.p_type = PT_LOAD,
			.p_offset = 0x100,
			.p_vaddr = 0xffff000000001000,
			.p_paddr = 0x40200000,
			.p_filesz = 0x100,
			.p_memsz = 0x1000};

	memset(to, 0, 0x200);
	memcpy(e.e_ident, ELFMAG, SELFMAG);
	e.e_ident[EI_CLASS] = ELFCLASS64;
	e.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(to, &e, sizeof(e));
	memcpy(to + sizeof(e), &p, sizeof(p));
	return 0x200;
}

static void refuse(const u8 *file, u64 size, const char *words)
{
	struct kernel kernel;
	struct error err = {0};

	assert_false(kernel_parse("K", file, size, false, &kernel, &err));
	if (!strstr(err.text, words))
		fail_msg("'%s' lacks '%s'", err.text, words);
	assert_non_null(strstr(err.text, "-kernel K"));
	assert_null(strchr(err.text, '\n'));
	assert_null(kernel.data);
}

static void every_format_gives_the_same_image(void **state)
{
	u8 image[IMAGE_BYTES], file[3 * IMAGE_BYTES];
	struct kernel kernel;
	struct error err;
	unsigned kind;

	make_image(image);
	for (kind = 0; kind < 4; kind++) {
		size_t n = kind == 0 ? (memcpy(file, image, IMAGE_BYTES), (size_t)IMAGE_BYTES) :
			   kind == 1 ? make_gzip(file, sizeof(file), image, IMAGE_BYTES) :
				       make_zboot(file, sizeof(file), kind == 2 ? "gzip" : "zstd", image);

		assert_true(kernel_parse("K", file, n, false, &kernel, &err));
		assert_int_equal(kernel.kind, KERNEL_IMAGE);
		assert_int_equal(kernel.size, IMAGE_BYTES);
		assert_memory_equal(kernel.data, image, IMAGE_BYTES);
		assert_int_equal(kernel.text_offset, 0);
		assert_int_equal(kernel.image_size, 0x10000);
		kernel_free(&kernel);
	}
}

static void bad_images_are_refused_by_name(void **state)
{
	u8 image[IMAGE_BYTES], file[3 * IMAGE_BYTES];
	size_t n, cut;

	make_image(image);
	refuse(image, 0, "empty");
	refuse(image, 63, "not an arm64 kernel");
	refuse(image, IMAGE_BYTES - 1, "truncated");
	refuse(image, 0x100, "truncated");
	make_image(image), store_le(image + 24, 8, 1), refuse(image, IMAGE_BYTES, "big-endian");
	make_image(image), store_le(image + 8, 8, 1ull << 40), refuse(image, IMAGE_BYTES, "text_offset");
	make_image(image), store_le(image + 16, 8, ~0ull), refuse(image, IMAGE_BYTES, "image_size");

	make_image(image);
	n = make_gzip(file, sizeof(file), image, IMAGE_BYTES);
	for (cut = 18; cut < n; cut += 11)
		refuse(file, cut, "truncated");
	file[30] ^= 0xff;
	refuse(file, n, "gzip data is");
	n = make_zboot(file, sizeof(file), "gzip", image);
	refuse(file, n - 1, "truncated");
	store_le(file + 8, 4, 0xffffffff);
	refuse(file, n, "truncated");
	n = make_zboot(file, sizeof(file), "zstd", image);
	refuse(file, n - 1, "truncated");
	store_le(file + 12, 4, n - 0x200 - 4);
	refuse(file, n, "zstd data is truncated");
	n = make_zboot(file, sizeof(file), "zstd", image);
	file[0x204] ^= 0x55;
	refuse(file, n, "zstd data is");
	n = make_zboot(file, sizeof(file), "zstd", image);
	strcpy((char *)file + 24, "lzma");
	refuse(file, n, "'lzma'");
}

static void other_peoples_kernels_are_named(void **state)
{
	u8 file[0x400] = {0};

	memcpy(file + 0x202, "HdrS", 4), refuse(file, sizeof(file), "x86");
	memset(file, 0, sizeof(file));
	store_le(file + 0x24, 4, 0x016f2818), refuse(file, sizeof(file), "32-bit Arm");
	memset(file, 0, sizeof(file));
	memcpy(file, "\x27\x05\x19\x56", 4), refuse(file, sizeof(file), "uImage");
	memcpy(file, "\xd0\x0d\xfe\xed", 4), refuse(file, sizeof(file), "device tree");
	memcpy(file,
	       "\xfd"
	       "7zXZ",
	       6),
		refuse(file, sizeof(file), "xz");
	memcpy(file, "\x28\xb5\x2f\xfd", 4), refuse(file, sizeof(file), "zstd");
	memcpy(file, "hello", 5), refuse(file, sizeof(file), "not an arm64 kernel");
	memset(file, 0, sizeof(file));
	memcpy(file, "MZ", 2), store_le(file + 0x3c, 4, 0x80);
	refuse(file, sizeof(file), "not an arm64 kernel");
	memcpy(file + 0x80, "PE\0\0", 4), refuse(file, sizeof(file), "-bios QEMU_EFI.fd");
	store_le(file + 0x3c, 4, sizeof(file) - 2), refuse(file, sizeof(file), "not an arm64 kernel");
}

static void elf_is_loaded_where_it_is_linked(void **state)
{
	struct kernel kernel;
	struct error err;
	u8 file[0x200];

	make_elf(file);
	assert_true(kernel_parse("K", file, sizeof(file), false, &kernel, &err));
	assert_int_equal(kernel.kind, KERNEL_ELF);
	assert_int_equal(kernel.entry, 0x40200010);
	assert_int_equal(kernel.segment_count, 1);
	assert_int_equal(kernel.segments[0].memory_size, 0x1000);
	kernel_free(&kernel);
}

static void bad_elf_files_are_refused(void **state)
{
	const size_t ph = sizeof(Elf64_Ehdr);
	u8 f[0x400];

	make_elf(f), refuse(f, 40, "truncated");
	make_elf(f), refuse(f, 0x1ff, "truncated");
	make_elf(f), f[18] = 62, refuse(f, 0x200, "another machine");
	make_elf(f), f[4] = 1, refuse(f, 0x200, "another machine");
	make_elf(f), f[16] = ET_REL, refuse(f, 0x200, "not a program");
	make_elf(f), store_le(f + 32, 8, ~0ull - 4), refuse(f, 0x200, "program headers");
	make_elf(f), store_le(f + 56, 2, 0xffff), refuse(f, 0x200, "program headers");
	make_elf(f), store_le(f + ph + 8, 8, ~0ull), refuse(f, 0x200, "truncated");
	make_elf(f), store_le(f + ph + 40, 8, 0x10), refuse(f, 0x200, "damaged");
	make_elf(f), store_le(f + ph + 24, 8, ~0ull - 0x10), refuse(f, 0x200, "damaged");
	make_elf(f), store_le(f + ph, 4, PT_INTERP), refuse(f, 0x200, "dynamically");
	make_elf(f), store_le(f + ph, 4, PT_NOTE), refuse(f, 0x200, "nothing to load");
	make_elf(f), store_le(f + 24, 8, 0), refuse(f, 0x200, "entry point");
	make_elf(f), store_le(f + 24, 8, 0xffff000000001011), refuse(f, 0x200, "entry point");
	make_elf(f), store_le(f + 56, 2, 2), memcpy(f + ph + 56, f + ph, 56), refuse(f, 0x200, "overlap");
}

/* Every truncation and every changed byte of the headers: no crash, and either a kernel or a line. */
/* Damage may make a header ask for much memory, which a sanitizer makes slow. */
#ifdef __SANITIZE_ADDRESS__
enum { DAMAGE_STEP = 7 };
#else
enum { DAMAGE_STEP = 1 };
#endif

static void damage_never_crashes(void **state)
{
	u8 image[IMAGE_BYTES], file[3 * IMAGE_BYTES], copy[3 * IMAGE_BYTES];
	struct kernel kernel;
	struct error err;
	unsigned kind, v;
	size_t n, at;

	make_image(image);
	for (kind = 0; kind < 4; kind++) {
		n = kind == 0 ? (memcpy(file, image, 0x400), (size_t)0x400) :
		    kind == 1 ? make_elf(file) :
				make_zboot(file, sizeof(file), kind == 2 ? "gzip" : "zstd", image);
		for (at = 0; at < MIN(n, 0x240); at += DAMAGE_STEP)
			for (v = 0; v < 3; v++) {
				memcpy(copy, file, n);
				copy[at] = v == 0 ? 0xff : v == 1 ? 0x80 : (u8)(copy[at] + 1);
				if (kernel_parse("K", copy, n, false, &kernel, &err))
					kernel_free(&kernel);
			}
		for (at = 0; at < n; at += 13 * DAMAGE_STEP)
			if (kernel_parse("K", file, at, false, &kernel, &err))
				kernel_free(&kernel);
	}
}

static void flat_files_are_taken_only_when_asked(void **state)
{
	struct kernel kernel;
	struct error err;
	u8 file[100] = "anything";

	refuse(file, sizeof(file), "not an arm64 kernel");
	assert_true(kernel_parse("K", file, sizeof(file), true, &kernel, &err));
	assert_int_equal(kernel.kind, KERNEL_FLAT);
	kernel_free(&kernel);
}

static void flat_files_are_known_by_their_names(void **state)
{
	static const struct {
		const char *name;
		bool taken;
	} names[] = {
		{"long-enough.flat", true}, {"long-enough.bin", true}, {"k.bin", true},
		{"long-enough.img", false}, {"flat", false},
	};
	char folder[] = "/tmp/cxlvm-flat-XXXXXX";

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		struct kernel kernel;
		struct error err;
		FILE *file = fopen(names[i].name, "w");

		assert_non_null(file);
		fputs("anything", file);
		fclose(file);
		assert_int_equal(kernel_load(names[i].name, false, &kernel, &err), names[i].taken);
		unlink(names[i].name);
		if (names[i].taken)
			assert_int_equal(kernel.kind, KERNEL_FLAT);
		else
			assert_non_null(strstr(err.text, "ends in .flat"));
		kernel_free(&kernel);
	}
	assert_int_equal(chdir("/"), 0);
	rmdir(folder);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_gives_the_same_image),
		cmocka_unit_test(bad_images_are_refused_by_name),
		cmocka_unit_test(other_peoples_kernels_are_named),
		cmocka_unit_test(elf_is_loaded_where_it_is_linked),
		cmocka_unit_test(bad_elf_files_are_refused),
		cmocka_unit_test(flat_files_are_taken_only_when_asked),
		cmocka_unit_test(flat_files_are_known_by_their_names),
		cmocka_unit_test(damage_never_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
