import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../support/namespace.js';

import type { Keys } from '../support/programs.js';
import { makeKeys } from '../support/programs.js';
import type { Program } from './scene.js';
import { ask, connectTo, MEETING, PASSWORD, serve, twoHosts } from './scene.js';

/** Long enough that a loaded machine's checks end in time, short enough to wait for. */
const TIMES = 'interval = PT1S\ntimeout = PT4S\nextended_timeout = PT4S\n';

function section({ section: made }: Keys, checker: string): string {
  return made.replace('checker = :', `checker = ${checker}`) + TIMES;
}

/** Asks once: whether the password came, or the server closed without it. */
async function isServed(client: Host, keys: Keys, connect: readonly string[]): Promise<boolean> {
  const asking = ask('ours', client, keys.keys, connect);
  const outcome = await Promise.race([
    asking.exited.then(() => 'ended'),
    asking.waitForOutput(/closed the connection without sending a password/).then(
      () => 'refused',
      () => 'ended',
    ),
  ]);
  await asking.stop();
  if (outcome === 'ended') assert.equal(asking.stdout, PASSWORD, asking.tail());
  return outcome === 'ended';
}

/** Both servers with the same clients: one that answers, one that never does, one that stops. */
for (const program of ['ours', 'original'] satisfies Program[]) {
  test(
    `server ${program}: a client is served while its checker succeeds, and refused when it has failed for too long`,
    MEETING,
    async t => {
      const { lan, server, client } = await twoHosts(t);
      const alive = join(lan.directory, 'alive');
      writeFileSync(alive, '');
      const [steady, dead, leaving] = [
        await makeKeys(lan.directory, 'steady', PASSWORD),
        await makeKeys(lan.directory, 'dead', PASSWORD),
        await makeKeys(lan.directory, 'leaving', PASSWORD),
      ];
      const config = [
        section(steady, 'true'),
        section(dead, 'false'),
        section(leaving, `test -e ${alive}`),
      ].join('\n');
      const { port } = await serve(program, server, config, { args: ['--no-zeroconf', '--port=4711'] });
      const connect = connectTo(server, port);
      const untilRefused = async (keys: Keys) => {
        // A release gives the extended timeout again: ask less often than that.
        for (let tries = 0; tries < 10; tries++) {
          await sleep(6000);
          if (!(await isServed(client, keys, connect))) return;
        }
        assert.fail('served for ever');
      };
      await untilRefused(dead);
      assert.equal(await isServed(client, steady, connect), true);
      assert.equal(await isServed(client, leaving, connect), true);
      rmSync(alive);
      await untilRefused(leaving);
      assert.equal(await isServed(client, steady, connect), true);
      assert.equal(await isServed(client, dead, connect), false);
    },
  );
}
