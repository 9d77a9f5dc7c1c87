/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decode walk. [CXL3.1 8.2.4.20.13, 9.13.1, 9.17.1.3]
 *
 *   window      target = HPA / G mod ways              CFMWS; with XOR arithmetic each target bit, which is
 *                                                      bit 8 + log2(G / 256) + n, is the parity of HPA &
 *                                                      XORMAP[n] first (1, 2 and 4 of 3, 6, 12 ways alike)
 *   bridge      the lowest-numbered committed decoder that holds the HPA; target = HPA / IG mod IW -> port number
 *   switch      the same, at each of up to three levels
 *   device      the lowest-numbered committed decoder that holds the HPA, or range of the DVSEC while HDM Decoder
 *               Enable is 0; the interleave bits are taken out of the offset:
 *
 *        offset = HPA - base      51 ........ 8+IG+IW | 8+IG+IW-1 .. 8+IG | 8+IG-1 .. 0
 *                                      upper          |   which way       |    low
 *        DPA    = decoder's DPA + (upper << (8 + IG)) + low          IW = 8, 9, 10: upper is
 *                                                                   offset >> (IG + IW), over 3
 *
 * A decoder's DPA is the sum of skip and size / ways of all committed decoders before it, plus its own skip.
 * Pure functions of the state: any thread.
 */
#include "cxl/decode.h"

#include <stdlib.h>

#include "cxl/host.h"
#include "cxl/type3.h"

static void copy_decoder(struct decode_decoder *to, const struct hdm_decoder *from)
{
	*to = (struct decode_decoder){.base = from->base, .size = from->size, .iw = from->iw, .ig = from->ig};
	memcpy(to->targets, from->targets, sizeof(to->targets));
}

static void copy_endpoint(struct decode_endpoint *to, struct cxl_type3 *device)
{
	u64 dpa = 0;

	to->device = device;
	if (!media_disabled(device, &to->disabled_from, &to->disabled_end))
		to->disabled_from = to->disabled_end = UINT64_MAX;
	to->viral_from = device->viral ? device->volatile_bytes : UINT64_MAX;
	to->viral_end = device->viral ? device->volatile_bytes + device->persistent_bytes : UINT64_MAX;
	to->dynamic_from = type3_capacity(device) - device->dynamic_bytes;
	if (device->dc && device->dc->accepted_count) {
		size_t bytes = device->dc->accepted_count * sizeof(device->dc->accepted[0]);

		to->extents = malloc(bytes);
		if (to->extents) {
			memcpy(to->extents, device->dc->accepted, bytes);
			to->extent_count = device->dc->accepted_count;
		}
	}
	if (device->poison.count) {
		size_t bytes = device->poison.count * sizeof(device->poison.ranges[0]);

		to->poison = malloc(bytes);
		if (to->poison) {
			memcpy(to->poison, device->poison.ranges, bytes);
			to->poison_count = device->poison.count;
		}
	}
	if (!type3_is_mem_enabled(device))
		return;
	for (unsigned i = 0; i < DVSEC_DEVICE_RANGES && !device->comp.hdm_enabled; i++) {
		struct decode_decoder range = dvsec_range(device, i);

		if (range.size)
			to->decoders[to->count++] = range;
	}
	if (!device->comp.hdm_enabled)
		return;
	for (unsigned i = 0; i < device->comp.decoder_count; i++) {
		const struct hdm_decoder *from = &device->comp.decoders[i];

		if (!from->committed)
			continue;
		dpa += from->skip;
		if (from->size) {
			struct decode_decoder *d = &to->decoders[to->count++];

			copy_decoder(d, from);
			d->dpa = dpa;
		}
		dpa += hdm_share(from->size, from->iw, from->ig);
	}
}

static void copy_fork(struct decode_fork *to, struct cxl_fork *fork, unsigned index)
{
	to->only = DECODE_NOTHING;
	memset(to->below, 0xff, sizeof(to->below)); /* DECODE_NOTHING */
	if (!fork)
		return;
	fork->index = index;
	to->passthrough = fork->comp.kind == COMPONENT_BRIDGE_PASSTHROUGH;
	for (unsigned i = 0; i < fork->comp.decoder_count; i++)
		if (fork->comp.decoders[i].committed && fork->comp.decoders[i].size)
			copy_decoder(&to->decoders[to->count++], &fork->comp.decoders[i]);
}

struct decode_state *decode_state_make(struct cxl_host *host)
{
	struct decode_state *state = calloc(1, sizeof(*state));
	unsigned ports = 0, forks = CXL_BRIDGES_MAX;

