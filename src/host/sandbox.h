/* SPDX-License-Identifier: BSD-2-Clause */
/* What the program may still ask of the host's kernel once the machine is made. */
#ifndef HOST_SANDBOX_H
#define HOST_SANDBOX_H

#include "base/error.h"

/*
 * For all threads, those to come included, and for good. Without `spawn` no program can be started and no connection
 * begun: plugging a network fails. Files can be opened as before. Fails if the host's kernel takes no filter.
 */
bool sandbox_enter(bool spawn, struct error *err);

#endif
