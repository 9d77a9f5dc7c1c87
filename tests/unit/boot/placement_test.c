/* SPDX-License-Identifier: BSD-2-Clause */
/* Where things go, and what the written EFI tables say, against a buffer that plays guest RAM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bits.h"
#include "boot/boot.h"

#include <cmocka.h> /* last: its macro `fail` would spoil base/error.h */

#define RAM_BASE 0x40000000ull
#define RAM_SIZE (64 * MiB)

struct ram {
	u8 bytes[RAM_SIZE];
};

static bool ram_write(void *opaque, u64 pa, const void *from, u64 size)
{
	struct ram *ram = opaque;

	if (pa < RAM_BASE || !range_ok(pa - RAM_BASE, size, RAM_SIZE))
		return false;
	memcpy(ram->bytes + (pa - RAM_BASE), from, size);
	return true;
}

static const u8 *at(const struct ram *ram, u64 pa, u64 size)
{
	assert_true(pa >= RAM_BASE && range_ok(pa - RAM_BASE, size, RAM_SIZE));
	return ram->bytes + (pa - RAM_BASE);
}

static u64 le(const u8 *p, unsigned size)
{
	return load_le(p, size);
}

struct setup {
	struct kernel kernel;
	struct initrd initrd;
	struct boot_plan_config config;
};

static struct setup *setup(void)
{
	struct setup *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->kernel.kind = KERNEL_IMAGE;
	s->kernel.size = 1 * MiB;
	s->kernel.data = malloc(s->kernel.size);
	memset(s->kernel.data, 0xaa, s->kernel.size);
	s->kernel.image_size = 3 * MiB;
	s->initrd.size = 5 * MiB + 123;
	s->initrd.data = malloc(s->initrd.size);
	memset(s->initrd.data, 0xbb, s->initrd.size);
	s->config.kernel = &s->kernel;
	s->config.initrd = &s->initrd;
	s->config.ram[0] = (struct boot_range){RAM_BASE, RAM_SIZE / 2};
	s->config.ram[1] = (struct boot_range){RAM_BASE + RAM_SIZE / 2, RAM_SIZE / 2};
	s->config.ram_count = 2;
	s->config.ram_size = RAM_SIZE;
	s->config.efi = true;
	s->config.acpi_size = 100000;
	s->config.cpu_count = 6; /* a socket of two cores of two threads, and half of another */
	s->config.cores = s->config.threads = 2;
	s->config.midr = 0x414fd0c1;
	s->config.soft[0].base = TiB;
	s->config.soft[0].size = GiB;
	s->config.soft[0].as = BOOT_SPECIFIC_PURPOSE;
	s->config.soft[1].base = 2 * TiB;
	s->config.soft[1].size = GiB;
	s->config.soft[1].as = BOOT_SYSTEM_RAM;
	s->config.soft_count = 2;
	return s;
}

static void teardown(struct setup *s)
{
	free(s->kernel.data);
	free(s->initrd.data);
	free(s);
}

static u32 table_crc(const u8 *table, u32 size)
{
	u8 copy[512];

	memcpy(copy, table, size);
	memset(copy + 16, 0, 4);
	return (u32)crc32(0, copy, size);
}

