/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event records from outside: which field stands where. [CXL3.2 8.2.10.2.1, tables 8-55 to 8-60] One row per field, by
 * the name that monitors use; what injects a record and what shows one both go by these rows. A field that may be
 * missing has a bit that says whether it is there: in the record's validity flags or, for those of the common part, in
 * its flags.
 */
#include "cxl/host.h"
#include "cxl/type3.h"

#define FLAGS_AT 17
#define MEDIA_VALID 59
#define MODULE_VALID 67
#define ALWAYS .valid_at = 0

static const struct cxl_record_field common_fields[] = {
	{"flags", FLAGS_AT, 3, ALWAYS}, {"maint-op-class", 32, 1, ALWAYS}, {"maint-op-subclass", 33, 1, FLAGS_AT, 6},
	{"ld-id", 34, 2, FLAGS_AT, 7},  {"head-id", 36, 1, FLAGS_AT, 8},   {0},
};

/* clang-format off */
#define MEDIA_FIELDS                                                                                                   \
	{"dpa", GENERAL_MEDIA_DPA, 8, ALWAYS}, {"descriptor", GENERAL_MEDIA_DESCRIPTOR, 1, ALWAYS},                    \
	{"type", GENERAL_MEDIA_TYPE, 1, ALWAYS}, {"transaction-type", GENERAL_MEDIA_TRANSACTION, 1, ALWAYS},           \
	{"channel", 61, 1, MEDIA_VALID, 0}, {"rank", 62, 1, MEDIA_VALID, 1}
/* clang-format on */

static const struct cxl_record_field general_media_fields[] = {
	MEDIA_FIELDS,
	{"device", 63, 3, MEDIA_VALID, 2},
	{"component-id", 66, 16, MEDIA_VALID, 3, .format_bit = 4},
	{"cme-ev-flags", 82, 1, ALWAYS},
	{"cme-count", 83, 3, ALWAYS},
	{"sub-type", 86, 1, ALWAYS},
	{0},
};

static const struct cxl_record_field dram_fields[] = {
	MEDIA_FIELDS,
	{"nibble-mask", 63, 3, MEDIA_VALID, 2},
	{"bank-group", 66, 1, MEDIA_VALID, 3},
	{"bank", 67, 1, MEDIA_VALID, 4},
	{"row", 68, 3, MEDIA_VALID, 5},
	{"column", 71, 2, MEDIA_VALID, 6},
	{"correction-mask", 73, 32, MEDIA_VALID, 7},
	{"component-id", 105, 16, MEDIA_VALID, 8, .format_bit = 9},
	{"sub-channel", 121, 1, MEDIA_VALID, 10},
	{"cme-ev-flags", 122, 1, ALWAYS},
	{"cvme-count", 123, 3, ALWAYS},
	{"sub-type", 126, 1, ALWAYS},
	{0},
};

static const struct cxl_record_field memory_module_fields[] = {
	{"type", 48, 1, ALWAYS},
	{"health-status", 49, 1, ALWAYS},
	{"media-status", 50, 1, ALWAYS},
	{"additional-status", 51, 1, ALWAYS},
	{"life-used", 52, 1, ALWAYS},
	{"temperature", 53, 2, ALWAYS, .is_signed = true},
	{"dirty-shutdown-count", 55, 4, ALWAYS},
	{"corrected-volatile-error-count", 59, 4, ALWAYS},
	{"corrected-persistent-error-count", 63, 4, ALWAYS},
	{"component-id", 69, 16, MODULE_VALID, 0, .format_bit = 1},
	{"sub-type", 85, 1, ALWAYS},
	{0},
};

static const struct cxl_record_field memory_sparing_fields[] = {
	{"operation-class", SPARING_CLASS_AT, 1, ALWAYS},
	{"operation-subclass", SPARING_SUBCLASS_AT, 1, ALWAYS},
	{"sparing-flags", SPARING_FLAGS, 1, ALWAYS},
	{"result", SPARING_RESULT, 1, ALWAYS},
	{"spares", SPARING_SPARES, 2, ALWAYS},
	{"channel", SPARING_ADDRESS, 1, SPARING_VALID, 0},
	{"rank", 63, 1, SPARING_VALID, 1},
	{"nibble-mask", 64, 3, SPARING_VALID, 2},
	{"bank-group", 67, 1, SPARING_VALID, 3},
	{"bank", 68, 1, SPARING_VALID, 4},
	{"row", 69, 3, SPARING_VALID, 5},
	{"column", 72, 2, SPARING_VALID, 6},
	{"component-id", 74, 16, SPARING_VALID, 7, .format_bit = 8},
	{"sub-channel", SPARING_SUB_CHANNEL, 1, SPARING_VALID, 9},
	{0},
};

