/* batch.c - batches, lists of them, and the queue between two threads.
 * A mutex a batch of up to 64 jobs is some 1 ns a job: a lock-free ring would save nothing that could be measured. */
#include "engine/batch.h"

#include "base/must.h"
#include "base/wait.h"

#include <stdlib.h>
#include <string.h>

struct batch *batch_new(const struct job *jobs, unsigned count, const void *blob, size_t blob_len)
{
	must(count > 0 && count <= ENTRY_JOBS_MAX && blob_len <= ENTRY_BYTES_MAX);
	size_t jobs_size = count * sizeof(struct job), outcomes_size = count * sizeof(struct outcome);
	struct batch *b = malloc(sizeof(*b) + jobs_size + outcomes_size + blob_len);
	if (!b)
		return NULL;
	*b = (struct batch){ .count = (uint16_t)count, .open = (uint16_t)count, .blob_len = (uint32_t)blob_len };
	char *at = (char *)(b + 1);
	b->jobs = memcpy(at, jobs, jobs_size);
	b->outcomes = memset(at + jobs_size, 0, outcomes_size);
	b->blob = memcpy(at + jobs_size + outcomes_size, blob, blob_len);
	return b;
}

void batch_free(struct batch *b)
{
	free(b->tls);
	free(b);
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
	list->jobs += b->count;
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
	list->jobs -= b->count;
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
	q->nudged = false;
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
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

void batch_queue_take(struct batch_queue *q, struct batch_list *into, unsigned wait_ms)
{
	pthread_mutex_lock(&q->lock);
	if (!q->list.head && !q->nudged && wait_ms)
		wait_until_ns(&q->filled, &q->lock, clock_ns() + wait_ms * NS_PER_MS); /* a wake-up without a batch is fine */
	q->nudged = false;
	batch_list_join(into, &q->list);
	pthread_mutex_unlock(&q->lock);
}

void batch_queue_nudge(struct batch_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->nudged = true;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}
