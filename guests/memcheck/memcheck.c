/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcheck NODE MIB: binds MIB MiB to a NUMA node, writes a pattern, reads it back, checks that the pages are really
 * there, and executes code from it. Exits 0 when all holds. Static arm64 program for the guest.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { POLICY_BIND = 2, NODE_OF_ADDRESS = 3 /* MPOL_F_NODE | MPOL_F_ADDR */ };

int main(int argc, char **argv)
{
	unsigned long node = argc > 1 ? strtoul(argv[1], NULL, 0) : 1, mib = argc > 2 ? strtoul(argv[2], NULL, 0) : 16;
	unsigned long mask[16] = {0};
	size_t words = mib << 17;
	uint64_t *memory;
	int where = -1;

	if (node >= 1024 || !mib)
		return 2;
	mask[node / 64] = 1ul << (node % 64);
	memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	if (syscall(SYS_mbind, memory, mib << 20, POLICY_BIND, mask, 1025ul, 0)) {
		perror("mbind");
		return 1;
	}
	for (size_t i = 0; i < words; i++)
		memory[i] = i * 0x9e3779b97f4a7c15u;
	for (size_t i = 0; i < words; i++) {
		if (memory[i] != i * 0x9e3779b97f4a7c15u) {
			printf("word %zu reads %#lx\n", i, (unsigned long)memory[i]);
			return 1;
		}
	}
	for (size_t page = 0; page < words; page += words / 7 + 1) {
		if (syscall(SYS_get_mempolicy, &where, NULL, 0ul, &memory[page], NODE_OF_ADDRESS) ||
		    where != (int)node) {
			printf("page at word %zu is on node %d\n", page, where);
			return 1;
		}
	}
	/* mov w0, #n; ret - in every page of the first megabyte. */
	for (unsigned i = 0; i < 256; i++) {
		uint32_t *code = (uint32_t *)((char *)memory + i * 4096u);

		code[0] = 0x52800000u | i << 5;
		code[1] = 0xd65f03c0u;
		__builtin___clear_cache((char *)code, (char *)(code + 2));
		if (((int (*)(void))code)() != (int)i) {
			printf("code in page %u returned a wrong value\n", i);
			return 1;
		}
	}
	printf("node %lu: %lu MiB written, read back and executed from\n", node, mib);
	return 0;
}
