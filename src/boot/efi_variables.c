/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The EFI variable store: in memory, bounded, as it looks after ExitBootServices. [UEFI2.10 8.2]
 *
 * At run time only non-volatile variables with runtime access can be written; those that firmware would have made
 * volatile (SecureBoot, SetupMode) are constants here and write-protected. Authenticated variables and hardware error
 * records are refused as unsupported. Non-volatile ones live as long as the emulator runs: machine resets keep them.
 */
#include "boot/boot_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

enum {
	ATTR_NON_VOLATILE = 1,
	ATTR_BOOT = 2,
	ATTR_RUNTIME = 4,
	ATTR_HARDWARE_ERROR = 8,
	ATTR_AUTH = 16,
	ATTR_TIME_AUTH = 32,
	ATTR_APPEND = 64,
	ATTR_ENHANCED_AUTH = 128,
	ATTR_KNOWN = 255,
	ATTR_REFUSED = ATTR_HARDWARE_ERROR | ATTR_AUTH | ATTR_TIME_AUTH | ATTR_ENHANCED_AUTH,
};

enum { NAME_CHARS_MAX = 512, VARIABLES_MAX = 1024, GUID_BYTES = 16 };
#define VARIABLE_BYTES_MAX (64 * KiB) /* data of one variable */
#define STORE_BYTES_MAX (512 * KiB)   /* names, data and a header for each */
#define HEADER_BYTES 32

struct variable {
	struct variable *next;
	u8 guid[GUID_BYTES];
	u16 *name; /* with its terminator */
	u32 name_bytes;
	u32 attributes;
	u8 *data;
	u32 size;
};

struct efi_variables {
	struct variable *first;
	unsigned count;
	u64 used; /* bytes of the non-volatile ones, as STORE_BYTES_MAX counts */
};

/* A name and a GUID read from the guest. */
struct key {
	u16 name[NAME_CHARS_MAX];
	u32 name_bytes;
	u8 guid[GUID_BYTES];
};

static const u8 global_guid[GUID_BYTES] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					   0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};

static u64 cost(const struct variable *v)
{
	return v->attributes & ATTR_NON_VOLATILE ? HEADER_BYTES + v->name_bytes + v->size : 0;
}

static void variable_free(struct variable *v)
{
	if (!v)
		return;
	free(v->name);
	free(v->data);
	free(v);
}

static struct variable *variable_new(const struct key *key, u32 attributes, const u8 *data, u32 size)
{
	struct variable *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->name = malloc(key->name_bytes);
	v->data = malloc(size ? size : 1);
	if (!v->name || !v->data) {
		variable_free(v);
		return NULL;
	}
	memcpy(v->guid, key->guid, GUID_BYTES);
	memcpy(v->name, key->name, key->name_bytes);
	v->name_bytes = key->name_bytes;
	v->attributes = attributes;
	if (size)
		memcpy(v->data, data, size);
	v->size = size;
	return v;
}

/* At the end of the list, so that enumeration is stable while variables are added. */
static void insert(struct efi_variables *vars, struct variable *v)
{
	struct variable **at = &vars->first;

	while (*at)
		at = &(*at)->next;
	*at = v;
	vars->count++;
	vars->used += cost(v);
}

static void remove_at(struct efi_variables *vars, struct variable **at)
{
	struct variable *v = *at;

	*at = v->next;
	vars->count--;
	vars->used -= cost(v);
	variable_free(v);
}

static struct variable **find(struct efi_variables *vars, const struct key *key)
{
	struct variable **at;

	for (at = &vars->first; *at; at = &(*at)->next)
		if ((*at)->name_bytes == key->name_bytes && !memcmp((*at)->guid, key->guid, GUID_BYTES) &&
		    !memcmp((*at)->name, key->name, key->name_bytes))
			return at;
	return NULL;
}

static bool add_constant(struct efi_variables *vars, const char *name, u8 value)
{
	struct variable *v;
	struct key key;

	for (key.name_bytes = 0; key.name_bytes < 2 * strlen(name) + 2; key.name_bytes += 2)
		key.name[key.name_bytes / 2] = (u8)name[key.name_bytes / 2];
	memcpy(key.guid, global_guid, GUID_BYTES);
	v = variable_new(&key, ATTR_BOOT | ATTR_RUNTIME, &value, 1);
	if (!v)
		return false;
	insert(vars, v);
	return true;
}

struct efi_variables *efi_variables_create(void)
{
	struct efi_variables *vars = calloc(1, sizeof(*vars));

