/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot regions: `-cxl-region`, CXL memory that is there when the kernel starts (design D5). After a machine reset the decoders
 * are programmed and committed by ordinary register writes, as firmware would.
 *
 * The legal grid. A window of W bridges at granularity G, a region of N devices, k = N / W below each bridge:
 *
 *        root       W ways at G                   picks the bridge
 *        bridge     k ways at G x W               picks the port; G x W at most 16 KiB, k at most 8
 *        device     N ways at G                   N x G at most 32 KiB: address bits 14:8
 *
 * so device number i lies below window target i mod W, at port i / W of those that take part, in the order of their port numbers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define ULL(v) ((unsigned long long)(v))
#define LEVEL_GRANULARITY_MAX (16 * KiB)
#define INTERLEAVE_SPAN_MAX (32 * KiB)

static struct cxl_type3 *region_device(const struct cxl_boot_region *region, unsigned i)
{
	return (struct cxl_type3 *)region->devices[i];
}

/* --- the option --- */

static bool parse_devices(struct cxl_boot_region *region, const char *text, struct error *err)
{
	while (text && *text) {
		size_t length = strcspn(text, ":");

		if (!length || (text[length] == ':' && !text[length + 1]))
			return fail(err, "-cxl-region: devices=: an id is empty; write devices=ID[:ID...]");
		if (region->ways == CXL_REGION_WAYS_MAX)
			return fail(err, "-cxl-region: devices=: more than %u devices [CXL3.1 8.2.4.20.7]", CXL_REGION_WAYS_MAX);
		region->device_ids[region->ways++] = strndup(text, length);
		text += length + (text[length] == ':');
	}
	if (!region->ways)
		return fail(err, "-cxl-region: devices= is missing; write devices=ID[:ID...] with ids of cxl-type3 devices");
	return true;
}

static bool parse_words(struct cxl_boot_region *region, struct opts *opts, struct error *err)
{
	const char *type = opts_get(opts, "type"), *as = opts_get(opts, "as"), *lock = opts_get(opts, "lock");

	if (type && strcmp(type, "ram") && strcmp(type, "pmem"))
		return fail(err, "-cxl-region: type=%s is neither ram nor pmem", type);
	region->pmem = type && !strcmp(type, "pmem");
	if (as && !strcmp(as, "dax"))
		region->as = CXL_AS_DAX;
	else if (as && !strcmp(as, "system-ram"))
		region->as = CXL_AS_SYSTEM_RAM;
	else if (as && strcmp(as, "none"))
		return fail(err, "-cxl-region: as=%s is none of none, dax, system-ram", as);
	if (region->pmem && region->as != CXL_AS_NONE)
		return fail(err, "-cxl-region: as=%s: persistent memory is never announced as RAM; leave as= out or use type=ram", as);
	return !lock || parse_bool("lock", lock, &region->lock, err) || fail_context(err, "-cxl-region");
}

bool cxl_host_add_region(struct cxl_host *host, struct opts *opts, struct error *err)
{
	struct cxl_boot_region *region = &host->regions[host->region_count];
	const char *window = opts_get(opts, "window"), *granularity = opts_get(opts, "granularity");
	const char *size = opts_get(opts, "size"), *devices = opts_get(opts, "devices");
	u64 number = 0, bytes = 0;

	if (host->region_count == CXL_REGIONS_MAX)
		return fail(err, "-cxl-region: more than %u regions; leave some out", CXL_REGIONS_MAX);
	*region = (struct cxl_boot_region){0};
	host->region_count++; /* from here cxl_host_destroy frees its strings */
	if (window && !parse_u64("-cxl-region: window", window, 0, CXL_WINDOWS_MAX - 1, &number, err))
		return false;
	region->window = number;
	if (granularity && !parse_size("-cxl-region: granularity", granularity, &bytes, err))
		return false;
	if (granularity && (bytes > LEVEL_GRANULARITY_MAX || !hdm_granularity(hdm_encode_granularity(bytes))))
		return fail(err, "-cxl-region: granularity=%s: use 256, 512, 1k, 2k, 4k, 8k or 16k [CXL3.1 8.2.4.20.7]", granularity);
	region->granularity = bytes;
	if (size && !parse_size("-cxl-region: size", size, &region->size, err))
		return false;
	if (size && !region->size)
		return fail(err, "-cxl-region: size=%s: a region is not empty; leave size= out for all that the devices have", size);
	return parse_devices(region, devices, err) && parse_words(region, opts, err) &&
	       opts_all_used(opts, "-cxl-region", err);
}

