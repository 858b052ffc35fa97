import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { formatJson, formatReport, isWell } from '../../../client-plugin/check/report.js';
import { readRequest } from '../../../client-plugin/check/options.js';
import { fail, ok, warning } from '../../../client-plugin/check/finding.js';
import { UsageError } from '../../../common/cli.js';
import { runNode, scratchDirectory } from '../../support/loopback.js';
import { archive } from './archive.js';

const PROGRAM = join(import.meta.dirname, '../../../initramfs-hooks/bundle/mandos-initramfs.js');
const PARTS = [
  { file: '/boot/initrd.img-1', findings: [ok('keys', 'all well'), warning('node', 'odd \x1b[2J')] },
  { file: '/boot/initrd.img-2', findings: [ok('keys', 'all well')] },
  { file: undefined, findings: [fail('kernels', 'none')] },
];
const PLAIN = { quiet: false, marks: false, colours: false };

test('each finding is a line below what it is about', () => {
  assert.equal(
    formatReport(PARTS, PLAIN),
    `/boot/initrd.img-1
  ok      keys: all well
  warning node: odd \\x1b[2J
/boot/initrd.img-2
  ok      keys: all well
this system
  FAIL    kernels: none
`,
  );
  assert.equal(
    formatReport(PARTS, { ...PLAIN, quiet: true }),
    `/boot/initrd.img-1
  warning node: odd \\x1b[2J
this system
  FAIL    kernels: none
`,
  );
  assert.equal(
    formatReport(PARTS.slice(2), { quiet: false, marks: true, colours: true }),
    'this system\n  \x1b[1;31m✗ FAIL   \x1b[0m kernels: none\n',
  );
});

test('as JSON it says the same', () => {
  assert.deepEqual(JSON.parse(formatJson(PARTS, { quiet: true })), {
    ok: false,
    images: [
      {
        file: '/boot/initrd.img-1',
        ok: true,
        findings: [{ check: 'node', level: 'warning', message: 'odd \x1b[2J' }],
      },
      { file: '/boot/initrd.img-2', ok: true, findings: [] },
    ],
    system: [{ check: 'kernels', level: 'FAIL', message: 'none' }],
  });
  assert.equal(isWell([ok('a', ''), warning('b', '')]), true);
});

test('the command line is read', () => {
  const defaults = { images: [], all: false, askMs: undefined, quiet: false, json: false };
  assert.deepEqual(readRequest([]), defaults);
  assert.deepEqual(readRequest(['a', '-qj', '--', '-b']), {
    ...defaults,
    images: ['a', '-b'],
    quiet: true,
    json: true,
  });
  assert.deepEqual(readRequest(['--all', '--ask-server']), { ...defaults, all: true, askMs: 60_000 });
  assert.deepEqual(readRequest(['--ask', '--timeout', '1.5', 'x']), {
    ...defaults,
    images: ['x'],
    askMs: 1500,
  });
  for (const argv of [
    ['--all', 'x'],
    ['--timeout=3'],
    ['--ask-server', '--timeout=0'],
    ['--ask-server', '--timeout=1e9'],
    ['--no'],
  ])
    assert.throws(() => readRequest(argv), UsageError, argv.join(' '));
});

async function run(t: TestContext, ...args: string[]) {
  const child = runNode(t, PROGRAM, ['check', ...args]);
  const { code } = await child.waitForExit();
  return { code, stdout: child.stdout, stderr: child.stderr };
}

test('mandos-initramfs check says what is wrong, and ends with 1; with 64 after a wrong command line', async t => {
  const directory = scratchDirectory(t);
  const [empty, text] = [join(directory, 'empty'), join(directory, 'text')];
  writeFileSync(empty, archive([{ name: 'init' }]), { mode: 0o600 });
  writeFileSync(text, 'hello, world');
  const { code, stdout } = await run(t, empty, text, '--quiet');
  assert.equal(code, 1);
  assert.match(
    stdout,
    new RegExp(
      `^${empty}\n {2}FAIL {4}client: it has no Mandos client: .*\n${text}\n {2}FAIL {4}image: is not an initramfs image`,
    ),
  );

  const json = await run(t, '--dump-json', empty);
  assert.equal(json.code, 1);
  const report = JSON.parse(json.stdout) as { ok: boolean; images: { file: string; ok: boolean }[] };
  assert.deepEqual(
    [report.ok, report.images.map(({ file, ok: isOk }) => [file, isOk])],
    [false, [[empty, false]]],
  );

  const wrong = await run(t, '--timeout=3');
  assert.deepEqual([wrong.code, wrong.stdout], [64, '']);
  assert.match(wrong.stderr, /^mandos-initramfs: error: --timeout is for --ask-server/);
  const help = await run(t, '--help');
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: mandos-initramfs check \[OPTION\]/);
});
