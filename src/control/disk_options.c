/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks in short: -hda to -hdd, -cdrom, -snapshot, each as the -drive that it stands for; and what QMP says of disks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static struct json_object *device_info(const struct drive *drive)
{
	struct json_object *info = json_object_new_object(), *cache = json_object_new_object();
	const struct block *block = drive->block;
	u64 depth = 0;

	for (const struct block *b = block_backing(block); b; b = block_backing(b))
		depth++;
	qmp_put_string(info, "file", block_path(block));
	qmp_put_string(info, "node-name", drive->id);
	qmp_put_bool(info, "ro", block_is_readonly(block));
	qmp_put_string(info, "drv", block_format_name(block));
	qmp_put_bool(info, "encrypted", false);
	qmp_put_u64(info, "backing_file_depth", depth);
	if (depth)
		qmp_put_string(info, "backing_file", block_path(block_backing(block)));
	qmp_put_bool(cache, "writeback", !drive->write_through);
	qmp_put_bool(cache, "direct", false);
	qmp_put_bool(cache, "no-flush", drive->no_flush);
	qmp_put(info, "cache", cache);
	qmp_put(info, "image", image_info(block));
	qmp_put_bool(info, "active", true);
	qmp_put_string(info, "detect_zeroes", "off");
	qmp_put(info, "children", json_object_new_array()); /* a file below a format is no node of its own */
	put_limits(info);
	return info;
}

bool qmp_query_block(struct qmp_call *call, struct error *err)
{
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
		qmp_put_string(info, "io-status", machine_state(call->machine) == MACHINE_IO_ERROR ? "failed" : "ok");
		qmp_put(info, "inserted", device_info(drive));
		json_object_array_add(call->result, info);
	}
	return true;
}

bool qmp_query_block_nodes(struct qmp_call *call, struct error *err)
{
	const struct drive *drive;

	call->result = json_object_new_array();
	for (unsigned n = 0; (drive = machine_drive(call->machine, n)); n++)
		if (drive->block)
			json_object_array_add(call->result, device_info(drive));
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
