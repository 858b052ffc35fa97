import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MandosError } from '../../../common/errors.js';
import { importState } from '../../../server/import/import-state.js';
import { describeImport } from '../../../server/import/summary.js';
import { requires } from '../../support/requires.js';
import { memoryFiles } from '../config/memory-files.js';
import { NOW_MS, properties, pythonPickle, settings, SHORT, SHORT_CONFIGURED } from './samples.js';

const FILE = '/root/state';

async function fault(files: ReturnType<typeof memoryFiles>): Promise<MandosError> {
  try {
    await importState(FILE, [], files, NOW_MS);
  } catch (error) {
    assert.ok(error instanceof MandosError, String(error));
    return error;
  }
  assert.fail('it was imported');
}

test('a file that cannot be used is named, with what is wrong and what is needed', async () => {
  const needed = /needed: the output of "mandos-ctl --dump-json" of a running server, or the clients\.pickle/;
  const missing = await fault(memoryFiles({}));
  assert.equal(missing.code, 'IMPORT_FILE');
  assert.match(missing.message, /^\/root\/state does not exist/);
  assert.match(missing.message, needed);
  const reason = 'permission denied';
  const unreadable = await fault(memoryFiles({ [FILE]: { kind: 'unreadable', reason } }));
  assert.equal(unreadable.message, '/root/state cannot be read: permission denied');
  const empty = await fault(memoryFiles({ [FILE]: '' }));
  assert.match(empty.message, /^\/root\/state is empty/);
  const json = await fault(memoryFiles({ [FILE]: '{"c1": ' }));
  assert.equal(json.code, 'IMPORT_JSON');
  assert.match(json.message, /^\/root\/state is not JSON/);
  assert.match(json.message, needed);
  const other = await fault(memoryFiles({ [FILE]: '[DEFAULT]\n' }));
  assert.equal(other.code, 'IMPORT_PICKLE');
  assert.match(other.message, /^\/root\/state is not the clients\.pickle of Mandos 1\.8 \(needed/);
  assert.match(other.message, needed);
});

test('a dump is imported and told in a line', async () => {
  const clients = {
    c1: properties('c1'),
    c2: properties('c2', { Enabled: false, Timeout: 1, ApprovalDelay: 5 }),
    c3: properties('c3'),
  };
  const files = memoryFiles({ [FILE]: JSON.stringify(clients) });
  const configured = [settings('c1'), settings('c2'), settings('c4', { keyId: 'ef'.repeat(32) })];
  const plan = await importState(FILE, configured, files, NOW_MS);
  const [summary, ...notes] = describeImport(FILE, plan);
  assert.equal(
    summary,
    'imported 3 clients from /root/state: 2 disabled (c2, c4), 1 with settings changed at run time (c2: timeout, approval_delay); skipped 1 not in clients.conf: c3',
  );
  assert.deepEqual(notes, plan.notes);
});

test('a pickle is imported and told in a line', requires('python3'), async () => {
  const files = memoryFiles({ [FILE]: pythonPickle(2) });
  const host = 'häst€';
  const approvalDurationMs = 86_401_001;
  const configured = ['a', 'b', 'c'].map((digit, i) =>
    settings(`c${i + 1}`, { keyId: digit.repeat(64), host, approvalDurationMs }),
  );
  const plan = await importState(FILE, configured, files, NOW_MS);
  const [summary, ...notes] = describeImport(FILE, plan);
  assert.equal(
    summary,
    'imported 3 clients from /root/state: 1 disabled (c2), 1 removed (c3), 1 with settings changed at run time (c2: timeout)',
  );
  assert.equal(notes.length, 1, 'the secrets of the sample cannot be read');
  assert.match(notes[0] ?? '', /: c1, c2$/);
});

test('a secret that was replaced at run time is taken over', requires('python3'), async () => {
  const script = `clients['c1']['encrypted_secret'] = bytes.fromhex('${SHORT.toString('hex')}')`;
  const files = memoryFiles({ [FILE]: pythonPickle(2, '(clients, configured)', script) });
  const configured = [settings('c1', { keyId: 'a'.repeat(64), secret: SHORT_CONFIGURED })];
  const plan = await importState(FILE, configured, files, NOW_MS);
  const [c1] = plan.clients;
  assert.deepEqual(c1 && Buffer.from(c1.settings.secret), Buffer.from([1, 2, 3]));
  assert.deepEqual(plan.notes, []);
  assert.match(describeImport(FILE, plan)[0] ?? '', /c1: [^;]*\bsecret\b/);
});

test('a line shows the first names only', () => {
  const skipped = Array.from({ length: 25 }, (_, i) => `c${i}`);
  const [summary] = describeImport(FILE, { clients: [], removed: [], skipped, notes: [] });
  assert.match(summary ?? '', /^imported 0 clients from \/root\/state; skipped 25 .*, c19 and 5 more$/);
});

test('what a file calls its clients cannot speak to a terminal', async () => {
  const odd = 'c1\x1b[2J\nforged';
  const files = memoryFiles({ [FILE]: JSON.stringify({ [odd]: properties(odd) }) });
  const [summary, ...others] = describeImport(FILE, await importState(FILE, [], files, NOW_MS));
  assert.match(summary ?? '', /skipped 1 not in clients\.conf: c1\\x1b\[2J\\x0aforged$/);
  assert.deepEqual(others, []);
  const broken = memoryFiles({ [FILE]: JSON.stringify({ [odd]: properties(odd, { Host: 1 }) }) });
  assert.match((await fault(broken)).message, /Host for the client c1\\x1b\[2J\\x0aforged /);
});
