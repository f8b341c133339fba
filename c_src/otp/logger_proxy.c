/*
 * otp/logger_proxy: what processes on other nodes log whose group leader is here (lib/kernel/src/logger.erl,
 * log_remote; logger_proxy.erl). A BEAM sends such events to the node of the group leader, and its own
 * handlers leave them out: this is the only place where they are seen. They become log lines, logger.remote,
 * of the level that is nearest.
 *
 * {log, Level, Format, Arguments, Meta} or {log, Level, StringOrReport, Meta}. Functions that a report brings
 * along to make text of it (report_cb) cannot run here: reports are printed as terms.
 */
#include <stdio.h>

#include "etf/ids.h"
#include "etf/print.h"
#include "node/process.h"
#include "otp/io_format.h"
#include "otp/io_pretty.h"
#include "otp/io_text.h"
#include "otp/otp.h"

enum {
    TEXT_BYTES = 64 * 1024, /* of one event; more is not written */
    LINE_BYTES = 800,
    LINES = 40, /* of one event */
};

static enum log_level level_of(hm_term level) {
    static const struct {
        const char *name;
        enum log_level level;
    } LEVELS[] = {
        {"emergency", LOG_ERROR}, {"alert", LOG_ERROR}, {"critical", LOG_ERROR}, {"error", LOG_ERROR},
        {"warning", LOG_WARN},    {"notice", LOG_INFO}, {"info", LOG_INFO},      {"debug", LOG_DEBUG},
    };
    for (size_t i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++)
        if (hm_is_atom(level, LEVELS[i].name))
            return LEVELS[i].level;
    return LOG_INFO;
}

static void put_report(struct writer *out, hm_term report) {
    const struct io_pretty_style style = {
        .column = 1, .line_length = 80, .depth = 30, .unicode = true, .strings = true};
    out->size = 0;
    out->error = HM_OK;
    io_pretty_term(out, report, &style);
}

/* What was said: a format with arguments, a string, or a report. */
static void put_event(struct writer *out, hm_term format, const hm_term *arguments) {
    int error = arguments ? io_format(out, format, *arguments) : io_text_append(out, format, IO_TEXT_UNICODE);
    if (error != HM_EINVAL)
        return; /* what does not fit into TEXT_BYTES is left out */
    put_report(out, format);
    if (arguments) {
        writer_u8(out, ' ');
        io_pretty_term(out, *arguments,
                       &(struct io_pretty_style){.column = 1, .line_length = 80, .depth = 30});
    }
}

static void log_event_line(hm_process *self, enum log_level level, const char *who, struct bytes line) {
    struct printer printer = {.syntax = HM_SYNTAX_ERLANG};
    if (line.size > LINE_BYTES)
        line.size = LINE_BYTES;
    writer_init(&printer.out, 16 * LINE_BYTES);
    print_escaped(&printer, line, 0); /* ends at a character that was cut */
    log_write(&self->node->log, level, "logger.remote", "%s%.*s", who, (int)printer.out.size,
              printer.out.size ? (const char *)printer.out.at : "");
    writer_fini(&printer.out);
}

/* The process, in front of each line; nothing when the metadata does not tell. */
static void put_who(hm_process *self, hm_term meta, char *who, size_t capacity) {
    hm_term pid_term;
    hm_pid pid;
    *who = '\0';
    if (hm_map_get_atom(meta, "pid", &pid_term) && pid_decode(self->node->names, pid_term, &pid))
        snprintf(who, capacity, "<%s.%u.%u> ",
                 log_escape(bytes_of(hm_node_name_text(pid.node), strlen(hm_node_name_text(pid.node)))).text,
                 pid.id, pid.serial);
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    hm_term level, format, arguments, meta;
    struct writer text;
    char who[300];
    bool formatted = hm_match(message, "{log, ~t, ~t, ~t, ~t}", &level, &format, &arguments, &meta);
    if (!formatted && !hm_match(message, "{log, ~t, ~t, ~t}", &level, &format, &meta))
        return HM_UNKNOWN;
    if (level_of(level) > self->node->log.level)
        return HM_CONTINUE;
    put_who(self, meta, who, sizeof who);
    writer_init(&text, TEXT_BYTES);
    put_event(&text, format, formatted ? &arguments : NULL);
    const uint8_t *at = text.at, *end = text.size ? at + text.size : at;
    for (int lines = 0; at < end && lines < LINES;) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = newline ? newline : end;
        if (stop > at) {
            log_event_line(self, level_of(level), who, bytes_of(at, (size_t)(stop - at)));
            lines++;
        }
        at = newline ? newline + 1 : end;
    }
    writer_fini(&text);
    return HM_CONTINUE;
}

/* logger_olp:info/1, by which others learn that what they were to be told was told before. */
static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    return hm_is_atom(request, "info") ? hm_reply(self, from, "#{}") : HM_UNKNOWN;
}

const struct hm_server_class logger_proxy_class = {.module = "logger_proxy", .call = on_call, .info = on_info};
