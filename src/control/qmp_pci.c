/* SPDX-License-Identifier: BSD-2-Clause */
/* QMP: the PCI hierarchy as software has set it up now. [PCIe5 7.5.1] */
#include <string.h>

#include "control/qmp.h"
#include "pci/pci.h"
#include "pci/pci_spec.h"

static struct json_object *range(u64 base, u64 limit)
{
	struct json_object *r = json_object_new_object();

	qmp_put_u64(r, "base", base);
	qmp_put_u64(r, "limit", limit);
	return r;
}

static u64 get(const struct pci_dev *dev, u32 offset, unsigned size)
{
	return regs_get(&dev->config, offset, size);
}

static struct json_object *bus_list(struct pci_bus *bus, u8 number);

static struct json_object *bridge_info(struct pci_dev *dev)
{
	struct json_object *info = json_object_new_object(), *bus = json_object_new_object();
	u8 secondary = get(dev, PCI_SECONDARY_BUS, 1);

	qmp_put_u64(bus, "number", get(dev, PCI_PRIMARY_BUS, 1));
	qmp_put_u64(bus, "secondary", secondary);
	qmp_put_u64(bus, "subordinate", get(dev, PCI_SUBORDINATE_BUS, 1));
	qmp_put(bus, "io_range",
		range((get(dev, PCI_IO_BASE, 1) & 0xf0) << 8, (get(dev, PCI_IO_LIMIT, 1) & 0xf0) << 8 | 0xfff));
	qmp_put(bus, "memory_range",
		range((get(dev, PCI_MEMORY_BASE, 2) & 0xfff0) << 16,
		      (get(dev, PCI_MEMORY_LIMIT, 2) & 0xfff0) << 16 | 0xfffff));
	qmp_put(bus, "prefetchable_range",
		range((get(dev, PCI_PREFETCH_BASE, 2) & 0xfff0) << 16 | get(dev, PCI_PREFETCH_BASE_HI, 4) << 32,
		      (get(dev, PCI_PREFETCH_LIMIT, 2) & 0xfff0) << 16 | 0xfffff |
			      get(dev, PCI_PREFETCH_LIMIT_HI, 4) << 32));
	qmp_put(info, "bus", bus);
	if (secondary)
		qmp_put(info, "devices", bus_list(&dev->bridge->secondary, secondary));
	return info;
}

static struct json_object *bars(struct pci_dev *dev)
{
	struct json_object *list = json_object_new_array();

	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *bar = &dev->bars[n];
		struct json_object *region;
		u64 address;

		if (!bar->size)
			continue;
		address = pci_bar_address(dev, n);
		region = json_object_new_object();
		qmp_put_u64(region, "bar", n);
		qmp_put_string(region, "type", bar->io ? "io" : "memory");
		qmp_put(region, "address",
			address == UINT64_MAX ? json_object_new_int64(-1) : json_object_new_uint64(address));
		qmp_put_u64(region, "size", bar->size);
		if (!bar->io) {
			qmp_put_bool(region, "prefetch", bar->prefetch);
			qmp_put_bool(region, "mem_type_64", bar->is_64);
		}
		json_object_array_add(list, region);
	}
	return list;
}

const char *pci_class_words(u16 class_code)
{
	static const struct {
		u16 code;
		const char *words;
	} table[] = {{0x0100, "SCSI controller"},
		     {0x0180, "Storage controller"},
		     {0x0200, "Ethernet controller"},
		     {0x0502, "CXL"},
		     {0x0600, "Host bridge"},
		     {0x0604, "PCI bridge"},
		     {0x0780, "Communication controller"},
		     {0x00ff, "Unclassified device"}};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == class_code)
			return table[i].words;
	return NULL;
}

static struct json_object *device_info(struct pci_dev *dev, u8 bus)
{
	struct json_object *info = json_object_new_object(), *class = json_object_new_object(),
			   *id = json_object_new_object();
	u16 code = get(dev, PCI_CLASS + 1, 2);

	if (pci_class_words(code))
		qmp_put_string(class, "desc", pci_class_words(code));
	qmp_put_u64(class, "class", code);
	qmp_put_u64(id, "device", get(dev, PCI_DEVICE_ID, 2));
	qmp_put_u64(id, "vendor", get(dev, PCI_VENDOR_ID, 2));
	if (!dev->bridge) {
		qmp_put_u64(id, "subsystem", get(dev, PCI_SUBSYSTEM, 2));
		qmp_put_u64(id, "subsystem-vendor", get(dev, PCI_SUBSYSTEM_VENDOR, 2));
	}
	qmp_put_u64(info, "bus", bus);
	qmp_put_u64(info, "slot", dev->devfn >> 3);
	qmp_put_u64(info, "function", dev->devfn & 7);
	qmp_put(info, "class_info", class);
	qmp_put(info, "id", id);
	if (get(dev, PCI_INTERRUPT_PIN, 1))
		qmp_put_u64(info, "irq", get(dev, PCI_INTERRUPT_LINE, 1));
	qmp_put_u64(info, "irq_pin", get(dev, PCI_INTERRUPT_PIN, 1));
	qmp_put_string(info, "qdev_id", dev->dev.id ? dev->dev.id : "");
	if (dev->bridge)
		qmp_put(info, "pci_bridge", bridge_info(dev));
	qmp_put(info, "regions", bars(dev));
	return info;
}

static struct json_object *bus_list(struct pci_bus *bus, u8 number)
{
	struct json_object *list = json_object_new_array();

	for (unsigned n = 0; n < 256; n++)
		if (bus->slots[n] && bus->slots[n]->config.store)
			json_object_array_add(list, device_info(bus->slots[n], number));
	return list;
}

bool qmp_query_pci(struct qmp_call *call, struct error *err)
{
	call->result = json_object_new_array();
	for (struct pci_root *root = pci_host_root(machine_pci_host(call->machine)); root; root = root->next) {
		struct json_object *info = json_object_new_object();

		qmp_put_u64(info, "bus", root->base);
		qmp_put(info, "devices", bus_list(&root->bus, root->base));
		json_object_array_add(call->result, info);
	}
	return true;
}
