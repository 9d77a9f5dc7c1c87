/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The `virt` machine: parts made and wired, reset, run. The main thread runs the event loop; vCPUs have threads of
 * their own. A guest's power-off or reset is asked for by a vCPU and carried out in the event loop (run.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "jit/jit.h"
#include "machine/firmware.h"
#include "virtio/virtio.h"

static void system_off(void *opaque)
{
	machine_shutdown_request(opaque, CAUSE_GUEST_SHUTDOWN);
}

static void system_reset(void *opaque)
{
	machine_reset_request(opaque, CAUSE_GUEST_RESET);
}

static void core_reset(void *opaque, unsigned index)
{
	gic_core_reset(((struct machine *)opaque)->gic, index);
}

static bool hypercall(void *opaque, struct cpu *cpu, u16 imm, u64 x[8])
{
	return loader_hypercall(opaque, cpu, imm, x);
}

static void quit_by_key(void *opaque)
{
	machine_shutdown_request(opaque, CAUSE_HOST_UI);
}

static void quit_by_signal(void *opaque)
{
	machine_shutdown_request(opaque, CAUSE_HOST_SIGNAL);
}

static bool create_cpus(struct machine *m, struct error *err)
{
	struct cpus_config config = {.count = m->config.cpu_count,
				     .model = m->config.cpu_model,
				     .loop = m->loop,
				     .space = m->space,
				     .system_off = system_off,
				     .system_reset = system_reset,
				     .core_reset = core_reset,
				     .hypercall = hypercall,
				     .poison_consumed = machine_poison_consumed,
				     .opaque = m,
				     .quantum_insns = MAX(20000u >> m->config.icount_shift, 1000u),
				     .icount_shift = m->config.icount_shift,
				     .state_from = m->config.state_from,
				     .state_chunk = m->config.state_chunk,
				     .engine_cache = m->config.jit_cache,
				     .engine_switches = m->config.jit_switches,
				     .stress_tlb = m->config.stress_tlb,
				     .stress_poll = m->config.stress_poll,
				     .semihost = m->config.semihosting ? machine_semihost : NULL,
				     .semihost_el0 = m->config.semihosting_el0};
	static const enum jit_limit limits[] = {
		[HOST_ALL] = JIT_ALL, [HOST_AVX512] = JIT_AVX512, [HOST_AVX2] = JIT_AVX2, [HOST_SSE42] = JIT_SSE42};

	struct error why = {0};

	if (m->config.engine != ENGINE_INTERP &&
	    !(config.engine = jit_engine_limited(limits[m->config.jit_host], &why)) && m->config.engine == ENGINE_JIT)
		return fail(err, "%s", why.text);
	m->cpus = cpus_create(&config, &why);
	if (!m->cpus && config.engine && m->config.engine == ENGINE_BEST) {
		/* Nobody asked for the translator: without it all is the same, but slower. */
		struct error engine = why;

		config.engine = NULL;
		m->cpus = cpus_create(&config, &why);
		if (m->cpus)
			fprintf(stderr, "cxlvm: %s; the interpreter runs\n", engine.text);
	}
	if (!m->cpus)
		return fail(err, "%s", why.text);
	space_set_still(m->space, &cpus_still, m->cpus);
	return true;
}

static bool create_gic(struct machine *m, struct error *err)
{
	struct gic_config config = {.cpu_count = m->config.cpu_count,
				    .spi_count = SPI_COUNT,
				    .loop = m->loop,
				    .space = m->space,
				    .cpus = m->cpus,
				    .mpidr = cpus_mpidr,
				    .set_irq = cpus_set_irq,
				    .set_fiq = cpus_set_fiq,
				    .set_wake = cpus_set_wake,
				    .its = m->config.its,
				    .dist_base = memory_map[MAP_GICD].base,
				    .redist_base = memory_map[MAP_GICR].base,
				    .redist_size = memory_map[MAP_GICR].size,
				    .its_base = memory_map[MAP_ITS].base};
	static const unsigned ppis[] = {PPI_PMU, PPI_CNTV, PPI_CNTP};
	struct msi_target msi;

	m->gic = gic_create(&config, err);
	if (!m->gic)
		return false;
	gic_map(m->gic);
	for (unsigned cpu = 0; cpu < m->config.cpu_count; cpu++)
		for (unsigned i = 0; i < ARRAY_SIZE(ppis); i++)
			cpus_connect_ppi(m->cpus, cpu, ppis[i], gic_ppi(m->gic, cpu, ppis[i]));
	if (m->config.its) {
		msi = gic_msi_target(m->gic);
		space_set_msi_target(m->space, &msi);
	}
	return true;
}

