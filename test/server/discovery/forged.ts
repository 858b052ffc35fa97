import type { Host } from '../../support/namespace.js';
import { TYPE } from './neighbour.js';

/** Packets from any address and port. At some pace: the kernel drops what comes all at once. */
const SCRIPT = `
import socket, struct, sys, time
port, interface, question, *sources = sys.argv[1:]
payload = bytes.fromhex(question)
group = '224.0.0.251'
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
for source in sources:
    udp = struct.pack('!HHHH', int(port), 5353, 8 + len(payload), 0) + payload
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 0, 0, 255, socket.IPPROTO_UDP, 0,
                     socket.inet_aton(source), socket.inet_aton(group))
    raw.sendto(ip + udp, (group, 0))
    time.sleep(0.002)
`;

/** Asks who has the service, in the name of other hosts: once for each. @param address the host's own */
export async function askForged(
  host: Host,
  address: string,
  sourcePort: number,
  sources: readonly string[],
): Promise<void> {
  const args = ['-c', SCRIPT, String(sourcePort), address, browsePacket().toString('hex'), ...sources];
  const { code, stderr } = await host.run('python3', args);
  if (code !== 0) throw new Error(stderr);
}

function browsePacket(): Buffer {
  const labels = TYPE.split('.').map(label => String.fromCharCode(label.length) + label);
  const [header, kind] = [Buffer.from('000100000001000000000000', 'hex'), Buffer.from('000c0001', 'hex')];
  return Buffer.concat([header, Buffer.from(`${labels.join('')}\0`), kind]);
}
