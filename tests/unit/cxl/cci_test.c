/* SPDX-License-Identifier: BSD-2-Clause */
/* The mailbox of a switch: every command with good, short, long and hostile input, and the tunnel to the FM-owned LD
 * below. [CXL3.1 7.6.7] */
#include "fixture.h"
#include "driver.h"
#include "pci/pci_spec.h"

static struct machine m;
static struct switch_cci *cci;
static struct cxl_type3 *dev;

static void open_with(const char *region)
{
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &cxl_upstream_class, "id=us0,bus=rp0,port=33,sn=0x1234,multifunction=on,addr=0.0");
	fixture_add(&m, &cxl_switch_cci_class, "id=cci0,bus=rp0,addr=0.1,target=us0");
	for (unsigned n = 0; n < 3; n++)
		fixture_add(&m, &cxl_downstream_class, "id=ds%u,bus=us0,port=%u", n, n + 4);
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &memory_backend_ram_class, "id=w,size=256M");
	fixture_add(&m, &memory_backend_ram_class, "id=d,size=512M");
	fixture_add(&m, &cxl_type3_class,
		    "id=mem0,bus=ds0,volatile-memdev=v,volatile-dc-memdev=d,num-dc-regions=2,sn=7");
	fixture_add(&m, &cxl_type3_class, "id=mem1,bus=ds1,volatile-memdev=w");
	if (region) {
		assert_true(fixture_option(&m, "targets.0=hb0,size=4G", cxl_host_add_window_opts));
		assert_true(fixture_option(&m, region, cxl_host_add_region));
	}
	fixture_power_on(&m);
	cci = (struct switch_cci *)fixture_find(&m, "cci0");
	mailbox = &cci->mbox;
	background = &cci->background.is_running;
	dev = fixture_type3(&m, "mem0");
}

static int open_switch(void **state)
{
	open_with(NULL);
	return 0;
}

static int close_switch(void **state)
{
	fixture_close(&m);
	return 0;
}

/* Through the tunnel; the outer code, and on success the inner one and its payload at out + 16. */
static u16 tunnel(unsigned port, u16 opcode, const void *input, u32 length, u16 *inner)
{
	u8 request[MAILBOX_PAYLOAD_BYTES] = {port, 0};
	u16 code;

	store_le(request + 2, 2, 12 + length);
	request[5] = 0x5a;
	store_le(request + 7, 2, opcode);
	store_le(request + 9, 3, length);
	if (length)
		memcpy(request + 16, input, length);
	code = send(0x5300, request, 16 + length);
	if (code != CXL_SUCCESS)
		return code;
	assert_int_equal(load_le(out, 2) + 4, out_length);
	assert_int_equal(out[4], 1);
	assert_int_equal(out[5], 0x5a);
	assert_int_equal(load_le(out + 7, 2), opcode);
	assert_int_equal(load_le(out + 9, 3) + 16, out_length);
	*inner = load_le(out + 12, 2);
	return code;
}

static void a_switch_mailbox_shows_what_it_is(void **state)
{
	struct pci_dev *up;

	assert_int_equal(pci_config_read(&cci->pci, 0, 4), 0xa12319e5);
	assert_int_equal(pci_config_read(&cci->pci, 8, 4) >> 8, 0x0c0b00);
	assert_int_equal(get(0, 8), 0x0000000302010000ull);
	assert_int_equal(get(0x30, 4), 0x14000);         /* Switch Mailbox CCI Status */
	assert_int_equal(get(get(0x34, 4), 8), 1);       /* the mailbox is ready */
	assert_int_equal(get(MAILBOX_CAP, 4), 0x10006b); /* 2 KiB, both interrupts, message 0, switch */
	assert_int_equal(cci->pci.devfn, 1);
	assert_true(pci_bar_address(&cci->pci, 0) == UINT64_MAX);
	/* Functions of one device have one link: speed, width and port number are the upstream port's. */
	up = (struct pci_dev *)fixture_find(&m, "us0");
	assert_int_equal(pci_config_read(&cci->pci, cci->pci.cap_pcie + EXP_LNKCAP, 4) & 0xff0003ff,
			 pci_config_read(up, up->cap_pcie + EXP_LNKCAP, 4) & 0xff0003ff);
	assert_int_equal(pci_config_read(&cci->pci, cci->pci.cap_pcie + EXP_LNKSTA, 2) & 0x3ff,
			 pci_config_read(up, up->cap_pcie + EXP_LNKSTA, 2) & 0x3ff);
}

static void every_switch_command_bounds_its_input(void **state)
{
	for (unsigned n = 0; n < switch_command_count; n++) {
		const struct mbox_command *c = &switch_commands[n];

		if (c->in_min)
			assert_int_equal(send(c->opcode, NULL, c->in_min - 1), CXL_INVALID_PAYLOAD_LENGTH);
		if (c->in_max < MAILBOX_PAYLOAD_BYTES)
			assert_int_equal(send(c->opcode, NULL, c->in_max + 1), CXL_INVALID_PAYLOAD_LENGTH);
		assert_int_equal(send(c->opcode, NULL, 0x1fffff), CXL_INVALID_PAYLOAD_LENGTH);
	}
	for (u32 opcode = 0; opcode < 0x10000; opcode += 1) {
		bool known = false;

		for (unsigned n = 0; n < switch_command_count; n++)
			known |= switch_commands[n].opcode == opcode;
		if (known)
			continue;
		devregs_io.write(&cci->mbox, MAILBOX_COMMAND, 8, opcode);
		devregs_io.write(&cci->mbox, MAILBOX_CTRL, 4, MAILBOX_CTRL_DOORBELL);
		assert_int_equal(get(MAILBOX_STATUS, 8) >> 32, CXL_UNSUPPORTED);
	}
}

static void the_effects_log_is_the_table(void **state)
{
	u8 request[24] = {0};

	assert_int_equal(send(0x0400, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 2), 1);
	assert_int_equal(load_le(out + 24, 4), 4 * switch_command_count);
	memcpy(request, cel_uuid, 16);
	store_le(request + 20, 4, 4 * switch_command_count);
	assert_int_equal(send(0x0401, request, 24), CXL_SUCCESS);
	for (unsigned n = 0; n < switch_command_count; n++) {
		assert_int_equal(load_le(out + 4 * n, 2), switch_commands[n].opcode);
		assert_int_equal(load_le(out + 4 * n + 2, 2), switch_commands[n].effects);
	}
	store_le(request + 16, 4, 1);
	assert_int_equal(send(0x0401, request, 24), CXL_INVALID_INPUT);
	request[0] ^= 1;
	assert_int_equal(send(0x0401, request, 24), CXL_INVALID_LOG);
}

