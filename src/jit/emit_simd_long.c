/* SPDX-License-Identifier: BSD-2-Clause */
#include "jit/vector.h"

const struct emitter_row emit_simd_long_rows[] = {{ROW_NONE, 0, NULL}};
