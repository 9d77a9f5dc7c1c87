/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The complete `virt` tree. Its readers are stock ArmVirtQemu firmware (memory, GIC, timer, PL011, PL031, flash,
 * fw_cfg, PCI, PSCI conduit) and Linux without ACPI. Node and property names are those of the kernel's bindings.
 * [Devicetree Specification 0.4]
 */
#include "fdt/fdt_private.h"

#include <stdio.h>
#include <string.h>

enum { PHANDLE_GIC = 1, PHANDLE_ITS = 2, PHANDLE_CLOCK = 3, PHANDLE_SMMU = 4, PHANDLE_GPIO = 5, PHANDLE_CPU = 0x100 };
enum { GIC_SPI = 0, GIC_PPI = 1 };
enum { IRQ_EDGE_RISING = 1, IRQ_LEVEL_HIGH = 4 };
enum { TREE_BYTES = 128 * 1024 };

static u32 spi(u32 intid)
{
	return intid - 32;
}

static u32 ppi(u32 intid)
{
	return intid - 16;
}

static void put_reg(struct tree *tree, u64 base, u64 size)
{
	prop_list(tree, "reg", CELLS64(base), CELLS64(size));
}

static void node_begin_number(struct tree *tree, const char *name, u32 number)
{
	char full[16];

	snprintf(full, sizeof(full), "%s%u", name, number);
	node_begin(tree, full);
}

/* Sockets, cores and threads; a socket is one cluster. [kernel binding cpu/cpu-topology.txt] */
static void put_cpu_map(const struct fdt_config *config, struct tree *tree)
{
	u32 sockets = 0, cores = 0;
	bool has_threads = false;

	for (unsigned i = 0; i < config->cpu_count; i++)
		has_threads |= config->cpus[i].thread != 0;
	node_begin(tree, "cpu-map");
	for (unsigned i = 0; i < config->cpu_count; i++) {
		const struct fdt_cpu *cpu = &config->cpus[i], *before = i ? cpu - 1 : NULL;
		bool new_socket = !before || before->socket != cpu->socket;
		bool new_core = new_socket || before->core != cpu->core;

		if (before && new_core)
			node_end(tree);
		if (before && new_socket) {
			node_end(tree);
			node_end(tree);
		}
		if (new_socket) {
			node_begin_number(tree, "socket", sockets++);
			node_begin(tree, "cluster0");
			cores = 0;
		}
		if (new_core)
			node_begin_number(tree, "core", cores++);
		if (has_threads)
			node_begin_number(tree, "thread", cpu->thread);
		prop_u32(tree, "cpu", PHANDLE_CPU + i);
		if (has_threads)
			node_end(tree);
	}
	for (unsigned open = 0; open < 4; open++) /* core, cluster, socket, map */
		node_end(tree);
}

static void put_cpus(const struct fdt_config *config, struct tree *tree)
{
	bool wide = false;
	unsigned i;

	for (i = 0; i < config->cpu_count; i++)
		wide |= config->cpus[i].mpidr >> 32 != 0;
	node_begin(tree, "cpus");
	prop_u32(tree, "#address-cells", wide ? 2 : 1);
	prop_u32(tree, "#size-cells", 0);
	for (i = 0; i < config->cpu_count; i++) {
		node_begin_at(tree, "cpu", config->cpus[i].mpidr);
		prop_string(tree, "device_type", "cpu");
		prop_string(tree, "compatible", config->cpu_compatible[0] ? config->cpu_compatible : "arm,armv8");
		prop_string(tree, "enable-method", "psci");
		if (wide)
			prop_u64(tree, "reg", config->cpus[i].mpidr);
		else
			prop_u32(tree, "reg", (u32)config->cpus[i].mpidr);
		if (config->nodes && config->cpus[i].node != FDT_NO_NODE)
			prop_u32(tree, "numa-node-id", config->cpus[i].node);
		prop_u32(tree, "phandle", PHANDLE_CPU + i);
		node_end(tree);
	}
	put_cpu_map(config, tree);
	node_end(tree);
}

