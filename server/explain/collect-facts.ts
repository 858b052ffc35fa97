import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OptionValues } from '../../common/cli.js';
import { UsageError } from '../../common/cli.js';
import type { ConfigPlace } from '../../common/config-fault.js';
import type { Bus } from '../../common/dbus/bus.js';
import { localMinuteOfWeek } from '../../common/local-time.js';
import { listInterfaces } from '../../common/network-interfaces.js';
import type { Client } from '../client/client.js';
import { restoreClients } from '../client/restore.js';
import { loadClients } from '../clients-config.js';
import { CLIENTS_DIRECTORY, CLIENTS_FILE, readClientsFiles } from '../config/clients-files.js';
import { systemFiles } from '../config/files.js';
import { pidFilePath } from '../host/pid-file.js';
import { loadOptions, OPTIONS_FILE } from '../options.js';
import { digest } from '../state/store.js';
import type { BusAnswer } from './ask-server.js';
import { askBus, pathOf, readLiveClient, readReleaseSettings, systemBus } from './ask-server.js';
import { addressesToDial, dial } from './dial.js';
import type { ConfigurationFacts, Facts, NetworkFacts, ServerFacts, SubjectFacts } from './facts.js';

import { findClient, hexOf } from './find-client.js';
import { isListenable, listenForService } from './listen-for-service.js';
import { liveClient, withReleaseSettings } from './live-client.js';
import { processStartMs } from './process-start.js';
import { runChecker } from './run-checker.js';
import { startedWith } from './server-command-line.js';
import { isUsable } from './server-findings.js';
import type { StoredState } from './stored-state.js';
import { readStoredState } from './stored-state.js';

/** The kernel tells when it was booted in whole seconds, and a server reads its files some time after its start. */
const START_PRECISION_MS = 2_000;
/** Clients that are asked for at once. */
const READ_AT_ONCE = 32;

/**
 * Looks at all that an explanation needs: files, the message bus, the network, and the client's checker, which it runs.
 * @param word a client's name, or the beginning of its key ID or fingerprint
 * @throws UsageError when the word may mean several clients
 */
export async function collectFacts(word: string, values: OptionValues): Promise<Facts> {
  const nowMs = Date.now();
  const bus = await systemBus();
  try {
    const answer = bus && (await askBus(bus));
    const state = answer?.server ? undefined : readState(values);
    const pid = answer?.pid ?? (state?.kind === 'in-use' ? state.pid : undefined);
    // What the server was started with counts, as far as this was not told otherwise.
    const started = pid === undefined ? new Map() : startedWith(pid);
    const configuration = readConfiguration(new Map([...started, ...values]), pid);
    const server = answer?.server ?? serverWithoutBus(state);
    const { subject, meant } = await findSubject(word, { configuration, bus, answer, state, nowMs });
    const client = subject?.client;
    const [network, check] = await Promise.all([
      lookAtNetwork(configuration, server, answer?.avahi === true),
      client && runChecker(client),
    ]);
    const minuteOfWeek = localMinuteOfWeek(new Date(nowMs));
    return { nowMs, minuteOfWeek, word, subject, meant, configuration, server, network, check };
  } finally {
    bus?.close();
  }
}

/** @param pid of the running server */
function readConfiguration(values: OptionValues, pid: number | undefined): ConfigurationFacts {
  const { options, faults: optionFaults } = loadOptions(values, systemFiles);
  const directory = options.configDirectory;
  const { clients, faults } = loadClients(directory, systemFiles);
  const { clientsConf, others } = readClientsFiles(directory, systemFiles, []);
  const places = new Map<string, ConfigPlace>();
  for (const { config } of [...(clientsConf ? [clientsConf] : []), ...others]) {
    for (const { name, file, line } of config.sections) {
      if (!places.has(name)) places.set(name, { file, line, section: name });
    }
  }
  const paths = [OPTIONS_FILE, CLIENTS_FILE, CLIENTS_DIRECTORY].map(name => join(directory, name));
  const forbidden = paths.filter(isForbidden);
  const file = join(directory, OPTIONS_FILE);
  const changedSinceStart = pid !== undefined && isChangedSinceStart(file, pid) ? file : undefined;
  return { options, clients, faults: [...optionFaults, ...faults], places, forbidden, changedSinceStart };
}

function isChangedSinceStart(file: string, pid: number): boolean {
  const startMs = processStartMs(pid);
  const modifiedMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (startMs === undefined || modifiedMs === undefined) return false;
  return modifiedMs > startMs + START_PRECISION_MS;
}

function isForbidden(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}

function readState(values: OptionValues): StoredState {
  return readStoredState(loadOptions(values, systemFiles).options.stateDirectory);
}

function serverWithoutBus(state: StoredState | undefined): ServerFacts {
  if (state?.kind === 'forbidden') return { kind: 'hidden' };
  if (state?.kind !== 'in-use') return { kind: 'none' };
  return { kind: 'off-bus', pid: state.pid ?? pidInFile() };
}

function pidInFile(): number | undefined {
  try {
    return Number(readFileSync(pidFilePath(), 'latin1')) || undefined;
  } catch {
    return undefined;
  }
}

