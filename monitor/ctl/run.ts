import { connectBus, systemBusAddress } from '../../common/dbus/bus.js';
import { describeError, MandosError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import { printOut } from '../../common/output.js';
import { secretFormatProblem } from '../../common/secret-format.js';
import { callServer, readClients, ServerUnavailable, SNAPSHOT_LIMIT_BYTES } from '../mirror/server-calls.js';
import type { Caller } from '../mirror/server-calls.js';
import { addClients, readNewClients } from './add.js';
import { applyActions } from './apply.js';
import { dumpClients } from './dump.js';
import { exportSection } from './export-section.js';
import { readSecret } from './files.js';
import { standardOutput } from './output.js';
import { createProgress } from './progress.js';
import type { Progress } from './progress.js';
import type { Request, Selection } from './request.js';
import { withReleaseSettings } from './release-settings.js';
import { listClients, selectClients } from './select-clients.js';
import type { ListedClient } from './select-clients.js';
import { selfCheck } from './self-check.js';
import { showCalls } from './shown-calls.js';
import { formatTable } from './table.js';

/** A file that cannot be read counts as a wrong command line, as in the original. */
export const EXIT_USAGE = 2;

/**
 * Does what was asked for.
 * @param debug shows the D-Bus calls in the log
 * @returns the exit status
 * @throws MandosError: one line for people
 */
export async function run(request: Request, log: Log, debug: boolean): Promise<number> {
  switch (request.kind) {
    case 'check':
      return (await selfCheck(line => printOut(`${line}\n`))) ? 0 : 1;
    case 'watch':
      await (
        await import('./watch.js')
      ).watch(
        request.names,
        request.json,
        standardOutput(text => log.warning(text)),
        untilInterrupted(),
      );
      return 0;
    case 'apply':
      return await apply(request, log, debug);
    case 'add':
      return await add(request.file, log, debug);
    case 'reload':
      await withServer(log, debug, bus => callServer(bus, 'Reload'));
      return 0;
    case 'log-level':
      await withServer(log, debug, bus => callServer(bus, 'SetLogLevel', 's', [request.level]));
      return 0;
    case 'list':
    case 'is-enabled':
    case 'export':
      return await show(request, log, debug);
  }
}

/** Lets somebody use a connection to the server, and closes it. */
async function withServer<T>(log: Log, debug: boolean, use: (bus: Caller) => Promise<T>): Promise<T> {
  const options = { messageLimitBytes: SNAPSHOT_LIMIT_BYTES };
  const bus = await connectBus(systemBusAddress(), options).catch((error: unknown) => {
    throw new ServerUnavailable('NO_BUS', describeError(error), { cause: error });
  });
  try {
    return await use(debug ? showCalls(bus, line => log.debug(line)) : bus);
  } finally {
    bus.close();
  }
}

async function selected(bus: Caller, selection: Selection): Promise<ListedClient[]> {
  const clients = await readClients(bus, total => progressOf(total, 'clients read'));
  return selectClients(listClients(clients), selection);
}

async function show(
  request: Request & { kind: 'list' | 'is-enabled' | 'export' },
  log: Log,
  debug: boolean,
): Promise<number> {
  if (request.kind === 'is-enabled') {
    for (const name of request.ignored) log.warning(`--is-enabled only asks: --${name} is not done`);
    const [client] = await withServer(log, debug, bus => selected(bus, { names: [request.name] }));
    return client?.properties.get('Enabled') === true ? 0 : 1;
  }
  if (request.kind === 'export') {
    const { selection } = request;
    const clients = await withServer(log, debug, async bus =>
      withReleaseSettings(
        bus,
        selection === 'added' ? await addedClients(bus) : await selected(bus, selection),
      ),
    );
    printOut(clients.map(exportSection).join('\n'));
    return 0;
  }
  const { names, as } = request;
  const clients = await withServer(log, debug, bus => selected(bus, names.length === 0 ? 'all' : { names }));
  const properties = clients.map(client => client.properties);
  const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
  const chunks =
    as === 'json' ? dumpClients(properties) : formatTable(properties, { verbose: as === 'verbose', colours });
  for (const chunk of chunks) printOut(chunk);
  return 0;
}

async function addedClients(bus: Caller): Promise<ListedClient[]> {
  const [paths] = await callServer(bus, 'AddedClients').catch((error: unknown) => {
    if (!(error instanceof MandosError) || error.code !== 'ORIGINAL_SERVER') throw error;
    const text = `${error.message}: name the clients to export, or use --all`;
    throw new MandosError(error.code, text, { cause: error });
  });
  const added = new Set(paths as string[]);
  return (await selected(bus, 'all')).filter(({ path }) => added.has(path));
}

async function apply(request: Request & { kind: 'apply' }, log: Log, debug: boolean): Promise<number> {
  const { selection, actions, secretFile } = request;
  const secret = secretFile === undefined ? new Uint8Array() : readSecret(secretFile);
  const problem = secretFile === undefined ? undefined : secretFormatProblem(secret);
  if (problem !== undefined) log.warning(`the secret ${problem}`);
  try {
    return await withServer(log, debug, async bus => {
      const clients = await selected(bus, selection);
      const failed = await applyActions(
        bus,
        clients,
        actions,
        secret,
        log,
        progressOf(clients.length, 'clients'),
      );
      return failed === 0 ? 0 : 1;
    });
  } finally {
    secret.fill(0);
  }
}

async function add(file: string, log: Log, debug: boolean): Promise<number> {
  const clients = readNewClients(file, log);
  if (!clients) return 1;
  const refused = await withServer(log, debug, bus =>
    addClients(bus, clients, log, progressOf(clients.length, 'clients')),
  );
  if (refused > 0 && refused < clients.length)
    log.warning(
      `added: ${clients.length - refused} of the ${clients.length} clients of the file, all but those named`,
    );
  return refused === 0 ? 0 : 1;
}

/** On a terminal only: elsewhere a line that is written over and over would be many. */
function progressOf(total: number, what: string): Progress {
  const write = (text: string) => void process.stderr.write(text);
  return createProgress(total, what, process.stderr.isTTY ? write : undefined);
}

/** Aborted by Ctrl-C or SIGTERM: the way in which watching is meant to end. */
function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
