import { closeSync, openSync } from 'node:fs';
import { describeError, MandosError } from '../../common/errors.js';
import type { Privileges } from '../privileges.js';
import { run } from './run.js';
import type { Outcome } from './run.js';

/** How a device is tried. */
export interface Trying {
  /** It is root's alone. */
  readonly privileges: Privileges;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** What to say then. */
  readonly late: string;
}

/**
 * What can be known of a device without its password.
 * @throws MandosError TEST_DEVICE: not there, or no LUKS device
 */
export async function checkDevice(device: string, trying: Trying): Promise<void> {
  try {
    trying.privileges.asRoot(() => closeSync(openSync(device, 'r')));
  } catch (error) {
    throw new MandosError('TEST_DEVICE', `cannot read ${device}: ${describeError(error)}`, { cause: error });
  }
  const { status } = await cryptsetup(device, ['isLuks', '--', device], trying);
  if (status !== 0)
    throw new MandosError('TEST_DEVICE', `${device} is not a LUKS device: name the encrypted one`);
}

/**
 * Whether a password opens a device; nothing is mapped or changed.
 * @returns why it does not, or undefined when it does
 * @throws MandosError TEST_DEVICE: cryptsetup cannot be run, or takes too long
 */
export async function whyNotOpened(
  device: string,
  password: Uint8Array,
  trying: Trying,
): Promise<string | undefined> {
  // As at boot, the password is all of standard input. Device names behind -- cannot be options.
  const args = ['open', '--test-passphrase', '--key-file=-', '--', device];
  const outcome = await cryptsetup(device, args, { ...trying, input: password });
  if (outcome.status === 0) return undefined;
  return outcome.stderr.trim().split('\n', 1)[0] || `cryptsetup ended with status ${outcome.status}`;
}

async function cryptsetup(
  device: string,
  args: readonly string[],
  options: Trying & { readonly input?: Uint8Array },
): Promise<Outcome> {
  try {
    // Its process is started before `run` returns: it is root, while this one reads its answer as nobody.
    return await options.privileges.asRoot(() => run('cryptsetup', args, options));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const failure = isMissing ? 'it is not installed' : describeError(error);
    const why = options.signal.aborted ? options.late : failure;
    throw new MandosError('TEST_DEVICE', `cannot test ${device} with cryptsetup: ${why}`, { cause: error });
  }
}
