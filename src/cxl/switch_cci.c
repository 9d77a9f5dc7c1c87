/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cxl-switch-mailbox-cci: a function, usually beside a switch's upstream port, whose mailbox takes fabric manager
 * commands for the switch and passes others on to the memory devices below it.
 * [CXL3.1 7.6.7.1, 7.6.7.3.1, 8.1.9, 8.2.8]
 *
 *   PCI Express 0x80, MSI-X 0x40 (1 vector, BAR 4), DVSEC 8 at 0x100, BAR 0: device registers
 *   ports    the upstream port and the downstream ports by their port numbers; an upstream port whose number a
 *            downstream port has too goes by the lowest that none has
 *   tunnel   a request for a port is for the FM-owned LD of the device there (fm_ld.c), whose own tunnel leads on to
 *            LD 0
 *
 * There is one virtual switch, and all ports belong to it (switch_bind.c). Machine lock.
 */
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"
#include "pci/pci_spec.h"

#define PCIE_AT 0x80
#define MSIX_AT 0x40
#define MSIX_BAR_BYTES 0x1000
#define MSIX_PBA_AT 0x800
#define PORTS_MAX 256

struct cxl_port *switch_port(const struct cxl_switch *sw, unsigned id)
{
	for (struct cxl_port *port = sw->host->ports; port; port = port->next)
		if (port->above == &sw->fork && port->number == id)
			return port;
	return NULL;
}

unsigned switch_upstream_id(const struct cxl_switch *sw)
{
	unsigned id = sw->port == CXL_AUTO ? 0 : sw->port;

	for (unsigned free = 0; switch_port(sw, id) && free < PORTS_MAX; free++)
		id = free;
	return id;
}

static u16 cmd_identify(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	const struct cxl_switch *sw = cci->target;

	mbox_put(out, 2, pci_config_read(&cci->target->pci, 0x00, 2));
	mbox_put(out, 2, pci_config_read(&cci->target->pci, 0x02, 2));
	mbox_put_zeros(out, 4); /* a bridge has no subsystem */
	mbox_put(out, 8, sw->serial == SERIAL_NONE ? 0 : sw->serial);
	mbox_put(out, 1, CXL_RESPONSE_LIMIT_MAX);
	mbox_put(out, 1, CXL_COMPONENT_SWITCH);
	return CXL_SUCCESS;
}

static u16 cmd_background_status(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	u64 status = background_status(&cci->background);

	mbox_put(out, 1, bits(status, 22, 16) << 1 | cci->background.is_running);
	mbox_put(out, 1, 0);
	mbox_put(out, 2, bits(status, 15, 0));
	mbox_put(out, 4, bits(status, 63, 32));
	return CXL_SUCCESS;
}

static u16 cmd_abort(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	return background_abort(&cci->background);
}

static u16 cmd_get_response_limit(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 1, cci->response_limit);
	return CXL_SUCCESS;
}

static u16 cmd_set_response_limit(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	u8 limit = mbox_get(in, 1);

	if (limit < CXL_RESPONSE_LIMIT_MIN || limit > CXL_RESPONSE_LIMIT_MAX)
		return CXL_INVALID_INPUT;
	cci->response_limit = limit;
	mbox_put(out, 1, limit);
	return CXL_SUCCESS;
}

static u16 cmd_get_time(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 8, timestamp_now(&cci->pci, cci->timestamp, cci->timestamp_set_at));
	return CXL_SUCCESS;
}

static u16 cmd_set_time(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	cci->timestamp = mbox_get(in, 8);
	cci->timestamp_set_at = timestamp_guest_now(&cci->pci);
	return CXL_SUCCESS;
}

static u16 cmd_supported_logs(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	return cel_only_supported(&cci->mbox.cci, out);
}

static u16 cmd_log(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	return cel_only_get(&cci->mbox.cci, in, out);
}

