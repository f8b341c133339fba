#include "etf/build.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include <ei.h>

#include "base/bytes.h"
#include "etf/ids.h"
#include "etf/tags.h"
#include "etf/utf8.h"

/* ei counts in int; a term of 2 GiB has other problems anyway. */
enum { BUILD_MAX = INT_MAX, NUMBER_BYTES = 16 };

/*
 * missing: how many terms the headers still ask for, beginning with the one that the builder is for. A list
 * of unknown length asks for its elements when it ends, so the number may be below 0 between. At the end it
 * must be 0: a header that claims too much or too little would make the BEAM drop the connection, so it is
 * found here.
 */
struct hm_build {
    struct writer out;
    int64_t missing;
};

HM_API hm_build *hm_build_new(void) {
    hm_build *build = malloc(sizeof *build);
    if (!build)
        return NULL;
    writer_init(&build->out, BUILD_MAX);
    build->missing = 1;
    return build;
}

HM_API void hm_build_free(hm_build *build) {
    if (!build)
        return;
    writer_fini(&build->out);
    free(build);
}

HM_API void hm_build_reset(hm_build *build) {
    writer_reset(&build->out);
    build->missing = 1;
}

HM_API int hm_build_error(const hm_build *build) {
    if (build->out.error)
        return build->out.error;
    return build->out.size && build->missing != 0 ? HM_EINVAL : HM_OK;
}

HM_API hm_term hm_build_term(const hm_build *build) {
    if (hm_build_error(build) || !build->out.size)
        return (hm_term){NULL, 0};
    return (hm_term){build->out.at, build->out.size};
}

struct block *build_take(hm_build *build) {
    struct block *block = block_of_writer(&build->out);
    if (block)
        build->missing = 1;
    return block;
}

int build_sticky_error(const hm_build *build) {
    return build->out.error;
}

void build_fail(hm_build *build, int error) {
    if (!build->out.error)
        build->out.error = error;
}

struct build_mark build_mark(const hm_build *build) {
    return (struct build_mark){build->out.size, build->missing};
}

void build_rollback(hm_build *build, struct build_mark mark) {
    build->out.size = mark.size;
    build->missing = mark.missing;
}

hm_term build_since(const hm_build *build, struct build_mark mark) {
    return (hm_term){build->out.at + mark.size, build->out.size - mark.size};
}

/* ---- ei encodes ---- */

/* Room for at most `size` bytes, for ei_encode_* with an index of 0; then `wrote` with that index. */
static char *reserve(hm_build *build, size_t size) {
    return (char *)writer_reserve(&build->out, size);
}

static void wrote(hm_build *build, int error, const int *size, int64_t children) {
    if (error) {
        build_fail(build, HM_EINVAL);
        return;
    }
    build->out.size += (size_t)*size;
    build->missing += children - 1;
}

HM_API void hm_put_int64(hm_build *build, int64_t value) {
    int used = 0;
    if (value == INT64_MIN) {
        /* ei negates it, which C does not define */
        build_integer(build, true, (const uint8_t *)"\0\0\0\0\0\0\0\x80", 8);
        return;
    }
    char *room = reserve(build, NUMBER_BYTES);
    if (room)
        wrote(build, ei_encode_longlong(room, &used, value), &used, 0);
}

HM_API void hm_put_uint64(hm_build *build, uint64_t value) {
    int used = 0;
    char *room = reserve(build, NUMBER_BYTES);
    if (room)
        wrote(build, ei_encode_ulonglong(room, &used, value), &used, 0);
}

HM_API void hm_put_double(hm_build *build, double value) {
    int used = 0;
    if (!isfinite(value)) { /* some builds of ei would write them */
        build_fail(build, HM_EINVAL);
        return;
    }
    char *room = reserve(build, NUMBER_BYTES);
    if (room)
        wrote(build, ei_encode_double(room, &used, value), &used, 0);
}

HM_API void hm_put_binary(hm_build *build, const void *bytes, size_t size) {
    int used = 0;
    if (size > BUILD_MAX - 5) {
        build_fail(build, HM_ELIMIT);
        return;
    }
    char *room = reserve(build, 5 + size);
    if (room)
        wrote(build, ei_encode_binary(room, &used, size ? bytes : "", (long)size), &used, 0);
}

HM_API void hm_put_text(hm_build *build, const char *text) {
    hm_put_binary(build, text, strlen(text));
}

