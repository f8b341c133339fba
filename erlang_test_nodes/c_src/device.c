/*
 * The registered server `device' in C: IO devices whose input is given when they are opened, and whose output can be asked for.
 * Its protocol is described in, and must stay the same as, src/device.erl.
 */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#include <hermod/io.h>

struct device {
    struct device *next;
    struct devices *owner; /* NULL: the server has ended */
    hm_io_server *server;
    hm_pid pid;
    char *input, *text;
    size_t input_size, text_size;
};

struct devices {
    struct device *first;
};

static int on_output(void *arg, hm_pid from, const char *text, size_t size) {
    struct device *device = arg;
    (void)from;
    char *grown = realloc(device->text, device->text_size + size);
    if (!grown)
        return HM_ENOMEM;
    memcpy(grown + device->text_size, text, size);
    device->text = grown;
    device->text_size += size;
    return 0;
}

static void on_input(void *arg, bool wanted) {
    struct device *device = arg;
    if (!wanted)
        return;
    if (device->input_size && hm_io_input(device->server, device->input, device->input_size) == 0)
        device->input_size = 0;
    else
        hm_io_eof(device->server);
}

static void on_ended(void *arg) {
    struct device *device = arg;
    for (struct device **at = device->owner ? &device->owner->first : NULL; at && *at; at = &(*at)->next)
        if (*at == device) {
            *at = device->next;
            break;
        }
    free(device->input);
    free(device->text);
    free(device);
}

static enum hm_verdict open_device(hm_process *self, const hm_from *from, const void *input, size_t size) {
    struct devices *devices = hm_data(self);
    struct device *device = calloc(1, sizeof *device);
    if (!device || !(device->input = malloc(size + 1))) {
        free(device);
        return hm_reply(self, from, "{error, no_memory}");
    }
    memcpy(device->input, input, size);
    device->input_size = size;
    struct hm_io_device how = {
        .size = sizeof how, .output = on_output, .input = on_input, .ended = on_ended, .arg = device};
    int error = hm_io_server_start(hm_node_of(self), &how, NULL, &device->server, &device->pid);
    if (error) {
        free(device->input);
        free(device);
        return hm_reply(self, from, "{error, ~i}", (int64_t)error);
    }
    device->owner = devices;
    device->next = devices->first;
    devices->first = device;
    return hm_reply(self, from, "{ok, ~p}", device->pid);
}

static enum hm_verdict on_printed(hm_process *self, void *arg, int error, hm_term reply) {
    hm_from *from = arg;
    if (error)
        hm_reply(self, from, "{error, terminated}");
    else
        hm_reply_term(self, from, reply);
    hm_from_free(from);
    return HM_CONTINUE;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct devices *devices = hm_data(self);
    hm_term pid_term, what;
    struct hm_text text;
    hm_pid pid;
    if (hm_match(request, "{open, ~b}", &text))
        return open_device(self, from, text.at, text.size);
    if (hm_match(request, "{text, ~t}", &pid_term) && hm_get_pid(hm_node_of(self), pid_term, &pid)) {
        for (struct device *device = devices->first; device; device = device->next)
            if (hm_pid_equal(device->pid, pid))
                return hm_reply(self, from, "~b", device->text ? device->text : "", device->text_size);
        return hm_reply(self, from, "undefined");
    }
    if (hm_match(request, "{print, ~t, ~b}", &pid_term, &text) && hm_get_pid(hm_node_of(self), pid_term, &pid)) {
        hm_from *kept = hm_from_keep(from);
        if (!kept || hm_io_put_chars(self, pid, text.at, text.size, -1, on_printed, kept)) {
            hm_from_free(kept);
            return hm_reply(self, from, "{error, no_memory}");
        }
        return HM_CONTINUE;
    }
    if (hm_match(request, "{request, ~t, ~t}", &pid_term, &what) &&
        hm_get_pid(hm_node_of(self), pid_term, &pid)) {
        hm_from *kept = hm_from_keep(from);
        if (!kept || hm_io_request(self, pid, what, -1, on_printed, kept)) {
            hm_from_free(kept);
            return hm_reply(self, from, "{error, no_memory}");
        }
        return HM_CONTINUE;
    }
    return HM_UNKNOWN;
}

static int on_init(hm_process *self, void *argument) {
    struct devices *devices = calloc(1, sizeof *devices);
    (void)argument;
    hm_set_data(self, devices);
    return devices ? 0 : HM_ENOMEM;
}

static void on_terminate(hm_process *self, hm_term reason) {
    struct devices *devices = hm_data(self);
    (void)reason;
    for (struct device *device = devices->first; device; device = device->next)
        device->owner = NULL;
    free(devices);
}

static const struct hm_server_class device_class = {
    .module = "device", .init = on_init, .call = on_call, .terminate = on_terminate};

int device_server_start(hm_node *node) {
    const struct hm_start start = {.name = "device"};
    return hm_server_start(node, &device_class, &start, NULL, NULL);
}
