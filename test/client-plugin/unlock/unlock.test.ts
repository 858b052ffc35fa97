import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requires } from '../../support/requires.js';
import { hasCryptsetupTree } from './cryptsetup-tree.js';
import { Initramfs } from './initramfs.js';

const NEEDS = {
  ...(hasCryptsetupTree() || process.env['CI'] === 'true' ? {} : { skip: 'needs cryptsetup-initramfs' }),
  ...requires('root', 'unshare', 'script'),
};

/** Shell: waits for the test. */
const WAIT = 'until [ -e /control/go ]; do sleep 0.1; done';

test('a volume that asks is given the password from the server, and the program ends', NEEDS, async t => {
  const machine = new Initramfs(t, { volumes: { root: 'correct' } });
  await machine.console.waitForOutput(/Please unlock disk root: /);
  machine.serve('correct');
  await machine.console.waitForOutput(/mandos: unlocked "root"/);
  await machine.console.waitForOutput(/unlock ended: 0/);
  assert.match(machine.console.output, /cryptroot ended: 0/);
  assert.match(machine.console.output, /found the password as user 65534/);
});

test('the same password opens several volumes, one after the other', NEEDS, async t => {
  const machine = new Initramfs(t, { volumes: { root: 'correct', swap: 'correct', home: 'correct' } });
  machine.serve('correct');
  await machine.console.waitForOutput(/unlock ended: 0/);
  for (const name of ['root', 'swap', 'home'])
    assert.match(machine.console.output, new RegExp(`mandos: unlocked "${name}"`));
  assert.deepEqual(machine.tries(), ['root', 'swap', 'home']);
});

test('a password of any bytes arrives as it is, without a newline', NEEDS, async t => {
  const password = 'corr\u0000ect\nhorse \u00ff\n\n';
  const machine = new Initramfs(t, { volumes: { root: password } });
  machine.serve(password);
  await machine.console.waitForOutput(/unlock ended: 0/);
  assert.deepEqual(machine.tries(), ['root']);
});

test(
  'a password that opens nothing is given once, said, and the rest of the tries is the operator’s',
  NEEDS,
  async t => {
    const machine = new Initramfs(t, { volumes: { root: 'correct' } });
    machine.serve('wrong');
    const { console } = machine;
    await console.waitForOutput(/mandos: warning: the password from the server does not open "root"/);
    // The prompt stands below the line again.
    await console.waitForOutput(/does not open "root"\s*\r\nPlease unlock disk root: /);
    machine.type('wrong again');
    await console.waitForOutput(/cryptsetup failed[^]*cryptsetup failed[^]*Please unlock disk root: /);
    machine.type('correct');
    await console.waitForOutput(/unlock ended: 0/);
    assert.match(console.output, /cryptroot ended: 0/);
    assert.deepEqual(machine.tries(), ['root', 'root', 'root']);
    assert.doesNotMatch(console.output, /unlocked/);
  },
);

test('a password for one of two volumes opens that one; the other is typed', NEEDS, async t => {
  const machine = new Initramfs(t, { volumes: { root: 'correct', home: 'another' } });
  machine.serve('correct');
  const { console } = machine;
  await console.waitForOutput(/unlocked "root"/);
  await console.waitForOutput(/does not open "home"\s*\r\nPlease unlock disk home: /);
  machine.type('another');
  await console.waitForOutput(/unlock ended: 0/);
  assert.deepEqual(machine.tries(), ['root', 'home', 'home']);
});

test('a volume opened by typing ends the search, which tidies up', NEEDS, async t => {
  const machine = new Initramfs(t, { volumes: { root: 'correct' } });
  const { console } = machine;
  await console.waitForOutput(/Please unlock disk root: /);
  await console.waitForOutput(/mandos: looking for servers/);
  machine.type('correct');
  await console.waitForOutput(/mandos: tidied up[^]*unlock ended: 0/);
  assert.doesNotMatch(console.output, /unlocked/);
});

test('what is typed is neither lost nor shown when a line is written meanwhile', NEEDS, async t => {
  const machine = new Initramfs(t, { volumes: { root: 'correct' } });
  const { console } = machine;
  await console.waitForOutput(/Please unlock disk root: /);
  console.stdin.write('corr');
  machine.put('say', 'server found');
  await console.waitForOutput(/\rmandos: server found\s*\r\nPlease unlock disk root: $/);
  machine.type('ect');
  await console.waitForOutput(/unlock ended: 0/);
  assert.deepEqual(machine.tries(), ['root']);
  assert.doesNotMatch(console.output, /corr|ect/);
});

test('a volume with a blank in its name is the one that asks', NEEDS, async t => {
  const machine = new Initramfs(t, { volumes: { 'a b': 'correct' } });
  machine.serve('correct');
  await machine.console.waitForOutput(/unlocked "a b"/);
  await machine.console.waitForOutput(/unlock ended: 0/);
});

test('a signal ends it after it has tidied up', NEEDS, async t => {
  const machine = new Initramfs(t, {
    volumes: { root: 'correct' },
    boot: `${WAIT}; kill "$UNLOCK"`,
  });
  await machine.console.waitForOutput(/looking for servers/);
  machine.put('go', '');
  await machine.console.waitForOutput(/tidied up[^]*unlock ended: 0/);
});

