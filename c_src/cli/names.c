/* Which nodes does epmd know. */
#include <stdio.h>
#include <string.h>

#include "cli/tool.h"

struct names {
    const char *host; /* NULL: this one */
    char label[256];  /* the host part of what is printed */
    unsigned count;
};

/* Whoever can reach epmd can register any bytes: nothing but printable ASCII gets to the terminal. */
static bool is_clean(const char *name) {
    for (; *name; name++)
        if (*name <= ' ' || *name >= 0x7f || *name == '"' || *name == '\\')
            return false;
    return true;
}

static void on_name(void *arg, const char *name, uint16_t port, int error) {
    struct tool *tool = arg;
    struct names *names = tool->arg;
    const struct settings *settings = tool->settings;
    if (name) {
        if (!is_clean(name))
            return;
        if (settings->json)
            printf("%s{\"node\":\"%s@%s\",\"port\":%u}", names->count ? "," : "[", name, names->label, port);
        else if (settings->quiet)
            printf("%s@%s\n", name, names->label);
        else
            printf("%s@%s at port %u\n", name, names->label, port);
        names->count++;
        return;
    }
    if (error) {
        tool_finish(tool, give_up(EXIT_NO_CONNECTION, "epmd on %s, port %llu: %s",
                                  names->host ? names->host : "this machine",
                                  (unsigned long long)settings->epmd_port,
                                  error == HM_EEPMD           ? "none answers, so no node is running there"
                                  : error == HM_ENOCONNECTION ? "there is no such host"
                                                              : hm_strerror(error)));
        return;
    }
    if (settings->json)
        puts(names->count ? "]" : "[]");
    else if (!names->count && !settings->quiet)
        fprintf(stderr, "epmd is running, but no node is registered\n");
    tool_finish(tool, EXIT_FINE);
}

static void ask(struct tool *tool) {
    struct names *names = tool->arg;
    tool->asked = "epmd";
    int error = hm_epmd_names(tool->node, names->host, on_name, tool);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct names names = {.host = count ? arguments[0] : NULL};
    if (!names.host && short_host(names.label, sizeof names.label))
        strcpy(names.label, "localhost");
    if (names.host)
        snprintf(names.label, sizeof names.label, "%s", names.host);
    return tool_run_alone(settings, "names", ask, &names);
}

static const struct example examples[] = {
    {"hermod names", "One line for each node of this machine: hermod@vm at port 40123."},
    {"hermod names db.example.org", "The nodes of another machine."},
    {"ERL_EPMD_PORT=5000 hermod names --quiet", "Names only, from an epmd on another port."},
    {NULL, NULL},
};

const struct command command_names = {
    .name = "names",
    .bit = IN_NAMES,
    .arguments = "[HOST]",
    .least = 0,
    .most = 1,
    .summary = "list the nodes that run on a machine",
    .about = "Asks epmd, here or on HOST, which nodes are registered. epmd knows the part before the @ only; "
             "what follows "
             "it here is HOST, or the short name of this machine.",
    .examples = examples,
    .run = run,
};
