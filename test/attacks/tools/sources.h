/*
 * Where connections come from, and go to. SOURCES is `-`, or addresses as `FORMAT*COUNT`, with one %x in the format:
 * `2001:db8:8000:%x::1*400`. They need not be on an interface, if the server's answers come here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in6 server;
static char source_format[128];
static long source_count;

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  return 2;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static int parse_places(const char *address, const char *port, const char *sources) {
  struct addrinfo hints = {.ai_family = AF_INET6, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
  if (getaddrinfo(address, port, &hints, &found)) return 0;
  memcpy(&server, found->ai_addr, sizeof server);
  const char *star = strchr(sources, '*');
  if (star && (size_t)(star - sources) < sizeof source_format) {
    memcpy(source_format, sources, star - sources);
    source_count = atol(star + 1);
  }
  struct rlimit files = {65536, 65536};
  setrlimit(RLIMIT_NOFILE, &files);
  return 1;
}

static struct sockaddr_in6 source(long i) {
  char text[INET6_ADDRSTRLEN + 1];
  struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_scope_id = server.sin6_scope_id};
  snprintf(text, sizeof text, source_format, (unsigned)(i % source_count + 1));
  inet_pton(AF_INET6, text, &from.sin6_addr);
  return from;
}

/* A socket that is about to connect from the next source, or -1. */
static inline int open_socket(long i, int flags) {
  int on = 1, fd = socket(AF_INET6, SOCK_STREAM | flags, 0);
  if (fd < 0) return -1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (source_count > 0) {
    struct sockaddr_in6 from = source(i);
    setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&from, sizeof from)) {
      close(fd);
      return -1;
    }
  }
  return fd;
}

static int is_input_closed(int wait_ms) {
  struct pollfd input = {.fd = 0, .events = POLLIN};
  char bytes[16];
  return poll(&input, 1, wait_ms) > 0 && read(0, bytes, sizeof bytes) <= 0;
}
