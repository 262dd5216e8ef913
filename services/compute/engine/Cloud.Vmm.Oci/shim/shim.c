// cloud-shim: holds one container. It outlives the agent as QEMU does for a virtual machine: it shows the container its files, has runc
// create and start it, moves its frames and its terminal's bytes, keeps the sockets that listen for it, and writes down how it ended. It is
// the parent that the container's first process has.
//
//   CONTROL   "created PID" is said; "go" is waited for; "started" is said, or "error WHY" at any time
//   SIGUSR1   ends the container and starts it anew
//   mapped    another word: runs a program in the user namespace of an ordinary user's containers; "own" is one, in a folder
//   exit      the file "exit" in the machine's folder: "code N", "signal N", "memory" where it took more than it may, or "storage" where what
//             has its volumes' files open ended under it
#define _GNU_SOURCE
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK_BYTES 4096
#define DAEMON_LOOKS 500

static struct options options = { .port_folder = -1, .commands = -1, .prefix = 20, .owner = "0:0" };
static pid_t container, storage;
static int terminal = -1, card = -1, end_of_switch = -1, client = -1, signals = -1;
static bool told, failing, out_of_memory, storage_lost;
static const char *first_user, *first_group;
static char memory_events[1200];

void say(int to, const char *format, ...) {
    char line[1024];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line - 1, format, values);
    va_end(values);
    if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
    line[length++] = '\n';
    if (send(to, line, (size_t)length, MSG_NOSIGNAL) < 0) { /* Nobody is there any more; an agent that comes later looks by itself. */ }
}

// What has volumes' files open is a child of the shim, as its own parent has ended.
static void find_daemon(void) {
    FILE *file = options.daemon_id ? fopen(options.daemon_id, "re") : NULL;
    if (file == NULL) return;
    if (fscanf(file, "%d", &storage) != 1) storage = 0;
    fclose(file);
}

// It writes what it has and ends.
static void end_daemon(void) {
    if (storage == 0) find_daemon();
    if (!storage_lost && storage > 1 && kill(storage, SIGTERM) == 0)
        for (int look = 0; look < DAEMON_LOOKS && waitpid(storage, NULL, WNOHANG) == 0; look++) usleep(10000);
    if (options.daemon_id) unlink(options.daemon_id);
}

static void delete_container(void) {
    run((char *[]){ (char *)options.runc, "--root", "runc", "delete", "--force", (char *)options.id, NULL });
    if (container > 0) while (waitpid(container, NULL, 0) < 0 && errno == EINTR) { }
    container = 0;
    if (terminal >= 0) close(terminal);
    if (card >= 0) close(card);
    terminal = card = -1;
}

static void leave(int code) {
    unmount_volumes(&options);
    end_daemon();
    exit(code);
}

void fail(const char *format, ...) {
    char why[512];
    va_list values;
    va_start(values, format);
    vsnprintf(why, sizeof why, format, values);
    va_end(values);
    if (told) fprintf(stderr, "%s\n", why);
    if (failing) _exit(1);
    failing = true;
    if (container > 0) delete_container();
    unmount_volumes(&options);
    end_daemon();
    if (!told) say(CONTROL, "error %s", why);
    _exit(1);
}

// Sockets become a child's descriptors from 3 on. Its others are closed when it becomes another program.
static void take_sockets(const int *sockets, int count) {
    int moved[LISTENERS_MAX];
    for (int i = 0; i < count; i++) moved[i] = fcntl(sockets[i], F_DUPFD_CLOEXEC, 3 + LISTENERS_MAX);
    for (int i = 0; i < count; i++) if (dup2(moved[i], 3 + i) < 0) _exit(126);
}

// One that makes a user namespace gives it at most so many tasks, where not 0.
static int run_with(char *const command[], unsigned tasks, const int *sockets, int count) {
    pid_t child = fork();
    if (child < 0) fail("fork: %s", strerror(errno));
    if (child == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        struct rlimit limit = { tasks, tasks };
        if (tasks > 0) setrlimit(RLIMIT_NPROC, &limit);
        take_sockets(sockets, count);
        execv(command[0], command);
        _exit(127);
    }
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) { }
    return status;
}