static void put_memory(const struct fdt_config *config, struct tree *tree)
{
	unsigned i;

	for (i = 0; i < config->memory_count; i++) {
		node_begin_at(tree, "memory", config->memories[i].base);
		prop_string(tree, "device_type", "memory");
		put_reg(tree, config->memories[i].base, config->memories[i].size);
		if (config->nodes && config->memories[i].node != FDT_NO_NODE)
			prop_u32(tree, "numa-node-id", config->memories[i].node);
		node_end(tree);
	}
}

static void put_distances(const struct fdt_config *config, struct tree *tree)
{
	u32 cells[3 * FDT_NODES_MAX * FDT_NODES_MAX];
	u32 n = 0, from, to;

	for (from = 0; from < FDT_NODES_MAX; from++)
		for (to = 0; to < FDT_NODES_MAX; to++) {
			u8 d = config->distance[from][to];

			if (!(config->nodes >> from & config->nodes >> to & 1))
				continue;
			cells[n++] = from;
			cells[n++] = to;
			cells[n++] = from == to ? 10 : d > 10 ? d : 20;
		}
	node_begin(tree, "distance-map");
	prop_string(tree, "compatible", "numa-distance-map-v1");
	prop_cells(tree, "distance-matrix", cells, n);
	node_end(tree);
}

