import type { RemoteInfo } from 'node:dgram';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import type { Family, Query, Response } from './link.js';
import { MDNS_PORT } from '../../common/mdns.js';
import { Link } from './link.js';
import { recordsAskedFor } from './query.js';
import type { HostAddress, Identity, OwnRecord } from './records.js';
import {
  compareProbes,
  goodbye,
  instanceDomain,
  isConflict,
  isSameRecord,
  ownLabels,
  sameName,
  serviceRecords,
  uniqueRecords,
} from './records.js';

/** RFC 6762 section 8.1: so many probes, so far apart; the first after a random part of that. */
const PROBES = 3;
const PROBE_GAP_MS = 250;
/** RFC 6762 section 8.2: how long the loser of a tie waits for the winner's announcement. */
const LOST_TIE_MS = 1000;
/** RFC 6762 section 8.3: two announcements a second apart at least; a third for links that lose packets. */
const ANNOUNCEMENT_GAPS_MS = [1000, 2000];
/** RFC 6762 section 6: an answer of which other hosts may have a part comes after a random wait. */
const SHARED_ANSWER_DELAY_MS = { min: 20, max: 120 };
/** RFC 6762 section 6: a record is multicast once a second at most, or sooner to defend it against a probe. */
const ANSWER_GAP_MS = 1000;
const DEFENCE_GAP_MS = PROBE_GAP_MS;
/** RFC 6762 section 6.7: how long who asks one-shot questions may keep an answer. Seconds. */
const ONE_SHOT_TTL = 10;

export interface ResponderHooks {
  /** The name is ours on this link: announced. */
  established(): void;
  /** Another host has the name. Comes while probing; the responder waits for `rename`. */
  taken(): void;
  /** Another host claims the name that was ours; it is probed for again. */
  disputed(): void;
  failed(error: NodeJS.ErrnoException): void;
}

export interface ResponderEffects {
  /** A clock that never goes back. */
  readonly nowMs: () => number;
  /** 0 to 1. */
  readonly random: () => number;
}

/**
 * Advertises the service on one link: probes for its name, announces it, answers queries, defends it (RFC 6762).
 *
 * An answer always has all records of the service; a few hundred bytes. So whatever is asked, and however often, one
 * packet a second goes out at most (four, while other hosts probe for the name). Besides those, each one-shot question
 * that the link lets through has an answer to its sender alone: so many for each neighbour, and in all.
 */
export class Responder {
  readonly #link: Link;
  readonly #hooks: ResponderHooks;
  readonly #effects: ResponderEffects;
  #identity: Identity;
  #addresses: readonly HostAddress[];
  #state: 'opening' | 'probing' | 'taken' | 'established' | 'stopped' = 'opening';
  /** The next step of probing or announcing. */
  #step: NodeJS.Timeout | undefined;
  #answer: { readonly timer: NodeJS.Timeout; readonly dueMs: number } | undefined;
  #lastAnswerMs = -Infinity;
  /** Other hosts may know us by the name in use. */
  #isAnnounced = false;
  /** Another host has claimed the name: from then on, this is why it is probed for. */
  #isDisputed = false;

  constructor(
    on: NetworkInterface,
    family: Family,
    identity: Identity,
    addresses: readonly HostAddress[],
    hooks: ResponderHooks,
    effects: ResponderEffects,
  ) {
    this.#identity = identity;
    this.#addresses = addresses;
    this.#hooks = hooks;
    this.#effects = effects;
    const handlers = {
      ready: () => this.#probe(),
      query: (query: Query, from: RemoteInfo) => this.#onQuery(query, from),
      response: (response: Response) => this.#onResponse(response),
      failed: (error: NodeJS.ErrnoException) => hooks.failed(error),
    };
    this.#link = new Link(on, family, ownLabels(identity), handlers, effects.nowMs);
  }

  get isEstablished(): boolean {
    return this.#state === 'established';
  }

