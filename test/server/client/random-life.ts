import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { RunningCheck } from '../../../server/checker/running-check.js';
import { checkedOk, startCheck, stopCheck } from '../../../server/client/checks.js';
import type { CheckOutcome, Client } from '../../../server/client/client.js';
import { createClient, isExpired } from '../../../server/client/client.js';
import type { ClientEvent } from '../../../server/client/events.js';
import { BY_CONFIGURATION } from '../../../server/client/events.js';
import { RELEASE_CHECK_GOOD_MS } from '../../../server/client/release-checks.js';
import { approvalNow } from '../../../server/client/release-policy.js';
import { releaseWindowAt } from '../../../server/client/release-window.js';
import type { FinalVerdict } from '../../../server/client/requests.js';
import { overridesOf } from '../../../server/client/restore.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import { RELEASE_CHECKS } from '../../../server/client/settings.js';
import { SimulatedClock } from '../../client-plugin/simulation.js';
import { pick, seededRandom } from '../../support/random.js';
import { Asked, describe, FAILED, Heart, keyOf, OK, PEER, settingsOf, TestStore } from './heart.js';

const NAMES = ['a', 'b', 'c'] as const;
const KEYS = NAMES.map(keyOf) as [string, ...string[]];
/** Times at which things coincide, more often than by chance. */
const TIMES = [0, 0, 1, 500, 1_000, 2_000, 3_000, 6_000] as const;
const STEPS = 50;
/** Of the first minutes, in which a life passes. */
const WINDOWS = ['Mon 00:00-00:01', 'Mon 00:01-24:00'] as const;
/** A result that was good for as long as it may, a count that has waited for the disk as long as it may. */
const DOWN_FOR_MS = RELEASE_CHECK_GOOD_MS + 2_000;

const CONFIGURED = NAMES.map((name, i) =>
  settingsOf(name, {
    intervalMs: 2_000,
    timeoutMs: 5_000,
    extendedTimeoutMs: 8_000,
    approvalDelayMs: i * 1_500,
    approvalDurationMs: 1_000,
    approvedByDefault: i < 2,
    releaseCheck: RELEASE_CHECKS[i] ?? 'off',
    maxReleases: i === 1 ? 2 : 0,
  }),
);

/** In words, and how it is done. */
type Action = readonly [string, () => unknown];

interface OpenAsk extends Asked {
  readonly name: string | undefined;
  /** Whether it waits for an operator, as far as the client is concerned. */
  isPending: boolean;
}

