/* SPDX-License-Identifier: BSD-2-Clause */
/* Native hot-plug: what a slot says, and when its port interrupts. [PCIe5 6.7, 7.5.3.9-7.5.3.11] */
#include "pci/fixture.h"

struct slot {
	struct fixture *f;
	struct dev *port;
	struct bus *bus;
	u64 config, express;
	unsigned allowed; /* calls of pci_host_on_removal */
};

static struct pci_dev *pci_of(struct dev *dev)
{
	return container_of(dev, struct pci_dev, dev);
}

static void removal_allowed(void *opaque)
{
	((struct slot *)opaque)->allowed++;
}

/* An empty slot in slot 1 of pcie.0, its bus numbered 1, with the events that Linux asks for, by MSI. */
static struct slot slot_new(const char *options)
{
	struct slot s = {.f = fixture_new()};
	struct pci_dev *p;

	s.port = fixture_must_add(s.f, &pcie_root_port_class, NULL, options);
	s.bus = pcie_root_port_class.bus(s.port);
	p = pci_of(s.port);
	s.config = ecam(0, 1, 0, 0);
	s.express = s.config + p->cap_pcie;
	wr(s.f, s.config + PCI_PRIMARY_BUS, 4, 0x00010100);
	wr(s.f, s.config + p->cap_msi + MSI_ADDRESS, 8, DOORBELL);
	wr(s.f, s.config + p->cap_msi + MSI_CTRL, 2, MSI_CTRL_ENABLE);
	wr(s.f, s.config + PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	return s;
}

static u64 status(struct slot *s)
{
	return rd(s->f, s->express + EXP_SLTSTA, 2);
}

static u64 control(struct slot *s)
{
	return rd(s->f, s->express + EXP_SLTCTL, 2);
}

/* Writes a command and acknowledges its completion. */
static void command(struct slot *s, u64 clear, u64 set)
{
	wr(s->f, s->express + EXP_SLTCTL, 2, (control(s) & ~clear) | set);
	assert_true(status(s) & EXP_SLTSTA_CC);
	wr(s->f, s->express + EXP_SLTSTA, 2, EXP_SLTSTA_CC);
}

static struct dev *plug(struct slot *s, const char *options)
{
	struct error err = {{0}};
	struct dev *dev;