static u16 cmd_identify_switch(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	const struct cxl_switch *sw = cci->target;
	u8 ports[PORTS_MAX / 8] = {0}, switches[PORTS_MAX / 8] = {1};
	unsigned count = 0, bound = 0;

	for (unsigned id = 0; id < PORTS_MAX; id++) {
		const struct cxl_port *port = switch_port(sw, id);

		if (id != switch_upstream_id(sw) && !port)
			continue;
		ports[id / 8] |= BIT(id % 8);
		count++;
		bound += !port || !port->bridge.unbound;
	}
	mbox_put(out, 1, switch_upstream_id(sw)); /* where the request came in */
	mbox_put(out, 1, 0);
	mbox_put(out, 1, MIN(count, 255u));
	mbox_put(out, 1, 1); /* virtual switches */
	mbox_put_bytes(out, ports, sizeof(ports));
	mbox_put_bytes(out, switches, sizeof(switches));
	mbox_put(out, 2, count); /* vPPBs */
	mbox_put(out, 2, bound);
	mbox_put(out, 1, sw->fork.comp.decoder_count);
	return CXL_SUCCESS;
}

static unsigned connected_type(const struct cxl_port *port, const struct pci_dev *below)
{
	if (!below)
		return PORT_DEVICE_NONE;
	return cxl_port_physical_device(port)        ? PORT_DEVICE_TYPE3 :
	       below->dev.cls == &cxl_upstream_class ? PORT_DEVICE_SWITCH :
						       PORT_DEVICE_PCIE;
}

/* As the fabric manager has it: its own, too. */
static bool link_is_up(struct cxl_port *port)
{
	return port->bridge.unbound ? cxl_port_below(port) && !port->bridge.held : pci_link_is_up(&port->pci);
}

static unsigned port_state(const struct switch_cci *cci, const struct cxl_port *port, bool disabled)
{
	const struct switch_job *job = port ? switch_job_of(cci->host, port) : NULL;

	if (job)
		return job->bind ? PORT_STATE_BINDING : PORT_STATE_UNBINDING;
	return !port ? PORT_STATE_UPSTREAM : disabled ? PORT_STATE_DISABLED : PORT_STATE_DOWNSTREAM;
}

/* The end of a port's link that tells how it was trained: an unbound port itself shows an empty slot. */
static struct pci_dev *link_end(struct cxl_port *port)
{
	struct pci_dev *below = cxl_port_below(port);

	return port->bridge.unbound && below && below->cap_pcie ? below : &port->pci;
}

/* Whether the host has the link disabled: with CXL below it may have asked in vain. [CXL3.1 8.1.5.2] */
static bool is_disabled(struct cxl_port *port)
{
	struct pci_dev *pci = &port->pci;

	return !port->bridge.unbound && !(port->bridge.masked(pci) & PCI_MASKS_LINK_DISABLE) &&
	       (pci_config_read(pci, pci->cap_pcie + EXP_LNKCTL, 2) & EXP_LNKCTL_DISABLE);
}

static bool is_powered_off(struct cxl_port *port)
{
	struct pci_dev *pci = &port->pci;

	return !port->bridge.unbound && (pci_config_read(pci, pci->cap_pcie + EXP_SLTCAP, 4) & EXP_SLTCAP_POWER) &&
	       (pci_config_read(pci, pci->cap_pcie + EXP_SLTCTL, 2) & EXP_SLTCTL_POWER_OFF);
}

/* What FM-API tells about a port; `port` NULL: the upstream port. [CXL3.1 7.6.7.1.2] */
static void put_port(struct switch_cci *cci, struct mbox_out *out, unsigned id, struct cxl_port *port)
{
	struct pci_dev *pci = port ? &port->pci : &cci->target->pci, *below = port ? cxl_port_below(port) : NULL;
	struct pci_dev *end = port ? link_end(port) : pci;
	bool up = !port || link_is_up(port), disabled = port && is_disabled(port);
	unsigned state = port_state(cci, port, disabled),
		 type = port && up ? connected_type(port, below) : PORT_DEVICE_NONE,
		 told = state == PORT_STATE_DOWNSTREAM ? type : PORT_DEVICE_NONE; /* reserved in the other states */
	u64 cap = pci_config_read(pci, pci->cap_pcie + EXP_LNKCAP, 4),
	    status = pci_config_read(end, end->cap_pcie + EXP_LNKSTA, 2);

	mbox_put(out, 1, id);
	mbox_put(out, 1, state);
	mbox_put(out, 1,
		 told <= PORT_DEVICE_PCIE ? 0 :
		 pci_link_has_flits(end)  ? PORT_MODE_FLIT_256B :
					    PORT_MODE_FLIT_68B);
	mbox_put(out, 1, 0);
	mbox_put(out, 1, told);
	mbox_put(out, 1,
		 BIT(1) | ((port ? port->flit_256b : cci->target->flit_256b) ? BIT(2) : 0)); /* modes that it can */
	mbox_put(out, 1, bits(cap, 9, 4));
	mbox_put(out, 1, up ? bits(status, 9, 4) : 0);
	mbox_put(out, 1, bits(pci_config_read(pci, pci->cap_pcie + EXP_LNKCAP2, 4), 7, 1));
	mbox_put(out, 1, bits(cap, 3, 0));
	mbox_put(out, 1, up ? bits(status, 3, 0) : 0);
	mbox_put(out, 1,
		 up                ? LTSSM_L0 :
		 disabled          ? LTSSM_DISABLED :
		 port->bridge.held ? LTSSM_HOT_RESET :
				     LTSSM_DETECT);
	mbox_put(out, 1, 0); /* lane */
	mbox_put(out, 2,
		 (port && port->bridge.held ? PORT_LINK_PERST : 0) | (below || !port ? PORT_LINK_PRESENT : 0) |
			 (port && is_powered_off(port) ? PORT_LINK_POWERED_OFF : 0));
	mbox_put(out, 1, type == PORT_DEVICE_TYPE3); /* LDs */
}

