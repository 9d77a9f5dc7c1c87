/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines of the human monitor, one row each, `info` included: for monitor.c, for QMP's human-monitor-command and
 * gdb's `monitor`. Loop thread, machine lock.
 */
#include <stdlib.h>
#include <string.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "control/hmp.h"
#include "control/qmp.h"
#include "cpu/cpu.h"
#include "cxl/cxl.h"
#include "host/host.h"
#include "mem/backend.h"
#include "mem/mem.h"
#include "pci/pci.h"
#include "pci/pci_spec.h"

static void info_version(struct machine *m, FILE *to)
{
	fprintf(to, "%d.%d.%d (cxlvm " CXLVM_VERSION ")\r\n", DIALECT_MAJOR, DIALECT_MINOR, DIALECT_MICRO);
}

static void info_status(struct machine *m, FILE *to)
{
	enum machine_state state = machine_state(m);

	fprintf(to, "VM status: %s\r\n",
		state == MACHINE_RUNNING   ? "running" :
		state == MACHINE_PAUSED    ? "paused" :
		state == MACHINE_IO_ERROR  ? "paused (io-error)" :
		state == MACHINE_PRELAUNCH ? "paused (prelaunch)" :
					     "paused (shutdown)");
}

static void print_bars(struct pci_dev *dev, FILE *to)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *bar = &dev->bars[n];
		u64 address;

		if (!bar->size)
			continue;
		address = pci_bar_address(dev, n);
		fprintf(to, "      BAR%u: %s %s at 0x%llx [0x%llx].\r\n", n, bar->is_64 ? "64 bit" : "32 bit",
			bar->io       ? "I/O" :
			bar->prefetch ? "prefetchable memory" :
					"memory",
			(unsigned long long)address,
			(unsigned long long)(address == UINT64_MAX ? address : address + bar->size - 1));
	}
}

static bool print_function(struct pci_dev *dev, void *arg)
{
	u16 id = pci_requester_id(dev), code = regs_get(&dev->config, PCI_CLASS + 1, 2);
	const char *words = pci_class_words(code);
	FILE *to = arg;

	fprintf(to, "  Bus %2u, device %3u, function %u:\r\n", id >> 8, id >> 3 & 0x1f, id & 7);
	fprintf(to, words ? "    %s: PCI device %04x:%04x\r\n" : "    %.0sClass: PCI device %04x:%04x\r\n",
		words ? words : "", (unsigned)regs_get(&dev->config, PCI_VENDOR_ID, 2),
		(unsigned)regs_get(&dev->config, PCI_DEVICE_ID, 2));
	if (dev->bridge)
		fprintf(to, "      BUS %u.\r\n      secondary bus %u.\r\n      subordinate bus %u.\r\n",
			(unsigned)regs_get(&dev->config, PCI_PRIMARY_BUS, 1),
			(unsigned)regs_get(&dev->config, PCI_SECONDARY_BUS, 1),
			(unsigned)regs_get(&dev->config, PCI_SUBORDINATE_BUS, 1));
	print_bars(dev, to);
	fprintf(to, "      id \"%s\"\r\n", dev->dev.id ? dev->dev.id : "");
	return true;
}

static void info_pci(struct machine *m, FILE *to)
{
	pci_host_each(machine_pci_host(m), print_function, to);
}

static void info_mtree(struct machine *m, FILE *to)
{
	const struct range *range;

	fprintf(to, "address-space: memory\r\n");
	for (size_t i = 0; (range = space_range(machine_space(m), i)); i++)
		fprintf(to, "  %016llx-%016llx (prio %d, %s): %s @%016llx\r\n", (unsigned long long)range->base,
			(unsigned long long)range->last, range->region->priority,
			range->region->host ? range->region->readonly ? "rom" : "ram" : "i/o",
			range->region->name ? range->region->name : "", (unsigned long long)range->offset);
}

static void print_bus(struct pci_bus *bus, unsigned depth, FILE *to)
{
	fprintf(to, "%*sbus: %s\r\n", (int)(2 * depth), "", bus->bus.name);
	for (unsigned n = 0; n < 256; n++) {
		struct pci_dev *dev = bus->slots[n];

		if (!dev)
			continue;
		fprintf(to, "%*sdev: %s, id \"%s\"\r\n%*saddr = %02x.%x\r\n", (int)(2 * depth + 2), "",
			dev->dev.cls->name, dev->dev.id ? dev->dev.id : "", (int)(2 * depth + 4), "", n >> 3, n & 7);
		if (dev->bridge)
			print_bus(&dev->bridge->secondary, depth + 2, to);
	}
}

