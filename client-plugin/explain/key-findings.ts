import { readFileSync } from 'node:fs';
import { describeError } from '../../common/errors.js';
import type { Finding } from '../../common/explanation.js';
import { ok, problem } from '../../common/explanation.js';
import { keyId } from '../../common/tls/raw-public-key.js';
import type { ClientKeys, KeyFiles } from '../client-keys.js';
import { readSecretKey } from '../decrypt.js';
import { checkKeyPair } from '../key-pair.js';

export interface KeyLook {
  readonly findings: readonly Finding[];
  /** Undefined unless all can be used; the caller overwrites them. */
  readonly keys: ClientKeys | undefined;
  /** By which the server knows this machine; undefined when it cannot be told. */
  readonly keyId: string | undefined;
}

/** Whether the key files are there, hold keys, and belong together. */
export async function lookAtKeys(files: KeyFiles): Promise<KeyLook> {
  const findings: Finding[] = [];
  const read = (file: string): { file: string; bytes: Buffer } | undefined => {
    try {
      return { file, bytes: readFileSync(file) };
    } catch (error) {
      findings.push(unreadable(file, error));
      return undefined;
    }
  };
  const seckey = read(files.seckey);
  const tlsPubkey = read(files.tlsPubkey);
  const tlsPrivkey = read(files.tlsPrivkey);
  let id: string | undefined;
  if (tlsPubkey && tlsPrivkey) {
    try {
      id = keyId(checkKeyPair(tlsPubkey.file, tlsPubkey.bytes, tlsPrivkey.file, tlsPrivkey.bytes));
      findings.push(
        ok(
          `the TLS keys belong together; key_id = ${id.toUpperCase()}`,
          "the server's clients.conf needs this key_id in this machine's section",
        ),
      );
    } catch (error) {
      findings.push(withAdvice(error));
    }
  }
  let isUsable = false;
  if (seckey) {
    try {
      const { secretKey } = await readSecretKey(seckey.file, seckey.bytes);
      const ids = secretKey.getKeys().map(key => key.getKeyID().toHex().toUpperCase());
      const text = `the OpenPGP key can be used: ${ids.join(', ')}`;
      findings.push(ok(text, 'the secret in clients.conf has to be encrypted to one of these'));
      isUsable = true;
    } catch (error) {
      findings.push(withAdvice(error));
    }
  }
  if (seckey && tlsPubkey && tlsPrivkey && id !== undefined && isUsable)
    return { findings, keys: { seckey, tlsPubkey, tlsPrivkey }, keyId: id };
  seckey?.bytes.fill(0);
  tlsPrivkey?.bytes.fill(0);
  return { findings, keys: undefined, keyId: id };
}

function unreadable(file: string, error: unknown): Finding {
  const advice =
    (error as NodeJS.ErrnoException).code === 'EACCES'
      ? 'run this as root'
      : 'restore it, make keys with "mandos-keygen", or name the file';
  return problem(`cannot read the key file ${file}: ${describeError(error)}`, advice);
}

/** What the message of a fault says to do stands behind a colon. */
export function withAdvice(
  error: unknown,
  otherwise = 'make new keys with "mandos-keygen --force"',
): Finding {
  const [, text = describeError(error), advice = otherwise] =
    /^(.*): ((?:restore|use|run) .*)$/s.exec(describeError(error)) ?? [];
  return problem(text, advice);
}
