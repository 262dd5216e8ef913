// guest-exec: programs run for the host, without a shell.
#include "agent.h"
#include "base64.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAMS_MAX 16
#define OUTPUT_MAX (4 * 1024 * 1024)
#define ARGUMENTS_MAX 1024

struct stream {
    int descriptor;
    unsigned char *bytes;
    size_t length, room, done;
    bool cut;
};

struct program {
    pid_t pid; // 0: a free place.
    bool ended, captured;
    int status;
    struct stream input, output, error;
};

static struct program programs[PROGRAMS_MAX];

static void close_stream(struct stream *stream) {
    if (stream->descriptor >= 0) close(stream->descriptor);
    stream->descriptor = -1;
}

static void forget(struct program *program) {
    struct stream *streams[] = {&program->input, &program->output, &program->error};
    for (int i = 0; i < 3; i++) {
        close_stream(streams[i]);
        free(streams[i]->bytes);
    }
    *program = (struct program){.input.descriptor = -1, .output.descriptor = -1, .error.descriptor = -1};
}

static bool is_over(const struct program *program) { return program->ended && program->output.descriptor < 0 && program->error.descriptor < 0; }

// A free place; else that of a program which ended and nobody asked for.
static struct program *find_place(void) {
    for (int i = 0; i < PROGRAMS_MAX; i++)
        if (programs[i].pid == 0) return forget(&programs[i]), &programs[i];
    for (int i = 0; i < PROGRAMS_MAX; i++)
        if (is_over(&programs[i])) return forget(&programs[i]), &programs[i];
    return NULL;
}

// path, the strings of the list, NULL. The strings stay the list's.
static char **make_list(const char *path, const struct json *list) {
    size_t count = 0;
    if (list && list->kind != JSON_ARRAY) return NULL;
    for (const struct json *item = list ? list->first : NULL; item; item = item->next)
        if (item->kind != JSON_STRING || ++count > ARGUMENTS_MAX) return NULL;
    char **strings = calloc(count + 2, sizeof *strings), **next = strings;
    if (strings && path) *next++ = (char *)path;
    for (const struct json *item = list ? list->first : NULL; strings && item; item = item->next) *next++ = item->text;
    return strings;
}

static void become(const char *path, char **arguments, char **environment, const int *ends, int failed) __attribute__((noreturn));
static void become(const char *path, char **arguments, char **environment, const int *ends, int failed) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    for (int i = 0; i < 3; i++)
        if (ends[i] >= 0) dup2(ends[i], i);
    if (environment) execvpe(path, arguments, environment);
    else execvp(path, arguments);
    int reason = errno;
    _exit(write(failed, &reason, sizeof reason) < 0 ? 126 : 127);
}

// Both ends, the agent's not blocking; -1 for each where it is not wanted.
static bool make_pipe(bool wanted, bool agent_writes, int *agent_end, int *program_end) {
    int ends[2];
    *agent_end = *program_end = -1;
    if (!wanted) return true;
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    *agent_end = ends[agent_writes ? 1 : 0];
    *program_end = ends[agent_writes ? 0 : 1];
    return fcntl(*agent_end, F_SETFL, O_NONBLOCK) == 0;
}

static bool start(struct program *program, const char *path, char **arguments, char **environment, struct answer *answer) {
    int ends[3] = {-1, -1, -1}, failed[2] = {-1, -1}, reason = 0;
    bool good = make_pipe(program->input.bytes != NULL, true, &program->input.descriptor, &ends[0])
        && make_pipe(program->captured, false, &program->output.descriptor, &ends[1])
        && make_pipe(program->captured, false, &program->error.descriptor, &ends[2]) && pipe2(failed, O_CLOEXEC) == 0;
    if (good) program->pid = fork();
    else reason = errno;
    if (good && program->pid == 0) become(path, arguments, environment, ends, failed[1]);
    if (good && program->pid < 0) reason = errno;
    for (int i = 0; i < 3; i++)
        if (ends[i] >= 0) close(ends[i]);
    if (failed[1] >= 0) close(failed[1]);
    // Closed unread by a program that runs.
    if (good && program->pid > 0 && read(failed[0], &reason, sizeof reason) == sizeof reason) waitpid(program->pid, NULL, 0);
    if (failed[0] >= 0) close(failed[0]);
    if (reason == 0) return true;
    answer_error(answer, "Failed to execute '%.100s': %s", path, strerror(reason));
    return false;
}

static bool take_input(struct program *program, const struct json *arguments, struct answer *answer) {
    const struct json *input = json_get(arguments, "input-data");
    if (!input) return true;
    if (json_string(input)) program->input.bytes = base64_decode(input->text, &program->input.length);
    if (program->input.bytes) return true;
    answer_error(answer, "'input-data' must be base64");
    return false;
}

