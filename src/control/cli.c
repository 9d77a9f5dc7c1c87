/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: options are read in order into `struct settings`, then carried out by kind, so that an object may
 * be named before it is described. Errors: one line on stderr, exit 1.
 */
#include "control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "control/gdb.h"
#include "control/hmp.h"
#include "control/live.h"
#include "control/qmp.h"
#include "control/settings.h"
#include "host/sandbox.h"

#define ARGUMENT_BYTES_MAX 4096 /* a path's; -append and -name may be longer */

static const struct option *find_option(const char *text)
{
	if (*text != '-')
		return NULL;
	text++;
	if (*text == '-')
		text++;
	for (const struct option *o = options; o->name; o++)
		if (!strcmp(o->name, text) || (o->alias && !strcmp(o->alias, text)))
			return o;
	return NULL;
}

/* Texts for the guest may be empty, and of any length. */
static bool check_argument(const struct option *o, const char *name, const char *argument, struct error *err)
{
	if (o->is_free_text)
		return true;
	if (!*argument)
		return fail(err, "the %s option cannot be empty; write %s %s", name, name, o->argument);
	if (strlen(argument) > ARGUMENT_BYTES_MAX)
		return fail(err, "%s: an argument of %zu bytes; at most %d are taken", name, strlen(argument),
			    ARGUMENT_BYTES_MAX);
	return true;
}

static bool parse_arguments(struct settings *s, int argc, char **argv, struct error *err)
{
	for (int i = 1; i < argc; i++) {
		const struct option *o = find_option(argv[i]);
		const char *argument = NULL;

		if (!*argv[i])
			return fail(err, "argument %d is empty; leave it out", i);
		if (!o && argv[i][0] != '-')
			return fail(err, "%s: a disk is written -drive file=%s,format=raw,if=virtio", argv[i], argv[i]);
		if (!o)
			return fail(err, "%s: no such option; -help lists them", argv[i]);
		if (o->refusal)
			return fail(err, "%s: %s", argv[i], o->refusal);
		if (o->argument) {
			if (i + 1 == argc)
				return fail(err, "%s: needs an argument: %s", argv[i], o->argument);
			argument = argv[++i];
			if (!check_argument(o, argv[i - 1], argument, err))
				return false;
		}
		if (o->take && !o->take(s, argument, err))
			return false;
	}
	return true;
}

/* Carries out every text of a list: parses it with `implied` as the first key. */
static bool each(const struct listed *list, const char *what, const char *implied, struct machine *machine,
		 bool (*add)(struct machine *machine, struct opts *opts, struct error *err), struct error *err)
{
	for (unsigned i = 0; i < list->count; i++) {
		struct opts opts;
		bool ok = option_parse(&opts, list->text[i], implied, err) && add(machine, &opts, err) &&
			  opts_all_used(&opts, what, err);

		opts_free(&opts);
		if (!ok && strncmp(err->text, what, strlen(what)))
			fail_context(err, "%s %.*s", what, 100, list->text[i]);
		if (!ok)
			return false;
	}
	return true;
}

static void drop_keys(struct opts *opts, const char *const *keys)
{
	for (; *keys; keys++)
		for (unsigned i = 0; i < opts->count; i++) {
			struct opt *opt = &opts->list[i];

			if (strcmp(opt->key, *keys))
				continue;
			free(opt->key);
			free(opt->value);
			memmove(opt, opt + 1, (--opts->count - i--) * sizeof(*opt));
		}
}

/* A picture needs no file: memory is memory. */
static bool add_drawn_object(struct machine *machine, struct opts *opts, struct error *err)
{
	static const char *const unused[] = {"mem-path", "pmem",        "align",  "readonly",     "rom",
					     "share",    "prealloc",    "offset", "discard-data", "hugetlb",
					     "seal",     "hugetlbsize", NULL};
	const char *type = opts_get(opts, "qom-type");

	if (!type || strncmp(type, "memory-backend-", 15))
		return machine_add_object(machine, opts, err);
	drop_keys(opts, unused);
	for (unsigned i = 0; i < opts->count; i++)
		if (!strcmp(opts->list[i].key, "qom-type")) {
			free(opts->list[i].value);
			opts->list[i].value = strdup("memory-backend-ram");
		}
	return machine_add_object(machine, opts, err);
}

