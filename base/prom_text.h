/* prom_text.h - Prometheus text, format 0.0.4, written by hand: it is small, and promtool judges it in the tests. */
#ifndef BASE_PROM_TEXT_H
#define BASE_PROM_TEXT_H

#include "base/histogram.h"
#include "base/text.h"

/* # HELP and # TYPE; the samples follow. */
void prom_family(struct text *t, const char *name, const char *type, const char *help);
/* A family of one sample without labels. */
void prom_single(struct text *t, const char *name, const char *type, const char *help, uint64_t value);
/* name="value", whatever the value holds. */
void prom_label(struct text *t, const char *name, const char *value);
/* In seconds, from 100 us to a minute. */
void prom_histogram(struct text *t, const char *name, const char *help, const struct histogram *h);

#endif
