/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks: -drive, -blockdev and blockdev-add become rows of one list, each an image that is open or, for a node of
 * driver `file`, a name that is opened when something uses it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/private.h"
#include "virtio/virtio.h"

#define NESTED_MAX 17 /* images of a chain, stated one by one */
#define KEY_BYTES 256

/* The value of a key, if it has one, is a word of "one|two"; what is only accepted has no effect here. */
static bool one_of(struct opts *opts, const char *key, const char *list, struct error *err)
{
	const char *value = opts_get(opts, key), *at = list;

	if (!value)
		return true;
	for (size_t length = strlen(value); at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (length && !strncmp(at, value, length) && (!at[length] || at[length] == '|'))
			return true;
	return fail(err, "%s=%s: not built; write %s=%s", key, value, key, list);
}

static struct drive *find(struct machine *m, const char *id)
{
	for (unsigned i = 0; i < m->drive_count; i++)
		if (!strcmp(m->drives[i]->id, id))
			return m->drives[i];
	return NULL;
}

/* The value of PREFIX + key: "backing." and "file.filename". */
static const char *get(struct opts *opts, const char *prefix, const char *key)
{
	char name[KEY_BYTES];

	snprintf(name, sizeof(name), "%s%s", prefix, key);
	return opts_get(opts, name);
}

static bool get_bool(struct opts *opts, const char *prefix, const char *key, bool *value, struct error *err)
{
	const char *text = get(opts, prefix, key);

	return !text || parse_bool(key, text, value, err);
}

static bool get_word(struct opts *opts, const char *prefix, const char *key, const char *list, struct error *err)
{
	char name[KEY_BYTES];

	snprintf(name, sizeof(name), "%s%s", prefix, key);
	return one_of(opts, name, list, err);
}

/* What a node was described as, for another that names it. */
static struct block_config config_of(const struct drive *drive)
{
	return (struct block_config){.file = drive->file,
				     .format = drive->format,
				     .readonly = drive->readonly,
				     .discard = drive->discard,
				     .no_flush = drive->no_flush,
				     .allow_backing = drive->allow_backing};
}

/* The image below a node: file=PATH (-drive), file=NODE (-blockdev), or file.filename=PATH. */
static bool get_file(struct machine *m, struct opts *opts, const char *prefix, bool by_node,
		     struct block_config *config, struct error *err)
{
	const char *name = get(opts, prefix, "file"), *path = get(opts, prefix, "file.filename"),
		   *own = get(opts, prefix, "filename");
	struct drive *node = name && by_node ? find(m, name) : NULL;
	bool ignored, no_flush = false;

	/* What a node of driver=file has, described in place. */
	get(opts, prefix, "file.node-name");
	if (!get_word(opts, prefix, "file.driver", "file|host_device", err) ||
	    !get_word(opts, prefix, "file.locking", "auto|on", err) ||
	    !get_word(opts, prefix, "file.aio", "threads|native|io_uring", err) ||
	    !get_word(opts, prefix, "file.discard", "unmap|on|ignore|off", err) ||
	    !get_bool(opts, prefix, "file.read-only", &ignored, err) ||
	    !get_bool(opts, prefix, "file.auto-read-only", &ignored, err) ||
	    !get_bool(opts, prefix, "file.cache.direct", &ignored, err) ||
	    !get_bool(opts, prefix, "file.cache.no-flush", &no_flush, err))
		return false;
	config->no_flush |= no_flush;
	if (name && by_node && !node)
		return fail(err,
			    "%sfile=%s: no such node; describe it before, or write file.driver=file,file.filename=PATH",
			    prefix, name);
	if (node && (node->format || node->block))
		return fail(err, "%sfile=%s: a node of driver=file belongs below raw and qcow2; this one has driver=%s",
			    prefix, name, node->format ? node->format : "file, and is in use");
	config->file = node ? node->file : path ? path : name ? name : own;
	if (node) {
		config->readonly |= node->readonly;
		config->no_flush |= node->no_flush;
	}
	return (config->file && *config->file) ||
	       fail(err, "%sfile: a disk needs an image; add %s", prefix,
		    by_node || *prefix ? "file.driver=file,file.filename=PATH" : "file=PATH");
}

/* backing=NODE, backing=null, or backing.driver= and so on. `configs` has room for what lies behind. */
static bool get_backing(struct machine *m, struct opts *opts, const char *prefix, struct block_config *configs,
			unsigned left, struct error *err)
{
	const char *name = get(opts, prefix, "backing");
	char inner[KEY_BYTES / 2];
	bool any = false;

	if (!get_bool(opts, prefix, "allow-backing", &configs->allow_backing, err))
		return false;
	if (name && (!*name || !strcmp(name, "null"))) {
		configs->no_backing = true;
		return true;
	}
	if (name) {
		/* A node, and what that one names, and so on. */
		for (struct drive *node = find(m, name); node && left;
		     node = node->backing ? find(m, node->backing) : NULL, left--, configs++) {
			configs[1] = config_of(node);
			configs->backing = &configs[1];
		}
		return configs->backing || !strcmp(name, "") || find(m, name) ||
		       fail(err, "%sbacking=%s: no such node; describe it before", prefix, name);
	}
	snprintf(inner, sizeof(inner), "%sbacking.", prefix);
	for (unsigned i = 0; i < opts->count; i++)
		any |= !strncmp(opts->list[i].key, inner, strlen(inner));
	if (!any)
		return true;
	if (left < 2 || strlen(inner) + 32 > sizeof(inner))
		return fail(err, "%s: more than %d images in a chain; join some with qemu-img commit", inner,
			    NESTED_MAX - 1);
	configs[1] = (struct block_config){.format = get(opts, inner, "driver"), .readonly = true};
	configs->backing = &configs[1];
	return get_file(m, opts, inner, false, &configs[1], err) &&
	       get_backing(m, opts, inner, configs + 1, left - 1, err);
}

static bool new_row(struct machine *m, const char *id, struct drive **drive, struct error *err)
{
	char made[32];

	if (m->drive_count == DRIVES_MAX)
		return fail(err, "more than %d drives; leave some out", DRIVES_MAX);
	if (id && !parse_id("id", id, err))
		return false;
	if (id && find(m, id))
		return fail(err, "id=%s: there is a drive of this id already; ids must differ", id);
	while (!id || find(m, id)) {
		snprintf(made, sizeof(made), "drive%u", m->auto_ids++);
		id = made;
	}
	*drive = calloc(1, sizeof(**drive));
	assert(*drive);
	(*drive)->id = strdup(id);
	return true;
}

static void row_free(struct drive *drive)
{
	block_close(drive->block);
	free(drive->id);
	free(drive->file);
	free(drive->format);
	free(drive->backing);
	free(drive->below);
	free(drive->serial);
	free(drive);
}

/* Opens it; what a row keeps is for other nodes and for QMP. */
static bool open_row(struct machine *m, struct drive *drive, struct block_config *config, struct error *err)
{
	config->id = drive->id;
	drive->file = strdup(config->file);
	drive->format = config->format ? strdup(config->format) : NULL;
	drive->readonly = config->readonly;
	drive->discard = config->discard;
	drive->no_flush = config->no_flush;
	drive->allow_backing = config->allow_backing;
	if (!drive->is_lazy) {
		drive->block = block_open(config, err);
		if (!drive->block) {
			row_free(drive);
			return false;
		}
	}
	m->drives[m->drive_count++] = drive;
	return true;
}

/* The flash bank that a drive is for: unit=, index=, or the first one free. */
static bool flash_unit(struct machine *m, struct opts *opts, unsigned *unit, struct error *err)
{
	const char *unit_text = opts_get(opts, "unit"), *index_text = opts_get(opts, "index");
	const char *key = unit_text ? "unit" : "index", *text = unit_text ? unit_text : index_text;
	u64 value = m->flash_image[0] ? 1 : 0;

	if (text && !parse_u64(key, text, 0, FLASH_BANKS - 1, &value, err))
		return false;
	if (m->flash_image[value])
		return fail(err,
			    "if=pflash,unit=%llu: this bank of flash has an image already; there are units 0 and 1",
			    (unsigned long long)value);
	*unit = (unsigned)value;
	return true;
}

/* What -drive and -blockdev say of the host's side in the same words. */
static bool common_keys(struct opts *opts, struct block_config *config, struct error *err)
{
	const char *discard = opts_get(opts, "discard");

	if (!one_of(opts, "aio", "threads|native|io_uring", err) ||
	    !one_of(opts, "discard", "unmap|on|ignore|off", err) || !one_of(opts, "detect-zeroes", "off", err) ||
	    !one_of(opts, "locking", "auto|on", err))
		return false;
	config->discard = discard && (!strcmp(discard, "unmap") || !strcmp(discard, "on"));
	config->internal_snapshot = opts_get(opts, "internal-snapshot");
	return true;
}

bool machine_add_drive(struct machine *m, struct opts *opts, struct error *err)
{
	static const char *const policies[] = {[ON_ERROR_REPORT] = "report",
					       [ON_ERROR_ENOSPC] = "enospc",
					       [ON_ERROR_STOP] = "stop",
					       [ON_ERROR_IGNORE] = "ignore"};
	const char *id = opts_get(opts, "id"), *node = opts_get(opts, "node-name"), *interface = opts_get(opts, "if"),
		   *text, *driver;
	struct block_config configs[NESTED_MAX] = {0}, *config = configs;
	struct drive *drive;
	unsigned unit = 0;
	u64 index;
	bool snapshot_given, ok, writeback = true, ignored;

	config->format = opts_get(opts, "format");
	driver = opts_get(opts, "driver");
	config->format = config->format ? config->format : driver;
	if (!one_of(opts, "cache", "none|writeback|writethrough|directsync|unsafe", err) ||
	    !one_of(opts, "media", "disk|cdrom", err) || !one_of(opts, "werror", "report|enospc|stop|ignore", err) ||
	    !one_of(opts, "rerror", "report|stop|ignore", err) || !one_of(opts, "copy-on-read", "off", err) ||
	    !common_keys(opts, config, err) ||
	    ((text = opts_get(opts, "index")) && !parse_u64("index", text, 0, DRIVES_MAX - 1, &index, err)))
		return false;
	if (!interface)
		interface = "virtio";
	if (strcmp(interface, "virtio") && strcmp(interface, "none") && strcmp(interface, "pflash"))
		return fail(err, "if=%s: not built; write if=virtio, if=pflash or if=none", interface);
	if (!strcmp(interface, "pflash") && !flash_unit(m, opts, &unit, err))
		return false;
	if (!get_bool(opts, "", "readonly", &config->readonly, err) ||
	    !get_bool(opts, "", "read-only", &config->readonly, err) ||
	    !get_bool(opts, "", "auto-read-only", &ignored, err))
		return false;
	snapshot_given = (text = opts_get(opts, "snapshot"));
	if (text && !parse_bool("snapshot", text, &config->snapshot, err))
		return false;
	text = opts_get(opts, "media");
	if (text && !strcmp(text, "cdrom"))
		config->readonly = true;
	if (!snapshot_given)
		config->snapshot = m->config.snapshot && !config->readonly;
	text = opts_get(opts, "cache");
	config->no_flush = text && !strcmp(text, "unsafe");
	writeback = !text || (strcmp(text, "writethrough") && strcmp(text, "directsync"));
	if (!get_bool(opts, "", "cache.no-flush", &config->no_flush, err) ||
	    !get_bool(opts, "", "cache.direct", &ignored, err) ||
	    !get_bool(opts, "", "cache.writeback", &writeback, err))
		return false;
	if (!get_file(m, opts, "", false, config, err) || !get_backing(m, opts, "", configs, NESTED_MAX - 1, err))
		return false;
	if (!new_row(m, id ? id : node, &drive, err))
		return false;
	drive->write_through = !writeback;
	drive->is_cdrom = (text = opts_get(opts, "media")) && !strcmp(text, "cdrom");
	drive->serial = (text = opts_get(opts, "serial")) ? strdup(text) : NULL;
	drive->write_error = ON_ERROR_ENOSPC;
	for (unsigned i = 0; i < ARRAY_SIZE(policies); i++) {
		if ((text = opts_get(opts, "werror")) && !strcmp(text, policies[i]))
			drive->write_error = i;
		if ((text = opts_get(opts, "rerror")) && !strcmp(text, policies[i]))
			drive->read_error = i;
	}
	if (!opts_all_used(opts, "-drive", err)) {
		row_free(drive);
		return false;
	}
	if (!open_row(m, drive, config, err))
		return false;
	if (!strcmp(interface, "pflash")) {
		m->flash_image[unit] = drive->block;
	} else if (!strcmp(interface, "virtio")) {
		struct opts device = {.count = 1};

		device.list[0] = (struct opt){.key = strdup("drive"), .value = strdup(drive->id)};
		ok = machine_add(m, &virtio_blk_pci_class, &device, err);
		opts_free(&device);
		return ok;
	}
	return true;
}

bool machine_add_blockdev(struct machine *m, struct opts *opts, struct error *err)
{
	const char *driver = opts_get(opts, "driver"), *node = opts_get(opts, "node-name"), *text;
	struct block_config configs[NESTED_MAX] = {0}, *config = configs;
	struct drive *drive;
	bool no_flush = false, direct, automatic;

	if (!driver)
		return fail(err, "a node needs driver=file, driver=raw or driver=qcow2");
	if (!node)
		return fail(err, "a node needs a name; add node-name=NAME");
	if (strcmp(driver, "file") && strcmp(driver, "host_device") && strcmp(driver, "raw") && strcmp(driver, "qcow2"))
		return fail(err, "driver=%s: not built; write driver=file, driver=raw or driver=qcow2", driver);
	if (!common_keys(opts, config, err) || !get_bool(opts, "", "read-only", &config->readonly, err) ||
	    !get_bool(opts, "", "auto-read-only", &automatic, err) ||
	    !get_bool(opts, "", "cache.no-flush", &no_flush, err) ||
	    !get_bool(opts, "", "cache.direct", &direct, err) || !new_row(m, node, &drive, err))
		return false;
	config->no_flush = no_flush;
	drive->write_error = ON_ERROR_ENOSPC;
	drive->is_node = true;
	if (!strcmp(driver, "file") || !strcmp(driver, "host_device")) {
		/* Opened by whoever uses it, so that it is locked once. */
		drive->is_lazy = true;
		config->file = opts_get(opts, "filename");
		if (!config->file) {
			row_free(drive);
			return fail(err, "a node of driver=file needs filename=PATH");
		}
	} else {
		config->format = driver;
		text = opts_get(opts, "backing");
		if (text && find(m, text))
			drive->backing = strdup(text);
		text = opts_get(opts, "file");
		if (text && find(m, text))
			drive->below = strdup(text);
		if (!get_file(m, opts, "", true, config, err) ||
		    !get_backing(m, opts, "", configs, NESTED_MAX - 1, err)) {
			row_free(drive);
			return false;
		}
	}
	if (!opts_all_used(opts, "-blockdev", err)) {
		row_free(drive);
		return false;
	}
	return open_row(m, drive, config, err);
}

static bool is_flash(const struct machine *m, const struct drive *drive)
{
	for (unsigned n = 0; n < FLASH_BANKS; n++)
		if ((drive->block && m->flash_image[n] == drive->block) ||
		    (m->config.flash_drive[n] && !strcmp(m->config.flash_drive[n], drive->id)))
			return true;
	return false;
}

bool machine_del_blockdev(struct machine *m, const char *name, struct error *err)
{
	struct drive *drive = find(m, name);

	if (!drive || !drive->is_node)
		return fail(err, "Failed to find node with node-name='%.100s'", name);
	if (drive->user)
		return fail(err, "Node '%.100s' is busy: '%s' uses it", name, dev_name(drive->user));
	if (is_flash(m, drive))
		return fail(err, "Node '%.100s' is busy: it is flash", name);
	for (unsigned i = 0; i < m->drive_count; i++) {
		const struct drive *other = m->drives[i];

		if ((other->below && !strcmp(other->below, name)) || (other->backing && !strcmp(other->backing, name)))
			return fail(err, "Node '%.100s' is busy: node '%.100s' is above it", name, other->id);
	}
	for (unsigned i = 0, n = 0; i < m->drive_count; i++)
		if (m->drives[i] != drive)
			m->drives[n++] = m->drives[i];
	m->drive_count--;
	row_free(drive);
	return true;
}

static struct block *block_of(struct drive *drive, struct error *err)
{
	struct block_config config = config_of(drive);

	config.id = drive->id;
	config.format = "raw";
	if (!drive->block && drive->is_lazy)
		drive->block = block_open(&config, err);
	return drive->block;
}

struct block *machine_block(struct machine *m, const char *id, struct error *err)
{
	struct drive *drive = find(m, id);

	if (!drive)
		fail(err, "no drive of this id; describe it before, with -drive if=none,id=%s,file=...", id);
	return drive ? block_of(drive, err) : NULL;
}

struct drive *machine_take_drive(struct machine *m, const char *id, struct dev *user, struct error *err)
{
	struct drive *drive = find(m, id);
	const char *name = dev_name(user);

	if (!drive)
		fail(err, "%s: drive=%s: no drive of this id; describe it before, with -drive if=none,id=%s,file=...",
		     name, id, id);
	else if (drive->user)
		fail(err, "%s: drive=%s is in use by '%s': a drive serves one device", name, id, dev_name(drive->user));
	else if (is_flash(m, drive))
		fail(err, "%s: drive=%s is flash: a drive serves one device", name, id);
	else if (block_of(drive, err)) {
		drive->user = user;
		return drive;
	} else
		fail_context(err, "%s", name);
	return NULL;
}

void machine_drives_close(struct machine *m)
{
	for (unsigned i = 0; i < m->drive_count; i++)
		row_free(m->drives[i]);
	m->drive_count = 0;
}

const struct drive *machine_drive(struct machine *m, unsigned n)
{
	return n < m->drive_count ? m->drives[n] : NULL;
}
