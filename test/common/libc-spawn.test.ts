import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { forkSession, spawnSession, spawnWithOutput } from '../../common/libc-spawn.js';

const sh = (command: string) => spawnWithOutput('sh', ['-c', command]);

test('a program says how it has ended', async () => {
  assert.deepEqual(await sh('exit 7').exit, { status: 7, signal: null });
  assert.deepEqual(await sh('kill -TERM $$').exit, { status: null, signal: constants.signals.SIGTERM });
});

test('both outputs are read to their ends', async () => {
  const child = sh('seq 50000; echo wrong >&2');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.equal(out.split('\n').length, 50_001);
  assert.equal(err, 'wrong\n');
});

test('it has a session of its own, no input, / as its directory, and the environment that it is given', async () => {
  const command = 'cut -d" " -f5,6 /proc/$$/stat; readlink /proc/$$/fd/0 /proc/$$/cwd; echo $GIVEN$HOME';
  const child = spawnWithOutput('sh', ['-c', command], {
    env: { PATH: process.env['PATH'], GIVEN: 'x', HOME: undefined },
  });
  const { pid } = child;
  assert.equal(await text(child.stdout), `${pid} ${pid}\n/dev/null\n/\nx\n`);
});

test('it inherits no descriptor, no signal that is ignored and none that is blocked', async t => {
  process.on('SIGHUP', () => {});
  const file = openSync('/etc/passwd', 'r');
  t.after(() => closeSync(file));
  const status = 'grep -E "Sig(Blk|Ign|Cgt)" /proc/self/status; ls -l /proc/self/fd';
  const child = sh(status);
  const lines = (await text(child.stdout)).trim().split('\n');
  // The C library has its own two signals ignored, 32 and 33, which programs set as they need them.
  assert.match(lines[0] ?? '', /^SigBlk:\t0+$/);
  assert.match(lines[1] ?? '', /^SigIgn:\t0+(180000000)?$/);
  const descriptors = lines.slice(2).join('\n');
  assert.match(descriptors, /2 -> pipe/);
  assert.doesNotMatch(descriptors, /passwd|socket|eventpoll/);
});

test('what it says is thrown away when nobody wants it', async () => {
  const child = spawnSession('sh', ['-c', 'seq 100000; echo >&2']);
  assert.deepEqual(await child.exit, { status: 0, signal: null });
});

test('a program that is not there, or is none, is an error in words', () => {
  const start = (file: string) => () => spawnWithOutput(file, []);
  const before = readdirSync('/proc/self/fd').length;
  assert.throws(start('no-such-program'), { message: 'spawn no-such-program: no such file or directory' });
  assert.throws(start('/etc/passwd'), { message: 'spawn /etc/passwd: permission denied' });
  assert.throws(() => spawnSession('sh', ['a\0b']), {
    message: 'an argument of sh has a NUL character',
  });
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('of a thousand that have ended no process and no descriptor is left', async () => {
  await sh('exit 0').exit;
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 20; i++) {
    const children = Array.from({ length: 50 }, () => spawnSession('true', []));
    await Promise.all(children.map(({ exit }) => exit));
    for (const { pid } of children)
      assert.throws(() => readFileSync(`/proc/${pid}/stat`), { code: 'ENOENT' });
  }
  assert.ok(readdirSync('/proc/self/fd').length <= before);
});

test(
  'when it has ended, its group can be signalled before its number is free',
  { timeout: 60_000 },
  async () => {
    const child = spawnWithOutput('sh', ['-c', 'sleep 1000 & echo $!'], {
      onEnd: pid => process.kill(-pid, 'SIGKILL'),
    });
    // It ends when the one that is left behind does, who has the pipe as well.
    assert.match(await text(child.stdout), /^\d+\n$/);
  },
);

test('a process whose status another has taken has not succeeded', () => {
  const script = `import { createRequire } from 'node:module';
    const koffi = createRequire(${JSON.stringify(import.meta.url)})('koffi');
    const { spawnSession } = await import(${JSON.stringify(new URL('../../common/libc-spawn.js', import.meta.url).href)});
    // SIGCHLD (17) ignored (1): the kernel throws statuses away.
    koffi.load('libc.so.6').func('intptr_t signal(int signal, intptr_t handler)')(17, 1);
    process.stdout.write(JSON.stringify(await spawnSession('false', []).exit));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(said, '{"status":null,"signal":9}');
});

test('a script without a first line is no program', t => {
  const directory = mkdtempSync(join(tmpdir(), 'spawn-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'script');
  writeFileSync(file, 'exit 0\n', { mode: 0o755 });
  assert.throws(() => spawnSession(file, []), {
    message: `${file} is not a program: it has no first line "#!"`,
  });
});

test('a system without pidfd_open has programs started all the same', async () => {
  const ends: number[] = [];
  const onEnd = (pid: number) => ends.push(pid);
  const child = forkSession('sh', ['-c', 'exit 7'], { onEnd });
  assert.deepEqual(await child.exit, { status: 7, signal: null });
  assert.deepEqual(ends, [child.pid]);
  assert.deepEqual(await forkSession('sh', ['-c', 'kill -9 $$'], {}).exit, { status: null, signal: 9 });
  const missing = forkSession('no-such-program', [], {});
  assert.equal(missing.pid, undefined);
  assert.deepEqual(await missing.exit, { status: 127, signal: null });
});
