/*
 * Terms: read, match, build, print and parse Erlang terms.
 *
 * A term is what the external term format says it is (erl_ext_dist in the OTP documentation), one encoded
 * term without the version byte 131. Terms arrive checked: every length, depth and tag in them has been
 * verified once when they entered the node, so the functions here need no error handling for broken bytes,
 * only for a shape that is not the expected one: they answer false, -1 or HM_EBADTERM and touch no result.
 *
 * An hm_term borrows its bytes: it lives as long as the message or builder it was taken from. To keep one
 * longer, copy it (hm_term_copy). A term of size 0 is no term: it stands where there is none, and is what a
 * failed builder gives. Reading functions answer for it as for a term of another shape, sending and building
 * ones refuse it (HM_EINVAL).
 *
 * Everything here may be used from any thread; one builder by one thread at a time. The format is that of
 * "External Term Format" in the documentation of erts, order and equality those of "Term Comparisons" in the
 * Erlang reference manual.
 */
#ifndef HERMOD_TERM_H
#define HERMOD_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <hermod/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hm_term {
    const unsigned char *bytes;
    size_t size;
} hm_term;

/* Text that is borrowed from a term: UTF-8, not terminated by NUL, may contain NUL. */
struct hm_text {
    const char *at;
    size_t size;
};

enum { HM_ATOM_BYTES = 1021 }; /* the longest atom: 255 characters of 4 bytes, and a NUL */

enum hm_type {
    HM_TYPE_ATOM,
    HM_TYPE_INTEGER,   /* of any size */
    HM_TYPE_FLOAT,
    HM_TYPE_PID,
    HM_TYPE_PORT,
    HM_TYPE_REFERENCE,
    HM_TYPE_FUN,       /* closures and `fun M:F/A' */
    HM_TYPE_TUPLE,
    HM_TYPE_LIST,      /* not empty, proper or improper; also what arrives as STRING_EXT */
    HM_TYPE_NIL,
    HM_TYPE_BINARY,
    HM_TYPE_BITSTRING, /* whose bits are no multiple of 8 */
    HM_TYPE_MAP,
    HM_TYPE_RECORD,    /* native records of OTP 29 */
};

/* A node name, interned by the node that it was read through; compare by pointer. Opaque. */
typedef struct hm_node_name hm_node_name;

/* Process identifier, reference. Plain values: copy them freely. Valid as long as the hm_node lives that they
 * came from. A pid with node == NULL is no pid (HM_NO_PID). */
typedef struct hm_pid {
    const hm_node_name *node;
    uint32_t id, serial, creation;
} hm_pid;

typedef struct hm_ref {
    const hm_node_name *node;
    uint32_t creation;
    uint32_t words; /* how many of id are used, 1..5 */
    uint32_t id[5];
} hm_ref;

#define HM_NO_PID ((hm_pid){0})

/* The same process, of the same life of its node. Two HM_NO_PID are equal. */
HM_API bool hm_pid_equal(hm_pid a, hm_pid b);
HM_API bool hm_ref_equal(const hm_ref *a, const hm_ref *b);
/* The name of a node, "a@host". Lends until the node ends. */
HM_API const char *hm_node_name_text(const hm_node_name *name);

/* ---- check -------------------------------------------------------------------------------------------- */

/* The deepest nesting that hm_term_check can be told to accept. What reads nested terms (compare, print, ...)
 * recurses at most that deep, some 500 bytes of stack for each level. */
enum { HM_DEPTH_MAX = 4096 };

/* Limits for bytes from a stranger; a field of 0 means the default in the comment. */
struct hm_check_limits {
    uint32_t depth; /* nesting, default 1024; more than HM_DEPTH_MAX means HM_DEPTH_MAX */
    uint32_t terms; /* how many terms in all, default 64 Mi */
};

/* Checks that the first bytes of `bytes` are one well-formed term (a leading version byte 131 is skipped) and
 * makes `out` borrow it. limits may be NULL. Bytes after the term are left alone unless `whole`, which makes
 * them an error. HM_EBADTERM, or HM_ELIMIT when it is too deep or has too many terms. Iterative: depth costs
 * no stack. */
