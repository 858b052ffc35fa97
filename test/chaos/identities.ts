import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTlsKey } from '../support/keys.js';
import type { Keys } from '../support/programs.js';
import { makeKeys } from '../support/programs.js';

/** Where the machines of all clients are, but for `silent`. */
export const MACHINE = '192.0.2.2';
/** Where the machine of `silent` is, until it is taken away. */
export const SILENT_MACHINE = '192.0.2.3';

export const NAMES = [
  'web',
  'kept',
  'gone',
  'again',
  'approved',
  'late',
  'off',
  'denied',
  'silent',
  'stranger',
] as const;
/**
 * Clients by what becomes of them: `web` is in service throughout; before the fault, `kept` is disabled, `gone` removed,
 * `again` enabled, and `approved` approved for a long time; `late` is disabled while it lasts; `off` is disabled, and `denied` never approved, by the configuration; the
 * machine of `silent` can be taken away; `stranger` is not in the configuration.
 */
export type Name = (typeof NAMES)[number];

/** Those that never get their password, whatever happens. */
export const INTRUDERS = ['kept', 'gone', 'off', 'denied', 'stranger'] as const satisfies readonly Name[];

export type Identities = Readonly<Record<Name, Keys>>;

/** Of all of them. */
export const PASSWORD = 'correct horse battery';

/**
 * They differ in the keys that the server knows them by.
 * @param directory for the keys
 */
export async function makeIdentities(directory: string): Promise<Identities> {
  const web = await makeKeys(directory, 'web', PASSWORD);
  const pairs = NAMES.map((name): [Name, Keys] => [name, name === 'web' ? web : likeWeb(web, name)]);
  return Object.fromEntries(pairs) as Record<Name, Keys>;
}

function likeWeb(web: Keys, name: Name): Keys {
  const keys = `${web.keys}-${name}`;
  cpSync(web.keys, keys, { recursive: true });
  const { publicKey, privateKey, keyId } = makeTlsKey();
  writeFileSync(join(keys, 'tls-pubkey.pem'), publicKey);
  writeFileSync(join(keys, 'tls-privkey.pem'), privateKey);
  // The original wants a fingerprint, too; nobody is known by it here.
  const section = web.section
    .replace('[web]', `[${name}]`)
    .replace(/^key_id = .*$/m, `key_id = ${keyId}`)
    .replace(/^fingerprint = .*$/m, `fingerprint = ${keyId.slice(0, 40).toUpperCase()}`);
  return { ...web, keys, section };
}

export interface Times {
  /** As in clients.conf. */
  readonly interval: string;
  readonly timeout: string;
}

/** clients.conf; checks are real ones. */
export function clientsConf(identities: Identities, { interval, timeout }: Times): string {
  const special: Partial<Record<Name, string>> = {
    off: 'enabled = False\n',
    again: 'enabled = False\n',
    approved: 'approved_by_default = False\napproval_delay = PT1S\napproval_duration = PT1H\n',
    denied: 'approved_by_default = False\napproval_delay = PT1S\n',
  };
  const sections = NAMES.filter(name => name !== 'stranger').map(name => {
    const host = name === 'silent' ? SILENT_MACHINE : MACHINE;
    const section = identities[name].section.replace(/^host = .*$/m, `host = ${host}`);
    return section.replace(/^checker = :$/m, '') + (special[name] ?? '');
  });
  const defaults = `interval = ${interval}\ntimeout = ${timeout}\nextended_timeout = ${timeout}\n`;
  return `[DEFAULT]\n${defaults}checker = fping -q -- %%(host)s\n${sections.join('\n')}`;
}
