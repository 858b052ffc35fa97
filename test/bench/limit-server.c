/*
 * limit-server SECRET-FILE KEY-ID-FILE [PRIORITY]
 *
 * As little of a Mandos server as there can be: greeting, TLS with raw public keys in the role of the TLS client, look-up
 * of the proven key ID, the secret, close_notify, FIN. No clients, no state, no log, no time limits: what is left is what
 * any server with this TLS library costs. One thread and epoll. Prints the port that it listens on, on ::1.
 *
 * KEY-ID-FILE has one key ID (64 hexadecimal digits) in each line. With a GnuTLS priority string it makes one key share,
 * for the first group of that; without, everything is as GnuTLS has it for the original's priority string.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PRIORITY "SECURE128:!CTYPE-X.509:+CTYPE-RAWPK:!RSA:!VERS-ALL:+VERS-TLS1.3:%PROFILE_ULTRA"
#define GREETING "1\r\n"
#define GREETING_LENGTH 3
#define KEY_ID_LENGTH 32
#define EVENTS 256
#define SECRET_LIMIT 65536

enum step { READ_GREETING, SHAKE_HANDS, SEND_SECRET, SAY_GOODBYE, AWAIT_CLOSE };

struct connection {
  int fd;
  enum step step;
  size_t greeted;
  gnutls_session_t session;
};

static gnutls_priority_t priority;
static unsigned int key_shares;
static gnutls_certificate_credentials_t credentials;
static unsigned char secret[SECRET_LIMIT];
static size_t secret_length;
static unsigned char (*key_ids)[KEY_ID_LENGTH];
static size_t key_id_count;

static void fail(const char *what) {
  fprintf(stderr, "limit-server: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int compare_key_ids(const void *a, const void *b) { return memcmp(a, b, KEY_ID_LENGTH); }

static void read_secret(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  secret_length = fread(secret, 1, sizeof secret, file);
  fclose(file);
}

static void read_key_ids(const char *path) {
  char line[256];
  FILE *file = fopen(path, "r");
  if (!file) fail(path);
  while (fgets(line, sizeof line, file)) {
    key_ids = realloc(key_ids, (key_id_count + 1) * KEY_ID_LENGTH);
    if (!key_ids) fail("memory");
    for (int i = 0; i < KEY_ID_LENGTH; i++)
      if (sscanf(line + 2 * i, "%2hhx", &key_ids[key_id_count][i]) != 1) fail("no key ID");
    key_id_count++;
  }
  fclose(file);
  qsort(key_ids, key_id_count, KEY_ID_LENGTH, compare_key_ids);
}

static void begin_tls(struct connection *c) {
  gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS | GNUTLS_ENABLE_RAWPK | key_shares);
  gnutls_priority_set(c->session, priority);
  gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, credentials);
  gnutls_transport_set_int(c->session, c->fd);
  gnutls_handshake_set_timeout(c->session, 0);
}

/* The key ID is the SHA-256 of the peer's SubjectPublicKeyInfo. */
static int is_known(gnutls_session_t session) {
  unsigned int count = 0;
  unsigned char key_id[KEY_ID_LENGTH];
  if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_PEERS) != GNUTLS_CRT_RAWPK) return 0;
  const gnutls_datum_t *keys = gnutls_certificate_get_peers(session, &count);
  if (!keys || count == 0) return 0;
  gnutls_hash_fast(GNUTLS_DIG_SHA256, keys[0].data, keys[0].size, key_id);
  return bsearch(key_id, key_ids, key_id_count, KEY_ID_LENGTH, compare_key_ids) != NULL;
}

/* Goes on as far as it can without waiting. Returns 0 when the connection is over. */
static int proceed(struct connection *c) {
  char bytes[256];
  ssize_t count;
  int result;
  for (;;) switch (c->step) {
    case READ_GREETING:
      count = recv(c->fd, bytes, GREETING_LENGTH - c->greeted, 0);
      if (count < 0) return errno == EAGAIN;
      if (count == 0 || memcmp(bytes, GREETING + c->greeted, count) != 0) return 0;
      c->greeted += count;
      if (c->greeted < GREETING_LENGTH) break;
      begin_tls(c);
      c->step = SHAKE_HANDS;
      break;
    case SHAKE_HANDS:
      result = gnutls_handshake(c->session);
      if (result < 0 && gnutls_error_is_fatal(result)) return 0;
      if (result < 0) return 1;
      if (!is_known(c->session)) return 0;
      c->step = SEND_SECRET;
      break;
    case SEND_SECRET:
      /* Of one record: it is sent as a whole, or not at all. */
      result = gnutls_record_send(c->session, secret, secret_length);
      if (result < 0 && gnutls_error_is_fatal(result)) return 0;
      if (result < 0) return 1;
      c->step = SAY_GOODBYE;
      break;
    case SAY_GOODBYE:
      result = gnutls_bye(c->session, GNUTLS_SHUT_WR);
      if (result < 0 && gnutls_error_is_fatal(result)) return 0;
      if (result < 0) return 1;
      shutdown(c->fd, SHUT_WR);
      c->step = AWAIT_CLOSE;
      break;
    case AWAIT_CLOSE:
      count = recv(c->fd, bytes, sizeof bytes, 0);
      if (count < 0) return errno == EAGAIN;
      if (count == 0) return 0;
      break;
  }
}

static void end(struct connection *c) {
  if (c->session) gnutls_deinit(c->session);
  close(c->fd);
  free(c);
}

static void accept_all(int listener, int poll) {
  int fd, on = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    struct connection *c = calloc(1, sizeof *c);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (!c) fail("memory");
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
  }
}

static int listen_on_loopback(void) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024)) fail("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &length)) fail("getsockname");
  printf("listening on [::1]:%d\n", ntohs(address.sin6_port));
  fflush(stdout);
  return listener;
}

int main(int argc, char **argv) {
  struct epoll_event events[EVENTS];
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: limit-server SECRET-FILE KEY-ID-FILE [PRIORITY]\n");
    return 2;
  }
  read_secret(argv[1]);
  read_key_ids(argv[2]);
  if (argc == 4) key_shares = GNUTLS_KEY_SHARE_TOP;
  if (gnutls_priority_init(&priority, argc == 4 ? argv[3] : PRIORITY, NULL) < 0) fail("priority");
  gnutls_certificate_allocate_credentials(&credentials);
  int listener = listen_on_loopback(), poll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event)) fail("epoll_ctl");
  for (;;) {
    int count = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (!c) accept_all(listener, poll);
      else if (!proceed(c)) end(c);
    }
  }
}
