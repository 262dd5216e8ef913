// The container's files, in a mount namespace of the shim's own: they are gone with it, however it ends.
#define _GNU_SOURCE
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
enum { BIND = 4096, NOSUID = 2, NODEV = 4, READ_ONLY = 1, RECURSIVE = 16384, SLAVE = 1 << 19 };
#define BLANK_BYTES (1 << 20)
#define GROWN_BYTES (4 << 20) // What is less may be too little for another group of blocks.

static void write_map(pid_t child, const char *name, unsigned base) {
    char path[64], line[64];
    snprintf(path, sizeof path, "/proc/%d/%s", child, name);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    int length = snprintf(line, sizeof line, "0 %u %u", base, IDS);
    if (file < 0 || write(file, line, (size_t)length) != length) fail("The container's user ids cannot be mapped: %s", strerror(errno));
    close(file);
}

// A user namespace for id-mapped mounts (mount_setattr(2)): what is root's on the disk is the container's root's in the mount.
static int open_id_map(unsigned base) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) fail("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) fail("fork: %s", strerror(errno));
    if (child == 0) {
        char one = unshare(CLONE_NEWUSER) == 0;
        if (write(ready[1], &one, 1) == 1) pause();
        _exit(1);
    }
    char made = 0;
    if (read(ready[0], &made, 1) != 1 || !made) fail("This host gives no user namespace.");
    write_map(child, "uid_map", base);
    write_map(child, "gid_map", base);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", child);
    int map = open(path, O_RDONLY | O_CLOEXEC);
    if (map < 0) fail("The user namespace cannot be opened: %s", strerror(errno));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    return map;
}

static void make_folder(const char *path) {
    if (mkdir(path, 0755) != 0 && errno != EEXIST) fail("A folder cannot be made: %s", strerror(errno));
}

// Shows a mount or folder at another place with the container's ids; an ordinary user's files have them already.
static void show_mapped(const char *from, const char *at, int map, unsigned long long more) {
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT);
    if (tree < 0) fail("A layer of the image cannot be opened: %s", strerror(errno));
    struct mount_attr attributes = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | more };
    if (map >= 0) {
        attributes.attr_set |= MOUNT_ATTR_IDMAP;
        attributes.userns_fd = (unsigned)map;
    }
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
        fail("This host's kernel maps no ids of this file system: %s", strerror(errno));
    make_folder(at);
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) != 0) fail("A layer cannot be shown: %s", strerror(errno));
    close(tree);
}

// The root file system: what the container writes lies in the machine's folder, over the image's layers.
static void mount_root(const struct options *options, int map) {
    char lower[LAYERS_MAX * 24] = "", at[64], data[sizeof lower + 64];
    make_folder(PLACE "/layers");
    for (int layer = 0; layer < options->layer_count; layer++) {
        snprintf(at, sizeof at, PLACE "/layers/%d", layer);
        show_mapped(options->layers[layer], at, map, MOUNT_ATTR_RDONLY);
        if (layer > 0) strcat(lower, ":");
        strcat(lower, at);
    }
    if (mkdir("upper", 0755) != 0 && errno != EEXIST) fail("A folder cannot be made: %s", strerror(errno));
    if (mkdir("work", 0700) != 0 && errno != EEXIST) fail("A folder cannot be made: %s", strerror(errno));
    if (chown("upper", options->base, options->base) != 0) fail("chown: %s", strerror(errno));
    make_folder(PLACE "/rootfs");
    snprintf(data, sizeof data, "%slowerdir=%s,upperdir=upper,workdir=work", options->mapped ? "userxattr," : "", lower);
    if (mount("overlay", PLACE "/rootfs", "overlay", NODEV | NOSUID, data) != 0)
        fail("The image's layers cannot be laid over one another: %s", strerror(errno));
}

// Has the host's file system end a write of the file when it is on the disk (chattr(1), S). A commit is then one way through the loop
// device and not two, a write's and a flush's. Where that cannot be, flushes are sent as ever.
static bool write_through(int file) {
    int flags = 0;
    if (ioctl(file, FS_IOC_GETFLAGS, &flags) != 0) return false;
    if (flags & FS_SYNC_FL) return true;
    flags |= FS_SYNC_FL;
    return ioctl(file, FS_IOC_SETFLAGS, &flags) == 0;
}