HM_API void hm_put_tuple(hm_build *build, uint32_t arity) {
    int used = 0;
    char *room = arity <= INT_MAX ? reserve(build, NUMBER_BYTES) : NULL;
    if (room)
        wrote(build, ei_encode_tuple_header(room, &used, (int)arity), &used, arity);
    else
        build_fail(build, HM_ELIMIT);
}

HM_API void hm_put_nil(hm_build *build) {
    int used = 0;
    char *room = reserve(build, NUMBER_BYTES);
    if (room)
        wrote(build, ei_encode_empty_list(room, &used), &used, 0);
}

HM_API void hm_put_list(hm_build *build, uint32_t length) {
    int used = 0;
    if (length == 0) /* ei would write the nil that the caller puts */
        return;
    char *room = length <= INT_MAX ? reserve(build, NUMBER_BYTES) : NULL;
    if (room)
        wrote(build, ei_encode_list_header(room, &used, (int)length), &used, (int64_t)length + 1);
    else
        build_fail(build, HM_ELIMIT);
}

HM_API void hm_put_map(hm_build *build, uint32_t size) {
    int used = 0;
    char *room = size <= INT_MAX ? reserve(build, NUMBER_BYTES) : NULL;
    if (room)
        wrote(build, ei_encode_map_header(room, &used, (int)size), &used, 2 * (int64_t)size);
    else
        build_fail(build, HM_ELIMIT);
}

/* Latin-1 characters as STRING_EXT, which is what the BEAM sends for such a list. */
void build_charlist(hm_build *build, const char *text, size_t size_bytes) {
    const uint8_t *at = (const uint8_t *)text, *end = at + size_bytes;
    size_t length = 0;
    uint32_t character, largest = 0;
    for (const uint8_t *p = at; p < end; length++) {
        unsigned size = utf8_next(p, end, &character);
        if (!size) {
            build_fail(build, HM_EINVAL);
            return;
        }
        if (character > largest)
            largest = character;
        p += size;
    }
    if (length == 0 || length > UINT16_MAX || largest > 255) {
        hm_put_list(build, length <= UINT32_MAX ? (uint32_t)length : UINT32_MAX);
        while (at < end && !build->out.error) {
            at += utf8_next(at, end, &character);
            hm_put_uint64(build, character);
        }
        hm_put_nil(build);
        return;
    }
    char *room = reserve(build, 3 + length);
    if (!room)
        return;
    room[0] = (char)ETF_STRING;
    set_be16((uint8_t *)room + 1, (uint16_t)length);
    for (size_t i = 0; i < length; i++) {
        at += utf8_next(at, end, &character);
        room[3 + i] = (char)character;
    }
    build->out.size += 3 + length;
    build->missing--;
}

HM_API void hm_put_charlist(hm_build *build, const char *text) {
    build_charlist(build, text, strlen(text));
}

/* ---- copies, atoms and ids ---- */

HM_API void hm_put_term(hm_build *build, hm_term term) {
    if (!term.size) { /* what a failed builder gives */
        build_fail(build, HM_EINVAL);
        return;
    }
    uint8_t *room = writer_reserve(&build->out, term.size);
    if (!room)
        return;
    memcpy(room, term.bytes, term.size);
    build->out.size += term.size;
    build->missing--;
}

HM_API void hm_put_atom_n(hm_build *build, const char *text, size_t size) {
    size_t characters;
    if (size >= HM_ATOM_BYTES || !utf8_valid((const uint8_t *)text, size, &characters) ||
        characters > ETF_ATOM_CHARACTERS) {
        build_fail(build, HM_EINVAL);
        return;
    }
    uint8_t *room = writer_reserve(&build->out, 3 + size);
    if (!room)
        return;
    build->out.size += atom_encode(bytes_of(text, size), room);
    build->missing--;
}

HM_API void hm_put_atom(hm_build *build, const char *text) {
    hm_put_atom_n(build, text, strlen(text));
}

HM_API void hm_put_bool(hm_build *build, bool value) {
    hm_put_atom(build, value ? "true" : "false");
}

HM_API void hm_put_pid(hm_build *build, hm_pid pid) {
    if (!pid.node) {
        build_fail(build, HM_EINVAL);
        return;
    }
    uint8_t *room = writer_reserve(&build->out, pid_size(pid));
    if (!room)
        return;
    build->out.size += pid_encode(pid, room);
    build->missing--;
}

HM_API void hm_put_ref(hm_build *build, const hm_ref *ref) {
    if (!ref->node || ref->words < 1 || ref->words > ETF_REFERENCE_WORDS) {
        build_fail(build, HM_EINVAL);
        return;
    }
    uint8_t *room = writer_reserve(&build->out, ref_size(ref));
    if (!room)
        return;
    build->out.size += ref_encode(ref, room);
    build->missing--;
}

