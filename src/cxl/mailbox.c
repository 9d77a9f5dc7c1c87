/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mailbox of a memory device, one row per opcode, and the engine of every command interface: one way in.
 * [CXL3.1 8.2.8.4, 8.2.9]
 *
 * Ring -> find the row -> check the input length against the row -> copy the input aside -> run with a bounded reader
 * and a bounded writer -> status and length. No command sees a raw pointer or a length that it has not been given.
 * Input and output have their own mappings between inaccessible pages. Commands complete inside the register write that
 * rang the doorbell, so the doorbell never reads as set; what takes long goes on in the background (background.c). The
 * Command Effects Log is the table (cmd_info.c).
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

/* clang-format off */
const struct mbox_command mbox_commands[] = {
	/* opcode  name                          input      effects                                        run  section */
	{0x0005, "abort background operation",   0, 0,      0, cmd_abort_background, "8.2.9.1.5"},
	{0x0100, "get event records",            1, 1,      0, cmd_get_event_records, "8.2.9.2.2"},
	{0x0101, "clear event records",          6, 6 + 2 * 255, EFFECT_IMMEDIATE_LOG, cmd_clear_event_records, "8.2.9.2.3"},
	{0x0102, "get event interrupt policy",   0, 0,      0, cmd_get_event_interrupt_policy, "8.2.9.2.4"},
	{0x0103, "set event interrupt policy",   4, 5,      EFFECT_IMMEDIATE_POLICY, cmd_set_event_interrupt_policy,
	 "8.2.9.2.5"},
	{0x0200, "get FW info",                  0, 0,      0, cmd_get_fw_info, "8.2.9.3.1"},
	{0x0201, "transfer FW",                  128, WHOLE_PAYLOAD,
	 EFFECT_COLD_RESET_CONFIG | EFFECT_BACKGROUND | EFFECT_ABORT | EFFECT_RESETS_VALID | EFFECT_CONVENTIONAL_RESET_CONFIG,
	 cmd_transfer_fw, "8.2.9.3.2"},
	{0x0202, "activate FW",                  2, 2,
	 EFFECT_COLD_RESET_CONFIG | EFFECT_IMMEDIATE_CONFIG | EFFECT_BACKGROUND | EFFECT_ABORT | EFFECT_RESETS_VALID |
	 EFFECT_CONVENTIONAL_RESET_CONFIG, cmd_activate_fw, "8.2.9.3.3"},
	{0x0300, "get timestamp",                0, 0,      0, cmd_get_timestamp, "8.2.9.4.1"},
	{0x0301, "set timestamp",                8, 8,      EFFECT_IMMEDIATE_POLICY, cmd_set_timestamp, "8.2.9.4.2"},
	{0x0400, "get supported logs",           0, 0,      0, cmd_get_supported_logs, "8.2.9.5.1"},
	{0x0401, "get log",                      24, 24,    0, cmd_get_log, "8.2.9.5.2"},
	{0x0402, "get log capabilities",         16, 16,    0, cmd_get_log_capabilities, "8.2.9.5.3"},
	{0x0403, "clear log",                    16, 16,    EFFECT_IMMEDIATE_LOG, cmd_clear_log, "8.2.9.5.4"},
	{0x0404, "populate log",                 16, 16,    EFFECT_IMMEDIATE_LOG, cmd_populate_log, "8.2.9.5.5"},
	{0x0405, "get supported logs sub-list",  2, 2,      0, cmd_get_supported_logs_sublist, "8.2.9.5.6"},
	{0x0500, "get supported features",       8, 8,      0, cmd_get_supported_features, "8.2.9.6.1"},
	{0x0501, "get feature",                  21, 21,    0, cmd_get_feature, "8.2.9.6.2"},
	{0x0502, "set feature",                  32, WHOLE_PAYLOAD, EFFECT_IMMEDIATE_CONFIG, cmd_set_feature, "8.2.9.6.3"},
	{0x0600, "perform maintenance",          14, 16,
	 EFFECT_IMMEDIATE_DATA | EFFECT_IMMEDIATE_LOG | EFFECT_BACKGROUND | EFFECT_ABORT, cmd_perform_maintenance, "8.2.9.7.1", NEEDS_MEDIA},
	{0x4000, "identify memory device",       0, 0,      0, cmd_identify_memory_device, "8.2.9.9.1.1"},
	{0x4100, "get partition info",           0, 0,      0, cmd_get_partition_info, "8.2.9.9.2.1"},
	{0x4101, "set partition info",           9, 10,      EFFECT_COLD_RESET_CONFIG | EFFECT_IMMEDIATE_CONFIG | EFFECT_IMMEDIATE_DATA,
	 cmd_set_partition, "8.2.9.9.2.2", NEEDS_PARTITIONS | NEEDS_MEDIA}, /* Linux sends a byte more */
	{0x4102, "get LSA",                      8, 8,      0, cmd_get_lsa, "8.2.9.9.2.3", NEEDS_ENABLED},
	{0x4103, "set LSA",                      8, WHOLE_PAYLOAD,
	 EFFECT_IMMEDIATE_CONFIG | EFFECT_IMMEDIATE_DATA, cmd_set_lsa, "8.2.9.9.2.4",
	 NEEDS_MEDIA},
	{0x4200, "get health info",              0, 0,      0, cmd_get_health_info, "8.2.9.9.3.1"},
	{0x4201, "get alert configuration",      0, 0,      0, cmd_get_alert_configuration, "8.2.9.9.3.2"},
	{0x4202, "set alert configuration",      12, 12,    EFFECT_IMMEDIATE_POLICY, cmd_set_alert_configuration,
	 "8.2.9.9.3.3"},
	{0x4203, "get shutdown state",           0, 0,      0, cmd_get_shutdown_state, "8.2.9.9.3.4"},
	{0x4204, "set shutdown state",           1, 1,      EFFECT_IMMEDIATE_POLICY, cmd_set_shutdown_state, "8.2.9.9.3.5"},
	{0x4300, "get poison list",              16, 16,    0, cmd_get_poison_list, "8.2.9.9.4.1"},
	{0x4301, "inject poison",                8, 8,      EFFECT_IMMEDIATE_DATA, cmd_inject_poison, "8.2.9.9.4.2", NEEDS_ENABLED},
	{0x4302, "clear poison",                 72, 72,    EFFECT_IMMEDIATE_DATA, cmd_clear_poison, "8.2.9.9.4.3", NEEDS_ENABLED},
	{0x4303, "get scan media capabilities",  16, 16,    0, cmd_get_scan_media_capabilities, "8.2.9.9.4.4"},
	{0x4304, "scan media",                   17, 17,    EFFECT_BACKGROUND | EFFECT_ABORT, cmd_scan_media, "8.2.9.9.4.5",
	 NEEDS_ENABLED},
	{0x4305, "get scan media results",       0, 0,      0, cmd_get_scan_media_results, "8.2.9.9.4.6"},
	{0x4400, "sanitize",                     0, 0,      EFFECT_IMMEDIATE_DATA | EFFECT_SECURITY_STATE | EFFECT_BACKGROUND,
	 cmd_sanitize, "8.2.9.9.5.1"},
	{0x4401, "secure erase",                 0, 0,      EFFECT_IMMEDIATE_DATA | EFFECT_SECURITY_STATE, cmd_secure_erase,
	 "8.2.9.9.5.2", NEEDS_MEDIA},
	{0x4402, "media operations",             8, WHOLE_PAYLOAD,
	 EFFECT_IMMEDIATE_DATA | EFFECT_BACKGROUND | EFFECT_ABORT, cmd_media_operations, "8.2.9.9.5.3", NEEDS_MEDIA},
	{0x4500, "get security state",           0, 0,      0, cmd_get_security_state, "8.2.9.9.6.1"},
	{0x4501, "set passphrase",               96, 96,    EFFECT_SECURITY_STATE, cmd_set_passphrase, "8.2.9.9.6.2"},
	{0x4502, "disable passphrase",           64, 64,    EFFECT_SECURITY_STATE, cmd_disable_passphrase, "8.2.9.9.6.3"},
	{0x4503, "unlock",                       32, 32,    EFFECT_SECURITY_STATE, cmd_unlock, "8.2.9.9.6.4"},
	{0x4504, "freeze security state",        0, 0,      EFFECT_SECURITY_STATE, cmd_freeze_security, "8.2.9.9.6.5"},
	{0x4505, "passphrase secure erase",      64, 64,    EFFECT_IMMEDIATE_DATA | EFFECT_SECURITY_STATE,
	 cmd_passphrase_secure_erase, "8.2.9.9.6.6"},
	{0x4700, "get SLD QoS control",          0, 0,      0, cmd_get_qos_control, "8.2.9.9.8.1"},
	{0x4701, "set SLD QoS control",          4, 4,      EFFECT_IMMEDIATE_POLICY, cmd_set_qos_control, "8.2.9.9.8.2"},
	{0x4702, "get SLD QoS status",           0, 0,      0, cmd_get_qos_status, "8.2.9.9.8.3"},
	{0x4800, "get dynamic capacity configuration", 2, 2, 0, cmd_get_dc_configuration, "8.2.9.9.9.1", NEEDS_DYNAMIC},
	{0x4801, "get dynamic capacity extent list", 8, 8, 0, cmd_get_dc_extent_list, "8.2.9.9.9.2", NEEDS_DYNAMIC},
	{0x4802, "add dynamic capacity response", 8, WHOLE_PAYLOAD, EFFECT_IMMEDIATE_CONFIG, cmd_add_dc_response,
	 "8.2.9.9.9.3", NEEDS_DYNAMIC | NEEDS_ENABLED},
	{0x4803, "release dynamic capacity",     8, WHOLE_PAYLOAD, EFFECT_IMMEDIATE_CONFIG, cmd_release_dc, "8.2.9.9.9.4",
	 NEEDS_DYNAMIC | NEEDS_ENABLED},
};
/* clang-format on */
const unsigned mbox_command_count = ARRAY_SIZE(mbox_commands);

