/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traffic that Compliance mode asks of a device: writes to host memory over CXL.io, by physical (bus) addresses.
 * [CXL3.1 14.3.2 to 14.3.5, 14.16.3.4 to .6]
 *
 *   1a  execute: a pattern, replicated by the byte mask, to lines X + n x increment of each set; it grows by the
 *       increment pattern from line to line
 *       verify: each line is read again and compared (self-checking), or written back to Z + the same offset for
 * software to look at 1b  the same, with `bogus` other patterns to a line before the right one 2   producer and
 * consumer: one value to all lines, then the same to the flag, which is the line behind the last; the value grows by 1
 * with each loop
 *
 * "Increments" lines follow the first one; 0 sets are one set; 0 loops go on until Halt All, a reset, or the end of Bus
 * Master Enable. Each set begins with the same pattern. A self-check that fails ends the run with an uncorrectable
 * internal error.
 *
 * A run goes on in portions, the first before its request is answered, the others by a timer in guest time. Machine
 * lock.
 */
#include "base/loop.h"
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define LINE 64u
#define PORTION 64 /* writes of a line, or one line's with the bogus ones before it */
#define PORTION_NS 1000000
#define CREDITS_NS 10000000  /* how long an injected flow control error holds traffic back */
#define POISONED_TLP BIT(12) /* in AER's uncorrectable status */

/* Where requests of the device end: poison that it put on the link is received there. */
struct pci_dev *compliance_root(struct cxl_type3 *dev)
{
	struct cxl_port *port = dev->above;

	while (port && port->above && port->above->above)
		port = port->above->above;
	return port ? &port->pci : NULL;
}

static void write_masked(struct cxl_type3 *dev, u64 pa, const u8 line[LINE], u64 mask)
{
	struct compliance *c = &dev->compliance;

	if (c->poison_io && compliance_root(dev)) {
		c->poison_io = false;
		pci_aer_report(compliance_root(dev), false, POISONED_TLP, (u32[4]){0});
	}
	for (unsigned n = 0, end; n < LINE; n = end) {
		for (end = n; end < LINE && bit(mask, end) == bit(mask, n); end++)
			;
		if (bit(mask, n)) /* posted: where nothing is, it is lost */
			pci_dma_write(&dev->pci, pa + n, line + n, end - n);
	}
}

static void write_pattern(struct cxl_type3 *dev, u64 pa, u32 pattern, u64 mask)
{
	u8 line[LINE];

	for (unsigned n = 0; n < LINE; n += 4)
		store_le(line + n, 4, pattern);
	write_masked(dev, pa, line, mask);
}

/* False: the check failed. */
static bool verify(struct cxl_type3 *dev, u64 pa, u64 offset, u32 pattern)
{
	const struct traffic *t = &dev->compliance.traffic;
	u8 line[LINE], byte[4];
	bool is_read = pci_dma_read(&dev->pci, pa, line, LINE);

	if (!t->self_checking) {
		if (is_read && t->back)
			write_masked(dev, align_down(t->back + offset, LINE), line, t->mask);
		return true;
	}
	store_le(byte, 4, pattern);
	for (unsigned n = 0; is_read && n < LINE; n++)
		is_read = !bit(t->mask, n) || line[n] == byte[n % 4];
	if (!is_read)
		trace(CXL, "%s: compliance: 0x%llx does not hold the pattern 0x%x", dev->name, (unsigned long long)pa,
		      pattern);
	return is_read;
}

/* One line, one flag, or one line's check; false: it was the last, or went wrong. */
static bool step(struct cxl_type3 *dev)
{
	struct traffic *t = &dev->compliance.traffic;
	u64 offset = (u64)t->set * t->set_offset + (u64)t->n * t->increment;
	u64 pa = align_down(t->start + offset, LINE);
	u32 pattern = t->pattern + t->n * t->pattern_increment;

	if (t->produces) {
		bool is_flag = t->set == t->sets;

		write_pattern(dev,
			      is_flag ? align_down(t->start + (t->set_offset ? (u64)t->sets * t->set_offset :
									       (t->increments + 1ull) * t->increment),
						   LINE) :
					pa,
			      t->pattern + t->loop, t->mask);
		if (!is_flag && t->n++ < t->increments)
			return true;
		t->n = 0;
		if (t->set++ < t->sets)
			return true;
	} else {
		if (t->verifies && !verify(dev, pa, offset, pattern)) {
			pci_aer_report(&dev->pci, false, PCI_AER_UNCORRECTABLE_INTERNAL, NULL);
			return false;
		}
		for (unsigned n = 0; !t->verifies && n < t->bogus; n++)
			write_pattern(dev, pa, t->bogus_pattern, t->mask);
		if (!t->verifies)
			write_pattern(dev, pa, pattern, t->mask);
		if (t->n++ < t->increments)
			return true;
		t->n = 0;
		if (++t->set < t->sets)
			return true;
		t->set = 0;
		t->verifies = !t->verifies;
		if (t->verifies)
			return true;
	}
	t->set = 0;
	t->loop++;
	return !t->loops || t->loop < t->loops;
}

static void go_on(void *opaque)
{
	struct cxl_type3 *dev = opaque;
	struct compliance *c = &dev->compliance;

	for (unsigned n = 0; n < PORTION && c->is_running; n += 1u + c->traffic.bogus) {
		bool more = pci_is_bus_master(&dev->pci) && step(dev);

		c->is_running &= more; /* what the step has put on the link may have reset the device */
	}
	if (c->is_running)
		timer_set(&c->timer, loop_now(dev->pci.loop) + PORTION_NS);
}

void compliance_start(struct cxl_type3 *dev, const struct traffic *traffic)
{
	struct compliance *c = &dev->compliance;

	compliance_stop(dev);
	c->traffic = *traffic;
	c->is_running = true;
	if (!c->timer.loop && dev->pci.loop)
		timer_init(&c->timer, dev->pci.loop, go_on, dev);
	trace(CXL, "%s: compliance: traffic to 0x%llx", dev->name, (unsigned long long)traffic->start);
	if (!c->holds_credits) {
		go_on(dev);
		return;
	}
	c->holds_credits = false;
	timer_set(&c->timer, loop_now(dev->pci.loop) + CREDITS_NS);
}

void compliance_stop(struct cxl_type3 *dev)
{
	dev->compliance.is_running = false;
	if (dev->compliance.timer.loop)
		timer_set(&dev->compliance.timer, TIMER_OFF);
}

void compliance_reset(struct cxl_type3 *dev)
{
	compliance_stop(dev);
	dev->compliance.poison_io = dev->compliance.holds_credits = false;
	dev->compliance.bogus = 0;
}