static void efi_start_leaves_what_a_stub_would(void **state)
{
	static const u8 acpi20[16] = {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
				      0xbc, 0x22, 0,    0x80, 0xc7, 0x3c, 0x88, 0x81};
	struct setup *s = setup();
	struct ram *ram = calloc(1, sizeof(*ram));
	struct boot_writer writer = {ram_write, ram};
	u8 acpi[1000], dtb[500];
	struct boot_plan *plan;
	struct boot_plan_facts f;
	const u8 *sys, *rt, *map, *config;
	u64 last_end = 0, ram_seen = 0;
	struct error err;
	unsigned i, seen = 0;

	memset(acpi, 0xcc, sizeof(acpi));
	memset(dtb, 0xdd, sizeof(dtb));
	assert_true(boot_plan_create(&s->config, &plan, &err));
	f = boot_plan_facts(plan);
	assert_int_equal(f.entry, RAM_BASE);
	assert_int_equal(f.entry % (2 * MiB), 0);
	assert_int_equal(f.initrd_end - f.initrd_start, s->initrd.size);
	assert_true(boot_plan_write(plan, &writer, acpi, sizeof(acpi), dtb, sizeof(dtb), &err));
	assert_memory_equal(at(ram, f.kernel_pa, s->kernel.size), s->kernel.data, s->kernel.size);
	assert_memory_equal(at(ram, f.initrd_start, s->initrd.size), s->initrd.data, s->initrd.size);
	assert_memory_equal(at(ram, f.dtb_pa, sizeof(dtb)), dtb, sizeof(dtb));
	assert_memory_equal(at(ram, f.acpi_pa, sizeof(acpi)), acpi, sizeof(acpi));

	sys = at(ram, f.system_table_pa, 120);
	assert_memory_equal(sys, "IBI SYST", 8);
	assert_true(le(sys + 8, 4) >> 16 >= 2);
	assert_int_equal(le(sys + 12, 4), 120);
	assert_int_equal(le(sys + 16, 4), table_crc(sys, 120));
	rt = at(ram, le(sys + 88, 8), 136);
	assert_memory_equal(rt, "RUNTSERV", 8);
	assert_int_equal(le(rt + 12, 4), 136);
	assert_int_equal(le(rt + 16, 4), table_crc(rt, 136));
	for (i = 0; i < EFI_HVC_COUNT; i++) {
		const u8 *stub = at(ram, le(rt + 24 + 8 * i, 8), 8);

		assert_int_equal(le(stub, 4), 0xd4000002 | (EFI_HVC_BASE + i) << 5);
		assert_int_equal(le(stub + 4, 4), 0xd65f03c0);
	}
	config = at(ram, le(sys + 112, 8), 24 * le(sys + 104, 8));
	for (i = 0; i < le(sys + 104, 8); i++)
		if (!memcmp(config + 24 * i, acpi20, 16)) {
			assert_int_equal(le(config + 24 * i + 16, 8), f.acpi_pa);
			seen++;
		}
	assert_int_equal(seen, 1);
	assert_int_equal(le(sys + 104, 8), 4);

	assert_int_equal(f.desc_size, 40);
	assert_int_equal(f.mmap_size % 40, 0);
	map = at(ram, f.mmap_pa, f.mmap_size);
	seen = 0;
	for (i = 0; i < f.mmap_size / 40; i++, map += 40) {
		u64 pa = le(map + 8, 8), end = pa + le(map + 24, 8) * 4096, attributes = le(map + 32, 8);
		u32 type = (u32)le(map, 4);

		assert_true(pa >= last_end && end > pa && !(pa & 4095));
		assert_int_equal(attributes & 15, 15);
		last_end = end;
		if (pa < TiB)
			ram_seen += end - pa;
		if (type == 5 || type == 6) {
			assert_true(bit(attributes, 63));
			assert_int_equal(le(map + 16, 8), pa);
			assert_int_equal(pa & 0xffff, 0);
			assert_int_equal(end & 0xffff, 0);
			seen++;
		} else {
			assert_false(bit(attributes, 63));
		}
		if (pa == TiB)
			assert_true(type == 7 && end == TiB + GiB && bit(attributes, 18));
		if (pa == 2 * TiB)
			assert_true(type == 7 && end == 2 * TiB + GiB && !bit(attributes, 18));
		if (pa <= f.acpi_pa && f.acpi_pa < end)
			assert_int_equal(type, 9);
		if (pa <= f.kernel_pa && f.kernel_pa < end)
			assert_true(type == 2 && end - pa >= s->kernel.image_size);
		if (pa <= f.initrd_start && f.initrd_start < end)
			assert_true(type == 2 && end >= f.initrd_end);
	}
	assert_int_equal(seen, 2);
	assert_int_equal(ram_seen, RAM_SIZE);
	assert_int_equal(last_end, 2 * TiB + GiB);
	boot_plan_destroy(plan);
	free(ram);
	teardown(s);
}

