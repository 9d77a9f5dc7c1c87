/* SPDX-License-Identifier: BSD-2-Clause */
/* The complete tree, the tree of a start without firmware, and a user's tree amended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfdt.h>

#include "base/bits.h"
#include "fdt/fdt.h"

#include <cmocka.h> /* last: its macro `fail` would spoil base/error.h */

static struct fdt_config *machine(void)
{
	struct fdt_config *c = calloc(1, sizeof(*c));
	unsigned i;

	assert_non_null(c);
	c->cpu_count = 4;
	for (i = 0; i < 4; i++) {
		c->cpus[i].mpidr = i;
		c->cpus[i].node = i / 2;
		c->cpus[i].socket = i / 2;
		c->cpus[i].core = i % 2;
	}
	c->memory_count = 2;
	c->nodes = 3;
	for (i = 0; i < 2; i++) {
		c->memories[i].base = 0x40000000 + i * GiB;
		c->memories[i].size = GiB;
		c->memories[i].node = i;
	}
	c->gicd_base = 0x08000000, c->gicd_size = 0x10000;
	c->gicr_base = 0x080a0000, c->gicr_size = 0xf60000;
	c->its_base = 0x08080000, c->its_size = 0x20000;
	c->pmu_intid = 23, c->timer_phys_intid = 30, c->timer_virt_intid = 27;
	c->uart_base = 0x09000000, c->uart_size = 0x1000, c->uart_intid = 33;
	c->rtc_base = 0x09010000, c->rtc_size = 0x1000, c->rtc_intid = 34;
	c->gpio_base = 0x09030000, c->gpio_size = 0x1000, c->gpio_intid = 39, c->gpio_power_button = 3;
	c->fw_cfg_base = 0x09020000, c->fw_cfg_size = 24;
	c->flash_bank_size = 64 * MiB, c->flash_banks = 2;
	c->virtio_base = 0x0a000000, c->virtio_stride = 0x200, c->virtio_count = 32, c->virtio_intid = 48;
	c->ecam_base = 0x4010000000, c->ecam_size = 256 * MiB, c->bus_last = 255;
	c->pio_base = 0x3eff0000, c->pio_size = 0x10000;
	c->mmio32_base = 0x10000000, c->mmio32_size = 0x2eff0000;
	c->mmio64_base = 0x8000000000, c->mmio64_size = 512 * GiB;
	for (i = 0; i < 4; i++)
		c->pci_intx_intid[i] = 35 + i;
	c->chosen.bootargs = "console=ttyAMA0";
	c->chosen.initrd_start = 0x48000000;
	c->chosen.initrd_end = 0x48001000;
	c->chosen.has_seeds = true;
	return c;
}

static u32 cell(const u8 *dtb, const char *path, const char *name, unsigned n)
{
	int node = fdt_path_offset(dtb, path), length;
	const fdt32_t *p;

	assert_true(node >= 0);
	p = fdt_getprop(dtb, node, name, &length);
	assert_non_null(p);
	assert_true((int)(4 * n + 4) <= length);
	return fdt32_to_cpu(p[n]);
}

static u64 cells(const u8 *dtb, const char *path, const char *name, unsigned n)
{
	return (u64)cell(dtb, path, name, n) << 32 | cell(dtb, path, name, n + 1);
}

