#include "discovery/dns_wire.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>
#include <strings.h>

static void write_header(struct writer *out, uint16_t id) {
    writer_u16(out, id);
    writer_u16(out, 0x0100); /* recursion desired */
    writer_u16(out, 1);      /* questions */
    writer_u16(out, 0);
    writer_u16(out, 0);
    writer_u16(out, 1); /* additional: OPT */
}

int dns_write_query(struct writer *out, uint16_t id, const char *name, enum dns_type type) {
    size_t size = strlen(name);
    if (size && name[size - 1] == '.')
        size--;
    if (size == 0 || size > 253)
        return HM_ENAME;
    write_header(out, id);
    for (const char *label = name, *end = name + size; label < end;) {
        const char *dot = memchr(label, '.', (size_t)(end - label));
        size_t label_size = (size_t)((dot ? dot : end) - label);
        if (label_size == 0 || label_size > 63 || (dot && dot + 1 == end))
            return HM_ENAME;
        writer_u8(out, (uint8_t)label_size);
        writer_put(out, label, label_size);
        label += label_size + 1;
    }
    writer_u8(out, 0);
    writer_u16(out, (uint16_t)type);
    writer_u16(out, ns_c_in);
    writer_u8(out, 0); /* OPT: the root, the size of datagrams we take, no flags, no options */
    writer_u16(out, ns_t_opt);
    writer_u16(out, DNS_ANSWER_BYTES);
    writer_u32(out, 0);
    writer_u16(out, 0);
    return out->error;
}

static bool is_our_question(ns_msg *message, uint16_t id, const char *name, enum dns_type type) {
    ns_rr question;
    size_t size = strlen(name);
    size -= size && name[size - 1] == '.';
    return ns_msg_id(*message) == id && ns_msg_getflag(*message, ns_f_qr) && ns_msg_count(*message, ns_s_qd) == 1 &&
           ns_parserr(message, ns_s_qd, 0, &question) == 0 && (int)ns_rr_type(question) == (int)type &&
           strlen(ns_rr_name(question)) == size && strncasecmp(ns_rr_name(question), name, size) == 0;
}

static bool read_record(ns_msg *message, const ns_rr *record, enum dns_type type, char text[DNS_TEXT_BYTES]) {
    const uint8_t *data = ns_rr_rdata(*record);
    size_t size = ns_rr_rdlen(*record);
    if ((int)ns_rr_type(*record) != (int)type || ns_rr_class(*record) != ns_c_in)
        return false;
    if (type == DNS_A)
        return size == 4 && inet_ntop(AF_INET, data, text, DNS_TEXT_BYTES);
    if (type == DNS_AAAA)
        return size == 16 && inet_ntop(AF_INET6, data, text, DNS_TEXT_BYTES);
    /* priority, weight, port, target; a target of "." says that there is none */
    return size > 6 && dn_expand(ns_msg_base(*message), ns_msg_end(*message), data + 6, text, DNS_TEXT_BYTES) > 0 && *text;
}

enum dns_outcome dns_read_answer(struct bytes answer, uint16_t id, const char *name, enum dns_type type, dns_each *each,
                                 void *arg) {
    ns_msg message;
    if (answer.size > DNS_ANSWER_BYTES || ns_initparse(answer.at, (int)answer.size, &message) ||
        !is_our_question(&message, id, name, type))
        return DNS_JUNK;
    int code = ns_msg_getflag(message, ns_f_rcode);
    if (code != ns_r_noerror && code != ns_r_nxdomain)
        return DNS_FAILED;
    for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
        ns_rr record;
        char text[DNS_TEXT_BYTES];
        if (ns_parserr(&message, ns_s_an, i, &record))
            return DNS_JUNK;
        if (read_record(&message, &record, type, text))
            each(arg, text);
    }
    return ns_msg_getflag(message, ns_f_tc) ? DNS_TRUNCATED : DNS_ANSWERED;
}
