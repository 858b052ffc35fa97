import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from '../support/child.js';
import type { Cleanup } from '../support/namespace.js';
import { mandosClientTree, requires } from '../support/requires.js';

const NEEDS = {
  ...(existsSync('/usr/bin/systemd-ask-password') || process.env['CI'] === 'true'
    ? {}
    : { skip: 'needs systemd-ask-password' }),
  ...requires('root', 'unshare', 'mandos-client'),
};

/** Each is run as root, with the same options. */
const AGENTS = {
  original: [join(mandosClientTree() ?? '', 'usr/lib/dracut/modules.d/90mandos/password-agent')],
  ours: [process.execPath, join(import.meta.dirname, '../../client-plugin/password-agent/password-agent.js')],
};

/** A /run, a /proc and block devices of its own; $AGENT is the agent, $CLIENT a program that prints the password. */
const ENTER = `
mount -t tmpfs none /run
mount -t proc none /proc
mkdir -p /run/systemd/ask-password /run/class/block/disk0/holders
touch /run/disk0
mount --bind /run/class /sys/class
`;

interface SceneOptions {
  /** Shell: prints the password, as user and group nobody. */
  readonly client?: string;
  /** Shell: what happens beside. */
  readonly script: string;
}

function play(
  t: Cleanup,
  agent: readonly string[],
  { client, script }: SceneOptions,
): Child & { go(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'agent-'));
  chmodSync(directory, 0o755);
  const file = join(directory, 'client');
  writeFileSync(file, `#!/bin/sh\n${client ?? "printf 'the password'"}\n`, { mode: 0o755 });
  const scene = new Child(
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      `set -e; CLIENT=$1; shift; ${ENTER} set +e; ${script}`,
      'sh',
      file,
      ...agent,
    ],
    {},
    'password-agent',
  );
  t.after(async () => {
    scene.kill();
    await scene.exited;
    rmSync(directory, { recursive: true, force: true });
  });
  return Object.assign(scene, { go: () => writeFileSync(`${file}.go`, '') });
}

/** Shell: asks as systemd-cryptsetup does, and opens the disk when the answer is right. */
const ASK = `
ask() { systemd-ask-password --no-tty --timeout=0 --id="$1" "$2"; }
asked() { until ls /run/systemd/ask-password/ask.* >/dev/null 2>&1; do sleep 0.05; done; }
opened() { mkdir -p /run/class/block/disk0/holders/dm-0; }
`;

for (const [name, agent] of Object.entries(AGENTS)) {
  test(`${name}: the question of a disk is answered, and the program ends`, NEEDS, async t => {
    const scene = play(t, agent, {
      client: 'id -u >&2; echo "helpers: $MANDOSPLUGINHELPERDIR" >&2; printf "the password"',
      script: `${ASK}
        (echo "answer: $(ask cryptsetup:/run/disk0 'Disk?')"; opened) & asked
        "$@" -- "$CLIENT"; echo "agent ended: $?"; wait`,
    });
    await scene.waitForOutput(/answer: the password$/m);
    await scene.waitForOutput(/agent ended: 0/);
    assert.match(scene.stderr, /^65534$/m);
    assert.match(scene.stderr, /^helpers: \/lib\/mandos\/plugin-helpers$/m);
  });

  test(`${name}: several questions at once get the same password`, NEEDS, async t => {
    const scene = play(t, agent, {
      client:
        'until [ "$(ls /run/systemd/ask-password | grep -c ^ask)" = 3 ]; do sleep 0.05; done; printf secret',
      script: `${ASK}
        for n in 1 2 3; do (echo "answer $n: $(ask "cryptsetup:/run/disk0" "Disk $n?")"; opened) & done; asked
        "$@" -- "$CLIENT"; echo "agent ended: $?"; wait`,
    });
    for (const n of [1, 2, 3]) await scene.waitForOutput(new RegExp(`answer ${n}: secret$`, 'm'));
    await scene.waitForOutput(/agent ended: 0/);
  });

  test(`${name}: a question without an Id is answered`, NEEDS, async t => {
    const scene = play(t, agent, {
      script: `${ASK}
        echo "answer: $(systemd-ask-password --no-tty --timeout=0 'Disk?')" & asked
        "$@" -- "$CLIENT"; echo "agent ended: $?"; wait`,
    });
    await scene.waitForOutput(/answer: the password$/m);
    await scene.waitForOutput(/agent ended: 0/);
  });

  test(`${name}: without a question it ends with a fault`, NEEDS, async t => {
    const scene = play(t, agent, { script: `"$@" -- "$CLIENT"; echo "agent ended: $?"` });
    await scene.waitForOutput(/agent ended: 1/);
  });

  test(`${name}: the user and the group of the program are chosen`, NEEDS, async t => {
    const scene = play(t, agent, {
      client: 'echo "ids: $(id -u) $(id -g)" >&2; printf x',
      script: `${ASK}
        (ask cryptsetup:/run/disk0 'Disk?'; opened) & asked
        "$@" --user=1234 -g 4321 -- "$CLIENT"; wait`,
    });
    await scene.waitForOutput(/ids: 1234 4321/);
  });
}

