// The container's terminal, which runc makes and hands over (its --console-socket).
#define _GNU_SOURCE
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int listen_for_terminal(const char *name) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strncpy(address.sun_path, name, sizeof address.sun_path - 1);
    unlink(name);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0)
        fail("The terminal's socket cannot be made: %s", strerror(errno));
    return listener;
}

int receive_terminal(int listener) {
    int from = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (from < 0) fail("accept: %s", strerror(errno));
    char name[4096];
    union { struct cmsghdr header; char bytes[CMSG_SPACE(sizeof(int))]; } control;
    struct iovec part = { name, sizeof name };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) <= 0) fail("The container's terminal did not come.");
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        fail("The container's terminal did not come.");
    int terminal;
    memcpy(&terminal, CMSG_DATA(header), sizeof terminal);
    close(from);
    fcntl(terminal, F_SETFL, O_NONBLOCK);
    return terminal;
}
