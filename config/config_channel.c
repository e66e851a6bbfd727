/* config_channel.c - the sections `notify` and `dead_man`: whom to tell, and how.
 * In: nodes.  Out: struct channel, with its secrets read.
 * Why so: one table says which keys a type takes and which it needs, so that a key that is not used is an error and not
 * a hope: whoever writes a password where none is read must hear of it. */
#include "config/config_parts.h"

#include "base/must.h"
#include "wire/target.h"

#include <stdlib.h>

const char *const channel_type_names[CHANNEL_TYPES + 1] = { "webhook", "alertmanager", "slack", "pagerduty", "smtp", "exec", NULL };

enum key { NAME, TYPE, ONLY, URL, URL_FILE, SECRET, SECRET_FILE, ROUTING_KEY, ROUTING_KEY_FILE, FROM, TO, USER, PASSWORD,
	   PASSWORD_FILE, COMMAND, KEYS };
static const char *const keys[KEYS + 1] = { "name", "type", "only", "url", "url_file", "secret", "secret_file", "routing_key",
					    "routing_key_file", "from", "to", "user", "password", "password_file", "command", NULL };
#define BIT(key) (1u << (key))
#define ALWAYS (BIT(NAME) | BIT(TYPE) | BIT(ONLY))

/* A secret may stand in a file of its own: the key behind it.  One of the two counts as the key. */
static const struct {
	unsigned takes;
	enum key needs[3]; /* ended by NAME */
	const char *schemes[3];
} types[CHANNEL_TYPES] = {
	[CHANNEL_WEBHOOK] = { BIT(URL) | BIT(URL_FILE) | BIT(SECRET) | BIT(SECRET_FILE), { URL }, { "http://", "https://" } },
	[CHANNEL_ALERTMANAGER] = { BIT(URL), { URL }, { "http://", "https://" } },
	[CHANNEL_SLACK] = { BIT(URL) | BIT(URL_FILE), { URL }, { "http://", "https://" } },
	[CHANNEL_PAGERDUTY] = { BIT(URL) | BIT(ROUTING_KEY) | BIT(ROUTING_KEY_FILE), { ROUTING_KEY }, { "http://", "https://" } },
	[CHANNEL_SMTP] = { BIT(URL) | BIT(FROM) | BIT(TO) | BIT(USER) | BIT(PASSWORD) | BIT(PASSWORD_FILE), { URL, FROM, TO },
			   { "smtp://", "smtps://" } },
	[CHANNEL_EXEC] = { BIT(COMMAND), { COMMAND }, { 0 } },
};

/* What is wrong with a URL, as a clause, or NULL. */
static const char *wrong_url(const char *url, const char *const schemes[3])
{
	static char why[80];
	for (unsigned i = 0; i < 3 && schemes[i]; i++) {
		const size_t len = strlen(schemes[i]);
		if (strncasecmp(url, schemes[i], len) == 0)
			return strspn(url + len, "/?#:@ ") ? "names no host" : strchr(url, ' ') ? "has a blank in it" : url[len] ? NULL : "names no host";
	}
	snprintf(why, sizeof why, "does not begin with %s or %s", schemes[0], schemes[1]);
	return why;
}

struct into {
	struct channel *channel;
	const char *const *schemes;
};

static void add_url(struct reader *r, const struct yaml_tree *t, const struct yaml_node *at, char *url, const struct into *into)
{
	struct channel *c = into->channel;
	char shown[QUOTED_MAX];
	const char *wrong = wrong_url(url, into->schemes);
	if (!wrong && c->urls < CHANNEL_LIST_MAX) {
		c->url[c->urls++] = url;
		return;
	}
	if (wrong)
		say(r, t, at, "url: %s %s", quoted(shown, url, strcspn(url, "?")), wrong);
	free(url);
}

static void take_url(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	char *url = value_line(r, t, item, "url", URL_MAX);
	if (url)
		add_url(r, t, item, url, arg);
}

static void take_url_file(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, const struct into *into)
{
	char *url = value_file(r, t, item, "url_file");
	const char *wrong = url ? wrong_url(url, into->schemes) : NULL;
	if (wrong)
		say(r, t, item, "url_file: what stands in the file %s", wrong); /* and is a secret */
	else if (url) {
		into->channel->url[into->channel->urls++] = url;
		url = NULL;
	}
	free(url);
}

/* name@host; what the mail server thinks of it is its business. */
static char *read_address(struct reader *r, const struct yaml_tree *t, const struct yaml_node *at, const char *what)
{
	char shown[QUOTED_MAX];
	char *text = value_line(r, t, at, what, 254);
	const char *sign = text ? strchr(text, '@') : NULL;
	if (!text || (sign && sign > text && sign[1] && !strchr(sign + 1, '@') && !strpbrk(text, " <>,;")))
		return text;
	say(r, t, at, "%s: %s is not an address such as oncall@example.net", what, quoted(shown, text, strlen(text)));
	free(text);
	return NULL;
}

