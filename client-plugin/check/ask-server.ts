import { lstatSync } from 'node:fs';
import { describeError, MandosError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { ClientKeys } from '../client-keys.js';
import { boundedSearch } from '../keygen/bounded-search.js';
import type { KeyFileName } from '../keygen/key-files.js';
import { whyNotOpened } from '../keygen/luks-device.js';
import type { Privileges } from '../privileges.js';
import { describeTarget } from '../server-report.js';
import { hostKey, keyFile } from './checks/keys.js';
import { volumesOf } from './checks/volumes.js';
import { bootOptions } from './client-words.js';
import { fail, ok, warning } from './finding.js';
import type { Finding } from './finding.js';
import type { Subject } from './subject.js';

const CHECK = 'server';

/**
 * Asks the servers for the password with the keys in an image, as the client will at boot but with the network as it
 * is now, and tries it on the volumes that the image opens.
 * @param timeoutMs for the search and for each volume
 * @param privileges given up for what comes from the network, and taken back to try the volumes
 */
export async function askServer(
  subject: Subject,
  timeoutMs: number,
  log: Log,
  privileges: Privileges,
): Promise<Finding[]> {
  const keys = keysOf(subject);
  if (keys === undefined) return [fail(CHECK, 'cannot be asked without all keys')];
  let found;
  try {
    found = await search(subject, keys, { timeoutMs, log, privileges });
  } catch (error) {
    return [fail(CHECK, describeError(error))];
  }
  const { password, server } = found;
  try {
    if (password.length === 0)
      return [
        fail(
          CHECK,
          `the password from ${server} is empty: make a new section with "mandos-keygen --password"`,
        ),
      ];
    return [
      ok(CHECK, `the password from ${server} decrypts`),
      ...(await tryVolumes(subject, password, timeoutMs, privileges)),
    ];
  } finally {
    password.fill(0);
  }
}

async function search(
  subject: Subject,
  keys: ClientKeys,
  {
    timeoutMs,
    log,
    privileges,
  }: { readonly timeoutMs: number; readonly log: Log; readonly privileges: Privileges },
): Promise<{ readonly password: Uint8Array; readonly server: string }> {
  const options = bootOptions(subject);
  // Loaded only here: what is not asked for need not have a network, nor libgnutls. All at once: the next image may need
  // what this one does not, and nobody cannot read the programs of a checkout that is below a directory of root's.
  const [{ obtain }] = await Promise.all([import('../ask-servers.js'), import('../discovery/zeroconf.js')]);
  const beforeNetwork = () => privileges.lower();
  const { password, target } = await boundedSearch(
    { timeout: AbortSignal.timeout(timeoutMs), given: options.connect.length > 0 },
    ({ signal, watcher }) => obtain(options, keys, { log, signal, watcher, beforeNetwork }),
    reasons =>
      new MandosError(
        'TEST_TIMEOUT',
        `no server gave the password within ${timeoutMs / 1000} s: ${reasons || advice(options.connect.length > 0)}`,
      ),
  );
  return { password, server: describeTarget(target) };
}

const advice = (given: boolean) =>
  given
    ? 'is it running where --connect of plugin-runner.conf says, and does its clients.conf have this machine?'
    : 'is one running in this network, and does its clients.conf have this machine?';

/** Copies, since those who use them overwrite them. */
function keysOf(subject: Subject): ClientKeys | undefined {
  const key = (name: KeyFileName) => {
    const content = keyFile(subject, name)?.content;
    return content && { file: hostKey(subject, name), bytes: Buffer.from(content) };
  };
  const [seckey, tlsPubkey, tlsPrivkey] = [key('seckey.txt'), key('tls-pubkey.pem'), key('tls-privkey.pem')];
  if (seckey && tlsPubkey && tlsPrivkey) return { seckey, tlsPubkey, tlsPrivkey };
  seckey?.bytes.fill(0);
  tlsPrivkey?.bytes.fill(0);
  return undefined;
}

async function tryVolumes(
  subject: Subject,
  password: Uint8Array,
  timeoutMs: number,
  privileges: Privileges,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const late = `took longer than ${timeoutMs / 1000} s`;
  for (const { name, source, key } of volumesOf(subject)) {
    if (key !== undefined) continue;
    const device = deviceOf(source);
    if (privileges.asRoot(() => lstatSync(device, { throwIfNoEntry: false })) === undefined) {
      findings.push(warning('volumes', `${name} cannot be tried: ${device} is not here`));
      continue;
    }
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const why = await whyNotOpened(device, password, { privileges, signal, late });
      findings.push(
        why === undefined
          ? ok('volumes', `the password opens ${name} (${device})`)
          : fail('volumes', `the password does NOT open ${name} (${device}): ${why}`),
      );
    } catch (error) {
      findings.push(warning('volumes', `${name}: ${describeError(error)}`));
    }
  }
  return findings;
}

/** Where udev has what crypttab(5) names by a tag. */
function deviceOf(source: string): string {
  const [, tag = '', value = ''] = /^(UUID|LABEL|PARTUUID|PARTLABEL|ID)=(.*)$/.exec(source) ?? [];
  return tag === '' ? source : `/dev/disk/by-${tag.toLowerCase()}/${value.replace(/^"(.*)"$/, '$1')}`;
}
