import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from '../../support/child.js';
import { mandosClientTree, requires } from '../../support/requires.js';
import type { Cleanup } from './at-terminal.js';

const OURS = [process.execPath, join(import.meta.dirname, '../../../client-plugin/prompts/plymouth.js')];
const THEIRS = [join(mandosClientTree() ?? '', 'usr/lib/x86_64-linux-gnu/mandos/plugins.d/plymouth')];
const NEEDS = requires('root', 'unshare');
const BOTH = requires('root', 'unshare', 'mandos-client');

/** A plymouth that notes how it is called, and answers as /run/answer says. "$@" is the program. */
const SCENE = `
mount -t tmpfs none /run
mkdir /run/upper /run/work
mount -t overlay none -o lowerdir=/usr,upperdir=/run/upper,workdir=/run/work /usr
cat > /usr/bin/plymouth << 'END'
#!/bin/sh
echo "plymouth, user $(id -u): $*" >> /run/calls
case $1 in
--ping) [ -e /run/runs ] ;;
ask-for-password) . /run/answer ;;
esac
END
cp /bin/sleep /run/sleep
cat > /usr/sbin/plymouthd << 'END'
#!/bin/sh
echo "plymouthd, user $(id -u): $*" >> /run/calls
END
chmod 755 /usr/bin/plymouth /usr/sbin/plymouthd
touch /run/runs
finish() {
  wait "$pid"; echo "status $?"
  od -An -c /run/out
  cat /run/calls
}
`;

async function scene(
  t: Cleanup,
  program: readonly string[],
  script: string,
  env: Record<string, string> = {},
) {
  const isolated = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const child = new Child('unshare', [...isolated, 'sh', '-c', SCENE + script, 'sh', ...program], { env });
  t.after(() => child.kill());
  await child.waitForExit();
  return { stdout: child.stdout, stderr: child.stderr };
}

const ASK = '"$@" > /run/out 2> /dev/null & pid=$!; finish';
const CASES = {
  'an answer': `echo 'printf secret' > /run/answer; ${ASK}`,
  'an answer with a newline': `echo 'echo secret' > /run/answer; ${ASK}`,
  'no answer': `echo 'exit 3' > /run/answer; ${ASK}`,
  'a prompt': `echo 'printf secret' > /run/answer; set -- "$@" --prompt=Password; ${ASK}`,
};

for (const [what, script] of Object.entries(CASES)) {
  test(`does as the original: ${what}`, BOTH, async t => {
    const env = { cryptsource: '/dev/sda1', crypttarget: 'root' };
    const [ours, theirs] = [await scene(t, OURS, script, env), await scene(t, THEIRS, script, env)];
    assert.equal(ours.stdout, theirs.stdout);
    assert.match(ours.stdout, /^plymouth, user 0: ask-for-password --prompt=/m);
  });
}

test('asks for the volume of the environment under the names that cryptsetup uses now', NEEDS, async t => {
  const env = { CRYPTTAB_SOURCE: '/dev/sda1', CRYPTTAB_NAME: 'root' };
  const { stdout } = await scene(t, OURS, CASES['an answer'], env);
  assert.match(stdout, /--prompt=Unlocking the disk \/dev\/sda1 \(root\)\nEnter passphrase\n/);
});

test('ends at once where no plymouthd answers', NEEDS, async t => {
  const { stdout, stderr } = await scene(t, OURS, 'rm /run/runs; "$@" > /run/out & pid=$!; finish');
  assert.equal(stdout, 'status 69\nplymouth, user 0: --ping\n');
  assert.equal(stderr, 'plymouth: error: plymouthd is not running\n');
});

test('plymouthd is started anew, with its words, when nobody needs the answer any more', NEEDS, async t => {
  const { stdout } = await scene(
    t,
    OURS,
    `
cp /run/sleep /run/plymouthd
/run/plymouthd 1000 1001 & daemon=$!
until grep -q plymouthd "/proc/$daemon/cmdline"; do sleep 0.1; done
echo 'echo $$ > /run/asking; exec sleep 1000' > /run/answer
"$@" > /run/out & pid=$!
until [ -s /run/asking ]; do sleep 0.1; done
kill -TERM "$pid"
wait "$daemon"; echo "plymouthd: $?"
finish
[ -e "/proc/$(cat /run/asking)" ] && echo "still asking"
`,
  );
  assert.equal(
    stdout,
    `plymouthd: 143
status 143
plymouth, user 0: --ping
plymouth, user 0: ask-for-password --prompt=Enter passphrase to unlock the disk
plymouthd, user 0: 1000 1001
plymouth, user 0: show-splash
`,
  );
});
