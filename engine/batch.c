/* batch.c - batches, lists of them, and the queue between two threads.
 * A mutex a batch of up to 64 jobs is some 1 ns a job: a lock-free ring would save nothing that could be measured. */
#include "engine/batch.h"

#include "base/must.h"
#include "base/wait.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct batch_note {
	struct batch_note *next;
	_Alignas(max_align_t) char text[];
};

struct batch *batch_new(const struct job *jobs, unsigned count, const void *blob, size_t blob_len)
{
	must(count > 0 && count <= ENTRY_JOBS_MAX && blob_len <= ENTRY_BYTES_MAX);
	size_t jobs_size = count * sizeof(struct job), outcomes_size = count * sizeof(struct outcome);
	struct batch *b = malloc(sizeof(*b) + jobs_size + outcomes_size + blob_len);
	if (!b)
		return NULL;
	*b = (struct batch){ .count = (uint16_t)count, .jobs_taken = (uint16_t)count,
			     .open = (uint16_t)count, .blob_len = (uint32_t)blob_len };
	char *at = (char *)(b + 1);
	b->jobs = memcpy(at, jobs, jobs_size);
	b->outcomes = memset(at + jobs_size, 0, outcomes_size);
	b->blob = memcpy(at + jobs_size + outcomes_size, blob, blob_len);
	return b;
}

static void free_one(struct batch *b)
{
	for (struct batch_note *next; b->notes; b->notes = next) {
		next = b->notes->next;
		free(b->notes);
	}
	free(b->grown);
	free(b);
}

/* The last of a whole and its parts takes the whole along. */
void batch_free(struct batch *b)
{
	if (!b)
		return;
	for (struct batch *part; (part = b->parts);) {
		b->parts = part->next;
		free_one(part);
	}
	struct batch *whole = b->whole;
	if (!whole && atomic_load(&b->parts_open) > 0) {
		if (batch_split_end(b)) /* else what is on its way will free it */
			free_one(b);
		return;
	}
	free_one(b);
	if (whole && atomic_fetch_sub(&whole->parts_open, 1) == 1)
		batch_free(whole);
}

void *batch_room(struct batch *b, size_t size)
{
	struct batch_note *note = calloc(1, sizeof(*note) + size);
	if (!note)
		return NULL;
	note->next = b->notes;
	b->notes = note;
	return note->text;
}

const char *batch_keep(struct batch *b, const char *sentence)
{
	size_t len = strlen(sentence) + 1;
	char *room = batch_room(b, len);
	must_say(room, "no memory for a sentence of %zu bytes", len);
	return memcpy(room, sentence, len);
}

void batch_split_begin(struct batch *whole)
{
	atomic_store(&whole->parts_open, 1);
}

struct batch *batch_split(struct batch *whole, const struct job *jobs, const struct outcome *outcomes, unsigned count)
{
	size_t jobs_size = count * sizeof(struct job), outcomes_size = count * sizeof(struct outcome);
	struct batch *b = malloc(sizeof(*b) + jobs_size + outcomes_size);
	must_say(b, "no memory for a batch of %u rows", count);
	*b = (struct batch){ .count = (uint16_t)count, .jobs_taken = (uint16_t)count, .open = (uint16_t)count,
			     .blob_len = whole->blob_len, .blob = whole->blob, .hot = whole->hot, .slot_ms = whole->slot_ms,
			     .stream = whole->stream, .id_ms = whole->id_ms, .id_seq = whole->id_seq,
			     .taken_ns = whole->taken_ns, .whole = whole };
	char *at = (char *)(b + 1);
	b->jobs = memcpy(at, jobs, jobs_size);
	b->outcomes = memcpy(at + jobs_size, outcomes, outcomes_size);
	atomic_fetch_add(&whole->parts_open, 1);
	return b;
}

bool batch_split_end(struct batch *whole)
{
	return atomic_fetch_sub(&whole->parts_open, 1) == 1;
}

struct batch *batch_join(struct batch *part)
{
	struct batch *whole = part->whole;
	part->next = whole->parts;
	whole->parts = part;
	return atomic_fetch_sub(&whole->parts_open, 1) == 1 ? whole : NULL;
}

/* Where the rows of each job begin; returns how many rows there are. */
static unsigned row_places(const struct batch *whole, unsigned first[ENTRY_JOBS_MAX])
{
	unsigned rows[ENTRY_JOBS_MAX] = { 0 }, total = 0;
	for (const struct batch *part = whole->parts; part; part = part->next)
		for (unsigned i = 0; i < part->count; i++)
			rows[part->jobs[i].index]++;
	for (unsigned j = 0; j < ENTRY_JOBS_MAX; j++) {
		first[j] = total;
		total += rows[j];
	}
	return total;
}

