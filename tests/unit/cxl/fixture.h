/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine of nothing but a space, a PCI host and CXL, for the tests of this room. */
#ifndef TESTS_CXL_FIXTURE_H
#define TESTS_CXL_FIXTURE_H

#include "mem/reg.h"
#include "check.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define REGS_BASE 0x4004000000ull
#define WINDOWS_BASE 0x10000000000ull

struct machine {
	struct loop *loop;
	struct space *space;
	struct pci_host *pci;
	struct cxl_host *cxl;
	struct dev *devs[128];
	unsigned count;
	struct error err;
};

struct cxl_host *machine_cxl_host(struct machine *m)
{
	return m->cxl;
}

struct pci_host *machine_pci_host(struct machine *m)
{
	return m->pci;
}

static inline struct dev *fixture_find(struct machine *m, const char *id)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->devs[i]->id && !strcmp(m->devs[i]->id, id))
			return m->devs[i];
	return NULL;
}

static inline void fixture_open(struct machine *m)
{
	struct pci_host_config pci = {.ecam_base = 0x4010000000,
				      .ecam_size = 256 * MiB,
				      .mmio32_base = 0x10000000,
				      .mmio32_size = 0x20000000,
				      .mmio64_base = 0x8000000000,
				      .mmio64_size = 512 * GiB};
	struct cxl_host_config cxl = {
		.regs_base = REGS_BASE, .windows_base = WINDOWS_BASE, .address_limit = 1ull << 48};

	memset(m, 0, sizeof(*m));
	m->loop = loop_create(true, &m->err);
	assert_non_null(m->loop);
	m->space = space_create(m->loop);
	loop_lock(m->loop);
	pci.loop = cxl.loop = m->loop;
	pci.space = cxl.space = m->space;
	m->pci = pci_host_create(&pci, &m->err);
	assert_non_null(m->pci);
	cxl.pci = m->pci;
	m->cxl = cxl_host_create(&cxl, &m->err);
	assert_non_null(m->cxl);
}

/* Makes a device or object from "key=value,..."; false: refused, m->err says why. */
static inline bool fixture_try(struct machine *m, const struct dev_class *cls, const char *text)
{
	struct dev_env env = {.loop = m->loop, .space = m->space, .machine = m, .find = fixture_find};
	struct dev *dev = dev_new(cls);
	struct opts *opts = calloc(1, sizeof(*opts));
	const char *bus;
	bool ok;

	m->devs[m->count++] = dev;
	m->err.text[0] = 0;
	ok = opts_parse(opts, text, NULL, &m->err);
	bus = ok ? opts_get(opts, "bus") : NULL;
	if (cls->plugs != BUS_OBJECT)
		env.bus = &pci_host_root(m->pci)->bus.bus;
	if (bus && fixture_find(m, bus))
		env.bus = fixture_find(m, bus)->cls->bus(fixture_find(m, bus));
	ok = ok && dev_set_all(dev, opts, &env, &m->err) && dev_create(dev, &env, &m->err);
	opts_free(opts);
	free(opts);
	return ok;
}

static inline void fixture_add(struct machine *m, const struct dev_class *cls, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!fixture_try(m, cls, text))
		fail_msg("%s: %s", text, m->err.text);
}

static inline bool fixture_option(struct machine *m, const char *text,
				  bool (*take)(struct cxl_host *host, struct opts *opts, struct error *err))
{
	struct opts *opts = calloc(1, sizeof(*opts));
	bool ok;

	m->err.text[0] = 0;
	ok = opts_parse(opts, text, NULL, &m->err) && take(m->cxl, opts, &m->err);
	opts_free(opts);
	free(opts);
	return ok;
}

static inline bool fixture_settle(struct machine *m)
{
	m->err.text[0] = 0;
	return pci_host_settle(m->pci, &m->err) && cxl_host_settle(m->cxl, &m->err);
}

/* As the machine does it. */
static inline void fixture_reset(struct machine *m, unsigned kind)
{
	space_begin(m->space);
	for (unsigned i = 0; i < m->count; i++)
		if (m->devs[i]->cls->reset)
			m->devs[i]->cls->reset(m->devs[i], kind);
	cxl_host_reset(m->cxl);
	space_end(m->space);
}

