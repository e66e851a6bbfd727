/* text.h - text that cannot overflow, and text made safe for JSON and CSV.
 * struct text is a buffer that grows; a failed allocation sticks (text_failed) and is looked at once, at the end. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data; /* always ends with 0 once something was added */
	size_t len, room;
	bool failed; /* an allocation failed: what was added since is missing */
};

void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const void *bytes, size_t len);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_reset(struct text *t); /* empties, keeps the memory */
void text_free(struct text *t);

/* Looks at the first character of s (len > 0) and writes into out how it stands inside a quoted string: itself, an
 * escape, or U+FFFD for a byte that is not UTF-8.  Control characters are escaped, those of 8 bits (U+0080 to U+009F)
 * too, because terminals obey them.  Returns how many bytes of s it took; *out_len is what it wrote. */
#define TEXT_ESCAPE_MAX 6u
size_t text_escape(const char *s, size_t len, char out[TEXT_ESCAPE_MAX], size_t *out_len);

/* Adds a JSON string with its quotes.  Control characters are escaped; bytes that are not UTF-8 become U+FFFD. */
void text_json_string(struct text *t, const char *s, size_t len);
/* Adds a CSV field, quoted only when it must be (RFC 4180).  A leading = + - or @ is kept as it is: data is not changed. */
void text_csv_field(struct text *t, const char *s);

#endif
