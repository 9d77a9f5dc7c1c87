/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other ways to write an option: JSON after -device and -object, files of options (-readconfig), -global's properties,
 * and -cxl, our short form of a whole fabric. Each ends in the ordinary options, so that nothing has two meanings.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "control/qmp.h"
#include "control/settings.h"
#include "host/host.h"

#define JSON_DEPTH_MAX 8
#define CONFIG_BYTES_MAX (1 * MiB)
#define CONFIG_LINE_MAX 4096

/* --- JSON --- */

static bool put_key(struct opts *opts, const char *key, const char *value, struct error *err)
{
	if (opts->count == OPTS_MAX)
		return fail(err, "'%.60s': more than %d members in one object; leave some out", key, OPTS_MAX);
	opts->list[opts->count++] = (struct opt){.key = strdup(key), .value = strdup(value)};
	return true;
}

static bool put_string(struct opts *opts, const char *key, struct json_object *value, struct error *err)
{
	const char *text = json_object_get_string(value);

	if (json_object_is_type(value, json_type_string) && strlen(text) != (size_t)json_object_get_string_len(value))
		return fail(err, "'%.60s' has a NUL character in it", key);
	return put_key(opts, key, text, err);
}

/* {"str": "A"}: its "A", or NULL. */
static struct json_object *only_string(struct json_object *value)
{
	struct json_object *text;

	return json_object_is_type(value, json_type_object) && json_object_object_length(value) == 1 &&
			       json_object_object_get_ex(value, "str", &text) &&
			       json_object_is_type(text, json_type_string) ?
		       text :
		       NULL;
}

/* Members of members are KEY.KEY, elements of arrays KEY.0, KEY.1, but for [{"str": "A"}], as a network's hostfwd has
 * it: the key once for each. */
static bool flatten(struct opts *opts, const char *key, struct json_object *value, unsigned depth, struct error *err)
{
	char name[256];

	if (depth == JSON_DEPTH_MAX)
		return fail(err, "'%.60s': deeper than %d levels", key, JSON_DEPTH_MAX);
	switch (json_object_get_type(value)) {
	case json_type_object: {
		json_object_object_foreach(value, inner, member)
		{
			if (snprintf(name, sizeof(name), "%s%s%s", key, *key ? "." : "", inner) >= (int)sizeof(name))
				return fail(err, "'%.60s': a name of more than %zu bytes", inner, sizeof(name) - 1);
			if (!flatten(opts, name, member, depth + 1, err))
				return false;
		}
		return true;
	}
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			struct json_object *element = json_object_array_get_idx(value, i), *text = only_string(element);

			snprintf(name, sizeof(name), "%.200s.%zu", key, i);
			if (!(text ? put_string(opts, key, text, err) : flatten(opts, name, element, depth + 1, err)))
				return false;
		}
		return true;
	case json_type_boolean: return put_key(opts, key, json_object_get_boolean(value) ? "on" : "off", err);
	case json_type_null:
		/* An image without the one behind it. */
		if (strlen(key) >= 7 && !strcmp(key + strlen(key) - 7, "backing"))
			return put_key(opts, key, "null", err);
		return fail(err, "'%.60s' is null; leave it out", key);
	case json_type_double:
		return fail(err, "'%.60s' is no integer of up to 64 bits; write one, or a size as text", key);
	default: return put_string(opts, key, value, err);
	}
}

bool option_from_json(struct opts *opts, struct json_object *object, struct error *err)
{
	memset(opts, 0, sizeof(*opts));
	return flatten(opts, "", object, 0, err);
}

struct reading {
	struct opts *opts;
	struct error *err;
	bool any, ok;
};

static void take_object(void *opaque, struct json_object *object, const char *error)
{
	struct reading *r = opaque;
	bool more = r->any;

	r->any = true;
	if (more)
		r->ok = r->ok && fail(r->err, "something stands behind the JSON object; leave it out");
	else if (object)
		r->ok = flatten(r->opts, "", object, 0, r->err);
	else
		fail(r->err, "%s; write {\"driver\": \"NAME\", \"KEY\": VALUE}", error);
}

