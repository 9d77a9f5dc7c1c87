/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compliance mode over DOE: vendor 1E98h, type 0. [CXL2.0 14.16.4, CXL3.1 14.16] Every request code has its answer: code, version 1, the
 * answer's length, status. What puts an error on the link shows at its other end, in the RAS capability of the port above: poison as
 * poison received, wrong bits as CRC errors that were retried; viral goes to the ports above (dvsec.c). A memory device here starts no traffic,
 * has no cache, no IDE, no flow control and no power states of the link: those codes are answered "unsupported injection function". Machine lock.
 */
#include "base/conformance.h"
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define DOE_HEADER_DWORDS 2
#define COMPLIANCE_VERSION 1

/* Table 276. */
enum { STATUS_SUCCESS = 0, STATUS_UNSUPPORTED = 3 };
enum { PROTOCOL_MEM = 2 };
#define RETRY_THRESHOLD 5 /* flits that are wrong, one after the other, and retries become an error of their own */

static u8 inject(struct cxl_type3 *dev, const char *type)
{
	struct error err = {""};

	return dev->above && cxl_ras_correctable(&dev->above->pci.dev, type, &err) ? STATUS_SUCCESS : STATUS_UNSUPPORTED;
}

static u8 do_nothing(struct cxl_type3 *dev, const u8 *request)
{
	return STATUS_SUCCESS;
}

static u8 inject_poison(struct cxl_type3 *dev, const u8 *request)
{
	return request[4] == PROTOCOL_MEM ? inject(dev, "mem-poison-received") : STATUS_UNSUPPORTED;
}

/* Bits to flip, flits to flip them in. */
static u8 inject_crc(struct cxl_type3 *dev, const u8 *request)
{
	if (!request[4] || !request[5])
		return STATUS_SUCCESS;
	return inject(dev, request[5] > RETRY_THRESHOLD ? "retry-threshold" : "crc-threshold");
}

static u8 inject_bit_error(struct cxl_type3 *dev, const u8 *request)
{
	return request[4] ? inject(dev, "crc-threshold") : STATUS_SUCCESS;
}

static u8 inject_viral(struct cxl_type3 *dev, const u8 *request)
{
	return request[4] == PROTOCOL_MEM && dvsec_send_viral(dev->above) ? STATUS_SUCCESS : STATUS_UNSUPPORTED;
}

/* By request code: DWORDs of request and answer, DOE's headers included. No function: not available. `mute`: the answer has no status. */
static const struct compliance {
	const char *name;
	u8 request, answer;
	u8 (*run)(struct cxl_type3 *dev, const u8 *request); /* the payload, `request` - 2 DWORDs of it */
	bool mute;
} requests[] = {
	{"query capability", 3, 7, do_nothing},
	{"query status", 3, 5, do_nothing, .mute = true},
	{"halt all", 3, 3, do_nothing},
	{"multiple write streaming", 17, 3},
	{"producer consumer", 12, 3},
	{"bogus writes", 5, 3},
	{"inject poison", 4, 3, inject_poison},
	{"inject CRC", 4, 3, inject_crc},
	{"inject flow control", 4, 3},
	{"toggle cache flush", 4, 3},
	{"inject MAC delay", 4, 3},
	{"insert unexpected MAC", 4, 3},
	{"inject viral", 4, 3, inject_viral},
	{"inject ALMP", 4, 4, .mute = true},
	{"ignore ALMP", 4, 4, .mute = true},
	{"inject bit error", 4, 4, inject_bit_error, .mute = true},
};

u32 compliance_answer(void *opaque, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max)
{
	struct cxl_type3 *dev = opaque;
	u8 code = request[DOE_HEADER_DWORDS], status = STATUS_UNSUPPORTED;
	u8 payload[4 * 15] = {0};
	const struct compliance *c;
	u32 available = 0;

	if (code >= ARRAY_SIZE(requests) || request_dwords != requests[code].request) {
		guest_error(COMPLIANCE_REQUEST, "%s: compliance request code %02xh of %u DWORDs", dev->name, code, request_dwords);
		return 0;
	}
	c = &requests[code];
	if (response_dwords_max < c->answer)
		return 0;
	for (u32 n = DOE_HEADER_DWORDS; n < c->request; n++)
		store_le(payload + 4 * (n - DOE_HEADER_DWORDS), 4, request[n]);
	if (c->run)
		status = c->run(dev, payload);
	else
		trace(UNIMP, "%s: compliance: %s", dev->name, c->name);
	memset(response + DOE_HEADER_DWORDS, 0, (c->answer - DOE_HEADER_DWORDS) * 4);
	response[2] = code | COMPLIANCE_VERSION << 8 | (c->answer - DOE_HEADER_DWORDS) * 4 << 16 | (c->mute ? 0 : (u32)status << 24);
	for (unsigned n = 0; n < ARRAY_SIZE(requests); n++)
		available |= requests[n].run ? BIT(n) : 0;
	if (code == 0)
		response[3] = response[5] = available; /* there are, and are enabled */
	return c->answer;
}
