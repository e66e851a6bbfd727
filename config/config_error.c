/* config_error.c - collects what is wrong with a configuration, and puts it in the order of the files.
 * In: sentences about nodes, in any order.  Out: one text.
 * Owns: the texts until they are written. */
#include "config/config_parts.h"

#include "base/must.h"
#include "base/option.h"

#include <stdarg.h>
#include <stdlib.h>

static struct config_error *add(struct reader *r, unsigned file, uint32_t line, uint32_t column)
{
	if (r->errors == r->errors_room) {
		r->errors_room = r->errors_room ? 2 * r->errors_room : 16;
		must((r->error = realloc(r->error, r->errors_room * sizeof *r->error)));
	}
	struct config_error *e = &r->error[r->errors];
	*e = (struct config_error){ file, line, column, r->errors++, r->rendered.len, 0 };
	return e;
}

static unsigned file_of(const struct reader *r, const struct yaml_tree *t)
{
	unsigned file = 0;
	while (file < r->trees && r->tree[file] != t)
		file++;
	return file;
}

void say(struct reader *r, const struct yaml_tree *t, const struct yaml_node *at, const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	struct config_error *e = add(r, file_of(r, t), at->line + 1, at->column + 1);
	yaml_say(t, at, &r->rendered, sentence);
	e->len = r->rendered.len - e->at;
}

void say_rendered(struct reader *r, unsigned file, const char *text)
{
	struct config_error *e = add(r, file, 0, 0);
	text_add(&r->rendered, text);
	e->len = r->rendered.len - e->at;
}

void hint(struct reader *r, const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	va_list args;
	must(r->errors);
	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	text_printf(&r->rendered, "    hint: %s\n", sentence);
	r->error[r->errors - 1].len = r->rendered.len - r->error[r->errors - 1].at;
}

#define BY(field)                                                                                                         \
	if (one->field != two->field)                                                                                     \
		return one->field < two->field ? -1 : 1

static int compare(const void *a, const void *b)
{
	const struct config_error *one = a, *two = b;
	BY(file);
	BY(line);
	BY(column);
	BY(order);
	return 0;
}

void errors_write(struct reader *r, struct text *errors)
{
	if (r->errors)
		qsort(r->error, r->errors, sizeof *r->error, compare);
	for (unsigned i = 0; i < r->errors; i++)
		text_add_bytes(errors, r->rendered.data + r->error[i].at, r->error[i].len);
	text_free(&r->rendered);
	free(r->error);
}

const char *did_you_mean(char *into, size_t len, const char *typed, const char *const *names)
{
	const char *near = nearest_name(typed, names);
	into[0] = 0;
	if (near)
		snprintf(into, len, ", did you mean \"%s\"?", near);
	return into;
}
