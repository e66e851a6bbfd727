/* yaml_tree.c - reads a YAML file into a tree, and points at what is wrong in it.
 * In: a path.  Out: nodes with their places; or sentences with file:line:column, the line and a caret.
 * Owns: the file's bytes, nodes and texts.  The one file that sees libfyaml.
 * Why so: the library's events carry the place of everything, maps and lists too, while its own tree tells only that of
 * scalars and takes four times the memory; a file of a hundred thousand monitors is read in about a second.  Its report
 * goes to a stream and in its own words; ours is made from its marks, so that a wrong letter in YAML and a wrong value
 * in an option look the same. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/yaml_tree.h"

#include "base/must.h"

#include <errno.h>
#include <libfyaml.h>
#include <string.h>

enum {
	SHOWN_MAX = 96,	       /* bytes of the faulty line; it shall fit a terminal of 100 columns */
	LED_IN = 40,	       /* columns before the caret when the line's beginning is cut */
	BLOCK_BYTES = 1 << 18, /* what nodes and texts are cut from */
	PAIRS_FEW = 12,	       /* keys of a map that are compared each with each; more are sorted first */
};

#define CUT "... "

struct block {
	struct block *next;
	size_t used, room;
	_Alignas(16) char bytes[];
};

struct yaml_private {
	char *bytes; /* the whole file */
	size_t len;
	struct block *blocks;
	uint32_t *line_at; /* offsets of lines, made for the first complaint */
	size_t lines;
};

/* ---- memory: freed as a whole ---- */

static void *take(struct yaml_tree *t, size_t bytes)
{
	struct yaml_private *p = t->private;
	bytes = (bytes + 15) & ~(size_t)15;
	if (!p->blocks || p->blocks->room - p->blocks->used < bytes) {
		const size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
		struct block *block = malloc(sizeof *block + room);
		must_say(block, "no memory for %s", t->path); /* on Linux it is killed before it comes here */
		*block = (struct block){ .next = p->blocks, .room = room };
		p->blocks = block;
	}
	void *at = p->blocks->bytes + p->blocks->used;
	p->blocks->used += bytes;
	return at;
}

