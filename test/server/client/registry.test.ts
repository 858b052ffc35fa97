import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { disable } from '../../../server/client/client.js';
import { createClient } from '../../../server/client/client.js';
import { startCheck } from '../../../server/client/checks.js';
import type { ClientEvent } from '../../../server/client/events.js';
import { BY_CONFIGURATION, ClientEvents } from '../../../server/client/events.js';
import { Registry } from '../../../server/client/registry.js';
import { describe, keyOf, settingsOf } from './heart.js';

const [a, b] = [createClient(settingsOf('a'), 0, 0), createClient(settingsOf('b'), 0, 0)];

function withKey(keyId: string | undefined) {
  return (client: typeof a) => ({ ...client, settings: { ...client.settings, keyId } });
}

function start(): { registry: Registry; said: string[] } {
  const registry = new Registry([a, b]);
  const said: string[] = [];
  registry.events.subscribe(event => said.push(describe(event)));
  return { registry, said };
}

test('a client is found by its name and by its key', () => {
  const { registry } = start();
  assert.equal(registry.find('a'), a);
  assert.equal(registry.findByKeyId(keyOf('b')), b);
  assert.equal(registry.find('c'), undefined);
  assert.equal(registry.findByKeyId(keyOf('c')), undefined);
  assert.deepEqual([registry.size, [...registry]], [2, [a, b]]);
});

test('a transition that returns the same client changes nothing, and nobody hears of it', () => {
  const { registry, said } = start();
  assert.equal(
    registry.update('a', client => client),
    a,
  );
  assert.equal(registry.update('c', startCheck), undefined);
  assert.equal(registry.remove('c', BY_CONFIGURATION), undefined);
  assert.deepEqual(said, []);
});

test('clients that swap their keys are found by the new ones, and never by a key that they do not have', () => {
  const { registry } = start();
  const seen: (string | undefined)[] = [];
  registry.events.subscribe(() => {
    for (const keyId of [keyOf('a'), keyOf('b')]) {
      const found = registry.findByKeyId(keyId);
      assert.ok(!found || found.settings.keyId === keyId);
      seen.push(found?.settings.name);
    }
  });
  registry.update('a', withKey(keyOf('b')));
  registry.update('b', withKey(keyOf('a')));
  assert.deepEqual(seen, [undefined, 'a', 'b', 'a']);
});

test('a key that a client has no more leads to nobody', () => {
  const { registry } = start();
  registry.update('a', withKey(keyOf('new')));
  registry.update('b', withKey(undefined));
  for (const name of ['a', 'b']) assert.equal(registry.findByKeyId(keyOf(name)), undefined);
  assert.equal(registry.findByKeyId(keyOf('new'))?.settings.name, 'a');
});

test('the key of a client that is removed can be that of another who came before', () => {
  const { registry } = start();
  registry.add({ ...createClient(settingsOf('c', { keyId: keyOf('a') }), 0, 0) }, BY_CONFIGURATION);
  registry.remove('a', BY_CONFIGURATION);
  assert.equal(registry.findByKeyId(keyOf('a'))?.settings.name, 'c');
});

test('a client that is added in the place of another of its name leaves nothing of that', () => {
  const { registry, said } = start();
  registry.add(createClient(settingsOf('a', { keyId: keyOf('new') }), 0, 0), BY_CONFIGURATION);
  assert.deepEqual(said, ['removed', 'added']);
  assert.equal(registry.findByKeyId(keyOf('a')), undefined);
  assert.equal(registry.findByKeyId(keyOf('new'))?.settings.name, 'a');
  assert.equal(registry.size, 2);
});

test('all hear of a change before anybody hears of what follows from it', () => {
  const registry = new Registry([a, b]);
  const heard: string[] = [];
  const listen = (who: string) => (event: ClientEvent) =>
    heard.push(`${who} ${event.client?.settings.name ?? ''} ${describe(event)}`);
  registry.events.subscribe(event => {
    if (event.kind !== 'changed' || event.client.settings.name !== 'a') return;
    registry.update('b', startCheck);
    assert.equal(registry.find('b')?.checking, true, 'the state is there at once');
    registry.remove('b', BY_CONFIGURATION);
  });
  registry.events.subscribe(listen('1'));
  registry.events.subscribe(listen('2'));
  registry.update('a', startCheck);
  assert.deepEqual(heard, [
    '1 a checking',
    '2 a checking',
    '1 b checking',
    '2 b checking',
    '1 b removed',
    '2 b removed',
  ]);
});

test('a listener that throws keeps nobody else from hearing, and its fault is reported', () => {
  const faults: unknown[] = [];
  const events = new ClientEvents(fault => faults.push(fault));
  const heard: string[] = [];
  const fault = new Error('faulty');
  events.subscribe(() => {
    throw fault;
  });
  events.subscribe(event => heard.push(event.kind));
  events.emit({ kind: 'added', client: a, by: BY_CONFIGURATION });
  events.emit({ kind: 'changed', client: disable(a), before: a });
  assert.deepEqual(heard, ['added', 'changed']);
  assert.deepEqual(faults, [fault, fault]);
});

test('the fault of a listener ends a process that does not ask for it, after all have heard', () => {
  const module = join(import.meta.dirname, '../../../server/client/events.js');
  const script = `
    import { ClientEvents } from ${JSON.stringify(module)};
    const events = new ClientEvents();
    events.subscribe(() => { throw new Error('faulty'); });
    events.subscribe(event => console.log('heard', event.kind));
    try {
      events.emit({ kind: 'removed' });
      events.emit({ kind: 'added' });
    } finally {
      console.log('went on');
    }
    setInterval(() => {}, 1000);`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  assert.equal(stdout, 'heard removed\nheard added\nwent on\n');
  assert.match(stderr, /Error: faulty/);
  assert.equal(status, 1);
});
