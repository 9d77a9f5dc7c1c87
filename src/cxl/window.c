/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fixed memory windows: `-M cxl-fmw.N.*`, CEDT's CFMWS. [CXL3.1 9.17.1.3] Each is a range of host physical addresses
 * that the root spreads over one or more host bridges, by modulo of the granularity or with XOR arithmetic. Those
 * without `base=` are packed upwards from the machine's base, round the others. Where nothing decodes inside a window,
 * reads give all ones and writes are dropped.
 */
#include <stdlib.h>
#include <stdio.h>

#include "base/trace.h"
#include "cxl/host.h"

#define ULL(v) ((unsigned long long)(v))
#define WINDOW_PRIORITY (-1)           /* decoded pieces lie over it */
#define INTERLEAVE_SPAN_MAX (32 * KiB) /* address bits 14:8 */
#define RESTRICTIONS_DEFAULT (CXL_RESTRICT_TYPE3 | CXL_RESTRICT_VOLATILE | CXL_RESTRICT_PERSISTENT)

static enum mem_result undecoded_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	*value = ones(size * 8);
	return MEM_OK;
}

static enum mem_result undecoded_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	return MEM_OK;
}

static const struct io_ops undecoded_io = {undecoded_read, undecoded_write};

unsigned cxl_window_binary(const struct cxl_window *w)
{
	return w->target_count % 3 ? w->target_count : w->target_count / 3;
}

/* One map for each bit of the target number: the interleave bit itself and two above all interleave bits (14:8), so
 * that the map can be undone. A window of one target, or of three, has none. */
static void make_xor_maps(struct cxl_window *w)
{
	unsigned low = 8 + hdm_encode_granularity(w->granularity);

	memset(w->xor_maps, 0, sizeof(w->xor_maps));
	for (unsigned n = 0; w->xor_arithmetic && 1u << n < cxl_window_binary(w); n++)
		w->xor_maps[n] = BIT(low + n) | BIT(low + n + 10) | BIT(low + n + 14);
}

static bool check_window(unsigned n, const struct cxl_window *w, struct error *err)
{
	u64 unit = CXL_WINDOW_ALIGN * w->target_count;

	if (!w->target_count)
		return fail(err, "-M cxl-fmw.%u: no targets; write cxl-fmw.%u.targets.0=ID of a pxb-cxl", n, n);
	if (hdm_encode_ways(w->target_count) == 0xf)
		return fail(err, "-M cxl-fmw.%u: %u targets: a window has 1, 2, 3, 4, 6, 8, 12 or 16 [CXL3.1 9.17.1.3]",
			    n, w->target_count);
	if (!hdm_granularity(hdm_encode_granularity(w->granularity)))
		return fail(
			err,
			"-M cxl-fmw.%u.interleave-granularity=%u: use 256, 512, 1k, 2k, 4k, 8k or 16k [CXL3.1 8.2.4.20.7]",
			n, w->granularity);
	if (w->target_count > 1 && (u64)w->granularity * cxl_window_binary(w) > INTERLEAVE_SPAN_MAX)
		return fail(
			err,
			"-M cxl-fmw.%u.interleave-granularity=%u: %u ways of that are more than 32 KiB, and interleaving uses "
			"address bits 14:8 only; use %u or less",
			n, w->granularity, w->target_count, (unsigned)(INTERLEAVE_SPAN_MAX / cxl_window_binary(w)));
	if (!w->size || w->size % unit)
		return fail(
			err,
			"-M cxl-fmw.%u.size=%llu: a window of %u ways is a multiple of %u x 256 MiB [CXL3.1 9.17.1.3]; use "
			"size=%lluM",
			n, ULL(w->size), w->target_count, w->target_count, ULL((w->size / unit + 1) * unit / MiB));
	return true;
}

