#include "cli/numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/rpc.h>

/* Above this many processes of another node are not asked for one by one: it would be busy with the answer. */
enum { MOST_PROCESSES = 50000 };

/* ---- in the metrics ---- */

static double number_of(hm_term term) {
    double value;
    return hm_get_double(term, &value) ? value : 0;
}

double metrics_number(hm_term metrics, const char *name) {
    hm_term value;
    return metrics.size && hm_map_get_atom(metrics, name, &value) ? number_of(value) : 0;
}

void metrics_each(hm_term metrics, const char *name, void (*each)(void *arg, hm_term sample), void *arg) {
    hm_term samples, sample;
    struct hm_list list;
    if (metrics.size && hm_map_get_atom(metrics, name, &samples) && hm_list_begin(samples, &list))
        while (hm_list_next(&list, &sample))
            each(arg, sample);
}

bool sample_label(hm_term sample, const char *label, struct hm_text *value) {
    hm_term term;
    const void *bytes;
    if (!hm_map_get_atom(sample, label, &term) || !hm_get_binary(term, &bytes, &value->size))
        return false;
    value->at = bytes;
    return true;
}

double sample_value(hm_term sample, const char *key) {
    hm_term value;
    return hm_map_get_atom(sample, key, &value) ? number_of(value) : 0;
}

struct sum {
    const char *label, *value;
    double total;
};

static void add_up(void *arg, hm_term sample) {
    struct sum *sum = arg;
    struct hm_text value;
    if (!sum->label || (sample_label(sample, sum->label, &value) && value.size == strlen(sum->value) &&
                        memcmp(value.at, sum->value, value.size) == 0))
        sum->total += sample_value(sample, "value");
}

double metrics_sum(hm_term metrics, const char *name, const char *label, const char *value) {
    struct sum sum = {label, value, 0};
    metrics_each(metrics, name, add_up, &sum);
    return sum.total;
}

/* ---- rows out of the metrics ---- */

static bool is_text(struct hm_text text, const char *other) {
    return text.size == strlen(other) && memcmp(text.at, other, text.size) == 0;
}

static void add_peer(void *arg, hm_term sample) {
    struct numbers *numbers = arg;
    struct peer_numbers *peer = &numbers->peers[numbers->peer_count];
    struct hm_text visibility = {0}, direction = {0};
    *peer = (struct peer_numbers){0};
    if (!sample_label(sample, "peer", &peer->name))
        return;
    peer->visible = sample_label(sample, "visibility", &visibility) && is_text(visibility, "visible");
    peer->dialled = sample_label(sample, "direction", &direction) && is_text(direction, "dialled");
    numbers->peer_count++;
}

static void add_process(void *arg, hm_term sample) {
    struct numbers *numbers = arg;
    struct process_numbers *process = &numbers->named[numbers->named_count];
    *process = (struct process_numbers){0};
    if (!sample_label(sample, "name", &process->name))
        return;
    process->messages = (uint64_t)sample_value(sample, "value");
    numbers->named_count++;
}

/* One column of rows that are in the same order in each metric, as a rule, so that the search ends at once. */
struct column {
    struct numbers *numbers;
    size_t field;
    bool is_real;
    const char *key;
    size_t next;
};

static void fill_peer(void *arg, hm_term sample) {
    struct column *column = arg;
    struct numbers *numbers = column->numbers;
    struct hm_text name;
    if (!sample_label(sample, "peer", &name))
        return;
    for (size_t i = 0; i < numbers->peer_count; i++) {
        struct peer_numbers *peer = &numbers->peers[(column->next + i) % numbers->peer_count];
        if (peer->name.size != name.size || memcmp(peer->name.at, name.at, name.size) != 0)
            continue;
        if (column->is_real)
            *(double *)(void *)((char *)peer + column->field) = sample_value(sample, "value");
        else
            *(uint64_t *)(void *)((char *)peer + column->field) = (uint64_t)sample_value(sample, "value");
        column->next = (size_t)(peer - numbers->peers) + 1;
        return;
    }
}

