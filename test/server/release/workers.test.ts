import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';
import { fetchSecret } from '../../../client-plugin/fetch.js';
import { CLIENT_PRIORITY } from '../../../common/protocol.js';
import { TlsContext } from '../../../common/tls/tls-context.js';
import { createClient, disable } from '../../../server/client/client.js';
import type { ClientEvent } from '../../../server/client/events.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { makeTlsKey } from '../../support/keys.js';
import { startReleaseServer, TEST_SETTINGS } from '../../support/release-server.js';

const OPERATOR = { kind: 'operator', uid: 0 } as const;
const SECRET = randomBytes(700);
/** Longer than any test takes. */
const LONG_MS = 3_600_000;
/** Longer than a release holds on its way. */
const TOO_LATE_MS = 1_200;

function start(t: TestContext, settings: Partial<ClientSettings> = {}, secret = SECRET) {
  const key = makeTlsKey();
  const context = new TlsContext(CLIENT_PRIORITY, key);
  t.after(() => context.close());
  const client = createClient({ ...TEST_SETTINGS, secret, keyId: key.keyId, ...settings }, Date.now(), 0);
  const server = startReleaseServer(t, [client], { workers: 2 });
  const events: ClientEvent['kind'][] = [];
  server.registry.events.subscribe(({ kind }) => events.push(kind));
  const ask = () => fetchSecret('::1', server.port, context, new AbortController().signal);
  return { server, ask, events };
}

/** Process IDs of this process's workers. */
function workers(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        const [, state = '', parent = ''] =
          /\) (\S) (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
        const isWorker = readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('worker-process.js');
        return isWorker && state !== 'Z' && Number(parent) === process.pid;
      } catch {
        return false; // it has ended meanwhile
      }
    });
}

const RLIMIT_NOFILE = 7;
const prlimit = koffi.load('libc.so.6').func('int prlimit64(int pid, int resource, void *limits, void *old)');

/** How many descriptors this process may have. @returns how many it might have before */
function limitDescriptors(count: number): number {
  const [limits, old] = [Buffer.alloc(16), Buffer.alloc(16)];
  assert.equal(prlimit(0, RLIMIT_NOFILE, null, limits), 0);
  limits.copy(old);
  limits.writeBigUInt64LE(BigInt(count));
  assert.equal(prlimit(0, RLIMIT_NOFILE, limits, null), 0);
  return Number(old.readBigUInt64LE());
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(20);
}

async function asked(server: ReturnType<typeof startReleaseServer>): Promise<void> {
  await until(() => server.registry.find('client1')?.pendingApprovals === 1);
}

test('workers prove keys and send what the server decides', async t => {
  const { server, ask } = start(t, {}, randomBytes(60_000));
  const secrets = await Promise.all(Array.from({ length: 20 }, ask));
  for (const secret of secrets) assert.equal(secret.length, 60_000);
  await until(() => server.released.length === 20);
  assert.equal(workers().length, 2);
  await until(() => server.listener.counts().admitted === 20);
  server.registry.update('client1', disable);
  await assert.rejects(ask());
  await server.waitForLine(/^warning: refused \[::1\]:\d+: client client1 is disabled$/);
});

test('a worker that is killed is replaced, and the requests that it had are over', async t => {
  const { server, ask } = start(t, { approvalDelayMs: LONG_MS });
  const asking = assert.rejects(ask());
  await asked(server);
  for (const pid of workers()) process.kill(pid, 'SIGKILL');
  await asking;
  await until(() => server.registry.find('client1')?.pendingApprovals === 0);
  await server.waitForLine(/^error: worker \d has ended \(SIGKILL\)/);
  const again = ask();
  await asked(server);
  await server.requests.approve('client1', true, OPERATOR);
  assert.deepEqual(Buffer.from(await again), SECRET);
});

test('a worker that cannot be started for want of descriptors is started when there are some', async t => {
  const { server, ask } = start(t);
  await ask();
  const pids = workers();
  const usual = limitDescriptors(3);
  t.after(() => limitDescriptors(usual));
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await server.waitForLine(/^error: worker \d has ended \(.*too many open files.*\)/);
  limitDescriptors(usual);
  assert.deepEqual(Buffer.from(await ask()), SECRET);
});

test('a worker that was stopped meanwhile does not send what was decided long ago', async t => {
  const { server, ask, events } = start(t, { approvalDelayMs: LONG_MS });
  const asking = assert.rejects(ask());
  await asked(server);
  const pids = workers();
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await server.requests.approve('client1', true, OPERATOR);
  await sleep(TOO_LATE_MS);
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  await asking;
  await server.waitForLine(/: the release of client client1 came too late$/);
  await until(() => events.includes('release-interrupted'));
  assert.deepEqual(server.released, []);
});

test('limits hold in workers, and others as soon as they are told', async t => {
  const { server, ask } = start(t);
  await ask();
  server.limits.deny = '::1';
  server.listener.configure();
  await until(() => server.lines.length > 0);
  for (;;) {
    if (
      await ask().then(
        () => false,
        () => true,
      )
    )
      break;
  }
  await server.waitForLine(/^warning: refused \[::1\]:\d+: its network is denied/);
  server.limits.deny = '';
  server.listener.configure();
  while (
    !(await ask().then(
      () => true,
      () => false,
    ))
  );
});

test('workers that are told to stop let what is under way end, and are gone', async t => {
  const { server, ask } = start(t, { approvalDelayMs: LONG_MS });
  const asking = ask();
  await asked(server);
  const closed = server.listener.close();
  await server.requests.approve('client1', true, OPERATOR);
  assert.deepEqual(Buffer.from(await asking), SECRET);
  await closed;
  assert.deepEqual(workers(), []);
});
