/* tail_streams.h - which result streams are read, and how far each has been. */
#ifndef CLI_TAIL_STREAMS_H
#define CLI_TAIL_STREAMS_H

#include "base/option.h"
#include "base/text.h"
#include "wire/stream_reader.h"
#include "wire/streams.h"

#define TAIL_STREAMS_MAX 1024 /* one XREAD names them all */

struct tail_stream {
	char key[STREAM_KEY_MAX];
	char last_id[STREAM_ID_MAX]; /* of the newest entry that was read */
};

struct tail_streams {
	const char *prefix;
	const struct option_list *regions; /* none: all of them */
	int shard;			   /* -1: all of them */
	const char *from;		   /* "start", "now" or an id: where streams begin that are there at first */
	unsigned count;
	bool looked;			   /* the first look is done: a stream found later is read from its start */
	bool too_many;			   /* there was one more than there is room for */
	struct tail_stream items[TAIL_STREAMS_MAX];
};

/* "all" or a number, into -1 or that. */
bool tail_shard_parse(const char *text, int *shard, char *why, size_t why_len);
/* Whether "start", "now" or an id. */
bool tail_from_is_fine(const char *from, char *why, size_t why_len);

/* Adds streams that were not known yet.  0, or -EIO: the link broke, or -EREMOTEIO: Redis refused (redis_link_error()). */
int tail_streams_find(struct tail_streams *streams, struct redis_link *link);
/* Sends one XREAD for all of them, which waits for block_ms. */
void tail_streams_ask(const struct tail_streams *streams, struct redis_link *link, unsigned block_ms);
/* Remembers that an entry was read. */
void tail_streams_seen(struct tail_streams *streams, const struct stream_entry *entry);

/* A pattern for SCAN that matches just this text: its glob characters get a backslash. */
void tail_pattern_add(struct text *pattern, const char *literal);

#endif
