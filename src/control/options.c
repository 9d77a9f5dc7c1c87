/* SPDX-License-Identifier: BSD-2-Clause */
/* The options, one row each, in QEMU's spelling. A known option that is not built is refused by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "control/settings.h"

static bool list_add(struct listed *list, const char *text, const char *what, struct error *err)
{
	if (list->count == LISTED_MAX)
		return fail(err, "%s %s: more than %d of these; leave some out", what, text, LISTED_MAX);
	list->text[list->count++] = text;
	return true;
}

/* "help", "?": all of a kind. */
static bool is_help(const char *text)
{
	return !strcmp(text, "help") || !strcmp(text, "?");
}

/* "NAME,help", "NAME,?": the name, to be freed; NULL if it is something else. */
static char *help_name(const char *text)
{
	const char *last = strrchr(text, ',');

	return last && last > text && is_help(last + 1) ? strndup(text, strcspn(text, ",")) : NULL;
}

static bool take_object(struct settings *s, const char *a, struct error *err)
{
	char *name = help_name(a);

	if (name || is_help(a)) {
		bool ok = help_objects(name, err);

		free(name);
		return ok;
	}
	return list_add(&s->objects, a, "-object", err);
}

static bool take_device(struct settings *s, const char *a, struct error *err)
{
	char *name = help_name(a);

	if (name || is_help(a)) {
		bool ok = help_devices(name, err);

		free(name);
		return ok;
	}
	return list_add(&s->devices, a, "-device", err);
}

static bool take_drive(struct settings *s, const char *a, struct error *err)
{
	return list_add(&s->drives, a, "-drive", err);
}

static bool take_blockdev(struct settings *s, const char *a, struct error *err)
{
	return list_add(&s->blockdevs, a, "-blockdev", err);
}

static bool take_chardev(struct settings *s, const char *a, struct error *err)
{
	if (is_help(a))
		help_chardevs();
	return list_add(&s->chardevs, a, "-chardev", err);
}

static bool take_region(struct settings *s, const char *a, struct error *err)
{
	return list_add(&s->regions, a, "-cxl-region", err);
}

#define TAKE_STRING(name, field)                                                                                       \
	static bool take_##name(struct settings *s, const char *a, struct error *err)                                  \
	{                                                                                                              \
		s->field = a;                                                                                          \
		return true;                                                                                           \
	}
/* clang-format off */
TAKE_STRING(kernel, config.kernel)
TAKE_STRING(initrd, config.initrd)
TAKE_STRING(append, config.append)
TAKE_STRING(dtb, config.dtb)
TAKE_STRING(bios, config.bios)
TAKE_STRING(pidfile, pidfile)
TAKE_STRING(name, name)
TAKE_STRING(trace_file, trace_file)
/* clang-format on */

static bool take_serial(struct settings *s, const char *a, struct error *err)
{
	for (unsigned n = 0; n < MACHINE_SERIALS; n++)
		if (!s->config.serial[n]) {
			s->config.serial[n] = a;
			return true;
		}
	return fail(
		err,
		"-serial %s: the machine has %d serial ports; more are -device virtio-serial-pci -device virtconsole,chardev=ID",
		a, MACHINE_SERIALS);
}

static bool take_qmp(struct settings *s, const char *a, struct error *err)
{
	return list_add(&s->monitors, a, "-qmp", err);
}

static bool take_mon(struct settings *s, const char *a, struct error *err)
{
	unsigned n = s->monitors.count;

	if (!list_add(&s->monitors, a, "-mon", err))
		return false;
	s->monitor_kind[n] = MONITOR_CHARDEV;
	return true;
}

static bool take_gdb(struct settings *s, const char *a, struct error *err)
{
	s->gdb = strcmp(a, "none") ? a : NULL;
	return true;
}

static bool take_gdb_default(struct settings *s, const char *a, struct error *err)
{
	s->gdb = "tcp::1234";
	return true;
}

