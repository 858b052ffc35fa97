import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { CLIENT_PRIORITY } from '../../common/protocol.js';
import { TlsContext } from '../../common/tls/tls-context.js';
import { fetchSecret } from '../../client-plugin/fetch.js';
import { makeTlsKey } from '../support/keys.js';
import { configDirectory, startLoopbackServer } from '../support/loopback.js';

const SECRET = Buffer.from('a secret of one client');

interface Section {
  readonly name: string;
  readonly keyId: string;
  readonly secret?: Uint8Array;
  readonly options?: string;
}

function section({ name, keyId, secret = SECRET, options = '' }: Section): string {
  const encoded = Buffer.from(secret).toString('base64');
  return `[${name}]\nkey_id = ${keyId}\nchecker = :\nhost = h\nsecret = ${encoded}\n${options}\n`;
}

/** A server whose clients.conf a test rewrites, as an editor does: a new file takes the old one's place. */
async function startServer(t: TestContext, clientsConf: string) {
  const { child, port, directory } = await startLoopbackServer(t, clientsConf);
  const put = (name: string, text: string) => {
    const path = join(directory, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  };
  const reload = async (pattern: RegExp) => {
    const from = child.output.length;
    child.signal('SIGHUP');
    await child.waitForOutput(pattern, undefined, from);
  };
  const ask = (context: TlsContext) => fetchSecret('::1', port, context, new AbortController().signal);
  return { child, port, directory, put, reload, ask };
}

function makeClient(t: TestContext) {
  const key = makeTlsKey();
  const context = new TlsContext(CLIENT_PRIORITY, key);
  t.after(() => context.close());
  return { keyId: key.keyId, context };
}

test('SIGHUP adds, changes and removes clients, and says which', async t => {
  const [a, b, c] = [makeClient(t), makeClient(t), makeClient(t)];
  const { put, reload, ask } = await startServer(
    t,
    section({ name: 'a', keyId: a.keyId }) + section({ name: 'b', keyId: b.keyId }),
  );
  await assert.rejects(ask(c.context), { code: 'FETCH_REFUSED' });
  const other = Buffer.from('another secret');
  put(
    'clients.conf',
    section({ name: 'b', keyId: b.keyId, secret: other }) + section({ name: 'c', keyId: c.keyId }),
  );
  await reload(/reload: 1 client added \(c\), 1 removed \(a\), 1 changed \(b: secret\)/);
  assert.deepEqual(Buffer.from(await ask(b.context)), other);
  assert.deepEqual(Buffer.from(await ask(c.context)), SECRET);
  await assert.rejects(ask(a.context), { code: 'FETCH_REFUSED' });
});

test('a configuration with a fault changes nothing, and the fault is named', async t => {
  const [a, b] = [makeClient(t), makeClient(t)];
  const { put, reload, ask } = await startServer(t, section({ name: 'a', keyId: a.keyId }));
  put(
    'clients.conf',
    section({ name: 'b', keyId: b.keyId }) + section({ name: 'c', keyId: '12', options: 'timeout = soon' }),
  );
  await reload(/error: .*clients\.conf:\d+: \[c\] timeout: .*[^]*reload: nothing is changed: 2 errors/);
  assert.deepEqual(Buffer.from(await ask(a.context)), SECRET);
  await assert.rejects(ask(b.context), { code: 'FETCH_REFUSED' });
});

test('clients.conf that has vanished is a fault, and takes no client away', async t => {
  const a = makeClient(t);
  const { directory, reload, ask } = await startServer(t, section({ name: 'a', keyId: a.keyId }));
  rmSync(join(directory, 'clients.conf'));
  await reload(/error: .*clients\.conf: does not exist any more[^]*reload: nothing is changed/);
  assert.deepEqual(Buffer.from(await ask(a.context)), SECRET);
});

test('enabled in the configuration, when it changes, enables and disables', async t => {
  const a = makeClient(t);
  const { put, reload, ask } = await startServer(t, section({ name: 'a', keyId: a.keyId }));
  put('clients.conf', section({ name: 'a', keyId: a.keyId, options: 'enabled = no' }));
  await reload(/warning: a: disabled: by the configuration/);
  await assert.rejects(ask(a.context), { code: 'FETCH_REFUSED' });
  put('clients.conf', section({ name: 'a', keyId: a.keyId, options: 'enabled = yes' }));
  await reload(/a: enabled by the configuration/);
  assert.deepEqual(Buffer.from(await ask(a.context)), SECRET);
});

test('two clients that swap their keys get each what belongs to the key now', async t => {
  const [a, b] = [makeClient(t), makeClient(t)];
  const other = Buffer.from('the secret of b');
  const config = (first: string, second: string) =>
    section({ name: 'a', keyId: first }) + section({ name: 'b', keyId: second, secret: other });
  const { put, reload, ask } = await startServer(t, config(a.keyId, b.keyId));
  put('clients.conf', config(b.keyId, a.keyId));
  await reload(/reload: 2 clients changed \(a: key_id; b: key_id\)/);
  assert.deepEqual(Buffer.from(await ask(a.context)), other);
  assert.deepEqual(Buffer.from(await ask(b.context)), SECRET);
});

test('a client comes and goes with its file in clients.d', async t => {
  const [a, b] = [makeClient(t), makeClient(t)];
  const { directory, put, reload, ask } = await startServer(t, section({ name: 'a', keyId: a.keyId }));
  mkdirSync(join(directory, 'clients.d'));
  put('clients.d/b.conf', section({ name: 'b', keyId: b.keyId }));
  await reload(/reload: 1 client added \(b\)/);
  assert.deepEqual(Buffer.from(await ask(b.context)), SECRET);
  rmSync(join(directory, 'clients.d/b.conf'));
  await reload(/reload: 1 client removed \(b\)/);
  await assert.rejects(ask(b.context), { code: 'FETCH_REFUSED' });
});

test('an empty clients.d takes no client away: its files may not be mounted', async t => {
  const a = makeClient(t);
  const directory = configDirectory(t, {});
  const file = join(directory, 'clients.d', 'a.conf');
  mkdirSync(join(directory, 'clients.d'));
  writeFileSync(file, section({ name: 'a', keyId: a.keyId }), { mode: 0o600 });
  const { child, port } = await startLoopbackServer(t, '', [`--configdir=${directory}`]);
  rmSync(file);
  child.signal('SIGHUP');
  await child.waitForOutput(
    /reload: nothing is changed: .* neither clients\.conf nor a client in clients\.d/,
  );
  const secret = await fetchSecret('::1', port, a.context, new AbortController().signal);
  assert.deepEqual(Buffer.from(secret), SECRET);
});

test('what needs a restart is named, each time, and changes nothing', async t => {
  const a = makeClient(t);
  const { put, reload, ask } = await startServer(t, section({ name: 'a', keyId: a.keyId }));
  put('mandos.conf', '[DEFAULT]\npriority = SECURE256:-VERS-ALL:+VERS-TLS1.3\nservicename = other\n');
  await reload(/reload: restart needed for: .*servicename/);
  await reload(/reload: restart needed for: .*servicename/);
  assert.deepEqual(Buffer.from(await ask(a.context)), SECRET);
});

test('1000 releases while the configuration changes 20 times: none fails', async t => {
  const a = makeClient(t);
  const extras = Array.from({ length: 20 }, () => makeTlsKey().keyId);
  const steady = section({ name: 'a', keyId: a.keyId });
  const { put, reload, ask } = await startServer(t, steady);
  let released = 0;
  const releases = Array.from({ length: 8 }, async () => {
    while (released < 1000) {
      released++;
      assert.deepEqual(Buffer.from(await ask(a.context)), SECRET);
    }
  });
  for (const [i, keyId] of extras.entries()) {
    put('clients.conf', steady + section({ name: `extra${i}`, keyId }));
    await reload(new RegExp(`reload: 1 client added \\(extra${i}\\)`));
  }
  await Promise.all(releases);
});
