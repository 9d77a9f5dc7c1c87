/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An independent model of CXL address decode, slow and by division, from the specification's words and the registers
 * that software sees. [CXL3.1 8.2.4.20.13, 9.17.1.3] It shares nothing with src/cxl/decode.c and map.c: the tests
 * compare the two.
 */
#include "fixture.h"

struct model_port {
	struct cxl_component *bridge;
	unsigned number;
	struct cxl_type3 *device;       /* below it, or */
	struct cxl_component *upstream; /* a switch, or neither */
};

struct model {
	struct {
		u64 base, size, granularity, maps[4];
		bool by_xor;
		unsigned ways;
		struct cxl_component *bridge[16];
	} window[8];
	unsigned window_count;
	struct model_port port[256];
	unsigned port_count;
};

struct model_decoder {
	bool committed;
	u64 base, size, low_high; /* targets or skip */
	u64 ways, granularity;
};

/* What a component's registers say, read anew for every address, or once with model_caches. */
struct model_component {
	struct cxl_component *comp;
	bool has_decoders, enabled;  /* enabled: HDM Decoder Enable */
	bool mem_known, mem_enabled; /* a device's Mem_Enable */
	unsigned count;
	struct model_decoder decoder[32];
};

static bool model_caches;
static struct model_component model_cache[1024];

static struct model_decoder model_read(struct cxl_component *comp, u32 hdm, unsigned n)
{
	static const u64 ways[] = {1, 2, 4, 8, 16, 0, 0, 0, 3, 6, 12, 0, 0, 0, 0, 0};
	u32 at = hdm + 0x10 + 0x20 * n, ctrl = component_get(comp, at + 0x10);

	return (struct model_decoder){
		.committed = ctrl & 0x400,
		.base = component_get(comp, at) + 0x100000000ull * component_get(comp, at + 4),
		.size = component_get(comp, at + 8) + 0x100000000ull * component_get(comp, at + 12),
		.low_high = component_get(comp, at + 20) + 0x100000000ull * component_get(comp, at + 24),
		.ways = ways[(ctrl >> 4) & 15],
		.granularity = 256 * (1u << (ctrl & 15)),
	};
}

/* The capability array names HDM decoders, or it does not. */
static struct model_component *model_component_of(struct cxl_component *comp)
{
	static const unsigned counts[] = {1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32};
	struct model_component *c = &model_cache[(uintptr_t)comp / 64 % 1024];

	while (model_caches && c->comp && c->comp != comp)
		c = c == &model_cache[1023] ? model_cache : c + 1;
	if (model_caches && c->comp)
		return c;
	*c = (struct model_component){.comp = comp};
	for (unsigned n = 1; n <= component_get(comp, 0) >> 24; n++) {
		u32 header = component_get(comp, 4 * n), hdm = header >> 20;

		if (header % 0x10000 != 5)
			continue;
		c->has_decoders = true;
		c->enabled = component_get(comp, hdm + 4) & 2;
		c->count = counts[component_get(comp, hdm) & 0xf];
		for (unsigned d = 0; d < c->count; d++)
			c->decoder[d] = model_read(comp, hdm, d);
	}
	return c;
}

static bool model_holds(const struct model_decoder *d, u64 hpa)
{
	return d->committed && d->size && hpa >= d->base && hpa < d->base + d->size;
}

static bool model_device(struct cxl_type3 *device, u64 hpa, u64 *dpa)
{
	struct model_component *c = model_component_of(&device->comp);
	u64 start = 0;

	if (!c->mem_known) {
		c->mem_enabled = pci_config_read(&device->pci, device->dvsec_device + 0x0c, 2) & 4;
		c->mem_known = true;
	}
	if (!c->enabled || !c->mem_enabled)
		return false;
	for (unsigned n = 0; n < c->count; n++) {
		struct model_decoder d = c->decoder[n];

		if (!d.committed)
			continue;
		start += d.low_high;
		if (model_holds(&d, hpa)) {
			u64 offset = hpa - d.base, granule = offset / d.granularity;

			*dpa = start + granule / d.ways * d.granularity + offset % d.granularity;
			/* A lower decoder committed later may have pushed it past the media. */
			return *dpa < device->volatile_bytes + device->persistent_bytes;
		}
		/* size / ways; a size that 3 does not divide ends in a whole granule (docs/quirks.md) */
		start += (d.size / d.granularity + d.ways - 1) / d.ways * d.granularity;
	}
	return false;
}

/* A bridge or a switch. */
static bool model_bridge(const struct model *m, struct cxl_component *bridge, u64 hpa, struct cxl_type3 **device,
			 u64 *dpa)
{
	const struct model_component *c = model_component_of(bridge);
	int number = -1;

	if (!c->has_decoders) { /* one port */
		for (unsigned p = 0; p < m->port_count; p++)
			if (m->port[p].bridge == bridge)
				number = m->port[p].number;
	} else {
		for (unsigned n = 0; n < c->count && number < 0; n++) {
			struct model_decoder d = c->decoder[n];

			if (model_holds(&d, hpa))
				number = d.low_high >> (8 * (hpa / d.granularity % d.ways)) & 0xff;
		}
	}
	for (unsigned p = 0; number >= 0 && p < m->port_count; p++)
		if (m->port[p].bridge == bridge && m->port[p].number == (unsigned)number && m->port[p].upstream) {
			return model_bridge(m, m->port[p].upstream, hpa, device, dpa);
		} else if (m->port[p].bridge == bridge && m->port[p].number == (unsigned)number && m->port[p].device) {
			*device = m->port[p].device;
			return model_device(m->port[p].device, hpa, dpa);
		}
	return false;
}

/* [CXL3.1 9.17.1.3, 9.17.1.4]: target bits by parity, the factor 3 by modulo of what is above them. */
static unsigned model_target(const struct model *m, unsigned w, u64 hpa)
{
	unsigned ways = m->window[w].ways, three = ways % 3 ? 1 : 3, target = 0, bit_count = 0;
	u64 granule = hpa / m->window[w].granularity;

	if (!m->window[w].by_xor)
		return granule % ways;
	for (; 1u << bit_count < ways / three; bit_count++) {
		bool odd = false;

		for (unsigned b = 0; b < 64; b++)
			odd ^= (hpa & m->window[w].maps[bit_count]) >> b & 1;
		target += odd << bit_count;
	}
	return target + ((granule >> bit_count) % three << bit_count);
}

static bool model_decode(const struct model *m, u64 hpa, struct cxl_type3 **device, u64 *dpa)
{
	for (unsigned w = 0; w < m->window_count; w++)
		if (hpa >= m->window[w].base && hpa < m->window[w].base + m->window[w].size)
			return model_bridge(m, m->window[w].bridge[model_target(m, w, hpa)], hpa, device, dpa);
	return false;
}
