/*
 * impostor KIND ADDRESS PORT THREADS RATE SOURCES DIRECTORY
 *
 * A hostile neighbour who knows the protocol: RATE connections a second in THREADS threads, until standard input is closed.
 * DIRECTORY has a client's key files, and cert.pem, a certificate for that key. A secret that comes is counted.
 */
#include "sources.h"
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <pthread.h>

#define STRONG "SECURE128:!CTYPE-X.509:+CTYPE-RAWPK:!RSA:!VERS-ALL:+VERS-TLS1.3:%PROFILE_ULTRA"
#define LOOSE "NORMAL:+CTYPE-RAWPK:%PROFILE_VERY_WEAK"
#define THREADS_MAX 256
#define WAIT_SECONDS 40

struct kind {
  const char *name, *priority;
  int fresh_key, stolen_key, certificate;
};
static const struct kind kinds[] = {
    {"unknown-keys", STRONG, 1, 0, 0},
    {"stolen-public-key", STRONG, 0, 1, 0},
    {"certificate", "NORMAL:%PROFILE_VERY_WEAK", 0, 0, 1},
    {"certificate-tls12", "NORMAL:-VERS-ALL:+VERS-TLS1.2:%PROFILE_VERY_WEAK", 0, 0, 1},
    {"tls12", LOOSE ":-VERS-ALL:+VERS-TLS1.2", 0, 0, 0},
    {"tls11", LOOSE ":-VERS-ALL:+VERS-TLS1.1", 0, 0, 0},
    {"weak-cipher", LOOSE ":-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-CCM-8", 0, 0, 0},
    {"weak-group", LOOSE ":-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP192R1", 0, 0, 0},
};

static const struct kind *kind;
static gnutls_priority_t priority;
static gnutls_certificate_credentials_t shared;
static char public_key[4096], private_key[4096], certificate[4096];
static atomic_long next_one, established, failed, handshakes, secrets;
static atomic_int stops;
static double start, rate;

static int fresh_private_key(gnutls_privkey_t *key) {
  gnutls_privkey_init(key);
  return gnutls_privkey_generate(*key, GNUTLS_PK_EDDSA_ED25519, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519), 0);
}

/* With a private key made for the occasion, and its public key or the client's. */
static int make_credentials(gnutls_certificate_credentials_t *made) {
  gnutls_privkey_t key;
  gnutls_pubkey_t public;
  gnutls_pcert_st *cert = gnutls_malloc(sizeof *cert);
  gnutls_certificate_allocate_credentials(made);
  gnutls_certificate_set_flags(*made, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
  if (fresh_private_key(&key) < 0) return 0;
  gnutls_pubkey_init(&public);
  if (kind->stolen_key) {
    gnutls_datum_t pem;
    if (gnutls_load_file(public_key, &pem) < 0) return 0;
    int result = gnutls_pubkey_import(public, &pem, GNUTLS_X509_FMT_PEM);
    gnutls_free(pem.data);
    if (result < 0) return 0;
  } else if (gnutls_pubkey_import_privkey(public, key, 0, 0) < 0) return 0;
  if (gnutls_pcert_import_rawpk(cert, public, 0) < 0) return 0;
  if (gnutls_certificate_set_key(*made, NULL, 0, cert, 1, key) < 0) return 0;
  gnutls_free(cert);
  return 1;
}

static int load_credentials(void) {
  gnutls_certificate_allocate_credentials(&shared);
  if (kind->fresh_key) return 1;
  if (kind->stolen_key) return make_credentials(&shared);
  if (kind->certificate)
    return gnutls_certificate_set_x509_key_file(shared, certificate, private_key, GNUTLS_X509_FMT_PEM) >= 0;
  return gnutls_certificate_set_rawpk_key_file(shared, public_key, private_key, GNUTLS_X509_FMT_PEM, NULL, 0, NULL, 0, 0,
                                               0) >= 0;
}

static void talk(int fd) {
  gnutls_session_t session;
  gnutls_certificate_credentials_t own = NULL;
  unsigned char bytes[16384];
  if (write(fd, "1\r\n", 3) != 3) return;
  if (kind->fresh_key && !make_credentials(&own)) return;
  gnutls_init(&session, GNUTLS_SERVER | GNUTLS_ENABLE_RAWPK | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL);
  gnutls_priority_set(session, priority);
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, own ? own : shared);
  gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
  gnutls_transport_set_int(session, fd);
  int result;
  do result = gnutls_handshake(session);
  while (result < 0 && result != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(result));
  if (result >= 0) {
    handshakes++;
    if (gnutls_record_recv(session, bytes, sizeof bytes) > 0) secrets++;
  }
  gnutls_deinit(session);
  if (own) gnutls_certificate_free_credentials(own);
}

static void *attack(void *unused) {
  struct timeval wait = {.tv_sec = WAIT_SECONDS};
  while (!stops) {
    long i = next_one++;
    while (!stops && start + i / rate > now()) usleep(2000);
    if (stops) break;
    int fd = open_socket(i, 0);
    if (fd < 0) {
      failed++;
      usleep(10000);
      continue;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (connect(fd, (struct sockaddr *)&server, sizeof server)) failed++;
    else {
      established++;
      talk(fd);
    }
    close(fd);
  }
  return unused;
}

int main(int argc, char **argv) {
  if (argc != 8 || !parse_places(argv[2], argv[3], argv[6])) return fail("usage: see the source");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(argv[1], kinds[i].name) == 0) kind = &kinds[i];
  int threads = atoi(argv[4]);
  rate = atof(argv[5]);
  if (!kind || threads < 1 || threads > THREADS_MAX || rate <= 0) return fail("no such attack");
  snprintf(public_key, sizeof public_key, "%s/tls-pubkey.pem", argv[7]);
  snprintf(private_key, sizeof private_key, "%s/tls-privkey.pem", argv[7]);
  snprintf(certificate, sizeof certificate, "%s/cert.pem", argv[7]);
  const char *wrong = NULL;
  if (gnutls_priority_init(&priority, kind->priority, &wrong) < 0) return fail(wrong ? wrong : "priority");
  if (!load_credentials()) return fail("the keys cannot be used");
  pthread_t running[THREADS_MAX];
  start = now();
  for (int i = 0; i < threads; i++)
    if (pthread_create(&running[i], NULL, attack, NULL)) return fail("no thread");
  printf("attacking\n");
  fflush(stdout);
  while (!is_input_closed(100)) {
  }
  stops = 1;
  printf("{\"attempts\":%ld,\"established\":%ld,\"closed\":0,\"failed\":%ld,\"peak\":%d,\"handshakes\":%ld,\"secrets\":%ld,\"seconds\":%.1f}\n",
         (long)next_one, (long)established, (long)failed, threads, (long)handshakes, (long)secrets, now() - start);
  fflush(stdout);
  _exit(0);
}
