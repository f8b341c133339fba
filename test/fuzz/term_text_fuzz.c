/* layer: etf */
/* Any text: what parses is a well-formed term, and its own text parses to an equal one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/term.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

static void parse_as(const char *text, enum hm_syntax syntax) {
    char error[64], *printed;
    hm_build *build = hm_build_new(), *again = hm_build_new();
    hm_term term;
    if (build && again && hm_term_parse(text, syntax, build, error, sizeof error) == 0) {
        hm_term built = hm_build_term(build);
        require(hm_build_error(build) == 0);
        require(hm_term_check(built.bytes, built.size, true, NULL, &term) == 0);
        for (int out = HM_SYNTAX_ERLANG; out <= HM_SYNTAX_JSON; out++) {
            require(hm_term_print(term, (enum hm_syntax)out, 0, &printed) == 0);
            hm_build_reset(again);
            /* pids print shorter than they parse */
            if (out != HM_SYNTAX_JSON && !strstr(text, "<\"")) {
                require(hm_term_parse(printed, (enum hm_syntax)out, again, error, sizeof error) == 0);
                require(hm_term_equal(hm_build_term(again), term));
            }
            free(printed);
        }
    }
    hm_build_free(build);
    hm_build_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    parse_as(text, HM_SYNTAX_ERLANG);
    parse_as(text, HM_SYNTAX_ELIXIR);
    parse_as(text, HM_SYNTAX_ANY);
    free(text);
    return 0;
}
