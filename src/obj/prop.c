/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parsers of property values: what the command line says, as numbers. Each error is one line that names the key,
 * the value, the rule and what to write instead. Pure functions, any thread.
 */
#include "obj/prop.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

const char *prop_kind_word(enum prop_kind kind)
{
	switch (kind) {
	case PROP_KIND_BOOL: return "bool";
	case PROP_KIND_U8: return "uint8";
	case PROP_KIND_U16: return "uint16";
	case PROP_KIND_U32: return "uint32";
	case PROP_KIND_U64: return "uint64";
	case PROP_KIND_SIZE: return "size";
	case PROP_KIND_STRING: return "str";
	case PROP_KIND_LINK: return "link";
	case PROP_KIND_CHOICE: return "choice";
	case PROP_KIND_MAC: return "mac";
	}
	return "?";
}

bool parse_bool(const char *key, const char *text, bool *value, struct error *err)
{
	static const char *const yes[] = {"on", "yes", "true", "y"}, *const no[] = {"off", "no", "false", "n"};

	for (unsigned i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*value = !strcmp(text, yes[i]);
			return true;
		}
	}
	return fail(err, "%s=%s: not a switch; write %s=on or %s=off", key, text, key, key);
}

/* Decimal or 0x digits at the start of text; *end is behind them. False if there are none or they overflow 64 bits. */
static bool digits(const char *text, const char **end, u64 *value, bool *overflow)
{
	unsigned base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
	const char *p = base == 16 ? text + 2 : text;
	const char *first = p;
	u64 v = 0;

	*overflow = false;
	for (;; p++) {
		unsigned digit;
		unsigned char c = (unsigned char)*p;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (base == 16 && isxdigit(c))
			digit = (unsigned)(tolower(c) - 'a') + 10;
		else
			break;
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v))
			*overflow = true;
	}
	*end = p;
	*value = v;
	return p > first && !*overflow;
}

bool parse_u64(const char *key, const char *text, u64 min, u64 max, u64 *value, struct error *err)
{
	const char *end;
	bool overflow;
	u64 v;

	if (!digits(text, &end, &v, &overflow) && !overflow)
		return fail(err, "%s=%s: not a number; write decimal digits, or hexadecimal after 0x", key, text);
	if (*end)
		return fail(err, "%s=%s: '%s' after the number; this one takes no suffix or fraction", key, text, end);
	if (overflow || v < min || v > max)
		return fail(err, "%s=%s: out of range; write a number from %llu to %llu", key, text,
			    (unsigned long long)min, (unsigned long long)max);
	*value = v;
	return true;
}

/* Power of two that a suffix stands for, or -1. */
static int suffix_shift(char c)
{
	switch (c) {
	case 0:
	case 'b':
	case 'B': return 0;
	case 'k':
	case 'K': return 10;
	case 'm':
	case 'M': return 20;
	case 'g':
	case 'G': return 30;
	case 't':
	case 'T': return 40;
	case 'p':
	case 'P': return 50;
	case 'e':
	case 'E': return 60;
	default: return -1;
	}
}

/* Of "1.5G": the ".5", as 1/10^n parts. At most 9 digits, so that nothing overflows. */
static bool fraction(const char **text, u64 *numerator, u64 *denominator)
{
	const char *p = *text;

	*numerator = 0;
	*denominator = 1;
	if (*p != '.')
		return true;
	for (p++; *p >= '0' && *p <= '9'; p++) {
		if (*denominator == 1000000000)
			return false;
		*numerator = *numerator * 10 + (u64)(*p - '0');
		*denominator *= 10;
	}
	*text = p;
	return *denominator > 1;
}

bool parse_size(const char *key, const char *text, u64 *value, struct error *err)
{
	u64 v, numerator, denominator;
	const char *end;
	bool overflow;
	int shift;
	u128 bytes;

	if (!digits(text, &end, &v, &overflow) && !overflow)
		return fail(err, "%s=%s: not a size; write a number and K, M, G or T, such as 512M or 4G", key, text);
	if (!fraction(&end, &numerator, &denominator))
		return fail(err, "%s=%s: '%s' is not a fraction of up to 9 digits; write a size such as 1.5G", key,
			    text, end);
	shift = suffix_shift(*end);
	if (shift < 0 || (*end && end[1]))
		return fail(err, "%s=%s: '%s' is not a size suffix; write K, M, G or T (powers of 1024)", key, text,
			    end);
	if (numerator && !shift)
		return fail(err, "%s=%s: a fraction of a byte; write whole bytes or a suffix such as M", key, text);
	bytes = ((u128)v << shift) + ((u128)numerator << shift) / denominator;
	if (overflow || bytes > UINT64_MAX)
		return fail(err, "%s=%s: too large; sizes are less than 16E", key, text);
	*value = (u64)bytes;
	return true;
}

bool parse_mac(const char *key, const char *text, u8 value[6], struct error *err)
{
	const char *p = text;
	u8 mac[6];

	for (unsigned i = 0; i < 6; i++) {
		char pair[3] = {p[0], p[0] ? p[1] : 0, 0};

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]) ||
		    (i < 5 ? p[2] != ':' && p[2] != '-' : p[2] != 0))
			return fail(err, "%s=%s: not a MAC address; write six pairs such as 52:54:00:12:34:56", key,
				    text);
		mac[i] = (u8)strtoul(pair, NULL, 16);
		p += 3;
	}
	if (mac[0] & 1)
		return fail(err, "%s=%s: a multicast address; the first byte must be even, as in 52:54:00:12:34:56",
			    key, text);
	memcpy(value, mac, 6);
	return true;
}

bool parse_id(const char *key, const char *text, struct error *err)
{
	const char *p = text;

	if (isalpha((unsigned char)*p))
		for (p++; isalnum((unsigned char)*p) || *p == '-' || *p == '.' || *p == '_'; p++)
			;
	if (p == text || *p)
		return fail(err, "%s=%s: not an id; an id starts with a letter and has letters, digits, '-', '.', '_'",
			    key, text);
	return true;
}

/* Levenshtein distance of words of up to 63 bytes; longer ones are far from everything. */
static unsigned word_distance(const char *a, const char *b)
{
	unsigned row[64], n = (unsigned)strlen(b);

	if (strlen(a) > 63 || n > 63)
		return 64;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned replaced = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

const char *nearest_word(const char *word, const char *const *list)
{
	unsigned best = (unsigned)strlen(word) / 3 + 2;
	const char *found = NULL;

	for (; *list; list++) {
		unsigned distance = word_distance(word, *list);

		if (distance < best) {
			best = distance;
			found = *list;
		}
	}
	return found;
}
