import { describeError } from '../../../common/errors.js';
import { KEY_FILES } from '../../keygen/key-files.js';
import type { KeyFileName } from '../../keygen/key-files.js';
import { checkPublicKey } from '../../keygen/openpgp-key.js';
import { checkTlsKeyPair } from '../../keygen/tls-key.js';
import type { KeyFile } from '../../keygen/tls-key.js';
import { readSecretKey } from '../../decrypt.js';
import type { OpenPgpKey } from '../../decrypt.js';
import { namedKeys } from '../client-words.js';
import { fail, ok, warning } from '../finding.js';
import type { Finding } from '../finding.js';
import { hashOf } from '../host-files.js';
import type { Subject } from '../subject.js';

/** The keys without which nothing can be had; the public OpenPGP key is not needed at boot. */
const NEEDED: readonly KeyFileName[] = ['seckey.txt', 'tls-privkey.pem', 'tls-pubkey.pem'];
const PRIVATE: readonly KeyFileName[] = ['seckey.txt', 'tls-privkey.pem'];
/** Days before a key's expiry in which that is said. */
const SOON_DAYS = 30;
const DAY_MS = 24 * 3600 * 1000;

/** Whether the keys are there, belong together, can be used, and are those of the system. */
export async function checkKeys(subject: Subject, nowMs: number): Promise<Finding[]> {
  const { keyDirectory, update, host } = subject;
  const named = namedKeys(subject);
  const lost = [...named].filter(([name]) => keyFile(subject, name) === undefined);
  if (lost.length > 0)
    return lost.map(([name, path]) =>
      fail(
        'keys',
        `${host.configurationPath} of the image names ${path} in place of ${name}, and the image has no such file: put it into ${host.keyDirectory}, which is /${keyDirectory} in the image, or take the option out, then run ${update}`,
      ),
    );
  const missing = NEEDED.filter(name => keyFile(subject, name) === undefined);
  if (missing.length > 0) {
    const make = host.files.exists(`${host.keyDirectory}/seckey.txt`)
      ? ''
      : 'make keys with "mandos-keygen", have the server know them, and ';
    return [fail('keys', `the image has no ${missing.join(', ')} in /${keyDirectory}: ${make}run ${update}`)];
  }
  const findings = [...compareWithHost(subject), ...checkModes(subject)];
  const at = (name: KeyFileName) => ({
    // What is to be mended is the file that the image has a copy of.
    file: hostKey(subject, name),
    bytes: keyFile(subject, name)?.content ?? Buffer.alloc(0),
  });
  const unread = [...named].filter(([name]) => keyFile(subject, name)?.content === undefined);
  if (unread.length > 0) {
    const files = unread.map(([, path]) => path).join(', ');
    return [...findings, warning('keys', `${files} is not in /${keyDirectory}, and so not looked into`)];
  }
  findings.push(tlsFinding(at('tls-privkey.pem'), at('tls-pubkey.pem'), update));
  const publicKey = named.has('seckey.txt') ? undefined : keyFile(subject, 'pubkey.txt') && at('pubkey.txt');
  findings.push(...(await openPgpFindings(at('seckey.txt'), publicKey, { nowMs, update })));
  return findings;
}

/** The file that the client will use as a key. */
export function keyFile(subject: Subject, name: KeyFileName) {
  return subject.image.tree.file(keyPath(subject, name));
}

/** The file of the system that it is a copy of. */
export function hostKey(subject: Subject, name: KeyFileName): string {
  const [path, directory] = [keyPath(subject, name), `/${subject.keyDirectory}/`];
  return path.startsWith(directory) ? `${subject.host.keyDirectory}/${path.slice(directory.length)}` : path;
}

const keyPath = (subject: Subject, name: KeyFileName): string =>
  namedKeys(subject).get(name) ?? `/${subject.keyDirectory}/${name}`;

function compareWithHost(subject: Subject): Finding[] {
  const { host, update } = subject;
  const [absent, old]: [string[], string[]] = [[], []];
  for (const name of KEY_FILES) {
    const path = hostKey(subject, name);
    const there = host.files.read(path);
    if (there === undefined) {
      absent.push(path);
      continue;
    }
    const copy = keyFile(subject, name);
    if (copy !== undefined && copy.sha256 !== hashOf(there)) old.push(name);
    there.fill(0);
  }
  if (absent.length > 0)
    return [
      warning(
        'keys',
        `cannot read ${absent.join(', ')}, to compare: run this as root, on the machine that the image is for`,
      ),
    ];
  return old.length > 0
    ? [
        fail(
          'keys',
          `the image has another ${old.join(', ')} than ${host.keyDirectory}: run ${update}, and see that the server has the new key_id and secret`,
        ),
      ]
    : [ok('keys', `the same as in ${host.keyDirectory}`)];
}

/** Others than root are nobody but the client itself at boot; an original client is another user, and may read them. */
function checkModes(subject: Subject): Finding[] {
  if (subject.client !== 'ours') return [];
  const open = PRIVATE.filter(name => ((keyFile(subject, name)?.mode ?? 0) & 0o077) !== 0);
  if (open.length === 0) return [];
  return [
    warning(
      'keys',
      `${open.join(', ')} can be read by every process in the initramfs: run ${subject.update}`,
    ),
  ];
}

function tlsFinding(privateKey: KeyFile, publicKey: KeyFile, update: string): Finding {
  try {
    const id = checkTlsKeyPair(privateKey, publicKey);
    return ok('TLS key', `key ID ${id}: the server's key_id for this machine has to be the same`);
  } catch (error) {
    return fail('TLS key', `the image's ${describeError(error)}, then run ${update}`);
  }
}

async function openPgpFindings(
  secret: KeyFile,
  publicKey: KeyFile | undefined,
  { nowMs, update }: { readonly nowMs: number; readonly update: string },
): Promise<Finding[]> {
  const check = 'OpenPGP key';
  let key: OpenPgpKey;
  try {
    key = await readSecretKey(secret.file, secret.bytes);
  } catch (error) {
    return [fail(check, `the image's ${describeError(error)}, then run ${update}`)];
  }
  const findings: Finding[] = [];
  if (publicKey !== undefined) {
    try {
      await checkPublicKey(publicKey.file, publicKey.bytes, key);
    } catch (error) {
      findings.push(warning(check, `the image's ${describeError(error)}, then run ${update}`));
    }
  }
  const expires = await key.secretKey.getExpirationTime().catch(() => null);
  if (expires instanceof Date) findings.push(...expiry(expires, nowMs));
  const fingerprint = key.secretKey.getFingerprint().toUpperCase();
  return findings.length > 0 ? findings : [ok(check, `can be used; fingerprint ${fingerprint}`)];
}

/** A client looks at no dates, since a machine that boots may not know the time. */
function expiry(expires: Date, nowMs: number): Finding[] {
  const day = expires.toISOString().slice(0, 10);
  const rest =
    'the machine still unlocks itself, but "mandos-keygen --password" makes no new secret with it: make new keys in time';
  if (expires.getTime() <= nowMs) return [warning('OpenPGP key', `expired on ${day}; ${rest}`)];
  if (expires.getTime() <= nowMs + SOON_DAYS * DAY_MS)
    return [warning('OpenPGP key', `expires on ${day}; ${rest}`)];
  return [];
}
