/* SPDX-License-Identifier: BSD-2-Clause */
/* A host with a root bus in a space of its own, devices made by properties, ECAM accesses by address, MSIs recorded. */
#ifndef TESTS_PCI_FIXTURE_H
#define TESTS_PCI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/loop.h"
#include "pci/pci.h"
#include "pci/pci_spec.h"

#include <cmocka.h> /* after ours: it has a macro fail() */

#define ECAM_BASE 0x4010000000ull
#define MMIO32_BASE 0x10000000ull
#define MMIO32_SIZE 0x2eff0000ull
#define MMIO64_BASE 0x8000000000ull
#define MMIO64_SIZE (512 * GiB)
#define PIO_BASE 0x3eff0000ull
#define DOORBELL 0x08090040ull
#define MESSAGES 16

struct fixture {
	struct loop *loop;
	struct space *space;
	struct pci_host *host;
	struct machine *machine; /* that devices ask, if they do */
	struct dev *devs[16];
	unsigned dev_count;
	struct {
		u32 id;
		u64 pa;
		u32 data;
	} messages[MESSAGES];
	unsigned message_count;
	bool intx[4];
};

static void fixture_message(void *opaque, u32 id, u64 pa, u32 data)
{
	struct fixture *f = opaque;

	f->messages[f->message_count % MESSAGES].id = id;
	f->messages[f->message_count % MESSAGES].pa = pa;
	f->messages[f->message_count++ % MESSAGES].data = data;
}

static void fixture_line(void *opaque, unsigned n, bool level)
{
	((struct fixture *)opaque)->intx[n] = level;
}

static inline struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = {{0}};
	struct msi_target target = {.send = fixture_message, .opaque = f, .base = 0x08090000, .size = 0x10000};
	struct pci_host_config config = {
		.ecam_base = ECAM_BASE,
		.ecam_size = 256 * MiB,
		.pio_base = PIO_BASE,
		.mmio32_base = MMIO32_BASE,
		.mmio32_size = MMIO32_SIZE,
		.mmio64_base = MMIO64_BASE,
		.mmio64_size = MMIO64_SIZE,
	};

	assert_non_null(f);
	f->loop = loop_create(true, &err);
	assert_non_null(f->loop);
	loop_lock(f->loop);
	f->space = space_create(f->loop);
	space_set_msi_target(f->space, &target);
	config.loop = f->loop;
	config.space = f->space;
	for (unsigned n = 0; n < 4; n++)
		config.intx[n] = (struct line){.set = fixture_line, .opaque = f, .n = n};
	f->host = pci_host_create(&config, &err);
	assert_non_null(f->host);
	return f;
}

static inline void fixture_free(struct fixture *f)
{
	while (f->dev_count)
		dev_destroy(f->devs[--f->dev_count]);
	pci_host_destroy(f->host);
	space_destroy(f->space);
	loop_unlock(f->loop);
	loop_destroy(f->loop);
	free(f);
}

/* A device from "key=value,..." on a bus (NULL: pcie.0 for functions), after a cold reset; NULL: refused, err says why.
 */
static inline struct dev *fixture_add(struct fixture *f, const struct dev_class *cls, struct bus *bus, const char *text,
				      struct error *err)
{
	bool function = cls->plugs == BUS_PCI || cls->plugs == BUS_PCIE;
	struct dev_env env = {.loop = f->loop,
			      .space = f->space,
			      .machine = f->machine,
			      .bus = bus || !function ? bus : &pci_host_root(f->host)->bus.bus};
	struct dev *dev = dev_new(cls);
	struct opts opts = {0};

	assert_non_null(dev);
	assert_true(opts_parse(&opts, text, NULL, err));
	if (!dev_set_all(dev, &opts, &env, err) || !dev_create(dev, &env, err)) {
		dev_destroy(dev);
		opts_free(&opts);
		return NULL;
	}
	opts_free(&opts);
	cls->reset(dev, RESET_COLD);
	f->devs[f->dev_count++] = dev;
	return dev;
}

