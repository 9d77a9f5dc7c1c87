/* SPDX-License-Identifier: BSD-2-Clause */
/* Protocol errors from the RAS capability to the root port's registers. [CXL3.1 8.2.4.17, 12.2; PCIe5 6.2] */
#include "fixture.h"
#include "pci/pci_spec.h"

static struct machine m;
static struct pci_dev *root, *upstream, *downstream, *device;

#define MESSAGE_ADDRESS 0x8080000

static int open_fabric(void **state)
{
	fixture_open(&m);
	device = &fixture_switched_device(&m)->pci;
	root = (struct pci_dev *)fixture_find(&m, "rp0");
	upstream = (struct pci_dev *)fixture_find(&m, "us0");
	downstream = (struct pci_dev *)fixture_find(&m, "ds0");
	/* Bus numbers, and SERR# through the bridges. */
	struct pci_dev *ports[] = {root, upstream, downstream};

	for (unsigned n = 0; n < 3; n++) {
		pci_config_write(ports[n], PCI_PRIMARY_BUS, 1, 12 + n);
		pci_config_write(ports[n], PCI_SECONDARY_BUS, 1, 13 + n);
		pci_config_write(ports[n], PCI_SUBORDINATE_BUS, 1, 20);
		pci_config_write(ports[n], PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_SERR);
	}
	return 0;
}

static int close_fabric(void **state)
{
	fixture_close(&m);
	return 0;
}

static u32 aer(struct pci_dev *dev, u32 offset)
{
	return pci_config_read(dev, dev->cap_aer + offset, 4);
}

static struct cxl_component *component(struct pci_dev *dev)
{
	return dev == device   ? &((struct cxl_type3 *)dev)->comp :
	       dev == upstream ? &((struct cxl_switch *)dev)->fork.comp :
				 &((struct cxl_port *)dev)->comp;
}

/* As a driver does: RAS masks, AER masks and Device Control. */
static void listen(struct pci_dev *dev)
{
	component_set(component(dev), AT_RAS + RAS_UNCORRECTABLE_MASK, 0);
	component_set(component(dev), AT_RAS + RAS_CORRECTABLE_MASK, 0);
	pci_config_write(dev, dev->cap_aer + AER_UNCOR_MASK, 4, 0);
	pci_config_write(dev, dev->cap_aer + AER_COR_MASK, 4, 0);
	pci_config_write(dev, dev->cap_pcie + EXP_DEVCTL, 2, 0xf);
}

static void forget(struct pci_dev *dev)
{
	pci_config_write(dev, dev->cap_aer + AER_UNCOR_STATUS, 4, ~0u);
	pci_config_write(dev, dev->cap_aer + AER_COR_STATUS, 4, ~0u);
	pci_config_write(root, root->cap_aer + AER_ROOT_STATUS, 4, ~0u);
}

static void inject(struct pci_dev *dev, const char *type, u32 first)
{
	struct cxl_ras_error error = {.type = type, .header = {first, [15] = ~first}};

	assert_true(cxl_ras_uncorrectable(&dev->dev, &error, 1, &m.err));
}

static void errors_go_up_from_every_function(void **state)
{
	struct pci_dev *all[] = {root, upstream, downstream, device};

	for (unsigned n = 0; n < ARRAY_SIZE(all); n++) {
		struct pci_dev *dev = all[n];

		listen(dev);
		inject(dev, "mem-data-ecc", 0x1234);
		assert_int_equal(component_get(component(dev), AT_RAS + RAS_UNCORRECTABLE_STATUS), BIT(7));
		assert_int_equal(component_get(component(dev), AT_RAS + RAS_CAP_CTRL),
				 RAS_CTRL_MULTI_HEADER | RAS_CTRL_POISON_ENABLED | 7);
		component_set(component(dev), AT_RAS + RAS_CAP_CTRL, 0);
		assert_int_equal(component_get(component(dev), AT_RAS + RAS_CAP_CTRL) & RAS_CTRL_POISON_ENABLED,
				 dev == root ? 0 : RAS_CTRL_POISON_ENABLED); /* hardwired but in root ports */
		assert_int_equal(component_get(component(dev), AT_RAS + RAS_HEADER_LOG), 0x1234);
		assert_int_equal(component_get(component(dev), AT_RAS + RAS_HEADER_LOG + 60), ~0x1234u);
		assert_int_equal(aer(dev, AER_UNCOR_STATUS), PCI_AER_UNCORRECTABLE_INTERNAL);
		assert_int_equal(aer(root, AER_ROOT_STATUS) & 0x7f,
				 AER_ROOT_UNCOR | AER_ROOT_FIRST_FATAL | AER_ROOT_FATAL);
		assert_int_equal(aer(root, AER_ROOT_SOURCE) >> 16, pci_requester_id(dev));
		forget(dev);
		/* Non-fatal by AER's severity. */
		pci_config_write(dev, dev->cap_aer + AER_UNCOR_SEVERITY, 4, 0);
		inject(dev, "internal", 1);
		assert_int_equal(aer(root, AER_ROOT_STATUS) & 0x7f, AER_ROOT_UNCOR | AER_ROOT_NONFATAL);
		forget(dev);
		assert_true(cxl_ras_correctable(&dev->dev, "crc-threshold", &m.err));
		assert_int_equal(component_get(component(dev), AT_RAS + RAS_CORRECTABLE_STATUS), BIT(2));
		assert_int_equal(aer(dev, AER_COR_STATUS), PCI_AER_CORRECTABLE_INTERNAL);
		assert_int_equal(aer(root, AER_ROOT_STATUS) & 0x7f, AER_ROOT_COR);
		assert_int_equal(aer(root, AER_ROOT_SOURCE) & 0xffff, pci_requester_id(dev));
		forget(dev);
	}
}

