/* SPDX-License-Identifier: BSD-2-Clause */
/* What -help, -version and `help` as a value print: to stdout, exit 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "control/settings.h"
#include "cpu/cpu.h"

void help_version(void)
{
	printf("cxlvm version " CXLVM_VERSION "\n");
	exit(0);
}

void help_options(void)
{
	printf("cxlvm version " CXLVM_VERSION ": an arm64 machine with CXL memory\nusage: cxlvm [options]\n\n");
	for (const struct option *o = options; o->name; o++) {
		char left[96];

		if (o->refusal)
			continue;
		snprintf(left, sizeof(left), "-%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
		printf("%-44s %s\n", left, o->help);
	}
	printf("\nCtrl-A x ends the program, Ctrl-A h lists the other keys.\n");
	exit(0);
}

void help_devices(const char *name, struct error *err)
{
	for (unsigned i = 0; machine_classes[i]; i++) {
		const struct dev_class *cls = machine_classes[i];

		if (cls->hidden)
			continue;
		if (name && !strcmp(cls->name, name)) {
			dev_class_help(cls);
			exit(0);
		}
		if (!name && cls->plugs != BUS_OBJECT)
			printf("name \"%s\", desc \"%s\"\n", cls->name, cls->doc);
	}
	if (name) {
		fprintf(stderr, "cxlvm: -device %s,help: no such device; '-device help' lists them\n", name);
		exit(1);
	}
	exit(0);
}

void help_machines(void)
{
	printf("Supported machines are:\nvirt                 cxlvm ARM Virtual Machine with CXL\n");
	exit(0);
}

void help_cpus(void)
{
	printf("Available CPUs:\n");
	for (const char *const *model = cpus_models(); *model; model++)
		printf("  %s\n", *model);
	exit(0);
}

void help_trace(void)
{
	trace_help();
	exit(0);
}
