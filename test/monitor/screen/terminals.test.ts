import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { requires } from '../../support/requires.js';
import { place, SCREEN, section, startServer } from './fleet.js';
import { MONITOR } from './window.js';

const CLIENTS = section('alpha') + section('beta', { lines: 'enabled = False' }) + section('gamma');

/** What SGR parameters a screen has been coloured with. */
const colours = (screen: string) =>
  // oxlint-disable-next-line no-control-regex -- control sequences are what this is about
  [...screen.matchAll(/\x1b\[([\d;]*)m/g)].flatMap(([, parameters = '']) => parameters.split(';'));

test('the screen fits the terminal, in its colours and characters', SCREEN, async t => {
  const { host, terminals } = await place(t);
  await startServer(host, CLIENTS);
  const is256 = (parameters: string[]) => parameters.includes('5');
  const is16 = (parameters: string[]) =>
    !is256(parameters) && parameters.some(one => /^[349][0-7]$/.test(one));
  const isMono = (parameters: string[]) =>
    parameters.every(one => ['', '0', '1', '4', '7', '39', '49'].includes(one));
  for (const [env, inColour, sign] of [
    [{ TERM: 'xterm-256color' }, is256, '●'],
    [{ TERM: 'screen-256color' }, is256, '●'],
    [{ TERM: 'linux' }, is16, '•'],
    [{ TERM: 'vt100', LC_ALL: 'C' }, isMono, '*'],
    [{ TERM: 'xterm-256color', NO_COLOR: '1' }, isMono, '●'],
  ] as const) {
    for (const [columns, rows] of [
      [80, 24],
      [200, 60],
    ] as const) {
      const what = `${Object.values(env).join(' ')} ${columns}x${rows}`;
      const window = await terminals.window({ columns, rows, env });
      await window.waitFor(/alpha .*\n.*beta .*\n.*gamma /);
      const lines = (await window.text()).split('\n');
      assert.match(lines[0] ?? '', /^ Mandos   2 enabled   1 disabled   0 failing   0 waiting/, what);
      assert.match(lines[1] ?? '', /^ {2}NAME . +STATE +HOST +EXPIRES +CHECK +RELEASE/, what);
      const row = lines[2] ?? '';
      assert.ok(row.startsWith(`${sign} alpha `), `${what}: ${row}`);
      assert.match(row, /alpha +enabled +alpha\.exampl\S+ +\S+ +0:[0-5]\d:\d\d/, what);
      assert.match(lines[3] ?? '', /beta +disabled +beta\.exampl/, what);
      assert.match(lines[rows - 1] ?? '', /^ \? help/, what);
      assert.equal(lines.join('\n').includes('Fingerprint'), columns === 200, what);
      const parameters = colours(await window.text(true));
      assert.ok(inColour(parameters), `${what}: ${parameters.join(' ')}`);
      await window.keys('q');
      assert.deepEqual(await window.end(), { status: 0, isRestored: true }, what);
    }
  }
});

test('keys and mouse arrive as the terminal sends them, and the screen follows its size', SCREEN, async t => {
  const { host, terminals } = await place(t);
  const names = Array.from({ length: 40 }, (_, i) => `c${String(i).padStart(2, '0')}`);
  await startServer(host, names.map(name => section(name)).join(''));
  const window = await terminals.window({ columns: 140, rows: 30 });
  /** Beside the list are the details of the selected client. */
  const selects = async (name: string) => await window.waitFor(new RegExp(`│ ${name} {2}enabled`));
  await selects('c00');
  for (const [key, name] of [
    ['Down', 'c01'],
    ['C-n', 'c02'],
    ['j', 'c03'],
    ['Up', 'c02'],
    ['C-p', 'c01'],
    ['k', 'c00'],
    ['End', 'c39'],
    ['Home', 'c00'],
    ['G', 'c39'],
    ['g', 'c00'],
  ] as const) {
    await window.keys(key);
    await selects(name);
  }
  for (const [down, up] of [
    ['PageDown', 'PageUp'],
    ['Space', 'b'],
    ['C-v', 'M-v'],
    ['f', 'PageUp'],
  ] as const) {
    await window.keys(down);
    await window.waitFor(/│ c[1-3]\d {2}enabled/);
    await window.keys(up);
    await selects('c00');
  }
  for (const key of ['F1', '?']) {
    await window.keys(key);
    await window.waitFor(/Global keys/);
    await window.keys('Escape');
    await selects('c00');
  }
  await window.keys('/', '3', '3');
  await selects('c33');
  await window.keys('BSpace');
  await selects('c03');
  await window.keys('Enter', 'Down');
  await selects('c13');
  await window.keys('Escape');
  await window.waitFor(/c05/);
  await window.keys('Tab');
  await window.waitFor(/── log, Tab/);
  await window.keys('Tab', 'Home');

  // A press and its release on the fifth row of the list, and the wheel.
  await window.bytes('\x1b[<0;10;7M\x1b[<0;10;7m');
  await selects('c04');
  await window.bytes('\x1b[<64;10;7M');
  await selects('c01');

  await window.resize(80, 24);
  await window.waitFor(/│ c01/, false);
  await window.waitFor(/\n \? help .*\n$/);
  await window.resize(30, 5);
  await window.waitFor(/^ Mandos[^]*c01/);
  await window.resize(200, 60);
  await selects('c01');
  await window.waitFor(/c39/);
});

test('signals leave the terminal as it was', SCREEN, async t => {
  const { host, terminals } = await place(t);
  await startServer(host, CLIENTS);
  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const) {
    const window = await terminals.window();
    await window.waitFor(/alpha/);
    process.kill(await window.pid(), signal);
    assert.deepEqual(await window.end(), { status, isRestored: true }, signal);
  }
  const window = await terminals.window();
  await window.waitFor(/alpha/);
  await window.keys('C-c');
  assert.deepEqual(await window.end(), { status: 0, isRestored: true });
});

