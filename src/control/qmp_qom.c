/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QMP: the tree of what there is, by QEMU's paths, for reading. /machine/peripheral has the devices with an id,
 * /machine/peripheral-anon those without, /machine/unattached the vCPUs, /objects the objects, /chardevs the character
 * devices; a device's or object's members are its properties.
 */
#include <stdlib.h>
#include <string.h>

#include "control/qmp.h"
#include "cpu/cpu.h"
#include "obj/dev.h"
#include "pci/pci.h"

static bool is_object(const struct dev *dev)
{
	return dev->cls->plugs == BUS_OBJECT;
}

/* The folders. */
enum folder {
	FOLDER_ROOT,
	FOLDER_MACHINE,
	FOLDER_PERIPHERAL,
	FOLDER_ANONYMOUS,
	FOLDER_UNATTACHED,
	FOLDER_OBJECTS,
	FOLDER_CHARDEVS,
	FOLDERS
};
static const struct {
	const char *path, *parent_path, *name;
} folders[FOLDERS] = {
	[FOLDER_ROOT] = {"/", NULL, NULL},
	[FOLDER_MACHINE] = {"/machine", "/", "machine"},
	[FOLDER_PERIPHERAL] = {"/machine/peripheral", "/machine", "peripheral"},
	[FOLDER_ANONYMOUS] = {"/machine/peripheral-anon", "/machine", "peripheral-anon"},
	[FOLDER_UNATTACHED] = {"/machine/unattached", "/machine", "unattached"},
	[FOLDER_OBJECTS] = {"/objects", "/", "objects"},
	[FOLDER_CHARDEVS] = {"/chardevs", "/", "chardevs"},
};

/* What a path names: a folder, or something in one, which is a device (or object) with properties or has nothing but a
 * type. */
struct place {
	enum folder folder;
	bool is_folder;
	struct dev *dev;
	char name[128], type[80];
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

/* What stands in a folder: each place in turn, until one is taken. */
static bool each_in(struct qmp_call *call, enum folder folder, struct place *place,
		    bool (*take)(const struct place *place, void *arg), void *arg)
{
	struct machine *m = call->machine;
	unsigned n = 0;
	bool open;

	*place = (struct place){.folder = folder};
	for (struct dev *dev = machine_devices(m); dev; dev = dev->next) {
		if (!is_in(dev, folder))
			continue;
		place->dev = dev;
		snprintf(place->type, sizeof(place->type), "%s", dev->cls->name);
		if (dev->id)
			snprintf(place->name, sizeof(place->name), "%s", dev->id);
		else
			snprintf(place->name, sizeof(place->name), "device[%u]", n++);
		if (take(place, arg))
			return true;
	}
	place->dev = NULL;
	if (folder == FOLDER_UNATTACHED)
		snprintf(place->type, sizeof(place->type), "%s-arm-cpu", machine_config(m)->cpu_model);
	for (; folder == FOLDER_UNATTACHED && n < cpus_count(machine_cpus(m)); n++) {
		snprintf(place->name, sizeof(place->name), "device[%u]", n);
		if (take(place, arg))
			return true;
	}
	if (folder == FOLDER_CHARDEVS)
		snprintf(place->type, sizeof(place->type), "chardev");
	for (; folder == FOLDER_CHARDEVS && qmp_chardev(call, n, place->name, sizeof(place->name), &open); n++)
		if (take(place, arg))
			return true;
	return false;
}

static bool has_name(const struct place *place, void *name)
{
	return !strcmp(place->name, name);
}

static bool find(struct qmp_call *call, const char *path, struct place *place)
{
	for (enum folder folder = 0; folder < FOLDERS; folder++) {
		size_t length = strlen(folders[folder].path);

		if (!strcmp(path, folders[folder].path)) {
			*place = (struct place){.folder = folder, .is_folder = true};
			snprintf(place->type, sizeof(place->type), "%s",
				 folder == FOLDER_MACHINE ? "virt-machine" : "container");
			return true;
		}
		if (!strncmp(path, folders[folder].path, length) && path[length] == '/' &&
		    each_in(call, folder, place, has_name, (char *)path + length + 1))
			return true;
	}
	/* A device's id alone, as far as it is one device's. */
	*place = (struct place){.dev = machine_device(call->machine, path)};
	if (place->dev)
		snprintf(place->type, sizeof(place->type), "%s", place->dev->cls->name);
	return place->dev != NULL;
}

static bool not_found(struct qmp_call *call, const char *path, struct error *err)
{
	call->error_class = "DeviceNotFound";
	return fail(err, "Device '%.100s' not found", path);
}

static void entry_add(struct json_object *list, const char *name, const char *type)
{
	struct json_object *entry = json_object_new_object();

	qmp_put_string(entry, "name", name);
	qmp_put_string(entry, "type", type);
	json_object_array_add(list, entry);
}

static bool add_child(const struct place *place, void *list)
{
	char type[96];

	snprintf(type, sizeof(type), "child<%s>", place->type);
	entry_add(list, place->name, type);
	return false;
}

static void list_children(struct qmp_call *call, enum folder folder)
{
	struct place place;

	for (unsigned i = 0; i < FOLDERS; i++)
		if (folders[i].parent_path && !strcmp(folders[i].parent_path, folders[folder].path))
			entry_add(call->result, folders[i].name, "child<container>");
	each_in(call, folder, &place, add_child, call->result);
}

void qmp_type_of(const struct prop *p, char *type, size_t size)
{
	if (p->kind == PROP_KIND_LINK)
		snprintf(type, size, "link<%s>", p->link_class ? p->link_class : "object");
	else
		snprintf(type, size, "%s", p->kind > PROP_KIND_STRING ? "str" : prop_kind_word(p->kind));
}

bool qmp_qom_list(struct qmp_call *call, struct error *err)
{
	const char *path = qmp_string(call, "path");
	struct place place;

	if (!find(call, path, &place))
		return not_found(call, path, err);
	call->result = json_object_new_array();
	entry_add(call->result, "type", "string");
	if (place.is_folder)
		list_children(call, place.folder);
	for (unsigned which = 0; place.dev && which < 2; which++)
		for (const struct prop *p = which ? place.dev->cls->common : place.dev->cls->props; p && p->name; p++) {
			char type[96];

			qmp_type_of(p, type, sizeof(type));
			entry_add(call->result, p->name, type);
		}
	return true;
}

static struct json_object *value_of(const struct dev *dev, const struct prop *p)
{
	const void *at = (const char *)dev + p->offset;
	const struct dev *link;
	char text[32];
	const u8 *mac = at;

	/* As the bus has it, also where nothing was given. */
	if (dev->cls->common == pci_dev_props && !strcmp(p->name, "addr"))
		return json_object_new_uint64(container_of(dev, struct pci_dev, dev)->devfn);
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
	}
	return NULL;
}

bool qmp_qom_get(struct qmp_call *call, struct error *err)
{
	const char *path = qmp_string(call, "path"), *name = qmp_string(call, "property");
	struct place place;

	if (!find(call, path, &place))
		return not_found(call, path, err);
	if (!strcmp(name, "type")) {
		call->result = json_object_new_string(place.type);
		return true;
	}
	for (unsigned which = 0; place.dev && which < 2; which++)
		for (const struct prop *p = which ? place.dev->cls->common : place.dev->cls->props; p && p->name; p++)
			if (!strcmp(p->name, name)) {
				call->result = value_of(place.dev, p);
				return true;
			}
	return fail(err, "Property '%.100s.%.100s' not found", place.type, name);
}
