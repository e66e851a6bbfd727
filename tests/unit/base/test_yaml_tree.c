/* test_yaml_tree.c - nodes and their places, and how a place is shown. */
#include "base/yaml_tree.h"
#include "tests/unit/base/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/portwatch-yaml-XXXXXX";
static struct text errors;

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	text_free(&errors);
	unlink("f.yaml");
	return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static struct yaml_tree *read_bytes(const char *bytes, size_t len)
{
	FILE *file = fopen("f.yaml", "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
	text_reset(&errors);
	return yaml_tree_read("f.yaml", 1 << 20, "tests", &errors);
}

static struct yaml_tree *read_text(const char *text)
{
	struct yaml_tree *t = read_bytes(text, strlen(text));
	if (!t)
		fail_msg("%s", errors.data);
	return t;
}

/* The tree in one line: kinds as brackets, texts, and the place of each. */
static void write_node(const struct yaml_node *n, struct text *to)
{
	static const char *const open[] = { "~", "", "[", "{", "*" }, *const close[] = { "", "", "]", "}", "" };
	text_printf(to, "%s%s@%u.%u", open[n->kind], n->kind == YAML_TEXT ? n->text : "", n->line, n->column);
	for (const struct yaml_node *c = n->first; c; c = c->next) {
		text_add(to, " ");
		write_node(c, to);
	}
	text_add(to, close[n->kind]);
}

static void tree_is(const char *yaml, const char *line)
{
	struct yaml_tree *t = read_text(yaml);
	struct text shown = { 0 };
	write_node(t->root, &shown);
	assert_string_equal(shown.data, line);
	text_free(&shown);
	yaml_tree_free(t);
}

static void refused(const char *yaml, const char *beginning)
{
	struct yaml_tree *t = read_bytes(yaml, strlen(yaml));
	assert_null(t);
	if (strncmp(errors.data, beginning, strlen(beginning)) != 0)
		fail_msg("%s\ninstead of\n%s", errors.data, beginning);
}

static void every_node_knows_its_place(void **state)
{
	(void)state;
	tree_is("a: b\n", "{@0.0 a@0.0 b@0.3}");
	tree_is("- a\n- {b: [c, \"d\"]}\n", "[@0.0 a@0.2 {@1.2 b@1.3 [@1.6 c@1.7 d@1.11]}]");
	tree_is("# c\nx:\n  y:\n    - z\n", "{@1.0 x@1.0 {@2.2 y@2.2 [@3.4 z@3.6]}}");
	tree_is("\xc3\xbc: \xc3\x9f\n", "{@0.0 \xc3\xbc@0.0 \xc3\x9f@0.3}");
	tree_is("text: |\n  one\n  two\n", "{@0.0 text@0.0 one\ntwo\n@1.0}");
}

static void what_has_no_value_is_nothing(void **state)
{
	(void)state;
	tree_is("", "~@0.0");
	tree_is("# only a comment\n", "~@0.0");
	tree_is("a: ~\nb: null\nc: \"null\"\nd: ''\n", "{@0.0 a@0.0 ~@0.3 b@1.0 ~@1.3 c@2.0 null@2.4 d@3.0 @3.4}");
	tree_is("- {a: b}\n\n# - c\n-\n- \n- d\n", "[@0.0 {@0.2 a@0.3 b@0.6} ~@3.0 ~@4.0 d@5.2]");
	struct yaml_tree *t = read_text("a:\nb: 1\n");
	assert_int_equal(t->root->first->next->kind, YAML_NOTHING);
	yaml_tree_free(t);
}

static void texts_are_never_turned_into_anything_else(void **state)
{
	(void)state;
	tree_is("[010, no, 1e3, 2026-01-01, 0x1f]", "[@0.0 010@0.1 no@0.6 1e3@0.10 2026-01-01@0.15 0x1f@0.27]");
}

static void a_key_that_stands_twice_knows_where_it_stood_first(void **state)
{
	struct text many = { 0 };
	(void)state;
	struct yaml_tree *t = read_text("a: 1\nb: 2\na: 3\na: 4\n");
	const struct yaml_node *key = t->root->first;
	assert_int_equal(t->root->count, 4);
	assert_int_equal(key->again, 0);
	assert_int_equal(key->next->next->again, 0);
	assert_int_equal(key->next->next->next->next->again, 1);
	assert_int_equal(key->next->next->next->next->next->next->again, 1);
	yaml_tree_free(t);
	for (int i = 0; i < 100; i++) /* enough to be sorted */
		text_printf(&many, "k%d: x\n", i % 99);
	t = read_text(many.data);
	unsigned again = 0;
	for (key = t->root->first; key; key = key->next->next)
		again += key->again != 0;
	assert_int_equal(again, 1);
	yaml_tree_free(t);
	text_free(&many);
}

static void tags_aliases_and_zero_bytes_are_said(void **state)
{
	(void)state;
	struct yaml_tree *t = read_text("[!!int 5, &x a, *x, \"a\\0b\", [], {}, ok]");
	static const char *const wrong[] = { "has a tag; only plain values are read", NULL, "is an alias; write the value itself",
					     "has a zero byte in it", "takes one value, not a list", "takes one value, not a mapping" };
	const struct yaml_node *n = t ? t->root->first : NULL;
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++, n = n->next) {
		const char *said = yaml_text_wrong(n);
		assert_true(!said == !wrong[i]);
		if (said)
			assert_string_equal(said, wrong[i]);
	}
	yaml_tree_free(t);
}

