import type { Keys } from '../support/programs.js';
import { makeKeys } from '../support/programs.js';

/** Where the machines of all clients are, but for `silent`. */
export const MACHINE = '192.0.2.2';
/** Where the machine of `silent` is, until it is taken away. */
export const SILENT_MACHINE = '192.0.2.3';

export const NAMES = ['web', 'kept', 'gone', 'late', 'off', 'denied', 'silent', 'stranger'] as const;
/**
 * Clients by what becomes of them: `web` is in service throughout; `kept` is disabled and `gone` removed before the
 * fault, `late` is disabled while it lasts; `off` is disabled, and `denied` never approved, by the configuration; the
 * machine of `silent` can be taken away; `stranger` is not in the configuration.
 */
export type Name = (typeof NAMES)[number];

/** Those that never get their password, whatever happens. */
export const INTRUDERS = ['kept', 'gone', 'off', 'denied', 'stranger'] as const satisfies readonly Name[];

export type Identities = Readonly<Record<Name, Keys>>;

export const passwordOf = (name: Name): string => `password of ${name}`;

/** @param directory for the keys */
export async function makeIdentities(directory: string): Promise<Identities> {
  const pairs: [Name, Keys][] = [];
  for (const name of NAMES) pairs.push([name, await makeKeys(directory, name, passwordOf(name))]);
  return Object.fromEntries(pairs) as Record<Name, Keys>;
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
