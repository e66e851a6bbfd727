/* notify_driver.c - the channels alone: what the alerts process does with its outboxes, without anybody who decides.
 * Usage: notify-driver REDIS-URL [--schedule "0s 200ms"] [--refresh MS] [--trim MS] [--shards MASK] [--metrics]
 * [--wait MS] [--test]
 *        TYPE NAME [KEY=VALUE]... [-- TYPE NAME ...]...
 * KEY: url, secret, from, to, user, password, pages_only=1, arg (of exec); url, to and arg come again for more.
 * Prints `ready`, ends at SIGTERM; with --metrics it prints them then, with --test it sends a test over the first
 * channel. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "alerts/notify.h"
#include "base/must.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS_MAX 8

struct driver {
	struct notifier_config config;
	struct channel channel[CHANNELS_MAX];
	unsigned long long shards;
	unsigned wait_ms;
	bool metrics, test;
};

static enum channel_type type_of(const char *name)
{
	for (unsigned t = 0; t < CHANNEL_TYPES; t++)
		if (strcmp(notify_ops_of(t)->type, name) == 0)
			return t;
	fprintf(stderr, "notify-driver: %s is no type of channel\n", name);
	exit(2);
}

static void set(struct channel *c, char *word)
{
	char *value = strchr(word, '=');
	unsigned args = 0;
	must_say(value, "%s: KEY=VALUE is wanted", word);
	*value++ = 0;
	while (c->command[args])
		args++;
	if (strcmp(word, "url") == 0)
		c->url[c->urls++] = value;
	else if (strcmp(word, "to") == 0)
		c->to[c->tos++] = value;
	else if (strcmp(word, "arg") == 0)
		c->command[args] = value;
	else if (strcmp(word, "secret") == 0)
		c->secret = value;
	else if (strcmp(word, "from") == 0)
		c->from = value;
	else if (strcmp(word, "user") == 0)
		c->user = value;
	else if (strcmp(word, "password") == 0)
		c->password = value;
	else if (strcmp(word, "pages_only") == 0)
		c->pages_only = true;
	else
		must_say(false, "%s: unknown key", word);
}

static char **read_options(struct driver *d, char **at)
{
	for (; *at && strncmp(*at, "--", 2) == 0; at++) {
		if (strcmp(*at, "--metrics") == 0)
			d->metrics = true;
		else if (strcmp(*at, "--test") == 0)
			d->test = true;
		else if (strcmp(*at, "--schedule") == 0)
			d->config.schedule = *++at;
		else if (strcmp(*at, "--refresh") == 0)
			d->config.refresh_ms = (unsigned)atoi(*++at);
		else if (strcmp(*at, "--trim") == 0)
			d->config.trim_ms = (unsigned)atoi(*++at);
		else if (strcmp(*at, "--wait") == 0)
			d->wait_ms = (unsigned)atoi(*++at);
		else if (strcmp(*at, "--shards") == 0)
			d->shards = strtoull(*++at, NULL, 0);
		else
			must_say(false, "%s: unknown option", *at);
	}
	return at;
}

static void read_channels(struct driver *d, char **at)
{
	while (*at) {
		struct channel *c = &d->channel[d->config.channels++];
		must(d->config.channels <= CHANNELS_MAX && at[1]);
		c->type = type_of(*at++);
		c->name = *at++;
		while (*at && strcmp(*at, "--") != 0)
			set(c, *at++);
		at += *at != NULL;
	}
}

/* As the alerts process does when it takes a shard, before it decides anything. */
static bool claim(struct driver *d, struct notifier *n)
{
	unsigned wait_ms;
	struct redis_link *link = redis_link_new(&d->config.url, "notify-driver", 5000);
	bool fine = link && redis_link_up(link, &wait_ms) == 0;
	for (unsigned s = 0; s < 64 && fine; s++)
		if (d->shards >> s & 1)
			fine = notifier_claim(n, link, s) == 0;
	if (link)
		redis_link_free(link);
	return fine;
}

static int run(struct driver *d, const sigset_t *ends)
{
	char why[300];
	int signal_number;
	struct text text = { 0 };
	struct notifier *n = notifier_start(&d->config, why, sizeof(why));
	if (!n || !claim(d, n)) {
		fprintf(stderr, "notify-driver: %s\n", n ? "no groups" : why);
		return 1;
	}
	notifier_shards(n, d->shards);
	puts("ready");
	fflush(stdout);
	sigwait(ends, &signal_number);
	if (d->metrics) {
		notifier_metrics(n, &text);
		fwrite(text.data, 1, text.len, stdout);
		text_free(&text);
	}
	notifier_stop(n, d->wait_ms);
	return 0;
}

int main(int argc, char **argv)
{
	static struct driver d = { .shards = 1, .wait_ms = 1000 };
	char why[300];
	sigset_t ends;
	must(argc > 3);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	must_say(redis_url_parse(argv[1], &d.config.url, why, sizeof(why)) == 0, "%s", why);
	d.config.prefix = "pw";
	d.config.channel = d.channel;
	read_channels(&d, read_options(&d, argv + 2));
	if (d.test) {
		enum delivery outcome = notify_test(&d.channel[0], why, sizeof(why));
		puts(why);
		return outcome != DELIVERED;
	}
	return run(&d, &ends);
}
