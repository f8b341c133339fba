/*
 * eval/machine: evaluates Erlang's abstract format, step by step.
 *
 * A machine is an expression or a value, an environment, and a stack of frames that say what happens with the
 * value: no step recurses, so it can stop anywhere (a receive, the end of its turn) and go on later, and
 * depth is a number. After lib/stdlib/src/erl_eval.erl, whose order of evaluation, scopes and errors are
 * kept. Forms come from peers: every step looks before it reads, and what is no form raises an error like any
 * other.
 *
 * expr.c    what an expression does first            frames.c  what happens with its value
 * call.c    functions and funs                       unwind.c  errors: raising, try, catch, after
 * comprehension.c, match.c, guard.c, bits.c          the parts of the language
 *
 * The machine knows nothing of processes: `self` is handed to built-in functions (eval/bif) and is NULL where
 * there is none. One thread.
 */
#ifndef HM_EVAL_MACHINE_H
#define HM_EVAL_MACHINE_H

#include "eval/library.h"
#include "eval/value.h"
#include <hermod/server.h>

enum frame_kind {
    /* what a, b, c, d, e hold */
    FRAME_BODY,      /* rest of the expressions */
    FRAME_MATCH,     /* pattern */
    FRAME_ARGUMENTS, /* rest, done (reversed), environment before, merged one, form;  n: enum arguments_use */
    FRAME_CASE,      /* clauses */
    FRAME_LOGIC,     /* right side, n: ATOM_andalso or ATOM_orelse */
    FRAME_APPLY,     /* fun, arguments; or function, arguments, module: called in the next step */
    FRAME_RESTORE,   /* environment, module, function (VALUE_NONE: a closure); n: arity */
    FRAME_TRY,       /* of, catch clauses, environment */
    FRAME_AFTER,     /* body, environment */
    FRAME_AFTER_DONE,  /* environment, value; or (n = 1) class, reason, stack */
    FRAME_CATCH,       /* environment */
    FRAME_TIMEOUT,     /* the receive, environment */
    FRAME_RECEIVING,   /* clauses, body after the timeout, environment */
    FRAME_LC_ADD,      /* results so far */
    FRAME_LC_GENERATE, /* form, rest of the qualifiers, this one, environment, results */
    FRAME_LC_NEXT,     /* form, rest of the qualifiers, this one, what is left to generate, environment */
    FRAME_LC_FILTER,   /* form, rest of the qualifiers, environment, results */
    FRAME_LC_DONE,     /* form, environment */
};

enum arguments_use {
    USE_TUPLE,
    USE_CONS,
    USE_OPERATOR,
    USE_LOCAL,
    USE_REMOTE,
    USE_FUN,
    USE_MAP,
    USE_MAP_UPDATE,
    USE_BIN
};

struct frame {
    enum frame_kind kind;
    uint32_t n;
    value a, b, c, d, e;
};

enum machine_mode { MODE_EXPR, MODE_VALUE, MODE_RAISE, MODE_WAIT, MODE_PAUSE, MODE_END };

enum machine_status {
    MACHINE_BUSY,    /* its steps are used up; run it again */
    MACHINE_WAITING, /* in receive, for wait_ms (negative: ever; 0: for what is in the mailbox already) since
                        `waits` changed; or in call_out */
    MACHINE_VALUE,   /* result */
    MACHINE_RAISED,  /* class, reason, stack */
    MACHINE_KILLED,  /* over its memory, or without any; limit says which */
};

struct machine_limits {
    size_t memory_bytes; /* of values and stack */
    uint32_t depth;      /* frames */
    uint64_t steps;      /* without waiting in a receive */
};

struct machine {
    struct heap heap;
    const struct library *library;
    hm_process *self; /* NULL: none */
    void *host;       /* of the owner */
    /* A function that the library lacks: true when it has been called: the machine
     * has its value or its error, or is in MODE_PAUSE until it gets them. NULL: none. */
    bool (*call_out)(struct machine *m, value module, value function, value arguments);
    struct machine_limits limits;
    struct frame *frames;
    size_t count, capacity;
    enum machine_mode mode;
    value expr, env, result;
    value class, reason, stack;
    value origin; /* KIND_EXT: the closure by which it began */
    value dictionary;
    value *mail;
    size_t mail_count, mail_capacity, mail_seen; /* seen by the receive that waits */
    int64_t wait_ms;
    uint64_t waits; /* how many receives there were: tells one wait from the next */
    bool timed_out;
    bool bad_form;     /* set by match and guards; the step raises */
    uint64_t steps;    /* since it last waited */
    int64_t slice;     /* steps left of this run */
    const char *limit; /* MACHINE_KILLED */
};

void machine_init(struct machine *m, const struct library *library, const struct machine_limits *limits,
                  struct heap_budget *budget);
