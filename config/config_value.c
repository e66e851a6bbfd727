/* config_value.c - a node of YAML becomes a value, or a sentence that stands under it.
 * In: nodes, the environment, the files of secrets.  Out: texts, numbers, times.
 * Owns: nothing; texts are malloc'd and the caller's.
 * Why so: every value passes through value_text(), so that ${VAR} holds everywhere and a tag or an alias nowhere. */
#include "config/config_parts.h"

#include "base/must.h"
#include "base/option.h"
#include "base/printable.h"
#include "wire/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- ${VAR} ---- */

static bool is_name(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* From behind "${" to behind "}"; adds the variable's value.  NULL: why says what is wrong. */
static const char *add_variable(const char *at, struct text *into, char *why, size_t why_len)
{
	char name[128];
	const char *from = at;
	while (is_name(*at, at == from))
		at++;
	if (at == from || *at != '}' || (size_t)(at - from) >= sizeof name) {
		snprintf(why, why_len,
			 strchr(from, '}') ? "between ${ and } stands no name of a variable" : "${ without a }");
		return NULL;
	}
	snprintf(name, sizeof name, "%.*s", (int)(at - from), from);
	const char *value = getenv(name);
	if (!value) {
		snprintf(why, why_len, "the environment has no variable %s", name);
		return NULL;
	}
	text_add(into, value);
	return at + 1;
}

static char *expand(const char *at, char *why, size_t why_len)
{
	struct text out = { 0 };
	text_add(&out, "");
	while (at && *at) {
		const char *dollar = strchr(at, '$');
		const size_t plain = dollar ? (size_t)(dollar - at) : strlen(at);
		text_add_bytes(&out, at, plain);
		at += plain;
		if (strncmp(at, "$${", 3) == 0) {
			text_add(&out, "${");
			at += 3;
		} else if (strncmp(at, "${", 2) == 0)
			at = add_variable(at + 2, &out, why, why_len);
		else if (*at)
			text_add_bytes(&out, at++, 1);
	}
	if (!at)
		text_free(&out);
	must(!out.failed);
	return out.data;
}

char *value_text(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what)
{
	const char *wrong = yaml_text_wrong(node);
	char why[200];
	if (wrong) {
		say(r, t, node, "%s: %s", what, wrong);
		return NULL;
	}
	char *text = strstr(node->text, "${") ? expand(node->text, why, sizeof why) : strdup(node->text);
	if (!text) {
		say(r, t, node, "%s: %s", what, why);
		hint(r, "to have ${ itself, write $${");
	}
	return text;
}

char *value_line(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		 size_t most)
{
	char *text = value_text(r, t, node, what);
	if (!text)
		return NULL;
	if (!*text)
		say(r, t, node, "%s: is empty", what);
	else if (strlen(text) > most)
		say(r, t, node, "%s: is %zu bytes long, %zu are possible", what, strlen(text), most);
	else if (!text_is_printable(text, strlen(text)))
		say(r, t, node, "%s: holds control characters", what);
	else
		return text;
	free(text);
	return NULL;
}

/* ---- numbers, times, words ---- */

bool value_duration(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		    uint64_t low, uint64_t high, uint64_t *ms)
{
	char shown[QUOTED_MAX], bound[CONFIG_TIME_MAX];
	char *text = value_text(r, t, node, what);
	uint64_t number = 0;
	bool fine = false;
	if (!text)
		return false;
	quoted(shown, text, strlen(text));
	if (!duration_parse(text, &number)) {
		const bool digits_only = *text && strspn(text, "0123456789") == strlen(text);
		if (digits_only)
			say(r, t, node, "%s: %s needs a unit: ms, s, m, h or d", what, shown);
		else
			say(r, t, node, "%s: %s is not a time such as 3200ms, 10s, 5m, 6h or 1d", what, shown);
	} else if (number < low || number > high) {
		config_duration_write(number < low ? low : high, bound);
		say(r, t, node, "%s: %s is %s %s", what, shown, number < low ? "below" : "above", bound);
	} else {
		*ms = number;
		fine = true;
	}
	free(text);
	return fine;
}

bool value_number(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		  uint64_t low, uint64_t high, uint64_t *number)
{
	char shown[QUOTED_MAX];
	char *text = value_text(r, t, node, what), *end = text;
	uint64_t found = 0;
	if (!text)
		return false;
	quoted(shown, text, strlen(text));
	if (*text >= '0' && *text <= '9' && strlen(text) < 19)
		found = strtoull(text, &end, 10);
	const bool fine = end > text && !*end && found >= low && found <= high;
	if (fine)
		*number = found;
	else
		say(r, t, node, "%s: %s is not a whole number from %" PRIu64 " to %" PRIu64, what, shown, low, high);
	free(text);
	return fine;
}

/* "rst, fin, half" */
static void add_all(char *into, size_t len, const char *const *names)
{
	into[0] = 0;
	for (size_t used; *names; names++) {
		used = strlen(into);
		snprintf(into + used, len - used, "%s%s", used ? ", " : "", *names);
	}
}

bool value_word(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		const char *const *words, int *which)
{
	char shown[QUOTED_MAX], near[128], all[256];
	char *text = value_text(r, t, node, what);
	if (!text)
		return false;
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0) {
			*which = i;
			free(text);
			return true;
		}
	add_all(all, sizeof all, words);
	say(r, t, node, "%s: %s is none of %s%s", what, quoted(shown, text, strlen(text)), all,
	    did_you_mean(near, sizeof near, text, words));
	free(text);
	return false;
}

