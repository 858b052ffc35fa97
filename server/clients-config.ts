import { join } from 'node:path';
import type { ConfigFault } from '../common/config-fault.js';
import { sortFaults } from '../common/config-fault.js';
import type { ConfigFile } from '../common/config-file.js';
import { DEFAULT_SECTION, parseConfigFile } from '../common/config-file.js';
import { clientObjectPath } from './client/object-path.js';
import type { ClientSettings } from './client/settings.js';
import { CLIENT_OPTIONS } from './config/client-options.js';
import { readClientSection } from './config/client-section.js';
import type { ConfigFiles } from './config/files.js';
import { CONFIG_LIMIT_BYTES } from './config/files.js';
import { SectionReader } from './config/section-reader.js';
import { unknownOptionFaults } from './config/unknown-options.js';

export const CLIENTS_FILE = 'clients.conf';

/** What a configuration directory says of the clients. To be used only when no fault is an error. */
export interface ClientsConfig {
  readonly clients: readonly ClientSettings[];
  /** In the order of the file's lines. */
  readonly faults: readonly ConfigFault[];
}

/** Reads clients.conf (mandos-clients.conf(5)). Never throws: everything that is wrong is a fault. */
export function loadClients(directory: string, files: ConfigFiles): ClientsConfig {
  const path = join(directory, CLIENTS_FILE);
  const content = files.read(path, CONFIG_LIMIT_BYTES);
  switch (content.kind) {
    case 'missing': {
      const message =
        'does not exist: there are no clients (mandos-keygen --password prints a section for it)';
      return { clients: [], faults: [{ file: path, message, severity: 'warning' }] };
    }
    case 'unreadable': {
      const message = `cannot be read: ${content.reason}`;
      return { clients: [], faults: [{ file: path, message, severity: 'error' }] };
    }
    case 'read':
      return readClients(parseConfigFile(content.bytes, path), content.mode, files);
  }
}

function readClients(config: ConfigFile, mode: number, files: ConfigFiles): ClientsConfig {
  const faults = new Faults();
  config.faults.forEach(fault => faults.add(fault));
  unknownOptionFaults(config, CLIENT_OPTIONS, 'a client').forEach(fault => faults.add(fault));
  const clients = config.sections.map(section => {
    const reader = new SectionReader(config, section, fault => faults.add(fault, section.name));
    const settings = readClientSection(reader, files);
    return { settings, reader };
  });
  reportTwins(clients);
  if ((mode & 0o004) !== 0 && hasSecret(config)) {
    const message = `holds secrets and can be read by everyone (chmod o-rwx ${config.file})`;
    faults.add({ file: config.file, message, severity: 'warning' });
  }
  if (clients.length === 0) {
    faults.add({ file: config.file, message: 'has no clients', severity: 'warning' });
  }
  return { clients: clients.map(client => client.settings), faults: faults.sorted(clients.length) };
}

/** Faults without repetition: what is wrong in [DEFAULT] is wrong for every client that inherits it. */
class Faults {
  readonly #faults = new Map<string, { fault: ConfigFault; clients: string[] }>();

  /** @param client for whom it was found */
  add(fault: ConfigFault, client?: string): void {
    const id = JSON.stringify([fault.line, fault.key, fault.message]);
    const clients = this.#faults.get(id)?.clients ?? [];
    if (client !== undefined) clients.push(client);
    this.#faults.set(id, { fault, clients });
  }

  /** @param clientCount how many there are; a fault in [DEFAULT] that not all of them have says whose it is */
  sorted(clientCount: number): ConfigFault[] {
    const faults = Array.from(this.#faults.values(), ({ fault, clients }) => {
      const some = clients.length < clientCount && fault.section === DEFAULT_SECTION;
      return some ? { ...fault, message: `${fault.message}${concerning(clients)}` } : fault;
    });
    return sortFaults(faults);
  }
}

/** Clients that a fault names; the first few show what they have in common. */
const NAMED_CLIENTS = 3;

function concerning(clients: readonly string[]): string {
  if (clients.length === 0) return '';
  const names = clients.slice(0, NAMED_CLIENTS).map(name => `[${name}]`);
  const more = clients.length - names.length;
  return ` (for ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''})`;
}

interface ReadClient {
  readonly settings: ClientSettings;
  readonly reader: SectionReader;
}

/** No two clients may be the same to TLS or to D-Bus. */
function reportTwins(clients: readonly ReadClient[]): void {
  const byKeyId = new Map<string, ReadClient>();
  const byPath = new Map<string, ReadClient>();
  for (const client of clients) {
    const { name, keyId } = client.settings;
    const sameKey = keyId === undefined ? undefined : remember(byKeyId, keyId, client);
    if (sameKey) {
      const line = sameKey.reader.option('key_id')?.lines[0];
      const twin = `[${sameKey.settings.name}] in line ${line}`;
      client.reader.fault('key_id', `is also that of ${twin} (each client needs a key of its own)`);
    }
    const samePath = remember(byPath, clientObjectPath(name), client);
    if (samePath) {
      const { name: twin, line } = samePath.reader.section;
      const message = `has the same D-Bus path as [${twin}] in line ${line}: "." and "-" both become "_"`;
      client.reader.sectionFault(`${message} (rename one)`);
    }
  }
}

/** @returns who has the key already; otherwise it is the client's from now on */
function remember(map: Map<string, ReadClient>, key: string, client: ReadClient): ReadClient | undefined {
  const first = map.get(key);
  if (!first) map.set(key, client);
  return first;
}

function hasSecret({ defaults, sections }: ConfigFile): boolean {
  return defaults?.options.has('secret') === true || sections.some(({ options }) => options.has('secret'));
}
