/* config_file.c - reads a flat YAML mapping and points at what is wrong with it.
 * In: a path.  Out: one call per value; or one sentence with file:line:column, the line and a caret.
 * Owns: the file's bytes while it reads.  The one file that sees libfyaml.
 * Why so: the library's own report goes to a stream and in its own words.  Ours is made from its marks, so that a wrong
 * letter in YAML and a wrong value in an option look the same.  Nesting, aliases and tags are refused: a file of options
 * has no use for them, and what is read must be what a person sees. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/config_file.h"

#include "base/text.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILE_MAX = 1 << 20, /* bytes; the largest real one is a few KB, a log given by mistake is not read into memory */
	SHOWN_MAX = 96,	    /* bytes of the faulty line; it shall fit a terminal of 100 columns */
	SENTENCE_MAX = 768,
};

struct config {
	const char *path;
	char *bytes; /* the whole file */
	size_t len;
	config_take *take;
	void *arg;
	char *why;
	size_t why_len;
};

/* A stretch of the file, for the caret.  Both count from 0. */
struct place {
	int line, column;
	int width; /* characters to underline, at least 1 */
};

static const char *line_start(const struct config *c, int line)
{
	const char *at = c->bytes;
	const char *end = c->bytes + c->len;
	while (line-- > 0 && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		at = newline ? newline + 1 : end;
	}
	return at;
}

/* The line as it may stand on a terminal, at most SHOWN_MAX bytes; returns its columns. */
static size_t show_line(const struct config *c, int line, char shown[SHOWN_MAX + 1])
{
	const char *at = line_start(c, line), *end = c->bytes + c->len;
	size_t len = 0, columns = 0;
	while (at < end && *at != '\n' && *at != '\r') {
		char escaped[TEXT_ESCAPE_MAX];
		size_t escaped_len;
		const size_t took = text_escape(at, (size_t)(end - at), escaped, &escaped_len);
		if (len + took > SHOWN_MAX)
			break;
		memcpy(shown + len, at, took);
		if (took == 1 && (*at & 0x80))
			shown[len] = '?'; /* not UTF-8 */
		else if (escaped_len == TEXT_ESCAPE_MAX || *at == '\t') {
			memset(shown + len, ' ', took); /* a control character; a tab would move the caret away */
			columns += took - 1;
		}
		at += took;
		len += took;
		columns++;
	}
	shown[len] = 0;
	return columns;
}

/* Writes the sentence with its place, the line and the caret; always false, so that callers can return it. */
static bool refuse(const struct config *c, struct place where, const char *sentence)
{
	char shown[SHOWN_MAX + 1], caret[SHOWN_MAX + 1];
	const size_t columns = show_line(c, where.line, shown), column = (size_t)where.column;
	size_t width = (size_t)where.width;
	const int used = snprintf(c->why, c->why_len, "%s:%d:%d: %s", c->path, where.line + 1, where.column + 1, sentence);
	if (used < 0 || (size_t)used >= c->why_len || !columns || column > columns || column >= SHOWN_MAX)
		return false;
	if (column + width > columns)
		width = columns > column ? columns - column : 1;
	memset(caret, ' ', column);
	memset(caret + column, '~', width);
	caret[column] = '^';
	caret[column + width] = 0;
	snprintf(c->why + used, c->why_len - (size_t)used, "\n    %s\n    %s", shown, caret);
	return false;
}

/* YAML is UTF-8 here; libfyaml would read the rest of the line as nothing. */
static bool check_utf8(const struct config *c)
{
	struct place where = { 0, 0, 1 };
	for (size_t i = 0; i < c->len; where.column++) {
		char escaped[TEXT_ESCAPE_MAX];
		size_t escaped_len;
		const size_t took = text_escape(c->bytes + i, c->len - i, escaped, &escaped_len);
		if (took == 1 && (c->bytes[i] & 0x80))
			return refuse(c, where, "this byte is not UTF-8");
		if (c->bytes[i] == '\n') {
			where.line++;
			where.column = -1;
		}
		i += took;
	}
	return true;
}

static struct place place_of(struct fy_node *node)
{
	struct place where = { 0, 0, 1 };
	struct fy_token *token = fy_node_get_scalar_token(node);
	const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
	if (!start)
		return where;
	where.line = start->line;
	where.column = start->column;
	if (end && end->line == start->line && end->column > start->column)
		where.width = end->column - start->column;
	return where;
}

/* The first error libfyaml met. */
static bool refuse_syntax(const struct config *c, struct fy_diag *diag)
{
	void *iterator = NULL;
	struct fy_diag_error *error;
	while ((error = fy_diag_errors_iterate(diag, &iterator)))
		if (error->type == FYET_ERROR && error->line > 0) {
			const struct place where = { error->line - 1, error->column > 0 ? error->column - 1 : 0, 1 };
			return refuse(c, where, error->msg);
		}
	snprintf(c->why, c->why_len, "%s: is not YAML", c->path);
	return false;
}

/* What YAML reads as null when it stands without quotes. */
static bool is_null(const char *text, size_t len)
{
	return len == 0 || (len == 1 && *text == '~') || (len == 4 && memcmp(text, "null", 4) == 0);
}