static void create_smmu(struct machine *m)
{
	struct smmu_config config = {.loop = m->loop,
				     .space = m->space,
				     .base = memory_map[MAP_SMMU].base,
				     .eventq = gic_spi(m->gic, SPI_SMMU),
				     .priq = gic_spi(m->gic, SPI_SMMU + 1),
				     .cmdq_sync = gic_spi(m->gic, SPI_SMMU + 2),
				     .gerror = gic_spi(m->gic, SPI_SMMU + 3)};

	if (m->config.smmu)
		m->smmu = smmu_create(&config);
}

static void create_virtio_slots(struct machine *m)
{
	struct line lines[VIRTIO_SLOTS_MAX];

	for (unsigned i = 0; i < VIRTIO_SLOTS_MAX; i++)
		lines[i] = gic_spi(m->gic, SPI_VIRTIO + i);
	m->virtio_slots = virtio_mmio_create(m->space, memory_map[MAP_VIRTIO].base, VIRTIO_SLOTS_MAX, lines,
					     !m->config.virtio_mmio_modern);
}

static bool create_buses(struct machine *m, struct error *err)
{
	struct pci_host_config pci = {.loop = m->loop,
				      .space = m->space,
				      .ecam_base = memory_map[MAP_PCI_ECAM].base,
				      .ecam_size = memory_map[MAP_PCI_ECAM].size,
				      .pio_base = memory_map[MAP_PCI_PIO].base,
				      .mmio32_base = memory_map[MAP_PCI_MMIO].base,
				      .mmio32_size = memory_map[MAP_PCI_MMIO].size,
				      .mmio64_base = memory_map[MAP_PCI_MMIO64].base,
				      .mmio64_size = memory_map[MAP_PCI_MMIO64].size,
				      .bypass_iommu = m->config.bypass_iommu};
	struct cxl_host_config cxl = {.loop = m->loop,
				      .space = m->space,
				      .regs_base = memory_map[MAP_CXL_HOST].base,
				      .windows_base = memory_map[MAP_CXL_WINDOWS].base,
				      .address_limit = 1ull << cpus_pa_bits(m->cpus),
				      .limited_by = m->config.cpu_model};

	create_smmu(m);
	create_virtio_slots(m);
	for (unsigned i = 0; i < 4; i++)
		pci.intx[i] = gic_spi(m->gic, SPI_PCI + i);
	m->pci = pci_host_create(&pci, err);
	if (!m->pci)
		return false;
	machine_hotplug_start(m);
	if (!m->config.cxl)
		return true;
	cxl.pci = m->pci;
	m->cxl_firmware = machine_cxl_firmware(m);
	if (m->config.cxl_firmware_first)
		cxl.firmware = &m->cxl_firmware;
	m->cxl = cxl_host_create(&cxl, err);
	return m->cxl != NULL;
}

static bool open_serial(struct machine *m, unsigned n, struct error *err)
{
	const char *spec = m->config.serial[n];

	/* A second port that leads nowhere is no port, as in QEMU. */
	if (n && (!spec || !strcmp(spec, "none")))
		return true;
	/* Devices are made before character devices are known, so chardev:ID is looked up in machine_finish. */
	if (!strncmp(spec, "chardev:", 8))
		return true;
	/* A stdio user watches for signals, which are told from keys if we do so first. */
	if (strstr(spec, "stdio") && !quit_signals_watch(m->loop, quit_by_signal, m, err))
		return false;
	m->serial[n] = chardev_open(spec, m->loop, quit_by_key, m, err);
	if (m->serial[n])
		chardev_set_escape(m->serial[n], m->config.escape);
	return m->serial[n] || fail_context(err, "-serial %s", spec);
}

