/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Option strings, "first,key=value,...": QEMU's syntax. A comma inside a value is written twice. Used by the command
 * line before anything exists; pure but for the allocation.
 */
#include <stdlib.h>
#include <string.h>

#include "obj/prop.h"

static char *must_copy(const char *text, size_t length)
{
	char *copy = strndup(text, length);

	assert(copy && "out of host memory for an option");
	return copy;
}

/* A value up to a single comma, with doubled commas made one; *text moves to the comma or the end. */
static char *value_parse(const char **text)
{
	char *value = must_copy(*text, strlen(*text)), *to = value;
	const char *p = *text;

	for (; *p; p++) {
		if (*p == ',') {
			if (p[1] != ',')
				break;
			p++;
		}
		*to++ = *p;
	}
	*to = 0;
	*text = p;
	return value;
}

bool opts_parse(struct opts *opts, const char *text, const char *implied, struct error *err)
{
	const char *whole = text;

	memset(opts, 0, sizeof(*opts));
	while (*text) {
		size_t length = strcspn(text, ",=");
		struct opt *opt = &opts->list[opts->count];

		if (opts->count == OPTS_MAX) {
			opts_free(opts);
			return fail(err, "%.60s...: more than %d options in one string; split it", whole, OPTS_MAX);
		}
		if (implied && text == whole && text[length] != '=') {
			opt->key = must_copy(implied, strlen(implied));
			opt->value = value_parse(&text);
		} else if (!length) {
			opts_free(opts);
			return fail(err, "%.200s: an option without a name before '%.20s'; write key=value,key=value",
				    whole, text);
		} else {
			opt->key = must_copy(text, length);
			text += length;
			if (*text == '=') {
				text++;
				opt->value = value_parse(&text);
			} else {
				opt->value = must_copy("on", 2);
			}
		}
		opts->count++;
		if (*text == ',')
			text++;
	}
	return true;
}

void opts_free(struct opts *opts)
{
	for (unsigned i = 0; i < opts->count; i++) {
		free(opts->list[i].key);
		free(opts->list[i].value);
	}
	memset(opts, 0, sizeof(*opts));
}

const char *opts_get(struct opts *opts, const char *key)
{
	const char *value = NULL;

	for (unsigned i = 0; i < opts->count; i++) {
		if (strcmp(opts->list[i].key, key))
			continue;
		opts->list[i].used = true;
		value = opts->list[i].value;
	}
	return value;
}

bool opts_all_used(const struct opts *opts, const char *what, struct error *err)
{
	for (unsigned i = 0; i < opts->count; i++)
		if (!opts->list[i].used)
			return fail(err, "%s: %s=%s: no such key; leave it out", what, opts->list[i].key,
				    opts->list[i].value);
	return true;
}
