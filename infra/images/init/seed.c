// The NoCloud seed: an ISO 9660 image labelled cidata with user-data and meta-data. The meta-data is read as JSON, which is what the
// cloud writes and all YAML readers take.
#include "guest.h"
#include "../agent/json.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
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

// A SCSI bus may still be looked through when this runs.
static bool wait_for_device(void) {
    const struct timespec pause = {0, 5 * 1000 * 1000};
    bool has_bus = access("/sys/class/scsi_host/host0", F_OK) == 0;
    for (int waited = 0; has_bus && access(SEED_DEVICE, F_OK) != 0 && waited < DEVICE_WAIT_MS; waited += 5) nanosleep(&pause, NULL);
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

static void forget_host_keys(void) {
    DIR *folder = opendir("/etc/dropbear");
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (strstr(entry->d_name, "_host_key")) unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder) closedir(folder);
}

bool seed_apply(const struct seed *seed) {
    char *before = file_read(STATE_FOLDER "/instance-id", 256, NULL);
    bool is_new = seed->instance_id[0] && (!before || strcmp(before, seed->instance_id) != 0);
    bool first = !before;
    free(before);
    char *name = file_read("/etc/hostname", 256, NULL);
    if (is_new) {
        if (!first) {
            forget_host_keys();
            unlink(STATE_FOLDER "/user-data.result");
        }
        char hosts[300];
        const char *host_name = seed->host_name[0] ? seed->host_name : "tiny";
        snprintf(hosts, sizeof hosts, "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n", host_name);
        file_write_text("/etc/hosts", 0644, hosts);
        file_write_text("/etc/hostname", 0644, host_name);
        if (seed->authorized_keys) file_write_text("/root/.ssh/authorized_keys", 0600, seed->authorized_keys);
        file_write_text(STATE_FOLDER "/instance-id", 0644, seed->instance_id);
        sethostname(host_name, strlen(host_name));
    } else if (name) {
        name[strcspn(name, "\n")] = 0;
        sethostname(name, strlen(name));
    }
    free(name);
    return is_new;
}