static inline struct dev *fixture_must_add(struct fixture *f, const struct dev_class *cls, struct bus *bus,
					   const char *text)
{
	struct error err = {{0}};
	struct dev *dev = fixture_add(f, cls, bus, text, &err);

	if (!dev)
		fail_msg("%s", err.text);
	return dev;
}

static inline void fixture_refused(struct fixture *f, const struct dev_class *cls, struct bus *bus, const char *text,
				   const char *words)
{
	struct error err = {{0}};

	assert_null(fixture_add(f, cls, bus, text, &err));
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

static inline u64 ecam(unsigned bus, unsigned slot, unsigned fn, unsigned reg)
{
	return ECAM_BASE + ((u64)bus << 20) + (DEVFN(slot, fn) << 12) + reg;
}

static inline u64 rd(struct fixture *f, u64 pa, unsigned size)
{
	u64 value = 0x5a5a5a5a5a5a5a5a;

	assert_int_equal(space_read(f->space, pa, size, &value), MEM_OK);
	return value;
}

static inline void wr(struct fixture *f, u64 pa, unsigned size, u64 value)
{
	assert_int_equal(space_write(f->space, pa, size, value), MEM_OK);
}

/* A function with a memory BAR whose reads say which register was read. */
struct test_dev {
	struct pci_dev pci;
	u64 bar_bytes;
	bool is_64, io;
	u64 last_offset, last_value;
	unsigned function_resets;
};

static inline enum mem_result test_dev_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	*value = (0xabcd0000 | offset) & ones(8 * size);
	return MEM_OK;
}

static inline enum mem_result test_dev_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct test_dev *t = opaque;

	t->last_offset = offset;
	t->last_value = value;
	return MEM_OK;
}

static const struct io_ops test_dev_io = {.read = test_dev_read, .write = test_dev_write};

static inline void test_dev_function_reset(struct pci_dev *dev, unsigned kind)
{
	container_of(dev, struct test_dev, pci)->function_resets++;
}

static inline bool test_dev_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x1234,
					   .device = 0x5678,
					   .subsystem_vendor = 0xaaaa,
					   .subsystem = 0xbbbb,
					   .revision = 7,
					   .class_code = 0x058000};
	static const struct pcie_link link = {.speed = 6, .width = 8, .flr = true};
	struct test_dev *t = container_of(dev, struct test_dev, pci.dev);

	if (!pci_dev_init(&t->pci, &ids, env, err))
		return false;
	t->pci.function_reset = test_dev_function_reset;
	if (t->io)
		pci_bar_add_io(&t->pci, 0, t->bar_bytes, &test_dev_io, t);
	else
		pci_bar_add(&t->pci, 0, t->bar_bytes, t->is_64, false, &test_dev_io, t);
	pci_express_add(&t->pci, 0, PCIE_ENDPOINT, &link);
	pci_msix_add(&t->pci, 0, 4, 4, 0x1000, 0, 0x800);
	pci_pm_add(&t->pci, 0);
	pci_intx_add(&t->pci);
	pci_aer_add(&t->pci, 0, false);
	pci_dsn_add(&t->pci, 0, 0x1122334455667788);
	pci_dvsec_add(&t->pci, 0x1e98, 2, 9, 0, 0x20, NULL, 0);
	return true;
}

static inline void test_dev_reset(struct dev *dev, unsigned kind)
{
	pci_dev_reset(container_of(dev, struct pci_dev, dev), kind);
}

static inline void test_dev_destroy(struct dev *dev)
{
	pci_dev_fini(container_of(dev, struct pci_dev, dev));
}

static const struct dev_class test_dev_class = {
	.name = "test-dev",
	.doc = "test function",
	.size = sizeof(struct test_dev),
	.plugs = BUS_PCIE,
	.props = (const struct prop[]){PROP_SIZE("bar", struct test_dev, bar_bytes, 0x1000, "bytes"),
				       PROP_BOOL("is64", struct test_dev, is_64, 0, "64-bit BAR"),
				       PROP_BOOL("io", struct test_dev, io, 0, "I/O BAR"),
				       {}},
	.common = pci_dev_props,
	.create = test_dev_create,
	.reset = test_dev_reset,
	.destroy = test_dev_destroy,
};

#endif
