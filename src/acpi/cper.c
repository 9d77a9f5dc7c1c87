/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections of error records, from plain facts. [UEFI2.10 N.2.5, N.2.13, N.2.14] Each function returns the bytes
 * written. */
#include <string.h>

#include "acpi/acpi.h"
#include "base/bits.h"

const u8 cper_memory_type[16] = {0x14, 0x11, 0xbc, 0xa5, 0x64, 0x6f, 0xde, 0x4e,
				 0xb8, 0x63, 0x3e, 0x83, 0xed, 0x7c, 0x83, 0xb1};
const u8 cper_cxl_protocol_type[16] = {0xb4, 0xef, 0xb9, 0x80, 0xb5, 0x52, 0xe3, 0x4d,
				       0xa7, 0x77, 0x68, 0x78, 0x4b, 0x77, 0x10, 0x48};

/* N.2.5 Memory error section. */
enum { MEMORY_BYTES = 80, MEMORY_VALID_PA = 1 << 1, MEMORY_VALID_PA_MASK = 1 << 2, MEMORY_VALID_TYPE = 1 << 14 };

u32 cper_memory_section(u8 *to, u64 pa, u64 bytes, u8 error_type)
{
	memset(to, 0, MEMORY_BYTES);
	store_le(to, 8, MEMORY_VALID_PA | MEMORY_VALID_PA_MASK | MEMORY_VALID_TYPE);
	store_le(to + 16, 8, pa);
	store_le(to + 24, 8, ~(bytes - 1));
	to[72] = error_type;
	return MEMORY_BYTES;
}

/* N.2.13 CXL protocol error section: the RAS capability follows the fixed part, as there is no DVSEC. */
enum { PROTOCOL_BYTES = 116, PROTOCOL_VALID = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 6, PROTOCOL_VALID_SERIAL = 1 << 3 };

u32 cper_cxl_protocol_section(u8 *to, const struct cper_cxl_agent *agent, const u8 *ras, u32 ras_bytes)
{
	memset(to, 0, PROTOCOL_BYTES);
	store_le(to, 8, PROTOCOL_VALID | (agent->serial ? PROTOCOL_VALID_SERIAL : 0));
	to[8] = agent->type;
	to[16] = agent->function;
	to[17] = agent->device;
	to[18] = agent->bus;
	store_le(to + 19, 2, agent->segment);
	store_le(to + 24, 2, agent->vendor_id);
	store_le(to + 26, 2, agent->device_id);
	store_le(to + 28, 2, agent->subsystem_vendor_id);
	store_le(to + 30, 2, agent->subsystem_id);
	store_le(to + 32, 2, agent->class_code);
	store_le(to + 40, 8, agent->serial);
	store_le(to + 110, 2, ras_bytes);
	memcpy(to + PROTOCOL_BYTES, ras, ras_bytes);
	return PROTOCOL_BYTES + ras_bytes;
}

/* N.2.14 CXL component event section: the record less its identifier, which is the section's type. */
enum { EVENT_HEADER_BYTES = 32, EVENT_ID_BYTES = 16, EVENT_VALID = 1 << 0 | 1 << 2, EVENT_VALID_SERIAL = 1 << 1 };

void cper_cxl_event_type(u8 type[16], const u8 *record)
{
	static const u8 from[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (unsigned n = 0; n < 16; n++)
		type[n] = record[from[n]];
}

u32 cper_cxl_event_section(u8 *to, const struct cper_cxl_agent *agent, const u8 *record, u32 record_bytes)
{
	u32 bytes = EVENT_HEADER_BYTES + record_bytes - EVENT_ID_BYTES;

	memset(to, 0, EVENT_HEADER_BYTES);
	store_le(to, 4, bytes);
	store_le(to + 4, 8, EVENT_VALID | (agent->serial ? EVENT_VALID_SERIAL : 0));
	store_le(to + 12, 2, agent->vendor_id);
	store_le(to + 14, 2, agent->device_id);
	to[16] = agent->function;
	to[17] = agent->device;
	to[18] = agent->bus;
	store_le(to + 19, 2, agent->segment);
	store_le(to + 24, 8, agent->serial);
	memcpy(to + EVENT_HEADER_BYTES, record + EVENT_ID_BYTES, record_bytes - EVENT_ID_BYTES);
	return bytes;
}
