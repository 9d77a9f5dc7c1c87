/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a device remembers over the end of the process besides media and labels: how its capacity is partitioned, where
 * that may be, its dirty shutdowns, a Sanitize that has not ended, and hashes of its passphrases.
 * [CXL3.1 8.2.9.9.2.2, 8.2.9.9.3.4] A small text file beside that of the label storage area, LSA.state, made when there
 * is something to remember and replaced as a whole. A device whose labels are in no shared file remembers nothing; nor
 * one whose file has no name, as that of a directory.
 *
 * A Set LSA is whole or not at all, too: it stands in LSA.pending before it is copied, and what a killed process left
 * there, or one whose host could not write the labels back, is copied at the next power-on.
 *
 * Dirty is what software said by Set Shutdown State, until a reset or the end of the process. A machine reset and an
 * end in order stand for a shutdown with GPF, where the device saves everything. A process that was killed leaves
 * "dirty" behind, and the next one counts it. Machine lock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"
#include "host/host.h"

#define ULL(v) ((unsigned long long)(v))
#define STATE_BYTES_MAX 4096
static const char first_line[] = "cxlvm device state 1\n", sanitizing_line[] = "sanitizing\n";

static bool side_path(const struct cxl_type3 *dev, const char *what, char path[4096])
{
	const struct backend *lsa = dev->lsa;
	struct stat st;

	return lsa && lsa->path && lsa->share && !lsa->readonly && !stat(lsa->path, &st) && S_ISREG(st.st_mode) &&
	       snprintf(path, 4096, "%s.%s", lsa->path, what) < 4096;
}

/* --- labels: a line, offset, length, bytes --- */

static const char pending_line[] = "cxlvm label write 1\n";
#define PENDING_HEADER (sizeof(pending_line) - 1 + 16)

static bool pending_read(const struct cxl_type3 *dev, const char *path, u8 **data, u64 *offset, u64 *length,
			 struct error *err)
{
	u64 size;

	if (!file_read_all(path, PENDING_HEADER + MAILBOX_PAYLOAD_BYTES_MAX, data, &size, err))
		return false;
	if (size >= PENDING_HEADER && !memcmp(*data, pending_line, sizeof(pending_line) - 1)) {
		*offset = load_le(*data + sizeof(pending_line) - 1, 8);
		*length = load_le(*data + sizeof(pending_line) + 7, 8);
		if (*length == size - PENDING_HEADER && range_ok(*offset, *length, dev->lsa->size))
			return true;
	}
	free(*data);
	*data = NULL;
	return fail(err, "%s: %s is no label write of this device; remove it and the labels stay as they are",
		    dev->name, path);
}

static bool label_copy(struct cxl_type3 *dev, u64 offset, const u8 *data, u64 length)
{
	for (u64 at = align_down(offset, 2 * MiB); at < offset + length; at += 2 * MiB)
		backend_ready(dev->lsa, at);
	memcpy(dev->lsa->host + offset, data, length);
	return backend_flush(dev->lsa, offset, length);
}

void keep_label(struct cxl_type3 *dev, u64 offset, const u8 *data, u64 length)
{
	char path[4096];
	struct error err = {""};
	u8 *pending;

	if (!side_path(dev, "pending", path) || !(pending = malloc(PENDING_HEADER + length))) {
		label_copy(dev, offset, data, length);
		return;
	}
	memcpy(pending, pending_line, sizeof(pending_line) - 1);
	store_le(pending + sizeof(pending_line) - 1, 8, offset);
	store_le(pending + sizeof(pending_line) + 7, 8, length);
	memcpy(pending + PENDING_HEADER, data, length);
	if (!file_replace(path, pending, PENDING_HEADER + length, &err))
		notice("%s: %s", dev->name, err.text);
	free(pending);
	if (label_copy(dev, offset, data, length))
		unlink(path);
}

static void label_finish(struct cxl_type3 *dev)
{
	struct error err = {""};
	char path[4096];
	u64 offset, length;
	u8 *data;

	if (!side_path(dev, "pending", path) || access(path, F_OK) ||
	    !pending_read(dev, path, &data, &offset, &length, &err))
		return;
	if (label_copy(dev, offset, data + PENDING_HEADER, length))
		unlink(path);
	free(data);
}

/* --- state --- */

