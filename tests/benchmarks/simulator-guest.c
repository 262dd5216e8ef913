// Process 1 of the benchmark "simulator": runs what its arguments name, KIND:TIMES, and marks on the console when each begins and ends.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NODES = 256, SIDE = 24, TEXT = 1024, RING = 4 << 20, BODIES = 5, STEPS = 4096 };

struct node {
    struct node *next;
    int16_t key, value;
};

static struct node nodes[NODES];
static int16_t left[SIDE * SIDE], right[SIDE * SIDE];
static char text[TEXT];
static uint32_t *ring;

static uint16_t crc(uint16_t sum, uint32_t value) {
    for (int bit = 0; bit < 32; bit++, value >>= 1) sum = (sum >> 1) ^ ((sum ^ value) & 1 ? 0xA001 : 0);
    return sum;
}

// A list turned around and searched.
static uint32_t lists(uint32_t sum) {
    struct node *head = NULL, *turned = NULL;
    for (int i = 0; i < NODES; i++) nodes[i] = (struct node){head, (int16_t)((i * 73 + sum) % NODES), (int16_t)i}, head = &nodes[i];
    while (head) {
        struct node *next = head->next;
        head->next = turned;
        turned = head;
        head = next;
    }
    for (int key = 0; key < NODES; key += 8) {
        struct node *found = turned;
        while (found && found->key != key) found = found->next;
        sum = crc((uint16_t)sum, found ? (uint32_t)found->value : 0);
    }
    return sum;
}

static uint32_t matrices(uint32_t sum) {
    for (int i = 0; i < SIDE * SIDE; i++) left[i] = (int16_t)(i + sum), right[i] = (int16_t)(i * 3 ^ sum);
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            int32_t cell = 0;
            for (int k = 0; k < SIDE; k++) cell += left[i * SIDE + k] * right[k * SIDE + j];
            sum += (uint32_t)cell >> 3;
        }
    }
    return crc((uint16_t)sum, sum);
}

// Numbers told from other words, a character at a time.
static uint32_t words(uint32_t sum) {
    enum { START, INTEGER, FRACTION, WORD } state = START;
    uint32_t counts[4] = {0};
    for (int i = 0; i < TEXT; i++) text[i] = "12 -3.5,abc 0x7,9e2 "[(i + sum) % 20];
    for (int i = 0; i < TEXT; i++) {
        char c = text[i];
        if (c == ' ' || c == ',') counts[state]++, state = START;
        else if (state == WORD) continue;
        else if (c == '.') state = state == FRACTION ? WORD : FRACTION;
        else if (c >= '0' && c <= '9') state = state == START ? INTEGER : state;
        else if (c != '-' || state != START) state = WORD;
    }
    for (int i = 0; i < 4; i++) sum = crc((uint16_t)sum, counts[i]);
    return sum;
}

static uint32_t integer(int times) {
    uint32_t sum = 1;
    for (int i = 0; i < times * 1000; i++) sum = words(matrices(lists(sum)));
    return sum;
}

// Each step depends on the load before, all over 16 MiB; then these move.
static uint32_t memory(int times) {
    uint32_t at = 0, sum = 0;
    if (!ring) {
        ring = malloc(RING * sizeof *ring);
        for (uint32_t i = 0; i < RING; i++) ring[i] = (i * 1103515245u + 12345u) % RING;
    }
    for (int i = 0; i < times; i++) {
        for (int step = 0; step < RING; step++) at = ring[at], sum = sum * 31 + at;
        memmove(ring, ring + 16, (RING - 16) * sizeof *ring);
    }
    return sum;
}

// Bodies that draw each other, and a polynomial: adds, multiplies, divisions, roots.
static uint32_t floating(int times) {
    double x[BODIES], v[BODIES] = {0}, sum = 0;
    for (int i = 0; i < BODIES; i++) x[i] = i * 1.7 + 0.3;
    for (int step = 0; step < times * STEPS; step++) {
        for (int i = 0; i < BODIES; i++) {
            for (int j = i + 1; j < BODIES; j++) {
                double gap = x[j] - x[i], apart = __builtin_sqrt(gap * gap + 0.01), pull = gap / (apart * apart * apart) * 1e-4;
                v[i] += pull;
                v[j] -= pull;
            }
        }
        for (int i = 0; i < BODIES; i++) {
            x[i] += v[i] * 1e-2;
            sum = sum * 0.999 + x[i] * (1.0 + x[i] * (0.5 - x[i] * 0.25));
        }
    }
    return (uint32_t)(int64_t)(sum * 1e6);
}

static uint32_t run(const char *kind, int times) {
    if (!strcmp(kind, "integer")) return integer(times);
    if (!strcmp(kind, "memory")) return memory(times);
    if (!strcmp(kind, "float")) return floating(times);
    uint32_t sum = 0;
    if (!strcmp(kind, "pair")) {
        for (int i = 0; i < 2; i++) {
            if (fork() == 0) _exit(integer(times) & 0x7F);
        }
        for (int status, i = 0; i < 2 && wait(&status) > 0; i++) sum += (uint32_t)WEXITSTATUS(status);
    }
    return sum;
}

int main(int count, char **arguments) {
    setlinebuf(stdout);
    printf("@up\n");
    for (int i = 1; i < count; i++) {
        char *times = strchr(arguments[i], ':');
        if (!times) continue;
        *times++ = 0;
        printf("@begin %s\n", arguments[i]);
        uint32_t sum = run(arguments[i], atoi(times));
        printf("@end %s %08x\n", arguments[i], sum);
    }
    printf("@rest\n");
    for (;;) pause();
}
