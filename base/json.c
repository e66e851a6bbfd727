/* json.c - see json.h. */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

json_t *json_read_object(const char *text, size_t len, char *why, size_t why_len)
{
	json_error_t error;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		snprintf(why, why_len, "byte %d: %s", error.position, error.text);
	else if (!json_is_object(root)) {
		snprintf(why, why_len, "byte 0: not a JSON object");
		json_decref(root);
		root = NULL;
	}
	return root;
}

static const json_t *member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_null(value) ? NULL : value;
}

bool json_take_text(const json_t *object, const char *name, size_t most, const char **value, char *why, size_t why_len)
{
	const json_t *found = member(object, name);
	if (!found)
		return true;
	if (json_is_string(found) && json_string_length(found) <= most &&
	    strlen(json_string_value(found)) == json_string_length(found)) {
		*value = json_string_value(found);
		return true;
	}
	snprintf(why, why_len, "%s is not a text of at most %zu bytes", name, most);
	return false;
}

bool json_take_number(const json_t *object, const char *name, uint64_t low, uint64_t high, uint64_t *value, char *why,
		      size_t why_len)
{
	const json_t *found = member(object, name);
	if (!found)
		return true;
	if (json_is_integer(found) && json_integer_value(found) >= 0 && (uint64_t)json_integer_value(found) >= low &&
	    (uint64_t)json_integer_value(found) <= high) {
		*value = (uint64_t)json_integer_value(found);
		return true;
	}
	snprintf(why, why_len, "%s is not a whole number from %" PRIu64 " to %" PRIu64, name, low, high);
	return false;
}

bool json_take_bool(const json_t *object, const char *name, bool *value, char *why, size_t why_len)
{
	const json_t *found = member(object, name);
	if (!found)
		return true;
	if (json_is_boolean(found)) {
		*value = json_is_true(found);
		return true;
	}
	snprintf(why, why_len, "%s is neither true nor false", name);
	return false;
}

const char *json_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

uint64_t json_number(const json_t *object, const char *name)
{
	const json_int_t number = json_integer_value(json_object_get(object, name));
	return number > 0 ? (uint64_t)number : 0;
}

char *json_line(const json_t *object)
{
	return json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
}
