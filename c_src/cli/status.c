/* What a node does now, for a person; as JSON for a script. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/chat_text.h"
#include "cli/human.h"
#include "cli/numbers.h"

enum { NAME_COLUMNS = 40, CELL_BYTES = 256, ROWS = 20 };

struct status {
    struct numbers_question question;
};

/* ---- tables ---- */

static const char *cell(struct hm_text text, char *buffer) {
    chat_text_clean(text.at, text.size, buffer, CELL_BYTES);
    return buffer;
}

/* Characters are what is counted; a name that is wider moves its own row only. */
static size_t columns_of(const char *text) {
    size_t columns = 0;
    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

static void put_name(const char *text, size_t width) {
    size_t columns = columns_of(text);
    printf("  %s%*s", text, columns < width ? (int)(width - columns) : 0, "");
}

static size_t width_of(size_t most, const char *text) {
    size_t columns = columns_of(text);
    return columns > most && columns <= NAME_COLUMNS ? columns : most;
}

/* ---- connected nodes ---- */

static int compare_peers(const void *a, const void *b) {
    const struct peer_numbers *one = a, *two = b;
    uint64_t first = one->in_bytes + one->out_bytes, second = two->in_bytes + two->out_bytes;
    return first < second ? 1 : first > second ? -1 : 0;
}

static void put_peer(const struct numbers *numbers, const struct peer_numbers *peer, size_t width) {
    char name[CELL_BYTES];
    put_name(cell(peer->name, name), width);
    if (!numbers->is_hermod) {
        printf("  %s\n", peer->visible ? "visible" : "hidden");
        return;
    }
    printf("  %-7s  %14s  %10s  %10s  %10s", peer->visible ? "visible" : "hidden", human_duration(peer->connected).text,
           human_bytes((double)peer->in_bytes).text, human_bytes((double)peer->out_bytes).text, human_bytes((double)peer->waiting).text);
    if (peer->busy)
        printf("  busy");
    if (peer->missed)
        printf("  missed %s tick%s", human_count((double)peer->missed).text, peer->missed == 1 ? "" : "s");
    putchar('\n');
}

static void put_peers(struct numbers *numbers, bool all) {
    size_t width = 4, shown = all || numbers->peer_count <= ROWS ? numbers->peer_count : ROWS;
    char name[CELL_BYTES];
    if (numbers->peer_count == 0) {
        printf("\nno connected nodes\n");
        return;
    }
    qsort(numbers->peers, numbers->peer_count, sizeof *numbers->peers, compare_peers);
    for (size_t i = 0; i < shown; i++)
        width = width_of(width, cell(numbers->peers[i].name, name));
    printf("\nconnected nodes: %zu\n", numbers->peer_count);
    if (numbers->is_hermod) {
        put_name("", width);
        printf("  %-7s  %14s  %10s  %10s  %10s\n", "", "since", "received", "sent", "waiting");
    }
    for (size_t i = 0; i < shown; i++)
        put_peer(numbers, &numbers->peers[i], width);
    if (shown < numbers->peer_count)
        printf("  and %zu more (--all)\n", numbers->peer_count - shown);
}

/* ---- processes ---- */

static int compare_processes(const void *a, const void *b) {
    const struct process_numbers *one = a, *two = b;
    return one->messages < two->messages ? 1 : one->messages > two->messages ? -1 : 0;
}

static void put_processes(struct numbers *numbers, bool all) {
    size_t width = 4, shown = 0;
    char name[CELL_BYTES];
    qsort(numbers->named, numbers->named_count, sizeof *numbers->named, compare_processes);
    while (shown < numbers->named_count && (all || (shown < ROWS && numbers->named[shown].messages + numbers->named[shown].mailbox > 0)))
        width = width_of(width, cell(numbers->named[shown++].name, name));
    if (shown == 0)
        return;
    printf("\nregistered processes: %zu\n", numbers->named_count);
    put_name("", width);
    printf("  %10s  %10s  %10s  %10s\n", "messages", "calls", "mailbox", "mean time");
    for (size_t i = 0; i < shown; i++) {
        const struct process_numbers *process = &numbers->named[i];
        put_name(cell(process->name, name), width);
        printf("  %10s  %10s  %10s  %10s", human_count((double)process->messages).text, human_count((double)process->calls).text,
               human_count((double)process->mailbox).text,
               process->messages ? human_time(process->seconds / (double)process->messages).text : "");
        if (process->dropped)
            printf("  dropped %s", human_count((double)process->dropped).text);
        putchar('\n');
    }
    if (shown < numbers->named_count)
        printf("  and %zu that had less to do (--all)\n", numbers->named_count - shown);
}

/* ---- what services do ---- */

/* A line for each that has something: what, and in which metrics. */
static void put_services(hm_term metrics) {
    static const struct {
        const char *says, *metric;
    } ROWS_OF[] = {
        {"users in the chat", "hermod_chat_users"},
        {"topics with subscribers", "hermod_pubsub_topics"},
        {"subscriptions", "hermod_pubsub_subscriptions"},
        {"messages published", "hermod_pubsub_published_total"},
        {"presences", "hermod_presence_entries"},
        {"users in user_list", "hermod_user_list_users"},
        {"process groups", "hermod_pg_groups"},
        {"memberships in them", "hermod_pg_local_members"},
        {"global names", "hermod_global_names"},
        {"global locks", "hermod_global_locks"},
        {"nodes found by --discover", "hermod_discovery_nodes"},
        {"evaluations of closures that run", "hermod_evaluations_running"},
        {"functions called from outside", "hermod_function_calls_total"},
        {"long work that waits or runs", "hermod_worker_jobs_pending"},
    };
    bool begun = false;
    for (size_t i = 0; i < sizeof ROWS_OF / sizeof *ROWS_OF; i++) {
        double value = metrics_number(metrics, ROWS_OF[i].metric) + metrics_sum(metrics, ROWS_OF[i].metric, NULL, NULL);
        if (value == 0)
            continue;
        if (!begun)
            printf("\nservices\n");
        begun = true;
        printf("  %10s  %s\n", human_count(value).text, ROWS_OF[i].says);
    }
}

/* ---- what went wrong ---- */

static bool is_one_of(struct hm_text text, const char *const names[]) {
    for (size_t i = 0; names[i]; i++)
        if (strlen(names[i]) == text.size && memcmp(names[i], text.at, text.size) == 0)
            return true;
    return false;
}

struct trouble {
    bool begun;
    const char *label, *says;
    const char *const *harmless; /* values of the label */
};

static void put_trouble(struct trouble *trouble, double count, const char *says, const char *which) {
    if (!trouble->begun)
        printf("\nsince the start\n");
    trouble->begun = true;
    printf("  %10s  %s%s\n", human_count(count).text, says, which);
}

static void put_labelled(void *arg, hm_term sample) {
    struct trouble *trouble = arg;
    struct hm_text value;
    char text[CELL_BYTES];
    double count = sample_value(sample, "value");
    if (count > 0 && sample_label(sample, trouble->label, &value) && !(trouble->harmless && is_one_of(value, trouble->harmless)))
        put_trouble(trouble, count, trouble->says, cell(value, text));
}

/* Only what there is of it: a node that is well has nothing here. */
static void put_troubles(hm_term metrics) {
    static const char *const FINE[] = {"closed", "closed_here", "alive", "simultaneous", NULL};
    static const struct {
        const char *metric, *label, *says;
        const char *const *harmless;
    } LABELLED[] = {
        {"hermod_connections_refused_total", "reason", "connections refused: ", FINE},
        {"hermod_dials_failed_total", "reason", "dials failed: ", FINE},
        {"hermod_connections_lost_total", "reason", "connections lost: ", FINE},
        {"hermod_limit_hits_total", "limit", "times over the limit ", NULL},
    };
    static const struct {
        const char *metric, *says;
    } PLAIN[] = {
        {"hermod_messages_dropped_total", "messages dropped: mailbox full"},
        {"hermod_dead_letters_total", "messages to nobody"},
        {"hermod_restarts_total", "servers and services started again"},
        {"hermod_epmd_lost_total", "times that epmd was lost"},
        {"hermod_busy_times_total", "times that a node was busy"},
        {"hermod_missed_ticks_total", "tick intervals in which a node was silent"},
        {"hermod_function_calls_denied_total", "function calls denied"},
        {"hermod_log_lines_left_out_total", "log lines left out"},
    };
    struct trouble trouble = {0};
    for (size_t i = 0; i < sizeof LABELLED / sizeof *LABELLED; i++) {
        trouble.label = LABELLED[i].label;
        trouble.says = LABELLED[i].says;
        trouble.harmless = LABELLED[i].harmless;
        metrics_each(metrics, LABELLED[i].metric, put_labelled, &trouble);
    }
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++)
        if (metrics_number(metrics, PLAIN[i].metric) > 0)
            put_trouble(&trouble, metrics_number(metrics, PLAIN[i].metric), PLAIN[i].says, "");
    double dropped = metrics_sum(metrics, "hermod_pubsub_dropped_total", NULL, NULL);
    if (dropped > 0)
        put_trouble(&trouble, dropped, "messages that slow subscribers missed", "");
    if (metrics.size && metrics_number(metrics, "hermod_epmd_registered") == 0 && metrics_number(metrics, "hermod_epmd_attempts_total") > 0)
        printf("\nnot registered with epmd now: new connections by name fail\n");
}