void machine_fini(struct machine *m);
/* Begins: fun(arguments...), or module:function(arguments...). arguments: a list. */
void machine_apply(struct machine *m, value fun, value arguments);
void machine_call(struct machine *m, value module, value function, value arguments);
enum machine_status machine_run(struct machine *m, int64_t steps);
/* A message for receive. false: over its limits, run it to learn which. */
bool machine_deliver(struct machine *m, hm_term message);
/* The timeout of its receive is over. */
void machine_timeout(struct machine *m);
size_t machine_memory(const struct machine *m);

/* ---- between the files of the machine ---- */

/* NULL: too deep; the machine then raises system_limit. */
struct frame *machine_push(struct machine *m, enum frame_kind kind);
static inline void machine_value(struct machine *m, value v) {
    m->mode = MODE_VALUE;
    m->result = v;
}
static inline void machine_expr(struct machine *m, value expr) {
    m->mode = MODE_EXPR;
    m->expr = expr;
}
/* Nothing is run until somebody gives it a value or an error. */
static inline void machine_pause(struct machine *m) {
    m->mode = MODE_PAUSE;
    m->wait_ms = -1;
}
static inline void machine_charge(struct machine *m, size_t steps) {
    m->slice -= (int64_t)steps;
    m->steps += steps;
}
/* A list of expressions, the value is the last one's. */
void machine_body(struct machine *m, value expressions);

void expr_step(struct machine *m);
void frames_step(struct machine *m);
/* The clauses of a case, receive or `of`: the first that takes v is entered. Patterns may name bound
 * variables. */
bool frames_select(struct machine *m, value clauses, value v);
/* Begins the receive whose FRAME_RECEIVING is on top; goes on with it. */
void frames_wait(struct machine *m, int64_t ms);
void frames_receive(struct machine *m);

/* Arguments in turn, then `use`. */
void expr_arguments(struct machine *m, value expressions, enum arguments_use use, value form);

void call_remote(struct machine *m, value module, value function, size_t arity, const value arguments[]);
void call_local(struct machine *m, value function, size_t arity, const value arguments[]);
void call_fun(struct machine *m, value fun, size_t arity, const value arguments[]);
/* May F(...) stand for erlang:F(...)? */
bool call_is_auto_imported(const struct machine *m, value function, size_t arity);
/* A list of arguments into an array. false: improper, or too many. */
enum { CALL_ARGUMENTS = 255 };
bool call_spread(value list, value arguments[CALL_ARGUMENTS], size_t *arity);
/* A closure of these clauses in the environment of now. */
value call_make_fun(struct machine *m, value clauses, value name);

/* first: the topmost entry of the stack trace, or VALUE_NONE. */
void unwind_raise(struct machine *m, value class, value reason, value first);
void unwind_raise_with(struct machine *m, value class, value reason, value stack);
/* {erl_eval, Function, Arity, []}: where the BEAM's own evaluator would be. */
void unwind_error(struct machine *m, value reason, value function, unsigned arity);
void unwind_error_of(struct machine *m, value tag, value v, value function, unsigned arity);
/* A fun whose code is in a module of the BEAM. */
void unwind_foreign_fun(struct machine *m, value fun, value arguments);
void unwind_bad_form(struct machine *m, value form);
void unwind_step(struct machine *m);
value unwind_stack(struct machine *m, value first);

void comprehension_begin(struct machine *m, value form);
void comprehension_step(struct machine *m, const struct frame *frame);

/* Variables (env_get and env_bind are in value.h). What `added` has in front of `base`, in front of env. */
value env_add(struct machine *m, value env, value added, value base);

/* Extends *env. Sizes in binaries are looked up in `outer`, too. */
bool match_pattern(struct machine *m, value pattern, value v, value *env, value outer);
bool match_guards(struct machine *m, value guards, value env);
/* The value of an expression that may stand in a guard; false: it failed. */
bool guard_value(struct machine *m, value expr, value env, value *v);
bool guard_is_test(const struct machine *m, value expr);

enum bits_outcome { BITS_MATCH, BITS_NOMATCH, BITS_SHORT };
/* Matches the elements of a {bin, _, Elements} pattern. With rest (may be NULL) something may stay behind
 * them. */
enum bits_outcome bits_match(struct machine *m, value elements, value v, value *env, value outer,
                             value *rest);
/* values: for each element its value (unless a string literal) and its size (unless default), in order.
 * false: badarg. */
bool bits_build(struct machine *m, value elements, const value values[], size_t count, value *made);
/* Bitstrings one behind the other, `bits` in all. */
value bits_join(struct machine *m, const value parts[], size_t count, size_t bits);
/* The expressions whose values bits_build wants. */
value bits_expressions(struct machine *m, value elements);

/* Fields of a form by position, behind its tag: {tag, Anno, 2, 3 ...}; VALUE_NONE when it has not as many. */
static inline value form_part(value form, size_t part) {
    return value_is_tuple(form) && part < value_size(form) ? value_words(form)[part] : VALUE_NONE;
}
static inline value form_tag(value form) {
    return form_part(form, 0);
}
static inline bool form_is(value form, value tag, size_t size) {
    return form_tag(form) == tag && value_size(form) == size;
}

#endif
