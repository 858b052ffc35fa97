/*
 * honest ADDRESS PORT COUNT RATE SOURCES KEY-DIRECTORY SECRET-FILE
 *
 * Machines that boot, one from each of SOURCES in turn: COUNT of them, RATE a second. Each asks up to three times, a second
 * apart, as a client does; what comes is compared with SECRET-FILE. A machine that finds no free thread counts as waiting for
 * the server. Prints JSON: ok, first (those who had it at once), faults (the first three, in words), and p50, p99 and max in
 * milliseconds from when each began.
 */
#include "sources.h"
#include <gnutls/gnutls.h>
#include <pthread.h>

#define PRIORITY "SECURE128:!CTYPE-X.509:+CTYPE-RAWPK:!RSA:!VERS-ALL:+VERS-TLS1.3:%PROFILE_ULTRA"
#define THREADS 64
#define SECRET_MAX 65536
#define FAULTS_MAX 3
#define WAIT_SECONDS 30
#define TRIES 3
#define PAUSE_US 1000000

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priority;
static unsigned char expected[SECRET_MAX];
static size_t expected_length;
static long count;
static double start, rate, *latencies;
static atomic_long next_one, served, at_once, failed;
static const char *faults[FAULTS_MAX];

static const char *receive_secret(gnutls_session_t session) {
  unsigned char bytes[SECRET_MAX + 1];
  size_t length = 0;
  ssize_t got;
  while ((got = gnutls_record_recv(session, bytes + length, sizeof bytes - length)) > 0) length += got;
  if (got < 0) return gnutls_strerror(got);
  return length == expected_length && memcmp(bytes, expected, length) == 0 ? NULL : "these are not the expected bytes";
}

static const char *talk(int fd) {
  gnutls_session_t session;
  int result;
  if (write(fd, "1\r\n", 3) != 3) return "the greeting could not be sent";
  gnutls_init(&session, GNUTLS_SERVER | GNUTLS_ENABLE_RAWPK | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL);
  gnutls_priority_set(session, priority);
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
  gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
  gnutls_transport_set_int(session, fd);
  do result = gnutls_handshake(session);
  while (result < 0 && result != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(result));
  const char *fault = result < 0 ? gnutls_strerror(result) : receive_secret(session);
  if (!fault) gnutls_bye(session, GNUTLS_SHUT_WR);
  gnutls_deinit(session);
  return fault;
}

static const char *ask(long i) {
  struct timeval wait = {.tv_sec = WAIT_SECONDS};
  int fd = open_socket(i, 0);
  if (fd < 0) return "no socket";
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  const char *fault = connect(fd, (struct sockaddr *)&server, sizeof server) ? "no connection" : talk(fd);
  close(fd);
  return fault;
}

static void *boot(void *unused) {
  long i;
  while ((i = next_one++) < count) {
    double due = start + i / rate;
    while (now() < due) usleep(1000);
    const char *fault = ask(i);
    if (!fault) at_once++;
    for (int tries = 1; fault && tries < TRIES; tries++) {
      long place = failed++;
      if (place < FAULTS_MAX) faults[place] = fault;
      usleep(PAUSE_US);
      fault = ask(i);
    }
    if (!fault) latencies[served++] = now() - due;
  }
  return unused;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double quantile_ms(double share) {
  long place = served * share;
  return served == 0 ? 0 : latencies[place < served ? place : served - 1] * 1e3;
}

int main(int argc, char **argv) {
  if (argc != 8 || !parse_places(argv[1], argv[2], argv[5])) return fail("usage: see the source");
  count = atol(argv[3]);
  rate = atof(argv[4]);
  latencies = calloc(count > 0 ? count : 1, sizeof *latencies);
  FILE *file = fopen(argv[7], "rb");
  if (!file || !latencies || rate <= 0) return fail("the file of the secret cannot be read");
  expected_length = fread(expected, 1, sizeof expected, file);
  char public_key[4096], private_key[4096];
  snprintf(public_key, sizeof public_key, "%s/tls-pubkey.pem", argv[6]);
  snprintf(private_key, sizeof private_key, "%s/tls-privkey.pem", argv[6]);
  gnutls_certificate_allocate_credentials(&credentials);
  if (gnutls_certificate_set_rawpk_key_file(credentials, public_key, private_key, GNUTLS_X509_FMT_PEM, NULL, 0, NULL, 0, 0,
                                            0) < 0)
    return fail("the keys cannot be used");
  if (gnutls_priority_init(&priority, PRIORITY, NULL) < 0) return fail("no priority");
  pthread_t running[THREADS];
  start = now();
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&running[i], NULL, boot, NULL)) return fail("no thread");
  for (int i = 0; i < THREADS; i++) pthread_join(running[i], NULL);
  qsort(latencies, served, sizeof *latencies, compare);
  printf("{\"ok\":%ld,\"first\":%ld,\"faults\":[", (long)served, (long)at_once);
  for (int i = 0; i < FAULTS_MAX && faults[i]; i++) printf("%s\"%s\"", i ? "," : "", faults[i]);
  printf("],\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}\n", quantile_ms(0.5), quantile_ms(0.99), quantile_ms(1));
  return 0;
}
