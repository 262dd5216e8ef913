#pragma once
#include "json.h"

// Appends the bytes in base64, quoted.
void base64_quote(struct json_text *text, const unsigned char *bytes, size_t length);
// The bytes; NULL where the text is no base64. The caller frees them.
unsigned char *base64_decode(const char *text, size_t *length);