/* Bridges, ports and what is CXL; a disk would ask for its file. */
static bool add_drawn_device(struct machine *machine, struct opts *opts, struct error *err)
{
	static const char *const files[] = {"cdat", NULL};
	const char *name = opts_get(opts, "driver");

	drop_keys(opts, files);
	if (!name || !strncmp(name, "cxl-", 4) || !strncmp(name, "pxb-", 4) || !strncmp(name, "pcie-", 5) ||
	    !strncmp(name, "x3130-", 6))
		return machine_add_device(machine, opts, err);
	for (unsigned i = 0; i < opts->count; i++)
		opts->list[i].used = true;
	return true;
}

/* -net nic,KEYS and -net user,KEYS are -nic user,KEYS,KEYS. */
static bool add_net_pair(struct settings *s, struct machine *machine, struct error *err)
{
	struct listed pair = {.count = 1};
	char *text;
	bool ok;

	if (!s->net_card && !s->net_wire)
		return true;
	if (!s->net_card)
		return fail(err, "-net %s: it has no card; add -net nic, or write -nic %s", s->net_wire, s->net_wire);
	if (asprintf(&text, "%s%s", s->net_wire ? s->net_wire : "nic", s->net_card + strlen("nic")) < 0)
		return fail(err, "out of memory");
	pair.text[0] = text;
	ok = each(&pair, "-net", "type", machine, machine_add_nic, err);
	free(text);
	return ok;
}

static bool add_parts(struct settings *s, struct machine *machine, struct error *err)
{
	if (s->draw)
		return each(&s->objects, "-object", "qom-type", machine, add_drawn_object, err) &&
		       each(&s->devices, "-device", "driver", machine, add_drawn_device, err);
	/* Networks first: their program starts before guest memory exists. */
	return each(&s->netdevs, "-netdev", "type", machine, machine_add_netdev, err) &&
	       each(&s->nics, "-nic", "type", machine, machine_add_nic, err) && add_net_pair(s, machine, err) &&
	       each(&s->fsdevs, "-fsdev", "fsdriver", machine, machine_add_fsdev, err) &&
	       each(&s->virtfs, "-virtfs", "fsdriver", machine, machine_add_virtfs, err) &&
	       each(&s->objects, "-object", "qom-type", machine, machine_add_object, err) &&
	       each(&s->chardevs, "-chardev", "backend", machine, machine_add_chardev, err) &&
	       each(&s->blockdevs, "-blockdev", "driver", machine, machine_add_blockdev, err) &&
	       each(&s->drives, "-drive", NULL, machine, machine_add_drive, err) &&
	       each(&s->devices, "-device", "driver", machine, machine_add_device, err);
}

static bool build(struct settings *s, struct machine *machine, struct error *err)
{
	if (!add_parts(s, machine, err))
		return false;
	for (unsigned n = 0; n < FMW_MAX; n++) {
		if (!s->windows[n].used)
			continue;
		if (n && !s->windows[n - 1].used)
			return fail(err, "-M cxl-fmw.%u: cxl-fmw.%u is missing; number the windows from 0 without gaps",
				    n, n - 1);
		if (!machine_add_window(machine, &s->windows[n].opts, err))
			return strncmp(err->text, "-M", 2) ? fail_context(err, "-M cxl-fmw.%u", n) : false;
	}
	return each(&s->regions, "-cxl-region", NULL, machine, machine_add_region, err) &&
	       (s->draw ? machine_settle(machine, err) : machine_finish(machine, err));
}

static bool add_mon(struct settings *s, struct qmp *qmp, struct machine *machine, struct opts *opts, struct error *err)
{
	const char *id = opts_get(opts, "chardev"), *mode = opts_get(opts, "mode"), *pretty = opts_get(opts, "pretty");
	struct chardev *chardev = id ? machine_chardev(machine, id) : NULL;

	if (mode && strcmp(mode, "control") && strcmp(mode, "readline"))
		return fail(err, "mode=%s: write mode=control for QMP or mode=readline for the human monitor", mode);
	if (pretty && strcmp(pretty, "off"))
		return fail(err, "pretty=%s: not built; leave it out", pretty);
	if (!chardev)
		return fail(err, "chardev=%s: no such character device; describe it with -chardev", id ? id : "");
	opts_get(opts, "id"); /* monitors have no names here */
	if (!opts_all_used(opts, "-mon", err))
		return false;
	return mode && !strcmp(mode, "control") ? qmp_serve(qmp, chardev, err) :
						  monitor_serve(&s->human, machine, chardev, err);
}

