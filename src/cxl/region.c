/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot regions: `-cxl-region`, CXL memory that is there when the kernel starts (design D5). After a machine reset the
 * decoders are programmed and committed by ordinary register writes, as firmware would.
 *
 * The legal grid. A window of W bridges at granularity G, a region of N devices:
 *
 *        root       W ways at G                       picks the bridge
 *        bridge     k ways at G x W                   picks the port
 *        switches   k' ways at G x W x k, and so on   pick theirs: each level's granularity is the one above times its
 *                                                     ways
 *        device     N ways at G                       N x G at most 32 KiB: address bits 14:8
 *
 * with at most 8 ways and 16 KiB at each level, and as many devices below each port as below its neighbours. A window
 * of 3, 6 or 12 bridges has the factor 3 of its ways taken out of W for the levels below. So device number i lies below
 * window target i mod W, at port i / W mod k of those that take part, in the order of their port numbers, and so on.
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
			return fail(err, "-cxl-region: devices=: more than %u devices [CXL3.1 8.2.4.20.7]",
				    CXL_REGION_WAYS_MAX);
		region->device_ids[region->ways++] = strndup(text, length);
		text += length + (text[length] == ':');
	}
	if (!region->ways)
		return fail(err,
			    "-cxl-region: devices= is missing; write devices=ID[:ID...] with ids of cxl-type3 devices");
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
		return fail(
			err,
			"-cxl-region: as=%s: persistent memory is never announced as RAM; leave as= out or use type=ram",
			as);
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
		return fail(err, "-cxl-region: granularity=%s: use 256, 512, 1k, 2k, 4k, 8k or 16k [CXL3.1 8.2.4.20.7]",
			    granularity);
	region->granularity = bytes;
	if (size && !parse_size("-cxl-region: size", size, &region->size, err))
		return false;
	if (size && !region->size)
		return fail(
			err,
			"-cxl-region: size=%s: a region is not empty; leave size= out for all that the devices have",
			size);
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

/* The window must be for memory of this kind. */
static bool check_restrictions(struct cxl_host *host, unsigned r, struct error *err)
{
	const struct cxl_boot_region *region = &host->regions[r];
	u16 kind = region->pmem ? CXL_RESTRICT_PERSISTENT : CXL_RESTRICT_VOLATILE;

	if ((host->windows[region->window].restrictions & (kind | CXL_RESTRICT_TYPE3)) == (kind | CXL_RESTRICT_TYPE3))
		return true;
	return fail(
		err,
		"-cxl-region %u: type=%s, but -M cxl-fmw.%u.restrictions=0x%x is not for %s memory of type3 devices; add "
		"type3:%s there",
		r, region->pmem ? "pmem" : "ram", region->window, host->windows[region->window].restrictions,
		region->pmem ? "persistent" : "volatile", region->pmem ? "persistent" : "volatile");
}

static bool resolve_devices(struct cxl_host *host, unsigned r, struct error *err)
{
	struct cxl_boot_region *region = &host->regions[r];

	for (unsigned i = 0; i < region->ways; i++) {
		struct cxl_type3 *dev = find_device(host, region->device_ids[i]);

		if (!dev)
			return fail(
				err,
				"-cxl-region %u: devices=: there is no cxl-type3 of id '%s'; add -device cxl-type3,id=%s,...",
				r, region->device_ids[i], region->device_ids[i]);
		for (unsigned k = 0; k < i; k++)
			if (region->devices[k] == &dev->pci.dev)
				return fail(err, "-cxl-region %u: devices=: '%s' stands twice; name each device once",
					    r, dev->name);
		region->devices[i] = &dev->pci.dev;
	}
	return true;
}

static const char *fork_name(const struct cxl_fork *fork)
{
	return dev_name(&fork->pci->dev);
}

static bool is_in_region(const struct cxl_boot_region *region, const struct cxl_type3 *dev)
{
	for (unsigned i = 0; i < region->ways; i++)
		if (dev && region_device(region, i) == dev)
			return true;
	return false;
}

static bool leads_to_region(struct cxl_host *host, const struct cxl_boot_region *region, const struct cxl_port *port)
{
	struct cxl_switch *sw = cxl_port_switch(port);

	if (!sw)
		return is_in_region(region, cxl_port_device(port));
	for (struct cxl_port *below = host->ports; below; below = below->next)
		if (below->above == &sw->fork && leads_to_region(host, region, below))
			return true;
	return false;
}

