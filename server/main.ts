#!/usr/bin/env node
import type { OptionValues } from '../common/cli.js';
import { parseCommandLine, UsageError } from '../common/cli.js';
import { countErrors, formatFault } from '../common/config-fault.js';
import { counted } from '../common/counted.js';
import { endOnCrash } from '../common/crash.js';
import { describeError, MandosError } from '../common/errors.js';
import { disableCoreDumps } from '../common/libc.js';
import type { Log } from '../common/log.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { after } from '../common/timer.js';
import { TlsContext } from '../common/tls/tls-context.js';
import { checkConfig } from './check-config.js';
import { clientChecker } from './checker/client-checker.js';
import { Scheduler } from './checker/scheduler.js';
import { createClient } from './client/client.js';
import { Ledger } from './client/ledger.js';
import { Registry } from './client/registry.js';
import { Requests } from './client/requests.js';
import { loadClients } from './clients-config.js';
import { PROGRAM } from './command-line.js';
import { systemFiles } from './config/files.js';
import type { Advertiser } from './discovery/advertiser.js';
import { advertise } from './discovery/advertiser.js';
import { logEvents } from './event-log.js';
import { openListener } from './open-listener.js';
import type { ServerOptions } from './options.js';
import { loadOptions } from './options.js';
import { DEFAULT_LIMITS } from './release/connection.js';
import type { Listener } from './release/listener.js';

/** Exit status of argparse, and so of the original, for a wrong command line. */
const EXIT_USAGE = 2;
/** Milliseconds that connections under way have to end when the server stops. */
const STOP_GRACE_MS = 500;

async function main(argv: readonly string[]): Promise<void> {
  const sink = standardErrorSink(PROGRAM.name);
  try {
    const commandLine = parseCommandLine(PROGRAM, argv);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
    } else if (commandLine.values.has('check')) {
      const { text, exitStatus } = checkConfig(commandLine.values, systemFiles);
      printOut(text);
      process.exitCode = exitStatus;
    } else await serve(commandLine.values, sink);
  } catch (error) {
    const log = createLog(sink, 'info');
    if (error instanceof UsageError) {
      log.error(describeError(error));
      process.exitCode = EXIT_USAGE;
    } else {
      log.critical(describeError(error));
      process.exitCode = 1;
    }
  }
}

async function serve(values: OptionValues, sink: ReturnType<typeof standardErrorSink>): Promise<void> {
  const { options, faults: optionFaults } = loadOptions(values, systemFiles);
  const { clients, faults: clientFaults } = loadClients(options.configDirectory, systemFiles);
  const log = createLog(sink, options.logLevel);
  endOnCrash(() => log);
  if (!disableCoreDumps()) log.warning('core dumps cannot be switched off');
  const faults = [...optionFaults, ...clientFaults];
  for (const fault of faults) log[fault.severity](formatFault(fault));
  const errors = countErrors(faults);
  if (errors > 0) {
    const what = `${counted(errors, 'error')} in the configuration (see mandos --check)`;
    throw new MandosError('CONFIGURATION', `not started: ${what}`);
  }

  const stopRequest = waitForStop();
  const startMs = nowMs();
  const registry = new Registry(clients.map(settings => createClient(settings, startMs, Math.random())));
  registry.events.subscribe(logEvents(log));
  log.info(counted(registry.size, 'client'));
  log.warning('no state is kept yet: a restart enables clients that were disabled');
  const ledger = new Ledger(registry, { write: () => Promise.resolve() }, log, { after });
  const requests = new Requests(registry, ledger, log, { nowMs, after });
  const listener = await openListener(options, {
    context: new TlsContext(options.priority),
    log,
    limits: DEFAULT_LIMITS,
    ask: (keyId, peer) => requests.ask(keyId, peer),
  });
  const scheduler = new Scheduler(registry, ledger, log, { nowMs, after, check: clientChecker(log) });
  const advertiser = options.zeroconf ? startAdvertising(options, listener.port, log) : undefined;
  log.info(`stopping: ${await stopRequest}`);
  scheduler.stop();
  await stop(listener, advertiser);
}

/** The time of day when the process started, moved on by a clock that nobody sets. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The signal that asks the server to stop. */
function waitForStop(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

function startAdvertising(options: ServerOptions, port: number, log: Log): Advertiser {
  const service = {
    name: options.serviceName,
    port,
    family: options.useIpv6 ? ('any' as const) : ('ipv4' as const),
    ...(options.interface === undefined ? {} : { interface: options.interface }),
    ...(options.address === undefined ? {} : { address: options.address }),
  };
  return advertise(service, log);
}

/** Says goodbye, lets releases under way end, and leaves. */
async function stop(listener: Listener, advertiser: Advertiser | undefined): Promise<void> {
  const grace = setTimeout(() => listener.closeConnections(), STOP_GRACE_MS);
  await Promise.all([advertiser?.stop(), listener.close()]);
  clearTimeout(grace);
  process.exit(0);
}

await main(process.argv.slice(2));
