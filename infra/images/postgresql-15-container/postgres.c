// PostgreSQL, for the first process of its container.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine.h"

#define PROGRAM "/usr/lib/postgresql/15/bin/postgres"
#define STATUS_LINE 8

const int engine_stop_signal = SIGINT, engine_abort_signal = SIGQUIT;

static const char *path_of(const char *folder, const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

// Whatever a number in it says that another process has now.
void engine_prepare(const char *folder) { unlink(path_of(folder, "data/postmaster.pid")); }

void engine_become(const char *folder) {
    // Where memory ends it is a session that goes, and not the server.
    setenv("PG_OOM_ADJUST_FILE", "/proc/self/oom_score_adj", 1);
    setenv("PG_OOM_ADJUST_VALUE", "500", 1);
    execl(PROGRAM, PROGRAM, "-D", path_of(folder, "data"), NULL);
}

// Its process file says how far it is.
bool engine_is_ready(const char *folder) {
    char line[512] = "";
    FILE *file = fopen(path_of(folder, "data/postmaster.pid"), "re");
    if (file == NULL) return false;
    int at = 0;
    while (at < STATUS_LINE && fgets(line, sizeof line, file) != NULL) at++;
    fclose(file);
    return at == STATUS_LINE && strncmp(line, "ready", 5) == 0;
}

void engine_ended(const char *folder, int status) {
    (void)folder;
    (void)status;
}
