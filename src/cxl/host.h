/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's CXL as a whole: bridges, ports, devices, windows, boot regions and the compiled address map. Private
 * to cxl/. Under the machine lock, except what says otherwise.
 */
#ifndef CXL_HOST_H
#define CXL_HOST_H

#include "cxl/cdat.h"
#include "cxl/component.h"
#include "cxl/cxl.h"
#include "cxl/decode.h"
#include "cxl/mailbox.h"

struct backend;
struct cxl_type3;

struct cxl_bridge;
struct cxl_port;

/* What spreads addresses over the ports below it: a host bridge, or the upstream port of a switch. */
struct cxl_fork {
	struct cxl_component comp;
	struct pci_dev *pci;
	struct cxl_port *above; /* of a switch: the port that it hangs at; of a host bridge: NULL */
	unsigned region_count;  /* boot regions that lead through it */
	unsigned index;         /* in the decode state */
};
#define CXL_SWITCH_LEVELS_MAX 3

#define CXL_WINDOWS_2021_MAX 4

/* pxb-cxl: an expander with a CXL host bridge. */
struct cxl_bridge {
	struct pci_dev pci; /* the expander's face on bus 0 */
	struct pci_root root;
	struct cxl_fork fork;
	/* properties */
	u32 bus_nr, numa_node, uid; /* uid 0: as bus_nr */
	bool bypass_iommu;
	u32 window_count_2021;
	u64 window_base_2021[CXL_WINDOWS_2021_MAX];
	struct dev *window_memdev_2021[CXL_WINDOWS_2021_MAX];
	u32 hdm_for_passthrough; /* index of bridge_passthrough_words */
	u32 hdm_decoders;
	/* rebuilt */
	struct cxl_host *host;
	unsigned slot; /* of the register window */
	struct region region;
};

/* A port with a link below it: cxl-rp or cxl-downstream. */
struct cxl_port {
	struct pci_dev pci;
	struct pci_bridge bridge;
	struct cxl_component comp;
	/* properties */
	u32 port, slot; /* CXL_AUTO, PCI_SLOT_AUTO: numbered automatically */
	u8 chassis;
	bool hotplug, power_controller, dpc, hide_native_hotplug, flit_256b, writeable_slot_bug;
	u32 aer_log_max;
	u32 speed, width; /* indices of pcie_speed_names, pcie_width_names */
	/* rebuilt */
	struct cxl_host *host;
	struct cxl_fork *above;
	u16 dvsec; /* its Port Extensions */
	u8 number; /* the port number in use */
	bool is_numbered;
	struct cxl_port *next; /* all of the machine, in creation order */
	bool is_listed;
};

/* cxl-upstream: the upstream port of a switch. */
struct cxl_switch {
	struct pci_dev pci;
	struct pci_bridge bridge; /* the switch's inner bus */
	struct cxl_fork fork;
	struct doe *doe;
	/* properties */
	u32 port, speed, width, aer_log_max, hdm_decoders;
	u64 serial;
	char *cdat_file;
	bool flit_256b, writeable_slot_bug;
	/* rebuilt */
	struct cxl_host *host;
	u16 dvsec; /* its Port Extensions */
	struct cdat cdat;
	struct cxl_switch *next; /* all of the machine, in creation order */
	bool is_listed;
};
#define CXL_AUTO 0xffffffff

/* What binds or unbinds in the background. */
struct switch_job {
	struct cxl_port *port; /* NULL: nothing does, or the port has gone */
	bool bind;
	u8 option; /* enum unbind_option */
};

/* cxl-switch-mailbox-cci. */
struct switch_cci {
	struct pci_dev pci;
	struct mailbox mbox; /* BAR 0 */
	struct background background;
	struct switch_job job;
	/* properties */
	struct dev *target_dev;
	/* guest-visible */
	u64 timestamp, timestamp_set_at; /* as set, 0: never; guest time, ns */
	u8 response_limit;
	/* rebuilt */
	struct cxl_host *host;
	struct cxl_switch *target; /* NULL: it has gone */
	struct switch_cci *next;
};
extern const struct mbox_command switch_commands[];
extern const unsigned switch_command_count;

/* MB/s of a link, from the indices of its speed and width. */
u64 cxl_link_mbps(u32 speed, u32 width);

struct map_piece;

/* Poison that was met without the machine lock, and is still to be told. */
struct met {
	u32 state;                /* atomic: enum met_state, in the bits above it how often it was used */
	struct cxl_type3 *device; /* NULL: it has been taken out meanwhile */
	u64 dpa;
};
enum met_state { MET_FREE, MET_BEGUN, MET_WHOLE, MET_STATES = 4 };
#define MET_MAX 8 /* as many as an event log holds */

/* What a boot region takes of each of its devices. */
struct region_plan {
	u64 share; /* bytes of DPA */
	u64 dpa[CXL_REGION_WAYS_MAX];
};

