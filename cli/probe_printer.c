/* probe_printer.c - takes finished batches from the pipeline and puts their results on standard output.
 * In: batches in the order they end.  Out: ndjson and csv at once, line by line; table and json at the end, in the order
 * of the targets.
 * Owns: a row for each address where the end is waited for.
 * Why so: a program that reads lines wants each as soon as it is known; a person reads a table from the top and looks for
 * the targets where they were typed, and column widths are known only when all rows are. */
#include "cli/probe_printer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SENTENCE_MAX = 800,
	LOOK_AGAIN_MS = 1000, /* nothing is ever held back, so any number would do */
};

/* Calls each() with a row of one target; the texts live that long. */
static void with_row(struct probe_printer *p, size_t place, const struct outcome *outcome, const char *address,
		     const char *sentence, void (*each)(void *arg, const struct row *row), void *arg)
{
	const struct target *t = &p->targets->items[place];
	const struct row row = {
		.kind = ROW_PROBE,
		.target = target_text(p->targets, t),
		.address = address,
		.port = t->port,
		.outcome = outcome,
		.detail = sentence,
	};
	each(arg, &row);
}

static void add_line(void *arg, const struct row *row)
{
	struct probe_printer *p = arg;
	if (p->format == OUTPUT_CSV) {
		row_csv(&p->out, &p->columns, row);
	} else {
		row_json(&p->out, &p->columns, row);
		text_add(&p->out, "\n");
	}
}

/* Behind those of its target that came before. */
static void keep_row(struct probe_printer *p, size_t place, const struct outcome *outcome, const char *address,
		     const char *sentence)
{
	const char *issuer = outcome->tls && outcome->tls->issuer ? outcome->tls->issuer : NULL;
	const size_t len = strlen(sentence) + 1, issuer_len = issuer ? strlen(issuer) + 1 : 0;
	struct probe_row **at = &p->rows[place], *row = malloc(sizeof *row + len + issuer_len);
	if (!row) {
		atomic_store(&p->error, -ENOMEM);
		return;
	}
	*row = (struct probe_row){ .outcome = *outcome };
	row->outcome.detail = row->outcome.note = row->outcome.addresses = NULL; /* the batch's; the sentence has them */
	snprintf(row->address, sizeof row->address, "%s", address);
	memcpy(row->sentence, sentence, len);
	if (outcome->tls) {
		row->tls = *outcome->tls;
		row->tls.issuer = issuer ? memcpy(row->sentence + len, issuer, issuer_len) : NULL;
		row->outcome.tls = &row->tls;
	}
	while (*at)
		at = &(*at)->next;
	*at = row;
}

static void take_batch(struct probe_printer *p, const struct batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++) {
		const struct job *job = &batch->jobs[i];
		const struct outcome *outcome = &batch->outcomes[i];
		const size_t place = batch->id_seq + job->index;
		char address[INET6_ADDRSTRLEN] = "", sentence[SENTENCE_MAX];
		if (job->family != FAMILY_NONE)
			inet_ntop(job->family == FAMILY_V6 ? AF_INET6 : AF_INET, job->address, address, sizeof address);
		result_sentence(outcome, outcome->detail, sentence, sizeof sentence);
		atomic_fetch_add(&p->ended[verdict_row(outcome->verdict)->class], 1);
		if (p->rows)
			keep_row(p, place, outcome, address, sentence);
		else
			with_row(p, place, outcome, address, sentence, add_line, p);
	}
}

static unsigned put(struct sink *sink, struct batch_list *fresh, struct batch_list *published)
{
	struct probe_printer *p = (struct probe_printer *)sink;
	for (struct batch *batch; (batch = batch_list_take(fresh));) {
		take_batch(p, batch);
		batch_list_add(published, batch);
	}
	if (p->out.len && !atomic_load(&p->error))
		atomic_store(&p->error, output_write(&p->out));
	text_reset(&p->out);
	return LOOK_AGAIN_MS;
}

static void interrupt(struct sink *sink)
{
	(void)sink; /* put() waits for nothing but the reader of our output */
}

int probe_printer_init(struct probe_printer *p, const struct target_list *targets)
{
	p->sink = (struct sink){ .put = put, .interrupt = interrupt };
	p->targets = targets;
	if (p->silent || p->format == OUTPUT_TABLE || p->format == OUTPUT_JSON) {
		p->rows = calloc(targets->count, sizeof *p->rows);
		return p->rows ? 0 : -ENOMEM;
	}
	if (p->format == OUTPUT_CSV)
		row_csv_header(&p->out, &p->columns);
	return 0;
}

void probe_printer_free(struct probe_printer *p)
{
	for (size_t i = 0; p->rows && i < p->targets->count; i++)
		for (struct probe_row *row; (row = p->rows[i]);) {
			p->rows[i] = row->next;
			free(row);
		}
	free(p->rows);
	text_free(&p->out);
}

/* Calls each() for every row there is, in the order of the list. */
static void each_row(struct probe_printer *p, void (*each)(void *arg, const struct row *row), void *arg)
{
	for (size_t i = 0; i < p->targets->count; i++)
		for (const struct probe_row *row = p->rows[i]; row; row = row->next)
			with_row(p, i, &row->outcome, row->address, row->sentence, each, arg);
}

static void add_object(void *arg, const struct row *row)
{
	struct probe_printer *p = arg;
	text_add(&p->out, p->out.data[p->out.len - 1] == '[' ? "\n" : ",\n");
	row_json(&p->out, &p->columns, row);
}

static void print_json(struct probe_printer *p)
{
	text_add(&p->out, "{\"schema\":\"portwatch.probes/1\",\"results\":[");
	if (!p->out.failed)
		each_row(p, add_object, p);
	text_add(&p->out, "\n]}\n");
}

struct table_pass {
	struct row_table table;
	struct text *out;
};

static void fit(void *arg, const struct row *row)
{
	struct table_pass *pass = arg;
	row_table_fit(&pass->table, row);
}

static void add_table_line(void *arg, const struct row *row)
{
	struct table_pass *pass = arg;
	row_table_line(pass->out, &pass->table, row);
}

static void print_table(struct probe_printer *p)
{
	struct table_pass pass = { .table = { .columns = &p->columns, .coloured = p->coloured }, .out = &p->out };
	each_row(p, fit, &pass);
	row_table_header(&p->out, &pass.table);
	each_row(p, add_table_line, &pass);
}

int probe_printer_finish(struct probe_printer *p)
{
	if (p->silent || atomic_load(&p->error))
		return atomic_load(&p->error);
	if (p->format == OUTPUT_JSON)
		print_json(p);
	else if (p->format == OUTPUT_TABLE)
		print_table(p);
	return output_write(&p->out);
}