/** Of the program here only, which goes on where the original ends or knows no better. */
const { ours } = AGENTS;

/** Shell: waits for the test. */
const GO = 'until [ -e "$CLIENT.go" ]; do sleep 0.05; done';

/** Shell: what an operator's agent does with the one question that there is. */
const REPLY = `
reply() {
  printf %s "$1" | /usr/lib/systemd/systemd-reply-password 1 "$(sed -n s/^Socket=//p /run/systemd/ask-password/ask.*)"
}`;

test(
  'a password that does not open the disk is given once, and the rest of the tries is the operator’s',
  NEEDS,
  async t => {
    const scene = play(t, ours, {
      client: 'printf wrong',
      script: `${ASK}${REPLY}
      (for try in 1 2; do
        answer=$(ask cryptsetup:/run/disk0 'Disk?')
        echo "answer $try: $answer"
        [ "$answer" != right ] || { opened; break; }
      done) & asked
      "$@" -- "$CLIENT" & agent=$!
      ${GO}; reply right
      wait "$agent"; echo "agent ended: $?"; wait`,
    });
    await scene.waitForOutput(/answer 1: wrong$/m);
    await scene.waitForOutput(/the password from the server does not open "\/run\/disk0"/);
    scene.go();
    await scene.waitForOutput(/answer 2: right$/m);
    await scene.waitForOutput(/agent ended: 0/);
  },
);

test('the program ends when a signal comes, and its client with it', NEEDS, async t => {
  const scene = play(t, ours, {
    client: 'trap "echo client ended >&2; exit 1" TERM; echo client runs >&2; while :; do sleep 0.1; done',
    script: `${ASK}
      ask cryptsetup:/run/disk0 'Disk?' & asked
      "$@" -- "$CLIENT" & agent=$!
      ${GO}; kill "$agent"; wait "$agent"; echo "agent ended: $?"; exit 0`,
  });
  await scene.waitForOutput(/client runs/);
  scene.go();
  await scene.waitForOutput(/client ended/);
  await scene.waitForOutput(/agent ended: 143/);
});

