/** One place to ask for the password. */
export interface Target {
  /** Numeric address, with `%interface` for a link-local one. */
  readonly host: string;
  readonly port: number;
  readonly origin: 'zeroconf' | 'given';
  /** What people call the server: its Zeroconf name, or the address as given. */
  readonly label: string;
}

/** A server, by all the addresses it has on one link, the preferred one first. */
export interface Server {
  /** The same for the same server each time it is reported. */
  readonly key: string;
  readonly targets: readonly Target[];
  /** Whether it has answered to us alone: others can make us hear of servers more easily than answer for them. */
  readonly isDirect?: boolean;
}

/** A try that is under way. */
export interface Try {
  readonly serverKey: string;
  readonly target: Target;
  readonly startedMs: number;
}

/** `unreachable`: no connection, so another address may do better at once; `failed`: anything after it. */
export type TryOutcome = 'unreachable' | 'failed';

/**
 * Tries at once. Networks have a few servers; the rest of this room is so that false ones, which anybody on the link
 * can announce, do not keep true ones waiting, at some 50 kB of memory each.
 */
export const MAX_TRIES = 64;
/** RFC 8305 section 5, Connection Attempt Delay: an address may take this long before the next one is tried too. */
export const STAGGER_MS = 250;
/**
 * What a connected server may take before its next address is tried: a server may wait for an operator's approval, and
 * should not be asked again and again meanwhile; but a false address must not keep the true ones from their turn.
 */
export const CONNECTED_PATIENCE_MS = 10_000;
/** How long a try may hold its place when others wait for one: see MAX_TRIES. */
export const PREEMPT_AFTER_MS = 30_000;
/**
 * The same for a try in which the server has not said anything yet. A true one speaks at once; so some hundred false
 * ones that take connections and are silent, or are nowhere, do not keep the true one waiting for long. Doubles with each
 * failure, for servers that are slow.
 */
export const SILENT_PREEMPT_AFTER_MS = 1_000;
/**
 * Servers that are not announced any more but wait for their first try: a flood of false ones drives the true ones from
 * the tables, so that they come and go. So many, at some kilobytes each, are remembered for a second in a flood of a
 * thousand a second, and thus until a true one has announced itself again.
 */
export const MAX_WAITING = 1024;
/** How many are left when there are more, so that they need not be sorted at each one that comes. */
const WAITING_LEFT = 896;
const KINDS = 3;
/** The first pause after a failure; it doubles up to `--retry`. */
export const FIRST_PAUSE_MS = 1000;
/** Part of a pause that is left to chance, so that machines that boot together do not knock together. */
const JITTER = 0.25;

interface ServerState {
  server: Server;
  /** How often each address was tried: the least tried is next, by preference among equals. */
  readonly attempts: Map<string, number>;
  isTried: boolean;
  /** How often it came: at first, and after each time that it was gone. */
  sightings: number;
  running: number;
  failures: number;
  /** When to begin the next try; Infinity while there is no idle address. */
  dueMs: number;
  /**
   * Not announced any more: begin nothing after the first try, but let what runs end by itself, as a goodbye can be
   * forged.
   */
  gone: boolean;
}

/** Two targets with the same key are the same place, whoever announced them. */
export function targetKey(target: Target): string {
  return `${target.host} ${target.port}`;
}

/**
 * Decides which server to try when. Pure: knows neither clock nor network.
 *
 * Every server is tried for ever, with pauses that grow from one second to `retryMs`. Of a server with several
 * addresses one is tried after another: at once when it cannot be reached, else each in its turn.
 *
 * When more wait than can be tried at once, places go in turn to three kinds of servers, so that no flood of one kind
 * keeps another waiting: those that have answered us alone, those that were only heard of, and those that have had a try.
 * Of the first two those go first that came most often, since a true server goes on announcing itself, and a random one
 * among equals.
 */
export class ServerTries {
  readonly #retryMs: number;
  readonly #random: () => number;
  readonly #servers = new Map<string, ServerState>();
  readonly #running = new Map<string, Try>();
  readonly #aborting = new Set<Try>();
  readonly #answered = new Set<Try>();
  /** The kind that has the next place. */
  #turn = 0;

