/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The declarations of qmp.def at work: finding a command, checking its arguments, telling clients about all of it
 * (query-qmp-schema in the form of QEMU's schema introspection: every type, command and event is an entry that others
 * name).
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "control/qmp.h"

#define WORD_BYTES 64

const struct qmp_command qmp_commands[] = {
#define QMP_COMMAND(function, name, arguments, returned) {name, arguments, returned, qmp_##function, NULL},
#define QMP_REFUSED(name, why) {name, "", "", NULL, why},
#include "control/qmp.def"
	{NULL},
};

static const struct declared {
	const char *name, *text;
	enum { DECLARED_ENUM, DECLARED_STRUCT, DECLARED_EVENT } kind;
} declarations[] = {
#define QMP_ENUM(name, words) {#name, words, DECLARED_ENUM},
#define QMP_STRUCT(name, members) {#name, members, DECLARED_STRUCT},
#define QMP_EVENT(name, members) {name, members, DECLARED_EVENT},
#include "control/qmp.def"
};

static const struct {
	const char *name, *json;
} builtins[] = {{"str", "string"}, {"int", "int"}, {"number", "number"}, {"bool", "boolean"}, {"any", "value"}};

const struct qmp_command *qmp_command_find(const char *name)
{
	for (const struct qmp_command *c = qmp_commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* --- the little language --- */

struct member {
	char name[WORD_BYTES], type[WORD_BYTES];
	bool optional;
};

/* The next word of a list, or false at its end. */
static bool next_word(const char **text, char word[WORD_BYTES])
{
	size_t length;

	*text += strspn(*text, " ");
	length = strcspn(*text, " ");
	assert(length < WORD_BYTES);
	memcpy(word, *text, length);
	word[length] = 0;
	*text += length;
	return length > 0;
}

static bool next_member(const char **text, struct member *m)
{
	char word[WORD_BYTES];
	size_t length;

	if (!next_word(text, word))
		return false;
	length = strcspn(word, ":");
	assert(word[length] == ':');
	strcpy(m->type, word + length + 1);
	word[length] = 0;
	m->optional = word[length - 1] == '?';
	if (m->optional)
		word[length - 1] = 0;
	strcpy(m->name, word);
	return true;
}

static const struct declared *find_declared(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(declarations); i++)
		if (!strcmp(declarations[i].name, name))
			return &declarations[i];
	return NULL;
}

/* --- checking --- */

static bool has_word(const char *list, const char *wanted)
{
	char word[WORD_BYTES];

	while (next_word(&list, word))
		if (!strcmp(word, wanted))
			return true;
	return false;
}

static bool check_members(const char *members, struct json_object *object, struct error *err);

static bool check_value(const char *name, const char *type, struct json_object *value, struct error *err)
{
	static const struct {
		const char *type;
		enum json_type json;
		const char *words;
	} simple[] = {{"str", json_type_string, "string"},
		      {"int", json_type_int, "integer"},
		      {"bool", json_type_boolean, "boolean"}};
	const struct declared *declared;
	char inner[WORD_BYTES];

	if (!strcmp(type, "any"))
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(simple); i++) {
		if (strcmp(simple[i].type, type))
			continue;
		if (!json_object_is_type(value, simple[i].json))
			return fail(err, "Invalid parameter type for '%s', expected: %s", name, simple[i].words);
		if (simple[i].json == json_type_string &&
		    strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
			return fail(err, "Parameter '%s' has a NUL character in it", name);
		return true;
	}
	if (!strcmp(type, "number"))
		return json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double) ||
		       fail(err, "Invalid parameter type for '%s', expected: number", name);
	if (*type == '[') {
		if (!json_object_is_type(value, json_type_array))
			return fail(err, "Invalid parameter type for '%s', expected: array", name);
		strcpy(inner, type + 1);
		inner[strlen(inner) - 1] = 0;
		for (size_t i = 0; i < json_object_array_length(value); i++)
			if (!check_value(name, inner, json_object_array_get_idx(value, i), err))
				return false;
		return true;
	}
	declared = find_declared(type);
	assert(declared);
	if (declared->kind == DECLARED_STRUCT)
		return json_object_is_type(value, json_type_object) ?
			       check_members(declared->text, value, err) :
			       fail(err, "Invalid parameter type for '%s', expected: object", name);
	if (!json_object_is_type(value, json_type_string))
		return fail(err, "Invalid parameter type for '%s', expected: string", name);
	return has_word(declared->text, json_object_get_string(value)) ||
	       fail(err, "Parameter '%s' does not accept value '%.100s'; one of: %s", name,
		    json_object_get_string(value), declared->text);
}

static bool has_member(const char *members, const char *wanted)
{
	struct member m;

	while (next_member(&members, &m))
		if (!strcmp(m.name, wanted))
			return true;
	return false;
}

static bool check_members(const char *members, struct json_object *object, struct error *err)
{
	const char *at = members;
	struct json_object *value;
	struct member m;

	while (next_member(&at, &m)) {
		if (!strcmp(m.name, "*"))
			continue;
		if (object && json_object_object_get_ex(object, m.name, &value)) {
			if (!check_value(m.name, m.type, value, err))
				return false;
		} else if (!m.optional) {
			return fail(err, "Parameter '%s' is missing", m.name);
		}
	}
	if (!object)
		return true;
	json_object_object_foreach(object, key, unused)
	{
		(void)unused;
		if (!has_member(members, key) && !has_member(members, "*"))
			return fail(err, "Parameter '%.100s' is unexpected", key);
	}
	return true;
}

