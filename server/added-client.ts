import type { ConfigOption, ConfigSection } from '../common/config-file.js';
import { DEFAULT_SECTION, printableKey } from '../common/config-file.js';
import { closestWord } from '../common/suggest.js';
import type { ClientSettings } from './client/settings.js';
import { CLIENT_OPTIONS } from './config/client-options.js';
import { readClientSection } from './config/client-section.js';
import { systemFiles } from './config/files.js';
import { SectionReader } from './config/section-reader.js';
import type { AddedClient, SettingValue } from './control/controlled-server.js';

/** A name is to fit into logs, screens and a section's head: host names have 253 characters at most. */
const ADDED_NAME_LIMIT = 255;

/** Settings that are durations, by their names in clients.conf. */
const DURATIONS = {
  timeout: 'timeoutMs',
  extended_timeout: 'extendedTimeoutMs',
  interval: 'intervalMs',
  approval_delay: 'approvalDelayMs',
  approval_duration: 'approvalDurationMs',
} as const satisfies Readonly<Record<string, keyof ClientSettings>>;

/**
 * Reads the settings of a client that is added at run time, by the rules of clients.conf(5): what is not set has the
 * default, [DEFAULT] of no file counts. Texts are as they are after start-time expansion, which they do not undergo: a
 * checker has `%(host)s` and not `%%(host)s`. The content of a secfile is to be sent as `secret`.
 * @param values by names in clients.conf; a number is a duration in milliseconds, bytes are a secret
 */
export function readAddedClient(name: string, values: ReadonlyMap<string, SettingValue>): AddedClient {
  const problems: string[] = [];
  const warnings: string[] = [];
  const nameProblem = problemOfName(name);
  if (nameProblem !== undefined) problems.push(nameProblem);
  const durations: Partial<Record<(typeof DURATIONS)[keyof typeof DURATIONS], number>> = {};
  const options = new Map<string, ConfigOption>();
  for (const [key, value] of values) {
    const problem = problemOfKey(key) ?? problemOfType(key, value);
    if (problem !== undefined) problems.push(`${printableKey(key)}: ${problem}`);
    else if (isDuration(key) && typeof value === 'number') durations[DURATIONS[key]] = value;
    else options.set(key, { key, raw: textOf(value), lines: [] });
  }
  if (durations.intervalMs === 0) problems.push('interval: is zero (the checker would run without pause)');
  const section: ConfigSection = { file: '', name, line: 0, options };
  const reader = new SectionReader(section, [], ({ key, message, severity }) => {
    // What it says of percent characters is written as in clients.conf, where each is doubled.
    const text = `${key === undefined ? '' : `${key}: `}${message.replaceAll('%%', '%')}`;
    (severity === 'error' ? problems : warnings).push(text);
  });
  const settings = { ...readClientSection(reader, systemFiles), ...durations };
  return problems.length > 0 ? { problems } : { settings, warnings };
}

/** What could not stand as a section's head in clients.conf. */
function problemOfName(name: string): string | undefined {
  if (name === DEFAULT_SECTION) return `no client can be called ${DEFAULT_SECTION}`;
  if (name.length > ADDED_NAME_LIMIT) return `its name has more than ${ADDED_NAME_LIMIT} characters`;
  return /\p{C}/u.test(name) ? 'its name has a control character' : undefined;
}

function problemOfKey(key: string): string | undefined {
  if (key === 'secfile') return 'is not read for a client that is added (send its content as secret)';
  if (CLIENT_OPTIONS.has(key)) return undefined;
  const meant = closestWord(key, CLIENT_OPTIONS);
  return `is not an option of a client${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
}

/** Texts are allowed everywhere: clients.conf has nothing else. */
function problemOfType(key: string, value: SettingValue): string | undefined {
  if (typeof value === 'number' && !isDuration(key) && key !== 'max_releases')
    return 'is no duration, and was sent as a number';
  const isBoolean = key === 'enabled' || key === 'approved_by_default';
  if (typeof value === 'boolean' && !isBoolean) return 'is neither true nor false, and was sent as that';
  if (typeof value === 'object' && key !== 'secret') return 'is no secret, and was sent as bytes';
  return undefined;
}

function isDuration(key: string): key is keyof typeof DURATIONS {
  return Object.hasOwn(DURATIONS, key);
}

/** As it stands in clients.conf. */
function textOf(value: SettingValue): string {
  if (typeof value === 'object') return Buffer.from(value).toString('base64');
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value).replaceAll('%', '%%');
}