/* As QMP takes it: strings in either quotes, no member twice, no integer of more than 64 bits. */
static bool parse_json(struct opts *opts, const char *text, struct error *err)
{
	struct reading r = {.opts = opts, .err = err};
	struct qmp_input input = {.message = take_object, .opaque = &r};

	memset(opts, 0, sizeof(*opts));
	qmp_input_feed(&input, (const u8 *)text, strlen(text));
	if (input.count && (r.ok || !r.any))
		r.ok = fail(err, "the JSON object is not complete; write {\"driver\": \"NAME\", \"KEY\": VALUE}");
	qmp_input_clear(&input);
	if (!r.ok)
		opts_free(opts);
	return r.ok;
}

bool option_parse(struct opts *opts, const char *text, const char *implied, struct error *err)
{
	return text[0] == '{' ? parse_json(opts, text, err) : opts_parse(opts, text, implied, err);
}

/* --- -global DRIVER.KEY=VALUE --- */

/* Objects have no -global, as in QEMU. */
static bool is_driver(const char *name)
{
	for (unsigned i = 0; machine_classes[i]; i++)
		if (!strcmp(machine_classes[i]->name, name))
			return machine_classes[i]->plugs != BUS_OBJECT;
	return false;
}

/* DRIVER.KEY=VALUE, or driver=,property=,value=, as a driver's name may have a dot in it. */
static bool read_global(const char *argument, struct machine_global *global, struct error *err)
{
	const char *dot = strchr(argument, '.'), *equals = strchr(argument, '='), *driver, *property, *value;
	struct opts opts = {.count = 0};
	bool ok;

	if (dot && equals && dot > argument && dot + 1 < equals) {
		*global = (struct machine_global){strndup(argument, (size_t)(dot - argument)),
						  strndup(dot + 1, (size_t)(equals - dot - 1)), equals + 1};
		return true;
	}
	ok = opts_parse(&opts, argument, NULL, err);
	driver = opts_get(&opts, "driver");
	property = opts_get(&opts, "property");
	value = opts_get(&opts, "value");
	if (ok && (!driver || !property || !value))
		ok = fail(err, "write DRIVER.PROPERTY=VALUE");
	ok = ok && opts_all_used(&opts, "-global", err);
	if (ok)
		*global = (struct machine_global){strdup(driver), strdup(property), strdup(value)};
	opts_free(&opts);
	return ok;
}

/* What is kept lives to the end of the program. */
bool option_global(struct settings *s, const char *argument, struct error *err)
{
	struct machine_global *global = &s->config.globals[s->config.global_count];
	bool legacy;

	if (s->config.global_count == GLOBALS_MAX)
		return fail(err, "-global %s: more than %d of these; leave some out", argument, GLOBALS_MAX);
	if (!read_global(argument, global, err))
		return fail_context(err, "-global %s", argument);
	/* The board's slots are no -device. */
	if (!strcmp(global->driver, "virtio-mmio") && !strcmp(global->property, "force-legacy")) {
		if (!parse_bool("force-legacy", global->value, &legacy, err))
			return false;
		s->config.virtio_mmio_modern = !legacy;
		return true;
	}
	if (!is_driver(global->driver))
		notice("-global %s: has no effect: there is no such driver; '-device help' lists them", argument);
	s->config.global_count++;
	return true;
}

/* --- -readconfig --- */

static const struct option *group_option(const char *group)
{
	static const char *const other_names[][2] = {
		{"memory", "m"}, {"smp-opts", "smp"}, {"boot-opts", "boot"}, {"action", "action"}};

	for (unsigned i = 0; i < ARRAY_SIZE(other_names); i++)
		if (!strcmp(group, other_names[i][0]))
			group = other_names[i][1];
	for (const struct option *o = options; o->name; o++)
		if (!strcmp(o->name, group) && o->argument)
			return o;
	return NULL;
}

struct section {
	const struct option *option; /* NULL: none has begun */
	char *text;
	size_t size;
	FILE *to;
	bool any;
};

