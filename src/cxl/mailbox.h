/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Component command interfaces (CCIs): a table of commands and whose they are, the register block with a mailbox in it
 * by which software reaches one, and what commands read and write. [CXL3.1 8.2.8, 8.2.9] Private to cxl/. Under the
 * machine lock.
 */
#ifndef CXL_MAILBOX_H
#define CXL_MAILBOX_H

#include "base/loop.h"
#include "cxl/cxl_spec.h"
#include "mem/reg.h"

struct pci_dev;
struct cxl_type3;
struct switch_cci;

/* A memory with an inaccessible page on either side, so that no slip inside it reaches anything else. */
struct guarded {
	u8 *bytes;
	void *mapping;
	size_t mapping_bytes;
};
bool guarded_alloc(struct guarded *g, size_t size, struct error *err);
void guarded_free(struct guarded *g);

/* What a command reads and writes: bounded on both sides. A read past the end gives zeros and marks `bad`. */
struct mbox_in {
	const u8 *bytes;
	u32 length, at;
	bool bad;
};
struct mbox_out {
	u8 *bytes;
	u32 room, at;
	bool bad;
};
u64 mbox_get(struct mbox_in *in, unsigned size);
const u8 *mbox_get_bytes(struct mbox_in *in, u32 size); /* NULL past the end */
u32 mbox_left(const struct mbox_in *in);
void mbox_put(struct mbox_out *out, unsigned size, u64 value);
void mbox_put_bytes(struct mbox_out *out, const void *from, u32 size);
void mbox_put_zeros(struct mbox_out *out, u32 size);
/* Changes what was put before. */
void mbox_patch(struct mbox_out *out, u32 at, unsigned size, u64 value);

/* Further properties of a command. */
enum {
	NEEDS_ENABLED = 1,               /* fails while media are disabled */
	NEEDS_MEDIA = 2 | NEEDS_ENABLED, /* and while persistent memory is locked */
	NEEDS_DYNAMIC = 4,               /* is not there without dynamic capacity */
	NEEDS_PARTITIONS = 8             /* is not there without partitionable capacity */
};

#define WHOLE_PAYLOAD UINT32_MAX /* as in_max: whatever the payload holds */

struct mbox_command {
	u16 opcode;
	const char *name;
	u32 in_min, in_max;
	u16 effects;
	u16 (*run)(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out); /* of a memory device's table */
	const char *section;                                                         /* of CXL 3.1 */
	u8 flags;
	u16 (*run_switch)(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out); /* of a switch's */
};
extern const struct mbox_command mbox_commands[]; /* of a memory device's mailbox */
extern const unsigned mbox_command_count;

struct cci {
	const struct mbox_command *commands;
	unsigned command_count;
	const char *name;              /* for traces */
	struct cxl_type3 *dev;         /* whose commands they are: a memory device's, */
	struct switch_cci *of_switch;  /* or a switch's */
	struct background *background; /* NULL: it has none */
	const u8 *response_limit;      /* of an answer, a power of two, as software has set it; NULL: none */
};
/* Whether the owner has this command of the table. */
bool cci_has(const struct cci *cci, const struct mbox_command *command);
/* The one way in: finds the row, checks the length, runs. in and out do not overlap. */
u16 cci_run(const struct cci *cci, u16 opcode, const u8 *bytes, u32 length, u8 *to, u32 room, u32 *out_length);

/*
 * What is behind a tunnel's header: a CCI message of `size` bytes for `to` (NULL: there is nobody), and its answer.
 * Lengths are nested: the tunnel's size, in it the message's own, each checked against what is left of the one around
 * it. [CXL3.1 7.6.7.3.1]
 */
u16 cci_tunnel(const struct cci *to, u32 size, struct mbox_in *in, struct mbox_out *out);

struct mailbox;

/* What goes on behind a mailbox. */
struct background {
	struct timer timer;
	struct mailbox *mbox;
	void *owner;
	bool is_running;
	u16 opcode, code;      /* the last one's; code while it runs: success so far */
	u64 started, duration; /* guest time, ns */
	u8 percent;            /* when it ended */
	bool can_abort;
	void (*done)(void *owner, u16 code); /* CXL_SUCCESS or CXL_ABORTED */
};

/* --- background.c --- */
void background_init(struct background *b, struct mailbox *mbox, void *owner);
void background_fini(struct background *b);
void background_reset(struct background *b, unsigned reset_kind);
/* Starts what the command that is being run leaves behind: CXL_BACKGROUND_STARTED, or CXL_BUSY. */
u16 background_start(struct background *b, u16 opcode, u64 duration_ns, bool can_abort,
		     void (*done)(void *owner, u16 code));
/* One without a duration has come to its end: it is over as soon as the timers run. */
#define BACKGROUND_OPEN UINT64_MAX /* as a duration: until background_finish */
void background_finish(struct background *b);
/* Ends what is over by guest time: whoever looks sees no more of it than there is. */
void background_look(struct background *b);
/* Request Abort Background Operation. */
u16 background_abort(struct background *b);
/* Background Command Status as it reads now. */
u64 background_status(const struct background *b);

/* A device register block with a mailbox. */
struct mailbox {
	struct cci cci;
	struct pci_dev *pci;
	u16 vector;            /* MSI-X, of the doorbell and background operations */
	u64 payload_bytes;     /* a power of two */
	struct regs registers; /* the payload excepted */
	struct guarded payload, input;
};
/* After the fields above are set, but the last two. */
bool devregs_init(struct mailbox *mbox, struct error *err);
u32 devregs_bytes(const struct mailbox *mbox); /* of its BAR */
void devregs_fini(struct mailbox *mbox);
void devregs_reset(struct mailbox *mbox, unsigned reset_kind);
void devregs_set_event_status(struct mailbox *mbox, enum cxl_event_log log, bool pending);
extern const struct io_ops devregs_io; /* opaque: the mailbox */
/* The doorbell was rung: runs the command in the registers and the payload. */
void mailbox_ring(struct mailbox *mbox);
/* A clock as Set Timestamp set it, 0: never; `at`: guest time when it did. */
u64 timestamp_now(const struct pci_dev *pci, u64 set, u64 at);
u64 timestamp_guest_now(const struct pci_dev *pci);

/* --- cmd_info.c: the Command Effects Log of a table, from cci --- */
extern const u8 cel_uuid[16];
/* Get Supported Logs and Get Log of a CCI that has no other log. */
u16 cel_only_supported(const struct cci *cci, struct mbox_out *out);
u16 cel_only_get(const struct cci *cci, struct mbox_in *in, struct mbox_out *out);

#endif
