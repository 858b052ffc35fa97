import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { findServiceUser, systemServiceUser } from '../../../server/host/service-user.js';
import type { Child } from '../../support/child.js';
import { requires } from '../../support/requires.js';
import { moduleUrl, startScript, temporaryDirectory } from './script.js';

const ROOT = requires('root');

/** Any user of any machine's: the kernel does not ask whether it is in passwd(5). */
const USER = { name: '_mandos', uid: 64_321, gid: 64_322 };

const PRELUDE = `
import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { dropPoolCapabilities } from ${moduleUrl('common/libc-process.js')};
import { createLog, standardErrorSink } from ${moduleUrl('common/log.js')};
import { dropPrivileges } from ${moduleUrl('server/host/privileges.js')};
const log = createLog(standardErrorSink('mandos'), 'debug');
const drop = () => dropPrivileges(log, () => (${JSON.stringify(USER)}));
const show = value => process.stdout.write(JSON.stringify(value) + '\\n');
const attempt = run => { try { return run(); } catch (error) { return error.code; } };`;

/** Runs a script to its end. @returns what it has shown */
async function run(t: TestContext, text: string): Promise<{ shown: unknown[]; script: Child }> {
  const script = startScript(t, `${PRELUDE}\n${text}`);
  assert.equal((await script.waitForExit()).code, 0, script.tail());
  return {
    shown: script.stdout
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as unknown),
    script,
  };
}

/** Lines of proc_pid_status(5) by name. */
function statusOf(text: string): Map<string, string> {
  return new Map(
    text.split('\n').map(line => [line.replace(/:.*/, ''), line.replace(/^\w+:\s*/, '').trim()]),
  );
}

function assertUnprivileged(status: Map<string, string>, permitted: string): void {
  const ids = (id: number) => [id, id, id, id].join('\t');
  assert.equal(status.get('Uid'), ids(USER.uid));
  assert.equal(status.get('Gid'), ids(USER.gid));
  assert.equal(status.get('Groups'), '');
  const none = '0'.repeat(16);
  for (const set of ['CapInh', 'CapEff', 'CapAmb']) assert.equal(status.get(set), none, set);
  assert.equal(status.get('CapPrm'), permitted);
}

const NONE = '0'.repeat(16);
const READ_SEARCH = '0000000000000004';

test('all threads run as the user, without groups, and capabilities are out of force', ROOT, async t => {
  const { shown, script } = await run(
    t,
    `process.setgroups([4, 24]);
    await fs.promises.readFile('/dev/null'); // starts the threads for files
    drop();
    await fs.promises.readFile('/dev/null');
    for (const task of fs.readdirSync('/proc/self/task'))
      show(fs.readFileSync('/proc/self/task/' + task + '/status', 'utf8'));`,
  );
  assert.ok(shown.length > 4, `${shown.length} threads`);
  for (const [i, text] of (shown as string[]).entries()) {
    assertUnprivileged(statusOf(text), i === 0 ? READ_SEARCH : NONE);
  }
  assert.match(script.stderr, /debug: runs as user _mandos \(64321:64322\)/);
});

test('root cannot be had again, neither by its user nor by its group', ROOT, async t => {
  const { shown } = await run(
    t,
    `const access = drop();
    for (const become of [process.setuid, process.seteuid, process.setgid, process.setegid]) {
      show(attempt(() => become(0)));
      show(access(() => attempt(() => become(0))));
    }
    show(attempt(() => process.setgroups([0])));
    show([process.getuid(), process.geteuid(), process.getgid(), process.getegid(), process.getgroups()]);`,
  );
  assert.deepEqual(shown.slice(0, 9), Array<string>(9).fill('EPERM'));
  assert.deepEqual(shown[9], [USER.uid, USER.uid, USER.gid, USER.gid, [USER.gid]]);
});

