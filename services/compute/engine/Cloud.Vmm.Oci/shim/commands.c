// What is asked of the shim while its container runs, over a socket of the machine's folder: a line, answered by lines. Each connection has a
// process of its own, which sees the volumes as the shim does.
//
//   grow N    the file of volume N is larger than it was, and its file system becomes so: "grown"
//   freeze    the file systems of all volumes that are written to write down what they have and hold still: "frozen". They go on at the next
//             line, when the connection ends, or after a while: "thawed"
//
// "error WHY" is said instead where it cannot be done.
#define _GNU_SOURCE
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FROZEN_MILLISECONDS 30000

// Both the volume's device and its file system.
static void grow_volume(int client, const struct volume *volume) {
    struct statx file;
    // Over FUSE the kernel knows a file's size for a second, unless it must ask.
    if (statx(AT_FDCWD, volume->file, AT_STATX_FORCE_SYNC, STATX_SIZE, &file) != 0)
        return say(client, "error The volume's file cannot be looked at: %s", strerror(errno));
    int loop = open(volume->device, O_RDWR | O_CLOEXEC);
    if (loop < 0 || ioctl(loop, LOOP_SET_CAPACITY, 0) != 0)
        return say(client, "error The volume's device does not grow: %s", strerror(errno));
    if (run((char *[]){ "/sbin/resize2fs", (char *)volume->device, NULL }) != 0)
        return say(client, "error The volume's file system does not grow.");
    say(client, "grown");
}

static bool ask_volumes(const struct options *options, unsigned long request) {
    bool all = true;
    for (int number = 0; number < options->volume_count; number++) {
        if (options->volumes[number].read_only) continue;
        char at[64];
        snprintf(at, sizeof at, PLACE "/raw/%d", number);
        int root = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        all = root >= 0 && ioctl(root, request, 0) == 0 && all;
        if (root >= 0) close(root);
    }
    return all;
}

void thaw_volumes(const struct options *options) {
    ask_volumes(options, FITHAW); // One that is not frozen says so, and nothing more.
}

static void freeze(int client, const struct options *options) {
    struct pollfd polled = { client, POLLIN, 0 };
    if (!ask_volumes(options, FIFREEZE)) {
        thaw_volumes(options);
        return say(client, "error A volume's file system does not hold still.");
    }
    say(client, "frozen");
    poll(&polled, 1, FROZEN_MILLISECONDS);
    thaw_volumes(options);
    say(client, "thawed");
}

void serve_command(int client, const struct options *options) {
    char line[64];
    int number;
    ssize_t length = recv(client, line, sizeof line - 1, 0);
    line[length > 0 ? length : 0] = 0;
    if (sscanf(line, "grow %d", &number) == 1 && number >= 0 && number < options->volume_count)
        grow_volume(client, &options->volumes[number]);
    else if (!strncmp(line, "freeze", 6)) freeze(client, options);
    else say(client, "error The shim does not know what is asked.");
}