static void take_to(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct channel *c = ((struct into *)arg)->channel;
	char *to = read_address(r, t, item, "to");
	if (to && c->tos < CHANNEL_LIST_MAX)
		c->to[c->tos++] = to;
	else
		free(to);
}

static void take_word(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct channel *c = ((struct into *)arg)->channel;
	unsigned i = 0;
	while (c->command[i])
		i++;
	if (i < CHANNEL_LIST_MAX)
		c->command[i] = value_text(r, t, item, "command");
}

/* Standard Webhooks: whsec_ and base64.  Another text is taken as the bytes themselves. */
static bool secret_is_fine(const char *secret)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	if (strncmp(secret, "whsec_", 6) != 0)
		return true;
	const size_t letters = strspn(secret + 6, base64), padding = strspn(secret + 6 + letters, "=");
	return letters && padding <= 2 && (letters + padding) % 4 == 0 && !secret[6 + letters + padding];
}

static void read_secret(struct reader *r, const struct yaml_tree *t, const struct yaml_node *key, bool in_file, char **into)
{
	char *secret = in_file ? value_file(r, t, key->next, key->text) : value_line(r, t, key->next, key->text, SECRET_MAX);
	if (!secret)
		return;
	if (*into)
		say(r, t, key, "%s: the secret itself and a file of it stand here; one of them is enough", key->text);
	if (!secret_is_fine(secret))
		say(r, t, key->next, "%s: what follows whsec_ is not base64", key->text);
	free(*into);
	*into = secret;
}

static void read_only(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, struct channel *c)
{
	static const char *const words[] = { "page", NULL };
	int which;
	if (value_word(r, t, value, "only", words, &which))
		c->pages_only = true;
}

static void read_key(struct reader *r, const struct yaml_tree *t, enum key key, const struct yaml_node *at, struct channel *c)
{
	const struct yaml_node *value = at->next;
	struct into into = { c, types[c->type].schemes };
	switch (key) {
	case ONLY: read_only(r, t, value, c); break;
	case URL:
		if (c->type == CHANNEL_ALERTMANAGER)
			value_list(r, t, value, "url", CHANNEL_LIST_MAX, take_url, &into);
		else
			take_url(r, t, value, &into);
		break;
	case URL_FILE: take_url_file(r, t, value, &into); break;
	case SECRET:
	case SECRET_FILE: read_secret(r, t, at, key == SECRET_FILE, &c->secret); break;
	case ROUTING_KEY:
	case ROUTING_KEY_FILE: read_secret(r, t, at, key == ROUTING_KEY_FILE, &c->secret); break;
	case FROM: c->from = read_address(r, t, value, "from"); break;
	case TO: value_list(r, t, value, "to", CHANNEL_LIST_MAX, take_to, &into); break;
	case USER: c->user = value_line(r, t, value, "user", 254); break;
	case PASSWORD:
	case PASSWORD_FILE: read_secret(r, t, at, key == PASSWORD_FILE, &c->password); break;
	case COMMAND:
		if (value->kind == YAML_LIST)
			value_list(r, t, value, "command", CHANNEL_LIST_MAX, take_word, &into);
		else
			say(r, t, value, "command: is a list of words such as [/usr/local/bin/tell, --room, ops]; no shell reads it");
		break;
	case NAME:
	case TYPE:
	case KEYS: break;
	}
}

/* ---- a channel ---- */

static void read_name(struct reader *r, const struct yaml_tree *t, const struct yaml_node *value, struct channel *c)
{
	char shown[QUOTED_MAX];
	char *name = value_line(r, t, value, "name", NAME_MAX_LEN);
	if (!name)
		return;
	quoted(shown, name, strlen(name));
	if (!stream_name_is_plain(name, NAME_MAX_LEN))
		say(r, t, value, "name: %s is not made of letters, digits, dots, dashes and underscores", shown);
	for (unsigned i = 0; i < r->config->channels; i++)
		if (r->config->channel[i].name && strcmp(r->config->channel[i].name, name) == 0)
			say(r, t, value, "name: there is a channel %s already", shown);
	c->name = name;
}

/* The value of a key, first of its kind, or NULL. */
static const struct yaml_node *value_of(const struct yaml_node *map, const char *name)
{
	for (const struct yaml_node *key = map->first; key; key = key->next->next)
		if (key->kind == YAML_TEXT && strcmp(key->text, name) == 0)
			return key->next;
	return NULL;
}

