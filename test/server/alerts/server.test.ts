import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fetchSecret } from '../../../client-plugin/fetch.js';
import { CLIENT_PRIORITY } from '../../../common/protocol.js';
import { TlsContext } from '../../../common/tls/tls-context.js';
import { makeTlsKey } from '../../support/keys.js';
import { configDirectory, serveLoopback } from '../../support/loopback.js';
import { hookDirectory } from './scene.js';

const SECRET = Buffer.from('what the client gets');

function section(name: string, keyId: string, options: string): string {
  return `[${name}]\nkey_id = ${keyId}\nsecret = ${SECRET.toString('base64')}\n${options}\n`;
}

function makeKey(t: TestContext) {
  const key = makeTlsKey();
  const context = new TlsContext(CLIENT_PRIORITY, key);
  t.after(() => context.close());
  return { keyId: key.keyId, context };
}

/** A directory for hooks that write as the user that the server becomes, and a server with these options. */
function makeServer(t: TestContext, clientsConf: string) {
  const hooks = hookDirectory(t);
  chmodSync(hooks.directory, 0o1777);
  const directory = configDirectory(t, { 'clients.conf': clientsConf });
  const configure = (options: string) =>
    writeFileSync(join(directory, 'mandos.conf'), `[DEFAULT]\n${options}\n`);
  const start = async (...args: string[]) => {
    const { child, port } = await serveLoopback(t, directory, args);
    // The line that says that it serves.
    await child.waitForOutput(/clients?, port \d+$/m);
    const ask = (context: TlsContext) => fetchSecret('::1', port, context, new AbortController().signal);
    return { child, ask };
  };
  return { ...hooks, configure, start };
}

type Values = ReadonlyMap<string, number>;

function scrape(socketPath: string): Promise<Values> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/metrics', agent: false }, response => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        resolve(
          new Map(
            body.split('\n').map(row => {
              const at = row.lastIndexOf(' ');
              return [row.slice(0, at), Number(row.slice(at + 1))];
            }),
          ),
        ),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Scrapes until all of these series have these values. */
async function scrapeUntil(path: string, expected: Readonly<Record<string, number>>): Promise<void> {
  for (;;) {
    const values = await scrape(path);
    if (Object.entries(expected).every(([name, value]) => values.get(name) === value)) return;
    await pause(100);
  }
}

test('hooks hear of a start, a release, a strange key, and a client that expires; metrics count them', async t => {
  const alive = makeKey(t);
  const stranger = makeKey(t);
  const clients =
    section('alive', alive.keyId, 'checker = :\nrelease_check = off') +
    section('dead', 'cd'.repeat(32), 'checker = false\ninterval = PT2S\ntimeout = PT1M');
  const { hook, written, configure, start, directory } = makeServer(t, clients);
  const socket = join(directory, 'metrics.sock');
  // One write(2), so that lines of hooks that run at the same time stay whole.
  configure(`metrics = ${socket}\non_event = ${hook('tell', 'read -r json; echo "$json" >>"$output"')}`);
  const { child, ask } = await start();
  assert.deepEqual(Buffer.from(await ask(alive.context)), SECRET);
  await assert.rejects(ask(stranger.context), { code: 'FETCH_REFUSED' });
  const all = (await written(5)).map(line => JSON.parse(line) as Record<string, unknown>);
  const told = (event: string) => all.find(each => each['event'] === event) ?? {};
  assert.equal(told('server_started')['clients'], 2);
  assert.deepEqual(
    [told('released')['client'], told('released')['key_id'], told('released')['address']],
    ['alive', alive.keyId.toUpperCase(), '::1'],
  );
  assert.equal(told('unknown_key')['key_id'], stranger.keyId.toUpperCase());
  assert.deepEqual(
    [told('expiring_soon')['client'], told('expiring_soon')['reason']],
    ['dead', 'its checks fail'],
  );
  assert.equal(told('disabled')['client'], 'dead');
  assert.match(child.output, /^mandos: warning: dead: expires in 2 s: its checks fail$/m);
  await scrapeUntil(socket, {
    'mandos_clients{state="enabled"}': 1,
    'mandos_clients{state="disabled"}': 1,
    mandos_releases_total: 1,
    'mandos_refusals_total{code="unknown"}': 1,
    'mandos_disabled_total{by="checks"}': 1,
    mandos_state_stored: 1,
    'mandos_hook_events_total{result="delivered"}': 5,
  });
  const status = await child.stop();
  assert.equal(status.code, 0);
});

test('a reload changes the hook, and says nothing of one that is as bad as before', async t => {
  const { hook, written, configure, start, directory } = makeServer(t, '');
  configure(`on_event = ${join(directory, 'absent')}`);
  const key = makeKey(t);
  const { child, ask } = await start();
  const [line] = await child.waitForOutput(/^.*absent: no such file or directory.*$/m);
  assert.match(line, /error: on_event: /);
  configure(`on_event = ${hook('tell', 'echo "$1" >>"$output"')}`);
  child.signal('SIGHUP');
  await child.waitForOutput(/on_event/, undefined, child.output.length);
  await assert.rejects(ask(key.context), { code: 'FETCH_REFUSED' });
  assert.deepEqual(await written(1), ['unknown_key']);
});

test('a hook that hangs holds up neither releases nor the stop', async t => {
  const { keyId, context } = makeKey(t);
  const { hook, written, configure, start } = makeServer(
    t,
    section('alive', keyId, 'checker = :\nrelease_check = off'),
  );
  configure(`on_event = ${hook('hang', 'echo $$ >>"$output"; trap "" TERM; while :; do sleep 1000; done')}`);
  const { child, ask } = await start();
  for (let i = 0; i < 3; i++) assert.deepEqual(Buffer.from(await ask(context)), SECRET);
  const pids = (await written(2)).map(Number);
  const { code } = await child.stop();
  assert.equal(code, 0);
  assert.match(child.output, /on_event: 2 events not delivered: the server stops$/m);
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

test('a server that cannot serve metrics says so and serves on', async t => {
  const { configure, start, directory } = makeServer(t, '');
  configure(`metrics = ${join(directory, 'absent/metrics.sock')}`);
  const { child } = await start();
  assert.match(
    child.output,
    /error: .*absent\/metrics\.sock: metrics cannot be served there: .*; serving on without them$/m,
  );
});

test('metrics of 10,000 clients are as many as those of one', async t => {
  const sections = Array.from({ length: 10_000 }, (_, i) =>
    section(`client${i}`, i.toString(16).padStart(64, '0'), 'checker = :\ninterval = PT1H\ntimeout = P1D'),
  );
  const { configure, start, directory } = makeServer(t, sections.join(''));
  const socket = join(directory, 'metrics.sock');
  configure(`metrics = ${socket}`);
  await start();
  const values = await scrape(socket);
  assert.equal(values.get('mandos_clients{state="enabled"}'), 10_000);
  assert.ok(values.size < 200, `${values.size} lines`);
});
