/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices and objects: from a class and options to a struct whose fields are set, and back to nothing. Runs in the main
 * thread, before the machine does or under the machine lock.
 */
#include "obj/dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

#define DEV_PROPS_MAX 256

static const struct prop *prop_list(const struct dev_class *cls, unsigned which)
{
	return which ? cls->common : cls->props;
}

#define FOR_EACH_PROP(cls, p)                                                                                          \
	for (unsigned which_ = 0; which_ < 2; which_++)                                                                \
		for (const struct prop *p = prop_list(cls, which_); p && p->name; p++)

static void *field(struct dev *dev, const struct prop *p)
{
	return (char *)dev + p->offset;
}

const char *dev_name(const struct dev *dev)
{
	return dev->id ? dev->id : dev->cls->name;
}

static u64 kind_max(enum prop_kind kind)
{
	switch (kind) {
	case PROP_KIND_U8: return UINT8_MAX;
	case PROP_KIND_U16: return UINT16_MAX;
	case PROP_KIND_U32: return UINT32_MAX;
	default: return UINT64_MAX;
	}
}

/* Stores a number in a field of the property's width. */
static void number_store(void *to, enum prop_kind kind, u64 value)
{
	switch (kind) {
	case PROP_KIND_BOOL: *(bool *)to = value != 0; break;
	case PROP_KIND_U8: *(u8 *)to = (u8)value; break;
	case PROP_KIND_U16: *(u16 *)to = (u16)value; break;
	case PROP_KIND_U32:
	case PROP_KIND_CHOICE: *(u32 *)to = (u32)value; break;
	case PROP_KIND_U64:
	case PROP_KIND_SIZE: *(u64 *)to = value; break;
	default: break;
	}
}

static char *must_strdup(const char *text)
{
	char *copy = strdup(text);

	assert(copy && "out of host memory for a property");
	return copy;
}

struct dev *dev_new(const struct dev_class *cls)
{
	struct dev *dev = calloc(1, cls->size);

	assert(dev && cls->size >= sizeof(*dev));
	dev->cls = cls;
	FOR_EACH_PROP(cls, p)
	{
		if (p->kind == PROP_KIND_STRING)
			*(char **)field(dev, p) = p->initial_text ? must_strdup(p->initial_text) : NULL;
		else
			number_store(field(dev, p), p->kind, p->initial);
	}
	return dev;
}

static bool set_choice(struct dev *dev, const struct prop *p, const char *value, struct error *err)
{
	char list[256] = "";
	size_t used = 0;

	for (u32 i = 0; p->choices[i]; i++) {
		if (!strcmp(p->choices[i], value)) {
			number_store(field(dev, p), p->kind, i);
			return true;
		}
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
						 p->choices[i]);
	}
	return fail(err, "%s=%s: not a choice; write one of %s", p->name, value, list);
}

static bool set_link(struct dev *dev, const struct prop *p, const char *value, const struct dev_env *env,
		     struct error *err)
{
	struct dev *found = env && env->find ? env->find(env->machine, value) : NULL;

	if (!found)
		return fail(
			err,
			"%s=%s: there is no object '%s'; put '-object %s...,id=%s' (or its -device) before this option",
			p->name, value, value, p->link_class ? p->link_class : "", value);
	if (p->link_class && strncmp(found->cls->name, p->link_class, strlen(p->link_class)))
		return fail(err, "%s=%s: '%s' is a %s, not a %s; name one of those", p->name, value, value,
			    found->cls->name, p->link_class);
	*(struct dev **)field(dev, p) = found;
	return true;
}

static bool set_number(struct dev *dev, const struct prop *p, const char *value, struct error *err)
{
	bool whole = !p->min && !p->max;
	u64 min = whole ? 0 : p->min, max = whole ? kind_max(p->kind) : p->max, v;

	if (p->kind == PROP_KIND_SIZE) {
		if (!parse_size(p->name, value, &v, err))
			return false;
		if (v < min || v > max)
			return fail(err, "%s=%s: out of range; write a size from %llu to %llu bytes", p->name, value,
				    (unsigned long long)min, (unsigned long long)max);
	} else if (!parse_u64(p->name, value, min, max, &v, err)) {
		return false;
	}
	number_store(field(dev, p), p->kind, v);
	return true;
}

static bool set_prop(struct dev *dev, const struct prop *p, const char *value, const struct dev_env *env,
		     struct error *err)
{
	char **text;

	switch (p->kind) {
	case PROP_KIND_BOOL: return parse_bool(p->name, value, field(dev, p), err);
	case PROP_KIND_STRING:
		text = field(dev, p);
		free(*text);
		*text = must_strdup(value);
		return true;
	case PROP_KIND_LINK: return set_link(dev, p, value, env, err);
	case PROP_KIND_CHOICE: return set_choice(dev, p, value, err);
	case PROP_KIND_MAC: return parse_mac(p->name, value, field(dev, p), err);
	default: return set_number(dev, p, value, err);
	}
}

