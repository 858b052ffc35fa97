import { normalizeHex } from '../../common/protocol.js';
import { closestWord } from '../../common/suggest.js';
import type { ClientSettings } from '../client/settings.js';

type Known = Pick<ClientSettings, 'name' | 'keyId' | 'fingerprint'>;

export type Found =
  | { readonly kind: 'one'; readonly name: string }
  | { readonly kind: 'several'; readonly names: readonly string[] }
  | { readonly kind: 'none'; readonly meant: string | undefined };

/** Digits of a key ID or fingerprint that may stand for the whole: fewer are words. */
const FEWEST_DIGITS = 8;

/**
 * Whom a word means: a client by its name, or by the beginning of its key ID or fingerprint, in any case and with
 * blanks or colons.
 */
export function findClient(clients: readonly Known[], word: string): Found {
  if (clients.some(({ name }) => name === word)) return { kind: 'one', name: word };
  const digits = hexOf(word);
  const matches = clients.filter(
    ({ keyId, fingerprint }) =>
      digits !== undefined && [keyId, fingerprint].some(hex => hex?.startsWith(digits) === true),
  );
  const names = [...new Set(matches.map(({ name }) => name))];
  const [name] = names;
  if (name === undefined) {
    const all = clients.map(known => known.name);
    return { kind: 'none', meant: digits === undefined ? closestWord(word, all) : undefined };
  }
  return names.length === 1 ? { kind: 'one', name } : { kind: 'several', names };
}

/** @returns lower-case digits; undefined for a word that is no key ID or fingerprint, nor the beginning of one */
export function hexOf(word: string): string | undefined {
  const digits = normalizeHex(word.replaceAll(':', ''));
  return digits.length >= FEWEST_DIGITS && /^[0-9a-f]+$/.test(digits) ? digits : undefined;
}
