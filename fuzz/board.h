/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole machine for the targets that need one: CXL, disks, network, two vCPUs, made from options and never run. The
 * working folder is a fresh one. */
#ifndef FUZZ_BOARD_H
#define FUZZ_BOARD_H

#include <unistd.h>

#include "../tests/unit/machine/board.h"
#include "fuzz.h"

static inline struct machine *fuzz_board(void)
{
	static const char *const objects[] = {"memory-backend-ram,id=v0,size=256M",
					      "memory-backend-ram,id=v1,size=256M",
					      "memory-backend-ram,id=d0,size=512M", "memory-backend-ram,id=l0,size=4K",
					      "memory-backend-ram,id=l1,size=4K"};
	static const char *const devices[] = {
		"virtio-rng-pci,id=rng0",
		"virtio-serial-pci,id=vs0",
		"pcie-root-port,id=port0",
		"pxb-cxl,bus_nr=128,id=cxl.1",
		"cxl-rp,bus=cxl.1,id=rp0,slot=10",
		"cxl-rp,bus=cxl.1,id=rp1,slot=11",
		"cxl-rp,bus=cxl.1,id=rp2,slot=13",
		"cxl-type3,bus=rp0,volatile-memdev=v0,volatile-dc-memdev=d0,num-dc-regions=2,lsa=l0,id=mem0",
		"cxl-upstream,bus=rp1,id=us0,multifunction=on,addr=0.0",
		"cxl-switch-mailbox-cci,bus=rp1,addr=0.1,target=us0,id=cci0",
		"cxl-downstream,bus=us0,id=ds0,slot=12",
		"cxl-type3,bus=ds0,persistent-memdev=v1,lsa=l1,id=mem1"};
	static char folder[] = "/tmp/cxlvm-fuzz-XXXXXX";
	struct machine_config config = board_config();
	struct machine *m;

	config.cpu_count = 2;
	config.cxl = 1;
	if (!mkdtemp(folder) || chdir(folder))
		abort();
	m = board_create(&config);
	for (unsigned n = 0; n < ARRAY_SIZE(objects); n++)
		board_add(m, true, objects[n]);
	for (unsigned n = 0; n < ARRAY_SIZE(devices); n++)
		board_add(m, false, devices[n]);
	board_settle(m);
	loop_lock(machine_loop(m));
	return m;
}

#endif
