// Makes of a machine that goes on from another's snapshot one of its own: nothing that the other calls secret or its own stays.
#include "guest.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/random.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INTERFACE "eth0"
#define SEED_BYTES_MAX 256
#define ADDRESS_WAIT_MS 20000
#define LOOK_MS 10

static bool fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return false;
}

// Two machines with the same memory have the same pool of randomness. The host's bytes go in, and the generator takes them at once.
static bool renew_randomness(const char *hex) {
    struct {
        struct rand_pool_info info;
        unsigned char bytes[SEED_BYTES_MAX];
    } seed = {0};
    size_t length = strlen(hex) / 2;
    if (length == 0 || length > SEED_BYTES_MAX) return errno = EINVAL, fail("The seed");
    for (size_t i = 0; i < length; i++)
        if (sscanf(hex + 2 * i, "%2hhx", &seed.bytes[i]) != 1) return errno = EINVAL, fail("The seed");
    seed.info.entropy_count = (int)length * 8;
    seed.info.buf_size = (int)length;
    int device = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    bool done = device >= 0 && ioctl(device, RNDADDENTROPY, &seed.info) == 0 && ioctl(device, RNDRESEEDCRNG) == 0;
    if (device >= 0) close(device);
    return done || fail("The randomness");
}

static bool change_flags(int inet, struct ifreq *wish, short set, short clear) {
    if (ioctl(inet, SIOCGIFFLAGS, wish) != 0) return false;
    wish->ifr_flags = (short)((wish->ifr_flags & ~clear) | set);
    return ioctl(inet, SIOCSIFFLAGS, wish) == 0;
}

// The card remembers the other's address, and so does its driver: the network takes frames of its own alone.
static bool renew_card(const char *mac) {
    struct ifreq wish = {.ifr_name = INTERFACE}, card = {.ifr_name = INTERFACE};
    unsigned char *bytes = (unsigned char *)card.ifr_hwaddr.sa_data;
    card.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", bytes, bytes + 1, bytes + 2, bytes + 3, bytes + 4, bytes + 5) != 6) return errno = EINVAL, fail("The card's address");
    int inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool done = inet >= 0
        && (ioctl(inet, SIOCSIFHWADDR, &card) == 0
            || (change_flags(inet, &wish, 0, IFF_UP) && ioctl(inet, SIOCSIFHWADDR, &card) == 0 && change_flags(inet, &wish, IFF_UP, 0)));
    if (inet >= 0) close(inet);
    return done || fail("The card's address");
}

static int run(char *const arguments[]) {
    pid_t child = fork();
    if (child == 0) {
        execv(arguments[0], arguments);
        _exit(127);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Process 1 starts its services again: with new keys, and for a lease of the new card.
static void end_all(const char *name, const char *other) {
    DIR *folder = opendir("/proc");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[300], line[64];
        long process = strtol(entry->d_name, NULL, 10);
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        if (process <= 1) continue;
        int file = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t length = file >= 0 ? read(file, line, sizeof line - 1) : -1;
        if (file >= 0) close(file);
        if (length <= 0) continue;
        line[length] = 0;
        if (strcmp(line, name) == 0 || strcmp(line, other) == 0) kill((pid_t)process, SIGKILL);
    }
    if (folder) closedir(folder);
}

static bool has_systemd(void) { return access("/run/systemd/system", F_OK) == 0; }

static bool restart_services(void) {
    if (!has_systemd()) {
        end_all("udhcpc", "dropbear");
        return true;
    }
    char *const restart[] = {"/usr/bin/systemctl", "restart", "systemd-networkd", "cloud-host-keys", "ssh", NULL};
    return run(restart) == 0 || fail("The services");
}

static bool has_address(const char *address) {
    struct ifaddrs *all;
    struct in_addr wanted;
    bool found = false;
    if (inet_pton(AF_INET, address, &wanted) != 1 || getifaddrs(&all) != 0) return false;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next)
        found |= one->ifa_addr && one->ifa_addr->sa_family == AF_INET && ((struct sockaddr_in *)one->ifa_addr)->sin_addr.s_addr == wanted.s_addr;
    freeifaddrs(all);
    return found;
}

static bool await_address(const char *address) {
    const struct timespec pause = {0, LOOK_MS * 1000 * 1000};
    for (int waited = 0; waited < ADDRESS_WAIT_MS; waited += LOOK_MS) {
        if (has_address(address)) return true;
        nanosleep(&pause, NULL);
    }
    return errno = ETIMEDOUT, fail("The network's address");
}

static bool renew(char **arguments, const struct seed *begun) {
    const char *id = arguments[0], *host_name = arguments[1], *mac = arguments[2], *address = arguments[3], *seed = arguments[4];
    // Randomness first: all that is made anew is made of it.
    if (!renew_randomness(seed)) return false;
    seed_rename(id, host_name);
    if (begun) seed_begin(begun, "", has_systemd() ? DEBIAN_USER : (struct login){"/root", 0});
    if (sethostname(host_name, strlen(host_name)) != 0) return fail("The host name");
    bool has_network = if_nametoindex(INTERFACE) != 0;
    if (has_network && !renew_card(mac)) return false;
    // Whoever asks for the lease of the new card finds the address there, where there was one of the other's to go by.
    bool has_lease = has_network && !has_systemd() && lease_give(INTERFACE, address);
    return restart_services() && (!has_network || has_lease || await_address(address));
}

// What runs user data at a boot does it once more; it reports how that went.
static bool start_user_data(const struct seed *seed) {
    if (!has_systemd()) return kill(1, SIGHUP) == 0 || fail("Process 1");
    char *const script[] = {"/usr/bin/systemctl", "restart", "--no-block", "cloud-user-data", NULL};
    char *const other[] = {"/usr/bin/systemctl", "start", "--no-block", "cloud-init-local", "cloud-init", "cloud-config", "cloud-final", "cloud-init-report", NULL};
    return run(user_data_leave(seed, "") ? other : script) == 0 || fail("The user data");
}

int renew_main(char **arguments) { return renew(arguments, NULL) ? 0 : 1; }

int begin_main(char **arguments) {
    struct seed seed = {0};
    seed_forget();
    seed_read(&seed);
    if (strcmp(seed.instance_id, arguments[0]) != 0) {
        fprintf(stderr, "The seed is of '%s'.\n", seed.instance_id);
        return 1;
    }
    return renew(arguments, &seed) && start_user_data(&seed) ? 0 : 1;
}