static bool create_parts(struct machine *m, struct error *err)
{
	m->loop = loop_create(m->config.instruction_time, err);
	if (!m->loop)
		return false;
	machine_run_init(m);
	m->space = space_create(m->loop);
	m->workers = workers_create(m->config.instruction_time ? 0 : 2, err);
	return m->workers && create_cpus(m, err) && create_gic(m, err) && create_buses(m, err) &&
	       open_serial(m, 0, err) && open_serial(m, 1, err);
}

struct machine *machine_create(const struct machine_config *config, struct error *err)
{
	struct machine *m = calloc(1, sizeof(*m));
	bool ok;

	if (!m) {
		fail(err, "out of memory");
		return NULL;
	}
	m->config = *config;
	m->last_dev = &m->first_dev;
	ok = machine_errors_check(config, err) && create_parts(m, err);
	if (!ok) {
		machine_destroy(m);
		return NULL;
	}
	return m;
}

static bool create_uart(struct machine *m, unsigned n, enum memory_map place, unsigned spi, struct error *err)
{
	const char *spec = m->config.serial[n];

	if (!m->serial[n] && spec && !strncmp(spec, "chardev:", 8)) {
		m->serial[n] = machine_chardev(m, spec + 8);
		if (!m->serial[n])
			return fail(err, "-serial %s: no such character device; describe it with -chardev", spec);
		if (chardev_is_connected(m->serial[n]))
			return fail(err,
				    "-serial %s: this character device serves something else already; describe another",
				    spec);
	}
	if (m->serial[n])
		m->uart[n] =
			pl011_create(m->loop, m->space, memory_map[place].base, gic_spi(m->gic, spi), m->serial[n]);
	return true;
}

static bool create_platform(struct machine *m, struct error *err)
{
	u64 start = m->config.rtc_base_given ? m->config.rtc_base_s : host_realtime_s();

	if (m->config.instruction_time && !m->config.rtc_base_given)
		start = 1767225600; /* 2026-01-01: the same run twice has the same clock */
	if (!m->config.rtc_base_given)
		start += (u64)m->config.rtc_offset_s;
	if (!create_uart(m, 0, MAP_UART, SPI_UART, err) || !create_uart(m, 1, MAP_UART1, SPI_UART1, err) ||
	    !machine_semihost_check(m, err))
		return false;
	m->rtc = pl031_create(m->loop, m->space, memory_map[MAP_RTC].base, gic_spi(m->gic, SPI_RTC), start);
	m->gpio = pl061_create(m->loop, m->space, memory_map[MAP_GPIO].base, gic_spi(m->gic, SPI_GPIO));
	m->ged = ged_create(m->loop, m->space, memory_map[MAP_GED].base, gic_spi(m->gic, SPI_GED), system_off,
			    system_reset, m);
	if (m->config.hha)
		m->hha = hha_create(m->space, memory_map[MAP_HHA].base);
	machine_errors_create(m);
	m->fw_cfg = fw_cfg_create(m->loop, m->space, memory_map[MAP_FW_CFG].base, m->config.cpu_count);
	for (unsigned i = 0; i < m->config.fw_cfg_count; i++)
		if (!fw_cfg_add_file(m->fw_cfg, m->config.fw_cfg[i].name, m->config.fw_cfg[i].data,
				     m->config.fw_cfg[i].size, err))
			return fail_context(err, "-fw_cfg");
	return firmware_flash_create(m, err);
}

static bool windows_check(struct machine *m, struct error *err)
{
	u64 end = 0;

	for (unsigned i = 0; m->cxl && i < cxl_host_window_count(m->cxl); i++) {
		const struct cxl_window *w = cxl_host_window(m->cxl, i);

		end = MAX(end, w->base + w->size);
		if (!memory_map_check_window(i, w->base, w->size, m->config.ram_size, err))
			return false;
	}
	return memory_map_check(m->config.ram_size, end, cpus_pa_bits(m->cpus), m->config.cpu_model, err);
}

