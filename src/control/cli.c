/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: options are read in order into `struct settings`, then carried out by kind, so that an object may be
 * named before it is described. Errors: one line on stderr, exit 1.
 */
#include "control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/settings.h"

static const struct option *find_option(const char *text)
{
	if (*text != '-')
		return NULL;
	text++;
	if (*text == '-')
		text++;
	for (const struct option *o = options; o->name; o++)
		if (!strcmp(o->name, text) || (o->alias && !strcmp(o->alias, text)))
			return o;
	return NULL;
}

static bool parse_arguments(struct settings *s, int argc, char **argv, struct error *err)
{
	for (int i = 1; i < argc; i++) {
		const struct option *o = find_option(argv[i]);
		const char *argument = NULL;

		if (!o && argv[i][0] != '-')
			return fail(err, "%s: a disk is written -drive file=%s,format=raw,if=virtio", argv[i], argv[i]);
		if (!o)
			return fail(err, "%s: no such option; -help lists them", argv[i]);
		if (o->refusal)
			return fail(err, "%s: %s", argv[i], o->refusal);
		if (o->argument) {
			if (i + 1 == argc)
				return fail(err, "%s: needs an argument: %s", argv[i], o->argument);
			argument = argv[++i];
		}
		if (o->take && !o->take(s, argument, err))
			return false;
	}
	return true;
}

/* Carries out every text of a list: parses it with `implied` as the first key. */
static bool each(const struct listed *list, const char *what, const char *implied, struct machine *machine,
		 bool (*add)(struct machine *machine, struct opts *opts, struct error *err), struct error *err)
{
	for (unsigned i = 0; i < list->count; i++) {
		struct opts opts;
		bool ok = opts_parse(&opts, list->text[i], implied, err) && add(machine, &opts, err) &&
			  opts_all_used(&opts, what, err);

		opts_free(&opts);
		if (!ok)
			return fail_context(err, "%s %.*s", what, 100, list->text[i]);
	}
	return true;
}

static bool build(struct settings *s, struct machine *machine, struct error *err)
{
	if (!each(&s->objects, "-object", "qom-type", machine, machine_add_object, err) ||
	    !each(&s->chardevs, "-chardev", "backend", machine, machine_add_chardev, err) ||
	    !each(&s->drives, "-drive", NULL, machine, machine_add_drive, err) ||
	    !each(&s->devices, "-device", "driver", machine, machine_add_device, err))
		return false;
	for (unsigned n = 0; n < FMW_MAX; n++) {
		if (!s->windows[n].used)
			continue;
		if (!machine_add_window(machine, &s->windows[n].opts, err) || !opts_all_used(&s->windows[n].opts, "-M", err))
			return fail_context(err, "-M cxl-fmw.%u", n);
	}
	return each(&s->regions, "-cxl-region", NULL, machine, machine_add_region, err) && machine_finish(machine, err);
}

static bool write_pidfile(const char *path, struct error *err)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return fail(err, "-pidfile %s: cannot write it", path);
	fprintf(file, "%d\n", (int)getpid());
	fclose(file);
	return true;
}

int control_main(int argc, char **argv)
{
	struct settings *s = calloc(1, sizeof(*s));
	struct machine *machine = NULL;
	struct error err = {""};
	int code = 1;
	bool ok;

	if (!s)
		return 1;
	s->config.ram_size = 1 * GiB;
	s->config.cpu_count = 1;
	s->config.cpu_model = "max";
	s->config.acpi = s->config.its = true;
	s->config.cxl = -1;
	ok = parse_arguments(s, argc, argv, &err);
	if (ok && !s->config.serial)
		s->config.serial = "mon:stdio";
	if (ok && s->config.ram_max < s->config.ram_size)
		s->config.ram_max = s->config.ram_size;
	ok = ok && (machine = machine_create(&s->config, &err)) && build(s, machine, &err) &&
	     (!s->pidfile || write_pidfile(s->pidfile, &err));
	if (ok) {
		code = machine_run(machine, &err);
		ok = !err.text[0];
	}
	if (!ok)
		fprintf(stderr, "cxlvm: %s\n", err.text);
	if (machine)
		machine_destroy(machine);
	for (unsigned n = 0; n < FMW_MAX; n++)
		opts_free(&s->windows[n].opts);
	if (s->pidfile && ok)
		unlink(s->pidfile);
	free(s);
	return ok ? code : 1;
}