static void smbios_is_well_formed(void **state)
{
	static const u8 smbios3[16] = {0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a,
				       0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94};
	static const u8 wanted[] = {0, 1, 3, 4, 16, 17, 19, 32, 127};
	struct setup *s = setup();
	struct ram *ram = calloc(1, sizeof(*ram));
	struct boot_writer writer = {ram_write, ram};
	struct boot_plan *plan;
	const u8 *sys, *config, *entry = NULL, *p, *end;
	u64 handles[256] = {0};
	unsigned i, count[256] = {0}, n = 0, k;
	struct error err;
	u8 sum = 0;

	assert_true(boot_plan_create(&s->config, &plan, &err));
	assert_true(boot_plan_write(plan, &writer, NULL, 0, NULL, 0, &err));
	sys = at(ram, boot_plan_facts(plan).system_table_pa, 120);
	config = at(ram, le(sys + 112, 8), 24 * le(sys + 104, 8));
	for (i = 0; i < le(sys + 104, 8); i++)
		if (!memcmp(config + 24 * i, smbios3, 16))
			entry = at(ram, le(config + 24 * i + 16, 8), 24);
	assert_non_null(entry);
	assert_memory_equal(entry, "_SM3_", 5);
	for (i = 0; i < entry[6]; i++)
		sum += entry[i];
	assert_int_equal(sum, 0);
	p = at(ram, le(entry + 16, 8), le(entry + 12, 4));
	for (end = p + le(entry + 12, 4); p < end;) {
		u8 type = p[0];

		count[type]++;
		for (k = 0; k < n; k++)
			assert_int_not_equal(handles[k], le(p + 2, 2));
		handles[n++] = le(p + 2, 2);
		if (type == 4) {
			const bool first = count[4] == 1;

			assert_int_equal(le(p + 8, 8), 0x414fd0c1);
			assert_int_equal(p[35], first ? 2 : 1);
			assert_int_equal(p[37], first ? 4 : 2);
			assert_int_equal(le(p + 38, 2), first ? 0x1c : 0x14); /* 64-bit, multi-core, threads */
			assert_int_equal(le(p + 42, 2), first ? 2 : 1);
			assert_int_equal(le(p + 44, 2), first ? 2 : 1);
			assert_int_equal(le(p + 46, 2), first ? 4 : 2);
		}
		assert_true(p[1] >= 4 && p + p[1] + 2 <= end);
		p += p[1];
		while (p[0] || p[1])
			p++;
		p += 2;
		if (type == 127)
			break;
	}
	assert_ptr_equal(p, end);
	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_true(count[wanted[i]] >= 1);
	assert_int_equal(count[4], 2);
	assert_int_equal(count[17], 2);
	boot_plan_destroy(plan);
	free(ram);
	teardown(s);
}

static void refuse(struct setup *s, const char *words)
{
	struct boot_plan *plan = NULL;
	struct error err = {0};

	assert_false(boot_plan_create(&s->config, &plan, &err));
	if (!strstr(err.text, words))
		fail_msg("'%s' lacks '%s'", err.text, words);
	assert_null(strchr(err.text, '\n'));
	teardown(s);
}

static void what_does_not_fit_is_named(void **state)
{
	struct setup *s;

	s = setup(), s->kernel.image_size = 65 * MiB, refuse(s, "the kernel (66560 KiB)");
	s = setup(), s->initrd.size = 62 * MiB, refuse(s, "the initrd (63488 KiB)");
	s = setup(), s->config.acpi_size = 80 * MiB, refuse(s, "ACPI tables");
	s = setup(), s->config.ram_count = 0, refuse(s, "ranges of RAM");
	s = setup(), s->kernel.kind = KERNEL_FLAT, refuse(s, "Linux Image");
	s = setup(), s->config.efi = false, s->kernel.kind = KERNEL_ELF, s->kernel.segment_count = 1;
	s->kernel.segments[0] = (struct kernel_segment){0x1000, 0, 16, 16};
	refuse(s, "not in RAM");
}

