/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who lies where in guest RAM. Everything that is written claims a range; claims never overlap, and the EFI memory map
 * is the RAM ranges cut by the claims.
 *
 * A Linux Image goes to the lowest 2 MiB boundary (plus its text offset), the rest above it by first fit: the kernel
 * wants its initrd within the same 32 GiB. An ELF program goes where it was linked, a flat one 512 KiB above the base
 * of RAM, its initrd far above it; their device tree lies at the base of RAM, or else at its end: what is behind a
 * program is its own. Neighbouring ranges of RAM (one per NUMA node) are one.
 */
#include "boot/boot_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "mem/mem.h"

enum { CLAIMS_MAX = KERNEL_SEGMENTS_MAX + 8, DESCRIPTORS_MAX = 2 * CLAIMS_MAX + 2 * BOOT_RANGES_MAX };
#define DTB_BYTES_EFI (64 * KiB)
#define DTB_BYTES (2 * MiB) /* the most that arm64 Linux takes */
#define DTB_BYTES_LOW (512 * KiB)
#define FLAT_OFFSET (512 * KiB)
#define IMAGE_ALIGN (2 * MiB)

struct claim {
	u64 base, size;
	u32 type; /* EFI memory type */
	const char *what;
};

struct boot_plan {
	const struct kernel *kernel;
	const struct initrd *initrd;
	bool efi;
	struct boot_range ram[BOOT_RANGES_MAX];
	unsigned ram_count;
	struct claim claims[CLAIMS_MAX]; /* sorted by base */
	unsigned claim_count;
	struct boot_plan_facts facts;
	u64 acpi_size;
	struct efi_pages *pages; /* EFI only */
};

/* Inserts in order; the caller has made sure that it is free. */
static void claim_insert(struct boot_plan *plan, u64 base, u64 size, u32 type, const char *what)
{
	unsigned i = plan->claim_count++;

	assert(plan->claim_count <= CLAIMS_MAX);
	for (; i && plan->claims[i - 1].base > base; i--)
		plan->claims[i] = plan->claims[i - 1];
	plan->claims[i] = (struct claim){base, size, type, what};
}

static const struct claim *claim_at(const struct boot_plan *plan, u64 base, u64 size)
{
	unsigned i;

	for (i = 0; i < plan->claim_count; i++)
		if (plan->claims[i].base < base + size && base < plan->claims[i].base + plan->claims[i].size)
			return &plan->claims[i];
	return NULL;
}

static bool is_ram(const struct boot_plan *plan, u64 base, u64 size)
{
	unsigned i;

	for (i = 0; i < plan->ram_count; i++)
		if (base >= plan->ram[i].base && range_ok(base - plan->ram[i].base, size, plan->ram[i].size))
			return true;
	return false;
}

static u64 ram_total(const struct boot_plan *plan)
{
	u64 total = 0;
	unsigned i;

	for (i = 0; i < plan->ram_count; i++)
		total += plan->ram[i].size;
	return total;
}

/* Says what was to go in, with its size, beside what RAM there is. */
static bool no_room(const struct boot_plan *plan, const char *what, u64 size, struct error *err)
{
	return fail(err,
		    "%s (%llu KiB) does not fit into RAM of %llu MiB beside the kernel (%llu KiB) and the initrd (%llu "
		    "KiB); "
		    "give more with -m",
		    what, (unsigned long long)((size + 1023) / KiB), (unsigned long long)(ram_total(plan) / MiB),
		    (unsigned long long)(plan->facts.kernel_size / KiB),
		    (unsigned long long)(plan->initrd ? plan->initrd->size / KiB : 0));
}

/* The lowest free place whose base is a multiple of `align`, plus `skew`. Whole EFI regions are taken. */
static bool claim_first(struct boot_plan *plan, u64 size, u64 align, u64 skew, u32 type, const char *what, u64 *base,
			struct error *err)
{
	u64 bytes = align_up(MAX(size, 1), EFI_REGION_BYTES);
	unsigned i;

	for (i = 0; i < plan->ram_count; i++) {
		u64 at = align_up(plan->ram[i].base, align) + skew;

		while (at >= plan->ram[i].base && range_ok(at - plan->ram[i].base, bytes, plan->ram[i].size)) {
			const struct claim *other = claim_at(plan, at, bytes);

			if (!other) {
				claim_insert(plan, at, bytes, type, what);
				*base = at;
				return true;
			}
			at = align_up(other->base + other->size, align) + skew;
		}
	}
	return no_room(plan, what, size, err);
}

