/* SPDX-License-Identifier: BSD-2-Clause */
/* The door of smmu/: an SMMUv3 between the PCI functions and memory. */
#ifndef SMMU_SMMU_H
#define SMMU_SMMU_H

#include "base/line.h"
#include "base/loop.h"
#include "mem/mem.h"

#define SMMU_BYTES 0x20000 /* two pages of 64 KiB */

struct smmu;
struct smmu_config {
	struct loop *loop;
	struct space *space;
	u64 base;
	struct line eventq, priq, cmdq_sync, gerror; /* edges */
};
/* Becomes the translator of the space's requesters (space_set_iommu). */
struct smmu *smmu_create(const struct smmu_config *config);
void smmu_reset(struct smmu *smmu);
void smmu_destroy(struct smmu *smmu);

#endif
