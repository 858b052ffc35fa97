import { listed } from '../../common/listed.js';
import type { Log } from '../../common/log.js';
import { TokenBucket } from '../../common/token-bucket.js';
import { addressUnit } from './address-unit.js';
import type { AdmissionCode } from './admission.js';

/** Lines of one kind at once about strangers: enough to see what it is, no more than a screen. */
const LINES_OF_KIND = 20;
/** One more in this time, and as often the sum of what was not shown. */
const SUMMARY_MS = 30_000;
/** Lines at once of one kind about one peer or client, so that it does not take what there is for all. */
const LINES_OF_ONE = 5;
/** One more in this time. */
const ONE_MORE_MS = 300_000;
/** Lines at once about clients: none is kept from the log by others, unless a whole fleet is refused. */
const LINES_OF_CLIENTS = 1_000;
/** One more in this time. */
const CLIENTS_MORE_MS = 100;
/** Peers or clients of a kind that are remembered for the lines they had. */
const REMEMBERED = 1_000;
/** Peers or clients that a sum counts one by one. */
const COUNTED = 1_000;
/** Of these it names so many. */
const NAMED = 3;

/** Why somebody was refused who is not known as a client. */
export type StrangerKind = AdmissionCode | 'failed' | 'unknown-key';

const WORDS: Readonly<Record<StrangerKind | 'client', string>> = {
  'denied-network': 'not in an allowed network',
  'not-link-local': 'not link-local',
  'too-many': 'too many connections',
  'too-many-from-address': 'too many connections from one address',
  'too-many-failures': 'too many failures',
  failed: 'failed before a key was proven',
  'unknown-key': 'unknown key',
  client: 'requests of clients',
};

export interface RefusalLogEffects {
  /** Milliseconds of any origin, never going back. */
  nowMs(): number;
  /** @returns cancels it */
  after(delayMs: number, run: () => void): () => void;
}

/**
 * Says who was refused, as a warning each, and keeps those who want to from filling the log: what is more than the
 * limits above is counted, and said in one line each SUMMARY_MS, with how many of which kind and from where. Each one
 * is still shown at debug level.
 *
 * Who is not a client costs nothing to be: addresses on a link and keys can be made up. So the lines of all strangers
 * together are few, for each kind apart: garbage does not hide that the server is full, nor an unknown key, which is
 * what an operator looks for who has just installed a machine. One peer has only some of them: a neighbour who floods
 * from one address leaves the others their lines.
 *
 * A refused client has proven the key that the configuration names. Nobody else can have it refused, so that each has
 * lines of its own, whatever others do: a disabled machine that asks again and again is seen beside a hundred others.
 */
export class RefusalLog {
  readonly #log: Log;
  readonly #effects: RefusalLogEffects;
  readonly #kinds = new Map<StrangerKind | 'client', Kind>();
  #hiddenSinceMs = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(log: Log, effects: RefusalLogEffects) {
    this.#log = log;
    this.#effects = effects;
  }

  /** @param address the peer's, as its socket has it @param line for the log */
  stranger(kind: StrangerKind, address: string, line: string): void {
    this.#say(kind, addressUnit(address), line);
  }

  /** @param name the client's @param line for the log */
  client(name: string, line: string): void {
    this.#say('client', name, line);
  }

  /** Says what has been counted until now. */
  close(): void {
    if (this.#cancelTimer) this.#sum();
  }

  #say(name: StrangerKind | 'client', who: string, line: string): void {
    const nowMs = this.#effects.nowMs();
    let kind = this.#kinds.get(name);
    if (!kind) this.#kinds.set(name, (kind = new Kind(name === 'client', nowMs)));
    if (kind.take(who, nowMs)) {
      this.#log.warning(line);
      return;
    }
    this.#log.debug(line);
    if (this.#cancelTimer) return;
    this.#hiddenSinceMs = nowMs;
    this.#cancelTimer = this.#effects.after(SUMMARY_MS, () => this.#sum());
  }

  #sum(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    let count = 0;
    const parts: string[] = [];
    for (const [name, kind] of this.#kinds) {
      if (kind.hidden === 0) continue;
      count += kind.hidden;
      parts.push(`${kind.hidden} ${WORDS[name]} (${kind.describe()})`);
      kind.reset();
    }
    const seconds = Math.ceil((this.#effects.nowMs() - this.#hiddenSinceMs) / 1000);
    this.#log.warning(`refused ${count} more in ${seconds} s: ${parts.join('; ')}`);
  }
}

/** What may be said of one kind, and what was not. */
class Kind {
  /** How often nothing was said since the last sum. */
  hidden = 0;
  readonly #lines: TokenBucket;
  readonly #linesOf = new Map<string, TokenBucket>();
  readonly #who = new Set<string>();

  constructor(ofClients: boolean, nowMs: number) {
    this.#lines = ofClients
      ? new TokenBucket(1000 / CLIENTS_MORE_MS, LINES_OF_CLIENTS, nowMs)
      : new TokenBucket(1000 / SUMMARY_MS, LINES_OF_KIND, nowMs);
  }

  /** Whether a line may be said; if not, it is counted. */
  take(who: string, nowMs: number): boolean {
    if (this.#takeOfOne(who, nowMs) && this.#lines.take(nowMs)) return true;
    this.hidden++;
    if (this.#who.size < COUNTED) this.#who.add(who);
    return false;
  }

  describe(): string {
    const who = [...this.#who];
    if (who.length < COUNTED) return listed(who, NAMED);
    return `${who.slice(0, NAMED).join(', ')} and at least ${COUNTED - NAMED} more`;
  }

  reset(): void {
    this.hidden = 0;
    this.#who.clear();
  }

  #takeOfOne(who: string, nowMs: number): boolean {
    const lines = this.#linesOf.get(who) ?? new TokenBucket(1000 / ONE_MORE_MS, LINES_OF_ONE, nowMs);
    // Again, and so as the last: who was not seen for longest is the first.
    this.#linesOf.delete(who);
    this.#linesOf.set(who, lines);
    const [oldest] = this.#linesOf.keys();
    if (this.#linesOf.size > REMEMBERED && oldest !== undefined) this.#linesOf.delete(oldest);
    return lines.take(nowMs);
  }
}
