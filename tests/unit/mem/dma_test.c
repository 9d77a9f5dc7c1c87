/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA: holes, devices, memory behind functions, readiness, code marks, interrupt messages. */
#include "base/conformance.h"
#include "check.h"
#include "mem/mem.h"

struct world {
	struct loop *loop;
	struct space *space;
	u8 *memory;
	struct region ram, granules, io, rom;
	u8 behind[0x1000];
	u64 poison; /* offset in `behind`, or ~0 */
	bool ready[4];
	u64 code_pa, code_size;
	unsigned code_calls, io_calls;
	u32 msi_id, msi_data;
	u64 msi_pa;
};

static enum mem_result granule_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct world *w = opaque;

	assert_int_equal(offset % size, 0);
	if (w->poison >= offset && w->poison < offset + size)
		return MEM_ABORT;
	*value = load_le(w->behind + offset, size);
	return MEM_OK;
}

static enum mem_result granule_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct world *w = opaque;

	store_le(w->behind + offset, size, value);
	return MEM_OK;
}

static enum mem_result io_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	((struct world *)opaque)->io_calls++;
	return MEM_OK;
}

static const struct io_ops granule_ops = {.read = granule_read, .write = granule_write}, io_ops = {.read = io_read};

static void ram_ready(struct region *region, u64 offset)
{
	struct world *w = container_of(region, struct world, ram);

	assert_true(offset < region->size);
	w->ready[offset / (2 * MiB)] = true;
}

static void code_written(void *opaque, u64 pa, u64 size)
{
	struct world *w = opaque;

	w->code_pa = pa;
	w->code_size = size;
	w->code_calls++;
}

static const struct still_ops still = {.code_written = code_written};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct error err;

	w->loop = loop_create(true, &err);
	w->space = space_create(w->loop);
	w->memory = calloc(1, 8 * MiB);
	w->poison = ~0ull;
	w->ram = (struct region){
		.name = "ram", .base = 0x40000000, .size = 8 * MiB, .host = w->memory, .ready = ram_ready};
	w->granules = (struct region){
		.name = "cxl", .base = 0x50000000, .size = 0x1000, .ops = &granule_ops, .opaque = w, .lockless = true};
	w->io = (struct region){.name = "uart", .base = 0x50001000, .size = 0x1000, .ops = &io_ops, .opaque = w};
	w->rom =
		(struct region){.name = "rom", .base = 0x60000000, .size = 0x1000, .host = w->memory, .readonly = true};
	space_set_still(w->space, &still, w);
	space_add(w->space, &w->ram);
	space_add(w->space, &w->granules);
	space_add(w->space, &w->io);
	space_add(w->space, &w->rom);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	space_destroy(w->space);
	loop_destroy(w->loop);
	free(w->memory);
	free(w);
	return 0;
}

static void copies_cross_chunks_and_make_them_ready(void **state)
{
	struct world *w = *state;
	static u8 from[5 * MiB], to[5 * MiB];
	u64 seed = 1;

	for (unsigned i = 0; i < sizeof(from); i++)
		from[i] = (u8)check_random(&seed);
	assert_true(dma_write(w->space, 0x40000000 + MiB, from, sizeof(from)));
	assert_true(w->ready[0] && w->ready[1] && w->ready[2] && !w->ready[3]);
	assert_true(dma_read(w->space, 0x40000000 + MiB, to, sizeof(to)));
	assert_memory_equal(from, to, sizeof(to));
}

static void holes_read_zero_and_fail_but_the_rest_is_copied(void **state)
{
	struct world *w = *state;
	u8 to[0x20], from[0x20];

	memset(w->memory, 0x5a, 8 * MiB);
	memset(to, 0xff, sizeof(to));
	assert_false(dma_read(w->space, 0x40000000 - 8, to, 16));
	assert_int_equal(load_le(to, 8), 0);
	assert_int_equal(load_le(to + 8, 8), 0x5a5a5a5a5a5a5a5a);
	memset(from, 0x11, sizeof(from));
	assert_false(dma_write(w->space, 0x40000000 + 8 * MiB - 16, from, 32));
	assert_int_equal(w->memory[8 * MiB - 1], 0x11);
	assert_false(dma_read(w->space, ~0ull - 7, to, 0x20));
	assert_int_equal(load_le(to, 8), 0);
	assert_true(dma_read(w->space, 0, to, 0));
}

