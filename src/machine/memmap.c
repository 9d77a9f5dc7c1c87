/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/memmap.h"

const struct map_entry memory_map[MAP_COUNT] = {
#define MAP(name, base, size, text) {text, base, size},
	MEMORY_MAP(MAP)
#undef MAP
};

bool memory_map_check(u64 ram_size, u64 windows_end, unsigned pa_bits, const char *cpu_model, struct error *err)
{
	u64 limit = 1ull << pa_bits, end = windows_end;

	if (ram_size > memory_map[MAP_HIGH_GICR].base - memory_map[MAP_RAM].base)
		return fail(
			err,
			"-m: %llu MiB of RAM from %#llx overlap the %s at %#llx; use at most %llu MiB, and CXL memory for the rest",
			(unsigned long long)(ram_size / MiB), (unsigned long long)memory_map[MAP_RAM].base,
			memory_map[MAP_HIGH_GICR].name, (unsigned long long)memory_map[MAP_HIGH_GICR].base,
			(unsigned long long)((memory_map[MAP_HIGH_GICR].base - memory_map[MAP_RAM].base) / MiB));
	for (unsigned i = 0; i < MAP_COUNT; i++) {
		u64 e = memory_map[i].base + memory_map[i].size;

		if (i == MAP_CXL_WINDOWS && !windows_end)
			continue;
		if (e > end)
			end = e;
	}
	if (end > limit)
		return fail(
			err,
			"-cpu %s: its physical addresses end at %#llx (%u bits), the machine's memory map at %#llx; use -cpu max",
			cpu_model, (unsigned long long)limit, pa_bits, (unsigned long long)end);
	return true;
}

bool memory_map_check_window(unsigned n, u64 base, u64 size, u64 ram_size, struct error *err)
{
	for (unsigned i = 0; i < MAP_COUNT; i++) {
		const struct map_entry *e = &memory_map[i];
		u64 bytes = i == MAP_RAM ? ram_size : e->size;

		if (bytes && base < e->base + bytes && e->base < base + size)
			return fail(
				err,
				"CXL window %u at %#llx-%#llx overlaps the %s at %#llx-%#llx; move or shrink the window",
				n, (unsigned long long)base, (unsigned long long)(base + size - 1), e->name,
				(unsigned long long)e->base, (unsigned long long)(e->base + bytes - 1));
	}
	return true;
}
