import { quote } from '../../common/config-fault.js';
import { closestWord } from '../../common/suggest.js';

/** What `%(name)s` in a checker command may name: mandos-clients.conf(5), RUNTIME EXPANSION. */
export const CHECKER_ATTRIBUTES: ReadonlySet<string> = new Set([
  'approval_delay',
  'approval_duration',
  'created',
  'dbus_object_path',
  'enabled',
  'expires',
  'fingerprint',
  'host',
  'interval',
  'key_id',
  'last_approval_request',
  'last_checked_ok',
  'last_enabled',
  'name',
  'timeout',
]);

/** Percent characters and attributes in a checker command. "%%" is first, so that "%%(host)s" is a "%" and text. */
export const CHECKER_CONVERSIONS = /%%|%\(([^)]*)\)s/g;

/**
 * Checks a checker command's runtime format, which would otherwise only fail when the checker is to run.
 * @param command after start-time expansion
 * @returns what is wrong with it, written as clients.conf has it, with each "%" doubled; or undefined
 */
export function checkerProblem(command: string): string | undefined {
  for (const [, name] of command.matchAll(CHECKER_CONVERSIONS)) {
    if (name !== undefined && !CHECKER_ATTRIBUTES.has(name)) return unknownAttribute(name);
  }
  if (command.replace(CHECKER_CONVERSIONS, '').includes('%')) {
    return 'has a "%" that is not part of "%%(name)s" (write "%%%%" for a percent character)';
  }
  return undefined;
}

/** Whether a checker command asks for the client's host. */
export function usesHost(command: string): boolean {
  return command.replaceAll('%%', '').includes('%(host)s');
}

function unknownAttribute(name: string): string {
  const meant = closestWord(name, CHECKER_ATTRIBUTES);
  const hint =
    meant === undefined ? `allowed: ${[...CHECKER_ATTRIBUTES].join(', ')}` : `did you mean ${meant}?`;
  return `${quote(`%%(${name})s`)} names nothing that a client has (${hint})`;
}