/* A copy with a 0 at its end, NULL when it is no plain piece of text; the caller frees it. */
static char *scalar_text(struct fy_node *node, const char **wrong)
{
	size_t len;
	const char *text = node && fy_node_is_scalar(node) ? fy_node_get_scalar(node, &len) : NULL;
	*wrong = NULL;
	if (!node || (text && fy_node_get_style(node) == FYNS_PLAIN && is_null(text, len)))
		*wrong = "has no value";
	else if (!text || fy_node_is_alias(node))
		*wrong = "is neither one value nor a list of values";
	else if (fy_node_get_tag(node, &(size_t){ 0 }))
		*wrong = "has a tag; only plain values are read";
	else if (memchr(text, 0, len))
		*wrong = "has a zero byte in it";
	return *wrong ? NULL : strndup(text, len);
}

/* Hands one value on.  Where it has no place of its own (nothing, a mapping) the caret goes to the key. */
static bool give(const struct config *c, struct fy_node *key, const char *name, struct fy_node *value, struct config_item item)
{
	char sentence[SENTENCE_MAX];
	const char *wrong = NULL;
	char *text = item.in_list && !value ? NULL : scalar_text(value, &wrong);
	enum config_blame blame = CONFIG_BAD_VALUE;
	if (wrong)
		snprintf(sentence, sizeof sentence, "%s: %s", name, wrong);
	else {
		item.key = name;
		item.value = text;
		blame = c->take(c->arg, &item, sentence, sizeof sentence);
	}
	free(text);
	if (blame == CONFIG_FINE)
		return true;
	const bool at_value = blame == CONFIG_BAD_VALUE && value && fy_node_get_scalar_token(value) && !wrong;
	return refuse(c, place_of(at_value ? value : key), sentence);
}

static bool read_pair(const struct config *c, struct fy_node *key, struct fy_node *value)
{
	const char *wrong;
	char *name = scalar_text(key, &wrong);
	if (!name)
		return refuse(c, place_of(key), "a key must be one plain word");
	bool fine = true;
	if (value && fy_node_is_sequence(value)) {
		void *iterator = NULL;
		struct fy_node *item = fy_node_sequence_iterate(value, &iterator);
		bool first = true;
		do {
			fine = give(c, key, name, item, (struct config_item){ .in_list = true, .first = first });
			first = false;
		} while (fine && item && (item = fy_node_sequence_iterate(value, &iterator)));
	} else
		fine = give(c, key, name, value, (struct config_item){ .first = true });
	free(name);
	return fine;
}

static bool read_document(const struct config *c, struct fy_document *document)
{
	struct fy_node *root = fy_document_root(document);
	void *iterator = NULL;
	struct fy_node_pair *pair;
	if (!root || fy_node_is_null(root))
		return true; /* an empty file, or one of comments only, is a file without options */
	if (!fy_node_is_mapping(root))
		return refuse(c, place_of(root), "expected lines like \"name: value\"");
	while ((pair = fy_node_mapping_iterate(root, &iterator)))
		if (!read_pair(c, fy_node_pair_key(pair), fy_node_pair_value(pair)))
			return false;
	return true;
}

static bool parse(const struct config *c, struct fy_diag *diag)
{
	const struct fy_parse_cfg settings = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag };
	struct fy_parser *parser = fy_parser_create(&settings);
	if (!parser || fy_parser_set_string(parser, c->bytes, c->len)) {
		snprintf(c->why, c->why_len, "%s: no memory", c->path);
		fy_parser_destroy(parser);
		return false;
	}
	struct fy_document *document = fy_parse_load_document(parser);
	struct fy_document *second = document ? fy_parse_load_document(parser) : NULL;
	bool fine = true;
	if (fy_parser_get_stream_error(parser))
		fine = refuse_syntax(c, diag);
	else if (second) {
		snprintf(c->why, c->why_len, "%s: holds more than one document; the options belong into one", c->path);
		fine = false;
	} else if (document)
		fine = read_document(c, document);
	fy_parse_document_destroy(parser, second);
	fy_parse_document_destroy(parser, document);
	fy_parser_destroy(parser);
	return fine;
}

/* The file's bytes into c; false with a sentence. */
static bool load(struct config *c)
{
	FILE *file = fopen(c->path, "re");
	int error = file ? 0 : errno;
	c->bytes = malloc(FILE_MAX + 1);
	if (file && c->bytes) {
		c->len = fread(c->bytes, 1, FILE_MAX + 1, file);
		error = ferror(file) ? errno : 0;
	}
	if (file)
		fclose(file);
	if (!c->bytes || error)
		snprintf(c->why, c->why_len, "%s: cannot be read: %s", c->path, strerror(c->bytes ? error : ENOMEM));
	else if (c->len > FILE_MAX)
		snprintf(c->why, c->why_len, "%s: is larger than 1 MiB; is it a file of options?", c->path);
	else if (memchr(c->bytes, 0, c->len))
		snprintf(c->why, c->why_len, "%s: has zero bytes in it; is it a file of options?", c->path);
	else
		return true;
	return false;
}

bool config_file_read(const char *path, config_take *take, void *arg, char *why, size_t why_len)
{
	struct config c = { .path = path, .take = take, .arg = arg, .why = why, .why_len = why_len };
	struct fy_diag *diag = fy_diag_create(NULL);
	bool fine = load(&c);
	if (fine && !diag) {
		snprintf(why, why_len, "%s: no memory", path);
		fine = false;
	}
	if (fine && check_utf8(&c)) {
		fy_diag_set_collect_errors(diag, true);
		fine = parse(&c, diag);
	} else
		fine = false;
	fy_diag_destroy(diag);
	free(c.bytes);
	return fine;
}
