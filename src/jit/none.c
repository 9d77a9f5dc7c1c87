/* SPDX-License-Identifier: BSD-2-Clause */
/* On hosts that are not x86-64. */
#include <stdio.h>

#include "jit/jit.h"

const struct cpu_engine *jit_engine(struct error *err)
{
	fail(err, "-accel jit: the translator makes x86-64 code, which this host does not run; write -accel interp");
	return NULL;
}

const struct cpu_engine *jit_engine_limited(enum jit_limit limit, struct error *err)
{
	return jit_engine(err);
}

void jit_list_calls(void)
{
	printf("This host runs no translator.\n");
}
