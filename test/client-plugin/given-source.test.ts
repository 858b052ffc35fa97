import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseInterfaceOption, POLL_MS } from '../../client-plugin/network/interfaces.js';
import { givenSource, parseAddress } from '../../client-plugin/server-address.js';
import type { Server } from '../../client-plugin/server-tries.js';
import { createLog } from '../../common/log.js';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import { ethernet } from '../support/interfaces.js';
import { SimulatedClock } from './simulation.js';

/** Follows addresses on a network that the test changes. */
function follow(addresses: string[], option: string[] = []) {
  const clock = new SimulatedClock();
  const state: { servers: readonly Server[]; interfaces: NetworkInterface[] } = {
    servers: [],
    interfaces: [],
  };
  const source = givenSource(addresses.map(parseAddress), {
    choice: { ...parseInterfaceOption(option), direct: true },
    list: () => state.interfaces,
    clock,
    log: createLog({ write: () => {} }, 'debug'),
  });
  source(servers => (state.servers = servers), new AbortController().signal);
  return {
    hosts: () => state.servers.flatMap(({ targets }) => targets.map(({ host }) => host)),
    keys: () => state.servers.map(({ key }) => key),
    network: async (...names: string[]) => {
      state.interfaces = names.map(name => ethernet(name));
      await clock.pass(POLL_MS);
    },
  };
}

test('an address that needs no interface is tried before any is ready', () => {
  assert.deepEqual(follow(['192.0.2.1:1', 'fe80::1%eth7:1']).hosts(), ['192.0.2.1', 'fe80::1%eth7']);
});

test('a link-local address is tried on every interface that is ready, or on those of --interface', async () => {
  const everywhere = follow(['fe80::1:4711']);
  assert.deepEqual(everywhere.hosts(), []);
  await everywhere.network('eth0', 'eth1');
  assert.deepEqual(everywhere.hosts(), ['fe80::1%eth0', 'fe80::1%eth1']);
  const one = follow(['fe80::1:4711'], ['eth1']);
  await one.network('eth0', 'eth1');
  assert.deepEqual(one.hosts(), ['fe80::1%eth1']);
});

test('a change of the network makes a server new, so that it is tried at once', async () => {
  const given = follow(['192.0.2.1:1']);
  const before = given.keys();
  await given.network('eth0');
  assert.deepEqual(given.hosts(), ['192.0.2.1']);
  assert.notDeepEqual(given.keys(), before);
});
