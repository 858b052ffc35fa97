import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Child } from '../support/child.js';

async function crash(t: { after(fn: () => unknown): void }, level: string, how: string): Promise<Child> {
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    import { endOnCrash } from ${at('../../common/crash.js')};
    import { createLog, standardErrorSink } from ${at('../../common/log.js')};
    endOnCrash(() => createLog(standardErrorSink('mandos'), '${level}'));
    ${how}`;
  const child = new Child(process.execPath, ['--input-type=module', '-e', script], {});
  t.after(() => child.stop());
  assert.equal((await child.waitForExit()).code, 1);
  return child;
}

test('an error that nobody catches is one line and a failure', async t => {
  for (const how of ["setTimeout(() => { throw new Error('lost'); })", "Promise.reject(new Error('lost'))"]) {
    const { stderr } = await crash(t, 'warning', how);
    assert.equal(stderr, 'mandos: critical: internal error, please report it: lost\n');
  }
});

test('at debug level it comes with its stack, on one line', async t => {
  const { stderr } = await crash(t, 'debug', "setTimeout(() => { throw new Error('lost'); })");
  assert.match(stderr, /^mandos: debug: Error: lost\\x0a {4}at /m);
});
