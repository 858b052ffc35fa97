import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine, UsageError } from '../../../common/cli.js';
import { splitOperands } from '../../../common/operands.js';
import { COMMANDS, EXCLUSIVE, PROGRAM } from '../../../monitor/ctl/command-line.js';
import { readRequest } from '../../../monitor/ctl/request.js';
import type { Request } from '../../../monitor/ctl/request.js';

function read(...argv: string[]): Request {
  const { options, operands } = splitOperands(PROGRAM, argv);
  const line = parseCommandLine(PROGRAM, options);
  assert.equal(line.kind, 'run');
  return readRequest(line.kind === 'run' ? line.values : new Map(), operands);
}

function actions(...argv: string[]): unknown[] {
  const request = read(...argv, 'client');
  assert.equal(request.kind, 'apply');
  return request.kind === 'apply'
    ? request.actions.map(action => ('property' in action ? [action.property, action.value] : action))
    : [];
}

function refuses(pattern: RegExp, ...argv: string[]): void {
  assert.throws(
    () => read(...argv),
    error => error instanceof UsageError && pattern.test(error.message) && !error.message.includes('\n'),
    argv.join(' '),
  );
}

test('names stand wherever they want, and options keep their arguments', () => {
  const split = (...argv: string[]) => splitOperands(PROGRAM, argv);
  assert.deepEqual(split('a', '-e', 'b', '--timeout', '5m', 'c'), {
    options: ['-e', '--timeout', '5m'],
    operands: ['a', 'b', 'c'],
  });
  assert.deepEqual(split('-t5m', 'a', '--timeout=5m', 'b', '-et', '5m', '-te'), {
    options: ['-t5m', '--timeout=5m', '-et', '5m', '-te'],
    operands: ['a', 'b'],
  });
  assert.deepEqual(split('--time', '5m', 'a'), { options: ['--time', '5m'], operands: ['a'] });
  assert.deepEqual(split('-s', '-', '-e', '--', '-x', '--all'), {
    options: ['-s', '-', '-e'],
    operands: ['-x', '--all'],
  });
  assert.deepEqual(split('-st', 'a'), { options: ['-st'], operands: ['a'] });
  assert.deepEqual(split('-s', '--', 'a'), { options: ['-s'], operands: ['a'] });
  assert.deepEqual(split('-e', '-t'), { options: ['-e', '-t'], operands: [] });
});

test('without an option the clients are listed', () => {
  assert.deepEqual(read(), { kind: 'list', as: 'table', names: [] });
  assert.deepEqual(read('b', 'a', 'b'), { kind: 'list', as: 'table', names: ['b', 'a'] });
  assert.deepEqual(read('-v'), { kind: 'list', as: 'verbose', names: [] });
  assert.deepEqual(read('-j', 'a', '--debug'), { kind: 'list', as: 'json', names: ['a'] });
});

test('actions are applied in the order in which they are given, a removal last', () => {
  assert.deepEqual(
    actions(
      '-AHh',
      '--approval-duration=6s',
      '--approval-delay',
      '5s',
      '--deny-by-default',
      '-iPT1M',
      '--extended-timeout=1h',
      '-t5m',
      '-cx',
      '--stop-checker',
      '-bds',
      'f',
    ),
    [
      { kind: 'approve', approve: true },
      ['Host', 'h'],
      ['ApprovalDuration', 6000],
      ['ApprovalDelay', 5000],
      ['ApprovedByDefault', false],
      ['Interval', 60_000],
      ['ExtendedTimeout', 3_600_000],
      ['Timeout', 300_000],
      ['Checker', 'x'],
      ['CheckerRunning', false],
      ['LastCheckedOK', ''],
      ['Enabled', false],
      { kind: 'secret' },
    ],
  );
  assert.deepEqual(actions('--start-checker', '-e', '-D', '--approve-by-default'), [
    ['CheckerRunning', true],
    ['Enabled', true],
    { kind: 'approve', approve: false },
    ['ApprovedByDefault', true],
  ]);
  assert.deepEqual(actions('-r', '-D'), [{ kind: 'approve', approve: false }, { kind: 'remove' }]);
  assert.deepEqual(actions('-t', '5m', '-t', '6m'), [['Timeout', 360_000]]);
});

