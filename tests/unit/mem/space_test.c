/* SPDX-License-Identifier: BSD-2-Clause */
/* The address map against a naive model, accesses of every shape, and the order of standing still. */
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "mem/mem.h"

static struct loop *loop_new(void)
{
	struct error err;
	struct loop *loop = loop_create(true, &err);

	assert_non_null(loop);
	return loop;
}

/* --- the map --- */

#define MODEL_PAGES 64
#define REGIONS 24

static struct region *naive_at(struct region *regions, const unsigned *order, unsigned count, u64 pa)
{
	struct region *best = NULL;
	unsigned best_order = 0;

	for (unsigned i = 0; i < count; i++) {
		struct region *r = &regions[i];

		if (!r->added || pa < r->base || pa - r->base >= r->size)
			continue;
		if (!best || r->priority > best->priority || (r->priority == best->priority && order[i] > best_order)) {
			best = r;
			best_order = order[i];
		}
	}
	return best;
}

struct dropped {
	bool page[MODEL_PAGES];
	bool still;
	unsigned drops, stops;
};

static void model_stop(void *opaque)
{
	struct dropped *d = opaque;

	assert_false(d->still);
	d->still = true;
	d->stops++;
}

static void model_resume(void *opaque)
{
	struct dropped *d = opaque;

	assert_true(d->still);
	d->still = false;
}

static void model_drop(void *opaque, u64 base, u64 size)
{
	struct dropped *d = opaque;

	assert_true(d->still);
	d->drops++;
	for (unsigned i = 0; i < MODEL_PAGES; i++)
		if (i * 0x1000ull >= base && i * 0x1000ull - base < size)
			d->page[i] = true;
}

static const struct still_ops model_still = {.stop = model_stop, .drop = model_drop, .resume = model_resume};

static u8 *direct(struct region *r, u64 pa)
{
	return r && r->host ? r->host + (pa - r->base) : NULL;
}

static void random_maps_agree_with_a_naive_model(void **state)
{
	static u8 memory[REGIONS][16 * 0x1000];
	static const struct io_ops no_ops;
	struct loop *loop = loop_new();
	struct space *space = space_create(loop);
	struct region regions[REGIONS] = {0};
	unsigned order[REGIONS], next = 0;
	struct dropped dropped = {0};
	u64 seed = 3;

	space_set_still(space, &model_still, &dropped);
	for (unsigned i = 0; i < REGIONS; i++) {
		regions[i] = (struct region){.name = "r",
					     .ops = &no_ops,
					     .host = i % 2 ? memory[i] : NULL,
					     .size = (1 + check_random(&seed) % 16) * 0x1000,
					     .base = check_random(&seed) % 48 * 0x1000,
					     .priority = (int)(check_random(&seed) % 3)};
	}
	for (unsigned n = 0; n < 3000; n++) {
		unsigned i = check_random(&seed) % REGIONS;
		u8 *before[MODEL_PAGES];

		for (unsigned p = 0; p < MODEL_PAGES; p++)
			before[p] = direct(naive_at(regions, order, REGIONS, p * 0x1000ull), p * 0x1000ull);
		memset(&dropped, 0, sizeof(dropped));
		if (!regions[i].added) {
			order[i] = ++next;
			space_add(space, &regions[i]);
		} else if (n % 3) {
			space_remove(space, &regions[i]);
		} else {
			space_move(space, &regions[i], check_random(&seed) % 48 * 0x1000);
		}
		assert_false(dropped.still);
		for (unsigned p = 0; p < MODEL_PAGES; p++) {
			struct region *expected = naive_at(regions, order, REGIONS, p * 0x1000ull);
			const struct range *range = space_lookup(space, p * 0x1000ull + 0xfff);

			assert_ptr_equal(range ? range->region : NULL, expected);
			if (range)
				assert_int_equal(range->offset + (p * 0x1000ull - range->base),
						 p * 0x1000ull - expected->base);
			/* Dropped exactly where the direct pointer changed. */
			assert_int_equal(dropped.page[p], before[p] != direct(expected, p * 0x1000ull));
		}
	}
	for (size_t i = 1; space_range(space, i); i++)
		assert_true(space_range(space, i - 1)->last < space_range(space, i)->base);
	space_destroy(space);
	loop_destroy(loop);
}

static void the_last_address_is_an_address(void **state)
{
	static u8 memory[0x1000];
	struct space *space = space_create(NULL);
	struct region r = {.name = "top", .base = ~0ull - 0xfff, .size = 0x1000, .host = memory};
	u64 value;

	space_add(space, &r);
	assert_int_equal(space_write(space, ~0ull - 7, 8, 0x1234), MEM_OK);
	assert_int_equal(space_read(space, ~0ull - 7, 8, &value), MEM_OK);
	assert_int_equal(value, 0x1234);
	assert_int_equal(space_read(space, ~0ull - 3, 8, &value), MEM_NOTHING);
	assert_false(dma_write(space, ~0ull - 3, &value, 8));
	space_move(space, &r, ~0ull - 0x7ff); /* a guest's nonsense: what is behind the end is cut */
	assert_null(space_lookup(space, 0));
	assert_non_null(space_lookup(space, ~0ull));
	space_destroy(space);
}