interface Sources {
  readonly configuration: ConfigurationFacts;
  readonly bus: Bus | undefined;
  readonly answer: BusAnswer | undefined;
  readonly state: StoredState | undefined;
  readonly nowMs: number;
}

type Subject = Pick<Facts, 'subject' | 'meant'>;

function findSubject(word: string, sources: Sources): Promise<Subject> {
  const { bus, answer } = sources;
  if (bus && answer?.server?.kind === 'on-bus') return findInServer(word, sources, bus, answer);
  return Promise.resolve(findInState(word, sources));
}

async function findInServer(
  word: string,
  { configuration }: Sources,
  bus: Bus,
  answer: BusAnswer,
): Promise<Subject> {
  const configured = (name: string) => configuration.clients.find(settings => settings.name === name);
  const read = async (path: string): Promise<Client | undefined> => {
    const properties = await readLiveClient(bus, path);
    if (!properties) return undefined;
    return liveClient(properties, configured(String(properties.get('Name'))));
  };
  // What the server goes by comes before what the files say.
  const live = [await read(pathOf(word))].filter(client => client?.settings.name === word);
  if (live.length === 0 && hexOf(word) !== undefined) {
    for (let i = 0; i < answer.paths.length; i += READ_AT_ONCE) {
      live.push(...(await Promise.all(answer.paths.slice(i, i + READ_AT_ONCE).map(read))));
    }
  }
  const clients = live.filter(client => client !== undefined);
  const known = [...clients.map(({ settings }) => settings), ...configuration.clients];
  const found = oneClient(word, known);
  if (found.name === undefined) return { subject: undefined, meant: found.meant };
  const { name } = found;
  const client = clients.find(({ settings }) => settings.name === name) ?? (await read(pathOf(name)));
  const isThis = client?.settings.name === name;
  const limits = isThis ? await readReleaseSettings(bus, pathOf(name)) : undefined;
  return {
    meant: undefined,
    subject: {
      name,
      configured: configured(name),
      client: isThis && limits ? withReleaseSettings(client, limits) : isThis ? client : undefined,
      source: 'server',
      knowsLimits: limits !== undefined,
      added: answer.added.includes(pathOf(name)),
      removed: false,
      stateFault: undefined,
    },
  };
}

/** Without a server to ask: as the next start would make the client. */
function findInState(word: string, { configuration, state, nowMs }: Sources): Subject {
  const stored = state?.kind === 'read' && configuration.options.restore ? state.clients : [];
  const { clients, removed } = restoreClients(configuration.clients, stored, {
    nowMs,
    random: Math.random,
    digest,
  });
  const known = [...configuration.clients, ...clients.map(({ settings }) => settings)];
  const { name, meant } = oneClient(word, known);
  if (name === undefined) return { subject: undefined, meant };
  // With errors, settings are stand-ins.
  const isKnown = state?.kind === 'read' && isUsable(configuration);
  const subject: SubjectFacts = {
    name,
    configured: configuration.clients.find(settings => settings.name === name),
    client: isKnown ? clients.find(({ settings }) => settings.name === name) : undefined,
    source: isKnown ? 'state' : 'nowhere',
    knowsLimits: isKnown,
    added: false,
    removed: removed.includes(name),
    stateFault: state?.kind === 'fault' ? state.reason : undefined,
  };
  return { subject, meant: undefined };
}

/** @throws UsageError when there are several */
function oneClient(
  word: string,
  clients: Parameters<typeof findClient>[0],
): { readonly name: string | undefined; readonly meant: string | undefined } {
  const found = findClient(clients, word);
  switch (found.kind) {
    case 'one':
      return { name: found.name, meant: undefined };
    case 'none':
      return { name: undefined, meant: found.meant };
    case 'several':
      throw new UsageError(`--explain: ${word} may be ${found.names.join(', ')}: name one of them`);
  }
}

async function lookAtNetwork(
  { options }: ConfigurationFacts,
  server: ServerFacts,
  avahi: boolean,
): Promise<NetworkFacts> {
  const interfaces = listInterfaces();
  const live = server.kind === 'on-bus' ? server : undefined;
  const nobody = { interfaces, port: undefined, dials: [], heardOn: undefined, announcements: [], avahi };
  if (server.kind === 'none' || server.kind === 'hidden') return nobody;
  const port = live?.port ?? (options.port || undefined);
  const only = live?.interface || options.interface;
  const address = live?.address ?? options.address ?? (options.useIpv6 ? '::' : '0.0.0.0');
  // A socket that is bound to an interface takes nothing that comes over the loopback interface, as our own would.
  const addresses = only === undefined ? addressesToDial(interfaces, address) : [];
  const wanted = interfaces.filter(nic => isListenable(nic) && (only === undefined || nic.name === only));
  const [dials, announcements] = await Promise.all([
    Promise.all(port === undefined ? [] : addresses.map(own => dial(own, port))),
    options.zeroconf ? listenForService(wanted, found => found.some(service => service.port === port)) : [],
  ]);
  const heardOn = options.zeroconf ? wanted.map(({ name }) => name) : undefined;
  return { interfaces, port, dials, heardOn, announcements, avahi };
}
