import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CheckerSlots } from '../../../server/checker/checker-slots.js';
import { FPING_CHECKER, FpingBatch } from '../../../server/checker/fping-batch.js';
import type { CheckOutcome } from '../../../server/client/client.js';
import { ShellRunner } from '../../../server/checker/shell-runner.js';
import { STOP_GRACE_MS } from '../../../server/checker/running-check.js';
import { CLIENT_DEFAULTS } from '../../../server/config/client-options.js';
import type { Host } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import { requires } from '../../support/requires.js';
import { recorder } from './recorder.js';

const PROGRAM = fileURLToPath(new URL('fping-child.js', import.meta.url));

const exited = (status: number): CheckOutcome => ({ kind: 'exited', status });

/** An `fping` for PATH that notes its arguments, one run a line, and then does what `script` says. */
function standIn(t: TestContext, script: string) {
  const directory = mkdtempSync(join(tmpdir(), 'fping-'));
  t.after(() => rmSync(directory, { recursive: true }));
  chmodSync(directory, 0o755);
  const file = join(directory, 'runs');
  writeFileSync(join(directory, 'fping'), `#!/bin/sh\necho "$*" >>${file}\n${script}\n`, { mode: 0o755 });
  return {
    path: `${directory}:/usr/bin:/bin`,
    runs: () => (existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []),
    /** What the script has written to `$0` with this suffix, as soon as there is a line. */
    async waitForFile(suffix: string): Promise<string> {
      const path = join(directory, `fping${suffix}`);
      while (!existsSync(path) || !readFileSync(path, 'utf8').endsWith('\n')) await sleep(20);
      return readFileSync(path, 'utf8').trimEnd();
    },
  };
}

/** Runs PROGRAM in the host, where `both`, `six` and `away` are names of addresses. */
async function askFrom(host: Host, mode: 'together' | 'one', hosts: readonly string[], path?: string) {
  const namesFile = join(host.lan.directory, 'hosts');
  writeFileSync(namesFile, '127.0.0.1 both\n::1 both\n::1 six\n192.0.2.66 away\n');
  const child = host.spawnShell(
    `mount --bind ${namesFile} /etc/hosts; exec "$@"`,
    [process.execPath, PROGRAM, mode, JSON.stringify(hosts)],
    { env: path === undefined ? {} : { PATH: path } },
  );
  const exit = await child.waitForExit(120_000);
  assert.deepEqual(exit, { code: 0, signal: null }, child.tail());
  return JSON.parse(child.stdout) as unknown;
}

interface Answers {
  readonly together: CheckOutcome[];
  readonly alone: CheckOutcome[];
  readonly lines: string[];
}

