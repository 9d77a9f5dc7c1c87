/* SPDX-License-Identifier: BSD-2-Clause */
/* The folders of -fsdev and -virtfs, by id; and the device that -virtfs brings along. */
#include <stdlib.h>
#include <string.h>

#include "host/folder.h"
#include "machine/private.h"
#include "virtio/virtio.h"

static bool model_read(struct opts *opts, enum folder_model *model, struct error *err)
{
	static const char *const names[] = {"none", "passthrough", "mapped-xattr", "mapped"};
	static const enum folder_model models[] = {FOLDER_NONE, FOLDER_PASSTHROUGH, FOLDER_MAPPED, FOLDER_MAPPED};
	const char *text = opts_get(opts, "security_model");

	text = text ? text : opts_get(opts, "security-model");
	if (!text)
		return fail(
			err,
			"add security_model=none, mapped-xattr or passthrough: whose the guest's files are on the host");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(text, names[i])) {
			*model = models[i];
			return true;
		}
	return fail(err, "security_model=%s: write none, mapped-xattr or passthrough", text);
}

/* One folder; `id` may be of the tag. */
static bool fsdev_add(struct machine *m, struct opts *opts, const char *id, struct error *err)
{
	const char *driver = opts_get(opts, "fsdriver"), *path = opts_get(opts, "path"), *text;
	struct folder folder = {.fd = -1};

	if (!driver || strcmp(driver, "local"))
		return fail(err, "%s: not built; write local,path=FOLDER,security_model=none", driver ? driver : "");
	if (m->fsdev_count == FSDEVS_MAX)
		return fail(err, "more than %d folders; leave some out", FSDEVS_MAX);
	if (!path || !*path)
		return fail(err, "a shared folder needs path=FOLDER");
	if (machine_folder(m, id))
		return fail(err, "id=%s: there is a folder of this id already; ids must differ", id);
	if (!model_read(opts, &folder.model, err))
		return false;
	text = opts_get(opts, "readonly");
	if (text && !parse_bool("readonly", text, &folder.readonly, err))
		return false;
	text = opts_get(opts, "multidevs");
	if (text && strcmp(text, "warn") && strcmp(text, "remap") && strcmp(text, "forbid"))
		return fail(err, "multidevs=%s: write remap, forbid or warn", text);
	folder.one_device = text && !strcmp(text, "forbid");
	text = opts_get(opts, "writeout");
	if (text)
		return fail(err, "writeout=%s: not built; leave it out", text);
	if (opts_get(opts, "fmode") || opts_get(opts, "dmode"))
		return fail(
			err,
			"fmode= and dmode= are not built; files are made as 0600 and folders as 0700 by mapped-xattr");
	if (!opts_all_used(opts, "-fsdev", err) || !folder_open(&folder, path, err))
		return false;
	m->fsdevs[m->fsdev_count].folder = malloc(sizeof(folder));
	assert(m->fsdevs[m->fsdev_count].folder);
	*m->fsdevs[m->fsdev_count].folder = folder;
	m->fsdevs[m->fsdev_count++].id = strdup(id);
	return true;
}

bool machine_add_fsdev(struct machine *m, struct opts *opts, struct error *err)
{
	const char *id = opts_get(opts, "id");

	if (!id)
		return fail(err, "a shared folder needs an id; add id=NAME");
	return parse_id("id", id, err) && fsdev_add(m, opts, id, err);
}

bool machine_add_virtfs(struct machine *m, struct opts *opts, struct error *err)
{
	const char *tag = opts_get(opts, "mount_tag"), *id = opts_get(opts, "id");
	struct opts device = {.count = 0};
	bool ok;

	if (!tag)
		return fail(err, "add mount_tag=NAME: what the guest mounts it by");
	id = id ? id : tag;
	if (!fsdev_add(m, opts, id, err))
		return false;
	device.list[device.count++] = (struct opt){.key = strdup("driver"), .value = strdup("virtio-9p-pci")};
	device.list[device.count++] = (struct opt){.key = strdup("fsdev"), .value = strdup(id)};
	device.list[device.count++] = (struct opt){.key = strdup("mount_tag"), .value = strdup(tag)};
	ok = machine_add_device(m, &device, err);
	opts_free(&device);
	return ok;
}

struct folder *machine_folder(struct machine *m, const char *id)
{
	for (unsigned i = 0; i < m->fsdev_count; i++)
		if (!strcmp(m->fsdevs[i].id, id))
			return m->fsdevs[i].folder;
	return NULL;
}

void machine_fsdevs_close(struct machine *m)
{
	for (unsigned i = 0; i < m->fsdev_count; i++) {
		folder_close(m->fsdevs[i].folder);
		free(m->fsdevs[i].folder);
		free(m->fsdevs[i].id);
	}
}
