/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random fabrics against the independent model: bridges, switches up to three levels, any number of decoders, mixed
 * granularities, wild and orderly programs, locked decoders, disabled devices. CXLVM_FABRICS and CXLVM_ADDRESSES say
 * how many of each (tests/tables/test_fabrics).
 */
#include "fixture.h"
#include "decoder_model.c"
#include "cxl/map.h"

#define Q (256 * MiB)
#define WINDOW_BYTES (16 * Q)
#define PORTS_MAX 40

struct fabric {
	struct machine m;
	struct model model;
	u64 random;
	unsigned bridges, ports, devices, switches;
	u64 quick[MAP_HOLE + 1]; /* addresses that the map answered, by kind of piece */
};

static unsigned pick(struct fabric *f, unsigned count)
{
	return (check_random(&f->random) >> 16) % count;
}

static void add_below(struct fabric *f, unsigned level, const char *bus)
{
	static const unsigned device_counts[] = {1, 2, 4, 6, 8, 10}, fork_counts[] = {1, 4, 10, 12, 20, 32};
	unsigned ports = level ? 1 + pick(f, 3) : 1 + pick(f, 2);
	struct machine *m = &f->m;

	for (unsigned p = 0; p < ports && f->ports < PORTS_MAX; p++) {
		unsigned n = f->ports++;
		char id[32];

		fixture_add(m, level ? &cxl_downstream_class : &cxl_rp_class, "id=p%u,bus=%s,port=%u", n, bus,
			    5 * p + level);
		snprintf(id, sizeof(id), "p%u", n);
		if (level < 3 && f->switches < 8 && !pick(f, 2)) {
			char sw[32];

			snprintf(sw, sizeof(sw), "sw%u", f->switches++);
			fixture_add(m, &cxl_upstream_class, "id=%s,bus=%s,hdm-decoders=%u", sw, id,
				    fork_counts[pick(f, 6)]);
			add_below(f, level + 1, sw);
		} else if (f->devices < 16 && pick(f, 8)) {
			fixture_add(m, &memory_backend_ram_class, "id=v%u,size=1G", n);
			fixture_add(m, &cxl_type3_class, "id=d%u,bus=%s,volatile-memdev=v%u,hdm-decoders=%u", n, id, n,
				    device_counts[pick(f, 6)]);
			f->devices++;
		}
	}
}

static void build(struct fabric *f)
{
	static const unsigned fork_counts[] = {1, 2, 4, 16, 24, 32};
	char targets[128] = "", text[256];

	fixture_open(&f->m);
	f->bridges = 1u << pick(f, 3);
	for (unsigned b = 0; b < f->bridges; b++) {
		char id[16];

		snprintf(id, sizeof(id), "hb%u", b);
		fixture_add(&f->m, &pxb_cxl_class, "id=%s,bus_nr=%u,hdm-decoders=%u", id, 10 + 50 * b,
			    fork_counts[pick(f, 6)]);
		snprintf(targets + strlen(targets), sizeof(targets) - strlen(targets), "targets.%u=%s,", b, id);
		add_below(f, 0, id);
	}
	snprintf(text, sizeof(text), "%ssize=%llu,interleave-granularity=%u%s", targets, WINDOW_BYTES,
		 256u << pick(f, 5), pick(f, 2) ? ",interleave-arithmetic=xor" : "");
	assert_true(fixture_option(&f->m, text, cxl_host_add_window_opts));
	if (!fixture_settle(&f->m))
		fail_msg("%s: %s", text, f->m.err.text);
	fixture_reset(&f->m, RESET_COLD);
}

static void take_model(struct fabric *f)
{
	const struct cxl_window *w = cxl_host_window(f->m.cxl, 0);

	memset(&f->model, 0, sizeof(f->model));
	f->model.window[0].base = w->base;
	f->model.window[0].size = w->size;
	f->model.window[0].granularity = w->granularity;
	f->model.window[0].ways = w->target_count;
	f->model.window[0].by_xor = w->xor_arithmetic;
	memcpy(f->model.window[0].maps, w->xor_maps, sizeof(w->xor_maps));
	for (unsigned t = 0; t < w->target_count; t++)
		f->model.window[0].bridge[t] = &w->targets[t]->fork.comp;
	f->model.window_count = 1;
	for (struct cxl_port *port = f->m.cxl->ports; port; port = port->next) {
		struct cxl_switch *sw = cxl_port_switch(port);

		f->model.port[f->model.port_count++] = (struct model_port){
			&port->above->comp, port->number, cxl_port_device(port), sw ? &sw->fork.comp : NULL};
	}
}

