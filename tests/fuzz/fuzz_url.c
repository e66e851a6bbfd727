/* fuzz_url.c - libFuzzer target: a URL of Redis is refused with a sentence that does not repeat it, or is read into parts
 * that can be used and shown without the password. */
#include "base/must.h"
#include "wire/redis_url.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ends_within(const char *text, size_t room)
{
	return memchr(text, 0, room) != NULL;
}

static void look_at(const struct redis_url *url)
{
	must(ends_within(url->host, sizeof(url->host)) && ends_within(url->path, sizeof(url->path)));
	must(ends_within(url->user, sizeof(url->user)) && ends_within(url->password, sizeof(url->password)));
	must((url->host[0] == 0) != (url->path[0] == 0));
	must(url->path[0] ? url->path[0] == '/' && url->port == 0 && !url->tls : url->port >= 1 && url->port <= 65535);
	must(url->db <= 999999);
}

/* What is shown for a server reached by TCP reads as the same server, with nobody's name on it. */
static void there_and_back(const struct redis_url *url)
{
	struct redis_url again;
	char shown[600], why[200];
	redis_url_show(url, shown, sizeof(shown));
	if (url->path[0])
		return; /* a path is shown decoded, for people */
	must_say(redis_url_parse(shown, &again, why, sizeof(why)) == 0, "%s: %s", shown, why);
	must(strcmp(again.host, url->host) == 0 && again.port == url->port && again.db == url->db);
	must(again.tls == url->tls && again.user[0] == 0 && again.password[0] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct redis_url url;
	char why[200] = "", *text = malloc(size + 1);
	int bad;
	must(text);
	memcpy(text, data, size);
	text[size] = 0;
	bad = redis_url_parse(text, &url, why, sizeof(why));
	must(bad == 0 || (bad == -EINVAL && strncmp(why, "redis url, character ", 21) == 0));
	must(bad == 0 || url.password[0] == 0);
	if (!bad) {
		look_at(&url);
		there_and_back(&url);
	}
	free(text);
	return 0;
}
