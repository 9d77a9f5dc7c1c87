/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compliance mode over DOE: vendor 1E98h, type 0. [CXL2.0 14.16.4, CXL3.1 14.16.3] Every request code has its answer:
 * code, version, the answer's length, status. The version is 3, or what was asked for if that is 1 or 2.
 *
 * What puts an error on the link shows at its other end: CXL.mem's poison, wrong bits and MACs in the RAS capability of
 * the port above, CXL.io's poison and unexpected completions in the root port's AER; viral goes to the ports above
 * (dvsec.c). Poison in media and labels, and health, are the device's own. CXL.cache, IDE (delays of MACs, MACs taken
 * out) and ALMPs are not there: those are answered "unsupported injection function", or, where the answer has no
 * status, with it alone. Machine lock.
 */
#include "base/conformance.h"
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define DOE_HEADER_DWORDS 2
#define COMPLIANCE_VERSION 3
#define VERSION_WITH_OPTIONS 3 /* and request codes from 10h on */

/* Table 14-57. */
enum {
	STATUS_SUCCESS = 0,
	STATUS_NOT_AUTHORIZED = 1,
	STATUS_UNKNOWN_FAILURE = 2,
	STATUS_UNSUPPORTED = 3,
	STATUS_NOT_INITIALIZED = 6,
	STATUS_INVALID_ADDRESS = 7,
	STATUS_INVALID_PARAMETER = 8,
};
enum { PROTOCOL_IO = 0, PROTOCOL_CACHE = 1, PROTOCOL_MEM = 2 };
#define RETRY_THRESHOLD 5 /* flits that are wrong, one after the other, and retries become an error of their own */

/* Functions get the payload: [0] is the request code, [4] the first byte of its own. */
static u64 field(const u8 *request, unsigned offset, unsigned size)
{
	return load_le(request + offset - 4 * DOE_HEADER_DWORDS, size); /* offsets as the tables have them */
}

static u8 inject(struct cxl_type3 *dev, const char *type)
{
	struct error err = {""};

	return dev->above && cxl_ras_correctable(&dev->above->pci.dev, type, &err) ? STATUS_SUCCESS :
										     STATUS_UNSUPPORTED;
}

static u8 do_nothing(struct cxl_type3 *dev, const u8 *request)
{
	return STATUS_SUCCESS;
}

static u8 halt_all(struct cxl_type3 *dev, const u8 *request)
{
	compliance_reset(dev);
	return STATUS_SUCCESS;
}

/* --- traffic --- */

static u8 start(struct cxl_type3 *dev, u64 protocol, u64 is_virtual, const struct traffic *traffic)
{
	if (protocol != PROTOCOL_IO)
		return STATUS_UNSUPPORTED;
	if (is_virtual)
		return STATUS_NOT_AUTHORIZED;
	if (!pci_is_bus_master(&dev->pci))
		return STATUS_NOT_INITIALIZED;
	compliance_start(dev, traffic);
	return STATUS_SUCCESS;
}

/* `at`: where what follows the start address (and, in one of the two requests, another address) begins. */
static struct traffic write_streaming(const u8 *request, unsigned at)
{
	return (struct traffic){
		.self_checking = field(request, 0x0e, 1),
		.increments = field(request, 0x10, 1),
		.sets = MAX(field(request, 0x11, 1), 1ull),
		.loops = field(request, 0x12, 1),
		.start = field(request, 0x14, 8),
		.back = field(request, at, 8),
		.mask = field(request, at + 8, 8),
		.increment = field(request, at + 0x10, 4),
		.set_offset = field(request, at + 0x14, 4),
		.pattern = field(request, at + 0x18, 4),
		.pattern_increment = field(request, at + 0x1c, 4),
	};
}

static u8 multiple_write_streaming(struct cxl_type3 *dev, const u8 *request)
{
	struct traffic t = write_streaming(request, 0x24);

	t.bogus = dev->compliance.bogus;
	t.bogus_pattern = dev->compliance.bogus_pattern;
	return start(dev, field(request, 0x0c, 1), field(request, 0x0d, 1), &t);
}

