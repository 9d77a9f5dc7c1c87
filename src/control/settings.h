/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command line has said so far: private to control/. Strings are borrowed from argv. */
#ifndef CONTROL_SETTINGS_H
#define CONTROL_SETTINGS_H

#include "machine/machine.h"

#define LISTED_MAX 256
#define FMW_MAX 16
/* The release of QEMU whose words we speak. */
enum { DIALECT_MAJOR = 11, DIALECT_MINOR = 1, DIALECT_MICRO = 3 };

/* Options that make something are kept in order and carried out by kind: objects, character devices, drives, devices.
 */
struct listed {
	const char *text[LISTED_MAX];
	unsigned count;
};

struct settings {
	struct machine_config config;
	struct listed objects, netdevs, nics, fsdevs, virtfs, chardevs, blockdevs, drives, devices, regions;
	struct {
		bool used;
		struct opts opts;
	} windows[FMW_MAX];
	/* Monitors: -qmp's text is as after -serial, -mon's names a chardev. */
	struct listed monitors;
	enum monitor_kind { MONITOR_QMP, MONITOR_CHARDEV, MONITOR_HUMAN } monitor_kind[LISTED_MAX];
	struct monitor *human;           /* those that are open */
	const char *net_card, *net_wire; /* -net nic, and -net user and the like, until they make a pair */
	const char *pidfile, *name, *uuid, *gdb, *trace_file;
	bool draw;   /* `cxlvm topology`: nothing is opened or run */
	u32 picture; /* enum picture of qmp.h */
	bool nographic, daemonize;
	bool sandbox, sandbox_asked, no_spawn; /* asked: not the default */
	unsigned smbios_bytes;                 /* of all words */
	unsigned config_depth;                 /* inside -readconfig */
	bool accel_chosen;
	const char *accel_passed; /* the first -accel that cannot be here, before one that can */
};

/* One option of the command line. `take` gets the argument (NULL if it has none). */
struct option {
	const char *name, *alias;
	const char *argument; /* as help prints it; NULL: none */
	const char *help;
	bool (*take)(struct settings *s, const char *argument, struct error *err);
	const char *refusal; /* known, and not built: what to use instead, or why */
	bool is_free_text;   /* the argument is the user's own text, not ours to judge */
};
extern const struct option options[];

/* machine_options.c: the options that describe the board. */
bool option_machine(struct settings *s, const char *argument, struct error *err);
bool option_cpu(struct settings *s, const char *argument, struct error *err);
bool option_memory(struct settings *s, const char *argument, struct error *err);
bool option_smp(struct settings *s, const char *argument, struct error *err);
bool option_accel(struct settings *s, const char *argument, struct error *err);
bool accel_settle(struct settings *s, struct error *err); /* once all options are read */
bool option_icount(struct settings *s, const char *argument, struct error *err);
bool option_boot(struct settings *s, const char *argument, struct error *err);
bool option_rtc(struct settings *s, const char *argument, struct error *err);

/* -m 4096 is MiB; with a suffix it is what it says. */
bool memory_size(const char *key, const char *text, u64 *size, struct error *err);

/* numa_options.c */
bool option_numa(struct settings *s, const char *argument, struct error *err);

/* firmware_options.c */
bool option_uuid(struct settings *s, const char *argument, struct error *err);
bool option_smbios(struct settings *s, const char *argument, struct error *err);
bool option_fw_cfg(struct settings *s, const char *argument, struct error *err);

/* spellings.c: JSON, files of options, our short form. */
bool option_parse(struct opts *opts, const char *text, const char *implied,
		  struct error *err); /* "a,b=c" or {"b": "c"} */
struct json_object;
bool option_from_json(struct opts *opts, struct json_object *object,
		      struct error *err); /* the caller frees opts, also after a failure */
bool option_global(struct settings *s, const char *argument, struct error *err);
bool option_readconfig(struct settings *s, const char *argument, struct error *err);
bool option_cxl(struct settings *s, const char *argument, struct error *err);

/* disk_options.c */
bool option_hda(struct settings *s, const char *argument, struct error *err);
bool option_hdb(struct settings *s, const char *argument, struct error *err);
bool option_hdc(struct settings *s, const char *argument, struct error *err);
bool option_hdd(struct settings *s, const char *argument, struct error *err);
bool option_cdrom(struct settings *s, const char *argument, struct error *err);
bool option_pflash(struct settings *s, const char *argument, struct error *err);
bool option_snapshot(struct settings *s, const char *argument, struct error *err);

/* help.c: prints to stdout and ends the program with 0. */
_Noreturn void help_done(void); /* what was asked for has been printed */
_Noreturn void help_options(void);
bool help_devices(const char *name, struct error *err); /* returns only to fail; NULL: all */
_Noreturn void help_machines(void);
_Noreturn void help_cpus(void);
_Noreturn void help_trace(void);
bool help_objects(const char *name, struct error *err);
_Noreturn void help_accels(void);
_Noreturn void help_accel_jit(void);
_Noreturn void help_chardevs(void);
_Noreturn void help_netdevs(void);
_Noreturn void help_version(void);

#endif
