import forge from 'node-forge';
import { describeError, MandosError } from './errors.js';

/**
 * Decodes a PEM file (RFC 7468) with one object and checks that this is whole ASN.1, so that a damaged key file is
 * told from one of an unknown type.
 * @param file its path, for messages
 * @param labels what the file may hold, such as `PUBLIC KEY`
 * @returns DER
 * @throws MandosError KEY_FILE: not PEM, several objects, another label, a passphrase, or damaged
 */
export function decodePem(file: string, bytes: Uint8Array, labels: readonly string[]): Uint8Array {
  const fault = (why: string, cause?: unknown) => new MandosError('KEY_FILE', `${file} ${why}`, { cause });
  let objects;
  try {
    objects = forge.pem.decode(Buffer.from(bytes).toString('latin1'));
  } catch (error) {
    throw fault(bytes.length === 0 ? 'is empty' : 'is not a PEM file', error);
  }
  const [object, ...others] = objects;
  if (object === undefined || others.length > 0) throw fault('holds several PEM objects, not one key');
  if (object.type === 'ENCRYPTED PRIVATE KEY' || object.procType?.type === 'ENCRYPTED') {
    throw fault('is protected by a passphrase, which nobody could enter during an unattended boot');
  }
  if (!labels.includes(object.type)) {
    throw fault(`holds a ${object.type}, not a ${labels[0] ?? ''}`);
  }
  try {
    forge.asn1.fromDer(object.body);
  } catch (error) {
    throw fault(`is damaged: ${describeError(error)}`, error);
  }
  return Buffer.from(object.body, 'latin1');
}