HM_API int hm_term_check(const void *bytes, size_t size, bool whole, const struct hm_check_limits *limits,
                         hm_term *out);

/* ---- read --------------------------------------------------------------------------------------------- */

/* Functions called hm_get_ answer false for another type, or a value that does not fit, and store nothing then. */

HM_API enum hm_type hm_term_type(hm_term term);
/* Whether it is this atom: UTF-8, "ok", "Elixir.MyApp". */
HM_API bool hm_is_atom(hm_term term, const char *text);
/* An atom's text. Borrows from the term. false for other terms, and for the rare Latin-1 encoded atom with
 * characters above 127 (old peers, not OTP 25+): hm_get_text converts those. */
HM_API bool hm_get_atom(hm_term term, struct hm_text *text);
HM_API bool hm_get_int64(hm_term term, int64_t *value); /* integers that fit; of others see hm_term_print */
HM_API bool hm_get_uint64(hm_term term, uint64_t *value);
HM_API bool hm_get_double(hm_term term, double *value); /* integers are converted */
HM_API bool hm_get_bool(hm_term term, bool *value);     /* the atoms true and false */
/* A binary's bytes, which may hold NULs. Borrows from the term. */
HM_API bool hm_get_binary(hm_term term, const void **bytes, size_t *size);
/* Text in any of its usual shapes: binary, atom, charlist, iolist of these. Copies UTF-8 into buffer (NUL is
 * appended, not counted in *size). false when it is no text, is not valid UTF-8, or does not fit into
 * capacity bytes. */
HM_API bool hm_get_text(hm_term term, char *buffer, size_t capacity, size_t *size);
/* Strictly: no overlong forms, no surrogates, nothing above U+10FFFF. */
HM_API bool hm_is_utf8(const void *bytes, size_t size);

/* Number of elements, or -1 for other terms. */
HM_API long hm_tuple_arity(hm_term term);
/* All elements of a tuple of exactly this arity. */
HM_API bool hm_tuple_elements(hm_term term, unsigned arity, hm_term elements[]);

/* Lists. A proper list of small integers may arrive as STRING_EXT; these functions hide it. */
struct hm_list {
    hm_term rest;
    uint32_t left;
    bool string;
};
/* false when the term is no list. The empty list begins and has no elements. */
HM_API bool hm_list_begin(hm_term term, struct hm_list *list);
/* The next element, false after the last. It lives as long as the term does. */
HM_API bool hm_list_next(struct hm_list *list, hm_term *element);
/* After the last element: true when the list is proper, else its tail is stored. tail may be NULL. */
HM_API bool hm_list_end(const struct hm_list *list, hm_term *tail);
/* Number of elements (the tail of an improper list is not counted), or -1 for other terms. */
HM_API long hm_list_length(hm_term term);

struct hm_map {
    hm_term rest;
    uint32_t left;
};
/* false when the term is no map. */
HM_API bool hm_map_begin(hm_term term, struct hm_map *map);
/* The next key and its value, in no order that means anything; false after the last. They live as long as the term does. */
HM_API bool hm_map_next(struct hm_map *map, hm_term *key, hm_term *value);
/* Number of keys, or -1 for other terms. */
HM_API long hm_map_size(hm_term term);
/* The value of a key that is =:= to this one (looks at one key after the other). Borrows from the map. */
HM_API bool hm_map_get(hm_term term, hm_term key, hm_term *value);
HM_API bool hm_map_get_atom(hm_term term, const char *key, hm_term *value);

/* =:= : the same term, whatever encoding its parts have. 0.0 and -0.0 differ, as since OTP 27. */
HM_API bool hm_term_equal(hm_term a, hm_term b);
/* Erlang term order: number < atom < reference < fun < port < pid < tuple < map < nil < list < bitstring.
 * Integers and floats compare by value, as < does. */
