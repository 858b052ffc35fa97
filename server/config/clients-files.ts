import { join } from 'node:path';
import type { ConfigFault } from '../../common/config-fault.js';
import type { ConfigFile } from '../../common/config-file.js';
import { parseConfigFile } from '../../common/config-file.js';
import type { ConfigFiles } from './files.js';
import { CONFIG_LIMIT_BYTES } from './files.js';

export const CLIENTS_FILE = 'clients.conf';
/** Directory of further files, beside clients.conf. */
export const CLIENTS_DIRECTORY = 'clients.d';

/** Where clients are configured. */
export type ClientsSource = typeof CLIENTS_FILE | typeof CLIENTS_DIRECTORY;

export interface ClientsFile {
  readonly config: ConfigFile;
  /** Permission bits of stat(2). */
  readonly mode: number;
}

/** What there is to read about the clients, and what is wrong with the files as such. */
export interface ClientsFiles {
  /** Undefined when there is none that can be read. */
  readonly clientsConf: ClientsFile | undefined;
  /** Those of clients.d, in the order of their names. */
  readonly others: readonly ClientsFile[];
  readonly present: readonly ClientsSource[];
  readonly faults: readonly ConfigFault[];
  /** Paths in the order in which they were looked at, read or not. */
  readonly order: readonly string[];
}

/**
 * Reads clients.conf and clients.d/*.conf (mandos-clients.conf(5)).
 * @param required sources whose absence is an error
 */
export function readClientsFiles(
  directory: string,
  files: ConfigFiles,
  required: readonly ClientsSource[],
): ClientsFiles {
  const faults: ConfigFault[] = [];
  const report = (file: string, message: string, severity: ConfigFault['severity'] = 'error') =>
    void faults.push({ file, message, severity });
  const path = join(directory, CLIENTS_FILE);
  const others = join(directory, CLIENTS_DIRECTORY);
  const present: ClientsSource[] = [];

  const content = files.read(path, CONFIG_LIMIT_BYTES);
  if (content.kind !== 'missing') present.push(CLIENTS_FILE);
  if (content.kind === 'unreadable') report(path, `cannot be read: ${content.reason}`);
  const listing = files.list(others);
  if (listing.kind !== 'missing') present.push(CLIENTS_DIRECTORY);
  if (listing.kind === 'unreadable') report(others, `cannot be read: ${listing.reason}`);
  const names = sortBytewise(listing.kind === 'read' ? listing.names : []);
  const read: ClientsFile[] = [];
  for (const name of names) {
    const other = join(others, name);
    if (isClientsFile(name)) {
      const file = readListed(other, files);
      if ('problem' in file) report(other, file.problem);
      else read.push(file);
    } else if (!isKnownLeftover(name)) {
      report(other, 'is not read: its name does not end in ".conf"', 'warning');
    }
  }

  for (const source of required) {
    if (present.includes(source)) continue;
    const message = 'does not exist any more (leave it there, empty, if its clients are to be removed)';
    report(join(directory, source), message);
  }
  if (content.kind === 'missing' && !required.includes(CLIENTS_FILE) && !names.some(isClientsFile)) {
    const message = 'does not exist: there are no clients (mandos-keygen --password prints a section for it)';
    report(path, message, 'warning');
  }
  return {
    clientsConf: content.kind === 'read' ? parsed(path, content) : undefined,
    others: read,
    present,
    faults,
    order: [path, others, ...names.map(name => join(others, name))],
  };
}

/** Whether a file in clients.d is read. */
function isClientsFile(name: string): boolean {
  return name.endsWith('.conf') && !isKnownLeftover(name);
}

/** Names that nobody takes for a configuration: hidden files, what dpkg leaves behind, and the usual explanation. */
function isKnownLeftover(name: string): boolean {
  return name.startsWith('.') || name.includes('.dpkg-') || name === 'README';
}

function readListed(path: string, files: ConfigFiles): ClientsFile | { readonly problem: string } {
  const content = files.read(path, CONFIG_LIMIT_BYTES);
  switch (content.kind) {
    case 'missing':
      return { problem: 'cannot be read: there is no such file (a symbolic link that leads nowhere?)' };
    case 'unreadable':
      return { problem: `cannot be read: ${content.reason}` };
    case 'read':
      return parsed(path, content);
  }
}

function parsed(path: string, { bytes, mode }: { bytes: Uint8Array; mode: number }): ClientsFile {
  return { config: parseConfigFile(bytes, path), mode };
}

/** As `LC_ALL=C ls` sorts, whatever the locale. */
function sortBytewise(names: readonly string[]): string[] {
  const encoded = names.map(name => ({ name, bytes: Buffer.from(name) }));
  return encoded.toSorted((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ name }) => name);
}
