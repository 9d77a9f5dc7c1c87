// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * cachemaint: writes back and drops cache lines by address, DC CIVAC over a range, for kernels that ask a driver to do
 * that before CXL decoders change (7.3's cache coherency framework). Stock arm64 kernels have no such driver, so that
 * `cxl create-region` fails on them.
 *
 * Clean and invalidate by address to the point of coherency reaches every PE's caches [DDI0487 B2.4, D7.4]. It needs
 * the range mapped, cacheable: piece by piece, so that no range is too large. A kernel that removes a persistent region
 * asks for everything there is, of which most is no memory: that means the ranges that were ever named, for what was
 * never named was never a region's.
 */
#include <linux/cache_coherency.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

struct cachemaint {
	struct cache_coherency_ops_inst instance; /* first */
};

struct named {
	struct list_head entry;
	phys_addr_t at;
	size_t size;
};

static struct cachemaint *provider;
static LIST_HEAD(named);
static DEFINE_MUTEX(named_lock); /* held while lines are invalidated, too */

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
		asm volatile("dc civac, %0" ::"r"(va) : "memory");
	asm volatile("dsb sy" ::: "memory");
	memunmap(mapped);
	cond_resched();
	return 0;
}

static int invalidate_range(phys_addr_t at, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t piece = min_t(size_t, size - done, SZ_32M);
		int error = invalidate_piece(at + done, piece);

		if (error)
			return error;
		done += piece;
	}
	return 0;
}

static int remember(phys_addr_t at, size_t size)
{
	struct named *n;

	list_for_each_entry(n, &named, entry) if (n->at == at && n->size == size) return 0;
	n = kmalloc(sizeof(*n), GFP_KERNEL);
	if (!n)
		return -ENOMEM;
	n->at = at;
	n->size = size;
	list_add(&n->entry, &named);
	return 0;
}

static int invalidate(struct cache_coherency_ops_inst *instance, struct cc_inval_params *range)
{
	struct named *n;
	int error = 0;

	mutex_lock(&named_lock);
	if (range->size == (size_t)-1) {
		list_for_each_entry(n, &named, entry)
		{
			error = invalidate_range(n->at, n->size);
			if (error)
				break;
		}
	} else {
		error = remember(range->addr, range->size);
		if (!error)
			error = invalidate_range(range->addr, range->size);
	}
	mutex_unlock(&named_lock);
	return error;
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
	struct named *n, *next;

	cache_coherency_ops_instance_unregister(&provider->instance);
	cache_coherency_ops_instance_put(&provider->instance);
	list_for_each_entry_safe(n, next, &named, entry) kfree(n);
}

module_init(cachemaint_init);
module_exit(cachemaint_exit);
MODULE_IMPORT_NS("CACHE_COHERENCY");
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Cache maintenance by address for memory that appears");