static bool unknown_key(struct dev *dev, const char *key, const char *value, struct error *err)
{
	const char *names[DEV_PROPS_MAX + 1] = {NULL}, *near;
	unsigned count = 0;

	FOR_EACH_PROP(dev->cls, p)
	if (count < DEV_PROPS_MAX)
		names[count++] = p->name;
	near = nearest_word(key, names);
	if (near)
		return fail(err, "%s=%s: %s has no property '%s'; did you mean '%s'?", key, value, dev->cls->name, key,
			    near);
	return fail(err, "%s=%s: %s has no property '%s'; '%s,help' lists them", key, value, dev->cls->name, key,
		    dev->cls->name);
}

bool dev_set(struct dev *dev, const char *key, const char *value, const struct dev_env *env, struct error *err)
{
	bool ok = false, known = false;

	FOR_EACH_PROP(dev->cls, p)
	{
		if (!known && !strcmp(p->name, key)) {
			known = true;
			ok = set_prop(dev, p, value, env, err);
		}
	}
	if (!known)
		unknown_key(dev, key, value, err);
	if (!ok && dev->id)
		return fail_context(err, "%s '%s'", dev->cls->name, dev->id);
	return ok ? true : fail_context(err, "%s", dev->cls->name);
}

/* Keys that every device has, kept outside its class; `*ours` tells whether this was one. */
static bool set_common(struct dev *dev, const char *key, const char *value, bool *ours, struct error *err)
{
	char **to = NULL;

	*ours = true;
	if (!strcmp(key, "driver") || !strcmp(key, "qom-type"))
		return true;
	if (!strcmp(key, "id")) {
		if (!parse_id(key, value, err))
			return fail_context(err, "%s", dev->cls->name);
		to = &dev->id;
	} else if (!strcmp(key, "bus")) {
		if (dev->cls->plugs == BUS_OBJECT || dev->cls->plugs == BUS_NONE)
			return fail(err, "%s: bus=%s: it plugs into no bus; leave bus= out", dev->cls->name, value);
		to = &dev->bus_name;
	}
	if (!to) {
		*ours = false;
		return true;
	}
	free(*to);
	*to = must_strdup(value);
	return true;
}

bool dev_set_all(struct dev *dev, struct opts *opts, const struct dev_env *env, struct error *err)
{
	/* id and bus first, so that messages can name the device. */
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < opts->count; i++) {
			struct opt *opt = &opts->list[i];
			bool ours;

			if (opt->used)
				continue;
			if (!pass) {
				if (!set_common(dev, opt->key, opt->value, &ours, err))
					return false;
				opt->used = ours;
			} else {
				if (!dev_set(dev, opt->key, opt->value, env, err))
					return false;
				opt->used = true;
			}
		}
	}
	return true;
}

bool dev_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	if (dev->cls->create && !dev->cls->create(dev, env, err))
		return false;
	dev->created = true;
	return true;
}

void dev_destroy(struct dev *dev)
{
	if (!dev)
		return;
	if (dev->cls->destroy)
		dev->cls->destroy(dev);
	FOR_EACH_PROP(dev->cls, p)
	if (p->kind == PROP_KIND_STRING)
		free(*(char **)field(dev, p));
	free(dev->id);
	free(dev->bus_name);
	free(dev);
}

void dev_class_help(const struct dev_class *cls)
{
	printf("%s: %s\n", cls->name, cls->doc ? cls->doc : "");
	FOR_EACH_PROP(cls, p)
	{
		char type[128];

		if (p->kind == PROP_KIND_LINK && p->link_class)
			snprintf(type, sizeof(type), "link<%s>", p->link_class);
		else
			snprintf(type, sizeof(type), "%s", prop_kind_word(p->kind));
		printf("  %s=<%s>", p->name, type);
		if (p->doc)
			printf(" - %s", p->doc);
		switch (p->kind) {
		case PROP_KIND_BOOL: printf(" (default: %s)", p->initial ? "on" : "off"); break;
		case PROP_KIND_CHOICE: printf(" (default: %s)", p->choices[p->initial]); break;
		case PROP_KIND_STRING:
			if (p->initial_text)
				printf(" (default: %s)", p->initial_text);
			break;
		case PROP_KIND_LINK:
		case PROP_KIND_MAC: break;
		default:
			/* All ones stand for "not given": the property's own words say what happens then. */
			if (p->initial != kind_max(p->kind))
				printf(" (default: %llu)", (unsigned long long)p->initial);
		}
		printf("%s\n", p->deprecated ? " (deprecated)" : "");
	}
}
