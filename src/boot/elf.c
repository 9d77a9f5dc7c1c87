/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF64 for AArch64, statically linked: PT_LOAD segments at their physical addresses, the entry point translated from
 * the segment that holds it. [ELF gABI, AAELF64]
 */
#include "boot/boot_private.h"

#include <elf.h>
#include <string.h>

#include "base/bits.h"

enum { ELF_SEGMENTS_SCANNED_MAX = 256 };

bool elf_is(const u8 *file, u64 size)
{
	return size >= SELFMAG && !memcmp(file, ELFMAG, SELFMAG);
}

static bool check_header(const char *name, const Elf64_Ehdr *e, u64 size, struct error *err)
{
	if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB || e->e_machine != EM_AARCH64)
		return fail(
			err,
			"-kernel %s: ELF file is for another machine (class %u, data %u, machine %u); must be 64-bit "
			"little-endian AArch64",
			name, e->e_ident[EI_CLASS], e->e_ident[EI_DATA], e->e_machine);
	if (e->e_type != ET_EXEC && e->e_type != ET_DYN)
		return fail(err, "-kernel %s: ELF file is not a program (type %u); link it", name, e->e_type);
	if (e->e_phentsize != sizeof(Elf64_Phdr) || !e->e_phnum || e->e_phnum > ELF_SEGMENTS_SCANNED_MAX ||
	    !range_ok(e->e_phoff, (u64)e->e_phnum * sizeof(Elf64_Phdr), size))
		return fail(err,
			    "-kernel %s: ELF file is truncated or damaged: program headers at %llu, file of %llu bytes",
			    name, (unsigned long long)e->e_phoff, (unsigned long long)size);
	return true;
}

static bool add_segment(const char *name, struct kernel *kernel, const Elf64_Phdr *p, struct error *err)
{
	struct kernel_segment *s;
	unsigned i;
	u64 end;

	if (!range_ok(p->p_offset, p->p_filesz, kernel->size))
		return fail(err, "-kernel %s: ELF file is truncated: segment of %llu bytes at %llu, file of %llu bytes",
			    name, (unsigned long long)p->p_filesz, (unsigned long long)p->p_offset,
			    (unsigned long long)kernel->size);
	if (p->p_memsz < p->p_filesz || p->p_memsz > KERNEL_FILE_MAX || !add_ok(p->p_paddr, p->p_memsz, &end))
		return fail(err,
			    "-kernel %s: ELF file is damaged: segment at %#llx has size %#llx, at most %#llx is taken",
			    name, (unsigned long long)p->p_paddr, (unsigned long long)p->p_memsz, KERNEL_FILE_MAX);
	for (i = 0; i < kernel->segment_count; i++) {
		s = &kernel->segments[i];
		if (p->p_paddr < s->pa + s->memory_size && s->pa < end)
			return fail(err, "-kernel %s: ELF segments at %#llx and %#llx overlap", name,
				    (unsigned long long)s->pa, (unsigned long long)p->p_paddr);
	}
	if (kernel->segment_count == KERNEL_SEGMENTS_MAX)
		return fail(err, "-kernel %s: ELF file has more than %d segments to load", name, KERNEL_SEGMENTS_MAX);
	s = &kernel->segments[kernel->segment_count++];
	s->pa = p->p_paddr;
	s->offset = p->p_offset;
	s->file_size = p->p_filesz;
	s->memory_size = p->p_memsz;
	return true;
}

bool elf_parse(const char *name, struct kernel *kernel, struct error *err)
{
	bool has_entry = false;
	Elf64_Ehdr e;
	unsigned i;

	kernel->kind = KERNEL_ELF;
	if (kernel->size < sizeof(e))
		return fail(err, "-kernel %s: ELF file is truncated: %llu bytes", name,
			    (unsigned long long)kernel->size);
	memcpy(&e, kernel->data, sizeof(e));
	if (!check_header(name, &e, kernel->size, err))
		return false;
	for (i = 0; i < e.e_phnum; i++) {
		Elf64_Phdr p;

		memcpy(&p, kernel->data + e.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_INTERP)
			return fail(err, "-kernel %s: ELF file is dynamically linked; link it statically", name);
		if (p.p_type != PT_LOAD || !p.p_memsz)
			continue;
		if (!add_segment(name, kernel, &p, err))
			return false;
		if (e.e_entry >= p.p_vaddr && e.e_entry - p.p_vaddr < p.p_memsz) {
			kernel->entry = e.e_entry - p.p_vaddr + p.p_paddr;
			has_entry = true;
		}
	}
	if (!kernel->segment_count)
		return fail(err, "-kernel %s: ELF file has nothing to load", name);
	if (!has_entry || kernel->entry & 3)
		return fail(err, "-kernel %s: ELF entry point %#llx is in no segment, or not a multiple of 4", name,
			    (unsigned long long)e.e_entry);
	return true;
}
