// What units of systemd's run on the images whose system is Debian's.
#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLOUD_INIT_LOG "/var/log/cloud-init.log"
#define CLOUD_INIT_LOG_MAX (16 * 1024 * 1024)
#define RESOLVER "/run/cloud-guest-resolv.conf" // /etc/resolv.conf leads here.
#define USER_DATA_MAX (4 * 1024 * 1024)

static bool has_address(void) {
    struct ifaddrs *all;
    bool found = false;
    if (getifaddrs(&all) != 0) return false;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next)
        found |= one->ifa_addr && one->ifa_addr->sa_family == AF_INET && !(one->ifa_flags & IFF_LOOPBACK);
    freeifaddrs(all);
    return found;
}

// A lease as systemd-networkd leaves it: DNS=10.0.2.3 10.0.2.4, DOMAINNAME=…
static void write_resolver(void) {
    char path[64], line[512], text[1024] = "";
    unsigned index = if_nametoindex("eth0");
    snprintf(path, sizeof path, "/run/systemd/netif/leases/%u", index);
    FILE *lease = fopen(path, "re");
    size_t length = 0;
    while (lease && fgets(line, sizeof line, lease)) {
        line[strcspn(line, "\n")] = 0;
        char *value = strchr(line, '=');
        if (!value) continue;
        *value++ = 0;
        if (strcmp(line, "DOMAINNAME") == 0) length += (size_t)snprintf(text + length, sizeof text - length, "search %.200s\n", value);
        for (char *server; strcmp(line, "DNS") == 0 && (server = strsep(&value, " ")) && length < sizeof text - 300;)
            length += (size_t)snprintf(text + length, sizeof text - length, "nameserver %.45s\n", server);
    }
    if (!lease) return;
    fclose(lease);
    if (!file_write(RESOLVER ".new", 0644, text, length) || rename(RESOLVER ".new", RESOLVER) != 0) perror("cloud-guest: resolver");
}

static int network(void) {
    write_resolver();
    report_phase("network", uptime_seconds(), -1, has_address() ? NULL : "No network interface has an IPv4 address.");
    return 0;
}

// Ends when the user data has, while what copies its output may go on in a process of its own.
static int user_data(void) {
    struct seed seed = {0};
    struct user_data_result result;
    seed.user_data = file_read(RUN_FOLDER "/user-data", USER_DATA_MAX, &seed.user_data_length);
    int told = user_data_start(&seed, &result);
    if (told >= 0) user_data_wait(told, &result);
    user_data_report(&result);
    return 0;
}

// cloud-init (util.py, runparts) logs of a script that fails: Failed running /var/lib/cloud/instance/scripts/part-001 [3]
static int script_failure(const char *log) {
    int code = 0;
    for (const char *line = log; (line = strstr(line, "Failed running ")); line++)
        if (sscanf(line, "Failed running %*[^ ] [%d]", &code) == 1 && code != 0) return code;
    return 0;
}

// Its own account, for what is no script: a member "errors": [ … ] that is not empty.
static bool has_errors(char *reason, size_t size) {
    char *text = file_read("/run/cloud-init/result.json", 1024 * 1024, NULL);
    char *errors = text ? strstr(text, "\"errors\"") : NULL;
    int at = 0;
    bool any = errors && (sscanf(errors, "\"errors\" : [ \"%n", &at), at > 0);
    if (any) {
        // A string of JSON: up to the first quote that is none of its text; a line feed in it is a blank.
        size_t length = (size_t)snprintf(reason, size, "cloud-init: ");
        for (const char *from = errors + at; *from && *from != '"' && length + 1 < size; from++) {
            if (*from == '\\' && from[1]) from++, reason[length++] = *from == 'n' ? ' ' : *from;
            else reason[length++] = *from;
        }
        reason[length] = 0;
    }
    if (!text) snprintf(reason, size, "cloud-init did not reach its end.");
    free(text);
    return any || !text;
}

// It runs scripts once an instance; what they came to is kept for the boots after.
static int cloud_init(void) {
    struct user_data_result result;
    user_data_recall(&result);
    if (!result.present) {
        char *log = file_read(CLOUD_INIT_LOG, CLOUD_INIT_LOG_MAX, NULL);
        result.present = true;
        result.exit_code = log ? script_failure(log) : 0;
        if (result.exit_code == 0 && has_errors(result.error, sizeof result.error)) result.exit_code = -1;
        free(log);
        user_data_keep(&result);
    }
    user_data_report(&result);
    return 0;
}

int systemd_main(const char *what) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(what, "console") == 0) return console_shell_main("/bin/login", (char *const[]){"login", "-f", "root", NULL});
    if (strcmp(what, "resolver") == 0) return write_resolver(), 0;
    report_open();
    if (strcmp(what, "network") == 0) return network();
    if (strcmp(what, "user-data") == 0) return user_data();
    if (strcmp(what, "cloud-init") == 0) return cloud_init();
    fprintf(stderr, "cloud-guest: network, resolver, user-data, cloud-init or console?\n");
    return 2;
}
