import type { Log } from '../../common/log.js';
import type { Client } from './client.js';
import type { ClientEvent, Origin, Peer } from './events.js';
import type { Ledger } from './ledger.js';
import type { Registry } from './registry.js';
import type { Refusal } from './release-policy.js';
import { decideRelease, denied, findObstacle, findRefusal, unknown } from './release-policy.js';
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
  phase: 'waiting' | 'counting' | 'released' | 'sent' | 'over';
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

  constructor(registry: Registry, ledger: Ledger, log: Log, effects: RequestEffects) {
    this.#registry = registry;
    this.#ledger = ledger;
    this.#log = log;
    this.#effects = effects;
    registry.events.subscribe(event => this.#hear(event));
  }

  /** @param keyId that was proven, lower-case hexadecimal */
  ask(keyId: string, peer: Peer): ReleaseRequest {
    const sinceMs = this.#effects.nowMs();
    const first = decideRelease(this.#registry.findByKeyId(keyId), keyId, sinceMs, false);
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
    if (first.kind === 'wait') this.#wait(request, first.delayMs);
    else void this.#count(request);
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
      const outcome = decideRelease(this.#registry.find(name), keyId, this.#effects.nowMs(), true);
      if (outcome.kind === 'refuse') this.#refuse(request, outcome);
      else void this.#count(request);
    });
    const client = this.#registry.update(name, current => requestApproval(current, sinceMs));
    if (client && request.phase === 'waiting') {
      this.#registry.events.emit({ kind: 'approval-needed', client, keyId, peer, delayMs });
    }
  }

  /** What becomes of open requests when something becomes of their client. Another default counts when the wait ends. */
  #hear(event: ClientEvent): void {
    const requests = event.client && this.#open.get(event.client.settings.name);
    for (const request of requests ?? []) {
      if (event.kind === 'removed') request.isOrphan = true;
      if (request.phase !== 'waiting' && request.phase !== 'counting') continue;
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
    else if (request.phase === 'waiting') void this.#count(request);
  }

  /** Counts a release before it is made, and looks again: the client may have been disabled meanwhile. */
  async #count(request: OpenRequest): Promise<void> {
    const { name, keyId, answer } = request;
    request.cancelTimer();
    request.phase = 'counting';
    const nowMs = this.#effects.nowMs();
    const transition = (current: Client) => countRelease(current, nowMs);
    const counted = this.#ledger
      .decide([{ kind: 'update', name, transition }])
      // The count itself is not lost: it is written when the disk can be written again.
      .catch(() => void this.#registry.update(name, transition))
      .then(() => 'counted');
    const late = new Promise<string>(resolve => {
      request.cancelTimer = this.#effects.after(COUNT_WAIT_MS, () => resolve('late'));
    });
    const outcome = await Promise.race([counted, late]);
    request.cancelTimer();
    if (request.phase !== 'counting') return;
    const client = this.#registry.find(name);
    const refusal =
      this.#refusalOf(client, keyId) ??
      this.#refusalOf(this.#ledger.foresee(name), keyId) ??
      this.#foreseenDenial(request, client);
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
