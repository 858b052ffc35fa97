import { declare, failed } from './libc.js';

const tcgetattr = declare<(fd: number, attributes: Uint8Array) => number>(
  'int tcgetattr(int fd, void *attributes)',
);
const tcsetattr = declare<(fd: number, when: number, attributes: Uint8Array) => number>(
  'int tcsetattr(int fd, int when, void *attributes)',
);

/** Of struct termios: larger than any machine's. */
const TERMIOS_BYTES = 128;
/** Behind c_iflag, c_oflag and c_cflag, of 32 bits each. */
const LOCAL_FLAGS_OFFSET = 12;
const ECHO = 0o10;
/** Without waiting for what is still to be shown, which a serial line may hold up for ever. */
const TCSANOW = 0;

/**
 * Has a terminal show what is typed, or not (ECHO of termios(3)). All else stays, so that the kernel's line editing
 * works.
 * @returns whether it did so before
 * @throws SystemCallError ENOTTY for what is no terminal
 */
export function setEcho(fd: number, echo: boolean): boolean {
  const attributes = Buffer.alloc(TERMIOS_BYTES);
  if (tcgetattr(fd, attributes) !== 0) throw failed('tcgetattr');
  const flags = readFlags(attributes);
  const before = (flags & ECHO) !== 0;
  if (before === echo) return before;
  writeFlags(attributes, echo ? flags | ECHO : flags & ~ECHO);
  if (tcsetattr(fd, TCSANOW, attributes) !== 0) throw failed('tcsetattr');
  return before;
}

function readFlags(attributes: Buffer): number {
  return new Uint32Array(attributes.buffer, attributes.byteOffset + LOCAL_FLAGS_OFFSET, 1)[0] ?? 0;
}

function writeFlags(attributes: Buffer, flags: number): void {
  new Uint32Array(attributes.buffer, attributes.byteOffset + LOCAL_FLAGS_OFFSET, 1)[0] = flags;
}