// A loop device that goes away with its mount; until it is mounted, the descriptor that is answered keeps it. Not by direct input and
// output, but of a file that is the host's own: over the storage daemon's FUSE that returns wrong bytes (QEMU 7.2).
static int open_loop(struct volume *volume) {
    int file = open(volume->file, (volume->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (file < 0) fail("A volume's file cannot be opened: %s", strerror(errno));
    volume->write_through = volume->write_through && write_through(file);
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) fail("This host has no loop devices.");
    for (int attempt = 0; attempt < 64; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) break;
        snprintf(volume->device, sizeof volume->device, "/dev/loop%d", number);
        int loop = open(volume->device, (volume->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        struct loop_config config = { .fd = (unsigned)file, .block_size = 0 };
        config.info.lo_flags =
            LO_FLAGS_AUTOCLEAR | (volume->read_only ? LO_FLAGS_READ_ONLY : 0) | (volume->write_through ? LO_FLAGS_DIRECT_IO : 0);
        if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
            close(file);
            close(control);
            return loop;
        }
        if (loop >= 0) close(loop);
        if (loop < 0 && errno == ENOENT) break;
    }
    fail("A volume gets no loop device: %s", strerror(errno));
}

// Nothing was ever written to its beginning: no file system, no partitions, nothing that somebody would miss.
static bool is_blank(int loop) {
    static char bytes[BLANK_BYTES];
    ssize_t length = pread(loop, bytes, sizeof bytes, 0);
    if (length < 0) fail("A volume cannot be read: %s", strerror(errno));
    for (ssize_t i = 0; i < length; i++) if (bytes[i] != 0) return false;
    return true;
}

static void make_file_system(const char *device, const char *owner) {
    char more[128];
    snprintf(more, sizeof more, "root_owner=%s,nodiscard,lazy_itable_init=1,lazy_journal_init=1", owner);
    if (run((char *[]){ "/sbin/mkfs.ext4", "-q", "-F", "-m", "0", "-E", more, (char *)device, NULL }) != 0)
        fail("A blank volume could not be given a file system: it may be too small.");
}

static void mount_raw(const struct volume *volume, int number, const char *at) {
    unsigned long flags = NOSUID | NODEV | (volume->read_only ? READ_ONLY : 0);
    if (mount(volume->device, at, "ext4", flags, volume->read_only ? "noload" : volume->write_through ? "barrier=0" : "") != 0)
        fail("Volume %d holds no ext4 file system that can be mounted: %s", number + 1, strerror(errno));
}

// Whether the volume has grown since its file system was made, by what the superblock says (ext4's "Super Block" in the kernel's documentation).
static bool has_grown(int loop) {
    unsigned char block[1024];
    unsigned long long bytes = 0;
    unsigned low, high, log;
    if (ioctl(loop, BLKGETSIZE64, &bytes) != 0 || pread(loop, block, sizeof block, 1024) != sizeof block) return false;
    memcpy(&low, block + 0x4, sizeof low);
    memcpy(&log, block + 0x18, sizeof log);
    memcpy(&high, block + 0x150, sizeof high);
    return log <= 6 && bytes > (((unsigned long long)high << 32 | low) << (10 + log)) + GROWN_BYTES;
}

// Where the file system cannot follow, it stays as large as it was. A host may let none grow that is mounted: ext4 asks for CAP_SYS_RESOURCE.
static void grow(const struct volume *volume, int number, const char *at) {
    char *const resize[] = { "/sbin/resize2fs", (char *)volume->device, NULL };
    if (run(resize) == 0) return;
    umount2(at, 0);
    int checked = run((char *[]){ "/sbin/e2fsck", "-f", "-p", (char *)volume->device, NULL });
    if (WIFEXITED(checked) && WEXITSTATUS(checked) <= 1) run(resize);
    mount_raw(volume, number, at);
}

// A volume's root becomes that of the container's where the file system is: PLACE/volumes/N is what the bundle binds.
static void mount_volume(struct volume *volume, int number, int map, const char *owner) {
    char raw[64], at[64];
    int loop = open_loop(volume);
    bool is_new = !volume->read_only && is_blank(loop);
    if (is_new) make_file_system(volume->device, owner);
    make_folder(PLACE "/raw");
    make_folder(PLACE "/volumes");
    snprintf(raw, sizeof raw, PLACE "/raw/%d", number);
    snprintf(at, sizeof at, PLACE "/volumes/%d", number);
    make_folder(raw);
    mount_raw(volume, number, raw);
    if (is_new) {
        snprintf(at, sizeof at, PLACE "/raw/%d/lost+found", number);
        rmdir(at); // Programs that want an empty folder find one; a check of the file system makes it anew when it needs it.
        snprintf(at, sizeof at, PLACE "/volumes/%d", number);
    } else if (!volume->read_only && has_grown(loop)) grow(volume, number, raw);
    close(loop);
    show_mapped(raw, at, map, volume->read_only ? MOUNT_ATTR_RDONLY : 0);
}

void mount_all(struct options *options) {
    if (unshare(CLONE_NEWNS) != 0) fail("A mount namespace cannot be made: %s", strerror(errno));
    if (mount(NULL, "/", NULL, RECURSIVE | SLAVE, NULL) != 0) fail("The host's mounts cannot be held apart: %s", strerror(errno));
    if (mount("shim", PLACE, "tmpfs", NODEV | NOSUID, "mode=0755,size=1m") != 0) fail("tmpfs: %s", strerror(errno));
    int map = options->mapped ? -1 : open_id_map(options->base);
    mount_root(options, map);
    for (int bind = 0; bind < options->bind_count; bind++) {
        char at[128];
        snprintf(at, sizeof at, PLACE "/%s", options->binds[bind]);
        make_folder(at);
        if (mount(options->binds[bind], at, NULL, BIND, NULL) != 0) fail("A folder cannot be shown: %s", strerror(errno));
    }
    if (options->daemon_count > 0 && run_listening(options->daemon, options->daemon_socket) != 0) fail("A volume's files cannot be opened.");
    for (int volume = 0; volume < options->volume_count; volume++)
        mount_volume(&options->volumes[volume], volume, map, options->owner);
    if (map >= 0) close(map);
}

// All that was written is on the volumes when this ends.
void unmount_volumes(const struct options *options) {
    char at[64];
    thaw_volumes(options);
    for (int volume = 0; volume < options->volume_count; volume++) {
        snprintf(at, sizeof at, PLACE "/volumes/%d", volume);
        umount2(at, 0);
        snprintf(at, sizeof at, PLACE "/raw/%d", volume);
        umount2(at, 0);
    }
}
