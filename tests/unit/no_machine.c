/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine that has nothing, for tests of the rooms that ask one: each function gives way to a test's own. */
#include "host/host.h"
#include "virtio/virtio.h"

#define UNLESS_DEFINED __attribute__((weak))

UNLESS_DEFINED struct drive *machine_take_drive(struct machine *machine, const char *id, struct dev *user,
						struct error *err)
{
	return NULL;
}

UNLESS_DEFINED enum on_error machine_disk_failed(struct machine *machine, struct drive *drive, bool write,
						 bool no_space)
{
	return ON_ERROR_REPORT;
}

UNLESS_DEFINED struct workers *machine_workers(struct machine *machine)
{
	return NULL;
}

UNLESS_DEFINED struct chardev *machine_chardev(struct machine *machine, const char *id)
{
	return NULL;
}

UNLESS_DEFINED struct folder *machine_folder(struct machine *machine, const char *id)
{
	return NULL;
}

UNLESS_DEFINED struct netdev *machine_netdev(struct machine *machine, const char *id)
{
	return NULL;
}

UNLESS_DEFINED unsigned machine_cpu_count(struct machine *machine)
{
	return 1;
}

UNLESS_DEFINED void machine_each_device(struct machine *machine, bool (*each)(struct dev *dev, void *arg), void *arg)
{
}

UNLESS_DEFINED void machine_balloon_changed(struct machine *machine)
{
}
