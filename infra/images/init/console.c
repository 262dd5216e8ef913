// A root shell on the console, which only the owner of the instance reaches. It is started when somebody types: till then it would
// cost memory and its prompt would stand among the boot's lines.
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

int console_shell_main(const char *program, char *const arguments[]) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    // /dev/console is never a controlling terminal; without one there is no Ctrl-C.
    int terminal = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 1) != 0) return 1;
    for (int i = 0; i < 3; i++) dup2(terminal, i);
    struct termios lines, keys;
    if (tcgetattr(0, &lines) != 0) return 1;
    keys = lines;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(0, TCSANOW, &keys);
    struct pollfd typed = {0, POLLIN, 0};
    while (poll(&typed, 1, -1) != 1) continue;
    if (typed.revents & (POLLHUP | POLLERR)) return 1;
    tcsetattr(0, TCSANOW, &lines);
    if (chdir("/root") != 0) return 1;
    execv(program, arguments);
    return 1;
}
