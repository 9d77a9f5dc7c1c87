/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running, standing still, power-off and reset. What a guest, a key, a signal or QMP asks for is noted by any thread
 * and carried out here, in the event loop, under the machine lock; the lock is let go of while the vCPUs come to a
 * stop, for one may be waiting for it.
 *
 *   PRELAUNCH --cont--> RUNNING <--stop, cont--> PAUSED
 *   RUNNING --the guest powers off, with -no-shutdown--> SHUT_DOWN --reset--> PRELAUNCH
 *
 * Only RUNNING lets vCPUs and guest time go on.
 */
#include "base/out.h"
#include "host/host.h"
#include "machine/private.h"
#include "virtio/virtio.h"

#define BALLOON_PAUSE_NS 1000000000ull

void machine_tell(struct machine *m, enum machine_event event, enum machine_cause cause, const char *device)
{
	for (unsigned i = 0; i < LISTENERS_MAX; i++)
		if (m->listeners[i].happened)
			m->listeners[i].happened(m->listeners[i].opaque, event, cause, device);
}

static void tell(struct machine *m, enum machine_event event, enum machine_cause cause)
{
	machine_tell(m, event, cause, NULL);
}

void machine_listen(struct machine *m, machine_listener happened, void *opaque)
{
	unsigned i = 0;

	loop_lock(m->loop);
	while (m->listeners[i].happened)
		assert(++i < LISTENERS_MAX);
	m->listeners[i].happened = happened;
	m->listeners[i].opaque = opaque;
	loop_unlock(m->loop);
}

void machine_unlisten(struct machine *m, void *opaque)
{
	loop_lock(m->loop);
	for (unsigned i = 0; i < LISTENERS_MAX; i++)
		if (m->listeners[i].opaque == opaque)
			m->listeners[i].happened = NULL;
	if (m->disk_failed_opaque == opaque)
		m->disk_failed = NULL;
	loop_unlock(m->loop);
}

void machine_listen_disks(struct machine *m,
			  void (*failed)(void *opaque, const struct drive *drive, bool write, bool no_space,
					 enum on_error action),
			  void *opaque)
{
	m->disk_failed = failed;
	m->disk_failed_opaque = opaque;
}

enum machine_state machine_state(struct machine *m)
{
	return m->state;
}

/* Machine lock held once; it is not while the vCPUs stop. */
static void pause_cpus(struct machine *m)
{
	loop_unlock(m->loop);
	cpus_pause(m->cpus);
	loop_lock(m->loop);
}

static void stand_still(struct machine *m, enum machine_state state)
{
	bool ran = m->state == MACHINE_RUNNING;

	if (ran) {
		pause_cpus(m);
		loop_time_stop(m->loop);
	}
	m->state = state;
	if (ran)
		tell(m, EVENT_STOP, 0);
}

/* Also what a format keeps in memory until the guest flushes: without it an image is older than it seems. */
void machine_flush_disks(struct machine *m)
{
	workers_hold(m->workers);
	for (unsigned i = 0; i < m->drive_count; i++)
		if (m->drives[i]->block)
			block_flush(m->drives[i]->block); /* the guest's own flush will say if this failed */
}

void machine_stop(struct machine *m)
{
	if (m->state == MACHINE_RUNNING)
		stand_still(m, MACHINE_PAUSED);
}

/* --- the balloon: of changes in a row the first is told, and after each pause the last --- */

static void tell_balloon(void *opaque)
{
	struct machine *m = opaque;

	m->balloon_pauses = m->balloon_changed;
	if (!m->balloon_changed)
		return;
	m->balloon_changed = false;
	tell(m, EVENT_BALLOON_CHANGE, 0);
	timer_set(&m->balloon_pause, loop_now(m->loop) + BALLOON_PAUSE_NS);
}

static void balloon_pause_over(void *opaque)
{
	struct machine *m = opaque;

	loop_defer(m->loop, tell_balloon, m);
}

void machine_balloon_changed(struct machine *m)
{
	m->balloon_changed = true;
	if (!m->balloon_pauses)
		loop_defer(m->loop, tell_balloon, m);
	m->balloon_pauses = true;
}

void machine_run_init(struct machine *m)
{
	timer_init(&m->balloon_pause, m->loop, balloon_pause_over, m);
}

static void stop_for_disk(void *opaque)
{
	struct machine *m = opaque;

	if (m->state == MACHINE_RUNNING)
		stand_still(m, MACHINE_IO_ERROR);
}

/* Machine lock. The request that failed waits in its device for `cont`. */
enum on_error machine_disk_failed(struct machine *m, struct drive *drive, bool write, bool no_space)
{
	enum on_error action = write ? drive->write_error : drive->read_error;

	no_space &= write;
	if (action == ON_ERROR_ENOSPC)
		action = no_space ? ON_ERROR_STOP : ON_ERROR_REPORT;
	if (m->disk_failed)
		m->disk_failed(m->disk_failed_opaque, drive, write, no_space, action);
	if (action == ON_ERROR_STOP) {
		if (drive->status == DISK_OK)
			drive->status = no_space ? DISK_FULL : DISK_FAILED;
		loop_defer(m->loop, stop_for_disk, m);
	}
	return action;
}

