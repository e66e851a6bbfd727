/* dead_man.c - see dead_man.h.
 * In: until when the path works.  Out: a GET every so often, or silence.  Owns: one thread, because a call may take
 * seconds.
 * Why so: it is not told to stop, it must be told to go on; a process that hangs does not call. */
#include "alerts/dead_man.h"

#include "alerts/post.h"
#include "base/log.h"
#include "base/wait.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define CALL_TIMEOUT_MS 10000
#define LOOK_MS 1000 /* between two looks whether the path works again */

struct dead_man {
	const char *url;
	unsigned every_ms;
	struct post *post;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	atomic_bool stop;
	bool withholding; /* the thread's own */
	_Atomic uint64_t until_ms;
	_Atomic uint64_t called, failed, withheld;
};

/* False: it is not called, because the path does not work. */
static bool call(struct dead_man *d)
{
	struct post_answer answer;
	if (clock_ns() / NS_PER_MS >= atomic_load(&d->until_ms))
		return false;
	bool fine = post_get(d->post, d->url, CALL_TIMEOUT_MS, &answer) && answer.status / 100 == 2;
	atomic_fetch_add(fine ? &d->called : &d->failed, 1);
	if (!fine && !atomic_load(&d->stop))
		log_warnx("dead man's URL was not reached", LOG_S("answer", answer.said));
	return true;
}

/* A call that was withheld is made as soon as the path works again. */
static void call_or_withhold(struct dead_man *d, uint64_t *next_ns)
{
	bool called = call(d);
	if (called)
		d->withholding = false;
	else {
		atomic_fetch_add(&d->withheld, 1);
		*next_ns = clock_ns() + LOOK_MS * NS_PER_MS;
		if (!d->withholding)
			log_warnx("dead man's URL is not called until an always-down canary comes back from some region");
		d->withholding = true;
	}
}

static void *run(void *arg)
{
	struct dead_man *d = arg;
	uint64_t next_ns = 0;
	while (!atomic_load(&d->stop)) {
		if (is_due(&next_ns, d->every_ms * NS_PER_MS))
			call_or_withhold(d, &next_ns);
		pthread_mutex_lock(&d->lock);
		if (!atomic_load(&d->stop))
			wait_until_ns(&d->moved, &d->lock, next_ns);
		pthread_mutex_unlock(&d->lock);
	}
	return NULL;
}

static void dead_man_free(struct dead_man *d)
{
	if (d->post)
		post_free(d->post);
	pthread_cond_destroy(&d->moved);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

struct dead_man *dead_man_start(const char *url, unsigned every_ms, char *why, unsigned long why_len)
{
	if (!url)
		return NULL;
	struct dead_man *d = calloc(1, sizeof(*d));
	if (!d) {
		snprintf(why, why_len, "no memory");
		return NULL;
	}
	d->url = url;
	d->every_ms = every_ms;
	wait_init(&d->moved);
	pthread_mutex_init(&d->lock, NULL);
	d->post = post_new(&d->stop);
	if (!d->post || pthread_create(&d->thread, NULL, run, d) != 0) {
		snprintf(why, why_len, "no thread for the dead man's calls");
		dead_man_free(d);
		return NULL;
	}
	pthread_setname_np(d->thread, "dead-man");
	return d;
}

void dead_man_stop(struct dead_man *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	atomic_store(&d->stop, true);
	pthread_cond_signal(&d->moved);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	dead_man_free(d);
}

void dead_man_alive_until(struct dead_man *d, uint64_t mono_ms)
{
	if (d && mono_ms > atomic_load(&d->until_ms)) /* a quick canary does not speak against a slow one */
		atomic_store(&d->until_ms, mono_ms);
}

void dead_man_look(const struct dead_man *d, struct dead_man_counters *c)
{
	*c = (struct dead_man_counters){ 0 };
	if (d)
		*c = (struct dead_man_counters){ atomic_load(&d->called), atomic_load(&d->failed), atomic_load(&d->withheld) };
}