static u16 cmd_port_state(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	unsigned count = mbox_get(in, 1);
	const u8 *ids = mbox_get_bytes(in, count);

	if (!ids || mbox_left(in))
		return CXL_INVALID_PAYLOAD_LENGTH;
	mbox_put(out, 1, count);
	mbox_put_zeros(out, 3);
	for (unsigned n = 0; n < count; n++) {
		struct cxl_port *port = switch_port(cci->target, ids[n]);

		if (port || ids[n] == switch_upstream_id(cci->target)) {
			put_port(cci, out, ids[n], port);
			continue;
		}
		mbox_put(out, 1, ids[n]);
		mbox_put(out, 1, PORT_STATE_NO_PORT);
		mbox_put_zeros(out, PORT_INFO_BYTES - 2);
	}
	return CXL_SUCCESS;
}

static u16 cmd_port_control(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	struct cxl_port *port = switch_port(cci->target, mbox_get(in, 1));
	unsigned what = mbox_get(in, 1);

	if (!port || what > PORT_RESET)
		return CXL_INVALID_INPUT;
	if (what == PORT_RESET && port->bridge.held)
		return CXL_SUCCESS; /* PERST# goes on */
	if (what == PORT_ASSERT_PERST || what == PORT_RESET)
		pci_port_hold(&port->pci); /* the host goes on: no machine's reset, which begins with GPF */
	if (what == PORT_DEASSERT_PERST || what == PORT_RESET)
		pci_port_let_go(&port->pci);
	return CXL_SUCCESS;
}

/* A request to configuration space of one of the switch's own ports, whatever its bus number: a read gives the enabled
 * bytes, the others 0. */
static u16 cmd_port_config(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	unsigned id = mbox_get(in, 1);
	u32 word = mbox_get(in, 3), data = mbox_get(in, 4), at = word & PORT_CONFIG_REGISTER,
	    enables = PORT_CONFIG_ENABLES(word), answer = 0;
	struct cxl_port *port = switch_port(cci->target, id);
	struct pci_dev *pci = port ? &port->pci : &cci->target->pci;

	if (!port && id != switch_upstream_id(cci->target))
		return CXL_INVALID_INPUT;
	if ((word & PORT_CONFIG_WRITE) && enables == 0xf)
		pci_config_write(pci, at, 4, data);
	for (unsigned byte = 0; byte < 4; byte++) {
		if ((word & PORT_CONFIG_WRITE) && enables != 0xf && (enables & BIT(byte)))
			pci_config_write(pci, at + byte, 1, data >> (8 * byte) & 0xff);
		if (!(word & PORT_CONFIG_WRITE) && (enables & BIT(byte)))
			answer |= (u32)pci_config_read(pci, at + byte, 1) << (8 * byte);
	}
	mbox_put(out, 4, answer);
	return CXL_SUCCESS;
}

static u16 cmd_tunnel(struct switch_cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	unsigned id = mbox_get(in, 1), target = mbox_get(in, 1) & 0xf, size = mbox_get(in, 2);
	struct cxl_port *port = switch_port(cci->target, id);
	struct cxl_type3 *dev = port && link_is_up(port) ? cxl_port_physical_device(port) : NULL;
	struct cci to;

	if (!dev || target != TUNNEL_TO_PORT)
		return cci_tunnel(NULL, size, in, out);
	to = fm_ld_cci(dev);
	return cci_tunnel(&to, size, in, out);
}