suite('fping for many', () => {
  test('it is the default checker that is run for many', () => {
    // Start-time expansion makes one percent character of two.
    assert.equal(CLIENT_DEFAULTS.get('checker')?.replaceAll('%%', '%'), FPING_CHECKER);
  });

  test(
    'each host gets what an fping of its own would say, and few run',
    requires('netns', 'fping'),
    async t => {
      const lan = await createLan(t);
      const host = await lan.host('server', { addresses: { 0: ['192.0.2.1/24', '2001:db8::1/64'] } });
      await host.run('ip', ['route', 'add', 'unreachable', '203.0.113.0/24']);
      const linkLocal = host.interfaces[0]?.linkLocal ?? '';
      const expected: [string, 0 | 1 | 2][] = [
        ['127.0.0.1', 0],
        ['::1', 0],
        ['both', 0],
        ['six', 0],
        ['127.1', 0],
        ['BOTH', 0],
        ['2001:db8::1', 0],
        ['2001:DB8:0::1', 0],
        [`${linkLocal}%eth0`, 0],
        ['127.0.0.1', 0],
        ['away', 1],
        ['192.0.2.9', 1],
        ['192.0.2.9', 1],
        ['2001:db8::9', 1],
        ['fe80::9%eth0', 1],
        ['198.51.100.1', 1],
        ['203.0.113.1', 1],
        ['255.255.255.255', 1],
        ['nosuch.invalid', 2],
        ['nosuch.invalid', 2],
        ['300.1.1.1', 2],
        [`${linkLocal}%eth9`, 2],
        [`${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.invalid`, 2],
        ['-h', 2],
        ['--', 2],
        ['#', 2],
        ['', 2],
        ['two words', 2],
        ["'; echo", 2],
        ['both\nsix', 2],
        ['x'.repeat(300), 2],
        ['bücher.invalid', 2],
      ];
      const hosts = expected.map(([each]) => each);
      const fping = standIn(t, 'exec /usr/bin/fping "$@"');
      const { together, alone } = (await askFrom(host, 'together', hosts, fping.path)) as Answers;
      assert.deepEqual(together, alone);
      assert.deepEqual(
        together,
        expected.map(([, status]) => exited(status)),
      );
      // The addresses, the names, and those that cannot be told from fping's own words.
      assert.equal(fping.runs().filter(run => run.startsWith('-i 1 -- ')).length, 2);
      assert.equal(fping.runs().filter(run => run.startsWith('-q -- ')).length, 7);
    },
  );

  test(
    'as many silent neighbours as one may ask are all found silent',
    requires('netns', 'fping'),
    async t => {
      const lan = await createLan(t);
      const host = await lan.host('server', { addresses: { 0: ['192.0.2.1/24'] } });
      const silent = Array.from({ length: 63 }, (_, i) => `192.0.2.${i + 10}`);
      const fping = standIn(t, 'exec /usr/bin/fping "$@"');
      const { together } = (await askFrom(host, 'together', [...silent, '127.0.0.1'], fping.path)) as Answers;
      assert.deepEqual(together, [...silent.map(() => exited(1)), exited(0)]);
      assert.equal(fping.runs().length, 1);
    },
  );

  test('a host that could not be sent to is not called unreachable', requires('netns', 'fping'), async t => {
    const lan = await createLan(t);
    const host = await lan.host('server', { addresses: { 0: ['10.9.0.1/16'] } });
    const silent = Array.from({ length: 500 }, (_, i) => `10.9.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`);
    const statuses = (await askFrom(host, 'one', [...silent, '127.0.0.1'])) as Record<string, number>;
    assert.notEqual(statuses['127.0.0.1'], 1);
    assert.ok(Object.keys(statuses).length < 500);
  });

  test('more hosts than one process may ask are asked by more', requires('fping'), async t => {
    const { batch, fping } = here(t, 'exec /usr/bin/fping "$@"');
    const checks = Array.from({ length: 200 }, (_, i) => batch.check(`127.0.1.${i + 1}`, 'web1'));
    assert.equal(checks[0]?.command, 'fping -q -- 127.0.1.1');
    for (const check of checks) assert.deepEqual(await check.done, exited(0));
    assert.deepEqual(
      fping
        .runs()
        .map(run => run.split(' ').length - 3)
        .toSorted((a, b) => a - b),
      [8, 64, 64, 64],
    );
  });

  test('a host that answers need not wait for one that is silent', async t => {
    const { batch, fping } = here(t, `echo "$$" >"$0.pid"; echo "127.0.0.1 is alive"; exec sleep 1000`);
    const [fast, again, slow] = ['127.0.0.1', '127.0.0.1', '127.0.0.2'].map(host =>
      batch.check(host, 'web1'),
    );
    assert.deepEqual(await fast?.done, exited(0));
    assert.deepEqual(await again?.done, exited(0));
    process.kill(Number(await fping.waitForFile('.pid')), 0);
    await slow?.stop();
    assert.deepEqual(await slow?.done, STOPPED);
  });

  test('a check that is stopped takes nothing from the others', requires('fping'), async t => {
    const { batch, fping } = here(t, 'exec /usr/bin/fping "$@"');
    const [one, other, same] = ['127.0.0.1', '127.0.0.2', '127.0.0.2'].map(host => batch.check(host, 'web1'));
    await one?.stop();
    await same?.stop();
    assert.deepEqual(await Promise.all([one?.done, other?.done, same?.done]), [STOPPED, exited(0), STOPPED]);
    assert.deepEqual(fping.runs(), ['-i 1 -- 127.0.0.2']);
  });

  test('fping is ended when the last of its checks is stopped, not before', async t => {
    const { batch, fping } = here(t, 'echo "$$" >"$0.pid"; exec sleep 1000');
    const [one, other] = ['127.0.0.1', '127.0.0.2'].map(host => batch.check(host, 'web1'));
    const pid = Number(await fping.waitForFile('.pid'));
    await one?.stop();
    assert.deepEqual(await one?.done, STOPPED);
    process.kill(pid, 0);
    await other?.stop();
    assert.deepEqual(await other?.done, STOPPED);
    // Its own time would be over much later.
    for (let i = 0; i < 250 && isAlive(pid); i++) await sleep(20);
    assert.ok(!isAlive(pid));
  });

  test('an fping beyond the limit waits, and asks for those that are left then', async t => {
    const { batch, slots, fping } = here(t, 'for host; do echo "$host is alive"; done', 1);
    const leave = new Promise<() => void>(resolve => {
      slots.take(resolve);
    });
    // A full run of addresses, which asks for a place at once, another, one of names, and one alone.
    const hosts = [...Array.from({ length: 65 }, (_, i) => `127.0.1.${i}`), 'name.test', 'two words'];
    const checks = hosts.map(host => batch.check(host, 'web1'));
    const stopped = checks.slice(0, 63);
    for (const check of stopped) await check.stop();
    for (const check of stopped) assert.deepEqual(await check.done, STOPPED);
    assert.deepEqual(fping.runs(), []);
    (await leave)();
    for (const check of checks.slice(63)) assert.deepEqual(await check.done, exited(0));
    assert.deepEqual(fping.runs().toSorted(), [
      '-i 1 -- 127.0.1.63',
      '-i 1 -- 127.0.1.64',
      '-i 1 -- name.test',
      '-q -- two words',
    ]);
  });

  test('when all of a waiting fping are stopped, it is not begun and holds nobody up', async t => {
    const { batch, slots, fping } = here(t, 'for host; do echo "$host is alive"; done', 1);
    const leave = new Promise<() => void>(resolve => {
      slots.take(resolve);
    });
    // A full run asks for a place at once.
    const checks = Array.from({ length: 64 }, (_, i) => batch.check(`127.0.1.${i}`, 'web1'));
    for (const check of checks) await check.stop();
    const other = batch.check('name.test', 'web1');
    (await leave)();
    assert.deepEqual(await other.done, exited(0));
    assert.deepEqual(fping.runs(), ['-i 1 -- name.test']);
  });

  test('what stands in for fping is killed with all that it has started', async t => {
    const { batch, fping } = here(t, 'sleep 1000 & echo $! >"$0.pid"; wait');
    const check = batch.check('127.0.0.1', 'web1');
    const pid = Number(await fping.waitForFile('.pid'));
    await check.stop();
    while (isAlive(pid)) await sleep(20);
  });

  test('an fping that cannot be executed is said as such', async t => {
    const { batch, fping, lines } = here(t, '');
    chmodSync(join(fping.path.split(':')[0] ?? '', 'fping'), 0o644);
    process.env['PATH'] = fping.path.split(':')[0];
    assert.deepEqual(await batch.check('127.0.0.1', 'web1').done, exited(126));
    assert.match(lines.join('\n'), /^error: fping: command cannot be executed: .*$/);
  });

  test('when fping ends in an unforeseen way, each host is asked by one of its own', async t => {
    const { batch, fping, lines } = here(t, 'case $1 in -i) exit 4;; esac; test "$3" = 127.0.0.1');
    const checks = ['127.0.0.1', '127.0.0.2'].map(host => batch.check(host, 'web1'));
    assert.deepEqual(await Promise.all(checks.map(check => check.done)), [exited(0), exited(1)]);
    assert.deepEqual(fping.runs().toSorted(), [
      '-i 1 -- 127.0.0.1 127.0.0.2',
      '-q -- 127.0.0.1',
      '-q -- 127.0.0.2',
    ]);
    assert.deepEqual(lines, []);
  });

  test('a name that holds an fping up is asked alone from then on, and no other name', async t => {
    const { batch, fping } = here(
      t,
      `case "$*" in
         '-i 1 -- '*slow.test*) exec sleep 1000;;
         '-i 1 -- '*) echo "quick.test is alive";;
         *slow.test*) sleep 7;;
       esac`,
    );
    const ask = async () => {
      const checks = ['quick.test', 'slow.test', '127.0.0.1'].map(host => batch.check(host, 'web1'));
      const stopped = checks.pop();
      assert.deepEqual(await Promise.all(checks.map(check => check.done)), [exited(0), exited(0)]);
      await stopped?.stop();
    };
    await ask();
    assert.deepEqual(forNames(fping.runs()), [
      '-i 1 -- quick.test slow.test',
      '-q -- quick.test',
      '-q -- slow.test',
    ]);
    const before = fping.runs().length;
    await ask();
    assert.deepEqual(forNames(fping.runs().slice(before)), ['-i 1 -- quick.test', '-q -- slow.test']);
  });

  test('without fping a check ends as the shell says, and the log says so once', async t => {
    const { batch, lines, waitForLine } = here(t, 'echo "127.0.0.1 is alive"');
    const path = process.env['PATH'];
    const ask = async () => {
      const checks = ['127.0.0.1', '127.0.0.1'].map(host => batch.check(host, 'web1'));
      const outcomes = await Promise.all(checks.map(check => check.done));
      return [outcomes, checks.map(check => check.isExplained)];
    };
    const missing = [
      [exited(127), exited(127)],
      [true, true],
    ];
    process.env['PATH'] = '/nonexistent';
    assert.deepEqual(await ask(), missing);
    assert.deepEqual(await ask(), missing);
    process.env['PATH'] = path;
    assert.deepEqual(await ask(), [
      [exited(0), exited(0)],
      [false, false],
    ]);
    await waitForLine(/^info: fping can be run again$/);
    assert.equal(lines.length, 2);
    assert.match(lines[0] ?? '', /^error: fping: command not found: .*install fping/);
  });
});

const STOPPED = { kind: 'killed', signal: constants.signals.SIGTERM };

/** The runs for names of the stand-in's scripts, without those for addresses, sorted. */
function forNames(runs: readonly string[]): string[] {
  return runs.filter(run => run.includes('.test')).toSorted();
}

/** A batch in this process, which finds the stand-in in PATH. */
function here(t: TestContext, script: string, max = Infinity) {
  const fping = standIn(t, script);
  const before = process.env['PATH'];
  process.env['PATH'] = fping.path;
  t.after(() => {
    process.env['PATH'] = before;
  });
  const { log, lines, waitForLine } = recorder('info');
  const slots = new CheckerSlots(log, () => max);
  const batch = new FpingBatch(log, new ShellRunner(log, STOP_GRACE_MS, slots), slots);
  return { fping, lines, waitForLine, slots, batch };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function sleep(ms: number): Promise<void> {
  await new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}
