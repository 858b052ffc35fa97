import { describeError } from '../../common/errors.js';
import type { ProcessExit, SessionProcess } from '../../common/libc-spawn.js';
import { spawnSession, spawnWithOutput } from '../../common/libc-spawn.js';
import type { Log } from '../../common/log.js';
import type { CheckOutcome } from '../client/client.js';
import { CheckerSlots } from './checker-slots.js';
import { logLines } from './output-lines.js';
import { signalGroup } from '../../common/process-group.js';
import { endGroup } from './process-group.js';
import type { RunningCheck } from './running-check.js';
import { NOT_FOUND, STOP_GRACE_MS, STOPPED } from './running-check.js';

/** How a check ends for which there is no shell. */
const NOT_STARTED: CheckOutcome = { kind: 'exited', status: NOT_FOUND };

/**
 * Goes before every command, since the server's own mask is for its state; on the same line, so that the shell's
 * complaints name the line that the configuration has.
 */
const USUAL_UMASK = 'umask 022; ';

/** A check by a shell of its own. */
export interface ShellCheck extends RunningCheck {
  /** When its shell was started, by performance.now(); undefined as long as it waits for its turn. */
  readonly startedMs: number | undefined;
}

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
  readonly #slots: CheckerSlots;
  #failing = false;

  /**
   * @param graceMs how long a checker that is told to end has before it is killed
   * @param slots for the shells; default: as many as there may be
   */
  constructor(log: Log, graceMs = STOP_GRACE_MS, slots = new CheckerSlots(log, () => Infinity)) {
    this.#log = log;
    this.#graceMs = graceMs;
    this.#slots = slots;
  }

  /**
   * Starts a checker, when it is its turn. With debug messages on, what it says is logged. Its `stop` reaches all its
   * children too, save those that have made a session of their own.
   * @param command after expansion
   * @param name the client's, for the log
   * @returns with exit status 127 when no shell can be started: too many processes or files, no memory
   */
  run(command: string, name: string): ShellCheck {
    let child: SessionProcess | undefined;
    let startedMs: number | undefined;
    let isExplained = false;
    let stopping: Promise<void> | undefined;
    let settle: (outcome: CheckOutcome) => void = () => {};
    const done = new Promise<CheckOutcome>(resolve => (settle = resolve));
    const fail = (error: unknown) => {
      child = undefined;
      isExplained = true;
      this.#report(error, name);
      settle(NOT_STARTED);
    };
    const ended = (exit: ProcessExit) => {
      child = undefined;
      this.#report(undefined, name);
      settle(toOutcome(exit));
    };
    const leave = this.#slots.take(release => {
      startedMs = performance.now();
      try {
        const started = this.#spawn(command, name, pid => {
          if (stopping) signalGroup({ pid }, 'SIGKILL');
        });
        child = started;
        void started.exit.then(ended).then(release);
      } catch (error) {
        fail(error);
        release();
      }
    });
    const end = async () => {
      if (child) await endGroup(child, done, this.#graceMs);
      else {
        leave();
        settle(STOPPED);
      }
    };
    return {
      command,
      done,
      stop: () => (stopping ??= end()),
      get isExplained() {
        return isExplained;
      },
      get startedMs() {
        return startedMs;
      },
    };
  }

  #spawn(command: string, name: string, onEnd: (pid: number) => void): SessionProcess {
    const args = ['-c', USUAL_UMASK + command];
    // /dev/null when nobody reads: a checker must never wait for its output to be taken.
    if (!this.#log.isEnabled('debug')) return spawnSession('/bin/sh', args, { onEnd });
    const child = spawnWithOutput('/bin/sh', args, { onEnd });
    for (const stream of [child.stdout, child.stderr]) {
      logLines(stream, line => this.#log.debug(`[${name}] checker: ${line}`));
      // What a checker leaves in the background may hold the pipe; that must not hold the server.
      void child.exit.then(() => stream.unref());
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

function toOutcome({ status, signal }: ProcessExit): CheckOutcome {
  return signal === null ? { kind: 'exited', status: status ?? 0 } : { kind: 'killed', signal };
}
