/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/facts.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "machine/numa.h"
#include "virtio/virtio.h"

static unsigned threads_of_core(const struct machine_config *c)
{
	return c->threads ? c->threads : 1;
}

/* By -smp; all are cores of one socket by default. */
static unsigned cores_of_socket(const struct machine_config *c)
{
	unsigned sockets = c->sockets ? c->sockets : 1;

	return c->cores ? c->cores : MAX(c->cpu_count / (sockets * threads_of_core(c)), 1u);
}

void machine_place_cpu(const struct machine_config *c, unsigned index, struct acpi_cpu *cpu)
{
	unsigned threads = threads_of_core(c), cores = cores_of_socket(c);

	cpu->mpidr = cpus_mpidr(index);
	cpu->thread = index % threads;
	cpu->core = index / threads % cores;
	cpu->socket = index / threads / cores;
}

/* With several domains a root without one makes Linux complain, so the first node's is told: the bridges hang at its
 * CPUs. */
static u32 node_of_root(const struct machine *m, const struct pci_root *root)
{
	return root->numa_node != PCI_NO_NODE ? root->numa_node : machine_node_of_cpu(&m->config, 0);
}

static bool acpi_roots(struct machine *m, struct acpi_config *a, u32 *next_node, struct error *err)
{
	struct root_slice slices[ACPI_ROOTS_MAX] = {0};
	unsigned i = 0;

	a->root_count = root_count(m);
	if (!partition_roots(m, slices, a->root_count, err))
		return false;
	for (struct pci_root *root = pci_host_root(m->pci); root; root = root->next, i++) {
		struct acpi_root *r = &a->roots[i];

		*r = (struct acpi_root){.uid = root->uid,
					.bus_first = root->base,
					.bus_last = root->last,
					.is_cxl = root->is_cxl,
					.bypass_iommu = root->bypass_iommu,
					.node = node_of_root(m, root),
					.port_node = ACPI_NO_NODE,
					.memory_count = 2,
					.memory = {{slices[i].mmio32_base, slices[i].mmio32_size},
						   {slices[i].mmio64_base, slices[i].mmio64_size}},
					.io = {slices[i].io_base, slices[i].io_size},
					.io_pa = memory_map[MAP_PCI_PIO].base + slices[i].io_base};
		for (unsigned b = 0; m->cxl && b < cxl_host_bridge_count(m->cxl); b++) {
			struct cxl_bridge_facts facts = cxl_host_bridge(m->cxl, b);
			struct cxl_performance p;

			if (facts.root != root)
				continue;
			p = cxl_host_bridge_performance(m->cxl, b);
			r->regs_base = facts.regs_base;
			r->regs_size = facts.regs_size;
			r->port_node = machine_generic_port_node(m, root->pxb ? root->pxb->id : NULL);
			if (r->port_node == MACHINE_NO_NODE)
				r->port_node = (*next_node)++;
			r->port = (struct acpi_performance){p.read_latency_ps, p.write_latency_ps, p.read_mbps,
							    p.write_mbps};
		}
	}
	return true;
}

static u32 uid_of_bridge(struct machine *m, const char *id)
{
	for (unsigned b = 0; b < cxl_host_bridge_count(m->cxl); b++) {
		struct cxl_bridge_facts facts = cxl_host_bridge(m->cxl, b);

		if (facts.root->pxb && facts.root->pxb->id && !strcmp(facts.root->pxb->id, id))
			return facts.uid;
	}
	return 0;
}

static void acpi_cxl(struct machine *m, struct acpi_config *a)
{
	if (!m->cxl)
		return;
	a->window_count = cxl_host_window_count(m->cxl);
	for (unsigned i = 0; i < a->window_count; i++) {
		const struct cxl_window *w = cxl_host_window(m->cxl, i);
		struct cxl_performance p = cxl_host_window_performance(m->cxl, i);
		struct acpi_cxl_window *to = &a->windows[i];

		*to = (struct acpi_cxl_window){
			.base = w->base,
			.size = w->size,
			.granularity = w->granularity,
			.target_count = w->target_count,
			.restrictions = w->restrictions,
			.qtg = w->qtg,
			.xor_arithmetic = w->xor_arithmetic,
			.memory = {p.read_latency_ps, p.write_latency_ps, p.read_mbps, p.write_mbps}};
		memcpy(to->xor_maps, w->xor_maps, sizeof(to->xor_maps));
		for (unsigned t = 0; t < w->target_count; t++)
			to->target_uids[t] = uid_of_bridge(m, w->target_ids[t]);
	}
	a->region_count = cxl_host_region_count(m->cxl);
	for (unsigned i = 0; i < a->region_count; i++) {
		const struct cxl_boot_region *r = cxl_host_region(m->cxl, i);
		struct cxl_performance p = cxl_host_region_performance(m->cxl, i);

		a->regions[i] = (struct acpi_cxl_region){
			.base = r->base,
			.size = r->size,
			.node = r->node,
			.pmem = r->pmem,
			.window = r->window,
			.performance = {p.read_latency_ps, p.write_latency_ps, p.read_mbps, p.write_mbps}};
	}
}

