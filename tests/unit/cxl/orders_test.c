/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random orders of what happens to a fabric: decoders, ranges, Mem_Enable, links, slots, containment, resets of all
 * kinds, plugging, and a fabric manager that binds and holds in reset. After each step
 *   - the compiled map is what the registers say, were it compiled now,
 *   - what a port last told of its link is so,
 *   - what lies behind a link that is down is as a reset leaves it,
 *   - BARs are where registers and windows have them.
 * CXLVM_ORDERS says how many, CXLVM_ORDERS_FROM at which seed to begin.
 */
#include "fixture.h"
#include "cxl/map.h"
#include "pci/parts.h"

#define Q (256 * MiB)
#define STEPS 600
#define BINDING_NS 2000000ull

static struct machine m;
static u64 seed, random_state;
static unsigned step_number;

static const char *const memory[] = {
	"id=mem0,bus=ds0,volatile-memdev=v0,volatile-dc-memdev=d,num-dc-regions=2",
	"id=mem1,bus=ds1,volatile-memdev=v1",
	"id=mem2,bus=rp1,volatile-memdev=v2,persistent-memdev=p,lsa=l",
};
static const char *const slots[] = {"ds0", "ds1", "rp1"};

static unsigned pick(unsigned count)
{
	return (check_random(&random_state) >> 16) % count;
}

static void build(void)
{
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0,dpc=on");
	fixture_add(&m, &cxl_rp_class, "id=rp1,bus=hb0,dpc=on");
	fixture_add(&m, &cxl_upstream_class, "id=us0,bus=rp0,multifunction=on,addr=0.0");
	fixture_add(&m, &cxl_switch_cci_class, "id=cci0,bus=rp0,addr=0.1,target=us0");
	for (unsigned n = 0; n < 3; n++)
		fixture_add(&m, &cxl_downstream_class, "id=ds%u,bus=us0,port=%u,dpc=%s", n, n + 4, n ? "off" : "on");
	for (unsigned n = 0; n < ARRAY_SIZE(memory); n++)
		fixture_add(&m, &memory_backend_ram_class, "id=v%u,size=512M", n);
	fixture_add(&m, &memory_backend_ram_class, "id=p,size=512M");
	fixture_add(&m, &memory_backend_ram_class, "id=l,size=128K");
	fixture_add(&m, &memory_backend_ram_class, "id=d,size=512M");
	for (unsigned n = 0; n < ARRAY_SIZE(memory); n++)
		fixture_add(&m, &cxl_type3_class, "%s", memory[n]);
	assert_true(fixture_option(&m, "targets.0=hb0,size=4G", cxl_host_add_window_opts));
	fixture_power_on(&m);
}

/* --- what must hold --- */

static void wrong(const char *who, const char *what)
{
	fail_msg("CXLVM_ORDERS_FROM=%llu: step %u: %s: %s", (unsigned long long)seed, step_number, who, what);
}

static void check_map(void)
{
	struct decode_state *state = decode_state_make(m.cxl);
	const struct map_piece *piece = m.cxl->pieces;
	struct want_list wants = {0};

	map_compile(state, &wants);
	for (size_t n = 0; n < wants.count; n++, piece = piece->next)
		if (!piece || memcmp(&piece->want, &wants.list[n], sizeof(piece->want)))
			wrong("map", "is not what the decoders say");
	if (piece)
		wrong("map", "has more than the decoders say");
	free(wants.list);
	decode_state_free(state);
}

static bool is_reached(const struct pci_dev *pci)
{
	for (const struct pci_bridge *up = pci->bus->bridge; up; up = up->dev->bus->bridge)
		if (up->unbound || !pci_link_is_up(up->dev))
			return false;
	return true;
}

static void check_device(const struct cxl_type3 *dev)
{
	if (type3_is_mem_enabled(dev))
		wrong(dev->name, "Mem_Enable is set behind a link that is down");
	for (unsigned i = 0; i < dev->comp.decoder_count; i++)
		if (dev->comp.decoders[i].committed)
			wrong(dev->name, "a decoder is committed behind a link that is down");
}

static bool check_function(struct pci_dev *pci, void *unused)
{
	const char *name = dev_name(&pci->dev);

	if (pci->bridge && pci->bridge->link_up != pci_link_is_up(pci))
		wrong(name, "its link is not as it was told");
	if (pci->bridge && pci->bridge->down != pci_link_is_kept_down(pci))
		wrong(name, "what keeps its link down is forgotten");
	if (!is_reached(pci) &&
	    (regs_get(&pci->config, PCI_COMMAND, 2) || pci_msi_is_enabled(pci) || pci_msix_is_enabled(pci)))
		wrong(name, "it was not reset with its link");
	if (!is_reached(pci) && pci->dev.cls == &cxl_type3_class)
		check_device((struct cxl_type3 *)pci);
	for (unsigned n = 0; n < PCI_BARS; n++) {
		u64 at = pci_bar_address(pci, n);

		pci_bars_update(pci);
		if (pci_bar_address(pci, n) != at)
			wrong(name, "a BAR is not where it belongs");
	}
	return true;
}

