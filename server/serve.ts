import type { OptionValues } from '../common/cli.js';
import { counted } from '../common/counted.js';
import { endOnCrash } from '../common/crash.js';
import { describeError, MandosError } from '../common/errors.js';
import { dropPoolCapabilities } from '../common/libc-process.js';
import { disableCoreDumps } from '../common/libc.js';
import { localMinuteOfWeek } from '../common/local-time.js';
import type { Log, LogLevel } from '../common/log.js';
import { createLog } from '../common/log.js';
import { after } from '../common/timer.js';
import { TlsContext } from '../common/tls/tls-context.js';
import { VERSION } from '../common/version.js';
import { readAddedClient } from './added-client.js';
import { Alerts } from './alerts/alerts.js';
import type { AuditLog } from './audit/audit-log.js';
import { openAuditLog } from './audit/audit-log.js';
import { clientChecker } from './checker/client-checker.js';
import { Scheduler } from './checker/scheduler.js';
import { Requests } from './client/requests.js';
import { Turns } from './client/turns.js';
import { PROGRAM } from './command-line.js';
import { systemFiles } from './config/files.js';
import { serveControl } from './control/control.js';
import type { Advertiser } from './discovery/advertiser.js';
import { advertise } from './discovery/advertiser.js';
import { logEvents } from './event-log.js';
import type { Background } from './host/background-child.js';
import { chooseLogSink } from './host/log-sink.js';
import type { PidFile } from './host/pid-file.js';
import { claimPidFile, pidFilePath } from './host/pid-file.js';
import { dropPrivileges } from './host/privileges.js';
import { systemServiceUser } from './host/service-user.js';
import { prepareStateDirectory } from './host/state-directory.js';
import { notifySystemd } from './host/systemd.js';
import { refuseLostConfiguration } from './lost-configuration.js';
import { openListener, openListenPlace } from './open-listener.js';
import type { MetricsServer } from './metrics/http.js';
import type { MetricSources } from './metrics/sources.js';
import type { LoadedOptions, ServerOptions } from './options.js';
import { readConfiguration } from './read-configuration.js';
import { LiveConfiguration } from './reload.js';
import { releaseChecker } from './release-check.js';
import { checkTakenOver, restoreState } from './restore-state.js';
import type { Signals } from './signals.js';
import { openStateStore } from './state/store.js';
import { describeStatus } from './status-report.js';
import { stopServer } from './stop.js';

/**
 * Runs the server until it is told to stop; then ends the process. What needs root comes first, then root is given up.
 * @param values of the command line
 * @param child set when this is the process in the background
 * @throws MandosError when it cannot start
 */
