// Gives a server the socket that the container was started with in the place of the one it binds: no program of it knows of sockets that
// are handed over (sd_listen_fds(3)), and a container without a network has no other way to be reached.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int bind(int descriptor, const struct sockaddr *address, socklen_t length) {
    const char *inherited = getenv("CLOUD_LISTENER");
    if (inherited != NULL && address->sa_family == AF_INET) return dup3(atoi(inherited), descriptor, O_CLOEXEC) < 0 ? -1 : 0;
    int (*real)(int, const struct sockaddr *, socklen_t) = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
    if (real == NULL) {
        errno = ENOSYS;
        return -1;
    }
    return real(descriptor, address, length);
}