test('a file for root only can be read with configuration access, and not otherwise', ROOT, async t => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'clients.conf');
  writeFileSync(file, 'for root only', { mode: 0o600 });
  const script = `const file = ${JSON.stringify(file)};
    const access = drop();
    const read = () => fs.readFileSync(file, 'utf8');
    show(attempt(read));
    show(access(read));
    show(attempt(read));
    show(attempt(() => access(() => { throw Object.assign(new Error(), { code: 'THROWN' }); })));
    show(attempt(read));
    show(access(() => attempt(() => fs.writeFileSync(file, ''))));
    show(await access(async () => { await null; return attempt(read); }));`;
  const { shown } = await run(t, script);
  assert.deepEqual(shown, ['EACCES', 'for root only', 'EACCES', 'THROWN', 'EACCES', 'EACCES', 'EACCES']);
});

test('children get no capability, also while the configuration may be read', ROOT, async t => {
  const { shown } = await run(
    t,
    `const access = drop();
    const status = () => execFileSync('cat', ['/proc/self/status'], { encoding: 'utf8' });
    show(status());
    show(access(status));
    const child = spawn('/bin/sh', ['-c', 'cat /proc/self/status'], { detached: true, cwd: '/' });
    let text = '';
    for await (const chunk of child.stdout) text += chunk;
    show(text);`,
  );
  assert.equal(shown.length, 3);
  for (const text of shown as string[]) assertUnprivileged(statusOf(text), NONE);
});

test('a process of the same user cannot look into the server; the server itself works on', ROOT, async t => {
  const { shown } = await run(
    t,
    `drop();
    show(fs.statSync('/proc/self/environ').uid);
    // Of ours nothing more than these is used.
    show(fs.readdirSync('/proc/self/fd').length > 3);
    show(fs.readFileSync('/proc/self/status', 'utf8').length > 0);
    show(fs.readlinkSync('/proc/self/exe') === process.execPath);
    const sh = command => attempt(() => execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8', stdio: 'pipe' }));
    show(sh('cat /proc/$PPID/environ >/dev/null 2>&1; echo $?'));
    show(sh('ls /proc/$PPID/fd >/dev/null 2>&1; echo $?'));
    // A child's own is its own again.
    show(sh('ls /proc/self/fd >/dev/null && cat /proc/self/environ >/dev/null; echo $?'));`,
  );
  assert.deepEqual(shown, [0, true, true, true, '1\n', '2\n', '0\n']);
});

test(
  'in a user namespace without the user the server warns that it stays root',
  requires('root', 'unshare'),
  async t => {
    const text = `${PRELUDE}\ndrop();\nshow(process.getuid());`;
    const inNamespace = ['--user', '--map-root-user', process.execPath, '--input-type=module', '-e', text];
    const script = startScript(
      t,
      `import { execFileSync } from 'node:child_process';
    execFileSync('unshare', ${JSON.stringify(inNamespace)}, { stdio: 'inherit' });`,
    );
    assert.equal((await script.waitForExit()).code, 0, script.tail());
    assert.equal(script.stdout, '0\n');
    assert.match(
      script.stderr,
      /^mandos: warning: this user namespace has no user _mandos: the server stays root in it$/m,
    );
  },
);

test(
  'where the capability is not granted the server goes on without it',
  requires('root', 'setpriv'),
  async t => {
    const text = `${PRELUDE}
    const access = drop();
    show(access(() => attempt(() => fs.readFileSync('/etc/shadow'))));
    show(fs.readFileSync('/proc/self/status', 'utf8'));`;
    // A bounding set as of a unit's CapabilityBoundingSet; it takes effect for the program that is started.
    const script = startScript(
      t,
      `import { execFileSync } from 'node:child_process';
    execFileSync('setpriv', ['--bounding-set=-dac_read_search', process.execPath, '--input-type=module', '-e', ${JSON.stringify(text)}], { stdio: 'inherit' });`,
    );
    assert.equal((await script.waitForExit()).code, 0, script.tail());
    const [denied, status] = script.stdout
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as string);
    assert.equal(denied, 'EACCES');
    assertUnprivileged(statusOf(status ?? ''), NONE);
    assert.match(script.stderr, /^mandos: warning: a reload can read only what the user _mandos can/m);
  },
);