static void changes_between_begin_and_end_are_published_once(void **state)
{
	static u8 memory[2][0x1000];
	struct loop *loop = loop_new();
	struct space *space = space_create(loop);
	struct region a = {.name = "a", .base = 0, .size = 0x1000, .host = memory[0]};
	struct region b = {.name = "b", .base = 0x1000, .size = 0x1000, .host = memory[1]};
	struct dropped dropped = {0};

	space_set_still(space, &model_still, &dropped);
	space_begin(space);
	space_begin(space);
	space_add(space, &a);
	space_add(space, &b);
	space_end(space);
	assert_null(space_lookup(space, 0));
	space_end(space);
	assert_int_equal(dropped.stops, 1);
	assert_ptr_equal(space_lookup(space, 0x1000)->region, &b);
	space_destroy(space);
	loop_destroy(loop);
}

static void overlaps_are_named(void **state)
{
	static u8 memory[0x2000];
	struct space *space = space_create(NULL);
	struct region a = {.name = "uart", .base = 0x9000000, .size = 0x1000, .host = memory};
	struct region b = {.name = "window 0", .base = 0x9000800, .size = 0x1000, .host = memory};
	struct region c = {.name = "window", .base = 0, .size = 1ull << 40, .host = memory, .priority = -1};
	struct error err;

	space_add(space, &a);
	space_add(space, &c);
	assert_true(space_check(space, &err));
	space_add(space, &b);
	assert_false(space_check(space, &err));
	check_says(&err, "uart at 0x9000000-0x9000fff");
	check_says(&err, "window 0 at 0x9000800-0x90017ff");
	space_destroy(space);
}

/* --- accesses --- */

struct io_log {
	struct loop *loop;
	unsigned count;
	struct {
		u64 offset, value;
		unsigned size;
		bool write;
	} list[64];
};

static enum mem_result log_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct io_log *log = opaque;

	assert_true(loop_is_locked(log->loop));
	log->list[log->count].offset = offset;
	log->list[log->count].write = false;
	log->list[log->count++].size = size;
	*value = 0x8877665544332211ull >> (offset % 8 * 8);
	return MEM_OK;
}

static enum mem_result log_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct io_log *log = opaque;

	assert_true(loop_is_locked(log->loop));
	log->list[log->count].offset = offset;
	log->list[log->count].value = value;
	log->list[log->count].write = true;
	log->list[log->count++].size = size;
	return offset >= 0x80 ? MEM_ABORT : MEM_OK;
}

static const struct io_ops log_ops = {.read = log_read, .write = log_write};

static void accesses_of_every_shape(void **state)
{
	static u8 memory[0x2000], rom[0x1000] = {1, 2, 3, 4};
	struct loop *loop = loop_new();
	struct space *space = space_create(loop);
	struct io_log log = {.loop = loop};
	struct region ram = {.name = "ram", .base = 0x1000, .size = 0x1000, .host = memory};
	struct region ram2 = {.name = "ram2", .base = 0x2000, .size = 0x1000, .host = memory + 0x1000};
	struct region io = {.name = "io", .base = 0x3000, .size = 0x100, .ops = &log_ops, .opaque = &log};
	struct region flash = {.name = "rom", .base = 0x4000, .size = 0x1000, .host = rom, .readonly = true};
	u64 value, pair[2];

	space_add(space, &ram);
	space_add(space, &ram2);
	space_add(space, &io);
	space_add(space, &flash);
	for (unsigned size = 1; size <= 8; size *= 2) {
		for (u64 pa = 0x1000; pa < 0x1010; pa++) {
			u64 put = 0x1122334455667788ull * (pa + size) & ones(size * 8);

			assert_int_equal(space_write(space, pa, size, put), MEM_OK);
			assert_int_equal(space_read(space, pa, size, &value), MEM_OK);
			assert_int_equal(value, put);
			assert_int_equal(load_le(memory + (pa - 0x1000), size), put);
		}
	}
	/* Over the seam of two RAM ranges, and from RAM into a device. */
	assert_int_equal(space_write(space, 0x1ffd, 8, 0x0102030405060708), MEM_OK);
	assert_int_equal(load_le(memory + 0xffd, 8), 0x0102030405060708);
	assert_int_equal(space_read(space, 0x1ffd, 8, &value), MEM_OK);
	assert_int_equal(value, 0x0102030405060708);
	memset(memory + 0x1ffc, 0xaa, 4);
	assert_int_equal(space_read(space, 0x2ffc, 8, &value), MEM_OK);
	assert_int_equal(value, 0x44332211aaaaaaaa);
	assert_int_equal(log.count, 1);
	assert_int_equal(log.list[0].size, 4);
	/* An unaligned device access is split in ascending order. */
	log.count = 0;
	assert_int_equal(space_write(space, 0x3003, 4, 0xddccbbaa), MEM_OK);
	assert_true(log.count >= 2);
	for (unsigned i = 0, at = 3; i < log.count; at += log.list[i++].size) {
		assert_int_equal(log.list[i].offset, at);
		assert_int_equal(at % log.list[i].size, 0);
		assert_int_equal(log.list[i].value, (0xddccbbaaull >> ((at - 3) * 8)) & ones(log.list[i].size * 8));
	}
	log.count = 0;
	assert_int_equal(space_read(space, 0x3000, 16, pair), MEM_OK);
	assert_int_equal(log.count, 2);
	assert_int_equal(pair[0], 0x8877665544332211);
	assert_int_equal(pair[1], 0x8877665544332211);
	/* Results of devices, nothing, ROM. */
	assert_int_equal(space_write(space, 0x3080, 4, 1), MEM_ABORT);
	assert_int_equal(space_read(space, 0x5000, 4, &value), MEM_NOTHING);
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(space_write(space, 0x5001, 8, 1), MEM_NOTHING);
	assert_int_equal(space_read(space, 0x4ffe, 4, &value), MEM_NOTHING);
	assert_int_equal(value, 0xffff0000);
	assert_int_equal(space_write(space, 0x4000, 4, 9), MEM_OK);
	assert_int_equal(space_read(space, 0x4000, 4, &value), MEM_OK);
	assert_int_equal(value, 0x04030201);
	space_destroy(space);
	loop_destroy(loop);
}

