/* SPDX-License-Identifier: BSD-2-Clause */
/* The door of machine/: the arm64 `virt` machine, wired. */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "acpi/acpi.h"
#include "base/error.h"
#include "base/types.h"
#include "boot/boot.h"
#include "host/host.h"
#include "obj/dev.h"

struct machine;
struct block;
struct chardev;
struct cpus;
struct loop;
struct netdev;
struct space;

#define MACHINE_SERIALS 2
#define MACHINE_NODES_MAX 64
#define MACHINE_NO_NODE 0xffffffffu
#define MACHINE_NUMA_ROWS_MAX ACPI_HMAT_VALUES_MAX
#define FLASH_BANKS 2
#define FW_CFG_FILES_MAX 16
#define GLOBALS_MAX 256

/* What the command line says, before anything exists. Strings are borrowed. */
struct machine_config {
	u64 ram_size, ram_max;      /* -m; ram_max = maxmem or ram_size */
	bool ram_given;             /* else the size of memory_backend goes, if there is one */
	const char *memory_backend; /* -M memory-backend=: what RAM is, without -numa; NULL: our own */
	unsigned ram_slots;
	unsigned cpu_count;
	unsigned sockets, cores, threads; /* of -smp, 0: not given */
	const char *cpu_model;
	const char *kernel, *initrd, *append, *dtb, *dumpdtb;
	const char *bios;                     /* -bios */
	const char *flash_drive[FLASH_BANKS]; /* -M pflash0=, pflash1=: ids of drives */
	bool boot_menu, boot_strict;          /* -boot */
	u32 boot_splash_ms;
	bool none;       /* -M none: as virt, but no vCPU is ever on */
	bool no_program; /* neither kernel nor firmware is an error no more: nothing runs, or what a debugger loads */
	bool acpi;       /* -M acpi= (default on) */
	bool its;
	bool smmu;               /* -M iommu=smmuv3 */
	bool bypass_iommu;       /* -M default-bus-bypass-iommu=on: pcie.0 is not behind it */
	bool virtio_mmio_modern; /* -global virtio-mmio.force-legacy=off */
	bool hha;                /* -M cache-maintenance=hisi */
	bool ras;                /* -M ras=: firmware tells of errors (HEST) */
	bool cxl_firmware_first; /* -M cxl-firmware-first= */
	int cxl;                 /* -1: not said, 0: off, 1: on */
	bool instruction_time;   /* -icount */
	u32 icount_shift;
	bool no_reboot, no_shutdown, start_paused;
	enum { ENGINE_BEST, ENGINE_JIT, ENGINE_INTERP } engine; /* -accel; BEST: the translator where the host can */
	u64 jit_cache;                                          /* bytes, 0: default */
	u32 jit_switches;                                       /* bits of enum jit_switch that are not as by default */
	bool stress_tlb, stress_poll;                           /* cpu.h */
	enum { HOST_ALL, HOST_AVX512, HOST_AVX2, HOST_SSE42 } jit_host; /* instructions that translated code may have */
	u64 state_from, state_chunk;                                    /* -d state: cpu.h */
	bool snapshot;                                                  /* -snapshot */
	bool semihosting, semihosting_el0;                              /* -semihosting-config */
	const char *semihosting_chardev;                                /* NULL: standard error */
	char semihosting_words[1024];        /* arg=, joined by spaces; empty: the kernel's name and -append */
	const char *serial[MACHINE_SERIALS]; /* -serial specs; the second NULL: one UART */
	u8 escape;                           /* -echr: of consoles with a monitor behind them */
	u8 uuid[16];                         /* -uuid, 0: none */
	struct smbios_words smbios;          /* -smbios */
	struct fw_cfg_file {
		const char *name;
		const u8 *data;
		size_t size;
	} fw_cfg[FW_CFG_FILES_MAX]; /* -fw_cfg */
	unsigned fw_cfg_count;
	struct machine_global {
		const char *driver, *property, *value;
	} globals[GLOBALS_MAX]; /* -global: for every device of a class, but where it says otherwise itself */
	unsigned global_count;
	u64 rtc_base_s;
	bool rtc_base_given;
	s64 rtc_offset_s; /* -rtc base=localtime: east of UTC, what is added to a clock that is not given */
	struct machine_node {
		u32 id;
		u64 size;
		const char *memdev;
		u32 cpus;      /* a bit for each vCPU of cpus= and -numa cpu */
		u32 initiator; /* 1 + initiator=; 0: not said */
	} nodes[MACHINE_NODES_MAX];
	unsigned node_count;
	u8 distance[MACHINE_NODES_MAX][MACHINE_NODES_MAX]; /* 0: default */
	/* -numa cpu: vCPUs by their place; -1: any */
	struct machine_numa_cpu {
		u32 node;
		s32 socket, core, thread;
	} numa_cpus[MACHINE_NUMA_ROWS_MAX];
	unsigned numa_cpu_count;
	struct acpi_hmat_value hmat_values[MACHINE_NUMA_ROWS_MAX]; /* -numa hmat-lb */
	unsigned hmat_value_count;
	struct acpi_hmat_cache hmat_caches[ACPI_HMAT_CACHES_MAX]; /* -numa hmat-cache */
	unsigned hmat_cache_count;
};

