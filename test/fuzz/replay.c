/*
 * A plain main for a fuzz target: feeds it every file of the directories given, so that what a fuzzer once found is
 * checked in every build, with every compiler and without libFuzzer.
 *
 * Each input is copied into a block of exactly its size, so that AddressSanitizer sees a read one byte past the end.
 * The target says what is wrong by dying; the last line names the input at hand, through the signal handler.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For the signal handler, which can reach nothing else. */
static char current_path[4096];

static void on_death(int signo) {
    static const char text[] = "replay: died on ";
    ssize_t ignored;

    ignored = write(STDERR_FILENO, text, sizeof text - 1);
    ignored = write(STDERR_FILENO, current_path, strlen(current_path));
    ignored = write(STDERR_FILENO, "\n", 1);
    (void)ignored;
    signal(signo, SIG_DFL);
    raise(signo);
}

static int read_file(const char *path, uint8_t **data, size_t *size) {
    struct stat st;
    FILE *file = fopen(path, "rb");

    *data = NULL;
    if (file == NULL)
        return -1;
    if (fstat(fileno(file), &st) != 0)
        goto fail;
    *size = (size_t)st.st_size;
    *data = malloc(*size == 0 ? 1 : *size);
    if (*data == NULL || fread(*data, 1, *size, file) != *size)
        goto fail;
    fclose(file);
    return 0;

fail:
    free(*data);
    *data = NULL;
    fclose(file);
    return -1;
}

static int replay_file(const char *path) {
    uint8_t *data;
    size_t size;

    if (read_file(path, &data, &size) != 0) {
        fprintf(stderr, "replay: cannot read %s: %s\n", path, strerror(errno));
        return -1;
    }
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int select_file(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Returns how many files were fed, or -1. In name order, so that two runs do the same. */
static long replay_directory(const char *directory) {
    struct dirent **entries;
    long fed = 0;
    int count = scandir(directory, &entries, select_file, alphasort);

    if (count < 0) {
        fprintf(stderr, "replay: cannot list %s: %s\n", directory, strerror(errno));
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (fed >= 0) {
            snprintf(current_path, sizeof current_path, "%s/%s", directory, entries[i]->d_name);
            fed = replay_file(current_path) == 0 ? fed + 1 : -1;
        }
        free(entries[i]);
    }
    free(entries);
    return fed;
}

int main(int argc, char **argv) {
    static const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    long total = 1; /* the empty input, which libFuzzer always tries and git keeps as a file only awkwardly */

    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
        signal(deadly[i], on_death);
    snprintf(current_path, sizeof current_path, "the empty input");
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        long fed = replay_directory(argv[i]);

        if (fed < 0)
            return 1;
        total += fed;
    }
    printf("%ld inputs\n", total);
    return 0;
}
