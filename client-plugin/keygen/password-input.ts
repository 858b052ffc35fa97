import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { describeError, MandosError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import { SECRET_LIMIT_BYTES } from '../../common/protocol.js';
import { LineEditor } from './line-editor.js';

const BELL = '\x07';

/** What ends a program at a prompt; the terminal must then show again what is typed. */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/** Bytes of a password from a file: with more, the encrypted one cannot fit into what a client takes. */
const PASSFILE_LIMIT_BYTES = SECRET_LIMIT_BYTES;

/**
 * Reads a password from a file, byte for byte, since disks may have any bytes as their key.
 * @param file `-` is standard input
 * @throws MandosError PASSWORD_FILE, PASSWORD_EMPTY, PASSWORD_TOO_LONG
 */
export function readPassfile(file: string, log: Log): Uint8Array {
  let password: Buffer;
  try {
    password = readAtMost(file, PASSFILE_LIMIT_BYTES + 1);
  } catch (error) {
    throw new MandosError('PASSWORD_FILE', `cannot read the password from ${file}: ${describeError(error)}`, {
      cause: error,
    });
  }
  const shown = file === '-' ? 'standard input' : file;
  if (password.length === 0) {
    throw new MandosError('PASSWORD_EMPTY', `${shown} is empty: it has to hold the password`);
  }
  if (password.length > PASSFILE_LIMIT_BYTES) {
    password.fill(0);
    throw new MandosError(
      'PASSWORD_TOO_LONG',
      `${shown} has more than ${PASSFILE_LIMIT_BYTES} bytes, too many for a password that mandos-client takes: name the file of the password alone`,
    );
  }
  if (password.at(-1) === 0x0a) {
    log.warning(
      `${shown} ends in a newline, which is taken as part of the password: make it without one if the password that is typed at boot has none`,
    );
  }
  return password;
}

/**
 * Asks twice for a password on the controlling terminal, without showing it, until both answers are the same.
 * White space around it is removed (mandos-keygen(8), BUGS). Ctrl-C ends the process as SIGINT does.
 * @throws MandosError NO_TERMINAL, PASSWORD_EMPTY, PASSWORD_TOO_LONG, PASSWORD_ABORTED (the terminal closed, or Ctrl-D)
 */
export async function askPassword(directory: string): Promise<Uint8Array> {
  const { input, output, print } = openTerminal();
  const showTyping = () => input.setRawMode(false);
  const end = (signal: NodeJS.Signals) => {
    showTyping();
    for (const other of SIGNALS) process.off(other, end);
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, end);
  const editor = new LineEditor(input, {
    interrupt: () => {
      print('\r\n');
      end('SIGINT');
    },
    refuse: () => print(BELL),
  });
  const ask = async (question: string) => {
    print(question);
    try {
      return strip(await editor.readLine());
    } finally {
      print('\r\n');
    }
  };
  try {
    input.setRawMode(true);
    for (;;) {
      const first = await ask(`Password to encrypt with the key in ${directory}: `);
      const second = await ask('The same again: ');
      const same = first.equals(second);
      second.fill(0);
      if (same && first.length > 0) return first;
      if (same) throw new MandosError('PASSWORD_EMPTY', 'the password is empty');
      first.fill(0);
      print('The two are not the same. Try again.\r\n');
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, end);
    showTyping();
    input.destroy();
    closeSync(output);
  }
}

function readAtMost(file: string, limitBytes: number): Buffer {
  const descriptor = file === '-' ? 0 : openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(limitBytes);
    let length = 0;
    for (let bytes = -1; bytes !== 0 && length < limitBytes; length += bytes) {
      bytes = readSync(descriptor, buffer, length, limitBytes - length, null);
    }
    return buffer.subarray(0, length);
  } finally {
    if (file !== '-') closeSync(descriptor);
  }
}

interface Terminal {
  readonly input: ReadStream;
  readonly output: number;
  readonly print: (text: string) => void;
}

function openTerminal(): Terminal {
  try {
    const output = openSync('/dev/tty', 'w');
    const input = new ReadStream(openSync('/dev/tty', 'r'));
    const print = (text: string) => {
      try {
        writeSync(output, text);
      } catch {
        // The terminal has gone, which reading from it reports.
      }
    };
    return { input, output, print };
  } catch (error) {
    throw new MandosError(
      'NO_TERMINAL',
      'there is no terminal to ask for the password on: use --passfile=FILE, or --passfile=- for standard input',
      { cause: error },
    );
  }
}

/** Without the ASCII white space at both ends. */
function strip(password: Buffer): Buffer {
  const isSpace = (byte: number | undefined) =>
    byte === 0x20 || (byte !== undefined && byte >= 9 && byte <= 13);
  let start = 0;
  let end = password.length;
  while (start < end && isSpace(password[start])) start++;
  while (end > start && isSpace(password[end - 1])) end--;
  return password.subarray(start, end);
}