static void identify_limits_and_clock(void **state)
{
	u8 limit[] = {7}, time[8] = {1}, ports[17];

	assert_int_equal(send(0x0001, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 18);
	assert_int_equal(load_le(out, 4), 0xa12819e5);
	assert_int_equal(load_le(out + 8, 8), 0x1234);
	assert_int_equal(load_le(out + 16, 2), 10); /* 1 KiB, a switch */
	assert_int_equal(send(0x0002, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), 0);
	assert_int_equal(send(0x0004, limit, 1), CXL_INVALID_INPUT);
	limit[0] = 9;
	assert_int_equal(send(0x0004, limit, 1), CXL_SUCCESS);
	assert_int_equal(send(0x0003, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[0], 9);
	/* What is longer than software takes is not sent. */
	limit[0] = 11;
	assert_int_equal(send(0x0004, limit, 1), CXL_INVALID_INPUT);
	memset(ports + 1, 4, 16);
	ports[0] = 15;
	limit[0] = 8;
	assert_int_equal(send(0x5101, ports, 16), CXL_SUCCESS);
	assert_int_equal(send(0x0004, limit, 1), CXL_SUCCESS);
	assert_int_equal(send(0x5101, ports, 16), CXL_SUCCESS);
	assert_int_equal(out_length, 4 + 15 * 16);
	ports[0] = 16;
	assert_int_equal(send(0x5101, ports, 17), CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(send(0x0300, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), 0);
	assert_int_equal(send(0x0301, time, 8), CXL_SUCCESS);
	loop_time_advance(m.loop, 1000);
	assert_int_equal(send(0x0300, NULL, 0), CXL_SUCCESS);
	assert_true(load_le(out, 8) >= 1001);
	/* Both are kept until power goes, the slot's. */
	for (unsigned off = 0; off < 2; off++) {
		pci_function_reset(&cci->pci, off ? RESET_COLD : RESET_HOT);
		assert_int_equal(send(0x0300, NULL, 0), CXL_SUCCESS);
		assert_int_equal(load_le(out, 8) == 0, off);
		assert_int_equal(send(0x0003, NULL, 0), CXL_SUCCESS);
		assert_int_equal(out[0], off ? 10 : 8);
	}
}

static void ports_are_told_as_they_are(void **state)
{
	u8 ask[] = {4, 33, 4, 6, 99}, reset[] = {4, PORT_ASSERT_PERST};
	struct pci_dev *rp = (struct pci_dev *)fixture_find(&m, "rp0"),
		       *port = (struct pci_dev *)fixture_find(&m, "ds0");
	u32 at = ((struct cxl_port *)rp)->dvsec + DVSEC_PORT_CTRL;

	assert_int_equal(send(0x5100, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 0x49);
	assert_int_equal(out[0], 33);
	assert_int_equal(load_le(out + 2, 2), 0x0104); /* four ports, one virtual switch */
	assert_int_equal(load_le(out + 4, 8), 0x200000070);
	assert_int_equal(load_le(out + 0x44, 4), 0x00040004);
	assert_int_equal(out[0x48], 4);
	assert_int_equal(send(0x5101, ask, 5), CXL_SUCCESS);
	assert_int_equal(out_length, 4 + 4 * 16);
	assert_int_equal(load_le(out + 4, 2), 0x0421);
	assert_int_equal(load_le(out + 6, 3), 0); /* device mode and type are of downstream ports */
	assert_int_equal(load_le(out + 20, 2), 0x0304);
	assert_int_equal(out[22], PORT_MODE_FLIT_68B);
	assert_int_equal(out[24], PORT_DEVICE_TYPE3);
	assert_int_equal(out[31], LTSSM_L0);
	assert_int_equal(load_le(out + 36, 2), 0x0306);
	assert_int_equal(out[40], PORT_DEVICE_NONE);
	assert_int_equal(load_le(out + 52, 2), 0x0f63);
	assert_int_equal(send(0x5101, ask, 4), CXL_INVALID_PAYLOAD_LENGTH);
	ask[0] = 5;
	assert_int_equal(send(0x5101, ask, 5), CXL_INVALID_PAYLOAD_LENGTH);
	/* PERST# takes the link down until it is let go of. Nobody has seen to it that what was under way is saved. */
	dev->shutdown_state = 1;
	assert_int_equal(send(0x5102, reset, 2), CXL_SUCCESS);
	assert_int_equal(dev->dirty_shutdowns, 1);
	assert_false(pci_link_is_up(&dev->above->pci));
	assert_int_equal(send(0x5101, (u8[]){1, 4}, 2), CXL_SUCCESS);
	assert_int_equal(out[15], LTSSM_HOT_RESET);
	assert_int_equal(out[17], 6); /* PERST#, present */
	/* Other resets leave it asserted: the manager's of the port, the host's of what is below its root port. */
	reset[1] = PORT_RESET;
	assert_int_equal(send(0x5102, reset, 2), CXL_SUCCESS);
	assert_false(pci_link_is_up(&dev->above->pci));
	pci_config_write(rp, at, 2, DVSEC_PORT_UNMASK_RESET);
	pci_config_write(rp, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_RESET);
	pci_config_write(rp, PCI_BRIDGE_CONTROL, 2, 0);
	assert_false(pci_link_is_up(&dev->above->pci));
	assert_int_equal(send(0x5101, (u8[]){1, 4}, 2), CXL_SUCCESS);
	assert_int_equal(out[17], 6);
	reset[1] = PORT_DEASSERT_PERST;
	assert_int_equal(send(0x5102, reset, 2), CXL_SUCCESS);
	assert_true(pci_link_is_up(&dev->above->pci));
	pci_config_write(&dev->pci, 4, 2, 2);
	reset[1] = PORT_RESET;
	assert_int_equal(send(0x5102, reset, 2), CXL_SUCCESS);
	assert_int_equal(pci_config_read(&dev->pci, 4, 2), 0);
	reset[1] = 3;
	assert_int_equal(send(0x5102, reset, 2), CXL_INVALID_INPUT);
	assert_int_equal(send(0x5102, (u8[]){33, 0}, 2), CXL_INVALID_INPUT);
	/* No slot of CXL may be emptied without asking. [CXL3.1 9.9] */
	for (unsigned n = 0; n < 2; n++) {
		struct pci_dev *slot = n ? port : rp;

		assert_int_equal(pci_config_read(slot, slot->cap_pcie + EXP_SLTCAP, 4) &
					 (EXP_SLTCAP_HOTPLUG | EXP_SLTCAP_SURPRISE),
				 EXP_SLTCAP_HOTPLUG);
	}
	/* Software takes the power from the slot, and gives it back. */
	for (unsigned off = 0; off < 2; off++) {
		pci_config_write(port, port->cap_pcie + EXP_SLTCTL, 2, off ? EXP_SLTCTL_POWER_OFF : 0);
		assert_int_equal(send(0x5101, (u8[]){1, 4}, 2), CXL_SUCCESS);
		assert_int_equal(out[17], off ? 12 : 4);
	}
}

/* A configuration request to a port: register, byte enables, direction, data. */
static u16 port_config(u8 id, u32 word, u32 data)
{
	u8 request[8] = {id};

	store_le(request + 1, 3, word);
	store_le(request + 4, 4, data);
	return send(0x5103, request, 8);
}

static void ports_are_configured_from_outside(void **state)
{
	struct pci_dev *port = (struct pci_dev *)fixture_find(&m, "ds0");

	assert_int_equal(port_config(4, 0xf000, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 4);
	assert_int_equal(load_le(out, 4), 0xa12919e5);
	assert_int_equal(port_config(33, 0xf000, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 0xa12819e5);
	assert_int_equal(port_config(4, 0x6000, 0), CXL_SUCCESS); /* the two bytes in the middle */
	assert_int_equal(load_le(out, 4), 0x00291900);
	assert_int_equal(port_config(4, 0xf100, 0), CXL_SUCCESS); /* an extended register */
	assert_int_equal(load_le(out, 2), 1);
	assert_int_equal(port_config(4, PORT_CONFIG_WRITE | 0xf018, 0x00060504), CXL_SUCCESS);
	assert_int_equal(pci_config_read(port, 0x18, 4), 0x00060504);
	assert_int_equal(port_config(4, PORT_CONFIG_WRITE | 0x2018, 0x00ff0eff), CXL_SUCCESS);
	assert_int_equal(pci_config_read(port, 0x18, 4), 0x00060e04);
	assert_int_equal(load_le(out, 4), 0);
	assert_int_equal(port_config(4, PORT_CONFIG_WRITE | 0x0018, 0), CXL_SUCCESS);
	assert_int_equal(pci_config_read(port, 0x18, 4), 0x00060e04);
	assert_int_equal(port_config(9, 0xf000, 0), CXL_INVALID_INPUT);
}

static void a_tunnel_leads_to_the_device(void **state)
{
	u8 request[64] = {4, 0};
	u16 inner;

	assert_int_equal(tunnel(4, 0x0001, NULL, 0, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(load_le(out + 16, 4), 0x0d938086);
	assert_int_equal(load_le(out + 24, 8), 7);
	assert_int_equal(load_le(out + 32, 2), 0x030a);
	assert_int_equal(tunnel(4, 0x4000, NULL, 0, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_UNSUPPORTED);
	/* On to LD 0, and to nothing else. */
	u8 on[16 + 24] = {0, 0, 12, 0, [5] = 0x77, [7] = 1}, ld_log[24] = {0};

	assert_int_equal(tunnel(4, 0x5300, on, 16, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(load_le(out + 16, 2), 12 + 18);
	assert_int_equal(out[20], 1);
	assert_int_equal(out[21], 0x77);
	assert_int_equal(load_le(out + 28, 2), CXL_SUCCESS);
	assert_int_equal(load_le(out + 32, 4), 0x0d938086);
	on[7] = 3;
	assert_int_equal(tunnel(4, 0x5300, on, 16, &inner), CXL_SUCCESS);
	assert_int_equal(load_le(out + 28, 2), CXL_UNSUPPORTED);
	on[7] = 0x00;
	on[8] = 0x53; /* a tunnel behind a tunnel behind a tunnel */
	assert_int_equal(tunnel(4, 0x5300, on, 16, &inner), CXL_SUCCESS);
	assert_int_equal(load_le(out + 28, 2), CXL_UNSUPPORTED);
	memcpy(ld_log, cel_uuid, 16);
	ld_log[20] = 12;
	memcpy(on + 16, ld_log, 24);
	on[2] = 12 + 24;
	on[7] = 0x01;
	on[8] = 0x04;
	on[9] = 24;
	assert_int_equal(tunnel(4, 0x5300, on, 40, &inner), CXL_SUCCESS);
	assert_int_equal(load_le(out + 28, 2), CXL_SUCCESS);
	assert_int_equal(load_le(out + 36, 2), 0x0400); /* the second of its three commands */
	on[0] = 1;
	assert_int_equal(tunnel(4, 0x5300, on, 40, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_INPUT);
	on[2] = 11;
	assert_int_equal(tunnel(4, 0x5300, on, 40, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(tunnel(5, 0x5600, NULL, 0, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_UNSUPPORTED); /* no dynamic capacity there */
	assert_int_equal(tunnel(4, 0x0004, "\x0b", 1, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_INPUT);
	assert_int_equal(tunnel(4, 0x0001, "x", 1, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(tunnel(6, 0x0001, NULL, 0, &inner), CXL_INVALID_INPUT);
	assert_int_equal(tunnel(33, 0x0001, NULL, 0, &inner), CXL_INVALID_INPUT);
	/* Nested lengths that do not fit into each other. */
	for (u32 size = 0; size < 40; size++)
		for (u32 length = 0; length < 40; length++) {
			store_le(request + 2, 2, size);
			store_le(request + 7, 2, 1);
			store_le(request + 9, 3, length | 1u << 23);
			assert_int_equal(send(0x5300, request, 24),
					 size == 20 && length == 8 ? CXL_SUCCESS : CXL_INVALID_PAYLOAD_LENGTH);
		}
	store_le(request + 2, 2, 20);
	store_le(request + 9, 3, 0x1fffff);
	assert_int_equal(send(0x5300, request, 24), CXL_INVALID_PAYLOAD_LENGTH);
	store_le(request + 9, 3, 8);
	request[4] = 1; /* a response */
	assert_int_equal(send(0x5300, request, 24), CXL_INVALID_INPUT);
}

static void capacity_is_managed_through_the_tunnel(void **state)
{
	u8 request[32 + 40] = {0}, region[16] = {1};
	u64 base = dynamic_region_base(dev->dc, 1);
	u16 inner;

	assert_int_equal(tunnel(4, 0x5600, NULL, 0, &inner), CXL_SUCCESS);
	assert_int_equal(out_length, 16 + 0x54);
	assert_int_equal(load_le(out + 16, 2), 0x0201);
	assert_int_equal(load_le(out + 16 + 12, 8), 2);
	assert_int_equal(load_le(out + 16 + 0x1c, 8), 2 * MiB);
	assert_int_equal(tunnel(4, 0x5601, (u8[]){0, 0, 8, 1}, 4, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(load_le(out + 18, 2), 0x0102);
	assert_int_equal(load_le(out + 20, 8), base);
	store_le(region + 4, 8, 2 * MiB);
	region[12] = 1; /* sanitize on release */
	assert_int_equal(tunnel(4, 0x5602, region, 16, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(dev->events[EVENT_DYNAMIC].count, 1);
	assert_int_equal(dev->events[EVENT_DYNAMIC].records[0][48], 3);
	store_le(region + 4, 8, 4 * MiB);
	assert_int_equal(tunnel(4, 0x5602, region, 16, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_UNSUPPORTED);
	/* Prescriptive, then free around it. */
	request[2] = CXL_DC_PRESCRIPTIVE;
	request[3] = 1;
	request[28] = 1;
	store_le(request + 32, 8, base + 4 * MiB);
	store_le(request + 40, 8, 2 * MiB);
	assert_int_equal(tunnel(4, 0x5604, request, 72, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(dev->dc->offered_count, 1);
	assert_true(dev->dc->offered[0].sanitize);
	assert_int_equal(tunnel(4, 0x5604, request, 72, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_EXTENT_LIST);
	/* Before the regions, over the border between them: no physical address is named as a reason. */
	store_le(request + 32, 8, dynamic_region_base(dev->dc, 0) - 2 * MiB);
	assert_int_equal(tunnel(4, 0x5604, request, 72, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_EXTENT_LIST);
	store_le(request + 32, 8, dynamic_region_base(dev->dc, 1) - 2 * MiB);
	store_le(request + 40, 8, 4 * MiB);
	assert_int_equal(tunnel(4, 0x5604, request, 72, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_EXTENT_LIST);
	store_le(request + 40, 8, 2 * MiB);
	store_le(request + 28, 4, 0xffffffff);
	assert_int_equal(tunnel(4, 0x5604, request, 72, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_PAYLOAD_LENGTH);
	store_le(request + 28, 4, 0);
	request[2] = CXL_DC_FREE;
	store_le(request + 4, 8, 8 * MiB);
	assert_int_equal(tunnel(4, 0x5604, request, 32, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(dev->dc->offered_count, 3);
	assert_int_equal(dev->dc->offered[1].size, 4 * MiB);
	assert_int_equal(dev->dc->offered[2].dpa, base + 6 * MiB);
	store_le(request + 4, 8, 512 * MiB);
	assert_int_equal(tunnel(4, 0x5604, request, 32, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_RESOURCES_EXHAUSTED);
	assert_int_equal(tunnel(4, 0x5603, (u8[]){0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}, 12, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(load_le(out + 16 + 8, 8), 0); /* none accepted */
	request[2] = 0;
	assert_int_equal(tunnel(4, 0x5605, request, 32, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_INPUT);
}

/* Prescriptive requests name neither region nor tag, their extents do; the others have no list. [CXL3.1 7.6.7.6.5] */
static void an_addition_is_as_its_policy_has_it(void **state)
{
	u64 base = dynamic_region_base(dev->dc, 0), size = dev->dc->region_size;
	u8 request[32 + 3 * 40] = {0};
	u16 inner;

	request[2] = CXL_DC_PRESCRIPTIVE;
	request[3] = 0xff;  /* reserved */
	request[12] = 0xee; /* reserved */
	store_le(request + 28, 4, 3);
	for (unsigned n = 0; n < 3; n++) {
		store_le(request + 32 + 40 * n, 8, base + (n > 0) * size + n * 4 * MiB);
		store_le(request + 40 + 40 * n, 8, 2 * MiB);
		request[48 + 40 * n] = n < 2 ? 7 : 8;
	}
	assert_int_equal(tunnel(4, 0x5604, request, sizeof(request), &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(dev->dc->offered_count, 3);
	for (unsigned n = 0; n < 3; n++) {
		const u8 *record = dev->events[EVENT_DYNAMIC].records[n];

		assert_int_equal(dev->dc->offered[n].dpa, base + (n > 0) * size + n * 4 * MiB);
		assert_int_equal(dev->dc->offered[n].region, n > 0);
		assert_int_equal(dev->dc->offered[n].tag[0], n < 2 ? 7 : 8);
		assert_int_equal(record[53], n == 0); /* More: of one tag */
		assert_int_equal(record[56 + 16], n < 2 ? 7 : 8);
	}
	assert_int_equal(dev->dc->offered[0].group, dev->dc->offered[1].group);
	assert_int_not_equal(dev->dc->offered[1].group, dev->dc->offered[2].group);
	assert_int_equal(tunnel(4, 0x5604, request, 28, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_PAYLOAD_LENGTH);
	request[2] = CXL_DC_CONTIGUOUS;
	request[3] = 1;
	store_le(request + 4, 8, 4 * MiB);
	for (u32 length = 29; length < 32; length++) {
		assert_int_equal(tunnel(4, 0x5604, request, length, &inner), CXL_SUCCESS);
		assert_int_equal(inner, CXL_INVALID_PAYLOAD_LENGTH);
	}
	assert_int_equal(tunnel(4, 0x5604, request, 28, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(dev->dc->offered_count, 4);
	assert_int_equal(dev->dc->offered[3].tag[0], 0xee);
	for (unsigned policy = 0; policy < 2; policy++) {
		request[2] = policy;
		store_le(request + 4, 8, 3 * MiB);
		assert_int_equal(tunnel(4, 0x5604, request, 28, &inner), CXL_SUCCESS);
		assert_int_equal(inner, CXL_INVALID_INPUT);
		store_le(request + 4, 8, 0);
		assert_int_equal(tunnel(4, 0x5604, request, 28, &inner), CXL_SUCCESS);
		assert_int_equal(inner, CXL_INVALID_INPUT);
	}
	for (unsigned policy = 3; policy < 5; policy++) {
		request[2] = policy; /* not supported, reserved */
		assert_int_equal(tunnel(4, 0x5604, request, 28, &inner), CXL_SUCCESS);
		assert_int_equal(inner, CXL_INVALID_INPUT);
	}
}

/* As many bytes of a tag go as the request says. [CXL3.1 7.6.7.6.6] */
static void a_release_by_tag_has_a_length(void **state)
{
	u64 base = dynamic_region_base(dev->dc, 0);
	u8 request[28] = {0};
	u16 inner;

	for (unsigned n = 0; n < 2; n++)
		dev->dc->accepted[n] = (struct dc_extent){.dpa = base + n * 8 * MiB, .size = 4 * MiB, .tag = {9}};
	dev->dc->accepted_count = 2;
	request[12] = 9;
	store_le(request + 4, 8, 10 * MiB);
	assert_int_equal(tunnel(4, 0x5605, request, 28, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_RESOURCES_EXHAUSTED);
	store_le(request + 4, 8, MiB);
	assert_int_equal(tunnel(4, 0x5605, request, 28, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_INPUT);
	dev->dc->shareable = true; /* all or nothing */
	for (unsigned n = 2; n < 8; n += 2) {
		store_le(request + 4, 8, n * (u64)MiB);
		assert_int_equal(tunnel(4, 0x5605, request, 28, &inner), CXL_SUCCESS);
		assert_int_equal(inner, CXL_INVALID_INPUT);
	}
	dev->dc->shareable = false;
	request[2] = BIT(4); /* by force */
	store_le(request + 4, 8, 6 * MiB);
	assert_int_equal(tunnel(4, 0x5605, request, 28, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	assert_int_equal(dev->dc->accepted_count, 1);
	assert_int_equal(dev->dc->accepted[0].dpa, base + 10 * MiB);
	assert_int_equal(dev->dc->accepted[0].size, 2 * MiB);
}

/* Effects as the commands' sections have them: capacity goes over all resets; ports and tunnels have none. */
static void effects_are_told_as_specified(void **state)
{
	for (unsigned n = 0; n < switch_command_count; n++)
		if (switch_commands[n].opcode == 0x5102 || switch_commands[n].opcode == 0x5103 ||
		    switch_commands[n].opcode == 0x5300)
			assert_int_equal(switch_commands[n].effects, 0);
	for (unsigned n = 0; n < fm_ld_cci(dev).command_count; n++) {
		const struct mbox_command *command = &fm_ld_cci(dev).commands[n];

		if (command->opcode == 0x5602 || command->opcode == 0x5604 || command->opcode == 0x5605)
			assert_int_equal(command->effects, 0xe07);
	}
}

/* The request of a release has no region: its extents say where they are, all of them in one list. [CXL3.1 7.6.7.6.6]
 */
static void a_release_names_extents_of_any_region(void **state)
{
	u64 base = dynamic_region_base(dev->dc, 0), size = dev->dc->region_size;
	u8 request[32 + 2 * 40] = {0};
	u16 inner;

	for (unsigned n = 0; n < 2; n++)
		dev->dc->accepted[n] =
			(struct dc_extent){.dpa = base + n * size + 4 * MiB, .size = 4 * MiB, .region = n, .tag = {n}};
	dev->dc->accepted_count = 2;
	request[2] = 1;    /* prescriptive */
	request[3] = 0xff; /* reserved */
	store_le(request + 28, 4, 2);
	for (unsigned n = 0; n < 2; n++) {
		store_le(request + 32 + 40 * n, 8, base + n * size + 6 * MiB);
		store_le(request + 40 + 40 * n, 8, 2 * MiB);
	}
	assert_int_equal(tunnel(4, 0x5605, request, sizeof(request), &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	store_le(request + 32 + 40, 8, base + 2 * size - MiB); /* past the last region */
	assert_int_equal(tunnel(4, 0x5605, request, sizeof(request), &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_PHYSICAL_ADDRESS);
	store_le(request + 32, 8, base + size - 2 * MiB); /* over the border */
	store_le(request + 40, 8, 4 * MiB);
	store_le(request + 28, 4, 1);
	assert_int_equal(tunnel(4, 0x5605, request, 32 + 40, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_INVALID_PHYSICAL_ADDRESS);
	store_le(request + 28, 4, 0);
	request[2] = 0; /* by tag */
	request[12] = 1;
	assert_int_equal(tunnel(4, 0x5605, request, 32, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
}

/* --- the virtual switch [CXL3.1 7.6.7.2] --- */

/* What Get Virtual CXL Switch Info says of a vPPB: status, port, LD. */
static u32 vppb(unsigned n)
{
	assert_int_equal(send(0x5200, (u8[]){n, 1, 1, 0}, 4), CXL_SUCCESS);
	assert_int_equal(out_length, 12);
	return load_le(out + 8, 4);
}

static u16 bind_vppb(unsigned n, unsigned port)
{
	return send(0x5201, (u8[]){0, n, port, 0, 0xff, 0xff}, 6);
}

static u16 unbind_vppb(unsigned n, unsigned option)
{
	return send(0x5202, (u8[]){0, n, option}, 3);
}

/* The state of the background operation: 1 while it runs, opcode, return code. */
static u64 background_word(void)
{
	assert_int_equal(send(0x0002, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 8);
	return load_le(out, 8);
}

static u64 slot_status(const struct cxl_port *port)
{
	return pci_config_read((struct pci_dev *)&port->pci, port->pci.cap_pcie + EXP_SLTSTA, 2);
}

static void slot_control(struct cxl_port *port, u16 value)
{
	pci_config_write(&port->pci, port->pci.cap_pcie + EXP_SLTCTL, 2, value);
	pci_config_write(&port->pci, port->pci.cap_pcie + EXP_SLTSTA, 2, 0x11f);
}

static void the_virtual_switch_is_told(void **state)
{
	u8 ask[] = {0, 255, 3, 0, 7, 0}, whole[3 + 255] = {0, 255, 255};

	assert_int_equal(send(0x5200, ask, 6), CXL_SUCCESS);
	assert_int_equal(out_length, 4 + 20 + 4 + 20);
	assert_int_equal(load_le(out, 4), 3);
	assert_int_equal(load_le(out + 4, 4), 0x04210100); /* VCS 0, enabled, port 33 up, 4 vPPBs */
	assert_int_equal(load_le(out + 8, 4), 0x00ff2102);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(load_le(out + 12 + 4 * n, 4), 0x00ff0002 | (n + 4) << 8);
	assert_int_equal(load_le(out + 24, 4), 0x0000ff07); /* there is no VCS 7 */
	assert_int_equal(load_le(out + 28, 4), 0x04210100);
	ask[2] = 2;
	assert_int_equal(send(0x5200, ask, 5), CXL_SUCCESS);
	assert_int_equal(send(0x5200, ask, 6), CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(send(0x5200, ask, 4), CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(send(0x5200, (u8[]){2, 9, 1, 0}, 4), CXL_SUCCESS); /* the last two */
	assert_int_equal(out_length, 16);
	assert_int_equal(load_le(out + 8, 8), 0x00ff060200ff0502ull);
	assert_int_equal(send(0x5200, (u8[]){4, 1, 1, 0}, 4), CXL_INVALID_INPUT);
	assert_int_equal(send(0x5200, (u8[]){0, 0, 1, 0}, 4), CXL_INVALID_INPUT);
	assert_int_equal(send(0x5200, (u8[]){0, 1, 0, 0}, 4), CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(send(0x5200, whole, sizeof(whole)),
			 CXL_INVALID_PAYLOAD_LENGTH); /* more than a mailbox holds */
}

static void a_device_is_unbound_and_bound(void **state)
{
	struct cxl_port *port = dev->above;
	u16 inner;

	pci_config_write(&dev->pci, 4, 2, 6);
	slot_control(port, EXP_SLTCTL_PIC_ON);
	assert_int_equal(unbind_vppb(1, UNBIND_SURPRISE), CXL_BACKGROUND_STARTED);
	assert_int_equal(background_word() & 0xffffff01, 0x52020001);
	assert_int_equal(vppb(1), 0x00ff0001); /* in progress */
	assert_int_equal(send(0x5101, (u8[]){1, 4}, 2), CXL_SUCCESS);
	assert_int_equal(out[5], PORT_STATE_UNBINDING);
	assert_int_equal(load_le(out + 6, 3), 0);
	assert_int_equal(unbind_vppb(2, UNBIND_SURPRISE), CXL_BUSY);
	assert_int_equal(get(MAILBOX_BACKGROUND, 8) & 0xffff, 0x5202);
	loop_time_advance(m.loop, 2000000);
	assert_int_equal(background_word(), 0x520200c8); /* 100 percent, success */
	/* Software sees an empty slot; the fabric manager the device. */
	assert_int_equal(slot_status(port), EXP_SLTSTA_PDC | EXP_SLTSTA_DLLSC);
	assert_false(pci_link_is_up(&port->pci));
	assert_null(cxl_port_device(port));
	assert_int_equal(pci_config_read(&dev->pci, 4, 2), 0);
	assert_int_equal(vppb(1), 0x00ff0000);
	assert_int_equal(send(0x5100, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 0x44, 4), 0x00030004);
	assert_int_equal(send(0x5101, (u8[]){1, 4}, 2), CXL_SUCCESS);
	assert_int_equal(out[5], PORT_STATE_DOWNSTREAM);
	assert_int_equal(out[8], PORT_DEVICE_TYPE3);
	assert_int_equal(out[15], LTSSM_L0);
	assert_int_equal(tunnel(4, 0x0001, NULL, 0, &inner), CXL_SUCCESS);
	assert_int_equal(inner, CXL_SUCCESS);
	/* A machine reset leaves it so, and the host's own link controls. */
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(vppb(1), 0x00ff0000);
	assert_int_equal(slot_status(port), 0);
	assert_int_equal(bind_vppb(1, 4), CXL_BACKGROUND_STARTED);
	assert_int_equal(vppb(1), 0x00ff0001);
	assert_int_equal(unbind_vppb(1, UNBIND_SURPRISE), CXL_BUSY);
	loop_time_advance(m.loop, 2000000);
	assert_int_equal(slot_status(port), EXP_SLTSTA_PDC | EXP_SLTSTA_ABP | EXP_SLTSTA_PDS);
	assert_int_equal(vppb(1), 0x00ff0402);
	slot_control(port, EXP_SLTCTL_PIC_ON); /* power on */
	assert_true(pci_link_is_up(&port->pci));
	assert_ptr_equal(cxl_port_device(port), dev);
}

/* The fabric manager has the link as it is, whatever software asked for in vain or can see of it. */
static void links_are_told_as_they_are(void **state)
{
	struct cxl_port *port = dev->above;
	u32 control = port->pci.cap_pcie + EXP_LNKCTL;
	u8 bound[16];

	assert_int_equal(send(0x5101, (u8[]){1, 4}, 2), CXL_SUCCESS);
	memcpy(bound, out + 4, 16);
	assert_int_equal(bound[7], 16); /* lanes of 32 GT/s */
	assert_int_equal(bound[10], 5);
	pci_config_write(&port->pci, control, 2, EXP_LNKCTL_DISABLE); /* masked [CXL3.1 8.1.5.2] */
	assert_int_equal(send(0x5101, (u8[]){1, 4}, 2), CXL_SUCCESS);
	assert_memory_equal(out + 4, bound, 16);
	pci_config_write(&port->pci, port->dvsec + DVSEC_PORT_CTRL, 2, DVSEC_PORT_UNMASK_DISABLE);
	assert_int_equal(send(0x5101, (u8[]){1, 4}, 2), CXL_SUCCESS);
	assert_int_equal(out[5], PORT_STATE_DISABLED);
	assert_int_equal(out[15], LTSSM_DISABLED);
	pci_config_write(&port->pci, control, 2, 0);
	assert_int_equal(unbind_vppb(1, UNBIND_SURPRISE), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 2000000);
	assert_int_equal(send(0x5101, (u8[]){1, 4}, 2), CXL_SUCCESS);
	assert_memory_equal(out + 4, bound, 16);
}

/* Whatever software does to the empty slot that it sees, and to the ports above. */
static void a_host_does_not_reset_what_is_unbound(void **state)
{
	struct pci_dev *pci = &dev->above->pci, *rp = (struct pci_dev *)fixture_find(&m, "rp0");
	struct pci_dev *other = &fixture_type3(&m, "mem1")->pci;

	assert_int_equal(unbind_vppb(1, UNBIND_SURPRISE), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 2000000);
	pci_config_write(&dev->pci, PCI_INTERRUPT_LINE, 1, 0x5a);
	pci_config_write(other, PCI_INTERRUPT_LINE, 1, 0x5a);
	pci_config_write(pci, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_RESET);
	pci_config_write(pci, PCI_BRIDGE_CONTROL, 2, 0);
	pci_config_write(pci, pci->cap_pcie + EXP_LNKCTL, 2, EXP_LNKCTL_DISABLE);
	pci_config_write(pci, pci->cap_pcie + EXP_LNKCTL, 2, 0);
	slot_control(dev->above, EXP_SLTCTL_PIC_OFF | EXP_SLTCTL_POWER_OFF);
	slot_control(dev->above, EXP_SLTCTL_PIC_ON);
	assert_int_equal(pci_config_read(&dev->pci, PCI_INTERRUPT_LINE, 1), 0x5a);
	pci_config_write(rp, ((struct cxl_port *)rp)->dvsec + DVSEC_PORT_CTRL, 2, DVSEC_PORT_UNMASK_RESET);
	pci_config_write(rp, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_RESET);
	pci_config_write(rp, PCI_BRIDGE_CONTROL, 2, 0);
	assert_int_equal(pci_config_read(other, PCI_INTERRUPT_LINE, 1), 0);
	assert_int_equal(pci_config_read(&dev->pci, PCI_INTERRUPT_LINE, 1), 0x5a);
	assert_int_equal(send(0x5102, (u8[]){4, PORT_RESET}, 2), CXL_SUCCESS); /* the fabric manager does */
	assert_int_equal(pci_config_read(&dev->pci, PCI_INTERRUPT_LINE, 1), 0);
}

/* A reset of an empty slot: masked by the device that is bound then, unmasked later. [CXL3.1 8.1.5.2] */
static void a_reset_that_is_unmasked_after_binding_resets(void **state)
{
	struct cxl_port *port = dev->above;

	assert_int_equal(unbind_vppb(1, UNBIND_SURPRISE), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 2000000);
	pci_config_write(&port->pci, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_RESET);
	assert_int_equal(bind_vppb(1, 4), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 2000000);
	assert_true(pci_link_is_up(&port->pci));
	pci_config_write(&dev->pci, PCI_INTERRUPT_LINE, 1, 0x5a);
	pci_config_write(&port->pci, port->dvsec + DVSEC_PORT_CTRL, 2, DVSEC_PORT_UNMASK_RESET);
	assert_false(pci_link_is_up(&port->pci));
	assert_int_equal(pci_config_read(&dev->pci, PCI_INTERRUPT_LINE, 1), 0);
}

static void what_cannot_be_bound_is_refused(void **state)
{
	assert_int_equal(bind_vppb(1, 4), CXL_INVALID_INPUT); /* it is */
	assert_int_equal(bind_vppb(0, 33), CXL_INVALID_INPUT);
	assert_int_equal(unbind_vppb(0, UNBIND_SURPRISE), CXL_UNSUPPORTED); /* the upstream port */
	assert_int_equal(unbind_vppb(4, UNBIND_SURPRISE), CXL_INVALID_INPUT);
	assert_int_equal(unbind_vppb(1, 3), CXL_INVALID_INPUT);
	assert_int_equal(send(0x5202, (u8[]){1, 1, 2}, 3), CXL_INVALID_INPUT); /* VCS 1 */
	for (unsigned n = 1; n < 4; n++) {
		assert_int_equal(unbind_vppb(n, 0xf0 | UNBIND_SURPRISE), CXL_BACKGROUND_STARTED);
		loop_time_advance(m.loop, 2000000);
	}
	assert_int_equal(unbind_vppb(1, UNBIND_SURPRISE), CXL_INVALID_INPUT);
	assert_int_equal(send(0x5201, (u8[]){0, 1, 4, 0, 0, 0}, 6), CXL_INVALID_INPUT); /* an LD of what has none */
	assert_int_equal(send(0x5201, (u8[]){1, 1, 4, 0, 0xff, 0xff}, 6), CXL_INVALID_INPUT);
	assert_int_equal(bind_vppb(1, 33), CXL_INVALID_INPUT);
	assert_int_equal(bind_vppb(1, 99), CXL_INVALID_INPUT);
	assert_int_equal(bind_vppb(1, 5), CXL_UNSUPPORTED);        /* another port's link */
	assert_int_equal(bind_vppb(3, 6), CXL_BACKGROUND_STARTED); /* nothing is there */
	loop_time_advance(m.loop, 2000000);
	assert_int_equal(vppb(3), 0x00ff0602);
}

static void an_unbinding_waits_for_software(void **state)
{
	struct cxl_port *port = dev->above;

	slot_control(port, EXP_SLTCTL_PIC_ON);
	/* Managed: the button, then what software does about it. */
	assert_int_equal(unbind_vppb(1, UNBIND_MANAGED), CXL_BACKGROUND_STARTED);
	assert_int_equal(slot_status(port), EXP_SLTSTA_ABP | EXP_SLTSTA_PDS);
	assert_int_equal(pci_slot_ask(&port->pci), PCI_REMOVAL_BUSY);
	slot_control(port, EXP_SLTCTL_PIC_BLINK);
	loop_time_advance(m.loop, 10000000000ull);
	assert_int_equal(background_word(), 0x52020001);
	assert_true(pci_link_is_up(&port->pci));
	slot_control(port, EXP_SLTCTL_PIC_OFF | EXP_SLTCTL_POWER_OFF);
	loop_time_advance(m.loop, 1);
	assert_int_equal(background_word(), 0x520200c8);
	assert_int_equal(slot_status(port), EXP_SLTSTA_PDC);
	assert_int_equal(bind_vppb(1, 4), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 2000000);
	slot_control(port, EXP_SLTCTL_PIC_BLINK);
	assert_int_equal(unbind_vppb(1, UNBIND_MANAGED), CXL_RETRY_REQUIRED); /* software is busy with the slot */
	/* Link Down: whoever takes it down. An abort leaves all as it was. */
	slot_control(port, EXP_SLTCTL_PIC_ON);
	assert_int_equal(unbind_vppb(1, UNBIND_LINK_DOWN), CXL_BACKGROUND_STARTED);
	assert_int_equal(slot_status(port), EXP_SLTSTA_PDS);
	assert_int_equal(send(0x0005, NULL, 0), CXL_SUCCESS);
	assert_int_equal(background_word() >> 32, CXL_ABORTED);
	assert_int_equal(vppb(1), 0x00ff0402);
	assert_int_equal(unbind_vppb(1, UNBIND_LINK_DOWN), CXL_BACKGROUND_STARTED);
	fixture_reset(&m, RESET_WARM); /* as does a machine reset */
	assert_int_equal(vppb(1), 0x00ff0402);
	assert_int_equal(unbind_vppb(1, UNBIND_LINK_DOWN), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 10000000000ull);
	assert_int_equal(vppb(1), 0x00ff0001);
	pci_config_write(&port->pci, port->dvsec + DVSEC_PORT_CTRL, 2, DVSEC_PORT_UNMASK_DISABLE);
	pci_config_write(&port->pci, port->pci.cap_pcie + EXP_LNKCTL, 2, EXP_LNKCTL_DISABLE);
	loop_time_advance(m.loop, 1);
	assert_int_equal(vppb(1), 0x00ff0000);
}

static int open_region(void **state)
{
	open_with("window=0,devices=mem1,type=ram");
	return 0;
}

/* Its memory goes with it, and does not come back by itself. */
static void unbound_memory_is_not_there(void **state)
{
	struct cxl_type3 *mem = fixture_type3(&m, "mem1");

	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_DIRECT);
	assert_int_equal(unbind_vppb(2, UNBIND_SURPRISE), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 2000000);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_NOTHING);
	assert_false(mem->comp.decoders[0].committed);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_NOTHING);
	assert_int_equal(bind_vppb(2, 5), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 2000000);
	assert_ptr_equal(cxl_port_device(mem->above), mem);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_NOTHING);
}

static u16 aer_event(unsigned vcs, unsigned n, u32 error)
{
	u8 request[40] = {vcs, n};

	store_le(request + 4, 4, error);
	for (unsigned i = 0; i < 32; i++)
		request[8 + i] = i;
	return send(0x5203, request, 40);
}

static void errors_are_put_on_ports(void **state)
{
	struct pci_dev *up = (struct pci_dev *)fixture_find(&m, "us0"), *port = &dev->above->pci;

	assert_int_equal(aer_event(0, 1, AER_EVENT_UNCORRECTABLE | 12), CXL_SUCCESS); /* poisoned TLP */
	assert_int_equal(out_length, 0);
	assert_int_equal(pci_config_read(port, port->cap_aer + AER_UNCOR_STATUS, 4), BIT(12));
	assert_int_equal(pci_config_read(port, port->cap_aer + AER_CONTROL, 4) & 0x1f, 12);
	assert_int_equal(pci_config_read(port, port->cap_aer + AER_HEADER_LOG + 12, 4), 0x0f0e0d0c);
	assert_int_equal(aer_event(0, 0, 0x7fffffe0 | 6), CXL_SUCCESS); /* bad TLP, reserved bits */
	assert_int_equal(pci_config_read(up, up->cap_aer + AER_COR_STATUS, 4), BIT(6));
	assert_int_equal(pci_config_read(up, up->cap_pcie + EXP_DEVSTA, 2) & 7, 1);
	pci_config_write(port, port->cap_aer + AER_UNCOR_MASK, 4, BIT(20));
	assert_int_equal(aer_event(0, 1, AER_EVENT_UNCORRECTABLE | 20), CXL_SUCCESS); /* masked: a status bit */
	assert_int_equal(pci_config_read(port, port->cap_aer + AER_CONTROL, 4) & 0x1f, 12);
	assert_int_equal(aer_event(0, 1, AER_EVENT_UNCORRECTABLE | 0), CXL_UNSUPPORTED);
	assert_int_equal(aer_event(0, 1, 31), CXL_UNSUPPORTED);
	assert_int_equal(aer_event(0, 4, 6), CXL_INVALID_INPUT);
	assert_int_equal(aer_event(1, 0, 6), CXL_INVALID_INPUT);
}

/* An error that the root port contains resets the switch, with the mailbox that asked for it. */
static void a_command_may_reset_its_mailbox(void **state)
{
	struct pci_dev *up, *root;

	fixture_close(&m);
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0,dpc=on");
	fixture_add(&m, &cxl_upstream_class, "id=us0,bus=rp0,multifunction=on,addr=0.0");
	fixture_add(&m, &cxl_switch_cci_class, "id=cci0,bus=rp0,addr=0.1,target=us0");
	fixture_power_on(&m);
	root = (struct pci_dev *)fixture_find(&m, "rp0");
	up = (struct pci_dev *)fixture_find(&m, "us0");
	cci = (struct switch_cci *)fixture_find(&m, "cci0");
	mailbox = &cci->mbox;
	background = &cci->background.is_running;
	pci_config_write(root, root->cap_dpc + DPC_CTRL, 2, 1);
	pci_config_write(up, up->cap_pcie + EXP_DEVCTL, 2, EXP_DEVCTL_ERRORS);
	set(DEVREGS_PAYLOAD + 4, 4, AER_EVENT_UNCORRECTABLE | 18); /* malformed TLP: fatal */
	set(MAILBOX_COMMAND, 8, 0x5203 | 40 << 16);
	set(MAILBOX_CTRL, 4, MAILBOX_CTRL_DOORBELL);
	assert_int_equal(pci_config_read(root, root->cap_dpc + DPC_STATUS, 2) & DPC_STATUS_TRIGGERED,
			 DPC_STATUS_TRIGGERED);
	assert_int_equal(get(MAILBOX_COMMAND, 8), 0);
	assert_int_equal(get(MAILBOX_CTRL, 4), 0);
	assert_int_equal(get(MAILBOX_STATUS, 8), 0);
}

/* A mailbox that stands elsewhere outlives its switch. */
static void a_switch_that_has_gone_answers_no_more(void **state)
{
	struct cxl_switch *sw = cci->target;

	assert_int_equal(unbind_vppb(1, UNBIND_LINK_DOWN), CXL_BACKGROUND_STARTED);
	switch_job_forget(m.cxl, dev->above);
	loop_time_advance(m.loop, 1);
	assert_int_equal(background_word(), 0x520200c8);
	cci->target = NULL;
	for (unsigned n = 0; n < switch_command_count; n++)
		assert_int_equal(send(switch_commands[n].opcode, NULL, switch_commands[n].in_min), CXL_INTERNAL_ERROR);
	cci->target = sw;
}

static void monitors_ask_the_same(void **state)
{
	static struct cxl_fm_answer answer;

	assert_true(cxl_fm_request(m.cxl, "us0", 0x5100, NULL, 0, &answer, &m.err));
	assert_int_equal(answer.code, CXL_SUCCESS);
	assert_int_equal(answer.length, 0x49);
	assert_true(cxl_fm_request(m.cxl, "/machine/peripheral/cci0", 0x4000, NULL, 0, &answer, &m.err));
	assert_int_equal(answer.code, CXL_UNSUPPORTED);
	assert_int_equal(answer.length, 0);
	assert_false(cxl_fm_request(m.cxl, "mem0", 0x5100, NULL, 0, &answer, &m.err));
	/* What a monitor begins goes on behind the mailbox. */
	assert_true(cxl_fm_request(m.cxl, "cci0", 0x5202, (u8[]){0, 1, UNBIND_SURPRISE}, 3, &answer, &m.err));
	assert_int_equal(answer.code, CXL_BACKGROUND_STARTED);
	assert_int_equal(get(MAILBOX_STATUS, 8) & MAILBOX_STATUS_BACKGROUND, MAILBOX_STATUS_BACKGROUND);
	loop_time_advance(m.loop, 2000000);
	assert_int_equal(get(MAILBOX_STATUS, 8) & MAILBOX_STATUS_BACKGROUND, 0);
}

static void hostile_commands_do_no_harm(void **state)
{
	u64 random = 1;

	for (unsigned n = 0; n < 20000; n++) {
		const struct mbox_command *c = &switch_commands[check_random(&random) % switch_command_count];
		u8 bytes[96];
		u32 length = check_random(&random) % sizeof(bytes);

		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = check_random(&random) >> 20;
		if (c->opcode == 0x5300 && (random & 0x10000)) {
			length = MAX(length, 16u);
			bytes[0] = 4 + (random >> 40 & 1);
			bytes[1] = bytes[4] = bytes[11] = bytes[10] = 0;
			store_le(bytes + 2, 2, length - 4);
			store_le(bytes + 7, 2, 0x5600 + check_random(&random) % 7);
			bytes[9] = length - 16;
		}
		send(c->opcode, bytes, length);
		if (random & 0x20000)
			loop_time_advance(m.loop, 1000000);
	}
}

static void without_a_switch_it_is_refused(void **state)
{
	assert_false(fixture_try(&m, &cxl_switch_cci_class, "id=x,bus=ds2"));
	assert_non_null(strstr(m.err.text, "give target=ID"));
	assert_false(fixture_try(&m, &cxl_switch_cci_class, "id=y,bus=ds2,target=mem0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_switch, close_switch)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_switch_mailbox_shows_what_it_is),
		TEST(every_switch_command_bounds_its_input),
		TEST(the_effects_log_is_the_table),
		TEST(identify_limits_and_clock),
		TEST(ports_are_told_as_they_are),
		TEST(ports_are_configured_from_outside),
		TEST(a_tunnel_leads_to_the_device),
		TEST(capacity_is_managed_through_the_tunnel),
		TEST(an_addition_is_as_its_policy_has_it),
		TEST(a_release_by_tag_has_a_length),
		TEST(effects_are_told_as_specified),
		TEST(a_release_names_extents_of_any_region),
		TEST(the_virtual_switch_is_told),
		TEST(a_device_is_unbound_and_bound),
		TEST(links_are_told_as_they_are),
		TEST(a_host_does_not_reset_what_is_unbound),
		TEST(a_reset_that_is_unmasked_after_binding_resets),
		TEST(what_cannot_be_bound_is_refused),
		TEST(an_unbinding_waits_for_software),
		TEST(errors_are_put_on_ports),
		TEST(a_command_may_reset_its_mailbox),
		TEST(a_switch_that_has_gone_answers_no_more),
		cmocka_unit_test_setup_teardown(unbound_memory_is_not_there, open_region, close_switch),
		TEST(monitors_ask_the_same),
		TEST(hostile_commands_do_no_harm),
		TEST(without_a_switch_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
