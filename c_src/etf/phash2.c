/* erlang:phash2 of a binary. Follows make_hash2 of erts/emulator/beam/erl_term_hashing.c: Bob Jenkins' hash of blocks (lookup2), begun with the
 * thirteenth multiple of its golden ratio, which is the one for binaries. */
#include <hermod/term.h>

#define GOLDEN 0x9E3779B9u

static uint32_t read_word(const unsigned char *at, size_t size) {
    uint32_t word = 0;
    for (size_t i = 0; i < size && i < 4; i++)
        word |= (uint32_t)at[i] << (8 * i);
    return word;
}

static void mix(uint32_t *a, uint32_t *b, uint32_t *c) {
    static const unsigned char shifts[9] = {13, 8, 13, 12, 16, 5, 3, 10, 15};
    for (unsigned round = 0; round < 9; round += 3) {
        *a = (*a - *b - *c) ^ (*c >> shifts[round]);
        *b = (*b - *c - *a) ^ (*a << shifts[round + 1]);
        *c = (*c - *a - *b) ^ (*b >> shifts[round + 2]);
    }
}

uint32_t hm_phash2_binary(const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint32_t a = GOLDEN, b = GOLDEN, c = 13 * GOLDEN;
    size_t left = size;
    if (!size)
        return c;
    for (; left >= 12; left -= 12, at += 12) {
        a += read_word(at, 4);
        b += read_word(at + 4, 4);
        c += read_word(at + 8, 4);
        mix(&a, &b, &c);
    }
    c += (uint32_t)size;
    a += read_word(at, left);
    b += left > 4 ? read_word(at + 4, left - 4) : 0;
    c += left > 8 ? read_word(at + 8, left - 8) << 8 : 0; /* its first byte holds the size */
    mix(&a, &b, &c);
    return c;
}
