/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects without effect. Private to machine/. */
#ifndef MACHINE_ACCEPTED_H
#define MACHINE_ACCEPTED_H

#include "obj/dev.h"

extern const struct dev_class rng_random_class, rng_builtin_class, iothread_class;

#endif
