// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * cachemaint: writes back and drops cache lines by address, DC CIVAC over a range, for kernels that ask a driver to do that before CXL decoders
 * change (7.3's cache coherency framework). Stock arm64 kernels have no such driver, so that `cxl create-region` fails on them.
 *
 * Clean and invalidate by address to the point of coherency reaches every PE's caches [DDI0487 B2.4, D7.4]. It needs the range mapped, cacheable: piece
 * by piece, so that no range is too large.
 */
#include <linux/cache_coherency.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>

struct cachemaint {
	struct cache_coherency_ops_inst instance; /* first */
};

static struct cachemaint *provider;

static int invalidate_piece(phys_addr_t at, size_t size)
{
	void *mapped = memremap(at, size, MEMREMAP_WB);
	unsigned long line, end, ctr;

	if (!mapped)
		return -ENOMEM;
	asm volatile("mrs %0, ctr_el0" : "=r"(ctr));
	line = 4ul << (ctr >> 16 & 0xf);
	end = (unsigned long)mapped + size;
	for (unsigned long va = (unsigned long)mapped & ~(line - 1); va < end; va += line)
		asm volatile("dc civac, %0" :: "r"(va) : "memory");
	asm volatile("dsb sy" ::: "memory");
	memunmap(mapped);
	cond_resched();
	return 0;
}

static int invalidate(struct cache_coherency_ops_inst *instance, struct cc_inval_params *range)
{
	size_t done = 0;

	while (done < range->size) {
		size_t piece = min_t(size_t, range->size - done, SZ_32M);
		int error = invalidate_piece(range->addr + done, piece);

		if (error)
			return error;
		done += piece;
	}
	return 0;
}

static const struct cache_coherency_ops ops = {.wbinv = invalidate};

static int __init cachemaint_init(void)
{
	int error;

	provider = cache_coherency_ops_instance_alloc(&ops, struct cachemaint, instance);
	if (!provider)
		return -ENOMEM;
	error = cache_coherency_ops_instance_register(&provider->instance);
	if (error)
		cache_coherency_ops_instance_put(&provider->instance);
	return error;
}

static void __exit cachemaint_exit(void)
{
	cache_coherency_ops_instance_unregister(&provider->instance);
	cache_coherency_ops_instance_put(&provider->instance);
}

module_init(cachemaint_init);
module_exit(cachemaint_exit);
MODULE_IMPORT_NS("CACHE_COHERENCY");
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Cache maintenance by address for memory that appears");
