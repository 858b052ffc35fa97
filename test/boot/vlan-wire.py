# A wire between a machine in QEMU (-netdev stream) and a tap device, on which the machine's side is tagged with a VLAN's
# number (IEEE 802.1Q): the kernel of the machine that runs the tests need not know VLANs.
#   vlan-wire.py SOCKET TAP VLAN        Prints "ready" when QEMU may connect.
import fcntl, os, select, socket, struct, sys

path, tap_name, vlan = sys.argv[1], sys.argv[2], int(sys.argv[3])
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
TAG_TYPE = b"\x81\x00"

tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", tap_name.encode(), IFF_TAP | IFF_NO_PI))
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(1)
print("ready", flush=True)
machine, _ = listener.accept()
received = b""
while True:
    readable, _, _ = select.select([machine, tap], [], [])
    if tap in readable:
        frame = os.read(tap, 65536)
        frame = frame[:12] + TAG_TYPE + struct.pack("!H", vlan) + frame[12:]
        machine.sendall(struct.pack("!I", len(frame)) + frame)
    if machine in readable:
        chunk = machine.recv(65536)
        if not chunk:
            break
        received += chunk
        # Each frame has its length before it.
        while len(received) >= 4:
            (length,) = struct.unpack("!I", received[:4])
            if len(received) < 4 + length:
                break
            frame, received = received[4 : 4 + length], received[4 + length :]
            # What has no tag, or another VLAN's, does not get through.
            if frame[12:14] == TAG_TYPE and struct.unpack("!H", frame[14:16])[0] & 0xFFF == vlan:
                os.write(tap, frame[:12] + frame[16:])
