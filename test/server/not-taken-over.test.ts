import assert from 'node:assert/strict';
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { fetchSecret } from '../../client-plugin/fetch.js';
import { CLIENT_PRIORITY } from '../../common/protocol.js';
import { TlsContext } from '../../common/tls/tls-context.js';
import { makeTlsKey } from '../support/keys.js';
import { configDirectory, runNode, stateDirectory } from '../support/loopback.js';
import { MANDOS } from '../support/programs.js';

/** A server with a client that is disabled, since it does not answer, before the server stops. */
async function createScene(t: TestContext) {
  const key = makeTlsKey();
  const context = new TlsContext(CLIENT_PRIORITY, key);
  t.after(() => context.close());
  const stolen = `[stolen]\nkey_id = ${key.keyId}\nhost = h\nsecret = c2VjcmV0\nchecker = false\ninterval = PT1S\n`;
  const configuration = configDirectory(t, { 'clients.conf': stolen });
  const state = stateDirectory(t);
  const path = (name: string) => join(state, name);
  const places = [`--configdir=${configuration}`, `--statedir=${state}`];
  const spawn = (...args: string[]) => {
    const usual = ['--foreground', '--no-dbus', '--no-zeroconf', '--address=::1', '--port=0'];
    return runNode(t, MANDOS, [...usual, '--debuglevel=INFO', ...places, ...args]);
  };
  const start = async (...args: string[]) => {
    const child = spawn(...args);
    const [, port] = await child.waitForOutput(/listening on .*:(\d+)$/m);
    const ask = () => fetchSecret('::1', Number(port), context, new AbortController().signal);
    return { child, ask };
  };
  const run = async (option: string) => {
    const child = runNode(t, MANDOS, [option, ...places]);
    assert.equal((await child.waitForExit()).code, 0, child.tail());
  };
  const isRefused = async (found: string) => {
    const before = readdirSync(state).toSorted();
    const child = spawn();
    assert.equal((await child.waitForExit()).code, 1);
    const lines = child.stderr.trimEnd().split('\n');
    assert.deepEqual(
      lines.filter(line => line.includes('take-over')),
      [
        `mandos: critical: ${found}: not taken over yet; without it, clients that were disabled would be enabled; ` +
          `run "mandos --take-over --statedir=${state}" first, or move it aside to begin anew`,
      ],
    );
    assert.deepEqual(readdirSync(state).toSorted(), before, 'no state is begun');
  };
  const configure = (text: string) => writeFileSync(join(configuration, 'clients.conf'), text);
  const first = await start();
  await first.child.waitForOutput(/warning: stolen: disabled/);
  await first.child.stop();
  return { path, start, run, isRefused, configure, stolen };
}

test('a server does not start beside a state that was handed over, and does when it is taken over', async t => {
  const { path, start, run, isRefused } = await createScene(t);
  await run('--hand-over');
  await isRefused(`${path('clients.pickle')} and ${path('clients.mdb.handed-over')}`);
  // As when the original, which has read it, was killed.
  rmSync(path('clients.pickle'));
  await isRefused(path('clients.mdb.handed-over'));
  await run('--take-over');
  const { ask, child } = await start();
  await assert.rejects(ask(), { code: 'FETCH_REFUSED' });
  await child.stop();
});

test("a server does not start beside the original's state, also when it has an empty one itself", async t => {
  const { path, start, run, isRefused, configure, stolen } = await createScene(t);
  await run('--hand-over');
  for (const name of ['clients.mdb.handed-over', 'clients.pickle.handed-over']) rmSync(path(name));
  await isRefused(path('clients.pickle'));

  renameSync(path('clients.pickle'), path('aside'));
  configure('');
  await (await start()).child.stop();
  configure(stolen);
  renameSync(path('aside'), path('clients.pickle'));
  await isRefused(path('clients.pickle'));
  await run('--take-over');
  const { ask, child } = await start();
  await assert.rejects(ask(), { code: 'FETCH_REFUSED' });
  await child.stop();
});

test('with --no-restore it is said that a state is not taken over', async t => {
  const { path, start, run } = await createScene(t);
  await run('--hand-over');
  rmSync(path('clients.mdb.handed-over'));
  const { child } = await start('--no-restore');
  assert.match(child.output, /warning: --no-restore: .*clients\.pickle: not taken over$/m);
  assert.ok(existsSync(path('clients.pickle')));
});
