/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to a machine that runs: private to control/. They return the exit code, 1 with err. */
#ifndef CONTROL_LIVE_H
#define CONTROL_LIVE_H

#include "base/error.h"

bool live_is_socket(const char *word);                      /* unix:PATH */
int live_explain(int argc, char **argv, struct error *err); /* the words after `explain` */
int live_topology(const char *socket, const char *format, struct error *err);

#endif