HM_API int hm_term_compare(hm_term a, hm_term b);
/* A hash that agrees with hm_term_equal; the same on every machine, and no secret goes into it. */
HM_API uint64_t hm_term_hash(hm_term term);
/* The hash behind erlang:phash2(Binary, Range), which is this modulo Range; of all releases since R11. */
HM_API uint32_t hm_phash2_binary(const void *bytes, size_t size);
/* A copy in memory of its own, which free((void *)copy.bytes) ends. HM_ENOMEM. */
HM_API int hm_term_copy(hm_term term, hm_term *copy);

/*
 * Match a term against a pattern in Erlang syntax, as in
 *
 *     struct hm_text nick; hm_term message;
 *     if (hm_match(request, "{say, ~b, ~t}", &nick, &message)) ...
 *
 * Atoms, numbers, "text" (a binary in patterns: <<"text">> may be written too), tuples, lists with [A | B],
 * and:
 *     _   anything                          ~t  anything            hm_term *
 *     ~a  an atom      struct hm_text *     ~b  a binary            struct hm_text *
 *     ~i  an integer   int64_t *            ~u  an integer >= 0     uint64_t *
 *     ~f  a number     double *
 * A tail B matches what stands behind the last element: [], or the tail of an improper list such as
 * [alias | Ref]. The rest of a list that has more elements is no term in the external format and matches only
 * `_`. ~a takes no Latin-1 encoded atom (see hm_get_atom).
 * All or nothing in the answer, not in the results: on false they may have been written. The pattern is the
 * program's own text and trusted; a pattern that is not well formed aborts the program, since it can match
 * nothing.
 */
HM_API bool hm_match(hm_term term, const char *pattern, ...);

/* ---- build -------------------------------------------------------------------------------------------- */

/*
 * A builder writes terms one after the other in the order of the external format: a header says how many
 * elements follow. An error (no memory, wrong argument, over 2 GiB) sticks: check once, at the end, with
 * hm_build_error. Headers that ask for more or fewer terms than were put are such an error at the end
 * (HM_EINVAL): they would cost the connection. The keys of a map must differ, for the same reason; that is
 * not checked.
 */
typedef struct hm_build hm_build;

HM_API hm_build *hm_build_new(void); /* NULL without memory */
HM_API void hm_build_free(hm_build *build); /* NULL is allowed */
HM_API void hm_build_reset(hm_build *build); /* empty again, keeps its memory */
HM_API int hm_build_error(const hm_build *build); /* HM_OK, or HM_ENOMEM, HM_EINVAL, HM_ELIMIT until hm_build_reset */
/* What was written, as one term. Lends until the builder is changed. An empty or failed builder gives
 * size 0. */
HM_API hm_term hm_build_term(const hm_build *build);

HM_API void hm_put_atom(hm_build *build, const char *text); /* UTF-8, at most 255 characters */
HM_API void hm_put_atom_n(hm_build *build, const char *text, size_t size);
/* The rest of hm_put_ appends one term each, or the header of one. What is given is copied. build may not be NULL. */
HM_API void hm_put_bool(hm_build *build, bool value);
HM_API void hm_put_int64(hm_build *build, int64_t value);
HM_API void hm_put_uint64(hm_build *build, uint64_t value);
HM_API void hm_put_double(hm_build *build, double value);
HM_API void hm_put_binary(hm_build *build, const void *bytes, size_t size);
HM_API void hm_put_text(hm_build *build, const char *text);     /* a binary, as Elixir's strings */
HM_API void hm_put_charlist(hm_build *build, const char *text); /* UTF-8 in, a list of code points out */
HM_API void hm_put_tuple(hm_build *build, uint32_t arity);      /* arity terms follow */
HM_API void hm_put_nil(hm_build *build);
/* length terms follow and then the tail, as a rule hm_put_nil. length 0 writes nothing: only the nil
 * follows. */
HM_API void hm_put_list(hm_build *build, uint32_t length);
HM_API void hm_put_map(hm_build *build, uint32_t size); /* size keys, each followed by its value */
HM_API void hm_put_pid(hm_build *build, hm_pid pid);
HM_API void hm_put_ref(hm_build *build, const hm_ref *ref); /* and of hm_put_pid: one that is none is an error (HM_EINVAL) */
HM_API void hm_put_term(hm_build *build, hm_term term); /* copied byte for byte */

