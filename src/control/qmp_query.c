/* SPDX-License-Identifier: BSD-2-Clause */
/* QMP: what the machine is: name, CPUs, types, disks, character devices, memory. */
#include <string.h>

#include "base/bits.h"
#include "control/qmp.h"
#include "cpu/cpu.h"
#include "host/host.h"
#include "mem/backend.h"
#include "virtio/virtio.h"

bool qmp_query_name(struct qmp_call *call, struct error *err)
{
	const char *text = qmp_settings(call->qmp)->name, *name;
	struct error ignored;
	struct opts opts;

	call->result = json_object_new_object();
	if (!text || !opts_parse(&opts, text, "guest", &ignored))
		return true;
	name = opts_get(&opts, "guest"); /* what else may stand there is about processes */
	if (name)
		qmp_put_string(call->result, "name", name);
	opts_free(&opts);
	return true;
}

bool qmp_query_uuid(struct qmp_call *call, struct error *err)
{
	const char *uuid = qmp_settings(call->qmp)->uuid;

	call->result = json_object_new_object();
	qmp_put_string(call->result, "UUID", uuid ? uuid : "00000000-0000-0000-0000-000000000000");
	return true;
}

bool qmp_query_target(struct qmp_call *call, struct error *err)
{
	call->result = json_object_new_object();
	qmp_put_string(call->result, "arch", "aarch64");
	return true;
}

bool qmp_query_kvm(struct qmp_call *call, struct error *err)
{
	call->result = json_object_new_object();
	qmp_put_bool(call->result, "enabled", false);
	qmp_put_bool(call->result, "present", false);
	return true;
}

bool qmp_query_cpus(struct qmp_call *call, struct error *err)
{
	struct cpus *cpus = machine_cpus(call->machine);
	const struct machine_config *config = machine_config(call->machine);

	call->result = json_object_new_array();
	for (unsigned i = 0; i < cpus_count(cpus); i++) {
		struct json_object *cpu = json_object_new_object(), *props = json_object_new_object();
		struct acpi_cpu place = {0};
		char path[64], type[64];

		snprintf(type, sizeof(type), "%s-arm-cpu", config->cpu_model);
		snprintf(path, sizeof(path), "/machine/unattached/device[%u]", i);
		for (unsigned n = 0; n < config->node_count; n++)
			if (config->nodes[n].cpus >> i & 1)
				qmp_put_u64(props, "node-id", config->nodes[n].id);
		machine_place_cpu(config, i, &place);
		qmp_put_u64(props, "socket-id", place.socket);
		qmp_put_u64(props, "cluster-id", 0);
		qmp_put_u64(props, "core-id", place.core);
		qmp_put_u64(props, "thread-id", place.thread);
		qmp_put_u64(cpu, "cpu-index", i);
		qmp_put_string(cpu, "qom-path", path);
		qmp_put_string(cpu, "qom-type", type);
		qmp_put_u64(cpu, "thread-id", cpus_thread_id(cpus, i));
		qmp_put(cpu, "props", props);
		qmp_put_string(cpu, "target", "aarch64");
		json_object_array_add(call->result, cpu);
	}
	return true;
}

bool qmp_query_hotpluggable(struct qmp_call *call, struct error *err)
{
	return fail(err, "machine does not support hot-plugging CPUs");
}

bool qmp_query_machines(struct qmp_call *call, struct error *err)
{
	struct json_object *machine = json_object_new_object();

	qmp_put_string(machine, "name", "virt");
	qmp_put_bool(machine, "is-default", true);
	qmp_put_u64(machine, "cpu-max", CPUS_MAX);
	qmp_put_bool(machine, "hotpluggable-cpus", false);
	qmp_put_bool(machine, "numa-mem-supported", true);
	qmp_put_bool(machine, "deprecated", false);
	qmp_put_string(machine, "default-cpu-type", "max-arm-cpu");
	qmp_put_bool(machine, "acpi", true);
	call->result = json_object_new_array();
	json_object_array_add(call->result, machine);
	return true;
}

