/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interrupt line: the machine connects a device's output to an interrupt controller's input. Level-triggered;
 * an edge is a 1 followed by a 0. Called under the machine lock. An unconnected line (set == NULL) does nothing.
 */
#ifndef BASE_LINE_H
#define BASE_LINE_H

#include "base/types.h"

struct line {
	void (*set)(void *opaque, unsigned n, bool level);
	void *opaque;
	unsigned n; /* the input's number, as the controller counts */
};

static inline void line_set(const struct line *line, bool level)
{
	if (line->set)
		line->set(line->opaque, line->n, level);
}

#endif