static void store(struct cxl_type3 *dev, bool dirty)
{
	char path[4096], text[512], partition[32] = "";
	const struct security *s = &dev->security;
	struct error err = {""};
	int length;

	if (!side_path(dev, "state", path))
		return;
	/* Else the backends say it, and may be others next time. */
	if (dev->partition_align)
		snprintf(partition, sizeof(partition), "volatile %llu\n", ULL(dev->next_volatile_bytes));
	length = snprintf(text, sizeof(text), "%sshutdown %s\ndirty-shutdowns %u\n%s%s%s%s%s%s%s%s", first_line,
			  dirty ? "dirty" : "clean", dev->dirty_shutdowns, partition,
			  dev->sanitizing ? sanitizing_line : "", s->user[0] ? "user " : "", s->user,
			  s->user[0] ? "\n" : "", s->master[0] ? "master " : "", s->master, s->master[0] ? "\n" : "");
	if (!file_replace(path, text, (size_t)length, &err))
		notice("%s: %s", dev->name, err.text);
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
	label_finish(dev);
}

void keep_saved(struct cxl_type3 *dev)
{
	if (dev->shutdown_state)
		store(dev, false);
}

/* A line NAME and hash that may be there; *at moves behind it. */
static void take_hash(const char **at, const char *name, char hash[PASSPHRASE_HASH_MAX])
{
	size_t skip = strlen(name), length;

	if (strncmp(*at, name, skip))
		return;
	length = strcspn(*at + skip, "\n");
	if (!length || length >= PASSPHRASE_HASH_MAX || (*at)[skip + length] != '\n')
		return;
	memcpy(hash, *at + skip, length);
	hash[length] = 0;
	*at += skip + length + 1;
}

bool keep_load(struct cxl_type3 *dev, struct error *err)
{
	char path[4096], word[8], user[PASSPHRASE_HASH_MAX] = "", master[PASSPHRASE_HASH_MAX] = "";
	const char *at;
	unsigned count;
	unsigned long long bytes = dev->volatile_bytes;
	u64 size;
	u8 *data;
	int end = 0;
	bool whole, is_sanitizing = false;

	dev->next_volatile_bytes = dev->volatile_bytes;
	if (side_path(dev, "pending", path) && !access(path, F_OK)) {
		u64 offset, length;

		if (!pending_read(dev, path, &data, &offset, &length, err))
			return false;
		free(data);
	}
	if (!side_path(dev, "state", path) || access(path, F_OK))
		return true;
	if (!file_read_all(path, STATE_BYTES_MAX, &data, &size, err))
		return fail_context(err, "%s", dev->name);
	whole = size >= sizeof(first_line) - 1 && !memcmp(data, first_line, sizeof(first_line) - 1) &&
		data[size] == 0 &&
		sscanf((char *)data + sizeof(first_line) - 1, "shutdown %7s\ndirty-shutdowns %u\n%n", word, &count,
		       &end) == 2 &&
		end && (!strcmp(word, "dirty") || !strcmp(word, "clean"));
	if (whole) {
		at = (char *)data + sizeof(first_line) - 1 + end;
		end = 0;
		at += sscanf(at, "volatile %llu\n%n", &bytes, &end) == 1 ? end : 0;
		is_sanitizing = !strncmp(at, sanitizing_line, sizeof(sanitizing_line) - 1);
		at += is_sanitizing ? sizeof(sanitizing_line) - 1 : 0;
		take_hash(&at, "user ", user);
		take_hash(&at, "master ", master);
		whole = at == (char *)data + size && security_restore(dev, user, master);
	}
	free(data);
	if (!whole)
		return fail(err, "%s: %s is no device state; remove it and the device begins with none", dev->name,
			    path);
	if (bytes != dev->volatile_bytes && (!dev->partition_align || bytes % dev->partition_align ||
					     bytes > dev->volatile_bytes + dev->persistent_bytes))
		return fail(
			err,
			"%s: %s has volatile capacity of %llu bytes, which this device cannot have; give it the backends and the "
			"partition-align= it had, or remove the file",
			dev->name, path, bytes);
	dev->dirty_shutdowns = count;
	dev->sanitizing = is_sanitizing;
	dev->persistent_bytes += dev->volatile_bytes - bytes;
	dev->volatile_bytes = dev->next_volatile_bytes = bytes;
	if (!strcmp(word, "dirty")) {
		dev->dirty_shutdowns++; /* wraps [CXL3.1 8.2.9.9.3.1] */
		trace(CXL, "%s: the last shutdown was dirty", dev->name);
		dev->is_counted = true;
	}
	return true;
}