static bool open_monitor(struct settings *s, struct qmp *qmp, struct machine *machine, enum monitor_kind kind,
			 const char *text, struct error *err)
{
	char chardev[300];
	struct opts opts;
	bool ok;

	if (kind != MONITOR_CHARDEV && strncmp(text, "chardev:", 8))
		return kind == MONITOR_QMP ? qmp_listen(qmp, text, err) : monitor_listen(&s->human, machine, text, err);
	/* -monitor chardev:ID is -mon ID, -qmp chardev:ID is -mon ID,mode=control. */
	snprintf(chardev, sizeof(chardev), "%.250s%s", kind == MONITOR_CHARDEV ? text : text + 8,
		 kind == MONITOR_QMP ? ",mode=control" : "");
	ok = opts_parse(&opts, chardev, "chardev", err);
	ok = ok && add_mon(s, qmp, machine, &opts, err);
	opts_free(&opts);
	return ok;
}

/* Last of all, so that a monitor that answers has a machine that is whole. */
static bool open_monitors(struct settings *s, struct qmp *qmp, struct machine *machine, struct error *err)
{
	static const char *const words[] = {
		[MONITOR_QMP] = "-qmp", [MONITOR_CHARDEV] = "-mon", [MONITOR_HUMAN] = "-monitor"};

	for (unsigned i = 0; i < s->monitors.count; i++)
		if (!open_monitor(s, qmp, machine, s->monitor_kind[i], s->monitors.text[i], err))
			return fail_context(err, "%s %.200s", words[s->monitor_kind[i]], s->monitors.text[i]);
	/* mon: is a console with a monitor behind it. */
	for (unsigned n = 0; n < MACHINE_SERIALS && s->config.serial[n]; n++)
		if (!strncmp(s->config.serial[n], "mon:", 4) &&
		    !monitor_serve(&s->human, machine, machine_serial(machine, n), err))
			return false;
	return true;
}

/* After -serial and the like: stdio, mon:stdio, with or without keys; not a path that has the word in it. */
static bool is_stdio(const char *text)
{
	if (!strncmp(text, "mon:", 4))
		text += 4;
	return !strncmp(text, "stdio", 5) && (!text[5] || text[5] == ',');
}

static bool is_stdio_chardev(const char *text)
{
	struct error ignored;
	struct opts opts;
	const char *backend;
	bool is;

	if (!option_parse(&opts, text, "backend", &ignored))
		return false;
	backend = opts_get(&opts, "backend");
	is = backend && !strcmp(backend, "stdio");
	opts_free(&opts);
	return is;
}

static bool take_terminal(const char **user, const char *option, const char *text, struct error *err)
{
	if (*user)
		return fail(err, "%s %s: the terminal serves a %s already; write null or another place for one of them",
			    option, text, *user);
	*user = option;
	return true;
}

/* The terminal has one user. */
static bool settle_stdio(struct settings *s, struct error *err)
{
	static const char *const words[] = {[MONITOR_QMP] = "-qmp", [MONITOR_HUMAN] = "-monitor"};
	const char *user = NULL;

	for (unsigned n = 0; n < MACHINE_SERIALS && s->config.serial[n]; n++)
		if (is_stdio(s->config.serial[n]) && !take_terminal(&user, "-serial", s->config.serial[n], err))
			return false;
	for (unsigned i = 0; i < s->monitors.count; i++)
		if (s->monitor_kind[i] != MONITOR_CHARDEV && is_stdio(s->monitors.text[i]) &&
		    !take_terminal(&user, words[s->monitor_kind[i]], s->monitors.text[i], err))
			return false;
	for (unsigned i = 0; i < s->chardevs.count; i++)
		if (is_stdio_chardev(s->chardevs.text[i]) &&
		    !take_terminal(&user, "-chardev", s->chardevs.text[i], err))
			return false;
	if (s->gdb && is_stdio(s->gdb) && !take_terminal(&user, "-gdb", s->gdb, err))
		return false;
	if (s->daemonize && (user || s->nographic))
		return fail(
			err,
			"-daemonize: a machine in the background has no terminal; leave -nographic out and write -serial file:PATH, "
			"unix:PATH,server=on,wait=off or null");
	if (s->draw)
		s->config.serial[1] = NULL;
	if (!s->config.serial[0] || s->draw)
		s->config.serial[0] = user || s->draw || s->daemonize ? "null" : "mon:stdio";
	return true;
}