bool cxl_host_add_window(struct cxl_host *host, const struct cxl_window *window, struct error *err)
{
	struct cxl_window *to = &host->windows[host->window_count];

	if (host->window_count == CXL_WINDOWS_MAX)
		return fail(err, "-M cxl-fmw: more than %u windows; leave some out", CXL_WINDOWS_MAX);
	if (window->target_count > CXL_WINDOW_TARGETS_MAX)
		return fail(err, "-M cxl-fmw.%u: more than %u targets [CXL3.1 9.17.1.3]", host->window_count,
			    CXL_WINDOW_TARGETS_MAX);
	*to = *window;
	if (!to->granularity)
		to->granularity = 256;
	if (!check_window(host->window_count, to, err))
		return false;
	make_xor_maps(to);
	if (!to->restrictions)
		to->restrictions = RESTRICTIONS_DEFAULT;
	for (unsigned t = 0; t < to->target_count; t++)
		to->target_ids[t] = strdup(window->target_ids[t]);
	host->window_count++;
	return true;
}

static bool window_targets(struct cxl_window *w, unsigned n, struct opts *opts, struct error *err)
{
	char key[32];

	for (unsigned t = 0; t < CXL_WINDOW_TARGETS_MAX; t++) {
		const char *id;

		snprintf(key, sizeof(key), "targets.%u", t);
		id = opts_get(opts, key);
		if (!id)
			continue;
		if (t != w->target_count)
			return fail(err,
				    "cxl-fmw.%u.targets.%u=%s: targets.%u is missing; number them from 0 without gaps",
				    n, t, id, w->target_count);
		w->target_ids[w->target_count++] = (char *)id;
	}
	return true;
}

/* Words of the restrictions, in the order of their bits. */
static const char *const restriction_words[] = {"type2", "type3",           "volatile", "persistent",
						"fixed", "back-invalidate", NULL};
#define RESTRICTIONS_ALL 0x3f
#define RESTRICTION_TYPES (CXL_RESTRICT_TYPE2 | CXL_RESTRICT_TYPE3)
#define RESTRICTION_KINDS (CXL_RESTRICT_VOLATILE | CXL_RESTRICT_PERSISTENT)

/* A number, or words joined by ':'. */
static bool parse_restrictions(const char *what, const char *text, u16 *restrictions, struct error *err)
{
	static const char words[] = "type2, type3, volatile, persistent, fixed, back-invalidate";
	u64 value = 0;

	if (*text >= '0' && *text <= '9') {
		if (!parse_u64("restrictions", text, 0, RESTRICTIONS_ALL, &value, err))
			return fail_context(err, "%s", what);
	} else {
		for (const char *at = text;; at++) {
			size_t length = strcspn(at, ":");
			unsigned n = 0;

			while (restriction_words[n] &&
			       (strlen(restriction_words[n]) != length || strncmp(at, restriction_words[n], length)))
				n++;
			if (!restriction_words[n])
				return fail(err, "%s.restrictions=%s: '%.*s' is none of %s; join several by ':'", what,
					    text, (int)length, at, words);
			value |= BIT(n);
			at += length;
			if (!*at)
				break;
		}
	}
	if (!(value & RESTRICTION_TYPES) || !(value & RESTRICTION_KINDS))
		return fail(
			err,
			"%s.restrictions=%s: a window is for type2 or type3 devices, and for volatile or persistent memory "
			"[CXL3.1 9.18.1.3]; name at least one of each",
			what, text);
	*restrictions = value;
	return true;
}

