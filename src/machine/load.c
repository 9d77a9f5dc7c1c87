/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start without firmware (design D4): files are read once; at every machine reset the kernel, the initrd, the
 * device tree and - for a Linux Image with ACPI - the EFI tables are placed in RAM anew. Also the far side of the EFI
 * runtime stubs' HVC. With firmware it is the firmware that gets the files, and only the device tree is placed
 * (firmware.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/trace.h"
#include "boot/boot.h"
#include "machine/facts.h"
#include "machine/firmware.h"

struct loader {
	struct kernel kernel;
	struct initrd initrd;
	u8 *user_dtb;
	u64 user_dtb_size;
	bool efi, firmware;
	struct acpi_blob acpi;
	struct boot_plan *plan;
	unsigned regions; /* that it tells of */
	struct efi_runtime *runtime;
};

static u64 wall_clock_ns(void *opaque)
{
	struct machine *m = opaque;

	return pl031_now_s(m->rtc) * 1000000000ull + loop_now(m->loop) % 1000000000ull;
}

static void efi_system_off(void *opaque)
{
	machine_shutdown_request(opaque, CAUSE_GUEST_SHUTDOWN);
}

static void efi_system_reset(void *opaque)
{
	machine_reset_request(opaque, CAUSE_GUEST_RESET);
}

static bool read_files(struct machine *m, struct loader *l, struct error *err)
{
	const struct machine_config *c = &m->config;

	if (!c->kernel) {
		if (c->initrd)
			return fail(err, "-initrd %s: needs -kernel", c->initrd);
		if (c->append)
			return fail(err, "-append: needs -kernel");
		if (!l->firmware)
			return fail(
				err,
				"-kernel: nothing to run; name a kernel with -kernel FILE ('make demo' fetches one), or add -S for a debugger to load it");
	}
	if (c->kernel && !kernel_load(c->kernel, l->firmware || !c->acpi, &l->kernel, err))
		return false;
	if (c->initrd && !initrd_load(c->initrd, c->ram_size, &l->initrd, err))
		return false;
	if (c->dtb && !file_read_all(c->dtb, 1 * MiB, &l->user_dtb, &l->user_dtb_size, err))
		return fail_context(err, "-dtb");
	l->efi = !l->firmware && c->acpi && !c->dtb && l->kernel.kind == KERNEL_IMAGE;
	return true;
}

static unsigned region_count(struct machine *m)
{
	return m->cxl ? cxl_host_region_count(m->cxl) : 0;
}

static bool soft_regions(struct machine *m, const struct loader *l, struct boot_plan_config *config, struct error *err)
{
	for (unsigned i = 0; i < region_count(m); i++) {
		const struct cxl_boot_region *r = cxl_host_region(m->cxl, i);

		if (r->as == CXL_AS_NONE)
			continue;
		if (!l->efi)
			return fail(
				err,
				"-cxl-region as=%s: needs a Linux Image with ACPI, which reads the EFI memory map; use as=none",
				r->as == CXL_AS_DAX ? "dax" : "system-ram");
		config->soft[config->soft_count].base = r->base;
		config->soft[config->soft_count].size = r->size;
		config->soft[config->soft_count++].as = r->as == CXL_AS_DAX ? BOOT_SPECIFIC_PURPOSE : BOOT_SYSTEM_RAM;
	}
	return true;
}

static bool make_plan(struct machine *m, struct loader *l, struct error *err)
{
	struct boot_plan_config *config = calloc(1, sizeof(*config));
	struct acpi_config *facts = calloc(1, sizeof(*facts));
	bool ok = true;

	if (!config || !facts) {
		free(config);
		free(facts);
		return fail(err, "out of memory");
	}
	config->kernel = &l->kernel;
	config->initrd = &l->initrd;
	config->efi = l->efi;
	facts_boot(m, config);
	l->regions = region_count(m);
	ok = ok && soft_regions(m, l, config, err);
	if (ok && l->efi) {
		ok = facts_acpi(m, facts, err) && acpi_build(facts, &l->acpi, err);
		config->acpi_size = l->acpi.size;
	}
	ok = ok && boot_plan_create(config, &l->plan, err);
	if (ok && l->efi)
		acpi_place(&l->acpi, boot_plan_facts(l->plan).acpi_pa);
	free(config);
	free(facts);
	return ok;
}

bool loader_create(struct machine *m, struct error *err)
{
	struct loader *l = calloc(1, sizeof(*l));
	struct efi_runtime_config runtime = {wall_clock_ns, efi_system_off, efi_system_reset, m};

	if (!l)
		return fail(err, "out of memory");
	m->loader = l;
	l->firmware = firmware_is_wanted(m);
	if (l->firmware)
		return read_files(m, l, err) && firmware_create(m, &l->kernel, &l->initrd, err);
	l->runtime = efi_runtime_create(&runtime);
	if (!l->runtime)
		return fail(err, "out of memory");
	return read_files(m, l, err) && make_plan(m, l, err);
}

static bool make_dtb(struct machine *m, u8 **dtb, size_t *size, struct error *err)
{
	struct loader *l = m->loader;
	struct boot_plan_facts facts = l->plan ? boot_plan_facts(l->plan) : (struct boot_plan_facts){0};
	struct fdt_chosen chosen = {.bootargs = m->config.append,
				    .initrd_start = facts.initrd_start,
				    .initrd_end = facts.initrd_end,
				    .has_seeds = true};
	struct fdt_config *config;
	bool ok;

	if (loop_is_instruction_time(m->loop)) {
		/* The same run twice is the same run: seeds are fixed. */
		memset(chosen.rng_seed, 0x5a, sizeof(chosen.rng_seed));
		chosen.kaslr_seed = 0x0123456789abcdef;
	} else {
		host_random(chosen.rng_seed, sizeof(chosen.rng_seed));
		host_random(&chosen.kaslr_seed, sizeof(chosen.kaslr_seed));
	}
	if (l->firmware)
		chosen.bootargs = NULL; /* firmware's to hand over */
	/* Who dumps it wants the whole, also of a machine that starts with ACPI. */
	if (l->efi && !m->config.dumpdtb) {
		chosen.efi_system_table = facts.system_table_pa;
		chosen.efi_mmap_start = facts.mmap_pa;
		chosen.efi_mmap_size = facts.mmap_size;
		chosen.efi_desc_size = facts.desc_size;
		chosen.efi_desc_ver = facts.desc_ver;
		chosen.efi_secure_boot = 2;
		return fdt_build_efi(&chosen, dtb, size, err);
	}
	config = calloc(1, sizeof(*config));
	if (!config)
		return fail(err, "out of memory");
	facts_fdt(m, config);
	config->chosen = chosen;
	if (l->user_dtb)
		ok = fdt_amend(l->user_dtb, l->user_dtb_size, config, dtb, size, err) ||
		     fail_context(err, "-dtb %s", m->config.dtb);
	else
		ok = fdt_build(config, dtb, size, err);
	free(config);
	return ok;
}

static bool dump_dtb(struct machine *m, const u8 *dtb, size_t size, struct error *err)
{
	return file_write_all(m->config.dumpdtb, dtb, size, err) ||
	       fail_context(err, "-M dumpdtb=%s", m->config.dumpdtb);
}

/* A region that has gone since, with a device of it, is not to be told of as memory. */
static bool plan_again(struct machine *m, struct loader *l, struct error *err)
{
	if (!l->plan || l->regions == region_count(m))
		return true;
	boot_plan_destroy(l->plan);
	l->plan = NULL;
	acpi_blob_free(&l->acpi);
	return make_plan(m, l, err);
}

bool loader_place(struct machine *m, u64 *entry, u64 *x0, struct error *err)
{
	struct loader *l = m->loader;
	struct boot_writer writer = boot_writer_space(m->space);
	struct boot_plan_facts facts;
	u8 *dtb = NULL;
	size_t size = 0;
	bool ok = plan_again(m, l, err) && make_dtb(m, &dtb, &size, err);

	facts = l->plan ? boot_plan_facts(l->plan) : (struct boot_plan_facts){0};
	if (ok && m->config.dumpdtb && !m->dumped_dtb) {
		m->dumped_dtb = true;
		ok = dump_dtb(m, dtb, size, err);
	}
	if (l->firmware) {
		ok = ok && firmware_place(m, dtb, size, entry, x0, err);
		free(dtb);
		return ok;
	}
	efi_runtime_reset(l->runtime);
	ok = ok && boot_plan_write(l->plan, &writer, l->acpi.data, l->acpi.size, dtb, size, err);
	free(dtb);
	if (m->config.no_reboot) { /* there will be no other reset */
		free(l->kernel.data);
		free(l->initrd.data);
		l->kernel.data = l->initrd.data = NULL;
	}
	*entry = facts.entry;
	*x0 = facts.dtb_pa;
	return ok;
}

struct boot_range loader_free(struct machine *m)
{
	const u64 half = m->config.ram_size / 2;

	return m->loader->plan ? boot_plan_free(m->loader->plan) :
				 (struct boot_range){memory_map[MAP_RAM].base + half, half};
}

static bool guest_read(void *opaque, u64 va, void *to, u64 size)
{
	return cpu_guest_read(opaque, va, to, size);
}

static bool guest_write(void *opaque, u64 va, const void *from, u64 size)
{
	return cpu_guest_write(opaque, va, from, size);
}

bool loader_hypercall(struct machine *m, struct cpu *cpu, u16 imm, u64 x[8])
{
	struct efi_guest guest = {guest_read, guest_write, cpu};

	return m->loader && m->loader->efi && efi_runtime_call(m->loader->runtime, &guest, imm, x);
}

void loader_destroy(struct machine *m)
{
	struct loader *l = m->loader;

	if (!l)
		return;
	if (l->plan)
		boot_plan_destroy(l->plan);
	if (l->runtime)
		efi_runtime_destroy(l->runtime);
	acpi_blob_free(&l->acpi);
	kernel_free(&l->kernel);
	initrd_free(&l->initrd);
	free(l->user_dtb);
	free(l);
	m->loader = NULL;
}
