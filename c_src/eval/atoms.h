/*
 * eval/atoms: the atoms that the evaluator and its library know: small numbers, compared and switched on as such.
 *
 * ATOM_LIST names those that C code mentions. Loading the library (eval/library) enters its own behind them; then the
 * table never changes. Other atoms are objects in the heap of an evaluation: a peer cannot fill this table. One thread.
 */
#ifndef HM_EVAL_ATOMS_H
#define HM_EVAL_ATOMS_H

#include "base/bytes.h"

/* name, text */
#define ATOM_LIST(X) \
    X(false, "false") X(true, "true") X(nil, "nil") X(ok, "ok") X(error, "error") X(exit, "exit") \
    X(throw, "throw") X(undefined, "undefined") X(underscore, "_") X(default, "default") X(atom, "atom") \
    X(integer, "integer") X(float, "float") X(char, "char") X(string, "string") X(var, "var") \
    X(tuple, "tuple") X(cons, "cons") X(map, "map") X(bin, "bin") X(match, "match") X(block, "block") \
    X(case, "case") X(if, "if") X(receive, "receive") X(try, "try") X(catch, "catch") X(call, "call") \
    X(remote, "remote") X(fun, "fun") X(named_fun, "named_fun") X(clauses, "clauses") X(clause, "clause") \
    X(function, "function") X(op, "op") X(lc, "lc") X(bc, "bc") X(mc, "mc") X(generate, "generate") \
    X(b_generate, "b_generate") X(m_generate, "m_generate") X(generate_strict, "generate_strict") \
    X(b_generate_strict, "b_generate_strict") X(m_generate_strict, "m_generate_strict") X(value, "value") \
    X(bin_element, "bin_element") X(map_field_assoc, "map_field_assoc") \
    X(map_field_exact, "map_field_exact") X(binary, "binary") X(bytes, "bytes") X(bits, "bits") \
    X(bitstring, "bitstring") X(utf8, "utf8") X(utf16, "utf16") X(utf32, "utf32") X(signed, "signed") \
    X(unsigned, "unsigned") X(big, "big") X(little, "little") X(native, "native") X(unit, "unit") \
    X(plus, "+") X(minus, "-") X(times, "*") X(slash, "/") X(div, "div") X(rem, "rem") X(band, "band") \
    X(bor, "bor") X(bxor, "bxor") X(bnot, "bnot") X(bsl, "bsl") X(bsr, "bsr") X(andalso, "andalso") \
    X(orelse, "orelse") X(append, "++") X(erlang, "erlang") X(erl_eval, "erl_eval") X(apply, "apply") \
    X(badarith, "badarith") X(badarg, "badarg") X(badmatch, "badmatch") X(case_clause, "case_clause") \
    X(if_clause, "if_clause") X(try_clause, "try_clause") X(function_clause, "function_clause") \
    X(undef, "undef") X(badfun, "badfun") X(badarity, "badarity") X(badmap, "badmap") X(badkey, "badkey") \
    X(unbound, "unbound") X(bad_generator, "bad_generator") X(bad_filter, "bad_filter") \
    X(timeout_value, "timeout_value") X(system_limit, "system_limit") X(EXIT, "EXIT") X(DOWN, "DOWN") \
    X(error_info, "error_info") X(module, "module") X(erl_erts_errors, "erl_erts_errors") X(expr, "expr") \
    X(do_apply, "do_apply") X(case_clauses, "case_clauses") X(if_clauses, "if_clauses") \
    X(try_clauses, "try_clauses") X(maps, "maps") X(signal, "signal") X(failed, "failed") \
    X(timeout, "timeout") X(noconnection, "noconnection") X(put, "put") X(update, "update") X(k, "k") \
    X(v, "v") X(interpreted_fun, "-inside-an-interpreted-fun-") X(infinity, "infinity") \
    X(argument_limit, "argument_limit") X(nonode, "nonode@nohost") X(process, "process") X(flush, "flush") \
    X(trap_exit, "trap_exit") X(kill, "kill") X(second, "second") X(millisecond, "millisecond") \
    X(microsecond, "microsecond") X(nanosecond, "nanosecond") X(seconds, "seconds") \
    X(milli_seconds, "milli_seconds") X(micro_seconds, "micro_seconds") X(nano_seconds, "nano_seconds") \
    X(link, "link") X(external, "external") X(local, "local") X(arity, "arity") X(name, "name") \
    X(type, "type") X(return, "return") X(elixir, "elixir") X(decimals, "decimals") X(compact, "compact") \
    X(short, "short")

enum atom {
#define X(name, text) ATOM_##name,
    ATOM_LIST(X)
#undef X
        ATOM_COUNT
};

struct atoms;

/* With the atoms of ATOM_LIST. NULL without memory. */
struct atoms *atoms_new(void);
void atoms_free(struct atoms *atoms);
/* The number of this text, or -1. */
long atoms_find(const struct atoms *atoms, struct bytes text);
/* The same, entered when new; -1 without memory. Only while the library is loaded. */
long atoms_enter(struct atoms *atoms, struct bytes text);
struct bytes atoms_text(const struct atoms *atoms, size_t number);

#endif
