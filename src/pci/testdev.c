/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pci-testdev: counts the writes that test programs make to it. [QEMU docs/specs/pci-testdev] BAR 0 is memory, BAR 1
 * I/O space; each begins with the same header, and its tests count writes of one width and, in one of them, one value
 * at the offset that the header names. BAR 2 (membar=) is memory with nothing behind it, of any size. All under the
 * machine lock.
 */
#include <string.h>

#include "base/bits.h"
#include "pci/pci.h"

#define TEST_MEM_BYTES 4096 /* of the BARs: the upper half is where tests write */
#define TEST_IO_BYTES 256
#define TEST_DATA 0xfa
#define TEST_DATA_ANY 0xce
#define HDR_TEST 0  /* the header: test number, written */
#define HDR_WIDTH 1 /* bytes of a write; 0: there is no such test */
#define HDR_OFFSET 4
#define HDR_DATA 8
#define HDR_COUNT 12
#define HDR_NAME 16
#define HDR_BYTES 64

/* In the order of their numbers. They differ in QEMU by how the host is told of a write, which is nothing here. */
static const struct test {
	const char *name;
	bool one_value;
} tests[] = {
	{"no-eventfd", true},
	{"wildcard-eventfd", false},
	{"datamatch-eventfd", true},
};

struct test_bar {
	u32 bytes;
	const char *prefix;
	u32 test, count; /* guest-visible: number of the test, ARRAY_SIZE(tests): none */
};

struct pci_testdev {
	struct pci_dev pci;
	u64 membar; /* property */
	struct test_bar mem, io;
};

static void header_put(const struct test_bar *bar, u8 header[HDR_BYTES])
{
	const struct test *test = &tests[bar->test];
	size_t prefix = strlen(bar->prefix);

	memset(header, 0, HDR_BYTES);
	if (bar->test == ARRAY_SIZE(tests))
		return;
	header[HDR_TEST] = (u8)bar->test;
	header[HDR_WIDTH] = 1;
	store_le(header + HDR_OFFSET, 4, bar->bytes / 2 + bar->test);
	store_le(header + HDR_DATA, 4, test->one_value ? TEST_DATA : TEST_DATA_ANY);
	store_le(header + HDR_COUNT, 4, bar->count);
	memcpy(header + HDR_NAME, bar->prefix, prefix);
	memcpy(header + HDR_NAME + prefix, test->name, strlen(test->name));
}

static enum mem_result test_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	u8 header[HDR_BYTES];

	header_put(opaque, header);
	*value = range_ok(offset, size, HDR_BYTES) ? load_le(header + offset, size) : 0;
	return MEM_OK;
}

static enum mem_result test_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct test_bar *bar = opaque;

	if (offset == HDR_TEST) {
		bar->test = MIN(value & 0xff, ARRAY_SIZE(tests));
		bar->count = 0;
	} else if (bar->test < ARRAY_SIZE(tests) && offset == bar->bytes / 2 + bar->test && size == 1 &&
		   (!tests[bar->test].one_value || (u8)value == TEST_DATA)) {
		bar->count++;
	}
	return MEM_OK;
}

static enum mem_result nothing_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	*value = 0;
	return MEM_OK;
}

static enum mem_result nothing_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	return MEM_OK;
}

static const struct io_ops test_io = {.read = test_read, .write = test_write};
static const struct io_ops nothing_io = {.read = nothing_read, .write = nothing_write};

static bool testdev_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	const struct pci_ids ids = {.vendor = 0x1b36,
				    .device = 0x0005,
				    .subsystem_vendor = 0x1af4,
				    .subsystem = 0x1100,
				    .class_code = 0xff0000};
	struct pci_testdev *t = container_of(dev, struct pci_testdev, pci.dev);

	t->mem = (struct test_bar){.bytes = TEST_MEM_BYTES, .prefix = "mmio-", .test = ARRAY_SIZE(tests)};
	t->io = (struct test_bar){.bytes = TEST_IO_BYTES, .prefix = "portio-", .test = ARRAY_SIZE(tests)};
	if (t->membar && (!is_power_of_2(t->membar) || t->membar < 16))
		return fail(err, "%s: membar=%llu is not a power of two of 16 bytes or more", dev_name(dev),
			    (unsigned long long)t->membar);
	if (!pci_dev_init(&t->pci, &ids, env, err))
		return false;
	pci_bar_add(&t->pci, 0, TEST_MEM_BYTES, false, false, &test_io, &t->mem);
	pci_bar_add_io(&t->pci, 1, TEST_IO_BYTES, &test_io, &t->io);
	if (t->membar)
		pci_bar_add(&t->pci, 2, t->membar, true, true, &nothing_io, t);
	return true;
}

static void testdev_reset(struct dev *dev, unsigned reset_kind)
{
	struct pci_testdev *t = container_of(dev, struct pci_testdev, pci.dev);

	t->mem.test = t->io.test = ARRAY_SIZE(tests);
	t->mem.count = t->io.count = 0;
	pci_dev_reset(&t->pci, reset_kind);
}

static void testdev_destroy(struct dev *dev)
{
	pci_dev_fini(&container_of(dev, struct pci_testdev, pci.dev)->pci);
}

const struct dev_class pci_testdev_class = {
	.name = "pci-testdev",
	.doc = "PCI test device: counts writes",
	.size = sizeof(struct pci_testdev),
	.plugs = BUS_PCI,
	.props = (const struct prop[]){PROP_SIZE("membar", struct pci_testdev, membar, 0,
						 "size of a BAR 2 without anything behind it"),
				       {}},
	.common = pci_dev_props,
	.create = testdev_create,
	.reset = testdev_reset,
	.destroy = testdev_destroy,
};
