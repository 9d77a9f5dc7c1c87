/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FM-owned LD of a memory device: the command interface that a fabric manager reaches through a tunnel; and behind
 * a tunnel of its own LD 0, which says what it is. [CXL3.1 7.6.7.6, 8.2.9.1] Extents are chosen, offered and asked back
 * by dynamic.c, as they are for a monitor; the device has one host, 0. Machine lock.
 */
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define ADD_FREE BIT(0)
#define ADD_CONTIGUOUS BIT(1)
#define ADD_PRESCRIPTIVE BIT(2)
#define REMOVE_BY_TAG BIT(0)
#define REMOVE_PRESCRIPTIVE BIT(1)
#define EXTENT_BYTES 40
#define REGION_SHAREABLE BIT(3) /* of Get Host DC Region Configuration */
#define RELEASE_PRESCRIPTIVE 1
#define RELEASE_FORCED BIT(4)
#define RELEASE_SANITIZE BIT(5)

static struct cci ld_cci(struct cxl_type3 *dev);

static u16 cmd_identify(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 2, pci_config_read(&dev->pci, 0x00, 2));
	mbox_put(out, 2, pci_config_read(&dev->pci, 0x02, 2));
	mbox_put(out, 2, pci_config_read(&dev->pci, 0x2c, 2));
	mbox_put(out, 2, pci_config_read(&dev->pci, 0x2e, 2));
	mbox_put(out, 8, dev->number);
	mbox_put(out, 1, CXL_RESPONSE_LIMIT_MAX);
	mbox_put(out, 1, CXL_COMPONENT_TYPE3);
	return CXL_SUCCESS;
}

static u16 cmd_get_response_limit(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 1, dev->response_limit);
	return CXL_SUCCESS;
}

static u16 cmd_set_response_limit(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u8 limit = mbox_get(in, 1);

	if (limit < CXL_RESPONSE_LIMIT_MIN || limit > CXL_RESPONSE_LIMIT_MAX)
		return CXL_INVALID_INPUT;
	dev->response_limit = limit;
	mbox_put(out, 1, limit);
	return CXL_SUCCESS;
}

static u16 cmd_supported_logs(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct cci cci = fm_ld_cci(dev);

	return cel_only_supported(&cci, out);
}

static u16 cmd_log(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct cci cci = fm_ld_cci(dev);

	return cel_only_get(&cci, in, out);
}

static u16 cmd_ld_supported_logs(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct cci cci = ld_cci(dev);

	return cel_only_supported(&cci, out);
}

static u16 cmd_ld_log(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct cci cci = ld_cci(dev);

	return cel_only_get(&cci, in, out);
}

/* On to the device's one LD, number 0. */
static u16 cmd_tunnel(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	unsigned id = mbox_get(in, 1), target = mbox_get(in, 1) & 0xf;
	u32 size = mbox_get(in, 2);
	struct cci ld = ld_cci(dev);

	return cci_tunnel(id || target != TUNNEL_TO_PORT ? NULL : &ld, size, in, out);
}

static u16 cmd_get_dcd_info(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	const struct dynamic *dc = dev->dc;

	mbox_put(out, 1, 1); /* hosts */
	mbox_put(out, 1, dc->region_count);
	mbox_put(out, 2, 0);
	mbox_put(out, 2, ADD_FREE | ADD_CONTIGUOUS | ADD_PRESCRIPTIVE);
	mbox_put(out, 2, 0);
	mbox_put(out, 2, REMOVE_BY_TAG | REMOVE_PRESCRIPTIVE);
	mbox_put(out, 1, ones(dc->region_count)); /* regions whose sanitize-on-release can be set */
	mbox_put(out, 1, 0);
	mbox_put(out, 8, dev->dynamic_bytes / CXL_CAPACITY_UNIT);
	for (unsigned n = 0; n < DC_REGIONS_MAX; n++)
		mbox_put(out, 8, n < dc->region_count ? DC_BLOCK : 0); /* a mask of powers of two */
	return CXL_SUCCESS;
}

static u16 cmd_get_host_regions(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	const struct dynamic *dc = dev->dc;
	u64 host = mbox_get(in, 2);
	unsigned most = mbox_get(in, 1), first = mbox_get(in, 1), count;

	if (host || first >= dc->region_count)
		return CXL_INVALID_INPUT;
	count = dynamic_regions_that_fit(dc, out, 4, first, most);
	mbox_put(out, 2, 0);
	mbox_put(out, 1, dc->region_count);
	mbox_put(out, 1, count);
	for (unsigned n = first; n < first + count; n++) {
		mbox_put(out, 8, dynamic_region_base(dc, n));
		mbox_put(out, 8, dc->region_size / CXL_CAPACITY_UNIT);
		mbox_put(out, 8, dc->region_size);
		mbox_put(out, 8, DC_BLOCK);
		mbox_put(out, 1, dc->shareable ? REGION_SHAREABLE : 0);
		mbox_put_zeros(out, 3);
		mbox_put(out, 1, dc->sanitize_regions >> n & 1);
		mbox_put_zeros(out, 3);
	}
	dynamic_put_left(dc, out);
	return CXL_SUCCESS;
}

