#include "cli/top_view.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/chat_text.h"
#include "cli/human.h"

enum { LINE_BYTES = 1024, NAME_BYTES = 256, LEAST_NAME = 16, MOST_NAME = 48, HEAD_ROWS = 3, ALL_PEERS = 20 };

/* One process to show, of whichever kind. */
struct row {
    char name[NAME_BYTES];
    uint64_t memory, mailbox;
    double work, calls, time; /* a second; time: share of a second in handlers. Negative: not known */
    bool has_memory;
    hm_term function;
};

struct put {
    const struct top_view *view;
    FILE *out;
    unsigned left;    /* rows; of a screen */
    double seconds;   /* between the two; 0: none */
};

/* ---- lines ---- */

/* Cut at a whole character. */
static void put_line(struct put *put, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put_line(struct put *put, const char *format, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    if (put->left == 0)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    size_t end = 0, columns = 0;
    for (size_t i = 0; line[i]; i++) {
        columns += ((unsigned char)line[i] & 0xc0) != 0x80;
        if (columns > put->view->columns)
            break;
        end = i + 1;
    }
    while (end > 0 && line[end - 1] == ' ')
        end--;
    fprintf(put->out, "%.*s\n", (int)end, line);
    put->left--;
}

static double rate(const struct put *put, uint64_t before, uint64_t now) {
    return put->seconds > 0 && now >= before ? (double)(now - before) / put->seconds : 0;
}

static struct human cell_rate(const struct put *put, double rate) {
    return put->seconds > 0 && rate >= 0 ? human_count(rate) : (struct human){"-"};
}

static struct human cell_bytes(const struct put *put, double rate) {
    return put->seconds > 0 ? human_bytes(rate) : (struct human){"-"};
}

static struct human cell_share(const struct put *put, double share) {
    struct human human = {"-"};
    if (put->seconds > 0 && share >= 0)
        snprintf(human.text, sizeof human.text, "%.1f%%", share * 100);
    return human;
}

/* printf counts bytes: a name is padded by its characters. */
static const char *padded(const char *name, size_t width, char *buffer, size_t capacity) {
    size_t used = 0, columns = 0;
    for (; name[used] && used + 1 < capacity; used++) {
        bool begins = ((unsigned char)name[used] & 0xc0) != 0x80;
        if (begins && columns == width)
            break;
        columns += begins;
        buffer[used] = name[used];
    }
    while (columns < width && used + 1 < capacity) {
        buffer[used++] = ' ';
        columns++;
    }
    buffer[used] = '\0';
    return buffer;
}

static size_t name_width(const struct put *put, unsigned others) {
    size_t columns = put->view->columns;
    size_t width = columns > others + LEAST_NAME ? columns - others : LEAST_NAME;
    return width > MOST_NAME ? MOST_NAME : width;
}

/* ---- the head ---- */

static void put_head(struct put *put) {
    const struct numbers *now = put->view->now, *before = put->view->before ? put->view->before : now;
    double cpu = put->seconds > 0 ? (now->cpu - before->cpu) / put->seconds : -1;
    put_line(put, "%s  %s %s  up %s", put->view->node, now->is_hermod ? "Hermod" : "Erlang/OTP", now->version,
             human_duration(now->uptime).text);
    put_line(put, "cpu %s  memory %s  processes %s  run queue %s  nodes %zu", cell_share(put, cpu).text,
             human_bytes((double)(now->is_hermod ? now->resident : now->memory)).text, human_count((double)now->processes).text,
             human_count((double)now->run_queue).text, now->peer_count);
    double refused = metrics_sum(now->metrics, "hermod_connections_refused_total", NULL, NULL);
    double hits = metrics_sum(now->metrics, "hermod_limit_hits_total", NULL, NULL);
    char trouble[96] = "";
    if (refused + hits > 0)
        snprintf(trouble, sizeof trouble, "  refused %s  over limits %s", human_count(refused).text, human_count(hits).text);
    put_line(put, "in %s/s  out %s/s  %s %s/s%s", cell_bytes(put, rate(put, before->in_bytes, now->in_bytes)).text,
             cell_bytes(put, rate(put, before->out_bytes, now->out_bytes)).text, cell_rate(put, rate(put, before->work, now->work)).text,
             now->is_hermod ? "messages" : "reductions", trouble);
}

/* ---- connected nodes ---- */

struct peer_row {
    const struct peer_numbers *now;
    double in_bytes, out_bytes, in_frames, out_frames;
};

static const struct peer_numbers *peer_before(const struct numbers *before, const struct peer_numbers *peer) {
    for (size_t i = 0; before && i < before->peer_count; i++)
        if (before->peers[i].name.size == peer->name.size && memcmp(before->peers[i].name.at, peer->name.at, peer->name.size) == 0)
            return &before->peers[i];
    return NULL;
}

static int compare_peers(const void *a, const void *b) {
    const struct peer_row *one = a, *two = b;
    double first = one->in_bytes + one->out_bytes, second = two->in_bytes + two->out_bytes;
    return first < second ? 1 : first > second ? -1 : 0;
}

static void put_peer(struct put *put, const struct peer_row *row, size_t width) {
    char clean[NAME_BYTES], name[NAME_BYTES + MOST_NAME];
    const struct peer_numbers *peer = row->now;
    chat_text_clean(peer->name.at, peer->name.size, clean, sizeof clean);
    padded(clean, width, name, sizeof name);
    if (!put->view->now->is_hermod)
        put_line(put, "%s %s", name, peer->visible ? "visible" : "hidden");
    else
        put_line(put, "%s %10s %10s %9s %9s %10s%s", name, cell_bytes(put, row->in_bytes).text, cell_bytes(put, row->out_bytes).text,
                 cell_rate(put, row->in_frames).text, cell_rate(put, row->out_frames).text, human_bytes((double)peer->waiting).text,
                 peer->busy ? " busy" : "");
}

/* At most a third of a screen. */
static int put_peers(struct put *put) {
    const struct numbers *now = put->view->now;
    size_t shown = now->peer_count, room = put->view->rows ? put->view->rows / 3 : ALL_PEERS;
    size_t width = name_width(put, now->is_hermod ? 58 : 8);
    const struct peer_numbers nothing = {0};
    char name[NAME_BYTES];
    if (put->view->no_peers || shown == 0 || room < 3)
        return HM_OK;
    struct peer_row *rows = calloc(shown, sizeof *rows);
    if (!rows)
        return HM_ENOMEM;
    for (size_t i = 0; i < shown; i++) {
        const struct peer_numbers *peer = &now->peers[i], *before = peer_before(put->view->before, peer);
        before = before ? before : &nothing; /* it came in between: all of it counts */
        rows[i] = (struct peer_row){peer, rate(put, before->in_bytes, peer->in_bytes), rate(put, before->out_bytes, peer->out_bytes),
                                    rate(put, before->in_frames, peer->in_frames), rate(put, before->out_frames, peer->out_frames)};
    }
    qsort(rows, shown, sizeof *rows, compare_peers);
    put_line(put, "%s", "");
    if (now->is_hermod)
        put_line(put, "%s %10s %10s %9s %9s %10s", padded("NODE", width, name, sizeof name), "IN/s", "OUT/s", "MSG IN/s", "MSG OUT/s",
                 "WAITING");
    else
        put_line(put, "NODE");
    if (shown > room - 2)
        shown = room - 3;
    for (size_t i = 0; i < shown; i++)
        put_peer(put, &rows[i], width);
    if (shown < now->peer_count)
        put_line(put, "and %zu more", now->peer_count - shown);
    free(rows);
    return HM_OK;
}

/* ---- processes ---- */

static int compare_pids(const void *a, const void *b) {
    const struct etop_numbers *one = *(const struct etop_numbers *const *)a, *two = *(const struct etop_numbers *const *)b;
    size_t common = one->pid.size < two->pid.size ? one->pid.size : two->pid.size;
    int order = memcmp(one->pid.bytes, two->pid.bytes, common);
    return order ? order : one->pid.size < two->pid.size ? -1 : one->pid.size > two->pid.size;
}

/* {M, F, A} as M:F/A, an atom as it is. */
static void name_term(hm_term term, char *name, size_t capacity) {
    hm_term parts[3];
    char module[NAME_BYTES], function[NAME_BYTES], text[2 * NAME_BYTES + 32];
    size_t size;
    int64_t arity;
    if (hm_tuple_elements(term, 3, parts) && hm_get_text(parts[0], module, sizeof module, &size) &&
        hm_get_text(parts[1], function, sizeof function, &size) && hm_get_int64(parts[2], &arity))
        snprintf(text, sizeof text, "%s:%s/%lld", module, function, (long long)arity);
    else if (!hm_get_text(term, text, sizeof text, &size))
        text[0] = '\0';
    chat_text_clean(text, strlen(text), name, capacity);
}

/* A process without name by its pid and what it was started with. */
static void name_row(const struct etop_numbers *process, struct row *row) {
    char name[NAME_BYTES];
    char *pid = NULL;
    name_term(process->name, name, sizeof name);
    if (hm_term_type(process->name) == HM_TYPE_ATOM || hm_term_print(process->pid, HM_SYNTAX_ERLANG, 0, &pid) != HM_OK) {
        snprintf(row->name, sizeof row->name, "%s", name);
        return;
    }
    /* <node@host.1.2>: the node is the one that is looked at. */
    const char *dot = strrchr(pid, '.');
    while (dot && dot > pid && dot[-1] != '.')
        dot--;
    snprintf(row->name, sizeof row->name, "<0.%.30s %.200s", dot ? dot : pid, name);
    free(pid);
}

static const struct process_numbers *named(const struct numbers *numbers, const char *name) {
    size_t size = strlen(name);
    for (size_t i = 0; numbers && i < numbers->named_count; i++)
        if (numbers->named[i].name.size == size && memcmp(numbers->named[i].name.at, name, size) == 0)
            return &numbers->named[i];
    return NULL;
}

static void add_named(const struct put *put, const struct process_numbers *now, const struct process_numbers *before, struct row *row) {
    row->calls = rate(put, before ? before->calls : 0, now->calls);
    row->time = put->seconds > 0 ? (now->seconds - (before ? before->seconds : 0)) / put->seconds : -1;
    row->work = rate(put, before ? before->messages : 0, now->messages);
    if (row->time < 0)
        row->time = 0; /* another process has the name now */
}

static size_t fill_all(const struct put *put, struct row *rows) {
    const struct numbers *now = put->view->now, *before = put->view->before;
    size_t count = before && before->has_all ? before->all_count : 0;
    const struct etop_numbers **index = count ? calloc(count, sizeof *index) : NULL;
    for (size_t i = 0; index && i < count; i++)
        index[i] = &before->all[i];
    if (index)
        qsort(index, count, sizeof *index, compare_pids);
    for (size_t i = 0; i < now->all_count; i++) {
        const struct etop_numbers *process = &now->all[i];
        const struct etop_numbers **was = index ? bsearch(&process, index, count, sizeof *index, compare_pids) : NULL;
        struct row *row = &rows[i];
        *row = (struct row){.memory = process->memory, .mailbox = process->mailbox, .has_memory = true, .function = process->function,
                            .calls = -1, .time = -1, .work = rate(put, was ? (*was)->work : 0, process->work)};
        name_row(process, row);
        const struct process_numbers *own = now->is_hermod && hm_term_type(process->name) == HM_TYPE_ATOM ? named(now, row->name) : NULL;
        if (own)
            add_named(put, own, named(before, row->name), row);
    }
    free(index);
    return now->all_count;
}

static size_t fill_named(const struct put *put, struct row *rows) {
    const struct numbers *now = put->view->now;
    for (size_t i = 0; i < now->named_count; i++) {
        const struct process_numbers *process = &now->named[i];
        rows[i] = (struct row){.mailbox = process->mailbox};
        chat_text_clean(process->name.at, process->name.size, rows[i].name, sizeof rows[i].name);
        add_named(put, process, named(put->view->before, rows[i].name), &rows[i]);
    }
    return now->named_count;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static int by_memory(const void *a, const void *b) {
    const struct row *one = a, *two = b;
    return one->memory < two->memory ? 1 : one->memory > two->memory ? -1 : by_name(a, b);
}

static int by_mailbox(const void *a, const void *b) {
    const struct row *one = a, *two = b;
    return one->mailbox < two->mailbox ? 1 : one->mailbox > two->mailbox ? -1 : by_name(a, b);
}

static int by_work(const void *a, const void *b) {
    const struct row *one = a, *two = b;
    return one->work < two->work ? 1 : one->work > two->work ? -1 : by_name(a, b);
}

static void put_row(struct put *put, const struct row *row, size_t width) {
    char name[NAME_BYTES + MOST_NAME], function[NAME_BYTES] = "";
    padded(row->name, width, name, sizeof name);
    struct human memory = row->has_memory ? human_bytes((double)row->memory) : (struct human){"-"};
    if (put->view->now->is_hermod) {
        put_line(put, "%s %8s %8s %7s %8s %10s", name, cell_rate(put, row->work).text, cell_rate(put, row->calls).text,
                 cell_share(put, row->time).text, human_count((double)row->mailbox).text, memory.text);
        return;
    }
    name_term(row->function, function, sizeof function);
    put_line(put, "%s %8s %8s %10s  %s", name, cell_rate(put, row->work).text, human_count((double)row->mailbox).text, memory.text, function);
}

static void put_titles(struct put *put, size_t width) {
    char name[NAME_BYTES];
    padded("PROCESS", width, name, sizeof name);
    put_line(put, "%s", "");
    if (put->view->now->is_hermod)
        put_line(put, "%s %8s %8s %7s %8s %10s", name, "MSGS/s", "CALLS/s", "TIME", "MAILBOX", "MEMORY");
    else
        put_line(put, "%s %8s %8s %10s  %s", name, "REDS/s", "MAILBOX", "MEMORY", "FUNCTION");
}

static int put_processes(struct put *put, size_t *count) {
    static int (*const ORDERS[])(const void *, const void *) = {
        [TOP_BY_WORK] = by_work, [TOP_BY_MEMORY] = by_memory, [TOP_BY_MAILBOX] = by_mailbox, [TOP_BY_NAME] = by_name};
    const struct numbers *now = put->view->now;
    size_t width = name_width(put, now->is_hermod ? 46 : 30);
    *count = now->has_all ? now->all_count : now->named_count;
    if (*count == 0) {
        put_line(put, "%s", "");
        put_line(put, now->processes > 1000 ? "too many processes to list" : "processes cannot be listed: no runtime_tools on this node");
        return HM_OK;
    }
    struct row *rows = calloc(*count, sizeof *rows);
    if (!rows)
        return HM_ENOMEM;
    if (now->has_all)
        fill_all(put, rows);
    else
        fill_named(put, rows);
    qsort(rows, *count, sizeof *rows, ORDERS[put->view->sort]);
    put_titles(put, width);
    for (size_t i = put->view->skip; i < *count && put->left > 0; i++)
        put_row(put, &rows[i], width);
    free(rows);
    return HM_OK;
}

int top_view_put(const struct top_view *view, FILE *out, size_t *processes) {
    struct put put = {view, out, view->rows ? view->rows : UINT32_MAX, 0};
    if (view->before)
        put.seconds = (double)(view->now->at_us - view->before->at_us) / 1e6;
    put_head(&put);
    int error = put_peers(&put);
    return error ? error : put_processes(&put, processes);
}
