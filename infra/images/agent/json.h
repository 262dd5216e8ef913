// JSON, read into a tree and written as text. Bounded: what comes in is not trusted.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    bool truth;
    char *text; // Of a string its value, of a number its digits.
    char *name; // Of a member of an object.
    struct json *first, *next;
};

// NULL where the text is no JSON, nests deeper than 32, holds more than 8192 values or a \u0000.
struct json *json_parse(const char *text, size_t length);
void json_free(struct json *value);

// NULL where the value is NULL or no object, or has no such member.
const struct json *json_get(const struct json *object, const char *name);
bool json_integer(const struct json *value, int64_t *number);
// NULL where the value is NULL or no string.
const char *json_string(const struct json *value);

// Text that grows; bytes is NULL where nothing was written, or memory ran out.
struct json_text {
    char *bytes;
    size_t length, room;
};

void json_printf(struct json_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void json_append(struct json_text *text, const char *bytes, size_t length);
// Appends the value as a JSON string.
void json_quote(struct json_text *text, const char *value);
void json_text_free(struct json_text *text);
