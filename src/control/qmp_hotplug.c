/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QMP: devices, objects and networks that come and go. The arguments are flat, as on the command line: every member
 * beside the class and the id is a property of it, as text, number or truth value. A network's may be lists and
 * objects.
 */
#include <stdlib.h>
#include <string.h>

#include "control/qmp.h"
#include "obj/dev.h"

static const char peripheral[] = "/machine/peripheral/";

/* [{"str": "A"}, {"str": "B"}], as a network's hostfwd has it: the key once for each. */
static bool take_list(struct opts *opts, const char *key, struct json_object *list, struct error *err)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i), *text = entry;

		if (json_object_is_type(entry, json_type_object))
			json_object_object_get_ex(entry, "str", &text);
		if (!json_object_is_type(text, json_type_string) ||
		    strlen(json_object_get_string(text)) != (size_t)json_object_get_string_len(text))
			return fail(err, "Invalid parameter type for '%.100s', expected: strings", key);
		if (opts->count == OPTS_MAX)
			return fail(err, "more than %d members", OPTS_MAX);
		opts->list[opts->count++] =
			(struct opt){.key = strdup(key), .value = strdup(json_object_get_string(text))};
	}
	return true;
}

/* {"type": "unix", "path": "P"}, as a stream's addr has it: KEY.type=unix,KEY.path=P. */
static bool take_members(struct opts *opts, const char *key, struct json_object *object, struct error *err)
{
	struct opts inner;
	bool ok = option_from_json(&inner, object, err);
	char *name;

	for (unsigned i = 0; ok && i < inner.count; i++) {
		if (opts->count == OPTS_MAX)
			ok = fail(err, "more than %d members", OPTS_MAX);
		else if (asprintf(&name, "%s.%s", key, inner.list[i].key) < 0)
			ok = fail(err, "out of memory");
		else
			opts->list[opts->count++] = (struct opt){.key = name, .value = strdup(inner.list[i].value)};
	}
	opts_free(&inner);
	return ok;
}

/* The arguments as options, the class first. */
static bool take_options(const struct qmp_call *call, struct opts *opts, const char *class_key, bool is_network,
			 struct error *err)
{
	json_object_object_foreach(call->arguments, key, value)
	{
		enum json_type type = json_object_get_type(value);
		struct opt *opt = &opts->list[opts->count];

		if (is_network && (type == json_type_array || type == json_type_object)) {
			if (!(type == json_type_array ? take_list : take_members)(opts, key, value, err))
				return false;
			continue;
		}
		if (opts->count == OPTS_MAX)
			return fail(err, "more than %d members", OPTS_MAX);
		if (type != json_type_string && type != json_type_int && type != json_type_boolean)
			return fail(err, "Invalid parameter type for '%.100s', expected: string, integer or boolean",
				    key);
		if (type == json_type_string &&
		    strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
			return fail(err, "Parameter '%.100s' has a NUL character in it", key);
		opt->key = strdup(key);
		opt->value = strdup(type != json_type_boolean      ? json_object_get_string(value) :
				    json_object_get_boolean(value) ? "on" :
								     "off");
		opts->count++;
		if (!strcmp(key, class_key)) {
			struct opt first = opts->list[0];

			opts->list[0] = *opt;
			*opt = first;
		}
	}
	return true;
}

static bool add(struct qmp_call *call, const char *class_key,
		bool (*carry_out)(struct machine *machine, struct opts *opts, struct error *err), struct error *err)
{
	struct opts opts = {.count = 0};
	bool ok = take_options(call, &opts, class_key, carry_out == machine_add_netdev, err) &&
		  carry_out(call->machine, &opts, err);

	opts_free(&opts);
	return ok;
}

bool qmp_device_add(struct qmp_call *call, struct error *err)
{
	return add(call, "driver", machine_device_plug, err);
}

bool qmp_object_add(struct qmp_call *call, struct error *err)
{
	return add(call, "qom-type", machine_object_add, err);
}

/* A device by its id or its path. */
static struct dev *device_of(struct qmp_call *call, struct error *err)
{
	const char *id = qmp_string(call, "id");
	struct dev *dev = machine_device(
		call->machine, strncmp(id, peripheral, sizeof(peripheral) - 1) ? id : id + sizeof(peripheral) - 1);

	if (!dev) {
		call->error_class = "DeviceNotFound";
		fail(err, "Device '%.100s' not found", id);
	}
	return dev;
}

bool qmp_device_del(struct qmp_call *call, struct error *err)
{
	struct dev *dev = device_of(call, err);

	return dev && machine_device_unplug(call->machine, dev, err);
}

bool qmp_surprise_remove(struct qmp_call *call, struct error *err)
{
	struct dev *dev = device_of(call, err);

	return dev && machine_device_pull(call->machine, dev, err);
}

bool qmp_object_del(struct qmp_call *call, struct error *err)
{
	const char *id = qmp_string(call, "id");
	struct dev *object = machine_object(call->machine, id);

	return object ? machine_object_delete(call->machine, object, err) : fail(err, "object '%.100s' not found", id);
}

bool qmp_netdev_add(struct qmp_call *call, struct error *err)
{
	return add(call, "type", machine_add_netdev, err);
}

bool qmp_netdev_del(struct qmp_call *call, struct error *err)
{
	if (!machine_netdev(call->machine, qmp_string(call, "id")))
		call->error_class = "DeviceNotFound";
	return machine_del_netdev(call->machine, qmp_string(call, "id"), err);
}

bool qmp_set_link(struct qmp_call *call, struct error *err)
{
	struct json_object *up = NULL;

	json_object_object_get_ex(call->arguments, "up", &up);
	call->error_class = "DeviceNotFound"; /* nothing else can fail */
	return machine_set_link(call->machine, qmp_string(call, "name"), json_object_get_boolean(up), err);
}
