import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from '../../support/child.js';
import { mandosClientTree, requires } from '../../support/requires.js';
import type { Cleanup } from './at-terminal.js';

const OURS = [process.execPath, join(import.meta.dirname, '../../../client-plugin/prompts/askpass-fifo.js')];
const THEIRS = [join(mandosClientTree() ?? '', 'usr/lib/x86_64-linux-gnu/mandos/plugins.d/askpass-fifo')];
const NEEDS = requires('root', 'unshare');
const BOTH = requires('root', 'unshare', 'mandos-client');

/** A /lib/cryptsetup of its own; "$@" is the program, and `start` runs it until it has opened the FIFO. */
const SCENE = `
mount -t tmpfs none /run
mkdir /run/upper /run/work
mount -t overlay none -o lowerdir=/usr,upperdir=/run/upper,workdir=/run/work /usr
mkdir -p /lib/cryptsetup
fifo=/lib/cryptsetup/passfifo
start() {
  "$@" > /run/out & pid=$!
  until ls -l "/proc/$pid/fd" | grep -q passfifo || [ -p "$fifo" ]; do sleep 0.1; done
}
end() {
  wait "$pid"; echo "status $?"
  od -An -c /run/out
}
`;

async function scene(t: Cleanup, program: readonly string[], script: string) {
  const child = new Child('unshare', ['--mount', 'sh', '-c', SCENE + script, 'sh', ...program], {});
  t.after(() => child.kill());
  await child.waitForExit();
  return { stdout: child.stdout, stderr: child.stderr };
}

const CASES = {
  'a FIFO that it makes':
    'umask 0; start "$@"; stat -c %A,%u "$fifo"; printf "pass\\nword\\n" > "$fifo"; end',
  'a FIFO that is there': 'mkfifo "$fifo"; start "$@"; stat -c %A "$fifo"; printf word > "$fifo"; end',
  'what comes in pieces': 'start "$@"; { printf pass; sleep 0.2; printf word; } > "$fifo"; end',
  'a writer that writes nothing': 'start "$@"; : > "$fifo"; end',
  'an end by SIGTERM': 'start "$@"; kill -TERM "$pid"; end; ls "$fifo"',
  'a directory that is missing': 'rm -r /lib/cryptsetup; "$@" > /run/out 2> /dev/null & pid=$!; end',
};

for (const [what, script] of Object.entries(CASES)) {
  test(`does as the original with ${what}`, BOTH, async t => {
    const [ours, theirs] = [await scene(t, OURS, script), await scene(t, THEIRS, script)];
    assert.equal(ours.stdout, theirs.stdout);
    assert.match(ours.stdout, /^status \d+$/m);
  });
}

test('does not take a file for a password', NEEDS, async t => {
  const { stdout, stderr } = await scene(t, OURS, 'echo old > "$fifo"; "$@" > /run/out & pid=$!; end');
  assert.equal(stdout, 'status 1\n');
  assert.equal(
    stderr,
    'askpass-fifo: error: /lib/cryptsetup/passfifo is not a FIFO: remove it, and it will be made\n',
  );
});

test('does not take more than a key file has', NEEDS, async t => {
  const { stdout, stderr } = await scene(
    t,
    OURS,
    'start "$@"; yes 2> /dev/null | head -c 9000000 > "$fifo"; end',
  );
  assert.equal(stdout, 'status 1\n');
  assert.match(stderr, /more than 8388608 bytes were written to \/lib\/cryptsetup\/passfifo/);
});