struct machine *machine_create(const struct machine_config *config, struct error *err);
/* In command-line order: objects first. `opts` starts with the class name under key "driver"/"qom-type". */
bool machine_add_object(struct machine *machine, struct opts *opts, struct error *err);
bool machine_add_device(struct machine *machine, struct opts *opts, struct error *err);
/* The class that -device means by a name, its own or another; NULL: none, and why. */
const struct dev_class *machine_device_class(const char *name, const char **why);
bool machine_add_drive(struct machine *machine, struct opts *opts, struct error *err);
bool machine_add_netdev(struct machine *machine, struct opts *opts, struct error *err);
bool machine_del_netdev(struct machine *machine, const char *id, struct error *err);
/* Cuts or joins a wire, by its id or its card's. */
bool machine_set_link(struct machine *machine, const char *name, bool up, struct error *err);
bool machine_add_fsdev(struct machine *machine, struct opts *opts, struct error *err);
bool machine_add_virtfs(struct machine *machine, struct opts *opts, struct error *err); /* a folder and its device */
bool machine_add_nic(struct machine *machine, struct opts *opts, struct error *err); /* -nic: a network and its card */
bool machine_add_blockdev(struct machine *machine, struct opts *opts, struct error *err);
bool machine_del_blockdev(struct machine *machine, const char *node, struct error *err);
bool machine_add_chardev(struct machine *machine, struct opts *opts, struct error *err);
bool machine_add_window(struct machine *machine, struct opts *opts, struct error *err); /* -M cxl-fmw.N.* */
bool machine_add_region(struct machine *machine, struct opts *opts, struct error *err); /* -cxl-region */
/* Everything exists: names are resolved, sizes and rules checked. machine_finish does it too. */
bool machine_settle(struct machine *machine, struct error *err);
/* Settle, load, reset. */
bool machine_finish(struct machine *machine, struct error *err);
/* Runs until power-off; returns the exit code. */
int machine_run(struct machine *machine, struct error *err);
void machine_destroy(struct machine *machine);