/* --- what happens --- */

static struct pci_dev *any(bool (*is)(const struct pci_dev *pci))
{
	struct pci_dev *list[16];
	unsigned count = 0;

	for (unsigned n = 0; n < m.count; n++) {
		struct pci_dev *pci = (struct pci_dev *)m.devs[n];

		if (m.devs[n]->cls->plugs == BUS_CXL && (!is || is(pci)))
			list[count++] = pci;
	}
	return list[pick(count)];
}

static bool is_bridge(const struct pci_dev *pci)
{
	return pci->bridge;
}

static bool is_port(const struct pci_dev *pci)
{
	return pci->bridge && pci_express_type(pci) != PCIE_UPSTREAM;
}

/* As the host writes: only what it reaches. */
static void host_write(struct pci_dev *pci, u32 at, unsigned size, u64 value)
{
	if (is_reached(pci))
		pci_config_write(pci, at, size, value);
}

static void manage(u16 opcode, const u8 *in, u32 length)
{
	struct switch_cci *cci = (struct switch_cci *)fixture_find(&m, "cci0");
	u8 answer[64];
	u32 answered;

	cci_run(&cci->mbox.cci, opcode, in, length, answer, sizeof(answer), &answered);
}

static void bind_port(unsigned port)
{
	manage(0x5201, (u8[]){0, port + 1, port + 4, 0, 0xff, 0xff}, 6);
}

static void hold(unsigned port, unsigned what)
{
	manage(0x5102, (u8[]){port + 4, what}, 2);
}

/* A decoder, or all of them taken back. */
static void decode(struct cxl_component *comp, const struct pci_dev *pci, u64 base, u64 targets_or_skip)
{
	unsigned i = pick(comp->decoder_count);

	if (pci && !is_reached(pci))
		return;
	for (unsigned n = 0; n < comp->decoder_count && !pick(3); n++)
		component_set(comp, comp->hdm_at + n * HDM_STRIDE + HDM_CTRL, 0);
	program(comp, i, base, (1 + pick(2)) * Q, !pick(3), 0, targets_or_skip, pick(8) ? 0 : HDM_CTRL_LOCK_ON_COMMIT);
}

static void set_memory_up(void)
{
	struct cxl_bridge *hb = (struct cxl_bridge *)fixture_find(&m, "hb0");
	struct cxl_switch *us = (struct cxl_switch *)fixture_find(&m, "us0");
	u64 base = WINDOWS_BASE + pick(4) * Q;

	decode(&hb->fork.comp, NULL, base, pick(2) ? 0x0100 : 0x0001);
	decode(&us->fork.comp, &us->pci, base, pick(2) ? 0x0504 : 0x0405);
	for (struct cxl_type3 *dev = m.cxl->devices; dev; dev = dev->next) {
		u32 at = dev->dvsec_device;

		decode(&dev->comp, &dev->pci, base, pick(4) ? 0 : Q);
		host_write(&dev->pci, at + DVSEC_DEVICE_RANGE1_BASE_HI, 4, base >> 32);
		host_write(&dev->pci, at + DVSEC_DEVICE_RANGE1_BASE_LO, 4, (u32)base);
		if (is_reached(&dev->pci))
			component_set(&dev->comp, AT_HDM + HDM_GLOBAL_CTRL, pick(3) ? HDM_GLOBAL_ENABLE : 0);
		host_write(&dev->pci, at + DVSEC_DEVICE_CTRL, 2,
			   (pick(6) ? 6 : 2) | (pick(2) ? DVSEC_DEVICE_VIRAL : 0));
	}
}

static void set_bars_up(struct pci_dev *pci)
{
	host_write(pci, PCI_COMMAND, 2, pick(8));
	if (pci->bridge)
		host_write(pci, PCI_MEMORY_BASE, 4, 0x2ff01000);
	else
		host_write(pci, PCI_BAR0 + 8 * pick(2), 4, 0x10000000 + pick(64) * 0x10000);
	if (pci->msix.count)
		host_write(pci, pci->msix.cap + MSIX_CTRL, 2, MSIX_CTRL_ENABLE);
}

/* Links come up as far as the host and the fabric manager can make them. */
static bool heal(struct pci_dev *pci, void *unused)
{
	if (!pci->bridge)
		return true;
	host_write(pci, PCI_BRIDGE_CONTROL, 2, 0);
	if (!is_port(pci))
		return true;
	host_write(pci, pci->cap_pcie + EXP_LNKCTL, 2, 0);
	host_write(pci, pci->cap_pcie + EXP_SLTCTL, 2, EXP_SLTCTL_PIC_ON);
	if (pci->cap_dpc)
		host_write(pci, pci->cap_dpc + DPC_STATUS, 2, 0xffff);
	return true;
}