bool value_bool(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		bool *value)
{
	static const char *const words[] = { "false", "true", "no", "yes", NULL };
	int which;
	if (!value_word(r, t, node, what, words, &which))
		return false;
	*value = which & 1;
	return true;
}

bool value_time(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		uint64_t *ms)
{
	char shown[QUOTED_MAX], why[200];
	char *text = value_text(r, t, node, what);
	if (!text)
		return false;
	const bool fine = time_parse(text, ms, why, sizeof why);
	if (!fine)
		say(r, t, node, "%s: %s %s", what, quoted(shown, text, strlen(text)), why);
	free(text);
	return fine;
}

/* ---- secrets ---- */

/* The path of a file that is named in a YAML file: beside it, unless it begins with a slash. */
static char *path_beside(const struct yaml_tree *t, const char *name)
{
	const char *slash = *name == '/' ? NULL : strrchr(t->path, '/');
	char *path;
	must(asprintf(&path, "%.*s%s", slash ? (int)(slash + 1 - t->path) : 0, slash ? t->path : "", name) >= 0);
	return path;
}

/* At most SECRET_MAX bytes and one more, to see that there are more. */
static int read_file(const char *path, char bytes[SECRET_MAX + 2], size_t *len)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return errno;
	*len = fread(bytes, 1, SECRET_MAX + 1, file);
	const int error = ferror(file) ? errno : 0;
	fclose(file);
	return error;
}

static const char *wrong_secret(char *bytes, size_t *len)
{
	if (*len > SECRET_MAX)
		return "is too long for a secret";
	if (*len && bytes[*len - 1] == '\n')
		--*len;
	if (*len && bytes[*len - 1] == '\r')
		--*len;
	bytes[*len] = 0;
	if (!*len)
		return "is empty";
	return text_is_printable(bytes, *len) ? NULL : "holds control characters or a second line";
}

char *value_file(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what)
{
	char bytes[SECRET_MAX + 2];
	size_t len = 0;
	char *name = value_line(r, t, node, what, 4000), *secret = NULL;
	if (!name)
		return NULL;
	char *path = path_beside(t, name);
	const int error = read_file(path, bytes, &len);
	const char *wrong = error ? NULL : wrong_secret(bytes, &len);
	if (error)
		say(r, t, node, "%s: %s cannot be read: %s", what, path, strerror(error));
	else if (wrong)
		say(r, t, node, "%s: %s %s", what, path, wrong);
	else
		must((secret = strdup(bytes)));
	explicit_bzero(bytes, sizeof bytes);
	free(path);
	free(name);
	return secret;
}

/* ---- lists, maps, labels ---- */

void value_list(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what,
		unsigned most,
		void (*take)(struct reader *r, const struct yaml_tree *t, const struct yaml_node *item, void *arg),
		void *arg)
{
	if (node->kind != YAML_LIST || node->tagged) {
		if (node->kind == YAML_TEXT && !node->tagged)
			take(r, t, node, arg);
		else
			say(r, t, node, "%s: %s", what, node->kind == YAML_MAP && !node->tagged ? "is no list" : yaml_text_wrong(node));
		return;
	}
	if (node->count > most) {
		say(r, t, node, "%s: holds %u items, %u are possible", what, node->count, most);
		return;
	}
	for (const struct yaml_node *item = node->first; item; item = item->next)
		take(r, t, item, arg);
}