bool guarded_alloc(struct guarded *g, size_t size, struct error *err)
{
	size_t page = sysconf(_SC_PAGESIZE), inner = align_up(size, page);
	u8 *map = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return fail(err, "no memory for a mailbox");
	g->mapping = map;
	g->mapping_bytes = inner + 2 * page;
	if (mprotect(map + page, inner, PROT_READ | PROT_WRITE))
		return fail(err, "no memory for a mailbox");
	/* Its end, where overruns happen, touches the guard page. */
	g->bytes = map + page + inner - size;
	return true;
}

void guarded_free(struct guarded *g)
{
	if (g->mapping)
		munmap(g->mapping, g->mapping_bytes);
	*g = (struct guarded){0};
}

u32 mbox_left(const struct mbox_in *in)
{
	return in->length - in->at;
}

const u8 *mbox_get_bytes(struct mbox_in *in, u32 size)
{
	const u8 *bytes = in->bytes + in->at;

	if (size > mbox_left(in)) {
		in->bad = true;
		return NULL;
	}
	in->at += size;
	return bytes;
}

u64 mbox_get(struct mbox_in *in, unsigned size)
{
	const u8 *bytes = mbox_get_bytes(in, size);

	return bytes ? load_le(bytes, size) : 0;
}

static u8 *out_room(struct mbox_out *out, u32 size)
{
	u8 *bytes = out->bytes + out->at;

	if (size > out->room - out->at) {
		out->bad = true;
		return NULL;
	}
	out->at += size;
	return bytes;
}

