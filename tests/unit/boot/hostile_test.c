/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel files changed at random, by a fixed seed: each is refused in words or placed inside RAM, and nothing outside
 * of the file is read (the sanitizer build tells). Header fields get the values that make sums overflow.
 */
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

enum { SEED_BYTES = 0x2400, HEADER_BYTES = 0x140 };
#define RAM_BASE 0x40000000ull
#define RAM_SIZE (64 * MiB)

struct seed {
	u8 bytes[SEED_BYTES];
	size_t size;
};

static u64 next(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void make_image(struct seed *s)
{
	const unsigned pe = 0x40;

	s->size = 0x2000;
	memcpy(s->bytes, "MZ", 2);
	store_le(s->bytes + 16, 8, 0x10000);
	store_le(s->bytes + 56, 4, 0x644d5241); /* "ARM\x64" */
	store_le(s->bytes + 60, 4, pe);
	memcpy(s->bytes + pe, "PE\0\0", 4);
	store_le(s->bytes + pe + 6, 2, 2);
	store_le(s->bytes + pe + 20, 2, 0xa0);
	store_le(s->bytes + pe + 24 + 0xa0 + 16, 4, 0x1000);
	store_le(s->bytes + pe + 24 + 0xa0 + 20, 4, 0x1000);
}

static void make_elf(struct seed *s)
{
	Elf64_Ehdr e = {.e_type = ET_EXEC,
			.e_machine = EM_AARCH64,
			.e_version = 1,
			.e_entry = 0x40200010,
			.e_phoff = sizeof(e),
			.e_ehsize = sizeof(e),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 3};
	Elf64_Phdr p = {.p_type = PT_LOAD, .p_offset = 0x200, .p_filesz = 0x100, .p_memsz = 0x1000};

	s->size = 0x1000;
	memcpy(e.e_ident, ELFMAG, SELFMAG);
	e.e_ident[EI_CLASS] = ELFCLASS64;
	e.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(s->bytes, &e, sizeof(e));
	for (unsigned i = 0; i < e.e_phnum; i++) {
		p.p_vaddr = p.p_paddr = 0x40200000 + i * 0x10000;
		memcpy(s->bytes + e.e_phoff + i * sizeof(p), &p, sizeof(p));
	}
}

static void make_gzip(struct seed *s)
{
	struct seed image = {{0}};
	z_stream z = {0};

	make_image(&image);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = image.bytes;
	z.avail_in = (uInt)image.size;
	z.next_out = s->bytes;
	z.avail_out = SEED_BYTES;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	s->size = z.total_out;
}

static void make_zboot(struct seed *s)
{
	struct seed image = {{0}};
	size_t n;

	make_image(&image);
	memcpy(s->bytes, "MZ\0\0zimg", 8);
	n = ZSTD_compress(s->bytes + 0x200, SEED_BYTES - 0x200, image.bytes, image.size, 3);
	assert_false(ZSTD_isError(n));
	store_le(s->bytes + 8, 4, 0x200);
	store_le(s->bytes + 12, 4, n);
	strcpy((char *)s->bytes + 24, "zstd");
	s->size = 0x200 + n;
}

/* One to four changes: a bit, a byte, or a field of 2, 4 or 8 bytes at a place that headers use. */
static void change(struct seed *s, u64 *random)
{
	static const u64 values[] = {0,
				     1,
				     3,
				     0x7f,
				     0xfff,
				     0x1000,
				     0x1001,
				     0x7fffffff,
				     0x80000000,
				     0xffffffff,
				     0x100000000,
				     0x40000000,
				     0x43ffffff,
				     0x44000000,
				     0x7fffffffffffffff,
				     0x8000000000000000,
				     0xfffffffffffff000,
				     ~0ull};
	static const u8 sizes[] = {2, 4, 8};

	for (u64 n = next(random) % 4 + 1; n--;) {
		u64 header = MIN(s->size, HEADER_BYTES), at;

		switch (next(random) % 8) {
		case 0: s->bytes[next(random) % s->size] ^= (u8)(1 << next(random) % 8); break;
		case 1: s->bytes[next(random) % header] = (u8)next(random); break;
		case 2: s->size = next(random) % s->size + 1; break;
		default:
			at = align_down(next(random) % header, 2);
			if (at + 8 <= s->size)
				store_le(s->bytes + at, sizes[next(random) % 3],
					 values[next(random) % ARRAY_SIZE(values)]);
			break;
		}
	}
}

static void check_inside(u64 base, u64 size)
{
	assert_true(base >= RAM_BASE && range_ok(base - RAM_BASE, size, RAM_SIZE));
}

static bool write_nowhere(void *opaque, u64 pa, const void *from, u64 size)
{
	u64 *sum = opaque;

	check_inside(pa, size);
	for (u64 i = 0; i < size; i += 4093) /* touches what it is given */
		*sum += ((const u8 *)from)[i];
	return true;
}

/* Placed and written as the machine would. True: it was taken. */
static bool place(const struct kernel *kernel, struct error *err)
{
	struct boot_plan_config *config = calloc(1, sizeof(*config));
	struct initrd initrd = {0};
	u8 dtb[64] = {0}, acpi[64] = {0};
	u64 sum = 0;
	struct boot_writer writer = {write_nowhere, &sum};
	struct boot_plan *plan = NULL;
	bool ok;

	assert_non_null(config);
	config->kernel = kernel;
	config->initrd = &initrd;
	config->ram[0] = (struct boot_range){RAM_BASE, RAM_SIZE};
	config->ram_count = 1;
	config->ram_size = RAM_SIZE;
	config->cpu_count = config->cores = config->threads = 1;
	config->efi = kernel->kind == KERNEL_IMAGE;
	config->acpi_size = sizeof(acpi);
	ok = boot_plan_create(config, &plan, err);
	if (ok) {
		struct boot_plan_facts facts = boot_plan_facts(plan);

		check_inside(facts.kernel_pa, facts.kernel_size);
		check_inside(facts.entry, 4);
		ok = boot_plan_write(plan, &writer, acpi, sizeof(acpi), dtb, sizeof(dtb), err);
		assert_true(ok);
		boot_plan_destroy(plan);
	}
	free(config);
	return ok;
}

static void run_seed(void (*make)(struct seed *s), unsigned rounds)
{
	unsigned taken = 0, refused = 0;
	u64 random = 0x9e3779b97f4a7c15;

	for (unsigned i = 0; i < rounds; i++) {
		struct seed s = {{0}};
		struct kernel kernel;
		struct error err = {""};
		u8 *exact;
		bool ok;

		make(&s);
		if (i)
			change(&s, &random);
		exact = malloc(s.size); /* so that a read behind the end shows */
		assert_non_null(exact);
		memcpy(exact, s.bytes, s.size);
		ok = kernel_parse("file", exact, s.size, false, &kernel, &err);
		free(exact);
		if (ok) {
			ok = place(&kernel, &err);
			kernel_free(&kernel);
		}
		if (!ok && !strstr(err.text, "kernel"))
			fail_msg("round %u says '%s'", i, err.text);
		if (!i && !ok)
			fail_msg("the seed itself is refused: %s", err.text);
		taken += ok;
		refused += !ok;
	}
	assert_true(taken && refused);
}

static void changed_images_stay_inside(void **state)
{
	run_seed(make_image, 20000);
}

static void changed_elf_files_stay_inside(void **state)
{
	run_seed(make_elf, 20000);
}

/* A changed header may ask for much memory, which a sanitizer makes slow. */
#ifdef __SANITIZE_ADDRESS__
enum { UNPACK_ROUNDS = 150 };
#else
enum { UNPACK_ROUNDS = 3000 };
#endif

static void changed_gzip_files_stay_inside(void **state)
{
	run_seed(make_gzip, UNPACK_ROUNDS);
}

static void changed_zboot_files_stay_inside(void **state)
{
	run_seed(make_zboot, UNPACK_ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changed_images_stay_inside),
		cmocka_unit_test(changed_elf_files_stay_inside),
		cmocka_unit_test(changed_gzip_files_stay_inside),
		cmocka_unit_test(changed_zboot_files_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
