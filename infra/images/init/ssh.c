// Waits for who wants to log in: the server is started with the first connection and ends with it. A machine that nobody logs in to starts
// none, and one that goes on as another's copy has none that remembers the other's randomness.
#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define SSH_PORT 22
#define WAITING_MAX 16

// -R makes the host keys at the first connection, -s takes no passwords: a server that was built without them does not know it.
#ifdef SSH_WITHOUT_PASSWORDS
#define NO_PASSWORDS
#else
#define NO_PASSWORDS "-s",
#endif

int ssh_listen(void) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(SSH_PORT)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    if (listener < 0) return -1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&any, sizeof any) == 0 && listen(listener, WAITING_MAX) == 0) return listener;
    perror("init: ssh");
    close(listener);
    return -1;
}

pid_t ssh_serve(int listener) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return -1;
    pid_t server = fork();
    if (server == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setsid();
        // What it says by its errors does not belong into the connection.
        dup2(connection, 0);
        dup2(connection, 1);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
        execl("/usr/sbin/dropbear", "dropbear", "-i", "-R", NO_PASSWORDS "-b", "/etc/motd", NULL);
        _exit(1);
    }
    close(connection);
    return server;
}
