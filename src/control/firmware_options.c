/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told to firmware and guest: -uuid, -smbios, -fw_cfg. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "control/settings.h"
#include "host/host.h"

#define SMBIOS_WORDS_BYTES_MAX 2048 /* all together: the tables lie in a page or two */
#define FW_CFG_BYTES_MAX (16 * MiB)

/* 8-4-4-4-12 hexadecimal digits. */
static bool parse_uuid(const char *key, const char *text, u8 uuid[16], struct error *err)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 36 || text[i]; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		char pair[3] = {text[i], text[i] ? text[i + 1] : 0, 0};

		if (i == 36 || (dash ? text[i] != '-' : !isxdigit((u8)pair[0]) || !isxdigit((u8)pair[1])))
			return fail(err, "%s %s: write it as 550e8400-e29b-41d4-a716-446655440000", key, text);
		if (dash)
			continue;
		uuid[n++] = (u8)strtoul(pair, NULL, 16);
		i++;
	}
	return true;
}

bool option_uuid(struct settings *s, const char *a, struct error *err)
{
	s->uuid = a;
	return parse_uuid("-uuid", a, s->config.uuid, err);
}

/* The words of a structure: key, and where it goes. */
static const struct smbios_key {
	unsigned type;
	const char *key;
	size_t at; /* in struct smbios_words */
} smbios_keys[] = {
	{0, "vendor", offsetof(struct smbios_words, vendor)},
	{0, "version", offsetof(struct smbios_words, version)},
	{0, "date", offsetof(struct smbios_words, date)},
	{1, "manufacturer", offsetof(struct smbios_words, manufacturer)},
	{1, "product", offsetof(struct smbios_words, product)},
	{1, "version", offsetof(struct smbios_words, product_version)},
	{1, "serial", offsetof(struct smbios_words, serial)},
	{1, "sku", offsetof(struct smbios_words, sku)},
	{1, "family", offsetof(struct smbios_words, family)},
};

static bool keep_word(struct settings *s, const char **to, const char *text, struct error *err)
{
	s->smbios_bytes += strlen(text) + 1;
	if (s->smbios_bytes > SMBIOS_WORDS_BYTES_MAX)
		return fail(err, "the words of all -smbios options have more than %d bytes; write shorter ones",
			    SMBIOS_WORDS_BYTES_MAX);
	*to = strdup(text);
	return true;
}

bool option_smbios(struct settings *s, const char *a, struct error *err)
{
	struct smbios_words *words = &s->config.smbios;
	const char *text;
	struct opts opts;
	bool ok = true;
	u64 type = 0;

	if (!opts_parse(&opts, a, NULL, err))
		return fail_context(err, "-smbios");
	text = opts_get(&opts, "type");
	if (!text || !parse_u64("type", text, 0, 127, &type, err) || (type != 0 && type != 1 && type != 11))
		ok = fail(err, "-smbios %s: write type=0, type=1 or type=11; other structures and file= are not built",
			  a);
	for (unsigned i = 0; ok && i < ARRAY_SIZE(smbios_keys); i++) {
		const struct smbios_key *k = &smbios_keys[i];

		if (k->type == type && (text = opts_get(&opts, k->key)))
			ok = keep_word(s, (const char **)((char *)words + k->at), text, err);
	}
	if (ok && type == 0 && (text = opts_get(&opts, "uefi")))
		ok = !strcmp(text, "on") ||
		     fail(err, "-smbios uefi=%s: the machine is told as one with UEFI; write uefi=on", text);
	if (ok && type == 1 && (text = opts_get(&opts, "uuid")))
		ok = parse_uuid("-smbios uuid", text, s->config.uuid, err);
	for (unsigned i = 0; ok && type == 11 && i < opts.count; i++) {
		if (strcmp(opts.list[i].key, "value"))
			continue;
		opts.list[i].used = true;
		ok = words->oem_count < SMBIOS_OEM_MAX ?
			     keep_word(s, &words->oem[words->oem_count++], opts.list[i].value, err) :
			     fail(err, "-smbios type=11: more than %d values; leave some out", SMBIOS_OEM_MAX);
	}
	ok = ok && opts_all_used(&opts, "-smbios", err);
	opts_free(&opts);
	return ok;
}

bool option_fw_cfg(struct settings *s, const char *a, struct error *err)
{
	struct fw_cfg_file *to = &s->config.fw_cfg[s->config.fw_cfg_count];
	const char *name, *file, *string;
	struct opts opts;
	bool ok = false;
	u64 size;
	u8 *data;

	if (s->config.fw_cfg_count == FW_CFG_FILES_MAX)
		return fail(err, "-fw_cfg %s: more than %d of these; leave some out", a, FW_CFG_FILES_MAX);
	if (!opts_parse(&opts, a, "name", err))
		return fail_context(err, "-fw_cfg");
	name = opts_get(&opts, "name");
	file = opts_get(&opts, "file");
	string = opts_get(&opts, "string");
	if (!name || !*name || strlen(name) > 55)
		fail(err, "-fw_cfg %s: a name has 1 to 55 bytes; write name=opt/ORGANISATION/NAME", a);
	else if (!file == !string)
		fail(err, "-fw_cfg %s: write file=PATH or string=TEXT", a);
	else
		ok = opts_all_used(&opts, "-fw_cfg", err);
	if (ok && string) {
		*to = (struct fw_cfg_file){strdup(name), (u8 *)strdup(string), strlen(string)};
	} else if (ok && !s->draw) {
		ok = file_read_all(file, FW_CFG_BYTES_MAX, &data, &size, err) ||
		     fail_context(err, "-fw_cfg file=%s", file);
		if (ok)
			*to = (struct fw_cfg_file){strdup(name), data, (size_t)size};
	}
	s->config.fw_cfg_count += ok && to->name;
	opts_free(&opts);
	return ok;
}
