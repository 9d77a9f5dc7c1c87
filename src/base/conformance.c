/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of broken rules: entries in order of their first time, found by an open hash of rule and PC. It never
 * grows: what finds it full is counted by its rule alone.
 */
#include "base/conformance.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/trace.h"

#define PLACES 1024 /* of the hash; a power of two */

static const struct {
	const char *name, *section, *sentence;
} rules[] = {
#define RULE(name, text, section, sentence) {text, section, sentence},
#include "base/rules.def"
#undef RULE
};

static struct {
	pthread_mutex_t lock;
	struct conformance_report now;
	u16 places[PLACES]; /* 1 + index of the entry; 0: free */
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

_Thread_local struct guest_place guest_place;

const char *rule_name(enum rule rule)
{
	return rules[rule].name;
}

const char *rule_section(enum rule rule)
{
	return rules[rule].section;
}

const char *rule_sentence(enum rule rule)
{
	return rules[rule].sentence;
}

/* The entry of this rule and PC, a new one if there is room, or NULL. At most half of the places are ever taken. */
static struct conformance_entry *entry_of(enum rule rule, u64 pc)
{
	u64 hash = (pc ^ (u64)rule << 56) * 0x9e3779b97f4a7c15ull;
	unsigned at = (unsigned)(hash >> 48) % PLACES;
	struct conformance_entry *entry;

	for (; table.places[at]; at = (at + 1) % PLACES) {
		entry = &table.now.entries[table.places[at] - 1];
		if (entry->rule == rule && entry->pc == pc)
			return entry;
	}
	if (table.now.count == CONFORMANCE_ENTRIES)
		return NULL;
	entry = &table.now.entries[table.now.count++];
	table.places[at] = (u16)table.now.count;
	*entry = (struct conformance_entry){.rule = rule, .pc = pc, .cpu = -1};
	return entry;
}

void guest_error_report(enum rule rule, const char *format, ...)
{
	const struct guest_place *place = &guest_place;
	u64 pc = place->cpu ? place->pc(place->cpu) : 0;
	struct conformance_entry *entry;
	char text[sizeof(entry->first)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (trace_is_on(GUEST_ERROR)) {
		if (place->cpu)
			trace_print(TRACE_GUEST_ERROR, "%s %s (pc 0x%llx, cpu %u)", text, rules[rule].section,
				    (unsigned long long)pc, place->index);
		else
			trace_print(TRACE_GUEST_ERROR, "%s %s", text, rules[rule].section);
	}
	pthread_mutex_lock(&table.lock);
	table.now.total++;
	table.now.by_rule[rule]++;
	entry = entry_of(rule, pc);
	if (!entry) {
		table.now.lost++;
	} else if (!entry->count++) {
		entry->cpu = place->cpu ? (int)place->index : -1;
		memcpy(entry->first, text, sizeof(text));
	}
	pthread_mutex_unlock(&table.lock);
}

static u64 get(const u64 *value)
{
	u64 now;

	pthread_mutex_lock(&table.lock);
	now = *value;
	pthread_mutex_unlock(&table.lock);
	return now;
}

u64 conformance_count(enum rule rule)
{
	return get(&table.now.by_rule[rule]);
}

u64 conformance_total(void)
{
	return get(&table.now.total);
}

/* The caller holds the lock. */
static void clear_table(void)
{
	memset(table.now.by_rule, 0, sizeof(table.now.by_rule));
	memset(table.places, 0, sizeof(table.places));
	table.now.total = table.now.lost = table.now.count = 0;
}

void conformance_clear(void)
{
	pthread_mutex_lock(&table.lock);
	clear_table();
	pthread_mutex_unlock(&table.lock);
}

void conformance_take(struct conformance_report *to, bool clear)
{
	pthread_mutex_lock(&table.lock);
	*to = table.now;
	if (clear)
		clear_table();
	pthread_mutex_unlock(&table.lock);
}

void conformance_print(void (*line)(void *opaque, const char *text), void *opaque)
{
	struct conformance_report report;
	char text[512], who[48];

	conformance_take(&report, false);
	for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
		if (!report.by_rule[rule])
			continue;
		snprintf(text, sizeof(text), "%s: %llu times against: %s %s", rules[rule].name,
			 (unsigned long long)report.by_rule[rule], rules[rule].sentence, rules[rule].section);
		line(opaque, text);
		for (unsigned n = 0; n < report.count; n++) {
			const struct conformance_entry *entry = &report.entries[n];

			if (entry->rule != rule)
				continue;
			snprintf(who, sizeof(who), entry->cpu < 0 ? "no vCPU" : "pc 0x%llx, cpu %d",
				 (unsigned long long)entry->pc, entry->cpu);
			snprintf(text, sizeof(text), "  %llu from %s, first: %s", (unsigned long long)entry->count, who,
				 entry->first);
			line(opaque, text);
		}
	}
	if (report.lost) {
		snprintf(text, sizeof(text), "(%llu more are in these counts alone: the table is full)",
			 (unsigned long long)report.lost);
		line(opaque, text);
	}
}