// What it says goes to the shim's standard error.
int run(char *const command[]) {
    return run_with(command, 0, NULL, 0);
}

int run_listening(char *const command[], int socket) {
    return run_with(command, 0, &socket, 1);
}

// Where the kernel counts what it ended for want of memory: in v1 and in v2.
static void find_memory_events(void) {
    char line[512], at[1200];
    snprintf(at, sizeof at, "/proc/%d/cgroup", container);
    FILE *file = fopen(at, "re");
    memory_events[0] = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *path = strrchr(line, ':');
        bool legacy = strstr(line, ":memory:") != NULL;
        if (path == NULL || strstr(path, options.id) == NULL || (!legacy && strstr(line, "::") == NULL)) continue;
        const char *folder = legacy ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup", *name = legacy ? "memory.oom_control" : "memory.events";
        const char *paths[] = { path + 1, strrchr(path, '/') };
        for (int i = 0; i < 2 && paths[i]; i++) {
            snprintf(at, sizeof at, "%s%s/%s", folder, paths[i], name);
            if (access(at, R_OK) == 0) {
                snprintf(memory_events, sizeof memory_events, "%s", at);
                break;
            }
        }
        if (memory_events[0] != 0) break;
    }
    if (file != NULL) fclose(file);
}

static bool ran_out_of_memory(void) {
    char line[128];
    int count = 0;
    FILE *file = memory_events[0] != 0 ? fopen(memory_events, "re") : NULL;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "oom_kill %d", &count) == 1) break;
    if (file != NULL) fclose(file);
    return count > 0;
}

// The first process that is moved between cgroups after a while waits until every processor has passed through the kernel: 8 ms measured. That
// wait begins here, by a move to where the process is already, and is over when runc moves the container's.
static void begin_moves(void) {
    char line[512], at[600];
    if (fork() != 0) return;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        const char *mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        for (int i = 0; i < 2 && strncmp(line, "0::", 3) == 0; i++) {
            snprintf(at, sizeof at, "%s%s/cgroup.procs", mounts[i], line + 3);
            int procs = open(at, O_WRONLY | O_CLOEXEC);
            if (procs >= 0 && dprintf(procs, "%d", getpid()) > 0) _exit(0);
        }
    }
    _exit(1); // Then the container's process waits.
}

static void create_container(void) {
    int listener = listen_for_terminal("pty.sock");
    char kept[16];
    snprintf(kept, sizeof kept, "%d", options.listener_count);
    if (run_with((char *[]){ (char *)options.runc, "--root", "runc", "create", "--bundle", ".", "--console-socket", "pty.sock",
        "--pid-file", "container.pid", "--preserve-fds", kept, (char *)options.id, NULL }, options.tasks, options.listeners,
        options.listener_count) != 0) fail("The container could not be made.");
    terminal = receive_terminal(listener);
    close(listener);
    unlink("pty.sock");
    FILE *file = fopen("container.pid", "re");
    if (file == NULL || fscanf(file, "%d", &container) != 1) fail("runc did not say which process the container is.");
    fclose(file);
    find_memory_events();
    if (options.port_folder >= 0) card = open_card(container, &options);
}

// The container's first process waits for a reader of its FIFO. "runc start" is to be one, and a start of runc dearer.
static bool let_go_on(void) {
    char path[600], byte;
    snprintf(path, sizeof path, "runc/%s/exec.fifo", options.id);
    int fifo = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), process = (int)syscall(SYS_pidfd_open, container, 0);
    struct pollfd polled[] = { { fifo, POLLIN, 0 }, { process, POLLIN, 0 } };
    while (fifo >= 0 && process >= 0 && poll(polled, 2, -1) < 0 && errno == EINTR) { }
    bool goes_on = fifo >= 0 && read(fifo, &byte, 1) == 1 && unlink(path) == 0;
    if (fifo >= 0) close(fifo);
    if (process >= 0) close(process);
    return goes_on;
}

static void start_container(void) {
    if (!let_go_on() && run((char *[]){ (char *)options.runc, "--root", "runc", "start", (char *)options.id, NULL }) != 0)
        fail("The container could not be started.");
}