static void fill_process(void *arg, hm_term sample) {
    struct column *column = arg;
    struct numbers *numbers = column->numbers;
    struct hm_text name;
    if (!sample_label(sample, "name", &name))
        return;
    for (size_t i = 0; i < numbers->named_count; i++) {
        struct process_numbers *process = &numbers->named[(column->next + i) % numbers->named_count];
        if (process->name.size != name.size || memcmp(process->name.at, name.at, name.size) != 0)
            continue;
        if (column->is_real)
            *(double *)(void *)((char *)process + column->field) = sample_value(sample, column->key);
        else
            *(uint64_t *)(void *)((char *)process + column->field) = (uint64_t)sample_value(sample, column->key);
        column->next = (size_t)(process - numbers->named) + 1;
        return;
    }
}

static void mark_busy(void *arg, hm_term sample) {
    struct numbers *numbers = arg;
    struct hm_text name;
    if (sample_value(sample, "value") == 0 || !sample_label(sample, "peer", &name))
        return;
    for (size_t i = 0; i < numbers->peer_count; i++)
        if (numbers->peers[i].name.size == name.size && memcmp(numbers->peers[i].name.at, name.at, name.size) == 0)
            numbers->peers[i].busy = true;
}

static size_t count_samples(hm_term metrics, const char *name) {
    hm_term samples;
    long length = hm_map_get_atom(metrics, name, &samples) ? hm_list_length(samples) : 0;
    return length > 0 ? (size_t)length : 0;
}

static void fill_rows(struct numbers *numbers) {
    static const struct {
        const char *metric;
        size_t field;
        bool is_real;
    } PEERS[] = {
        {"hermod_peer_connected_seconds", offsetof(struct peer_numbers, connected), true},
        {"hermod_peer_received_bytes_total", offsetof(struct peer_numbers, in_bytes), false},
        {"hermod_peer_sent_bytes_total", offsetof(struct peer_numbers, out_bytes), false},
        {"hermod_peer_received_frames_total", offsetof(struct peer_numbers, in_frames), false},
        {"hermod_peer_sent_frames_total", offsetof(struct peer_numbers, out_frames), false},
        {"hermod_peer_output_bytes", offsetof(struct peer_numbers, waiting), false},
        {"hermod_peer_missed_ticks_total", offsetof(struct peer_numbers, missed), false},
    };
    static const struct {
        const char *metric, *key;
        size_t field;
        bool is_real;
    } PROCESSES[] = {
        {"hermod_process_calls_total", "value", offsetof(struct process_numbers, calls), false},
        {"hermod_process_mailbox_messages", "value", offsetof(struct process_numbers, mailbox), false},
        {"hermod_process_dropped_messages_total", "value", offsetof(struct process_numbers, dropped), false},
        {"hermod_process_handler_seconds", "sum", offsetof(struct process_numbers, seconds), true},
    };
    for (size_t i = 0; i < sizeof PEERS / sizeof *PEERS; i++)
        metrics_each(numbers->metrics, PEERS[i].metric, fill_peer, &(struct column){numbers, PEERS[i].field, PEERS[i].is_real, NULL, 0});
    metrics_each(numbers->metrics, "hermod_peer_busy", mark_busy, numbers);
    for (size_t i = 0; i < sizeof PROCESSES / sizeof *PROCESSES; i++)
        metrics_each(numbers->metrics, PROCESSES[i].metric, fill_process,
                     &(struct column){numbers, PROCESSES[i].field, PROCESSES[i].is_real, PROCESSES[i].key, 0});
}

/* The node that asks is none of those that one wants to know of. */
static void leave_out(struct numbers *numbers, const char *own) {
    size_t kept = 0;
    for (size_t i = 0; i < numbers->peer_count; i++)
        if (!is_text(numbers->peers[i].name, own))
            numbers->peers[kept++] = numbers->peers[i];
    numbers->peer_count = kept;
}

struct version {
    char *text;
    size_t capacity;
};

static void copy_version(void *arg, hm_term sample) {
    const struct version *version = arg;
    struct hm_text text;
    if (sample_label(sample, "version", &text))
        snprintf(version->text, version->capacity, "%.*s", (int)text.size, text.at);
}