static u16 cmd_set_region(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	unsigned region = mbox_get(in, 1), sanitize;
	u64 block;

	mbox_get(in, 3);
	block = mbox_get(in, 8);
	sanitize = mbox_get(in, 1) & 1;
	if (region >= dev->dc->region_count)
		return CXL_INVALID_INPUT;
	return block == DC_BLOCK ? dynamic_configure(dev, region, sanitize) : CXL_UNSUPPORTED;
}

static u16 cmd_get_extents(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	const struct dynamic *dc = dev->dc;
	u64 host = mbox_get(in, 4) & 0xffff;
	u32 most = mbox_get(in, 4), first = mbox_get(in, 4);

	if (host || first > dc->accepted_count)
		return CXL_INVALID_INPUT;
	mbox_put(out, 4, host);
	mbox_put(out, 4, first);
	if (out->bad)
		return CXL_INTERNAL_ERROR;
	dynamic_put_extents(dc, out, first, most);
	return CXL_SUCCESS;
}

/* What both directions begin with; the extents become spans. CXL_SUCCESS: whole and within the regions. A list of
 * extents comes with prescriptive requests alone, and of these region, length and tag are reserved: the extents say.
 * A release names no region. [CXL3.1 7.6.7.6.5, 7.6.7.6.6] */
static u16 take_request(struct cxl_type3 *dev, struct mbox_in *in, struct cxl_dc_request *request,
			struct cxl_dc_span *spans, u8 (*tags)[16], u8 *how, u64 *length, bool release)
{
	const struct dynamic *dc = dev->dc;
	const u8 *tag;
	u32 count;
	u64 base = dynamic_region_base(dc, 0), size = dc->region_size * dc->region_count;
	bool prescriptive;

	request->host_id = mbox_get(in, 2);
	*how = mbox_get(in, 1);
	request->region = mbox_get(in, 1);
	*length = mbox_get(in, 8);
	tag = mbox_get_bytes(in, 16);
	prescriptive = (*how & 0xf) == (release ? RELEASE_PRESCRIPTIVE : CXL_DC_PRESCRIPTIVE);
	if (mbox_left(in) < 4 && (mbox_left(in) || prescriptive))
		return CXL_INVALID_PAYLOAD_LENGTH;
	count = mbox_left(in) ? mbox_get(in, 4) : 0;
	if (!tag || mbox_left(in) != (u64)count * EXTENT_BYTES)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (request->host_id || (!release && !prescriptive && request->region >= dc->region_count))
		return CXL_INVALID_INPUT;
	if (!prescriptive && !release && (!*length || !is_aligned(*length, DC_BLOCK)) &&
	    (*how & 0xf) < CXL_DC_PRESCRIPTIVE)
		return CXL_INVALID_INPUT;
	if (count > DC_EXTENTS_MAX)
		return CXL_RESOURCES_EXHAUSTED;
	memcpy(request->tag, tag, 16);
	request->spans = spans;
	if (release || prescriptive)
		request->region = CXL_DC_ANY_REGION;
	if (!prescriptive)
		return CXL_SUCCESS;
	for (u32 n = 0; n < count; n++) {
		u64 dpa = mbox_get(in, 8);

		spans[n] = (struct cxl_dc_span){dpa - base, mbox_get(in, 8)};
		memcpy(tags[n], mbox_get_bytes(in, 16), 16);
		mbox_get_bytes(in, EXTENT_BYTES - 32);
		if (!range_ok(spans[n].offset, spans[n].size, size) || dpa < base)
			return CXL_INVALID_PHYSICAL_ADDRESS;
	}
	request->count = count;
	return CXL_SUCCESS;
}

static u16 refused(const struct cxl_type3 *dev, const struct error *err)
{
	trace(MBOX, "%s", err->text);
	return dev->dc->refused;
}

/* Of an addition a place that is not there is a fault of its list. [CXL3.1 7.6.7.6.5] */
static u16 addition_code(u16 code)
{
	return code == CXL_INVALID_PHYSICAL_ADDRESS ? CXL_INVALID_EXTENT_LIST : code;
}

