import { createConnection } from 'node:net';
import { describeError } from '../errors.js';
import type { Incoming } from './read-messages.js';
import { Outbox } from './outbox.js';
import { readMessages } from './read-messages.js';

const NOTHING = Buffer.alloc(0);

/** The bus's answer to our authentication has some 40 bytes. */
const AUTH_LINE_LIMIT_BYTES = 1024;

/** What may wait for a bus that does not read: two of the longest messages. A bus that is so far behind hangs. */
const UNSENT_LIMIT_BYTES = 64 * 1024 * 1024;

export interface ConnectionEvents {
  readonly message: (message: Incoming) => void;
  /** A message was dropped; the connection goes on. */
  readonly fault: (reason: string) => void;
  /** The connection has ended. May be called more than once. */
  readonly end: (reason: string) => void;
}

export interface Connection {
  /**
   * Sends an encoded message, when connected. Ends the connection when too much waits to be sent.
   * @param onSent called when it is written to the bus, or never will be
   */
  send(message: readonly Buffer[], onSent?: () => void): void;
  /** Resolves when all that was sent has been written, or never will be. */
  flushed(): Promise<void>;
  close(): void;
}

/**
 * Opens a connection to a message bus as this process's user.
 * @param address a D-Bus server address, of which the first `unix:path=…` is used: system buses have no other
 * @param messageLimitBytes see readMessages
 * @throws Error for an address without one
 */
export function openConnection(
  address: string,
  messageLimitBytes: number,
  events: ConnectionEvents,
): Connection {
  const [, path] = /(?:^|;)unix:(?:[^;]*,)?path=([^,;]+)/.exec(address) ?? [];
  if (path === undefined) throw new Error('not an address of the form unix:path=…');
  const socket = createConnection(decodeURIComponent(path));
  const reader = readStream(messageLimitBytes, events);
  let wanted = reader.next().value;
  const end = (reason: string) => {
    socket.destroy();
    events.end(reason);
  };
  socket.on('readable', () => {
    try {
      while (!socket.destroyed) {
        const bytes = socket.read(wanted) as Buffer | null;
        // The rest of a stream that has ended is all that there is.
        if (bytes === null || bytes.length < wanted) return;
        wanted = reader.next(bytes).value;
      }
    } catch (error) {
      end(describeError(error));
    }
  });
  socket.on('error', error => end(describeError(error)));
  socket.on('close', () => end('the connection was closed'));
  // A bus reads on after BEGIN without our having heard its OK; when it refuses, it closes the connection.
  const user = Buffer.from(String(process.geteuid?.())).toString('hex');
  socket.write(`\0AUTH EXTERNAL ${user}\r\nBEGIN\r\n`);
  const outbox = new Outbox(socket);
  return {
    send(message, onSent) {
      if (outbox.length > UNSENT_LIMIT_BYTES) end('the bus does not read');
      if (socket.destroyed) return;
      for (const part of message.slice(0, -1)) outbox.put(part);
      outbox.put(message.at(-1) ?? NOTHING, onSent);
    },
    flushed: () => new Promise(resolve => outbox.put(NOTHING, resolve)),
    close() {
      outbox.flush();
      socket.destroy();
    },
  };
}

/** Yields how many bytes it wants, always more than none. @throws Error when the stream is not a bus's */
function* readStream(messageLimitBytes: number, events: ConnectionEvents): Generator<number, never, Buffer> {
  let line = '';
  while (!line.endsWith('\n')) {
    line += (yield 1).toString('latin1');
    if (line.length > AUTH_LINE_LIMIT_BYTES) throw new Error('the bus does not speak D-Bus');
  }
  if (!line.startsWith('OK ')) throw new Error(`the bus refuses this user: ${line.trim()}`);
  return yield* readMessages(messageLimitBytes, events.message, events.fault);
}
