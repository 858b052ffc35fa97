import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MandosError } from '../../../common/errors.js';
import { readOriginalState } from '../../../server/import/original-state.js';
import { requires } from '../../support/requires.js';
import { KEY_ID, properties, pythonPickle } from './samples.js';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

function fault(bytes: Uint8Array): string {
  try {
    readOriginalState(bytes);
  } catch (error) {
    assert.ok(error instanceof MandosError, String(error));
    return error.message;
  }
  assert.fail('it was read');
}

/** What is wrong with a client of which one property is another. */
const faultOf = (changes: Readonly<Record<string, unknown>>) =>
  fault(json({ c1: properties('c1', changes) }));

test('a client is read as mandos-ctl prints it', () => {
  const { clients, configuredThen, sealedSecrets } = readOriginalState(
    Buffer.from(`\n ${JSON.stringify({ 'c.1': properties('c.1') })}\n`),
  );
  assert.equal(configuredThen, undefined);
  assert.equal(sealedSecrets.size, 0);
  assert.deepEqual(clients, [
    {
      name: 'c.1',
      enabled: true,
      createdMs: Date.UTC(2026, 10, 21, 10, 0, 1, 234),
      lastEnabledMs: Date.UTC(2026, 10, 21, 10),
      expiresMs: Date.UTC(2026, 10, 21, 11, 4, 0, 123),
      lastCheckedOkMs: Date.UTC(2026, 10, 21, 10, 59),
      lastCheck: { kind: 'exited', status: 0 },
      lastApprovalRequestMs: undefined,
      denied: false,
      settings: {
        keyId: KEY_ID,
        fingerprint: '12'.repeat(20),
        host: 'c.1.example.org',
        checker: 'fping -q -- %(host)s',
        timeoutMs: 300_000,
        extendedTimeoutMs: 900_000,
        intervalMs: 120_000,
        approvalDelayMs: 0,
        approvalDurationMs: 1000,
        approvedByDefault: true,
      },
    },
  ]);
});

test("clients and what clients.conf said are read from the original's pickle", requires('python3'), () => {
  const { clients, configuredThen, sealedSecrets } = readOriginalState(pythonPickle(2));
  const [c1, c2, ...others] = clients;
  assert.deepEqual(others, []);
  assert.equal(c1?.name, 'c1');
  assert.equal(c1.enabled, true);
  assert.equal(c1.createdMs, Date.UTC(2026, 10, 21, 10, 0, 1, 234));
  assert.equal(c1.expiresMs, Date.UTC(2026, 10, 21, 11));
  assert.deepEqual(c1.lastCheck, { kind: 'exited', status: 0 });
  assert.equal(c1.denied, false);
  assert.equal(c1.settings.keyId, 'a'.repeat(64));
  assert.equal(c2?.enabled, false);
  assert.equal(c2.expiresMs, undefined);
  assert.equal(c2.lastCheck?.kind, 'killed');
  assert.equal(c2.denied, true);
  assert.equal(c2.settings.timeoutMs, 60_000);
  assert.deepEqual([...(configuredThen?.keys() ?? [])], ['c1', 'c2', 'c3']);
  assert.equal(configuredThen?.get('c2')?.timeoutMs, 300_000);
  assert.equal(configuredThen.get('c3')?.enabled, true);
  assert.deepEqual([...sealedSecrets.keys()], ['c1', 'c2']);
});

test('the last check is an exit status, a signal, or none yet', () => {
  const outcome = (status: number) =>
    readOriginalState(json({ c1: properties('c1', { LastCheckerStatus: status }) })).clients[0]?.lastCheck;
  assert.deepEqual(outcome(7), { kind: 'exited', status: 7 });
  assert.equal(outcome(-1)?.kind, 'killed');
  assert.equal(outcome(-2), undefined);
  for (const status of [-3, 256, 0.5, '0', null]) {
    const message = faultOf({ LastCheckerStatus: status });
    assert.match(message, /an unknown kind of LastCheckerStatus for the client c1/);
  }
});

test('a field that is missing or of another kind is named, with its client', () => {
  assert.match(faultOf({ Enabled: 'false' }), /an unknown kind of Enabled for the client c1/);
  assert.match(faultOf({ Enabled: undefined }), /no Enabled for the client c1/);
  assert.match(faultOf({ Timeout: -1 }), /Timeout/);
  assert.match(faultOf({ Interval: 1.5 }), /Interval/);
  assert.match(faultOf({ Host: null }), /Host/);
  assert.match(faultOf({ Created: '' }), /Created/);
  for (const time of ['yesterday', '2026-13-01T00:00:00.000000', '2026-11-21', '2026-11-21T10:00:00Z', 5]) {
    assert.match(faultOf({ Expires: time }), /Expires/, String(time));
  }
});

test('properties of objects are no properties of clients', () => {
  const { clients } = readOriginalState(
    Buffer.from(`{"__proto__": ${JSON.stringify(properties('__proto__'))}}`),
  );
  assert.deepEqual(
    clients.map(({ name }) => name),
    ['__proto__'],
  );
  const inherited = `{"c1": {"__proto__": ${JSON.stringify(properties('c1'))}}}`;
  assert.match(fault(Buffer.from(inherited)), /something else than clients/);
});

test('what is neither format is refused without a word of it', () => {
  assert.match(fault(Buffer.from('{"c1": {"Name": "topsecret')), /is not JSON.*not complete, or damaged$/);
  assert.match(fault(Buffer.from('{topsecret}')), /is not JSON/);
  assert.doesNotMatch(fault(Buffer.from('{topsecret}')), /topsecret/);
  assert.match(fault(Buffer.from('{"c1": {}}')), /something else than clients/);
  assert.match(fault(Buffer.from('{"c1": []}')), /something else than clients/);
  assert.match(fault(json({ c1: properties('c2') })), /something else than clients/);
  assert.match(
    fault(Buffer.from('[DEFAULT]\nsecret = topsecret')),
    /is not the clients\.pickle of Mandos 1\.8/,
  );
  assert.doesNotMatch(fault(Buffer.from('[DEFAULT]\nsecret = topsecret')), /topsecret/);
  assert.match(fault(Buffer.from('N.')), /is not the clients\.pickle of Mandos 1\.8/);
  assert.match(fault(Buffer.from('(}}}t.')), /is not the clients\.pickle of Mandos 1\.8/);
  assert.match(fault(Buffer.from('(}K\x01}s}t.')), /is not the clients\.pickle of Mandos 1\.8/);
});

test(
  "a field of the original's pickle of another kind is named, with its client",
  requires('python3'),
  () => {
    const faultAfter = (script: string) => fault(pythonPickle(2, '(clients, configured)', script));
    assert.match(faultAfter("del clients['c1']['enabled']"), /has no enabled for the client c1/);
    for (const [field, value] of [
      ['enabled', '1'],
      ['created', 'None'],
      ['expires', 'seconds(1)'],
      ['timeout', 'time()'],
      ['timeout', 'seconds(-1)'],
      ['host', 'None'],
      ['last_checker_status', 'True'],
      ['approved_by_default', 'None'],
    ]) {
      const message = faultAfter(`clients['c2']['${field}'] = ${value}`);
      assert.match(message, new RegExp(`an unknown kind of ${field} for the client c2`));
    }
    assert.match(
      faultAfter("configured['c3']['enabled'] = 'yes'"),
      /unknown kind of enabled for the client c3/,
    );
  },
);
