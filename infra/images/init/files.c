#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_write(const char *path, mode_t mode, const void *bytes, size_t length) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (file < 0) return false;
    const char *rest = bytes;
    while (length > 0) {
        ssize_t written = write(file, rest, length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            close(file);
            return false;
        }
        rest += written;
        length -= (size_t)written;
    }
    fchmod(file, mode);
    return close(file) == 0;
}

bool file_write_text(const char *path, mode_t mode, const char *text) { return file_write(path, mode, text, strlen(text)); }

char *file_read(const char *path, size_t max, size_t *length) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return NULL;
    size_t size = 0, room = 4096;
    char *bytes = malloc(room + 1);
    while (bytes) {
        ssize_t got = read(file, bytes + size, room - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        size += (size_t)got;
        if (got == 0) {
            close(file);
            bytes[size] = 0;
            if (length) *length = size;
            return bytes;
        }
        if (size > max) break;
        if (size == room) {
            char *more = realloc(bytes, (room *= 2) + 1);
            if (!more) break;
            bytes = more;
        }
    }
    free(bytes);
    close(file);
    return NULL;
}
