/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The component register block of a bridge, port or device, and the HDM decoders in it. Private to cxl/.
 * Under the machine lock.
 */
#ifndef CXL_COMPONENT_H
#define CXL_COMPONENT_H

#include "cxl/cxl_spec.h"
#include "mem/reg.h"

#define HDM_DECODERS 4 /* unless asked for more or less */
#define HDM_DECODERS_MAX 32
#define HDM_DEVICE_DECODERS_MAX 10
#define HDM_TARGETS 8

struct cxl_host;

enum component_kind {
	COMPONENT_BRIDGE,
	COMPONENT_BRIDGE_PASSTHROUGH,
	COMPONENT_ROOT_PORT,
	COMPONENT_UPSTREAM,
	COMPONENT_DOWNSTREAM,
	COMPONENT_DEVICE
};

/* A decoder as it was when it was committed: what the address map is made of. */
struct hdm_decoder {
	bool committed;
	bool locked;             /* it was committed with Lock On Commit */
	u64 base, size;          /* HPA, bytes */
	u64 skip;                /* DPA bytes before it; devices only */
	u8 iw, ig;               /* as encoded: see hdm_ways, hdm_granularity */
	u8 targets[HDM_TARGETS]; /* port numbers; bridges and switches only */
};

/* An uncorrectable protocol error with the header that was recorded for it. */
#define RAS_HEADERS_MAX 8
struct ras_header {
	u8 bit; /* of the status */
	u32 header[RAS_HEADER_DWORDS];
};

struct cxl_component {
	enum component_kind kind;
	const char *name; /* for traces */
	struct cxl_host *host;
	u64 capacity;         /* devices: bytes of DPA */
	u32 wanted_decoders;  /* before component_init; 0: HDM_DECODERS */
	bool back_invalidate; /* before component_init; devices */
	u8 ports[32];         /* bridges: port numbers, for Extended Security */
	unsigned port_count;
	/* guest-visible */
	struct regs regs; /* the CXL.cachemem range, 4 KiB */
	struct hdm_decoder decoders[HDM_DECODERS_MAX];
	bool hdm_enabled; /* devices: global HDM Decoder Enable */
	/* rebuilt */
	unsigned decoder_count;
	u32 hdm_at; /* where the HDM decoder capability is */
	struct reg *array_rows, *hdm_rows;
	bool has_ras;
	struct ras_header ras[RAS_HEADERS_MAX]; /* the oldest first */
	unsigned ras_headers;
};

/* Builds the block. `name` must outlive it. */
void component_init(struct cxl_component *comp, enum component_kind kind, const char *name, struct cxl_host *host,
		    u64 capacity);
void component_fini(struct cxl_component *comp);
void component_reset(struct cxl_component *comp, unsigned reset_kind);
/* Whether software sees an HDM decoder capability here. */
bool component_has_hdm(const struct cxl_component *comp);
/* io_ops of the whole 64 KiB; opaque is the component. */
extern const struct io_ops component_io;

/* --- ras.c --- */
void ras_add(struct cxl_component *comp);
void ras_reset(struct cxl_component *comp, unsigned reset_kind);

/* Adds the HDM rows of this kind of component (component.c calls it). */
void hdm_add(struct cxl_component *comp);
/* Version of the capability: interleave bits 11 and 12 make it 2, more than 10 decoders or back-invalidate 3. */
unsigned hdm_version(const struct cxl_component *comp);
/* Whether a component of this kind can have so many decoders; `key` is of the message. */
bool hdm_check_count(const char *name, u32 wanted, bool device, struct error *err);
void hdm_reset(struct cxl_component *comp);
/* The rule of commit that the registers of decoder i break now, or NULL. */
const char *hdm_why_not(const struct cxl_component *comp, unsigned i);
/* Ways (1, 2, 4, 8, 16, 3, 6, 12) and granularity in bytes of an encoding; 0: reserved. */
unsigned hdm_ways(u8 iw);
u32 hdm_granularity(u8 ig);
/* Bytes of device memory behind `size` bytes of host addresses: size / ways, a rest that fills no stripe taking one
 * granule. */
u64 hdm_share(u64 size, u8 iw, u8 ig);
/* Encodings of legal values. */
u8 hdm_encode_ways(unsigned ways);
u8 hdm_encode_granularity(u32 granularity);

#endif