static void check_needs(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map, const struct channel *c, unsigned given)
{
	const char *type = channel_type_names[c->type];
	if ((given & BIT(URL)) && (given & BIT(URL_FILE)))
		say(r, t, map, "notify: url and url_file stand here; one of them is enough");
	for (unsigned i = 0; i < 3 && types[c->type].needs[i]; i++) {
		const enum key key = types[c->type].needs[i];
		const unsigned in_file = types[c->type].takes & BIT(key + 1) & (BIT(URL_FILE) | BIT(ROUTING_KEY_FILE));
		if (!(given & (BIT(key) | in_file)))
			say(r, t, map, in_file ? "notify: a channel of type %s needs %s or %s" : "notify: a channel of type %s needs %s", type,
			    keys[key], keys[key + 1]);
	}
	if (c->type == CHANNEL_SMTP && (given & (BIT(PASSWORD) | BIT(PASSWORD_FILE))) && !(given & BIT(USER)))
		say(r, t, map, "notify: a password without a user");
	if ((given & BIT(COMMAND)) && !c->command[0] && value_of(map, "command")->kind == YAML_LIST && !value_of(map, "command")->count)
		say(r, t, map, "notify: the command is empty");
}

static void read_channel(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map, struct channel *c)
{
	const struct yaml_node *type = value_of(map, "type");
	unsigned given = 0;
	int which = -1;
	const bool typed = type && value_word(r, t, type, "type", channel_type_names, &which);
	if (typed)
		c->type = (enum channel_type)which;
	for (const struct yaml_node *key = map->first; key; key = key->next->next) {
		const int known = known_key(r, t, key, "notify", keys);
		if (known < 0)
			continue;
		given |= BIT(known);
		if (known == NAME)
			read_name(r, t, key->next, c);
		else if (typed && !((types[c->type].takes | ALWAYS) & BIT(known)))
			say(r, t, key, "notify: a channel of type %s takes no %s", channel_type_names[c->type], key->text);
		else if (typed)
			read_key(r, t, (enum key)known, key, c);
	}
	if (!(given & BIT(NAME)))
		say(r, t, map, "notify: a channel has no name");
	if (!type)
		say(r, t, map, "notify: a channel has no type; there are webhook, alertmanager, slack, pagerduty, smtp and exec");
	if (typed)
		check_needs(r, t, map, c, given);
}

static void take_channel(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg)
{
	struct config *c = r->config;
	struct channel channel = { 0 };
	(void)arg;
	if (!is_map(r, t, item, "notify: this is no mapping such as {name: hook, type: webhook, url: \"https://...\"}"))
		return;
	read_channel(r, t, item, &channel);
	must((c->channel = realloc(c->channel, (c->channels + 1) * sizeof *c->channel)));
	c->channel[c->channels++] = channel;
}

void read_channels(struct reader *r, const struct yaml_tree *t, const struct yaml_node *list)
{
	if (list->kind == YAML_NOTHING)
		return;
	if (list->kind != YAML_LIST)
		say(r, t, list, "notify: is no list; each channel begins with a dash");
	else
		value_list(r, t, list, "notify", UINT32_MAX, take_channel, NULL);
}

void channel_free(struct channel *c)
{
	for (unsigned i = 0; i < c->urls; i++)
		free(c->url[i]);
	for (unsigned i = 0; i < c->tos; i++)
		free(c->to[i]);
	for (unsigned i = 0; i < CHANNEL_LIST_MAX && c->command[i]; i++)
		free(c->command[i]);
	char *const secrets[] = { c->secret, c->password };
	for (unsigned i = 0; i < 2; i++)
		if (secrets[i])
			explicit_bzero(secrets[i], strlen(secrets[i]));
	free(c->secret);
	free(c->password);
	free(c->name);
	free(c->from);
	free(c->user);
	*c = (struct channel){ 0 };
}

/* ---- the dead man's switch ---- */

void read_dead_man(struct reader *r, const struct yaml_tree *t, const struct yaml_node *map)
{
	static const char *const names[] = { "url", "url_file", "every", NULL };
	static const char *const schemes[3] = { "http://", "https://" };
	struct channel c = { 0 }; /* for its URL only */
	struct into into = { &c, schemes };
	uint64_t every = 60000;
	bool said = false;
	if (!is_map(r, t, map, "dead_man: is no mapping such as {url: \"https://...\", every: 60s}"))
		return;
	for (const struct yaml_node *key = map->first; key; key = key->next->next) {
		const int which = known_key(r, t, key, "dead_man", names);
		said |= which == 0 || which == 1;
		if (which == 0)
			take_url(r, t, key->next, &into);
		else if (which == 1)
			take_url_file(r, t, key->next, &into);
		else if (which == 2)
			value_duration(r, t, key->next, "every", 10000, 86400000, &every);
	}
	if (!said)
		say(r, t, map, "dead_man: says no url");
	if (c.urls > 1)
		say(r, t, map, "dead_man: url and url_file stand here; one of them is enough");
	if (c.urls)
		must((r->config->dead_man_url = strdup(c.url[0])));
	r->config->dead_man_every_ms = (unsigned)every;
	channel_free(&c);
}
