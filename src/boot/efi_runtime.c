/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EFI runtime services behind the HVC stubs: arguments in x0-x7 as AAPCS64 has them, status in x0. [UEFI2.10 8]
 *
 * The caller's pointers are its virtual addresses, reached through struct efi_guest; one that faults makes the call
 * fail with EFI_INVALID_PARAMETER. vCPUs call without the machine lock, so one lock here keeps variables, clock offset
 * and counter together; it is a leaf (guest memory access takes no lock of ours), and ResetSystem calls out without it.
 *
 * Not built, and said so in the RT properties table: capsules. The wake-up timer can be read and switched off, but not
 * on: nothing powers this machine on again. The tables are handed over in virtual mode, so SetVirtualAddressMap and
 * ConvertPointer have nothing left to do.
 */
#include "boot/boot_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"

enum efi_service {
	SERVICE_GET_TIME,
	SERVICE_SET_TIME,
	SERVICE_GET_WAKEUP_TIME,
	SERVICE_SET_WAKEUP_TIME,
	SERVICE_SET_VIRTUAL_ADDRESS_MAP,
	SERVICE_CONVERT_POINTER,
	SERVICE_GET_VARIABLE,
	SERVICE_GET_NEXT_VARIABLE_NAME,
	SERVICE_SET_VARIABLE,
	SERVICE_GET_NEXT_HIGH_MONOTONIC_COUNT,
	SERVICE_RESET_SYSTEM,
	SERVICE_UPDATE_CAPSULE,
	SERVICE_QUERY_CAPSULE_CAPABILITIES,
	SERVICE_QUERY_VARIABLE_INFO,
};

static const char *const service_names[EFI_HVC_COUNT] = {
	[SERVICE_GET_TIME] = "GetTime",
	[SERVICE_SET_TIME] = "SetTime",
	[SERVICE_GET_WAKEUP_TIME] = "GetWakeupTime",
	[SERVICE_SET_WAKEUP_TIME] = "SetWakeupTime",
	[SERVICE_SET_VIRTUAL_ADDRESS_MAP] = "SetVirtualAddressMap",
	[SERVICE_CONVERT_POINTER] = "ConvertPointer",
	[SERVICE_GET_VARIABLE] = "GetVariable",
	[SERVICE_GET_NEXT_VARIABLE_NAME] = "GetNextVariableName",
	[SERVICE_SET_VARIABLE] = "SetVariable",
	[SERVICE_GET_NEXT_HIGH_MONOTONIC_COUNT] = "GetNextHighMonotonicCount",
	[SERVICE_RESET_SYSTEM] = "ResetSystem",
	[SERVICE_UPDATE_CAPSULE] = "UpdateCapsule",
	[SERVICE_QUERY_CAPSULE_CAPABILITIES] = "QueryCapsuleCapabilities",
	[SERVICE_QUERY_VARIABLE_INFO] = "QueryVariableInfo",
};

static_assert(SERVICE_QUERY_VARIABLE_INFO + 1 == EFI_HVC_COUNT, "one stub per service");

#define EFI_ERROR_BIT (1ull << 63)
#define NS_PER_S 1000000000ull
enum { TIMEZONE_UNSPECIFIED = 2047, TIMEZONE_MINUTES_MAX = 1440, DAYLIGHT_BITS = 3 };
enum { YEAR_MIN = 1900, YEAR_MAX = 9999 };
enum { RESET_TYPE_SHUTDOWN = 2, RESET_TYPE_COUNT = 4 };

struct efi_time {
	u16 year;
	u8 month, day, hour, minute, second, pad1;
	u32 nanosecond;
	s16 timezone;
	u8 daylight, pad2;
};
struct efi_time_capabilities {
	u32 resolution_hz, accuracy;
	u8 sets_to_zero, pad[3];
};

static_assert(sizeof(struct efi_time) == 16 && sizeof(struct efi_time_capabilities) == 12, "UEFI layouts");

struct efi_runtime {
	struct efi_runtime_config config;
	pthread_mutex_t lock;
	struct efi_variables *variables;
	s64 clock_offset_s; /* SetTime's doing */
	s16 timezone;
	u8 daylight;
	u32 high_count;
};

struct efi_runtime *efi_runtime_create(const struct efi_runtime_config *config)
{
	struct efi_runtime *rt = calloc(1, sizeof(*rt));

