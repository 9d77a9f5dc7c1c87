/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine without a kernel, for tests of machine/: made as the command line makes it, settled, never run. */
#ifndef TESTS_MACHINE_BOARD_H
#define TESTS_MACHINE_BOARD_H

#include "check.h"
#include "machine/facts.h"

static inline struct machine_config board_config(void)
{
	return (struct machine_config){.ram_size = 64 * MiB,
				       .ram_max = 64 * MiB,
				       .cpu_count = 1,
				       .cpu_model = "max",
				       .acpi = true,
				       .its = true,
				       .cxl = -1,
				       .serial = {"null"}};
}

static inline struct machine *board_create(const struct machine_config *config)
{
	struct error err = {""};
	struct machine *m = machine_create(config, &err);

	if (!m)
		fail_msg("%s", err.text);
	return m;
}

/* `text` as after -device, or as after -object. */
static inline void board_add(struct machine *m, bool object, const char *text)
{
	struct error err = {""};
	struct opts opts;

	if (!opts_parse(&opts, text, object ? "qom-type" : "driver", &err) ||
	    !(object ? machine_add_object : machine_add_device)(m, &opts, &err) || !opts_all_used(&opts, text, &err))
		fail_msg("%s: %s", text, err.text);
	opts_free(&opts);
}

static inline void board_settle(struct machine *m)
{
	struct error err = {""};

	if (!machine_settle(m, &err))
		fail_msg("%s", err.text);
}

#endif
