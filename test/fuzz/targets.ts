import type { Target } from './engine/target.js';

/** Everything that reads what comes from others. */
export const TARGETS = [
  'greeting',
  'tls-bytes',
  'tls-records',
  'tls-messages',
  'mdns-client',
  'mdns-server',
  'config-clients',
  'config-server',
  'config-client',
  'dbus-messages',
  'dbus-values',
  'dbus-bus',
  'openpgp-message',
  'openpgp-key',
  'tls-keys',
  'ask-file',
  'import',
  'lmdb',
  'image',
  'elf',
] as const;

/** A target with faults, for the engine's own test. */
export const PLANTED = 'planted';

export type TargetName = (typeof TARGETS)[number];

/** Loads a target's module, and nothing yet of what it tests. */
export async function loadTarget(name: TargetName | typeof PLANTED): Promise<Target> {
  return (await import(`./targets/${name}.js`)) as Target;
}
