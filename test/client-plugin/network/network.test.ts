import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requires } from '../../support/requires.js';
import { kernelLog, networkState, PASSWORD, scene, start } from './scene.js';

const NETNS = requires('root', 'netns');

test('an interface that is down is brought up, used, and taken down again', NETNS, async t => {
  const { client, keys } = await scene(t);
  const before = await networkState(client);
  const printk = kernelLog(client);
  const child = start({ client, keys }, [], { printk: printk.file });
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  assert.equal(child.stdout, PASSWORD);
  assert.match(child.stderr, /^mandos-client: interface eth0 is up$/m);
  assert.equal(child.stderr.match(/interface eth0 is up/g)?.length, 1);
  assert.equal(await networkState(client), before);
  assert.match(printk.read(), /^7\b/);
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`${signal} makes the network what it was, and ends the client`, NETNS, async t => {
    const { client, keys } = await scene(t, { up: false, segments: [1] });
    const before = await networkState(client);
    const printk = kernelLog(client);
    const child = start({ client, keys }, [], { printk: printk.file });
    await child.waitForOutput(/looking for servers on eth0/);
    assert.notEqual(await networkState(client), before);
    assert.match(printk.read(), /^5\b/);
    child.signal(signal);
    // The shell that mounted it has become the client.
    assert.deepEqual(await child.waitForExit(), { code: null, signal });
    assert.equal(child.stdout, '');
    assert.equal(await networkState(client), before);
    assert.match(printk.read(), /^7\b/);
  });
}
