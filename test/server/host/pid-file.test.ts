import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimPidFile, pidFilePath } from '../../../server/host/pid-file.js';
import { requires } from '../../support/requires.js';
import { moduleUrl, startScript, temporaryDirectory } from './script.js';

/** A script that holds a PID file until a line comes in, and removes it at its end. */
const holder = (path: string, then = '') => `
  import { readFileSync } from 'node:fs';
  import { spawn } from 'node:child_process';
  import { claimPidFile } from ${moduleUrl('server/host/pid-file.js')};
  process.umask(0o022);
  try {
    const file = claimPidFile(${JSON.stringify(path)});
    process.once('exit', () => file.remove());
    ${then}
    process.stdin.once('data', () => process.exit(0));
    process.stdout.write('holds\\n');
  } catch (error) { process.stdout.write(error.code + ' ' + error.message); process.exitCode = 1; }`;

test('the file has the process ID and a newline, and is removed at the end', async t => {
  const path = join(temporaryDirectory(t), 'mandos.pid');
  const script = startScript(t, holder(path), { keepInputOpen: true });
  await script.waitForOutput(/holds/);
  assert.equal(readFileSync(path, 'utf8'), `${script.pid}\n`);
  assert.equal(statSync(path).mode & 0o777, 0o644);
  script.stdin.write('\n');
  assert.equal((await script.waitForExit()).code, 0);
  assert.ok(!existsSync(path));
});

test('a second server does not start beside one that runs, and leaves its file alone', async t => {
  const path = join(temporaryDirectory(t), 'mandos.pid');
  const first = startScript(t, holder(path), { keepInputOpen: true });
  await first.waitForOutput(/holds/);
  const second = startScript(t, holder(path));
  assert.equal((await second.waitForExit()).code, 1);
  assert.equal(
    second.stdout,
    `ALREADY_RUNNING ${path}: another mandos runs already with process ID ${first.pid}; stop it first, or run this one with --foreground`,
  );
  assert.equal(readFileSync(path, 'utf8'), `${first.pid}\n`);
});

test('the file of a killed server is taken over, even if its process ID is in use and its checkers live on', async t => {
  const path = join(temporaryDirectory(t), 'mandos.pid');
  const checker = `spawn('/bin/sh', ['-c', 'echo checker $$; exec sleep 600'], { stdio: ['ignore', 'inherit', 'ignore'] });`;
  const first = startScript(t, holder(path, checker), { keepInputOpen: true });
  await first.waitForOutput(/holds/);
  const [, checkerPid] = await first.waitForOutput(/checker (\d+)/);
  first.signal('SIGKILL');
  await first.waitForExit();
  writeFileSync(path, `${process.pid} and a longer rest of the old one\n`);
  const second = startScript(t, holder(path), { keepInputOpen: true });
  await second.waitForOutput(/holds/);
  process.kill(Number(checkerPid), 'SIGKILL'); // it was there until now, or this would throw
  assert.equal(readFileSync(path, 'utf8'), `${second.pid}\n`);
});

test(
  'where the user may not remove the file any more, it is emptied, and taken over next time',
  requires('root'),
  async t => {
    const path = join(temporaryDirectory(t), 'mandos.pid');
    const first = startScript(
      t,
      holder(path, 'process.setgroups([]); process.setgid(64322); process.setuid(64321);'),
      {
        keepInputOpen: true,
      },
    );
    await first.waitForOutput(/holds/);
    first.stdin.write('\n');
    await first.waitForExit();
    assert.equal(readFileSync(path, 'utf8'), '');
    const second = startScript(t, holder(path), { keepInputOpen: true });
    await second.waitForOutput(/holds/);
    assert.equal(readFileSync(path, 'utf8'), `${second.pid}\n`);
  },
);

test("a file that is another server's by now is not removed", t => {
  const path = join(temporaryDirectory(t), 'mandos.pid');
  const file = claimPidFile(path);
  rmSync(path);
  writeFileSync(path, '1\n');
  file.remove();
  assert.equal(readFileSync(path, 'utf8'), '1\n');
});

test('removing twice, or after somebody else has, is no fault', t => {
  const path = join(temporaryDirectory(t), 'mandos.pid');
  const file = claimPidFile(path);
  file.remove();
  assert.ok(!existsSync(path));
  file.remove();
});

test('a file that cannot be written is a fault that names it', t => {
  const directory = temporaryDirectory(t);
  assert.throws(() => claimPidFile(join(directory, 'none/mandos.pid')), {
    code: 'PID_FILE',
    message: `${directory}/none/mandos.pid: the PID file cannot be written: no such file or directory`,
  });
  mkdirSync(join(directory, 'directory'));
  assert.throws(() => claimPidFile(join(directory, 'directory')), {
    code: 'PID_FILE',
    message: /illegal operation/,
  });
});

test('the file is where mandos(8) says', () => {
  assert.equal(pidFilePath(), existsSync('/run') ? '/run/mandos.pid' : '/var/run/mandos.pid');
});