test(
  'root without leave to change its user is a fault, not a server that runs as root',
  requires('root', 'setpriv'),
  async t => {
    const text = `${PRELUDE} show(attempt(drop));`;
    const script = startScript(
      t,
      `import { execFileSync } from 'node:child_process';
    execFileSync('setpriv', ['--bounding-set=-setuid', process.execPath, '--input-type=module', '-e', ${JSON.stringify(text)}], { stdio: 'inherit' });`,
    );
    assert.equal((await script.waitForExit()).code, 0, script.tail());
    assert.equal(script.stdout, '"PRIVILEGES"\n');
  },
);

/** Runs a script as the user, with these capabilities from the start, as a unit with User= and AmbientCapabilities=. */
async function runWithAmbient(t: TestContext, capabilities: string, text: string): Promise<Child> {
  const sets = [`--inh-caps=${capabilities}`, `--ambient-caps=${capabilities}`];
  const user = [`--reuid=${USER.uid}`, `--regid=${USER.gid}`, '--clear-groups', ...sets];
  const command = [...user, process.execPath, '--input-type=module', '-e', `${PRELUDE}\n${text}`];
  const script = startScript(
    t,
    `import { execFileSync } from 'node:child_process';
    execFileSync('setpriv', ${JSON.stringify(command)}, { stdio: 'inherit' });`,
  );
  assert.equal((await script.waitForExit()).code, 0, script.tail());
  return script;
}

const NET_RAW = '0000000000002000';
const NET_RAW_READ_SEARCH = '0000000000002004';

test(
  'started as the user with capabilities: they are out of force, and children have only what ping needs',
  requires('root', 'setpriv'),
  async t => {
    const file = join(temporaryDirectory(t), 'clients.conf');
    writeFileSync(file, 'for root only', { mode: 0o600 });
    chmodSync(dirname(file), 0o700);
    const script = await runWithAmbient(
      t,
      '+dac_read_search,+net_raw,+net_bind_service,+syslog',
      `const read = () => fs.readFileSync(${JSON.stringify(file)}, 'utf8');
      const status = () => execFileSync('cat', ['/proc/self/status'], { encoding: 'utf8' });
      show(read());
      const access = drop();
      show(attempt(read));
      show(access(read));
      show(attempt(read));
      show(fs.readFileSync('/proc/self/status', 'utf8'));
      show(status());
      show(access(status));
      show(fs.statSync('/proc/self/environ').uid);`,
    );
    const shown = script.stdout
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as string);
    assert.deepEqual(shown.slice(0, 4), ['for root only', 'EACCES', 'for root only', 'EACCES']);
    const sets = (text: string) =>
      ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map(set => statusOf(text).get(set));
    assert.deepEqual(sets(shown[4] ?? ''), [NET_RAW, NET_RAW_READ_SEARCH, NONE, NET_RAW]);
    for (const text of shown.slice(5, 7)) assert.deepEqual(sets(text), [NET_RAW, NET_RAW, NET_RAW, NET_RAW]);
    assert.equal(shown[7], 0);
    assert.match(script.stderr, /^mandos: debug: not started as root: capabilities are out of force$/m);
    assert.doesNotMatch(script.stderr, /a reload can read only/);
  },
);

test(
  'started as the user without the capability for it, a reload reads what the user can, and that is said',
  requires('root', 'setpriv'),
  async t => {
    const script = await runWithAmbient(
      t,
      '+net_raw',
      `show(drop()(() => attempt(() => fs.readFileSync('/etc/shadow'))));`,
    );
    assert.equal(script.stdout, '"EACCES"\n');
    assert.match(script.stderr, /^mandos: warning: a reload can read only what its user can/m);
  },
);

