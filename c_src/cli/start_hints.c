#include "cli/start_hints.h"

#include <string.h>

#include <hermod/hermod.h>

/* Variables that the other terminal needs; both iex and hermod read them. */
static void put_exports(FILE *out, const struct settings *settings, const struct hint_facts *facts) {
    bool port = settings->epmd_port != 4369 && !settings->no_epmd, cookie = !facts->cookie_file;
    if (!port && !cookie)
        return;
    fputs("\nIn another terminal, first:\n\n", out);
    if (port)
        fprintf(out, "  export ERL_EPMD_PORT=%llu\n", (unsigned long long)settings->epmd_port);
    if (cookie)
        fputs("  export HERMOD_COOKIE=...   # the cookie of this node\n", out);
}

/* What erl has no option for in iex goes through --erl. Without epmd, iex must neither look for it nor take
 * our port. */
static void put_iex(FILE *out, const struct settings *settings, const struct hint_facts *facts) {
    const char *at = strchr(facts->node, '@');
    fputs("  iex ", out);
    if (settings->name)
        fprintf(out, "--name me%s", at);
    else
        fputs("--sname me", out);
    if (!facts->cookie_file)
        fputs(" --cookie \"$HERMOD_COOKIE\"", out);
    if (settings->family == HM_FAMILY_INET6 || settings->no_epmd) {
        fputs(" --erl \"", out);
        if (settings->family == HM_FAMILY_INET6)
            fputs("-proto_dist inet6_tcp", out);
        if (settings->no_epmd)
            fprintf(out, "%s-start_epmd false -erl_epmd_port %u -dist_listen false",
                    settings->family == HM_FAMILY_INET6 ? " " : "", facts->port);
        fputc('"', out);
    }
    fputc('\n', out);
}

void start_hints(FILE *out, const struct settings *settings, const struct hint_facts *facts) {
    char tail[80] = "";
    if (settings->no_epmd)
        snprintf(tail, sizeof tail, " --dial-port %u", facts->port);
    put_exports(out, settings, facts);
    fputs("\nFrom Elixir, in another terminal:\n\n", out);
    put_iex(out, settings, facts);
    fprintf(out, "  iex> Node.connect(:\"%s\")\n", facts->node);
    if (facts->chat)
        fprintf(out, "  iex> GenServer.call({:message_server, :\"%s\"}, {:connect, \"john\"})\n",
                facts->node);
    else
        fprintf(out, "  iex> :rpc.call(:\"%s\", :erlang, :registered, [])\n", facts->node);
    fputs("\nFrom a shell:\n\n", out);
    if (facts->chat) {
        if (settings->no_epmd)
            snprintf(tail, sizeof tail, " --dial-port %u --no-epmd --port %u", facts->port, facts->port + 1);
        fprintf(out, "  %s chat --server %s --nick jane%s\n", facts->program, facts->node, tail);
        if (settings->no_epmd)
            snprintf(tail, sizeof tail, " --dial-port %u", facts->port);
    }
    fprintf(out, "  %s ping %s%s\n", facts->program, facts->node, tail);
    if (facts->chat)
        fprintf(out, "  %s call %s message_server '{connect, <<\"joe\">>}'%s\n", facts->program, facts->node,
                tail);
    fputs("\nCtrl-C stops this node.\n", out);
}
