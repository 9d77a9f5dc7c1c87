/* SPDX-License-Identifier: BSD-2-Clause */
/* The door of machine/: the arm64 `virt` machine, wired. */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "base/error.h"
#include "base/types.h"
#include "obj/dev.h"

struct machine;
struct chardev;

#define MACHINE_NODES_MAX 64
#define MACHINE_SERIALS_MAX 1

/* What the command line says, before anything exists. Strings are borrowed. */
struct machine_config {
	u64 ram_size, ram_max;      /* -m; ram_max = maxmem or ram_size */
	unsigned ram_slots;
	unsigned cpu_count;
	unsigned sockets, cores, threads; /* of -smp, 0: not given */
	const char *cpu_model;
	const char *kernel, *initrd, *append, *dtb, *dumpdtb;
	bool acpi;                  /* -M acpi= (default on) */
	bool its;
	int cxl;                    /* -1: not said, 0: off, 1: on */
	bool instruction_time;      /* -icount */
	u32 icount_shift;
	bool no_reboot, no_shutdown, start_paused;
	bool jit;
	const char *serial;         /* -serial spec */
	u64 rtc_base_s; bool rtc_base_given;
	struct machine_node {
		u32 id;
		u64 size;
		const char *memdev;
		u32 cpu_first, cpu_last; bool has_cpus;
	} nodes[MACHINE_NODES_MAX];
	unsigned node_count;
	u8 distance[MACHINE_NODES_MAX][MACHINE_NODES_MAX]; /* 0: default */
};

struct machine *machine_create(const struct machine_config *config, struct error *err);
/* In command-line order: objects first. `opts` starts with the class name under key "driver"/"qom-type". */
bool machine_add_object(struct machine *machine, struct opts *opts, struct error *err);
bool machine_add_device(struct machine *machine, struct opts *opts, struct error *err);
bool machine_add_drive(struct machine *machine, struct opts *opts, struct error *err);
bool machine_add_chardev(struct machine *machine, struct opts *opts, struct error *err);
bool machine_add_window(struct machine *machine, struct opts *opts, struct error *err); /* -M cxl-fmw.N.* */
bool machine_add_region(struct machine *machine, struct opts *opts, struct error *err); /* -cxl-region */
/* Everything exists: settle, check the map, load, reset. */
bool machine_finish(struct machine *machine, struct error *err);
/* Runs until power-off; returns the exit code. */
int machine_run(struct machine *machine, struct error *err);
void machine_destroy(struct machine *machine);
void machine_quit(struct machine *machine, int code); /* any thread */
void machine_power_button(struct machine *machine);
void machine_reset_request(struct machine *machine);
/* All classes, NULL-terminated. */
extern const struct dev_class *const machine_classes[];

#endif
