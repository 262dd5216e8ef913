#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEVICES_MAX 16
#define TERMINATE_WAIT_MS 5000
#define KILL_WAIT_MS 1000
#define MOUNTS_MAX 256

int power_buttons_open(int *descriptors, int max) {
    int found = 0;
    for (int i = 0; i < DEVICES_MAX && found < max; i++) {
        char path[32];
        unsigned char keys[KEY_MAX / 8 + 1] = {0};
        snprintf(path, sizeof path, "/dev/input/event%d", i);
        int device = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (device < 0) continue;
        if (ioctl(device, EVIOCGBIT(EV_KEY, sizeof keys), keys) >= 0 && keys[KEY_POWER / 8] & 1 << KEY_POWER % 8) descriptors[found++] = device;
        else close(device);
    }
    return found;
}

bool power_button_pressed(int descriptor) {
    struct input_event event;
    bool pressed = false;
    while (read(descriptor, &event, sizeof event) == sizeof event) pressed |= event.type == EV_KEY && event.code == KEY_POWER && event.value == 1;
    return pressed;
}

// Waits for the end of every process but this one.
static bool all_ended(int wait_ms) {
    const struct timespec pause = {0, 10 * 1000 * 1000};
    for (int waited = 0; waited < wait_ms; waited += 10) {
        pid_t ended;
        while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) continue;
        if (ended < 0 && errno == ECHILD) return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

// The last mounted first.
static void unmount_all(void) {
    static char *points[MOUNTS_MAX];
    int count = 0;
    char line[1024], point[512];
    FILE *mounts = fopen("/proc/mounts", "re");
    while (mounts && count < MOUNTS_MAX && fgets(line, sizeof line, mounts))
        if (sscanf(line, "%*s %511s", point) == 1 && strcmp(point, "/") != 0 && strncmp(point, "/proc", 5) != 0 && strncmp(point, "/dev", 4) != 0)
            points[count++] = strdup(point);
    if (mounts) fclose(mounts);
    while (count-- > 0) umount2(points[count], UMOUNT_NOFOLLOW);
}

void shut_down(int how) {
    printf("init: %s\n", how == RB_AUTOBOOT ? "rebooting" : "powering off");
    fflush(stdout);
    kill(-1, SIGTERM);
    kill(-1, SIGCONT);
    if (!all_ended(TERMINATE_WAIT_MS)) {
        kill(-1, SIGKILL);
        all_ended(KILL_WAIT_MS);
    }
    sync();
    unmount_all();
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) perror("init: the root disk could not be made read-only");
    sync();
    reboot(how);
    _exit(1);
}
