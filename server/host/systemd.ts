import { fstatSync } from 'node:fs';
import type { LogSink } from '../../common/log.js';
import { printable } from '../../common/log.js';
import { DatagramQueue } from './datagram-queue.js';
import { SYSLOG_SEVERITIES } from './severity.js';

const STANDARD_ERROR = 2;
/** Notifications that wait while systemd is busy: more than a server has to say. */
const NOTIFICATIONS_WAITING_MAX = 64;
/** What setInterval takes at most. */
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

/** Variables that speak to this process; a child that got them would speak to systemd in its place. */
const OWN_VARIABLES = [
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_FDNAMES',
];

/** Whether standard error goes to the journal: $JOURNAL_STREAM of systemd.exec(5). */
export function isUnderJournal(): boolean {
  const stream = process.env['JOURNAL_STREAM'];
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(STANDARD_ERROR, { bigint: true });
  return stream === `${dev}:${ino}`;
}

/** Lines on standard error with the priority that the journal takes from them (sd-daemon(3)). */
export function journalSink(write: (text: string) => void): LogSink {
  // A log must never end the program.
  process.stderr.on('error', () => {});
  return {
    write: (level, line) => write(`<${SYSLOG_SEVERITIES[level]}>${line}\n`),
  };
}

/** What systemd is told about the service (sd_notify(3)). */
export interface ServiceNotifier {
  /** The server serves, after its start or after a reload. */
  ready(status: string): void;
  /** What `systemctl status` shows. */
  status(text: string): void;
  /** A reload begins; `ready` says that it is over, whatever came of it. */
  reloading(): void;
  stopping(): void;
}

/**
 * Reaches the service manager named by $NOTIFY_SOCKET, and from now on feeds its watchdog, if there are any; without
 * them does nothing. The event loop feeds the watchdog, so that a server that hangs is noticed.
 * @param environment loses the variables of sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3)
 */
export function notifySystemd(environment: NodeJS.ProcessEnv = process.env): ServiceNotifier {
  const address = environment['NOTIFY_SOCKET'];
  const watchdogMs = watchdogIntervalMs(environment);
  for (const name of OWN_VARIABLES) delete environment[name];

  let notify: (...assignments: string[]) => void = () => {};
  // Others than paths and abstract names, such as those of virtual machines, are not for services.
  if (address !== undefined && /^[/@]/.test(address)) {
    const queue = new DatagramQueue(address.replace(/^@/, '\0'), NOTIFICATIONS_WAITING_MAX);
    notify = (...assignments) => void queue.send(Buffer.from(`${assignments.join('\n')}\n`));
    if (watchdogMs !== undefined) setInterval(() => notify('WATCHDOG=1'), watchdogMs).unref();
  }
  return {
    ready: status => notify('READY=1', `STATUS=${printable(status)}`),
    status: text => notify(`STATUS=${printable(text)}`),
    // By the time systemd tells this reload from an earlier one; uv_hrtime, behind hrtime, is CLOCK_MONOTONIC.
    reloading: () => notify('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => notify('STOPPING=1'),
  };
}

/** Half of the watchdog's time, as sd_watchdog_enabled(3) advises; undefined when this process is not watched. */
function watchdogIntervalMs(environment: NodeJS.ProcessEnv): number | undefined {
  const pid = environment['WATCHDOG_PID'];
  if (pid !== undefined && pid !== String(process.pid)) return undefined;
  const usec = Number(environment['WATCHDOG_USEC']);
  if (!(Number.isSafeInteger(usec) && usec > 0)) return undefined;
  return Math.min(Math.max(1, Math.floor(usec / 2000)), LONGEST_INTERVAL_MS);
}
