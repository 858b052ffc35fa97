import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Child } from '../support/child.js';

const MODULE = JSON.stringify(new URL('../../common/output.js', import.meta.url).href);

function run(t: { after(fn: () => unknown): void }, shell: string, script: string): Child {
  const program = `import { printOut } from ${MODULE}; ${script}`;
  const child = new Child(
    'sh',
    ['-c', shell, 'sh', process.execPath, '--input-type=module', '-e', program],
    {},
  );
  t.after(() => child.stop());
  return child;
}

test('all of it is written, also to a reader who is slow', async t => {
  const child = run(t, '"$@" | (sleep 1; cat)', "printOut('x'.repeat(300_000)); process.exit(0);");
  await child.waitForExit();
  assert.equal(child.stdout.length, 300_000);
});

test('a reader who has gone is no fault', async t => {
  const child = run(t, '{ sleep 1; "$@"; echo "status $?" >&2; } | true', "printOut('x'); process.exit(0);");
  await child.waitForExit();
  assert.equal(child.stderr, 'status 0\n');
});

test('a full disk is an error that says so', async t => {
  const script =
    "try { printOut('x'); } catch (error) { process.stderr.write(error.code + ': ' + error.message); }";
  const child = run(t, '"$@" >/dev/full', script);
  await child.waitForExit();
  assert.equal(child.stderr, 'OUTPUT: cannot write to standard output: no space left on device');
});
