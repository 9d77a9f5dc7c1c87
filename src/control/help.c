/* SPDX-License-Identifier: BSD-2-Clause */
/* What -help, -version and `help` as a value print: to stdout, exit 0. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "control/settings.h"
#include "cpu/cpu.h"
#include "jit/jit.h"

#define HELP_COLUMN 45 /* where an option's words begin, below it if it is long */

/* What was asked for is the output, so an output that fails is a failure. */
_Noreturn void help_done(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "cxlvm: the help could not be written to standard output\n");
		exit(1);
	}
	exit(0);
}

void help_version(void)
{
	/* By that name programs start it who take the version out of that line. */
	if (!strncmp(program_invocation_short_name, "qemu-", 5))
		printf("QEMU emulator version %d.%d.%d (cxlvm " CXLVM_VERSION ")\n", DIALECT_MAJOR, DIALECT_MINOR,
		       DIALECT_MICRO);
	else
		printf("cxlvm version " CXLVM_VERSION "\n");
	help_done();
}

void help_options(void)
{
	printf("cxlvm version " CXLVM_VERSION ": an arm64 machine with CXL memory\nusage: cxlvm [options]\n"
	       "       cxlvm topology [--dot|--svg] [options]   draws the fabric they describe, and starts nothing\n"
	       "       cxlvm topology [--dot|--svg] unix:PATH   draws that of a machine that runs, by the socket of its -qmp\n"
	       "       cxlvm explain unix:PATH HPA              says which decoder takes or refuses an address there, and why\n\n");
	for (const struct option *o = options; o->name; o++) {
		int width;

		if (o->refusal)
			continue;
		width = printf("-%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
		if (width >= HELP_COLUMN)
			width = printf("\n") - 1;
		printf("%*s%s\n", HELP_COLUMN - width, "", o->help);
	}
	printf("\nCtrl-A x ends the program, Ctrl-A h lists the other keys.\n"
	       "Exits with 0 when the guest powers off, 1 if something is wrong, 2 from explain if nothing answers; a guest's\n"
	       "test device (-chardev testdev) or semihosting says a code of its own.\n");
	help_done();
}

/* All that is of one kind, or one of them. */
static bool help_classes(const char *option, const char *name, bool objects, struct error *err)
{
	for (unsigned i = 0; machine_classes[i]; i++) {
		const struct dev_class *cls = machine_classes[i];

		if (cls->hidden || (cls->plugs == BUS_OBJECT) != objects)
			continue;
		if (!name)
			printf("name \"%s\", desc \"%s\"\n", cls->name, cls->doc);
		else if (!strcmp(cls->name, name)) {
			dev_class_help(cls);
			help_done();
		}
	}
	if (!name)
		help_done();
	return fail(err, "%s %s,help: there is no %s; '%s help' lists what there is", option, name, name, option);
}

bool help_devices(const char *name, struct error *err)
{
	const char *why;
	const struct dev_class *cls = name ? machine_device_class(name, &why) : NULL;

	return help_classes("-device", cls ? cls->name : name, false, err);
}

bool help_objects(const char *name, struct error *err)
{
	return help_classes("-object", name, true, err);
}

void help_machines(void)
{
	printf("Supported machines are:\nnone                 nothing runs: for programs that only ask\n"
	       "virt                 cxlvm ARM Virtual Machine with CXL\n");
	help_done();
}

void help_cpus(void)
{
	printf("Available CPUs:\n");
	for (const char *const *model = cpus_models(); *model; model++)
		printf("  %s\n", *model);
	help_done();
}

void help_trace(void)
{
	trace_help();
	help_done();
}

void help_accels(void)
{
	/* A name is a line: programs look for it. */
	printf("Accelerators supported:\njit\ninterp\ntcg\n\njit is the default, by tcg it is meant too; -accel jit,help says more.\n");
	help_done();
}

void help_accel_jit(void)
{
	printf("tb-size=MIB             size of the code cache (128)\n"
	       "host=NAME               all, avx512, avx2 or sse4.2: no host instructions beyond these (all that there are)\n"
	       "stress-tlb=on|off       for tests: level 1 of the TLB has four entries (off)\n"
	       "stress-poll=on|off      for tests: a poll every 64 instructions (off)\n");
	for (unsigned n = 0; n < JIT_SWITCH_COUNT; n++) {
		const struct jit_switch_row *row = &jit_switches[n];

		printf("%s=on|off%*s%s%s (%s)\n", row->name, (int)(17 - strlen(row->name)), "",
		       strncmp(row->name, "stress", 6) ? "" : "for tests: ", row->doc, row->on ? "on" : "off");
	}
	jit_list_calls();
	help_done();
}

void help_chardevs(void)
{
	printf("Available chardev backend types:\n  null\n  stdio\n  pty\n  file\n  pipe\n  socket\n  testdev\n");
	help_done();
}

void help_netdevs(void)
{
	printf("Available netdev backend types:\nuser\nsocket\nstream\ntap\n");
	help_done();
}
