/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest does against a specification: counted by rule (base/rules.def) and by the PC of the vCPU that did it.
 * Costs nothing while nothing is forbidden. Any thread; a leaf lock.
 */
#ifndef BASE_CONFORMANCE_H
#define BASE_CONFORMANCE_H

#include "base/error.h"
#include "base/types.h"

enum rule {
#define RULE(name, text, section, sentence) RULE_##name,
#include "base/rules.def"
#undef RULE
	RULE_COUNT
};

/* Reports that a rule was broken; printed under `-d guest_error`. */
#define guest_error(rule, ...) guest_error_report(RULE_##rule, __VA_ARGS__)
void guest_error_report(enum rule rule, const char *format, ...) printf_like(2, 3);

/* Whom this thread runs: set by vCPU threads, NULL elsewhere. */
struct guest_place {
	u64 (*pc)(const void *cpu);
	const void *cpu;
	unsigned index;
};
extern _Thread_local struct guest_place guest_place;

struct conformance_entry {
	enum rule rule;
	int cpu; /* of the first time; -1: no vCPU, a device or a timer did it */
	u64 pc;  /* virtual; 0 without a vCPU */
	u64 count;
	char first[160]; /* what was said the first time */
};

#define CONFORMANCE_ENTRIES 512
struct conformance_report {
	u64 by_rule[RULE_COUNT], total, lost; /* lost: found the table full; in by_rule and total only */
	unsigned count;
	struct conformance_entry entries[CONFORMANCE_ENTRIES]; /* in the order of their first time */
};

const char *rule_name(enum rule rule);
const char *rule_section(enum rule rule);
const char *rule_sentence(enum rule rule);
u64 conformance_count(enum rule rule); /* how often it was broken */
u64 conformance_total(void);           /* all of them */
void conformance_clear(void);
/* All of it as it is at one moment, from which counting starts anew if it is cleared. */
void conformance_take(struct conformance_report *to, bool clear);
/* The table, line by line; nothing if nothing was broken. */
void conformance_print(void (*line)(void *opaque, const char *text), void *opaque);

#endif
