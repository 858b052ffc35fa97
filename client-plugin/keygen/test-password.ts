import { closeSync, openSync } from 'node:fs';
import { describeError, MandosError } from '../../common/errors.js';
import { systemClock } from '../clock.js';
import type { SearchWatcher } from '../obtain.js';
import { keygenCommand } from './advice.js';
import { Refusals } from './refusals.js';
import { run } from './run.js';
import type { Outcome } from './run.js';

/** Milliseconds for a test as a whole: finding a server, its answer, decryption and the LUKS device's key derivation. */
const TEST_TIMEOUT_MS = 60_000;
/** Milliseconds for servers that answer to discovery after the first ones; mDNS answers within a second, or its repeat. */
const OTHER_SERVERS_MS = 5_000;

/** How to look for a server. */
export interface ObtainOptions {
  /** Raw `ADDRESS:PORT` texts: ask only these; empty for discovery. */
  readonly connect: readonly string[];
  /** Empty for all suitable ones. */
  readonly interfaces: readonly string[];
  /** Gives the search up; the promise has to be rejected then. */
  readonly signal: AbortSignal;
  /** To be told how it goes. */
  readonly watcher: SearchWatcher;
}

/** Gets the password from a real server with the keys in a directory. `server` names it to a person. */
export type Obtain = (
  keyDirectory: string,
  options: ObtainOptions,
) => Promise<{ password: Uint8Array; server: string }>;

/**
 * Proves that this machine would get its password at boot: asks a server, decrypts, and tries it on the device.
 * @param device a LUKS device, or undefined to stop after decryption
 * @returns one line that says what was proven; never the password
 * @throws MandosError TEST_TIMEOUT, TEST_REFUSED (all servers have), TEST_EMPTY, TEST_DEVICE (before anybody is asked
 *   when it cannot be tested), and what `obtain` throws
 */
export async function testPassword(
  keyDirectory: string,
  device: string | undefined,
  search: Omit<ObtainOptions, 'signal' | 'watcher'>,
  obtain: Obtain,
): Promise<string> {
  const timeout = AbortSignal.timeout(TEST_TIMEOUT_MS);
  if (device !== undefined) await checkDevice(device, timeout);
  const refused = new AbortController();
  const refusals = new Refusals({
    graceMs: search.connect.length > 0 ? 0 : OTHER_SERVERS_MS,
    clock: systemClock,
    end: reason => refused.abort(reason),
  });
  const signal = AbortSignal.any([timeout, refused.signal]);
  const { password, server } = await obtain(keyDirectory, { ...search, signal, watcher: refusals })
    .catch(error => {
      throw timeout.aborted ? timedOut(search.connect, refusals.reasons) : error;
    })
    .finally(() => refusals.stop());
  try {
    if (password.length === 0) {
      throw new MandosError(
        'TEST_EMPTY',
        `the password from ${server} is empty: make a new section for clients.conf with "${keygenCommand(keyDirectory, '--password')}"`,
      );
    }
    if (device === undefined) return `the password from ${server} decrypts`;
    await openDevice(device, password, server, timeout);
    return `the password from ${server} opens ${device}`;
  } finally {
    password.fill(0);
  }
}

/** What can be known of a device without its password. */
async function checkDevice(device: string, signal: AbortSignal): Promise<void> {
  try {
    closeSync(openSync(device, 'r'));
  } catch (error) {
    throw new MandosError('TEST_DEVICE', `cannot read ${device}: ${describeError(error)}`, { cause: error });
  }
  const { status } = await cryptsetup(device, ['isLuks', '--', device], { signal });
  if (status !== 0)
    throw new MandosError('TEST_DEVICE', `${device} is not a LUKS device: name the encrypted one`);
}

async function openDevice(
  device: string,
  password: Uint8Array,
  server: string,
  signal: AbortSignal,
): Promise<void> {
  // As at boot, the password is all of standard input. Device names behind -- cannot be options.
  const args = ['open', '--test-passphrase', '--key-file=-', '--', device];
  const outcome = await cryptsetup(device, args, { input: password, signal });
  if (outcome.status === 0) return;
  const why = outcome.stderr.trim().split('\n', 1)[0] || `cryptsetup ended with status ${outcome.status}`;
  throw new MandosError(
    'TEST_DEVICE',
    `the password from ${server} decrypts, but does not open ${device}: ${why}`,
  );
}

async function cryptsetup(
  device: string,
  args: readonly string[],
  options: { readonly input?: Uint8Array; readonly signal: AbortSignal },
): Promise<Outcome> {
  try {
    return await run('cryptsetup', args, options);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const failure = isMissing ? 'it is not installed' : describeError(error);
    const why = options.signal.aborted ? `took longer than ${TEST_TIMEOUT_MS / 1000} s` : failure;
    throw new MandosError('TEST_DEVICE', `cannot test ${device} with cryptsetup: ${why}`, { cause: error });
  }
}

function timedOut(connect: readonly string[], reasons: string): MandosError {
  const advice =
    connect.length > 0
      ? 'is it running there, and does its clients.conf have this machine?'
      : 'is one running in this network, and does its clients.conf have this machine? (--connect=ADDRESS:PORT asks a certain one)';
  return new MandosError(
    'TEST_TIMEOUT',
    `no server gave the password within ${TEST_TIMEOUT_MS / 1000} s: ${reasons || advice}`,
  );
}