static bool window_place(struct cxl_window *w, const char *what, struct opts *opts, struct error *err)
{
	const char *restrictions = opts_get(opts, "restrictions"), *bi = opts_get(opts, "back-invalidate");
	const char *qtg = opts_get(opts, "qtg"), *base = opts_get(opts, "base");
	u64 unit = w->target_count % 3 ? CXL_WINDOW_ALIGN : 3 * CXL_WINDOW_ALIGN, value = 0;
	bool on = false;

	if (restrictions && !parse_restrictions(what, restrictions, &w->restrictions, err))
		return false;
	if (bi && !parse_bool("back-invalidate", bi, &on, err))
		return fail_context(err, "%s", what);
	if (bi && restrictions && on != !!(w->restrictions & CXL_RESTRICT_BI))
		return fail(err, "%s.back-invalidate=%s contradicts restrictions=%s; leave one of them out", what, bi,
			    restrictions);
	if (on)
		w->restrictions = (w->restrictions ? w->restrictions : RESTRICTIONS_DEFAULT) | CXL_RESTRICT_BI;
	if (qtg && !parse_u64("qtg", qtg, 0, UINT16_MAX, &value, err))
		return fail_context(err, "%s", what);
	w->qtg = value;
	if (base && !parse_u64("base", base, 0, UINT64_MAX, &w->base, err))
		return fail_context(err, "%s", what);
	if (base && (!w->base || w->base % unit))
		return fail(
			err,
			"%s.base=%s: a window of %u targets begins at a multiple of %llu MiB, not at 0; write base=0x%llx",
			what, base, w->target_count, ULL(unit / MiB), ULL((w->base / unit + 1) * unit));
	return true;
}

bool cxl_host_add_window_opts(struct cxl_host *host, struct opts *opts, struct error *err)
{
	struct cxl_window w = {0};
	const char *size = opts_get(opts, "size"), *granularity = opts_get(opts, "interleave-granularity");
	const char *arithmetic = opts_get(opts, "interleave-arithmetic");
	u64 bytes = 256;
	char what[32];

	snprintf(what, sizeof(what), "-M cxl-fmw.%u", host->window_count);
	if (host->has_windows_2021)
		return fail(err,
			    "%s: pxb-cxl's window-base[n] describes windows already; use one spelling for all of them",
			    what);
	if (!window_targets(&w, host->window_count, opts, err))
		return false;
	if (size && !parse_size("size", size, &w.size, err))
		return fail_context(err, "%s", what);
	if (granularity && !parse_size("interleave-granularity", granularity, &bytes, err))
		return fail_context(err, "%s", what);
	if (bytes > UINT32_MAX || !hdm_granularity(hdm_encode_granularity(bytes)))
		return fail(err,
			    "%s.interleave-granularity=%s: use 256, 512, 1k, 2k, 4k, 8k or 16k [CXL3.1 8.2.4.20.7]",
			    what, granularity);
	w.granularity = bytes;
	if (arithmetic && strcmp(arithmetic, "modulo") && strcmp(arithmetic, "xor"))
		return fail(err, "%s.interleave-arithmetic=%s is neither modulo nor xor", what, arithmetic);
	w.xor_arithmetic = arithmetic && !strcmp(arithmetic, "xor");
	return window_place(&w, what, opts, err) && opts_all_used(opts, what, err) &&
	       cxl_host_add_window(host, &w, err);
}

static struct cxl_bridge *find_bridge(struct cxl_host *host, const char *id)
{
	for (unsigned n = 0; n < host->bridge_count; n++)
		if (host->bridges[n] && host->bridges[n]->pci.dev.id && !strcmp(host->bridges[n]->pci.dev.id, id))
			return host->bridges[n];
	return NULL;
}

static bool settle_targets(struct cxl_host *host, unsigned n, struct error *err)
{
	struct cxl_window *w = &host->windows[n];

	for (unsigned t = 0; t < w->target_count; t++) {
		w->targets[t] = find_bridge(host, w->target_ids[t]);
		if (!w->targets[t])
			return fail(
				err,
				"-M cxl-fmw.%u.targets.%u=%s: there is no pxb-cxl of that id; add -device pxb-cxl,id=%s,bus_nr=N",
				n, t, w->target_ids[t], w->target_ids[t]);
		for (unsigned u = 0; u < t; u++)
			if (w->targets[u] == w->targets[t])
				return fail(
					err,
					"-M cxl-fmw.%u.targets.%u=%s: that bridge is targets.%u already; name each once",
					n, t, w->target_ids[t], u);
	}
	return true;
}