static void acpi_numa(struct machine *m, struct acpi_config *a)
{
	const struct machine_config *c = &m->config;

	for (unsigned i = 0; i < c->node_count; i++)
		a->initiator_of[c->nodes[i].id] = c->nodes[i].initiator;
	memcpy(a->hmat_values, c->hmat_values, sizeof(a->hmat_values));
	a->hmat_value_count = c->hmat_value_count;
	memcpy(a->hmat_caches, c->hmat_caches, sizeof(a->hmat_caches));
	a->hmat_cache_count = c->hmat_cache_count;
	a->generic_initiator_count = machine_generic_initiators(m, a->generic_initiators);
}

/* Linux makes a node for each window that SRAT says nothing of, and counts on from the domains of CPUs and memory. A
 * port there would lend the window its figures: CXL memory faster than DRAM. */
static u32 domains_for_windows(const struct machine *m)
{
	u32 count = m->cxl ? cxl_host_window_count(m->cxl) : 0;
	u32 said = 0;

	for (unsigned i = 0; m->cxl && i < cxl_host_region_count(m->cxl); i++)
		said |= 1u << cxl_host_region(m->cxl, i)->window;
	return count - (u32)__builtin_popcount(said);
}

bool facts_acpi(struct machine *m, struct acpi_config *a, struct error *err)
{
	const struct machine_config *c = &m->config;
	const struct map_entry *map = memory_map;
	u32 next_node = 1;

	memset(a, 0, sizeof(*a));
	for (unsigned i = 0; i < c->node_count; i++)
		next_node = MAX(next_node, c->nodes[i].id + 1);
	for (unsigned i = 0; m->cxl && i < cxl_host_region_count(m->cxl); i++)
		cxl_host_region(m->cxl, i)->node = next_node++;
	a->cpu_count = c->cpu_count;
	for (unsigned i = 0; i < c->cpu_count; i++) {
		machine_place_cpu(c, i, &a->cpus[i]);
		a->cpus[i].node = machine_node_of_cpu(c, i);
	}
	a->has_numa = c->node_count > 0 || (m->cxl && cxl_host_region_count(m->cxl));
	a->memory_count = m->ram_count;
	for (unsigned i = 0; i < m->ram_count; i++)
		a->memories[i] = (struct acpi_memory){m->ram[i].region.base, m->ram[i].region.size, m->ram[i].node};
	/* Firmware lists the flash bank of its variables as cached runtime memory; Linux wants a node for all of that.
	 */
	if (m->flash[0] && a->memory_count < ACPI_MEMORIES_MAX) {
		memmove(&a->memories[1], &a->memories[0], a->memory_count++ * sizeof(a->memories[0]));
		a->memories[0] = (struct acpi_memory){map[MAP_FLASH0].base, map[MAP_FLASH0].size + map[MAP_FLASH1].size,
						      m->ram[0].node};
	}
	for (unsigned i = 0; i < MACHINE_NODES_MAX; i++)
		memcpy(a->distance[i], c->distance[i], sizeof(c->distance[i]));
	a->gicd_base = map[MAP_GICD].base;
	a->gicr_base = map[MAP_GICR].base;
	a->gicr_size = map[MAP_GICR].size;
	a->its_base = map[MAP_ITS].base;
	a->has_its = c->its;
	a->smmu_base = m->smmu ? map[MAP_SMMU].base : 0;
	a->smmu_gsi = 32 + SPI_SMMU;
	a->pmu_intid = PPI_PMU;
	a->timer_virt_intid = PPI_CNTV;
	a->timer_phys_intid = PPI_CNTP;
	a->uart_base = map[MAP_UART].base;
	a->uart_gsi = 32 + SPI_UART;
	a->uart1_base = m->uart[1] ? map[MAP_UART1].base : 0;
	a->uart1_gsi = 32 + SPI_UART1;
	a->rtc_base = map[MAP_RTC].base;
	a->rtc_gsi = 32 + SPI_RTC;
	a->fw_cfg_base = map[MAP_FW_CFG].base;
	a->fw_cfg_size = map[MAP_FW_CFG].size;
	a->virtio_base = map[MAP_VIRTIO].base;
	a->virtio_stride = VIRTIO_SLOT_BYTES;
	a->virtio_count = VIRTIO_SLOTS_MAX;
	a->virtio_gsi = 32 + SPI_VIRTIO;
	a->ged_base = map[MAP_GED].base;
	a->ged_gsi = 32 + SPI_GED;
	a->ged_power_button = GED_POWER_BUTTON;
	if (c->hha) {
		a->hha_base = map[MAP_HHA].base;
		a->hha_size = map[MAP_HHA].size;
	}
	if (m->ghes) {
		a->ged_hardware_error = GED_HARDWARE_ERROR;
		a->errors_base = map[MAP_GHES].base;
		a->errors_size = map[MAP_GHES].size;
		a->error_source_count = GHES_SOURCES;
		for (unsigned i = 0; i < GHES_SOURCES; i++) {
			u64 base = map[MAP_GHES].base + i * GHES_SOURCE_BYTES;

			a->error_sources[i] =
				(struct acpi_error_source){i == GHES_SEA ? ACPI_NOTIFY_SEA : ACPI_NOTIFY_GPIO,
							   base + GHES_ADDRESS, base + GHES_READ_ACK, GHES_BLOCK_BYTES};
		}
		a->cxl_firmware_first = c->cxl_firmware_first;
	}
	a->sleep_control_pa = map[MAP_GED].base + GED_SLEEP_CONTROL;
	a->sleep_status_pa = map[MAP_GED].base + GED_SLEEP_STATUS;
	a->reset_pa = map[MAP_GED].base + GED_RESET;
	a->reset_value = GED_RESET_VALUE;
	a->ecam_base = map[MAP_PCI_ECAM].base;
	a->ecam_bus_last = 255;
	for (unsigned i = 0; i < 4; i++)
		a->pci_intx_gsi[i] = 32 + SPI_PCI + i;
	next_node += domains_for_windows(m);
	if (!acpi_roots(m, a, &next_node, err))
		return false;
	acpi_cxl(m, a);
	acpi_numa(m, a);
	return true;
}

