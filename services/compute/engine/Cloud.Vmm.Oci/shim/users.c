// An ordinary user's way to users of his own: a user namespace in which he is root and the range of ids that /etc/subuid and /etc/subgid give
// him follows from 1 on. The kernel takes such a map from newuidmap(1) and newgidmap(1) alone.
#define _GNU_SOURCE
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool map_ids(const char *program, const char *process, unsigned own, const char *first) {
    char own_text[16];
    snprintf(own_text, sizeof own_text, "%u", own);
    return run((char *[]){ (char *)program, (char *)process, "0", own_text, "1", "1", (char *)first, IDS_TEXT, NULL }) == 0;
}

// A child that stays outside has the map written once this process is inside.
void enter_user_namespace(const char *first_user, const char *first_group) {
    int inside[2];
    char process[16], one = 0;
    unsigned user = geteuid(), group = getegid();
    snprintf(process, sizeof process, "%d", getpid());
    if (pipe2(inside, O_CLOEXEC) != 0) fail("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) fail("fork: %s", strerror(errno));
    if (child == 0) {
        close(inside[1]);
        if (read(inside[0], &one, 1) != 1) _exit(1);
        _exit(map_ids("/usr/bin/newuidmap", process, user, first_user) && map_ids("/usr/bin/newgidmap", process, group, first_group) ? 0 : 2);
    }
    close(inside[0]);
    if (unshare(CLONE_NEWUSER) != 0) fail("This host gives its users no user namespaces: %s", strerror(errno));
    int status = 0;
    if (write(inside[1], &one, 1) != 1 || waitpid(child, &status, 0) < 0 || status != 0)
        fail("newuidmap and newgidmap (Debian's package uidmap) do not map the range of ids that this user has.");
    close(inside[1]);
    if (setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) fail("setuid: %s", strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("prctl: %s", strerror(errno));
}

// The folder that a path of the list lies in; never by a link, and never outside.
static int open_above(int root, const char *path, const char *end) {
    char above[4096];
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
    snprintf(above, sizeof above, "%.*s", end == NULL ? 1 : (int)(end - path), end == NULL ? "." : path);
    return (int)syscall(SYS_openat2, root, above, &how, sizeof how);
}

// What was unpacked as this namespace's root gets its owners and modes: "USER GROUP MODE PATH" with a NUL after each, USER and GROUP of this
// namespace, MODE in octal or - for a link.
void give_owners(const char *folder) {
    int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) fail("The folder cannot be opened: %s", strerror(errno));
    char *record = NULL;
    size_t size = 0;
    while (getdelim(&record, &size, 0, stdin) > 0) {
        unsigned user, group;
        char mode[16];
        int at = 0;
        if (sscanf(record, "%u %u %15s %n", &user, &group, mode, &at) != 3 || at == 0) fail("'%s' is no entry of a list of owners.", record);
        const char *path = record + at, *end = strrchr(path, '/');
        int above = open_above(root, path, end);
        const char *name = end == NULL ? path : end + 1;
        if (above < 0 || fchownat(above, *name ? name : ".", user, group, AT_SYMLINK_NOFOLLOW) != 0)
            fail("An entry of a layer could not be given its owner: %s", strerror(errno));
        // After the owner, which takes the bits away that matter.
        if (*mode != '-' && fchmodat(above, *name ? name : ".", (mode_t)strtoul(mode, NULL, 8), 0) != 0)
            fail("An entry of a layer could not be given its mode: %s", strerror(errno));
        close(above);
    }
    free(record);
    close(root);
}
