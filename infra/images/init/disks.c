// Disks by their serial numbers, as udev names them: /dev/disk/by-id/virtio-SERIAL, and -partN behind it for a partition.
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES "/dev/disk/by-id"
#define EVENT_MAX 8192
#define ATTRIBUTE_MAX 64

// linux: lib/kobject_uevent.c, what the kernel itself says, and not udev.
#define KERNEL_GROUP 1

static bool is_virtio_disk(const char *device) { return strncmp(device, "vd", 2) == 0 && !strchr(device, '/'); }

// What sysfs says of a device, or of the one that it is a part of; false for nothing.
static bool read_attribute(const char *device, const char *name, char *value, size_t size) {
    char path[256];
    snprintf(path, sizeof path, "/sys/class/block/%s/%s", device, name);
    char *bytes = file_read(path, ATTRIBUTE_MAX, NULL);
    if (!bytes) return false;
    bytes[strcspn(bytes, "\n")] = 0;
    snprintf(value, size, "%s", bytes);
    free(bytes);
    return value[0] && !strchr(value, '/');
}

static void forget_names(const char *device) {
    char target[80], path[384], said[80];
    snprintf(target, sizeof target, "../../%s", device);
    DIR *names = opendir(NAMES);
    struct dirent *entry;
    while (names && (entry = readdir(names))) {
        snprintf(path, sizeof path, NAMES "/%s", entry->d_name);
        ssize_t length = readlink(path, said, sizeof said - 1);
        if (length <= 0) continue;
        said[length] = 0;
        if (strcmp(said, target) == 0) unlink(path);
    }
    if (names) closedir(names);
}

static void name_disk(const char *device) {
    char part[ATTRIBUTE_MAX + 1], serial[ATTRIBUTE_MAX + 1], target[80], path[256];
    bool is_part = read_attribute(device, "partition", part, sizeof part);
    forget_names(device);
    if (!read_attribute(device, is_part ? "../serial" : "serial", serial, sizeof serial)) return;
    snprintf(path, sizeof path, NAMES "/virtio-%s%s%s", serial, is_part ? "-part" : "", is_part ? part : "");
    snprintf(target, sizeof target, "../../%s", device);
    unlink(path);
    if (symlink(target, path) != 0) perror("init: a disk could not be named");
}

static void name_all(void) {
    DIR *devices = opendir("/sys/class/block");
    struct dirent *entry;
    while (devices && (entry = readdir(devices)))
        if (is_virtio_disk(entry->d_name)) name_disk(entry->d_name);
    if (devices) closedir(devices);
}

void disks_open(struct disk_events *events) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
    events->devices = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    if (events->devices >= 0 && bind(events->devices, (struct sockaddr *)&kernel, sizeof kernel) != 0) {
        close(events->devices);
        events->devices = -1;
    }
    events->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (events->log >= 0) lseek(events->log, 0, SEEK_END);
    mkdir("/dev/disk", 0755);
    mkdir(NAMES, 0755);
    name_all();
}

void disks_logged(int log) {
    char line[EVENT_MAX];
    bool has_changed = false;
    ssize_t length;
    // EPIPE: what was next is overwritten already, and the next read goes on behind it.
    while ((length = read(log, line, sizeof line - 1)) > 0 || (length < 0 && errno == EPIPE)) {
        line[length > 0 ? length : 0] = 0;
        if (length < 0 || strstr(line, ": detected capacity change")) has_changed = true;
    }
    if (has_changed) name_all();
}

void disks_changed(int devices) {
    char event[EVENT_MAX];
    struct sockaddr_nl from;
    struct iovec bytes = {event, sizeof event - 1};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &bytes, .msg_iovlen = 1};
    ssize_t length;
    while ((length = recvmsg(devices, &message, 0)) > 0) {
        const char *device = NULL;
        bool is_block = false, is_removed = false;
        event[length] = 0;
        for (const char *word = event; word < event + length; word += strlen(word) + 1) {
            if (strcmp(word, "SUBSYSTEM=block") == 0) is_block = true;
            else if (strcmp(word, "ACTION=remove") == 0) is_removed = true;
            else if (strncmp(word, "DEVNAME=", 8) == 0) device = word + 8;
        }
        // From the kernel alone, whose number is 0.
        if (from.nl_pid != 0 || !is_block || !device || !is_virtio_disk(device)) continue;
        if (is_removed) forget_names(device);
        else name_disk(device);
    }
}