bool qmp_query_cpu_definitions(struct qmp_call *call, struct error *err)
{
	call->result = json_object_new_array();
	for (const char *const *model = cpus_models(); *model; model++) {
		struct json_object *cpu = json_object_new_object();
		char type[64];

		snprintf(type, sizeof(type), "%s-arm-cpu", *model);
		qmp_put_string(cpu, "name", *model);
		qmp_put_bool(cpu, "static", false);
		qmp_put_string(cpu, "typename", type);
		qmp_put_bool(cpu, "deprecated", false);
		json_object_array_add(call->result, cpu);
	}
	return true;
}

bool qmp_qom_list_types(struct qmp_call *call, struct error *err)
{
	const char *implements = qmp_string(call, "implements");

	call->result = json_object_new_array();
	for (unsigned i = 0; machine_classes[i]; i++) {
		const struct dev_class *cls = machine_classes[i];
		const char *parent = cls->plugs == BUS_OBJECT ? "memory-backend" :
				     cls->plugs == BUS_NONE   ? "device" :
								"pci-device";
		struct json_object *type;

		if (cls->hidden ||
		    (implements && strcmp(implements, parent) && strcmp(implements, cls->name) &&
		     strcmp(implements, "object") && (strcmp(implements, "device") || cls->plugs == BUS_OBJECT)))
			continue;
		type = json_object_new_object();
		qmp_put_string(type, "name", cls->name);
		qmp_put_string(type, "parent", parent);
		json_object_array_add(call->result, type);
	}
	return true;
}

static void add_properties(struct json_object *list, const struct prop *props)
{
	for (const struct prop *p = props; p && p->name; p++) {
		struct json_object *property = json_object_new_object();
		char type[96];

		qmp_put_string(property, "name", p->name);
		qmp_type_of(p, type, sizeof(type));
		qmp_put_string(property, "type", type);
		if (p->doc)
			qmp_put_string(property, "description", p->doc);
		if (p->kind == PROP_KIND_BOOL)
			qmp_put_bool(property, "default-value", p->initial);
		else if (p->kind == PROP_KIND_CHOICE)
			qmp_put_string(property, "default-value", p->choices[p->initial]);
		else if (p->kind <= PROP_KIND_SIZE)
			qmp_put_u64(property, "default-value", p->initial);
		json_object_array_add(list, property);
	}
}

bool qmp_list_properties(struct qmp_call *call, struct error *err)
{
	const char *name = qmp_string(call, "typename");

	for (unsigned i = 0; machine_classes[i]; i++) {
		if (strcmp(machine_classes[i]->name, name) || machine_classes[i]->hidden)
			continue;
		call->result = json_object_new_array();
		add_properties(call->result, machine_classes[i]->props);
		add_properties(call->result, machine_classes[i]->common);
		return true;
	}
	call->error_class = "DeviceNotFound";
	return fail(err, "Class '%.100s' not found", name);
}

/* What it was described by, but for the name that nobody could say before. */
static const char *place_of(const struct chardev *chardev, const char *spec)
{
	const char *pty = chardev_pty(chardev);

	return pty ? pty : spec;
}

const char *qmp_chardev(struct qmp_call *call, unsigned n, char *label, size_t size, bool *open)
{
	const struct settings *s = qmp_settings(call->qmp);
	unsigned count;
	const char *id;

	*open = true;
	for (count = 0; count < MACHINE_SERIALS && s->config.serial[count]; count++)
		if (count == n) {
			snprintf(label, size, "serial%u", n);
			return place_of(machine_serial(call->machine, n), s->config.serial[n]);
		}
	n -= count;
	for (count = 0; (id = machine_chardev_id(call->machine, count)); count++)
		if (count == n) {
			const struct chardev *chardev = machine_chardev(call->machine, id);

			snprintf(label, size, "%s", id);
			*open = chardev_is_connected(chardev);
			return place_of(chardev, s->chardevs.text[n]);
		}
	n -= count;
	for (unsigned i = 0; i < s->monitors.count; i++)
		if (s->monitor_kind[i] == MONITOR_QMP && n-- == 0) {
			snprintf(label, size, "compat_monitor%u", i);
			return s->monitors.text[i];
		}
	return NULL;
}