static void complete_tree_is_complete(void **state)
{
	static const char *const nodes[] = {"/cpus/cpu@0",
					    "/cpus/cpu@3",
					    "/memory@40000000",
					    "/memory@80000000",
					    "/psci",
					    "/timer",
					    "/pmu",
					    "/intc@8000000/its@8080000",
					    "/pl011@9000000",
					    "/pl031@9010000",
					    "/pl061@9030000",
					    "/gpio-keys/poweroff",
					    "/fw-cfg@9020000",
					    "/flash@0",
					    "/virtio_mmio@a000000",
					    "/virtio_mmio@a003e00",
					    "/pcie@10000000",
					    "/chosen",
					    "/distance-map"};
	static const u32 pairs[] = {1, 1, 10, 1, 5, 50, 5, 1, 60, 5, 5, 10};
	struct fdt_config *c = machine();
	struct error err;
	size_t size;
	unsigned i;
	int length;
	u8 *dtb;

	assert_true(fdt_build(c, &dtb, &size, &err));
	assert_int_equal(fdt_check_full(dtb, size), 0);
	for (i = 0; i < ARRAY_SIZE(nodes); i++)
		if (fdt_path_offset(dtb, nodes[i]) < 0)
			fail_msg("no %s", nodes[i]);
	assert_int_equal(cell(dtb, "/timer", "interrupts", 4), 14);
	assert_int_equal(cell(dtb, "/timer", "interrupts", 7), 11);
	assert_int_equal(cell(dtb, "/pmu", "interrupts", 1), 7);
	assert_int_equal(cell(dtb, "/pl011@9000000", "interrupts", 1), 1);
	assert_int_equal(cell(dtb, "/pl061@9030000", "interrupts", 1), 7);
	assert_int_equal(cell(dtb, "/gpio-keys/poweroff", "gpios", 0), cell(dtb, "/pl061@9030000", "phandle", 0));
	assert_int_equal(cell(dtb, "/gpio-keys/poweroff", "gpios", 1), 3);
	assert_int_equal(cell(dtb, "/gpio-keys/poweroff", "linux,code", 0), 116);
	assert_int_equal(cells(dtb, "/memory@80000000", "reg", 0), 0x80000000);
	assert_int_equal(cells(dtb, "/memory@80000000", "reg", 2), GiB);
	assert_int_equal(cell(dtb, "/memory@80000000", "numa-node-id", 0), 1);
	assert_int_equal(cell(dtb, "/distance-map", "distance-matrix", 2), 10);
	assert_int_equal(cell(dtb, "/distance-map", "distance-matrix", 5), 20);
	assert_int_equal(cell(dtb, "/pcie@10000000", "ranges", 14), 0x03000000);
	assert_int_equal(cells(dtb, "/pcie@10000000", "ranges", 15), 0x8000000000);
	assert_int_equal(cells(dtb, "/pcie@10000000", "ranges", 19), 512 * GiB);
	/* Slot 1, INTA: SPI 4 (GSI 36). */
	assert_int_equal(cell(dtb, "/pcie@10000000", "interrupt-map", 4 * 10), 1 << 11);
	assert_int_equal(cell(dtb, "/pcie@10000000", "interrupt-map", 4 * 10 + 8), 4);
	assert_int_equal(cell(dtb, "/intc@8000000/its@8080000", "phandle", 0),
			 cell(dtb, "/pcie@10000000", "msi-map", 1));
	assert_string_equal(fdt_getprop(dtb, fdt_path_offset(dtb, "/chosen"), "bootargs", NULL), "console=ttyAMA0");
	assert_string_equal(fdt_getprop(dtb, fdt_path_offset(dtb, "/aliases"), "serial0", NULL), "/pl011@9000000");
	assert_null(fdt_getprop(dtb, fdt_path_offset(dtb, "/aliases"), "serial1", NULL));
	free(dtb);

	c->uart1_base = 0x09040000, c->uart1_size = 0x1000, c->uart1_intid = 40;
	assert_true(fdt_build(c, &dtb, &size, &err));
	assert_string_equal(fdt_getprop(dtb, fdt_path_offset(dtb, "/aliases"), "serial1", NULL), "/pl011@9040000");
	assert_int_equal(cell(dtb, "/pl011@9040000", "interrupts", 1), 8);
	assert_string_equal(fdt_getprop(dtb, fdt_path_offset(dtb, "/chosen"), "stdout-path", NULL), "/pl011@9000000");
	free(dtb);

	c->smmu_base = 0x9050000, c->smmu_size = 0x20000, c->smmu_intid = 106, c->smmu_bus_count = 2;
	c->smmu_buses[0] = (struct fdt_buses){0, 31};
	c->smmu_buses[1] = (struct fdt_buses){128, 255};
	assert_true(fdt_build(c, &dtb, &size, &err));
	assert_int_equal(cell(dtb, "/pcie@10000000", "iommu-map", 0), 0);
	assert_int_equal(cell(dtb, "/pcie@10000000", "iommu-map", 1), cell(dtb, "/smmuv3@9050000", "phandle", 0));
	assert_int_equal(cell(dtb, "/pcie@10000000", "iommu-map", 2), 0);
	assert_int_equal(cell(dtb, "/pcie@10000000", "iommu-map", 3), 0x2000);
	assert_int_equal(cell(dtb, "/pcie@10000000", "iommu-map", 4), 0x8000);
	assert_int_equal(cell(dtb, "/pcie@10000000", "iommu-map", 6), 0x8000);
	assert_int_equal(cell(dtb, "/pcie@10000000", "iommu-map", 7), 0x8000);
	free(dtb);
	c->smmu_bus_count = 0; /* all go past it */
	assert_true(fdt_build(c, &dtb, &size, &err));
	assert_null(fdt_getprop(dtb, fdt_path_offset(dtb, "/pcie@10000000"), "iommu-map", NULL));
	c->smmu_size = 0;
	free(dtb);

	/* Nodes 1 and 5: four pairs, by these numbers. */
	c->nodes = 1 << 1 | 1 << 5;
	c->memories[0].node = 1, c->memories[1].node = 5;
	c->distance[1][5] = 50, c->distance[5][1] = 60;
	assert_true(fdt_build(c, &dtb, &size, &err));
	fdt_getprop(dtb, fdt_path_offset(dtb, "/distance-map"), "distance-matrix", &length);
	assert_int_equal(length, sizeof(pairs));
	for (i = 0; i < ARRAY_SIZE(pairs); i++)
		assert_int_equal(cell(dtb, "/distance-map", "distance-matrix", i), pairs[i]);
	free(dtb);

	c->nodes = 0; /* no NUMA: no word of it */
	assert_true(fdt_build(c, &dtb, &size, &err));
	assert_true(fdt_path_offset(dtb, "/distance-map") < 0);
	assert_null(fdt_getprop(dtb, fdt_path_offset(dtb, "/cpus/cpu@0"), "numa-node-id", NULL));
	free(dtb);
	c->cpu_count = 17;
	assert_false(fdt_build(c, &dtb, &size, &err));
	assert_non_null(strstr(err.text, "17 CPUs"));
	free(c);
}