bool machine_cont(struct machine *m, struct error *err)
{
	if (m->state == MACHINE_SHUT_DOWN)
		return fail(err, "the guest is powered off: system_reset first, then cont");
	if (m->state == MACHINE_RUNNING)
		return true;
	m->state = MACHINE_RUNNING;
	workers_go(m->workers);
	for (unsigned i = 0; i < m->drive_count; i++)
		m->drives[i]->status = DISK_OK;
	loop_time_start(m->loop);
	cpus_resume(m->cpus);
	for (struct dev *dev = m->first_dev; dev; dev = dev->next)
		if (dev->created && dev->cls->resume)
			dev->cls->resume(dev);
	tell(m, EVENT_RESUME, 0);
	return true;
}

static void quit(struct machine *m, int code)
{
	m->exit_code = code;
	out_end(); /* a vCPU may be at a trace line */
	loop_quit(m->loop);
}

/* With -no-shutdown: what leaves the machine as it is, powered off. All else ends the process. */
static bool stays(enum machine_cause cause)
{
	return cause == CAUSE_GUEST_SHUTDOWN || cause == CAUSE_GUEST_RESET || cause == CAUSE_HOST_RESET;
}

static void carry_out_shutdown(void *opaque)
{
	struct machine *m = opaque;
	enum machine_cause cause = __atomic_exchange_n(&m->shutdown_pending, 0, __ATOMIC_SEQ_CST) - 1;

	tell(m, EVENT_SHUTDOWN, cause);
	if (m->config.no_shutdown && stays(cause)) {
		stand_still(m, MACHINE_SHUT_DOWN);
		machine_flush_disks(m);
	} else {
		quit(m, __atomic_load_n(&m->quit_code, __ATOMIC_SEQ_CST));
	}
}

/* What the guest asks for is the last that it does: no vCPU executes another instruction (under instruction time, so
 * that a run ends at the same one each time). */
static void park(struct machine *m, enum machine_cause cause)
{
	if (cause == CAUSE_GUEST_SHUTDOWN || cause == CAUSE_GUEST_RESET)
		cpus_park(m->cpus);
}

void machine_shutdown_request(struct machine *m, enum machine_cause cause)
{
	u32 pending = __atomic_load_n(&m->shutdown_pending, __ATOMIC_SEQ_CST);

	park(m, cause);
	/* Who quits is not kept waiting by a guest that powers off, before or after. */
	do {
		if (pending && !stays(pending - 1))
			return;
	} while (!__atomic_compare_exchange_n(&m->shutdown_pending, &pending, 1 + cause, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	if (!pending)
		loop_defer(m->loop, carry_out_shutdown, m);
}

static void carry_out_reset(void *opaque)
{
	struct machine *m = opaque;
	/* Taken before vCPUs are let go: one that parks them again after that is not overlooked. */
	enum machine_cause cause = __atomic_exchange_n(&m->reset_pending, 0, __ATOMIC_SEQ_CST) - 1;
	bool ok;

	loop_unlock(m->loop);
	cpus_pause(m->cpus);
	loop_lock(m->loop);
	machine_slots_sweep(m, true);
	loop_unlock(m->loop);
	ok = machine_reset(m, RESET_WARM, &m->run_error);
	loop_lock(m->loop);
	if (!ok) {
		quit(m, 1);
		return;
	}
	if (m->state == MACHINE_SHUT_DOWN)
		m->state = MACHINE_PRELAUNCH;
	tell(m, EVENT_RESET, cause);
	if (m->state == MACHINE_RUNNING)
		cpus_resume(m->cpus);
}

void machine_reset_request(struct machine *m, enum machine_cause cause)
{
	if (m->config.no_reboot) {
		machine_shutdown_request(m, cause);
		return;
	}
	park(m, cause);
	if (!__atomic_exchange_n(&m->reset_pending, 1 + cause, __ATOMIC_SEQ_CST))
		loop_defer(m->loop, carry_out_reset, m);
}

void machine_power_button(struct machine *m)
{
	loop_lock(m->loop);
	ged_raise(m->ged, GED_POWER_BUTTON); /* who goes by ACPI sees this one, who goes by the device tree the other */
	pl061_press(m->gpio);
	tell(m, EVENT_POWERDOWN, 0);
	loop_unlock(m->loop);
}

int machine_run(struct machine *m, struct error *err)
{
	if (m->config.start_paused) {
		loop_time_stop(m->loop);
		cpus_pause(m->cpus);
	} else {
		m->state = MACHINE_RUNNING;
	}
	if (!cpus_start(m->cpus, err))
		return 1;
	loop_run(m->loop);
	cpus_end(m->cpus);
	if (m->run_error.text[0])
		*err = m->run_error;
	return m->exit_code;
}

/* --- what there is --- */

const struct machine_config *machine_config(const struct machine *m)
{
	return &m->config;
}

struct loop *machine_loop(struct machine *m)
{
	return m->loop;
}

struct space *machine_space(struct machine *m)
{
	return m->space;
}

struct cpus *machine_cpus(struct machine *m)
{
	return m->cpus;
}

struct chardev *machine_serial(struct machine *m, unsigned n)
{
	return m->serial[n];
}

struct dev *machine_devices(struct machine *m)
{
	return m->first_dev;
}

const char *machine_chardev_id(struct machine *m, unsigned n)
{
	return n < m->chardev_count ? m->chardevs[n].id : NULL;
}