static void put_psci_and_timers(const struct fdt_config *config, struct tree *tree)
{
	node_begin(tree, "psci");
	prop_strings(tree, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
	prop_string(tree, "method", "hvc");
	prop_u32(tree, "cpu_suspend", 0xc4000001);
	prop_u32(tree, "cpu_off", 0x84000002);
	prop_u32(tree, "cpu_on", 0xc4000003);
	prop_u32(tree, "migrate", 0xc4000005);
	node_end(tree);

	/* Order of the binding: secure, EL1 physical, virtual, EL2; the first and last are names only. */
	node_begin(tree, "timer");
	prop_strings(tree, "compatible", "arm,armv8-timer\0arm,armv7-timer");
	prop_empty(tree, "always-on");
	prop_list(tree, "interrupts", GIC_PPI, 13, IRQ_LEVEL_HIGH, GIC_PPI, ppi(config->timer_phys_intid),
		  IRQ_LEVEL_HIGH, GIC_PPI, ppi(config->timer_virt_intid), IRQ_LEVEL_HIGH, GIC_PPI, 10, IRQ_LEVEL_HIGH);
	node_end(tree);

	if (config->pmu_intid) {
		node_begin(tree, "pmu");
		prop_string(tree, "compatible", "arm,armv8-pmuv3");
		prop_list(tree, "interrupts", GIC_PPI, ppi(config->pmu_intid), IRQ_LEVEL_HIGH);
		node_end(tree);
	}
}

static void put_gic(const struct fdt_config *config, struct tree *tree)
{
	node_begin_at(tree, "intc", config->gicd_base);
	prop_string(tree, "compatible", "arm,gic-v3");
	prop_u32(tree, "#interrupt-cells", 3);
	prop_empty(tree, "interrupt-controller");
	prop_u32(tree, "#address-cells", 2);
	prop_u32(tree, "#size-cells", 2);
	prop_empty(tree, "ranges");
	prop_u32(tree, "#redistributor-regions", config->gicr2_size ? 2 : 1);
	if (config->gicr2_size)
		prop_list(tree, "reg", CELLS64(config->gicd_base), CELLS64(config->gicd_size),
			  CELLS64(config->gicr_base), CELLS64(config->gicr_size), CELLS64(config->gicr2_base),
			  CELLS64(config->gicr2_size));
	else
		prop_list(tree, "reg", CELLS64(config->gicd_base), CELLS64(config->gicd_size),
			  CELLS64(config->gicr_base), CELLS64(config->gicr_size));
	prop_u32(tree, "phandle", PHANDLE_GIC);
	if (config->its_size) {
		node_begin_at(tree, "its", config->its_base);
		prop_string(tree, "compatible", "arm,gic-v3-its");
		prop_empty(tree, "msi-controller");
		prop_u32(tree, "#msi-cells", 1);
		put_reg(tree, config->its_base, config->its_size);
		prop_u32(tree, "phandle", PHANDLE_ITS);
		node_end(tree);
	}
	node_end(tree);
}

static void put_uart(struct tree *tree, u64 base, u64 size, u32 intid)
{
	if (!size)
		return;
	node_begin_at(tree, "pl011", base);
	prop_strings(tree, "compatible", "arm,pl011\0arm,primecell");
	put_reg(tree, base, size);
	prop_list(tree, "interrupts", GIC_SPI, spi(intid), IRQ_LEVEL_HIGH);
	prop_list(tree, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
	prop_strings(tree, "clock-names", "uartclk\0apb_pclk");
	node_end(tree);
}

static void put_uarts_and_rtc(const struct fdt_config *config, struct tree *tree)
{
	node_begin(tree, "apb-pclk");
	prop_string(tree, "compatible", "fixed-clock");
	prop_u32(tree, "#clock-cells", 0);
	prop_u32(tree, "clock-frequency", 24000000);
	prop_string(tree, "clock-output-names", "clk24mhz");
	prop_u32(tree, "phandle", PHANDLE_CLOCK);
	node_end(tree);

	put_uart(tree, config->uart_base, config->uart_size, config->uart_intid);
	put_uart(tree, config->uart1_base, config->uart1_size, config->uart1_intid);
	if (config->rtc_size) {
		node_begin_at(tree, "pl031", config->rtc_base);
		prop_strings(tree, "compatible", "arm,pl031\0arm,primecell");
		put_reg(tree, config->rtc_base, config->rtc_size);
		prop_list(tree, "interrupts", GIC_SPI, spi(config->rtc_intid), IRQ_LEVEL_HIGH);
		prop_u32(tree, "clocks", PHANDLE_CLOCK);
		prop_string(tree, "clock-names", "apb_pclk");
		node_end(tree);
	}
}

enum { KEY_POWER = 116 }; /* of Linux */

static void put_power_button(const struct fdt_config *config, struct tree *tree)
{
	if (!config->gpio_size)
		return;
	node_begin_at(tree, "pl061", config->gpio_base);
	prop_strings(tree, "compatible", "arm,pl061\0arm,primecell");
	put_reg(tree, config->gpio_base, config->gpio_size);
	prop_list(tree, "interrupts", GIC_SPI, spi(config->gpio_intid), IRQ_LEVEL_HIGH);
	prop_u32(tree, "clocks", PHANDLE_CLOCK);
	prop_string(tree, "clock-names", "apb_pclk");
	prop_empty(tree, "gpio-controller");
	prop_u32(tree, "#gpio-cells", 2);
	prop_empty(tree, "interrupt-controller");
	prop_u32(tree, "#interrupt-cells", 2);
	prop_u32(tree, "phandle", PHANDLE_GPIO);
	node_end(tree);

	node_begin(tree, "gpio-keys");
	prop_string(tree, "compatible", "gpio-keys");
	node_begin(tree, "poweroff");
	prop_string(tree, "label", "GPIO Key Poweroff");
	prop_u32(tree, "linux,code", KEY_POWER);
	prop_list(tree, "gpios", PHANDLE_GPIO, config->gpio_power_button, 0);
	node_end(tree);
	node_end(tree);
}

static void put_smmu(const struct fdt_config *config, struct tree *tree)
{
	u32 n = config->smmu_size ? spi(config->smmu_intid) : 0;

	if (!config->smmu_size)
		return;
	node_begin_at(tree, "smmuv3", config->smmu_base);
	prop_string(tree, "compatible", "arm,smmu-v3");
	put_reg(tree, config->smmu_base, config->smmu_size);
	prop_list(tree, "interrupts", GIC_SPI, n, IRQ_EDGE_RISING, GIC_SPI, n + 1, IRQ_EDGE_RISING, GIC_SPI, n + 2,
		  IRQ_EDGE_RISING, GIC_SPI, n + 3, IRQ_EDGE_RISING);
	prop_strings(tree, "interrupt-names", "eventq\0priq\0cmdq-sync\0gerror");
	prop_empty(tree, "dma-coherent");
	prop_u32(tree, "#iommu-cells", 1);
	prop_u32(tree, "phandle", PHANDLE_SMMU);
	node_end(tree);
}

static void put_board(const struct fdt_config *config, struct tree *tree)
{
	unsigned i;

	if (config->fw_cfg_size) {
		node_begin_at(tree, "fw-cfg", config->fw_cfg_base);
		prop_string(tree, "compatible", "qemu,fw-cfg-mmio");
		put_reg(tree, config->fw_cfg_base, config->fw_cfg_size);
		prop_empty(tree, "dma-coherent");
		node_end(tree);
	}
	if (config->flash_banks) {
		u32 cells[4 * 4];
		unsigned banks = MIN(config->flash_banks, 4), n = 0;

		for (i = 0; i < banks; i++) {
			u64 base = config->flash_base + i * config->flash_bank_size;

			cells[n++] = (u32)(base >> 32);
			cells[n++] = (u32)base;
			cells[n++] = (u32)(config->flash_bank_size >> 32);
			cells[n++] = (u32)config->flash_bank_size;
		}
		node_begin_at(tree, "flash", config->flash_base);
		prop_string(tree, "compatible", "cfi-flash");
		prop_cells(tree, "reg", cells, n);
		prop_u32(tree, "bank-width", 4);
		node_end(tree);
	}
	for (i = 0; i < config->virtio_count; i++) {
		u64 base = config->virtio_base + i * config->virtio_stride;

		node_begin_at(tree, "virtio_mmio", base);
		prop_string(tree, "compatible", "virtio,mmio");
		put_reg(tree, base, config->virtio_stride);
		prop_list(tree, "interrupts", GIC_SPI, spi(config->virtio_intid + i), IRQ_EDGE_RISING);
		prop_empty(tree, "dma-coherent");
		node_end(tree);
	}
}

enum { PCI_SPACE_IO = 0x01000000, PCI_SPACE_32 = 0x02000000, PCI_SPACE_64 = 0x03000000 };

/* Requester IDs as stream IDs, for the buses that are behind the SMMU. */
static void put_iommu_map(const struct fdt_config *config, struct tree *tree)
{
	u32 map[FDT_BUSES_MAX * 4];

	for (unsigned i = 0; i < config->smmu_bus_count; i++) {
		const struct fdt_buses *buses = &config->smmu_buses[i];
		const u32 entry[4] = {(u32)buses->first << 8, PHANDLE_SMMU, (u32)buses->first << 8,
				      (u32)(buses->last - buses->first + 1) << 8};

		memcpy(&map[4 * i], entry, sizeof(entry));
	}
	prop_cells(tree, "iommu-map", map, 4 * config->smmu_bus_count);
}

static void put_pci(const struct fdt_config *config, struct tree *tree)
{
	u32 map[4 * 4 * 10], ranges[3 * 7];
	unsigned n = 0, slot, pin;

	node_begin_at(tree, "pcie", config->mmio32_base);
	prop_string(tree, "compatible", "pci-host-ecam-generic");
	prop_string(tree, "device_type", "pci");
	prop_u32(tree, "#address-cells", 3);
	prop_u32(tree, "#size-cells", 2);
	prop_u32(tree, "linux,pci-domain", 0);
	prop_list(tree, "bus-range", config->bus_first, config->bus_last);
	prop_empty(tree, "dma-coherent");
	put_reg(tree, config->ecam_base, config->ecam_size);
	if (config->its_size)
		prop_list(tree, "msi-map", 0, PHANDLE_ITS, 0, 0x10000);
	if (config->smmu_size && config->smmu_bus_count)
		put_iommu_map(config, tree);
	if (config->pio_size) {
		const u32 io[] = {PCI_SPACE_IO, 0, 0, CELLS64(config->pio_base), CELLS64(config->pio_size)};

		memcpy(&ranges[n], io, sizeof(io));
		n += 7;
	}
	if (config->mmio32_size) {
		const u32 low[] = {PCI_SPACE_32, CELLS64(config->mmio32_base), CELLS64(config->mmio32_base),
				   CELLS64(config->mmio32_size)};

		memcpy(&ranges[n], low, sizeof(low));
		n += 7;
	}
	if (config->mmio64_size) {
		const u32 high[] = {PCI_SPACE_64, CELLS64(config->mmio64_base), CELLS64(config->mmio64_base),
				    CELLS64(config->mmio64_size)};

		memcpy(&ranges[n], high, sizeof(high));
		n += 7;
	}
	prop_cells(tree, "ranges", ranges, n);

	prop_u32(tree, "#interrupt-cells", 1);
	n = 0;
	for (slot = 0; slot < 4; slot++)
		for (pin = 0; pin < 4; pin++) {
			const u32 entry[10] = {slot << 11,
					       0,
					       0,
					       pin + 1,
					       PHANDLE_GIC,
					       0,
					       0,
					       GIC_SPI,
					       spi(config->pci_intx_intid[(slot + pin) % 4]),
					       IRQ_LEVEL_HIGH};

			memcpy(&map[n], entry, sizeof(entry));
			n += 10;
		}
	prop_cells(tree, "interrupt-map", map, n);
	prop_list(tree, "interrupt-map-mask", 3 << 11, 0, 0, 7);
	node_end(tree);
}

static bool check(const struct fdt_config *config, struct error *err)
{
	if (!config->cpu_count || config->cpu_count > FDT_CPUS_MAX)
		return fail(err, "device tree: %u CPUs; must be 1 to %u", config->cpu_count, FDT_CPUS_MAX);
	if (config->memory_count > FDT_MEMORIES_MAX || config->virtio_count > 256)
		return fail(err, "device tree: %u memory ranges: too many", config->memory_count);
	return true;
}

/* Linux counts ttyAMA by them. */
static void put_aliases(const struct fdt_config *config, struct tree *tree)
{
	const struct {
		const char *name;
		u64 base, size;
	} uarts[] = {{"serial0", config->uart_base, config->uart_size},
		     {"serial1", config->uart1_base, config->uart1_size}};
	char path[32];

	node_begin(tree, "aliases");
	for (unsigned n = 0; n < 2; n++)
		if (uarts[n].size) {
			snprintf(path, sizeof(path), "/pl011@%llx", (unsigned long long)uarts[n].base);
			prop_string(tree, uarts[n].name, path);
		}
	node_end(tree);
}

bool fdt_build(const struct fdt_config *config, u8 **dtb, size_t *size, struct error *err)
{
	const char *bootargs = config->chosen.bootargs;
	struct tree tree;

	if (!check(config, err))
		return false;
	if (!tree_begin(&tree, TREE_BYTES + (bootargs ? strlen(bootargs) : 0)))
		return fail(err, "device tree: no memory");
	node_begin(&tree, "");
	prop_string(&tree, "compatible", "linux,dummy-virt");
	prop_string(&tree, "model", "linux,dummy-virt");
	prop_u32(&tree, "#address-cells", 2);
	prop_u32(&tree, "#size-cells", 2);
	prop_u32(&tree, "interrupt-parent", PHANDLE_GIC);
	prop_empty(&tree, "dma-coherent");
	put_aliases(config, &tree);
	chosen_put(&tree, &config->chosen, config->uart_size ? config->uart_base : 0);
	put_memory(config, &tree);
	if (config->nodes)
		put_distances(config, &tree);
	put_cpus(config, &tree);
	put_psci_and_timers(config, &tree);
	put_gic(config, &tree);
	put_uarts_and_rtc(config, &tree);
	put_power_button(config, &tree);
	put_board(config, &tree);
	put_smmu(config, &tree);
	if (config->ecam_size)
		put_pci(config, &tree);
	node_end(&tree);
	return tree_end(&tree, dtb, size, err);
}
