/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a device remembers over the end of the process besides media and labels: how its capacity is partitioned, and its dirty
 * shutdowns. [CXL3.1 8.2.9.9.2.2, 8.2.9.9.3.4] A small text file beside that of the label storage area, LSA.state, made when there is
 * something to remember and replaced as a whole. A device whose labels are in no shared file remembers nothing.
 *
 * Dirty is what software said by Set Shutdown State, until the process ends in order: that stands for a shutdown with GPF, where the
 * device saves everything. A process that was killed leaves "dirty" behind, and the next one counts it. Machine lock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"
#include "host/host.h"

#define ULL(v) ((unsigned long long)(v))
#define STATE_BYTES_MAX 4096
static const char first_line[] = "cxlvm device state 1\n";

static bool state_path(const struct cxl_type3 *dev, char path[4096])
{
	const struct backend *lsa = dev->lsa;

	return lsa && lsa->path && lsa->share && !lsa->readonly && snprintf(path, 4096, "%s.state", lsa->path) < 4096;
}

static void store(struct cxl_type3 *dev, bool dirty)
{
	char path[4096], text[256];
	struct error err = {""};
	int length;

	if (!state_path(dev, path))
		return;
	length = snprintf(text, sizeof(text), "%sshutdown %s\ndirty-shutdowns %u\nvolatile %llu\n", first_line, dirty ? "dirty" : "clean",
			  dev->dirty_shutdowns, ULL(dev->next_volatile_bytes));
	if (!file_replace(path, text, (size_t)length, &err))
		fprintf(stderr, "cxlvm: %s: %s\n", dev->name, err.text);
}

void keep_store(struct cxl_type3 *dev)
{
	store(dev, dev->shutdown_state);
}

/* Not before power is on: a fabric that is only drawn leaves the file alone. */
void keep_power_on(struct cxl_type3 *dev)
{
	if (dev->is_counted)
		store(dev, false);
	dev->is_counted = false;
}

void keep_saved(struct cxl_type3 *dev)
{
	if (dev->shutdown_state)
		store(dev, false);
}

bool keep_load(struct cxl_type3 *dev, struct error *err)
{
	char path[4096], word[8];
	unsigned count;
	unsigned long long bytes;
	u64 size;
	u8 *data;
	int end = 0;
	bool whole;

	dev->next_volatile_bytes = dev->volatile_bytes;
	if (!state_path(dev, path) || access(path, F_OK))
		return true;
	if (!file_read_all(path, STATE_BYTES_MAX, &data, &size, err))
		return fail_context(err, "%s", dev->name);
	whole = size >= sizeof(first_line) - 1 && !memcmp(data, first_line, sizeof(first_line) - 1) && data[size] == 0 &&
		sscanf((char *)data + sizeof(first_line) - 1, "shutdown %7s\ndirty-shutdowns %u\nvolatile %llu\n%n", word, &count, &bytes, &end) == 3 &&
		sizeof(first_line) - 1 + (size_t)end == size && (!strcmp(word, "dirty") || !strcmp(word, "clean"));
	free(data);
	if (!whole)
		return fail(err, "%s: %s is no device state; remove it and the device begins with none", dev->name, path);
	if (bytes != dev->volatile_bytes && (!dev->partition_align || bytes % dev->partition_align ||
					     bytes > dev->volatile_bytes + dev->persistent_bytes))
		return fail(err, "%s: %s has volatile capacity of %llu bytes, which this device cannot have; give it the backends and the "
			    "partition-align= it had, or remove the file", dev->name, path, bytes);
	dev->dirty_shutdowns = count;
	dev->persistent_bytes += dev->volatile_bytes - bytes;
	dev->volatile_bytes = dev->next_volatile_bytes = bytes;
	if (!strcmp(word, "dirty")) {
		dev->dirty_shutdowns += dev->dirty_shutdowns < UINT32_MAX;
		trace(CXL, "%s: the last shutdown was dirty", dev->name);
		dev->is_counted = true;
	}
	return true;
}