static int read_metrics(struct numbers *numbers, hm_term metrics) {
    int error = hm_term_copy(metrics, &numbers->metrics);
    if (error)
        return error;
    metrics = numbers->metrics;
    numbers->is_hermod = true;
    numbers->peers = calloc(count_samples(metrics, "hermod_peer_info") + 1, sizeof *numbers->peers);
    numbers->named = calloc(count_samples(metrics, "hermod_process_messages_total") + 1, sizeof *numbers->named);
    if (!numbers->peers || !numbers->named)
        return HM_ENOMEM;
    metrics_each(metrics, "hermod_info", copy_version, &(struct version){numbers->version, sizeof numbers->version});
    numbers->uptime = metrics_number(metrics, "hermod_uptime_seconds");
    numbers->cpu = metrics_number(metrics, "process_cpu_seconds_total");
    numbers->memory = (uint64_t)metrics_number(metrics, "hermod_memory_bytes");
    numbers->resident = (uint64_t)metrics_number(metrics, "process_resident_memory_bytes");
    numbers->processes = (uint64_t)metrics_number(metrics, "hermod_processes");
    numbers->run_queue = (uint64_t)metrics_number(metrics, "hermod_run_queue");
    numbers->work = (uint64_t)metrics_number(metrics, "hermod_messages_handled_total");
    numbers->in_bytes = (uint64_t)metrics_number(metrics, "hermod_received_bytes_total");
    numbers->out_bytes = (uint64_t)metrics_number(metrics, "hermod_sent_bytes_total");
    metrics_each(metrics, "hermod_peer_info", add_peer, numbers);
    metrics_each(metrics, "hermod_process_messages_total", add_process, numbers);
    fill_rows(numbers);
    return HM_OK;
}

/* ---- the end of a question ---- */

static void finish(struct numbers_question *question) {
    struct numbers *numbers = question->numbers;
    question->numbers = NULL;
    question->asking = false;
    numbers->at_us = tool_now_us();
    question->done(question->tool, numbers);
}

static void begin_failing(struct numbers_question *question) {
    if (question->failing && !question->tool->over)
        question->failing(question->tool);
}