struct cxl_host {
	struct cxl_host_config config;
	struct cxl_window windows[CXL_WINDOWS_MAX];
	struct region window_regions[CXL_WINDOWS_MAX]; /* what answers where nothing decodes */
	unsigned window_count;
	bool has_windows_2021; /* described at a bridge */
	struct cxl_boot_region regions[CXL_REGIONS_MAX];
	struct region_plan plans[CXL_REGIONS_MAX];
	unsigned region_count;
	struct cxl_bridge *bridges[CXL_BRIDGES_MAX];
	unsigned bridge_count;
	struct cxl_port *ports; /* lists in creation order */
	struct cxl_switch *switches;
	struct cxl_type3 *devices;
	struct switch_cci *ccis;
	bool settled;
	/* map.c */
	struct decode_state *state; /* changes only while everybody stands still */
	struct map_piece *pieces;
	struct map_piece *dead;  /* taken out, perhaps still in the published map */
	struct map_piece *spare; /* free, for the next ones */
	unsigned hold;           /* >0: changes wait for cxl_map_release */
	bool changed;
	struct met met[MET_MAX];
};

/* --- map.c --- */
/* Something that decides what an HPA means has changed: compile and publish. host may be NULL (tests of parts). */
void cxl_map_changed(struct cxl_host *host);
void cxl_map_hold(struct cxl_host *host);
void cxl_map_release(struct cxl_host *host);
/* All bytes back in their homes; the buffers stay for later use. */
void cxl_map_sync(struct cxl_host *host);
/* At the end: what somebody outside can see goes home, the rest is dropped with the map. */
void cxl_map_close(struct cxl_host *host);
/* The device is going; nobody meets its poison any more. */
void cxl_map_forget(struct cxl_host *host, const struct cxl_type3 *device);
void cxl_map_destroy(struct cxl_host *host);
/* The device's own view: where the byte at `dpa` is now, at most *size bytes from there (cut to what is contiguous), or
 * NULL past the capacity. Valid under the machine lock until the map changes or the guest touches it first. */
u8 *cxl_media_at(struct cxl_host *host, struct cxl_type3 *device, u64 dpa, u64 *size);
/* Writes media as the device does, wherever the bytes are, at home too; `size` bytes within one granule of 256. */
void cxl_media_write(struct cxl_host *host, struct cxl_type3 *device, u64 dpa, const void *bytes, u32 size);
/* Zeros at home and wherever the bytes are, with everybody standing still. */
struct media_range;
void cxl_media_zero(struct cxl_host *host, struct cxl_type3 *device, const struct media_range *ranges, unsigned count);
/* Where every granule of [base, base + size) goes now, for traces and tests: the kind of the piece at hpa. */
/* MAP_HOLE: a poisoned line. */
enum map_kind { MAP_NOTHING, MAP_DIRECT, MAP_BUFFER, MAP_GRANULE, MAP_HOLE };
enum map_kind cxl_map_kind(struct cxl_host *host, u64 hpa);

/* --- window.c --- */
/* Targets of the window that are chosen by address bits: without the factor 3. */
unsigned cxl_window_binary(const struct cxl_window *w);
bool cxl_windows_settle(struct cxl_host *host, struct error *err);
/* --- region.c --- */
bool cxl_regions_settle(struct cxl_host *host, struct error *err);
void cxl_regions_program(struct cxl_host *host);
/* The device is going: boot regions that it is part of are no more. */
void cxl_regions_forget(struct cxl_host *host, const struct cxl_type3 *dev);
/* --- bridge.c --- */
bool cxl_bridges_settle(struct cxl_host *host, struct error *err);
unsigned cxl_fork_port_count(const struct cxl_host *host, const struct cxl_fork *fork);
/* --- port.c --- */
bool cxl_ports_settle(struct cxl_host *host, struct error *err);
/* Slot number, secondary bus, component registers; the caller adds capabilities, then lists it. */
bool cxl_port_begin(struct cxl_port *port, const struct pci_ids *ids, enum component_kind kind,
		    const struct dev_env *env, struct error *err);
struct pcie_link cxl_port_link(const struct cxl_port *port);
void cxl_port_list(struct cxl_port *port);
void cxl_port_reset(struct dev *dev, unsigned reset_kind);
void cxl_port_destroy(struct dev *dev);
struct bus *cxl_port_bus(struct dev *dev);
/* What software has below the port: a Type 3 device, a switch, or NULL. */
struct cxl_type3 *cxl_port_device(const struct cxl_port *port);
struct cxl_switch *cxl_port_switch(const struct cxl_port *port);
/* What is at the port's link, bound or not. */
struct pci_dev *cxl_port_below(const struct cxl_port *port);
struct cxl_type3 *cxl_port_physical_device(const struct cxl_port *port);
/* The port or fork that provides env->bus, or NULL. */
struct cxl_port *cxl_port_of(const struct dev_env *env);
struct cxl_fork *cxl_fork_of(const struct dev_env *env);
/* --- switch.c --- */
void cxl_switches_settle(struct cxl_host *host);
/* --- switch_cci.c --- */
/* A downstream port by its port ID, or NULL; the ID of the upstream port. */
struct cxl_port *switch_port(const struct cxl_switch *sw, unsigned id);
unsigned switch_upstream_id(const struct cxl_switch *sw);
/* --- switch_bind.c --- */
u16 cmd_get_vcs_info(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out);
u16 cmd_bind_vppb(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out);
u16 cmd_unbind_vppb(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out);
u16 cmd_generate_aer(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out);
/* What goes on with the port's binding, or NULL. */
const struct switch_job *switch_job_of(const struct cxl_host *host, const struct cxl_port *port);
/* The port is going: whoever binds it or unbinds it has nothing to do any more. */
void switch_job_forget(struct cxl_host *host, const struct cxl_port *port);

#endif
