#include "agent.h"
#include "../init/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define REQUEST_LENGTH_MAX (4 * 1024 * 1024)
#define EXEC_WAITS_MAX 64
#define VERSION "7.2.0"

struct command {
    const char *name;
    void (*run)(const struct json *arguments, struct answer *answer);
    bool while_frozen; // Writes nothing to a disk, so it cannot hang on one that is frozen.
};

static void info(const struct json *arguments, struct answer *answer);
static void ping(const struct json *arguments, struct answer *answer);
static void sync_with(const struct json *arguments, struct answer *answer);
static void sync_delimited(const struct json *arguments, struct answer *answer);

static const struct command commands[] = {
    {"guest-sync", sync_with, true},
    {"guest-sync-delimited", sync_delimited, true},
    {"guest-ping", ping, true},
    {"guest-info", info, true},
    {"guest-exec", exec_start, false},
    {"guest-exec-status", exec_status, false},
    {"guest-fsfreeze-freeze", freeze, false},
    {"guest-fsfreeze-thaw", thaw, true},
    {"guest-fsfreeze-status", freeze_status, true},
    {"guest-get-time", get_time, true},
    {"guest-set-time", set_time, false},
    {"guest-shutdown", shutdown_guest, false},
    {"guest-network-get-interfaces", network_interfaces, true},
    {"guest-get-host-name", host_name, true},
    {"guest-get-osinfo", os_info, false},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static int port = -1;
static char *request;
static size_t request_length, request_room;
static bool request_too_long;

void answer_error(struct answer *answer, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(answer->error, sizeof answer->error, format, values);
    va_end(values);
}

static void ping(const struct json *arguments, struct answer *answer) {
    (void)arguments;
    json_printf(&answer->value, "{}");
}

static void sync_with(const struct json *arguments, struct answer *answer) {
    int64_t id;
    if (json_integer(json_get(arguments, "id"), &id)) json_printf(&answer->value, "%" PRId64, id);
    else answer_error(answer, "'id' must be a whole number");
}

// The 0xFF lets the host throw away what it finds before it: no JSON holds that byte. It belongs before the answer.
static void sync_delimited(const struct json *arguments, struct answer *answer) { sync_with(arguments, answer); }

static void info(const struct json *arguments, struct answer *answer) {
    (void)arguments;
    json_printf(&answer->value, "{\"version\":\"" VERSION "\",\"supported_commands\":[");
    for (size_t i = 0; i < COMMANDS; i++)
        json_printf(&answer->value, "%s{\"name\":\"%s\",\"enabled\":%s,\"success-response\":%s}", i ? "," : "", commands[i].name,
                    is_frozen() && !commands[i].while_frozen ? "false" : "true", commands[i].run == shutdown_guest ? "false" : "true");
    json_printf(&answer->value, "]}");
}

// A host that goes away takes its answer with it.
static void send_bytes(const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(port, bytes, length);
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
            continue;
        }
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno != EAGAIN) return;
        struct pollfd room = {port, POLLOUT, 0};
        if (poll(&room, 1, -1) < 0) continue;
        if (room.revents & (POLLHUP | POLLERR)) return;
    }
}

static void append_id(struct json_text *reply, const struct json *id) {
    if (!id || (id->kind != JSON_NUMBER && id->kind != JSON_STRING)) return;
    json_printf(reply, ",\"id\":");
    if (id->kind == JSON_STRING) json_quote(reply, id->text);
    else json_append(reply, id->text, strlen(id->text));
}

static void reply_error(const char *class, const char *text, const struct json *id) {
    struct json_text reply = {0};
    json_printf(&reply, "{\"error\":{\"class\":\"%s\",\"desc\":", class);
    json_quote(&reply, text);
    json_printf(&reply, "}");
    append_id(&reply, id);
    json_printf(&reply, "}\n");
    if (reply.bytes) send_bytes(reply.bytes, reply.length);
    json_text_free(&reply);
}

