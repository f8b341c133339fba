#include "node/reasons.h"

#include "node/terms.h"

hm_term reason_term(enum reason reason) {
    switch (reason) {
    case REASON_OTHER:
        break;
    case REASON_NORMAL:
        return ATOM_TERM("normal");
    case REASON_SHUTDOWN:
        return ATOM_TERM("shutdown");
    case REASON_KILLED:
        return ATOM_TERM("killed");
    case REASON_KILL:
        return ATOM_TERM("kill");
    case REASON_NOPROC:
        return ATOM_TERM("noproc");
    case REASON_NOCONNECTION:
        return ATOM_TERM("noconnection");
    case REASON_SYSTEM_LIMIT:
        return ATOM_TERM("system_limit");
    }
    return (hm_term){0};
}

enum reason reason_known(hm_term reason) {
    static const char *const texts[] = {
        [REASON_NORMAL] = "normal", [REASON_SHUTDOWN] = "shutdown",         [REASON_KILLED] = "killed",
        [REASON_KILL] = "kill",     [REASON_NOPROC] = "noproc",             [REASON_NOCONNECTION] = "noconnection",
        [REASON_SYSTEM_LIMIT] = "system_limit",
    };
    if (hm_term_type(reason) != HM_TYPE_ATOM)
        return REASON_OTHER;
    for (enum reason known = REASON_NORMAL; known <= REASON_SYSTEM_LIMIT; known++)
        if (hm_is_atom(reason, texts[known]))
            return known;
    return REASON_OTHER;
}

enum reason reason_nearest(hm_term reason) {
    hm_term parts[2];
    enum reason known = reason_known(reason);
    if (known != REASON_OTHER)
        return known;
    return hm_tuple_elements(reason, 2, parts) && hm_is_atom(parts[0], "shutdown") ? REASON_SHUTDOWN : REASON_SYSTEM_LIMIT;
}
