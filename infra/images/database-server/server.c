// The first process of a container that is a database's server: starts and stops it when it is told to, starts it again when it dies, and
// says how much its volume holds. What it does in an engine's own way is in engine.h.
//   server run FOLDER      the first process; the server's files are in FOLDER/data
//   server start           starts the server; ends when it takes connections (0), or with what it said where it ended instead (1)
//   server stop            stops the server in good order; ends when it has ended
//   server reload          has the server read its settings
//   server sync FOLDER     all that was written there is on the volume when it ends
// Beside FOLDER there may be FOLDER-log, another volume.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "engine.h"

#define CONTROL "/tmp/control"
#define USED "/tmp/used"
#define FIRST_LISTENER 3
#define CLIENTS_MAX 8
#define LOOK_MS 20
#define TICK_MS 1000
#define PAUSE_FIRST_MS 100
#define PAUSE_LAST_MS 10000
#define STEADY_MS 60000
#define PATIENCE_MS 50000

// Space that is given up where a full volume would keep the server from recovering.
#define RESERVE_BYTES (32 << 20)
#define NEEDED_BYTES (16 << 20)

struct waiting {
    int socket;
    enum { NOTHING, START, STOP } what;
};

static const char *folder, *log_folder; // The latter NULL where there is none.
static pid_t server;
static bool ready, ending;
static long long started_at, again_at, stop_by;
static int pause_ms = PAUSE_FIRST_MS;
static struct waiting clients[CLIENTS_MAX];

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static const char *path_of(const char *name) {
    static char path[4][512];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
    return path[at];
}

static void say(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    printf("\n");
    fflush(stdout);
}

static void sync_folder(const char *path) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 || syncfs(descriptor) != 0) {
        perror(path);
        exit(1);
    }
    close(descriptor);
}

// --- What outlives the container: of a server that shall run the file 'wanted' says where. In a copy of its volume that is elsewhere.