/* What lies on [base, base + size) already, or NULL. Windows come into the space one by one. */
static const struct range *overlapped(struct cxl_host *host, u64 base, u64 size)
{
	const struct range *range;

	for (size_t n = 0; (range = space_range(host->config.space, n)); n++)
		if (range->base <= base + (size - 1) && range->last >= base)
			return range;
	return NULL;
}

/* The number of the window that the region is, or the count if it is none. */
static unsigned window_of(const struct cxl_host *host, const struct region *region)
{
	unsigned n = 0;

	while (n < host->window_count && region != &host->window_regions[n])
		n++;
	return n;
}

static bool place_window(struct cxl_host *host, unsigned n, bool is_told, struct error *err)
{
	struct cxl_window *w = &host->windows[n];
	u64 limit = host->config.address_limit ? host->config.address_limit : UINT64_MAX, end;
	const char *cpu = host->config.limited_by ? host->config.limited_by : "max";
	const struct range *there;
	char key[32];

	snprintf(key, sizeof(key), is_told ? "base=0x%llx" : "size=%llu", ULL(is_told ? w->base : w->size));
	if (!add_ok(w->base, w->size, &end) || end > limit)
		return fail(
			err,
			"-M cxl-fmw.%u.%s: the window at 0x%llx ends beyond the last address of -cpu %s, 0x%llx; use %s%s",
			n, key, ULL(w->base), cpu, ULL(limit - 1), is_told ? "a lower base" : "a smaller window",
			strcmp(cpu, "max") ? " or -cpu max" : "");
	there = overlapped(host, w->base, w->size);
	if (there) {
		unsigned other = window_of(host, there->region);
		char name[64];

		if (other < host->window_count)
			snprintf(name, sizeof(name), "CXL window %u", other);
		else
			snprintf(name, sizeof(name), "'%.50s'", there->region->name);
		return fail(
			err,
			"CXL window %u (cxl-fmw.%u) at 0x%llx-0x%llx overlaps %s at 0x%llx-0x%llx; move or shrink one of them",
			n, n, ULL(w->base), ULL(end - 1), name, ULL(there->base), ULL(there->last));
	}
	host->window_regions[n] = (struct region){
		.name = "CXL fixed window",
		.base = w->base,
		.size = w->size,
		.priority = WINDOW_PRIORITY,
		.lockless = true,
		.ops = &undecoded_io,
	};
	space_add(host->config.space, &host->window_regions[n]);
	return true;
}

/* The first place from `from` on that nothing lies on. A factor 3 counts from address 0, so a stripe begins at the base
 * only if 3 divides that too. */
static u64 free_place(struct cxl_host *host, const struct cxl_window *w, u64 from)
{
	u64 unit = w->target_count % 3 ? CXL_WINDOW_ALIGN : 3 * CXL_WINDOW_ALIGN, base = from;
	const struct range *there;

	for (;;) {
		base = (base + unit - 1) / unit * unit;
		there = base + w->size > base ? overlapped(host, base, w->size) : NULL;
		if (!there)
			return base;
		base = there->last + 1;
	}
}

bool cxl_windows_settle(struct cxl_host *host, struct error *err)
{
	u64 next = align_up(host->config.windows_base, CXL_WINDOW_ALIGN);

	for (unsigned n = 0; n < host->window_count; n++)
		if (!settle_targets(host, n, err) || (host->windows[n].base && !place_window(host, n, true, err)))
			return false;
	for (unsigned n = 0; n < host->window_count; n++) {
		struct cxl_window *w = &host->windows[n];

		if (w->base)
			continue;
		w->base = free_place(host, w, next);
		if (!place_window(host, n, false, err))
			return false;
		next = align_up(w->base + w->size, CXL_WINDOW_ALIGN);
	}
	return true;
}
