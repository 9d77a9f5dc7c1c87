/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compliance mode over DOE: vendor 1E98h, type 0. [CXL3.1 14.16] Every request code has its answer: code, version 1, the answer's length,
 * status. Query Capability says which of them do something: capability, status, halt. The others would put faults on a link, which is
 * not modelled: status "not supported". Machine lock.
 */
#include "base/trace.h"
#include "cxl/type3.h"

#define DOE_HEADER_DWORDS 2
#define COMPLIANCE_VERSION 1
enum { STATUS_SUCCESS = 0, STATUS_NOT_SUPPORTED = 1 };
enum { REQUEST_CAPABILITY, REQUEST_STATUS, REQUEST_HALT };
#define AVAILABLE (BIT(REQUEST_CAPABILITY) | BIT(REQUEST_STATUS) | BIT(REQUEST_HALT))

/* By request code: DWORDs of the request and of the answer, headers included. */
static const struct { const char *name; u8 request, answer; } requests[] = {
	{"query capability", 3, 7}, {"query status", 3, 5}, {"halt all", 3, 3}, {"multiple write streaming", 3, 3},
	{"producer consumer", 3, 3}, {"bogus writes", 3, 3}, {"inject poison", 3, 3}, {"inject CRC", 3, 3},
	{"inject flow control", 3, 3}, {"toggle cache flush", 3, 3}, {"inject MAC delay", 3, 3}, {"insert unexpected MAC", 3, 3},
	{"inject viral", 3, 3}, {"inject ALMP", 3, 3}, {"ignore ALMP", 3, 3}, {"inject bit error", 3, 3},
};

u32 compliance_answer(void *opaque, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max)
{
	const struct cxl_type3 *dev = opaque;
	u8 code = request[DOE_HEADER_DWORDS], status;
	u32 dwords;

	if (code >= ARRAY_SIZE(requests) || request_dwords < requests[code].request) {
		trace(GUEST_ERROR, "%s: compliance request code %02xh of %u DWORDs [CXL3.1 14.16]", dev->name, code, request_dwords);
		return 0;
	}
	dwords = requests[code].answer;
	if (response_dwords_max < dwords)
		return 0;
	memset(response + DOE_HEADER_DWORDS, 0, (dwords - DOE_HEADER_DWORDS) * 4);
	status = AVAILABLE & BIT(code) ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
	if (status == STATUS_NOT_SUPPORTED)
		trace(UNIMP, "%s: compliance: %s", dev->name, requests[code].name);
	response[2] = code | COMPLIANCE_VERSION << 8 | (dwords - DOE_HEADER_DWORDS) * 4 << 16 | (u32)status << 24;
	if (code == REQUEST_CAPABILITY)
		response[3] = response[5] = AVAILABLE; /* there are, and are enabled */
	return dwords;
}
