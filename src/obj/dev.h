/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices and objects, small. No inheritance: a device embeds the parts it is made of, its
 * `struct dev` first. Life: properties set -> create (may fail) -> reset(kind) -> run -> destroy (works on a half-made
 * device). machine/classes.c lists every class.
 */
#ifndef OBJ_DEV_H
#define OBJ_DEV_H

#include "base/error.h"
#include "base/types.h"
#include "obj/prop.h"

struct dev;
struct machine; /* opaque below machine/ */

/* What a device plugs into. */
enum bus_kind { BUS_NONE, BUS_OBJECT, BUS_PCI, BUS_PCIE, BUS_CXL };

/* A place to plug devices: embedded in what provides it. `opaque` reaches the provider. */
struct bus {
	const char *name; /* "pcie.0", or the id of the port or bridge */
	enum bus_kind kind;
	struct dev *parent; /* the port or bridge, or NULL for the root */
	void *opaque;
};

/* What a class gets from its surroundings at create; filled by the machine. */
struct dev_env {
	struct loop *loop;
	struct space *space; /* physical addresses */
	struct bus *bus;     /* where the user plugged it (`bus=`), or the default bus of its kind, or NULL */
	struct machine *machine;
	/* Finds an object or device by id (any class), or NULL. */
	struct dev *(*find)(struct machine *machine, const char *id);
};

struct dev_class {
	const char *name, *doc;
	size_t size; /* of the device's struct; struct dev is its first member */
	enum bus_kind plugs;
	const struct prop *props;  /* ends with name == NULL */
	const struct prop *common; /* further properties of its kind (PCI's), or NULL; same struct */
	bool (*create)(struct dev *dev, const struct dev_env *env, struct error *err);
	void (*reset)(struct dev *dev, unsigned reset_kind); /* enum reset_kind of mem/reg.h */
	void (*destroy)(struct dev *dev);
	/* The machine goes on after a stop: what failed then is tried again. NULL: nothing to do. */
	void (*resume)(struct dev *dev);
	/* The bus that the device provides, for `bus=ID` of others; NULL: none. */
	struct bus *(*bus)(struct dev *dev);
	bool hidden;   /* made by the machine, not by -device */
	bool at_start; /* of objects: a running machine takes no more */
};

struct dev {
	const struct dev_class *cls;
	char *id;         /* the user's, or NULL */
	char *bus_name;   /* `bus=`, or NULL */
	struct bus *bus;  /* that it is plugged into, or NULL */
	struct dev *next; /* the machine's list, in creation order */
	bool created;
};

/* Allocates a device of the class with default properties. */
struct dev *dev_new(const struct dev_class *cls);
/* Sets one property; `find` resolves links. Unknown keys fail with the nearest known key. */
bool dev_set(struct dev *dev, const char *key, const char *value, const struct dev_env *env, struct error *err);
/* Takes id=, bus= and all properties from opts. */
bool dev_set_all(struct dev *dev, struct opts *opts, const struct dev_env *env, struct error *err);
bool dev_create(struct dev *dev, const struct dev_env *env, struct error *err);
void dev_destroy(struct dev *dev); /* destroy hook, strings, struct */
/* Prints the properties of a class: `-device X,help`. */
void dev_class_help(const struct dev_class *cls);
/* id if there is one, else the class name: for messages. */
const char *dev_name(const struct dev *dev);

#endif
