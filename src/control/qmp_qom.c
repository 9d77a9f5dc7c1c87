/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QMP: the tree of what there is, by QEMU's paths, for reading. /machine/peripheral has the devices with an id,
 * /machine/peripheral-anon those without, /objects the objects; a device's or object's members are its properties.
 */
#include <stdlib.h>
#include <string.h>

#include "control/qmp.h"
#include "obj/dev.h"

static bool is_object(const struct dev *dev)
{
	return dev->cls->plugs == BUS_OBJECT;
}

/* The folders, and which devices are in them. */
enum folder { FOLDER_ROOT, FOLDER_MACHINE, FOLDER_PERIPHERAL, FOLDER_ANONYMOUS, FOLDER_OBJECTS, FOLDERS };
static const struct {
	const char *path, *parent_path, *name;
} folders[FOLDERS] = {
	[FOLDER_ROOT] = {"/", NULL, NULL},
	[FOLDER_MACHINE] = {"/machine", "/", "machine"},
	[FOLDER_PERIPHERAL] = {"/machine/peripheral", "/machine", "peripheral"},
	[FOLDER_ANONYMOUS] = {"/machine/peripheral-anon", "/machine", "peripheral-anon"},
	[FOLDER_OBJECTS] = {"/objects", "/", "objects"},
};

static bool is_in(const struct dev *dev, enum folder folder)
{
	switch (folder) {
	case FOLDER_PERIPHERAL: return !is_object(dev) && dev->id;
	case FOLDER_ANONYMOUS: return !is_object(dev) && !dev->id;
	case FOLDER_OBJECTS: return is_object(dev);
	default: return false;
	}
}

static void entry_add(struct json_object *list, const char *name, const char *type)
{
	struct json_object *entry = json_object_new_object();

	qmp_put_string(entry, "name", name);
	qmp_put_string(entry, "type", type);
	json_object_array_add(list, entry);
}

/* The name of a device in its folder. */
static void child_name(const struct dev *dev, unsigned anonymous, char *name, size_t size)
{
	if (dev->id)
		snprintf(name, size, "%s", dev->id);
	else
		snprintf(name, size, "device[%u]", anonymous);
}

/* What a path names: a folder, or a device in one (then *dev). */
static bool find(struct machine *m, const char *path, enum folder *folder, struct dev **dev)
{
	*dev = NULL;
	for (*folder = 0; *folder < FOLDERS; ++*folder)
		if (!strcmp(path, folders[*folder].path))
			return true;
	for (*folder = FOLDER_PERIPHERAL; *folder < FOLDERS; ++*folder) {
		size_t length = strlen(folders[*folder].path);
		unsigned anonymous = 0;

		if (strncmp(path, folders[*folder].path, length) || path[length] != '/')
			continue;
		for (*dev = machine_devices(m); *dev; *dev = (*dev)->next) {
			char name[128];

			if (!is_in(*dev, *folder))
				continue;
			child_name(*dev, anonymous++, name, sizeof(name));
			if (!strcmp(path + length + 1, name))
				return true;
		}
	}
	/* A device's id alone, as far as it is one device's. */
	*dev = machine_device(m, path);
	return *dev != NULL;
}

static bool not_found(struct qmp_call *call, const char *path, struct error *err)
{
	call->error_class = "DeviceNotFound";
	return fail(err, "Device '%.100s' not found", path);
}

static void list_children(struct qmp_call *call, enum folder folder)
{
	unsigned anonymous = 0;

	for (unsigned i = 0; i < FOLDERS; i++)
		if (folders[i].parent_path && !strcmp(folders[i].parent_path, folders[folder].path))
			entry_add(call->result, folders[i].name, "child<container>");
	for (struct dev *dev = machine_devices(call->machine); dev; dev = dev->next) {
		char name[128], type[128];

		if (!is_in(dev, folder))
			continue;
		child_name(dev, anonymous++, name, sizeof(name));
		snprintf(type, sizeof(type), "child<%s>", dev->cls->name);
		entry_add(call->result, name, type);
	}
}

bool qmp_qom_list(struct qmp_call *call, struct error *err)
{
	const char *path = qmp_string(call, "path");
	enum folder folder;
	struct dev *dev;

	if (!find(call->machine, path, &folder, &dev))
		return not_found(call, path, err);
	call->result = json_object_new_array();
	entry_add(call->result, "type", "string");
	if (!dev) {
		list_children(call, folder);
		return true;
	}
	for (unsigned which = 0; which < 2; which++)
		for (const struct prop *p = which ? dev->cls->common : dev->cls->props; p && p->name; p++)
			entry_add(call->result, p->name,
				  p->kind == PROP_KIND_BOOL ? "bool" :
				  p->kind <= PROP_KIND_SIZE ? "int" :
							      "str");
	return true;
}

static struct json_object *value_of(const struct dev *dev, const struct prop *p)
{
	const void *at = (const char *)dev + p->offset;
	const struct dev *link;
	char text[32];
	const u8 *mac = at;

	switch (p->kind) {
	case PROP_KIND_BOOL: return json_object_new_boolean(*(const bool *)at);
	case PROP_KIND_U8: return json_object_new_uint64(*(const u8 *)at);
	case PROP_KIND_U16: return json_object_new_uint64(*(const u16 *)at);
	case PROP_KIND_U32: return json_object_new_uint64(*(const u32 *)at);
	case PROP_KIND_U64:
	case PROP_KIND_SIZE: return json_object_new_uint64(*(const u64 *)at);
	case PROP_KIND_STRING: return json_object_new_string(*(char *const *)at ? *(char *const *)at : "");
	case PROP_KIND_CHOICE: return json_object_new_string(p->choices[*(const u32 *)at]);
	case PROP_KIND_LINK:
		link = *(struct dev *const *)at;
		snprintf(text, sizeof(text), "%s", link && is_object(link) ? "/objects/" : "/machine/peripheral/");
		if (link && link->id) {
			char path[192];

			snprintf(path, sizeof(path), "%s%.128s", text, link->id);
			return json_object_new_string(path);
		}
		return json_object_new_string("");
	case PROP_KIND_MAC:
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			 mac[5]);
		return json_object_new_string(text);
	case PROP_KIND_PCI_ADDR:
		snprintf(text, sizeof(text), "%02x.%x", *(const u32 *)at >> 3 & 0x1f, *(const u32 *)at & 7);
		return json_object_new_string(*(const u32 *)at == UINT32_MAX ? "" : text);
	}
	return NULL;
}

bool qmp_qom_get(struct qmp_call *call, struct error *err)
{
	const char *path = qmp_string(call, "path"), *name = qmp_string(call, "property");
	enum folder folder;
	struct dev *dev;

	if (!find(call->machine, path, &folder, &dev))
		return not_found(call, path, err);
	if (!strcmp(name, "type")) {
		call->result = json_object_new_string(dev                      ? dev->cls->name :
						      folder == FOLDER_MACHINE ? "virt-machine" :
										 "container");
		return true;
	}
	for (unsigned which = 0; dev && which < 2; which++)
		for (const struct prop *p = which ? dev->cls->common : dev->cls->props; p && p->name; p++)
			if (!strcmp(p->name, name)) {
				call->result = value_of(dev, p);
				return true;
			}
	return fail(err, "Property '%.100s.%.100s' not found",
		    dev                      ? dev->cls->name :
		    folder == FOLDER_MACHINE ? "virt-machine" :
					       "container",
		    name);
}
