/* result_feed.c - see result_feed.h. */
#include "scheduler/result_feed.h"

#include "base/log.h"
#include "base/must.h"
#include "wire/result.h"
#include "wire/stream_reader.h"

#include <errno.h>
#include <stdlib.h>

#define COUNT_MAX 100 /* of a stream: with 64 rows of 70 B each, half a megabyte and some ms */
#define COUNT_ALL 300 /* of all streams */

struct feed {
	struct ledger *l;
	unsigned place; /* streams come in the order in which they were asked for */
	unsigned count, read, most;
};

static int take_row(void *arg, const struct result *r)
{
	struct feed *f = arg;
	ledger_answer(f->l, f->l->places->place[f->place].region, r->monitor, strlen(r->monitor), r->slot_ms,
		      r->attempt);
	return 0;
}

static void take_entry(void *arg, const struct stream_entry *e)
{
	struct feed *f = arg;
	char why[200];
	size_t len;
	struct places *p = f->l->places;
	for (unsigned tried = 0; strcmp(p->place[f->place].res, e->key) != 0; tried++) {
		f->place = (f->place + 1) % p->count;
		f->read = 0;
		if (tried == p->count)
			return;
	}
	const char *blob = e->fields ? stream_entry_field(e, "b", &len) : NULL;
	if (blob && result_rows_read(blob, len, take_row, f, why, sizeof(why)) != 0)
		counter_add(&f->l->counters->bad_results, 1);
	p->place[f->place].res_ms = e->id_ms;
	p->place[f->place].res_seq = e->id_seq;
	f->most = ++f->read > f->most ? f->read : f->most;
}

static void ask(const struct places *p, struct redis_link *link, unsigned count)
{
	unsigned words = 4 + 2 * p->count;
	const char **word = malloc(words * sizeof(*word));
	size_t *len = malloc(words * sizeof(*len));
	char(*id)[STREAM_ID_MAX] = malloc((p->count + 1) * sizeof(*id)), number[12];
	must(word && len && id);
	snprintf(number, sizeof(number), "%u", count);
	word[0] = "XREAD";
	word[1] = "COUNT";
	word[2] = number;
	word[3] = "STREAMS";
	for (unsigned i = 0; i < p->count; i++) {
		stream_id_format(id[i], p->place[i].res_ms, p->place[i].res_seq);
		word[4 + i] = p->place[i].res;
		word[4 + p->count + i] = id[i];
	}
	for (unsigned i = 0; i < words; i++)
		len[i] = strlen(word[i]);
	redis_append(link, (int)words, word, len);
	free(word);
	free(len);
	free(id);
}

int result_feed_read(struct ledger *l, struct redis_link *link)
{
	struct feed f = { .l = l, .count = COUNT_ALL / (l->places->count + 1) + 1 };
	static struct log_limit said;
	char why[200];
	unsigned missed;
	if (l->places->count == 0)
		return 1;
	f.count = f.count > COUNT_MAX ? COUNT_MAX : f.count;
	ask(l->places, link, f.count);
	struct redis_reply *reply = redis_read(link, 0);
	if (!reply)
		return -EIO;
	int got = stream_read_each(reply, take_entry, &f, why, sizeof(why));
	if (got < 0 && log_allowed(&said, 1, &missed))
		log_warnx("results cannot be read", LOG_S("why", reply_is_error(reply) ? reply_text(reply, NULL) : why),
			  LOG_UNSAID(missed));
	redis_reply_free(reply);
	return got < 0 ? -EBADMSG : f.most < f.count;
}
