/*
 * cli/options: the one table of options, and the values they were given.
 *
 * A row of the table feeds the argument parser, the environment, the configuration file, --help, the man page
 * and the completion script, so an option is added in one place: a row, and a field of struct settings. A
 * value is taken from the first that has one: command line, environment, configuration file, the default in
 * the row. Nothing here prints, exits or reads the environment by itself. Sentences for the user go into
 * `why`.
 *
 * The table is in options.c, reading values in settings.c, where they come from in arguments.c and config_file.c.
 */
#ifndef HM_CLI_OPTIONS_H
#define HM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WHY_BYTES = 1024, OPTIONS_MAX = 128 };

/* What K, M and G behind a number of bytes stand for. */
#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* The commands an option belongs to. */
enum command_bit {
    IN_START = 1 << 0,
    IN_PING = 1 << 1,
    IN_CALL = 1 << 2,
    IN_CAST = 1 << 3,
    IN_SEND = 1 << 4,
    IN_NAMES = 1 << 5,
    IN_CHAT = 1 << 6,
    IN_RPC = 1 << 7,
    IN_SPAWN = 1 << 8,
    IN_SUB = 1 << 9,
    IN_PUB = 1 << 10,
    IN_DISCOVER = 1 << 11,
    IN_PRESENCE = 1 << 12,
    IN_WATCH = 1 << 13,
    IN_TRACE = 1 << 15,
    IN_STATUS = 1 << 16,
    IN_TOP = 1 << 17,
    IN_LOG = 1 << 20,
    IN_TERMS = IN_CALL | IN_CAST | IN_SEND | IN_RPC | IN_SPAWN,
    IN_TOOLS = IN_PING | IN_TERMS | IN_SUB | IN_PUB | IN_PRESENCE | IN_WATCH | IN_STATUS | IN_TOP | IN_LOG | IN_TRACE,
    IN_NODES = IN_START | IN_TOOLS | IN_CHAT | IN_DISCOVER,
    IN_ALL = IN_NODES | IN_NAMES,
};

enum option_kind {
    KIND_FLAG,    /* bool; --name alone means true */
    KIND_BOOL,    /* bool; always with true or false */
    KIND_TEXT,    /* char *, owned */
    KIND_LIST,    /* struct text_list; may be repeated */
    KIND_NUMBER,  /* uint64_t from min to max */
    KIND_SECONDS, /* uint64_t of milliseconds, given in seconds, decimals allowed */
    KIND_BYTES,   /* uint64_t, with K, M or G for 1024 of them */
    KIND_PORTS,   /* struct port_range: 9100, or 9100-9105 */
    KIND_CHOICE,  /* uint64_t: the place in choices */
    KIND_LEVELS,  /* struct log_option: info, or info,peer=debug; may be repeated */
    KIND_FILE,    /* as KIND_TEXT, and completion offers files */
};

enum option_group {
    GROUP_NAME,
    GROUP_NETWORK,
    GROUP_LIMITS,
    GROUP_SERVICES,
    GROUP_CHAT,
    GROUP_TERMS,
    GROUP_OUTPUT,
    GROUP_COUNT
};

struct option {
    const char *name;  /* without the dashes; also the key in a configuration file */
    const char *value; /* what --help calls the value, NULL for a flag */
    enum option_kind kind;
    enum option_group group;
    unsigned commands; /* enum command_bit */
    size_t field;      /* offset in struct settings */
    const char
        *fallback; /* the default, parsed as if it had been given; NULL: none, or the help text tells it */
    const char *choices;  /* KIND_CHOICE: "any|inet|inet6" */
    const char *const *(*words)(void); /* KIND_LIST: what it may be, NULL after the last; NULL: not known here */
    uint64_t min, max;    /* KIND_NUMBER, KIND_SECONDS (in ms) and KIND_BYTES */
    const char *variable; /* environment variable, NULL: HERMOD_ and the name in capitals */
    bool secret;          /* wiped from the argument list, never printed */
    const char *help;
};

extern const struct option option_table[];
extern const size_t option_count;

struct text_list {
    char **items;
    size_t count;
};

struct log_option {
    uint64_t level; /* enum hm_log_level */
    struct text_list modules; /* "peer=debug", checked; a later one goes before an earlier one */
};

struct port_range {
    uint16_t first, last; /* 0, 0: any */
};

