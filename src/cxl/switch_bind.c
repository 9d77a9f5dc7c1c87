/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual switch of a switch: its vPPBs, their binding, errors that a fabric manager puts on them.
 * [CXL3.1 7.1.4, 7.2.3.1, 7.6.7.2]
 *
 * There is one, VCS 0. vPPB 0 is the upstream port, the downstream ports follow by function and device number. A
 * downstream vPPB is bound to the physical port that it has its name and registers from, or to none: a port and its
 * link are one device here.
 *
 * Unbound, a vPPB is to software an empty slot whose link is down (pci_slot_unbind); the device at the port is reset
 * and stays, and the fabric manager reaches it through the tunnel. Binding is a hot-add. Both go on in the background:
 * a millisecond; or until the link is down, or until software has let go of the slot, as the unbinding was asked for. A
 * machine reset before that ends it, and the port stays bound. Bindings themselves are kept over all resets. The end is
 * seen by Background Operation: a switch has no event logs here. Machine lock.
 */
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define BIND_NS 1000000ull

static bool comes_before(const struct cxl_port *a, const struct cxl_port *b)
{
	unsigned fn_a = a->pci.devfn & 7, fn_b = b->pci.devfn & 7;

	return fn_a < fn_b || (fn_a == fn_b && a->pci.devfn < b->pci.devfn);
}

/* The downstream vPPB that has `n` vPPBs before it, or NULL. */
static struct cxl_port *vppb_port(const struct cxl_switch *sw, unsigned n)
{
	for (struct cxl_port *port = n ? sw->host->ports : NULL; port; port = port->next) {
		unsigned before = 1;

		if (port->above != &sw->fork)
			continue;
		for (const struct cxl_port *other = sw->host->ports; other; other = other->next)
			before += other->above == &sw->fork && comes_before(other, port);
		if (before == n)
			return port;
	}
	return NULL;
}

static unsigned vppb_count(const struct cxl_switch *sw)
{
	return 1 + cxl_fork_port_count(sw->host, &sw->fork);
}

const struct switch_job *switch_job_of(const struct cxl_host *host, const struct cxl_port *port)
{
	for (const struct switch_cci *cci = host->ccis; cci; cci = cci->next)
		if (cci->job.port == port)
			return &cci->job;
	return NULL;
}

void switch_job_forget(struct cxl_host *host, const struct cxl_port *port)
{
	for (struct switch_cci *cci = host->ccis; cci; cci = cci->next) {
		if (cci->job.port != port)
			continue;
		cci->job.port = NULL;
		background_finish(&cci->background);
	}
}

static void put_vppb(const struct cxl_switch *sw, struct mbox_out *out, unsigned n)
{
	const struct cxl_port *port = vppb_port(sw, n);
	unsigned status = !port                         ? VPPB_BOUND_PORT :
			  switch_job_of(sw->host, port) ? VPPB_IN_PROGRESS :
			  port->bridge.unbound          ? VPPB_UNBOUND :
							  VPPB_BOUND_PORT;

	mbox_put(out, 1, status);
	mbox_put(out, 1, status != VPPB_BOUND_PORT ? 0 : port ? port->number : switch_upstream_id(sw));
	mbox_put(out, 1, VPPB_NO_LD);
	mbox_put(out, 1, 0);
}

u16 cmd_get_vcs_info(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	const struct cxl_switch *sw = cci->target;
	unsigned first = mbox_get(in, 1), limit = mbox_get(in, 1), count = mbox_get(in, 1), vppbs = vppb_count(sw);
	const u8 *ids = mbox_get_bytes(in, count);

	if (!ids || mbox_left(in))
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (!limit || !count || first >= vppbs)
		return CXL_INVALID_INPUT;
	mbox_put(out, 1, count);
	mbox_put_zeros(out, 3);
	for (unsigned n = 0; n < count && !out->bad; n++) {
		bool known = ids[n] == 0;

		mbox_put(out, 1, ids[n]);
		mbox_put(out, 1, known ? VCS_ENABLED : VCS_INVALID);
		mbox_put(out, 1, known ? switch_upstream_id(sw) : 0);
		mbox_put(out, 1, known ? MIN(vppbs, 255u) : 0);
		for (unsigned vppb = first; known && vppb < MIN(vppbs, first + limit) && !out->bad; vppb++)
			put_vppb(sw, out, vppb);
	}
	return CXL_SUCCESS;
}

static bool is_below(const struct cxl_type3 *dev, const struct cxl_port *port)
{
	const struct cxl_port *at = dev->above;

	while (at && at != port)
		at = at->above ? at->above->above : NULL;
	return at == port;
}

