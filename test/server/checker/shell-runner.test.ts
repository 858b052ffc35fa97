import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CheckerSlots } from '../../../server/checker/checker-slots.js';
import { ShellRunner } from '../../../server/checker/shell-runner.js';
import { Child, DEFAULT_WAIT_MS } from '../../support/child.js';
import { recorder } from './recorder.js';

const KILLED = { kind: 'killed', signal: constants.signals.SIGKILL };
const TERMINATED = { kind: 'killed', signal: constants.signals.SIGTERM };

/** Runs the command to its end, and gives what it wrote line by line. */
async function output(command: string): Promise<string[]> {
  const { log, lines, waitForLine } = recorder();
  const { done } = new ShellRunner(log).run(`${command}; echo the end`, 'web1');
  assert.deepEqual(await done, { kind: 'exited', status: 0 });
  await waitForLine(/the end/);
  return lines.slice(0, -1).map(line => line.replace('debug: [web1] checker: ', ''));
}

/** What this process's descriptors lead to. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the one of the listing itself
    }
  });
}

/** Whether the process runs; one that has ended may wait for its parent a while. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function waitForEnd(pid: number): Promise<void> {
  while (runs(pid)) {
    await new Promise(resolve => {
      setTimeout(resolve, 20);
    });
  }
}

test('a checker ends with its exit status, or with the signal that ended it', async () => {
  const runner = new ShellRunner(recorder('info').log);
  const commands = ['exit 0', 'exit 7', 'kill -9 $$', 'kill -15 $$', 'no-such-command-anywhere'];
  const checks = commands.map(command => runner.run(command, 'web1'));
  assert.deepEqual(
    checks.map(check => check.command),
    commands,
  );
  assert.deepEqual(await Promise.all(checks.map(check => check.done)), [
    { kind: 'exited', status: 0 },
    { kind: 'exited', status: 7 },
    KILLED,
    TERMINATED,
    { kind: 'exited', status: 127 },
  ]);
});

test('a checker runs in / in a session of its own, without input', async () => {
  const [directory, ids, pid, input] = await output('pwd; cut -d" " -f1,6 /proc/$$/stat; echo $$; wc -c');
  assert.deepEqual({ directory, ids, input }, { directory: '/', ids: `${pid} ${pid}`, input: '0' });
});

test('a checker has the usual umask, whatever the server has', async t => {
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  assert.deepEqual(await output('umask'), ['0022']);
});

test('what is set before a command does not move its lines', async () => {
  const { log, waitForLine } = recorder();
  assert.deepEqual(await new ShellRunner(log).run('if', 'web1').done, { kind: 'exited', status: 2 });
  await waitForLine(/\b1: /);
});

test('a checker has none of the descriptors that the server has opened', async () => {
  const inherited = new Set(descriptors());
  const file = openSync('/etc/hostname', 'r');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const opened = descriptors().filter(each => !inherited.has(each));
    assert.ok(opened.length >= 2);
    const seen = await output('for each in /proc/$$/fd/*; do readlink "$each"; done');
    assert.ok(seen.includes('/dev/null'));
    assert.deepEqual(
      seen.filter(each => opened.includes(each)),
      [],
    );
  } finally {
    closeSync(file);
    server.close();
  }
});

test('what a checker says is in the debug log, line by line, with the client and up to a limit', async () => {
  const lines = await output("printf 'one\\ntwo'; sleep 0.1; printf '\\303'; sleep 0.1; printf '\\251\\n'");
  assert.deepEqual(lines, ['one', 'twoé']);
});

test('a checker that writes more than is logged, or with nobody reading, ends all the same', async () => {
  const command = 'yes 0123456789 | head -c 3000000 && yes | head -c 3000000 >&2';
  for (const level of ['debug', 'info'] as const) {
    const { log, lines } = recorder(level);
    assert.deepEqual(await new ShellRunner(log).run(command, 'web1').done, { kind: 'exited', status: 0 });
    const length = lines.join('').length;
    if (level === 'info') assert.equal(length, 0);
    else {
      assert.ok(length < 200_000, `${length} characters logged`);
      assert.equal(lines.filter(line => line.endsWith('(its further output is not logged)')).length, 2);
    }
  }
});

test('a checker is over when the shell ends; what it leaves in the background is left alone', async () => {
  const { log, lines, waitForLine } = recorder();
  const background =
    "trap 'echo told to end' TERM; trap 'echo asked; exit' CONT; echo ready; while :; do sleep 0.1; done";
  const command = `sh -c "${background}" & echo $!`;
  const check = new ShellRunner(log).run(command, 'web1');
  assert.deepEqual(await check.done, { kind: 'exited', status: 0 });
  const pid = Number((await waitForLine(/\d+$/)).split(' ').at(-1));
  await waitForLine(/ready/);
  await check.stop();
  // A shell looks at the lower signal first.
  process.kill(pid, 'SIGCONT');
  await waitForLine(/asked/);
  assert.ok(!lines.some(line => line.endsWith('told to end')));
});

test('what a checker leaves in the background does not keep the server from ending', async t => {
  const module = new URL('../../../server/checker/shell-runner.js', import.meta.url).href;
  const recorderModule = new URL('recorder.js', import.meta.url).href;
  const script = `Promise.all([import('${module}'), import('${recorderModule}')]).then(async all => {
    const [{ ShellRunner }, { recorder }] = all;
    const { log, waitForLine } = recorder();
    const { done } = new ShellRunner(log).run('sleep 1000 & echo $!', 'web1');
    console.log(await waitForLine(/\\d$/));
    await done;
  })`;
  const child = new Child(process.execPath, ['-e', script], {});
  t.after(() => child.stop());
  const [, pid] = await child.waitForOutput(/: (\d+)$/m);
  t.after(() => process.kill(Number(pid)));
  assert.deepEqual(await child.waitForExit(), { code: 0, signal: null });
});

test('stopping a checker ends its children too', async () => {
  const { log, waitForLine } = recorder();
  const check = new ShellRunner(log, DEFAULT_WAIT_MS).run('sleep 1000 & echo $!; wait', 'web1');
  const pid = Number((await waitForLine(/\d+$/)).split(' ').at(-1));
  void check.stop();
  await check.stop();
  assert.deepEqual(await check.done, TERMINATED);
  await waitForEnd(pid);
});

test('a stopped checker may tidy up', async () => {
  const { log, waitForLine } = recorder();
  const command = "trap 'echo tidy; exit 3' TERM; echo ready; while :; do sleep 0.1; done";
  const check = new ShellRunner(log, DEFAULT_WAIT_MS).run(command, 'web1');
  await waitForLine(/ready/);
  void check.stop();
  assert.deepEqual(await check.done, { kind: 'exited', status: 3 });
  await waitForLine(/tidy/);
});

test('stopping ends a shell that ignores it, and children that ignore it after their shell is gone', async () => {
  const stubborn = `sh -c "trap '' TERM; echo ready \\$\\$; while :; do sleep 0.1; done"`;
  for (const [command, outcome, graceMs] of [
    [`trap '' TERM; ${stubborn}; :`, KILLED, 100],
    [`${stubborn} & wait`, TERMINATED, DEFAULT_WAIT_MS],
  ] as const) {
    const { log, waitForLine } = recorder();
    const check = new ShellRunner(log, graceMs).run(command, 'web1');
    const pid = Number((await waitForLine(/ready/)).split(' ').at(-1));
    await check.stop();
    assert.deepEqual(await check.done, outcome);
    await waitForEnd(pid);
  }
});

test('a hundred checkers run at once', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'checkers-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const runner = new ShellRunner(recorder().log);
  const meet = (i: number) =>
    `cd ${directory}; touch ${i}; while ! test -e 99; do sleep 0.1; done; exit ${i}`;
  const checks = Array.from({ length: 100 }, (_, i) => runner.run(meet(i), 'web1'));
  assert.deepEqual(
    await Promise.all(checks.map(check => check.done)),
    checks.map((_, status) => ({ kind: 'exited', status })),
  );
});

test('no shell to be had is status 127, and logged when that begins and ends', async t => {
  const module = new URL('../../../server/checker/shell-runner.js', import.meta.url).href;
  const recorderModule = new URL('recorder.js', import.meta.url).href;
  const script = `Promise.all([import('${module}'), import('${recorderModule}')]).then(async all => {
    const [{ ShellRunner }, { recorder }] = all;
    const { openSync, closeSync } = await import('node:fs');
    const { log, lines } = recorder();
    const runner = new ShellRunner(log);
    const run = async command => lines.push(JSON.stringify(await runner.run(command, 'web1').done));
    await run('exit 0');
    const open = [];
    try { for (;;) open.push(openSync('/dev/null')); } catch {}
    const check = runner.run('exit 0', 'web1');
    await check.stop();
    lines.push(JSON.stringify(await check.done));
    await run('exit 0');
    for (const fd of open) closeSync(fd);
    await run('exit 5');
    await run('nul \\0');
    process.stdout.write(lines.join('\\n'));
  })`;
  const child = new Child('sh', ['-c', 'ulimit -n 60; exec "$0" -e "$1"', process.execPath, script], {});
  t.after(() => child.stop());
  assert.deepEqual(await child.exited, { code: 0, signal: null }, child.tail());
  assert.deepEqual(child.stdout.split('\n'), [
    '{"kind":"exited","status":0}',
    'error: [web1] cannot run the checker, nor others: pipe2: too many open files',
    '{"kind":"exited","status":127}',
    '{"kind":"exited","status":127}',
    'info: [web1] checkers can be run again',
    '{"kind":"exited","status":5}',
    'error: [web1] cannot run the checker, nor others: an argument of /bin/sh has a NUL character',
    '{"kind":"exited","status":127}',
  ]);
});

test('a checker beyond the limit waits for another to end, and is stopped while it waits', async () => {
  const { log, lines, waitForLine } = recorder();
  const slots = new CheckerSlots(log, () => 1);
  const runner = new ShellRunner(log, DEFAULT_WAIT_MS, slots);
  const first = runner.run('echo first $$; sleep 1000; :', 'web1');
  const [second, third] = ['echo second; exit 2', 'echo third; exit 3'].map(command =>
    runner.run(command, 'web2'),
  );
  await waitForLine(/first \d+$/);
  assert.deepEqual([second?.startedMs, third?.startedMs], [undefined, undefined]);
  await second?.stop();
  assert.deepEqual(await second?.done, TERMINATED);
  await first.stop();
  assert.deepEqual(await third?.done, { kind: 'exited', status: 3 });
  await waitForLine(/third$/);
  assert.ok(!lines.some(line => line.endsWith('second')));
  assert.deepEqual(await runner.run('exit 4', 'web1').done, { kind: 'exited', status: 4 });
});

test('a shell that cannot be started gives its place back', async () => {
  const { log } = recorder();
  const runner = new ShellRunner(log, DEFAULT_WAIT_MS, new CheckerSlots(log, () => 1));
  const outcomes = ['nul \0', 'nul \0', 'exit 5'].map(command => runner.run(command, 'web1').done);
  assert.deepEqual(
    (await Promise.all(outcomes)).map(outcome => outcome.kind === 'exited' && outcome.status),
    [127, 127, 5],
  );
});