/* clang-format off */
const struct mbox_command switch_commands[] = {
	/* opcode  name                             input      effects                             section        run */
	{0x0001, "identify",                        0, 0,      0, NULL, "8.2.9.1.1", 0, cmd_identify},
	{0x0002, "background operation status",     0, 0,      0, NULL, "8.2.9.1.2", 0, cmd_background_status},
	{0x0003, "get response message limit",      0, 0,      0, NULL, "8.2.9.1.3", 0, cmd_get_response_limit},
	{0x0004, "set response message limit",      1, 1,      0, NULL, "8.2.9.1.4", 0, cmd_set_response_limit},
	{0x0005, "abort background operation",      0, 0,      0, NULL, "8.2.9.1.5", 0, cmd_abort},
	{0x0300, "get timestamp",                   0, 0,      0, NULL, "8.2.9.4.1", 0, cmd_get_time},
	{0x0301, "set timestamp",                   8, 8,      EFFECT_IMMEDIATE_POLICY, NULL, "8.2.9.4.2", 0, cmd_set_time},
	{0x0400, "get supported logs",              0, 0,      0, NULL, "8.2.9.5.1", 0, cmd_supported_logs},
	{0x0401, "get log",                         24, 24,    0, NULL, "8.2.9.5.2", 0, cmd_log},
	{0x5100, "identify switch device",          0, 0,      0, NULL, "7.6.7.1.1", 0, cmd_identify_switch},
	{0x5101, "get physical port state",         1, 256,    0, NULL, "7.6.7.1.2", 0, cmd_port_state},
	{0x5102, "physical port control",           2, 2,      0, NULL, "7.6.7.1.3", 0,
	 cmd_port_control},
	{0x5103, "send PPB CXL.io configuration request", 8, 8, 0, NULL, "7.6.7.1.4", 0,
	 cmd_port_config},
	{0x5200, "get virtual CXL switch info",     4, 258,    0, NULL, "7.6.7.2.1", 0, cmd_get_vcs_info},
	{0x5201, "bind vPPB",                       6, 6,      EFFECT_BACKGROUND | EFFECT_ABORT, NULL, "7.6.7.2.2", 0, cmd_bind_vppb},
	{0x5202, "unbind vPPB",                     3, 3,      EFFECT_BACKGROUND | EFFECT_ABORT, NULL, "7.6.7.2.3", 0, cmd_unbind_vppb},
	{0x5203, "generate AER event",              40, 40,    0, NULL, "7.6.7.2.4", 0, cmd_generate_aer},
	{0x5300, "tunnel management command",       TUNNEL_HEADER_BYTES + CCI_HEADER_BYTES, WHOLE_PAYLOAD,
	 0, NULL, "7.6.7.3.1", 0, cmd_tunnel},
};
/* clang-format on */
const unsigned switch_command_count = ARRAY_SIZE(switch_commands);

bool cxl_fm_request(struct cxl_host *host, const char *path, u16 opcode, const u8 *in, u32 length,
		    struct cxl_fm_answer *answer, struct error *err)
{
	static const char peripheral[] = "/machine/peripheral/";
	struct switch_cci *cci = host ? host->ccis : NULL;

	if (!strncmp(path, peripheral, sizeof(peripheral) - 1))
		path += sizeof(peripheral) - 1;
	for (; cci; cci = cci->next)
		if ((cci->pci.dev.id && !strcmp(cci->pci.dev.id, path)) ||
		    (cci->target && cci->target->pci.dev.id && !strcmp(cci->target->pci.dev.id, path)))
			break;
	if (!cci || !cci->target)
		return fail(
			err,
			"no switch with a mailbox is called '%s'; give its cxl-upstream a cxl-switch-mailbox-cci,target=ID",
			path);
	if (length > CXL_FM_PAYLOAD_MAX)
		return fail(err, "a request of %u bytes: the mailbox of %s holds %u", length, path, CXL_FM_PAYLOAD_MAX);
	answer->code =
		cci_run(&cci->mbox.cci, opcode, in, length, answer->payload, sizeof(answer->payload), &answer->length);
	return true;
}