bool qmp_query_chardev(struct qmp_call *call, struct error *err)
{
	const char *filename;
	char label[128];
	bool open;

	call->result = json_object_new_array();
	for (unsigned n = 0; (filename = qmp_chardev(call, n, label, sizeof(label), &open)); n++) {
		struct json_object *info = json_object_new_object();

		qmp_put_string(info, "label", label);
		qmp_put_string(info, "filename", filename);
		qmp_put_bool(info, "frontend-open", open);
		json_object_array_add(call->result, info);
	}
	return true;
}

bool qmp_query_memdev(struct qmp_call *call, struct error *err)
{
	call->result = json_object_new_array();
	for (struct dev *dev = machine_devices(call->machine); dev; dev = dev->next) {
		struct backend *backend = dev->cls->plugs == BUS_OBJECT && dev->created ? backend_of(dev) : NULL;
		struct json_object *info;

		if (!backend)
			continue;
		info = json_object_new_object();
		qmp_put_string(info, "id", dev_name(dev));
		qmp_put_u64(info, "size", backend->size);
		qmp_put_bool(info, "merge", false);
		qmp_put_bool(info, "dump", false);
		qmp_put_bool(info, "prealloc", backend->prealloc);
		qmp_put_bool(info, "share", backend->share);
		qmp_put(info, "host-nodes", json_object_new_array());
		qmp_put_string(info, "policy", "default");
		json_object_array_add(call->result, info);
	}
	return true;
}

bool qmp_query_memory_devices(struct qmp_call *call, struct error *err)
{
	call->result = json_object_new_array(); /* DIMMs; there are none */
	return true;
}

bool qmp_query_memory_size(struct qmp_call *call, struct error *err)
{
	call->result = json_object_new_object();
	qmp_put_u64(call->result, "base-memory", machine_config(call->machine)->ram_size);
	qmp_put_u64(call->result, "plugged-memory", 0);
	return true;
}

/* --- The balloon: memory is told as what the guest has left --- */

struct dev *hmp_balloon(struct machine *m, u64 *left)
{
	u64 size = machine_config(m)->ram_size, given;

	for (struct dev *dev = machine_devices(m); dev; dev = dev->next)
		if (virtio_balloon_bytes(dev, &given)) {
			*left = size - MIN(size, given);
			return dev;
		}
	return NULL;
}

void hmp_balloon_ask(struct machine *m, struct dev *dev, u64 left)
{
	u64 size = machine_config(m)->ram_size;

	virtio_balloon_ask(dev, size - MIN(size, left));
}

static struct dev *balloon(struct qmp_call *call, u64 *left, struct error *err)
{
	struct dev *dev = hmp_balloon(call->machine, left);

	if (!dev) {
		call->error_class = "DeviceNotActive";
		fail(err, "No balloon device has been activated; add -device virtio-balloon-pci");
	}
	return dev;
}

bool qmp_query_balloon(struct qmp_call *call, struct error *err)
{
	u64 left;

	if (!balloon(call, &left, err))
		return false;
	call->result = json_object_new_object();
	qmp_put_u64(call->result, "actual", left);
	return true;
}

bool qmp_balloon(struct qmp_call *call, struct error *err)
{
	u64 left;
	struct dev *dev = balloon(call, &left, err);

	if (!dev || !qmp_u64(call, "value", &left, err))
		return false;
	if (!left)
		return fail(err, "Parameter 'value' is 0: the guest needs some memory");
	hmp_balloon_ask(call->machine, dev, left);
	return true;
}
