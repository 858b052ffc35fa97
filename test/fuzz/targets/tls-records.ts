/*
 * A handshake of both roles with somebody in between, who changes, drops, doubles and makes up TLS records. The input
 * is a list of changes of CHANGE_BYTES each.
 */
import { CLIENT_PRIORITY, SERVER_PRIORITY } from '../../../common/protocol.js';
import type { Step } from '../../../common/tls/descriptor-session.js';
import { makeTlsKey } from '../../support/keys.js';
import { check } from './expected.js';
import { MemorySocket } from './memory-socket.js';
import { SocketPair } from './socket-pair.js';
import { observe, settle } from './tls-outcome.js';
import { whileReadable } from './while-readable.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

/** What a session carries. */
const SECRET = Buffer.from('the secret, to the byte');
const RECORD_HEAD_BYTES = 5;
/** Record (1: direction and number), kind (1), place (2), value (2). */
const CHANGE_BYTES = 6;
/** Records of one session: one that has more goes round in a circle. */
const RECORDS_LIMIT = 200;

export const facts: TargetFacts = { covers: ['common/tls/'], limitBytes: 16 * CHANGE_BYTES, batch: 16 };

interface Change {
  /** Even: what the client says. */
  readonly record: number;
  readonly kind: number;
  readonly place: number;
  readonly value: number;
}

export async function prepare(): Promise<Prepared> {
  const { TlsContext } = await import('../../../common/tls/tls-context.js');
  const { TlsStream } = await import('../../../common/tls/tls-stream.js');
  const { DescriptorSession } = await import('../../../common/tls/descriptor-session.js');
  const { TlsError } = await import('../../../common/tls/tls-error.js');
  const key = makeTlsKey();
  const contexts = {
    client: new TlsContext(SERVER_PRIORITY),
    server: new TlsContext(CLIENT_PRIORITY, key),
  };
  // Each kind of change, at one record of a handshake each; the first is a session without any.
  const seeds = KINDS.map((_, kind) => [kind, kind, 0, 7 * kind, 37 * kind, kind]);
  return {
    seeds: [[], ...seeds].map(bytes => Buffer.from(bytes)),
    /** The server's program sends the secret as the TLS client, when it has seen the other's key. */
    async run(input) {
      const changes = readChanges(input);
      const pair = new SocketPair();
      const toServer = new Wire(changes, 0, bytes => socket.deliver(bytes));
      const toClient = new Wire(changes, 1, bytes => pair.send(bytes));
      const socket = new MemorySocket(chunk => toClient.carry(chunk));
      const options = { role: 'server', context: contexts.server, handshakeTimeoutMs: 3_600_000 } as const;
      const stream = new TlsStream(socket.socket, options);
      const outcome = observe(stream);
      const session = new DescriptorSession(pair.theirs, contexts.client);
      let phase = 'handshake' as 'handshake' | 'sending' | 'closing' | 'ended';
      const advance = () => {
        let step: Step = phase === 'handshake' ? session.handshake() : 'read';
        if (step === 'done') phase = 'sending';
        if (phase === 'sending') step = session.send(SECRET);
        if (phase === 'sending' && step === 'done') {
          session.closeNotify();
          phase = 'closing';
        }
        if (phase === 'closing') step = session.discard();
        if (step === 'done' || step instanceof TlsError) phase = 'ended';
        toServer.carry(pair.receive());
        return step;
      };
      for (let i = 0; i < 6; i++) {
        if (phase !== 'ended') advance();
        await settle(1);
      }
      // Both wait for what was dropped, perhaps: there is an end to every connection.
      pair.end();
      if (phase !== 'ended') whileReadable(pair.theirs, toClient.carriedBytes, advance);
      socket.deliver(null);
      await settle();
      const { error, received } = outcome;
      check(phase === 'ended', `the server did not end: ${phase}`);
      check(error !== undefined || outcome.ended || outcome.closed, 'the client did not end');
      check(error === undefined || error instanceof TlsError, `not a TlsError: ${String(error)}`);
      check(
        session.peerKeyId === undefined || session.peerKeyId === key.keyId,
        `key ID ${session.peerKeyId}`,
      );
      check(SECRET.subarray(0, received.length).equals(received), 'other data than was sent');
      check(received.length === 0 || session.peerKeyId === key.keyId, 'the secret without a proof');
      session.free();
      pair.close();
      pair.closeTheirs();
      stream.destroy();
      await settle(1);
    },
    close: () => Object.values(contexts).forEach(context => context.close()),
  };
}

