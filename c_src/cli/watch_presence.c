/*
 * Who is present on the node that is watched: in user_list, which is asked for its users again and again, and in the trackers of a Hermod, which
 * tell.
 *
 * Nobody is asked who might end of it: trackers only on a Hermod (on a BEAM their name is a supervisor's), and user_list only where it takes
 * changes, too (its second name is there), or where the article's module is loaded.
 */
#include "cli/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USERS[] = "user_list", USERS_BELL[] = "user_list_delta", DIRECTORY[] = "presence", HERMOD[] = "hermod_sup";

static int64_t patience(const struct tool *tool) {
    return (int64_t)tool->settings->timeout_ms;
}

/* ---- lines ---- */

static void print_user(struct tool *tool, bool came, hm_term user) {
    struct watch *watch = tool->arg;
    const char *event = came ? "presence_join" : "presence_leave";
    if (tool->over)
        return;
    if (tool->settings->json) {
        hm_build_reset(watch->line);
        hm_put_format(watch->line, "#{event => ~a, tracker => ~a, user => ~t}", event, USERS, user);
        watch_print_json(tool);
    } else {
        printf("%s %s", event, USERS);
        watch_print_term(tool, user, watch_syntax(tool), " ");
    }
    watch_end_line(tool);
}

struct presence_line {
    const char *event;
    hm_term tracker, topic, key, meta;
};

static void print_presence(struct tool *tool, const struct presence_line *line) {
    struct watch *watch = tool->arg;
    if (tool->over)
        return;
    if (tool->settings->json) {
        hm_build_reset(watch->line);
        hm_put_format(watch->line, "#{event => ~a, tracker => ~t, topic => ~t, key => ~t, meta => ~t}", line->event, line->tracker,
                      line->topic, line->key, line->meta);
        watch_print_json(tool);
    } else {
        printf("%s", line->event);
        watch_print_term(tool, line->tracker, watch_syntax(tool), " ");
        watch_print_term(tool, line->topic, watch_syntax(tool), " ");
        watch_print_term(tool, line->key, watch_syntax(tool), " ");
        watch_print_term(tool, line->meta, watch_syntax(tool), " ");
    }
    watch_end_line(tool);
}

/* #{Key => #{metas => [Meta]}} */
static void print_metas(struct tool *tool, struct presence_line line, hm_term changes) {
    struct hm_map map;
    struct hm_list list;
    hm_term value, metas;
    if (!hm_map_begin(changes, &map))
        return;
    while (hm_map_next(&map, &line.key, &value))
        if (hm_map_get_atom(value, "metas", &metas) && hm_list_begin(metas, &list))
            while (hm_list_next(&list, &line.meta))
                print_presence(tool, &line);
}

bool watch_presences_info(struct tool *tool, hm_term message) {
    const struct watch *watch = tool->arg;
    hm_term parts[2], payload, joins, leaves;
    struct presence_line line = {0};
    if (!hm_tuple_elements(message, 2, parts) || !hm_map_get_atom(parts[1], "payload", &payload) ||
        !hm_map_get_atom(parts[1], "topic", &line.topic) || !hm_map_get_atom(payload, "joins", &joins) ||
        !hm_map_get_atom(payload, "leaves", &leaves))
        return false;
    line.tracker = parts[0];
    if (!watch->begun)
        return true;
    line.event = "presence_leave";
    print_metas(tool, line, leaves);
    line.event = "presence_join";
    print_metas(tool, line, joins);
    return true;
}

uint64_t watch_presences_count(const struct watch_presences *presences) {
    uint64_t count = presences->users.count;
    for (size_t i = 0; i < presences->tracker_count; i++)
        count += presences->trackers[i].count;
    return count;
}

/* ---- user_list ---- */

static void answered(struct tool *tool) {
    struct watch *watch = tool->arg;
    watch->waiting--;
    watch_begin(tool);
}

static enum hm_verdict on_users(hm_process *self, void *arg, int error, hm_term reply) {
    static const unsigned char NOBODY[] = {106};
    struct tool *tool = arg;
    struct watch_presences *presences = &((struct watch *)tool->arg)->presences;
    (void)self;
    presences->users_asked = false;
    if (tool->over)
        return HM_CONTINUE;
    if (error == HM_ENOPROC)
        reply = (hm_term){NOBODY, sizeof NOBODY};
    if (!error || error == HM_ENOPROC)
        error = shot_replace(tool, &presences->users, reply, print_user);
    if (error == HM_ENOMEM)
        watch_give_up_on(tool, error);
    else if (error && error != HM_ETIMEOUT)
        presences->users_unknown = true; /* not asked again: something else has the name */
    answered(tool);
    return HM_CONTINUE;
}

static void ask_users(struct tool *tool) {
    static const unsigned char GET_USERS[] = "w\x09get_users";
    struct watch *watch = tool->arg;
    int error = hm_call(tool->self, hm_to_name(USERS, tool->peer), (hm_term){GET_USERS, sizeof GET_USERS - 1}, patience(tool), on_users, tool);
    if (error) {
        watch_give_up_on(tool, error);
        return;
    }
    watch->presences.users_asked = true;
    watch->waiting++;
}

