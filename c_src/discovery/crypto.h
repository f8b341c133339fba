/*
 * discovery/crypto: what the datagrams of gossip and nodefinder need of OpenSSL's libcrypto.
 *
 * The library is loaded when the first of these functions is called and not when the program starts: it costs more than a megabyte of
 * resident memory, a third of an idle node, and few nodes have a secret. Random numbers come from the kernel. Loading is
 * the one thing here that outlives a node, and it is the same for all of them. Any thread.
 */
#ifndef HM_DISCOVERY_CRYPTO_H
#define HM_DISCOVERY_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CRYPTO_SHA1_BYTES = 20, CRYPTO_SHA256_BYTES = 32, CRYPTO_BLOCK_BYTES = 16 };

/* false: there is no libcrypto, or it refused; for random numbers, the kernel did. */
bool crypto_sha1(const void *text, size_t size, uint8_t digest[CRYPTO_SHA1_BYTES]);
bool crypto_sha256(const void *text, size_t size, uint8_t digest[CRYPTO_SHA256_BYTES]);
bool crypto_hmac_sha1(const uint8_t *key, const void *text, size_t size, uint8_t mac[CRYPTO_SHA1_BYTES]);
bool crypto_hmac_sha256(const uint8_t *key, const void *text, size_t size, uint8_t mac[CRYPTO_SHA256_BYTES]);
/* AES-256-CBC with padding. out has room for size and a block more; *out_size: what was written. */
bool crypto_encrypt(const uint8_t key[32], const uint8_t iv[CRYPTO_BLOCK_BYTES], const void *plain, size_t size, uint8_t *out,
                    size_t *out_size);
bool crypto_decrypt(const uint8_t key[32], const uint8_t iv[CRYPTO_BLOCK_BYTES], const void *encrypted, size_t size, uint8_t *out,
                    size_t *out_size);
bool crypto_random(void *bytes, size_t size);
/* In a time that does not tell where they differ. */
bool crypto_equal(const void *a, const void *b, size_t size);

#endif