/* CXL 2.0 had bogus writes as a setting of the streaming; 3.0 has a request of its own, longer. */
static u8 bogus_writes(struct cxl_type3 *dev, const u8 *request)
{
	dev->compliance.bogus = field(request, 0x0c, 1);
	dev->compliance.bogus_pattern = field(request, 0x10, 4);
	return STATUS_SUCCESS;
}

static u8 streaming_with_bogus_writes(struct cxl_type3 *dev, const u8 *request)
{
	struct traffic t = write_streaming(request, 0x1c);

	t.bogus = field(request, 0x3c, 1);
	t.bogus_pattern = field(request, 0x40, 4);
	return start(dev, field(request, 0x0c, 1), field(request, 0x0d, 1), &t);
}

static u8 producer_consumer(struct cxl_type3 *dev, const u8 *request)
{
	struct traffic t = {
		.produces = true,
		.increments = field(request, 0x0d, 1),
		.sets = MAX(field(request, 0x0e, 1), 1ull),
		.loops = field(request, 0x0f, 1),
		.start = field(request, 0x14, 8),
		.mask = field(request, 0x1c, 8),
		.increment = field(request, 0x24, 4),
		.set_offset = field(request, 0x28, 4),
		.pattern = field(request, 0x2c, 4),
	};

	return start(dev, field(request, 0x0c, 1), 0, &t);
}

/* --- errors on the link --- */

static u8 inject_poison(struct cxl_type3 *dev, const u8 *request)
{
	struct cxl_ras_error poison = {.type = "poison-received"};
	struct error err = {""};

	switch (field(request, 0x0c, 1)) {
	case PROTOCOL_IO: /* with the next write that traffic makes */
		dev->compliance.poison_io = true;
		return STATUS_SUCCESS;
	case PROTOCOL_MEM:
		if (!dev->above ||
		    (regs_get(&dev->above->comp.regs, AT_RAS + RAS_CAP_CTRL, 4) & RAS_CTRL_POISON_ENABLED))
			return inject(dev, "mem-poison-received");
		return cxl_ras_uncorrectable(&dev->above->pci.dev, &poison, 1, &err) ? STATUS_SUCCESS :
										       STATUS_UNSUPPORTED;
	default: return STATUS_UNSUPPORTED;
	}
}

/* Bits to flip, flits to flip them in. */
static u8 inject_crc(struct cxl_type3 *dev, const u8 *request)
{
	if (!field(request, 0x0c, 1) || !field(request, 0x0d, 1))
		return STATUS_SUCCESS;
	return inject(dev, field(request, 0x0d, 1) > RETRY_THRESHOLD ? "retry-threshold" : "crc-threshold");
}

/* The other end is told of no credits: the next traffic waits. */
static u8 inject_flow_control(struct cxl_type3 *dev, const u8 *request)
{
	dev->compliance.holds_credits = field(request, 0x0c, 1);
	return STATUS_SUCCESS;
}

/* To a link without IDE a MAC is a completion that nobody waits for, or a flit of an unknown kind. */
static u8 insert_unexpected_mac(struct cxl_type3 *dev, const u8 *request)
{
	enum { DISABLE = 0, INSERT = 1, MODE_IO = 0, MODE_CACHEMEM = 1 };
	struct cxl_ras_error unknown = {.type = "rsvd-encoding"};
	struct error err = {""};
	u64 action = field(request, 0x0c, 1), mode = field(request, 0x0d, 1);

	if (action == DISABLE)
		return STATUS_SUCCESS;
	if (action != INSERT || mode > MODE_CACHEMEM || !dev->above)
		return STATUS_UNSUPPORTED;
	if (mode == MODE_IO)
		pci_aer_report(compliance_root(dev), false, PCI_AER_UNEXPECTED_COMPLETION, (u32[4]){0});
	else
		cxl_ras_uncorrectable(&dev->above->pci.dev, &unknown, 1, &err);
	return STATUS_SUCCESS;
}

