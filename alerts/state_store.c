/* state_store.c - see state_store.h.
 * In: fields and events.  Out: one MULTI/EXEC at a time.  Owns: what is put until it stands; the link is borrowed.
 * Why so: commands are kept as words and sent again as they are until Redis has them, so a retry cannot say something
 * else than the first try did. */
#include "alerts/state_store.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "wire/settings.h"

#include <inttypes.h>
#include <stdlib.h>

/* A transaction ends with the first state behind so many commands: it carries whole decisions, and its reply stays
 * small. */
#define CHUNK 5000

/* One HSET, HDEL or XADD: words in one block, each ended by 0 (JSON has no zero bytes). */
#define WORDS_MAX 24
struct command {
	unsigned words;
	uint32_t at[WORDS_MAX];
	uint32_t len[WORDS_MAX];
	bool is_state;
	char *bytes;
};

struct store {
	struct redis_link *link;
	struct store_counters *counters;
	char lease[STREAM_KEY_MAX], state[STREAM_KEY_MAX], events[STREAM_KEY_MAX], outbox[STREAM_KEY_MAX];
	char holder[NAME_MAX_LEN + 1];
	struct command *command; /* malloc'd array */
	size_t count, room;
	uint64_t number; /* of the commit that is being made */
	char mark[NAME_MAX_LEN + 48];
	size_t sent; /* commands in an EXEC that was not answered, from the first on; 0: nothing is in doubt */
	bool full;
	struct log_limit limit;
};

struct store *store_new(struct redis_link *link, const char *prefix, unsigned shard, const char *holder,
			struct store_counters *counters)
{
	char what[32];
	struct store *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->link = link;
	s->counters = counters;
	snprintf(what, sizeof(what), "alerts:%u", shard);
	lease_key(s->lease, prefix, what);
	alerts_key(s->state, prefix, shard, ALERTS_STATE);
	alerts_key(s->events, prefix, shard, ALERTS_EVENTS);
	alerts_key(s->outbox, prefix, shard, ALERTS_OUTBOX);
	snprintf(s->holder, sizeof(s->holder), "%s", holder);
	s->number = clock_wall_us(); /* a mark of an earlier life of the same name is not ours */
	return s;
}

/* Forgets the first commands. */
static void drop(struct store *s, size_t first)
{
	for (size_t i = 0; i < first; i++)
		free(s->command[i].bytes);
	s->count -= first;
	if (s->count)
		memmove(s->command, s->command + first, s->count * sizeof(*s->command));
	s->sent = 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	drop(s, s->count);
	free(s->command);
	free(s);
}

bool store_is_empty(const struct store *s)
{
	return s->count == 0;
}

size_t store_size(const struct store *s)
{
	return s->count;
}

bool store_is_full(const struct store *s)
{
	return s->full;
}

/* ---- what is put ---- */

static struct command *next_command(struct store *s)
{
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct command *more = realloc(s->command, room * sizeof(*more));
		must_say(more, "no memory for %zu decisions", room); /* going on would lose an alert; a restart does not */
		s->command = more;
		s->room = room;
	}
	struct command *c = &s->command[s->count++];
	c->words = 0;
	return c;
}

static void put(struct store *s, bool is_state, unsigned words, const char *const *word)
{
	must(words <= WORDS_MAX);
	struct command *c = next_command(s);
	size_t size = 0;
	for (unsigned i = 0; i < words; i++)
		size += strlen(word[i]) + 1;
	c->bytes = malloc(size);
	must_say(c->bytes, "no memory for %zu bytes of a decision", size);
	size = 0;
	for (unsigned i = 0; i < words; i++) {
		c->at[i] = (uint32_t)size;
		c->len[i] = (uint32_t)strlen(word[i]);
		memcpy(c->bytes + size, word[i], c->len[i] + 1);
		size += c->len[i] + 1;
	}
	c->words = words;
	c->is_state = is_state;
}

#define PUT(s, is_state, ...) \
	put((s), (is_state), sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), (const char *const[]){ __VA_ARGS__ })

void store_state(struct store *s, const char *field, const char *json)
{
	PUT(s, true, "HSET", s->state, field, json);
	atomic_fetch_add(&s->counters->states, 1);
}