	if (vars && add_constant(vars, "SecureBoot", 0) && add_constant(vars, "SetupMode", 1))
		return vars;
	efi_variables_destroy(vars);
	return NULL;
}

void efi_variables_destroy(struct efi_variables *vars)
{
	if (!vars)
		return;
	while (vars->first)
		remove_at(vars, &vars->first);
	free(vars);
}

/* What is volatile here is constant, so a reset finds nothing to forget. */
void efi_variables_reset(struct efi_variables *vars)
{
	(void)vars;
}

/* Reads name (at most `chars_max` characters with the terminator) and GUID. */
static bool read_key(const struct efi_guest *guest, u64 name_va, u64 guid_va, u64 chars_max, struct key *key)
{
	u64 i;

	if (!name_va || !guid_va || !guest->read(guest->opaque, guid_va, key->guid, GUID_BYTES))
		return false;
	for (i = 0; i < MIN(chars_max, NAME_CHARS_MAX); i++) {
		if (!guest->read(guest->opaque, name_va + 2 * i, &key->name[i], 2))
			return false;
		if (!key->name[i]) {
			key->name_bytes = (u32)(2 * i + 2);
			return true;
		}
	}
	return false;
}

/* GetVariable(name, guid, attributes, data size, data) */
efi_status efi_get_variable(struct efi_variables *vars, const struct efi_guest *guest, const u64 x[8])
{
	struct variable **at, *v;
	struct key key;
	u64 room, size;

	if (!x[3] || !read_key(guest, x[0], x[1], NAME_CHARS_MAX, &key) || !guest->read(guest->opaque, x[3], &room, 8))
		return EFI_INVALID_PARAMETER;
	at = find(vars, &key);
	if (!at)
		return EFI_NOT_FOUND;
	v = *at;
	size = v->size;
	if (room >= size && !x[4])
		return EFI_INVALID_PARAMETER;
	if ((x[2] && !guest->write(guest->opaque, x[2], &v->attributes, 4)) ||
	    !guest->write(guest->opaque, x[3], &size, 8))
		return EFI_INVALID_PARAMETER;
	if (room < size)
		return EFI_BUFFER_TOO_SMALL;
	return guest->write(guest->opaque, x[4], v->data, size) ? EFI_OK : EFI_INVALID_PARAMETER;
}

/* GetNextVariableName(name size in bytes, name, guid): the one after the one given; an empty name asks for the first.
 */
efi_status efi_get_next_variable(struct efi_variables *vars, const struct efi_guest *guest, const u64 x[8])
{
	struct variable **at, *next;
	struct key key;
	u64 room, size;

	if (!x[0] || !guest->read(guest->opaque, x[0], &room, 8) || !read_key(guest, x[1], x[2], room / 2, &key))
		return EFI_INVALID_PARAMETER;
	if (key.name[0]) {
		at = find(vars, &key);
		if (!at)
			return EFI_INVALID_PARAMETER;
		next = (*at)->next;
	} else {
		next = vars->first;
	}
	if (!next)
		return EFI_NOT_FOUND;
	size = next->name_bytes;
	if (!guest->write(guest->opaque, x[0], &size, 8))
		return EFI_INVALID_PARAMETER;
	if (room < size)
		return EFI_BUFFER_TOO_SMALL;
	if (!guest->write(guest->opaque, x[1], next->name, size) ||
	    !guest->write(guest->opaque, x[2], next->guid, GUID_BYTES))
		return EFI_INVALID_PARAMETER;
	return EFI_OK;
}

static efi_status check_attributes(u32 attributes)
{
	if (attributes & ~ATTR_KNOWN)
		return EFI_INVALID_PARAMETER;
	if ((attributes & (ATTR_RUNTIME | ATTR_BOOT)) == ATTR_RUNTIME)
		return EFI_INVALID_PARAMETER;
	return attributes & ATTR_REFUSED ? EFI_UNSUPPORTED : EFI_OK;
}

/* Puts old data (may be NULL) and new data into one buffer. */
static u8 *join(const struct variable *old, const u8 *data, u32 size)
{
	u8 *all = malloc(old->size + size);

	if (!all)
		return NULL;
	memcpy(all, old->data, old->size);
	memcpy(all + old->size, data, size);
	return all;
}

