// Process 1: brings the machine up, reports each phase, keeps the services running and takes it down again.
#include "guest.h"
#include "../agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEASE_WAIT_SECONDS 30.0
#define RESTART_PAUSE_SECONDS 1.0
#define BUTTONS_MAX 4
#define OTHER_WAITS 6
#define LOGINS_MAX 64

// A process that is started again when it ends, not faster than once in RESTART_PAUSE_SECONDS.
struct service {
    void (*run)(void);
    bool (*wanted)(void);
    pid_t pid;
    double started;
};

static struct seed seed;
static int lease_told = -1;
static int user_data_told = -1;
static struct disk_events disk_events = {-1, -1};
static double lease_deadline;
static int ssh = -1;
static pid_t logins[LOGINS_MAX];
static int login_count;

static void mount_all(void) {
    mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL); // Already there on most kernels.
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mkdir("/dev/pts", 0755);
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,gid=5,ptmxmode=666");
    mkdir("/dev/shm", 01777);
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
    mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL); // Where the kernel has it.
}

static void interface_up(const char *name) {
    struct ifreq wish = {0};
    strncpy(wish.ifr_name, name, IFNAMSIZ - 1);
    int inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (inet < 0) return;
    wish.ifr_flags = IFF_UP;
    ioctl(inet, SIOCSIFFLAGS, &wish);
    close(inet);
}

static void forked(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
}

static void silence(void) {
    int nothing = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++) dup2(nothing, i);
}

static void run_dhcp(void) {
    forked();
    silence();
    char host_name[80];
    snprintf(host_name, sizeof host_name, "hostname:%s", seed.host_name[0] ? seed.host_name : "tiny");
    execl("/bin/busybox", "udhcpc", "-f", "-i", "eth0", "-s", "/sbin/udhcpc-lease", "-x", host_name, "-t", "5", "-T", "1", "-A", "2", NULL);
}

static void run_agent(void) {
    forked();
    silence();
    agent_main();
}

static void run_console(void) { console_shell_main("/bin/sh", (char *const[]){"-sh", NULL}); }

static bool always(void) { return true; }

static bool has_network(void) { return if_nametoindex("eth0") != 0; }

static bool has_agent_port(void) {
    int port = port_open(AGENT_PORT, O_RDONLY | O_NONBLOCK);
    if (port >= 0) close(port);
    return port >= 0;
}

static struct service services[] = {{run_dhcp, has_network, 0, 0}, {run_agent, has_agent_port, 0, 0}, {run_console, always, 0, 0}};
#define SERVICES (sizeof services / sizeof *services)

static void start(struct service *service) {
    service->started = uptime_seconds();
    if (!service->wanted()) return;
    service->pid = fork();
    if (service->pid == 0) {
        service->run();
        _exit(1);
    }
}

// A machine that went on from another's state has its address already (renew.c): the next client's lease is not what it waits for.
static void end(struct service *service) {
    service->pid = 0;
    if (service->run == run_dhcp) service->started = uptime_seconds();
}

static void reap(void) {
    pid_t ended;
    while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) {
        for (size_t i = 0; i < SERVICES; i++)
            if (services[i].pid == ended) end(&services[i]);
        for (int i = 0; i < login_count; i++)
            if (logins[i] == ended) logins[i] = logins[--login_count];
    }
}

static void log_in(void) {
    pid_t server = ssh_serve(ssh);
    if (server > 0) logins[login_count++] = server;
}

// Starts what has ended; the seconds until one of them is due, negative for none.
static double restart_due(void) {
    double due = -1;
    for (size_t i = 0; i < SERVICES; i++) {
        if (services[i].pid > 0 || !services[i].wanted()) continue;
        double left = services[i].started + RESTART_PAUSE_SECONDS - uptime_seconds();
        if (left <= 0) start(&services[i]);
        else if (due < 0 || left < due) due = left;
    }
    return due;
}

static void begin_user_data(void) {
    struct user_data_result result;
    user_data_told = user_data_start(&seed, &result);
    if (user_data_told < 0) user_data_report(&result);
}

static void end_user_data(void) {
    struct user_data_result result;
    user_data_wait(user_data_told, &result);
    user_data_told = -1;
    user_data_report(&result);
}

// The machine went on from another's state, and is one of its own now (renew.c): its seed is, too.
static void begin_anew(void) {
    seed_free(&seed);
    seed_read(&seed);
    begin_user_data();
}

