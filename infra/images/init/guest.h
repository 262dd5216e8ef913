// The first process of the small images and what it starts. One static program of several names, so that its parts are forked and not
// loaded anew: under emulation a program's start is what a boot pays for most.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// Where the state of an instance lies on its disk.
#define STATE_FOLDER "/var/lib/cloud-guest"

// Where a boot's own state lies, in memory. It is handed over from the initial RAM disk to the system of the root disk.
#define RUN_FOLDER "/run/cloud-guest"

// initrd.c: loads the modules that the root disk needs, where the kernel has them not built in, and goes there.
int initrd_main(void);

// handover.c: what is done on the root disk, mounted in that folder, before a system that is not ours starts from it.
void hand_over(const char *root, double kernel_up);

// systemd.c: our part of a boot that systemd makes. What: "network", "resolver", "user-data", "cloud-init" or "console".
int systemd_main(const char *what);

// init.c: process 1 of the root disk.
int init_main(void);

// The named pipe by which init hears of a lease: udhcpc passes no descriptors on to what it runs.
#define LEASE_PIPE "/run/lease"

// lease.c: what udhcpc calls when a lease comes, changes or goes.
int lease_main(const char *event);

// report.c: the boot report. A phase's "exitCode" is left out where it is negative, "error" where it is NULL.
void report_open(void);
void report_phase(const char *phase, double uptime, int exit_code, const char *error);
double uptime_seconds(void);

// ports.c: opens the virtio-serial port of that name; -1 where the machine has none.
int port_open(const char *name, int flags);

// files.c
bool file_write(const char *path, mode_t mode, const void *bytes, size_t length);
bool file_write_text(const char *path, mode_t mode, const char *text);
// The file's bytes with a 0 behind them; NULL where it cannot be read or is longer than max. The caller frees them.
char *file_read(const char *path, size_t max, size_t *length);

// growfs.c: grows the file system of the folder to the root disk; false with the reason in errno.
bool growfs(const char *folder);

// disks.c: names the disks that there are by their serial numbers, and opens what tells of those that come and go; -1 for none.
struct disk_events {
    int devices; // Netlink: devices that come and go.
    int log;     // The kernel's: a disk that comes into an empty drive, or leaves it so, is told of nowhere else.
};
void disks_open(struct disk_events *events);
// Names what came since, and forgets what went.
void disks_changed(int devices);
void disks_logged(int log);

// seed.c: what the NoCloud seed says. Strings are empty and lists NULL where there is none.
struct seed {
    char instance_id[128];
    char host_name[65];
    char *authorized_keys;
    char *user_data;
    size_t user_data_length;
};

void seed_read(struct seed *seed);
void seed_free(struct seed *seed);

// Has the seed read anew from the disk: under a machine that goes on from another's state lies another seed.
void seed_forget(void);

// Whose keys the seed's are.
struct login {
    const char *home;
    uid_t owner;
};

// Gives the disk whose root is that folder ("" for our own) the seed's identity; true where it is another than at the boot before.
bool seed_apply(const struct seed *seed, const char *root, struct login login);

// What an instance has of its seed at its first boot beside its names: keys, and user data that has not run.
void seed_begin(const struct seed *seed, const char *root, struct login login);

// Gives the running system's disk this identity: names, machine id, and no host keys until they are made anew.
void seed_rename(const char *instance_id, const char *host_name);

// renew.c: the instance's id, host name, hardware address and address, and randomness as hexadecimal digits. 0 when all is renewed.
#define RENEW_ARGUMENTS 5
int renew_main(char **arguments);
// The same, and then what a first boot does with its seed: keys and user data. 0 when the user data is under way.
int begin_main(char **arguments);

// handover.c: whose machine Debian's is, and leaves the user data to what runs it, below that root.
extern const struct login DEBIAN_USER;
// True where it is for cloud-init.
bool user_data_leave(const struct seed *seed, const char *root);

// userdata.c: how the user data went.
struct user_data_result {
    bool present;
    int exit_code;
    char error[300];
};

// Starts the user data where it has not run on this instance yet. Its end is one struct user_data_result on the descriptor returned;
// -1 where there is nothing to wait for and *result holds the answer.
int user_data_start(const struct seed *seed, struct user_data_result *result);
void user_data_recall(struct user_data_result *result);
void user_data_keep(const struct user_data_result *result);
// Waits for the answer of the descriptor that user_data_start returned.
void user_data_wait(int told, struct user_data_result *result);
// Reports the phases user-data, where there is any, and ready.
void user_data_report(const struct user_data_result *result);

// ssh.c: the socket where logins are waited for, or -1; and the server's process for one that came, or -1.
int ssh_listen(void);
pid_t ssh_serve(int listener);

// lease.c: the address that the machine was given by renew.c, over that of the machine that it was. Kept until a lease says otherwise.
#define ADDRESS_GIVEN "/run/address-given"
bool lease_give(const char *interface, const char *address);

// power.c: opens the power buttons; the number found.
int power_buttons_open(int *descriptors, int max);
bool power_button_pressed(int descriptor);
// Ends everything, and the machine. Does not return. how: a command of reboot(2).
void shut_down(int how) __attribute__((noreturn));

// console.c: a root shell on the console for whoever types there: the program named, with its argument vector.
int console_shell_main(const char *program, char *const arguments[]);
