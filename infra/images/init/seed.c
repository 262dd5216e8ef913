// The NoCloud seed: an ISO 9660 image labelled cidata with user-data and meta-data. The meta-data is read as JSON, which is what the
// cloud writes and all YAML readers take.
#include "guest.h"
#include "../agent/json.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEED_DEVICE "/dev/sr0"
#define SEED_FOLDER "/run/seed"
#define META_DATA_MAX (256 * 1024)
#define USER_DATA_MAX (4 * 1024 * 1024)
#define DEVICE_WAIT_MS 1000

// ISO 9660 8.4: the primary volume descriptor lies in sector 16, the volume's name at byte 40 of it.
static bool is_labelled(const char *device) {
    char name[6];
    int disk = open(device, O_RDONLY | O_CLOEXEC);
    bool labelled = disk >= 0 && pread(disk, name, sizeof name, 16 * 2048 + 40) == sizeof name && strncasecmp(name, "cidata", sizeof name) == 0;
    if (disk >= 0) close(disk);
    return labelled;
}

// The kernel is told not to look through the SCSI bus by itself (scsi_mod.scan=manual): it would ask for each of 256 devices. The seed is
// the first.
static bool wait_for_device(void) {
    const struct timespec pause = {0, 5 * 1000 * 1000};
    int scan = access(SEED_DEVICE, F_OK) == 0 ? -1 : open("/sys/class/scsi_host/host0/scan", O_WRONLY | O_CLOEXEC);
    if (scan < 0) return access(SEED_DEVICE, F_OK) == 0;
    if (write(scan, "0 0 0", 5) < 0) perror("init: the seed's bus");
    close(scan);
    for (int waited = 0; access(SEED_DEVICE, F_OK) != 0 && waited < DEVICE_WAIT_MS; waited += 5) nanosleep(&pause, NULL);
    return access(SEED_DEVICE, F_OK) == 0;
}

static void copy_name(char *to, size_t size, const struct json *value, const char *allowed) {
    if (!value || value->kind != JSON_STRING) return;
    size_t length = 0;
    for (const char *c = value->text; *c && length < size - 1; c++)
        if (isalnum((unsigned char)*c) || strchr(allowed, *c)) to[length++] = *c;
    to[length] = 0;
}

static char *join_keys(const struct json *keys) {
    struct json_text text = {0};
    if (keys && keys->kind == JSON_ARRAY)
        for (const struct json *key = keys->first; key; key = key->next)
            if (key->kind == JSON_STRING && !strpbrk(key->text, "\r\n")) json_printf(&text, "%s\n", key->text);
    return text.bytes;
}

static void read_meta_data(struct seed *seed) {
    size_t length;
    char *text = file_read(SEED_FOLDER "/meta-data", META_DATA_MAX, &length);
    struct json *meta = text ? json_parse(text, length) : NULL;
    if (text && !meta) fprintf(stderr, "init: the seed's meta-data is no JSON\n");
    copy_name(seed->instance_id, sizeof seed->instance_id, json_get(meta, "instance-id"), "-_.");
    copy_name(seed->host_name, sizeof seed->host_name, json_get(meta, "local-hostname"), "-.");
    seed->authorized_keys = join_keys(json_get(meta, "public-keys"));
    json_free(meta);
    free(text);
}

void seed_read(struct seed *seed) {
    if (!wait_for_device() || !is_labelled(SEED_DEVICE)) return;
    mkdir(SEED_FOLDER, 0700);
    if (mount(SEED_DEVICE, SEED_FOLDER, "iso9660", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) {
        perror("init: the seed cannot be mounted");
        return;
    }
    read_meta_data(seed);
    seed->user_data = file_read(SEED_FOLDER "/user-data", USER_DATA_MAX, &seed->user_data_length);
    umount2(SEED_FOLDER, 0);
    rmdir(SEED_FOLDER);
}

void seed_free(struct seed *seed) {
    free(seed->authorized_keys);
    free(seed->user_data);
    *seed = (struct seed){0};
}

void seed_forget(void) {
    int disk = open(SEED_DEVICE, O_RDONLY | O_CLOEXEC);
    if (disk >= 0 && ioctl(disk, BLKFLSBUF) != 0) perror("init: the seed's buffers");
    if (disk >= 0) close(disk);
}

// A file below the root given.
static const char *below(const char *root, const char *path) {
    static char full[2][512];
    static int turn;
    char *text = full[turn ^= 1];
    snprintf(text, sizeof full[0], "%s%s", root, path);
    return text;
}

static void forget_host_keys(const char *root, const char *path) {
    DIR *folder = opendir(below(root, path));
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (strstr(entry->d_name, "_host_")) unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder) closedir(folder);
}

static void write_keys(const struct seed *seed, const char *root, struct login login) {
    char folder[512], file[600];
    snprintf(folder, sizeof folder, "%s%s/.ssh", root, login.home);
    snprintf(file, sizeof file, "%s/authorized_keys", folder);
    if (!seed->authorized_keys) return;
    mkdir(folder, 0700);
    file_write_text(file, 0600, seed->authorized_keys);
    if (chown(folder, login.owner, login.owner) != 0 || chown(file, login.owner, login.owner) != 0) perror("init: authorized_keys");
}

// systemd's: an id of 16 bytes that no two machines share.
static void write_machine_id(const char *root) {
    unsigned char bytes[16];
    char text[34];
    if (access(below(root, "/etc/machine-id"), F_OK) != 0 || getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return;
    bytes[6] = (bytes[6] & 0x0f) | 0x40; // RFC 4122 4.4: version 4.
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    for (size_t i = 0; i < sizeof bytes; i++) sprintf(text + 2 * i, "%02x", bytes[i]);
    strcat(text, "\n");
    file_write_text(below(root, "/etc/machine-id"), 0444, text);
}

static void take_name(const char *root, const char *instance_id, const char *name) {
    char hosts[300];
    mkdir(below(root, STATE_FOLDER), 0755);
    forget_host_keys(root, "/etc/dropbear");
    forget_host_keys(root, "/etc/ssh");
    snprintf(hosts, sizeof hosts, "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n", name);
    file_write_text(below(root, "/etc/hosts"), 0644, hosts);
    file_write_text(below(root, "/etc/hostname"), 0644, name);
    write_machine_id(root);
    file_write_text(below(root, STATE_FOLDER "/instance-id"), 0644, instance_id);
}

void seed_rename(const char *instance_id, const char *host_name) { take_name("", instance_id, host_name); }

void seed_begin(const struct seed *seed, const char *root, struct login login) {
    unlink(below(root, STATE_FOLDER "/user-data.result"));
    unlink(below(root, "/var/log/user-data.log"));
    unlink(below(root, "/var/log/cloud-init.log"));
    write_keys(seed, root, login);
}

bool seed_apply(const struct seed *seed, const char *root, struct login login) {
    char *before = file_read(below(root, STATE_FOLDER "/instance-id"), 256, NULL);
    bool is_new = seed->instance_id[0] && (!before || strcmp(before, seed->instance_id) != 0);
    free(before);
    if (is_new) {
        take_name(root, seed->instance_id, seed->host_name[0] ? seed->host_name : "localhost");
        seed_begin(seed, root, login);
    }
    char *name = file_read(below(root, "/etc/hostname"), 256, NULL);
    if (name) {
        name[strcspn(name, "\n")] = 0;
        sethostname(name, strlen(name));
    }
    free(name);
    return is_new;
}
