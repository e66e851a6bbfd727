/* status_read.c - asks Redis for everything that a view shows.
 * In: the hashes of monitors and states, heartbeats, the ends of the result streams.  Out: struct status.
 * Owns: the places in the result streams.
 * Why so: nobody's consumer group: a view holds back nothing.  Results are read backwards from the end, a bounded
 * number of entries, until each row shown has one; then only what is new.  A million monitors take some seconds, and
 * cost Redis as many reads of a hash: whoever repeats it waits ten times as long as it took. */
#include "cli/status_read.h"

#include "base/clock.h"
#include "base/must.h"
#include "cli/tail_streams.h"
#include "wire/monitor_store.h"
#include "wire/stream_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	BATCH = 256,	       /* states asked for at once */
	PAGE = 100,	       /* entries of a result stream, of up to 64 rows each */
	PAGES_MAX = 10,
	FIND_HEARTBEATS_S = 5,
	HEARTBEATS_MAX = STATUS_COMPONENTS_MAX * 4,
};

struct pending {
	struct text bytes; /* names and monitors, one behind the other */
	unsigned count;
	size_t name_at[BATCH], name_len[BATCH], json_at[BATCH], json_len[BATCH];
	struct status_reader *reader;
	struct status *into;
	int error;
};

/* The reply, or NULL with *error set; why says what it was.  key: what was asked for, NULL: nothing that has a name. */
static struct redis_reply *checked(struct status_reader *r, struct redis_reply *reply, const char *key, int *error)
{
	if (reply && !reply_is_error(reply))
		return reply;
	*error = reply ? -EREMOTEIO : -EIO;
	snprintf(r->why, sizeof r->why, "%s%s%s", reply && key ? key : "", reply && key ? ": " : "",
		 reply ? reply_text(reply, NULL) : redis_link_error(r->link));
	redis_reply_free(reply);
	return NULL;
}

/* ---- monitors and their states ---- */

/* HMGET of those of one shard; the states go, with the monitors, into the status. */
static void take_shard(struct pending *p, unsigned shard)
{
	char key[STREAM_KEY_MAX];
	const char *word[BATCH + 2] = { "HMGET", key };
	size_t len[BATCH + 2] = { 5 }, count = 2;
	unsigned which[BATCH];
	alerts_key(key, p->reader->prefix, shard, ALERTS_STATE);
	len[1] = strlen(key);
	for (unsigned i = 0; i < p->count; i++) {
		const char *name = p->bytes.data + p->name_at[i];
		if (monitor_shard(name, p->name_len[i], p->into->shards) != shard)
			continue;
		which[count - 2] = i;
		word[count] = name;
		len[count++] = p->name_len[i];
	}
	if (count == 2 || p->error)
		return;
	redis_append(p->reader->link, (int)count, word, len);
	struct redis_reply *reply = checked(p->reader, redis_read(p->reader->link, 0), key, &p->error);
	for (size_t i = 0; reply && i + 2 < count; i++) {
		const unsigned w = which[i];
		size_t state_len;
		const char *state = reply_text(reply_at(reply, i), &state_len);
		status_take(p->into, word[i + 2], len[i + 2], p->bytes.data + p->json_at[w], p->json_len[w], state,
			    state_len);
	}
	redis_reply_free(reply);
}

static void take_pending(struct pending *p)
{
	for (unsigned shard = 0; p->count && shard < p->into->shards; shard++)
		take_shard(p, shard);
	p->count = 0;
	text_reset(&p->bytes);
}

static void take_monitor(void *arg, const char *name, size_t name_len, const char *json, size_t json_len)
{
	struct pending *p = arg;
	p->name_at[p->count] = p->bytes.len;
	p->name_len[p->count] = name_len;
	text_add_bytes(&p->bytes, name, name_len);
	p->json_at[p->count] = p->bytes.len;
	p->json_len[p->count] = json_len;
	text_add_bytes(&p->bytes, json, json_len);
	if (p->bytes.failed) {
		p->error = -ENOMEM;
		return;
	}
	if (++p->count == BATCH)
		take_pending(p);
}

static int read_monitors(struct status_reader *r, struct status *into)
{
	struct pending *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->reader = r;
	p->into = into;
	int error = monitor_store_each(r->link, r->prefix, take_monitor, p, r->why, sizeof r->why);
	if (error >= 0) {
		take_pending(p);
		error = into->failed ? -ENOMEM : p->error;
	}
	text_free(&p->bytes);
	free(p);
	return error;
}

/* ---- settings, regions ---- */

static int read_settings(struct status_reader *r, struct status *into)
{
	struct settings s;
	const int error = monitor_store_settings(r->link, r->prefix, &s, r->why, sizeof r->why);
	if (error < 0)
		return error;
	into->shards = s.shards;
	into->regions = s.regions;
	for (unsigned i = 0; i < s.regions; i++)
		snprintf(into->region[i].name, sizeof into->region[i].name, "%s", s.region[i]);
	settings_free(&s);
	return 0;
}

