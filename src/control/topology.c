/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fabric as a picture: text tree, DOT, SVG, from a command line before boot (`cxlvm topology`) and from a live
 * machine. One walk over windows, host bridges, whatever buses lie below them, devices and boot regions makes a list of
 * boxes and dashed arrows; each format prints that list.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "control/qmp.h"
#include "cxl/cxl.h"
#include "pci/pci.h"

#define LINES 3
#define DEPTH_MAX 16

struct box {
	const struct dev *dev; /* NULL: a window or region */
	const char *kind;
	char line[LINES][96];
	int parent; /* -1: the left side */
	unsigned depth, row;
};

struct picture_list {
	struct box *boxes;
	unsigned count, room;
	struct arrow {
		unsigned from, to;
	} * arrows;
	unsigned arrow_count, arrow_room;
};

static struct box *add_box(struct picture_list *p, const char *kind, const struct dev *dev, int parent)
{
	struct box *b;

	if (p->count == p->room) {
		p->room = p->room ? 2 * p->room : 32;
		p->boxes = realloc(p->boxes, p->room * sizeof(*p->boxes));
		assert(p->boxes);
	}
	b = &p->boxes[p->count++];
	*b = (struct box){
		.kind = kind, .dev = dev, .parent = parent, .depth = parent < 0 ? 0 : p->boxes[parent].depth + 1};
	return b;
}

static void add_arrow(struct picture_list *p, unsigned from, const struct dev *to)
{
	for (unsigned n = 0; n < p->count; n++) {
		if (p->boxes[n].dev != to || !to)
			continue;
		if (p->arrow_count == p->arrow_room) {
			p->arrow_room = p->arrow_room ? 2 * p->arrow_room : 32;
			p->arrows = realloc(p->arrows, p->arrow_room * sizeof(*p->arrows));
			assert(p->arrows);
		}
		p->arrows[p->arrow_count++] = (struct arrow){from, n};
	}
}

static const char *size_words(u64 bytes, char text[32])
{
	if (bytes >= GiB && bytes % GiB == 0)
		snprintf(text, 32, "%llu GiB", (unsigned long long)(bytes / GiB));
	else
		snprintf(text, 32, "%llu MiB", (unsigned long long)(bytes / MiB));
	return text;
}

static void add_capacity(struct box *b, u64 bytes, const char *kind)
{
	size_t at = strlen(b->line[2]);
	char size[32];

	if (bytes)
		snprintf(b->line[2] + at, sizeof(b->line[2]) - at, "%s%s %s", at ? ", " : "", size_words(bytes, size),
			 kind);
}

static void describe_device(struct box *b, const struct dev *dev)
{
	struct cxl_device_facts facts;
	unsigned number;

	snprintf(b->line[0], sizeof(b->line[0]), "%s", dev_name(dev));
	snprintf(b->line[1], sizeof(b->line[1]), "%s", dev->cls->name);
	if (cxl_port_number(dev, &number))
		snprintf(b->line[1], sizeof(b->line[1]), "%s, port %u", dev->cls->name, number);
	if (!cxl_device_facts(dev, &facts))
		return;
	snprintf(b->line[1], sizeof(b->line[1]), "%s, serial 0x%llx", dev->cls->name, (unsigned long long)facts.serial);
	add_capacity(b, facts.volatile_bytes, "volatile");
	add_capacity(b, facts.persistent_bytes, "persistent");
	add_capacity(b, facts.dynamic_bytes, "dynamic");
}

static void add_bus(struct picture_list *p, struct pci_bus *bus, int parent, unsigned depth)
{
	for (unsigned n = 0; n < 256 && depth < DEPTH_MAX; n++) {
		struct pci_dev *dev = bus->slots[n];
		struct cxl_device_facts facts;
		int index = (int)p->count;

		if (!dev)
			continue;
		describe_device(add_box(p,
					dev->bridge                         ? "port" :
					cxl_device_facts(&dev->dev, &facts) ? "memory" :
									      "device",
					&dev->dev, parent),
				&dev->dev);
		if (bus->bridge && bus->bridge->unbound)
			snprintf(p->boxes[index].line[2], sizeof(p->boxes[index].line[2]), "not bound to the host");
		if (dev->bridge)
			add_bus(p, &dev->bridge->secondary, index, depth + 1);
	}
}

