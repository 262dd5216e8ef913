// Runs the user data once per instance. A process of its own stands between it and init, so that a console that takes its time holds
// only the script up: it copies what the script prints to the console and the log, byte for byte.
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT STATE_FOLDER "/user-data"
#define RESULT STATE_FOLDER "/user-data.result"
#define LOG "/var/log/user-data.log"
#define LOG_LENGTH_MAX (16 * 1024 * 1024)
#define STARTED (-2)

// Two lines: the exit code, negative where there is none, and what went wrong, if it did. While it runs the code is STARTED.
void user_data_keep(const struct user_data_result *result) {
    char text[400];
    snprintf(text, sizeof text, "%d\n%s\n", result->exit_code, result->error);
    file_write_text(RESULT ".new", 0600, text);
    rename(RESULT ".new", RESULT);
    if (result->exit_code != STARTED) sync(); // What is reported as done is not done again, whatever happens to the machine.
}

void user_data_recall(struct user_data_result *result) {
    char *text = file_read(RESULT, 400, NULL);
    memset(result, 0, sizeof *result);
    if (!text) return;
    result->present = true;
    result->exit_code = -1;
    sscanf(text, "%d\n%299[^\n]", &result->exit_code, result->error);
    if (result->exit_code == STARTED) {
        result->exit_code = -1;
        snprintf(result->error, sizeof result->error, "The machine was stopped while the user data ran. It is not run again.");
    }
    free(text);
}

static void copy_on(int console, int log, long long *logged, const char *bytes, size_t length) {
    if (*logged + (long long)length <= LOG_LENGTH_MAX && write(log, bytes, length) > 0) *logged += (long long)length;
    while (length > 0) {
        ssize_t written = write(console, bytes, length);
        if (written < 0 && errno != EINTR) return;
        if (written > 0) bytes += written, length -= (size_t)written;
    }
}

static void run_script(int output) __attribute__((noreturn));
static void run_script(int output) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    dup2(output, 1);
    dup2(output, 2);
    execl(SCRIPT, SCRIPT, NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

static const char *missing_interpreter(const struct seed *seed, char *path, size_t size) {
    size_t length = strcspn(seed->user_data, "\r\n");
    const char *start = seed->user_data + 2;
    while (start < seed->user_data + length && (*start == ' ' || *start == '\t')) start++;
    size_t name = strcspn(start, " \t\r\n");
    if (name == 0 || name >= size) return NULL;
    memcpy(path, start, name);
    path[name] = 0;
    return access(path, X_OK) == 0 ? NULL : path;
}

static void tell(int told, struct user_data_result *result, int status) {
    result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    user_data_keep(result);
    if (write(told, result, sizeof *result) < 0) perror("init: user data");
    close(told);
}

// Copies on after the script's own end for as long as something it left running can print.
static void watch(int output, int told, pid_t script, int signals) {
    struct user_data_result result = {.present = true};
    int log = open(LOG, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), status;
    long long logged = 0;
    bool running = true, open_output = true;
    static char bytes[16 * 1024];
    while (running || open_output) {
        struct pollfd waits[2] = {{open_output ? output : -1, POLLIN, 0}, {signals, POLLIN, 0}};
        if (poll(waits, 2, -1) < 0) continue;
        if (waits[0].revents) {
            ssize_t got = read(output, bytes, sizeof bytes);
            if (got > 0) copy_on(1, log, &logged, bytes, (size_t)got);
            else open_output = false;
            if (got > 0) continue; // What was printed before the end stands on the console before the end is told.
        }
        if (waits[1].revents) {
            struct signalfd_siginfo signal;
            if (read(signals, &signal, sizeof signal) < 0) continue;
        }
        if (running && waitpid(script, &status, WNOHANG) == script) {
            running = false;
            tell(told, &result, status);
        }
    }
}

static void run_and_watch(int told) __attribute__((noreturn));
static void run_and_watch(int told) {
    int output[2];
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_SETMASK, &ended, NULL);
    int signals = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
    if (pipe2(output, O_CLOEXEC) != 0) _exit(1);
    pid_t script = fork();
    if (script == 0) run_script(output[1]);
    close(output[1]);
    watch(output[0], told, script, signals);
    _exit(0);
}

static int refuse(struct user_data_result *result) {
    user_data_keep(result);
    return -1;
}

int user_data_start(const struct seed *seed, struct user_data_result *result) {
    user_data_recall(result);
    if (result->present) return -1;
    if (!seed->user_data || seed->user_data_length == 0) return -1;
    result->present = true;
    result->exit_code = -1;
    char path[256];
    int told[2];
    if (strncmp(seed->user_data, "#!", 2) != 0) {
        snprintf(result->error, sizeof result->error, "This image runs user data that is a script: its first line must start with '#!'.");
        return refuse(result);
    }
    if (missing_interpreter(seed, path, sizeof path)) {
        snprintf(result->error, sizeof result->error, "The user data asks for %.200s, which this image does not have; it has /bin/sh.", path);
        result->exit_code = 127;
        return refuse(result);
    }
    if (!file_write(SCRIPT, 0700, seed->user_data, seed->user_data_length) || pipe2(told, O_CLOEXEC) != 0) {
        snprintf(result->error, sizeof result->error, "The user data could not be stored: %s", strerror(errno));
        return -1;
    }
    user_data_keep(&(struct user_data_result){.exit_code = STARTED});
    pid_t watcher = fork();
    if (watcher == 0) run_and_watch(told[1]);
    close(told[1]);
    return told[0];
}

void user_data_wait(int told, struct user_data_result *result) {
    if (read(told, result, sizeof *result) != sizeof *result)
        *result = (struct user_data_result){.present = true, .exit_code = -1, .error = "What ran the user data was killed."};
    close(told);
}

void user_data_report(const struct user_data_result *result) {
    if (result->present) report_phase("user-data", uptime_seconds(), result->exit_code, result->error[0] ? result->error : NULL);
    if (result->error[0]) printf("init: %s\n", result->error);
    else if (result->present && result->exit_code != 0) printf("init: the user data exited with %d\n", result->exit_code);
    report_phase("ready", uptime_seconds(), -1, NULL);
}