static void masked_errors_are_not_recorded(void **state)
{
	struct cxl_component *comp = component(device);

	listen(device);
	component_set(comp, AT_RAS + RAS_UNCORRECTABLE_MASK, BIT(7));
	component_set(comp, AT_RAS + RAS_CORRECTABLE_MASK, BIT(2));
	inject(device, "mem-data-ecc", 5);
	assert_true(cxl_ras_correctable(&device->dev, "crc-threshold", &m.err));
	assert_int_equal(component_get(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS), 0);
	assert_int_equal(component_get(comp, AT_RAS + RAS_CORRECTABLE_STATUS), 0);
	assert_int_equal(component_get(comp, AT_RAS + RAS_HEADER_LOG), 0);
	assert_int_equal(aer(device, AER_UNCOR_STATUS) | aer(device, AER_COR_STATUS), 0);
	/* Masked in AER only: its status knows, the root port does not. */
	component_set(comp, AT_RAS + RAS_UNCORRECTABLE_MASK, 0);
	pci_config_write(device, device->cap_aer + AER_UNCOR_MASK, 4, PCI_AER_UNCORRECTABLE_INTERNAL);
	inject(device, "mem-data-ecc", 5);
	assert_int_equal(aer(device, AER_UNCOR_STATUS), PCI_AER_UNCORRECTABLE_INTERNAL);
	assert_int_equal(aer(root, AER_ROOT_STATUS) & 0x7f, 0);
	assert_int_equal(component_get(comp, AT_RAS + RAS_HEADER_LOG), 5);
}

static void headers_are_recorded_and_given_one_by_one(void **state)
{
	static const struct cxl_ras_error errors[] = {
		{"receiver-overflow", {1}}, {"cache-data-parity", {2}}, {"receiver-overflow", {3}}};
	struct cxl_component *comp = component(device);
	struct cxl_ras_facts facts;

	listen(device);
	assert_true(cxl_ras_uncorrectable(&device->dev, errors, ARRAY_SIZE(errors), &m.err));
	assert_int_equal(component_get(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS), BIT(11) | BIT(0));
	assert_int_equal(component_get(comp, AT_RAS + RAS_CAP_CTRL) & 0x3f, 11);
	assert_int_equal(component_get(comp, AT_RAS + RAS_HEADER_LOG), 1);
	component_set(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS, BIT(11));
	assert_int_equal(component_get(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS), BIT(11) | BIT(0));
	assert_int_equal(component_get(comp, AT_RAS + RAS_CAP_CTRL) & 0x3f, 0);
	assert_int_equal(component_get(comp, AT_RAS + RAS_HEADER_LOG), 2);
	component_set(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS, BIT(0));
	assert_int_equal(component_get(comp, AT_RAS + RAS_HEADER_LOG), 3);
	/* They survive what is no power cycle. */
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(component_get(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS), BIT(11));
	assert_int_equal(component_get(comp, AT_RAS + RAS_HEADER_LOG), 3);
	component_set(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS, ~0u);
	assert_int_equal(component_get(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS), 0);
	/* More than there is room for: the status bits stand all the same. */
	for (u32 n = 0; n < 3 * RAS_HEADERS_MAX; n++)
		inject(device, n % 2 ? "internal" : "poison-received", n);
	assert_true(cxl_ras_facts(&device->dev, &facts));
	assert_int_equal(facts.headers, RAS_HEADERS_MAX);
	assert_int_equal(facts.uncorrectable_status, BIT(10) | BIT(14));
	for (u32 n = 0; n < RAS_HEADERS_MAX; n++) {
		assert_int_equal(component_get(comp, AT_RAS + RAS_HEADER_LOG), n);
		component_set(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS, n % 2 ? BIT(14) : BIT(10));
	}
	assert_int_equal(component_get(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS), 0);
	fixture_reset(&m, RESET_COLD);
	assert_true(cxl_ras_facts(&device->dev, &facts));
	assert_int_equal(facts.headers, 0);
}

