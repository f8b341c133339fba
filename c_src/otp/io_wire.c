#include "otp/io_wire.h"

#include "dist/left_out.h"
#include "etf/utf8.h"
#include "otp/io_format.h"
#include "otp/io_pretty.h"
#include "otp/io_text.h"

bool io_wire_read_message(hm_term message, struct io_message *io) {
    hm_term parts[4];
    if (!hm_tuple_elements(message, 4, parts) || !hm_is_atom(parts[0], "io_request"))
        return false;
    *io = (struct io_message){parts[1], parts[2], parts[3]};
    return true;
}

/* An operation by its name, its arity without name and encoding, and whether it comes with an encoding. */
struct shape {
    const char *name;
    uint8_t arity;
    bool encoded; /* may stand without one, which is the old form */
    enum io_request_kind kind;
};

static const struct shape SHAPES[] = {
    {"put_chars", 1, true, IO_PUT_CHARS},   {"put_chars", 3, true, IO_PUT_APPLY},
    {"get_line", 1, true, IO_GET_LINE},     {"get_chars", 2, true, IO_GET_CHARS},
    {"get_until", 4, true, IO_GET_UNTIL},   {"get_password", 0, true, IO_GET_PASSWORD},
    {"getopts", 0, false, IO_GETOPTS},      {"setopts", 1, false, IO_SETOPTS},
    {"get_geometry", 1, false, IO_COLUMNS}, {"requests", 1, false, IO_REQUESTS},
    {LEFT_OUT, 0, false, IO_LEFT_OUT},
};

static bool read_encoding(hm_term term, bool *latin1) {
    *latin1 = hm_is_atom(term, "latin1");
    return *latin1 || hm_is_atom(term, "unicode") || hm_is_atom(term, "utf8");
}

static bool read_arguments(struct io_request *request, const hm_term *arguments) {
    switch (request->kind) {
    case IO_PUT_CHARS:
    case IO_GET_LINE: request->term = arguments[0]; return true;
    case IO_PUT_APPLY:
        request->module = arguments[0];
        request->function = arguments[1];
        request->arguments = arguments[2];
        return true;
    case IO_GET_CHARS: request->term = arguments[0]; return hm_get_uint64(arguments[1], &request->count);
    case IO_GET_UNTIL:
        request->term = arguments[0];
        request->module = arguments[1];
        request->function = arguments[2];
        request->arguments = arguments[3];
        return true;
    case IO_SETOPTS:
    case IO_REQUESTS: request->term = arguments[0]; return hm_list_length(arguments[0]) >= 0;
    case IO_COLUMNS:
        if (hm_is_atom(arguments[0], "rows"))
            request->kind = IO_ROWS;
        return request->kind == IO_ROWS || hm_is_atom(arguments[0], "columns");
    default: return true;
    }
}

void io_wire_read_request(hm_term term, struct io_request *request) {
    hm_term parts[6];
    long arity = hm_tuple_arity(term);
    *request = (struct io_request){.kind = IO_UNKNOWN};
    if (arity < 1 || arity > 6 || !hm_tuple_elements(term, (unsigned)arity, parts)) {
        parts[0] = term; /* the atoms getopts and get_password */
        arity = 1;
    }
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        const struct shape *shape = &SHAPES[i];
        struct io_request found = {.kind = shape->kind};
        const hm_term *arguments = parts + 1;
        if (!hm_is_atom(parts[0], shape->name))
            continue;
        if (shape->encoded && arity == shape->arity + 2 && read_encoding(parts[1], &found.latin1))
            arguments++;
        else if (arity == shape->arity + 1)
            found.latin1 = shape->encoded;
        else
            continue;
        if (read_arguments(&found, arguments)) {
            *request = found;
            return;
        }
    }
}

/* ---- options ---- */

