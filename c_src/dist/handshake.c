#include "dist/handshake.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

#include "etf/names.h"

static const char *const state_names[] = {
    [HS_IDLE] = "idle",
    [HS_NAME] = "wait_name",
    [HS_ALIVE_ANSWER] = "wait_alive_answer",
    [HS_COMPLEMENT] = "wait_complement",
    [HS_REPLY] = "wait_challenge_reply",
    [HS_STATUS] = "wait_status",
    [HS_CHALLENGE] = "wait_challenge",
    [HS_ACK] = "wait_challenge_ack",
    [HS_DONE] = "done",
    [HS_FAILED] = "failed",
};

const char *handshake_state_name(enum handshake_state state) {
    return (unsigned)state < sizeof state_names / sizeof *state_names ? state_names[state] : "?";
}

static struct escaped peer_text(const struct handshake *h) {
    static const char unknown[] = "(unnamed)";
    return log_escape(h->peer ? node_name_bytes(h->peer) : bytes_of(unknown, sizeof unknown - 1));
}

static void set_state(struct handshake *h, enum handshake_state state) {
    log_debug(h->dist->log, "hs.state", "node=%s %s -> %s", peer_text(h).text, handshake_state_name(h->state),
              handshake_state_name(state));
    h->state = state;
}

/* id: NULL for ends that are no fault, which nobody needs to read about. */
static void fail(struct handshake *h, enum down_reason reason, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void fail(struct handshake *h, enum down_reason reason, const char *id, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(h->detail, sizeof h->detail, format, arguments);
    va_end(arguments);
    h->reason = reason;
    if (id)
        log_warn(h->dist->log, id, "node=%s %s", peer_text(h).text, h->detail);
    set_state(h, HS_FAILED);
}

static uint32_t random32(void) {
    uint32_t value = 0;
    /* Up to 256 bytes never come short, and only a kernel without getrandom fails. */
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        __builtin_trap();
    return value;
}

void handshake_init(struct handshake *h, struct dist *dist, struct channel *channel,
                    const hm_node_name *peer) {
    *h = (struct handshake){.dist = dist, .channel = channel, .peer = peer, .dialled = peer != NULL};
}

void handshake_fini(struct handshake *h) {
    if (!h->dialled && h->peer)
        names_release(h->dist->names, h->peer);
    h->peer = NULL;
}

void handshake_abort(struct handshake *h) {
    h->state = HS_FAILED;
    h->reason = DOWN_LOCAL;
}

static const char *cookie_of(struct handshake *h) {
    const struct dist *dist = h->dist;
    const char *cookie = dist->events->cookie(dist->arg, h->peer);
    return cookie ? cookie : "";
}

/* Our own name as it travels. The layer above has checked it; one that cannot be said fails the handshake. */
static struct bytes own_name(struct handshake *h, char *buffer, size_t capacity) {
    size_t size = handshake_name_latin1(node_name_bytes(h->dist->self), buffer, capacity);
    if (size == 0)
        fail(h, DOWN_NAME, "hs.name",
             "our own name has characters beyond Latin-1, which no handshake can carry");
    return bytes_of(buffer, size);
}

/* Are the flags that we need there? Says which are not. */
static bool check_flags(struct handshake *h) {
    uint64_t missing = FLAGS_REQUIRED & ~h->flags;
    if (!missing)
        return true;
    char names[160];
    flags_names(missing, names, sizeof names);
    fail(h, DOWN_FLAGS, "hs.flags", "lacks the distribution flags %s: it must be Erlang/OTP 25 or newer",
         names);
    return false;
}

/* ---- acceptor ---- */

static void write_challenge(struct handshake *h, struct writer *out) {
    char buffer[HANDSHAKE_NAME_MAX];
    struct handshake_challenge challenge = {.flags = h->dist->flags, .creation = h->dist->creation};
    challenge.name = own_name(h, buffer, sizeof buffer);
    if (h->state == HS_FAILED)
        return;
    h->challenge = random32();
    challenge.challenge = h->challenge;
    handshake_write_challenge(out, &challenge);
    set_state(h, h->old_name ? HS_COMPLEMENT : HS_REPLY);
}

static void write_status(struct writer *out, enum handshake_status status) {
    handshake_write_status(out, status, bytes_of(NULL, 0), 0);
}

/* A peer that started without a name (NAME_ME) tells its host alone and gets a name. The names are few and
 * used again, since a name stays for good in the tables of every node that sees it; the creation tells one
 * tenant from the next. */
static size_t make_up_name(struct handshake *h, struct bytes host, char *name, size_t capacity) {
    enum { DYNAMIC_NAMES = 4096 };
    int size = snprintf(name, capacity, "DYN%u@%.*s", h->dist->next_dynamic++ % DYNAMIC_NAMES, (int)host.size,
                        (const char *)host.at);
    return size > 0 && (size_t)size < capacity ? (size_t)size : 0;
}

static bool claim(struct handshake *h, const char *text, size_t size) {
    if (h->peer)
        names_release(h->dist->names, h->peer);
    h->peer = names_claim(h->dist->names, text, size);
    if (!h->peer)
        fail(h, DOWN_LIMIT, "hs.name", "refused \"%s\": the table of node names is full (max-names)",
             log_escape(bytes_of(text, size)).text);
    return h->peer != NULL;
}

/* The peer's name out of its first message. */
static bool take_name(struct handshake *h, const struct handshake_name *said) {
    char name[2 * HANDSHAKE_NAME_MAX + 32], host[HANDSHAKE_NAME_MAX];
    size_t size;
    if (h->asked_for_name) {
        size_t host_size = handshake_name_utf8(said->name, host, sizeof host);
        size = handshake_host_valid(bytes_of(host, host_size))
                   ? make_up_name(h, bytes_of(host, host_size), name, sizeof name) : 0;
    } else {
        size = handshake_name_utf8(said->name, name, sizeof name);
    }
    if (!handshake_name_valid(bytes_of(name, size))) {
        fail(h, DOWN_NAME, "hs.name", "refused: it calls itself \"%s\", which is not of the form name@host",
             log_escape(said->name).text);
        return false;
    }
    if (!claim(h, name, size))
        return false;
    if (h->peer == h->dist->self) {
        fail(h, DOWN_NAME, "hs.name", "refused: it has our own name; give one of the two another name");
        return false;
    }
    return true;
}

/* May it connect? A made-up name that is in use is given up for the next. */
static enum name_verdict ask_owner(struct handshake *h, const struct handshake_name *said) {
    enum { TRIES = 64 };
    enum name_verdict verdict = h->dist->events->on_name(h->dist->arg, h->channel, h->peer);
    for (int i = 0; h->asked_for_name && h->state == HS_NAME && verdict != NAME_OK && i < TRIES; i++) {
        if (!take_name(h, said))
            return NAME_NOT_ALLOWED;
        verdict = h->dist->events->on_name(h->dist->arg, h->channel, h->peer);
    }
    return verdict;
}

static void answer_name(struct handshake *h, enum name_verdict verdict, struct writer *out) {
    char latin1[HANDSHAKE_NAME_MAX];
    switch (verdict) {
    case NAME_OK:
        if (h->asked_for_name) {
            size_t size = handshake_name_latin1(node_name_bytes(h->peer), latin1, sizeof latin1);
            h->creation = random32() | 4; /* never 0..3, which old releases use for themselves */
            handshake_write_status(out, STATUS_NAMED, bytes_of(latin1, size), h->creation);
        } else {
            write_status(out, STATUS_OK);
        }
        write_challenge(h, out);
        break;
    case NAME_OK_SIMULTANEOUS:
        write_status(out, STATUS_OK_SIMULTANEOUS);
        write_challenge(h, out);
        break;
    case NAME_NOK:
        write_status(out, STATUS_NOK);
        fail(h, DOWN_SIMULTANEOUS, NULL, "both sides dialled; our own attempt goes on");
        break;
    case NAME_NOT_ALLOWED:
        write_status(out, STATUS_NOT_ALLOWED);
        fail(h, DOWN_NOT_ALLOWED, "hs.not_allowed", "refused: this node may not connect to us");
        break;
    case NAME_ALIVE:
        write_status(out, STATUS_ALIVE);
        set_state(h, HS_ALIVE_ANSWER);
        break;
    }
}

static void on_name(struct handshake *h, struct bytes message, struct writer *out) {
    struct handshake_name said;
    if (handshake_read_name(message, &said)) {
        fail(h, DOWN_PROTOCOL, "hs.name", "refused a connection that does not start with a node's name");
        return;
    }
    h->old_name = said.old;
    h->flags = flags_expand(said.flags);
    h->creation = said.creation;
    h->asked_for_name = !said.old && (said.flags & FLAG_NAME_ME);
    if (h->asked_for_name)
        h->flags &= ~FLAG_PUBLISHED;
    if (!take_name(h, &said))
        return;
    if (!check_flags(h)) {
        write_status(out, STATUS_NOT_ALLOWED);
        return;
    }
    enum name_verdict verdict = ask_owner(h, &said);
    if (h->state == HS_NAME)
        answer_name(h, verdict, out);
}

static void on_alive_answer(struct handshake *h, struct bytes message, struct writer *out) {
    enum handshake_status status;
    struct bytes name;
    uint32_t creation;
    if (handshake_read_status(message, &status, &name, &creation) == HM_OK) {
        if (status == STATUS_TRUE) {
            write_challenge(h, out);
            return;
        }
        if (status == STATUS_FALSE) {
            fail(h, DOWN_ALIVE, NULL, "the peer gave this attempt up, since there is a connection already");
            return;
        }
    }
    fail(h, DOWN_PROTOCOL, "hs.protocol", "answered neither true nor false to alive");
}

static void on_complement(struct handshake *h, struct bytes message) {
    struct handshake_complement complement;
    if (handshake_read_complement(message, &complement)) {
        fail(h, DOWN_PROTOCOL, "hs.protocol", "did not complete its old-style name");
        return;
    }
    h->flags |= (uint64_t)complement.flags_high << 32;
    h->creation = complement.creation;
    set_state(h, HS_REPLY);
}

static void on_reply(struct handshake *h, struct bytes message, struct writer *out) {
    struct handshake_reply reply;
    struct handshake_ack ack;
    uint8_t expected[HANDSHAKE_DIGEST];
    if (handshake_read_reply(message, &reply)) {
        fail(h, DOWN_PROTOCOL, "hs.protocol", "sent no challenge reply where one was due");
        return;
    }
    handshake_digest(cookie_of(h), h->challenge, expected);
    /* A challenge that repeats ours would have us hand out the digest that we just asked for. */
    if (!handshake_digest_equal(expected, reply.digest) || reply.challenge == h->challenge) {
        fail(h, DOWN_COOKIE, "hs.cookie",
             "refused: its cookie is another than ours; start both nodes with the same cookie");
        return;
    }
    struct bytes name = node_name_bytes(h->peer);
    names_intern(h->dist->names, (const char *)name.at, name.size); /* it stays */
    h->dist->events->on_proved(h->dist->arg, h->channel);
    if (h->state != HS_REPLY)
        return;
    handshake_digest(cookie_of(h), reply.challenge, ack.digest);
    handshake_write_ack(out, &ack);
    set_state(h, HS_DONE);
}

/* ---- initiator ---- */

void handshake_start(struct handshake *h, struct writer *out) {
    if (!h->dialled) {
        set_state(h, HS_NAME);
        return;
    }
    char buffer[HANDSHAKE_NAME_MAX];
    struct handshake_name name = {.flags = h->dist->flags, .creation = h->dist->creation};
    name.name = own_name(h, buffer, sizeof buffer);
    if (h->state == HS_FAILED)
        return;
    handshake_write_name(out, &name);
    set_state(h, HS_STATUS);
}

static void on_status(struct handshake *h, struct bytes message, struct writer *out) {
    enum handshake_status status;
    struct bytes name;
    uint32_t creation;
    if (handshake_read_status(message, &status, &name, &creation)) {
        fail(h, DOWN_PROTOCOL, "hs.protocol", "answered our name with \"%s\", which is no status",
             log_escape(message).text);
        return;
    }
    switch (status) {
    case STATUS_OK:
    case STATUS_OK_SIMULTANEOUS:
        set_state(h, HS_CHALLENGE);
        break;
    case STATUS_ALIVE:
        /* It has not noticed yet that the last connection is gone. This attempt is wanted, else it were
         * closed. */
        write_status(out, STATUS_TRUE);
        set_state(h, HS_CHALLENGE);
        break;
    case STATUS_NOK:
        /* dist_util would wait here for the peer's own attempt; it comes as an accepted channel all the
         * same. */
        fail(h, DOWN_SIMULTANEOUS, NULL, "both sides dialled; the peer's attempt goes on");
        break;
    case STATUS_NOT_ALLOWED:
        fail(h, DOWN_NOT_ALLOWED, "hs.not_allowed",
             "does not let us connect: it wants other distribution flags, "
             "or its net_kernel:allow leaves us out");
        break;
    case STATUS_NAMED:
    case STATUS_TRUE:
    case STATUS_FALSE:
        fail(h, DOWN_PROTOCOL, "hs.protocol", "answered our name with status \"%s\"",
             handshake_status_name(status));
        break;
    }
}

static void on_challenge(struct handshake *h, struct bytes message, struct writer *out) {
    struct handshake_challenge challenge;
    char name[2 * HANDSHAKE_NAME_MAX];
    if (handshake_read_challenge(message, &challenge)) {
        fail(h, DOWN_PROTOCOL, "hs.protocol", "sent no challenge where one was due");
        return;
    }
    size_t size = handshake_name_utf8(challenge.name, name, sizeof name);
    if (!bytes_equal(bytes_of(name, size), node_name_bytes(h->peer))) {
        fail(h, DOWN_NAME, "hs.name",
             "is called \"%s\" by itself: epmd or a fixed port led us to another node",
             log_escape(challenge.name).text);
        return;
    }
    h->flags = flags_expand(challenge.flags);
    h->creation = challenge.creation;
    if (!check_flags(h))
        return;
    struct handshake_reply reply;
    do
        h->challenge = random32();
    while (h->challenge == challenge.challenge);
    reply.challenge = h->challenge;
    handshake_digest(cookie_of(h), challenge.challenge, reply.digest);
    handshake_write_reply(out, &reply);
    set_state(h, HS_ACK);
}

static void on_ack(struct handshake *h, struct bytes message) {
    struct handshake_ack ack;
    uint8_t expected[HANDSHAKE_DIGEST];
    if (handshake_read_ack(message, &ack)) {
        fail(h, DOWN_PROTOCOL, "hs.protocol", "sent no acknowledgement where one was due");
        return;
    }
    handshake_digest(cookie_of(h), h->challenge, expected);
    if (!handshake_digest_equal(expected, ack.digest)) {
        fail(h, DOWN_COOKIE, "hs.cookie",
             "refused: its acknowledgement proves no knowledge of the cookie; "
             "start both nodes with the same cookie");
        return;
    }
    set_state(h, HS_DONE);
}

/* ---- both ---- */

void handshake_message(struct handshake *h, struct bytes message, struct writer *out) {
    switch (h->state) {
    case HS_NAME:
        on_name(h, message, out);
        break;
    case HS_ALIVE_ANSWER:
        on_alive_answer(h, message, out);
        break;
    case HS_COMPLEMENT:
        on_complement(h, message);
        break;
    case HS_REPLY:
        on_reply(h, message, out);
        break;
    case HS_STATUS:
        on_status(h, message, out);
        break;
    case HS_CHALLENGE:
        on_challenge(h, message, out);
        break;
    case HS_ACK:
        on_ack(h, message);
        break;
    case HS_IDLE:
    case HS_DONE:
    case HS_FAILED:
        break;
    }
    if (out->error && h->state != HS_FAILED)
        fail(h, DOWN_MEMORY, NULL, "out of memory in the handshake");
}

void handshake_closed(struct handshake *h) {
    switch (h->state) {
    case HS_ACK:
        /* Whoever does not like our digest closes without a word (dist_util: "Invalid challenge reply"). */
        fail(h, DOWN_COOKIE, "hs.cookie",
             "closed the connection when it saw our digest: it has another cookie for us; "
             "start both nodes with the same cookie");
        break;
    case HS_REPLY:
        fail(h, DOWN_CLOSED, "hs.closed",
             "closed the connection instead of answering our challenge: "
             "it lacks a flag of ours, has another cookie, or looked for a node of another name");
        break;
    case HS_STATUS:
    case HS_CHALLENGE:
        fail(h, DOWN_CLOSED, "hs.closed", "closed the connection in the handshake (%s): is it a node?",
             handshake_state_name(h->state));
        break;
    default:
        /* Port scanners and health checks come and go without a name. */
        fail(h, DOWN_CLOSED, NULL, "closed the connection in the handshake (%s)",
             handshake_state_name(h->state));
    }
}

void handshake_timeout(struct handshake *h) {
    fail(h, DOWN_SETUP_TIMEOUT, "hs.timeout",
         "said nothing for %u ms in the handshake (%s): is it overloaded, or no node?",
         (unsigned)h->dist->setup_ms, handshake_state_name(h->state));
}
