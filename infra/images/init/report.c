// The boot report: a JSON object a line on the port org.cloud.boot.0 (services/compute/engine/README.md).
#include "guest.h"
#include "../agent/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int port = -1;

double uptime_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Non-blocking: a host that does not listen holds no boot up.
void report_open(void) { port = port_open("org.cloud.boot.0", O_WRONLY | O_NONBLOCK); }

void report_phase(const char *phase, double uptime, int exit_code, const char *error) {
    struct json_text line = {0};
    json_printf(&line, "{\"phase\":\"%s\",\"uptime\":%.2f", phase, uptime);
    if (exit_code >= 0) json_printf(&line, ",\"exitCode\":%d", exit_code);
    if (error) {
        json_printf(&line, ",\"error\":");
        json_quote(&line, error);
    }
    json_printf(&line, "}\n");
    if (port >= 0 && line.bytes && write(port, line.bytes, line.length) < 0) perror("init: boot report");
    json_text_free(&line);
}
