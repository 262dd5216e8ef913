#include "base64.h"

#include <stdlib.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_quote(struct json_text *text, const unsigned char *bytes, size_t length) {
    json_append(text, "\"", 1);
    for (size_t i = 0; i < length; i += 3) {
        unsigned group = (unsigned)bytes[i] << 16 | (i + 1 < length ? bytes[i + 1] << 8 : 0) | (i + 2 < length ? bytes[i + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63], i + 1 < length ? digits[group >> 6 & 63] : '=', i + 2 < length ? digits[group & 63] : '='};
        json_append(text, four, 4);
    }
    json_append(text, "\"", 1);
}

unsigned char *base64_decode(const char *text, size_t *length) {
    size_t count = strlen(text);
    unsigned char *bytes = count % 4 == 0 ? malloc(count / 4 * 3 + 1) : NULL;
    *length = 0;
    for (size_t i = 0; bytes && i < count; i += 4) {
        unsigned group = 0;
        int padding = 0;
        for (size_t j = 0; j < 4; j++) {
            const char *digit = text[i + j] == '=' ? NULL : strchr(digits, text[i + j]);
            bool may_pad = text[i + j] == '=' && j >= 2 && i + 4 == count;
            if ((!digit && !may_pad) || (digit && padding > 0)) {
                free(bytes);
                return NULL;
            }
            padding += may_pad;
            group = group << 6 | (digit ? (unsigned)(digit - digits) : 0);
        }
        bytes[(*length)++] = (unsigned char)(group >> 16);
        if (padding < 2) bytes[(*length)++] = (unsigned char)(group >> 8);
        if (padding < 1) bytes[(*length)++] = (unsigned char)group;
    }
    return bytes;
}
