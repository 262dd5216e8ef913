// The container's network: a card in its network namespace, whose frames go to the host's switch as datagrams (engine/README.md). The card is a
// tap; for an ordinary user who may not open /dev/net/tun the end of a veth pair, whose other end lies in a network of the shim's own.
#define _GNU_SOURCE
#include "shim.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
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

static int make_tap(void) {
    int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (tap < 0) fail("This host has no /dev/net/tun: %s", strerror(errno));
    struct ifreq request = { .ifr_name = "eth0", .ifr_flags = IFF_TAP | IFF_NO_PI };
    ask(tap, TUNSETIFF, &request, "tap");
    return tap;
}

static void *put_attribute(struct nlmsghdr *message, unsigned short type, const void *value, size_t length) {
    struct rtattr *attribute = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
    *attribute = (struct rtattr){ .rta_len = (unsigned short)RTA_LENGTH(length), .rta_type = type };
    if (length > 0) memcpy(RTA_DATA(attribute), value, length);
    message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

static void end_attribute(struct nlmsghdr *message, struct rtattr *attribute) {
    attribute->rta_len = (unsigned short)((char *)message + message->nlmsg_len - (char *)attribute);
}

// rtnetlink(7): a pair whose one end is here and whose other lies in another network.
static void make_pair(int other) {
    _Alignas(NLMSG_ALIGNTO) char bytes[512] = "";
    struct nlmsghdr *message = (struct nlmsghdr *)bytes;
    struct ifinfomsg none = { .ifi_family = AF_UNSPEC };
    *message = (struct nlmsghdr){ .nlmsg_len = NLMSG_LENGTH(sizeof none), .nlmsg_type = RTM_NEWLINK,
        .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK };
    put_attribute(message, IFLA_IFNAME, "eth0", sizeof "eth0");
    struct rtattr *info = put_attribute(message, IFLA_LINKINFO, NULL, 0);
    put_attribute(message, IFLA_INFO_KIND, "veth", sizeof "veth");
    struct rtattr *data = put_attribute(message, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = put_attribute(message, VETH_INFO_PEER, &none, sizeof none);
    put_attribute(message, IFLA_IFNAME, "card", sizeof "card");
    put_attribute(message, IFLA_NET_NS_FD, &other, sizeof other);
    end_attribute(message, peer);
    end_attribute(message, data);
    end_attribute(message, info);
    struct { struct nlmsghdr header; struct nlmsgerr error; char rest[512]; } answer;
    int link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (link < 0 || send(link, message, message->nlmsg_len, 0) < 0 || recv(link, &answer, sizeof answer, 0) < (ssize_t)sizeof(struct nlmsghdr))
        fail("The container's network cannot be made: %s", strerror(errno));
    if (answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error != 0)
        fail("This host makes no veth pair: %s", strerror(-answer.error.error));
    close(link);
}

// What the card would leave to hardware is done before: nobody does it later.
static void finish_checksums(void) {
    struct ethtool_value off = { .cmd = ETHTOOL_STXCSUM };
    struct ifreq request = { .ifr_name = "eth0", .ifr_data = (void *)&off };
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) fail("socket: %s", strerror(errno));
    ask(control, SIOCETHTOOL, &request, "checksums");
    close(control);
}

// All frames that the container sends, and none of what goes to it.
static int open_other_end(void) {
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
    int card = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int quiet = open("/proc/sys/net/ipv6/conf/card/disable_ipv6", O_WRONLY | O_CLOEXEC);
    if (quiet >= 0 && write(quiet, "1", 1) < 0) { /* This end then says a word of its own now and then. */ }
    if (quiet >= 0) close(quiet);
    if (control < 0 || card < 0) fail("socket: %s", strerror(errno));
    set_up(control, "card");
    close(control);
    struct sockaddr_ll end = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex("card") };
    if (setsockopt(card, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 || bind(card, (struct sockaddr *)&end, sizeof end) != 0)
        fail("The container's network card cannot be listened to: %s", strerror(errno));
    return card;
}

// Makes the container's network card in its namespace; the shim alone holds its other end.
int open_card(pid_t container, const struct options *options) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", container);
    bool is_pair = options->mapped && access("/dev/net/tun", R_OK | W_OK) != 0;
    // An ordinary user who left the host's network would not come back into it.
    if (options->mapped && unshare(CLONE_NEWNET) != 0) fail("A network of the shim's own cannot be made: %s", strerror(errno));
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), its = open(path, O_RDONLY | O_CLOEXEC), tap = -1;
    if (own < 0 || its < 0 || setns(its, CLONE_NEWNET) != 0) fail("The container's network cannot be entered: %s", strerror(errno));
    if (is_pair) {
        make_pair(own);
        finish_checksums();
    } else tap = make_tap();
    configure(options);
    if (setns(own, CLONE_NEWNET) != 0) fail("The shim's network cannot be entered: %s", strerror(errno));
    close(own);
    close(its);
    return is_pair ? open_other_end() : tap;
}

// Moves frames both ways; what the other end cannot take is lost, as on a wire. Answers whether the card is still there.
bool forward(int card, int end, int folder) {
    char frame[FRAME_BYTES];
    ssize_t length;
    struct sockaddr_un there = address_of(folder, "switch.sock");
    for (int i = 0; i < FRAMES_AT_ONCE && (length = read(card, frame, sizeof frame)) > 0; i++)
        sendto(end, frame, (size_t)length, 0, (struct sockaddr *)&there, sizeof there);
    bool is_there = length >= 0 || errno == EAGAIN || errno == EINTR;
    for (int i = 0; i < FRAMES_AT_ONCE && (length = recv(end, frame, sizeof frame, 0)) > 0; i++)
        if (write(card, frame, (size_t)length) < 0) break;
    return is_there;
}
