import { setTimeout as sleep } from 'node:timers/promises';
import { MandosError } from '../../common/errors.js';
import type { Privileges } from '../privileges.js';
import { hidePrompt, showPrompt } from './prompt-line.js';
import { openTerminal } from './terminal.js';
import type { Terminal } from './terminal.js';

/** Bytes of a line: as many as a terminal takes (N_TTY_BUF_SIZE of the kernel). */
const LINE_LIMIT_BYTES = 4096;

/** Pause before the prompt comes again when an empty line was ended with Ctrl-D: a terminal without an end of those
 * would burn the CPU. */
const END_PAUSE_MS = 250;

const NEWLINE = 0x0a;

/** How to ask. */
export interface Question {
  readonly prompt: string;
  /** On the controlling terminal, if there is one; else on standard input. */
  readonly controlling: boolean;
  readonly signal: AbortSignal;
  readonly privileges: Privileges;
}

/**
 * Asks for a password on a terminal, without showing it. The terminal edits the line: backspace, Ctrl-U and Ctrl-C work
 * as ever. Ctrl-D in an empty line asks again.
 * @returns the line without its end, the caller's to overwrite
 * @throws MandosError NO_TERMINAL; the signal's reason when that ends it
 */
export async function askPassword(question: Question): Promise<Uint8Array> {
  const { prompt, controlling, signal, privileges } = question;
  signal.throwIfAborted();
  for (;;) {
    const terminal = openTerminal(controlling, privileges);
    try {
      showPrompt(prompt);
      const line = await readLine(terminal, signal);
      if (line !== undefined) return line;
    } finally {
      terminal.close();
      hidePrompt();
    }
    await sleep(END_PAUSE_MS, undefined, { signal });
  }
}

/** @returns undefined when it ended before a line began, or when there was too much of it */
function readLine({ input }: Terminal, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const line = Buffer.alloc(LINE_LIMIT_BYTES);
  let length = 0;
  return new Promise<Uint8Array | undefined>((resolve, reject) => {
    const settle = (outcome: () => void) => {
      signal.removeEventListener('abort', abort);
      input.removeAllListeners('data').removeAllListeners('end');
      outcome();
      line.fill(0);
    };
    const abort = () => settle(() => reject(signal.reason as Error));
    const end = () => settle(() => resolve(length > 0 ? Buffer.from(line.subarray(0, length)) : undefined));
    signal.addEventListener('abort', abort, { once: true });
    input.on('data', (chunk: Buffer) => {
      const newline = chunk.indexOf(NEWLINE);
      const part = newline < 0 ? chunk : chunk.subarray(0, newline);
      const isTooLong = length + part.length > LINE_LIMIT_BYTES;
      if (!isTooLong) length += part.copy(line, length);
      chunk.fill(0);
      if (isTooLong) settle(() => resolve(undefined));
      else if (newline >= 0) settle(() => resolve(Buffer.from(line.subarray(0, length))));
    });
    input.once('end', end);
    input.on('error', error => {
      const text = 'the terminal to ask for the password on has gone';
      settle(() => reject(new MandosError('NO_TERMINAL', text, { cause: error })));
    });
  });
}