static bool take_monitor(struct settings *s, const char *a, struct error *err)
{
	unsigned n = s->monitors.count;

	if (!strcmp(a, "none") || !strcmp(a, "null"))
		return true;
	if (!list_add(&s->monitors, a, "-monitor", err))
		return false;
	s->monitor_kind[n] = MONITOR_HUMAN;
	return true;
}

static bool take_escape(struct settings *s, const char *a, struct error *err)
{
	u64 key;

	if (!parse_u64("-echr", a, 0, 31, &key, err))
		return false;
	s->config.escape = (u8)key;
	return true;
}

static bool take_paused(struct settings *s, const char *a, struct error *err)
{
	s->config.start_paused = true;
	return true;
}

static bool take_no_shutdown(struct settings *s, const char *a, struct error *err)
{
	s->config.no_shutdown = true;
	return true;
}

static bool take_nographic(struct settings *s, const char *a, struct error *err)
{
	s->nographic = true;
	return true;
}

static bool take_daemonize(struct settings *s, const char *a, struct error *err)
{
	s->daemonize = true;
	return true;
}

static bool take_no_reboot(struct settings *s, const char *a, struct error *err)
{
	s->config.no_reboot = true;
	return true;
}

static bool take_trace(struct settings *s, const char *a, struct error *err)
{
	if (is_help(a))
		help_trace();
	return trace_enable(a, err);
}

/* What QEMU's trace events begin with, and our items for the same. */
static const struct {
	const char *prefix, *items;
} trace_events[] = {
	{"cxl_", "cxl,mbox"},  {"pci_", "pci"},     {"pcie_", "pci"},          {"msix_", "pci"},
	{"virtio_", "virtio"}, {"gicv3_", "int"},   {"arm_gt_", "int"},        {"memory_region_ops_", "mmio"},
	{"pl011_", "mmio"},    {"exec_tb", "exec"}, {"translate_block", "op"}, {"smmu", "smmu"},
};

static bool take_trace_pattern(const char *pattern, struct error *err)
{
	size_t length = strcspn(pattern, "*?[");
	bool any = false;

	if (length && pattern[length] && pattern[length + 1])
		return fail(err, "-trace %s: write one name, or the beginning of names and '*'", pattern);
	for (unsigned i = 0; i < ARRAY_SIZE(trace_events); i++) {
		size_t n = strlen(trace_events[i].prefix);

		/* "cx*" is less than a group, "cxl_read_*" one of its events: both mean the group. */
		if (strncmp(pattern, trace_events[i].prefix, length < n && pattern[length] ? length : n))
			continue;
		if (!trace_enable(trace_events[i].items, err))
			return false;
		any = true;
	}
	return any ||
	       fail(err, "-trace %s: no event begins so; '-trace help' lists the beginnings, '-d help' our own items",
		    pattern);
}

static bool take_trace_events(struct settings *s, const char *a, struct error *err)
{
	struct opts opts;
	const char *pattern, *file;
	bool ok;

	if (is_help(a)) {
		for (unsigned i = 0; i < ARRAY_SIZE(trace_events); i++)
			printf("%-20s* as -d %s\n", trace_events[i].prefix, trace_events[i].items);
		help_done();
	}
	if (!opts_parse(&opts, a, "enable", err))
		return fail_context(err, "-trace");
	pattern = opts_get(&opts, "enable");
	file = opts_get(&opts, "file");
	if (opts_get(&opts, "events"))
		ok = fail(err, "-trace %s: events= is not built; write each pattern with a -trace of its own", a);
	else
		ok = opts_all_used(&opts, "-trace", err) && (!pattern || take_trace_pattern(pattern, err));
	if (ok && file)
		s->trace_file = strdup(file);
	opts_free(&opts);
	return ok;
}

static bool take_semihosting(struct settings *s, const char *a, struct error *err)
{
	s->config.semihosting = true;
	return true;
}

