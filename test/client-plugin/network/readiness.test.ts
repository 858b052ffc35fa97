import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterfaceChoice } from '../../../client-plugin/network/interfaces.js';
import { describeNotReady } from '../../../client-plugin/network/readiness.js';
import { ethernet } from '../../support/interfaces.js';

const automatic: InterfaceChoice = { names: [], raise: 'all', direct: false };
const named = (...names: string[]) => ({ ...automatic, names });

const unplugged = ethernet('eth1', { running: false, addresses: [] });

test('nothing is said when an interface can be used, and those without a cable were not asked for', () => {
  assert.deepEqual(describeNotReady([ethernet('eth0'), unplugged], automatic), []);
});

test('an interface that was asked for is reported, whatever the others do', () => {
  assert.deepEqual(describeNotReady([ethernet('eth0'), unplugged], named('eth0', 'eth1')), [
    'interface eth1 has no carrier',
  ]);
  assert.deepEqual(describeNotReady([ethernet('eth0')], named('eth0', 'eth7')), [
    'interface eth7 does not exist (yet)',
  ]);
});

test('each reason has its words', () => {
  const down = ethernet('eth2', { up: false, running: false, addresses: [] });
  const bare = ethernet('eth3', { addresses: [] });
  assert.deepEqual(describeNotReady([unplugged, down, bare], automatic), [
    'interface eth1 has no carrier',
    'interface eth2 is down',
    'interface eth3 has no address that can be used yet',
  ]);
  assert.deepEqual(describeNotReady([ethernet('lo', { loopback: true })], automatic), [
    'there is no suitable network interface',
  ]);
});

test('for a server that was given, any interface that runs may do', () => {
  const direct = { ...automatic, direct: true };
  const loopback = ethernet('lo', { loopback: true });
  assert.deepEqual(describeNotReady([loopback], direct), []);
  assert.deepEqual(describeNotReady([{ ...loopback, up: false, running: false }], direct), [
    'there is no suitable network interface',
  ]);
});
