#include "guest.h"
#include "../agent/agent.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    if (strcmp(name, "udhcpc-lease") == 0 && argc > 1) return lease_main(argv[1]);
    if (strcmp(name, "qemu-ga") == 0) return agent_main();
    if (strcmp(name, "cloud-guest") == 0 && argc == 2 + RENEW_ARGUMENTS && strcmp(argv[1], "renew") == 0) return renew_main(argv + 2);
    if (strcmp(name, "cloud-guest") == 0 && argc == 2 + RENEW_ARGUMENTS && strcmp(argv[1], "begin") == 0) return begin_main(argv + 2);
    if (strcmp(name, "cloud-guest") == 0 && argc > 1) return systemd_main(argv[1]);
    if (getpid() == 1) return access("/modules.list", F_OK) == 0 ? initrd_main() : init_main();
    fprintf(stderr, "%s: only the kernel starts it, as process 1\n", name);
    return 1;
}
