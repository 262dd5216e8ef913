// guest-fsfreeze: holds all writes to disks, so that a snapshot of them is whole.
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MOUNTS_MAX 64

static char *points[MOUNTS_MAX];
static int frozen_count;
static bool frozen;

bool is_frozen(void) { return frozen; }

static int command(const char *point, unsigned long what) {
    int folder = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -1;
    int done = ioctl(folder, what, 0), reason = errno;
    close(folder);
    errno = reason;
    return done;
}

static bool is_chosen(const struct json *chosen, const char *point) {
    if (!chosen || chosen->kind != JSON_ARRAY) return true;
    for (const struct json *item = chosen->first; item; item = item->next)
        if (json_string(item) && strcmp(item->text, point) == 0) return true;
    return false;
}

// Mount points of file systems on writable disks, in the order they were mounted.
static int list_points(const struct json *chosen) {
    int count = 0;
    char line[1024], device[256], point[512], options[256];
    FILE *mounts = fopen("/proc/mounts", "re");
    while (mounts && count < MOUNTS_MAX && fgets(line, sizeof line, mounts)) {
        if (sscanf(line, "%255s %511s %*s %255s", device, point, options) != 3) continue;
        bool is_disk = strncmp(device, "/dev/", 5) == 0 && strncmp(options, "rw", 2) == 0 && strncmp(device, "/dev/loop", 9) != 0;
        if (is_disk && is_chosen(chosen, point)) points[count++] = strdup(point);
    }
    if (mounts) fclose(mounts);
    return count;
}

static void forget_points(void) {
    for (int i = 0; i < MOUNTS_MAX; i++) {
        free(points[i]);
        points[i] = NULL;
    }
}

static int thaw_all(void) {
    int thawed = 0;
    // A file system that was frozen twice is thawed by as many calls.
    for (int i = 0; i < MOUNTS_MAX && points[i]; i++) {
        bool any = false;
        while (command(points[i], FITHAW) == 0) any = true;
        thawed += any;
    }
    forget_points();
    frozen = false;
    frozen_count = 0;
    return thawed;
}

void freeze(const struct json *arguments, struct answer *answer) {
    int count = list_points(json_get(arguments, "mountpoints"));
    sync();
    // The last mounted first: a file system lies on those mounted before it.
    while (count-- > 0) {
        if (command(points[count], FIFREEZE) == 0) frozen_count++;
        else if (errno != EOPNOTSUPP && errno != EBUSY && errno != ENOTTY) {
            answer_error(answer, "%.100s could not be frozen: %s", points[count], strerror(errno));
            thaw_all();
            return;
        }
    }
    frozen = true;
    json_printf(&answer->value, "%d", frozen_count);
}

void thaw(const struct json *arguments, struct answer *answer) {
    (void)arguments;
    json_printf(&answer->value, "%d", thaw_all());
}

void freeze_status(const struct json *arguments, struct answer *answer) {
    (void)arguments;
    json_printf(&answer->value, "\"%s\"", frozen ? "frozen" : "thawed");
}