/* `topology [--dot|--svg] OPTIONS...`: returns how many arguments are ours. */
static int read_drawing(struct settings *s, int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "topology"))
		return 0;
	s->draw = true;
	s->picture = PICTURE_TEXT;
	if (argc > 2 && !strcmp(argv[2], "--dot"))
		s->picture = PICTURE_DOT;
	else if (argc > 2 && !strcmp(argv[2], "--svg"))
		s->picture = PICTURE_SVG;
	else
		return 1;
	return 2;
}

/* Only the file that was written: not a device, a link, or what another machine has put there since. */
static void remove_pidfile(const char *path, const struct stat *file)
{
	struct stat now;

	if (!lstat(path, &now) && S_ISREG(now.st_mode) && now.st_dev == file->st_dev && now.st_ino == file->st_ino)
		unlink(path);
}

/* The file, open and locked for as long as we run: a second machine cannot have it. -1: told in err. */
static int write_pidfile(const char *path, struct stat *file, struct error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	/* Not blocking: a FIFO that nobody reads is an error, not a wait. */
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	bool known = fd >= 0 && !fstat(fd, file);

	if (known && fcntl(fd, F_OFD_SETLK, &lock) && (errno == EAGAIN || errno == EACCES)) {
		close(fd);
		fail(err, "-pidfile %s: it is that of a machine that runs; name another", path);
		return -1;
	}
	if (known && (!S_ISREG(file->st_mode) || !ftruncate(fd, 0)) && dprintf(fd, "%d\n", (int)getpid()) > 0)
		return fd;
	if (known)
		remove_pidfile(path, file); /* an empty one would be taken for that of a machine */
	if (fd >= 0)
		close(fd);
	fail(err, "-pidfile %s: cannot write it; name a file in a folder that you may write to", path);
	return -1;
}

/*
 * -daemonize: the machine is made in a child; the parent waits for its word and returns its exit code, so that errors
 * are seen as without. Before any thread is made. Returns the descriptor to give the word on, -1 in case of error.
 */
static int daemon_begin(struct error *err)
{
	int fds[2], status = 1;
	u8 word = 1;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) || (child = fork()) < 0) {
		fail(err, "-daemonize: the host gives no second process");
		return -1;
	}
	if (child) {
		close(fds[1]);
		/* A child that ends without a word has printed why. */
		if (read(fds[0], &word, 1) == 1)
			_exit(word);
		waitpid(child, &status, 0);
		_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
	}
	close(fds[0]);
	setsid();
	return fds[1];
}

static bool daemon_ready(int fd, struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	u8 word = 0;
	bool ok = null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1;

	/* Errors are still to be seen until the parent is told. */
	if (!ok)
		return fail(err, "-daemonize: /dev/null cannot be opened");
	ok = write(fd, &word, 1) == 1 && dup2(null, 2) == 2;
	close(fd);
	close(null);
	return ok || fail(err, "-daemonize: the parent is gone");
}

/* Words that ask a running machine; false: there are none. */
static bool ask_live(int argc, char **argv, int *code, struct error *err)
{
	int at = argc > 2 && (!strcmp(argv[2], "--dot") || !strcmp(argv[2], "--svg")) ? 3 : 2;

	if (argc > 1 && !strcmp(argv[1], "explain")) {
		*code = live_explain(argc - 2, argv + 2, err);
	} else if (argc <= at || strcmp(argv[1], "topology") || !live_is_socket(argv[at])) {
		return false;
	} else if (argc == at + 1) {
		*code = live_topology(argv[at], at == 3 ? argv[2] + 2 : "text", err);
	} else {
		fail(err, "topology: nothing comes after %.100s; --dot or --svg stands before it", argv[at]);
		*code = 1;
	}
	if (fflush(stdout) || ferror(stdout)) {
		fail(err, "%s: the answer could not be written to standard output", argv[1]);
		*code = 1;
	}
	return true;
}

