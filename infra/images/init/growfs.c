#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

// linux: fs/ext4/ext4.h. The kernel does the whole of an online resize itself.
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

bool growfs(const char *folder) {
    struct statfs root;
    uint64_t bytes = 0;
    int disk = open("/dev/vda", O_RDONLY | O_CLOEXEC);
    bool known = disk >= 0 && ioctl(disk, BLKGETSIZE64, &bytes) == 0 && statfs(folder, &root) == 0;
    if (disk >= 0) close(disk);
    if (!known) return false;
    uint64_t blocks = bytes / (uint64_t)root.f_bsize;
    int opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) return false;
    // Already of that size: the kernel finds so and does nothing.
    bool grown = ioctl(opened, EXT4_IOC_RESIZE_FS, &blocks) == 0;
    int reason = errno;
    close(opened);
    errno = reason;
    return grown;
}