bool is_map(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node, const char *what)
{
	if (node->kind == YAML_MAP && !node->tagged)
		return true;
	if (node->kind == YAML_ALIAS || node->tagged)
		say(r, t, node, "%.*s: %s", (int)strcspn(what, ":"), what, yaml_text_wrong(node));
	else
		say(r, t, node, "%s", what);
	return false;
}

int known_key(struct reader *r, const struct yaml_tree *t, const struct yaml_node *key, const char *where,
	      const char *const *names)
{
	char shown[QUOTED_MAX], near[128], all[400];
	if (yaml_text_wrong(key)) {
		say(r, t, key, "a key must be one plain word");
		return -1;
	}
	if (key->again) {
		say(r, t, key, "%s stands here a second time, the first is in line %u",
		    quoted(shown, key->text, key->len), key->again);
		return -1;
	}
	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], key->text) == 0)
			return i;
	add_all(all, sizeof all, names);
	if (*did_you_mean(near, sizeof near, key->text, names))
		say(r, t, key, "unknown key %s in %s%s", quoted(shown, key->text, key->len), where, near);
	else
		say(r, t, key, "unknown key %s in %s; known are %s", quoted(shown, key->text, key->len), where, all);
	if (strcmp(key->text, "<<") == 0)
		hint(r, "nothing is merged; what monitors have in common belongs into defaults");
	return -1;
}

static bool label_name_is_fine(const char *name)
{
	if (!is_name(name[0], true))
		return false;
	while (is_name(*name, false))
		name++;
	return !*name;
}

/* A name that would do: app.kubernetes.io/name becomes app_kubernetes_io_name. */
static void hint_label(struct reader *r, const char *name)
{
	char fine[NAME_MAX_LEN + 2];
	size_t len = 0;
	if (!is_name(*name, true) && is_name(*name, false))
		fine[len++] = '_';
	for (; *name && len < NAME_MAX_LEN; name++)
		if (!(*name & 0x80))
			fine[len++] = is_name(*name, false) ? *name : '_';
	fine[len] = 0;
	if (label_name_is_fine(fine))
		hint(r, "Alertmanager takes no other names; %s would do", fine);
}

static void set_label(struct reader *r, const struct yaml_tree *t, const struct yaml_node *key,
		      struct monitor_label *label, unsigned *count, char *value)
{
	unsigned i = 0;
	while (i < *count && strcmp(label[i].name, key->text) != 0)
		i++;
	if (i == MONITOR_LABELS_MAX) {
		say(r, t, key, "labels: more than %d, those of the defaults counted", MONITOR_LABELS_MAX);
		free(value);
		return;
	}
	if (i == *count) {
		must((label[i].name = strdup(key->text)));
		++*count;
	} else
		free(label[i].value);
	label[i].value = value;
}

static void read_label(struct reader *r, const struct yaml_tree *t, const struct yaml_node *key,
		       struct monitor_label *label, unsigned *count)
{
	char shown[QUOTED_MAX], what[QUOTED_MAX + 16];
	const char *wrong = yaml_text_wrong(key);
	if (wrong) {
		say(r, t, key, "labels: a name must be one plain word");
		return;
	}
	quoted(shown, key->text, key->len);
	if (key->again) {
		say(r, t, key, "labels: %s stands here a second time", shown);
		return;
	}
	if (key->len > NAME_MAX_LEN || !label_name_is_fine(key->text)) {
		say(r, t, key,
		    "labels: %s is not a name of 1 to %d letters, digits and underscores that begins with no digit",
		    shown, NAME_MAX_LEN);
		hint_label(r, key->text);
		return;
	}
	snprintf(what, sizeof what, "labels: %s", key->text);
	char *value = value_line(r, t, key->next, what, MONITOR_TEXT_MAX);
	if (value)
		set_label(r, t, key, label, count, value);
}

void value_labels(struct reader *r, const struct yaml_tree *t, const struct yaml_node *node,
		  struct monitor_label *label, unsigned *count)
{
	if (!is_map(r, t, node, "labels: is no mapping such as {team: core, env: prod}"))
		return;
	for (const struct yaml_node *key = node->first; key; key = key->next->next)
		read_label(r, t, key, label, count);
}