  /**
   * @param options.retryMs longest pause between tries of the same server
   * @param options.random in [0, 1)
   */
  constructor(options: { readonly retryMs: number; readonly random: () => number }) {
    this.#retryMs = options.retryMs;
    this.#random = options.random;
  }

  /** Takes over what is known now: all servers, not only new ones. A new server or address is due at once. */
  setServers(servers: readonly Server[], nowMs: number): void {
    const keys = new Set(servers.map(server => server.key));
    for (const [key, state] of this.#servers) {
      if (keys.has(key)) continue;
      state.gone = true;
      if (state.isTried && state.running === 0) this.#servers.delete(key);
    }
    for (const server of servers) {
      const state = this.#servers.get(server.key);
      if (state) update(state, server, nowMs);
      else this.#servers.set(server.key, newState(server, nowMs));
    }
    const waiting = [...this.#servers.values()].filter(state => state.gone && !state.isTried);
    if (waiting.length <= MAX_WAITING) return;
    for (const { server } of this.#mostSeenFirst(waiting).slice(WAITING_LEFT))
      this.#servers.delete(server.key);
  }

  /**
   * What to do now. The tries to start count as running from here on; each of them, and each to abort, is reported by
   * `ended` when it has ended.
   */
  step(nowMs: number): { readonly start: readonly Try[]; readonly abort: readonly Try[] } {
    const start: Try[] = [];
    const abort: Try[] = [];
    let waiting = 0;
    if (this.#running.size >= MAX_TRIES && !this.#preemptible(nowMs)) return { start, abort };
    for (const state of this.#dueInOrder(nowMs)) {
      const target = this.#nextTarget(state);
      if (!target) {
        // Its only addresses are being tried: on its own account, or on that of another name for the same place.
        state.dueMs = state.running > 0 ? Infinity : nowMs + this.#pauseMs(state.failures);
        continue;
      }
      if (this.#running.size < MAX_TRIES) {
        start.push(this.#begin(state, target, nowMs));
        continue;
      }
      if (++waiting <= this.#aborting.size) continue;
      const oldest = this.#preemptible(nowMs);
      if (!oldest) break;
      this.#aborting.add(oldest);
      abort.push(oldest);
    }
    return { start, abort };
  }

  /** When to call `step` again if nothing happens before; Infinity for never. */
  nextMs(): number {
    let dueMs = Infinity;
    for (const state of this.#servers.values()) if (mayBegin(state)) dueMs = Math.min(dueMs, state.dueMs);
    if (this.#running.size < MAX_TRIES) return dueMs;
    let placeMs = Infinity;
    for (const attempt of this.#running.values()) {
      if (!this.#aborting.has(attempt)) placeMs = Math.min(placeMs, this.#preemptibleFromMs(attempt));
    }
    return Math.max(dueMs, placeMs);
  }

  /** The try has a connection: its server gets more time before it is tried at another address. */
  connected(attempt: Try, nowMs: number): void {
    const state = this.#servers.get(attempt.serverKey);
    if (state) state.dueMs = Math.max(state.dueMs, nowMs + CONNECTED_PATIENCE_MS);
  }

  /** The server has said something. */
  answered(attempt: Try): void {
    if (this.#running.get(targetKey(attempt.target)) === attempt) this.#answered.add(attempt);
  }

  /** The try has ended without a password. */
  ended(attempt: Try, outcome: TryOutcome, nowMs: number): void {
    const key = targetKey(attempt.target);
    this.#running.delete(key);
    this.#aborting.delete(attempt);
    this.#answered.delete(attempt);
    const state = this.#servers.get(attempt.serverKey);
    if (!state) return;
    state.running--;
    if (state.gone) {
      if (state.running === 0) this.#servers.delete(attempt.serverKey);
      return;
    }
    const tried = state.attempts.get(key) ?? 0;
    const next = this.#nextTarget(state);
    if (outcome === 'unreachable' && next && attemptsAt(state, next) < tried) state.dueMs = nowMs;
    else state.dueMs = nowMs + this.#pauseMs(++state.failures);
  }

  #dueInOrder(nowMs: number): Iterable<ServerState> {
    const due = [...this.#servers.values()].filter(state => mayBegin(state) && state.dueMs <= nowMs);
    const ofKind = (kind: number) => due.filter(state => kindOf(state) === kind);
    const queues = [
      this.#mostSeenFirst(ofKind(0)),
      this.#mostSeenFirst(ofKind(1)),
      ofKind(2).toSorted((a, b) => a.dueMs - b.dueMs),
    ];
    return inTurn(queues, this.#turn);
  }

  /** In random order among equals. */
  #mostSeenFirst(states: readonly ServerState[]): ServerState[] {
    return states
      .map(state => ({ state, chance: this.#random() }))
      .toSorted((a, b) => b.state.sightings - a.state.sightings || a.chance - b.chance)
      .map(({ state }) => state);
  }

  #begin(state: ServerState, target: Target, nowMs: number): Try {
    const attempt = { serverKey: state.server.key, target, startedMs: nowMs };
    this.#running.set(targetKey(target), attempt);
    this.#turn = (kindOf(state) + 1) % KINDS;
    state.running++;
    state.isTried = true;
    state.attempts.set(targetKey(target), attemptsAt(state, target) + 1);
    state.dueMs = this.#nextTarget(state) ? nowMs + STAGGER_MS : Infinity;
    return attempt;
  }

  #nextTarget(state: ServerState): Target | undefined {
    const idle = state.server.targets.filter(target => !this.#running.has(targetKey(target)));
    return idle.toSorted((a, b) => attemptsAt(state, a) - attemptsAt(state, b))[0];
  }

  /** The try that gives its place to another that waits, if one has to: the one that has had its time for longest. */
  #preemptible(nowMs: number): Try | undefined {
    let first: Try | undefined;
    let firstMs = nowMs;
    for (const attempt of this.#running.values()) {
      const fromMs = this.#aborting.has(attempt) ? Infinity : this.#preemptibleFromMs(attempt);
      if (fromMs > firstMs || (first && fromMs === firstMs)) continue;
      first = attempt;
      firstMs = fromMs;
    }
    return first;
  }

  #preemptibleFromMs(attempt: Try): number {
    if (this.#answered.has(attempt)) return attempt.startedMs + PREEMPT_AFTER_MS;
    const failures = this.#servers.get(attempt.serverKey)?.failures ?? 0;
    return attempt.startedMs + Math.min(PREEMPT_AFTER_MS, SILENT_PREEMPT_AFTER_MS * 2 ** failures);
  }

  #pauseMs(failures: number): number {
    const fullMs = Math.min(this.#retryMs, FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1));
    return fullMs * (1 - JITTER * this.#random());
  }
}

function newState(server: Server, nowMs: number): ServerState {
  return {
    server,
    attempts: new Map(),
    isTried: false,
    sightings: 1,
    running: 0,
    failures: 0,
    dueMs: nowMs,
    gone: false,
  };
}

/** Of those that wait: 0, has answered us alone, or was given by who started us; 1, was only heard of; 2, had a try. */
function kindOf({ isTried, server }: ServerState): number {
  if (isTried) return 2;
  return server.isDirect === true || server.targets[0]?.origin === 'given' ? 0 : 1;
}

/** One of each queue in turn, while it has any. @param first which begins */
function* inTurn<T>(queues: readonly (readonly T[])[], first: number): Generator<T> {
  const rounds = Math.max(...queues.map(({ length }) => length));
  for (let i = 0; i < rounds * queues.length; i++) {
    const next = queues[(first + i) % queues.length]?.[Math.floor(i / queues.length)];
    if (next !== undefined) yield next;
  }
}

function mayBegin(state: ServerState): boolean {
  return !state.gone || !state.isTried;
}

function attemptsAt(state: ServerState, target: Target): number {
  return state.attempts.get(targetKey(target)) ?? 0;
}

function update(state: ServerState, server: Server, nowMs: number): void {
  const known = new Map(state.server.targets.map(target => [targetKey(target), attemptsAt(state, target)]));
  const keys = server.targets.map(targetKey);
  // One less than the others have: next in turn, but not for many turns.
  const newcomer = Math.min(...known.values()) - 1;
  state.server = server;
  if (state.gone) state.sightings++;
  state.gone = false;
  state.attempts.clear();
  for (const key of keys) state.attempts.set(key, known.get(key) ?? newcomer);
  if (keys.every(key => known.has(key))) return;
  state.dueMs = Math.min(state.dueMs, state.running > 0 ? nowMs + STAGGER_MS : nowMs);
}