static void run(const struct command *command, const struct json *message) {
    struct answer answer = {0};
    const struct json *id = json_get(message, "id");
    command->run(json_get(message, "arguments"), &answer);
    if (answer.error[0]) reply_error("GenericError", answer.error, id);
    else if (!answer.silent) {
        struct json_text reply = {0};
        if (command->run == sync_delimited) json_append(&reply, "\xff", 1);
        json_printf(&reply, "{\"return\":");
        json_append(&reply, answer.value.bytes ? answer.value.bytes : "{}", answer.value.bytes ? answer.value.length : 2);
        append_id(&reply, id);
        json_printf(&reply, "}\n");
        if (reply.bytes) send_bytes(reply.bytes, reply.length);
        json_text_free(&reply);
    }
    json_text_free(&answer.value);
}

static void handle(const char *text, size_t length) {
    struct json *message = json_parse(text, length);
    const char *name = json_string(json_get(message, "execute"));
    const struct command *command = NULL;
    for (size_t i = 0; name && i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) command = &commands[i];
    if (!message) reply_error("GenericError", "Invalid JSON syntax", NULL);
    else if (!name) reply_error("GenericError", "QMP input lacks member 'execute'", json_get(message, "id"));
    else if (!command) reply_error("CommandNotFound", "The command is not known", json_get(message, "id"));
    else if (is_frozen() && !command->while_frozen) reply_error("GenericError", "The command is not allowed while file systems are frozen", json_get(message, "id"));
    else run(command, message);
    json_free(message);
}

static void forget_request(void) {
    free(request);
    request = NULL;
    request_length = request_room = 0;
    request_too_long = false;
}

static void end_request(void) {
    if (request_too_long) reply_error("GenericError", "The request is longer than 4 MiB", NULL);
    else if (request_length > 0 && strspn(request, " \t\r") < request_length) handle(request, request_length);
    forget_request();
}

static void add_to_request(char byte) {
    if (request_length >= REQUEST_LENGTH_MAX) {
        request_too_long = true;
        return;
    }
    if (request_length + 1 >= request_room) {
        size_t room = request_room ? request_room * 2 : 1024;
        char *more = realloc(request, room);
        if (!more) {
            request_too_long = true;
            return;
        }
        request = more;
        request_room = room;
    }
    request[request_length++] = byte;
    request[request_length] = 0;
}

// False where the host has closed its end.
static bool receive(void) {
    static char bytes[16 * 1024];
    ssize_t got = read(port, bytes, sizeof bytes);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] == '\n') end_request();
        else if (bytes[i] == '\xff') forget_request(); // What came before is of a host that gave up half way.
        else add_to_request(bytes[i]);
    }
    return got > 0;
}

static int block_signals(void) {
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGCHLD);
    sigaddset(&taken, SIGIO);
    sigprocmask(SIG_SETMASK, &taken, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void serve(int signals) __attribute__((noreturn));
static void serve(int signals) {
    bool host_is_there = true;
    for (;;) {
        // While the host's end is closed poll would return at once, for ever: the port's SIGIO says when that changes.
        struct pollfd waits[2 + EXEC_WAITS_MAX] = {{signals, POLLIN, 0}, {host_is_there ? port : -1, POLLIN, 0}};
        int programs = exec_waits(waits + 2, EXEC_WAITS_MAX);
        if (poll(waits, (nfds_t)(2 + programs), -1) < 0) continue;
        struct signalfd_siginfo signal;
        while (read(signals, &signal, sizeof signal) == sizeof signal) host_is_there = true;
        exec_serve(waits + 2, programs);
        exec_reap();
        if (waits[1].revents && !receive()) {
            host_is_there = false;
            forget_request();
        }
    }
}

int agent_main(void) {
    int signals = block_signals();
    port = port_open(AGENT_PORT, O_RDWR | O_NONBLOCK);
    if (port < 0 || signals < 0) return 1;
    if (fcntl(port, F_SETOWN, getpid()) != 0 || fcntl(port, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC) != 0) return 1;
    serve(signals);
}