void store_forget(struct store *s, const char *field)
{
	PUT(s, true, "HDEL", s->state, field);
}

static const char *bit(bool b)
{
	return b ? "1" : "0";
}

void store_event(struct store *s, const struct event_text *e)
{
	char most[16];
	snprintf(most, sizeof(most), "%d", EVENTS_MAX);
	PUT(s, false, "XADD", s->events, "MAXLEN", "~", most, "*", "id", e->id, "type", e->type, "monitor", e->monitor, "incident",
	    e->incident, "page", bit(e->page), "resolved", bit(e->resolved), "told", bit(e->told), "why_not", e->why_not, "b",
	    e->body);
	atomic_fetch_add(&s->counters->events, 1);
	if (!e->told)
		return;
	PUT(s, false, "XADD", s->outbox, "*", "id", e->id, "type", e->type, "monitor", e->monitor, "incident", e->incident, "page",
	    bit(e->page), "resolved", bit(e->resolved), "b", e->body);
	atomic_fetch_add(&s->counters->told, 1);
}

/* ---- the transaction ---- */

static void append(struct store *s, const struct command *c)
{
	const char *word[WORDS_MAX];
	size_t len[WORDS_MAX];
	for (unsigned i = 0; i < c->words; i++) {
		word[i] = c->bytes + c->at[i];
		len[i] = c->len[i];
	}
	redis_append(s->link, (int)c->words, word, len);
}

/* The first error of EXEC's replies, EXEC's own included; NULL: all is well. */
static const struct redis_reply *first_error(const struct redis_reply *exec)
{
	if (reply_is_error(exec))
		return exec;
	for (size_t i = 0; i < reply_count(exec); i++)
		if (reply_is_error(reply_at(exec, i)))
			return reply_at(exec, i);
	return NULL;
}

static enum store_outcome refused(struct store *s, const struct redis_reply *error)
{
	unsigned missed;
	enum redis_trouble trouble = reply_trouble(error);
	s->full = trouble == TROUBLE_FULL;
	atomic_store(&s->counters->full, s->full);
	atomic_fetch_add(&s->counters->retries, 1);
	if (log_allowed(&s->limit, 1, &missed))
		log_warnx("decisions are not stored yet", LOG_S("key", s->state), LOG_S("reply", reply_text(error, NULL)),
			  LOG_S("reaction", redis_trouble_row(trouble)->reaction), LOG_UNSAID(missed));
	if (trouble == TROUBLE_NOT_MASTER || trouble == TROUBLE_FORBIDDEN)
		redis_link_drop(s->link, reply_text(error, NULL));
	return STORE_LATER;
}

static enum store_outcome stood(struct store *s, size_t first)
{
	drop(s, first);
	s->number++;
	s->full = false;
	atomic_store(&s->counters->full, 0);
	atomic_fetch_add(&s->counters->commits, 1);
	return STORE_STOOD;
}

static enum store_outcome lost(struct store *s)
{
	drop(s, s->count);
	atomic_fetch_add(&s->counters->lost, 1);
	return STORE_LOST;
}

/* WATCH and look: STOOD means that we may write. */
static enum store_outcome look(struct store *s, bool *was_written)
{
	/* The state too: an EXEC of a link that broke may still lie unread in the server's socket. */
	redis_appendf(s->link, "WATCH %s %s", s->lease, s->state);
	redis_appendf(s->link, "GET %s", s->lease);
	redis_appendf(s->link, "HGET %s %s", s->state, STATE_COMMIT);
	struct redis_reply *watch = redis_read(s->link, 0), *holder = redis_read(s->link, 0), *mark = redis_read(s->link, 0);
	enum store_outcome outcome = STORE_LATER;
	*was_written = false;
	if (!watch || !holder || !mark)
		;
	else if (reply_is_error(watch) || reply_is_error(holder) || reply_is_error(mark))
		refused(s, reply_is_error(watch) ? watch : reply_is_error(holder) ? holder : mark);
	else {
		*was_written = s->sent && strcmp(reply_text(mark, NULL), s->mark) == 0;
		outcome = strcmp(reply_text(holder, NULL), s->holder) == 0 ? STORE_STOOD : STORE_LOST;
	}
	redis_reply_free(watch);
	redis_reply_free(holder);
	redis_reply_free(mark);
	return outcome;
}

