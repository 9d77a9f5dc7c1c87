/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: a memory device with all kinds of capacity behind a bridge, as a hostile guest and a hostile manager reach it. The
 * input is a list of operations: mailbox commands with their payload, DOE objects, configuration space, component and device
 * registers, loads and stores in the window, offers and releases of dynamic capacity, guest time. Every run begins with a cold
 * reset. What it finds is a crash, a sanitizer's report, or a run without an end. `make fuzz`.
 */
#include "../tests/unit/cxl/fixture.h"

#define OPERATIONS_MAX 256
#define SECOND 1000000000ull

struct input { const u8 *bytes; size_t left; };

static u64 take(struct input *in, unsigned size)
{
	u8 word[8] = {0};
	unsigned n = MIN(size, in->left);

	memcpy(word, in->bytes, n);
	in->bytes += n;
	in->left -= n;
	return load_le(word, 8);
}

static void mailbox(struct cxl_type3 *dev, struct input *in)
{
	const struct mbox_command *c = &mbox_commands[take(in, 1) % mbox_command_count];
	u32 length = take(in, 1), total = length;

	if (length == 255)
		total = length = take(in, 3);
	else if (length > 127)
		total = length = c->in_min;
	for (u32 n = 0; n < MIN(length, MIN(in->left, MAILBOX_PAYLOAD_BYTES)); n++)
		devregs_io.write(&dev->mbox, DEVREGS_PAYLOAD + n, 1, in->bytes[n]);
	in->bytes += MIN(length, in->left);
	in->left -= MIN(length, in->left);
	devregs_io.write(&dev->mbox, MAILBOX_COMMAND, 8, c->opcode | (u64)total << 16);
	devregs_io.write(&dev->mbox, MAILBOX_CTRL, 4, MAILBOX_CTRL_DOORBELL);
}

static void doe(struct cxl_type3 *dev, struct input *in)
{
	u32 at = 0x190, dwords = take(in, 1) % 20, type = take(in, 1) % 4;

	pci_config_write(&dev->pci, at + 0x10, 4, type < 3 ? CXL_VENDOR_ID | type << 16 : 1);
	pci_config_write(&dev->pci, at + 0x10, 4, take(in, 1) & 1 ? dwords + 2 : take(in, 4));
	for (u32 n = 0; n < dwords; n++)
		pci_config_write(&dev->pci, at + 0x10, 4, take(in, 4));
	pci_config_write(&dev->pci, at + 8, 4, BIT(31) | take(in, 1));
	for (u32 n = take(in, 1); n; n--)
		pci_config_write(&dev->pci, at + 0x14, 4, 0);
}

static void dynamic(struct machine *m, struct cxl_type3 *dev, struct input *in)
{
	struct cxl_dc_span spans[4];
	u8 flags = take(in, 1);
	struct cxl_dc_request request = {.region = take(in, 1) % 5, .spans = spans, .count = flags >> 6, .forced = flags & 1,
					 .sanitize = flags & 2, .by_tag = flags & 4, .selection = (flags >> 3 & 3) % 3};

	request.tag[0] = take(in, 1) % 3;
	for (unsigned n = 0; n < 4; n++) {
		u64 word = take(in, 2);

		spans[n] = (struct cxl_dc_span){(word & 0xff) * 2 * MiB, (word >> 8) * 2 * MiB};
	}
	if (flags & 32)
		cxl_dc_add(&dev->pci.dev, &request, &m->err);
	else
		cxl_dc_release(&dev->pci.dev, &request, &m->err);
}

static void build(struct machine *m)
{
	fixture_open(m);
	fixture_add(m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(m, &cxl_rp_class, "id=rp1,bus=hb0");
	for (unsigned n = 0; n < 2; n++) {
		fixture_add(m, &memory_backend_ram_class, "id=v%u,size=256M", n);
		fixture_add(m, &memory_backend_ram_class, "id=p%u,size=256M", n);
		fixture_add(m, &memory_backend_ram_class, "id=d%u,size=512M", n);
		fixture_add(m, &memory_backend_ram_class, "id=l%u,size=4K", n);
		fixture_add(m, &cxl_type3_class, "id=mem%u,bus=rp%u,volatile-memdev=v%u,persistent-memdev=p%u,lsa=l%u,volatile-dc-memdev=d%u,"
			    "num-dc-regions=2,dc-shareable=%s", n, n, n, n, n, n, n ? "on" : "off");
	}
	assert_true(fixture_option(m, "targets.0=hb0,size=4G", cxl_host_add_window_opts));
	assert_true(fixture_option(m, "devices=mem0:mem1", cxl_host_add_region));
	if (!fixture_settle(m))
		fail_msg("%s", m->err.text);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct machine m; /* one for all runs: making it costs more than a run */
	struct input in = {data, size};

	if (!m.loop)
		build(&m);
	fixture_reset(&m, RESET_COLD);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = take(&in, 1);
		struct cxl_type3 *dev = fixture_type3(&m, what & 128 ? "mem1" : "mem0");
		unsigned width = 1u << (what >> 5 & 3);
		u64 value, at;

		switch (what & 15) {
		case 0 ... 5:
			mailbox(dev, &in);
			break;
		case 6:
			doe(dev, &in);
			break;
		case 7:
			at = take(&in, 2) & 0xfff & -MIN(width, 4u);
			pci_config_write(&dev->pci, at, MIN(width, 4u), take(&in, 4));
			break;
		case 8:
			at = take(&in, 2);
			if (what & 16)
				component_io.write(&dev->comp, at & -(u64)width, width, take(&in, width));
			else
				component_io.read(&dev->comp, at & -(u64)width, width, &value);
			break;
		case 9: /* a decoder of the device or the bridge */
			at = take(&in, 4);
			program(what & 16 ? &dev->comp : &m.cxl->bridges[0]->fork.comp, at & 3, WINDOWS_BASE + (at >> 2 & 15) * 256 * MiB,
				(at >> 6 & 7) * 256 * MiB, at >> 9 & 15, at >> 13 & 7, take(&in, 2), at >> 16 & HDM_CTRL_LOCK_ON_COMMIT);
			enable_mem(dev, !(at >> 31));
			break;
		case 10:
			at = take(&in, 2);
			devregs_io.write(&dev->mbox, at & 0xfff & -(u64)width, width, take(&in, width));
			devregs_io.read(&dev->mbox, at & 0xfff & -(u64)width, width, &value);
			break;
		case 11:
			at = WINDOWS_BASE + (take(&in, 4) & -(u64)width);
			if (what & 16)
				space_write(m.space, at, width, take(&in, 1));
			else
				space_read(m.space, at, width, &value);
			break;
		case 12:
			dynamic(&m, dev, &in);
			break;
		case 13:
			loop_time_advance(m.loop, take(&in, 1) * (SECOND / 10));
			break;
		case 14:
			cxl_poison_add(&dev->pci.dev, take(&in, 3) * 64, (take(&in, 1) + 1) * 64, &m.err);
			break;
		default:
			fixture_reset(&m, what & 16 ? RESET_WARM : RESET_FUNCTION);
			break;
		}
	}
	return 0;
}
