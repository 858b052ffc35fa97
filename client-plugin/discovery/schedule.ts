/** RFC 6762 section 5.2: one second at least between the first two queries, then doubling. */
export const FIRST_INTERVAL_MS = 1000;
/**
 * The longest interval between queries. RFC 6762 allows an hour; a machine that cannot boot asks more often: a switch
 * port that forwards nothing for its first 30 s (spanning tree) swallows the announcements too.
 */
export const LONGEST_INTERVAL_MS = 20_000;
/** RFC 6762 section 10: the longest time to live it recommends; a forged record shall not live for years. */
const LONGEST_TTL_S = 75 * 60;
/** RFC 6762 sections 10.1 and 10.2: what is withdrawn or replaced goes after a second, unless said again. */
export const GRACE_MS = 1000;
/** RFC 6762 section 5.2: a record is asked for again at four fifths of its life. */
const REFRESH_AT = 0.8;

/** How long a record holds. */
export interface Lifetime {
  receivedMs: number;
  expiresMs: number;
}

/**
 * The life of a record that has been heard (again). It does not become shorter: answers to us alone have ten seconds
 * only (RFC 6762 section 6.7), whatever those to all have.
 */
export function lifetime(ttlS: number, nowMs: number, before?: Lifetime): Lifetime {
  const expiresMs = nowMs + 1000 * Math.min(ttlS, LONGEST_TTL_S);
  return { receivedMs: nowMs, expiresMs: Math.max(expiresMs, before?.expiresMs ?? 0) };
}

/** Ends a record's life, with the grace in which it can be said again. */
export function withdraw(life: Lifetime, nowMs: number): void {
  life.expiresMs = Math.min(life.expiresMs, nowMs + GRACE_MS);
}

/** Whether it goes within the grace. */
export function isWithdrawn(life: Lifetime, nowMs: number): boolean {
  return life.expiresMs <= nowMs + GRACE_MS;
}

/** When a question is asked (again). */
export class Schedule {
  dueMs: number;
  #intervalMs = FIRST_INTERVAL_MS;

  constructor(nowMs: number) {
    this.dueMs = nowMs;
  }

  asked(nowMs: number): void {
    this.dueMs = nowMs + this.#intervalMs;
    this.#intervalMs = Math.min(2 * this.#intervalMs, LONGEST_INTERVAL_MS);
  }

  answered(life: Lifetime): void {
    this.dueMs = life.receivedMs + (life.expiresMs - life.receivedMs) * REFRESH_AT;
    this.#intervalMs = FIRST_INTERVAL_MS;
  }

  /** Asks at a time, if not before, and then as often as at first. */
  restart(atMs: number): void {
    this.dueMs = Math.min(this.dueMs, atMs);
    this.#intervalMs = FIRST_INTERVAL_MS;
  }
}