static void info_qtree(struct machine *m, FILE *to)
{
	for (struct pci_root *root = pci_host_root(machine_pci_host(m)); root; root = root->next)
		print_bus(&root->bus, 0, to);
}

static void info_roms(struct machine *m, FILE *to)
{
	const struct machine_config *c = machine_config(m);
	const char *const files[] = {c->kernel, c->initrd, c->dtb};

	for (unsigned i = 0; i < 3; i++)
		if (files[i])
			fprintf(to, "mem=ram name=\"%s\"\r\n", files[i]);
}

static void info_cxl(struct machine *m, FILE *to)
{
	char *text = NULL, *rest;
	size_t size = 0;
	FILE *picture = open_memstream(&text, &size);

	if (!picture)
		return;
	topology_draw(m, PICTURE_TEXT, picture);
	fclose(picture);
	rest = text;
	for (char *line; (line = strsep(&rest, "\n")) && rest;)
		fprintf(to, "%s\r\n", line);
	free(text);
}

static void print_line(void *to, const char *text)
{
	fprintf(to, "%s\r\n", text);
}

static void info_conformance(struct machine *m, FILE *to)
{
	if (!conformance_total())
		fprintf(to, "no rule was broken\r\n");
	conformance_print(print_line, to);
}

static void info_network(struct machine *m, FILE *to)
{
	struct netdev *netdev;
	const char *id;

	for (unsigned i = 0; (id = machine_netdev_id(m, i, &netdev)); i++)
		fprintf(to, "%s: type=%s,link=%s,%s\r\n", id, netdev_kind(netdev), netdev_is_up(netdev) ? "up" : "down",
			netdev_description(netdev));
}

static void info_usernet(struct machine *m, FILE *to)
{
	struct netdev *netdev;
	const char *id;

	for (unsigned i = 0; (id = machine_netdev_id(m, i, &netdev)); i++) {
		char *text = netdev_connections(netdev);

		if (text)
			fprintf(to, "Hub -1 (%s):\r\n%s", id, text);
		free(text);
	}
}

/* [ID] PROTOCOL:[ADDRESS]:PORT...: without an id, the first network of kind user. */
static void forward(struct machine *m, bool add, const char *words, FILE *to)
{
	char id[64] = "", text[256] = "", more[2];
	int count = sscanf(words, "%63s %255s %1s", id, text, more);
	struct netdev *netdev = NULL;
	struct error err = {""};

	if (count == 2) {
		netdev = machine_netdev(m, id);
	} else if (count == 1) {
		snprintf(text, sizeof(text), "%s", id);
		for (unsigned i = 0; machine_netdev_id(m, i, &netdev) && strcmp(netdev_kind(netdev), "user"); i++)
			netdev = NULL;
	}
	if (!netdev)
		fprintf(to, "Error: no such network; write %s [ID] tcp:[ADDRESS]:PORT%s\r\n",
			add ? "hostfwd_add" : "hostfwd_remove", add ? "-[GUEST-ADDRESS]:PORT" : "");
	else if (!netdev_forward(netdev, add, text, &err))
		fprintf(to, "Error: %s\r\n", err.text);
	else if (!add)
		fprintf(to, "host forwarding rule for %s removed\r\n", text);
}

static void run_stop(struct machine *m, FILE *to)
{
	machine_stop(m);
	machine_flush_disks(m);
}

static void run_cont(struct machine *m, FILE *to)
{
	struct error err;

	if (!machine_cont(m, &err))
		fprintf(to, "Error: %s\r\n", err.text);
}

static void run_reset(struct machine *m, FILE *to)
{
	machine_reset_request(m, CAUSE_HOST_RESET);
}

static void run_powerdown(struct machine *m, FILE *to)
{
	machine_power_button(m);
}

static void run_quit(struct machine *m, FILE *to)
{
	machine_shutdown_request(m, CAUSE_HOST_QUIT);
}

static void info_name(struct machine *m, FILE *to)
{
	fprintf(to, "cxlvm\r\n");
}

