/** A program that asks for a volume's password now. */
export interface Question {
  /** Of this one process: a number that another had before is another question. */
  readonly id: string;
  readonly volume: string;
  /** What stands on the console. */
  readonly prompt: string;
}

/** What can be seen at one moment. */
export interface Scene {
  /** All that are to be opened; empty as long as that is not known. */
  readonly volumes: readonly string[];
  readonly open: ReadonlySet<string>;
  readonly questions: readonly Question[];
  /** Nobody will ask any more, whatever is open. */
  readonly isOver?: boolean;
}

/** What has come of a look, and what is to be done now. */
export interface Step {
  /** Volumes that our password has opened. */
  readonly unlocked: readonly string[];
  /** Volumes that our password does not open. */
  readonly rejected: readonly string[];
  /** Give it the password. */
  readonly give: Question | undefined;
  /** Every volume is open, or nobody will ask any more. */
  readonly done: boolean;
  /** Whether something is to be expected soon: a question to answer, or what came of an answer. */
  readonly expecting: boolean;
}

/** What a volume was given. */
interface Answered {
  readonly password: string;
  /** The questions that were answered. */
  readonly given: ReadonlySet<string>;
  /** All that were asked then: one that is not among them is asked because of the answer. */
  readonly known: ReadonlySet<string>;
}

/**
 * Who gets the password, and when: each volume that asks, once for each different password. An operator who types has
 * all other tries, and a volume that is opened by typing is none of ours.
 */
export class UnlockPlan {
  /** Of the password at hand; undefined without one. */
  #password: string | undefined;
  /** Answers of which nothing has come yet, by volume. */
  readonly #answered = new Map<string, Answered>();
  #questions: readonly Question[] = [];
  /** Passwords that a volume was given and was not opened by. */
  readonly #rejected = new Map<string, Set<string>>();

  /** @param fingerprint the same for the same password, different for a different one; not secret */
  setPassword(fingerprint: string): void {
    this.#password = fingerprint;
  }

  /** The question, one of the last step's, has been answered with the password at hand. */
  answered({ id, volume }: Question): void {
    if (this.#password === undefined) return;
    const before = this.#answered.get(volume);
    const known = this.#questions.filter(question => question.volume === volume).map(question => question.id);
    this.#answered.set(volume, {
      password: this.#password,
      given: new Set([...(before?.given ?? []), id]),
      known: new Set([...(before?.known ?? []), ...known]),
    });
  }

  step({ volumes, open, questions, isOver = false }: Scene): Step {
    this.#questions = questions;
    const unlocked = [...this.#answered.keys()].filter(volume => open.has(volume));
    for (const volume of unlocked) this.#answered.delete(volume);
    const rejected = this.#takeRejections(questions);
    const done = isOver || (volumes.length > 0 && volumes.every(volume => open.has(volume)));
    const locked = volumes.filter(volume => !open.has(volume));
    return {
      unlocked,
      rejected,
      give: done
        ? undefined
        : questions.find(question => locked.includes(question.volume) && this.#maySend(question)),
      done,
      expecting: !done && (volumes.length === 0 || locked.some(volume => this.#expects(volume))),
    };
  }

  /** Whether a volume that is still closed has rejected the password at hand. */
  needsAnother({ volumes, open }: Pick<Scene, 'volumes' | 'open'>): boolean {
    return volumes.some(volume => !open.has(volume) && this.#hasRejected(volume));
  }

  /** A volume that asks anew after the answer was not opened by it. */
  #takeRejections(questions: readonly Question[]): string[] {
    const rejected: string[] = [];
    for (const [volume, { known, password }] of this.#answered) {
      if (!questions.some(question => question.volume === volume && !known.has(question.id))) continue;
      this.#answered.delete(volume);
      const passwords = this.#rejected.get(volume) ?? new Set();
      this.#rejected.set(volume, passwords.add(password));
      rejected.push(volume);
    }
    return rejected;
  }

  #maySend({ id, volume }: Question): boolean {
    if (this.#password === undefined || this.#hasRejected(volume)) return false;
    const answered = this.#answered.get(volume);
    // Of several that ask for the same at once, each is answered.
    return (
      !answered || (answered.password === this.#password && answered.known.has(id) && !answered.given.has(id))
    );
  }

  #hasRejected(volume: string): boolean {
    return this.#password !== undefined && (this.#rejected.get(volume)?.has(this.#password) ?? false);
  }

  #expects(volume: string): boolean {
    return this.#answered.has(volume) || (this.#password !== undefined && !this.#hasRejected(volume));
  }
}
