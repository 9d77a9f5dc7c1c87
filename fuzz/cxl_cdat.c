/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: the bytes of a cdat= file. The checksum is put right, so that what lies behind it is reached; an
 * accepted table is served entry by entry. `make fuzz`. */
#include "../tests/unit/cxl/fixture.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct cdat cdat = {.name = "x"};
	struct cxl_performance performance = {0};
	struct error err;
	u8 *copy = malloc(size + 1), sum = 0;
	u32 answer[256];

	if (size)
		memcpy(copy, data, size);
	if (size >= CDAT_HEADER_BYTES) {
		store_le(copy, 4, size);
		for (size_t n = 0; n < size; n++)
			sum += copy[n];
		copy[5] -= sum;
	}
	for (unsigned is_switch = 0; is_switch < 2; is_switch++) {
		if (size > CDAT_BYTES_MAX || !cdat_check("f", copy, size, is_switch, &err))
			continue;
		memcpy(cdat.bytes, copy, size);
		cdat.size = size;
		cdat_read_performance(&cdat, load_le(copy + 8, 8), &performance);
		for (u32 handle = 0; handle < 64; handle++)
			cdat_serve(&cdat, (u32[]){0, 3, handle << 16}, 3, answer, ARRAY_SIZE(answer));
	}
	free(copy);
	return 0;
}
