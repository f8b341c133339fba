#include "node/message.h"

#include <stdlib.h>

struct message *message_new(enum message_kind kind, hm_term term, struct block *shared) {
    size_t inside = shared ? 0 : term.size;
    struct message *message = malloc(sizeof *message + inside);
    if (!message)
        return NULL;
    *message = (struct message){.kind = kind, .term = term, .shared = shared};
    if (shared) {
        block_hold(shared);
    } else if (inside) {
        unsigned char *copy = (unsigned char *)(message + 1);
        memcpy(copy, term.bytes, inside);
        message->term.bytes = copy;
    }
    return message;
}

void message_free(struct message *message) {
    if (!message)
        return;
    if (message->kind == MESSAGE_CALL && message->run)
        message->run(NULL, message);
    block_release(message->shared);
    free(message);
}

void mailbox_init(struct mailbox *mailbox) {
    STAILQ_INIT(&mailbox->list);
    mailbox->count = 0;
}

void mailbox_fini(struct mailbox *mailbox) {
    struct message *message;
    while ((message = mailbox_take(mailbox)))
        message_free(message);
}

void mailbox_put(struct mailbox *mailbox, struct message *message) {
    STAILQ_INSERT_TAIL(&mailbox->list, message, link);
    mailbox->count++;
}

void mailbox_put_first(struct mailbox *mailbox, struct message_list *messages, uint32_t count) {
    STAILQ_CONCAT(messages, &mailbox->list);
    STAILQ_CONCAT(&mailbox->list, messages);
    mailbox->count += count;
}

struct message *mailbox_take(struct mailbox *mailbox) {
    struct message *message = STAILQ_FIRST(&mailbox->list);
    if (message) {
        STAILQ_REMOVE_HEAD(&mailbox->list, link);
        mailbox->count--;
    }
    return message;
}

uint32_t messages_drop(struct message_list *list, enum message_kind kind, uint64_t tag) {
    struct message_list kept = STAILQ_HEAD_INITIALIZER(kept);
    struct message *message;
    uint32_t count = 0;
    while ((message = STAILQ_FIRST(list))) {
        STAILQ_REMOVE_HEAD(list, link);
        if (message->kind == kind && message->tag == tag) {
            message_free(message);
        } else {
            STAILQ_INSERT_TAIL(&kept, message, link);
            count++;
        }
    }
    STAILQ_CONCAT(list, &kept);
    return count;
}
