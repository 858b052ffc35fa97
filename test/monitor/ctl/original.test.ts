import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Outcome } from './scene.js';
import { ctl, ORIGINAL, originalCtl, originalServer } from './scene.js';

/** Commands that both programs are to understand alike; SECRET is a file. */
const ALIKE: readonly (readonly string[])[] = [
  [],
  ['--verbose'],
  ['-v'],
  ['--dump-json'],
  ['-j', 'zulu'],
  ['zulu', 'Alpha'],
  ['Alpha', 'zulu', 'Alpha'],
  ['-v', 'zulu', 'db-2'],
  ['--', 'zulu'],
  ['nosuch'],
  ['zulu', 'nosuch'],
  ['-v', 'nosuch'],
  ['-j', 'nosuch', 'zulu'],
  ['-V', 'zulu'],
  ['-V', 'Alpha'],
  ['--is-enabled', 'nosuch'],
  ['-V', '-d', 'Alpha'],
  ['-V', 'Alpha'],
  ['-e', 'nosuch', 'Alpha'],
  ['--enable'],
  ['-V'],
  ['-V', 'Alpha', 'zulu'],
  ['--all'],
  ['-a', '-v'],
  ['-j', '-a'],
  ['-v', '-j'],
  ['-v', '-e', 'Alpha'],
  ['-j', '-e', 'Alpha'],
  ['-V', '-v', 'Alpha'],
  ['-e', '-d', 'Alpha'],
  ['--start-checker', '--stop-checker', 'Alpha'],
  ['--approve-by-default', '--deny-by-default', 'Alpha'],
  ['-A', '-D', 'Alpha'],
  ['-r', '-e', 'Alpha'],
  ['-r', '-A', 'Alpha'],
  ['-r', '-V', 'Alpha'],
  ['--no-such-option'],
  ['--st', 'Alpha'],
  ['-t'],
  ['--enable=yes', 'Alpha'],
  ['-s', '/nonexistent/secret', 'Alpha'],
  ['-e', 'zulu'],
  ['--disable', 'zulu', 'db-2'],
  ['--ena', 'db-2'],
  ['-eb', 'Alpha'],
  ['-e', '-a', 'Alpha'],
  ['-e', '-a'],
  ['--bump-timeout', 'Alpha'],
  ['--start-checker', 'Alpha'],
  ['--stop-checker', 'Alpha'],
  ['-t', 'PT6M', 'Alpha'],
  ['--timeout=7m', 'Alpha', 'zulu'],
  ['-t8m', 'Alpha'],
  ['--timeout=1d 2h', 'Alpha'],
  ['-t', 'P24DT20H31M23S', 'Alpha'],
  ['--extended-timeout', 'PT1H', 'Alpha'],
  ['-i', 'P2D', 'Alpha'],
  ['--approval-delay=PT23H59M59S', '--approval-duration=90s', 'Alpha'],
  ['--approve-by-default', 'db-2'],
  ['--deny-by-default', 'db-2'],
  ['-c', '', 'Alpha'],
  ['-c', 'ping "%(host)s" \u00e4', 'Alpha'],
  ['-H', 'elsewhere', 'Alpha'],
  ['--host', '', 'Alpha'],
  ['-s', 'SECRET', 'Alpha'],
  ['-s', '-', 'Alpha'],
  ['-A', 'Alpha'],
  ['-D', '-e', 'Alpha'],
  ['-A', '-H', 'x', '-i', 'P1D', '-b', '-c', 'true', '-s', 'SECRET', '-t', 'PT5M', '-e', 'db-2', 'zulu'],
  ['-v', 'Alpha', 'zulu', 'db-2', 'web1.example.org'],
  ['-j'],
];