static u8 inject_bit_error(struct cxl_type3 *dev, const u8 *request)
{
	return field(request, 0x0c, 1) ? inject(dev, "crc-threshold") : STATUS_SUCCESS;
}

static u8 inject_viral(struct cxl_type3 *dev, const u8 *request)
{
	return field(request, 0x0c, 1) == PROTOCOL_MEM && dvsec_send_viral(dev->above) ? STATUS_SUCCESS :
											 STATUS_UNSUPPORTED;
}

/* --- the device's own media, labels and health --- */

enum { ACTION_INJECT = 0, ACTION_CLEAR = 1 };

static u8 media_poison(struct cxl_type3 *dev, const u8 *request)
{
	u64 dpa = align_down(field(request, 0x10, 8), 64), action = field(request, 0x0e, 1);
	u16 code;

	if (field(request, 0x0c, 1) != PROTOCOL_MEM || action > ACTION_CLEAR)
		return STATUS_INVALID_PARAMETER;
	if (!media_has_line(dev, dpa))
		return STATUS_INVALID_ADDRESS;
	code = action == ACTION_INJECT ? poison_inject(dev, dpa) :
					 poison_replace(dev, dpa, request + 0x18 - 4 * DOE_HEADER_DWORDS);
	return code == CXL_SUCCESS                                              ? STATUS_SUCCESS :
	       code == CXL_INVALID_SECURITY_STATE || code == CXL_MEDIA_DISABLED ? STATUS_NOT_AUTHORIZED :
										  STATUS_UNKNOWN_FAILURE;
}

static u8 label_poison(struct cxl_type3 *dev, const u8 *request)
{
	u64 offset = field(request, 0x10, 4), action = field(request, 0x0e, 1);

	if (field(request, 0x0c, 1) != PROTOCOL_MEM || action > ACTION_CLEAR)
		return STATUS_INVALID_PARAMETER;
	if (!dev->lsa || offset >= dev->lsa->size)
		return STATUS_INVALID_ADDRESS;
	if (action == ACTION_CLEAR) {
		label_repair(dev, offset, 1);
		return STATUS_SUCCESS;
	}
	return label_spoil(dev, (u32)offset) ? STATUS_SUCCESS : STATUS_UNKNOWN_FAILURE;
}

