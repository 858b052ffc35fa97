import { createHmac, randomBytes } from 'node:crypto';
import type { Log } from '../../common/log.js';
import type { Clock } from '../clock.js';
import type { Answer } from './passfifo.js';
import type { Obtain } from './password-search.js';
import { searchPasswords } from './password-search.js';
import type { Question, Scene } from './unlock-plan.js';
import { UnlockPlan } from './unlock-plan.js';

/** How often to look while there is a password to give, or something is to come of it: the boot waits for that. */
export const CLOSE_LOOK_MS = 100;

/** How often to look otherwise: somebody may have typed the password, and then nobody needs us. */
export const DISTANT_LOOK_MS = 1000;

export interface UnlockOptions {
  readonly obtain: Obtain;
  readonly look: () => Scene;
  /** Calls back when it is worth to look again at once. @returns ends that. Default: what is seen now and then */
  readonly changes?: (look: () => void) => () => void;
  /** Gives a question the password, or says why not. */
  readonly answer: (question: Question, password: Uint8Array) => Answer;
  readonly clock: Clock;
  readonly log: Log;
  /** Nobody needs the volumes any more. */
  readonly signal: AbortSignal;
}

/**
 * Looks for the password from the start, and gives it to each volume that asks for one, until all are open.
 * @throws MandosError when there can never be a password; the signal's reason
 */
export async function unlockVolumes(options: UnlockOptions): Promise<void> {
  await new Unlocking(options).run();
}

class Unlocking {
  readonly #options: UnlockOptions;
  readonly #plan = new UnlockPlan();
  /** Makes fingerprints of passwords that tell nobody else anything. */
  readonly #key = randomBytes(32);
  readonly #end = new AbortController();
  #password: Uint8Array | undefined;
  #needAnother = () => {};
  #cancelLook = () => {};
  #finish = () => {};
  #fail: (error: unknown) => void = () => {};
  /** Said once each. */
  readonly #refusals = new Set<string>();

  constructor(options: UnlockOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { obtain, clock, log, signal, changes } = this.#options;
    signal.throwIfAborted();
    const giveUp = () => this.#end.abort(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    const allOpen = new Promise<void>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    const searching = searchPasswords({ obtain, clock, log, signal: this.#end.signal }, password =>
      this.#accept(password),
    );
    const ignoreChanges = changes?.(() => this.#look());
    this.#look();
    try {
      await Promise.race([allOpen, searching]);
    } finally {
      signal.removeEventListener('abort', giveUp);
      ignoreChanges?.();
      this.#cancelLook();
      this.#end.abort();
      // It tidies up: network interfaces, hooks.
      await searching.catch(() => {});
      this.#password?.fill(0);
    }
  }

  #accept(password: Uint8Array): Promise<void> {
    this.#password?.fill(0);
    this.#password = password;
    this.#plan.setPassword(createHmac('sha256', this.#key).update(password).digest('hex'));
    return new Promise((resolve, reject) => {
      this.#needAnother = resolve;
      const { signal } = this.#end;
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      this.#look();
    });
  }

  #look(): void {
    this.#cancelLook();
    if (this.#end.signal.aborted) return;
    try {
      const scene = this.#options.look();
      const step = this.#plan.step(scene);
      const { log, clock } = this.#options;
      for (const volume of step.unlocked) log.info(`unlocked "${volume}"`);
      for (const volume of step.rejected)
        log.warning(`the password from the server does not open "${volume}"`);
      if (step.done) {
        this.#finish();
        return;
      }
      if (step.give) this.#give(step.give);
      if (this.#plan.needsAnother(scene)) this.#needAnother();
      const isClose = this.#password !== undefined && step.expecting;
      this.#cancelLook = clock.after(isClose ? CLOSE_LOOK_MS : DISTANT_LOOK_MS, () => this.#look());
    } catch (error) {
      this.#fail(error);
    }
  }

  #give(question: Question): void {
    if (!this.#password) return;
    const answer = this.#options.answer(question, this.#password);
    if (answer.kind === 'given') this.#plan.answered(question);
    if (answer.kind !== 'refused' || this.#refusals.has(answer.why)) return;
    this.#refusals.add(answer.why);
    this.#options.log.error(`"${question.volume}" is not given the password: ${answer.why}`);
  }
}
