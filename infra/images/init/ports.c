#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS "/sys/class/virtio-ports"

int port_open(const char *name, int flags) {
    DIR *folder = opendir(PORTS);
    if (!folder) return -1;
    int port = -1;
    for (struct dirent *entry; port < 0 && (entry = readdir(folder));) {
        char path[320];
        snprintf(path, sizeof path, PORTS "/%s/name", entry->d_name);
        char *found = entry->d_name[0] == '.' ? NULL : file_read(path, 256, NULL);
        if (!found) continue;
        found[strcspn(found, "\n")] = 0;
        if (strcmp(found, name) == 0) {
            snprintf(path, sizeof path, "/dev/%s", entry->d_name);
            port = open(path, flags | O_CLOEXEC);
        }
        free(found);
    }
    closedir(folder);
    return port;
}
