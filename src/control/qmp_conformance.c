/* SPDX-License-Identifier: BSD-2-Clause */
/* QMP: what the guest does that a specification forbids (base/conformance.h), by rule and by PC. */
#include "base/conformance.h"
#include "control/qmp.h"

bool qmp_query_conformance(struct qmp_call *call, struct error *err)
{
	struct json_object *rules, *accesses, *clear, *o;
	struct conformance_report report;

	conformance_take(&report, call->arguments && json_object_object_get_ex(call->arguments, "clear", &clear) &&
					  json_object_get_boolean(clear));
	rules = json_object_new_array();
	accesses = json_object_new_array();
	for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
		if (!report.by_rule[rule])
			continue;
		o = json_object_new_object();
		qmp_put_string(o, "rule", rule_name(rule));
		qmp_put_string(o, "section", rule_section(rule));
		qmp_put_string(o, "text", rule_sentence(rule));
		qmp_put_u64(o, "count", report.by_rule[rule]);
		json_object_array_add(rules, o);
	}
	for (unsigned n = 0; n < report.count; n++) {
		const struct conformance_entry *entry = &report.entries[n];

		o = json_object_new_object();
		qmp_put_string(o, "rule", rule_name(entry->rule));
		if (entry->cpu >= 0) {
			qmp_put_u64(o, "pc", entry->pc);
			qmp_put_u64(o, "cpu-index", (u64)entry->cpu);
		}
		qmp_put_u64(o, "count", entry->count);
		qmp_put_string(o, "first", entry->first);
		json_object_array_add(accesses, o);
	}
	call->result = json_object_new_object();
	qmp_put_u64(call->result, "total", report.total);
	qmp_put_u64(call->result, "lost", report.lost);
	qmp_put(call->result, "rules", rules);
	qmp_put(call->result, "accesses", accesses);
	return true;
}
