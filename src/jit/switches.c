/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of jit.h's switches, for -accel and its help. */
#include "jit/jit.h"

#define ROW(name, word, on, doc) [JIT_##name] = {word, doc, on},
const struct jit_switch_row jit_switches[JIT_SWITCH_COUNT] = {JIT_SWITCHES(ROW)};
