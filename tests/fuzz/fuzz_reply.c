/* fuzz_reply.c - libFuzzer target: whatever Redis, or what pretends to be it, says: the reply is refused or every
 * question about it has an answer. */
#include "base/must.h"
#include "wire/stream_reader.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	int entries;
};

static void look_at_entry(void *arg, const struct stream_entry *e)
{
	static const char *const names[] = { "v", "n", "slot", "b", "" };
	struct seen *seen = arg;
	uint64_t ms, seq;
	seen->entries++;
	must(e->key && stream_id_parse(e->id_text, &ms, &seq) && ms == e->id_ms && seq == e->id_seq);
	must(reply_count(e->fields) % 2 == 0);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = 0;
		const char *value = stream_entry_field(e, names[i], &len);
		must(!value || value[len] == 0);
	}
}

/* Every element is reached and every question asked of it; returns how many there are. */
static size_t look_at_tree(const struct redis_reply *r, unsigned depth)
{
	size_t len, count = 1;
	const char *text = reply_text(r, &len);
	must(depth <= 8);
	must(text && text[len] == 0);
	must(reply_is_nil(r) + reply_is_text(r) + reply_is_array(r) <= 1);
	must((unsigned)reply_trouble(r) < TROUBLES && (reply_trouble(r) != TROUBLE_NONE) == reply_is_error(r));
	must(redis_trouble_row(redis_trouble_of(text))->name);
	(void)reply_integer(r);
	must(reply_count(r) <= REPLY_ELEMENTS_MAX && !reply_at(r, reply_count(r)));
	for (size_t i = 0; i < reply_count(r); i++)
		count += look_at_tree(reply_at(r, i), depth + 1);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen as_streams = { 0 }, as_entries = { 0 };
	char why[120] = "";
	struct redis_reply *reply = reply_parse(data, size, why, sizeof(why));
	int given;
	if (!reply) {
		must(why[0]);
		return 0;
	}
	must(look_at_tree(reply, 1) <= size);
	given = stream_read_each(reply, look_at_entry, &as_streams, why, sizeof(why));
	must(given < 0 ? why[0] != 0 : given == as_streams.entries);
	given = stream_entries_each(reply, "k", look_at_entry, &as_entries, why, sizeof(why));
	must(given < 0 ? why[0] != 0 : given == as_entries.entries);
	(void)reply_pair(reply, "name");
	redis_reply_free(reply);
	return 0;
}