/* The buses whose requesters are behind the SMMU; neighbours make one range. */
static void fdt_smmu_buses(struct machine *m, struct fdt_config *f)
{
	for (const struct pci_root *root = pci_host_root(m->pci); root; root = root->next) {
		struct fdt_buses *before = f->smmu_bus_count ? &f->smmu_buses[f->smmu_bus_count - 1] : NULL;

		if (root->bypass_iommu)
			continue;
		if (before && before->last + 1 == root->base)
			before->last = root->last;
		else
			f->smmu_buses[f->smmu_bus_count++] = (struct fdt_buses){root->base, root->last};
	}
}

void facts_fdt(struct machine *m, struct fdt_config *f)
{
	const struct machine_config *c = &m->config;
	const struct map_entry *map = memory_map;

	memset(f, 0, sizeof(*f));
	f->cpu_count = c->cpu_count;
	for (unsigned i = 0; i < c->cpu_count; i++) {
		struct acpi_cpu place;

		machine_place_cpu(c, i, &place);
		f->cpus[i] = (struct fdt_cpu){place.mpidr, c->node_count ? machine_node_of_cpu(c, i) : FDT_NO_NODE,
					      place.socket, place.core, place.thread};
	}
	if (strcmp(c->cpu_model, "max"))
		snprintf(f->cpu_compatible, sizeof(f->cpu_compatible), "arm,%s", c->cpu_model);
	f->memory_count = m->ram_count;
	for (unsigned i = 0; i < m->ram_count; i++) {
		f->memories[i].base = m->ram[i].region.base;
		f->memories[i].size = m->ram[i].region.size;
		f->memories[i].node = c->node_count ? m->ram[i].node : FDT_NO_NODE;
	}
	/* Firmware hands memory on to the OS as the device tree has it. */
	for (unsigned i = 0; m->flash[0] && m->cxl && i < cxl_host_region_count(m->cxl); i++) {
		const struct cxl_boot_region *r = cxl_host_region(m->cxl, i);

		if (r->as != CXL_AS_SYSTEM_RAM || f->memory_count == FDT_MEMORIES_MAX)
			continue;
		f->memories[f->memory_count].base = r->base;
		f->memories[f->memory_count].size = r->size;
		f->memories[f->memory_count++].node = FDT_NO_NODE;
	}
	if (m->flash[0]) {
		f->flash_base = map[MAP_FLASH0].base;
		f->flash_bank_size = map[MAP_FLASH0].size;
		f->flash_banks = FLASH_BANKS;
	}
	for (unsigned i = 0; i < c->node_count; i++)
		f->nodes |= 1ull << c->nodes[i].id;
	static_assert(sizeof(f->distance) == sizeof(c->distance), "nodes have the same numbers");
	memcpy(f->distance, c->distance, sizeof(f->distance));
	f->gicd_base = map[MAP_GICD].base;
	f->gicd_size = map[MAP_GICD].size;
	f->gicr_base = map[MAP_GICR].base;
	f->gicr_size = map[MAP_GICR].size;
	f->its_base = map[MAP_ITS].base;
	f->its_size = c->its ? map[MAP_ITS].size : 0;
	f->smmu_base = map[MAP_SMMU].base;
	f->smmu_size = m->smmu ? map[MAP_SMMU].size : 0;
	f->smmu_intid = 32 + SPI_SMMU;
	fdt_smmu_buses(m, f);
	f->pmu_intid = PPI_PMU;
	f->timer_phys_intid = PPI_CNTP;
	f->timer_virt_intid = PPI_CNTV;
	f->uart_base = map[MAP_UART].base;
	f->uart_size = map[MAP_UART].size;
	f->uart_intid = 32 + SPI_UART;
	f->uart1_base = map[MAP_UART1].base;
	f->uart1_size = m->uart[1] ? map[MAP_UART1].size : 0;
	f->uart1_intid = 32 + SPI_UART1;
	f->rtc_base = map[MAP_RTC].base;
	f->rtc_size = map[MAP_RTC].size;
	f->rtc_intid = 32 + SPI_RTC;
	f->gpio_base = map[MAP_GPIO].base;
	f->gpio_size = map[MAP_GPIO].size;
	f->gpio_intid = 32 + SPI_GPIO;
	f->gpio_power_button = PL061_POWER_BUTTON;
	f->fw_cfg_base = map[MAP_FW_CFG].base;
	f->fw_cfg_size = map[MAP_FW_CFG].size;
	f->virtio_base = map[MAP_VIRTIO].base;
	f->virtio_stride = VIRTIO_SLOT_BYTES;
	f->virtio_count = VIRTIO_SLOTS_MAX;
	f->virtio_intid = 32 + SPI_VIRTIO;
	f->ecam_base = map[MAP_PCI_ECAM].base;
	f->ecam_size = map[MAP_PCI_ECAM].size;
	f->bus_last = 255;
	f->pio_base = map[MAP_PCI_PIO].base;
	f->pio_size = map[MAP_PCI_PIO].size;
	f->mmio32_base = map[MAP_PCI_MMIO].base;
	f->mmio32_size = map[MAP_PCI_MMIO].size;
	f->mmio64_base = map[MAP_PCI_MMIO64].base;
	f->mmio64_size = map[MAP_PCI_MMIO64].size;
	for (unsigned i = 0; i < 4; i++)
		f->pci_intx_intid[i] = 32 + SPI_PCI + i;
}

void facts_boot(struct machine *m, struct boot_plan_config *b)
{
	const struct machine_config *c = &m->config;

	b->cpu_count = c->cpu_count;
	b->cores = cores_of_socket(c);
	b->threads = threads_of_core(c);
	b->midr = cpus_midr(m->cpus);
	b->words = c->smbios;
	memcpy(b->uuid, c->uuid, sizeof(b->uuid));
	b->ram_size = c->ram_size;
	static_assert(ARRAY_SIZE(m->ram) <= ARRAY_SIZE(b->ram), "every part of RAM has its range");
	for (unsigned i = 0; i < m->ram_count; i++)
		b->ram[b->ram_count++] = (struct boot_range){m->ram[i].region.base, m->ram[i].region.size};
}