	if (!rt)
		return NULL;
	rt->config = *config;
	rt->timezone = TIMEZONE_UNSPECIFIED;
	rt->variables = efi_variables_create();
	if (!rt->variables) {
		free(rt);
		return NULL;
	}
	pthread_mutex_init(&rt->lock, NULL);
	return rt;
}

void efi_runtime_destroy(struct efi_runtime *rt)
{
	if (!rt)
		return;
	efi_variables_destroy(rt->variables);
	pthread_mutex_destroy(&rt->lock);
	free(rt);
}

void efi_runtime_reset(struct efi_runtime *rt)
{
	pthread_mutex_lock(&rt->lock);
	efi_variables_reset(rt->variables);
	rt->high_count++;
	pthread_mutex_unlock(&rt->lock);
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
	static const u8 days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days before 1 January of `year`, from 1970; proleptic Gregorian calendar. */
static s64 days_before_year(int year)
{
	s64 y = year - 1;

	return 365 * y + y / 4 - y / 100 + y / 400 - 719162;
}

static s64 seconds_of(const struct efi_time *t)
{
	s64 days = days_before_year(t->year) + t->day - 1;
	int m;

	for (m = 1; m < t->month; m++)
		days += days_in_month(t->year, m);
	return days * 86400 + t->hour * 3600 + t->minute * 60 + t->second;
}

/* False if the year is one that EFI cannot say. */
static bool time_of(s64 seconds, struct efi_time *t)
{
	s64 days = seconds / 86400, left = seconds % 86400;
	int year = YEAR_MIN, month = 1;

	if (left < 0) {
		left += 86400;
		days--;
	}
	if (days < days_before_year(YEAR_MIN) || days >= days_before_year(YEAR_MAX + 1))
		return false;
	year += (int)((days - days_before_year(YEAR_MIN)) / 366); /* never too late, at most a few years early */
	while (days >= days_before_year(year + 1))
		year++;
	days -= days_before_year(year);
	while (days >= days_in_month(year, month))
		days -= days_in_month(year, month++);
	t->year = (u16)year;
	t->month = (u8)month;
	t->day = (u8)(days + 1);
	t->hour = (u8)(left / 3600);
	t->minute = (u8)(left / 60 % 60);
	t->second = (u8)(left % 60);
	return true;
}

static bool current_time(const struct efi_runtime *rt, struct efi_time *t)
{
	u64 now = rt->config.now_ns(rt->config.opaque);

	*t = (struct efi_time){.nanosecond = (u32)(now % NS_PER_S), .timezone = rt->timezone, .daylight = rt->daylight};
	return time_of((s64)(now / NS_PER_S) + rt->clock_offset_s, t);
}

static efi_status get_time(struct efi_runtime *rt, const struct efi_guest *guest, const u64 x[8])
{
	struct efi_time_capabilities caps = {.resolution_hz = 1, .accuracy = 50000000};
	struct efi_time t;

	if (!x[0])
		return EFI_INVALID_PARAMETER;
	if (!current_time(rt, &t))
		return EFI_UNSUPPORTED;
	if (!guest->write(guest->opaque, x[0], &t, sizeof(t)) ||
	    (x[1] && !guest->write(guest->opaque, x[1], &caps, sizeof(caps))))
		return EFI_INVALID_PARAMETER;
	return EFI_OK;
}

static efi_status set_time(struct efi_runtime *rt, const struct efi_guest *guest, const u64 x[8])
{
	u64 now = rt->config.now_ns(rt->config.opaque);
	struct efi_time t;

	if (!x[0] || !guest->read(guest->opaque, x[0], &t, sizeof(t)))
		return EFI_INVALID_PARAMETER;
	if (t.year < YEAR_MIN || t.year > YEAR_MAX || t.month < 1 || t.month > 12 || t.day < 1 ||
	    t.day > days_in_month(t.year, t.month) || t.hour > 23 || t.minute > 59 || t.second > 59 ||
	    t.nanosecond >= NS_PER_S || t.daylight & ~DAYLIGHT_BITS)
		return EFI_INVALID_PARAMETER;
	if (t.timezone != TIMEZONE_UNSPECIFIED &&
	    (t.timezone < -TIMEZONE_MINUTES_MAX || t.timezone > TIMEZONE_MINUTES_MAX))
		return EFI_INVALID_PARAMETER;
	rt->clock_offset_s = seconds_of(&t) - (s64)(now / NS_PER_S);
	rt->timezone = t.timezone;
	rt->daylight = t.daylight;
	return EFI_OK;
}

/* Switched off, not pending, for now: a time is told because callers check it. [UEFI2.10 8.3.3] */
static efi_status get_wakeup_time(struct efi_runtime *rt, const struct efi_guest *guest, const u64 x[8])
{
	const u8 no = 0;
	struct efi_time t;

	if (!x[0] || !x[1] || !x[2])
		return EFI_INVALID_PARAMETER;
	if (!current_time(rt, &t))
		return EFI_UNSUPPORTED;
	if (!guest->write(guest->opaque, x[0], &no, 1) || !guest->write(guest->opaque, x[1], &no, 1) ||
	    !guest->write(guest->opaque, x[2], &t, sizeof(t)))
		return EFI_INVALID_PARAMETER;
	return EFI_OK;
}

static efi_status get_next_high_count(struct efi_runtime *rt, const struct efi_guest *guest, const u64 x[8])
{
	u32 next = rt->high_count + 1;

	if (!x[0] || !guest->write(guest->opaque, x[0], &next, sizeof(next)))
		return EFI_INVALID_PARAMETER;
	rt->high_count = next;
	return EFI_OK;
}

static efi_status serve(struct efi_runtime *rt, const struct efi_guest *guest, unsigned service, const u64 x[8])
{
	switch (service) {
	case SERVICE_GET_TIME: return get_time(rt, guest, x);
	case SERVICE_SET_TIME: return set_time(rt, guest, x);
	case SERVICE_GET_WAKEUP_TIME: return get_wakeup_time(rt, guest, x);
	case SERVICE_SET_WAKEUP_TIME: return (u8)x[0] ? EFI_UNSUPPORTED : EFI_OK;
	case SERVICE_GET_VARIABLE: return efi_get_variable(rt->variables, guest, x);
	case SERVICE_GET_NEXT_VARIABLE_NAME: return efi_get_next_variable(rt->variables, guest, x);
	case SERVICE_SET_VARIABLE: return efi_set_variable(rt->variables, guest, x);
	case SERVICE_QUERY_VARIABLE_INFO: return efi_query_variables(rt->variables, guest, x);
	case SERVICE_GET_NEXT_HIGH_MONOTONIC_COUNT: return get_next_high_count(rt, guest, x);
	default:
		trace(UNIMP, "EFI %s (not in the RT properties table)", service_names[service]);
		return EFI_UNSUPPORTED;
	}
}

/* ResetSystem has no status: a type that does not exist comes back having done nothing. */
static void reset_system(struct efi_runtime *rt, u64 type)
{
	type = (u32)type;
	if (type >= RESET_TYPE_COUNT)
		guest_error(EFI_RESET, "EFI ResetSystem with type %llu", (unsigned long long)type);
	else if (type == RESET_TYPE_SHUTDOWN)
		rt->config.system_off(rt->config.opaque);
	else
		rt->config.system_reset(rt->config.opaque);
}

bool efi_runtime_call(struct efi_runtime *rt, const struct efi_guest *guest, u16 imm, u64 x[8])
{
	unsigned service = imm - EFI_HVC_BASE;
	efi_status status;

	if (imm < EFI_HVC_BASE || service >= EFI_HVC_COUNT)
		return false;
	if (service == SERVICE_RESET_SYSTEM) {
		trace(EFI, "ResetSystem, type %llu", (unsigned long long)x[0]);
		reset_system(rt, x[0]);
		x[0] = EFI_OK;
		return true;
	}
	pthread_mutex_lock(&rt->lock);
	status = serve(rt, guest, service, x);
	pthread_mutex_unlock(&rt->lock);
	trace(EFI, "%s(0x%llx, 0x%llx, 0x%llx, 0x%llx): status %llu", service_names[service], (unsigned long long)x[0],
	      (unsigned long long)x[1], (unsigned long long)x[2], (unsigned long long)x[3], (unsigned long long)status);
	x[0] = status ? status | EFI_ERROR_BIT : EFI_OK;
	return true;
}