static void put_member(struct section *section, const char *key, const char *value)
{
	fprintf(section->to, "%s%s=", section->any ? "," : "", key);
	for (; *value; value++) {
		if (*value == ',')
			fputc(',', section->to);
		fputc(*value, section->to);
	}
	section->any = true;
}

/* The text lives as long as the options do: to the end of the program. */
static bool end_section(struct settings *s, struct section *section, struct error *err)
{
	const struct option *o = section->option;

	if (!o)
		return true;
	fclose(section->to);
	section->option = NULL;
	return o->refusal ? fail(err, "-%s: %s", o->name, o->refusal) : o->take(s, section->text, err);
}

static bool config_line(struct settings *s, struct section *section, char *line, struct error *err)
{
	char group[64], id[256], key[128], value[CONFIG_LINE_MAX], end;
	int words;

	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return true;
	words = sscanf(line, "[%63[^] \"] \"%255[^\"]\"%c", group, id, &end);
	if (*line == '[') {
		if (words == 2 || words <= 0 || (words == 3 && end != ']') ||
		    (words == 1 && line[1 + strlen(group)] != ']'))
			return fail(err, "'%.60s': write [GROUP] or [GROUP \"ID\"]", line);
		if (!end_section(s, section, err))
			return false;
		*section = (struct section){.option = group_option(group)};
		if (!section->option)
			return fail(err, "[%s]: no such group; groups are named as the options are", group);
		section->to = open_memstream(&section->text, &section->size);
		assert(section->to);
		if (words == 3)
			put_member(section, "id", id);
		return true;
	}
	if (!section->option)
		return fail(err, "'%.60s' stands before any [GROUP]", line);
	if (sscanf(line, "%127[^= \t] = \"%4095[^\"]%c", key, value, &end) != 3 || end != '"') {
		if (sscanf(line, "%127[^= \t] = \"%c", key, &end) != 2 || end != '"')
			return fail(err, "'%.60s': write KEY = \"VALUE\"", line);
		value[0] = 0;
	}
	put_member(section, key, value);
	return true;
}

bool option_readconfig(struct settings *s, const char *argument, struct error *err)
{
	struct section section = {0};
	unsigned number = 0;
	char *text, *next;
	bool ok = true;
	u64 size;
	u8 *file;

	if (s->config_depth)
		return fail(err, "-readconfig %s: a file of options names no other", argument);
	if (!file_read_all(argument, CONFIG_BYTES_MAX, &file, &size, err))
		return fail_context(err, "-readconfig %s", argument);
	text = strndup((char *)file, size);
	free(file);
	s->config_depth++;
	for (char *line = text; ok && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		number++;
		ok = strlen(line) < CONFIG_LINE_MAX ? config_line(s, &section, line, err) :
						      fail(err, "a line has at most %d bytes", CONFIG_LINE_MAX - 1);
	}
	ok = ok && end_section(s, &section, err);
	if (section.option) { /* what failed was inside it */
		fclose(section.to);
		free(section.text);
	}
	s->config_depth--;
	free(text);
	return ok || fail_context(err, "-readconfig %s, line %u", argument, number);
}

/* --- -cxl COUNTxSIZE --- */

struct short_form {
	u64 count, size, granularity, bridges;
	bool print;
	const char *as, *type;
};

