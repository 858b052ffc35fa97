import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MandosError } from '../../../common/errors.js';
import type { LogLevel } from '../../../common/log.js';
import { createLog } from '../../../common/log.js';
import type { Clock } from '../../../client-plugin/clock.js';
import type { Obtain } from '../../../client-plugin/unlock/password-search.js';
import type { Scene } from '../../../client-plugin/unlock/unlock-plan.js';
import { unlockVolumes } from '../../../client-plugin/unlock/unlock-volumes.js';

const turn = () =>
  new Promise(resolve => {
    setImmediate(resolve);
  });

/** A clock that goes as fast as the program waits. */
class FastClock implements Clock {
  #nowMs = 0;
  readonly #due: { atMs: number; run: () => void }[] = [];
  nowMs(): number {
    return this.#nowMs;
  }
  after(delayMs: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, run };
    this.#due.push(entry);
    return () => {
      const at = this.#due.indexOf(entry);
      if (at >= 0) this.#due.splice(at, 1);
    };
  }
  /** Lets that much time pass, with all that happens in it. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      for (let i = 0; i < 5; i++) await turn();
      const [next] = this.#due.filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs);
      if (!next) break;
      this.#nowMs = next.atMs;
      this.#due.splice(this.#due.indexOf(next), 1);
      next.run();
    }
    this.#nowMs = endMs;
  }
}

/** One volume that asks again after each wrong password. */
class Machine {
  readonly clock = new FastClock();
  readonly lines: string[] = [];
  readonly given: string[] = [];
  readonly passwords: Uint8Array[] = [];
  readonly stop = new AbortController();
  looks = 0;
  searches: number[] = [];
  isOpen = false;
  #id = 1;
  readonly ended: Promise<unknown>;

  constructor(server: (search: number) => Uint8Array | Error, correct = 'correct') {
    const log = createLog({ write: (_: LogLevel, line) => void this.lines.push(line) }, 'info');
    const obtain: Obtain = async (searchLog, signal) => {
      signal.throwIfAborted();
      this.searches.push(this.clock.nowMs());
      searchLog.info('looking for servers');
      const answer = server(this.searches.length);
      if (answer instanceof Error) throw answer;
      this.passwords.push(answer);
      await turn();
      return answer;
    };
    const look = (): Scene => {
      this.looks++;
      const questions = this.isOpen ? [] : [{ id: `${this.#id}`, volume: 'root', prompt: '?' }];
      return { volumes: ['root'], open: new Set(this.isOpen ? ['root'] : []), questions };
    };
    this.ended = unlockVolumes({
      obtain,
      look,
      answer: (_, password) => {
        this.given.push(Buffer.from(password).toString());
        this.#id++;
        this.isOpen = this.given.at(-1) === correct;
        return { kind: 'given' };
      },
      clock: this.clock,
      log,
      signal: this.stop.signal,
    }).then(
      () => 'open',
      (error: unknown) => error,
    );
  }
}

const HOUR_MS = 3_600_000;
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

test('who mends the password on the server need not visit the machine; each wrong one costs one try', async () => {
  const machine = new Machine(search => bytes(search < 4 ? 'wrong' : search < 6 ? 'worse' : 'correct'));
  await machine.clock.pass(HOUR_MS);
  assert.equal(await machine.ended, 'open');
  assert.deepEqual(machine.given, ['wrong', 'worse', 'correct']);
  assert.equal(machine.lines.filter(line => line.includes('does not open "root"')).length, 2);
  assert.equal(machine.lines.filter(line => line === 'looking for servers').length, 1);
  assert.equal(machine.lines.at(-1), 'unlocked "root"');
});

test('passwords are overwritten, those that were of no use and the one that was', async () => {
  const machine = new Machine(search => bytes(search < 3 ? 'wrong' : 'correct'));
  await machine.clock.pass(HOUR_MS);
  assert.equal(await machine.ended, 'open');
  assert.equal(machine.passwords.length, 3);
  for (const password of machine.passwords) assert.ok(password.every(byte => byte === 0));
});

test('searches that bring nothing come again after pauses that double up to ten minutes, and are said once', async () => {
  const machine = new Machine(() => new MandosError('NO_PASSWORD', 'no plugin got a password'));
  await machine.clock.pass(HOUR_MS);
  const pauses = machine.searches.slice(1).map((at, i) => (at - (machine.searches[i] ?? 0)) / 1000);
  assert.deepEqual(pauses.slice(0, 7), [30, 60, 120, 240, 480, 600, 600]);
  machine.isOpen = true;
  await machine.clock.pass(1000);
  assert.equal(await machine.ended, 'open');
  assert.ok(machine.lines.length < 10, machine.lines.join('\n'));
  assert.deepEqual(machine.given, []);
});

test('it ends when there can never be a password', async () => {
  for (const fault of [
    new MandosError('KEY_FILE', 'missing'),
    new MandosError('NO_PASSWORD', 'no plugin', {
      cause: new AggregateError([new MandosError('TLS_KEY', 'damaged')]),
    }),
  ]) {
    const machine = new Machine(() => fault);
    await machine.clock.pass(1000);
    assert.equal(await machine.ended, fault);
  }
});

test('one way to look that may yet bring something keeps it going', async () => {
  const errors = [new MandosError('KEY_FILE', 'missing'), new MandosError('PLUGIN_STATUS', 'ended')];
  const cause = new AggregateError(errors);
  const machine = new Machine(search =>
    search === 1 ? new MandosError('NO_PASSWORD', 'no plugin', { cause }) : bytes('correct'),
  );
  await machine.clock.pass(HOUR_MS);
  assert.equal(await machine.ended, 'open');
});

test('an empty password is given to nobody', async () => {
  const machine = new Machine(search => bytes(search === 1 ? '' : 'correct'));
  await machine.clock.pass(HOUR_MS);
  assert.deepEqual(machine.given, ['correct']);
});

test('who waits for nothing in particular looks once a second', async () => {
  const machine = new Machine(search => bytes(search < 1000 ? 'wrong' : ''));
  await machine.clock.pass(10_000);
  const before = machine.looks;
  await machine.clock.pass(10_000);
  assert.ok(machine.looks - before <= 11, `${machine.looks - before}`);
  machine.stop.abort(new Error('stopped'));
  await machine.clock.pass(1000);
  assert.equal(((await machine.ended) as Error).message, 'stopped');
  for (const password of machine.passwords) assert.ok(password.every(byte => byte === 0));
});