/* A register write that moves the device itself, as a BAR does. */
struct mover {
	struct space *space;
	struct region region;
	unsigned moves;
};

static enum mem_result mover_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct mover *m = opaque;

	m->moves++;
	space_move(m->space, &m->region, value);
	return MEM_OK;
}

static const struct io_ops mover_ops = {.write = mover_write};

static void a_device_may_move_itself(void **state)
{
	struct loop *loop = loop_new();
	struct mover m = {.space = space_create(loop)};

	m.region = (struct region){.name = "bar", .base = 0x1000, .size = 0x1000, .ops = &mover_ops, .opaque = &m};
	space_add(m.space, &m.region);
	assert_int_equal(space_write(m.space, 0x1000, 4, 0x8000), MEM_OK);
	assert_null(space_lookup(m.space, 0x1000));
	assert_int_equal(space_write(m.space, 0x8000, 4, 0x1000), MEM_OK);
	assert_int_equal(m.moves, 2);
	space_destroy(m.space);
	loop_destroy(loop);
}

/* Readers and DMA on other threads while the map changes: they see the old or the new memory, never freed maps. */
struct traffic {
	struct space *space;
	bool ends;
	u64 done;
};

static void *traffic_main(void *opaque)
{
	struct traffic *t = opaque;

	while (!__atomic_load_n(&t->ends, __ATOMIC_ACQUIRE)) {
		u8 buffer[0x2000];
		u64 size = 0x800, value;
		u8 *host;

		dma_read(t->space, 0x1000, buffer, sizeof(buffer));
		dma_write(t->space, 0x2000, buffer, 0x100);
		space_read(t->space, 0x1ffc, 8, &value);
		host = dma_map(t->space, 0x1000, &size, true);
		if (host) {
			dma_read(t->space, 0x1000, buffer, 16); /* nested: must not wait for a writer */
			memset(host, 1, size);
			dma_unmap(t->space, 0x1000, size, true);
		}
		__atomic_fetch_add(&t->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void fill(void *opaque)
{
	memset(opaque, 7, 0x1000);
	for (unsigned i = 0; i < 0x1000; i++)
		assert_int_equal(((volatile u8 *)opaque)[i], 7); /* nobody writes meanwhile */
}

static void the_map_changes_under_traffic(void **state)
{
	static u8 memory[2][0x2000];
	struct loop *loop = loop_new();
	struct traffic t = {.space = space_create(loop)};
	struct region a = {.name = "a", .base = 0x1000, .size = 0x2000, .host = memory[0]};
	struct region b = {.name = "b", .base = 0x1800, .size = 0x1000, .host = memory[1], .priority = 1};
	pthread_t threads[2];

	space_add(t.space, &a);
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, traffic_main, &t);
	for (unsigned i = 0; i < 400; i++) {
		space_add(t.space, &b);
		space_move(t.space, &b, i % 2 ? 0x1800 : 0x2000);
		space_change(t.space, 0x1000, 0x1000, fill, memory[0]);
		space_remove(t.space, &b);
		if (i % 16 == 0)
			usleep(200);
	}
	__atomic_store_n(&t.ends, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_true(t.done > 0);
	space_destroy(t.space);
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_maps_agree_with_a_naive_model),
		cmocka_unit_test(the_last_address_is_an_address),
		cmocka_unit_test(changes_between_begin_and_end_are_published_once),
		cmocka_unit_test(overlaps_are_named),
		cmocka_unit_test(accesses_of_every_shape),
		cmocka_unit_test(a_device_may_move_itself),
		cmocka_unit_test(the_map_changes_under_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
