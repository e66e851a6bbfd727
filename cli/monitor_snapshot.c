/* monitor_snapshot.c - holds what stands in Redis while a command decides what to do about it.
 * In: a link.  Out: names and JSON, sorted.
 * Owns: copies of all bytes; a million monitors are 300 MB, once, in a command that ends.
 * Why so: bytes and not structs, because what is broken has to be shown, compared and removed as well. */
#include "cli/monitor_snapshot.h"

#include "base/must.h"

#include <errno.h>
#include <stdlib.h>

static char *copy(const char *bytes, size_t len)
{
	char *copied = malloc(len + 1);
	must(copied);
	memcpy(copied, bytes, len);
	copied[len] = 0;
	return copied;
}

static void take(void *arg, const char *name, size_t name_len, const char *json, size_t json_len)
{
	struct snapshot *s = arg;
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		must((s->monitor = realloc(s->monitor, s->room * sizeof *s->monitor)));
	}
	s->monitor[s->count++] = (struct snapshot_monitor){ copy(name, name_len), json ? copy(json, json_len) : NULL, name_len, json_len };
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	const int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare(const void *a, const void *b)
{
	const struct snapshot_monitor *one = a, *two = b;
	return compare_names(one->name, one->name_len, two->name, two->name_len);
}

static void free_monitor(struct snapshot_monitor *m)
{
	free(m->name);
	free(m->json);
}

/* HSCAN may give one twice while others write. */
static void sort(struct snapshot *s)
{
	size_t kept = 0;
	if (s->count)
		qsort(s->monitor, s->count, sizeof *s->monitor, compare);
	for (size_t i = 0; i < s->count; i++)
		if (kept && compare(&s->monitor[kept - 1], &s->monitor[i]) == 0)
			free_monitor(&s->monitor[i]);
		else
			s->monitor[kept++] = s->monitor[i];
	s->count = kept;
}

static int read_settings(struct snapshot *s, struct redis_link *link, const char *prefix, char *why, size_t why_len)
{
	char key[STREAM_KEY_MAX];
	settings_key(key, prefix);
	struct redis_reply *reply = redis_ask(link, "GET %s", key);
	const bool fine = reply && !reply_is_error(reply);
	const int bad = fine ? 0 : reply ? -EREMOTEIO : -EIO;
	if (!fine)
		snprintf(why, why_len, "%s", redis_link_error(link));
	else if (!reply_is_nil(reply)) {
		size_t len;
		const char *bytes = reply_text(reply, &len);
		s->settings = copy(bytes, len);
	}
	redis_reply_free(reply);
	return bad;
}

int snapshot_all(struct snapshot *s, struct redis_link *link, const char *prefix, char *why, size_t why_len)
{
	*s = (struct snapshot){ 0 };
	int bad = read_settings(s, link, prefix, why, why_len);
	if (!bad)
		bad = monitor_store_each(link, prefix, take, s, why, why_len);
	sort(s);
	return bad;
}

int snapshot_some(struct snapshot *s, struct redis_link *link, const char *prefix, char *const *names, size_t count, char *why,
		  size_t why_len)
{
	size_t *len = calloc(count, sizeof *len);
	must(len);
	*s = (struct snapshot){ 0 };
	for (size_t i = 0; i < count; i++)
		len[i] = strlen(names[i]);
	const int bad = monitor_store_some(link, prefix, (const char *const *)names, len, count, take, s, why, why_len);
	sort(s);
	free(len);
	return bad;
}

void snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; i < s->count; i++)
		free_monitor(&s->monitor[i]);
	free(s->monitor);
	free(s->settings);
	*s = (struct snapshot){ 0 };
}

const struct snapshot_monitor *snapshot_find(const struct snapshot *s, const char *name, size_t len)
{
	const struct snapshot_monitor wanted = { .name = (char *)name, .name_len = len };
	return s->count ? bsearch(&wanted, s->monitor, s->count, sizeof *s->monitor, compare) : NULL;
}

bool snapshot_decode(const struct snapshot_monitor *from, struct monitor *m, char *why, size_t why_len)
{
	if (monitor_name_is_fine(from->name, from->name_len))
		return monitor_decode(m, from->name, from->json, from->json_len, why, why_len);
	snprintf(why, why_len, "its name is not 1 to %d bytes of UTF-8 without control characters", NAME_MAX_LEN);
	return false;
}
