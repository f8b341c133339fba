/*
 * What the kernel alone takes to send the same bytes N times over loopback TCP: cc -O2 floor.c -o floor && ./floor 4096 200000.
 *
 * A head of 60 bytes and the payload for each, gathered by writev from one copy, and a reader that does nothing with them: what no node that sends
 * each subscriber its own message can go below.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VECTORS = 1024, HEAD = 60, READ = 256 * 1024 };

static double cpu_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int connected_to_a_reader(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (void *)&address, size) || listen(listener, 1) || getsockname(listener, (void *)&address, &size))
        return -1;
    if (fork() == 0) {
        static char buffer[READ];
        int from = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(from, (void *)&address, size) == 0)
            while (read(from, buffer, sizeof buffer) > 0)
                continue;
        _exit(0);
    }
    return accept(listener, NULL, NULL);
}

int main(int argc, char **argv) {
    static struct iovec vectors[VECTORS];
    static char head[HEAD];
    size_t size = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    char *payload = size ? calloc(1, size) : NULL;
    int to = payload && count > 0 ? connected_to_a_reader() : -1;
    if (to < 0) {
        fprintf(stderr, "floor BYTES COUNT\n");
        return 2;
    }
    double before = cpu_us();
    for (long sent = 0; sent < count;) {
        struct iovec *next = vectors;
        int left = 0;
        for (; left < VECTORS && sent < count; sent++) {
            vectors[left++] = (struct iovec){head, HEAD};
            vectors[left++] = (struct iovec){payload, size};
        }
        while (left > 0) {
            ssize_t written = writev(to, next, left);
            if (written < 0)
                return 1;
            for (; left > 0 && (size_t)written >= next->iov_len; next++, left--)
                written -= (ssize_t)next->iov_len;
            if (left > 0)
                *next = (struct iovec){(char *)next->iov_base + written, next->iov_len - (size_t)written};
        }
    }
    printf("%zu bytes: %.2f us CPU for each\n", size, (cpu_us() - before) / (double)count);
    close(to);
    wait(NULL);
    return 0;
}
