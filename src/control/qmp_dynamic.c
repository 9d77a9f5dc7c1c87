/* SPDX-License-Identifier: BSD-2-Clause */
/* QMP: dynamic capacity of a cxl-type3 is offered, asked back and listed. [CXL3.1 9.13.3] The rules are the device's
 * (cxl.h). */
#include <stdlib.h>
#include <string.h>

#include "control/qmp.h"
#include "cxl/cxl.h"

#define TAG_BYTES 16
#define SPANS_MAX 4096

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* A UUID as people write it, in the order of its text; nothing or "": zeros. */
static bool take_tag(const char *text, u8 tag[TAG_BYTES], struct error *err)
{
	const char *at = text;

	if (!text || !*text)
		return true;
	for (unsigned n = 0; n < TAG_BYTES; n++) {
		int high, low;

		if ((n == 4 || n == 6 || n == 8 || n == 10) && *at++ != '-')
			break;
		high = hex(at[0]);
		low = high < 0 ? -1 : hex(at[1]);
		if (low < 0)
			break;
		tag[n] = (u8)(high << 4 | low);
		at += 2;
		if (n == TAG_BYTES - 1 && !*at)
			return true;
	}
	return fail(err, "tag '%.100s' is no UUID; write 8-4-4-4-12 hexadecimal digits", text);
}

static bool take_number(struct json_object *object, const char *name, u64 *value, struct error *err)
{
	struct qmp_call inner = {.arguments = object};

	return qmp_u64(&inner, name, value, err);
}

static bool take_flag(struct qmp_call *call, const char *name)
{
	struct json_object *object;

	return json_object_object_get_ex(call->arguments, name, &object) && json_object_get_boolean(object);
}

/* Fills the request; its spans are the caller's to free. */
static bool take_request(struct qmp_call *call, struct cxl_dc_request *request, struct error *err)
{
	struct json_object *extents = NULL;
	struct cxl_dc_span *spans;
	u64 host = 0, region = 0;
	size_t count;

	if (!qmp_u64(call, "host-id", &host, err) || !qmp_u64(call, "region", &region, err) ||
	    !take_tag(qmp_string(call, "tag"), request->tag, err))
		return false;
	if (host > UINT16_MAX)
		return fail(err, "Parameter 'host-id' is larger than 65535");
	if (region > UINT8_MAX)
		return fail(err, "Parameter 'region' is larger than 255");
	request->host_id = host;
	request->region = region;
	json_object_object_get_ex(call->arguments, "extents", &extents);
	count = extents ? json_object_array_length(extents) : 0;
	if (count > SPANS_MAX)
		return fail(err, "Parameter 'extents' has more than %u elements", SPANS_MAX);
	spans = calloc(count + 1, sizeof(*spans));
	if (!spans)
		return fail(err, "out of memory");
	request->spans = spans;
	request->count = count;
	for (size_t n = 0; n < count; n++) {
		struct json_object *extent = json_object_array_get_idx(extents, n);

		if (!take_number(extent, "offset", &spans[n].offset, err) ||
		    !take_number(extent, "len", &spans[n].size, err))
			return false;
	}
	return true;
}

bool qmp_add_dynamic_capacity(struct qmp_call *call, struct error *err)
{
	struct dev *dev = qmp_cxl_device(call, err);
	const char *policy = qmp_string(call, "selection-policy");
	struct cxl_dc_request request = {0};
	bool ok;

	if (!dev)
		return false;
	if (!strcmp(policy, "enable-shared-access"))
		return fail(
			err,
			"selection-policy 'enable-shared-access' is about several hosts; the device has one: use prescriptive");
	request.selection = !strcmp(policy, "free")       ? CXL_DC_FREE :
			    !strcmp(policy, "contiguous") ? CXL_DC_CONTIGUOUS :
							    CXL_DC_PRESCRIPTIVE;
	ok = take_request(call, &request, err) && cxl_dc_add(dev, &request, err);
	free((void *)request.spans);
	return ok;
}

bool qmp_release_dynamic_capacity(struct qmp_call *call, struct error *err)
{
	struct dev *dev = qmp_cxl_device(call, err);
	struct cxl_dc_request request = {0};
	bool ok;

	if (!dev)
		return false;
	request.by_tag = !strcmp(qmp_string(call, "removal-policy"), "tag-based");
	request.forced = take_flag(call, "forced-removal");
	request.sanitize = take_flag(call, "sanitize-on-release");
	ok = take_request(call, &request, err) && cxl_dc_release(dev, &request, err);
	free((void *)request.spans);
	return ok;
}

static void add_extent(void *arg, const struct cxl_dc_facts *f)
{
	struct json_object *e = json_object_new_object();
	char tag[2 * TAG_BYTES + 5];
	unsigned at = 0;

	for (unsigned n = 0; n < TAG_BYTES; n++)
		at += snprintf(tag + at, sizeof(tag) - at, n == 4 || n == 6 || n == 8 || n == 10 ? "-%02x" : "%02x",
			       f->tag[n]);
	qmp_put_bool(e, "accepted", f->accepted);
	qmp_put_u64(e, "region", f->region);
	qmp_put_u64(e, "offset", f->offset);
	qmp_put_u64(e, "len", f->size);
	qmp_put_u64(e, "dpa", f->dpa);
	qmp_put_u64(e, "sequence", f->sequence);
	qmp_put_string(e, "tag", tag);
	json_object_array_add(arg, e);
}

bool qmp_query_dynamic_capacity(struct qmp_call *call, struct error *err)
{
	struct dev *dev = qmp_cxl_device(call, err);

	if (!dev)
		return false;
	call->result = json_object_new_array();
	return cxl_dc_each(dev, add_extent, call->result) ||
	       fail(err, "%s has no dynamic capacity; give it volatile-dc-memdev=ID and num-dc-regions=N",
		    dev_name(dev));
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

bool qmp_fm_request(struct qmp_call *call, struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	const char *text = qmp_string(call, "payload");
	size_t length = text ? strlen(text) : 0;
	u8 payload[CXL_FM_PAYLOAD_MAX];
	char hex[2 * CXL_FM_PAYLOAD_MAX + 1];
	struct cxl_fm_answer answer;
	u64 opcode;

	if (!qmp_u64(call, "opcode", &opcode, err))
		return false;
	if (opcode > UINT16_MAX)
		return fail(err, "Parameter 'opcode' is larger than 65535");
	if (length % 2 || length > 2 * sizeof(payload))
		return fail(err, "Parameter 'payload' expects 0 to %u bytes of two hexadecimal digits each",
			    CXL_FM_PAYLOAD_MAX);
	for (size_t n = 0; n < length; n += 2) {
		int high = hex_digit(text[n]), low = hex_digit(text[n + 1]);

		if (high < 0 || low < 0)
			return fail(err, "Parameter 'payload' expects hexadecimal digits, not '%.2s'", text + n);
		payload[n / 2] = high << 4 | low;
	}
	if (!cxl_fm_request(machine_cxl_host(call->machine), qmp_string(call, "path"), opcode, payload, length / 2,
			    &answer, err))
		return false;
	for (u32 n = 0; n < answer.length; n++) {
		hex[2 * n] = digits[answer.payload[n] >> 4];
		hex[2 * n + 1] = digits[answer.payload[n] & 0xf];
	}
	hex[2 * answer.length] = 0;
	call->result = json_object_new_object();
	qmp_put_u64(call->result, "return-code", answer.code);
	qmp_put_string(call->result, "payload", hex);
	return true;
}
