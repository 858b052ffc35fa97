import type { ConfigFault } from '../common/config-fault.js';
import type { ConfigFile, ConfigSection } from '../common/config-file.js';
import { clientObjectPath } from './client/object-path.js';
import type { ClientSettings } from './client/settings.js';
import { CLIENT_OPTIONS } from './config/client-options.js';
import { readClientSection } from './config/client-section.js';
import type { ClientsFile, ClientsSource } from './config/clients-files.js';
import { readClientsFiles } from './config/clients-files.js';
import { FaultList } from './config/fault-list.js';
import type { ConfigFiles } from './config/files.js';
import { SectionReader } from './config/section-reader.js';
import { unknownOptionFaults } from './config/unknown-options.js';

/** What a configuration directory says of the clients. To be used only when no fault is an error. */
export interface ClientsConfig {
  readonly clients: readonly ClientSettings[];
  /** In the order in which the files were read, and then of their lines. */
  readonly faults: readonly ConfigFault[];
  /** Which of clients.conf and clients.d there are: to be handed in at the next reading. */
  readonly sources: readonly ClientsSource[];
}

/**
 * Reads clients.conf and clients.d/*.conf (mandos-clients.conf(5)). Never throws: everything that is wrong is a fault.
 * @param required sources whose absence is an error, since they were there before: an editor or a deployment that is
 *   about to replace them must not cost anybody all clients
 */
export function loadClients(
  directory: string,
  files: ConfigFiles,
  required: readonly ClientsSource[] = [],
): ClientsConfig {
  const { clientsConf, others, present, faults, order } = readClientsFiles(directory, files, required);
  const list = new FaultList();
  faults.forEach(fault => list.add(fault));
  const all = clientsConf ? [clientsConf, ...others] : others;
  const configs = all.map(({ config }) => config);
  configs.forEach(config => config.faults.forEach(fault => list.add(fault)));
  unknownOptionFaults(configs, CLIENT_OPTIONS, 'a client').forEach(fault => list.add(fault));
  all.forEach(file => reportExposed(file, list));
  others.forEach(file => reportWithoutClients(file, list));

  const shared = clientsConf?.config.defaults;
  const clients = distinctSections(configs, list).map(({ section, defaults }) => {
    const inherited = [...new Set([defaults, shared])].filter(each => each !== undefined);
    const reader = new SectionReader(section, inherited, fault => list.add(fault, section.name));
    return { settings: readClientSection(reader, files), reader };
  });
  reportTwins(clients);
  if (clientsConf && clients.length === 0) {
    list.add({ file: clientsConf.config.file, message: 'has no clients', severity: 'warning' });
  }
  const heirs = new Map(configs.map(({ file, sections }) => [file, sections.length]));
  const heirsOf = (file: string) => (file === shared?.file ? clients.length : (heirs.get(file) ?? 0));
  return {
    clients: clients.map(({ settings }) => settings),
    faults: list.sorted(heirsOf, order),
    sources: present,
  };
}

function reportExposed({ config, mode }: ClientsFile, list: FaultList): void {
  if ((mode & 0o004) === 0 || !hasSecret(config)) return;
  const message = `holds secrets and can be read by everyone (chmod o-rwx ${config.file})`;
  list.add({ file: config.file, message, severity: 'warning' });
}

function hasSecret({ defaults, sections }: ConfigFile): boolean {
  return defaults?.options.has('secret') === true || sections.some(({ options }) => options.has('secret'));
}

/** A file of clients.d without a client does nothing, not even with a [DEFAULT] that looks as if it did. */
function reportWithoutClients({ config: { file, defaults, sections } }: ClientsFile, list: FaultList): void {
  if (sections.length > 0) return;
  const hint = defaults ? ', and its [DEFAULT] holds for no other file (put it into clients.conf)' : '';
  list.add({ file, message: `has no clients${hint}`, severity: 'warning' });
}

interface ClientSection {
  readonly section: ConfigSection;
  /** [DEFAULT] of its own file. */
  readonly defaults: ConfigSection | undefined;
}

/** All clients' sections; of those with the same name the first. */
function distinctSections(configs: readonly ConfigFile[], list: FaultList): ClientSection[] {
  const byName = new Map<string, ClientSection>();
  for (const { file, defaults, sections } of configs) {
    for (const section of sections) {
      const { name, line } = section;
      const first = byName.get(name)?.section;
      if (!first) byName.set(name, { section, defaults });
      else {
        const message = `stands in ${first.file}:${first.line} already`;
        list.add({ file, line, section: name, message, severity: 'error' });
      }
    }
  }
  return [...byName.values()];
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
    const { reader } = client;
    const { name, keyId } = client.settings;
    const sameKey = keyId === undefined ? undefined : remember(byKeyId, keyId, client);
    if (sameKey) {
      const at = keyPlace(sameKey.reader);
      const twin = `[${sameKey.settings.name}] in ${placeSeenFrom(keyPlace(reader).file, at)}`;
      reader.fault('key_id', `has the same key ID as ${twin} (each client needs a key of its own)`);
    }
    const samePath = remember(byPath, clientObjectPath(name), client);
    if (samePath) {
      const { section } = samePath.reader;
      const twin = `[${section.name}] in ${placeSeenFrom(reader.section.file, section)}`;
      reader.sectionFault(`has the same D-Bus path as ${twin}: "." and "-" both become "_" (rename one)`);
    }
  }
}

/** @returns who has the key already; otherwise it is the client's from now on */
function remember(map: Map<string, ReadClient>, key: string, client: ReadClient): ReadClient | undefined {
  const first = map.get(key);
  if (!first) map.set(key, client);
  return first;
}

type Place = Pick<ConfigSection, 'file' | 'line'>;

/** Where a client's key ID stands: in its own section or in [DEFAULT]. */
function keyPlace(reader: SectionReader): Place {
  const { file, line } = reader.sectionOf('key_id') ?? reader.section;
  return { file, line: reader.option('key_id')?.lines[0] ?? line };
}

function placeSeenFrom(file: string, place: Place): string {
  return place.file === file ? `line ${place.line}` : `${place.file}:${place.line}`;
}