void yaml_tree_free(struct yaml_tree *t)
{
	if (!t)
		return;
	for (struct block *block = t->private->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(t->private->line_at);
	free(t->private->bytes);
	free(t->private);
	free(t);
}

/* ---- complaints ---- */

static void find_lines(struct yaml_private *p)
{
	size_t lines = 1;
	for (size_t i = 0; i < p->len; i++)
		lines += p->bytes[i] == '\n';
	p->line_at = malloc(lines * sizeof *p->line_at);
	must(p->line_at);
	p->line_at[0] = 0;
	p->lines = 1;
	for (size_t i = 0; i < p->len; i++)
		if (p->bytes[i] == '\n')
			p->line_at[p->lines++] = (uint32_t)(i + 1);
}

/* The line as it may stand on a terminal, at most SHOWN_MAX bytes, from character skip on; returns its columns. */
static size_t show_line(const struct yaml_tree *t, uint32_t line, size_t skip, char shown[SHOWN_MAX + 1])
{
	struct yaml_private *p = t->private;
	if (!p->line_at)
		find_lines(p);
	const char *at = p->bytes + (line < p->lines ? p->line_at[line] : p->len), *end = p->bytes + p->len;
	size_t len = 0, columns = 0;
	if (skip)
		len = columns = (size_t)sprintf(shown, CUT);
	while (at < end && *at != '\n' && *at != '\r') {
		char escaped[TEXT_ESCAPE_MAX];
		size_t escaped_len;
		const size_t took = text_escape(at, (size_t)(end - at), escaped, &escaped_len);
		if (skip) {
			skip--;
			at += took;
			continue;
		}
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

/* Of a long line the part around the caret is shown: monitors in one line each often are 150 columns wide. */
static size_t skip_for(const struct yaml_node *at)
{
	const size_t width = at->width < LED_IN ? at->width : LED_IN;
	return at->column + width < SHOWN_MAX ? 0 : at->column - LED_IN;
}

void yaml_say(const struct yaml_tree *t, const struct yaml_node *at, struct text *errors, const char *sentence)
{
	char shown[SHOWN_MAX + 1], caret[SHOWN_MAX + 1];
	const size_t skip = skip_for(at), column = at->column - skip + (skip ? sizeof CUT - 1 : 0);
	const size_t columns = show_line(t, at->line, skip, shown);
	size_t width = at->width;
	text_printf(errors, "%s:%u:%u: %s\n", t->path, at->line + 1, at->column + 1, sentence);
	if (!columns || column > columns || column >= SHOWN_MAX)
		return;
	if (column + width > columns)
		width = columns > column ? columns - column : 1;
	memset(caret, ' ', column);
	memset(caret + column, '~', width);
	caret[column] = '^';
	caret[column + width] = 0;
	text_printf(errors, "    %s\n    %s\n", shown, caret);
}

const char *yaml_text_wrong(const struct yaml_node *node)
{
	if (node->kind == YAML_NOTHING)
		return "has no value";
	if (node->tagged)
		return "has a tag; only plain values are read";
	if (node->kind == YAML_ALIAS)
		return "is an alias; write the value itself";
	if (node->kind != YAML_TEXT)
		return node->kind == YAML_LIST ? "takes one value, not a list" : "takes one value, not a mapping";
	return strlen(node->text) != node->len ? "has a zero byte in it" : NULL;
}

/* YAML is UTF-8 here; libfyaml would read the rest of the line as nothing. */
static bool check_utf8(const struct yaml_tree *t, struct text *errors)
{
	const struct yaml_private *p = t->private;
	struct yaml_node where = { .width = 1 };
	for (size_t i = 0; i < p->len; where.column++) {
		char escaped[TEXT_ESCAPE_MAX];
		size_t escaped_len;
		const size_t took =
			p->bytes[i] & 0x80 ? text_escape(p->bytes + i, p->len - i, escaped, &escaped_len) : 1;
		if (took == 1 && (p->bytes[i] & 0x80)) {
			yaml_say(t, &where, errors, "this byte is not UTF-8");
			return false;
		}
		if (p->bytes[i] == '\n') {
			where.line++;
			where.column = UINT32_MAX; /* the loop makes it 0 */
		}
		i += took;
	}
	return true;
}

/* ---- events become nodes ---- */

struct open {
	struct yaml_node *node, *last;
};

struct builder {
	struct yaml_tree *tree;
	struct open open[YAML_DEPTH_MAX];
	unsigned depth, documents;
	struct yaml_node place; /* where the last event stood, for what has no place of its own */
	const char *wrong;	/* ends the reading, at place */
};

static void set_place(struct builder *b, struct yaml_node *node, struct fy_token *token)
{
	const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
	if (start) {
		b->place.line = (uint32_t)start->line;
		b->place.column = (uint32_t)start->column;
		b->place.width = end && end->line == start->line && end->column > start->column ?
					 (uint32_t)(end->column - start->column) : 1;
	}
	node->line = b->place.line;
	node->column = b->place.column;
	node->width = b->place.width;
	if (node->kind == YAML_ALIAS && node->column) { /* its token begins behind the * */
		node->column--;
		node->width++;
	}
}

/* An empty item has no token, and the last event stood in the item before it: it is where the next dash is. */
static void find_dash(struct builder *b)
{
	struct yaml_private *p = b->tree->private;
	if (!p->line_at)
		find_lines(p);
	for (size_t line = b->place.line + 1; line < p->lines; line++) {
		const char *from = p->bytes + p->line_at[line], *at = from + strspn(from, " ");
		if (*at == '-')
			b->place = (struct yaml_node){ .line = (uint32_t)line, .column = (uint32_t)(at - from), .width = 1 };
		if (!strchr("#\r\n", *at))
			return;
	}
}

/* A new node, the last of the container that is open. */
static struct yaml_node *add_node(struct builder *b, enum yaml_kind kind, struct fy_token *token, struct fy_token *tag)
{
	struct yaml_node *node = take(b->tree, sizeof *node);
	*node = (struct yaml_node){ .kind = (uint8_t)kind, .tagged = tag, .text = "" };
	if (!token && b->depth && b->open[b->depth - 1].last && b->open[b->depth - 1].node->kind == YAML_LIST)
		find_dash(b);
	set_place(b, node, token);
	if (!b->depth)
		b->tree->root = node;
	else {
		struct open *o = &b->open[b->depth - 1];
		*(o->last ? &o->last->next : &o->node->first) = node;
		o->last = node;
		o->node->count++;
	}
	return node;
}

static void open_node(struct builder *b, enum yaml_kind kind, struct fy_token *token, struct fy_token *tag)
{
	struct yaml_node *node = add_node(b, kind, token, tag);
	if (b->depth == YAML_DEPTH_MAX)
		b->wrong = "this is nested too deep to be meant";
	else
		b->open[b->depth++] = (struct open){ .node = node };
}

/* What YAML reads as null when it stands without quotes. */
static bool is_null(const char *text, size_t len)
{
	return len == 0 || (len == 1 && *text == '~') || (len == 4 && memcmp(text, "null", 4) == 0);
}

static void add_scalar(struct builder *b, const struct fy_event_scalar_data *scalar)
{
	size_t len = 0;
	const char *text = scalar->value ? fy_token_get_text(scalar->value, &len) : NULL;
	const bool plain = !scalar->value || fy_scalar_token_get_style(scalar->value) == FYSS_PLAIN;
	const bool nothing = !text || (plain && is_null(text, len));
	/* What is not there has no place of its own, and versions of libfyaml differ about it: the key's is the one to show. */
	struct fy_token *token = plain && !len ? NULL : scalar->value;
	struct yaml_node *node = add_node(b, nothing ? YAML_NOTHING : YAML_TEXT, token, scalar->tag);
	if (nothing)
		return;
	char *copy = take(b->tree, len + 1);
	memcpy(copy, text, len);
	copy[len] = 0;
	node->text = copy;
	node->len = (uint32_t)len;
}

static int compare_keys(const void *a, const void *b)
{
	const struct yaml_node *const *one = a, *const *two = b;
	const int order = strcmp((*one)->text, (*two)->text);
	if (order)
		return order;
	return (*one)->line != (*two)->line ? ((*one)->line < (*two)->line ? -1 : 1) :
					      ((*one)->column < (*two)->column ? -1 : 1);
}

static void mark_again(const struct yaml_node *first, struct yaml_node *second)
{
	if (!second->again && first->kind == YAML_TEXT && second->kind == YAML_TEXT &&
	    strcmp(first->text, second->text) == 0)
		second->again = first->again ? first->again : first->line + 1;
}

static void find_duplicates(const struct yaml_node *map)
{
	if (map->count <= PAIRS_FEW) {
		for (struct yaml_node *a = map->first; a; a = a->next->next)
			for (struct yaml_node *b = a->next->next; b; b = b->next->next)
				mark_again(a, b);
		return;
	}
	struct yaml_node **key = malloc(map->count * sizeof *key);
	size_t count = 0;
	must(key);
	for (struct yaml_node *a = map->first; a; a = a->next->next)
		key[count++] = a;
	qsort(key, count, sizeof *key, compare_keys);
	for (size_t i = 1; i < count; i++)
		mark_again(key[i - 1], key[i]);
	free(key);
}

static void close_node(struct builder *b)
{
	struct yaml_node *node = b->open[--b->depth].node;
	if (node->kind != YAML_MAP)
		return;
	must(node->count % 2 == 0);
	node->count /= 2;
	find_duplicates(node);
}

static void take_event(struct builder *b, const struct fy_event *e)
{
	switch (e->type) {
	case FYET_DOCUMENT_START: b->documents++; break;
	case FYET_SCALAR: add_scalar(b, &e->scalar); break;
	case FYET_ALIAS: add_node(b, YAML_ALIAS, e->alias.anchor, NULL); break;
	case FYET_MAPPING_START: open_node(b, YAML_MAP, e->mapping_start.mapping_start, e->mapping_start.tag); break;
	case FYET_SEQUENCE_START:
		open_node(b, YAML_LIST, e->sequence_start.sequence_start, e->sequence_start.tag);
		break;
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END: close_node(b); break;
	default: break;
	}
}

/* What is missing at the end of a file is missed behind its last word: a line that is empty tells nobody which. */
static void step_back(const struct yaml_private *p, struct yaml_node *where)
{
	uint32_t line = 0, column = 0;
	size_t len = p->len;
	while (len && strchr(" \t\r\n", p->bytes[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++)
		if (p->bytes[i] == '\n') {
			line++;
			column = 0;
		} else
			column += (p->bytes[i] & 0xc0) != 0x80;
	if (where->line > line) {
		where->line = line;
		where->column = column;
	}
}

/* The first error libfyaml met. */
static void say_syntax(const struct yaml_tree *t, struct fy_diag *diag, struct text *errors)
{
	void *iterator = NULL;
	struct fy_diag_error *error;
	while ((error = fy_diag_errors_iterate(diag, &iterator)))
		if (error->type == FYET_ERROR && error->line > 0) {
			struct yaml_node where = { .line = (uint32_t)error->line - 1,
						   .column = error->column > 0 ? (uint32_t)error->column - 1 : 0,
						   .width = 1 };
			step_back(t->private, &where);
			yaml_say(t, &where, errors, error->msg);
			return;
		}
	text_printf(errors, "%s: is not YAML\n", t->path);
}

static bool parse(struct yaml_tree *t, struct fy_diag *diag, struct text *errors)
{
	const struct fy_parse_cfg settings = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag };
	struct fy_parser *parser = fy_parser_create(&settings);
	struct builder b = { .tree = t, .place.width = 1 };
	struct fy_event *event;
	must(parser && fy_parser_set_string(parser, t->private->bytes, t->private->len) == 0);
	while (!b.wrong && b.documents < 2 && (event = fy_parser_parse(parser))) {
		take_event(&b, event);
		fy_parser_event_free(parser, event);
	}
	bool fine = false;
	if (b.wrong)
		yaml_say(t, &b.place, errors, b.wrong);
	else if (fy_parser_get_stream_error(parser))
		say_syntax(t, diag, errors);
	else if (b.documents > 1)
		text_printf(errors, "%s: holds more than one document; everything belongs into one\n", t->path);
	else
		fine = true;
	fy_parser_destroy(parser);
	return fine;
}

/* ---- the file ---- */

/* All bytes of the file, at most most + 1; an errno.  The buffer grows with the file: a pipe has no size. */
static int read_bytes(struct yaml_private *p, const char *path, size_t most)
{
	FILE *file = fopen(path, "re");
	size_t room = 0;
	if (!file)
		return errno;
	while (p->len == room && p->len <= most) {
		room = room ? 2 * room : 1 << 16;
		char *bytes = realloc(p->bytes, room + 1);
		must(bytes);
		p->bytes = bytes;
		p->len += fread(p->bytes + p->len, 1, room - p->len, file);
	}
	p->bytes[p->len] = 0;
	const int error = ferror(file) ? errno : 0;
	fclose(file);
	return error;
}

/* False with a sentence. */
static bool load(struct yaml_tree *t, size_t most, const char *what, struct text *errors)
{
	struct yaml_private *p = t->private;
	const int error = read_bytes(p, t->path, most);
	if (error)
		text_printf(errors, "%s: cannot be read: %s\n", t->path, strerror(error));
	else if (p->len > most)
		text_printf(errors, "%s: is larger than %zu MiB; is it a file of %s?\n", t->path, most >> 20, what);
	else if (p->len && memchr(p->bytes, 0, p->len))
		text_printf(errors, "%s: has zero bytes in it; is it a file of %s?\n", t->path, what);
	else
		return true;
	return false;
}

struct yaml_tree *yaml_tree_read(const char *path, size_t most, const char *what, struct text *errors)
{
	static struct yaml_node nothing = { .kind = YAML_NOTHING, .width = 1, .text = "" };
	struct yaml_tree *t = calloc(1, sizeof *t);
	struct fy_diag *diag = fy_diag_create(NULL);
	must(t && diag && (t->private = calloc(1, sizeof *t->private)));
	t->path = path;
	t->root = &nothing;
	fy_diag_set_collect_errors(diag, true);
	const bool fine = load(t, most, what, errors) && check_utf8(t, errors) && parse(t, diag, errors);
	fy_diag_destroy(diag);
	if (fine)
		return t;
	yaml_tree_free(t);
	return NULL;
}