function readChanges(input: Buffer): Change[] {
  const changes: Change[] = [];
  for (let at = 0; at + CHANGE_BYTES <= input.length; at += CHANGE_BYTES) {
    const [record = 0, kind = 0] = input.subarray(at);
    changes.push({ record, kind, place: input.readUInt16BE(at + 2), value: input.readUInt16BE(at + 4) });
  }
  return changes;
}

const KINDS: readonly ((record: Buffer, change: Change) => Buffer[])[] = [
  (record, { place, value }) => [flip(record, place, value)],
  (record, { place, value }) => [write(record, place, value)],
  () => [],
  record => [record, record],
  (record, { place }) => [record.subarray(0, place % record.length)],
  // Another length than it has.
  (record, { value }) => [write16(record, 3, value)],
  (record, { value }) => [write(record, 0, value)],
  (record, { value }) => [write16(record, 1, value)],
  // A record in two, each with a head of its own (RFC 8446 section 5.1).
  (record, { place }) => {
    const content = record.subarray(RECORD_HEAD_BYTES);
    const middle = place % (content.length + 1);
    return [head(record, content.subarray(0, middle)), head(record, content.subarray(middle))];
  },
  // What anybody may send in the clear: alerts, changes of the cipher, empty records.
  (record, { place, value }) => [plain(21, Buffer.from([place & 0xff, value & 0xff])), record],
  (record, { value }) => [plain(20, Buffer.from([value & 0xff])), record],
  (record, { place, value }) => [plain(value & 0xff, Buffer.alloc(place % 600, value >> 8)), record],
  (record, { place, value }) => [record, plain(22, Buffer.from([value & 0xff, 0, 0, place & 0xff]))],
  (record, { place, value }) => [
    flip(record.subarray(0, record.length - (place % 32)), record.length - 1, value),
  ],
];

/** One direction: cuts what is said into records, and changes them. */
class Wire {
  readonly #changes: readonly Change[];
  readonly #direction: number;
  readonly #deliver: (bytes: Buffer) => void;
  #pending: Buffer = Buffer.alloc(0);
  #count = 0;
  #carried = 0;
  carriedBytes = 0;

  constructor(changes: readonly Change[], direction: number, deliver: (bytes: Buffer) => void) {
    this.#changes = changes;
    this.#direction = direction;
    this.#deliver = deliver;
  }

  carry(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= RECORD_HEAD_BYTES) {
      const end = RECORD_HEAD_BYTES + this.#pending.readUInt16BE(3);
      if (this.#pending.length < end) return;
      const number = 2 * this.#count++ + this.#direction;
      let records: Buffer[] = [Buffer.from(this.#pending.subarray(0, end))];
      this.#pending = this.#pending.subarray(end);
      for (const change of this.#changes) {
        if (change.record % 16 !== number) continue;
        const change1 = KINDS[change.kind % KINDS.length];
        records = records.flatMap(record =>
          change1 && record.length > RECORD_HEAD_BYTES ? change1(record, change) : [record],
        );
      }
      for (const record of records.slice(0, 64)) {
        if (this.#carried++ >= RECORDS_LIMIT || record.length === 0) continue;
        this.carriedBytes += record.length;
        this.#deliver(record);
      }
    }
  }
}

function flip(record: Buffer, place: number, value: number): Buffer {
  if (record.length === 0) return record;
  return write(record, place, (record[place % record.length] ?? 0) ^ (1 << (value & 7)));
}

function write(record: Buffer, place: number, value: number): Buffer {
  const copy = Buffer.from(record);
  if (copy.length > 0) copy[place % copy.length] = value & 0xff;
  return copy;
}

function write16(record: Buffer, place: number, value: number): Buffer {
  const copy = Buffer.from(record);
  copy.writeUInt16BE(value, place);
  return copy;
}

function head(like: Buffer, content: Buffer): Buffer {
  const bytes = Buffer.concat([like.subarray(0, RECORD_HEAD_BYTES), content]);
  bytes.writeUInt16BE(content.length, 3);
  return bytes;
}

function plain(type: number, content: Buffer): Buffer {
  const bytes = Buffer.from([type, 3, 3, 0, 0]);
  bytes.writeUInt16BE(content.length, 3);
  return Buffer.concat([bytes, content]);
}