static void fail(struct numbers_question *question, int error) {
    begin_failing(question);
    if (!question->tool->over)
        tool_finish(question->tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static bool is_undef(const struct hm_rpc_result *result) {
    return result->error == HM_EEXIT && result->kind == HM_RPC_ERROR && hm_is_atom(result->value, "undef");
}

static void fail_denied(struct numbers_question *question) {
    struct tool *tool = question->tool;
    begin_failing(question);
    tool_finish(tool, give_up(EXIT_FAILED, "%s does not let this node call what tells of it (--allow-rpc, --deny-rpc there)",
                              tool->target.text));
}

static bool has_failed(struct numbers_question *question, const struct hm_rpc_result *result) {
    struct tool *tool = question->tool;
    char *text = NULL;
    if (tool->over)
        return true;
    if (result->error == HM_OK)
        return false;
    if (is_undef(result)) {
        fail_denied(question);
        return true;
    }
    begin_failing(question);
    if (result->error == HM_EEXIT && hm_term_print(result->value, HM_SYNTAX_ERLANG, 200, &text) == 0)
        tool_finish(tool, give_up(EXIT_FAILED, "%s does not tell of itself: %s", tool->target.text, text));
    else
        tool_finish(tool, tool_explain(tool, "erlang", result->error, (hm_term){0}, HM_SYNTAX_ERLANG));
    free(text);
    return true;
}

static int ask(struct numbers_question *question, const char *module, const char *function, hm_term arguments, hm_rpc_done *done,
               void *arg) {
    struct tool *tool = question->tool;
    struct hm_rpc call = HM_RPC(tool->peer, module, function, arguments, (int64_t)tool->settings->timeout_ms);
    return hm_rpc_call(tool->self, &call, done, arg);
}

/* ---- processes, as etop asks for them ---- */

static bool read_process(hm_term info, struct etop_numbers *process) {
    hm_term parts[8];
    /* {etop_proc_info, Pid, Mem, Reds, Name, Runtime, Cf, Mq} */
    if (!hm_tuple_elements(info, 8, parts) || !hm_is_atom(parts[0], "etop_proc_info"))
        return false;
    *process = (struct etop_numbers){.pid = parts[1], .name = parts[4], .function = parts[6]};
    hm_get_uint64(parts[2], &process->memory);
    hm_get_uint64(parts[3], &process->work);
    hm_get_uint64(parts[7], &process->mailbox);
    return true;
}

static int read_processes(struct numbers *numbers, hm_term list) {
    struct hm_list left;
    hm_term info;
    long length = hm_list_length(list);
    if (length < 0 || numbers->has_all)
        return HM_OK; /* that is not what it should be: as if there were none */
    int error = hm_term_copy(list, &numbers->etop);
    if (error)
        return error;
    numbers->all = calloc((size_t)length + 1, sizeof *numbers->all);
    if (!numbers->all)
        return HM_ENOMEM;
    hm_list_begin(numbers->etop, &left);
    while (hm_list_next(&left, &info))
        numbers->all_count += read_process(info, &numbers->all[numbers->all_count]);
    numbers->has_all = true;
    return HM_OK;
}

/* What etop_collect tells comes as a message before it returns, with the list of processes as the last element of its record. */
bool numbers_info(struct numbers_question *question, hm_term message) {
    hm_term record, parts[9];
    if (!hm_match(message, "{_, ~t}", &record) || !hm_tuple_elements(record, 9, parts) || !hm_is_atom(parts[0], "etop_info"))
        return false;
    int error = question->asking && question->numbers ? read_processes(question->numbers, parts[8]) : HM_OK;
    if (error)
        fail(question, error);
    return true;
}

static enum hm_verdict on_collected(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct numbers_question *question = arg;
    (void)self;
    /* Without runtime_tools there, it is undef. */
    if (!question->tool->over && (is_undef(result) || !has_failed(question, result)))
        finish(question);
    return HM_CONTINUE;
}

static void ask_processes(struct numbers_question *question) {
    hm_build *build;
    int error = HM_ENOMEM;
    if (!question->processes || question->numbers->processes > MOST_PROCESSES) {
        finish(question);
        return;
    }
    if ((build = hm_build_new())) {
        hm_put_format(build, "[~p]", hm_self(question->tool->self));
        error = hm_build_error(build);
    }
    if (!error)
        error = ask(question, "observer_backend", "etop_collect", hm_build_term(build), on_collected, question);
    hm_build_free(build);
    if (error)
        fail(question, error);
}

/* ---- a BEAM ---- */

static void read_pair(hm_term value, uint64_t *first) {
    hm_term parts[2];
    if (hm_tuple_elements(value, 2, parts))
        hm_get_uint64(parts[0], first);
}

static void read_release(struct numbers *numbers, hm_term value) {
    size_t size;
    if (!hm_get_text(value, numbers->version, sizeof numbers->version, &size))
        numbers->version[0] = '\0';
}

/* A Hermod that keeps its metrics from us is no BEAM. */
static void read_machine(struct numbers *numbers, hm_term value) {
    char machine[16];
    size_t size;
    numbers->is_hermod = hm_get_text(value, machine, sizeof machine, &size) && strcmp(machine, "HERMOD") == 0;
}

static void read_uptime(struct numbers *numbers, hm_term value) {
    uint64_t ms = 0;
    read_pair(value, &ms);
    numbers->uptime = (double)ms / 1e3;
}

static void read_cpu(struct numbers *numbers, hm_term value) {
    uint64_t ms = 0;
    read_pair(value, &ms);
    numbers->cpu = (double)ms / 1e3;
}

static void read_memory(struct numbers *numbers, hm_term value) {
    hm_get_uint64(value, &numbers->memory);
}

static void read_count(struct numbers *numbers, hm_term value) {
    hm_get_uint64(value, &numbers->processes);
}

static void read_queue(struct numbers *numbers, hm_term value) {
    hm_get_uint64(value, &numbers->run_queue);
}

static void read_work(struct numbers *numbers, hm_term value) {
    read_pair(value, &numbers->work);
}

static void read_io(struct numbers *numbers, hm_term value) {
    hm_match(value, "{{input, ~u}, {output, ~u}}", &numbers->in_bytes, &numbers->out_bytes);
}

static void keep_copy(hm_term value, hm_term *copy) {
    if (copy->size == 0 && hm_term_copy(value, copy) != HM_OK)
        *copy = (hm_term){0};
}

static void read_visible(struct numbers *numbers, hm_term value) {
    keep_copy(value, &numbers->visible);
}

static void read_hidden(struct numbers *numbers, hm_term value) {
    keep_copy(value, &numbers->hidden);
}

static const struct beam_question {
    const char *function, *arguments;
    void (*read)(struct numbers *numbers, hm_term value);
} BEAM[] = {
    {"system_info", "[machine]", read_machine},
    {"system_info", "[otp_release]", read_release},
    {"statistics", "[wall_clock]", read_uptime},
    {"statistics", "[runtime]", read_cpu},
    {"memory", "[total]", read_memory},
    {"system_info", "[process_count]", read_count},
    {"statistics", "[run_queue]", read_queue},
    {"statistics", "[reductions]", read_work},
    {"statistics", "[io]", read_io},
    {"nodes", "[visible]", read_visible},
    {"nodes", "[hidden]", read_hidden},
};
enum { BEAM_QUESTIONS = sizeof BEAM / sizeof *BEAM };

static void add_nodes(struct numbers *numbers, hm_term list, bool visible, const char *without) {
    struct hm_list left;
    hm_term node;
    if (!list.size || !hm_list_begin(list, &left))
        return;
    while (hm_list_next(&left, &node)) {
        struct peer_numbers peer = {.visible = visible};
        if (hm_get_atom(node, &peer.name) && !is_text(peer.name, without))
            numbers->peers[numbers->peer_count++] = peer;
    }
}

static void end_beam(struct numbers_question *question) {
    struct numbers *numbers = question->numbers;
    const char *own = hm_node_name_of(question->tool->node);
    long visible = numbers->visible.size ? hm_list_length(numbers->visible) : 0;
    long hidden = numbers->hidden.size ? hm_list_length(numbers->hidden) : 0;
    numbers->peers = calloc((size_t)(visible > 0 ? visible : 0) + (size_t)(hidden > 0 ? hidden : 0) + 1, sizeof *numbers->peers);
    if (!numbers->peers) {
        fail(question, HM_ENOMEM);
        return;
    }
    add_nodes(numbers, numbers->visible, true, own);
    add_nodes(numbers, numbers->hidden, false, own);
    ask_processes(question);
}

/* The answers come in the order of the questions: both sides keep it. */
static enum hm_verdict on_beam(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct numbers_answer *answer = arg;
    struct numbers_question *question = answer->question;
    (void)self;
    if (has_failed(question, result))
        return HM_CONTINUE;
    BEAM[answer->number].read(question->numbers, result->value);
    if (question->numbers->is_hermod)
        fail_denied(question);
    else if (--question->waiting == 0)
        end_beam(question);
    return HM_CONTINUE;
}

static void ask_beam(struct numbers_question *question) {
    _Static_assert((int)BEAM_QUESTIONS <= (int)NUMBERS_ANSWERS, "each has a place");
    hm_build *build = hm_build_new();
    int error = build ? HM_OK : HM_ENOMEM;
    question->waiting = BEAM_QUESTIONS;
    for (unsigned i = 0; i < BEAM_QUESTIONS && !error; i++) {
        question->answers[i] = (struct numbers_answer){question, i};
        hm_build_reset(build);
        hm_put_format(build, BEAM[i].arguments);
        error = hm_build_error(build);
        if (!error)
            error = ask(question, "erlang", BEAM[i].function, hm_build_term(build), on_beam, &question->answers[i]);
    }
    hm_build_free(build);
    if (error)
        fail(question, error);
}

/* ---- questions ---- */

static enum hm_verdict on_metrics(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct numbers_question *question = arg;
    (void)self;
    if (question->tool->over)
        return HM_CONTINUE;
    if (is_undef(result)) {
        ask_beam(question);
        return HM_CONTINUE;
    }
    if (has_failed(question, result))
        return HM_CONTINUE;
    int error = hm_term_type(result->value) == HM_TYPE_MAP ? read_metrics(question->numbers, result->value) : HM_EBADTERM;
    if (error) {
        fail(question, error);
        return HM_CONTINUE;
    }
    leave_out(question->numbers, hm_node_name_of(question->tool->node));
    ask_processes(question);
    return HM_CONTINUE;
}

void numbers_ask(struct numbers_question *question) {
    static const unsigned char NIL[] = {106};
    if (question->asking)
        return;
    question->asking = true;
    question->numbers = calloc(1, sizeof *question->numbers);
    int error = question->numbers ? ask(question, "hermod", "metrics", (hm_term){NIL, sizeof NIL}, on_metrics, question) : HM_ENOMEM;
    if (error)
        fail(question, error);
}

void numbers_question_fini(struct numbers_question *question) {
    numbers_free(question->numbers);
    question->numbers = NULL;
}

void numbers_free(struct numbers *numbers) {
    if (!numbers)
        return;
    const hm_term terms[] = {numbers->metrics, numbers->etop, numbers->visible, numbers->hidden};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        free((void *)(uintptr_t)terms[i].bytes);
    free(numbers->peers);
    free(numbers->named);
    free(numbers->all);
    free(numbers);
}