static void add_bridges(struct picture_list *p, struct cxl_host *host)
{
	for (unsigned n = 0; n < cxl_host_bridge_count(host); n++) {
		struct cxl_bridge_facts facts = cxl_host_bridge(host, n);
		int index = (int)p->count;
		struct box *b;

		if (!facts.root)
			continue;
		b = add_box(p, "bridge", facts.root->pxb, -1);
		snprintf(b->line[0], sizeof(b->line[0]), "%s", facts.root->bus.bus.name);
		snprintf(b->line[1], sizeof(b->line[1]), "pxb-cxl, bus %u, UID %u", facts.root->base, facts.uid);
		if (facts.node != PCI_NO_NODE)
			snprintf(b->line[2], sizeof(b->line[2]), "node %u", facts.node);
		add_bus(p, &facts.root->bus, index, 1);
	}
}

static void add_windows(struct picture_list *p, struct cxl_host *host)
{
	for (unsigned n = 0; n < cxl_host_window_count(host); n++) {
		const struct cxl_window *w = cxl_host_window(host, n);
		unsigned index = p->count;
		struct box *b = add_box(p, "window", NULL, -1);
		char size[32];

		snprintf(b->line[0], sizeof(b->line[0]), "window %u", n);
		snprintf(b->line[1], sizeof(b->line[1]), "0x%llx, %s", (unsigned long long)w->base,
			 size_words(w->size, size));
		if (w->target_count > 1)
			snprintf(b->line[2], sizeof(b->line[2]), "%u ways of %u bytes%s", w->target_count,
				 w->granularity, w->xor_maps[0] ? " by XOR" : "");
		for (unsigned t = 0; t < w->target_count; t++)
			for (unsigned k = 0; k < cxl_host_bridge_count(host); k++) {
				struct cxl_bridge_facts facts = cxl_host_bridge(host, k);

				if (facts.root && !strcmp(facts.root->bus.bus.name, w->target_ids[t]))
					add_arrow(p, index, facts.root->pxb);
			}
	}
}

static void add_regions(struct picture_list *p, struct cxl_host *host)
{
	for (unsigned n = 0; n < cxl_host_region_count(host); n++) {
		const struct cxl_boot_region *r = cxl_host_region(host, n);
		unsigned index = p->count;
		struct box *b = add_box(p, "region", NULL, -1);
		char size[32];

		snprintf(b->line[0], sizeof(b->line[0]), "region %u at boot, %s", n, r->pmem ? "pmem" : "ram");
		snprintf(b->line[1], sizeof(b->line[1]), "0x%llx, %s", (unsigned long long)r->base,
			 size_words(r->size, size));
		snprintf(b->line[2], sizeof(b->line[2]), "window %u, %u ways of %u bytes", r->window, r->ways,
			 r->granularity);
		for (unsigned i = 0; i < r->ways; i++)
			add_arrow(p, index, r->devices[i]);
	}
}

/* --- text --- */

static bool is_last(const struct picture_list *p, unsigned n)
{
	for (unsigned k = n + 1; k < p->count; k++)
		if (p->boxes[k].parent == p->boxes[n].parent)
			return false;
	return true;
}