test('Ctrl-Z leads back to the shell, and fg to the monitor', SCREEN, async t => {
  const { host, terminals } = await place(t);
  await startServer(host, CLIENTS);
  const window = await terminals.window({
    command: ['bash', '--norc', '--noprofile', '-i'],
    env: { PS1: 'shell> ' },
  });
  await window.waitFor(/^shell>/m);
  await window.keys(`'${process.execPath}' '${MONITOR}'`, 'Enter');
  await window.waitFor(/alpha/);
  await window.keys('C-z');
  await window.waitFor(/Stopped/);
  await window.keys('fg', 'Enter');
  await window.waitFor(/alpha[^]*── log/);
  await window.keys('q');
  await window.waitFor(/shell> *\n*$/);
  await window.keys('exit', 'Enter');
  assert.equal((await window.end()).isRestored, true);
});

test('who may not talk to the server is told what to be', { ...SCREEN, ...requires('setpriv') }, async t => {
  const { host, terminals } = await place(t);
  await startServer(host, CLIENTS);
  const window = await terminals.window({
    command: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, MONITOR],
  });
  await window.waitFor(/cannot be read[^]*be root or a member of the group\s+_mandos/);
  await window.keys('q');
  assert.equal((await window.end()).status, 0);
});

const run = (args: readonly string[]) =>
  spawnSync(process.execPath, [MONITOR, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

test('--help and --version need no terminal, and all else does', () => {
  assert.match(run(['--help']).stdout, /^Usage: mandos-monitor /);
  assert.match(run(['--version']).stdout, /^mandos-monitor \d/);
  for (const [args, problem] of [
    [[], /^mandos-monitor: error: standard input and output must be a terminal; mandos-ctl /],
    [['--fast'], /^mandos-monitor: error: unknown option '--fast' \(see mandos-monitor --help\)$/m],
    [['web1'], /^mandos-monitor: error: unexpected argument 'web1'/],
  ] as const) {
    const { status, stdout, stderr } = run(args);
    assert.deepEqual([status, stdout], [2, ''], stderr);
    assert.match(stderr, problem);
  }
});

test('a terminal that cannot place text is told apart', requires('script'), () => {
  const command = `'${process.execPath}' '${MONITOR}'`;
  for (const TERM of ['dumb', '']) {
    const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: { ...process.env, TERM },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    assert.equal(status, 2, stdout);
    assert.match(stdout, new RegExp(`TERM is "${TERM}"`));
  }
});