static void programs_go_where_they_belong(void **state)
{
	struct setup *s = setup();
	struct ram *ram = calloc(1, sizeof(*ram));
	struct boot_writer writer = {ram_write, ram};
	struct boot_plan *plan;
	struct boot_plan_facts f;
	struct error err;
	u8 dtb[100] = {1};

	s->config.efi = false;
	s->kernel.kind = KERNEL_ELF;
	s->kernel.entry = RAM_BASE + 0x100010;
	s->kernel.segment_count = 1;
	s->kernel.segments[0] = (struct kernel_segment){RAM_BASE + 0x100000, 0x10, 0x100, 0x2000};
	memset(ram->bytes + 0x100000, 0x55, 0x2000);
	assert_true(boot_plan_create(&s->config, &plan, &err));
	f = boot_plan_facts(plan);
	assert_int_equal(f.entry, RAM_BASE + 0x100010);
	assert_int_equal(f.dtb_pa, RAM_BASE);
	assert_true(boot_plan_write(plan, &writer, NULL, 0, dtb, sizeof(dtb), &err));
	assert_int_equal(*at(ram, RAM_BASE + 0x1000ff, 1), 0xaa);
	assert_int_equal(*at(ram, RAM_BASE + 0x100100, 1), 0);
	assert_int_equal(*at(ram, RAM_BASE + 0x101fff, 1), 0);
	boot_plan_destroy(plan);

	s->kernel.segments[0].pa = RAM_BASE; /* linked at the base: the tree goes to the end, the rest is one piece */
	assert_true(boot_plan_create(&s->config, &plan, &err));
	f = boot_plan_facts(plan);
	assert_int_equal(f.dtb_pa, RAM_BASE + RAM_SIZE - 2 * MiB);
	assert_int_equal(boot_plan_free(plan).base, align_up(f.initrd_end, 64 * KiB));
	assert_int_equal(boot_plan_free(plan).size, f.dtb_pa - boot_plan_free(plan).base);
	/* There is room for the largest that -dtb takes, and for what is added to it. */
	assert_true(boot_plan_write(plan, &writer, NULL, 0, ram->bytes, 1 * MiB + 64 * KiB, &err));
	boot_plan_destroy(plan);

	s->kernel.kind = KERNEL_FLAT;
	assert_true(boot_plan_create(&s->config, &plan, &err));
	assert_int_equal(boot_plan_facts(plan).entry, RAM_BASE + 0x80000);
	/* Far from its zeroed data, whose end nobody knows. */
	assert_true(boot_plan_facts(plan).initrd_start >= RAM_BASE + MIN(s->config.ram[0].size / 2, 128 * MiB));
	assert_false(boot_plan_write(plan, &writer, NULL, 0, ram->bytes, 1 * MiB, &err));
	assert_non_null(strstr(err.text, "device tree of 1048576 bytes"));
	boot_plan_destroy(plan);

	s->kernel.kind = KERNEL_IMAGE;
	s->kernel.text_offset = 0x80000;
	assert_true(boot_plan_create(&s->config, &plan, &err));
	f = boot_plan_facts(plan);
	assert_int_equal(f.entry % (2 * MiB), 0x80000);
	assert_int_equal(f.dtb_pa % 8, 0);
	assert_true(f.initrd_start >= f.kernel_pa + s->kernel.image_size);
	boot_plan_destroy(plan);
	free(ram);
	teardown(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(efi_start_leaves_what_a_stub_would),
		cmocka_unit_test(smbios_is_well_formed),
		cmocka_unit_test(what_does_not_fit_is_named),
		cmocka_unit_test(programs_go_where_they_belong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
