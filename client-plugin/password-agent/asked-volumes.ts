import { readdirSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Log } from '../../common/log.js';
import type { Clock } from '../clock.js';
import type { Answer } from '../unlock/passfifo.js';
import type { Question, Scene } from '../unlock/unlock-plan.js';
import type { Privileges } from '../privileges.js';
import { deviceOf, whyNotForUs } from './ask-file.js';
import { answerQuestion } from './answer-question.js';
import type { AskedQuestion } from './question-files.js';
import { questionNames, readQuestions } from './question-files.js';
import type { Asking } from './wait-for-question.js';

/** How long to wait for what came of an answer: a slow key derivation takes tens of seconds. */
export const VERDICT_LIMIT_MS = 120_000;

/** Who asks for something else than a disk asks again at once, or not at all. */
export const SHORT_VERDICT_MS = 2_000;

/** When nobody has asked for that long, somebody else has answered; the next question starts another search. */
export const NOBODY_ASKS_MS = 60_000;

export interface AskedOptions {
  readonly directory: string;
  readonly privileges: Privileges;
  readonly clock: Clock;
  readonly log: Log;
  /** Lines that were said, not to be said again; added to here. */
  readonly said: Set<string>;
}

/** The questions of systemd's password agents, as volumes that ask; for one search. */
export class AskedVolumes {
  readonly #options: AskedOptions;
  #questions: readonly AskedQuestion[] = [];
  /** Volumes that were answered, with the time when they last asked. */
  readonly #answered = new Map<string, { readonly device: string | undefined; seenMs: number }>();
  #hasAnswered = false;
  #lastAskedMs: number;

  constructor(options: AskedOptions) {
    this.#options = options;
    this.#lastAskedMs = options.clock.nowMs();
  }

  /** Who asks: somebody whom we answer, only others, or nobody. */
  asking(): Asking {
    const { directory, privileges } = this.#options;
    if (this.#read().length > 0) return 'us';
    return privileges.asRoot(() => questionNames(directory)).length > 0 ? 'others' : 'nobody';
  }

  look(): Scene {
    const nowMs = this.#options.clock.nowMs();
    this.#questions = this.#read();
    if (this.#questions.length > 0) this.#lastAskedMs = nowMs;
    const questions = this.#questions.map(toQuestion);
    const asked = new Set(questions.map(({ volume }) => volume));
    const open = new Set<string>();
    for (const [volume, answered] of this.#answered) {
      const { device, seenMs } = answered;
      // As long as somebody asks, the answer has done nothing yet.
      if (asked.has(volume)) answered.seenMs = nowMs;
      else if (device !== undefined && isHeld(device)) open.add(volume);
      else if (nowMs - seenMs > (device === undefined ? SHORT_VERDICT_MS : VERDICT_LIMIT_MS))
        this.#answered.delete(volume);
    }
    const volumes = [...new Set([...asked, ...this.#answered.keys()])];
    const isIdle = this.#hasAnswered || nowMs - this.#lastAskedMs > NOBODY_ASKS_MS;
    return { volumes, open, questions, isOver: volumes.length === 0 && isIdle };
  }

  answer({ id, volume }: Question, password: Uint8Array): Answer {
    const asked = this.#questions.find(({ key }) => key === id);
    if (!asked) return { kind: 'later' };
    const answer = this.#options.privileges.asRoot(() => answerQuestion(asked.socket, password));
    if (answer.kind === 'given') {
      this.#hasAnswered = true;
      this.#answered.set(volume, { device: deviceOf(asked), seenMs: this.#options.clock.nowMs() });
    }
    return answer;
  }

  #read(): AskedQuestion[] {
    const { directory, privileges, log, said } = this.#options;
    const once = (message: string) => {
      if (said.has(message) || said.size >= SAID_MAX) return;
      said.add(message);
      log.warning(message);
    };
    const questions = privileges.asRoot(() => readQuestions(directory, once));
    return questions.filter(question => {
      const why = whyNotForUs(question);
      if (why !== undefined) once(`the question "${question.message}" is not answered: ${why}`);
      return why === undefined;
    });
  }
}

/** Different lines about files: who may write there can make any number of them. */
const SAID_MAX = 64;

/** Who asks again for the same is known by the Id, or by what is asked. */
function toQuestion(asked: AskedQuestion): Question {
  const volume = deviceOf(asked) ?? asked.message;
  return { id: asked.key, volume, prompt: asked.message };
}

/** Whether a mapping stands on the device, as sysfs shows it. */
function isHeld(device: string): boolean {
  try {
    return readdirSync(join('/sys/class/block', basename(realpathSync(device)), 'holders')).length > 0;
  } catch {
    return false; // No such device, or none that sysfs knows.
  }
}
