/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fabric explained: which decoder takes an address, which refuses it and why; what decoders, devices and register
 * blocks there are. For QMP, the monitor and `cxlvm topology`. The walk is that of decode.c
 * [CXL3.1 8.2.4.20.13, 9.13.1, 9.17.1.3], done once more over the components themselves, so that it can say what it
 * sees. Reads only. Machine lock.
 */
#include <stdarg.h>
#include <stdio.h>

#include "cxl/decode.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define ULL(v) ((unsigned long long)(v))

struct walk {
	struct cxl_host *host;
	u64 hpa;
	void (*each)(void *arg, const struct cxl_hop *hop);
	void *arg;
};

static void hop(struct walk *w, const char *kind, const char *name, int decoder, bool took, const char *format, ...)
	printf_like(6, 7);
static void hop(struct walk *w, const char *kind, const char *name, int decoder, bool took, const char *format, ...)
{
	struct cxl_hop h = {.kind = kind, .name = name, .decoder = decoder, .took = took};
	va_list args;

	va_start(args, format);
	vsnprintf(h.text, sizeof(h.text), format, args);
	va_end(args);
	w->each(w->arg, &h);
}

static unsigned target_of(u64 hpa, u32 granularity, unsigned ways)
{
	return granularity && ways ? hpa / granularity % ways : 0;
}

static int find_window(struct walk *w)
{
	for (unsigned n = 0; n < w->host->window_count; n++)
		if (w->hpa - w->host->windows[n].base < w->host->windows[n].size)
			return (int)n;
	return -1;
}

static struct cxl_bridge *explain_window(struct walk *w, int *window)
{
	const struct cxl_window *win;
	struct cxl_bridge *bridge;
	char name[16];
	unsigned target;

	*window = find_window(w);
	if (*window < 0) {
		hop(w, "window", "none", -1, false, "no fixed window holds 0x%llx; there %s %u", ULL(w->hpa),
		    w->host->window_count == 1 ? "is" : "are", w->host->window_count);
		return NULL;
	}
	win = &w->host->windows[*window];
	target = target_of(decode_fold(win->xor_maps, w->hpa), win->granularity, win->target_count);
	bridge = win->targets[target];
	snprintf(name, sizeof(name), "%d", *window);
	hop(w, "window", name, -1, bridge != NULL, "0x%llx-0x%llx, %u ways of %u bytes%s: target %u is %s",
	    ULL(win->base), ULL(win->base + win->size - 1), win->target_count, win->granularity,
	    win->xor_maps[0] ? " by XOR" : "", target, bridge ? dev_name(&bridge->pci.dev) : "gone");
	return bridge;
}

/* The decoder that takes the address; a hop for it and for each before it, or for all if none does. */
static int explain_decoders(struct walk *w, const char *kind, const struct cxl_component *comp)
{
	for (unsigned i = 0; i < comp->decoder_count; i++) {
		const struct hdm_decoder *d = &comp->decoders[i];
		u64 ctrl = regs_get(&comp->regs, comp->hdm_at + HDM_CTRL + i * HDM_STRIDE, 4);
		const char *rule;

		if (!d->committed && (ctrl & HDM_CTRL_ERROR)) {
			rule = hdm_why_not(comp, i);
			hop(w, kind, comp->name, (int)i, false, "its commit failed: %s",
			    rule ? rule : "the registers were changed since");
		} else if (!d->committed) {
			hop(w, kind, comp->name, (int)i, false, "not committed");
		} else if (w->hpa - d->base >= d->size) {
			hop(w, kind, comp->name, (int)i, false, "0x%llx is not in 0x%llx-0x%llx", ULL(w->hpa),
			    ULL(d->base), ULL(d->base + d->size - !!d->size));
		} else {
			return (int)i;
		}
	}
	return -1;
}

static struct cxl_port *find_port(const struct cxl_host *host, const struct cxl_fork *fork, int number)
{
	for (struct cxl_port *port = host->ports; port; port = port->next)
		if (port->above == fork && (number < 0 || port->number == number))
			return port;
	return NULL;
}

static struct cxl_port *explain_fork(struct walk *w, const struct cxl_fork *fork)
{
	const char *name = dev_name(&fork->pci->dev), *kind = fork->above ? "switch" : "bridge";
	struct cxl_port *port;
	const struct hdm_decoder *d;
	unsigned target;
	int i;

	if (fork->comp.kind == COMPONENT_BRIDGE_PASSTHROUGH) {
		port = find_port(w->host, fork, -1);
		hop(w, kind, name, -1, port != NULL, "one root port and no decoders: everything goes to %s",
		    port ? dev_name(&port->pci.dev) : "nobody");
		return port;
	}
	i = explain_decoders(w, kind, &fork->comp);
	if (i < 0)
		return NULL;
	d = &fork->comp.decoders[i];
	target = target_of(w->hpa, hdm_granularity(d->ig), hdm_ways(d->iw));
	port = find_port(w->host, fork, d->targets[target % HDM_TARGETS]);
	hop(w, kind, name, i, port != NULL, "0x%llx-0x%llx, %u ways of %u bytes: target %u is port %u, %s",
	    ULL(d->base), ULL(d->base + d->size - 1), hdm_ways(d->iw), hdm_granularity(d->ig), target,
	    d->targets[target % HDM_TARGETS], port ? dev_name(&port->pci.dev) : "which is not there");
	return port;
}

