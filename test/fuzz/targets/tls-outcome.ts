import type { TlsStream } from '../../../common/tls/tls-stream.js';

/** How a session went. */
export interface Outcome {
  secure: boolean;
  error: unknown;
  ended: boolean;
  closed: boolean;
  /** Application data. */
  received: Buffer;
}

/** Follows a session; what is read is kept. */
export function observe(stream: TlsStream): Outcome {
  const outcome: Outcome = {
    secure: false,
    error: undefined,
    ended: false,
    closed: false,
    received: Buffer.alloc(0),
  };
  stream.once('secure', () => (outcome.secure = true));
  stream.on('data', (chunk: Buffer) => (outcome.received = Buffer.concat([outcome.received, chunk])));
  stream.once('end', () => (outcome.ended = true));
  stream.once('error', error => (outcome.error = error));
  stream.once('close', () => (outcome.closed = true));
  return outcome;
}

/** As long as something goes on by itself: streams tell what happens in later turns of the event loop. */
export async function settle(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise(resolve => setImmediate(resolve));
}
