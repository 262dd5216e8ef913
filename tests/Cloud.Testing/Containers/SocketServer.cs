using System.Diagnostics;
using Shouldly;

namespace Cloud.Testing.Containers;

/// <summary>
/// A program that takes its listening sockets open, as sd_listen_fds(3) has it: to whoever connects it says
/// <c>COUNT PID NAMES NUMBER STARTED</c>, the number of the socket among them and a number that is another at each start of it.
/// </summary>
public static class SocketServer
{
    private const string Source =
        """
        #include <poll.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/socket.h>
        #include <time.h>
        #include <unistd.h>
        int main(void) {
            const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");
            int sockets = atoi(count);
            struct pollfd polled[8];
            struct timespec now;
            clock_gettime(CLOCK_MONOTONIC, &now);
            for (int i = 0; i < sockets; i++) polled[i] = (struct pollfd){ 3 + i, POLLIN, 0 };
            puts("serves");
            fflush(stdout);
            while (poll(polled, sockets, -1) >= 0)
                for (int i = 0; i < sockets; i++) {
                    char line[256];
                    int client = polled[i].revents ? accept(3 + i, NULL, NULL) : -1;
                    if (client < 0) continue;
                    int length = snprintf(line, sizeof line, "%s %s %s %d %ld.%09ld\n", count, pid, names, i, now.tv_sec, now.tv_nsec);
                    if (write(client, line, length) != length) return 1;
                    close(client);
                }
            return 1;
        }
        """;

    /// <summary>
    /// A program that has a socket which listens, as descriptor 3, and tries to reach another port of the host with it, and with the first
    /// connection that it accepts: for each it says <c>connected</c> or <c>held</c>. Then it listens at another port with the latter.
    /// </summary>
    private const string Turncoat =
        """
        #include <arpa/inet.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/socket.h>
        #include <sys/time.h>
        #include <unistd.h>
        static void turn(int socket, int port) {
            struct sockaddr nobody = { .sa_family = AF_UNSPEC };
            struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
            struct timeval limit = { 1, 0 };
            setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &limit, sizeof(int));
            setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
            int turned = connect(socket, &nobody, sizeof nobody);
            puts(connect(socket, (struct sockaddr *)&there, sizeof there) == 0 ? "connected" : turned == 0 ? "held" : "kept");
        }
        int main(int count, char **words) {
            int client = accept(3, NULL, NULL), port = count > 1 ? atoi(words[1]) : 0;
            turn(client, port);
            turn(3, port);
            struct sockaddr nobody = { .sa_family = AF_UNSPEC };
            struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(atoi(words[2])) };
            connect(client, &nobody, sizeof nobody);
            if (bind(client, (struct sockaddr *)&there, sizeof there) == 0 && listen(client, 1) == 0) puts("listens");
            fflush(stdout);
            pause();
        }
        """;

    public static Task BuildTurncoatAsync(string path) => BuildAsync(path, Turncoat);

    /// <summary>Compiles it, linked to nothing that a container would have to bring.</summary>
    public static Task BuildAsync(string path) => BuildAsync(path, Source);

    private static async Task BuildAsync(string path, string source)
    {
        using var compiler = Process.Start(
            new ProcessStartInfo("cc", ["-static", "-std=gnu11", "-O1", "-x", "c", "-o", path, "-"]) { RedirectStandardInput = true })!;
        await compiler.StandardInput.WriteAsync(source);
        compiler.StandardInput.Close();
        await compiler.WaitForExitAsync();
        compiler.ExitCode.ShouldBe(0);
    }
}