/* --- settling --- */

static struct cxl_type3 *find_device(struct cxl_host *host, const char *id)
{
	for (struct cxl_type3 *dev = host->devices; dev; dev = dev->next)
		if (!strcmp(dev->name, id))
			return dev;
	return NULL;
}

static bool resolve_devices(struct cxl_host *host, unsigned r, struct error *err)
{
	struct cxl_boot_region *region = &host->regions[r];

	for (unsigned i = 0; i < region->ways; i++) {
		struct cxl_type3 *dev = find_device(host, region->device_ids[i]);

		if (!dev)
			return fail(err, "-cxl-region %u: devices=: there is no cxl-type3 of id '%s'; add -device cxl-type3,id=%s,...", r,
				    region->device_ids[i], region->device_ids[i]);
		for (unsigned k = 0; k < i; k++)
			if (region->devices[k] == &dev->pci.dev)
				return fail(err, "-cxl-region %u: devices=: '%s' stands twice; name each device once", r, dev->name);
		region->devices[i] = &dev->pci.dev;
	}
	return true;
}

/* The devices of the region below `bridge`, in the order of their port numbers. */
static unsigned devices_below(const struct cxl_boot_region *region, const struct cxl_bridge *bridge,
			      struct cxl_type3 *list[CXL_REGION_WAYS_MAX])
{
	unsigned count = 0, at;

	for (unsigned i = 0; i < region->ways; i++) {
		struct cxl_type3 *dev = region_device(region, i);

		if (dev->above->above != bridge)
			continue;
		for (at = count++; at && list[at - 1]->above->number > dev->above->number; at--)
			list[at] = list[at - 1];
		list[at] = dev;
	}
	return count;
}

static bool check_order(struct cxl_host *host, unsigned r, struct error *err)
{
	struct cxl_boot_region *region = &host->regions[r];
	const struct cxl_window *w = &host->windows[region->window];
	struct cxl_type3 *list[CXL_REGION_WAYS_MAX], *right[CXL_REGION_WAYS_MAX] = {0};
	unsigned each = region->ways / w->target_count, total = 0;
	char text[512] = "";
	bool same = true;

	for (unsigned t = 0; t < w->target_count; t++) {
		unsigned count = devices_below(region, w->targets[t], list);

		if (count != each)
			return fail(err, "-cxl-region %u: window %u spreads over %u bridges, so %u devices need %u below each: below %s there "
				    "are %u", r, region->window, w->target_count, region->ways, each,
				    dev_name(&w->targets[t]->pci.dev), count);
		for (unsigned k = 0; k < count; k++)
			right[k * w->target_count + t] = list[k];
		total += count;
	}
	if (total != region->ways)
		return fail(err, "-cxl-region %u: a device lies below no target of window %u", r, region->window);
	for (unsigned i = 0; i < region->ways; i++) {
		same &= right[i] == region_device(region, i);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? ":" : "", right[i]->name);
	}
	return same || fail(err, "-cxl-region %u: devices= is not in interleave order (window targets first, then port numbers); write "
			    "devices=%s", r, text);
}

