import { counted } from '../../common/counted.js';
import type { Log } from '../../common/log.js';
import type { ClientEvent } from '../client/events.js';
import type { Alert } from './alert.js';
import { alertOf, floodOf, serverStarted, withCount } from './alert.js';
import { AlertQueue } from './alert-queue.js';
import { findHooks } from './find-hooks.js';
import { Paced } from './paced.js';
import { PacedKinds } from './paced-kinds.js';
import { runHook } from './run-hook.js';

/**
 * Between two alerts of unknown keys, which anybody on the network can make, and of refusals of a client for the same
 * reason: what came meanwhile is counted.
 */
const REFUSAL_PAUSE_MS = 10_000;
/** Between two lines on failed hooks, and on dropped alerts: a webhook that is down fails for each client. */
const REPORT_PAUSE_MS = 60_000;
/** How long hooks have to end by themselves when the server stops; the whole server has a second. */
const STOP_GRACE_MS = 300;
/** How long those that are then killed, and a file system that hangs, are waited for. */
const STOP_KILL_MS = 400;
/** How much of a hook's last line is quoted where its failure is said. */
const QUOTED_CHARS = 200;

export interface AlertEffects {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** @returns cancels it */
  after(delayMs: number, run: () => void): () => void;
}

/** What has become of alerts so far. */
export interface AlertCounts {
  readonly delivered: number;
  readonly failed: number;
  readonly dropped: number;
}

/**
 * Runs the administrator's hooks when something happens that somebody should hear of (mandos.conf(5), EVENTS). Nothing
 * ever waits for them. What goes wrong with them is said in the log, and nowhere else.
 */
export class Alerts {
  readonly #path: () => string | undefined;
  readonly #log: Log;
  readonly #effects: AlertEffects;
  readonly #queue: AlertQueue;
  readonly #refusals: PacedKinds<Alert>;
  readonly #failures: Paced<string>;
  readonly #drops: Paced<Alert>;
  readonly #stop = new AbortController();
  #said: readonly string[] = [];
  #delivered = 0;
  #failed = 0;
  #dropped = 0;

  /** @param path of on_event, as it is now: it changes with a reload */
  constructor(path: () => string | undefined, log: Log, effects: AlertEffects) {
    this.#path = path;
    this.#log = log;
    this.#effects = effects;
    const after: AlertEffects['after'] = (delayMs, run) => effects.after(delayMs, run);
    this.#queue = new AlertQueue(
      alert => this.#deliver(alert),
      alert => {
        this.#dropped++;
        this.#drops.add(alert);
      },
    );
    this.#refusals = new PacedKinds(REFUSAL_PAUSE_MS, after, (alert, count) =>
      this.#queue.push(withCount(alert, count)),
    );
    this.#failures = new Paced(REPORT_PAUSE_MS, after, (line, count) => {
      const others = count > 1 ? ` (and ${counted(count - 1, 'other failure')} of hooks before it)` : '';
      log.warning(line + others);
    });
    this.#drops = new Paced(REPORT_PAUSE_MS, after, ({ event, client }, count) => {
      const last = client === undefined ? event : `${event} of ${client}`;
      log.error(`on_event: hooks are too slow: ${counted(count, 'event')} dropped, the last: ${last}`);
    });
  }

  get counts(): AlertCounts {
    return { delivered: this.#delivered, failed: this.#failed, dropped: this.#dropped };
  }

  hear(event: ClientEvent): void {
    if (this.#path() === undefined || this.#stop.signal.aborted) return;
    const alert = alertOf(event, this.#effects.nowMs());
    if (!alert) return;
    const flood = floodOf(alert);
    if (flood === undefined) this.#queue.push(alert);
    else this.#refusals.add(flood, alert);
  }

  /** The server serves. @param members what there is to say of it */
  started(members: object): void {
    if (this.#path() !== undefined) this.#queue.push(serverStarted(members, this.#effects.nowMs()));
  }

  /**
   * Gives the hooks a moment, then ends them.
   * @returns when they are gone, within a second; never rejects
   */
  async stop(): Promise<void> {
    this.#refusals.flush();
    await this.#idle(STOP_GRACE_MS);
    const left = this.#queue.clear();
    if (left > 0) this.#log.warning(`on_event: ${counted(left, 'event')} not delivered: the server stops`);
    this.#stop.abort();
    await this.#idle(STOP_KILL_MS);
    this.#refusals.flush();
    this.#failures.flush();
    this.#drops.flush();
  }

  async #idle(limitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([this.#queue.idle(), late]);
    clearTimeout(timer);
  }

  async #deliver(alert: Alert): Promise<void> {
    const path = this.#path();
    // A reload may have switched it off.
    if (path === undefined) return;
    const { hooks, problems } = await findHooks(path, process.geteuid?.() ?? 0);
    this.#say(problems);
    let isDelivered = hooks.length > 0;
    for (const hook of hooks) {
      if (this.#stop.signal.aborted) {
        isDelivered = false;
        break;
      }
      const { problem, output } = await runHook(hook, alert, this.#stop.signal);
      const what = `${hook}: ${alert.event}${alert.client === undefined ? '' : ` of ${alert.client}`}`;
      for (const line of output) this.#log.debug(`${what}: ${line}`);
      if (problem === undefined) continue;
      isDelivered = false;
      const last = output.at(-1)?.slice(0, QUOTED_CHARS);
      const line = `${what}: ${problem}${last === undefined ? '' : `: ${last}`}`;
      this.#log.debug(line);
      this.#failures.add(line);
    }
    if (isDelivered) this.#delivered++;
    else this.#failed++;
  }

  /** What is wrong is said when it begins, not with each event. */
  #say(problems: readonly string[]): void {
    for (const problem of problems) if (!this.#said.includes(problem)) this.#log.error(problem);
    this.#said = problems;
  }
}
