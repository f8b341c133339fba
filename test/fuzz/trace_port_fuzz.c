/* layer: cli
 * What a trace port sends: frames are found, or refused; every message that is a term has a line, and a line only. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trace_text.h"
#include "otp/trace_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(hm_term term, enum hm_syntax syntax) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert(out);
    int error = trace_text_print(out, term, syntax, 0);
    fclose(out);
    assert(error || size == 0 || strchr(text, '\n') == text + size - 1);
    for (size_t i = 0; i < size; i++)
        assert((unsigned char)text[i] >= ' ' || text[i] == '\n');
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct hm_check_limits limits = {.depth = 256, .terms = 100000};
    struct bytes bytes = bytes_of(data, size);
    struct trace_frame frame;
    size_t wanted;
    int64_t used;
    while ((used = trace_frame_read(bytes, 1 << 20, &frame, &wanted)) > 0) {
        hm_term term;
        assert((size_t)used <= bytes.size);
        if (frame.kind == TRACE_FRAME_MESSAGE && hm_term_check(frame.message.at, frame.message.size, true, &limits, &term) == 0) {
            print(term, HM_SYNTAX_ERLANG);
            print(term, HM_SYNTAX_ELIXIR);
            print(term, HM_SYNTAX_JSON);
        }
        bytes = bytes_of(bytes.at + used, bytes.size - (size_t)used);
    }
    assert(used < 0 || wanted > bytes.size);
    return 0;
}