/* By its slot's power, too. What is in the background goes on: bindings are the switch's. */
static void cci_function_reset(struct pci_dev *pci, unsigned reset_kind)
{
	struct switch_cci *cci = container_of(pci, struct switch_cci, pci);

	devregs_reset(&cci->mbox, reset_kind);
	if (reset_kind != RESET_COLD)
		return;
	cci->timestamp = 0;
	cci->response_limit = CXL_RESPONSE_LIMIT_MAX;
}

static bool cci_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x19e5,
					   .device = 0xa123,
					   .subsystem_vendor = 0x1af4,
					   .subsystem = 0x1100,
					   .class_code = 0x0c0b00};
	static const struct pcie_link link = {.flr = true};
	static const struct reg locator_rows[] = {
		R32(0x0c, LOCATOR_1_LO, LOCATOR(LOCATOR_DEVICE, 0), 0),
		R32(0x10, LOCATOR_1_HI, 0, 0),
	};
	struct switch_cci *cci = (struct switch_cci *)dev, **last;

	cci->host = machine_cxl_host(env->machine);
	if (!cci->host)
		return fail(err, "cxl-switch-mailbox-cci %s: the machine has no CXL; write -M virt,cxl=on",
			    dev_name(dev));
	if (!cci->target_dev)
		return fail(err, "cxl-switch-mailbox-cci %s: no switch; give target=ID of a cxl-upstream",
			    dev_name(dev));
	if (!pci_dev_init(&cci->pci, &ids, env, err))
		return false;
	cci->mbox.cci =
		(struct cci){switch_commands,  switch_command_count,           dev_name(dev),
			     .of_switch = cci, .background = &cci->background, .response_limit = &cci->response_limit};
	cci->mbox.pci = &cci->pci;
	cci->mbox.payload_bytes = MAILBOX_PAYLOAD_BYTES;
	if (!devregs_init(&cci->mbox, err))
		return false;
	background_init(&cci->background, &cci->mbox, cci);
	pci_bar_add(&cci->pci, 0, devregs_bytes(&cci->mbox), true, false, &devregs_io, &cci->mbox);
	pci_msix_add(&cci->pci, MSIX_AT, 1, 4, MSIX_BAR_BYTES, 0, MSIX_PBA_AT);
	pci_express_add(&cci->pci, PCIE_AT, PCIE_ENDPOINT, &link);
	pci_pm_add(&cci->pci, 0);
	pci_dvsec_add(&cci->pci, CXL_VENDOR_ID, 0, DVSEC_REGISTER_LOCATOR, 0, DVSEC_LOCATOR_BYTES_1, locator_rows,
		      ARRAY_SIZE(locator_rows));
	cci->pci.function_reset = cci_function_reset;
	cci->response_limit = CXL_RESPONSE_LIMIT_MAX;
	cci->target = (struct cxl_switch *)cci->target_dev;
	for (last = &cci->host->ccis; *last; last = &(*last)->next)
		;
	*last = cci;
	return true;
}

static void cci_reset(struct dev *dev, unsigned reset_kind)
{
	struct switch_cci *cci = (struct switch_cci *)dev;

	pci_dev_reset(&cci->pci, reset_kind);
	cci_function_reset(&cci->pci, reset_kind);
	background_reset(&cci->background, reset_kind);
}

static void cci_destroy(struct dev *dev)
{
	struct switch_cci *cci = (struct switch_cci *)dev, **at;

	for (at = cci->host ? &cci->host->ccis : NULL; at && *at; at = &(*at)->next) {
		if (*at != cci)
			continue;
		*at = cci->next;
		break;
	}
	if (cci->job.port)
		cci->job.port->bridge.waiting = NULL;
	background_fini(&cci->background);
	devregs_fini(&cci->mbox);
	pci_dev_fini(&cci->pci);
}

static const struct prop cci_props[] = {
	PROP_LINK("target", struct switch_cci, target_dev, "cxl-upstream", "the switch that it manages"),
	{0},
};

const struct dev_class cxl_switch_cci_class = {
	.name = "cxl-switch-mailbox-cci",
	.doc = "mailbox of a CXL switch for its fabric manager",
	.size = sizeof(struct switch_cci),
	.plugs = BUS_CXL,
	.props = cci_props,
	.common = pci_dev_props,
	.create = cci_create,
	.reset = cci_reset,
	.destroy = cci_destroy,
};
