import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Facts } from '../../../server/explain/facts.js';
import { findClient } from '../../../server/explain/find-client.js';
import { limitFindings } from '../../../server/explain/release-findings.js';
import { runChecker } from '../../../server/explain/run-checker.js';
import { lookAtMessage } from '../../../server/explain/secret-recipients.js';
import { optionsOf } from '../../../server/explain/server-command-line.js';
import { makeClient } from '../../support/release-server.js';

const KEY = Buffer.from('0123456789abcdef', 'hex');

test('the recipients of an OpenPGP message are read from packets of each form', () => {
  const key3 = Buffer.concat([Buffer.from([3]), KEY, Buffer.from([18])]);
  const fingerprint4 = Buffer.concat([Buffer.alloc(12), KEY]);
  const key6 = Buffer.concat([Buffer.from([6, 21, 4]), fingerprint4, Buffer.from([25])]);
  const hidden = Buffer.concat([Buffer.from([3]), Buffer.alloc(8)]);
  const data = Buffer.from([0xd2, 1, 0]);
  const look = (...parts: Uint8Array[]) => lookAtMessage(Buffer.concat(parts));
  const found = { recipients: ['0123456789ABCDEF'], passphrase: false, encrypted: true };
  assert.deepEqual(look(Buffer.from([0xc1, key3.length]), key3, data), found);
  assert.deepEqual(look(Buffer.from([0xc1, 0xff, 0, 0, 0, key3.length]), key3, data), found);
  assert.deepEqual(look(Buffer.from([0x84, key3.length]), key3, data), found, 'old format');
  assert.deepEqual(look(Buffer.from([0x85, 0, key3.length]), key3, data), found);
  assert.deepEqual(look(Buffer.from([0xc1, key6.length]), key6, data), found);
  const long = Buffer.concat([key3, Buffer.alloc(300 - key3.length)]);
  assert.deepEqual(look(Buffer.from([0xc1, 192, 300 - 192]), long, data), found);
  assert.deepEqual(look(Buffer.from([0xc1, hidden.length]), hidden, data).recipients, ['0'.repeat(16)]);
  assert.deepEqual(look(Buffer.from([0xc3, 1, 4]), data).passphrase, true);
  assert.equal(look(Buffer.from([0xc1, key3.length]), key3).encrypted, false, 'cut off');
  for (const broken of [[], [0], [0xc1], [0x85, 0], [0xc1, 0xff, 0], [0xc1, 200, 3]])
    assert.equal(lookAtMessage(Uint8Array.from(broken)).encrypted, false);
});

test('releases that were had are compared with how many a client may have', () => {
  const client = makeClient('web1', 'ab'.repeat(32), Buffer.from([0x80]));
  const marks = (releasesSinceEnabled: number, maxReleases: number) => {
    const limited = { ...client, releasesSinceEnabled, settings: { ...client.settings, maxReleases } };
    const subject = { name: 'web1', client: limited, source: 'state', knowsLimits: true };
    return limitFindings({ subject, minuteOfWeek: 0 } as Facts).map(({ mark }) => mark);
  };
  assert.deepEqual(marks(5, 0), []);
  assert.deepEqual(marks(1, 2), ['ok']);
  assert.deepEqual(marks(2, 2), ['problem']);
});

test('a checker that succeeds whatever the machine does never goes with a release check that denies', () => {
  const client = makeClient('web1', 'ab'.repeat(32), Buffer.from([0x80]));
  const mark = (checker: string) => {
    const settings = { ...client.settings, checker, releaseCheck: 'deny' };
    const subject = { name: 'web1', client: { ...client, settings }, knowsLimits: true };
    return limitFindings({ subject, minuteOfWeek: 0 } as Facts)[0]?.mark;
  };
  for (const checker of ['', ':', 'true', '/bin/true', ': web1.example.org', 'exit 0', 'true;'])
    assert.equal(mark(checker), 'problem', checker);
  for (const checker of ['fping -q -- web1', 'true && fping web1', ': </run/web1', 'truely'])
    assert.equal(mark(checker), 'ok', checker);
});

test('a word of few digits is no key ID, and a name comes before one', () => {
  const keyId = 'ab'.repeat(32);
  const clients = [
    { name: 'web1', keyId, fingerprint: undefined },
    { name: 'abababab', keyId: 'cd'.repeat(32), fingerprint: undefined },
  ];
  assert.deepEqual(findClient(clients, 'ABAB ABAB AB'), { kind: 'one', name: 'web1' });
  assert.deepEqual(findClient(clients, 'abababab'), { kind: 'one', name: 'abababab' });
  assert.deepEqual(findClient(clients, 'abab'), { kind: 'none', meant: undefined });
});

test("a running server's options are read from its arguments, an interpreter's before them or not", () => {
  const options = ['--port=4711', '--configdir', '/etc/other', '--statedir=relative'];
  const expected = new Map([
    ['port', ['4711']],
    ['configdir', ['/etc/other']],
  ]);
  assert.deepEqual(optionsOf(['/usr/sbin/mandos', ...options]), expected);
  assert.deepEqual(optionsOf(['node', '--expose-gc', '/opt/dist/server/main.js', ...options]), expected);
  assert.deepEqual(optionsOf(['sleep', '10']), new Map());
});

test('a checker that hangs is ended with all that it has started', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'explain-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const client = makeClient('web1', 'ab'.repeat(32), Buffer.from([0x80]));
  const settings = { ...client.settings, checker: 'sleep 1000 & echo waiting for $!; wait' };
  const { outcome, said } = await runChecker({ ...client, settings }, 300);
  assert.equal(outcome, undefined);
  const [, pid = ''] = /^waiting for (\d+)$/.exec(said) ?? [];
  const isGone = () => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return true;
    }
  };
  while (!isGone()) await new Promise(resolve => setImmediate(resolve));
});