/* Where a value came from, the strongest last. */
enum option_source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_ARGUMENT };

struct settings {
    char *sname, *name, *cookie;
    bool hidden, connect_all, no_prevent_overlapping_partitions;
    struct text_list connect, discover;
    char *config;

    char *listen;
    struct port_range port;
    uint64_t family; /* enum hm_family */
    bool no_epmd, start_epmd;
    uint64_t dial_port, epmd_port;
    char *epmd_address;
    uint64_t net_ticktime_ms, net_tickintensity, setup_ms;
    char *metrics, *metrics_token;
    uint64_t metrics_connections, metrics_timeout_ms;

    uint64_t max_half_open, max_frame, max_message, max_fragments, max_depth;
    uint64_t max_mailbox, max_names, max_processes, max_global_names, max_global_locks, output_high, output_low, output_max;
    bool eval;
    uint64_t eval_memory, eval_total_memory, eval_depth, eval_steps;
    uint64_t max_pg_groups, max_pg_members, max_pg_monitors, max_discovered;
    uint64_t max_traces, max_trace_events, max_trace_rate, trace_memory;

    struct text_list load, without;
    struct text_list allow_rpc, deny_rpc, task_supervisor;
    struct text_list pg_scope, pg_join;
    struct text_list register_global;
    struct text_list bus, phoenix_pubsub, phoenix_presence;
    uint64_t presence_max;
    struct text_list greeter;
    uint64_t user_list_sync, user_list_interval_ms, user_list_max_users, user_list_max_bytes;
    uint64_t chat_max_nick, chat_max_message, chat_max_users;
    uint64_t pubsub_max_topics, pubsub_max_subscriptions, pubsub_max_topic, pubsub_kept, pubsub_kept_memory;

    char *server, *nick;

    char *phoenix, *tracker, *process;
    bool hermes, with_topic, watch, all;
    uint64_t count;
    struct text_list scope;
    uint64_t interval_ms, sort; /* sort: enum top_sort */
    uint64_t trace_limit, trace_rate;
    bool trace_return, trace_record, trace_messages, trace_playback, trace_list, trace_stop, trace_forget;
    char *trace_dbg, *trace_port;
    uint64_t trace_port_queue;

    uint64_t timeout_ms;
    bool elixir, erlang, json, quiet, detach;

    struct log_option log;
    uint64_t log_format; /* 0: text, 1: json */
    bool hints;
    bool help; /* --help: nothing else matters */

    unsigned char source[OPTIONS_MAX]; /* enum option_source, by the row's place in the table */
    char *cookie_from;                 /* "--cookie", "$HERMOD_COOKIE", "FILE:LINE": for the ready line */
};

/* Everything at its default. HM_ENOMEM. */
int settings_init(struct settings *settings);
void settings_fini(struct settings *settings);

/* The row of this name, NULL when there is none. */
const struct option *option_find(const char *name, size_t size);
/* The row's environment variable. Lends buffer. */
const char *option_variable(const struct option *option, char *buffer, size_t capacity);
/* Where the value of an option came from. */
enum option_source option_source(const struct settings *settings, const char *name);

/*
 * Gives one option a value. `label` is how the user knows it ("--port", "$HERMOD_PORT", "hermod.conf:3:
 * port") and begins every complaint. A weaker source than the one that has set the option already changes
 * nothing; a stronger one replaces a list. HM_EINVAL with why, HM_ENOMEM with why.
 */
int option_set(struct settings *settings, const struct option *option, const char *value,
               enum option_source source, const char *label, char *why, size_t capacity);

/* Reads the arguments after the command. What is no option is put into operands (argc places), their number
 * into *count. Secret values are overwritten in argv. */
int settings_read_arguments(struct settings *settings, unsigned command, const char *command_name, int argc,
                            char **argv, char **operands, int *count, char *why, size_t capacity);
/* look_up is getenv, or a test's. */
int settings_read_environment(struct settings *settings, unsigned command, char *(*look_up)(const char *name),
                              char *why, size_t capacity);
/* `key = value` lines, # comments; a key is an option of `hermod start`. */
int settings_read_file(struct settings *settings, const char *path, char *why, size_t capacity);
/* What no single option can know: options that exclude or need each other. */
int settings_check(struct settings *settings, char *why, size_t capacity);

#endif
