/* SPDX-License-Identifier: BSD-2-Clause */
/* QMP: what the guest does that a specification forbids (base/conformance.h), by rule and by PC. */
#include "base/conformance.h"
#include "control/qmp.h"

bool qmp_query_conformance(struct qmp_call *call, struct error *err)
{
	struct json_object *rules = json_object_new_array(), *accesses = json_object_new_array(), *clear, *o;
	struct conformance_entry entry;

	for (enum rule rule = 0; rule < RULE_COUNT; rule++) {
		if (!conformance_count(rule))
			continue;
		o = json_object_new_object();
		qmp_put_string(o, "rule", rule_name(rule));
		qmp_put_string(o, "section", rule_section(rule));
		qmp_put_string(o, "text", rule_sentence(rule));
		qmp_put_u64(o, "count", conformance_count(rule));
		json_object_array_add(rules, o);
	}
	for (unsigned n = 0; conformance_entry(n, &entry); n++) {
		o = json_object_new_object();
		qmp_put_string(o, "rule", rule_name(entry.rule));
		if (entry.cpu >= 0) {
			qmp_put_u64(o, "pc", entry.pc);
			qmp_put_u64(o, "cpu-index", (u64)entry.cpu);
		}
		qmp_put_u64(o, "count", entry.count);
		qmp_put_string(o, "first", entry.first);
		json_object_array_add(accesses, o);
	}
	call->result = json_object_new_object();
	qmp_put_u64(call->result, "total", conformance_total());
	qmp_put_u64(call->result, "lost", conformance_lost());
	qmp_put(call->result, "rules", rules);
	qmp_put(call->result, "accesses", accesses);
	if (call->arguments && json_object_object_get_ex(call->arguments, "clear", &clear) &&
	    json_object_get_boolean(clear))
		conformance_clear();
	return true;
}