static void what_is_no_yaml_is_refused_with_its_place(void **state)
{
	struct text deep = { 0 };
	(void)state;
	refused("a: \"b\n", "f.yaml:");
	refused("a: [b\nc: d\n", "f.yaml:");
	refused("a: 1\nb: [\xc3\xbc\n\n\n", "f.yaml:2:6: flow sequence without a closing bracket\n    b: [\xc3\xbc\n         ^\n");
	refused("a: 1\n---\nb: 2\n", "f.yaml: holds more than one document; everything belongs into one\n");
	refused("a: \xff\n", "f.yaml:1:4: this byte is not UTF-8\n    a: ?\n       ^\n");
	for (int i = 0; i < 40; i++)
		text_add(&deep, "[");
	refused(deep.data, "f.yaml:1:33: this is nested too deep to be meant\n");
	for (int i = 0; i < 200000; i++)
		text_add(&deep, "[");
	refused(deep.data, "f.yaml:1:");
	text_free(&deep);
}

static void a_place_is_shown_with_its_line_and_a_caret(void **state)
{
	(void)state;
	struct yaml_tree *t = read_text("# \xc3\xbc\nname: gr\xc3\xbc\xc3\x9f # x\n");
	text_reset(&errors);
	yaml_say(t, t->root->first->next, &errors, "no");
	assert_string_equal(errors.data, "f.yaml:2:7: no\n    name: gr\xc3\xbc\xc3\x9f # x\n          ^~~~\n");
	yaml_tree_free(t);
}

static void of_a_long_line_the_part_around_the_place_is_shown(void **state)
{
	char yaml[600];
	(void)state;
	snprintf(yaml, sizeof yaml, "[%0200d, here, %0200d]", 1, 2);
	struct yaml_tree *t = read_text(yaml);
	text_reset(&errors);
	yaml_say(t, t->root->first->next, &errors, "no");
	const char *shown = strchr(errors.data, '\n') + 1, *caret = strchr(shown, '\n') + 1;
	assert_true(strcspn(shown, "\n") <= 100);
	assert_memory_equal(shown, "    ... ", 8);
	assert_int_equal(strcspn(shown, "h"), strcspn(caret, "^"));
	assert_memory_equal(caret + strcspn(caret, "^"), "^~~~\n", 5);
	yaml_tree_free(t);
}

static void any_bytes_are_read_or_refused_with_a_sentence(void **state)
{
	static const char model[] = "a: {b: [c, \"d\"], e: 'f'}\n- &x *y !t | > %TAG ? {}\n\xc3\xbc: |\n  text\n? k\n: v\n";
	(void)state;
	seed_chance();
	for (int round = 0; round < 5000; round++) {
		char bytes[sizeof model];
		memcpy(bytes, model, sizeof model);
		const size_t len = 1 + (size_t)rand() % (sizeof model - 1);
		for (int i = rand() % 8; i > 0; i--)
			bytes[(size_t)rand() % len] = (char)(rand() & 1 ? rand() : model[(size_t)rand() % (sizeof model - 1)]);
		struct yaml_tree *t = read_bytes(bytes, len);
		assert_true(t || strncmp(errors.data, "f.yaml:", 7) == 0);
		if (t && t->root->first)
			yaml_say(t, t->root->first, &errors, "x");
		yaml_tree_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_node_knows_its_place),
		cmocka_unit_test(what_has_no_value_is_nothing),
		cmocka_unit_test(texts_are_never_turned_into_anything_else),
		cmocka_unit_test(a_key_that_stands_twice_knows_where_it_stood_first),
		cmocka_unit_test(tags_aliases_and_zero_bytes_are_said),
		cmocka_unit_test(what_is_no_yaml_is_refused_with_its_place),
		cmocka_unit_test(a_place_is_shown_with_its_line_and_a_caret),
		cmocka_unit_test(of_a_long_line_the_part_around_the_place_is_shown),
		cmocka_unit_test(any_bytes_are_read_or_refused_with_a_sentence),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