static void info_block(struct machine *m, FILE *to)
{
	const struct drive *drive;

	for (unsigned n = 0; (drive = machine_drive(m, n)); n++)
		fprintf(to, "%s: %s (%s%s)\r\n", drive->id, drive->file ? drive->file : "-",
			drive->format ? drive->format : "-", drive->readonly ? ", read-only" : "");
}

static void info_chardev(struct machine *m, FILE *to)
{
	const char *id;

	for (unsigned n = 0; (id = machine_chardev_id(m, n)); n++)
		fprintf(to, "%s\r\n", id);
}

static void info_memdev(struct machine *m, FILE *to)
{
	for (struct dev *dev = machine_devices(m); dev; dev = dev->next) {
		const struct backend *b = backend_of(dev);

		if (b)
			fprintf(to, "memory backend: %s\r\n  size:  %llu\r\n  share: %s\r\n  file: %s\r\n", b->id,
				(unsigned long long)b->size, b->share ? "true" : "false", b->path ? b->path : "-");
	}
}

static void info_numa(struct machine *m, FILE *to)
{
	const struct machine_config *c = machine_config(m);

	fprintf(to, "%u nodes\r\n", c->node_count);
	for (unsigned n = 0; n < c->node_count; n++) {
		fprintf(to, "node %u cpus:", c->nodes[n].id);
		for (unsigned i = 0; i < c->cpu_count; i++)
			if (c->nodes[n].cpus >> i & 1)
				fprintf(to, " %u", i);
		fprintf(to, "\r\nnode %u size: %llu MB\r\n", c->nodes[n].id,
			(unsigned long long)(c->nodes[n].size / MiB));
	}
}

static void info_jit(struct machine *m, FILE *to)
{
	fprintf(to, "instructions: %llu\r\n", (unsigned long long)cpus_total_instructions(machine_cpus(m)));
}

static void run_forward_add(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	forward(m, true, rest, to);
}

static void run_forward_remove(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	forward(m, false, rest, to);
}

static void info_balloon(struct machine *m, FILE *to)
{
	u64 left;

	if (hmp_balloon(m, &left))
		fprintf(to, "balloon: actual=%llu\r\n", (unsigned long long)(left / MiB));
	else
		fprintf(to, "there is no balloon; add -device virtio-balloon-pci\r\n");
}

static void run_balloon(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	struct dev *dev;
	struct error err;
	u64 left, now;

	rest += strspn(rest, " \t");
	dev = hmp_balloon(m, &now);
	if (!dev)
		info_balloon(m, to);
	else if (!parse_u64("MiB", rest, 1, 1024 * 1024, &left, &err))
		fprintf(to, "%s\r\n", err.text);
	else
		hmp_balloon_ask(m, dev, left * MiB);
}

static void run_log(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	struct error err;

	rest += strspn(rest, " \t");
	if (!strcmp(rest, "none"))
		trace_mask = 0;
	else if (!*rest || !trace_enable(rest, &err))
		fprintf(to, "%s\r\n", *rest ? err.text : "write log ITEM,... or log none; the items are -d's");
}

static void run_help(struct machine *m, unsigned *cpu, const char *rest, FILE *to);
static void run_info(struct machine *m, FILE *to);