static u16 cmd_initiate_add(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct cxl_dc_span spans[DC_EXTENTS_MAX];
	struct cxl_dc_request request = {0};
	struct error err = {0};
	u8 tags[DC_EXTENTS_MAX][16], how;
	u64 length;
	u16 code = take_request(dev, in, &request, spans, tags, &how, &length, false);

	if (code != CXL_SUCCESS)
		return addition_code(code);
	if ((how & 0xf) > CXL_DC_PRESCRIPTIVE)
		return CXL_INVALID_INPUT; /* not supported: shared access is for several hosts */
	request.selection = how & 0xf;
	if (request.selection == CXL_DC_PRESCRIPTIVE) {
		request.tags = (const u8(*)[16])tags;
	} else {
		spans[0] = (struct cxl_dc_span){0, length};
		request.count = 1;
	}
	/* Free: where it does not fit in one piece, piece by piece from below. */
	if (request.selection == CXL_DC_FREE) {
		request.count = dynamic_free_spans(dev->dc, request.region, length, spans);
		if (!request.count)
			return CXL_RESOURCES_EXHAUSTED;
		request.selection = CXL_DC_PRESCRIPTIVE;
	}
	return cxl_dc_add(&dev->pci.dev, &request, &err) ? CXL_SUCCESS : addition_code(refused(dev, &err));
}

static u16 cmd_initiate_release(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct cxl_dc_span spans[DC_EXTENTS_MAX];
	struct cxl_dc_request request = {0};
	struct error err = {0};
	u8 tags[DC_EXTENTS_MAX][16], how;
	u16 code = take_request(dev, in, &request, spans, tags, &how, &request.length, true);

	if (code != CXL_SUCCESS)
		return code;
	if ((how & 0xf) > RELEASE_PRESCRIPTIVE)
		return CXL_INVALID_INPUT;
	request.by_tag = !(how & 0xf);
	request.forced = how & RELEASE_FORCED;
	request.sanitize = how & RELEASE_SANITIZE;
	return cxl_dc_release(&dev->pci.dev, &request, &err) ? CXL_SUCCESS : refused(dev, &err);
}

#define EFFECT_CAPACITY                                                                                                \
	(EFFECT_COLD_RESET_CONFIG | EFFECT_IMMEDIATE_CONFIG | EFFECT_IMMEDIATE_DATA | EFFECT_RESETS_VALID |            \
	 EFFECT_CONVENTIONAL_RESET_CONFIG | EFFECT_CXL_RESET_CONFIG)
/* clang-format off */
static const struct mbox_command fm_commands[] = {
	/* opcode  name                          input      effects                                        run  section */
	{0x0001, "identify",                     0, 0,      0, cmd_identify, "8.2.9.1.1"},
	{0x0003, "get response message limit",   0, 0,      0, cmd_get_response_limit, "8.2.9.1.3"},
	{0x0004, "set response message limit",   1, 1,      0, cmd_set_response_limit, "8.2.9.1.4"},
	{0x0300, "get timestamp",                0, 0,      0, cmd_get_timestamp, "8.2.9.4.1"},
	{0x0400, "get supported logs",           0, 0,      0, cmd_supported_logs, "8.2.9.5.1"},
	{0x0401, "get log",                      24, 24,    0, cmd_log, "8.2.9.5.2"},
	{0x5300, "tunnel management command",    TUNNEL_HEADER_BYTES + CCI_HEADER_BYTES, WHOLE_PAYLOAD, 0, cmd_tunnel, "7.6.7.3.1"},
	{0x5600, "get DCD info",                 0, 0,      0, cmd_get_dcd_info, "7.6.7.6.1", NEEDS_DYNAMIC},
	{0x5601, "get host DC region configuration", 4, 4,  0, cmd_get_host_regions, "7.6.7.6.2", NEEDS_DYNAMIC},
	{0x5602, "set DC region configuration",  16, 16,    EFFECT_CAPACITY, cmd_set_region, "7.6.7.6.3", NEEDS_DYNAMIC},
	{0x5603, "get DC region extent lists",   12, 12,    0, cmd_get_extents, "7.6.7.6.4", NEEDS_DYNAMIC},
	{0x5604, "initiate dynamic capacity add", 28, WHOLE_PAYLOAD, EFFECT_CAPACITY, cmd_initiate_add, "7.6.7.6.5", NEEDS_DYNAMIC},
	{0x5605, "initiate dynamic capacity release", 28, WHOLE_PAYLOAD, EFFECT_CAPACITY, cmd_initiate_release, "7.6.7.6.6", NEEDS_DYNAMIC},
};
/* Of LD 0: what it is. */
static const struct mbox_command ld_commands[] = {
	{0x0001, "identify",                     0, 0,      0, cmd_identify, "8.2.9.1.1"},
	{0x0400, "get supported logs",           0, 0,      0, cmd_ld_supported_logs, "8.2.9.5.1"},
	{0x0401, "get log",                      24, 24,    0, cmd_ld_log, "8.2.9.5.2"},
};
/* clang-format on */

static struct cci ld_cci(struct cxl_type3 *dev)
{
	return (struct cci){ld_commands, ARRAY_SIZE(ld_commands), dev->name, .dev = dev,
			    .response_limit = &dev->response_limit};
}

struct cci fm_ld_cci(struct cxl_type3 *dev)
{
	return (struct cci){fm_commands, ARRAY_SIZE(fm_commands), dev->name, .dev = dev,
			    .response_limit = &dev->response_limit};
}
