import { isIP } from 'node:net';
import { describeError } from '../../common/errors.js';
import { SystemCallError } from '../../common/libc.js';
import type { Log } from '../../common/log.js';
import type { CheckOutcome } from '../client/client.js';
import type { CheckerSlots } from './checker-slots.js';
import type { FpingRun } from './fping.js';
import { HOSTS_MAX, runFping } from './fping.js';
import { HostCheck, Lane } from './lane.js';
import type { RunningCheck } from './running-check.js';
import { NOT_EXECUTABLE, NOT_FOUND, notRunReason } from './running-check.js';
import type { ShellRunner } from './shell-runner.js';

export { FPING_CHECKER } from './lane.js';

/** How long a host waits for others to be asked with: nothing beside an interval, enough to save most processes. */
const COLLECT_MS = 100;

/**
 * How many processes may ask hosts together, for addresses and for names each. One lasts 4 s when it has a silent
 * host: even then they ask 1,000 hosts a second.
 */
const TOGETHER_MAX = 64;

/** How many processes may ask one host alone: for an outage of DNS, when none can be asked together. */
const ALONE_MAX = 100;

/** What a host alone may take and still be asked with others: 4.1 s when it is silent, and some for its name. */
const QUICK_MS = 6_000;

/** What fping's answer can be told from: no blanks or quotes; and no name is longer. Others are asked alone. */
const PLAIN_HOST = /^[\w.:%-]{1,255}$/;

/**
 * Runs FPING_CHECKER for many clients with few processes. Each check ends as an `fping -q -- HOST` of its own would;
 * a host of which the common one says nothing certain gets its own.
 */
export class FpingBatch {
  readonly #log: Log;
  readonly #shell: ShellRunner;
  readonly #slots: CheckerSlots;
  // Apart, so that no address waits while fping resolves names.
  readonly #addresses = this.#laneForMany();
  readonly #names = this.#laneForMany();
  readonly #alone = new Lane({
    runSize: 1,
    runsMax: ALONE_MAX,
    collectMs: 0,
    run: checks => this.#askAlone(checks),
  });
  /** Hosts that may have held a process up: asked alone until they are quick. */
  readonly #slow = new Set<string>();
  /** Why it cannot be run, as the log says. */
  #problem: string | undefined;

  /** @param slots for the processes that ask many hosts; `shell` has its own, or the same */
  constructor(log: Log, shell: ShellRunner, slots: CheckerSlots) {
    this.#log = log;
    this.#shell = shell;
    this.#slots = slots;
  }

  /**
   * Starts a check of a client whose checker is FPING_CHECKER.
   * @param name the client's, for the log
   */
  check(host: string, name: string): RunningCheck {
    const check = new HostCheck(host, name);
    if (this.#slow.has(host) || !PLAIN_HOST.test(host)) this.#alone.add(check);
    else if (isIP(host) === 0) this.#names.add(check);
    else this.#addresses.add(check);
    return check;
  }

  #laneForMany(): Lane {
    const run = (checks: readonly HostCheck[]) => this.#askTogether(checks);
    return new Lane({ runSize: HOSTS_MAX, runsMax: TOGETHER_MAX, collectMs: COLLECT_MS, run });
  }

  async #askTogether(checks: readonly HostCheck[]): Promise<void> {
    const open = new Set(checks);
    const run = await this.#runTogether(open);
    if (!run) return;
    const { statuses, late, error } = await run.done;
    const unusable = unusableOutcome(error);
    this.#report(describeProblem(error, unusable));
    for (const check of open) {
      const status = statuses.get(check.host);
      if (unusable) check.settleUnusable(unusable);
      else if (status !== undefined) check.settle({ kind: 'exited', status });
      else {
        if (late) this.#slow.add(check.host);
        this.#alone.add(check);
      }
    }
  }

  /**
   * Asks for those that are open when it is their turn; a check that has its answer, or is stopped, is open no more.
   * @returns undefined when all were stopped before
   */
  #runTogether(open: Set<HostCheck>): Promise<FpingRun | undefined> {
    return new Promise(resolve => {
      let run: FpingRun | undefined;
      const onAlive = (host: string) => {
        for (const check of open) {
          if (check.host !== host) continue;
          open.delete(check);
          check.settle({ kind: 'exited', status: 0 });
        }
      };
      const leave = this.#slots.take(release => {
        run = runFping([...new Set(Array.from(open, check => check.host))], onAlive);
        void run.done.then(release);
        resolve(run);
      });
      for (const check of open) {
        check.onStop = () => {
          open.delete(check);
          check.settleStopped();
          if (open.size > 0) return;
          run?.stop();
          leave();
          resolve(undefined);
        };
      }
    });
  }

  async #askAlone(checks: readonly HostCheck[]): Promise<void> {
    for (const check of checks) {
      const run = this.#shell.run(check.command, check.name);
      check.onStop = () => run.stop();
      const outcome = await run.done;
      const isExplained = run.isExplained === true || this.#problem !== undefined;
      if (isExplained && notRunReason(outcome) !== undefined) check.settleUnusable(outcome);
      else check.settle(outcome);
      const tookMs = performance.now() - (run.startedMs ?? -Infinity);
      if (outcome.kind === 'exited' && tookMs < QUICK_MS) this.#slow.delete(check.host);
    }
  }

  /** Logs that fping cannot be run, and that it can again; not for each of a thousand hosts. */
  #report(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === undefined) this.#log.info('fping can be run again');
    else this.#log.error(problem);
  }
}

/** What a shell would end with that cannot run fping for such an error, whoever tries. */
function unusableOutcome(error: unknown): CheckOutcome | undefined {
  const status = error instanceof SystemCallError ? UNUSABLE_STATUSES.get(error.errorName) : undefined;
  return status === undefined ? undefined : { kind: 'exited', status };
}

const UNUSABLE_STATUSES = new Map([
  ['ENOENT', NOT_FOUND],
  ['EACCES', NOT_EXECUTABLE],
]);

function describeProblem(error: unknown, unusable: CheckOutcome | undefined): string | undefined {
  if (error === undefined) return undefined;
  const reason = unusable && notRunReason(unusable);
  if (reason === undefined) return `cannot run fping for many clients at once: ${describeError(error)}`;
  return `fping: ${reason}: clients with the default checker will be disabled; install fping or set another checker`;
}