static void unwatch(struct store *s)
{
	redis_reply_free(redis_ask(s->link, "UNWATCH"));
}

static size_t next_chunk(const struct store *s)
{
	size_t n = s->count < CHUNK ? s->count : CHUNK;
	while (n < s->count && !s->command[n - 1].is_state)
		n++;
	return n;
}

/* What EXEC said of the first commands; why: the first of them that was refused, or NULL. */
static enum store_outcome judge(struct store *s, const struct redis_reply *exec, const struct redis_reply *why, size_t chunk)
{
	const struct redis_reply *error = first_error(exec);
	s->sent = 0;
	if (error)
		return refused(s, why ? why : error);
	if (reply_is_nil(exec)) /* lease or state were touched in between */
		return STORE_LATER;
	return stood(s, chunk);
}

/* Some of what was put, and EXEC.  A queued command that is refused makes EXEC fail as a whole. */
static enum store_outcome write_chunk(struct store *s)
{
	struct redis_reply *why = NULL;
	size_t chunk = next_chunk(s);
	snprintf(s->mark, sizeof(s->mark), "{\"holder\":\"%s\",\"number\":%" PRIu64 "}", s->holder, s->number);
	redis_appendf(s->link, "MULTI");
	for (size_t i = 0; i < chunk; i++)
		append(s, &s->command[i]);
	redis_appendf(s->link, "HSET %s %s %s", s->state, STATE_COMMIT, s->mark);
	redis_appendf(s->link, "EXEC");
	s->sent = chunk;
	for (size_t i = 0; i < chunk + 2; i++) {
		struct redis_reply *queued = redis_read(s->link, 0);
		if (reply_is_error(queued) && !why)
			why = queued; /* EXEC says only that something was refused */
		else
			redis_reply_free(queued);
	}
	struct redis_reply *exec = redis_read(s->link, 0);
	enum store_outcome outcome = exec ? judge(s, exec, why, chunk) : STORE_LATER;
	redis_reply_free(exec);
	redis_reply_free(why);
	return outcome;
}

static enum store_outcome commit_some(struct store *s)
{
	bool was_written;
	enum store_outcome may = look(s, &was_written);
	if (may == STORE_LATER)
		return may;
	if (was_written) {
		unwatch(s);
		stood(s, s->sent);
		return may == STORE_LOST ? lost(s) : may;
	}
	s->sent = 0;
	if (may == STORE_LOST) {
		unwatch(s);
		return lost(s);
	}
	return write_chunk(s);
}

enum store_outcome store_commit(struct store *s)
{
	enum store_outcome outcome = STORE_STOOD;
	while (s->count && outcome == STORE_STOOD)
		outcome = redis_link_is_up(s->link) ? commit_some(s) : STORE_LATER;
	return outcome;
}

/* ---- reading back ---- */

int store_load(struct redis_link *link, const char *prefix, unsigned shard, store_take *take, void *arg)
{
	char key[STREAM_KEY_MAX], cursor[32] = "0";
	alerts_key(key, prefix, shard, ALERTS_STATE);
	do {
		struct redis_reply *reply = redis_ask(link, "HSCAN %s %s COUNT 1000", key, cursor);
		const struct redis_reply *pairs = reply_at(reply, 1);
		if (!reply || reply_is_error(reply)) {
			int bad = reply ? -EREMOTEIO : -EIO;
			redis_reply_free(reply);
			return bad;
		}
		for (size_t i = 0; i + 1 < reply_count(pairs); i += 2) {
			size_t len;
			const char *json = reply_text(reply_at(pairs, i + 1), &len);
			take(arg, reply_text(reply_at(pairs, i), NULL), json, len);
		}
		snprintf(cursor, sizeof(cursor), "%s", reply_text(reply_at(reply, 0), NULL));
		redis_reply_free(reply);
	} while (strcmp(cursor, "0") != 0 && cursor[0]);
	return 0;
}
