import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hooks, networkState, PASSWORD, scene, start } from '../client-plugin/network/scene.js';
import type { Scene } from '../client-plugin/network/scene.js';
import type { Child } from '../support/child.js';
import { realMandosClientCommand } from '../support/programs.js';
import { requires } from '../support/requires.js';

/** Without the right to set the kernel's log level, which is the machine's own and which it leaves changed. */
const WITHOUT_SYSLOG = ['setpriv', '--bounding-set=-syslog', '--inh-caps=-syslog'];

function startOriginal({ client, keys }: Scene, args: readonly string[]): Child {
  const { env, command } = realMandosClientCommand(keys.keys);
  return client.spawn('env', [...env, ...WITHOUT_SYSLOG, ...command, ...args]);
}

/** One call of a hook: who, and what it can see. Not its argument: the original gives none to a script. */
interface Call {
  readonly name: string;
  readonly mode: string;
  readonly connect: string;
  readonly rest: string;
}

const HOOK = (name: string, trace: string) =>
  `echo "${name}|$MODE|\${CONNECT-unset}|[$DEVICE] $DELAY $VERBOSITY \${MANDOSNETHOOKDIR##*/} $(id -u) $(readlink /proc/self/fd/0) $(ip -brief link show eth0 | grep -c '[<,]UP[,>]')" >>${trace}`;

function calls(trace: string): Call[] {
  const lines = readFileSync(trace, 'utf8').trimEnd().split('\n');
  return lines.map(line => {
    const [name = '', mode = '', connect = '', rest = ''] = line.split('|');
    return { name, mode, connect, rest };
  });
}

test(
  "hooks see what the original's hooks see, and the network is left the same",
  requires('root', 'netns', 'mandos-client', 'setpriv'),
  async t => {
    const it = await scene(t);
    const trace = join(it.lan.directory, 'trace');
    const names = ['b', 'A-hook', 'c.d', '_', '10', '.e'];
    const directory = hooks(
      it.client,
      Object.fromEntries([...names, 'not me~', 'nor+me'].map(name => [name, HOOK(name, trace)])),
    );
    writeFileSync(join(directory, 'not-executable'), `#!/bin/sh\n${HOOK('not-executable', trace)}\n`);
    const before = await networkState(it.client);
    const connect = `${it.server.interfaces[0]?.linkLocal ?? ''}:${it.port}`;
    const args = [
      `--connect=${connect}`,
      '--interface=eth0,none',
      // So long as that interfaces are left to the hooks until all have looked, however slow the machine.
      '--delay=60.25',
      `--network-hook-dir=${directory}`,
    ];
    const seen: Call[][] = [];
    for (const run of [startOriginal, start]) {
      writeFileSync(trace, '');
      const child = run(it, args);
      assert.equal((await child.waitForExit()).code, 0, child.tail());
      assert.equal(child.stdout, PASSWORD);
      assert.equal(await networkState(it.client), before);
      seen.push(calls(trace));
    }
    const [original = [], ours = []] = seen;
    const of = (mode: string, list: readonly Call[]) => list.filter(call => call.mode === mode);
    assert.equal(of('start', ours).length, names.length);
    assert.deepEqual(of('start', ours), of('start', original));
    // Ours stops them in reverse. The original has cut the port from CONNECT by then.
    const stops = of('stop', original).toReversed();
    assert.notEqual(stops[0]?.connect, connect, 'the original is right by now: compare all');
    assert.deepEqual(
      of('stop', ours),
      stops.map(call => ({ ...call, connect })),
    );
    assert.equal(seen.flat().length, 4 * names.length, 'nothing else is run');
  },
);
