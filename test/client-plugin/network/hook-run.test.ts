import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requires } from '../../support/requires.js';
import { hooks, kernelLog, networkState, PASSWORD, scene, start, until } from './scene.js';

const NETNS = requires('root', 'netns');
const CHILD = join(import.meta.dirname, 'network-child.js');

/** What `bridge` of the examples does, without its care. */
const BRIDGE = `case $1 in
start) ip link add br0 type bridge forward_delay 0; ip link set eth0 up; ip link set eth0 master br0; ip link set br0 up;;
stop) ip link delete br0; ip link set eth0 down;;
esac`;

/** Processes of a group that run; those that only nobody has waited for do not. */
function livingInGroup(group: number): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [state, , pgrp] = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return Number(pgrp) === group && state !== 'Z';
    } catch {
      return false; // It has just ended.
    }
  });
}

test('a server is found through a bridge that a hook makes, which is gone afterwards', NETNS, async t => {
  const { client, keys } = await scene(t);
  const before = await networkState(client);
  const directory = hooks(client, { bridge: BRIDGE });
  const child = start({ client, keys }, ['--interface=br0', `--network-hook-dir=${directory}`]);
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  assert.equal(child.stdout, PASSWORD);
  assert.match(child.stderr, /looking for servers on br0/);
  assert.equal(await networkState(client), before);
});

test('hooks are started in order and stopped in reverse, as root, also those that fail', NETNS, async t => {
  const { lan, client, keys } = await scene(t);
  const trace = join(lan.directory, 'trace');
  const script = (name: string, end = '') =>
    `echo "$MODE ${name} $1 $# $(id -u) $(id -ru) $(readlink /proc/self/fd/0) [$DEVICE] $VERBOSITY $DELAY [\${CONNECT-unset}] \${MANDOSNETHOOKDIR##*/}" >>${trace}; ${end}`;
  const directory = hooks(client, {
    b: script('b', 'exit 3'),
    A: script('A', 'echo "not the password"'),
    c: script('c', 'kill -USR1 $$'),
  });
  const args = ['--interface=eth0', '--delay=1.5', `--network-hook-dir=${directory}`];
  const child = start({ client, keys }, args, { env: { CONNECT: 'inherited' } });
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  assert.equal(child.stdout, PASSWORD, 'what hooks print is on standard error');
  assert.match(child.stderr, /^not the password$/m);
  const told = '1 0 0 /dev/null [eth0] 0 1.500000 [unset] client-hooks';
  assert.deepEqual(readFileSync(trace, 'utf8').trimEnd().split('\n'), [
    `start A start ${told}`,
    `start b start ${told}`,
    `start c start ${told}`,
    `stop c stop ${told}`,
    `stop b stop ${told}`,
    `stop A stop ${told}`,
  ]);
  assert.match(child.stderr, /network hook "b" \(start\) exited with status 3/);
  assert.match(child.stderr, /network hook "c" \(start\) was ended by SIGUSR1/);
});

test(
  'a hook that hangs keeps nobody from an interface that gets ready, and is ended and stopped',
  NETNS,
  async t => {
    const { lan, client, keys } = await scene(t, {});
    const before = await networkState(client);
    const trace = join(lan.directory, 'trace');
    const directory = hooks(client, {
      hangs: `echo "$1 $$" >>${trace}; test "$1" = stop || { trap '' TERM; echo hanging >&2; sleep 1000; sleep 1000; }`,
      late: `echo "late $1" >>${trace}`,
    });
    await client.interfaces[0]?.unplug();
    const child = start({ client, keys }, [`--network-hook-dir=${directory}`]);
    await child.waitForOutput(/^hanging$/m);
    await client.interfaces[0]?.plug();
    assert.equal((await child.waitForExit()).code, 0, child.tail());
    assert.equal(child.stdout, PASSWORD);
    assert.match(child.stderr, /network hook "hangs" \(start\) is not needed any more, and was ended/);
    const [, group] = /^start (\d+)\nstop \d+\n$/.exec(readFileSync(trace, 'utf8')) ?? [];
    assert.ok(group, 'a hook that was not started is not stopped');
    await until(() => livingInGroup(Number(group)).length === 0);
    assert.equal(await networkState(client), before);
  },
);