test('durations that the original takes for others are refused', () => {
  for (const text of ['P5', 'PT', 'P', '', 'foo', '1x', '-5m', '5'])
    refuses(/^--timeout: ".*" is not an RFC 3339 duration/, '-t', text, 'a');
  refuses(/too long/, '-t', 'P2000Y', 'a');
  refuses(/"x"/, '-t', 'x', '-t', '5m', 'a');
  refuses(/--interval: "x"/, '-V', '-i', 'x', 'a');
});

test('options that exclude each other are refused', () => {
  for (const [one, other] of EXCLUSIVE) refuses(/exclude each other/, `--${one}`, `--${other}`, 'a');
});

test('options that need clients, or an action, say so', () => {
  refuses(/--enable needs names of clients, or --all/, '-e');
  refuses(/--is-enabled needs names/, '-V');
  refuses(/--all needs an option/, '-a');
  refuses(/--all needs an option/, '-a', '-v', 'x');
  refuses(/--all needs an option/, '-j', '-a');
  refuses(/exactly one client/, '-V', 'a', 'b');
  refuses(/exactly one client/, '-V', 'a', 'a');
  refuses(/exactly one client/, '-V', '-a');
  refuses(/--remove can be combined with --deny only, not with --enable/, '-r', '-e', 'a');
  refuses(/--remove can be combined with --deny only/, '-r', '-A', '-a');
  refuses(/--remove .* not with --is-enabled/, '-r', '-V', 'a');
  refuses(/--verbose cannot be combined with --enable/, '-v', '-e', 'a');
  refuses(/--dump-json cannot be combined with --is-enabled/, '-j', '-V', 'a');
  refuses(/--verbose cannot be combined with --dump-json/, '-v', '-j');
});

test('names count more than --all', () => {
  const request = read('-e', '-a', 'a');
  assert.deepEqual(request.kind === 'apply' && request.selection, { names: ['a'] });
  const all = read('-e', '-a');
  assert.equal(all.kind === 'apply' && all.selection, 'all');
});

test('--is-enabled only asks, and knows what it does not do', () => {
  assert.deepEqual(read('-V', '-d', 'a'), { kind: 'is-enabled', name: 'a', ignored: ['disable'] });
});

test('commands of this program stand alone', () => {
  assert.deepEqual(read('--watch', '-j', 'a'), { kind: 'watch', json: true, names: ['a'] });
  assert.deepEqual(read('--add', '-'), { kind: 'add', file: '-' });
  assert.deepEqual(read('--export'), { kind: 'export', selection: 'added' });
  assert.deepEqual(read('--export', '-a'), { kind: 'export', selection: 'all' });
  assert.deepEqual(read('--export', 'a'), { kind: 'export', selection: { names: ['a'] } });
  assert.deepEqual(read('--reload', '--debug'), { kind: 'reload' });
  assert.deepEqual(read('--log-level=debug'), { kind: 'log-level', level: 'debug' });
  assert.deepEqual(read('--check'), { kind: 'check' });
  refuses(/did you mean debug\?/, '--log-level=debgu');
  for (const [command, allowed] of Object.entries(COMMANDS)) {
    const option = PROGRAM.options.find(({ name }) => name === command);
    const word = option?.argument === undefined ? `--${command}` : `--${command}=debug`;
    assert.ok(!allowed.includes('enable'));
    refuses(new RegExp(`--${command} cannot be combined with --enable`), word, '-e');
    if (command !== 'watch' && command !== 'export') refuses(/takes no client names/, word, 'a');
  }
});

test('every option does something', () => {
  const others = ['all', 'verbose', 'dump-json', 'is-enabled', 'debug', 'help', 'usage', 'version'];
  for (const { name, argument } of PROGRAM.options) {
    if (others.includes(name) || name in COMMANDS) continue;
    const word =
      argument === 'TIME' ? `--${name}=PT1M` : argument === undefined ? `--${name}` : `--${name}=x`;
    assert.equal(actions(word).length, 1, name);
  }
});