	for (struct cxl_port *port = host->ports; port; port = port->next)
		ports++;
	for (struct cxl_switch *sw = host->switches; sw; sw = sw->next)
		forks++;
	state->endpoints = calloc(ports + 1, sizeof(*state->endpoints));
	state->forks = calloc(forks, sizeof(*state->forks));
	for (unsigned n = 0; n < CXL_BRIDGES_MAX; n++)
		copy_fork(&state->forks[n], n < host->bridge_count && host->bridges[n] ? &host->bridges[n]->fork : NULL,
			  n);
	state->fork_count = CXL_BRIDGES_MAX;
	for (struct cxl_switch *sw = host->switches; sw; sw = sw->next, state->fork_count++)
		copy_fork(&state->forks[state->fork_count], &sw->fork, state->fork_count);
	for (struct cxl_port *port = host->ports; port; port = port->next) {
		struct cxl_type3 *device = cxl_port_device(port);
		struct cxl_switch *sw = cxl_port_switch(port);
		struct decode_fork *fork;

		if ((!device && !sw) || !port->above)
			continue;
		fork = &state->forks[port->above->index];
		fork->only = fork->below[port->number] = sw ? DECODE_FORK(sw->fork.index) : (s16)state->endpoint_count;
		fork->below_end = MAX(fork->below_end, port->number + 1u);
		if (device)
			copy_endpoint(&state->endpoints[state->endpoint_count++], device);
	}
	for (unsigned n = 0; n < host->window_count; n++) {
		const struct cxl_window *from = &host->windows[n];
		struct decode_window *to = &state->windows[state->window_count++];

		to->base = from->base;
		to->size = from->size;
		to->ig = hdm_encode_granularity(from->granularity);
		to->ways = from->target_count;
		memcpy(to->xor_maps, from->xor_maps, sizeof(to->xor_maps));
		for (unsigned t = 0; t < from->target_count; t++)
			to->bridge[t] = from->targets[t] ? from->targets[t]->slot : 0;
	}
	return state;
}

void decode_state_free(struct decode_state *state)
{
	if (state) {
		for (unsigned n = 0; n < state->endpoint_count; n++) {
			free(state->endpoints[n].poison);
			free(state->endpoints[n].extents);
		}
		free(state->endpoints);
		free(state->forks);
	}
	free(state);
}

bool decode_has_media(const struct decode_endpoint *endpoint, u64 dpa, u64 *size)
{
	const struct dc_extent *list = endpoint->extents;
	unsigned n;
	u64 edge;

	if (dpa < endpoint->dynamic_from) {
		*size = MIN(*size, endpoint->dynamic_from - dpa);
		return true;
	}
	n = dc_find(list, endpoint->extent_count, dpa);
	if (n == endpoint->extent_count)
		return false;
	edge = dpa < list[n].dpa ? list[n].dpa : list[n].dpa + list[n].size;
	*size = MIN(*size, edge - dpa);
	return dpa >= list[n].dpa;
}

const struct decode_decoder *decode_find(const struct decode_decoder *list, unsigned count, u64 hpa)
{
	for (unsigned i = 0; i < count; i++)
		if (hpa - list[i].base < list[i].size)
			return &list[i];
	return NULL;
}

u64 decode_fold(const u64 maps[CXL_XOR_MAPS_MAX], u64 hpa)
{
	for (unsigned n = 0; n < CXL_XOR_MAPS_MAX && maps[n]; n++) {
		u64 low = maps[n] & -maps[n];

		hpa = (hpa & ~low) | (__builtin_parityll(hpa & maps[n]) ? low : 0);
	}
	return hpa;
}

static unsigned select_window_target(const struct decode_window *w, u64 folded)
{
	return (folded >> (8 + w->ig)) % w->ways;
}

/* Powers of two only. */
static unsigned select_target(u64 hpa, u8 ig, unsigned ways)
{
	return (hpa >> (8 + ig)) & (ways - 1);
}

static u64 device_offset(const struct decode_decoder *d, u64 hpa)
{
	u64 offset = hpa - d->base, upper;

	if (d->iw < 8)
		upper = offset >> (8 + d->ig + d->iw);
	else
		upper = (offset >> (d->ig + d->iw)) / 3;
	return (upper << (8 + d->ig)) | (offset & ones(8 + d->ig));
}

bool decode_hpa(const struct decode_state *state, unsigned window, u64 hpa, struct decoded *out)
{
	return decode_folded(state, window, hpa, decode_fold(state->windows[window].xor_maps, hpa), out);
}

bool decode_folded(const struct decode_state *state, unsigned window, u64 hpa, u64 folded, struct decoded *out)
{
	const struct decode_window *w = &state->windows[window];
	s16 at = DECODE_FORK(w->bridge[select_window_target(w, folded)]);
	const struct decode_endpoint *endpoint;
	const struct decode_decoder *d;

	for (unsigned level = 0; at < DECODE_NOTHING && level <= CXL_SWITCH_LEVELS_MAX; level++) {
		const struct decode_fork *fork = &state->forks[-2 - at];

		if (fork->passthrough) {
			at = fork->only;
			continue;
		}
		d = decode_find(fork->decoders, fork->count, hpa);
		if (!d)
			return false;
		at = fork->below[d->targets[select_target(hpa, d->ig, hdm_ways(d->iw))]];
	}
	if (at < 0)
		return false;
	endpoint = &state->endpoints[at];
	d = decode_find(endpoint->decoders, endpoint->count, hpa);
	if (!d)
		return false;
	*out = (struct decoded){endpoint->device, d, d->dpa + device_offset(d, hpa), endpoint};
	return true;
}