/* Of the regions and of portwatch itself; who holds shard 0 writes them for all.  A silent or quarantined region is
 * known by its own field. */
static int read_own(struct status_reader *r, struct status *into)
{
	static const char *const problems[] = { "scheduler", "canary", "redis" };
	enum { PROBLEMS = sizeof problems / sizeof problems[0] };
	char key[STREAM_KEY_MAX], field[2 * REGIONS_MAX + PROBLEMS][NAME_MAX_LEN + 24];
	const char *word[2 + 2 * REGIONS_MAX + PROBLEMS] = { "HMGET", key };
	size_t len[2 + 2 * REGIONS_MAX + PROBLEMS], text_len;
	unsigned fields = 0;
	int error = 0;
	alerts_key(key, r->prefix, 0, ALERTS_STATE);
	for (unsigned i = 0; i < into->regions; i++)
		snprintf(field[fields++], sizeof field[0], "@region:%s", into->region[i].name);
	for (unsigned i = 0; i < into->regions; i++)
		snprintf(field[fields++], sizeof field[0], "@problem:lag:%s", into->region[i].name);
	for (unsigned i = 0; i < PROBLEMS; i++)
		snprintf(field[fields++], sizeof field[0], "@problem:%s", problems[i]);
	for (unsigned i = 0; i < fields; i++)
		word[2 + i] = field[i];
	for (unsigned i = 0; i < 2 + fields; i++)
		len[i] = strlen(word[i]);
	redis_append(r->link, (int)(2 + fields), word, len);
	struct redis_reply *reply = checked(r, redis_read(r->link, 0), key, &error);
	for (unsigned i = 0; i < reply_count(reply); i++) {
		const char *text = reply_text(reply_at(reply, i), &text_len);
		if (text_len && i < into->regions)
			status_take_region(into, i, text, text_len);
		else if (text_len)
			status_take_problem(into, text, text_len);
	}
	redis_reply_free(reply);
	return error;
}

/* ---- heartbeats ---- */

static int note_keys(struct status_reader *r, const struct redis_reply *keys)
{
	for (size_t i = 0; i < reply_count(keys) && r->keys < HEARTBEATS_MAX; i++) {
		char (*more)[STREAM_KEY_MAX] = realloc(r->key, (r->keys + 1) * sizeof *more);
		if (!more)
			return -ENOMEM;
		r->key = more;
		snprintf(r->key[r->keys++], STREAM_KEY_MAX, "%s", reply_text(reply_at(keys, i), NULL));
	}
	return 0;
}

static int find_heartbeats(struct status_reader *r)
{
	struct text pattern = { 0 };
	char cursor[32] = "0";
	int error = 0;
	r->keys = 0;
	tail_pattern_add(&pattern, r->prefix);
	text_add(&pattern, ":*hb:*");
	do {
		struct redis_reply *reply = checked(
			r, redis_ask(r->link, "SCAN %s MATCH %s COUNT %u", cursor, pattern.data, 1000u), NULL, &error);
		if (reply)
			error = note_keys(r, reply_at(reply, 1));
		snprintf(cursor, sizeof cursor, "%s", reply ? reply_text(reply_at(reply, 0), NULL) : "0");
		redis_reply_free(reply);
	} while (!error && *cursor && strcmp(cursor, "0") != 0);
	text_free(&pattern);
	r->components_ns = clock_ns();
	return error;
}

/* Whether somebody who should be there was not heard when last looked: then it is looked for at every reading. */
static bool is_missing(const struct status *s)
{
	bool scheduler = false, alerts = false;
	unsigned regions = 0;
	for (unsigned i = 0; i < s->components; i++) {
		scheduler |= strcmp(s->component[i].kind, "scheduler") == 0;
		alerts |= strcmp(s->component[i].kind, "alerts") == 0;
		for (unsigned k = 0; k < s->regions; k++)
			if (strcmp(s->component[i].region, s->region[k].name) == 0)
				regions |= 1u << k;
	}
	return !scheduler || !alerts || regions + 1 != 1u << s->regions;
}

static int read_heartbeats(struct status_reader *r, struct status *into)
{
	int error = 0;
	if (is_missing(&r->now) || clock_ns() - r->components_ns > FIND_HEARTBEATS_S * NS_PER_S)
		error = find_heartbeats(r);
	for (unsigned i = 0; !error && i < r->keys; i++) {
		struct redis_reply *reply = checked(r, redis_ask(r->link, "GET %s", r->key[i]), r->key[i], &error);
		if (reply_is_text(reply))
			status_take_heartbeat(into, r->prefix, r->key[i], reply_text(reply, NULL));
		redis_reply_free(reply);
	}
	return error;
}

