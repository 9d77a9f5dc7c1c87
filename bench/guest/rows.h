/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the bench program share: each has a table of rows, ended by a row without a name. */
#ifndef ROWS_H
#define ROWS_H

#include <stdint.h>

struct row {
	const char *name;
	uint64_t (*run)(void); /* returns a result that both machines must agree on */
	int is_memory;         /* done on each node */
};
extern const struct row base_rows[], crypto_rows[], net_rows[];

/* A program of Debian's below /bench. What it writes is hashed, or, `rate`, has a figure of openssl speed. */
struct program_row {
	const char *name;
	const char *argv[12];
	const char *rate; /* start of the line with the figure; NULL: the time is taken */
	int field;        /* of it, separated by colons */
	double scale;     /* the figure is of one second: this much takes scale / figure */
	int unlike;       /* the output has times in it: not compared */
};
extern const struct program_row program_rows[];
/* Seconds; negative: it failed. */
double program_run(const struct program_row *row, uint64_t *result);
double now(void);

#endif
