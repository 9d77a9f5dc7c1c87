/* SPDX-License-Identifier: BSD-2-Clause */
/* Every class there is: a reader can count them. */
#include "cxl/cxl.h"
#include "machine/machine.h"
#include "mem/backend.h"
#include "pci/pci.h"
#include "nvme/nvme.h"
#include "virtio/virtio.h"

const struct dev_class *const machine_classes[] = {
	&memory_backend_ram_class,
	&memory_backend_file_class,
	&memory_backend_memfd_class,
	&pxb_cxl_class,
	&pxb_pcie_class,
	&cxl_rp_class,
	&cxl_upstream_class,
	&cxl_downstream_class,
	&cxl_type3_class,
	&cxl_switch_cci_class,
	&pcie_root_port_class,
	&nvme_class,
	&virtio_blk_pci_class,
	&virtio_9p_pci_class,
	&virtio_net_pci_class,
	&virtio_rng_pci_class,
	&virtio_serial_pci_class,
	&virtconsole_class,
	NULL,
};