	assert_true(pci_slot_can_plug(container_of(s->bus, struct pci_bus, bus), &err));
	dev = fixture_must_add(s->f, &test_dev_class, s->bus, options);
	pci_slot_plugged(pci_of(dev));
	return dev;
}

static void take_out(struct slot *s)
{
	dev_destroy(s->f->devs[--s->f->dev_count]);
	pci_slot_emptied(pci_of(s->port));
}

#define ENABLES (EXP_SLTCTL_HPIE | EXP_SLTCTL_DLLSCE | EXP_SLTSTA_ABP | EXP_SLTSTA_CC)

static void an_empty_slot_is_off(void **state)
{
	struct slot s = slot_new("id=rp,addr=1,slot=7");

	assert_int_equal(rd(s.f, s.express + EXP_SLTCAP, 4), 7 << 19 | EXP_SLTCAP_BUTTON | EXP_SLTCAP_POWER |
								     EXP_SLTCAP_INDICATORS | EXP_SLTCAP_SURPRISE |
								     EXP_SLTCAP_HOTPLUG);
	assert_int_equal(control(&s), EXP_SLTCTL_AIC | EXP_SLTCTL_PIC_OFF | EXP_SLTCTL_POWER_OFF);
	assert_int_equal(status(&s), 0);
	assert_int_equal(rd(s.f, ecam(1, 0, 0, 0), 4), 0xffffffff);
	fixture_free(s.f);
}

static void plugging_presses_the_button(void **state)
{
	struct slot s = slot_new("id=rp,addr=1");

	command(&s, 0, ENABLES);
	wr(s.f, s.express + EXP_SLTSTA, 2, 0x11f);
	s.f->message_count = 0;
	plug(&s, "id=x");
	assert_int_equal(status(&s), EXP_SLTSTA_ABP | EXP_SLTSTA_PDC | EXP_SLTSTA_PDS);
	assert_int_equal(s.f->message_count, 1);
	assert_int_equal(rd(s.f, ecam(1, 0, 0, 0), 4), 0xffffffff); /* no power yet, no link */
	wr(s.f, s.express + EXP_SLTSTA, 2, EXP_SLTSTA_ABP | EXP_SLTSTA_PDC);
	wr(s.f, s.express + EXP_SLTCTL, 2,
	   (control(&s) & ~(EXP_SLTCTL_PIC | EXP_SLTCTL_POWER_OFF)) | EXP_SLTCTL_PIC_BLINK);
	assert_int_equal(status(&s), EXP_SLTSTA_CC | EXP_SLTSTA_DLLSC | EXP_SLTSTA_PDS);
	assert_int_equal(s.f->message_count, 2); /* one for both */
	assert_int_equal(rd(s.f, ecam(1, 0, 0, 0), 4), 0x56781234);
	assert_true(rd(s.f, s.express + EXP_LNKSTA, 2) & EXP_LNKSTA_DLLLA);
	fixture_free(s.f);
}

/* What software has seen to by polling, while the message was masked, sends none when it is unmasked; what comes after
 * that does. [PCIe5 6.1.4.5] */
static void a_masked_message_is_withdrawn(void **state)
{
	struct slot s = slot_new("id=rp,addr=1");
	u64 msi = s.config + pci_of(s.port)->cap_msi;

	command(&s, 0, ENABLES);
	wr(s.f, s.express + EXP_SLTSTA, 2, 0x11f);
	wr(s.f, msi + MSI_MASK, 4, 1);
	s.f->message_count = 0;
	plug(&s, "id=x");
	assert_int_equal(rd(s.f, msi + MSI_PENDING, 4), 1);
	wr(s.f, s.express + EXP_SLTSTA, 2, EXP_SLTSTA_PDC);
	assert_int_equal(rd(s.f, msi + MSI_PENDING, 4), 1);
	wr(s.f, s.express + EXP_SLTSTA, 2, EXP_SLTSTA_ABP);
	assert_int_equal(rd(s.f, msi + MSI_PENDING, 4), 0);
	wr(s.f, msi + MSI_MASK, 4, 0);
	assert_int_equal(s.f->message_count, 0);
	wr(s.f, msi + MSI_MASK, 4, 1);
	wr(s.f, s.express + EXP_SLTCTL, 2, control(&s));
	assert_int_equal(rd(s.f, msi + MSI_PENDING, 4), 1);
	wr(s.f, msi + MSI_MASK, 4, 0);
	assert_int_equal(s.f->message_count, 1);
	assert_int_equal(rd(s.f, msi + MSI_PENDING, 4), 0);
	fixture_free(s.f);
}

/* As OpenBSD and NetBSD write it: the events that are cleared are those from before the command. [PCIe5 6.7.3.2] */
static void a_command_of_a_dword_is_completed(void **state)
{
	struct slot s = slot_new("id=rp,addr=1");
	u64 on;

	plug(&s, "id=x");
	command(&s, 0, ENABLES);
	wr(s.f, s.express + EXP_SLTCTL, 2, control(&s)); /* not acknowledged */
	s.f->message_count = 0;
	on = (control(&s) & ~(u64)(EXP_SLTCTL_PIC | EXP_SLTCTL_POWER_OFF)) | EXP_SLTCTL_PIC_ON;
	wr(s.f, s.express + EXP_SLTCTL, 4, on | 0x11full << 16);
	assert_int_equal(control(&s), on);
	assert_int_equal(status(&s), EXP_SLTSTA_CC | EXP_SLTSTA_DLLSC | EXP_SLTSTA_PDS);
	assert_int_equal(s.f->message_count, 1);
	fixture_free(s.f);
}

static void taking_out_needs_consent(void **state)
{
	struct slot s = slot_new("id=rp,addr=1");
	struct pci_dev *port = pci_of(s.port);

	pci_host_on_removal(s.f->host, removal_allowed, &s);
	plug(&s, "id=x");
	command(&s, EXP_SLTCTL_PIC | EXP_SLTCTL_POWER_OFF, EXP_SLTCTL_PIC_ON | ENABLES);
	wr(s.f, s.express + EXP_SLTSTA, 2, 0x11f);
	assert_ptr_equal(pci_slot_of(port->bridge->secondary.slots[0]), port);
	assert_int_equal(pci_slot_ask(port), PCI_REMOVAL_ASKED);
	assert_true(status(&s) & EXP_SLTSTA_ABP);
	assert_int_equal(pci_slot_ask(port), PCI_REMOVAL_REPEATED);
	command(&s, EXP_SLTCTL_PIC, EXP_SLTCTL_PIC_BLINK);
	assert_int_equal(pci_slot_ask(port), PCI_REMOVAL_REPEATED);
	command(&s, 0, EXP_SLTCTL_POWER_OFF);
	assert_int_equal(s.allowed, 0); /* the indicator still blinks */
	assert_false(pci_slot_may_go(port, false));
	assert_true(pci_slot_may_go(port, true));
	assert_int_equal(rd(s.f, ecam(1, 0, 0, 0), 4), 0xffffffff);
	command(&s, EXP_SLTCTL_PIC, EXP_SLTCTL_PIC_OFF);
	assert_int_equal(s.allowed, 1);
	assert_true(pci_slot_may_go(port, false));
	take_out(&s);
	assert_false(pci_slot_may_go(port, true));
	assert_int_equal(status(&s) & (EXP_SLTSTA_PDS | EXP_SLTSTA_PDC), EXP_SLTSTA_PDC);
	/* And another one goes in. */
	plug(&s, "id=y");
	command(&s, EXP_SLTCTL_PIC | EXP_SLTCTL_POWER_OFF, EXP_SLTCTL_PIC_ON);
	assert_int_equal(rd(s.f, ecam(1, 0, 0, 0), 4), 0x56781234);
	fixture_free(s.f);
}

static void a_slot_that_is_off_is_not_asked(void **state)
{
	struct slot s = slot_new("id=rp,addr=1");

	plug(&s, "id=x");
	assert_int_equal(pci_slot_ask(pci_of(s.port)), PCI_REMOVAL_NOW);
	command(&s, EXP_SLTCTL_PIC | EXP_SLTCTL_POWER_OFF, EXP_SLTCTL_PIC_BLINK); /* being switched on */
	assert_int_equal(pci_slot_ask(pci_of(s.port)), PCI_REMOVAL_BUSY);
	fixture_free(s.f);
}

static void without_power_controller_the_indicator_decides(void **state)
{
	struct slot s = slot_new("id=rp,addr=1,power_controller_present=off");
	struct pci_dev *port = pci_of(s.port);

	assert_false(rd(s.f, s.express + EXP_SLTCAP, 4) & EXP_SLTCAP_POWER);
	plug(&s, "id=x");
	assert_int_equal(rd(s.f, ecam(1, 0, 0, 0), 4), 0x56781234); /* the link is up at once */
	assert_true(status(&s) & EXP_SLTSTA_DLLSC);
	command(&s, EXP_SLTCTL_PIC, EXP_SLTCTL_PIC_ON | EXP_SLTCTL_POWER_OFF);
	assert_false(control(&s) & EXP_SLTCTL_POWER_OFF);
	assert_int_equal(pci_slot_ask(port), PCI_REMOVAL_ASKED);
	command(&s, EXP_SLTCTL_PIC, EXP_SLTCTL_PIC_OFF);
	assert_true(pci_slot_may_go(port, false));
	fixture_free(s.f);
}

static void a_surprise_is_told(void **state)
{
	struct slot s = slot_new("id=rp,addr=1");

	plug(&s, "id=x,bar=1M");
	command(&s, EXP_SLTCTL_PIC | EXP_SLTCTL_POWER_OFF, EXP_SLTCTL_PIC_ON | ENABLES);
	wr(s.f, s.config + PCI_MEMORY_BASE, 4, 0x10201020);
	wr(s.f, s.config + PCI_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	wr(s.f, ecam(1, 0, 0, 0x10), 4, 0x10200000);
	wr(s.f, ecam(1, 0, 0, PCI_COMMAND), 2, PCI_COMMAND_MEMORY);
	assert_int_equal(rd(s.f, 0x10200008, 4), 0xabcd0008);
	wr(s.f, s.express + EXP_SLTSTA, 2, 0x11f);
	s.f->message_count = 0;
	take_out(&s);
	assert_int_equal(status(&s), EXP_SLTSTA_PDC | EXP_SLTSTA_DLLSC);
	assert_int_equal(s.f->message_count, 1);
	assert_int_equal(rd(s.f, ecam(1, 0, 0, 0), 4), 0xffffffff);
	assert_int_equal(rd(s.f, 0x10200008, 4), 0xffffffff);
	fixture_free(s.f);
}

static void functions_show_together(void **state)
{
	struct slot s = slot_new("id=rp,addr=1,power_controller_present=off");
	struct error err = {{0}};

	plug(&s, "id=x1,addr=0.1");
	assert_int_equal(status(&s), 0);
	assert_int_equal(rd(s.f, ecam(1, 0, 1, 0), 4), 0xffffffff);
	plug(&s, "id=x0,addr=0.0,multifunction=on");
	assert_true(status(&s) & EXP_SLTSTA_PDS);
	assert_int_equal(rd(s.f, ecam(1, 0, 1, 0), 4), 0x56781234);
	assert_false(pci_slot_can_plug(container_of(s.bus, struct pci_bus, bus), &err));
	assert_non_null(strstr(err.text, "x0"));
	fixture_free(s.f);
}

static void a_port_that_sleeps_sends_pme(void **state)
{
	struct slot s = slot_new("id=rp,addr=1");
	u64 pm = s.config + pci_of(s.port)->cap_pm;

	assert_int_equal(rd(s.f, pm + PM_CAP, 2), 0x4803);
	command(&s, 0,
		(ENABLES & ~(u64)EXP_SLTCTL_HPIE) | EXP_SLTSTA_PDC); /* as Linux leaves it: no hot-plug interrupt */
	wr(s.f, s.express + EXP_RTCTL, 2, EXP_RTCTL_PME_INTERRUPT);
	wr(s.f, pm + PM_CTRL, 2, PM_CTRL_D3HOT | PM_CTRL_PME_ENABLE);
	s.f->message_count = 0;
	plug(&s, "id=x");
	assert_true(rd(s.f, pm + PM_CTRL, 2) & PM_CTRL_PME_STATUS);
	assert_int_equal(rd(s.f, s.express + EXP_RTSTA, 4), EXP_RTSTA_PME | 0x0008);
	assert_int_equal(s.f->message_count, 1);
	wr(s.f, s.express + EXP_RTSTA, 4, EXP_RTSTA_PME);
	assert_int_equal(rd(s.f, s.express + EXP_RTSTA, 4) & (EXP_RTSTA_PME | EXP_RTSTA_PENDING), 0); /* told once */
	wr(s.f, pm + PM_CTRL, 2, PM_CTRL_PME_STATUS | PM_CTRL_PME_ENABLE);
	assert_int_equal(rd(s.f, pm + PM_CTRL, 2), PM_CTRL_PME_ENABLE | PM_CTRL_NO_SOFT_RESET);
	assert_int_equal(s.f->message_count, 1);
	wr(s.f, s.express + EXP_SLTSTA, 2, 0x11f);
	command(&s, 0, EXP_SLTCTL_HPIE);
	take_out(&s); /* awake: an interrupt, no PME */
	assert_int_equal(rd(s.f, s.express + EXP_RTSTA, 4) & EXP_RTSTA_PME, 0);
	fixture_free(s.f);
}

/* What came between the end of its interrupts and its sleep is not lost: Linux looks at the slot when it is woken. */
static void a_port_goes_to_sleep_with_an_event(void **state)
{
	struct slot s = slot_new("id=rp,addr=1");
	u64 pm = s.config + pci_of(s.port)->cap_pm;

	command(&s, 0, (ENABLES & ~(u64)EXP_SLTCTL_HPIE) | EXP_SLTSTA_PDC);
	wr(s.f, s.express + EXP_RTCTL, 2, EXP_RTCTL_PME_INTERRUPT);
	plug(&s, "id=x");
	s.f->message_count = 0;
	wr(s.f, pm + PM_CTRL, 2, PM_CTRL_D3HOT); /* PME_Status alone: the message waits for PME_En */
	assert_true(rd(s.f, pm + PM_CTRL, 2) & PM_CTRL_PME_STATUS);
	assert_false(rd(s.f, s.express + EXP_RTSTA, 4) & EXP_RTSTA_PME);
	wr(s.f, pm + PM_CTRL, 2, PM_CTRL_D3HOT | PM_CTRL_PME_ENABLE);
	assert_int_equal(rd(s.f, s.express + EXP_RTSTA, 4), EXP_RTSTA_PME | 0x0008);
	assert_int_equal(s.f->message_count, 1);
	wr(s.f, s.express + EXP_RTSTA, 4, EXP_RTSTA_PME);
	wr(s.f, pm + PM_CTRL, 2, PM_CTRL_PME_STATUS); /* awake */
	wr(s.f, pm + PM_CTRL, 2, PM_CTRL_PME_ENABLE);
	assert_false(rd(s.f, s.express + EXP_RTSTA, 4) & EXP_RTSTA_PME);
	wr(s.f, pm + PM_CTRL, 2, PM_CTRL_D3HOT | PM_CTRL_PME_ENABLE); /* nobody has looked: again */
	assert_int_equal(rd(s.f, s.express + EXP_RTSTA, 4), EXP_RTSTA_PME | 0x0008);
	assert_int_equal(s.f->message_count, 2);
	wr(s.f, s.express + EXP_RTSTA, 4, EXP_RTSTA_PME);
	wr(s.f, pm + PM_CTRL, 2, PM_CTRL_PME_STATUS);
	wr(s.f, s.express + EXP_SLTSTA, 2, 0x11f);
	wr(s.f, pm + PM_CTRL, 2, PM_CTRL_D3HOT | PM_CTRL_PME_ENABLE); /* looked at: it sleeps */
	assert_false(rd(s.f, s.express + EXP_RTSTA, 4) & EXP_RTSTA_PME);
	fixture_free(s.f);
}

static void only_hot_plug_slots_take_devices(void **state)
{
	struct slot s = slot_new("id=rp,addr=1,hotplug=off");
	struct error err = {{0}};

	assert_false(pci_slot_can_plug(container_of(s.bus, struct pci_bus, bus), &err));
	assert_string_equal(err.text, "Bus 'rp' does not support hotplugging");
	assert_false(pci_slot_can_plug(&pci_host_root(s.f->host)->bus, &err));
	assert_string_equal(err.text, "Bus 'pcie.0' does not support hotplugging");
	assert_int_equal(rd(s.f, s.express + EXP_SLTCAP, 4), EXP_SLTCAP_POWER | EXP_SLTCAP_NO_COMMAND);
	fixture_free(s.f);
}

/* [PCIe5 7.5.3.10, 7.5.3.11] What becomes of the link and of what is in the slot is noted in every slot; it is told in
 * those with hot-plug only. */
static void a_slot_without_hot_plug_notes_its_link(void **state)
{
	struct slot s = slot_new("id=rp,addr=1,hotplug=off,power_controller_present=off");

	fixture_must_add(s.f, &test_dev_class, s.bus, "id=x");
	pcie_root_port_class.reset(s.port, RESET_COLD);
	wr(s.f, s.config + PCI_PRIMARY_BUS, 4, 0x00010100);
	wr(s.f, s.config + pci_of(s.port)->cap_msi + MSI_ADDRESS, 8, DOORBELL);
	wr(s.f, s.config + pci_of(s.port)->cap_msi + MSI_CTRL, 2, MSI_CTRL_ENABLE);
	wr(s.f, s.config + PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(status(&s), EXP_SLTSTA_PDS);
	wr(s.f, s.express + EXP_SLTCTL, 2, 0xffff);
	assert_int_equal(control(&s), EXP_SLTCTL_DLLSCE);
	wr(s.f, s.express + EXP_LNKCTL, 2, EXP_LNKCTL_DISABLE);
	assert_int_equal(status(&s), EXP_SLTSTA_DLLSC | EXP_SLTSTA_PDS);
	wr(s.f, s.express + EXP_SLTSTA, 2, EXP_SLTSTA_DLLSC);
	assert_int_equal(status(&s), EXP_SLTSTA_PDS);
	wr(s.f, s.express + EXP_LNKCTL, 2, 0);
	assert_int_equal(status(&s), EXP_SLTSTA_DLLSC | EXP_SLTSTA_PDS);
	wr(s.f, s.express + EXP_SLTSTA, 2, 0x11f);
	pci_slot_unbind(pci_of(s.port));
	assert_int_equal(status(&s), EXP_SLTSTA_DLLSC | EXP_SLTSTA_PDC);
	wr(s.f, s.express + EXP_SLTSTA, 2, 0x11f);
	pci_slot_bind(pci_of(s.port));
	assert_int_equal(status(&s), EXP_SLTSTA_DLLSC | EXP_SLTSTA_PDC | EXP_SLTSTA_PDS);
	assert_int_equal(s.f->message_count, 0);
	fixture_free(s.f);
}

static unsigned number_of(struct fixture *f, unsigned slot, struct dev *port)
{
	return (unsigned)(rd(f, ecam(0, slot, 0, pci_of(port)->cap_pcie + EXP_SLTCAP), 4) >> 19);
}

static void slots_have_numbers_of_their_own(void **state)
{
	struct fixture *f = fixture_new();
	struct error err = {{0}};
	struct dev *ports[6];

	ports[0] = fixture_must_add(f, &pcie_root_port_class, NULL, "id=a,addr=1");
	ports[1] = fixture_must_add(f, &pcie_root_port_class, NULL, "id=b,addr=2,slot=0");
	ports[2] = fixture_must_add(f, &pcie_root_port_class, NULL, "id=c,addr=3,slot=2");
	ports[3] = fixture_must_add(f, &pcie_root_port_class, NULL, "id=d,addr=4");
	ports[4] = fixture_must_add(f, &pcie_root_port_class, NULL, "id=e,addr=5,chassis=255");
	ports[5] = fixture_must_add(f, &pcie_root_port_class, NULL, "id=g,addr=6,chassis=1,slot=8191");
	fixture_refused(f, &pcie_root_port_class, NULL, "id=h,addr=7,slot=2", "h: chassis=0,slot=2 is also that of c");
	fixture_refused(f, &pcie_root_port_class, NULL, "id=h,addr=7,chassis=1,slot=8191", "is also that of g");
	fixture_refused(f, &pcie_root_port_class, NULL, "id=h,addr=7,slot=8192", "more than 8191");
	assert_true(pci_host_settle(f->host, &err));
	assert_int_equal(number_of(f, 1, ports[0]), 1); /* what is left: 0 and 2 were asked for, later */
	assert_int_equal(number_of(f, 2, ports[1]), 0);
	assert_int_equal(number_of(f, 3, ports[2]), 2);
	assert_int_equal(number_of(f, 4, ports[3]), 3);
	assert_int_equal(number_of(f, 5, ports[4]), 0);
	assert_int_equal(number_of(f, 6, ports[5]), 8191);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_slot_is_off),
		cmocka_unit_test(plugging_presses_the_button),
		cmocka_unit_test(a_masked_message_is_withdrawn),
		cmocka_unit_test(a_command_of_a_dword_is_completed),
		cmocka_unit_test(taking_out_needs_consent),
		cmocka_unit_test(a_slot_that_is_off_is_not_asked),
		cmocka_unit_test(without_power_controller_the_indicator_decides),
		cmocka_unit_test(a_surprise_is_told),
		cmocka_unit_test(functions_show_together),
		cmocka_unit_test(a_port_that_sleeps_sends_pme),
		cmocka_unit_test(a_port_goes_to_sleep_with_an_event),
		cmocka_unit_test(only_hot_plug_slots_take_devices),
		cmocka_unit_test(a_slot_without_hot_plug_notes_its_link),
		cmocka_unit_test(slots_have_numbers_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