/* The legal grid; see the top. */
static bool check_grid(struct cxl_host *host, unsigned r, struct error *err)
{
	struct cxl_boot_region *region = &host->regions[r];
	const struct cxl_window *w;
	unsigned n = region->ways, each;

	if (region->window >= host->window_count)
		return fail(err, "-cxl-region %u: window=%u: there %s; add -M cxl-fmw.%u.targets.0=ID,cxl-fmw.%u.size=SIZE", r,
			    region->window, host->window_count ? "are fewer windows" : "is no window", region->window,
			    region->window);
	w = &host->windows[region->window];
	if (!is_power_of_2(n))
		return fail(err, "-cxl-region %u: %u devices: bridges interleave 1, 2, 4 or 8 ways [CXL3.1 8.2.4.20]; name 1, 2, 4, 8 or 16 "
			    "devices", r, n);
	if (!region->granularity)
		region->granularity = w->granularity;
	if (region->granularity != w->granularity)
		return fail(err, "-cxl-region %u: granularity=%u: window %u has %u, and root, region and devices share it; write "
			    "granularity=%u or cxl-fmw.%u.interleave-granularity=%u", r, region->granularity, region->window,
			    w->granularity, w->granularity, region->window, region->granularity);
	if (n < w->target_count)
		return fail(err, "-cxl-region %u: window %u spreads over %u bridges, so a region there takes at least %u devices, one below "
			    "each", r, region->window, w->target_count, w->target_count);
	each = n / w->target_count;
	if (each > HDM_TARGETS)
		return fail(err, "-cxl-region %u: %u devices below one bridge: its decoder has %u targets; use a window of more bridges", r,
			    each, HDM_TARGETS);
	if (w->granularity * w->target_count > LEVEL_GRANULARITY_MAX)
		return fail(err, "-cxl-region %u: the bridges below window %u would interleave at %u x %u bytes, more than 16 KiB; write "
			    "cxl-fmw.%u.interleave-granularity=%u or less", r, region->window, w->target_count, w->granularity,
			    region->window, (unsigned)(LEVEL_GRANULARITY_MAX / w->target_count));
	if (n > 1 && (u64)n * w->granularity > INTERLEAVE_SPAN_MAX)
		return fail(err, "-cxl-region %u: %u ways of %u bytes are more than 32 KiB, and interleaving uses address bits 14:8 only; "
			    "write cxl-fmw.%u.interleave-granularity=%u or less", r, n, w->granularity, region->window,
			    (unsigned)(INTERLEAVE_SPAN_MAX / n));
	return true;
}

/* What of the device's partition the regions before `r` have left. */
static u64 capacity_left(struct cxl_host *host, unsigned r, const struct cxl_type3 *dev)
{
	bool pmem = host->regions[r].pmem;
	u64 left = pmem ? dev->persistent_bytes : dev->volatile_bytes;

	for (unsigned k = 0; k < r; k++)
		for (unsigned i = 0; i < host->regions[k].ways; i++)
			if (host->regions[k].devices[i] == &dev->pci.dev && host->regions[k].pmem == pmem)
				left -= host->plans[k].share;
	return left;
}

static bool settle_size(struct cxl_host *host, unsigned r, struct error *err)
{
	struct cxl_boot_region *region = &host->regions[r];
	const struct cxl_window *w = &host->windows[region->window];
	const char *kind = region->pmem ? "persistent" : "volatile";
	struct cxl_type3 *least = region_device(region, 0);
	u64 unit = CXL_CAPACITY_UNIT * region->ways, left, used = 0;

	for (unsigned i = 1; i < region->ways; i++)
		if (capacity_left(host, r, region_device(region, i)) < capacity_left(host, r, least))
			least = region_device(region, i);
	left = capacity_left(host, r, least);
	if (!left)
		return fail(err, "-cxl-region %u: type=%s: %s has no %s memory left; give it %s-memdev=, or change type= or the sizes of "
			    "earlier regions", r, region->pmem ? "pmem" : "ram", least->name, kind, kind);
	if (!region->size)
		region->size = left * region->ways;
	if (region->size % unit)
		return fail(err, "-cxl-region %u: size=%llu: a region of %u devices is a multiple of %u x 256 MiB; write size=%lluM", r,
			    ULL(region->size), region->ways, region->ways,
			    ULL(MAX(region->size / unit * unit, unit) / MiB));
	if (region->size / region->ways > left)
		return fail(err, "-cxl-region %u: size=%llu: each device would give %llu bytes, and %s has %llu of %s memory left; write "
			    "size=%lluM or less", r, ULL(region->size), ULL(region->size / region->ways), least->name, ULL(left),
			    kind, ULL(left * region->ways / MiB));
	host->plans[r].share = region->size / region->ways;
	for (unsigned k = 0; k < r; k++)
		used += host->regions[k].window == region->window ? host->regions[k].size : 0;
	if (region->size > w->size - used)
		return fail(err, "-cxl-region %u: the region has %llu bytes and window %u has %llu left; write cxl-fmw.%u.size=%lluM", r,
			    ULL(region->size), region->window, ULL(w->size - used), region->window,
			    ULL(align_up((used + region->size) / CXL_WINDOW_ALIGN, w->target_count) * CXL_WINDOW_ALIGN / MiB));
	region->base = w->base + used;
	return true;
}

