#include "agent.h"
#include "../init/guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <linux/rtc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static const int64_t NANOSECONDS = 1000000000;

void get_time(const struct json *arguments, struct answer *answer) {
    (void)arguments;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    json_printf(&answer->value, "%" PRId64, (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec);
}

// The hardware clock's time; it keeps UTC.
static bool read_hardware_clock(struct timespec *now) {
    struct rtc_time clock;
    int device = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
    bool known = device >= 0 && ioctl(device, RTC_RD_TIME, &clock) == 0;
    if (device >= 0) close(device);
    if (!known) return false;
    struct tm parts = {.tm_sec = clock.tm_sec, .tm_min = clock.tm_min, .tm_hour = clock.tm_hour, .tm_mday = clock.tm_mday, .tm_mon = clock.tm_mon, .tm_year = clock.tm_year};
    *now = (struct timespec){.tv_sec = timegm(&parts)};
    return true;
}

static void write_hardware_clock(time_t seconds) {
    struct tm parts;
    int device = open("/dev/rtc0", O_WRONLY | O_CLOEXEC);
    if (device < 0 || !gmtime_r(&seconds, &parts)) return;
    struct rtc_time clock = {.tm_sec = parts.tm_sec, .tm_min = parts.tm_min, .tm_hour = parts.tm_hour, .tm_mday = parts.tm_mday, .tm_mon = parts.tm_mon, .tm_year = parts.tm_year};
    ioctl(device, RTC_SET_TIME, &clock);
    close(device);
}

void set_time(const struct json *arguments, struct answer *answer) {
    const struct json *given = json_get(arguments, "time");
    int64_t nanoseconds = 0;
    struct timespec now;
    if (given && (!json_integer(given, &nanoseconds) || nanoseconds < 0)) return answer_error(answer, "'time' must be nanoseconds since 1970");
    if (given) now = (struct timespec){.tv_sec = nanoseconds / NANOSECONDS, .tv_nsec = nanoseconds % NANOSECONDS};
    else if (!read_hardware_clock(&now)) return answer_error(answer, "The machine's clock cannot be read: %s", strerror(errno));
    if (clock_settime(CLOCK_REALTIME, &now) != 0) return answer_error(answer, "The time could not be set: %s", strerror(errno));
    if (given) write_hardware_clock(now.tv_sec);
}

// init does it. No answer: the schema says so, and the machine may be gone before it is read.
void shutdown_guest(const struct json *arguments, struct answer *answer) {
    const struct json *given = json_get(arguments, "mode");
    const char *mode = given ? json_string(given) : "powerdown";
    int how = !mode ? 0 : strcmp(mode, "powerdown") == 0 ? SIGUSR2 : strcmp(mode, "halt") == 0 ? SIGUSR1 : strcmp(mode, "reboot") == 0 ? SIGTERM : 0;
    if (how == 0) return answer_error(answer, "'mode' must be powerdown, halt or reboot");
    answer->silent = kill(1, how) == 0;
    if (!answer->silent) answer_error(answer, "init could not be told: %s", strerror(errno));
}

static int prefix_length(const unsigned char *mask, size_t length) {
    int bits = 0;
    for (size_t i = 0; i < length; i++) bits += __builtin_popcount(mask[i]);
    return bits;
}

static void append_addresses(struct json_text *text, const struct ifaddrs *all, const char *name) {
    bool any = false;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        int family = one->ifa_addr ? one->ifa_addr->sa_family : 0;
        if (strcmp(one->ifa_name, name) != 0 || (family != AF_INET && family != AF_INET6) || !one->ifa_netmask) continue;
        bool four = family == AF_INET;
        char address[INET6_ADDRSTRLEN];
        const void *bytes = four ? (const void *)&((struct sockaddr_in *)one->ifa_addr)->sin_addr : (const void *)&((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr;
        const void *mask = four ? (const void *)&((struct sockaddr_in *)one->ifa_netmask)->sin_addr : (const void *)&((struct sockaddr_in6 *)one->ifa_netmask)->sin6_addr;
        if (!inet_ntop(family, bytes, address, sizeof address)) continue;
        json_printf(text, "%s{\"ip-address-type\":\"%s\",\"ip-address\":\"%s\",\"prefix\":%d}", any ? "," : "", four ? "ipv4" : "ipv6", address, prefix_length(mask, four ? 4 : 16));
        any = true;
    }
}

// Every interface has exactly one entry of the packet family, which carries its hardware address.
void network_interfaces(const struct json *arguments, struct answer *answer) {
    (void)arguments;
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0) return answer_error(answer, "The interfaces cannot be listed: %s", strerror(errno));
    bool any = false;
    json_printf(&answer->value, "[");
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_PACKET) continue;
        const unsigned char *mac = ((struct sockaddr_ll *)one->ifa_addr)->sll_addr;
        json_printf(&answer->value, "%s{\"name\":", any ? "," : "");
        json_quote(&answer->value, one->ifa_name);
        json_printf(&answer->value, ",\"hardware-address\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"ip-addresses\":[", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        append_addresses(&answer->value, all, one->ifa_name);
        json_printf(&answer->value, "]}");
        any = true;
    }
    json_printf(&answer->value, "]");
    freeifaddrs(all);
}

void host_name(const struct json *arguments, struct answer *answer) {
    (void)arguments;
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    json_printf(&answer->value, "{\"host-name\":");
    json_quote(&answer->value, name);
    json_printf(&answer->value, "}");
}

// A line of /etc/os-release: KEY="value".
static void append_release(struct json_text *text, char *release, const char *key, const char *member) {
    size_t length = strlen(key);
    for (char *line = release; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, length) != 0 || line[length] != '=') continue;
        char value[128];
        if (sscanf(line + length + 1, "\"%127[^\"\n]", value) != 1 && sscanf(line + length + 1, "%127[^\n]", value) != 1) return;
        json_printf(text, ",\"%s\":", member);
        json_quote(text, value);
        return;
    }
}

void os_info(const struct json *arguments, struct answer *answer) {
    (void)arguments;
    struct utsname kernel;
    char *release = file_read("/etc/os-release", 64 * 1024, NULL);
    uname(&kernel);
    json_printf(&answer->value, "{\"kernel-release\":");
    json_quote(&answer->value, kernel.release);
    json_printf(&answer->value, ",\"kernel-version\":");
    json_quote(&answer->value, kernel.version);
    json_printf(&answer->value, ",\"machine\":\"%s\"", kernel.machine);
    append_release(&answer->value, release, "ID", "id");
    append_release(&answer->value, release, "NAME", "name");
    append_release(&answer->value, release, "PRETTY_NAME", "pretty-name");
    append_release(&answer->value, release, "VERSION_ID", "version-id");
    json_printf(&answer->value, "}");
    free(release);
}
