import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { auditRecord, gapRecord } from '../../../server/audit/audit-record.js';
import type { ClientEvent } from '../../../server/client/events.js';
import { BY_CONFIGURATION } from '../../../server/client/events.js';
import { createClient } from '../../../server/client/client.js';
import { CHANGEABLE_SETTINGS } from '../../../server/client/settings-change.js';
import { CLIENT_OPTIONS } from '../../../server/config/client-options.js';
import { TEST_SETTINGS } from '../../support/release-server.js';
import { NO_VERDICTS, NOW_MS, VERDICTS } from './sample-events.js';

const DOCUMENT = readFileSync(new URL('../../../../docs/audit-log.md', import.meta.url), 'utf8');
const HOUR_MS = 3_600_000;

const samples = [
  ...VERDICTS.map(event => auditRecord(event, NOW_MS)),
  gapRecord('lost', 12, NOW_MS - HOUR_MS, NOW_MS),
  gapRecord('omitted', 34, NOW_MS - HOUR_MS, NOW_MS),
];

/** The cells of a table of the document, without its head. */
function table(head: string): string[][] {
  const [, text = ''] = DOCUMENT.split(new RegExp(`^\\| ${head} .*\\n\\|[ |-]+\\n`, 'm'));
  const rows = text.split(/^(?!\|)/m, 1)[0] ?? '';
  return rows
    .trim()
    .split('\n')
    .map(row => row.split('|').slice(1, -1));
}

const words = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

test('each event has the fields that docs/audit-log.md gives it, in that order', () => {
  const documented = table('event').map(([event, , fields]) => [
    'time',
    'event',
    ...words(event),
    ...words(fields),
  ]);
  const actual = samples.map(record => {
    const [time = '', event = '', ...fields] = Object.keys(record ?? {});
    return [time, event, String(record?.event), ...fields];
  });
  assert.deepEqual(actual, documented);
});

test('docs/audit-log.md explains each field', () => {
  const explained = table('field').flatMap(([field]) => words(field));
  const fields = new Set(samples.flatMap(record => Object.keys(record ?? {}).slice(2)));
  assert.deepEqual(new Set(explained), fields);
});

test('each example of docs/audit-log.md is what the server writes', () => {
  const [, examples = ''] = /^```json\n([^]*?)\n```/m.exec(DOCUMENT) ?? [];
  assert.deepEqual(
    examples.split('\n'),
    samples.map(record => JSON.stringify(record)),
  );
});

test('what is no verdict has no record', () => {
  for (const event of NO_VERDICTS) assert.equal(auditRecord(event, NOW_MS), undefined, event.kind);
});

test('settings have the names of clients.conf', () => {
  const client = createClient(TEST_SETTINGS, NOW_MS, 0);
  const event: ClientEvent = {
    kind: 'settings-changed',
    client,
    by: BY_CONFIGURATION,
    settings: CHANGEABLE_SETTINGS,
  };
  const names = auditRecord(event, NOW_MS)?.['settings'] as string[];
  assert.equal(names.length, CHANGEABLE_SETTINGS.length);
  for (const name of names) assert.ok(CLIENT_OPTIONS.has(name), name);
});

test('a client without a key ID, which TLS knows nothing of, has none in its records', () => {
  const client = createClient({ ...TEST_SETTINGS, keyId: undefined, fingerprint: 'ab' }, NOW_MS, 0);
  assert.equal(auditRecord({ kind: 'added', client, by: BY_CONFIGURATION }, NOW_MS)?.['key_id'], null);
});

test('no record holds a secret', () => {
  for (const { client } of VERDICTS) {
    const secret = Buffer.from(client?.settings.secret ?? 'none');
    for (const encoding of ['utf8', 'base64', 'hex'] as const)
      assert.ok(!JSON.stringify(samples).includes(secret.toString(encoding)));
    assert.ok(!JSON.stringify(samples).includes([...secret].join(',')));
  }
});