static bool is_wanted(void) {
    char where[512] = "";
    int file = open(path_of("wanted"), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t length = read(file, where, sizeof where - 1);
    close(file);
    return length > 0 && strcmp(where, folder) == 0;
}

static void want(void) {
    if (is_wanted()) return;
    int file = open(path_of("wanted"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, folder, strlen(folder)) < 0 || fsync(file) != 0) say("It cannot be noted that the server shall run.");
    if (file >= 0) close(file);
}

// --- The volume.

static const char *volume_at(int number) { return number == 0 ? folder : number == 1 ? log_folder : NULL; }

static const char *reserve_of(const char *volume) {
    static char path[512];
    snprintf(path, sizeof path, "%s/reserve", volume);
    return path;
}

static unsigned long long free_bytes(const char *at) {
    struct statvfs volume;
    return statvfs(at, &volume) == 0 ? (unsigned long long)volume.f_bavail * volume.f_frsize : 0;
}

static void keep_reserve(void) {
    const char *volume;
    for (int number = 0; (volume = volume_at(number)) != NULL; number++) {
        const char *reserve = reserve_of(volume);
        struct stat kept;
        if (stat(reserve, &kept) == 0 || free_bytes(volume) < 2ULL * RESERVE_BYTES) continue;
        int file = open(reserve, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0) continue;
        if (posix_fallocate(file, 0, RESERVE_BYTES) != 0) unlink(reserve);
        close(file);
    }
}

static void free_reserve(void) {
    const char *volume;
    for (int number = 0; (volume = volume_at(number)) != NULL; number++)
        if (free_bytes(volume) < NEEDED_BYTES && unlink(reserve_of(volume)) == 0) say("A volume is full: its reserve is given up.");
}

static unsigned long long used_bytes(const char *at) {
    struct statvfs volume;
    struct stat reserve;
    if (statvfs(at, &volume) != 0) return 0;
    unsigned long long used = (unsigned long long)(volume.f_blocks - volume.f_bfree) * volume.f_frsize;
    return stat(reserve_of(at), &reserve) == 0 ? used - (unsigned long long)reserve.st_blocks * 512 : used;
}

static void tell_used(void) {
    static unsigned long long told = ~0ULL;
    const char *volume;
    unsigned long long used = 0;
    for (int number = 0; (volume = volume_at(number)) != NULL; number++) used += used_bytes(volume);
    if (used == told) return;
    FILE *file = fopen(USED ".new", "we");
    if (file == NULL) return;
    fprintf(file, "%llu\n", used);
    if (fclose(file) == 0 && rename(USED ".new", USED) == 0) told = used;
}

// --- The server.

static void start_server(void) {
    char listener[16];
    snprintf(listener, sizeof listener, "%d", FIRST_LISTENER);
    free_reserve();
    keep_reserve();
    engine_prepare(folder);
    ready = false;
    started_at = now_ms();
    server = fork();
    if (server != 0) return;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    if (getenv("LISTEN_FDS") != NULL) {
        setenv("CLOUD_LISTENER", listener, 1);
        setenv("LD_PRELOAD", "/usr/lib/cloud/inherit.so", 1);
    }
    int log = open(path_of("start.log"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, 0);
    if (log >= 0) {
        dup2(log, 1);
        dup2(log, 2);
    }
    umask(077);
    engine_become(folder);
    _exit(127);
}

static void answer(int what, int code) {
    for (int at = 0; at < CLIENTS_MAX; at++) {
        if (clients[at].socket < 0 || (int)clients[at].what != what) continue;
        char byte = (char)code;
        if (write(clients[at].socket, &byte, 1) != 1) say("Who asked is gone.");
        close(clients[at].socket);
        clients[at] = (struct waiting){ .socket = -1 };
    }
}

static bool awaits_start(void) {
    for (int at = 0; at < CLIENTS_MAX; at++) if (clients[at].socket >= 0 && clients[at].what == START) return true;
    return false;
}

static void ended(int status) {
    say("The server ended with %d.", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    server = 0;
    engine_ended(folder, status);
    answer(START, 1);
    answer(STOP, 0);
    if (now_ms() - started_at > STEADY_MS) pause_ms = PAUSE_FIRST_MS;
    again_at = now_ms() + pause_ms;
    pause_ms = pause_ms * 2 > PAUSE_LAST_MS ? PAUSE_LAST_MS : pause_ms * 2;
}

static void reap(void) {
    int status;
    pid_t child;
    while ((child = waitpid(-1, &status, WNOHANG)) > 0) if (child == server) ended(status);
}

static void stop_server(void) {
    unlink(path_of("wanted"));
    if (server == 0) answer(STOP, 0);
    else {
        kill(server, engine_stop_signal);
        stop_by = now_ms() + PATIENCE_MS;
    }
}

// --- Those who ask.

static int open_control(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = CONTROL };
    int control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    unlink(CONTROL);
    umask(077);
    if (control < 0 || bind(control, (struct sockaddr *)&address, sizeof address) != 0 || listen(control, CLIENTS_MAX) != 0) {
        perror(CONTROL);
        exit(1);
    }
    return control;
}

static void hear(int control) {
    char word[16] = "";
    int client = accept4(control, NULL, NULL, SOCK_CLOEXEC), at = 0;
    if (client < 0) return;
    while (at < CLIENTS_MAX && clients[at].socket >= 0) at++;
    struct timeval soon = { .tv_sec = 1 };
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    if (at == CLIENTS_MAX || read(client, word, sizeof word - 1) <= 0) {
        close(client);
        return;
    }
    clients[at].socket = client;
    if (strcmp(word, "start") == 0) {
        clients[at].what = START;
        if (server == 0) start_server();
        else if (ready) answer(START, 0);
    } else if (strcmp(word, "stop") == 0) {
        clients[at].what = STOP;
        stop_server();
    } else {
        clients[at].what = NOTHING;
        if (server != 0) kill(server, SIGHUP);
        answer(NOTHING, server != 0 ? 0 : 1);
    }
}

// Who has gone waits no more: a server that was being started for him is not left to itself, but goes on.
static void forget_gone(void) {
    for (int at = 0; at < CLIENTS_MAX; at++) {
        struct pollfd gone = { .fd = clients[at].socket, .events = POLLRDHUP };
        if (clients[at].socket < 0 || poll(&gone, 1, 0) != 1 || !(gone.revents & (POLLRDHUP | POLLHUP | POLLERR))) continue;
        close(clients[at].socket);
        clients[at] = (struct waiting){ .socket = -1 };
    }
}

static void look(void) {
    long long now = now_ms();
    forget_gone();
    if (server != 0 && !ready && engine_is_ready(folder)) {
        ready = true;
        say("The server takes connections.");
        if (!stop_by) want();
        answer(START, 0);
    }
    if (server != 0 && stop_by && now > stop_by) {
        kill(server, engine_abort_signal);
        stop_by = now + PATIENCE_MS;
    }
    if (server == 0) {
        stop_by = 0;
        if (!ending && now >= again_at && !awaits_start() && is_wanted()) start_server();
    }
}

static int run(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    for (int at = 0; at < CLIENTS_MAX; at++) clients[at].socket = -1;
    int heard = signalfd(-1, &signals, SFD_CLOEXEC), control = open_control();
    long long tick = 0;
    say("Ready.");
    while (!ending || server != 0) {
        look();
        if (now_ms() >= tick) {
            tell_used();
            if (server != 0) keep_reserve();
            tick = now_ms() + TICK_MS;
        }
        struct pollfd sources[] = { { .fd = heard, .events = POLLIN }, { .fd = control, .events = POLLIN } };
        poll(sources, 2, (server != 0 && !ready) || stop_by ? LOOK_MS : server == 0 && is_wanted() ? PAUSE_FIRST_MS : TICK_MS);
        struct signalfd_siginfo signal;
        if (sources[0].revents && read(heard, &signal, sizeof signal) == sizeof signal) {
            if (signal.ssi_signo == SIGCHLD) reap();
            else if (!ending) {
                // With the container ends its server, to come up with it.
                ending = true;
                if (server != 0) kill(server, engine_stop_signal);
                stop_by = now_ms() + PATIENCE_MS;
            }
        }
        if (sources[1].revents) hear(control);
    }
    sync_folder(folder);
    if (log_folder != NULL) sync_folder(log_folder);
    return 0;
}

static int ask(const char *word) {
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = CONTROL };
    char code;
    int control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (control < 0 || connect(control, (struct sockaddr *)&address, sizeof address) != 0) {
        perror(CONTROL);
        return 2;
    }
    if (write(control, word, strlen(word)) < 0 || read(control, &code, 1) != 1) {
        fprintf(stderr, "The first process does not answer.\n");
        return 2;
    }
    return code;
}

int main(int count, char **words) {
    if (count == 3 && strcmp(words[1], "run") == 0) {
        static char beside[512];
        folder = words[2];
        snprintf(beside, sizeof beside, "%s-log", folder);
        log_folder = access(beside, F_OK) == 0 ? beside : NULL;
        return run();
    }
    if (count == 3 && strcmp(words[1], "sync") == 0) {
        sync_folder(words[2]);
        return 0;
    }
    if (count == 2) return ask(words[1]);
    fprintf(stderr, "server run FOLDER | start | stop | reload | sync FOLDER\n");
    return 2;
}
