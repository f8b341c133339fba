/* layer: etf */
/* What check lets pass can be read by everything, ei included, and what is built again from its text is the
 * same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ei.h>

#include <hermod/term.h>

#include "etf/ids.h"
#include "etf/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* Calls every reader on this term and on those in it. */
static void walk(struct names *names, hm_term term, int depth) {
    struct hm_text text;
    struct hm_list list;
    struct hm_map map;
    hm_term element, value, key;
    int64_t i;
    uint64_t u;
    double d;
    bool b;
    const void *bytes;
    size_t size;
    char buffer[100];
    hm_pid pid;
    hm_ref ref;
    const hm_node_name *node;

    hm_is_atom(term, "ok");
    hm_get_atom(term, &text);
    hm_get_int64(term, &i);
    hm_get_uint64(term, &u);
    hm_get_double(term, &d);
    hm_get_bool(term, &b);
    hm_get_binary(term, &bytes, &size);
    hm_get_text(term, buffer, sizeof buffer, &size);
    pid_decode(names, term, &pid);
    ref_decode(names, term, &ref);
    id_node_decode(names, term, &node);
    hm_match(term, "{~t, [~t | _]}", &element, &value);
    require(view_skip(term.bytes) == term.bytes + term.size);
    if (depth > 100)
        return;
    if (hm_list_begin(term, &list)) {
        long length = 0;
        for (; hm_list_next(&list, &element); length++)
            if (!list.string)
                walk(names, element, depth + 1);
        require(length == hm_list_length(term));
        if (!hm_list_end(&list, &element))
            walk(names, element, depth + 1);
    }
    if (hm_map_begin(term, &map)) {
        while (hm_map_next(&map, &key, &value)) {
            walk(names, key, depth + 1);
            walk(names, value, depth + 1);
        }
    }
    long arity = hm_tuple_arity(term);
    if (arity >= 0 && arity < 100) {
        hm_term elements[100];
        require(hm_tuple_elements(term, (unsigned)arity, elements));
        for (long k = 0; k < arity; k++)
            walk(names, elements[k], depth + 1);
    }
}

/* ei on what check accepted; it knows no records. */
static void decode_with_ei(hm_term term) {
    int index = 0, type, type_size;
    require(ei_get_type((const char *)term.bytes, &index, &type, &type_size) == 0);
    if (memchr(term.bytes, ETF_RECORD, term.size))
        return;
    require(ei_skip_term((const char *)term.bytes, &index) == 0);
    require((size_t)index == term.size);
}

static void print_and_parse(hm_term term) {
    char *text;
    if (hm_term_print(term, HM_SYNTAX_JSON, 5000, &text) == 0)
        free(text);
    for (int syntax = HM_SYNTAX_ERLANG; syntax <= HM_SYNTAX_ELIXIR; syntax++) {
        hm_build *build = hm_build_new();
        char error[200];
        if (hm_term_print(term, (enum hm_syntax)syntax, 0, &text) == 0) {
            /* ids and closures have text that says less than they do; -0.0 and the like come back as they
             * were */
            if (hm_term_parse(text, (enum hm_syntax)syntax, build, error, sizeof error) == 0)
                require(hm_term_equal(hm_build_term(build), term) &&
                        hm_term_hash(hm_build_term(build)) == hm_term_hash(term));
            free(text);
        }
        hm_build_free(build);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hm_term term, copy;
    struct names *names = names_new(50);
    if (names && hm_term_check(data, size, false, NULL, &term) == 0) {
        walk(names, term, 0);
        decode_with_ei(term);
        print_and_parse(term);
        require(hm_term_equal(term, term));
        require(hm_term_compare(term, term) == 0);
        if (hm_term_copy(term, &copy) == 0) {
            require(hm_term_equal(copy, term));
            require(hm_term_hash(copy) == hm_term_hash(term));
            free((void *)copy.bytes);
        }
    }
    names_free(names);
    return 0;
}
