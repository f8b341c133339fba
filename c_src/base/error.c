#include <hermod/error.h>

/* A public function in base: every layer says its errors with it, and api is above all of them. */
HM_API const char *hm_strerror(int error) {
    switch ((enum hm_error)error) {
    case HM_OK: return "success";
    case HM_ENOMEM: return "out of memory";
    case HM_EINVAL: return "bad argument";
    case HM_ENAME: return "bad node or process name (or short and long names are mixed)";
    case HM_ETAKEN: return "the name is taken";
    case HM_ENOENT: return "no such name, process or node";
    case HM_ELIMIT: return "a limit was reached";
    case HM_EBADTERM: return "not a well-formed term, or not of the expected shape";
    case HM_ESYNTAX: return "not an Erlang or Elixir term";
    case HM_ENOCONNECTION: return "no connection to the node";
    case HM_ENOPROC: return "no such process";
    case HM_ETIMEOUT: return "no answer in time";
    case HM_ECOOKIE: return "the cookie was refused";
    case HM_EFLAGS: return "the peer lacks distribution flags that are needed, or refuses ours";
    case HM_EEPMD: return "epmd does not answer, or gave no usable answer";
    case HM_ESYSTEM: return "a system call failed";
    case HM_EEXIT: return "the called process ended before it answered";
    case HM_ESTATE: return "not possible in this state";
    }
    return "unknown error";
}
