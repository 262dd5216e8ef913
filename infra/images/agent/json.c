#include "json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32
#define VALUES_MAX 8192

struct reader {
    const char *at, *end;
    int values;
};

static struct json *read_value(struct reader *in, int depth);

static void skip_blanks(struct reader *in) {
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r')) in->at++;
}

static bool take(struct reader *in, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, word, length) != 0) return false;
    in->at += length;
    return true;
}

static bool read_hex(struct reader *in, unsigned *code) {
    *code = 0;
    if (in->end - in->at < 4) return false;
    for (int i = 0; i < 4; i++) {
        char c = *in->at++;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return false;
        *code = *code << 4 | (unsigned)digit;
    }
    return true;
}

// RFC 8259 7: a code past 16 bits is two of them.
static char *read_code(struct reader *in, char *out) {
    unsigned code, low;
    if (!read_hex(in, &code) || code == 0 || (code >= 0xdc00 && code < 0xe000)) return NULL;
    if (code >= 0xd800 && code < 0xdc00) {
        if (!take(in, "\\u") || !read_hex(in, &low) || low < 0xdc00 || low >= 0xe000) return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code < 0x80) *out++ = (char)code;
    else if (code < 0x800) *out++ = (char)(0xc0 | code >> 6), *out++ = (char)(0x80 | (code & 0x3f));
    else if (code < 0x10000) *out++ = (char)(0xe0 | code >> 12), *out++ = (char)(0x80 | (code >> 6 & 0x3f)), *out++ = (char)(0x80 | (code & 0x3f));
    else {
        *out++ = (char)(0xf0 | code >> 18), *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f)), *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

// The text stands behind its opening quote. A value is never longer than its text.
static char *read_text(struct reader *in) {
    const char *close = in->at;
    while (close < in->end && *close != '"') close += *close == '\\' ? 2 : 1;
    if (close >= in->end) return NULL;
    char *value = malloc((size_t)(close - in->at) + 1), *out = value;
    while (out && in->at < close) {
        unsigned char c = (unsigned char)*in->at++;
        if (c < 0x20) out = NULL;
        else if (c != '\\') *out++ = (char)c;
        else {
            static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
            char escape = *in->at++;
            const char *simple = escape ? strchr(from, escape) : NULL;
            if (simple) *out++ = to[simple - from];
            else out = escape == 'u' ? read_code(in, out) : NULL;
        }
    }
    if (!out || in->at != close) {
        free(value);
        return NULL;
    }
    *out = 0;
    in->at++;
    return value;
}

static char *read_digits(struct reader *in) {
    size_t length = 0, left = (size_t)(in->end - in->at);
    while (length < left && in->at[length] && strchr("+-.0123456789eE", in->at[length])) length++;
    char *digits = length > 0 && length < 64 ? strndup(in->at, length) : NULL, *stop = NULL;
    if (digits) strtod(digits, &stop);
    if (!digits || *stop || *digits == '+' || *digits == '.') {
        free(digits);
        return NULL;
    }
    in->at += length;
    return digits;
}

// The members of an array or object, behind the opening bracket.
static bool read_members(struct reader *in, struct json *parent, char close, int depth) {
    struct json **last = &parent->first;
    skip_blanks(in);
    if (in->at < in->end && *in->at == close) return in->at++, true;
    for (;;) {
        char *name = NULL;
        skip_blanks(in);
        if (parent->kind == JSON_OBJECT) {
            if (!take(in, "\"") || !(name = read_text(in))) return false;
            skip_blanks(in);
            if (!take(in, ":")) return free(name), false;
        }
        struct json *value = read_value(in, depth + 1);
        if (!value) return free(name), false;
        value->name = name;
        *last = value;
        last = &value->next;
        skip_blanks(in);
        if (in->at >= in->end) return false;
        char next = *in->at++;
        if (next == close) return true;
        if (next != ',') return false;
    }
}

static struct json *read_value(struct reader *in, int depth) {
    skip_blanks(in);
    if (depth > DEPTH_MAX || in->at >= in->end || ++in->values > VALUES_MAX) return NULL;
    struct json *value = calloc(1, sizeof *value);
    bool good = value != NULL;
    if (!good) return NULL;
    if (take(in, "null")) value->kind = JSON_NULL;
    else if (take(in, "true")) value->kind = JSON_BOOL, value->truth = true;
    else if (take(in, "false")) value->kind = JSON_BOOL;
    else if (take(in, "\"")) value->kind = JSON_STRING, good = (value->text = read_text(in)) != NULL;
    else if (take(in, "[")) value->kind = JSON_ARRAY, good = read_members(in, value, ']', depth);
    else if (take(in, "{")) value->kind = JSON_OBJECT, good = read_members(in, value, '}', depth);
    else value->kind = JSON_NUMBER, good = (value->text = read_digits(in)) != NULL;
    if (good) return value;
    json_free(value);
    return NULL;
}

struct json *json_parse(const char *text, size_t length) {
    struct reader in = {text, text + length, 0};
    struct json *value = read_value(&in, 0);
    skip_blanks(&in);
    if (in.at == in.end) return value;
    json_free(value);
    return NULL;
}

void json_free(struct json *value) {
    while (value) {
        struct json *next = value->next;
        json_free(value->first);
        free(value->text);
        free(value->name);
        free(value);
        value = next;
    }
}

const struct json *json_get(const struct json *object, const char *name) {
    if (!object || object->kind != JSON_OBJECT) return NULL;
    for (const struct json *member = object->first; member; member = member->next)
        if (strcmp(member->name, name) == 0) return member;
    return NULL;
}

bool json_integer(const struct json *value, int64_t *number) {
    if (!value || value->kind != JSON_NUMBER) return false;
    char *stop;
    errno = 0;
    *number = strtoll(value->text, &stop, 10);
    return errno == 0 && *stop == 0;
}

const char *json_string(const struct json *value) { return value && value->kind == JSON_STRING ? value->text : NULL; }

void json_append(struct json_text *text, const char *bytes, size_t length) {
    if (text->length + length + 1 > text->room) {
        size_t room = (text->length + length + 1) * 2;
        char *more = realloc(text->bytes, room);
        if (!more) return;
        text->bytes = more;
        text->room = room;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = 0;
}

void json_printf(struct json_text *text, const char *format, ...) {
    char bytes[512];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(bytes, sizeof bytes, format, values);
    va_end(values);
    if (length > 0) json_append(text, bytes, (size_t)length < sizeof bytes ? (size_t)length : sizeof bytes - 1);
}

void json_quote(struct json_text *text, const char *value) {
    json_append(text, "\"", 1);
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\') json_append(text, (char[]){'\\', *c}, 2);
        else if ((unsigned char)*c < 0x20) json_printf(text, "\\u%04x", *c);
        else json_append(text, c, 1);
    }
    json_append(text, "\"", 1);
}

void json_text_free(struct json_text *text) {
    free(text->bytes);
    *text = (struct json_text){0};
}
