import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { Clock } from '../clock.js';
import type { Privileges } from '../privileges.js';

/** Milliseconds for one hook to bring its interface up: a wireless network or a VPN may take most of a minute. */
const START_LIMIT_MS = 60_000;
/** Milliseconds for one hook to take its interface down: the boot waits for it. */
const STOP_LIMIT_MS = 5_000;
/** Milliseconds that a hook has from SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 1_000;

/** mandos-client(8mandos), NETWORK HOOKS, REQUIREMENTS. */
const HOOK_NAME = /^[A-Za-z0-9_.-]+$/;

type Mode = 'start' | 'stop';
type Environment = Readonly<Record<string, string | undefined>>;

/** What hooks are told of the command line. */
export interface HookSettings {
  /** `--network-hook-dir`. */
  readonly directory: string;
  /** `--interface` as given; several with commas between them, none as ''. */
  readonly device: string;
  readonly delayMs: number;
  /** `--connect` as given; several with commas between them. */
  readonly connect: string | undefined;
  readonly debug: boolean;
}

export interface HooksOptions {
  readonly settings: HookSettings;
  /** What hooks inherit. */
  readonly environment: Environment;
  readonly privileges: Privileges;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The names of the hooks in a directory, in the order in which they are started; none when there is no directory.
 * @throws the system's error when it cannot be read
 */
export function findHooks(directory: string): string[] {
  let names;
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter(name => HOOK_NAME.test(name))
    .filter(name => {
      const stat = statSync(join(directory, name), { throwIfNoEntry: false });
      return stat !== undefined && stat.isFile() && (stat.mode & 0o111) !== 0;
    })
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** The variables of mandos-client(8mandos), NETWORK HOOKS, over those that are inherited. */
export function hookEnvironment(settings: HookSettings, mode: Mode, inherited: Environment): Environment {
  return {
    ...inherited,
    MANDOSNETHOOKDIR: resolve(settings.directory),
    DEVICE: settings.device,
    MODE: mode,
    VERBOSITY: settings.debug ? '1' : '0',
    // As the original writes it.
    DELAY: (settings.delayMs / 1000).toFixed(6),
    CONNECT: settings.connect,
  };
}

interface HookCommand {
  readonly path: string;
  readonly mode: Mode;
  readonly environment: NodeJS.ProcessEnv;
}

/** Runs the network hooks, as root if the process was root's at first; each in a process group of its own. */
export class NetworkHooks {
  readonly #options: HooksOptions;
  /** Names of those that may have done something. */
  readonly #started: string[] = [];
  #starting: Promise<void> = Promise.resolve();
  #isStopping = false;
  /** What is being started. */
  #current: RunningHook | undefined;

  constructor(options: HooksOptions) {
    this.#options = options;
  }

  /**
   * Starts all, one after the other.
   * @returns settles when all have ended, or are not to be started any more; undefined when there are none
   */
  start(): Promise<void> | undefined {
    const { settings, privileges, log } = this.#options;
    let names: string[] = [];
    try {
      names = privileges.asRoot(() => findHooks(settings.directory));
    } catch (error) {
      log.warning(`cannot read the network hook directory ${settings.directory}: ${describeError(error)}`);
    }
    if (names.length === 0) return undefined;
    this.#starting = this.#startAll(names);
    return this.#starting;
  }

  /** Stops all that were started, the last one first, also those that failed: they may have done half of their work. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#current?.end('is not needed any more');
    await this.#starting;
    for (let name = this.#started.pop(); name !== undefined; name = this.#started.pop())
      await this.#run(name, 'stop', STOP_LIMIT_MS);
  }

  /** As `stop`, for who cannot wait: in a handler of the process's end. */
  stopNow(): void {
    this.#isStopping = true;
    this.#current?.kill('SIGKILL');
    for (let name = this.#started.pop(); name !== undefined; name = this.#started.pop()) {
      const { path, environment } = this.#command(name, 'stop');
      this.#options.privileges.asRoot(() =>
        spawnSync(path, ['stop'], {
          env: environment,
          stdio: ['ignore', 2, 2],
          timeout: STOP_LIMIT_MS,
          killSignal: 'SIGKILL',
        }),
      );
    }
  }

  async #startAll(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#isStopping) return;
      this.#started.push(name);
      await this.#run(name, 'start', START_LIMIT_MS);
    }
  }

  #command(name: string, mode: Mode): HookCommand {
    const { settings, environment } = this.#options;
    return {
      path: join(resolve(settings.directory), name),
      mode,
      environment: { ...hookEnvironment(settings, mode, environment) },
    };
  }

  /** Runs one to its end, and says what went wrong. */
  async #run(name: string, mode: Mode, limitMs: number): Promise<void> {
    const { log } = this.#options;
    const title = `network hook "${name}" (${mode})`;
    log.debug(`${title} is run`);
    const hook = new RunningHook(this.#command(name, mode), limitMs, this.#options);
    if (mode === 'start') this.#current = hook;
    const fault = await hook.ended;
    this.#current = undefined;
    if (fault !== undefined) log.warning(`${title} ${fault}`);
  }
}

/** A hook's process, and what it has left running in its group if it had to be ended. */
class RunningHook {
  /** What went wrong, if anything; never rejects. */
  readonly ended: Promise<string | undefined>;
  readonly #options: HooksOptions;
  #pid: number | undefined;
  #settle!: (fault: string | undefined) => void;
  #fault: string | undefined;
  #cancel = () => {};

  constructor({ path, mode, environment }: HookCommand, limitMs: number, options: HooksOptions) {
    this.#options = options;
    this.ended = new Promise(settle => {
      this.#settle = settle;
    });
    try {
      // What it prints goes to standard error, since a password may be read from standard output.
      const child = options.privileges.asRoot(() =>
        spawn(path, [mode], { env: environment, stdio: ['ignore', 2, 2], detached: true }),
      );
      this.#pid = child.pid;
      this.#cancel = options.clock.after(limitMs, () => this.end(`took longer than ${limitMs / 1000} s`));
      child.once('error', error => this.#finish(`cannot be run: ${describeError(error)}`));
      child.once('exit', (status, signal) => this.#finish(failure(status, signal)));
    } catch (error) {
      this.#finish(`cannot be run: ${describeError(error)}`);
    }
  }

  /** Asks it to end, and makes it when it does not. */
  end(why: string): void {
    if (this.#fault !== undefined) return;
    this.#fault = `${why}, and was ended`;
    this.#cancel();
    this.kill('SIGTERM');
    this.#cancel = this.#options.clock.after(KILL_AFTER_MS, () => this.#finish(undefined));
  }

  /** Sends a signal to its whole group. */
  kill(signal: NodeJS.Signals): void {
    const pid = this.#pid;
    if (pid === undefined) return;
    try {
      this.#options.privileges.asRoot(() => process.kill(-pid, signal));
    } catch {
      // It has ended.
    }
  }

  #finish(fault: string | undefined): void {
    this.#cancel();
    if (this.#fault !== undefined) this.kill('SIGKILL');
    this.#settle(this.#fault ?? fault);
  }
}

function failure(status: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (status === 0) return undefined;
  return status === null ? `was ended by ${signal ?? 'a signal'}` : `exited with status ${status}`;
}