/* Decoders of one component: mostly in order and of sizes that fit, so that addresses get somewhere; sometimes
 * anything. */
static void program_component(struct fabric *f, struct cxl_component *comp, const u8 *numbers, unsigned number_count)
{
	u64 base = WINDOWS_BASE + pick(f, 2) * Q;

	for (unsigned n = 0; n < comp->decoder_count; n++) {
		u64 size = (1 + pick(f, comp->kind == COMPONENT_DEVICE ? 3 : 6)) * Q, targets = 0,
		    at = pick(f, 12) ? base : WINDOWS_BASE + pick(f, 16) * Q;
		u32 place = comp->hdm_at + n * HDM_STRIDE;
		unsigned iw = pick(f, comp->kind == COMPONENT_DEVICE ? 5 : 4);

		if (comp->kind == COMPONENT_DEVICE && !pick(f, 6))
			iw = 8 + pick(f, 3);
		if (!pick(f, 10))
			continue; /* not committed */
		for (unsigned t = 0; t < 8; t++)
			targets |= (u64)(number_count ? numbers[pick(f, number_count)] : 0) << (8 * t);
		if (comp->kind == COMPONENT_DEVICE)
			targets = pick(f, 5) ? 0 : Q;
		component_set(comp, place + HDM_CTRL, 0); /* unless it is locked */
		component_set(comp, place + HDM_BASE_LO, (u32)at);
		component_set(comp, place + HDM_BASE_HI, at >> 32);
		component_set(comp, place + HDM_SIZE_LO, (u32)size);
		component_set(comp, place + HDM_SIZE_HI, size >> 32);
		component_set(comp, place + HDM_TARGETS_LO, (u32)targets);
		component_set(comp, place + HDM_TARGETS_HI, targets >> 32);
		component_set(comp, place + HDM_CTRL,
			      pick(f, 7) | iw << 4 | HDM_CTRL_COMMIT | HDM_CTRL_TARGET_HOST_ONLY |
				      (pick(f, 6) ? 0 : HDM_CTRL_LOCK_ON_COMMIT));
		base = at + size;
	}
}

static void program_all(struct fabric *f)
{
	cxl_map_hold(f->m.cxl);
	for (struct cxl_port *port = f->m.cxl->ports; port; port = port->next) {
		struct cxl_type3 *dev = cxl_port_device(port);

		if (!dev)
			continue;
		program_component(f, &dev->comp, NULL, 0);
		enable_mem(dev, pick(f, 12) != 0);
	}
	for (unsigned b = 0; b < f->m.count; b++) {
		struct cxl_fork *fork =
			f->m.devs[b]->cls == &pxb_cxl_class      ? &((struct cxl_bridge *)f->m.devs[b])->fork :
			f->m.devs[b]->cls == &cxl_upstream_class ? &((struct cxl_switch *)f->m.devs[b])->fork :
								   NULL;
		u8 numbers[8];
		unsigned count = 0;

		if (!fork || !component_has_hdm(&fork->comp))
			continue;
		for (struct cxl_port *port = f->m.cxl->ports; port && count < 8; port = port->next)
			if (port->above == fork)
				numbers[count++] = port->number;
		program_component(f, &fork->comp, numbers, count);
	}
	cxl_map_release(f->m.cxl);
}

/* Whether the compiled map sends the address where the decoders send it. */
static void check_map(struct fabric *f, u64 hpa, const struct decoded *is)
{
	const struct map_piece *piece = f->m.cxl->pieces;
	const struct piece_want *want;
	u64 offset, dpa;
	unsigned way = 0;

	while (piece && hpa - piece->want.base >= piece->want.size)
		piece = piece->next;
	if (!piece && is->device)
		fail_msg("0x%llx: nothing in the map, but %s decodes it", (unsigned long long)hpa, is->device->name);
	if (!piece || piece->want.kind == MAP_GRANULE) /* which decodes again */
		return;
	want = &piece->want;
	offset = hpa - want->base;
	dpa = want->way[0].dpa + offset;
	if (want->kind == MAP_BUFFER) {
		offset = piece_fold(want, offset);
		way = offset / want->granularity % want->ways;
		dpa = want->way[way].dpa + offset / want->granularity / want->ways * want->granularity +
		      offset % want->granularity;
	}
	f->quick[want->kind]++;
	if (want->way[way].device != is->device || dpa != is->dpa)
		fail_msg("0x%llx: in the map %s 0x%llx, by the decoders %s 0x%llx", (unsigned long long)hpa,
			 want->way[way].device->name, (unsigned long long)dpa,
			 is->device ? is->device->name : "nothing", (unsigned long long)is->dpa);
}

