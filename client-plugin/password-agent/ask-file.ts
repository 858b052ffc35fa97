import { asksForPin } from '../unlock/askpass-questions.js';

/** What a file `ask.…` says, as far as an agent needs it (systemd's Password Agents specification). */
export interface AskFile {
  /** Who asks. */
  readonly pid: number;
  /** Where the answer is to be sent. */
  readonly socket: string;
  /** Microseconds of CLOCK_MONOTONIC from which on nobody waits any more; 0: no such time. */
  readonly notAfterUs: bigint;
  /** What the password is for; undefined when the question does not say. */
  readonly id: string | undefined;
  readonly message: string;
  /** The answer may be shown: it is no secret. */
  readonly echo: boolean;
}

/** @returns a text that says what is wrong, for a file that is none */
export function parseAskFile(text: string): AskFile | string {
  const values = askSection(text);
  const pid = values.get('PID') ?? '';
  const socket = values.get('Socket') ?? '';
  const notAfter = values.get('NotAfter') ?? '0';
  if (!/^[1-9][0-9]{0,9}$/.test(pid)) return 'has no PID';
  if (!socket.startsWith('/')) return 'has no Socket';
  if (!/^[0-9]{1,20}$/.test(notAfter)) return 'has a NotAfter that is no number';
  return {
    pid: Number(pid),
    socket,
    notAfterUs: BigInt(notAfter),
    id: values.get('Id') || undefined,
    message: values.get('Message') ?? '',
    echo: isTrue(values.get('Echo')),
  };
}

/** The lines of [Ask]; what is unknown is left for other agents. */
function askSection(text: string): Map<string, string> {
  const values = new Map<string, string>();
  let isAsk = false;
  for (const line of text.split('\n').map(each => each.trim())) {
    if (line.startsWith('[')) isAsk = line === '[Ask]';
    const equals = line.indexOf('=');
    if (isAsk && equals > 0 && !/^[#;]/.test(line))
      values.set(line.slice(0, equals).trimEnd(), line.slice(equals + 1).trimStart());
  }
  return values;
}

/** As systemd reads a boolean. */
function isTrue(value: string | undefined): boolean {
  return /^(1|y|yes|t|true|on)$/i.test(value ?? '');
}

/** What systemd-cryptsetup's questions are for: the device follows. */
const DISK_ID = 'cryptsetup:';

/**
 * Why a question is not one for a disk's password, or undefined. Questions without an Id are answered as by the
 * original; others than those for disks are of programs that do not expect a disk's password.
 */
export function whyNotForUs({ id, message, echo }: AskFile): string | undefined {
  if (id !== undefined && !id.startsWith(DISK_ID)) return `its Id is "${id}"`;
  if (echo) return 'its answer is no secret';
  return asksForPin(message) ? 'it asks for a PIN' : undefined;
}

/** The device that the password is for; undefined when the question does not say. */
export function deviceOf({ id }: Pick<AskFile, 'id'>): string | undefined {
  return id?.startsWith(DISK_ID) ? id.slice(DISK_ID.length) : undefined;
}