void mbox_put(struct mbox_out *out, unsigned size, u64 value)
{
	u8 *bytes = out_room(out, size);

	if (bytes)
		store_le(bytes, size, value);
}

void mbox_put_bytes(struct mbox_out *out, const void *from, u32 size)
{
	u8 *bytes = out_room(out, size);

	if (bytes && size)
		memcpy(bytes, from, size);
}

void mbox_put_zeros(struct mbox_out *out, u32 size)
{
	u8 *bytes = out_room(out, size);

	if (bytes)
		memset(bytes, 0, size);
}

void mbox_patch(struct mbox_out *out, u32 at, unsigned size, u64 value)
{
	if (range_ok(at, size, out->at))
		store_le(out->bytes + at, size, value);
}

bool cci_has(const struct cci *cci, const struct mbox_command *command)
{
	const struct cxl_type3 *dev = cci->dev;

	return (!(command->flags & NEEDS_DYNAMIC) || (dev && dev->dc)) &&
	       (!(command->flags & NEEDS_PARTITIONS) || (dev && dev->partition_align));
}

static const struct mbox_command *find_command(const struct cci *cci, u16 opcode)
{
	for (unsigned i = 0; i < cci->command_count; i++)
		if (cci->commands[i].opcode == opcode && cci_has(cci, &cci->commands[i]))
			return &cci->commands[i];
	return NULL;
}

static u16 run_command(const struct cci *cci, const struct mbox_command *command, struct mbox_in *in,
		       struct mbox_out *out)
{
	u16 code;

	if (in->length < command->in_min || in->length > command->in_max)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (cci->of_switch && !cci->of_switch->target)
		return CXL_INTERNAL_ERROR; /* the switch has gone */
	if ((command->flags & NEEDS_ENABLED) && cci->dev->sanitizing)
		return CXL_MEDIA_DISABLED;
	if ((command->flags & NEEDS_MEDIA) == NEEDS_MEDIA && media_disabled(cci->dev, &(u64){0}, &(u64){0}))
		return CXL_INVALID_SECURITY_STATE; /* locked */
	if ((command->effects & EFFECT_BACKGROUND) && cci->background && cci->background->is_running)
		return CXL_BUSY;
	code = command->run_switch ? command->run_switch(cci->of_switch, in, out) : command->run(cci->dev, in, out);
	return in->bad || out->bad ? CXL_INVALID_PAYLOAD_LENGTH : code;
}