static void draw_text(const struct picture_list *p, FILE *to)
{
	for (unsigned n = 0; n < p->count; n++) {
		const struct box *b = &p->boxes[n];
		const char *trunk[DEPTH_MAX + 2];
		unsigned depth = 0, arrows = 0;

		for (int k = b->parent; k >= 0; k = p->boxes[k].parent)
			trunk[depth++] = is_last(p, (unsigned)k) ? "   " : "│  ";
		while (depth)
			fputs(trunk[--depth], to);
		/* Of windows and regions the first line begins with the kind; of devices it is an id, whatever that is.
		 */
		fprintf(to, "%s%s %s", is_last(p, n) ? "└─ " : "├─ ", b->kind,
			b->dev ? b->line[0] : b->line[0] + strlen(b->kind) + 1);
		for (unsigned i = 1; i < LINES; i++)
			if (b->line[i][0])
				fprintf(to, "%s%s", i == 1 ? "  " : ", ", b->line[i]);
		for (unsigned a = 0; a < p->arrow_count; a++)
			if (p->arrows[a].from == n)
				fprintf(to, "%s%s", arrows++ ? ", " : " -> ", p->boxes[p->arrows[a].to].line[0]);
		fputc('\n', to);
	}
}

/* --- DOT --- */

static void quote_dot(const char *text, FILE *to)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
}

static const char *colour(const struct box *b)
{
	switch (b->kind[0]) {
	case 'w': return "#dce6f7";
	case 'b': return "#f7e6c4";
	case 'p': return "#eeeeee";
	case 'r': return "#f6d9d9";
	default: return "#d9f0d9";
	}
}

static void draw_dot(const struct picture_list *p, FILE *to)
{
	fprintf(to, "digraph cxl {\n\trankdir=LR;\n\tnode [shape=box, style=filled, fontname=\"sans-serif\"];\n");
	for (unsigned n = 0; n < p->count; n++) {
		const struct box *b = &p->boxes[n];

		fprintf(to, "\tn%u [fillcolor=\"%s\", label=\"", n, colour(b));
		for (unsigned i = 0; i < LINES; i++) {
			if (i && b->line[i][0])
				fputs("\\n", to);
			quote_dot(b->line[i], to);
		}
		fprintf(to, "\"];\n");
		if (b->parent >= 0)
			fprintf(to, "\tn%d -> n%u [dir=none];\n", b->parent, n);
	}
	for (unsigned a = 0; a < p->arrow_count; a++)
		fprintf(to, "\tn%u -> n%u [style=dashed%s];\n", p->arrows[a].from, p->arrows[a].to,
			p->boxes[p->arrows[a].from].kind[0] == 'r' ? ", constraint=false" : "");
	fprintf(to, "}\n");
}

/* --- SVG --- */

enum {
	BOX_WIDTH = 210,
	BOX_HEIGHT = 58,
	STEP_X = 280,
	STEP_Y = 76,
	MARGIN = 20,
	TEXT_X = 8,
	TEXT_WIDTH = BOX_WIDTH - 2 * TEXT_X
};

static void quote_xml(const char *text, FILE *to)
{
	for (; *text; text++) {
		switch (*text) {
		case '<': fputs("&lt;", to); break;
		case '>': fputs("&gt;", to); break;
		case '&': fputs("&amp;", to); break;
		case '"': fputs("&quot;", to); break;
		default: fputc(*text, to); break;
		}
	}
}

/* Windows stand left, then bridges and what is below them, column by column; regions right of all. */
static unsigned column(const struct box *b, unsigned columns)
{
	return b->kind[0] == 'w' ? 0 : b->kind[0] == 'r' ? columns - 1 : b->depth + 1;
}

static unsigned box_x(const struct box *b, unsigned columns)
{
	return MARGIN + column(b, columns) * STEP_X;
}

static unsigned box_y(const struct box *b)
{
	return MARGIN + b->row * STEP_Y;
}

/* A leaf takes a row; what has something below it stands beside its first. */
static unsigned place(struct picture_list *p, unsigned *columns)
{
	unsigned rows = 0, windows = 0, regions = 0;

	*columns = 2;
	for (unsigned n = 0; n < p->count; n++) {
		struct box *b = &p->boxes[n];
		bool leaf = n + 1 == p->count || p->boxes[n + 1].parent != (int)n;

		if (b->kind[0] == 'w') {
			b->row = windows++;
		} else if (b->kind[0] == 'r') {
			b->row = regions++;
		} else {
			b->row = rows;
			rows += leaf;
			*columns = MAX(*columns, b->depth + 2);
		}
	}
	*columns += regions != 0;
	return MAX(MAX(rows, windows), MAX(regions, 1u));
}