/* The ports of the fork that lead to devices of the region, in the order of their numbers; at most one per device. */
static unsigned ports_below(struct cxl_host *host, const struct cxl_boot_region *region, const struct cxl_fork *fork,
			    struct cxl_port *list[CXL_REGION_WAYS_MAX])
{
	unsigned count = 0, at;

	for (struct cxl_port *port = host->ports; port && count < CXL_REGION_WAYS_MAX; port = port->next) {
		if (port->above != fork || !leads_to_region(host, region, port))
			continue;
		for (at = count++; at && list[at - 1]->number > port->number; at--)
			list[at] = list[at - 1];
		list[at] = port;
	}
	return count;
}

/* The devices of region `r` below the fork in interleave order, and how many; false: the shape is not legal. */
static bool devices_below(struct cxl_host *host, unsigned r, const struct cxl_fork *fork,
			  struct cxl_type3 *list[CXL_REGION_WAYS_MAX], unsigned *count, struct error *err)
{
	const struct cxl_boot_region *region = &host->regions[r];
	struct cxl_port *ports[CXL_REGION_WAYS_MAX];
	unsigned port_count = ports_below(host, region, fork, ports), each = 0;

	*count = 0;
	if (port_count > HDM_TARGETS)
		return fail(
			err,
			"-cxl-region %u: %u ports of %s would take part: a decoder has %u targets; spread the devices over more "
			"bridges or switches",
			r, port_count, fork_name(fork), HDM_TARGETS);
	if (port_count && !is_power_of_2(port_count))
		return fail(
			err,
			"-cxl-region %u: %u ports of %s take part: bridges and switches interleave 1, 2, 4 or 8 ways "
			"[CXL3.1 8.2.4.20]",
			r, port_count, fork_name(fork));
	for (unsigned k = 0; k < port_count; k++) {
		struct cxl_type3 *below[CXL_REGION_WAYS_MAX] = {cxl_port_device(ports[k])};
		struct cxl_switch *sw = cxl_port_switch(ports[k]);
		unsigned more = 1;

		if (sw && !devices_below(host, r, &sw->fork, below, &more, err))
			return false;
		if ((k && more != each) || more * port_count > CXL_REGION_WAYS_MAX)
			return fail(
				err,
				"-cxl-region %u: below %s of %s are %u of its devices, and below %s %u; a bridge or switch spreads "
				"evenly",
				r, dev_name(&ports[k]->pci.dev), fork_name(fork), more,
				dev_name(&ports[k ? 0 : port_count - 1]->pci.dev), k ? each : region->ways - more);
		each = more;
		for (unsigned i = 0; i < each; i++)
			list[i * port_count + k] = below[i]; /* port_count x each devices there are: at most 16 */
	}
	*count = port_count * each;
	return true;
}

/* Every fork below and the fork itself lead a region; `granularity` is the fork's. */
static bool check_levels(struct cxl_host *host, unsigned r, struct cxl_fork *fork, u64 granularity, struct error *err)
{
	struct cxl_port *ports[CXL_REGION_WAYS_MAX];
	unsigned count = ports_below(host, &host->regions[r], fork, ports);

	if (granularity > LEVEL_GRANULARITY_MAX)
		return fail(
			err,
			"-cxl-region %u: %s would interleave at %llu bytes, more than 16 KiB (each level: the granularity above "
			"times the ways above); write cxl-fmw.%u.interleave-granularity=%llu or less",
			r, fork_name(fork), ULL(granularity), host->regions[r].window,
			ULL(host->regions[r].granularity * LEVEL_GRANULARITY_MAX / granularity));
	if (++fork->region_count > fork->comp.decoder_count)
		return fail(
			err,
			"-cxl-region: %u regions lead through %s, which has %u decoders; use fewer regions, or its hdm-decoders=",
			fork->region_count, fork_name(fork), fork->comp.decoder_count);
	for (unsigned k = 0; k < count; k++) {
		struct cxl_switch *sw = cxl_port_switch(ports[k]);

		if (sw && !check_levels(host, r, &sw->fork, granularity * count, err))
			return false;
	}
	return true;
}

/* The device that decoders below the fork choose for position i, whose lower bits the levels above have used. The shape
 * is legal. */
