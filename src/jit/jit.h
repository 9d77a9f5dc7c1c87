/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of jit/: the translator from A64 to x86-64, as an engine for cpus_create. It means what the interpreter means, faster;
 * what it lacks, it asks the interpreter's functions for. docs/translator.md has the conventions.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "cpu/cpu.h"

/* NULL on a host that is not x86-64 or lacks an instruction that is needed; then *err says which. */
const struct cpu_engine *jit_engine(struct error *err);
/* For tests: as if the host had no more than this. */
enum jit_limit { JIT_SSE42, JIT_AVX2, JIT_ALL };
const struct cpu_engine *jit_engine_limited(enum jit_limit limit, struct error *err);

#endif
