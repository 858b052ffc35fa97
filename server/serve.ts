import type { OptionValues } from '../common/cli.js';
import { countErrors, formatFault } from '../common/config-fault.js';
import { counted } from '../common/counted.js';
import { endOnCrash } from '../common/crash.js';
import { MandosError } from '../common/errors.js';
import { disableCoreDumps } from '../common/libc.js';
import type { Log, LogLevel } from '../common/log.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { after } from '../common/timer.js';
import { TlsContext } from '../common/tls/tls-context.js';
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
import { openListener, openListenPlace } from './open-listener.js';
import type { ServerOptions } from './options.js';
import { loadOptions } from './options.js';
import { LiveConfiguration } from './reload.js';
import { DEFAULT_LIMITS } from './release/connection.js';
import type { Listener } from './release/listener.js';
import { catchSignals } from './signals.js';

/** Milliseconds that connections under way have to end when the server stops. */
const STOP_GRACE_MS = 500;

/** Runs the server until it is told to stop. */
export async function serve(values: OptionValues): Promise<void> {
  const signals = catchSignals();
  const { options, faults: optionFaults } = loadOptions(values, systemFiles);
  const { clients, sources, faults: clientFaults } = loadClients(options.configDirectory, systemFiles);
  let logLevel: LogLevel = options.logLevel;
  const log = createLog(standardErrorSink(PROGRAM.name), () => logLevel);
  endOnCrash(() => log);
  if (!disableCoreDumps()) log.warning('core dumps cannot be switched off');
  const faults = [...optionFaults, ...clientFaults];
  for (const fault of faults) log[fault.severity](formatFault(fault));
  const errors = countErrors(faults);
  if (errors > 0) {
    const what = `${counted(errors, 'error')} in the configuration (see mandos --check)`;
    throw new MandosError('CONFIGURATION', `not started: ${what}`);
  }

  const place = openListenPlace(options, log);
  const startMs = nowMs();
  const registry = new Registry(clients.map(settings => createClient(settings, startMs, Math.random())));
  registry.events.subscribe(logEvents(log));
  log.info(counted(registry.size, 'client'));
  const ledger = new Ledger(registry, { write: () => Promise.resolve() }, log, { after });
  const requests = new Requests(registry, ledger, log, { nowMs, after });
  const listener = await openListener(options, place, {
    context: new TlsContext(options.priority),
    log,
    limits: DEFAULT_LIMITS,
    ask: (keyId, peer) => requests.ask(keyId, peer),
  });
  const scheduler = new Scheduler(registry, ledger, log, { nowMs, after, check: clientChecker(log) });
  const configuration = new LiveConfiguration(
    values,
    systemFiles,
    { options, clients, sources },
    { registry, ledger, log },
    {
      nowMs,
      random: Math.random,
      withConfigurationAccess: run => run(),
      applyOptions: changed => {
        logLevel = changed.logLevel;
      },
    },
  );
  signals.obey({ reload: () => void configuration.reload(), status: () => {} });
  const advertiser = options.zeroconf ? startAdvertising(options, listener.port, log) : undefined;
  log.info(`stopping: ${await signals.stop}`);
  scheduler.stop();
  await stop(listener, advertiser);
}

/** The time of day when the process started, moved on by a clock that nobody sets. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
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
