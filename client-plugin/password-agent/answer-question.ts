import { closeSync } from 'node:fs';
import { describeError } from '../../common/errors.js';
import { SystemCallError } from '../../common/libc.js';
import { connectDatagramSocket, sendDatagram } from '../../common/libc-datagram.js';
import type { Answer } from '../unlock/passfifo.js';

/** What makes a datagram an answer; `-` would be a refusal. */
const ANSWERED = 0x2b;

/** What says that nobody receives there: yet, any more, or at this moment. */
const NOBODY_THERE = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN', 'ECONNRESET', 'ENOTCONN']);

/** Sends a password to the socket of a question, in the one datagram that is taken as its answer. Needs root. */
export function answerQuestion(socket: string, password: Uint8Array): Answer {
  let descriptor: number | undefined;
  const datagram = Buffer.alloc(1 + password.length);
  try {
    datagram[0] = ANSWERED;
    datagram.set(password, 1);
    descriptor = connectDatagramSocket(socket);
    const error = sendDatagram(descriptor, datagram);
    if (error === undefined) return { kind: 'given' };
    if (NOBODY_THERE.has(error)) return { kind: 'later' };
    return { kind: 'refused', why: `cannot send to ${socket}: ${error}` };
  } catch (error) {
    if (error instanceof SystemCallError && NOBODY_THERE.has(error.errorName)) return { kind: 'later' };
    return { kind: 'refused', why: `cannot send to ${socket}: ${describeError(error)}` };
  } finally {
    datagram.fill(0);
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