static void write_exit(int status) {
    FILE *file = fopen("exit.new", "we");
    if (file == NULL) return;
    if (storage_lost) fprintf(file, "storage\n");
    else if (WIFSIGNALED(status) && out_of_memory) fprintf(file, "memory\n");
    else if (WIFSIGNALED(status)) fprintf(file, "signal %d\n", WTERMSIG(status));
    else fprintf(file, "code %d\n", WEXITSTATUS(status));
    fclose(file);
    rename("exit.new", "exit");
}

static void show(const char *bytes, ssize_t length) {
    if (write(CONSOLE_LOG, bytes, (size_t)length) < 0) { /* The disk is full: the container goes on. */ }
    if (client >= 0) send(client, bytes, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Takes what the terminal still holds of a container that has ended.
static void drain_terminal(void) {
    char bytes[CHUNK_BYTES];
    ssize_t length;
    while (terminal >= 0 && (length = read(terminal, bytes, sizeof bytes)) > 0) show(bytes, length);
}

// Answers whether the container has ended; what it was is in status.
static bool take_signals(bool *anew, int *status) {
    struct signalfd_siginfo signal;
    bool ended = false;
    while (read(signals, &signal, sizeof signal) == sizeof signal)
        if (signal.ssi_signo == SIGUSR1) {
            *anew = true;
            kill(container, SIGKILL);
        }
    int one;
    pid_t id;
    while ((id = waitpid(-1, &one, WNOHANG)) > 0)
        if (id == container) {
            ended = true;
            *status = one;
        } else if (id == storage) {
            // Nothing that it writes from here on would be kept.
            storage_lost = true;
            kill(container, SIGKILL);
        } else if (WIFSIGNALED(one)) thaw_volumes(&options); // One that was asked something, and may have had them frozen.
    return ended;
}

static void take_terminal(void) {
    char bytes[CHUNK_BYTES];
    ssize_t length = read(terminal, bytes, sizeof bytes);
    if (length > 0) show(bytes, length);
    else if (length == 0 || (errno != EAGAIN && errno != EINTR)) {
        // Nobody in the container has it open. It may be opened anew only by a new start.
        close(terminal);
        terminal = -1;
    }
}

static void take_client(void) {
    char bytes[CHUNK_BYTES];
    ssize_t length = recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
    if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) {
        close(client);
        client = -1;
    } else if (length > 0 && terminal >= 0 && write(terminal, bytes, (size_t)length) < 0) { /* It does not read what is typed. */ }
}

static void accept_client(void) {
    int next = accept4(CONSOLE_LISTEN, NULL, NULL, SOCK_CLOEXEC);
    if (next < 0) return;
    if (client >= 0) close(client);
    client = next;
}

// In a process of its own: what is asked may take a while.
static void accept_command(void) {
    int next = accept4(options.commands, NULL, NULL, SOCK_CLOEXEC);
    if (next >= 0 && fork() == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        failing = true; // What fails here ends this process alone.
        dup2(next, CONTROL);
        close_range(CONTROL + 1, ~0U, 0);
        serve_command(CONTROL, &options);
        _exit(0);
    }
    if (next >= 0) close(next);
}

// Until the container has ended for good.
static int serve(void) {
    bool anew = false;
    for (;;) {
        struct pollfd polled[] = {
            { signals, POLLIN, 0 }, { card, POLLIN, 0 }, { card >= 0 ? end_of_switch : -1, POLLIN, 0 }, { terminal, POLLIN, 0 },
            { CONSOLE_LISTEN, POLLIN, 0 }, { client, POLLIN, 0 }, { options.commands, POLLIN, 0 } };
        if (poll(polled, sizeof polled / sizeof *polled, -1) < 0 && errno != EINTR) fail("poll: %s", strerror(errno));
        int status = 0;
        if (polled[0].revents && take_signals(&anew, &status)) {
            drain_terminal();
            out_of_memory = ran_out_of_memory();
            delete_container();
            if (!anew || storage_lost) return status;
            anew = false;
            create_container();
            start_container();
            continue;
        }
        if ((polled[1].revents || polled[2].revents) && !forward(card, end_of_switch, options.port_folder)) {
            close(card);
            card = -1;
        }
        if (polled[3].revents) take_terminal();
        if (polled[4].revents) accept_client();
        if (polled[5].revents) take_client();
        if (polled[6].revents) accept_command();
    }
}

static void read_options(int count, char **words) {
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = words[i], *value = words[i + 1];
        if (!strcmp(name, "runc")) options.runc = value;
        else if (!strcmp(name, "id")) options.id = value;
        else if (!strcmp(name, "users")) first_user = value;
        else if (!strcmp(name, "groups")) first_group = value;
        else if (!strcmp(name, "tasks")) options.tasks = (unsigned)strtoul(value, NULL, 10);
        else if (!strcmp(name, "base")) options.base = (unsigned)strtoul(value, NULL, 10);
        else if (!strcmp(name, "layer") && options.layer_count < LAYERS_MAX) options.layers[options.layer_count++] = value;
        else if (!strcmp(name, "bind") && options.bind_count < BINDS_MAX) options.binds[options.bind_count++] = value;
        else if (!strcmp(name, "volume") && options.volume_count < VOLUMES_MAX) options.volumes[options.volume_count++].file = value;
        else if (!strcmp(name, "volume-read-only") && options.volume_count < VOLUMES_MAX)
            options.volumes[options.volume_count++] = (struct volume){ .file = value, .read_only = true };
        else if (!strcmp(name, "volume-write-through") && options.volume_count < VOLUMES_MAX)
            options.volumes[options.volume_count++] = (struct volume){ .file = value, .write_through = true };
        else if (!strcmp(name, "daemon-word") && options.daemon_count < WORDS_MAX) options.daemon[options.daemon_count++] = (char *)value;
        else if (!strcmp(name, "daemon")) options.daemon_id = value;
        else if (!strcmp(name, "daemon-socket")) options.daemon_socket = atoi(value);
        else if (!strcmp(name, "commands")) options.commands = atoi(value);
        else if (!strcmp(name, "owner")) options.owner = value;
        else if (!strcmp(name, "port-folder")) options.port_folder = atoi(value);
        else if (!strcmp(name, "listener") && options.listener_count < LISTENERS_MAX)
            options.listeners[options.listener_count++] = atoi(value);
        else if (!strcmp(name, "mac")) options.mac = value;
        else if (!strcmp(name, "address")) options.address = value;
        else if (!strcmp(name, "gateway")) options.gateway = value;
        else if (!strcmp(name, "prefix")) options.prefix = (unsigned)strtoul(value, NULL, 10);
        else fail("The shim does not know '%s', or has too many of it.", name);
    }
    options.mapped = first_user != NULL && first_group != NULL;
    if (!options.runc || !options.id || !options.base || !options.layer_count) fail("The shim was not told all that it must know.");
}

