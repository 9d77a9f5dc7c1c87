/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's own struct: private to machine/. */
#ifndef MACHINE_PRIVATE_H
#define MACHINE_PRIVATE_H

#include "cpu/cpu.h"
#include "cxl/cxl.h"
#include "dev/platform.h"
#include "host/host.h"
#include "irq/gic.h"
#include "machine/machine.h"
#include "machine/memmap.h"
#include "mem/backend.h"
#include "pci/pci.h"
#include "smmu/smmu.h"

#define DRIVES_MAX 32
#define NETDEVS_MAX 32
#define FSDEVS_MAX 16
#define CHARDEVS_MAX 16
#define CHARDEV_PATH_MAX 1024
#define BOOT_DEVICES_MAX 64
#define CHARDEV_SPEC_BYTES (2 * CHARDEV_PATH_MAX + 32)

struct firmware; /* firmware.c */
struct loader;   /* load.c: kernel, tables and firmware data, placed anew at every reset */

/* One stretch of guest RAM: a NUMA node's memory, or all of it. */
struct ram_part {
	struct region region;
	struct backend *backend; /* NULL: anonymous memory of our own */
	u64 owned_bytes;
	u32 node;
};

struct machine {
	struct machine_config config;
	/* parts, in order of creation */
	struct loop *loop;
	struct space *space;
	struct workers *workers;
	struct chardev *serial[MACHINE_SERIALS];
	struct cpus *cpus;
	struct gic *gic;
	struct pci_host *pci;
	struct cxl_host *cxl;
	struct pl011 *uart[MACHINE_SERIALS];
	struct pl031 *rtc;
	struct pl061 *gpio;
	struct ged *ged;
	struct smmu *smmu;                /* NULL: none */
	struct hha *hha;                  /* or NULL */
	struct ghes *ghes;                /* NULL: ras=off */
	struct cxl_firmware cxl_firmware; /* used with cxl_firmware_first */
	struct fw_cfg *fw_cfg;
	struct virtio_mmio *virtio_slots;
	struct pflash *flash[FLASH_BANKS];
	struct block *bios;
	struct firmware *firmware;
	struct ram_part ram[MACHINE_NODES_MAX];
	unsigned ram_count;
	struct backend *ram_backend; /* of -M memory-backend=, or NULL */
	struct loader *loader;
	/* what the user added */
	struct dev *first_dev, **last_dev;
	struct drive *drives[DRIVES_MAX];
	unsigned drive_count;
	struct {
		char *id;
		struct chardev *chardev;
	} chardevs[CHARDEVS_MAX];
	unsigned chardev_count;
	struct {
		char *id;
		struct netdev *netdev;
	} netdevs[NETDEVS_MAX];
	unsigned netdev_count;
	struct {
		char *id;
		struct folder *folder;
	} fsdevs[FSDEVS_MAX];
	unsigned fsdev_count;
	unsigned auto_ids;
	struct block *flash_image[FLASH_BANKS]; /* if=pflash, -M pflash0=; one of the drives */
	struct {
		struct dev *dev;
		u32 index;
	} boot[BOOT_DEVICES_MAX]; /* devices with bootindex= */
	unsigned boot_count;
	/* run */
	int exit_code;
	int quit_code;                       /* atomic: that the guest asked for, 0: it did not */
	u32 semihost_errno;                  /* atomic */
	u32 semihost_position;               /* atomic; in the list of extensions, at most its size */
	enum machine_state state;            /* machine lock */
	u32 reset_pending, shutdown_pending; /* atomic: 1 + enum machine_cause, 0: none */
	struct {
		machine_listener happened;
		void *opaque;
	} listeners[LISTENERS_MAX];
	void (*disk_failed)(void *opaque, const struct drive *drive, bool write, bool no_space, enum on_error action);
	void *disk_failed_opaque;
	struct timer balloon_pause;           /* before the next change of the balloon is told */
	bool balloon_changed, balloon_pauses; /* machine lock */
	bool dumped_dtb;
	struct error run_error;
};

/* virt.c: as after power-on, but sticky registers and what persists. vCPUs are paused. */
bool machine_reset(struct machine *m, unsigned kind, struct error *err);
/* run.c */
void machine_run_init(struct machine *m);
/* devices.c */
void machine_devices_reset(struct machine *m, unsigned reset_kind);
void machine_devices_destroy(struct machine *m);
void machine_chardevs_close(struct machine *m);
/* netdevs.c */
void machine_netdevs_close(struct machine *m);
/* fsdevs.c */
void machine_fsdevs_close(struct machine *m);
struct dev *machine_find(struct machine *m, const char *id);
bool machine_add(struct machine *m, const struct dev_class *cls, struct opts *opts, struct error *err);
/* drives.c */
struct block *machine_block(struct machine *m, const char *id, struct error *err);
void machine_drives_close(struct machine *m);
/* Whether these options are a PCI function's; the bus that they name. */
bool machine_can_plug(struct machine *m, struct opts *opts, const struct bus **bus, struct error *err);
/* run.c */
void machine_tell(struct machine *m, enum machine_event event, enum machine_cause cause, const char *device);
/* hotplug.c */
void machine_hotplug_start(struct machine *m);
/* Takes out what may be taken out; a machine reset lets go of all that was asked for. */
void machine_slots_sweep(struct machine *m, bool resetting);
/* semihost.c */
u64 machine_semihost(void *opaque, struct cpu *cpu, u32 operation, u64 parameter);
bool machine_semihost_check(struct machine *m, struct error *err);
/* devices.c: ends the machine with this exit code; any thread. */
void machine_quit_with(struct machine *m, int code);
/* ram.c */
/* The backend that -M names is taken, and the size of RAM known. */
bool machine_ram_settle(struct machine *m, struct error *err);
bool machine_ram_create(struct machine *m, struct error *err);
void machine_ram_destroy(struct machine *m);
/* errors.c: what firmware does about errors, with -M ras=on */
bool machine_errors_check(const struct machine_config *config, struct error *err);
void machine_errors_create(struct machine *m);
struct cxl_firmware machine_cxl_firmware(struct machine *m);
/* A load or fetch came to poison: called before the abort is taken. */
void machine_poison_consumed(void *opaque, u64 pa);
/* load.c */
bool loader_create(struct machine *m, struct error *err);
/* Writes kernel and tables into RAM; entry point and x0 for vCPU 0. */
bool loader_place(struct machine *m, u64 *entry, u64 *x0, struct error *err);
/* A large piece of RAM where nothing was placed. */
struct boot_range loader_free(struct machine *m);
bool loader_hypercall(struct machine *m, struct cpu *cpu, u16 imm, u64 x[8]);
void loader_destroy(struct machine *m);

#endif