for (const [what, prepare, why] of [
  ['a FIFO of another user', 'mkfifo -m 600 $F; chown 65534 $F', /belongs to user 65534, not to root/],
  ['a FIFO that others may open', 'mkfifo $F; chmod 622 $F', /has mode 622, not 600/],
  ['a link', 'mkfifo -m 600 /tmp/f; ln -s /tmp/f $F', /is not a FIFO/],
] as const) {
  test(`the password is not written to ${what}`, NEEDS, async t => {
    const machine = new Initramfs(t, {
      volumes: { root: 'correct' },
      boot: `F=/lib/cryptsetup/passfifo; ${prepare}; sh /scripts/cryptroot`,
    });
    const { console } = machine;
    await console.waitForOutput(/Please unlock disk root: /);
    machine.serve('correct');
    await console.waitForOutput(/"root" is not given the password: /);
    await console.waitForOutput(why);
    machine.type('correct');
    await console.waitForOutput(/unlock ended: 0/);
    assert.doesNotMatch(console.output, /unlocked/);
  });
}

const ASKPASS = '/lib/cryptsetup/askpass';
for (const [what, ask] of [
  [
    'another program that reads from the FIFO',
    `mkfifo -m 600 /lib/cryptsetup/passfifo; exec env CRYPTTAB_NAME=root cat 0<>/lib/cryptsetup/passfifo`,
  ],
  [
    'an askpass of another user',
    `chmod 777 /lib/cryptsetup; exec env CRYPTTAB_NAME=root setpriv --reuid 65534 --clear-groups ${ASKPASS} 'Please unlock: '`,
  ],
  ['a question for a PIN', `exec env CRYPTTAB_NAME=root ${ASKPASS} 'PIN of the card: '`],
  [
    'a volume that is not in crypttab',
    `exec env CRYPTTAB_NAME=other ${ASKPASS} 'Please unlock disk other: '`,
  ],
  ['an askpass that asks for no volume', `exec ${ASKPASS} 'Please unlock disk root: '`],
] as const) {
  test(`the password is not given to ${what}`, NEEDS, async t => {
    const machine = new Initramfs(t, {
      volumes: { root: 'correct' },
      // Beside it the true one is asked later on, and is answered: so there was time for the false one.
      boot: `(${ask}) >/tmp/answer </dev/tty & false=$!
        ${WAIT}
        kill -KILL "$false" && echo 'the false one was there'
        echo "given to the false one: '$(cat /tmp/answer)'"
        rm -f /lib/cryptsetup/passfifo
        sh /scripts/cryptroot`,
    });
    const { console } = machine;
    machine.serve('correct');
    await console.waitForOutput(/found the password/);
    await machine.looks(3);
    machine.put('go', '');
    await console.waitForOutput(/the false one was there\s+given to the false one: ''/);
    await console.waitForOutput(/unlocked "root"/);
    await console.waitForOutput(/unlock ended: 0/);
  });
}

test('the program takes the password of a plugin, which runs as nobody', NEEDS, async t => {
  const machine = new Initramfs(t, {
    volumes: { root: 'correct' },
    plugin: 'id -u >&2; until [ -e /control/go ]; do sleep 0.1; done; printf correct',
  });
  const { console } = machine;
  await console.waitForOutput(/65534\r/);
  await console.waitForOutput(/Please unlock disk root: /);
  machine.put('go', '');
  await console.waitForOutput(/unlocked "root"[^]*unlock ended: 0/);
});

test('a plugin that fails is said, and the console goes on', NEEDS, async t => {
  const machine = new Initramfs(t, {
    volumes: { root: 'correct' },
    plugin: 'echo "no network" >&2; exit 1',
  });
  const { console } = machine;
  await console.waitForOutput(
    /no password: no plugin in \/control\/plugins got a password; looking again in 30 s/,
  );
  await console.waitForOutput(/looking again in 30 s\s*\r\nPlease unlock disk root: $/);
  machine.type('correct');
  await console.waitForOutput(/unlock ended: 0/);
});

test('a signal ends the plugins, and then the program as that signal does', NEEDS, async t => {
  const machine = new Initramfs(t, {
    volumes: { root: 'correct' },
    plugin: 'trap "echo plugin ended >&2; exit 1" TERM; echo plugin runs >&2; while :; do sleep 0.1; done',
    boot: `${WAIT}; kill "$UNLOCK"`,
  });
  const { console } = machine;
  await console.waitForOutput(/plugin runs/);
  machine.put('go', '');
  await console.waitForOutput(/plugin ended[^]*unlock ended: 143/);
});

test('without plugins it says so and ends, and the console goes on', NEEDS, async t => {
  const machine = new Initramfs(t, {
    volumes: { root: 'correct' },
    plugin: '',
  });
  const { console } = machine;
  await console.waitForOutput(/no password from a server: cannot read the directory of plugins/);
  machine.type('correct');
  await console.waitForOutput(/cryptroot ended: 0[^]*unlock ended: 1/);
});
