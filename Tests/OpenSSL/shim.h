// The system's OpenSSL, with what it has as macros only under names that Swift sees. For tests: what Pico itself encrypts with is
// BoringSSL, whose names have a prefix, so that both fit into one program.
#pragma once
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static inline int pico_set_versions(SSL_CTX *context, int lowest, int highest) {
  return SSL_CTX_set_min_proto_version(context, lowest) && SSL_CTX_set_max_proto_version(context, highest);
}

static inline int pico_set_server_name(SSL *connection, const char *name) { return (int)SSL_set_tlsext_host_name(connection, name); }

/// Seconds since 1970 at which a certificate ends becomes `end`; signed once more by the key of its authority.
static inline int pico_end_certificate(const char *certificate_path, const char *authority_key_path, time_t end) {
  int done = 0;
  FILE *file = fopen(certificate_path, "r");
  X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
  if (file) fclose(file);
  file = fopen(authority_key_path, "r");
  EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
  if (file) fclose(file);
  if (certificate && key && X509_time_adj(X509_getm_notAfter(certificate), 0, &end) && X509_sign(certificate, key, EVP_sha256()) > 0) {
    file = fopen(certificate_path, "w");
    done = file && PEM_write_X509(file, certificate);
    if (file) done = fclose(file) == 0 && done;
  }
  X509_free(certificate);
  EVP_PKEY_free(key);
  return done;
}
