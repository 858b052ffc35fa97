import { MandosError } from '../../common/errors.js';
import type { Privileges } from '../privileges.js';
import { keygenCommand } from './advice.js';
import { boundedSearch } from './bounded-search.js';
import type { SearchBounds } from './bounded-search.js';
import { checkDevice, whyNotOpened } from './luks-device.js';

/** Milliseconds for a test as a whole: finding a server, its answer, decryption and the LUKS device's key derivation. */
const TEST_TIMEOUT_MS = 60_000;
const LATE = `took longer than ${TEST_TIMEOUT_MS / 1000} s`;

/** How to look for a server. */
export interface ObtainOptions extends SearchBounds {
  /** Raw `ADDRESS:PORT` texts: ask only these; empty for discovery. */
  readonly connect: readonly string[];
  /** Empty for all suitable ones. */
  readonly interfaces: readonly string[];
  /** To be called when all is read that only root may read, before anything from the network is. */
  readonly beforeNetwork: () => void;
}

/** Gets the password from a real server with the keys in a directory. `server` names it to a person. */
export type Obtain = (
  keyDirectory: string,
  options: ObtainOptions,
) => Promise<{ password: Uint8Array; server: string }>;

/**
 * Proves that this machine would get its password at boot: asks a server, decrypts, and tries it on the device.
 * @param device a LUKS device, or undefined to stop after decryption
 * @param privileges given up for what comes from the network, and taken back to try the device
 * @returns one line that says what was proven; never the password
 * @throws MandosError TEST_TIMEOUT, TEST_REFUSED (all servers have), TEST_EMPTY, TEST_DEVICE (before anybody is asked
 *   when it cannot be tested), and what `obtain` throws
 */
export async function testPassword(
  keyDirectory: string,
  device: string | undefined,
  search: Pick<ObtainOptions, 'connect' | 'interfaces'>,
  obtain: Obtain,
  privileges: Privileges,
): Promise<string> {
  const timeout = AbortSignal.timeout(TEST_TIMEOUT_MS);
  if (device !== undefined) await checkDevice(device, { privileges, signal: timeout, late: LATE });
  const { password, server } = await boundedSearch(
    { timeout, given: search.connect.length > 0 },
    bounds => obtain(keyDirectory, { ...search, ...bounds, beforeNetwork: () => privileges.lower() }),
    reasons => timedOut(search.connect, reasons),
  );
  try {
    if (password.length === 0) {
      throw new MandosError(
        'TEST_EMPTY',
        `the password from ${server} is empty: make a new section for clients.conf with "${keygenCommand(keyDirectory, '--password')}"`,
      );
    }
    if (device === undefined) return `the password from ${server} decrypts`;
    const why = await whyNotOpened(device, password, { privileges, signal: timeout, late: LATE });
    if (why !== undefined) {
      throw new MandosError(
        'TEST_DEVICE',
        `the password from ${server} decrypts, but does not open ${device}: ${why}`,
      );
    }
    return `the password from ${server} opens ${device}`;
  } finally {
    password.fill(0);
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
