import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { CheckOutcome } from '../client/client.js';
import { logLines } from './output-lines.js';
import { endGroup, signalGroup } from './process-group.js';
import type { RunningCheck } from './running-check.js';
import { NOT_FOUND, STOP_GRACE_MS } from './running-check.js';

/** How a check ends for which there is no shell. */
const NOT_STARTED: CheckOutcome = { kind: 'exited', status: NOT_FOUND };

/**
 * Goes before every command, since the server's own mask is for its state; on the same line, so that the shell's
 * complaints name the line that the configuration has.
 */
const USUAL_UMASK = 'umask 022; ';

/**
 * Runs checker commands as mandos-clients.conf(5) says: by `/bin/sh -c`, the output ignored. Each has a session of its
 * own, `/` as its directory, nothing on standard input, and the usual umask.
 *
 * A server that is killed outright cannot stop its checkers. systemd then does, with the rest of the unit's control
 * group; without systemd they run to their own end.
 */
export class ShellRunner {
  readonly #log: Log;
  readonly #graceMs: number;
  #failing = false;

  /** @param graceMs how long a checker that is told to end has before it is killed */
  constructor(log: Log, graceMs = STOP_GRACE_MS) {
    this.#log = log;
    this.#graceMs = graceMs;
  }

  /**
   * Starts a checker. With debug messages on, what it says is logged. Its `stop` reaches all its children too, save
   * those that have made a session of their own.
   * @param command after expansion
   * @param name the client's, for the log
   * @returns with exit status 127 when no shell can be started: too many processes or files, no memory
   */
  run(command: string, name: string): RunningCheck {
    let child: ChildProcess | undefined;
    let isExplained = false;
    let stopping: Promise<void> | undefined;
    const ended = new Promise<CheckOutcome>((resolve, reject) => {
      child = this.#spawn(command, name);
      child.once('error', reject);
      child.once('exit', (status, signal) => resolve(toOutcome(status, signal)));
      child.once('exit', () => {
        // Here, not after `ended`: until this returns, the group's number cannot have become another's.
        if (stopping && child) signalGroup(child, 'SIGKILL');
        child = undefined;
      });
    });
    const done = ended.then(
      outcome => {
        this.#report(undefined, name);
        return outcome;
      },
      error => {
        child = undefined;
        isExplained = true;
        this.#report(error, name);
        return NOT_STARTED;
      },
    );
    const stop = () => (stopping ??= child ? endGroup(child, done, this.#graceMs) : Promise.resolve());
    return {
      command,
      done,
      stop,
      get isExplained() {
        return isExplained;
      },
    };
  }

  #spawn(command: string, name: string): ChildProcess {
    // /dev/null when nobody reads: a checker must never wait for its output to be taken.
    const output = this.#log.isEnabled('debug') ? 'pipe' : 'ignore';
    const child = spawn('/bin/sh', ['-c', USUAL_UMASK + command], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', output, output],
    });
    for (const stream of [child.stdout, child.stderr] as (Socket | null | undefined)[]) {
      if (!stream) continue;
      logLines(stream, line => this.#log.debug(`[${name}] checker: ${line}`));
      // What a checker leaves in the background may hold the pipe; that must not hold the server.
      child.once('exit', () => stream.unref());
    }
    return child;
  }

  /** Logs that shells cannot be started, and that they can again; not each of a thousand. */
  #report(error: unknown, name: string): void {
    const failing = error !== undefined;
    if (failing === this.#failing) return;
    this.#failing = failing;
    if (failing) this.#log.error(`[${name}] cannot run the checker, nor others: ${describeError(error)}`);
    else this.#log.info(`[${name}] checkers can be run again`);
  }
}

function toOutcome(status: number | null, signal: NodeJS.Signals | null): CheckOutcome {
  return signal === null
    ? { kind: 'exited', status: status ?? 0 }
    : { kind: 'killed', signal: constants.signals[signal] };
}
