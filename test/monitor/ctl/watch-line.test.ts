import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventJson, formatEvent, isShown } from '../../../monitor/ctl/watch-line.js';
import type { MirrorEvent } from '../../../monitor/mirror/mirror.js';

const WHO = { atMs: Date.UTC(2026, 10, 21, 14, 5, 6), path: '/clients/web1', name: 'web1' } as const;
const line = (event: MirrorEvent) => formatEvent(event).replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /, '');

test('events are lines', () => {
  const completed = { ...WHO, kind: 'checker-completed', command: 'ping' } as const;
  assert.equal(line({ ...completed, exitStatus: 0, waitStatus: 0 }), 'web1: checker succeeded: ping');
  assert.equal(
    line({ ...completed, exitStatus: 7, waitStatus: 1792 }),
    'web1: checker failed with exit status 7: ping',
  );
  for (const waitStatus of [9, 0x89, -247])
    assert.equal(
      line({ ...completed, exitStatus: -1, waitStatus }),
      'web1: checker was ended by signal 9: ping',
    );
  assert.equal(
    line({ ...WHO, kind: 'need-approval', timeoutMs: 30_000, approvedByDefault: false }),
    'web1: will be denied in PT30S, unless somebody approves it',
  );
  assert.equal(line({ ...WHO, kind: 'rejected', reason: 'Denied' }), 'web1: was refused its secret: Denied');
  assert.equal(
    line({ ...WHO, kind: 'property', property: 'enabled', before: true, after: false }),
    'web1: disabled',
  );
  assert.equal(
    line({ ...WHO, kind: 'property', property: 'timeoutMs', before: 300_000, after: 60_000 }),
    'web1: timeout changed from PT5M to PT1M',
  );
  assert.equal(line({ ...WHO, kind: 'checker-started', command: 'a\nb' }), 'web1: checker started: a\\x0ab');
});

test('events are JSON lines in UTC', () => {
  assert.equal(
    eventJson({ ...WHO, kind: 'rejected', reason: 'é\n' }),
    '{"time":"2026-11-21T14:05:06.000Z","event":"rejected","client":"web1","reason":"\\u00e9\\n"}',
  );
  assert.equal(
    eventJson({ atMs: WHO.atMs, kind: 'server-live', clients: 3 }),
    '{"time":"2026-11-21T14:05:06.000Z","event":"server-live","clients":3}',
  );
});

test('names in JSON are those of the audit log, and of D-Bus for properties', () => {
  const { atMs } = WHO;
  const members = (event: MirrorEvent) => JSON.parse(eventJson(event)) as Record<string, unknown>;
  assert.equal(members({ atMs, kind: 'client-not-found', keyId: 'ab', address: '::1' })['key_id'], 'ab');
  assert.deepEqual(
    members({ ...WHO, kind: 'property', property: 'approvalDelayMs', before: 1000, after: 2000 }),
    {
      time: '2026-11-21T14:05:06.000Z',
      event: 'property',
      client: 'web1',
      property: 'ApprovalDelay',
      before: 1000,
      after: 2000,
    },
  );
});

test('a check of a client is two lines, not seven', () => {
  const change = { ...WHO, kind: 'property', before: 1, after: 2 } as const;
  assert.equal(isShown({ ...change, property: 'lastCheckedOkMs' }), false);
  assert.equal(isShown({ ...change, property: 'checkerRunning' }), false);
  assert.equal(isShown({ ...change, property: 'timeoutMs' }), true);
  assert.equal(isShown({ ...WHO, kind: 'got-secret' }), true);
});
