import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moduleUrl, startScript } from './script.js';

test("SIGUSR1 opens no debugger, which any process of the server's user could read its memory by", async t => {
  const script = startScript(
    t,
    `import inspector from 'node:inspector';
    import { ignoreDebuggerSignal } from ${moduleUrl('server/host/debugger-signal.js')};
    ignoreDebuggerSignal();
    process.stdin.once('data', () => {
      // Time for a debugger that must not open.
      setTimeout(() => {
        process.stdout.write('debugger: ' + inspector.url());
        process.exit();
      }, 300);
    });
    process.stdout.write('ready\\n');`,
    { keepInputOpen: true },
  );
  await script.waitForOutput(/ready/);
  script.signal('SIGUSR1');
  script.stdin.write('\n');
  await script.waitForExit();
  assert.match(script.stdout, /debugger: undefined$/);
  assert.equal(script.stderr, '');
});
