/* SPDX-License-Identifier: BSD-2-Clause */
/* The human monitor, private to control/: lines (hmp.c, hmp_memory.c) and the conversation (monitor.c). */
#ifndef CONTROL_HMP_H
#define CONTROL_HMP_H

#include <stdio.h>

#include "machine/machine.h"

/* Text that the monitor answers to a line; the caller frees. `cpu`: the vCPU that the line is about, which the line
 * `cpu` changes. */
char *hmp_run(struct machine *machine, unsigned *cpu, const char *line);
const char *hmp_line(unsigned n); /* the n-th command, NULL after the last */

/* --- hmp_memory.c: `rest` is what stands behind the command --- */
/* For a look at registers and virtual memory, nobody runs. Whether the machine did. */
bool hmp_hold(struct machine *machine);
void hmp_let_go(struct machine *machine, bool ran);
void hmp_x(struct machine *machine, unsigned *cpu, const char *rest, FILE *to);
void hmp_xp(struct machine *machine, unsigned *cpu, const char *rest, FILE *to);
void hmp_print(struct machine *machine, unsigned *cpu, const char *rest, FILE *to);
void hmp_cpu(struct machine *machine, unsigned *cpu, const char *rest, FILE *to);
void hmp_info_registers(struct machine *machine, unsigned *cpu, const char *rest, FILE *to);
void hmp_info_cpus(struct machine *machine, unsigned *cpu, const char *rest, FILE *to);

/* --- monitor.c --- */
struct monitor;
bool monitor_serve(struct monitor **list, struct machine *machine, struct chardev *chardev, struct error *err);
bool monitor_listen(struct monitor **list, struct machine *machine, const char *spec, struct error *err);
void monitors_close(struct monitor **list);

/* qmp_query.c: the machine's balloon, and what it leaves of memory; NULL: there is none. Then: what it shall leave. */
struct dev *hmp_balloon(struct machine *machine, u64 *left);
void hmp_balloon_ask(struct machine *machine, struct dev *dev, u64 left);

#endif