  /**
   * Takes another name, after `taken` on this or another link.
   * @param delayMs wait before it is probed for
   */
  rename(identity: Identity, delayMs: number): void {
    const old = uniqueRecords(this.#identity).filter(isOursAlone);
    this.#identity = identity;
    this.#link.setLabels(ownLabels(identity));
    if (this.#isAnnounced) void this.#link.multicast('response', { answers: goodbye(old) });
    this.#isAnnounced = false;
    this.#isDisputed = true;
    if (this.#state !== 'opening') this.#probe(delayMs);
  }

  /** Gives the interface's addresses, which may have changed; announces what has. */
  setAddresses(on: NetworkInterface, addresses: readonly HostAddress[]): void {
    this.#link.setNetwork(on);
    const before = this.#records();
    this.#addresses = addresses;
    const now = this.#records();
    const isIn = (list: readonly OwnRecord[]) => (record: OwnRecord) =>
      list.some(other => other.type === record.type && other.data === record.data);
    const isAddress = ({ type }: OwnRecord) => type === 'A' || type === 'AAAA';
    const removed = before.filter(record => isAddress(record) && !isIn(now)(record));
    const added = now.filter(record => isAddress(record) && !isIn(before)(record));
    if (removed.length + added.length > 0 && this.isEstablished) this.#announce(0, goodbye(removed));
  }

  /** Says goodbye for what is ours and closes. @returns when the packet is on its way */
  async stop(): Promise<void> {
    const own = this.isEstablished ? this.#records() : this.#records().filter(isOursAlone);
    this.#enter('stopped');
    if (this.#isAnnounced) await this.#link.multicast('response', { answers: goodbye(own) });
    this.#link.close();
  }

  /** Closes without a word: the interface has gone. */
  abandon(): void {
    this.#enter('stopped');
    this.#link.close();
  }

  #records(): OwnRecord[] {
    return serviceRecords(this.#identity, this.#addresses);
  }

  /** Leaves a state with all that it had planned. */
  #enter(state: 'probing' | 'taken' | 'established' | 'stopped'): void {
    clearTimeout(this.#step);
    clearTimeout(this.#answer?.timer);
    this.#answer = undefined;
    this.#state = state;
  }

  #probe(delayMs = 0): void {
    this.#enter('probing');
    const firstMs = delayMs + this.#effects.random() * PROBE_GAP_MS;
    this.#step = setTimeout(() => this.#sendProbe(1), firstMs);
  }

  #sendProbe(count: number): void {
    // The unicast-response bit, which RFC 6762 recommends here, is left out: a unicast answer would go to only one of
    // the programs that share the port, and multicast-dns cannot write it.
    const questions = [{ name: instanceDomain(this.#identity), type: 'ANY' as 'A' }];
    void this.#link.multicast('query', { questions, authorities: uniqueRecords(this.#identity) });
    const next = count < PROBES ? () => this.#sendProbe(count + 1) : () => this.#establish();
    this.#step = setTimeout(next, PROBE_GAP_MS);
  }

  #establish(): void {
    this.#enter('established');
    this.#announce(0);
    this.#hooks.established();
  }

  #announce(count: number, goodbyes: readonly OwnRecord[] = []): void {
    clearTimeout(this.#step);
    this.#multicastAll(goodbyes);
    const gapMs = ANNOUNCEMENT_GAPS_MS[count];
    if (gapMs !== undefined) this.#step = setTimeout(() => this.#announce(count + 1), gapMs);
  }

  #multicastAll(goodbyes: readonly OwnRecord[] = []): void {
    clearTimeout(this.#answer?.timer);
    this.#answer = undefined;
    this.#lastAnswerMs = this.#effects.nowMs();
    this.#isAnnounced = true;
    void this.#link.multicast('response', { answers: [...goodbyes, ...this.#records()] });
  }

  /** Plans an answer, unless an earlier one is planned already. */
  #answerAfter(delayMs: number, gapMs: number): void {
    const nowMs = this.#effects.nowMs();
    const dueMs = Math.max(nowMs + delayMs, this.#lastAnswerMs + gapMs);
    if (this.#answer && this.#answer.dueMs <= dueMs) return;
    clearTimeout(this.#answer?.timer);
    this.#answer = { dueMs, timer: setTimeout(() => this.#multicastAll(), dueMs - nowMs) };
  }

  #answerShared(): void {
    const { min, max } = SHARED_ANSWER_DELAY_MS;
    this.#answerAfter(min + this.#effects.random() * (max - min), ANSWER_GAP_MS);
  }

  #onQuery(query: Query, from: RemoteInfo): void {
    if (from.port !== MDNS_PORT) {
      this.#answerOneShot(query, from);
      return;
    }
    const { questions = [], answers = [], authorities = [] } = query;
    if (this.#state === 'probing') {
      const isRival = authorities.some(({ name }) => sameName(name, instanceDomain(this.#identity)));
      if (isRival && compareProbes(this.#identity, authorities) < 0) {
        this.#isDisputed = true;
        this.#probe(LOST_TIE_MS);
      }
    }
    if (this.#state !== 'established') return;
    const asked = recordsAskedFor(this.#records(), questions, answers);
    if (asked.length === 0) return;
    if (authorities.length > 0) this.#answerAfter(0, DEFENCE_GAP_MS);
    else if (asked.every(({ flush }) => flush)) this.#answerAfter(0, ANSWER_GAP_MS);
    else this.#answerShared();
  }

  /** RFC 6762 section 6.7: as an ordinary name server answers. */
  #answerOneShot(query: Query, from: RemoteInfo): void {
    const identity = this.#oneShotIdentity();
    const [question, ...more] = query.questions ?? [];
    if (!identity || !question || more.length > 0) return;
    const records = serviceRecords(identity, this.#addresses);
    const asked = recordsAskedFor(records, [question], query.answers ?? []);
    if (asked.length === 0) return;
    const forOne = (record: OwnRecord) => ({
      ...record,
      ttl: Math.min(record.ttl, ONE_SHOT_TTL),
      flush: false,
    });
    const others = records.filter(record => !asked.some(({ name }) => name === record.name));
    this.#link.unicast(
      {
        id: query.id ?? 0,
        questions: [question],
        answers: asked.map(forOne),
        additionals: others.map(forOne),
      },
      from,
    );
  }

  /**
   * While the name is disputed, which a hostile neighbour can go on with for ever, clients find the service under a name
   * that is nobody else's: that of the host, with its random part. A name that is probed for is not answered to.
   */
  #oneShotIdentity(): Identity | undefined {
    if (this.isEstablished) return this.#identity;
    if (this.#state !== 'probing' || !this.#isDisputed) return undefined;
    return { ...this.#identity, instance: this.#identity.host };
  }

  #onResponse(response: Response): void {
    const records = [...(response.answers ?? []), ...(response.additionals ?? [])];
    if (records.some(record => isConflict(this.#identity, record))) {
      this.#onConflict();
    } else if (this.isEstablished) {
      // Another host takes our records for its own and lets them end (RFC 6762 sections 6.6 and 10.1): say they live.
      const own = this.#records();
      const isEnded = records.some(record =>
        own.some(mine => isSameRecord(mine, record) && 'ttl' in record && (record.ttl ?? 0) < mine.ttl / 2),
      );
      if (isEnded) this.#answerShared();
    }
  }

  #onConflict(): void {
    this.#isDisputed = true;
    if (this.#state === 'probing') {
      this.#enter('taken');
      this.#hooks.taken();
    } else if (this.#state === 'established') {
      // RFC 6762 section 9: back to probing, where the other host's answer, or the tie, decides.
      this.#probe();
      this.#hooks.disputed();
    }
  }
}

/** The records that hold our host name. While the name is in dispute, others may be those of its owner, to the byte. */
function isOursAlone({ type }: OwnRecord): boolean {
  return type === 'SRV' || type === 'A' || type === 'AAAA';
}
