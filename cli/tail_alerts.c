/* tail_alerts.c - prints events as they are decided, told to anybody or not.
 * In: pw:{alerts.S}:events.  Out: a line each.
 * Owns: the link.  Why so: as in cmd_tail.c, reads of a quarter of a second each. */
#include "cli/tail_alerts.h"

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/event_feed.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/redis_reach.h"

#include <errno.h>
#include <string.h>

enum { BLOCK_MS = 250, REPLY_MS = 5000 };

struct printing {
	const struct tail_alerts *set;
	struct text out;
	uint64_t printed, news_ns;
};

static bool has_enough(const struct printing *p)
{
	return p->set->most && p->printed >= p->set->most;
}

static void print(void *arg, const struct event *e)
{
	struct printing *p = arg;
	if (has_enough(p) || (p->set->monitor && strcmp(p->set->monitor, e->monitor) != 0))
		return;
	if (p->set->json)
		event_json(&p->out, e);
	else
		event_line(&p->out, e, clock_wall_ms(), p->set->coloured);
	p->printed++;
	p->news_ns = clock_ns();
}

static bool is_over(const struct printing *p)
{
	return interrupted() || has_enough(p) ||
	       (p->set->timeout_ms && clock_ns() - p->news_ns >= p->set->timeout_ms * NS_PER_MS);
}

static void pause_ms(unsigned ms)
{
	const struct timespec time = { .tv_nsec = (long)((ms < BLOCK_MS ? ms : BLOCK_MS) * NS_PER_MS) };
	nanosleep(&time, NULL);
}

/* Whether waiting would not mend it. */
static bool is_hopeless(const struct redis_link *link, int error)
{
	const enum redis_trouble trouble = redis_link_trouble(link);
	return trouble == TROUBLE_FORBIDDEN ||
	       (error == -EREMOTEIO && (trouble == TROUBLE_MOVED || trouble == TROUBLE_OTHER)) || error == -EINVAL;
}

static int follow(struct printing *p, struct event_feed *feed)
{
	int error = 0;
	while (!is_over(p) && !error) {
		unsigned wait_ms;
		if (redis_link_up(feed->link, &wait_ms) < 0) {
			if (is_hopeless(feed->link, 0))
				return cli_refuse(p->set->table, CLI_INTERNAL, "%s", redis_link_error(feed->link));
			pause_ms(wait_ms);
			continue;
		}
		const int got = event_feed_poll(feed, BLOCK_MS);
		if (got < 0 && is_hopeless(feed->link, got))
			return cli_refuse(p->set->table, CLI_INTERNAL, "Redis refused: %s\n%s", feed->why,
					  redis_reach_advice(redis_link_trouble(feed->link)));
		if (got < 0 && got != -EIO)
			redis_link_drop(feed->link, feed->why);
		error = p->out.len || p->out.failed ? output_write(&p->out) : 0;
	}
	if (error)
		return output_failed(p->set->table->program, error);
	return p->set->most && !has_enough(p) && !interrupted() ? CLI_DOWN : CLI_UP;
}

int tail_alerts(const struct tail_alerts *t)
{
	struct printing p = { .set = t, .news_ns = clock_ns() };
	struct event_feed feed = { .prefix = t->prefix, .from = t->from, .take = print, .arg = &p };
	feed.link = redis_link_new(&t->url, "portwatch-tail", REPLY_MS);
	if (!feed.link)
		return cli_refuse(t->table, CLI_INTERNAL, "no memory");
	interrupt_watch();
	const int status = follow(&p, &feed);
	redis_link_free(feed.link);
	text_free(&p.out);
	return status;
}
