import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { signalGroup } from '../../common/process-group.js';

/**
 * How long a run may take. fping gives a silent host up after 0.5 + 0.75 + 1.125 + 1.6875 s; the rest is for a busy
 * machine, and for names: fping resolves one after the other, all before it sends anything.
 */
const RUN_MAX_MS = 10_000;

/**
 * How many hosts one process may ask. The packets to silent hosts on the same link stay in its socket's send buffer
 * while the kernel looks for them; with the kernel's usual buffer, some 120 of them leave no room for any other host,
 * which fping then calls unreachable.
 */
export const HOSTS_MAX = 64;

/** The usual 10 ms between two packets would hold the last host up; 1 ms is the least that fping grants to everyone. */
const FPING_OPTIONS = ['-i', '1'];

/** A packet that was not sent, other than for want of a way to the host. */
const NOT_SENT = /^(\S+): error while sending ping: (?!Network is unreachable|No route to host)/;

/** What an `fping -q -- HOST` exits with: the host is alive, is unreachable, is not found. */
export type HostStatus = 0 | 1 | 2;

export interface FpingResult {
  /** By host. One that is missing here is to be asked again. */
  readonly statuses: ReadonlyMap<string, HostStatus>;
  /** Whether it was ended because it took too long. */
  readonly late: boolean;
  /** Why fping could not be started. */
  readonly error: unknown;
}

export interface FpingRun {
  /** Never rejects. */
  readonly done: Promise<FpingResult>;
  /** Kills it. */
  stop(): void;
}

/**
 * Asks hosts with one fping(8), with the retries and timeouts that it has by default.
 * @param hosts distinct, without white space. At most HOSTS_MAX, for all to be sure
 * @param onAlive called for each host as it answers, while the others are still waited for
 */
export function runFping(hosts: readonly string[], onAlive: (host: string) => void): FpingRun {
  const statuses = new Map<string, HostStatus>();
  const notSent = new Set<string>();
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isRunning = true;
  let late = false;

  const stop = () => {
    if (child && isRunning) signalGroup(child, 'SIGKILL');
  };
  const exited = new Promise<number | null>((resolve, reject) => {
    child = spawn('fping', [...FPING_OPTIONS, '--', ...hosts], {
      cwd: '/',
      detached: true,
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.once('error', reject);
    // Not 'exit': the output may still be on its way then.
    child.once('close', resolve);
    child.once('exit', () => {
      isRunning = false;
    });
    onLine(child.stdout, line => {
      const [, host, answer] = /^(\S+) is (alive|unreachable)$/.exec(line) ?? [];
      if (host === undefined) return;
      statuses.set(host, answer === 'alive' ? 0 : 1);
      if (answer === 'alive') onAlive(host);
    });
    onLine(child.stderr, line => {
      const [, host] = NOT_SENT.exec(line) ?? [];
      if (host !== undefined) notSent.add(host);
    });
    timer = setTimeout(() => {
      late = true;
      stop();
    }, RUN_MAX_MS);
  });

  const done = exited
    .then(
      code => {
        for (const host of hosts) {
          const status = statuses.get(host);
          // Of those not found it says so in the resolver's words, and in its exit status.
          if (status === undefined && code === 2) statuses.set(host, 2);
          if (status === 1 && notSent.has(host)) statuses.delete(host);
        }
        return { statuses, late, error: undefined };
      },
      (error: unknown) => ({ statuses, late, error }),
    )
    .finally(() => clearTimeout(timer));
  return { done, stop };
}

/** Calls back for each line of the output; undefined when the process could not be started. */
function onLine(output: Readable | null | undefined, call: (line: string) => void): void {
  let unfinished = '';
  output?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (unfinished + text).split('\n');
    unfinished = lines.pop() ?? '';
    for (const line of lines) call(line);
  });
}