/* Of one job the open rows stand first: who decides row by row shall not see a failure that the next row refutes. */
static void place_rows(struct batch *whole, const struct batch *part, bool open, unsigned first[ENTRY_JOBS_MAX])
{
	for (unsigned i = 0; i < part->count; i++) {
		if ((part->outcomes[i].verdict == VERDICT_OPEN) != open)
			continue;
		unsigned at = first[part->jobs[i].index]++;
		whole->jobs[at] = part->jobs[i];
		whole->outcomes[at] = part->outcomes[i];
	}
}

static void move_notes(struct batch *from, struct batch *to)
{
	for (struct batch_note *note; (note = from->notes);) {
		from->notes = note->next;
		note->next = to->notes;
		to->notes = note;
	}
}

void batch_assemble(struct batch *whole)
{
	unsigned first[ENTRY_JOBS_MAX], total = row_places(whole, first);
	must(total >= whole->jobs_taken && total <= ENTRY_JOBS_MAX * (JOB_ADDRESSES_MAX + 2));
	char *grown = malloc(total * (sizeof(struct job) + sizeof(struct outcome)));
	must_say(grown, "no memory for %u rows", total);
	whole->grown = grown;
	whole->jobs = (struct job *)grown;
	whole->outcomes = (struct outcome *)(grown + total * sizeof(struct job));
	whole->count = (uint16_t)total;
	for (struct batch *part; (part = whole->parts);) {
		place_rows(whole, part, true, first);
		place_rows(whole, part, false, first);
		move_notes(part, whole);
		whole->parts = part->next;
		free_one(part);
	}
	whole->open = 0;
}

void batch_list_add(struct batch_list *list, struct batch *b)
{
	b->next = NULL;
	if (list->tail)
		list->tail->next = b;
	else
		list->head = b;
	list->tail = b;
	list->batches++;
	list->jobs += b->jobs_taken;
}

struct batch *batch_list_take(struct batch_list *list)
{
	struct batch *b = list->head;
	if (!b)
		return NULL;
	list->head = b->next;
	if (!list->head)
		list->tail = NULL;
	list->batches--;
	list->jobs -= b->jobs_taken;
	b->next = NULL;
	return b;
}

void batch_list_join(struct batch_list *to, struct batch_list *from)
{
	if (!from->head)
		return;
	if (to->tail)
		to->tail->next = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	to->batches += from->batches;
	to->jobs += from->jobs;
	*from = (struct batch_list){ 0 };
}

void batch_queue_init(struct batch_queue *q)
{
	wait_init(&q->filled);
	pthread_mutex_init(&q->lock, NULL);
	q->list = (struct batch_list){ 0 };
	q->awaited = q->nudged = false;
}

void batch_queue_free(struct batch_queue *q)
{
	for (struct batch *b; (b = batch_list_take(&q->list));)
		batch_free(b);
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
}

void batch_queue_put(struct batch_queue *q, struct batch_list *from)
{
	if (!from->head)
		return;
	pthread_mutex_lock(&q->lock);
	batch_list_join(&q->list, from);
	const bool awaited = q->awaited;
	q->awaited = false; /* one signal wakes who sleeps; he takes what comes until then */
	pthread_mutex_unlock(&q->lock);
	if (awaited)
		pthread_cond_signal(&q->filled);
}

void batch_queue_take(struct batch_queue *q, struct batch_list *into, unsigned wait_ms)
{
	pthread_mutex_lock(&q->lock);
	if (!q->list.head && !q->nudged && wait_ms) {
		q->awaited = true;
		wait_until_ns(&q->filled, &q->lock, clock_ns() + wait_ms * NS_PER_MS); /* a wake-up without a batch is fine */
		q->awaited = false;
	}
	q->nudged = false;
	batch_list_join(into, &q->list);
	pthread_mutex_unlock(&q->lock);
}

void batch_queue_gather(struct batch_queue *q, uint64_t at_ns)
{
	pthread_mutex_lock(&q->lock);
	while (!q->nudged && clock_ns() < at_ns)
		wait_until_ns(&q->filled, &q->lock, at_ns);
	pthread_mutex_unlock(&q->lock); /* a nudge is left for the take that follows */
}

void batch_queue_nudge(struct batch_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->nudged = true;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}
