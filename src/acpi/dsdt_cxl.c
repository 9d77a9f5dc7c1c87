/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DSDT, third part: \_SB.CXLM, the one ACPI0017, which makes Linux read CEDT; and its _DSM, which says to which QoS
 * throttling group (QTG) memory belongs by how fast it is. [CXL3.0 9.17.3.1]
 *
 * A group is what the windows with its ID lead to, and is as fast as that memory is on average, seen from the root
 * ports. The answer has every group that there is, the nearest to what was asked for first: by read latency; or by read
 * bandwidth if all groups have the same latency. What is equally near stands in the order of the windows, and last what
 * leads to no memory yet. All of that is worked out here, so that the method is a chain of comparisons, each with a
 * package to return. Latencies are in picoseconds; Linux gives nanoseconds (its CDAT values are rounded to them), and
 * nothing is as fast or as slow that the two could be mixed up.
 */
#include "acpi/tables.h"

#define UUID_QTG_DSM "F365F9A6-A7DE-4071-A66A-B40C0B4F8E52"
#define NS_BELOW 10000 /* a latency that is less is in ns: 10 ns, or 10 us */
#define INPUT_DWORDS 4
enum input { INPUT_READ_LATENCY = 0, INPUT_READ_BANDWIDTH = 2 };

struct group {
	u16 id;
	unsigned count;       /* of windows that are known by figures */
	u64 latency_ps, mbps; /* means, 0: there is no memory */
};

/* In the order of the windows. */
static unsigned find_groups(const struct acpi_config *config, struct group *groups)
{
	unsigned count = 0, n;

	for (unsigned i = 0; i < config->window_count; i++) {
		const struct acpi_cxl_window *window = &config->windows[i];

		for (n = 0; n < count && groups[n].id != window->qtg; n++)
			;
		if (n == count)
			groups[count++] = (struct group){.id = window->qtg};
		if (!window->memory.read_latency_ps || !window->memory.read_mbps)
			continue;
		groups[n].count++;
		groups[n].latency_ps += window->memory.read_latency_ps;
		groups[n].mbps += window->memory.read_mbps;
	}
	for (n = 0; n < count; n++) {
		groups[n].latency_ps /= MAX(groups[n].count, 1u);
		groups[n].mbps /= MAX(groups[n].count, 1u);
	}
	return count;
}

static u64 figure(const struct group *group, enum input input)
{
	return input == INPUT_READ_LATENCY ? group->latency_ps : group->mbps;
}

static u64 distance(const struct group *group, enum input input, u64 from)
{
	u64 value = figure(group, input);

	return !value ? UINT64_MAX : value > from ? value - from : from - value;
}

/* Whether memory of one group differs from that of another by this. */
static bool differs(const struct group *groups, unsigned count, enum input input)
{
	u64 seen = 0;

	for (unsigned n = 0; n < count; n++) {
		u64 value = figure(&groups[n], input);

		if (seen && value && value != seen)
			return true;
		seen = value ? value : seen;
	}
	return false;
}

/* The least figure above `above`, or 0. */
static u64 next_figure(const struct group *groups, unsigned count, enum input input, u64 above)
{
	u64 next = 0;

	for (unsigned n = 0; n < count; n++) {
		u64 value = figure(&groups[n], input);

		if (value > above && (!next || value < next))
			next = value;
	}
	return next;
}

/* Return (Package {highest ID, Package {the IDs, nearest to `from` first}}) */
static void return_groups(struct out *out, const struct group *groups, unsigned count, enum input input, u64 from)
{
	struct group sorted[ACPI_CXL_WINDOWS_MAX];
	size_t answer, list;
	u16 highest = 0;

	for (unsigned n = 0; n < count; n++) {
		unsigned at = n;

		for (; at && distance(&sorted[at - 1], input, from) > distance(&groups[n], input, from); at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = groups[n];
		highest = MAX(highest, groups[n].id);
	}
	aml_op(out, AML_RETURN);
	answer = aml_package(out, 2);
	aml_int(out, highest);
	list = aml_package(out, (u8)count);
	for (unsigned n = 0; n < count; n++)
		aml_int(out, sorted[n].id);
	aml_end(out, list);
	aml_end(out, answer);
}

/* Local0 = DerefOf (Index (Arg3, input)), a latency in ps. */
static void take_input(struct out *out, enum input input)
{
	size_t block;

	aml_op(out, AML_STORE);
	aml_op(out, AML_DEREF_OF);
	aml_op(out, AML_INDEX);
	aml_op(out, AML_ARG3);
	aml_int(out, input);
	aml_op(out, AML_ZERO); /* no target */
	aml_op(out, AML_LOCAL0);
	if (input != INPUT_READ_LATENCY)
		return;
	block = aml_if(out);
	aml_op(out, AML_LLESS);
	aml_op(out, AML_LOCAL0);
	aml_int(out, NS_BELOW);
	aml_op(out, AML_MULTIPLY);
	aml_op(out, AML_LOCAL0);
	aml_int(out, 1000);
	aml_op(out, AML_LOCAL0);
	aml_end(out, block);
}

/* Half-way between two figures the answer changes. */
static void put_choice(struct out *out, const struct group *groups, unsigned count)
{
	enum input input = differs(groups, count, INPUT_READ_LATENCY) ? INPUT_READ_LATENCY : INPUT_READ_BANDWIDTH;
	u64 at = next_figure(groups, count, input, 0);
	size_t block = aml_if(out), inner;

	aml_op(out, AML_LNOT);
	aml_op(out, AML_LLESS);
	aml_op(out, AML_SIZE_OF);
	aml_op(out, AML_ARG3);
	aml_int(out, INPUT_DWORDS);
	take_input(out, input);
	for (u64 next; (next = next_figure(groups, count, input, at)); at = next) {
		inner = aml_if(out);
		aml_op(out, AML_LLESS);
		aml_op(out, AML_LOCAL0);
		aml_int(out, at + (next - at + 1) / 2);
		return_groups(out, groups, count, input, at);
		aml_end(out, inner);
	}
	return_groups(out, groups, count, input, at);
	aml_end(out, block);
}

void dsdt_put_cxl(const struct acpi_config *config, struct out *out)
{
	struct group groups[ACPI_CXL_WINDOWS_MAX] = {0};
	unsigned count = find_groups(config, groups);
	size_t device, method, block, function;

	device = aml_device(out, "CXLM");
	aml_name_string(out, "_HID", "ACPI0017");
	aml_name_int(out, "_STA", 0x0b);
	method = aml_method(out, "_DSM", 4, false);
	block = aml_if(out);
	dsdt_if_arg_is_uuid(out, UUID_QTG_DSM);
	function = dsdt_if_function(out, 0);
	dsdt_return_byte(out, 1 << 0 | 1 << 1);
	aml_end(out, function);
	function = dsdt_if_function(out, 1);
	if (differs(groups, count, INPUT_READ_LATENCY) || differs(groups, count, INPUT_READ_BANDWIDTH))
		put_choice(out, groups, count);
	for (unsigned n = 0; n < count; n++)
		groups[n].latency_ps = 0; /* asked for nothing: as the windows stand */
	return_groups(out, groups, count, INPUT_READ_LATENCY, 0);
	aml_end(out, function);
	aml_end(out, block);
	dsdt_return_byte(out, 0);
	aml_end(out, method);
	aml_end(out, device);
}