void exec_start(const struct json *arguments, struct answer *answer) {
    const char *path = json_string(json_get(arguments, "path"));
    const struct json *capture = json_get(arguments, "capture-output"), *given = json_get(arguments, "env");
    struct program *program = find_place();
    if (!path || !*path) return answer_error(answer, "'path' must be a program's path");
    if (!program) return answer_error(answer, "%d programs run already", PROGRAMS_MAX);
    char **strings = make_list(path, json_get(arguments, "arg")), **environment = given ? make_list(NULL, given) : NULL;
    program->captured = capture && capture->kind == JSON_BOOL && capture->truth;
    if (!strings || (given && !environment)) answer_error(answer, "'arg' and 'env' must be lists of strings, at most %d", ARGUMENTS_MAX);
    else if (take_input(program, arguments, answer) && start(program, path, strings, environment, answer))
        json_printf(&answer->value, "{\"pid\":%d}", program->pid);
    if (answer->error[0]) forget(program);
    free(strings);
    free(environment);
}

static void append_stream(struct json_text *text, const char *name, const struct stream *stream) {
    if (stream->length == 0) return;
    json_printf(text, ",\"%s-data\":", name);
    base64_quote(text, stream->bytes, stream->length);
    if (stream->cut) json_printf(text, ",\"%s-truncated\":true", name);
}

void exec_status(const struct json *arguments, struct answer *answer) {
    int64_t pid;
    struct program *program = NULL;
    if (json_integer(json_get(arguments, "pid"), &pid) && pid > 0)
        for (int i = 0; i < PROGRAMS_MAX; i++)
            if (programs[i].pid == pid) program = &programs[i];
    if (!program) return answer_error(answer, "'pid' is of no program that was started here");
    exec_reap();
    if (!is_over(program)) {
        json_printf(&answer->value, "{\"exited\":false}");
        return;
    }
    json_printf(&answer->value, "{\"exited\":true");
    if (WIFEXITED(program->status)) json_printf(&answer->value, ",\"exitcode\":%d", WEXITSTATUS(program->status));
    else json_printf(&answer->value, ",\"signal\":%d", WTERMSIG(program->status));
    append_stream(&answer->value, "out", &program->output);
    append_stream(&answer->value, "err", &program->error);
    json_printf(&answer->value, "}");
    forget(program);
}

void exec_reap(void) {
    pid_t ended;
    int status;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < PROGRAMS_MAX; i++)
            if (programs[i].pid == ended) programs[i].ended = true, programs[i].status = status;
}

static void add_wait(struct pollfd *waits, int max, int *count, const struct stream *stream, short event) {
    if (stream->descriptor >= 0 && *count < max) waits[(*count)++] = (struct pollfd){stream->descriptor, event, 0};
}

int exec_waits(struct pollfd *waits, int max) {
    int count = 0;
    for (int i = 0; i < PROGRAMS_MAX; i++) {
        if (programs[i].pid == 0) continue;
        add_wait(waits, max, &count, &programs[i].input, POLLOUT);
        add_wait(waits, max, &count, &programs[i].output, POLLIN);
        add_wait(waits, max, &count, &programs[i].error, POLLIN);
    }
    return count;
}

static void serve_input(struct stream *stream) {
    ssize_t written = write(stream->descriptor, stream->bytes + stream->done, stream->length - stream->done);
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (written > 0) stream->done += (size_t)written;
    if (written < 0 || stream->done == stream->length) close_stream(stream);
}

// What is past the limit is read and dropped, so that the program is not held up.
static void serve_output(struct stream *stream) {
    static unsigned char bytes[16 * 1024];
    ssize_t got = read(stream->descriptor, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return close_stream(stream);
    size_t kept = stream->length + (size_t)got > OUTPUT_MAX ? OUTPUT_MAX - stream->length : (size_t)got;
    if (stream->length + kept > stream->room) {
        size_t room = (stream->length + kept) * 2;
        unsigned char *more = realloc(stream->bytes, room);
        if (more) stream->bytes = more, stream->room = room;
        else kept = 0;
    }
    if (kept > 0) memcpy(stream->bytes + stream->length, bytes, kept);
    stream->length += kept;
    stream->cut |= kept < (size_t)got;
}

void exec_serve(const struct pollfd *waits, int count) {
    for (int i = 0; i < count; i++) {
        if (!waits[i].revents) continue;
        for (int j = 0; j < PROGRAMS_MAX; j++) {
            struct program *program = &programs[j];
            if (program->pid == 0) continue;
            if (program->input.descriptor == waits[i].fd) serve_input(&program->input);
            else if (program->output.descriptor == waits[i].fd) serve_output(&program->output);
            else if (program->error.descriptor == waits[i].fd) serve_output(&program->error);
        }
    }
}