static struct cxl_type3 *device_at(struct cxl_host *host, const struct cxl_boot_region *region,
				   const struct cxl_fork *fork, unsigned i)
{
	struct cxl_port *ports[CXL_REGION_WAYS_MAX], *port;
	unsigned count = ports_below(host, region, fork, ports);
	struct cxl_switch *sw;

	port = ports[i % count];
	sw = cxl_port_switch(port);
	return sw ? device_at(host, region, &sw->fork, i / count) : cxl_port_device(port);
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
		unsigned count;

		if (!devices_below(host, r, &w->targets[t]->fork, list, &count, err))
			return false;
		if (count != each)
			return fail(
				err,
				"-cxl-region %u: window %u spreads over %u bridges, so %u devices need %u below each: below %s there "
				"are %u",
				r, region->window, w->target_count, region->ways, each,
				dev_name(&w->targets[t]->pci.dev), count);
		total += count;
	}
	if (total != region->ways)
		return fail(err, "-cxl-region %u: a device lies below no target of window %u", r, region->window);
	for (unsigned i = 0; i < region->ways; i++)
		right[i] = device_at(host, region, &w->targets[i % w->target_count]->fork, i / cxl_window_binary(w));
	for (unsigned i = 0; i < region->ways; i++) {
		same &= right[i] == region_device(region, i);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? ":" : "", right[i]->name);
	}
	return same ||
	       fail(err,
		    "-cxl-region %u: devices= is not in interleave order (window targets first, then port numbers); write "
		    "devices=%s",
		    r, text);
}