/* ---- everything ---- */

/* Pairs of a map in the order of their names. */
struct pair {
    hm_term key, value;
};

static int compare_pairs(const void *a, const void *b) {
    return hm_term_compare(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static void put_value(hm_term value) {
    char *text;
    if (hm_term_print(value, HM_SYNTAX_JSON, 0, &text) != HM_OK)
        return;
    fputs(text, stdout);
    free(text);
}

static void put_pairs(hm_term map, bool (*each)(hm_term key, hm_term value)) {
    long size = hm_map_size(map);
    struct pair *pairs = size > 0 ? calloc((size_t)size, sizeof *pairs) : NULL;
    struct hm_map left;
    size_t count = 0;
    if (!pairs || !hm_map_begin(map, &left)) {
        free(pairs);
        return;
    }
    while (hm_map_next(&left, &pairs[count].key, &pairs[count].value))
        count++;
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++)
        if (!each(pairs[i].key, pairs[i].value))
            break;
    free(pairs);
}

static bool put_label(hm_term key, hm_term value) {
    struct hm_text name;
    char text[CELL_BYTES];
    const void *bytes;
    size_t size;
    if (hm_get_atom(key, &name) && hm_get_binary(value, &bytes, &size)) {
        printf(" %.*s=", (int)name.size, name.at);
        chat_text_clean(bytes, size, text, sizeof text);
        fputs(text, stdout);
    }
    return true;
}

static void put_number(hm_term sample) {
    hm_term value;
    if (hm_map_get_atom(sample, "value", &value))
        put_value(value);
    else
        printf("%.0f in %.6f s", sample_value(sample, "count"), sample_value(sample, "sum"));
}

static void put_row(void *arg, hm_term sample) {
    fputs(arg, stdout);
    put_pairs(sample, put_label);
    putchar(' ');
    put_number(sample);
    putchar('\n');
}

static bool put_metric(hm_term key, hm_term value) {
    char name[HM_ATOM_BYTES];
    struct hm_list list;
    size_t size;
    if (!hm_get_text(key, name, sizeof name, &size))
        return true;
    if (hm_list_begin(value, &list)) {
        for (hm_term sample; hm_list_next(&list, &sample);)
            put_row(name, sample);
        return true;
    }
    printf("%s ", name);
    if (hm_term_type(value) == HM_TYPE_MAP)
        put_number(value);
    else
        put_value(value);
    putchar('\n');
    return true;
}

/* ---- the whole ---- */

static void put_head(const struct tool *tool, const struct numbers *numbers) {
    printf("%s: %s %s, up %s\n", tool->target.text, numbers->is_hermod ? "Hermod" : "Erlang/OTP", numbers->version,
           human_duration(numbers->uptime).text);
    printf("  memory %s", human_bytes((double)(numbers->is_hermod ? numbers->resident : numbers->memory)).text);
    if (numbers->is_hermod)
        printf(" (heap %s)", human_bytes((double)numbers->memory).text);
    printf(", cpu %s, processes %s, run queue %s\n", human_time(numbers->cpu).text, human_count((double)numbers->processes).text,
           human_count((double)numbers->run_queue).text);
    printf("  received %s, sent %s, %s %s\n", human_bytes((double)numbers->in_bytes).text, human_bytes((double)numbers->out_bytes).text,
           human_count((double)numbers->work).text, numbers->is_hermod ? "messages handled" : "reductions");
}

static void put_text(const struct tool *tool, struct numbers *numbers) {
    bool all = tool->settings->all;
    put_head(tool, numbers);
    put_peers(numbers, all);
    if (!numbers->is_hermod)
        return;
    put_processes(numbers, all);
    put_services(numbers->metrics);
    put_troubles(numbers->metrics);
    if (all) {
        printf("\nmetrics\n");
        put_pairs(numbers->metrics, put_metric);
    }
}

static void put_json_peers(const struct numbers *numbers, hm_build *build) {
    size_t begin = hm_put_list_begin(build);
    for (size_t i = 0; i < numbers->peer_count; i++) {
        const struct peer_numbers *peer = &numbers->peers[i];
        hm_put_map(build, numbers->is_hermod ? 6 : 2);
        hm_put_atom(build, "node");
        hm_put_binary(build, peer->name.at, peer->name.size);
        hm_put_atom(build, "visible");
        hm_put_bool(build, peer->visible);
        if (!numbers->is_hermod)
            continue;
        hm_put_atom(build, "connected_seconds");
        hm_put_double(build, peer->connected);
        hm_put_atom(build, "received_bytes");
        hm_put_uint64(build, peer->in_bytes);
        hm_put_atom(build, "sent_bytes");
        hm_put_uint64(build, peer->out_bytes);
        hm_put_atom(build, "waiting_bytes");
        hm_put_uint64(build, peer->waiting);
    }
    hm_put_list_end(build, begin, (uint32_t)numbers->peer_count);
}

static int put_json(const struct tool *tool, const struct numbers *numbers) {
    hm_build *build = hm_build_new();
    char *text = NULL;
    int error = HM_ENOMEM;
    if (build) {
        hm_put_map(build, numbers->is_hermod ? 13 : 11);
        hm_put_format(build, "node");
        hm_put_text(build, tool->target.text);
        hm_put_format(build, "type");
        hm_put_text(build, numbers->is_hermod ? "hermod" : "beam");
        hm_put_format(build, "version");
        hm_put_text(build, numbers->version);
        hm_put_format(build, "uptime_seconds");
        hm_put_double(build, numbers->uptime);
        hm_put_format(build, "cpu_seconds");
        hm_put_double(build, numbers->cpu);
        hm_put_format(build, "memory_bytes");
        hm_put_uint64(build, numbers->memory);
        hm_put_format(build, "processes");
        hm_put_uint64(build, numbers->processes);
        hm_put_format(build, "run_queue");
        hm_put_uint64(build, numbers->run_queue);
        hm_put_format(build, "received_bytes");
        hm_put_uint64(build, numbers->in_bytes);
        hm_put_format(build, "sent_bytes");
        hm_put_uint64(build, numbers->out_bytes);
        if (numbers->is_hermod) {
            hm_put_format(build, "resident_bytes");
            hm_put_uint64(build, numbers->resident);
            hm_put_format(build, "metrics");
            hm_put_term(build, numbers->metrics);
        }
        hm_put_format(build, "peers");
        put_json_peers(numbers, build);
        error = hm_build_error(build);
    }
    if (!error)
        error = hm_term_print(hm_build_term(build), HM_SYNTAX_JSON, 0, &text);
    if (!error)
        puts(text);
    free(text);
    hm_build_free(build);
    return error ? give_up(exit_code_of(error), "%s", hm_strerror(error)) : EXIT_FINE;
}

static void on_numbers(struct tool *tool, struct numbers *numbers) {
    int code = EXIT_FINE;
    if (tool->settings->json)
        code = put_json(tool, numbers);
    else
        put_text(tool, numbers);
    numbers_free(numbers);
    if (fflush(stdout) != 0 && code == EXIT_FINE)
        code = EXIT_FAILED;
    tool_finish(tool, code);
}

static void start(struct tool *tool) {
    struct status *status = tool->arg;
    status->question = (struct numbers_question){.tool = tool, .done = on_numbers};
    numbers_ask(&status->question);
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct status status = {0};
    (void)count;
    int code = tool_run(settings, "status", arguments[0], start, &status);
    numbers_question_fini(&status.question);
    return code;
}

static const struct example examples[] = {
    {"hermod status hermod", "The node hermod on this machine: memory, connected nodes, processes, what went wrong."},
    {"hermod status --json hermod | jq .metrics.hermod_limit_hits_total", "One metric, for a script."},
    {NULL, NULL},
};

const struct command command_status = {
    .name = "status",
    .bit = IN_STATUS,
    .arguments = "NODE",
    .least = 1,
    .most = 1,
    .summary = "print what a node does, and what went wrong on it",
    .about = "Asks NODE for its numbers and prints those that say something: connected nodes, registered processes, services, and "
             "what was refused, dropped or lost since the start. With --all every metric follows, one on each line, and with --json there is one "
             "object with all of them under metrics. docs/operations.md lists them.\n\n"
             "A BEAM node tells less: uptime, memory, processes and connected nodes.",
    .examples = examples,
    .run = run,
};
