/*
 * flood KIND ADDRESS PORT SIMULTANEOUS RATE SOURCES [FILE]
 *
 * A hostile neighbour who knows TCP and no TLS: keeps SIMULTANEOUS connections, RATE new ones a second at most, until its
 * standard input is closed. Says `attacking` when it has all of them, or has tried for a second, and in the end what has
 * come of it as JSON. FILE is what a client has said to a server, for `replay`.
 */
#include "sources.h"
#include <sys/epoll.h>

#define SLOTS_MAX 20000
#define TICK_MS 5
#define BYTE_SECONDS 0.4 /* between two bytes of the slow ones */
#define FLIGHT_MAX 65536

#define BYTES(text) text, sizeof text - 1

struct kind {
  const char *name;
  const char *first; /* said at once */
  size_t first_length;
  int garbage, endless, drips, resets, replays; /* and then */
};

/* The beginning of a TLS record with a ServerHello that is long in coming. */
#define SLOW_RECORD "\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03"
static const struct kind kinds[] = {
    {"silent", BYTES("")},
    {"greeted", BYTES("1\r\n")},
    {"slow-greeting", BYTES("1 "), .drips = 1},
    {"slow-handshake", BYTES("1\r\n" SLOW_RECORD), .drips = 1},
    {"garbage", BYTES(""), .garbage = 1},
    {"endless-line", BYTES("1 "), .endless = 1},
    {"tls-garbage", BYTES("1\r\n\x16\x03\x03\x02"), .garbage = 1},
    {"reset", BYTES(""), .resets = 1},
    {"reset-greeted", BYTES("1\r\n"), .resets = 1},
    {"replay", BYTES(""), .replays = 1},
};

struct slot {
  int fd, connected, answered;
  double next; /* byte */
};

static const struct kind *kind;
static struct slot slots[SLOTS_MAX];
static long free_slots[SLOTS_MAX], free_count, opened, established, closed, failed, peak, active;
static char flight[FLIGHT_MAX], garbage[65536];
static size_t flight_length, greeting_length;
static int epoll;

static void end(long i, int reset) {
  struct linger at_once = {.l_onoff = 1};
  if (reset) setsockopt(slots[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(slots[i].fd);
  slots[i].fd = -1;
  if (slots[i].connected) active--;
  free_slots[free_count++] = i;
}

static void say(long i, const void *bytes, size_t length) {
  if (send(slots[i].fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
}

static void open_one(void) {
  int fd = open_socket(opened++, SOCK_NONBLOCK);
  if (fd < 0) {
    failed++;
    return;
  }
  long i = free_slots[--free_count];
  slots[i] = (struct slot){.fd = fd};
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.u64 = i};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  if (connect(fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
    failed++;
    end(i, 0);
  }
}

static void begin(long i) {
  struct slot *slot = &slots[i];
  slot->connected = 1;
  established++;
  if (++active > peak) peak = active;
  slot->next = now() + BYTE_SECONDS * ((double)rand() / RAND_MAX);
  if (kind->replays) say(i, flight, greeting_length);
  if (kind->first_length > 0) say(i, kind->first, kind->first_length);
  if (kind->garbage) say(i, garbage + rand() % 60000, 600);
  if (kind->resets) {
    end(i, 1);
    return;
  }
  struct epoll_event event = {.events = EPOLLIN | (kind->endless ? EPOLLOUT : 0), .data.u64 = i};
  epoll_ctl(epoll, EPOLL_CTL_MOD, slot->fd, &event);
}

static void handle(long i, unsigned events) {
  struct slot *slot = &slots[i];
  char bytes[4096];
  if (slot->fd < 0) return;
  if (!slot->connected) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
      failed++;
      end(i, 0);
      return;
    }
    if (!(events & EPOLLOUT)) return;
    begin(i);
    return;
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    ssize_t count = recv(slot->fd, bytes, sizeof bytes, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN)) {
      closed++;
      end(i, 0);
      return;
    }
    if (kind->replays && !slot->answered) {
      slot->answered = 1;
      say(i, flight + greeting_length, flight_length - greeting_length);
    }
  }
  if (kind->endless && (events & EPOLLOUT)) say(i, garbage, sizeof garbage);
}

static int read_flight(const char *name) {
  FILE *file = fopen(name, "rb");
  if (!file) return 0;
  flight_length = fread(flight, 1, sizeof flight, file);
  fclose(file);
  char *newline = memchr(flight, '\n', flight_length);
  if (!newline) return 0;
  greeting_length = newline + 1 - flight;
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 7 || !parse_places(argv[2], argv[3], argv[6])) return fail("usage: see the source");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(argv[1], kinds[i].name) == 0) kind = &kinds[i];
  long simultaneous = atol(argv[4]);
  double rate = atof(argv[5]);
  if (!kind || simultaneous < 1 || simultaneous > SLOTS_MAX || rate <= 0) return fail("no such flood");
  if (kind->replays && (argc < 8 || !read_flight(argv[7]))) return fail("the recorded flight cannot be read");
  for (size_t i = 0; i < sizeof garbage; i++) garbage[i] = rand();
  if (kind->endless) memset(garbage, 'x', sizeof garbage);
  epoll = epoll_create1(0);
  for (long i = simultaneous; i > 0;) free_slots[free_count++] = --i;

  double start = now(), last = start, tokens = 0;
  int announced = 0;
  struct epoll_event events[512];
  while (!is_input_closed(0)) {
    double time = now();
    tokens += (time - last) * rate;
    if (tokens > rate / 10 + 1) tokens = rate / 10 + 1;
    last = time;
    for (; tokens >= 1 && free_count > 0; tokens--) open_one();
    int count = epoll_wait(epoll, events, 512, TICK_MS);
    for (int i = 0; i < count; i++) handle(events[i].data.u64, events[i].events);
    if (kind->drips)
      for (long i = 0; i < simultaneous; i++)
        if (slots[i].connected && slots[i].fd >= 0 && slots[i].next < time) {
          slots[i].next = time + BYTE_SECONDS;
          say(i, "\0", 1);
        }
    if (!announced && (active >= simultaneous || time - start > 1)) {
      announced = 1;
      printf("attacking\n");
      fflush(stdout);
    }
    if (count == 512) continue;
    if (kind->endless || kind->resets) usleep(500);
  }
  double seconds = now() - start;
  printf("{\"attempts\":%ld,\"established\":%ld,\"closed\":%ld,\"failed\":%ld,\"peak\":%ld,\"handshakes\":0,\"secrets\":0,\"seconds\":%.1f}\n",
         opened, established, closed, failed, peak, seconds);
  return 0;
}
