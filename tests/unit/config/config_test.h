/* config_test.h - a folder of its own, files in it, and what config_read() says about them. */
#ifndef TESTS_UNIT_CONFIG_CONFIG_TEST_H
#define TESTS_UNIT_CONFIG_CONFIG_TEST_H

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/portwatch-config-XXXXXX";
static struct config got;
static struct text said;

static inline int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int remove_folder(void **state)
{
	char command[80];
	(void)state;
	text_free(&said);
	snprintf(command, sizeof command, "rm -r %s", folder);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static inline void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	fclose(file);
}

static inline unsigned errors_in(const char *text)
{
	write_file("c.yaml", text);
	text_reset(&said);
	return config_read(&got, "c.yaml", &said);
}

/* got is filled; config_free() is due. */
static inline void reads(const char *text)
{
	if (errors_in(text))
		fail_msg("%s", said.data);
}

/* Exactly these errors, without their lines and carets, each ended by a newline. */
static inline void refused(const char *text, const char *sentences)
{
	struct text first = { 0 };
	if (errors_in(text) == 0) {
		config_free(&got);
		fail_msg("%s\nwas taken", text);
	}
	for (const char *line = said.data; *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, "    ", 4) != 0 || strncmp(line, "    hint: ", 10) == 0)
			text_add_bytes(&first, line, strcspn(line, "\n") + 1);
	assert_string_equal(first.data, sentences);
	text_free(&first);
}

#define R "regions: [eu, us]\n"
#define M R "monitors:\n"

#endif