static efi_status change(struct efi_variables *vars, struct variable *v, const u8 *data, u32 size, bool append)
{
	u32 total = append ? v->size + size : size;
	u8 *bytes;

	if (total > VARIABLE_BYTES_MAX || vars->used - cost(v) + HEADER_BYTES + v->name_bytes + total > STORE_BYTES_MAX)
		return EFI_OUT_OF_RESOURCES;
	if (append) {
		bytes = join(v, data, size);
	} else {
		bytes = malloc(size);
		if (bytes)
			memcpy(bytes, data, size);
	}
	if (!bytes)
		return EFI_OUT_OF_RESOURCES;
	vars->used -= cost(v);
	free(v->data);
	v->data = bytes;
	v->size = total;
	vars->used += cost(v);
	return EFI_OK;
}

static efi_status add(struct efi_variables *vars, const struct key *key, u32 attributes, const u8 *data, u32 size)
{
	struct variable *v;

	if (vars->count >= VARIABLES_MAX || vars->used + HEADER_BYTES + key->name_bytes + size > STORE_BYTES_MAX)
		return EFI_OUT_OF_RESOURCES;
	v = variable_new(key, attributes, data, size);
	if (!v)
		return EFI_OUT_OF_RESOURCES;
	insert(vars, v);
	return EFI_OK;
}

/* SetVariable's rules, with everything read. Size 0 without append, or no access attribute, deletes. */
static efi_status set(struct efi_variables *vars, const struct key *key, u32 attributes, const u8 *data, u32 size)
{
	bool append = attributes & ATTR_APPEND;
	u32 kept = attributes & ~(u32)ATTR_APPEND;
	bool no_access = !(attributes & (ATTR_BOOT | ATTR_RUNTIME));
	struct variable **at = find(vars, key);

	if (at && !((*at)->attributes & ATTR_NON_VOLATILE))
		return EFI_WRITE_PROTECTED;
	if (no_access || (!size && !append)) {
		if (!at)
			return EFI_NOT_FOUND;
		if (!no_access && kept != (*at)->attributes)
			return EFI_INVALID_PARAMETER;
		remove_at(vars, at);
		return EFI_OK;
	}
	if ((kept & (ATTR_NON_VOLATILE | ATTR_RUNTIME)) != (ATTR_NON_VOLATILE | ATTR_RUNTIME))
		return EFI_INVALID_PARAMETER; /* cannot be made or changed at run time */
	if (at && kept != (*at)->attributes)
		return EFI_INVALID_PARAMETER;
	if (!size)
		return EFI_OK; /* nothing appended */
	return at ? change(vars, *at, data, size, append) : add(vars, key, kept, data, size);
}

/* SetVariable(name, guid, attributes, data size, data) */
efi_status efi_set_variable(struct efi_variables *vars, const struct efi_guest *guest, const u64 x[8])
{
	u32 attributes = (u32)x[2];
	efi_status status;
	struct key key;
	u8 *data = NULL;

	if (!read_key(guest, x[0], x[1], NAME_CHARS_MAX, &key) || !key.name[0] || (x[3] && !x[4]))
		return EFI_INVALID_PARAMETER;
	status = check_attributes(attributes);
	if (status)
		return status;
	if (x[3] > VARIABLE_BYTES_MAX)
		return EFI_OUT_OF_RESOURCES;
	if (x[3]) {
		data = malloc(x[3]);
		if (!data)
			return EFI_OUT_OF_RESOURCES;
		if (!guest->read(guest->opaque, x[4], data, x[3])) {
			free(data);
			return EFI_INVALID_PARAMETER;
		}
	}
	status = set(vars, &key, attributes, data, (u32)x[3]);
	free(data);
	return status;
}

/* QueryVariableInfo(attributes, maximum storage, remaining storage, maximum variable size) */
efi_status efi_query_variables(struct efi_variables *vars, const struct efi_guest *guest, const u64 x[8])
{
	u32 attributes = (u32)x[0];
	u64 whole = STORE_BYTES_MAX, left = STORE_BYTES_MAX - vars->used, largest = VARIABLE_BYTES_MAX;
	efi_status status;

	if (!attributes || !x[1] || !x[2] || !x[3])
		return EFI_INVALID_PARAMETER;
	status = check_attributes(attributes);
	if (status)
		return status;
	if (!(attributes & ATTR_RUNTIME))
		return EFI_INVALID_PARAMETER;
	if (!(attributes & ATTR_NON_VOLATILE))
		whole = left = largest = 0; /* none can be made at run time */
	if (!guest->write(guest->opaque, x[1], &whole, 8) || !guest->write(guest->opaque, x[2], &left, 8) ||
	    !guest->write(guest->opaque, x[3], &largest, 8))
		return EFI_INVALID_PARAMETER;
	return EFI_OK;
}