static void trace_summary(void *opaque, const char *text)
{
	trace_print(TRACE_GUEST_ERROR, "%s", text);
}

/* Who starts us may have closed some of them; a file of ours in such a place would be read and written as the terminal.
 */
static void fill_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* By default where the host has it. A sanitizer's own calls are in no list. */
static bool sandbox(const struct settings *s, struct error *err)
{
#ifdef __SANITIZE_ADDRESS__
	bool wanted = s->sandbox && s->sandbox_asked;
#else
	bool wanted = s->sandbox;
#endif

	if (!wanted || sandbox_enter(!s->no_spawn, err))
		return true;
	if (s->sandbox_asked)
		return false;
	err->text[0] = 0;
	return true;
}

int control_main(int argc, char **argv)
{
	struct settings *s = calloc(1, sizeof(*s));
	struct machine *machine = NULL;
	struct qmp *qmp = NULL;
	struct gdb *gdb = NULL;
	struct error err = {""};
	struct stat pidfile;
	int code = 1, skip, daemon = -1, pid_fd = -1;
	bool ok;

	if (!s)
		return 1;
	fill_standard_files();
	signal(SIGXFSZ, SIG_IGN); /* past ulimit -f a write fails: that file's error, not our end */
	if (ask_live(argc, argv, &code, &err)) {
		if (err.text[0])
			notice("%s", err.text);
		free(s);
		return code;
	}
	s->config.ram_size = 1 * GiB;
	s->config.cpu_count = 1;
	s->config.cpu_model = "max";
	s->config.acpi = s->config.its = true;
	s->config.cxl = -1;
	s->config.escape = 1;
	s->sandbox = true;
	skip = read_drawing(s, argc, argv);
	ok = parse_arguments(s, argc - skip, argv + skip, &err) &&
	     (s->draw || !s->trace_file || trace_open(s->trace_file, &err)) && accel_settle(s, &err) &&
	     settle_stdio(s, &err);
	if (ok && s->daemonize && !s->draw && !s->config.dumpdtb)
		ok = (daemon = daemon_begin(&err)) >= 0;
	s->config.no_program = s->config.none || s->config.start_paused || s->config.dumpdtb;
	if (ok && s->config.ram_max < s->config.ram_size)
		s->config.ram_max = s->config.ram_size;
	ok = ok && (machine = machine_create(&s->config, &err)) && build(s, machine, &err);
	if (ok && s->draw) {
		topology_draw(machine, s->picture, stdout);
		code = 0;
		if (fflush(stdout) || ferror(stdout))
			ok = fail(&err, "topology: the picture could not be written to standard output");
	} else if (ok && s->config.dumpdtb) {
		code = 0; /* the file is what was asked for */
	} else if (ok) {
		qmp = qmp_create(s, machine);
		ok = open_monitors(s, qmp, machine, &err) && (!s->gdb || (gdb = gdb_listen(machine, s->gdb, &err))) &&
		     (!s->pidfile || (pid_fd = write_pidfile(s->pidfile, &pidfile, &err)) >= 0) && sandbox(s, &err) &&
		     (daemon < 0 || daemon_ready(daemon, &err));
	}
	if (ok && !s->draw && !s->config.dumpdtb) {
		code = machine_run(machine, &err);
		ok = !err.text[0];
		if (trace_is_on(GUEST_ERROR))
			conformance_print(trace_summary, NULL);
	}
	if (!ok)
		notice("%s", err.text);
	gdb_close(gdb);
	monitors_close(&s->human);
	qmp_destroy(qmp);
	if (machine)
		machine_destroy(machine);
	for (unsigned n = 0; n < FMW_MAX; n++)
		opts_free(&s->windows[n].opts);
	if (pid_fd >= 0) {
		remove_pidfile(s->pidfile, &pidfile);
		close(pid_fd);
	}
	free(s);
	return ok ? code : 1;
}
