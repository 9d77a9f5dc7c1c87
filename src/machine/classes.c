/* SPDX-License-Identifier: BSD-2-Clause */
/* Every class there is: a reader can count them. */
#include "cxl/cxl.h"
#include "machine/accepted.h"
#include "machine/machine.h"
#include "machine/numa.h"
#include "mem/backend.h"
#include "pci/pci.h"
#include "nvme/nvme.h"
#include "virtio/virtio.h"

const struct dev_class *const machine_classes[] = {
	&memory_backend_ram_class,
	&memory_backend_file_class,
	&memory_backend_memfd_class,
	&rng_random_class,
	&rng_builtin_class,
	&iothread_class,
	&acpi_generic_port_class,
	&acpi_generic_initiator_class,
	&pxb_cxl_class,
	&pxb_pcie_class,
	&cxl_rp_class,
	&cxl_upstream_class,
	&cxl_downstream_class,
	&cxl_type3_class,
	&cxl_switch_cci_class,
	&pcie_root_port_class,
	&pci_testdev_class,
	&nvme_class,
	&virtio_blk_pci_class,
	&virtio_9p_pci_class,
	&virtio_net_pci_class,
	&virtio_rng_pci_class,
	&virtio_serial_pci_class,
	&virtio_balloon_pci_class,
	&virtio_blk_device_class,
	&virtio_9p_device_class,
	&virtio_net_device_class,
	&virtio_rng_device_class,
	&virtio_serial_device_class,
	&virtio_balloon_device_class,
	&virtconsole_class,
	&virtserialport_class,
	NULL,
};