/* Regions by rising HPA. */
static void sort_regions(struct cxl_host *host, unsigned order[CXL_REGIONS_MAX])
{
	for (unsigned r = 0; r < host->region_count; r++) {
		unsigned at = r;

		for (; at && host->regions[order[at - 1]].base > host->regions[r].base; at--)
			order[at] = order[at - 1];
		order[at] = r;
	}
}

/* Decoders follow HPA order, and DPA may only rise with them: finds the skip before each. */
static bool place_on_device(struct cxl_host *host, struct cxl_type3 *dev, const unsigned order[], struct error *err)
{
	u64 cursor = 0, dpa;
	unsigned count = 0;

	for (unsigned o = 0; o < host->region_count; o++) {
		struct cxl_boot_region *region = &host->regions[order[o]];
		struct region_plan *plan = &host->plans[order[o]];

		for (unsigned i = 0; i < region->ways; i++) {
			if (region_device(region, i) != dev)
				continue;
			if (++count > HDM_DECODERS)
				return fail(err, "-cxl-region %u: %s would be part of %u regions and has %u decoders; use fewer regions",
					    order[o], dev->name, count, HDM_DECODERS);
			if (!region->pmem && cursor > dev->volatile_bytes)
				return fail(err, "-cxl-region %u: on %s a type=ram region lies above a type=pmem one, and device addresses "
					    "may only rise with host addresses; put the type=ram region first", order[o], dev->name);
			dpa = region->pmem ? MAX(cursor, dev->volatile_bytes) : cursor;
			plan->skip[i] = dpa - cursor;
			cursor = dpa + plan->share;
		}
	}
	return true;
}

static bool check_bridges(struct cxl_host *host, struct error *err)
{
	for (unsigned n = 0; n < host->bridge_count; n++) {
		struct cxl_bridge *bridge = host->bridges[n];
		unsigned count = 0;

		for (unsigned r = 0; bridge && r < host->region_count; r++) {
			const struct cxl_window *w = &host->windows[host->regions[r].window];

			for (unsigned t = 0; t < w->target_count; t++)
				count += w->targets[t] == bridge;
		}
		if (bridge)
			bridge->on_region_path = count > 0;
		if (count > HDM_DECODERS)
			return fail(err, "-cxl-region: %u regions lead through %s, which has %u decoders; use fewer regions", count,
				    dev_name(&bridge->pci.dev), HDM_DECODERS);
	}
	return true;
}

bool cxl_regions_settle(struct cxl_host *host, struct error *err)
{
	unsigned order[CXL_REGIONS_MAX];

	for (unsigned r = 0; r < host->region_count; r++)
		if (!check_grid(host, r, err) || !resolve_devices(host, r, err) || !check_order(host, r, err) ||
		    !settle_size(host, r, err))
			return false;
	sort_regions(host, order);
	for (struct cxl_type3 *dev = host->devices; dev; dev = dev->next)
		if (!place_on_device(host, dev, order, err))
			return false;
	for (unsigned r = 0; r < host->region_count; r++)
		if (host->regions[r].lock)
			host->windows[host->regions[r].window].restrictions |= CXL_RESTRICT_FIXED;
	return check_bridges(host, err);
}

/* --- programming, as firmware would --- */

struct decoder_words {
	u64 base, size, targets_or_skip;
	unsigned ways;
	u32 granularity;
	bool lock;
};

static void program_decoder(struct cxl_component *comp, const struct decoder_words *words)
{
	u32 ctrl = hdm_encode_granularity(words->granularity) | hdm_encode_ways(words->ways) << 4 | HDM_CTRL_COMMIT |
		   HDM_CTRL_TARGET_HOST_ONLY | (words->lock ? HDM_CTRL_LOCK_ON_COMMIT : 0);
	unsigned i = 0;
	u32 at;

	while (i < HDM_DECODERS && comp->decoders[i].committed)
		i++;
	if (i == HDM_DECODERS)
		return; /* settling has counted them */
	at = AT_HDM + i * HDM_STRIDE;
	regs_write(&comp->regs, at + HDM_BASE_LO, 4, words->base & UINT32_MAX);
	regs_write(&comp->regs, at + HDM_BASE_HI, 4, words->base >> 32);
	regs_write(&comp->regs, at + HDM_SIZE_LO, 4, words->size & UINT32_MAX);
	regs_write(&comp->regs, at + HDM_SIZE_HI, 4, words->size >> 32);
	regs_write(&comp->regs, at + HDM_TARGETS_LO, 4, words->targets_or_skip & UINT32_MAX);
	regs_write(&comp->regs, at + HDM_TARGETS_HI, 4, words->targets_or_skip >> 32);
	regs_write(&comp->regs, at + HDM_CTRL, 4, ctrl);
	if (!comp->decoders[i].committed)
		trace(CXL, "%s: boot region: decoder %u was not committed", comp->name, i);
}

