/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks in short: -hda to -hdd, -cdrom, -pflash, -snapshot, each as the -drive that it stands for; and what QMP says of
 * disks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "control/qmp.h"
#include "host/host.h"

/* file=FILE with its commas doubled, and more keys. */
static bool drive_in_short(struct settings *s, const char *file, const char *keys, struct error *err)
{
	char *text = malloc(2 * strlen(file) + strlen(keys) + 8), *to = text;

	assert(text);
	to += sprintf(to, "file=");
	for (; *file; file++) {
		if (*file == ',')
			*to++ = ',';
		*to++ = *file;
	}
	sprintf(to, ",%s", keys);
	if (s->drives.count == LISTED_MAX) {
		free(text);
		return fail(err, "more than %d drives; leave some out", LISTED_MAX);
	}
	s->drives.text[s->drives.count++] = text; /* for as long as we run */
	return true;
}

#define IN_SHORT(name, keys)                                                                                           \
	bool option_##name(struct settings *s, const char *a, struct error *err)                                       \
	{                                                                                                              \
		return drive_in_short(s, a, keys, err);                                                                \
	}
/* clang-format off */
IN_SHORT(hda, "index=0,media=disk")
IN_SHORT(hdb, "index=1,media=disk")
IN_SHORT(hdc, "index=2,media=disk")
IN_SHORT(hdd, "index=3,media=disk")
IN_SHORT(cdrom, "index=2,media=cdrom,format=raw")
/* clang-format on */

/* The next bank. */
bool option_pflash(struct settings *s, const char *a, struct error *err)
{
	size_t length = strlen(a);
	bool by_name = length > 6 && !strcmp(a + length - 6, ".qcow2");

	return drive_in_short(s, a, by_name ? "if=pflash" : "if=pflash,format=raw", err);
}

bool option_snapshot(struct settings *s, const char *a, struct error *err)
{
	s->config.snapshot = true;
	return true;
}

/* --- QMP --- */

static struct json_object *image_info(const struct block *block)
{
	struct json_object *image = json_object_new_object();

	qmp_put_string(image, "filename", block_path(block));
	qmp_put_string(image, "format", block_format_name(block));
	qmp_put_u64(image, "virtual-size", block_size(block));
	if (block_backing(block)) {
		qmp_put_string(image, "backing-filename", block_path(block_backing(block)));
		qmp_put(image, "backing-image", image_info(block_backing(block)));
	}
	return image;
}

/* Nothing is throttled here: clients of QMP expect the limits all the same, 0 for none. */
static void put_limits(struct json_object *info)
{
	static const char *const limits[] = {"bps",     "bps_rd",  "bps_wr",         "iops",
					     "iops_rd", "iops_wr", "write_threshold"};

	for (unsigned n = 0; n < ARRAY_SIZE(limits); n++)
		qmp_put_u64(info, limits[n], 0);
}

#define NODE_BYTES 512

/* What has no name of its own is called by what it belongs to. '#' cannot stand in ids. */
static void node_name(char name[NODE_BYTES], const char *given, const char *owner, const char *part)
{
	if (given)
		snprintf(name, NODE_BYTES, "%s", given);
	else
		snprintf(name, NODE_BYTES, "%s%.400s.%s", *owner == '#' ? "" : "#", owner, part);
}

static void put_child(struct json_object *children, const char *child, const char *name)
{
	struct json_object *entry = json_object_new_object();

	qmp_put_string(entry, "child", child);
	qmp_put_string(entry, "node-name", name);
	json_object_array_add(children, entry);
}

/* What the nodes of a drive have in common. */
static struct json_object *node_info(const struct drive *drive, const char *name, const char *driver, const char *path,
				     bool readonly)
{
	struct json_object *info = json_object_new_object(), *cache = json_object_new_object();

	qmp_put_string(info, "file", path);
	qmp_put_string(info, "node-name", name);
	qmp_put_bool(info, "ro", readonly);
	qmp_put_string(info, "drv", driver);
	qmp_put_bool(info, "encrypted", false);
	qmp_put_bool(cache, "writeback", !drive->write_through);
	qmp_put_bool(cache, "direct", false);
	qmp_put_bool(cache, "no-flush", drive->no_flush);
	qmp_put(info, "cache", cache);
	qmp_put_bool(info, "active", true);
	qmp_put_string(info, "detect_zeroes", "off");
	put_limits(info);
	return info;
}

