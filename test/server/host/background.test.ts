import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { Child } from '../../support/child.js';
import { createLan } from '../../support/namespace.js';
import { spawnWithSyslog, startSyslog } from '../../support/peers.js';
import { requires } from '../../support/requires.js';
import type { Report } from './background-daemon.js';
import { temporaryDirectory } from './script.js';

const DAEMON = join(import.meta.dirname, 'background-daemon.js');

interface Started {
  /** The process that starts the daemon. */
  readonly starter: Child;
  /** Reads the daemon's pipe: it ends when the daemon has. */
  readonly pipe: Child;
}

/**
 * Starts the daemon; it is killed when the test ends.
 * @param wrap a command that runs the starter
 */
function startDaemon(t: TestContext, behaviour: string, ...wrap: readonly string[]): Started {
  const path = join(temporaryDirectory(t), 'pipe');
  execFileSync('mkfifo', [path]);
  const pipe = new Child('cat', [path], {});
  let hasEnded = false;
  void pipe.exited.then(() => (hasEnded = true));
  const starter = new Child('env', [...wrap, process.execPath, DAEMON, behaviour, path], {});
  t.after(async () => {
    await starter.stop('SIGKILL');
    const [, pid] = /^pid (\d+)$/m.exec(starter.stdout) ?? [];
    // By its number only while it holds the pipe: later it could be another's.
    if (pid !== undefined && !hasEnded) kill(Number(pid));
    await pipe.stop('SIGKILL');
  });
  return { starter, pipe };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

async function daemonPid(starter: Child): Promise<number> {
  return Number((await starter.waitForOutput(/^pid (\d+)$/m))[1]);
}

async function askForReport({ starter, pipe }: Started): Promise<Report> {
  const pid = await daemonPid(starter);
  process.kill(pid, 'SIGHUP');
  const [text] = await pipe.waitForOutput(/^\{.*\}$/m);
  return JSON.parse(text) as Report;
}

test('the starter ends when the daemon is ready, and has passed on what that wrote', async t => {
  const started = startDaemon(t, 'serve');
  assert.deepEqual(await started.starter.waitForExit(), { code: 0, signal: null });
  const pid = await daemonPid(started.starter);
  assert.equal(started.starter.stdout.length, `pid ${pid}\n${'x'.repeat(1_000_000)}\n`.length);
  assert.equal(started.starter.stderr, 'before readiness\n');
  assert.equal((await askForReport(started)).pid, pid);
  process.kill(pid, 'SIGTERM');
  await started.pipe.waitForExit();
});

test('the daemon has nothing of the terminal in which it was started', async t => {
  const started = startDaemon(t, 'serve', '/bin/sh', '-c', 'umask 077; cd /tmp; exec "$@"', 'sh');
  await started.starter.waitForExit();
  const { pid, session, directory, descriptors } = await askForReport(started);
  assert.equal(session, pid);
  assert.equal(directory, '/');
  for (const fd of [0, 1, 2]) assert.equal(descriptors[fd], '/dev/null');
});

test("the daemon's children inherit its umask, and nothing of how it was started", async t => {
  const started = startDaemon(t, 'serve', '/bin/sh', '-c', 'umask 077; exec "$@"', 'sh');
  await started.starter.waitForExit();
  const [umask, ...descriptors] = (await askForReport(started)).child.split('\n').slice(0, -1);
  assert.equal(umask, '0022');
  assert.ok(descriptors.length >= 3, descriptors.join());
  for (const line of descriptors) assert.match(line, /^(0 \/dev\/null|[12] .*|\d+ (?!socket:).*)$/);
});

test('a daemon that does not start ends its starter with its words and its status', async t => {
  const failing = startDaemon(t, 'fail');
  assert.deepEqual(await failing.starter.waitForExit(), { code: 3, signal: null });
  assert.equal(failing.starter.stderr, 'clients.conf:1: is wrong\nnot started\n');
  const killed = startDaemon(t, 'be killed');
  assert.deepEqual(await killed.starter.waitForExit(), { code: 128 + 9, signal: null });
});

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`a starter that is ended by ${signal} before the daemon is ready takes it along`, async t => {
    const { starter, pipe } = startDaemon(t, 'wait');
    await daemonPid(starter);
    starter.signal(signal);
    await pipe.waitForExit();
    assert.deepEqual(await starter.waitForExit(), { code: null, signal });
  });
}

/** Runs its arguments with a listening socket at 3, where the daemon's report would be, and one at 5. */
const WITH_SOCKETS = `
import os, socket, sys
sockets = [socket.socket() for _ in range(2)]
numbers = [3, 5]
for s in sockets: s.bind(("127.0.0.1", 0)); s.listen()
high = [os.dup2(s.fileno(), 20 + i) for i, s in enumerate(sockets)]
for fd, number in zip(high, numbers):
    os.dup2(fd, number, inheritable=True)
    os.set_inheritable(fd, False)
print("given", *[os.readlink(f"/proc/self/fd/{n}") for n in numbers], flush=True)
os.execvp(sys.argv[1], sys.argv[1:])
`;

test('a socket that the starter was given reaches the daemon at its number', requires('python3'), async t => {
  const started = startDaemon(t, 'serve', 'python3', '-c', WITH_SOCKETS);
  const [, third, fifth] = await started.starter.waitForOutput(/^given (\S+) (\S+)$/m);
  await started.starter.waitForExit();
  const { descriptors } = await askForReport(started);
  assert.deepEqual([descriptors[3], descriptors[5]], [third, fifth]);
});

test('a variable of the same name from elsewhere does not make a daemon', async t => {
  for (const value of ['1', '99', 'x']) {
    const started = startDaemon(t, 'serve', `MANDOS_BACKGROUND_FD=${value}`);
    assert.equal((await started.starter.waitForExit()).code, 0);
    assert.notEqual(await daemonPid(started.starter), started.starter.pid);
  }
});

test(
  'in the background syslog has the log, and the starter until the daemon is ready',
  requires('netns', 'python3'),
  async t => {
    const lan = await createLan(t);
    const host = await lan.host('server');
    const syslog = await startSyslog(host);
    const starter = spawnWithSyslog(host, process.execPath, [DAEMON, 'log']);
    assert.equal((await starter.waitForExit()).code, 0);
    assert.equal(starter.stderr, 'daemon: error: before readiness\n');
    const pid = await daemonPid(starter);
    await syslog.waitForOutput(/after readiness/);
    assert.deepEqual(
      syslog.stdout
        .split('\n')
        .slice(1, -1)
        .map(line => line.replace(/\w+ +\d+ [\d:]+ /, '')),
      [`<27>daemon[${pid}]: before readiness`, `<28>daemon[${pid}]: after readiness`],
    );
  },
);
