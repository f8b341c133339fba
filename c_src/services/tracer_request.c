#include "services/tracer_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct tracer_request *request;
    char *why;
    size_t capacity;
};

static bool is_bad(const struct reader *reader, const char *why) {
    snprintf(reader->why, reader->capacity, "%s", why);
    return false;
}

static bool is_strange(const struct reader *reader, hm_term option) {
    char *text = NULL;
    if (hm_term_print(option, HM_SYNTAX_ELIXIR, 80, &text) == 0)
        snprintf(reader->why, reader->capacity, "there is no option %s", text);
    else
        is_bad(reader, "there is no such option");
    free(text);
    return false;
}

static bool read_count(const struct reader *reader, hm_term value, uint32_t *count, const char *why) {
    uint64_t number;
    if (!hm_get_uint64(value, &number) || number == 0)
        return is_bad(reader, why);
    *count = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
    return true;
}

static bool read_flag(const struct reader *reader, hm_term value, bool *flag) {
    return hm_get_bool(value, flag) || is_bad(reader, "return, record, messages and timestamp are true or false");
}

static bool read_scope(const struct reader *reader, hm_term value) {
    reader->request->local = hm_is_atom(value, "local");
    return reader->request->local || hm_is_atom(value, "external") || is_bad(reader, "scope is local or external");
}

static bool read_output(const struct reader *reader, hm_term value) {
    static const struct {
        const char *name;
        enum tracer_output output;
    } OUTPUTS[] = {
        {"log", TRACER_TO_LOG}, {"logger", TRACER_TO_LOGGER}, {"both", TRACER_TO_BOTH}, {"none", TRACER_TO_NOBODY}};
    for (size_t i = 0; i < sizeof OUTPUTS / sizeof *OUTPUTS; i++)
        if (hm_is_atom(value, OUTPUTS[i].name)) {
            reader->request->output = OUTPUTS[i].output;
            reader->request->has_output = true;
            return true;
        }
    return is_bad(reader, "output is log, logger, both or none");
}

static bool read_handler(const struct reader *reader, hm_term value) {
    struct hm_text name, node;
    if (hm_term_type(value) != HM_TYPE_PID && !hm_match(value, "{~a, ~a}", &name, &node))
        return is_bad(reader, "handler is a pid, or {Name, Node}");
    reader->request->handler = value;
    return true;
}

static bool read_option(const struct reader *reader, hm_term key, hm_term value) {
    struct tracer_request *request = reader->request;
    static const char limit[] = "limit is how many events, 1 or more", rate[] = "rate is how many events in one second, 1 or more";
    if (hm_is_atom(key, "limit"))
        return read_count(reader, value, &request->limit, limit);
    if (hm_is_atom(key, "rate"))
        return read_count(reader, value, &request->rate, rate);
    if (hm_is_atom(key, "return"))
        return read_flag(reader, value, &request->returns);
    if (hm_is_atom(key, "record"))
        return read_flag(reader, value, &request->record);
    if (hm_is_atom(key, "messages"))
        return read_flag(reader, value, &request->messages);
    if (hm_is_atom(key, "timestamp"))
        return read_flag(reader, value, &request->timestamp);
    if (hm_is_atom(key, "scope"))
        return read_scope(reader, value);
    if (hm_is_atom(key, "output"))
        return read_output(reader, value);
    if (hm_is_atom(key, "handler"))
        return read_handler(reader, value);
    return is_strange(reader, key);
}

static bool read_options(const struct reader *reader, hm_term options) {
    static const unsigned char yes[] = {119, 4, 't', 'r', 'u', 'e'};
    struct hm_list list;
    struct hm_map map;
    hm_term option, pair[2];
    if (hm_map_begin(options, &map)) {
        while (hm_map_next(&map, &pair[0], &pair[1]))
            if (!read_option(reader, pair[0], pair[1]))
                return false;
        return true;
    }
    if (!hm_list_begin(options, &list))
        return is_bad(reader, "a limit is needed: a number of events, or options that have one");
    while (hm_list_next(&list, &option)) {
        if (!hm_tuple_elements(option, 2, pair)) {
            pair[0] = option;
            pair[1] = (hm_term){yes, sizeof yes};
        }
        if (!read_option(reader, pair[0], pair[1]))
            return false;
    }
    return hm_list_end(&list, NULL) || is_bad(reader, "the options are no proper list");
}

static bool read_limit_or_options(const struct reader *reader, hm_term term) {
    uint64_t number;
    static const unsigned char limit[] = {119, 5, 'l', 'i', 'm', 'i', 't'};
    if (hm_term_type(term) == HM_TYPE_INTEGER || hm_get_uint64(term, &number))
        return read_option(reader, (hm_term){limit, sizeof limit}, term);
    return read_options(reader, term);
}

static bool read_trace(const struct reader *reader, hm_term limit, const hm_term *options) {
    if (!read_limit_or_options(reader, limit) || (options && !read_options(reader, *options)))
        return false;
    return reader->request->limit || is_bad(reader, "a trace needs a limit: how many events, 1 or more");
}

int tracer_request_read(hm_term term, struct tracer_request *request, char *why, size_t capacity) {
    struct reader reader = {request, why, capacity};
    hm_term limit, options;
    *request = (struct tracer_request){.output = TRACER_TO_BOTH};
    if (hm_match(term, "{trace, ~t, ~t}", &request->target, &limit))
        return read_trace(&reader, limit, NULL) ? HM_OK : HM_EINVAL;
    if (hm_match(term, "{trace, ~t, ~t, ~t}", &request->target, &limit, &options))
        return read_trace(&reader, limit, &options) ? HM_OK : HM_EINVAL;
    if (hm_match(term, "{stop, ~u}", &request->id))
        request->what = TRACER_STOP;
    else if ((request->as_messages = hm_match(term, "{playback, ~u, messages}", &request->id)) ||
             hm_match(term, "{playback, ~u}", &request->id) || hm_is_atom(term, "playback"))
        request->what = TRACER_PLAYBACK;
    else if (hm_is_atom(term, "stop"))
        request->what = TRACER_STOP_ALL;
    else if (hm_is_atom(term, "forget"))
        request->what = TRACER_FORGET;
    else if (hm_is_atom(term, "list"))
        request->what = TRACER_LIST;
    else
        return HM_ENOENT;
    return HM_OK;
}
