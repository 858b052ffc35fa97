import { receiveBytes } from '../../../common/libc-tcp.js';
import type { Step } from '../../../common/tls/descriptor-session.js';
import { TlsError } from '../../../common/tls/tls-error.js';

const peeked = Buffer.alloc(1);

/** Whether epoll tells of a socket: bytes are there, or its end. */
function isReadable(fd: number): boolean {
  return receiveBytes(fd, peeked, true) !== 'later';
}

/**
 * Takes steps of a session as the server does, each time that epoll tells of its socket, which may be once for every
 * record; what GnuTLS has read and keeps to itself, epoll does not tell of.
 * @param bytes that were sent: each step but the last ones takes some
 * @returns what the last step has come to; undefined without any
 */
export function whileReadable(fd: number, bytes: number, take: () => Step): Step | undefined {
  let step: Step | undefined;
  for (let i = 0; i < bytes + 3 && isReadable(fd); i++) {
    step = take();
    if (step === 'done' || step instanceof TlsError) break;
  }
  return step;
}