/* Each CPU in its place, by its phandle; without threads a core is a CPU. */
static void cpus_are_mapped(void **state)
{
	static const char *const cores[] = {"/cpus/cpu-map/socket0/cluster0/core0",
					    "/cpus/cpu-map/socket0/cluster0/core1",
					    "/cpus/cpu-map/socket1/cluster0/core0",
					    "/cpus/cpu-map/socket1/cluster0/core1"},
				 *const threads[] = {"/cpus/cpu-map/socket0/cluster0/core0/thread0",
						     "/cpus/cpu-map/socket0/cluster0/core0/thread1",
						     "/cpus/cpu-map/socket1/cluster0/core0/thread0",
						     "/cpus/cpu-map/socket1/cluster0/core0/thread1"};
	struct fdt_config *c = machine();
	struct error err;
	size_t size;
	unsigned i;
	u8 *dtb;

	assert_true(fdt_build(c, &dtb, &size, &err));
	for (i = 0; i < 4; i++) {
		char cpu[16];

		snprintf(cpu, sizeof(cpu), "/cpus/cpu@%u", i);
		assert_int_equal(cell(dtb, cores[i], "cpu", 0), cell(dtb, cpu, "phandle", 0));
		assert_true(fdt_path_offset(dtb, threads[i]) < 0);
		assert_string_equal(fdt_getprop(dtb, fdt_path_offset(dtb, cpu), "compatible", NULL), "arm,armv8");
	}
	free(dtb);
	for (i = 0; i < 4; i++) {
		c->cpus[i].core = 0;
		c->cpus[i].thread = i % 2;
	}
	strcpy(c->cpu_compatible, "arm,cortex-a57");
	assert_true(fdt_build(c, &dtb, &size, &err));
	for (i = 0; i < 4; i++) {
		char cpu[16];

		snprintf(cpu, sizeof(cpu), "/cpus/cpu@%u", i);
		assert_int_equal(cell(dtb, threads[i], "cpu", 0), cell(dtb, cpu, "phandle", 0));
		assert_string_equal(fdt_getprop(dtb, fdt_path_offset(dtb, cpu), "compatible", NULL), "arm,cortex-a57");
	}
	assert_null(fdt_getprop(dtb, fdt_path_offset(dtb, cores[0]), "cpu", NULL));
	free(dtb);
	free(c);
}

static void dtc_reads_it_without_errors(void **state)
{
	char folder[] = "/tmp/cxlvm-fdt-XXXXXX", command[256];
	struct fdt_config *c = machine();
	struct error err;
	size_t size;
	u8 *dtb;
	FILE *f;

	if (system("command -v dtc >/dev/null 2>&1"))
		skip();
	assert_true(fdt_build(c, &dtb, &size, &err));
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "%s/a.dtb", folder);
	f = fopen(command, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(dtb, 1, size, f), size);
	fclose(f);
	snprintf(command, sizeof(command), "cd %s && dtc -I dtb -O dts -o a.dts a.dtb 2>log && ! grep -i error log",
		 folder);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	free(dtb);
	free(c);
}

