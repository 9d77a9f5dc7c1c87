/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Views: what a vCPU knows of a page that it runs, at one virtual address and with one key (generation and mode: blocks.c).
 *
 * cpu->jit_view is that of the page that runs. A view has a link for each record of other pages to which blocks of its page jump directly: the
 * view there, and the block. Such a jump loads the link, makes its view the current one and goes on at its block; it compares nothing. That is
 * right as long as the view is the current one of its vCPU: its key is then the vCPU's, so nothing that it was made from has changed. When the
 * key changes, the view is never entered again (but after a switch of ASIDs and back, which changes nothing). A link that leads nowhere yet has its
 * own number in the place of the view, and the routine `far` in the place of the block.
 *
 * Blocks, and the list of what a page jumps to (code_page.jit_far), are everybody's; views are one vCPU's, and only its own thread touches them.
 * They are given out one after the other. When there are no more, all are forgotten, with everything that leads to them. Many vCPUs have fewer
 * each: together they run about as many pages as one would.
 */
#include "cpu/code.h"
#include "cpu/vcpu.h"
#include "jit/private.h"

enum { VIEWS_ALL = 24576, VIEWS_MAX = 6144, VIEWS_MIN = 768, VIEWS_STRESS = 64 };
#define CHAINS_BITS 11

struct views {
	struct view *chain[1u << CHAINS_BITS];
	u64 used;
	struct view view[];
};

static unsigned views_each(const struct cpus *cpus)
{
	unsigned share = VIEWS_ALL / cpus_count(cpus);

	return share < VIEWS_MIN ? VIEWS_MIN : MIN(share, (unsigned)VIEWS_MAX);
}

size_t views_size(const struct cpus *cpus)
{
	return sizeof(struct views) + views_each(cpus) * sizeof(struct view);
}

static unsigned hash_of(u64 va, u64 key)
{
	return (unsigned)(((va >> 12) + key) * 0x9e3779b97f4a7c15ull >> (64 - CHAINS_BITS));
}

bool view_enter(struct jit *jit, struct cpu *cpu)
{
	struct views *views = cpu->jit_views;
	u64 va = cpu->code_va, key = cpu->jit_key;
	struct view **chain = &views->chain[hash_of(va, key)], *view = *chain;

	while (view && !(view->va == va && view->key == key && view->page == cpu->code))
		view = view->next;
	if (!view) {
		if (views->used == (jit_has(jit, JIT_STRESS_UNLINK) ? VIEWS_STRESS : views_each(jit->cpus))) {
			views->used = 0;
			memset(views->chain, 0, sizeof(views->chain));
			code_flush_itlb(cpu);
			return false;
		}
		view = &views->view[views->used++];
		*view = (struct view){.va = va, .key = key, .page = cpu->code, .next = *chain};
		for (unsigned n = 0; n < CODE_FAR_MAX; n++)
			view->links[n] = (struct view_link){(struct view *)(uintptr_t)n, jit->far};
		*chain = view;
	}
	cpu->jit_view = view;
	return true;
}

int view_link_for(struct code_page *page, s64 index)
{
	for (unsigned n = 0; n < page->jit_fars; n++)
		if (page->jit_far[n] == index)
			return (int)n;
	if (page->jit_fars == CODE_FAR_MAX)
		return -1;
	page->jit_far[page->jit_fars] = (s32)index;
	return (int)page->jit_fars++;
}
