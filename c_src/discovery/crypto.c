#include "discovery/crypto.h"

#include <limits.h>
#include <pthread.h>
#include <sys/random.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/opensslv.h>

#include "base/lazy.h"

/* name in the struct, function of the library */
#define FUNCTIONS(entry)                        \
    entry(sha1, EVP_sha1)                       \
    entry(sha256, EVP_sha256)                   \
    entry(digest, EVP_Digest)                   \
    entry(hmac, HMAC)                           \
    entry(aes, EVP_aes_256_cbc)                 \
    entry(cipher_new, EVP_CIPHER_CTX_new)       \
    entry(cipher_free, EVP_CIPHER_CTX_free)     \
    entry(encrypt_init, EVP_EncryptInit_ex)     \
    entry(encrypt_update, EVP_EncryptUpdate)    \
    entry(encrypt_final, EVP_EncryptFinal_ex)   \
    entry(decrypt_init, EVP_DecryptInit_ex)     \
    entry(decrypt_update, EVP_DecryptUpdate)    \
    entry(decrypt_final, EVP_DecryptFinal_ex)

static struct library {
    FUNCTIONS(LAZY_FIELD)
    bool loaded;
} library;

#define LIBRARY(version) LAZY_SONAME("libcrypto.so.", version)

static void load(void) {
    void *handle = dlopen(LIBRARY(OPENSSL_SHLIB_VERSION), RTLD_NOW | RTLD_LOCAL);
    bool all = handle != NULL;
    FUNCTIONS(LAZY_LOOK_UP)
    library.loaded = all;
}

/* NULL: there is none. */
static const struct library *get_library(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return library.loaded ? &library : NULL;
}

bool crypto_sha1(const void *text, size_t size, uint8_t digest[CRYPTO_SHA1_BYTES]) {
    const struct library *crypto = get_library();
    return crypto && crypto->digest(text, size, digest, NULL, crypto->sha1(), NULL);
}

bool crypto_sha256(const void *text, size_t size, uint8_t digest[CRYPTO_SHA256_BYTES]) {
    const struct library *crypto = get_library();
    return crypto && crypto->digest(text, size, digest, NULL, crypto->sha256(), NULL);
}

bool crypto_hmac_sha1(const uint8_t *key, const void *text, size_t size, uint8_t mac[CRYPTO_SHA1_BYTES]) {
    const struct library *crypto = get_library();
    unsigned length;
    return crypto && crypto->hmac(crypto->sha1(), key, CRYPTO_SHA1_BYTES, text, size, mac, &length);
}

bool crypto_hmac_sha256(const uint8_t *key, const void *text, size_t size, uint8_t mac[CRYPTO_SHA256_BYTES]) {
    const struct library *crypto = get_library();
    unsigned length;
    return crypto && crypto->hmac(crypto->sha256(), key, CRYPTO_SHA256_BYTES, text, size, mac, &length);
}

bool crypto_encrypt(const uint8_t key[32], const uint8_t iv[CRYPTO_BLOCK_BYTES], const void *plain, size_t size, uint8_t *out,
                    size_t *out_size) {
    const struct library *crypto = get_library();
    int part = 0, last = 0;
    if (!crypto || size > INT_MAX - CRYPTO_BLOCK_BYTES)
        return false;
    EVP_CIPHER_CTX *cipher = crypto->cipher_new();
    bool good = cipher && crypto->encrypt_init(cipher, crypto->aes(), NULL, key, iv) &&
                crypto->encrypt_update(cipher, out, &part, plain, (int)size) &&
                crypto->encrypt_final(cipher, out + part, &last);
    crypto->cipher_free(cipher);
    *out_size = (size_t)part + (size_t)last;
    return good;
}

bool crypto_decrypt(const uint8_t key[32], const uint8_t iv[CRYPTO_BLOCK_BYTES], const void *encrypted, size_t size, uint8_t *out,
                    size_t *out_size) {
    const struct library *crypto = get_library();
    int part = 0, last = 0;
    if (!crypto || size > INT_MAX)
        return false;
    EVP_CIPHER_CTX *cipher = crypto->cipher_new();
    bool good = cipher && crypto->decrypt_init(cipher, crypto->aes(), NULL, key, iv) &&
                crypto->decrypt_update(cipher, out, &part, encrypted, (int)size) &&
                crypto->decrypt_final(cipher, out + part, &last);
    crypto->cipher_free(cipher);
    *out_size = (size_t)part + (size_t)last;
    return good;
}

bool crypto_random(void *bytes, size_t size) {
    return getrandom(bytes, size, 0) == (ssize_t)size;
}

bool crypto_equal(const void *a, const void *b, size_t size) {
    const volatile uint8_t *left = a, *right = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++)
        difference |= left[i] ^ right[i];
    return difference == 0;
}
