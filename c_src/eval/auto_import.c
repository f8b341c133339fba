/* Functions of erlang that may be called without naming it: erl_internal:bif/2 of OTP 25 to 29. Whether they are here is
 * for the library and the node's table to say. */
#include "eval/machine.h"

#include <stdlib.h>

/* By name; arities: a bit for each. */
static const struct auto_import {
    char name[24];
    unsigned char arities;
} AUTO_IMPORTS[] = {
    {"abs", 0x02}, {"alias", 0x03}, {"apply", 0x0c}, {"atom_to_binary", 0x06}, {"atom_to_list", 0x02},
    {"binary_part", 0x0c}, {"binary_to_atom", 0x06}, {"binary_to_existing_atom", 0x06},
    {"binary_to_float", 0x02}, {"binary_to_integer", 0x06}, {"binary_to_list", 0x0a},
    {"binary_to_term", 0x06}, {"bit_size", 0x02}, {"bitstring_to_list", 0x02}, {"byte_size", 0x02},
    {"ceil", 0x02}, {"check_old_code", 0x02}, {"check_process_code", 0x0c}, {"date", 0x01},
    {"delete_module", 0x02}, {"demonitor", 0x06}, {"disconnect_node", 0x02}, {"element", 0x04},
    {"erase", 0x03}, {"error", 0x0e}, {"exit", 0x0e}, {"exit_signal", 0x0c}, {"float", 0x02},
    {"float_to_binary", 0x06}, {"float_to_list", 0x06}, {"floor", 0x02}, {"garbage_collect", 0x07},
    {"get", 0x03}, {"get_keys", 0x03}, {"group_leader", 0x05}, {"halt", 0x07}, {"hd", 0x02},
    {"integer_to_binary", 0x06}, {"integer_to_list", 0x06}, {"iolist_size", 0x02},
    {"iolist_to_binary", 0x02}, {"is_alive", 0x01}, {"is_atom", 0x02}, {"is_binary", 0x02},
    {"is_bitstring", 0x02}, {"is_boolean", 0x02}, {"is_float", 0x02}, {"is_function", 0x06},
    {"is_integer", 0x0a}, {"is_list", 0x02}, {"is_map", 0x02}, {"is_map_key", 0x04}, {"is_number", 0x02},
    {"is_pid", 0x02}, {"is_port", 0x02}, {"is_process_alive", 0x02}, {"is_record", 0x0e},
    {"is_reference", 0x02}, {"is_tuple", 0x02}, {"length", 0x02}, {"link", 0x06}, {"list_to_atom", 0x02},
    {"list_to_binary", 0x02}, {"list_to_bitstring", 0x02}, {"list_to_existing_atom", 0x02},
    {"list_to_float", 0x02}, {"list_to_integer", 0x06}, {"list_to_pid", 0x02}, {"list_to_port", 0x02},
    {"list_to_ref", 0x02}, {"list_to_tuple", 0x02}, {"load_module", 0x04}, {"make_ref", 0x01},
    {"map_get", 0x04}, {"map_size", 0x02}, {"max", 0x04}, {"min", 0x04}, {"module_loaded", 0x02},
    {"monitor", 0x0c}, {"monitor_node", 0x04}, {"node", 0x03}, {"nodes", 0x07}, {"now", 0x01},
    {"open_port", 0x04}, {"pid_to_list", 0x02}, {"port_close", 0x02}, {"port_command", 0x0c},
    {"port_connect", 0x04}, {"port_control", 0x08}, {"port_to_list", 0x02}, {"pre_loaded", 0x01},
    {"process_flag", 0x0c}, {"process_info", 0x06}, {"processes", 0x01}, {"purge_module", 0x02},
    {"put", 0x04}, {"ref_to_list", 0x02}, {"register", 0x04}, {"registered", 0x01}, {"round", 0x02},
    {"self", 0x01}, {"setelement", 0x08}, {"size", 0x02}, {"spawn", 0x1e}, {"spawn_link", 0x1e},
    {"spawn_monitor", 0x1e}, {"spawn_opt", 0x3c}, {"spawn_request", 0x3e}, {"spawn_request_abandon", 0x02},
    {"split_binary", 0x04}, {"statistics", 0x02}, {"term_to_binary", 0x06}, {"term_to_iovec", 0x06},
    {"throw", 0x02}, {"time", 0x01}, {"tl", 0x02}, {"trunc", 0x02}, {"tuple_size", 0x02},
    {"tuple_to_list", 0x02}, {"unalias", 0x02}, {"unlink", 0x02}, {"unregister", 0x02}, {"whereis", 0x02},
};

static int compare(const void *key, const void *row) {
    const struct bytes *name = key;
    const char *text = ((const struct auto_import *)row)->name;
    size_t size = strlen(text), least = name->size < size ? name->size : size;
    int order = memcmp(name->at, text, least);
    return order ? order : name->size < size ? -1 : name->size > size;
}

bool call_is_auto_imported(const struct machine *m, value function, size_t arity) {
    if (!value_is_atom(function) || arity >= 8)
        return false;
    struct bytes name = value_atom_text(&m->heap, function);
    const struct auto_import *row = bsearch(&name, AUTO_IMPORTS, sizeof AUTO_IMPORTS / sizeof *AUTO_IMPORTS,
                                            sizeof *AUTO_IMPORTS, compare);
    return row && row->arities >> arity & 1;
}