/** The D-Bus calls that a program shows with --debug, in this project's words. */
function calls({ stderr }: Outcome): string[] {
  const lines = [...stderr.matchAll(/^(?:mandos-ctl: debug: )?D-Bus: (se\.[^\n]*)$/gm)].map(
    ([, call = '']) => call,
  );
  return lines.map(line =>
    line
      .replace(/dbus\.ByteArray\(b'.*'\)/, '<secret>')
      .replace(/\bTrue\b/, 'true')
      .replace(/\bFalse\b/, 'false')
      .replace(/\\u([0-9a-f]{4})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
      .replace(/["'\\]/g, ''),
  );
}

/** Calls for several clients go out at the same time. */
function byClient(lines: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const line of lines) {
    const path = /:(\/[^:]*):/.exec(line)?.[1] ?? '';
    groups.set(path, [...(groups.get(path) ?? []), line]);
  }
  return groups;
}

/** A checker that a command before has started may still change these. */
function settled(text: string): string {
  return text.replace(/"(LastCheckedOK|Expires|LastCheckerStatus|CheckerRunning)": [^\n]*/g, '"$1"');
}

test(
  "commands do what the original's mandos-ctl does: output, exit status and D-Bus calls",
  ORIGINAL,
  async t => {
    const host = await originalServer(t);
    const secretFile = join(host.runDirectory, 'secret');
    writeFileSync(secretFile, 'a secret');
    for (const words of ALIKE) {
      await t.test(`mandos-ctl ${words.join(' ')}`, async () => {
        const args = words.map(word => (word === 'SECRET' ? secretFile : word));
        const original = await originalCtl(host, ['--debug', ...args], 'a secret');
        const ours = await ctl(host, ['--debug', ...args], 'a secret');
        assert.equal(ours.code, original.code, ours.stderr);
        if (words.includes('-v') || words.includes('--verbose')) {
          // Several columns are of a checker that may just have ended: compared where none has run.
          const columns = (text: string) => text.split('\n').map(row => row.slice(0, 40));
          assert.deepEqual(columns(ours.stdout), columns(original.stdout));
        } else assert.equal(settled(ours.stdout), settled(original.stdout));
        assert.deepEqual(byClient(calls(ours)), byClient(calls(original)));
        // With --debug there is more on standard error than the message.
        if (/error:|not found/.test(original.stderr))
          assert.match(ours.stderr, /^mandos-ctl: error: [^\n]+\n$/m);
      });
    }
  },
);

test("lists are the original's to the byte", ORIGINAL, async t => {
  const host = await originalServer(t);
  for (const args of [[], ['-v'], ['-j'], ['-v', 'zulu', 'Alpha'], ['-j', 'db-2']]) {
    const ours = await ctl(host, args);
    assert.deepEqual(ours, await originalCtl(host, args));
    assert.ok(ours.stdout.length > 40);
  }
  for (const args of [
    ['-r', 'Alpha', 'zulu'],
    ['-r', '-D', '-a'],
  ]) {
    assert.deepEqual(await ctl(host, args), { code: 0, signal: null, stdout: '', stderr: '' });
  }
  // The original's table ends with an error of Python when there are no clients.
  assert.equal((await ctl(host, [])).stdout, 'Name Enabled Timeout Last Successful Check\n');
  assert.deepEqual(await ctl(host, ['-j']), await originalCtl(host, ['-j']));
});

test('where the original does something else than asked for, ours refuses', ORIGINAL, async t => {
  const host = await originalServer(t);
  const differs = async (args: readonly string[], code: number, message: RegExp) => {
    const ours = await ctl(host, args);
    assert.equal(ours.code, code);
    assert.match(ours.stderr, message);
    assert.notEqual((await originalCtl(host, args)).code, ours.code, args.join(' '));
  };
  // It would set 0 or 5 ms, with status 0.
  await differs(['-t', 'foo', 'Alpha'], 2, /"foo" is not an RFC 3339 duration/);
  await differs(['-t', 'P5', 'Alpha'], 2, /"P5" is not an RFC 3339 duration/);
  // It would look at the first client only.
  await differs(['-V', '-a'], 2, /exactly one client/);
  // It dies on more than 24.8 days.
  await differs(['-i', 'P100D', 'zulu'], 0, /^$/);
  assert.match((await ctl(host, ['-v', 'zulu'])).stdout, / 100T00:00:00 /);
  // It does nothing and says nothing.
  const asked = await ctl(host, ['-V', '-d', 'Alpha']);
  assert.equal(asked.code, 0);
  assert.equal(asked.stderr, 'mandos-ctl: warning: --is-enabled only asks: --disable is not done\n');
});

test('what only a newer server can do is said of the original', ORIGINAL, async t => {
  const host = await originalServer(t);
  const section = '[new]\nkey_id = ab\nsecret = c2VjcmV0\n';
  for (const args of [['--add=-'], ['--reload'], ['--log-level=debug'], ['--export']]) {
    const { code, stdout, stderr } = await ctl(host, args, section);
    assert.equal(code, 1, args[0]);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /^mandos-ctl: error: (new: )?.*the server is an original Mandos or an older one[^\n]*\n$/,
    );
  }
  const { code, stdout } = await ctl(host, ['--export', 'db-2']);
  assert.equal(code, 0);
  assert.match(stdout, /^\[db-2\]\n# The secret cannot/);
  assert.match(stdout, /^extended_timeout = P1DT2H3M4S$/m);
  assert.doesNotMatch(stdout, /c2VjcmV0|^secret/m);
});
