/* probe_printer.c - takes finished batches from the pipeline and puts their results on standard output.
 * In: batches in the order they end.  Out: ndjson and csv at once, line by line; table and json at the end, in the order
 * of the targets.
 * Owns: an outcome per target where the end is waited for (48 bytes each).
 * Why so: a program that reads lines wants each as soon as it is known; a person reads a table from the top and looks for
 * the targets where they were typed, and column widths are known only when all rows are. */
#include "cli/probe_printer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

enum {
	SENTENCE_MAX = 600,
	LOOK_AGAIN_MS = 1000, /* nothing is ever held back, so any number would do */
};

/* Calls each() with the row of one target; the texts live that long. */
static void with_row(struct probe_printer *p, size_t place, const struct outcome *outcome,
		     void (*each)(void *arg, const struct row *row), void *arg)
{
	const struct target *t = &p->targets->items[place];
	char address[INET6_ADDRSTRLEN] = "", sentence[SENTENCE_MAX];
	if (t->family != FAMILY_NONE)
		inet_ntop(t->family == FAMILY_V6 ? AF_INET6 : AF_INET, t->address, address, sizeof address);
	result_sentence(outcome, outcome->detail, sentence, sizeof sentence);
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

/* What the batch's outcomes say stays when the batch goes. */
static void keep_texts(struct probe_printer *p, struct batch *batch)
{
	void **more = batch->tls ? realloc(p->kept, (p->kept_count + 1) * sizeof *more) : NULL;
	if (more) {
		p->kept = more;
		p->kept[p->kept_count++] = batch->tls;
		batch->tls = NULL;
		return;
	}
	for (unsigned i = 0; batch->tls && i < batch->count; i++) {
		batch->outcomes[i].detail = "no memory for what is to be said";
		batch->outcomes[i].tls = NULL;
	}
}

static void take_batch(struct probe_printer *p, struct batch *batch)
{
	if (p->outcomes)
		keep_texts(p, batch);
	for (unsigned i = 0; i < batch->count; i++) {
		const struct outcome *outcome = &batch->outcomes[i];
		atomic_fetch_add(&p->ended[verdict_row(outcome->verdict)->class], 1);
		if (p->outcomes)
			p->outcomes[batch->id_seq + i] = *outcome;
		else
			with_row(p, batch->id_seq + i, outcome, add_line, p);
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
		p->outcomes = calloc(targets->count, sizeof *p->outcomes);
		return p->outcomes ? 0 : -ENOMEM;
	}
	if (p->format == OUTPUT_CSV)
		row_csv_header(&p->out, &p->columns);
	return 0;
}

void probe_printer_free(struct probe_printer *p)
{
	free(p->outcomes);
	for (size_t i = 0; i < p->kept_count; i++)
		free(p->kept[i]);
	free(p->kept);
	text_free(&p->out);
}

/* Calls each() for every target that has an outcome, in the order of the list. */
static void each_outcome(struct probe_printer *p, void (*each)(void *arg, const struct row *row), void *arg)
{
	for (size_t i = 0; i < p->targets->count; i++)
		if (p->outcomes[i].verdict != VERDICT_NONE)
			with_row(p, i, &p->outcomes[i], each, arg);
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
		each_outcome(p, add_object, p);
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
	each_outcome(p, fit, &pass);
	row_table_header(&p->out, &pass.table);
	each_outcome(p, add_table_line, &pass);
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
