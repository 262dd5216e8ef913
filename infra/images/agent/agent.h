// A guest agent that speaks QEMU's guest agent protocol (qemu: qga/qapi-schema.json) on the virtio-serial port org.qemu.guest_agent.0.
#pragma once
#include "json.h"

#include <poll.h>

#define AGENT_PORT "org.qemu.guest_agent.0"

// Serves for ever; returns only where there is no port.
int agent_main(void);

// What a command answers: a value in text, or an error that says why not. Neither: no answer is sent at all.
struct answer {
    struct json_text value;
    char error[256];
    bool silent;
};

void answer_error(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

// exec.c
void exec_start(const struct json *arguments, struct answer *answer);
void exec_status(const struct json *arguments, struct answer *answer);
// The descriptors that programs print to and read from, for poll; the number of them, at most max.
int exec_waits(struct pollfd *waits, int max);
// Reads and writes what poll found.
void exec_serve(const struct pollfd *waits, int count);
void exec_reap(void);

// freeze.c
void freeze(const struct json *arguments, struct answer *answer);
void thaw(const struct json *arguments, struct answer *answer);
void freeze_status(const struct json *arguments, struct answer *answer);
bool is_frozen(void);

// system.c
void get_time(const struct json *arguments, struct answer *answer);
void set_time(const struct json *arguments, struct answer *answer);
void shutdown_guest(const struct json *arguments, struct answer *answer);
void network_interfaces(const struct json *arguments, struct answer *answer);
void host_name(const struct json *arguments, struct answer *answer);
void os_info(const struct json *arguments, struct answer *answer);