/** A heart to which anything happens, and everything that must be true of it whatever does. */
export class RandomLife {
  readonly #random: () => number;
  readonly #clock = new SimulatedClock();
  readonly #store = new TestStore();
  #heart!: Heart;
  #asks: OpenAsk[] = [];
  /** Who was disabled while the disk was broken: the only ones that the disk may not know of. */
  readonly #forced = new Set<string>();
  /** Who has been denied, although that could not be stored. */
  readonly #denied = new Set<string>();
  /** How often each client has got its secret since it was enabled, as far as this heart knows. */
  readonly #releases = new Map<string, number>();
  /** When a check because of a request has last said that a client's machine is down. */
  readonly #downMs = new Map<string, number>();
  readonly #transcript: string[] = [];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** @returns all that has happened, a line each */
  async run(): Promise<readonly string[]> {
    await this.#start();
    for (let i = 0; i < STEPS; i++) {
      const [what, act] = pick(this.#random, this.#actions);
      this.#transcript.push(`${this.#clock.nowMs()}: ${what}`);
      const acting = act();
      if (acting instanceof Promise) await acting;
      // Half of the time, several things happen in one turn.
      if (this.#random() < 0.5) continue;
      await this.#clock.pass(pick(this.#random, TIMES));
      this.#check();
    }
    await this.#end();
    return this.#transcript;
  }

  async #start(): Promise<void> {
    this.#store.crash();
    const heart = new Heart(CONFIGURED, {
      store: this.#store,
      clock: this.#clock,
      random: this.#random,
      check: () => this.#beginCheck(),
      checkNow: client => this.#checkNow(client.settings.name),
    });
    this.#heart = heart;
    this.#asks = [];
    this.#forced.clear();
    this.#denied.clear();
    this.#releases.clear();
    this.#downMs.clear();
    heart.registry.events.subscribe(event => this.#hear(heart, event));
    heart.ledger.record(
      [...heart.registry].map(client => client.settings.name),
      [],
    );
    await heart.ledger.flush();
    this.#check();
  }

  get #actions(): readonly [Action, ...Action[]] {
    const heart = this.#heart;
    const nowMs = this.#clock.nowMs();
    const name = pick(this.#random, NAMES);
    const of = <T>(...values: [T, ...T[]]): T => pick(this.#random, values);
    // Those that the disk refuses have their say in the tests of the ledger.
    const decide = (decision: Promise<void>) => void decision.catch(() => {});
    const ask = () => this.#ask(pick(this.#random, KEYS));
    return [
      ['ask', ask],
      ['ask', ask],
      ['ask', ask],
      ['sent', () => this.#send()],
      ['close', () => this.#close(of(...(this.#asks as [OpenAsk, ...OpenAsk[]])))],
      [`disable ${name}`, () => decide(heart.disable(name))],
      [`enable ${name}`, () => decide(heart.enable(name))],
      [`enable ${name}`, () => decide(heart.enable(name))],
      [`approve ${name}`, () => decide(heart.approve(true, name))],
      [`deny ${name}`, () => decide(heart.approve(false, name))],
      [`remove ${name}`, () => decide(heart.remove(name))],
      [`add ${name}`, () => this.#add(name)],
      [`timeout ${name}`, () => decide(heart.set({ timeoutMs: of(0, 1_000, 5_000, 9_000) }, name))],
      [`interval ${name}`, () => decide(heart.set({ intervalMs: of(500, 2_000, 4_000) }, name))],
      [
        `approval ${name}`,
        () => {
          const approvalDurationMs = of(0, 1_000, 4_000);
          const approvalDelayMs = of(0, 1_000, 3_000);
          decide(
            heart.set({ approvalDurationMs, approvalDelayMs, approvedByDefault: of(true, false) }, name),
          );
        },
      ],
      [`releases ${name}`, () => decide(heart.set({ maxReleases: of(0, 1, 2) }, name))],
      [`window ${name}`, () => decide(heart.set({ releaseWindow: of('', ...WINDOWS) }, name))],
      [
        'swap keys',
        () => {
          const [one, other] = of(['a', 'b'] as const, ['b', 'c'] as const);
          const keys = [heart.registry.find(one)?.settings.keyId, heart.registry.find(other)?.settings.keyId];
          if (keys.includes(undefined) || !this.#isSettled) return;
          const swap = (who: string, keyId: string | undefined) =>
            ({
              kind: 'update',
              name: who,
              transition: (c: Client) => changeSettings(c, { keyId }, nowMs),
            }) as const;
          decide(heart.ledger.decide([swap(one, keys[1]), swap(other, keys[0])]));
        },
      ],
      [`CheckedOK ${name}`, () => heart.update(name, client => checkedOk(client, nowMs))],
      [`StartChecker ${name}`, () => heart.update(name, startCheck)],
      [`StopChecker ${name}`, () => heart.update(name, stopCheck)],
      ['disk busy', () => (this.#store.isBusy = true)],
      [
        'disk ready',
        () => {
          this.#store.isBusy = false;
          this.#store.finish();
        },
      ],
      ['disk broken', () => (this.#store.isBroken = true)],
      ['disk repaired', () => (this.#store.isBroken = false)],
      ['disk repaired', () => (this.#store.isBroken = false)],
      ['crash', () => this.#crash()],
    ];
  }

  /** The configuration names it again, as with a reload; its key may be another's by now. */
  #add(name: string): void {
    const { registry, ledger } = this.#heart;
    const settings = CONFIGURED.find(each => each.name === name) ?? assert.fail();
    if (registry.find(name) || !this.#isSettled) return;
    if (registry.findByKeyId(settings.keyId ?? '')) return;
    const client = createClient(settings, this.#clock.nowMs(), this.#random());
    void ledger.decide([{ kind: 'add', client, by: BY_CONFIGURATION }]).catch(() => {});
  }

  /** Two clients never have one key: the configuration's check makes sure. */
  get #isSettled(): boolean {
    const { registry, ledger } = this.#heart;
    return NAMES.every(name => ledger.foresee(name) === registry.find(name));
  }

  #ask(keyId: string): void {
    const heart = this.#heart;
    const name = heart.registry.findByKeyId(keyId)?.settings.name;
    const pending = () => (name === undefined ? 0 : heart.client(name).pendingApprovals);
    const before = pending();
    const request = heart.requests.ask(keyId, PEER);
    const asked = Object.assign(new Asked(request), { name, isPending: pending() > before });
    this.#asks.push(asked);
    void this.#judge(heart, keyId, request.verdict);
  }

  /** What must be true when a secret is sent. */
  async #judge(heart: Heart, keyId: string, verdict: Promise<FinalVerdict>): Promise<void> {
    const outcome = await verdict;
    if (outcome.kind === 'refuse') return;
    const { client } = outcome;
    const { name } = client.settings;
    const nowMs = this.#clock.nowMs();
    this.#say(() => {
      assert.equal(heart.registry.find(name), client, 'it is as it is now');
      assert.equal(client.settings.keyId, keyId, 'the secret belongs to the key');
      assert.ok(client.enabled, 'enabled');
      assert.ok(!isExpired(client, nowMs), 'not expired');
      assert.notEqual(approvalNow(client, nowMs), false, 'not denied');
      const { maxReleases, releaseWindow, releaseCheck } = client.settings;
      const releases = (this.#releases.get(name) ?? 0) + 1;
      this.#releases.set(name, releases);
      assert.ok(maxReleases === 0 || releases <= maxReleases, 'no more releases than max_releases');
      assert.equal(releaseWindowAt(releaseWindow, Math.floor(nowMs / 60_000)), true, 'in its window');
      if (releaseCheck === 'deny')
        assert.ok(nowMs - (this.#downMs.get(name) ?? -Infinity) <= DOWN_FOR_MS, 'its machine was down');
    });
  }

  #faults: unknown[] = [];

  /** Within a promise, where an error would be lost. */
  #say(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#faults.push(error);
    }
  }

  #isSending = false;

  #send(): void {
    const asked = this.#asks.find(({ outcome }) => outcome?.startsWith('secret'));
    this.#isSending = true;
    asked?.request.sent();
    this.#isSending = false;
    this.#close(asked);
  }

  #close(asked: OpenAsk | undefined): void {
    asked?.request.close();
    this.#asks = this.#asks.filter(each => each !== asked);
  }

  /** Ends somehow, at some time; or never, until it is stopped. */
  #beginCheck(): RunningCheck {
    let stop = () => {};
    const done = new Promise<CheckOutcome>(resolve => {
      stop = () => resolve({ kind: 'killed', signal: 15 });
      const outcome = pick(this.#random, [OK, OK, OK, FAILED, undefined]);
      if (outcome) this.#clock.after(pick(this.#random, TIMES), () => resolve(outcome));
    });
    return { command: 'check', done, stop: () => Promise.resolve(stop()) };
  }

  #checkNow(name: string): Promise<CheckOutcome> {
    return new Promise(resolve => {
      const outcome = pick(this.#random, [OK, FAILED, FAILED]);
      this.#clock.after(pick(this.#random, TIMES), () => {
        if (outcome === FAILED) this.#downMs.set(name, this.#clock.nowMs());
        resolve(outcome);
      });
    });
  }

  /** What has reached the disk is there afterwards, and nothing else. */
  async #crash(): Promise<void> {
    this.#heart.crash();
    const { registry, ledger } = this.#heart;
    // A decision that was under way may have reached the disk and nobody yet.
    const known = [...registry].filter(client => ledger.foresee(client.settings.name) === client);
    const disabled = known.filter(client => !client.enabled);
    const forced = new Set(this.#forced);
    await this.#start();
    for (const { settings } of disabled) {
      const isSame = !forced.has(settings.name) && this.#heart.registry.find(settings.name);
      if (isSame) assert.equal(isSame.enabled, false, `${settings.name}: disabled stays disabled`);
    }
  }

  #hear(heart: Heart, event: ClientEvent): void {
    if (heart !== this.#heart) return;
    const name = event.client?.settings.name ?? '';
    this.#transcript.push(`${this.#clock.nowMs()}: ${name} ${describe(event)}`);
    if (event.kind === 'removed')
      for (const asked of this.#asks) if (asked.name === name) asked.isPending = false;
    if (event.kind === 'added') this.#releases.delete(name);
    if (event.kind !== 'changed') return;
    const { client, before } = event;
    if (before.enabled && !client.enabled && this.#store.hasFailed) this.#forced.add(name);
    if (client.enabled && !before.enabled) {
      this.#forced.delete(name);
      this.#releases.delete(name);
    }
    const isDenied = client.approval !== before.approval && client.approval?.granted === false;
    if (isDenied && this.#store.hasFailed) this.#denied.add(name);
    if (client.expiresMs !== before.expiresMs)
      this.#say(() => assertMoved(client, before, this.#clock.nowMs(), this.#isSending));
  }

  #check(): void {
    const { registry } = this.#heart;
    if (this.#faults.length > 0) throw this.#faults[0];
    for (const client of registry) {
      const { name, keyId } = client.settings;
      assert.equal(registry.findByKeyId(keyId ?? ''), client, 'found by its key');
      assert.equal(client.enabled, client.expiresMs !== undefined);
      assert.equal(client.enabled, client.nextCheckMs !== undefined);
      const pending = this.#asks.filter(asked => asked.name === name && isPending(asked));
      assert.equal(client.pendingApprovals, pending.length, `${name}: pending`);
      const stored = this.#store.stored.get(name);
      assert.ok(stored && !stored.removed, `${name}: stored`);
      if (stored.state.enabled !== client.enabled)
        assert.ok(this.#forced.has(name), `${name}: stored enabled`);
      else this.#forced.delete(name);
      if (this.#forced.has(name)) continue;
      assert.deepEqual(plain(stored.overrides), plain(overridesOf(client)), `${name}: stored settings`);
      if (isDeepStrictEqual(stored.state.approval, client.approval)) this.#denied.delete(name);
      else assert.ok(this.#denied.has(name), `${name}: stored approval`);
    }
    for (const { name, removed } of this.#store.stored.values()) if (!registry.find(name)) assert.ok(removed);
  }

  async #end(): Promise<void> {
    this.#store.isBusy = false;
    this.#store.isBroken = false;
    this.#store.finish();
    for (const asked of this.#asks) asked.request.close();
    this.#asks = [];
    await this.#clock.pass(10_000);
    await this.#heart.scheduler.stop();
    await this.#heart.ledger.flush();
    this.#check();
    for (const client of this.#heart.registry) {
      const { state } = this.#store.stored.get(client.settings.name) ?? assert.fail();
      assert.equal(client.pendingApprovals, 0);
      for (const [key, value] of Object.entries(state))
        assert.deepEqual(client[key as keyof Client], value, key);
    }
  }
}

function isPending(asked: OpenAsk): boolean {
  return asked.isPending && asked.verdict?.kind !== 'refuse';
}

function plain(overrides: object): unknown {
  return JSON.parse(JSON.stringify(overrides));
}

/** The end of a client's time moves for these reasons only. */
function assertMoved(client: Client, before: Client, nowMs: number, isSending: boolean): void {
  const { settings, expiresMs } = client;
  if (!client.enabled) {
    assert.equal(expiresMs, undefined);
    return;
  }
  assert.ok(expiresMs !== undefined);
  if (!before.enabled) {
    assert.equal(expiresMs, (client.lastEnabledMs ?? 0) + 2 * settings.intervalMs, 'enabled');
    return;
  }
  const shiftMs = settings.timeoutMs - before.settings.timeoutMs;
  if (shiftMs !== 0) {
    assert.equal(expiresMs, (before.expiresMs ?? 0) + shiftMs, 'shifted');
    return;
  }
  assert.ok(!isExpired(before, nowMs), 'nothing but an operator revives');
  const reasons = [
    client.lastCheckedOkMs === nowMs ? nowMs + settings.timeoutMs : undefined,
    isSending ? nowMs + settings.extendedTimeoutMs : undefined,
    before.unchecked && client.checking ? nowMs + settings.intervalMs : undefined,
  ];
  assert.ok(reasons.includes(expiresMs), 'a check, a release, or the first check');
}
