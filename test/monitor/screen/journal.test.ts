import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MirrorEvent } from '../../../monitor/mirror/mirror.js';
import { EMPTY_JOURNAL, forgetClients, recordEvents } from '../../../monitor/screen/journal.js';
import { NOW_MS } from './scene.js';

const of = (name: string) => ({ atMs: NOW_MS, path: `/clients/${name}`, name });
const record = (...events: MirrorEvent[]) => recordEvents(EMPTY_JOURNAL, events);
const texts = (entries: readonly { text: string }[]) => entries.map(({ text }) => text);

test('the log has what the original tells of, and more', () => {
  const journal = record(
    { kind: 'server-live', clients: 1, atMs: NOW_MS },
    { kind: 'client-not-found', keyId: 'AB', address: '::1', atMs: NOW_MS },
    { ...of('a'), kind: 'checker-completed', exitStatus: 3, waitStatus: 768, command: 'c' },
    { ...of('a'), kind: 'checker-completed', exitStatus: -1, waitStatus: 9, command: 'c' },
    { ...of('a'), kind: 'need-approval', timeoutMs: 30_000, approvedByDefault: false },
    { ...of('a'), kind: 'rejected', reason: 'Denied' },
    { ...of('a'), kind: 'got-secret' },
    { ...of('a'), kind: 'property', property: 'enabled', before: true, after: false },
    { ...of('a'), kind: 'property', property: 'expiresMs', before: 1, after: undefined },
  );
  const lines = texts(journal.entries);
  assert.equal(lines.length, 8);
  for (const [i, pattern] of [
    /1 client$/,
    /::1.*AB/,
    /^a: .*failed.*3.*c/,
    /^a: .*signal 9.*c/,
    /^a: .*denied in PT30S/,
    /^a: .*Denied/,
    /^a: received its secret/,
    /^a: disabled/,
  ].entries())
    assert.match(lines[i] ?? '', pattern);
  assert.equal(journal.releases.get('/clients/a'), NOW_MS);
  assert.deepEqual(texts(journal.byClient.get('/clients/a') ?? []).at(-1), 'disabled');
});

test('starts and successes of checkers are only in the verbose log', () => {
  const journal = record(
    { ...of('a'), kind: 'checker-started', command: 'c' },
    { ...of('a'), kind: 'checker-completed', exitStatus: 0, waitStatus: 0, command: 'c' },
  );
  assert.deepEqual(texts(journal.entries), []);
  assert.deepEqual(texts(journal.verbose), ['a: checker started: c', 'a: checker succeeded: c']);
});

test('a thousand lines are kept, and of the verbose ones as many besides', () => {
  const secrets = Array.from({ length: 1500 }, (_, i) => ({ ...of(`c${i}`), kind: 'got-secret' }) as const);
  const starts = secrets.map(event => ({ ...event, kind: 'checker-started', command: 'c' }) as const);
  const journal = recordEvents(record(...secrets), starts);
  assert.equal(journal.entries.length, 1000);
  assert.equal(journal.verbose.length, 1000);
  assert.equal(journal.entries.at(-1)?.text, 'c1499: received its secret');
  assert.equal(journal.byClient.size, 1500);
  assert.equal(forgetClients(journal, new Map()).byClient.size, 0);
  assert.equal(forgetClients(journal, new Map(secrets.map(({ path }) => [path, 1]))).byClient.size, 1500);
});

test('many clients that come or go are one line, and those of a server that stops none', () => {
  const removed = (name: string) => ({ ...of(name), kind: 'client-removed' }) as const;
  const added = (name: string) => ({ ...of(name), kind: 'client-added' }) as const;
  assert.deepEqual(texts(record(removed('a')).entries), ['a: removed']);
  assert.deepEqual(texts(record(removed('a'), removed('b'), added('c')).entries), [
    '2 clients were removed',
    'c: added',
  ]);
  assert.deepEqual(texts(record(removed('a'), removed('b'), { kind: 'server-gone', atMs: NOW_MS }).entries), [
    'the Mandos server is gone',
  ]);
});