static bool read_option(hm_term option, struct io_options *options) {
    hm_term pair[2];
    bool value;
    if (hm_is_atom(option, "binary"))
        options->binary = true;
    else if (hm_is_atom(option, "list"))
        options->binary = false;
    else if (hm_is_atom(option, "echo"))
        options->echo = true;
    else if (hm_term_type(option) == HM_TYPE_ATOM)
        return read_encoding(option, &options->latin1);
    else if (!hm_tuple_elements(option, 2, pair))
        return false;
    else if (hm_is_atom(pair[0], "encoding"))
        return read_encoding(pair[1], &options->latin1);
    else if (hm_is_atom(pair[0], "expand_fun"))
        return true; /* for a line editor, which there is none; group.erl takes it, too */
    else if (!hm_get_bool(pair[1], &value))
        return false;
    else if (hm_is_atom(pair[0], "binary"))
        options->binary = value;
    else if (hm_is_atom(pair[0], "list"))
        options->binary = !value;
    else if (hm_is_atom(pair[0], "echo"))
        options->echo = value;
    else
        return false;
    return true;
}

bool io_wire_read_options(hm_term list, struct io_options *options) {
    struct io_options read = *options;
    struct hm_list cursor;
    hm_term option;
    if (!hm_list_begin(list, &cursor))
        return false;
    while (hm_list_next(&cursor, &option))
        if (!read_option(option, &read))
            return false;
    if (!hm_list_end(&cursor, NULL))
        return false;
    *options = read;
    return true;
}

void io_wire_put_options(hm_build *build, const struct io_options *options) {
    hm_put_format(build, "[{expand_fun, false}, {echo, ~a}, {binary, ~a}, {encoding, ~a}]",
                  options->echo ? "true" : "false", options->binary ? "true" : "false",
                  options->latin1 ? "latin1" : "unicode");
}

/* ---- text ---- */

void io_wire_begin_reply(hm_build *build, hm_term reply_as) {
    hm_put_tuple(build, 3);
    hm_put_atom(build, "io_reply");
    hm_put_term(build, reply_as);
}

void io_wire_put_text(hm_build *build, const void *utf8, size_t size) {
    hm_put_format(build, "{put_chars, unicode, ~b}", utf8, size);
}

static void put_latin1_binary(hm_build *build, struct bytes utf8) {
    struct writer bytes;
    const uint8_t *at = utf8.at, *end = at + utf8.size;
    uint32_t c;
    writer_init(&bytes, utf8.size);
    for (unsigned used; at < end && (used = utf8_next(at, end, &c)); at += used)
        writer_u8(&bytes, (uint8_t)c);
    if (bytes.error)
        hm_put_format(build, "{error, system_limit}");
    else
        hm_put_binary(build, bytes.at, bytes.size);
    writer_fini(&bytes);
}

bool io_wire_put_data(hm_build *build, struct bytes utf8, bool binary, bool latin1) {
    if (latin1 && !io_text_is_latin1(utf8))
        return false;
    if (!utf8.size && binary) {
        hm_put_binary(build, "", 0);
    } else if (!utf8.size) {
        hm_put_nil(build);
    } else if (binary && latin1) {
        put_latin1_binary(build, utf8);
    } else if (binary) {
        hm_put_binary(build, utf8.at, utf8.size);
    } else {
        const uint8_t *at = utf8.at, *end = at + utf8.size;
        uint32_t c;
        hm_put_list(build, (uint32_t)io_text_length(utf8.at, utf8.size));
        for (unsigned used; at < end && (used = utf8_next(at, end, &c)); at += used)
            hm_put_int64(build, c);
        hm_put_nil(build);
    }
    return true;
}

void io_wire_put_prompt(struct writer *out, hm_term prompt) {
    size_t begin = out->size;
    hm_term parts[3];
    if (hm_term_type(prompt) == HM_TYPE_ATOM) {
        io_text_put_atom(out, prompt);
        return;
    }
    int error = hm_tuple_elements(prompt, 3, parts) && hm_is_atom(parts[0], "format")
                    ? io_format(out, parts[1], parts[2])
                    : io_text_append(out, prompt, IO_TEXT_LENIENT);
    if (error == HM_EINVAL ||
        (!error && out->size > begin && !utf8_valid(out->at + begin, out->size - begin, NULL))) {
        const struct io_pretty_style style = {1, 80, -1, true, true};
        out->size = begin;
        io_pretty_term(out, prompt, &style);
    }
}