static const struct {
	const char *line, *other, *help;
	void (*run)(struct machine *m, FILE *to);
	/* Takes what stands behind it, and the monitor's vCPU. */
	void (*run_with)(struct machine *m, unsigned *cpu, const char *rest, FILE *to);
} lines[] = {
	{"help", "?", "[LINE]: these lines", NULL, run_help},
	{"info", NULL, "what there is to tell", run_info},
	{"info version", NULL, "the program's version", info_version},
	{"info status", NULL, "running or paused", info_status},
	{"info pci", NULL, "PCI functions and their BARs", info_pci},
	{"info mtree", "info mtree -f", "the address map", info_mtree},
	{"info qtree", NULL, "buses and the devices on them", info_qtree},
	{"info roms", NULL, "files that were loaded", info_roms},
	{"info network", NULL, "networks and their links", info_network},
	{"info usernet", NULL, "connections of user networks", info_usernet},
	{"hostfwd_add", NULL, "[ID] tcp|udp:[ADDRESS]:PORT-[GUEST-ADDRESS]:PORT", NULL, run_forward_add},
	{"hostfwd_remove", NULL, "[ID] tcp|udp:[ADDRESS]:PORT", NULL, run_forward_remove},
	{"balloon", NULL, "MIB: memory that the guest shall be left with", NULL, run_balloon},
	{"info balloon", NULL, "memory that the balloon leaves to the guest", info_balloon},
	{"info cxl", NULL, "the CXL fabric as a tree", info_cxl},
	{"info conformance", NULL, "what specifications forbid and the guest did, by rule and PC", info_conformance},
	{"info block", NULL, "disks", info_block},
	{"info chardev", NULL, "character devices", info_chardev},
	{"info cpus", NULL, "vCPUs and their host threads", NULL, hmp_info_cpus},
	{"info jit", NULL, "instructions retired", info_jit},
	{"info memdev", NULL, "memory backends", info_memdev},
	{"info name", NULL, "the program", info_name},
	{"info numa", NULL, "NUMA nodes", info_numa},
	{"info registers", NULL, "registers of this monitor's vCPU; -a: of all", NULL, hmp_info_registers},
	{"cpu", NULL, "N: the vCPU that info registers, x and print are about", NULL, hmp_cpu},
	{"x", NULL, "/FMT ADDRESS: virtual memory, as x /4xg $sp; formats x d u o c i, sizes b h w g", NULL, hmp_x},
	{"xp", NULL, "/FMT ADDRESS: physical memory", NULL, hmp_xp},
	{"print", "p", "/FMT EXPRESSION: a number, a $register, their sum", NULL, hmp_print},
	{"log", NULL, "ITEM,...: trace, as -d; none: no more", NULL, run_log},
	{"stop", "s", "stop the machine", run_stop},
	{"cont", "c", "go on", run_cont},
	{"system_reset", NULL, "reset the machine", run_reset},
	{"system_powerdown", NULL, "press the power button", run_powerdown},
	{"quit", "q", "end the program", run_quit},
};

/* The lines that begin with these words, and how many they are. */
static unsigned print_help(const char *words, FILE *to)
{
	unsigned count = 0;
	size_t length = strcspn(words, "\r\n");

	while (length && words[length - 1] == ' ')
		length--;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!length || (!strncmp(lines[i].line, words, length) &&
				(!lines[i].line[length] || lines[i].line[length] == ' '))) {
			fprintf(to, "%-20s %s\r\n", lines[i].line, lines[i].help);
			count++;
		}
	return count;
}

static void run_help(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	if (!print_help(rest, to))
		fprintf(to, "unknown command: '%.*s'; 'help' lists what is built\r\n",
			(int)MIN(strcspn(rest, "\r\n"), 200), rest);
}

static void run_info(struct machine *m, FILE *to)
{
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strncmp(lines[i].line, "info ", 5))
			fprintf(to, "%-20s %s\r\n", lines[i].line, lines[i].help);
}

const char *hmp_line(unsigned n)
{
	return n < sizeof(lines) / sizeof(lines[0]) ? lines[n].line : NULL;
}

/* Words are separated by any number of spaces. What stands behind the line: NULL, it is another line. */
static const char *behind(const char *given, const char *line)
{
	given += strspn(given, " \t");
	for (; line && *line; line++, given++) {
		if (*line != *given)
			return NULL;
		if (*line == ' ')
			given += strspn(given, " \t") - 1;
	}
	return line && (!*given || *given == '/' || strchr(" \t\r\n", *given)) ? given + strspn(given, " \t\r\n") :
										 NULL;
}

/* Runs the row that is this line. False: none is. */
static bool run_line(struct machine *m, unsigned *cpu, const char *given, FILE *to)
{
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *rest = behind(given, lines[i].line);

		if (!rest)
			rest = behind(given, lines[i].other);
		if (!rest || (*rest && !lines[i].run_with))
			continue;
		if (lines[i].run_with)
			lines[i].run_with(m, cpu, rest, to);
		else
			lines[i].run(m, to);
		return true;
	}
	return false;
}

char *hmp_run(struct machine *m, unsigned *cpu, const char *line)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	if (!run_line(m, cpu, line, to))
		fprintf(to, "unknown command: '%.200s'; 'help' lists what is built\r\n", line);
	fclose(to);
	return text;
}