static inline struct cxl_type3 *fixture_type3(struct machine *m, const char *id)
{
	struct dev *dev = fixture_find(m, id);

	assert_non_null(dev);
	assert_ptr_equal(dev->cls, &cxl_type3_class);
	return (struct cxl_type3 *)dev;
}

/* What has been described is whole, and starts. */
static inline void fixture_power_on(struct machine *m)
{
	if (!fixture_settle(m))
		fail_msg("%s", m->err.text);
	fixture_reset(m, RESET_COLD);
}

/* A bridge hb0 (there, or made here) with a root port rp0 (`port`: more of its options), and below it mem0: 256 MiB
 * volatile, `persistent` MiB persistent, labels. */
static inline struct cxl_type3 *fixture_one_device_below(struct machine *m, const char *port, unsigned persistent,
							 const char *more)
{
	fixture_add(m, &cxl_rp_class, "id=rp0,bus=hb0%s", port);
	fixture_add(m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(m, &memory_backend_ram_class, "id=p,size=%uM", persistent);
	fixture_add(m, &memory_backend_ram_class, "id=l,size=128K");
	fixture_add(m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v,persistent-memdev=p,lsa=l%s", more);
	fixture_power_on(m);
	return fixture_type3(m, "mem0");
}

static inline struct cxl_type3 *fixture_one_device(struct machine *m, const char *port, unsigned persistent,
						   const char *more)
{
	fixture_add(m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	return fixture_one_device_below(m, port, persistent, more);
}

/* Root port rp0, switch us0, its downstream port ds0, below it mem0 with 256 MiB. */
static inline struct cxl_type3 *fixture_switched_device(struct machine *m)
{
	fixture_add(m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(m, &cxl_upstream_class, "id=us0,bus=rp0");
	fixture_add(m, &cxl_downstream_class, "id=ds0,bus=us0");
	fixture_add(m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(m, &cxl_type3_class, "id=mem0,bus=ds0,volatile-memdev=v");
	fixture_power_on(m);
	return fixture_type3(m, "mem0");
}

static inline void fixture_close(struct machine *m)
{
	while (m->count)
		dev_destroy(m->devs[--m->count]);
	cxl_host_destroy(m->cxl);
	pci_host_destroy(m->pci);
	loop_unlock(m->loop);
	space_destroy(m->space);
	loop_destroy(m->loop);
}

/* Four-byte component register access as the guest does it. */
static inline u32 component_get(struct cxl_component *comp, u32 offset)
{
	u64 value = 0;

	assert_int_equal(component_io.read(comp, COMPONENT_CACHE_MEM + offset, 4, &value), MEM_OK);
	return value;
}

static inline void component_set(struct cxl_component *comp, u32 offset, u32 value)
{
	assert_int_equal(component_io.write(comp, COMPONENT_CACHE_MEM + offset, 4, value), MEM_OK);
}

/* Programs a decoder; returns its control register. */
static inline u32 program(struct cxl_component *comp, unsigned i, u64 base, u64 size, unsigned iw, unsigned ig,
			  u64 targets_or_skip, u32 more)
{
	u32 at = AT_HDM + i * HDM_STRIDE;

	component_set(comp, at + HDM_BASE_LO, (u32)base);
	component_set(comp, at + HDM_BASE_HI, base >> 32);
	component_set(comp, at + HDM_SIZE_LO, (u32)size);
	component_set(comp, at + HDM_SIZE_HI, size >> 32);
	component_set(comp, at + HDM_TARGETS_LO, (u32)targets_or_skip);
	component_set(comp, at + HDM_TARGETS_HI, targets_or_skip >> 32);
	component_set(comp, at + HDM_CTRL, ig | iw << 4 | HDM_CTRL_COMMIT | HDM_CTRL_TARGET_HOST_ONLY | more);
	return component_get(comp, at + HDM_CTRL);
}

static inline void enable_mem(struct cxl_type3 *dev, bool on)
{
	u32 ctrl = dev->dvsec_device + DVSEC_DEVICE_CTRL;

	component_set(&dev->comp, AT_HDM + HDM_GLOBAL_CTRL, on ? HDM_GLOBAL_ENABLE : 0);
	pci_config_write(&dev->pci, ctrl, 2, on ? 6 : 2);
}

#endif
