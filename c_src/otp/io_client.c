#include "otp/io_client.h"

#include "node/calls.h"
#include "otp/io_wire.h"

int hm_io_request(hm_process *self, hm_pid device, hm_term request, int64_t timeout_ms, hm_call_done *done,
                  void *arg) {
    if (!device.node)
        return HM_EINVAL;
    return calls_io_request(self, hm_to_pid(device), request, timeout_ms, done, arg);
}

static int send_built(hm_process *self, hm_pid device, hm_build *build, int64_t timeout_ms,
                      hm_call_done *done, void *arg) {
    int error = hm_build_error(build);
    if (error == HM_OK)
        error = hm_io_request(self, device, hm_build_term(build), timeout_ms, done, arg);
    hm_build_free(build);
    return error;
}

int hm_io_put_chars(hm_process *self, hm_pid device, const void *utf8, size_t size, int64_t timeout_ms,
                    hm_call_done *done, void *arg) {
    hm_build *build = hm_build_new();
    if (!build)
        return HM_ENOMEM;
    io_wire_put_text(build, utf8, size);
    return send_built(self, device, build, timeout_ms, done, arg);
}

int io_client_put_chars(hm_process *self, hm_pid device, const void *utf8, size_t size, hm_call_done *done,
                        void *arg) {
    return hm_io_put_chars(self, device, utf8, size, -1, done, arg);
}

int io_client_format(hm_process *self, hm_pid device, hm_term format, hm_term arguments, hm_call_done *done,
                     void *arg) {
    hm_build *build = hm_build_new();
    if (!build)
        return HM_ENOMEM;
    hm_put_format(build, "{put_chars, unicode, io_lib, format, [~t, ~t]}", format, arguments);
    return send_built(self, device, build, -1, done, arg);
}