static void unbind(struct cxl_port *port)
{
	for (const struct cxl_type3 *dev = port->host->devices; dev; dev = dev->next)
		if (is_below(dev, port))
			cxl_regions_forget(port->host, dev);
	pci_slot_unbind(&port->pci);
}

static void job_done(void *owner, u16 code)
{
	struct switch_cci *cci = owner;
	struct switch_job job = cci->job;

	cci->job.port = NULL;
	if (!job.port)
		return;
	job.port->bridge.waiting = NULL;
	if (code != CXL_SUCCESS)
		return;
	if (job.bind)
		pci_slot_bind(&job.port->pci);
	else
		unbind(job.port);
	cxl_map_changed(cci->host);
}

/* Whether that which the unbinding waits for has come. */
static bool may_unbind(struct cxl_port *port, unsigned option)
{
	return option == UNBIND_SURPRISE ||
	       (option == UNBIND_MANAGED ? pci_slot_is_let_go(&port->pci) : !pci_link_is_up(&port->pci));
}

static void port_has_changed(struct pci_dev *pci)
{
	struct cxl_port *port = container_of(pci, struct cxl_port, pci);

	for (struct switch_cci *cci = port->host->ccis; cci; cci = cci->next)
		if (cci->job.port == port && may_unbind(port, cci->job.option))
			background_finish(&cci->background);
}

u16 cmd_bind_vppb(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	unsigned vcs = mbox_get(in, 1), vppb = mbox_get(in, 1), id = mbox_get(in, 1), ld;
	struct cxl_port *port = vcs ? NULL : vppb_port(cci->target, vppb), *physical = switch_port(cci->target, id);

	mbox_get(in, 1);
	ld = mbox_get(in, 2);
	if (!port || !physical || ld != BIND_NO_LD || !port->bridge.unbound || !physical->bridge.unbound)
		return CXL_INVALID_INPUT;
	if (physical != port)
		return CXL_UNSUPPORTED;
	if (switch_job_of(cci->host, port))
		return CXL_BUSY;
	cci->job = (struct switch_job){port, true, 0};
	return background_start(&cci->background, 0x5201, BIND_NS, true, job_done);
}

u16 cmd_unbind_vppb(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	unsigned vcs = mbox_get(in, 1), vppb = mbox_get(in, 1), option = mbox_get(in, 1) & 0xf;
	struct cxl_port *port = vcs ? NULL : vppb_port(cci->target, vppb);
	bool now;

	if (!vcs && !vppb && option <= UNBIND_SURPRISE)
		return CXL_UNSUPPORTED; /* the upstream port */
	if (!port || option > UNBIND_SURPRISE || port->bridge.unbound)
		return CXL_INVALID_INPUT;
	if (switch_job_of(cci->host, port))
		return CXL_BUSY;
	if (option == UNBIND_MANAGED && !pci_slot_has_hotplug(&port->pci))
		return CXL_UNSUPPORTED; /* there is no button */
	now = may_unbind(port, option);
	if (!now && option == UNBIND_MANAGED && !pci_slot_press(&port->pci))
		return CXL_RETRY_REQUIRED;
	cci->job = (struct switch_job){port, false, option};
	port->bridge.waiting = now ? NULL : port_has_changed;
	return background_start(&cci->background, 0x5202, now ? BIND_NS : BACKGROUND_OPEN, true, job_done);
}

/* The error takes the way of one that the port has found: its masks hold. Of the header, the four DWORDs that AER
 * keeps. */
u16 cmd_generate_aer(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	unsigned vcs = mbox_get(in, 1), vppb = mbox_get(in, 1);
	u32 error, header[AER_EVENT_HEADER_BYTES / 4];
	struct cxl_port *port = vcs ? NULL : vppb_port(cci->target, vppb);
	struct pci_dev *pci = port ? &port->pci : &cci->target->pci;
	bool correctable;

	mbox_get(in, 2);
	error = mbox_get(in, 4);
	for (unsigned n = 0; n < ARRAY_SIZE(header); n++)
		header[n] = mbox_get(in, 4);
	if (vcs || (vppb && !port))
		return CXL_INVALID_INPUT;
	correctable = !(error & AER_EVENT_UNCORRECTABLE);
	if (!pci_aer_has(pci, correctable, BIT(AER_EVENT_BIT(error))))
		return CXL_UNSUPPORTED;
	pci_aer_report(pci, correctable, BIT(AER_EVENT_BIT(error)), header);
	return CXL_SUCCESS;
}
