#include "eval/library.h"

#include <stdlib.h>

#include "etf/view.h"
#include "eval/bif.h"
#include "eval/machine.h"
#include "eval/terms.h"

/* static const unsigned char FORMS[]: [{Module, Function, Arity, Clauses}], a checked term without version
 * byte. */
#include "eval/library_forms.inc"

struct library {
    struct atoms *atoms;
    struct heap heap;
    struct library_function *functions;
    size_t count, capacity;
    uint32_t *slots; /* of the hash table: index + 1, 0: free */
    size_t slot_mask;
};

const struct atoms *library_atoms(const struct library *library) {
    return library->atoms;
}

size_t library_count(const struct library *library) {
    return library->count;
}

const struct library_function *library_at(const struct library *library, size_t i) {
    return &library->functions[i];
}

static size_t hash(value module, value function, size_t arity) {
    return (size_t)((module * 0x9e3779b97f4a7c15u ^ function) * 0x9e3779b97f4a7c15u >> 20) + arity * 31;
}

const struct library_function *library_find(const struct library *library, value module, value function,
                                            size_t arity) {
    if (!value_is_known_atom(module) || !value_is_known_atom(function))
        return NULL;
    for (size_t at = hash(module, function, arity);; at++) {
        uint32_t slot = library->slots[at & library->slot_mask];
        if (slot == 0)
            return NULL;
        const struct library_function *found = &library->functions[slot - 1];
        if (found->module == module && found->function == function && found->arity == arity)
            return found;
    }
}

bool library_has_module(const struct library *library, value module) {
    for (size_t i = 0; i < library->count; i++)
        if (library->functions[i].module == module)
            return true;
    return false;
}

static int add(struct library *library, const struct library_function *function) {
    if (library->count == library->capacity) {
        size_t capacity = library->capacity ? library->capacity * 2 : 1024;
        struct library_function *functions = realloc(library->functions, capacity * sizeof *functions);
        if (!functions)
            return HM_ENOMEM;
        library->functions = functions;
        library->capacity = capacity;
    }
    library->functions[library->count++] = *function;
    return HM_OK;
}

static value enter_atom(struct library *library, const char *text) {
    long number = atoms_enter(library->atoms, bytes_of(text, strlen(text)));
    return number < 0 ? VALUE_NONE : ATOM_OF(number);
}

static int add_bifs(struct library *library) {
    for (const struct bif_row *const *table = bif_tables; *table; table++)
        for (const struct bif_row *row = *table; row->module; row++) {
            struct library_function function = {.module = enter_atom(library, row->module),
                                                .function = enter_atom(library, row->function),
                                                .arity = row->arity,
                                                .bif = row};
            if (!function.module || !function.function || add(library, &function) != HM_OK)
                return HM_ENOMEM;
        }
    return HM_OK;
}

/* Every atom in the forms gets a number, so that reading them makes no objects of atoms. One pass over what
 * was checked: behind the head of a tuple or a list comes its first element. */
static int enter_atoms(struct library *library, const uint8_t *at, const uint8_t *end) {
    bool latin1;
    while (at < end) {
        if (view_is_atom_tag(at[0]) && atoms_enter(library->atoms, view_atom(at, &latin1)) < 0)
            return HM_ENOMEM;
        switch (at[0]) {
        case ETF_SMALL_TUPLE: at += 2; break;
        case ETF_LARGE_TUPLE:
        case ETF_LIST:
        case ETF_MAP: at += 5; break;
        default: at = view_skip(at);
        }
    }
    return HM_OK;
}

/* Modules that begin with $, and what scripts/make-library put between dashes. */
static bool is_helper(const struct library *library, const value *parts) {
    struct bytes module = atoms_text(library->atoms, (size_t)(parts[0] >> 8));
    struct bytes function = atoms_text(library->atoms, (size_t)(parts[1] >> 8));
    return module.at[0] == '$' ||
           (function.size > 2 && function.at[0] == '-' && function.at[function.size - 1] == '-');
}

static int add_forms(struct library *library) {
    hm_term term;
    int error = hm_term_check(FORMS, sizeof FORMS, true, NULL, &term);
    if (error != HM_OK || (error = enter_atoms(library, term.bytes, term.bytes + term.size)) != HM_OK)
        return error;
    value list = terms_read(&library->heap, term);
    for (; value_is_cons(list); list = value_tail(list)) {
        value row = value_head(list);
        if (!value_is_tuple(row) || value_size(row) != 4)
            return HM_EBADTERM;
        const value *parts = value_words(row);
        if (!value_is_known_atom(parts[0]) || !value_is_known_atom(parts[1]) || !value_is_small(parts[2]))
            return HM_EBADTERM;
        struct library_function function = {.module = parts[0],
                                            .function = parts[1],
                                            .arity = (uint32_t)value_small(parts[2]),
                                            .clauses = parts[3],
                                            .hidden = is_helper(library, parts)};
        if (add(library, &function) != HM_OK)
            return HM_ENOMEM;
    }
    if (library->heap.exhausted)
        return HM_ENOMEM;
    heap_freeze(&library->heap);
    return HM_OK;
}

static int fill_slots(struct library *library) {
    size_t size = 1024;
    while (size < 2 * library->count)
        size *= 2;
    library->slot_mask = size - 1;
    library->slots = calloc(size, sizeof *library->slots);
    if (!library->slots)
        return HM_ENOMEM;
    for (size_t i = 0; i < library->count; i++) {
        const struct library_function *function = &library->functions[i];
        size_t at = hash(function->module, function->function, function->arity);
        while (library->slots[at & library->slot_mask])
            at++;
        library->slots[at & library->slot_mask] = (uint32_t)i + 1;
    }
    return HM_OK;
}

int library_new(struct library **result) {
    struct library *library = calloc(1, sizeof *library);
    if (!library)
        return HM_ENOMEM;
    library->atoms = atoms_new();
    heap_init(&library->heap, library->atoms, SIZE_MAX / 2, NULL);
    int error = library->atoms ? HM_OK : HM_ENOMEM;
    if (error != HM_OK || (error = add_bifs(library)) != HM_OK || (error = add_forms(library)) != HM_OK ||
        (error = fill_slots(library)) != HM_OK) {
        library_free(library);
        return error;
    }
    *result = library;
    return HM_OK;
}

void library_free(struct library *library) {
    if (!library)
        return;
    heap_fini(&library->heap);
    atoms_free(library->atoms);
    free(library->functions);
    free(library->slots);
    free(library);
}