u16 cci_run(const struct cci *cci, u16 opcode, const u8 *bytes, u32 length, u8 *to, u32 room, u32 *out_length)
{
	struct mbox_in in = {.bytes = bytes, .length = length};
	struct mbox_out out = {.bytes = to, .room = room};
	const struct mbox_command *command = find_command(cci, opcode);
	u16 code = CXL_UNSUPPORTED;

	if (cci->background)
		background_look(cci->background);
	if (cci->response_limit)
		out.room = MIN(room, 1u << *cci->response_limit);
	if (command)
		code = run_command(cci, command, &in, &out);
	else
		trace(UNIMP, "%s: mailbox command %04xh", cci->name, opcode);
	*out_length = code == CXL_SUCCESS || code == CXL_BACKGROUND_STARTED ? out.at : 0;
	if (code == CXL_INVALID_PAYLOAD_LENGTH)
		guest_error(MAILBOX_LENGTH, "%s: mailbox command %04xh with %u bytes of input [CXL3.1 %s]", cci->name,
			    opcode, length, command->section);
	trace(MBOX, "%s: %04xh %s: in %u bytes, return code %u, out %u bytes", cci->name, opcode,
	      command ? command->name : "unsupported", length, code, *out_length);
	return code;
}

/* The message: category, tag, opcode, payload length (21 bits), return code, extended status. [CXL3.1 7.6.3] */
u16 cci_tunnel(const struct cci *to, u32 size, struct mbox_in *in, struct mbox_out *out)
{
	u32 left = mbox_left(in), start = out->at, answered = 0, opcode, length, code;
	unsigned category = mbox_get(in, 1) & 0xf, tag = mbox_get(in, 1);
	const u8 *payload;

	mbox_get(in, 1);
	opcode = mbox_get(in, 2);
	length = mbox_get(in, 3) & CCI_LENGTH_MASK;
	mbox_get(in, 4); /* of responses */
	payload = mbox_get_bytes(in, length);
	if (!payload || size != left || mbox_left(in))
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (category != CCI_REQUEST || !to)
		return CXL_INVALID_INPUT;
	mbox_put_zeros(out, TUNNEL_HEADER_BYTES + CCI_HEADER_BYTES);
	if (out->bad)
		return CXL_INTERNAL_ERROR;
	code = cci_run(to, opcode, payload, length, out->bytes + out->at, out->room - out->at, &answered);
	mbox_patch(out, start, 2, CCI_HEADER_BYTES + answered);
	mbox_patch(out, start + TUNNEL_HEADER_BYTES, 1, CCI_RESPONSE);
	mbox_patch(out, start + TUNNEL_HEADER_BYTES + 1, 1, tag);
	mbox_patch(out, start + TUNNEL_HEADER_BYTES + 3, 2, opcode);
	mbox_patch(out, start + TUNNEL_HEADER_BYTES + 5, 3, answered);
	mbox_patch(out, start + TUNNEL_HEADER_BYTES + 8, 2, code);
	out->at += answered;
	return CXL_SUCCESS;
}

void mailbox_ring(struct mailbox *mbox)
{
	const struct cci *cci = &mbox->cci;
	u64 word = regs_get(&mbox->registers, MAILBOX_COMMAND, 8);
	u32 ctrl = regs_get(&mbox->registers, MAILBOX_CTRL, 4), out_length = 0;
	u16 opcode = bits(word, 15, 0), code = CXL_INVALID_PAYLOAD_LENGTH;
	u32 length = bits(word, 36, 16);

	if (length <= mbox->payload_bytes) {
		memcpy(mbox->input.bytes, mbox->payload.bytes, length);
		code = cci_run(cci, opcode, mbox->input.bytes, length, mbox->payload.bytes, mbox->payload_bytes,
			       &out_length);
	} else if (!find_command(cci, opcode)) {
		code = cci_run(cci, opcode, NULL, 0, NULL, 0, &out_length); /* unsupported before too long */
	} else {
		guest_error(MAILBOX_PAYLOAD, "%s: mailbox command %04xh with %u bytes of input: the mailbox holds %llu",
			    cci->name, opcode, length, (unsigned long long)mbox->payload_bytes);
	}
	if (!(regs_get(&mbox->registers, MAILBOX_CTRL, 4) & MAILBOX_CTRL_DOORBELL))
		return; /* a reset came of it, of this function too */
	regs_set(&mbox->registers, MAILBOX_COMMAND, 8, opcode | (u64)out_length << 16);
	regs_set(&mbox->registers, MAILBOX_STATUS, 8, (u64)code << 32);
	regs_set(&mbox->registers, MAILBOX_CTRL, 4, ctrl & ~MAILBOX_CTRL_DOORBELL);
	if ((ctrl & MAILBOX_CTRL_DOORBELL_IRQ) && pci_msix_is_enabled(mbox->pci))
		pci_msix_notify(mbox->pci, mbox->vector);
}