/* What is below the port: *sw, or the device, or neither. */
static struct cxl_type3 *explain_port(struct walk *w, struct cxl_port *port, struct cxl_switch **sw)
{
	struct cxl_type3 *device = cxl_port_device(port);
	const char *name = dev_name(&port->pci.dev);

	*sw = cxl_port_switch(port);
	if (!pci_link_is_up(&port->pci))
		hop(w, "port", name, -1, false, "the link of port %u is down", port->number);
	else if (!device && !*sw)
		hop(w, "port", name, -1, false, "no memory device is below port %u", port->number);
	else
		hop(w, "port", name, -1, true, "port %u: %s is below", port->number,
		    device ? device->name : dev_name(&(*sw)->pci.dev));
	return device;
}

/* The walk of decode.c's opening comment. */
static u64 device_dpa(const struct cxl_component *comp, unsigned i, u64 hpa)
{
	const struct hdm_decoder *d = &comp->decoders[i];
	u64 granularity = hdm_granularity(d->ig), offset = hpa - d->base, dpa = d->skip;

	for (unsigned k = 0; k < i; k++)
		if (comp->decoders[k].committed)
			dpa += comp->decoders[k].skip +
			       hdm_share(comp->decoders[k].size, comp->decoders[k].iw, comp->decoders[k].ig);
	return dpa + offset / (granularity * hdm_ways(d->iw)) * granularity + offset % granularity;
}

/* What is unusual about memory that answers. */
static const char *unusual(const struct cxl_type3 *device, u64 dpa)
{
	u64 from, end;

	if (media_disabled(device, &from, &end) && dpa >= from && dpa < end)
		return "; disabled: reads are random, writes are lost";
	if (poison_hits(device->poison.ranges, device->poison.count, dpa, 1))
		return "; poisoned: reads abort";
	if (device->viral && dpa - device->volatile_bytes < device->persistent_bytes)
		return "; viral: writes are lost";
	return "";
}

/* By the DVSEC, as HDM Decoder Enable is 0. */
static bool explain_ranges(struct walk *w, struct cxl_type3 *device, u64 *dpa)
{
	for (unsigned i = 0; i < DVSEC_DEVICE_RANGES; i++) {
		struct decode_decoder r = dvsec_range(device, i);
		bool answers;

		if (w->hpa - r.base >= r.size)
			continue;
		*dpa = r.dpa + (w->hpa - r.base);
		answers = dynamic_is_memory(device, *dpa, 1);
		hop(w, "device", device->name, -1, answers, "HDM Decoder Enable is 0, range %u: DPA 0x%llx, %s%s",
		    i + 1, ULL(*dpa), answers ? "memory" : "dynamic capacity that the host has not accepted",
		    answers ? unusual(device, *dpa) : "");
		return answers;
	}
	hop(w, "device", device->name, -1, false,
	    "HDM Decoder Enable is 0, and no range of the DVSEC is there [CXL3.1 8.1.3.8, 8.2.4.20.2]");
	return false;
}

static bool explain_device(struct walk *w, struct cxl_type3 *device, u64 *dpa)
{
	const struct hdm_decoder *d;
	struct backend *backend;
	u64 offset, left;
	bool answers;
	int i;

	if (!type3_is_mem_enabled(device)) {
		hop(w, "device", device->name, -1, false, "memory is off: Mem_Enable is 0 [CXL3.1 8.1.3.2]");
		return false;
	}
	if (!device->comp.hdm_enabled)
		return explain_ranges(w, device, dpa);
	i = explain_decoders(w, "device", &device->comp);
	if (i < 0)
		return false;
	d = &device->comp.decoders[i];
	*dpa = device_dpa(&device->comp, (unsigned)i, w->hpa);
	backend = type3_backend(device, *dpa, &offset, &left);
	answers = backend && dynamic_is_memory(device, *dpa, 1);
	hop(w, "device", device->name, i, answers, "0x%llx-0x%llx, %u ways of %u bytes: DPA 0x%llx, %s%s%s",
	    ULL(d->base), ULL(d->base + d->size - 1), hdm_ways(d->iw), hdm_granularity(d->ig), ULL(*dpa),
	    answers ? "memory " :
	    backend ? "dynamic capacity that the host has not accepted" :
		      "past the capacity",
	    answers ? backend->id : "", answers ? unusual(device, *dpa) : "");
	return answers;
}