static void device_registers_are_refused(void **state)
{
	struct world *w = *state;
	u8 bytes[8] = {1, 2, 3};

	assert_false(dma_read(w->space, 0x50001000, bytes, 8));
	assert_int_equal(load_le(bytes, 8), 0);
	assert_false(dma_write(w->space, 0x50001000, bytes, 8));
	assert_false(dma_write(w->space, 0x60000000, bytes, 8));
	assert_true(dma_read(w->space, 0x60000000, bytes, 8));
	assert_int_equal(w->io_calls, 0);
}

static u64 met_at, met_size;
static unsigned meetings;

static void poison_was_met(struct region *region, u64 offset, u64 size)
{
	met_at = offset;
	met_size = size;
	meetings++;
}

static void poison_is_refused_and_nobody_is_to_blame(void **state)
{
	struct world *w = *state;
	u8 bytes[8] = {1, 2, 3};
	u64 before = conformance_count(RULE_DMA_TO_REGISTERS);

	w->io.poison = true;
	w->io.met = poison_was_met;
	assert_false(dma_read(w->space, 0x50001000, bytes, 8));
	assert_int_equal(meetings, 1); /* who has it is told, also without the machine lock */
	assert_int_equal(met_at, 0);
	assert_int_equal(met_size, 8);
	assert_int_equal(load_le(bytes, 8), 0);
	assert_false(dma_write(w->space, 0x50001000, bytes, 8));
	assert_int_equal(conformance_count(RULE_DMA_TO_REGISTERS), before);
	assert_int_equal(meetings, 1); /* nothing was read */
	w->io.poison = false;
	w->io.met = NULL;
	assert_false(dma_read(w->space, 0x50001000, bytes, 8));
	assert_int_equal(conformance_count(RULE_DMA_TO_REGISTERS), before + 1);
	assert_int_equal(w->io_calls, 0);
}

static void memory_behind_functions_is_memory(void **state)
{
	struct world *w = *state;
	u8 from[61], to[61];

	for (unsigned i = 0; i < sizeof(from); i++)
		from[i] = (u8)(i * 7 + 1);
	assert_true(dma_write(w->space, 0x50000003, from, sizeof(from)));
	assert_memory_equal(w->behind + 3, from, sizeof(from));
	assert_true(dma_read(w->space, 0x50000003, to, sizeof(to)));
	assert_memory_equal(to, from, sizeof(from));
	w->poison = 16;
	assert_false(dma_read(w->space, 0x50000008, to, 24));
	assert_memory_equal(to, w->behind + 8, 8);
	assert_int_equal(load_le(to + 8, 8), 0);
	assert_memory_equal(to + 16, w->behind + 24, 8);
	assert_false(dma_read(w->space, 0x50000ff8, to, 16)); /* on into a device */
}

static void writes_over_code_are_told(void **state)
{
	struct world *w = *state;
	u8 bytes[0x3000] = {0};
	u64 size = 0x800;

	space_mark_code(w->space, 0x40001ffc, true);
	assert_true(space_has_code(w->space, 0x40001000));
	assert_false(space_has_code(w->space, 0x40002000));
	dma_write(w->space, 0x40002000, bytes, 0x1000);
	assert_int_equal(w->code_calls, 0);
	dma_write(w->space, 0x40000800, bytes, 0x3000);
	assert_int_equal(w->code_calls, 1);
	assert_int_equal(w->code_pa, 0x40001000);
	assert_int_equal(w->code_size, 0x1000);
	space_write(w->space, 0x40001008, 4, 0);
	assert_int_equal(w->code_calls, 2);
	assert_non_null(dma_map(w->space, 0x40001800, &size, true));
	dma_unmap(w->space, 0x40001800, size, true);
	assert_int_equal(w->code_calls, 3);
	space_mark_code(w->space, 0x40001000, false);
	dma_write(w->space, 0x40000800, bytes, 0x3000);
	assert_int_equal(w->code_calls, 3);
	/* Addresses without RAM have no marks. */
	space_mark_code(w->space, 0x50001000, true);
	assert_false(space_has_code(w->space, 0x50001000));
	assert_false(space_has_code(w->space, 0));
}