/* arg= may stand several times: the words of the command line. */
static bool semihosting_words(struct settings *s, struct opts *opts, struct error *err)
{
	char *words = s->config.semihosting_words;

	opts_get(opts, "arg");
	for (unsigned i = 0; i < opts->count; i++) {
		size_t length = strlen(words);

		if (strcmp(opts->list[i].key, "arg"))
			continue;
		if (length + strlen(opts->list[i].value) + 2 > sizeof(s->config.semihosting_words))
			return fail(err, "-semihosting-config arg=%.40s: more than %zu bytes in all; write less",
				    opts->list[i].value, sizeof(s->config.semihosting_words) - 1);
		sprintf(words + length, "%s%s", length ? " " : "", opts->list[i].value);
	}
	return true;
}

static bool take_semihosting_config(struct settings *s, const char *a, struct error *err)
{
	const char *enable, *target, *userspace, *chardev;
	struct opts opts;
	bool ok;

	if (!opts_parse(&opts, a, "enable", err))
		return fail_context(err, "-semihosting-config");
	enable = opts_get(&opts, "enable");
	target = opts_get(&opts, "target");
	userspace = opts_get(&opts, "userspace");
	chardev = opts_get(&opts, "chardev");
	s->config.semihosting = true;
	s->config.semihosting_chardev = chardev ? strdup(chardev) : NULL;
	ok = (!enable || parse_bool("-semihosting-config enable", enable, &s->config.semihosting, err)) &&
	     (!userspace || parse_bool("-semihosting-config userspace", userspace, &s->config.semihosting_el0, err)) &&
	     (!target || !strcmp(target, "native") || !strcmp(target, "auto") ||
	      fail(err, "-semihosting-config target=%s: calls are answered here; write target=native", target)) &&
	     semihosting_words(s, &opts, err) && opts_all_used(&opts, "-semihosting-config", err);
	opts_free(&opts);
	return ok;
}

/* Of what QEMU's words forbid, ours forbids all but the starting of programs always: a word is checked, and that one is
 * heard. */
static bool take_sandbox(struct settings *s, const char *a, struct error *err)
{
	static const char *const words[] = {"obsolete", "elevateprivileges", "spawn", "resourcecontrol"};
	const char *enable, *spawn;
	struct opts opts;
	bool ok;

	if (!opts_parse(&opts, a, "enable", err))
		return fail_context(err, "-sandbox");
	enable = opts_get(&opts, "enable");
	s->sandbox = s->sandbox_asked = true;
	ok = !enable || parse_bool("-sandbox enable", enable, &s->sandbox, err);
	for (unsigned n = 0; ok && n < ARRAY_SIZE(words); n++) {
		const char *value = opts_get(&opts, words[n]);

		ok = !value || !strcmp(value, "allow") || !strcmp(value, "deny") ||
		     (n == 1 && !strcmp(value, "children")) ||
		     fail(err, "-sandbox %s=%s: must be allow or deny", words[n], value);
	}
	spawn = opts_get(&opts, "spawn");
	s->no_spawn = spawn && !strcmp(spawn, "deny");
	ok = ok && opts_all_used(&opts, "-sandbox", err);
	opts_free(&opts);
	return ok;
}

static bool take_help(struct settings *s, const char *a, struct error *err)
{
	help_options();
}

static bool take_version(struct settings *s, const char *a, struct error *err)
{
	help_version();
}

static bool take_nothing(struct settings *s, const char *a, struct error *err)
{
	return true;
}

static bool take_display(struct settings *s, const char *a, struct error *err)
{
	return !strcmp(a, "none") || fail(err, "-display %s: there is no display; write -display none", a);
}

static bool take_vga(struct settings *s, const char *a, struct error *err)
{
	return !strcmp(a, "none") || fail(err, "-vga %s: there is no display; write -vga none", a);
}

/* What libvirt says in every command line: the values that hold are taken, and words about messages. */
static bool take_switches(const char *option, const char *a, const char *const *keys, const char *why,
			  struct error *err)
{
	struct opts opts;
	bool ok = opts_parse(&opts, a, NULL, err), on;

