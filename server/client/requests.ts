import type { Log } from '../../common/log.js';
import type { CheckOutcome, Client } from './client.js';
import type { ClientEvent, Origin, Peer } from './events.js';
import type { Ledger } from './ledger.js';
import type { Registry } from './registry.js';
import { ReleasePlaces } from './release-places.js';
import type { ReleaseCheckRun } from './release-checks.js';
import { ReleaseChecks } from './release-checks.js';
import type { Refusal, Verdict } from './release-policy.js';
import {
  decideRelease,
  denied,
  findLimit,
  findObstacle,
  findRefusal,
  impostor,
  tooManyPending,
  unknown,
} from './release-policy.js';
import {
  approve,
  countRelease,
  endApprovalRequest,
  extendAfterRelease,
  requestApproval,
} from './releases.js';

/** What a request comes to in the end. */
export type FinalVerdict = { readonly kind: 'release'; readonly client: Client } | Refusal;

/** Somebody who has proved a key asks for the secret that belongs to it. */
export interface ReleaseRequest {
  /**
   * Never rejects. Does not settle when the request is closed before it is decided. A release holds for the turn in
   * which it settles: the secret is sent then, or not at all.
   */
  readonly verdict: Promise<FinalVerdict>;
  /** The secret has been sent. */
  sent(): void;
  /** The connection is over: whatever waited is forgotten. To be called in any case, last. */
  close(): void;
}

export interface RequestEffects {
  /** Milliseconds since the Unix epoch that never go back. */
  nowMs(): number;
  /** @returns cancels it */
  after(delayMs: number, run: () => void): () => void;
  /** Local time, in minutes since Monday 00:00. */
  readonly minuteOfWeek: () => number;
  /**
   * Runs a client's checker now, whatever becomes of its checks.
   * @returns how it ended; never rejects, and settles in a time that is bounded
   */
  checkNow(client: Client): Promise<CheckOutcome>;
  /** How many requests of one client may wait for an operator at once. */
  maxPendingApprovals(): number;
}

/**
 * How long a release waits to be counted on the disk. A disk that hangs must not keep machines from booting; their
 * count is written when it can be.
 */
const COUNT_WAIT_MS = 2_000;

/** A request of a client that was known when it came, until it is closed or refused. */
interface OpenRequest {
  /** The client's: should its key become another client's, the request does not go with it. */
  readonly name: string;
  readonly keyId: string;
  readonly peer: Peer;
  readonly sinceMs: number;
  readonly answer: (verdict: FinalVerdict) => void;
  /** Waits for an operator, for the client's checker, for the disk; and what comes of it. */
  phase: 'waiting' | 'checking' | 'counting' | 'released' | 'sent' | 'over';
  /** Whether the client counts it among those that wait for an operator. */
  isPending: boolean;
  /** Its client was removed: who comes after it with the same name is another. */
  isOrphan: boolean;
  /** As it was when its secret was released. */
  released: Client | undefined;
  cancelTimer: () => void;
}

/** All requests for secrets, those that wait for an operator among them. */
export class Requests {
  readonly #registry: Registry;
  readonly #ledger: Ledger;
  readonly #log: Log;
  readonly #effects: RequestEffects;
  readonly #open = new Map<string, Set<OpenRequest>>();
  readonly #checks: ReleaseChecks;
  readonly #places = new ReleasePlaces();

  constructor(registry: Registry, ledger: Ledger, log: Log, effects: RequestEffects) {
    this.#registry = registry;
    this.#ledger = ledger;
    this.#log = log;
    this.#effects = effects;
    this.#checks = new ReleaseChecks(effects);
    registry.events.subscribe(event => this.#hear(event));
  }

  /** @param keyId that was proven, lower-case hexadecimal */
  ask(keyId: string, peer: Peer): ReleaseRequest {
    const sinceMs = this.#effects.nowMs();
    const first = this.#judge(this.#registry.findByKeyId(keyId), keyId, false);
    if (first.kind === 'refuse') {
      this.#emitRefused(first, keyId, peer);
      return { verdict: Promise.resolve(first), sent: () => {}, close: () => {} };
    }
    let answer!: (verdict: FinalVerdict) => void;
    const verdict = new Promise<FinalVerdict>(resolve => {
      answer = resolve;
    });
    const { name } = first.client.settings;
    const request: OpenRequest = {
      name,
      keyId,
      peer,
      sinceMs,
      answer,
      phase: 'waiting',
      isPending: false,
      isOrphan: false,
      released: undefined,
      cancelTimer: () => {},
    };
    const others = this.#open.get(name);
    if (others) others.add(request);
    else this.#open.set(name, new Set([request]));
    void this.#look(request, first.client);
    if (first.kind === 'wait') this.#wait(request, first.delayMs);
    else void this.#proceed(request);
    return { verdict, sent: () => this.#sent(request), close: () => this.#close(request) };
  }

  /**
   * An operator approves or denies what waits, and what comes within approval_duration.
   * @throws MandosError STATE when it cannot be stored; then nothing is decided
   */
  approve(name: string, granted: boolean, by: Origin): Promise<void> {
    const nowMs = this.#effects.nowMs();
    return this.#ledger.decide([
      {
        kind: 'update',
        name,
        transition: client => approve(client, granted, nowMs),
        event: client => ({ kind: 'approved', client, by, granted }),
      },
    ]);
  }