static void network_is_up(void) {
    char lease[128];
    ssize_t length = read(lease_told, lease, sizeof lease - 1);
    if (length <= 0 || lease_deadline == 0) return; // A lease that was renewed.
    lease[length] = 0;
    lease[strcspn(lease, "\n")] = 0;
    lease_deadline = 0;
    report_phase("network", uptime_seconds(), -1, NULL);
    char *router = strchr(lease, ' ');
    if (router) *router++ = 0;
    printf("init: eth0 has %s, router %s\n", lease, router ? router : "-");
    begin_user_data();
}

static void network_failed(const char *reason) {
    lease_deadline = 0;
    report_phase("network", uptime_seconds(), -1, reason);
    printf("init: %s\n", reason);
    begin_user_data();
}

static void take_signals(int signals) {
    struct signalfd_siginfo signal;
    while (read(signals, &signal, sizeof signal) == sizeof signal) {
        switch (signal.ssi_signo) {
        case SIGCHLD: reap(); break;
        case SIGHUP: begin_anew(); break;                  // cloud-guest begin
        case SIGUSR1: shut_down(RB_HALT_SYSTEM); break;    // busybox halt
        case SIGUSR2: shut_down(RB_POWER_OFF); break;      // busybox poweroff, and the agent
        default: shut_down(RB_AUTOBOOT);                   // busybox reboot, Ctrl-Alt-Del
        }
    }
}

static int block_signals(void) {
    sigset_t taken;
    sigemptyset(&taken);
    const int all[] = {SIGCHLD, SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) sigaddset(&taken, all[i]);
    sigprocmask(SIG_SETMASK, &taken, NULL);
    return signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void serve(int signals, const int *buttons, int button_count) __attribute__((noreturn));
static void serve(int signals, const int *buttons, int button_count) {
    struct pollfd waits[OTHER_WAITS + BUTTONS_MAX];
    for (;;) {
        double due = restart_due();
        if (lease_deadline > 0) {
            double left = lease_deadline - uptime_seconds();
            if (left <= 0) network_failed("No DHCP server gave eth0 an address within 30 seconds.");
            else if (due < 0 || left < due) due = left;
        }
        waits[0] = (struct pollfd){signals, POLLIN, 0};
        waits[1] = (struct pollfd){lease_told, POLLIN, 0};
        waits[2] = (struct pollfd){user_data_told, POLLIN, 0};
        waits[3] = (struct pollfd){disk_events.devices, POLLIN, 0};
        waits[4] = (struct pollfd){disk_events.log, POLLIN, 0};
        waits[5] = (struct pollfd){login_count < LOGINS_MAX ? ssh : -1, POLLIN, 0};
        for (int i = 0; i < button_count; i++) waits[OTHER_WAITS + i] = (struct pollfd){buttons[i], POLLIN, 0};
        if (poll(waits, (nfds_t)(OTHER_WAITS + button_count), due < 0 ? -1 : (int)(due * 1000) + 1) <= 0) continue;
        if (waits[0].revents) take_signals(signals);
        if (waits[1].revents) network_is_up();
        if (waits[2].revents) end_user_data();
        if (waits[3].revents) disks_changed(disk_events.devices);
        if (waits[4].revents) disks_logged(disk_events.log);
        if (waits[5].revents) log_in();
        for (int i = 0; i < button_count; i++)
            if (waits[OTHER_WAITS + i].revents && power_button_pressed(buttons[i])) shut_down(RB_POWER_OFF);
    }
}

int init_main(void) {
    double up = uptime_seconds();
    setvbuf(stdout, NULL, _IOLBF, 0);
    int signals = block_signals(), buttons[BUTTONS_MAX];
    reboot(RB_DISABLE_CAD); // Ctrl-Alt-Del becomes SIGINT.
    mount_all();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    setenv("TERM", "vt100", 1);
    report_open();
    report_phase("kernel", up, -1, NULL);
    mkfifo(LEASE_PIPE, 0600);
    lease_told = open(LEASE_PIPE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    seed_read(&seed);
    seed_apply(&seed, "", (struct login){"/root", 0});
    interface_up("lo");
    interface_up("eth0");
    ssh = ssh_listen();
    for (size_t i = 0; i < SERVICES; i++) start(&services[i]);
    disks_open(&disk_events);
    if (!growfs("/")) perror("init: the root file system could not be grown to its disk");
    int button_count = power_buttons_open(buttons, BUTTONS_MAX);
    printf("init: %s, a root shell is on this console: press Enter\n", seed.host_name[0] ? seed.host_name : "tiny");
    lease_deadline = uptime_seconds() + LEASE_WAIT_SECONDS;
    if (!has_network()) network_failed("This machine has no eth0.");
    serve(signals, buttons, button_count);
}
