// For a system of another's making, systemd's: its identity, its size and what the seed holds are settled before it starts, so that none of
// it has to be found out by slower programs.
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

// The first user that Debian's adduser makes.
const struct login DEBIAN_USER = {"/home/debian", 1000};

// A script we run ourselves. All else (cloud-config, MIME, includes) is for cloud-init, which takes a minute of processor time under emulation.
static bool is_for_cloud_init(const struct seed *seed) { return seed->user_data_length > 0 && strncmp(seed->user_data, "#!", 2) != 0; }

static void keep(const char *root, const char *name, const void *bytes, size_t length) {
    char path[512];
    snprintf(path, sizeof path, "%s" RUN_FOLDER "/%s", root, name);
    if (!file_write(path, 0600, bytes, length)) perror("init: run folder");
}

bool user_data_leave(const struct seed *seed, const char *root) {
    bool is_other = is_for_cloud_init(seed);
    if (is_other) keep(root, "cloud-init", "", 0);
    else if (seed->user_data_length > 0) keep(root, "user-data", seed->user_data, seed->user_data_length);
    return is_other;
}

void hand_over(const char *root, double kernel_up) {
    char path[512];
    struct seed seed = {0};
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    report_open();
    report_phase("kernel", kernel_up, -1, NULL);
    if (!growfs(root)) perror("init: the root file system could not be grown to its disk");
    seed_read(&seed);
    seed_apply(&seed, root, DEBIAN_USER);
    snprintf(path, sizeof path, "%s/run", root);
    mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
    snprintf(path, sizeof path, "%s" RUN_FOLDER, root);
    mkdir(path, 0700);
    user_data_leave(&seed, root);
    umount2("/sys", MNT_DETACH);
}
