import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusals } from '../../../client-plugin/keygen/refusals.js';
import type { Server, Target } from '../../../client-plugin/server-tries.js';
import { MandosError } from '../../../common/errors.js';
import { SimulatedClock } from '../simulation.js';

const REFUSED = new MandosError('FETCH_REFUSED', 'closed the connection');
const UNREACHABLE = new MandosError('FETCH_CONNECT', 'cannot connect');
const DAMAGED = new MandosError('DECRYPT_DAMAGED', 'the secret is damaged');

const targetOf = (key: string): Target => ({ host: key, port: 1, origin: 'given', label: key });
const servers = (...keys: string[]): Server[] => keys.map(key => ({ key, targets: [targetOf(key)] }));

function watch(graceMs: number) {
  const clock = new SimulatedClock();
  const ends: MandosError[] = [];
  const refusals = new Refusals({ graceMs, clock, end: reason => ends.push(reason) });
  const failed = (key: string, error: unknown) =>
    refusals.tryFailed({ serverKey: key, target: targetOf(key), startedMs: 0 }, error);
  return { clock, ends, refusals, failed };
}

test('ends when each known server has answered, with what each said', async () => {
  const { clock, ends, refusals, failed } = watch(0);
  refusals.serversChanged(servers('a', 'b'));
  failed('a', REFUSED);
  await clock.pass(60_000);
  assert.equal(ends.length, 0);
  failed('b', DAMAGED);
  await clock.pass(0);
  const [end, ...more] = ends;
  assert.deepEqual([end?.code, more.length], ['TEST_REFUSED', 0]);
  assert.match(end?.message ?? '', /a port 1: closed the connection; b port 1: the secret is damaged$/);
});

test('no connection and a failed handshake are no answers, and do not undo one', async () => {
  const { clock, ends, refusals, failed } = watch(0);
  refusals.serversChanged(servers('a'));
  failed('a', UNREACHABLE);
  failed('a', new MandosError('FETCH_TLS', 'handshake failed'));
  failed('a', new Error('other'));
  await clock.pass(60_000);
  assert.equal(ends.length, 0);
  failed('a', REFUSED);
  failed('a', UNREACHABLE);
  await clock.pass(0);
  assert.equal(ends.length, 1);
});

test('another server that comes in time is waited for, and one that goes is not', async () => {
  const { clock, ends, refusals, failed } = watch(5000);
  refusals.serversChanged(servers('a'));
  failed('a', REFUSED);
  await clock.pass(4999);
  refusals.serversChanged(servers('a', 'b'));
  await clock.pass(60_000);
  assert.equal(ends.length, 0);
  refusals.serversChanged(servers('a'));
  await clock.pass(5000);
  assert.equal(ends.length, 1);
});

test('nothing ends while no server is known, or behind stop', async () => {
  const { clock, ends, refusals, failed } = watch(0);
  refusals.serversChanged([]);
  failed('gone', REFUSED);
  refusals.serversChanged(servers('a'));
  failed('a', REFUSED);
  refusals.stop();
  await clock.pass(60_000);
  assert.equal(ends.length, 0);
  assert.equal(clock.pending, 0);
});

test('a flood of servers does not make a long message', () => {
  const { refusals, failed } = watch(0);
  const keys = Array.from({ length: 100 }, (_, i) => `s${i}`);
  refusals.serversChanged(servers(...keys));
  for (const key of keys) failed(key, REFUSED);
  assert.match(refusals.reasons, /^(s\d port 1: closed the connection; ){5}and 95 more$/);
});
