/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's CXL from beginning to end: creation, settling, reset, and the facts that ACPI asks for. */
#include <stdlib.h>

#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

struct cxl_host *cxl_host_create(const struct cxl_host_config *config, struct error *err)
{
	struct cxl_host *host = calloc(1, sizeof(*host));

	if (!host) {
		fail(err, "no memory for the CXL host");
		return NULL;
	}
	host->config = *config;
	return host;
}

/* After all devices are gone, or before any was made. */
void cxl_host_destroy(struct cxl_host *host)
{
	if (!host)
		return;
	cxl_map_destroy(host);
	for (unsigned n = 0; n < host->window_count; n++) {
		space_remove(host->config.space, &host->window_regions[n]);
		for (unsigned t = 0; t < host->windows[n].target_count; t++)
			free(host->windows[n].target_ids[t]);
	}
	for (unsigned r = 0; r < host->region_count; r++)
		for (unsigned i = 0; i < host->regions[r].ways; i++)
			free(host->regions[r].device_ids[i]);
	free(host);
}

bool cxl_host_settle(struct cxl_host *host, struct error *err)
{
	if (!cxl_ports_settle(host, err) || !cxl_windows_settle(host, err) || !cxl_regions_settle(host, err) ||
	    !cxl_bridges_settle(host, err))
		return false;
	cxl_switches_settle(host);
	host->settled = true;
	cxl_map_changed(host);
	return true;
}

void cxl_host_reset(struct cxl_host *host)
{
	if (host->settled)
		cxl_regions_program(host);
}

/* A failed write back has been told by the backend. */
void cxl_host_sync(struct cxl_host *host)
{
	cxl_map_sync(host);
	for (struct cxl_type3 *dev = host->devices; dev; dev = dev->next) {
		bool saved = (!dev->pmem || backend_flush(dev->pmem, 0, dev->pmem->size)) &
			     (!dev->lsa || backend_flush(dev->lsa, 0, dev->lsa->size));

		if (saved)
			keep_saved(dev);
	}
}

/* Nothing is compiled after this, so devices may go one by one without copying their memory about. */
void cxl_host_close(struct cxl_host *host)
{
	cxl_host_sync(host);
	host->settled = false;
	cxl_map_close(host);
}

unsigned cxl_host_window_count(const struct cxl_host *host)
{
	return host->window_count;
}

const struct cxl_window *cxl_host_window(const struct cxl_host *host, unsigned n)
{
	return n < host->window_count ? &host->windows[n] : NULL;
}

unsigned cxl_host_region_count(const struct cxl_host *host)
{
	return host->region_count;
}

struct cxl_boot_region *cxl_host_region(struct cxl_host *host, unsigned n)
{
	return n < host->region_count ? &host->regions[n] : NULL;
}

unsigned cxl_host_bridge_count(const struct cxl_host *host)
{
	return host->bridge_count;
}

struct cxl_bridge_facts cxl_host_bridge(const struct cxl_host *host, unsigned n)
{
	struct cxl_bridge *bridge = n < host->bridge_count ? host->bridges[n] : NULL;

	if (!bridge)
		return (struct cxl_bridge_facts){0};
	return (struct cxl_bridge_facts){.uid = bridge->root.uid,
					 .regs_base = bridge->region.base,
					 .regs_size = COMPONENT_BYTES,
					 .root = &bridge->root,
					 .node = bridge->root.numa_node};
}