static void maps_are_cut_to_what_is_contiguous(void **state)
{
	struct world *w = *state;
	u64 size = 16 * MiB;

	assert_ptr_equal(dma_map(w->space, 0x40000000 + 6 * MiB, &size, true), w->memory + 6 * MiB);
	assert_int_equal(size, 2 * MiB);
	dma_unmap(w->space, 0x40000000 + 6 * MiB, size, true);
	assert_true(w->ready[3] && !w->ready[0]);
	size = 8;
	assert_null(dma_map(w->space, 0x50000000, &size, true));
	assert_null(dma_map(w->space, 0x60000000, &size, true));
	assert_null(dma_map(w->space, 0x3ffffff8, &size, false));
	size = 0;
	assert_null(dma_map(w->space, 0x40000000, &size, false));
	space_remove(w->space, &w->ram); /* all epochs are left: this does not wait */
	space_add(w->space, &w->ram);
}

static void msi_send(void *opaque, u32 requester_id, u64 pa, u32 data)
{
	struct world *w = opaque;

	assert_true(loop_is_locked(w->loop));
	w->msi_id = requester_id;
	w->msi_pa = pa;
	w->msi_data = data;
}

static void messages_reach_the_doorbell_or_memory(void **state)
{
	struct world *w = *state;
	const struct msi_target target = {.send = msi_send, .opaque = w, .base = 0x8090000, .size = 0x10000};

	space_set_msi_target(w->space, &target);
	space_msi(w->space, 0x108, 0x8090040, 33);
	assert_int_equal(w->msi_id, 0x108);
	assert_int_equal(w->msi_pa, 0x8090040);
	assert_int_equal(w->msi_data, 33);
	space_msi(w->space, 0x108, 0x40000010, 0x12345678);
	assert_int_equal(load_le(w->memory + 0x10, 4), 0x12345678);
	assert_int_equal(w->msi_data, 33);
	space_msi(w->space, 0x108, 0x50001000, 1);
	space_msi(w->space, 0x108, 0x80a0000, 1);
	assert_int_equal(w->msi_data, 33);
}

/* Adds 0x1000, and takes nothing below 0x40000000. */
static bool shift(void *opaque, u32 requester_id, u64 iova, bool write, u64 *pa, u64 *size)
{
	*pa = iova + 0x1000;
	return iova >= 0x40000000;
}

static void some_buses_go_past_the_iommu(void **state)
{
	static const struct iommu_ops ops = {.translate = shift};
	static const struct {
		u32 id;
		bool past;
	} requesters[] = {{0, false},      {0x1f08, false}, {0x2000, true}, {0x3fff, true},
			  {0x4000, false}, {0xfeff, false}, {0xff00, true}, {0xffff, true}};
	struct world *w = *state;
	const struct msi_target target = {.send = msi_send, .opaque = w, .base = 0x8090000, .size = 0x10000};

	space_set_iommu(w->space, &ops, NULL);
	space_set_msi_target(w->space, &target);
	space_bypass_iommu(w->space, 0x20, 0x3f);
	space_bypass_iommu(w->space, 0xff, 0xff);
	for (unsigned i = 0; i < ARRAY_SIZE(requesters); i++) {
		u32 value = 0x1000 + i, id = requesters[i].id;

		assert_true(dma_write_for(w->space, id, 0x40000000 + 8 * i, &value, 4));
		assert_int_equal(load_le(w->memory + 8 * i + (requesters[i].past ? 0 : 0x1000), 4), value);
		w->msi_data = 0;
		space_msi(w->space, id, 0x8090040, 33);
		assert_int_equal(w->msi_data, requesters[i].past ? 33 : 0);
	}
	space_set_iommu(w->space, NULL, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_cross_chunks_and_make_them_ready),
		TEST(holes_read_zero_and_fail_but_the_rest_is_copied),
		TEST(device_registers_are_refused),
		TEST(poison_is_refused_and_nobody_is_to_blame),
		TEST(memory_behind_functions_is_memory),
		TEST(writes_over_code_are_told),
		TEST(maps_are_cut_to_what_is_contiguous),
		TEST(messages_reach_the_doorbell_or_memory),
		TEST(some_buses_go_past_the_iommu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