test('questions that are not for the password of a disk are not answered', NEEDS, async t => {
  const scene = play(t, ours, {
    script: `${ASK}
      A=/run/systemd/ask-password
      systemd-ask-password --no-tty --timeout=0 --id=fido2-pin 'Key?' &
      systemd-ask-password --no-tty --timeout=0 'Please enter the PIN:' &
      systemd-ask-password --no-tty --timeout=0 --echo=yes 'Name?' &
      head -c 20000 /dev/zero >$A/ask.large
      ln -s /etc/passwd $A/ask.link
      mkfifo $A/ask.fifo
      echo nonsense >$A/ask.nonsense
      until [ "$(ls $A | grep -c ^ask)" = 7 ]; do sleep 0.05; done
      cp "$(ls $A/ask.?????? | head -n 1)" $A/ask.foreign; chown 65534 $A/ask.foreign
      (echo "answer: $(ask cryptsetup:/run/disk0 'Disk?')"; opened) &
      until [ "$(ls $A | grep -c ^ask)" = 9 ]; do sleep 0.05; done
      "$@" -- "$CLIENT" & agent=$!
      ${GO}; rm "$A"/ask.*
      wait "$agent"; echo "agent ended: $?"; exit 0`,
  });
  await scene.waitForOutput(/answer: the password$/m);
  scene.go();
  await scene.waitForOutput(/agent ended: 0/);
  await scene.waitForExit();
  const lines = [
    /"Key\?" is not answered: its Id is "fido2-pin"/,
    /PIN:" is not answered: it asks for a PIN/,
    /"Name\?" is not answered: its answer is no secret/,
    /ask.large is ignored: it has 20000 bytes/,
    /ask.link is ignored: it is a link/,
    /ask.fifo is ignored: it is not a file/,
    /ask.nonsense is ignored: it has no PID/,
    /ask.foreign is ignored: it belongs to user 65534/,
  ];
  for (const line of lines) assert.match(scene.stderr, line);
  assert.equal(scene.stdout.match(/the password/g)?.length, 1);
});

test(
  'as long as there is a question it stays, and searches when a disk’s password is asked for',
  NEEDS,
  async t => {
    const scene = play(t, ours, {
      client: 'echo client runs >&2; printf "the password"',
      script: `${ASK}
      A=/run/systemd/ask-password
      (ask cryptsetup:/run/disk1 'Please enter LUKS2 token PIN:'; echo "PIN: $?") & asked
      "$@" -- "$CLIENT" & agent=$!
      ${GO}; rm "$CLIENT.go"
      echo "answer 1: $(ask cryptsetup:/run/disk0 'Disk?')"; opened
      # What a dead process has left.
      cp "$(ls $A/ask.?????? | head -n 1)" $A/ask.left; sed -i 's/^PID=.*/PID=4000000/' $A/ask.left
      rm $A/ask.??????
      ${GO}; rm "$CLIENT.go"
      rm -r /run/class/block/disk0/holders/dm-0
      echo "answer 2: $(ask cryptsetup:/run/disk0 'Disk again?')"; opened
      ${GO}; rm $A/ask.left
      wait "$agent"; echo "agent ended: $?"; exit 0`,
    });
    await scene.waitForOutput(/token PIN:" is not answered: it asks for a PIN/);
    assert.doesNotMatch(scene.stderr, /client runs/);
    scene.go();
    await scene.waitForOutput(/answer 1: the password$/m);
    await scene.waitForOutput(/unlocked "\/run\/disk0"/);
    scene.go();
    await scene.waitForOutput(/answer 2: the password$/m);
    await scene.waitForOutput(/unlocked "\/run\/disk0"[^]*unlocked "\/run\/disk0"/);
    scene.go();
    await scene.waitForOutput(/agent ended: 0/);
  },
);

test('what can never bring a password is said once, and waited with until nobody asks', NEEDS, async t => {
  const scene = play(t, ours, {
    script: `${ASK}
      ask cryptsetup:/run/disk0 'Disk?' & asked
      D=$(mktemp -d /run/XXXX); ln -s "$2" "$D/mandos-client"
      "$1" "$2" -- "$D/mandos-client" --seckey=/nonexistent & agent=$!
      ${GO}; kill -0 "$agent" && echo "agent stays"
      rm /run/systemd/ask-password/ask.*
      wait "$agent"; echo "agent ended: $?"; exit 0`,
  });
  await scene.waitForOutput(/error: .*\/nonexistent/);
  scene.go();
  await scene.waitForOutput(/agent stays/);
  await scene.waitForOutput(/agent ended: 1/);
  assert.equal(scene.stderr.match(/error: /g)?.length, 1);
});

test('the self-test says ok', NEEDS, async t => {
  const scene = play(t, ours, { script: '"$@" --test' });
  assert.deepEqual(await scene.waitForExit(), { code: 0, signal: null });
  assert.equal(scene.stdout, 'ok\n');
});
