/* prom_text.c - see prom_text.h. */
#include "base/prom_text.h"

#include "base/must.h"

#include <inttypes.h>

void prom_family(struct text *t, const char *name, const char *type, const char *help)
{
	text_printf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void prom_single(struct text *t, const char *name, const char *type, const char *help, uint64_t value)
{
	prom_family(t, name, type, help);
	text_printf(t, "%s %" PRIu64 "\n", name, value);
}

/* A label's value: region names and reasons may hold anything. */
void prom_label(struct text *t, const char *name, const char *value)
{
	text_printf(t, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			text_add_bytes(t, "\\", 1);
		text_add_bytes(t, *value == '\n' ? " " : value, 1);
	}
	text_add(t, "\"");
}

void prom_histogram(struct text *t, const char *name, const char *help, const struct histogram *h)
{
	static const struct {
		const char *le;
		uint64_t us;
	} edges[] = { { "0.0001", 100 },   { "0.00025", 250 }, { "0.0005", 500 },   { "0.001", 1000 },	 { "0.0025", 2500 },
		      { "0.005", 5000 },   { "0.01", 10000 },  { "0.025", 25000 },  { "0.05", 50000 },	 { "0.1", 100000 },
		      { "0.25", 250000 },  { "0.5", 500000 },  { "1", 1000000 },    { "2.5", 2500000 },	 { "5", 5000000 },
		      { "10", 10000000 },  { "60", 60000000 } };
	prom_family(t, name, "histogram", help);
	uint64_t total = histogram_total(h);
	for (size_t i = 0; i < ARRAY_LEN(edges); i++)
		text_printf(t, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, edges[i].le, histogram_below(h, edges[i].us));
	text_printf(t, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n", name, total, name,
		    (double)atomic_load_explicit(&h->sum_us, memory_order_relaxed) / 1e6, name, total);
}
