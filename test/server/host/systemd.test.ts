import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { notifySystemd } from '../../../server/host/systemd.js';
import { requires } from '../../support/requires.js';
import { startReceiver } from './datagram-receiver.js';
import { moduleUrl, startScript, temporaryDirectory } from './script.js';

const PYTHON = requires('python3');
const IMPORT = `import { isUnderJournal, journalSink, notifySystemd } from ${moduleUrl('server/host/systemd.js')};`;

test('the journal gets the priority of each line', () => {
  const text = `${IMPORT} const sink = journalSink(text => void process.stderr.write(text));
    for (const level of ['critical', 'error', 'warning', 'info', 'debug']) sink.write(level, level + ' line');`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' });
  assert.equal(stderr, '<2>critical line\n<3>error line\n<4>warning line\n<6>info line\n<7>debug line\n');
});

test('standard error is the journal when $JOURNAL_STREAM names it, and not when it was redirected', t => {
  const file = join(temporaryDirectory(t), 'journal');
  const fd = openSync(file, 'w');
  t.after(() => closeSync(fd));
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const ask = (stream: string | undefined, stderr: number | 'ignore') => {
    const text = `${IMPORT} process.stdout.write(String(isUnderJournal()));`;
    const env: NodeJS.ProcessEnv = { ...process.env };
    delete env['JOURNAL_STREAM'];
    if (stream !== undefined) env['JOURNAL_STREAM'] = stream;
    return execFileSync(process.execPath, ['--input-type=module', '-e', text], {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', stderr],
    });
  };
  assert.equal(ask(`${dev}:${ino}`, fd), 'true');
  assert.equal(ask(`${dev}:${ino}`, 'ignore'), 'false');
  assert.equal(ask(`${dev}:${ino + 1n}`, fd), 'false');
  assert.equal(ask(undefined, fd), 'false');
});

for (const kind of ['path', 'abstract name']) {
  test(`systemd hears of start, status, reload and stop at its socket's ${kind}`, PYTHON, async t => {
    const path = join(temporaryDirectory(t), 'notify');
    const address = kind === 'path' ? path : `@${path}`;
    const receiver = await startReceiver(t, address);
    const notifier = notifySystemd({ NOTIFY_SOCKET: address });
    notifier.status('starting');
    notifier.ready('3 clients\nREADY=0');
    const beforeUsec = process.hrtime.bigint() / 1000n;
    notifier.reloading();
    const afterUsec = process.hrtime.bigint() / 1000n;
    notifier.stopping();
    await receiver.waitFor(/STOPPING/);
    const [status, ready, reloading, stopping] = receiver.received();
    assert.equal(status, 'STATUS=starting\n');
    assert.equal(ready, 'READY=1\nSTATUS=3 clients\\x0aREADY=0\n');
    assert.equal(stopping, 'STOPPING=1\n');
    const [, usec] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)\n$/.exec(reloading ?? '') ?? [];
    assert.ok(usec !== undefined && BigInt(usec) >= beforeUsec && BigInt(usec) <= afterUsec, reloading);
  });
}

test('the time of a reload is that of CLOCK_MONOTONIC', PYTHON, async t => {
  const path = join(temporaryDirectory(t), 'notify');
  const receiver = await startReceiver(t, path);
  const clock = () =>
    BigInt(
      execFileSync('python3', ['-c', 'import time; print(time.monotonic_ns() // 1000)'], {
        encoding: 'utf8',
      }),
    );
  const before = clock();
  notifySystemd({ NOTIFY_SOCKET: path }).reloading();
  const after = clock();
  const [, usec = ''] = /USEC=(\d+)/.exec(await receiver.waitFor(/RELOADING/)) ?? [];
  assert.ok(BigInt(usec) >= before && BigInt(usec) <= after, `${before} ${usec} ${after}`);
});

test('the event loop feeds the watchdog, and a hanging one does not', PYTHON, async t => {
  const path = join(temporaryDirectory(t), 'notify');
  const receiver = await startReceiver(t, path);
  const text = `${IMPORT} const notifier = notifySystemd();
    process.stdin.once('data', () => {
      notifier.status('hangs');
      const endMs = performance.now() + 300;
      while (performance.now() < endMs);
      notifier.status('hung');
      process.exit();
    });`;
  const script = startScript(t, text, {
    env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '20000', WATCHDOG_PID: undefined },
    keepInputOpen: true,
  });
  await receiver.child.waitForOutput(/(.*WATCHDOG=1.*\n){3}/);
  script.stdin.write('\n');
  await receiver.waitFor(/hung/);
  const received = receiver.received();
  assert.deepEqual(received.slice(received.indexOf('STATUS=hangs\n')), ['STATUS=hangs\n', 'STATUS=hung\n']);
});

test("another process's watchdog is not fed", PYTHON, async t => {
  const path = join(temporaryDirectory(t), 'notify');
  const receiver = await startReceiver(t, path);
  const text = `${IMPORT} notifySystemd().ready('here'); setTimeout(() => {}, 300);`;
  const script = startScript(t, text, {
    env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '2000', WATCHDOG_PID: '1' },
  });
  await script.waitForExit();
  await receiver.waitFor(/READY/);
  assert.deepEqual(receiver.received(), ['READY=1\nSTATUS=here\n']);
});

test('without systemd nothing is done, and checkers do not inherit its variables', async t => {
  const environment = {
    NOTIFY_SOCKET: '@mandos-test-nobody',
    WATCHDOG_USEC: '1',
    WATCHDOG_PID: '1',
    LISTEN_FDS: '1',
    LISTEN_PID: '1',
    LISTEN_FDNAMES: 'a',
    PATH: '/bin',
  };
  notifySystemd(environment);
  assert.deepEqual(environment, { PATH: '/bin' });
  const text = `${IMPORT}
    import { execFileSync } from 'node:child_process';
    notifySystemd().ready('');
    process.stdout.write(execFileSync('env'));`;
  const script = startScript(t, text, {
    env: { NOTIFY_SOCKET: '@mandos-test-nobody', WATCHDOG_USEC: '5000000' },
  });
  assert.equal((await script.waitForExit()).code, 0);
  assert.match(script.stdout, /PATH=/);
  assert.doesNotMatch(script.stdout, /NOTIFY_SOCKET|WATCHDOG/);
});
