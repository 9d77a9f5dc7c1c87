/* SPDX-License-Identifier: BSD-2-Clause */
/* NUMA nodes: what the tables need to know. Private to machine/. */
#ifndef MACHINE_NUMA_H
#define MACHINE_NUMA_H

#include "acpi/acpi.h"
#include "machine/machine.h"

extern const struct dev_class acpi_generic_port_class, acpi_generic_initiator_class;
/* Every rule about nodes; places vCPUs by -numa cpu. Devices exist. */
bool machine_numa_settle(struct machine *m, struct error *err);
u32 machine_node_of_cpu(const struct machine_config *c, unsigned index);
/* MACHINE_NO_NODE: no object names the bridge. */
u32 machine_generic_port_node(struct machine *m, const char *bridge);
unsigned machine_generic_initiators(struct machine *m, struct acpi_generic_initiator *to);

#endif