export async function serve(
  values: OptionValues,
  loaded: LoadedOptions,
  signals: Signals,
  child: Background | undefined,
): Promise<void> {
  let { options } = loaded;
  const sink = chooseLogSink(PROGRAM.name, child);
  const log = createLog(sink, (): LogLevel => options.logLevel);
  endOnCrash(() => log);
  const systemd = notifySystemd();
  if (!disableCoreDumps()) log.warning('core dumps cannot be switched off');
  const configuration = readConfiguration(loaded, log);
  const context = new TlsContext(options.priority);
  const place = openListenPlace(options, log);
  const pidFile = child && writePidFile(log);
  prepareStateDirectory(options.stateDirectory);
  let audit =
    options.auditLog === undefined
      ? undefined
      : openAuditLog(options.auditLog, log, nowMs, systemServiceUser());
  const withConfigurationAccess = dropPrivileges(log);
  // In a user namespace the server may have to stay root.
  if (process.geteuid?.() !== 0) await dropPoolCapabilities();

  const store = await openStateStore(options.stateDirectory, log, () => checkTakenOver(options, log));
  refuseLostConfiguration(configuration);
  const { registry, ledger } = restoreState(store, configuration, log, nowMs());
  registry.events.subscribe(logEvents(log));
  registry.events.subscribe(event => audit?.record(event));
  const alerts = new Alerts(() => options.onEvent, log, { nowMs, after });
  registry.events.subscribe(event => alerts.hear(event));

  const check = clientChecker(log, () => options);
  // With places of their own: checks that hang must not keep an impostor from being found out.
  const impostorChecks = releaseChecker(
    clientChecker(log, () => options),
    log,
    after,
  );
  const requests = new Requests(registry, ledger, log, {
    nowMs,
    after,
    minuteOfWeek: localMinuteOfWeek,
    checkNow: client => impostorChecks.checkNow(client),
    maxPendingApprovals: () => options.maxPendingApprovals,
  });
  const listener = await openListener(options, place, {
    context,
    log,
    limits: () => options,
    ask: (keyId, peer) => requests.ask(keyId, peer),
    nowMs,
  });
  const scheduler = new Scheduler(registry, ledger, log, { nowMs, after, check });
  const checks = { stop: async () => void (await Promise.all([scheduler.stop(), impostorChecks.stop()])) };
  const advertiser = options.zeroconf ? startAdvertising(options, listener.port, log) : undefined;

  const turns = new Turns();
  const live = new LiveConfiguration(
    values,
    systemFiles,
    configuration,
    { registry, ledger, turns, log },
    {
      nowMs,
      random: Math.random,
      withConfigurationAccess,
      applyOptions: changed => {
        options = changed;
        audit = followAudit(audit, changed, log);
        listener.configure();
      },
    },
  );
  const status = () => `${counted(registry.size, 'client')}, port ${listener.port}`;
  const reload = async () => {
    systemd.reloading();
    const problem = await live.reload();
    // The file may have been rotated, whatever the configuration is like.
    if (problem !== undefined) audit?.reopen();
    systemd.ready(status());
    return problem;
  };
  signals.obey({
    reload: () => void reload(),
    status: () => {
      // Whoever asks wants to see it, whatever the level is.
      for (const line of describeStatus(registry, nowMs())) createLog(sink, 'info').info(line);
    },
  });
  const control = options.useDbus
    ? serveControl(
        {
          registry,
          ledger,
          requests,
          turns,
          log,
          about: {
            version: VERSION,
            address: options.address ?? '',
            port: listener.port,
            interface: options.interface ?? '',
            serviceName: options.serviceName,
          },
          nowMs,
          random: Math.random,
          readClient: (name, settings) =>
            live.hasClient(name)
              ? {
                  problems: [
                    registry.find(name)
                      ? 'the configuration has it already (a reload takes over what is changed there)'
                      : 'an operator has removed it (to have it back, change its section in the configuration and reload)',
                  ],
                }
              : readAddedClient(name, settings),
          reload,
          setLogLevel: logLevel => {
            log.warning(`the log level is ${logLevel} until the next reload`);
            options = { ...options, logLevel };
            listener.configure();
          },
        },
        { limits: () => options },
      )
    : undefined;
  const metrics = await startMetrics(options.metrics, log, {
    version: VERSION,
    clients: registry,
    nowMs,
    nextExpiryMs: () => scheduler.nextExpiryMs,
    expiringSoon: () => scheduler.expiringSoon,
    isStored: () => ledger.isStoring,
    alerts: () => alerts.counts,
    connections: () => listener.counts(),
  });
  log.info(status());
  systemd.ready(status());
  child?.ready();
  alerts.started({ version: VERSION, clients: registry.size, port: listener.port });

  log.info(`stopping: ${await signals.stop}`);
  systemd.stopping();
  const [isStored] = await Promise.all([
    stopServer({ listener, advertiser, control, scheduler: checks, ledger, store, log }),
    alerts.stop(),
    metrics?.close(),
  ]);
  audit?.close();
  pidFile?.remove();
  process.exit(isStored ? 0 : 1);
}

/**
 * As in the original, a PID file that cannot be written is no reason not to serve.
 * @throws MandosError ALREADY_RUNNING
 */
function writePidFile(log: Log): PidFile | undefined {
  try {
    return claimPidFile(pidFilePath());
  } catch (error) {
    if (!(error instanceof MandosError && error.code === 'PID_FILE')) throw error;
    log.error(describeError(error));
    return undefined;
  }
}

/** The time of day when the process started, moved on by a clock that nobody sets. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The audit log after a reload: a new file where the old one was renamed, another one, or none. */
function followAudit(
  audit: AuditLog | undefined,
  { auditLog }: ServerOptions,
  log: Log,
): AuditLog | undefined {
  if (auditLog === undefined) {
    audit?.close();
    return undefined;
  }
  if (audit) {
    audit.reopen(auditLog);
    return audit;
  }
  try {
    return openAuditLog(auditLog, log, nowMs);
  } catch (error) {
    log.error(describeError(error));
    return undefined;
  }
}

/** The library for metrics is loaded only where they are wanted. */
async function startMetrics(
  place: string | undefined,
  log: Log,
  sources: MetricSources,
): Promise<MetricsServer | undefined> {
  if (place === undefined) return undefined;
  const { serveMetrics } = await import('./metrics/metrics.js');
  return serveMetrics(place, sources, log);
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
