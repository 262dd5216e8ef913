// Applies a DHCP lease: udhcpc runs it with the event's name and the lease in its environment.
#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int socket_inet = -1;
static const char *interface_name;

static bool set_address(unsigned long request, const char *address) {
    struct ifreq wish = {0};
    strncpy(wish.ifr_name, interface_name, IFNAMSIZ - 1);
    struct sockaddr_in *inet = (struct sockaddr_in *)&wish.ifr_addr;
    inet->sin_family = AF_INET;
    return inet_pton(AF_INET, address, &inet->sin_addr) == 1 && ioctl(socket_inet, request, &wish) == 0;
}

static void set_up(void) {
    struct ifreq wish = {0};
    strncpy(wish.ifr_name, interface_name, IFNAMSIZ - 1);
    if (ioctl(socket_inet, SIOCGIFFLAGS, &wish) == 0 && !(wish.ifr_flags & IFF_UP)) {
        wish.ifr_flags |= IFF_UP;
        ioctl(socket_inet, SIOCSIFFLAGS, &wish);
    }
}

// gateway "0.0.0.0": the destination is on the link.
static void add_route(const char *destination, int prefix, const char *gateway) {
    struct rtentry route = {.rt_flags = RTF_UP, .rt_dev = (char *)interface_name};
    struct sockaddr_in *to = (struct sockaddr_in *)&route.rt_dst;
    struct sockaddr_in *mask = (struct sockaddr_in *)&route.rt_genmask;
    struct sockaddr_in *via = (struct sockaddr_in *)&route.rt_gateway;
    to->sin_family = mask->sin_family = via->sin_family = AF_INET;
    mask->sin_addr.s_addr = prefix == 0 ? 0 : htonl(~0u << (32 - prefix));
    if (inet_pton(AF_INET, destination, &to->sin_addr) != 1 || inet_pton(AF_INET, gateway, &via->sin_addr) != 1) return;
    if (via->sin_addr.s_addr != 0) route.rt_flags |= RTF_GATEWAY;
    if (prefix == 32) route.rt_flags |= RTF_HOST;
    if (ioctl(socket_inet, SIOCADDRT, &route) != 0 && errno != EEXIST) perror("init: route");
}

// RFC 3442: where there are classless routes the routers option is not looked at. "10.0.0.0/8 10.0.2.1 0.0.0.0/0 10.0.2.2"
static bool add_classless_routes(void) {
    const char *given = getenv("staticroutes");
    if (!given || !*given) return false;
    char *routes = strdup(given), *rest = routes, *destination, *gateway;
    while ((destination = strsep(&rest, " ")) && (gateway = strsep(&rest, " "))) {
        char *slash = strchr(destination, '/');
        int prefix = slash ? atoi(slash + 1) : 32;
        if (slash) *slash = 0;
        if (prefix >= 0 && prefix <= 32) add_route(destination, prefix, gateway);
    }
    free(routes);
    return true;
}

static void add_routes(void) {
    if (add_classless_routes()) return;
    const char *given = getenv("router");
    char first[INET_ADDRSTRLEN] = "";
    if (given && sscanf(given, "%15s", first) == 1) add_route("0.0.0.0", 0, first);
}

static void write_resolver(void) {
    char text[1024];
    size_t length = 0;
    const char *search = getenv("search") ? getenv("search") : getenv("domain");
    if (search) length += (size_t)snprintf(text, sizeof text, "search %.200s\n", search);
    char *servers = strdup(getenv("dns") ? getenv("dns") : ""), *rest = servers, *server;
    while ((server = strsep(&rest, " ")))
        if (*server && length < sizeof text - 64) length += (size_t)snprintf(text + length, sizeof text - length, "nameserver %.45s\n", server);
    free(servers);
    file_write("/etc/resolv.conf", 0644, text, length);
}

// Where the default route goes, of /proc/net/route: columns of hexadecimal digits, addresses in the machine's order of bytes.
static bool find_router(char *router) {
    char line[256], name[IFNAMSIZ];
    unsigned destination, gateway;
    bool found = false;
    FILE *routes = fopen("/proc/net/route", "re");
    while (routes && !found && fgets(line, sizeof line, routes))
        found = sscanf(line, "%15s %x %x", name, &destination, &gateway) == 3 && destination == 0 && gateway != 0 && strcmp(name, interface_name) == 0;
    if (routes) fclose(routes);
    return found && inet_ntop(AF_INET, &(struct in_addr){gateway}, router, INET_ADDRSTRLEN);
}

bool lease_give(const char *interface, const char *address) {
    char router[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN];
    struct ifreq wish = {0};
    interface_name = interface;
    strncpy(wish.ifr_name, interface, IFNAMSIZ - 1);
    socket_inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool done = socket_inet >= 0 && find_router(router) && ioctl(socket_inet, SIOCGIFNETMASK, &wish) == 0
        && inet_ntop(AF_INET, &((struct sockaddr_in *)&wish.ifr_netmask)->sin_addr, mask, sizeof mask)
        && set_address(SIOCSIFADDR, address) && set_address(SIOCSIFNETMASK, mask) && file_write_text(ADDRESS_GIVEN, 0600, address);
    if (done) add_route("0.0.0.0", 0, router);
    if (socket_inet >= 0) close(socket_inet);
    return done;
}

static int bound(void) {
    const char *address = getenv("ip"), *mask = getenv("subnet");
    if (!address) return 1;
    set_up();
    if (!set_address(SIOCSIFADDR, address) || (mask && !set_address(SIOCSIFNETMASK, mask))) {
        perror("init: address");
        return 1;
    }
    add_routes();
    write_resolver();
    char host_name[65] = "";
    const char *given = getenv("hostname");
    if (given && *given && gethostname(host_name, sizeof host_name) == 0 && strcmp(host_name, "(none)") == 0) sethostname(given, strnlen(given, 64));
    char told[128];
    int length = snprintf(told, sizeof told, "%.15s/%.2s %.15s\n", address, getenv("mask") ? getenv("mask") : "?", getenv("router") ? getenv("router") : "-");
    int pipe = open(LEASE_PIPE, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (pipe >= 0 && write(pipe, told, (size_t)length) == length) return 0;
    perror("init: lease");
    return 1;
}

int lease_main(const char *event) {
    interface_name = getenv("interface");
    socket_inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (!interface_name || socket_inet < 0) return 1;
    if (strcmp(event, "bound") == 0 || strcmp(event, "renew") == 0) return bound();
    bool is_given = unlink(ADDRESS_GIVEN) == 0;
    if (strcmp(event, "deconfig") == 0 && !is_given) {
        set_address(SIOCSIFADDR, "0.0.0.0");
        set_up();
    }
    return 0;
}