/* --- run.c: running, standing still, power --- */
enum machine_state { MACHINE_PRELAUNCH, MACHINE_RUNNING, MACHINE_PAUSED, MACHINE_SHUT_DOWN, MACHINE_IO_ERROR };
/* Who asked for a shutdown or reset. */
enum machine_cause {
	CAUSE_GUEST_SHUTDOWN,
	CAUSE_GUEST_RESET,
	CAUSE_HOST_SIGNAL,
	CAUSE_HOST_UI,
	CAUSE_HOST_QUIT,
	CAUSE_HOST_RESET
};
enum machine_event {
	EVENT_SHUTDOWN,
	EVENT_RESET,
	EVENT_POWERDOWN,
	EVENT_STOP,
	EVENT_RESUME,
	EVENT_DEVICE_DELETED,
	EVENT_BALLOON_CHANGE
};
/* Up to LISTENERS_MAX; called in the loop thread under the machine lock. `cause` is of shutdowns and resets, `device`
 * the id ("": none) of a device that is gone. */
#define LISTENERS_MAX 4
typedef void (*machine_listener)(void *opaque, enum machine_event event, enum machine_cause cause, const char *device);
void machine_listen(struct machine *machine, machine_listener happened, void *opaque);
void machine_unlisten(struct machine *machine, void *opaque);
/* Likewise, one, for disks that fail. */
void machine_listen_disks(struct machine *machine,
			  void (*failed)(void *opaque, const struct drive *drive, bool write, bool no_space,
					 enum on_error action),
			  void *opaque);
enum machine_state machine_state(struct machine *machine);
/* Loop thread, machine lock held once: they let go of it while the vCPUs come to a stop. Guest time stands still too.
 */
void machine_stop(struct machine *machine);
bool machine_cont(struct machine *machine, struct error *err);
/* While it stands still: requests that threads have begun end, and who copies an image has all that was written.
 * Machine lock. */
void machine_flush_disks(struct machine *machine);
/* Any thread; carried out in the event loop. */
void machine_shutdown_request(struct machine *machine, enum machine_cause cause);
void machine_reset_request(struct machine *machine, enum machine_cause cause);
void machine_power_button(struct machine *machine);

/* --- hotplug.c: in the event loop's thread, machine lock held. Options as for machine_add_*; what is refused leaves
 * nothing behind --- */
bool machine_device_plug(struct machine *machine, struct opts *opts, struct error *err);
/* Asks the guest; EVENT_DEVICE_DELETED comes when it has agreed. */
bool machine_device_unplug(struct machine *machine, struct dev *dev, struct error *err);
/* Nobody is asked. */
bool machine_device_pull(struct machine *machine, struct dev *dev, struct error *err);
bool machine_object_add(struct machine *machine, struct opts *opts, struct error *err);
bool machine_object_delete(struct machine *machine, struct dev *object, struct error *err);
/* By id; objects and devices have ids of their own. NULL: there is none. */
struct dev *machine_device(struct machine *machine, const char *id);
struct dev *machine_object(struct machine *machine, const char *id);

/* What there is, for control/. */
const struct machine_config *machine_config(const struct machine *machine);
/* Socket, core and thread of a vCPU, and its affinity. */
void machine_place_cpu(const struct machine_config *config, unsigned index, struct acpi_cpu *cpu);
struct loop *machine_loop(struct machine *machine);
struct space *machine_space(struct machine *machine);
struct cpus *machine_cpus(struct machine *machine);
struct chardev *machine_serial(struct machine *machine, unsigned n); /* NULL: there is no second */
struct dev *machine_devices(struct machine *machine); /* objects and devices in creation order, by ->next */
const struct drive *machine_drive(struct machine *machine, unsigned n);                     /* NULL after the last */
const char *machine_chardev_id(struct machine *machine, unsigned n);                        /* NULL after the last */
const char *machine_netdev_id(struct machine *machine, unsigned n, struct netdev **netdev); /* NULL after the last */
struct netdev *machine_netdev(struct machine *machine, const char *id);
/* Of -chardev, for -mon; NULL: there is none. */
struct chardev *machine_chardev(struct machine *machine, const char *id);
/* All classes, NULL-terminated. */
extern const struct dev_class *const machine_classes[];

/* An error status block for the OS, as firmware would hand it over; checked. */
bool machine_inject_error(struct machine *m, const u8 *block, u32 bytes, struct error *err);

#endif
