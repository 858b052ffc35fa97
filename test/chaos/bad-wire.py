# A cable between two tap devices that does to frames what bad cables, switches and radio do. Not tc-netem(8): the kernel
# of the machine that runs the tests need not have it.
#   bad-wire.py TAP TAP        Prints "ready" when both are there; a line of JSON on standard input says what happens from
# then on: probabilities "loss", "duplicate", "flip" (a bit, as the checksums notice) and "swap" (two words of the payload,
# which no checksum notices); "delay" and "jitter" in seconds. What is left out does not happen. The answer is "done" and, as
# JSON, to how many frames each has happened until then, and as "late" how many were overtaken.
import collections, fcntl, heapq, itertools, json, os, random, select, struct, sys, time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
# Ethernet, IPv6 and TCP with options: behind it is payload.
HEADERS = 14 + 40 + 60
MAX_WAITING = 10_000


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def flip(frame):
    changed = bytearray(frame)
    changed[random.randrange(14, len(frame))] ^= 1 << random.randrange(8)
    return bytes(changed)


def swap(frame):
    # The Internet checksum is a sum of words, in whatever order (RFC 1071).
    if len(frame) < HEADERS + 8:
        return frame
    changed = bytearray(frame)
    words = range(HEADERS, len(frame) - 1, 2)
    one, other = random.choice(words), random.choice(words)
    changed[one : one + 2], changed[other : other + 2] = frame[other : other + 2], frame[one : one + 2]
    return bytes(changed)


taps = [open_tap(name) for name in sys.argv[1:3]]
poll = select.poll()
for fd in (*taps, 0):
    poll.register(fd, select.POLLIN)
faults, waiting, numbers = {}, [], itertools.count()
counts, latest = collections.Counter(), 0


def happens(fault):
    counts[fault] += (does := random.random() < faults.get(fault, 0))
    return does


print("ready", flush=True)
while True:
    left_ms = None if not waiting else max(0, (waiting[0][0] - time.monotonic()) * 1000)
    for fd, _ in poll.poll(left_ms):
        if fd == 0:
            line = sys.stdin.readline()
            if not line:
                sys.exit()
            faults = json.loads(line)
            print("done", json.dumps(counts), flush=True)
            counts.clear()
            continue
        try:
            frame = os.read(fd, 65536)
        except OSError:  # the device is down
            continue
        if happens("loss") or len(waiting) > MAX_WAITING:
            continue
        for _ in range(2 if happens("duplicate") else 1):
            sent = flip(frame) if happens("flip") else swap(frame) if happens("swap") else frame
            late = faults.get("delay", 0) + faults.get("jitter", 0) * random.uniform(-1, 1)
            other = taps[1 - taps.index(fd)]
            heapq.heappush(waiting, (time.monotonic() + max(0, late), next(numbers), other, sent))
    while waiting and waiting[0][0] <= time.monotonic():
        _, number, fd, frame = heapq.heappop(waiting)
        counts["late"] += number < latest
        latest = max(latest, number)
        try:
            os.write(fd, frame)
        except OSError:  # the device is down, or the frame is none any more
            pass