static bool read_short_form(struct short_form *f, struct opts *opts, struct error *err)
{
	const char *what = opts_get(opts, "devices"), *x = what ? strchr(what, 'x') : NULL, *text;
	char count[8] = "";

	*f = (struct short_form){.granularity = 256, .bridges = 1, .as = "none", .type = "ram"};
	if (!x || x == what || x - what > 6)
		return fail(
			err,
			"write COUNTxSIZE[,interleave=BYTES,bridges=N,as=none|dax|system-ram,print=on], as in 2x512M,interleave=256");
	memcpy(count, what, (size_t)(x - what));
	if (!parse_u64("COUNT", count, 1, 16, &f->count, err) || !parse_size("SIZE", x + 1, &f->size, err))
		return false;
	if ((text = opts_get(opts, "interleave")) && !parse_size("interleave", text, &f->granularity, err))
		return false;
	if ((text = opts_get(opts, "bridges")) && !parse_u64("bridges", text, 1, f->count, &f->bridges, err))
		return false;
	if ((text = opts_get(opts, "print")) && !parse_bool("print", text, &f->print, err))
		return false;
	if ((text = opts_get(opts, "as")))
		f->as = text;
	if (!f->size || f->size % (256 * MiB) || f->size > 1024 * GiB)
		return fail(err, "SIZE=%s: a device has a multiple of 256M, up to 1T", x + 1);
	if (f->count % f->bridges)
		return fail(err, "bridges=%llu: %llu devices cannot be spread evenly; leave bridges= out",
			    (unsigned long long)f->bridges, (unsigned long long)f->count);
	return true;
}

/* One option of the long form: printed, or taken. Its text stays to the end of the program. */
__attribute__((format(printf, 4, 6))) static bool say(struct settings *s, bool print, const char *name,
						      const char *format, struct error *err, ...)
{
	va_list args;
	char *text;
	bool ok;

	va_start(args, err);
	ok = vasprintf(&text, format, args) >= 0;
	va_end(args);
	assert(ok);
	if (print) {
		printf("-%s %s \\\n", name, text);
		free(text);
		return true;
	}
	return group_option(name)->take(s, text, err);
}

static bool say_fabric(struct settings *s, const struct short_form *f, struct error *err)
{
	unsigned long long mib = f->size / MiB;
	char *devices = NULL, *targets = NULL;
	size_t size;
	FILE *to = open_memstream(&targets, &size);
	bool ok = to != NULL;

	for (unsigned b = 0; ok && b < f->bridges; b++)
		fprintf(to, ",cxl-fmw.0.targets.%u=cxl.%u", b, b);
	ok = ok && !fclose(to) &&
	     say(s, f->print, "machine", "%scxl-fmw.0.size=%lluM,cxl-fmw.0.interleave-granularity=%llu%s", err,
		 f->print ? "virt," : "" /* -M none stays */, mib * f->count, (unsigned long long)f->granularity,
		 targets);
	for (unsigned b = 0; ok && b < f->bridges; b++)
		ok = say(s, f->print, "device", "pxb-cxl,bus_nr=%u,id=cxl.%u", err,
			 (unsigned)(64 + b * 192 / f->bridges), b);
	to = open_memstream(&devices, &size);
	for (unsigned n = 0; ok && to && n < f->count; n++) {
		/* As a window spreads: the first of every bridge, then the second. */
		fprintf(to, "%smem%u", n ? ":" : "", n);
		ok = say(s, f->print, "object", "memory-backend-ram,id=cxl-mem%u,size=%lluM", err, n, mib) &&
		     say(s, f->print, "device", "cxl-rp,bus=cxl.%u,id=cxl-rp%u,chassis=0,slot=%u", err,
			 (unsigned)(n % f->bridges), n, n) &&
		     say(s, f->print, "device", "cxl-type3,bus=cxl-rp%u,volatile-memdev=cxl-mem%u,id=mem%u", err, n, n,
			 n);
	}
	ok = ok && to && !fclose(to) &&
	     say(s, f->print, "cxl-region", "window=0,devices=%s,granularity=%llu,type=ram,as=%s", err, devices,
		 (unsigned long long)f->granularity, f->as);
	free(targets);
	free(devices);
	return ok;
}

bool option_cxl(struct settings *s, const char *argument, struct error *err)
{
	struct short_form f;
	struct opts opts;
	bool ok = opts_parse(&opts, argument, "devices", err) && read_short_form(&f, &opts, err) &&
		  opts_all_used(&opts, "-cxl", err) && say_fabric(s, &f, err);

	if (!ok)
		return fail_context(err, "-cxl %s", argument);
	if (f.print)
		help_done();
	opts_free(&opts);
	return true;
}
