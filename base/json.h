/* json.h - looking into JSON that somebody else wrote, and refusing it with a sentence.  The one place that sees jansson;
 * documents are small (a monitor, an alert, a state), so a tree per document is no cost that counts. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The tree of a JSON object, to be released by json_decref(); NULL: why says "byte N: sentence". */
json_t *json_read_object(const char *text, size_t len, char *why, size_t why_len);

/* Members of an object by name.  A member that is missing or null leaves *value as it is and counts as fine; one of
 * another type or out of range is refused: false, and why says which and what would do. */
bool json_take_text(const json_t *object, const char *name, size_t most, const char **value, char *why, size_t why_len);
bool json_take_number(const json_t *object, const char *name, uint64_t low, uint64_t high, uint64_t *value, char *why,
		      size_t why_len);
bool json_take_bool(const json_t *object, const char *name, bool *value, char *why, size_t why_len);

/* The same for showing what one of our own processes wrote: "" or 0 for what is missing or of another type. */
const char *json_text(const json_t *object, const char *name);
uint64_t json_number(const json_t *object, const char *name);

/* One line without blanks, keys in the order in which they were set; malloc'd.  NULL: no memory (or no object). */
char *json_line(const json_t *object);

#endif