static bool claim_fixed(struct boot_plan *plan, u64 base, u64 size, u32 type, const char *what, struct error *err)
{
	const struct claim *other;

	if (!is_ram(plan, base, size))
		return fail(err, "-kernel: %s at %#llx, size %#llx is not in RAM (%llu MiB at %#llx)", what,
			    (unsigned long long)base, (unsigned long long)size,
			    (unsigned long long)(ram_total(plan) / MiB), (unsigned long long)plan->ram[0].base);
	other = claim_at(plan, base, size);
	if (other)
		return fail(err, "-kernel: %s at %#llx overlaps %s at %#llx", what, (unsigned long long)base,
			    other->what, (unsigned long long)other->base);
	claim_insert(plan, base, size, type, what);
	return true;
}

static bool place_kernel(struct boot_plan *plan, struct error *err)
{
	const struct kernel *kernel = plan->kernel;
	struct boot_plan_facts *facts = &plan->facts;
	u64 low = UINT64_MAX, high = 0;
	unsigned i;

	switch (kernel->kind) {
	case KERNEL_IMAGE:
		facts->kernel_size = kernel->image_size;
		if (!claim_first(plan, kernel->image_size, IMAGE_ALIGN, kernel->text_offset, EFI_LOADER_DATA,
				 "the kernel", &facts->kernel_pa, err))
			return false;
		facts->entry = facts->kernel_pa;
		return true;
	case KERNEL_ELF:
		for (i = 0; i < kernel->segment_count; i++) {
			const struct kernel_segment *s = &kernel->segments[i];

			if (!claim_fixed(plan, s->pa, s->memory_size, EFI_LOADER_DATA, "ELF segment", err))
				return false;
			low = MIN(low, s->pa);
			high = MAX(high, s->pa + s->memory_size);
		}
		facts->kernel_pa = low;
		facts->kernel_size = high - low;
		facts->entry = kernel->entry;
		return true;
	case KERNEL_FLAT:
		/* Where its zeroed data and its stack end, nobody has said: the initrd stays out of the first half of
		 * memory, up to 128 MiB. */
		low = MIN(plan->ram[0].size / 2, 128 * MiB);
		facts->kernel_pa = plan->ram[0].base + FLAT_OFFSET;
		facts->kernel_size = kernel->size;
		facts->entry = facts->kernel_pa;
		return claim_fixed(plan, facts->kernel_pa, MAX(kernel->size, low - FLAT_OFFSET), EFI_LOADER_DATA,
				   "flat image", err);
	}
	unreachable();
	return false;
}

static bool place_dtb(struct boot_plan *plan, struct error *err)
{
	struct boot_plan_facts *facts = &plan->facts;
	const struct boot_range *ram = &plan->ram[0];
	const struct boot_range places[] = {
		{ram->base, DTB_BYTES_LOW},
		{align_down(ram->base + ram->size - DTB_BYTES, IMAGE_ALIGN), DTB_BYTES},
	};

	for (unsigned i = 0; plan->kernel->kind != KERNEL_IMAGE && i < ARRAY_SIZE(places); i++)
		if (is_ram(plan, places[i].base, places[i].size) && !claim_at(plan, places[i].base, places[i].size)) {
			facts->dtb_pa = places[i].base;
			facts->dtb_size_max = places[i].size;
			claim_insert(plan, facts->dtb_pa, facts->dtb_size_max, EFI_LOADER_DATA, "the device tree");
			return true;
		}
	facts->dtb_size_max = plan->efi ? DTB_BYTES_EFI : DTB_BYTES;
	return claim_first(plan, facts->dtb_size_max, plan->efi ? EFI_REGION_BYTES : IMAGE_ALIGN, 0, EFI_LOADER_DATA,
			   "the device tree", &facts->dtb_pa, err);
}

static bool place_efi(struct boot_plan *plan, struct error *err)
{
	struct efi_pages *pages = plan->pages;

	return claim_first(plan, EFI_REGION_BYTES, EFI_REGION_BYTES, 0, EFI_RUNTIME_CODE, "EFI code", &pages->code_pa,
			   err) &&
	       claim_first(plan, EFI_REGION_BYTES, EFI_REGION_BYTES, 0, EFI_RUNTIME_DATA, "EFI data", &pages->data_pa,
			   err) &&
	       claim_first(plan, EFI_REGION_BYTES, EFI_REGION_BYTES, 0, EFI_LOADER_DATA, "the EFI memory map",
			   &pages->loader_pa, err) &&
	       claim_first(plan, plan->acpi_size, EFI_REGION_BYTES, 0, EFI_ACPI_RECLAIM, "ACPI tables",
			   &plan->facts.acpi_pa, err);
}

