import type { Log } from '../../common/log.js';
import type { Client } from './client.js';
import type { Origin, Peer } from './events.js';
import type { Ledger } from './ledger.js';
import type { Registry } from './registry.js';
import type { Refusal } from './release-policy.js';
import { approvalNow, decideRelease, findRefusal } from './release-policy.js';
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
  /** Never rejects. Does not settle when the request is closed before it is decided. */
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

/** All requests for secrets, those that wait for an operator among them. */
export class Requests {
  readonly #registry: Registry;
  readonly #ledger: Ledger;
  readonly #log: Log;
  readonly #effects: RequestEffects;
  readonly #waiting = new Map<string, Set<WaitingRequest>>();

  constructor(registry: Registry, ledger: Ledger, log: Log, effects: RequestEffects) {
    this.#registry = registry;
    this.#ledger = ledger;
    this.#log = log;
    this.#effects = effects;
    registry.events.subscribe(event => {
      if (event.kind === 'changed' || event.kind === 'removed') this.#reconsider(event.client.settings.name);
    });
  }

  /** @param keyId that was proven, lower-case hexadecimal */
  ask(keyId: string, peer: Peer): ReleaseRequest {
    const first = decideRelease(this.#registry.findByKeyId(keyId), keyId, this.#effects.nowMs(), false);
    if (first.kind === 'wait') return this.#wait(first.client, keyId, peer, first.delayMs);
    const sent = () => {
      if (first.client) this.#sent(keyId, peer, first.client);
    };
    return { verdict: this.#conclude(first, keyId, peer), sent, close: () => {} };
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

  #wait(client: Client, keyId: string, peer: Peer, delayMs: number): ReleaseRequest {
    const { name } = client.settings;
    let decide!: (verdict: Promise<FinalVerdict>) => void;
    const verdict = new Promise<FinalVerdict>(resolve => {
      decide = resolve;
    });
    let isOpen = true;
    const close = () => {
      if (!isOpen) return;
      isOpen = false;
      this.#forget(name, request);
      this.#registry.update(name, endApprovalRequest);
    };
    const settle = (outcome: FinalVerdict) => {
      this.#forget(name, request);
      decide(this.#conclude(outcome, keyId, peer));
      if (outcome.kind === 'refuse') close();
    };
    const cancel = this.#effects.after(delayMs, () => {
      const holder = this.#registry.findByKeyId(keyId);
      const outcome = decideRelease(holder, keyId, this.#effects.nowMs(), true);
      if (outcome.kind !== 'wait') settle(outcome);
    });
    const request: WaitingRequest = { keyId, settle, cancel };
    const others = this.#waiting.get(name);
    if (others) others.add(request);
    else this.#waiting.set(name, new Set([request]));
    const nowMs = this.#effects.nowMs();
    const waiting = this.#registry.update(name, current => requestApproval(current, nowMs)) ?? client;
    this.#registry.events.emit({ kind: 'approval-needed', client: waiting, keyId, peer, delayMs });
    return { verdict, sent: () => this.#sent(keyId, peer, client), close };
  }

  #forget(name: string, request: WaitingRequest): void {
    request.cancel();
    const requests = this.#waiting.get(name);
    requests?.delete(request);
    if (requests?.size === 0) this.#waiting.delete(name);
  }

  /** Whether what has become of a client decides its waiting requests: another default does so only when they end. */
  #reconsider(name: string): void {
    for (const { keyId, settle } of this.#waiting.get(name) ?? []) {
      const client = this.#registry.findByKeyId(keyId);
      const nowMs = this.#effects.nowMs();
      const refusal = findRefusal(client, keyId, nowMs);
      if (refusal) settle(refusal);
      else if (client && approvalNow(client, nowMs) === true) settle({ kind: 'release', client });
    }
  }

  async #conclude(verdict: FinalVerdict, keyId: string, peer: Peer): Promise<FinalVerdict> {
    const outcome = verdict.kind === 'release' ? await this.#count(verdict.client, keyId) : verdict;
    if (outcome.kind === 'refuse') {
      const { client } = outcome;
      this.#registry.events.emit({ kind: 'refused', client, keyId, peer, refusal: outcome });
    }
    return outcome;
  }

  /** Counts a release before it is made, and looks again: the client may have been disabled meanwhile. */
  async #count(client: Client, keyId: string): Promise<FinalVerdict> {
    const { name } = client.settings;
    const nowMs = this.#effects.nowMs();
    const transition = (current: Client) => countRelease(current, nowMs);
    const stored = this.#ledger.decide([{ kind: 'update', name, transition }]).then(
      () => 'stored',
      () => 'failed',
    );
    let cancel = () => {};
    const late = new Promise<string>(resolve => {
      cancel = this.#effects.after(COUNT_WAIT_MS, () => resolve('late'));
    });
    const outcome = await Promise.race([stored, late]);
    cancel();
    if (outcome === 'late') this.#log.error(`${name}: releasing, although the state is not stored after 2 s`);
    // The count itself is not lost: it is written when the disk can be written again.
    if (outcome === 'failed') this.#registry.update(name, transition);
    const holder = this.#registry.findByKeyId(keyId);
    const refusal = findRefusal(holder, keyId, this.#effects.nowMs());
    return refusal ?? { kind: 'release', client: holder ?? client };
  }

  #sent(keyId: string, peer: Peer, asked: Client): void {
    const nowMs = this.#effects.nowMs();
    const extend = (client: Client) => extendAfterRelease(client, nowMs);
    const client = this.#registry.update(asked.settings.name, extend) ?? asked;
    this.#registry.events.emit({ kind: 'released', client, keyId, peer });
  }
}

interface WaitingRequest {
  readonly keyId: string;
  settle(verdict: FinalVerdict): void;
  cancel(): void;
}