static void plug_or_pull(void)
{
	unsigned n = pick(ARRAY_SIZE(memory)), at = 0;
	struct pci_dev *port = (struct pci_dev *)fixture_find(&m, slots[n]);
	struct pci_dev *pci = port->bridge->secondary.slots[0];

	if (!pci) {
		fixture_add(&m, &cxl_type3_class, "%s", memory[n]);
		pci = port->bridge->secondary.slots[0];
		cxl_type3_class.reset(&pci->dev, RESET_COLD);
		pci_slot_plugged(pci);
		return;
	}
	while (m.devs[at] != &pci->dev)
		at++;
	dev_destroy(&pci->dev);
	memmove(&m.devs[at], &m.devs[at + 1], (--m.count - at) * sizeof(m.devs[0]));
	pci_slot_emptied(port);
}

static void disturb_device(struct cxl_type3 *dev)
{
	struct cxl_ras_error internal = {.type = "internal"};
	struct error err = {""};

	switch (pick(7)) {
	case 0:
		host_write(&dev->pci, dev->dvsec_device + DVSEC_DEVICE_CTRL2, 2, pick(2) ? 4 : 12);
		break; /* CXL Reset */
	case 1: host_write(&dev->pci, dev->pci.cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_FLR); break;
	case 2: host_write(&dev->pci, dev->dvsec_device + DVSEC_DEVICE_LOCK, 2, !pick(4)); break;
	case 3: poison_add(dev, pick(8) * 64, 64, POISON_INTERNAL); break;
	case 4: poison_clear(dev, pick(8) * 64, 64); break;
	case 5: host_write(&dev->pci, dev->pci.cap_pm + PM_CTRL, 2, pick(3) ? 0 : PM_CTRL_D3HOT); break;
	case 6:
		if (is_reached(&dev->pci))
			component_set(&dev->comp, AT_RAS + RAS_UNCORRECTABLE_MASK, 0);
		cxl_ras_uncorrectable(&dev->pci.dev, &internal, 1, &err);
	}
}

static void disturb_port(struct pci_dev *pci)
{
	switch (pick(7)) {
	case 0: host_write(pci, pci->cap_pcie + EXP_LNKCTL, 2, EXP_LNKCTL_DISABLE); break;
	case 1: host_write(pci, ((struct cxl_port *)pci)->dvsec + DVSEC_PORT_CTRL, 2, pick(4)); break;
	case 2: host_write(pci, pci->cap_pcie + EXP_SLTCTL, 2, EXP_SLTCTL_PIC_OFF | EXP_SLTCTL_POWER_OFF); break;
	case 3:
		if (pci->cap_dpc)
			host_write(pci, pci->cap_dpc + DPC_CTRL, 2, 1 + pick(2) + (pick(4) ? 0 : DPC_CTRL_SOFTWARE));
		break;
	case 4: host_write(pci, pci->cap_pm + PM_CTRL, 2, pick(3) ? 0 : PM_CTRL_D3HOT); break;
	case 5: host_write(pci, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_RESET); break;
	case 6:
		host_write(pci, pci->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
		if (is_reached(pci))
			pci_aer_report(pci, false, pick(2) ? BIT(18) : BIT(12), NULL); /* fatal, or not */
	}
}

static void step(void)
{
	struct pci_dev *pci;

	switch (pick(12)) {
	case 0:
	case 1:
	case 2: set_memory_up(); break;
	case 3: set_bars_up(any(NULL)); break;
	case 4: disturb_port(any(is_port)); break;
	case 5:
		pci = any(NULL);
		if (pci->dev.cls == &cxl_type3_class)
			disturb_device((struct cxl_type3 *)pci);
		break;
	case 6: host_write(any(is_bridge), PCI_BRIDGE_CONTROL, 2, pick(2) ? PCI_BRIDGE_RESET : 0); break;
	case 7: pci_host_each(m.pci, heal, NULL); break;
	case 8: plug_or_pull(); break;
	case 9:
		if (pick(2))
			bind_port(pick(3));
		else
			manage(0x5202, (u8[]){0, pick(3) + 1, pick(3)}, 3);
		break;
	case 10: hold(pick(3), pick(4) ? PORT_DEASSERT_PERST : pick(3)); break;
	case 11:
		if (pick(4))
			loop_time_advance(m.loop, BINDING_NS);
		else
			fixture_reset(&m, pick(2) ? RESET_WARM : RESET_COLD);
	}
}

static void whatever_happens_registers_map_and_links_agree(void **state)
{
	const char *wanted = getenv("CXLVM_ORDERS"), *from = getenv("CXLVM_ORDERS_FROM");
	u64 first = from ? strtoull(from, NULL, 0) : 1, count = wanted ? strtoull(wanted, NULL, 0) : 40;

	for (seed = first; seed < first + count; seed++) {
		random_state = seed;
		random_state = check_random(&random_state); /* apart from the other seeds' */
		build();
		for (step_number = 0; step_number < STEPS; step_number++) {
			step();
			check_map();
			pci_host_each(m.pci, check_function, NULL);
		}
		fixture_close(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happens_registers_map_and_links_agree),
	};

	return cmocka_run_group_tests_name("cxl/orders", tests, NULL, NULL);
}