/* Sorted, neighbours joined, cut to whole EFI pages. */
static bool take_ram(struct boot_plan *plan, const struct boot_plan_config *config, struct error *err)
{
	unsigned i;

	if (!config->ram_count || config->ram_count > BOOT_RANGES_MAX || config->soft_count > BOOT_RANGES_MAX)
		return fail(err, "boot: %u ranges of RAM, %u of CXL memory; 1 to %d are possible", config->ram_count,
			    config->soft_count, BOOT_RANGES_MAX);
	for (i = 0; i < config->ram_count; i++) {
		u64 base = config->ram[i].base, size = align_down(config->ram[i].size, EFI_PAGE);
		struct boot_range *last = plan->ram_count ? &plan->ram[plan->ram_count - 1] : NULL;

		assert(is_aligned(base, EFI_PAGE) && (!last || base >= last->base + last->size));
		if (last && last->base + last->size == base)
			last->size += size;
		else
			plan->ram[plan->ram_count++] = (struct boot_range){base, size};
	}
	return true;
}

static void put_descriptor(struct efi_descriptor *map, unsigned *count, u32 type, u64 base, u64 end, u64 attributes)
{
	if (base < end)
		map[(*count)++] =
			(struct efi_descriptor){type, base, (end - base) / EFI_PAGE, EFI_MEMORY_CACHES | attributes};
}

static int by_address(const void *a, const void *b)
{
	const struct efi_descriptor *x = a, *y = b;

	return x->pa < y->pa ? -1 : x->pa > y->pa;
}

static unsigned make_map(const struct boot_plan *plan, const struct boot_plan_config *config,
			 struct efi_descriptor *map)
{
	unsigned count = 0, i, k;

	for (i = 0; i < plan->ram_count; i++) {
		u64 at = plan->ram[i].base, end = at + plan->ram[i].size;

		for (k = 0; k < plan->claim_count; k++) {
			const struct claim *c = &plan->claims[k];
			bool runtime = c->type == EFI_RUNTIME_CODE || c->type == EFI_RUNTIME_DATA;

			if (c->base < at || c->base >= end)
				continue;
			put_descriptor(map, &count, EFI_CONVENTIONAL, at, c->base, 0);
			put_descriptor(map, &count, c->type, c->base, c->base + c->size,
				       runtime ? EFI_MEMORY_RUNTIME : 0);
			at = c->base + c->size;
		}
		put_descriptor(map, &count, EFI_CONVENTIONAL, at, end, 0);
	}
	for (i = 0; i < config->soft_count; i++)
		put_descriptor(map, &count, EFI_CONVENTIONAL, config->soft[i].base,
			       config->soft[i].base + align_down(config->soft[i].size, EFI_PAGE),
			       config->soft[i].as == BOOT_SPECIFIC_PURPOSE ? EFI_MEMORY_SP : 0);
	qsort(map, count, sizeof(*map), by_address);
	return count;
}

static bool make_efi(struct boot_plan *plan, const struct boot_plan_config *config, struct error *err)
{
	struct efi_descriptor map[DESCRIPTORS_MAX];
	unsigned count = make_map(plan, config, map);

	assert(count <= DESCRIPTORS_MAX);
	if (!efi_pages_fill(plan->pages, config, plan->facts.acpi_pa, map, count, err))
		return false;
	plan->facts.system_table_pa = plan->pages->system_table_pa;
	plan->facts.mmap_pa = plan->pages->mmap_pa;
	plan->facts.mmap_size = plan->pages->mmap_size;
	plan->facts.desc_size = EFI_DESC_BYTES;
	plan->facts.desc_ver = EFI_DESC_VERSION;
	return true;
}

static bool place_all(struct boot_plan *plan, const struct boot_plan_config *config, struct error *err)
{
	struct boot_plan_facts *facts = &plan->facts;

	if (!take_ram(plan, config, err) || !place_kernel(plan, err) || (plan->efi && !place_efi(plan, err)) ||
	    !place_dtb(plan, err))
		return false;
	if (plan->initrd && plan->initrd->size) {
		if (!claim_first(plan, plan->initrd->size, EFI_REGION_BYTES, 0, EFI_LOADER_DATA, "the initrd",
				 &facts->initrd_start, err))
			return false;
		facts->initrd_end = facts->initrd_start + plan->initrd->size;
	}
	return !plan->efi || make_efi(plan, config, err);
}

bool boot_plan_create(const struct boot_plan_config *config, struct boot_plan **out, struct error *err)
{
	struct boot_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return fail(err, "boot: no memory");
	plan->kernel = config->kernel;
	plan->initrd = config->initrd;
	plan->efi = config->efi;
	plan->acpi_size = config->acpi_size;
	if (config->efi && config->kernel->kind != KERNEL_IMAGE) {
		fail(err, "boot: an EFI start needs a Linux Image, not an ELF or flat program");
		goto failed;
	}
	if (plan->efi) {
		plan->pages = calloc(1, sizeof(*plan->pages));
		if (!plan->pages) {
			fail(err, "boot: no memory");
			goto failed;
		}
	}
	if (!place_all(plan, config, err))
		goto failed;
	*out = plan;
	return true;

failed:
	boot_plan_destroy(plan);
	return false;
}

