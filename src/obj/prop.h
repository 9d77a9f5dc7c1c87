/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties: how `key=value` reaches a field of a device's struct. Names, keys and defaults are QEMU's.
 * Sizes take suffixes K, M, G, T (and k, m, g, t); bools take on/off, yes/no, true/false; numbers decimal or 0x.
 */
#ifndef OBJ_PROP_H
#define OBJ_PROP_H

#include "base/error.h"
#include "base/types.h"

enum prop_kind {
	PROP_KIND_BOOL,
	PROP_KIND_U8,
	PROP_KIND_U16,
	PROP_KIND_U32,
	PROP_KIND_U64,
	PROP_KIND_SIZE,
	PROP_KIND_STRING,
	PROP_KIND_LINK,
	PROP_KIND_CHOICE,
	PROP_KIND_MAC
};

struct prop {
	const char *name;
	enum prop_kind kind;
	u32 offset;                 /* of the field in the device's struct */
	u64 initial;                /* default value of numbers, bools and choices (index) */
	u64 min, max;               /* numbers; both 0: the kind's whole range */
	const char *initial_text;   /* default of strings, or NULL */
	const char *link_class;     /* PROP_KIND_LINK: class name prefix that the object must have, "memory-backend" */
	const char *const *choices; /* PROP_KIND_CHOICE: NULL-terminated; the field is a u32 index */
	const char *doc;
	bool deprecated;
};

/* clang-format off */
#define PROP_BOOL(n, s, f, d, text) {.name = n, .kind = PROP_KIND_BOOL, .offset = offsetof(s, f), .initial = d, .doc = text}
#define PROP_U8(n, s, f, d, text) {.name = n, .kind = PROP_KIND_U8, .offset = offsetof(s, f), .initial = d, .doc = text}
#define PROP_U16(n, s, f, d, text) {.name = n, .kind = PROP_KIND_U16, .offset = offsetof(s, f), .initial = d, .doc = text}
#define PROP_U32(n, s, f, d, text) {.name = n, .kind = PROP_KIND_U32, .offset = offsetof(s, f), .initial = d, .doc = text}
#define PROP_U64(n, s, f, d, text) {.name = n, .kind = PROP_KIND_U64, .offset = offsetof(s, f), .initial = d, .doc = text}
#define PROP_SIZE(n, s, f, d, text) {.name = n, .kind = PROP_KIND_SIZE, .offset = offsetof(s, f), .initial = d, .doc = text}
/* A `char *` field, owned by the device (freed by dev_destroy). */
#define PROP_STRING(n, s, f, d, text) {.name = n, .kind = PROP_KIND_STRING, .offset = offsetof(s, f), .initial_text = d, .doc = text}
/* A `struct dev *` field: an object named by its id. */
#define PROP_LINK(n, s, f, cls, text) {.name = n, .kind = PROP_KIND_LINK, .offset = offsetof(s, f), .link_class = cls, .doc = text}
#define PROP_CHOICE(n, s, f, list, d, text) {.name = n, .kind = PROP_KIND_CHOICE, .offset = offsetof(s, f), .choices = list, .initial = d, .doc = text}
/* Six bytes, "52:54:00:12:34:56"; all zero: not given. */
#define PROP_MAC(n, s, f, text) {.name = n, .kind = PROP_KIND_MAC, .offset = offsetof(s, f), .doc = text}
/* clang-format on */

/* What a kind is called in help. */
const char *prop_kind_word(enum prop_kind kind);

/* Parsers, shared with the command line. Each names the key and the value in its error. */
bool parse_bool(const char *key, const char *text, bool *value, struct error *err);
bool parse_u64(const char *key, const char *text, u64 min, u64 max, u64 *value, struct error *err);
bool parse_size(const char *key, const char *text, u64 *value, struct error *err);

bool parse_mac(const char *key, const char *text, u8 value[6], struct error *err);
/* Ids start with a letter and go on with letters, digits, '-', '.' and '_'. */
bool parse_id(const char *key, const char *text, struct error *err);
/* The word of a list (NULL-terminated) that is nearest to `word`, or NULL if none is near: for "did you mean". */
const char *nearest_word(const char *word, const char *const *list);

/*
 * An option string "first,key=value,key2=v,,w": comma doubling stands for a literal comma; a word without '=' is
 * key=on (but the first word is the value of `implied` if that is not NULL). Keys in order, duplicates kept.
 */
#define OPTS_MAX 128
struct opts {
	struct opt {
		char *key, *value;
		bool used;
	} list[OPTS_MAX];
	unsigned count;
};
bool opts_parse(struct opts *opts, const char *text, const char *implied, struct error *err);
void opts_free(struct opts *opts);
/* The last value of key, marked used, or NULL. */
const char *opts_get(struct opts *opts, const char *key);
/* Fails naming the first option that nobody used. `what` is "-numa" etc. */
bool opts_all_used(const struct opts *opts, const char *what, struct error *err);

#endif