	for (; ok && *keys; keys++) {
		const char *value = opts_get(&opts, *keys);

		ok = !value || (parse_bool(*keys, value, &on, err) &&
				(!why || !on || fail(err, "%s=%s: %s; write %s=off", *keys, value, why, *keys)));
	}
	ok = ok && opts_all_used(&opts, option, err);
	opts_free(&opts);
	return ok || fail_context(err, "%s", option);
}

static bool take_overcommit(struct settings *s, const char *a, struct error *err)
{
	static const char *const keys[] = {"mem-lock", "cpu-pm", NULL};

	return take_switches("-overcommit", a, keys, "memory is not locked, and the host's CPUs stay the host's", err);
}

static bool take_msg(struct settings *s, const char *a, struct error *err)
{
	static const char *const keys[] = {"timestamp", "guest-name", NULL};

	return take_switches("-msg", a, keys, NULL, err);
}

static bool take_audio(struct settings *s, const char *a, struct error *err)
{
	struct opts opts;
	bool ok = option_parse(&opts, a, "driver", err);
	const char *driver = ok ? opts_get(&opts, "driver") : NULL;

	ok = ok && ((driver && !strcmp(driver, "none")) || fail(err, "%s: there is no sound; write driver=none", a));
	opts_free(&opts);
	return ok || fail_context(err, "-audiodev");
}