  #wait(request: OpenRequest, delayMs: number): void {
    const { name, keyId, peer, sinceMs } = request;
    request.isPending = true;
    request.cancelTimer = this.#effects.after(delayMs, () => {
      const outcome = this.#judge(this.#registry.find(name), keyId, true);
      if (outcome.kind === 'refuse') this.#refuse(request, outcome);
      else void this.#proceed(request);
    });
    const client = this.#registry.update(name, current => requestApproval(current, sinceMs));
    if (client && request.phase === 'waiting') {
      this.#registry.events.emit({ kind: 'approval-needed', client, keyId, peer, delayMs });
    }
  }

  /** What is to become of a request now, as far as can be said without the checker and the disk. */
  #judge(owner: Client | undefined, keyId: string, hasWaited: boolean): Verdict {
    const verdict = decideRelease(owner, keyId, this.#effects.nowMs(), hasWaited);
    if (verdict.kind === 'refuse') return verdict;
    const { client } = verdict;
    const limit = this.#findLimit(client);
    if (limit || verdict.kind !== 'wait') return limit ?? verdict;
    const waiting = [...(this.#open.get(client.settings.name) ?? [])].filter(
      request => request.phase === 'waiting',
    ).length;
    return !hasWaited && waiting >= this.#effects.maxPendingApprovals()
      ? tooManyPending(client, waiting)
      : verdict;
  }

  #findLimit(client: Client): Refusal | undefined {
    return findLimit(client, this.#effects.minuteOfWeek, this.#places.taken(client));
  }

  /** Asks the client's checker at once; what it says is heard whatever has become of the request meanwhile. */
  async #look(request: OpenRequest, client: Client): Promise<void> {
    if (client.settings.releaseCheck === 'off') return;
    const run = this.#checks.of(client);
    if (await run.isUp) this.#alarm(request, run);
  }

  /** The machine is up. Each address that asks meanwhile is told of once. */
  #alarm(request: OpenRequest, run: ReleaseCheckRun): void {
    const { name, keyId, peer, phase, isOrphan } = request;
    const client = isOrphan ? undefined : this.#registry.find(name);
    if (!client || client.settings.releaseCheck === 'off') return;
    if (!run.toldOf.has(peer.address)) {
      run.toldOf.add(peer.address);
      this.#registry.events.emit({ kind: 'impostor', client, keyId, peer });
    }
    const isOpen = phase === 'waiting' || phase === 'checking';
    if (isOpen && client.settings.releaseCheck === 'deny') this.#refuse(request, impostor(client));
  }

  /** Nobody has anything against a release: where the checker has the last word, it is heard before the count. */
  async #proceed(request: OpenRequest): Promise<void> {
    request.cancelTimer();
    const client = this.#registry.find(request.name);
    if (client?.settings.releaseCheck === 'deny') {
      request.phase = 'checking';
      const run = this.#checks.of(client);
      const isUp = await run.isUp;
      if (isUp && request.phase === 'checking') this.#alarm(request, run);
      // It goes on where a reload has made a warning of it meanwhile.
      if (request.phase !== 'checking') return;
    }
    await this.#count(request);
  }

  /** What becomes of open requests when something becomes of their client. Another default counts when the wait ends. */
  #hear(event: ClientEvent): void {
    const requests = event.client && this.#open.get(event.client.settings.name);
    for (const request of requests ?? []) {
      if (event.kind === 'removed') request.isOrphan = true;
      if (!isUndecided(request)) continue;
      if (event.kind === 'changed') {
        const client = this.#registry.find(request.name);
        const obstacle = findObstacle(client, request.keyId, this.#effects.nowMs());
        if (obstacle) this.#refuse(request, obstacle);
      } else if (event.kind === 'removed') this.#refuse(request, unknown(request.keyId));
      else if (event.kind === 'approved') this.#hearOperator(request, event.client, event.granted);
    }
  }

  /**
   * A decision is for all that waited when it was made, however short it holds and however long the disk took to store
   * it; and for what came while it held.
   */
  #hearOperator(request: OpenRequest, client: Client, granted: boolean): void {
    if (!client.approval || request.sinceMs > client.approval.untilMs) return;
    if (!granted) this.#refuse(request, denied(client));
    else if (request.phase === 'waiting') void this.#proceed(request);
  }

  /** Counts a release before it is made, and looks again: the client may have been disabled meanwhile. */
  async #count(request: OpenRequest): Promise<void> {
    const { name, keyId, answer } = request;
    request.cancelTimer();
    const before = this.#registry.find(name);
    const limit = before && this.#findLimit(before);
    if (limit) {
      this.#refuse(request, limit);
      return;
    }
    request.phase = 'counting';
    const nowMs = this.#effects.nowMs();
    const transition = (current: Client) => countRelease(current, nowMs);
    const arrive = this.#places.take(name);
    const counted = this.#ledger
      .decide([{ kind: 'update', name, transition, event: arrive }], true)
      // The count itself is not lost: it is written when the disk can be written again.
      .catch(() => {
        arrive();
        this.#registry.update(name, transition);
      })
      .then(() => {
        // The client may have gone, and then there was nothing to count.
        arrive();
        return 'counted';
      });
    const late = new Promise<string>(resolve => {
      request.cancelTimer = this.#effects.after(COUNT_WAIT_MS, () => resolve('late'));
    });
    const outcome = await Promise.race([counted, late]);
    request.cancelTimer();
    if (request.phase !== 'counting') return;
    const client = this.#registry.find(name);
    const next = this.#ledger.foresee(name);
    const refusal =
      this.#refusalOf(client, keyId) ??
      this.#refusalOf(next, keyId) ??
      this.#foreseenDenial(request, client) ??
      // Of those that are counted, one is its own.
      (next && findLimit(next, this.#effects.minuteOfWeek, next.releasesSinceEnabled - 1));
    if (refusal || !client) {
      this.#refuse(request, refusal ?? unknown(keyId));
      return;
    }
    if (outcome === 'late') {
      this.#log.error(`${name}: releasing, although the state is not stored after ${COUNT_WAIT_MS / 1000} s`);
    }
    request.phase = 'released';
    request.released = client;
    answer({ kind: 'release', client });
  }

  /** A denial that the disk takes longer to store than it holds is for what waited when it was made, too. */
  #foreseenDenial({ name, sinceMs }: OpenRequest, now: Client | undefined): Refusal | undefined {
    const next = this.#ledger.foresee(name);
    const approval = next?.approval;
    const denies = approval?.granted === false && approval !== now?.approval && sinceMs <= approval.untilMs;
    return next && denies ? denied(next) : undefined;
  }

  #refusalOf(client: Client | undefined, keyId: string): Refusal | undefined {
    return findRefusal(client, keyId, this.#effects.nowMs());
  }

  #refuse(request: OpenRequest, refusal: Refusal): void {
    this.#end(request);
    this.#emitRefused(refusal, request.keyId, request.peer);
    request.answer(refusal);
    this.#endPending(request);
  }

  #emitRefused(refusal: Refusal, keyId: string, peer: Peer): void {
    this.#registry.events.emit({ kind: 'refused', client: refusal.client, keyId, peer, refusal });
  }

  #sent(request: OpenRequest): void {
    const { name, keyId, peer, released } = request;
    if (request.phase !== 'released' || !released) return;
    request.phase = 'sent';
    const nowMs = this.#effects.nowMs();
    const extended = request.isOrphan
      ? undefined
      : this.#registry.update(name, current => extendAfterRelease(current, nowMs));
    this.#registry.events.emit({ kind: 'released', client: extended ?? released, keyId, peer });
  }

  #close(request: OpenRequest): void {
    if (request.phase === 'over') return;
    const { phase, released: client, keyId, peer } = request;
    this.#end(request);
    if (phase === 'released' && client) {
      this.#registry.events.emit({ kind: 'release-interrupted', client, keyId, peer });
    }
    this.#endPending(request);
  }

  #end(request: OpenRequest): void {
    request.phase = 'over';
    request.cancelTimer();
    const requests = this.#open.get(request.name);
    requests?.delete(request);
    if (requests?.size === 0) this.#open.delete(request.name);
  }

  #endPending({ name, isPending, isOrphan }: OpenRequest): void {
    if (isPending && !isOrphan) this.#registry.update(name, endApprovalRequest);
  }
}

function isUndecided({ phase }: OpenRequest): boolean {
  return phase === 'waiting' || phase === 'checking' || phase === 'counting';
}