test('a machine without a user for the server is a fault that says what to do', ROOT, async t => {
  const { shown } = await run(
    t,
    `try { dropPrivileges(log, () => undefined); } catch (error) { show([error.code, error.message]); }`,
  );
  const what =
    'there is no user _mandos to run as, nor mandos or nobody: adduser --system --group _mandos makes it';
  assert.deepEqual(shown, [['PRIVILEGES', what]]);
});

test('the user is looked up in /etc/passwd', ROOT, async t => {
  const user = systemServiceUser();
  assert.match(readFileSync('/etc/passwd', 'utf8'), new RegExp(`^${user?.name}:[^:]*:${user?.uid}:`, 'm'));
  const { shown } = await run(t, 'dropPrivileges(log); show([process.getuid(), process.getgid()]);');
  assert.deepEqual(shown, [[user?.uid, user?.gid]]);
});

test('without root nothing is changed, and that is said at debug level', requires('root'), async t => {
  const { shown, script } = await run(
    t,
    `process.setgroups([]); process.setgid(64322); process.setuid(64321);
    const access = drop();
    show(access(() => 'run'));
    show([process.getuid(), process.getgid()]);`,
  );
  assert.deepEqual(shown, ['run', [64_321, 64_322]]);
  assert.equal(script.stderr, 'mandos: debug: not started as root: there are no privileges to drop\n');
});

const PASSWD = `root:x:0:0:root:/root:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
my_mandos:x:1:1::/:/bin/sh
_mandos:x:104:100:Mandos password system,,,:/nonexistent:/usr/sbin/nologin
mandos:x:105:101::/:/bin/sh
`;
const GROUP = 'root:x:0:\nnogroup:x:65534:\n_mandos:x:107:\n';

test('the server runs as the first of its users that there is, with the group of the same name', () => {
  const without = (name: string, text: string) => text.replace(new RegExp(`^${name}:.*\n`, 'm'), '');
  assert.deepEqual(findServiceUser(PASSWD, GROUP), { name: '_mandos', uid: 104, gid: 107 });
  assert.deepEqual(findServiceUser(PASSWD, ''), { name: '_mandos', uid: 104, gid: 100 });
  let passwd = without('_mandos', PASSWD);
  assert.deepEqual(findServiceUser(passwd, GROUP), { name: 'mandos', uid: 105, gid: 101 });
  passwd = without('mandos', passwd);
  assert.deepEqual(findServiceUser(passwd, GROUP), { name: 'nobody', uid: 65534, gid: 65534 });
  passwd = without('nobody', passwd);
  assert.equal(findServiceUser(passwd, GROUP), undefined);
});

test('a user that is root by another name is none', () => {
  assert.equal(findServiceUser('_mandos:x:0:0::/:/bin/sh\n', ''), undefined);
  assert.equal(findServiceUser('_mandos:x:104:0::/:/bin/sh\n', ''), undefined);
  assert.equal(findServiceUser('_mandos:x:x:y::/:/bin/sh\n_mandos\n', ''), undefined);
});

test(
  'started as the user with capabilities: what Node.js reads in other threads has no privilege either',
  requires('root', 'setpriv'),
  async t => {
    const directory = temporaryDirectory(t);
    chmodSync(directory, 0o755);
    const file = join(directory, 'clients.conf');
    writeFileSync(file, 'for root only', { mode: 0o600 });
    const script = await runWithAmbient(
      t,
      '+dac_read_search,+net_raw',
      `const read = () =>
        Promise.all(
          Array.from({ length: 32 }, () =>
            fs.promises.readFile(${JSON.stringify(file)}, 'utf8').catch(error => error.code),
          ),
        );
      show([...new Set(await read())]);
      drop();
      await dropPoolCapabilities();
      show([...new Set(await read())]);`,
    );
    assert.equal(script.stdout, '["for root only"]\n["EACCES"]\n');
  },
);