#define TAKE_NONE(name, what)                                                                                          \
	static bool take_##name(struct settings *s, const char *a, struct error *err)                                  \
	{                                                                                                              \
		return !strcmp(a, "none") ||                                                                           \
		       fail(err, "-" #name " %s: " what "; write -" #name " none or leave it out", a);                 \
	}
TAKE_NONE(parallel, "there is no parallel port")

static bool take_netdev(struct settings *s, const char *a, struct error *err)
{
	if (is_help(a))
		help_netdevs();
	return list_add(&s->netdevs, a, "-netdev", err);
}

static bool take_fsdev(struct settings *s, const char *a, struct error *err)
{
	return list_add(&s->fsdevs, a, "-fsdev", err);
}

static bool take_virtfs(struct settings *s, const char *a, struct error *err)
{
	return list_add(&s->virtfs, a, "-virtfs", err);
}

static bool take_nic(struct settings *s, const char *a, struct error *err)
{
	if (is_help(a))
		help_netdevs();
	return !strcmp(a, "none") || list_add(&s->nics, a, "-nic", err);
}

/* The old spelling: a card and a network that belong together without a word between them. */
static bool take_net(struct settings *s, const char *a, struct error *err)
{
	bool card = !strcmp(a, "nic") || !strncmp(a, "nic,", 4);
	const char **place = card ? &s->net_card : &s->net_wire;

	if (!strcmp(a, "none"))
		return true;
	if (card && strstr(a, ",netdev="))
		return list_add(&s->nics, a, "-net", err);
	if (*place)
		return fail(err, "-net %s: a second one; write -nic for each card with its network", a);
	*place = a;
	return true;
}

static bool take_action(struct settings *s, const char *a, struct error *err)
{
	const struct {
		const char *words;
		bool *flag, value;
	} actions[] = {
		{"reboot=shutdown", &s->config.no_reboot, true},
		{"reboot=reset", &s->config.no_reboot, false},
		{"shutdown=pause", &s->config.no_shutdown, true},
		{"shutdown=poweroff", &s->config.no_shutdown, false},
	};
	const char *word = a;
	size_t length;
	unsigned n;

	do {
		length = strcspn(word, ",");
		for (n = 0; n < ARRAY_SIZE(actions); n++)
			if (strlen(actions[n].words) == length && !memcmp(actions[n].words, word, length))
				break;
		if (n == ARRAY_SIZE(actions))
			return fail(
				err,
				"-action %s: reboot=shutdown, reboot=reset, shutdown=poweroff and shutdown=pause are built",
				a);
		*actions[n].flag = actions[n].value;
		word += length;
	} while (*word++);
	return true;
}

#define LATER "is not built yet; docs/status.md says what is"

const struct option options[] = {
	{"machine", "M", "virt[,KEY=VALUE...]",
	 "the machine and its properties; '-M virt,help' lists them; cxl-fmw.N.* describe fixed memory windows",
	 option_machine},
	{"cpu", NULL, "MODEL", "the CPU; '-cpu help' lists the models", option_cpu},
	{"accel", NULL, "jit|interp", "the engine: translator (the default on x86-64) or interpreter", option_accel},
	{"smp", NULL, "N[,sockets=,cores=,threads=]", "number of vCPUs, 1 to 16", option_smp},
	{"m", NULL, "SIZE[,slots=,maxmem=]", "memory; MiB without a suffix", option_memory},
	{"numa", NULL, "node,...|dist,...|cpu,...|hmat-lb,...|hmat-cache,...",
	 "NUMA nodes, their vCPUs, distances, latencies and bandwidths", option_numa},
	{"kernel", NULL, "FILE", "a Linux Image, gzip'd Image, EFI zboot or ELF file", take_kernel},
	{"initrd", NULL, "FILE", "initial RAM disk", take_initrd},
	{"append", NULL, "TEXT", "kernel command line", take_append, .is_free_text = true},
	{"dtb", NULL, "FILE", "device tree to use instead of the machine's own", take_dtb},
	{"bios", NULL, "FILE", "UEFI firmware, as QEMU_EFI.fd of qemu-efi-aarch64", take_bios},
	{"boot", NULL, "menu=on|off,splash-time=MS,strict=on|off",
	 "what firmware does before it boots; devices take bootindex=N", option_boot},
	{"object", NULL, "memory-backend-ram|-file|-memfd,id=,size=...",
	 "a memory backend, acpi-generic-port, acpi-generic-initiator", take_object},
	{"device", NULL, "NAME[,KEY=VALUE...]", "a device; '-device help' lists them", take_device},
	{"cxl-region", NULL, "window=,devices=,granularity=,type=,as=,size=,lock=", "CXL memory that is there at boot",
	 take_region},
	{"cxl", NULL, "COUNTxSIZE[,interleave=BYTES,bridges=N,as=,print=on]",
	 "CXL memory in short: a window, devices, a region; print=on shows the long form", option_cxl},
	{"drive", NULL, "file=,format=raw|qcow2,if=virtio|none|pflash,id=,unit=",
	 "a disk, or the image of a bank of flash", take_drive},
	{"blockdev", NULL,
	 "driver=file|raw|qcow2,node-name=,file=,backing=", "an image by itself, for -device's drive=", take_blockdev},
	{"hda", NULL, "FILE", "-drive file=FILE: the format is what the name ends in; -hdb, -hdc and -hdd too",
	 option_hda},
	{"hdb", NULL, "FILE", "a second disk", option_hdb},
	{"hdc", NULL, "FILE", "a third disk", option_hdc},
	{"hdd", NULL, "FILE", "a fourth disk", option_hdd},
	{"cdrom", NULL, "FILE", "a raw image, for reading only", option_cdrom},
	{"pflash", NULL, "FILE", "the image of the next bank of flash", option_pflash},
	{"snapshot", NULL, NULL, "what is written to disks goes to temporary files", option_snapshot},
	{"semihosting", NULL, NULL, "answer a program's semihosting calls: console, exit code, command line",
	 take_semihosting},
	{"semihosting-config", NULL, "enable=on,chardev=ID,arg=WORD,userspace=on",
	 "the same, with its console and words", take_semihosting_config},
	{"chardev", NULL, "null|stdio|file|pipe|socket|pty|testdev,id=...[,logfile=PATH]",
	 "a character device; testdev: \"CODEq\" ends the program", take_chardev},
	{"serial", NULL, "SPEC",
	 "where the serial port goes: mon:stdio, file:PATH, unix:PATH, null ...; given twice, a second port",
	 take_serial},
	{"nographic", NULL, NULL, "serial port on the terminal (this is the default)", take_nographic},
	{"display", NULL, "none", "there is no display", take_display},
	{"vga", NULL, "none", "there is no display", take_vga},
	{"parallel", NULL, "none", "there is no parallel port", take_parallel},
	{"monitor", NULL, "SPEC",
	 "the human monitor: stdio, unix:PATH,server=on,wait=off, telnet:127.0.0.1:PORT,server=on,wait=off, none",
	 take_monitor},
	{"echr", NULL, "N", "the key that begins commands on a console, as a number (1: Ctrl-A)", take_escape},
	{"netdev", NULL, "user|socket|stream|tap,id=...",
	 "a network for a virtio-net-pci: user,hostfwd=tcp::PORT-:PORT,restrict=,net=,host=,dns=,dhcpstart=; tap,ifname=,script=no; socket,listen=|connect=",
	 take_netdev},
	{"nic", NULL, "user|...[,mac=,model=]|none", "a network, as after -netdev, with its card", take_nic},
	{"fsdev", NULL, "local,id=,path=,security_model=none|mapped-xattr|passthrough[,readonly=on]",
	 "a folder of the host for a virtio-9p-pci", take_fsdev},
	{"virtfs", NULL, "local,path=,mount_tag=,security_model=[,readonly=on]",
	 "the same, with its device: mount -t 9p -o trans=virtio TAG", take_virtfs},
	{"net", NULL, "nic|user|none", "the old spelling of -nic", take_net},
	{"no-reboot", NULL, NULL, "end the program when the guest resets", take_no_reboot},
	{"action", NULL, "reboot=shutdown|reset,shutdown=poweroff|pause", "what a guest reset or power-off does",
	 take_action},
	{"icount", NULL, "shift=N", "instruction time, 1 << N ns each: every run of the same input is the same run",
	 option_icount},
	{"rtc", NULL, "base=utc|DATE", "the real-time clock's start", option_rtc},
	{"d", NULL, "ITEM,...", "trace; '-d help' lists the items", take_trace},
	{"D", NULL, "FILE", "where traces go", take_trace_file},
	{"trace", NULL, "PATTERN[,file=FILE]",
	 "trace by QEMU's event names: \"cxl_*\" is -d cxl,mbox; '-trace help' lists them", take_trace_events},
	{"global", NULL, "DRIVER.PROPERTY=VALUE", "a property of every -device of that driver", option_global},
	{"readconfig", NULL, "FILE", "options from a file: [device \"id\"], KEY = \"VALUE\"", option_readconfig},
	{"sandbox", NULL, "on|off[,spawn=allow|deny]",
	 "no system calls but those of a machine that runs (on is the default); spawn=deny: none that a plugged network needs",
	 take_sandbox},
	{"daemonize", NULL, NULL, "go on in the background once the machine is made", take_daemonize},
	{"pidfile", NULL, "FILE", "write the process ID there", take_pidfile},
	{"qmp", NULL, "SPEC",
	 "a QMP monitor: unix:PATH,server=on,wait=off, tcp:127.0.0.1:PORT,server=on,wait=off or stdio", take_qmp},
	{"mon", NULL, "chardev=ID,mode=control|readline", "a QMP or human monitor on a -chardev", take_mon},
	{"gdb", NULL, "SPEC", "a gdb server: tcp::PORT (of this host), unix:PATH, none", take_gdb},
	{"s", NULL, NULL, "the same as -gdb tcp::1234", take_gdb_default},
	{"S", NULL, NULL, "start paused: QMP's cont lets it run", take_paused},
	{"no-shutdown", NULL, NULL, "a guest that powers off leaves the machine paused", take_no_shutdown},
	{"name", NULL, "TEXT", "a name for the machine, for QMP's query-name", take_name, .is_free_text = true},
	{"uuid", NULL, "UUID", "a UUID for the machine, for SMBIOS and QMP's query-uuid", option_uuid},
	{"smbios", NULL, "type=0|1|11,KEY=TEXT...", "words for the guest's SMBIOS tables", option_smbios},
	{"fw_cfg", NULL, "name=opt/...,file=PATH|string=TEXT", "a file for firmware and guest, in fw_cfg",
	 option_fw_cfg},
	{"overcommit", NULL, "mem-lock=off,cpu-pm=off", "accepted: this holds", take_overcommit},
	{"msg", NULL, "timestamp=on|off,guest-name=on|off", "accepted: messages have neither", take_msg},
	{"audiodev", "audio", "none,id=ID", "there is no sound", take_audio},
	{"nodefaults", NULL, NULL, "accepted: there are no default devices", take_nothing},
	{"no-user-config", NULL, NULL, "accepted: there is no user configuration", take_nothing},
	{"version", NULL, NULL, "print the version", take_version},
	{"help", "h", NULL, "print this", take_help},
	/* Known, not built. */
	{"enable-kvm", NULL, NULL, NULL, NULL, "KVM cannot run arm64 code here: leave it out"},
	{"loadvm", NULL, "NAME", NULL, NULL, LATER},
	{"incoming", NULL, "URI", NULL, NULL, LATER},
	{"set", NULL, "SPEC", NULL, NULL, "write the property at the device"},
	{"writeconfig", NULL, "FILE", NULL, NULL, LATER},
	{"usb", NULL, NULL, NULL, NULL, "there is no USB"},
	{"spice", NULL, "SPEC", NULL, NULL, "there is no display"},
	{"vnc", NULL, "SPEC", NULL, NULL, "there is no display"},
	{"curses", NULL, NULL, NULL, NULL, "there is no display; -nographic has the console on the terminal"},
	{"full-screen", NULL, NULL, NULL, NULL, "there is no display"},
	{"cxl-fixed-memory-window", NULL, "SPEC", NULL, NULL,
	 "write -M cxl-fmw.0.targets.0=ID,cxl-fmw.0.size=SIZE with the same keys, cxl-fmw.1 for a second window"},
	{"mem-path", NULL, "PATH", NULL, NULL, "use -object memory-backend-file and -numa node,memdev="},
	{"run-with", NULL, "SPEC", NULL, NULL, LATER},
	{"runas", NULL, "USER", NULL, NULL, "no privilege is needed: start it as that user"},
	{"user", NULL, "USER", NULL, NULL, "no privilege is needed: start it as that user"},
	{"chroot", NULL, "FOLDER", NULL, NULL, "start it inside that folder"},
	{"add-fd", NULL, "SPEC", NULL, NULL, "name the file by its path"},
	{"mem-prealloc", NULL, NULL, NULL, NULL, "write prealloc=on at the -object memory-backend-..."},
	{"L", NULL, "FOLDER", NULL, NULL, "name files by their paths, as in -bios FOLDER/QEMU_EFI.fd"},
	{"k", NULL, "LAYOUT", NULL, NULL, "there is no display"},
	{"qmp-pretty", NULL, "SPEC", NULL, NULL, "answers are on one line: write -qmp"},
	{"no-acpi", NULL, NULL, NULL, NULL, "write -M acpi=off"},
	{"watchdog", NULL, "MODEL", NULL, NULL, "there is no watchdog"},
	{"watchdog-action", NULL, "ACTION", NULL, NULL, "there is no watchdog"},
	{"tpmdev", NULL, "SPEC", NULL, NULL, "there is no TPM"},
	{"usbdevice", NULL, "SPEC", NULL, NULL, "there is no USB"},
	{"soundhw", NULL, "SPEC", NULL, NULL, "there is no sound"},
	{"plugin", NULL, "FILE", NULL, NULL, "there are no plugins; -d and the gdb server look inside"},
	{"dfilter", NULL, "RANGES", NULL, NULL, LATER},
	{"seed", NULL, "NUMBER", NULL, NULL, "with -icount every run is the same"},
	{"acpitable", NULL, "SPEC", NULL, NULL, LATER},
	{NULL},
};
