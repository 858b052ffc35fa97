import { collectReferences, expandValue } from '../../common/config-expansion.js';
import type { ConfigFault } from '../../common/config-fault.js';
import { quote } from '../../common/config-fault.js';
import type { ConfigFile, ConfigSection } from '../../common/config-file.js';
import { parseConfigFile, printableKey } from '../../common/config-file.js';
import type { Variant } from '../../common/dbus/decode.js';
import { parseDuration } from '../../common/duration.js';
import { closestWord } from '../../common/suggest.js';

/** A client to be added: what `AddClient` takes. */
export interface NewClient {
  readonly name: string;
  /** By option of clients.conf. The server has defaults for those that are missing. */
  readonly settings: Map<string, Variant>;
}

export interface NewClients {
  readonly clients: readonly NewClient[];
  /** When there is one, nothing is to be added. */
  readonly faults: readonly ConfigFault[];
}

/** @returns the file's bytes. @throws MandosError: one line that names the file */
export type ReadSecret = (file: string) => Uint8Array;

/** A value as D-Bus has it, or what is wrong with it. */
type Converted = Variant | { readonly problem: string };

const BOOLEANS: Readonly<Record<string, boolean>> = {
  '1': true,
  yes: true,
  true: true,
  on: true,
  '0': false,
  no: false,
  false: false,
  off: false,
};

const text = (value: string): Converted => ({ signature: 's', value });

function duration(value: string): Converted {
  const parsed = parseDuration(value);
  return 'ms' in parsed ? { signature: 't', value: BigInt(parsed.ms) } : parsed;
}

function boolean(value: string): Converted {
  const parsed = BOOLEANS[value.toLowerCase()];
  if (parsed !== undefined) return { signature: 'b', value: parsed };
  return { problem: `${quote(value)} is neither true nor false` };
}

/** Never says anything of the value: RFC 4648 section 4. */
function base64(value: string): Converted {
  const digits = value.replace(/\s+/g, '');
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(digits) && digits.length % 4 === 0)
    return { signature: 'ay', value: Buffer.from(digits, 'base64') };
  return { problem: 'is not base64 text (mandos-keygen --password makes it)' };
}

/** Options of mandos-clients.conf(5), and how they go over D-Bus. */
const CONVERTERS: Readonly<Record<string, (value: string) => Converted>> = {
  key_id: text,
  fingerprint: text,
  secret: base64,
  secfile: text,
  host: text,
  checker: text,
  timeout: duration,
  extended_timeout: duration,
  interval: duration,
  approval_delay: duration,
  approval_duration: duration,
  approved_by_default: boolean,
  enabled: boolean,
  release_check: text,
  max_releases: text,
  release_window: text,
};

/**
 * Reads sections of clients.conf. Their values are checked as far as they must be understood here; the server checks
 * them all.
 * @param file named in the faults
 * @param readSecret reads the file of a `secfile`, which is this machine's
 */
export function readClientsFile(bytes: Uint8Array, file: string, readSecret: ReadSecret): NewClients {
  const parsed = parseConfigFile(bytes, file);
  const faults = [...parsed.faults];
  // What other options refer to is a name of the writer's own; [DEFAULT] may be there for some sections only.
  const references = new Set<string>();
  for (const section of [parsed.defaults, ...parsed.sections])
    for (const { raw } of section?.options.values() ?? []) collectReferences(raw, references);
  const clients = parsed.sections.map(section =>
    readSection(parsed, section, references, faults, readSecret),
  );
  if (clients.length === 0 && faults.length === 0)
    faults.push({ file, message: 'has no section of a client', severity: 'error' });
  return { clients, faults };
}

function readSection(
  { defaults, file }: ConfigFile,
  section: ConfigSection,
  references: ReadonlySet<string>,
  faults: ConfigFault[],
  readSecret: ReadSecret,
): NewClient {
  const options = new Map([...(defaults?.options ?? []), ...section.options]);
  const settings = new Map<string, Variant>();
  const fault = (key: string, message: string) => {
    const line = options.get(key)?.lines[0];
    const at = line === undefined ? {} : { line };
    faults.push({ file, ...at, section: section.name, key: printableKey(key), message, severity: 'error' });
  };
  for (const [key, { raw }] of options) {
    const convert = CONVERTERS[key];
    if (!convert) {
      if (!references.has(key)) fault(key, `is not an option${nearOption(key)}`);
      continue;
    }
    let withSecret = false;
    const expansion = expandValue(raw, name => {
      withSecret ||= name === 'secret';
      return options.get(name)?.raw;
    });
    const converted = 'value' in expansion ? convert(expansion.value) : expansion;
    const hidden = 'has a wrong value, which is not shown as it refers to the secret';
    if ('problem' in converted) fault(key, withSecret ? hidden : converted.problem);
    else settings.set(key, converted);
  }
  const secretFile = settings.get('secfile');
  settings.delete('secfile');
  if (secretFile && !settings.has('secret')) {
    try {
      settings.set('secret', { signature: 'ay', value: readSecret(secretFile.value as string) });
    } catch (error) {
      fault('secfile', error instanceof Error ? error.message : String(error));
    }
  }
  return { name: section.name, settings };
}

function nearOption(key: string): string {
  const near = closestWord(key, Object.keys(CONVERTERS));
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}
