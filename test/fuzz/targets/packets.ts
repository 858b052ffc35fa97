/** A packet of a sequence. */
export interface Packet {
  /** From which port: the well-known one, or another. */
  readonly isFromMdnsPort: boolean;
  /** Milliseconds that pass before it. */
  readonly waitMs: number;
  readonly bytes: Buffer;
}

const HEAD_BYTES = 3;
const WAITS_MS = [0, 1, 20, 130, 500, 1100, 10_000, 130_000];
/** Packets of one input. */
const PACKETS_LIMIT = 64;

/** Reads an input: packets, each with a byte of circumstances and its length. */
export function readPackets(input: Buffer): Packet[] {
  const packets: Packet[] = [];
  for (let at = 0; at + HEAD_BYTES <= input.length && packets.length < PACKETS_LIMIT;) {
    const how = input[at] ?? 0;
    const start = at + HEAD_BYTES;
    at = start + input.readUInt16BE(at + 1);
    packets.push({
      isFromMdnsPort: (how & 1) === 0,
      waitMs: WAITS_MS[(how >> 1) & 7] ?? 0,
      bytes: Buffer.from(input.subarray(start, at)),
    });
  }
  return packets;
}

/** A packet as it stands in an input. @param how even: from the well-known port; the rest says how long after */
export function packetInput(bytes: Buffer, how = 0): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = how;
  head.writeUInt16BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
