// What the parts of the shim share: shim.c has the whole.
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LAYERS_MAX 128
#define BINDS_MAX 8
#define VOLUMES_MAX 16
#define LISTENERS_MAX 8
#define WORDS_MAX 512
#define IDS 65536
#define IDS_TEXT "65536"
#define PLACE "/mnt" // In the shim's own mount namespace alone.

struct volume {
    const char *file;   // A file system: a raw file, or the file of a QEMU storage daemon's export.
    bool read_only;
    bool write_through; // Of a raw file: what is written is on the disk when it is acknowledged.
    char device[32];    // Its loop device, once it is mounted.
};

struct options {
    const char *runc;
    const char *id;
    unsigned base;              // The container's root is this user; 65536 ids follow one another.
    bool mapped;                // All is done in a user namespace of an ordinary user's, where his sub-ids follow him from 1 on.
    unsigned tasks;             // How many it may have, where no cgroup limits them; 0 for any number.
    const char *layers[LAYERS_MAX]; // The topmost first.
    int layer_count;
    const char *binds[BINDS_MAX];   // Folders below the machine's, shown as PLACE/NAME.
    int bind_count;
    struct volume volumes[VOLUMES_MAX];
    int volume_count;
    char *daemon[WORDS_MAX + 1]; // What shows volumes that are no plain files as such; it goes on in the background.
    int daemon_count;
    const char *daemon_id;      // Its file with its process's number: it is ended last.
    int daemon_socket;          // Where it is asked: its descriptor 3.
    int commands;               // Where the shim is asked; -1 for nowhere.
    const char *owner;          // Whose a new file system is, in the container: UID:GID.
    int listeners[LISTENERS_MAX]; // Sockets that the container's first process has open from descriptor 3 on.
    int listener_count;
    int port_folder;            // -1 for none.
    const char *mac;
    const char *address;
    const char *gateway;
    unsigned prefix;
};

// Descriptors that the driver gives.
enum { CONTROL = 3, CONSOLE_LOG = 4, CONSOLE_LISTEN = 5 };

// Says why to the driver and ends the shim, and all that it has begun.
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

// Says a line to whoever is at the other end of a socket.
void say(int to, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Runs a program to its end; answers its exit status.
int run(char *const command[]);

// The same for one that has a socket open from the start, as its descriptor 3.
int run_listening(char *const command[], int socket);

// users.c
void enter_user_namespace(const char *first_user, const char *first_group);
void give_owners(const char *folder);

// mounts.c
void mount_all(struct options *options);
void unmount_volumes(const struct options *options);

// commands.c
void serve_command(int client, const struct options *options);
void thaw_volumes(const struct options *options);

// network.c
int open_switch_socket(int port_folder);
int open_card(pid_t container, const struct options *options);
bool forward(int card, int socket, int port_folder);

// console.c
int receive_terminal(int listener);
int listen_for_terminal(const char *name);

#endif
