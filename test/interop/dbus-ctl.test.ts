import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ControlledHost } from './dbus-scene.js';
import { control, CONTROL } from './dbus-scene.js';

/** Nothing of these changes by itself. */
function section(name: string, digit: string): string {
  const keys = `key_id = ${digit.repeat(64)}\nfingerprint = ${digit.repeat(40)}\nsecret = wQECAw==\n`;
  return `[${name}]\n${keys}host = localhost\nchecker = :\nenabled = False\ninterval = PT1H\ntimeout = PT2H\n`;
}

const CLIENT_NAMES = ['web1', 'web2.example.org', 'third-one'];
const CLIENTS = CLIENT_NAMES.map((name, i) => section(name, 'abc'.charAt(i))).join('\n');

/** Bytes of an OpenPGP message, as far as a server looks. */
const SECRET = Buffer.from([0xc1, 5]);

/**
 * The original's mandos-ctl, in the order in which it is run; SECRET is a file. With the number of checks that a command
 * begins.
 */
const COMMANDS: readonly (readonly [args: readonly string[], checks?: number])[] = [
  [[]],
  [['--verbose', '--all']],
  [['--verbose']],
  [['web1']],
  [['--verbose', 'web1', 'third-one']],
  [['--is-enabled', 'web1']],
  [['--enable', 'web1']],
  [['--enable', 'web1']],
  [['--is-enabled', 'web1']],
  [['-V', 'web1']],
  [['--disable', 'web1']],
  [['--disable', 'web1']],
  [['--is-enabled', 'web1']],
  [['--all', '--enable']],
  [['--bump-timeout', 'web1']],
  [['--start-checker', 'third-one'], 1],
  [['--stop-checker', 'third-one']],
  [['--timeout=PT3H', '--extended-timeout=PT4H', 'web1']],
  [['--timeout=5m', 'web2.example.org']],
  [['--timeout=1d 2h', 'web2.example.org']],
  [['--interval=PT2H', '--all'], 3],
  [['-i', '3h', 'third-one'], 1],
  [['--approval-delay=PT1M', '--approval-duration=PT2M', 'web1']],
  [['--approve-by-default', 'web1']],
  [['--deny-by-default', 'web2.example.org']],
  [['--host=other', 'web1']],
  [['--host=other', 'web1', 'third-one']],
  [['--checker=test -n %(host)s', 'web1']],
  [['-c', ':', '-H', 'again', '-t', 'PT6H', 'web1', 'web2.example.org']],
  [['--approve', 'web1']],
  [['--deny', 'web1']],
  [['--secret=SECRET', 'web1']],
  [['--secret=SECRET', '--all']],
  [['--secret=/dev/null', 'nobody']],
  [['--dump-json']],
  [['--dump-json', 'web1']],
  [['--verbose']],
  [['nobody']],
  [['--enable', 'web1', 'nobody']],
  [['--is-enabled', 'nobody']],
  [['--enable']],
  [['--all']],
  [['--enable', '--disable', 'web1']],
  [['--no-such-option']],
  [['--remove', 'third-one']],
  [[]],
  [['--is-enabled', 'third-one']],
  [['--disable', '--all']],
  [['--dump-json']],
  [['--remove', '--deny', '--all']],
  [['--dump-json']],
];

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  /** By client. */
  readonly signals: readonly string[];
}

async function run(server: ControlledHost): Promise<Outcome[]> {
  const secretFile = join(server.host.runDirectory, 'secret');
  writeFileSync(secretFile, SECRET);
  await server.wait('ClientAdded', 2 * CLIENT_NAMES.length);
  await server.said();
  const outcomes = [];
  for (const [args, checks = 0] of COMMANDS) {
    const words = args.map(word => word.replace('SECRET', secretFile));
    const { code, stdout } = await server.host.run('mandos-ctl', words);
    // Each is told under both names of the interface.
    await server.wait('CheckerCompleted', 2 * checks);
    const text = stdout.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?/g, 'TIME');
    // The original has its clients in no order.
    outcomes.push({
      status: code,
      stdout: text.split('\n').toSorted().join('\n'),
      signals: byClient(await server.said()),
    });
  }
  return outcomes;
}

function byClient(lines: readonly string[]): string[] {
  const name = (line: string) => /\/clients\/(\w+)/.exec(line)?.[1] ?? '';
  return lines.toSorted((a, b) => name(a).localeCompare(name(b)));
}

test(
  "the original's mandos-ctl says and does with this server what it does with the original's",
  CONTROL,
  async t => {
    const [ours, original] = await Promise.all([
      control(t, 'ours', CLIENTS),
      control(t, 'original', CLIENTS),
    ]);
    const [said, expected] = await Promise.all([run(ours), run(original)]);
    for (const [i, [args]] of COMMANDS.entries())
      assert.deepEqual(said[i], expected[i], `mandos-ctl ${args.join(' ')}`);
    assert.ok(expected.some(({ stdout }) => stdout.includes('web2.example.org')));
    assert.ok(expected.some(({ status }) => status === 0) && expected.some(({ status }) => status !== 0));
    assert.ok(expected.filter(({ signals }) => signals.length > 0).length > 20);
  },
);
