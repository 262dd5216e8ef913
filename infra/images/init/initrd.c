// Process 1 of the initial RAM disk: for kernels whose drivers are modules.
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROOT_DEVICE "/dev/vda"
#define ROOT_WAIT_MS 10000

static void load(const char *path, const char *parameters) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || (syscall(SYS_finit_module, file, parameters, 0) != 0 && errno != EEXIST)) fprintf(stderr, "init: %s: %s\n", path, strerror(errno));
    if (file >= 0) close(file);
    unlink(path); // Gives its memory back: this file system is memory.
}

// A line a module: its file and, behind a blank, its parameters.
static void load_all(void) {
    FILE *list = fopen("/modules.list", "re");
    char line[512];
    while (list && fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = 0;
        char *parameters = strchr(line, ' ');
        if (parameters) *parameters++ = 0;
        load(line, parameters ? parameters : "");
    }
    if (list) fclose(list);
}

int initrd_main(void) {
    double up = uptime_seconds();
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    load_all();
    const struct timespec pause = {0, 5 * 1000 * 1000};
    for (int waited = 0; access(ROOT_DEVICE, F_OK) != 0 && waited < ROOT_WAIT_MS; waited += 5) nanosleep(&pause, NULL);
    // New groups of a grown file system need no zeroing: the disk behind them reads as zeros.
    if (mount(ROOT_DEVICE, "/root", "ext4", 0, "noinit_itable") != 0) {
        fprintf(stderr, "init: the root disk " ROOT_DEVICE " cannot be mounted: %s\n", strerror(errno));
        return 1; // The kernel panics, and says so on the console.
    }
    if (access("/hand-over", F_OK) == 0) hand_over("/root", up);
    umount2("/dev", MNT_DETACH);
    if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0) {
        fprintf(stderr, "init: the root disk cannot be entered: %s\n", strerror(errno));
        return 1;
    }
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    execl("/sbin/init", "init", NULL);
    fprintf(stderr, "init: /sbin/init: %s\n", strerror(errno));
    return 1;
}