/* A proper list whose length is not known before: put elements between, then end; an empty one becomes []. */
HM_API size_t hm_put_list_begin(hm_build *build);
/* begin: what hm_put_list_begin gave; length: how many elements were put since. */
HM_API void hm_put_list_end(hm_build *build, size_t begin, uint32_t length);

/*
 * Build a term from a pattern in Erlang syntax, as in
 *     hm_put_format(build, "{ok, [{nick, ~s}, {count, ~i}]}", nick, (int64_t)count);
 * Atoms, integers, floats, "text" (a binary), <<"text">>, tuples, lists, maps #{k => v}, and:
 *     ~a  const char * (atom)      ~s  const char * (binary)          ~b  const void *, size_t (binary)
 *     ~c  const char * (charlist)  ~i  int64_t     ~u  uint64_t       ~f  double
 *     ~t  hm_term                  ~p  hm_pid      ~r  const hm_ref *
 * A pattern that is not well formed aborts the program.
 */
HM_API void hm_put_format(hm_build *build, const char *pattern, ...);
HM_API void hm_put_vformat(hm_build *build, const char *pattern, __builtin_va_list arguments);

/* ---- a term without a builder --------------------------------------------------------------------------- */

enum { HM_ATOM_ROOM = 2 + 255 };

/*
 * An atom of at most 255 bytes as a term, made in `room`, without a builder and without memory that could lack:
 *
 *     unsigned char room[HM_ATOM_ROOM];
 *     hm_send_after(self, 1000, hm_atom_in(room, "tick"), NULL);
 *
 * Lives as long as room. Of size 0 when the text is longer.
 */
static inline hm_term hm_atom_in(unsigned char room[HM_ATOM_ROOM], const char *text) {
    size_t size = strlen(text);
    hm_term term = {0, 0};
    if (size > 255)
        return term;
    room[0] = 119; /* SMALL_ATOM_UTF8_EXT */
    room[1] = (unsigned char)size;
    memcpy(room + 2, text, size);
    term.bytes = room;
    term.size = 2 + size;
    return term;
}

/* ---- text --------------------------------------------------------------------------------------------- */

enum hm_syntax {
    HM_SYNTAX_ERLANG, /* {connect,<<"john">>} */
    HM_SYNTAX_ELIXIR, /* {:connect, "john"} */
    HM_SYNTAX_JSON,   /* what JSON can say: atoms and binaries as strings, tuples and lists as arrays, maps as
                         objects */
    HM_SYNTAX_ANY,    /* parsing only: Erlang or Elixir, whichever the text can only be */
};

/* Prints a term as the shell of that language would (`~p` without line breaks, `inspect`), everything that is
 * not printable escaped, so it may go to a terminal or a log. At most limit bytes (0: no limit), then "...".
 * Pids are <a@host.Id.Serial> and #PID<a@host.Id.Serial>, since the number that a shell has for a node says
 * nothing elsewhere. Integers over 8 KiB are hexadecimal. In JSON nil and null are null, true and false
 * themselves; a binary that is no text is an array of its bytes, [a | b] is {"list":["a"],"tail":"b"}, and
 * keys that are no text and all that JSON lacks are strings in Erlang's syntax.
 * On success *text is malloc'ed and terminated; the caller frees it. */
HM_API int hm_term_print(hm_term term, enum hm_syntax syntax, size_t limit, char **text);

/* Parses one term in text form and appends it to the builder. "text" is a list of characters in Erlang and a
 * binary in Elixir; where HM_SYNTAX_ANY leaves a choice it is Erlang's. A map that has a key twice is
 * refused. On HM_ESYNTAX a message for humans that names the place ("expected , or } at column 12") is stored
 * into error (capacity bytes, terminated) and the builder is unchanged. Pids and references cannot be parsed,
 * except <"a@host".Id.Serial.Creation>, which hm_term_print does not write. */
HM_API int hm_term_parse(const char *text, enum hm_syntax syntax, hm_build *build, char *error,
                         size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
