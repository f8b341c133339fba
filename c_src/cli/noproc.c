#include "cli/noproc.h"

#include <string.h>

#include "cli/suggest.h"
#include "cli/term_argument.h"

enum { LOOK_AROUND_MS = 500 };

static enum hm_verdict on_names(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    const char *shown = name_shown(tool->missing);
    struct suggestion best = suggestion_for(shown);
    struct hm_list list;
    struct hm_text name;
    hm_term element;
    char guess[HM_ATOM_BYTES];
    (void)self;

    if (!error && hm_list_begin(reply, &list))
        while (hm_list_next(&list, &element))
            if (hm_get_atom(element, &name)) {
                bool module = name.size > 7 && memcmp(name.at, "Elixir.", 7) == 0;
                suggestion_try(&best, name.at + (module ? 7 : 0), name.size - (module ? 7 : 0));
            }
    tool_finish(tool, give_up(EXIT_NOPROC, "no process named %s on %s%s", shown, tool->target.text,
                              suggestion_text(&best, "", guess, sizeof guess)));
    return HM_CONTINUE;
}

void noproc_explain(struct tool *tool, const char *name) {
    int64_t left = tool_left_ms(tool);
    tool->missing = name;
    hm_build *request = hm_build_new();
    int error = HM_ENOMEM;
    if (request) {
        hm_put_format(request, "{call, erlang, registered, [], user}");
        error = hm_build_error(request);
    }
    if (!error)
        error = hm_call(tool->self, hm_to_name("rex", tool->peer), hm_build_term(request),
                        left < LOOK_AROUND_MS ? left : LOOK_AROUND_MS, on_names, tool);
    hm_build_free(request);
    if (error)
        tool_finish(tool, tool_explain(tool, name, HM_ENOPROC, (hm_term){0}, HM_SYNTAX_ERLANG));
}