void boot_plan_destroy(struct boot_plan *plan)
{
	if (!plan)
		return;
	free(plan->pages);
	free(plan);
}

struct boot_plan_facts boot_plan_facts(const struct boot_plan *plan)
{
	return plan->facts;
}

struct boot_range boot_plan_free(const struct boot_plan *plan)
{
	struct boot_range most = {0};

	for (unsigned i = 0; i < plan->ram_count; i++) {
		u64 at = plan->ram[i].base, end = at + plan->ram[i].size;

		for (unsigned k = 0; k <= plan->claim_count; k++) {
			u64 next = k < plan->claim_count ? plan->claims[k].base : end;

			if (next < at || next > end)
				continue; /* in another range */
			if (next - at > most.size)
				most = (struct boot_range){at, next - at};
			if (next < end)
				at = align_up(next + plan->claims[k].size, EFI_PAGE);
		}
	}
	return most;
}

static bool space_writer(void *opaque, u64 pa, const void *from, u64 size)
{
	return dma_write(opaque, pa, from, size);
}

struct boot_writer boot_writer_space(struct space *space)
{
	return (struct boot_writer){space_writer, space};
}

static bool write_bytes(const struct boot_writer *writer, const char *what, u64 pa, const void *from, u64 size,
			struct error *err)
{
	if (!size || writer->write(writer->opaque, pa, from, size))
		return true;
	return fail(err, "boot: %s could not be written to guest memory at %#llx, %llu bytes", what,
		    (unsigned long long)pa, (unsigned long long)size);
}

static bool write_zeros(const struct boot_writer *writer, const char *what, u64 pa, u64 size, struct error *err)
{
	static const u8 zeros[64 * KiB];

	while (size) {
		u64 n = MIN(size, sizeof(zeros));

		if (!write_bytes(writer, what, pa, zeros, n, err))
			return false;
		pa += n;
		size -= n;
	}
	return true;
}

static bool write_kernel(const struct boot_plan *plan, const struct boot_writer *writer, struct error *err)
{
	const struct kernel *kernel = plan->kernel;
	unsigned i;

	if (kernel->kind != KERNEL_ELF)
		return write_bytes(writer, "the kernel", plan->facts.kernel_pa, kernel->data, kernel->size, err);
	for (i = 0; i < kernel->segment_count; i++) {
		const struct kernel_segment *s = &kernel->segments[i];

		if (!write_bytes(writer, "an ELF segment", s->pa, kernel->data + s->offset, s->file_size, err) ||
		    !write_zeros(writer, "an ELF segment", s->pa + s->file_size, s->memory_size - s->file_size, err))
			return false;
	}
	return true;
}

bool boot_plan_write(const struct boot_plan *plan, const struct boot_writer *writer, const u8 *acpi, size_t acpi_size,
		     const u8 *dtb, size_t dtb_size, struct error *err)
{
	const struct boot_plan_facts *facts = &plan->facts;

	if (dtb_size > facts->dtb_size_max)
		return fail(err, "boot: device tree of %zu bytes; at most %llu fit (a shorter -append?)", dtb_size,
			    (unsigned long long)facts->dtb_size_max);
	if (acpi_size > plan->acpi_size)
		return fail(err, "boot: ACPI tables of %zu bytes; room was left for %llu", acpi_size,
			    (unsigned long long)plan->acpi_size);
	if (!write_kernel(plan, writer, err) ||
	    !write_bytes(writer, "the device tree", facts->dtb_pa, dtb, dtb_size, err))
		return false;
	if (plan->initrd &&
	    !write_bytes(writer, "the initrd", facts->initrd_start, plan->initrd->data, plan->initrd->size, err))
		return false;
	if (!plan->efi)
		return true;
	return write_bytes(writer, "EFI code", plan->pages->code_pa, plan->pages->code, EFI_REGION_BYTES, err) &&
	       write_bytes(writer, "EFI data", plan->pages->data_pa, plan->pages->data, EFI_REGION_BYTES, err) &&
	       write_bytes(writer, "the EFI memory map", plan->pages->loader_pa, plan->pages->loader, EFI_REGION_BYTES,
			   err) &&
	       write_bytes(writer, "ACPI tables", facts->acpi_pa, acpi, acpi_size, err);
}