/* The legal grid; see the top. */
static bool check_grid(struct cxl_host *host, unsigned r, struct error *err)
{
	struct cxl_boot_region *region = &host->regions[r];
	const struct cxl_window *w;
	unsigned n = region->ways;

	if (region->window >= host->window_count)
		return fail(err,
			    "-cxl-region %u: window=%u: there %s; add -M cxl-fmw.%u.targets.0=ID,cxl-fmw.%u.size=SIZE",
			    r, region->window, host->window_count ? "are fewer windows" : "is no window",
			    region->window, region->window);
	w = &host->windows[region->window];
	if (w->target_count % 3 && !is_power_of_2(n))
		return fail(
			err,
			"-cxl-region %u: %u devices: bridges interleave 1, 2, 4 or 8 ways [CXL3.1 8.2.4.20]; name 1, 2, 4, 8 or 16 "
			"devices",
			r, n);
	if (w->target_count % 3 == 0 && (n % 3 || hdm_encode_ways(n) == 0xf))
		return fail(err,
			    "-cxl-region %u: %u devices: window %u spreads over %u bridges; name 3, 6 or 12 devices", r,
			    n, region->window, w->target_count);
	if (!region->granularity)
		region->granularity = w->granularity;
	if (region->granularity != w->granularity)
		return fail(
			err,
			"-cxl-region %u: granularity=%u: window %u has %u, and root, region and devices share it; write "
			"granularity=%u or cxl-fmw.%u.interleave-granularity=%u",
			r, region->granularity, region->window, w->granularity, w->granularity, region->window,
			region->granularity);
	if (n < w->target_count)
		return fail(
			err,
			"-cxl-region %u: window %u spreads over %u bridges, so a region there takes at least %u devices, one below "
			"each",
			r, region->window, w->target_count, w->target_count);
	if (w->granularity * cxl_window_binary(w) > LEVEL_GRANULARITY_MAX)
		return fail(
			err,
			"-cxl-region %u: the bridges below window %u would interleave at %u x %u bytes, more than 16 KiB; write "
			"cxl-fmw.%u.interleave-granularity=%u or less",
			r, region->window, cxl_window_binary(w), w->granularity, region->window,
			(unsigned)(LEVEL_GRANULARITY_MAX / cxl_window_binary(w)));
	if (n > 1 && (u64)(n % 3 ? n : n / 3) * w->granularity > INTERLEAVE_SPAN_MAX)
		return fail(
			err,
			"-cxl-region %u: %u ways of %u bytes are more than 32 KiB, and interleaving uses address bits 14:8 only; "
			"write cxl-fmw.%u.interleave-granularity=%u or less",
			r, n, w->granularity, region->window, (unsigned)(INTERLEAVE_SPAN_MAX / (n % 3 ? n : n / 3)));
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
		return fail(
			err,
			"-cxl-region %u: type=%s: %s has no %s memory left; give it %s-memdev=, or change type= or the sizes of "
			"earlier regions",
			r, region->pmem ? "pmem" : "ram", least->name, kind, kind);
	if (!region->size)
		region->size = left * region->ways;
	if (region->size % unit)
		return fail(
			err,
			"-cxl-region %u: size=%llu: a region of %u devices is a multiple of %u x 256 MiB; write size=%lluM",
			r, ULL(region->size), region->ways, region->ways,
			ULL(MAX(region->size / unit * unit, unit) / MiB));
	if (region->size / region->ways > left)
		return fail(
			err,
			"-cxl-region %u: size=%llu: each device would give %llu bytes, and %s has %llu of %s memory left; write "
			"size=%lluM or less",
			r, ULL(region->size), ULL(region->size / region->ways), least->name, ULL(left), kind,
			ULL(left * region->ways / MiB));
	host->plans[r].share = region->size / region->ways;
	for (unsigned k = 0; k < r; k++)
		used += host->regions[k].window == region->window ? host->regions[k].size : 0;
	if (region->size > w->size - used)
		return fail(
			err,
			"-cxl-region %u: the region has %llu bytes and window %u has %llu left; write cxl-fmw.%u.size=%lluM",
			r, ULL(region->size), region->window, ULL(w->size - used), region->window,
			ULL(align_up((used + region->size) / CXL_WINDOW_ALIGN, w->target_count) * CXL_WINDOW_ALIGN /
			    MiB));
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

/* Decoders follow HPA order, and DPA may only rise with them: finds where each begins. */
static bool place_on_device(struct cxl_host *host, struct cxl_type3 *dev, const unsigned order[], struct error *err)
{
	u64 cursor = 0;
	unsigned count = 0;

	for (unsigned o = 0; o < host->region_count; o++) {
		struct cxl_boot_region *region = &host->regions[order[o]];
		struct region_plan *plan = &host->plans[order[o]];

		for (unsigned i = 0; i < region->ways; i++) {
			if (region_device(region, i) != dev)
				continue;
			if (++count > dev->comp.decoder_count)
				return fail(
					err,
					"-cxl-region %u: %s would be part of %u regions and has %u decoders; use fewer regions, or its hdm-decoders=",
					order[o], dev->name, count, dev->comp.decoder_count);
			if (!region->pmem && cursor > dev->volatile_bytes)
				return fail(
					err,
					"-cxl-region %u: on %s a type=ram region lies above a type=pmem one, and device addresses "
					"may only rise with host addresses; put the type=ram region first",
					order[o], dev->name);
			plan->dpa[i] = region->pmem ? MAX(cursor, dev->volatile_bytes) : cursor;
			cursor = plan->dpa[i] + plan->share;
		}
	}
	return true;
}

static bool check_paths(struct cxl_host *host, unsigned r, struct error *err)
{
	const struct cxl_boot_region *region = &host->regions[r];
	const struct cxl_window *w = &host->windows[region->window];

	for (unsigned t = 0; t < w->target_count; t++)
		if (!check_levels(host, r, &w->targets[t]->fork, (u64)region->granularity * cxl_window_binary(w), err))
			return false;
	return true;
}

bool cxl_regions_settle(struct cxl_host *host, struct error *err)
{
	unsigned order[CXL_REGIONS_MAX];

	for (unsigned r = 0; r < host->region_count; r++)
		if (!check_grid(host, r, err) || !check_restrictions(host, r, err) || !resolve_devices(host, r, err) ||
		    !check_order(host, r, err) || !check_paths(host, r, err) || !settle_size(host, r, err))
			return false;
	sort_regions(host, order);
	for (struct cxl_type3 *dev = host->devices; dev; dev = dev->next)
		if (!place_on_device(host, dev, order, err))
			return false;
	for (unsigned r = 0; r < host->region_count; r++)
		if (host->regions[r].lock)
			host->windows[host->regions[r].window].restrictions |= CXL_RESTRICT_FIXED;
	return true;
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

	while (i < comp->decoder_count && comp->decoders[i].committed)
		i++;
	if (i == comp->decoder_count)
		return; /* settling has counted them */
	at = comp->hdm_at + i * HDM_STRIDE;
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

/* A bridge or switch and all below it. */
static void program_fork(struct cxl_host *host, const struct cxl_boot_region *region, struct cxl_fork *fork,
			 u32 granularity)
{
	struct cxl_port *ports[CXL_REGION_WAYS_MAX];
	unsigned count = ports_below(host, region, fork, ports);
	struct decoder_words words = {.base = region->base,
				      .size = region->size,
				      .lock = region->lock,
				      .ways = count,
				      .granularity = granularity};

	if (!count || count > HDM_TARGETS)
		return; /* what settling has seen is gone */
	for (unsigned k = 0; k < count; k++)
		words.targets_or_skip |= (u64)ports[k]->number << (8 * k);
	program_decoder(&fork->comp, &words);
	for (unsigned k = 0; k < count; k++) {
		struct cxl_switch *sw = cxl_port_switch(ports[k]);

		if (sw)
			program_fork(host, region, &sw->fork, granularity * count);
	}
}

/* Whether the memory that the region was given is of its kind still: partitions may have moved over it. */
static bool has_its_kind(const struct cxl_host *host, unsigned r)
{
	const struct cxl_boot_region *region = &host->regions[r];

	for (unsigned i = 0; i < region->ways; i++) {
		const struct cxl_type3 *dev = region_device(region, i);
		u64 dpa = host->plans[r].dpa[i], end = dpa + host->plans[r].share;

		if (region->pmem ? dpa < dev->volatile_bytes : end > dev->volatile_bytes)
			return false;
	}
	return true;
}

/* Behind the memory of all decoders that are committed. What is before it may be another region's that is no more, so
 * a skip is known only now. */
static u64 decoded_end(const struct cxl_component *comp)
{
	u64 dpa = 0;

	for (unsigned i = 0; i < comp->decoder_count; i++) {
		const struct hdm_decoder *d = &comp->decoders[i];

		if (d->committed)
			dpa += d->skip + hdm_share(d->size, d->iw, d->ig);
	}
	return dpa;
}

static void program_region(struct cxl_host *host, unsigned r)
{
	const struct cxl_boot_region *region = &host->regions[r];
	const struct cxl_window *w = &host->windows[region->window];
	struct decoder_words words = {.base = region->base,
				      .size = region->size,
				      .lock = region->lock,
				      .ways = region->ways,
				      .granularity = region->granularity};

	for (unsigned t = 0; t < w->target_count; t++) {
		if (!w->targets[t])
			return; /* the bridge is gone */
		program_fork(host, region, &w->targets[t]->fork, w->granularity * cxl_window_binary(w));
	}
	for (unsigned i = 0; i < region->ways; i++) {
		struct cxl_type3 *dev = region_device(region, i);
		u32 ctrl = dev->dvsec_device + DVSEC_DEVICE_CTRL;

		words.targets_or_skip = host->plans[r].dpa[i] - decoded_end(&dev->comp);
		program_decoder(&dev->comp, &words);
		regs_write(&dev->comp.regs, dev->comp.hdm_at + HDM_GLOBAL_CTRL, 4, HDM_GLOBAL_ENABLE);
		pci_config_write(&dev->pci, ctrl, 2,
				 pci_config_read(&dev->pci, ctrl, 2) | DVSEC_DEVICE_CTRL_MEM_ENABLE);
	}
}

static void drop_region(struct cxl_host *host, unsigned r)
{
	for (unsigned i = 0; i < host->regions[r].ways; i++)
		free(host->regions[r].device_ids[i]);
	host->region_count--;
	for (; r < host->region_count; r++) {
		host->regions[r] = host->regions[r + 1];
		host->plans[r] = host->plans[r + 1];
	}
}

void cxl_regions_program(struct cxl_host *host)
{
	unsigned order[CXL_REGIONS_MAX];

	for (unsigned r = host->region_count; r--;) {
		if (has_its_kind(host, r))
			continue;
		trace(CXL, "the boot region at 0x%llx is no more: its memory has become of another kind",
		      ULL(host->regions[r].base));
		drop_region(host, r);
	}
	sort_regions(host, order);
	cxl_map_hold(host);
	for (unsigned o = 0; o < host->region_count; o++)
		program_region(host, order[o]);
	cxl_map_release(host);
}

void cxl_regions_forget(struct cxl_host *host, const struct cxl_type3 *dev)
{
	for (unsigned r = host->region_count; r--;) {
		const struct cxl_boot_region *region = &host->regions[r];
		bool member = false;

		for (unsigned i = 0; i < region->ways; i++)
			member |= region->devices[i] == &dev->pci.dev;
		if (!member)
			continue;
		trace(CXL, "%s is gone, and with it the boot region at 0x%llx", dev->name, ULL(region->base));
		drop_region(host, r);
	}
}

/* --- what the memory is worth --- */

/* Our figures for the way from a CPU through a host bridge. */
struct cxl_performance cxl_host_bridge_performance(struct cxl_host *host, unsigned n)
{
	u64 mbps = 0;

	for (struct cxl_port *port = host->ports; port; port = port->next)
		if (n < host->bridge_count && host->bridges[n] && port->above == &host->bridges[n]->fork)
			mbps += cxl_link_mbps(port->speed, port->width);
	mbps = mbps ? mbps : 64000;
	return (struct cxl_performance){
		.read_latency_ps = 50000, .write_latency_ps = 50000, .read_mbps = mbps, .write_mbps = mbps};
}

/* From the root port to a device's memory at `dpa`: latencies add up along the way, the narrowest part gives the
 * bandwidth. The bridge, or NULL: the device is not part of the tree. */
static const struct cxl_fork *from_root_port(const struct cxl_type3 *dev, u64 dpa, struct cxl_performance *p)
{
	u64 mbps = cxl_link_mbps(dev->speed, dev->width), switches = 0;
	const struct cxl_port *port = dev->above;

	*p = cdat_performance(dev, dpa);
	while (port && port->above && !port->bridge.unbound) {
		const struct cxl_fork *fork = port->above;

		mbps = MIN(mbps, cxl_link_mbps(port->speed, port->width));
		if (!fork->above) {
			p->read_latency_ps += switches;
			p->write_latency_ps += switches;
			p->read_mbps = MIN(mbps, p->read_mbps);
			p->write_mbps = MIN(mbps, p->write_mbps);
			return fork;
		}
		mbps = MIN(mbps, cxl_link_mbps(container_of(fork, struct cxl_switch, fork)->speed,
					       container_of(fork, struct cxl_switch, fork)->width));
		switches += cdat_switch_latency_ps();
		port = fork->above;
	}
	return NULL;
}

/* Adds one device's way up to the CPU. */
static void add_way(struct cxl_host *host, const struct cxl_type3 *dev, bool pmem, struct cxl_performance *sum)
{
	struct cxl_performance way, bridge;
	const struct cxl_fork *fork = from_root_port(dev, pmem ? dev->volatile_bytes : 0, &way);

	if (!fork)
		return;
	bridge = cxl_host_bridge_performance(host, container_of(fork, struct cxl_bridge, fork)->slot);
	sum->read_latency_ps = MAX(sum->read_latency_ps, bridge.read_latency_ps + way.read_latency_ps);
	sum->write_latency_ps = MAX(sum->write_latency_ps, bridge.write_latency_ps + way.write_latency_ps);
	sum->read_mbps += way.read_mbps;
	sum->write_mbps += way.write_mbps;
}

static bool leads_to(const struct cxl_window *w, const struct cxl_fork *fork)
{
	for (unsigned t = 0; t < w->target_count; t++)
		if (&w->targets[t]->fork == fork)
			return true;
	return false;
}

/* The mean of the memory that the window's restrictions let in. Dynamic capacity is volatile. */
struct cxl_performance cxl_host_window_performance(struct cxl_host *host, unsigned n)
{
	const struct cxl_window *w = &host->windows[n];
	struct cxl_performance sum = {0};
	unsigned count = 0;

	for (const struct cxl_type3 *dev = host->devices; dev; dev = dev->next) {
		u64 fixed = dev->volatile_bytes + dev->persistent_bytes;
		const struct {
			u16 kind;
			u64 bytes, dpa;
		} parts[] = {{CXL_RESTRICT_VOLATILE, dev->volatile_bytes, 0},
			     {CXL_RESTRICT_PERSISTENT, dev->persistent_bytes, dev->volatile_bytes},
			     {CXL_RESTRICT_VOLATILE, dev->dynamic_bytes, fixed}};

		for (unsigned part = 0; part < ARRAY_SIZE(parts); part++) {
			struct cxl_performance way;
			const struct cxl_fork *fork = from_root_port(dev, parts[part].dpa, &way);

			if (!parts[part].bytes || !(w->restrictions & parts[part].kind) || !fork || !leads_to(w, fork))
				continue;
			sum.read_latency_ps += way.read_latency_ps;
			sum.write_latency_ps += way.write_latency_ps;
			sum.read_mbps += way.read_mbps;
			sum.write_mbps += way.write_mbps;
			count++;
		}
	}
	count = MAX(count, 1u);
	return (struct cxl_performance){sum.read_latency_ps / count, sum.write_latency_ps / count,
					sum.read_mbps / count, sum.write_mbps / count};
}

/* The slowest way counts; bandwidths add up across the ways. */
struct cxl_performance cxl_host_region_performance(struct cxl_host *host, unsigned n)
{
	const struct cxl_boot_region *region = &host->regions[n];
	struct cxl_performance sum = {0};

	for (unsigned i = 0; n < host->region_count && i < region->ways; i++)
		if (region_device(region, i))
			add_way(host, region_device(region, i), region->pmem, &sum);
	return sum;
}
