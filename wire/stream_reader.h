/* stream_reader.h - entries as a consumer group gives them: the reply of XREADGROUP, XAUTOCLAIM and XRANGE taken apart,
 * without trusting it. */
#ifndef WIRE_STREAM_READER_H
#define WIRE_STREAM_READER_H

#include "wire/redis_link.h"

struct stream_entry {
	const char *key;	   /* of the stream; "" when the command named only one */
	const char *id_text;
	uint64_t id_ms, id_seq;
	const struct redis_reply *fields; /* flat array name, value, ...; NULL: the entry was deleted meanwhile */
};

/* "1700000000000-5" -> two numbers; false if it is not an id. */
bool stream_id_parse(const char *text, uint64_t *ms, uint64_t *seq);
#define STREAM_ID_MAX 42
void stream_id_format(char into[STREAM_ID_MAX], uint64_t ms, uint64_t seq);

/* The value of a field by name, or NULL. */
const char *stream_entry_field(const struct stream_entry *entry, const char *name, size_t *len);

/* Calls each() for every entry of a reply of XREADGROUP or XREAD (array of [key, entries]).  Returns how many were
 * given, or -EBADMSG with why when the reply has another shape (entries before the fault were given). */
int stream_read_each(const struct redis_reply *reply, void (*each)(void *arg, const struct stream_entry *e), void *arg,
		     char *why, size_t why_len);
/* The same for a bare array of entries (XRANGE, XCLAIM, the second element of XAUTOCLAIM). */
int stream_entries_each(const struct redis_reply *entries, const char *key,
			void (*each)(void *arg, const struct stream_entry *e), void *arg, char *why, size_t why_len);

/* XGROUP CREATE key group id MKSTREAM.  0 made, 1 it was there, -EIO or -EREMOTEIO: see redis_link_error()/trouble. */
int stream_group_make(struct redis_link *link, const char *key, const char *group, const char *from_id);

/* Removes what no group of the stream still needs (what is neither pending nor behind its last delivered id) and, if
 * keep_ms is not 0, only what is older than keep_ms by Redis's clock.  Without any group and with keep_ms 0 nothing is
 * removed; so it is when the stream is not there.  At most some 10,000 entries a call.  Returns entries removed, or
 * negative: -EIO the link broke, -EREMOTEIO an error reply (redis_link_error()), -EBADMSG an answer of another shape. */
long long stream_trim(struct redis_link *link, const char *key, uint64_t keep_ms);

#endif