static u8 inject_health(struct cxl_type3 *dev, const u8 *request)
{
	struct health_injection injection = {
		.health_status = field(request, 0x10, 1),
		.media_status = field(request, 0x11, 1),
		.life_used = field(request, 0x12, 1),
		.dirty_shutdowns = field(request, 0x14, 4),
		.temperature = (s16)field(request, 0x18, 2),
	};
	u64 valid = field(request, 0x0e, 1), on = field(request, 0x0f, 1), type = field(request, 0x0d, 1);

	if (field(request, 0x0c, 1) != PROTOCOL_MEM || type > 1 || (valid | on) & ~HEALTH_INJECTIONS)
		return STATUS_INVALID_PARAMETER;
	return health_inject(dev, &injection, (u8)valid, (u8)on, type) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/*
 * By request code: DWORDs of request and answer, DOE's headers included. Two requests of one code differ in length. No
 * function: not available. `mute`: the answer has no status.
 */
static const struct compliance_request {
	u8 code;
	const char *name;
	u8 request, answer;
	u8 (*run)(struct cxl_type3 *dev, const u8 *request); /* the payload, `request` - 2 DWORDs of it */
	bool mute;
} requests[] = {
	{0x00, "query capability", 3, 9, do_nothing},
	{0x01, "query status", 3, 5, do_nothing, .mute = true},
	{0x02, "halt all", 3, 3, halt_all},
	{0x03, "multiple write streaming", 17, 3, multiple_write_streaming},
	{0x04, "producer consumer", 12, 3, producer_consumer},
	{0x05, "bogus writes", 5, 3, bogus_writes},
	{0x05, "streaming with bogus writes", 17, 3, streaming_with_bogus_writes},
	{0x06, "inject poison", 4, 3, inject_poison},
	{0x07, "inject CRC", 4, 3, inject_crc},
	{0x08, "inject flow control", 4, 3, inject_flow_control},
	{0x09, "toggle cache flush", 4, 3},
	{0x0a, "inject MAC delay", 4, 3},
	{0x0b, "insert unexpected MAC", 4, 3, insert_unexpected_mac},
	{0x0c, "inject viral", 4, 3, inject_viral},
	{0x0d, "inject ALMP", 4, 4, .mute = true},
	{0x0e, "ignore ALMP", 4, 4, .mute = true},
	{0x0f, "inject bit error", 4, 4, inject_bit_error, .mute = true},
	{0x10, "media poison", 22, 4, media_poison},
	{0x11, "label poison", 5, 4, label_poison},
	{0x12, "health", 7, 3, inject_health},
};
#define REQUEST_DWORDS_MAX 22
#define CAPABILITY_DWORDS_OLD 7 /* without the options */

/* The longest that is all there: what comes behind it does not count. */
static const struct compliance_request *find(u8 code, u32 dwords)
{
	const struct compliance_request *found = NULL;

	for (unsigned n = 0; n < ARRAY_SIZE(requests); n++)
		if (requests[n].code == code && requests[n].request <= dwords &&
		    (!found || requests[n].request > found->request))
			found = &requests[n];
	return found;
}

/* A bit for each request code. */
static u32 available(void)
{
	u32 mask = 0;

	for (unsigned n = 0; n < ARRAY_SIZE(requests); n++)
		mask |= requests[n].run ? BIT(requests[n].code) : 0;
	return mask;
}

/* What is under way, or waits for traffic. */
static u32 in_use(const struct compliance *c)
{
	u32 traffic = !c->is_running ? 0 : c->traffic.produces ? BIT(4) : c->traffic.bogus ? BIT(5) : BIT(3);

	return traffic | (c->poison_io ? BIT(6) : 0) | (c->holds_credits ? BIT(8) : 0);
}

u32 compliance_answer(void *opaque, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max)
{
	struct cxl_type3 *dev = opaque;
	u8 code = request[DOE_HEADER_DWORDS], version = request[DOE_HEADER_DWORDS] >> 8, status = STATUS_UNSUPPORTED;
	const struct compliance_request *c = find(code, request_dwords);
	u8 payload[4 * REQUEST_DWORDS_MAX] = {0};
	u32 answer;

	if (!c) {
		guest_error(COMPLIANCE_REQUEST, "%s: compliance request code %02xh of %u DWORDs", dev->name, code,
			    request_dwords);
		return 0;
	}
	version = version && version < COMPLIANCE_VERSION ? version : COMPLIANCE_VERSION;
	answer = code || version >= VERSION_WITH_OPTIONS ? c->answer : CAPABILITY_DWORDS_OLD;
	if (response_dwords_max < answer)
		return 0;
	for (u32 n = DOE_HEADER_DWORDS; n < c->request; n++)
		store_le(payload + 4 * (n - DOE_HEADER_DWORDS), 4, request[n]);
	if (c->run)
		status = c->run(dev, payload);
	else
		trace(UNIMP, "%s: compliance: %s", dev->name, c->name);
	memset(response + DOE_HEADER_DWORDS, 0, (answer - DOE_HEADER_DWORDS) * 4);
	response[2] = code | version << 8 | (answer - DOE_HEADER_DWORDS) * 4 << 16 | (c->mute ? 0 : (u32)status << 24);
	if (code == 0)
		response[3] = response[5] =
			available(); /* there are, and are enabled; no options: they are CXL.cache's */
	if (code == 1) {             /* bits from byte 0Bh on; the tables disagree about a fourth byte of them */
		response[2] |= in_use(&dev->compliance) << 24;
		response[3] = in_use(&dev->compliance) >> 8;
	}
	return answer;
}
