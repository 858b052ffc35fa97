/*
 * load ADDRESS PORT KEY-DIRECTORY RELEASES SIMULTANEOUS RATE SECRET-FILE
 *
 * A fleet of Mandos clients in one process: asks for the secret so often, and compares what comes with SECRET-FILE. Each of
 * SIMULTANEOUS threads is one client after the other.
 *
 * RATE is how many begin in a second, whether or not others have ended; what is waited for a free thread counts as waiting
 * for the server, as a client that boots would wait. 0: the next begins when one has ended.
 *
 * Prints JSON: ok, faults (the first three, in words), seconds, and p50, p99 and max in milliseconds.
 */
#define _GNU_SOURCE
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PRIORITY "SECURE128:!CTYPE-X.509:+CTYPE-RAWPK:!RSA:!VERS-ALL:+VERS-TLS1.3:%PROFILE_ULTRA"
#define SECRET_LIMIT 65536
#define THREADS_MAX 1024
#define FAULTS_MAX 3
#define WAIT_SECONDS 60

static struct addrinfo *server;
static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priority;
static unsigned char expected[SECRET_LIMIT];
static long expected_length, releases, rate;
static double start, *latencies;
static atomic_long next_release, served, failed;
static const char *faults[FAULTS_MAX];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void sleep_until(double when) {
  struct timespec time = {.tv_sec = (time_t)when, .tv_nsec = (long)((when - (time_t)when) * 1e9)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static const char *receive_secret(gnutls_session_t session) {
  unsigned char bytes[SECRET_LIMIT + 1];
  size_t length = 0;
  ssize_t count;
  while ((count = gnutls_record_recv(session, bytes + length, sizeof bytes - length)) > 0) length += count;
  if (count < 0) return gnutls_strerror(count);
  if ((long)length != expected_length || memcmp(bytes, expected, length) != 0) return "these are not the expected bytes";
  return NULL;
}

/* The TLS server's part of protocol version 1. Returns what is wrong, or NULL. */
static const char *fetch_over(int fd) {
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

static const char *fetch(void) {
  int on = 1, fd = socket(server->ai_family, SOCK_STREAM, 0);
  struct timeval wait = {.tv_sec = WAIT_SECONDS};
  if (fd < 0) return "no socket";
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const char *fault =
      connect(fd, server->ai_addr, server->ai_addrlen) ? "no connection" : fetch_over(fd);
  close(fd);
  return fault;
}

static void *clients(void *unused) {
  long i;
  while ((i = atomic_fetch_add(&next_release, 1)) < releases) {
    double due = rate > 0 ? start + (double)i / rate : now();
    if (rate > 0) sleep_until(due);
    const char *fault = fetch();
    if (!fault) {
      latencies[atomic_fetch_add(&served, 1)] = now() - due;
    } else {
      long place = atomic_fetch_add(&failed, 1);
      if (place < FAULTS_MAX) faults[place] = fault;
    }
  }
  return unused;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Of the sorted latencies. */
static double quantile_ms(double share) {
  long place = (long)(served * share);
  return served == 0 ? 0 : latencies[place < served ? place : served - 1] * 1e3;
}

static int fail(const char *what) {
  fprintf(stderr, "load: %s\n", what);
  return 2;
}

int main(int argc, char **argv) {
  if (argc != 8) return fail("usage: load ADDRESS PORT KEY-DIRECTORY RELEASES SIMULTANEOUS RATE SECRET-FILE");
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
  if (getaddrinfo(argv[1], argv[2], &hints, &server)) return fail("no address");
  releases = atol(argv[4]);
  rate = atol(argv[6]);
  int threads = atoi(argv[5]);
  if (releases < 1 || threads < 1 || threads > THREADS_MAX) return fail("no such load");
  FILE *file = fopen(argv[7], "rb");
  if (!file) return fail("the file of the secret cannot be read");
  expected_length = fread(expected, 1, sizeof expected, file);
  fclose(file);
  char public_key[4096], private_key[4096];
  snprintf(public_key, sizeof public_key, "%s/tls-pubkey.pem", argv[3]);
  snprintf(private_key, sizeof private_key, "%s/tls-privkey.pem", argv[3]);
  gnutls_certificate_allocate_credentials(&credentials);
  int result = gnutls_certificate_set_rawpk_key_file(credentials, public_key, private_key, GNUTLS_X509_FMT_PEM, NULL, 0,
                                                     NULL, 0, 0, 0);
  if (result < 0) return fail(gnutls_strerror(result));
  if (gnutls_priority_init(&priority, PRIORITY, NULL) < 0) return fail("no priority");
  latencies = calloc(releases, sizeof *latencies);
  if (!latencies) return fail("no memory");

  pthread_t running[THREADS_MAX];
  start = now();
  for (int i = 0; i < threads; i++)
    if (pthread_create(&running[i], NULL, clients, NULL)) return fail("no thread");
  for (int i = 0; i < threads; i++) pthread_join(running[i], NULL);
  double seconds = now() - start;

  qsort(latencies, served, sizeof *latencies, compare);
  printf("{\"ok\":%ld,\"faults\":[", (long)served);
  for (int i = 0; i < FAULTS_MAX && faults[i]; i++) printf("%s\"%s\"", i ? "," : "", faults[i]);
  printf("],\"seconds\":%.4f,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n", seconds, quantile_ms(0.5), quantile_ms(0.99),
         quantile_ms(1));
  return 0;
}
