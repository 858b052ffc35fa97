import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControlledHost } from './dbus-scene.js';
import { control, CONTROL } from './dbus-scene.js';

/** Nothing of these changes by itself. */
function section(name: string, digit: string): string {
  const keys = `key_id = ${digit.repeat(64)}\nfingerprint = ${digit.repeat(40)}\nsecret = wQECAw==\n`;
  return `[${name}]\n${keys}host = localhost\nchecker = :\nenabled = False\ninterval = PT1H\ntimeout = PT2H\n`;
}

const CLIENTS = ['web1', 'web2.example.org', 'third-one']
  .map((name, i) => section(name, 'abc'.charAt(i)))
  .join('\n');

/** The original's mandos-ctl, in the order in which it is run. */
const COMMANDS: readonly (readonly string[])[] = [
  [],
  ['--verbose', '--all'],
  ['--verbose'],
  ['web1'],
  ['--verbose', 'web1', 'third-one'],
  ['--is-enabled', 'web1'],
  ['--enable', 'web1'],
  ['--is-enabled', 'web1'],
  ['-V', 'web1'],
  ['--disable', 'web1'],
  ['--is-enabled', 'web1'],
  ['--all', '--enable'],
  ['--bump-timeout', 'web1'],
  ['--start-checker', 'third-one'],
  ['--stop-checker', 'third-one'],
  ['--timeout=PT3H', '--extended-timeout=PT4H', 'web1'],
  ['--timeout=5m', 'web2.example.org'],
  ['--interval=PT2H', '--all'],
  ['--approval-delay=PT1M', '--approval-duration=PT2M', 'web1'],
  ['--approve-by-default', 'web1'],
  ['--deny-by-default', 'web2.example.org'],
  ['--host=other', 'web1'],
  ['--checker=test -n %(host)s', 'web1'],
  ['--approve', 'web1'],
  ['--deny', 'web1'],
  ['--secret=/dev/null', 'nobody'],
  ['--dump-json'],
  ['--dump-json', 'web1'],
  ['--verbose'],
  ['nobody'],
  ['--remove', 'third-one'],
  [],
  ['--is-enabled', 'third-one'],
];

async function run(server: ControlledHost): Promise<{ status: number | null; stdout: string }[]> {
  const outcomes = [];
  for (const args of COMMANDS) {
    const { code, stdout } = await server.host.run('mandos-ctl', args);
    // Times and checks that have begun meanwhile are each server's own.
    const text = stdout
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?/g, 'TIME')
      .replace(/("CheckerRunning": )(true|false)/g, '$1…');
    outcomes.push({ status: code, stdout: text });
  }
  return outcomes;
}

test("the original's mandos-ctl says of this server what it says of the original's", CONTROL, async t => {
  const [ours, original] = await Promise.all([control(t, 'ours', CLIENTS), control(t, 'original', CLIENTS)]);
  const [said, expected] = await Promise.all([run(ours), run(original)]);
  for (const [i, args] of COMMANDS.entries()) {
    // The original lists its clients in no order.
    const sorted = (outcome = { status: null as number | null, stdout: '' }) => ({
      ...outcome,
      stdout: outcome.stdout.split('\n').toSorted(),
    });
    assert.deepEqual(sorted(said[i]), sorted(expected[i]), `mandos-ctl ${args.join(' ')}`);
  }
  assert.ok(expected.some(({ stdout }) => stdout.includes('web2.example.org')));
  assert.ok(expected.some(({ status }) => status === 0) && expected.some(({ status }) => status !== 0));
});