bool qmp_check(const char *members, struct json_object *arguments, struct error *err)
{
	return check_members(members, arguments, err);
}

const char *qmp_string(const struct qmp_call *call, const char *name)
{
	struct json_object *value;

	return call->arguments && json_object_object_get_ex(call->arguments, name, &value) ?
		       json_object_get_string(value) :
		       NULL;
}

bool qmp_u64(const struct qmp_call *call, const char *name, u64 *value, struct error *err)
{
	struct json_object *object;

	if (!call->arguments || !json_object_object_get_ex(call->arguments, name, &object))
		return true;
	if (json_object_get_int64(object) < 0)
		return fail(err, "Parameter '%s' is negative; write 0 or more", name);
	/* What is too large for 64 bits reads as the largest. */
	if (json_object_get_uint64(object) == UINT64_MAX)
		return fail(err, "Parameter '%s' is too large", name);
	*value = json_object_get_uint64(object);
	return true;
}

/* --- building answers --- */

void qmp_put(struct json_object *to, const char *name, struct json_object *value)
{
	json_object_object_add(to, name, value);
}

void qmp_put_string(struct json_object *to, const char *name, const char *value)
{
	qmp_put(to, name, json_object_new_string(value));
}

void qmp_put_u64(struct json_object *to, const char *name, u64 value)
{
	qmp_put(to, name, json_object_new_uint64(value));
}

void qmp_put_bool(struct json_object *to, const char *name, bool value)
{
	qmp_put(to, name, json_object_new_boolean(value));
}

/* --- introspection --- */

static struct json_object *entry(const char *name, const char *meta)
{
	struct json_object *e = json_object_new_object();

	qmp_put_string(e, "name", name);
	qmp_put_string(e, "meta-type", meta);
	return e;
}

static bool schema_has(struct json_object *schema, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(schema); i++) {
		struct json_object *known = json_object_object_get(json_object_array_get_idx(schema, i), "name");

		if (!strcmp(json_object_get_string(known), name))
			return true;
	}
	return false;
}

/* Arrays are types of their own, made where they are used. */
static void add_arrays(struct json_object *schema, const char *type)
{
	struct json_object *e;
	char inner[WORD_BYTES];

	if (*type != '[' || schema_has(schema, type))
		return;
	strcpy(inner, type + 1);
	inner[strlen(inner) - 1] = 0;
	add_arrays(schema, inner);
	e = entry(type, "array");
	qmp_put_string(e, "element-type", inner);
	json_object_array_add(schema, e);
}

static void add_object(struct json_object *schema, const char *name, const char *members)
{
	struct json_object *e = entry(name, "object"), *list = json_object_new_array();
	struct member m;

	while (next_member(&members, &m)) {
		struct json_object *member;

		if (!strcmp(m.name, "*"))
			continue; /* the schema's language cannot say it */
		member = json_object_new_object();
		add_arrays(schema, m.type);
		qmp_put_string(member, "name", m.name);
		qmp_put_string(member, "type", m.type);
		if (m.optional)
			qmp_put(member, "default", NULL);
		json_object_array_add(list, member);
	}
	qmp_put(e, "members", list);
	json_object_array_add(schema, e);
}

static void add_enum(struct json_object *schema, const char *name, const char *words)
{
	struct json_object *e = entry(name, "enum"), *values = json_object_new_array(),
			   *members = json_object_new_array();
	char word[WORD_BYTES];

	while (next_word(&words, word)) {
		struct json_object *member = json_object_new_object();

		json_object_array_add(values, json_object_new_string(word));
		qmp_put_string(member, "name", word);
		json_object_array_add(members, member);
	}
	qmp_put(e, "members", members);
	qmp_put(e, "values", values);
	json_object_array_add(schema, e);
}

/* The name of the type that holds a command's or event's members; made if there are any. */
static void put_argument_type(struct json_object *schema, struct json_object *e, const char *name, const char *members)
{
	char type[WORD_BYTES * 2];

	snprintf(type, sizeof(type), "q_obj_%s-arg", name);
	if (*members)
		add_object(schema, type, members);
	qmp_put_string(e, "arg-type", *members ? type : "q_empty");
}

struct json_object *qmp_schema(void)
{
	struct json_object *schema = json_object_new_array(), *e;

	add_object(schema, "q_empty", "");
	for (unsigned i = 0; i < ARRAY_SIZE(builtins); i++) {
		e = entry(builtins[i].name, "builtin");
		qmp_put_string(e, "json-type", builtins[i].json);
		json_object_array_add(schema, e);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(declarations); i++) {
		const struct declared *d = &declarations[i];

		if (d->kind == DECLARED_ENUM) {
			add_enum(schema, d->name, d->text);
		} else if (d->kind == DECLARED_STRUCT) {
			add_object(schema, d->name, d->text);
		} else {
			e = entry(d->name, "event");
			put_argument_type(schema, e, d->name, d->text);
			json_object_array_add(schema, e);
		}
	}
	for (const struct qmp_command *c = qmp_commands; c->name; c++) {
		if (c->refusal)
			continue;
		e = entry(c->name, "command");
		add_arrays(schema, c->returned);
		put_argument_type(schema, e, c->name, c->arguments);
		qmp_put_string(e, "ret-type", *c->returned ? c->returned : "q_empty");
		qmp_put_bool(e, "allow-oob", false);
		json_object_array_add(schema, e);
	}
	return schema;
}