test(
  'a hook that hangs gets the interfaces that are down for a while, and then they are used',
  NETNS,
  async t => {
    const { client, keys } = await scene(t);
    const before = await networkState(client);
    const directory = hooks(client, { hangs: 'test "$1" = stop || exec sleep 1000' });
    const child = start({ client, keys }, ['--delay=0', `--network-hook-dir=${directory}`]);
    assert.equal((await child.waitForExit()).code, 0, child.tail());
    assert.equal(await networkState(client), before);
  },
);

test('a hook is root also when it is not a shell, which would make itself that', NETNS, async t => {
  const { lan, client, keys } = await scene(t);
  const trace = join(lan.directory, 'trace');
  const directory = hooks(client, {});
  const script = `require('node:fs').appendFileSync('${trace}', process.argv[2] + process.geteuid() + process.getegid() + ' ')`;
  writeFileSync(join(directory, 'hook'), `#!${process.execPath}\n${script}\n`, { mode: 0o755 });
  const child = start({ client, keys }, [`--network-hook-dir=${directory}`]);
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  assert.equal(readFileSync(trace, 'utf8'), 'start00 stop00 ');
});

test('a second signal ends a client whose tidying up hangs', NETNS, async t => {
  const { client, keys } = await scene(t, { segments: [1] });
  const hang = 'test "$1" = start || { echo stopping >&2; exec sleep 1000; }';
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const directory = hooks(client, Object.fromEntries(names.map(name => [name, hang])));
  const child = start({ client, keys }, ['--debug', `--network-hook-dir=${directory}`]);
  await child.waitForOutput(/looking for servers on eth0/);
  await child.waitForOutput(/"h" \(start\) is run/);
  child.signal('SIGTERM');
  await child.waitForOutput(/^stopping$/m);
  child.signal('SIGTERM');
  assert.deepEqual(await child.waitForExit(), { code: null, signal: 'SIGTERM' });
  assert.ok((child.stderr.match(/^stopping$/gm)?.length ?? 0) < names.length, 'not when all are ended');
});

test('a process that ends in any other way tidies up too', NETNS, async t => {
  const { lan, client } = await scene(t);
  const before = await networkState(client);
  const trace = join(lan.directory, 'trace');
  const directory = hooks(client, {
    a: `echo "a $1" >>${trace}`,
    b: `echo "b $1" >>${trace}; test "$1" = stop || exec sleep 1000`,
  });
  const printk = kernelLog(client);
  const { code } = await client.run('sh', [
    '-ec',
    'mount --bind "$0" /proc/sys/kernel/printk; exec "$@"',
    printk.file,
    process.execPath,
    CHILD,
    directory,
    trace,
  ]);
  assert.equal(code, 7);
  assert.equal(readFileSync(trace, 'utf8'), 'a start\nb start\nb stop\na stop\n');
  assert.equal(await networkState(client), before);
  assert.match(printk.read(), /^7\b/);
  assert.ok(existsSync(directory));
});

test(
  'hooks that hang when they are stopped keep the password back for one of them at most',
  NETNS,
  async t => {
    const { lan, client, keys } = await scene(t);
    const script = 'if [ "$1" = stop ]; then echo $$ >"$DIR/${0##*/}"; trap "" TERM; exec sleep 1000; fi';
    const directory = hooks(client, { a: script, b: script });
    const child = start({ client, keys }, [`--network-hook-dir=${directory}`], {
      env: { DIR: lan.directory },
    });
    await until(() => child.stdout === PASSWORD);
    const pid = () => {
      const file = join(lan.directory, 'a');
      return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    };
    // The second to be stopped hangs still, or will: it was not waited for.
    await until(() => pid() > 0);
    assert.equal(livingInGroup(pid()).length, 1);
    process.kill(pid(), 'SIGKILL');
    assert.equal((await child.waitForExit()).code, 0, child.tail());
  },
);