static void keep_hop(void *arg, const struct cxl_hop *hop)
{
	*(struct cxl_hop *)arg = *hop;
}

/* Whether the explanation ends where the decoders do. */
static void check_explanation(struct fabric *f, u64 hpa, const struct decoded *is)
{
	struct cxl_hop last = {0};
	u64 dpa = 0;
	bool answered = cxl_explain(f->m.cxl, hpa, keep_hop, &last, &dpa);

	if (answered != (is->device != NULL) || answered != last.took ||
	    (answered && (dpa != is->dpa || strcmp(last.name, is->device->name))))
		fail_msg("0x%llx: explained as %s of %s, 0x%llx: %s; by the decoders %s 0x%llx",
			 (unsigned long long)hpa, answered ? "memory" : "none", last.name, (unsigned long long)dpa,
			 last.text, is->device ? is->device->name : "nothing", (unsigned long long)is->dpa);
}

static void note_locked(void *arg, const struct cxl_decoder_facts *facts)
{
	if (facts->locked && !facts->committed)
		fail_msg("%s: decoder %u is said to be locked, and is not committed", facts->component, facts->index);
	*(unsigned *)arg += facts->locked;
}

static u64 compare(struct fabric *f, u64 addresses)
{
	u64 answered = 0;
	unsigned locked = 0;

	cxl_each_decoder(f->m.cxl, note_locked, &locked);
	memset(model_cache, 0, sizeof(model_cache));
	model_caches = true;
	for (u64 n = 0; n < addresses; n++) {
		u64 hpa = WINDOWS_BASE + check_random(&f->random) % WINDOW_BYTES, dpa = 0;
		struct cxl_type3 *device = NULL;
		bool want = model_decode(&f->model, hpa, &device, &dpa);
		struct decoded got = {0};
		/* The model leaves out what is past the media: the map does that after decoding. */
		bool is = decode_hpa(f->m.cxl->state, 0, hpa, &got) && got.dpa < type3_capacity(got.device);

		if (want != is || (want && (got.device != device || got.dpa != dpa)))
			fail_msg("0x%llx: %s 0x%llx, the model says %s 0x%llx", (unsigned long long)hpa,
				 is ? got.device->name : "nothing", (unsigned long long)got.dpa,
				 want ? device->name : "nothing", (unsigned long long)dpa);
		if (!(n & 15)) {
			check_map(f, hpa, is ? &got : &(struct decoded){0});
			check_explanation(f, hpa, is ? &got : &(struct decoded){0});
		}
		answered += want;
	}
	model_caches = false;
	return answered;
}

static u64 number_of(const char *name, u64 usual)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : usual;
}

static void random_fabrics_follow_the_model(void **state)
{
	u64 fabrics = number_of("CXLVM_FABRICS", 60), addresses = number_of("CXLVM_ADDRESSES", 4000),
	    first = number_of("CXLVM_SEED", 1);
	u64 answered = 0, direct = 0, sets = 0;

	for (u64 seed = first; seed < first + fabrics; seed++) {
		struct fabric *f = calloc(1, sizeof(*f));

		f->random = seed;
		f->random = check_random(&f->random); /* apart from the other seeds' */
		build(f);
		take_model(f);
		for (unsigned round = 0; round < 2; round++) {
			program_all(f); /* the second time over locked and committed ones */
			answered += compare(f, addresses / 2);
		}
		direct += f->quick[MAP_DIRECT];
		sets += f->quick[MAP_BUFFER];
		fixture_close(&f->m);
		free(f);
	}
	if (answered < fabrics * addresses / 50)
		fail_msg("only %llu of %llu addresses were answered: the fabrics are no test",
			 (unsigned long long)answered, (unsigned long long)(fabrics * addresses));
	print_message(
		"%llu fabrics, %llu addresses each, %llu answered; in the map %llu in direct pieces, %llu in sets\n",
		(unsigned long long)fabrics, (unsigned long long)addresses, (unsigned long long)answered,
		(unsigned long long)direct, (unsigned long long)sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_fabrics_follow_the_model)};

	return cmocka_run_group_tests_name("cxl/fabric", tests, NULL, NULL);
}