static void names_are_checked(void **state)
{
	struct cxl_ras_error error = {.type = "nix"};

	assert_false(cxl_ras_uncorrectable(&device->dev, &error, 1, &m.err));
	assert_false(cxl_ras_correctable(&device->dev, "cache-be-parity", &m.err));
	assert_false(cxl_ras_correctable(fixture_find(&m, "hb0"), "physical", &m.err));
	assert_ptr_equal(cxl_component_find(m.cxl, "/machine/peripheral/ds0"), &downstream->dev);
	assert_ptr_equal(cxl_component_find(m.cxl, "us0"), &upstream->dev);
	assert_ptr_equal(cxl_component_find(m.cxl, "mem0"), &device->dev);
	assert_null(cxl_component_find(m.cxl, "hb0"));
}

struct heard {
	unsigned events, errors;
	u8 record[CXL_RECORD_BYTES], ras[CXL_RAS_BYTES];
	bool correctable, refuses;
	struct dev *dev;
};

static bool hear_event(void *opaque, struct dev *dev, unsigned log, const u8 *record)
{
	struct heard *h = opaque;

	if (h->refuses)
		return false;
	h->events++;
	h->dev = dev;
	memcpy(h->record, record, sizeof(h->record));
	return true;
}

static void hear_error(void *opaque, struct dev *dev, bool is_correctable, const u8 *ras)
{
	struct heard *h = opaque;

	h->errors++;
	h->dev = dev;
	h->correctable = is_correctable;
	memcpy(h->ras, ras, sizeof(h->ras));
}

/* Errors and records go to firmware, which opened the masks and clears what it has read; AER hears nothing. */
static void firmware_hears_first(void **state)
{
	struct heard h = {0};
	const struct cxl_firmware firmware = {hear_event, hear_error, &h};
	struct cxl_type3 *dev = (struct cxl_type3 *)device;
	struct cxl_ras_error error = {.type = "mem-data-ecc", .header = {7, 8}};
	struct cxl_ras_facts facts;
	u8 record[CXL_RECORD_BYTES] = {1};

	m.cxl->config.firmware = &firmware;
	fixture_reset(&m, RESET_COLD);
	assert_true(cxl_ras_uncorrectable(&device->dev, &error, 1, &m.err));
	assert_true(h.errors == 1 && !h.correctable && h.dev == &device->dev);
	assert_int_equal(load_le(h.ras + RAS_UNCORRECTABLE_STATUS, 4), 1 << 7);
	assert_int_equal(load_le(h.ras + RAS_HEADER_LOG + 4, 4), 8);
	assert_true(cxl_ras_facts(&device->dev, &facts));
	assert_true(!facts.uncorrectable_status && !facts.headers);
	assert_true(cxl_ras_correctable(&root->dev, "physical", &m.err));
	assert_true(h.errors == 2 && h.correctable && h.dev == &root->dev);
	assert_int_equal(load_le(h.ras + RAS_CORRECTABLE_STATUS, 4), 1 << 6);
	assert_int_equal(aer(device, AER_UNCOR_STATUS), 0);
	assert_int_equal(aer(root, AER_COR_STATUS), 0);
	assert_int_equal(aer(root, AER_ROOT_STATUS), 0);

	cxl_event_inject(&device->dev, 1, record);
	assert_true(h.events == 1 && h.record[0] == 1 && h.record[16] == 128);
	assert_int_equal(dev->events[1].count, 0);
	h.refuses = true; /* no room: it stays where the host can read it */
	cxl_event_inject(&device->dev, 1, record);
	assert_int_equal(dev->events[1].count, 1);
	h.refuses = false;
	dev->events[0].policy = EVENT_IRQ_MSI; /* not firmware's any more */
	cxl_event_inject(&device->dev, 0, record);
	assert_true(h.events == 1 && dev->events[0].count == 1);
	m.cxl->config.firmware = NULL;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_fabric, close_fabric)
	const struct CMUnitTest tests[] = {
		T(errors_go_up_from_every_function),
		T(masked_errors_are_not_recorded),
		T(headers_are_recorded_and_given_one_by_one),
		T(names_are_checked),
		T(firmware_hears_first),
	};

	return cmocka_run_group_tests_name("cxl/ras", tests, NULL, NULL);
}
