import type * as openpgp from 'openpgp';
import type { Message, PartialConfig, PrivateKey, SessionKey } from 'openpgp';
import { describeError, MandosError } from '../common/errors.js';
import { SECRET_LIMIT_BYTES } from '../common/protocol.js';

/** The OpenPGP secret key that a client's secret is encrypted to. */
export interface OpenPgpKey {
  /** Where it was read from: for messages. */
  readonly file: string;
  readonly secretKey: PrivateKey;
}

const MAKE_AGAIN =
  'run "mandos-keygen --password" on this machine and put its output into the server\'s clients.conf';

/**
 * Keys that a secret may be encrypted to: this machine's, and some of its administrators'. Each that hides its name
 * costs a private-key operation, and anybody can pretend to be a server and send thousands.
 */
const MAX_RECIPIENTS = 8;

type OpenPgp = typeof openpgp;

/** Loaded on first use: parsing the library takes some 40 ms, which a client can spend while it looks for a server. */
const loadOpenPgp = (): Promise<OpenPgp> => import('openpgp');

/**
 * Reads an OpenPGP secret key, ASCII armored or binary, as written by mandos-keygen.
 * @param file its path, for messages
 * @param bytes the file's content
 * @param remake the command that makes new keys in its place
 * @throws MandosError KEY_FILE: not a secret key, or one with a passphrase
 */
export async function readSecretKey(
  file: string,
  bytes: Uint8Array,
  remake = 'mandos-keygen --force',
): Promise<OpenPgpKey> {
  const library = await loadOpenPgp();
  let secretKey: PrivateKey;
  try {
    secretKey = isBinary(bytes)
      ? await library.readPrivateKey({ binaryKey: bytes })
      : await library.readPrivateKey({ armoredKey: Buffer.from(bytes).toString('latin1') });
  } catch (error) {
    const why = bytes.length === 0 ? 'it is empty' : describeError(error);
    throw new MandosError(
      'KEY_FILE',
      `${file} is not an OpenPGP secret key (${why}): restore it, or make new keys with "${remake}"`,
      { cause: error },
    );
  }
  if (!secretKey.isDecrypted()) {
    throw new MandosError(
      'KEY_FILE',
      `${file} is protected by a passphrase, which nobody could enter during an unattended boot: use a key without one`,
    );
  }
  return { file, secretKey };
}

/**
 * Decrypts the secret that a server holds for this client. A signature in it is not verified: who made the message is
 * proven by nothing more than the key that lies beside the password's user anyway. Dates are not looked at, since a
 * machine that boots may not know the time.
 * @param blob a binary OpenPGP message, as made by gpg(1) or mandos-keygen
 * @returns the password, byte for byte; the caller zeroes it after use
 * @throws MandosError DECRYPT_NOT_OPENPGP, DECRYPT_OTHER_KEY, DECRYPT_NO_INTEGRITY (no modification detection code),
 *   DECRYPT_ALGORITHM (a cipher such as Twofish), DECRYPT_DAMAGED
 */
export async function decryptSecret(blob: Uint8Array, key: OpenPgpKey): Promise<Uint8Array> {
  const library = await loadOpenPgp();
  const config: PartialConfig = { maxDecompressedMessageSize: SECRET_LIMIT_BYTES };
  const message = await readEncryptedMessage(library, blob, config);
  refuseUndecryptable(library, message, key);
  const sessionKeys = await openSessionKeys(library, message, key, config);
  try {
    const { data } = await library.decrypt({ message, sessionKeys, format: 'binary', config });
    return data;
  } catch (error) {
    throw damaged(error);
  } finally {
    for (const { data } of sessionKeys) data.fill(0);
  }
}

async function readEncryptedMessage(
  { enums, readMessage }: OpenPgp,
  blob: Uint8Array,
  config: PartialConfig,
): Promise<Message<Uint8Array>> {
  const { symmetricallyEncryptedData, symEncryptedIntegrityProtectedData, aeadEncryptedData } = enums.packet;
  try {
    const message = await readMessage({ binaryMessage: blob, config });
    const encrypted = message.packets.filterByTag(
      symmetricallyEncryptedData,
      symEncryptedIntegrityProtectedData,
      aeadEncryptedData,
    );
    if (encrypted.length > 0) return message;
  } catch (error) {
    throw notOpenPgp(error);
  }
  throw notOpenPgp();
}

/** Says beforehand what the library would say less clearly, or not at all. */
function refuseUndecryptable(
  { enums }: OpenPgp,
  message: Message<Uint8Array>,
  { file, secretKey }: OpenPgpKey,
): void {
  if (message.packets.filterByTag(enums.packet.symmetricallyEncryptedData).length > 0) {
    throw new MandosError(
      'DECRYPT_NO_INTEGRITY',
      `the secret has no modification detection code, so it could have been altered unnoticed: ${MAKE_AGAIN}`,
    );
  }
  const recipients = message.getEncryptionKeyIDs();
  if (recipients.length > MAX_RECIPIENTS) {
    throw new MandosError(
      'DECRYPT_NOT_OPENPGP',
      `the secret is encrypted to ${recipients.length} keys, more than the ${MAX_RECIPIENTS} that are tried: ${MAKE_AGAIN}`,
    );
  }
  // A recipient of only zeros is one whose sender hid it: any key may fit (RFC 9580 section 5.1.8).
  const mayFit = recipients.some(id => /^0+$/.test(id.toHex()) || secretKey.getKeys(id).length > 0);
  if (mayFit) return;
  const other = recipients.length > 0 ? `key ${recipients.map(id => id.toHex()).join(', ')}` : 'a passphrase';
  throw new MandosError(
    'DECRYPT_OTHER_KEY',
    `the secret is encrypted to ${other}, not to the key in ${file}: ${MAKE_AGAIN}`,
  );
}

async function openSessionKeys(
  { decryptSessionKeys }: OpenPgp,
  message: Message<Uint8Array>,
  { secretKey }: OpenPgpKey,
  config: PartialConfig,
): Promise<SessionKey[]> {
  try {
    return (await decryptSessionKeys({ message, decryptionKeys: secretKey, config })) as SessionKey[];
  } catch (error) {
    // The library has no codes. "Invalid enum value" is what it says of Camellia's number.
    if (/symmetric algorithm|cipher|enum value/i.test(describeError(error))) {
      throw new MandosError(
        'DECRYPT_ALGORITHM',
        `the secret uses a cipher that is not supported here (AES is): ${MAKE_AGAIN}`,
        { cause: error },
      );
    }
    throw damaged(error);
  }
}

function isBinary(bytes: Uint8Array): boolean {
  // Bit 7 of the first byte is set in every packet header (RFC 9580 section 4.2), and in no character of the armor.
  return ((bytes[0] ?? 0) & 0x80) !== 0;
}

function notOpenPgp(cause?: unknown): MandosError {
  const text = `the secret is not a complete encrypted OpenPGP message: ${MAKE_AGAIN}`;
  return new MandosError('DECRYPT_NOT_OPENPGP', text, { cause });
}

function damaged(cause: unknown): MandosError {
  const text = `the secret is damaged (${describeError(cause)}): ${MAKE_AGAIN}`;
  return new MandosError('DECRYPT_DAMAGED', text, { cause });
}