static enum hm_verdict on_module(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct tool *tool = arg;
    struct watch_presences *presences = &((struct watch *)tool->arg)->presences;
    (void)self;
    presences->users_asked = false;
    if (watch_has_failed(tool, result))
        return HM_CONTINUE;
    presences->users_known = hm_is_atom(result->value, "true");
    presences->users_unknown = !presences->users_known;
    if (presences->users_known)
        ask_users(tool);
    answered(tool);
    return HM_CONTINUE;
}

static void look_at_users(struct tool *tool) {
    static const unsigned char NOBODY[] = {106};
    struct watch *watch = tool->arg;
    struct watch_presences *presences = &watch->presences;
    if (presences->users_asked)
        return;
    if (!watch_is_registered(watch, USERS)) {
        presences->users_known = presences->users_unknown = false;
        if (presences->users.count)
            (void)shot_replace(tool, &presences->users, (hm_term){NOBODY, sizeof NOBODY}, print_user);
    } else if (presences->users_unknown) {
        return;
    } else if (presences->users_known || watch_is_registered(watch, USERS_BELL)) {
        ask_users(tool);
    } else {
        int error = watch_ask(tool, "erlang", "function_exported", "['Elixir.Presence.UserList', get_users, 0]", on_module, tool);
        if (error) {
            watch_give_up_on(tool, error);
            return;
        }
        presences->users_asked = true;
        watch->waiting++;
    }
}

/* ---- trackers ---- */

static enum hm_verdict on_watching(hm_process *self, void *arg, int error, hm_term reply) {
    struct watched_tracker *tracker = arg;
    struct tool *tool = tracker->tool;
    (void)self;
    if (tool->over)
        return HM_CONTINUE;
    if (!error && hm_match(reply, "{ok, ~u}", &tracker->count) &&
        hm_monitor(tool->self, hm_to_name(tracker->name, tool->peer), &tracker->end) == 0)
        tracker->watching = true;
    /* Else it is not there yet (then its name is asked again when it is), or it is older and does not tell of all topics. */
    tracker->asked = error != HM_ENOPROC;
    answered(tool);
    return HM_CONTINUE;
}

static void ask_tracker(struct tool *tool, struct watched_tracker *tracker) {
    static const unsigned char WATCH_ALL[] = "h\x02w\x05watchw\x03" "all";
    struct watch *watch = tool->arg;
    int error = hm_call(tool->self, hm_to_name(tracker->name, tool->peer), (hm_term){WATCH_ALL, sizeof WATCH_ALL - 1}, patience(tool),
                        on_watching, tracker);
    if (error) {
        watch_give_up_on(tool, error);
        return;
    }
    tracker->asked = true;
    watch->waiting++;
}

static int keep_trackers(struct tool *tool, hm_term names) {
    struct watch_presences *presences = &((struct watch *)tool->arg)->presences;
    struct hm_list list;
    struct hm_text name;
    long length = hm_list_length(names);
    if (length <= 0)
        return HM_OK;
    presences->trackers = calloc((size_t)length, sizeof *presences->trackers);
    if (!presences->trackers)
        return HM_ENOMEM;
    hm_list_begin(names, &list);
    for (hm_term element; hm_list_next(&list, &element);)
        if (hm_get_atom(element, &name) && name.size < HM_ATOM_BYTES) {
            struct watched_tracker *tracker = &presences->trackers[presences->tracker_count++];
            tracker->tool = tool;
            memcpy(tracker->name, name.at, name.size);
            ask_tracker(tool, tracker);
        }
    return HM_OK;
}

static enum hm_verdict on_trackers(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    (void)self;
    if (tool->over)
        return HM_CONTINUE;
    error = error ? HM_OK : keep_trackers(tool, reply);
    if (error)
        watch_give_up_on(tool, error);
    answered(tool);
    return HM_CONTINUE;
}

static void look_at_trackers(struct tool *tool) {
    static const unsigned char TRACKERS[] = "w\x08trackers";
    struct watch *watch = tool->arg;
    struct watch_presences *presences = &watch->presences;
    for (size_t i = 0; i < presences->tracker_count; i++)
        if (!presences->trackers[i].asked && watch_is_registered(watch, presences->trackers[i].name))
            ask_tracker(tool, &presences->trackers[i]);
    if (presences->trackers_asked || !watch_is_registered(watch, HERMOD) || !watch_is_registered(watch, DIRECTORY))
        return;
    presences->trackers_asked = true;
    int error = hm_call(tool->self, hm_to_name(DIRECTORY, tool->peer), (hm_term){TRACKERS, sizeof TRACKERS - 1}, patience(tool), on_trackers, tool);
    if (error)
        watch_give_up_on(tool, error);
    else
        watch->waiting++;
}

bool watch_presences_down(struct watch_presences *presences, const hm_ref *ref) {
    for (size_t i = 0; i < presences->tracker_count; i++) {
        struct watched_tracker *tracker = &presences->trackers[i];
        if (!tracker->watching || !hm_ref_equal(&tracker->end, ref))
            continue;
        tracker->watching = tracker->asked = false;
        return true;
    }
    return false;
}

void watch_presences_look(struct tool *tool) {
    if (!tool->over)
        look_at_trackers(tool);
    if (!tool->over)
        look_at_users(tool);
}

void watch_presences_fini(struct watch_presences *presences) {
    shot_fini(&presences->users);
    free(presences->trackers);
}
