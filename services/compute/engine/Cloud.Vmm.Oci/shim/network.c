// The container's network: a tap in its network namespace, whose frames go to the host's switch as datagrams (engine/README.md).
#define _GNU_SOURCE
#include "shim.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FRAME_BYTES 2048
#define FRAMES_AT_ONCE 64

static struct sockaddr_un address_of(int folder, const char *name) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    return address;
}

// The guest's end of the pair: root's, and only the switch passes through the folders above it.
int open_switch_socket(int folder) {
    int end = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un own = address_of(folder, "guest.sock");
    unlink(own.sun_path);
    if (end < 0 || bind(end, (struct sockaddr *)&own, sizeof own) != 0) fail("The network's socket cannot be made: %s", strerror(errno));
    if (chmod(own.sun_path, 0666) != 0) fail("chmod: %s", strerror(errno));
    return end;
}

static struct sockaddr inet_of(const char *text) {
    struct sockaddr_in address = { .sin_family = AF_INET };
    if (inet_pton(AF_INET, text, &address.sin_addr) != 1) fail("'%s' is no address.", text);
    struct sockaddr plain;
    memcpy(&plain, &address, sizeof plain);
    return plain;
}

static void ask(int control, unsigned long request, void *argument, const char *what) {
    if (ioctl(control, request, argument) != 0) fail("The container's network cannot be set (%s): %s", what, strerror(errno));
}

static void set_up(int control, const char *name) {
    struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    ask(control, SIOCSIFFLAGS, &request, name);
}

static void configure(const struct options *options) {
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) fail("socket: %s", strerror(errno));
    set_up(control, "lo");
    struct ifreq request = { .ifr_name = "eth0" };
    unsigned octets[6];
    if (sscanf(options->mac, "%x:%x:%x:%x:%x:%x", octets, octets + 1, octets + 2, octets + 3, octets + 4, octets + 5) != 6)
        fail("'%s' is no MAC address.", options->mac);
    request.ifr_hwaddr.sa_family = 1; // ARPHRD_ETHER
    for (int i = 0; i < 6; i++) request.ifr_hwaddr.sa_data[i] = (char)octets[i];
    ask(control, SIOCSIFHWADDR, &request, "MAC");
    request.ifr_addr = inet_of(options->address);
    ask(control, SIOCSIFADDR, &request, "address");
    char mask[INET_ADDRSTRLEN];
    struct in_addr bits = { htonl(~0u << (32 - options->prefix)) };
    inet_ntop(AF_INET, &bits, mask, sizeof mask);
    request.ifr_netmask = inet_of(mask);
    ask(control, SIOCSIFNETMASK, &request, "mask");
    set_up(control, "eth0");
    struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
    route.rt_dst = inet_of("0.0.0.0");
    route.rt_genmask = inet_of("0.0.0.0");
    route.rt_gateway = inet_of(options->gateway);
    ask(control, SIOCADDRT, &route, "route");
    close(control);
}

// Makes the container's network card in its namespace; the shim alone holds its other end.
int open_tap(pid_t container, const struct options *options) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", container);
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), its = open(path, O_RDONLY | O_CLOEXEC);
    if (own < 0 || its < 0 || setns(its, CLONE_NEWNET) != 0) fail("The container's network cannot be entered: %s", strerror(errno));
    int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (tap < 0) fail("This host has no /dev/net/tun: %s", strerror(errno));
    struct ifreq request = { .ifr_name = "eth0", .ifr_flags = IFF_TAP | IFF_NO_PI };
    ask(tap, TUNSETIFF, &request, "tap");
    configure(options);
    if (setns(own, CLONE_NEWNET) != 0) fail("The host's network cannot be entered: %s", strerror(errno));
    close(own);
    close(its);
    return tap;
}

// Moves frames both ways; what the other end cannot take is lost, as on a wire. Answers whether the card is still there.
bool forward(int tap, int end, int folder) {
    char frame[FRAME_BYTES];
    ssize_t length;
    struct sockaddr_un there = address_of(folder, "switch.sock");
    for (int i = 0; i < FRAMES_AT_ONCE && (length = read(tap, frame, sizeof frame)) > 0; i++)
        sendto(end, frame, (size_t)length, 0, (struct sockaddr *)&there, sizeof there);
    bool is_there = length >= 0 || errno == EAGAIN || errno == EINTR;
    for (int i = 0; i < FRAMES_AT_ONCE && (length = recv(end, frame, sizeof frame, 0)) > 0; i++)
        if (write(tap, frame, (size_t)length) < 0) break;
    return is_there;
}
