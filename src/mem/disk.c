/* SPDX-License-Identifier: BSD-2-Clause */
/* Plain memory is mapped and moves straight; the rest goes through a small buffer. */
#include "base/bits.h"
#include "mem/disk.h"

#define BOUNCE_BYTES (16 * KiB)

/* Field by field: the arrays need no zeroes. */
void disk_move_begin(struct disk_move *m, struct space *space, s64 requester, struct block *block, bool to_memory,
		     u64 offset)
{
	m->space = space;
	m->requester = requester;
	m->block = block;
	m->to_memory = to_memory;
	m->at_once = m->failed = m->faulted = false;
	m->end = NULL;
	m->offset = offset;
	m->count = 0;
	m->bytes = 0;
}

bool disk_move_end(struct disk_move *m)
{
	bool ok = !m->bytes || (m->at_once   ? block_try_readv(m->block, m->offset, m->pieces, m->bytes) :
				m->to_memory ? block_readv(m->block, m->offset, m->pieces, m->bytes) :
					       block_writev(m->block, m->offset, m->pieces, m->bytes));

	m->failed |= !ok;
	for (unsigned n = 0; n < m->count; n++)
		dma_unmap(m->space, m->pa[n], m->pieces[n].iov_len, m->to_memory);
	m->offset += m->bytes;
	m->bytes = m->count = 0;
	return ok;
}

static bool bounce(struct disk_move *m, u64 pa, u64 size)
{
	u8 bytes[BOUNCE_BYTES];
	bool ok;

	if (m->to_memory) {
		ok = block_read(m->block, m->offset, bytes, size);
		m->failed |= !ok;
		return ok &&
		       (m->requester == DISK_PHYSICAL ? dma_write(m->space, pa, bytes, size) :
							dma_write_for(m->space, (u32)m->requester, pa, bytes, size));
	}
	if (m->requester == DISK_PHYSICAL ? !dma_read(m->space, pa, bytes, size) :
					    !dma_read_for(m->space, (u32)m->requester, pa, bytes, size))
		return false;
	ok = block_write(m->block, m->offset, bytes, size);
	m->failed |= !ok;
	return ok;
}

bool disk_move_add(struct disk_move *m, u64 pa, u64 size)
{
	for (u64 part; size; pa += part, size -= part) {
		void *host;
		u64 at = pa; /* physical */

		if ((m->count == DISK_PIECES_MAX || m->bytes >= DISK_BYTES_MAX) && !disk_move_end(m))
			return false;
		if (m->end && __atomic_load_n(m->end, __ATOMIC_RELAXED))
			return false;
		part = MIN(size, DISK_BYTES_MAX);
		m->faulted = m->requester != DISK_PHYSICAL &&
			     !dma_translate(m->space, (u32)m->requester, m->to_memory, &at, &part);
		if (m->faulted)
			return false;
		host = dma_map(m->space, at, &part, m->to_memory);
		if (host && part) {
			m->pa[m->count] = at;
			m->pieces[m->count++] = (struct iovec){host, part};
			m->bytes += part;
			continue;
		}
		part = MIN(size, BOUNCE_BYTES);
		if (m->at_once || !disk_move_end(m) || !bounce(m, pa, part))
			return false;
		m->offset += part;
	}
	return true;
}