/* A machine reset: everything as after power-on, but sticky registers and what persists. vCPUs are paused. */
bool machine_reset(struct machine *m, unsigned kind, struct error *err)
{
	u64 entry, x0;
	bool ok;

	loop_lock(m->loop);
	space_begin(m->space);
	machine_devices_reset(m, kind);
	for (unsigned n = 0; n < MACHINE_SERIALS && m->uart[n]; n++)
		pl011_reset(m->uart[n]);
	pl031_reset(m->rtc);
	pl061_reset(m->gpio);
	ged_reset(m->ged);
	if (m->smmu)
		smmu_reset(m->smmu);
	if (m->hha)
		hha_reset(m->hha);
	if (m->ghes)
		ghes_reset(m->ghes);
	fw_cfg_reset(m->fw_cfg);
	firmware_reset(m);
	gic_reset(m->gic);
	if (m->cxl)
		cxl_host_reset(m->cxl);
	space_end(m->space);
	ok = loader_place(m, &entry, &x0, err);
	if (ok)
		cpus_reset(m->cpus, entry, x0);
	if (m->config.none)
		cpus_park(m->cpus);
	loop_unlock(m->loop);
	return ok;
}

static bool machine_wants_cxl(const struct machine *m)
{
	return m->cxl && (cxl_host_bridge_count(m->cxl) || cxl_host_window_count(m->cxl));
}

bool machine_add_window(struct machine *m, struct opts *opts, struct error *err)
{
	if (!m->cxl)
		return fail(err, "the machine has no CXL because of -M cxl=off; leave that out");
	return cxl_host_add_window_opts(m->cxl, opts, err);
}

bool machine_add_region(struct machine *m, struct opts *opts, struct error *err)
{
	if (!m->cxl)
		return fail(err, "the machine has no CXL because of -M cxl=off; leave that out");
	return cxl_host_add_region(m->cxl, opts, err);
}

bool machine_settle(struct machine *m, struct error *err)
{
	bool ok;

	if (!machine_ram_settle(m, err) ||
	    !memory_map_check(m->config.ram_size, 0, cpus_pa_bits(m->cpus), m->config.cpu_model, err) ||
	    !machine_ram_create(m, err) || !create_platform(m, err))
		return false;
	loop_lock(m->loop);
	ok = pci_host_settle(m->pci, err) && (!m->cxl || cxl_host_settle(m->cxl, err)) && windows_check(m, err) &&
	     space_check(m->space, err);
	loop_unlock(m->loop);
	if (ok && !machine_wants_cxl(m) && m->cxl) {
		cxl_host_destroy(m->cxl);
		m->cxl = NULL;
	}
	return ok;
}

bool machine_finish(struct machine *m, struct error *err)
{
	return machine_settle(m, err) && loader_create(m, err) && machine_reset(m, RESET_COLD, err) &&
	       quit_signals_watch(m->loop, quit_by_signal, m, err);
}

void machine_destroy(struct machine *m)
{
	/* The vCPUs' threads end first: nothing they use may go before them. */
	if (m->cpus)
		cpus_end(m->cpus);
	if (m->workers)
		workers_destroy(m->workers);
	if (m->cxl)
		cxl_host_close(m->cxl);
	loader_destroy(m);
	if (m->loop)
		loop_lock(m->loop);
	machine_devices_destroy(m);
	firmware_destroy(m);
	virtio_mmio_destroy(m->virtio_slots);
	if (m->fw_cfg)
		fw_cfg_destroy(m->fw_cfg);
	hha_destroy(m->hha);
	ghes_destroy(m->ghes);
	if (m->ged)
		ged_destroy(m->ged);
	pl061_destroy(m->gpio);
	if (m->rtc)
		pl031_destroy(m->rtc);
	for (unsigned n = 0; n < MACHINE_SERIALS; n++)
		if (m->uart[n])
			pl011_destroy(m->uart[n]);
	if (m->cxl)
		cxl_host_destroy(m->cxl);
	if (m->pci)
		pci_host_destroy(m->pci);
	smmu_destroy(m->smmu);
	if (m->gic)
		gic_destroy(m->gic);
	if (m->loop)
		loop_unlock(m->loop);
	if (m->cpus)
		cpus_destroy(m->cpus);
	for (unsigned n = 0; n < MACHINE_SERIALS; n++)
		if (m->serial[n] && strncmp(m->config.serial[n], "chardev:", 8))
			chardev_close(m->serial[n]);
	machine_netdevs_close(m);
	machine_fsdevs_close(m);
	machine_chardevs_close(m);
	machine_ram_destroy(m);
	if (m->space)
		space_destroy(m->space);
	if (m->loop)
		loop_destroy(m->loop);
	free(m);
}
