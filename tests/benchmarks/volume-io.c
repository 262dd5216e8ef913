/* What a guest reads from and writes to a disk, past its cache: volume-io DISK [SECONDS].
 * Without SECONDS: megabytes a second one after the other, operations of 4 KiB a second at random places, over the first SPAN bytes.
 * With SECONDS: writes 4 KiB again and again for so long, and tells the longest time between two, in milliseconds. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SPAN (256L << 20)
#define LARGE (1L << 20)
#define SMALL 4096L
#define OPERATIONS 6000

static int disk;
static char *buffer;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void once(int writes, long length, long at)
{
    if ((writes ? pwrite(disk, buffer, length, at) : pread(disk, buffer, length, at)) != length) {
        perror("disk");
        exit(1);
    }
}

static void in_order(const char *name, int writes)
{
    double began = seconds();
    for (long at = 0; at < SPAN; at += LARGE)
        once(writes, LARGE, at);
    if (writes)
        fdatasync(disk);
    printf("%s %.3f\n", name, SPAN / 1e6 / (seconds() - began));
}

static void at_random(const char *name, int writes)
{
    srand(1);
    double began = seconds();
    for (int number = 0; number < OPERATIONS; number++)
        once(writes, SMALL, rand() % (SPAN / SMALL) * SMALL);
    if (writes)
        fdatasync(disk);
    printf("%s %.3f\n", name, OPERATIONS / (seconds() - began));
}

static void longest_gap(double limit)
{
    double began = seconds(), before = began, longest = 0;
    while (before - began < limit) {
        once(1, SMALL, 0);
        double now = seconds();
        if (now - before > longest)
            longest = now - before;
        before = now;
    }
    printf("longest-gap %.3f\n", longest * 1e3);
}

int main(int count, char **words)
{
    disk = count > 1 ? open(words[1], O_RDWR | O_DIRECT) : -1;
    if (disk < 0 || posix_memalign((void **)&buffer, LARGE, LARGE) != 0) {
        fprintf(stderr, "volume-io DISK [SECONDS]\n");
        return 1;
    }
    memset(buffer, 0x5a, LARGE);
    if (count > 2) {
        longest_gap(atof(words[2]));
        return 0;
    }
    in_order("sequential-write", 1);
    in_order("sequential-read", 0);
    at_random("random-read", 0);
    at_random("random-write", 1);
    return 0;
}
