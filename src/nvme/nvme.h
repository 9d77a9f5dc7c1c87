/* SPDX-License-Identifier: BSD-2-Clause */
/* The door of nvme/: an NVM Express controller. [NVME1.4] */
#ifndef NVME_NVME_H
#define NVME_NVME_H

#include "host/host.h"
#include "obj/dev.h"

extern const struct dev_class nvme_class;

#endif