bool cxl_explain(struct cxl_host *host, u64 hpa, void (*each)(void *arg, const struct cxl_hop *hop), void *arg,
		 u64 *dpa)
{
	struct walk w = {.host = host, .hpa = hpa, .each = each, .arg = arg};
	struct cxl_bridge *bridge;
	struct cxl_type3 *device = NULL;
	int window;
	const struct cxl_fork *fork = (bridge = explain_window(&w, &window)) ? &bridge->fork : NULL;

	for (unsigned level = 0; fork && level <= CXL_SWITCH_LEVELS_MAX; level++) {
		struct cxl_port *port = explain_fork(&w, fork);
		struct cxl_switch *sw = NULL;

		device = port ? explain_port(&w, port, &sw) : NULL;
		fork = sw ? &sw->fork : NULL;
	}
	return device && explain_device(&w, device, dpa);
}

static void each_decoder_of(const struct cxl_component *comp, const char *kind,
			    void (*each)(void *arg, const struct cxl_decoder_facts *facts), void *arg)
{
	if (!component_has_hdm(comp))
		return;
	for (unsigned i = 0; i < comp->decoder_count; i++) {
		u32 at = comp->hdm_at + i * HDM_STRIDE;
		u64 ctrl = regs_get(&comp->regs, at + HDM_CTRL, 4);
		u64 last = regs_get(&comp->regs, at + HDM_TARGETS_LO, 4) | regs_get(&comp->regs, at + HDM_TARGETS_HI, 4)
										   << 32;
		struct cxl_decoder_facts f = {
			.kind = kind,
			.component = comp->name,
			.index = i,
			.enabled = comp->kind != COMPONENT_DEVICE || comp->hdm_enabled,
			.committed = comp->decoders[i].committed,
			.locked = comp->decoders[i].locked,
			.error = ctrl & HDM_CTRL_ERROR,
			.base = regs_get(&comp->regs, at + HDM_BASE_LO, 4) | regs_get(&comp->regs, at + HDM_BASE_HI, 4)
										     << 32,
			.size = regs_get(&comp->regs, at + HDM_SIZE_LO, 4) | regs_get(&comp->regs, at + HDM_SIZE_HI, 4)
										     << 32,
			.ways = hdm_ways(bits(ctrl, 7, 4)),
			.granularity = hdm_granularity(bits(ctrl, 3, 0)),
		};

		if (comp->kind == COMPONENT_DEVICE)
			f.skip = last;
		else
			f.target_count = MIN(f.ways, HDM_TARGETS);
		for (unsigned t = 0; t < f.target_count; t++)
			f.targets[t] = last >> (8 * t);
		each(arg, &f);
	}
}

void cxl_each_decoder(struct cxl_host *host, void (*each)(void *arg, const struct cxl_decoder_facts *facts), void *arg)
{
	for (unsigned n = 0; n < host->bridge_count; n++)
		if (host->bridges[n])
			each_decoder_of(&host->bridges[n]->fork.comp, "bridge", each, arg);
	for (struct cxl_switch *sw = host->switches; sw; sw = sw->next)
		each_decoder_of(&sw->fork.comp, "switch", each, arg);
	for (struct cxl_type3 *device = host->devices; device; device = device->next)
		each_decoder_of(&device->comp, "device", each, arg);
}

bool cxl_device_facts(const struct dev *dev, struct cxl_device_facts *facts)
{
	const struct cxl_type3 *device = (const struct cxl_type3 *)dev;

	if (dev->cls != &cxl_type3_class)
		return false;
	*facts = (struct cxl_device_facts){
		.volatile_bytes = device->volatile_bytes,
		.persistent_bytes = device->persistent_bytes,
		.dynamic_bytes = device->dynamic_bytes,
		.serial = device->number,
		.volatile_backend = device->vmem ? device->vmem->id : NULL,
		.persistent_backend = device->pmem ? device->pmem->id : NULL,
	};
	return true;
}

bool cxl_port_number(const struct dev *dev, unsigned *number)
{
	if (dev->cls != &cxl_rp_class && dev->cls != &cxl_downstream_class)
		return false;
	*number = ((const struct cxl_port *)dev)->number;
	return true;
}

void cxl_each_regs(struct cxl_host *host,
		   void (*each)(void *arg, const char *what, const char *owner, struct regs *regs), void *arg)
{
	for (unsigned n = 0; n < host->bridge_count; n++)
		if (host->bridges[n])
			each(arg, "component", dev_name(&host->bridges[n]->pci.dev), &host->bridges[n]->fork.comp.regs);
	for (struct cxl_switch *sw = host->switches; sw; sw = sw->next)
		each(arg, "component", dev_name(&sw->pci.dev), &sw->fork.comp.regs);
	for (struct cxl_port *port = host->ports; port; port = port->next)
		each(arg, "component", dev_name(&port->pci.dev), &port->comp.regs);
	for (struct cxl_type3 *device = host->devices; device; device = device->next) {
		each(arg, "component", device->name, &device->comp.regs);
		each(arg, "device", device->name, &device->mbox.registers);
	}
}
