import type { Socket } from 'node:net';
import { spawnWithOutput } from '../../common/libc-spawn.js';
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
  let child: ReturnType<typeof spawnWithOutput>;
  try {
    const env = { ...process.env, LC_ALL: 'C' };
    child = spawnWithOutput('fping', [...FPING_OPTIONS, '--', ...hosts], { env });
  } catch (error) {
    return { done: Promise.resolve({ statuses, late: false, error }), stop: () => {} };
  }
  const notSent = new Set<string>();
  let isRunning = true;
  let late = false;
  const stop = () => {
    if (isRunning) signalGroup(child, 'SIGKILL');
  };
  const timer = setTimeout(() => {
    late = true;
    stop();
  }, RUN_MAX_MS);
  const exit = child.exit.finally(() => {
    isRunning = false;
  });
  const answers = eachLine(child.stdout, line => {
    const [, host, answer] = /^(\S+) is (alive|unreachable)$/.exec(line) ?? [];
    if (host === undefined) return;
    statuses.set(host, answer === 'alive' ? 0 : 1);
    if (answer === 'alive') onAlive(host);
  });
  const errors = eachLine(child.stderr, line => {
    const [, host] = NOT_SENT.exec(line) ?? [];
    if (host !== undefined) notSent.add(host);
  });

  // The output may still be on its way when it has ended.
  const done = Promise.all([exit, answers, errors]).then(([{ status: exitStatus }]) => {
    clearTimeout(timer);
    for (const host of hosts) {
      const status = statuses.get(host);
      // Of those not found it says so in the resolver's words, and in its exit status.
      if (status === undefined && exitStatus === 2) statuses.set(host, 2);
      if (status === 1 && notSent.has(host)) statuses.delete(host);
    }
    return { statuses, late, error: undefined };
  });
  return { done, stop };
}

/** Calls back for each line of an output. @returns when it is closed; never rejects */
function eachLine(output: Socket, call: (line: string) => void): Promise<void> {
  return new Promise(resolve => {
    let unfinished = '';
    output.setEncoding('utf8').on('data', (text: string) => {
      const lines = (unfinished + text).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) call(line);
    });
    // 'close' follows.
    output.on('error', () => {});
    output.on('close', resolve);
  });
}