static void draw_line(const struct box *a, const struct box *b, unsigned columns, bool dashed, FILE *to)
{
	bool left = column(a, columns) > column(b, columns);
	unsigned ax = box_x(a, columns) + (left ? 0 : BOX_WIDTH), bx = box_x(b, columns) + (left ? BOX_WIDTH : 0);
	unsigned ay = box_y(a) + BOX_HEIGHT / 2, by = box_y(b) + BOX_HEIGHT / 2, middle = (ax + bx) / 2;

	fprintf(to, "<path d=\"M%u %uC%u %u %u %u %u %u\" fill=\"none\" stroke=\"#666\"%s/>\n", ax, ay, middle, ay,
		middle, by, bx, by, dashed ? " stroke-dasharray=\"5 4\"" : "");
}

static void draw_svg(struct picture_list *p, FILE *to)
{
	unsigned columns, rows = place(p, &columns);
	unsigned width = 2 * MARGIN + (columns - 1) * STEP_X + BOX_WIDTH,
		 height = 2 * MARGIN + (rows - 1) * STEP_Y + BOX_HEIGHT;

	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" font-family=\"sans-serif\" "
		"font-size=\"12\">\n<title>CXL fabric</title>\n<rect width=\"%u\" height=\"%u\" fill=\"white\"/>\n",
		width, height, width, height, width, height);
	for (unsigned n = 0; n < p->count; n++)
		if (p->boxes[n].parent >= 0)
			draw_line(&p->boxes[p->boxes[n].parent], &p->boxes[n], columns, false, to);
	for (unsigned a = 0; a < p->arrow_count; a++)
		draw_line(&p->boxes[p->arrows[a].from], &p->boxes[p->arrows[a].to], columns, true, to);
	for (unsigned n = 0; n < p->count; n++) {
		const struct box *b = &p->boxes[n];
		unsigned x = box_x(b, columns), y = box_y(b);

		fprintf(to,
			"<rect x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\" rx=\"5\" fill=\"%s\" stroke=\"#444\"/>\n",
			x, y, BOX_WIDTH, BOX_HEIGHT, colour(b));
		for (unsigned i = 0; i < LINES; i++) {
			if (!b->line[i][0])
				continue;
			fprintf(to, "<text x=\"%u\" y=\"%u\"%s", x + TEXT_X, y + 18 + 16 * i,
				i ? " fill=\"#333\" font-size=\"11\"" : " font-weight=\"bold\"");
			if (strlen(b->line[i]) > (i ? TEXT_WIDTH / 6 : TEXT_WIDTH / 7)) /* pixels of a wide letter */
				fprintf(to, " textLength=\"%d\" lengthAdjust=\"spacingAndGlyphs\"", TEXT_WIDTH);
			fprintf(to, ">");
			quote_xml(b->line[i], to);
			fprintf(to, "</text>\n");
		}
	}
	fprintf(to, "</svg>\n");
}

void topology_draw(struct machine *machine, enum picture picture, FILE *to)
{
	struct cxl_host *host = machine_cxl_host(machine);
	struct picture_list p = {NULL};

	if (host) {
		/* Windows point at bridges and regions at devices, so they come last. */
		add_bridges(&p, host);
		add_windows(&p, host);
		add_regions(&p, host);
	}
	if (picture == PICTURE_DOT)
		draw_dot(&p, to);
	else if (picture == PICTURE_SVG)
		draw_svg(&p, to);
	else if (!p.count)
		fprintf(to, "no CXL: no pxb-cxl and no window\n");
	else
		draw_text(&p, to);
	free(p.boxes);
	free(p.arrows);
}