static void efi_tree_is_chosen_alone(void **state)
{
	static const struct {
		const char *name;
		int length;
	} uefi[] = {
		{"linux,uefi-system-table", 8},   {"linux,uefi-mmap-start", 8},    {"linux,uefi-mmap-size", 4},
		{"linux,uefi-mmap-desc-size", 4}, {"linux,uefi-mmap-desc-ver", 4}, {"linux,uefi-secure-boot", 4},
	};
	struct fdt_chosen chosen = {.bootargs = "quiet",
				    .initrd_start = 0x48000000,
				    .initrd_end = 0x48000123,
				    .has_seeds = true,
				    .kaslr_seed = 0x123456789abcdef0,
				    .efi_system_table = 0x7fff0000,
				    .efi_mmap_start = 0x1000,
				    .efi_mmap_size = 400,
				    .efi_desc_size = 40,
				    .efi_desc_ver = 1,
				    .efi_secure_boot = 2};
	int node, child, n = 0, length;
	struct error err;
	size_t size;
	unsigned i;
	u8 *dtb;

	assert_true(fdt_build_efi(&chosen, &dtb, &size, &err));
	assert_int_equal(fdt_check_full(dtb, size), 0);
	fdt_for_each_subnode(child, dtb, 0) n++;
	assert_int_equal(n, 1);
	node = fdt_path_offset(dtb, "/chosen");
	assert_true(node > 0);
	for (i = 0; i < ARRAY_SIZE(uefi); i++) {
		assert_non_null(fdt_getprop(dtb, node, uefi[i].name, &length));
		assert_int_equal(length, uefi[i].length);
	}
	assert_int_equal(cells(dtb, "/chosen", "linux,uefi-system-table", 0), 0x7fff0000);
	assert_int_equal(cells(dtb, "/chosen", "linux,initrd-end", 0), 0x48000123);
	assert_int_equal(cells(dtb, "/chosen", "kaslr-seed", 0), 0x123456789abcdef0);
	assert_int_equal(cell(dtb, "/chosen", "linux,uefi-secure-boot", 0), 2);
	free(dtb);
}

static void user_tree_is_amended(void **state)
{
	struct fdt_config *c = machine(), *now = calloc(1, sizeof(*now));
	u8 *dtb, *out, junk[64] = "not a tree";
	int node;
	struct error err;
	size_t size, out_size, cut;

	assert_true(fdt_build(c, &dtb, &size, &err));
	now->chosen.bootargs = "a longer command line than the tree had";
	now->chosen.initrd_start = 1, now->chosen.initrd_end = 2;
	now->memory_count = 1; /* where the tree has two nodes */
	now->memories[0].base = 0x40000000, now->memories[0].size = 3 * GiB, now->memories[0].node = FDT_NO_NODE;
	assert_true(fdt_amend(dtb, size, now, &out, &out_size, &err));
	assert_int_equal(fdt_check_full(out, out_size), 0);
	assert_string_equal(fdt_getprop(out, fdt_path_offset(out, "/chosen"), "bootargs", NULL), now->chosen.bootargs);
	assert_int_equal(cells(out, "/chosen", "linux,initrd-end", 0), 2);
	assert_int_equal(cells(out, "/memory@40000000", "reg", 0), 0x40000000);
	assert_int_equal(cells(out, "/memory@40000000", "reg", 2), 3 * GiB);
	assert_string_equal(fdt_getprop(out, fdt_path_offset(out, "/memory@40000000"), "device_type", NULL), "memory");
	assert_null(fdt_getprop(out, fdt_path_offset(out, "/memory@40000000"), "numa-node-id", NULL));
	assert_true(fdt_path_offset(out, "/memory@80000000") < 0);
	assert_true(fdt_path_offset(out, "/pl011@9000000") >= 0);
	free(out);

	/* As many nodes as there can be; and cells that cannot say it. */
	now->memory_count = FDT_MEMORIES_MAX;
	now->nodes = 1;
	for (unsigned i = 0; i < FDT_MEMORIES_MAX; i++)
		now->memories[i].base = GiB + i * 256 * GiB, now->memories[i].size = GiB, now->memories[i].node = 0;
	assert_true(fdt_amend(dtb, size, now, &out, &out_size, &err));
	assert_int_equal(cells(out, "/memory@fc040000000", "reg", 0), GiB + 63 * 256 * GiB);
	assert_int_equal(cell(out, "/memory@fc040000000", "numa-node-id", 0), 0);
	node = fdt_subnode_offset(out, 0, "memory@40000000");
	assert_int_equal(node, fdt_first_subnode(out, 0)); /* in the order of their addresses */
	free(out);
	node = fdt_path_offset(dtb, "/");
	assert_int_equal(fdt_setprop_inplace_u32(dtb, node, "#address-cells", 1), 0);
	assert_false(fdt_amend(dtb, size, now, &out, &out_size, &err));
	assert_non_null(strstr(err.text, "#address-cells"));
	assert_false(fdt_amend(junk, sizeof(junk), now, &out, &out_size, &err));
	for (cut = 0; cut < size; cut += 97)
		assert_false(fdt_amend(dtb, cut, now, &out, &out_size, &err));
	free(dtb);
	free(now);
	free(c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complete_tree_is_complete),   cmocka_unit_test(cpus_are_mapped),
		cmocka_unit_test(dtc_reads_it_without_errors), cmocka_unit_test(efi_tree_is_chosen_alone),
		cmocka_unit_test(user_tree_is_amended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