// Runs a program where an ordinary user's sub-ids are seen: USERS GROUPS PROGRAM…
static int run_mapped(char **words) {
    told = true;
    enter_user_namespace(words[0], words[1]);
    execvp(words[2], words + 2);
    fail("%s cannot be started: %s", words[2], strerror(errno));
}

int main(int count, char **words) {
    if (count > 1 && !strcmp(words[1], "probe")) return 0; // Run in a container, as the driver's probe.
    if (count > 4 && !strcmp(words[1], "mapped")) return run_mapped(words + 2);
    if (count > 2 && !strcmp(words[1], "own")) {
        told = true;
        give_owners(words[2]);
        return 0;
    }
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGUSR1);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    signal(SIGPIPE, SIG_IGN);
    for (int number = CONTROL; number < 64; number++) fcntl(number, F_SETFD, FD_CLOEXEC);
    read_options(count, words);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) fail("prctl: %s", strerror(errno));
    if (options.mapped) enter_user_namespace(first_user, first_group);
    begin_moves();
    mount_all(&options);
    find_daemon();
    if (options.port_folder >= 0) end_of_switch = open_switch_socket(options.port_folder);
    create_container();
    say(CONTROL, "created %d", container);
    char go[3];
    if (recv(CONTROL, go, sizeof go, MSG_WAITALL) != sizeof go) fail("The agent went away before the start.");
    start_container();
    told = true;
    say(CONTROL, "started");
    close(CONTROL);
    int status = serve();
    write_exit(status);
    leave(0);
}
