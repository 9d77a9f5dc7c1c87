/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to a machine that runs, by its QMP socket:
 *
 *   cxlvm explain unix:PATH HPA                 which decoder takes or refuses the address, step by step, and why
 *   cxlvm topology [--dot|--svg] unix:PATH      the fabric as it is now
 *
 * A client in a process of its own: it greets, asks one thing and prints the answer. It ends with 0; with 2 if no
 * device answers at the address; with 1 and a line on stderr if it cannot ask.
 */
#include "control/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bits.h"
#include "control/qmp.h"

#define ANSWER_BYTES_MAX (16 * MiB)
#define ANSWER_SECONDS 10

static const char socket_prefix[] = "unix:";

bool live_is_socket(const char *word)
{
	return !strncmp(word, socket_prefix, sizeof(socket_prefix) - 1);
}

static int dial(const char *path, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	int fd;

	if (!*path || strlen(path) >= sizeof(address.sun_path)) {
		fail(err, "unix:%.100s: a socket's path has 1 to %zu bytes", path, sizeof(address.sun_path) - 1);
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
	    !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	fail(err, "unix:%s: %s; name the socket of a machine's -qmp unix:PATH,server=on,wait=off", path,
	     strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The next message that is no event; NULL: the machine says none. */
static struct json_object *receive(FILE *from)
{
	char *line = NULL;
	size_t room = 0;
	struct json_object *object = NULL;

	while (!object && getline(&line, &room, from) > 0 && room < ANSWER_BYTES_MAX) {
		object = json_tokener_parse(line);
		if (object && json_object_object_get_ex(object, "event", NULL)) {
			json_object_put(object);
			object = NULL;
		}
	}
	free(line);
	return object;
}

static const char *text_of(struct json_object *object, const char *name)
{
	const char *text = json_object_get_string(json_object_object_get(object, name));

	return text ? text : "";
}

/* What the command returns, which is of this type, or NULL with err. */
static struct json_object *ask(FILE *from, int to, const char *command, struct json_object *arguments,
			       enum json_type type, struct error *err)
{
	struct json_object *request = json_object_new_object(), *answer, *value = NULL;
	const char *text;

	qmp_put_string(request, "execute", command);
	if (arguments)
		qmp_put(request, "arguments", arguments);
	text = json_object_to_json_string(request);
	answer = send(to, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text) ? receive(from) : NULL;
	json_object_put(request);
	if (answer && json_object_object_get_ex(answer, "return", &value) && json_object_is_type(value, type)) {
		json_object_get(value);
	} else if (answer && json_object_object_get_ex(answer, "return", NULL)) {
		fail(err, "%s: the answer is not what a cxlvm says", command);
		value = NULL;
	} else if (answer && json_object_object_get_ex(answer, "error", &value)) {
		fail(err, "%s: %.400s", command, text_of(value, "desc"));
		value = NULL;
	} else {
		fail(err, "%s: the machine gives no answer within %d s: it ended, or another client has this monitor",
		     command, ANSWER_SECONDS);
		value = NULL;
	}
	json_object_put(answer);
	return value;
}

static struct json_object *ask_machine(const char *path, const char *command, struct json_object *arguments,
				       enum json_type type, struct error *err)
{
	int fd = dial(path, err);
	FILE *from = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct json_object *greeting = from ? receive(from) : NULL, *ready, *value = NULL;

	if (from && (!greeting || !json_object_object_get_ex(greeting, "QMP", NULL)))
		fail(err, "unix:%s: no QMP server greets within %d s; another client may have this monitor", path,
		     ANSWER_SECONDS);
	else if (from && (ready = ask(from, fd, "qmp_capabilities", NULL, json_type_object, err))) {
		json_object_put(ready);
		value = ask(from, fd, command, arguments, type, err);
		arguments = NULL;
	}
	json_object_put(arguments);
	json_object_put(greeting);
	if (from)
		fclose(from);
	return value;
}

static int print_walk(struct json_object *walk)
{
	struct json_object *hops = json_object_object_get(walk, "hops"), *decoder;
	bool answered = json_object_get_boolean(json_object_object_get(walk, "answered"));

	printf("0x%llx\n", (unsigned long long)json_object_get_uint64(json_object_object_get(walk, "hpa")));
	for (size_t i = 0; hops && i < json_object_array_length(hops); i++) {
		struct json_object *hop = json_object_array_get_idx(hops, i);

		printf("  %-7s %s %s",
		       json_object_get_boolean(json_object_object_get(hop, "took")) ? "takes" : "refuses",
		       text_of(hop, "kind"), text_of(hop, "name"));
		if (json_object_object_get_ex(hop, "decoder", &decoder))
			printf(" decoder %d", json_object_get_int(decoder));
		printf(": %s\n", text_of(hop, "text"));
	}
	if (answered)
		printf("  DPA 0x%llx\n",
		       (unsigned long long)json_object_get_uint64(json_object_object_get(walk, "dpa")));
	else
		printf("  no device answers\n");
	return answered ? 0 : 2;
}

int live_explain(int argc, char **argv, struct error *err)
{
	struct json_object *arguments, *answer, *walk;
	u64 hpa;
	int code = 1;

	if (argc != 2 || !live_is_socket(argv[0])) {
		fail(err, "explain: write cxlvm explain unix:PATH HPA, with the socket of the machine's -qmp");
		return 1;
	}
	if (!parse_u64("HPA", argv[1], 0, INT64_MAX, &hpa, err))
		return 1;
	arguments = json_object_new_object();
	qmp_put_u64(arguments, "hpa", hpa);
	answer = ask_machine(argv[0] + sizeof(socket_prefix) - 1, "cxl-query-decoders", arguments, json_type_object,
			     err);
	walk = json_object_object_get(answer, "walk");
	if (json_object_is_type(json_object_object_get(walk, "hops"), json_type_array))
		code = print_walk(walk);
	else if (answer)
		fail(err, "explain: the answer is not what a cxlvm says");
	json_object_put(answer);
	return code;
}

int live_topology(const char *socket, const char *format, struct error *err)
{
	struct json_object *arguments = json_object_new_object(), *answer;

	qmp_put_string(arguments, "format", format);
	answer =
		ask_machine(socket + sizeof(socket_prefix) - 1, "cxl-query-topology", arguments, json_type_string, err);
	if (answer)
		fputs(json_object_get_string(answer), stdout);
	json_object_put(answer);
	return answer ? 0 : 1;
}