/* ---- results ---- */

struct taking {
	struct status_reader *reader;
	unsigned region;
	char first[24], last[24]; /* ids of the page */
	uint64_t newest_ms;
	size_t entries;
};

static int take_row(void *arg, const struct result *result)
{
	struct taking *t = arg;
	status_take_result(&t->reader->now, t->region, result);
	return 0;
}

static void take_entry(void *arg, const struct stream_entry *entry)
{
	struct taking *t = arg;
	char why[160];
	size_t len = 0;
	const char *blob = entry->fields ? stream_entry_field(entry, "b", &len) : NULL;
	if (!t->entries++)
		snprintf(t->first, sizeof t->first, "%.23s", entry->id_text);
	snprintf(t->last, sizeof t->last, "%.23s", entry->id_text);
	if (entry->id_ms > t->newest_ms)
		t->newest_ms = entry->id_ms;
	if (blob && len <= ENTRY_BYTES_MAX)
		result_rows_read(blob, len, take_row, t, why, sizeof why); /* what cannot be read is left out */
}

static int take_page(struct status_reader *r, struct redis_reply *reply, const char *key, struct taking *t)
{
	int error = 0;
	reply = checked(r, reply, key, &error);
	t->entries = 0;
	if (reply && stream_entries_each(reply, key, take_entry, t, r->why, sizeof r->why) < 0)
		error = -EBADMSG;
	redis_reply_free(reply);
	return error;
}

/* From the end backwards, until every row has been seen. */
static int read_end(struct status_reader *r, const char *key, unsigned region, unsigned shard, char last[24])
{
	struct taking t = { .reader = r, .region = region };
	char newest[24] = "0-0", from[32] = "+";
	int error = 0;
	for (int page = 0; !error && page < PAGES_MAX; page++) {
		error = take_page(r, redis_ask(r->link, "XREVRANGE %s %s - COUNT %u", key, from, (unsigned)PAGE), key,
				  &t);
		if (page == 0 && t.entries)
			snprintf(newest, sizeof newest, "%s", t.first);
		if (t.entries < PAGE || !status_missing(&r->now, region, shard))
			break;
		snprintf(from, sizeof from, "(%s", t.last);
	}
	if (!error)
		snprintf(last, 24, "%s", newest);
	if (t.newest_ms > r->now.newest_ms)
		r->now.newest_ms = t.newest_ms;
	return error;
}

/* What came since. */
static int read_new(struct status_reader *r, const char *key, unsigned region, char last[24])
{
	struct taking t = { .reader = r, .region = region };
	int error = 0;
	do {
		error = take_page(r, redis_ask(r->link, "XRANGE %s (%s + COUNT %u", key, last, (unsigned)PAGE), key,
				  &t);
		if (!error && t.entries)
			snprintf(last, 24, "%s", t.last);
	} while (!error && t.entries == PAGE);
	if (t.newest_ms > r->now.newest_ms)
		r->now.newest_ms = t.newest_ms;
	return error;
}

static int make_places(struct status_reader *r)
{
	const struct status *s = &r->now;
	if (r->last_id && r->last_regions == s->regions && r->last_shards == s->shards)
		return 0;
	free(r->last_id);
	r->last_id = calloc((size_t)s->regions * s->shards + 1, sizeof *r->last_id);
	r->last_regions = s->regions;
	r->last_shards = s->shards;
	return r->last_id ? 0 : -ENOMEM;
}

static int read_results(struct status_reader *r)
{
	const struct status *s = &r->now;
	int error = make_places(r);
	for (unsigned region = 0; !error && region < s->regions; region++)
		for (unsigned shard = 0; !error && shard < s->shards; shard++) {
			char key[STREAM_KEY_MAX], *last = r->last_id[region * s->shards + shard];
			stream_key(key, r->prefix, s->region[region].name, shard, STREAM_RES);
			error = *last ? read_new(r, key, region, last) : read_end(r, key, region, shard, last);
		}
	return error;
}

int status_read(struct status_reader *r)
{
	struct status fresh = { .at_ms = clock_wall_ms() };
	int error = read_settings(r, &fresh);
	if (!error)
		error = read_monitors(r, &fresh);
	if (!error)
		error = read_own(r, &fresh);
	if (!error)
		error = read_heartbeats(r, &fresh);
	if (error) {
		status_free(&fresh);
		return error;
	}
	status_settle(&fresh, &r->now);
	status_free(r->untold ? &r->now : &r->before);
	if (!r->untold)
		r->before = r->now;
	r->now = fresh;
	error = read_results(r);
	r->untold = error < 0;
	r->now.at_ms = clock_wall_ms();
	return error;
}

void status_reader_free(struct status_reader *r)
{
	status_free(&r->now);
	status_free(&r->before);
	free(r->last_id);
	free(r->key);
}
