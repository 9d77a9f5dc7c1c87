/* SPDX-License-Identifier: BSD-2-Clause */
/* The gdb server: private to control/. */
#ifndef CONTROL_GDB_H
#define CONTROL_GDB_H

#include "machine/machine.h"

struct gdb;
/* `spec` as after -serial; a socket listens. Stands until gdb_close, which comes before the machine's end. */
struct gdb *gdb_listen(struct machine *machine, const char *spec, struct error *err);
void gdb_close(struct gdb *gdb);

#endif
