import { createHash } from 'node:crypto';
import { SECRET_LIMIT_BYTES } from '../../common/protocol.js';

/**
 * What stands before the encrypted data (RFC 9580 sections 5.3.1 and 3.7.1.3): a packet with a cipher and how its key
 * is made of a password.
 */
const HEADER_BYTES = 15;
const HEADER_TAG = 0x8c;
const HEADER_LENGTH = HEADER_BYTES - 2;
const HEADER_VERSION = 4;
const ITERATED_AND_SALTED = 3;

/** By their numbers in RFC 9580 section 9.3: those that gpg(1) has ever had as its default. */
const CIPHERS: ReadonlyMap<
  number,
  { readonly name: 'aes128' | 'aes192' | 'aes256'; readonly keyBytes: number }
> = new Map([
  [7, { name: 'aes128', keyBytes: 16 }],
  [8, { name: 'aes192', keyBytes: 24 }],
  [9, { name: 'aes256', keyBytes: 32 }],
]);

/** RFC 9580 section 9.5. */
const HASHES: ReadonlyMap<number, string> = new Map([
  [2, 'sha1'],
  [8, 'sha256'],
  [9, 'sha384'],
  [10, 'sha512'],
]);

/** Bytes that go into a hash at once. */
const CHUNK_BYTES = 64 * 1024;

/** Longer passwords the original does not write in hexadecimal, since gpg takes no lines of any length. */
const PASSWORD_LIMIT_BYTES = 2048;

/**
 * Opens a secret of the original's clients.pickle. It is encrypted with gpg(1), with the secret that clients.conf had
 * for the client as the password; the secret may have been replaced at run time.
 * @param configured the secret that clients.conf has
 * @returns undefined when it is encrypted with something else, or damaged
 */
export async function openSavedSecret(
  sealed: Uint8Array,
  configured: Uint8Array,
): Promise<Uint8Array | undefined> {
  const header = readHeader(sealed);
  if (!header) return undefined;
  const password = gpgPassword(configured);
  const data = makeKey(header, password);
  const { decrypt, readMessage } = await import('openpgp');
  const config = { maxDecompressedMessageSize: SECRET_LIMIT_BYTES };
  try {
    const message = await readMessage({ binaryMessage: sealed, config });
    const sessionKeys = [{ data, algorithm: header.cipher.name }];
    const opened = await decrypt({ message, sessionKeys, format: 'binary', config });
    return opened.data;
  } catch {
    return undefined; // OpenPGP can tell no other key from damage
  } finally {
    data.fill(0);
    password.fill(0);
  }
}

export interface Header {
  readonly cipher: { readonly name: 'aes128' | 'aes192' | 'aes256'; readonly keyBytes: number };
  readonly hash: string;
  readonly salt: Uint8Array;
  /** Bytes that are hashed: up to 65 million. */
  readonly count: number;
}

function readHeader(sealed: Uint8Array): Header | undefined {
  const [tag, length, version, cipherNumber = 0, kind, hashNumber = 0] = sealed;
  const cipher = CIPHERS.get(cipherNumber);
  const hash = HASHES.get(hashNumber);
  const countByte = sealed[HEADER_BYTES - 1];
  const isKnown =
    tag === HEADER_TAG &&
    length === HEADER_LENGTH &&
    version === HEADER_VERSION &&
    kind === ITERATED_AND_SALTED;
  if (!isKnown || !cipher || hash === undefined || countByte === undefined) return undefined;
  const count = (16 + (countByte & 15)) << ((countByte >> 4) + 6);
  return { cipher, hash, salt: sealed.subarray(6, 14), count };
}

/** The password that the original gives gpg, which takes one line of text. */
export function gpgPassword(configured: Uint8Array): Buffer {
  const inHex = Buffer.from(`mandos${Buffer.from(configured).toString('hex')}`, 'latin1');
  if (inHex.length <= PASSWORD_LIMIT_BYTES) return inHex;
  const escaped = Buffer.from(configured)
    .toString('latin1')
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\0', '\\x00');
  return Buffer.from(`mandos${escaped}`, 'latin1');
}

/**
 * RFC 9580 section 3.7.1.3. Not by openpgp.js: it takes passwords of text only, and a long one here is any bytes.
 */
export function makeKey({ cipher, hash, salt, count }: Header, password: Uint8Array): Buffer {
  const unit = Buffer.concat([salt, password]);
  const total = Math.max(count, unit.length);
  const chunk = Buffer.alloc(Math.ceil(CHUNK_BYTES / unit.length) * unit.length, unit);
  const parts: Buffer[] = [];
  for (let bytes = 0; bytes < cipher.keyBytes; bytes += parts.at(-1)?.length ?? 0) {
    // What makes a key longer than one hash different in each part.
    const digest = createHash(hash).update(Buffer.alloc(parts.length));
    for (let left = total; left > 0; left -= chunk.length) digest.update(chunk.subarray(0, left));
    parts.push(digest.digest());
  }
  unit.fill(0);
  chunk.fill(0);
  return Buffer.concat(parts).subarray(0, cipher.keyBytes);
}