/* A node of driver raw or qcow2: the drive's own, or one behind it. */
static struct json_object *format_node(const struct drive *drive, const struct block *block, const char *name)
{
	struct json_object *info =
		node_info(drive, name, block_format_name(block), block_path(block), block_is_readonly(block));
	struct json_object *children = json_object_new_array();
	bool is_own = block == drive->block;
	char child[NODE_BYTES];
	u64 depth = 0;

	for (const struct block *b = block_backing(block); b; b = block_backing(b))
		depth++;
	qmp_put_u64(info, "backing_file_depth", depth);
	if (depth) {
		qmp_put_string(info, "backing_file", block_path(block_backing(block)));
		node_name(child, is_own ? drive->backing : NULL, name, "backing");
		put_child(children, "backing", child);
	}
	node_name(child, is_own ? drive->below : NULL, name, "file");
	put_child(children, "file", child);
	qmp_put(info, "image", image_info(block));
	qmp_put(info, "children", children);
	return info;
}

/* The node of driver `file` that an image is in. `block`: the image, or NULL if nobody has opened the file. */
static struct json_object *file_node(const struct drive *drive, const struct block *block, const char *name)
{
	const char *path = block ? block_path(block) : drive->file;
	struct json_object *info =
		node_info(drive, name, "file", path, block ? block_is_readonly(block) : drive->readonly);
	struct json_object *image = json_object_new_object();

	qmp_put_string(image, "filename", path);
	qmp_put_string(image, "format", "file");
	qmp_put_u64(image, "virtual-size", align_up(block ? block_file_size(block) : file_size_of(path), 512));
	qmp_put_u64(info, "backing_file_depth", 0);
	qmp_put(info, "image", image);
	qmp_put(info, "children", json_object_new_array());
	return info;
}

static struct json_object *own_node(const struct drive *drive)
{
	return drive->is_lazy ? file_node(drive, drive->block, drive->id) : format_node(drive, drive->block, drive->id);
}

/* A format's node, the file below it, and what is behind it, as far as those are no rows of their own. */
static void add_nodes(struct json_object *list, const struct drive *drive)
{
	char name[NODE_BYTES], below[NODE_BYTES];

	json_object_array_add(list, own_node(drive));
	if (drive->is_lazy)
		return;
	snprintf(name, sizeof(name), "%s", drive->id);
	for (const struct block *block = drive->block; block; block = block_backing(block)) {
		bool is_own = block == drive->block;

		if (!is_own) {
			node_name(below, NULL, name, "backing");
			memcpy(name, below, sizeof(name));
			json_object_array_add(list, format_node(drive, block, name));
		}
		if (!is_own || !drive->below) {
			node_name(below, NULL, name, "file");
			json_object_array_add(list, file_node(drive, block, below));
		}
		if (is_own && drive->backing)
			break;
	}
}

bool qmp_query_block(struct qmp_call *call, struct error *err)
{
	static const char *const words[] = {[DISK_OK] = "ok", [DISK_FAILED] = "failed", [DISK_FULL] = "nospace"};
	const struct drive *drive;

	call->result = json_object_new_array();
	for (unsigned n = 0; (drive = machine_drive(call->machine, n)); n++) {
		struct json_object *info;

		if (!drive->block || (drive->is_node && !drive->user))
			continue;
		info = json_object_new_object();
		qmp_put_string(info, "device", drive->is_node ? "" : drive->id);
		if (drive->user)
			qmp_put_string(info, "qdev", dev_name(drive->user));
		qmp_put_string(info, "type", "unknown");
		qmp_put_bool(info, "removable", false);
		qmp_put_bool(info, "locked", false);
		qmp_put_string(info, "io-status", words[drive->status]);
		qmp_put(info, "inserted", own_node(drive));
		json_object_array_add(call->result, info);
	}
	return true;
}

bool qmp_query_block_nodes(struct qmp_call *call, struct error *err)
{
	const struct drive *drive;

	call->result = json_object_new_array();
	for (unsigned n = 0; (drive = machine_drive(call->machine, n)); n++)
		if (drive->block || drive->is_lazy)
			add_nodes(call->result, drive);
	return true;
}

bool qmp_blockdev_add(struct qmp_call *call, struct error *err)
{
	struct opts opts;
	bool ok = option_from_json(&opts, call->arguments, err) && machine_add_blockdev(call->machine, &opts, err);

	opts_free(&opts);
	return ok;
}

bool qmp_blockdev_del(struct qmp_call *call, struct error *err)
{
	return machine_del_blockdev(call->machine, qmp_string(call, "node-name"), err);
}