static void program_region(struct cxl_host *host, unsigned r)
{
	const struct cxl_boot_region *region = &host->regions[r];
	const struct cxl_window *w = &host->windows[region->window];
	unsigned each = region->ways / w->target_count;
	struct decoder_words words = {.base = region->base, .size = region->size, .lock = region->lock};

	words.ways = each;
	words.granularity = w->granularity * w->target_count;
	for (unsigned t = 0; t < w->target_count; t++) {
		if (!w->targets[t])
			return; /* the bridge is gone */
		words.targets_or_skip = 0;
		for (unsigned k = 0; k < each; k++)
			words.targets_or_skip |=
				(u64)region_device(region, k * w->target_count + t)->above->number << (8 * k);
		program_decoder(&w->targets[t]->comp, &words);
	}
	words.ways = region->ways;
	words.granularity = region->granularity;
	for (unsigned i = 0; i < region->ways; i++) {
		struct cxl_type3 *dev = region_device(region, i);
		u32 ctrl = dev->dvsec_device + DVSEC_DEVICE_CTRL;

		words.targets_or_skip = host->plans[r].skip[i];
		program_decoder(&dev->comp, &words);
		regs_write(&dev->comp.regs, AT_HDM + HDM_GLOBAL_CTRL, 4, HDM_GLOBAL_ENABLE);
		pci_config_write(&dev->pci, ctrl, 2, pci_config_read(&dev->pci, ctrl, 2) | DVSEC_DEVICE_CTRL_MEM_ENABLE);
	}
}

void cxl_regions_program(struct cxl_host *host)
{
	unsigned order[CXL_REGIONS_MAX];

	sort_regions(host, order);
	cxl_map_hold(host);
	for (unsigned o = 0; o < host->region_count; o++)
		program_region(host, order[o]);
	cxl_map_release(host);
}

/* --- what the memory is worth --- */

/* Our figures for the way from a CPU through a host bridge. */
struct cxl_performance cxl_host_bridge_performance(struct cxl_host *host, unsigned n)
{
	u64 mbps = 0;

	for (struct cxl_root_port *port = host->ports; port; port = port->next)
		if (n < host->bridge_count && port->above == host->bridges[n])
			mbps += cxl_link_mbps(port->speed, port->width);
	mbps = mbps ? mbps : 64000;
	return (struct cxl_performance){.read_latency_ps = 50000, .write_latency_ps = 50000, .read_mbps = mbps,
					.write_mbps = mbps};
}

/* Latencies add up along the path; bandwidths are the narrowest of it, and add up across the ways. */
struct cxl_performance cxl_host_region_performance(struct cxl_host *host, unsigned n)
{
	struct cxl_performance media = cdat_performance(), bridge, sum = {0};
	const struct cxl_boot_region *region = &host->regions[n];

	for (unsigned i = 0; n < host->region_count && i < region->ways; i++) {
		struct cxl_type3 *dev = region_device(region, i);
		u64 link;

		if (!dev)
			continue;
		link = MIN(cxl_link_mbps(dev->speed, dev->width), cxl_link_mbps(dev->above->speed, dev->above->width));
		bridge = cxl_host_bridge_performance(host, dev->above->above->slot);
		sum.read_latency_ps = MAX(sum.read_latency_ps, bridge.read_latency_ps + media.read_latency_ps);
		sum.write_latency_ps = MAX(sum.write_latency_ps, bridge.write_latency_ps + media.write_latency_ps);
		sum.read_mbps += MIN(link, media.read_mbps);
		sum.write_mbps += MIN(link, media.write_mbps);
	}
	return sum;
}
