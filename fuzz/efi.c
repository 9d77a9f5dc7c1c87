/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: the EFI runtime services: calls with any arguments, names and data in a small memory; everything else
 * faults. */
#define main efi_test_main
#include "../tests/unit/boot/efi_runtime_test.c"
#undef main
#include "fuzz.h"

#define USED 4096

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct world *w;
	static const u8 services[] = {GET_VAR, NEXT_VAR, SET_VAR, QUERY_VARS, SET_VAR, GET_TIME, SET_TIME, COUNT};
	struct input in = {data, size};

	if (!w)
		w = begin();
	memset(w->memory, 0, USED);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1), pointers = (u8)draw(&in, 1);
		u64 x[8], at;

		if (what & 1) {
			at = draw(&in, 2) % USED;
			draw_bytes(&in, w->memory + at, MIN(pointers & 63u, USED - at));
			continue;
		}
		for (unsigned i = 0; i < 8; i++)
			x[i] = pointers >> i & 1 ? BASE + draw(&in, 2) % (USED + 64) - 32 :
						   draw(&in, i == 2   ? 1 :
							     what & 2 ? 8 :
									2);
		efi_runtime_call(w->rt, &w->guest,
				 (u16)(what & 128 ? draw(&in, 2) : EFI_HVC_BASE + services[what >> 2 & 7]), x);
	}
	/* Variables outlive runs as they outlive resets; from time to time all begins anew. */
	if (size && data[0] == 0xff) {
		end(w);
		w = NULL;
	}
	return 0;
}
