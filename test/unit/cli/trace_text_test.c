/* What was recorded from trace ports, printed as dbg printed it there. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/trace_text.h"
#include "otp/trace_frame.h"
#include "support/golden.h"

/* Every frame of a recording. */
static char *printed(struct bytes bytes, enum hm_syntax syntax) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    while (bytes.size) {
        struct trace_frame frame;
        size_t wanted;
        int64_t used = trace_frame_read(bytes, UINT32_MAX, &frame, &wanted);
        assert_true(used > 0);
        hm_term term;
        if (frame.kind == TRACE_FRAME_DROPPED) {
            trace_text_print_dropped(out, frame.dropped, syntax);
        } else {
            assert_int_equal(hm_term_check(frame.message.at, frame.message.size, true, NULL, &term), HM_OK);
            assert_int_equal(trace_text_print(out, term, syntax, 0), HM_OK);
        }
        bytes = bytes_of(bytes.at + used, bytes.size - (size_t)used);
    }
    fclose(out);
    return text;
}

/* dbg breaks long lines; and of its own node it prints 0 for the name. */
static void plain(char *text) {
    static const char own[] = "nonode@nohost.";
    char *to = text;
    for (const char *at = text; *at;) {
        if (strncmp(at, own, sizeof own - 1) == 0) {
            *to++ = '0';
            *to++ = '.';
            at += sizeof own - 1;
        } else if (isspace((unsigned char)*at)) {
            at++;
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
}

static void compare_with_dbg(const struct golden *golden, void *context) {
    (void)context;
    char *theirs = golden_text_beside(golden, ".txt"), *ours = printed(bytes_of(golden->bytes, golden->size), HM_SYNTAX_ERLANG);
    assert_non_null(theirs);
    plain(theirs);
    plain(ours);
    assert_true(strlen(ours) > 5000);
    assert_string_equal(ours, theirs);
    free(ours);
    free(theirs);
}

static void in_the_words_of_dbg(void **state) {
    (void)state;
    assert_int_equal(golden_each("trace_port", ".bin", compare_with_dbg, NULL), 3);
}

static char *line_of(const char *term_text, enum hm_syntax syntax) {
    char why[200], *text = NULL;
    size_t size;
    hm_build *build = hm_build_new();
    assert_int_equal(hm_term_parse(term_text, HM_SYNTAX_ERLANG, build, why, sizeof why), HM_OK);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(trace_text_print(out, hm_build_term(build), syntax, 0), HM_OK);
    fclose(out);
    hm_build_free(build);
    return text;
}

static void lines(void **state) {
    (void)state;
    static const struct {
        const char *term;
        enum hm_syntax syntax;
        const char *line;
    } cases[] = {
        {"{trace,p,call,{lists,map,[f,[1,2]]}}", HM_SYNTAX_ERLANG, "(p) call lists:map(f,[1,2])\n"},
        {"{trace,p,call,{'Elixir.My.Mod','odd name',[f,<<\"x\">>]}}", HM_SYNTAX_ELIXIR, "(:p) call My.Mod.\"odd name\"(:f, \"x\")\n"},
        {"{trace,p,call,{lists,map,2}}", HM_SYNTAX_ELIXIR, "(:p) call :lists.map/2\n"},
        {"{trace,p,call,{lists,map,\"ab\"}}", HM_SYNTAX_ERLANG, "(p) call lists:map(97,98)\n"},
        {"{trace,p,call,what}", HM_SYNTAX_ERLANG, "(p) call what\n"},
        {"{trace,p,'receive',{dbg,ok}}", HM_SYNTAX_ERLANG, ""},
        {"{trace,p,send_to_non_existing_process,m,q}", HM_SYNTAX_ERLANG, "(p) send_to_non_existing_process m q\n"},
        {"{trace,p,new_tag_of_otp_40,1,2,3,4}", HM_SYNTAX_ERLANG, "(p) new_tag_of_otp_40 1 2 3 4\n"},
        {"{trace_ts,p,exit,normal,-576460751}", HM_SYNTAX_ERLANG, "(p) exit normal (Timestamp: -576460751)\n"},
        {"{trace,p}", HM_SYNTAX_ERLANG, "{trace,p}\n"},
        {"{trace_ts,p,exit}", HM_SYNTAX_ERLANG, "{trace_ts,p,exit}\n"},
        {"hello", HM_SYNTAX_ERLANG, "hello\n"},
        {"{drop,1}", HM_SYNTAX_ERLANG, "*** Dropped 1 message.\n"},
        {"{drop,many}", HM_SYNTAX_ERLANG, "{drop,many}\n"},
        {"{seq_trace,0,{odd,1}}", HM_SYNTAX_ERLANG, "SeqTrace [0]: {odd,1}\n"},
        {"{trace,p,send,<<27,\"[2J\">>,q}", HM_SYNTAX_ERLANG, "(p) q ! <<\"\\e[2J\">>\n"},
        {"{drop,3}", HM_SYNTAX_JSON, "{\"type\":\"drop\",\"count\":3}\n"},
        {"{trace,p,exit,[a|b]}", HM_SYNTAX_JSON, NULL},
        {"{odd,\"x\"}", HM_SYNTAX_JSON, "{\"type\":\"other\",\"text\":\"{odd,\\\"x\\\"}\"}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *line = line_of(cases[i].term, cases[i].syntax);
        if (cases[i].line)
            assert_string_equal(line, cases[i].line);
        else
            assert_true(line[0] == '{' && strlen(line) > 2);
        free(line);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_the_words_of_dbg),
        cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