const struct cxl_record_kind cxl_record_kinds[CXL_RECORD_KINDS] = {
	[CXL_RECORD_GENERAL_MEDIA] = {"general-media",
				      {0xfb, 0xcd, 0x0a, 0x77, 0xc2, 0x60, 0x41, 0x7f, 0x85, 0xa9, 0x08, 0x8b, 0x16,
				       0x21, 0xeb, 0xa6},
				      general_media_fields},
	[CXL_RECORD_DRAM] = {"dram",
			     {0x60, 0x1d, 0xcb, 0xb3, 0x9c, 0x06, 0x4e, 0xab, 0xb8, 0xaf, 0x4e, 0x9b, 0xfb, 0x5c, 0x96,
			      0x24},
			     dram_fields},
	[CXL_RECORD_MEMORY_MODULE] = {"memory-module",
				      {0xfe, 0x92, 0x74, 0x75, 0xdd, 0x59, 0x43, 0x39, 0xa5, 0x86, 0x79, 0xba, 0xb1,
				       0x13, 0xb7, 0x74},
				      memory_module_fields},
	[CXL_RECORD_MEMORY_SPARING] = {"memory-sparing",
				       {0xe7, 0x1f, 0x3a, 0x40, 0x2d, 0x29, 0x40, 0x92, 0x8a, 0x39, 0x4d, 0x1c, 0x96,
					0x6c, 0x7c, 0x65},
				       memory_sparing_fields},
	[CXL_RECORD_DYNAMIC] = {"dynamic-capacity",
				{0xca, 0x95, 0xaf, 0xa7, 0xf1, 0x83, 0x40, 0x18, 0x8c, 0x2f, 0x95, 0x26, 0x8e, 0x10,
				 0x1a, 0x2a},
				NULL},
};

const struct cxl_record_kind *cxl_record_kind_of(const u8 *record)
{
	for (unsigned n = 0; n < CXL_RECORD_KINDS; n++)
		if (!memcmp(cxl_record_kinds[n].uuid, record, sizeof(cxl_record_kinds[n].uuid)))
			return &cxl_record_kinds[n];
	return NULL;
}

void cxl_record_each(const struct cxl_record_kind *kind, void (*each)(void *arg, const struct cxl_record_field *field),
		     void *arg)
{
	for (const struct cxl_record_field *f = common_fields; f->name; f++)
		each(arg, f);
	for (const struct cxl_record_field *f = kind ? kind->fields : NULL; f && f->name; f++)
		each(arg, f);
}

bool cxl_record_has(const u8 *record, const struct cxl_record_field *field)
{
	return !field->valid_at ||
	       bit(load_le(record + field->valid_at, field->valid_at == FLAGS_AT ? 3 : 2), field->valid_bit);
}

void cxl_record_mark(u8 *record, const struct cxl_record_field *field)
{
	if (field->valid_at)
		record[field->valid_at + field->valid_bit / 8] |= 1u << field->valid_bit % 8;
}

void cxl_record_mark_format(u8 *record, const struct cxl_record_field *field)
{
	record[field->valid_at + field->format_bit / 8] |= 1u << field->format_bit % 8;
}

void cxl_event_inject(struct dev *dev, unsigned log, const u8 *record)
{
	assert(dev->cls == &cxl_type3_class && log <= EVENT_FATAL);
	event_add((struct cxl_type3 *)dev, log, record);
}

bool cxl_events_each(struct dev *dev, void (*each)(void *arg, const struct cxl_log_facts *facts), void *arg)
{
	static const char *const names[EVENT_LOGS] = {"informational", "warning", "failure", "fatal",
						      "dynamic-capacity"};
	const struct cxl_type3 *device = (const struct cxl_type3 *)dev;

	if (dev->cls != &cxl_type3_class)
		return false;
	for (unsigned n = 0; n < (device->dc ? EVENT_LOGS : EVENT_DYNAMIC); n++) {
		const struct event_log *log = &device->events[n];
		struct cxl_log_facts facts = {.name = names[n],
					      .count = log->count,
					      .overflow = log->overflow_count,
					      .room = event_log_room(device, n),
					      .interrupts = (log->policy & EVENT_IRQ_MODE) == EVENT_IRQ_MSI,
					      .records = log->records[0]};

		each(arg, &facts);
	}
	return true;
}
