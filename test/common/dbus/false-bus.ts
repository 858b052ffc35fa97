import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Number, signature and value; a value is text, a number (u), or the bytes themselves. */
export type RawField = readonly [number: number, signature: string, value: string | number | Buffer];

/** A message made by hand, so that any part of it can be wrong. */
export interface RawMessage {
  /** Default: a signal. */
  readonly type?: number;
  readonly byteOrder?: 'l' | 'B';
  readonly fields?: readonly RawField[];
  /** Added to the fields. */
  readonly signature?: string;
  readonly body?: Buffer;
  /** What the header says instead of the truth. */
  readonly claim?: {
    readonly bodyLength?: number;
    readonly fieldsLength?: number;
    readonly byteOrder?: number;
    readonly version?: number;
  };
}

export function rawMessage(raw: RawMessage): Buffer {
  const { byteOrder = 'l', body = Buffer.alloc(0), claim = {}, signature } = raw;
  const all = [...(raw.fields ?? [])];
  if (signature !== undefined) all.push([8, 'g', signature]);
  let fields = Buffer.alloc(0);
  for (const [number, type, value] of all) {
    const head = Buffer.concat([
      pad(fields, 8),
      Buffer.from([number, type.length]),
      Buffer.from(`${type}\0`, 'latin1'),
    ]);
    if (Buffer.isBuffer(value)) fields = Buffer.concat([head, value]);
    else if (typeof value === 'number') fields = Buffer.concat([pad(head, 4), uint32(value, byteOrder)]);
    else if (type === 'g')
      fields = Buffer.concat([head, Buffer.from([value.length]), Buffer.from(`${value}\0`)]);
    else fields = Buffer.concat([pad(head, 4), text(value, byteOrder)]);
  }
  return Buffer.concat([
    Buffer.from([claim.byteOrder ?? byteOrder.charCodeAt(0), raw.type ?? 4, 0, claim.version ?? 1]),
    uint32(claim.bodyLength ?? body.length, byteOrder),
    uint32(1, byteOrder),
    uint32(claim.fieldsLength ?? fields.length, byteOrder),
    pad(fields, 8),
    body,
  ]);
}

export function uint32(value: number, byteOrder: 'l' | 'B' = 'l'): Buffer {
  const bytes = Buffer.alloc(4);
  if (byteOrder === 'l') bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  return bytes;
}

/** A string's length, bytes and end. */
export function text(value: string, byteOrder: 'l' | 'B' = 'l'): Buffer {
  const bytes = Buffer.from(`${value}\0`);
  return Buffer.concat([uint32(bytes.length - 1, byteOrder), bytes]);
}

function pad(bytes: Buffer, to: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & (to - 1))]);
}

export interface FalseBus {
  readonly address: string;
  /** What each call is answered from now on. Default: one string. */
  answer: (serial: number) => Buffer;
  /** Told of each message that the client sends. */
  hear: (message: Buffer) => void;
  /** Reads no more, until `resume`. */
  pause(): void;
  resume(): void;
  /** Says something to the latest client. */
  send(bytes: Buffer): void;
  /** Ends the latest client's connection. */
  hangUp(): void;
}

export const goodReply = (serial: number): Buffer =>
  rawMessage({ type: 2, fields: [[5, 'u', serial]], signature: 's', body: text('well') });

/**
 * Something that sends what no real bus would relay.
 * @param welcome its answer to the authentication
 */
export async function startFalseBus(t: TestContext, welcome = 'OK 0123\r\n'): Promise<FalseBus> {
  const directory = mkdtempSync(join(tmpdir(), 'false-bus-'));
  const path = join(directory, 'socket');
  const sockets: Socket[] = [];
  const server = createServer(socket => {
    sockets.push(socket);
    socket.on('error', () => {}); // of one that has gone
    socket.write(welcome);
    let pending = Buffer.alloc(0);
    let authenticated = false;
    socket.on('data', chunk => {
      pending = Buffer.concat([pending, chunk]);
      const begin = pending.indexOf('BEGIN\r\n');
      if (!authenticated && begin === -1) return;
      if (!authenticated) pending = pending.subarray(begin + 'BEGIN\r\n'.length);
      authenticated = true;
      while (pending.length >= 16) {
        const length = 16 + Math.ceil(pending.readUInt32LE(12) / 8) * 8 + pending.readUInt32LE(4);
        if (pending.length < length) return;
        bus.hear(pending.subarray(0, length));
        socket.write(bus.answer(pending.readUInt32LE(8)));
        pending = pending.subarray(length);
      }
    });
  });
  const bus: FalseBus = {
    address: `unix:path=${path}`,
    answer: goodReply,
    hear: () => {},
    pause: () => void sockets.at(-1)?.pause(),
    resume: () => void sockets.at(-1)?.resume(),
    send: bytes => void sockets.at(-1)?.write(bytes),
    hangUp: () => void sockets.at(-1)?.end(),
  };
  await new Promise<void>(resolve => {
    server.listen(path, resolve);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return bus;
}