/* What ei has only for structs of a kilobyte (pids), digits of 16 bits (bigs), or not at all (fun M:F/A with
 * its size). */

void build_integer(hm_build *build, bool negative, const uint8_t *digits, size_t size) {
    if (size < 8) {
        int64_t value = 0;
        for (size_t i = size; i-- > 0;)
            value = value << 8 | digits[i];
        hm_put_int64(build, negative ? -value : value);
        return;
    }
    uint8_t *p = size <= BUILD_MAX - 6 ? writer_reserve(&build->out, 6 + size) : NULL;
    if (!p) {
        build_fail(build, HM_ELIMIT);
        return;
    }
    size_t header = size < 256 ? 3 : 6;
    p[0] = size < 256 ? ETF_SMALL_BIG : ETF_LARGE_BIG;
    if (size < 256)
        p[1] = (uint8_t)size;
    else
        set_be32(p + 1, (uint32_t)size);
    p[header - 1] = negative;
    memcpy(p + header, digits, size);
    build->out.size += header + size;
    build->missing--;
}

void build_bits(hm_build *build, const uint8_t *bytes, size_t size, unsigned last_bits) {
    if (size == 0 || last_bits == 8) {
        hm_put_binary(build, bytes, size);
        return;
    }
    int used = 0;
    char *room = size <= BUILD_MAX - 6 ? reserve(build, 6 + size) : NULL;
    if (room)
        wrote(build, ei_encode_bitstring(room, &used, (const char *)bytes, 0, 8 * (size - 1) + last_bits),
              &used, 0);
    else
        build_fail(build, HM_ELIMIT);
}

void build_pid(hm_build *build, const char *node, size_t node_size, uint32_t id, uint32_t serial,
               uint32_t creation) {
    uint8_t rest[12];
    writer_u8(&build->out, ETF_NEW_PID);
    hm_put_atom_n(build, node, node_size); /* counts as the term */
    set_be32(rest, id);
    set_be32(rest + 4, serial);
    set_be32(rest + 8, creation);
    writer_put(&build->out, rest, sizeof rest);
}

void build_export_begin(hm_build *build) {
    writer_u8(&build->out, ETF_EXPORT);
}

void build_export_end(hm_build *build, uint8_t arity) {
    hm_put_int64(build, arity);
    build->missing += 2; /* the three were one term */
}

/* ---- sizes that are known afterwards ---- */

/* Five bytes for a header; the term that it begins is counted here, its children when it ends. */
static size_t begin_container(hm_build *build, uint8_t tag) {
    size_t begin = build->out.size;
    uint8_t *room = writer_reserve(&build->out, 5);
    if (room) {
        room[0] = tag;
        build->out.size += 5;
        build->missing--;
    }
    return begin;
}

static bool end_container(hm_build *build, size_t begin, uint32_t count, int64_t children) {
    if (!build->out.error && (begin + 5 > build->out.size || begin + 5 < begin))
        build_fail(build, HM_EINVAL);
    if (build->out.error)
        return false;
    set_be32(build->out.at + begin + 1, count);
    build->missing += children;
    return true;
}

HM_API size_t hm_put_list_begin(hm_build *build) {
    return begin_container(build, ETF_LIST);
}

HM_API void hm_put_list_end(hm_build *build, size_t begin, uint32_t length) {
    if (!end_container(build, begin, length, (int64_t)length + 1))
        return;
    if (length == 0 && build->out.size == begin + 5)
        build->out.size = begin;
    hm_put_nil(build);
}

void build_list_end_improper(hm_build *build, size_t begin, uint32_t length) {
    end_container(build, begin, length, (int64_t)length + 1);
}

size_t build_map_begin(hm_build *build) {
    return begin_container(build, ETF_MAP);
}

void build_map_end(hm_build *build, size_t begin, uint32_t size) {
    end_container(build, begin, size, 2 * (int64_t)size);
}

size_t build_tuple_begin(hm_build *build) {
    return begin_container(build, ETF_LARGE_TUPLE);
}

void build_tuple_end(hm_build *build, size_t begin, uint32_t arity) {
    if (!end_container(build, begin, arity, arity) || arity > 255)
        return;
    /* the form that everybody expects for small ones */
    uint8_t *header = build->out.at + begin;
    memmove(header + 2, header + 5, build->out.size - begin - 5);
    header[0] = ETF_SMALL_TUPLE;
    header[1] = (uint8_t)arity;
    build->out.size -= 3;
}
