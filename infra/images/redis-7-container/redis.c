// Redis, for the first process of its container. That it takes connections it says as services of systemd do (sd_notify(3)).
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine.h"

#define PROGRAM "/usr/bin/redis-server"
#define NOTIFY "/tmp/notify"

const int engine_stop_signal = SIGTERM, engine_abort_signal = SIGKILL;

static int notified = -1;

static const char *path_of(const char *folder, const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void stop_listening(void) {
    if (notified >= 0) close(notified);
    notified = -1;
    unlink(NOTIFY);
}

// A rewrite of its log that its death has interrupted. The server does not look for it.
static void remove_unfinished(const char *folder) {
    DIR *data = opendir(path_of(folder, "data"));
    if (data == NULL) return;
    for (struct dirent *file = readdir(data); file != NULL; file = readdir(data))
        if (strncmp(file->d_name, "temp-", 5) == 0) unlinkat(dirfd(data), file->d_name, 0);
    closedir(data);
}

void engine_prepare(const char *folder) {
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = NOTIFY };
    unlink(path_of(folder, "whole"));
    remove_unfinished(folder);

    // Another socket each time: the last server may have said it too.
    stop_listening();
    notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notified < 0 || bind(notified, (struct sockaddr *)&address, sizeof address) != 0) perror(NOTIFY);
}

void engine_become(const char *folder) {
    char settings[512], data[512];
    snprintf(settings, sizeof settings, "%s", path_of(folder, "data/redis.conf"));
    snprintf(data, sizeof data, "%s", path_of(folder, "data"));
    setenv("NOTIFY_SOCKET", NOTIFY, 1);
    execl(PROGRAM, PROGRAM, settings, "--dir", data, NULL);
}

bool engine_is_ready(const char *folder) {
    char said[256];
    (void)folder;
    for (ssize_t length; (length = recv(notified, said, sizeof said - 1, 0)) > 0;) {
        said[length] = '\0';
        if (strstr(said, "READY=1") == NULL) continue;

        // Nobody reads on, and a server whose words are not read would wait.
        stop_listening();
        return true;
    }
    return false;
}

// FOLDER/whole says that its log of writes ends with a whole command.
void engine_ended(const char *folder, int status) {
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return;
    int file = open(path_of(folder, "whole"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) close(file);
}
