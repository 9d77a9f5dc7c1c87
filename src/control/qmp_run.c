/* SPDX-License-Identifier: BSD-2-Clause */
/* QMP: handshake, run control, saving memory. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "control/qmp.h"
#include "cpu/cpu.h"
#include "mem/mem.h"

#define SAVE_BYTES (1 * MiB) /* at a time */

bool qmp_qmp_capabilities(struct qmp_call *call, struct error *err)
{
	struct json_object *enable = NULL;

	if (call->arguments)
		json_object_object_get_ex(call->arguments, "enable", &enable);
	return qmp_negotiate(call->qmp, enable, err);
}

bool qmp_query_commands(struct qmp_call *call, struct error *err)
{
	call->result = json_object_new_array();
	for (const struct qmp_command *c = qmp_commands; c->name; c++) {
		struct json_object *entry;

		if (c->refusal)
			continue;
		entry = json_object_new_object();
		qmp_put_string(entry, "name", c->name);
		json_object_array_add(call->result, entry);
	}
	return true;
}

bool qmp_query_events_known(struct qmp_call *call, struct error *err)
{
	static const char *const names[] = {
#define QMP_EVENT(name, members) name,
#include "control/qmp.def"
	};

	call->result = json_object_new_array();
	for (unsigned n = 0; n < ARRAY_SIZE(names); n++) {
		struct json_object *entry = json_object_new_object();

		qmp_put_string(entry, "name", names[n]);
		json_object_array_add(call->result, entry);
	}
	return true;
}

bool qmp_query_schema(struct qmp_call *call, struct error *err)
{
	call->result = qmp_schema();
	return true;
}

bool qmp_query_options(struct qmp_call *call, struct error *err)
{
	const char *wanted = qmp_string(call, "option");

	call->result = json_object_new_array();
	for (const struct option *o = options; o->name; o++) {
		struct json_object *entry;

		if (o->refusal || (wanted && strcmp(wanted, o->name)))
			continue;
		entry = json_object_new_object();
		qmp_put_string(entry, "option", o->name);
		qmp_put(entry, "parameters", json_object_new_array());
		json_object_array_add(call->result, entry);
	}
	return !wanted || json_object_array_length(call->result) || fail(err, "invalid option name: %.100s", wanted);
}

bool qmp_query_status(struct qmp_call *call, struct error *err)
{
	static const char *const names[] = {
		[MACHINE_PRELAUNCH] = "prelaunch", [MACHINE_RUNNING] = "running",   [MACHINE_PAUSED] = "paused",
		[MACHINE_SHUT_DOWN] = "shutdown",  [MACHINE_IO_ERROR] = "io-error",
	};
	enum machine_state state = machine_state(call->machine);

	call->result = json_object_new_object();
	qmp_put_bool(call->result, "running", state == MACHINE_RUNNING);
	qmp_put_string(call->result, "status", names[state]);
	return true;
}

bool qmp_stop(struct qmp_call *call, struct error *err)
{
	machine_stop(call->machine);
	machine_flush_disks(call->machine);
	return true;
}

bool qmp_cont(struct qmp_call *call, struct error *err)
{
	return machine_cont(call->machine, err);
}

bool qmp_system_reset(struct qmp_call *call, struct error *err)
{
	machine_reset_request(call->machine, CAUSE_HOST_RESET);
	return true;
}

bool qmp_system_powerdown(struct qmp_call *call, struct error *err)
{
	machine_power_button(call->machine);
	return true;
}

bool qmp_quit(struct qmp_call *call, struct error *err)
{
	machine_shutdown_request(call->machine, CAUSE_HOST_QUIT);
	return true;
}

/* Nothing that a client can start goes on after its answer: there are no jobs and no migration to tell of. */
bool qmp_query_jobs(struct qmp_call *call, struct error *err)
{
	call->result = json_object_new_array();
	return true;
}

bool qmp_query_migrate(struct qmp_call *call, struct error *err)
{
	return true;
}

bool qmp_inject_nmi(struct qmp_call *call, struct error *err)
{
	return fail(err, "machine does not provide NMIs");
}

/* The vCPU that an argument names, or the first. */
static bool take_cpu_index(struct qmp_call *call, unsigned *index, struct error *err)
{
	unsigned count = cpus_count(machine_cpus(call->machine));
	u64 number = 0;

	if (!qmp_u64(call, "cpu-index", &number, err))
		return false;
	if (number >= count)
		return fail(err, "Parameter 'cpu-index' expects a CPU number: they are 0 to %u", count - 1);
	*index = (unsigned)number;
	return true;
}

/* The line `cpu` holds for this call only, as for whoever has no monitor of his own. */
bool qmp_human_monitor(struct qmp_call *call, struct error *err)
{
	unsigned index;
	char *text;

	if (!take_cpu_index(call, &index, err))
		return false;
	text = hmp_run(call->machine, &index, qmp_string(call, "command-line"));
	call->result = json_object_new_string(text ? text : "");
	free(text);
	return true;
}

/* `cpu`: addresses are virtual, as it has them now; NULL: physical. */
static bool save(struct space *space, struct cpu *cpu, int fd, const char *path, u64 from, u64 size, struct error *err)
{
	u8 *bytes = malloc(SAVE_BYTES);
	bool ok = bytes != NULL;

	for (u64 done = 0, part; ok && done < size; done += part) {
		part = MIN(size - done, SAVE_BYTES);
		if (cpu ? !cpu_debug_read(cpu, from + done, bytes, part, false) :
			  !dma_read(space, from + done, bytes, part))
			ok = fail(err, "Invalid addr 0x%llx/size %llu specified: not all of it is memory",
				  (unsigned long long)from, (unsigned long long)size);
		else if (write(fd, bytes, part) != (ssize_t)part)
			ok = fail(err, "cannot write '%.200s': is the disk full?", path);
	}
	free(bytes);
	return ok;
}

static bool save_to_file(struct qmp_call *call, struct cpu *cpu, struct error *err)
{
	const char *path = qmp_string(call, "filename");
	u64 from = 0, size = 0, end;
	int fd;
	bool ok;

	if (!qmp_u64(call, "val", &from, err) || !qmp_u64(call, "size", &size, err))
		return false;
	if (!add_ok(from, size, &end))
		return fail(err, "Invalid addr 0x%llx/size %llu specified: it wraps", (unsigned long long)from,
			    (unsigned long long)size);
	/* Not blocking: a FIFO that nobody reads is an error, not a wait. Guest memory is its owner's to read. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd < 0)
		return fail(err, "cannot open '%.200s' for writing", path);
	ok = save(machine_space(call->machine), cpu, fd, path, from, size, err);
	close(fd);
	return ok;
}

bool qmp_pmemsave(struct qmp_call *call, struct error *err)
{
	return save_to_file(call, NULL, err);
}

/* Virtual memory, of a vCPU that stands still meanwhile. */
bool qmp_memsave(struct qmp_call *call, struct error *err)
{
	struct cpus *cpus = machine_cpus(call->machine);
	bool ran, ok;
	unsigned index;

	if (!take_cpu_index(call, &index, err))
		return false;
	ran = hmp_hold(call->machine);
	ok = save_to_file(call, cpus_get(cpus, index), err);
	hmp_let_go(call->machine, ran);
	return ok;
}
